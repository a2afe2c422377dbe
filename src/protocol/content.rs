//! Content that git keeps elsewhere, submodules and LFS files: what the commit needs of it, and what the server has.

use super::names::Sha;

/// What of the deployed commit gets into the service's image or container and does not come with `git merge` alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needed {
    /// Submodules, from the repository's top, and the commit that is recorded for each.
    pub submodules: Vec<(String, Sha)>,
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
