//! The one test binary: one link instead of ten.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod cache;
mod checklist;
mod cli;
mod comment;
mod compose;
mod config;
mod context;
mod deploy;
mod differential;
mod dockerfile;
mod dockerfile_model;
mod dockerignore;
mod fix;
mod forecast;
mod formats;
mod gate;
mod hard;
mod history;
mod hooks;
mod hostile;
mod incident;
mod installs;
mod lab;
mod pages;
mod projects;
mod protocol;
mod readme;
mod rules;
mod scenarios;
mod script;
mod shell;
mod support;
mod trace;
mod yaml;
