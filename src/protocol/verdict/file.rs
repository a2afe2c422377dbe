//! One file at one path of one container: what git, the checkout, the image and the process have there, and what that says.

use crate::protocol::names::{Moment, Sha};

/// The SHA-256 of some bytes, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(pub String);

/// The content of a file somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bytes {
    /// Known.
    Known {
        /// Its digest.
        digest: Digest,
        /// Its length, where that was asked.
        len: Option<u64>,
    },
    /// There is no such file.
    Missing,
    /// It could not be told, and why.
    Unknown(String),
}

impl Bytes {
    /// The digest, where it is known.
    pub fn digest(&self) -> Option<&Digest> {
        if let Self::Known { digest, .. } = self { Some(digest) } else { None }
    }

    fn len(&self) -> Option<u64> {
        if let Self::Known { len, .. } = self { *len } else { None }
    }

    /// Whether both are known to have the same length.
    pub fn same_len(&self, other: &Self) -> bool {
        self.len().is_some() && self.len() == other.len()
    }
}

/// What the file system says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// How many names it has; 0 for a file that was replaced while something holds it.
    pub links: u64,
    /// Device and inode.
    pub inode: String,
    /// The latest moment at which its inode can have changed, by the server's clock.
    pub changed: Moment,
    /// Whether its owner may execute it, where that was asked.
    pub executable: Option<bool>,
}

/// One file at one path of one container.
#[derive(Debug, Clone)]
pub struct FileEvidence {
    /// Path in the repository.
    pub path: String,
    /// Path in the container.
    pub at: String,
    /// Whether git's bytes changed since the last verified deploy.
    pub changed: bool,
    /// What git says it should be, as a checkout on the server writes it; missing for a file that was deleted.
    pub expected: Bytes,
    /// What it was at the last verified deploy.
    pub before: Bytes,
    /// What the process sees.
    pub actual: Bytes,
    /// The newest commit of the past that has these very bytes, when they are not the expected ones.
    pub older: Option<Sha>,
    /// A commit outside of the expected one's history that has these very bytes, when no commit of the history does.
    pub foreign: Option<Sha>,
    /// The file as the process sees it.
    pub seen: Option<Stat>,
    /// What the image that the service's tag points at holds; asked only when something differs.
    pub image: Option<Bytes>,
    /// Whether the checkout's file is younger than the last build, as far as the image's tag tells; asked only when
    /// something differs.
    pub unbuilt: bool,
    /// The file in the server's checkout; asked only when something differs.
    pub checkout: Option<(Bytes, Stat)>,
    /// The host's file behind a bind mount; asked only when something differs.
    pub host: Option<Stat>,
}

/// What one file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState<'a> {
    /// It has the expected bytes.
    Fresh,
    /// It has the bytes of an older commit; `None`: it is not there, as before it was added.
    Stale(Option<&'a Sha>),
    /// It is not there.
    Missing,
    /// It has bytes that git never had, or could not be read.
    Unknown,
}

/// What a file says about the deploy. A file that is not there, or not gone, is stale only where something tells that a
/// build of this commit would put it there, or would not: a build can also remove files, and make files of its own.
pub fn state_of(file: &FileEvidence) -> FileState<'_> {
    let built = file.image.as_ref();
    match (&file.expected, &file.actual) {
        (Bytes::Known { digest: want, .. }, Bytes::Known { digest: have, .. }) => match &file.older {
            _ if want == have => FileState::Fresh,
            Some(older) => FileState::Stale(Some(older)),
            None => FileState::Unknown,
        },
        (Bytes::Known { digest: want, .. }, Bytes::Missing) => {
            let would_be = file.unbuilt || built.and_then(Bytes::digest) == Some(want);
            if file.changed && would_be { FileState::Stale(None) } else { FileState::Missing }
        }
        (Bytes::Missing, Bytes::Missing) => FileState::Fresh,
        (Bytes::Missing, Bytes::Known { .. }) => match &file.older {
            Some(older) if built == Some(&Bytes::Missing) => FileState::Stale(Some(older)),
            _ => FileState::Unknown,
        },
        _ => FileState::Unknown,
    }
}

pub(in crate::protocol) fn why_open(file: &FileEvidence, state: FileState<'_>) -> String {
    match (state, &file.expected, &file.actual) {
        (FileState::Missing, ..) if file.image == Some(Bytes::Missing) => {
            "is missing, and not in the image either: the build leaves it out".to_owned()
        }
        (FileState::Missing, ..) => "is missing".to_owned(),
        (_, Bytes::Missing, _) => "was deleted in git, and is still there with its old bytes".to_owned(),
        (_, Bytes::Unknown(why), _) | (_, _, Bytes::Unknown(why)) => format!("cannot be compared ({why})"),
        _ => "has bytes that no commit up to this one had: the build or the running program changed it"
            .to_owned(),
    }
}
