//! What a safe fix must not change: the instructions and services, the cache-bust itself left out.

use crate::{
    analysis::{Facts, commands::Effect, layer, names, stages::What},
    model::{
        compose::{self, Compose},
        dockerfile::Kind,
        script::{Action, Arg, Opt, Step},
    },
    syntax::yaml::{Effective, NodeId, Tree},
    text::Snapshot,
};

/// How the second snapshot differs in meaning from the first.
pub(super) fn differs(before: &Snapshot, after: &Snapshot) -> Option<String> {
    let (old, new) = (meaning(&Facts::new(before)), meaning(&Facts::new(after)));
    let first = old.iter().zip(&new).find(|(a, b)| a != b);
    match first {
        Some((a, b)) => Some(format!("`{a}` becomes `{b}`")),
        None if old.len() == new.len() => None,
        None => Some("an instruction or a service appears or goes".to_owned()),
    }
}

/// One line for each thing that a build or a start does.
fn meaning(facts: &Facts<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for dockerfile in &facts.dockerfiles {
        instructions(facts, dockerfile, &mut lines);
    }
    for compose in &facts.composes {
        for service in &compose.services {
            service_lines(compose, service, &mut lines);
        }
    }
    for script in &facts.scripts {
        lines.extend(script.steps.iter().map(|step| format!("{} {}", script.name, step_line(step))));
    }
    lines
}

/// A command of a script without its place. `restart` and `up` both start; a shell's own options are no step.
fn step_line(step: &Step) -> String {
    let texts =
        |args: &[Arg]| args.iter().map(|a| a.text.clone().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    match &step.action {
        Action::Compose(c) => {
            let verb = if matches!(c.verb.as_str(), "restart" | "start" | "up") { "starts" } else { &c.verb };
            let own = |o: &&Opt| !matches!(o.name.as_str(), "-d" | "--detach");
            let options: Vec<&str> = c.options.iter().filter(own).map(|o| o.name.as_str()).collect();
            format!("compose {verb} {} {}", options.join(" "), texts(&c.services))
        }
        Action::Docker(d) => format!("docker {} {}", d.verb, texts(&d.args)),
        Action::Git(g) => format!("git {} {}", g.verb, texts(&g.args)),
        Action::Other { name, args } => format!("{} {}", name.as_deref().unwrap_or_default(), texts(args)),
        Action::Exit => "exit".to_owned(),
    }
}

fn instructions(facts: &Facts<'_>, dockerfile: &crate::analysis::DockerfileFacts, lines: &mut Vec<String>) {
    let model = &dockerfile.model;
    let text = &facts.snapshot.file(model.file).text;
    // RUNs that change nothing may come and go.
    let idle: Vec<usize> = dockerfile
        .stages
        .all
        .iter()
        .flat_map(|stage| &stage.steps)
        .filter(|step| match &step.what {
            What::Run(run) => {
                run.effects.iter().all(|e| matches!(e, Effect::Nothing | Effect::PrintsClock { .. }))
            }
            _ => false,
        })
        .map(|step| step.instruction)
        .collect();
    for (at, instruction) in model.instructions.iter().enumerate() {
        let bust = match &instruction.kind {
            Kind::Arg(pairs) => pairs.iter().all(|p| names::is_bust_name(&p.name.value)),
            Kind::Label(pairs) => pairs.iter().all(|p| p.name.value == layer::LABEL),
            _ => false,
        };
        if !bust && !idle.contains(&at) {
            lines.push(text[instruction.span.range()].to_owned());
        }
    }
}

/// Everything that a service says, whatever it is written like; of its build the cache-bust left out.
fn service_lines(compose: &Compose, service: &compose::Service, lines: &mut Vec<String>) {
    let tree = &compose.tree;
    let name = &service.name.value;
    for entry in sorted(tree, service.node) {
        if tree.scalar(entry.key) != Some("build") {
            dump(tree, entry.value, &format!("{name}.{}", tree.scalar(entry.key).unwrap_or_default()), lines);
            continue;
        }
        let Some(build) = &service.build else { continue };
        let raw = |value: &Option<compose::Value>| value.as_ref().map_or_else(String::new, |v| v.raw.clone());
        let context = build.context.as_ref().map_or(".".to_owned(), |c| c.raw.clone());
        lines.push(format!("{name}.build.context={context}"));
        let mut args: Vec<String> = build
            .args
            .iter()
            .filter(|a| !names::is_bust_name(&a.name.value))
            .map(|a| format!("{name}.build.args.{}={}", a.name.value, raw(&a.value)))
            .collect();
        args.sort();
        lines.extend(args);
        for inner in sorted(tree, entry.value) {
            match tree.scalar(inner.key).unwrap_or_default() {
                "context" | "args" => {}
                key => dump(tree, inner.value, &format!("{name}.build.{key}"), lines),
            }
        }
    }
}

/// The entries of a mapping after merging, by key.
fn sorted(tree: &Tree, map: NodeId) -> Vec<Effective> {
    let mut entries = tree.effective(map).unwrap_or_default();
    entries.sort_by_key(|e| tree.scalar(e.key).unwrap_or_default());
    entries
}

/// A line for each scalar below a node; the parser bounds how many there are, aliases followed.
fn dump(tree: &Tree, node: NodeId, path: &str, lines: &mut Vec<String>) {
    if let Some(items) = tree.items(node) {
        for (at, item) in items.iter().enumerate() {
            dump(tree, *item, &format!("{path}[{at}]"), lines);
        }
    } else if tree.entries(node).is_some() {
        for entry in sorted(tree, node) {
            dump(tree, entry.value, &format!("{path}.{}", tree.scalar(entry.key).unwrap_or_default()), lines);
        }
    } else {
        lines.push(format!("{path}={}", tree.go_text(node).unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::SourceFile;

    fn project(dockerfile: &str, compose: &str) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (path, text) in [("Dockerfile", dockerfile), ("compose.yaml", compose)] {
            snapshot.add_file(SourceFile { path: path.into(), text: text.into() });
        }
        snapshot
    }

    #[test]
    fn a_cache_bust_changes_nothing_and_everything_else_does() {
        let compose = "services:\n  web:\n    build: .\n";
        let before = project("FROM x\nCOPY . /app\nRUN make\n", compose);
        let busted =
            "FROM x\nARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\nCOPY . /app\nRUN make\n";
        let args = "services:\n  web:\n    build:\n      context: .\n      args:\n        CACHE_BUST: ${CACHE_BUST:-}\n";
        assert_eq!(differs(&before, &project(busted, args)), None);
        for (dockerfile, compose) in [
            ("FROM x\nCOPY . /srv\nRUN make\n", compose),
            ("FROM x\nRUN make\nCOPY . /app\n", compose),
            ("FROM x\nCOPY . /app\nRUN make\nRUN touch /x\n", compose),
            ("FROM x\nCOPY . /app\nRUN make\n", "services:\n  web:\n    build: ./web\n"),
            ("FROM x\nCOPY . /app\nRUN make\n", "services:\n  web:\n    build: .\n    volumes: [\"a:/b\"]\n"),
            ("FROM x\nCOPY . /app\nRUN make\n", "services:\n  web:\n    build: {context: ., args: {A: b}}\n"),
            ("FROM x\nCOPY . /app\nRUN make\n", "services:\n  web:\n    build: .\n    environment: {A: b}\n"),
            ("FROM x\nCOPY . /app\nRUN make\n", "services:\n  web:\n    build: {context: ., pull: true}\n"),
        ] {
            assert!(differs(&before, &project(dockerfile, compose)).is_some(), "{dockerfile}{compose}");
        }
    }
}
