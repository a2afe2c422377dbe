//! What ails a container: it does not stay up, its health check fails, or it has not made up its mind.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::protocol::{
    names::Moment,
    observed::{Container, Health, Server},
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
    pub(super) fn is_worse_than(self, before: Self) -> bool {
        before == Self::Unhealthy && self != Self::Unhealthy
    }
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

pub(super) fn ailment(container: &Container, loops: bool) -> Option<Ailment> {
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
