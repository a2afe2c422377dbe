//! The model of the build cache against the builders themselves: random builds, random changes, and for every step whether
//! it came from the cache.
//!
//! `UNSTALE_DIFF_PAIRS=500` asks for so many pairs, `UNSTALE_DIFF_SEED=7` starts with that one (alone: is that one).
//! `UPDATE=1` keeps what the builders say in `fixtures/_forecast`, `UNSTALE_DIFF_WHY=1` prints why the model does not know.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

/// A line of a report that is asked for; the harness hides what a test that passes prints otherwise.
macro_rules! say {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($part)*);
    }};
}

mod change;
mod compare;
mod engine;
mod generate;
mod kept;
mod pair;
mod shrink;

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use compare::{Difference, judge};
use engine::{Answers, Bench};
use generate::Dialect;
use kept::Kept;
use pair::Pair;

use crate::support::{Builder, Engine, on_real_engines};

on_real_engines!(random_builds_agree);

/// So many pairs take about 30 seconds.
const PAIRS: u64 = 20;
/// Builds that run at once; more do not help an engine on two cores.
const AT_ONCE: usize = 3;
/// So many of the disagreements are made small before they are shown.
const SHRUNK: usize = 3;

#[derive(Debug, Default)]
struct Tally {
    pairs: usize,
    steps: usize,
    hits: usize,
    agree: usize,
    unseen: usize,
    /// What the model does not know, and why.
    unknown: Vec<String>,
    /// What the builder said of the pairs that it refused.
    refused: Vec<String>,
    wrong: Vec<(u64, Vec<Difference>)>,
    kept: Vec<Kept>,
}

impl Tally {
    fn add(&mut self, seed: u64, pair: &Pair, bench: &Bench, answers: Result<Answers, String>) {
        let answers = match answers {
            Ok(answers) => answers,
            Err(said) => {
                let lines = said.lines().map(str::trim).filter(|line| line.contains(' '));
                let last: Vec<&str> = lines.rev().take(3).collect();
                return self.refused.push(format!("{seed} is refused: {}", last.join(" / ")));
            }
        };
        let verdict = judge(pair, bench.builder, &answers);
        self.pairs += 1;
        self.steps += verdict.steps();
        self.hits += answers.after.values().filter(|cached| **cached).count();
        self.agree += verdict.agree;
        self.unseen += verdict.unseen;
        self.unknown.extend(verdict.unknown.iter().map(|why| format!("{seed} is not known: {why}")));
        let dialect = Dialect::of(&bench.engine.name, bench.builder);
        self.kept.push(Kept::new(&format!("{} {seed}", dialect.name()), pair, bench, &answers));
        if !verdict.differ.is_empty() {
            if let Some(folder) = std::env::var_os("UNSTALE_DIFF_RAW") {
                std::fs::write(Path::new(&folder).join(seed.to_string()), answers.said)
                    .expect("it can be written");
            }
            self.wrong.push((seed, verdict.differ));
        }
    }
}

/// Does the work for each of them, a few at once.
fn at_once<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

fn number(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn random_builds_agree(engine: Engine, builder: Builder) {
    let (seed, pairs) = (number("UNSTALE_DIFF_SEED"), number("UNSTALE_DIFF_PAIRS"));
    let first = seed.unwrap_or(1);
    let end = first + pairs.unwrap_or(if seed.is_some() { 1 } else { PAIRS });
    let dialect = Dialect::of(&engine.name, builder);
    let bench = Bench::new(engine, builder);
    let tally = Mutex::new(Tally::default());
    // Builds that run at once and are the first on an image that the engine's BuildKit (20.10) has not seen miss what they
    // have themselves just built; after one build alone they do not.
    let _ = (first..end).find(|seed| bench.build(&generate::pair(*seed, dialect)).is_ok());
    at_once(&(first..end).collect::<Vec<_>>(), |seed| {
        let pair = generate::pair(*seed, dialect);
        let answers = bench.build(&pair);
        tally.lock().expect("nobody fails while it is held").add(*seed, &pair, &bench, answers);
    });
    let mut tally = tally.into_inner().expect("nobody fails while it is held");
    tally.wrong.sort_by_key(|(seed, _)| *seed);
    let of = format!("{} {builder:?}", bench.engine.name);
    let Tally { pairs, steps, hits, agree, unseen, unknown, refused, wrong, .. } = &tally;
    say!(
        "{of}: {pairs} pairs, {} refused, {steps} steps, {hits} of the second builds' are hits, {agree} agree, \
         {} unknown, {unseen} not shown, {} pairs differ",
        refused.len(),
        unknown.len(),
        wrong.len()
    );
    if std::env::var_os("UNSTALE_DIFF_WHY").is_some() {
        say!("{}\n{}", unknown.join("\n"), refused.join("\n"));
    }
    if std::env::var_os("UPDATE").is_some() {
        kept::keep(kept::RANDOM, tally.kept.clone());
    }
    assert!(wrong.is_empty(), "{}", report(&bench, dialect, wrong));
    assert!(unknown.len() * 50 < *steps, "{unknown:#?} of {steps} steps");
    assert!(refused.len() * 5 <= *pairs, "{refused:#?} and only {pairs} pairs");
}

/// What they disagree on, the first ones made small.
fn report(bench: &Bench, dialect: Dialect, wrong: &[(u64, Vec<Difference>)]) -> String {
    let mut report = String::new();
    let mut add = |text: String| report.push_str(&(text + "\n"));
    for (at, (seed, differ)) in wrong.iter().enumerate() {
        add(format!("--- seed {seed} of {} {:?}", bench.engine.name, bench.builder));
        let pair = generate::pair(*seed, dialect);
        add(lines(differ));
        if at < SHRUNK && std::env::var_os("UNSTALE_DIFF_RAW").is_none() {
            let small = shrink::shrink(bench, pair);
            add(shrink::show(&small));
            match bench.build(&small) {
                Ok(answers) => {
                    add(lines(&judge(&small, bench.builder, &answers).differ));
                    add(Kept::new(&seed.to_string(), &small, bench, &answers).line());
                }
                Err(said) => add(said),
            }
        } else {
            add(shrink::show(&pair));
        }
    }
    report
}

fn lines(differ: &[Difference]) -> String {
    differ.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
