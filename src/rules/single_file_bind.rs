//! `single-file-bind`: a bind mount whose source is one file of the repository.

use crate::{
    analysis::{Facts, links::Service, paths},
    diag::{Safety, Sink},
    model::compose::{Mount, MountKind, Value, edit},
    text::{Edit, EntryKind, Location},
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
    let file = facts.compose_file(service);
    let name = &facts.model(service).name.value;
    sink.report(
        Location::new(file, mount.span),
        format!("`{written}` is one file: after `git pull` the container keeps reading the old one"),
    )
    .help(format!(
        "git replaces the file, the mount stays on the old inode, and `up -d` changes nothing: mount its folder, or run \
         `docker compose up -d --force-recreate {name}` after each pull"
    ))
    .fix(
        Safety::Unsafe,
        "mount the folder that holds it",
        folder(facts, file, source, &mount.target, written).unwrap_or_default().into_iter().map(|e| (file, e)).collect(),
    );
    Some(())
}

/// Both sides end in the same folder and file name (`./conf.d/x.conf:/etc/nginx/conf.d/x.conf`): the folder is mirrored
/// already, so mounting it brings the same file.
fn folder(
    facts: &Facts<'_>,
    file: crate::text::FileId,
    source: &Value,
    target: &Value,
    written: &str,
) -> Option<Vec<Edit>> {
    let inside = target.known.as_deref()?;
    let (from, to) = (paths::parent(written), paths::parent(inside));
    let mirrored = paths::base_name(written) == paths::base_name(inside)
        && paths::base_name(from) == paths::base_name(to)
        && !matches!(paths::base_name(from), "" | "." | "..");
    if !mirrored || to.is_empty() {
        return None;
    }
    let text = &facts.snapshot.file(file).text;
    Some(vec![edit::set_scalar(text, source.span, from), edit::set_scalar(text, target.span, to)])
}
