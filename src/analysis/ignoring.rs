//! New lines of an ignore file as an edit.

use super::context::Context;
use crate::text::{Edit, FileId, Newline, Snapshot};

/// Lines at the end of the context's ignore file, in its own style; `None` if it has none.
pub fn add(snapshot: &Snapshot, context: &Context, lines: &[&str]) -> Option<(FileId, Edit)> {
    let file = context.ignore.as_ref()?.file;
    let text = &snapshot.file(file).text;
    let newline = Newline::of(text).as_str();
    let body = lines.join(newline);
    let ended = text.is_empty() || text.ends_with('\n');
    let added = if ended { format!("{body}{newline}") } else { format!("{newline}{body}") };
    Some((file, Edit::insert(text.len(), added)))
}
