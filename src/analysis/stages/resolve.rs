//! What each instruction of a stage does, in order, with variables and paths resolved.

use std::collections::BTreeSet;

use super::{Args, Base, CopyFacts, CopyFrom, DestDir, MountFacts, RunFacts, Shell, Stage, Step, What, find};
use crate::{
    analysis::{
        commands::{self, Write},
        paths,
        vars::{Origin, Scope, Undeclared, Val, expand},
    },
    model::dockerfile::{self, Copy, Dockerfile, Flag, Form, Instruction, Kind, Pair, Run, Word},
};

/// What the instructions so far have set.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) scope: Scope,
    pub(super) workdir: Val,
    dirs: BTreeSet<String>,
}

pub(super) fn global_scope(dockerfile: &Dockerfile, passed: &Args) -> Scope {
    let first = dockerfile.stages.first().map_or(dockerfile.instructions.len(), |s| s.from);
    let mut scope = Scope::default();
    for instruction in &dockerfile.instructions[..first] {
        if let Kind::Arg(pairs) = &instruction.kind {
            for pair in pairs {
                let value = arg_value(pair, &scope, passed, None, dockerfile.escape, Undeclared::Empty);
                scope.set_arg(&pair.name.value, value);
            }
        }
    }
    scope
}

/// What an ARG gets: what is passed, else its default, else the ARG of the same name before the first FROM.
fn arg_value(
    pair: &Pair,
    scope: &Scope,
    passed: &Args,
    global: Option<&Scope>,
    escape: char,
    undeclared: Undeclared,
) -> Val {
    if let Some(value) = passed.get(&pair.name.value) {
        return value.clone();
    }
    match &pair.value {
        Some(default) => expand(&default.value, scope, escape, undeclared),
        None => global.and_then(|g| g.get(&pair.name.value)).map_or(Val::Unknown, |(value, _)| value.clone()),
    }
}

pub(super) fn resolve_stage(
    dockerfile: &Dockerfile,
    stage: &crate::model::dockerfile::Stage,
    global: &Scope,
    passed: &Args,
    before: &[Stage],
) -> Stage {
    let image = expand(&stage.base.value, global, dockerfile.escape, Undeclared::Empty);
    let base = match image.known() {
        Some("scratch") => Base::Scratch,
        Some(name) => match before.iter().rposition(|s| s.name.as_deref() == Some(&name.to_lowercase())) {
            Some(index) => Base::Stage(index),
            None => Base::Image(image),
        },
        None => Base::Image(Val::Unknown),
    };
    let mut resolver = Resolver {
        dockerfile,
        global,
        passed,
        before,
        undeclared: if base == Base::Scratch { Undeclared::Empty } else { Undeclared::Unknown },
        root: match &base {
            Base::Stage(parent) => before[*parent].root.clone(),
            base => base.clone(),
        },
        state: initial(&base, before),
        shell: initial_shell(&base, before),
    };
    let steps = stage
        .body
        .clone()
        .map(|index| Step { instruction: index, what: resolver.step(&dockerfile.instructions[index]) })
        .collect();
    Stage {
        base,
        name: stage.name.as_ref().map(|n| n.value.to_lowercase()),
        steps,
        shell: if stage.shell == dockerfile::Shell::Foreign { Shell::Foreign } else { resolver.shell },
        root: resolver.root,
        end: resolver.state,
    }
}

fn initial(base: &Base, before: &[Stage]) -> State {
    match base {
        // The ENV of the parent stage is in scope, its ARGs only under BuildKit.
        Base::Stage(parent) => {
            let mut state = before[*parent].end.clone();
            let mut scope = Scope::default();
            for name in state.scope.names(Origin::Arg).chain(state.scope.names(Origin::Inherited)) {
                scope.inherit(name);
            }
            for name in state.scope.names(Origin::Env) {
                if let Some((value, _)) = state.scope.get(name) {
                    scope.set_env(name, value.clone());
                }
            }
            state.scope = scope;
            state
        }
        Base::Scratch | Base::Image(_) => State {
            scope: Scope::default(),
            workdir: if *base == Base::Scratch { Val::Known("/".to_owned()) } else { Val::Unknown },
            dirs: BTreeSet::new(),
        },
    }
}

