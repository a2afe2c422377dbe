//! Where one file of the repository lies in each stage of a build, and the instructions that put it there.

use super::{
    Facts,
    context::{Context, Lands, fills_from, lands, lands_in},
    links::Named,
    paths,
    stages::{Base, CopyFacts, CopyFrom, DestDir, RunFacts, Stages, What},
    vars::Val,
};
use crate::{
    model::dockerfile::Dockerfile,
    text::{EntryKind, Location},
};

/// One step of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The instruction, pattern or mount.
    pub at: Location,
    /// What it says, as written in the file.
    pub what: String,
}

/// A place where a file lies in a stage.
#[derive(Debug, Clone)]
pub(super) struct Lying {
    pub(super) path: String,
    pub(super) hops: Vec<Hop>,
}

/// What is known of a file in one stage.
#[derive(Debug, Clone, Default)]
pub(super) struct InStage {
    pub(super) lying: Vec<Lying>,
    /// An instruction that may take it, and cannot be read exactly.
    pub(super) unknown: Option<Hop>,
    /// An instruction that puts another file in its place.
    pub(super) overwritten: Option<Hop>,
}

/// The way of one file through the stages of a build.
pub(super) struct Walk<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) context: &'a Context,
    /// Index in [`Facts::dockerfiles`].
    pub(super) index: usize,
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) stages: &'a Stages,
    pub(super) named: &'a [(String, Named)],
    /// The repository path.
    pub(super) path: &'a str,
    /// The path in the context, unless it lies elsewhere or is ignored.
    pub(super) relative: Option<&'a str>,
}

