//! The one door: `check` and `fix` of a snapshot under settings. The command line, the tests and editors all come
//! through here.

mod allow;
mod meaning;

use std::collections::HashSet;

use crate::{
    analysis::Facts,
    diag::{Finding, Report, Safety, Sink},
    fix::{self, Door, Fixed},
    model::kind::FileKind,
    rules::RULES,
    settings::Settings,
    text::{FileId, Snapshot, is_outside},
};

/// Whether a file of that name is read at all.
pub fn wants(path: &str) -> bool {
    FileKind::of(path).is_some()
}

/// Everything that the rules find in the snapshot.
pub fn check(snapshot: &Snapshot, settings: &Settings) -> Report {
    narrow(look(snapshot, settings), snapshot, settings)
}

fn look(snapshot: &Snapshot, settings: &Settings) -> Report {
    let facts = Facts::new(snapshot);
    let mut findings = Vec::new();
    for rule in RULES.iter().filter(|rule| settings.runs(rule.id)) {
        (rule.check)(&facts, &mut Sink::new(rule.claim(), &mut findings));
    }
    inside(snapshot, &mut findings);
    allow::apply(&facts, settings, &mut findings);
    // The registry's order decides between findings at one place; the sort is stable.
    findings.sort_by_key(|f: &Finding| (f.at.file, f.at.span));
    // Services that share a text, through an anchor or in projects that share a file, share its findings.
    let mut seen = HashSet::new();
    findings.retain(|f| seen.insert((f.rule, f.at, f.message.clone())));
    let ignores =
        snapshot.files().filter(|(_, f)| FileKind::of(&f.path) == Some(FileKind::Dockerignore)).count();
    // What a person would say was checked: not manifests or `.env` files, which are only looked up.
    let files = facts.dockerfiles.len() + facts.composes.len() + ignores;
    Report { findings, files }
}

/// What lies outside of the project is read for others: nothing is found or changed there.
fn inside(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let outside = |file: FileId| is_outside(&snapshot.file(file).path);
    findings.retain(|finding| !outside(finding.at.file));
    for fix in findings.iter_mut().filter_map(|finding| finding.fix.as_mut()) {
        if fix.edits.iter().any(|(file, _)| outside(*file)) {
            fix.edits.clear();
            fix.safety = Safety::Manual;
        }
    }
}

/// Makes every fix that is trusted at least as far as `limit`. Nothing is written.
pub fn fix(snapshot: &Snapshot, settings: &Settings, limit: Safety) -> Fixed {
    let check = |snapshot: &Snapshot| look(snapshot, settings);
    let wants = |file: FileId| settings.looks_at(&snapshot.file(file).path);
    let mut fixed =
        fix::fix(snapshot, limit, &Door { check: &check, differs: &meaning::differs, wants: &wants });
    fixed.report = narrow(fixed.report, &fixed.snapshot, settings);
    fixed
}

/// Leaves what the settings look at.
fn narrow(mut report: Report, snapshot: &Snapshot, settings: &Settings) -> Report {
    if !settings.files.is_empty() {
        report.findings.retain(|f| settings.looks_at(&snapshot.file(f.at.file).path));
        report.files = settings.files.len();
    }
    report
}
