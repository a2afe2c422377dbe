//! The configuration of the checkout that a command is given in, for commands that read no project.

use std::path::Path;

use super::Stop;
use crate::{
    config::{self, Outer, Source},
    project,
    settings::{Scope, Settings},
    text::{Snapshot, SourceFile},
};

/// What the nearest configuration upwards says, up to the root of the checkout, with its path; `None` without one.
pub(super) fn scope(here: &Path) -> Result<Option<(String, Scope)>, Stop> {
    let root = project::find_root(here);
    let folders = here.ancestors().take_while(|folder| folder.starts_with(&root));
    let Some(path) = folders.map(|f| f.join(config::NAME)).find(|p| p.is_file()) else { return Ok(None) };
    let name = path.display().to_string();
    let text =
        project::text(&path).map_err(|e| Stop(format!("the configuration `{name}` cannot be read: {e}")))?;
    let mut snapshot = Snapshot::default();
    let file = snapshot.add_file(SourceFile { path: config::NAME.to_owned(), text });
    let source = Source::Given(Outer { file, above: String::new() });
    let settings = config::with(&snapshot, &Settings::default(), &source);
    Ok(settings.scopes.of("").map(|scope| (name, scope.clone())))
}
