//! Cargo builds, and what decides whether they see a change: cargo compares modification times.

use super::{How, walk, write};
use crate::{analysis::paths, syntax::shell::Script, text::Span};

/// What a command has to do with cargo's freshness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cargo {
    /// Writes a `main.rs` or `lib.rs` of its own.
    Stub,
    /// Builds.
    Build(Span),
    /// Makes the sources newer, or the artefacts go away.
    Freshens,
}

/// The commands of a RUN that matter to it, in order.
pub fn cargo(script: &Script) -> Vec<Cargo> {
    let mut found: Vec<(Span, Cargo)> = Vec::new();
    for write in write::writes(script) {
        let name = paths::base_name(&write.path);
        let source = matches!(name, "main.rs" | "lib.rs" | "build.rs");
        let touched = touches(script, write.span);
        let artefact = write.path.split('/').any(|part| part == "target");
        if write.how == How::Removed && artefact {
            found.push((write.span, Cargo::Freshens));
        } else if write.how == How::Files && source {
            // `touch src/main.rs` makes an empty stub, or freshens what is there.
            found.push((write.span, Cargo::Stub));
            found.extend(touched.then_some((write.span, Cargo::Freshens)));
        } else if touched {
            found.push((write.span, Cargo::Freshens));
        }
    }
    walk(script, |_, call, _| {
        let verb = call.plain().find(|a| !a.starts_with('+')).unwrap_or("");
        let what = match (call.program(), verb) {
            ("cargo", "init" | "new") => Cargo::Stub,
            ("cargo", "build" | "b" | "install" | "rustc" | "test" | "run") => Cargo::Build(call.span),
            ("cargo", "clean") => Cargo::Freshens,
            ("find" | "xargs", _) if call.args().any(|a| a == "touch") => Cargo::Freshens,
            _ => return,
        };
        found.push((call.span, what));
    });
    found.sort_by_key(|(span, _)| span.start());
    found.into_iter().map(|(_, what)| what).collect()
}

fn touches(script: &Script, span: Span) -> bool {
    let at = script.commands.partition_point(|c| c.span.start() < span.start());
    script.commands.get(at).is_some_and(|c| super::unwrap(c).program() == "touch")
}
