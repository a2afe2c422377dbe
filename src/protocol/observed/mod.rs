//! What was seen here and on the server: plain values, each with room for "not known".

pub(super) mod content;
pub(super) mod lock;
pub(super) mod site;

use super::names::{ImageId, Moment, Sha};
use content::{Needed, Submodule};
use lock::Lock;
use site::{Site, Wants};

/// Everything that a plan and its probes are asked against.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The developer's checkout.
    pub here: Here,
    /// The server.
    pub server: Server,
    /// Whether the two are one.
    pub checkouts: Checkouts,
    /// What the commit needs beside git's own content.
    pub needed: Needed,
}

/// How many checkouts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkouts {
    /// The developer works in the very folder that the service is built from.
    One,
    /// Two. Equal paths on two machines are two.
    Two,
}

/// A remote and a branch of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Name of the remote, such as `origin`.
    pub remote: String,
    /// The branch there, without `refs/heads/`.
    pub branch: String,
}

/// How another commit stands to the one that is to be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same commit.
    Same,
    /// An ancestor: fast-forward brings it up.
    Behind,
    /// It has the deployed commit in its history, and more.
    Ahead,
    /// Each has commits that the other lacks.
    Diverged,
    /// The developer's checkout does not know it.
    Unknown,
}

/// Where the branch of the remote stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tip {
    /// It could not be asked; git's own words.
    Unreachable(String),
    /// The branch does not exist there.
    Absent,
    /// There.
    At(Sha, Relation),
}

/// The developer's checkout.
#[derive(Debug, Clone)]
pub struct Here {
    /// Its top folder.
    pub toplevel: String,
    /// The absolute git folder.
    pub git_dir: String,
    /// HEAD; `None` in a repository without a commit.
    pub head: Option<Sha>,
    /// The branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// What the branch follows.
    pub upstream: Option<Upstream>,
    /// Tracked files with changes that are not committed.
    pub modified: Vec<String>,
    /// Files that are neither tracked nor ignored.
    pub untracked: Vec<String>,
    /// The upstream branch, asked at the remote.
    pub tip: Option<Tip>,
    /// How the server's HEAD stands to HEAD here.
    pub server_head: Relation,
    /// Paths that differ between the server's HEAD and HEAD here, if that is ahead.
    pub changing: Vec<String>,
    /// Paths that exist in HEAD here and not in the server's HEAD: a pull writes them.
    pub arriving: Vec<String>,
    /// The ledger, if it was asked for.
    pub ledger: Option<LedgerFile>,
}

/// A ledger as it lies on a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerFile {
    /// Whether its folder exists.
    pub folder: bool,
    /// Its last lines.
    pub lines: Vec<String>,
}

/// The checkout on the server.
#[derive(Debug, Clone)]
pub struct ServerGit {
    /// Its top folder, links resolved.
    pub toplevel: String,
    /// The absolute git folder.
    pub git_dir: String,
    /// HEAD.
    pub head: Option<Sha>,
    /// The branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// What the branch follows.
    pub upstream: Option<Upstream>,
    /// Tracked files with changes that are not committed.
    pub modified: Vec<String>,
    /// Files that are not tracked.
    pub untracked: Vec<String>,
    /// Whether the commit that is deployed has arrived.
    pub has_commit: bool,
    /// Whether checking a text file out changes its bytes (`core.autocrlf`, `core.eol`).
    pub converts_text: bool,
    /// How many commits HEAD has that no branch of a remote has, as far as was fetched.
    pub unpushed: u64,
    /// Lock files of git, of a process that runs or was killed.
    pub locks: Vec<String>,
    /// Whether a hook of the server's own runs after a merge.
    pub after_merge: bool,
    /// Submodules of the index.
    pub submodules: Vec<Submodule>,
    /// Files that are LFS pointers in the work tree.
    pub pointers: Vec<String>,
}

/// Which builder `compose build` uses on the server, as far as it can be told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// The engine's own from before `BuildKit`.
    Classic,
    /// `BuildKit`.
    BuildKit,
}

/// The engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its version, such as `26.1.5`.
    pub version: String,
    /// The builder.
    pub builder: Builder,
}

/// Which Compose there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// `docker compose`.
    Plugin,
    /// `docker-compose` 1.
    Standalone,
}

/// Compose, and what it says of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compose {
    /// Which one.
    pub generation: Generation,
    /// The project.
    pub project: String,
    /// Files to name with `-f`; empty when Compose finds them by itself.
    pub files: Vec<String>,
    /// The services of the project.
    pub services: Vec<String>,
    /// The tag that the service's image gets.
    pub tag: String,
    /// What the service's `build` reads; `None` if it has none.
    pub build: Option<BuildSource>,
    /// What a container of the service wants for itself alone.
    pub wants: Wants,
}

/// What a `build` reads, as Compose itself says after overrides, `COMPOSE_FILE` and `extends`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildSource {
    /// The context: absolute, or from the checkout's top once it is placed there.
    pub context: String,
    /// The Dockerfile, from the context or absolute.
    pub dockerfile: String,
    /// The stage; empty for the last one.
    pub target: String,
    /// Whether it has something else that brings files: `additional_contexts`, `dockerfile_inline`.
    pub more: bool,
}

impl Compose {
    /// `docker compose -p PROJECT …` and the words after it.
    pub fn argv(&self, words: &[&str]) -> Vec<String> {
        let mut argv: Vec<String> = match self.generation {
            Generation::Plugin => vec!["docker".into(), "compose".into()],
            Generation::Standalone => vec!["docker-compose".into()],
        };
        argv.extend(["-p".into(), self.project.clone()]);
        for file in &self.files {
            argv.extend(["-f".into(), file.clone()]);
        }
        argv.extend(words.iter().map(|&w| w.to_owned()));
        argv
    }
}

