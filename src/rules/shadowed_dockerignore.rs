//! `shadowed-dockerignore`: the `.dockerignore` of a context is read by no build that uses BuildKit.

use crate::{
    analysis::{
        Facts,
        lookup::{Builds, builds},
        paths,
    },
    diag::{Safety, Sink},
    model::kind::FileKind,
    syntax::dockerignore::Patterns,
    text::{FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let files = facts.snapshot.files().filter(|(_, file)| FileKind::of(&file.path) == Some(FileKind::Dockerignore));
    let plain: Vec<(FileId, &str)> = files
        .filter(|(_, file)| paths::base_name(&file.path) == ".dockerignore")
        .map(|(id, file)| (id, paths::parent(&file.path)))
        .collect();
    if plain.is_empty() {
        return;
    }
    let readers: Vec<(String, FileId)> = (0..facts.dockerfiles.len()).flat_map(|index| readers(facts, index)).collect();
    for (file, dir) in plain {
        let mut here = readers.iter().filter(|(context, _)| context == dir).map(|(_, ignore)| *ignore).peekable();
        let Some(&winner) = here.peek() else { continue };
        if here.any(|ignore| ignore == file) || same(facts, file, winner) {
            continue;
        }
        let patterns = &facts.ignores.patterns(file);
        let Some(first) = patterns.and_then(|p| p.iter().next()) else { continue };
        let winner_path = &facts.snapshot.file(winner).path;
        let draft = sink.report(
            Location::new(file, first.span),
            format!("these patterns keep nothing out: BuildKit reads `{winner_path}` instead of this file"),
        );
        let draft = match facts.ignores.patterns(winner).and_then(|p| p.iter().next()) {
            Some(other) => draft.label(Location::new(winner, other.span), "what counts"),
            None => draft,
        };
        draft.fix(Safety::Manual, format!("move what should hold to `{winner_path}` and remove this file"), Vec::new());
    }
}

/// The contexts of a Dockerfile, and the ignore file that counts in each.
fn readers(facts: &Facts<'_>, index: usize) -> Vec<(String, FileId)> {
    let read = |context: &crate::analysis::context::Context| {
        Some((context.dir.clone(), context.ignore.as_ref()?.file))
    };
    match builds(facts, index) {
        Builds::Named(named) => named.iter().filter_map(|build| read(build.context)).collect(),
        Builds::Guessed(contexts) => contexts.iter().filter_map(read).collect(),
    }
}

/// Whether both files say the same.
fn same(facts: &Facts<'_>, one: FileId, other: FileId) -> bool {
    let lines = |file| {
        let patterns = facts.ignores.patterns(file).into_iter().flat_map(Patterns::iter);
        patterns.map(|p| (p.effect, p.text.clone())).collect::<Vec<_>>()
    };
    lines(one) == lines(other)
}
