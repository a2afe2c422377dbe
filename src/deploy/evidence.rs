//! Gathers what a verdict needs: git's bytes, the process's bytes and, where they differ, the image's and the checkout's.

use std::collections::{HashMap, HashSet};

use super::{
    bytes::{self, Seen},
    git::{Entry, Repo, known},
    transport::{Lost, Transport},
};
use crate::protocol::{
    Bytes, Candidate, Compose, Digest, Evidence, FileEvidence, FileState, Found, Mount, MountSource, Reach,
    ReplicaEvidence, Sample, Server, Sha, Target, state_of,
};

/// What to measure, and against what.
pub(super) struct Ask<'a> {
    pub(super) repo: &'a Repo,
    pub(super) to: &'a dyn Transport,
    pub(super) target: &'a Target,
    pub(super) service: &'a str,
    pub(super) commit: &'a Sha,
    pub(super) base: Option<&'a Sha>,
    pub(super) candidates: &'a [Candidate],
    /// Text and path in the container.
    pub(super) expect: Option<(&'a str, &'a str)>,
}

/// How many differing files are looked into: the first ones tell the cause.
const LOOKED_INTO: usize = 40;

/// How many differing files are searched for in history.
const SEARCHED: usize = 400;

struct Wanted {
    path: String,
    at: String,
    changed: bool,
    convert: bool,
    expected: Bytes,
    before: Bytes,
}

/// Measures every container of the service. `unsettled` says why one of them is not settled.
pub(super) fn gather(
    ask: &Ask<'_>,
    server: &Server,
    compose: &Compose,
    unsettled: &HashMap<String, String>,
) -> Result<(Evidence, Option<Sample>), Lost> {
    let (wanted, unproven) = wanted(ask, server)?;
    // Changed files first: where files have to be fetched one by one, they are the ones that count.
    let mut first = HashSet::new();
    let changed = wanted.iter().filter(|w| w.changed).chain(wanted.iter().filter(|w| !w.changed));
    let paths: Vec<&str> = changed.map(|w| w.at.as_str()).filter(|p| first.insert(*p)).collect();
    let mut replicas = Vec::new();
    for container in server.replicas() {
        let seen = bytes::in_container(ask.to, container, &paths)?;
        let files = wanted.iter().map(|w| file(w, &seen)).collect();
        let expect = match ask.expect {
            Some((text, path)) => Some(look(ask.to, container, text, path)?),
            None => None,
        };
        replicas.push(ReplicaEvidence {
            container: container.clone(),
            unsettled: unsettled.get(&container.id).cloned(),
            files,
            expect,
        });
    }
    let convert: HashSet<&str> = wanted.iter().filter(|w| w.convert).map(|w| w.path.as_str()).collect();
    older(ask, &mut replicas, &convert)?;
    let tagged = server.image(&compose.tag).cloned();
    for replica in &mut replicas {
        let same_image = tagged.as_ref().is_some_and(|t| t.id == replica.container.image);
        look_into(ask, server, replica, same_image)?;
    }
    let sample = sample(ask, &replicas)?;
    let git = server.git();
    let evidence = Evidence {
        service: ask.service.to_owned(),
        commit: ask.commit.clone(),
        head: git.and_then(|g| g.head.clone()),
        modified: git.map(|g| g.modified.clone()).unwrap_or_default(),
        tagged,
        builder: server.engine().map(|e| e.builder),
        replicas,
        unproven,
        expect_in: ask.expect.map(|(_, path)| path.to_owned()),
        compose: compose.clone(),
        target: ask.target.clone(),
    };
    Ok((evidence, sample))
}

/// Whether the text of `--expect` is in the file, searched here over the fetched bytes.
pub(super) fn look(
    to: &dyn Transport,
    container: &crate::protocol::Container,
    text: &str,
    path: &str,
) -> Result<Found, Lost> {
    Ok(match bytes::whole(to, container, path)? {
        Ok(content) if super::frames::find(&content, text.as_bytes()).is_some() => Found::Yes,
        Ok(_) => Found::No,
        Err(why) => Found::Unknown(why),
    })
}

fn wanted(ask: &Ask<'_>, server: &Server) -> Result<(Vec<Wanted>, Vec<String>), Lost> {
    let now = ask.repo.files(ask.commit)?;
    let old = match ask.base {
        Some(base) => ask.repo.files(base)?,
        None => now.clone(),
    };
    let changed = |path: &str| now.get(path).map(|e| &e.blob) != old.get(path).map(|e| &e.blob);
    let tracked: Vec<&Candidate> = ask.candidates.iter().filter(|c| now.contains_key(&c.path)).collect();
    let unproven = tracked
        .iter()
        .filter(|c| !matches!(c.reach, Reach::Container(_)) && changed(&c.path))
        .map(|c| c.path.clone())
        .collect();
    let names: Vec<&str> = tracked.iter().map(|c| c.path.as_str()).collect();
    let convert = ask.repo.converted(ask.commit, &names, server.git().is_some_and(|g| g.converts_text))?;
    let blobs: Vec<&Sha> = names
        .iter()
        .flat_map(|n| [now.get(*n), old.get(*n)])
        .flatten()
        .map(|e| &e.blob)
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    let contents = ask.repo.blobs(&blobs, known)?;
    let filtered = filtered(ask, &names, &convert, &old)?;
    let bytes_of = |entry: Option<&Entry>, path: &str, commit: Option<&Sha>| match (entry, commit) {
        (None, _) | (_, None) => Bytes::Missing,
        (Some(_), Some(commit)) if convert.contains(path) => {
            match filtered.get(&format!("{commit}:{path}")) {
                Some(digest) => Bytes::Known { digest: digest.clone(), len: None },
                None => {
                    Bytes::Unknown("git converts it at checkout, and the server could not say how".into())
                }
            }
        }
        (Some(entry), _) => contents
            .get(&entry.blob)
            .cloned()
            .unwrap_or_else(|| Bytes::Unknown("the blob is not here".into())),
    };
    let mut wanted = Vec::new();
    for candidate in tracked {
        let Reach::Container(places) = &candidate.reach else { continue };
        let path = &candidate.path;
        for at in places {
            wanted.push(Wanted {
                path: path.clone(),
                at: at.clone(),
                changed: changed(path),
                convert: convert.contains(path),
                expected: bytes_of(now.get(path), path, Some(ask.commit)),
                before: bytes_of(old.get(path), path, ask.base.or(Some(ask.commit))),
            });
        }
    }
    Ok((wanted, unproven))
}

