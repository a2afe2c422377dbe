//! The ways in which BuildKit splits a line: flags, words, quoted words, JSON arrays.

use std::ops::Range;

use super::Flag;
use crate::{syntax::offsets::Joined, text::Spanned};

/// What separates words (`[\t\v\f\r ]`).
pub(super) const WHITE: [char; 5] = ['\t', '\u{b}', '\u{c}', '\r', ' '];

/// Whether a byte is white space where BuildKit reads byte by byte, each byte a Latin-1 character: the second byte of
/// `à` is one.
pub(super) fn is_white_byte(byte: u8) -> bool {
    char::from(byte).is_whitespace()
}

/// The flags at the start of `range`, and what is left. A flag starts with `--`; quotes and escapes are removed;
/// `--` alone ends them.
pub(super) fn flags(joined: &Joined, range: Range<usize>, escape: char) -> (Vec<Flag>, Range<usize>) {
    let text = joined.text();
    let mut flags = Vec::new();
    let mut at = range.start;
    loop {
        let white = |c: char| c.is_ascii() && c.is_whitespace();
        let start = range.end - text[at..range.end].trim_start_matches(white).len();
        if !text[start..range.end].starts_with("--") {
            return (flags, start..range.end);
        }
        let (flag, quoted, end) = flag(joined, start..range.end, escape);
        if flag.as_read == "--" {
            return (flags, end..range.end);
        }
        if quoted || !flag.as_read.is_empty() {
            flags.push(flag);
        }
        at = end;
    }
}

/// One flag from the start of `range`, whether it had quotes, and where it ends.
fn flag(joined: &Joined, range: Range<usize>, escape: char) -> (Flag, bool, usize) {
    let text = joined.text();
    let mut flag = Flag { text: Joined::default(), as_read: String::new(), span: joined.span(&range) };
    let (mut quote, mut quoted) = (None, false);
    let mut end = range.end;
    let mut chars = text[range.clone()].char_indices();
    while let Some((at, mut c)) = chars.next() {
        let mut at = range.start + at;
        match quote {
            None if c.is_ascii() && c.is_whitespace() => {
                end = at;
                break;
            }
            None if c == '\'' || c == '"' => {
                (quote, quoted) = (Some(c), true);
                continue;
            }
            Some(open) if c == open => {
                quote = None;
                continue;
            }
            _ => {}
        }
        if c == escape {
            // An escape at the end is dropped.
            let Some((next, escaped)) = chars.next() else { continue };
            (at, c) = (range.start + next, escaped);
        }
        let bytes = &text.as_bytes()[at..at + c.len_utf8()];
        if c.is_ascii() || quote.is_some() || !bytes.iter().copied().any(is_white_byte) {
            flag.text.push(&text[at..at + c.len_utf8()], joined.map().place(at));
            flag.as_read.extend(bytes.iter().copied().map(char::from));
        } else {
            flag.as_read
                .extend(bytes.iter().copied().take_while(|&byte| !is_white_byte(byte)).map(char::from));
            end = at + c.len_utf8();
            break;
        }
    }
    flag.span = joined.span(&(range.start..end));
    (flag, quoted, end)
}

/// Words between white space, quotes not understood.
pub(super) fn plain_words(rest: &Joined) -> Vec<Spanned<String>> {
    let text = rest.text();
    let mut words = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = text[at..].find(WHITE).map_or(text.len(), |n| at + n);
        words.push(Spanned::new(text[at..end].to_owned(), rest.span(&(at..end))));
        at = text.len() - text[end..].trim_start_matches(WHITE).len();
    }
    words
}

/// Words between white space that is neither quoted nor escaped; quotes stay.
pub(super) fn quoted_words(rest: &Joined, escape: char) -> Vec<Spanned<String>> {
    quoted_ranges(rest.text(), escape)
        .into_iter()
        .map(|range| Spanned::new(rest.text()[range.clone()].to_owned(), rest.span(&range)))
        .collect()
}

/// Where the words of ENV, LABEL and ARG stand: white space that is quoted or escaped does not end one. An escape
/// character at the very end belongs to no word.
pub fn quoted_ranges(text: &str, escape: char) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut end = text.len();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(start.take().map(|from| from..at));
            continue;
        }
        start.get_or_insert(at);
        if c == escape && quote != Some('\'') {
            if chars.next().is_none() {
                end = at;
            }
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && (c == '\'' || c == '"') {
            quote = Some(c);
        }
    }
    words.extend(start.map(|from| from..end).filter(|range| !range.is_empty()));
    words
}

/// A field of a comma-separated value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvField {
    /// Its text, quotes removed.
    pub value: String,
    /// Where it stands in the text, without its quotes.
    pub range: Range<usize>,
}

/// Splits `--mount` values as BuildKit does: commas, a field in double quotes may contain them, `""` in it is a quote.
/// `None` if the quotes do not match, and for an empty text.
pub fn csv_fields(text: &str) -> Option<Vec<CsvField>> {
    if text.is_empty() {
        return None;
    }
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let end = if text[at..].starts_with('"') {
            let mut value = String::new();
            let start = at + 1;
            at = start;
            loop {
                let quote = at + text[at..].find('"')?;
                value.push_str(&text[at..quote]);
                at = quote + 1;
                if !text[at..].starts_with('"') {
                    break;
                }
                value.push('"');
                at += 1;
            }
            fields.push(CsvField { value, range: start..at - 1 });
            at
        } else {
            let end = text[at..].find(',').map_or(text.len(), |n| at + n);
            if text[at..end].contains('"') {
                return None;
            }
            fields.push(CsvField { value: text[at..end].to_owned(), range: at..end });
            end
        };
        match text.as_bytes().get(end) {
            None => return Some(fields),
            Some(b',') => at = end + 1,
            Some(_) => return None,
        }
    }
}
