//! Which steps of a build come from the cache that another build has left.

use std::collections::BTreeSet;

use super::{
    build::{Build, Builder, NoCache},
    content::{Content, Same, Under},
    given::Given,
    image::Image,
    steps::At,
    store::{Found, Key, StepId, Store},
    tree::Tree,
};
use crate::{
    analysis::stages::{Args, Base, Stages, What},
    model::dockerfile::{self, Dockerfile, Kind},
    syntax::dockerfile as syntax,
    text::FileId,
};

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It comes from the cache.
    Hit,
    /// It runs.
    Miss,
    /// What decides is not known from the files.
    Unknown,
    /// The builder takes no step for it: it only sets something in the image.
    None,
}

/// One instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepForecast {
    /// Its index in [`Dockerfile::instructions`].
    pub instruction: usize,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why, for people.
    pub because: String,
    /// Whether it is so because of a step that it follows or takes files from, and not by itself.
    pub above: bool,
}

/// What is decided of one step.
struct Decided {
    outcome: Outcome,
    because: String,
    above: bool,
}

impl Decided {
    fn itself(outcome: Outcome, because: String) -> Self {
        Self { outcome, because, above: false }
    }

    fn by_another(outcome: Outcome, because: String) -> Self {
        Self { outcome, because, above: true }
    }
}

/// A stage that the builder goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageForecast {
    /// Its index in [`Dockerfile::stages`].
    pub stage: usize,
    /// Its instructions in order, without the FROM.
    pub steps: Vec<StepForecast>,
}

/// What a build takes from the cache that holds what `before` left, if there was one, and nothing else. A step that is
/// called a miss can still be a hit on an older entry.
///
/// The stages that the builder does not run are left out: `BuildKit` runs what the target needs, the classic builder
/// every stage up to it.
pub fn forecast<'a>(before: Option<&Build<'a>>, after: &Build<'a>, builder: Builder) -> Vec<StageForecast> {
    let linked = builder == Builder::BuildKit && after.links.is_none() && after.dockerfile.contains("--link");
    if !linked {
        return one(before, after, builder);
    }
    let with = |links: bool| {
        let set = |build: &Build<'a>| Build { links: Some(links), ..build.clone() };
        one(before.map(set).as_ref(), &set(after), builder)
    };
    let (mut plain, linking) = (with(false), with(true));
    for (stage, other) in plain.iter_mut().zip(&linking) {
        for (step, other) in stage.steps.iter_mut().zip(&other.steps) {
            if step.outcome != other.outcome {
                step.outcome = Outcome::Unknown;
                step.because = String::from("it depends on whether the engine can link layers");
                step.above = false;
            }
        }
    }
    plain
}

fn one(before: Option<&Build<'_>>, after: &Build<'_>, builder: Builder) -> Vec<StageForecast> {
    let mut store = Store::default();
    let mut seen = None;
    if let Some(before) = before {
        let tree = before.tree.without(before.ignore);
        // What was pulled then is what is there now.
        let before = Build { pull: false, ..before.clone() };
        Walk::new(&before, builder, &tree, None).run(&mut store, 0);
        seen = Some(tree);
    }
    let tree = after.tree.without(after.ignore);
    let limit = store.fresh();
    let (believed, missed) = match seen.filter(|_| builder == Builder::BuildKit) {
        Some(seen) => tree.behind_snapshot(&seen),
        None => (tree.clone(), Vec::new()),
    };
    let walk = Walk::new(after, builder, &believed, (!missed.is_empty()).then_some(&tree));
    store.anew.clear();
    if matches!(after.no_cache, NoCache::Stages(_)) {
        // A step that two stages share is made anew for both, whichever comes first.
        let mut trial = store.clone();
        walk.run(&mut trial, limit);
        store.anew = trial.anew.into_iter().filter(|step| *step < limit).collect();
    }
    walk.run(&mut store, limit)
}

/// The instructions of all stages that miss when nothing but arguments and context change, by their index.
pub(super) fn missed(
    dockerfile: &str,
    before: (&Args, &Tree),
    after: (&Args, &Tree),
    builder: Builder,
) -> BTreeSet<usize> {
    let build = |(args, tree)| Build {
        dockerfile,
        args,
        target: None,
        tree,
        ignore: None,
        no_cache: NoCache::Nothing,
        pull: false,
        links: Some(false),
    };
    let mut store = Store::default();
    let whole = |build: &Build<'_>, store: &mut Store, limit| {
        let walk = Walk::new(build, builder, build.tree, None);
        walk.walk(0..walk.stages.all.len(), store, limit)
    };
    whole(&build(before), &mut store, 0);
    let limit = store.fresh();
    let stages = whole(&build(after), &mut store, limit);
    let steps = stages.into_iter().flat_map(|stage| stage.steps);
    steps.filter(|step| step.outcome == Outcome::Miss).map(|step| step.instruction).collect()
}

