//! What a COPY brings from the context: application source, manifests of a package manager, or something else.

use super::{
    context::{Context, is_glob},
    paths,
    stages::{CopyFacts, CopyFrom},
    vars::Val,
};
use crate::text::{EntryKind, Snapshot};

/// What a COPY brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brings {
    /// Code that people change and deploy.
    Source,
    /// Something else: manifests, configuration, an entrypoint script, another stage's files, or nothing known.
    Other,
}

/// What the COPY brings, as far as names and the project's listing tell.
pub fn brings(snapshot: &Snapshot, context: &Context, copy: &CopyFacts) -> Brings {
    let source = copy.from == CopyFrom::Context
        && copy.sources.iter().filter_map(Val::known).any(|s| is_source(snapshot, context, s));
    if source { Brings::Source } else { Brings::Other }
}

/// Whether a folder of the context holds code that the build sees.
pub fn holds_code(snapshot: &Snapshot, context: &Context, folder: &str) -> bool {
    let folder = paths::join(&context.dir, folder);
    snapshot.below(&folder).any(|(path, kind)| {
        kind == EntryKind::File
            && has_code_ending(paths::base_name(path))
            && context.relative(path).is_some_and(|relative| context.ignored(relative).is_none())
    })
}

/// Whether a path of a container is a place for data by its name: what lies there is made while the program runs.
pub fn is_data(place: &str) -> bool {
    let below =
        ["/var/lib", "/var/log", "/var/cache", "/var/spool", "/etc", "/tmp", "/run", "/mnt", "/media"];
    let named = [
        "data", "db", "config", "conf", "conf.d", "cfg", "settings", "logs", "log", "cache", "storage",
        "uploads", "upload", "files", "media", "backup", "backups", "tmp", "temp", "spool", "state",
        "sessions", "certs", "ssl", "keys", "run", "home", "mail", "shared", "volume", "output", "models",
    ];
    let name = paths::base_name(place).to_ascii_lowercase();
    let is_named =
        named.contains(&name.as_str()) || name.rsplit(['-', '_', '.']).any(|part| named.contains(&part));
    is_named || below.iter().any(|dir| paths::below(dir, place).is_some())
}

/// Whether a COPY source is the whole context.
pub fn is_whole(source: &str) -> bool {
    paths::clean(&format!("/{source}")) == "/" || matches!(source, "*" | "./*")
}

/// Whether a path is named like something that a build makes: an output folder in it, or an archive or binary of a
/// compiler.
pub fn is_artefact(path: &str) -> bool {
    let folder = |part: &str| {
        matches!(
            part,
            "dist"
                | "build"
                | "target"
                | "out"
                | "bin"
                | "publish"
                | "release"
                | "_build"
                | "_output"
                | ".output"
                | ".next"
                | "artifacts"
                | "_site"
                | "builds"
                | "libs"
                | "_dist"
                | "pkg"
        )
    };
    let ending = paths::base_name(path).rsplit_once('.').map(|(_, ending)| ending);
    path.split('/').any(folder)
        || matches!(
            ending,
            Some(
                "jar"
                    | "war"
                    | "ear"
                    | "whl"
                    | "exe"
                    | "dll"
                    | "so"
                    | "wasm"
                    | "deb"
                    | "rpm"
                    | "apk"
                    | "nupkg"
            )
        )
}

fn is_source(snapshot: &Snapshot, context: &Context, source: &str) -> bool {
    if source.contains("://") {
        return false;
    }
    if is_whole(source) {
        return true;
    }
    let name = paths::base_name(source.trim_end_matches('/'));
    let is_dir = source.ends_with('/')
        || snapshot.entry(&paths::join(&context.dir, source.trim_start_matches('/'))) == Some(EntryKind::Dir);
    if is_dir {
        return !is_setup_folder(name);
    }
    if is_glob(name) {
        name == "*" || has_code_ending(name)
    } else {
        has_code_ending(name) && !is_setup(name)
    }
}

/// Folders that images carry for their own set-up, and those of build tools' wrappers (`gradle`, `.mvn`, `.yarn`).
fn is_setup_folder(name: &str) -> bool {
    let hidden = name.starts_with('.') && !matches!(name, "." | "..");
    hidden
        || matches!(
            name,
            "docker"
                | "gradle"
                | "rootfs"
                | "root"
                | "conf"
                | "conf.d"
                | "config"
                | "configuration"
                | "etc"
                | "nginx"
                | "certs"
                | "ssl"
                | "scripts"
                | "patches"
        )
}

fn is_setup(name: &str) -> bool {
    name.contains("entrypoint")
        || name.contains("setup.py")
        || name.contains("config")
        || name.contains("healthcheck")
}

fn has_code_ending(name: &str) -> bool {
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    matches!(
        ending,
        "py" | "js"
            | "mjs"
            | "cjs"
            | "ts"
            | "tsx"
            | "jsx"
            | "go"
            | "rs"
            | "rb"
            | "php"
            | "java"
            | "kt"
            | "cs"
            | "ex"
            | "exs"
            | "c"
            | "cc"
            | "cpp"
            | "h"
            | "hpp"
            | "swift"
            | "scala"
            | "html"
            | "css"
            | "scss"
            | "vue"
            | "svelte"
            | "jar"
            | "war"
            | "pl"
            | "lua"
            | "clj"
            | "hs"
            | "dart"
    )
}
