//! What reading a compose file takes: the tree, the variables, a place for errors, and how to ask for a field.

use super::{Env, Value};
use crate::{
    syntax::{
        SyntaxError,
        dotenv::substitute,
        yaml::{Effective, Kind, NodeId, ScalarStyle, Tree},
    },
    text::{FileId, Location, Span},
};

/// What reading needs: the tree, its text, the variables, and a place for errors.
pub(super) struct Reader<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    pub(super) env: &'a Env,
    pub(super) tree: &'a Tree,
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

    pub(super) fn at(&self, node: NodeId) -> Location {
        Location::new(self.file, self.span(node))
    }

    /// The fields of a mapping; `None` for everything else, `!reset` included.
    pub(super) fn fields(&self, node: NodeId) -> Option<Fields> {
        let entries = self.tree.effective(node)?;
        Some(Fields { entries })
    }

    /// A field that is there: `!reset` takes it away.
    pub(super) fn field(&self, fields: &Fields, key: &str) -> Option<Effective> {
        let found = fields.entries.iter().find(|e| self.tree.scalar(e.key) == Some(key)).copied()?;
        (!self.is_tagged_reset(found.value)).then_some(found)
    }

    pub(super) fn is_tagged_reset(&self, node: NodeId) -> bool {
        [node, self.tree.resolve(node)]
            .iter()
            .any(|&id| self.tree.node(id).tag.as_ref().is_some_and(|t| t.value == "!reset"))
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
        let known = substitute(&raw, self.env).ok().flatten();
        Some(Value { raw, known, at: self.at(self.tree.resolve(node)) })
    }

    /// Whether a field is set to true; Compose takes the words of YAML 1.1 after interpolation.
    pub(super) fn is_true(&self, fields: &Fields, key: &str) -> bool {
        let known = self.text_field(fields, key).and_then(|v| v.known).unwrap_or_default();
        matches!(known.to_ascii_lowercase().as_str(), "true" | "y" | "yes" | "on")
    }

    /// The bytes of a part of a scalar's text; the whole scalar if the file writes the text in another way.
    pub(super) fn part(&self, scalar: NodeId, range: std::ops::Range<usize>) -> Location {
        let scalar = self.tree.resolve(scalar);
        let node = self.tree.node(scalar);
        let whole = self.at(scalar);
        let Kind::Scalar { text, style } = &node.kind else { return whole };
        let quote = usize::from(matches!(style, ScalarStyle::Single | ScalarStyle::Double));
        let start = node.span.start() + quote;
        if self.text.get(start..start + text.len()) == Some(text)
            && node.span.end() == start + text.len() + quote
        {
            Location::new(whole.file, Span::new(start + range.start, start + range.end))
        } else {
            whole
        }
    }
}

/// The part of a span that lies on its first line: a whole mapping is no place to point at.
pub(super) fn first_line(text: &str, span: Span) -> Span {
    let line = text[span.range()].lines().next().unwrap_or_default();
    Span::new(span.start(), span.start() + line.len())
}
