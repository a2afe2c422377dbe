//! Changes to a compose file as splices: in the file's own style, every other byte kept, or refused with a reason.

mod adder;
mod args;
mod mounts;
mod quote;
mod verify;

use std::fmt;

use super::{Compose, Value, Variable};
use crate::{
    syntax::yaml::{Entry, Kind, Node, NodeId, ScalarStyle, Style, Tree},
    text::{Edit, Newline, Span},
};

pub use args::{add_build_arg, set_build_pull};
pub use mounts::remove_mounts;

/// Why an edit was not made: nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What stands in the way.
    pub span: Span,
    /// Why, as a clause in lower case.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

fn refuse<T>(span: Span, reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { span, reason: reason.into() })
}

/// Replaces a whole scalar by a string and keeps its quotes; a plain one is quoted where the string needs it anywhere
/// in YAML. `span` is a scalar's whole span: for a part of one, see [`set_value`].
pub fn set_scalar(text: &str, span: Span, new: &str) -> Edit {
    let style = match text.as_bytes().get(span.start()) {
        Some(b'"') => Some(ScalarStyle::Double),
        Some(b'\'') => Some(ScalarStyle::Single),
        _ => None,
    };
    Edit::replace(span, quote::like(new, style, Style::Flow))
}

/// Replaces a value of the model, also one that is a part of a scalar (the source of `source:target`). A value that an
/// alias or merge brought is changed at its anchor, for all who use it.
///
/// # Errors
/// [`Refused`] if the value cannot be replaced alone, or would not read back as `new`.
pub fn set_value(text: &str, compose: &Compose, value: &Value, new: &str) -> Result<Edit, Refused> {
    let whole =
        compose.tree.nodes().find(|(_, n)| n.span == value.at.span && matches!(n.kind, Kind::Scalar { .. }));
    if whole.is_some_and(|(id, _)| compose.tree.scalar(id) == Some(&value.raw)) {
        return Ok(set_scalar(text, value.at.span, new));
    }
    if text.get(value.at.span.range()) != Some(&value.raw) {
        return refuse(
            value.at.span,
            "the value is written in a way that does not show it: change it by hand",
        );
    }
    let simple = |c: char| c.is_alphanumeric() || "./_-~+@=${}".contains(c);
    if new.is_empty() || !new.chars().all(simple) {
        return refuse(
            value.at.span,
            "the new value needs quotes of its own: change the whole entry by hand",
        );
    }
    Ok(Edit::replace(value.at.span, new))
}

/// Gives an argument another value: behind its name in a list, else in the place of the old value.
///
/// # Errors
/// [`Refused`] if the argument is not written in this file, or in a way that does not show it.
pub fn set_arg(compose: &Compose, arg: &Variable, new: &str) -> Result<Edit, Refused> {
    let Some(value) = &arg.value else {
        return refuse(arg.name.at.span, "the argument has no value to replace");
    };
    let tree = &compose.tree;
    let scalars = || tree.nodes().filter(|(_, node)| matches!(node.kind, Kind::Scalar { .. }));
    let Some((node, found)) = scalars().find(|(_, node)| node.span.contains(value.at.span)) else {
        return refuse(value.at.span, "the value is not written in the file");
    };
    let whole = if tree.scalar(node) == Some(&value.raw) {
        new.to_owned()
    } else if tree.scalar(node) == Some(&format!("{}={}", arg.name.value, value.raw)) {
        format!("{}={new}", arg.name.value)
    } else {
        return refuse(
            value.at.span,
            "the value is written in a way that does not show it: change it by hand",
        );
    };
    let style = match &found.kind {
        Kind::Scalar { style, .. } => {
            Some(*style).filter(|style| matches!(style, ScalarStyle::Single | ScalarStyle::Double))
        }
        _ => None,
    };
    let holds = |node: &Node| match &node.kind {
        Kind::Sequence { items, style: Style::Flow } => {
            items.iter().any(|&item| tree.node(item).span == found.span)
        }
        Kind::Mapping { entries, style: Style::Flow } => {
            entries.iter().any(|e| tree.node(e.value).span == found.span)
        }
        _ => false,
    };
    let place = if tree.nodes().any(|(_, node)| holds(node)) { Style::Flow } else { Style::Block };
    Ok(Edit::replace(found.span, quote::like(&whole, style, place)))
}

/// What every edit needs.
struct Editor<'a> {
    text: &'a str,
    tree: &'a Tree,
    newline: &'static str,
}

impl<'a> Editor<'a> {
    fn new(text: &'a str, compose: &'a Compose) -> Result<Self, Refused> {
        if compose.tree.root().is_none() || !compose.tree.errors().is_empty() {
            let span = compose.tree.errors().first().map_or(Span::point(0), |e| e.span);
            return refuse(span, "the file does not parse: correct it first");
        }
        Ok(Self { text, tree: &compose.tree, newline: Newline::of(text).as_str() })
    }

    fn span(&self, node: NodeId) -> Span {
        self.tree.node(node).span
    }

    fn style(&self, node: NodeId) -> Option<Style> {
        match self.tree.node(node).kind {
            Kind::Mapping { style, .. } | Kind::Sequence { style, .. } => Some(style),
            Kind::Scalar { .. } | Kind::Alias { .. } => None,
        }
    }

    fn scalar_style(&self, node: NodeId) -> Option<ScalarStyle> {
        match self.tree.node(node).kind {
            Kind::Scalar { style, .. } => Some(style),
            _ => None,
        }
    }

    /// The entry that the mapping itself has, without merges.
    fn own(&self, map: NodeId, key: &str) -> Option<Entry> {
        if self.tree.is_alias(map) {
            return None;
        }
        self.tree.entries(map)?.iter().copied().find(|e| self.tree.scalar(e.key) == Some(key))
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |n| n + 1)
    }

    /// The end of the line without its newline.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |n| at + n);
        if self.text[at..end].ends_with('\r') { end - 1 } else { end }
    }

    /// How far the key is indented, if only spaces stand before it.
    fn indent(&self, key: NodeId) -> Result<usize, Refused> {
        let at = self.span(key).start();
        let before = &self.text[self.line_start(at)..at];
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        if before.bytes().all(|b| b == b' ') {
            Ok(before.len())
        } else {
            refuse(self.span(key), "something stands before the key on its line: change it by hand")
        }
    }

    /// The byte behind the colon of a plain `key:`.
    fn after_colon(&self, key: NodeId) -> Result<usize, Refused> {
        let end = self.span(key).end();
        let rest = &self.text[end..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if rest[blanks..].starts_with(':') {
            Ok(end + blanks + 1)
        } else {
            refuse(self.span(key), "the key is written with `?`: change it by hand")
        }
    }

    fn new_line(&self, indent: usize) -> String {
        format!("{}{}", self.newline, " ".repeat(indent))
    }
}

/// Whether the text before an item is its dash and nothing else.
fn is_dash(lead: &str) -> bool {
    let dash = lead.trim_start_matches(' ');
    dash.strip_prefix('-').is_some_and(|gap| !gap.is_empty() && gap.bytes().all(|b| b == b' '))
}
