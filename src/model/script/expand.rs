//! Variables of a script: what their values are where the script itself says so.

use std::collections::BTreeMap;

use super::{Arg, source::Source};
use crate::text::Span;

/// Longer values are not known: each line could double them.
const LONGEST: usize = 4096;

/// The variables at one place of a script. One that is missing may come from the environment.
#[derive(Debug, Clone, Default)]
pub(super) struct Env {
    values: BTreeMap<String, Option<String>>,
}

impl Env {
    /// The value, if the script gives it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_deref()
    }

    /// `name=value`. In an arm the value before may hold as well: then neither is known, unless both name Compose.
    pub(super) fn set(&mut self, name: &str, value: Option<String>, in_arm: bool) {
        let value = value.filter(|v| v.len() <= LONGEST);
        let before = self.values.get(name);
        let value = match before {
            Some(before) if in_arm && *before != value => match (before.as_deref(), value.as_deref()) {
                (Some(a), Some(b)) if is_compose(a) && is_compose(b) => Some("docker-compose".to_owned()),
                _ => None,
            },
            _ => value,
        };
        self.values.insert(name.to_owned(), value);
    }
}

fn is_compose(value: &str) -> bool {
    matches!(value.trim(), "docker compose" | "docker-compose")
}

/// The words that a word becomes. What is not known is a word without text.
pub(super) fn words(source: &Source, span: Span, env: &Env) -> Vec<Arg> {
    let range = source.range(span);
    let mut reader = Reader { rest: &source.text.text()[range], env, fields: Vec::new(), value: Value::None };
    reader.read();
    let place = source.place(span);
    reader.fields.into_iter().map(|text| Arg { text, span: place }).collect()
}

/// The value of the text as one word.
pub(super) fn one(raw: &str, env: &Env) -> Option<String> {
    let mut reader = Reader { rest: raw, env, fields: Vec::new(), value: Value::None };
    reader.read();
    let known: Option<Vec<String>> = reader.fields.into_iter().collect();
    known.map(|fields| fields.join(" "))
}

/// A word while it is read.
enum Value {
    /// Nothing of it yet.
    None,
    Known(String),
    Unknown,
}

struct Reader<'a> {
    rest: &'a str,
    env: &'a Env,
    fields: Vec<Option<String>>,
    /// The word that is being put together.
    value: Value,
}

impl<'a> Reader<'a> {
    fn push(&mut self, text: &str) {
        match &mut self.value {
            Value::None => self.value = Value::Known(text.to_owned()),
            Value::Known(value) => value.push_str(text),
            Value::Unknown => {}
        }
    }

    fn end_word(&mut self) {
        match std::mem::replace(&mut self.value, Value::None) {
            Value::None => {}
            Value::Known(value) => self.fields.push(Some(value)),
            Value::Unknown => self.fields.push(None),
        }
    }

    fn unknown(&mut self) {
        self.value = Value::Unknown;
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn read(&mut self) {
        let mut quoted = false;
        while let Some(c) = self.rest.chars().next() {
            match c {
                '\'' if !quoted => {
                    self.take(1);
                    let end = self.rest.find('\'').unwrap_or(self.rest.len());
                    let text = self.take(end);
                    self.push(text);
                    self.take(usize::from(!self.rest.is_empty()));
                }
                '"' => {
                    self.take(1);
                    quoted = !quoted;
                    self.push("");
                }
                '\\' => {
                    self.take(1);
                    self.escaped(quoted);
                }
                '`' => {
                    self.take(1);
                    let end = self.rest.find('`').map_or(self.rest.len(), |end| end + 1);
                    self.take(end);
                    self.unknown();
                }
                '$' => self.dollar(quoted),
                c => {
                    let text = self.take(c.len_utf8());
                    self.push(text);
                }
            }
        }
        self.end_word();
    }

    fn escaped(&mut self, quoted: bool) {
        let Some(next) = self.rest.chars().next() else { return };
        if quoted && !matches!(next, '$' | '`' | '"' | '\\' | '\n') {
            self.push("\\");
        }
        let text = self.take(next.len_utf8());
        if !text.starts_with(['\n', '\r']) {
            self.push(text);
        }
    }

    fn dollar(&mut self, quoted: bool) {
        self.take(1);
        let name_end =
            |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        match self.rest.chars().next() {
            Some('{') => {
                let end = closing(self.rest, b'{', b'}');
                let inside = &self.take(end)[1..];
                let inside = inside.strip_suffix('}').unwrap_or(inside);
                let end = name_end(inside);
                let (name, operator) = inside.split_at(end);
                let value = match (self.env.get(name), operator) {
                    (Some(value), "") => Some(value.to_owned()),
                    (Some(value), operator) if operator.starts_with(":-") || operator.starts_with('-') => {
                        Some(value.to_owned())
                    }
                    (None, operator) if !self.env.values.contains_key(name) => default(name, operator),
                    _ => None,
                };
                self.insert(value.as_deref(), quoted);
            }
            Some('(') => {
                let end = closing(self.rest, b'(', b')');
                self.take(end);
                self.unknown();
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let end = name_end(self.rest);
                let name = self.take(end);
                let value = self.env.get(name);
                self.insert(value, quoted);
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.take(1);
                self.unknown();
            }
            Some('\'' | '"') => {}
            _ => self.push("$"),
        }
    }

    /// Outside of quotes a value is split at blanks.
    fn insert(&mut self, value: Option<&str>, quoted: bool) {
        let Some(value) = value else { return self.unknown() };
        if quoted {
            return self.push(value);
        }
        let mut parts = value.split_ascii_whitespace();
        if let Some(first) = parts.next() {
            self.push(first);
        }
        for part in parts {
            self.end_word();
            self.push(part);
        }
    }
}

/// `:-text` without variables of its own: what holds when nobody says otherwise.
fn default(name: &str, operator: &str) -> Option<String> {
    let text = operator
        .strip_prefix(":-")
        .or_else(|| operator.strip_prefix(":="))
        .or_else(|| operator.strip_prefix('-'))?;
    let positional = name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit());
    (!positional && !text.contains(['$', '`'])).then(|| text.trim_matches(['"', '\'']).to_owned())
}

/// The bytes up to the bracket that closes the first one.
fn closing(text: &str, open: u8, close: u8) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    text.len()
}
