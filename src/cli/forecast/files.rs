//! The changed files of a build: which instructions take them, whether they arrive, and what is mounted over them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    builds::{self, Given, Which, Worlds, path_of, sources},
    sides::Changing,
};
use crate::{
    analysis::{
        Facts,
        cache::{
            StageForecast,
            tree::{Node, Tree},
        },
        context::{Context, Lands, lands_in},
        links::{Service, ServiceBuild},
        mounts, paths,
        route::{self, Hop, Route, Verdict},
        stages::{CopyFrom, Stages, What},
        vars::Val,
    },
    cli::trace::{kind, line_of},
    model::compose::MountKind,
    report::forecast::{Change, Changed, Mount, Place},
    text::{LineIndex, Location},
};

/// What is looked at.
pub(super) struct Look<'a> {
    pub(super) worlds: &'a Worlds<'a>,
    pub(super) which: &'a Which<'a>,
    /// The Dockerfile.
    pub(super) index: usize,
    pub(super) after: &'a Given<'a>,
    pub(super) before_ignore: Option<String>,
    pub(super) stages: &'a Stages,
    pub(super) forecast: &'a [StageForecast],
}

impl Look<'_> {
    /// The changed files that have to do with the build, and what is said of the others.
    pub(super) fn changed(&self, mounts: &[Mount]) -> (Vec<Changed>, Vec<String>) {
        let mut outside = 0;
        let mut found = Vec::new();
        let recipes = self.recipes();
        let after = Way::of(self.worlds.after, self.which.service, self.index);
        let earlier = builds::earlier(self.worlds, self.which);
        let before = earlier.map(|(service, index)| Way::of(self.worlds.before, service, index));
        for (path, changing) in &self.worlds.sides.changes {
            let change = changing.change();
            let way = match (change, &before) {
                (Change::Deleted, Some(before)) => before,
                _ => &after,
            };
            let route = way.route(path);
            let recipe = recipes.contains(path);
            if route.verdict == Verdict::OutsideContext && !recipe {
                outside += 1;
                continue;
            }
            found.push(self.one(path, changing, recipe, &route, way.facts, mounts));
        }
        let note = match outside {
            0 => None,
            1 => Some("1 changed file lies outside of its context".to_owned()),
            n => Some(format!("{n} changed files lie outside of its context")),
        };
        (found, note.into_iter().collect())
    }

    fn one(
        &self,
        path: &str,
        changing: &Changing,
        recipe: bool,
        route: &Route,
        facts: &Facts<'_>,
        mounts: &[Mount],
    ) -> Changed {
        let place = |at: Location, what: &str| {
            let (file, line) = line_of(facts, at);
            Place { file, line, what: what.to_owned() }
        };
        let of_dockerfile = |hop: &Hop| facts.dockerfiles.iter().any(|own| own.model.file == hop.at.file);
        let ignored = route.hops.first().filter(|_| route.verdict == Verdict::Ignored);
        let hidden = route.shadow.as_ref().map(|shadow| (&shadow.target, line_of(facts, shadow.at)));
        let hidden_by = hidden.and_then(|(target, (file, line))| {
            mounts
                .iter()
                .position(|mount| mount.target == *target && (&mount.file, mount.line) == (&file, line))
        });
        Changed {
            path: path.to_owned(),
            change: changing.change(),
            verdict: route.verdict.as_str(),
            recipe,
            mounted: route.verdict == Verdict::Reaches && route.hops.iter().any(|hop| !of_dockerfile(hop)),
            container_paths: route.container_paths.clone(),
            taken_by: self.taken_by(path),
            hidden_by,
            ignored_by: ignored.map(|hop| place(hop.at, &hop.what)),
        }
    }

    /// The files that say how the image is built and the container made.
    fn recipes(&self) -> BTreeSet<String> {
        let facts = self.worlds.after;
        let mut all = BTreeSet::from([path_of(facts, self.index)]);
        all.extend(self.after.ignore_file.clone());
        all.extend(self.before_ignore.clone());
        if let Some((service, index)) = builds::earlier(self.worlds, self.which) {
            all.insert(path_of(self.worlds.before, index));
            all.extend(service.iter().flat_map(|service| sources(self.worlds.before, service)));
        }
        if let Some(service) = self.which.service {
            all.extend(sources(facts, service));
            all.insert(paths::join(&service.dir, ".env"));
        }
        all
    }

    fn context(&self) -> Option<Context> {
        match self.which.service {
            Some(service) => service.build.as_ref()?.context.clone(),
            None => Some(builds::guessed(self.worlds.after, self.index)),
        }
    }

    /// The lines of the instructions that take a file from the context.
    fn taken_by(&self, path: &str) -> Vec<usize> {
        let Some(context) = self.context() else { return Vec::new() };
        let Some(relative) = context.relative(path).filter(|path| context.ignored(path).is_none()) else {
            return Vec::new();
        };
        self.takers(&context, relative)
    }

    fn takers(&self, context: &Context, relative: &str) -> Vec<usize> {
        let snapshot = self.worlds.after.snapshot;
        let model = &self.worlds.after.dockerfiles[self.index].model;
        let lines = LineIndex::new(&snapshot.file(model.file).text);
        let takes = |what: &What| match what {
            What::Copy(copy) if copy.from == CopyFrom::Context => {
                lands_in(snapshot, context, copy, copy.dest_dir, relative) != Lands::No
            }
            What::Run(run) => run.context_mounts.iter().any(|(source, _)| {
                let at = source.known().map(|source| paths::clean(&format!("/{source}"))[1..].to_owned());
                at.is_some_and(|at| paths::below(&at, relative).is_some())
            }),
            _ => false,
        };
        let steps = self.forecast.iter().flat_map(|found| &self.stages.all[found.stage].steps);
        let taking = steps.filter(|step| takes(&step.what));
        taking.map(|step| lines.line(model.instructions[step.instruction].span.start())).collect()
    }

    /// What is mounted over the container.
    pub(super) fn mounts(&self) -> Vec<Mount> {
        let facts = self.worlds.after;
        let target = self.stages.target(self.after.target.as_deref());
        let context = self.context();
        let fills = |place: &str| match (&context, target) {
            (Some(context), Some(target)) => {
                mounts::filled(facts, context, self.stages, target, place).is_some()
            }
            _ => false,
        };
        let mut found = Vec::new();
        if let Some(service) = self.which.service {
            for mount in &facts.model(service).mounts {
                let Some(place) = mount.target.known.as_deref().map(paths::clean) else { continue };
                let (file, line) = line_of(facts, mount.at);
                let source = mount.source.as_ref().map(|s| s.known.as_ref().unwrap_or(&s.raw).clone());
                let hides = fills(&place);
                found.push(Mount { kind: kind(mount.kind), source, target: place, file, line, hides });
            }
        }
        let model = &facts.dockerfiles[self.index].model;
        let chain = target.map(|target| self.stages.chain(target)).unwrap_or_default();
        for step in chain.into_iter().flat_map(|stage| &self.stages.all[stage].steps) {
            let What::Volume(places) = &step.what else { continue };
            let at = Location::new(model.file, model.instructions[step.instruction].span);
            let (file, line) = line_of(facts, at);
            for place in places.iter().filter_map(Val::known) {
                if found.iter().any(|mount: &Mount| mount.target == place) {
                    continue;
                }
                let (kind, target) = (kind(MountKind::Anonymous), place.to_owned());
                found.push(Mount {
                    kind,
                    source: None,
                    target,
                    file: file.clone(),
                    line,
                    hides: fills(place),
                });
            }
        }
        found
    }

    /// Files that git does not track and a COPY takes.
    pub(super) fn not_tracked(&self, tree: &Tree) -> Option<String> {
        let sides = self.worlds.sides;
        let context = self.context()?;
        if sides.ids.is_empty() {
            return None;
        }
        let dir = &context.dir;
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for path in sides.ids.keys().filter_map(|path| context.relative(path)) {
            known.extend(
                std::iter::successors(Some(paths::parent(path)), |dir| Some(paths::parent(dir)))
                    .take_while(|dir| !dir.is_empty()),
            );
        }
        // The highest folder that holds nothing else, and one file of it.
        let mut tops: BTreeMap<&str, &str> = BTreeMap::new();
        for (path, node) in tree.entries() {
            let whole = paths::join(dir, path);
            let is_known = sides.ids.contains_key(&whole)
                || sides.changes.contains_key(&whole)
                || sides.module(&whole).is_some()
                || paths::below(".git", &whole).is_some();
            if is_known || matches!(node, Node::Dir { .. }) {
                continue;
            }
            let mut top = path;
            while !paths::parent(top).is_empty() && !known.contains(paths::parent(top)) {
                top = paths::parent(top);
            }
            if tops.contains_key(top) || context.ignored(path).is_some() {
                continue;
            }
            tops.insert(top, path);
        }
        let taken: Vec<String> = tops
            .iter()
            .filter(|(_, path)| !self.takers(&context, path).is_empty())
            .map(|(top, _)| format!("`{}`", paths::join(dir, top)))
            .collect();
        if taken.is_empty() {
            return None;
        }
        let more = if taken.len() > 3 { format!(" and {} more", taken.len() - 3) } else { String::new() };
        let (are, count) = if taken.len() == 1 { ("is", "it counts") } else { ("are", "they count") };
        Some(format!(
            "{}{more} {are} copied and not tracked by git: {count} as unchanged",
            taken.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
        ))
    }
}

/// How files get into one state of the build.
struct Way<'a> {
    facts: &'a Facts<'a>,
    service: Option<&'a Service>,
    /// Of a Dockerfile that no service builds.
    made: Option<Service>,
}

impl<'a> Way<'a> {
    fn of(facts: &'a Facts<'a>, service: Option<&'a Service>, index: usize) -> Self {
        let made = || {
            let stages = facts.dockerfiles[index].stages.clone();
            let build = ServiceBuild {
                context: Some(builds::guessed(facts, index)),
                dockerfile: Some(index),
                target: stages.target(None),
                stages: Some(stages),
                named: Vec::new(),
            };
            Service { project: 0, index: 0, dir: String::new(), build: Some(build) }
        };
        Self { facts, service, made: service.is_none().then(made) }
    }

    fn route(&self, path: &str) -> Route {
        match (self.service, &self.made) {
            (Some(service), _) => route::route(self.facts, service, path),
            // Nobody knows what is mounted over it.
            (None, Some(made)) => route::in_image(self.facts, made, path),
            (None, None) => Route {
                verdict: Verdict::Unknown,
                container_paths: Vec::new(),
                hops: Vec::new(),
                shadow: None,
                way: None,
            },
        }
    }
}
