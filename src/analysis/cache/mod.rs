//! The build cache: what keys a step, what moves a key, and which steps of a build come from the cache.
//!
//! [`moving`] asks of the files alone what could move a key; [`forecast()`] compares two builds.

mod content;
mod copy;
mod forecast;
mod image;
mod moving;
mod plain;
mod run;
mod steps;
mod store;
pub mod tree;

pub use forecast::{Build, Builder, NoCache, Outcome, StageForecast, StepForecast, forecast};
pub use moving::{Moved, Passing, bust, passing, runs_again, unpinned};

pub(in crate::analysis) use moving::{has_variable, moved};
