//! What follows for a container from what the stages of a build tell of changed files that only the build reads.

use std::collections::HashMap;

use super::{
    compiled::{Change, Compiled, CompiledFile, Look, Source},
    cure::{self, Diagnosis},
    evidence::{Built, Evidence, ReplicaEvidence},
    file::{Bytes, FileState, state_of, why_open},
};
use crate::{
    analysis::way::Way,
    protocol::observed::{Mount, below},
};

/// What is said of one file and one container.
pub(in crate::protocol) enum Said<'e> {
    /// The stages have it as in git, and the container has what they made.
    Made {
        /// The stages in which it was looked at.
        stages: Vec<&'e str>,
        /// What was made, by its paths in the container.
        places: Vec<&'e str>,
    },
    /// The container's image was verified at this commit, and the container has it as it is.
    Kept,
    /// A stage has an older one, and the container has what was made from it.
    Stale {
        /// The file in the stage.
        source: &'e Source,
        /// What was made, by its path in the container.
        place: &'e str,
    },
    /// It cannot be told, and why.
    Open(String, Option<Diagnosis>),
    /// Nobody has looked.
    Unasked {
        /// Whether `--stages` can look.
        can: bool,
    },
}

/// What is said of a changed file in a container.
pub(in crate::protocol) fn said<'e>(
    evidence: &'e Evidence,
    replica: &ReplicaEvidence,
    path: &str,
) -> Said<'e> {
    let compiled = &evidence.compiled;
    let file = compiled.files.iter().find(|file| file.path == path);
    if evidence.not_fetched.iter().any(|other| other == path) {
        if file.is_some_and(|file| is_kept(compiled, replica, file)) {
            return Said::Kept;
        }
        let why = format!(
            "`{path}` changed, a submodule whose commit is not in this checkout (`git submodule update --init --recursive`)"
        );
        return Said::Open(why, None);
    }
    let Some(file) = file else { return Said::Unasked { can: false } };
    let said = match &compiled.look {
        Some(look) => looked(evidence, replica, file, look)
            .unwrap_or_else(|(why, diagnosis)| Said::Open(why, diagnosis)),
        None => Said::Unasked { can: file.way.as_ref().is_some_and(|way| way.doubts.is_empty()) },
    };
    match said {
        Said::Open(..) | Said::Unasked { .. } if is_kept(compiled, replica, file) => Said::Kept,
        said => said,
    }
}

type Open = (String, Option<Diagnosis>);

fn looked<'e>(
    evidence: &'e Evidence,
    replica: &ReplicaEvidence,
    file: &'e CompiledFile,
    look: &'e Look,
) -> Result<Said<'e>, Open> {
    let open = |why: String| Err((why, None));
    let path = &file.path;
    let Some(way) = &file.way else {
        return open(format!(
            "`{path}` changed, and how what is made from it gets into the image is not known"
        ));
    };
    let doubt = way.doubts.iter().find(|doubt| !(doubt.ends_anew && evidence.built == Built::Anew));
    if let Some(doubt) = doubt {
        return open(format!("`{path}` changed, and {}", doubt.why));
    }
    if let Some(trouble) = &look.trouble {
        return open(format!("`{path}` changed, and its stages could not be looked into: {trouble}"));
    }
    let mut old = None;
    for source in &file.sources {
        let (at, stage) = (&source.file.at, &source.stage);
        match state_of(&source.file) {
            FileState::Fresh if source.file.expected.digest().is_some() => {}
            FileState::Stale(Some(_)) => old = Some(source),
            other => return open(format!("`{at}` in the stage `{stage}` {}", why_open(&source.file, other))),
        }
    }
    let places = same(replica, way, look).map_err(|why| differs(evidence, file, why))?;
    let (false, Some(&place)) = (file.sources.is_empty(), places.first()) else {
        return open(format!("`{path}` changed, and nothing that is made from it is copied into the image"));
    };
    if let Some(source) = old {
        let (at, stage) = (&source.file.at, &source.stage);
        if evidence.built == Built::Anew {
            return open(format!(
                "`{at}` in the stage `{stage}` has the bytes of an older commit, and the build used nothing old: it puts them there itself"
            ));
        }
        return Ok(Said::Stale { source, place });
    }
    let mut stages: Vec<&str> = file.sources.iter().map(|source| source.stage.as_str()).collect();
    stages.dedup();
    Ok(Said::Made { stages, places })
}

