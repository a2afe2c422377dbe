//! `cached-fetch`: a RUN fetches something that moves, and nothing in its cache key moves with it.

use std::cell::OnceCell;

use crate::{
    analysis::{
        Facts, cache,
        commands::{Fetch, Moves},
        layer,
    },
    diag::{Safety, Sink},
    text::{Changes, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        for (stage, resolved) in dockerfile.stages.all.iter().enumerate() {
            // Every finding of a stage proposes the same layer.
            let fix = OnceCell::new();
            let mut seen = None;
            for (at, fetch) in cache::unpinned(&resolved.steps) {
                let Moves::Yes(follows) = &fetch.moves else { continue };
                // One layer above the RUN is for all of its fetches.
                if seen.replace(at) != Some(at) && cache::bust(facts, index, &dockerfile.stages, stage, at).is_none() {
                    let edits = fix.get_or_init(|| edits(facts, index, stage));
                    report(facts, index, fetch, follows, edits, sink);
                }
            }
        }
    }
}

type Edits = Result<Changes, layer::Reason>;

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
            .change(Safety::Safe, "insert a cache-bust layer above it", edits.clone()),
        Err(reason) => finding
            .help(format!("pin a version or commit in the command ({reason})"))
            .fix(Safety::Manual, "pin a version or commit", Vec::new()),
    };
}
