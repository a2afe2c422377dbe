//! What Compose refuses in the file itself: unknown keys, wrong types, values that it cannot read.

mod hints;
mod references;
mod shape;
mod table;
mod values;

use std::{collections::HashSet, ptr};

use crate::{
    syntax::{
        SyntaxError,
        yaml::{Effective, Kind, NodeId, Resolved, ScalarStyle, Tree, Via},
    },
    text::Span,
};

use self::shape::{Check, Fields, List, Map, Names, Scalar, Shape, Types};

pub(super) use references::references;

/// More of them help nobody, and a file of nothing but errors stays cheap.
const MAX_ERRORS: usize = 100;

/// What Compose refuses whatever other files are merged with this one. Time is linear in the text and in what its
/// aliases unfold to, which the tree bounds.
///
/// It knows more than the reader: what that one said of the same place gives way.
pub(super) fn check(text: &str, tree: &Tree, errors: &mut Vec<SyntaxError>) {
    let Some(root) = tree.root() else { return };
    let mut walk =
        Walk { text, tree, errors: Vec::new(), seen: HashSet::new(), path: Vec::new(), lenient: false };
    if tree.entries(root).is_some() {
        walk.json(root);
        walk.lenient = tree.get(root, "include").is_some();
        walk.map(root, &table::FILE, false);
        walk.only_version(root);
    }
    let mut found = walk.errors;
    found.extend(references::extends(tree));
    found.sort_by_key(|e| e.span);
    found.dedup_by_key(|e| e.span);
    let known: HashSet<Span> = found.iter().map(|e| e.span).collect();
    errors.retain(|e| !known.contains(&e.span));
    errors.append(&mut found);
}

struct Walk<'t> {
    text: &'t str,
    tree: &'t Tree,
    errors: Vec<SyntaxError>,
    /// What aliases and merges brought, and how it was looked at: never twice in the same way.
    seen: HashSet<(NodeId, usize)>,
    /// The mappings around the node, and the keys that lead to it.
    path: Vec<(&'static Map, &'t str)>,
    /// Another file may give what is null here.
    lenient: bool,
}

/// What a message calls the node.
#[derive(Clone, Copy)]
struct Place<'k> {
    key: &'k str,
    item: bool,
}

impl Place<'_> {
    fn name(self) -> String {
        let key = self.key.escape_debug();
        if self.item { format!("an entry of `{key}`") } else { format!("`{key}`") }
    }
}

