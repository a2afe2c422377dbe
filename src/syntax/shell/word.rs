//! Words: quotes and expansions.

use super::{
    Word,
    scan::{End, Scanner, is_assignment, is_end_of_word},
};

/// How deep expansions are followed; deeper ones are plain characters.
const DEEPEST: usize = 40;

/// What is known of a word while it is read.
struct Value {
    literal: Option<String>,
    variables: Vec<String>,
}

impl Value {
    fn new() -> Self {
        Self { literal: Some(String::new()), variables: Vec::new() }
    }

    fn push(&mut self, c: char) {
        if let Some(literal) = &mut self.literal {
            literal.push(c);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    No,
    Double,
}

impl Scanner<'_> {
    /// Reads a word. Moves on by at least one character.
    pub(super) fn word(&mut self) -> Word {
        let start = self.at;
        let mut value = Value::new();
        while let Some(byte) = self.byte(0) {
            match byte {
                b'`' if !self.in_backquotes => self.backquotes(&mut value),
                b'\r' if self.byte(1) != Some(b'\n') => {
                    self.at += 1;
                    value.push('\r');
                }
                b'<' | b'>' if self.at == start && self.byte(1) == Some(b'(') => {
                    value.literal = None;
                    self.substitution(End::Paren, 2);
                }
                b'(' if is_open_array(&self.text[start..self.at]) => self.array(&mut value),
                byte if is_end_of_word(byte) => break,
                _ => self.part(&mut value),
            }
        }
        if self.at == start {
            self.skip().into_iter().for_each(|c| value.push(c));
        }
        let raw = self.text[start..self.at].replace("\\\n", "").replace("\\\r\n", "");
        Word {
            raw,
            span: self.map.span(&(start..self.at)),
            literal: value.literal,
            variables: value.variables,
        }
    }

    /// A character, an escaped one, a quoted text or an expansion.
    fn part(&mut self, value: &mut Value) {
        match self.byte(0) {
            Some(b'\\') => {
                self.at += 1;
                if self.starts_with("\r\n") {
                    self.at += 2;
                } else {
                    // With nothing behind it, it is itself (bash, dash and busybox).
                    let c = self.skip().unwrap_or('\\');
                    if c != '\n' {
                        value.push(c);
                    }
                }
            }
            Some(b'\'') => self.single_quotes(value),
            Some(b'"') => self.double_quotes(value),
            Some(b'$') => self.dollar(value, Quoted::No),
            Some(b'`') => self.backquotes(value),
            _ => self.skip().into_iter().for_each(|c| value.push(c)),
        }
    }

    fn single_quotes(&mut self, value: &mut Value) {
        let rest = &self.text[self.at + 1..self.limit];
        let length = rest.find('\'').unwrap_or(rest.len());
        if let Some(literal) = &mut value.literal {
            literal.push_str(&rest[..length]);
        }
        self.at = (self.at + 1 + length + 1).min(self.limit);
    }

    fn double_quotes(&mut self, value: &mut Value) {
        self.at += 1;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => match self.byte(1) {
                    Some(b'\n') => self.at += 2,
                    Some(next @ (b'$' | b'`' | b'"' | b'\\')) => {
                        self.at += 2;
                        value.push(char::from(next));
                    }
                    _ => {
                        self.at += 1;
                        value.push('\\');
                    }
                },
                b'$' => self.dollar(value, Quoted::Double),
                b'`' if self.in_backquotes => return,
                b'`' => self.backquotes(value),
                _ => self.skip().into_iter().for_each(|c| value.push(c)),
            }
        }
    }

    /// `$name`, `${…}`, `$(…)`, `$((…))` or a dollar.
    fn dollar(&mut self, value: &mut Value, quoted: Quoted) {
        let Some(next) = self.byte(1) else {
            self.at += 1;
            value.push('$');
            return;
        };
        match next {
            b'(' | b'{' if self.depth >= DEEPEST => {
                self.at += 1;
                value.literal = None;
            }
            b'(' => {
                value.literal = None;
                let arithmetic =
                    (self.byte(2) == Some(b'(')).then(|| self.arithmetic_end(self.at + 3)).flatten();
                if let Some(end) = arithmetic {
                    self.at += 3;
                    self.depth += 1;
                    self.arithmetic_value(end, value);
                    self.depth -= 1;
                } else {
                    self.substitution(End::Paren, 2);
                }
            }
            b'{' => {
                value.literal = None;
                self.depth += 1;
                self.braces(value, quoted);
                self.depth -= 1;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                value.literal = None;
                self.at += 1;
                let name = self.name();
                value.variables.push(name);
            }
            b'0'..=b'9' | b'@' | b'*' | b'#' | b'?' | b'$' | b'!' | b'-' => {
                value.literal = None;
                self.at += 2;
            }
            b'\'' if quoted == Quoted::No => {
                value.literal = None;
                self.ansi_quotes();
            }
            b'"' if quoted == Quoted::No => {
                value.literal = None;
                self.at += 1;
            }
            _ => {
                self.at += 1;
                value.push('$');
            }
        }
    }

    fn name(&mut self) -> String {
        let rest = &self.text[self.at..self.limit];
        let after = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let name = rest[..rest.len() - after.len()].to_owned();
        self.at += name.len();
        name
    }

    /// `$'…'`
    fn ansi_quotes(&mut self) {
        self.at += 2;
        while let Some(c) = self.skip() {
            match c {
                '\\' => drop(self.skip()),
                '\'' => return,
                _ => {}
            }
        }
    }

    /// `${name…}`
    fn braces(&mut self, value: &mut Value, quoted: Quoted) {
        self.at += 2;
        if matches!(self.byte(0), Some(b'#' | b'!')) && self.byte(1) != Some(b'}') {
            self.at += 1;
        }
        let name = self.name();
        if name.starts_with(|c: char| !c.is_ascii_digit()) {
            value.variables.push(name);
        }
        while let Some(byte) = self.byte(0) {
            match byte {
                b'}' => {
                    self.at += 1;
                    return;
                }
                b'`' if self.in_backquotes => return,
                b'\'' if quoted == Quoted::Double => self.at += 1,
                b'$' => self.dollar(value, quoted),
                _ => self.part(value),
            }
        }
    }

    /// Where `))` closes what `((` opened before `from`; `None` if it is a subshell in a subshell.
    pub(super) fn arithmetic_end(&mut self, from: usize) -> Option<usize> {
        let mut open = 0_usize;
        for (offset, byte) in self.text.as_bytes()[from..self.limit].iter().enumerate() {
            self.look_ahead = self.look_ahead.checked_sub(1)?;
            match byte {
                b'(' => open += 1,
                b')' if open > 0 => open -= 1,
                b')' => {
                    let closed = self.text.as_bytes()[..self.limit].get(from + offset + 1) == Some(&b')');
                    return closed.then_some(from + offset);
                }
                _ => {}
            }
        }
        None
    }

    /// Reads expansions up to `end`, and steps over the `))` there.
    pub(super) fn arithmetic(&mut self, end: usize) {
        self.arithmetic_value(end, &mut Value::new());
    }

    fn arithmetic_value(&mut self, end: usize, value: &mut Value) {
        let outer = std::mem::replace(&mut self.limit, end);
        self.expansions_into(value);
        self.limit = outer;
        self.at = (end + 2).min(self.limit);
    }

    /// Reads the expansions up to the limit; everything else is plain.
    pub(super) fn expansions(&mut self) {
        self.expansions_into(&mut Value::new());
    }

    fn expansions_into(&mut self, value: &mut Value) {
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\\' => {
                    self.at += 1;
                    self.skip();
                }
                b'$' => self.dollar(value, Quoted::Double),
                b'`' if !self.in_backquotes => self.backquotes(value),
                _ => drop(self.skip()),
            }
        }
    }

    fn backquotes(&mut self, value: &mut Value) {
        value.literal = None;
        if self.in_backquotes || self.depth >= DEEPEST {
            self.at += 1;
            return;
        }
        self.in_backquotes = true;
        self.substitution(End::Backquote, 1);
        self.in_backquotes = false;
    }

    /// Reads the list behind `opener` bytes.
    fn substitution(&mut self, end: End, opener: usize) {
        self.at = (self.at + opener).min(self.limit);
        if self.depth >= DEEPEST {
            return;
        }
        self.depth += 1;
        self.substitution += 1;
        self.list(end);
        self.substitution -= 1;
        self.depth -= 1;
    }

    /// `name=(…)`
    fn array(&mut self, value: &mut Value) {
        value.literal = None;
        self.at += 1;
        loop {
            self.gap();
            match self.byte(0) {
                None => return,
                Some(b')') => {
                    self.at += 1;
                    return;
                }
                Some(b'`') if self.in_backquotes => return,
                Some(b'(' | b';' | b'&' | b'|' | b'<' | b'>') => self.at += 1,
                Some(_) => self.part(value),
            }
        }
    }
}

/// Whether a word that is followed by `(` is an array's assignment.
fn is_open_array(word: &str) -> bool {
    word.ends_with('=') && is_assignment(word) && !word[..word.len() - 1].contains('=')
}
