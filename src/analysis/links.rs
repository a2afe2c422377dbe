//! Which service builds which Dockerfile, from which context and with which build arguments.

use std::collections::HashMap;

use super::{
    DockerfileFacts,
    context::{Context, Ignores},
    paths,
    projects::Project,
    stages::{Args, Stages},
    vars::Val,
};
use crate::{
    model::compose::{self, Build, Compose, Value},
    syntax::yaml::Tree,
    text::{FileId, Snapshot},
};

/// A service of a compose file.
#[derive(Debug)]
pub struct Service {
    /// Index of its project in [`super::Facts::projects`].
    pub project: usize,
    /// Index in that project's services.
    pub index: usize,
    /// Folder of the project: what relative paths start from.
    pub dir: String,
    /// What it builds; nothing is known of it if the service extends one that was not read.
    pub build: Option<ServiceBuild>,
}

/// The build of a service.
#[derive(Debug)]
pub struct ServiceBuild {
    /// The context, if it is a folder of the project.
    pub context: Option<Context>,
    /// Index in [`super::Facts::dockerfiles`], if the file is in the project.
    pub dockerfile: Option<usize>,
    /// The Dockerfile's stages under the service's build arguments.
    pub stages: Option<Stages>,
    /// The stage that becomes the image, if it is known.
    pub target: Option<usize>,
    /// Its `additional_contexts`, by name.
    pub named: Vec<(String, Named)>,
}

/// What a name of `additional_contexts` stands for.
#[derive(Debug)]
pub enum Named {
    /// A folder of the project.
    Folder(Context),
    /// Something that is not in the project: an image, another service's image, a git repository, a folder outside.
    Elsewhere,
    /// A variable decides.
    Unknown,
}

/// Paths of the Dockerfiles that the projects name.
pub(super) fn dockerfiles(composes: &[Compose], projects: &[Project]) -> Vec<String> {
    let mut all = Vec::new();
    for project in projects {
        for build in project.model(composes).services.iter().filter_map(|s| s.build.as_ref()) {
            all.extend(place(&project.dir, build).1);
        }
    }
    all.sort();
    all.dedup();
    all
}

pub(super) fn services(
    snapshot: &Snapshot,
    ignores: &Ignores,
    composes: &[Compose],
    projects: &[Project],
    dockerfiles: &[DockerfileFacts],
) -> Vec<Service> {
    let by_path: HashMap<&str, (usize, &DockerfileFacts)> = dockerfiles
        .iter()
        .enumerate()
        .map(|(index, facts)| (snapshot.file(facts.model.file).path.as_str(), (index, facts)))
        .collect();
    let mut all = Vec::new();
    for (number, project) in projects.iter().enumerate() {
        let model = project.model(composes);
        for index in project.services(composes) {
            let service = &model.services[index];
            // The service that is not known may say more of the build.
            let known = service.build.as_ref().filter(|_| service.extends.is_none());
            let build = known.map(|build| {
                let named = named(snapshot, ignores, &project.dir, &model.tree, build);
                ServiceBuild { named, ..link(snapshot, ignores, &project.dir, build, &by_path) }
            });
            all.push(Service { project: number, index, dir: project.dir.clone(), build });
        }
    }
    all
}

fn link(
    snapshot: &Snapshot,
    ignores: &Ignores,
    dir: &str,
    build: &Build,
    dockerfiles: &HashMap<&str, (usize, &DockerfileFacts)>,
) -> ServiceBuild {
    let (context, path) = place(dir, build);
    let found = path.as_deref().and_then(|path| dockerfiles.get(path));
    let dockerfile = found.map(|(index, _)| *index);
    let stages = found.map(|(_, facts)| Stages::resolve(&facts.model, &args(build)));
    let target = match &build.target {
        None => stages.as_ref().and_then(|s| s.target(None)),
        Some(value) => value.known.as_deref().and_then(|name| stages.as_ref()?.target(Some(name))),
    };
    let context = context.zip(path).map(|(dir, path)| Context::new(snapshot, ignores, &dir, &path));
    ServiceBuild { context, dockerfile, stages, target, named: Vec::new() }
}

