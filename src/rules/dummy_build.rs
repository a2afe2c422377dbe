//! `dummy-build`: the build of a stub leaves artefacts that are newer than the real sources.

use crate::{
    analysis::{
        DockerfileFacts, Facts,
        commands::Cargo,
        source::{Brings, brings},
        stages::What,
    },
    diag::{Safety, Sink},
    text::{Location, Span},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for dockerfile in &facts.dockerfiles {
        let mut seen = Vec::new();
        for stage in 0..dockerfile.stages.all.len() {
            let Some(span) = second_build(facts, dockerfile, stage) else { continue };
            // Once for all stages that start from the one where it stands.
            if seen.contains(&span) {
                continue;
            }
            seen.push(span);
            sink.report(
                Location::new(dockerfile.model.file, span),
                "cargo compares times, and what the stub's build left is newer than the sources that were copied: the \
                 stub can stay",
            )
            .help("touch the sources before this build (`touch src/main.rs`), or use cargo-chef")
            .fix(Safety::Manual, "touch the sources before this build", Vec::new());
        }
    }
}

/// How far the trick has come in a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Stub,
    Built,
    Copied,
}

/// The build of the real sources after that of a stub, if nothing between them makes the sources newer.
fn second_build(facts: &Facts<'_>, dockerfile: &DockerfileFacts, stage: usize) -> Option<Span> {
    let mut seen = Seen::Nothing;
    for (_, _, step) in dockerfile.stages.steps(stage) {
        match &step.what {
            What::Copy(copy) if seen == Seen::Built => {
                let source = dockerfile
                    .contexts
                    .iter()
                    .any(|context| brings(facts.snapshot, context, copy) == Brings::Source);
                if source {
                    seen = Seen::Copied;
                }
            }
            What::Run(run) => {
                for cargo in &run.cargo {
                    seen = match (seen, cargo) {
                        (Seen::Copied, Cargo::Build(span)) => return Some(*span),
                        (Seen::Copied | Seen::Built, Cargo::Freshens) => Seen::Nothing,
                        (Seen::Nothing, Cargo::Stub) => Seen::Stub,
                        (Seen::Stub, Cargo::Build(_)) => Seen::Built,
                        (other, _) => other,
                    };
                }
            }
            _ => {}
        }
    }
    None
}
