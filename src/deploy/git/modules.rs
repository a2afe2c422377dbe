//! The files of submodules: git's objects of them lie in clones of their own, and the commit of the whole records only theirs.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Component, Path, PathBuf},
};

use super::repo::{Entry, Repo, digest};
use crate::{
    deploy::transport::Lost,
    protocol::{Digest, Sha, below},
};

/// How many submodules of a commit are looked into, those in submodules with them.
const MOST: usize = 1000;
/// How deep clones are looked for below git's own folder of them: a submodule's name may have slashes.
const DEEP: usize = 8;

/// A commit with all that its submodules hold.
#[derive(Debug, Default)]
struct Whole {
    files: HashMap<String, Entry>,
    /// The submodules that could be looked into, and the commit of each.
    modules: BTreeMap<String, Sha>,
}

/// Files of one commit, of a submodule or of the whole.
pub(in crate::deploy) struct OfCommit<'p> {
    /// The commit.
    pub(in crate::deploy) commit: Sha,
    /// What stands before the paths, seen from the top of the whole.
    pub(in crate::deploy) before: String,
    /// From the commit's own top.
    pub(in crate::deploy) paths: Vec<&'p str>,
}

impl Repo {
    /// Everything in a commit: files and links, those in the submodules with them. Only a submodule whose commit no clone
    /// here has stays what it is for git, one entry.
    pub(in crate::deploy) fn files(&self, commit: &Sha) -> Result<HashMap<String, Entry>, Lost> {
        Ok(self.whole(commit)?.files)
    }

    fn whole(&self, commit: &Sha) -> Result<Whole, Lost> {
        let mut whole = Whole { files: self.tree(commit)?, ..Whole::default() };
        let mut open: Vec<(String, Sha)> = submodules(&whole.files);
        if !open.is_empty() {
            self.clones.borrow_mut().paths.extend(open.iter().map(|(path, _)| path.clone()));
        }
        let mut looked = 0;
        while let Some((path, recorded)) = open.pop() {
            looked += 1;
            if looked > MOST {
                break;
            }
            let objects = self.objects_of(&path);
            self.clones.borrow_mut().objects.extend(objects);
            let inside = self.tree(&recorded)?;
            if inside.is_empty() {
                continue;
            }
            let below_it = |(name, entry): (String, Entry)| (format!("{path}/{name}"), entry);
            let inside: HashMap<String, Entry> = inside.into_iter().map(below_it).collect();
            open.extend(submodules(&inside));
            whole.files.remove(&path);
            whole.files.extend(inside);
            whole.modules.insert(path, recorded);
        }
        Ok(whole)
    }

    fn has_none(&self) -> bool {
        self.clones.borrow().objects.is_empty()
    }

    /// The folders of objects of a submodule's clones here: git's own folder of all clones, and what is checked out.
    fn objects_of(&self, path: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        if self.clones.borrow().objects.is_empty() {
            found_below(&Path::new(self.git_dir()).join("modules"), DEEP, &mut found);
        }
        let path = Path::new(path);
        if path.components().all(|part| matches!(part, Component::Normal(_))) {
            let checked_out = Path::new(self.toplevel()).join(path);
            if let Some(git_dir) = git_dir_of(&checked_out) {
                found_below(&git_dir, 0, &mut found);
                found_below(&git_dir.join("modules"), DEEP, &mut found);
            }
        }
        found
    }

