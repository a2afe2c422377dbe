//! A plan as a person reads it: the commands to paste, and why.

use std::fmt::Write as _;

use super::{
    names::Sha,
    plan::Plan,
    step::{Arg, Argv, Place, Step},
};

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

    /// The words that name it on the command line.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Local { dir } => vec!["--local".into(), "--dir".into(), dir.clone()],
            Self::Ssh { host, dir } => vec!["--host".into(), host.clone(), "--dir".into(), dir.clone()],
        }
    }

    /// A command of the server's folder as a person here would paste it.
    pub fn paste(&self, argv: &[String]) -> String {
        self.place(Place::Server, &Argv::new(argv.iter().cloned()), None)
    }

    /// Several commands of the server's folder, each only if the one before succeeded.
    pub fn paste_all(&self, argvs: &[Vec<String>]) -> String {
        let line =
            argvs.iter().map(|a| words(&Argv::new(a.iter().cloned()), None)).collect::<Vec<_>>().join(" && ");
        match self {
            Self::Local { dir } => format!("cd {} && {line}", quote(dir)),
            Self::Ssh { host, dir } => {
                format!("ssh {} {}", quote(host), quote(&format!("cd {} && {line}", quote(dir))))
            }
        }
    }

    fn place(&self, place: Place, argv: &Argv, commit: Option<&Sha>) -> String {
        match (place, self) {
            (Place::Here, _) => words(argv, commit),
            (Place::Server, Self::Local { dir }) => format!("cd {} && {}", quote(dir), words(argv, commit)),
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
const NEW_COMMIT: &str = "\"$(git rev-parse HEAD)\"";

/// The command line of a step. A server step is run through `ssh`, or from its folder.
pub fn command(step: &Step, target: &Target, commit: Option<&Sha>) -> String {
    target.place(step.place(), step.argv(), commit)
}

fn words(argv: &Argv, commit: Option<&Sha>) -> String {
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
    if !word.chars().any(char::is_control) {
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
            c if c.is_control() => {
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

/// Text for a terminal: control characters become visible.
pub fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() && c != '\n' { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// The plan for a person: per step its number, its place, its cause and its command.
pub fn dry_run(plan: &Plan, target: &Target) -> String {
    let mut text = String::new();
    let mut phase = None;
    for step in &plan.steps {
        if phase.replace(step.phase()) != Some(step.phase()) {
            let title = match step.phase().number() {
                1 => "commit and push",
                2 => "remove the old container",
                3 => "pull",
                4 => "verify git on the server",
                5 => "prune the build cache and build without it",
                6 => "start",
                _ => "verify inside the running container",
            };
            writeln!(text, "{}. {title}", step.phase().number()).expect("a String takes everything");
        }
        let line = command(step, target, plan.commit.as_ref());
        writeln!(text, "   # {}: {}\n   {line}", step.id(), visible(step.cause()))
            .expect("a String takes everything");
        if let Some(undo) = step.undo_of() {
            writeln!(text, "   ## undone if this step or a later one fails: {}", visible(&undo.cause))
                .expect("a String takes everything");
            for argv in &undo.argvs {
                let line = target.place(step.place(), argv, plan.commit.as_ref());
                writeln!(text, "   ## {line}").expect("a String takes everything");
            }
        }
    }
    text
}
