//! `copied-build-state`: a COPY of everything brings what an earlier build left on the machine that builds.

use crate::{
    analysis::{
        Facts, ignoring,
        leftovers::{BYTECODE, found},
        whole,
    },
    diag::{Safety, Severity, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for copy in whole::copies(facts) {
        let found = found(facts, &copy);
        let Some(first) = found.first() else { continue };
        let model = &facts.dockerfiles[copy.dockerfile].model;
        let names: Vec<&str> = found.iter().map(|s| s.line.trim_start_matches("**/")).collect();
        let names = format!("`{}`", names.join("`, `"));
        let severity = if first.line == BYTECODE.line { Severity::Info } else { Severity::Warning };
        let draft = sink
            .report(
                Location::new(model.file, model.instructions[copy.instruction].span),
                format!("{names} of the machine that builds is copied along: {}", first.loss),
            )
            .at_most(severity);
        let lines: Vec<&str> = found.iter().map(|s| s.line).collect();
        let title = format!("keep {names} out of the context");
        match ignoring::add(facts, copy.context, copy.dockerfile, &lines) {
            Ok(added) => {
                let safety = if added.alone { Safety::Safe } else { Safety::Unsafe };
                draft.change(safety, ignoring::title(title, &added.changes), added.changes)
            }
            Err(reason) => draft.help(reason).fix(Safety::Manual, title, Vec::new()),
        };
    }
}
