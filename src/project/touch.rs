//! New modification times for files that git tracks.
#![expect(clippy::disallowed_methods, reason = "the one place that sets the times of the project's files")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::git::{checkout, git};

/// A regular file that git tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// Where it lies.
    pub path: PathBuf,
    /// As it was named, or its path from the root of the checkout.
    pub name: String,
}

/// Every tracked file of the checkout that holds the folder, and the names of those that are left out: submodules,
/// symbolic links, and what is not there.
///
/// A symbolic link needs no new time: `BuildKit` compares where it points (`compareStat` in fsutil's
/// `diff_containerd.go`), and what lies behind it may be outside of the checkout.
///
/// # Errors
/// Why there are none, and what to do.
pub fn all_tracked(folder: &Path) -> Result<(Vec<Tracked>, Vec<String>), String> {
    let real = folder.canonicalize().map_err(|e| format!("`{}` cannot be read: {e}", folder.display()))?;
    let root = checkout(&real).ok_or_else(|| {
        format!("`{}` lies in no git checkout: run it in one, it touches what git tracks", folder.display())
    })?;
    let (mut files, mut left) = (Vec::new(), Vec::new());
    // A tracked folder that somebody replaced by a link leads elsewhere.
    let mut inside: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for name in index(&root)? {
        let path = root.join(from_git(&name));
        let name = String::from_utf8_lossy(&name).into_owned();
        let parent = path.parent().unwrap_or(&root).to_path_buf();
        let is_inside =
            *inside.entry(parent).or_insert_with_key(|p| p.canonicalize().is_ok_and(|real| real == *p));
        if is_inside && fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            files.push(Tracked { path, name });
        } else {
            left.push(name);
        }
    }
    Ok((files, left))
}

/// These files, if git tracks every one of them.
///
/// # Errors
/// The first that it does not, and what to do.
pub fn tracked(files: &[PathBuf]) -> Result<Vec<Tracked>, String> {
    let mut checkouts: BTreeMap<PathBuf, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut found = Vec::new();
    for file in files {
        let shown = file.display();
        let meta = fs::symlink_metadata(file).map_err(|e| format!("`{shown}` cannot be read: {e}"))?;
        if meta.is_dir() {
            return Err(format!(
                "`{shown}` is a folder: name files, or write `--all` for all that git tracks"
            ));
        }
        if meta.is_symlink() {
            return Err(format!(
                "`{shown}` is a symbolic link, and a build sees where it points without a new time: name the file behind it"
            ));
        }
        // The folder may be reached through links; the file itself is none.
        let name = file.file_name().unwrap_or(file.as_os_str());
        let folder = std::path::absolute(file)
            .and_then(|path| path.parent().unwrap_or(&path).canonicalize())
            .map_err(|e| format!("`{shown}` cannot be read: {e}"))?;
        let path = folder.join(name);
        let Some(root) = checkout(&folder) else {
            return Err(format!("`{shown}` lies in no git checkout: only what git tracks is touched"));
        };
        if !checkouts.contains_key(&root) {
            checkouts.insert(root.clone(), index(&root)?);
        }
        let known = path.strip_prefix(&root).is_ok_and(|rest| checkouts[&root].contains(&to_git(rest)));
        if !known || !meta.is_file() {
            return Err(format!(
                "git does not track `{shown}`: `git add` it first, or use the program `touch` if it shall stay unknown"
            ));
        }
        found.push(Tracked { path, name: file.to_string_lossy().into_owned() });
    }
    Ok(found)
}

/// The paths in the index, from the root; submodules left out.
fn index(root: &Path) -> Result<BTreeSet<Vec<u8>>, String> {
    let listed = git(root, &["ls-files", "--stage", "-z"])?
        .map_err(|said| format!("git cannot list its files in `{}`: {said}", root.display()))?;
    // `<mode> <hash> <stage>\t<path>`; a path in conflict has several stages.
    let path = |entry: &[u8]| {
        let tab = entry.iter().position(|b| *b == b'\t')?;
        (!entry.starts_with(b"160000 ")).then(|| entry[tab + 1..].to_vec())
    };
    Ok(listed.split(|b| *b == 0).filter_map(path).collect())
}

