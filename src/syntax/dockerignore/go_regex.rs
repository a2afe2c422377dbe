//! From a regular expression in Go's grammar to one of the `regex` crate, for what moby's patterns can hold.
//!
//! The grammars differ where patterns go: Go takes a stray `{` as text, has no sets inside classes, knows ASCII only in
//! `\d` and its like, and refuses what Rust reads as something else.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

/// Largest compiled pattern; above it the pattern is refused instead of taking the machine's memory.
const MAX_SIZE: usize = 2 << 20;
/// Go's largest repeat count.
const MAX_REPEAT: u32 = 1000;

pub(super) fn compile(go: &str) -> Result<Regex, &'static str> {
    let mut translator =
        Translator { rest: go, out: String::with_capacity(go.len() * 2), last: Last::Nothing };
    translator.run()?;
    RegexBuilder::new(&translator.out)
        .size_limit(MAX_SIZE)
        .build()
        .map_err(|_| "it is no valid regular expression once Docker has translated it")
}

/// What a repetition would repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Something,
    Repetition,
}

struct Translator<'g> {
    rest: &'g str,
    out: String,
    last: Last,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), &'static str> {
        while let Some(c) = self.rest.chars().next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '{' => self.brace()?,
                '|' | '(' => self.copy(c, Last::Nothing),
                '^' | '$' | '.' | ')' => self.copy(c, Last::Something),
                '*' | '?' => self.copy(c, Last::Repetition),
                c => {
                    self.rest = &self.rest[c.len_utf8()..];
                    self.literal(c);
                }
            }
        }
        Ok(())
    }

    fn copy(&mut self, c: char, last: Last) {
        self.out.push(c);
        self.rest = &self.rest[c.len_utf8()..];
        self.last = last;
    }

    fn literal(&mut self, c: char) {
        push_char(&mut self.out, c);
        self.last = Last::Something;
    }

    /// `{2}`, `{2,}` and `{2,3}` repeat; every other brace is text.
    fn brace(&mut self) -> Result<(), &'static str> {
        let Some((low, high, len)) = repeat(self.rest) else {
            self.rest = &self.rest[1..];
            self.literal('{');
            return Ok(());
        };
        if low > MAX_REPEAT || high.is_some_and(|h| h > MAX_REPEAT || h < low) {
            return Err("its repeat count is out of range");
        }
        if self.last != Last::Something {
            return Err("there is nothing that `{…}` could repeat");
        }
        self.out.push_str(&self.rest[..len]);
        self.rest = &self.rest[len..];
        self.last = Last::Repetition;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        let next = self.rest[1..].chars().next();
        if let Some(class) = next.and_then(perl_class) {
            self.out.push_str(class);
            self.rest = &self.rest[2..];
            self.last = Last::Something;
            return Ok(());
        }
        let assertion = match next {
            Some('A') => r"\A",
            Some('z') => r"\z",
            Some('b') => r"(?-u:\b)",
            Some('B') => r"(?-u:\B)",
            Some('Q') => {
                let quoted = &self.rest[2..];
                let end = quoted.find(r"\E").unwrap_or(quoted.len());
                quoted[..end].chars().for_each(|c| self.literal(c));
                self.rest = quoted[end..].strip_prefix(r"\E").unwrap_or_default();
                return Ok(());
            }
            _ => {
                let c = escaped_char(&mut self.rest)?;
                self.literal(c);
                return Ok(());
            }
        };
        self.out.push_str(assertion);
        self.rest = &self.rest[2..];
        self.last = Last::Something;
        Ok(())
    }

    fn class(&mut self) -> Result<(), &'static str> {
        const OPEN: &str = "`[` without its `]`";
        self.rest = &self.rest[1..];
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if let Some(named) = named_class(self.rest)? {
                self.out.push_str(named);
                self.rest = &self.rest[named.len()..];
                continue;
            }
            let escaped = self.rest.strip_prefix('\\').and_then(|r| r.chars().next());
            if let Some(class) = escaped.and_then(perl_class) {
                self.out.push_str(class);
                self.rest = &self.rest[2..];
                continue;
            }
            let low = class_char(&mut self.rest).ok_or(OPEN)??;
            let mut high = low;
            if self.rest.starts_with('-') && self.rest.len() > 1 && !self.rest.starts_with("-]") {
                self.rest = &self.rest[1..];
                high = class_char(&mut self.rest).ok_or(OPEN)??;
            }
            if high < low {
                return Err("a range of its class runs backwards");
            }
            push_char(&mut self.out, low);
            self.out.push('-');
            push_char(&mut self.out, high);
        }
        self.rest = &self.rest[1..];
        self.out.push(']');
        self.last = Last::Something;
        Ok(())
    }
}

