//! What of a commit is not in git itself, submodules and LFS files, and gets into the service.

use std::collections::HashMap;

use super::{
    Session, Stop,
    git::{Entry, Repo},
    transport::Lost,
};
use crate::protocol::{Candidate, Checked, Checkouts, Needed, Reach, Sha, Submodule, below};

/// An LFS pointer is smaller than this, by its own specification.
const POINTER: u64 = 1024;
/// How every pointer begins.
const BEGIN: &[u8] = b"version https://git-lfs";

impl Session<'_> {
    /// What the service needs of it: what `trace` knows to get into the image or into a stage, and what is mounted.
    pub(super) fn needed(&self, candidates: &[Candidate]) -> Result<Needed, Stop> {
        let Some(commit) = self.commit.clone() else { return Ok(Needed::default()) };
        let files = self.repo.tree(&commit)?;
        let mut needed = Needed::default();
        let modified = |path: &String| self.seen.here.modified.contains(path);
        needed.unsaved = modified(&".gitmodules".to_owned());
        for (path, recorded) in submodules(&self.repo, &commit, &files)? {
            // The commit that is to be made records what is checked out here.
            let next = if modified(&path) { self.repo.module_head(&path)? } else { Some(recorded) };
            let Some(want) = next else { continue };
            let inside = self.repo.inside(&path)?;
            if self.is_mounted(&path) || self.candidates_of(&inside)?.iter().any(gets_in) {
                needed.submodules.push((path, want));
            } else if self.is_elsewhere(&path, &want) {
                needed.moved.push((path, want));
            }
        }
        for path in lfs(&self.repo, &commit, &files)? {
            if self.is_mounted(&path) || candidates.iter().any(|c| c.path == path && gets_in(c)) {
                needed.lfs.push(path);
            }
        }
        Ok(needed)
    }

    /// Whether the server has it checked out at another commit. Where this very checkout is the server's, it is as the
    /// developer wants it.
    fn is_elsewhere(&self, path: &str, want: &Sha) -> bool {
        let at_another =
            |s: &Submodule| s.path == path && matches!(&s.state, Checked::At(have) if have != want);
        self.seen.checkouts == Checkouts::Two
            && self.seen.server.git().is_some_and(|git| git.submodules.iter().any(at_another))
    }

    /// Whether a bind mount of the service, as the server's Compose says it, shows the path.
    fn is_mounted(&self, path: &str) -> bool {
        let Some((git, compose)) = self.seen.server.git().zip(self.seen.server.compose()) else {
            return false;
        };
        let path = format!("{}/{path}", git.toplevel);
        compose.wants.binds.iter().any(|bind| below(&path, bind).or(below(bind, &path)).is_some())
    }
}

fn gets_in(candidate: &Candidate) -> bool {
    matches!(candidate.reach, Reach::Container(_) | Reach::Build(_))
}

/// The submodules that `git submodule update` would check out: those of `.gitmodules`, if nobody has said `none`. A
/// folder with a repository of its own that was committed by mistake is none.
fn submodules(repo: &Repo, commit: &Sha, files: &HashMap<String, Entry>) -> Result<Vec<(String, Sha)>, Lost> {
    if !files.values().any(Entry::is_submodule) {
        return Ok(Vec::new());
    }
    let settings = repo.modules(commit)?;
    let of = |name: &str, key: &str| settings.get(&format!("submodule.{name}.{key}")).map(String::as_str);
    let mut found = Vec::new();
    for (key, path) in &settings {
        let Some(name) = key.strip_prefix("submodule.").and_then(|k| k.strip_suffix(".path")) else {
            continue;
        };
        if let Some(entry) = files.get(path).filter(|entry| entry.is_submodule())
            && of(name, "update") != Some("none")
        {
            found.push((path.clone(), entry.blob.clone()));
        }
    }
    found.sort();
    Ok(found)
}

/// The files of which git itself has a pointer.
fn lfs(repo: &Repo, commit: &Sha, files: &HashMap<String, Entry>) -> Result<Vec<String>, Lost> {
    let is_file =
        |path: &String| files.get(path).filter(|entry| entry.is_file()).map(|e| (path.clone(), &e.blob));
    let kept: Vec<(String, &Sha)> = repo.kept_by_lfs(commit)?.iter().filter_map(is_file).collect();
    let blobs: Vec<&Sha> = kept.iter().map(|(_, blob)| *blob).collect();
    let small = repo.smaller(&blobs, POINTER)?;
    let small: Vec<&Sha> = blobs.into_iter().filter(|blob| small.contains(*blob)).collect();
    let pointers = repo.blobs(&small, |content| content.starts_with(BEGIN))?;
    let mut found: Vec<String> = kept
        .into_iter()
        .filter(|(_, blob)| pointers.get(*blob) == Some(&true))
        .map(|(path, _)| path)
        .collect();
    found.sort();
    Ok(found)
}
