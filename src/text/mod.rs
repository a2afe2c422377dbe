//! Bytes: source files, spans, lines and edits. Nothing here knows what a Dockerfile is.

mod edit;
mod lines;
mod plain;
mod snapshot;
mod span;

pub use edit::{Changes, Edit, EditSet, Inserted, Overlap};
pub use lines::{LineIndex, Position};
pub use plain::is_obeyed;
pub use snapshot::{EntryKind, FileId, Located, Location, Newline, Snapshot, SourceFile, is_outside};
pub use span::{Span, Spanned};
