//! `syntax-error`: what BuildKit, Compose or the ignore file's reader would refuse.

use crate::{
    analysis::Facts,
    diag::{Severity, Sink},
    syntax::SyntaxError,
    text::{FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        let file = dockerfile.model.file;
        // Nothing can be built from a file that only keeps a place; it matters once something wants to.
        let waits = is_blank(facts, file) && facts.builders(index).next().is_none();
        report(file, &dockerfile.model.errors, waits, sink);
    }
    for compose in &facts.composes {
        report(compose.file, &compose.errors, is_blank(facts, compose.file), sink);
    }
    for (file, error) in &facts.ignore_errors {
        sink.report(Location::new(*file, error.span), error.message.clone());
    }
}

fn report(file: FileId, errors: &[SyntaxError], waits: bool, sink: &mut Sink<'_>) {
    for error in errors {
        let most = if waits { Severity::Info } else { Severity::Error };
        sink.report(Location::new(file, error.span), error.message.clone()).at_most(most);
    }
}

/// Whether there is nothing but comments.
fn is_blank(facts: &Facts<'_>, file: FileId) -> bool {
    let mut lines = facts.snapshot.file(file).text.lines().map(|l| l.trim_start_matches('\u{feff}').trim());
    lines.all(|line| line.is_empty() || line.starts_with('#'))
}
