//! From parser events to the tree: spans, duplicate keys, merge keys and the limits.

use std::{borrow::Cow, collections::HashMap};

use granit_parser::{Event, Parser, ScalarStyle as Given, Span as At, StructureStyle};

use super::{
    Duplicate, Entry, Kind, MAX_DEPTH, MAX_EXPANDED, MAX_NODES, Node, NodeId, ScalarStyle, Style, Tree,
    message,
};
use crate::{
    syntax::SyntaxError,
    text::{LineIndex, Span, Spanned},
};

/// A long scalar counts as several nodes, so that aliases of one cannot unfold to more bytes than aliases of many.
const BYTES_PER_NODE: u64 = 256;

/// A collection that is still being read.
struct Open {
    node: NodeId,
    /// The key that waits for its value.
    key: Option<NodeId>,
}

struct Builder<'t> {
    text: &'t str,
    /// Whether [`MARK`] was replaced.
    replaced: bool,
    tree: Tree,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    /// How many nodes each node stands for once aliases are replaced.
    sizes: Vec<u64>,
    /// Where the last node, collection end or mark ended.
    last_end: usize,
    documents: usize,
}

/// A mark that starts no text is a character like any other to go-yaml; the parser refuses it, so it reads this one
/// instead, which is as long.
const MARK: (char, &str) = ('\u{feff}', "\u{f8ff}");

