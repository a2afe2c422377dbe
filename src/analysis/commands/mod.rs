//! What a RUN does: installs of dependencies, fetches from the network, and things that only look like a cache-bust.

mod cargo;
mod fetch;
mod install;
mod managers;
mod packages;
mod write;

pub use cargo::{Cargo, cargo};
pub use fetch::{Fetch, Moves};
pub use install::{Flags, Install, Needs};
pub use managers::{Beside, Manager};
pub use packages::{Packages, System, packages};
pub use write::{How, Write, writes};

use super::paths;
use crate::{
    model::dockerfile::Word as DockerfileWord,
    syntax::shell::{Command, Link, Script, Word},
    text::Span,
};

/// One thing that a command of a RUN does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Installs dependencies that a manifest names.
    Install(Install),
    /// Gets something from the network.
    Fetch(Fetch),
    /// `git checkout` or `git reset` to a commit or tag: what was cloned before is pinned by it.
    Pins {
        /// Variables in the ref.
        variables: Vec<String>,
    },
    /// A checksum or signature is checked: a moved download would fail instead of being used.
    Checks,
    /// A command that changes nothing and prints a value that the shell computes (`echo $(date)`): written to bust the
    /// cache, but the key is the text (measured: never busts, on every builder).
    PrintsClock {
        /// The command.
        span: Span,
    },
    /// `echo`, `true` or `:`: changes nothing, prints what is written.
    Nothing,
    /// Something else.
    Other {
        /// What it may read.
        reads: Reads,
        /// The command.
        span: Span,
    },
}

/// Whether a command can read the application's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// It sets something up and does not look at the application: folders, users, options.
    Nothing,
    /// Nothing of the application, but an index of packages.
    Index,
    /// Names, not what the files hold: owners, modes, links.
    Names,
    /// It may.
    Unknown,
}

/// A command as a list of words whose values are known where nothing is expanded.
pub(crate) struct Call<'a> {
    pub(crate) words: Vec<&'a Word>,
    pub(crate) span: Span,
}

impl<'a> Call<'a> {
    /// The value of a word; for one with expansions its text as written.
    pub(crate) fn text(&self, index: usize) -> &'a str {
        self.words.get(index).map_or("", |w| w.literal.as_deref().unwrap_or(&w.raw))
    }

    /// The name of the program without its folder.
    pub(crate) fn program(&self) -> &'a str {
        let name = self.text(0);
        name.rsplit('/').next().unwrap_or(name)
    }

    /// The arguments as text.
    pub(crate) fn args(&self) -> impl Iterator<Item = &'a str> {
        (1..self.words.len()).map(|i| self.text(i))
    }

    /// Arguments that are not options.
    pub(crate) fn plain(&self) -> impl Iterator<Item = &'a str> {
        self.args().filter(|a| !a.starts_with('-'))
    }

    /// Every variable that the words expand.
    pub(crate) fn variables(&self) -> Vec<String> {
        self.words.iter().flat_map(|w| w.variables.iter().cloned()).collect()
    }
}

/// What the commands of a shell-form RUN do, in order.
pub fn effects(script: &Script) -> Vec<Effect> {
    let mut effects = Vec::new();
    let shells: Vec<&Command> =
        script.commands.iter().filter(|c| c.substitution == 0 && is_shell(c)).collect();
    walk(script, |index, call, dir| {
        let command = &script.commands[index];
        if command.substitution > 0 && clock(call) {
            return;
        }
        let shell = runs_output(&script.commands, index, &shells);
        effects.push(effect(call, command, dir, shell));
    });
    effects
}

