//! Whether a change to a compose file does what it should and nothing else, by reading the file again.

use std::collections::HashSet;

use super::{Editor, Refused, refuse};
use crate::{
    model::compose::{Compose, MountKind, Service, Value, read::plain},
    syntax::yaml::{Kind, NodeId, Tree},
    text::{Edit, EditSet, Span},
};

/// Why edits are refused that change more than they should.
pub(super) const FURTHER: &str = "other values of the file would change with it: change it by hand";

/// What edits change of a service, without places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    name: String,
    fields: Vec<Option<String>>,
    pub(super) args: Vec<(String, Option<String>)>,
    pub(super) pull: Option<String>,
    pub(super) mounts: Vec<(MountKind, Option<String>, String, bool, bool)>,
}

pub(super) fn shape(service: &Service) -> Shape {
    let raw = |value: &Option<Value>| value.as_ref().map(|v| v.raw.clone());
    let mut fields = vec![
        raw(&service.image),
        raw(&service.container_name),
        raw(&service.pull_policy),
        raw(&service.replicas),
    ];
    if let Some(build) = &service.build {
        fields.extend([raw(&build.context), raw(&build.dockerfile), raw(&build.inline), raw(&build.target)]);
    }
    let pull = service.build.as_ref().and_then(|build| raw(&build.pull));
    let args = service.build.iter().flat_map(|b| &b.args);
    let mut args: Vec<_> = args.map(|a| (a.name.value.clone(), raw(&a.value))).collect();
    // Entries of merges stand behind own ones, wherever `<<` is.
    args.sort();
    Shape {
        name: service.name.value.clone(),
        fields,
        args,
        pull,
        mounts: service
            .mounts
            .iter()
            .map(|m| (m.kind, raw(&m.source), m.target.raw.clone(), m.read_only, m.no_copy))
            .collect(),
    }
}

/// What a service became.
pub(super) struct Became {
    /// Before the edits.
    pub(super) before: Shape,
    /// With them.
    pub(super) after: Shape,
}

impl Editor<'_> {
    /// Every service before and after the edits.
    ///
    /// # Errors
    /// If the edits overlap, bring an error into the file, or change anything beside what [`Shape`] tells of.
    pub(super) fn became(&self, compose: &Compose, edits: &[Edit], at: Span) -> Result<Vec<Became>, Refused> {
        let mut set = EditSet::default();
        let clash = edits.iter().any(|edit| set.insert(edit.clone()).is_err());
        let read = |text: &str| plain(compose.file, text);
        let (before, after) = (read(self.text), read(&set.apply(self.text)));
        let right = !clash
            // It may give a value to a key that Compose refuses without one.
            && before.errors.len() >= after.errors.len()
            && before.services.len() == after.services.len()
            && Pair { before: &before.tree, after: &after.tree, seen: HashSet::new() }.rest_is_same();
        if !right {
            return refuse(at, FURTHER);
        }
        let both = before.services.iter().zip(&after.services);
        Ok(both.map(|(before, after)| Became { before: shape(before), after: shape(after) }).collect())
    }

    /// The edits, if the file reads as it should with them: `expected` gets every service of before and says what it
    /// should be like.
    pub(super) fn verified(
        &self,
        compose: &Compose,
        edits: Vec<Edit>,
        at: Span,
        expected: impl Fn(Shape) -> Shape,
    ) -> Result<Vec<Edit>, Refused> {
        let all = self.became(compose, &edits, at)?;
        if all.into_iter().all(|service| expected(service.before) == service.after) {
            Ok(edits)
        } else {
            refuse(at, FURTHER)
        }
    }
}

impl Shape {
    /// The service's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Became {
    /// The service's name.
    pub(super) fn name(&self) -> &str {
        self.before.name()
    }
}

/// Keys of a service that [`Shape`] tells of.
const OF_A_SERVICE: [&str; 3] = ["build", "volumes", "tmpfs"];
/// Keys of `build` that [`Shape`] tells of.
const OF_A_BUILD: [&str; 3] = ["args", "pull", "context"];

/// A file before and after a change.
struct Pair<'a> {
    before: &'a Tree,
    after: &'a Tree,
    /// What was compared: many aliases of one node cost no more than one.
    seen: HashSet<(NodeId, NodeId)>,
}

impl Pair<'_> {
    /// Whether all that is not in a [`Shape`] means the same. Extensions (`x-…`) mean nothing by themselves.
    fn rest_is_same(&mut self) -> bool {
        let (Some(old), Some(new)) = (self.before.root(), self.after.root()) else { return false };
        let ours = |key: &str| key == "services" || key.starts_with("x-");
        if !self.entries(old, new, &ours) {
            return false;
        }
        let services = |tree: &Tree, root| tree.get(root, "services").map(|e| e.value);
        let (Some(old), Some(new)) = (services(self.before, old), services(self.after, new)) else {
            return true;
        };
        let names: Vec<String> = keys(self.before, old);
        names.iter().all(|name| self.service(old, new, name))
    }

    fn service(&mut self, old: NodeId, new: NodeId, name: &str) -> bool {
        let value = |tree: &Tree, map, key: &str| tree.get(map, key).map(|e| e.value);
        let (Some(old), Some(new)) = (value(self.before, old, name), value(self.after, new, name)) else {
            return false;
        };
        if !self.entries(old, new, &|key| OF_A_SERVICE.contains(&key)) {
            return false;
        }
        let build = (value(self.before, old, "build"), value(self.after, new, "build"));
        let (Some(old), Some(new)) = build else { return true };
        // A path that becomes a mapping is in the shape.
        self.before.entries(old).is_none() || self.entries(old, new, &|key| OF_A_BUILD.contains(&key))
    }

    /// Whether two mappings have the same entries, those aside that are told of elsewhere.
    fn entries(&mut self, old: NodeId, new: NodeId, aside: &dyn Fn(&str) -> bool) -> bool {
        let all = |tree: &Tree, map| {
            let mut all: Vec<(String, NodeId)> = tree
                .effective(map)
                .unwrap_or_default()
                .into_iter()
                .map(|e| (tree.scalar(e.key).unwrap_or_default().to_owned(), e.value))
                .filter(|(key, _)| !aside(key))
                .collect();
            all.sort();
            all
        };
        let (old, new) = (all(self.before, old), all(self.after, new));
        old.len() == new.len()
            && old.iter().zip(&new).all(|((a, old), (b, new))| a == b && self.node(*old, *new))
    }

    fn node(&mut self, old: NodeId, new: NodeId) -> bool {
        let (old, new) = (self.before.resolve(old), self.after.resolve(new));
        if !self.seen.insert((old, new)) {
            return true;
        }
        let (before, after) = (self.before.node(old), self.after.node(new));
        match (&before.kind, &after.kind) {
            (Kind::Scalar { text: a, .. }, Kind::Scalar { text: b, .. }) => {
                a == b && self.before.value(old) == self.after.value(new)
            }
            (Kind::Sequence { items: a, .. }, Kind::Sequence { items: b, .. }) => {
                a.len() == b.len() && a.clone().iter().zip(b.clone()).all(|(&a, b)| self.node(a, b))
            }
            (Kind::Mapping { .. }, Kind::Mapping { .. }) => self.entries(old, new, &|_| false),
            _ => false,
        }
    }
}

fn keys(tree: &Tree, map: NodeId) -> Vec<String> {
    let entries = tree.effective(map).unwrap_or_default();
    entries.iter().filter_map(|e| tree.scalar(e.key).map(str::to_owned)).collect()
}
