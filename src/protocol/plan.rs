//! The protocol: from what is wanted and what was seen to the list of steps, or to a refusal.

use serde::{Deserialize, Serialize};

use super::{
    lock::{Holder, Lock},
    names::{ImageId, Sha},
    observed::{
        Builder, Checkouts, Compose, Container, Engine, Here, Observed, Relation, ServerGit, Tip, Upstream,
    },
    step::{Argv, Phase, Place, Probe, Stdin, Step, Undo},
};

/// The repository of the tags that keep the images of before.
pub(super) const RETAINED: &str = "unstale-retained";

/// What the user asks for.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The service.
    pub service: String,
    /// The message of the commit that is to be made, if there is something to commit.
    pub message: Option<String>,
}

/// How it is to be done.
#[derive(Debug, Clone)]
pub struct Options {
    /// The deploy's id; part of a tag, so lower-case letters, digits and `-` only.
    pub id: String,
    /// The value of `CACHE_BUST` for the build.
    pub cache_bust: String,
    /// The words that name the target on the command line of `unstale verify`.
    pub target_words: Vec<String>,
}

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

/// The steps, in the order in which they are shown, run, logged and taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// The commit that is deployed, unless a step makes it.
    pub commit: Option<Sha>,
    /// How many containers there will be.
    pub replicas: usize,
}

/// Makes the plan, or says why there is none.
///
/// `Desired.message` with a clean tree makes no commit step: there is nothing to commit.
pub fn plan(desired: &Desired, seen: &Observed, options: &Options) -> Result<Plan, Refused> {
    let upstream = refuse_here(&seen.here, desired)?;
    let (git, compose, engine) = refuse_server(seen, desired, upstream)?;
    if let Some(lock) = &seen.server.lock {
        refuse_lock(lock, &options.id)?;
    }
    let commits = !seen.here.modified.is_empty();
    let old: Vec<&Container> = seen.server.replicas().collect();
    let replicas = old.iter().filter(|c| c.runs()).count().max(1);

    let mut steps = Vec::new();
    if let (true, Some(message)) = (commits, &desired.message) {
        let argv = Argv::new(["git", "commit", "-a", "-m", message]);
        let cause = "what is not committed cannot be pulled".to_owned();
        steps.push(Step::new("commit", Phase::Push, Place::Here, cause, argv, Probe::Committed));
    }
    let refspec = format!("HEAD:refs/heads/{}", upstream.branch);
    steps.push(Step::new(
        "push",
        Phase::Push,
        Place::Here,
        format!("the server pulls `{}` from `{}`", upstream.branch, upstream.remote),
        Argv::new(["git", "push", &upstream.remote, &refspec]),
        Probe::Pushed,
    ));
    note_down(&mut steps, &desired.service, options, compose, &old);
    removal(&mut steps, &desired.service, options, compose, &old, replicas, Phase::Remove);
    pull(&mut steps, git, upstream);
    build(&mut steps, desired, options, seen, compose, engine);
    steps.push(Step::new(
        "up",
        Phase::Up,
        Place::Server,
        "a container keeps the image that it was made from; only a new one runs the new image",
        up(compose, &desired.service, replicas),
        Probe::Running { replicas },
    ));
    verification(&mut steps, &desired.service, options, seen);
    Ok(Plan { steps, commit: if commits { None } else { seen.here.head.clone() }, replicas })
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

fn refuse_here<'a>(here: &'a Here, desired: &Desired) -> Result<&'a Upstream, Refused> {
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
    if !here.modified.is_empty() && desired.message.is_none() {
        let names = list(&here.modified);
        return Err(Refused::new(
            "dirty",
            format!("not committed: {names}; commit, or give a message with -m"),
        ));
    }
    if desired.message.is_some() && !here.untracked.is_empty() {
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

fn refuse_server<'a>(
    seen: &'a Observed,
    desired: &Desired,
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
    refuse_service(compose, &desired.service)?;
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
    Ok((git, compose, engine))
}

