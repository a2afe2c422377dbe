//! The file system: finds the files of a project, reads them, and writes changed ones back, whole or not at all.

mod read;
mod write;

pub use read::{Problem, Project, Wanted, find_root, read, text};
pub use write::{Changed, WriteError, write};
