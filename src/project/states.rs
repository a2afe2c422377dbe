//! What a checkout held at a revision and what it holds now: git is asked, and what it knows to be unchanged is not read.
#![expect(
    clippy::disallowed_methods,
    reason = "asks git about revisions, and the file system about what is there"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::Stdio,
};

use super::{
    git::{command, git},
    since::commit,
    touch::from_git,
};

/// What a path of a checkout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldKind {
    /// A regular file.
    File {
        /// Whether it may be run.
        executable: bool,
    },
    /// A symbolic link; its blob says where it leads.
    Link,
    /// The checkout of another repository.
    Module,
}

/// What git knows of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it is.
    pub kind: HeldKind,
    /// The name of its bytes: equal names are equal bytes. For a module the commit.
    pub id: String,
}

/// Two states of a checkout, each by the paths from its root. A path that is no UTF-8 stands under its nearest spelling.
#[derive(Debug, Clone, Default)]
pub struct States {
    /// The commit of the earlier one.
    pub commit: String,
    /// The commit that is checked out.
    pub head: String,
    /// What the commit holds, as far as it is checked out at all.
    pub before: BTreeMap<String, Held>,
    /// What lies there now; without what git does not track.
    pub now: BTreeMap<String, Held>,
    /// Files that git does not know and does not ignore.
    pub new: BTreeMap<String, Held>,
}

/// More new files than these are not read: they are somebody's output rather than somebody's work.
const MOST_NEW: usize = 2000;

