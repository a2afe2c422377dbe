//! YAML as Go reads it: a tree with the exact place of every node, key, anchor, alias, tag and comment.
//!
//! The tree does not hold the text; tree and text together are lossless. Events come from `granit-parser`, which only
//! this module names. Values, merge keys, duplicate keys and limits follow go-yaml and compose-go, because that is what
//! `docker compose` reads files with.

mod build;
mod graft;
mod message;
mod scalar;

use std::collections::HashSet;

use crate::{
    syntax::SyntaxError,
    text::{Span, Spanned},
};

pub use scalar::Resolved;

/// Most nodes that a document may have: compose-go's limit of node visits.
pub const MAX_NODES: usize = 100_000;
/// Most nodes that a document may have once every alias is replaced by what it stands for. go-yaml tolerates any share
/// of aliased nodes up to this count and hardly any above it.
pub const MAX_EXPANDED: u64 = 400_000;
/// Deepest nesting of collections, for flow and for block style each.
pub const MAX_DEPTH: usize = 255;

/// A node of a [`Tree`]. Only that tree's own ids mean anything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes, also when nothing at all is written.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// How a collection is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One entry a line.
    Block,
    /// `{…}` or `[…]`.
    Flow,
}

/// One entry of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: NodeId,
    /// The value; an empty plain scalar right after the colon if none is written.
    pub value: NodeId,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A single value. `text` is what it means: quotes, escapes and line folding are resolved.
    Scalar {
        /// The value; empty if nothing is written.
        text: String,
        /// How it is written.
        style: ScalarStyle,
    },
    /// A list.
    Sequence {
        /// The entries in order.
        items: Vec<NodeId>,
        /// How it is written.
        style: Style,
    },
    /// A mapping; merge keys stand among the entries.
    Mapping {
        /// The entries in order.
        entries: Vec<Entry>,
        /// How it is written.
        style: Style,
    },
    /// `*name`.
    Alias {
        /// The node that has the anchor; never an alias itself, and never a node that the alias is part of.
        target: NodeId,
    },
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its own bytes: quotes, brackets and the header of a block scalar included; anchor, tag and comments excluded.
    /// A block collection goes from its first key (or dash) to the end of its last value.
    pub span: Span,
    /// The tag as written, with its `!`.
    pub tag: Option<Spanned<String>>,
    /// The anchor's name without `&`; the span has the `&`.
    pub anchor: Option<Spanned<String>>,
}

impl Node {
    /// The first byte of the node with its anchor and tag.
    pub fn outer_start(&self) -> usize {
        let marks = [self.tag.as_ref().map(|t| t.span), self.anchor.as_ref().map(|a| a.span)];
        marks.into_iter().flatten().map(Span::start).fold(self.span.start(), usize::min)
    }
}

/// An entry of a mapping as a reader sees it, merge keys resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective {
    /// The key.
    pub key: NodeId,
    /// The value.
    pub value: NodeId,
    /// Whose entry it is.
    pub via: Via,
}

/// Where an entry of a mapping comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The mapping itself.
    Own,
    /// A mapping that `<<` brought.
    Merge,
}

/// Two entries of one mapping with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate {
    /// The key that was there first.
    pub first: Span,
    /// The key that Compose refuses.
    pub second: Span,
}

/// The first document of a file.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    root: Option<NodeId>,
    comments: Vec<Span>,
    more_documents: Vec<Span>,
    duplicates: Vec<Duplicate>,
    errors: Vec<SyntaxError>,
}

impl Tree {
    /// Reads a text of less than 4 GiB. A file that go-yaml would not read has no root and at least one error; time
    /// and memory are linear in the text, whatever it holds.
    pub fn parse(text: &str) -> Self {
        build::parse(text)
    }

    /// The first document's node; `None` if the text is empty or not YAML.
    pub fn root(&self) -> Option<NodeId> {
        self.root
    }

