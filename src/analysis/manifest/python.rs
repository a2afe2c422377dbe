//! Requirement lists, `pyproject.toml` and Pipfiles.

use toml::de::{DeTable, DeValue};

use super::{Around, Judged, Wants};
use crate::analysis::{
    commands::{Manager, Needs},
    paths,
};

/// Lists that name lists are followed this deep; pip has no limit, and no real project needs more.
const MAX_LISTS: usize = 50;

/// A list of pip's with those that it names
/// (<https://pip.pypa.io/en/stable/reference/requirements-file-format/>).
pub(super) fn list(text: &str, around: &Around<'_>) -> Judged {
    let mut judged = Judged::from(Wants::Manifests);
    let mut open = vec![(String::new(), text.to_owned())];
    let mut seen = vec![around.name.to_owned()];
    while let Some((folder, text)) = open.pop() {
        // A backslash at the end of a line joins it with the next.
        for line in text.replace("\\\r\n", " ").replace("\\\n", " ").lines() {
            match requirement(line) {
                Line::Says(wants) => judged.wants = judged.wants.and(wants),
                Line::List(path) => {
                    let path = paths::join(&folder, path);
                    if seen.contains(&path) {
                        continue;
                    }
                    let text = (around.text)(&path).filter(|_| seen.len() < MAX_LISTS);
                    judged.wants = judged.wants.and(match text {
                        Some(text) => {
                            open.push((paths::parent(&path).to_owned(), text.to_owned()));
                            Wants::Manifests
                        }
                        None => Wants::More(format!(
                            "`{}` names the list `{path}`, which is not known",
                            around.name
                        )),
                    });
                    seen.push(path.clone());
                    judged.files.push(path);
                }
            }
        }
    }
    judged
}

enum Line<'a> {
    Says(Wants),
    List(&'a str),
}

fn requirement(line: &str) -> Line<'_> {
    let line = line.split(" #").next().unwrap_or(line).trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Says(Wants::Manifests);
    }
    let option = |names: &[&str]| {
        names.iter().find_map(|name| {
            let rest = line.strip_prefix(name)?;
            let short = !name.starts_with("--");
            (short || rest.starts_with([' ', '=', '\t'])).then(|| rest.trim_start_matches(['=', ' ', '\t']))
        })
    };
    if let Some(path) = option(&["--requirement", "--constraint", "-r", "-c"]) {
        return Line::List(path);
    }
    if let Some(what) = option(&["--editable", "-e"]) {
        let away = what.contains("://") && !what.starts_with("file:");
        return Line::Says(if away { Wants::Manifests } else { folder(what) });
    }
    if let Some(what) = option(&["--find-links", "-f"]) {
        return Line::Says(if what.contains("://") && !what.starts_with("file:") {
            Wants::Manifests
        } else {
            Wants::More(format!("packages are taken from the folder `{what}`"))
        });
    }
    if line.starts_with('-') {
        return Line::Says(Wants::Manifests);
    }
    // `name @ url`, or a path: pip takes for one what has a separator or starts with a dot.
    let what = line.split(';').next().unwrap_or(line).trim();
    let target = what.split_once(" @ ").map_or(what, |(_, url)| url.trim());
    let archive = [".whl", ".zip", ".tar.gz"].iter().any(|ending| target.ends_with(ending));
    let local = target.starts_with("file:")
        || !target.contains("://") && (target.starts_with('.') || target.contains('/') || archive);
    Line::Says(if local { folder(target) } else { Wants::Manifests })
}

/// A path in the place of a name: `.` is the project itself, with or without extras.
fn folder(what: &str) -> Wants {
    let path = what.split('[').next().unwrap_or(what);
    if paths::clean(path).is_empty() {
        return Wants::Sources;
    }
    Wants::Members(format!("`{what}` is a folder or a file of the project"))
}