/// The state of a checkout at a revision, and the one that lies on disk.
///
/// # Errors
/// Why git cannot say, and what to do.
pub fn states(root: &Path, revision: &str) -> Result<States, String> {
    let commit = commit(root, revision)?;
    let head = git(root, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
    let head = head.map_or_else(|_| String::new(), |sha| String::from_utf8_lossy(&sha).trim().to_owned());
    let said = |said| format!("git cannot list what `{revision}` holds: {said}");
    let listed = git(root, &["ls-tree", "-r", "-z", "--full-tree", &commit])?.map_err(said)?;
    let mut before: BTreeMap<String, Held> = BTreeMap::new();
    for entry in entries(&listed) {
        // `<mode> <kind> <id>\t<path>`
        let Some((head, path)) = split(entry) else { continue };
        let [mode, _, id] = head.split(' ').collect::<Vec<_>>()[..] else { continue };
        before.insert(lossy(path), Held { kind: kind(mode), id: id.to_owned() });
    }
    let said = |said| format!("git cannot list its files: {said}");
    let listed = git(root, &["ls-files", "--stage", "-t", "-z"])?.map_err(said)?;
    let mut now: BTreeMap<String, Held> = BTreeMap::new();
    let mut raw: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in entries(&listed) {
        // `<tag> <mode> <id> <stage>\t<path>`
        let Some((head, path)) = split(entry) else { continue };
        let [tag, mode, id, _] = head.split(' ').collect::<Vec<_>>()[..] else { continue };
        let name = lossy(path);
        if tag == "S" && !is_there(root, path) {
            // A sparse checkout has it neither now nor before.
            before.remove(&name);
            continue;
        }
        raw.insert(name.clone(), path.to_vec());
        now.insert(name, Held { kind: kind(mode), id: id.to_owned() });
    }
    let changed =
        git(root, &["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-relative"])?
            .map_err(|said| format!("git cannot compare its index with the files: {said}"))?;
    let mut open: BTreeMap<String, Vec<u8>> =
        entries(&changed).map(|path| (lossy(path), path.to_vec())).collect();
    // What was tracked at the revision and is not any more may still be there.
    for path in before.keys().filter(|path| !now.contains_key(*path)) {
        open.insert(path.clone(), raw.get(path).cloned().unwrap_or_else(|| path.as_bytes().to_vec()));
    }
    on_disk(root, &open, &mut now)?;
    let others = git(root, &["ls-files", "--others", "--exclude-standard", "-z"])?
        .map_err(|said| format!("git cannot list what is new: {said}"))?;
    let others: BTreeMap<String, Vec<u8>> = entries(&others)
        .map(|path| (lossy(path), path.to_vec()))
        .filter(|(path, _)| !now.contains_key(path))
        .collect();
    let mut new = BTreeMap::new();
    if others.len() <= MOST_NEW {
        on_disk(root, &others, &mut new)?;
    } else {
        let unread =
            |path: &String| Held { kind: HeldKind::File { executable: false }, id: format!("new {path}") };
        new.extend(others.keys().map(|path| (path.clone(), unread(path))));
    }
    Ok(States { commit, head, before, now, new })
}

/// Whether a file of that path was ever committed in the history of what is checked out.
///
/// # Errors
/// If git does not start.
pub fn was_there(root: &Path, path: &str) -> Result<bool, String> {
    let found = git(root, &["log", "-1", "--format=%H", "HEAD", "--", &format!(":(top,literal){path}")])?;
    Ok(found.is_ok_and(|said| !said.is_empty()))
}

/// The bytes of blobs, by name.
///
/// # Errors
/// Why git cannot give them, and what to do.
pub fn blobs(root: &Path, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut found = BTreeMap::new();
    batch(root, "--batch", ids, |id, size, from| {
        let mut bytes = vec![0; size];
        from.read_exact(&mut bytes)?;
        // The newline behind it.
        from.read_exact(&mut [0])?;
        found.insert(id, bytes);
        Ok(())
    })?;
    Ok(found)
}

/// The sizes of blobs in bytes, by name.
///
/// # Errors
/// Why git cannot give them, and what to do.
pub fn sizes(root: &Path, ids: &BTreeSet<String>) -> Result<BTreeMap<String, u64>, String> {
    let mut found = BTreeMap::new();
    batch(root, "--batch-check", ids, |id, size, _| {
        found.insert(id, size as u64);
        Ok(())
    })?;
    Ok(found)
}

type Answer = BufReader<std::process::ChildStdout>;

fn batch(
    root: &Path,
    how: &str,
    ids: &BTreeSet<String>,
    mut each: impl FnMut(String, usize, &mut Answer) -> std::io::Result<()>,
) -> Result<(), String> {
    if ids.is_empty() {
        return Ok(());
    }
    let failed = |e: std::io::Error| format!("git cannot read its objects: {e}");
    let mut child = command(root)
        .args(["cat-file", how])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("git is needed here, and does not start: {e}"))?;
    let mut to = child.stdin.take().expect("it was asked for");
    let mut from = BufReader::new(child.stdout.take().expect("it was asked for"));
    let asked = ids.iter().map(String::as_str).collect::<Vec<_>>().join("\n") + "\n";
    let read = std::thread::scope(|scope| {
        // Both pipes are short: nobody waits for the other.
        scope.spawn(move || to.write_all(asked.as_bytes()));
        for _ in ids {
            let mut line = String::new();
            from.read_line(&mut line)?;
            // `<id> <kind> <size>`, or `<id> missing`.
            if let [id, _, size] = line.trim_end().split(' ').collect::<Vec<_>>()[..]
                && let Ok(size) = size.parse()
            {
                each(id.to_owned(), size, &mut from)?;
            }
        }
        Ok(())
    });
    let ended = child.wait();
    read.map_err(failed)?;
    ended.map_err(failed)?;
    Ok(())
}

/// Looks at the files that may differ from what git last saw of them.
fn on_disk(
    root: &Path,
    open: &BTreeMap<String, Vec<u8>>,
    now: &mut BTreeMap<String, Held>,
) -> Result<(), String> {
    let mut hashed: Vec<(&String, HeldKind, OsString)> = Vec::new();
    for (name, raw) in open {
        let path = root.join(from_git(raw));
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => match now.get_mut(name) {
                // Its commit is another than the noted one, or something in it is not committed.
                Some(held) if held.kind == HeldKind::Module => held.id.push_str(" changed"),
                _ => {
                    now.remove(name);
                }
            },
            Ok(meta) if meta.is_symlink() => hashed.push((name, HeldKind::Link, path.into_os_string())),
            Ok(meta) if meta.is_file() => {
                let kind = HeldKind::File { executable: executable(&meta) };
                hashed.push((name, kind, path.into_os_string()));
            }
            _ => {
                now.remove(name);
            }
        }
    }
    // A command line is no longer than the system takes.
    for some in hashed.chunks(200) {
        let (links, files): (Vec<_>, Vec<_>) = some.iter().partition(|(_, kind, _)| *kind == HeldKind::Link);
        let paths: Vec<OsString> = files.iter().map(|(_, _, path)| path.clone()).collect();
        for ((name, kind, _), id) in files.iter().zip(hash(root, &paths)?) {
            now.insert((*name).clone(), Held { kind: *kind, id });
        }
        for (name, kind, path) in links {
            let target = fs::read_link(path).unwrap_or_default().into_os_string();
            let id = hash_text(root, &target.to_string_lossy())?;
            now.insert((*name).clone(), Held { kind: *kind, id });
        }
    }
    Ok(())
}

