//! What a simple command does, from its words.

use super::{
    Action, Arg, Compose, Docker, Git,
    options::{self, Split, Until, split},
};
use crate::text::Span;

/// The command behind wrappers that run it as it is: `sudo`, `env`, `time`, …; and the assignments of `env`.
pub(super) fn unwrap(words: &[Arg]) -> (&[Arg], Vec<&str>) {
    let mut rest = words;
    let mut assigned = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        let takes: fn(&str) -> bool = match base_name(first) {
            Some("sudo" | "doas") => {
                |o| matches!(o, "-u" | "--user" | "-g" | "--group" | "-h" | "-p" | "-C" | "-D")
            }
            Some("env") => |o| matches!(o, "-u" | "--unset" | "-C" | "--chdir"),
            Some("nice" | "ionice") => |o| matches!(o, "-n" | "-c"),
            Some("time" | "nohup" | "command" | "builtin" | "unbuffer" | "setsid") => |_| false,
            Some("timeout") => |o| matches!(o, "-s" | "-k" | "--signal" | "--kill-after"),
            _ => break,
        };
        let timeout = base_name(first) == Some("timeout");
        let mut at = 0;
        while let Some(text) = after.get(at).and_then(|w| w.text.as_deref()) {
            if text.starts_with('-') && text.len() > 1 {
                at += if takes(text) { 2 } else { 1 };
            } else if text.split_once('=').is_some_and(|(name, _)| is_name(name)) {
                assigned.push(text);
                at += 1;
            } else {
                break;
            }
        }
        rest = after.get(at + usize::from(timeout)..).unwrap_or_default();
    }
    (rest, assigned)
}

/// Whether a text can name a variable.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// The program's name without its folder.
pub(super) fn base_name(word: &Arg) -> Option<&str> {
    word.text.as_deref().map(|text| text.rsplit('/').next().unwrap_or(text))
}

/// What the words do. `written` is the program as the file has it.
pub(super) fn read(words: &[Arg], written: &str) -> Action {
    let Some((first, args)) = words.split_first() else {
        return Action::Other { name: None, args: Vec::new() };
    };
    match base_name(first) {
        Some("docker-compose" | "docker-compose-v1") => compose(args, written.ends_with("docker-compose")),
        Some("docker") => docker(args, first.span),
        Some("git") => git(args),
        Some("exit" | "return") => Action::Exit,
        name => Action::Other { name: name.map(ToOwned::to_owned), args: args.to_vec() },
    }
}

fn compose(words: &[Arg], standalone: bool) -> Action {
    let global = split(words, &options::compose_takes, Until::First);
    let verb = global.rest.first().filter(|_| !global.open);
    let name = verb.and_then(|v| v.text.clone()).unwrap_or_default();
    let takes = |option: &str| options::compose_verb_takes(&name, option);
    let until = if matches!(name.as_str(), "run" | "exec") { Until::First } else { Until::End };
    let own = split(global.rest.get(1..).unwrap_or_default(), &takes, until);
    Action::Compose(Compose {
        standalone,
        project: global.options,
        verb_span: verb.map_or(Span::point(0), |v| v.span),
        verb: name,
        options: own.options,
        services: own.rest,
        open: global.open || own.open,
    })
}

fn docker(words: &[Arg], program: Span) -> Action {
    let mut global = split(words, &options::docker_takes, Until::First);
    let Some(first) = global.rest.first().cloned() else { return nothing(program, global) };
    let Some(verb) = first.text.clone().filter(|_| !global.open) else { return nothing(program, global) };
    if verb == "compose" {
        let Action::Compose(mut call) = compose(&global.rest[1..], false) else {
            return nothing(program, global);
        };
        call.project.append(&mut global.options);
        return Action::Compose(call);
    }
    let (mut verb, mut used, mut span) = (verb, 1, first.span);
    if is_group(&verb)
        && let Some(sub) =
            global.rest[1..].iter().find(|w| w.text.as_deref().is_none_or(|t| !t.starts_with('-')))
        && let Some(text) = &sub.text
    {
        // `docker buildx --builder x build`
        used = global.rest.iter().position(|w| w == sub).map_or(1, |at| at + 1);
        verb = format!("{verb} {text}");
        span = sub.span;
    }
    let takes = |option: &str| options::docker_verb_takes(&verb, option);
    let until = match verb.as_str() {
        "run" | "exec" | "create" | "container run" | "container exec" => Until::First,
        _ => Until::End,
    };
    let own = split(&global.rest[used..], &takes, until);
    let mut options = own.options;
    options.append(&mut global.options);
    Action::Docker(Docker { verb, verb_span: span, options, args: own.rest, open: own.open })
}

fn nothing(program: Span, global: Split) -> Action {
    Action::Docker(Docker {
        verb: String::new(),
        verb_span: program,
        options: global.options,
        args: global.rest,
        open: true,
    })
}

/// Verbs that have verbs of their own.
fn is_group(verb: &str) -> bool {
    matches!(
        verb,
        "builder"
            | "buildx"
            | "image"
            | "container"
            | "system"
            | "service"
            | "stack"
            | "volume"
            | "network"
            | "context"
    )
}

fn git(words: &[Arg]) -> Action {
    let takes = |o: &str| matches!(o, "-C" | "-c" | "--git-dir" | "--work-tree" | "--namespace");
    let global = split(words, &takes, Until::First);
    let dir = global.options.iter().find(|o| o.name == "-C").and_then(|o| o.value.clone());
    let verb = global.rest.first().and_then(|v| v.text.clone()).unwrap_or_default();
    Action::Git(Git { verb, dir, args: global.rest.get(1..).unwrap_or_default().to_vec() })
}
