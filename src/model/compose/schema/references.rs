//! Names that a file uses: those that it has to define itself, and those that a file merged with it may define.

use std::collections::{HashMap, HashSet};

use super::{
    super::{Compose, MountKind},
    hints,
};
use crate::{
    syntax::{
        SyntaxError,
        yaml::{Effective, NodeId, Tree},
    },
    text::Span,
};

/// `extends` of a service that is not there, and of each other. Compose follows it before it merges files.
pub(super) fn extends(tree: &Tree) -> Vec<SyntaxError> {
    let Some(root) = tree.root().filter(|&root| tree.get(root, "include").is_none()) else {
        return Vec::new();
    };
    let services = entries_at(tree, root, "services");
    let mut bases: HashMap<&str, (&str, Span)> = HashMap::new();
    let mut errors = Vec::new();
    let names: HashSet<&str> = services.iter().filter_map(|s| tree.scalar(s.key)).collect();
    for service in &services {
        let (Some(name), Some(extends)) = (tree.scalar(service.key), tree.get(service.value, "extends"))
        else {
            continue;
        };
        if reset(tree, extends.value) || tree.get(extends.value, "file").is_some() {
            continue;
        }
        let base = tree.get(extends.value, "service").map_or(extends.value, |e| e.value);
        let Some(text) = tree.scalar(base).filter(|text| !text.contains('$') && !tree.is_null(base)) else {
            continue;
        };
        let span = tree.node(tree.resolve(base)).span;
        bases.insert(name, (text, span));
        if !names.contains(text) {
            errors.push(undefined(span, "service", text, &names, ""));
        }
    }
    for (&name, &(base, span)) in &bases {
        let (mut at, mut steps) = (base, 0);
        while at != name && steps <= bases.len().min(64) {
            let Some(&(next, _)) = bases.get(at) else { break };
            (at, steps) = (next, steps + 1);
        }
        if at == name {
            let message = format!("the service `{}` extends itself in a circle", name.escape_debug());
            errors.push(SyntaxError { span, message });
        }
    }
    errors
}

/// What Compose refuses unless another file adds to this one; nothing of a file that plainly is a part of another.
pub(in super::super) fn references(tree: &Tree, compose: &Compose) -> Vec<SyntaxError> {
    let Some(root) = tree.root() else { return Vec::new() };
    let apart = !compose.includes.is_empty() || !tree.more_documents().is_empty();
    if apart || compose.services.iter().any(|s| s.extends.is_some()) {
        return Vec::new();
    }
    let mut find = Find { tree, defined: HashMap::new(), errors: Vec::new() };
    for section in ["services", "networks", "volumes", "secrets", "configs", "models"] {
        let names = entries_at(tree, root, section).iter().filter_map(|e| tree.scalar(e.key)).collect();
        find.defined.insert(section, names);
    }
    let services = entries_at(tree, root, "services");
    let complete = |service: &Effective| {
        ["image", "build", "provider"].iter().any(|key| tree.get(service.value, key).is_some())
    };
    let whole = services.iter().filter(|service| complete(service)).count();
    // Services that are to be completed make a fragment; one forgotten among others does not.
    if whole * 2 < services.len() || services.is_empty() {
        return Vec::new();
    }
    for service in services.iter().filter(|s| tree.entries(s.value).is_some()) {
        if !complete(service) {
            let name = tree.scalar(service.key).unwrap_or_default().escape_debug();
            let message = format!("the service `{name}` has neither `image` nor `build`: give it one");
            find.errors.push(SyntaxError { span: tree.node(service.key).span, message });
        }
        find.service(service.value);
    }
    for service in &compose.services {
        for mount in service.mounts.iter().filter(|m| m.kind == MountKind::Named) {
            if let Some(source) = mount.source.as_ref().filter(|s| !s.raw.contains('$')) {
                find.name("volumes", &source.raw, source.at.span);
            }
        }
    }
    find.errors.sort_by_key(|e| e.span);
    find.errors.dedup();
    find.errors
}

