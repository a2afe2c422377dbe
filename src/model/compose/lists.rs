//! Lists of strings and of variables, in every form that Compose takes for them.

use super::{
    Value, Variable,
    reader::{Fields, Reader, rebased},
};
use crate::{
    syntax::{
        dotenv::substitute,
        yaml::{Effective, NodeId, Resolved},
    },
    text::{Located, Location},
};

impl Reader<'_> {
    /// The place of a key whose value is not null.
    pub(super) fn key(&self, fields: &Fields, key: &str) -> Option<Location> {
        let entry = self.field(fields, key)?;
        (!self.tree.is_null(entry.value)).then(|| self.at(entry.key))
    }

    /// A list of strings, or one string.
    pub(super) fn strings(&self, fields: &Fields, key: &str) -> Vec<Value> {
        let Some(node) = self.present(fields, key) else { return Vec::new() };
        match self.tree.items(node) {
            Some(items) => items.iter().filter_map(|&item| self.scalar(item)).collect(),
            None => self.scalar(node).into_iter().collect(),
        }
    }

    /// The names of a list, or the keys of a mapping.
    pub(super) fn names(&self, fields: &Fields, key: &str) -> Vec<Value> {
        let Some(inner) = self.present(fields, key).and_then(|node| self.fields(node)) else {
            return self.strings(fields, key);
        };
        let name = |entry: &Effective| {
            let raw = self.tree.scalar(entry.key)?.to_owned();
            Some(Value { known: Some(raw.clone()), raw, at: self.at(entry.key) })
        };
        inner.entries.iter().filter_map(name).collect()
    }

    /// `build.args`; Compose refuses what is neither a mapping nor a list.
    pub(super) fn args(&mut self, build: &Fields) -> Vec<Variable> {
        let Some(node) = self.present(build, "args") else { return Vec::new() };
        if self.fields(node).is_none() && self.tree.items(node).is_none() {
            let message = "`args` is a mapping or a list of `NAME=value`: write one of the two";
            self.error(self.span(node), message);
        }
        self.variables(node)
    }

    /// A mapping of names to values, or a list of `NAME=value`.
    pub(super) fn variables_field(&self, fields: &Fields, key: &str) -> Vec<Variable> {
        self.present(fields, key).map_or_else(Vec::new, |node| self.variables(node))
    }

    /// Variables whose values are paths of the host, or addresses.
    pub(super) fn paths_of_variables(&self, fields: &Fields, key: &str) -> Vec<Variable> {
        let Some(node) = self.present(fields, key) else { return Vec::new() };
        self.nodes_of_variables(node)
            .into_iter()
            .map(|(mut variable, from)| {
                let base = &self.source(self.tree.resolve(from)).base;
                variable.value = variable.value.map(|value| rebased(value, base));
                variable
            })
            .collect()
    }

    fn variables(&self, node: NodeId) -> Vec<Variable> {
        self.nodes_of_variables(node).into_iter().map(|(variable, _)| variable).collect()
    }

    /// The variables, each with the node that holds its value.
    fn nodes_of_variables(&self, node: NodeId) -> Vec<(Variable, NodeId)> {
        if let Some(fields) = self.fields(node) {
            return fields.entries.iter().filter_map(|e| Some((self.variable_of_map(e)?, e.value))).collect();
        }
        let items = self.tree.items(node).unwrap_or_default();
        items.iter().filter_map(|&item| Some((self.variable_of_list(item)?, item))).collect()
    }

    fn variable_of_map(&self, entry: &Effective) -> Option<Variable> {
        let name = Located::new(self.tree.scalar(entry.key)?.to_owned(), self.at(entry.key));
        let value = if self.tree.is_null(entry.value) { None } else { self.scalar(entry.value) };
        let value = value.map(|value| match self.tree.value(entry.value) {
            Some(Resolved::Str) => value,
            _ => Value { known: self.tree.go_text(entry.value), ..value },
        });
        Some(Variable { name, value })
    }

    fn variable_of_list(&self, item: NodeId) -> Option<Variable> {
        let whole = self.scalar(item)?;
        let Some(sign) = whole.raw.find('=') else {
            let (name, at) = (whole.known.unwrap_or(whole.raw), whole.at);
            return Some(Variable { name: Located::new(name, at), value: None });
        };
        let name = Located::new(whole.raw[..sign].to_owned(), self.part(item, 0..sign));
        let raw = whole.raw[sign + 1..].to_owned();
        let known = substitute(&raw, self.env(self.tree.resolve(item))).ok().flatten();
        let value = Value { at: self.part(item, sign + 1..whole.raw.len()), raw, known };
        Some(Variable { name, value: Some(value) })
    }
}
