//! Facts across files; what cannot be known stays `Unknown`.

pub mod builder;
pub mod built;
pub mod bundles;
pub mod cache;
pub mod commands;
pub mod context;
pub mod deploys;
pub mod development;
pub mod git;
pub mod ignoring;
pub mod images;
pub mod layer;
pub mod leftovers;
pub mod links;
pub mod lookup;
pub mod manifest;
pub mod mounted;
pub mod mounts;
pub mod names;
pub mod older;
pub mod paths;
pub mod projects;
pub mod reading;
pub mod route;
pub mod source;
pub mod split;
pub mod stages;
pub mod vars;
mod walk;
pub mod way;
pub mod whole;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::OnceLock,
};

use cache::Moved;
use context::{Context, Ignores};
use git::GitIgnores;
use links::Service;
use projects::Project;
use stages::{Args, Stages};

use crate::{
    model::{
        compose::{self, Compose, merge::Library},
        dockerfile::{self, Dockerfile},
        kind::FileKind,
        script::{self, Script},
    },
    text::{FileId, Snapshot},
};

/// Everything that is known of a snapshot: what rules, `trace`, `deploy` and `verify` ask.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The files.
    pub snapshot: &'a Snapshot,
    /// Every Dockerfile.
    pub dockerfiles: Vec<DockerfileFacts>,
    /// Every compose file, each read alone: what edits work on, and what is wrong in it.
    pub composes: Vec<Compose>,
    /// The compose files as they are read together.
    pub projects: Vec<Project>,
    /// Every service of every project, with its build.
    pub services: Vec<Service>,
    /// Every script that names docker: shell scripts, make targets, jobs of workflows.
    pub scripts: Vec<Script>,
    /// What git ignores.
    pub git: GitIgnores,
    /// Its paths under other spellings.
    pub spellings: lookup::Spellings,
    /// Every ignore file of the builds.
    pub ignores: Ignores,
}

/// A Dockerfile, its stages under its own defaults, and its context.
#[derive(Debug)]
pub struct DockerfileFacts {
    /// Its meaning.
    pub model: Dockerfile,
    /// Its stages with the defaults of its ARGs.
    pub stages: Stages,
    /// The contexts that the services build it with; the Dockerfile's own folder if none does.
    pub contexts: Vec<Context>,
    moved: OnceLock<Vec<Moved>>,
}

