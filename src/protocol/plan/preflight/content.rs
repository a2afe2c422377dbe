//! Submodules and LFS files that would be missing, old, or a pointer in the build, although git is at the commit.

use super::Refused;
use crate::protocol::{
    names::Sha,
    observed::{
        Checkouts, Observed, Relation, ServerGit,
        content::{Checked, Lfs, Submodule},
    },
    quote::list,
};

/// Refuses content that the server does not have and that the deploy does not bring. What gets neither into the image
/// nor into the container is not asked for.
///
/// # Errors
/// `server-submodule`, `no-git-lfs` or `server-lfs`.
pub fn refuse_content(seen: &Observed) -> Result<(), Refused> {
    let Some(git) = seen.server.git() else { return Ok(()) };
    // A hook of the server's own may do what `git merge` leaves undone: what it does is seen after the merge.
    let merges = seen.here.server_head == Relation::Behind;
    refuse_submodules(seen, git)?;
    refuse_lfs_tool(seen)?;
    if merges && git.after_merge {
        return Ok(());
    }
    refuse_pointers(seen, git)
}

/// What of the needed content is not real in the server's checkout as it is now; `None` if nothing is known to be wrong.
pub(in crate::protocol) fn not_real(seen: &Observed, git: &ServerGit) -> Option<String> {
    submodule(&seen.needed.submodules, git).or_else(|| {
        let pointer = seen.needed.lfs.iter().find(|path| git.pointers.contains(path))?;
        Some(format!("{} is a git LFS pointer on the server, not the file", one(pointer)))
    })
}

/// Refuses what checking submodules out would not mend: changed files would stay, and what only the server has could get
/// lost. With one checkout it is the developer's own.
fn refuse_submodules(seen: &Observed, git: &ServerGit) -> Result<(), Refused> {
    if seen.checkouts == Checkouts::One {
        return Ok(());
    }
    let refuse = |message: String| Err(Refused::new("server-submodule", message));
    if seen.needed.unsaved {
        let message = "`.gitmodules` is changed here and not committed: commit that first, so that it is known which submodules the server has to have";
        return refuse(message.to_owned());
    }
    let update = seen.needed.to_update();
    for module in git.submodules.iter().filter(|module| module.has_moved()) {
        let (path, recorded) = (&module.path, module.recorded.short());
        let mended = update.iter().any(|(wanted, _)| wanted == path);
        if !mended && !git.modified.contains(path) {
            continue;
        }
        let at = one(path);
        let there = crate::protocol::quote(&format!("{}/{path}", git.toplevel));
        if module.changed {
            return refuse(format!(
                "submodule {at} has changed files on the server, and checking it out anew would leave them there: look with `git -C {there} status`, and commit or drop them"
            ));
        }
        if module.unpushed {
            return refuse(format!(
                "submodule {at} is at a commit on the server that no remote has: push what is needed from there (`git -C {there} log`), then `git -C {there} checkout {recorded}`"
            ));
        }
        if !mended {
            return refuse(format!(
                "submodule {at} is not at {recorded} on the server, which its checkout records, and `git submodule update` does not move this one: `git -C {there} checkout {recorded}`"
            ));
        }
    }
    Ok(())
}

/// Which submodule is not at its commit in the server's checkout; `None` if nothing is known to be wrong.
pub(in crate::protocol) fn submodule(wanted: &[(String, Sha)], git: &ServerGit) -> Option<String> {
    wanted.iter().find_map(|(path, want)| {
        let short = want.short();
        let at = one(path);
        match git.submodules.iter().find(|s| s.path == *path) {
            None => Some(format!("the commit adds submodule {at}, which `git merge` does not check out")),
            Some(Submodule { state: Checked::Out, .. }) => {
                Some(format!("submodule {at} is not checked out on the server: the build gets an empty folder"))
            }
            Some(Submodule { state: Checked::At(have), .. }) if have != want => Some(format!(
                "submodule {at} is at {} on the server, the commit records {short}, and `git merge` does not move it",
                have.short()
            )),
            Some(_) => None,
        }
    })
}

fn refuse_lfs_tool(seen: &Observed) -> Result<(), Refused> {
    let needed = &seen.needed.lfs;
    let lfs = seen.server.site.as_ref().and_then(|site| site.lfs);
    let next = match lfs {
        _ if needed.is_empty() => return Ok(()),
        Some(Lfs::Missing) => {
            "has no `git lfs`: install it there, then run `git lfs install` and `git lfs pull`"
        }
        Some(Lfs::Unset) => {
            "has `git lfs`, and git there does not use it: run `git lfs install` and `git lfs pull`"
        }
        Some(Lfs::Skips | Lfs::Works) | None => return Ok(()),
    };
    let message = format!("git LFS keeps {}, which the build reads, and the server {next}", list(needed));
    Err(Refused::new("no-git-lfs", message))
}

fn refuse_pointers(seen: &Observed, git: &ServerGit) -> Result<(), Refused> {
    let skips = seen.server.site.as_ref().is_some_and(|site| site.lfs == Some(Lfs::Skips));
    let pointer = |path: &&String| match (seen.here.changing.contains(path), skips) {
        (true, skips) => skips,
        (false, _) => git.pointers.contains(path),
    };
    let pointers: Vec<String> = seen.needed.lfs.iter().filter(pointer).cloned().collect();
    if pointers.is_empty() {
        return Ok(());
    }
    let names = list(&pointers);
    let message = if pointers.iter().any(|path| git.pointers.contains(path)) {
        format!(
            "a git LFS pointer instead of the file on the server, and the build reads it: {names}; run `git lfs pull` there"
        )
    } else {
        format!(
            "git on the server is told to leave LFS pointers (`git lfs install --skip-smudge`, GIT_LFS_SKIP_SMUDGE), and the build reads what this deploy changes: {names}; run `git pull --ff-only && git lfs pull` there, or `git lfs install` to have it done by itself"
        )
    };
    Err(Refused::new("server-lfs", message))
}

fn one(path: &str) -> String {
    list(std::slice::from_ref(&path.to_owned()))
}
