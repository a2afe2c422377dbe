//! What reading a compose file takes: the tree, the variables, a place for errors, and how to ask for a field.

use std::ops::Range;

use super::{Env, Value};
use crate::{
    syntax::{
        SyntaxError, dockerignore,
        dotenv::substitute,
        yaml::{Effective, Kind, NodeId, ScalarStyle, Tree},
    },
    text::{FileId, Location, Span},
};

/// Takes a value away.
pub(super) const RESET: &str = "!reset";

/// Where nodes come from: a file, read under some variables.
#[derive(Debug, Clone)]
pub(super) struct Source<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    pub(super) env: Env,
    /// The folder that its relative paths start from, as seen from the project's; empty where it is that one.
    pub(super) base: String,
}

/// What reading needs: the tree, where its nodes come from, and a place for errors.
pub(super) struct Reader<'a> {
    pub(super) tree: &'a Tree,
    pub(super) sources: &'a [Source<'a>],
    /// The source of each node; those without an entry have the first one.
    pub(super) of: &'a [u32],
    pub(super) errors: Vec<SyntaxError>,
}

/// The entries of a mapping after merging.
pub(super) struct Fields {
    pub(super) entries: Vec<Effective>,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(SyntaxError { span, message: message.into() });
    }

    pub(super) fn span(&self, node: NodeId) -> Span {
        self.tree.node(node).span
    }

    pub(super) fn source(&self, node: NodeId) -> &Source<'_> {
        let of = self.of.get(node.index()).map_or(0, |&of| of as usize);
        &self.sources[of]
    }

    pub(super) fn env(&self, node: NodeId) -> &Env {
        &self.source(node).env
    }

    pub(super) fn at(&self, node: NodeId) -> Location {
        Location::new(self.source(node).file, self.span(node))
    }

    /// The part of a node that lies on its first line: a whole mapping is no place to point at.
    pub(super) fn first_line(&self, node: NodeId) -> Span {
        first_line(self.source(node).text, self.span(node))
    }

    /// The fields of a mapping; `None` for everything else, `!reset` included.
    pub(super) fn fields(&self, node: NodeId) -> Option<Fields> {
        let mut entries = self.tree.effective(node)?;
        entries.retain(|e| !self.tree.is_tagged(e.value, RESET));
        Some(Fields { entries })
    }

    /// A field that is there: `!reset` takes it away.
    pub(super) fn field(&self, fields: &Fields, key: &str) -> Option<Effective> {
        fields.entries.iter().find(|e| self.tree.scalar(e.key) == Some(key)).copied()
    }

    /// A field's value, unless it is null.
    pub(super) fn present(&self, fields: &Fields, key: &str) -> Option<NodeId> {
        self.field(fields, key).map(|e| e.value).filter(|&v| !self.tree.is_null(v))
    }

    pub(super) fn text_field(&self, fields: &Fields, key: &str) -> Option<Value> {
        self.present(fields, key).and_then(|node| self.scalar(node))
    }

    /// A scalar, interpolated.
    pub(super) fn scalar(&self, node: NodeId) -> Option<Value> {
        let raw = self.tree.scalar(node)?.to_owned();
        // What cannot be interpolated is reported once, by `check_templates`.
        let known = substitute(&raw, self.env(self.tree.resolve(node))).ok().flatten();
        Some(Value { raw, known, at: self.at(self.tree.resolve(node)) })
    }

    /// A scalar that is a path of the host, as seen from the project's folder.
    pub(super) fn path(&self, node: NodeId) -> Option<Value> {
        let value = self.scalar(node)?;
        Some(rebased(value, &self.source(self.tree.resolve(node)).base))
    }

    pub(super) fn path_field(&self, fields: &Fields, key: &str) -> Option<Value> {
        self.present(fields, key).and_then(|node| self.path(node))
    }

    /// Whether a field is set to true; Compose takes the words of YAML 1.1 after interpolation.
    pub(super) fn is_true(&self, fields: &Fields, key: &str) -> bool {
        let known = self.text_field(fields, key).and_then(|v| v.known).unwrap_or_default();
        matches!(known.to_ascii_lowercase().as_str(), "true" | "y" | "yes" | "on")
    }

    /// The bytes of a part of a scalar's text; the whole scalar if the file writes the text in another way.
    pub(super) fn part(&self, scalar: NodeId, range: Range<usize>) -> Location {
        let scalar = self.tree.resolve(scalar);
        let node = self.tree.node(scalar);
        let whole = self.at(scalar);
        let Kind::Scalar { text, style } = &node.kind else { return whole };
        let quote = usize::from(matches!(style, ScalarStyle::Single | ScalarStyle::Double));
        let start = node.span.start() + quote;
        let source = self.source(scalar);
        if source.text.get(start..start + text.len()) == Some(text)
            && node.span.end() == start + text.len() + quote
        {
            Location::new(whole.file, Span::new(start + range.start, start + range.end))
        } else {
            whole
        }
    }
}

/// The path of a file that lies in `base`, as Compose resolves it where it reads that file for another one.
pub(super) fn rebased(mut value: Value, base: &str) -> Value {
    if let Some(known) = &mut value.known
        && !base.is_empty()
        && is_relative(known)
    {
        *known = dockerignore::clean(&format!("{base}/{known}"));
    }
    value
}

/// compose-go's `absPath` and `absContextPath`: what is no address, no home folder and no absolute path.
fn is_relative(path: &str) -> bool {
    const ADDRESSES: [&str; 6] = ["service:", "target:", "ssh://", "git://", "github.com/", "git@"];
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    !path.is_empty()
        && !path.starts_with(['/', '~', '\\'])
        && !drive
        && !path.contains("://")
        && !ADDRESSES.iter().any(|address| path.starts_with(address))
}

/// The part of a span that lies on its first line.
pub(super) fn first_line(text: &str, span: Span) -> Span {
    let line = text[span.range()].lines().next().unwrap_or_default();
    Span::new(span.start(), span.start() + line.len())
}
