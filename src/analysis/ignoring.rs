//! New lines of an ignore file as an edit.

use super::{context::Context, paths};
use crate::text::{Edit, FileId, Newline, Snapshot, SourceFile};

/// How lines come into the ignore file of a context.
#[derive(Debug)]
pub enum Added {
    /// At the end of the one that it has, in its style.
    Edit(FileId, Edit),
    /// As a new file, with the newlines of the file that `like` names.
    File(SourceFile),
}

/// Lines more for the ignore file that applies in the context. `None` where it has none and a path of that name is in the
/// way: a link, a folder, a file that cannot be read.
pub fn add(snapshot: &Snapshot, context: &Context, like: FileId, lines: &[&str]) -> Option<Added> {
    let Some(ignore) = &context.ignore else {
        let path = paths::join(&context.dir, ".dockerignore");
        if snapshot.entry(&path).is_some() || snapshot.find(&path).is_some() {
            return None;
        }
        let newline = Newline::of(&snapshot.file(like).text).as_str();
        return Some(Added::File(SourceFile { path, text: lines.join(newline) + newline }));
    };
    let file = ignore.file;
    let text = &snapshot.file(file).text;
    let newline = Newline::of(text).as_str();
    let body = lines.join(newline);
    let ended = text.is_empty() || text.ends_with('\n');
    let added = if ended { format!("{body}{newline}") } else { format!("{newline}{body}") };
    Some(Added::Edit(file, Edit::insert(text.len(), added)))
}
