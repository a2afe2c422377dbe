//! Options of the docker command line: which of them take a value of their own.

use super::{Arg, Opt};

/// Options and other arguments.
pub(super) struct Split {
    pub(super) options: Vec<Opt>,
    pub(super) rest: Vec<Arg>,
    /// Whether a word is not known: it may be anything.
    pub(super) open: bool,
}

/// Where options end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// They may stand anywhere.
    End,
    /// At the first argument: what follows is another program's.
    First,
}

/// Splits words. `valued` names the options that take the next word, `switches` the ones that take none; an option of
/// neither list takes none if `valued` is given, else it takes the next word.
pub(super) fn split(words: &[Arg], takes: &dyn Fn(&str) -> bool, until: Until) -> Split {
    let mut out = Split { options: Vec::new(), rest: Vec::new(), open: false };
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(text) = word.text.as_deref() else {
            out.open = true;
            out.rest.push(word.clone());
            continue;
        };
        if text == "--" || (until == Until::First && !text.starts_with('-')) {
            out.rest.extend((text != "--").then(|| word.clone()));
            out.rest.extend(words.cloned());
            break;
        }
        if text.starts_with("--") {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(Arg { text: Some(value.to_owned()), span: word.span })),
                None if takes(text) => (text, words.next().cloned()),
                None => (text, None),
            };
            out.options.push(Opt { name: name.to_owned(), value, span: word.span });
        } else if text.len() > 1 && text.starts_with('-') {
            for (at, c) in text.char_indices().skip(1) {
                let name = format!("-{c}");
                if takes(&name) {
                    let rest = text[at + c.len_utf8()..].trim_start_matches('=');
                    let value = if rest.is_empty() {
                        words.next().cloned()
                    } else {
                        Some(Arg { text: Some(rest.to_owned()), span: word.span })
                    };
                    out.options.push(Opt { name, value, span: word.span });
                    break;
                }
                out.options.push(Opt { name, value: None, span: word.span });
            }
        } else {
            out.rest.push(word.clone());
        }
    }
    out
}

/// Options of `docker` itself that take a value.
pub(super) fn docker_takes(name: &str) -> bool {
    matches!(
        name,
        "-H" | "--host"
            | "-c"
            | "--context"
            | "--config"
            | "-l"
            | "--log-level"
            | "--tlscacert"
            | "--tlscert"
            | "--tlskey"
    )
}

/// Options of Compose, before its verb, that take a value.
pub(super) fn compose_takes(name: &str) -> bool {
    matches!(
        name,
        "-f" | "--file"
            | "-p"
            | "--project-name"
            | "--project-directory"
            | "--workdir"
            | "--profile"
            | "--env-file"
            | "--parallel"
            | "--ansi"
            | "--progress"
            | "-H"
            | "--host"
            | "-c"
            | "--context"
            | "--log-level"
            | "--tlscacert"
            | "--tlscert"
            | "--tlskey"
    )
}

/// Options of a verb of Compose that take a value.
pub(super) fn compose_verb_takes(verb: &str, name: &str) -> bool {
    match verb {
        "up" | "create" => matches!(
            name,
            "-t" | "--timeout"
                | "--scale"
                | "--attach"
                | "--no-attach"
                | "--exit-code-from"
                | "--pull"
                | "--wait-timeout"
        ),
        "build" => {
            matches!(
                name,
                "--build-arg"
                    | "-m"
                    | "--memory"
                    | "--builder"
                    | "--ssh"
                    | "--progress"
                    | "--provenance"
                    | "--sbom"
            )
        }
        "restart" | "stop" => matches!(name, "-t" | "--timeout"),
        "start" => name == "--wait-timeout",
        "down" => matches!(name, "-t" | "--timeout" | "--rmi"),
        "pull" => name == "--policy",
        "kill" => matches!(name, "-s" | "--signal"),
        "logs" => matches!(name, "--tail" | "-n" | "--since" | "--until" | "--index"),
        "ps" | "images" | "config" | "ls" => {
            matches!(name, "--format" | "--filter" | "--status" | "-o" | "--output" | "--hash")
        }
        "run" => docker_run_takes(name),
        "exec" => matches!(name, "-e" | "--env" | "-u" | "--user" | "-w" | "--workdir" | "--index"),
        _ => false,
    }
}

/// Options of a verb of docker that take a value.
pub(super) fn docker_verb_takes(verb: &str, name: &str) -> bool {
    match verb {
        "run" | "create" | "container run" | "container create" => docker_run_takes(name),
        "exec" | "container exec" => {
            matches!(
                name,
                "-e" | "--env" | "-u" | "--user" | "-w" | "--workdir" | "--env-file" | "--detach-keys"
            )
        }
        "build" | "buildx build" | "image build" | "builder build" | "buildx bake" => !matches!(
            name,
            "-q" | "--quiet"
                | "--no-cache"
                | "--pull"
                | "--push"
                | "--load"
                | "--rm"
                | "--force-rm"
                | "--squash"
                | "--compress"
                | "--stream"
                | "--check"
                | "--print"
                | "--disable-content-trust"
                | "-D"
                | "--debug"
        ),
        "stop" | "restart" | "container stop" | "container restart" => {
            matches!(name, "-t" | "--time" | "--timeout" | "-s" | "--signal")
        }
        _ => {
            matches!(
                name,
                "--filter" | "--format" | "--builder" | "-o" | "--output" | "--keep-storage" | "--image"
            )
        }
    }
}

/// `docker run` has many options with a value and few without.
fn docker_run_takes(name: &str) -> bool {
    !matches!(
        name,
        "-d" | "--detach"
            | "-i"
            | "--interactive"
            | "-t"
            | "--tty"
            | "-T"
            | "--no-TTY"
            | "--rm"
            | "--init"
            | "--privileged"
            | "-P"
            | "--publish-all"
            | "--read-only"
            | "--no-healthcheck"
            | "--oom-kill-disable"
            | "--sig-proxy"
            | "-q"
            | "--quiet"
            | "--build"
            | "--no-deps"
            | "--service-ports"
            | "--use-aliases"
            | "--remove-orphans"
            | "--quiet-pull"
    )
}
