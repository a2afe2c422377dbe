//! Which files of the repository matter for a service: `trace`, asked for every tracked file.

use std::path::Path;

use crate::{
    analysis::{Facts, links::Service, paths, route::route},
    project,
    protocol::Candidate,
    text::EntryKind,
};

/// The compose files that `docker compose` looks for, in its order
/// (<https://docs.docker.com/compose/intro/compose-application-model/#the-compose-file>).
const COMPOSE_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The files that get into the service's container, or into its build, as the checkout around `here` has them.
pub(super) fn of(here: &Path, service: &str, tracked: &[String]) -> Result<Vec<Candidate>, String> {
    let root = project::find_root(here);
    let mut project = super::read(&root).map_err(|stop| stop.0)?;
    for path in tracked {
        // A tracked file that `.gitignore` names is not walked over, and lies in the context all the same.
        if project.snapshot.entry(path).is_none() {
            project.snapshot.add_entry(path, EntryKind::File);
        }
    }
    let facts = Facts::new(&project.snapshot);
    let folder = here.strip_prefix(&root).map_err(|e| e.to_string())?.to_string_lossy().into_owned();
    let found = find(&facts, &folder, service)?;
    Ok(tracked.iter().filter_map(|path| Candidate::new(path.as_str(), &route(&facts, found, path))).collect())
}

/// The service in the compose file that `docker compose` would take in this folder: the nearest upwards.
fn find<'a>(facts: &'a Facts<'_>, folder: &str, name: &str) -> Result<&'a Service, String> {
    let mut at = folder;
    loop {
        let file = COMPOSE_FILES.iter().find_map(|file| facts.snapshot.find(&paths::join(at, file)));
        if let Some(file) = file {
            let here = |s: &&Service| facts.compose_file(s) == file;
            let services: Vec<&Service> = facts.services.iter().filter(here).collect();
            let known: Vec<&str> = services.iter().map(|s| facts.model(s).name.value.as_str()).collect();
            return services.iter().copied().find(|s| facts.model(s).name.value == name).ok_or_else(|| {
                let file = &facts.snapshot.file(file).path;
                format!("`{file}` has no service `{name}`; it has `{}`", known.join("`, `"))
            });
        }
        if at.is_empty() {
            return Err(
                "there is no compose file here or above: run it in the folder that has one".to_owned()
            );
        }
        at = paths::parent(at);
    }
}
