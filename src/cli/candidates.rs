//! Which files of the repository matter for a service: `trace`, asked for every tracked file.

use std::path::Path;

use crate::{
    analysis::{
        Facts,
        built::{self, Maker},
        links::Service,
        paths,
        route::route,
    },
    deploy::Asked,
    project,
    protocol::{BuildSource, Candidate, Makes, Reach},
    syntax::SyntaxError,
    text::{EntryKind, FileId, LineIndex},
};

/// Where the files end for the service's container, or for its build, as the checkout around `here` has them.
pub(super) fn of(here: &Path, asked: &Asked<'_>) -> Result<Vec<Candidate>, String> {
    let root = project::find_root(here);
    let mut project = super::read(&root).map_err(|stop| stop.0)?;
    for path in asked.tracked {
        // A tracked file that `.gitignore` names is not walked over, and lies in the context all the same.
        if project.snapshot.entry(path).is_none() {
            project.snapshot.add_entry(path, EntryKind::File);
        }
    }
    let facts = Facts::new(&project.snapshot);
    let folder = match asked.folder {
        Some(folder) => folder.to_owned(),
        None => here.strip_prefix(&root).map_err(|e| e.to_string())?.to_string_lossy().into_owned(),
    };
    readable(&facts, &folder)?;
    let found = find(&facts, &folder, asked.service)?;
    let maker = match built::maker(&facts, found) {
        Maker::One(maker) => maker,
        Maker::Nobody | Maker::Unknown => found,
    };
    if let Some(dockerfile) = maker.build.as_ref().and_then(|build| build.dockerfile) {
        let model = &facts.dockerfiles[dockerfile].model;
        no_errors(&facts, model.file, &model.errors)?;
    }
    let known = asked.build.as_ref().is_none_or(|build| same_build(&facts, maker, build));
    let candidate = |path: &String| {
        if known {
            Candidate::new(path.as_str(), &route(&facts, found, path))
        } else {
            Candidate { path: path.clone(), reach: Reach::Unknown }
        }
    };
    let mut candidates: Vec<Candidate> = asked.tracked.iter().map(candidate).collect();
    candidates.extend(recipes(&facts, maker));
    Ok(candidates)
}

/// Whether the server's Compose builds from what the compose files here say: its own `.env`, or files that are named
/// on its command line, can name another Dockerfile, and then every route would be a guess.
fn same_build(facts: &Facts<'_>, service: &Service, theirs: &BuildSource) -> bool {
    let Some(ours) = &service.build else { return false };
    let (Some(context), Some(dockerfile)) = (&ours.context, ours.dockerfile) else { return false };
    let target = facts.model(service).build.as_ref().and_then(|build| build.target.as_ref());
    let target = target.map(|value| value.known.as_deref());
    !theirs.more
        && context.dir == paths::clean(&theirs.context)
        && facts.snapshot.file(facts.dockerfiles[dockerfile].model.file).path
            == paths::join(&context.dir, &theirs.dockerfile)
        && target.unwrap_or(Some("")).is_none_or(|target| target == theirs.target)
}

/// The files that say how the image is built and how the container is made.
fn recipes(facts: &Facts<'_>, service: &Service) -> Vec<Candidate> {
    let path = |file: FileId| facts.snapshot.file(file).path.clone();
    let mut found = Vec::new();
    if let Some(build) = &service.build {
        found.extend(build.dockerfile.map(|d| (path(facts.dockerfiles[d].model.file), Makes::Image)));
        let ignore = build.context.as_ref().and_then(|context| context.ignore.as_ref());
        found.extend(ignore.map(|ignore| (path(ignore.file), Makes::Image)));
    }
    let project = &facts.projects[service.project];
    found.extend(project.sources.iter().map(|&file| (path(file), Makes::Container)));
    found.into_iter().map(|(path, makes)| Candidate { path, reach: Reach::Recipe(makes) }).collect()
}

/// A file that Compose or BuildKit would refuse is found before anything is removed.
fn no_errors(facts: &Facts<'_>, file: FileId, errors: &[SyntaxError]) -> Result<(), String> {
    let Some(error) = errors.first() else { return Ok(()) };
    let file = facts.snapshot.file(file);
    let line = LineIndex::new(&file.text).line(error.span.start());
    Err(format!("`{}` would be refused, line {line}: {}", file.path, error.message))
}

fn readable(facts: &Facts<'_>, folder: &str) -> Result<(), String> {
    let Some(index) = project(facts, folder) else {
        return Err(format!(
            "there is no compose file in `{}` or above: name the folder that has one with `--dir`",
            if folder.is_empty() { "." } else { folder }
        ));
    };
    let project = &facts.projects[index];
    for &file in &project.sources {
        if let Some(compose) = facts.compose(file) {
            no_errors(facts, file, &compose.errors)?;
        }
    }
    match project.gaps.iter().find(|gap| gap.refused) {
        None => Ok(()),
        Some(gap) => {
            let error = SyntaxError { span: gap.at.span, message: gap.reason.clone() };
            no_errors(facts, gap.at.file, &[error])
        }
    }
}

/// What `docker compose` would take in this folder, by its index: the nearest upwards.
fn project(facts: &Facts<'_>, folder: &str) -> Option<usize> {
    let mut at = folder;
    loop {
        let found = facts.projects.iter().position(|project| project.found_in.as_deref() == Some(at));
        if found.is_some() || at.is_empty() {
            return found;
        }
        at = paths::parent(at);
    }
}

fn find<'a>(facts: &'a Facts<'_>, folder: &str, name: &str) -> Result<&'a Service, String> {
    let found = project(facts, folder);
    let ours = |service: &&Service| found == Some(service.project);
    let services: Vec<&Service> = facts.services.iter().filter(ours).collect();
    if let Some(found) = services.iter().find(|s| facts.model(s).name.value == name) {
        return Ok(found);
    }
    let known: Vec<&str> = services.iter().map(|s| facts.model(s).name.value.as_str()).collect();
    let found = found.map(|index| &facts.projects[index]);
    let path = found.map_or("", |project| facts.snapshot.file(project.file).path.as_str());
    let unread = found.and_then(|project| project.gaps.first());
    let unread = unread.map_or_else(String::new, |gap| format!("; {}", gap.reason));
    Err(format!("`{path}` has no service `{name}`; it has `{}`{unread}", known.join("`, `")))
}
