//! `syntax-error`: what BuildKit, Compose or the ignore file's reader would refuse.

use std::collections::{HashMap, HashSet};

use crate::{
    analysis::{
        Facts,
        paths::{base_name, join, parent},
    },
    diag::Sink,
    model::compose::Compose,
    text::Location,
};

/// What Compose reads when it is told no file.
const DEFAULT_NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let dockerfiles = facts.dockerfiles.iter().map(|d| (d.model.file, &d.model.errors));
    let composes = facts.composes.iter().map(|c| (c.file, &c.errors));
    let dangling = whole(facts).into_iter().map(|c| (c.file, &c.dangling));
    for (file, errors) in dockerfiles.chain(composes).chain(dangling) {
        for error in errors {
            sink.report(Location::new(file, error.span), error.message.clone());
        }
    }
    for gap in facts.projects.iter().flat_map(|project| &project.gaps).filter(|gap| gap.refused) {
        sink.report(gap.at, gap.reason.clone());
    }
    for (file, error) in &facts.ignore_errors {
        sink.report(Location::new(*file, error.span), error.message.clone());
    }
}

/// Compose files that are a project by themselves: read by default, alone in their folder, and named by no other.
fn whole<'f>(facts: &'f Facts<'_>) -> Vec<&'f Compose> {
    let path = |compose: &Compose| facts.snapshot.file(compose.file).path.as_str();
    let mut in_folder: HashMap<&str, usize> = HashMap::new();
    let mut named = HashSet::new();
    for compose in &facts.composes {
        let folder = parent(path(compose));
        *in_folder.entry(folder).or_default() += 1;
        let extended = compose.services.iter().filter_map(|s| s.extends.as_ref()?.file.as_ref());
        for file in compose.includes.iter().chain(extended) {
            // What a variable names may be any file.
            let Some(file) = &file.known else { return Vec::new() };
            named.insert(join(folder, file));
        }
    }
    let alone = |compose: &&Compose| {
        let path = path(compose);
        DEFAULT_NAMES.contains(&base_name(path)) && in_folder[parent(path)] == 1 && !named.contains(path)
    };
    facts.composes.iter().filter(|c| !c.dangling.is_empty()).filter(alone).collect()
}
