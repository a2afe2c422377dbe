//! New lines of an ignore file as an edit, or as a file where there is none.

use super::{
    Facts,
    context::Context,
    lookup::{Builds, builds, sources},
    paths,
    stages::{CopyFrom, Stages, What},
    vars::Val,
};
use crate::{
    syntax::dockerignore::Patterns,
    text::{Changes, Edit, FileId, Newline, SourceFile},
};

/// Lines more for the ignore file that applies to a Dockerfile's build in the context: at its end in its style, or a new
/// one with the newlines of the Dockerfile.
///
/// # Errors
/// With the reason, where a build from this context asks for what the lines keep out, and where a path of the ignore
/// file's name is in the way: a link, a folder, a file that cannot be read.
pub fn add(
    facts: &Facts<'_>,
    context: &Context,
    dockerfile: FileId,
    lines: &[&str],
) -> Result<Changes, String> {
    if let Some(reason) = asked_for(facts, context, lines) {
        return Err(reason);
    }
    let snapshot = facts.snapshot;
    let Some(ignore) = &context.ignore else {
        let path = paths::join(&context.dir, ".dockerignore");
        if snapshot.entry(&path).is_some() || snapshot.find(&path).is_some() {
            return Err(format!("`{path}` is there, and cannot be read"));
        }
        let newline = Newline::of(&snapshot.file(dockerfile).text).as_str();
        let file = SourceFile { path, text: lines.join(newline) + newline };
        return Ok(Changes { creates: vec![file], ..Changes::default() });
    };
    let text = &snapshot.file(ignore.file).text;
    let newline = Newline::of(text).as_str();
    let body = lines.join(newline);
    let ended = text.is_empty() || text.ends_with('\n');
    let added = if ended { format!("{body}{newline}") } else { format!("{newline}{body}") };
    Ok(vec![(ignore.file, Edit::insert(text.len(), added))].into())
}

/// What the change is called: a new file is said.
pub fn title(title: String, changes: &Changes) -> String {
    match changes.creates.first() {
        Some(file) => format!("{title} by a `{}`", file.path),
        None => title,
    }
}

/// Which build from the context, this one or another's, would miss something. Where nobody says which context a
/// Dockerfile is built from, it may be this one.
fn asked_for(facts: &Facts<'_>, context: &Context, lines: &[&str]) -> Option<String> {
    let (patterns, _) = Patterns::parse(&lines.join("\n"));
    (0..facts.dockerfiles.len()).find_map(|index| {
        let path = &facts.snapshot.file(facts.dockerfiles[index].model.file).path;
        let of = |stages| asks(facts, index, stages, &patterns);
        let missed = match builds(facts, index) {
            Builds::Named(all) => {
                all.iter().filter(|build| build.context.dir == context.dir).find_map(|build| of(build.stages))
            }
            Builds::Guessed(all) if all.iter().any(|guess| guess.dir == context.dir) => {
                of(&facts.dockerfiles[index].stages)
            }
            Builds::Guessed(_) => None,
        }?;
        Some(format!("`{path}` takes {missed} from there: decide by hand what has to stay"))
    })
}

/// What a build takes from the context, by name, although the patterns keep it out; or what nobody knows.
fn asks(facts: &Facts<'_>, dockerfile: usize, stages: &Stages, patterns: &Patterns) -> Option<String> {
    let copied = sources(facts, dockerfile, stages, None).into_iter().map(|source| source.path);
    let steps = || stages.all.iter().flat_map(|stage| &stage.steps);
    let mounts = steps().filter_map(|step| match &step.what {
        What::Run(run) => Some(&run.context_mounts),
        _ => None,
    });
    let mounted = mounts.flatten().filter_map(|(source, _)| source.known().map(paths::clean));
    let mut all = copied.chain(mounted);
    let missed = all.find(|path| {
        // What a wildcard takes lies below the folder before it.
        let plain = path.split('/').take_while(|part| !part.contains(['*', '?', '['])).collect::<Vec<_>>();
        let plain = plain.join("/");
        !plain.is_empty() && patterns.is_ignored(&plain)
    });
    let unknown = || {
        steps().any(|step| match &step.what {
            What::Copy(copy) => copy.from == CopyFrom::Context && copy.sources.contains(&Val::Unknown),
            _ => false,
        })
    };
    missed.map(|path| format!("`{path}`")).or_else(|| unknown().then(|| "what a variable names".to_owned()))
}
