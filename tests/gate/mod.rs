//! The gate of `--fix`: what fixes may change, judged from outside, on real files, on engines and on generated projects.
//!
//! The judges know a closed list of differences for each rule. They do not see the edits: they compare the texts before
//! and after as values (instructions, YAML documents, lines of scripts), and line by line.
#![expect(
    clippy::disallowed_methods,
    reason = "the corpus lies outside of the project, the engines are real"
)]

mod compose;
mod corpus;
mod dockerfile;
mod engines;
mod found;
mod fragments;
mod judge;
mod properties;
mod script;
mod short;

/// A line of a report that is asked for; the harness hides what a test that passes prints otherwise.
macro_rules! say {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($part)*);
    }};
}
use say;

/// Rules of the cache-bust layer.
const BUST: [&str; 3] = ["cached-fetch", "inert-cache-bust", "missing-cache-bust"];

/// Whether a name says that the argument busts the cache. Written anew here: the judge does not ask the judged.
fn is_bust(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace('_', "");
    [
        "CACHEBUST",
        "BUSTCACHE",
        "CACHEDATE",
        "CACHETIME",
        "CACHEBREAK",
        "BREAKCACHE",
        "NOCACHE",
        "INVALIDATECACHE",
    ]
    .iter()
    .any(|known| name.contains(known))
}
