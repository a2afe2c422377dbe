//! What can make the outcome of a RUN older than the files that it works on, whatever the cache of the layers does.

use super::{
    DockerfileFacts, Facts,
    commands::Cargo,
    paths,
    source::{Brings, brings},
    stages::What,
};
use crate::text::Span;

/// What a cache mount keeps from build to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Packages, or what a compiler finds by its content: old entries are not taken for new ones.
    Addressed,
    /// What a build tool makes of the project's sources.
    Outputs,
    /// Its place does not say it.
    Unknown,
}

/// Folders where build tools put what they make, by their names.
const OUTPUTS: [&str; 10] =
    ["target", "dist", ".next", "build", "obj", "out", ".output", "_build", ".nuxt", ".svelte-kit"];

/// Folders in which tools have caches of their own.
const HOMES: [&str; 6] = ["/root", "/home", "/var/cache", "/tmp", "/usr/local", "/go"];

/// The ends of folders whose entries are found by name and version, or by a hash of what they were made from.
const ADDRESSED: [&str; 24] = [
    ".cache",
    ".cache/go-build",
    ".cache/pip",
    ".cache/uv",
    ".cache/pypoetry",
    ".cache/yarn",
    ".cache/ccache",
    ".cache/sccache",
    ".ccache",
    ".npm",
    ".npm/_cacache",
    ".yarn",
    ".yarn/cache",
    ".local/share/pnpm/store",
    ".pnpm-store",
    ".cargo/registry",
    ".cargo/git",
    "cargo/registry",
    "cargo/git",
    "go/pkg/mod",
    ".nuget/packages",
    ".bundle/cache",
    ".composer/cache",
    "go-build",
];

/// What is kept at `target`, by the names that tools give to their folders.
pub fn kept(target: &str) -> Kept {
    let is_output = OUTPUTS.contains(&paths::base_name(target));
    if is_output && !HOMES.iter().any(|dir| is_cache_of(dir, target)) {
        return Kept::Outputs;
    }
    let system = [
        "/var/cache/apt",
        "/var/lib/apt",
        "/var/cache/apk",
        "/etc/apk/cache",
        "/var/cache/dnf",
        "/var/cache/yum",
    ];
    let ends = |end: &str| target.strip_suffix(end).is_some_and(|rest| rest.ends_with('/'));
    if system.iter().any(|dir| paths::below(dir, target).is_some()) || ADDRESSED.iter().any(|end| ends(end)) {
        return Kept::Addressed;
    }
    Kept::Unknown
}

/// `/root/.cache/x`, `/usr/local/cargo/x`: of a tool, not of the project.
fn is_cache_of(dir: &str, target: &str) -> bool {
    paths::below(dir, target)
        .is_some_and(|rest| rest.starts_with('.') || rest.starts_with("cargo/") || rest.contains("cache"))
}

/// How far the trick has come in a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Stub,
    Built,
    Copied,
}

/// The build of the real sources after that of a stub, if nothing between them makes the sources newer.
pub fn stub_build(facts: &Facts<'_>, dockerfile: &DockerfileFacts, stage: usize) -> Option<Span> {
    let mut seen = Seen::Nothing;
    for (_, _, step) in dockerfile.stages.steps(stage) {
        match &step.what {
            What::Copy(copy) if seen == Seen::Built => {
                let source = dockerfile
                    .contexts
                    .iter()
                    .any(|context| brings(facts.snapshot, context, copy) == Brings::Source);
                if source {
                    seen = Seen::Copied;
                }
            }
            What::Run(run) => {
                for cargo in &run.cargo {
                    seen = match (seen, cargo) {
                        (Seen::Copied, Cargo::Build(span)) => return Some(*span),
                        (Seen::Copied | Seen::Built, Cargo::Freshens) => Seen::Nothing,
                        (Seen::Nothing, Cargo::Stub) => Seen::Stub,
                        (Seen::Stub, Cargo::Build(_)) => Seen::Built,
                        (other, _) => other,
                    };
                }
            }
            _ => {}
        }
    }
    None
}
