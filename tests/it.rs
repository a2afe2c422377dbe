//! t
mod dockerfile;
mod shell;
