//! GitHub's workflow commands: each finding is an annotation on its line
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message>).

use std::fmt::Write as _;

use super::{Run, places::Places, sanitise, text};
use crate::diag::Severity;

/// The commands, one a line, and a line that sums them up.
///
/// # Panics
/// Never: writing to a String does not fail.
pub fn check(run: &Run<'_>) -> String {
    let places = Places::new(run);
    let mut out = String::new();
    for (finding, _) in run.shown() {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let (start, end) = places.of(finding.at);
        let (_, last) = places.lines(finding.at);
        write!(
            out,
            "::{command} file={},line={},endLine={last},col={}",
            property(run.path(finding.at.file)),
            start.line,
            start.column
        )
        .expect("writing to a String does not fail");
        // Columns mean something only within one line.
        if end.line == start.line {
            write!(out, ",endColumn={}", end.column).expect("writing to a String does not fail");
        }
        let mut message = finding.message.clone();
        for more in finding.help.iter().chain(finding.fix.as_ref().map(|fix| &fix.title)) {
            message.push('\n');
            message.push_str(more);
        }
        let title = property(&format!("unstale: {}", finding.rule));
        writeln!(out, ",title={title}::{}", data(&message)).expect("writing to a String does not fail");
    }
    for file in run.unreadable {
        let reason = data(&format!("not checked: {}", file.reason));
        writeln!(out, "::error file={},title=unstale::{reason}", property(&file.path))
            .expect("writing to a String does not fail");
    }
    out.push_str(&text::summary(run));
    out.push('\n');
    out
}

/// What follows the second `::`: lines stay lines, everything else that a terminal obeys is shown.
fn data(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| sanitise::line(line).replace('%', "%25")).collect();
    lines.join("%0A")
}

/// A value before it: exact, or GitHub would not find the file.
fn property(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' => out.push_str("%3A"),
            ',' => out.push_str("%2C"),
            c if sanitise::is_plain(c.encode_utf8(&mut [0; 4])) => out.push(c),
            c => out.push_str(&sanitise::line(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}
