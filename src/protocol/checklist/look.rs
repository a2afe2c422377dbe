//! What must be seen after a step: in words, and the command that shows it where one can.

use super::{Checklist, Mark};
use crate::protocol::{
    names::Sha,
    observed::{Compose, Container},
    plan::step::{Probe, Step},
    target::{Arg, Argv, Place},
    verdict::http::{HttpCheck, Part},
};

/// What a command must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expect {
    /// Exactly these words, put together.
    Prints(Vec<Arg>),
    /// Nothing at all.
    Nothing,
    /// Something else than this, or it fails.
    Not(String),
    /// So many lines.
    Lines(usize),
    /// It ends with 0.
    Succeeds,
    /// It fails: what it looks for is not there.
    Fails,
    /// What it prints has this text, which may be empty, and it succeeds.
    Has(Vec<Part>),
}

/// A command that only looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// What it is about, as a clause.
    pub(super) words: String,
    /// Where it runs.
    pub(super) place: Place,
    /// The command.
    pub(super) argv: Argv,
    /// What it must show.
    pub(super) expect: Expect,
    /// Whether another answer says nothing for certain.
    pub(super) weak: bool,
    /// How many seconds it may take until it shows that.
    pub(super) patience: u64,
    /// The container that it is about, if it may be gone.
    pub(super) container: Option<String>,
}

impl Look {
    fn new<S: Into<String>>(
        words: impl Into<String>,
        place: Place,
        argv: impl IntoIterator<Item = S>,
        expect: Expect,
    ) -> Self {
        let (argv, words) = (Argv::new(argv), words.into());
        Self { words, place, argv, expect, weak: false, patience: 0, container: None }
    }
}

/// What must be seen after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct See {
    /// In words, as a clause.
    pub(super) words: String,
    /// The commands that show it; none where no single one can.
    pub(super) looks: Vec<Look>,
}

const STATUS: [&str; 4] = ["git", "status", "--porcelain", "--untracked-files=no"];
const HEAD: [&str; 3] = ["git", "rev-parse", "HEAD"];

/// Of a step: its post probe.
pub(super) fn after(list: &Checklist<'_>, step: &Step) -> See {
    let place = step.place();
    let see = |words: &str, looks: Vec<Look>| See { words: words.to_owned(), looks };
    let at = || Look::new("HEAD is the commit", place, HEAD, Expect::Prints(vec![Arg::Commit]));
    match step.post() {
        Probe::Committed => {
            let look = Look::new("no tracked file is changed", place, STATUS, Expect::Nothing);
            see("git has no change of a tracked file left", vec![look])
        }
        Probe::Pushed => {
            let looks = list.seen.here.upstream.as_ref().map(|up| {
                let name = format!("refs/heads/{}", up.branch);
                let argv = ["git", "ls-remote", "--", &up.remote, &name].map(str::to_owned);
                let line = vec![Arg::Commit, Arg::Text(format!("\t{name}"))];
                Look::new("the branch of the remote is at the commit", place, argv, Expect::Prints(line))
            });
            see("the branch of the remote is at the commit", looks.into_iter().collect())
        }
        Probe::Tagged { tag, image } => {
            let look = Look::new(
                "the tag is on the image that runs",
                place,
                inspect(tag),
                Expect::Prints(vec![Arg::Text(image.0.clone())]),
            );
            see("the image that runs has a second tag, so that nothing prunes it", vec![look])
        }
        Probe::Untagged { tags } => {
            let argv = ["docker", "image", "ls", "-q"].map(str::to_owned).into_iter();
            let argv =
                argv.chain(tags.iter().flat_map(|tag| ["--filter".to_owned(), format!("reference={tag}")]));
            see(
                "no image has these tags any more",
                vec![Look::new("none of them is listed", place, argv, Expect::Nothing)],
            )
        }
        Probe::Gone { ids } => {
            let argv = ["docker", "ps", "-aq", "--no-trunc"].map(str::to_owned).into_iter();
            let argv = argv.chain(ids.iter().flat_map(|id| ["--filter".to_owned(), format!("id={id}")]));
            see(
                "the old containers are gone",
                vec![Look::new("none of them is listed", place, argv, Expect::Nothing)],
            )
        }
        Probe::NoContainers => see("the service has no container any more", Vec::new()),
        Probe::ImageFresh => see("no changed file in the new image is an old one", Vec::new()),
        Probe::Fetched => {
            let mut look =
                Look::new("the commit is there", place, ["git", "cat-file", "commit"], Expect::Succeeds);
            look.argv = look.argv.commit();
            see("the server's repository has the commit", vec![look])
        }
        Probe::AtCommit => see("the server's HEAD is the commit", vec![at()]),
        Probe::Submodules { at } => {
            let each = |(path, sha): &(String, Sha)| {
                let words = format!("submodule `{path}` is at the commit that is recorded for it");
                let git =
                    list.seen.server.git().filter(|git| list.seen.server.dir.as_ref() != Some(&git.toplevel));
                let at = git.map_or_else(|| path.clone(), |git| format!("{}/{path}", git.toplevel));
                let argv = ["git", "-C", &at, "rev-parse", "HEAD"].map(str::to_owned);
                Look::new(words, place, argv, Expect::Prints(vec![Arg::Text(sha.to_string())]))
            };
            see("the submodules are at the commits that are recorded for them", at.iter().map(each).collect())
        }
        Probe::CleanAtCommit => {
            let clean = Look::new("no tracked file is changed", place, STATUS, Expect::Nothing);
            see("the server's HEAD is the commit, and no tracked file is changed", vec![at(), clean])
        }
        Probe::NoSnapshots => see("it says how much it reclaimed, and nothing is fine, too", Vec::new()),
        Probe::Rebuilt { before } => rebuilt(list, place, before.as_ref().map(|id| id.0.as_str())),
        Probe::Running { replicas } => running(list, place, *replicas),
        Probe::Verified => see("it says `verified` and ends with 0", Vec::new()),
        Probe::LedgerFolder { .. } | Probe::Recorded { .. } => {
            see("the ledger has a line for this deploy", Vec::new())
        }
    }
}