/// Shows every command with its index and the folder that it runs in: relative to the working folder of the RUN, or
/// absolute; `None` if it is not known.
fn walk(script: &Script, mut see: impl FnMut(usize, &Call<'_>, Option<&str>)) {
    let mut dir: Option<String> = Some(String::new());
    for (index, command) in script.commands.iter().enumerate() {
        let call = unwrap(command);
        if call.words.is_empty() {
            continue;
        }
        if call.program() == "cd" && command.substitution == 0 {
            dir = change(dir, &call);
            continue;
        }
        see(index, &call, dir.as_deref());
    }
}

/// The folders that `mkdir` makes, where they are absolute and nothing is expanded in them.
pub fn made_dirs(script: &Script) -> impl Iterator<Item = &str> {
    let mkdirs = script.commands.iter().filter(|c| c.substitution == 0);
    let mkdirs = mkdirs.filter(|c| c.words.first().is_some_and(|w| w.literal.as_deref() == Some("mkdir")));
    mkdirs.flat_map(|c| &c.words[1..]).filter_map(|w| w.literal.as_deref()).filter(|w| w.starts_with('/'))
}

/// The same for an exec-form RUN: one command, nothing expanded.
pub fn exec_effects(words: &[DockerfileWord]) -> Vec<Effect> {
    let Some(first) = words.first() else { return Vec::new() };
    let span = words.iter().fold(first.span, |span, w| span.join(w.span));
    let words: Vec<Word> = words
        .iter()
        .map(|w| Word {
            raw: w.value.clone(),
            span: w.span,
            literal: Some(w.value.clone()),
            variables: Vec::new(),
        })
        .collect();
    let call = Call { words: words.iter().collect(), span };
    vec![classify(&call, Some(""), None).unwrap_or(Effect::Other { reads: reads(&call), span })]
}

fn effect(call: &Call<'_>, command: &Command, dir: Option<&str>, shell: Option<&Command>) -> Effect {
    if let Some(effect) = classify(call, dir, shell) {
        return effect;
    }
    if nothing(call, command) {
        return if clock(call) || computes_clock(call) {
            Effect::PrintsClock { span: call.span }
        } else {
            Effect::Nothing
        };
    }
    Effect::Other { reads: reads(call), span: call.span }
}

fn classify(call: &Call<'_>, dir: Option<&str>, shell: Option<&Command>) -> Option<Effect> {
    if checks(call) {
        return Some(Effect::Checks);
    }
    if let Some(variables) = fetch::pins(call) {
        return Some(Effect::Pins { variables });
    }
    // `pip install git+https://…` is a fetch, `pip install -r requirements.txt` an install: the fetch looks closer.
    if let Some(fetch) = fetch::fetch(call, shell) {
        return Some(Effect::Fetch(fetch));
    }
    install::install(call, dir).map(Effect::Install)
}

/// Strips what only wraps another command: `sudo -u x`, `gosu x`, `env X=y`, `exec`, `time`, `nice`.
fn unwrap(command: &Command) -> Call<'_> {
    let mut words = command.words.as_slice();
    while let [first, rest @ ..] = words
        && let Some(name) = first.literal.as_deref()
        && matches!(name, "sudo" | "exec" | "time" | "nice" | "command" | "env" | "gosu" | "su-exec")
    {
        words = &rest[own_words(name, rest)..];
    }
    Call { words: words.iter().collect(), span: command.span }
}

/// How many of the words after a wrapper are its own.
fn own_words(wrapper: &str, words: &[Word]) -> usize {
    if matches!(wrapper, "gosu" | "su-exec") {
        return words.len().min(1);
    }
    let sets = matches!(wrapper, "env" | "sudo");
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if !(word.raw.starts_with('-') || sets && word.raw.contains('=')) {
            break;
        }
        let value = wrapper == "sudo" && matches!(word.raw.as_str(), "-u" | "-g" | "--user" | "--group");
        at += 1 + usize::from(value);
    }
    at.min(words.len())
}

fn change(dir: Option<String>, call: &Call<'_>) -> Option<String> {
    let to = call.words.get(1)?.literal.as_deref()?;
    // Longer than any path that Linux opens: nothing stands there.
    Some(paths::join(&dir?, to)).filter(|dir| dir.len() < 4096)
}

