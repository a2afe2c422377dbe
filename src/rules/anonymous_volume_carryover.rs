//! `anonymous-volume-carryover`: an anonymous volume over a path that the built image fills.

use crate::{
    analysis::{
        Facts,
        commands::{Effect, Manager},
        links::{Service, ServiceBuild},
        paths, route,
        stages::What,
    },
    diag::{Safety, Severity, Sink},
    model::compose::{Mount, MountKind, edit},
    text::{Edit, FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let mounts = facts.model(service).mounts.iter().enumerate();
        let anonymous = mounts.filter(|(_, mount)| mount.kind == MountKind::Anonymous);
        let found: Vec<Covered<'_>> = anonymous.filter_map(|(at, mount)| covered(facts, service, at, mount)).collect();
        // One fix for all: a list that loses its last entry goes with its key.
        let bare: Vec<usize> = found.iter().filter(|c| c.below_bind.is_none()).map(|c| c.index).collect();
        let edits = if bare.is_empty() { Vec::new() } else { removal(facts, service, &bare) };
        for covered in found {
            report(facts, service, &covered, &edits, sink);
        }
    }
}

/// An anonymous volume over what the image holds.
struct Covered<'a> {
    index: usize,
    mount: &'a Mount,
    place: String,
    /// The instruction that fills the place.
    fill: Location,
    /// A bind mount around it: the volume keeps the host's folder from hiding the image's.
    below_bind: Option<&'a Mount>,
}

fn covered<'a>(
    facts: &'a Facts<'_>,
    service: &Service,
    index: usize,
    mount: &'a Mount,
) -> Option<Covered<'a>> {
    let build = service.build.as_ref()?;
    let place = paths::clean(mount.target.known.as_deref().filter(|t| t.starts_with('/'))?);
    let instruction = filled(facts, build, &place)?;
    let dockerfile = &facts.dockerfiles[build.dockerfile?].model;
    let fill = Location::new(dockerfile.file, dockerfile.instructions[instruction].span);
    let around = |other: &&Mount| {
        other.kind == MountKind::Bind
            && other.target.known.as_deref().is_some_and(|t| paths::below(&paths::clean(t), &place).is_some())
    };
    Some(Covered { index, mount, below_bind: facts.model(service).mounts.iter().find(around), place, fill })
}

/// The instruction that fills the place: a COPY, or an install that writes `node_modules` there.
fn filled(facts: &Facts<'_>, build: &ServiceBuild, place: &str) -> Option<usize> {
    let (context, stages, target) = (build.context.as_ref()?, build.stages.as_ref()?, build.target?);
    if let Some(fill) = route::fill(facts, context, stages, target, place) {
        return Some(fill.instruction);
    }
    let folder = place.strip_suffix("/node_modules")?;
    stages.chain(target).into_iter().flat_map(|stage| &stages.all[stage].steps).find_map(|step| {
        let What::Run(run) = &step.what else { return None };
        let installs = |effect: &Effect| {
            let Effect::Install(install) = effect else { return false };
            matches!(install.manager, Manager::Npm | Manager::Yarn | Manager::Pnpm | Manager::Bun)
        };
        let here = run.workdir.known() == Some(if folder.is_empty() { "/" } else { folder });
        (here && run.effects.iter().any(installs)).then_some(step.instruction)
    })
}

fn removal(facts: &Facts<'_>, service: &Service, mounts: &[usize]) -> Vec<(FileId, Edit)> {
    let file = facts.compose_file(service);
    let text = &facts.snapshot.file(file).text;
    let name = &facts.model(service).name.value;
    let edits = edit::remove_mounts(text, &facts.composes[service.compose], name, mounts).unwrap_or_default();
    edits.into_iter().map(|edit| (file, edit)).collect()
}

fn report(
    facts: &Facts<'_>,
    service: &Service,
    covered: &Covered<'_>,
    edits: &[(FileId, Edit)],
    sink: &mut Sink<'_>,
) {
    let Covered { mount, place, fill, .. } = covered;
    let name = &facts.model(service).name.value;
    let text = &facts.snapshot.file(fill.file).text[fill.span.range()];
    let said = text.lines().next().unwrap_or_default().trim_end_matches(['\\', ' ', '\t']);
    let finding = sink
        .report(
            mount.at,
            format!(
                "the next container gets this one's volume at `{place}`: what `{said}` puts there in a new image stays hidden"
            ),
        )
        .label(*fill, "what the image holds there");
    match covered.below_bind {
        // A person's own machine, where the host's folder is mounted: the volume is needed, and must be renewed.
        Some(bind) => finding
            .at_most(Severity::Info)
            .label(bind.at, "hides the image's folder as a whole, so that the volume is needed")
            .help(format!("renew it after each build: `docker compose up -d -V {name}`")),
        None => finding
            .help(format!("remove the mount, or renew the volume at each deploy: `docker compose up -d -V {name}`"))
            .fix(Safety::Unsafe, format!("remove the anonymous volume at `{place}`"), edits.to_vec()),
    };
}
