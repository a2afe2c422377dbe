//! A command, the machine and folder in which it runs, and the line that a person here would paste for it.

use serde::{Deserialize, Serialize};

use super::{
    names::Sha,
    quote::{Quote, quote},
};

/// Where a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// In the developer's checkout.
    Here,
    /// In the server's checkout.
    Server,
}

impl Place {
    /// The word of JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Server => "server",
        }
    }
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arg {
    /// As it is.
    Text(String),
    /// The commit that is deployed; not known before it is made.
    Commit,
}

/// A command: a program and its words, never a shell string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argv(pub Vec<Arg>);

impl Argv {
    /// From plain words.
    pub fn new<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Self {
        Self(words.into_iter().map(|w| Arg::Text(w.into())).collect())
    }

    /// The same command with the deployed commit as its last word.
    #[must_use]
    pub fn commit(mut self) -> Self {
        self.0.push(Arg::Commit);
        self
    }

    /// The words; without a commit those that do not need it.
    pub(super) fn words(&self, commit: Option<&Sha>) -> Vec<String> {
        let word = |arg: &Arg| match arg {
            Arg::Text(text) => Some(text.clone()),
            Arg::Commit => commit.map(ToString::to_string),
        };
        self.0.iter().filter_map(word).collect()
    }

    /// The words, with the commit put in.
    pub fn resolve(&self, commit: &Sha) -> Vec<String> {
        let word = |arg: &Arg| match arg {
            Arg::Text(text) => text.clone(),
            Arg::Commit => commit.to_string(),
        };
        self.0.iter().map(word).collect()
    }
}

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

fn words(argv: &Argv, commit: Option<&Sha>, quote: Quote) -> String {
    let word = |arg: &Arg| match (arg, commit) {
        (Arg::Text(text), _) => quote(text),
        (Arg::Commit, Some(sha)) => sha.to_string(),
        (Arg::Commit, None) => NEW_COMMIT.to_owned(),
    };
    argv.0.iter().map(word).collect::<Vec<_>>().join(" ")
}
