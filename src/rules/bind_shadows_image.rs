//! `bind-shadows-image`: a folder of the host hides what the built image holds.

use crate::{
    analysis::{
        Facts,
        context::fills_from,
        development,
        links::{Service, ServiceBuild},
        paths, route,
        stages::{CopyFacts, CopyFrom, What},
        vars::Val,
    },
    diag::{Safety, Severity, Sink},
    model::compose::{Mount, MountKind},
    text::{EntryKind, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let binds = facts.model(service).mounts.iter().filter(|mount| mount.kind == MountKind::Bind);
        for mount in binds {
            look(facts, service, mount, sink);
        }
    }
}

fn look(facts: &Facts<'_>, service: &Service, mount: &Mount, sink: &mut Sink<'_>) -> Option<()> {
    let build = service.build.as_ref()?;
    let written = mount.source.as_ref()?.known.as_deref().filter(|s| !s.starts_with(['/', '~']))?;
    let source = paths::join(&service.dir, written);
    let place = paths::clean(mount.target.known.as_deref().filter(|t| t.starts_with('/'))?);
    // One file: `single-file-bind`. A folder that is not there: the host's data.
    let folder = source.is_empty() || facts.snapshot.entry(&source) == Some(EntryKind::Dir);
    if !folder || development::is(facts, service, mount.at.file) {
        return None;
    }
    let (hidden, same) = hidden(facts, build, &source, &place)?;
    if same && mount.read_only {
        return None;
    }
    let dockerfile = &facts.dockerfiles[build.dockerfile?].model;
    let at = Location::new(dockerfile.file, dockerfile.instructions[hidden].span);
    let text = &facts.snapshot.file(at.file).text[at.span.range()];
    let said = text.lines().next().unwrap_or_default().trim_end_matches(['\\', ' ', '\t']);
    let name = &facts.model(service).name.value;
    let finding = sink
        .report(
            mount.at,
            format!("`{written}` of the host hides what `{said}` puts into the image at `{place}`: a rebuild changes nothing"),
        )
        .label(at, "what the image holds there");
    let finding = finding.fix(Safety::Manual, "leave the mount out where the image is deployed", Vec::new());
    if same {
        finding
            .at_most(Severity::Info)
            .help(format!("what runs is the checkout: after `git pull`, restart `{name}`; for a server, leave the mount out"));
    } else {
        finding.help("mount only folders that hold data, and move mounts for development into `compose.override.yaml`");
    }
    Some(())
}

/// The instruction whose files the mount hides, and whether the mounted folder is the checkout that they were copied
/// from. What another stage made comes first: the host does not have it.
fn hidden(facts: &Facts<'_>, build: &ServiceBuild, source: &str, place: &str) -> Option<(usize, bool)> {
    let (context, stages, target) = (build.context.as_ref()?, build.stages.as_ref()?, build.target?);
    let first = route::fill(facts, context, stages, target, place)?.instruction;
    let copies = stages.chain(target).into_iter().flat_map(|stage| &stages.all[stage].steps).filter_map(|step| {
        match &step.what {
            What::Copy(copy) => Some((step.instruction, copy)),
            _ => None,
        }
    });
    let inside = |copy: &CopyFacts| copy.dest.known().and_then(|dest| paths::below(place, dest)).is_some();
    let mut same = true;
    for (instruction, copy) in copies.filter(|(_, copy)| inside(copy) || !fills_from(copy, place).is_empty()) {
        match copy.from {
            CopyFrom::Stage(_) => return Some((instruction, false)),
            CopyFrom::Context => same &= is_mirrored(copy, &context.dir, source, place),
            CopyFrom::External(_) => {}
        }
    }
    Some((first, same || paths::below(source, &context.dir).is_some()))
}

/// Whether the mount brings from the host just what the COPY brings into the image.
fn is_mirrored(copy: &CopyFacts, context: &str, source: &str, place: &str) -> bool {
    let Some(dest) = copy.dest.known() else { return false };
    if let Some(below) = paths::below(place, dest) {
        let here = paths::join(source, below);
        return copy.sources.iter().filter_map(Val::known).all(|from| {
            let from = paths::join(context, from.trim_start_matches('/'));
            from == here || paths::parent(&from) == here
        });
    }
    fills_from(copy, place).iter().any(|path| paths::join(context, path) == source)
}
