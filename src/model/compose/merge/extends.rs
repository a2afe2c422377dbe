//! `extends`: a service that starts from another one, of the same file or of another.

use std::{collections::HashMap, rc::Rc};

use super::{Loader, parent, under};
use crate::{
    model::compose::reader::RESET,
    syntax::{
        dotenv::Env,
        yaml::{Entry, NodeId},
    },
    text::FileId,
};

/// Longest chain of services that extend each other.
const MAX_CHAIN: usize = 100;

/// Where services are looked up.
#[derive(Debug, Clone, Copy)]
struct Scope<'e> {
    /// The mapping of services.
    services: NodeId,
    file: FileId,
    env: &'e Env,
}

/// Where the extended service stands.
enum From {
    SameFile,
    /// The path from the root.
    Other(String),
    /// A variable hides the path.
    Unknown,
}

/// What an `extends` asks for.
struct Asked {
    node: NodeId,
    service: Option<String>,
    file: From,
}

impl Loader<'_, '_> {
    /// The file's tree with every `extends` followed. One that cannot be followed stays.
    pub(super) fn extend(&mut self, root: NodeId, file: FileId, env: &Env) -> NodeId {
        let Some(services) = self.forest.get(root, "services") else { return root };
        let before = self.forest.entries(services);
        let extends = |e: &Entry| self.forest.get(e.value, "extends").is_some();
        if !before.iter().any(extends) {
            return root;
        }
        let scope = Scope { services, file, env };
        let mut after = before.clone();
        for entry in &mut after {
            if let Some(name) = self.forest.tree.scalar(entry.key).map(str::to_owned) {
                entry.value = self.followed(scope, &name, entry.value, &mut Vec::new());
            }
        }
        let services = self.forest.mapping(services, after);
        let mut top = self.forest.entries(root);
        for entry in &mut top {
            if self.forest.tree.scalar(entry.key) == Some("services") {
                entry.value = services;
            }
        }
        self.forest.mapping(root, top)
    }

    /// The service with what it extends below it.
    fn followed(
        &mut self,
        scope: Scope<'_>,
        name: &str,
        service: NodeId,
        chain: &mut Vec<(FileId, String)>,
    ) -> NodeId {
        let memo = (scope.services, name.to_owned());
        if let Some(&done) = self.extended.get(&memo) {
            return done;
        }
        let Some(asked) = self.asked(service) else { return service };
        let here = (scope.file, name.to_owned());
        if chain.contains(&here) {
            self.gap(asked.node, "the services extend each other in a circle", true);
            return service;
        }
        if chain.len() > MAX_CHAIN {
            self.gap(asked.node, "the chain of extended services is too long to follow", false);
            return service;
        }
        chain.push(here);
        let base = self.found(scope, &asked, chain);
        chain.pop();
        let done = base.map_or(service, |base| {
            let own = self.without_extends(service);
            self.forest.merge(base, own, &mut vec!["services".to_owned(), name.to_owned()])
        });
        self.extended.insert(memo, done);
        done
    }

    fn asked(&self, service: NodeId) -> Option<Asked> {
        let node = self.forest.get(service, "extends").filter(|&n| !self.forest.tree.is_null(n))?;
        let reader = self.forest.reader();
        let Some(fields) = reader.fields(node) else {
            return Some(Asked { node, service: reader.scalar(node)?.known, file: From::SameFile });
        };
        let service = reader.text_field(&fields, "service").and_then(|v| v.known);
        let file = match reader.path_field(&fields, "file").map(|value| value.known) {
            None => From::SameFile,
            Some(None) => From::Unknown,
            Some(Some(path)) => From::Other(under(self.dir, &path)),
        };
        Some(Asked { node, service, file })
    }

    fn found(
        &mut self,
        scope: Scope<'_>,
        asked: &Asked,
        chain: &mut Vec<(FileId, String)>,
    ) -> Option<NodeId> {
        let Some(name) = &asked.service else {
            self.gap(asked.node, "only a variable names the extended service", false);
            return None;
        };
        let scope = match &asked.file {
            From::SameFile => scope,
            From::Unknown => {
                self.gap(asked.node, "only a variable names the extended file", false);
                return None;
            }
            From::Other(path) => self.other(scope, asked.node, path)?,
        };
        let Some(base) = self.names(scope.services).get(name).copied() else {
            let path = &self.library.snapshot.file(scope.file).path;
            let reason = format!("`{path}` has no service `{}` to extend", name.escape_debug());
            // A file that includes others may have got it from one that was not read.
            self.gap(asked.node, reason, matches!(asked.file, From::Other(_)));
            return None;
        };
        if self.forest.tree.entries(base).is_none() {
            return self.forest.tree.is_tagged(base, RESET).then_some(base);
        }
        Some(self.followed(scope, name, base, chain))
    }

    /// The services of another file.
    fn other<'e>(&mut self, scope: Scope<'e>, at: NodeId, path: &str) -> Option<Scope<'e>> {
        let Some(file) = self.library.find(path) else {
            self.gap(at, format!("`{}`, which is extended, was not read", path.escape_debug()), false);
            return None;
        };
        let key = (file, scope.env.identity());
        let services = if let Some(&services) = self.bases.get(&key) {
            services
        } else {
            let root = self.plant(file, parent(path), scope.env);
            let services = root.and_then(|root| self.forest.get(root, "services"));
            self.bases.insert(key, services);
            services
        };
        if services.is_none() {
            self.gap(at, format!("`{}`, which is extended, has no services", path.escape_debug()), false);
        }
        services.map(|services| Scope { services, file, env: scope.env })
    }

    fn names(&mut self, services: NodeId) -> Rc<HashMap<String, NodeId>> {
        if let Some(names) = self.names.get(&services) {
            return Rc::clone(names);
        }
        let entries = self.forest.entries(services);
        let name = |e: &Entry| Some((self.forest.tree.scalar(e.key)?.to_owned(), e.value));
        let names: Rc<HashMap<_, _>> = Rc::new(entries.iter().filter_map(name).collect());
        self.names.insert(services, Rc::clone(&names));
        names
    }

    fn without_extends(&mut self, service: NodeId) -> NodeId {
        let mut entries = self.forest.entries(service);
        entries.retain(|e| self.forest.tree.scalar(e.key) != Some("extends"));
        self.forest.mapping(service, entries)
    }
}
