//! What the stages of a build tell of changed files that only the build reads.

use std::collections::HashMap;

use super::file::{Bytes, FileEvidence};
use crate::analysis::way::{Edge, Way};

/// What tells of changed files whose own bytes are in no container.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The files.
    pub files: Vec<CompiledFile>,
    /// What was found in the stages, if they were looked into.
    pub look: Option<Look>,
    /// By the ID of a container whose image the ledger has as verified at the expected commit: what changed in it since
    /// it was made.
    pub kept: HashMap<String, Vec<Change>>,
}

/// A changed file that only the build reads.
#[derive(Debug, Clone)]
pub struct CompiledFile {
    /// Path in the repository.
    pub path: String,
    /// How what is made from it gets into the image, where that is known.
    pub way: Option<Box<Way>>,
    /// The file in each stage where it lies, if the stages were looked into.
    pub sources: Vec<Source>,
}

/// A file in a stage.
#[derive(Debug, Clone)]
pub struct Source {
    /// What names the stage.
    pub stage: String,
    /// The file there: [`FileEvidence::at`] is its path in the stage, and [`FileEvidence::actual`] what the stage has.
    pub file: FileEvidence,
}

/// What was found in the stages.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Why nothing could be found.
    pub trouble: Option<String>,
    /// What each COPY takes.
    pub taken: Vec<Taken>,
    /// By the ID of the container and the path in it: what its process sees where such a COPY puts something.
    pub there: HashMap<String, HashMap<String, Bytes>>,
}

/// What a COPY takes from a stage.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The COPY.
    pub edge: Edge,
    /// What names the stage that it takes from.
    pub from: String,
    /// What names the stage that it fills, unless it is the image.
    pub to: Option<String>,
    /// Each file, or why they are not known.
    pub made: Result<Vec<Made>, String>,
}

/// A file that a stage made, or only passes on.
#[derive(Debug, Clone)]
pub struct Made {
    /// Path in the stage.
    pub path: String,
    /// Where the COPY puts it.
    pub at: String,
    /// What the stage has.
    pub bytes: Bytes,
    /// What the next stage has there; `None` where the COPY fills the image.
    pub there: Option<Bytes>,
}

/// A path that `docker diff` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `A`, `C` or `D`: added, changed or deleted.
    pub kind: char,
    /// The path in the container.
    pub path: String,
}
