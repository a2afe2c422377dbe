//! The meaning of scripts: what a shell script, a make target or a CI job runs, in order, where, and what a failure does.

mod action;
mod ci;
pub mod edit;
mod expand;
mod flow;
mod make;
mod options;
mod remote;
mod shell;
mod source;

use crate::{
    model::kind::FileKind,
    text::{FileId, Span},
};

/// What runs as one: a whole shell script, a function that nothing in its file calls, a make target with its
/// prerequisites, a job of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The file.
    pub file: FileId,
    /// What it is.
    pub unit: Unit,
    /// The file's name without its ending, or the name of the function, target or job.
    pub name: String,
    /// The commands in the order of running.
    pub steps: Vec<Step>,
    /// The shells that the steps run in.
    pub shells: Vec<Shell>,
    /// Arms that end the script: what stands after them does not run with them.
    pub ended: Vec<Arm>,
}

/// The kinds of scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A shell script, or a function of one.
    Shell,
    /// A target of a Makefile.
    Make,
    /// A job of a GitHub workflow.
    GitHub {
        /// It runs on a machine that goes on living.
        self_hosted: bool,
        /// It names an `environment`: GitHub's own word for a deploy.
        environment: bool,
    },
    /// A job of a GitLab pipeline.
    GitLab {
        /// It names an `environment`: GitLab's own word for a deploy.
        environment: bool,
    },
}

/// One arm of an `if`, `case` or loop: the compound command's number in the script, and the arm's in it.
pub type Arm = (u32, u32);

/// A word after expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// Its text; `None` if a variable in it is not known.
    pub text: Option<String>,
    /// The word in the file. Words that one variable brings share its place.
    pub span: Span,
}

/// What a step's failure does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The script stops, or ends there anyway.
    Stops,
    /// The script goes on at [`Step::resume`], and nothing looks at the status.
    GoesOn(Leak),
    /// The script expects it: `|| true`, `if x`, `! x`, `$?`.
    Expected,
}

/// Why a failure is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leak {
    /// Nothing stops the shell: `set -e` would.
    Plain,
    /// Another `&&` follows: the rest of the list is skipped, and `set -e` does not count there.
    List,
    /// Another command reads its output: only `pipefail` hands its status on.
    Pipe,
}

/// Where a step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Where the script runs.
    Here,
    /// On a host, over ssh or another engine's address: its name as written.
    Host(String),
}

/// What a folder is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The folder in which the script is started: for make and CI that of the file, or of the checkout.
    Start,
    /// The folder of the script's file.
    OfScript,
    /// The top of the git checkout.
    Checkout,
    /// The root, or the home folder of a host: [`Dir::path`] says which.
    Machine,
    /// Not known.
    Unknown,
}

/// A current folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dir {
    /// What the path is counted from.
    pub base: Base,
    /// The path.
    pub path: String,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The command in the file.
    pub span: Span,
    /// Whether spans are the command's own. In folded or escaped YAML they are the whole scalar's, and nothing can be
    /// changed there.
    pub exact: bool,
    /// Where it runs.
    pub place: Place,
    /// The folder that it runs in.
    pub dir: Dir,
    /// The arms that it stands in, outermost first.
    pub arms: Vec<Arm>,
    /// Whether its status is asked for, or whether it serves another command's words.
    pub asked: bool,
    /// What its failure does.
    pub on_failure: OnFailure,
    /// With [`OnFailure::GoesOn`]: the first step that runs all the same.
    pub resume: usize,
    /// Index in [`Script::shells`].
    pub shell: usize,
    /// What it does.
    pub action: Action,
    /// `DOCKER_BUILDKIT` and `COMPOSE_DOCKER_CLI_BUILD`, if the script sets them: whether BuildKit builds.
    pub buildkit: Option<bool>,
}

/// A shell that runs steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// Where a line `set -e` would go, and the white space before it. `None` where there are no lines of its own.
    pub head: Option<(usize, String)>,
    /// Whether it is bash.
    pub bash: bool,
    /// Whether it stops at a failure from some command on.
    pub errexit: bool,
    /// Whether it has a pipe.
    pub pipes: bool,
}

