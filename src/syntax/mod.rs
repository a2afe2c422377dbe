//! Lossless grammars: any text gives a tree and a list of errors, and the tree prints back the same bytes.

pub mod dockerfile;
pub mod dockerignore;
pub mod dotenv;
pub mod gitignore;
pub mod makefile;
pub mod offsets;
pub mod shell;
pub mod yaml;

use crate::text::Span;

/// Something that the tool whose language this is would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where.
    pub span: Span,
    /// What is wrong and what to write instead: lower case, no full stop.
    pub message: String,
}