pub(super) fn parse(text: &str) -> Tree {
    let mut readable = Cow::Borrowed(text);
    if text.char_indices().any(|(at, c)| at > 0 && c == MARK.0) {
        let start = if text.starts_with(MARK.0) { MARK.0.len_utf8() } else { 0 };
        readable = Cow::Owned(format!("{}{}", &text[..start], text[start..].replace(MARK.0, MARK.1)));
    }
    let replaced = matches!(readable, Cow::Owned(_));
    let options = granit_parser::options! {
        emit_anchor_events: true,
        block_scalar_eof_without_line_feed: true,
        max_buffered_comment_events: usize::MAX,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        text,
        replaced,
        tree: Tree::default(),
        open: Vec::new(),
        anchors: HashMap::new(),
        sizes: Vec::new(),
        last_end: 0,
        documents: 0,
    };
    let mut failed = None;
    for next in Parser::new_from_str_with_options(&readable, options) {
        let step = match next {
            Ok((event, at)) => builder.event(event, &at),
            Err(error) => Err(message::explain(&error, text)),
        };
        if let Err(error) = step {
            failed = Some(error);
            break;
        }
    }
    match failed {
        Some(error) => Tree { errors: vec![error], ..Tree::default() },
        None => builder.finish(),
    }
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, at: &At) -> Result<(), SyntaxError> {
        let span = self.span(at);
        if let Event::DocumentStart(..) = event {
            self.documents += 1;
            if self.documents > 1 {
                self.tree.more_documents.push(span);
            }
        }
        if let Event::Comment(..) = event {
            self.tree.comments.push(span);
        }
        if self.documents != 1 {
            return Ok(());
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = if self.replaced {
                    text.replace(MARK.1, MARK.0.encode_utf8(&mut [0; 3]))
                } else {
                    text.into_owned()
                };
                let (text, style) = scalar(text, style, span.is_empty(), tag.is_some());
                let span = self.scalar_span(span, style, text.trim().is_empty());
                self.last_end = span.end();
                let weight = 1 + text.len() as u64 / BYTES_PER_NODE;
                let node = self.add(Kind::Scalar { text, style }, span, at)?;
                self.sizes[node.0 as usize] = weight;
                self.note_anchor(anchor, node);
                self.place(node)?;
            }
            Event::SequenceStart(style, anchor, _) => {
                self.open(Kind::Sequence { items: Vec::new(), style: style_of(style) }, span, at, anchor)?;
            }
            Event::MappingStart(style, anchor, _) => {
                self.open(Kind::Mapping { entries: Vec::new(), style: style_of(style) }, span, at, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(anchor) => {
                self.last_end = span.end();
                self.alias(anchor, span)?;
            }
            Event::Anchor(id, name) => {
                // The scalar may have been placed already; its node is known all the same.
                if let Some(&node) = self.anchors.get(&id) {
                    self.tree.nodes[node.0 as usize].anchor = Some(Spanned::new(name.into_owned(), span));
                }
                self.last_end = self.last_end.max(span.end());
            }
            _ => {}
        }
        Ok(())
    }

    fn span(&self, at: &At) -> Span {
        let edge =
            |byte: Option<usize>| self.text.floor_char_boundary(byte.unwrap_or(0).min(self.text.len()));
        let start = edge(at.start.byte_offset());
        Span::new(start, edge(at.end.byte_offset()).max(start))
    }

    fn add(&mut self, kind: Kind, span: Span, at: &At) -> Result<NodeId, SyntaxError> {
        if self.tree.nodes.len() >= MAX_NODES {
            let message = format!("more than {MAX_NODES} values, which Compose refuses: split the file");
            return Err(SyntaxError { span, message });
        }
        let tag = at.tag_span().map(|tag| {
            let span = self.span(&tag);
            Spanned::new(self.text[span.range()].to_owned(), span)
        });
        let id = NodeId(u32::try_from(self.tree.nodes.len()).expect("MAX_NODES fits"));
        if let Some(tag) = &tag {
            self.last_end = self.last_end.max(tag.span.end());
        }
        self.tree.nodes.push(Node { kind, span, tag, anchor: None });
        self.sizes.push(1);
        Ok(id)
    }

    fn note_anchor(&mut self, anchor: usize, node: NodeId) {
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
    }

    fn open(&mut self, kind: Kind, span: Span, at: &At, anchor: usize) -> Result<(), SyntaxError> {
        let node = self.add(kind, span, at)?;
        self.note_anchor(anchor, node);
        self.last_end = self.last_end.max(span.end());
        self.open.push(Open { node, key: None });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), SyntaxError> {
        let Some(Open { node, .. }) = self.open.pop() else { return Ok(()) };
        let node_ref = &mut self.tree.nodes[node.0 as usize];
        let flow = matches!(
            node_ref.kind,
            Kind::Sequence { style: Style::Flow, .. } | Kind::Mapping { style: Style::Flow, .. }
        );
        if flow {
            self.last_end = self.last_end.max(end.end());
        }
        // A block collection ends with its last value: the parser's end lies behind blank lines and comments.
        let start = node_ref.span.start();
        node_ref.span = Span::new(start, self.last_end.max(start));
        self.place(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), SyntaxError> {
        let name = &self.text[span.range()];
        let Some(&target) = self.anchors.get(&anchor) else {
            return Err(SyntaxError {
                span,
                message: format!("`{name}` has no anchor above it: define it first"),
            });
        };
        if self.open.iter().any(|open| open.node == target) {
            let message = format!("`{name}` stands inside the value that it stands for: take it out");
            return Err(SyntaxError { span, message });
        }
        let at = At::default();
        let node = self.add(Kind::Alias { target }, span, &at)?;
        self.sizes[node.0 as usize] = self.sizes[target.0 as usize].saturating_add(1);
        self.place(node)
    }

    /// Puts a complete node into the collection around it.
    fn place(&mut self, node: NodeId) -> Result<(), SyntaxError> {
        let size = self.sizes[node.0 as usize];
        if size > MAX_EXPANDED {
            let message = format!(
                "aliases unfold to more than {MAX_EXPANDED} values, which Compose refuses: write the values out"
            );
            return Err(SyntaxError { span: self.tree.node(node).span, message });
        }
        let Some(parent) = self.open.last_mut() else {
            self.tree.root = Some(node);
            return Ok(());
        };
        let at = parent.node.0 as usize;
        self.sizes[at] = self.sizes[at].saturating_add(size);
        match &mut self.tree.nodes[at].kind {
            Kind::Sequence { items, .. } => items.push(node),
            Kind::Mapping { entries, .. } => match parent.key.take() {
                None => parent.key = Some(node),
                Some(key) => entries.push(Entry { key, value: node }),
            },
            Kind::Scalar { .. } | Kind::Alias { .. } => {}
        }
        Ok(())
    }

    /// The parser gives block scalars from their first content byte to the next token; ours go from the header to the
    /// end of the last line that is not blank.
    fn scalar_span(&self, span: Span, style: ScalarStyle, blank: bool) -> Span {
        if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            let is_value = self.open.last().is_some_and(|open| open.key.is_some());
            let missing = span.is_empty() && is_value;
            return if missing { Span::point(self.behind_colon(span.start())) } else { span };
        }
        let indicator = if style == ScalarStyle::Literal { '|' } else { '>' };
        let from = self.last_end.min(span.start());
        // Where the text ends behind the header, the parser gives the header itself. Content that starts with the same
        // character is no blank.
        let is_header = blank && !span.is_empty() && self.text[span.range()].starts_with(indicator);
        let start = if is_header { None } else { block_header(&self.text[from..span.start()], indicator) }
            .map_or(span.start(), |at| from + at);
        let body = &self.text[start..span.end()];
        let mut end = body.len();
        while let Some(newline) = body[..end].rfind('\n') {
            if !body[newline..end].trim().is_empty() {
                break;
            }
            end = newline;
        }
        let end = start + body[..end].strip_suffix('\r').unwrap_or(&body[..end]).len();
        Span::new(start, end)
    }

    /// The parser puts a value that is not there right behind its key.
    fn behind_colon(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if rest[blanks..].starts_with(':') { at + blanks + 1 } else { at }
    }

    fn finish(mut self) -> Tree {
        self.check_mappings();
        self.tree
    }

    fn check_mappings(&mut self) {
        let lines = LineIndex::new(self.text);
        let (mut duplicates, mut errors) = (Vec::new(), Vec::new());
        for node in &self.tree.nodes {
            let Kind::Mapping { entries, .. } = &node.kind else { continue };
            let mut seen: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
            for &entry in entries {
                if self.tree.is_merge(entry) && !self.mergeable(entry.value) {
                    let message = "`<<` takes a mapping or a list of mappings: name an anchored mapping here";
                    let span = self.tree.node(entry.value).span;
                    errors.push(SyntaxError { span, message: message.to_owned() });
                }
                let second = self.tree.node(entry.key).span;
                let Some(key) = self.tree.scalar(entry.key) else { continue };
                let Some(&first) = seen.get(key) else {
                    seen.insert(key, second);
                    continue;
                };
                duplicates.push(Duplicate { first, second });
                let message = format!(
                    "the key `{}` is already there on line {}: remove one of the two",
                    message::shorten(key),
                    lines.line(first.start())
                );
                errors.push(SyntaxError { span: second, message });
            }
        }
        errors.sort_by_key(|e| e.span);
        self.tree.duplicates = duplicates;
        self.tree.errors.extend(errors);
    }

    fn mergeable(&self, value: NodeId) -> bool {
        let mapping = |id: NodeId| self.tree.entries(id).is_some();
        mapping(value) || self.tree.items(value).is_some_and(|items| items.iter().all(|&item| mapping(item)))
    }
}

