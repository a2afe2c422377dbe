//! Two builds: a Dockerfile, a context and what the command line says, before and after a change.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

/// Stands in lines and files for the image that a stage starts from.
pub(super) const BASE: &str = "{BASE}";
/// Stands in lines and files for what no other pair has.
pub(super) const NONCE: &str = "{NONCE}";
/// Starts the text of a file that is an archive of one file.
const ARCHIVE: &str = "tar:";

/// An entry of a context. Times are in seconds after an hour of 2023.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", untagged)]
pub(super) enum Entry {
    File {
        text: String,
        #[serde(default = "plain", skip_serializing_if = "is_plain")]
        mode: u32,
        #[serde(default = "first", skip_serializing_if = "is_first")]
        time: u32,
    },
    Link {
        to: String,
    },
    Dir {
        mode: u32,
    },
}

fn plain() -> u32 {
    0o644
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_plain(mode: &u32) -> bool {
    *mode == plain()
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(time: &u32) -> bool {
    *time == first()
}

/// One of the two builds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Side {
    /// The instructions; one may have several lines.
    pub(super) lines: Vec<String>,
    /// When the Dockerfile was written.
    pub(super) time: u32,
    /// Where the Dockerfile is, if it is not where it is looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// The context, without the Dockerfile.
    pub(super) tree: BTreeMap<String, Entry>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) args: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) no_cache: bool,
    /// Stages that `--no-cache-filter` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) anew: Vec<String>,
}

/// A build, a change and the build after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) before: Side,
    pub(super) after: Side,
    /// What the change is, in words.
    pub(super) change: Vec<String>,
}

/// What the placeholders stand for.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) base: String,
    pub(super) nonce: String,
}

impl Names {
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace(BASE, &self.base).replace(NONCE, &self.nonce)
    }

    /// What is in a file with this text.
    pub(super) fn bytes(&self, text: &str) -> Vec<u8> {
        match text.strip_prefix(ARCHIVE) {
            Some(content) => archive(self.fill(content).as_bytes()),
            None => self.fill(text).into_bytes(),
        }
    }
}

impl Side {
    /// The Dockerfile, with placeholders.
    pub(super) fn dockerfile(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    /// Where the Dockerfile is.
    pub(super) fn file(&self) -> &str {
        self.file.as_deref().unwrap_or("Dockerfile")
    }

    /// The text of its ignore file: `.dockerignore`, or for `BuildKit` the Dockerfile's own.
    pub(super) fn ignore(&self, kit: bool) -> Option<&str> {
        let own = self.tree.get(&format!("{}.dockerignore", self.file())).filter(|_| kit);
        match own.or_else(|| self.tree.get(".dockerignore")) {
            Some(Entry::File { text, .. }) => Some(text),
            _ => None,
        }
    }

    /// Every entry, with the Dockerfile.
    pub(super) fn entries(&self) -> BTreeMap<String, Entry> {
        let mut all = self.tree.clone();
        let own = Entry::File { text: self.dockerfile(), mode: 0o644, time: self.time };
        all.insert(self.file().to_owned(), own);
        all
    }

    /// Makes the folder what this side's context is.
    pub(super) fn lay(&self, folder: &Path, names: &Names) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        let mode = |path: &Path, mode: u32| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for (path, entry) in self.entries() {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match entry {
                Entry::Dir { mode: bits } => {
                    fs::create_dir_all(&path).unwrap();
                    mode(&path, bits);
                }
                Entry::Link { to } => symlink(to, &path).unwrap(),
                Entry::File { text, mode: bits, time } => {
                    fs::write(&path, names.bytes(&text)).unwrap();
                    mode(&path, bits);
                    File::options().write(true).open(&path).unwrap().set_modified(changed(time)).unwrap();
                }
            }
        }
    }
}

/// When that was.
fn changed(time: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds(time))
}

/// In seconds since 1970.
pub(super) fn seconds(time: u32) -> u64 {
    1_700_000_000 + u64::from(time)
}

/// A tar archive of the one file `inside`.
fn archive(content: &[u8]) -> Vec<u8> {
    let mut header = vec![0_u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, "inside");
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", content.len()));
    put(136, "00000000005");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend(content);
    header.resize(header.len().next_multiple_of(512) + 1024, 0);
    header
}
