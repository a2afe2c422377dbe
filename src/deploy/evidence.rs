//! Gathers what a verdict needs: git's bytes, the process's bytes and, where they differ, the image's and the checkout's.

use std::collections::{HashMap, HashSet};

use super::{
    bytes::{self, Seen},
    git::{Commits, Digests, Entry},
    stages,
    transport::Lost,
    trees::{Ask, Trees, Wanted, file},
};
use crate::protocol::{
    Bytes, Candidate, Compose, Digest, Evidence, FileEvidence, FileState, Image, ImageEvidence, Mount,
    MountSource, Reach, Relation, ReplicaEvidence, Sample, Server, Sha, Unsettled, retained, state_of,
};

/// How many differing files are looked into: the first ones tell the cause.
const LOOKED_INTO: usize = 40;

/// How many differing files are searched for in history.
const SEARCHED: usize = 400;

/// Measures every container of the service. `unsettled` says why one of them is not settled.
pub(super) fn gather(
    ask: &Ask<'_>,
    server: &Server,
    compose: &Compose,
    unsettled: &HashMap<String, Unsettled>,
) -> Result<(Evidence, Option<Sample>), Lost> {
    let top = server.git().map(|g| g.toplevel.as_str());
    let trees = Trees::read(ask, server, top)?;
    let tagged = server.image(&compose.tag).cloned();
    let verified = ask.verified_images();
    let mut replicas = Vec::new();
    for container in server.replicas() {
        let wanted = trees.wanted(Some(container), top);
        let seen = bytes::in_container(ask.to, container, &in_order(&wanted))?;
        let files = wanted.iter().map(|w| file(w, &seen)).collect();
        let expect = match ask.expect {
            Some((text, path)) => Some(trees.look(container, &wanted, text, path)?),
            None => None,
        };
        replicas.push(ReplicaEvidence {
            container: container.clone(),
            unsettled: unsettled.get(&container.id).cloned(),
            was_verified: verified.contains(&container.image.0),
            files,
            expect,
        });
    }
    let mut compiled = stages::gather(ask, server, &trees)?;
    let sources = compiled.files.iter_mut().flat_map(|file| &mut file.sources).map(|source| &mut source.file);
    let files = replicas.iter_mut().flat_map(|r| &mut r.files).chain(sources);
    older(ask, files.collect(), &trees.convert)?;
    for replica in &mut replicas {
        // A deleted file that is gone says nothing; one with other bytes is another file of that name.
        replica.files.retain(|f| f.expected != Bytes::Missing || f.older.is_some());
        look_into(ask, top.unwrap_or_default(), replica, tagged.as_ref())?;
    }
    let sample = sample(ask, &replicas)?;
    let git = server.git();
    let head = git.and_then(|g| g.head.clone());
    let head_stands = match &head {
        Some(head) => ask.repo.relation(head, ask.commit)?,
        None => Relation::Unknown,
    };
    let evidence = Evidence {
        service: ask.service.to_owned(),
        commit: ask.commit.clone(),
        head,
        head_stands,
        base: ask.kind,
        recipes: trees.recipes(server, top)?,
        modified: git.map(|g| g.modified.clone()).unwrap_or_default(),
        tagged,
        builder: server.engine().map(|e| e.builder),
        built: ask.built,
        unproven: trees.unproven(),
        not_fetched: trees.not_fetched(),
        not_shipped: trees.not_shipped(),
        compiled,
        replicas,
        expect_in: ask.expect.map(|(_, path)| path.to_owned()),
        compose: compose.clone(),
        target: ask.target.clone(),
    };
    Ok((evidence, sample))
}

