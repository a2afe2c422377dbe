//! What `unstale init` writes for pre-commit, GitHub and GitLab.

/// The files that the hook takes: those of `.pre-commit-hooks.yaml` (a test compares them).
pub(super) const FILES: &str = r"(?i)(^|/)((dockerfile|containerfile)([._-][^/]*)?|[^/]*\.(dockerfile|containerfile)|([^/]*\.)?(docker-compose|docker_compose|compose|podman-compose)([._-][^/]*)?\.ya?ml|[^/]*\.(dockerignore|containerignore)|unstale\.toml|[^/]*\.(sh|bash|mk)|(gnu)?makefile|(re)?deploy|update|upgrade|release|\.gitlab-ci\.([^/]*\.)?ya?ml|\.github/workflows/[^/]*\.ya?ml)$";

/// Those among them that are about Dockerfiles.
pub(super) const EXCLUDE: &str = r"(?i)(^|/)(dockerfile|containerfile)([._-][^/]*)?\.(md|txt|rst|html|js|ts|py|go|rs|rb|json|ya?ml|j2|tmpl|tpl|erb|template|sh|svg|png)$";

/// The entry of `.pre-commit-config.yaml`, below `repos:`.
pub(super) fn hook() -> String {
    format!(
        "  # Runs the `unstale` that is on the PATH, before each commit.
  - repo: local
    hooks:
      - id: unstale
        name: unstale
        entry: unstale check
        language: system
        types: [file]
        files: '{FILES}'
        exclude: '{EXCLUDE}'
        # It reads the files beside those that it is given: one process for all is faster than several.
        require_serial: true
"
    )
}

/// A `.pre-commit-config.yaml`.
pub(super) fn pre_commit() -> String {
    format!("repos:\n{}", hook())
}

/// A workflow of GitHub.
pub(super) fn workflow() -> String {
    format!(
        "name: unstale

on:
  push:
  pull_request:

permissions:
  contents: read

jobs:
  unstale:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          persist-credentials: false
      # `unstale` {version} has to be on the PATH here: of a runner of your own, or by a step above this one.
      - run: unstale check --format github
",
        version = env!("CARGO_PKG_VERSION")
    )
}

/// The job of a `.gitlab-ci.yml`.
pub(super) fn job() -> String {
    format!(
        "unstale:
  # `unstale` {version} has to be on the PATH here: of the runner, or of the image that the job names.
  script:
    - unstale check --format gitlab > gl-code-quality-report.json
  artifacts:
    when: always
    reports:
      codequality: gl-code-quality-report.json
",
        version = env!("CARGO_PKG_VERSION")
    )
}
