//! The Dockerfile grammar, exactly as BuildKit reads it: lines, continuations, flags, words, JSON arrays and heredocs.
//!
//! The tree is lossless: its items tile the text. What BuildKit would refuse is an error in a list, never an end.

mod args;
mod check;
mod heredoc;
mod json;
mod keywords;
mod lines;
mod options;
mod words;

use crate::{
    syntax::{SyntaxError, offsets::Joined},
    text::{Span, Spanned},
};

pub use heredoc::{Heredoc, HeredocWord, heredoc_word, without_tabs};
pub use lines::parse;
pub use words::{CsvField, csv_fields, quoted_ranges};

/// A Dockerfile's text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Everything, in order: their spans follow each other without a gap and cover the whole text.
    pub items: Vec<Item>,
    /// The instructions, in order.
    pub instructions: Vec<Instruction>,
    /// The parser directives that count.
    pub directives: Vec<Directive>,
    /// `\`, or what `# escape=` says.
    pub escape: char,
    /// Whether the file ends where a continuation wants another line, or in a heredoc: what is appended would become
    /// part of the last instruction.
    pub open_end: bool,
    /// What BuildKit would refuse, in the order of the text.
    pub errors: Vec<SyntaxError>,
}

/// A piece of the file: whole lines, their newlines included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its bytes.
    pub span: Span,
}

/// What an [`Item`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// The byte order mark before the first line.
    Bom,
    /// `# escape=…`, `# syntax=…`, `# check=…` where they count.
    Directive,
    /// A line that starts with `#`.
    Comment,
    /// A line of nothing but white space.
    Blank,
    /// The instruction of that index in [`Tree::instructions`].
    Instruction(usize),
}

/// A parser directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// `syntax`, `escape` or `check`, in lower case.
    pub name: String,
    /// Its value.
    pub value: Spanned<String>,
}

/// An instruction with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// What it says.
    pub body: Body,
    /// Its heredocs, those of a nested instruction included.
    pub heredocs: Vec<Heredoc>,
    /// From the keyword to the last byte that belongs to it, heredocs included, without the last newline.
    pub span: Span,
    /// Whole lines, the last newline included.
    pub lines: Span,
    /// The first line, from 1.
    pub start_line: usize,
    /// The last line, from 1, as BuildKit counts: with the comments and blank lines that a continuation swallowed.
    pub end_line: usize,
}

/// Keyword, flags and arguments: an instruction, or the one nested in an ONBUILD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The keyword as written; empty where a lone continuation makes an instruction of nothing.
    pub keyword: Spanned<String>,
    /// The flags.
    pub flags: Vec<Flag>,
    /// What follows the flags: continuations, and comments and blank lines between them, removed, trimmed.
    pub rest: Joined,
    /// How BuildKit splits it.
    pub args: Args,
}

impl Body {
    /// The keyword in upper case, as Go folds it: `İ` is an `I` and the Kelvin sign a `K`.
    pub fn name(&self) -> String {
        self.keyword.value.replace('İ', "I").replace('\u{212a}', "K").to_ascii_uppercase()
    }

    /// Whether the keyword is `name` (which is given in upper case), in whatever case it is written.
    pub fn is(&self, name: &str) -> bool {
        self.keyword.value.eq_ignore_ascii_case(name) || !self.keyword.value.is_ascii() && self.name() == name
    }

    /// Whether BuildKit takes the arguments as a JSON array.
    pub fn is_json(&self) -> bool {
        match &self.args {
            Args::Json(_) => true,
            Args::Health { json, .. } => *json,
            _ => false,
        }
    }

    /// The arguments as BuildKit's parser lists them: name, value and `=` (or nothing) for each pair of ENV and
    /// LABEL; one empty argument for ONBUILD and for an unknown instruction.
    pub fn values(&self) -> Vec<String> {
        let values = |words: &[Spanned<String>]| words.iter().map(|w| w.value.clone()).collect();
        match &self.args {
            Args::Missing => Vec::new(),
            Args::Text => vec![self.rest.text().to_owned()],
            Args::Words(words) | Args::Json(words) => values(words),
            Args::Pairs { pairs, delimiter } => pairs
                .iter()
                .flat_map(|(name, value)| {
                    [name.value.clone(), value.value.clone(), delimiter.as_str().to_owned()]
                })
                .collect(),
            Args::Health { kind, command, .. } => {
                std::iter::once(kind.value.clone()).chain(values(command)).collect()
            }
            Args::Nested(_) | Args::Ignored => vec![String::new()],
        }
    }
}

/// A flag of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// `--from=build`, quotes and escapes removed.
    pub text: Joined,
    /// The text as BuildKit reads it, byte by byte: each byte of a character outside of ASCII is one of Latin-1, and
    /// one that is white space there (`à` holds one) ends the flag.
    pub as_read: String,
    /// As written, with them.
    pub span: Span,
}

/// The arguments of an instruction, as BuildKit splits them for that instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Args {
    /// There are none.
    Missing,
    /// One text, which is [`Body::rest`]: RUN, CMD, ENTRYPOINT and SHELL not in JSON form; WORKDIR, USER,
    /// STOPSIGNAL, MAINTAINER.
    Text,
    /// Words: FROM, EXPOSE, ARG; COPY, ADD and VOLUME not in JSON form.
    Words(Vec<Spanned<String>>),
    /// A JSON array; values without quotes and escapes, spans with them.
    Json(Vec<Spanned<String>>),
    /// Names and values of ENV and LABEL, as written.
    Pairs {
        /// Name and value.
        pairs: Vec<(Spanned<String>, Spanned<String>)>,
        /// What stands between them.
        delimiter: Delimiter,
    },
    /// HEALTHCHECK.
    Health {
        /// `CMD` or `NONE`, as written.
        kind: Spanned<String>,
        /// The command: one text, or the array's values.
        command: Vec<Spanned<String>>,
        /// Whether it is a JSON array.
        json: bool,
    },
    /// The instruction in an ONBUILD.
    Nested(Box<Body>),
    /// Not read: an unknown instruction, ENV or LABEL or an array that an error is about.
    Ignored,
}

/// What stands between name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// `ENV name=value …`
    Equals,
    /// `ENV name value`, the old form
    Space,
}

impl Delimiter {
    /// As BuildKit's parser notes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equals => "=",
            Self::Space => "",
        }
    }
}
