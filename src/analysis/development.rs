//! Which services are there for developing: their mounts over code are the point, not a mistake.

use super::{Facts, links::Service, names::is_test_path, paths};
use crate::text::FileId;

/// Whether a service, as one of its files has it, is for development or tests: that file's name says it, or the
/// service's profile, stage, environment, `develop.watch`, or a command that reloads.
pub fn is(facts: &Facts<'_>, service: &Service, file: FileId) -> bool {
    let model = facts.model(service);
    let file = &facts.snapshot.file(file).path;
    let target = model.build.as_ref().and_then(|b| b.target.as_ref());
    named(paths::base_name(file))
        || named(&model.name.value)
        || !model.watch.is_empty()
        || target.is_some_and(|t| named(&t.raw))
        || model.profiles.iter().any(|p| named(&p.raw))
        || model.environment.iter().any(|v| {
            let value = v.value.as_ref().and_then(|v| v.known.as_deref()).unwrap_or_default();
            switches_on(&v.name.value.to_ascii_uppercase(), &value.to_ascii_lowercase())
        })
        || model.command.is_some_and(|at| reloads(&facts.snapshot.file(at.file).text[at.span.start()..]))
}

/// Words of a name that say so.
fn named(name: &str) -> bool {
    const WORDS: [&str; 11] = [
        "dev",
        "develop",
        "development",
        "devel",
        "override",
        "local",
        "debug",
        "ci",
        "watch",
        "hot",
        "devcontainer",
    ];
    let lower = name.to_ascii_lowercase();
    is_test_path(name) || lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| WORDS.contains(&word))
}

fn switches_on(name: &str, value: &str) -> bool {
    let on = matches!(value, "1" | "true" | "yes" | "on");
    let environment = ["_ENV", "_ENVIRONMENT"].iter().any(|end| name.ends_with(end))
        || name == "ENV"
        || name == "ENVIRONMENT";
    (environment && named(value))
        || (on && (name == "DEBUG" || name.ends_with("_DEBUG") || name.contains("HOT_RELOAD")))
        || (on && matches!(name, "CHOKIDAR_USEPOLLING" | "WATCHPACK_POLLING"))
}

/// A command of a development server, in the text that starts with the key `command`; only its own lines count.
fn reloads(text: &str) -> bool {
    let line_end = text.find('\n').unwrap_or(text.len());
    let more: usize = text[line_end..]
        .split_inclusive('\n')
        .skip(1)
        .take_while(|line| line.trim_start().starts_with("- "))
        .map(str::len)
        .sum();
    let command = &text[..(line_end + 1 + more).min(text.len())];
    command.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))).any(|word| {
        matches!(
            word,
            "dev"
                | "develop"
                | "serve"
                | "watch"
                | "nodemon"
                | "--reload"
                | "--debug"
                | "runserver"
                | "--watch"
                | "air"
                | "ts-node-dev"
                | "tsx"
                | "start:dev"
                | "dev:server"
                | "storybook"
        )
    })
}
