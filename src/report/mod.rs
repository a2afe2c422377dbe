//! A report as text: nothing here prints, it writes to what it is given.

pub mod ast;
pub mod diff;
pub mod json;
pub mod sanitise;
pub mod text;
