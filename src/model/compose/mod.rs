//! The meaning of one compose file: services, builds, mounts and volumes, each with its span.

pub mod edit;
mod mounts;
mod read;
mod reader;

use crate::{
    syntax::{
        SyntaxError,
        yaml::{NodeId, Tree},
    },
    text::{FileId, Span, Spanned},
};

pub use crate::syntax::dotenv::Env;

/// Reads a compose file. Text that is not YAML, or not a compose file, gives errors and what could be read.
///
/// `env` has the values of `.env`: variables are replaced before anything is split, as Compose does it.
pub fn parse(file: FileId, text: &str, env: &Env) -> Compose {
    read::compose(file, text, env)
}

/// A scalar after interpolation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// As written, quotes removed, `${…}` included.
    pub raw: String,
    /// With `${…}` replaced; `None` if a variable has neither a value in `.env` nor a default.
    pub known: Option<String>,
    /// The scalar in the file, quotes included. For a value that an alias or merge brought, the place of the anchor.
    /// For a part of a scalar (`source:target`), that part, if the file has it byte for byte; else the whole scalar.
    pub span: Span,
}

/// Which grammar the file follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// With `services:`.
    Services,
    /// The services at the top level: only docker-compose v1 reads it.
    V1,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Written here as a scalar.
    Scalar,
    /// Written here as a mapping.
    Mapping,
    /// Written elsewhere; here or on the way here stands `*name`.
    Alias,
    /// Brought by `<<`.
    Merge,
}

/// A compose file.
#[derive(Debug, Clone)]
pub struct Compose {
    /// The file.
    pub file: FileId,
    /// The tree that everything below was read from, for what the model has no field for.
    pub tree: Tree,
    /// With or without `services:`.
    pub layout: Layout,
    /// Paths of `include`, not resolved.
    pub includes: Vec<Value>,
    /// Top-level `name`.
    pub name: Option<Value>,
    /// Services in the order of the file. `include`, `extends` and override files are not merged in.
    pub services: Vec<Service>,
    /// Top-level named volumes.
    pub volumes: Vec<Volume>,
    /// What Compose would refuse.
    pub errors: Vec<SyntaxError>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, with the key's span.
    pub name: Spanned<String>,
    /// The service's mapping (its alias, if it is one).
    pub span: Span,
    /// The service's value in [`Compose::tree`]; an alias stays one.
    pub node: NodeId,
    /// `extends`, not resolved.
    pub extends: Option<Extends>,
    /// `build`, if it has one.
    pub build: Option<Build>,
    /// `image`.
    pub image: Option<Value>,
    /// `container_name`.
    pub container_name: Option<Value>,
    /// `pull_policy`.
    pub pull_policy: Option<Value>,
    /// `volumes` and `tmpfs`, in order.
    pub mounts: Vec<Mount>,
    /// `deploy.replicas` or `scale`.
    pub replicas: Option<Value>,
}

/// `extends`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extends {
    /// `file`; absent for a service of the same file.
    pub file: Option<Value>,
    /// The service that is extended.
    pub service: Value,
}

/// `build`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The key `build`.
    pub key: Span,
    /// Its value.
    pub span: Span,
    /// Its value in [`Compose::tree`]; an alias stays one. In the v1 layout, the value of `build` alone.
    pub node: NodeId,
    /// Where it stands.
    pub origin: Origin,
    /// `context`; `.` if absent.
    pub context: Option<Value>,
    /// `dockerfile`.
    pub dockerfile: Option<Value>,
    /// `dockerfile_inline`.
    pub inline: Option<Value>,
    /// `target`.
    pub target: Option<Value>,
    /// `args`.
    pub args: Vec<BuildArg>,
    /// `pull`: whether the base images are asked for at the registry before each build.
    pub pull: Option<Value>,
}

/// One entry of `build.args`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildArg {
    /// Its name, with its place.
    pub name: Spanned<String>,
    /// Its value; `None` when it comes from the environment (`- NAME`, `NAME:`).
    pub value: Option<Value>,
}

/// What a mount is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountKind {
    /// A folder or file of the host.
    Bind,
    /// A volume with a name.
    Named,
    /// A volume without a name.
    Anonymous,
    /// Memory.
    Tmpfs,
    /// `npipe`, `cluster`, `image`, or a type that a variable gives.
    Other,
}

/// A mount of a service, from the short form, the long form or `tmpfs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What it is.
    pub kind: MountKind,
    /// The host's path or the volume's name.
    pub source: Option<Value>,
    /// Path in the container.
    pub target: Value,
    /// `ro`.
    pub read_only: bool,
    /// `volume.nocopy` or `:nocopy`: an empty volume is not filled from the image.
    pub no_copy: bool,
    /// The whole entry.
    pub span: Span,
    /// The entry in [`Compose::tree`].
    pub node: NodeId,
}

impl Compose {
    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.name.value == name)
    }
}

/// A top-level named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The key.
    pub key: Spanned<String>,
    /// `name`, when it differs from project and key.
    pub name: Option<Value>,
    /// `external`.
    pub external: bool,
    /// `driver_opts` with `type: none` and a `device`: a bind mount in disguise.
    pub device: Option<Value>,
}
