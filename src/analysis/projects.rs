//! Which compose files are read together: what `docker compose` takes by itself, and what is meant to be named beside it.

use std::collections::{BTreeSet, HashSet};

use super::paths;
use crate::{
    model::{
        compose::{
            Compose, Layout, Service,
            merge::{self, Gap, Library, Merged},
        },
        kind::FileKind,
    },
    syntax::dotenv::{Env, Lookup},
    text::{FileId, Snapshot},
};

/// The files that `docker compose` looks for in a folder: the first one that is there wins.
const BASES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The files that it reads with the base, whatever that one is called: the first one that is there wins.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Compose files that are read together.
#[derive(Debug)]
pub struct Project {
    /// The file that people name it by: its base, or the one that they name beside the base.
    pub file: FileId,
    /// The files that Compose is given, in order.
    pub files: Vec<FileId>,
    /// Every file that was read for it, `include` and `extends` followed.
    pub sources: Vec<FileId>,
    /// The folder that relative paths start from.
    pub dir: String,
    /// The folder where `docker compose` takes it by itself.
    pub found_in: Option<String>,
    /// What is unknown of it, or refused.
    pub gaps: Vec<Gap>,
    /// The services that are looked at, if not all: the others are like those of another project.
    only: Option<HashSet<String>>,
    model: Model,
}

#[derive(Debug)]
enum Model {
    /// That of its one file, by index.
    Alone(usize),
    Merged(Box<Compose>),
}

impl Project {
    /// Its model; `composes` are those that it was made from.
    pub fn model<'c>(&'c self, composes: &'c [Compose]) -> &'c Compose {
        match &self.model {
            Model::Alone(index) => &composes[*index],
            Model::Merged(model) => model,
        }
    }

    /// Indexes of the services that are looked at.
    pub fn services(&self, composes: &[Compose]) -> Vec<usize> {
        let all = self.model(composes).services.iter().enumerate();
        let looks = |name: &String| self.only.as_ref().is_none_or(|only| only.contains(name));
        all.filter(|(_, service)| looks(&service.name.value)).map(|(index, _)| index).collect()
    }
}

/// The projects of a snapshot: those that Compose finds by itself, then the others in the order of their files.
pub(super) fn find(library: &Library<'_>, snapshot: &Snapshot, composes: &[Compose]) -> Vec<Project> {
    let finder = Finder { library, snapshot, composes };
    let mut projects: Vec<Project> =
        finder.folders().into_iter().filter_map(|dir| finder.default(dir)).collect();
    let used: HashSet<FileId> = projects.iter().flat_map(|p| p.files.iter().copied()).collect();
    let mut unsure = Vec::new();
    for (index, compose) in composes.iter().enumerate().filter(|(_, c)| !used.contains(&c.file)) {
        let project = finder.alone(index);
        let model = project.model(composes);
        if model.layout == Layout::V1 || !model.services.is_empty() && model.services.iter().all(stands) {
            projects.push(project);
        } else if let Some(beside) = finder.beside(&projects, compose, model) {
            projects.push(beside);
        } else {
            unsure.push(project);
        }
    }
    // A file that others read, and that is nothing by itself, is looked at where they read it.
    let read: HashSet<FileId> = projects.iter().flat_map(|p| p.sources.iter().copied()).collect();
    projects.extend(unsure.into_iter().filter(|project| !read.contains(&project.file)));
    projects
}

/// Whether a service could be started from what is known of it.
fn stands(service: &Service) -> bool {
    service.build.is_some() || service.image.is_some()
}

struct Finder<'f, 'a> {
    library: &'f Library<'a>,
    snapshot: &'a Snapshot,
    composes: &'f [Compose],
}

impl<'f> Finder<'f, '_> {
    /// Folders in which Compose may find something.
    fn folders(&self) -> BTreeSet<&'f str>
    where
        Self: 'f,
    {
        let paths = self.snapshot.files().map(|(_, file)| file.path.as_str());
        let may = |path: &&str| matches!(FileKind::of(path), Some(FileKind::Compose | FileKind::Dotenv));
        paths.filter(may).map(paths::parent).collect()
    }

    /// What `docker compose` takes in a folder, if that has something for it.
    fn default(&self, dir: &str) -> Option<Project> {
        let env = self.library.env(dir);
        if let Some(project) = self.listed(dir, &env) {
            return Some(project);
        }
        let first =
            |names: &[&str]| names.iter().find_map(|name| self.snapshot.find(&paths::join(dir, name)));
        let mut files = vec![first(&BASES)?];
        files.extend(first(&OVERRIDES));
        let project = self.project(files, dir.to_owned(), &env);
        Some(Project { found_in: Some(dir.to_owned()), ..project })
    }

    /// What `COMPOSE_FILE` in the folder's `.env` lists.
    fn listed(&self, dir: &str, env: &Env) -> Option<Project> {
        let Lookup::Set(list) = env.get("COMPOSE_FILE") else { return None };
        let separator = match env.get("COMPOSE_PATH_SEPARATOR") {
            Lookup::Set(separator) if !separator.is_empty() => separator,
            Lookup::Set(_) | Lookup::Unset => ":",
            Lookup::Unknown => return None,
        };
        let paths: Vec<String> = list.split(separator).map(|path| paths::join(dir, path)).collect();
        let mut files = Vec::new();
        for path in &paths {
            files.push(self.library.find(path)?);
        }
        let folder = paths::parent(&self.snapshot.file(*files.first()?).path).to_owned();
        let env = if folder == dir { env.clone() } else { self.library.env_in(&folder, env) };
        let project = self.project(files, folder, &env);
        Some(Project { found_in: Some(dir.to_owned()), ..project })
    }

    /// A file by itself.
    fn alone(&self, index: usize) -> Project {
        let file = self.composes[index].file;
        let dir = paths::parent(&self.snapshot.file(file).path).to_owned();
        let env = self.library.env(&dir);
        self.project(vec![file], dir, &env)
    }

    /// A file that says more about services of the folder's base, with that base: what `-f base -f file` gives.
    fn beside(&self, projects: &[Project], compose: &Compose, alone: &Compose) -> Option<Project> {
        let dir = paths::parent(&self.snapshot.file(compose.file).path);
        let base = projects.iter().find(|p| p.found_in.as_deref() == Some(dir) && p.dir == dir)?;
        let known = base.model(self.composes);
        let more = |s: &&Service| !stands(s) && known.service(&s.name.value).is_some();
        alone.services.iter().find(more)?;
        let files = vec![*base.files.first()?, compose.file];
        let project = self.project(files, dir.to_owned(), &self.library.env(dir));
        let only = alone.services.iter().map(|s| s.name.value.clone()).collect();
        Some(Project { file: compose.file, only: Some(only), ..project })
    }

    fn project(&self, files: Vec<FileId>, dir: String, env: &Env) -> Project {
        let file = files[0];
        let alone = self
            .composes
            .iter()
            .position(|c| c.file == file)
            .filter(|&index| files.len() == 1 && merge::is_alone(&self.composes[index]));
        let (sources, gaps, model) = if let Some(index) = alone {
            (files.clone(), Vec::new(), Model::Alone(index))
        } else {
            let Merged { model, files, gaps } = merge::merge(self.library, &files, &dir, env);
            (files, gaps, Model::Merged(Box::new(model)))
        };
        Project { file, files, sources, dir, found_in: None, gaps, only: None, model }
    }
}