struct Walk<'a> {
    build: &'a Build<'a>,
    builder: Builder,
    tree: &'a Tree,
    /// The context as it is, where the builder believes something else.
    real: Option<&'a Tree>,
    model: Dockerfile,
    syntax: syntax::Tree,
    stages: Stages,
    given: Given<'a>,
}

/// Where a stage stands.
#[derive(Debug, Clone)]
struct Chain {
    /// The steps that the next one may follow.
    parents: Vec<Option<StepId>>,
    /// Whether there is one, and it is the one.
    sure: bool,
    /// The instruction that made all after it miss, for people.
    missed: Option<String>,
    /// Why it is not known what comes before, for people.
    open: Option<String>,
}

/// A step that is looked up.
struct Asked<'a> {
    key: &'a Key,
    index: usize,
    /// The instruction, for people.
    shown: String,
    /// Why it is made in any case.
    forced: Option<&'static str>,
    /// The last step that the build before made; 0 for that build itself.
    limit: StepId,
}

/// A stage at its end.
#[derive(Debug, Clone)]
struct Done {
    chain: Chain,
    image: Image,
    held: Content,
    /// Whether one of its steps is made without asking the cache: then none after it is taken from there (seen on
    /// engines 20.10 and 26.1). What only takes files of it is keyed by their bytes.
    uncached: bool,
}

impl<'a> Walk<'a> {
    fn new(build: &'a Build<'a>, builder: Builder, tree: &'a Tree, real: Option<&'a Tree>) -> Self {
        let model = dockerfile::parse(FileId(0), build.dockerfile);
        let stages = Stages::resolve(&model, build.args);
        let syntax = syntax::parse(build.dockerfile);
        let given = Given::new(&model, build.args, builder);
        Self { build, builder, tree, real, model, syntax, stages, given }
    }

    fn run(&self, store: &mut Store, limit: StepId) -> Vec<StageForecast> {
        let Some(target) = self.stages.target(self.build.target) else { return Vec::new() };
        let needed = match self.builder {
            Builder::BuildKit => self.stages.needed(target),
            Builder::Classic => (0..=target).collect(),
        };
        self.walk(needed, store, limit)
    }

    fn walk(
        &self,
        stages: impl IntoIterator<Item = usize>,
        store: &mut Store,
        limit: StepId,
    ) -> Vec<StageForecast> {
        let mut done: Vec<Option<Done>> = vec![None; self.stages.all.len()];
        let mut forecasts = Vec::new();
        for stage in stages {
            let (forecast, end) = self.stage(store, limit, stage, &done);
            forecasts.push(forecast);
            done[stage] = Some(end);
        }
        forecasts
    }

    fn start(&self, store: &mut Store, limit: StepId, stage: usize, done: &[Option<Done>]) -> Done {
        match &self.stages.all[stage].base {
            Base::Stage(parent) => {
                let parent =
                    done[*parent].as_ref().expect("a stage is walked after the one that it starts from");
                let mut chain = parent.chain.clone();
                if let Some(trigger) = self.trigger(stage).filter(|_| limit > 0) {
                    // It is a step that no line of this stage shows.
                    chain.sure = false;
                    chain.open = Some(format!("{trigger} of the stage that it starts from runs first"));
                }
                Done { chain, image: parent.image.child(), ..parent.clone() }
            }
            Base::Scratch => {
                let chain = Chain { parents: vec![None], sure: true, missed: None, open: None };
                self.root(chain, None)
            }
            Base::Image(image) => {
                let name =
                    image.known().map_or_else(|| self.model.stages[stage].base.value.clone(), str::to_owned);
                let moves = self.build.pull && !name.contains('@');
                let open = moves.then(|| format!("`{name}` may be another image when it is pulled"));
                let chain =
                    Chain { parents: vec![Some(store.root(&name))], sure: !moves, missed: None, open };
                self.root(chain, Some(name))
            }
        }
    }

