//! The rules' proofs on real engines: what a rule finds does go stale, and what `--fix` writes for it does not.
//!
//! What they measure is what the tables in the pages say: see [`table`].

mod cache;
mod compose;
mod context;
mod dockerfile;
mod harness;
mod mounts;
mod registry;
mod scripts;
mod split;
mod swarm;
mod syntax;
pub(crate) mod table;

/// The rules that the proofs here are about.
pub(crate) fn proven() -> Vec<&'static str> {
    [
        cache::PROVEN,
        compose::PROVEN,
        context::PROVEN,
        dockerfile::PROVEN,
        mounts::PROVEN,
        scripts::PROVEN,
        split::PROVEN,
        swarm::PROVEN,
        syntax::PROVEN,
    ]
    .concat()
}
