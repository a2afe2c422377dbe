//! Which builder a project says that it builds with.

use super::Facts;
use crate::{
    model::kind::FileKind,
    text::{Location, Span},
};

/// The place that switches BuildKit off, if there is one: `DOCKER_BUILDKIT=0` in a `.env`.
pub fn classic(facts: &Facts<'_>) -> Option<Location> {
    let dotenvs =
        facts.snapshot.files().filter(|(_, file)| FileKind::of(&file.path) == Some(FileKind::Dotenv));
    for (id, file) in dotenvs {
        let mut at = 0;
        for line in file.text.split_inclusive('\n') {
            let said = line.trim().trim_start_matches("export ").trim_start();
            if said.strip_prefix("DOCKER_BUILDKIT=").is_some_and(|v| v.trim_matches(['"', '\'']) == "0") {
                return Some(Location::new(id, Span::new(at, at + line.trim_end().len())));
            }
            at += line.len();
        }
    }
    None
}