/// Gives the files a new modification time: now, or later where that is the one they have. All of them, or none.
///
/// # Errors
/// The file whose time cannot be set, and why; all have their old times then, as far as the file system lets them.
pub fn touch<'a>(files: impl Iterator<Item = &'a Path>) -> Result<(), String> {
    let mut done: Vec<(&Path, SystemTime)> = Vec::new();
    for path in files {
        match open(path).and_then(|file| renew(&file)) {
            Ok(old) => done.push((path, old)),
            Err(error) => {
                for (path, old) in done.iter().rev() {
                    // It could be set a moment ago; the first error says more than a second.
                    let _ = open(path).and_then(|file| file.set_modified(*old));
                }
                let why = if error.kind() == io::ErrorKind::PermissionDenied {
                    "only its owner may set it (`sudo`, or `--comment`)".to_owned()
                } else {
                    error.to_string()
                };
                return Err(format!(
                    "the time of `{}` cannot be set: {why}; no file was changed",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

/// When the file was changed last.
///
/// # Errors
/// What the file system says.
pub fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// Sees to it that a file which was just written has another modification time than before: clocks of file systems
/// tick slowly.
///
/// # Errors
/// What the file system says.
pub fn not_from(path: &Path, old: SystemTime) -> io::Result<()> {
    let file = open(path)?;
    if file.metadata()?.modified()? == old { later(&file, old) } else { Ok(()) }
}

/// The clock of this machine: seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
}

/// Reading is enough to set the time on Unix, where the owner may be denied writing.
fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(cfg!(windows)).open(path)
}

/// Sets a new time; returns the old one.
fn renew(file: &File) -> io::Result<SystemTime> {
    let old = file.metadata()?.modified()?;
    later(file, old).inspect_err(|_| {
        let _ = file.set_modified(old);
    })?;
    Ok(old)
}

/// Now, and if the file system takes that for the old time, a second or two later: FAT counts in twos.
fn later(file: &File, old: SystemTime) -> io::Result<()> {
    let now = SystemTime::now();
    for seconds in [0, 1, 2] {
        file.set_modified(now + Duration::from_secs(seconds))?;
        if file.metadata()?.modified()? != old {
            return Ok(());
        }
    }
    Err(io::Error::other("the file system keeps none"))
}

#[cfg(unix)]
pub(super) fn from_git(path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(path)).to_path_buf()
}

#[cfg(not(unix))]
pub(super) fn from_git(path: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(path).into_owned())
}

#[cfg(unix)]
fn to_git(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(not(unix))]
fn to_git(path: &Path) -> Vec<u8> {
    path.to_string_lossy().replace('\\', "/").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_their_old_times_if_one_cannot_have_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "gone"].map(|name| folder.path().join(name));
        let old = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        for path in &paths[..2] {
            fs::write(path, "").unwrap();
            open(path).unwrap().set_modified(old).unwrap();
        }
        let error = touch(paths.iter().map(PathBuf::as_path)).unwrap_err();
        assert!(
            error.contains("gone` cannot be set: ") && error.ends_with("; no file was changed"),
            "{error}"
        );
        assert!(paths[..2].iter().all(|path| modified(path).unwrap() == old));
        touch(paths[..2].iter().map(PathBuf::as_path)).unwrap();
        assert!(paths[..2].iter().all(|path| modified(path).unwrap() > old));
    }

    #[test]
    fn a_time_that_is_now_already_becomes_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "").unwrap();
        let file = open(&path).unwrap();
        // As if the clock stood still.
        for _ in 0..100 {
            let old = file.metadata().unwrap().modified().unwrap();
            not_from(&path, old).unwrap();
            assert_ne!(file.metadata().unwrap().modified().unwrap(), old);
        }
        let now = SystemTime::now() + Duration::from_secs(3);
        not_from(&path, now).unwrap();
        assert!(modified(&path).unwrap() < now);
    }
}
