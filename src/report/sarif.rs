//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>): what code scanning services take.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use super::{Detail, Run, places::Places};
use crate::{
    diag::{Finding, Safety, Severity},
    rules::{self, Rule},
    text::{Edit, FileId, Location},
};

/// What relative paths start from, as code scanning services call it.
const ROOT: &str = "%SRCROOT%";
/// The name under which a fingerprint is compared; a new way to make it gets a new one.
const FINGERPRINT: &str = "unstale/v1";

/// The document, with every finding whatever is listed for people.
///
/// # Panics
/// Never: a JSON value serialises.
pub fn check(run: &Run<'_>) -> String {
    let found: BTreeMap<&str, &Rule> =
        run.report.findings.iter().filter_map(|f| Some((f.rule, rules::find(f.rule)?))).collect();
    let index: BTreeMap<&str, usize> = found.keys().enumerate().map(|(index, id)| (*id, index)).collect();
    let writer = Writer { run, places: Places::new(run), index };
    let notifications: Vec<Value> = run
        .unreadable
        .iter()
        .map(|file| {
            json!({
                "level": "error",
                "message": { "text": plain(&format!("not checked: {}", file.reason)) },
                "locations": [{ "physicalLocation": { "artifactLocation": artifact(&file.path) } }],
            })
        })
        .collect();
    let document = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "unstale",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": found.values().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": { ROOT: { "description": { "text": "The root of the repository" } } },
            "invocations": [{
                "executionSuccessful": run.unreadable.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "results": run.all().map(|(finding, detail)| writer.result(finding, detail)).collect::<Vec<_>>(),
        }],
    });
    format!("{document:#}\n")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// A rule, with its page as help.
fn descriptor(rule: &Rule) -> Value {
    let tags: Vec<&str> =
        [rule.page.kind.as_str()].into_iter().chain(rule.page.mechanisms().iter().copied()).collect();
    let help = unlinked(rule.page.shown().trim());
    json!({
        "id": rule.id,
        "shortDescription": { "text": plain(rule.page.title) },
        "help": { "text": help, "markdown": help },
        "defaultConfiguration": { "level": level(rule.page.severity) },
        "properties": { "tags": tags },
    })
}

/// A page without its links: the pages that they lead to are not where the document is shown.
fn unlinked(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(middle) = rest.find("](") {
        let (Some(start), Some(end)) = (rest[..middle].rfind('['), rest[middle..].find(')')) else { break };
        out.push_str(&rest[..start]);
        out.push_str(&rest[start + 1..middle]);
        rest = &rest[middle + end + 1..];
    }
    out + rest
}

/// A file: below the root of the repository, or anywhere.
fn artifact(path: &str) -> Value {
    if path.starts_with('/') {
        json!({ "uri": format!("file://{}", uri(path)) })
    } else {
        json!({ "uri": uri(path), "uriBaseId": ROOT })
    }
}

/// A path as a URI: everything but what needs no encoding anywhere (RFC 3986, 2.3) and the slash is encoded.
fn uri(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut uri, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => write!(uri, "%{byte:02X}").expect("writing to a String does not fail"),
        }
        uri
    })
}

/// Text that is no link: `[text](target)` in a message is one (3.11.6), and a file must not write one.
fn plain(text: &str) -> String {
    if text.contains("](") {
        text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]")
    } else {
        text.to_owned()
    }
}

struct Writer<'a> {
    run: &'a Run<'a>,
    places: Places<'a>,
    index: BTreeMap<&'a str, usize>,
}

impl Writer<'_> {
    fn result(&self, finding: &Finding, detail: &Detail) -> Value {
        let mut message = finding.message.clone();
        if let Some(help) = &finding.help {
            message.push_str("; ");
            message.push_str(help);
        }
        let related: Vec<Value> = finding
            .labels
            .iter()
            .enumerate()
            .map(|(id, label)| {
                json!({
                    "id": id,
                    "physicalLocation": self.physical(label.at),
                    "message": { "text": plain(&label.message) },
                })
            })
            .collect();
        let mut result = json!({
            "ruleId": finding.rule,
            "ruleIndex": self.index.get(finding.rule),
            "level": level(finding.severity),
            "message": { "text": plain(&message) },
            "locations": [{ "physicalLocation": self.physical(finding.at) }],
            "relatedLocations": related,
            "partialFingerprints": { FINGERPRINT: detail.fingerprint },
        });
        if let Some(fix) =
            // A change of SARIF needs an artifact that is there.
            finding.fix.as_ref().filter(|fix| fix.safety > Safety::Manual && fix.creates.is_empty())
        {
            let mut by_file: BTreeMap<FileId, Vec<&Edit>> = BTreeMap::new();
            for (file, edit) in &fix.edits {
                by_file.entry(*file).or_default().push(edit);
            }
            let changes: Vec<Value> = by_file
                .into_iter()
                .map(|(file, edits)| {
                    let replacements: Vec<Value> = edits
                        .iter()
                        .map(|edit| {
                            json!({
                                "deletedRegion": self.region(Location::new(file, edit.span)),
                                "insertedContent": { "text": edit.text },
                            })
                        })
                        .collect();
                    json!({ "artifactLocation": artifact(self.run.path(file)), "replacements": replacements })
                })
                .collect();
            let title = format!("{} ({})", fix.title, fix.safety.as_str());
            result["fixes"] =
                json!([{ "description": { "text": plain(&title) }, "artifactChanges": changes }]);
        }
        result
    }

    fn physical(&self, at: Location) -> Value {
        json!({ "artifactLocation": artifact(self.run.path(at.file)), "region": self.region(at) })
    }

    fn region(&self, at: Location) -> Value {
        let (start, end) = self.places.of(at);
        json!({
            "startLine": start.line,
            "startColumn": self.places.utf16(at.file, start),
            "endLine": end.line,
            "endColumn": self.places.utf16(at.file, end),
        })
    }
}
