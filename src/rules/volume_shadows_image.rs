//! `volume-shadows-image`: a named volume over a path that the built image fills.

use std::collections::BTreeSet;

use crate::{
    analysis::{Facts, links::Service, mounts, paths},
    diag::{Safety, Sink},
    model::compose::{Mount, MountKind},
    text::{Edit, FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let found: Vec<Hiding<'_>> = facts
            .model(service)
            .mounts
            .iter()
            .filter(|mount| mount.kind == MountKind::Named)
            .filter_map(|mount| hiding(facts, service, mount))
            .collect();
        let files: BTreeSet<FileId> = found.iter().map(|h| h.mount.at.file).collect();
        for file in files {
            let here: Vec<&Hiding<'_>> = found.iter().filter(|h| h.mount.at.file == file).collect();
            let places: Vec<Location> = here.iter().map(|h| h.mount.at).collect();
            let edits = mounts::removal(facts, service, file, &places).unwrap_or_default();
            for hiding in here {
                report(facts, hiding, edits.clone(), sink);
            }
        }
    }
}

/// A mount that hides what the image holds.
struct Hiding<'a> {
    mount: &'a Mount,
    volume: &'a str,
    /// Where it is mounted.
    place: String,
    /// The instruction that fills the place.
    fill: Location,
}

fn hiding<'a>(facts: &Facts<'_>, service: &Service, mount: &'a Mount) -> Option<Hiding<'a>> {
    let build = service.build.as_ref()?;
    let (context, stages, target) = (build.context.as_ref()?, build.stages.as_ref()?, build.target?);
    let place = paths::clean(mount.target.known.as_deref().filter(|t| t.starts_with('/'))?);
    let fill = mounts::filled(facts, context, stages, target, &place)?;
    let dockerfile = &facts.dockerfiles[build.dockerfile?].model;
    let at = Location::new(dockerfile.file, dockerfile.instructions[fill].span);
    Some(Hiding { mount, volume: &mount.source.as_ref()?.raw, place, fill: at })
}

fn report(
    facts: &Facts<'_>,
    hiding: &Hiding<'_>,
    edits: Vec<(FileId, Edit)>,
    sink: &mut Sink<'_>,
) {
    let Hiding { mount, volume, place, fill, .. } = hiding;
    let said = first_line(&facts.snapshot.file(fill.file).text[fill.span.range()]);
    sink.report(
        mount.at,
        format!("`{volume}:{place}` hides what `{said}` puts there: a rebuild changes nothing"),
    )
    .label(*fill, "what the image holds there")
    .help(format!(
        "the engine fills the volume from the image once, when it is empty; keep code out of `{volume}`, or mount only \
         the folder that holds data"
    ))
    .fix(Safety::Unsafe, format!("remove the mount of `{volume}` over `{place}`"), edits);
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text).trim_end_matches(['\\', ' ', '\t'])
}
