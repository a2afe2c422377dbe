//! `volume-shadows-image`: a named volume over a path that the built image fills.

use std::collections::BTreeSet;

use crate::{
    analysis::{
        Facts,
        commands::Effect,
        links::Service,
        paths, route,
        stages::{Stages, What},
    },
    diag::{Safety, Sink},
    model::compose::{self, Mount, MountKind, edit},
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
            let edits = removal(facts, service, file, &here).unwrap_or_default();
            for hiding in here {
                report(facts, hiding, edits.clone(), sink);
            }
        }
    }
}

/// One fix for all mounts of a file: a list that loses its last entry goes with its key.
fn removal(facts: &Facts<'_>, service: &Service, file: FileId, all: &[&Hiding<'_>]) -> Option<Vec<(FileId, Edit)>> {
    let name = &facts.model(service).name.value;
    let place = |own: &compose::Service, hiding: &Hiding<'_>| own.mounts.iter().position(|m| m.at == hiding.mount.at);
    let (compose, own) = facts.written(file, name, |own| all.iter().all(|h| place(own, h).is_some()))?;
    let indexes: Vec<usize> = all.iter().filter_map(|h| place(own, h)).collect();
    let text = &facts.snapshot.file(file).text;
    let edits = edit::remove_mounts(text, compose, &own.name.value, &indexes).ok()?;
    Some(edits.into_iter().map(|e| (file, e)).collect())
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
    let copied = route::fill(facts, context, stages, target, &place).map(|fill| fill.instruction);
    let fill = copied.or_else(|| installed(stages, target, &place))?;
    let dockerfile = &facts.dockerfiles[build.dockerfile?].model;
    let at = Location::new(dockerfile.file, dockerfile.instructions[fill].span);
    Some(Hiding { mount, volume: &mount.source.as_ref()?.raw, place, fill: at })
}

/// The first RUN of the stage's image that installs dependencies at or below the place.
fn installed(stages: &Stages, target: usize, place: &str) -> Option<usize> {
    let mut steps = stages.chain(target).into_iter().flat_map(|s| &stages.all[s].steps);
    steps.find_map(|step| {
        let What::Run(run) = &step.what else { return None };
        let dir = run.workdir.known()?;
        let fills = |effect: &Effect| match effect {
            Effect::Install(install) => {
                install.fills().is_some_and(|filled| paths::below(place, &paths::join(dir, &filled)).is_some())
            }
            _ => false,
        };
        run.effects.iter().any(fills).then_some(step.instruction)
    })
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