/// What a container has at a path instead of its image's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A path of the host.
    Bind(String),
    /// A volume with a name.
    Named(String),
    /// A volume that Docker named.
    Anonymous(String),
    /// Memory.
    Tmpfs,
}

/// A mount of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is there.
    pub source: MountSource,
    /// Absolute path in the container.
    pub target: String,
}

impl Mount {
    /// The mount that decides what lies at `path`: the deepest one on or above it.
    pub fn covering<'a>(mounts: &'a [Self], path: &str) -> Option<&'a Self> {
        mounts.iter().filter(|m| below(path, &m.target).is_some()).max_by_key(|m| m.target.len())
    }
}

/// What remains of `path` below the folder `dir`; empty when they are the same, `None` when it does not lie there.
pub fn below<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(dir.trim_end_matches('/'))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// What a container's health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// There is none.
    None,
    /// Not decided yet.
    Starting,
    /// It passes.
    Healthy,
    /// It fails.
    Unhealthy,
}

/// A container of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Full ID.
    pub id: String,
    /// Name, without the leading slash.
    pub name: String,
    /// The image that it was made from.
    pub image: ImageId,
    /// The engine's word for its state: `running`, `exited`, `restarting`, …
    pub status: String,
    /// Its first process on the engine's machine; 0 when it does not run.
    pub pid: u32,
    /// When it was made.
    pub created: Option<Moment>,
    /// When its process started.
    pub started: Option<Moment>,
    /// How often the engine restarted it.
    pub restarts: u64,
    /// Its health check.
    pub health: Health,
    /// How its process ended, while none runs.
    pub ended: Option<Ended>,
    /// Its mounts, tmpfs included.
    pub mounts: Vec<Mount>,
    /// The Compose project that made it.
    pub project: String,
    /// The folder that Compose ran in.
    pub working_dir: String,
    /// The compose files that it was made from.
    pub config_files: Vec<String>,
}

impl Container {
    /// Whether a process runs in it that can be looked at.
    pub fn runs(&self) -> bool {
        self.status == "running" && self.pid != 0
    }
}

/// An image on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its ID.
    pub id: ImageId,
    /// Its tags.
    pub tags: Vec<String>,
    /// When a tag was last put on it.
    pub tagged: Option<Moment>,
}

/// What the server answered. A part that was not asked for is `None`.
#[derive(Debug, Clone)]
pub struct Server {
    /// The folder, links resolved; `None` if it does not exist.
    pub dir: Option<String>,
    /// The folder as it was named, links not resolved: Compose labels containers with the one or the other.
    pub named: Option<String>,
    /// Its clock when it began to answer.
    pub now: Moment,
    /// Its clock when it had answered.
    pub answered: Moment,
    /// The checkout, or git's words on why there is none.
    pub git: Option<Result<ServerGit, String>>,
    /// The engine, or the client's words on why it does not answer.
    pub engine: Option<Result<Engine, String>>,
    /// The names of all containers that run on the engine, whosever they are; asked with the engine.
    pub running: Option<Vec<String>>,
    /// Compose, or its words on why it cannot read the project.
    pub compose: Option<Result<Compose, String>>,
    /// Containers of the service, whatever their state, without one-off ones.
    pub containers: Option<Vec<Container>>,
    /// All images.
    pub images: Option<Vec<Image>>,
    /// How many context snapshots the builder's cache holds that nothing uses.
    pub snapshots: Option<u64>,
    /// The ledger.
    pub ledger: Option<LedgerFile>,
    /// What else there is on the server.
    pub site: Option<Site>,
    /// Who deploys at the moment, and what was left unfinished.
    pub lock: Option<Lock>,
}

impl Server {
    /// Whether a path is the server's folder, by either of its names.
    pub fn is_dir(&self, path: &str) -> bool {
        [&self.dir, &self.named].into_iter().flatten().any(|d| d == path)
    }

    /// The checkout, where it is known.
    pub fn git(&self) -> Option<&ServerGit> {
        self.git.as_ref()?.as_ref().ok()
    }

    /// Compose, where it is known.
    pub fn compose(&self) -> Option<&Compose> {
        self.compose.as_ref()?.as_ref().ok()
    }

    /// The engine, where it is known.
    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()?.as_ref().ok()
    }

    /// Containers of the project's service; empty when they are not known.
    pub fn replicas(&self) -> impl Iterator<Item = &Container> {
        let project = self.compose().map(|c| c.project.as_str());
        self.containers.iter().flatten().filter(move |c| Some(c.project.as_str()) == project)
    }

    /// The image that a tag points at.
    pub fn image(&self, tag: &str) -> Option<&Image> {
        let full = full_tag(tag);
        self.images.as_ref()?.iter().find(|i| i.tags.iter().any(|t| full_tag(t) == full))
    }
}

/// The tag as the engine lists it: `:latest` written out, Docker Hub's own prefixes dropped.
pub fn full_tag(tag: &str) -> String {
    let tag = tag.strip_prefix("docker.io/").unwrap_or(tag);
    let tag = tag.strip_prefix("library/").unwrap_or(tag);
    let name = tag.rsplit('/').next().unwrap_or(tag);
    if name.contains(':') { tag.to_owned() } else { format!("{tag}:latest") }
}

/// How a container's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; 128 and more for a signal.
    pub code: i64,
    /// Whether the kernel ended it, as there was no memory left.
    pub for_memory: bool,
}
