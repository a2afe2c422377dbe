//! What a fix changes, as a unified diff that `git apply` takes.

use std::fmt::Write as _;

use similar::TextDiff;

use super::sanitise;
use crate::text::Snapshot;

/// The changes of every file between two states of a snapshot; empty if there are none. `name` gives the path that a
/// person would write for a file.
///
/// # Panics
/// Never: writing to a String does not fail.
pub fn unified(before: &Snapshot, after: &Snapshot, name: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    let there = before.files().count();
    for (at, (id, new)) in after.files().enumerate() {
        let old = (at < there).then(|| before.file(id));
        let text = old.map_or("", |file| &file.text);
        if text == new.text {
            continue;
        }
        // git counts lines by `\n` alone; a lone `\r` is part of its line.
        let (a, b): (Vec<&str>, Vec<&str>) =
            (text.split_inclusive('\n').collect(), new.text.split_inclusive('\n').collect());
        let diff = TextDiff::from_slices(&a, &b);
        match old {
            Some(_) => out.push_str(&header("---", "a", &name(&new.path))),
            None => out.push_str("--- /dev/null\n"),
        }
        out.push_str(&header("+++", "b", &name(&new.path)));
        for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
            writeln!(out, "{}", hunk.header()).expect("writing to a String does not fail");
            for change in hunk.iter_changes() {
                write!(out, "{}{}", change.tag(), change.value()).expect("writing to a String does not fail");
                if !change.value().ends_with('\n') {
                    out.push_str("\n\\ No newline at end of file\n");
                }
            }
        }
    }
    out
}

/// `--- a/path`, quoted as git does when the name would break the line or deceive its reader.
fn header(sign: &str, side: &str, path: &str) -> String {
    if sanitise::is_plain(path) && !path.contains(['"', '\\']) {
        // The tab ends a name that holds a space.
        let end = if path.contains(' ') { "\t" } else { "" };
        return format!("{sign} {side}/{path}{end}\n");
    }
    let mut quoted = format!("{sign} \"{side}/");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => write!(quoted, "\\{byte:03o}").expect("writing to a String does not fail"),
        }
    }
    quoted + "\"\n"
}