fn inspect(image: &str) -> [String; 6] {
    ["docker", "image", "inspect", "--format", "{{.Id}}", image].map(str::to_owned)
}

fn rebuilt(list: &Checklist<'_>, place: Place, before: Option<&str>) -> See {
    let looks = list.seen.server.compose().map(|compose| {
        let expect = before.map_or(Expect::Succeeds, |id| Expect::Not(id.to_owned()));
        let weak = before.is_some();
        Look { weak, ..Look::new("the tag is on a new image", place, inspect(&compose.tag), expect) }
    });
    let words = if before.is_some() {
        "the service's tag is on another image than before (a build that fixes its own times can make the same one, and then phase 7 decides)"
    } else {
        "the service's tag is on an image"
    };
    See { words: words.to_owned(), looks: looks.into_iter().collect() }
}

fn running(list: &Checklist<'_>, place: Place, replicas: usize) -> See {
    let looks = list.seen.server.compose().map(|compose| {
        let argv = ["docker", "ps", "-q"].map(str::to_owned).into_iter();
        let filters = [
            format!("label=com.docker.compose.project={}", compose.project),
            format!("label=com.docker.compose.service={}", list.service),
            format!("ancestor={}", compose.tag),
        ];
        let argv = argv.chain(filters.into_iter().flat_map(|f| ["--filter".to_owned(), f]));
        let look = Look::new("they are listed with the new image", place, argv, Expect::Lines(replicas));
        // Containers take a moment to appear.
        Look { patience: 20, ..look }
    });
    let words = match replicas {
        1 => "one container of the service runs, from the new image".to_owned(),
        n => format!("{n} containers of the service run, all from the new image"),
    };
    See { words, looks: looks.into_iter().collect() }
}

/// What a visitor gets must be as the configuration says. As `unstale verify` asks it: no configuration of the client, no
/// proxy, no redirect, and no status from 400 on.
pub(super) fn answer(check: &HttpCheck) -> Look {
    let words = ["curl", "-q", "-sS", "-f", "-g", "--noproxy", "*", "--max-time", "10"];
    let body = if check.contains.is_none() { &["-o", "/dev/null"][..] } else { &[] };
    let url = ["--url", check.url.as_str()];
    let argv = words.iter().chain(body).chain(&url).map(|word| (*word).to_owned());
    let words = format!("`{}` answers as it should", check.url);
    Look { patience: check.timeout, ..Look::new(words, check.from, argv, Expect::Has(check.parts())) }
}

/// The command that finds a mark, without what runs it, and what it must print.
fn search(mark: &Mark) -> (Vec<String>, Expect, String) {
    match mark {
        Mark::Text { text, at } => {
            let argv = ["grep", "-F", "--", text, at].map(str::to_owned).to_vec();
            (argv, Expect::Succeeds, format!("the new text is in `{at}`"))
        }
        Mark::Hash { digest, at } => {
            let argv = ["sha256sum", at].map(str::to_owned).to_vec();
            let line = vec![Arg::Text(format!("{digest}  {at}"))];
            (argv, Expect::Prints(line), format!("`{at}` has the bytes of git"))
        }
    }
}

/// A mark must not be in a container that runs now.
pub(super) fn before(mark: &Mark, container: &Container) -> Look {
    let (argv, found, _) = search(mark);
    let (Mark::Text { at, .. } | Mark::Hash { at, .. }) = mark;
    let expect = match found {
        Expect::Prints(line) => Expect::Not(line.iter().filter_map(text).collect()),
        _ => Expect::Fails,
    };
    let argv = ["docker", "exec", &container.name].map(str::to_owned).into_iter().chain(argv);
    let words = format!(
        "`{at}` in `{}`, which is old, must not have it yet, or else it proves nothing",
        container.name
    );
    Look { container: Some(container.id.clone()), ..Look::new(words, Place::Server, argv, expect) }
}

fn text(arg: &Arg) -> Option<String> {
    if let Arg::Text(text) = arg { Some(text.clone()) } else { None }
}

/// A mark must be in the n-th of the new containers.
pub(super) fn mark(mark: &Mark, compose: &Compose, service: &str, n: usize, of: usize) -> Look {
    let (argv, expect, words) = search(mark);
    let index = format!("--index={n}");
    let mut exec = vec!["exec", "-T"];
    if of > 1 {
        exec.push(&index);
    }
    exec.push(service);
    let words = if of > 1 { format!("{words}, container {n} of {of}") } else { words };
    Look::new(words, Place::Server, compose.argv(&exec).into_iter().chain(argv), expect)
}
