//! `unstale`: against stale Docker deploys.
//!
//! One model answers every question: how the bytes of a file travel from the git checkout through the build context,
//! the cache, the stages, the image and the mounts into the process. Rules are questions to that model, `trace` prints
//! it, `deploy` and `verify` measure it.

pub mod analysis;
pub mod cli;
pub mod deploy;
pub mod diag;
pub mod model;
pub mod protocol;
pub mod settings;
pub mod syntax;
pub mod text;
