//! A forecast as a value: what JSON prints, and what table and picture show.

pub mod html;
mod layout;
mod scene;
mod svg;
pub mod text;
mod words;

use serde::Serialize;

/// The reason of a plain hit: nobody needs to be told.
pub const UNCHANGED: &str = "nothing that keys it changed";

/// The whole document; fields may be added, never changed.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// 1.
    pub schema: u32,
    /// What the next build is compared with.
    pub before: Before,
    /// One for each build, in the order of the files.
    pub builds: Vec<Build>,
    /// What holds for all of them.
    pub notes: Vec<String>,
}

/// What the last build had.
#[derive(Debug, Clone, Serialize)]
pub struct Before {
    /// The revision as it was named, if it is one; else the files that are said to be changed make the difference.
    pub revision: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// In how many files the two states differ.
    pub changed: usize,
}

/// One build.
#[derive(Debug, Clone, Serialize)]
pub struct Build {
    /// The service; `null` for a Dockerfile that no service builds.
    pub service: Option<String>,
    /// The compose file that has it.
    pub compose: Option<String>,
    /// The Dockerfile; `null` if it is not in the project.
    pub dockerfile: Option<String>,
    /// The folder that is sent to the builder (`.` for the root).
    pub context: Option<String>,
    /// The stage that is built, by its name.
    pub target: Option<String>,
    /// `buildkit` or `classic`.
    pub builder: &'static str,
    /// Why nothing can be said of it, if so.
    pub problem: Option<String>,
    /// How its steps end.
    pub counts: Counts,
    /// The stages that are built.
    pub stages: Vec<Stage>,
    /// The files that differ, and whether they arrive.
    pub changed: Vec<Changed>,
    /// What is mounted over the container.
    pub mounts: Vec<Mount>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// How many steps end how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// From the cache.
    pub hit: usize,
    /// Run again.
    pub miss: usize,
    /// Not known.
    pub unknown: usize,
    /// No steps for the builder.
    pub none: usize,
}

/// A stage.
#[derive(Debug, Clone, Serialize)]
pub struct Stage {
    /// Its name; `stage-<number>` if it has none, as `BuildKit` calls it.
    pub name: String,
    /// What it starts from, as written.
    pub from: String,
    /// The stage that it starts from, by its place in the list.
    pub parent: Option<usize>,
    /// Its instructions, without the FROM.
    pub steps: Vec<Step>,
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// From the cache.
    Hit,
    /// It runs again.
    Miss,
    /// Not known.
    Unknown,
    /// The builder takes no step for it.
    None,
}

/// An instruction.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Its line in the Dockerfile.
    pub line: usize,
    /// Its name in upper case.
    pub cmd: String,
    /// All of it, in one line.
    pub text: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why.
    pub because: String,
    /// Whether a step above is all that makes it run again.
    pub above: bool,
    /// The stages that it takes files from, by their place in the list.
    pub takes_from: Vec<usize>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Other bytes, another mode, or another kind of file.
    Changed,
    /// It was not there.
    New,
    /// It is not there any more.
    Deleted,
}

/// A file that differs.
#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    /// From the root of the repository.
    pub path: String,
    /// What happened to it.
    pub change: Change,
    /// Where it ends, in the words of `trace`; for a deleted file, where it ended.
    pub verdict: &'static str,
    /// It says how the image is built or the container made.
    pub recipe: bool,
    /// A bind mount brings it: no build is needed.
    pub mounted: bool,
    /// Where it lies in the container.
    pub container_paths: Vec<String>,
    /// The lines of the instructions that take it from the context.
    pub taken_by: Vec<usize>,
    /// The mount that hides it, by its place in the list of mounts.
    pub hidden_by: Option<usize>,
    /// What keeps it out: the pattern and its file.
    pub ignored_by: Option<Place>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// Its line.
    pub line: usize,
    /// What stands there.
    pub what: String,
}

/// A mount over the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// `named-volume`, `anonymous-volume`, `bind`, `tmpfs`, `other`.
    pub kind: &'static str,
    /// Volume or path of the host.
    pub source: Option<String>,
    /// Where it lies in the container.
    pub target: String,
    /// The file that says so.
    pub file: String,
    /// Its line there.
    pub line: usize,
    /// Whether it hides what the image has there.
    pub hides: bool,
}

impl Build {
    /// What a person calls it.
    pub fn title(&self) -> &str {
        self.service.as_deref().or(self.dockerfile.as_deref()).unwrap_or("?")
    }

    /// Counts the outcomes.
    #[must_use]
    pub fn counted(mut self) -> Self {
        let mut counts = Counts::default();
        for step in self.stages.iter().flat_map(|stage| &stage.steps) {
            match step.outcome {
                Outcome::Hit => counts.hit += 1,
                Outcome::Miss => counts.miss += 1,
                Outcome::Unknown => counts.unknown += 1,
                Outcome::None => counts.none += 1,
            }
        }
        self.counts = counts;
        self
    }
}

/// JSON, with a newline at its end.
///
/// # Panics
/// Never: every part has a form in JSON.
pub fn json(document: &Document) -> String {
    serde_json::to_string_pretty(document).expect("strings and numbers have a form in JSON") + "\n"
}
