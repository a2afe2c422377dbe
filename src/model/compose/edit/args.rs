//! A build argument more, in every form that `build` can have.

use super::{Editor, Refused, Shape, is_dash, quote, refuse, shape};
use crate::{
    model::compose::{Build, Compose, Layout, Origin, Service},
    syntax::yaml::{Entry, Kind, NodeId, ScalarStyle, Style},
    text::{Edit, Span},
};

/// Indentation of a file that shows none.
const STEP: usize = 2;

/// Adds `args: NAME: value` to the build of a service, in the style of what is there.
///
/// # Errors
/// [`Refused`] if there is nothing to add to, if the argument is there already, or if the change would reach further
/// than this service (aliases, merges).
pub fn add_build_arg(
    text: &str,
    compose: &Compose,
    service: &str,
    name: &str,
    value: &str,
) -> Result<Vec<Edit>, Refused> {
    let editor = Editor::new(text, compose)?;
    let Some(service) = compose.service(service) else {
        return refuse(Span::point(0), "the file has no such service");
    };
    let Some(build) = &service.build else {
        return refuse(service.name.at.span, "the service has no `build`");
    };
    if let Some(arg) = build.args.iter().find(|a| a.name.value == name) {
        return refuse(arg.name.at.span, format!("`{name}` is among the build arguments already"));
    }
    check(compose, build, name)?;
    let edits = Adder { editor: &editor, name, value }.edits(service, build)?;
    editor.verified(compose, edits, build.at.span, |before| {
        let mut wanted: Shape = shape(before);
        if before.name.value == service.name.value {
            wanted.args.push((name.to_owned(), Some(value.to_owned())));
            wanted.args.sort();
        }
        wanted
    })
}

fn check(compose: &Compose, build: &Build, name: &str) -> Result<(), Refused> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !starts || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return refuse(build.key.span, "a build argument's name has letters, digits and `_`");
    }
    if compose.layout == Layout::V1 {
        return refuse(build.key.span, "the file has no `services:`, and that layout has no build arguments");
    }
    match build.origin {
        Origin::Alias => refuse(build.key.span, "`build` is an alias: other services would change with it"),
        Origin::Merge => {
            refuse(build.key.span, "`build` comes from a merge: other services would change with it")
        }
        Origin::Scalar | Origin::Mapping => Ok(()),
    }
}

struct Adder<'a> {
    editor: &'a Editor<'a>,
    name: &'a str,
    value: &'a str,
}

