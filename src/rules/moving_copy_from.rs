//! `moving-copy-from`: files are taken from an image whose name moves.

use std::collections::HashSet;

use crate::{
    analysis::{
        Facts,
        images::Own,
        stages::{CopyFrom, Step, What},
    },
    diag::{Safety, Sink},
    model::image::{ImageRef, Pin},
    text::{Location, Span},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let own = Own::of(facts);
    for dockerfile in &facts.dockerfiles {
        let mut seen = HashSet::new();
        let steps = dockerfile.stages.all.iter().flat_map(|stage| &stage.steps);
        for (image, span) in steps.flat_map(|step| taken(&dockerfile.model, step)) {
            if image.pin() == Pin::Latest && !own.is_local(&image) && seen.insert(image.clone()) {
                report(Location::new(dockerfile.model.file, span), &image, sink);
            }
        }
    }
}

/// The images that a step takes files from, each with its place.
fn taken(model: &crate::model::dockerfile::Dockerfile, step: &Step) -> Vec<(ImageRef, Span)> {
    let image = |from: &CopyFrom| match from {
        CopyFrom::External(name) => name.known().and_then(ImageRef::parse),
        CopyFrom::Context | CopyFrom::Stage(_) => None,
    };
    match &step.what {
        What::Copy(copy) => {
            let instruction = &model.instructions[step.instruction];
            let flag = instruction.flags.iter().find(|flag| flag.name.value == "from");
            let span = flag.and_then(|flag| Some(flag.value.as_ref()?.span)).unwrap_or(instruction.span);
            image(&copy.from).into_iter().map(|image| (image, span)).collect()
        }
        What::Run(run) => {
            let mounts = run.mounts.iter().filter_map(|m| Some((image(m.from.as_ref()?)?, m.span)));
            mounts.collect()
        }
        _ => Vec::new(),
    }
}

fn report(at: Location, image: &ImageRef, sink: &mut Sink<'_>) {
    let name = image.familiar();
    sink.report(
        at,
        format!(
            "once this machine has pulled `{name}:latest`, what is taken from it stays: no rebuild, not even with \
             `--no-cache`, asks for the new one"
        ),
    )
    .help(format!("name a version: `{name}:<version>`, or a digest"))
    .fix(Safety::Manual, "name a version", Vec::new());
}
