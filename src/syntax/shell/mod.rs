//! POSIX shell as far as a linter needs it: commands, words, operators and redirections, with exact spans.

mod scan;
mod tree;
mod word;

use std::ops::Range;

use crate::{syntax::offsets::OffsetMap, text::Span};

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As written, with quotes, line continuations removed.
    pub raw: String,
    /// The bytes in the file, continuations included.
    pub span: Span,
    /// The value after quote removal, if nothing in it is expanded at run time (`$x`, `$(…)`, backquotes).
    pub literal: Option<String>,
    /// Names of the variables that it expands, in order (`x` for `$x`, `${x:-y}`).
    pub variables: Vec<String>,
}

/// How a command is tied to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The first of its list.
    First,
    /// After `;`, a newline or `&`.
    Then,
    /// After `&&`.
    And,
    /// After `||`.
    Or,
    /// After `|`: reads the one before.
    Pipe,
}

/// A redirection: `> file`, `2>&1`, `<< EOF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The operator with its file descriptor, as written.
    pub operator: String,
    /// What follows.
    pub target: Word,
}

/// One simple command, wherever it stands: in a list, a subshell, a substitution, an `if` or a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// `name=value` words before the command's name.
    pub assignments: Vec<Word>,
    /// The command's name and arguments; empty for a bare assignment.
    pub words: Vec<Word>,
    /// Redirections.
    pub redirects: Vec<Redirect>,
    /// From the first word or redirection to the last.
    pub span: Span,
    /// How it is tied to the command before it in the same list.
    pub link: Link,
    /// How deep it stands in `$(…)`, backquotes or `<(…)`: 0 for none.
    pub substitution: u32,
    /// How deep it stands in `if`, `for`, `while`, `case`, `{ }`, `( )` or a function body: 0 for none.
    pub nesting: u32,
}

/// Every simple command of a text, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// The commands.
    pub commands: Vec<Command>,
}

/// Every simple command of a shell text. `map` leads from the text to the file; for a whole file it is
/// [`OffsetMap::identity`].
///
/// Never fails and takes time in proportion to the text: what is not closed ends with the text, and what is nested
/// deeper than a person writes is read as plain characters.
pub fn scan(text: &str, map: &OffsetMap) -> Script {
    scan::scan(text, map)
}

/// A whole script: its commands, and how they hang together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// Every simple command; those of a command's own substitutions stand before it.
    pub commands: Vec<Command>,
    /// What runs, in order.
    pub list: List,
    /// The bodies of the heredocs.
    pub heredocs: Vec<Heredoc>,
}

/// And-or lists in order, each after the one before it has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// The and-or lists.
    pub items: Vec<AndOr>,
}

/// `a && b || c`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AndOr {
    /// The pipelines, each with the operator before it ([`Link::First`], [`Link::And`] or [`Link::Or`]).
    pub pipelines: Vec<(Link, Pipeline)>,
    /// `&` stands behind it: nobody waits for its end.
    pub background: bool,
}

/// `! a | b`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// `!` stands before it.
    pub negated: bool,
    /// What is piped.
    pub elements: Vec<Element>,
}

/// One part of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A simple command: its index in [`Program::commands`], and those of its substitutions.
    Simple {
        /// The command.
        command: usize,
        /// What it runs to put its words together.
        inner: Vec<usize>,
    },
    /// A compound command.
    Compound {
        /// What it is.
        kind: Compound,
        /// Its lists: conditions and arms in order.
        parts: Vec<Part>,
    },
    /// `name() …`: nothing runs here.
    Function {
        /// Its name.
        name: String,
        /// Its body.
        body: List,
    },
}

/// The kinds of compound commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compound {
    /// `{ … }`
    Group,
    /// `( … )`
    Subshell,
    /// `if … fi`
    If,
    /// `for`, `while`, `until`, `select`
    Loop,
    /// `case … esac`
    Case,
}

/// A list in a compound command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Whether its status is asked for (`if x`, `while x`) rather than its effect.
    pub condition: bool,
    /// The list.
    pub list: List,
}

/// A heredoc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// Where its redirection names the delimiter: the span of that [`Redirect::target`].
    pub delimiter: Span,
    /// Its body, in the text that was parsed.
    pub text: Range<usize>,
    /// Whether variables in it are replaced by the shell that reads the script.
    pub expand: bool,
}

/// Reads a whole script. As [`scan`], it never fails; what is nested deeper than a person writes is flat.
pub fn parse(text: &str, map: &OffsetMap) -> Program {
    tree::build(scan::read(text, map))
}
