//! A plan as a person reads it: the commands to paste, and why.

use std::fmt::Write as _;

use super::{
    names::Sha,
    plan::{Cache, Plan},
    step::{Arg, Argv, Phase, Place, Step, When},
};
use crate::text::is_obeyed;

/// Where the server's checkout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// On this machine.
    Local {
        /// The folder.
        dir: String,
    },
    /// Behind ssh.
    Ssh {
        /// What `ssh` takes: an alias, `user@host` or `ssh://user@host:port`.
        host: String,
        /// The folder there.
        dir: String,
    },
}

impl Target {
    /// The server's folder.
    pub fn dir(&self) -> &str {
        match self {
            Self::Local { dir } | Self::Ssh { dir, .. } => dir,
        }
    }

    /// What `ssh` takes; `None` on this machine.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Local { .. } => None,
            Self::Ssh { host, .. } => Some(host),
        }
    }

    /// What it is called in lists: as `scp` writes it.
    pub fn label(&self) -> String {
        match self {
            Self::Local { dir } => dir.clone(),
            Self::Ssh { host, dir } => format!("{host}:{dir}"),
        }
    }

    /// The words that name it on the command line.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Local { dir } => vec!["--local".into(), "--dir".into(), dir.clone()],
            Self::Ssh { host, dir } => vec!["--host".into(), host.clone(), "--dir".into(), dir.clone()],
        }
    }

    /// A command of the server's folder as a person here would paste it.
    pub fn paste(&self, argv: &[String]) -> String {
        self.line(Place::Server, &Argv::new(argv.iter().cloned()), None, quote)
    }

    /// Several commands of the server's folder, each only if the one before succeeded.
    pub fn paste_all(&self, argvs: &[Vec<String>]) -> String {
        self.all(argvs, quote)
    }

    /// The same with other quotes.
    pub(super) fn all(&self, argvs: &[Vec<String>], quote: Quote) -> String {
        let each = argvs.iter().map(|a| words(&Argv::new(a.iter().cloned()), None, quote));
        let line = each.collect::<Vec<_>>().join(" && ");
        match self {
            Self::Local { dir } => format!("cd {} && {line}", quote(dir)),
            Self::Ssh { host, dir } => {
                format!("ssh {} {}", quote(host), quote(&format!("cd {} && {line}", quote(dir))))
            }
        }
    }

    /// A command as a shell here takes it.
    pub(super) fn line(&self, place: Place, argv: &Argv, commit: Option<&Sha>, quote: Quote) -> String {
        match (place, self) {
            (Place::Here, _) => words(argv, commit, quote),
            (Place::Server, Self::Local { dir }) => {
                format!("cd {} && {}", quote(dir), words(argv, commit, quote))
            }
            (Place::Server, Self::Ssh { host, dir }) => {
                let mut line = format!("ssh {} ", quote(host));
                let mut inner = format!("cd {} &&", quote(dir));
                for arg in &argv.0 {
                    inner.push(' ');
                    match (arg, commit) {
                        (Arg::Text(text), _) => inner.push_str(&quote(text)),
                        (Arg::Commit, Some(sha)) => inner.push_str(sha.as_str()),
                        (Arg::Commit, None) => {
                            line.push_str(&quote(&inner));
                            line.push_str(NEW_COMMIT);
                            inner.clear();
                        }
                    }
                }
                if !inner.is_empty() {
                    line.push_str(&quote(&inner));
                }
                line
            }
        }
    }
}

/// The commit that the first step makes, for the local shell.
pub(super) const NEW_COMMIT: &str = "\"$(git rev-parse HEAD)\"";

/// The command line of a step. A server step is run through `ssh`, or from its folder.
pub fn command(step: &Step, target: &Target, commit: Option<&Sha>) -> String {
    target.line(step.place(), step.argv(), commit, quote)
}

/// How a word is quoted: for a person's shell, or for a script.
pub(super) type Quote = fn(&str) -> String;

