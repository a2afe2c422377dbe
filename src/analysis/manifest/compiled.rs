//! Manifests of compiled languages: `go.mod`, `Cargo.toml`, `pom.xml`, projects and solutions of .NET.

use toml::de::{DeTable, DeValue};

use super::{Around, Judged, Wants};
use crate::analysis::paths;

/// `go.mod`.
pub(super) fn go(text: &str, around: &Around<'_>) -> Wants {
    let local = |line: &str| {
        let line = line.split("//").next().unwrap_or(line);
        line.split_once("=>").is_some_and(|(_, to)| to.trim_start().starts_with(['.', '/']))
    };
    if let Some(line) = text.lines().find(|line| local(line)) {
        let to = line.split_once("=>").map_or("", |(_, to)| to.trim());
        return Wants::Members(format!("`go.mod` replaces a module with the folder `{to}`"));
    }
    // Looked for upwards (https://go.dev/ref/mod#workspaces).
    if above(around, "go.work") {
        return Wants::Members("`go.work` names modules, whose manifests the install reads, too".to_owned());
    }
    Wants::Manifests
}

/// Folders above the manifest's that are asked.
const UPWARDS: usize = 8;

fn above(around: &Around<'_>, name: &str) -> bool {
    (0..UPWARDS).any(|up| (around.is_there)(&format!("{}{name}", "../".repeat(up))))
}

/// `Cargo.toml`, for `cargo fetch`. Cargo reads no manifest without a target, and finds a target by its file, unless the
/// manifest says its path (measured with cargo 1.95: a `[[bin]]` with a `path` whose file is not there will do).
pub(super) fn cargo(text: &str, around: &Around<'_>) -> Wants {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Wants::More("`Cargo.toml` cannot be read".to_owned());
    }
    let root = table.get_ref();
    let upwards = (1..UPWARDS).any(|up| (around.is_there)(&format!("{}Cargo.toml", "../".repeat(up))));
    if root.contains_key("workspace") || upwards {
        return Wants::Members(
            "the crate is part of a workspace, whose manifests belong together".to_owned(),
        );
    }
    if root.iter().any(|(key, value)| {
        let key: &str = key.get_ref();
        let lists = key.ends_with("dependencies") || matches!(key, "target" | "patch" | "replace");
        lists && has_path(value.get_ref(), 0)
    }) {
        return Wants::Members("a dependency is a folder of the project".to_owned());
    }
    if [".cargo/config.toml", ".cargo/config"].iter().any(|name| above(around, name)) {
        return Wants::More("`.cargo/config.toml` may name sources in folders of the project".to_owned());
    }
    let targets: Vec<(&str, &DeValue<'_>)> =
        root.iter().map(|(key, value)| (key.get_ref().as_ref(), value.get_ref())).collect();
    let of = |names: &[&str]| targets.iter().filter(|(key, _)| names.contains(key)).collect::<Vec<_>>();
    let all_have_paths =
        of(&["lib", "bin", "test", "bench", "example"]).iter().all(|(_, value)| match value {
            DeValue::Array(all) => all.iter().all(|one| path(one.get_ref())),
            one => path(one),
        });
    if of(&["lib", "bin"]).is_empty() || !all_have_paths {
        return Wants::More(
            "cargo refuses a manifest without targets, and finds them by their files: with a `path` in `[lib]` or in \
             every `[[bin]]` of `Cargo.toml` the manifest will do"
                .to_owned(),
        );
    }
    Wants::Manifests
}

fn path(target: &DeValue<'_>) -> bool {
    matches!(target, DeValue::Table(table) if table.contains_key("path"))
}

fn has_path(value: &DeValue<'_>, depth: usize) -> bool {
    match value {
        DeValue::Table(table) if depth < UPWARDS => {
            depth > 0 && path(value) || table.values().any(|value| has_path(value.get_ref(), depth + 1))
        }
        _ => false,
    }
}

/// XML without its comments.
fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    kept + rest
}

