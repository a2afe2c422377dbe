//! `anonymous-volume-carryover`: an anonymous volume over a path that the built image fills.

use std::collections::BTreeSet;

use crate::{
    analysis::{Facts, links::Service, mounts, paths},
    diag::{Safety, Severity, Sink},
    model::compose::{Mount, MountKind},
    text::{Edit, FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let all = facts.model(service).mounts.iter();
        let anonymous = all.filter(|mount| mount.kind == MountKind::Anonymous);
        let found: Vec<Covered<'_>> = anonymous.filter_map(|mount| covered(facts, service, mount)).collect();
        let files: BTreeSet<FileId> = found.iter().map(|c| c.mount.at.file).collect();
        for file in files {
            let here: Vec<&Covered<'_>> = found.iter().filter(|c| c.mount.at.file == file).collect();
            let bare: Vec<Location> =
                here.iter().filter(|c| c.below_bind.is_none()).map(|c| c.mount.at).collect();
            let edits = if bare.is_empty() { None } else { mounts::removal(facts, service, file, &bare) };
            for covered in here {
                report(facts, service, covered, edits.as_deref().unwrap_or_default(), sink);
            }
        }
    }
}

/// An anonymous volume over what the image holds.
struct Covered<'a> {
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
    mount: &'a Mount,
) -> Option<Covered<'a>> {
    let build = service.build.as_ref()?;
    let place = paths::clean(mount.target.known.as_deref().filter(|t| t.starts_with('/'))?);
    let (context, stages, target) = (build.context.as_ref()?, build.stages.as_ref()?, build.target?);
    let instruction = mounts::filled(facts, context, stages, target, &place)?;
    let dockerfile = &facts.dockerfiles[build.dockerfile?].model;
    let fill = Location::new(dockerfile.file, dockerfile.instructions[instruction].span);
    let around = |other: &&Mount| {
        other.kind == MountKind::Bind
            && other.target.known.as_deref().is_some_and(|t| paths::below(&paths::clean(t), &place).is_some())
    };
    Some(Covered { mount, below_bind: facts.model(service).mounts.iter().find(around), place, fill })
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
