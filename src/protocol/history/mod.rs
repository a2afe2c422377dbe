//! What the ledgers tell together: deploys, incidents, what they cost, and their causes. Times are those of the ledgers.

mod json;
mod merge;
mod since;
mod text;

pub use since::since;

use std::collections::{BTreeMap, HashSet};

use super::{ledger::LedgerEntry, names::Moment, target::Target, verdict::judgement::Verdict};

/// A ledger as it was read.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The checkout in which it lies.
    pub at: Target,
    /// Whether that is the server's checkout, by what was asked; the one here can be it, too.
    pub server: bool,
    /// Its lines, the oldest first.
    pub lines: Vec<String>,
    /// Whether older lines were left out, because there are too many.
    pub cut: bool,
}

/// One deploy.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// When it was recorded.
    pub time: Moment,
    /// Where to; `None` where no line says it.
    pub place: Option<String>,
    /// The line.
    pub entry: LedgerEntry,
}

/// What a verdict means for an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Opens,
    Closes,
    Neither,
}

impl Deploy {
    fn sense(&self) -> Sense {
        match self.entry.verdict.as_str() {
            STALE | STOPPED => Sense::Opens,
            VERIFIED => Sense::Closes,
            // Inconclusive, and words that a later version may write.
            _ => Sense::Neither,
        }
    }

    /// How often it was built, and for how long in all.
    fn builds(&self) -> (u64, u64) {
        let steps =
            || self.entry.steps.iter().filter(|s| s.id == BUILD && s.state.as_deref() != Some("already"));
        let ms = steps().fold(0_u64, |sum, s| sum.saturating_add(s.ms));
        (self.entry.rebuilds.unwrap_or(steps().count() as u64), ms)
    }

    /// The cause by which it is counted, and its mechanism.
    fn cause(&self) -> (String, Option<String>) {
        if let Some(cause) = &self.entry.cause {
            return (cause.clone(), self.entry.mechanism.clone());
        }
        if self.entry.verdict != STOPPED {
            return ("unknown".to_owned(), None);
        }
        let ended = |word| self.entry.steps.iter().rev().find(|s| s.state.as_deref() == Some(word));
        let step = ended("failed").or_else(|| ended("undone"));
        (step.map_or_else(|| "stopped".to_owned(), |s| format!("stopped at {}", s.id)), None)
    }
}

const VERIFIED: &str = Verdict::Verified.as_str();
const STALE: &str = Verdict::Stale.as_str();
const INCONCLUSIVE: &str = Verdict::Inconclusive.as_str();
const STOPPED: &str = "stopped";
/// The id of the step that builds.
const BUILD: &str = "build";

/// From the first deploy that did not bring the new code to the next one that did.
#[derive(Debug, Clone)]
pub struct Incident {
    /// The service.
    pub service: String,
    /// Where.
    pub place: Option<String>,
    /// When the first failure was recorded.
    pub opened: Moment,
    /// When the verified deploy was recorded; `None` while it is open.
    pub closed: Option<Moment>,
    /// From the first failure to the end; while it is open to the last failure, so that it is at least that.
    pub seconds: i64,
    /// The deploys that failed, by id.
    pub failed: Vec<String>,
    /// Builds more than the one that a deploy needs.
    pub extra_rebuilds: u64,
    /// How long they took.
    pub extra_rebuild_ms: u64,
    parts: Vec<Part>,
}

/// The time from one failure to what came next belongs to the failure's cause.
#[derive(Debug, Clone)]
struct Part {
    cause: (String, Option<String>),
    seconds: i64,
}

/// What an hour and a thousand tokens cost. Nothing is guessed: without a rate there is no money.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    /// Of an hour.
    pub per_hour: Option<f64>,
    /// Of a thousand tokens.
    pub per_1000_tokens: Option<f64>,
    /// What an agent spends on a deploy that fails. An estimate: no deploy knows it.
    pub tokens_per_deploy: Option<u64>,
    /// What the money is called.
    pub currency: Option<String>,
}

/// What something cost, as far as there are rates.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Of the time.
    pub time: Option<f64>,
    /// Tokens, estimated.
    pub tokens: Option<u64>,
    /// Of the tokens.
    pub of_tokens: Option<f64>,
}

