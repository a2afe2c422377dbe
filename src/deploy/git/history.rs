//! What the history says of the bytes of files: which were there before, which are gone, which a checkout writes otherwise.

use std::collections::{HashMap, HashSet};

use super::repo::{HISTORY, Repo, digest, strings};
use crate::{
    deploy::transport::Lost,
    protocol::{Digest, Sha},
};

/// What bytes of files are looked for, by the path.
pub(in crate::deploy) type Digests = HashMap<String, HashSet<Digest>>;
/// The commit of each, by the path.
pub(in crate::deploy) type Commits = HashMap<String, HashMap<Digest, Sha>>;

/// How many deleted files are looked for.
const DELETED: usize = 2000;

impl Repo {
    /// Which of the paths a checkout may write with other bytes than the blob's; all of them if git cannot say.
    pub(in crate::deploy) fn converted(
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
    pub(in crate::deploy) fn deleted(&self, tip: &Sha, base: Option<&Sha>) -> Result<Vec<String>, Lost> {
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
    pub(in crate::deploy) fn older(&self, tip: &str, wanted: &Digests) -> Result<Commits, Lost> {
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
}