/// The paths in the container at which is what the stages made; or what is not.
fn same<'e>(replica: &ReplicaEvidence, way: &Way, look: &'e Look) -> Result<Vec<&'e str>, Open> {
    let container = &replica.container;
    let name = &container.name;
    let open = |why: String| Err((why, None));
    let none = HashMap::new();
    let there = look.there.get(&container.id).unwrap_or(&none);
    let mut places = Vec::new();
    for edge in &way.edges {
        let Some(taken) = look.taken.iter().find(|taken| taken.edge == *edge) else {
            return open(format!("what `{}` takes was not looked at", first_line(&edge.hop.what)));
        };
        let from = &taken.from;
        for made in taken.made.as_ref().map_err(|why| (why.clone(), None))? {
            let at = &made.at;
            let (other, at_what) = match (&made.there, &taken.to) {
                (Some(other), Some(to)) => (Some(other), format!("the stage `{to}`")),
                _ => (there.get(at), format!("`{name}`")),
            };
            let (Some(own), Some(other)) = (made.bytes.digest(), other) else {
                let why = if let Bytes::Unknown(why) = &made.bytes { why } else { "it was not read" };
                return open(format!("`{}` in the stage `{from}` cannot be compared ({why})", made.path));
            };
            match other {
                Bytes::Known { digest, .. } if digest == own => {}
                Bytes::Unknown(why) => {
                    return open(format!("`{at}` in {at_what} cannot be compared ({why})"));
                }
                Bytes::Known { .. } | Bytes::Missing => {
                    return open(format!("`{at}` in {at_what} is not what the stage `{from}` makes"));
                }
            }
            if made.there.is_none() {
                if let Some(mount) = Mount::covering(&container.mounts, at) {
                    return open(format!(
                        "a mount over `{}` hides `{at}` of the image of `{name}`",
                        mount.target
                    ));
                }
                places.push(at.as_str());
            }
        }
    }
    Ok(places)
}

/// Something differs; if the image is older than the file, that is why.
fn differs(evidence: &Evidence, file: &CompiledFile, (why, diagnosis): Open) -> Open {
    if !file.sources.iter().any(|source| source.file.unbuilt) {
        return (why, diagnosis);
    }
    let why = format!("{why}, and `{}` changed on the server after the image was built", file.path);
    let cure = cure::rebuild(evidence, why.clone());
    (why, Some(cure))
}

/// Whether the container has what was made from the file as its image has it, and the image was verified at this commit.
fn is_kept(compiled: &Compiled, replica: &ReplicaEvidence, file: &CompiledFile) -> bool {
    let container = &replica.container;
    let Some(changes) = compiled.kept.get(&container.id) else { return false };
    // Where it lies is not always known: then nothing at all may have changed.
    let into_image = file.way.iter().flat_map(|way| &way.edges).filter(|edge| edge.to.is_none());
    let places: Option<Vec<&str>> = into_image.map(|edge| edge.copy.dest.known()).collect();
    let places = places.filter(|places| !places.is_empty()).unwrap_or_else(|| vec!["/"]);
    let near = |one: &str, other: &str| below(one, other).or(below(other, one)).is_some();
    let touched = |change: &&Change| {
        // A folder counts as changed when something in it was added.
        let is_folder =
            changes.iter().any(|other| below(&other.path, &change.path).is_some_and(|r| !r.is_empty()));
        change.kind != 'A' && !(change.kind == 'C' && is_folder)
    };
    let is_touched =
        changes.iter().filter(touched).any(|change| places.iter().any(|at| near(&change.path, at)));
    let hidden =
        container.mounts.iter().any(|mount| places.iter().any(|at| *at != "/" && near(&mount.target, at)));
    !is_touched && !hidden
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
