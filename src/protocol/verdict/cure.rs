//! Why a container is stale, and the commands that end it.

use super::{
    evidence::{Built, Evidence, ReplicaEvidence},
    file::{Bytes, FileEvidence},
};
use crate::protocol::{
    names::{RETAINED, Sha},
    observed::{Builder, Image, Mount, MountSource},
};

/// Where the old bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A mount lies over the image's content.
    Mount,
    /// The container was not made from the image that was built last, or was changed since.
    Container,
    /// The image was built from old files, or not at all.
    Image,
    /// `BuildKit`'s snapshot of the context is old.
    ContextSnapshot,
    /// The server's checkout is not the expected commit.
    Checkout,
    /// The file is new, and the process older than it.
    Process,
    /// The containers may be new: the old comes over HTTP, from something in front of them or from a process.
    Http,
}

impl Cause {
    /// Whether a build without cache and a new container can end it.
    pub fn ends_with_a_build(self) -> bool {
        match self {
            Self::Container | Self::Image | Self::ContextSnapshot => true,
            Self::Mount | Self::Checkout | Self::Process | Self::Http => false,
        }
    }

    /// The word of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mount => "mount",
            Self::Container => "container",
            Self::Image => "image",
            Self::ContextSnapshot => "context-snapshot",
            Self::Checkout => "checkout",
            Self::Process => "process",
            Self::Http => "http",
        }
    }
}

/// A cause, its mechanism and its cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The cause.
    pub cause: Cause,
    /// The id of the mechanism, where it has one.
    pub mechanism: Option<&'static str>,
    /// What happens, as a clause.
    pub detail: String,
    /// What ends it.
    pub cure: String,
}

/// Names the cause for a container that does not have what it should, by the file that shows it, if one does.
pub(in crate::protocol) fn diagnose(
    evidence: &Evidence,
    replica: &ReplicaEvidence,
    file: Option<&FileEvidence>,
) -> Diagnosis {
    if let Some(file) = file
        && let Some(mount) = Mount::covering(&replica.container.mounts, &file.at)
    {
        return by_mount(evidence, file, mount);
    }
    if let Some(diagnosis) = not_made_anew(evidence, replica, file.is_some_and(image_is_old)) {
        return diagnosis;
    }
    if evidence.head.as_ref().is_some_and(|h| *h != evidence.commit) {
        return checkout(evidence);
    }
    match file {
        Some(file) => by_image(evidence, replica, file),
        None => Diagnosis {
            cause: Cause::Image,
            mechanism: None,
            detail: "the image was not built from this commit".into(),
            cure: protocol(evidence),
        },
    }
}

/// The container runs another image than the tag's.
fn not_made_anew(evidence: &Evidence, replica: &ReplicaEvidence, tagged_is_old: bool) -> Option<Diagnosis> {
    let container = &replica.container;
    let tagged = evidence.tagged.as_ref().filter(|tagged| tagged.id != container.image)?;
    let name = &container.name;
    // Made anew from an image that is old too, it would be as old as before.
    let cure = if tagged_is_old { protocol(evidence) } else { run(evidence, &[up(evidence, &[])]) };
    let (have, tag, want) = (container.image.short(), &evidence.compose.tag, tagged.id.short());
    Some(Diagnosis {
        cause: Cause::Container,
        mechanism: Some("S02"),
        detail: format!(
            "`{name}` runs image {have}, and `{tag}` is {want}: it was not made anew after the build"
        ),
        cure,
    })
}

/// Names the cause for a container with something that was made from the old file of a stage, which was built just now.
pub(in crate::protocol) fn of_stage(
    evidence: &Evidence,
    replica: &ReplicaEvidence,
    file: &FileEvidence,
) -> Diagnosis {
    if let Some(diagnosis) = not_made_anew(evidence, replica, true) {
        return diagnosis;
    }
    if evidence.head.as_ref().is_some_and(|h| *h != evidence.commit) {
        return checkout(evidence);
    }
    if checkout_is_new(file) && snapshot_may_be_old(evidence, file) {
        return Diagnosis {
            cause: Cause::ContextSnapshot,
            mechanism: Some("S33"),
            detail: "the checkout has the new file, and a build still takes the old one of equal size: BuildKit has it in its context snapshot, which `--no-cache` does not clear".into(),
            cure: run(evidence, &[prune(), evidence.compose.argv(&["build", &evidence.service]), up(evidence, &[])]),
        };
    }
    Diagnosis {
        cause: Cause::Image,
        mechanism: None,
        detail: "the image is built from the old file".into(),
        cure: protocol(evidence),
    }
}

