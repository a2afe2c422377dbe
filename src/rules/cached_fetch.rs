//! `cached-fetch`: a RUN fetches something that moves, and nothing in its cache key moves with it.

use crate::{
    analysis::{
        Facts, cache,
        commands::{Effect, Fetch, Moves},
        layer,
        stages::{RunFacts, Step, What},
    },
    diag::{Safety, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        for (stage, resolved) in dockerfile.stages.all.iter().enumerate() {
            for (at, step) in resolved.steps.iter().enumerate() {
                let What::Run(run) = &step.what else { continue };
                let Some((fetch, follows)) = moving(run, &resolved.steps[at + 1..]) else { continue };
                if cache::bust(facts, index, &dockerfile.stages, stage, at).is_none() {
                    report(facts, index, stage, fetch, follows, sink);
                }
            }
        }
    }
}

/// The first fetch of the RUN that moves, unless a commit, a checksum or a later checkout pins it.
fn moving<'a>(run: &'a RunFacts, later: &[Step]) -> Option<(&'a Fetch, &'a str)> {
    if run.effects.iter().any(|e| matches!(e, Effect::Checks)) {
        return None;
    }
    let pins = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Pins { .. }));
    let later_pins = later.iter().any(|step| matches!(&step.what, What::Run(r) if pins(&r.effects)));
    run.effects.iter().enumerate().find_map(|(at, effect)| match effect {
        Effect::Fetch(fetch) => match &fetch.moves {
            Moves::Yes(_) if fetch.is_clone && (pins(&run.effects[at..]) || later_pins) => None,
            Moves::Yes(follows) => Some((fetch, follows.as_str())),
            _ => None,
        },
        _ => None,
    })
}

fn report(
    facts: &Facts<'_>,
    index: usize,
    stage: usize,
    fetch: &Fetch,
    follows: &str,
    sink: &mut Sink<'_>,
) {
    let dockerfile = &facts.dockerfiles[index];
    let what = &fetch.what;
    let finding = sink.report(
        Location::new(dockerfile.model.file, fetch.span),
        format!("`{what}` follows {follows}, but the cache key is this text: a rebuild keeps what was fetched first"),
    );
    let place = layer::above(facts, dockerfile, stage).map(|before| (stage, before));
    match layer::insert(facts, index, &dockerfile.stages, place.as_slice()) {
        Ok(edits) => finding
            .help("pin a version or commit in the command, or put a cache-bust above it")
            .fix(Safety::Safe, "insert a cache-bust layer above it", edits),
        Err(reason) => finding
            .help(format!("pin a version or commit in the command ({reason})"))
            .fix(Safety::Manual, "pin a version or commit", Vec::new()),
    };
}
