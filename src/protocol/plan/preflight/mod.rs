//! What has to be so before the first change: each thing that is not is a refusal that says what to do next.

mod content;
mod host;
mod site;

pub use content::refuse_content;
pub(in crate::protocol) use content::{not_real, submodule};
pub use host::unreachable;
pub(in crate::protocol) use site::refuse_taken;

use crate::protocol::{
    observed::{
        Checkouts, Compose, Engine, Here, Observed, Relation, ServerGit, Tip, Upstream,
        lock::{Holder, Lock},
    },
    quote::list,
};

/// Why nothing was done. Nothing is changed anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The class, for machines: kebab-case.
    pub reason: &'static str,
    /// What is wrong and what to do next.
    pub message: String,
}

impl Refused {
    /// A refusal.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Refuses while somebody else deploys, or before what was left unfinished is ended.
///
/// # Errors
/// `locked` or `unfinished`, unless the deploy is the one with this id.
pub fn refuse_lock(lock: &Lock, id: &str) -> Result<(), Refused> {
    if let Some(holder) = &lock.held
        && holder.as_ref().is_none_or(|holder| holder.id != id)
    {
        return Err(Refused::new("locked", locked(holder.as_ref(), lock.at.as_deref())));
    }
    match lock.open.iter().find(|open| *open != id) {
        None => Ok(()),
        Some(open) => Err(Refused::new(
            "unfinished",
            format!(
                "deploy `{open}` was left half-way: `unstale resume` goes on with it, `unstale rollback` takes it back"
            ),
        )),
    }
}

/// Who has the lock, in words.
pub fn locked(holder: Option<&Holder>, at: Option<&str>) -> String {
    let Some(Holder { id, who, since, service, commit }) = holder else {
        return "another deploy has the lock of the server's checkout, and does not say whose it is"
            .to_owned();
    };
    let commit = commit.as_ref().map(|sha| format!(" ({})", sha.short())).unwrap_or_default();
    let at = at.map(|line| format!(", last in its journal: `{line}`")).unwrap_or_default();
    format!(
        "{who} deploys `{service}`{commit} since {since}, id `{id}`{at}; wait with `--wait`, or take it over with `unstale resume` if nobody is at it any more"
    )
}

pub(in crate::protocol) fn refuse_here<'a>(
    here: &'a Here,
    message: Option<&str>,
) -> Result<&'a Upstream, Refused> {
    if here.head.is_none() {
        return Err(Refused::new("no-commit", "this repository has no commit yet; commit first"));
    }
    if here.branch.is_none() {
        return Err(Refused::new("detached", "HEAD is detached here; check a branch out first"));
    }
    let Some(upstream) = &here.upstream else {
        let branch = here.branch.as_deref().unwrap_or_default();
        let message =
            format!("branch `{branch}` follows no remote branch; run `git push -u origin {branch}` once");
        return Err(Refused::new("no-upstream", message));
    };
    if !here.modified.is_empty() && message.is_none() {
        let names = list(&here.modified);
        return Err(Refused::new(
            "dirty",
            format!("not committed: {names}; commit, or give a message with -m"),
        ));
    }
    if message.is_some() && !here.untracked.is_empty() {
        let names = list(&here.untracked);
        let message = format!(
            "neither tracked nor ignored: {names}; `git add` or ignore them, so that the commit is what you mean"
        );
        return Err(Refused::new("untracked", message));
    }
    match &here.tip {
        Some(Tip::Unreachable(why)) => {
            let message = format!("remote `{}` does not answer: {why}", upstream.remote);
            Err(Refused::new("remote-unreachable", message))
        }
        Some(Tip::At(_, Relation::Same | Relation::Behind) | Tip::Absent) => Ok(upstream),
        Some(Tip::At(sha, _)) => {
            let (short, name) = (sha.short(), format!("{}/{}", upstream.remote, upstream.branch));
            let message =
                format!("`{name}` is at {short}, which is not part of this branch; pull or rebase first");
            Err(Refused::new("remote-diverged", message))
        }
        None => Err(Refused::new("remote-unreachable", "the remote was not asked")),
    }
}

pub(in crate::protocol) fn refuse_server<'a>(
    seen: &'a Observed,
    service: &str,
    maker: Option<&str>,
    upstream: &Upstream,
) -> Result<(&'a ServerGit, &'a Compose, &'a Engine), Refused> {
    let server = &seen.server;
    let git = refuse_checkout(seen, upstream)?;
    let engine = match &server.engine {
        Some(Ok(engine)) => engine,
        Some(Err(why)) => {
            return Err(Refused::new("no-docker", format!("docker does not answer on the server: {why}")));
        }
        None => return Err(Refused::new("no-docker", "docker was not asked")),
    };
    let compose = match &server.compose {
        Some(Ok(compose)) => compose,
        Some(Err(why)) => {
            return Err(Refused::new("no-compose", format!("compose cannot be used on the server: {why}")));
        }
        None => return Err(Refused::new("no-compose", "compose was not asked")),
    };
    refuse_service(compose, service, maker)?;
    let dir = server.dir.as_deref().unwrap_or_default();
    if let Some(foreign) =
        server.replicas().find(|c| !c.working_dir.is_empty() && !server.is_dir(&c.working_dir))
    {
        let message = format!(
            "container `{}` of project `{}` was started from `{}`, not from `{dir}`; deploy there, or remove it first",
            foreign.name, compose.project, foreign.working_dir
        );
        return Err(Refused::new("wrong-project", message));
    }
    site::refuse(seen, compose, service)?;
    Ok((git, compose, engine))
}