pub(super) fn initial_shell(base: &Base, before: &[Stage]) -> Shell {
    match base {
        Base::Scratch => Shell::Absent,
        Base::Stage(parent) => before[*parent].shell,
        Base::Image(image) => match image.known() {
            Some(name) if name.contains("distroless") && !name.contains("debug") => Shell::Absent,
            _ => Shell::Unknown,
        },
    }
}

struct Resolver<'a> {
    dockerfile: &'a Dockerfile,
    global: &'a Scope,
    passed: &'a Args,
    before: &'a [Stage],
    undeclared: Undeclared,
    root: Base,
    state: State,
    shell: Shell,
}

impl Resolver<'_> {
    fn expand(&self, word: &Word) -> Val {
        expand(&word.value, &self.state.scope, self.dockerfile.escape, self.undeclared)
    }

    /// An absolute path of the stage, seen from its working folder.
    fn path(&self, word: &Word) -> Val {
        match self.expand(word) {
            Val::Known(path) => self.in_workdir(&path),
            Val::Unknown => Val::Unknown,
        }
    }

    fn in_workdir(&self, path: &str) -> Val {
        if path.starts_with('/') {
            return Val::Known(paths::clean(path));
        }
        match &self.state.workdir {
            Val::Known(dir) => Val::Known(paths::join(dir, path)),
            Val::Unknown => Val::Unknown,
        }
    }

    fn step(&mut self, instruction: &Instruction) -> What {
        match &instruction.kind {
            Kind::Arg(pairs) => self.arg(pairs),
            Kind::Env(pairs) => self.env(pairs),
            Kind::Workdir(word) => {
                self.state.workdir = self.path(word);
                if let Val::Known(dir) = self.state.workdir.clone() {
                    self.made_dir(&dir);
                }
                What::Workdir(self.state.workdir.clone())
            }
            Kind::Volume(words) => What::Volume(words.iter().map(|w| self.path(w)).collect()),
            Kind::Copy(copy) => What::Copy(self.copy(copy, &instruction.flags, false)),
            Kind::Add(copy) => What::Copy(self.copy(copy, &instruction.flags, true)),
            Kind::Run(run) => What::Run(self.run(run)),
            _ => What::Other,
        }
    }

    fn arg(&mut self, pairs: &[Pair]) -> What {
        for pair in pairs {
            let value = arg_value(
                pair,
                &self.state.scope,
                self.passed,
                Some(self.global),
                self.dockerfile.escape,
                self.undeclared,
            );
            self.state.scope.set_arg(&pair.name.value, value);
        }
        What::Arg(pairs.iter().map(|p| p.name.value.clone()).collect())
    }

    fn env(&mut self, pairs: &[Pair]) -> What {
        // Every value of one ENV sees the variables as they were before it.
        let scope = &self.state.scope;
        let values: Vec<Val> = pairs
            .iter()
            .map(|pair| expand(raw(pair), scope, self.dockerfile.escape, self.undeclared))
            .collect();
        // Names are expanded as well: `ENV "A"=1` sets `A`.
        let names: Vec<Option<String>> =
            pairs.iter().map(|pair| self.expand(&pair.name).known().map(str::to_owned)).collect();
        for (name, value) in names.iter().zip(values) {
            if let Some(name) = name {
                self.state.scope.set_env(name, value);
            }
        }
        What::Env(names.into_iter().flatten().collect())
    }

    fn copy(&mut self, copy: &Copy, flags: &[Flag], is_add: bool) -> CopyFacts {
        let from = match &copy.from {
            None => CopyFrom::Context,
            Some(word) => self.from(word),
        };
        let sources: Vec<Val> = copy.sources.iter().map(|w| self.expand(w)).collect();
        let raw = self.expand(&copy.dest);
        let dest = raw.known().map_or(Val::Unknown, |path| self.in_workdir(path));
        let said = raw.known().is_some_and(|d| d.ends_with('/') || d == "." || d.ends_with("/."));
        let links = flags
            .iter()
            .any(|f| f.name.value == "link" && f.value.as_ref().is_none_or(|v| v.value != "false"));
        let dest_dir = match dest.known() {
            _ if said => DestDir::Yes,
            // What is linked does not see the folders of the stage, where the engine can link.
            Some(dest) if self.state.dirs.contains(dest) => {
                if links {
                    DestDir::Depends
                } else {
                    DestDir::Yes
                }
            }
            Some(dest) => DestDir::on(&self.root, dest),
            None => DestDir::NotKnown,
        };
        if let Some(dest) = dest.known() {
            self.made_dir(if dest_dir == DestDir::Yes { dest } else { paths::parent(dest) });
        }
        let excludes = flags.iter().filter(|f| f.name.value == "exclude");
        CopyFacts {
            from,
            sources,
            dest,
            dest_dir,
            is_add,
            parents: flags
                .iter()
                .any(|f| f.name.value == "parents" && f.value.as_ref().is_none_or(|v| v.value != "false")),
            excludes: excludes.map(|f| f.value.as_ref().map_or(Val::Unknown, |v| self.expand(v))).collect(),
            heredocs: copy.heredocs.iter().map(|h| h.name.clone()).collect(),
        }
    }

    /// Notes a folder and those above it.
    fn made_dir(&mut self, dir: &str) {
        let mut dir = dir;
        while !dir.is_empty() && dir != "/" && self.state.dirs.insert(dir.to_owned()) {
            dir = paths::parent(dir);
        }
    }

    /// The stage or image that a `from` names. No builder expands it: BuildKit refuses what an expansion would change.
    fn from(&self, word: &Word) -> CopyFrom {
        match self.expand(word) {
            Val::Known(name) if name == word.value => match find(self.before, &name) {
                Some(stage) => CopyFrom::Stage(stage),
                None => CopyFrom::External(Val::Known(name)),
            },
            Val::Known(_) | Val::Unknown => CopyFrom::External(Val::Unknown),
        }
    }

    fn run(&mut self, run: &Run) -> RunFacts {
        let effects = match &run.form {
            Form::Shell(script) => {
                self.shell = Shell::Posix;
                for dir in commands::made_dirs(script) {
                    self.made_dir(&paths::clean(dir));
                }
                commands::effects(script)
            }
            Form::Exec(words) => commands::exec_effects(words),
        };
        let script = match &run.form {
            Form::Shell(script) => Some(script),
            Form::Exec(_) => None,
        };
        let mounts = run.mounts.iter().map(|m| MountFacts {
            kind: m.kind.clone(),
            target: m.target.as_ref().map_or(Val::Unknown, |word| self.path(word)),
            from: m.from.as_ref().map(|word| self.from(word)),
            span: m.span,
        });
        let context_mounts = run
            .mounts
            .iter()
            .filter(|m| m.kind == "bind" && m.from.is_none())
            .filter_map(|m| {
                let source = m.source.as_ref().map_or(Val::Known(".".to_owned()), |w| self.expand(w));
                Some((source, self.path(m.target.as_ref()?)))
            })
            .collect();
        RunFacts {
            workdir: self.state.workdir.clone(),
            effects,
            context_mounts,
            mounts: mounts.collect(),
            writes: script.map_or_else(Vec::new, |s| self.writes(s)),
            packages: script.map_or_else(Vec::new, |script| {
                commands::packages(script, &|name| {
                    self.state.scope.get(name).and_then(|(value, _)| value.known())
                })
            }),
            cargo: script.map_or_else(Vec::new, commands::cargo),
            heredoc: !run.heredocs.is_empty(),
        }
    }

    /// What is written where, as far as the working folder is known.
    fn writes(&self, script: &crate::syntax::shell::Script) -> Vec<Write> {
        let absolute = |path: &str| self.in_workdir(path).known().map(str::to_owned);
        let known = commands::writes(script).into_iter().filter_map(|write| {
            let from = write.from.iter().filter_map(|path| absolute(path)).collect();
            Some(Write { path: absolute(&write.path)?, from, ..write })
        });
        known.collect()
    }
}

fn raw(pair: &Pair) -> &str {
    pair.value.as_ref().map_or("", |value| value.value.as_str())
}
