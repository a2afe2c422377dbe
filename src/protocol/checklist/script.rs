//! The checklist as a POSIX shell script that stops at the first failure.

use std::fmt::Write as _;

use super::{
    Checklist, Item,
    look::{Expect, Look, See},
};
use crate::protocol::{
    plan::{
        show::title,
        step::{Actor, Again, Step},
    },
    quote::{quote_for_script as word, visible},
    target::{Arg, NEW_COMMIT},
    verdict::http::{Part, SHORT},
};

/// What every script begins with, below its own words.
const PRELUDE: &str = r#"set -eu

step='before the first step'
undo=
stopped() {
  code=$?
  trap - EXIT
  [ "$code" != 0 ] || exit 0
  {
    printf '\nstopped at %s\n' "$step"
    [ -z "$undo" ] || printf 'to bring the old version back: %s\n' "$undo"
    printf 'to go on: mend what it says and run this script again, which leaves out what is done;\n'
    printf 'for another commit make a new one: %s\n' "$again"
  } >&2
  exit "$code"
}
trap stopped EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
begin() {
  step=$1
  printf '\n== %s\n' "$1"
}
failed() {
  printf 'failed: %s\n' "$1" >&2
  exit 1
}
"#;

impl Checklist<'_> {
    /// The script.
    pub fn script(&self) -> String {
        let mut out = String::from("#!/bin/sh\n");
        let target = self.target.label();
        comment(
            &mut out,
            &format!("Deploys `{}` to `{target}`, by hand. Made by `unstale checklist`.", self.service),
        );
        match &self.plan.commit {
            Some(commit) => {
                comment(&mut out, &format!("For commit {commit}, and for what ran when it was made."));
            }
            None => comment(&mut out, "For what is not committed yet, and for what ran when it was made."),
        }
        put(&mut out, PRELUDE);
        put(&mut out, &format!("again={}", word(&self.again())));
        put(&mut out, &format!("cd -- {}", word(&self.seen.here.toplevel)));
        let mut number = 0;
        for (phase, items) in self.phases() {
            put(&mut out, "");
            comment(&mut out, &format!("{}. {}", phase.number(), title(phase, self.plan.cache())));
            if phase.number() == 7 {
                comment(&mut out, &format!("To be looked for: {}.", self.about_marks()));
            }
            for item in &items {
                number += 1;
                put(&mut out, "");
                match item {
                    Item::Look(look) => self.script_look(&mut out, phase.number(), look),
                    Item::Step { step, .. } if Self::left_out(step) => {
                        comment(
                            &mut out,
                            &format!(
                                "{} is left out: only `unstale deploy` knows the line of the ledger.",
                                step.id()
                            ),
                        );
                    }
                    Item::Step { step, see } => self.script_step(&mut out, number, step, see),
                }
            }
        }
        put(&mut out, "\nstep='the end'\nprintf '\\ndone\\n'");
        out
    }

    fn script_step(&self, out: &mut String, number: usize, step: &Step, see: &See) {
        comment(out, &format!("{}: {}", step.id(), step.cause()));
        comment(out, &format!("See: {}.", see.words));
        let title = format!("step {}, {}", step.phase().number(), step.id());
        put(out, &format!("begin {}", word(&title)));
        if step.actor() == Actor::Unstale {
            return self.verify(out, step);
        }
        let run = format!("( {} ) </dev/null", self.command(step.place(), step.argv(), word));
        let undo = self.undo(step, word).map(|(_, line)| format!("undo={}", word(&line)));
        let undo = undo.unwrap_or_else(|| "undo=".to_owned());
        if see.looks.is_empty() {
            return put(out, &format!("{undo}\n{run}"));
        }
        let name = format!("done_{number}");
        self.function(out, &name, &see.looks, " >/dev/null");
        let wrong = word(&format!("it ended well, but not so that {}", one_line(&see.words)));
        let patience = see.looks.iter().map(|look| look.patience).max().unwrap_or(0);
        let check = if patience > 0 {
            until(&name, patience, &wrong)
        } else if see.looks.iter().all(|l| l.weak) {
            format!("{name} || printf '%s\\n' {}", word("it has the same image ID as before: step 7 decides"))
        } else {
            format!("{name} || failed {wrong}")
        };
        if step.again() == Again::UnlessDone {
            let check = check.replace('\n', "\n  ");
            put(
                out,
                &format!("{undo}\nif {name}; then\n  echo 'done already'\nelse\n  {run}\n  {check}\nfi"),
            );
        } else {
            put(out, &format!("{undo}\n{run}\n{check}"));
        }
    }

    /// The last look is the program's own, where it is there.
    fn verify(&self, out: &mut String, step: &Step) {
        let run = format!("( {} ) </dev/null", self.command(step.place(), step.argv(), word));
        let without = if self.marks.marks.is_empty() {
            format!(
                "failed {}",
                word("`unstale` is not on the PATH, and nothing else proves that the new version runs")
            )
        } else {
            "echo '`unstale` is not on the PATH: what was looked for above has to do'".to_owned()
        };
        put(out, &format!("undo=\nif command -v unstale >/dev/null; then\n  {run}\nelse\n  {without}\nfi"));
    }

    fn script_look(&self, out: &mut String, phase: u8, look: &Look) {
        comment(out, &look.words);
        put(out, &format!("begin {}\nundo=", word(&format!("step {phase}, {}", one_line(&look.words)))));
        self.function(out, "seen", std::slice::from_ref(look), "");
        let wrong = word(&match &look.expect {
            Expect::Fails | Expect::Not(_) => "it is there already, or could not be looked for".to_owned(),
            _ => "it is not there, or could not be looked for".to_owned(),
        });
        let check = match look.patience {
            0 => format!("seen || failed {wrong}"),
            seconds => until("seen", seconds, &wrong),
        };
        match &look.container {
            // The second time the old container is gone, and there is nothing to control.
            Some(id) => {
                let argv = ["docker", "inspect", "--type", "container", "--format", "{{.Id}}", id];
                let there = self.command(look.place, &crate::protocol::Argv::new(argv), word);
                put(
                    out,
                    &format!(
                        "if ( {there} ) </dev/null >/dev/null 2>&1; then\n  {check}\nelse\n  echo 'the old container is gone'\nfi"
                    ),
                );
            }
            None => put(out, &check),
        }
    }

    /// A function that ends with 0 if everything is seen. `shown`: what becomes of the lines of a search.
    fn function(&self, out: &mut String, name: &str, looks: &[Look], shown: &str) {
        put(out, &format!("{name}() {{"));
        for look in looks {
            let command = format!("( {} ) </dev/null", self.command(look.place, &look.argv, word));
            let line = match &look.expect {
                Expect::Succeeds => format!("{command}{shown} || return 1"),
                // 255 is ssh's own: nothing was looked at.
                Expect::Fails => format!(
                    "code=0\n  {command} >/dev/null 2>&1 || code=$?\n  [ \"$code\" != 0 ] && [ \"$code\" != 255 ] || return 1"
                ),
                // 127: there is no such program. That says nothing of the service.
                Expect::Has(parts) => format!(
                    "code=0\n  got=$( {command} 2>/dev/null ) || code=$?\n  if [ \"$code\" = 127 ]; then\n    echo 'it could not be asked: there is no `curl`'\n    return 0\n  fi\n  [ \"$code\" = 0 ] || return 1\n  case $got in *{}*) ;; *) return 1 ;; esac",
                    self.has(parts)
                ),
                Expect::Nothing => format!("got=$( {command} ) || return 1\n  [ -z \"$got\" ] || return 1"),
                Expect::Prints(line) => format!(
                    "got=$( {command} 2>/dev/null ) || return 1\n  [ \"$got\" = {} ] || return 1",
                    self.printed(line)
                ),
                Expect::Not(line) => format!(
                    "code=0\n  got=$( {command} 2>/dev/null ) || code=$?\n  [ \"$code\" != 255 ] && [ \"$got\" != {} ] || return 1",
                    word(line)
                ),
                Expect::Lines(n) => format!(
                    "got=$( {command} ) || return 1\n  [ \"$(printf '%s' \"$got\" | grep -c .)\" = {n} ] || return 1"
                ),
            };
            put(out, &format!("  {line}"));
        }
        put(out, "}");
    }

    fn has(&self, parts: &[Part]) -> String {
        let part = |part: &Part| match (part, &self.plan.commit) {
            (Part::Text(text), _) => word(text),
            (Part::Sha, Some(sha)) => sha.to_string(),
            (Part::Short, Some(sha)) => sha.as_str()[..SHORT].to_owned(),
            (Part::Sha, None) => NEW_COMMIT.to_owned(),
            (Part::Short, None) => format!("\"$(git rev-parse HEAD | cut -c1-{SHORT})\""),
        };
        parts.iter().map(part).collect()
    }

    fn printed(&self, line: &[Arg]) -> String {
        let part = |arg: &Arg| match (arg, &self.plan.commit) {
            (Arg::Text(text), _) => word(text),
            (Arg::Commit, Some(sha)) => sha.to_string(),
            (Arg::Commit, None) => NEW_COMMIT.to_owned(),
        };
        line.iter().map(part).collect()
    }
}

/// Waits until a function ends with 0.
fn until(name: &str, seconds: u64, wrong: &str) -> String {
    format!(
        "tries=0\nuntil {name}; do\n  tries=$((tries + 1))\n  [ \"$tries\" -lt {seconds} ] || failed {wrong}\n  sleep 1\ndone"
    )
}

fn put(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes everything");
}

fn comment(out: &mut String, text: &str) {
    put(out, &format!("# {}", one_line(text)));
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n")
}
