//! What happens while a plan is carried out, step by step.

use super::plan::step::Step;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not reached, or only shown.
    Planned,
    /// Its post probe held before it ran.
    Already,
    /// It ran, and its post probe holds.
    Done,
    /// It failed, or its post probe does not hold.
    Failed,
    /// It was taken back.
    Undone,
    /// It would have run only if something had been stale.
    Skipped,
}

impl State {
    /// Whether the step was begun in this run.
    pub fn ran(self) -> bool {
        !matches!(self, Self::Planned | Self::Skipped)
    }

    /// The word of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Already => "already",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step begins.
    Started {
        /// Its place in the plan.
        index: usize,
        /// How many steps the plan has.
        of: usize,
        /// The step.
        step: &'a Step,
        /// Its command line, as a person would paste it.
        command: &'a str,
    },
    /// The running step wrote a line.
    Line(&'a str),
    /// The step ended.
    Ended {
        /// The step.
        step: &'a Step,
        /// How.
        state: State,
        /// How long it took.
        ms: u64,
        /// Why it failed, or what else is worth saying.
        detail: &'a str,
    },
    /// Something outside of a step.
    Note(&'a str),
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// How it ended.
    pub state: State,
    /// How long it took.
    pub ms: u64,
    /// Why it failed, or what else is worth saying.
    pub detail: String,
}

impl Record {
    /// Of a step that was not reached.
    pub fn planned() -> Self {
        Self { state: State::Planned, ms: 0, detail: String::new() }
    }
}
