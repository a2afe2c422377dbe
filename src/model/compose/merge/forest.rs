//! The trees of several files in one, each node with its source, and how Compose merges two of them.
//!
//! The rules are compose-go's `override` package
//! (<https://github.com/compose-spec/compose-go/tree/main/override>), which is what
//! <https://docs.docker.com/reference/compose-file/merge/> describes.

use std::collections::HashMap;

use super::unique;
use crate::{
    model::compose::reader::{RESET, Reader, Source},
    syntax::yaml::{Entry, Kind, Node, NodeId, ScalarStyle, Style, Tree},
    text::{Location, Span},
};

/// Replaces a value instead of merging with it.
const OVERRIDE: &str = "!override";

/// Most nodes that a project may take, entries counted: several times what one file may have.
const MAX_NODES: usize = 400_000;

/// Why two values cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clash {
    pub(super) at: Location,
    pub(super) reason: String,
}

/// Trees that are merged into one.
#[derive(Debug, Default)]
pub(super) struct Forest<'a> {
    pub(super) tree: Tree,
    pub(super) sources: Vec<Source<'a>>,
    of: Vec<u32>,
    /// Nodes and entries that were made.
    made: usize,
    pub(super) clashes: Vec<Clash>,
}

/// How the values of a key are merged.
enum Way {
    /// The later one takes the place of the first, even where it is null.
    Replace,
    /// A path is a mapping with `context`.
    Build,
    /// Mappings and lists of `NAME=value` are the same.
    Variables,
    /// A list of names is a mapping without values.
    Names,
    /// A string is a list of one.
    List,
    /// Mappings of different drivers have nothing in common.
    Logging,
    /// Mappings grow, lists grow, everything else is replaced.
    Plain,
}

fn way(path: &[String]) -> Way {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["services", _, inner @ ..] => match inner {
            ["build"] => Way::Build,
            ["build", "args" | "additional_contexts" | "labels" | "extra_hosts"]
            | ["environment" | "labels" | "annotations" | "sysctls" | "extra_hosts"]
            | ["deploy", "labels"] => Way::Variables,
            ["command" | "entrypoint"] | ["healthcheck", "test"] | ["ulimits", _] => Way::Replace,
            ["depends_on" | "networks" | "models"] => Way::Names,
            ["dns" | "dns_opt" | "dns_search" | "env_file" | "label_file" | "tmpfs"] => Way::List,
            ["logging"] => Way::Logging,
            _ => Way::Plain,
        },
        ["volumes" | "networks", _, "labels"] => Way::Variables,
        _ => Way::Plain,
    }
}

impl<'a> Forest<'a> {
    /// Adds a file's tree.
    pub(super) fn plant(&mut self, tree: &Tree, source: Source<'a>) -> Option<NodeId> {
        self.made += tree.len();
        if self.is_full() {
            return None;
        }
        let number = u32::try_from(self.sources.len()).ok()?;
        self.sources.push(source);
        let root = self.tree.graft(tree);
        self.of.resize(self.tree.len(), number);
        root
    }

    /// Whether what was made is more than any project needs: nothing is added any more.
    pub(super) fn is_full(&self) -> bool {
        self.made > MAX_NODES
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { tree: &self.tree, sources: &self.sources, of: &self.of, errors: Vec::new() }
    }

    pub(super) fn at(&self, node: NodeId) -> Location {
        self.reader().at(node)
    }

    pub(super) fn into_parts(self) -> (Tree, Vec<Source<'a>>, Vec<u32>) {
        (self.tree, self.sources, self.of)
    }

    /// A node that stands where another one does.
    fn make(&mut self, like: NodeId, span: Span, kind: Kind) -> NodeId {
        self.made += 1 + match &kind {
            Kind::Mapping { entries, .. } => entries.len(),
            Kind::Sequence { items, .. } => items.len(),
            Kind::Scalar { .. } | Kind::Alias { .. } => 0,
        };
        let of = self.of.get(like.index()).copied().unwrap_or(0);
        let id = self.tree.push(Node { kind, span, tag: None, anchor: None });
        self.of.push(of);
        id
    }

