//! POSIX shell as far as a linter needs it: commands, words, operators and redirections, with exact spans.

mod scan;
mod word;

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
