//! `missing-cache-bust`: an image is built from application source, and nothing can bust the steps after it.

use crate::{
    analysis::{
        DockerfileFacts, Facts, cache,
        layer::{self, Place},
        names,
    },
    diag::{Safety, Severity, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        look(facts, index, dockerfile, sink);
    }
}

fn look(facts: &Facts<'_>, index: usize, dockerfile: &DockerfileFacts, sink: &mut Sink<'_>) {
    let stages = &dockerfile.stages;
    let busted = stages
        .all
        .iter()
        .enumerate()
        .any(|(s, stage)| cache::bust(facts, index, stages, s, stage.steps.len()).is_some());
    let tries = facts.dockerfiles[index].model.instructions.iter().any(|i| {
        matches!(&i.kind, crate::model::dockerfile::Kind::Arg(pairs) if pairs.iter().any(|p| names::is_bust_name(&p.name.value)))
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
    let places: Vec<Place<'_>> = needed.into_iter().filter_map(|s| layer::place(facts, dockerfile, s)).collect();
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
        Ok(edits) => finding.fix(Safety::Safe, "insert a cache-bust layer above it", edits),
        Err(reason) => finding
            .help(format!("add an ARG above it that every deploy passes anew ({reason})"))
            .fix(Safety::Manual, "add a cache-bust", Vec::new()),
    };
}