struct Find<'t> {
    tree: &'t Tree,
    defined: HashMap<&'static str, HashSet<&'t str>>,
    errors: Vec<SyntaxError>,
}

impl Find<'_> {
    fn service(&mut self, service: NodeId) {
        let tree = self.tree;
        for field in tree.effective(service).unwrap_or_default() {
            match tree.scalar(field.key).unwrap_or_default() {
                _ if reset(tree, field.value) => {}
                "networks" => self.uses("networks", field.value),
                "models" => self.uses("models", field.value),
                "secrets" => self.uses("secrets", field.value),
                "configs" => self.uses("configs", field.value),
                "depends_on" => self.dependencies(field.value),
                "build" => {
                    if let Some(secrets) = tree.get(field.value, "secrets") {
                        self.uses("secrets", secrets.value);
                    }
                }
                "network_mode" | "pid" | "ipc" => {
                    let of = tree.scalar(field.value).and_then(|text| text.strip_prefix("service:"));
                    if let Some(name) = of.filter(|name| !name.contains('$')) {
                        self.name("services", name, tree.node(tree.resolve(field.value)).span);
                    }
                }
                _ => {}
            }
        }
    }

    /// A list of names or of mappings with `source`, or a mapping from names.
    fn uses(&mut self, section: &'static str, value: NodeId) {
        let tree = self.tree;
        let keys: Vec<NodeId> = match tree.items(value) {
            Some(items) => items
                .iter()
                .map(|&item| tree.get(item, "source").map_or(item, |source| source.value))
                .collect(),
            None => tree.effective(value).unwrap_or_default().iter().map(|e| e.key).collect(),
        };
        for key in keys {
            if let Some(name) = tree.scalar(key).filter(|name| !name.contains('$'))
                && !(section == "networks" && name == "default")
            {
                self.name(section, name, tree.node(tree.resolve(key)).span);
            }
        }
    }

    fn dependencies(&mut self, value: NodeId) {
        let tree = self.tree;
        if tree.items(value).is_some() {
            return self.uses("services", value);
        }
        for entry in tree.effective(value).unwrap_or_default() {
            let optional = tree.get(entry.value, "required").is_some();
            if let Some(name) = tree.scalar(entry.key).filter(|_| !optional) {
                self.name("services", name, tree.node(entry.key).span);
            }
        }
    }

    fn name(&mut self, section: &'static str, name: &str, span: Span) {
        let known = &self.defined[section];
        if !known.contains(name) {
            let one = section.strip_suffix('s').unwrap_or(section);
            let add = format!(", or add it below the top level's `{section}:`");
            let error = undefined(span, one, name, known, if section == "services" { "" } else { &add });
            self.errors.push(error);
        }
    }
}

fn undefined(span: Span, what: &str, name: &str, known: &HashSet<&str>, or: &str) -> SyntaxError {
    let shown = name.escape_debug();
    let mut sorted: Vec<&str> = known.iter().copied().take(200).collect();
    sorted.sort_unstable();
    let message = match hints::closest(name, sorted.into_iter()) {
        Some(close) => format!("the file has no {what} `{shown}`: did you mean `{close}`?"),
        None => format!("the file has no {what} `{shown}`: write the name of another{or}"),
    };
    SyntaxError { span, message }
}

fn entries_at(tree: &Tree, root: NodeId, key: &str) -> Vec<Effective> {
    let section = tree.get(root, key).filter(|section| !reset(tree, section.value));
    let mut entries = section.and_then(|section| tree.effective(section.value)).unwrap_or_default();
    entries.retain(|e| !reset(tree, e.value));
    entries
}

fn reset(tree: &Tree, node: NodeId) -> bool {
    [node, tree.resolve(node)]
        .iter()
        .any(|&id| tree.node(id).tag.as_ref().is_some_and(|t| t.value == "!reset"))
}
