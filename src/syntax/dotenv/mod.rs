//! `.env` files as compose-go's `dotenv` package reads them, and the variables that they set.

mod template;

use std::{collections::BTreeMap, sync::Arc};

use crate::{syntax::SyntaxError, text::Span};

pub use template::{TemplateError, substitute};

/// What is known of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// It has this value.
    Set(&'a str),
    /// It is set, to something that only the machine knows.
    Unknown,
    /// No file sets it; the shell that starts Compose may.
    Unset,
}

/// Compose sets it before it reads a file, so that no default takes its place (compose-go, `loader.projectName`).
const PROJECT_NAME: &str = "COMPOSE_PROJECT_NAME";

/// Variables for interpolation, as `.env` gives them. Clones share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Env {
    values: Arc<BTreeMap<String, Option<String>>>,
}

impl Env {
    /// Reads a `.env` file. Reading stops at the first line that Compose would refuse; what stands above it is kept.
    pub fn parse(text: &str) -> (Self, Vec<SyntaxError>) {
        let mut env = Self::default();
        let errors = env.read(text, &Self::default());
        (env, errors)
    }

    /// Reads one more `.env` file: it replaces what the ones before set, but nothing of `outer`.
    pub fn read(&mut self, text: &str, outer: &Self) -> Vec<SyntaxError> {
        let mut parser = Parser { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 }, outer };
        parser.run(self).err().into_iter().collect()
    }

    /// Sets a variable; a later value replaces an earlier one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        Arc::make_mut(&mut self.values).insert(name.into(), Some(value.into()));
    }

    /// The same for clones that nothing was added to.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.values).addr()
    }

    /// What is known of a variable. The project's name is never unset.
    pub fn get(&self, name: &str) -> Lookup<'_> {
        match self.values.get(name) {
            None if name == PROJECT_NAME => Lookup::Unknown,
            None => Lookup::Unset,
            Some(None) => Lookup::Unknown,
            Some(Some(value)) => Lookup::Set(value),
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// What the file cannot change.
    outer: &'t Env,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        self.at += self.rest().len() - self.rest().trim_start_matches(wanted).len();
    }

    fn run(&mut self, env: &mut Env) -> Result<(), SyntaxError> {
        loop {
            self.skip(char::is_whitespace);
            match self.rest().chars().next() {
                None => return Ok(()),
                Some('#') => self.skip(|c| c != '\n'),
                Some(_) => self.statement(env)?,
            }
        }
    }

    fn statement(&mut self, env: &mut Env) -> Result<(), SyntaxError> {
        if self.rest().strip_prefix("export").is_some_and(|r| r.starts_with(char::is_whitespace)) {
            self.at += "export".len();
            self.skip(is_space);
        }
        let (key, inherited) = self.key()?;
        if inherited {
            // The shell's value, if it has one: the file does not set it.
            return Ok(());
        }
        self.skip(is_space);
        let value = self.value(env)?;
        if !self.outer.values.contains_key(&key) {
            Arc::make_mut(&mut env.values).insert(key, value);
        }
        Ok(())
    }

    /// The name, and whether it stands without `=`.
    fn key(&mut self) -> Result<(String, bool), SyntaxError> {
        let start = self.at;
        for (i, c) in self.rest().char_indices() {
            match c {
                '=' | ':' | '\n' => {
                    let key = self.text[start..start + i].trim_end();
                    self.at = start + i + 1;
                    if let Some(space) = key.find(' ') {
                        let message = "a variable's name cannot hold a space: remove it";
                        return Err(error(start + space, 1, message));
                    }
                    return Ok((key.to_owned(), c == '\n'));
                }
                '_' | '.' | '-' | '[' | ']' => {}
                c if is_space(c) || c.is_alphanumeric() => {}
                c => {
                    let message = format!(
                        "`{}` cannot stand in a variable's name: write `NAME=value`",
                        c.escape_debug()
                    );
                    return Err(error(start + i, c.len_utf8(), message));
                }
            }
        }
        // compose-go finds no name here and reads the word as a value; nothing is set.
        self.at = self.text.len();
        Ok((String::new(), true))
    }

    fn value(&mut self, env: &Env) -> Result<Option<String>, SyntaxError> {
        let start = self.at;
        let Some(&quote @ (b'"' | b'\'')) = self.rest().as_bytes().first() else {
            let line = self.rest().split('\n').next().unwrap_or_default();
            self.at += line.len();
            let value = line.split(" #").next().unwrap_or_default().trim_end();
            return expand(value, env, Span::new(start, start + value.len()));
        };
        let (mut out, mut escaped) = (String::new(), false);
        for (i, c) in self.rest().char_indices().skip(1) {
            if c == char::from(quote) && !escaped {
                self.at = start + i + 1;
                let span = Span::new(start, self.at);
                return if quote == b'"' { expand(&unescape(&out), env, span) } else { Ok(Some(out)) };
            }
            if c == '\\' && !escaped {
                escaped = true;
                continue;
            }
            if escaped && c != char::from(quote) {
                out.push('\\');
            }
            escaped = false;
            out.push(c);
        }
        Err(error(start, 1, "the quote is never closed: close it"))
    }
}

