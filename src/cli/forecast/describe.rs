//! One build, asked of the model and put into the document.

use std::collections::BTreeMap;

use super::{
    Next,
    builds::{self, Given, Which, Worlds},
    files, trees,
};
use crate::{
    analysis::{
        cache::{self, Builder, NoCache, Outcome, StageForecast, tree::Tree},
        links::Named,
        paths,
        stages::{Args, Base, CopyFrom, Stages, Step, What},
        vars::Val,
    },
    model::dockerfile::{self, Dockerfile},
    report::forecast as report,
    text::LineIndex,
};

/// Builds whose base images are built by others are followed this far.
const MOST: usize = 4;

/// What becomes of a build.
pub(super) fn build(worlds: &Worlds<'_>, which: &Which<'_>, next: &Next) -> report::Build {
    at_depth(worlds, which, next, 0)
}

fn at_depth(worlds: &Worlds<'_>, which: &Which<'_>, next: &Next, depth: usize) -> report::Build {
    let facts = worlds.after;
    let path = |file| facts.snapshot.file(file).path.clone();
    let builder = builds::builder(facts, next);
    let mut build = report::Build {
        service: which.service.map(|service| facts.model(service).name.value.clone()),
        compose: which.service.map(|service| path(facts.compose_file(service))),
        dockerfile: which.dockerfile.map(|index| path(facts.dockerfiles[index].model.file)),
        context: None,
        target: None,
        builder: if builder == Builder::Classic { "classic" } else { "buildkit" },
        problem: which.problem.clone(),
        counts: report::Counts::default(),
        stages: Vec::new(),
        changed: Vec::new(),
        mounts: Vec::new(),
        notes: Vec::new(),
    };
    let (Some(index), None) = (which.dockerfile, &which.problem) else { return build };
    let after = match builds::given(facts, which.service, index) {
        Ok(after) => after,
        Err(reason) => {
            build.problem = Some(reason);
            return build;
        }
    };
    build.context = Some(if after.dir.is_empty() { ".".to_owned() } else { after.dir.clone() });
    build.target.clone_from(&after.target);
    let (no_cache, pull) = builds::fresh(facts, which.service, next);
    let asked = Asked { worlds, which, next, builder, no_cache, pull, index, after: &after, depth };
    let found = asked.forecast();
    let (before_ignore, tree) = (found.before_ignore, found.tree);
    build.notes = found.notes;
    let model = &facts.dockerfiles[index].model;
    let own = Stages::resolve(model, &after.args);
    let linked = which.service.and_then(|service| service.build.as_ref()?.stages.as_ref());
    let stages = linked.unwrap_or(&own);
    let text = &facts.snapshot.file(model.file).text;
    build.stages = described(&found.stages, model, stages, text);
    let look =
        files::Look { worlds, which, index, after: &after, before_ignore, stages, forecast: &found.stages };
    build.mounts = look.mounts();
    (build.changed, build.notes) = {
        let (changed, more) = look.changed(&build.mounts);
        (changed, [build.notes, more].concat())
    };
    for changed in &build.changed {
        if let Some(mount) = changed.hidden_by {
            build.mounts[mount].hides = true;
        }
    }
    build.notes.extend(look.not_tracked(&tree));
    build.notes.extend(same_size(worlds, &build));
    build.notes.extend(given_outside(&after, next));
    build.counted()
}

/// What a forecast is asked with.
struct Asked<'a> {
    worlds: &'a Worlds<'a>,
    which: &'a Which<'a>,
    next: &'a Next,
    builder: Builder,
    no_cache: NoCache,
    pull: bool,
    index: usize,
    after: &'a Given<'a>,
    /// How many builds wait for this one.
    depth: usize,
}

struct Answer {
    stages: Vec<StageForecast>,
    notes: Vec<String>,
    /// The ignore file of before.
    before_ignore: Option<String>,
    /// The context of the next build.
    tree: Tree,
}

