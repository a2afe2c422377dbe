//! `ignored-source`: a COPY asks for what the ignore file keeps out of the build.

use std::collections::BTreeSet;

use crate::{
    analysis::{
        Facts,
        context::Context,
        lookup::{Builds, Found, Source, best, builds, find, sources},
        paths,
    },
    diag::{Severity, Sink},
    text::{EntryKind, FileId, Location, Span},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        let mut said = BTreeSet::new();
        match builds(facts, index) {
            Builds::Named(named) => {
                for build in named.iter().filter(|b| b.context.ignore.is_some()) {
                    let sources = sources(facts, index, build.stages, build.target);
                    look(facts, index, build.context, &sources, &mut said, sink);
                }
            }
            Builds::Guessed(contexts) if contexts.iter().any(|c| c.ignore.is_some()) => {
                let sources = sources(facts, index, &dockerfile.stages, None);
                if let Some((context, _)) = best(facts, &sources, &contexts) {
                    look(facts, index, context, &sources, &mut said, sink);
                }
            }
            Builds::Guessed(_) => {}
        }
    }
}

/// Each pattern is held against a whole folder; nobody writes more of them.
const MOST_GLOBS: usize = 64;

fn look(
    facts: &Facts<'_>,
    dockerfile: usize,
    context: &Context,
    sources: &[Source],
    said: &mut BTreeSet<Span>,
    sink: &mut Sink<'_>,
) {
    let file = facts.dockerfiles[dockerfile].model.file;
    let mut globs = 0;
    for source in sources {
        globs += usize::from(source.glob);
        if source.glob && globs > MOST_GLOBS {
            continue;
        }
        let pattern = if source.glob { glob(facts, context, source) } else { plain(facts, context, source) };
        let Some(pattern) = pattern.filter(|_| !said.contains(&source.span)) else { continue };
        said.insert(source.span);
        let ignore = &facts.snapshot.file(pattern.0);
        let (path, text) = (&source.path, &ignore.text[pattern.1.range()]);
        let loss = if source.glob {
            "nothing of it arrives in the image, and BuildKit may not say so"
        } else {
            "the build fails as if it did not exist"
        };
        sink.report(
            Location::new(file, source.span),
            format!("`{path}` is kept out of the build by `{text}` in `{}`: {loss}", ignore.path),
        )
        .label(Location::new(pattern.0, pattern.1), "what keeps it out")
        .help(format!("put `!{path}` below that line, or do not copy it"))
        .at_most(if source.glob { Severity::Warning } else { Severity::Error });
    }
}

fn plain(facts: &Facts<'_>, context: &Context, source: &Source) -> Option<(FileId, Span)> {
    match find(facts, context, &source.path) {
        Found::Ignored(file, span) => Some((file, span)),
        _ => None,
    }
}

/// The pattern that keeps out the first of the files that the glob names, if everything that it names is kept out.
fn glob(facts: &Facts<'_>, context: &Context, source: &Source) -> Option<(FileId, Span)> {
    context.ignore.as_ref()?;
    // A glob in the last part alone, over the entries of one folder: what real ones look like.
    let (dir, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    if crate::analysis::context::is_glob(dir) {
        return None;
    }
    let at = paths::join(&context.dir, dir);
    if facts.snapshot.entry(&at) != Some(EntryKind::Dir) {
        return None;
    }
    let mut first = None;
    for (path, kind) in facts.snapshot.below(&at) {
        let inside = paths::below(&at, path)?;
        if inside.contains('/') || !crate::analysis::context::glob(name, inside) {
            continue;
        }
        if kind == EntryKind::Dir && context.ignore.as_ref()?.patterns.may_keep_below(context.relative(path)?) {
            return None;
        }
        let pattern = context.ignored(context.relative(path)?)?;
        first.get_or_insert(pattern);
    }
    first
}