fn style_of(style: StructureStyle) -> Style {
    match style {
        StructureStyle::Block => Style::Block,
        StructureStyle::Flow => Style::Flow,
    }
}

/// The parser writes `~` for a value that is not there.
fn scalar(text: String, style: Given, nothing_written: bool, tagged: bool) -> (String, ScalarStyle) {
    match style {
        Given::Plain if nothing_written || (tagged && text.is_empty()) => (String::new(), ScalarStyle::Plain),
        Given::Plain => (text, ScalarStyle::Plain),
        Given::SingleQuoted => (text, ScalarStyle::Single),
        Given::DoubleQuoted => (text, ScalarStyle::Double),
        Given::Literal => (text, ScalarStyle::Literal),
        Given::Folded => (text, ScalarStyle::Folded),
    }
}

/// Where `indicator` stands in the text between the last token and the content of a block scalar: the header is the last
/// line there that is not blank, and only indentation, chomping and a comment follow the indicator on it.
fn block_header(between: &str, indicator: char) -> Option<usize> {
    let text = between.trim_end();
    let start = text.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let line = &text[start..];
    let comment = line
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|&at| at == 0 || line[..at].ends_with([' ', '\t', '\u{feff}']))
        .unwrap_or(line.len());
    let header = line[..comment].trim_end().trim_end_matches(|c: char| matches!(c, '+' | '-' | '0'..='9'));
    header.strip_suffix(indicator).map(|before| start + before.len())
}
