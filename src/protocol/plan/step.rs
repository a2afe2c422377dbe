//! One step of the protocol: what runs where, why, and how to see that it is done.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::protocol::{
    names::{ImageId, Sha},
    observed::{Container, Observed},
    target::{Arg, Argv, Place},
};

/// Has `unstale verify` look into the stages of the build.
pub(in crate::protocol) const STAGES: &str = "--stages";

/// The user's seven phases, in the user's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// 1: commit and push.
    Push = 1,
    /// 2: remove the old container.
    Remove,
    /// 3: pull.
    Pull,
    /// 4: verify git on the server.
    Source,
    /// 5: prune the build cache and build without it.
    Build,
    /// 6: start.
    Up,
    /// 7: verify in the running container.
    Verify,
}

impl Phase {
    /// 1 to 7.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// What a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// Nothing.
    Nothing,
    /// The deploy's line of the ledger.
    LedgerLine,
}

/// Who carries a step out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The program that the command names.
    Program,
    /// `unstale` itself, within the same process; the command does the same by hand.
    Unstale,
}

/// Whether a step is left out when its post probe already holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Again {
    /// It is: that is resume.
    UnlessDone,
    /// It runs every time.
    Always,
}

/// Whether a step runs at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// It does.
    #[default]
    Always,
    /// Only if what was looked at last is stale, and a build could end that: the way from a build with cache back to one
    /// without.
    IfStale,
    /// Only if the deploy is verified. What becomes of it then says nothing of the deploy.
    IfVerified,
}

/// A part of the read-only observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// The server's checkout.
    Git,
    /// The engine.
    Engine,
    /// Compose and the project.
    Compose,
    /// The service's containers.
    Containers,
    /// The images.
    Images,
    /// The builder's cache.
    BuildCache,
    /// The ledger.
    Ledger,
    /// What else there is on the server.
    Site,
    /// Who deploys at the moment, and what was left unfinished.
    Lock,
    /// The developer's checkout and its remote.
    Here,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Git,
        Self::Engine,
        Self::Compose,
        Self::Containers,
        Self::Images,
        Self::BuildCache,
        Self::Ledger,
        Self::Site,
        Self::Lock,
        Self::Here,
    ];
}

/// Something that can be looked at without changing anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// The developer's checkout has no uncommitted change of a tracked file.
    Committed,
    /// The upstream branch is at the deployed commit.
    Pushed,
    /// An image carries a tag.
    Tagged {
        /// The tag.
        tag: String,
        /// The image.
        image: ImageId,
    },
    /// No image carries one of the tags.
    Untagged {
        /// The tags.
        tags: Vec<String>,
    },
    /// The containers do not exist any more.
    Gone {
        /// Their IDs.
        ids: Vec<String>,
    },
    /// The service has no container.
    NoContainers,
    /// The server's repository has the deployed commit.
    Fetched,
    /// The server's HEAD is the deployed commit.
    AtCommit,
    /// Submodules of the server's checkout are at these commits.
    Submodules {
        /// Their paths from the repository's top, and the commits.
        at: Vec<(String, Sha)>,
    },
    /// The server's HEAD is the deployed commit, no tracked file is changed, and submodules and LFS files that the
    /// build reads are real.
    CleanAtCommit,
    /// The builder keeps no context snapshot that nothing uses.
    NoSnapshots,
    /// The service's tag is on another image than when the plan was made.
    Rebuilt {
        /// The image that it was on.
        before: Option<ImageId>,
    },
    /// The image that the service's tag points at has no changed file of an older commit.
    ImageFresh,
    /// So many containers of the service run, all from the image that its tag points at.
    Running {
        /// How many.
        replicas: usize,
    },
    /// The verdict is `verified`.
    Verified,
    /// The ledger's folder exists.
    LedgerFolder {
        /// Which ledger.
        place: Place,
    },
    /// The ledger has the line of this deploy.
    Recorded {
        /// Which ledger.
        place: Place,
        /// The deploy's id.
        id: String,
    },
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// It holds.
    Yes,
    /// It does not, and why.
    No(String),
    /// It could not be told, and why.
    Unknown(String),
}

