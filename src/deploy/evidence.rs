//! Gathers what a verdict needs: git's bytes, the process's bytes and, where they differ, the image's and the checkout's.

use std::collections::{HashMap, HashSet};

use super::{
    bytes::{self, Seen},
    git::{Entry, Repo, known},
    stages,
    transport::{Lost, Transport},
};
use crate::protocol::{
    Base, Built, Bytes, Candidate, Compose, Container, Digest, Evidence, FileEvidence, FileState, Found,
    Image, ImageEvidence, Makes, Mount, MountSource, NotShipped, Reach, Recipe, Relation, ReplicaEvidence,
    Sample, Server, Sha, Target, Unsettled, below, retained, state_of,
};

/// What to measure, and against what.
pub(super) struct Ask<'a> {
    pub(super) repo: &'a Repo,
    pub(super) to: &'a dyn Transport,
    pub(super) target: &'a Target,
    pub(super) service: &'a str,
    pub(super) commit: &'a Sha,
    pub(super) base: Option<&'a Sha>,
    pub(super) kind: Base,
    pub(super) built: Built,
    pub(super) candidates: &'a [Candidate],
    /// Where files would lie that git does not have any more.
    pub(super) deleted: &'a [Candidate],
    /// Text and path in the container.
    pub(super) expect: Option<(&'a str, &'a str)>,
    /// What the stages of the build need to be looked into, if they are to be.
    pub(super) stages: Option<stages::Wish<'a>>,
    /// The lines of the ledgers.
    pub(super) ledgers: Vec<&'a [String]>,
}

/// How many differing files are looked into: the first ones tell the cause.
const LOOKED_INTO: usize = 40;

/// How many differing files are searched for in history.
const SEARCHED: usize = 400;

#[derive(Clone)]
pub(super) struct Wanted {
    path: String,
    pub(super) at: String,
    changed: bool,
    /// What git says of its execute bit, where only the mode changed.
    executable: Option<bool>,
    expected: Bytes,
    before: Bytes,
}

/// The files of the expected commit and of the base, and what is in them.
pub(super) struct Trees<'a> {
    ask: &'a Ask<'a>,
    now: HashMap<String, Entry>,
    old: HashMap<String, Entry>,
    convert: HashSet<String>,
    contents: HashMap<Sha, Bytes>,
    filtered: HashMap<String, Digest>,
}

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

impl<'a> Trees<'a> {
    fn read(ask: &'a Ask<'a>, server: &Server, top: Option<&str>) -> Result<Self, Lost> {
        let now = ask.repo.files(ask.commit)?;
        let old = match ask.base {
            Some(base) => ask.repo.files(base)?,
            None => now.clone(),
        };
        let mut names: Vec<&str> = ask
            .candidates
            .iter()
            .filter(|c| match &c.reach {
                Reach::Container(_) => true,
                Reach::Build(_) => ask.stages.is_some() && now.get(&c.path) != old.get(&c.path),
                Reach::Recipe(_) | Reach::Left(_) | Reach::Unknown => false,
            })
            .map(|c| c.path.as_str())
            .filter(|path| now.get(*path).is_some_and(Entry::is_file))
            .collect();
        for (dir, _) in server.replicas().flat_map(|c| binds(c, top)) {
            let below = |path: &&str| below(path, &dir).is_some() || dir.is_empty();
            names.extend(now.iter().filter(|(_, e)| e.is_file()).map(|(p, _)| p.as_str()).filter(below));
        }
        names.sort_unstable();
        names.dedup();
        let converts = server.git().is_some_and(|g| g.converts_text);
        let convert = ask.repo.converted(ask.commit, &names, converts)?;
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
        Ok(Self { ask, now, old, convert, contents, filtered })
    }

    fn changed(&self, path: &str) -> bool {
        self.now.get(path) != self.old.get(path)
    }

    fn bytes(&self, entry: Option<&Entry>, path: &str, commit: Option<&Sha>) -> Bytes {
        let (Some(entry), Some(commit)) = (entry, commit) else { return Bytes::Missing };
        if self.convert.contains(path) {
            return match self.filtered.get(&format!("{commit}:{path}")) {
                Some(digest) => Bytes::Known { digest: digest.clone(), len: None },
                None => {
                    Bytes::Unknown("git converts it at checkout, and the server could not say how".into())
                }
            };
        }
        let content = self.contents.get(&entry.blob).cloned();
        content.unwrap_or_else(|| Bytes::Unknown("the blob is not here".into()))
    }

