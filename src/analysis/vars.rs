//! Variables of a Dockerfile: what `${X:-y}` becomes at one instruction, where that can be known.

use std::{collections::BTreeMap, iter::Peekable, str::Chars};

use regex::Regex;

/// A text that is known, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Val {
    /// Known from the files alone.
    Known(String),
    /// Depends on something that the files do not say.
    Unknown,
}

impl Val {
    /// The text, if it is known.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Unknown => None,
        }
    }
}

/// What gave a variable its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `ARG`
    Arg,
    /// `ENV`: it wins over an ARG of the same name above it.
    Env,
    /// `ARG` of the stage that this one starts from: BuildKit hands it down, the classic builder does not (measured on
    /// engine 20.10), so its value is never known.
    Inherited,
}

/// The variables that an instruction sees.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    vars: BTreeMap<String, (Val, Origin)>,
}

impl Scope {
    /// An ARG with the value that it gets. After an ENV of the same name the builders differ (measured on engines 20.10
    /// and 26.1): BuildKit takes the ARG, the classic builder the ENV, so the value is known only if both agree.
    pub fn set_arg(&mut self, name: &str, value: Val) {
        let value = match self.vars.get(name) {
            Some((old, Origin::Env)) if *old != value => Val::Unknown,
            _ => value,
        };
        self.vars.insert(name.to_owned(), (value, Origin::Arg));
    }

    /// An ARG of the stage that this one starts from.
    pub fn inherit(&mut self, name: &str) {
        self.vars.insert(name.to_owned(), (Val::Unknown, Origin::Inherited));
    }

    /// An ENV.
    pub fn set_env(&mut self, name: &str, value: Val) {
        self.vars.insert(name.to_owned(), (value, Origin::Env));
    }

    /// The value and its origin; `None` if nothing declares the name. (The base image may: see [`expand`].)
    pub fn get(&self, name: &str) -> Option<&(Val, Origin)> {
        self.vars.get(name)
    }

    /// The names in scope that come from the given origin.
    pub fn names(&self, origin: Origin) -> impl Iterator<Item = &str> {
        self.vars.iter().filter(move |(_, (_, o))| *o == origin).map(|(name, _)| name.as_str())
    }
}

/// Whether a name that nothing declares is known to be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undeclared {
    /// The scope is closed (before the first FROM, or above `scratch`): it is empty.
    Empty,
    /// The base image may declare it.
    Unknown,
}

/// What the builder itself declares: BuildKit the platforms, before the first FROM, and both builders a default PATH,
/// also in `scratch`.
const GIVEN: [&str; 12] = [
    "PATH",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// Expands a Dockerfile word as BuildKit's `shell.Lex` does: quotes are removed, the escape character quotes the next
/// character, `$x` and `${x}` with the modifiers `-` `+` `?` (also after `:`), `#` `##` `%` `%%` and `/` `//` are
/// replaced. What BuildKit refuses is `Unknown`.
pub fn expand(word: &str, scope: &Scope, escape: char, undeclared: Undeclared) -> Val {
    if !word.contains(['$', '\'', '"', escape]) {
        return Val::Known(word.to_owned());
    }
    let mut lex = Lex { chars: word.chars().peekable(), scope, escape, undeclared, depth: 0, length: 0 };
    match lex.text(None, Escapes::Removed) {
        Ok(Some(text)) => Val::Known(text),
        Ok(None) | Err(Refused) => Val::Unknown,
    }
}

/// BuildKit refuses the word.
struct Refused;

/// A text, or `None` where it is not known.
type Text = Result<Option<String>, Refused>;

/// What a name stands for.
enum Set {
    To(String),
    No,
    Unknown,
}

impl Set {
    /// The text in its place; `None` if that is not known.
    fn value(self) -> Option<String> {
        match self {
            Self::To(value) => Some(value),
            Self::No => Some(String::new()),
            Self::Unknown => None,
        }
    }
}

/// Whether escape characters stay: in patterns they do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Kept,
    Removed,
}

