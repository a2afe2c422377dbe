//! `syntax-error`: what BuildKit, Compose or the ignore file's reader would refuse.

use std::collections::{HashMap, HashSet};

use crate::{
    analysis::{
        Facts,
        paths::{base_name, join, parent},
    },
    diag::{Severity, Sink},
    model::compose::{Compose, Layout},
    syntax::SyntaxError,
    text::{FileId, Location},
};

/// What Compose reads when it is told no file.
const DEFAULT_NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        let file = dockerfile.model.file;
        let built = facts.builders(index).next().is_some();
        report(facts, file, &dockerfile.model.errors, !built, sink);
    }
    for compose in &facts.composes {
        report(facts, compose.file, &compose.errors, true, sink);
        // Not an error of the model: docker-compose v1 deploys it.
        if let (Layout::V1, Some(first)) = (compose.layout, compose.services.first()) {
            let message = "there is no `services:`: Compose v2 refuses this layout, which only docker-compose v1 reads; \
                           move the services below `services:`";
            sink.report(first.name.at, message);
        }
    }
    for compose in whole(facts) {
        report(facts, compose.file, &compose.dangling, false, sink);
    }
    for gap in facts.projects.iter().flat_map(|project| &project.gaps).filter(|gap| gap.refused) {
        sink.report(gap.at, gap.reason.clone());
    }
    for (file, error) in &facts.ignores.errors {
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

fn report(facts: &Facts<'_>, file: FileId, errors: &[SyntaxError], may_wait: bool, sink: &mut Sink<'_>) {
    let text = &facts.snapshot.file(file).text;
    // Its first errors show a template; many in a long line are not looked at one by one.
    let template = errors.iter().take(16).find(|error| is_template(text, error));
    // Nothing reads a file that only keeps a place, or a template, as it is; it matters once something wants to.
    let waits = may_wait && (template.is_some() || is_blank(text));
    let most = if waits { Severity::Info } else { Severity::Error };
    if let Some(error) = template {
        let message = "this line belongs to a template, which Docker refuses: check the file that is made of it";
        sink.report(Location::new(file, error.span), message.to_owned()).at_most(most);
        return;
    }
    for error in errors {
        sink.report(Location::new(file, error.span), error.message.clone()).at_most(most);
    }
}

/// Whether what is refused stands in a line of Jinja, Mustache or Go's templates: a tag alone, or one for a value.
fn is_template(text: &str, error: &SyntaxError) -> bool {
    let start = text[..error.span.start()].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default().trim_start_matches('\u{feff}').trim_start();
    ["{%", "{{"].iter().any(|tag| line.starts_with(tag)) || [": {{", ":{{"].iter().any(|value| line.contains(value))
}

/// Whether there is nothing but comments.
fn is_blank(text: &str) -> bool {
    let mut lines = text.lines().map(|l| l.trim_start_matches('\u{feff}').trim());
    lines.all(|line| line.is_empty() || line.starts_with('#'))
}
