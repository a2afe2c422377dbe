//! Which contexts a Dockerfile may be built from, and whether a COPY finds its source in them.

use std::{collections::HashMap, sync::OnceLock};

use super::{
    Facts,
    context::{Context, is_glob, is_url},
    paths,
    source::is_whole,
    stages::{CopyFacts, CopyFrom, Stages, What},
    vars::Val,
};
use crate::{
    model::dockerfile::Kind,
    text::{EntryKind, FileId, Snapshot, Span},
};

/// The builds of a Dockerfile.
#[derive(Debug)]
pub enum Builds<'a> {
    /// Compose services say from which contexts, with which stages.
    Named(Vec<Build<'a>>),
    /// Nobody says: the folders that it may be, its own first, then those above.
    Guessed(Vec<Context>),
}

/// A build that a service names.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// Where from.
    pub context: &'a Context,
    /// The stages under the service's arguments.
    pub stages: &'a Stages,
    /// The stage that is built, if it is known.
    pub target: Option<usize>,
}

/// The builds of the Dockerfile with this index in [`Facts::dockerfiles`].
pub fn builds<'a>(facts: &'a Facts<'_>, dockerfile: usize) -> Builds<'a> {
    let mut named: Vec<Build<'a>> = Vec::new();
    let mut any = false;
    for build in facts.builders(dockerfile).filter_map(|service| service.build.as_ref()) {
        any = true;
        if let (Some(context), Some(stages)) = (&build.context, &build.stages) {
            let again = |b: &Build<'_>| b.context.dir == context.dir && b.target == build.target;
            if !named.iter().any(again) {
                named.push(Build { context, stages, target: build.target });
            }
        }
    }
    if any {
        return Builds::Named(named);
    }
    let path = &facts.snapshot.file(facts.dockerfiles[dockerfile].model.file).path;
    let mut dirs = vec![paths::parent(path)];
    while let Some(&dir) = dirs.last().filter(|dir| !dir.is_empty()) {
        dirs.push(paths::parent(dir));
    }
    let contexts = dirs.into_iter().map(|dir| Context::new(facts.snapshot, &facts.ignores, dir, path));
    Builds::Guessed(contexts.collect())
}

/// A source that a COPY or ADD takes from the context, without wildcards.
#[derive(Debug, Clone)]
pub struct Source {
    /// The stage.
    pub stage: usize,
    /// Index of the instruction.
    pub instruction: usize,
    /// As written.
    pub span: Span,
    /// From the context, cleaned; may be a pattern.
    pub path: String,
    /// Whether it has wildcards.
    pub glob: bool,
    /// Whether the instruction is ADD.
    pub is_add: bool,
}

/// Every source of the context that is known and is not the whole of it, in the stages that `target` needs (all for
/// `None`).
pub fn sources(facts: &Facts<'_>, dockerfile: usize, stages: &Stages, target: Option<usize>) -> Vec<Source> {
    let model = &facts.dockerfiles[dockerfile].model;
    let needed = target.map(|target| stages.needed(target));
    let mut all = Vec::new();
    for (stage, resolved) in stages.all.iter().enumerate() {
        if needed.as_ref().is_some_and(|needed| !needed.contains(&stage)) {
            continue;
        }
        for step in &resolved.steps {
            let What::Copy(copy @ CopyFacts { from: CopyFrom::Context, .. }) = &step.what else { continue };
            let (Kind::Copy(written) | Kind::Add(written)) = &model.instructions[step.instruction].kind
            else {
                continue;
            };
            let known = copy.sources.iter().map(Val::known).zip(&written.sources);
            for (source, word) in known.filter_map(|(source, word)| Some((source?, word))) {
                // A backslash is a separator on Windows alone.
                if is_url(source) || is_whole(source) || copy.selects() || source.contains('\\') {
                    continue;
                }
                let path = paths::clean(&format!("/{source}"))[1..].to_owned();
                let glob = is_glob(&path);
                let (instruction, span) = (step.instruction, word.span);
                all.push(Source { stage, instruction, span, path, glob, is_add: copy.is_add });
            }
        }
    }
    all
}

