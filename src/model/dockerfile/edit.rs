//! Text changes of a Dockerfile in the file's own style.

use std::fmt;

use super::Dockerfile;
use crate::{
    syntax::dockerfile::{self as syntax, ItemKind},
    text::{Edit, Newline, Span},
};

/// Why nothing can be inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The file ends in a continuation or a heredoc, which would swallow what is appended.
    OpenEnd,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenEnd => f.write_str(
                "the file ends inside its last instruction, which would swallow the new line: finish the instruction first",
            ),
        }
    }
}

/// Puts whole instruction lines above an instruction, and above the comments that touch it, which stay with it.
/// Parser directives stay first.
///
/// # Panics
/// If `text` is not the text that `dockerfile` was made from.
pub fn insert_before(text: &str, dockerfile: &Dockerfile, instruction: usize, lines: &[String]) -> Edit {
    let at = start_with_comments(text, dockerfile, instruction);
    let newline = Newline::of(text).as_str();
    Edit::insert(at, lines.iter().map(|line| own_newlines(line, newline) + newline).collect::<String>())
}

/// Where the block of comments starts that touches an instruction from above; the instruction's first line, if none
/// does.
///
/// # Panics
/// If `text` is not the text that `dockerfile` was made from.
pub fn start_with_comments(text: &str, dockerfile: &Dockerfile, instruction: usize) -> usize {
    let mut at = dockerfile.instructions[instruction].lines.start();
    if let Some(above) = instruction.checked_sub(1) {
        // Between two instructions there are only comments and blank lines.
        let between = &text[dockerfile.instructions[above].lines.end()..at];
        let comments =
            between.split_inclusive('\n').rev().take_while(|line| line.trim_start().starts_with('#'));
        return at - comments.map(str::len).sum::<usize>();
    }
    let tree = syntax::parse(text);
    let index = tree.items.partition_point(|item| item.span.start() < at);
    for item in tree.items[..index].iter().rev() {
        if item.kind != ItemKind::Comment {
            break;
        }
        at = item.span.start();
    }
    at
}

/// Puts whole instruction lines below an instruction. A file without a newline at its end stays without one.
///
/// # Errors
/// [`Refusal::OpenEnd`] if the instruction is the last one and is not finished.
///
/// # Panics
/// If `text` is not the text that `dockerfile` was made from.
pub fn insert_after(
    text: &str,
    dockerfile: &Dockerfile,
    instruction: usize,
    lines: &[String],
) -> Result<Edit, Refusal> {
    let at = dockerfile.instructions[instruction].lines.end();
    if instruction + 1 == dockerfile.instructions.len() && syntax::parse(text).open_end {
        return Err(Refusal::OpenEnd);
    }
    let newline = Newline::of(text).as_str();
    let lines = lines.iter().map(|line| own_newlines(line, newline));
    Ok(if text[..at].ends_with('\n') {
        Edit::insert(at, lines.map(|line| line + newline).collect::<String>())
    } else {
        Edit::insert(at, lines.map(|line| newline.to_owned() + &line).collect::<String>())
    })
}

/// Takes the lines of an instruction away; comments above it stay, with a blank line between them and what stands below:
/// they speak of none of it. A file without a newline at its end stays without one.
///
/// # Panics
/// If `text` is not the text that `dockerfile` was made from.
pub fn remove(text: &str, dockerfile: &Dockerfile, instruction: usize) -> Edit {
    apart(text, dockerfile, Edit::remove_lines(text, dockerfile.instructions[instruction].lines))
}

/// The same for several groups of lines, in order: what would touch is one edit.
///
/// # Panics
/// If `text` is not the text that `dockerfile` was made from, or one of them is not a span of it.
pub fn remove_all(text: &str, dockerfile: &Dockerfile, all: &[Span]) -> Vec<Edit> {
    Edit::remove_all_lines(text, all).into_iter().map(|edit| apart(text, dockerfile, edit)).collect()
}

/// The removal with a blank line in its place, where a comment would come to touch what it says nothing of.
fn apart(text: &str, dockerfile: &Dockerfile, removal: Edit) -> Edit {
    let (start, below) = (removal.span.start(), &text[removal.span.end()..]);
    // What ends right above in the lines of an instruction is its own, whatever it looks like.
    let ends = dockerfile.instructions.iter().map(|i| i.lines.end()).filter(|end| *end <= start);
    let between = &text[ends.max().unwrap_or_default()..start];
    let mut comments = between.lines().rev().take_while(|line| line.trim_start().starts_with('#'));
    // An allow that is idle goes itself, and its line with it.
    let commented = comments.any(|line| !line.contains("unstale: allow"));
    match below.chars().next().filter(|_| commented) {
        // The edit has a part of the next line: what would take that away, too, waits, and finds nothing to keep apart.
        Some(next) if below.lines().next().is_some_and(|line| !line.trim().is_empty()) => {
            let span = Span::new(removal.span.start(), removal.span.end() + next.len_utf8());
            Edit::replace(span, format!("{}{next}", Newline::of(text).as_str()))
        }
        _ => removal,
    }
}

/// Takes the lines of all instructions from `first` to `last` away, with what stands between them and the comments that
/// touch the first from above.
///
/// # Panics
/// If `text` is not the text that `dockerfile` was made from.
pub fn remove_block(text: &str, dockerfile: &Dockerfile, first: usize, last: usize) -> Edit {
    Edit::remove_lines(text, block(text, dockerfile, first, last))
}

/// These lines.
///
/// # Panics
/// If `text` is not the text that `dockerfile` was made from.
pub fn block(text: &str, dockerfile: &Dockerfile, first: usize, last: usize) -> Span {
    let start = start_with_comments(text, dockerfile, first);
    Span::new(start, dockerfile.instructions[last].lines.end())
}

/// A keyword (given in upper case) as the instruction writes its own: `arg` beside `run`, else `ARG`.
pub fn keyword(dockerfile: &Dockerfile, near: usize, upper: &str) -> String {
    let lower = dockerfile.instructions.get(near).is_some_and(|instruction| {
        let own = &instruction.keyword.value;
        !own.is_empty() && *own == own.to_lowercase()
    });
    if lower { upper.to_ascii_lowercase() } else { upper.to_owned() }
}

fn own_newlines(line: &str, newline: &str) -> String {
    line.lines().collect::<Vec<_>>().join(newline)
}
