//! New lines of an ignore file as an edit, or as a file where there is none.

use super::{
    Facts,
    context::{Context, is_url},
    links::{Service, is_remote},
    lookup::{Builds, builds},
    paths,
    stages::{CopyFrom, What},
    vars::Val,
};
use crate::{
    syntax::dockerignore::Patterns,
    text::{Changes, Edit, EntryKind, FileId, Newline, SourceFile},
};

/// Lines that an ignore file gets.
#[derive(Debug)]
pub struct Added {
    /// At its end in its style, or as a new file with the newlines of the Dockerfile.
    pub changes: Changes,
    /// Whether no other build takes folders from the context: then the lines change none but this one.
    pub alone: bool,
}

/// Lines more for the ignore file that applies to the build of a Dockerfile (its index in [`Facts::dockerfiles`]) in the
/// context.
///
/// # Errors
/// With the reason, where a build from this context asks for what the lines keep out or is not read, and where a path of
/// the ignore file's name is in the way: a link, a folder, a file that cannot be read.
pub fn add(facts: &Facts<'_>, context: &Context, dockerfile: usize, lines: &[&str]) -> Result<Added, String> {
    if let Some(reason) = asked_for(facts, context, lines) {
        return Err(reason);
    }
    let alone =
        sharers(facts, context).all(|index| index == dockerfile || !takes_folders(facts, context, index));
    let changes = changes(facts, context, facts.dockerfiles[dockerfile].model.file, lines)?;
    Ok(Added { changes, alone })
}

fn changes(
    facts: &Facts<'_>,
    context: &Context,
    dockerfile: FileId,
    lines: &[&str],
) -> Result<Changes, String> {
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

/// The Dockerfiles that are built from the context, by their index. Where nobody says which one a Dockerfile is built
/// from, it may be this one.
pub fn sharers(facts: &Facts<'_>, context: &Context) -> impl Iterator<Item = usize> {
    (0..facts.dockerfiles.len()).filter(|&index| match builds(facts, index) {
        Builds::Named(all) => all.iter().any(|build| build.context.dir == context.dir),
        Builds::Guessed(all) => all.iter().any(|guess| guess.dir == context.dir),
    })
}

/// Which build from the context, this one or another's, would miss something, or is not known.
fn asked_for(facts: &Facts<'_>, context: &Context, lines: &[&str]) -> Option<String> {
    let (patterns, _) = Patterns::parse(&lines.join("\n"));
    let unread = facts.services.iter().find(|service| builds_unread(facts, context, service));
    if let Some(service) = unread {
        let name = &facts.model(service).name.value;
        return Some(format!(
            "`{name}` is built from there by a Dockerfile that is not read: decide by hand what has to stay"
        ));
    }
    sharers(facts, context).find_map(|index| {
        let path = &facts.snapshot.file(facts.dockerfiles[index].model.file).path;
        let missed = asks(facts, index, &patterns)?;
        Some(format!("`{path}` takes {missed} from there: decide by hand what has to stay"))
    })
}

/// Whether a service is built from the context, or from one that nobody knows, by a Dockerfile that is not in the project
/// or stands in the compose file.
fn builds_unread(facts: &Facts<'_>, context: &Context, service: &Service) -> bool {
    let linked = service.build.as_ref();
    let Some(build) =
        facts.model(service).build.as_ref().filter(|_| linked.is_some_and(|b| b.dockerfile.is_none()))
    else {
        return false;
    };
    match build.context.as_ref().map(|value| value.known.as_deref()) {
        None => service.dir == context.dir,
        Some(Some(dir)) => !is_remote(dir) && paths::join(&service.dir, dir) == context.dir,
        Some(None) => true,
    }
}

/// What a Dockerfile's build takes from its context, under each of the arguments that it is built with: COPY, ADD and
/// mounts.
fn taken<'a>(facts: &'a Facts<'_>, dockerfile: usize) -> Vec<&'a Val> {
    let own = [&facts.dockerfiles[dockerfile].stages];
    let under = facts.builders(dockerfile).filter_map(|service| service.build.as_ref()?.stages.as_ref());
    let steps = own.into_iter().chain(under).flat_map(|stages| &stages.all).flat_map(|stage| &stage.steps);
    let mut all = Vec::new();
    for step in steps {
        match &step.what {
            What::Copy(copy) if copy.from == CopyFrom::Context => all.extend(&copy.sources),
            What::Run(run) => all.extend(run.context_mounts.iter().map(|(source, _)| source)),
            _ => {}
        }
    }
    all
}

/// What a build takes from the context, by name, although the patterns keep it out; or what nobody knows.
fn asks(facts: &Facts<'_>, dockerfile: usize, patterns: &Patterns) -> Option<String> {
    let all = taken(facts, dockerfile);
    let paths = all.iter().filter_map(|source| source.known()).filter(|source| !is_url(source));
    let missed = paths.map(inside).find(|path| {
        // What a wildcard takes lies below the folder before it.
        let plain = path.split('/').take_while(|part| !part.contains(['*', '?', '['])).collect::<Vec<_>>();
        let plain = plain.join("/");
        !plain.is_empty() && patterns.is_ignored(&plain)
    });
    let unknown = || all.contains(&&Val::Unknown).then(|| "what a variable names".to_owned());
    missed.map(|path| format!("`{path}`")).or_else(unknown)
}

/// Whether a build takes more than files by their names: what is in its folders, nobody listed.
fn takes_folders(facts: &Facts<'_>, context: &Context, dockerfile: usize) -> bool {
    taken(facts, dockerfile).into_iter().any(|source| match source.known() {
        Some(source) => {
            !is_url(source) && context.kind(facts.snapshot, &inside(source)) != Some(EntryKind::File)
        }
        None => true,
    })
}

/// A source as a path of the context.
fn inside(source: &str) -> String {
    paths::clean(&format!("/{source}"))[1..].to_owned()
}