fn words(argv: &Argv, commit: Option<&Sha>, quote: Quote) -> String {
    let word = |arg: &Arg| match (arg, commit) {
        (Arg::Text(text), _) => quote(text),
        (Arg::Commit, Some(sha)) => sha.to_string(),
        (Arg::Commit, None) => NEW_COMMIT.to_owned(),
    };
    argv.0.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A word for a POSIX shell. Control characters, which a terminal would obey, are written as `$'\x1b'` (bash, zsh).
///
/// # Panics
/// Never: a word with a NUL has a control character.
pub fn quote(word: &str) -> String {
    let shown = |c: char| !c.is_control() && !is_obeyed(c);
    if word.chars().all(shown) {
        return shlex::try_quote(word).expect("there is no NUL: it is a control character").into_owned();
    }
    let mut quoted = String::from("$'");
    for c in word.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\'' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if !shown(c) => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    write!(quoted, "\\x{byte:02x}").expect("a String takes everything");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// A word for a script of any POSIX shell, which knows no `$'…'`: what a terminal would obey is made by `printf`. A
/// newline stands as it is, so that the script has more lines then.
///
/// # Panics
/// Never: a word with a NUL has a control character.
pub fn quote_for_script(word: &str) -> String {
    let plain =
        |text: &str| shlex::try_quote(text).expect("there is no NUL: it is a control character").into_owned();
    if !word.contains(is_obeyed) {
        return plain(word);
    }
    let mut quoted = String::new();
    for piece in word.split_inclusive(is_obeyed) {
        let last = piece.char_indices().next_back().filter(|(_, c)| is_obeyed(*c));
        let text = last.map_or(piece, |(at, _)| &piece[..at]);
        if !text.is_empty() {
            quoted.push_str(&plain(text));
        }
        if let Some((at, _)) = last {
            quoted.push_str("\"$(printf '");
            for byte in piece[at..].bytes() {
                write!(quoted, "\\{byte:03o}").expect("a String takes everything");
            }
            quoted.push_str("')\"");
        }
    }
    quoted
}

/// Text for a terminal: control characters become visible.
pub fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let hidden = is_obeyed(c) || c == '\t';
            if hidden { c.escape_default().collect() } else { vec![c] }
        })
        .collect()
}

/// What a phase is called.
pub(super) fn title(phase: Phase, cache: Cache) -> &'static str {
    match phase {
        Phase::Push => "commit and push",
        Phase::Remove => "remove the old container",
        Phase::Pull => "pull",
        Phase::Source => "verify git on the server",
        Phase::Build if cache == Cache::Verified => "prune the snapshots of the context and build",
        Phase::Build => "prune the build cache and build without it",
        Phase::Up => "start",
        Phase::Verify => "verify inside the running container",
    }
}

/// The plan for a person: per step its number, its place, its cause and its command.
pub fn dry_run(plan: &Plan, target: &Target) -> String {
    let mut text = String::new();
    let (mut last, mut number) = (None, 0);
    for step in &plan.steps {
        let heading = match step.when() {
            When::IfStale => "only if that is stale: without cache",
            When::IfVerified => "only if that is verified: remove images that were kept long enough",
            When::Always => title(step.phase(), plan.cache()),
        };
        if last.replace(heading) != Some(heading) {
            number += 1;
            writeln!(text, "{number}. {heading}").expect("a String takes everything");
        }
        let line = command(step, target, plan.commit.as_ref());
        writeln!(text, "   # {}: {}\n   {line}", step.id(), visible(step.cause()))
            .expect("a String takes everything");
        if let Some(undo) = step.undo_of() {
            writeln!(text, "   ## undone if this step or a later one fails: {}", visible(&undo.cause))
                .expect("a String takes everything");
            for argv in &undo.argvs {
                let line = target.line(step.place(), argv, plan.commit.as_ref(), quote);
                writeln!(text, "   ## {line}").expect("a String takes everything");
            }
        }
    }
    if plan.steps.iter().any(Step::removes) {
        let words = match plan.downtime_ms {
            Some(ms) => format!("about {}.{} s, by the steps of earlier deploys", ms / 1000, ms / 100 % 10),
            None => "not known before the first deploy".to_owned(),
        };
        writeln!(text, "expected downtime: {words}").expect("a String takes everything");
    }
    if plan.keeps_sick {
        let words = "a new container that is sick is kept, and nothing is undone for it (`--no-rollback`)";
        writeln!(text, "{words}").expect("a String takes everything");
    }
    text
}