impl Adder<'_> {
    fn edits(&self, service: &Service, build: &Build) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let Some(entry) = ed.own(service.node, "build").filter(|e| !ed.tree.is_alias(e.value)) else {
            return refuse(build.key.span, "`build` is not written in the service itself");
        };
        if build.origin == Origin::Scalar {
            return self.scalar(service, entry);
        }
        let known = ed.tree.get(entry.value, "args");
        let own = ed.own(entry.value, "args");
        match (own, known) {
            (Some(args), _) => self.args(entry, args),
            (None, Some(_)) => refuse(build.at.span, "`args` comes from a merge: own ones would hide those"),
            (None, None) => self.mapping(service, entry),
        }
    }

    /// How much deeper the service's keys stand than its name: the file's step.
    fn step(&self, service: &Service, build: Entry) -> usize {
        let ed = self.editor;
        let name = ed.text[ed.line_start(service.name.at.span.start())..service.name.at.span.start()].len();
        ed.indent(build.key).ok().and_then(|key| key.checked_sub(name)).filter(|&s| s > 0).unwrap_or(STEP)
    }

    fn pair(&self, key_style: Option<ScalarStyle>, value_style: Option<ScalarStyle>, place: Style) -> String {
        let key = quote::like(self.name, quotes(key_style), place);
        format!("{key}: {}", quote::like(self.value, quotes(value_style), place))
    }

    /// `{args: {NAME: value}}` inside of flow style, without the outer braces.
    fn flow_args(&self, key_style: Option<ScalarStyle>) -> String {
        let key = quote::like("args", quotes(key_style), Style::Flow);
        format!("{key}: {{{}}}", self.pair(key_style, quotes(key_style), Style::Flow))
    }

    /// `args:` and the argument on lines of their own.
    fn block_args(&self, key_style: Option<ScalarStyle>, indent: usize, step: usize) -> String {
        let key = quote::like("args", quotes(key_style), Style::Block);
        let pair = self.pair(key_style, None, Style::Block);
        format!("{key}:{}{pair}", self.editor.new_line(indent + step))
    }

    fn scalar(&self, service: &Service, entry: Entry) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let node = ed.tree.node(entry.value);
        let key_style = ed.scalar_style(entry.key);
        if node.tag.is_some() || node.anchor.is_some() {
            return refuse(node.span, "the value has a tag or an anchor: change it by hand");
        }
        let context = |place| quote::like("context", quotes(key_style), place);
        if ed.style(service.node) == Some(Style::Flow) {
            return Ok(vec![
                Edit::insert(node.span.start(), format!("{{{}: ", context(Style::Flow))),
                Edit::insert(node.span.end(), format!(", {}}}", self.flow_args(key_style))),
            ]);
        }
        let colon = ed.after_colon(entry.key)?;
        if ed.line_end(colon) < node.span.end() {
            return refuse(node.span, "the value does not end on the line of its key: change it by hand");
        }
        let step = self.step(service, entry);
        let indent = ed.indent(entry.key)? + step;
        let line = ed.new_line(indent);
        Ok(vec![
            Edit::replace(Span::new(colon, node.span.start()), format!("{line}{}: ", context(Style::Block))),
            Edit::insert(
                ed.line_end(node.span.end()),
                format!("{line}{}", self.block_args(key_style, indent, step)),
            ),
        ])
    }

    /// A mapping without `args`.
    fn mapping(&self, service: &Service, build: Entry) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let entries = ed.tree.entries(build.value).unwrap_or_default();
        let key_style = entries.first().and_then(|e| ed.scalar_style(e.key));
        if ed.style(build.value) == Some(Style::Flow) {
            return self.grow_flow(build.value, &self.flow_args(key_style));
        }
        let Some(first) = entries.first() else {
            return refuse(ed.span(build.value), "the mapping is empty");
        };
        let indent = ed.indent(first.key)?;
        let step = ed.indent(build.key).ok().and_then(|key| indent.checked_sub(key)).filter(|&s| s > 0);
        let args = self.block_args(key_style, indent, step.unwrap_or_else(|| self.step(service, build)));
        Ok(vec![match self.last_line(entries) {
            Some(at) => Edit::insert(at, format!("{}{args}", ed.new_line(indent))),
            None => Edit::insert(ed.span(first.key).start(), format!("{args}{}", ed.new_line(indent))),
        }])
    }

    /// The end of the line of the last entry that is no block scalar: behind one of those, a new line could become a
    /// part of it or change what it ends with.
    fn last_line(&self, entries: &[Entry]) -> Option<usize> {
        let ed = self.editor;
        let block = |e: &&Entry| {
            !matches!(ed.scalar_style(e.value), Some(ScalarStyle::Literal | ScalarStyle::Folded))
        };
        let last = entries.iter().rev().find(block)?;
        Some(ed.line_end(ed.span(last.value).end()))
    }

    fn args(&self, build: Entry, args: Entry) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let node = ed.tree.node(args.value);
        match &node.kind {
            Kind::Alias { .. } => {
                refuse(node.span, "`args` is an alias: other services would change with it")
            }
            _ if node.anchor.is_some() && self.is_used(args.value) => {
                refuse(node.span, "others use these `args` by an alias: they would change with them")
            }
            Kind::Mapping { entries, style: Style::Block } => self.block_map(entries),
            Kind::Mapping { entries, style: Style::Flow } => {
                let (key, value) = self.styles(entries);
                self.grow_flow(args.value, &self.pair(key, value, Style::Flow))
            }
            Kind::Sequence { items, style } => self.list(args.value, items, *style),
            Kind::Scalar { .. } if ed.tree.is_null(args.value) => self.null(build, args),
            Kind::Scalar { .. } => refuse(node.span, "`args` is neither a mapping nor a list"),
        }
    }

    fn is_used(&self, target: NodeId) -> bool {
        self.editor.tree.nodes().any(|(_, n)| n.kind == Kind::Alias { target })
    }

    fn styles(&self, entries: &[Entry]) -> (Option<ScalarStyle>, Option<ScalarStyle>) {
        let last = entries.iter().rev().find(|&&e| !self.editor.tree.is_merge(e));
        let style = |node: NodeId| self.editor.scalar_style(node);
        (last.and_then(|e| style(e.key)), last.and_then(|e| style(e.value)))
    }

    fn block_map(&self, entries: &[Entry]) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let Some(first) = entries.first() else { return refuse(Span::point(0), "the mapping is empty") };
        let indent = ed.indent(first.key)?;
        let (key, value) = self.styles(entries);
        let pair = self.pair(key, value, Style::Block);
        Ok(vec![match self.last_line(entries) {
            Some(at) => Edit::insert(at, format!("{}{pair}", ed.new_line(indent))),
            None => Edit::insert(ed.span(first.key).start(), format!("{pair}{}", ed.new_line(indent))),
        }])
    }

    fn list(&self, args: NodeId, items: &[NodeId], style: Style) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let like = items.last().and_then(|&item| ed.scalar_style(item));
        let argument = quote::like(&format!("{}={}", self.name, self.value), quotes(like), style);
        if style == Style::Flow {
            return self.grow_flow(args, &argument);
        }
        let (Some(&first), Some(&last)) = (items.first(), items.last()) else {
            return refuse(ed.span(args), "the list is empty");
        };
        if matches!(like, Some(ScalarStyle::Literal | ScalarStyle::Folded)) {
            return refuse(ed.span(last), "the last entry is a block of lines: change it by hand");
        }
        let at = ed.tree.node(first).outer_start();
        let lead = &ed.text[ed.line_start(at)..at];
        if !is_dash(lead) {
            return refuse(
                ed.span(first),
                "something else stands on the line of the first entry: change it by hand",
            );
        }
        Ok(vec![Edit::insert(ed.line_end(ed.span(last).end()), format!("{}{lead}{argument}", ed.newline))])
    }

    fn grow_flow(&self, collection: NodeId, what: &str) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let span = ed.span(collection);
        let last = match &ed.tree.node(collection).kind {
            Kind::Mapping { entries, .. } => entries.last().map(|e| ed.span(e.value)),
            Kind::Sequence { items, .. } => items.last().map(|&item| ed.span(item)),
            Kind::Scalar { .. } | Kind::Alias { .. } => None,
        };
        if let Some(last) = last {
            return Ok(vec![Edit::insert(last.end(), format!(", {what}"))]);
        }
        let inner = Span::new(span.start() + 1, span.end() - 1);
        if ed.text[inner.range()].contains(['\n', '#']) {
            return refuse(span, "the collection is empty but for comments: change it by hand");
        }
        Ok(vec![Edit::replace(inner, what)])
    }

    /// `args:` with nothing, or null, behind it.
    fn null(&self, build: Entry, args: Entry) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let node = ed.tree.node(args.value);
        if node.tag.is_some() || node.anchor.is_some() {
            return refuse(node.span, "the value has a tag or an anchor: change it by hand");
        }
        let key_style = ed.scalar_style(args.key);
        if ed.style(build.value) == Some(Style::Flow) {
            let colon = ed.after_colon(args.key)?;
            let pair = self.pair(key_style, quotes(key_style), Style::Flow);
            return Ok(vec![Edit::replace(Span::new(colon, node.span.end()), format!(" {{{pair}}}"))]);
        }
        let colon = ed.after_colon(args.key)?;
        let end = ed.line_end(colon);
        if end < node.span.end() {
            return refuse(node.span, "the value does not stand on the line of its key: change it by hand");
        }
        let indent = ed.indent(args.key)?;
        let step = ed.indent(build.key).ok().and_then(|key| indent.checked_sub(key)).filter(|&s| s > 0);
        let pair = self.pair(key_style, None, Style::Block);
        let line = Edit::insert(end, format!("{}{pair}", ed.new_line(indent + step.unwrap_or(STEP))));
        let written = Span::new(colon, node.span.end());
        Ok(if written.is_empty() {
            vec![line]
        } else if end == node.span.end() {
            vec![Edit::replace(written, line.text)]
        } else {
            vec![Edit::replace(written, ""), line]
        })
    }
}

/// Quotes are taken over, other styles are not.
fn quotes(style: Option<ScalarStyle>) -> Option<ScalarStyle> {
    style.filter(|s| matches!(s, ScalarStyle::Single | ScalarStyle::Double))
}
