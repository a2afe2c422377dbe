//! `volume-shadows-image`: a named volume over a path that the built image fills.

use crate::{
    analysis::{
        Facts,
        commands::Effect,
        links::Service,
        paths, route,
        stages::{Stages, What},
    },
    diag::{Safety, Sink},
    model::compose::{Mount, MountKind, edit},
    text::{Edit, FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let found: Vec<Hiding<'_>> = facts
            .model(service)
            .mounts
            .iter()
            .enumerate()
            .filter(|(_, mount)| mount.kind == MountKind::Named)
            .filter_map(|(index, mount)| hiding(facts, service, index, mount))
            .collect();
        // Edits are checked by reading the file again.
        if found.is_empty() {
            continue;
        }
        let compose = facts.compose_file(service);
        // One fix for all: a list that loses its last entry goes with its key.
        let indexes: Vec<usize> = found.iter().map(|h| h.index).collect();
        let text = &facts.snapshot.file(compose).text;
        let name = &facts.model(service).name.value;
        let edits = edit::remove_mounts(text, &facts.composes[service.compose], name, &indexes).unwrap_or_default();
        let edits: Vec<(FileId, Edit)> = edits.into_iter().map(|e| (compose, e)).collect();
        for hiding in found {
            report(facts, compose, &hiding, edits.clone(), sink);
        }
    }
}

/// A mount that hides what the image holds.
struct Hiding<'a> {
    index: usize,
    mount: &'a Mount,
    volume: &'a str,
    /// Where it is mounted.
    place: String,
    /// The instruction that fills the place.
    fill: Location,
}

fn hiding<'a>(facts: &Facts<'_>, service: &Service, index: usize, mount: &'a Mount) -> Option<Hiding<'a>> {
    let build = service.build.as_ref()?;
    let (context, stages, target) = (build.context.as_ref()?, build.stages.as_ref()?, build.target?);
    let place = paths::clean(mount.target.known.as_deref().filter(|t| t.starts_with('/'))?);
    let copied = route::fill(facts, context, stages, target, &place).map(|fill| fill.instruction);
    let fill = copied.or_else(|| installed(stages, target, &place))?;
    let dockerfile = &facts.dockerfiles[build.dockerfile?].model;
    let at = Location::new(dockerfile.file, dockerfile.instructions[fill].span);
    Some(Hiding { index, mount, volume: &mount.source.as_ref()?.raw, place, fill: at })
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
    compose: FileId,
    hiding: &Hiding<'_>,
    edits: Vec<(FileId, Edit)>,
    sink: &mut Sink<'_>,
) {
    let Hiding { mount, volume, place, fill, .. } = hiding;
    let said = first_line(&facts.snapshot.file(fill.file).text[fill.span.range()]);
    sink.report(
        Location::new(compose, mount.span),
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
