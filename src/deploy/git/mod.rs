//! The developer's checkout: what it is at, and what git knows of the files of its commits.

mod history;
mod modules;
mod repo;

use std::collections::{HashMap, HashSet};

pub(super) use history::{Commits, Digests};
pub(super) use modules::may_have;
pub(super) use repo::{Entry, Repo, digest, known};
use repo::{HISTORY, strings};

use super::transport::Lost;
use crate::protocol::{Here, LedgerFile, Relation, Sha, Tip, Upstream};

/// Whether the remote is asked: that needs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::deploy) enum Remote {
    /// It is.
    Ask,
    /// It is not.
    Leave,
}

impl Repo {
    /// The person, by git's name, and the machine.
    pub(in crate::deploy) fn who_and_where(&self) -> Result<String, Lost> {
        let name = self.who().unwrap_or_else(|| "somebody".to_owned());
        let (_, host, _) = self.at.output(&["uname", "-n"], b"")?;
        Ok(format!("{name} at {}", String::from_utf8_lossy(&host).trim()))
    }

    /// The commit of a name.
    pub(in crate::deploy) fn commit(&self, name: &str) -> Result<Option<Sha>, Lost> {
        let name = format!("{name}^{{commit}}");
        Ok(self
            .line(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name])?
            .and_then(|t| Sha::parse(&t)))
    }

    /// The commits before one, the newest first, and not all of them.
    pub(in crate::deploy) fn before(&self, commit: &Sha) -> Result<Vec<Sha>, Lost> {
        let max = format!("--max-count={HISTORY}");
        let out = self.ask(&["rev-list", &max, commit.as_str()], b"")?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&out).lines().skip(1).filter_map(Sha::parse).collect())
    }

    /// The name that git gives to who works here; `GIT_AUTHOR_NAME` counts, so that an agent can say who it is.
    pub(in crate::deploy) fn who(&self) -> Option<String> {
        let ident = self.line(&["var", "GIT_AUTHOR_IDENT"]).ok()??;
        ident.split_once(" <").map(|(name, _)| name.to_owned())
    }

    /// Looks at everything. `server` is the server's HEAD, if it is known.
    pub(in crate::deploy) fn here(&self, server: Option<&Sha>, remote: Remote) -> Result<Here, Lost> {
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
    pub(in crate::deploy) fn relation(&self, other: &Sha, head: &Sha) -> Result<Relation, Lost> {
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

    /// The settings of `.gitmodules` in a commit.
    pub(in crate::deploy) fn modules(&self, commit: &Sha) -> Result<HashMap<String, String>, Lost> {
        let blob = format!("--blob={commit}:.gitmodules");
        let out = self.ask(&["config", "-z", &blob, "--list"], b"")?.unwrap_or_default();
        let pair =
            |text: String| text.split_once('\n').map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok(strings(&out).into_iter().filter_map(pair).collect())
    }

    /// Paths of a submodule's files, as it is checked out here; if it is not, one that it may have.
    pub(in crate::deploy) fn inside(&self, path: &str) -> Result<Vec<String>, Lost> {
        let file = |name: &str| format!("{path}/{name}");
        let is_out = !std::path::Path::new(&self.toplevel).join(path).join(".git").exists();
        let listed = if is_out { None } else { self.ask(&["-C", path, "ls-files", "-z"], b"")? };
        let names: Vec<String> = strings(&listed.unwrap_or_default()).iter().map(|n| file(n)).collect();
        Ok(if names.is_empty() { vec![file("README")] } else { names })
    }

    /// The commit that is checked out of a submodule here; `None` if there is none.
    pub(in crate::deploy) fn module_head(&self, path: &str) -> Result<Option<Sha>, Lost> {
        if !std::path::Path::new(&self.toplevel).join(path).join(".git").exists() {
            return Ok(None);
        }
        let head = self.line(&["-C", path, "rev-parse", "--verify", "-q", "HEAD"])?;
        Ok(head.and_then(|sha| Sha::parse(&sha)))
    }

    /// The paths of a commit that git hands to LFS.
    pub(in crate::deploy) fn kept_by_lfs(&self, commit: &Sha) -> Result<Vec<String>, Lost> {
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
    pub(in crate::deploy) fn smaller(&self, blobs: &[&Sha], than: u64) -> Result<HashSet<Sha>, Lost> {
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
}

/// The entries of `git status --porcelain=v1 -z`.
pub(in crate::deploy) fn parse_status(out: &[u8]) -> Vec<(String, String)> {
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
