//! A git repository on this machine, and what git itself says of it: objects, trees, revisions.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

use sha2::{Digest as _, Sha256};

use crate::{
    deploy::transport::{Local, Lost},
    protocol::{Bytes, Digest, Refused, Sha},
};

/// A git repository on this machine.
#[derive(Debug, Clone)]
pub(in crate::deploy) struct Repo {
    pub(super) at: Local,
    pub(super) toplevel: String,
    pub(super) git_dir: String,
    /// Those of submodules, as far as a commit that was looked at has any.
    pub(super) clones: RefCell<Clones>,
}

/// What a checkout has of its submodules, as far as a commit that was looked at has any.
#[derive(Debug, Clone, Default)]
pub(super) struct Clones {
    /// The folders of objects of all clones.
    pub(super) objects: BTreeSet<PathBuf>,
    /// The paths of the submodules of the whole, without those in submodules.
    pub(super) paths: BTreeSet<String>,
}

impl Clones {
    /// The words before git's own, so that it finds the objects in all of them; none where there are none.
    fn prefix(&self) -> Option<[String; 5]> {
        const SCRIPT: &str = "a=$1; shift; GIT_ALTERNATE_OBJECT_DIRECTORIES=$a${GIT_ALTERNATE_OBJECT_DIRECTORIES:+:$GIT_ALTERNATE_OBJECT_DIRECTORIES} exec git \"$@\"";
        let quoted = |path: &PathBuf| {
            let path = path.to_str()?;
            let plain = !path.contains([':', '"', '\\', '\n']);
            // By git(1), which reads the quotes of C.
            Some(if plain { path.to_owned() } else { format!("{path:?}") })
        };
        let all: Vec<String> = self.objects.iter().filter_map(quoted).collect();
        (!all.is_empty()).then(|| ["sh", "-c", SCRIPT, "git", &all.join(":")].map(str::to_owned))
    }
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::deploy) struct Entry {
    pub(in crate::deploy) mode: String,
    pub(in crate::deploy) blob: Sha,
}

impl Entry {
    /// Whether it is a submodule, of which git has the commit only.
    pub(in crate::deploy) fn is_submodule(&self) -> bool {
        self.mode == "160000"
    }

    /// Whether it is a plain file: no link and no submodule.
    pub(in crate::deploy) fn is_file(&self) -> bool {
        matches!(self.mode.as_str(), "100644" | "100755")
    }
}

/// How many commits are looked through for the bytes of one file.
pub(super) const HISTORY: usize = 500;

impl Repo {
    /// The repository around a folder.
    pub(in crate::deploy) fn open(dir: &str) -> Result<Self, Refused> {
        let ask = |word| {
            let (code, out, errors) = Local::new(dir)
                .output(&["git", "rev-parse", word], b"")
                .map_err(|lost| Refused::new("no-git", lost.0))?;
            let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
            if code == 0 {
                return Ok(words(&out));
            }
            Err(Refused::new("no-repository", format!("not a git checkout: {}", words(&errors))))
        };
        let toplevel: String = ask("--show-toplevel")?;
        let git_dir = ask("--absolute-git-dir")?;
        Ok(Self { at: Local::new(&toplevel), git_dir, toplevel, clones: RefCell::default() })
    }

    /// Its top folder.
    pub(in crate::deploy) fn toplevel(&self) -> &str {
        &self.toplevel
    }

    /// Its own folder.
    pub(in crate::deploy) fn git_dir(&self) -> &str {
        &self.git_dir
    }

    pub(super) fn ask(&self, words: &[&str], stdin: &[u8]) -> Result<Option<Vec<u8>>, Lost> {
        self.ask_with(&["git"], words, stdin)
    }

    /// As [`Repo::ask`], with the objects of the submodules. Not for names of commits: a short one could mean two.
    pub(super) fn ask_all(&self, words: &[&str], stdin: &[u8]) -> Result<Option<Vec<u8>>, Lost> {
        match self.clones.borrow().prefix() {
            Some(prefix) => self.ask_with(&prefix.each_ref().map(String::as_str), words, stdin),
            None => self.ask(words, stdin),
        }
    }

    fn ask_with(&self, git: &[&str], words: &[&str], stdin: &[u8]) -> Result<Option<Vec<u8>>, Lost> {
        let argv: Vec<&str> = git.iter().chain(words).copied().collect();
        let (code, out, _) = self.at.output(&argv, stdin)?;
        Ok((code == 0).then_some(out))
    }

    pub(super) fn line(&self, words: &[&str]) -> Result<Option<String>, Lost> {
        let out = self.ask(words, b"")?;
        let text = out.map(|o| String::from_utf8_lossy(&o).trim().to_owned());
        Ok(text.filter(|t| !t.is_empty()))
    }