impl Probe {
    /// What has to be asked to decide it.
    pub fn questions(&self) -> &'static [Question] {
        match self {
            Self::Committed
            | Self::Pushed
            | Self::LedgerFolder { place: Place::Here }
            | Self::Recorded { place: Place::Here, .. } => &[Question::Here],
            Self::Tagged { .. } | Self::Untagged { .. } => &[Question::Images],
            Self::Gone { .. } => &[Question::Containers],
            Self::NoContainers => &[Question::Containers, Question::Compose],
            Self::Fetched | Self::AtCommit | Self::Submodules { .. } | Self::CleanAtCommit => {
                &[Question::Git]
            }
            Self::NoSnapshots => &[Question::BuildCache],
            Self::Rebuilt { .. } | Self::Running { .. } => {
                &[Question::Containers, Question::Compose, Question::Images]
            }
            Self::ImageFresh | Self::Verified => &[],
            Self::LedgerFolder { place: Place::Server } | Self::Recorded { place: Place::Server, .. } => {
                &[Question::Ledger]
            }
        }
    }

    /// Decides it against what was seen.
    pub fn holds(&self, seen: &Observed, commit: Option<&Sha>) -> Holds {
        let Some(commit) = commit else { return Holds::Unknown("the commit is not made yet".into()) };
        let not_asked = || Holds::Unknown("not asked".into());
        let server = &seen.server;
        match self {
            Self::Committed => check(seen.here.modified.is_empty(), || {
                format!("`{}` has changes that are not committed", seen.here.modified[0])
            }),
            Self::Pushed => match &seen.here.tip {
                Some(crate::protocol::observed::Tip::At(sha, _)) => {
                    check(sha == commit, || format!("the remote's branch is at {}", sha.short()))
                }
                Some(crate::protocol::observed::Tip::Absent) => {
                    Holds::No("the remote has no such branch".into())
                }
                Some(crate::protocol::observed::Tip::Unreachable(why)) => Holds::Unknown(why.clone()),
                None => not_asked(),
            },
            Self::Tagged { tag, image } => match (&server.images, server.image(tag)) {
                (None, _) => not_asked(),
                (_, found) => {
                    check(found.is_some_and(|i| i.id == *image), || format!("`{tag}` is not on that image"))
                }
            },
            Self::Untagged { tags } => match &server.images {
                None => not_asked(),
                Some(_) => match tags.iter().find(|tag| server.image(tag).is_some()) {
                    Some(tag) => Holds::No(format!("`{tag}` is still on an image")),
                    None => Holds::Yes,
                },
            },
            Self::Gone { ids } => match &server.containers {
                None => not_asked(),
                Some(all) => match all.iter().find(|c| ids.contains(&c.id)) {
                    Some(c) => Holds::No(format!("container `{}` still exists", c.name)),
                    None => Holds::Yes,
                },
            },
            Self::NoContainers => match (&server.containers, server.compose()) {
                (Some(_), Some(_)) => match server.replicas().next() {
                    Some(c) => Holds::No(format!("container `{}` still exists", c.name)),
                    None => Holds::Yes,
                },
                _ => not_asked(),
            },
            Self::Fetched | Self::AtCommit | Self::CleanAtCommit => match server.git() {
                None => Holds::Unknown("the server's checkout could not be read".into()),
                Some(git) => match self.holds_in_git(git, commit) {
                    Holds::Yes if *self == Self::CleanAtCommit => {
                        super::preflight::not_real(seen, git).map_or(Holds::Yes, Holds::No)
                    }
                    holds => holds,
                },
            },
            Self::Submodules { at } => match server.git() {
                None => Holds::Unknown("the server's checkout could not be read".into()),
                Some(git) => super::preflight::submodule(at, git).map_or(Holds::Yes, Holds::No),
            },
            Self::NoSnapshots => match server.snapshots {
                None => Holds::Unknown("the engine does not say what its build cache holds".into()),
                Some(n) => check(n == 0, || format!("{n} context snapshots are left")),
            },
            Self::Rebuilt { before } => match (server.compose(), &server.images) {
                (Some(compose), Some(_)) => match server.image(&compose.tag) {
                    None => Holds::No(format!("no image has the tag `{}`", compose.tag)),
                    // A build that fixes its own times may give the same image again: only the evidence can say.
                    Some(now) if before.as_ref() == Some(&now.id) => {
                        Holds::Unknown(format!("`{}` has the same image ID as before", compose.tag))
                    }
                    Some(_) => Holds::Yes,
                },
                _ => not_asked(),
            },
            Self::Running { replicas } => holds_running(seen, *replicas),
            Self::ImageFresh | Self::Verified => Holds::Unknown("only the evidence can say".into()),
            Self::LedgerFolder { place } | Self::Recorded { place, .. } => {
                let file = match place {
                    Place::Here => &seen.here.ledger,
                    Place::Server => &server.ledger,
                };
                match (file, self) {
                    (None, _) => not_asked(),
                    (Some(file), Self::Recorded { id, .. }) => {
                        let mark = format!("\"id\":\"{id}\"");
                        check(file.lines.iter().any(|l| l.contains(&mark)), || {
                            "the ledger lacks the line".into()
                        })
                    }
                    (Some(file), _) => check(file.folder, || "the folder does not exist".into()),
                }
            }
        }
    }

    fn holds_in_git(&self, git: &crate::protocol::observed::ServerGit, commit: &Sha) -> Holds {
        if *self == Self::Fetched {
            return check(git.has_commit, || format!("the server lacks commit {}", commit.short()));
        }
        match &git.head {
            Some(head) if head == commit => {}
            Some(head) => return Holds::No(format!("the server is at {}", head.short())),
            None => return Holds::No("the server's checkout has no commit".into()),
        }
        match git.modified.first() {
            Some(file) if *self == Self::CleanAtCommit => {
                Holds::No(format!("`{file}` is changed on the server"))
            }
            _ => Holds::Yes,
        }
    }
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Holds {
    if holds { Holds::Yes } else { Holds::No(why()) }
}

