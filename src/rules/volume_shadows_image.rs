//! `volume-shadows-image`: a named volume over a path that the built image fills.

use crate::{
    analysis::{Facts, links::Service, paths, route},
    diag::{Safety, Sink},
    model::compose::{Mount, MountKind, edit},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        for (index, mount) in facts.model(service).mounts.iter().enumerate() {
            if mount.kind == MountKind::Named {
                look(facts, service, index, mount, sink);
            }
        }
    }
}

fn look(facts: &Facts<'_>, service: &Service, index: usize, mount: &Mount, sink: &mut Sink<'_>) -> Option<()> {
    let build = service.build.as_ref()?;
    let (context, stages, target) = (build.context.as_ref()?, build.stages.as_ref()?, build.target?);
    let place = paths::clean(mount.target.known.as_deref().filter(|t| t.starts_with('/'))?);
    let fill = route::fill(facts, context, stages, target, &place)?;
    let dockerfile = &facts.dockerfiles[build.dockerfile?].model;
    let instruction = &dockerfile.instructions[fill.instruction];
    let said = first_line(&facts.snapshot.file(dockerfile.file).text[instruction.span.range()]);
    let volume = mount.source.as_ref()?.raw.clone();
    let compose = facts.compose_file(service);
    let finding = sink
        .report(
            Location::new(compose, mount.span),
            format!("`{volume}:{place}` hides what `{said}` puts there: a rebuild changes nothing"),
        )
        .label(Location::new(dockerfile.file, instruction.span), "what the image holds there")
        .help(format!(
            "the engine fills the volume from the image once, when it is empty; keep code out of `{volume}`, or mount \
             only the folder that holds data"
        ));
    let text = &facts.snapshot.file(compose).text;
    let edits = edit::remove_mount(text, &facts.composes[service.compose], &facts.model(service).name.value, index);
    let title = format!("remove the mount of `{volume}` over `{place}`");
    finding.fix(Safety::Unsafe, title, edits.unwrap_or_default().into_iter().map(|e| (compose, e)).collect());
    Some(())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text).trim_end_matches(['\\', ' ', '\t'])
}