/// Ends `BuildKit`'s snapshots of the context.
fn prune() -> Vec<String> {
    ["docker", "builder", "prune", "-f", "--filter", "type=source.local"].map(String::from).to_vec()
}

/// A mount brought a new file to a process that started before.
pub(in crate::protocol) fn restart(evidence: &Evidence, at: &str, known: bool) -> Diagnosis {
    let detail = if known {
        format!("`{at}` is newer than the process, which may still hold the old one")
    } else {
        format!("whether the process started after `{at}` changed is not known")
    };
    let words = evidence.compose.argv(&["restart", &evidence.service]);
    Diagnosis { cause: Cause::Process, mechanism: Some("S06"), detail, cure: run(evidence, &[words]) }
}

/// The container is as it should be, and the tag is elsewhere.
pub(in crate::protocol) fn moved(evidence: &Evidence, replica: &ReplicaEvidence) -> Diagnosis {
    let container = &replica.container;
    let (name, tag, have) = (&container.name, &evidence.compose.tag, container.image.short());
    let on = evidence.tagged.as_ref().map_or("none", |i| i.id.short());
    Diagnosis {
        cause: Cause::Container,
        mechanism: Some("S02"),
        detail: format!(
            "`{name}` runs image {have} with the changed files, and `{tag}` is on {on}: another build or tag came after it"
        ),
        cure: protocol(evidence),
    }
}

/// The image has to be built again, and the container made from it.
pub(in crate::protocol) fn rebuild(evidence: &Evidence, detail: String) -> Diagnosis {
    let build = evidence.compose.argv(&["build", &evidence.service]);
    let cure = run(evidence, &[build, up(evidence, &["--force-recreate"])]);
    Diagnosis { cause: Cause::Image, mechanism: Some("S01"), detail, cure }
}

/// The container has to be made again.
pub(in crate::protocol) fn recreate(evidence: &Evidence, detail: String) -> Diagnosis {
    let cure = run(evidence, &[up(evidence, &["--force-recreate"])]);
    Diagnosis { cause: Cause::Container, mechanism: None, detail, cure }
}

/// Whether the image was kept for later: it got a tag for that, later than its build.
pub fn retained(image: &Image) -> bool {
    image.tags.iter().any(|t| t.starts_with(RETAINED))
}

/// Whether the checkout on the server has what git says.
pub(in crate::protocol) fn checkout_is_new(file: &FileEvidence) -> bool {
    file.checkout.as_ref().is_some_and(|(bytes, _)| bytes.digest() == file.expected.digest())
}

/// Whether `BuildKit` may have taken the file from its snapshot of the context: it compares size and mtime.
pub(in crate::protocol) fn snapshot_may_be_old(evidence: &Evidence, file: &FileEvidence) -> bool {
    evidence.built == Built::Unknown
        && evidence.builder != Some(Builder::Classic)
        && file.actual.same_len(&file.expected)
}

/// Whether the image that the tag points at is known to lack what git says.
fn image_is_old(file: &FileEvidence) -> bool {
    matches!(&file.image, Some(image @ (Bytes::Known { .. } | Bytes::Missing)) if image.digest() != file.expected.digest())
}

fn checkout(evidence: &Evidence) -> Diagnosis {
    let head = evidence.head.as_ref().map_or("unknown", Sha::short);
    Diagnosis {
        cause: Cause::Checkout,
        mechanism: None,
        detail: format!("the server's checkout is at {head}, not {}", evidence.commit.short()),
        cure: protocol(evidence),
    }
}

