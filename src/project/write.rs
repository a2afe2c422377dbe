//! Writes changed files: to a temporary file beside it, with the same mode, then renamed; and only over what was read.
#![expect(clippy::disallowed_methods, reason = "the one place that writes the project's files")]

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::create;

/// One file to be written.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    /// Where it lies.
    pub path: &'a Path,
    /// What was read; `None` for a file that is not there yet.
    pub before: Option<&'a str>,
    /// What is to stand there.
    pub after: &'a str,
}

/// Why the files were not written.
#[derive(Debug)]
pub enum WriteError {
    /// It is not what was read any more: somebody else changed it meanwhile.
    Moved(PathBuf),
    /// It is reached in two ways (a link, or two paths), and each wants another text.
    Torn(PathBuf),
    /// The file system said no.
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for WriteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Moved(path) => {
                write!(
                    f,
                    "`{}` changed while it was checked: nothing was written, run it again",
                    path.display()
                )
            }
            Self::Torn(path) => {
                write!(
                    f,
                    "`{}` is reached in two ways (a link, or two paths) whose fixes differ: nothing was written, name one of them",
                    path.display()
                )
            }
            Self::Io(path, error) => {
                write!(f, "`{}` cannot be written: {error}; nothing was written", path.display())
            }
        }
    }
}

impl std::error::Error for WriteError {}

/// Writes the files, or none of them: every new text lies on disk before the first file is replaced, and what was
/// replaced is put back if a later one cannot be.
///
/// # Errors
/// [`WriteError`]; every file is then what it was, as far as the file system lets it.
pub fn write(files: &[Changed<'_>]) -> Result<(), WriteError> {
    let targets = targets(files)?;
    let mut ready: Vec<Ready<'_>> = Vec::new();
    let result = targets
        .into_iter()
        .try_for_each(|(path, file)| {
            unmoved(&path, file.before)?;
            let temporary = beside(&path, ready.len());
            let like = if file.before.is_some() { Some(path.as_path()) } else { None };
            prepare(like, &temporary, file.after).map_err(|e| WriteError::Io(path.clone(), e))?;
            ready.push(Ready { temporary, path, before: file.before });
            Ok(())
        })
        .and_then(|()| ready.iter().try_for_each(|r| unmoved(&r.path, r.before)))
        .and_then(|()| replace(&ready));
    if result.is_err() {
        for Ready { temporary, .. } in &ready {
            // The ones that were renamed already are not there any more.
            let _ = fs::remove_file(temporary);
        }
    }
    result
}

/// Writes a file of our own, new or not: the text lies on disk before it takes the name.
///
/// # Errors
/// What the file system says; the file is then what it was.
pub fn put(path: &Path, text: &str) -> Result<(), WriteError> {
    let failed = |e| WriteError::Io(path.to_path_buf(), e);
    // A link stays a link.
    let to = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let temporary = beside(&to, 0);
    let filled = OpenOptions::new().write(true).create_new(true).open(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        if let Ok(meta) = fs::metadata(&to) {
            own(&temporary, &meta);
            file.set_permissions(meta.permissions())?;
        }
        file.sync_all()
    });
    filled.and_then(|()| fs::rename(&temporary, &to)).map_err(|error| {
        // It was made here, and is of no use.
        let _ = fs::remove_file(&temporary);
        failed(error)
    })
}

/// A new text that lies beside the file which it replaces.
struct Ready<'a> {
    temporary: PathBuf,
    path: PathBuf,
    before: Option<&'a str>,
}

/// What is written: a link stays a link, what it leads to is written once.
fn targets<'a>(files: &[Changed<'a>]) -> Result<BTreeMap<PathBuf, Changed<'a>>, WriteError> {
    let mut targets: BTreeMap<PathBuf, Changed<'a>> = BTreeMap::new();
    for file in files {
        let path = real(file).map_err(|e| WriteError::Io(file.path.to_path_buf(), e))?;
        if targets.insert(path.clone(), *file).is_some_and(|other| other.after != file.after) {
            return Err(WriteError::Torn(path));
        }
    }
    Ok(targets)
}

/// Where a file is written: a new one into the folder that its path leads to.
fn real(file: &Changed<'_>) -> io::Result<PathBuf> {
    match (file.before, file.path.parent(), file.path.file_name()) {
        (None, Some(folder), Some(name)) => Ok(fs::canonicalize(folder)?.join(name)),
        _ => fs::canonicalize(file.path),
    }
}

fn unmoved(path: &Path, before: Option<&str>) -> Result<(), WriteError> {
    let failed = |e| WriteError::Io(path.to_path_buf(), e);
    let same = match before {
        Some(before) => fs::read(path).map_err(failed)? == before.as_bytes(),
        // A link that leads nowhere is there, too.
        None => match fs::symlink_metadata(path) {
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(failed(error)),
        },
    };
    if same { Ok(()) } else { Err(WriteError::Moved(path.to_path_buf())) }
}

fn replace(ready: &[Ready<'_>]) -> Result<(), WriteError> {
    for (done, Ready { temporary, path, before }) in ready.iter().enumerate() {
        let put = match before {
            Some(_) => fs::rename(temporary, path),
            // A file that came there meanwhile stays.
            None => create::name(temporary, path).inspect(|()| {
                let _ = fs::remove_file(temporary);
            }),
        };
        if let Err(error) = put {
            for Ready { temporary, path, before } in &ready[..done] {
                // It could be written a moment ago; if that has changed, the first error says more than the second.
                let _ = match before {
                    Some(before) => {
                        prepare(Some(path), temporary, before).and_then(|()| fs::rename(temporary, path))
                    }
                    None => fs::remove_file(path),
                };
            }
            return Err(WriteError::Io(path.clone(), error));
        }
    }
    Ok(())
}

/// A name that no rule looks at, and no longer than the file system takes.
fn beside(path: &Path, number: usize) -> PathBuf {
    path.with_file_name(format!(".unstale-{}-{number}", std::process::id()))
}

/// Puts the text into a new file with the mode and, where that is allowed, the owner of the file `like`; without one it
/// gets the mode of any new file and the owner of its folder.
fn prepare(like: Option<&Path>, temporary: &Path, text: &str) -> io::Result<()> {
    let meta = like.map(fs::metadata).transpose()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Nobody else reads it before it has its own mode.
    #[cfg(unix)]
    if meta.is_some() {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(temporary)?;
    let filled = (|| {
        file.write_all(text.as_bytes())?;
        match &meta {
            Some(meta) => {
                own(temporary, meta);
                file.set_permissions(meta.permissions())?;
            }
            None => {
                if let Some(folder) = temporary.parent() {
                    own(temporary, &fs::metadata(folder)?);
                }
            }
        }
        file.sync_all()
    })();
    if filled.is_err() {
        // It was made here, and is of no use.
        let _ = fs::remove_file(temporary);
    }
    filled
}

/// Gives the file the owner that the old one has; only root may, so that a failure means nothing.
#[cfg(unix)]
fn own(temporary: &Path, meta: &fs::Metadata) {
    use std::os::unix::fs::MetadataExt as _;
    let _ = std::os::unix::fs::chown(temporary, Some(meta.uid()), Some(meta.gid()));
}

#[cfg(not(unix))]
fn own(_: &Path, _: &fs::Metadata) {}
