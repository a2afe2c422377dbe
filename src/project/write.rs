//! Writes changed files: to a temporary file beside it, with the same mode, then renamed; and only over what was read.
#![expect(clippy::disallowed_methods, reason = "the one place that writes the project's files")]

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// One file to be written.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    /// Path from the root.
    pub path: &'a str,
    /// What was read.
    pub before: &'a str,
    /// What is to stand there.
    pub after: &'a str,
}

/// Why a file was not written.
#[derive(Debug)]
pub enum WriteError {
    /// It is not what was read any more: somebody else changed it meanwhile.
    Moved(PathBuf),
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
            Self::Io(path, error) => write!(f, "`{}` cannot be written: {error}", path.display()),
        }
    }
}

impl std::error::Error for WriteError {}

/// Writes the files, or none of them: every new text lies on disk before the first file is replaced.
///
/// # Errors
/// [`WriteError`]; nothing was replaced then, unless the file system failed between two renames.
pub fn write(root: &Path, files: &[Changed<'_>]) -> Result<(), WriteError> {
    let mut ready: Vec<(PathBuf, PathBuf)> = Vec::new();
    let result = files.iter().try_for_each(|file| {
        // A link stays a link: what it leads to is written.
        let path =
            fs::canonicalize(root.join(file.path)).map_err(|e| WriteError::Io(root.join(file.path), e))?;
        if fs::read(&path).map_err(|e| WriteError::Io(path.clone(), e))? != file.before.as_bytes() {
            return Err(WriteError::Moved(path));
        }
        let temporary = beside(&path);
        prepare(&path, &temporary, file.after).map_err(|e| {
            // What cannot be removed was not made.
            let _ = fs::remove_file(&temporary);
            WriteError::Io(path.clone(), e)
        })?;
        ready.push((temporary, path));
        Ok(())
    });
    let result = result.and_then(|()| {
        ready
            .iter()
            .try_for_each(|(from, to)| fs::rename(from, to).map_err(|e| WriteError::Io(to.clone(), e)))
    });
    if result.is_err() {
        for (temporary, _) in &ready {
            // The ones that were renamed already are not there any more.
            let _ = fs::remove_file(temporary);
        }
    }
    result
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.unstale-{}", std::process::id()))
}

fn prepare(path: &Path, temporary: &Path, text: &str) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions();
    let mut file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(mode)?;
    file.sync_all()
}
