//! What an install reads of what one COPY brings: its manifest, and the files and folders beside it.

use super::{
    Facts,
    commands::{Install, Manager},
    context::{Context, Lands, fills_from, glob, lands, names},
    manifest::{Around, Wants, judge},
    paths,
    stages::{CopyFacts, CopyFrom},
    vars::Val,
};
use crate::text::{EntryKind, Snapshot};

/// A file or folder that an install reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it lies in the context.
    pub source: String,
    /// Where the COPY puts it: absolute.
    pub place: String,
    /// Whether it is a folder, with all that it holds.
    pub folder: bool,
}

/// What an install reads of a COPY.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The manifest, and then the rest, without doubles.
    pub pieces: Vec<Piece>,
    /// What it reads beside them.
    pub wants: Wants,
    /// Places that it fills and that the COPY could fill as well: (of the context, the name).
    pub fills: Vec<(String, &'static str)>,
}

impl Reading {
    /// With what another install of the same RUN reads; `None`: nobody knows.
    #[must_use]
    pub fn and(mut self, other: Option<Self>) -> Self {
        let unknown =
            || Wants::More("another install in the same RUN reads files that are not known".to_owned());
        let Some(other) = other else {
            self.wants = self.wants.and(unknown());
            return self;
        };
        self.pieces.extend(other.pieces);
        self.fills.extend(other.fills);
        self.wants = self.wants.and(other.wants);
        self
    }
}

/// A COPY of a context.
#[derive(Clone, Copy)]
pub struct Brought<'a> {
    /// The files.
    pub facts: &'a Facts<'a>,
    /// What it copies from.
    pub context: &'a Context,
    /// The COPY.
    pub copy: &'a CopyFacts,
}

impl std::fmt::Debug for Brought<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Brought").field("copy", self.copy).finish_non_exhaustive()
    }
}

impl<'a> Brought<'a> {
    /// What the install, which runs in `workdir`, reads of the COPY; `None` if the COPY does not bring its manifest in
    /// a folder, with all that the folder holds.
    pub fn reading(&self, install: &Install, workdir: &str) -> Option<Reading> {
        let dir = paths::join(workdir, &install.dir);
        let manifests = if install.named.is_empty() {
            vec![paths::join(&dir, &self.pick(install.manager, &dir)?)]
        } else {
            install.named.iter().map(|name| paths::join(workdir, name)).collect()
        };
        let mut reading = Reading { pieces: Vec::new(), wants: Wants::Manifests, fills: Vec::new() };
        for place in &manifests {
            let piece = self.piece(place)?;
            if self.listed(&piece) {
                return None;
            }
            reading.pieces.push(piece);
        }
        let sources: Vec<String> = reading.pieces.iter().map(|piece| piece.source.clone()).collect();
        for (place, source) in manifests.iter().zip(&sources) {
            let folder = paths::parent(place);
            let judged = judge(&Around {
                install,
                name: paths::base_name(place),
                is_there: &|name| self.find(&paths::join(folder, name)).is_some(),
                in_context: &|name| {
                    let path = paths::join(paths::parent(source), name);
                    self.context.kind(self.facts.snapshot, &path).is_some()
                },
                text: &|name| self.text(&paths::join(folder, name)),
            });
            reading.wants = reading.wants.and(judged.wants);
            for name in judged.files {
                let place = paths::join(folder, &name);
                reading.pieces.extend(self.find(&place));
                self.beside(&mut reading, install.manager, paths::parent(&place));
            }
        }
        self.beside(&mut reading, install.manager, &dir);
        for name in &install.also {
            reading.pieces.extend(self.piece(&paths::join(workdir, name)));
        }
        let mut seen: Vec<String> = Vec::new();
        reading.pieces.retain(|piece| {
            !seen.contains(&piece.place) && {
                seen.push(piece.place.clone());
                true
            }
        });
        Some(reading)
    }

    /// The files of the manager's row of the table, for a manifest in the folder `dir` of the image.
    fn beside(&self, reading: &mut Reading, manager: Manager, dir: &str) {
        let beside = manager.beside();
        let here = beside.files.iter().chain(beside.folders).map(|name| paths::join(dir, name));
        reading.pieces.extend(here.filter_map(|place| self.find(&place)));
        let mut up = dir;
        loop {
            let places = beside.above.iter().map(|name| paths::join(up, name));
            reading.pieces.extend(places.filter_map(|place| self.find(&place)));
            if up.is_empty() || up == "/" {
                break;
            }
            up = if paths::parent(up).is_empty() { "/" } else { paths::parent(up) };
        }
        for name in beside.fills {
            let place = paths::join(dir, name);
            let sources = fills_from(self.copy, &place).into_iter().map(|source| (source, *name));
            reading.fills.extend(sources);
        }
    }

