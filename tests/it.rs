//! The one test binary: one link instead of ten.

mod architecture;
mod compose;
mod dockerfile;
mod dockerignore;
mod incident;
mod pages;
mod projects;
mod rules;
mod shell;
mod support;
