//! The stages of a Dockerfile with their variables and paths resolved: what starts from what, and what each
//! instruction does to the file system.

mod resolve;

use std::collections::{BTreeMap, BTreeSet};

use self::resolve::{State, global_scope, initial_shell, resolve_stage};
use super::{
    commands::{Cargo, Effect, Packages, Write},
    vars::{Scope, Val},
};
use crate::{model::dockerfile::Dockerfile, text::Span};

/// The stages of one Dockerfile under one set of build arguments.
#[derive(Debug, Clone)]
pub struct Stages {
    /// Every stage, in the order of the file.
    pub all: Vec<Stage>,
}

/// A stage.
#[derive(Debug, Clone)]
pub struct Stage {
    /// What it starts from.
    pub base: Base,
    /// Its name in lower case, as BuildKit compares it.
    pub name: Option<String>,
    /// What its instructions do, in order, without the FROM.
    pub steps: Vec<Step>,
    /// Whether a `RUN` in shell form can work in it.
    pub shell: Shell,
    /// What its first ancestor starts from.
    root: Base,
    end: State,
}

/// What a stage starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage.
    Stage(usize),
    /// An image.
    Image(Val),
}

/// Which shell runs the RUNs of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// `/bin/sh`, or another POSIX-like one: a RUN in shell form stands in the stage.
    Posix,
    /// `cmd`, `PowerShell` or something else that is no POSIX shell.
    Foreign,
    /// There is none: `scratch` or a distroless image.
    Absent,
    /// Nothing in the file shows one.
    Unknown,
}

/// One instruction of a stage.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its index in [`Dockerfile::instructions`].
    pub instruction: usize,
    /// What it does.
    pub what: What,
}

/// What an instruction does.
#[derive(Debug, Clone)]
pub enum What {
    /// COPY or ADD.
    Copy(CopyFacts),
    /// RUN.
    Run(RunFacts),
    /// ARG: the names.
    Arg(Vec<String>),
    /// ENV: the names.
    Env(Vec<String>),
    /// VOLUME: absolute paths.
    Volume(Vec<Val>),
    /// WORKDIR: the absolute path.
    Workdir(Val),
    /// Nothing that matters for bytes.
    Other,
}

/// A COPY or ADD with its paths resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyFacts {
    /// Where it takes the files from.
    pub from: CopyFrom,
    /// Sources as written, expanded; not yet matched against the context.
    pub sources: Vec<Val>,
    /// Absolute destination, cleaned.
    pub dest: Val,
    /// Whether the destination is known to be a folder.
    pub dest_dir: DestDir,
    /// Whether the file takes part in extraction (`ADD` of an archive).
    pub is_add: bool,
    /// `--parents`: the folders above a file are kept below the destination.
    pub parents: bool,
    /// The patterns of `--exclude`.
    pub excludes: Vec<Val>,
    /// The files that are written in the Dockerfile itself, by their names.
    pub heredocs: Vec<String>,
}

impl CopyFacts {
    /// Whether a flag decides which files are taken, or under which names.
    pub fn selects(&self) -> bool {
        self.parents || !self.excludes.is_empty()
    }
}

/// Whether a COPY's destination is a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestDir {
    /// It ends in `/`, is the working folder or one that the stage made before, or one that every base image has.
    Yes,
    /// Nothing says so: a file lands under the destination's own name.
    NotKnown,
    /// Base images differ: the usual ones have a folder there.
    Depends,
}

impl DestDir {
    /// What a destination is that neither its own writing nor the stage shows to be a folder.
    fn on(base: &Base, dest: &str) -> Self {
        const ALWAYS: [&str; 22] = [
            "/",
            "/bin",
            "/boot",
            "/dev",
            "/etc",
            "/home",
            "/lib",
            "/mnt",
            "/opt",
            "/root",
            "/run",
            "/sbin",
            "/srv",
            "/tmp",
            "/usr",
            "/usr/bin",
            "/usr/lib",
            "/usr/local",
            "/usr/local/bin",
            "/usr/sbin",
            "/usr/share",
            "/var",
        ];
        const OFTEN: [&str; 10] = [
            "/usr/share/nginx/html",
            "/etc/nginx",
            "/var/www/html",
            "/var/www",
            "/usr/local/apache2/htdocs",
            "/usr/local/tomcat/webapps",
            "/usr/src",
            "/usr/local/lib",
            "/usr/local/share",
            "/var/lib",
        ];
        if dest == "/" {
            Self::Yes
        } else if *base == Base::Scratch {
            Self::NotKnown
        } else if ALWAYS.contains(&dest) {
            Self::Yes
        } else if OFTEN.contains(&dest) || dest.rsplit_once('.').is_some_and(|(_, ending)| ending == "d") {
            Self::Depends
        } else {
            Self::NotKnown
        }
    }
}

/// Where a COPY takes its files from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFrom {
    /// The build context.
    Context,
    /// Another stage.
    Stage(usize),
    /// An image or a named context.
    External(Val),
}