    /// The manifest that the manager takes in a folder of the image: the first pattern that one file there matches.
    fn pick(&self, manager: Manager, dir: &str) -> Option<String> {
        manager.beside().manifests.iter().find_map(|pattern| {
            if !pattern.contains('*') {
                return self.piece(&paths::join(dir, pattern)).map(|_| (*pattern).to_owned());
            }
            let folders = fills_from(self.copy, &paths::join(dir, "x"));
            let inside = folders.iter().map(|x| paths::join(&self.context.dir, paths::parent(x)));
            let names = inside.flat_map(|folder| names_in(self.facts.snapshot, &folder));
            let mut found: Vec<String> = names.filter(|name| glob(pattern, name)).collect();
            found.sort_unstable();
            found.dedup();
            // Two of them are an error of the manager's.
            match &found[..] {
                [one] => self.piece(&paths::join(dir, one)).map(|_| one.clone()),
                _ => None,
            }
        })
    }

    /// Whether the COPY may bring anything to or below a place: what git ignores may be there without being known.
    pub fn may_fill(&self, place: &str) -> bool {
        let facts = self.facts;
        fills_from(self.copy, place).iter().any(|source| {
            let path = paths::join(&self.context.dir, source);
            facts.snapshot.entry(&path).is_some() || facts.git.ignores(facts.snapshot, &path)
        })
    }

    /// The file that the COPY puts at a place, if it is known to exist and exactly one can land there.
    fn piece(&self, place: &str) -> Option<Piece> {
        self.find(place).filter(|piece| !piece.folder)
    }

    /// The file or folder, likewise.
    fn find(&self, place: &str) -> Option<Piece> {
        if self.copy.from != CopyFrom::Context {
            return None;
        }
        let mut found = fills_from(self.copy, place).into_iter().filter_map(|source| {
            let path = paths::join(&self.context.dir, &source);
            let folder = match self.facts.snapshot.entry(&path)? {
                EntryKind::File if self.context.ignored(&source).is_none() => false,
                EntryKind::Dir if self.context.holds(self.facts.snapshot, &source) => true,
                _ => return None,
            };
            // A folder that the COPY names gives what it holds, not itself.
            if folder && names(self.copy, &source) {
                return None;
            }
            let there = matches!(lands(self.copy, &source), Lands::At(at) if at.iter().any(|a| a == place));
            there.then(|| Piece { source, place: place.to_owned(), folder })
        });
        let first = found.next()?;
        // The last of two would win; which one that is depends on the order of the sources.
        found.all(|other| other.source == first.source).then_some(first)
    }

    fn text(&self, place: &str) -> Option<&'a str> {
        let source = self.piece(place)?.source;
        let file = self.facts.snapshot.find(&paths::join(&self.context.dir, &source))?;
        let text = &self.facts.snapshot.file(file).text;
        Some(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// Whether the COPY brings little more than the manifest: it names it, or one folder that holds nothing but lists
    /// like it (`requirements/base.txt`).
    fn listed(&self, manifest: &Piece) -> bool {
        let folder = paths::parent(&manifest.source);
        let is_folder = |source: &Val| source.known().is_some_and(|source| paths::clean(source) == folder);
        names(self.copy, &manifest.source)
            || !folder.is_empty()
                && self.copy.sources.iter().all(is_folder)
                && self
                    .facts
                    .snapshot
                    .below(&paths::join(&self.context.dir, folder))
                    .all(|(path, _)| [".txt", ".in", ".lock"].iter().any(|list| path.ends_with(list)))
    }
}

/// The names of the files that lie directly in a folder.
fn names_in(snapshot: &Snapshot, folder: &str) -> Vec<String> {
    let direct = |path: &str| paths::below(folder, path).is_some_and(|rest| !rest.contains('/'));
    let all = snapshot.below(folder).filter(|(path, kind)| *kind == EntryKind::File && direct(path));
    all.map(|(path, _)| paths::base_name(path).to_owned()).collect()
}
