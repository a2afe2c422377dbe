//! The checklist as one JSON document, version 1: the same phases, commands and looks as in the Markdown.

use serde::Serialize;

use super::{
    Checklist, Item,
    look::{Expect, Look},
};
use crate::protocol::{
    plan::{show::title, step::When},
    quote::quote,
    target::{Arg, NEW_COMMIT},
};

#[derive(Serialize)]
struct WireChecklist<'a> {
    schema: u32,
    service: &'a str,
    target: String,
    /// The commit; `null` while the first step has to make it.
    commit: Option<&'a str>,
    server_commit: Option<&'a str>,
    folder: &'a str,
    again: String,
    looked_for: String,
    phases: Vec<WirePhase<'a>>,
}

#[derive(Serialize)]
struct WirePhase<'a> {
    number: u8,
    title: &'static str,
    items: Vec<WireItem<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum WireItem<'a> {
    Step {
        id: &'a str,
        when: &'static str,
        place: &'static str,
        service: Option<&'a str>,
        cause: &'a str,
        command: String,
        /// Whether a person can do it: only the program knows what it writes into its ledger.
        by_hand: bool,
        must: String,
        looks: Vec<WireLook>,
        undo: Option<WireUndo>,
    },
    Look(WireLook),
}

#[derive(Serialize)]
struct WireLook {
    about: String,
    place: &'static str,
    command: String,
    expect: &'static str,
    /// What is expected, or not, where that is a text.
    text: Option<String>,
    lines: Option<usize>,
    /// How many seconds it may take.
    patience: u64,
}

#[derive(Serialize)]
struct WireUndo {
    cause: String,
    command: String,
}

impl Checklist<'_> {
    /// The JSON document.
    ///
    /// # Panics
    /// Never: it holds nothing that JSON cannot.
    pub fn json(&self) -> String {
        let phases = self.phases();
        let document = WireChecklist {
            schema: 1,
            service: self.service,
            target: self.target.label(),
            commit: self.plan.commit.as_ref().map(crate::protocol::Sha::as_str),
            server_commit: self.seen.server.git().and_then(|git| Some(git.head.as_ref()?.as_str())),
            folder: &self.seen.here.toplevel,
            again: self.again(),
            looked_for: self.about_marks(),
            phases: phases
                .iter()
                .map(|(phase, items)| WirePhase {
                    number: phase.number(),
                    title: title(*phase, self.plan.cache()),
                    items: items.iter().map(|item| self.wire_item(item)).collect(),
                })
                .collect(),
        };
        serde_json::to_string(&document).expect("strings, numbers and lists always serialize")
    }

    fn wire_item<'i>(&self, item: &'i Item<'_>) -> WireItem<'i> {
        let (step, see) = match item {
            Item::Look(look) => return WireItem::Look(self.wire_look(look)),
            Item::Step { step, see } => (step, see),
        };
        WireItem::Step {
            id: step.id(),
            when: match step.when() {
                When::Always => "always",
                When::IfStale => "if-stale",
                When::IfVerified => "if-verified",
            },
            place: step.place().as_str(),
            service: step.service(),
            cause: step.cause(),
            command: self.command(step.place(), step.argv(), quote),
            by_hand: !Self::left_out(step),
            must: see.words.clone(),
            looks: see.looks.iter().map(|look| self.wire_look(look)).collect(),
            undo: self.undo(step, quote).map(|(cause, command)| WireUndo { cause, command }),
        }
    }

    fn wire_look(&self, look: &Look) -> WireLook {
        let (expect, text, lines) = match &look.expect {
            Expect::Prints(line) => ("prints", Some(self.line(line)), None),
            Expect::Nothing => ("nothing", None, None),
            Expect::Not(line) => ("prints-not", Some(line.clone()), None),
            Expect::Lines(n) => ("lines", None, Some(*n)),
            Expect::Has(parts) if !parts.is_empty() => ("contains", Some(self.said(parts)), None),
            Expect::Succeeds | Expect::Has(_) => ("succeeds", None, None),
            Expect::Fails => ("fails", None, None),
        };
        WireLook {
            about: look.words.clone(),
            place: look.place.as_str(),
            command: self.command(look.place, &look.argv, quote),
            expect,
            text,
            lines,
            patience: look.patience,
        }
    }

    /// What a command must print; a commit that is not made yet as the shell would tell it.
    fn line(&self, line: &[Arg]) -> String {
        let word = |arg: &Arg| match (arg, &self.plan.commit) {
            (Arg::Text(text), _) => text.clone(),
            (Arg::Commit, Some(sha)) => sha.to_string(),
            (Arg::Commit, None) => NEW_COMMIT.to_owned(),
        };
        line.iter().map(word).collect()
    }
}