/// Refuses a service that the project does not have, or whose image nobody builds. `maker` is another service that does.
pub fn refuse_service(compose: &Compose, service: &str, maker: Option<&str>) -> Result<(), Refused> {
    if !compose.services.iter().any(|s| s == service) {
        let known = list(&compose.services);
        return Err(Refused::new("unknown-service", format!("no service `{service}`; there is {known}")));
    }
    if compose.build.is_some() || maker.is_some() {
        return Ok(());
    }
    let message = format!("service `{service}` has no `build`: there is nothing to rebuild");
    Err(Refused::new("not-built", message))
}

fn refuse_checkout<'a>(seen: &'a Observed, upstream: &Upstream) -> Result<&'a ServerGit, Refused> {
    let refuse = |reason, message: String| Err(Refused::new(reason, message));
    if seen.server.dir.is_none() {
        return refuse("no-folder", "the folder does not exist on the server".into());
    }
    let git = match &seen.server.git {
        Some(Ok(git)) => git,
        Some(Err(why)) if why.contains("dubious ownership") || why.contains("owned by someone else") => {
            return refuse("server-foreign-owner", foreign_owner(why));
        }
        Some(Err(why)) => {
            return refuse("server-no-checkout", format!("no git checkout on the server: {why}"));
        }
        None => return refuse("server-no-checkout", "the server's checkout was not asked".into()),
    };
    let Some(head) = &git.head else {
        return refuse("server-no-checkout", "the server's checkout has no commit".into());
    };
    let Some(branch) = &git.branch else {
        return refuse(
            "server-detached",
            "HEAD is detached on the server; check the branch out there".into(),
        );
    };
    let follows = git.upstream.as_ref().map_or(branch, |u| &u.branch);
    if *follows != upstream.branch {
        let want = &upstream.branch;
        return refuse("server-wrong-branch", format!("the server is on `{follows}`, you push `{want}`"));
    }
    if let Some(lock) = git.locks.first()
        && (seen.here.server_head == Relation::Behind || !seen.here.modified.is_empty())
    {
        let names = list(std::slice::from_ref(lock));
        let message = format!(
            "git's lock file {names} is there on the server: another git process works in the checkout, or one was killed; try again, and if `ps` there shows no git, remove the file"
        );
        return refuse("server-git-lock", message);
    }
    // With one checkout, what is changed is what gets committed. A submodule at another commit is told by itself.
    let moved = |path: &&String| git.submodules.iter().any(|s| s.path == **path && s.has_moved());
    let modified: Vec<String> = git.modified.iter().filter(|path| !moved(path)).cloned().collect();
    if !modified.is_empty() && seen.checkouts == Checkouts::Two {
        let names = list(&modified);
        return refuse("server-dirty", format!("changed on the server and not committed: {names}"));
    }
    if let Some(name) = seen.here.arriving.iter().find(|p| git.untracked.contains(p)) {
        let message = format!(
            "the pull would overwrite `{name}`, which git does not track on the server; move it away"
        );
        return refuse("server-collision", message);
    }
    match seen.here.server_head {
        Relation::Same | Relation::Behind => Ok(git),
        Relation::Ahead => {
            let message = format!("the server is at {}, ahead of this branch; pull first", head.short());
            refuse("server-ahead", message)
        }
        Relation::Diverged => {
            let message =
                format!("the server is at {}, which is not part of this branch's history", head.short());
            refuse("server-diverged", message)
        }
        Relation::Unknown if git.unpushed > 0 => {
            let message = format!(
                "the server's checkout has {} of its own, up to {}, that no remote has; push what is needed from there and pull it here, and take the rest off the branch",
                if git.unpushed == 1 { "a commit".to_owned() } else { format!("{} commits", git.unpushed) },
                head.short()
            );
            refuse("server-unpushed", message)
        }
        Relation::Unknown => {
            let message = format!(
                "the server is at {}, which this checkout does not know; fetch, or look whether it is the same repository",
                head.short()
            );
            refuse("server-unrelated", message)
        }
    }
}

fn foreign_owner(why: &str) -> String {
    let words: Vec<&str> = why.split_whitespace().collect();
    format!(
        "the server's checkout belongs to another user than the one who deploys, and git does not trust it; deploy as its owner, or give it to this user with `chown -R`, or do what git says if you trust everybody who can write there: {}",
        words.join(" ")
    )
}
