//! Variables of a Dockerfile: what `${X:-y}` becomes at one instruction, where that can be known.

use std::collections::BTreeMap;

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

/// Expands a Dockerfile word as BuildKit's `shell.Lex` does: quotes are removed, the escape character quotes the next
/// character, `$x`, `${x}`, `${x:-y}`, `${x-y}`, `${x:+y}` and `${x+y}` are replaced. Other modifiers are `Unknown`.
pub fn expand(word: &str, scope: &Scope, escape: char, undeclared: Undeclared) -> Val {
    let mut chars = word.chars().peekable();
    let mut lex = Lex { scope, escape, undeclared, depth: 0, length: 0 };
    match lex.words(&mut chars, None) {
        Some(text) => Val::Known(text),
        None => Val::Unknown,
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

struct Lex<'a> {
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
    /// Text up to the closing brace of a modifier (`until`) or the end. `None` is Unknown.
    fn words(&mut self, chars: &mut Chars<'_>, until: Option<char>) -> Option<String> {
        let mut out = String::new();
        let mut known = true;
        while let Some(&c) = chars.peek() {
            if Some(c) == until {
                break;
            }
            chars.next();
            match c {
                '\'' => out.extend(chars.by_ref().take_while(|&c| c != '\'')),
                '"' => match self.double_quoted(chars) {
                    Some(text) => out.push_str(&text),
                    None => known = false,
                },
                '$' => match self.dollar(chars) {
                    Some(text) => out.push_str(&text),
                    None => known = false,
                },
                c if c == self.escape => out.extend(chars.next()),
                c => out.push(c),
            }
        }
        known.then_some(out)
    }

    fn double_quoted(&mut self, chars: &mut Chars<'_>) -> Option<String> {
        let mut out = String::new();
        let mut known = true;
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '$' => match self.dollar(chars) {
                    Some(text) => out.push_str(&text),
                    None => known = false,
                },
                c if c == self.escape => match chars.next() {
                    Some(next @ ('"' | '$')) => out.push(next),
                    Some(next) if next == self.escape => out.push(next),
                    Some(next) => out.extend([c, next]),
                    None => out.push(c),
                },
                c => out.push(c),
            }
        }
        known.then_some(out)
    }

    fn dollar(&mut self, chars: &mut Chars<'_>) -> Option<String> {
        if chars.peek() != Some(&'{') {
            let name = name(chars);
            return if name.is_empty() { Some("$".to_owned()) } else { self.value(&name) };
        }
        chars.next();
        let name = name(chars);
        let colon = chars.next_if_eq(&':').is_some();
        let op = chars.next();
        if op == Some('}') && !colon {
            return self.value(&name);
        }
        self.depth += 1;
        let word = if self.depth > MAX_DEPTH { None } else { self.words(chars, Some('}')) };
        self.depth -= 1;
        chars.next();
        let set = match self.scope.get(&name) {
            Some(_) if self.length > LONGEST => None,
            Some((Val::Known(value), _)) => Some((!colon || !value.is_empty()).then(|| value.clone())),
            None if self.undeclared == Undeclared::Empty => Some(None),
            Some((Val::Unknown, _)) | None => None,
        };
        match (op?, set?) {
            ('-', Some(value)) => {
                self.length = self.length.saturating_add(value.len());
                (self.length <= LONGEST).then_some(value)
            }
            ('+', None) => Some(String::new()),
            ('-', None) | ('+', Some(_)) => word,
            _ => None,
        }
    }

    fn value(&mut self, name: &str) -> Option<String> {
        match self.scope.get(name) {
            Some((value, _)) => {
                let value = value.known()?;
                self.length = self.length.saturating_add(value.len());
                (self.length <= LONGEST).then(|| value.to_owned())
            }
            None if self.undeclared == Undeclared::Empty => Some(String::new()),
            None => None,
        }
    }
}

fn name(chars: &mut Chars<'_>) -> String {
    let mut out = String::new();
    while let Some(c) = chars.next_if(|&c| c.is_ascii_alphanumeric() || c == '_') {
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(word: &str) -> Option<String> {
        let mut scope = Scope::default();
        scope.set_arg("a", Val::Known("1".into()));
        scope.set_arg("empty", Val::Known(String::new()));
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
            ("${a:?no}", None),
            ("${a#x}", None),
            ("$", Some("$")),
        ] {
            assert_eq!(lex(word).as_deref(), expected, "{word}");
        }
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
