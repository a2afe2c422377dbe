//! `pruned-nothing`: `builder prune` empties another cache than the one that builds.

use crate::{
    analysis::{
        Facts,
        deploys::{self, Role},
    },
    diag::{Safety, Sink},
    model::script::{Action, Docker, Script, Step},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for script in &facts.scripts {
        for step in &script.steps {
            look(script, step, sink);
        }
    }
}

fn look(script: &Script, step: &Step, sink: &mut Sink<'_>) -> Option<()> {
    let prune = step.docker().filter(|d| matches!(d.verb.as_str(), "builder prune" | "buildx prune") && !d.open)?;
    let mut builds = script.steps.iter().filter(|s| deploys::builds(s) && deploys::same_place(s, step)).peekable();
    let first = *builds.peek()?;
    // What else empties the cache of the classic builder.
    let others = |s: &Step| matches!(&s.action, Action::Docker(d) if matches!(d.verb.as_str(), "system prune" | "image prune" | "rmi" | "image rm"));
    if script.steps.iter().any(others) || script.steps.iter().any(|s| deploys::role(s) == Role::Nothing && chooses(s)) {
        return None;
    }
    let why = reason(first, prune)?;
    if !builds.all(|build| reason(build, prune) == Some(why)) {
        return None;
    }
    sink.report(
        Location::new(script.file, step.span),
        format!("`{}` empties another cache than the build uses: {why}", prune.verb),
    )
    .label(Location::new(script.file, first.span), "the build")
    .help("build with BuildKit (`docker compose build`), or `docker image prune --force` for the classic builder")
    .fix(Safety::Manual, "prune the builder that builds", Vec::new());
    Some(())
}

/// Why the build keeps its cache elsewhere.
fn reason(build: &Step, prune: &Docker) -> Option<&'static str> {
    if build.buildkit == Some(false) {
        return Some("the classic builder keeps its cache in images");
    }
    match &build.action {
        Action::Compose(c) if c.standalone && build.buildkit.is_none() => {
            Some("docker-compose v1 builds with the classic builder, which keeps its cache in images")
        }
        Action::Docker(d) if d.has(&["--builder"]) && !prune.has(&["--builder"]) => {
            Some("the build names a builder of its own")
        }
        _ => None,
    }
}

/// `docker buildx create --use`, `docker buildx use`: then nothing here says which builder it is.
fn chooses(step: &Step) -> bool {
    step.docker().is_some_and(|d| matches!(d.verb.as_str(), "buildx use" | "buildx create"))
}
