//! JUnit's XML, as CI servers read it: a suite for each file with findings, a test case for each finding.

use std::fmt::Write as _;

use super::{Detail, Run, places::Places, sanitise, text};
use crate::diag::Finding;

/// One suite: its name, and the findings in it.
struct Suite<'a> {
    name: &'a str,
    findings: Vec<(&'a Finding, &'a Detail)>,
}

/// The document. A finding that does not make the run fail is a test case that passes, with its text as output; a file
/// that was not checked is an error; a clean run is one test case that passes.
///
/// # Panics
/// Never: writing to a String does not fail.
pub fn check(run: &Run<'_>) -> String {
    let places = Places::new(run);
    let mut suites: Vec<Suite<'_>> = Vec::new();
    for (finding, detail) in run.shown() {
        let name = run.path(finding.at.file);
        match suites.last_mut().filter(|suite| suite.name == name) {
            Some(suite) => suite.findings.push((finding, detail)),
            None => suites.push(Suite { name, findings: vec![(finding, detail)] }),
        }
    }
    let mut body = String::new();
    for suite in &suites {
        let failures = suite.findings.iter().filter(|(_, detail)| detail.fails).count();
        open(&mut body, suite.name, suite.findings.len(), failures, 0);
        for (finding, detail) in &suite.findings {
            case(&mut body, &places, suite.name, finding, detail);
        }
        body.push_str("  </testsuite>\n");
    }
    for file in run.unreadable {
        open(&mut body, &file.path, 1, 0, 1);
        let (path, reason) = (escape(&file.path), escape(&file.reason));
        add(&mut body, format_args!("    <testcase name=\"not checked\" classname=\"{path}\" time=\"0\">\n"));
        add(
            &mut body,
            format_args!("      <error message=\"{reason}\" type=\"not-checked\"/>\n    </testcase>\n"),
        );
        body.push_str("  </testsuite>\n");
    }
    if body.is_empty() {
        open(&mut body, "unstale", 1, 0, 0);
        let summary = escape(&text::summary(run));
        add(&mut body, format_args!("    <testcase name=\"{summary}\" classname=\"unstale\" time=\"0\"/>\n"));
        body.push_str("  </testsuite>\n");
    }
    let tests = suites.iter().map(|s| s.findings.len()).sum::<usize>() + run.unreadable.len();
    let failures = run.shown().filter(|(_, detail)| detail.fails).count();
    let (tests, errors) = (tests.max(1), run.unreadable.len());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"unstale\" tests=\"{tests}\" failures=\"{failures}\" \
         errors=\"{errors}\" time=\"0\">\n{body}</testsuites>\n"
    )
}

fn open(out: &mut String, name: &str, tests: usize, failures: usize, errors: usize) {
    let name = escape(name);
    add(
        out,
        format_args!(
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" time=\"0\">\n"
        ),
    );
}

fn case(out: &mut String, places: &Places<'_>, path: &str, finding: &Finding, detail: &Detail) {
    let (start, _) = places.of(finding.at);
    let name = escape(&format!("{} at {}:{}", finding.rule, start.line, start.column));
    let message = escape(&finding.message);
    let place = escape(&format!("{path}:{}:{}: {}", start.line, start.column, finding.severity.as_str()));
    let mut text = format!("{place}\n{message}");
    for more in finding.help.iter().chain(finding.fix.as_ref().map(|fix| &fix.title)) {
        text.push('\n');
        text.push_str(&escape(more));
    }
    // No attribute for file and line: Jenkins refuses what its schema does not have.
    let path = escape(path);
    add(out, format_args!("    <testcase name=\"{name}\" classname=\"{path}\" time=\"0\">\n"));
    if detail.fails {
        let rule = finding.rule;
        add(out, format_args!("      <failure message=\"{message}\" type=\"{rule}\">{text}</failure>\n"));
    } else {
        add(out, format_args!("      <system-out>{text}</system-out>\n"));
    }
    out.push_str("    </testcase>\n");
}

fn add(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String does not fail");
}

/// Text for an attribute or an element, on one line. XML 1.0 cannot say control characters, not even escaped, and
/// neither the last two characters of the first plane: they are shown as their escapes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in sanitise::line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}
