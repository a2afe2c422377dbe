//! GitLab's code quality report (<https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>).

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Run, fingerprint::hex, places::Places};
use crate::diag::Severity;

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'a str,
    fingerprint: String,
    severity: &'a str,
    location: Place<'a>,
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
    end: usize,
}

/// The document: a list, empty if nothing is listed.
///
/// # Panics
/// Never: plain structs with string keys serialise.
pub fn check(run: &Run<'_>) -> String {
    let places = Places::new(run);
    let mut issues: Vec<Issue<'_>> = run
        .shown()
        .map(|(finding, detail)| {
            let (begin, end) = places.lines(finding.at);
            let help = finding.help.as_ref().or(finding.fix.as_ref().map(|fix| &fix.title));
            Issue {
                description: help
                    .map_or_else(|| finding.message.clone(), |help| format!("{} ({help})", finding.message)),
                check_name: finding.rule,
                fingerprint: detail.fingerprint.clone(),
                severity: match finding.severity {
                    Severity::Error => "critical",
                    Severity::Warning => "major",
                    Severity::Info => "info",
                },
                location: Place { path: run.path(finding.at.file), lines: Lines { begin, end } },
            }
        })
        .collect();
    issues.extend(run.unreadable.iter().map(|file| Issue {
        description: format!("not checked: {}", file.reason),
        check_name: "not-checked",
        fingerprint: fingerprint(&file.path),
        severity: "critical",
        location: Place { path: &file.path, lines: Lines { begin: 1, end: 1 } },
    }));
    let mut text =
        serde_json::to_string_pretty(&issues).expect("plain structs with string keys always serialise");
    text.push('\n');
    text
}

/// Of a file that was not checked.
fn fingerprint(path: &str) -> String {
    hex(&Sha256::digest(format!("not-checked\n{path}")))
}
