//! Heredocs: which words of a line start one. A port of the part of BuildKit's `shell.Lex` that decides it, with
//! its quirks, because the quirks decide which lines belong to an instruction.

use std::{iter::Peekable, str::Chars};

use crate::text::Span;

/// A heredoc of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that starts it.
    pub word: HeredocWord,
    /// The lines before the terminator, as in the file.
    pub content: String,
    /// Where they stand.
    pub span: Span,
    /// The end of the terminator line, without its newline; of the text, if there is none.
    pub(super) end: usize,
}

/// What `<<name` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeredocWord {
    /// The name without quotes: the terminator line, and the file's name in a COPY.
    pub name: String,
    /// Whether variables in the body are expanded: the name is not quoted.
    pub expand: bool,
    /// `<<-`: tabs at the start of the body's lines do not count.
    pub strip_tabs: bool,
    /// The file descriptor before it: 3 in `3<<EOF`.
    pub descriptor: Option<u64>,
}

/// The text without the tabs at the start of its lines.
pub fn without_tabs(text: &str) -> String {
    text.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
}

/// The heredocs that a joined line starts, in order; none if the line cannot be split into words.
pub(super) fn words_of_line(line: &str) -> Result<Vec<HeredocWord>, &'static str> {
    let words = Lexer::new(line, Quotes::Keep, Escapes::Keep).words().unwrap_or_default();
    words.iter().filter_map(|word| heredoc_word(word).transpose()).collect()
}

