//! The one door: `check` and `fix` of a snapshot under settings. The command line, the tests and editors all come
//! through here.

mod allow;
mod meaning;

use std::collections::BTreeSet;

use crate::{
    analysis::Facts,
    diag::{Finding, Report, Safety, Sink},
    fix::{self, Door, Fixed},
    model::{kind::FileKind, script},
    rules::RULES,
    settings::Settings,
    text::{FileId, Snapshot},
};

/// Whether a file of that name is read at all.
pub fn wants(path: &str) -> bool {
    FileKind::of(path).is_some()
}

/// Whether a file of that name with these bytes can matter. Most scripts of a large repository have nothing to do with
/// docker: their text is not kept, and whether it is UTF-8 is nobody's concern.
pub fn keeps(path: &str, bytes: &[u8]) -> bool {
    !FileKind::of(path).is_some_and(FileKind::is_script) || script::concerns(bytes)
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
    allow::apply(&facts, settings, &mut findings);
    // The registry's order decides between findings at one place; the sort is stable.
    findings.sort_by_key(|f: &Finding| (f.at.file, f.at.span));
    // Services that share a text through an anchor share its findings.
    findings.dedup_by(|a, b| (a.rule, a.at, &a.message) == (b.rule, b.at, &b.message));
    let ignores =
        snapshot.files().filter(|(_, f)| FileKind::of(&f.path) == Some(FileKind::Dockerignore)).count();
    // What a person would say was checked: not manifests or `.env` files, which are only looked up.
    // Of scripts those count that call docker: one that only names it has nothing to check.
    let scripts: BTreeSet<FileId> = facts.scripts.iter().map(|s| s.file).collect();
    let files = facts.dockerfiles.len() + facts.composes.len() + ignores + scripts.len();
    Report { findings, files }
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
