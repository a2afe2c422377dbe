//! The developer's checkout: what it is at, and what its history says of a file's bytes.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use sha2::{Digest as _, Sha256};

use super::{
    modules::Clones,
    transport::{Local, Lost},
};
use crate::protocol::{Bytes, Digest, Here, LedgerFile, Refused, Relation, Sha, Tip, Upstream};

/// A git repository on this machine.
#[derive(Debug, Clone)]
pub(super) struct Repo {
    at: Local,
    toplevel: String,
    git_dir: String,
    /// Those of submodules, as far as a commit that was looked at has any.
    pub(super) clones: RefCell<Clones>,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mode: String,
    pub(super) blob: Sha,
}

impl Entry {
    /// Whether it is a submodule, of which git has the commit only.
    pub(super) fn is_submodule(&self) -> bool {
        self.mode == "160000"
    }

    /// Whether it is a plain file: no link and no submodule.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.mode.as_str(), "100644" | "100755")
    }
}

/// Whether the remote is asked: that needs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remote {
    /// It is.
    Ask,
    /// It is not.
    Leave,
}

/// What bytes of files are looked for, by the path.
pub(super) type Digests = HashMap<String, HashSet<Digest>>;
/// The commit of each, by the path.
pub(super) type Commits = HashMap<String, HashMap<Digest, Sha>>;

/// How many commits are looked through for the bytes of one file.
const HISTORY: usize = 500;
/// How many deleted files are looked for.
const DELETED: usize = 2000;

