//! Finds and reads the files of a project, honouring `.gitignore`.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the file system")]

use std::{
    collections::HashSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use ignore::WalkBuilder;

use crate::text::{EntryKind, Snapshot, SourceFile, is_outside};

/// A project as it lies on disk.
#[derive(Debug)]
pub struct Project {
    /// The folder that the snapshot's paths start from.
    pub root: PathBuf,
    /// What was read.
    pub snapshot: Snapshot,
    /// Files that could not be read.
    pub problems: Vec<Problem>,
}

/// A file that could not be analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path from the root.
    pub path: String,
    /// Why, and what to do.
    pub reason: String,
    /// It is a folder: whether anything in it would be checked is not known.
    pub folder: bool,
}

/// Larger files are not read: no Dockerfile or compose file is, and spans count in 32 bits.
const LARGEST: u64 = 16 << 20;

/// The folder of the git checkout that holds `path`, else the nearest folder.
pub fn find_root(path: &Path) -> PathBuf {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let checkout = folder.ancestors().find(|dir| dir.join(".git").exists());
    checkout.unwrap_or(folder).to_path_buf()
}

/// Which files are read.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// By their path.
    pub wants: &'a dyn Fn(&str) -> bool,
    /// By their path and bytes: the others are noted by name only.
    pub keeps: &'a dyn Fn(&str, &[u8]) -> bool,
    /// Those that the files read so far refer to.
    pub more: &'a dyn Fn(&Snapshot) -> Vec<String>,
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted").finish_non_exhaustive()
    }
}

/// Reads every file below `root` that is wanted, and notes the names of the rest.
///
/// # Errors
/// If `root` cannot be walked at all.
pub fn read(root: &Path, wanted: Wanted<'_>) -> io::Result<Project> {
    let Wanted { wants, keeps, more } = wanted;
    fs::metadata(root)?;
    let mut project =
        Project { root: root.to_path_buf(), snapshot: Snapshot::default(), problems: Vec::new() };
    // The ignore files above a folder of a checkout hold in it; those above the checkout do not.
    let in_checkout = fs::canonicalize(root).is_ok_and(|real| find_root(&real).join(".git").exists());
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .require_git(in_checkout)
        .parents(in_checkout)
        .git_global(false)
        .git_exclude(true)
        // Neither git nor Docker knows a file of that name.
        .ignore(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_name(Ord::cmp)
        .build();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            // The files around a folder that cannot be entered still count.
            Err(error) => {
                project.problems.extend(closed(root, &error));
                continue;
            }
        };
        let Some(kind) = entry.file_type() else { continue };
        let Some(path) = relative(root, entry.path()) else {
            let lossy = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_string_lossy();
            if !kind.is_dir() && wants(&lossy) {
                let reason = "its path is not UTF-8: rename it".to_owned();
                project.problems.push(Problem { path: lossy.into_owned(), reason, folder: false });
            }
            continue;
        };
        let kind = if kind.is_dir() {
            EntryKind::Dir
        } else if kind.is_symlink() {
            EntryKind::Symlink
        } else if kind.is_file() {
            EntryKind::File
        } else {
            continue;
        };
        match (kind == EntryKind::Symlink).then(|| fs::read_link(entry.path())) {
            Some(Ok(target)) => project.snapshot.add_link(&path, &target.to_string_lossy()),
            _ => project.snapshot.add_entry(&path, kind),
        }
        if kind != EntryKind::Dir && wants(&path) {
            project.take_if(&path, keeps);
        }
    }
    project.about_git(in_checkout);
    project.complete(more);
    Ok(project)
}

/// How often the files that were read may name further ones.
const ROUNDS: usize = 20;

impl Project {
    /// Notes what lies beside the files of the checkout: `.git` itself, and what git ignores only here.
    fn about_git(&mut self, in_checkout: bool) {
        const EXCLUDE: &str = ".git/info/exclude";
        let git = self.root.join(".git");
        if !git.exists() {
            if in_checkout {
                self.snapshot.set_partial();
            }
            return;
        }
        self.snapshot.add_entry(".git", if git.is_dir() { EntryKind::Dir } else { EntryKind::File });
        let says_something =
            |text: &str| text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'));
        if let Ok(text) = text(&self.root.join(EXCLUDE))
            && says_something(&text)
        {
            self.snapshot.add_file(SourceFile { path: EXCLUDE.to_owned(), text });
        }
    }

