//! The one test binary: one link instead of ten.

mod dockerfile;
mod shell;