    /// An ONBUILD of the stage that this one starts from, for people.
    fn trigger(&self, stage: usize) -> Option<String> {
        let Base::Stage(parent) = self.stages.all[stage].base else { return None };
        let mut body = self.model.stages[parent].body.clone();
        body.find(|&at| matches!(self.model.instructions[at].kind, Kind::OnBuild(_))).map(|at| self.shown(at))
    }

    fn root(&self, chain: Chain, image: Option<String>) -> Done {
        let held = Content::new(image.clone().map_or(Under::Nothing, Under::Image));
        Done { chain, image: Image::of(self.builder, image), held, uncached: false }
    }

    fn stage(
        &self,
        store: &mut Store,
        limit: StepId,
        stage: usize,
        done: &[Option<Done>],
    ) -> (StageForecast, Done) {
        let mut at = self.start(store, limit, stage, done);
        let mut steps = Vec::new();
        // The classic builder asks no more after a miss in the stage.
        let mut busted = false;
        for step in &self.stages.all[stage].steps {
            let index = step.instruction;
            let instruction = self.at(index, &step.what, done, self.tree);
            let Some(key) = instruction.key(&at.image) else {
                let because = "it only sets something in the image".to_owned();
                steps.push(StepForecast {
                    instruction: index,
                    outcome: Outcome::None,
                    because,
                    above: false,
                });
                instruction.apply(&mut at.image, &mut at.held, &Under::Nothing);
                continue;
            };
            let asked = Asked {
                key: &key,
                index,
                shown: self.shown(index),
                forced: self.forced(stage, &step.what, &at),
                limit,
            };
            let (decided, own) = if instruction.linked() && self.build.links == Some(true) {
                self.linked(store, &mut at.chain, &asked)
            } else {
                let decided = self.decide(store, &mut at.chain, &asked, &mut busted);
                (decided, at.chain.parents[0].unwrap_or_default())
            };
            at.uncached |= store.anew.contains(&own);
            let Decided { outcome, because, above } = decided;
            let because = self.snapshot(outcome, &instruction, &at, done, &key).unwrap_or(because);
            let again = limit > 0 && (outcome != Outcome::Hit || own > limit);
            let under = if again { Under::Again(asked.shown) } else { Under::Step(own) };
            instruction.apply(&mut at.image, &mut at.held, &under);
            steps.push(StepForecast { instruction: index, outcome, because, above });
        }
        (StageForecast { stage, steps }, at)
    }

    fn at<'b>(&'b self, index: usize, what: &'b What, done: &'b [Option<Done>], tree: &'b Tree) -> At<'b> {
        At {
            index,
            builder: self.builder,
            escape: self.model.escape,
            syntax: &self.syntax.instructions[index],
            kind: &self.model.instructions[index].kind,
            what,
            tree,
            stages: done.iter().map(|done| done.as_ref().map(|done| &done.held)).collect(),
            given: &self.given,
            pull: self.build.pull,
        }
    }

