//! What was named becomes projects, and their files get the names that a person would write.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use super::{super::read, CheckArgs, Stop};
use crate::{
    analysis,
    config::{self, Outer, Source},
    engine,
    project::{self, Project},
    settings::Settings,
    text::{EntryKind, SourceFile},
};

/// One project and what of it was asked for.
pub(super) struct Job {
    pub(super) project: Project,
    /// Only findings in these files; none are named for a folder.
    pub(super) only: Vec<String>,
    /// Those of them that no rule speaks of.
    pub(super) unknown: Vec<String>,
    /// What holds for it.
    pub(super) settings: Settings,
    name: Name,
    /// The current folder.
    here: PathBuf,
    /// The project's folder without links.
    pub(super) real: PathBuf,
    /// The root of the checkout that it lies in.
    pub(super) checkout: Option<PathBuf>,
    /// The root of the checkout around the current folder; without one that folder.
    repository: PathBuf,
}

/// How a person who asked would write the project's paths.
enum Name {
    /// A folder was typed: they start with it.
    Typed(PathBuf),
    /// Files were typed: from the current folder.
    FromHere,
}

/// Folders are projects; files are looked at within the project that holds them. What two paths name is looked at
/// once.
pub(super) fn jobs(args: &CheckArgs, settings: &Settings) -> Result<Vec<Job>, Stop> {
    let here =
        Path::new(".").canonicalize().map_err(|e| Stop(format!("the current folder cannot be read: {e}")))?;
    let mut jobs = match &args.stdin_filename {
        Some(name) => vec![standard_input(name, &here)?],
        None => named(&args.paths, &here)?,
    };
    for job in &mut jobs {
        job.configure(args.config.as_deref(), settings)?;
        let snapshot = &job.project.snapshot;
        job.unknown = job.only.iter().filter(|path| !engine::knows(snapshot, path)).cloned().collect();
    }
    Ok(jobs)
}

fn named(paths: &[PathBuf], here: &Path) -> Result<Vec<Job>, Stop> {
    let mut folders: Vec<(PathBuf, &PathBuf)> = Vec::new();
    let mut files: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in paths {
        let real = real(path).map_err(|e| Stop(format!("`{}` cannot be read: {e}", path.display())))?;
        if path.is_dir() {
            folders.push((real, path));
            continue;
        }
        let root = project::find_root(&real);
        let inside = slashes(real.strip_prefix(&root).map_err(|e| Stop(e.to_string()))?);
        let only = files.entry(root).or_default();
        if !only.contains(&inside) {
            only.push(inside);
        }
    }
    folders.sort();
    let mut jobs: Vec<Job> = Vec::new();
    for (real, typed) in folders {
        if !jobs.iter().any(|job| job.holds(&real)) {
            jobs.push(Job::new(read(typed)?, Vec::new(), Name::Typed(typed.clone()), here, real));
        }
    }
    let whole = jobs.len();
    for (root, mut only) in files {
        only.retain(|path| !jobs[..whole].iter().any(|job| job.holds(&root.join(path))));
        if only.is_empty() {
            continue;
        }
        let mut project = read(&root)?;
        // A file that is named is checked, whatever it is called and whatever git ignores.
        for path in &only {
            if project.snapshot.find(path).is_none() && !project.problems.iter().any(|p| p.path == *path) {
                project.take(path);
            }
        }
        project.problems.retain(|problem| only.contains(&problem.path) || is_config(&problem.path));
        jobs.push(Job::new(project, only, Name::FromHere, here, root));
    }
    Ok(jobs)
}

/// The text from standard input as a file of the project around its name, whether or not it lies there.
fn standard_input(name: &Path, here: &Path) -> Result<Job, Stop> {
    let text =
        project::standard_input().map_err(|e| Stop(format!("standard input cannot be checked: {e}")))?;
    let folder = name.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot = |e: std::io::Error| {
        Stop(format!("`{}`, the folder of `--stdin-filename`, cannot be read: {e}", folder.display()))
    };
    let folder = folder.canonicalize().map_err(cannot)?;
    let Some(file) = name.file_name() else {
        return Err(Stop(format!("`{}` is no name of a file: `--stdin-filename` takes one", name.display())));
    };
    let real = folder.join(file);
    if real.is_dir() {
        return Err(Stop(format!("`{}` is a folder: `--stdin-filename` takes a file", name.display())));
    }
    let root = project::find_root(&folder);
    let path = slashes(real.strip_prefix(&root).map_err(|e| Stop(e.to_string()))?);
    let mut project = read(&root)?;
    project.problems.retain(|problem| is_config(&problem.path) && problem.path != path);
    project.snapshot.add_file(SourceFile { path: path.clone(), text });
    // The text may name files that the one on disk does not.
    project.complete(&analysis::wanted);
    Ok(Job::new(project, vec![path], Name::FromHere, here, root))
}

fn is_config(path: &str) -> bool {
    path.rsplit('/').next() == Some(config::NAME)
}

/// The path without links above it; a file that is a link itself stays one.
fn real(path: &Path) -> std::io::Result<PathBuf> {
    match (path.is_dir(), path.parent(), path.file_name()) {
        (false, Some(folder), Some(name)) => {
            path.symlink_metadata()?;
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            Ok(folder.canonicalize()?.join(name))
        }
        _ => path.canonicalize(),
    }
}

/// The path without `..`: what lies outside of a project is named by them.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
        plain
    })
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Stop {
    Stop(format!("the configuration `{}` cannot be read: {error}", path.display()))
}

