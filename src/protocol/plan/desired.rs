//! What is asked for, and how it is to be done.

/// What the user asks for.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The service.
    pub service: String,
    /// The service of the same deploy that builds its image, if it does not itself.
    pub maker: Option<String>,
    /// The message of the commit that is to be made, if there is something to commit.
    pub message: Option<String>,
    /// What comes first.
    pub order: Order,
    /// What the build may use.
    pub cache: Cache,
}

impl Desired {
    /// By the user's own protocol.
    pub fn new(service: impl Into<String>, message: Option<&str>) -> Self {
        let (order, cache) = (Order::default(), Cache::default());
        Self { service: service.into(), maker: None, message: message.map(str::to_owned), order, cache }
    }
}

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The old container goes first: what is built can only be tried by starting it.
    #[default]
    Protocol,
    /// The build: the service is down only from the removal to the start, and a failed build takes nothing down.
    BuildFirst,
}

impl Order {
    /// The word of the command line and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::BuildFirst => "build-first",
        }
    }
}

/// What a build may use of earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cache {
    /// Nothing.
    #[default]
    Fresh,
    /// All but the snapshots of the context. If what comes out is stale, it is built again without.
    Verified,
}

impl Cache {
    /// The word of the command line and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Verified => "verified",
        }
    }
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
    /// The words that name the text that proves it; none without one.
    pub expect_words: Vec<String>,
    /// How many images of before stay kept after a verified deploy.
    pub keep: usize,
    /// Whether the stages of the build have to be looked into: something changed that only the build reads.
    pub stages: bool,
}
