//! An instruction's text taken apart: keyword, flags, and the arguments as that instruction splits them.

use std::ops::Range;

use super::{
    Args, Body, Delimiter,
    json::{self, Json},
    keywords::known,
    options::excerpt,
    words::{self, WHITE},
};
use crate::{
    syntax::{SyntaxError, offsets::Joined},
    text::Spanned,
};

/// Reads the joined text of an instruction.
pub(super) fn body(joined: &Joined, escape: char, errors: &mut Vec<SyntaxError>) -> Body {
    read(joined, escape, errors, Place::Top)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    /// Below ONBUILD. One level is all that BuildKit allows, so deeper ones are not read.
    OnBuild,
}

fn read(joined: &Joined, escape: char, errors: &mut Vec<SyntaxError>, place: Place) -> Body {
    let text = joined.text();
    let all = trimmed(text, 0..text.len());
    let keyword = all.start..text[all.clone()].find(WHITE).map_or(all.end, |at| all.start + at);
    let after = all.end - text[keyword.end..all.end].trim_start_matches(WHITE).len();
    let (flags, rest) = words::flags(joined, after..all.end, escape);
    let rest = trimmed(text, rest);
    let rest = joined.slice(rest);
    let keyword = Spanned::new(text[keyword.clone()].to_owned(), joined.span(&keyword));
    let mut body = Body { keyword, flags, rest, args: Args::Ignored };
    body.args = args(&body.name(), &body, escape, errors, place);
    body
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let start = range.end - text[range.clone()].trim_start().len();
    start..start + text[start..range.end].trim_end().len()
}

/// The arguments of a body whose other parts are read.
fn args(
    name: &str,
    Body { keyword, rest, .. }: &Body,
    escape: char,
    errors: &mut Vec<SyntaxError>,
    place: Place,
) -> Args {
    let mut refuse = |error: SyntaxError| {
        errors.push(error);
        Args::Ignored
    };
    match name {
        "ENV" | "LABEL" => pairs(name, keyword, rest, escape).unwrap_or_else(refuse),
        _ if !known(name) => Args::Ignored,
        _ if rest.text().is_empty() => Args::Missing,
        "ARG" => non_empty(words::quoted_words(rest, escape)),
        "FROM" | "EXPOSE" => Args::Words(words::plain_words(rest)),
        "COPY" | "ADD" | "VOLUME" => match json::read(rest) {
            Json::Strings(items) => Args::Json(items),
            Json::Other => refuse(not_strings(rest)),
            Json::No => Args::Words(words::plain_words(rest)),
        },
        "RUN" | "CMD" | "ENTRYPOINT" | "SHELL" => match json::read(rest) {
            Json::Strings(items) => Args::Json(items),
            Json::Other => refuse(not_strings(rest)),
            Json::No => Args::Text,
        },
        "HEALTHCHECK" => health(rest).unwrap_or_else(refuse),
        "ONBUILD" if place == Place::OnBuild => Args::Ignored,
        "ONBUILD" => Args::Nested(Box::new(read(rest, escape, errors, Place::OnBuild))),
        _ => Args::Text,
    }
}

fn non_empty(words: Vec<Spanned<String>>) -> Args {
    if words.is_empty() { Args::Missing } else { Args::Words(words) }
}

fn not_strings(rest: &Joined) -> SyntaxError {
    SyntaxError {
        span: rest.whole(),
        message: "a JSON array here may hold strings only: write every element in double quotes".to_owned(),
    }
}

/// ENV and LABEL: `name=value …`, or the old `name value`. The first word decides.
fn pairs(name: &str, keyword: &Spanned<String>, rest: &Joined, escape: char) -> Result<Args, SyntaxError> {
    let words = words::quoted_words(rest, escape);
    let Some(first) = words.first() else { return Ok(Args::Missing) };
    if !first.value.contains('=') {
        let text = rest.text();
        let Some(at) = text.find(WHITE) else {
            return Err(SyntaxError {
                span: keyword.span.join(rest.whole()),
                message: format!("{name} needs a name and a value: write `{name} {}=value`", excerpt(text)),
            });
        };
        let value = text.len() - text[at..].trim_start_matches(WHITE).len();
        let word = |range: Range<usize>| Spanned::new(text[range.clone()].to_owned(), rest.span(&range));
        return Ok(Args::Pairs {
            pairs: vec![(word(0..at), word(value..text.len()))],
            delimiter: Delimiter::Space,
        });
    }
    let ranges = words::quoted_ranges(rest.text(), escape);
    let mut pairs = Vec::with_capacity(words.len());
    for (word, range) in words.into_iter().zip(ranges) {
        let Some((name_part, value)) = word.value.split_once('=') else {
            let shown = excerpt(&word.value);
            let message = if known(&word.value) {
                format!(
                    "`{shown}` is read as a part of {name}: the line above ends in a continuation, remove that"
                )
            } else {
                format!("`{shown}` has no `=`: write `name=value`, and quote a value that contains spaces")
            };
            return Err(SyntaxError { span: word.span, message });
        };
        let middle = range.start + name_part.len();
        pairs.push((
            Spanned::new(name_part.to_owned(), rest.span(&(range.start..middle))),
            Spanned::new(value.to_owned(), rest.span(&(middle + 1..range.start + word.value.len()))),
        ));
    }
    Ok(Args::Pairs { pairs, delimiter: Delimiter::Equals })
}

fn health(rest: &Joined) -> Result<Args, SyntaxError> {
    let text = rest.text();
    let bytes = text.as_bytes();
    let white = |byte: &u8| words::is_white_byte(*byte);
    let end = bytes.iter().position(white).unwrap_or(text.len());
    let mut start = end + bytes[end..].iter().take_while(|byte| white(byte)).count();
    start += (start..text.len()).take_while(|&at| !text.is_char_boundary(at)).count();
    // The byte may lie inside of a character.
    let whole = (end..=start).find(|&at| text.is_char_boundary(at)).unwrap_or(start);
    let kind = Spanned::new(String::from_utf8_lossy(&bytes[..end]).into_owned(), rest.span(&(0..whole)));
    let command = rest.slice(start..text.len());
    let (command, json) = match json::read(&command) {
        Json::Strings(items) => (items, true),
        Json::Other => return Err(not_strings(&command)),
        Json::No if command.text().is_empty() => (Vec::new(), false),
        Json::No => (vec![Spanned::new(command.text().to_owned(), command.whole())], false),
    };
    Ok(Args::Health { kind, command, json })
}
