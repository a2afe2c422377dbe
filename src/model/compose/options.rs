//! What a service says besides its build and its mounts: ports, environment files, health, watches, configs and secrets.

use super::{
    EnvFile, Grant, Healthcheck, Port, Shared, Sharing, Value, Watch,
    reader::{Fields, Reader},
};
use crate::{
    syntax::{dotenv::substitute, yaml::NodeId},
    text::Located,
};

impl Reader<'_> {
    fn items_of(&self, fields: &Fields, key: &str) -> Vec<NodeId> {
        let node = self.present(fields, key);
        node.and_then(|node| self.tree.items(node)).unwrap_or_default().to_vec()
    }

    /// `env_file`: a path, or a list of paths and mappings.
    pub(super) fn env_files(&self, fields: &Fields) -> Vec<EnvFile> {
        let Some(node) = self.present(fields, "env_file") else { return Vec::new() };
        let items = self.tree.items(node).map_or_else(|| vec![node], <[_]>::to_vec);
        items.into_iter().filter_map(|item| self.env_file(item)).collect()
    }

    fn env_file(&self, item: NodeId) -> Option<EnvFile> {
        let at = self.at(self.tree.resolve(item));
        let Some(fields) = self.fields(item) else {
            return Some(EnvFile { path: self.path(item)?, required: Some(true), format: None, at });
        };
        let required = match self.text_field(&fields, "required") {
            None => Some(true),
            Some(value) => value.known.map(|_| self.is_true(&fields, "required")),
        };
        let format = self.text_field(&fields, "format");
        Some(EnvFile { path: self.path_field(&fields, "path")?, required, format, at })
    }

    pub(super) fn ports(&self, fields: &Fields) -> Vec<Port> {
        self.items_of(fields, "ports").into_iter().filter_map(|item| self.port(item)).collect()
    }

    fn port(&self, item: NodeId) -> Option<Port> {
        let at = self.at(self.tree.resolve(item));
        if let Some(fields) = self.fields(item) {
            let published = self.text_field(&fields, "published").filter(|p| !p.raw.is_empty());
            return Some(Port { published, target: self.text_field(&fields, "target")?, at });
        }
        let spec = self.scalar(item)?;
        // A variable may hold colons, so that only what Compose splits counts; spans come from what is written.
        let written = ports(&spec.raw);
        let part = |range: Option<&std::ops::Range<usize>>, known: Option<String>| match range {
            Some(range) => {
                Value { raw: spec.raw[range.clone()].to_owned(), known, at: self.part(item, range.clone()) }
            }
            None => Value { raw: spec.raw.clone(), known, at: spec.at },
        };
        let Some(known) = &spec.known else {
            let of = |range: &std::ops::Range<usize>| {
                substitute(&spec.raw[range.clone()], self.env(self.tree.resolve(item))).ok().flatten()
            };
            let published = written.0.as_ref().map(|range| part(Some(range), of(range)));
            return Some(Port { published, target: part(Some(&written.1), of(&written.1)), at });
        };
        let (published, target) = ports(known);
        let same = published.is_some() == written.0.is_some();
        let published = published
            .filter(|range| !range.is_empty())
            .map(|range| part(written.0.as_ref(), Some(known[range].to_owned())));
        let target = part(same.then_some(&written.1), Some(known[target].to_owned()));
        Some(Port { published, target, at })
    }

    pub(super) fn healthcheck(&self, fields: &Fields) -> Option<Healthcheck> {
        let entry = self.field(fields, "healthcheck")?;
        let inner = self.fields(entry.value)?;
        let test = self.present(&inner, "test");
        let first = test.and_then(|node| match self.tree.items(node) {
            Some(items) => self.scalar(*items.first()?),
            None => self.scalar(node),
        });
        let none = first.and_then(|value| value.known).is_some_and(|known| known == "NONE");
        let disabled = none || self.is_true(&inner, "disable");
        Some(Healthcheck { disabled, test: test.is_some(), at: self.at(entry.key) })
    }

    pub(super) fn watch(&self, fields: &Fields) -> Vec<Watch> {
        let Some(develop) = self.present(fields, "develop").and_then(|node| self.fields(node)) else {
            return Vec::new();
        };
        let watch = |item: NodeId| {
            let fields = self.fields(item)?;
            Some(Watch {
                action: self.text_field(&fields, "action"),
                path: self.path_field(&fields, "path"),
                target: self.text_field(&fields, "target"),
                at: self.at(self.tree.resolve(item)),
            })
        };
        self.items_of(&develop, "watch").into_iter().filter_map(watch).collect()
    }

    pub(super) fn grants(&self, fields: &Fields) -> Vec<Grant> {
        let mut out = Vec::new();
        for (key, kind) in [("configs", Sharing::Config), ("secrets", Sharing::Secret)] {
            for item in self.items_of(fields, key) {
                let at = self.at(self.tree.resolve(item));
                let (source, target) = match self.fields(item) {
                    Some(fields) => (self.text_field(&fields, "source"), self.text_field(&fields, "target")),
                    None => (self.scalar(item), None),
                };
                out.extend(source.map(|source| Grant { kind, source, target, at }));
            }
        }
        out
    }

    pub(super) fn shared(&self, fields: &Fields, kind: Sharing) -> Vec<Shared> {
        let read = |entry: &crate::syntax::yaml::Effective| {
            let key = Located::new(self.tree.scalar(entry.key)?.to_owned(), self.at(entry.key));
            let file = self.fields(entry.value).and_then(|inner| self.path_field(&inner, "file"));
            Some(Shared { kind, key, file })
        };
        fields.entries.iter().filter_map(read).collect()
    }
}

/// Published and target of `[[ip:]published:]target[/protocol]`; colons in `${…}` and `[…]` do not count.
fn ports(spec: &str) -> (Option<std::ops::Range<usize>>, std::ops::Range<usize>) {
    let (mut colons, mut depth, mut end) = (Vec::new(), 0_usize, spec.len());
    for (i, c) in spec.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => colons.push(i),
            '/' if depth == 0 => {
                end = i;
                break;
            }
            _ => {}
        }
    }
    match colons.as_slice() {
        [] => (None, 0..end),
        [.., before, last] => (Some(before + 1..*last), last + 1..end),
        [only] => (Some(0..*only), only + 1..end),
    }
}
