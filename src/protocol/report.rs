//! What a deploy or a verification came to: the exit code, the JSON document and the text.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    event::Record,
    names::Sha,
    plan::{preflight::Refused, step::Step},
    quote::{quote, visible},
    sickness::{Sickness, WireReturned, WireSick},
    verdict::judgement::{HttpJudged, Judged, Judgement, Verdict},
};

/// How it ended. The exit code and the words of the report follow from this alone, so they cannot contradict.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Nothing was done: the plan was only shown.
    Planned,
    /// The containers were looked at.
    Judged(Judgement),
    /// Nothing was changed.
    Refused(Refused),
    /// Some steps were done, and then one failed.
    Stopped {
        /// The step that failed and why.
        why: String,
        /// What runs now.
        now: String,
    },
}

impl Outcome {
    /// 0 verified (or shown), 1 stale, 2 refused, 3 stopped half-way, 4 inconclusive.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Planned => 0,
            Self::Judged(judgement) => match judgement.verdict {
                Verdict::Verified => 0,
                Verdict::Stale => 1,
                Verdict::Inconclusive => 4,
            },
            Self::Refused(_) => 2,
            Self::Stopped { .. } => 3,
        }
    }

    /// The word of JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Judged(judgement) => judgement.verdict.as_str(),
            Self::Refused(_) => "refused",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// Why, in one clause.
    pub fn reason(&self) -> String {
        match self {
            Self::Planned => "nothing was changed".to_owned(),
            Self::Judged(judgement) => judgement.reason.clone(),
            Self::Refused(refused) => refused.message.clone(),
            Self::Stopped { why, now } => format!("{why}; {now}"),
        }
    }

    pub(super) fn judged(&self) -> &[Judged] {
        if let Self::Judged(judgement) = self { &judgement.replicas } else { &[] }
    }

    pub(super) fn http(&self) -> &[HttpJudged] {
        if let Self::Judged(judgement) = self { &judgement.http } else { &[] }
    }
}

/// A text that only the new version has, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The text.
    pub text: String,
    /// Path in the container.
    pub at: String,
    /// A command that finds it.
    pub command: String,
}

/// A step, its command line and what became of it.
#[derive(Debug, Clone)]
pub struct Logged {
    /// The step.
    pub step: Step,
    /// Its command line.
    pub command: String,
    /// What became of it.
    pub record: Record,
}

/// The whole result.
#[derive(Debug, Clone)]
pub struct Report {
    /// The service, or all of them.
    pub service: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What should run.
    pub expected: Option<Sha>,
    /// The steps; empty for `verify`.
    pub steps: Vec<Logged>,
    /// How long no container of the service ran.
    pub downtime_ms: u64,
    /// How long the plan expects that; `None` where no earlier deploy tells.
    pub expected_downtime_ms: Option<u64>,
    /// Commands that go on from here.
    pub next: Vec<String>,
    /// A text to look for.
    pub sample: Option<Sample>,
    /// Sick containers.
    pub sick: Sickness,
}

impl Report {
    /// A refusal, before there was a plan.
    pub fn refused(service: &str, refused: Refused) -> Self {
        Self {
            service: service.to_owned(),
            outcome: Outcome::Refused(refused),
            expected: None,
            steps: Vec::new(),
            downtime_ms: 0,
            expected_downtime_ms: None,
            next: Vec::new(),
            sample: None,
            sick: Sickness::default(),
        }
    }

    /// A verdict without a step.
    pub fn judged(service: String, judgement: Judgement, expected: Sha, sample: Option<Sample>) -> Self {
        Self {
            service,
            outcome: Outcome::Judged(judgement),
            expected: Some(expected),
            steps: Vec::new(),
            downtime_ms: 0,
            expected_downtime_ms: None,
            next: Vec::new(),
            sample,
            sick: Sickness::default(),
        }
    }

    /// Whether somebody else deploys there at the moment.
    pub fn is_locked(&self) -> bool {
        matches!(&self.outcome, Outcome::Refused(refused) if refused.reason == "locked")
    }

    /// The JSON document, version 1.
    ///
    /// # Panics
    /// Never: it holds nothing that JSON cannot.
    pub fn json(&self) -> String {
        let replicas = self.outcome.judged().iter().map(wire_replica).collect();
        let class = match &self.outcome {
            Outcome::Refused(refused) => Some(refused.reason),
            _ => None,
        };
        let document = WireDocument {
            schema: 1,
            verdict: self.outcome.word(),
            reason: self.outcome.reason(),
            class,
            expected: self.expected.as_ref().map(Sha::as_str),
            replicas,
            http: self.outcome.http().iter().map(wire_http).collect(),
            sick: self.sick.wire(),
            returned: self.sick.wire_returned(),
            steps: self.steps.iter().map(wire_step).collect(),
            downtime_ms: self.downtime_ms,
            expected_downtime_ms: self.expected_downtime_ms,
            sample: self.sample.as_ref().map(|s| WireSample {
                text: &s.text,
                path: &s.at,
                command: &s.command,
            }),
            next: &self.next,
        };
        serde_json::to_string(&document).expect("strings, numbers and lists always serialize")
    }

