//! How a file of the repository gets into the container of a service, and what stops it.

use crate::{diag::Location, model::compose::MountKind};

/// Where a file's way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It lies in the running container.
    Reaches,
    /// `.dockerignore` keeps it out of the context.
    Ignored,
    /// No COPY or ADD takes it.
    NotCopied,
    /// It is used in a stage that the image does not contain: what is built from it is what runs.
    BuildOnly,
    /// A mount hides the place where it lies in the image.
    Shadowed,
    /// It lies outside of the build context.
    OutsideContext,
    /// Something on the way is not known.
    Unknown,
}

impl Verdict {
    /// The word of the command line and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reaches => "reaches",
            Self::Ignored => "ignored",
            Self::NotCopied => "not-copied",
            Self::BuildOnly => "build-only",
            Self::Shadowed => "shadowed",
            Self::OutsideContext => "outside-context",
            Self::Unknown => "unknown",
        }
    }
}

/// One step of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The instruction or mount.
    pub at: Location,
    /// What it does, as written in the file.
    pub what: String,
}

/// The mount that hides a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// What kind of mount.
    pub kind: MountKind,
    /// Host path or volume, as far as it is known.
    pub source: Option<String>,
    /// Where it is mounted.
    pub target: String,
    /// The entry in the compose file, or the VOLUME in the Dockerfile.
    pub at: Location,
}

/// The way of one file into one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it ends.
    pub verdict: Verdict,
    /// Absolute paths of the file in the image's file system, where they are known. With [`Verdict::Shadowed`], the
    /// paths that the mount hides; a bind mount that brings the file itself counts as reaching.
    pub container_paths: Vec<String>,
    /// The steps, in order.
    pub hops: Vec<Hop>,
    /// What hides it.
    pub shadow: Option<Shadow>,
}