impl Walk<'_> {
    /// Where the file lies at the end of every stage up to `target`.
    pub(super) fn through(&self, target: usize) -> Vec<InStage> {
        let mut done: Vec<InStage> = Vec::with_capacity(target + 1);
        for index in 0..=target {
            let mut here = match self.stages.all[index].base {
                Base::Stage(parent) => done[parent].clone(),
                _ => InStage::default(),
            };
            for (at, step) in self.stages.all[index].steps.iter().enumerate() {
                if let What::Copy(copy) = &step.what {
                    self.copy((index, at), copy, step.instruction, &mut here, &done);
                }
            }
            done.push(here);
        }
        done
    }

    pub(super) fn hop(&self, instruction: usize) -> Hop {
        let at = Location::new(self.dockerfile.file, self.dockerfile.instructions[instruction].span);
        let what = self.facts.snapshot.file(at.file).text[at.span.range()].to_owned();
        Hop { at, what }
    }

    fn copy(
        &self,
        place: (usize, usize),
        copy: &CopyFacts,
        instruction: usize,
        here: &mut InStage,
        done: &[InStage],
    ) {
        self.overwrite(place, copy, instruction, here);
        let hop = || self.hop(instruction);
        let arrivals: Vec<(String, Vec<Hop>)> = match &copy.from {
            CopyFrom::Context => self.relative.iter().map(|path| ((*path).to_owned(), Vec::new())).collect(),
            CopyFrom::Stage(stage) => {
                done[*stage].lying.iter().map(|l| (l.path.clone(), l.hops.clone())).collect()
            }
            CopyFrom::External(name) => match self.in_named(name) {
                Lands::At(paths) => paths.into_iter().map(|path| (path, Vec::new())).collect(),
                Lands::No => Vec::new(),
                Lands::Unknown => {
                    here.unknown.get_or_insert_with(hop);
                    return;
                }
            },
        };
        if let CopyFrom::Stage(stage) = &copy.from
            && done[*stage].unknown.is_some()
        {
            here.unknown.get_or_insert_with(hop);
        }
        for (path, before) in arrivals {
            match self.lands(place, copy, &path) {
                Lands::No => {}
                Lands::Unknown => {
                    here.unknown.get_or_insert_with(hop);
                }
                Lands::At(places) => {
                    for path in places {
                        let mut hops = before.clone();
                        hops.push(hop());
                        here.lying.retain(|l| l.path != path);
                        here.lying.push(Lying { path, hops });
                    }
                }
            }
        }
    }

    /// The file as a path of a named context.
    fn in_named(&self, name: &Val) -> Lands {
        let Some(name) = name.known() else { return Lands::Unknown };
        match self.named.iter().find(|(own, _)| own == name) {
            None | Some((_, Named::Elsewhere)) => Lands::No,
            Some((_, Named::Unknown)) => Lands::Unknown,
            Some((_, Named::Folder(context))) => match context.relative(self.path) {
                Some(path) if context.ignored(path).is_none() => Lands::At(vec![path.to_owned()]),
                _ => Lands::No,
            },
        }
    }

    fn lands(&self, place: (usize, usize), copy: &CopyFacts, path: &str) -> Lands {
        let context = match &copy.from {
            CopyFrom::Context => Some(self.context),
            CopyFrom::Stage(_) => None,
            CopyFrom::External(name) => self.named.iter().find_map(|(own, named)| match named {
                Named::Folder(context) if name.known() == Some(own) => Some(context),
                _ => None,
            }),
        };
        let by_name = lands(copy, path);
        // Whether the destination is a folder matters only for what lands under its very name.
        let asks = copy.dest_dir != DestDir::Yes
            && match &by_name {
                Lands::At(at) => at.iter().any(|at| Some(at.as_str()) == copy.dest.known()),
                Lands::Unknown => true,
                Lands::No => context.is_some_and(|c| !c.links(self.facts.snapshot).is_empty()),
            };
        let made = asks && copy.dest.known().is_some_and(|dest| self.makes_dir(place, dest));
        let dest_dir = if made { DestDir::Yes } else { copy.dest_dir };
        match context {
            Some(context) => lands_in(self.facts.snapshot, context, copy, dest_dir, path),
            None if made => lands(&CopyFacts { dest_dir, ..copy.clone() }, path),
            None => by_name,
        }
    }

    /// Whether a COPY of a folder before this step made the folder `dest`.
    pub(super) fn makes_dir(&self, (stage, step): (usize, usize), dest: &str) -> bool {
        let own = self.stages.all[stage].steps[..step].iter();
        let chain = self.stages.chain(stage);
        let inherited = chain[..chain.len() - 1].iter().flat_map(|&s| &self.stages.all[s].steps);
        own.chain(inherited).any(|step| match &step.what {
            What::Copy(copy) if copy.from == CopyFrom::Context => {
                fills_from(copy, dest).iter().any(|source| {
                    self.context.kind(self.facts.snapshot, source) == Some(EntryKind::Dir)
                        && self.context.holds(self.facts.snapshot, source)
                        && lands(copy, &paths::join(source, "x")) == Lands::At(vec![paths::join(dest, "x")])
                })
            }
            // Nobody puts two files at one place one after the other.
            What::Copy(copy) => copy.dest.known() == Some(dest),
            _ => false,
        })
    }

    /// Another file of the context, or one from the Dockerfile itself, that this COPY is known to put where ours lies.
    fn overwrite(&self, place: (usize, usize), copy: &CopyFacts, instruction: usize, here: &mut InStage) {
        let before = here.lying.len();
        here.lying.retain(|l| !writes(copy, &l.path) && !self.puts_another(place, copy, &l.path));
        if here.lying.len() < before {
            here.overwritten = Some(self.hop(instruction));
        }
    }

    fn puts_another(&self, place: (usize, usize), copy: &CopyFacts, path: &str) -> bool {
        copy.from == CopyFrom::Context && fills_from(copy, path).iter().any(|source| {
            Some(source.as_str()) != self.relative
                && self.is_file(source)
                && matches!(self.lands(place, copy, source), Lands::At(at) if at.iter().any(|a| a == path))
        })
    }

    fn is_file(&self, relative: &str) -> bool {
        self.context.kind(self.facts.snapshot, relative) == Some(EntryKind::File)
            && self.context.ignored(relative).is_none()
    }

    /// A `RUN --mount=type=bind` of the context that shows the file to a command.
    pub(super) fn mounted(&self, needed: &std::collections::BTreeSet<usize>) -> Option<Hop> {
        needed.iter().flat_map(|&s| &self.stages.all[s].steps).find_map(|step| match &step.what {
            What::Run(run) => self.sees(run).then(|| self.hop(step.instruction)),
            _ => None,
        })
    }

    /// Whether a `--mount=type=bind` of the context shows the file to a RUN.
    pub(super) fn sees(&self, run: &RunFacts) -> bool {
        run.context_mounts.iter().any(|(source, _)| {
            source
                .known()
                .zip(self.relative)
                .is_some_and(|(s, path)| paths::below(&paths::clean(&format!("/{s}"))[1..], path).is_some())
        })
    }
}

/// Whether a heredoc of the COPY lands at that path.
fn writes(copy: &CopyFacts, path: &str) -> bool {
    let Some(dest) = copy.dest.known() else { return false };
    copy.heredocs.iter().any(|name| match copy.dest_dir {
        DestDir::Yes => paths::join(dest, name) == path,
        _ => dest == path,
    })
}
