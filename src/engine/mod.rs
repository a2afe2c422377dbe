//! The one door: `check` and `fix` of a snapshot under settings. The command line, the tests and editors all come
//! through here.

mod allow;
mod meaning;
mod pragma;

use std::collections::{BTreeSet, HashSet};

use crate::{
    analysis::Facts,
    diag::{Finding, Report, Safety, Sink},
    fix::{self, Door, Fixed},
    model::{kind::FileKind, script},
    rules::RULES,
    settings::Settings,
    text::{FileId, Snapshot, is_outside},
};

/// The rule that speaks of `unstale.toml`; `config` finds what it reports.
pub const CONFIG: &str = "config-error";

/// Whether a file of that name is read at all.
pub fn wants(path: &str) -> bool {
    FileKind::of(path).is_some()
}

/// Whether a file of that name with these bytes can matter. Most scripts of a large repository have nothing to do with
/// docker: their text is not kept, and whether it is UTF-8 is nobody's concern; nor is it with manifests, which are
/// often written in the encoding of their tool.
pub fn keeps(path: &str, bytes: &[u8]) -> bool {
    match FileKind::of(path) {
        Some(FileKind::Manifest) => std::str::from_utf8(bytes).is_ok(),
        Some(kind) if kind.is_script() => script::concerns(bytes),
        _ => true,
    }
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
    findings.extend(settings.mistakes.iter().filter(|f| settings.runs(f.rule)).cloned());
    pragma::apply(&facts, &mut findings);
    allow::apply(&facts, settings, &mut findings);
    findings.retain_mut(|finding| levelled(finding, snapshot, settings));
    // The registry's order decides between findings at one place; the sort is stable.
    findings.sort_by_key(|f: &Finding| (f.at.file, f.at.span));
    // Services that share a text, through an anchor or in projects that share a file, share its findings.
    let mut seen = HashSet::new();
    findings.retain(|f| seen.insert((f.rule, f.at, f.message.clone())));
    let looked_at = |file: &FileId| {
        let path = &snapshot.file(*file).path;
        settings.looks_at(path) && !settings.excludes(path)
    };
    let files = checked(&facts).filter(looked_at).count();
    Report { findings, files }
}

/// What lies outside of the project is read for others: nothing is found or changed there.
fn inside(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let outside = |file: FileId| is_outside(&snapshot.file(file).path);
    findings.retain(|finding| !outside(finding.at.file));
    for fix in findings.iter_mut().filter_map(|finding| finding.fix.as_mut()) {
        let leaves = fix.edits.iter().any(|(file, _)| outside(*file));
        if leaves || fix.creates.iter().any(|file| is_outside(&file.path)) {
            fix.edits.clear();
            fix.creates.clear();
            fix.safety = Safety::Manual;
        }
    }
}

/// The files that a person would say were checked: not manifests or `.env` files, which are only looked up.
fn checked(facts: &Facts<'_>) -> impl Iterator<Item = FileId> {
    let ignores =
        facts.snapshot.files().filter(|(_, f)| FileKind::of(&f.path) == Some(FileKind::Dockerignore));
    let dockerfiles = facts.dockerfiles.iter().map(|d| d.model.file);
    // Of scripts those count that call docker: one that only names it has nothing to check.
    let scripts: BTreeSet<FileId> = facts.scripts.iter().map(|s| s.file).collect();
    dockerfiles.chain(scripts).chain(facts.composes.iter().map(|c| c.file)).chain(ignores.map(|(id, _)| id))
}

/// Whether a file of the snapshot is one that some rule may speak of: by its name, or because another file names it.
pub fn knows(snapshot: &Snapshot, path: &str) -> bool {
    FileKind::of(path).is_some()
        || checked(&Facts::new(snapshot)).any(|file| snapshot.file(file).path == path)
}

/// Gives the finding the severity that it has in its file; false where it does not count.
fn levelled(finding: &mut Finding, snapshot: &Snapshot, settings: &Settings) -> bool {
    let path = &snapshot.file(finding.at.file).path;
    let level = settings.level(finding.rule, path, finding.severity);
    finding.severity = level.unwrap_or(finding.severity);
    level.is_some() && !settings.excludes(path)
}

/// Makes every fix that is trusted at least as far as `limit`, for the findings that `wants` takes. Nothing is written.
pub fn fix_some(
    snapshot: &Snapshot,
    settings: &Settings,
    limit: Safety,
    wants: &dyn Fn(&Finding) -> bool,
) -> Fixed {
    let check = |snapshot: &Snapshot| look(snapshot, settings);
    let wants = |finding: &Finding| {
        let path = &snapshot.file(finding.at.file).path;
        settings.looks_at(path)
            && settings.scopes.of(path).is_none_or(|scope| !scope.broken)
            && wants(finding)
    };
    let mut fixed =
        fix::fix(snapshot, limit, &Door { check: &check, differs: &meaning::differs, wants: &wants });
    fixed.report = narrow(fixed.report, &fixed.snapshot, settings);
    fixed
}

/// Makes every fix that is trusted at least as far as `limit`. Nothing is written.
pub fn fix(snapshot: &Snapshot, settings: &Settings, limit: Safety) -> Fixed {
    fix_some(snapshot, settings, limit, &|_| true)
}

/// Leaves what the settings look at. A mistake in a configuration that holds is always told.
fn narrow(mut report: Report, snapshot: &Snapshot, settings: &Settings) -> Report {
    let looks_at = |f: &Finding| settings.looks_at(&snapshot.file(f.at.file).path);
    report.findings.retain(|f| looks_at(f) || f.rule == CONFIG);
    report
}
