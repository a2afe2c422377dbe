//! Content that git keeps elsewhere, submodules and LFS files: what the commit needs of it, and what the server has.

use crate::protocol::names::Sha;

/// What of the deployed commit gets into the images or containers of services and does not come with `git merge` alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needed {
    /// Submodules, from the repository's top, and the commit that is recorded for each.
    pub submodules: Vec<(String, Sha)>,
    /// Submodules that it does not need, and that the server has checked out at another commit than this one records.
    pub moved: Vec<(String, Sha)>,
    /// Whether `.gitmodules` is about to change by a commit that is not made yet.
    pub unsaved: bool,
    /// Files of which git has a pointer only.
    pub lfs: Vec<String>,
}

/// A submodule in the server's checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submodule {
    /// From the repository's top.
    pub path: String,
    /// The commit that the checkout records for it.
    pub recorded: Sha,
    /// What is checked out.
    pub state: Checked,
    /// Whether tracked files in it are changed; asked only where it is at another commit than the recorded one.
    pub changed: bool,
    /// Whether that commit is one that no remote has; asked only there, too.
    pub unpushed: bool,
}

impl Submodule {
    /// Whether it is at another commit than the checkout records.
    pub fn has_moved(&self) -> bool {
        matches!(&self.state, Checked::At(have) if *have != self.recorded)
    }
}

impl Needed {
    /// The submodules that a deploy checks out, each at the commit that it records.
    pub fn to_update(&self) -> Vec<(String, Sha)> {
        self.submodules.iter().chain(&self.moved).cloned().collect()
    }

    /// Adds what another service of the same deploy needs.
    pub fn join(&mut self, other: Self) {
        fn add<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
            for one in more {
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
        add(&mut self.submodules, other.submodules);
        add(&mut self.moved, other.moved);
        add(&mut self.lfs, other.lfs);
        self.moved.retain(|one| !self.submodules.contains(one));
        self.unsaved |= other.unsaved;
    }
}

/// What is checked out of a submodule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// Nothing: it was never initialised.
    Out,
    /// This commit.
    At(Sha),
    /// It could not be told.
    Unknown,
}

/// What the server's git does with LFS files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lfs {
    /// There is no `git lfs`.
    Missing,
    /// There is, and `git lfs install` was not run: git does not ask it.
    Unset,
    /// It is told to leave pointers where they are.
    Skips,
    /// A checkout brings the content.
    Works,
}
