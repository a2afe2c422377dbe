//! How a file of the repository gets into the container of a service, and what stops it.

use super::{
    Facts,
    built::{self, Maker},
    context::{Context, Lands, fills_from, lands, lands_in},
    links::{Named, Service},
    paths,
    stages::{CopyFacts, CopyFrom, DestDir, RunFacts, Stages, What},
    vars::Val,
    way::{self, Way},
};
use crate::{
    model::{
        compose::{Mount, MountKind},
        dockerfile::Dockerfile,
    },
    text::{EntryKind, Location},
};

/// Where a file's way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It lies in the running container.
    Reaches,
    /// `.dockerignore` keeps it out of the context.
    Ignored,
    /// No COPY or ADD takes it, or a later one puts another file in its place.
    NotCopied,
    /// It is used in a stage that the image does not contain: what is built from it is what runs.
    BuildOnly,
    /// A mount hides the place where it lies in the image.
    Shadowed,
    /// It lies outside of the build context.
    OutsideContext,
    /// Something on the way is not known.
    Unknown,
}

impl Verdict {
    /// The word of the command line and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reaches => "reaches",
            Self::Ignored => "ignored",
            Self::NotCopied => "not-copied",
            Self::BuildOnly => "build-only",
            Self::Shadowed => "shadowed",
            Self::OutsideContext => "outside-context",
            Self::Unknown => "unknown",
        }
    }
}

/// One step of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The instruction, pattern or mount.
    pub at: Location,
    /// What it says, as written in the file.
    pub what: String,
}

/// The mount that hides a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// What kind of mount.
    pub kind: MountKind,
    /// Host path or volume, as far as it is known.
    pub source: Option<String>,
    /// Where it is mounted.
    pub target: String,
    /// The entry in the compose file, or the VOLUME in the Dockerfile.
    pub at: Location,
}

/// The way of one file into one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it ends.
    pub verdict: Verdict,
    /// Absolute paths of the file in the container, where they are known. With [`Verdict::Shadowed`] the paths that
    /// the mount hides.
    pub container_paths: Vec<String>,
    /// The steps, in order.
    pub hops: Vec<Hop>,
    /// What hides it.
    pub shadow: Option<Shadow>,
    /// With [`Verdict::BuildOnly`], how what is made from it gets into the image.
    pub way: Option<Box<Way>>,
}

/// A place where a file lies in a stage.
#[derive(Debug, Clone)]
pub(super) struct Lying {
    pub(super) path: String,
    hops: Vec<Hop>,
}

/// What is known of a file in one stage.
#[derive(Debug, Clone, Default)]
pub(super) struct InStage {
    pub(super) lying: Vec<Lying>,
    /// An instruction that may take it, and cannot be read exactly.
    unknown: Option<Hop>,
    /// An instruction that puts another file in its place.
    overwritten: Option<Hop>,
}

/// The way of the repository file at `path` into a service.
pub fn route(facts: &Facts<'_>, service: &Service, path: &str) -> Route {
    if facts.model(service).extends.is_some() {
        // What it extends was not read, and may mount anything anywhere.
        return ends(Verdict::Unknown, Vec::new());
    }
    let mut image = in_image(facts, service, path);
    let mounts = Mounts::of(facts, service);
    // A bind mount can bring the file itself, whatever the image holds.
    for bound in mounts.bring(facts, path) {
        image.container_paths.retain(|p| *p != bound.path);
        if image.verdict != Verdict::Reaches || image.container_paths.is_empty() {
            image.hops.clear();
            image.container_paths.clear();
        }
        image.verdict = Verdict::Reaches;
        image.container_paths.push(bound.path);
        image.hops.extend(bound.hops);
    }
    if image.verdict != Verdict::Reaches {
        return image;
    }
    let (hidden, seen): (Vec<String>, Vec<String>) =
        image.container_paths.iter().cloned().partition(|p| mounts.hides(facts, p, path).is_some());
    if seen.is_empty() {
        let shadow = hidden.first().and_then(|p| mounts.hides(facts, p, path));
        image.verdict = Verdict::Shadowed;
        image.shadow = shadow;
    } else {
        image.container_paths = seen;
    }
    image
}

fn ends(verdict: Verdict, hops: Vec<Hop>) -> Route {
    Route { verdict, container_paths: Vec::new(), hops, shadow: None, way: None }
}

