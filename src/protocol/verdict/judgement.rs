//! What a verdict is: of one container, of a service and of several, with what was counted.

use std::collections::HashSet;

use super::{
    cure::{Cause, Diagnosis},
    evidence::{Evidence, NotShipped, ReplicaEvidence},
    file::{FileState, state_of},
    sick::Sick,
};

/// The only three verdicts. Ordered: worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// What runs is what git says.
    Verified,
    /// It cannot be told.
    Inconclusive,
    /// Old code runs.
    Stale,
}

impl Verdict {
    /// The word of the command line and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Inconclusive => "inconclusive",
            Self::Stale => "stale",
        }
    }
}

/// How many files said what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub checked: usize,
    /// With the expected bytes.
    pub fresh: usize,
    /// With older bytes.
    pub stale: usize,
    /// Not there.
    pub missing: usize,
    /// With bytes that git never had, or unreadable.
    pub unknown: usize,
    /// Beside them: in the repository, and neither in the image nor mounted.
    pub not_shipped: usize,
}

impl Counts {
    /// Of one container.
    pub(in crate::protocol) fn of(evidence: &Evidence, replica: &ReplicaEvidence) -> Self {
        let mut counts = Self { not_shipped: not_shipped(evidence, replica).count(), ..Self::default() };
        for file in &replica.files {
            counts.count(state_of(file));
        }
        counts
    }

    pub(super) fn count(&mut self, state: FileState<'_>) {
        self.checked += 1;
        match state {
            FileState::Fresh => self.fresh += 1,
            FileState::Stale(_) => self.stale += 1,
            FileState::Missing => self.missing += 1,
            FileState::Unknown => self.unknown += 1,
        }
    }
}

/// Files that are in the repository and not in the container.
pub(super) fn not_shipped<'e>(
    evidence: &'e Evidence,
    replica: &'e ReplicaEvidence,
) -> impl Iterator<Item = &'e NotShipped> {
    let seen: HashSet<&str> = replica.files.iter().map(|file| file.path.as_str()).collect();
    evidence.not_shipped.iter().filter(move |file| !seen.contains(file.path.as_str()))
}

/// The verdict on one container.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its service.
    pub service: String,
    /// Name of the container.
    pub container: String,
    /// Its image.
    pub image: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What is behind it; `None` when verified.
    pub diagnosis: Option<Diagnosis>,
    /// The verdict in words.
    pub detail: String,
    /// Its files.
    pub counts: Counts,
    /// Whether it is sick, whatever its bytes are.
    pub sick: Option<Sick>,
}

/// The verdict on a service: the worst of its containers.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one clause.
    pub reason: String,
    /// Each container.
    pub replicas: Vec<Judged>,
    /// What was asked over HTTP.
    pub http: Vec<HttpJudged>,
}

impl Judgement {
    /// The verdict on several services: the worst of theirs.
    pub fn of_all<'j>(each: impl IntoIterator<Item = (&'j str, &'j Self)>) -> Self {
        let each: Vec<(&str, &Self)> = each.into_iter().collect();
        let verdict = each.iter().map(|(_, one)| one.verdict).max().unwrap_or(Verdict::Inconclusive);
        let reason = match &each[..] {
            [] => "no service was looked at".to_owned(),
            [(_, one)] => one.reason.clone(),
            several => {
                let worst = several.iter().filter(|(_, one)| one.verdict == verdict);
                worst
                    .map(|(service, one)| format!("`{service}`: {}", one.reason))
                    .collect::<Vec<_>>()
                    .join("; ")
            }
        };
        let http = each.iter().flat_map(|(_, one)| one.http.clone()).collect();
        let replicas = each.into_iter().flat_map(|(_, one)| one.replicas.clone()).collect();
        Self { verdict, reason, replicas, http }
    }

    /// Whether old code runs for a cause that another build could end.
    pub fn wants_a_build(&self) -> bool {
        let by_build = |replica: &Judged| {
            let cause = replica.diagnosis.as_ref().map(|diagnosis| diagnosis.cause);
            replica.verdict == Verdict::Stale && cause.is_none_or(Cause::ends_with_a_build)
        };
        // An old answer of a container that could not be compared may well be an old image.
        let unproven = |one: &HttpJudged| {
            let mut own = self.replicas.iter().filter(|replica| replica.service == one.service);
            one.verdict == Verdict::Stale && own.any(|replica| replica.verdict == Verdict::Inconclusive)
        };
        self.verdict == Verdict::Stale
            && (self.replicas.iter().any(by_build) || self.http.iter().any(unproven))
    }

    /// Nothing could be measured, and why.
    pub fn unmeasured(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Inconclusive, reason: why.into(), replicas: Vec::new(), http: Vec::new() }
    }
}

/// What the answer of one service says.
#[derive(Debug, Clone)]
pub struct HttpJudged {
    /// The service.
    pub service: String,
    /// Where it was asked.
    pub url: String,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What it says.
    pub verdict: Verdict,
    /// Why, as a clause.
    pub detail: String,
    /// What is behind it, where it is stale.
    pub diagnosis: Option<Diagnosis>,
}

impl Judgement {
    /// Its sick containers.
    pub fn sick(&self) -> impl Iterator<Item = &Sick> {
        self.replicas.iter().filter_map(|replica| replica.sick.as_ref())
    }
}