impl Cost {
    /// Both together; `None` without any rate.
    pub fn sum(&self) -> Option<f64> {
        match (self.time, self.of_tokens) {
            (None, None) => None,
            (time, tokens) => Some(time.unwrap_or(0.0) + tokens.unwrap_or(0.0)),
        }
    }
}

impl Rates {
    /// Of so much time and so many failed deploys.
    #[expect(clippy::cast_precision_loss, reason = "money is shown in hundredths")]
    fn cost(&self, seconds: i64, failed: usize) -> Cost {
        let tokens = self.tokens_per_deploy.map(|each| each.saturating_mul(failed as u64));
        Cost {
            time: self.per_hour.map(|rate| seconds as f64 / 3600.0 * rate),
            tokens,
            of_tokens: self.per_1000_tokens.zip(tokens).map(|(rate, n)| n as f64 / 1000.0 * rate),
        }
    }
}

/// A cause, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// The cause.
    pub cause: String,
    /// Its mechanism.
    pub mechanism: Option<String>,
    /// How many deploys failed by it.
    pub deploys: usize,
    /// The time from these to what came next.
    pub seconds: i64,
}

/// Sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// All deploys.
    pub deploys: usize,
    /// With that verdict.
    pub verified: usize,
    /// With that verdict.
    pub stale: usize,
    /// With that verdict.
    pub inconclusive: usize,
    /// Those that stopped half-way.
    pub stopped: usize,
    /// With a verdict that this version does not know.
    pub other: usize,
    /// How long no container ran.
    pub downtime_ms: u64,
    /// All builds.
    pub rebuilds: u64,
    /// Open ones.
    pub open: usize,
    /// The time of all incidents.
    pub seconds: i64,
    /// Failed deploys of all incidents.
    pub failed: usize,
    /// Builds more than the incidents' deploys needed.
    pub extra_rebuilds: u64,
    /// How long they took.
    pub extra_rebuild_ms: u64,
}

/// What the ledgers tell.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The deploys, the oldest first.
    pub deploys: Vec<Deploy>,
    /// The incidents, by when they opened.
    pub incidents: Vec<Incident>,
    /// Lines that could not be read.
    pub unreadable: usize,
    /// Whether older lines were left out, because there are too many.
    pub cut: bool,
    /// Servers whose ledger could not be read, and why.
    pub not_read: Vec<(String, String)>,
    /// What is counted from, if not from the beginning.
    pub since: Option<Moment>,
}

impl History {
    /// From ledgers; a deploy that several have is one. `service`: only this one.
    pub fn of(ledgers: &[Ledger], service: Option<&str>) -> Self {
        let (mut deploys, unreadable) = merge::merge(ledgers);
        deploys.retain(|d| service.is_none_or(|s| d.entry.service == s));
        let incidents = incidents(&deploys);
        let cut = ledgers.iter().any(|l| l.cut);
        Self { deploys, incidents, unreadable, cut, not_read: Vec::new(), since: None }
    }

    /// Only what is not over before a moment: later deploys, and incidents that were open then or opened later, whole.
    #[must_use]
    pub fn from(mut self, moment: Moment) -> Self {
        self.deploys.retain(|d| d.time >= moment);
        self.incidents.retain(|i| i.closed.is_none_or(|closed| closed >= moment));
        Self { since: Some(moment), ..self }
    }

    /// The causes, the one that took most time first.
    pub fn causes(&self) -> Vec<Ranked> {
        let mut sums: BTreeMap<&(String, Option<String>), (usize, i64)> = BTreeMap::new();
        for part in self.incidents.iter().flat_map(|i| &i.parts) {
            let sum = sums.entry(&part.cause).or_default();
            *sum = (sum.0 + 1, sum.1.saturating_add(part.seconds));
        }
        let mut ranked: Vec<Ranked> = sums
            .into_iter()
            .map(|((cause, mechanism), (deploys, seconds))| Ranked {
                cause: cause.clone(),
                mechanism: mechanism.clone(),
                deploys,
                seconds,
            })
            .collect();
        // The sort is stable: what took the same stays in the order of the names.
        ranked.sort_by_key(|r| std::cmp::Reverse((r.seconds, r.deploys)));
        ranked
    }