/// The way into the image, mounts left aside.
pub fn in_image(facts: &Facts<'_>, service: &Service, path: &str) -> Route {
    let build = match built::maker(facts, service) {
        Maker::One(maker) => maker.build.as_ref(),
        Maker::Nobody => None,
        Maker::Unknown => return ends(Verdict::Unknown, Vec::new()),
    };
    let Some(build) = build else { return ends(Verdict::NotCopied, Vec::new()) };
    let Some(context) = &build.context else { return ends(Verdict::Unknown, Vec::new()) };
    let relative = context.relative(path);
    let ignored = relative.and_then(|relative| context.ignored(relative));
    let in_named = build.named.iter().any(|(_, named)| match named {
        Named::Folder(context) => context.relative(path).is_some(),
        Named::Elsewhere | Named::Unknown => false,
    });
    let stopped = match (relative, ignored) {
        (None, _) => Some(ends(Verdict::OutsideContext, Vec::new())),
        (_, Some((file, span))) => {
            let what = facts.snapshot.file(file).text[span.range()].to_owned();
            Some(ends(Verdict::Ignored, vec![Hop { at: Location::new(file, span), what }]))
        }
        _ => None,
    };
    if !in_named && let Some(stopped) = stopped {
        return stopped;
    }
    let (Some(stages), Some(target)) = (&build.stages, build.target) else {
        return ends(Verdict::Unknown, Vec::new());
    };
    let Some(index) = build.dockerfile else { return ends(Verdict::Unknown, Vec::new()) };
    let dockerfile = &facts.dockerfiles[index].model;
    let relative = relative.filter(|_| ignored.is_none());
    let walk = Walk { facts, context, index, dockerfile, stages, named: &build.named, path, relative };
    let found = walk.through(target);
    let here = &found[target];
    if !here.lying.is_empty() {
        return Route {
            verdict: Verdict::Reaches,
            container_paths: here.lying.iter().map(|l| l.path.clone()).collect(),
            hops: here.lying.iter().flat_map(|l| l.hops.clone()).collect(),
            shadow: None,
            way: None,
        };
    }
    let needed = stages.needed(target);
    if let Some(unknown) = needed.iter().find_map(|&s| found[s].unknown.clone()) {
        return ends(Verdict::Unknown, vec![unknown]);
    }
    let build_only = |hops| Route {
        way: Some(Box::new(way::of(&walk, &found, target))),
        ..ends(Verdict::BuildOnly, hops)
    };
    if let Some(used) = needed.iter().find_map(|&s| found[s].lying.first()) {
        return build_only(used.hops.clone());
    }
    if let Some(hop) = walk.mounted(&needed) {
        return build_only(vec![hop]);
    }
    stopped.unwrap_or_else(|| ends(Verdict::NotCopied, here.overwritten.clone().into_iter().collect()))
}

/// The way of one file through the stages of a build.
pub(super) struct Walk<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) context: &'a Context,
    /// Index in [`Facts::dockerfiles`].
    pub(super) index: usize,
    dockerfile: &'a Dockerfile,
    pub(super) stages: &'a Stages,
    named: &'a [(String, Named)],
    /// The repository path.
    path: &'a str,
    /// The path in the context, unless it lies elsewhere or is ignored.
    relative: Option<&'a str>,
}

