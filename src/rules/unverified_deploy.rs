//! `unverified-deploy`: a script builds and starts a service, and never looks at what runs.

use crate::{
    analysis::{
        Facts,
        deploys::{self, Role},
    },
    diag::{Safety, Sink},
    model::script::{Script, Step, Unit},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for script in facts.scripts.iter().filter(|script| deploys::deploys(script)) {
        let Some((built, started)) = starts_what_it_builds(facts, script) else { continue };
        let looks = |step: &Step| deploys::role(step) == Role::Looks;
        let after = script.steps[built + 1..].iter().any(looks);
        if after || (is_job(script) && another_job_looks(facts, script)) {
            continue;
        }
        let step = &script.steps[started];
        sink.report(
            Location::new(script.file, step.span),
            "nothing looks at what runs after this: the old code can go on running, and the deploy reports success",
        )
        .help(
            "compare the bytes in the container with git (`unstale verify SERVICE`), or ask the service for its version, \
             and stop if it is the old one",
        )
        .fix(Safety::Manual, "look into the container", Vec::new());
    }
}

/// The last build, or what should have been one, and the last start after it.
fn starts_what_it_builds(facts: &Facts<'_>, script: &Script) -> Option<(usize, usize)> {
    let starts = |at: &usize| {
        let step = &script.steps[*at];
        matches!(deploys::role(step), Role::Starts | Role::Restarts) && !step.asked
    };
    let started = (0..script.steps.len()).rev().find(starts)?;
    let builds = |at: &usize| {
        let step = &script.steps[*at];
        deploys::builds(step)
            && (*at == started || script.follows(*at, started))
            && !deploys::builds_nothing(facts, script, step)
    };
    let built = (0..=started).rev().find(builds);
    let built = built.or_else(|| deploys::unbuilt(facts, script, started).map(|_| started));
    Some((built?, started))
}

fn is_job(script: &Script) -> bool {
    matches!(script.unit, Unit::GitHub { .. } | Unit::GitLab { .. })
}

fn another_job_looks(facts: &Facts<'_>, script: &Script) -> bool {
    let others = facts.scripts.iter().filter(|other| other.file == script.file && other.name != script.name);
    others.flat_map(|other| &other.steps).any(|step| deploys::role(step) == Role::Looks)
}