/// What a command does, as far as deploys are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `docker compose …` or `docker-compose …`
    Compose(Compose),
    /// `docker …`
    Docker(Docker),
    /// `git …`
    Git(Git),
    /// `exit`, `return`, `exec`
    Exit,
    /// Another program: its name without folders, and its arguments.
    Other {
        /// Its name; `None` if a variable gives it.
        name: Option<String>,
        /// Its arguments.
        args: Vec<Arg>,
    },
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt {
    /// With its dashes, one name for each (`-d` and `--detach` are both as written).
    pub name: String,
    /// Its value, if it takes one.
    pub value: Option<Arg>,
    /// Where it stands, without a value that is a word of its own.
    pub span: Span,
}

/// A call of Compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compose {
    /// `docker-compose`, written here.
    pub standalone: bool,
    /// Options of the project: `-f`, `-p`, …
    pub project: Vec<Opt>,
    /// `up`, `build`, …; empty if there is none.
    pub verb: String,
    /// Where the verb stands.
    pub verb_span: Span,
    /// The verb's options.
    pub options: Vec<Opt>,
    /// The services that it names; for `run` and `exec` the service and its command.
    pub services: Vec<Arg>,
    /// Whether a variable may bring more options or services.
    pub open: bool,
}

/// A call of `docker`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Docker {
    /// `build`, `builder prune`, `image inspect`, …
    pub verb: String,
    /// Where the verb stands.
    pub verb_span: Span,
    /// Its options.
    pub options: Vec<Opt>,
    /// Its other arguments.
    pub args: Vec<Arg>,
    /// Whether a variable may bring more.
    pub open: bool,
}

/// A call of `git`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    /// `pull`, `fetch`, …
    pub verb: String,
    /// `-C`
    pub dir: Option<Arg>,
    /// What follows.
    pub args: Vec<Arg>,
}

impl Compose {
    /// Whether one of these options is given.
    pub fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|o| names.contains(&o.name.as_str()) && !is_false(o))
    }
}

impl Compose {
    /// The option that sends `up` to the background.
    pub fn detach(&self) -> Option<&Opt> {
        self.options.iter().find(|o| matches!(o.name.as_str(), "-d" | "--detach" | "--wait"))
    }
}

impl Docker {
    /// Whether one of these options is given.
    pub fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|o| names.contains(&o.name.as_str()) && !is_false(o))
    }
}

/// `--build=false`
fn is_false(option: &Opt) -> bool {
    option.value.as_ref().and_then(|v| v.text.as_deref()) == Some("false")
}

impl Step {
    /// The call of Compose, if it is one.
    pub fn compose(&self) -> Option<&Compose> {
        match &self.action {
            Action::Compose(compose) => Some(compose),
            _ => None,
        }
    }

    /// The call of docker, if it is one.
    pub fn docker(&self) -> Option<&Docker> {
        match &self.action {
            Action::Docker(docker) => Some(docker),
            _ => None,
        }
    }

    /// The call of git, if it is one.
    pub fn git(&self) -> Option<&Git> {
        match &self.action {
            Action::Git(git) => Some(git),
            _ => None,
        }
    }
}

impl Script {
    /// Whether step `b` can run after step `a` in one run: not in another arm, and not after an arm that ends it.
    pub fn follows(&self, a: usize, b: usize) -> bool {
        let (first, second) = (&self.steps[a], &self.steps[b]);
        a < b
            && first.arms.iter().all(|arm| {
                let in_both = second.arms.contains(arm);
                let other = second.arms.iter().any(|o| o.0 == arm.0 && o.1 != arm.1);
                in_both || !(other || self.ended.contains(arm))
            })
    }
}

/// Whether a text can hold anything that concerns deploys: a cheap look before anything is parsed.
pub fn concerns(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| *b == b'd') {
        rest = &rest[at..];
        if rest.starts_with(b"docker") {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// The scripts of a file; none for a file of another kind, or one that does not name docker.
pub fn parse(file: FileId, path: &str, text: &str) -> Vec<Script> {
    let kind = FileKind::of(path);
    let mut scripts = match kind {
        Some(FileKind::Shell | FileKind::Make | FileKind::GitHub | FileKind::GitLab)
            if !concerns(text.as_bytes()) =>
        {
            Vec::new()
        }
        Some(FileKind::Shell) => shell::scripts(file, path, text),
        Some(FileKind::Make) => make::scripts(file, text),
        Some(FileKind::GitHub) => ci::github(file, text),
        Some(FileKind::GitLab) => ci::gitlab(file, text),
        _ => Vec::new(),
    };
    scripts.retain(|script| {
        script.steps.iter().any(|step| matches!(step.action, Action::Compose(_) | Action::Docker(_)))
    });
    scripts
}
