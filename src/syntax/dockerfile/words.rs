//! The ways in which BuildKit splits a line: flags, words, quoted words, JSON arrays.

use std::ops::Range;

use super::Flag;
use crate::{syntax::offsets::Joined, text::Spanned};

/// What separates words (`[\t\v\f\r ]`).
pub(super) const WHITE: [char; 5] = ['\t', '\u{b}', '\u{c}', '\r', ' '];

/// The flags at the start of `range`, and what is left. A flag starts with `--`; quotes and escapes are removed;
/// `--` alone ends them.
pub(super) fn flags(joined: &Joined, range: Range<usize>, escape: char) -> (Vec<Flag>, Range<usize>) {
    let text = joined.text();
    let mut flags = Vec::new();
    let mut at = range.start;
    loop {
        let start = range.end - text[at..range.end].trim_start().len();
        if !text[start..range.end].starts_with("--") {
            return (flags, start..range.end);
        }
        let (flag, quoted, end) = flag(joined, start..range.end, escape);
        if flag.text() == "--" {
            return (flags, end..range.end);
        }
        if quoted || !flag.text().is_empty() {
            flags.push(Flag { text: flag, span: joined.span(&(start..end)) });
        }
        at = end;
    }
}

/// One flag from the start of `range`, whether it had quotes, and where it ends.
fn flag(joined: &Joined, range: Range<usize>, escape: char) -> (Joined, bool, usize) {
    let text = joined.text();
    let mut flag = Joined::default();
    let (mut quote, mut quoted) = (None, false);
    let mut chars = text[range.clone()].char_indices();
    while let Some((at, mut c)) = chars.next() {
        let mut at = range.start + at;
        match quote {
            None if c.is_whitespace() => return (flag, quoted, at),
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
        flag.push(&text[at..at + c.len_utf8()], joined.map().place(at));
    }
    (flag, quoted, range.end)
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

/// What a text is as JSON.
pub(super) enum Json {
    /// An array of strings; each span includes the quotes.
    Strings(Vec<Spanned<String>>),
    /// An array that holds something else.
    Other,
    /// No JSON array: BuildKit takes it as text.
    No,
}

/// Reads a JSON array of strings as Go's `encoding/json` does: half a surrogate pair is U+FFFD, not an error.
pub(super) fn json(rest: &Joined) -> Json {
    let text = rest.text().trim_start();
    if !text.starts_with('[') {
        return Json::No;
    }
    let offset = rest.text().len() - text.len();
    match strings(text) {
        Some(items) => Json::Strings(
            items
                .into_iter()
                .map(|(range, value)| {
                    Spanned::new(value, rest.span(&(range.start + offset..range.end + offset)))
                })
                .collect(),
        ),
        None if serde_json::from_str::<Vec<serde_json::Value>>(text).is_ok() => Json::Other,
        None => Json::No,
    }
}

fn strings(text: &str) -> Option<Vec<(Range<usize>, String)>> {
    let space = |at: usize| text.len() - text[at..].trim_start_matches([' ', '\t', '\r', '\n']).len();
    let mut items = Vec::new();
    let mut at = space(1);
    if text[at..].starts_with(']') {
        return (space(at + 1) == text.len()).then_some(items);
    }
    loop {
        let (value, end) = string(text, at)?;
        items.push((at..end, value));
        at = space(end);
        match text.as_bytes().get(at)? {
            b',' => at = space(at + 1),
            b']' => return (space(at + 1) == text.len()).then_some(items),
            _ => return None,
        }
    }
}

/// The JSON string at `at`, and where it ends.
fn string(text: &str, at: usize) -> Option<(String, usize)> {
    let mut chars = text[at..].char_indices();
    if chars.next()?.1 != '"' {
        return None;
    }
    let mut value = String::new();
    // The first half of a surrogate pair that waits for the second.
    let mut high: Option<u32> = None;
    loop {
        let (offset, c) = chars.next()?;
        let unit = match c {
            '\\' => match chars.next()?.1 {
                'u' => {
                    let digits = text.get(at + offset + 2..at + offset + 6)?;
                    for _ in 0..4 {
                        chars.next();
                    }
                    digits
                        .bytes()
                        .all(|b| b.is_ascii_hexdigit())
                        .then(|| u32::from_str_radix(digits, 16).ok())??
                }
                c @ ('"' | '\\' | '/') => u32::from(c),
                'b' => 8,
                'f' => 12,
                'n' => 10,
                'r' => 13,
                't' => 9,
                _ => return None,
            },
            '"' => {
                value.extend(high.map(|_| '\u{fffd}'));
                return Some((value, at + offset + 1));
            }
            c if c < ' ' => return None,
            c => u32::from(c),
        };
        match (high.take(), unit) {
            (Some(first), 0xDC00..=0xDFFF) => {
                let joined = 0x1_0000 + ((first - 0xD800) << 10) + (unit - 0xDC00);
                value.push(char::from_u32(joined).unwrap_or('\u{fffd}'));
                continue;
            }
            (Some(_), _) => value.push('\u{fffd}'),
            (None, _) => {}
        }
        match unit {
            0xD800..=0xDBFF => high = Some(unit),
            _ => value.push(char::from_u32(unit).unwrap_or('\u{fffd}')),
        }
    }
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
/// `None` if the quotes do not match.
pub fn csv_fields(text: &str) -> Option<Vec<CsvField>> {
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
