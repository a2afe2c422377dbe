//! The JSON of `check`, version 1: structs of its own, so that the inside can change. Fields may be added, never changed.

use serde::Serialize;

use super::{Detail, Run, places::Places};
use crate::{
    diag::{Finding, Report, Safety, Severity},
    text::{FileId, Location, Position, Snapshot},
};

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    summary: Summary,
    findings: Vec<Found<'a>>,
    not_checked: Vec<NotChecked<'a>>,
}

#[derive(Serialize)]
struct NotChecked<'a> {
    file: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Summary {
    files: usize,
    error: usize,
    warning: usize,
    info: usize,
    fixable: usize,
    /// How many findings the baseline left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<usize>,
}

#[derive(Serialize)]
struct Found<'a> {
    rule: &'a str,
    severity: &'a str,
    message: &'a str,
    file: &'a str,
    span: Range,
    labels: Vec<LabelOut<'a>>,
    mechanisms: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<FixOut<'a>>,
    fingerprint: &'a str,
}

#[derive(Serialize)]
struct Range {
    start: Place,
    end: Place,
}

#[derive(Clone, Copy, Serialize)]
struct Place {
    byte: usize,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct LabelOut<'a> {
    file: &'a str,
    span: Range,
    message: &'a str,
}

#[derive(Serialize)]
struct FixOut<'a> {
    safety: &'a str,
    title: &'a str,
    edits: Vec<EditOut<'a>>,
}

#[derive(Serialize)]
struct EditOut<'a> {
    file: &'a str,
    /// The file is not there yet: the replacement is all of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    new: bool,
    span: Range,
    replacement: &'a str,
}

/// The start of a file.
const START: Place = Place { byte: 0, line: 1, column: 1 };

/// How many findings a report has, by severity, and how many of them `--fix` with both levels would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Errors.
    pub error: usize,
    /// Warnings.
    pub warning: usize,
    /// Infos.
    pub info: usize,
    /// Findings with a fix that can be applied.
    pub fixable: usize,
}

/// Counts the findings.
pub fn counts(report: &Report) -> Counts {
    let of = |severity| report.findings.iter().filter(|f| f.severity == severity).count();
    let fixable = |f: &&Finding| f.fix.as_ref().is_some_and(|fix| fix.safety > Safety::Manual);
    Counts {
        error: of(Severity::Error),
        warning: of(Severity::Warning),
        info: of(Severity::Info),
        fixable: report.findings.iter().filter(fixable).count(),
    }
}

/// The document, with a newline at its end.
///
/// # Panics
/// Never: plain structs with string keys serialise.
pub fn check(run: &Run<'_>) -> String {
    let writer = Writer { snapshot: run.snapshot, places: Places::new(run) };
    let counts = counts(run.report);
    let document = Document {
        schema: 1,
        summary: Summary {
            files: run.report.files,
            error: counts.error,
            warning: counts.warning,
            info: counts.info,
            fixable: counts.fixable,
            known: run.known,
        },
        findings: run.all().map(|(finding, detail)| writer.finding(finding, detail)).collect(),
        not_checked: run.unreadable.iter().map(|u| NotChecked { file: &u.path, reason: &u.reason }).collect(),
    };
    let mut text =
        serde_json::to_string_pretty(&document).expect("plain structs with string keys always serialise");
    text.push('\n');
    text
}

struct Writer<'a> {
    snapshot: &'a Snapshot,
    places: Places<'a>,
}

impl<'a> Writer<'a> {
    fn finding(&self, finding: &'a Finding, detail: &'a Detail) -> Found<'a> {
        Found {
            rule: finding.rule,
            severity: finding.severity.as_str(),
            message: &finding.message,
            file: self.path(finding.at.file),
            span: self.range(finding.at),
            labels: finding
                .labels
                .iter()
                .map(|l| LabelOut { file: self.path(l.at.file), span: self.range(l.at), message: &l.message })
                .collect(),
            mechanisms: finding.mechanisms,
            help: finding.help.as_deref(),
            fix: finding.fix.as_ref().map(|fix| FixOut {
                safety: fix.safety.as_str(),
                title: &fix.title,
                edits: fix
                    .edits
                    .iter()
                    .map(|(file, edit)| EditOut {
                        file: self.path(*file),
                        new: false,
                        span: self.range(Location::new(*file, edit.span)),
                        replacement: &edit.text,
                    })
                    .chain(fix.creates.iter().map(|file| EditOut {
                        file: &file.path,
                        new: true,
                        span: Range { start: START, end: START },
                        replacement: &file.text,
                    }))
                    .collect(),
            }),
            fingerprint: &detail.fingerprint,
        }
    }

    fn path(&self, file: FileId) -> &'a str {
        &self.snapshot.file(file).path
    }

    fn range(&self, at: Location) -> Range {
        let place = |p: Position| Place { byte: p.byte, line: p.line, column: p.column };
        let (start, end) = self.places.of(at);
        Range { start: place(start), end: place(end) }
    }
}
