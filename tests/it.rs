//! The one test binary: one link instead of ten.

mod compose;
mod dockerfile;
mod dockerignore;
mod shell;