/// Reads a word as a heredoc's start: `3<<-"EOF"`; `None` if it is something else.
///
/// # Errors
/// If the name cannot be read.
pub fn heredoc_word(word: &str) -> Result<Option<HeredocWord>, &'static str> {
    let after = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &word[..word.len() - after.len()];
    // A number that is too large is the largest one there is.
    let descriptor = (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX));
    let Some(rest) = after.strip_prefix("<<") else { return Ok(None) };
    let (rest, strip_tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    let rest = rest.trim_start_matches([' ', '\t', '\n', '\u{c}', '\r']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let names = Lexer::new(rest, Quotes::Remove, Escapes::Remove).words()?;
    let [name] = names.as_slice() else { return Ok(None) };
    let raw = Lexer::new(rest, Quotes::Keep, Escapes::Remove).words()?;
    if raw.len() != 1 {
        return Err("its quotes hide where it ends");
    }
    let quotes = |word: &str| word.matches(['\'', '"']).count();
    let expand = raw.first().is_some_and(|raw| quotes(raw) == quotes(name));
    Ok(Some(HeredocWord { name: name.clone(), expand, strip_tabs, descriptor }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Keep,
    Remove,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Keep,
    Remove,
}

/// How deep `${a:-${b:-…}}` is followed. What is deeper counts as not splittable.
const DEEPEST: usize = 100;

/// `shell.Lex` with no variable set and unset variables kept. The escape character is `\` whatever the file says.
struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    quotes: Quotes,
    escapes: Escapes,
    /// The word in progress. One for all levels, as in BuildKit: a nested level drops what the outer one had.
    buffer: String,
    depth: usize,
}

type Lexed<T> = Result<T, &'static str>;

impl<'a> Lexer<'a> {
    fn new(text: &'a str, quotes: Quotes, escapes: Escapes) -> Self {
        // Go's scanner drops a byte order mark at the start of whatever it reads.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { chars: text.chars().peekable(), quotes, escapes, buffer: String::new(), depth: 0 }
    }

    fn words(mut self) -> Lexed<Vec<String>> {
        let escapes = self.escapes;
        self.until(None, escapes).map(|(_, words)| words)
    }

    /// Reads up to `stop` or the end: the text, and the words in it.
    fn until(&mut self, stop: Option<char>, escapes: Escapes) -> Lexed<(String, Vec<String>)> {
        if self.depth == DEEPEST {
            return Err("`${` is nested too deeply");
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.escapes, escapes);
        let result = self.level(stop);
        self.escapes = outer;
        self.depth -= 1;
        result
    }

    fn level(&mut self, stop: Option<char>) -> Lexed<(String, Vec<String>)> {
        let mut result = String::new();
        let mut words = Words::default();
        self.buffer.clear();
        while let Some(&c) = self.chars.peek() {
            if Some(c) == stop {
                self.chars.next();
                return Ok((result, words.finish(&mut self.buffer)));
            }
            match c {
                '$' => {
                    let text = self.dollar()?;
                    text.chars().for_each(|c| words.split(&mut self.buffer, c));
                    result.push_str(&text);
                }
                '\'' | '"' | '<' => {
                    let text = match c {
                        '\'' => self.single_quote()?,
                        '"' => self.double_quote()?,
                        _ => self.less_than(),
                    };
                    words.keep(&mut self.buffer, &text);
                    result.push_str(&text);
                }
                '\\' => {
                    self.chars.next();
                    if self.escapes == Escapes::Keep {
                        words.keep(&mut self.buffer, "\\");
                        result.push('\\');
                    }
                    let Some(c) = self.chars.next() else { break };
                    words.keep(&mut self.buffer, c.encode_utf8(&mut [0; 4]));
                    result.push(c);
                }
                c => {
                    self.chars.next();
                    words.split(&mut self.buffer, c);
                    result.push(c);
                }
            }
        }
        match stop {
            Some(_) => Err("a `${` has no `}`"),
            None => Ok((result, words.finish(&mut self.buffer))),
        }
    }

    fn quote(&self, result: &mut String, quote: char) {
        if self.quotes == Quotes::Keep {
            result.push(quote);
        }
    }

    fn single_quote(&mut self) -> Lexed<String> {
        let mut result = String::new();
        self.chars.next();
        self.quote(&mut result, '\'');
        loop {
            match self.chars.next() {
                None => return Err("a single quote is not closed"),
                Some('\'') => break,
                Some(c) => result.push(c),
            }
        }
        self.quote(&mut result, '\'');
        Ok(result)
    }

    fn double_quote(&mut self) -> Lexed<String> {
        let mut result = String::new();
        self.chars.next();
        self.quote(&mut result, '"');
        loop {
            match self.chars.peek() {
                None => return Err("a double quote is not closed"),
                Some('"') => break,
                Some('$') => result.push_str(&self.dollar()?),
                Some('\\') => {
                    self.chars.next();
                    if self.escapes == Escapes::Keep {
                        result.push('\\');
                    }
                    if let Some(&next) = self.chars.peek() {
                        if ['"', '$', '\\'].contains(&next) {
                            self.chars.next();
                            result.push(next);
                        } else {
                            // Kept escapes are doubled here: a quirk of the original.
                            result.push('\\');
                        }
                    }
                }
                Some(&c) => {
                    self.chars.next();
                    result.push(c);
                }
            }
        }
        self.chars.next();
        self.quote(&mut result, '"');
        Ok(result)
    }

    /// `<`, or `<<` with the white space after it.
    fn less_than(&mut self) -> String {
        self.chars.next();
        let mut result = "<".to_owned();
        if self.chars.next_if_eq(&'<').is_some() {
            result.push('<');
            while let Some(space) = self.chars.next_if(|&c| [' ', '\t', '\r'].contains(&c)) {
                result.push(space);
            }
        }
        result
    }

    /// `$name` or `${…}`, as written.
    fn dollar(&mut self) -> Lexed<String> {
        self.chars.next();
        if self.chars.next_if_eq(&'{').is_none() {
            return Ok(format!("${}", self.name()));
        }
        match self.chars.peek() {
            None => return Err("a `${` has no `}`"),
            Some('{' | '}' | ':') => return Err("a `${` has no name after it"),
            Some(_) => {}
        }
        let name = self.name();
        let mut operator = String::new();
        let mut next = self.chars.next();
        if next == Some(':') {
            operator.push(':');
            next = self.chars.next();
            if matches!(next, Some('#' | '%')) {
                return Err("`${name:#…}` and `${name:%…}` do not exist");
            }
            operator.extend(next);
            let (word, _) = self.until(Some('}'), Escapes::Remove)?;
            return Ok(format!("${{{name}{operator}{word}}}"));
        }
        match next {
            Some('}') => Ok(format!("${{{name}}}")),
            Some(c @ ('+' | '-' | '?' | '#' | '%')) => {
                let escapes = if c == '#' || c == '%' { Escapes::Keep } else { Escapes::Remove };
                let (word, _) = self.until(Some('}'), escapes)?;
                Ok(format!("${{{name}{c}{word}}}"))
            }
            Some('/') => {
                // `//` replaces all; the mark is not part of the pattern.
                self.chars.next_if_eq(&'/');
                let (pattern, _) = self.until(Some('/'), Escapes::Keep)?;
                let (replacement, _) = self.until(Some('}'), Escapes::Keep)?;
                Ok(format!("${{{name}/{pattern}/{replacement}}}"))
            }
            _ => Err("a `${` has a modifier that BuildKit does not know"),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.chars.peek() {
            Some(c) if c.is_numeric() => {
                while let Some(digit) = self.chars.next_if(|c| c.is_numeric()) {
                    name.push(digit);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.chars.next()),
            _ => {
                while let Some(c) = self.chars.next_if(|&c| c.is_alphanumeric() || c == '_') {
                    name.push(c);
                }
            }
        }
        name
    }
}

/// The words of one level; the word in progress is in the lexer's buffer.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    in_word: bool,
}

impl Words {
    /// A character that ends the word if it is white space.
    fn split(&mut self, buffer: &mut String, c: char) {
        if !c.is_whitespace() {
            buffer.push(c);
            self.in_word = true;
        } else if self.in_word && !buffer.is_empty() {
            self.words.push(std::mem::take(buffer));
            self.in_word = false;
        }
    }

    /// Text that is part of the word whatever it is.
    fn keep(&mut self, buffer: &mut String, text: &str) {
        buffer.push_str(text);
        self.in_word = true;
    }

    fn finish(mut self, buffer: &mut String) -> Vec<String> {
        if !buffer.is_empty() {
            self.words.push(std::mem::take(buffer));
        }
        self.words
    }
}