impl Walk<'_> {
    /// Where the file lies at the end of every stage up to `target`.
    fn through(&self, target: usize) -> Vec<InStage> {
        let mut done: Vec<InStage> = Vec::with_capacity(target + 1);
        for index in 0..=target {
            let mut here = match self.stages.all[index].base {
                super::stages::Base::Stage(parent) => done[parent].clone(),
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
    fn mounted(&self, needed: &std::collections::BTreeSet<usize>) -> Option<Hop> {
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

/// What is mounted over a service's container.
struct Mounts<'a> {
    dir: &'a str,
    entries: Vec<(&'a Mount, Location, String)>,
    volumes: Vec<(String, Location)>,
}

impl<'a> Mounts<'a> {
    fn of(facts: &'a Facts<'_>, service: &'a Service) -> Self {
        let entries = facts
            .model(service)
            .mounts
            .iter()
            .filter_map(|m| Some((m, m.at, paths::clean(m.target.known.as_deref()?))))
            .filter(|(_, _, target)| target.starts_with('/'))
            .collect();
        Self { dir: &service.dir, entries, volumes: image_volumes(facts, service) }
    }

    /// The innermost mount over a path, unless it is a bind that brings the very file.
    fn hides(&self, facts: &Facts<'_>, place: &str, path: &str) -> Option<Shadow> {
        let mount = self
            .entries
            .iter()
            .filter(|(_, _, target)| paths::below(target, place).is_some())
            .max_by_key(|(_, _, target)| target.len());
        if let Some((mount, at, target)) = mount {
            let bound = self.bound(facts, mount, target, path);
            let brings = bound.as_deref() == Some(place);
            return (!brings).then(|| Shadow {
                kind: mount.kind,
                source: mount.source.as_ref().and_then(|s| s.known.clone()),
                target: target.clone(),
                at: *at,
            });
        }
        let (target, at) = self.volumes.iter().find(|(target, _)| paths::below(target, place).is_some())?;
        Some(Shadow { kind: MountKind::Anonymous, source: None, target: target.clone(), at: *at })
    }

    /// Where a bind mount shows the repository file.
    fn bound(&self, facts: &Facts<'_>, mount: &Mount, target: &str, path: &str) -> Option<String> {
        if mount.kind != MountKind::Bind {
            return None;
        }
        let source = mount.source.as_ref()?.known.as_deref()?;
        if source.starts_with('/') || source.starts_with('~') {
            return None;
        }
        let rest = paths::below(&paths::join(self.dir, source), path)?;
        facts.snapshot.entry(path)?;
        Some(if rest.is_empty() { target.to_owned() } else { paths::join(target, rest) })
    }

    /// The places to which bind mounts bring the file.
    fn bring(&self, facts: &Facts<'_>, path: &str) -> Vec<Lying> {
        let brought = self.entries.iter().filter_map(|(mount, at, target)| {
            let place = self.bound(facts, mount, target, path)?;
            let what = facts.snapshot.file(at.file).text[at.span.range()].to_owned();
            Some(Lying { path: place, hops: vec![Hop { at: *at, what }] })
        });
        brought.filter(|l| self.hides(facts, &l.path, path).is_none()).collect()
    }
}

/// VOLUMEs of the image's own stages: the engine puts an anonymous volume there.
fn image_volumes(facts: &Facts<'_>, service: &Service) -> Vec<(String, Location)> {
    let Maker::One(Service { build: Some(build), .. }) = built::maker(facts, service) else {
        return Vec::new();
    };
    let (Some(stages), Some(target), Some(dockerfile)) = (&build.stages, build.target, build.dockerfile)
    else {
        return Vec::new();
    };
    let model = &facts.dockerfiles[dockerfile].model;
    let steps = stages.chain(target).into_iter().flat_map(|s| &stages.all[s].steps);
    steps
        .filter_map(|step| match &step.what {
            What::Volume(paths) => Some((step.instruction, paths)),
            _ => None,
        })
        .flat_map(|(instruction, paths)| {
            let at = Location::new(model.file, model.instructions[instruction].span);
            paths.iter().filter_map(Val::known).map(move |p| (p.to_owned(), at))
        })
        .collect()
}

/// An instruction that fills a place of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Index in the Dockerfile's instructions.
    pub instruction: usize,
}

/// The first instruction of a stage's image that is known to put files of the context, or of another stage, at or
/// below `place`. Files that the base image or a RUN puts there are not seen.
pub fn fill(
    facts: &Facts<'_>,
    context: &Context,
    stages: &Stages,
    stage: usize,
    place: &str,
) -> Option<Fill> {
    let steps = stages.chain(stage).into_iter().flat_map(|s| &stages.all[s].steps);
    steps
        .filter_map(|step| match &step.what {
            What::Copy(copy) => Some((step.instruction, copy)),
            _ => None,
        })
        .find(|(_, copy)| fills(facts, context, stages, copy, place))
        .map(|(instruction, _)| Fill { instruction })
}

/// Whether a COPY is known to put files of the context, or of another stage, at or below `place`.
pub fn fills(facts: &Facts<'_>, context: &Context, stages: &Stages, copy: &CopyFacts, place: &str) -> bool {
    let Some(dest) = copy.dest.known() else { return false };
    if let CopyFrom::External(_) = copy.from {
        return false;
    }
    if paths::below(place, dest).is_some() {
        // What is copied lands at or below the place, if there is anything to copy.
        return copy.from != CopyFrom::Context || !copy.sources.is_empty();
    }
    let sources = fills_from(copy, place);
    match copy.from {
        CopyFrom::Context => sources.iter().any(|s| {
            matches!(lands(copy, s), Lands::At(at) if at.iter().any(|a| a == place))
                && context.holds(facts.snapshot, s)
        }),
        CopyFrom::Stage(from) => {
            sources.iter().any(|s| fill(facts, context, stages, from, &format!("/{s}")).is_some())
        }
        CopyFrom::External(_) => false,
    }
}