    /// The node behind an id.
    ///
    /// # Panics
    /// If the id is another tree's.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The node that is meant: an alias's target, or the node itself.
    pub fn resolve(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            Kind::Alias { target } => target,
            _ => id,
        }
    }

    /// Whether the node is an alias.
    pub fn is_alias(&self, id: NodeId) -> bool {
        matches!(self.node(id).kind, Kind::Alias { .. })
    }

    /// Whether the node has the tag, itself or through an alias.
    pub fn is_tagged(&self, id: NodeId, tag: &str) -> bool {
        let has = |id| self.node(id).tag.as_ref().is_some_and(|t| t.value == tag);
        has(id) || has(self.resolve(id))
    }

    /// The text of a scalar, through an alias.
    pub fn scalar(&self, id: NodeId) -> Option<&str> {
        match &self.node(self.resolve(id)).kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What Go makes of a scalar, through an alias; `None` for collections.
    pub fn value(&self, id: NodeId) -> Option<Resolved> {
        let node = self.node(self.resolve(id));
        match &node.kind {
            Kind::Scalar { text, style } => {
                Some(scalar::resolve(text, *style, node.tag.as_ref().map(|t| t.value.as_str())))
            }
            _ => None,
        }
    }

    /// What Compose makes of a scalar where it wants a string: Go has read numbers and truth values before, so that
    /// `1.10` arrives as `1.1` and `0440` as `288`. `None` for collections, and for times, which nobody writes there.
    pub fn go_text(&self, id: NodeId) -> Option<String> {
        let text = self.scalar(id)?;
        match self.value(id)? {
            Resolved::Timestamp => scalar::go_date(text),
            value => Some(value.go_text().unwrap_or_else(|| text.to_owned())),
        }
    }

    /// Whether the node is null: nothing written, `~` or `null`.
    pub fn is_null(&self, id: NodeId) -> bool {
        self.value(id) == Some(Resolved::Null)
    }

    /// The items of a sequence, through an alias.
    pub fn items(&self, id: NodeId) -> Option<&[NodeId]> {
        match &self.node(self.resolve(id)).kind {
            Kind::Sequence { items, .. } => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping as written, through an alias; merge keys are entries like any other.
    pub fn entries(&self, id: NodeId) -> Option<&[Entry]> {
        match &self.node(self.resolve(id)).kind {
            Kind::Mapping { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// Whether the entry is a merge: a plain `<<`, as go-yaml has it.
    pub fn is_merge(&self, entry: Entry) -> bool {
        self.value(entry.key) == Some(Resolved::Merge) && !self.is_alias(entry.key)
    }

    /// The entries of a mapping after merging, through an alias: its own first, then those of its merges in order,
    /// where the first one of a key wins. Each mapping is visited once, so that merges of merges cannot blow up.
    pub fn effective(&self, id: NodeId) -> Option<Vec<Effective>> {
        let root = self.resolve(id);
        self.entries(root)?;
        let (mut out, mut keys, mut done) = (Vec::new(), HashSet::new(), HashSet::new());
        let mut todo = vec![root];
        while let Some(map) = todo.pop() {
            let map = self.resolve(map);
            if !done.insert(map) {
                continue;
            }
            let mut merged = Vec::new();
            for &entry in self.entries(map).unwrap_or_default() {
                if self.is_merge(entry) {
                    match self.items(entry.value) {
                        Some(items) => merged.extend_from_slice(items),
                        None => merged.push(entry.value),
                    }
                } else if self.scalar(entry.key).is_none_or(|key| keys.insert(key)) {
                    let via = if map == root { Via::Own } else { Via::Merge };
                    out.push(Effective { key: entry.key, value: entry.value, via });
                }
            }
            todo.extend(merged.into_iter().rev());
        }
        Some(out)
    }

    /// The value of a key, after merging. For several keys of one mapping, [`Tree::effective`] once is cheaper.
    pub fn get(&self, map: NodeId, key: &str) -> Option<Effective> {
        self.effective(map)?.into_iter().find(|e| self.scalar(e.key) == Some(key))
    }

    /// Comments in order, from `#` to the end of the line.
    pub fn comments(&self) -> &[Span] {
        &self.comments
    }

    /// Where further documents start.
    pub fn more_documents(&self) -> &[Span] {
        &self.more_documents
    }

    /// Keys that occur twice in one mapping; each one is an error, too.
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// What go-yaml or compose-go would refuse.
    pub fn errors(&self) -> &[SyntaxError] {
        &self.errors
    }

    /// Every node with its id: a parent stands before its children.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0..).map(NodeId).zip(&self.nodes)
    }
}
