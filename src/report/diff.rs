//! What a fix changes, as a unified diff that `git apply` takes.

use std::fmt::Write as _;

use similar::TextDiff;

use crate::text::Snapshot;

/// The changes of every file between two states of a snapshot; empty if there are none. `name` gives the path that a
/// person would write for a file.
///
/// # Panics
/// Never: writing to a String does not fail.
pub fn unified(before: &Snapshot, after: &Snapshot, name: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    for (id, old) in before.files() {
        let new = after.file(id);
        if old.text == new.text {
            continue;
        }
        let diff = TextDiff::from_lines(old.text.as_str(), new.text.as_str());
        let unified = diff
            .unified_diff()
            .context_radius(3)
            .header(&header("a", &name(&old.path)), &header("b", &name(&new.path)))
            .to_string();
        write!(out, "{unified}").expect("writing to a String does not fail");
    }
    out
}

/// `a/path`, quoted as git does when the name would break the line.
fn header(side: &str, path: &str) -> String {
    if path.chars().any(|c| c.is_control() || matches!(c, '"' | '\\')) {
        format!("\"{side}/{}\"", path.escape_default())
    } else {
        format!("{side}/{path}")
    }
}
