//! JSON arrays as Go's `encoding/json` reads them.

use std::ops::Range;

use crate::{syntax::offsets::Joined, text::Spanned};

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
pub(super) fn read(rest: &Joined) -> Json {
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
        None if is_array(text) => Json::Other,
        None => Json::No,
    }
}

fn after_space(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches([' ', '\t', '\r', '\n']).len()
}

fn strings(text: &str) -> Option<Vec<(Range<usize>, String)>> {
    let space = |at: usize| after_space(text, at);
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

/// How deep Go follows arrays and objects.
const DEEPEST: usize = 10_000;

/// Whether all of the text is one JSON array, whatever it holds.
fn is_array(text: &str) -> bool {
    let mut at = 0;
    // The brackets that are open.
    let mut open: Vec<u8> = Vec::new();
    loop {
        let Some((next, opened)) = value(text, after_space(text, at)) else { return false };
        at = after_space(text, next);
        if let Some(bracket) = opened {
            open.push(bracket);
            if open.len() > DEEPEST {
                return false;
            }
            if text.as_bytes().get(at) != Some(&closing(bracket)) {
                let Some(start) = member(text, at, bracket) else { return false };
                at = start;
                continue;
            }
        }
        // A value is complete: what it stands in goes on, or ends.
        loop {
            let Some(&bracket) = open.last() else { return at == text.len() };
            match text.as_bytes().get(at) {
                Some(b',') => {
                    let Some(start) = member(text, after_space(text, at + 1), bracket) else { return false };
                    at = start;
                    break;
                }
                Some(&byte) if byte == closing(bracket) => {
                    open.pop();
                    at = after_space(text, at + 1);
                }
                _ => return false,
            }
        }
    }
}

fn closing(bracket: u8) -> u8 {
    if bracket == b'[' { b']' } else { b'}' }
}

/// Where the value of the next member starts: at once in an array, after a key in an object.
fn member(text: &str, at: usize, bracket: u8) -> Option<usize> {
    if bracket == b'[' {
        return Some(at);
    }
    let colon = after_space(text, string(text, at)?.1);
    (text.as_bytes().get(colon) == Some(&b':')).then_some(colon + 1)
}

/// The value at `at`: where it ends, or where an array or object begins and with which bracket.
fn value(text: &str, at: usize) -> Option<(usize, Option<u8>)> {
    match *text.as_bytes().get(at)? {
        bracket @ (b'[' | b'{') => Some((at + 1, Some(bracket))),
        b'"' => string(text, at).map(|(_, end)| (end, None)),
        b'-' | b'0'..=b'9' => number(text, at).map(|end| (end, None)),
        _ => ["true", "false", "null"]
            .iter()
            .find(|word| text[at..].starts_with(**word))
            .map(|word| (at + word.len(), None)),
    }
}

/// Where the number at `at` ends; `None` if it is no JSON number, or larger than a float.
fn number(text: &str, at: usize) -> Option<usize> {
    let digits = |at: usize| at + text[at..].bytes().take_while(u8::is_ascii_digit).count();
    let start = at + usize::from(text[at..].starts_with('-'));
    let mut end = digits(start);
    if end == start || (end > start + 1 && text[start..].starts_with('0')) {
        return None;
    }
    if text[end..].starts_with('.') {
        let fraction = end + 1;
        end = digits(fraction);
        if end == fraction {
            return None;
        }
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = end + 1;
        let exponent = sign + usize::from(text[sign..].starts_with(['+', '-']));
        end = digits(exponent);
        if end == exponent {
            return None;
        }
    }
    text[at..end].parse::<f64>().is_ok_and(f64::is_finite).then_some(end)
}