fn by_mount(evidence: &Evidence, file: &FileEvidence, mount: &Mount) -> Diagnosis {
    let (target, service) = (&mount.target, &evidence.service);
    let entry = |source: &str| format!("remove the mount `{source}:{target}` from the compose file");
    let (mechanism, detail, cure) = match &mount.source {
        MountSource::Named(name) => {
            // Compose puts the project in front of the volume's key.
            let key = name.strip_prefix(&format!("{}_", evidence.compose.project)).unwrap_or(name);
            let anew = run(
                evidence,
                &[
                    evidence.compose.argv(&["rm", "-sf", service]),
                    ["docker", "volume", "rm", name].map(String::from).to_vec(),
                    up(evidence, &[]),
                ],
            );
            (
                "S04",
                format!(
                    "volume `{name}` lies over `{target}` and keeps what it had: a rebuild changes nothing there"
                ),
                if image_is_old(file) {
                    format!("{}, and then, as the image is old too: {}", entry(key), protocol(evidence))
                } else {
                    format!("{}, or, which deletes the volume's data: {anew}", entry(key))
                },
            )
        }
        MountSource::Anonymous(_) => (
            "S05",
            format!("an anonymous volume over `{target}` was carried over from the container before"),
            if image_is_old(file) {
                protocol(evidence)
            } else {
                run(evidence, &[up(evidence, &["-V", "--force-recreate"])])
            },
        ),
        MountSource::Bind(_) if *target == file.at && orphaned(file) => (
            "S23",
            format!(
                "the mount of the single file `{target}` still holds the file that was there before it was replaced"
            ),
            run(evidence, &[up(evidence, &["--force-recreate"])]),
        ),
        MountSource::Bind(_) if evidence.head.as_ref().is_some_and(|h| *h != evidence.commit) => {
            return checkout(evidence);
        }
        MountSource::Bind(source) => (
            "S06",
            format!("`{source}` of the host lies over `{target}`, and its files are old"),
            format!("bring the new files to `{source}`, or {}", entry(source)),
        ),
        MountSource::Tmpfs => (
            "S06",
            format!("a tmpfs lies over `{target}`: the image's files are not seen there"),
            format!("remove the tmpfs `{target}` from the compose file"),
        ),
    };
    Diagnosis { cause: Cause::Mount, mechanism: Some(mechanism), detail, cure }
}

fn orphaned(file: &FileEvidence) -> bool {
    match (&file.seen, &file.host) {
        (Some(seen), _) if seen.links == 0 => true,
        (Some(seen), Some(host)) => seen.inode != host.inode,
        _ => false,
    }
}

fn by_image(evidence: &Evidence, replica: &ReplicaEvidence, file: &FileEvidence) -> Diagnosis {
    let name = &replica.container.name;
    let image_has = |bytes: &Bytes| {
        file.image.as_ref().and_then(Bytes::digest).is_some_and(|d| Some(d) == bytes.digest())
    };
    if image_has(&file.expected) {
        return Diagnosis {
            cause: Cause::Container,
            mechanism: None,
            detail: format!("the image has the new file, and it was changed inside `{name}`"),
            cure: run(evidence, &[up(evidence, &["--force-recreate"])]),
        };
    }
    let service = &evidence.service;
    let build = || evidence.compose.argv(&["build", service]);
    let tagged = evidence.tagged.as_ref().filter(|i| !retained(i)).and_then(|i| i.tagged);
    if let (Some((_, stat)), Some(tagged)) = (&file.checkout, tagged)
        && stat.changed > tagged
    {
        let mut argvs = vec![build(), up(evidence, &[])];
        // Of equal size, and maybe of equal mtime: then a build alone would take the old file again.
        if snapshot_may_be_old(evidence, file) {
            argvs.insert(0, prune());
        }
        return Diagnosis {
            cause: Cause::Image,
            mechanism: Some("S01"),
            detail: "the file changed on the server after the image was built".into(),
            cure: run(evidence, &argvs),
        };
    }
    if tagged.is_some()
        && checkout_is_new(file)
        && image_has(&file.actual)
        && snapshot_may_be_old(evidence, file)
    {
        return Diagnosis {
            cause: Cause::ContextSnapshot,
            mechanism: Some("S33"),
            detail: "the image was built after the file changed and holds the old bytes of equal size: BuildKit took them from its context snapshot, which `--no-cache` does not clear".into(),
            cure: run(evidence, &[prune(), build(), up(evidence, &[])]),
        };
    }
    Diagnosis {
        cause: Cause::Image,
        mechanism: None,
        detail: "the image holds the old file".into(),
        cure: protocol(evidence),
    }
}

fn up(evidence: &Evidence, flags: &[&str]) -> Vec<String> {
    let mut words = vec!["up", "-d", "--no-deps"];
    words.extend(flags);
    let scale = format!("{}={}", evidence.service, evidence.replicas.len());
    if evidence.replicas.len() > 1 {
        words.extend(["--scale", &scale]);
    }
    words.push(&evidence.service);
    evidence.compose.argv(&words)
}

fn run(evidence: &Evidence, argvs: &[Vec<String>]) -> String {
    evidence.target.paste_all(argvs)
}

fn protocol(evidence: &Evidence) -> String {
    let mut words = vec!["unstale".to_owned(), "deploy".to_owned(), evidence.service.clone()];
    words.extend(evidence.target.words());
    words.iter().map(|w| crate::protocol::quote::quote(w)).collect::<Vec<_>>().join(" ")
}