fn slashes(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

impl Job {
    fn new(project: Project, only: Vec<String>, name: Name, here: &Path, real: PathBuf) -> Self {
        let (checkout, repository) = (project::checkout(&real), project::find_root(here));
        let (settings, unknown, here) = (Settings::default(), Vec::new(), here.to_path_buf());
        Self { project, only, unknown, settings, name, here, real, checkout, repository }
    }

    /// Finds the configuration and merges it: the file that was named, or the nearest one upwards from each file, up
    /// to the root of the checkout. (Without a checkout: up to the current folder, if the project lies in it.)
    fn configure(&mut self, given: Option<&Path>, settings: &Settings) -> Result<(), Stop> {
        let asked = Settings { files: self.only.clone(), ..settings.clone() };
        let source = match given {
            Some(path) => Source::Given(self.outer(&real(path).map_err(|e| unreadable(path, &e))?)?),
            None => Source::Found(self.nearest()?),
        };
        self.settings = config::with(&self.project.snapshot, &asked, &source);
        Ok(())
    }

    fn nearest(&mut self) -> Result<Option<Outer>, Stop> {
        // What git ignores is not walked over, and holds all the same.
        let folders: Vec<&Path> =
            self.only.iter().flat_map(|path| Path::new(path).ancestors().skip(1)).collect();
        let mut names: Vec<String> =
            folders.into_iter().chain([Path::new("")]).map(|f| slashes(&f.join(config::NAME))).collect();
        names.sort();
        names.dedup();
        for name in names {
            if self.project.snapshot.find(&name).is_none() && self.real.join(&name).is_file() {
                self.project.take(&name);
            }
        }
        if let Some(problem) = self.project.problems.iter().find(|problem| is_config(&problem.path)) {
            return Err(unreadable(Path::new(&self.name(&problem.path)), &problem.reason));
        }
        if self.project.snapshot.find(config::NAME).is_some() {
            return Ok(None);
        }
        let stop = self.checkout.clone().unwrap_or_else(|| {
            if self.real.starts_with(&self.here) { self.here.clone() } else { self.real.clone() }
        });
        let above = self.real.ancestors().skip(1).take_while(|folder| folder.starts_with(&stop));
        let found = above.map(|folder| folder.join(config::NAME)).find(|path| path.is_file());
        found.map(|path| self.outer(&path)).transpose()
    }

    /// Reads a configuration that holds for the whole project.
    fn outer(&mut self, path: &Path) -> Result<Outer, Stop> {
        let folder = path.parent().unwrap_or(path);
        let above = self.real.strip_prefix(folder).map(slashes).unwrap_or_default();
        let inside = path.strip_prefix(&self.real).map(slashes);
        let text = project::text(path).map_err(|e| unreadable(path, &e))?;
        let known = inside.ok().and_then(|inside| self.project.snapshot.find(&inside));
        let file = known.unwrap_or_else(|| {
            let path = path.to_string_lossy().into_owned();
            self.project.snapshot.add_outside(SourceFile { path, text })
        });
        Ok(Outer { file, above })
    }

    /// A path as it is called wherever the program is run: from the root of the checkout, or of the project.
    pub(super) fn stable(&self, path: &str) -> String {
        let real = plain(&self.real.join(path));
        let root = self.checkout.as_ref().unwrap_or(&self.real);
        real.strip_prefix(root).map_or_else(|_| path.to_owned(), slashes)
    }

    /// A path as a service wants it that knows the checkout around the current folder; from the root of the file
    /// system if it lies elsewhere.
    pub(super) fn in_repository(&self, path: &str) -> String {
        let real = plain(&self.real.join(path));
        real.strip_prefix(&self.repository)
            .map_or_else(|_| real.to_string_lossy().replace('\\', "/"), slashes)
    }

    /// Whether it was asked to look at a path, as [`Self::stable`] calls it.
    pub(super) fn asked(&self, stable: &str) -> bool {
        if self.only.is_empty() {
            let below = self.stable("");
            below.is_empty() || stable.strip_prefix(&below).is_some_and(|rest| rest.starts_with('/'))
        } else {
            self.only.iter().any(|path| self.stable(path) == stable)
        }
    }

    /// Whether the folder or file is looked at by this job, which has a whole folder.
    fn holds(&self, real: &Path) -> bool {
        let inside = real.strip_prefix(&self.real).map(slashes);
        inside.is_ok_and(|path| {
            self.project.snapshot.entry(&path) == Some(EntryKind::Dir)
                || self.project.snapshot.find(&path).is_some()
        })
    }

    /// A path of the project as the person who asked would write it.
    pub(super) fn name(&self, path: &str) -> String {
        match &self.name {
            _ if path.starts_with('/') => self.relative_name(path),
            Name::Typed(typed) => {
                let prefix = typed.strip_prefix(".").unwrap_or(typed);
                prefix.join(path).to_string_lossy().replace('\\', "/")
            }
            Name::FromHere => self.relative_name(path),
        }
    }

    fn relative_name(&self, path: &str) -> String {
        let real = self.real.join(path);
        if let Ok(below) = real.strip_prefix(&self.here) {
            return slashes(below);
        }
        // Within one checkout `../compose.yaml` says more than the whole path.
        let Some(shared) = self
            .here
            .starts_with(&self.real)
            .then(|| self.here.components().zip(real.components()).take_while(|(a, b)| a == b).count())
        else {
            return real.to_string_lossy().replace('\\', "/");
        };
        let up = self.here.components().skip(shared).map(|_| "..");
        let down: Vec<_> = real.components().skip(shared).map(|c| c.as_os_str().to_string_lossy()).collect();
        up.map(Into::into).chain(down).collect::<Vec<_>>().join("/")
    }

    /// A path as `git apply` takes it: from the current folder, or from the project if it lies elsewhere.
    pub(super) fn patch_name(&self, path: &str) -> String {
        self.real.join(path).strip_prefix(&self.here).map_or_else(|_| path.to_owned(), slashes)
    }
}
