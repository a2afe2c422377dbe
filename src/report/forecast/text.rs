//! A forecast as a table.

use std::fmt::Write as _;

use super::{Build, Document, Outcome, Step, words};
use crate::report::sanitise;

/// An instruction takes no more than these columns.
const WIDEST: usize = 56;

/// How many files with the same end are named.
const NAMED: usize = 6;

/// The whole table.
pub fn write(document: &Document) -> String {
    let mut out = String::new();
    line(&mut out, 0, &words::compared(document));
    for build in &document.builds {
        out.push('\n');
        block(&mut out, build);
    }
    if !document.notes.is_empty() {
        out.push('\n');
    }
    for note in &document.notes {
        line(&mut out, 0, &format!("note: {note}"));
    }
    out
}

fn line(out: &mut String, indent: usize, text: &str) {
    let text = sanitise::line(text);
    writeln!(out, "{:indent$}{}", "", text.trim_end()).expect("writing to a String does not fail");
}

fn block(out: &mut String, build: &Build) {
    line(out, 0, &words::heading(build));
    if let Some(problem) = &build.problem {
        line(out, 2, problem);
    }
    let steps = || build.stages.iter().flat_map(|stage| &stage.steps);
    let width = steps().map(|step| shortened(&step.text, WIDEST).chars().count()).max().unwrap_or(0);
    let digits = steps().map(|step| step.line.to_string().len()).max().unwrap_or(1);
    let mut said = "";
    for stage in &build.stages {
        line(out, 2, &format!("{} (FROM {})", stage.name, stage.from));
        for step in &stage.steps {
            let text = shortened(&step.text, WIDEST);
            let word = word(step.outcome);
            // What holds for many steps is said at the first.
            let why = if step.because == said { "" } else { why(step) };
            said = &step.because;
            line(out, 4, &format!("{word:4}  {:>digits$}  {text:width$}  {why}", step.line));
        }
    }
    if build.problem.is_none() {
        line(out, 2, &words::counted(&build.counts));
    }
    for way in words::ways(build) {
        let mut names: Vec<String> =
            way.files.iter().take(NAMED).map(|file| format!("`{}`", file.path)).collect();
        if way.files.len() > NAMED {
            names.push(format!("{} more", way.files.len() - NAMED));
        }
        let each = if way.files.len() > 1 { ", each of them" } else { "" };
        line(out, 2, &format!("{}{each} {}", list(&names), way.says));
    }
    for note in &build.notes {
        line(out, 2, &format!("note: {note}"));
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "hit",
        Outcome::Miss => "MISS",
        Outcome::Unknown => "?",
        Outcome::None => "-",
    }
}

fn why(step: &Step) -> &str {
    match step.outcome {
        Outcome::None => "",
        Outcome::Hit if step.because == super::UNCHANGED => "",
        Outcome::Miss | Outcome::Unknown if step.above => "",
        _ => &step.because,
    }
}

/// The text as one line of at most so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let safe = sanitise::line(text);
    if safe.chars().count() <= most {
        return safe;
    }
    safe.chars().take(most - 1).chain(['…']).collect()
}
