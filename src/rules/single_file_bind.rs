//! `single-file-bind`: a bind mount whose source is one file of the repository.

use crate::{
    analysis::{Facts, links::Service, paths},
    diag::{Safety, Sink},
    model::compose::{Mount, MountKind, edit},
    text::{Edit, EntryKind},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        for mount in facts.model(service).mounts.iter().filter(|m| m.kind == MountKind::Bind) {
            look(facts, service, mount, sink);
        }
    }
}

fn look(facts: &Facts<'_>, service: &Service, mount: &Mount, sink: &mut Sink<'_>) -> Option<()> {
    let source = mount.source.as_ref()?;
    let written = source.known.as_deref().filter(|s| !s.starts_with(['/', '~']))?;
    let path = paths::join(&service.dir, written);
    // A link is resolved when the container is made: another mechanism, another rule.
    if facts.snapshot.entry(&path) != Some(EntryKind::File) {
        return None;
    }
    // As the file has it: with an `extends` it is seen from another folder.
    let shown = if source.raw.contains('$') { written } else { &source.raw };
    let file = mount.at.file;
    let name = &facts.model(service).name.value;
    sink.report(
        mount.at,
        format!("`{shown}` is one file: after `git pull` the container keeps reading the old one"),
    )
    .help(format!(
        "git replaces the file, the mount stays on the old inode, and `up -d` changes nothing: mount its folder, or run \
         `docker compose up -d --force-recreate {name}` after each pull"
    ))
    .fix(
        Safety::Unsafe,
        "mount the folder that holds it",
        folder(facts, service, mount, written).unwrap_or_default().into_iter().map(|e| (file, e)).collect(),
    );
    Some(())
}

/// Both sides end in the same folder and file name (`./conf.d/x.conf:/etc/nginx/conf.d/x.conf`): the folder is mirrored
/// already, so mounting it brings the same file. Beside another mount there it would hide that, or be there twice.
fn folder(facts: &Facts<'_>, service: &Service, mount: &Mount, written: &str) -> Option<Vec<Edit>> {
    let inside = mount.target.known.as_deref()?;
    let (from, to) = (paths::parent(written), paths::parent(inside));
    let mirrored = paths::base_name(written) == paths::base_name(inside)
        && paths::base_name(from) == paths::base_name(to)
        && !matches!(paths::base_name(from), "" | "." | "..");
    let clashes = |other: &&Mount| {
        other.at != mount.at && other.target.known.as_deref().is_none_or(|t| paths::below(to, t).is_some())
    };
    if !mirrored || to.is_empty() || facts.model(service).mounts.iter().any(|other| clashes(&other)) {
        return None;
    }
    let (source, target) = (mount.source.as_ref()?, &mount.target);
    let name = &facts.model(service).name.value;
    let same = |m: &Mount| m.at == mount.at && m.source.as_ref().and_then(|s| s.known.as_ref()) == source.known.as_ref();
    // A file that another folder extends writes the path from its own folder.
    let (compose, _) = facts.written(mount.at.file, name, |own| own.mounts.iter().any(same))?;
    let text = &facts.snapshot.file(compose.file).text;
    let side = |value, new| edit::set_value(text, compose, value, new).ok();
    Some(vec![side(source, from)?, side(target, to)?])
}
