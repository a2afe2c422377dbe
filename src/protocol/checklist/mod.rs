//! The protocol for a person: the steps of the plan, what must be seen after each, and what proves the new version.

mod json;
mod look;
mod markdown;
mod script;
mod unique;

pub use unique::unique;

use super::{
    names::Sha,
    observed::Observed,
    plan::{
        Plan,
        step::{Phase, Stdin, Step},
    },
    quote::{Quote, quote},
    target::{Argv, Place, Target},
    verdict::http::{HttpCheck, Part, SHORT},
};
use look::{Look, See};

/// Something of this change that can be looked for in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// A text that the old file does not have.
    Text {
        /// The text.
        text: String,
        /// Path in the container.
        at: String,
    },
    /// The SHA-256 that the whole file must have, in lower-case hex.
    Hash {
        /// The digest.
        digest: String,
        /// Path in the container.
        at: String,
    },
}

/// What tells the new version from the one that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// The commit that they are new against.
    pub base: Option<Sha>,
    /// Whether a verified deploy brought that commit; else it is what the server has checked out.
    pub verified: bool,
    /// How many files of the change have a place in the container.
    pub files: usize,
    /// At most [`MOST`].
    pub marks: Vec<Mark>,
}

/// How many marks are looked for: a person has to do it.
pub const MOST: usize = 3;

/// Everything that a checklist is made of.
#[derive(Debug, Clone, Copy)]
pub struct Checklist<'a> {
    /// The service.
    pub service: &'a str,
    /// The plan whose steps it shows.
    pub plan: &'a Plan,
    /// The server.
    pub target: &'a Target,
    /// What was seen when the plan was made.
    pub seen: &'a Observed,
    /// What tells the new version.
    pub marks: &'a Marks,
    /// What the service has to answer.
    pub http: Option<&'a HttpCheck>,
}

/// An entry of the list.
enum Item<'a> {
    /// A step, and what must be seen after it.
    Step { step: &'a Step, see: See },
    /// A look that is no step: the mark must not be there before, or must be there after.
    Look(Look),
}

impl<'a> Checklist<'a> {
    /// The phases that have something, in order, each with its items.
    fn phases(&self) -> Vec<(Phase, Vec<Item<'a>>)> {
        let mut phases: Vec<(Phase, Vec<Item<'a>>)> = Vec::new();
        for step in &self.plan.steps {
            let new = phases.last().is_none_or(|(phase, _)| *phase != step.phase());
            if new {
                let first = match step.phase() {
                    Phase::Remove => self.before(),
                    Phase::Verify => self.after().into_iter().chain(self.http.map(look::answer)).collect(),
                    _ => Vec::new(),
                };
                phases.push((step.phase(), first.into_iter().map(Item::Look).collect()));
            }
            let items = &mut phases.last_mut().expect("it was just made").1;
            items.push(Item::Step { step, see: look::after(self, step) });
        }
        phases
    }

    /// The negative control: what proves the new version must not be in the old containers.
    fn before(&self) -> Vec<Look> {
        let running = self.seen.server.replicas().filter(|c| c.runs());
        let each = |container| self.marks.marks.iter().map(move |mark| look::before(mark, container));
        running.flat_map(each).collect()
    }

    fn after(&self) -> Vec<Look> {
        let Some(compose) = self.seen.server.compose() else { return Vec::new() };
        let replicas = self.plan.replicas;
        let each = |mark| (1..=replicas).map(move |n| look::mark(mark, compose, self.service, n, replicas));
        self.marks.marks.iter().flat_map(each).collect()
    }

    /// The text that an answer must have, for reading.
    fn said(&self, parts: &[Part]) -> String {
        let part = |part: &Part| match (part, &self.plan.commit) {
            (Part::Text(text), _) => text.clone(),
            (Part::Sha, Some(sha)) => sha.to_string(),
            (Part::Short, Some(sha)) => sha.as_str()[..SHORT].to_owned(),
            (Part::Sha, None) => "(the commit of phase 1)".to_owned(),
            (Part::Short, None) => format!("(the first {SHORT} digits of the commit of phase 1)"),
        };
        parts.iter().map(part).collect()
    }

    fn command(&self, place: Place, argv: &Argv, quote: Quote) -> String {
        self.target.line(place, argv, self.plan.commit.as_ref(), quote)
    }

    /// What takes back what was done up to a step, the last first, and what that brings; as a run does it.
    fn undo(&self, step: &Step, quote: Quote) -> Option<(String, String)> {
        if step.phase() == Phase::Verify {
            return None;
        }
        let at = self.plan.steps.iter().position(|s| s == step)?;
        let undone = self.plan.steps[..=at].iter().rev().filter(|s| s.place() == Place::Server);
        let undone: Vec<_> = undone.filter_map(Step::undo_of).collect();
        let causes: Vec<&str> = undone.iter().map(|undo| undo.cause.as_str()).collect();
        let argvs = undone.iter().flat_map(|undo| &undo.argvs);
        let argvs: Vec<_> = argvs.map(|argv| argv.words(self.plan.commit.as_ref())).collect();
        (!argvs.is_empty()).then(|| (causes.join(", and "), self.target.all(&argvs, quote)))
    }

    /// Whether a person cannot do it: only the program knows what it writes.
    fn left_out(step: &Step) -> bool {
        step.stdin() == Stdin::LedgerLine
            || matches!(step.post(), super::plan::step::Probe::LedgerFolder { .. })
    }

    /// The command line that makes this list anew.
    fn again(&self) -> String {
        let words = ["unstale", "checklist", self.service].map(str::to_owned);
        let words = words.into_iter().chain(self.target.words());
        words.map(|w| quote(&w)).collect::<Vec<_>>().join(" ")
    }

    /// Why the marks are what they are.
    fn about_marks(&self) -> String {
        let marks = self.marks;
        let Some(base) = &marks.base else {
            return "what runs now is not known, so that nothing can be named that is new".to_owned();
        };
        let than = format!(
            "{} ({})",
            base.short(),
            if marks.verified { "the last verified deploy" } else { "what the server has checked out" }
        );
        let text = marks.marks.iter().any(|m| matches!(m, Mark::Text { .. }));
        match (marks.files, marks.marks.is_empty()) {
            (0, _) => format!("no file that is new since {than} has a place of its own in the container"),
            (_, true) => format!(
                "no file that is new since {than} has a text that can be searched for, nor bytes that can be compared"
            ),
            _ if text => format!("texts that are new since {than}"),
            _ => format!(
                "no changed file has a new text that can be searched for: the bytes of files that are new since {than}"
            ),
        }
    }
}
