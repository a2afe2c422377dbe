//! What the configuration nearest to a folder says beside the rules: rates, and what services have to answer.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use super::Stop;
use crate::{
    config::{self, Outer, Source},
    project,
    protocol::{HttpCheck, Place},
    settings::{KEEP, Scope, Settings},
    text::{Snapshot, SourceFile},
};

/// The nearest configuration upwards from a folder, up to the root of the checkout.
pub(super) fn nearest(folder: &Path, root: &Path) -> Result<Option<(PathBuf, Scope)>, Stop> {
    let folders = folder.ancestors().take_while(|folder| folder.starts_with(root));
    let Some(path) = folders.map(|f| f.join(config::NAME)).find(|p| p.is_file()) else {
        return Ok(None);
    };
    let text = project::text(&path)
        .map_err(|e| Stop(format!("the configuration `{}` cannot be read: {e}", path.display())))?;
    let mut snapshot = Snapshot::default();
    let file = snapshot.add_file(SourceFile { path: config::NAME.to_owned(), text });
    let source = Source::Given(Outer { file, above: String::new() });
    let settings = config::with(&snapshot, &Settings::default(), &source);
    Ok(settings.scopes.of("").map(|scope| (path, scope.clone())))
}

/// The configuration nearest to the project's folder.
fn of_project(here: &Path, folder: Option<&str>) -> Result<Option<(PathBuf, Scope)>, String> {
    let root = project::find_root(here);
    let inside = |folder: &&str| Path::new(folder).components().all(|c| matches!(c, Component::Normal(_)));
    let start = folder.filter(inside).map_or_else(|| here.to_owned(), |folder| root.join(folder));
    nearest(&start, &root).map_err(|Stop(why)| why)
}

/// How many images of before stay kept after a verified deploy, by the same configuration.
pub(super) fn keep(here: &Path, folder: Option<&str>) -> Result<usize, String> {
    let Some((path, scope)) = of_project(here, folder)? else { return Ok(KEEP) };
    scope.keep.ok_or_else(|| {
        format!(
            "`{}` has mistakes, so that how many images stay kept is not known: `unstale check` shows them",
            path.display()
        )
    })
}

/// What the services have to answer, by the configuration nearest to the project's folder (from the checkout's top; the
/// current one, where it is not known).
pub(super) fn http(here: &Path, folder: Option<&str>) -> Result<BTreeMap<String, HttpCheck>, String> {
    let Some((path, scope)) = of_project(here, folder)? else { return Ok(BTreeMap::new()) };
    let Some(checks) = scope.http else {
        return Err(format!(
            "`{}` has mistakes, so that what a service has to answer is not known: `unstale check` shows them",
            path.display()
        ));
    };
    let check = |(service, check): (String, crate::settings::HttpCheck)| {
        let from = if check.from_here { Place::Here } else { Place::Server };
        let crate::settings::HttpCheck { url, contains, timeout, .. } = check;
        (service, HttpCheck { url, contains, from, timeout })
    };
    Ok(checks.into_iter().map(check).collect())
}
