//! What tells a finding from the others when lines move: rule, file, the words of its place, and which of several equal ones it is.

use std::{collections::HashMap, fmt::Write as _};

use sha2::{Digest as _, Sha256};

use crate::{
    diag::Finding,
    text::{Location, Snapshot},
};

/// The fingerprints of findings, in their order. `path` names a file in the same way wherever the program is run.
///
/// All findings of a rule in a file have to be given: equal ones are counted.
///
/// # Panics
/// Never: writing to a String does not fail.
pub fn of(snapshot: &Snapshot, findings: &[Finding], path: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut seen: HashMap<[u8; 32], u32> = HashMap::new();
    let fingerprint = |finding: &Finding| {
        let mut hash = Sha256::new();
        for part in [finding.rule, &path(&snapshot.file(finding.at.file).path), &words(snapshot, finding.at)]
        {
            hash.update(part);
            // No part holds this byte, so that none runs into the next.
            hash.update([0xff]);
        }
        let before = seen.entry(hash.clone().finalize().into()).or_default();
        hash.update(before.to_le_bytes());
        *before += 1;
        hex(&hash.finalize())
    };
    findings.iter().map(fingerprint).collect()
}

/// The first half of a hash: enough to tell the findings of a repository apart.
pub(super) fn hex(hash: &[u8]) -> String {
    hash.iter().take(16).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String does not fail");
        hex
    })
}

/// The words of the place, however they are indented or continued on the next line; of a place between two bytes those
/// of its line.
fn words(snapshot: &Snapshot, at: Location) -> String {
    let text = &snapshot.file(at.file).text;
    let (start, end) = (at.span.start().min(text.len()), at.span.end().min(text.len()));
    let text = if start == end {
        let from = text[..start].rfind('\n').map_or(0, |n| n + 1);
        &text[from..text[start..].find('\n').map_or(text.len(), |n| start + n)]
    } else {
        &text[start..end]
    };
    text.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ")
}
