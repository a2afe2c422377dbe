//! `cached-fetch`: a RUN fetches something that moves, and nothing in its cache key moves with it.

use std::cell::OnceCell;

use crate::{
    analysis::{
        Facts, cache,
        commands::{Effect, Fetch, Moves},
        layer,
        stages::{RunFacts, What},
    },
    diag::{Safety, Sink},
    text::{Edit, FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        for (stage, resolved) in dockerfile.stages.all.iter().enumerate() {
            let last_pin = resolved.steps.iter().rposition(|s| matches!(&s.what, What::Run(r) if pins(&r.effects)));
            // Every finding of a stage proposes the same layer.
            let fix = OnceCell::new();
            for (at, step) in resolved.steps.iter().enumerate() {
                let What::Run(run) = &step.what else { continue };
                let Some((fetch, follows)) = moving(run, last_pin.is_some_and(|pin| pin > at)) else { continue };
                if cache::bust(facts, index, &dockerfile.stages, stage, at).is_none() {
                    let edits = fix.get_or_init(|| edits(facts, index, stage));
                    report(facts, index, fetch, follows, edits, sink);
                }
            }
        }
    }
}

/// The first fetch of the RUN that moves, unless a commit, a checksum or a later checkout pins it.
fn moving(run: &RunFacts, later_pins: bool) -> Option<(&Fetch, &str)> {
    if run.effects.iter().any(|e| matches!(e, Effect::Checks)) {
        return None;
    }
    let last_pin = run.effects.iter().rposition(|e| matches!(e, Effect::Pins { .. }));
    let pinned = |at: usize| later_pins || last_pin.is_some_and(|pin| pin > at);
    run.effects.iter().enumerate().find_map(|(at, effect)| match effect {
        Effect::Fetch(fetch) => match &fetch.moves {
            Moves::Yes(_) if fetch.is_clone && pinned(at) => None,
            Moves::Yes(follows) => Some((fetch, follows.as_str())),
            _ => None,
        },
        _ => None,
    })
}

fn pins(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Pins { .. }))
}

type Edits = Result<Vec<(FileId, Edit)>, layer::Reason>;

fn edits(facts: &Facts<'_>, index: usize, stage: usize) -> Edits {
    let dockerfile = &facts.dockerfiles[index];
    let place = layer::above(facts, dockerfile, stage).map(|before| (stage, before));
    layer::insert(facts, index, &dockerfile.stages, place.as_slice())
}

fn report(
    facts: &Facts<'_>,
    index: usize,
    fetch: &Fetch,
    follows: &str,
    edits: &Edits,
    sink: &mut Sink<'_>,
) {
    let dockerfile = &facts.dockerfiles[index];
    let what = &fetch.what;
    let finding = sink.report(
        Location::new(dockerfile.model.file, fetch.span),
        format!("`{what}` follows {follows}, but the cache key is this text: a rebuild keeps what was fetched first"),
    );
    match edits {
        Ok(edits) => finding
            .help("pin a version or commit in the command, or put a cache-bust above it")
            .fix(Safety::Safe, "insert a cache-bust layer above it", edits.clone()),
        Err(reason) => finding
            .help(format!("pin a version or commit in the command ({reason})"))
            .fix(Safety::Manual, "pin a version or commit", Vec::new()),
    };
}
