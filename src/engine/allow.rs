//! `# unstale: allow <id>: reason` on the line above a finding silences it; one that silences nothing is a finding.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use crate::{
    analysis::Facts,
    diag::{Finding, Safety, Sink},
    rules,
    settings::Settings,
    text::{Edit, FileId, LineIndex, Location, Span},
};

/// The rule that reports comments which silence nothing.
pub(super) const UNUSED: &str = "unused-allow";

const MARK: &str = "unstale: allow ";

/// One comment.
struct Allow<'a> {
    file: FileId,
    /// The line that it stands on, from 1.
    line: usize,
    /// The comment with its `#`.
    span: Span,
    rule: &'a str,
}

pub(super) fn apply(facts: &Facts<'_>, settings: &Settings, findings: &mut Vec<Finding>) {
    // Looking for the mark is much cheaper than splitting every file into lines.
    let marked = facts.snapshot.files().filter(|(_, file)| file.text.contains(MARK));
    let allows: Vec<Allow<'_>> = marked.flat_map(|(id, file)| comments(id, &file.text)).collect();
    if allows.is_empty() {
        return;
    }
    let mut lines = Lines::new(facts);
    let mut by: BTreeMap<(FileId, &str), Vec<(usize, usize)>> = BTreeMap::new();
    for (number, allow) in allows.iter().enumerate() {
        by.entry((allow.file, allow.rule)).or_default().push((allow.line, number));
    }
    let mut used = BTreeSet::new();
    findings.retain(|finding| {
        let Some(allows) = by.get(&(finding.at.file, finding.rule)) else { return true };
        let silenced = lines.reach(finding).into_iter().find_map(|reach| {
            let first = allows.partition_point(|(line, _)| *line < reach.start);
            allows.get(first).filter(|(line, _)| reach.contains(line)).map(|(_, number)| *number)
        });
        used.extend(silenced);
        silenced.is_none()
    });
    if settings.runs(UNUSED) {
        report(&mut lines, settings, &allows, &used, findings);
    }
}

/// Every comment of a file. A `#` that does not start its line is text in a Dockerfile, and rarely a comment with our
/// mark elsewhere, so only whole lines count.
fn comments(file: FileId, text: &str) -> impl Iterator<Item = Allow<'_>> {
    let mut start = 0;
    text.split_inclusive('\n').enumerate().filter_map(move |(index, line)| {
        let at = start;
        start += line.len();
        // Only the first line has a byte order mark before it.
        let comment = if at == 0 { line.trim_start_matches('\u{feff}') } else { line }.trim();
        let rest = comment.strip_prefix('#')?.trim_start().strip_prefix(MARK)?;
        let rule = rest.split([':', ' ', '\t']).next().filter(|r| !r.is_empty())?;
        let from = at + line.find('#')?;
        Some(Allow { file, line: index + 1, span: Span::new(from, from + comment.len()), rule })
    })
}

/// The lines of the files that have comments, each file read once.
pub(super) struct Lines<'a> {
    facts: &'a Facts<'a>,
    indexes: BTreeMap<FileId, LineIndex>,
    /// Whole lines of every instruction and the first of its own bytes, in order.
    instructions: BTreeMap<FileId, Vec<(Span, usize)>>,
    /// The first comment line above a line.
    above: BTreeMap<(FileId, usize), usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(facts: &'a Facts<'a>) -> Self {
        Self { facts, indexes: BTreeMap::new(), instructions: BTreeMap::new(), above: BTreeMap::new() }
    }

    fn text(&self, file: FileId) -> &'a str {
        &self.facts.snapshot.file(file).text
    }

    fn index(&mut self, file: FileId) -> &LineIndex {
        let text = self.text(file);
        self.indexes.entry(file).or_insert_with(|| LineIndex::new(text))
    }

    /// The lines on which a comment silences the finding: the comment lines directly above the finding's own line, and
    /// those above the instruction that it lies in.
    pub(super) fn reach(&mut self, finding: &Finding) -> Vec<Range<usize>> {
        let file = finding.at.file;
        let facts = self.facts;
        let instructions = self.instructions.entry(file).or_insert_with(|| {
            let model = facts.dockerfiles.iter().find(|d| d.model.file == file);
            let all = model.iter().flat_map(|d| &d.model.instructions);
            all.map(|i| (i.lines, i.span.start())).collect()
        });
        let at = instructions.partition_point(|(lines, _)| lines.start <= finding.at.span.start);
        let inside = at.checked_sub(1).map(|at| instructions[at]);
        let instruction = inside.filter(|(lines, _)| lines.contains(finding.at.span)).map(|(_, start)| start);
        let starts = [instruction, Some(finding.at.span.start())];
        starts.into_iter().flatten().map(|start| self.comments_above(file, start)).collect()
    }

    fn comments_above(&mut self, file: FileId, byte: usize) -> Range<usize> {
        let text = self.text(file);
        let line = self.index(file).line(byte);
        if let Some(first) = self.above.get(&(file, line)) {
            return *first..line;
        }
        let index = self.index(file);
        let mut first = line;
        while first > 1 && is_comment(text, index, first - 1) {
            first -= 1;
        }
        self.above.insert((file, line), first);
        first..line
    }
}

fn is_comment(text: &str, index: &LineIndex, line: usize) -> bool {
    text[index.start_of(line)..].trim_start_matches([' ', '\t', '\u{feff}']).starts_with('#')
}

fn report(
    lines: &mut Lines<'_>,
    settings: &Settings,
    allows: &[Allow<'_>],
    used: &BTreeSet<usize>,
    findings: &mut Vec<Finding>,
) {
    let rule = rules::find(UNUSED).expect("the registry has it");
    let mut sink = Sink::new(rule.claim(), findings);
    let snapshot = lines.facts.snapshot;
    let runs = |allow: &Allow<'_>| settings.runs_in(allow.rule, &snapshot.file(allow.file).path);
    for (index, allow) in allows.iter().enumerate() {
        // A rule that did not run may well have something to allow.
        if used.contains(&index) || (rules::find(allow.rule).is_some() && !runs(allow)) {
            continue;
        }
        let message = if rules::find(allow.rule).is_some() {
            format!("`allow {}` silences nothing", allow.rule)
        } else {
            format!("`allow {}` names no rule", allow.rule)
        };
        let text = lines.text(allow.file);
        let lines = lines.index(allow.file);
        let end = if allow.line < lines.count() { lines.start_of(allow.line + 1) } else { text.len() };
        let whole = Span::new(lines.start_of(allow.line), end);
        let edits = vec![(allow.file, Edit::remove_lines(text, whole))];
        let finding = sink.report(Location::new(allow.file, allow.span), message);
        let finding = finding.fix(Safety::Safe, "remove the comment", edits);
        // With the last lines of a file the blank ones above them go: which those are shows once the comment above is gone.
        let above = index.checked_sub(1).map(|above| &allows[above]);
        let touches = |above: &&Allow<'_>| {
            above.file == allow.file && text[above.span.end()..whole.start()].trim().is_empty()
        };
        if end == text.len()
            && let Some(above) = above.filter(touches)
        {
            finding.resting_on(Location::new(above.file, above.span));
        }
    }
}
