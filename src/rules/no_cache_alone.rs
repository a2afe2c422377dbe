//! `no-cache-alone`: `--no-cache` under BuildKit, with no prune before it and no look after it.

use crate::{
    analysis::{
        Facts,
        deploys::{self, Role},
    },
    diag::{Safety, Sink},
    model::script::{Action, Script, Step, edit},
    text::Location,
};

/// What makes BuildKit look at the context again, and keeps every layer.
const PRUNE: &str = "docker builder prune --force --filter type=source.local";

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for script in facts.scripts.iter().filter(|script| deploys::deploys(script)) {
        for at in 0..script.steps.len() {
            look(facts, script, at, sink);
        }
    }
}

fn look(facts: &Facts<'_>, script: &Script, at: usize, sink: &mut Sink<'_>) -> Option<()> {
    let step = &script.steps[at];
    if !without_cache(step) || step.buildkit == Some(false) {
        return None;
    }
    let role = |range: std::ops::Range<usize>, role: Role| {
        script.steps[range].iter().any(|s| deploys::role(s) == role && deploys::same_place(s, step))
    };
    let all = script.steps.len();
    if role(0..at, Role::Prunes) || script.steps[at..].iter().any(|s| deploys::role(s) == Role::Looks) {
        return None;
    }
    (at + 1..all).find(|later| {
        matches!(deploys::role(&script.steps[*later]), Role::Starts | Role::Restarts) && script.follows(at, *later)
    })?;
    let text = &facts.snapshot.file(script.file).text;
    sink.report(
        Location::new(script.file, step.span),
        "`--no-cache` runs every step again on the files that BuildKit kept: one whose size and time did not change stays old",
    )
    .help(format!("the kept copy of the context is no layer; `{PRUNE}` ends it, and then the cache of the layers may stay"))
    .fix(
        Safety::Unsafe,
        "prune the kept context before the build",
        edit::before(text, step, PRUNE).into_iter().map(|e| (script.file, e)).collect(),
    );
    Some(())
}

/// `docker-compose` may be the first generation, which builds without BuildKit.
fn without_cache(step: &Step) -> bool {
    match &step.action {
        Action::Compose(c) => {
            c.verb == "build" && c.has(&["--no-cache"]) && !c.has(&["--builder"]) && (!c.standalone || step.buildkit == Some(true))
        }
        Action::Docker(d) => deploys::builds(step) && d.has(&["--no-cache"]) && !d.has(&["--builder"]),
        _ => false,
    }
}