impl Repo {
    /// The repository around a folder.
    pub(super) fn open(dir: &str) -> Result<Self, Refused> {
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
    pub(super) fn toplevel(&self) -> &str {
        &self.toplevel
    }

    /// Its own folder.
    pub(super) fn git_dir(&self) -> &str {
        &self.git_dir
    }

    fn ask(&self, words: &[&str], stdin: &[u8]) -> Result<Option<Vec<u8>>, Lost> {
        self.ask_with(&["git"], words, stdin)
    }

    /// As [`Repo::ask`], with the objects of the submodules. Not for names of commits: a short one could mean two.
    fn ask_all(&self, words: &[&str], stdin: &[u8]) -> Result<Option<Vec<u8>>, Lost> {
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

    fn line(&self, words: &[&str]) -> Result<Option<String>, Lost> {
        let out = self.ask(words, b"")?;
        let text = out.map(|o| String::from_utf8_lossy(&o).trim().to_owned());
        Ok(text.filter(|t| !t.is_empty()))
    }

    /// The person, by git's name, and the machine.
    pub(super) fn who_and_where(&self) -> Result<String, Lost> {
        let name = self.who().unwrap_or_else(|| "somebody".to_owned());
        let (_, host, _) = self.at.output(&["uname", "-n"], b"")?;
        Ok(format!("{name} at {}", String::from_utf8_lossy(&host).trim()))
    }

    /// The commit of a name.
    pub(super) fn commit(&self, name: &str) -> Result<Option<Sha>, Lost> {
        let name = format!("{name}^{{commit}}");
        Ok(self
            .line(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name])?
            .and_then(|t| Sha::parse(&t)))
    }

    /// The commits before one, the newest first, and not all of them.
    pub(super) fn before(&self, commit: &Sha) -> Result<Vec<Sha>, Lost> {
        let max = format!("--max-count={HISTORY}");
        let out = self.ask(&["rev-list", &max, commit.as_str()], b"")?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&out).lines().skip(1).filter_map(Sha::parse).collect())
    }

    /// The name that git gives to who works here; `GIT_AUTHOR_NAME` counts, so that an agent can say who it is.
    pub(super) fn who(&self) -> Option<String> {
        let ident = self.line(&["var", "GIT_AUTHOR_IDENT"]).ok()??;
        ident.split_once(" <").map(|(name, _)| name.to_owned())
    }

    /// Looks at everything. `server` is the server's HEAD, if it is known.
    pub(super) fn here(&self, server: Option<&Sha>, remote: Remote) -> Result<Here, Lost> {
        let head = self.commit("HEAD")?;
        let branch = self.line(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        let upstream = match &branch {
            Some(branch) => self.upstream(branch)?,
            None => None,
        };
        let (mut modified, mut untracked) = (Vec::new(), Vec::new());
        let status = ["status", "--porcelain=v1", "-z", "--untracked-files=all"];
        let status = self.ask(&status, b"")?.unwrap_or_default();
        for (code, path) in parse_status(&status) {
            if code == "??" { untracked.push(path) } else { modified.push(path) }
        }
        let tip = match (&upstream, &head) {
            (Some(upstream), Some(head)) if remote == Remote::Ask => Some(self.tip(upstream, head)?),
            _ => None,
        };
        let server_head = match (server, &head) {
            (Some(server), Some(head)) => self.relation(server, head)?,
            _ => Relation::Unknown,
        };
        let (mut arriving, mut changing) = (Vec::new(), Vec::new());
        if let (Some(server), Relation::Behind) = (server, server_head) {
            let words = ["diff", "--name-status", "-z", "--no-renames", server.as_str(), "HEAD"];
            let mut words = strings(&self.ask(&words, b"")?.unwrap_or_default()).into_iter();
            while let (Some(kind), Some(path)) = (words.next(), words.next()) {
                if kind == "A" {
                    arriving.push(path.clone());
                }
                changing.push(path);
            }
        }
        Ok(Here {
            toplevel: self.toplevel.clone(),
            git_dir: self.git_dir.clone(),
            head,
            branch,
            upstream,
            modified,
            untracked,
            tip,
            server_head,
            arriving,
            changing,
            ledger: Some(self.ledger()),
        })
    }

    fn upstream(&self, branch: &str) -> Result<Option<Upstream>, Lost> {
        let remote = self.line(&["config", &format!("branch.{branch}.remote")])?;
        let merge = self.line(&["config", &format!("branch.{branch}.merge")])?;
        Ok(remote.zip(merge).map(|(remote, merge)| Upstream {
            remote,
            branch: merge.strip_prefix("refs/heads/").unwrap_or(&merge).to_owned(),
        }))
    }

    fn tip(&self, upstream: &Upstream, head: &Sha) -> Result<Tip, Lost> {
        let name = format!("refs/heads/{}", upstream.branch);
        let argv = ["git", "ls-remote", "--", &upstream.remote, &name];
        let (code, out, errors) = self.at.output(&argv, b"")?;
        if code != 0 {
            let words = String::from_utf8_lossy(&errors).trim().replace('\n', "; ");
            return Ok(Tip::Unreachable(words));
        }
        let out = String::from_utf8_lossy(&out).into_owned();
        let sha = out.lines().find_map(|l| l.split_once('\t').filter(|(_, n)| *n == name));
        match sha.and_then(|(sha, _)| Sha::parse(sha)) {
            None => Ok(Tip::Absent),
            Some(sha) => {
                let relation = self.relation(&sha, head)?;
                Ok(Tip::At(sha, relation))
            }
        }
    }

    /// How `other` stands to `head`.
    pub(super) fn relation(&self, other: &Sha, head: &Sha) -> Result<Relation, Lost> {
        if other == head {
            return Ok(Relation::Same);
        }
        if self.commit(other.as_str())?.is_none() {
            return Ok(Relation::Unknown);
        }
        let ancestor = |a: &Sha, b: &Sha| {
            self.ask(&["merge-base", "--is-ancestor", a.as_str(), b.as_str()], b"").map(|o| o.is_some())
        };
        Ok(if ancestor(other, head)? {
            Relation::Behind
        } else if ancestor(head, other)? {
            Relation::Ahead
        } else {
            Relation::Diverged
        })
    }

    fn ledger(&self) -> LedgerFile {
        let folder = std::path::Path::new(&self.git_dir).join("unstale");
        #[expect(clippy::disallowed_methods, reason = "the ledger of this machine is a file")]
        let text = std::fs::read_to_string(folder.join("ledger.ndjson")).unwrap_or_default();
        LedgerFile { folder: folder.is_dir(), lines: text.lines().map(str::to_owned).collect() }
    }

    /// What git itself has in a commit: files, links and submodules. Nothing, if it does not have the commit.
    pub(super) fn tree(&self, commit: &Sha) -> Result<HashMap<String, Entry>, Lost> {
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
    pub(super) fn blobs<T>(&self, wanted: &[&Sha], of: impl Fn(&[u8]) -> T) -> Result<HashMap<Sha, T>, Lost> {
        let names: Vec<&str> = wanted.iter().map(|sha| sha.as_str()).collect();
        let contents = self.contents(&names, of)?;
        let found = wanted.iter().zip(contents);
        Ok(found.filter_map(|(sha, content)| Some(((*sha).clone(), content?))).collect())
    }

    /// Content of what git names, through one process; what `of` makes of each, `None` for what is not here. A name has no
    /// newline.
    pub(super) fn contents<T>(
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

    /// The settings of `.gitmodules` in a commit.
    pub(super) fn modules(&self, commit: &Sha) -> Result<HashMap<String, String>, Lost> {
        let blob = format!("--blob={commit}:.gitmodules");
        let out = self.ask(&["config", "-z", &blob, "--list"], b"")?.unwrap_or_default();
        let pair =
            |text: String| text.split_once('\n').map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok(strings(&out).into_iter().filter_map(pair).collect())
    }

    /// Paths of a submodule's files, as it is checked out here; if it is not, one that it may have.
    pub(super) fn inside(&self, path: &str) -> Result<Vec<String>, Lost> {
        let file = |name: &str| format!("{path}/{name}");
        let is_out = !std::path::Path::new(&self.toplevel).join(path).join(".git").exists();
        let listed = if is_out { None } else { self.ask(&["-C", path, "ls-files", "-z"], b"")? };
        let names: Vec<String> = strings(&listed.unwrap_or_default()).iter().map(|n| file(n)).collect();
        Ok(if names.is_empty() { vec![file("README")] } else { names })
    }

    /// The commit that is checked out of a submodule here; `None` if there is none.
    pub(super) fn module_head(&self, path: &str) -> Result<Option<Sha>, Lost> {
        if !std::path::Path::new(&self.toplevel).join(path).join(".git").exists() {
            return Ok(None);
        }
        let head = self.line(&["-C", path, "rev-parse", "--verify", "-q", "HEAD"])?;
        Ok(head.and_then(|sha| Sha::parse(&sha)))
    }

    /// The paths of a commit that git hands to LFS.
    pub(super) fn kept_by_lfs(&self, commit: &Sha) -> Result<Vec<String>, Lost> {
        let words = [
            "grep",
            "-q",
            "-F",
            "-e",
            "filter=lfs",
            commit.as_str(),
            "--",
            ".gitattributes",
            "*/.gitattributes",
        ];
        if self.ask(&words, b"")?.is_none() {
            return Ok(Vec::new());
        }
        let names = self.ask(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.as_str()], b"")?;
        let names = names.unwrap_or_default();
        let source = format!("--source={commit}");
        let mut out = self.ask(&["check-attr", "-z", "--stdin", &source, "filter"], &names)?;
        if out.is_none() {
            // git before 2.40 reads the attributes of the work tree only.
            out = self.ask(&["check-attr", "-z", "--stdin", "filter"], &names)?;
        }
        let parts = strings(&out.unwrap_or_default());
        let kept = parts.chunks_exact(3).filter(|triple| triple[2] == "lfs");
        Ok(kept.map(|triple| triple[0].clone()).collect())
    }

    /// Which of the blobs have fewer bytes than that.
    pub(super) fn smaller(&self, blobs: &[&Sha], than: u64) -> Result<HashSet<Sha>, Lost> {
        if blobs.is_empty() {
            return Ok(HashSet::new());
        }
        let input = blobs.iter().flat_map(|s| [s.as_str(), "\n"]).collect::<String>();
        let format = "--batch-check=%(objectname) %(objectsize)";
        let out = self.ask(&["cat-file", format], input.as_bytes())?.unwrap_or_default();
        let small = |line: &str| {
            let (sha, size) = line.split_once(' ')?;
            Sha::parse(sha).filter(|_| size.parse::<u64>().is_ok_and(|size| size < than))
        };
        Ok(String::from_utf8_lossy(&out).lines().filter_map(small).collect())
    }

    /// Which of the paths a checkout may write with other bytes than the blob's; all of them if git cannot say.
    pub(super) fn converted(
        &self,
        commit: &Sha,
        paths: &[&str],
        server_converts: bool,
    ) -> Result<HashSet<String>, Lost> {
        let mut converted = HashSet::new();
        for of in self.by_commit(commit, paths)? {
            let all = self.converted_of(&of.commit, &of.paths, server_converts)?;
            converted.extend(all.into_iter().map(|path| of.before.clone() + &path));
        }
        Ok(converted)
    }

    fn converted_of(
        &self,
        commit: &Sha,
        paths: &[&str],
        server_converts: bool,
    ) -> Result<HashSet<String>, Lost> {
        let input: Vec<u8> = paths.iter().flat_map(|p| p.bytes().chain([0])).collect();
        let names = ["filter", "ident", "working-tree-encoding", "eol", "text", "crlf"];
        let source = format!("--source={commit}");
        let mut words = vec!["check-attr", "-z", "--stdin", &source];
        words.extend(names);
        let mut out = self.ask_all(&words, &input)?;
        if out.is_none() {
            // git before 2.40 reads the attributes of the work tree only.
            words.remove(3);
            out = self.ask(&words, &input)?;
        }
        let Some(out) = out else { return Ok(paths.iter().map(|&p| p.to_owned()).collect()) };
        let parts: Vec<String> =
            out.split(|&b| b == 0).map(|p| String::from_utf8_lossy(p).into_owned()).collect();
        let mut converted = HashSet::new();
        let mut binary = HashSet::new();
        for triple in parts.chunks_exact(3) {
            let [path, name, value] = triple else { continue };
            let changes = match name.as_str() {
                "eol" => value == "crlf",
                "text" => false,
                _ => value != "unspecified" && value != "unset",
            };
            if changes {
                converted.insert(path.clone());
            } else if name == "text" && value == "unset" {
                binary.insert(path.clone());
            }
        }
        if server_converts {
            converted.extend(paths.iter().filter(|p| !binary.contains(**p)).map(|&p| p.to_owned()));
        }
        Ok(converted)
    }

    /// Paths that a commit deleted, from `tip` back to `base`, or as far as is looked; some may be there again.
    pub(super) fn deleted(&self, tip: &Sha, base: Option<&Sha>) -> Result<Vec<String>, Lost> {
        let max = format!("--max-count={HISTORY}");
        let range = base.map_or_else(|| tip.to_string(), |base| format!("{base}..{tip}"));
        // The list first: `log` would count only the commits that deleted something, and walk on to the first one.
        let commits = self.ask(&["rev-list", &max, &range], b"")?.unwrap_or_default();
        let words = [
            "diff-tree",
            "--stdin",
            "-r",
            "-m",
            "-z",
            "--no-commit-id",
            "--no-renames",
            "--diff-filter=D",
            "--name-only",
        ];
        let mut names = strings(&self.ask(&words, &commits)?.unwrap_or_default());
        if let Some(base) = base {
            names.extend(self.deleted_in_modules(tip, base)?);
        }
        names.sort_unstable();
        names.dedup();
        names.truncate(DELETED);
        Ok(names)
    }

    /// The newest commit, from `tip` back (`--all`: from every branch and tag), in which each file had one of the wanted
    /// digests, for each of them.
    pub(super) fn older(&self, tip: &str, wanted: &Digests) -> Result<Commits, Lost> {
        let paths: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let mut found = Commits::new();
        for path in &paths {
            found.insert((*path).to_owned(), self.older_in_module(tip, path, &wanted[*path])?);
        }
        // All at once first: what changed lately is found in one walk, and only for what is older each file has its own.
        self.find(tip, &paths, wanted, &mut found)?;
        if let [_, _, ..] = paths[..] {
            for path in paths {
                if wanted[path].iter().any(|digest| !found[path].contains_key(digest)) {
                    self.find(tip, &[path], wanted, &mut found)?;
                }
            }
        }
        Ok(found)
    }

    fn find(&self, tip: &str, paths: &[&str], wanted: &Digests, found: &mut Commits) -> Result<(), Lost> {
        let revisions = self.revisions(tip, paths)?;
        let blobs: HashSet<&Sha> = revisions.iter().map(|(_, _, blob)| blob).collect();
        let digests = self.blobs(&blobs.into_iter().collect::<Vec<_>>(), digest)?;
        for (commit, path, blob) in revisions {
            let digest =
                digests.get(&blob).filter(|digest| wanted.get(&path).is_some_and(|all| all.contains(digest)));
            if let (Some(digest), Some(found)) = (digest, found.get_mut(&path)) {
                found.entry(digest.clone()).or_insert(commit);
            }
        }
        Ok(())
    }

    /// The commits that changed one of the paths, the newest first, and what each has there.
    pub(super) fn revisions(&self, tip: &str, paths: &[&str]) -> Result<Vec<(Sha, String, Sha)>, Lost> {
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
pub(super) fn digest(bytes: &[u8]) -> Digest {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("a String takes everything");
    }
    Digest(hex)
}

/// Bytes that are known.
pub(super) fn known(bytes: &[u8]) -> Bytes {
    Bytes::Known { digest: digest(bytes), len: Some(bytes.len() as u64) }
}

/// The entries of `git status --porcelain=v1 -z`.
pub(super) fn parse_status(out: &[u8]) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let mut parts = strings(out).into_iter();
    while let Some(part) = parts.next() {
        let Some((code, path)) = part.get(..2).zip(part.get(3..)) else { continue };
        if code.contains(['R', 'C']) {
            // The name before the rename follows.
            parts.next();
        }
        entries.push((code.to_owned(), path.to_owned()));
    }
    entries
}

fn strings(out: &[u8]) -> Vec<String> {
    out.split(|&b| b == 0)
        .filter(|p| !p.is_empty())
        .map(|p| String::from_utf8_lossy(p).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_status_are_whole() {
        let out = b" M a b\0?? new\nline\0R  to\0from\0MM -x\0";
        let names: Vec<(String, String)> = parse_status(out);
        let pairs: Vec<(&str, &str)> = names.iter().map(|(c, p)| (c.as_str(), p.as_str())).collect();
        assert_eq!(pairs, [(" M", "a b"), ("??", "new\nline"), ("R ", "to"), ("MM", "-x")]);
    }
}
