//! The reports of several projects as one: what counts, what is left out, and under which names.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use super::jobs::Job;
use crate::{
    diag::{Finding, Report, Unreadable},
    engine::CONFIG,
    project::Touched,
    report::{Detail, Run, baseline::Entry, fingerprint},
    text::{FileId, LineIndex, Location, Snapshot},
};

/// Everything that was found.
#[derive(Default)]
pub(super) struct Merged {
    snapshot: Snapshot,
    /// By file of the snapshot.
    paths: Vec<String>,
    pub(super) report: Report,
    details: Vec<Detail>,
    /// What a baseline would hold.
    pub(super) entries: Vec<Entry>,
    pub(super) unreadable: Vec<Unreadable>,
    known: Option<usize>,
}

/// One job's findings with what tells them apart, before anything is left out.
pub(super) struct Told {
    pub(super) finding: Finding,
    pub(super) entry: Entry,
}

/// Gives every finding of a job its fingerprint.
pub(super) fn tell(job: &Job, snapshot: &Snapshot, findings: Vec<Finding>) -> Vec<Told> {
    let fingerprints = fingerprint::of(snapshot, &findings, &|path| job.stable(path));
    let entry = |(finding, fingerprint): (Finding, String)| {
        let file = job.stable(&snapshot.file(finding.at.file).path);
        Told { entry: Entry { file, rule: finding.rule.to_owned(), fingerprint }, finding }
    };
    findings.into_iter().zip(fingerprints).map(entry).collect()
}

/// What is left out of a report.
pub(super) struct Choice<'a> {
    /// Only what lies on these lines.
    pub(super) touched: Option<&'a Touched>,
    /// Not what was there already.
    pub(super) known: Option<&'a BTreeSet<Entry>>,
}

impl Choice<'_> {
    /// Whether the finding counts. Mistakes of the configuration always do: a run under a broken one is not the one that
    /// was meant.
    pub(super) fn takes(&self, job: &Job, lines: &mut Lines<'_>, told: &Told) -> bool {
        told.finding.rule == CONFIG
            || (self.known.is_none_or(|known| !known.contains(&told.entry))
                && self.touched.is_none_or(|touched| lines.touch(job, touched, &told.finding)))
    }

    /// Whether the baseline is what leaves it out.
    fn knows(&self, told: &Told) -> bool {
        told.finding.rule != CONFIG && self.known.is_some_and(|known| known.contains(&told.entry))
    }
}

/// The lines of the files of one snapshot, each file read once.
pub(super) struct Lines<'a> {
    snapshot: &'a Snapshot,
    indexes: BTreeMap<FileId, LineIndex>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, indexes: BTreeMap::new() }
    }

    /// Whether the place of a finding, or one of its labels, lies on a touched line.
    fn touch(&mut self, job: &Job, touched: &Touched, finding: &Finding) -> bool {
        let places = [finding.at].into_iter().chain(finding.labels.iter().map(|label| label.at));
        places.into_iter().any(|at| {
            let lines = self.of(at);
            touched.touches(&job.stable(&self.snapshot.file(at.file).path), &lines)
        })
    }

    fn of(&mut self, at: Location) -> RangeInclusive<usize> {
        let text = &self.snapshot.file(at.file).text;
        let index = self.indexes.entry(at.file).or_insert_with(|| LineIndex::new(text));
        // The last byte of the place, not the one after it: that may be the next line's first.
        let last = at.span.end().saturating_sub(1).max(at.span.start());
        index.line(at.span.start())..=index.line(last)
    }
}

impl Merged {
    /// Adds what a job found.
    pub(super) fn add(&mut self, job: &Job, snapshot: &Snapshot, report: Report, choice: &Choice<'_>) {
        let mut ids: BTreeMap<FileId, FileId> = BTreeMap::new();
        for (id, file) in snapshot.files() {
            let mut named = file.clone();
            named.path = job.name(&file.path);
            // Another project may have the same file before its fix.
            while self.snapshot.find(&named.path).is_some_and(|id| self.snapshot.file(id).text != named.text)
            {
                named.path.insert_str(0, "./");
            }
            let new = self.snapshot.add_file(named);
            if self.paths.len() == new.0 as usize {
                self.paths.push(job.in_repository(&file.path));
            }
            ids.insert(id, new);
        }
        if choice.known.is_some() {
            self.known.get_or_insert(0);
        }
        let mut lines = Lines::new(snapshot);
        self.report.files += report.files;
        for mut told in tell(job, snapshot, report.findings) {
            let takes = choice.takes(job, &mut lines, &told);
            if choice.knows(&told) {
                *self.known.get_or_insert(0) += 1;
            }
            let (path, severity) = (&snapshot.file(told.finding.at.file).path, told.finding.severity);
            let detail = Detail {
                fingerprint: told.entry.fingerprint.clone(),
                shown: job.settings.shows(path, severity),
                fails: job.settings.fails(path, severity),
            };
            renumber(&mut told.finding, &ids);
            for file in told.finding.fix.iter_mut().flat_map(|fix| &mut fix.creates) {
                file.path = job.name(&file.path);
            }
            // A configuration above several projects has its mistakes once.
            let told_already = || self.report.findings.iter().any(|f| f.rule == CONFIG && *f == told.finding);
            if told.finding.rule == CONFIG && told_already() {
                continue;
            }
            self.entries.push(told.entry);
            if takes {
                self.report.findings.push(told.finding);
                self.details.push(detail);
            }
        }
        // A folder that could not be entered is said on standard error: it holds data more often than code.
        for problem in job.project.problems.iter().filter(|problem| !problem.folder) {
            if job.settings.excludes(&problem.path) {
                continue;
            }
            self.unreadable
                .push(Unreadable { path: job.name(&problem.path), reason: problem.reason.clone() });
        }
    }

    /// Whether the run fails.
    pub(super) fn fails(&self) -> bool {
        self.details.iter().any(|detail| detail.fails) || !self.unreadable.is_empty()
    }

    /// For the formats.
    pub(super) fn run(&self) -> Run<'_> {
        Run {
            snapshot: &self.snapshot,
            report: &self.report,
            details: &self.details,
            paths: &self.paths,
            unreadable: &self.unreadable,
            known: self.known,
        }
    }
}

fn renumber(finding: &mut Finding, ids: &BTreeMap<FileId, FileId>) {
    finding.at.file = ids[&finding.at.file];
    for label in &mut finding.labels {
        label.at.file = ids[&label.at.file];
    }
    for (file, _) in finding.fix.iter_mut().flat_map(|f| &mut f.edits) {
        *file = ids[file];
    }
}