fn holds_running(seen: &Observed, replicas: usize) -> Holds {
    let server = &seen.server;
    let (Some(compose), Some(_), Some(_)) = (server.compose(), &server.containers, &server.images) else {
        return Holds::Unknown("not asked".into());
    };
    let Some(image) = server.image(&compose.tag) else {
        return Holds::No(format!("no image has the tag `{}`", compose.tag));
    };
    let running: Vec<&Container> = server.replicas().filter(|c| c.runs()).collect();
    if let Some(old) = running.iter().find(|c| c.image != image.id) {
        let name = &old.name;
        return Holds::No(format!("container `{name}` runs {}, not `{}`", old.image.short(), compose.tag));
    }
    check(running.len() >= replicas, || {
        let dead = server.replicas().find(|c| !c.runs());
        let dead = dead.map(|c| format!(": `{}` is {}", c.name, c.status)).unwrap_or_default();
        format!("{} of {replicas} containers run{dead}", running.len())
    })
}

/// How to take a step back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// What it brings back, as a clause.
    pub cause: String,
    /// The commands, in order, where the step ran.
    pub argvs: Vec<Argv>,
}

/// One step. There is no way to make one without a post probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    id: Cow<'static, str>,
    phase: Phase,
    place: Place,
    cause: String,
    argv: Argv,
    pre: Option<Probe>,
    post: Probe,
    undo: Option<Undo>,
    stdin: Stdin,
    actor: Actor,
    again: Again,
    #[serde(default)]
    when: When,
    #[serde(default)]
    service: Option<String>,
}

