//! `# unstale: allow <id>: reason` on the line above a finding silences it; one that silences nothing is a finding.

use std::collections::BTreeSet;

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
    let allows: Vec<Allow<'_>> =
        facts.snapshot.files().flat_map(|(id, file)| comments(id, &file.text)).collect();
    if allows.is_empty() {
        return;
    }
    let mut used = BTreeSet::new();
    findings.retain(|finding| {
        let reach = reach(facts, finding);
        let by = allows
            .iter()
            .position(|a| a.file == finding.at.file && a.rule == finding.rule && reach.contains(&a.line));
        used.extend(by);
        by.is_none()
    });
    if settings.runs(UNUSED) {
        report(facts, settings, &allows, &used, findings);
    }
}

/// Every comment of a file. A `#` that does not start its line is text in a Dockerfile, and rarely a comment with our
/// mark elsewhere, so only whole lines count.
fn comments(file: FileId, text: &str) -> impl Iterator<Item = Allow<'_>> {
    let mut start = 0;
    text.split_inclusive('\n').enumerate().filter_map(move |(index, line)| {
        let at = start;
        start += line.len();
        let comment = line.trim();
        let rest = comment.strip_prefix('#')?.trim_start().strip_prefix(MARK)?;
        let rule = rest.split([':', ' ', '\t']).next().filter(|r| !r.is_empty())?;
        let from = at + line.find('#')?;
        Some(Allow { file, line: index + 1, span: Span::new(from, from + comment.len()), rule })
    })
}

/// The lines on which a comment silences the finding: the comment lines directly above the finding's own line, and
/// those above the instruction that it lies in.
fn reach(facts: &Facts<'_>, finding: &Finding) -> BTreeSet<usize> {
    let text = &facts.snapshot.file(finding.at.file).text;
    let index = LineIndex::new(text);
    let mut starts = vec![index.line(finding.at.span.start())];
    let instruction = facts
        .dockerfiles
        .iter()
        .filter(|d| d.model.file == finding.at.file)
        .flat_map(|d| &d.model.instructions)
        .find(|i| i.lines.contains(finding.at.span));
    starts.extend(instruction.map(|i| index.line(i.span.start())));
    let mut lines = BTreeSet::new();
    for mut line in starts {
        while line > 1 && is_comment(text, &index, line - 1) {
            line -= 1;
            lines.insert(line);
        }
    }
    lines
}

fn is_comment(text: &str, index: &LineIndex, line: usize) -> bool {
    text[index.start_of(line)..].trim_start_matches([' ', '\t', '\u{feff}']).starts_with('#')
}

fn report(
    facts: &Facts<'_>,
    settings: &Settings,
    allows: &[Allow<'_>],
    used: &BTreeSet<usize>,
    findings: &mut Vec<Finding>,
) {
    let rule = rules::find(UNUSED).expect("the registry has it");
    let mut sink = Sink::new(rule.claim(), findings);
    for (index, allow) in allows.iter().enumerate() {
        // A rule that did not run may well have something to allow.
        if used.contains(&index) || (rules::find(allow.rule).is_some() && !settings.runs(allow.rule)) {
            continue;
        }
        let message = if rules::find(allow.rule).is_some() {
            format!("`allow {}` silences nothing", allow.rule)
        } else {
            format!("`allow {}` names no rule", allow.rule)
        };
        let text = &facts.snapshot.file(allow.file).text;
        let lines = LineIndex::new(text);
        let end = if allow.line < lines.count() { lines.start_of(allow.line + 1) } else { text.len() };
        let whole = Span::new(lines.start_of(allow.line), end);
        sink.report(Location::new(allow.file, allow.span), message).fix(
            Safety::Safe,
            "remove the comment",
            vec![(allow.file, Edit::replace(whole, ""))],
        );
    }
}
