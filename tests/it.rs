//! The one test binary: one link instead of ten.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod compose;
mod dockerfile;
mod dockerignore;
mod incident;
mod lab;
mod pages;
mod projects;
mod rules;
mod shell;
mod support;
mod trace;