    /// The paths by the commit that has them: of a submodule, or of the whole.
    pub(in crate::deploy) fn by_commit<'p>(
        &self,
        commit: &Sha,
        paths: &[&'p str],
    ) -> Result<Vec<OfCommit<'p>>, Lost> {
        if self.has_none() {
            return Ok(vec![OfCommit {
                commit: commit.clone(),
                before: String::new(),
                paths: paths.to_vec(),
            }]);
        }
        let modules = self.whole(commit)?.modules;
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for path in paths {
            let deepest = modules.keys().filter(|module| is_inside(path, module)).max_by_key(|m| m.len());
            let module = deepest.map_or("", String::as_str);
            found.entry(module).or_default().push(below(path, module).unwrap_or(path));
        }
        let of = |(module, paths): (&str, Vec<&'p str>)| OfCommit {
            commit: modules.get(module).unwrap_or(commit).clone(),
            before: if module.is_empty() { String::new() } else { format!("{module}/") },
            paths,
        };
        Ok(found.into_iter().map(of).collect())
    }

    /// Files that submodules had at `base` and have no more at `tip`.
    pub(in crate::deploy) fn deleted_in_modules(&self, tip: &Sha, base: &Sha) -> Result<Vec<String>, Lost> {
        if self.has_none() {
            return Ok(Vec::new());
        }
        let (now, old) = (self.whole(tip)?, self.whole(base)?);
        let gone = |path: &&String| {
            !now.files.contains_key(*path)
                && old.modules.keys().any(|module| is_inside(path, module))
                && !may_have(&now.files, path)
        };
        Ok(old.files.keys().filter(gone).cloned().collect())
    }

    /// As [`Repo::older`], for a file of a submodule: the newest commit of the whole that recorded a commit with such bytes.
    pub(in crate::deploy) fn older_in_module(
        &self,
        tip: &str,
        path: &str,
        wanted: &HashSet<Digest>,
    ) -> Result<HashMap<Digest, Sha>, Lost> {
        let mut found = HashMap::new();
        let modules: Vec<String> =
            self.clones.borrow().paths.iter().filter(|m| is_inside(path, m)).cloned().collect();
        for module in modules.iter().filter(|_| !path.contains('\n')) {
            let inside = below(path, module).unwrap_or(path);
            let recorded = self.revisions(tip, &[module])?;
            let names: Vec<String> = recorded.iter().map(|(.., sha)| format!("{sha}:{inside}")).collect();
            let digests = self.contents(&names, digest)?;
            for ((commit, ..), digest) in recorded.into_iter().zip(digests) {
                if let Some(digest) = digest.filter(|digest| wanted.contains(digest)) {
                    found.entry(digest).or_insert(commit);
                }
            }
        }
        Ok(found)
    }
}

/// Whether a path lies in a submodule whose commit is not here: nobody knows whether it has such a file.
pub(in crate::deploy) fn may_have(files: &HashMap<String, Entry>, path: &str) -> bool {
    path.match_indices('/').any(|(end, _)| files.get(&path[..end]).is_some_and(Entry::is_submodule))
}

fn is_inside(path: &str, module: &str) -> bool {
    below(path, module).is_some_and(|rest| !rest.is_empty())
}

fn submodules(files: &HashMap<String, Entry>) -> Vec<(String, Sha)> {
    let links = files.iter().filter(|(_, entry)| entry.is_submodule());
    links.map(|(path, entry)| (path.clone(), entry.blob.clone())).collect()
}

/// The repository of a folder with a `.git`, which may be a file that names it.
fn git_dir_of(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    #[expect(clippy::disallowed_methods, reason = "where git's objects are is told by a file")]
    let text = std::fs::read_to_string(&git).ok()?;
    Some(folder.join(text.strip_prefix("gitdir: ")?.trim_end_matches(['\r', '\n'])))
}