    pub(super) fn want(&self, path: &str, at: String) -> Wanted {
        let (now, old) = (self.now.get(path), self.old.get(path));
        let mode_only = now.zip(old).filter(|(now, old)| now.blob == old.blob && now.mode != old.mode);
        Wanted {
            path: path.to_owned(),
            at,
            changed: self.changed(path),
            executable: mode_only.map(|(now, _)| now.mode == "100755"),
            expected: self.bytes(now, path, Some(self.ask.commit)),
            before: self.bytes(old, path, self.ask.base.or(Some(self.ask.commit))),
        }
    }

    /// What to look for in a container, or in an image: what the model maps, and what the container's own mounts bring,
    /// whichever compose file they come from.
    fn wanted(&self, container: Option<&Container>, top: Option<&str>) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        let mut taken = HashSet::new();
        let mut bound: Vec<(String, String)> = Vec::new();
        let mounts = container.map(|c| c.mounts.as_slice()).unwrap_or_default();
        for (dir, target) in container.into_iter().flat_map(|c| binds(c, top)) {
            for (path, _) in self.now.iter().filter(|(_, e)| e.is_file()) {
                let rest = if dir.is_empty() { Some(path.as_str()) } else { below(path, &dir) };
                let Some(rest) = rest else { continue };
                let target = target.trim_end_matches('/');
                let at = if rest.is_empty() { target.to_owned() } else { format!("{target}/{rest}") };
                // A deeper mount may hide it.
                if Mount::covering(mounts, &at).is_some_and(|m| m.target.trim_end_matches('/') == target) {
                    bound.push((path.clone(), at));
                }
            }
        }
        bound.sort_unstable();
        for (path, at) in bound {
            if taken.insert(at.clone()) {
                wanted.push(self.want(&path, at));
            }
        }
        for candidate in self.ask.candidates {
            let Reach::Container(places) = &candidate.reach else { continue };
            if !self.now.get(&candidate.path).is_some_and(Entry::is_file) {
                continue;
            }
            for at in places {
                if taken.insert(at.clone()) {
                    wanted.push(self.want(&candidate.path, at.clone()));
                }
            }
        }
        for candidate in self.ask.deleted.iter().filter(|c| !self.now.contains_key(&c.path)) {
            let Reach::Container(places) = &candidate.reach else { continue };
            for at in places {
                if taken.insert(at.clone()) {
                    wanted.push(Wanted { changed: true, ..self.want(&candidate.path, at.clone()) });
                }
            }
        }
        wanted
    }

    /// Changed files whose own bytes cannot be looked for in the container.
    pub(super) fn unproven(&self) -> Vec<String> {
        let own = |c: &&Candidate| match (&c.reach, self.now.get(&c.path)) {
            (Reach::Recipe(_) | Reach::Left(_), _) | (_, None) => false,
            (Reach::Container(_), Some(entry)) => !entry.is_file(),
            (Reach::Build(_) | Reach::Unknown, Some(_)) => true,
        };
        let changed = self.ask.candidates.iter().filter(own).filter(|c| self.changed(&c.path));
        changed.map(|c| c.path.clone()).collect()
    }

    /// Files that are in no image, and say how to make none.
    fn not_shipped(&self) -> Vec<NotShipped> {
        let recipe = |c: &&Candidate| matches!(c.reach, Reach::Recipe(_));
        let recipes: HashSet<&str> =
            self.ask.candidates.iter().filter(recipe).map(|c| c.path.as_str()).collect();
        let left = |c: &Candidate| match c.reach {
            Reach::Left(why) if self.now.contains_key(&c.path) && !recipes.contains(c.path.as_str()) => {
                Some(NotShipped { path: c.path.clone(), why, changed: self.changed(&c.path) })
            }
            _ => None,
        };
        self.ask.candidates.iter().filter_map(left).collect()
    }

    /// The files that say how things are made, and when they changed on the server.
    fn recipes(&self, server: &Server, top: Option<&str>) -> Result<Vec<Recipe>, Lost> {
        let Some(top) = top else { return Ok(Vec::new()) };
        let mut found: Vec<(String, Makes)> = Vec::new();
        for candidate in self.ask.candidates {
            if let Reach::Recipe(makes) = candidate.reach {
                found.push((candidate.path.clone(), makes));
            }
        }
        // The compose files that made the containers need not be the ones that were found here.
        for file in server.replicas().flat_map(|c| &c.config_files) {
            if let Some(path) = below(file, top) {
                found.push((path.to_owned(), Makes::Container));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.dedup();
        found.retain(|(path, _)| self.now.contains_key(path));
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let on_disk = bytes::on_disk(self.ask.to, top, &paths)?;
        let recipe = |(path, makes): (String, Makes)| Recipe {
            makes,
            changed: self.changed(&path),
            when: on_disk.get(&path).and_then(|s| s.stat.as_ref()).map(|s| s.changed),
            path,
        };
        Ok(found.into_iter().map(recipe).collect())
    }

    /// Looks for the text of `--expect`; one that the file had before proves nothing.
    fn look(&self, container: &Container, wanted: &[Wanted], text: &str, path: &str) -> Result<Found, Lost> {
        let found = look(self.ask.to, container, text, path)?;
        let file = wanted.iter().find(|w| w.at == path).and_then(|w| self.old.get(&w.path));
        let (Found::Yes, Some(entry)) = (&found, file) else { return Ok(found) };
        let has = |bytes: &[u8]| super::frames::find(bytes, text.as_bytes()).is_some();
        let before = self.ask.repo.blobs(&[&entry.blob], has)?;
        Ok(if before.get(&entry.blob) == Some(&true) {
            Found::Unknown("the file had it before too, so that it proves nothing".into())
        } else {
            found
        })
    }
}

/// The binds of a container whose source lies in the checkout: the path there, and where it is mounted.
fn binds<'c>(container: &'c Container, top: Option<&'c str>) -> impl Iterator<Item = (String, String)> + 'c {
    container.mounts.iter().filter_map(move |mount| match &mount.source {
        MountSource::Bind(source) => Some((below(source, top?)?.to_owned(), mount.target.clone())),
        _ => None,
    })
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

pub(super) fn file(wanted: &Wanted, seen: &HashMap<String, Seen>) -> FileEvidence {
    let (actual, stat) = match seen.get(&wanted.at) {
        Some(seen) => (seen.bytes.clone(), seen.stat.clone()),
        None => (Bytes::Unknown("it was not read".into()), None),
    };
    let actual = match (wanted.executable, stat.as_ref().and_then(|s| s.executable)) {
        (Some(want), Some(have)) if want != have => {
            Bytes::Unknown("whether it may be executed is not as in git".into())
        }
        (Some(_), None) => Bytes::Unknown("its mode changed in git, and could not be asked".into()),
        _ => actual,
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
        foreign: None,
        seen: stat,
        image: None,
        unbuilt: false,
        checkout: None,
        host: None,
    }
}

/// Finds the commit that the differing bytes come from. Bytes that git converts are compared with the base only.
fn older(ask: &Ask<'_>, mut all: Vec<&mut FileEvidence>, convert: &HashSet<String>) -> Result<(), Lost> {
    let mut different: HashMap<String, HashSet<Digest>> = HashMap::new();
    all.retain(|file| differs(file));
    all.sort_by_key(|file| !file.changed);
    for file in all.iter().take(SEARCHED) {
        if let (false, Some(digest)) = (convert.contains(file.path.as_str()), file.actual.digest()) {
            different.entry(file.path.clone()).or_default().insert(digest.clone());
        }
    }
    let (mut history, mut elsewhere) = (HashMap::new(), HashMap::new());
    for (path, digests) in &different {
        let found = ask.repo.older(ask.commit.as_str(), path, digests)?;
        let left: HashSet<Digest> = digests.iter().filter(|d| !found.contains_key(d)).cloned().collect();
        // Every branch is a long way: a few files are enough to tell.
        if !left.is_empty() && elsewhere.len() < LOOKED_INTO {
            elsewhere.insert(path.clone(), ask.repo.older("--all", path, &left)?);
        }
        history.insert(path.clone(), found);
    }
    for file in all {
        let Some(digest) = file.actual.digest() else { continue };
        let of_base = (file.before.digest() == Some(digest)).then(|| ask.base.cloned()).flatten();
        let of = |all: &HashMap<String, HashMap<Digest, Sha>>| {
            all.get(&file.path).and_then(|h| h.get(digest)).cloned()
        };
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