/// Measures the image that the service's tag points at, whatever runs: its changed files only.
pub(super) fn of_image(ask: &Ask<'_>, server: &Server, image: &Image) -> Result<ImageEvidence, Lost> {
    let trees = Trees::read(ask, server, server.git().map(|g| g.toplevel.as_str()))?;
    let mut wanted = trees.wanted(None, None);
    wanted.retain(|w| w.changed);
    let more = wanted.len().saturating_sub(LOOKED_INTO);
    wanted.truncate(LOOKED_INTO);
    let places: Vec<&str> = wanted.iter().map(|w| w.at.as_str()).collect();
    let found = if places.is_empty() { HashMap::new() } else { bytes::in_image(ask.to, &image.id, &places)? };
    let seen = found.into_iter().map(|(at, bytes)| (at, Seen { bytes, stat: None })).collect();
    let mut files: Vec<FileEvidence> = wanted.iter().map(|w| file(w, &seen)).collect();
    older(ask, files.iter_mut().collect(), &trees.convert)?;
    files.retain(|f| f.expected != Bytes::Missing || f.older.is_some());
    let recipe = |c: &&Candidate| matches!(c.reach, Reach::Recipe(_)) && trees.changed(&c.path);
    Ok(ImageEvidence {
        commit: ask.commit.clone(),
        image: image.id.clone(),
        built: ask.built,
        files,
        more,
        unproven: trees.unproven(),
        recipes: ask.candidates.iter().filter(recipe).map(|c| c.path.clone()).collect(),
    })
}

/// Changed files first: where files have to be fetched one by one, they are the ones that count.
fn in_order(wanted: &[Wanted]) -> Vec<&str> {
    let mut first = HashSet::new();
    let changed = wanted.iter().filter(|w| w.changed).chain(wanted.iter().filter(|w| !w.changed));
    changed.map(|w| w.at.as_str()).filter(|p| first.insert(*p)).collect()
}

/// Finds the commit that the differing bytes come from. Bytes that git converts are compared with the base only.
fn older(ask: &Ask<'_>, mut all: Vec<&mut FileEvidence>, convert: &HashSet<String>) -> Result<(), Lost> {
    let mut different = Digests::new();
    all.retain(|file| differs(file));
    all.sort_by_key(|file| !file.changed);
    for file in all.iter().take(SEARCHED) {
        if let (false, Some(digest)) = (convert.contains(file.path.as_str()), file.actual.digest()) {
            different.entry(file.path.clone()).or_default().insert(digest.clone());
        }
    }
    let history = ask.repo.older(ask.commit.as_str(), &different)?;
    let mut left = Digests::new();
    for (path, digests) in different {
        let found = &history[&path];
        let digests: HashSet<Digest> = digests.into_iter().filter(|d| !found.contains_key(d)).collect();
        // Every branch is a long way: a few files are enough to tell.
        if !digests.is_empty() && left.len() < LOOKED_INTO {
            left.insert(path, digests);
        }
    }
    let elsewhere = if left.is_empty() { Commits::new() } else { ask.repo.older("--all", &left)? };
    for file in all {
        let Some(digest) = file.actual.digest() else { continue };
        let of_base = (file.before.digest() == Some(digest)).then(|| ask.base.cloned()).flatten();
        let of = |all: &Commits| all.get(&file.path).and_then(|h| h.get(digest)).cloned();
        let (older, foreign) = (of(&history).or(of_base), of(&elsewhere));
        file.foreign = foreign.filter(|_| older.is_none());
        file.older = older;
    }
    Ok(())
}

fn differs(file: &FileEvidence) -> bool {
    !matches!(file.expected, Bytes::Unknown(_)) && file.actual.digest() != file.expected.digest()
}

fn look_into(
    ask: &Ask<'_>,
    top: &str,
    replica: &mut ReplicaEvidence,
    tagged: Option<&Image>,
) -> Result<(), Lost> {
    let mounts = replica.container.mounts.clone();
    let created = replica.container.created;
    let doubtful = |file: &FileEvidence| match state_of(file) {
        FileState::Stale(_) | FileState::Missing => true,
        FileState::Unknown => file.actual.digest().is_some(),
        // It may have been put there after the container was made.
        FileState::Fresh => {
            file.changed
                && Mount::covering(&mounts, &file.at).is_none()
                && !matches!((&file.seen, created), (Some(seen), Some(since)) if seen.changed <= since)
        }
    };
    let mut bad: Vec<usize> = (0..replica.files.len()).filter(|&n| doubtful(&replica.files[n])).collect();
    bad.sort_by_key(|&n| !replica.files[n].changed);
    bad.truncate(LOOKED_INTO);
    if bad.is_empty() {
        return Ok(());
    }
    let pick = |of: fn(&FileEvidence) -> &str| {
        bad.iter().map(|&n| of(&replica.files[n]).to_owned()).collect::<Vec<_>>()
    };
    let (paths, places) = (pick(|f| &f.path), pick(|f| &f.at));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let checkout = bytes::on_disk(ask.to, top, &paths)?;
    let image = match tagged {
        Some(image) => bytes::in_image(ask.to, &image.id, &places)?,
        None => HashMap::new(),
    };
    // An image that was retained got a tag for that, later than its build.
    let tagged = tagged.filter(|i| !retained(i)).and_then(|i| i.tagged);
    let sources: Vec<&str> = mounts
        .iter()
        .filter_map(|m| match &m.source {
            MountSource::Bind(source) if places.contains(&m.target.as_str()) => Some(source.as_str()),
            _ => None,
        })
        .collect();
    let hosts = if sources.is_empty() { HashMap::new() } else { bytes::on_disk(ask.to, "/", &sources)? };
    for n in bad {
        let file = &mut replica.files[n];
        file.checkout = checkout.get(&file.path).and_then(|s| Some((s.bytes.clone(), s.stat.clone()?)));
        file.image = image.get(&file.at).cloned();
        file.unbuilt =
            matches!((&file.checkout, tagged), (Some((_, stat)), Some(tagged)) if stat.changed > tagged);
        let mount = mounts.iter().find(|m| m.target == file.at);
        if let Some(Mount { source: MountSource::Bind(source), .. }) = mount {
            file.host = hosts.get(source).and_then(|s| s.stat.clone());
        }
    }
    Ok(())
}