    /// Reads what the files name, and what those name in turn.
    pub fn complete(&mut self, more: &dyn Fn(&Snapshot) -> Vec<String>) {
        let checkout = fs::canonicalize(&self.root).map(|real| (find_root(&real), real));
        let mut tried: HashSet<String> = HashSet::new();
        for _ in 0..ROUNDS {
            let before = tried.len();
            for path in more(&self.snapshot) {
                if !tried.insert(path.clone()) {
                    continue;
                }
                let known = self.snapshot.entry(&path).is_some();
                let inside = || checkout.as_ref().is_ok_and(|(top, real)| lies_in(top, real, &path));
                // What lies beside the folder in the same checkout is there for Compose, too.
                if known || (is_outside(&path) && inside() && self.root.join(&path).is_file()) {
                    self.take(&path);
                }
            }
            if tried.len() == before {
                return;
            }
        }
    }

    /// Reads one more file; a file that cannot be read becomes a problem.
    pub fn take(&mut self, path: &str) {
        self.take_if(path, &|_, _| true);
    }

    fn take_if(&mut self, path: &str, keeps: &dyn Fn(&str, &[u8]) -> bool) {
        let read = bytes(&self.root.join(path));
        // What cannot be read holds nothing: a dangling link is no problem of a file that would not have been kept.
        if !keeps(path, read.as_deref().unwrap_or_default()) {
            return;
        }
        match read.and_then(utf8) {
            Ok(text) => {
                self.snapshot.add_file(SourceFile { path: path.to_owned(), text });
            }
            Err(reason) => self.problems.push(Problem { path: path.to_owned(), reason, folder: false }),
        }
    }
}

/// Whether a path from the folder leads to a place in the checkout.
fn lies_in(checkout: &Path, folder: &Path, path: &str) -> bool {
    fs::canonicalize(folder.join(path)).is_ok_and(|real| real.starts_with(checkout))
}

/// Reads one file.
///
/// # Errors
/// Why it cannot be read, and what to do.
pub fn text(path: &Path) -> Result<String, String> {
    bytes(path).and_then(utf8)
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let meta = fs::metadata(path).map_err(|e| e.to_string())?;
    if !meta.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if meta.len() > LARGEST {
        return Err(format!("it is larger than {} MiB", LARGEST >> 20));
    }
    fs::read(path).map_err(|e| e.to_string())
}

/// Reads standard input to its end.
///
/// # Errors
/// Why it cannot be read, and what to do.
pub fn standard_input() -> Result<String, String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {} MiB", LARGEST >> 20));
    }
    utf8(bytes)
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|e| {
        format!(
            "byte {} is not UTF-8: save it as UTF-8, it is left alone until then",
            e.utf8_error().valid_up_to()
        )
    })
}

/// The folder that the walk could not enter.
fn closed(root: &Path, error: &ignore::Error) -> Option<Problem> {
    let ignore::Error::WithPath { path, err } = unnumbered(error) else { return None };
    let path = path.strip_prefix(root).ok()?.to_string_lossy().into_owned();
    let why = err.io_error().map_or_else(|| err.to_string(), |e| e.kind().to_string());
    Some(Problem { path, reason: format!("the folder cannot be read ({why})"), folder: true })
}

fn unnumbered(error: &ignore::Error) -> &ignore::Error {
    match error {
        ignore::Error::WithDepth { err, .. } => unnumbered(err),
        error => error,
    }
}

/// The path from the root with `/`; `None` for the root itself and for names that are not UTF-8.
fn relative(root: &Path, path: &Path) -> Option<String> {
    let rest = path.strip_prefix(root).ok()?;
    let parts: Option<Vec<&str>> = rest.components().map(|c| c.as_os_str().to_str()).collect();
    parts.map(|p| p.join("/")).filter(|p| !p.is_empty())
}
