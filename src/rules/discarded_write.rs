//! `discarded-write`: a RUN after a VOLUME writes below it, and the classic builder throws that away.

use crate::{
    analysis::{
        DockerfileFacts, Facts, builder,
        commands::{How, Write},
        paths,
        stages::{RunFacts, What},
    },
    diag::{Safety, Severity, Sink},
    model::dockerfile::edit,
    text::{Edit, FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let classic = builder::classic(facts);
    for dockerfile in &facts.dockerfiles {
        for stage in 0..dockerfile.stages.all.len() {
            for lost in losses(dockerfile, stage) {
                report(facts, dockerfile, &lost, classic, sink);
            }
        }
    }
}

/// A VOLUME and the writes below it that stand after it in a stage.
struct Lost<'a> {
    place: &'a str,
    /// The VOLUME, and whether it stands in the same stage.
    volume: usize,
    here: bool,
    write: &'a Write,
    /// The last RUN that writes there.
    last: usize,
}

fn losses(dockerfile: &DockerfileFacts, stage: usize) -> Vec<Lost<'_>> {
    let mut volumes: Vec<(&str, usize, bool)> = Vec::new();
    let mut found: Vec<Lost<'_>> = Vec::new();
    for (s, _, step) in dockerfile.stages.steps(stage) {
        match &step.what {
            What::Volume(places) => {
                let known = places.iter().filter_map(|place| place.known()).filter(|place| !is_scratch(place));
                volumes.extend(known.map(|place| (place, step.instruction, s == stage)));
            }
            What::Run(run) if s == stage => {
                for &(place, volume, here) in &volumes {
                    let Some(write) = run.writes.iter().find(|write| is_lost(run, write, place)) else { continue };
                    match found.iter_mut().find(|lost| lost.volume == volume) {
                        Some(lost) => lost.last = step.instruction,
                        None => found.push(Lost { place, volume, here, write, last: step.instruction }),
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// What is written there is not missed.
fn is_scratch(place: &str) -> bool {
    ["/tmp", "/var/tmp", "/run", "/var/run", "/var/cache", "/dev"].iter().any(|dir| paths::below(dir, place).is_some())
}

fn is_lost(run: &RunFacts, write: &Write, place: &str) -> bool {
    let below = paths::below(place, &write.path);
    let changes = match write.how {
        How::Files | How::Unpacked | How::Attributes => below.is_some(),
        // The volume's own folder is there already.
        How::Folder => below.is_some_and(|rest| !rest.is_empty()),
        How::Removed => false,
    };
    let scratch = is_scratch(&write.path);
    let mounted = run.mounts.iter().any(|mount| {
        mount.target.known().is_some_and(|target| paths::below(target, &write.path).is_some())
    });
    changes && !scratch && !mounted
}

fn report(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    lost: &Lost<'_>,
    classic: Option<Location>,
    sink: &mut Sink<'_>,
) {
    let model = &dockerfile.model;
    let text = &facts.snapshot.file(model.file).text;
    let volume = &model.instructions[lost.volume];
    let place = lost.place;
    let what = if lost.write.how == How::Attributes { "owner and mode are set" } else { "is written" };
    let path = &lost.write.path;
    let finding = sink
        .report(
            Location::new(model.file, lost.write.span),
            format!(
                "`{path}`: what {what} here is lost with the classic builder, which gives every RUN after `VOLUME {place}` \
                 a volume of its own"
            ),
        )
        .label(Location::new(model.file, volume.span), "from here on RUN writes into a throw-away volume");
    let finding = match classic {
        Some(at) => finding.label(at, "the classic builder is chosen here"),
        None => finding.at_most(Severity::Warning),
    };
    let title = "declare the volume after it";
    match edits(text, dockerfile, lost) {
        Some(edits) => finding.fix(Safety::Unsafe, title, edits),
        None => finding.fix(Safety::Manual, title, Vec::new()),
    };
}

/// Moves the VOLUME below the last write.
fn edits(text: &str, dockerfile: &DockerfileFacts, lost: &Lost<'_>) -> Option<Vec<(FileId, Edit)>> {
    let model = &dockerfile.model;
    let volume = &model.instructions[lost.volume];
    if !lost.here {
        return None;
    }
    let lines = vec![text[volume.span.range()].to_owned()];
    let after = edit::insert_after(text, model, lost.last, &lines).ok()?;
    Some(vec![(model.file, edit::remove(text, model, lost.volume)), (model.file, after)])
}
