//! How one entry more of `build` is written: in the style of what is there, at its anchor or in the service itself.

use super::{Editor, Refused, is_dash, quote, refuse};
use crate::{
    model::compose::{Build, Service},
    syntax::yaml::{Effective, Entry, Kind, NodeId, ScalarStyle, Style},
    text::{Edit, Span},
};

/// Indentation of a file that shows none.
const STEP: usize = 2;

/// What is added.
#[derive(Clone, Copy)]
pub(super) enum New<'a> {
    /// An argument of the build.
    Arg {
        /// Its name.
        name: &'a str,
        /// Its value.
        value: &'a str,
    },
    /// `pull: true`
    Pull,
}

/// Which text is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where the value is written: at the anchor, for all who take it by an alias or a merge.
    Source,
    /// In the service, which takes the shared value along by a merge.
    Service,
}

pub(super) struct Adder<'a> {
    pub(super) editor: &'a Editor<'a>,
    pub(super) new: New<'a>,
}

impl Adder<'_> {
    pub(super) fn edits(&self, service: &Service, build: &Build, place: Place) -> Result<Vec<Edit>, Refused> {
        match place {
            Place::Source => self.at_source(service, build),
            Place::Service => self.in_service(service, build),
        }
    }

    fn at_source(&self, service: &Service, build: &Build) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let Some(written) = ed.tree.get(service.node, "build") else {
            return refuse(build.key.span, "`build` is not written in the file");
        };
        let entry = Entry { key: written.key, value: ed.tree.resolve(written.value) };
        if ed.tree.entries(entry.value).is_none() {
            if ed.tree.is_alias(written.value) {
                return refuse(build.key.span, "`build` is an alias: other services would change with it");
            }
            return self.wrap(service, entry, "context", &self.inner(None));
        }
        match self.args_of(entry.value) {
            Some(args) => self.args(service, entry, args),
            None => self.mapping(service, entry, None),
        }
    }

    fn in_service(&self, service: &Service, build: &Build) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let Some(entry) = ed.own(service.node, "build") else {
            return refuse(build.key.span, "`build` comes from a merge: other services would change with it");
        };
        let args = self.args_of(entry.value);
        if ed.tree.is_alias(entry.value) {
            let over = args.map(|args| self.anchor(args.value)).transpose()?;
            let key = if ed.tree.entries(entry.value).is_some() { "<<" } else { "context" };
            return self.wrap(service, entry, key, &self.inner(over));
        }
        match (ed.own(entry.value, "args"), args) {
            (Some(own), Some(_)) if ed.tree.is_alias(own.value) => {
                self.anchor(own.value)?;
                self.wrap(service, own, "<<", &Inner::Pair)
            }
            (Some(own), Some(_)) => {
                refuse(ed.span(own.value), "others use these `args` by an alias: they would change with them")
            }
            (None, Some(merged)) => self.mapping(service, entry, Some(self.anchor(merged.value)?)),
            (_, None) => self.mapping(service, entry, None),
        }
    }

    /// The `args` that an argument goes to.
    fn args_of(&self, build: NodeId) -> Option<Effective> {
        match self.new {
            New::Arg { .. } => self.editor.tree.get(build, "args"),
            New::Pull => None,
        }
    }

    /// The name by which shared `args` can be merged into own ones.
    fn anchor(&self, args: NodeId) -> Result<&str, Refused> {
        let tree = self.editor.tree;
        let node = tree.node(tree.resolve(args));
        match (&node.kind, &node.anchor) {
            (Kind::Mapping { .. }, Some(anchor)) => Ok(&anchor.value),
            (Kind::Mapping { .. }, None) => {
                refuse(node.span, "`args` comes from a merge: own ones would hide those")
            }
            _ => refuse(node.span, "the shared `args` are a list, which nothing can be merged into"),
        }
    }

    fn inner<'a>(&self, over: Option<&'a str>) -> Inner<'a> {
        match self.new {
            New::Arg { .. } => Inner::Args { over },
            New::Pull => Inner::Pair,
        }
    }

    /// How much deeper the service's keys stand than its name: the file's step.
    fn step(&self, service: &Service, key: NodeId) -> usize {
        let ed = self.editor;
        let at = service.name.at.span.start();
        let name = ed.text[ed.line_start(at)..at].len();
        let deeper = ed.indent(key).ok().and_then(|key| key.checked_sub(name)).filter(|&step| step > 0);
        // An anchor's value stands elsewhere: there the first step of the file is as good as any.
        let elsewhere = (ed.text[ed.line_start(at)..at].trim_start_matches(' ').is_empty()).then_some(name);
        deeper.or(elsewhere).filter(|&step| step > 0).unwrap_or(STEP)
    }

    /// `NAME: value` or `pull: true`.
    fn pair(&self, key_style: Option<ScalarStyle>, value_style: Option<ScalarStyle>, place: Style) -> String {
        let (name, value) = match self.new {
            New::Arg { name, value } => (name, quote::like(value, quotes(value_style), place)),
            // With quotes it would be a string.
            New::Pull => ("pull", "true".to_owned()),
        };
        format!("{}: {value}", quote::like(name, quotes(key_style), place))
    }

    /// What a mapping gets, inside of flow style.
    fn flow(&self, inner: &Inner<'_>, key_style: Option<ScalarStyle>) -> String {
        let pair = self.pair(key_style, quotes(key_style), Style::Flow);
        let Inner::Args { over } = inner else { return pair };
        let merge = over.map(|anchor| format!("<<: *{anchor}, ")).unwrap_or_default();
        format!("{}: {{{merge}{pair}}}", quote::like("args", quotes(key_style), Style::Flow))
    }

    /// The same on lines of its own.
    fn block(&self, inner: &Inner<'_>, key_style: Option<ScalarStyle>, indent: usize, step: usize) -> String {
        let pair = self.pair(key_style, None, Style::Block);
        let Inner::Args { over } = inner else { return pair };
        let line = self.editor.new_line(indent + step);
        let merge = over.map(|anchor| format!("{line}<<: *{anchor}")).unwrap_or_default();
        format!("{}:{merge}{line}{pair}", quote::like("args", quotes(key_style), Style::Block))
    }

    /// A single value as a mapping: `key: VALUE`, and what is new.
    fn wrap(
        &self,
        service: &Service,
        entry: Entry,
        key: &str,
        inner: &Inner<'_>,
    ) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let node = ed.tree.node(entry.value);
        let key_style = ed.scalar_style(entry.key);
        if node.tag.is_some() || node.anchor.is_some() {
            return refuse(node.span, "the value has a tag or an anchor: change it by hand");
        }
        // A merge is one only without quotes.
        let lead = |place| {
            if key == "<<" { key.to_owned() } else { quote::like(key, quotes(key_style), place) }
        };
        if self.holder(entry.key) == Style::Flow {
            return Ok(vec![
                Edit::insert(node.span.start(), format!("{{{}: ", lead(Style::Flow))),
                Edit::insert(node.span.end(), format!(", {}}}", self.flow(inner, key_style))),
            ]);
        }
        let colon = ed.after_colon(entry.key)?;
        if ed.line_end(colon) < node.span.end() {
            return refuse(node.span, "the value does not end on the line of its key: change it by hand");
        }
        // The service's own keys tell the file's step, whatever is wrapped.
        let own = ed.own(service.node, "build").map_or(entry.key, |build| build.key);
        let step = self.step(service, own);
        let indent = ed.indent(entry.key)? + step;
        let line = ed.new_line(indent);
        Ok(vec![
            Edit::replace(Span::new(colon, node.span.start()), format!("{line}{}: ", lead(Style::Block))),
            Edit::insert(
                ed.line_end(node.span.end()),
                format!("{line}{}", self.block(inner, key_style, indent, step)),
            ),
        ])
    }

    /// The style of the mapping that a key stands in.
    fn holder(&self, key: NodeId) -> Style {
        let flow = self.editor.tree.nodes().any(|(_, node)| {
            matches!(&node.kind, Kind::Mapping { entries, style: Style::Flow } if entries.iter().any(|e| e.key == key))
        });
        if flow { Style::Flow } else { Style::Block }
    }

    /// A mapping without `args` of its own.
    fn mapping(&self, service: &Service, build: Entry, over: Option<&str>) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let entries = ed.tree.entries(build.value).unwrap_or_default();
        let inner = self.inner(over);
        let key_style = entries.iter().find(|e| !ed.tree.is_merge(**e)).and_then(|e| ed.scalar_style(e.key));
        if ed.style(build.value) == Some(Style::Flow) {
            return self.grow_flow(build.value, &self.flow(&inner, key_style));
        }
        let Some(first) = entries.first() else {
            return refuse(ed.span(build.value), "the mapping is empty");
        };
        let indent = ed.indent(first.key)?;
        let step = ed.indent(build.key).ok().and_then(|key| indent.checked_sub(key)).filter(|&s| s > 0);
        let step = step.unwrap_or_else(|| self.step(service, build.key));
        let entry = self.block(&inner, key_style, indent, step);
        Ok(vec![match self.last_line(entries) {
            Some(at) => Edit::insert(at, format!("{}{entry}", ed.new_line(indent))),
            None => Edit::insert(ed.span(first.key).start(), format!("{entry}{}", ed.new_line(indent))),
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

    fn args(&self, service: &Service, build: Entry, args: Effective) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let value = ed.tree.resolve(args.value);
        let node = ed.tree.node(value);
        match &node.kind {
            Kind::Mapping { entries, style: Style::Block } => self.block_map(entries),
            Kind::Mapping { entries, style: Style::Flow } => {
                let (key, style) = self.styles(entries);
                self.grow_flow(value, &self.pair(key, style, Style::Flow))
            }
            Kind::Sequence { items, style } => self.list(value, items, *style),
            Kind::Scalar { .. } if ed.tree.is_null(value) => {
                self.null(service, build, Entry { key: args.key, value })
            }
            Kind::Scalar { .. } | Kind::Alias { .. } => {
                refuse(node.span, "`args` is neither a mapping nor a list")
            }
        }
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
        let New::Arg { name, value } = self.new else {
            return refuse(ed.span(args), "only an argument goes into the list");
        };
        let argument = quote::like(&format!("{name}={value}"), quotes(like), style);
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
    fn null(&self, service: &Service, build: Entry, args: Entry) -> Result<Vec<Edit>, Refused> {
        let ed = self.editor;
        let node = ed.tree.node(args.value);
        if node.tag.is_some() || node.anchor.is_some() {
            return refuse(node.span, "the value has a tag or an anchor: change it by hand");
        }
        let key_style = ed.scalar_style(args.key);
        let colon = ed.after_colon(args.key)?;
        if self.holder(args.key) == Style::Flow {
            let pair = self.pair(key_style, quotes(key_style), Style::Flow);
            return Ok(vec![Edit::replace(Span::new(colon, node.span.end()), format!(" {{{pair}}}"))]);
        }
        let end = ed.line_end(colon);
        if end < node.span.end() {
            return refuse(node.span, "the value does not stand on the line of its key: change it by hand");
        }
        let indent = ed.indent(args.key)?;
        let step = ed.indent(build.key).ok().and_then(|key| indent.checked_sub(key)).filter(|&s| s > 0);
        let step = step.unwrap_or_else(|| self.step(service, build.key));
        let pair = self.pair(key_style, None, Style::Block);
        let line = Edit::insert(end, format!("{}{pair}", ed.new_line(indent + step)));
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

/// What a mapping gets.
enum Inner<'a> {
    /// `args:` with the argument, over shared ones of that anchor.
    Args { over: Option<&'a str> },
    /// The new entry itself.
    Pair,
}

/// Quotes are taken over, other styles are not.
fn quotes(style: Option<ScalarStyle>) -> Option<ScalarStyle> {
    style.filter(|s| matches!(s, ScalarStyle::Single | ScalarStyle::Double))
}