    /// The result for a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line =
            |words: String| writeln!(text, "{}", visible(&words)).expect("a String takes everything");
        line(format!("{}: {}", self.outcome.word(), self.outcome.reason()));
        if let Some(expected) = &self.expected {
            line(format!("  expected  {}", expected.as_str()));
        }
        for replica in self.outcome.judged() {
            let c = replica.counts;
            // The first line has said it already, where there is one replica.
            let detail = if replica.detail == self.outcome.reason() {
                String::new()
            } else {
                format!(": {}", replica.detail)
            };
            line(format!("  {}  {}{detail}", replica.container, replica.verdict.as_str()));
            let left =
                if c.not_shipped == 0 { String::new() } else { format!("; {} not shipped", c.not_shipped) };
            line(format!(
                "    files     {} checked, {} fresh, {} stale, {} missing, {} unknown{left}",
                c.checked, c.fresh, c.stale, c.missing, c.unknown
            ));
            if let Some(diagnosis) = &replica.diagnosis {
                let mechanism = diagnosis.mechanism.map(|m| format!(" ({m})")).unwrap_or_default();
                line(format!("    cause     {}{mechanism}", diagnosis.cause.as_str()));
                line(format!("    cure      {}", diagnosis.cure));
            }
        }
        for http in self.outcome.http() {
            line(format!("  http      {}: {}", http.verdict.as_str(), http.detail));
            if let Some(diagnosis) = &http.diagnosis {
                line(format!("    cause     {}: {}", diagnosis.cause.as_str(), diagnosis.detail));
                line(format!("    cure      {}", diagnosis.cure));
            }
        }
        self.sick.lines().into_iter().for_each(&mut line);
        if let Some(sample) = &self.sample {
            line(format!("  new text  {} in {}", quote(&sample.text), sample.at));
            line(format!("  look      {}", sample.command));
        }
        if !self.steps.is_empty() {
            line(format!("  downtime  {}.{:01} s", self.downtime_ms / 1000, self.downtime_ms / 100 % 10));
        }
        for next in &self.next {
            line(format!("  next      {next}"));
        }
        text
    }
}

#[derive(Serialize)]
struct WireDocument<'a> {
    schema: u32,
    verdict: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    expected: Option<&'a str>,
    replicas: Vec<WireReplica<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    http: Vec<WireHttp<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sick: Vec<WireSick<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returned: Option<WireReturned<'a>>,
    steps: Vec<WireStep<'a>>,
    downtime_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_downtime_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<WireSample<'a>>,
    next: &'a [String],
}

#[derive(Serialize)]
struct WireReplica<'a> {
    service: &'a str,
    container: &'a str,
    image: &'a str,
    verdict: &'static str,
    cause: Option<&'static str>,
    mechanism: Option<&'static str>,
    detail: &'a str,
    cure: Option<&'a str>,
    files: WireFiles,
}

#[derive(Serialize)]
struct WireHttp<'a> {
    service: &'a str,
    url: &'a str,
    status: Option<u16>,
    verdict: &'static str,
    cause: Option<&'static str>,
    detail: &'a str,
    cure: Option<&'a str>,
}

#[derive(Serialize)]
struct WireFiles {
    checked: usize,
    fresh: usize,
    stale: usize,
    missing: usize,
    unknown: usize,
    not_shipped: usize,
}

#[derive(Serialize)]
struct WireStep<'a> {
    id: &'a str,
    phase: u8,
    place: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    cause: &'a str,
    command: &'a str,
    state: &'static str,
    ms: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

#[derive(Serialize)]
struct WireSample<'a> {
    text: &'a str,
    path: &'a str,
    command: &'a str,
}

fn wire_replica(r: &Judged) -> WireReplica<'_> {
    let diagnosis = r.diagnosis.as_ref();
    let c = r.counts;
    WireReplica {
        service: &r.service,
        container: &r.container,
        image: &r.image,
        verdict: r.verdict.as_str(),
        cause: diagnosis.map(|d| d.cause.as_str()),
        mechanism: diagnosis.and_then(|d| d.mechanism),
        detail: &r.detail,
        cure: diagnosis.map(|d| d.cure.as_str()),
        files: WireFiles {
            checked: c.checked,
            fresh: c.fresh,
            stale: c.stale,
            missing: c.missing,
            unknown: c.unknown,
            not_shipped: c.not_shipped,
        },
    }
}

fn wire_http(http: &HttpJudged) -> WireHttp<'_> {
    let diagnosis = http.diagnosis.as_ref();
    WireHttp {
        service: &http.service,
        url: &http.url,
        status: http.status,
        verdict: http.verdict.as_str(),
        cause: diagnosis.map(|d| d.cause.as_str()),
        detail: &http.detail,
        cure: diagnosis.map(|d| d.cure.as_str()),
    }
}

fn wire_step(logged: &Logged) -> WireStep<'_> {
    WireStep {
        id: logged.step.id(),
        phase: logged.step.phase().number(),
        place: logged.step.place().as_str(),
        service: logged.step.service(),
        cause: logged.step.cause(),
        command: &logged.command,
        state: logged.record.state.as_str(),
        ms: logged.record.ms,
        detail: &logged.record.detail,
    }
}
