//! Which file is what, by its name.

/// The kinds of files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A Dockerfile or Containerfile.
    Dockerfile,
    /// A compose file.
    Compose,
    /// A `.dockerignore`, or the `X.dockerignore` of one Dockerfile.
    Dockerignore,
    /// A `.gitignore`, or git's own list beside it.
    Gitignore,
    /// A `.env`, from which Compose takes values.
    Dotenv,
    /// A package manager's manifest whose content decides what an install needs.
    Manifest,
    /// `unstale.toml`: how the others are to be checked.
    Config,
    /// A shell script.
    Shell,
    /// A Makefile.
    Make,
    /// A workflow of GitHub.
    GitHub,
    /// A pipeline of GitLab.
    GitLab,
}

impl FileKind {
    /// The kind of a path; `None` for everything that is not read.
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let lower = name.to_ascii_lowercase();
        if lower.ends_with(".dockerignore") || lower.ends_with(".containerignore") {
            return Some(Self::Dockerignore);
        }
        if lower == ".gitignore" || path == ".git/info/exclude" {
            return Some(Self::Gitignore);
        }
        if lower == ".env" {
            return Some(Self::Dotenv);
        }
        if is_dockerfile(&lower) {
            return Some(Self::Dockerfile);
        }
        if is_compose(&lower) {
            return Some(Self::Compose);
        }
        if name == "unstale.toml" {
            return Some(Self::Config);
        }
        if is_manifest(path, &lower) {
            return Some(Self::Manifest);
        }
        script(path, &lower)
    }

    /// Whether it is a script: read only if its text names docker.
    pub fn is_script(self) -> bool {
        matches!(self, Self::Shell | Self::Make | Self::GitHub | Self::GitLab)
    }
}

fn is_dockerfile(name: &str) -> bool {
    ["dockerfile", "containerfile"].iter().any(|stem| {
        name == *stem
            || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(['.', '-', '_']) && !is_text(rest))
            || name.strip_suffix(stem).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// `Dockerfile.md`, `dockerfile-lint.js`: about Dockerfiles, not one.
fn is_text(rest: &str) -> bool {
    [
        ".md",
        ".txt",
        ".rst",
        ".html",
        ".js",
        ".ts",
        ".py",
        ".go",
        ".rs",
        ".rb",
        ".json",
        ".yml",
        ".yaml",
        ".j2",
        ".tmpl",
        ".tpl",
        ".erb",
        ".template",
        ".sh",
        ".svg",
        ".png",
    ]
    .iter()
    .any(|ending| rest.ends_with(ending))
}

fn is_compose(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")) else { return false };
    ["docker-compose", "docker_compose", "compose", "podman-compose"].iter().any(|c| {
        stem == *c
            || stem.strip_prefix(c).is_some_and(|rest| rest.starts_with(['.', '-', '_']))
            || stem.strip_suffix(c).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// Scripts: by their ending, and without one by names that say what they are for.
fn script(path: &str, name: &str) -> Option<FileKind> {
    let ends = |ending: &str| name.strip_suffix(ending).is_some();
    if ends(".sh")
        || ends(".bash")
        || matches!(name, "deploy" | "redeploy" | "update" | "upgrade" | "release")
    {
        return Some(FileKind::Shell);
    }
    if matches!(name, "makefile" | "gnumakefile") || ends(".mk") {
        return Some(FileKind::Make);
    }
    if !(ends(".yml") || ends(".yaml")) {
        return None;
    }
    let mut folders = path.rsplit('/').skip(1);
    if name.strip_prefix(".gitlab-ci").is_some_and(|rest| rest.starts_with('.')) {
        return Some(FileKind::GitLab);
    }
    (folders.next() == Some("workflows") && folders.next() == Some(".github")).then_some(FileKind::GitHub)
}

/// Manifests of package managers, and the files beside them that say what else is read.
fn is_manifest(path: &str, name: &str) -> bool {
    const NAMES: [&str; 20] = [
        ".yarnrc",
        "build.gradle",
        "build.gradle.kts",
        "cargo.toml",
        "composer.json",
        "directory.build.props",
        "directory.build.targets",
        "directory.packages.props",
        "gemfile",
        "gems.rb",
        "go.mod",
        "mix.exs",
        "nuget.config",
        "package.json",
        "pipfile",
        "pnpm-workspace.yaml",
        "pom.xml",
        "pyproject.toml",
        "settings.gradle",
        "settings.gradle.kts",
    ];
    let ends = |ending: &str| name.strip_suffix(ending);
    let list = ends(".txt").or_else(|| ends(".in"));
    NAMES.contains(&name)
        || list.is_some_and(|stem| stem.contains("requirements") || stem.contains("constraints"))
        // `requirements/base.txt`
        || list.is_some() && path.rsplit('/').nth(1).is_some_and(|folder| folder == "requirements")
        || [".csproj", ".fsproj", ".vbproj", ".sln", ".slnx"].iter().any(|ending| ends(ending).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide() {
        for (path, kind) in [
            ("Dockerfile", Some(FileKind::Dockerfile)),
            ("web/Dockerfile.prod", Some(FileKind::Dockerfile)),
            ("web.Dockerfile", Some(FileKind::Dockerfile)),
            ("Containerfile", Some(FileKind::Dockerfile)),
            ("Dockerfile.md", None),
            ("Dockerfile.dockerignore", Some(FileKind::Dockerignore)),
            (".dockerignore", Some(FileKind::Dockerignore)),
            ("compose.yaml", Some(FileKind::Compose)),
            ("docker-compose.override.yml", Some(FileKind::Compose)),
            ("prod.compose.yaml", Some(FileKind::Compose)),
            ("composer.yml", None),
            (".env", Some(FileKind::Dotenv)),
            ("web/.gitignore", Some(FileKind::Gitignore)),
            (".git/info/exclude", Some(FileKind::Gitignore)),
            ("package.json", Some(FileKind::Manifest)),
            ("requirements/base.txt", Some(FileKind::Manifest)),
            ("requirements/notes.md", None),
            ("src/App/App.csproj", Some(FileKind::Manifest)),
            ("notes.txt", None),
            ("src/main.rs", None),
            ("bin/deploy.sh", Some(FileKind::Shell)),
            ("bin/deploy", Some(FileKind::Shell)),
            ("bin/serve", None),
            ("Makefile", Some(FileKind::Make)),
            ("make/docker.mk", Some(FileKind::Make)),
            (".github/workflows/ci.yaml", Some(FileKind::GitHub)),
            (".github/dependabot.yml", None),
            (".gitlab-ci.yml", Some(FileKind::GitLab)),
        ] {
            assert_eq!(FileKind::of(path), kind, "{path}");
        }
    }
}