    pub(super) fn mapping(&mut self, like: NodeId, entries: Vec<Entry>) -> NodeId {
        let like = self.tree.resolve(like);
        let span = self.tree.node(like).span;
        self.make(like, span, Kind::Mapping { entries, style: Style::Block })
    }

    pub(super) fn scalar(&mut self, like: NodeId, text: &str) -> NodeId {
        let span = self.tree.node(like).span;
        self.make(like, span, Kind::Scalar { text: text.to_owned(), style: ScalarStyle::Double })
    }

    /// A scalar that no file has, of the source of a node.
    pub(super) fn unwritten(&mut self, like: NodeId, text: &str) -> NodeId {
        let start = Span::point(self.tree.node(self.tree.resolve(like)).span.start());
        self.make(like, start, Kind::Scalar { text: text.to_owned(), style: ScalarStyle::Double })
    }

    fn null(&mut self, like: NodeId) -> NodeId {
        let span = self.tree.node(like).span;
        self.make(like, span, Kind::Scalar { text: String::new(), style: ScalarStyle::Plain })
    }

    /// The entries after YAML's own merges.
    pub(super) fn entries(&self, map: NodeId) -> Vec<Entry> {
        let all = self.tree.effective(map).unwrap_or_default();
        all.into_iter().map(|e| Entry { key: e.key, value: e.value }).collect()
    }

    pub(super) fn get(&self, map: NodeId, key: &str) -> Option<NodeId> {
        let found = self.tree.get(map, key)?.value;
        (!self.tree.is_tagged(found, RESET)).then_some(found)
    }

    /// What comes out when `over` is read after `base`, at a path from the top.
    pub(super) fn merge(&mut self, base: NodeId, over: NodeId, path: &mut Vec<String>) -> NodeId {
        if self.is_full() || self.tree.is_tagged(over, OVERRIDE) || self.tree.is_tagged(over, RESET) {
            return over;
        }
        match way(path) {
            Way::Replace => over,
            Way::Build => {
                let (base, over) = (self.as_build(base), self.as_build(over));
                self.mappings(base, over, path)
            }
            Way::Variables => {
                let (base, over) = (self.as_variables(base), self.as_variables(over));
                self.mappings(base, over, path)
            }
            Way::Names => {
                let (base, over) = (self.as_names(base), self.as_names(over));
                self.mappings(base, over, path)
            }
            Way::List => self.lists(base, over, path),
            Way::Logging if self.other_driver(base, over) => over,
            Way::Logging | Way::Plain => self.plain(base, over, path),
        }
    }

    fn plain(&mut self, base: NodeId, over: NodeId, path: &mut Vec<String>) -> NodeId {
        if self.tree.is_null(over) {
            return base;
        }
        let shape = |tree: &Tree, id| (tree.entries(id).is_some(), tree.items(id).is_some());
        match (shape(&self.tree, base), shape(&self.tree, over)) {
            ((true, _), (true, _)) => self.mappings(base, over, path),
            ((_, true), (_, true)) => self.lists(base, over, path),
            ((false, false), _) => over,
            _ => {
                let what = |(mapping, list)| match (mapping, list) {
                    (true, _) => "a mapping",
                    (_, true) => "a list",
                    _ => "a single value",
                };
                let (is, was) = (what(shape(&self.tree, over)), what(shape(&self.tree, base)));
                let at = self.at(self.tree.resolve(over));
                let reason =
                    format!("`{}` is {is} here and {was} in the file that it is merged with", path.join("."));
                self.clashes.push(Clash { at, reason });
                over
            }
        }
    }