/// Refuses a service that the project does not have, or that is never built.
pub fn refuse_service(compose: &Compose, service: &str) -> Result<(), Refused> {
    if !compose.services.iter().any(|s| s == service) {
        let known = list(&compose.services);
        return Err(Refused::new("unknown-service", format!("no service `{service}`; there is {known}")));
    }
    if compose.build.is_some() {
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
    // With one checkout, what is changed is what gets committed.
    if !git.modified.is_empty() && seen.checkouts == Checkouts::Two {
        let names = list(&git.modified);
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
        Relation::Unknown => {
            let message = format!(
                "the server is at {}, which this checkout does not know; fetch, or look whether it is the same repository",
                head.short()
            );
            refuse("server-unrelated", message)
        }
    }
}

/// Starts it, as often as it ran before.
pub(super) fn up(compose: &Compose, service: &str, replicas: usize) -> Argv {
    // `--no-build`: a pull policy of `build` would replace what `--no-cache` has just built by a cached build.
    let mut argv = compose.argv(&["up", "-d", "--no-build", "--no-deps"]);
    if replicas > 1 {
        argv.extend(["--scale".to_owned(), format!("{service}={replicas}")]);
    }
    argv.push(service.to_owned());
    Argv::new(argv)
}

/// The repository of the tags that keep a service's images.
pub(super) fn retained_name(compose: &Compose, service: &str) -> String {
    format!("{RETAINED}/{}", image_name(&format!("{}-{service}", compose.project)))
}

/// The images that run, each once.
fn running<'a>(old: &[&'a Container]) -> Vec<&'a ImageId> {
    let mut images: Vec<&ImageId> = Vec::new();
    for container in old.iter().filter(|c| c.runs()) {
        if !images.contains(&&container.image) {
            images.push(&container.image);
        }
    }
    images
}

/// The tag of the n-th of them.
fn retained_tag(compose: &Compose, service: &str, options: &Options, n: usize) -> String {
    let more = if n == 0 { String::new() } else { format!("-{}", n + 1) };
    format!("{}:{}{more}", retained_name(compose, service), options.id)
}

/// Keeps the images that run.
pub(super) fn note_down(
    steps: &mut Vec<Step>,
    service: &str,
    options: &Options,
    compose: &Compose,
    old: &[&Container],
) {
    for (n, &image) in running(old).iter().enumerate() {
        let tag = retained_tag(compose, service, options, n);
        steps.push(Step::new(
            "retain",
            Phase::Remove,
            Place::Server,
            "a failed build or start puts this image back",
            Argv::new(["docker", "tag", &image.0, &tag]),
            Probe::Tagged { tag, image: image.clone() },
        ));
    }
}

/// Removes the old containers; what ran can be put back.
pub(super) fn removal(
    steps: &mut Vec<Step>,
    service: &str,
    options: &Options,
    compose: &Compose,
    old: &[&Container],
    replicas: usize,
    phase: Phase,
) {
    if old.is_empty() {
        return;
    }
    let ids: Vec<String> = old.iter().map(|c| c.id.clone()).collect();
    let names: Vec<String> = old.iter().map(|c| c.name.clone()).collect();
    let argv = Argv::new(["docker", "rm", "-f"].map(String::from).into_iter().chain(ids.iter().cloned()));
    let cause = format!(
        "{} keeps its image, its anonymous volumes and its single-file mounts as long as it exists",
        list(&names)
    );
    let step = Step::new("remove", phase, Place::Server, cause, argv, Probe::Gone { ids });
    steps.push(if running(old).is_empty() {
        step
    } else {
        let tag = retained_tag(compose, service, options, 0);
        step.undo(Undo {
            cause: "the image that ran before runs again".to_owned(),
            argvs: vec![
                Argv::new(["docker".to_owned(), "tag".to_owned(), tag, compose.tag.clone()]),
                up(compose, service, replicas),
            ],
        })
    });
}

fn pull(steps: &mut Vec<Step>, git: &ServerGit, upstream: &Upstream) {
    let from = git.upstream.as_ref().unwrap_or(upstream);
    steps.push(Step::new(
        "fetch",
        Phase::Pull,
        Place::Server,
        "brings the commit into the server's repository",
        Argv::new(["git", "fetch", &from.remote, &from.branch]),
        Probe::Fetched,
    ));
    let merge = Argv::new(["git", "merge", "--ff-only"]).commit();
    let cause = "checks out exactly that commit; anything but a fast-forward stops here";
    steps.push(
        Step::new("merge", Phase::Pull, Place::Server, cause, merge, Probe::AtCommit).pre(Probe::Fetched),
    );
    steps.push(
        Step::new(
            "verify-source",
            Phase::Source,
            Place::Server,
            "\"already up to date\" is not evidence: HEAD must be the pushed commit, and no tracked file changed",
            Argv::new(["git", "status", "--short", "--branch", "--untracked-files=no"]),
            Probe::CleanAtCommit,
        )
        .always(),
    );
}