/// The shell that runs the output of this command: `curl … | sh`, `sh -c "$(curl …)"`.
/// `shells` are the shells outside of substitutions, in order; none of them lies in another.
fn runs_output<'a>(commands: &'a [Command], index: usize, shells: &[&'a Command]) -> Option<&'a Command> {
    let command = &commands[index];
    if command.substitution > 0 {
        let before = shells.partition_point(|shell| shell.span.start <= command.span.start);
        return shells[..before].last().copied().filter(|shell| shell.span.contains(command.span));
    }
    commands.get(index + 1).filter(|next| next.link == Link::Pipe && is_shell(next))
}

fn is_shell(command: &Command) -> bool {
    matches!(unwrap(command).program(), "sh" | "bash" | "ash" | "zsh" | "python" | "python3")
}

fn checks(call: &Call<'_>) -> bool {
    match call.program() {
        "sha256sum" | "sha512sum" | "sha1sum" | "md5sum" | "shasum" | "b2sum" => {
            call.args().any(|a| a == "--check" || a == "--status" || short_flag(a, 'c'))
        }
        "gpg" | "gpgv" => call.args().any(|a| a == "--verify") || call.program() == "gpgv",
        "cosign" => call.args().any(|a| a.starts_with("verify")),
        _ => false,
    }
}

fn short_flag(arg: &str, flag: char) -> bool {
    arg.starts_with('-') && !arg.starts_with("--") && arg.contains(flag)
}

/// Whether the command leaves the file system as it is. A file that is called a bust counts as nothing, too.
fn nothing(call: &Call<'_>, command: &Command) -> bool {
    let prints = matches!(call.program(), "echo" | "printf" | "true" | ":") || clock(call);
    let unread = |target: &str| target == "/dev/null" || target.starts_with('&') || is_bust_file(target);
    prints && command.redirects.iter().all(|r| unread(&r.target.raw))
}

fn is_bust_file(path: &str) -> bool {
    paths::base_name(path).to_ascii_lowercase().contains("bust")
}

/// Whether an argument takes its value from the clock or from chance.
fn computes_clock(call: &Call<'_>) -> bool {
    call.words.iter().any(|w| {
        let substitutes = w.raw.contains("$(") || w.raw.contains('`');
        (substitutes
            && ["date", "uuidgen", "/proc/sys/kernel/random/uuid", "mktemp"]
                .iter()
                .any(|c| w.raw.contains(c)))
            || w.variables
                .iter()
                .any(|v| matches!(v.as_str(), "RANDOM" | "SRANDOM" | "EPOCHSECONDS" | "EPOCHREALTIME"))
    })
}

/// A command that only reads the clock.
fn clock(call: &Call<'_>) -> bool {
    matches!(call.program(), "date" | "uuidgen")
        || (call.program() == "cat" && call.text(1).ends_with("random/uuid"))
}

fn reads(call: &Call<'_>) -> Reads {
    let verb = call.plain().next().unwrap_or("");
    match call.program() {
        "apt-get" | "apt" | "apk" | "dnf" | "yum" | "microdnf" | "corepack" => Reads::Index,
        // What is removed by a computed name may be a file of the application.
        "rm" if call.words.iter().any(|word| word.literal.is_none()) => Reads::Names,
        "mkdir" | "set" | "useradd" | "adduser" | "addgroup" | "groupadd" | "export" | "cd" | "rm" => {
            Reads::Nothing
        }
        "chown" | "chmod" | "chgrp" | "ln" | "touch" => Reads::Names,
        // A tool for all projects, from the registry.
        "npm" | "pnpm" | "bun" if call.args().any(|a| matches!(a, "-g" | "--global")) && !local(call) => {
            Reads::Index
        }
        "yarn" if verb == "global" && !local(call) => Reads::Index,
        "npm" | "yarn" | "pnpm" | "bun" if matches!(verb, "cache" | "config" | "set" | "store") => {
            Reads::Nothing
        }
        "bundle" if verb == "config" => Reads::Nothing,
        "go" if matches!(verb, "version" | "env") => Reads::Nothing,
        // What was downloaded is compared with `go.sum`.
        "go" if call.text(1) == "mod" && call.text(2) == "verify" => Reads::Nothing,
        "mix" if matches!(verb, "local.hex" | "local.rebar") => Reads::Index,
        _ if install::pip_arguments(call).is_some() => Reads::Index,
        _ => Reads::Unknown,
    }
}

/// Whether an argument may name a folder or a file, or is not known.
fn local(call: &Call<'_>) -> bool {
    let path = |a: &str| a.starts_with(['.', '/', '~']) || a.contains("file:");
    call.words.iter().any(|word| word.literal.as_deref().is_none_or(path)) || call.plain().count() < 2
}

/// What a command is called in a message: its first line, not longer than a message should be.
pub fn one_line(command: &str) -> String {
    const LONGEST: usize = 60;
    let line = command.lines().next().unwrap_or_default().trim_end_matches(['\\', '`', ' ']);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