/// A RUN with what it does.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The working folder.
    pub workdir: Val,
    /// What its commands do.
    pub effects: Vec<Effect>,
    /// The stage's or image's own `--mount=type=bind` sources of the context: (source, target).
    pub context_mounts: Vec<(Val, Val)>,
    /// Its `--mount` flags.
    pub mounts: Vec<MountFacts>,
    /// What it is known to write: absolute paths.
    pub writes: Vec<Write>,
    /// What it does with the system's package indexes.
    pub packages: Vec<Packages>,
    /// What it does with cargo.
    pub cargo: Vec<Cargo>,
    /// Whether it has a here-document.
    pub heredoc: bool,
}

/// A `--mount` of a RUN with its paths resolved.
#[derive(Debug, Clone)]
pub struct MountFacts {
    /// `bind`, `cache`, `tmpfs`, `secret`, `ssh`.
    pub kind: String,
    /// Where it is mounted.
    pub target: Val,
    /// The stage or image that `from` names.
    pub from: Option<CopyFrom>,
    /// The whole flag.
    pub span: Span,
}

/// Build arguments as passed from outside.
pub type Args = BTreeMap<String, Val>;

impl Stages {
    /// Resolves a Dockerfile under the build arguments that are passed to it.
    pub fn resolve(dockerfile: &Dockerfile, passed: &Args) -> Self {
        let global = global_scope(dockerfile, passed);
        let mut all: Vec<Stage> = Vec::with_capacity(dockerfile.stages.len());
        for stage in &dockerfile.stages {
            let resolved = resolve_stage(dockerfile, stage, &global, passed, &all);
            all.push(resolved);
        }
        Self { all }
    }

    /// The stage and what it starts from, first ancestor first.
    pub fn chain(&self, stage: usize) -> Vec<usize> {
        let mut chain = vec![stage];
        while let Base::Stage(parent) = self.all[chain[chain.len() - 1]].base {
            chain.push(parent);
        }
        chain.reverse();
        chain
    }

    /// The shell that is there from the first instruction of the stage on.
    pub fn shell_of(&self, stage: usize) -> Shell {
        let own = &self.all[stage];
        // A stage that starts from this one shows what the base has.
        let starts_here = |heir: usize| heir > stage && self.chain(heir).contains(&stage);
        let shown = |heir: usize| starts_here(heir) && self.all[heir].shell == Shell::Posix;
        if own.shell == Shell::Unknown && (0..self.all.len()).any(shown) {
            return Shell::Posix;
        }
        // What the base lacks, a step may bring; which one, and that it stays above, is not known.
        let lacks = own.shell == Shell::Posix && initial_shell(&own.base, &self.all) == Shell::Absent;
        if lacks { Shell::Absent } else { own.shell }
    }

    /// The steps of a stage's ancestors and then its own, each with its stage and its index there.
    pub fn steps(&self, stage: usize) -> impl Iterator<Item = (usize, usize, &Step)> {
        let of = |s: usize| self.all[s].steps.iter().enumerate().map(move |(at, step)| (s, at, step));
        self.chain(stage).into_iter().flat_map(of)
    }

    /// Every stage that the image of `stage` is made of or copies from, `stage` included.
    pub fn needed(&self, stage: usize) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut open = vec![stage];
        while let Some(next) = open.pop() {
            if !needed.insert(next) {
                continue;
            }
            if let Base::Stage(parent) = self.all[next].base {
                open.push(parent);
            }
            for step in &self.all[next].steps {
                match &step.what {
                    What::Copy(CopyFacts { from: CopyFrom::Stage(from), .. }) => open.push(*from),
                    What::Run(run) => open.extend(run.mounts.iter().filter_map(|m| match m.from {
                        Some(CopyFrom::Stage(from)) => Some(from),
                        _ => None,
                    })),
                    _ => {}
                }
            }
        }
        needed
    }

    /// The stage of that name or number; the last one for `None`.
    pub fn target(&self, name: Option<&str>) -> Option<usize> {
        match name {
            None => self.all.len().checked_sub(1),
            Some(name) => find(&self.all, name),
        }
    }
}

impl Stage {
    /// Where the stage's last WORKDIR leaves it.
    pub fn workdir(&self) -> &Val {
        &self.end.workdir
    }

    /// The variables after its last instruction.
    pub fn scope(&self) -> &Scope {
        &self.end.scope
    }
}

fn find(stages: &[Stage], name: &str) -> Option<usize> {
    let lower = name.to_lowercase();
    let by_name = stages.iter().rposition(|s| s.name.as_deref() == Some(&lower));
    by_name.or_else(|| name.parse().ok().filter(|&n: &usize| n < stages.len()))
}

/// Whether `$name` or `${name…` stands in the text.
pub fn mentions(text: &str, name: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.strip_prefix(name)
            .is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })
}
