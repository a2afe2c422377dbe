//! A plan as a person reads it: the commands to paste, and why.

use std::fmt::Write as _;

use super::{
    Plan,
    desired::Cache,
    step::{Phase, Step, When},
};
use crate::protocol::{
    names::Sha,
    quote::{quote, visible},
    target::Target,
};

/// The command line of a step. A server step is run through `ssh`, or from its folder.
pub fn command(step: &Step, target: &Target, commit: Option<&Sha>) -> String {
    target.line(step.place(), step.argv(), commit, quote)
}

/// What a phase is called.
pub(in crate::protocol) fn title(phase: Phase, cache: Cache) -> &'static str {
    match phase {
        Phase::Push => "commit and push",
        Phase::Remove => "remove the old container",
        Phase::Pull => "pull",
        Phase::Source => "verify git on the server",
        Phase::Build if cache == Cache::Verified => "prune the snapshots of the context and build",
        Phase::Build => "prune the build cache and build without it",
        Phase::Up => "start",
        Phase::Verify => "verify inside the running container",
    }
}

/// The plan for a person: per step its number, its place, its cause and its command.
pub fn dry_run(plan: &Plan, target: &Target) -> String {
    let mut text = String::new();
    let (mut last, mut number) = (None, 0);
    for step in &plan.steps {
        let heading = match step.when() {
            When::IfStale => "only if that is stale: without cache",
            When::IfVerified => "only if that is verified: remove images that were kept long enough",
            When::Always => title(step.phase(), plan.cache()),
        };
        if last.replace(heading) != Some(heading) {
            number += 1;
            writeln!(text, "{number}. {heading}").expect("a String takes everything");
        }
        let line = command(step, target, plan.commit.as_ref());
        writeln!(text, "   # {}: {}\n   {line}", step.id(), visible(step.cause()))
            .expect("a String takes everything");
        if let Some(undo) = step.undo_of() {
            writeln!(text, "   ## undone if this step or a later one fails: {}", visible(&undo.cause))
                .expect("a String takes everything");
            for argv in &undo.argvs {
                let line = target.line(step.place(), argv, plan.commit.as_ref(), quote);
                writeln!(text, "   ## {line}").expect("a String takes everything");
            }
        }
    }
    if plan.steps.iter().any(Step::removes) {
        let words = match plan.downtime_ms {
            Some(ms) => format!("about {}.{} s, by the steps of earlier deploys", ms / 1000, ms / 100 % 10),
            None => "not known before the first deploy".to_owned(),
        };
        writeln!(text, "expected downtime: {words}").expect("a String takes everything");
    }
    if plan.keeps_sick {
        let words = "a new container that is sick is kept, and nothing is undone for it (`--no-rollback`)";
        writeln!(text, "{words}").expect("a String takes everything");
    }
    text
}