fn filtered(
    ask: &Ask<'_>,
    names: &[&str],
    convert: &HashSet<String>,
    old: &HashMap<String, Entry>,
) -> Result<HashMap<String, Digest>, Lost> {
    let mut wanted = Vec::new();
    for name in names.iter().filter(|n| convert.contains(**n)) {
        wanted.push(format!("{}:{name}", ask.commit));
        if let Some(base) = ask.base.filter(|_| old.contains_key(*name)) {
            wanted.push(format!("{base}:{name}"));
        }
    }
    if wanted.is_empty() { Ok(HashMap::new()) } else { bytes::converted(ask.to, ask.target.dir(), &wanted) }
}

fn file(wanted: &Wanted, seen: &HashMap<String, Seen>) -> FileEvidence {
    let (actual, stat) = match seen.get(&wanted.at) {
        Some(seen) => (seen.bytes.clone(), seen.stat.clone()),
        None => (Bytes::Unknown("it was not read".into()), None),
    };
    // The digests are equal, so the length is git's.
    let actual = [&wanted.expected, &wanted.before]
        .into_iter()
        .find(|known| known.digest().is_some() && known.digest() == actual.digest())
        .cloned()
        .unwrap_or(actual);
    FileEvidence {
        path: wanted.path.clone(),
        at: wanted.at.clone(),
        changed: wanted.changed,
        expected: wanted.expected.clone(),
        before: wanted.before.clone(),
        actual,
        older: None,
        seen: stat,
        image: None,
        checkout: None,
        host: None,
    }
}

/// Finds the commit that the differing bytes come from. Bytes that git converts are compared with the base only.
fn older(ask: &Ask<'_>, replicas: &mut [ReplicaEvidence], convert: &HashSet<&str>) -> Result<(), Lost> {
    let mut different: HashMap<String, HashSet<Digest>> = HashMap::new();
    let mut files: Vec<&FileEvidence> =
        replicas.iter().flat_map(|r| &r.files).filter(|f| differs(f)).collect();
    files.sort_by_key(|f| !f.changed);
    for file in files.into_iter().take(SEARCHED) {
        if let (false, Some(digest)) = (convert.contains(file.path.as_str()), file.actual.digest()) {
            different.entry(file.path.clone()).or_default().insert(digest.clone());
        }
    }
    let mut history = HashMap::new();
    for (path, digests) in &different {
        history.insert(path.clone(), ask.repo.older(ask.commit, path, digests)?);
    }
    for file in replicas.iter_mut().flat_map(|r| &mut r.files).filter(|f| differs(f)) {
        let Some(digest) = file.actual.digest() else { continue };
        let of_base = (file.before.digest() == Some(digest)).then(|| ask.base.cloned()).flatten();
        file.older = history.get(&file.path).and_then(|h| h.get(digest)).cloned().or(of_base);
    }
    Ok(())
}

fn differs(file: &FileEvidence) -> bool {
    file.expected.digest().is_some() && file.actual.digest() != file.expected.digest()
}

fn look_into(
    ask: &Ask<'_>,
    server: &Server,
    replica: &mut ReplicaEvidence,
    same_image: bool,
) -> Result<(), Lost> {
    let mounts = replica.container.mounts.clone();
    let mut bad: Vec<usize> = (0..replica.files.len())
        .filter(|&n| matches!(state_of(&replica.files[n], &mounts), FileState::Stale(_) | FileState::Missing))
        .collect();
    bad.sort_by_key(|&n| !replica.files[n].changed);
    bad.truncate(LOOKED_INTO);
    if bad.is_empty() {
        return Ok(());
    }
    let pick = |of: fn(&FileEvidence) -> &str| {
        bad.iter().map(|&n| of(&replica.files[n]).to_owned()).collect::<Vec<_>>()
    };
    let (paths, places) = (pick(|f| &f.path), pick(|f| &f.at));
    let top = server.git().map(|g| g.toplevel.clone()).unwrap_or_default();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let checkout = bytes::on_disk(ask.to, &top, &paths)?;
    let bare: Vec<&str> = places.iter().copied().filter(|p| Mount::covering(&mounts, p).is_none()).collect();
    let image = if same_image && !bare.is_empty() {
        bytes::in_image(ask.to, &replica.container.image, &bare)?
    } else {
        HashMap::new()
    };
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
