//! `$VAR` and `${VAR:-default}` as compose-go's `template` package replaces them.

use std::fmt;

use super::{Env, Lookup};

/// Defaults inside defaults: deeper is refused, so that no input can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// How much longer than its template a value may become: variables that hold each other's values several times grow
/// without end, and no path or name is as long as this.
const MAX_GROWTH: usize = 4096;

/// A text that Compose would refuse to interpolate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateError {
    /// `${` that no name and `}` follow.
    Invalid,
    /// More defaults in defaults than anybody writes.
    TooDeep,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "`${` without a variable's name and `}`: write `$$` for a dollar sign",
            Self::TooDeep => "defaults are nested too deeply: write the inner one into `.env`",
        })
    }
}

/// The text with its variables replaced; `None` if a variable that it needs has neither a value in `env` nor a
/// default, because the shell that starts Compose may have one, or if it grows past any use.
///
/// # Errors
/// [`TemplateError`] where Compose refuses the text.
pub fn substitute(text: &str, env: &Env) -> Result<Option<String>, TemplateError> {
    nested(text, env, 0)
}

fn nested(text: &str, env: &Env, depth: usize) -> Result<Option<String>, TemplateError> {
    if depth > MAX_DEPTH {
        return Err(TemplateError::TooDeep);
    }
    let mut out = Some(String::with_capacity(text.len()));
    let mut add = |part: Option<&str>| match (part, &mut out) {
        (Some(part), Some(out)) if out.len() + part.len() <= text.len() + MAX_GROWTH => out.push_str(part),
        _ => out = None,
    };
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        add(Some(&rest[..at]));
        let tail = &rest[at + 1..];
        let name = name_len(tail);
        if let Some(tail) = tail.strip_prefix('$') {
            add(Some("$"));
            rest = tail;
        } else if name > 0 {
            add(set(env, &tail[..name]));
            rest = &tail[name..];
        } else if let Some(inner) = tail.strip_prefix('{') {
            let end = closing(inner).ok_or(TemplateError::Invalid)?;
            add(braced(&inner[..end], env, depth)?.as_deref());
            rest = &inner[end + 1..];
        } else {
            // Not a variable: `$` stays, as in `$1`.
            add(Some("$"));
            rest = tail;
        }
    }
    add(Some(rest));
    Ok(out)
}

fn set<'e>(env: &'e Env, name: &str) -> Option<&'e str> {
    match env.get(name) {
        Lookup::Set(value) => Some(value),
        Lookup::Unknown | Lookup::Unset => None,
    }
}

fn name_len(text: &str) -> usize {
    let end = text.bytes().position(|b| !(b == b'_' || b.is_ascii_alphanumeric())).unwrap_or(text.len());
    if text.as_bytes().first().is_some_and(u8::is_ascii_digit) { 0 } else { end }
}

/// Where the `}` of `${` is, from the byte after `{`; like compose-go it counts every brace but one right after a
/// brace, takes the last one of the line if they do not pair up, and does not look past the line for a default.
fn closing(inner: &str) -> Option<usize> {
    let name = name_len(inner);
    if name == 0 {
        return None;
    }
    match inner.as_bytes()[name..] {
        [b'}', ..] => return Some(name),
        [b'-' | b'+' | b'?', ..] | [b':', b'-' | b'+' | b'?', ..] => {}
        _ => return None,
    }
    let (bytes, mut depth, mut last, mut i) = (inner.as_bytes(), 1_u32, None, 1);
    while i < bytes.len() && bytes[i] != b'\n' {
        match bytes[i] {
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(i);
                }
                last = Some(i);
            }
            b'{' => {
                depth += 1;
                i += 1;
                match bytes.get(i) {
                    Some(b'}') => last = Some(i),
                    Some(b'\n') => break,
                    _ => {}
                }
            }
            _ => {}
        }
        i += 1;
    }
    last
}

fn braced(inner: &str, env: &Env, depth: usize) -> Result<Option<String>, TemplateError> {
    let (name, tail) = inner.split_at(name_len(inner));
    let value = env.get(name);
    let (empty_counts_as_unset, tail) = match tail.strip_prefix(':') {
        Some(tail) => (true, tail),
        None => (false, tail),
    };
    let Some(modifier) = tail.chars().next() else {
        return Ok(set(env, name).map(str::to_owned));
    };
    let word = || nested(&tail[1..], env, depth + 1);
    let value = match value {
        Lookup::Set("") if empty_counts_as_unset && modifier == '+' => return Ok(Some(String::new())),
        Lookup::Set("") if empty_counts_as_unset && modifier == '-' => Lookup::Unset,
        // The shell may have another value than the empty one of the file.
        Lookup::Set("") if empty_counts_as_unset => Lookup::Unknown,
        value => value,
    };
    match (modifier, value) {
        ('-' | '?', Lookup::Set(value)) => Ok(Some(value.to_owned())),
        ('-', Lookup::Unset) | ('+', Lookup::Set(_)) => word(),
        // Only the shell can tell what happens.
        _ => word().map(|_| None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_modifier() {
        let mut env = Env::default();
        env.set("A", "a");
        env.set("E", "");
        let cases: [(&str, Option<&str>); 28] = [
            ("plain", Some("plain")),
            ("$A/${A}", Some("a/a")),
            ("$$A $1 $", Some("$A $1 $")),
            ("$U", None),
            ("${U}", None),
            ("${A:-x}", Some("a")),
            ("${U:-x}", Some("x")),
            ("${E:-x}", Some("x")),
            ("${E-x}", Some("")),
            ("${U-x}", Some("x")),
            ("${U-}", Some("")),
            ("${A:+x}", Some("x")),
            ("${E:+x}", Some("")),
            ("${E+x}", Some("x")),
            ("${U+x}", None),
            ("${A?no}", Some("a")),
            ("${U?no}", None),
            ("${E:?no}", None),
            ("${U:-${A}}", Some("a")),
            ("${U:-${V:-${A}-z}}!", Some("a-z!")),
            ("${U:-${V}}", None),
            ("${A:-${V}}", Some("a")),
            ("${U:-{\"k\":1}}", Some("{\"k\":1}")),
            ("${U:-a}:${U:-b}", Some("a:b")),
            ("${U:-a:b}", Some("a:b")),
            ("é${A}ü", Some("éaü")),
            ("$COMPOSE_PROJECT_NAME", None),
            ("${COMPOSE_PROJECT_NAME:-x}", None),
        ];
        for (text, want) in cases {
            assert_eq!(substitute(text, &env), Ok(want.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_compose_refuses() {
        for text in ["${}", "${A", "${1}", "${A b}", "${A:b}", "${U:-${}}", "${A:-x\n}"] {
            assert_eq!(substitute(text, &Env::default()), Err(TemplateError::Invalid), "{text}");
        }
        let deep = "${U:-".repeat(9_000) + &"}".repeat(9_000);
        assert_eq!(substitute(&deep, &Env::default()), Err(TemplateError::TooDeep));
    }
}
