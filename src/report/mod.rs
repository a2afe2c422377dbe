//! What is shown and written out.

pub mod ast;