/// `pyproject.toml`, for Poetry, uv and `uv pip install -r`.
pub(super) fn project(text: &str, around: &Around<'_>) -> Judged {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Wants::More(format!("`{}` cannot be read", around.name)).into();
    }
    let root = DeValue::Table(table.into_inner());
    let at = |path: &[&str]| get(&root, path);
    let manager = around.install.manager;
    let is =
        |path: &[&str], value: bool| matches!(at(path), Some(DeValue::Boolean(found)) if *found == value);
    // What is built is not the manager's question, where nothing is.
    let builds = match manager {
        Manager::Poetry => !is(&["tool", "poetry", "package-mode"], false),
        Manager::Uv => {
            (at(&["build-system"]).is_some() || is(&["tool", "uv", "package"], true))
                && !is(&["tool", "uv", "package"], false)
        }
        _ => false,
    };
    if builds && around.install.needs == Needs::Project {
        return Wants::Sources.into();
    }
    // Values that only a build can tell, and no lock file that has them.
    let dynamic = matches!(at(&["project", "dynamic"]), Some(DeValue::Array(all)) if !all.is_empty());
    let locked = manager == Manager::Poetry || (manager == Manager::Uv && (around.is_there)("uv.lock"));
    if dynamic && !locked {
        return Wants::Sources.into();
    }
    if manager == Manager::Uv && around.install.flags.frozen_outside {
        return Wants::Manifests.into();
    }
    if at(&["tool", "uv", "workspace"]).is_some() {
        return Wants::Members(
            "`pyproject.toml` names a workspace, whose manifests the install reads, too".to_owned(),
        )
        .into();
    }
    let mut local = None;
    for path in DEPENDENCIES {
        if let Some(value) = at(path) {
            find_local(value, "", 0, &mut local);
        }
    }
    match local {
        Some(name) => {
            Wants::Members(format!("the dependency `{name}` is a folder or a file of the project")).into()
        }
        None => Wants::Manifests.into(),
    }
}

fn get<'v, 'd>(value: &'v DeValue<'d>, path: &[&str]) -> Option<&'v DeValue<'d>> {
    path.iter().try_fold(value, |value, key| match value {
        DeValue::Table(table) => table.get(*key).map(toml::Spanned::get_ref),
        _ => None,
    })
}

/// Where dependencies stand.
const DEPENDENCIES: &[&[&str]] = &[
    &["tool", "poetry", "dependencies"],
    &["tool", "poetry", "dev-dependencies"],
    &["tool", "poetry", "group"],
    &["tool", "uv", "sources"],
    &["project", "dependencies"],
    &["project", "optional-dependencies"],
    &["dependency-groups"],
];

/// Tables deeper than this are no dependencies.
const DEPTH: usize = 8;

/// A dependency that is given by its path, as a table (`{ path = "…" }`) or as a requirement (`x @ file:…`).
fn find_local(value: &DeValue<'_>, name: &str, depth: usize, found: &mut Option<String>) {
    if found.is_some() || depth > DEPTH {
        return;
    }
    match value {
        DeValue::Table(table) => {
            let names =
                |key: &str| matches!(table.get(key).map(toml::Spanned::get_ref), Some(DeValue::String(_)));
            let member =
                matches!(table.get("workspace").map(toml::Spanned::get_ref), Some(DeValue::Boolean(true)));
            if !name.is_empty() && (names("path") || names("file") || member) {
                *found = Some(name.to_owned());
                return;
            }
            for (key, value) in table {
                find_local(value.get_ref(), key.get_ref(), depth + 1, found);
            }
        }
        DeValue::Array(all) => all.iter().for_each(|one| find_local(one.get_ref(), name, depth + 1, found)),
        DeValue::String(text) => {
            if let Some((name, url)) = text.split_once('@')
                && url.trim_start().starts_with("file:")
            {
                *found = Some(name.trim().to_owned());
            }
        }
        _ => {}
    }
}

/// A Pipfile.
pub(super) fn pipfile(text: &str) -> Judged {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Wants::More("`Pipfile` cannot be read".to_owned()).into();
    }
    let mut local = None;
    for (key, value) in table.get_ref() {
        if !matches!(key.get_ref().as_ref(), "source" | "requires" | "scripts" | "pipenv") {
            find_local(value.get_ref(), key.get_ref(), 0, &mut local);
        }
    }
    match local {
        Some(name) => {
            Wants::Members(format!("the dependency `{name}` is a folder or a file of the project")).into()
        }
        None => Wants::Manifests.into(),
    }
}