/// The folders of objects of the repositories in a folder, and of those below that they have of their own submodules.
fn found_below(folder: &Path, deep: usize, found: &mut Vec<PathBuf>) {
    let objects = folder.join("objects");
    if objects.is_dir() && folder.join("HEAD").is_file() {
        found.push(objects);
        if deep > 0 {
            found_below(&folder.join("modules"), deep - 1, found);
        }
        return;
    }
    if deep == 0 || found.len() > MOST {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "git has no command that lists the clones")]
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found_below(&entry.path(), deep - 1, found);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests make real checkouts")]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    fn sh(folder: &Path, script: &str) -> String {
        let mut command = Command::new("sh");
        command
            .args(["-ec", script])
            .current_dir(folder)
            .env("HOME", folder)
            .env("GIT_ALLOW_PROTOCOL", "file");
        let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        for name in who {
            command.env(name, "x");
        }
        let out = command.output().unwrap();
        assert!(out.status.success(), "{script}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn sha(text: &str) -> Sha {
        Sha::parse(text).unwrap()
    }

    /// A checkout with a submodule in a submodule, at its first and at its second commit.
    fn nested(top: &Path) -> (Sha, Sha) {
        sh(
            top,
            "git init -q deep; cd deep; echo 1 >deep.txt; echo gone >gone.txt; git add .; git commit -qm 1
             git init -q ../lib; cd ../lib; echo '*.txt ident' >.gitattributes; echo 1 >a.txt; printf old >b.md
             git submodule --quiet add ../deep in/deep; git add .; git commit -qm 1
             git init -q ../whole; cd ../whole; echo 1 >own.txt; git submodule --quiet add ../lib 'a lib'
             git submodule --quiet update --init --recursive; git add .; git commit -qm 1",
        );
        let one = sh(&top.join("whole"), "git rev-parse HEAD");
        sh(
            top,
            "cd deep; git rm -q gone.txt; echo 2 >deep.txt; git commit -qam 2
             cd ../lib/in/deep; git pull -q; cd ../..; printf new >b.md; git commit -qam 2
             cd '../whole/a lib'; git pull -q; git submodule --quiet update; cd ..; git commit -qam 2",
        );
        let two = sh(&top.join("whole"), "git rev-parse HEAD");
        (sha(&one), sha(&two))
    }

    #[test]
    fn submodules_are_looked_into_wherever_their_clones_are() {
        let folder = tempfile::Builder::new().prefix("a:b").tempdir().unwrap();
        let top = folder.path();
        let (one, two) = nested(top);
        let whole = top.join("whole");
        let names = |repo: &Repo, commit: &Sha| {
            let mut names: Vec<String> = repo.files(commit).unwrap().into_keys().collect();
            names.sort();
            names
        };
        let all = [".gitmodules", "a lib/.gitattributes", "a lib/.gitmodules", "a lib/a.txt", "a lib/b.md"];
        let all: Vec<&str> = all.into_iter().chain(["a lib/in/deep/deep.txt", "own.txt"]).collect();
        let check = |folder: &Path| {
            let repo = Repo::open(folder.to_str().unwrap()).unwrap();
            assert_eq!(names(&repo, &two), all, "{}", folder.display());
            let blob = repo.files(&two).unwrap()["a lib/in/deep/deep.txt"].blob.clone();
            assert_eq!(repo.blobs(&[&blob], <[u8]>::to_vec).unwrap()[&blob], b"2\n");
        };
        check(&whole);
        sh(
            &whole,
            "git worktree add -q ../other; cd ../other; git submodule --quiet update --init --recursive",
        );
        check(&top.join("other"));
        // As git made them before 1.7.8, and as whoever clones by hand still does.
        sh(
            &whole,
            "rm 'a lib/.git'; mv '.git/modules/a lib' 'a lib/.git'; git config -f 'a lib/.git/config' --unset core.worktree",
        );
        check(&whole);

        let repo = Repo::open(whole.to_str().unwrap()).unwrap();
        let paths = all.clone();
        assert_eq!(
            repo.converted(&two, &paths, false).unwrap(),
            HashSet::new(),
            "nothing is known of submodules yet"
        );
        repo.files(&two).unwrap();
        let converted = repo.converted(&two, &paths, false).unwrap();
        assert_eq!(
            converted,
            HashSet::from(["a lib/a.txt".to_owned()]),
            "by the attributes of the submodule only"
        );
        let wanted = HashSet::from([digest(b"old"), digest(b"new")]);
        let wanted = HashMap::from([("a lib/b.md".to_owned(), wanted)]);
        let older = repo.older(two.as_str(), &wanted).unwrap();
        assert_eq!(
            older["a lib/b.md"],
            HashMap::from([(digest(b"old"), one.clone()), (digest(b"new"), two.clone())])
        );
        let gone = repo.deleted(&two, Some(&one)).unwrap();
        assert!(gone.contains(&"a lib/in/deep/gone.txt".to_owned()), "{gone:?}");
    }

    #[test]
    fn one_whose_commit_is_not_here_stays_an_entry() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        let (_, two) = nested(top);
        sh(top, "git clone -q whole bare");
        let repo = Repo::open(top.join("bare").to_str().unwrap()).unwrap();
        let files = repo.files(&two).unwrap();
        assert!(files["a lib"].is_submodule());
        assert_eq!(files.len(), 3);
        fs::write(top.join("bare/a lib/.git"), "gitdir: ../../nowhere\n").unwrap();
        assert!(repo.files(&two).unwrap()["a lib"].is_submodule());

        // What is not known is not deleted.
        sh(
            top,
            "git clone -q --recurse-submodules whole behind
             cd lib; echo 3 >a.txt; git commit -qam 3
             cd '../whole/a lib'; git pull -q; cd ..; git commit -qam 3; cd ../behind; git fetch -q --no-recurse-submodules",
        );
        let three = sha(&sh(&top.join("whole"), "git rev-parse HEAD"));
        let repo = Repo::open(top.join("behind").to_str().unwrap()).unwrap();
        assert!(!repo.files(&two).unwrap().contains_key("a lib"));
        let files = repo.files(&three).unwrap();
        assert!(files["a lib"].is_submodule());
        assert!(may_have(&files, "a lib/in/x") && !may_have(&files, "a lib") && !may_have(&files, "own/x"));
        assert_eq!(repo.deleted(&three, Some(&two)).unwrap(), Vec::<String>::new());
    }
}
