//! A text that a new file has and the old one lacks, fit to be searched for by a person.

use std::collections::HashSet;

/// The shortest text worth looking for, in bytes.
const TELLING: usize = 12;
/// The longest that a person wants to read.
const LONGEST: usize = 100;
/// How many new lines are looked at.
const LINES: usize = 2000;

/// The text, and whether it is of a comment, which a build may drop.
pub fn unique(old: &str, new: &str) -> Option<(String, bool)> {
    let known: HashSet<&str> = old.lines().map(str::trim).collect();
    let fits = |text: &&str| {
        (TELLING..=LONGEST).contains(&text.len())
            && !text.contains(|c: char| c.is_control() || crate::text::is_obeyed(c))
            && !old.contains(*text)
    };
    let added = || new.lines().map(str::trim).filter(|l| !known.contains(l)).take(LINES);
    let best = |comment: bool| {
        let lines = || added().filter(|line| is_comment(line) == comment);
        // A whole line says most; of one that is too long its longest word.
        lines().find(fits).or_else(|| lines().flat_map(words).filter(fits).max_by_key(|word| word.len()))
    };
    let found = |comment| best(comment).map(|text: &str| (text.to_owned(), comment));
    found(false).or_else(|| found(true))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | ',' | ';')
    })
}

/// Whether nothing but a comment stands on the line, by the marks of the usual languages. A wrong guess only means that
/// another line is preferred.
fn is_comment(line: &str) -> bool {
    ["#", "//", "/*", "*", "<!--", "--", ";", "%", "{#", "\"\"\"", "'''", "rem "]
        .iter()
        .any(|mark| line.to_lowercase().starts_with(mark))
}