/// What a context has of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there and is sent.
    Sent,
    /// It is kept out, with all that lies below it, by this pattern.
    Ignored(FileId, Span),
    /// It is not known to be there, and git ignores it: something makes it on the machine that builds.
    Made,
    /// It is not there; under another spelling of upper and lower case it is.
    OtherCase(String),
    /// It is not there.
    Missing,
    /// Whether it is there is not known: a submodule, or a link that leads out.
    Unknown,
}

/// Looks for a source without wildcards.
pub fn find(facts: &Facts<'_>, context: &Context, path: &str) -> Found {
    let snapshot = facts.snapshot;
    let Some(real) = context.resolve(snapshot, path) else { return Found::Unknown };
    let at = paths::join(&context.dir, &real);
    let kind = snapshot.entry(&at);
    let ignored = context.ignored(&real).or_else(|| context.ignored(path));
    if let Some((file, span)) = ignored {
        let brings_back = context.ignore.as_ref().is_some_and(|ignore| ignore.patterns.may_keep_below(&real));
        let sends = || {
            snapshot
                .below(&at)
                .any(|(p, _)| context.relative(p).is_some_and(|p| context.ignored(p).is_none()))
        };
        return match kind {
            None if brings_back => Found::Unknown,
            Some(EntryKind::Dir) if brings_back && sends() => Found::Sent,
            _ => Found::Ignored(file, span),
        };
    }
    if kind.is_some() {
        return Found::Sent;
    }
    if facts.git.ignores(snapshot, &at) || facts.git.ignores(snapshot, &paths::join(&context.dir, path)) {
        return Found::Made;
    }
    missing(facts, &at, &context.dir)
}

fn missing(facts: &Facts<'_>, at: &str, dir: &str) -> Found {
    let snapshot = facts.snapshot;
    // The deepest folder above that is there.
    let mut above = paths::parent(at);
    while !above.is_empty() && snapshot.entry(above).is_none() {
        above = paths::parent(above);
    }
    let links = snapshot.entry(above) == Some(EntryKind::Symlink);
    // git keeps no empty folders: this one is a submodule that was not fetched.
    let empty = !above.is_empty() && above != dir && snapshot.below(above).next().is_none();
    if links || empty {
        return Found::Unknown;
    }
    match facts.spellings.of(snapshot, at) {
        Some(other) => Found::OtherCase(other.to_owned()),
        None => Found::Missing,
    }
}

/// The paths of a project by their lower-case spelling, made when the first source is missing.
#[derive(Debug, Default)]
pub struct Spellings {
    by_lower: OnceLock<HashMap<String, String>>,
}

impl Spellings {
    /// A path that differs from this one by letter case alone.
    fn of(&self, snapshot: &Snapshot, path: &str) -> Option<&str> {
        let make = || snapshot.below("").map(|(path, _)| (path.to_lowercase(), path.to_owned())).collect();
        self.by_lower.get_or_init(make).get(&path.to_lowercase()).map(String::as_str)
    }
}

/// The guess among the contexts: the first in which most of the Dockerfile's sources are found, if any is.
pub fn best<'c>(
    facts: &Facts<'_>,
    sources: &[Source],
    contexts: &'c [Context],
) -> Option<(&'c Context, usize)> {
    let mut best: Option<(&Context, usize)> = None;
    for context in contexts {
        let lies = |path: &str| {
            context.kind(facts.snapshot, path).is_some()
                || context
                    .resolve(facts.snapshot, path)
                    .is_some_and(|p| context.kind(facts.snapshot, &p).is_some())
        };
        let found = sources.iter().filter(|s| !s.glob && lies(&s.path));
        let count = found.count();
        if count > best.map_or(0, |(_, count)| count) {
            best = Some((context, count));
        }
    }
    best
}