    /// Why the step is not taken from the cache whatever its key is, if it is so.
    fn forced(&self, stage: usize, what: &What, at: &Done) -> Option<&'static str> {
        let buildkit = self.builder == Builder::BuildKit;
        if buildkit && at.uncached {
            return Some(BUILDS_ON);
        }
        let asked = match &self.build.no_cache {
            NoCache::Nothing => None,
            NoCache::Everything => Some("`--no-cache`"),
            NoCache::Stages(names) => {
                let own = self.stages.all[stage].name.as_deref();
                let own = names.iter().any(|name| own == Some(name.to_lowercase().as_str()));
                (own && buildkit).then_some("`--no-cache-filter` names the stage")
            }
        };
        // BuildKit makes folders from the cache as long as what comes before them is.
        asked.filter(|_| !(buildkit && matches!(what, What::Workdir(_))))
    }

    /// Looks a step up, and goes on to it.
    fn decide(&self, store: &mut Store, chain: &mut Chain, asked: &Asked<'_>, busted: &mut bool) -> Decided {
        let Asked { key, index, shown, forced, limit } = asked;
        let limit = *limit;
        let classic = self.builder == Builder::Classic;
        let found = if classic && *busted {
            Found::No(String::new())
        } else {
            store.find(&chain.parents, key, *index)
        };
        if let Some(forced) = forced {
            let known = match found {
                Found::Yes(steps) if !classic => steps[0],
                _ => store.add(chain.parents[0], (*key).clone(), *index),
            };
            *chain =
                Chain { parents: vec![Some(known)], sure: true, missed: Some(shown.clone()), open: None };
            *busted = true;
            store.anew.insert(known);
            let above = *forced == BUILDS_ON;
            return Decided { outcome: Outcome::Miss, because: (*forced).to_owned(), above };
        }
        if let Found::Yes(steps) = &found
            && !classic
            && store.anew.contains(&steps[0])
        {
            chain.parents = vec![Some(steps[0])];
            let because = "a stage that is made without the cache has the same step".to_owned();
            return Decided::by_another(Outcome::Miss, because);
        }
        match found {
            Found::Yes(steps) => {
                let open = chain.open.clone().filter(|_| !chain.sure);
                chain.parents = steps.into_iter().map(Some).collect();
                match open {
                    None => Decided::itself(Outcome::Hit, "nothing that keys it changed".to_owned()),
                    Some(open) => Decided::by_another(Outcome::Unknown, open),
                }
            }
            // What fills the cache is known to run, whatever it finds.
            Found::Maybe(_, why) if limit == 0 => {
                let step = store.add(chain.parents[0], (*key).clone(), *index);
                chain.parents = vec![Some(step)];
                Decided::itself(Outcome::Unknown, why)
            }
            Found::Maybe(steps, why) => {
                let decided = match chain.open.take() {
                    Some(open) => Decided::by_another(Outcome::Unknown, open),
                    None => Decided::itself(Outcome::Unknown, why),
                };
                *chain = Chain {
                    parents: steps.into_iter().map(Some).collect(),
                    sure: false,
                    missed: None,
                    open: Some(format!("whether {shown} is cached is not known")),
                };
                decided
            }
            Found::No(why) => {
                let decided = match &chain.missed {
                    Some(above) => {
                        Decided::by_another(Outcome::Miss, format!("{above} above it is not cached"))
                    }
                    None => Decided::itself(Outcome::Miss, why),
                };
                let parent = if chain.sure { chain.parents[0] } else { Some(store.fresh()) };
                let step = store.add(parent, (*key).clone(), *index);
                let missed = chain.missed.take().or_else(|| Some(shown.clone()));
                *chain = Chain { parents: vec![Some(step)], sure: true, missed, open: None };
                *busted = true;
                decided
            }
        }
    }

    /// A layer of its own below nothing; together with what it is put on it is what the next step follows.
    fn linked(&self, store: &mut Store, chain: &mut Chain, asked: &Asked<'_>) -> (Decided, StepId) {
        let mut own = Chain { parents: vec![None], sure: true, missed: None, open: None };
        let decided = self.decide(store, &mut own, asked, &mut false);
        let layer = own.parents[0].unwrap_or_default();
        let key = Key { parts: vec![("merge".to_owned(), layer.to_string())], ..Key::default() };
        if let Found::Yes(steps) = store.find(&chain.parents, &key, asked.index) {
            chain.parents = steps.into_iter().map(Some).collect();
        } else {
            let parent = if chain.sure { chain.parents[0] } else { Some(store.fresh()) };
            chain.parents = vec![Some(store.add(parent, key, asked.index))];
            chain.sure = true;
            chain.missed.get_or_insert_with(|| asked.shown.clone());
        }
        (decided, layer)
    }

    /// What is said of a hit that only the context snapshot makes one.
    fn snapshot(
        &self,
        outcome: Outcome,
        step: &At<'_>,
        at: &Done,
        done: &[Option<Done>],
        key: &Key,
    ) -> Option<String> {
        let real = self.real.filter(|_| outcome == Outcome::Hit)?;
        let really = self.at(step.index, step.what, done, real).key(&at.image)?;
        key.inputs.iter().zip(&really.inputs).find_map(|(believed, real)| match believed.same(real) {
            Same::No(paths) => Some(format!(
                "`{}` changed, but not its size and mtime: the context snapshot keeps the old bytes",
                paths[0]
            )),
            _ => None,
        })
    }

    /// The instruction for people: its first line.
    fn shown(&self, index: usize) -> String {
        let span = self.model.instructions[index].span;
        let line = self.build.dockerfile[span.range()].lines().next().unwrap_or_default();
        format!("`{}`", line.trim_end_matches(['\\', '`', ' ']).trim_end())
    }
}

/// Why a step is made anew that builds on one which is not taken from the cache.
const BUILDS_ON: &str = "what it builds on is made without the cache";
