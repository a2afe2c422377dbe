//! `stale-cache-mount`: what goes into the image comes out of a cache mount that outlives the sources.

use crate::{
    analysis::{
        Facts,
        commands::{Cargo, How, Write},
        older::{self, Kept},
        paths,
        stages::{RunFacts, What},
    },
    diag::{Safety, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for dockerfile in &facts.dockerfiles {
        for step in dockerfile.stages.all.iter().flat_map(|stage| &stage.steps) {
            let What::Run(run) = &step.what else { continue };
            for mount in run.mounts.iter().filter(|mount| mount.kind == "cache") {
                let Some(target) = mount.target.known().filter(|target| older::kept(target) == Kept::Outputs) else { continue };
                let Some(out) = taken_out(run, target) else { continue };
                let file = dockerfile.model.file;
                sink.report(
                    Location::new(file, mount.span),
                    format!(
                        "`{target}` outlives the sources in its cache mount, and what is taken out of it goes into the \
                         image: an output that the build does not make anew is an old one"
                    ),
                )
                .label(Location::new(file, out.span), "what goes into the image")
                .help(
                    "mount the caches of packages only, or remove the project's own outputs from it in this RUN before \
                     the build",
                )
                .fix(Safety::Manual, "make the outputs anew before they are taken", Vec::new());
            }
        }
    }
}

/// The command that takes something out of the mount; `None` if the RUN makes the outputs anew before.
fn taken_out<'a>(run: &'a RunFacts, target: &str) -> Option<&'a Write> {
    let inside = |path: &String| paths::below(target, path).is_some();
    let at = run.writes.iter().position(|write| {
        write.how == How::Files && write.from.iter().any(inside) && !inside(&write.path)
    })?;
    let removed = run.writes[..at].iter().any(|write| write.how == How::Removed && inside(&write.path));
    let freshened = run.cargo.contains(&Cargo::Freshens);
    (!removed && !freshened).then_some(&run.writes[at])
}
