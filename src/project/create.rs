//! Creates files where nothing is: all of them, or none, and never over anything.
#![expect(clippy::disallowed_methods, reason = "the one place that creates the project's files")]

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Whether something has the name: a file, a folder, a link that leads nowhere.
pub fn is_there(path: &Path) -> bool {
    // What cannot be asked about is not free. A file where a folder should be holds nothing.
    let free = |e: io::Error| matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    !fs::symlink_metadata(path).is_err_and(free)
}

/// The folder between `root` and the file that is something else: nothing is written through a link.
pub fn obstacle(root: &Path, path: &str) -> Option<PathBuf> {
    let parents = Path::new(path).ancestors().skip(1);
    let mut parents: Vec<PathBuf> = parents.map(|parent| root.join(parent)).collect();
    parents.reverse();
    let wrong =
        |parent: &PathBuf| is_there(parent) && !fs::symlink_metadata(parent).is_ok_and(|meta| meta.is_dir());
    parents.into_iter().skip(1).find(wrong)
}

/// Creates files below `root`, with the folders that they need.
///
/// # Errors
/// Which one cannot be created, and why. Nothing of what was made is left then.
pub fn create(root: &Path, files: &[(&str, &str)]) -> Result<(), String> {
    let mut made = Made::default();
    for (number, (path, text)) in files.iter().enumerate() {
        if let Err(error) = made.file(root, path, text, number) {
            made.undo();
            let why = match error.kind() {
                io::ErrorKind::AlreadyExists => "something has that name by now".to_owned(),
                _ => error.to_string(),
            };
            return Err(format!(
                "`{}` cannot be created: {why}; nothing was written",
                root.join(path).display()
            ));
        }
    }
    Ok(())
}

/// What exists only because of this run.
#[derive(Default)]
struct Made {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Made {
    fn file(&mut self, root: &Path, path: &str, text: &str, number: usize) -> io::Result<()> {
        let to = root.join(path);
        let mut missing: Vec<&Path> =
            to.ancestors().skip(1).take_while(|folder| *folder != root && !is_there(folder)).collect();
        while let Some(folder) = missing.pop() {
            fs::create_dir(folder)?;
            self.folders.push(folder.to_path_buf());
        }
        let temporary = to.with_file_name(format!(".unstale-{}-{number}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        let filled = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let named = filled.and_then(|()| name(&temporary, &to));
        // It has its own name now, or is of no use.
        let _ = fs::remove_file(&temporary);
        named?;
        self.files.push(to);
        Ok(())
    }

    fn undo(self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        // The innermost first; one that somebody put something into stays.
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Gives a whole file its name, if nothing has it; the temporary one stays.
pub(super) fn name(temporary: &Path, to: &Path) -> io::Result<()> {
    // Not every file system has a second name for a file.
    fs::hard_link(temporary, to).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        _ => directly(to, &fs::read(temporary)?),
    })
}

fn directly(to: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(to)?;
    let filled = file.write_all(bytes).and_then(|()| file.sync_all());
    if filled.is_err() {
        let _ = fs::remove_file(to);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_the_middle_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let names = || {
            let mut names: Vec<_> = fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        fs::write(root.join("there"), "mine").unwrap();
        fs::create_dir(root.join("old")).unwrap();
        let error = create(root, &[("a", "1"), ("b/c/d", "2"), ("old/x", "3"), ("there", "4")]).unwrap_err();
        assert!(
            error.ends_with("there` cannot be created: something has that name by now; nothing was written")
        );
        assert_eq!(names(), ["old", "there"]);
        assert_eq!(fs::read_dir(root.join("old")).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(root.join("there")).unwrap(), "mine");
        create(root, &[("a", "1"), ("b/c/d", "2")]).unwrap();
        assert_eq!(fs::read_to_string(root.join("b/c/d")).unwrap(), "2");
        assert_eq!(names(), ["a", "b", "old", "there"]);
        assert_eq!(directly(&root.join("a"), b"2").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        directly(&root.join("e"), b"5").unwrap();
        assert_eq!(fs::read_to_string(root.join("e")).unwrap(), "5");
    }
}
