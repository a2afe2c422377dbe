//! What was measured after a deploy: bytes in git, in the checkout, in the image and in the process's view.

use super::{ailment::Unsettled, compiled::Compiled, file::FileEvidence};
use crate::{
    analysis::{
        route::{Route, Verdict as End},
        way::Way,
    },
    protocol::{
        names::{Moment, Sha},
        observed::{Builder, Compose, Container, Image, Relation},
        target::Target,
    },
};

/// Whether and where a file of the repository lies in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// At these absolute paths, or it would lie there if no mount hid it.
    Container(Vec<String>),
    /// Only in stages that build what runs, and how that gets into the image: its own bytes are not in the container.
    Build(Option<Box<Way>>),
    /// Nowhere: it says how something is made.
    Recipe(Makes),
    /// Nowhere: the image does not ship it.
    Left(Left),
    /// Not known.
    Unknown,
}

/// Why the image does not ship a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// `.dockerignore` keeps it out of the context.
    Ignored,
    /// No COPY or ADD takes it.
    NotCopied,
    /// It lies outside of the build context.
    Outside,
}

impl Left {
    /// As a clause.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "`.dockerignore` keeps it out",
            Self::NotCopied => "no COPY takes it",
            Self::Outside => "it lies outside of the build context",
        }
    }
}

/// What a file without a place in the container says how to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Makes {
    /// The image: a Dockerfile, a `.dockerignore`.
    Image,
    /// The image and the container: a compose file.
    Container,
}

/// A tracked file that matters for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Path from the repository's top, with `/`.
    pub path: String,
    /// Where it ends.
    pub reach: Reach,
}

impl Candidate {
    /// From the way that `trace` found.
    pub fn new(path: impl Into<String>, route: &Route) -> Self {
        let reach = match route.verdict {
            End::Reaches | End::Shadowed if route.container_paths.is_empty() => Reach::Unknown,
            End::Reaches | End::Shadowed => Reach::Container(route.container_paths.clone()),
            End::BuildOnly => Reach::Build(route.way.clone()),
            End::Unknown => Reach::Unknown,
            End::Ignored => Reach::Left(Left::Ignored),
            End::NotCopied => Reach::Left(Left::NotCopied),
            End::OutsideContext => Reach::Left(Left::Outside),
        };
        Self { path: path.into(), reach }
    }
}

/// Whether the text of `--expect` is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is.
    Yes,
    /// The file was read and does not have it.
    No,
    /// The file could not be read, and why.
    Unknown(String),
}

/// One container of the service.
#[derive(Debug, Clone)]
pub struct ReplicaEvidence {
    /// The container.
    pub container: Container,
    /// Why it is not settled; `None` when it is.
    pub unsettled: Option<Unsettled>,
    /// Whether a ledger says that its image was verified at the expected commit: then it was built from that.
    pub was_verified: bool,
    /// Its files.
    pub files: Vec<FileEvidence>,
    /// The text of `--expect`, if there was one.
    pub expect: Option<Found>,
}

/// What is known of the build of the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Built {
    /// This very run built it from the expected commit, without a cache and without a context snapshot.
    Anew,
    /// This very run built it from the expected commit, with cache but without a context snapshot.
    Cached,
    /// Nothing.
    #[default]
    Unknown,
}

/// What "changed" is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// A deploy that was verified: what did not change since then is as it was.
    Verified,
    /// Some earlier commit: it says nothing of what ran then.
    Guessed,
}

/// A tracked file whose effect lies in no file of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Path in the repository.
    pub path: String,
    /// What it makes.
    pub makes: Makes,
    /// Whether git's bytes changed since the base.
    pub changed: bool,
    /// When it last changed on the server; `None`: it could not be asked.
    pub when: Option<Moment>,
}

/// A tracked file that the image does not ship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotShipped {
    /// Path in the repository.
    pub path: String,
    /// Why.
    pub why: Left,
    /// Whether git's bytes changed since the base.
    pub changed: bool,
}

/// Everything that a verdict needs.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The service.
    pub service: String,
    /// What should run.
    pub commit: Sha,
    /// The server's HEAD.
    pub head: Option<Sha>,
    /// How the server's HEAD stands to what should run.
    pub head_stands: Relation,
    /// Whether files count as changed since a verified deploy, or only since the commit before.
    pub base: Base,
    /// Files that say how the image is built or how the container is made.
    pub recipes: Vec<Recipe>,
    /// Tracked files that are changed on the server.
    pub modified: Vec<String>,
    /// The image that the service's tag points at.
    pub tagged: Option<Image>,
    /// The builder.
    pub builder: Option<Builder>,
    /// Where the image of the tag comes from.
    pub built: Built,
    /// The containers.
    pub replicas: Vec<ReplicaEvidence>,
    /// Changed files whose own bytes cannot be looked for in the container.
    pub unproven: Vec<String>,
    /// Those of them that are submodules whose commit no clone here has.
    pub not_fetched: Vec<String>,
    /// Files that are in no container but by a mount.
    pub not_shipped: Vec<NotShipped>,
    /// What else tells of those of them that only the build reads.
    pub compiled: Compiled,
    /// Path in the container of `--expect`.
    pub expect_in: Option<String>,
    /// Compose, for the cures.
    pub compose: Compose,
    /// The server, for the cures.
    pub target: Target,
}
