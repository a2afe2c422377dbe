//! `volume-over-code`: a VOLUME at or above a path that the image fills with code.

use std::collections::BTreeSet;

use crate::{
    analysis::{
        DockerfileFacts, Facts,
        commands::How,
        context::{Context, fills_from},
        paths, route,
        source::{self, Brings, brings},
        stages::{CopyFacts, CopyFrom, Step, What},
    },
    diag::{Safety, Sink},
    model::dockerfile::{Dockerfile, Kind, Word, edit},
    text::{Edit, Location, Span},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        let targets: BTreeSet<usize> = facts
            .builders(index)
            .filter_map(|s| s.build.as_ref()?.target)
            .chain(dockerfile.stages.target(None))
            .collect();
        let mut seen = BTreeSet::new();
        for target in targets {
            for (instruction, word, place, fill) in found(facts, dockerfile, target) {
                if seen.insert((instruction, word)) {
                    report(facts, dockerfile, (instruction, word), &place, fill, sink);
                }
            }
        }
    }
}

/// Every path of a VOLUME of the image with the instruction that puts code there: (VOLUME, index of its path, path,
/// instruction).
fn found(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    target: usize,
) -> Vec<(usize, usize, String, usize)> {
    let steps: Vec<&Step> = dockerfile.stages.steps(target).map(|(_, _, step)| step).collect();
    let volumes = steps.iter().filter_map(|step| match &step.what {
        What::Volume(places) => Some((step.instruction, places)),
        _ => None,
    });
    let mut found = Vec::new();
    for (instruction, places) in volumes {
        for (word, place) in places.iter().enumerate() {
            let Some(place) = place.known().filter(|place| *place != "/" && !source::is_data(place)) else {
                continue;
            };
            if let Some(fill) = steps.iter().find(|step| puts_code(facts, dockerfile, step, place)) {
                found.push((instruction, word, place.to_owned(), fill.instruction));
            }
        }
    }
    found
}

fn puts_code(facts: &Facts<'_>, dockerfile: &DockerfileFacts, step: &Step, place: &str) -> bool {
    match &step.what {
        What::Copy(copy) => {
            dockerfile.contexts.iter().any(|context| copies_code(facts, dockerfile, context, copy, place))
        }
        What::Run(run) => run.writes.iter().any(|write| {
            write.how == How::Unpacked
                && paths::below(place, &write.path).is_some_and(|rest| !source::is_data(rest))
        }),
        _ => false,
    }
}

fn copies_code(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    context: &Context,
    copy: &CopyFacts,
    place: &str,
) -> bool {
    if !route::fills(facts, context, &dockerfile.stages, copy, place) {
        return false;
    }
    let at_or_below = copy.dest.known().is_some_and(|dest| paths::below(place, dest).is_some());
    match copy.from {
        CopyFrom::Context if at_or_below => brings(facts.snapshot, context, copy) == Brings::Source,
        // The volume is a part of what is copied: only its own files tell.
        CopyFrom::Context => {
            fills_from(copy, place).iter().any(|from| source::holds_code(facts.snapshot, context, from))
        }
        CopyFrom::Stage(_) => at_or_below,
        CopyFrom::External(_) => false,
    }
}

fn report(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    (instruction, word): (usize, usize),
    place: &str,
    fill: usize,
    sink: &mut Sink<'_>,
) {
    let model = &dockerfile.model;
    let text = &facts.snapshot.file(model.file).text;
    let Kind::Volume(words) = &model.instructions[instruction].kind else { return };
    let Some(path) = words.get(word) else { return };
    let filled = &model.instructions[fill];
    let said = text[filled.span.range()].lines().next().unwrap_or_default().trim_end_matches(['\\', ' ', '\t']);
    sink.report(
        Location::new(model.file, path.span),
        format!(
            "`VOLUME {place}` puts an anonymous volume over what `{said}` puts there: a recreated container gets the old \
             one's files"
        ),
    )
    .label(Location::new(model.file, filled.span), "what a new image brings")
    .help("keep VOLUME to folders of data; until then deploy with `up -V`, or remove the old container first")
    .fix(
        Safety::Unsafe,
        format!("declare no volume at `{place}`"),
        vec![(model.file, without(text, model, instruction, words, word))],
    );
}

/// The instruction without one of its paths; without the last one, nothing is left of it.
fn without(text: &str, model: &Dockerfile, instruction: usize, words: &[Word], word: usize) -> Edit {
    let span = |at: usize| quoted(text, words[at].span);
    match (word, words.len()) {
        (_, 0 | 1) => edit::remove(text, model, instruction),
        (0, _) => Edit::replace(Span::new(span(0).start(), span(1).start()), ""),
        (at, _) => Edit::replace(Span::new(span(at - 1).end(), span(at).end()), ""),
    }
}

/// A word with the quotes around it.
fn quoted(text: &str, span: Span) -> Span {
    let before = text[..span.start()].ends_with('"');
    let after = text[span.end()..].starts_with('"');
    if before && after { Span::new(span.start() - 1, span.end() + 1) } else { span }
}
