//! `dummy-build`: the build of a stub leaves artefacts that are newer than the real sources.

use crate::{
    analysis::{Facts, older},
    diag::{Safety, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for dockerfile in &facts.dockerfiles {
        let mut seen = Vec::new();
        for stage in 0..dockerfile.stages.all.len() {
            let Some(span) = older::stub_build(facts, dockerfile, stage) else { continue };
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
