//! `missing-cache-bust`: an image is built from application source, and nothing can bust the steps after it.

use crate::{
    analysis::{
        DockerfileFacts, Facts, cache,
        commands::{Effect, Moves},
        layer,
        source::{Brings, brings},
        stages::{Shell, Stage, What},
    },
    diag::{Safety, Severity, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        look(facts, index, dockerfile, sink);
    }
}

/// A stage whose RUNs work on application source.
struct Place {
    stage: usize,
    /// The instruction that the bust belongs above.
    before: usize,
    /// The COPY that brings the source.
    copy: usize,
    /// Whether a later RUN fetches something that is not known to be pinned.
    fetches: bool,
}

fn look(facts: &Facts<'_>, index: usize, dockerfile: &DockerfileFacts, sink: &mut Sink<'_>) {
    let stages = &dockerfile.stages;
    let busted = stages
        .all
        .iter()
        .enumerate()
        .any(|(s, stage)| cache::bust(facts, index, stages, s, stage.steps.len()).is_some());
    let tries = facts.dockerfiles[index].model.instructions.iter().any(|i| {
        matches!(&i.kind, crate::model::dockerfile::Kind::Arg(pairs) if pairs.iter().any(|p| cache::is_bust_name(&p.name.value)))
    });
    // A bust that does not work is `inert-cache-bust`'s to report.
    if busted || tries {
        return;
    }
    let needed: std::collections::BTreeSet<usize> = facts
        .builders(index)
        .filter_map(|s| s.build.as_ref()?.target)
        .chain(stages.target(None))
        .flat_map(|target| stages.needed(target))
        .collect();
    let places: Vec<Place> =
        needed.into_iter().filter_map(|s| place(facts, dockerfile, s, &stages.all[s])).collect();
    let Some(first) = places.first() else { return };
    let copy = &dockerfile.model.instructions[first.copy];
    let said = facts.snapshot.file(dockerfile.model.file).text[copy.span.range()].lines().next().unwrap_or_default();
    let severity = if places.iter().any(|p| p.fetches) { Severity::Warning } else { Severity::Info };
    let finding = sink
        .report(
            Location::new(dockerfile.model.file, copy.span),
            format!("nothing above `{said}` can bust the steps after it: what they read from outside their cache key stays"),
        )
        .at_most(severity);
    let at: Vec<(usize, usize)> = places.iter().map(|p| (p.stage, p.before)).collect();
    match layer::insert(facts, index, stages, &at) {
        Ok(edits) => finding.fix(Safety::Safe, "insert a cache-bust layer above it", edits),
        Err(reason) => finding
            .help(format!("add an ARG above it that every deploy passes anew ({reason})"))
            .fix(Safety::Manual, "add a cache-bust", Vec::new()),
    };
}

fn place(facts: &Facts<'_>, dockerfile: &DockerfileFacts, index: usize, stage: &Stage) -> Option<Place> {
    // Without a shell there is no RUN, and a COPY is keyed by what it copies: nothing can go stale by the cache.
    if matches!(stage.shell, Shell::Absent | Shell::Windows) {
        return None;
    }
    let source = stage.steps.iter().position(|step| match &step.what {
        What::Copy(copy) => {
            dockerfile.contexts.iter().any(|context| brings(facts.snapshot, context, copy) == Brings::Source)
        }
        _ => false,
    })?;
    let runs_after = stage.steps[source..].iter().filter_map(|step| match &step.what {
        What::Run(run) => Some(run),
        _ => None,
    });
    let (mut any, mut fetches) = (false, false);
    for run in runs_after {
        any |= run.effects.iter().any(|e| !matches!(e, Effect::Nothing | Effect::PrintsClock { .. }));
        fetches |= run.effects.iter().any(|e| matches!(e, Effect::Fetch(f) if f.moves != Moves::No));
    }
    let fetch = stage.steps[..source].iter().position(|step| match &step.what {
        What::Run(run) => run.effects.iter().any(|e| matches!(e, Effect::Fetch(f) if matches!(f.moves, Moves::Yes(_)))),
        _ => false,
    });
    let before = stage.steps[fetch.unwrap_or(source)].instruction;
    any.then_some(Place { stage: index, before, copy: stage.steps[source].instruction, fetches })
}
