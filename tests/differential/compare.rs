//! What the model says of the same two builds, and where a builder says something else.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use sha2::{Digest, Sha256};
use unstale::{
    analysis::{
        cache::{
            self, Build, NoCache, Outcome, StepForecast, forecast,
            tree::{Node, Stamp, Tree},
        },
        stages::Args,
        vars::Val,
    },
    model::dockerfile::{Kind, parse},
    syntax::dockerignore::Patterns,
    text::FileId,
};

use super::{
    engine::{Answers, Cached},
    pair::{Entry, Names, Pair, Side, seconds},
};
use crate::support::Builder;

/// A step that the builder treats otherwise than the model says.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    /// `before` or `after`.
    pub(super) build: &'static str,
    /// The instruction.
    pub(super) line: String,
    /// `hit`, `miss`, or `not shown`.
    pub(super) builder: &'static str,
    pub(super) model: Outcome,
    pub(super) because: String,
}

/// How the two compare, in steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict {
    pub(super) agree: usize,
    /// Steps of the builder of which the model says that it does not know.
    pub(super) unknown: Vec<String>,
    /// Steps of the model that the builder does not show.
    pub(super) unseen: usize,
    pub(super) differ: Vec<Difference>,
}

impl Verdict {
    pub(super) fn steps(&self) -> usize {
        self.agree + self.unknown.len() + self.differ.len()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { build, line, builder, model, because } = self;
        write!(out, "{build}: {line:?} is {builder}, the model says {model:?}: {because}")
    }
}

/// What the model takes for a build.
struct Input {
    dockerfile: String,
    args: Args,
    tree: Tree,
    ignore: Option<Patterns>,
    no_cache: NoCache,
    target: Option<String>,
}

impl Input {
    fn of(side: &Side, kit: bool) -> Self {
        let names = Names { base: "base:1".to_owned(), nonce: "nonce".to_owned() };
        let node = |entry: Entry| match entry {
            Entry::Dir { mode } => Node::Dir { mode },
            Entry::Link { to } => Node::Link { target: to },
            Entry::File { text, mode, time } => {
                let bytes = names.bytes(&text);
                let length = u64::try_from(bytes.len()).unwrap();
                let changed = i128::from(seconds(time)) * 1_000_000_000;
                let hash = Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                });
                Node::File { mode, bytes: hash.into(), stamp: Some(Stamp { size: length, changed }) }
            }
        };
        let known = |(name, value): (&String, &String)| (name.clone(), Val::Known(value.clone()));
        Self {
            dockerfile: names.fill(&side.dockerfile()),
            args: side.args.iter().map(known).collect(),
            tree: Tree::new(side.entries().into_iter().map(|(path, entry)| (path, node(entry)))),
            ignore: side.ignore(kit).map(|text| Patterns::parse(text).0),
            no_cache: match (side.no_cache, side.anew.is_empty()) {
                (true, _) => NoCache::Everything,
                (false, false) => NoCache::Stages(side.anew.clone()),
                (false, true) => NoCache::Nothing,
            },
            target: side.target.clone(),
        }
    }

    fn build(&self) -> Build<'_> {
        Build {
            dockerfile: &self.dockerfile,
            args: &self.args,
            target: self.target.as_deref(),
            tree: &self.tree,
            ignore: self.ignore.as_ref(),
            no_cache: self.no_cache.clone(),
            links: Some(false),
            pull: false,
        }
    }
}

/// Compares both builds of a pair.
pub(super) fn judge(pair: &Pair, builder: Builder, answers: &Answers) -> Verdict {
    let kit = builder == Builder::BuildKit;
    let builder = match builder {
        Builder::Classic => cache::Builder::Classic,
        Builder::BuildKit => cache::Builder::BuildKit,
    };
    let (before, after) = (Input::of(&pair.before, kit), Input::of(&pair.after, kit));
    let mut verdict = Verdict::default();
    let first = forecast(None, &before.build(), builder);
    let second = forecast(Some(&before.build()), &after.build(), builder);
    let steps = |stages: Vec<cache::StageForecast>| {
        stages.into_iter().flat_map(|stage| stage.steps).map(|step| (step.instruction, step)).collect()
    };
    one("before", &pair.before, &steps(first), &answers.before, &mut verdict);
    one("after", &pair.after, &steps(second), &answers.after, &mut verdict);
    verdict
}

fn one(
    build: &'static str,
    side: &Side,
    model: &BTreeMap<usize, StepForecast>,
    builder: &Cached,
    verdict: &mut Verdict,
) {
    let text = side.dockerfile();
    let dockerfile = parse(FileId(0), &text);
    let line = |at: usize| text[dockerfile.instructions[at].span.range()].to_owned();
    let fits = |at: usize, cached: bool| {
        model.get(&at).is_some_and(|step| step.outcome == if cached { Outcome::Hit } else { Outcome::Miss })
    };
    // One step that stands in two stages is shown once, with the name of either.
    let mut unseen: Vec<&StepForecast> = model
        .values()
        .filter(|step| step.outcome != Outcome::None && !builder.contains_key(&step.instruction))
        .collect();
    let is_twin = |a: usize, b: usize| same(&dockerfile, a, b, &text);
    for (at, cached) in builder {
        let (outcome, because) = match model.get(at) {
            Some(step) => (step.outcome, step.because.clone()),
            None => (Outcome::None, "not a stage that is run".to_owned()),
        };
        let twin = |step: &&StepForecast| is_twin(*at, step.instruction) && fits(step.instruction, *cached);
        if fits(*at, *cached) {
            verdict.agree += 1;
        } else if let Some(twin) = unseen.iter().position(twin) {
            unseen.remove(twin);
            verdict.agree += 1;
        } else if outcome == Outcome::Unknown {
            verdict.unknown.push(format!("{build}: {:?}: {because}", line(*at)));
        } else {
            let builder = if *cached { "hit" } else { "miss" };
            verdict.differ.push(Difference { build, line: line(*at), builder, model: outcome, because });
        }
    }
    verdict.unseen += unseen.len();
    for step in unseen {
        // A whole stage that is not shown was not run, unless it is the same as another one.
        let stage = dockerfile.stages.iter().rfind(|stage| stage.body.contains(&step.instruction));
        let shown = stage.expect("it is in a stage").body.clone().any(|at| builder.contains_key(&at));
        if !shown && !builder.keys().any(|at| is_twin(*at, step.instruction)) {
            verdict.differ.push(Difference {
                build,
                line: line(step.instruction),
                builder: "not shown",
                model: step.outcome,
                because: step.because.clone(),
            });
        }
    }
}

fn same(dockerfile: &unstale::model::dockerfile::Dockerfile, a: usize, b: usize, text: &str) -> bool {
    let of = |at: usize| {
        let instruction = &dockerfile.instructions[at];
        let words: Vec<&str> = text[instruction.span.range()].split_whitespace().skip(1).collect();
        (std::mem::discriminant(&instruction.kind), words.join(" "))
    };
    !matches!(dockerfile.instructions[a].kind, Kind::From { .. }) && of(a) == of(b)
}