impl Asked<'_> {
    fn forecast(&self) -> Answer {
        let mut notes = Vec::new();
        let earlier = builds::earlier(self.worlds, self.which);
        let before = earlier.map(|(service, index)| builds::given(self.worlds.before, service, index));
        let mut open = self.lost();
        let before = match before {
            Some(Ok(before)) => Some(before),
            Some(Err(reason)) => {
                open.get_or_insert(format!("what was built before is not known: {reason}"));
                None
            }
            None => {
                notes.push(
                    "there was no such build before: it finds nothing of its own in the cache".to_owned(),
                );
                None
            }
        };
        let root = self.worlds.root;
        let dir = self.after.dir.as_str();
        let same = before.as_ref().filter(|before| before.dir == dir);
        let mut ignores = vec![self.after.ignore.as_deref()];
        ignores.extend(same.map(|before| before.ignore.as_deref()));
        let (mut was, tree) = trees::both(root, dir, &ignores, self.worlds.sides);
        if let Some(before) = before.as_ref().filter(|before| before.dir != dir) {
            was = trees::both(root, &before.dir, &[before.ignore.as_deref()], self.worlds.sides).0;
        }
        let none = Args::new();
        let (old, new) =
            builds::arguments(before.as_ref().map_or(&none, |b| &b.args), &self.after.args, self.next);
        let next = cache::Build {
            dockerfile: self.after.dockerfile,
            args: &new,
            target: self.after.target.as_deref(),
            tree: &tree,
            ignore: self.after.ignore.as_deref(),
            no_cache: self.no_cache.clone(),
            pull: self.pull,
            links: None,
        };
        let last = before.as_ref().map(|before| cache::Build {
            dockerfile: before.dockerfile,
            args: &old,
            target: before.target.as_deref(),
            tree: &was,
            ignore: before.ignore.as_deref(),
            no_cache: NoCache::Nothing,
            pull: false,
            links: None,
        });
        let mut stages = if let Some(reason) = &open {
            // Against itself, to see what is taken from the cache in no case.
            let mut stages = cache::forecast(Some(&next), &next, self.builder);
            for step in stages.iter_mut().flat_map(|stage| &mut stage.steps) {
                if step.outcome == Outcome::Hit {
                    (step.outcome, step.because) = (Outcome::Unknown, reason.clone());
                }
            }
            stages
        } else {
            cache::forecast(last.as_ref(), &next, self.builder)
        };
        self.named_contexts(&mut stages);
        self.own_bases(&mut stages);
        let before_ignore = before.and_then(|before| before.ignore_file);
        Answer { stages, notes, before_ignore, tree }
    }

    /// Why it is not known what the last build was.
    fn lost(&self) -> Option<String> {
        let facts = self.worlds.after;
        let path = |file| facts.snapshot.file(file).path.clone();
        let mut decide = vec![path(facts.dockerfiles[self.index].model.file)];
        decide.extend(self.after.ignore_file.clone());
        if let Some(service) = self.which.service {
            decide.extend(facts.projects[service.project].sources.iter().map(|file| path(*file)));
            decide.push(paths::join(&service.dir, ".env"));
        }
        let found = decide.into_iter().find(|path| self.worlds.sides.lost.contains(path))?;
        Some(format!(
            "`{found}` was another, and what it said is not known: name the revision with `--since`"
        ))
    }

    /// An image that another service of the project builds anew is another base.
    fn own_bases(&self, stages: &mut [StageForecast]) {
        let Some(service) = self.which.service.filter(|_| self.depth < MOST) else { return };
        let facts = self.worlds.after;
        let anew = |base: &Base| {
            let Base::Image(Val::Known(image)) = base else { return None };
            let other = builds::makes(facts, service, image)?;
            let which = builds::of_service(facts, other).ok()?;
            let found = at_depth(self.worlds, &which, self.next, self.depth + 1);
            let same = found.problem.is_none() && found.counts.miss + found.counts.unknown == 0;
            let name = &facts.model(other).name.value;
            (!same).then(|| format!("`{image}` is built by `{name}`, and may be another image"))
        };
        self.spread(stages, &anew, &|_| None);
    }

    /// Files of a named context are no part of the model: what takes them after a change is not known.
    fn named_contexts(&self, stages: &mut [StageForecast]) {
        let Some(build) = self.which.service.and_then(|service| service.build.as_ref()) else { return };
        let changed = |named: &Named| match named {
            Named::Folder(context) => {
                let mut paths = self.worlds.sides.changes.keys();
                paths.find(|path| context.relative(path).is_some_and(|path| context.ignored(path).is_none()))
            }
            Named::Elsewhere | Named::Unknown => None,
        };
        let changed: Vec<(&String, &String)> =
            build.named.iter().filter_map(|(name, named)| Some((name, changed(named)?))).collect();
        let why = |used: &str| {
            let (name, path) = changed.iter().find(|(name, _)| *name == used)?;
            Some(format!("`{path}` changed, and belongs to the named context `{name}`"))
        };
        let from = |from: &CopyFrom| match from {
            CopyFrom::External(Val::Known(name)) => why(name),
            _ => None,
        };
        let base = |base: &Base| match base {
            Base::Image(Val::Known(name)) => why(name),
            _ => None,
        };
        let step = |step: &Step| match &step.what {
            What::Copy(copy) => from(&copy.from),
            What::Run(run) => run.mounts.iter().find_map(|mount| from(mount.from.as_ref()?)),
            _ => None,
        };
        self.spread(stages, &base, &step);
    }

    /// From what a base or a step brings that is not known, nothing below is a sure hit.
    fn spread(
        &self,
        stages: &mut [StageForecast],
        base: &dyn Fn(&Base) -> Option<String>,
        step: &dyn Fn(&Step) -> Option<String>,
    ) {
        let build = self.which.service.and_then(|service| service.build.as_ref());
        let Some(resolved) = build.and_then(|build| build.stages.as_ref()) else { return };
        let mut open: BTreeMap<usize, String> = BTreeMap::new();
        for stage in stages {
            let own = &resolved.all[stage.stage];
            let mut why = match own.base {
                Base::Stage(parent) => open.get(&parent).cloned(),
                _ => base(&own.base),
            };
            for (own, forecast) in own.steps.iter().zip(&mut stage.steps) {
                let brought = || taken_from(own).iter().find_map(|stage| open.get(stage)).cloned();
                why = why.or_else(|| step(own)).or_else(brought);
                if let (Some(why), Outcome::Hit) = (&why, forecast.outcome) {
                    (forecast.outcome, forecast.because) = (Outcome::Unknown, why.clone());
                }
            }
            open.extend(why.map(|why| (stage.stage, why)));
        }
    }
}