fn build(
    steps: &mut Vec<Step>,
    desired: &Desired,
    options: &Options,
    seen: &Observed,
    compose: &Compose,
    engine: &Engine,
) {
    let cause = match engine.builder {
        Builder::BuildKit => {
            "BuildKit keeps a snapshot of the context in which a file of equal size and mtime stays old, and `--no-cache` does not clear it"
        }
        Builder::Classic => {
            "the classic builder uses nothing of this cache: it prunes nothing that this build needs, and costs nothing"
        }
    };
    let prune = Argv::new(["docker", "builder", "prune", "-f"]);
    steps.push(Step::new("prune", Phase::Build, Place::Server, cause, prune, Probe::NoSnapshots).always());
    let before = seen.server.image(&compose.tag).map(|i| i.id.clone());
    // By the environment, not `--build-arg`: the compose file says which arguments a build gets
    // (`CACHE_BUST: ${CACHE_BUST:-}`), and a Dockerfile without that ARG would draw a warning from the classic builder.
    let env = ["env".to_owned(), format!("CACHE_BUST={}", options.cache_bust)];
    let words = compose.argv(&["build", "--no-cache", &desired.service]);
    let argv = Argv::new(env.into_iter().chain(words));
    let cause = "runs every instruction again, also those that fetch something that moved";
    steps.push(
        Step::new("build", Phase::Build, Place::Server, cause, argv, Probe::Rebuilt { before })
            .pre(Probe::CleanAtCommit)
            .always(),
    );
}

/// Verifies, and writes the ledgers.
pub(super) fn verification(steps: &mut Vec<Step>, service: &str, options: &Options, seen: &Observed) {
    let words = ["unstale".to_owned(), "verify".to_owned(), service.to_owned()];
    let argv =
        Argv::new(words.into_iter().chain(options.target_words.iter().cloned()).chain(["--rev".to_owned()]))
            .commit();
    let cause = "the bytes that the process sees, compared with git: every step above can succeed and still serve old code";
    steps.push(
        Step::new("verify", Phase::Verify, Place::Here, cause, argv, Probe::Verified).always().by_unstale(),
    );
    let mut ledgers = Vec::new();
    if let Some(git) = seen.server.git() {
        ledgers.push((Place::Server, git.git_dir.clone(), "ledger-folder", "record"));
        if seen.checkouts == Checkouts::One {
            // One checkout is both: one ledger, one line.
            return record(steps, options, ledgers);
        }
    }
    ledgers.push((Place::Here, seen.here.git_dir.clone(), "ledger-folder-here", "record-here"));
    record(steps, options, ledgers);
}

fn record(
    steps: &mut Vec<Step>,
    options: &Options,
    ledgers: Vec<(Place, String, &'static str, &'static str)>,
) {
    for (place, git_dir, folder, line) in ledgers {
        let dir = format!("{git_dir}/unstale");
        steps.push(Step::new(
            folder,
            Phase::Verify,
            place,
            "the ledger lies in the git folder, where it dirties nothing",
            Argv::new(["mkdir", "-p", &dir]),
            Probe::LedgerFolder { place },
        ));
        let argv = Argv::new(["tee".to_owned(), "-a".to_owned(), format!("{dir}/ledger.ndjson")]);
        let post = Probe::Recorded { place, id: options.id.clone() };
        let cause = "the next deploy compares with the last verified commit";
        steps.push(Step::new(line, Phase::Verify, place, cause, argv, post).reads(Stdin::LedgerLine));
    }
}

/// A part of an image name: lower case, and only what Docker allows.
fn image_name(text: &str) -> String {
    let clean: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .collect();
    let mut name = String::new();
    for part in clean.split('-').filter(|p| !p.is_empty()) {
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(part);
    }
    name
}

/// Names for a message: at most five, in backticks.
fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|n| format!("`{}`", n.replace('\n', "\\n"))).collect();
    let more = names.len().saturating_sub(5);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{tail}", shown.join(", "))
}
