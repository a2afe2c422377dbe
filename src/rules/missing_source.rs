//! `missing-source`: a COPY asks for what is not in the build context.

use std::collections::BTreeSet;

use crate::{
    analysis::{
        Facts,
        context::Context,
        lookup::{Builds, Found, Source, best, builds, find, sources},
        paths,
        source::is_artefact,
    },
    diag::Sink,
    text::{Location, Span},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    // Something packs a context of its own: what is missing here may be in it.
    let packed = facts.snapshot.below("").any(|(path, _)| packs(path));
    for index in 0..facts.dockerfiles.len() {
        let mut said = BTreeSet::new();
        match builds(facts, index) {
            Builds::Named(named) => {
                for build in named {
                    let sources = sources(facts, index, build.stages, build.target);
                    for source in sources.iter().filter(|s| !s.glob) {
                        let found = find(facts, build.context, &source.path);
                        report(facts, index, build.context, source, &found, &mut said, sink);
                    }
                }
            }
            Builds::Guessed(contexts) if !packed && !facts.snapshot.is_partial() => {
                guess(facts, index, &contexts, &mut said, sink);
            }
            Builds::Guessed(_) => {}
        }
    }
}

/// Where no service names the context, a source is missing only if it is in none of the folders that may be it, and
/// most of the Dockerfile's other sources are in one of them.
fn guess(
    facts: &Facts<'_>,
    index: usize,
    contexts: &[Context],
    said: &mut BTreeSet<Span>,
    sink: &mut Sink<'_>,
) {
    let all = sources(facts, index, &facts.dockerfiles[index].stages, None);
    let plain: Vec<&Source> = all.iter().filter(|s| !s.glob).collect();
    let Some((context, found)) = best(facts, &all, contexts) else { return };
    if found * 2 < plain.len() {
        return;
    }
    // A name without an ending is a folder or a program: what people fetch or compile before they build.
    for source in plain.into_iter().filter(|s| paths::base_name(&s.path).trim_start_matches('.').contains('.')) {
        let seen: Vec<Found> = contexts.iter().map(|c| find(facts, c, &source.path)).collect();
        if seen.iter().all(|f| matches!(f, Found::Missing | Found::OtherCase(_))) {
            report(facts, index, context, source, &find(facts, context, &source.path), said, sink);
        }
    }
}

fn report(
    facts: &Facts<'_>,
    index: usize,
    context: &Context,
    source: &Source,
    found: &Found,
    said: &mut BTreeSet<Span>,
    sink: &mut Sink<'_>,
) {
    let file = facts.dockerfiles[index].model.file;
    let dir = if context.dir.is_empty() { "." } else { &context.dir };
    let path = &source.path;
    let (message, help) = match found {
        Found::OtherCase(other) => (
            format!("`{path}` is not in the build context `{dir}`, `{other}` is: the build fails where letter case counts"),
            format!("write `{}`", paths::below(&context.dir, other).unwrap_or(other)),
        ),
        // What is built on the way is made before, by something that is not seen here.
        Found::Missing if !is_artefact(path) => (
            format!("`{path}` is not in the build context `{dir}`, and nothing says that it is made: the build of a fresh clone fails"),
            "commit the file, or correct the path; a path starts from the context, not from the Dockerfile".to_owned(),
        ),
        _ => return,
    };
    if said.insert(source.span) {
        sink.report(Location::new(file, source.span), message).help(help);
    }
}

/// Tools that make a context of their own and put what they built into it.
fn packs(path: &str) -> bool {
    let name = paths::base_name(path);
    let stem = name.trim_start_matches('.');
    stem.starts_with("goreleaser.y") || matches!(name, "BUILD.bazel" | "WORKSPACE" | "MODULE.bazel")
}
