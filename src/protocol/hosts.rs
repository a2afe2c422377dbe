//! What a deploy or a verification of several hosts came to: each for itself, and the worst of them.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::{
    quote::visible,
    report::{Outcome, Report},
    target::Target,
};

/// The reports of several hosts.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// Those that were begun, in the order in which they were named.
    pub reports: Vec<(Target, Report)>,
    /// Those that were not begun, because one before was not verified.
    pub left: Vec<Target>,
}

impl Hosts {
    /// The one that decides: stopped is worse than stale, that than inconclusive, that than refused.
    fn worst(&self) -> Option<&(Target, Report)> {
        let rank = |outcome: &Outcome| match outcome.exit_code() {
            3 => 4,
            1 => 3,
            4 => 2,
            2 => 1,
            _ => 0,
        };
        // Of equals the first.
        self.reports.iter().rev().max_by_key(|(_, report)| rank(&report.outcome))
    }

    /// Whether a deploy changed one of them.
    fn acted(&self) -> bool {
        self.reports.iter().any(|(_, report)| {
            !report.steps.is_empty() && !matches!(report.outcome, Outcome::Refused(_) | Outcome::Planned)
        })
    }

    /// The worst of theirs. A refusal after another host was changed is no "nothing was changed".
    pub fn exit_code(&self) -> u8 {
        match self.worst().map_or(2, |(_, report)| report.outcome.exit_code()) {
            2 if self.acted() => 3,
            code => code,
        }
    }

    fn word(&self) -> &'static str {
        match self.worst() {
            Some((_, report)) if report.outcome.exit_code() == 2 && self.acted() => "stopped",
            Some((_, report)) => report.outcome.word(),
            None => "refused",
        }
    }

    fn reason(&self) -> String {
        let Some((target, report)) = self.worst() else { return "there is no host".to_owned() };
        let left: Vec<String> = self.left.iter().map(Target::label).collect();
        let left = if left.is_empty() { String::new() } else { format!("; not begun: {}", left.join(", ")) };
        if report.outcome.exit_code() == 0 {
            let what =
                if matches!(report.outcome, Outcome::Planned) { "nothing was changed" } else { "verified" };
            return format!("{what} on {} hosts{left}", self.reports.len());
        }
        format!("{}: {}{left}", target.label(), report.outcome.reason())
    }

    /// The JSON document, version 1: that of each host below `hosts`.
    ///
    /// # Panics
    /// Never: it holds nothing that JSON cannot.
    pub fn json(&self) -> String {
        let host = |(target, report): &(Target, Report)| WireHost {
            host: target.host().map(str::to_owned),
            dir: target.dir().to_owned(),
            report: serde_json::from_str(&report.json()).expect("a report is a JSON document"),
        };
        let left = self.left.iter().map(|target| WireLeft { host: target.host(), dir: target.dir() });
        let document = WireHosts {
            schema: 1,
            verdict: self.word(),
            reason: self.reason(),
            hosts: self.reports.iter().map(host).collect(),
            left: left.collect(),
        };
        serde_json::to_string(&document).expect("strings always serialize")
    }

    /// The result for a person.
    pub fn text(&self, one: impl Fn(&Report) -> String) -> String {
        let mut text = format!("{}: {}\n", self.word(), visible(&self.reason()));
        for (target, report) in &self.reports {
            write!(text, "\n{}\n{}", visible(&target.label()), one(report))
                .expect("a String takes everything");
        }
        text
    }
}

#[derive(Serialize)]
struct WireHosts<'a> {
    schema: u32,
    verdict: &'static str,
    reason: String,
    hosts: Vec<WireHost>,
    left: Vec<WireLeft<'a>>,
}

#[derive(Serialize)]
struct WireHost {
    host: Option<String>,
    dir: String,
    report: Value,
}

#[derive(Serialize)]
struct WireLeft<'a> {
    host: Option<&'a str>,
    dir: &'a str,
}
