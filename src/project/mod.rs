//! The file system: finds the files of a project, reads them, writes changed ones back, whole or not at all, and asks git about them.

mod create;
mod git;
mod read;
mod since;
mod states;
mod touch;
mod write;

pub use create::{create, is_there, obstacle};
pub use git::{checkout, origin};
pub use read::{Problem, Project, Wanted, find_root, read, standard_input, text};
pub use since::{Touched, touched};
pub use states::{Held, HeldKind, OnDisk, States, blobs, folder, size, sizes, states, was_there};
pub use touch::{Tracked, all_tracked, modified, not_from, now, touch, tracked};
pub use write::{Changed, WriteError, put, write};
