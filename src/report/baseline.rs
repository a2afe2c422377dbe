//! A baseline: the findings that were there when somebody began to look, so that only new ones count.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The version of the file.
const SCHEMA: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: u32,
    findings: Vec<Entry>,
}

/// One finding that was there. Sorted by file, rule and fingerprint, so that two branches merge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Path from the root of the repository.
    pub file: String,
    /// Id of the rule.
    pub rule: String,
    /// See [`super::fingerprint`].
    pub fingerprint: String,
}

/// Reads a baseline.
///
/// # Errors
/// Why it is none, and what to do.
pub fn read(text: &str) -> Result<BTreeSet<Entry>, String> {
    let document: Document = serde_json::from_str(text).map_err(|e| {
        format!("it is not a baseline ({e}): name another file, or remove it and let `--write-baseline` make it anew")
    })?;
    if document.schema != SCHEMA {
        return Err(format!(
            "it has the schema {}, this version reads {SCHEMA}: remove it and let `--write-baseline` make it anew",
            document.schema
        ));
    }
    Ok(document.findings.into_iter().collect())
}

/// The file's text: one line for each finding.
///
/// # Panics
/// Never: plain structs with string keys serialise.
pub fn write(entries: &BTreeSet<Entry>) -> String {
    let line = |entry: &Entry| {
        let json = serde_json::to_string(entry).expect("plain structs with string keys always serialise");
        format!("    {json}")
    };
    let lines: Vec<String> = entries.iter().map(line).collect();
    if lines.is_empty() {
        return format!("{{\n  \"schema\": {SCHEMA},\n  \"findings\": []\n}}\n");
    }
    format!("{{\n  \"schema\": {SCHEMA},\n  \"findings\": [\n{}\n  ]\n}}\n", lines.join(",\n"))
}