impl<'a> Facts<'a> {
    /// Reads every file of the snapshot, by its name or because a compose file names it.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let ignores = Ignores::of(snapshot);
        let (composes, projects, _) = projects(snapshot);
        let named = links::dockerfiles(&composes, &projects);
        let mut dockerfiles: Vec<DockerfileFacts> = snapshot
            .files()
            .filter(|(_, file)| {
                FileKind::of(&file.path) == Some(FileKind::Dockerfile)
                    || named.binary_search(&file.path).is_ok()
            })
            .map(|(id, file)| {
                let model = dockerfile::parse(id, &file.text);
                let stages = Stages::resolve(&model, &Args::new());
                DockerfileFacts { model, stages, contexts: Vec::new(), moved: OnceLock::new() }
            })
            .collect();
        let services = links::services(snapshot, &ignores, &composes, &projects, &dockerfiles);
        for (index, facts) in dockerfiles.iter_mut().enumerate() {
            facts.contexts = links::contexts(snapshot, &ignores, &services, index, facts.model.file);
        }
        let scripts =
            snapshot.files().flat_map(|(id, file)| script::parse(id, &file.path, &file.text)).collect();
        Self {
            snapshot,
            dockerfiles,
            composes,
            projects,
            services,
            scripts,
            git: GitIgnores::default(),
            spellings: lookup::Spellings::default(),
            ignores,
        }
    }

    /// What new values of a Dockerfile's moving arguments make run again.
    pub fn moved(&self, dockerfile: usize) -> &[Moved] {
        let facts = &self.dockerfiles[dockerfile];
        let text = || &self.snapshot.file(facts.model.file).text;
        facts.moved.get_or_init(|| cache::moved(text(), &facts.model))
    }

    /// The services that build a Dockerfile.
    pub fn builders(&self, dockerfile: usize) -> impl Iterator<Item = &Service> {
        self.services
            .iter()
            .filter(move |s| s.build.as_ref().is_some_and(|b| b.dockerfile == Some(dockerfile)))
    }

    /// The compose model of a service, merged from the files of its project.
    pub fn model(&self, service: &Service) -> &compose::Service {
        &self.projects[service.project].model(&self.composes).services[service.index]
    }

    /// The model of one compose file, alone: what edits work on.
    pub fn compose(&self, file: FileId) -> Option<&Compose> {
        self.composes.iter().find(|compose| compose.file == file)
    }

    /// The service, as one file has it, that a part of a service of that name is written in: with an `extends`, another
    /// one. This is what edits work on.
    pub fn written(
        &self,
        file: FileId,
        name: &str,
        holds: impl Fn(&compose::Service) -> bool,
    ) -> Option<(&Compose, &compose::Service)> {
        let compose = self.compose(file)?;
        let own = compose.service(name).filter(|service| holds(service));
        let service = own.or_else(|| compose.services.iter().find(|service| holds(service)))?;
        Some((compose, service))
    }

    /// The names of the services in which the builds of these merged services are written, by file: what edits of
    /// `build` work on. `None` if one is not written in a service.
    pub fn builds_by_file<'s>(
        &'s self,
        services: impl IntoIterator<Item = &'s compose::Service>,
    ) -> Option<BTreeMap<FileId, Vec<&'s str>>> {
        let mut files: BTreeMap<FileId, Vec<&str>> = BTreeMap::new();
        for service in services {
            let build = service.build.as_ref()?;
            let holds = |own: &compose::Service| own.build.as_ref().is_some_and(|b| b.key == build.key);
            let (_, own) = self.written(build.key.file, &service.name.value, holds)?;
            let names = files.entry(build.key.file).or_default();
            if !names.contains(&own.name.value.as_str()) {
                names.push(&own.name.value);
            }
        }
        Some(files)
    }

    /// The compose file that a service's project is named by. A value of the service may stand in another one: see its
    /// `at`.
    pub fn compose_file(&self, service: &Service) -> FileId {
        self.projects[service.project].file
    }
}

/// Files that the compose files of the snapshot name and that were not read yet: Dockerfiles, and what they include,
/// extend or take variables from. What those name in turn is not among them: ask again.
pub fn wanted(snapshot: &Snapshot) -> Vec<String> {
    let (composes, projects, mut wanted) = projects(snapshot);
    wanted.extend(links::dockerfiles(&composes, &projects));
    wanted.retain(|path| snapshot.find(path).is_none());
    wanted
}

/// The compose files, the projects that they make, and the paths that those lack.
fn projects(snapshot: &Snapshot) -> (Vec<Compose>, Vec<Project>, Vec<String>) {
    let library = Library::new(snapshot);
    let read = |id: FileId| {
        let file = snapshot.file(id);
        compose::parse(id, &file.text, &library.env(paths::parent(&file.path)))
    };
    let named = snapshot.files().filter(|(_, file)| FileKind::of(&file.path) == Some(FileKind::Compose));
    let mut composes: Vec<Compose> = named.map(|(id, _)| read(id)).collect();
    let projects = projects::find(&library, snapshot, &composes);
    // What others include is a compose file, whatever its name.
    let known: HashSet<FileId> = composes.iter().map(|c| c.file).collect();
    let sources: BTreeSet<FileId> = projects.iter().flat_map(|p| p.sources.iter().copied()).collect();
    composes.extend(sources.into_iter().filter(|id| !known.contains(id)).map(read));
    (composes, projects, library.wanted())
}