    /// The sums.
    pub fn totals(&self) -> Totals {
        let mut sum = Totals { deploys: self.deploys.len(), ..Totals::default() };
        for deploy in &self.deploys {
            *match deploy.entry.verdict.as_str() {
                VERIFIED => &mut sum.verified,
                STALE => &mut sum.stale,
                INCONCLUSIVE => &mut sum.inconclusive,
                STOPPED => &mut sum.stopped,
                _ => &mut sum.other,
            } += 1;
            sum.downtime_ms = sum.downtime_ms.saturating_add(deploy.entry.downtime_ms);
            sum.rebuilds = sum.rebuilds.saturating_add(deploy.builds().0);
        }
        for incident in &self.incidents {
            sum.open += usize::from(incident.closed.is_none());
            sum.seconds = sum.seconds.saturating_add(incident.seconds);
            sum.failed += incident.failed.len();
            sum.extra_rebuilds = sum.extra_rebuilds.saturating_add(incident.extra_rebuilds);
            sum.extra_rebuild_ms = sum.extra_rebuild_ms.saturating_add(incident.extra_rebuild_ms);
        }
        sum
    }
}

/// An incident while it is read.
struct Open<'a> {
    failed: Vec<&'a Deploy>,
    builds: Vec<(u64, u64)>,
}

fn incidents(deploys: &[Deploy]) -> Vec<Incident> {
    let mut open: BTreeMap<(&str, Option<&str>), Open<'_>> = BTreeMap::new();
    let mut found = Vec::new();
    for deploy in deploys {
        let key = (deploy.entry.service.as_str(), deploy.place.as_deref());
        match (deploy.sense(), open.get_mut(&key)) {
            (Sense::Opens, Some(open)) => {
                open.failed.push(deploy);
                open.builds.push(deploy.builds());
            }
            (Sense::Opens, None) => {
                open.insert(key, Open { failed: vec![deploy], builds: vec![deploy.builds()] });
            }
            (Sense::Closes | Sense::Neither, None) => {}
            (Sense::Neither, Some(open)) => open.builds.push(deploy.builds()),
            (Sense::Closes, Some(_)) => {
                let mut ended = open.remove(&key).expect("it was just found");
                ended.builds.push(deploy.builds());
                found.push(ended.incident(Some(deploy.time)));
            }
        }
    }
    found.extend(open.into_values().map(|open| open.incident(None)));
    found.sort_by_key(|incident| incident.opened);
    found
}

impl Open<'_> {
    fn incident(self, closed: Option<Moment>) -> Incident {
        let first = self.failed[0];
        let last = self.failed.last().map_or(first.time, |d| d.time);
        let until = closed.unwrap_or(last);
        let ends = self.failed.iter().skip(1).map(|d| d.time).chain([until]);
        let between = |from: Moment, to: Moment| to.whole().saturating_sub(from.whole()).max(0);
        let parts = self.failed.iter().zip(ends);
        // One build is what a deploy costs anyway: the first one that was made.
        let built: Vec<(u64, u64)> = self.builds.into_iter().filter(|(count, _)| *count > 0).collect();
        let count = built.iter().fold(0_u64, |sum, b| sum.saturating_add(b.0));
        let ms = built.iter().fold(0_u64, |sum, b| sum.saturating_add(b.1));
        let needed = built.first().map_or(0, |(count, ms)| ms / count);
        Incident {
            service: first.entry.service.clone(),
            place: first.place.clone(),
            opened: first.time,
            closed,
            seconds: between(first.time, until),
            failed: self.failed.iter().map(|d| d.entry.id.clone()).collect(),
            extra_rebuilds: count.saturating_sub(1),
            extra_rebuild_ms: ms.saturating_sub(needed),
            parts: parts.map(|(d, end)| Part { cause: d.cause(), seconds: between(d.time, end) }).collect(),
        }
    }
}

/// The services that the ledgers name, for a question about one that they do not.
pub fn services(history: &History) -> Vec<&str> {
    let mut seen = HashSet::new();
    let names = history.deploys.iter().map(|d| d.entry.service.as_str());
    names.filter(|name| seen.insert(*name)).collect()
}
