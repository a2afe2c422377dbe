//! The file system: finds the files of a project, reads them, and writes changed ones back, whole or not at all.

mod read;
mod since;
mod write;

pub use read::{Problem, Project, Wanted, find_root, read, standard_input, text};
pub use since::{Touched, checkout, touched};
pub use write::{Changed, WriteError, put, write};
