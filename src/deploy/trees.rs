//! What is asked of a server's containers, and what git says that they should hold: the files of the expected commit and
//! of the one to compare with.

use std::collections::{HashMap, HashSet};

use super::{
    bytes::{self, Seen},
    git::{Entry, Repo, known, may_have},
    transport::{Lost, Transport},
};
use crate::protocol::{
    Base, Built, Bytes, Candidate, Compose, Container, Digest, FileEvidence, Found, Makes, Mount,
    MountSource, NotShipped, Reach, Recipe, Server, Sha, Target, below, verified_images,
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
    pub(super) stages: Option<Wish<'a>>,
    /// The lines of the ledgers.
    pub(super) ledgers: Vec<&'a [String]>,
}

impl Ask<'_> {
    /// The images that the ledgers have as verified at the expected commit.
    pub(super) fn verified_images(&self) -> HashSet<String> {
        let of = |lines: &&[String]| verified_images(lines, self.service, self.commit);
        self.ledgers.iter().flat_map(of).collect()
    }
}

/// What has to be known to build a stage.
pub(super) struct Wish<'a> {
    /// Compose, as it knows the service that builds.
    pub(super) compose: &'a Compose,
    /// The service that builds.
    pub(super) maker: &'a str,
    /// The value of `CACHE_BUST` that the build had, where this run itself built.
    pub(super) cache_bust: Option<&'a str>,
}

#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) path: String,
    pub(super) at: String,
    pub(super) changed: bool,
    /// What git says of its execute bit, where only the mode changed.
    pub(super) executable: Option<bool>,
    pub(super) expected: Bytes,
    pub(super) before: Bytes,
}

/// The files of the expected commit and of the base, and what is in them.
pub(super) struct Trees<'a> {
    pub(super) ask: &'a Ask<'a>,
    pub(super) now: HashMap<String, Entry>,
    pub(super) old: HashMap<String, Entry>,
    pub(super) convert: HashSet<String>,
    pub(super) contents: HashMap<Sha, Bytes>,
    pub(super) filtered: HashMap<String, Digest>,
}

impl<'a> Trees<'a> {
    pub(super) fn read(ask: &'a Ask<'a>, server: &Server, top: Option<&str>) -> Result<Self, Lost> {
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

    pub(super) fn changed(&self, path: &str) -> bool {
        self.now.get(path) != self.old.get(path)
    }

    pub(super) fn bytes(&self, entry: Option<&Entry>, path: &str, commit: Option<&Sha>) -> Bytes {
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
            before: if old.is_none() && may_have(&self.old, path) {
                Bytes::Unknown("the submodule's commit of before is not here".into())
            } else {
                self.bytes(old, path, self.ask.base.or(Some(self.ask.commit)))
            },
        }
    }

    /// What to look for in a container, or in an image: what the model maps, and what the container's own mounts bring,
    /// whichever compose file they come from.
    pub(super) fn wanted(&self, container: Option<&Container>, top: Option<&str>) -> Vec<Wanted> {
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

    /// Those of them that are submodules: what is left of one whose commit no clone here has.
    pub(super) fn not_fetched(&self) -> Vec<String> {
        let mut all = self.unproven();
        all.retain(|path| self.now.get(path).is_some_and(Entry::is_submodule));
        all
    }

    /// Files that are in no image, and say how to make none.
    pub(super) fn not_shipped(&self) -> Vec<NotShipped> {
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
    pub(super) fn recipes(&self, server: &Server, top: Option<&str>) -> Result<Vec<Recipe>, Lost> {
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
    pub(super) fn look(
        &self,
        container: &Container,
        wanted: &[Wanted],
        text: &str,
        path: &str,
    ) -> Result<Found, Lost> {
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
