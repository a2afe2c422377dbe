//! Changes the files of a scenario's project, with the care for inodes and times that the scenarios are about.
#![expect(clippy::disallowed_methods, reason = "the lab's projects are files of its own making")]

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::{Duration, SystemTime},
};

/// Writes into a file: its inode stays.
pub(super) fn write(path: &Path, text: &str, keep_time: bool) -> io::Result<()> {
    let old = fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())?;
    match old.filter(|_| keep_time) {
        Some(old) => file.set_modified(old),
        None => Ok(()),
    }
}

/// Puts a new file in the place of the old one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(beside, path)
}

/// Puts one text in the place of another.
pub(super) fn edit(path: &Path, from: &str, to: &str, keep_time: bool) -> io::Result<()> {
    let text = fs::read_to_string(path)?;
    if !text.contains(from) {
        return Err(io::Error::other(format!("`{}` does not hold `{from}`", path.display())));
    }
    write(path, &text.replacen(from, to, 1), keep_time)
}

/// Removes a file or an empty folder.
pub(super) fn delete(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Gives a file or folder another name.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Makes a symbolic link, anew if it is there.
pub(super) fn link(path: &Path, to: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    symlink(to, &beside)?;
    fs::rename(beside, path)
}

/// Sets the mode, which is given in octal digits.
pub(super) fn mode(path: &Path, digits: &str) -> io::Result<()> {
    let mode = u32::from_str_radix(digits, 8).map_err(io::Error::other)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Sets the modification time, in seconds since 1970.
pub(super) fn time(path: &Path, at: u64) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
}

/// Copies a file with its mode.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(|_| ())
}

/// Makes a folder that was not there, for everybody to read: an engine may run as another user.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
