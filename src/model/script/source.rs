//! Shell text with its way back to the file: parts of files, quoted words, heredocs and YAML scalars.

use std::ops::Range;

use crate::{
    syntax::{
        offsets::Joined,
        yaml::{Kind, NodeId, ScalarStyle, Tree},
    },
    text::Span,
};

/// A shell text.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The text and its map.
    pub(super) text: Joined,
    /// The place of all of it, where the map means nothing.
    pub(super) whole: Option<Span>,
}

impl Source {
    /// A piece of the file as it stands there.
    pub(super) fn piece(text: &str, at: usize) -> Self {
        let mut joined = Joined::default();
        joined.push(text, at);
        Self { text: joined, whole: None }
    }

    /// Text that stands nowhere in the file byte for byte.
    pub(super) fn inexact(text: &str, whole: Span) -> Self {
        Self { whole: Some(whole), ..Self::piece(text, 0) }
    }

    /// The place of a span that the parser of this text gave.
    pub(super) fn place(&self, span: Span) -> Span {
        self.whole.unwrap_or(span)
    }

    /// The bytes of this text behind a span of the file.
    pub(super) fn range(&self, span: Span) -> Range<usize> {
        let map = self.text.map();
        let length = self.text.text().len();
        let start = map.offset(span.start()).min(length);
        let end = if span.is_empty() { start } else { map.offset(span.end() - 1).saturating_add(1) };
        start..end.clamp(start, length)
    }

    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        Self { text: self.text.slice(range), whole: self.whole }
    }

    /// Words without their quotes, joined by spaces: what `ssh` and `sh -c` hand to the next shell. Variables stay.
    pub(super) fn unquoted(&self, words: &[Span]) -> Self {
        let mut out = Joined::default();
        for (index, word) in words.iter().enumerate() {
            let range = self.range(*word);
            if index > 0 {
                out.push(" ", self.text.map().place(range.start).saturating_sub(1));
            }
            unquote(&self.text, range, &mut out);
        }
        Self { text: out, whole: self.whole }
    }
}

fn unquote(text: &Joined, range: Range<usize>, out: &mut Joined) {
    let mut quote = None;
    let mut skip = false;
    for (offset, c) in text.text()[range.clone()].char_indices() {
        let at = range.start + offset;
        let next = text.text()[at + c.len_utf8()..range.end].chars().next();
        if !skip {
            match (quote, c) {
                (None, '\'' | '"') => {
                    quote = Some(c);
                    continue;
                }
                (Some(open), c) if open == c => {
                    quote = None;
                    continue;
                }
                (None, '\\') => {
                    skip = true;
                    continue;
                }
                (Some('"'), '\\') if matches!(next, Some('"' | '\\' | '$' | '`')) => {
                    skip = true;
                    continue;
                }
                _ => {}
            }
        }
        skip = false;
        out.push(&text.text()[at..at + c.len_utf8()], text.map().place(at));
    }
}

/// The text of a scalar: exact for literal blocks and for what stands on one line without escapes.
pub(super) fn scalar(text: &str, tree: &Tree, node: NodeId) -> Option<Source> {
    let node = tree.node(tree.resolve(node));
    let Kind::Scalar { text: value, style } = &node.kind else { return None };
    let written = text.get(node.span.range())?;
    let exact = match style {
        ScalarStyle::Plain => (written == value).then(|| Source::piece(written, node.span.start())),
        ScalarStyle::Single | ScalarStyle::Double => written
            .get(1..written.len().saturating_sub(1))
            .filter(|inner| inner == value)
            .map(|inner| Source::piece(inner, node.span.start() + 1)),
        ScalarStyle::Literal => literal(written, node.span.start(), value),
        ScalarStyle::Folded => None,
    };
    Some(exact.unwrap_or_else(|| Source::inexact(value, node.span)))
}

/// The lines of a literal block without their indentation; `None` if they are not what the parser read.
fn literal(written: &str, at: usize, value: &str) -> Option<Source> {
    let header = written.find('\n')? + 1;
    let body = &written[header..];
    let indent =
        body.lines().find(|l| !l.trim().is_empty()).map(|l| l.len() - l.trim_start_matches(' ').len())?;
    // The first line may be indented more than the block, which then says so in its header.
    let indent = written[..header].chars().find_map(|c| c.to_digit(10)).map_or(indent, |_| {
        let first = value.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
        indent.saturating_sub(first.len() - first.trim_start_matches(' ').len())
    });
    let mut joined = Joined::default();
    let mut start = at + header;
    for line in body.split_inclusive('\n') {
        let blank = line.len() - line.trim_start_matches(' ').len();
        let cut = blank.min(indent);
        joined.push(&line[cut..], start + cut);
        start += line.len();
    }
    let same = joined.text().replace('\r', "").trim_end() == value.replace('\r', "").trim_end();
    same.then_some(Source { text: joined, whole: None })
}
