//! The meaning of one compose file: services, builds, mounts and volumes, each with its span.

pub mod edit;
mod lists;
pub mod merge;
mod mounts;
mod options;
mod read;
mod reader;
mod schema;

use crate::{
    syntax::{
        SyntaxError,
        yaml::{NodeId, Tree},
    },
    text::{FileId, Located, Location},
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
    /// The scalar in its file, quotes included. For a value that an alias or merge brought, the place of the anchor.
    /// For a part of a scalar (`source:target`), that part, if the file has it byte for byte; else the whole scalar.
    pub at: Location,
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
    /// Top-level `configs` and `secrets`.
    pub shared: Vec<Shared>,
    /// What Compose would refuse.
    pub errors: Vec<SyntaxError>,
    /// What Compose would refuse of this file alone: names that only a file merged with it could define, and services
    /// that are complete only after merging.
    pub dangling: Vec<SyntaxError>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, with the key's place.
    pub name: Located<String>,
    /// The service's mapping (its alias, if it is one).
    pub at: Location,
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
    /// `volumes_from`, as written: `service`, `service:ro`, `container:name`.
    pub volumes_from: Vec<Value>,
    /// `configs` and `secrets`: files that Compose puts into the container.
    pub grants: Vec<Grant>,
    /// `environment`.
    pub environment: Vec<Variable>,
    /// `env_file`: values for the container. They do not replace `${…}` in the compose file.
    pub env_files: Vec<EnvFile>,
    /// `ports`.
    pub ports: Vec<Port>,
    /// `healthcheck`, if it has one; without it the image's own counts.
    pub healthcheck: Option<Healthcheck>,
    /// The key `command`, unless its value is null: the image's CMD is replaced.
    pub command: Option<Location>,
    /// The key `entrypoint`, unless its value is null: the image's ENTRYPOINT is replaced.
    pub entrypoint: Option<Location>,
    /// The key `deploy`, unless its value is null.
    pub deploy: Option<Location>,
    /// `deploy.replicas` or `scale`.
    pub replicas: Option<Value>,
    /// `profiles`: with any, the service runs only if one of them is asked for.
    pub profiles: Vec<Value>,
    /// Names in `depends_on`, of either form.
    pub depends_on: Vec<Value>,
    /// `develop.watch`.
    pub watch: Vec<Watch>,
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
    pub key: Location,
    /// Its value.
    pub at: Location,
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
    pub args: Vec<Variable>,
    /// `additional_contexts`: a folder, an address, `docker-image://…`, `service:name` or `target:name` for each name.
    pub contexts: Vec<Variable>,
    /// `cache_from`.
    pub cache_from: Vec<Value>,
    /// `no_cache`: true means that every step runs again at each build.
    pub no_cache: Option<Value>,
    /// `pull`: true means that base images are asked for again at each build.
    pub pull: Option<Value>,
    /// `tags`: further names of the image.
    pub tags: Vec<Value>,
}

/// One entry of `build.args`, `environment` or `build.additional_contexts`, from a mapping or a list of `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name, with its place.
    pub name: Located<String>,
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
    pub at: Location,
    /// The entry in [`Compose::tree`].
    pub node: NodeId,
}

/// An entry of `env_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// Where it is, from the project's folder.
    pub path: Value,
    /// Whether Compose refuses to start without it; `None` if a variable says so.
    pub required: Option<bool>,
    /// `format: raw` takes values as they are written.
    pub format: Option<Value>,
    /// The whole entry.
    pub at: Location,
}

/// An entry of `ports`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The host's port or range; without one the engine picks any that is free. Not known if `target` is not known.
    pub published: Option<Value>,
    /// The container's port or range.
    pub target: Value,
    /// The whole entry.
    pub at: Location,
}

/// `healthcheck`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// `disable: true` or `test: NONE`: the image's own is switched off.
    pub disabled: bool,
    /// Whether there is a `test`; without one the image's own runs at other times.
    pub test: bool,
    /// The key.
    pub at: Location,
}

/// An entry of `develop.watch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// `rebuild`, `sync`, `restart`, `sync+restart` or `sync+exec`.
    pub action: Option<Value>,
    /// What is watched, from the project's folder.
    pub path: Option<Value>,
    /// Where it goes in the container.
    pub target: Option<Value>,
    /// The whole entry.
    pub at: Location,
}

/// Which of the two: both are files that Compose puts into containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// `configs`
    Config,
    /// `secrets`
    Secret,
}

/// An entry of a service's `configs` or `secrets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which of the two.
    pub kind: Sharing,
    /// Key of the top-level entry.
    pub source: Value,
    /// Where it lies in the container; without one `/<source>` for a config, `/run/secrets/<source>` for a secret. A
    /// secret's name without `/` lies in `/run/secrets`.
    pub target: Option<Value>,
    /// The whole entry.
    pub at: Location,
}

/// A top-level entry of `configs` or `secrets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Which of the two.
    pub kind: Sharing,
    /// The key.
    pub key: Located<String>,
    /// `file`, from the project's folder; without it the content comes from elsewhere.
    pub file: Option<Value>,
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
    pub key: Located<String>,
    /// `name`, when it differs from project and key.
    pub name: Option<Value>,
    /// `external`.
    pub external: bool,
    /// `driver_opts` with `type: none` and a `device`: a bind mount in disguise.
    pub device: Option<Value>,
}
