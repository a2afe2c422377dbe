//! Facts across files; what cannot be known stays `Unknown`.

pub mod cache;
pub mod commands;
pub mod context;
pub mod git;
pub mod ignoring;
pub mod layer;
pub mod links;
pub mod lookup;
pub mod manifest;
pub mod names;
pub mod paths;
pub mod route;
pub mod source;
pub mod stages;
pub mod vars;
pub mod whole;

use context::{Context, Ignores};
use git::GitIgnores;
use links::Service;
use stages::{Args, Stages};

use crate::{
    model::{
        compose::{self, Compose},
        dockerfile::{self, Dockerfile},
        kind::FileKind,
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
    /// Every compose file.
    pub composes: Vec<Compose>,
    /// Every service of every compose file, with its build.
    pub services: Vec<Service>,
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
}

impl<'a> Facts<'a> {
    /// Reads every file of the snapshot, by its name or because a compose file names it.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let ignores = Ignores::of(snapshot);
        let composes = composes(snapshot);
        let named = links::dockerfiles(snapshot, &composes);
        let mut dockerfiles: Vec<DockerfileFacts> = snapshot
            .files()
            .filter(|(_, file)| {
                FileKind::of(&file.path) == Some(FileKind::Dockerfile)
                    || named.binary_search(&file.path).is_ok()
            })
            .map(|(id, file)| {
                let model = dockerfile::parse(id, &file.text);
                let stages = Stages::resolve(&model, &Args::new());
                DockerfileFacts { model, stages, contexts: Vec::new() }
            })
            .collect();
        let services = links::services(snapshot, &ignores, &composes, &dockerfiles);
        for (index, facts) in dockerfiles.iter_mut().enumerate() {
            facts.contexts = links::contexts(snapshot, &ignores, &services, index, facts.model.file);
        }
        Self {
            snapshot,
            dockerfiles,
            composes,
            services,
            git: GitIgnores::default(),
            spellings: lookup::Spellings::default(),
            ignores,
        }
    }

    /// The services that build a Dockerfile.
    pub fn builders(&self, dockerfile: usize) -> impl Iterator<Item = &Service> {
        self.services
            .iter()
            .filter(move |s| s.build.as_ref().is_some_and(|b| b.dockerfile == Some(dockerfile)))
    }

    /// The compose model of a service.
    pub fn model(&self, service: &Service) -> &compose::Service {
        &self.composes[service.compose].services[service.index]
    }

    /// The compose file of a service.
    pub fn compose_file(&self, service: &Service) -> FileId {
        self.composes[service.compose].file
    }
}

/// Files that the compose files of the snapshot name as Dockerfiles and that were not read yet.
pub fn wanted(snapshot: &Snapshot) -> Vec<String> {
    let mut wanted = links::dockerfiles(snapshot, &composes(snapshot));
    wanted.retain(|path| snapshot.find(path).is_none());
    wanted
}

fn composes(snapshot: &Snapshot) -> Vec<Compose> {
    snapshot
        .files()
        .filter(|(_, file)| FileKind::of(&file.path) == Some(FileKind::Compose))
        .map(|(id, file)| compose::parse(id, &file.text, &links::env(snapshot, &file.path)))
        .collect()
}