/// The names that git would give to these files.
fn hash(root: &Path, paths: &[OsString]) -> Result<Vec<String>, String> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let output = command(root)
        .args(["hash-object", "--"])
        .args(paths)
        .output()
        .map_err(|e| format!("git is needed here, and does not start: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("a changed file cannot be read: {said}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

fn hash_text(root: &Path, text: &str) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("git is needed here, and does not start: {e}");
    let mut child = command(root)
        .args(["hash-object", "--stdin", "--no-filters"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // A target is shorter than a pipe; closing it ends the text.
    child.stdin.take().expect("it was asked for").write_all(text.as_bytes()).map_err(failed)?;
    let output = child.wait_with_output().map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn entries(listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    listed.split(|b| *b == 0).filter(|entry| !entry.is_empty())
}

fn split(entry: &[u8]) -> Option<(&str, &[u8])> {
    let tab = entry.iter().position(|b| *b == b'\t')?;
    Some((std::str::from_utf8(&entry[..tab]).ok()?, &entry[tab + 1..]))
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn is_there(root: &Path, path: &[u8]) -> bool {
    fs::symlink_metadata(root.join(from_git(path))).is_ok()
}

fn kind(mode: &str) -> HeldKind {
    match mode {
        "120000" => HeldKind::Link,
        "160000" => HeldKind::Module,
        mode => HeldKind::File { executable: mode == "100755" },
    }
}

#[cfg(unix)]
fn executable(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn executable(_: &fs::Metadata) -> bool {
    false
}

/// An entry of a folder on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDisk {
    /// A folder.
    Dir {
        /// Permission bits.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// In bytes.
        size: u64,
    },
    /// A symbolic link.
    Link {
        /// Where it leads, as written.
        target: String,
    },
}

/// How large a regular file is, in bytes.
pub fn size(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|meta| meta.len())
}

/// Everything that lies below a folder, by its path in it, without what `skip` keeps out: folders of which no builder
/// would be sent anything. Git's own objects are left out, too. What cannot be read is not there.
pub fn folder(dir: &Path, skip: &dyn Fn(&str) -> bool) -> Vec<(String, OnDisk)> {
    let mut found = Vec::new();
    let mut open = vec![(dir.to_path_buf(), String::new())];
    while let Some((dir, prefix)) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let Ok(meta) = entry.metadata() else { continue };
            let kind = meta.file_type();
            if kind.is_dir() {
                if skip(&path) {
                    continue;
                }
                found.push((path.clone(), OnDisk::Dir { mode: mode(&meta) }));
                if path != ".git/objects" {
                    open.push((entry.path(), path));
                }
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).unwrap_or_default().to_string_lossy().into_owned();
                found.push((path, OnDisk::Link { target }));
            } else if kind.is_file() {
                found.push((path, OnDisk::File { mode: mode(&meta), size: meta.len() }));
            }
        }
    }
    found
}

#[cfg(unix)]
fn mode(meta: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(meta: &fs::Metadata) -> u32 {
    if meta.is_dir() { 0o755 } else { 0o644 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_split_at_its_first_tab() {
        let listed = b"100644 blob 1\ta\tb\x00160000 commit 2\tm\x00";
        let found: Vec<_> = entries(listed).filter_map(split).collect();
        assert_eq!(found, [("100644 blob 1", &b"a\tb"[..]), ("160000 commit 2", b"m")]);
        assert_eq!(kind("100755"), HeldKind::File { executable: true });
    }
}
