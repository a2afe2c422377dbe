//! A folder as a builder is given it: every entry with what it holds, and which of them a source of a COPY names.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    analysis::{
        context::{glob, is_glob},
        paths,
    },
    syntax::dockerignore::Patterns,
};

/// Links that lead to links are followed this often, as by Linux.
const MAX_LINKS: usize = 40;

/// What a file holds: its SHA-256 in lower case hex, or any other text that stands for it alone; `\0` in front: for a
/// value that no file shows.
pub type Bytes = Arc<str>;

/// Size and time of change (nanoseconds since 1970) of a file. A context snapshot of `BuildKit` takes a file whose stamp
/// is what it was for unchanged, whatever it holds (lab 1, S33).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub changed: i128,
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Dir {
        /// Permission bits.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// What it holds.
        bytes: Bytes,
        /// `None` where it was not asked.
        stamp: Option<Stamp>,
    },
    /// A symbolic link.
    Link {
        /// Where it leads, as written.
        target: String,
    },
}

/// Every entry of a folder by its path in it, without the folder itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Node>,
}

/// A source of a COPY and what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The path as named or matched.
    pub(super) path: String,
    /// Where that leads when links are followed.
    pub(super) leads: String,
    /// Its entries by their path below it; a file or link is one entry with an empty path.
    pub(super) entries: BTreeMap<String, Node>,
    /// Its own permission bits, if it is a folder below the context's.
    pub(super) mode: Option<u32>,
    /// Whether it is a folder.
    pub(super) is_dir: bool,
}

impl Tree {
    /// A tree of these entries. Folders above an entry that are not given themselves are there, too.
    pub fn new(entries: impl IntoIterator<Item = (String, Node)>) -> Self {
        let mut tree = Self { entries: entries.into_iter().collect() };
        let paths: Vec<String> = tree.entries.keys().cloned().collect();
        for path in paths {
            let mut dir = paths::parent(&path);
            while !dir.is_empty() && !tree.entries.contains_key(dir) {
                tree.entries.insert(dir.to_owned(), Node::Dir { mode: 0o755 });
                dir = paths::parent(dir);
            }
        }
        tree
    }

    /// Every entry, sorted by path.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The entry at a path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.entries.get(path)
    }

    /// What is left of it when an ignore file keeps the rest out.
    pub(super) fn without(&self, ignored: Option<&Patterns>) -> Self {
        let Some(patterns) = ignored else { return self.clone() };
        let kept = self.entries.iter().filter(|(path, _)| !patterns.is_ignored(path));
        let mut entries: BTreeMap<String, Node> = kept.map(|(p, node)| (p.clone(), node.clone())).collect();
        let paths: Vec<String> = entries.keys().cloned().collect();
        for path in paths {
            let mut dir = paths::parent(&path);
            while let Some(node) = self.entries.get(dir).filter(|_| !entries.contains_key(dir)) {
                entries.insert(dir.to_owned(), node.clone());
                dir = paths::parent(dir);
            }
        }
        Self { entries }
    }

    /// What `BuildKit` believes it to be that has seen `before`: a file with the stamp, the mode and the kind of before
    /// keeps its bytes (`fsutil`'s `sameFile`; lab 1).
    pub(super) fn behind_snapshot(&self, before: &Self) -> (Self, Vec<String>) {
        let mut seen = self.clone();
        let mut missed = Vec::new();
        for (path, node) in &mut seen.entries {
            if let (
                Node::File { mode, bytes, stamp: Some(stamp) },
                Some(Node::File { mode: old_mode, bytes: old, stamp: Some(old_stamp) }),
            ) = (node, before.entries.get(path))
                && mode == old_mode
                && stamp == old_stamp
                && bytes != old
            {
                *bytes = Arc::clone(old);
                missed.push(path.clone());
            }
        }
        (seen, missed)
    }

    /// Where a path leads when the links in it are followed (`last`: also the last part), the folder being the root of
    /// all of them. `None` for a circle.
    pub(super) fn follow(&self, path: &str, last: bool) -> Option<String> {
        let mut path = paths::clean(&format!("/{path}"))[1..].to_owned();
        for _ in 0..MAX_LINKS {
            let mut ends = path.match_indices('/').map(|(at, _)| at).chain(last.then_some(path.len()));
            let found = ends.find_map(|end| match self.entries.get(&path[..end]) {
                Some(Node::Link { target }) => Some((end, target)),
                _ => None,
            });
            let Some((end, target)) = found else { return Some(path) };
            let from = if target.starts_with('/') { "" } else { paths::parent(&path[..end]) };
            let next = paths::clean(&format!("/{from}/{target}/{}", &path[end..]));
            next[1..].clone_into(&mut path);
        }
        None
    }

    /// What a source names. A link that is named is followed, one in a folder that is named stays a link.
    pub(super) fn named(&self, source: &str) -> Vec<Named> {
        let source = paths::clean(&format!("/{source}"))[1..].to_owned();
        if !is_glob(&source) {
            return self.one(&source).into_iter().collect();
        }
        let first: usize =
            source.split('/').take_while(|part| !is_glob(part)).map(|part| part.len() + 1).sum();
        let Some(above) = self.follow(source[..first].trim_end_matches('/'), true) else { return Vec::new() };
        let pattern = if above.is_empty() {
            source[first..].to_owned()
        } else {
            format!("{above}/{}", &source[first..])
        };
        self.entries.keys().filter(|path| glob(&pattern, path)).filter_map(|path| self.one(path)).collect()
    }

    fn one(&self, path: &str) -> Option<Named> {
        let leads = self.follow(path, true)?;
        let node = self.entries.get(&leads);
        if let Some(node @ (Node::File { .. } | Node::Link { .. })) = node {
            let entries = [(String::new(), node.clone())].into();
            return Some(Named { path: path.to_owned(), leads, entries, mode: None, is_dir: false });
        }
        if node.is_none() && !leads.is_empty() {
            return None;
        }
        let inside = |(at, node): (&String, &Node)| {
            let rest = paths::below(&leads, at).filter(|rest| !rest.is_empty())?;
            Some((rest.to_owned(), node.clone()))
        };
        let entries = self.entries.iter().filter_map(inside).collect();
        let mode = node.and_then(|node| if let Node::Dir { mode } = node { Some(*mode) } else { None });
        Some(Named { path: path.to_owned(), leads, entries, mode, is_dir: true })
    }
}
