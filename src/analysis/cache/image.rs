//! What the instructions so far have set in a stage: variables, working folder, user and shell, as each builder has them.

use super::build::Builder;
use crate::analysis::{
    stages::mentions,
    vars::{Scope, Undeclared, Val, expand},
};

/// A value: known, or a text that names where it comes from. Equal texts are equal values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Known(String),
    Opaque(String),
}

impl Value {
    pub(super) fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Opaque(_) => None,
        }
    }

    /// As a part of a key: what is not known is marked by a byte that no Dockerfile can hold.
    pub(super) fn keyed(&self) -> String {
        match self {
            Self::Known(text) => text.clone(),
            Self::Opaque(text) => format!("\0{text}"),
        }
    }
}

/// A stage's configuration.
#[derive(Debug, Clone)]
pub(super) struct Image {
    builder: Builder,
    /// The image that the first ancestor starts from; `None` for `scratch`.
    pub(super) root: Option<String>,
    /// Variables in the order in which they were set. For `BuildKit` these are ARGs with a value, too.
    pub(super) env: Vec<(String, Value)>,
    /// The classic builder's ARGs that have a value; an ENV of the same name wins.
    pub(super) args: Vec<(String, Value)>,
    pub(super) workdir: Value,
    /// The working folder as a RUN of `BuildKit` is keyed by it: an absolute path stays as written (`/w/`).
    pub(super) cwd: Value,
    pub(super) user: Value,
    pub(super) shell: Vec<String>,
    scope: Scope,
}

impl Image {
    /// What an image has of itself is not known, and the same at every build of it.
    pub(super) fn of(builder: Builder, root: Option<String>) -> Self {
        let own = |what: &str, scratch: &str| match &root {
            Some(image) => Value::Opaque(format!("{what} of {image}")),
            None => Value::Known(scratch.to_owned()),
        };
        Self {
            builder,
            workdir: own("WORKDIR", "/"),
            cwd: own("WORKDIR", "/"),
            user: own("USER", ""),
            root,
            env: Vec::new(),
            args: Vec::new(),
            shell: vec!["/bin/sh".to_owned(), "-c".to_owned()],
            scope: Scope::default(),
        }
    }

    /// A stage that starts from this one: `BuildKit` hands ARGs down, the classic builder does not (lab 2).
    pub(super) fn child(&self) -> Self {
        let mut child = Self { args: Vec::new(), scope: Scope::default(), ..self.clone() };
        for (name, value) in &child.env {
            child.scope.set_env(name, val(value));
        }
        child
    }

    pub(super) fn expand(&self, word: &str, escape: char) -> Value {
        let undeclared = if self.root.is_none() { Undeclared::Empty } else { Undeclared::Unknown };
        match expand(word, &self.scope, escape, undeclared) {
            Val::Known(text) => Value::Known(text),
            Val::Unknown => {
                let all = self.env.iter().chain(&self.args);
                let used = all.filter(|(name, _)| mentions(word, name));
                let used: Vec<String> =
                    used.map(|(name, value)| format!("{name}={}", value.keyed())).collect();
                let root = self.root.as_deref().unwrap_or_default();
                Value::Opaque(format!("{word} with {} on {root}", used.join(" ")))
            }
        }
    }

    /// Words of a command that the shell reads, not the builder. The container has variables that nothing declares (`HOME`).
    pub(super) fn in_shell(&self, word: &str) -> Option<String> {
        expand(word, &self.scope, '\\', Undeclared::Unknown).known().map(str::to_owned)
    }

    pub(super) fn set_env(&mut self, name: &str, value: Value) {
        self.scope.set_env(name, val(&value));
        match (self.builder, self.env.iter_mut().find(|(own, _)| own == name)) {
            // In its old place.
            (Builder::Classic, Some(own)) => own.1 = value,
            (Builder::Classic, None) => self.env.push((name.to_owned(), value)),
            (Builder::BuildKit, _) => {
                self.env.retain(|(own, _)| own != name);
                self.env.push((name.to_owned(), value));
            }
        }
    }

    /// An ARG that has a value. For `BuildKit` it is a variable as any other.
    pub(super) fn set_arg(&mut self, name: &str, value: Value) {
        if self.builder == Builder::BuildKit {
            self.set_env(name, value);
            return;
        }
        self.args.retain(|(own, _)| own != name);
        if !self.env.iter().any(|(own, _)| own == name) {
            self.scope.set_env(name, val(&value));
        }
        self.args.push((name.to_owned(), value));
    }

    /// The ARGs that a RUN of the classic builder sees.
    pub(super) fn allowed(&self) -> Vec<(String, Value)> {
        let hidden = |name: &str| self.env.iter().any(|(own, _)| own == name);
        let mut all: Vec<(String, Value)> =
            self.args.iter().filter(|(name, _)| !hidden(name)).cloned().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

fn val(value: &Value) -> Val {
    match value {
        Value::Known(text) => Val::Known(text.clone()),
        Value::Opaque(_) => Val::Unknown,
    }
}