struct Lex<'a> {
    chars: Peekable<Chars<'a>>,
    scope: &'a Scope,
    escape: char,
    undeclared: Undeclared,
    depth: u32,
    /// How many bytes of values were put in.
    length: usize,
}

/// Longer values are not followed: `ENV A=$A$A` doubles with every line.
const LONGEST: usize = 64 << 10;

/// Nested defaults deeper than this are not followed: nobody writes them, and recursion must end.
const MAX_DEPTH: u32 = 32;

impl Lex<'_> {
    /// Text up to and with `stop`, or to the end.
    fn text(&mut self, stop: Option<char>, escapes: Escapes) -> Text {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Refused);
        }
        let mut out = Some(String::new());
        loop {
            let Some(c) = self.chars.next() else {
                if stop.is_some() {
                    return Err(Refused);
                }
                break;
            };
            if Some(c) == stop {
                break;
            }
            match c {
                '\'' => loop {
                    match self.chars.next().ok_or(Refused)? {
                        '\'' => break,
                        c => push(&mut out, c),
                    }
                },
                '"' => join(&mut out, self.double_quoted(escapes)?),
                '$' => join(&mut out, self.dollar()?),
                c if c == self.escape => {
                    if escapes == Escapes::Kept {
                        push(&mut out, c);
                    }
                    if let Some(next) = self.chars.next() {
                        push(&mut out, next);
                    }
                }
                c => push(&mut out, c),
            }
        }
        self.depth -= 1;
        Ok(out)
    }

    fn double_quoted(&mut self, escapes: Escapes) -> Text {
        let mut out = Some(String::new());
        loop {
            match self.chars.next().ok_or(Refused)? {
                '"' => return Ok(out),
                '$' => join(&mut out, self.dollar()?),
                c if c == self.escape => {
                    if escapes == Escapes::Kept {
                        push(&mut out, c);
                    }
                    let escape = self.escape;
                    let quoted = self.chars.next_if(|&next| next == '"' || next == '$' || next == escape);
                    push(&mut out, quoted.unwrap_or(c));
                }
                c => push(&mut out, c),
            }
        }
    }

    /// What stands after a `$`.
    fn dollar(&mut self) -> Text {
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(if name.is_empty() { Some("$".to_owned()) } else { self.value(&name) });
        }
        if matches!(self.chars.peek(), None | Some('{' | '}' | ':')) {
            return Err(Refused);
        }
        let name = self.name();
        match self.chars.next().ok_or(Refused)? {
            '}' => Ok(self.value(&name)),
            ':' => match self.chars.next().ok_or(Refused)? {
                operator @ ('-' | '+' | '?') => self.choice(&name, operator, true),
                _ => Err(Refused),
            },
            operator @ ('-' | '+' | '?') => self.choice(&name, operator, false),
            operator @ ('#' | '%') => {
                let pattern = self.text(Some('}'), Escapes::Kept)?;
                self.trimmed(&name, operator, pattern)
            }
            '/' => {
                let all = self.chars.next_if_eq(&'/').is_some();
                let pattern = self.text(Some('/'), Escapes::Kept)?;
                let replacement = self.text(Some('}'), Escapes::Kept)?;
                self.replaced(&name, all, pattern, replacement)
            }
            _ => Err(Refused),
        }
    }

    /// `${name:-word}` and its like; `colon`: an empty value counts as none.
    fn choice(&mut self, name: &str, operator: char, colon: bool) -> Text {
        let word = self.text(Some('}'), Escapes::Removed)?;
        let set = match self.lookup(name) {
            Set::To(value) => Some(value).filter(|value| !colon || !value.is_empty()),
            Set::No => None,
            Set::Unknown => return Ok(None),
        };
        Ok(match (operator, set) {
            ('-' | '?', Some(value)) => self.counted(value),
            ('-', None) | ('+', Some(_)) => word,
            ('+', None) => Some(String::new()),
            _ => return Err(Refused),
        })
    }

    /// `${name#pattern}` and `${name%pattern}`; a doubled operator takes the longest match.
    fn trimmed(&mut self, name: &str, operator: char, pattern: Option<String>) -> Text {
        let (Some(pattern), Some(value)) = (pattern, self.lookup(name).value()) else { return Ok(None) };
        let (pattern, longest) = match pattern.strip_prefix(operator) {
            Some(rest) => (rest, true),
            None => (pattern.as_str(), false),
        };
        let body = wildcards(pattern, longest).ok_or(Refused)?;
        let rest = if operator == '#' {
            Regex::new(&format!("^{body}")).ok().map(|re| re.replace(&value, "").into_owned())
        } else {
            // The shortest match at the end is the last place from where all the rest matches.
            Regex::new(&format!("^{body}$")).ok().and_then(|re| {
                let mut starts: Vec<usize> = value.char_indices().map(|(at, _)| at).collect();
                starts.push(value.len());
                if starts.len() > LONGEST_TRIMMED {
                    return None;
                }
                let found = |at: &&usize| re.is_match(&value[**at..]);
                let at = if longest { starts.iter().find(found) } else { starts.iter().rev().find(found) };
                Some(value[..at.copied().unwrap_or(value.len())].to_owned())
            })
        };
        Ok(rest.and_then(|rest| self.counted(rest)))
    }

    /// `${name/pattern/replacement}`, with `//` everywhere.
    fn replaced(
        &mut self,
        name: &str,
        all: bool,
        pattern: Option<String>,
        replacement: Option<String>,
    ) -> Text {
        let (Some(pattern), Some(replacement), Some(value)) =
            (pattern, replacement, self.lookup(name).value())
        else {
            return Ok(None);
        };
        let body = wildcards(&pattern, true).ok_or(Refused)?;
        // With `//`, BuildKit takes `$1` in the replacement for a group.
        let Some(re) = Regex::new(&body).ok().filter(|_| !all || !replacement.contains('$')) else {
            return Ok(None);
        };
        if all && value.len().saturating_mul(replacement.len() + 1) > LONGEST {
            return Ok(None);
        }
        let limit = usize::from(!all);
        let text = re.replacen(&value, limit, regex::NoExpand(&replacement)).into_owned();
        Ok(self.counted(text))
    }

    fn lookup(&self, name: &str) -> Set {
        match self.scope.get(name) {
            Some((Val::Known(value), _)) if self.length <= LONGEST => Set::To(value.clone()),
            None if self.undeclared == Undeclared::Empty && !GIVEN.contains(&name) => Set::No,
            Some(_) | None => Set::Unknown,
        }
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let value = self.lookup(name).value()?;
        self.counted(value)
    }

    fn counted(&mut self, text: String) -> Option<String> {
        self.length = self.length.saturating_add(text.len());
        (self.length <= LONGEST).then_some(text)
    }

    /// Digits, one special character, or letters, digits and `_`.
    fn name(&mut self) -> String {
        let mut out = String::new();
        match self.chars.peek() {
            Some(c) if c.is_numeric() => {
                while let Some(digit) = self.chars.next_if(|c| c.is_numeric()) {
                    out.push(digit);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => out.extend(self.chars.next()),
            _ => {
                while let Some(c) = self.chars.next_if(|&c| c.is_alphanumeric() || c == '_') {
                    out.push(c);
                }
            }
        }
        out
    }
}

/// Longer values are not trimmed from the end: each place in them is tried.
const LONGEST_TRIMMED: usize = 1 << 10;

fn push(out: &mut Option<String>, c: char) {
    if let Some(out) = out {
        out.push(c);
    }
}

fn join(out: &mut Option<String>, text: Option<String>) {
    match (out.as_mut(), text) {
        (Some(out), Some(text)) => out.push_str(&text),
        _ => *out = None,
    }
}

/// A shell pattern as a regular expression; `None` if BuildKit refuses it.
fn wildcards(pattern: &str, longest: bool) -> Option<String> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str(if longest { ".*" } else { ".*?" }),
            '?' => out.push('.'),
            // `}` and `/` have to be escaped to stand in a pattern at all.
            '\\' if matches!(chars.peek(), Some('}' | '/')) => {}
            '\\' => match chars.next()? {
                c @ ('*' | '?' | '\\') => out.extend(['\\', c]),
                _ => return None,
            },
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(word: &str) -> Option<String> {
        let mut scope = Scope::default();
        scope.set_arg("a", Val::Known("1".into()));
        scope.set_arg("empty", Val::Known(String::new()));
        scope.set_arg("v", Val::Known("v1.2.3".into()));
        scope.set_arg("open", Val::Unknown);
        expand(word, &scope, '\\', Undeclared::Unknown).known().map(str::to_owned)
    }

    #[test]
    fn words_expand_as_in_buildkit() {
        for (word, expected) in [
            ("x$a-${a}", Some("x1-1")),
            ("'$a'", Some("$a")),
            ("\"$a b\"", Some("1 b")),
            (r"\$a", Some("$a")),
            ("${empty:-d}", Some("d")),
            ("${empty-d}", Some("")),
            ("${a:+y}", Some("y")),
            ("${empty:+y}", Some("")),
            ("${empty:-${a}}", Some("1")),
            ("$open", None),
            ("$undeclared", None),
            ("${undeclared:-x}", None),
            ("${a:?no}", Some("1")),
            ("${empty:?no}", None),
            ("$", Some("$")),
            ("$$", None),
            ("${v#*.}", Some("2.3")),
            ("${v##*.}", Some("3")),
            ("${v%.*}", Some("v1.2")),
            ("${v%%.*}", Some("v1")),
            ("${v#v}", Some("1.2.3")),
            ("${v%x}", Some("v1.2.3")),
            ("${v/./-}", Some("v1-2.3")),
            ("${v//./-}", Some("v1-2-3")),
            ("${v/?/}", Some("1.2.3")),
            (r"${v/\//}", Some("v1.2.3")),
            ("${v^}", None),
            ("${v", None),
            ("'x", None),
            ("\"x", None),
            (r#""\a\"\$""#, Some(r#"\a"$"#)),
        ] {
            assert_eq!(lex(word).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn what_the_builder_declares_is_not_empty() {
        let mut scope = Scope::default();
        scope.inherit("PARENT");
        let lex = |word: &str| expand(word, &scope, '\\', Undeclared::Empty);
        for name in ["TARGETARCH", "BUILDPLATFORM", "PATH", "PARENT"] {
            assert_eq!(lex(&format!("a-${name}")), Val::Unknown, "{name}");
        }
        assert_eq!(lex("a-$OTHER"), Val::Known("a-".to_owned()));
    }

    #[test]
    fn the_builders_differ_on_an_arg_after_an_env() {
        let known = |text: &str| Val::Known(text.into());
        let mut scope = Scope::default();
        scope.set_arg("X", known("arg"));
        scope.set_env("X", known("env"));
        assert_eq!(scope.get("X"), Some(&(known("env"), Origin::Env)));
        scope.set_arg("X", known("env"));
        assert_eq!(scope.get("X"), Some(&(known("env"), Origin::Arg)));
        scope.set_env("X", known("env"));
        scope.set_arg("X", known("arg"));
        assert_eq!(scope.get("X"), Some(&(Val::Unknown, Origin::Arg)));
    }

    #[test]
    fn values_that_double_are_given_up() {
        let mut scope = Scope::default();
        scope.set_env("A", Val::Known("xx".to_owned()));
        for _ in 0..1_000 {
            let next = expand("$A${A:-}", &scope, '\\', Undeclared::Unknown);
            scope.set_env("A", next);
        }
        assert_eq!(scope.get("A"), Some(&(Val::Unknown, Origin::Env)));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "${x:-".repeat(100_000);
        assert_eq!(lex(&deep), None);
    }
}
