//! The meaning of one Dockerfile: stages and typed instructions. Values stay as written: expansion needs scopes,
//! which `analysis` knows.

mod build;
pub mod edit;

use std::ops::Range;

use crate::{
    syntax::{SyntaxError, shell::Script},
    text::{FileId, Span, Spanned},
};

pub use build::parse;

/// A word as written, quotes and variables included.
pub type Word = Spanned<String>;

/// A Dockerfile.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    /// The file.
    pub file: FileId,
    /// `\`, or what `# escape=` says.
    pub escape: char,
    /// Every instruction, in order.
    pub instructions: Vec<Instruction>,
    /// Every stage, in order.
    pub stages: Vec<Stage>,
    /// What BuildKit would refuse.
    pub errors: Vec<SyntaxError>,
}

/// One `FROM` and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The name after `AS`.
    pub name: Option<Word>,
    /// The image or stage that it starts from.
    pub base: Word,
    /// Index of the `FROM` in [`Dockerfile::instructions`].
    pub from: usize,
    /// Indexes of the instructions after it.
    pub body: Range<usize>,
    /// Who reads shell-form texts at its end.
    pub shell: Shell,
}

/// Who reads a shell-form text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shell {
    /// `sh` and its kin.
    #[default]
    Posix,
    /// `cmd`, `PowerShell` or something unknown: its text is not read.
    Foreign,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The keyword as written (`RUN`, `run`).
    pub keyword: Word,
    /// From the keyword to the last byte that belongs to it, heredoc bodies included, without the last newline.
    pub span: Span,
    /// Whole lines: from the start of its first line to the end of its last, newline included.
    pub lines: Span,
    /// Flags (`--from=…`) in order.
    pub flags: Vec<Flag>,
    /// What it does.
    pub kind: Kind,
}

/// A flag: `--name` or `--name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The name without dashes.
    pub name: Word,
    /// What stands after `=`.
    pub value: Option<Word>,
}

/// What an instruction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `FROM image [AS name]`
    From {
        /// Image or stage.
        image: Word,
        /// Stage name.
        name: Option<Word>,
    },
    /// `ARG name[=default] …`
    Arg(Vec<Pair>),
    /// `ENV name=value …` or `ENV name value`
    Env(Vec<Pair>),
    /// `LABEL name=value …`
    Label(Vec<Pair>),
    /// `RUN`
    Run(Run),
    /// `CMD`
    Cmd(Run),
    /// `ENTRYPOINT`
    Entrypoint(Run),
    /// `COPY`
    Copy(Copy),
    /// `ADD`
    Add(Copy),
    /// `WORKDIR path`
    Workdir(Word),
    /// `USER name`
    User(Word),
    /// `VOLUME path …`
    Volume(Vec<Word>),
    /// `SHELL ["…"]`
    Shell(Vec<Word>),
    /// `ONBUILD instruction`: runs in the build of an image that starts from this one.
    OnBuild(Box<Kind>),
    /// `EXPOSE`, `STOPSIGNAL`, `HEALTHCHECK`, `MAINTAINER`: nothing that moves bytes.
    Other,
    /// Not understood; an error says why.
    Invalid,
}

/// `name=value` of ARG, ENV and LABEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: Word,
    /// The value as written; `None` for `ARG name`.
    pub value: Option<Word>,
}

/// A RUN, CMD or ENTRYPOINT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Shell form or exec form.
    pub form: Form,
    /// `--mount` flags.
    pub mounts: Vec<RunMount>,
    /// Heredocs.
    pub heredocs: Vec<Heredoc>,
}

/// How a command is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Text for the shell; where the text is a heredoc body for the shell, the body's commands.
    Shell(Script),
    /// JSON array.
    Exec(Vec<Word>),
}

/// A `--mount` of a RUN. Options as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMount {
    /// `bind` (the default), `cache`, `tmpfs`, `secret`, `ssh`.
    pub kind: String,
    /// `target`, `dst` or `destination`.
    pub target: Option<Word>,
    /// `source` or `src`.
    pub source: Option<Word>,
    /// `from`.
    pub from: Option<Word>,
    /// The whole flag.
    pub span: Span,
}

/// A heredoc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// Its name; as a COPY source, the file's name.
    pub name: String,
    /// The body without the terminator line, tabs stripped for `<<-`.
    pub content: String,
    /// The body in the file, without the terminator line.
    pub span: Span,
    /// Whether `$x` in it is expanded (the name was not quoted).
    pub expand: bool,
}

/// A COPY or ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// What is copied, without heredocs.
    pub sources: Vec<Word>,
    /// Where to.
    pub dest: Word,
    /// `--from`: another stage, image or named context.
    pub from: Option<Word>,
    /// Files written in the Dockerfile itself.
    pub heredocs: Vec<Heredoc>,
    /// JSON form.
    pub json: bool,
}