fn error(at: usize, len: usize, message: impl Into<String>) -> SyntaxError {
    SyntaxError { span: Span::new(at, at + len), message: message.into() }
}

fn expand(value: &str, env: &Env, span: Span) -> Result<Option<String>, SyntaxError> {
    substitute(value, env).map_err(|e| SyntaxError { span, message: e.to_string() })
}

/// Blanks, without the line feed.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// The escapes of a double-quoted value; `\$` becomes `$$`, which the expansion turns into one `$`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let (plain, used) = match tail.as_bytes().first() {
            Some(b'$') => ("$$".to_owned(), 1),
            Some(b'a') => ("\u{7}".to_owned(), 1),
            Some(b'b') => ("\u{8}".to_owned(), 1),
            Some(b'f') => ("\u{c}".to_owned(), 1),
            Some(b'n') => ("\n".to_owned(), 1),
            Some(b'r') => ("\r".to_owned(), 1),
            Some(b't') => ("\t".to_owned(), 1),
            Some(b'v') => ("\u{b}".to_owned(), 1),
            Some(b'"') => ("\"".to_owned(), 1),
            Some(b'\\') => ("\\".to_owned(), 1),
            Some(b'0') => octal(tail),
            _ => ("\\".to_owned(), 0),
        };
        out.push_str(&plain);
        rest = &tail[used..];
    }
    out + rest
}

/// `\0` and three octal digits are a character; with fewer, Go's unquoting fails and the text stays as it is.
fn octal(tail: &str) -> (String, usize) {
    let digits = tail[1..].bytes().take(3).take_while(u8::is_ascii_digit).count();
    let code = if digits == 3 { u8::from_str_radix(&tail[1..4], 8).ok() } else { None };
    match code {
        Some(code) => (char::from(code).to_string(), 4),
        None => (format!("\\{}", &tail[1..=digits]), digits + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(text: &str) -> Env {
        let (env, errors) = Env::parse(text);
        assert_eq!(errors, [], "{text}");
        env
    }

    #[test]
    fn values_lose_quotes_and_comments() {
        let env = env(
            "\u{feff}A=1\nexport B = two words # note\nC='$A'\nD=\"x\\ty $A\" # c\nE: yaml\nF=\nG=a#b\r\n",
        );
        for (name, value) in [
            ("A", "1"),
            ("B", "two words"),
            ("C", "$A"),
            ("D", "x\ty 1"),
            ("E", "yaml"),
            ("F", ""),
            ("G", "a#b"),
        ] {
            assert_eq!(env.get(name), Lookup::Set(value), "{name}");
        }
        assert_eq!(env.get("H"), Lookup::Unset);
    }

    #[test]
    fn a_value_may_have_several_lines_and_escapes() {
        let env = env("A=\"one\ntwo\"\nB=\"q\\\"q\"\nC='it\\'s'\nD=\"\\$A\"\nE=\"\\0101\"\nF=\"\\q\"\n");
        for (name, value) in
            [("A", "one\ntwo"), ("B", "q\"q"), ("C", "it's"), ("D", "$A"), ("E", "A"), ("F", "\\q")]
        {
            assert_eq!(env.get(name), Lookup::Set(value), "{name}");
        }
    }

    #[test]
    fn what_the_shell_decides_is_not_guessed() {
        let env = env("A=$OUTSIDE/x\nINHERITED\nB=${OUTSIDE:-d}\n");
        assert_eq!(env.get("A"), Lookup::Unknown);
        assert_eq!(env.get("INHERITED"), Lookup::Unset);
        assert_eq!(env.get("B"), Lookup::Set("d"));
    }

    #[test]
    fn values_that_double_do_not_fill_the_memory() {
        let text = "A=0123456789\n".to_owned() + &"A=$A$A\n".repeat(100);
        assert_eq!(env(&text).get("A"), Lookup::Unknown);
        let long = format!("A={}\nB=$A$A\n", "x".repeat(5_000));
        assert_eq!(env(&long).get("B"), Lookup::Unknown);
    }

    #[test]
    fn a_line_that_compose_refuses_is_an_error_and_the_rest_above_stays() {
        let (env, errors) = Env::parse("A=1\nB!=2\n");
        assert_eq!(env.get("A"), Lookup::Set("1"));
        assert_eq!(errors[0].span, Span::new(5, 6));
        assert_eq!(Env::parse("A='x\n").1.len(), 1);
        assert_eq!(Env::parse("A B=x\n").1.len(), 1);
    }
}
