//! Whether a container is sick: whatever bytes it has, it does not stay up, or its own health check fails.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    evidence::ReplicaEvidence,
    names::Moment,
    observed::{Container, Health, Server},
    verdict::Judgement,
};

/// What is wrong with a container. Ordered: worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ailment {
    /// It runs, and its health check fails. Docker says so after as many failures as the check itself allows.
    Unhealthy,
    /// The engine starts it again and again.
    CrashLoop,
    /// It ended, and nothing starts it again.
    Exited,
}

impl Ailment {
    /// The word of JSON and the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unhealthy => "unhealthy",
            Self::CrashLoop => "crash-loop",
            Self::Exited => "exited",
        }
    }

    /// Whether this is worse than what there was before. Of one that does not stay up it makes no difference whether
    /// anybody starts it again.
    fn is_worse_than(self, before: Self) -> bool {
        before == Self::Unhealthy && self != Self::Unhealthy
    }
}

/// How a container's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; 128 and more for a signal.
    pub code: i64,
    /// Whether the kernel ended it, as there was no memory left.
    pub for_memory: bool,
}

/// Why a container has not made up its mind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// In words.
    pub why: String,
    /// Whether it ended by itself since it was started last.
    pub loops: bool,
    /// How long nothing else can be said of it; zero where nobody knows.
    pub wait: Duration,
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<&str> for Unsettled {
    fn from(why: &str) -> Self {
        Self { why: why.to_owned(), loops: false, wait: Duration::ZERO }
    }
}

/// How long a process has to live to count as settled.
const SETTLED: Duration = Duration::from_secs(3);
/// The same for one that ended once: Docker itself takes a container for started after so long (`restartmanager`).
const UNDISTURBED: Duration = Duration::from_secs(10);
/// How many restarts are a loop, whatever comes: a service may well end once, because the database is not there yet.
const LOOP: u64 = 3;

/// Why a container has not made up its mind at a moment of the server's clock; `None` if it has.
pub fn unsettled(container: &Container, now: Moment) -> Option<Unsettled> {
    let loops = restarted_lately(container, now);
    let mut wait = Duration::ZERO;
    let why = if loops {
        format!("it was restarted {} times", container.restarts)
    } else if !container.runs() {
        format!("it is {}", container.status)
    } else if container.health == Health::Starting {
        "its health check has not decided".to_owned()
    } else if age(container, now) < SETTLED {
        wait = SETTLED.saturating_sub(age(container, now));
        "it started a moment ago".to_owned()
    } else {
        return None;
    };
    Some(Unsettled { why, loops, wait })
}

/// Whether it was restarted so often, and lately, too, that waiting for more of it tells nothing new.
pub fn is_looping(container: &Container, now: Moment) -> bool {
    container.restarts >= LOOP && restarted_lately(container, now)
}

fn age(container: &Container, now: Moment) -> Duration {
    container.started.map_or(Duration::ZERO, |started| now.since(started))
}

/// Whether the engine had to start it again, and that is not long ago. Who starts a container by hand, or the engine with
/// it, sets the count to zero.
fn restarted_lately(container: &Container, now: Moment) -> bool {
    let runs_lately = container.runs() && age(container, now) < UNDISTURBED;
    container.restarts > 0 && (container.status == "restarting" || runs_lately)
}

fn ailment(container: &Container, loops: bool) -> Option<Ailment> {
    match container.status.as_str() {
        "exited" | "dead" => Some(Ailment::Exited),
        "restarting" => Some(Ailment::CrashLoop),
        _ if loops => Some(Ailment::CrashLoop),
        _ if container.runs() && container.health == Health::Unhealthy => Some(Ailment::Unhealthy),
        // Paused, just made, a health check that has not decided: unknown is not sick.
        _ => None,
    }
}

/// What was wrong with the service before a deploy: with all of its containers, those aside that had ended. One that was
/// well is worth going back to.
pub fn sick_before(server: &Server) -> Option<Ailment> {
    let began = server.replicas().filter(|c| !matches!(c.status.as_str(), "exited" | "dead" | "created"));
    let each = began.map(|c| ailment(c, restarted_lately(c, server.now)));
    each.min().flatten()
}

/// A sick container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sick {
    /// Its service.
    pub service: String,
    /// Its full ID.
    pub id: String,
    /// Its name.
    pub container: String,
    /// Its image.
    pub image: String,
    /// What is wrong.
    pub ailment: Ailment,
    /// The same as a clause that names it.
    pub detail: String,
}

impl Sick {
    /// What the evidence says of a container.
    pub(super) fn of(service: &str, replica: &ReplicaEvidence) -> Option<Self> {
        let container = &replica.container;
        let loops = replica.unsettled.as_ref().is_some_and(|unsettled| unsettled.loops);
        let ailment = ailment(container, loops)?;
        let name = &container.name;
        let how = container.ended.map(|ended| {
            let memory = if ended.for_memory { ", as there was no memory left" } else { "" };
            format!("with exit code {}{memory}", ended.code)
        });
        let detail = match (ailment, how) {
            (Ailment::Exited, Some(how)) => format!("`{name}` ended {how}"),
            (Ailment::Exited, None) => format!("`{name}` ended"),
            (Ailment::CrashLoop, how) => {
                let how = how.map(|how| format!(", the last time {how}")).unwrap_or_default();
                format!("`{name}` ends again and again ({} restarts){how}", container.restarts)
            }
            (Ailment::Unhealthy, _) => format!("the health check of `{name}` fails"),
        };
        Some(Self {
            service: service.to_owned(),
            id: container.id.clone(),
            container: name.clone(),
            image: container.image.0.clone(),
            ailment,
            detail,
        })
    }
}

/// The last that a sick container said, without the secrets that its environment knows. Neither the ledger nor the journal
/// has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastWords {
    /// The last lines of its log; `None` where it could not be asked, or the secrets in it are not known.
    pub log: Option<Vec<String>>,
    /// The last lines that its health check printed.
    pub check: Vec<String>,
}

/// What becomes of a new version with sick containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The version of before comes back.
    Back,
    /// It stays: the user asked for that, to look at it.
    Kept,
    /// It stays: nothing ran before.
    Alone,
    /// It stays: what ran before was no better, and comes back no better. To blame this version for it would only add
    /// another downtime, and keep out the one that mends it.
    AsBefore,
}

impl Treatment {
    /// By what ailed the service before (`before`), whether there is something to go back to, and whether the user wants to
    /// keep the evidence. `None` without a sick container.
    pub fn of(judgement: &Judgement, before: Option<Ailment>, undo: bool, keep: bool) -> Option<Self> {
        let worst = judgement.sick().map(|sick| sick.ailment).max()?;
        Some(match before {
            Some(before) if !worst.is_worse_than(before) => Self::AsBefore,
            _ if keep => Self::Kept,
            _ if !undo => Self::Alone,
            _ => Self::Back,
        })
    }
}

/// The new version's sickness in words.
pub fn sick_words(judgement: &Judgement) -> String {
    let details: Vec<&str> = judgement.sick().map(|sick| sick.detail.as_str()).collect();
    format!("the new version is sick: {}", details.join(", "))
}

impl Judgement {
    /// Its sick containers.
    pub fn sick(&self) -> impl Iterator<Item = &Sick> {
        self.replicas.iter().filter_map(|replica| replica.sick.as_ref())
    }
}
