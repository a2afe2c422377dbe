//! What a build is given: everything that its cache keys are made of.

use super::tree::Tree;
use crate::{analysis::stages::Args, syntax::dockerignore::Patterns};

/// Who builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// The builder of `DOCKER_BUILDKIT=0`.
    Classic,
    /// `BuildKit`.
    BuildKit,
}

/// What a build may not take from the cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NoCache {
    /// It may take all.
    #[default]
    Nothing,
    /// `--no-cache`
    Everything,
    /// `--no-cache-filter`: these stages.
    Stages(Vec<String>),
}

/// Everything that keys the steps of a build.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    /// The Dockerfile's text.
    pub dockerfile: &'a str,
    /// The build arguments that are passed.
    pub args: &'a Args,
    /// The stage that is asked for; the last one, if none is.
    pub target: Option<&'a str>,
    /// The whole context folder.
    pub tree: &'a Tree,
    /// The ignore file that applies.
    pub ignore: Option<&'a Patterns>,
    /// What is not taken from the cache.
    pub no_cache: NoCache,
    /// `--pull`: base images are asked for at their registry.
    pub pull: bool,
    /// Whether the engine can put in what `COPY --link` makes as a layer of its own: it can with containerd's image store,
    /// with its own (overlay2) it copies as without the flag (seen on engine 26.1). `None`: not known.
    pub links: Option<bool>,
}