impl Step {
    /// A step that a program carries out, and that is left out when `post` already holds.
    pub fn new(
        id: &'static str,
        phase: Phase,
        place: Place,
        cause: impl Into<String>,
        argv: Argv,
        post: Probe,
    ) -> Self {
        Self {
            id: Cow::Borrowed(id),
            phase,
            place,
            cause: cause.into(),
            argv,
            pre: None,
            post,
            undo: None,
            stdin: Stdin::Nothing,
            actor: Actor::Program,
            again: Again::UnlessDone,
            when: When::Always,
            service: None,
        }
    }

    /// Is about one service; without this, about all that are deployed.
    #[must_use]
    pub fn of(self, service: &str) -> Self {
        Self { service: Some(service.to_owned()), ..self }
    }

    /// Refuses to run unless the probe holds.
    #[must_use]
    pub fn pre(self, probe: Probe) -> Self {
        Self { pre: Some(probe), ..self }
    }

    /// Says how to take it back.
    #[must_use]
    pub fn undo(self, undo: Undo) -> Self {
        Self { undo: Some(undo), ..self }
    }

    /// Runs every time, whatever the post probe says before.
    #[must_use]
    pub fn always(self) -> Self {
        Self { again: Again::Always, ..self }
    }

    /// Runs only if what was looked at last is stale.
    #[must_use]
    pub fn if_stale(self) -> Self {
        Self { when: When::IfStale, ..self }
    }

    /// Runs only if the deploy is verified.
    #[must_use]
    pub fn if_verified(self) -> Self {
        Self { when: When::IfVerified, ..self }
    }

    /// Reads something.
    #[must_use]
    pub fn reads(self, stdin: Stdin) -> Self {
        Self { stdin, ..self }
    }

    /// Is carried out within the process.
    #[must_use]
    pub fn by_unstale(self) -> Self {
        Self { actor: Actor::Unstale, ..self }
    }

    /// Its name in plans, logs and JSON.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Which of the seven.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Where it runs.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Why it is there, as a clause.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// The command.
    pub fn argv(&self) -> &Argv {
        &self.argv
    }

    /// What must hold before it.
    pub fn pre_probe(&self) -> Option<&Probe> {
        self.pre.as_ref()
    }

    /// What holds after it.
    pub fn post(&self) -> &Probe {
        &self.post
    }

    /// How to take it back.
    pub fn undo_of(&self) -> Option<&Undo> {
        self.undo.as_ref()
    }

    /// What it reads.
    pub fn stdin(&self) -> Stdin {
        self.stdin
    }

    /// Who carries it out.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// Whether it is left out when it is done.
    pub fn again(&self) -> Again {
        self.again
    }
    /// The service that it is about; `None` if it is about all.
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// Whether it concerns a service.
    pub fn concerns(&self, service: &str) -> bool {
        self.service.as_deref().is_none_or(|own| own == service)
    }

    /// Whether it runs at all.
    pub fn when(&self) -> When {
        self.when
    }

    /// Whether it takes the service's containers away.
    pub fn removes(&self) -> bool {
        matches!(self.post, Probe::Gone { .. } | Probe::NoContainers)
    }

    /// Whether it builds the service's image.
    pub fn builds(&self) -> bool {
        matches!(self.post, Probe::Rebuilt { .. })
    }

    /// The value of `CACHE_BUST` in its command, if it builds.
    pub fn cache_bust(&self) -> Option<&str> {
        let mut words = self.argv.0.iter().filter(|_| self.builds());
        words.find_map(|arg| match arg {
            Arg::Text(word) => word.strip_prefix("CACHE_BUST="),
            Arg::Commit => None,
        })
    }

    /// Whether it looks into the stages of the build.
    pub fn looks_into_stages(&self) -> bool {
        let is_flag = |arg: &Arg| matches!(arg, Arg::Text(word) if word == STAGES);
        self.post == Probe::Verified && self.argv.0.iter().any(is_flag)
    }

    /// Whether it builds the service's image and uses nothing that an earlier build left.
    pub fn builds_anew(&self) -> bool {
        self.builds() && self.argv.0.iter().any(|arg| matches!(arg, Arg::Text(word) if word == "--no-cache"))
    }
}