/// `pom.xml`.
pub(super) fn maven(text: &str, around: &Around<'_>) -> Wants {
    let text = without_comments(text);
    if text.contains("<module>") || text.contains("<subproject>") {
        return Wants::Members("`pom.xml` names modules, whose manifests the install reads, too".to_owned());
    }
    // A parent is looked for in the folder above, unless the manifest says otherwise.
    let parent = text
        .split_once("<parent>")
        .and_then(|(_, rest)| rest.split_once("</parent>"))
        .map(|(parent, _)| parent);
    if let Some(parent) = parent {
        let relative =
            parent.split_once("<relativePath>").and_then(|(_, rest)| rest.split('<').next()).map(str::trim);
        let found = match relative {
            Some("") => false,
            Some(path) => (around.in_context)(path),
            None => {
                !parent.contains("<relativePath/>")
                    && !parent.contains("<relativePath />")
                    && (around.in_context)("../pom.xml")
            }
        };
        if found {
            return Wants::Members("the parent of `pom.xml` is a manifest of the project".to_owned());
        }
    }
    let reads =
        ["<systemPath>", "<exists>", "<missing>", "file:", "${basedir}/repo", "${project.basedir}/repo"];
    match reads.iter().find(|word| text.contains(**word)) {
        Some(word) => Wants::More(format!("`{word}` in `pom.xml` names files of the project")),
        None => Wants::Manifests,
    }
}

/// A project of .NET, or a solution of exactly one.
pub(super) fn dotnet(text: &str, around: &Around<'_>) -> Judged {
    if !around.name.ends_with("proj") {
        return solution(text, around);
    }
    project(text, around, "").into()
}

fn solution(text: &str, around: &Around<'_>) -> Judged {
    let quoted = text.split('"').filter(|part| part.ends_with("proj"));
    let mut projects: Vec<String> = quoted.map(|part| part.replace('\\', "/")).collect();
    projects.dedup();
    match &projects[..] {
        [one] => {
            let path = paths::clean(one);
            let wants = match (around.text)(&path) {
                Some(text) => project(text, around, paths::parent(&path)),
                None => Wants::More(format!("what `{path}` says is not known")),
            };
            Judged { wants, files: vec![path] }
        }
        _ => Wants::Members(
            "the solution names several projects, whose files the install reads, too".to_owned(),
        )
        .into(),
    }
}

fn project(text: &str, around: &Around<'_>, folder: &str) -> Wants {
    let mut wants = imports(text);
    for name in ["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props"] {
        for up in 0..UPWARDS {
            let path = paths::join(folder, &format!("{}{name}", "../".repeat(up)));
            if (around.is_there)(&path) {
                let more = || Wants::More(format!("what `{path}` says is not known"));
                wants = wants.and((around.text)(&path).map_or_else(more, imports));
            }
        }
    }
    for name in ["nuget.config", "NuGet.config", "NuGet.Config"] {
        for up in 0..UPWARDS {
            let path = paths::join(folder, &format!("{}{name}", "../".repeat(up)));
            if (around.is_there)(&path) {
                let local = (around.text)(&path).is_none_or(local_source);
                if local {
                    wants = wants.and(Wants::More(format!("`{path}` may name a folder of packages")));
                }
            }
        }
    }
    wants
}

/// What a project file takes from others.
fn imports(text: &str) -> Wants {
    let text = without_comments(text);
    if text.contains("<ProjectReference") {
        return Wants::Members(
            "a dependency is a project beside it, whose file the install reads, too".to_owned(),
        );
    }
    let import = text.split("<Import").skip(1).any(|rest| {
        let tag = rest.split('>').next().unwrap_or(rest);
        !tag.contains("Sdk=") && !tag.contains("$(MSBuild")
    });
    if import || text.contains("[System.IO.") {
        return Wants::More("the project imports other files".to_owned());
    }
    Wants::Manifests
}

/// Whether a source of packages is anything else than an address.
fn local_source(text: &str) -> bool {
    let text = without_comments(text);
    let sources =
        text.split_once("<packageSources").and_then(|(_, rest)| rest.split_once("</packageSources>"));
    sources
        .is_some_and(|(sources, _)| sources.split("value=\"").skip(1).any(|value| !value.starts_with("http")))
}
