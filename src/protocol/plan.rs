//! The protocol: from what is wanted and what was seen to the list of steps, or to a refusal.

use serde::{Deserialize, Serialize};

use super::{
    names::{ImageId, Sha},
    observed::{Builder, Checkouts, Compose, Container, Engine, Observed, ServerGit, Upstream},
    preflight::{Refused, list, refuse_here, refuse_lock, refuse_server},
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
    let upstream = refuse_here(&seen.here, desired.message.as_deref())?;
    let (git, compose, engine) = refuse_server(seen, &desired.service, upstream)?;
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
