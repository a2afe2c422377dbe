//! What a stage's file system, or a part of it, holds, as far as it is known: enough to say whether two of them are equal.

use std::collections::BTreeMap;

use super::tree::{Bytes, Node};
use crate::analysis::paths;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A folder, with its mode where that is part of the key.
    Dir(Option<u32>),
    /// A file.
    File {
        /// What it holds.
        bytes: Bytes,
        /// Permission bits.
        mode: u32,
        /// User and group as far as they are not root's.
        owner: String,
    },
    /// A symbolic link and where it leads.
    Link(String),
    /// Something that depends on nothing but this text.
    Opaque(String),
    /// Something that may be another thing at every build.
    Anything,
    /// Here and below lies what a step put there, not known in detail.
    Region(Under),
}

impl Token {
    /// An entry of a folder; modes of folders count for the classic builder only.
    pub(super) fn of(node: &Node, modes: bool) -> Self {
        match node {
            Node::Dir { mode } => Self::Dir(modes.then_some(*mode)),
            Node::File { mode, bytes, .. } => {
                Self::File { bytes: Bytes::clone(bytes), mode: *mode, owner: String::new() }
            }
            Node::Link { target } => Self::Link(target.clone()),
        }
    }

    /// Whether it may be another thing than it was, though it is written the same.
    fn may_change(&self) -> bool {
        matches!(self, Self::Anything | Self::Region(Under::Again(_)))
    }

    fn known(&self) -> bool {
        match self {
            Self::Opaque(_) | Self::Anything | Self::Region(_) => false,
            Self::File { bytes, .. } => !bytes.starts_with('\0'),
            Self::Dir(_) | Self::Link(_) => true,
        }
    }
}

/// What lies under the entries that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Under {
    /// Nothing.
    Nothing,
    /// The files of an image.
    Image(String),
    /// What the step of this number left, when it ran the first time.
    Step(usize),
    /// What a step left that ran again: maybe the same, maybe not. The text says which.
    Again(String),
}

/// Entries by path, over something that is not known in detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) entries: BTreeMap<String, Token>,
    pub(super) under: Under,
    /// The path that the entries' paths start from, for people.
    pub(super) from: String,
}

/// Whether two contents are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Same {
    Yes,
    /// At these paths they differ.
    No(Vec<String>),
    /// With the reason.
    Unknown(String),
}

impl Content {
    pub(super) fn new(under: Under) -> Self {
        Self { entries: BTreeMap::new(), under, from: String::new() }
    }

    /// What lies at a path, the paths below it relative to it.
    pub(super) fn at(&self, path: &str) -> Self {
        let inside =
            |(at, token): (&String, &Token)| Some((paths::below(path, at)?.to_owned(), token.clone()));
        let mut entries: BTreeMap<String, Token> = self.entries.iter().filter_map(inside).collect();
        if matches!(entries.get(""), Some(Token::Region(_))) {
            entries.remove("");
        }
        let under = self.region(path).unwrap_or(&self.under).clone();
        Self { entries, under, from: path.to_owned() }
    }

    /// Whether nothing but what is known lies there.
    pub(super) fn is_known(&self) -> bool {
        self.under == Under::Nothing && !self.entries.values().any(|token| matches!(token, Token::Region(_)))
    }

    /// Puts an entry at an absolute path; the folders above it are there, then.
    pub(super) fn put(&mut self, path: &str, token: Token) {
        let mut dir = paths::parent(path);
        while dir.len() > 1 && !self.entries.contains_key(dir) {
            self.entries.insert(dir.to_owned(), Token::Dir(None));
            dir = paths::parent(dir);
        }
        if matches!(token, Token::Dir(_))
            && self.entries.get(path).is_some_and(|t| matches!(t, Token::Dir(_)))
        {
            return;
        }
        self.entries.insert(path.to_owned(), token);
    }

    /// Notes that a step put something at and below a path that is not known in detail.
    pub(super) fn put_region(&mut self, path: &str, under: Under) {
        self.entries.retain(|at, _| paths::below(path, at).is_none());
        self.put(path, Token::Region(under));
    }

    /// What lies at a path and below it, if a step put there what is not known in detail.
    pub(super) fn region(&self, path: &str) -> Option<&Under> {
        let mut at = path;
        loop {
            match self.entries.get(at) {
                Some(Token::Region(under)) => return Some(under),
                _ if at.len() > 1 => at = paths::parent(at),
                _ => return None,
            }
        }
    }

    /// Takes away what lies at a path. `false` if more than what is known may lie there.
    pub(super) fn remove(&mut self, path: &str) -> bool {
        let known = self.under == Under::Nothing && self.region(path).is_none();
        self.entries.retain(|at, _| paths::below(path, at).is_none());
        known
    }

    /// From here on everything may be as `under` left it.
    pub(super) fn blur(&mut self, under: Under) {
        self.entries.clear();
        self.under = under;
    }

    /// Whether a folder is known to be there.
    pub(super) fn has_dir(&self, path: &str) -> bool {
        path == "/" || matches!(self.entries.get(path), Some(Token::Dir(_)))
    }

    /// Whether the other holds the same.
    pub(super) fn same(&self, other: &Self) -> Same {
        let (mut differ, mut open) = (Vec::new(), None);
        let shown =
            |path: &str| if path.is_empty() { self.from.clone() } else { paths::join(&self.from, path) };
        let may =
            |path: &str| Some(format!("what the build itself puts at `{}` may be another", shown(path)));
        for (path, token) in &self.entries {
            match other.entries.get(path) {
                Some(there) if there == token && !token.may_change() => {}
                Some(there) if token.known() && there.known() => differ.push(shown(path)),
                None if self.alone(other, path) => differ.push(shown(path)),
                _ => open = may(path),
            }
        }
        for path in other.entries.keys().filter(|path| !self.entries.contains_key(*path)) {
            if self.alone(other, path) {
                differ.push(shown(path));
            } else {
                open = may(path);
            }
        }
        if !differ.is_empty() {
            return Same::No(differ);
        }
        if let Some(reason) = open {
            return Same::Unknown(reason);
        }
        match (&self.under, &other.under) {
            (Under::Again(step), _) | (_, Under::Again(step)) => {
                Same::Unknown(format!("{step} runs again and may leave other files"))
            }
            (one, two) if one == two && (*one == Under::Nothing || self.from == other.from) => Same::Yes,
            _ => Same::Unknown("it comes from another step than before".to_owned()),
        }
    }

    /// Whether an entry that one side has and the other has not makes them differ: nothing below could hold the same.
    fn alone(&self, other: &Self, path: &str) -> bool {
        let shows = |content: &Self| {
            let under = content.region(path).unwrap_or(&content.under);
            matches!(under, Under::Nothing | Under::Image(_))
        };
        shows(self) && shows(other)
    }
}