    /// What git itself has in a commit: files, links and submodules. Nothing, if it does not have the commit.
    pub(in crate::deploy) fn tree(&self, commit: &Sha) -> Result<HashMap<String, Entry>, Lost> {
        let words = ["ls-tree", "-r", "-z", "--full-tree", commit.as_str()];
        let out = self.ask_all(&words, b"")?.unwrap_or_default();
        let mut files = HashMap::new();
        for line in strings(&out) {
            let Some((meta, path)) = line.split_once('\t') else { continue };
            let words: Vec<&str> = meta.split(' ').collect();
            if let [mode, _, sha] = words[..]
                && let Some(blob) = Sha::parse(sha)
            {
                files.insert(path.to_owned(), Entry { mode: mode.to_owned(), blob });
            }
        }
        Ok(files)
    }

    /// Content of blobs; what `of` makes of each that is here.
    pub(in crate::deploy) fn blobs<T>(
        &self,
        wanted: &[&Sha],
        of: impl Fn(&[u8]) -> T,
    ) -> Result<HashMap<Sha, T>, Lost> {
        let names: Vec<&str> = wanted.iter().map(|sha| sha.as_str()).collect();
        let contents = self.contents(&names, of)?;
        let found = wanted.iter().zip(contents);
        Ok(found.filter_map(|(sha, content)| Some(((*sha).clone(), content?))).collect())
    }

    /// Content of what git names, through one process; what `of` makes of each, `None` for what is not here. A name has no
    /// newline.
    pub(in crate::deploy) fn contents<T>(
        &self,
        names: &[impl AsRef<str>],
        of: impl Fn(&[u8]) -> T,
    ) -> Result<Vec<Option<T>>, Lost> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let input = names.iter().flat_map(|name| [name.as_ref(), "\n"]).collect::<String>();
        let out = self.ask_all(&["cat-file", "--batch"], input.as_bytes())?.unwrap_or_default();
        let (mut found, mut rest) = (Vec::new(), out.as_slice());
        while let Some(end) = rest.iter().position(|&b| b == b'\n') {
            let header = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end + 1..];
            let mut words = header.rsplit(' ');
            let (size, kind) = (words.next().and_then(|size| size.parse::<usize>().ok()), words.next());
            let Some(size) = size else {
                // `… missing`, or a name that means several.
                found.push(None);
                continue;
            };
            let Some(content) = rest.get(..size) else { break };
            found.push((kind == Some("blob")).then(|| of(content)));
            rest = rest.get(size + 1..).unwrap_or_default();
        }
        found.resize_with(names.len(), || None);
        Ok(found)
    }

    /// The commits that changed one of the paths, the newest first, and what each has there.
    pub(in crate::deploy) fn revisions(
        &self,
        tip: &str,
        paths: &[&str],
    ) -> Result<Vec<(Sha, String, Sha)>, Lost> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let max = format!("--max-count={HISTORY}");
        let literals: Vec<String> = paths.iter().map(|path| format!(":(top,literal){path}")).collect();
        let mut words =
            vec!["log", &max, "--format=%x01%H", "--raw", "--no-abbrev", "--no-renames", "-m", "-z"];
        words.extend([tip, "--"]);
        words.extend(literals.iter().map(String::as_str));
        let out = self.ask(&words, b"")?.unwrap_or_default();
        let mut revisions: Vec<(Sha, String, Sha)> = Vec::new();
        let mut commit = None;
        let mut parts = out.split(|&b| b == 0);
        while let Some(part) = parts.next() {
            let text = String::from_utf8_lossy(part);
            let text = text.trim_start_matches('\n');
            if let Some(sha) = text.strip_prefix('\u{1}') {
                commit = Sha::parse(sha);
            } else if let Some(meta) = text.strip_prefix(':') {
                let path = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
                let blob = meta.split(' ').nth(3).and_then(Sha::parse);
                revisions.extend(commit.clone().zip(blob).map(|(commit, blob)| (commit, path, blob)));
            }
        }
        Ok(revisions)
    }
}

/// The digest of bytes.
pub(in crate::deploy) fn digest(bytes: &[u8]) -> Digest {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("a String takes everything");
    }
    Digest(hex)
}

/// Bytes that are known.
pub(in crate::deploy) fn known(bytes: &[u8]) -> Bytes {
    Bytes::Known { digest: digest(bytes), len: Some(bytes.len() as u64) }
}

pub(super) fn strings(out: &[u8]) -> Vec<String> {
    out.split(|&b| b == 0)
        .filter(|p| !p.is_empty())
        .map(|p| String::from_utf8_lossy(p).into_owned())
        .collect()
}
