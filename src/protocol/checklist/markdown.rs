//! The checklist as Markdown, with a box to tick for everything that is to be done or seen.

use std::fmt::Write as _;

use super::{
    Checklist, Item,
    look::{Expect, Look, See},
};
use crate::protocol::{
    plan::{
        show::title,
        step::{Phase, Step, When},
    },
    quote::{quote, visible},
    target::Arg,
};

impl Checklist<'_> {
    /// The Markdown.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        self.head(&mut out);
        for (phase, items) in self.phases() {
            put(&mut out, &format!("\n## {}. {}", phase.number(), capital(title(phase, self.plan.cache()))));
            if phase == Phase::Verify {
                put(&mut out, &format!("\nTo be looked for: {}.", one_line(&self.about_marks())));
            }
            for item in &items {
                match item {
                    Item::Look(look) => self.look(&mut out, "", &look.words, look),
                    Item::Step { step, .. } if Self::left_out(step) => {}
                    Item::Step { step, see } => self.step(&mut out, step, see),
                }
            }
            self.when_it_fails(&mut out, phase, &items);
        }
        let left: Vec<&str> = self.plan.steps.iter().filter(|s| Self::left_out(s)).map(Step::id).collect();
        if !left.is_empty() {
            let left = left.join("`, `");
            put(
                &mut out,
                &format!(
                    "\n`unstale deploy` also keeps a ledger (`{left}`): by hand there is none, and `unstale history` knows nothing of this deploy."
                ),
            );
        }
        out
    }

    fn when_it_fails(&self, out: &mut String, phase: Phase, items: &[Item<'_>]) {
        if phase == Phase::Verify {
            return put(
                out,
                "\nIf it is not `verified`: the new container runs all the same, and `unstale verify` says what is behind it and what ends it.",
            );
        }
        let mut steps = items.iter().rev().filter_map(|item| match item {
            Item::Step { step, .. } => Some(step),
            Item::Look(_) => None,
        });
        match steps.find_map(|step| self.undo(step, quote)) {
            Some((cause, line)) => {
                put(
                    out,
                    &format!("\nIf anything of this phase fails, stop. After this, {}:\n", one_line(&cause)),
                );
                block(out, "", &line);
            }
            None => put(out, "\nIf anything of this phase fails, stop: there is nothing to take back."),
        }
    }

    fn head(&self, out: &mut String) {
        put(out, &format!("# Deploy {} to {}\n", code(self.service), code(&self.target.label())));
        let now = self.seen.server.git().and_then(|g| g.head.as_ref());
        let now = now.map_or_else(|| "not known".to_owned(), |sha| format!("`{sha}`"));
        match &self.plan.commit {
            Some(commit) => {
                put(out, &format!("To be deployed: `{commit}`. The server's checkout is at {now}."));
            }
            None => put(
                out,
                &format!("To be deployed: the commit that phase 1 makes. The server's checkout is at {now}."),
            ),
        }
        let here = code(&self.seen.here.toplevel);
        put(
            out,
            &format!(
                "Every command is for a shell in {here} on this machine. Stop at the first one that does not show what it must. For another commit, or if something was deployed in between, make the list anew: {}",
                code(&self.again())
            ),
        );
    }

    fn step(&self, out: &mut String, step: &Step, see: &See) {
        let when = if step.when() == When::IfVerified { "only if it is verified: " } else { "" };
        put(out, &format!("\n- [ ] **{}**: {when}{}\n", step.id(), one_line(step.cause())));
        block(out, "  ", &self.command(step.place(), step.argv(), quote));
        match &see.looks[..] {
            [] => put(out, &format!("\n  It must end well: {}.", one_line(&see.words))),
            [look] => self.look(out, "  ", &see.words, look),
            looks => {
                for look in looks {
                    self.look(out, "  ", &look.words, look);
                }
            }
        }
    }

    fn look(&self, out: &mut String, indent: &str, words: &str, look: &Look) {
        put(out, &format!("\n{indent}- [ ] {}; {}:\n", one_line(words), self.must(&look.expect)));
        block(out, &format!("{indent}  "), &self.command(look.place, &look.argv, quote));
    }

    fn must(&self, expect: &Expect) -> String {
        match expect {
            Expect::Prints(line) => {
                let word = |arg: &Arg| match (arg, &self.plan.commit) {
                    (Arg::Text(text), _) => text.replace('\t', " "),
                    (Arg::Commit, Some(sha)) => sha.to_string(),
                    (Arg::Commit, None) => "(the commit of phase 1)".to_owned(),
                };
                format!("this must print {}", code(&line.iter().map(word).collect::<String>()))
            }
            Expect::Nothing => "this must print nothing".to_owned(),
            Expect::Not(line) => format!("this must not print {}", code(line)),
            Expect::Lines(1) => "this must print one line".to_owned(),
            Expect::Lines(n) => format!("this must print {n} lines"),
            Expect::Succeeds => "this must end well".to_owned(),
            Expect::Fails => "this must print no line".to_owned(),
            Expect::Has(parts) if parts.is_empty() => "this must end well".to_owned(),
            Expect::Has(parts) => format!("this must print something with {} in it", code(&self.said(parts))),
        }
    }
}

fn put(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes everything");
}

/// A command, between fences that are longer than any in it.
fn block(out: &mut String, indent: &str, line: &str) {
    let fence = "`".repeat(longest(line).max(2) + 1);
    put(out, &format!("{indent}{fence}sh\n{indent}{}\n{indent}{fence}", one_line(line)));
}

/// Text as code, whatever backticks it has.
fn code(text: &str) -> String {
    let text = one_line(text);
    let ticks = "`".repeat(longest(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

fn longest(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
