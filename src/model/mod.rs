//! The meaning of one file; every value keeps its span.

pub mod comment;
pub mod compose;
pub mod dockerfile;
pub mod image;
pub mod kind;
pub mod script;
