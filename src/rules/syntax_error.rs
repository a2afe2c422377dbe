//! `syntax-error`: what BuildKit, Compose or the ignore file's reader would refuse.

use crate::{analysis::Facts, diag::Sink, text::Location};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let dockerfiles = facts.dockerfiles.iter().map(|d| (d.model.file, &d.model.errors));
    let composes = facts.composes.iter().map(|c| (c.file, &c.errors));
    for (file, errors) in dockerfiles.chain(composes) {
        for error in errors {
            sink.report(Location::new(file, error.span), error.message.clone());
        }
    }
    for (file, error) in &facts.ignores.errors {
        sink.report(Location::new(*file, error.span), error.message.clone());
    }
}