fn push_char(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || c == '/' {
        out.push(c);
    } else {
        let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
    }
}

/// A repetition at the start of the text: its counts and its length.
fn repeat(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let close = 1 + text[1..].bytes().position(|b| !(b.is_ascii_digit() || b == b','))?;
    if text.as_bytes()[close] != b'}' {
        return None;
    }
    let (low, high) = match text[1..close].split_once(',') {
        Some((low, high)) => (low, Some(high)),
        None => (&text[1..close], None),
    };
    let count = |s: &str| {
        let plain =
            !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()) && (s == "0" || !s.starts_with('0'));
        // What does not fit is out of range anyway.
        plain.then(|| s.parse().unwrap_or(u32::MAX))
    };
    let low_count = count(low)?;
    let high_count = match high {
        None => Some(low_count),
        Some("") => None,
        Some(high) => Some(count(high)?),
    };
    Some((low_count, high_count, close + 1))
}

/// ASCII only, as in Go; nested in a class it is a set of its own.
fn perl_class(c: char) -> Option<&'static str> {
    Some(match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0c\r ]",
        'S' => r"[^\t\n\x0c\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// `[:alpha:]` and its like; another name between the colons is an error, no second colon is no class.
fn named_class(text: &str) -> Result<Option<&str>, &'static str> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
        "upper", "word", "xdigit",
    ];
    let Some(inner) = text.strip_prefix("[:") else { return Ok(None) };
    let Some(end) = inner.find(":]") else { return Ok(None) };
    if NAMES.contains(&inner[..end].strip_prefix('^').unwrap_or(&inner[..end])) {
        Ok(Some(&text[..end + 4]))
    } else {
        Err("it names a class that does not exist")
    }
}

/// `None` at the end of the text.
fn class_char(rest: &mut &str) -> Option<Result<char, &'static str>> {
    let c = rest.chars().next()?;
    if c == '\\' {
        return Some(escaped_char(rest));
    }
    *rest = &rest[c.len_utf8()..];
    Some(Ok(c))
}

/// The character that an escape stands for; `rest` starts with the backslash.
fn escaped_char(rest: &mut &str) -> Result<char, &'static str> {
    const BAD: &str = "an escape that Go does not know";
    let body = &rest[1..];
    let c = body.chars().next().ok_or("a lone `\\` at the end")?;
    let after = &body[c.len_utf8()..];
    let octal = |s: &str, most: usize| s.bytes().take(most).take_while(|b| (b'0'..=b'7').contains(b)).count();
    let (value, used) = match c {
        '0' => (u32::from_str_radix(&body[..=octal(after, 2)], 8).map_err(|_| BAD)?, 1 + octal(after, 2)),
        '1'..='7' if octal(after, 1) == 1 => {
            let digits = octal(body, 3);
            (u32::from_str_radix(&body[..digits], 8).map_err(|_| BAD)?, digits)
        }
        'x' if after.starts_with('{') => {
            let end = after.find('}').ok_or(BAD)?;
            let hex = &after[1..end];
            if hex.is_empty() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BAD);
            }
            (u32::from_str_radix(hex, 16).map_err(|_| BAD)?, end + 2)
        }
        'x' => {
            let hex = after.get(..2).filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit())).ok_or(BAD)?;
            (u32::from_str_radix(hex, 16).map_err(|_| BAD)?, 3)
        }
        'a' => (7, 1),
        'f' => (12, 1),
        'n' => (10, 1),
        'r' => (13, 1),
        't' => (9, 1),
        'v' => (11, 1),
        // `\pL` is valid in Go; nobody names files by it.
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => (u32::from(c), 1),
        _ => return Err(BAD),
    };
    *rest = &body[used..];
    char::from_u32(value).ok_or(BAD)
}
