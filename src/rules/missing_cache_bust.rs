//! `missing-cache-bust`: an image is built from application source, and nothing can bust the steps after it.

use std::collections::BTreeSet;

use crate::{
    analysis::{
        DockerfileFacts, Facts, cache,
        layer::{self, Place},
        names,
    },
    diag::{Safety, Severity, Sink},
    model::dockerfile::Kind,
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        look(facts, index, dockerfile, sink);
    }
}

fn look(facts: &Facts<'_>, index: usize, dockerfile: &DockerfileFacts, sink: &mut Sink<'_>) {
    let stages = &dockerfile.stages;
    // A bust that no stage sees is `inert-cache-bust`'s to report and to repair.
    let in_vain = || declared(dockerfile, dockerfile.model.instructions.len()).any(|at| {
        !dockerfile.model.stages.iter().any(|stage| stage.body.contains(&at))
    });
    if in_vain() {
        return;
    }
    let places = places(facts, index, dockerfile, &layer::needed(facts, index));
    // The layer that `cached-fetch` proposes serves the source, too.
    if places.iter().any(|place| place.follows) {
        return;
    }
    let Some(first) = places.iter().find(|p| p.data.is_some()).or(places.first()) else { return };
    let copy = &dockerfile.model.instructions[first.copy];
    let file = dockerfile.model.file;
    let said = facts.snapshot.file(file).text[copy.span.range()].lines().next().unwrap_or_default();
    let message = match first.data {
        Some(fetch) => format!(
            "nothing above `{said}` can bust the fetch of `{}` below: while the sources stay the same, so does what was \
             fetched first",
            fetch.what
        ),
        None => format!(
            "nothing above `{said}` can bust the steps after it: what they read from outside their cache key stays"
        ),
    };
    let severity = if first.data.is_some() { Severity::Warning } else { Severity::Info };
    let mut finding = sink.report(Location::new(file, copy.span), message).at_most(severity);
    if let Some(fetch) = first.data {
        finding = finding.label(Location::new(file, fetch.span), "its cache key is its text, not what the server has");
    }
    let at: Vec<(usize, usize)> = places.iter().map(|p| (p.stage, p.before)).collect();
    match layer::insert(facts, index, stages, &at) {
        Ok(edits) => finding.change(Safety::Safe, "insert a cache-bust layer above it", edits),
        Err(reason) => finding
            .help(format!("add an ARG above it that every deploy passes anew ({reason})"))
            .fix(Safety::Manual, "add a cache-bust", Vec::new()),
    };
}

/// The places in all stages that the image needs and that nothing busts yet. A layer in a stage serves those that start
/// from it.
fn places<'a>(
    facts: &Facts<'_>,
    index: usize,
    dockerfile: &'a DockerfileFacts,
    needed: &BTreeSet<usize>,
) -> Vec<Place<'a>> {
    let stages = &dockerfile.stages;
    let served = |stage: usize| {
        let body = &dockerfile.model.stages[stage].body;
        declared(dockerfile, body.end).any(|at| body.contains(&at))
            || cache::bust(facts, index, stages, stage, stages.all[stage].steps.len()).is_some()
    };
    let open: Vec<usize> = needed.iter().copied().filter(|&stage| !served(stage)).collect();
    let mut places: Vec<Place<'a>> = Vec::new();
    for &stage in &open {
        let chain = stages.chain(stage);
        if !places.iter().any(|place| chain.contains(&place.stage)) {
            let starts_from = |&heir: &usize| heir != stage && stages.chain(heir).contains(&stage);
            let heirs: Vec<usize> = open.iter().copied().filter(starts_from).collect();
            places.extend(layer::place(facts, dockerfile, stage, &heirs));
        }
    }
    places
}

/// The instructions before `end` that declare an argument which is called a bust.
fn declared(dockerfile: &DockerfileFacts, end: usize) -> impl Iterator<Item = usize> {
    let is_bust = |kind: &Kind| {
        matches!(kind, Kind::Arg(pairs) if pairs.iter().any(|p| names::is_bust_name(&p.name.value)))
    };
    let all = dockerfile.model.instructions[..end].iter().enumerate();
    all.filter(move |(_, i)| is_bust(&i.kind)).map(|(at, _)| at)
}