    fn mappings(&mut self, base: NodeId, over: NodeId, path: &mut Vec<String>) -> NodeId {
        if self.tree.entries(over).is_none() {
            return base;
        }
        let mut entries = self.entries(base);
        // What the base took away is gone already.
        entries.retain(|e| !self.tree.is_tagged(e.value, RESET));
        for entry in &mut entries {
            entry.value = self.settled(entry.value);
        }
        let mut places: HashMap<String, usize> = HashMap::new();
        for (i, entry) in entries.iter().enumerate() {
            if let Some(key) = self.tree.scalar(entry.key) {
                places.entry(key.to_owned()).or_insert(i);
            }
        }
        for entry in self.entries(over) {
            let Some(key) = self.tree.scalar(entry.key).map(str::to_owned) else { continue };
            let Some(&place) = places.get(&key) else {
                places.insert(key, entries.len());
                entries.push(entry);
                continue;
            };
            path.push(key);
            let value = self.merge(entries[place].value, entry.value, path);
            path.pop();
            // What is replaced whole stands where it is replaced.
            let key = if value == entry.value { entry.key } else { entries[place].key };
            entries[place] = Entry { key, value };
        }
        self.mapping(base, entries)
    }

    /// A value without the tag that replaced what was below it: it has done so.
    fn settled(&mut self, node: NodeId) -> NodeId {
        if !self.tree.is_tagged(node, OVERRIDE) {
            return node;
        }
        let from = self.tree.resolve(node);
        let (span, kind) = (self.tree.node(from).span, self.tree.node(from).kind.clone());
        self.make(from, span, kind)
    }

    fn lists(&mut self, base: NodeId, over: NodeId, path: &[String]) -> NodeId {
        let items = |forest: &Self, node: NodeId| match forest.tree.items(node) {
            Some(items) => items.to_vec(),
            None if forest.tree.is_null(node) => Vec::new(),
            None => vec![node],
        };
        let mut all = items(self, base);
        all.extend(items(self, over));
        all.retain(|&item| !self.tree.is_tagged(item, RESET));
        let all = unique::last_of_each(&mut self.reader(), path, all);
        let like = self.tree.resolve(base);
        let span = self.tree.node(like).span;
        self.make(like, span, Kind::Sequence { items: all, style: Style::Block })
    }

    fn other_driver(&self, base: NodeId, over: NodeId) -> bool {
        let driver = |node| self.get(node, "driver").and_then(|d| self.tree.scalar(d));
        driver(base).zip(driver(over)).is_some_and(|(base, over)| base != over)
    }

    fn as_build(&mut self, node: NodeId) -> NodeId {
        if self.tree.scalar(node).is_none() || self.tree.is_null(node) {
            return node;
        }
        let context = self.tree.resolve(node);
        let key = self.scalar(context, "context");
        self.mapping(context, vec![Entry { key, value: context }])
    }

    fn as_names(&mut self, node: NodeId) -> NodeId {
        let Some(items) = self.tree.items(node).map(<[_]>::to_vec) else { return node };
        let entries = items.into_iter().map(|key| Entry { key, value: self.null(key) }).collect();
        self.mapping(node, entries)
    }

    /// A list of `NAME=value` as a mapping; of several entries with one name the last one counts.
    fn as_variables(&mut self, node: NodeId) -> NodeId {
        let Some(items) = self.tree.items(node).map(<[_]>::to_vec) else { return node };
        let (mut entries, mut places) = (Vec::<Entry>::new(), HashMap::new());
        for item in items {
            let item = self.tree.resolve(item);
            let Some(text) = self.tree.scalar(item).map(str::to_owned) else { continue };
            let entry = match text.find('=') {
                Some(sign) => {
                    let part = |range| self.reader().part(item, range).span;
                    let (name, value) = (part(0..sign), part(sign + 1..text.len()));
                    let string =
                        |text: &str| Kind::Scalar { text: text.to_owned(), style: ScalarStyle::Double };
                    Entry {
                        key: self.make(item, name, string(&text[..sign])),
                        value: self.make(item, value, string(&text[sign + 1..])),
                    }
                }
                None => Entry { key: item, value: self.null(item) },
            };
            let name = text.split('=').next().unwrap_or_default().to_owned();
            if let Some(&place) = places.get(&name) {
                entries[place] = entry;
            } else {
                places.insert(name, entries.len());
                entries.push(entry);
            }
        }
        self.mapping(node, entries)
    }
}