impl Walk<'_> {
    fn error(&mut self, span: Span, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(SyntaxError { span, message: message.into() });
        }
    }

    /// A place on one line: a whole collection is no place to point at.
    fn span(&self, node: NodeId) -> Span {
        super::reader::first_line(self.text, self.tree.node(self.tree.resolve(node)).span)
    }

    /// Whether `!reset` takes the value away.
    fn is_reset(&self, node: NodeId) -> bool {
        [node, self.tree.resolve(node)]
            .iter()
            .any(|&id| self.tree.node(id).tag.as_ref().is_some_and(|tag| tag.value == "!reset"))
    }

    /// What Compose makes JSON of: keys are strings, and no number is infinite.
    fn json(&mut self, root: NodeId) {
        let mut gone = HashSet::new();
        for (id, node) in self.tree.nodes() {
            let reset = id != root && node.tag.as_ref().is_some_and(|tag| tag.value == "!reset");
            if reset || gone.contains(&id) {
                match &node.kind {
                    Kind::Mapping { entries, .. } => gone.extend(entries.iter().map(|e| e.value)),
                    Kind::Sequence { items, .. } => gone.extend(items),
                    _ => {}
                }
                continue;
            }
            if let Some(Resolved::Float(f)) = self.tree.value(id).filter(|_| !self.tree.is_alias(id))
                && !f.is_finite()
            {
                self.error(node.span, "Compose has no infinite numbers: put quotes around it");
            }
            for &entry in self.tree.entries(id).filter(|_| !self.tree.is_alias(id)).unwrap_or_default() {
                if self.tree.is_merge(entry) || self.is_reset(entry.value) {
                    continue;
                }
                match self.tree.value(entry.key) {
                    Some(Resolved::Str) => {}
                    Some(_) => {
                        let key = self.tree.scalar(entry.key).unwrap_or_default();
                        let message = if key.is_empty() {
                            "a key is missing before `:`".to_owned()
                        } else {
                            format!("the key `{}` is no string: put quotes around it", key.escape_debug())
                        };
                        self.error(self.span(entry.key), message);
                    }
                    None => self.error(self.span(entry.key), "a key is a string, no list and no mapping"),
                }
            }
        }
    }

    fn only_version(&mut self, root: NodeId) {
        let entries = self.entries(root);
        if self.tree.more_documents().is_empty()
            && entries.iter().all(|e| self.tree.scalar(e.key) == Some("version"))
        {
            self.error(Span::point(0), "the file has nothing but a version: a compose file has `services:`");
        }
    }

    fn entries(&self, map: NodeId) -> Vec<Effective> {
        let mut entries = self.tree.effective(map).unwrap_or_default();
        entries.retain(|e| !self.is_reset(e.value));
        entries
    }

    fn value(&mut self, node: NodeId, shape: &'static Shape, place: Place<'_>, brought: bool) {
        if shape.any || self.is_reset(node) {
            return;
        }
        let brought = brought || self.tree.is_alias(node);
        if brought && !self.seen.insert((self.tree.resolve(node), ptr::from_ref(shape) as usize)) {
            return;
        }
        let tree = self.tree;
        match &tree.node(tree.resolve(node)).kind {
            Kind::Scalar { .. } => self.scalar(node, shape, place),
            Kind::Sequence { items, .. } => match shape.list {
                Some(list) => self.list(items, list, place, brought),
                None => self.wrong(node, shape, place),
            },
            Kind::Mapping { .. } => match shape.map {
                Some(map) => self.map(node, map, brought),
                None => self.wrong(node, shape, place),
            },
            Kind::Alias { .. } => {}
        }
    }

    fn list(&mut self, items: &[NodeId], list: &'static List, place: Place<'_>, brought: bool) {
        let place = Place { item: true, ..place };
        // Lists are joined, their entries never merged.
        let lenient = std::mem::replace(&mut self.lenient, false);
        let mut texts = HashSet::new();
        for &item in items {
            if self.is_reset(item) {
                continue;
            }
            if list.unique
                && let Some(text) = self.tree.go_text(item)
                && !texts.insert((text, self.tree.value(item) == Some(Resolved::Str)))
            {
                let message = format!("{} is there twice: remove one of the two", place.name());
                self.error(self.span(item), message);
            }
            self.value(item, &list.item, place, brought);
        }
        self.lenient = lenient;
    }

    fn map(&mut self, node: NodeId, map: &'static Map, brought: bool) {
        let entries = self.entries(node);
        match map {
            Map::Fields(fields) => self.fields(node, map, fields, &entries, brought),
            Map::Names(names) => self.names(map, names, &entries, brought),
        }
    }

    fn names(&mut self, map: &'static Map, names: &'static Names, entries: &[Effective], brought: bool) {
        let tree = self.tree;
        for entry in entries {
            let Some(name) = tree.scalar(entry.key) else { continue };
            if !(names.name.0)(name) {
                if names.closed {
                    let message = format!("`{}` is no {}", name.escape_debug(), names.name.1);
                    self.error(self.span(entry.key), message);
                }
                continue;
            }
            if let Some(message) = hints::name(self.tree, &self.path, entry) {
                self.error(self.span(entry.key), message);
                continue;
            }
            self.path.push((map, name));
            let place = Place { key: name, item: false };
            self.value(entry.value, &names.value, place, brought || entry.via == Via::Merge);
            self.path.pop();
        }
    }

    fn fields(
        &mut self,
        node: NodeId,
        map: &'static Map,
        fields: &'static Fields,
        entries: &[Effective],
        brought: bool,
    ) {
        let extends = ptr::eq(map, &raw const table::SERVICE)
            && entries.iter().any(|e| self.tree.scalar(e.key) == Some("extends"));
        let lenient = self.lenient;
        let mut present = Vec::with_capacity(entries.len());
        let tree = self.tree;
        for entry in entries {
            let Some(key) = tree.scalar(entry.key) else { continue };
            let Some(shape) = map.field(key) else {
                if !(fields.open || (fields.extensions && key.starts_with("x-"))) {
                    let message = hints::unknown(self.tree, &self.path, fields, entries, entry);
                    self.error(self.span(entry.key), message);
                }
                continue;
            };
            present.push((key, entry));
            self.path.push((map, key));
            let place = Place { key, item: false };
            // Compose reads these before anything is merged.
            let around = std::mem::replace(
                &mut self.lenient,
                (lenient || extends) && !matches!(key, "include" | "extends"),
            );
            self.value_of(entry, shape, place, brought || entry.via == Via::Merge);
            self.lenient = around;
            self.path.pop();
        }
        let find = |wanted: &str| present.iter().find(|(key, _)| *key == wanted).map(|(_, entry)| **entry);
        for wanted in fields.required {
            if find(wanted).is_none() && !lenient {
                let message = format!("{} has no `{wanted}`: Compose needs one", fields.of);
                self.error(self.span(node), message);
            }
        }
        if let Some((a, b)) = fields.exclusive
            && let (Some(_), Some(second)) = (find(a), find(b))
        {
            let message = format!("{} takes `{a}` or `{b}`, not both: remove one of them", fields.of);
            self.error(self.span(second.key), message);
        }
    }

    /// The value of a key: what is missing is said at the key.
    fn value_of(&mut self, entry: &Effective, shape: &'static Shape, place: Place<'_>, brought: bool) {
        let nullable = shape.any || shape.scalar.is_some_and(|s| s.types.has(Types::NULL));
        if self.tree.is_null(entry.value) && !nullable && !self.is_reset(entry.value) {
            if !self.lenient {
                let message = format!("{} has no value: {}", place.name(), hints::wanted(shape));
                self.error(self.span(entry.key), message);
            }
            return;
        }
        self.value(entry.value, shape, place, brought);
    }

    fn wrong(&mut self, node: NodeId, shape: &Shape, place: Place<'_>) {
        let message =
            format!("{} cannot be {}: {}", place.name(), hints::kind(self.tree, node), hints::wanted(shape));
        self.error(self.span(node), message);
    }

    fn scalar(&mut self, node: NodeId, shape: &'static Shape, place: Place<'_>) {
        let Some(Scalar { types, check }) = shape.scalar else {
            if !(self.lenient && self.tree.is_null(node)) {
                self.wrong(node, shape, place);
            }
            return;
        };
        let text = self.tree.scalar(node).unwrap_or_default();
        let value = self.tree.value(node).unwrap_or(Resolved::Null);
        let is = match value {
            Resolved::Null => Types::NULL,
            Resolved::Bool(_) => Types::BOOL,
            Resolved::Int(_) | Resolved::Uint(_) => Types::INT,
            Resolved::Float(f) if f.fract() == 0.0 => Types::WHOLE,
            Resolved::Float(f) if f.is_finite() => Types::FRACTION,
            Resolved::Float(_) => Types::NONE,
            Resolved::Timestamp => Types::DATE,
            Resolved::Merge | Resolved::Str => Types::STRING,
        };
        if is == Types::NONE || (is == Types::NULL && self.lenient) {
            return;
        }
        let string = is == Types::STRING;
        let cast = string && matches!(check, Check::Cast(_));
        if !types.has(is) && !cast {
            return self.wrong(node, shape, place);
        }
        // What a variable gives is not known, and Compose is asked about the rest of the text as well.
        if string && text.contains('$') {
            return;
        }
        let problem = match check {
            Check::Text((holds, what)) | Check::Cast((holds, what)) => {
                (string && !holds(text)).then(|| format!("is no {what}"))
            }
            Check::Every((holds, what)) => {
                let text = self.tree.go_text(node).unwrap_or_default();
                (!holds(&text)).then(|| format!("is no {what}"))
            }
            Check::OneOf(words) => (!words.contains(&text)).then(|| hints::one_of(text, words)),
            Check::Within(low, high) => {
                let number = self.tree.go_text(node).and_then(|text| text.parse::<i64>().ok());
                (!number.is_some_and(|n| (low..=high).contains(&n))).then(|| hints::within(low, high))
            }
            Check::Any => None,
        };
        if let Some(problem) = problem {
            let quoted = if matches!(self.style(node), ScalarStyle::Literal | ScalarStyle::Folded)
                || text.len() > 60
            {
                place.name()
            } else {
                format!("`{}`", text.escape_debug())
            };
            self.error(self.span(node), format!("{quoted} {problem}"));
        }
    }

    fn style(&self, node: NodeId) -> ScalarStyle {
        match self.tree.node(self.tree.resolve(node)).kind {
            Kind::Scalar { style, .. } => style,
            _ => ScalarStyle::Plain,
        }
    }
}
