//! The one door: `check` and `fix` of a snapshot under settings. The command line, the tests and editors all come
//! through here.

mod allow;
mod meaning;

use crate::{
    analysis::Facts,
    diag::{Finding, Report, Safety, Sink},
    fix::{self, Door, Fixed},
    model::kind::FileKind,
    rules::RULES,
    settings::Settings,
    text::Snapshot,
};

/// Whether a file of that name is read at all.
pub fn wants(path: &str) -> bool {
    FileKind::of(path).is_some()
}

/// Everything that the rules find in the snapshot.
pub fn check(snapshot: &Snapshot, settings: &Settings) -> Report {
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
    let files = snapshot.files().filter(|(_, f)| is_checked(&f.path)).count();
    Report { findings, files }
}

/// Makes every fix that is trusted at least as far as `limit`. Nothing is written.
pub fn fix(snapshot: &Snapshot, settings: &Settings, limit: Safety) -> Fixed {
    let check = |snapshot: &Snapshot| check(snapshot, settings);
    fix::fix(snapshot, limit, &Door { check: &check, differs: &meaning::differs })
}

/// Files that a person would say were checked: not manifests or `.env` files, which are only looked up.
fn is_checked(path: &str) -> bool {
    matches!(FileKind::of(path), Some(FileKind::Dockerfile | FileKind::Compose | FileKind::Dockerignore))
}