fn described(
    forecast: &[StageForecast],
    model: &Dockerfile,
    stages: &Stages,
    text: &str,
) -> Vec<report::Stage> {
    let lines = LineIndex::new(text);
    let place = |stage: usize| forecast.iter().position(|found| found.stage == stage);
    let step = |(step, found): (&Step, &cache::StepForecast)| {
        let instruction = &model.instructions[found.instruction];
        let mut takes_from: Vec<usize> = taken_from(step).into_iter().filter_map(place).collect();
        takes_from.dedup();
        report::Step {
            line: lines.line(instruction.span.start()),
            cmd: instruction.keyword.value.to_uppercase(),
            text: in_one_line(&text[instruction.span.range()], model.escape),
            outcome: outcome(found.outcome),
            because: because(&found.because),
            above: found.above,
            takes_from,
        }
    };
    let stage = |found: &StageForecast| {
        let (own, written) = (&stages.all[found.stage], &model.stages[found.stage]);
        report::Stage {
            name: name(written, found.stage),
            from: written.base.value.clone(),
            parent: match own.base {
                Base::Stage(parent) => place(parent),
                _ => None,
            },
            steps: own.steps.iter().zip(&found.steps).map(step).collect(),
        }
    };
    forecast.iter().map(stage).collect()
}

fn name(stage: &dockerfile::Stage, index: usize) -> String {
    stage.name.as_ref().map_or_else(|| format!("stage-{index}"), |name| name.value.clone())
}

fn taken_from(step: &Step) -> Vec<usize> {
    let of = |from: &CopyFrom| match from {
        CopyFrom::Stage(stage) => Some(*stage),
        _ => None,
    };
    match &step.what {
        What::Copy(copy) => of(&copy.from).into_iter().collect(),
        What::Run(run) => run.mounts.iter().filter_map(|mount| of(mount.from.as_ref()?)).collect(),
        _ => Vec::new(),
    }
}

fn outcome(outcome: Outcome) -> report::Outcome {
    match outcome {
        Outcome::Hit => report::Outcome::Hit,
        Outcome::Miss => report::Outcome::Miss,
        Outcome::Unknown => report::Outcome::Unknown,
        Outcome::None => report::Outcome::None,
    }
}

/// The reason for people who do not know how the model says that git's folder may have changed.
fn because(reason: &str) -> String {
    let of_git = ["`.git/", "`/.git/"].iter().any(|start| reason.contains(start));
    if of_git && reason.starts_with("what the build itself puts") {
        return "it takes `.git`, which changes with every commit and many a command".to_owned();
    }
    reason.to_owned()
}

/// An instruction without its line breaks; of one with a here-document the first line.
fn in_one_line(text: &str, escape: char) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') && !parts.is_empty() {
            continue;
        }
        let Some(rest) = line.strip_suffix(escape) else {
            parts.push(line);
            break;
        };
        parts.push(rest.trim_end());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// What is known of the sizes, said once for a build.
fn same_size(worlds: &Worlds<'_>, build: &report::Build) -> Option<String> {
    let taken = |path: &&String| build.changed.iter().any(|c| c.path == **path && !c.taken_by.is_empty());
    let mut files = worlds.sides.same_size.iter().filter(taken);
    let first = files.next().filter(|_| build.builder == "buildkit")?;
    let more = match files.count() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "`{first}`{more} changed and {} as large as before: BuildKit keeps the old bytes if the time is as before, too (rsync -t, tar and cp -p keep it, git does not)",
        if more.is_empty() { "is" } else { "are" }
    ))
}

/// Arguments whose value the files do not say.
fn given_outside(after: &Given<'_>, next: &Next) -> Option<String> {
    let open = |(name, value): &(&String, &Val)| {
        **value == Val::Unknown && !next.args.iter().any(|(own, _)| own == *name)
    };
    let names: Vec<String> = after.args.iter().filter(open).map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() {
        return None;
    }
    let (comes, counts) = if names.len() == 1 { ("comes", "counts") } else { ("come", "count") };
    Some(format!(
        "{} {comes} from the environment and {counts} as before: `--build-arg` says otherwise",
        names.join(", ")
    ))
}