/// The shortest text worth looking for, in bytes.
const TELLING: usize = 12;

/// A text of a changed file that the old one does not have, for people to look for.
fn sample(ask: &Ask<'_>, replicas: &[ReplicaEvidence]) -> Result<Option<Sample>, Lost> {
    let Some(base) = ask.base else { return Ok(None) };
    let Some(replica) = replicas.first() else { return Ok(None) };
    let (now, old) = (ask.repo.files(ask.commit)?, ask.repo.files(base)?);
    for file in replica.files.iter().filter(|f| f.changed).take(LOOKED_INTO) {
        let Some(new) = now.get(&file.path) else { continue };
        let before = old.get(&file.path);
        let blobs: Vec<&Sha> = std::iter::once(&new.blob).chain(before.map(|e| &e.blob)).collect();
        let contents = ask.repo.blobs(&blobs, |b| String::from_utf8(b.to_vec()).ok())?;
        let text = |entry: &Entry| contents.get(&entry.blob).cloned().flatten();
        let Some(new) = text(new) else { continue };
        let before = before.and_then(text).unwrap_or_default();
        if let Some(text) = telling(&new, &before) {
            let argv = ["docker", "exec", &replica.container.name, "grep", "-F", "--", &text, &file.at];
            let command = ask.target.paste(&argv.map(str::to_owned));
            return Ok(Some(Sample { text, at: file.at.clone(), command }));
        }
    }
    Ok(None)
}

/// The most telling part of a new line: its longest word that the old text lacks, or the line itself.
fn telling(new: &str, old: &str) -> Option<String> {
    let lines: HashSet<&str> = old.lines().collect();
    let fits = |t: &&str| {
        (TELLING..=120).contains(&t.len()) && !t.chars().any(char::is_control) && !old.contains(*t)
    };
    let added: Vec<&str> = new.lines().filter(|l| !lines.contains(l)).take(1000).collect();
    let split =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | ',' | ';');
    let word = added.iter().flat_map(|l| l.split(split)).filter(fits).max_by_key(|w| w.len());
    let line = || added.iter().map(|l| l.trim()).filter(fits).min_by_key(|l| l.len());
    word.or_else(line).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_telling_text_is_new_and_long_enough() {
        let old = "<script src=\"https://cdn.example/v3/x.js\"></script>\nsame line here\n";
        let new = old.replace("v3", "v4");
        assert_eq!(telling(&new, old).as_deref(), Some("https://cdn.example/v4/x.js"));
        assert_eq!(telling("short\n", ""), None);
        assert_eq!(telling(old, old), None);
        let moved = telling("alpha-beta-gamma two\n", "alpha-beta-gamma one\n");
        assert_eq!(moved.as_deref(), Some("alpha-beta-gamma two"), "its longest word was there before");
        assert_eq!(telling("a b c d e f g\n", "").as_deref(), Some("a b c d e f g"));
        assert_eq!(
            telling("same line here and more\nsame line here\n", old).as_deref(),
            Some("same line here and more")
        );
    }
}