/// The `additional_contexts` of a build, as a mapping or a list of `name=value`.
fn named(
    snapshot: &Snapshot,
    ignores: &Ignores,
    dir: &str,
    tree: &Tree,
    build: &Build,
) -> Vec<(String, Named)> {
    let Some(entry) = tree.get(build.node, "additional_contexts") else { return Vec::new() };
    let pairs: Vec<(&str, Option<&str>)> = if let Some(entries) = tree.effective(entry.value) {
        entries.iter().filter_map(|e| Some((tree.scalar(e.key)?, tree.scalar(e.value)))).collect()
    } else {
        let items = tree.items(tree.resolve(entry.value)).unwrap_or_default().iter();
        items.filter_map(|&id| tree.scalar(id)?.split_once('=')).map(|(k, v)| (k, Some(v))).collect()
    };
    let meaning = |value: &str| {
        if value.contains('$') {
            return Named::Unknown;
        }
        // `docker-image://…`, `service:web`, `target:base`, `https://…`
        let path = paths::join(dir, value);
        let outside = is_remote(value)
            || ["service:", "target:"].iter().any(|s| value.starts_with(s))
            || path.starts_with("..")
            || path.starts_with('/');
        if outside {
            Named::Elsewhere
        } else {
            Named::Folder(Context::new(snapshot, ignores, &path, &format!("{path}/.none")))
        }
    };
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.map_or(Named::Unknown, meaning))).collect()
}

/// Context folder and Dockerfile of a build, as far as they are known and lie in the project.
fn place(dir: &str, build: &Build) -> (Option<String>, Option<String>) {
    let known = |value: &Option<Value>, default: &str| match value {
        None => Some(default.to_owned()),
        Some(value) => value.known.clone(),
    };
    let context = known(&build.context, ".")
        .filter(|c| !is_remote(c))
        .map(|c| paths::join(dir, &c))
        .filter(|c| !c.starts_with("..") && !c.starts_with('/'));
    if build.inline.is_some() {
        return (context, None);
    }
    let dockerfile = known(&build.dockerfile, "Dockerfile")
        .zip(context.as_ref())
        .map(|(name, context)| paths::join(context, &name))
        .filter(|p| !p.starts_with("..") && !p.starts_with('/'));
    (context, dockerfile)
}

/// A context that is fetched: `https://…`, `git@…`, `host/path.git#ref`.
pub fn is_remote(context: &str) -> bool {
    context.contains("://")
        || context.starts_with("git@")
        || context.contains(".git#")
        || context.strip_suffix(".git").is_some()
}

/// What a service passes to its build.
pub fn args(build: &Build) -> Args {
    let value = |arg: &compose::Variable| match arg.value.as_ref().and_then(|v| v.known.clone()) {
        Some(known) => Val::Known(known),
        None => Val::Unknown,
    };
    build.args.iter().map(|arg| (arg.name.value.clone(), value(arg))).collect()
}

pub(super) fn contexts(
    snapshot: &Snapshot,
    ignores: &Ignores,
    services: &[Service],
    dockerfile: usize,
    file: FileId,
) -> Vec<Context> {
    let builds =
        services.iter().filter_map(|s| s.build.as_ref()).filter(|b| b.dockerfile == Some(dockerfile));
    let mut contexts: Vec<Context> = Vec::new();
    for context in builds.filter_map(|b| b.context.as_ref()) {
        if contexts.iter().all(|c| c.dir != context.dir) {
            contexts.push(context.clone());
        }
    }
    if contexts.is_empty() {
        let path = &snapshot.file(file).path;
        contexts.push(Context::new(snapshot, ignores, paths::parent(path), path));
    }
    contexts
}
