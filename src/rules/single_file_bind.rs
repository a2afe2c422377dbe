//! `single-file-bind`: a bind mount whose source is one file of the repository.

use crate::{
    analysis::{Facts, links::Service, names, paths},
    diag::{Safety, Severity, Sink},
    model::compose::{Mount, MountKind, edit},
    text::{Edit, EntryKind, FileId},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let mounts = facts.model(service).mounts.iter();
        let found = mounts.filter_map(|mount| {
            let written = one_file(facts, service, mount)?;
            let raw = &mount.source.as_ref()?.raw;
            let shown = if raw.contains('$') { written } else { raw };
            Some(Found { mount, shown, edits: folder(facts, service, mount, written) })
        });
        let (fixable, others): (Vec<Found<'_>>, Vec<Found<'_>>) = found.partition(|f| f.edits.is_some());
        report(facts, service, fixable, sink);
        report(facts, service, others, sink);
    }
}

/// A mount of one file.
struct Found<'a> {
    mount: &'a Mount,
    /// Its source as its file has it: with an `extends` it is seen from another folder.
    shown: &'a str,
    /// The edits that mount its folder.
    edits: Option<Vec<Edit>>,
}

/// The source as written, if it is a file of the repository that the container may look at again.
fn one_file<'a>(facts: &Facts<'_>, service: &Service, mount: &'a Mount) -> Option<&'a str> {
    let source = mount.source.as_ref().filter(|_| mount.kind == MountKind::Bind)?;
    let written = source.known.as_deref().filter(|s| !s.starts_with(['/', '~']))?;
    // A database's image runs these once, when its volume is empty: no mount would make it read them again.
    let once = |target: &str| target.split('/').any(|part| part.starts_with("docker-entrypoint-init"));
    if mount.target.known.as_deref().is_some_and(once) {
        return None;
    }
    // A link is resolved when the container is made: another mechanism, another rule.
    let path = paths::join(&service.dir, written);
    (facts.snapshot.entry(&path) == Some(EntryKind::File)).then_some(written)
}

/// One finding for several mounts of a service: one `up --force-recreate` is what all of them need.
fn report(facts: &Facts<'_>, service: &Service, found: Vec<Found<'_>>, sink: &mut Sink<'_>) {
    let [Found { mount: first, shown, .. }, others @ ..] = found.as_slice() else { return };
    let name = &facts.model(service).name.value;
    let message = match others.len() {
        0 => format!("`{shown}` is one file: after `git pull` the container keeps reading the old one"),
        more => format!(
            "`{shown}` and {more} more are mounted as single files: after `git pull` the container keeps reading the \
             old ones"
        ),
    };
    let at = first.at;
    let mut finding = sink.report(at, message);
    for Found { mount, shown, .. } in others {
        finding = finding.label(mount.at, format!("`{shown}` is one file, too"));
    }
    // What a test starts ends with it, before anybody pulls.
    if names::is_test_path(&facts.snapshot.file(at.file).path) {
        finding = finding.at_most(Severity::Info);
    }
    let edits: Vec<(FileId, Edit)> =
        found.into_iter().flat_map(|f| f.edits.into_iter().flatten().map(move |edit| (f.mount.at.file, edit))).collect();
    finding
        .help(format!(
            "git replaces the file, the mount stays on the old inode, and `up -d` changes nothing: mount its folder, or \
             run `docker compose up -d --force-recreate {name}` after each pull"
        ))
        .fix(Safety::Unsafe, "mount the folder that holds it", edits);
}

/// Folders of common images that hold nothing but the configuration that a mount is there to replace. In other folders
/// (`/usr/local/etc/php/conf.d`) an image may keep files that it cannot do without.
const REPLACED: [&str; 16] = [
    "/etc/alertmanager",
    "/etc/caddy",
    "/etc/grafana/provisioning",
    "/etc/haproxy",
    "/etc/loki",
    "/etc/nginx/conf.d",
    "/etc/nginx/sites-enabled",
    "/etc/nginx/templates",
    "/etc/otel",
    "/etc/otelcol",
    "/etc/prometheus",
    "/etc/promtail",
    "/etc/tempo",
    "/etc/traefik",
    "/usr/local/etc/haproxy",
    "/usr/share/logstash/pipeline",
];

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
    let replaced = REPLACED.iter().any(|known| paths::below(known, to).is_some());
    if !mirrored || !replaced || facts.model(service).mounts.iter().any(|other| clashes(&other)) {
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
