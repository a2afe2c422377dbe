//! How a file of the repository gets into the container of a service, and what stops it.

pub use super::walk::Hop;
use super::{
    Facts,
    built::{self, Maker},
    context::{Context, Lands, fills_from, lands},
    links::{Named, Service},
    paths,
    stages::{CopyFacts, CopyFrom, Stages, What},
    vars::Val,
    walk::{Lying, Walk},
    way::{self, Way},
};
use crate::{
    model::compose::{Mount, MountKind},
    text::Location,
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
