//! The input of everything: the texts that were read, and the names of what else lies in the project.

use std::collections::{BTreeMap, HashMap};

use super::Span;

/// A file of a [`Snapshot`]. Only that snapshot's own ids mean anything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A place in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file.
    pub file: FileId,
    /// The bytes.
    pub span: Span,
}

impl Location {
    /// The bytes of a file.
    pub fn new(file: FileId, span: Span) -> Self {
        Self { file, span }
    }
}

/// A value and where it stands in which file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Located<T> {
    /// What it means.
    pub value: T,
    /// Where it stands.
    pub at: Location,
}

impl<T> Located<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, at: Location) -> Self {
        Self { value, at }
    }
}

/// How a file ends its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newline {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
}

impl Newline {
    /// The newline that a text uses most; `\n` for a text of one line.
    pub fn of(text: &str) -> Self {
        let all = text.bytes().filter(|&b| b == b'\n').count();
        if text.matches("\r\n").count() * 2 > all { Self::CrLf } else { Self::Lf }
    }

    /// The bytes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
        }
    }
}

/// A text and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the project's root, with `/`, without a leading `./`.
    pub path: String,
    /// The whole content, a byte order mark included.
    pub text: String,
}

/// What a path of the project is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link; [`Snapshot::link`] says where it leads.
    Symlink,
}

/// Whether a path leads out of the project: such a file is read for others, and is not itself checked or changed.
pub fn is_outside(path: &str) -> bool {
    path.starts_with("../")
}

/// The texts that are checked, and the names of everything else in the project.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    files: Vec<SourceFile>,
    by_path: HashMap<String, FileId>,
    entries: BTreeMap<String, EntryKind>,
    links: BTreeMap<String, String>,
    partial: bool,
}

impl Snapshot {
    /// Adds a text; a second one of the same path replaces the first.
    ///
    /// # Panics
    /// Past 4 billion files.
    pub fn add_file(&mut self, file: SourceFile) -> FileId {
        self.add_entry(&file.path, EntryKind::File);
        self.add_outside(file)
    }

    /// Adds a text that lies outside of the project: no path of the project is known to exist by it.
    ///
    /// # Panics
    /// Past 4 billion files.
    pub fn add_outside(&mut self, file: SourceFile) -> FileId {
        if let Some(id) = self.find(&file.path) {
            self.files[id.0 as usize] = file;
            return id;
        }
        let next = u32::try_from(self.files.len()).expect("a snapshot has fewer than 4 billion files");
        self.by_path.insert(file.path.clone(), FileId(next));
        self.files.push(file);
        FileId(next)
    }

    /// Notes that a path exists, and the folders above it with it. What lies outside of the project (`../…`) is a text
    /// that can be found, and no part of any folder.
    pub fn add_entry(&mut self, path: &str, kind: EntryKind) {
        if path.is_empty() || is_outside(path) {
            return;
        }
        self.entries.insert(path.to_owned(), kind);
        let mut rest = path;
        while let Some((dir, _)) = rest.rsplit_once('/') {
            if dir.is_empty() || self.entries.contains_key(dir) {
                break;
            }
            self.entries.insert(dir.to_owned(), EntryKind::Dir);
            rest = dir;
        }
    }

    /// Notes a symbolic link and what it says.
    pub fn add_link(&mut self, path: &str, target: &str) {
        self.add_entry(path, EntryKind::Symlink);
        self.links.insert(path.to_owned(), target.to_owned());
    }

    /// What a symbolic link says, unresolved.
    pub fn link(&self, path: &str) -> Option<&str> {
        self.links.get(path).map(String::as_str)
    }

    /// Every symbolic link that was read, and what it says.
    pub fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.links.iter().map(|(path, target)| (path.as_str(), target.as_str()))
    }

    /// Notes that the root is a folder inside of a checkout whose upper part was not read.
    pub fn set_partial(&mut self) {
        self.partial = true;
    }

    /// Whether more of the same checkout lies above the root.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// The text behind an id.
    ///
    /// # Panics
    /// If the id is another snapshot's.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// Every text with its id, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(&self.files)
    }

    /// The text of that path.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.by_path.get(path).copied()
    }

    /// What a path is, if it is known to exist. `None` is "not known to exist": git-ignored paths are not listed.
    pub fn entry(&self, path: &str) -> Option<EntryKind> {
        if path.is_empty() { Some(EntryKind::Dir) } else { self.entries.get(path).copied() }
    }

    /// Every known path below the folder (`""` is the root), without the folder itself, in byte order.
    pub fn below<'a>(&'a self, dir: &'a str) -> impl Iterator<Item = (&'a str, EntryKind)> {
        let from = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let prefix = from.clone();
        self.entries
            .range(from..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, kind)| (path.as_str(), *kind))
    }

    /// The same project with one text changed.
    #[must_use]
    pub fn with_text(&self, id: FileId, text: String) -> Self {
        let mut next = self.clone();
        next.files[id.0 as usize].text = text;
        next
    }
}
