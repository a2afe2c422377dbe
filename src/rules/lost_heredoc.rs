//! `lost-heredoc`: a RUN with a here-document, which the classic builder runs without it.

use crate::{
    analysis::{DockerfileFacts, Facts, builder, stages::What},
    diag::{Safety, Severity, Sink},
    model::dockerfile::{Instruction, Kind},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let classic = builder::classic(facts);
    for dockerfile in &facts.dockerfiles {
        look(facts, dockerfile, classic, sink);
    }
}

fn look(facts: &Facts<'_>, dockerfile: &DockerfileFacts, classic: Option<Location>, sink: &mut Sink<'_>) {
    let steps = dockerfile.stages.all.iter().flat_map(|stage| &stage.steps);
    let mut runs = steps
        .filter(|step| matches!(&step.what, What::Run(run) if run.heredoc))
        .map(|step| &dockerfile.model.instructions[step.instruction]);
    // What the classic builder refuses is not lost in silence.
    if dockerfile.model.instructions.iter().any(needs_buildkit) {
        return;
    }
    // One for the file: it is the builder that is to be changed, not the RUNs.
    let Some(first) = runs.next() else { return };
    let file = dockerfile.model.file;
    let said = facts.snapshot.file(file).text[first.span.range()].lines().next().unwrap_or_default();
    let finding = sink.report(
        Location::new(file, first.span),
        format!("the classic builder runs `{said}` without its text and reports success: what it says is not done"),
    );
    let finding = match classic {
        Some(at) => finding.label(at, "the classic builder is chosen here"),
        None => finding.at_most(Severity::Info),
    };
    finding
        .help("build with BuildKit, or write the commands with `&&`")
        .fix(Safety::Manual, "build with BuildKit", Vec::new());
}

/// Whether the classic builder refuses the instruction (measured on engine 26.1; `--link` it ignores).
fn needs_buildkit(instruction: &Instruction) -> bool {
    let flags = ["mount", "network", "security", "chmod", "parents", "exclude"];
    let platform = |value: &str| ["BUILD", "TARGET"].iter().any(|set| value.trim_start_matches(['$', '{']).starts_with(set));
    let flagged = instruction.flags.iter().any(|flag| {
        let name = flag.name.value.as_str();
        flags.contains(&name)
            || (name == "platform" && flag.value.as_ref().is_some_and(|v| v.value.starts_with('$') && platform(&v.value)))
    });
    let heredocs = match &instruction.kind {
        Kind::Copy(copy) | Kind::Add(copy) => !copy.heredocs.is_empty(),
        _ => false,
    };
    flagged || heredocs
}
