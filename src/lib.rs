//! `unstale`: against stale Docker deploys.
//!
//! One model answers every question: how the bytes of a file travel from the git checkout through the build context,
//! the cache, the stages, the image and the mounts into the process. Rules are questions to that model, `trace` prints
//! it, `deploy` and `verify` measure it.
//!
//! The map, in reading order; a module may name only those above it (`tests/architecture.rs` keeps the exact table):
//!
//! - [`text`] knows bytes: files, spans, edits.
//! - [`syntax`] knows grammar: Dockerfile, shell, Makefile, YAML, `.env`, `.dockerignore`. It never fails and loses nothing.
//! - [`model`] knows the meaning of one file.
//! - [`analysis`] knows facts across files: stages, contexts, routes, cache keys. Unknown stays unknown.
//! - [`diag`] and [`settings`]: what is found, and what counts.
//! - [`rules`] ask the facts; [`fix`] applies what they propose, in rounds; [`engine`] is the one door to both.
//! - [`config`] reads `unstale.toml`: settings, and mistakes as findings.
//! - [`report`] writes findings; [`project`] reads and writes files.
//! - [`protocol`] is the deploy protocol as data: steps, evidence, verdict. [`deploy`] carries it out, and decides nothing.
//! - [`lab`] reproduces the mechanisms on this machine's engine: scenarios as data, and what carries them out.
//! - [`cli`] translates between all of this and a person.
//!
//! The laws: parsing never fails and is lossless; the core does no I/O; text changes only through an
//! [`text::EditSet`]; a rule is a pure function of facts; what is shown is what is run; unknown stays unknown; every
//! rule is proven on a real engine.

pub mod text;

pub mod syntax;

pub mod model;

pub mod analysis;

pub mod diag;
pub mod settings;

pub mod rules;

pub mod fix;

pub mod engine;

pub mod config;

pub mod report;

pub mod project;

pub mod protocol;

pub mod deploy;

pub mod lab;

pub mod cli;
