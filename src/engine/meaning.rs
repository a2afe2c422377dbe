//! What a safe fix must not change: the instructions and services, the cache-bust itself left out.

use crate::{
    analysis::{Facts, commands::Effect, layer, names, stages::What},
    model::{
        compose,
        dockerfile::Kind,
        script::{Action, Arg, Opt, Step},
    },
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
            lines.push(service_line(service));
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

fn service_line(service: &compose::Service) -> String {
    let raw = |value: &Option<compose::Value>| value.as_ref().map_or_else(String::new, |v| v.raw.clone());
    let build = service.build.as_ref().map(|b| {
        let args: Vec<String> = b
            .args
            .iter()
            .filter(|a| !names::is_bust_name(&a.name.value))
            .map(|a| format!("{}={}", a.name.value, raw(&a.value)))
            .collect();
        let context = b.context.as_ref().map_or(".".to_owned(), |c| c.raw.clone());
        format!("{context} {} {} {}", raw(&b.dockerfile), raw(&b.target), args.join(" "))
    });
    let mounts: Vec<String> =
        service.mounts.iter().map(|m| format!("{}:{}", raw(&m.source), m.target.raw)).collect();
    format!(
        "{} build={build:?} image={} name={} pull={} mounts={}",
        service.name.value,
        raw(&service.image),
        raw(&service.container_name),
        raw(&service.pull_policy),
        mounts.join(",")
    )
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
        ] {
            assert!(differs(&before, &project(dockerfile, compose)).is_some(), "{dockerfile}{compose}");
        }
    }
}
