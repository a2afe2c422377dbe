//! The build cache: what keys a step, what moves a key, and which steps of a build come from the cache.
//!
//! [`forecast()`] compares two builds; [`bust`] and its like ask it which steps a new argument makes run again.

mod build;
mod content;
mod copy;
mod forecast;
mod given;
mod image;
mod moving;
mod plain;
mod run;
mod steps;
mod store;
pub mod tree;

pub use build::{Build, Builder, NoCache};
pub use forecast::{Outcome, StageForecast, StepForecast, forecast};
pub use moving::{Moved, Passing, bust, passing, runs_again, unpinned};

pub(in crate::analysis) use moving::{has_variable, moved};
