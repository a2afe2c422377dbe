//! Lists and compound commands: which simple commands there are, and how they hang together.

use std::ops::Range;

use super::{Command, Compound, Heredoc as Body, Link, Redirect, Script, Word};
use crate::{syntax::offsets::OffsetMap, text::Span};

/// Reads the whole text.
pub(super) fn scan(text: &str, map: &OffsetMap) -> Script {
    let mut commands = read(text, map).commands;
    commands.sort_by_key(|command| command.span.start);
    Script { commands }
}

/// What the scanner met, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A simple command.
    Command(usize),
    /// A command in a substitution of the next simple command.
    Inner(usize),
    /// `;` or a newline.
    Then,
    /// `&`
    Background,
    And,
    Or,
    Pipe,
    /// `!`
    Not,
    /// The next compound command is this function's body.
    Function(String),
    Open(Compound),
    /// `elif`
    Condition,
    /// `then`, `else`, `do`, or a `case`'s pattern
    Arm,
    Close,
}

/// What was read, in the order of reading: a command stands behind those of its own substitutions.
pub(super) struct Reading {
    pub(super) commands: Vec<Command>,
    pub(super) events: Vec<Event>,
    pub(super) heredocs: Vec<Body>,
}

pub(super) fn read(text: &str, map: &OffsetMap) -> Reading {
    let mut scanner = Scanner {
        text,
        limit: text.len(),
        at: 0,
        map,
        commands: Vec::new(),
        substitution: 0,
        nesting: 0,
        depth: 0,
        in_backquotes: false,
        heredocs: Vec::new(),
        look_ahead: text.len().saturating_mul(4),
        events: Vec::new(),
        bodies: Vec::new(),
    };
    scanner.list(End::Text);
    Reading { commands: scanner.commands, events: scanner.events, heredocs: scanner.bodies }
}

/// What ends a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Text,
    Paren,
    Backquote,
}

/// A heredoc whose body comes after the next newline.
struct Heredoc {
    /// Its delimiter where the redirection names it.
    delimiter: Span,
    name: String,
    strip_tabs: bool,
    expand: bool,
}

pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
    /// Where reading ends for now.
    pub(super) limit: usize,
    pub(super) at: usize,
    pub(super) map: &'a OffsetMap,
    commands: Vec<Command>,
    pub(super) substitution: u32,
    nesting: u32,
    /// How many readers are inside each other.
    pub(super) depth: usize,
    /// Inside backquotes, where the next one ends everything.
    pub(super) in_backquotes: bool,
    heredocs: Vec<Heredoc>,
    /// How many bytes may still be looked at to tell `((` from `( (`.
    pub(super) look_ahead: usize,
    /// How the commands hang together.
    events: Vec<Event>,
    /// The heredocs that were read.
    bodies: Vec<Body>,
}

/// A compound command that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// `if`, `for`, `while`, `until`, `select`, `{`
    Block,
    /// `(`
    Paren,
    /// `case … in`, before a pattern
    Pattern,
    /// `case … in`, after a pattern's `)`
    Branch,
}

/// Where a list stands.
struct List {
    frames: Vec<Frame>,
    /// How many of the frames are parentheses.
    parens: usize,
    link: Link,
    /// Whether a command stood since the last operator.
    command: bool,
    /// Whether that was a compound command: redirections after it are its own.
    compound: bool,
}

impl List {
    fn operator(&mut self, link: Link) {
        (self.link, self.command, self.compound) = (link, false, false);
    }

    /// `;`, `&` or a newline: nothing after `&&` or at the start, where the command is still to come.
    fn separator(&mut self) {
        if self.command {
            self.operator(Link::Then);
        }
    }

    fn open(&mut self, frame: Frame) {
        self.frames.push(frame);
        self.parens += usize::from(frame == Frame::Paren);
        self.operator(Link::First);
    }

    fn close(&mut self) {
        let frame = self.frames.pop();
        self.parens -= usize::from(frame == Some(Frame::Paren));
        (self.link, self.command, self.compound) = (Link::Then, true, true);
    }
}

impl<'a> Scanner<'a> {
    /// Notes structure; that inside substitutions and heredocs is not a part of the script's.
    fn emit(&mut self, event: Event) {
        if self.substitution == 0 {
            self.events.push(event);
        }
    }

    fn push(&mut self, command: Command) {
        let index = self.commands.len();
        let inner = command.substitution > 0;
        self.events.push(if inner { Event::Inner(index) } else { Event::Command(index) });
        self.commands.push(command);
    }

    fn close(&mut self, list: &mut List) {
        list.close();
        self.emit(Event::Close);
    }

    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        if at < self.limit { self.text.as_bytes().get(at).copied() } else { None }
    }

    pub(super) fn starts_with(&self, what: &str) -> bool {
        self.text[self.at..self.limit].starts_with(what)
    }

    /// Skips one character.
    pub(super) fn skip(&mut self) -> Option<char> {
        let c = self.text[self.at..self.limit].chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Skips spaces, tabs and continuations.
    fn blanks(&mut self) {
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\r' if self.byte(1) == Some(b'\n') => self.at += 1,
                b'\\' if self.byte(1) == Some(b'\n') => self.at += 2,
                b'\\' if self.byte(1) == Some(b'\r') && self.byte(2) == Some(b'\n') => self.at += 3,
                _ => return,
            }
        }
    }

    fn comment(&mut self) {
        let rest = &self.text[self.at..self.limit];
        // The closing backquote ends a comment too: people write `# why` into the middle of a command.
        let end = rest.find(|c| c == '\n' || (c == '`' && self.in_backquotes));
        self.at += end.unwrap_or(rest.len());
    }

    /// Skips blanks, comments and newlines, and with the newlines the bodies of heredocs.
    pub(super) fn gap(&mut self) {
        loop {
            self.blanks();
            match self.byte(0) {
                Some(b'\n') => self.newline(),
                Some(b'#') => self.comment(),
                _ => return,
            }
        }
    }

    fn newline(&mut self) {
        self.at += 1;
        for heredoc in std::mem::take(&mut self.heredocs) {
            self.heredoc_body(&heredoc);
        }
    }

    /// Skips a heredoc's body; commands in its substitutions are read.
    fn heredoc_body(&mut self, heredoc: &Heredoc) {
        let (mut body_end, mut next) = (self.limit, self.limit);
        let mut line_start = self.at;
        for line in self.text[self.at..self.limit].split_inclusive('\n') {
            let candidate = line.trim_end_matches(['\r', '\n']);
            let candidate = if heredoc.strip_tabs { candidate.trim_start_matches('\t') } else { candidate };
            if candidate == heredoc.name {
                (body_end, next) = (line_start, line_start + line.len());
                break;
            }
            line_start += line.len();
        }
        let text: Range<usize> = self.at..body_end;
        self.bodies.push(Body { delimiter: heredoc.delimiter, text, expand: heredoc.expand });
        if heredoc.expand {
            let outer = std::mem::replace(&mut self.limit, body_end);
            self.expansions();
            self.limit = outer;
        }
        self.at = next;
    }

    /// The word at this place if it is made of plain characters only, for reserved words.
    fn plain_word(&self) -> &'a str {
        let rest = &self.text[self.at..self.limit];
        let rest = &rest.as_bytes()[..rest.len().min(12)];
        let end = rest.iter().position(|&b| is_end_of_word(b)).unwrap_or(rest.len());
        self.text.get(self.at..self.at + end).unwrap_or("")
    }

    /// Reads a list up to its end.
    pub(super) fn list(&mut self, end: End) {
        let outer = self.nesting;
        let mut list =
            List { frames: Vec::new(), parens: 0, link: Link::First, command: false, compound: false };
        loop {
            self.nesting = outer.saturating_add(u32::try_from(list.frames.len()).unwrap_or(u32::MAX));
            if list.frames.last() == Some(&Frame::Pattern) {
                self.gap();
            } else {
                self.blanks();
            }
            let Some(byte) = self.byte(0) else { break };
            if byte == b'`' && self.in_backquotes {
                self.at += usize::from(end == End::Backquote);
                break;
            }
            if list.frames.last() == Some(&Frame::Pattern) {
                self.pattern(&mut list);
            } else if byte == b')' && list.parens == 0 {
                self.at += 1;
                if end == End::Paren {
                    break;
                }
            } else if !self.operator(byte, &mut list) {
                self.command(&mut list);
            }
        }
        self.nesting = outer;
    }

    /// Reads an operator, newline, comment or parenthesis.
    fn operator(&mut self, byte: u8, list: &mut List) -> bool {
        let next = self.byte(1);
        match byte {
            b'\n' => {
                self.emit(Event::Then);
                self.newline();
                list.separator();
            }
            b'#' => self.comment(),
            b';' if matches!(next, Some(b';' | b'&')) => {
                self.at += if self.starts_with(";;&") { 3 } else { 2 };
                list.separator();
                self.emit(Event::Then);
                if list.frames.last() == Some(&Frame::Branch) {
                    list.close();
                    list.open(Frame::Pattern);
                }
            }
            b'&' if next == Some(b'&') => {
                self.at += 2;
                self.emit(Event::And);
                list.operator(Link::And);
            }
            b'&' if next == Some(b'>') => return false,
            b';' | b'&' => {
                self.at += 1;
                self.emit(if byte == b'&' { Event::Background } else { Event::Then });
                list.separator();
            }
            b'|' if next == Some(b'|') => {
                self.at += 2;
                self.emit(Event::Or);
                list.operator(Link::Or);
            }
            b'|' => {
                self.at += if next == Some(b'&') { 2 } else { 1 };
                self.emit(Event::Pipe);
                list.operator(Link::Pipe);
            }
            b'(' => {
                if !self.arithmetic_command() {
                    self.at += 1;
                    self.emit(Event::Open(Compound::Subshell));
                    list.open(Frame::Paren);
                    return true;
                }
                (list.command, list.compound) = (true, true);
            }
            b')' => {
                self.at += 1;
                // What was left open inside ends here.
                while list.frames.last().is_some_and(|frame| *frame != Frame::Paren) {
                    self.close(list);
                }
                self.close(list);
            }
            _ => return false,
        }
        true
    }

    /// `((…))`
    fn arithmetic_command(&mut self) -> bool {
        if self.byte(1) != Some(b'(') {
            return false;
        }
        let Some(end) = self.arithmetic_end(self.at + 2) else { return false };
        self.at += 2;
        self.arithmetic(end);
        true
    }

    /// Reads a reserved word or a simple command.
    fn command(&mut self, list: &mut List) {
        let word = self.plain_word();
        let reserved = match word {
            "if" | "while" | "until" | "{" | "for" | "select" => {
                self.emit(Event::Open(match word {
                    "if" => Compound::If,
                    "{" => Compound::Group,
                    _ => Compound::Loop,
                }));
                list.open(Frame::Block);
                true
            }
            "then" | "do" | "else" | "elif" => {
                self.emit(if word == "elif" { Event::Condition } else { Event::Arm });
                list.operator(Link::First);
                true
            }
            "fi" | "done" | "}" => {
                if list.frames.last() == Some(&Frame::Block) {
                    self.close(list);
                }
                true
            }
            "esac" => {
                if list.frames.last() == Some(&Frame::Branch) {
                    self.close(list);
                }
                true
            }
            "!" | "case" | "function" => true,
            _ => false,
        };
        if reserved {
            self.at += word.len();
            match word {
                "!" => self.emit(Event::Not),
                "for" | "select" => self.for_header(),
                "case" => self.case_header(list),
                "function" => {
                    self.blanks();
                    self.name_of_function();
                }
                _ => {}
            }
        } else if word == "[[" {
            let command = self.condition(list.link);
            self.push(command);
            list.command = true;
        } else {
            self.simple(list);
        }
    }

    fn name_of_function(&mut self) {
        if self.byte(0).is_some_and(|byte| !is_end_of_word(byte)) {
            let name = self.word().raw;
            self.emit(Event::Function(name));
        }
        self.blanks();
        self.empty_parens();
    }

    /// `()` of a function's definition.
    fn empty_parens(&mut self) -> bool {
        let rest = &self.text[self.at..self.limit];
        let Some(inside) = rest.strip_prefix('(') else { return false };
        let Some(after) = inside.trim_start_matches([' ', '\t']).strip_prefix(')') else { return false };
        self.at = self.limit - after.len();
        true
    }

    /// `x in a b` of a `for`: substitutions in it are read.
    fn for_header(&mut self) {
        self.blanks();
        if self.byte(0) == Some(b'(') && self.arithmetic_command() {
            return;
        }
        loop {
            self.blanks();
            match self.byte(0) {
                None | Some(b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'#') => return,
                Some(b'`') if self.in_backquotes => return,
                Some(b'<' | b'>') => self.at += 1,
                Some(_) if self.plain_word() == "do" => return,
                Some(_) => drop(self.word()),
            }
        }
    }

    fn case_header(&mut self, list: &mut List) {
        self.blanks();
        match self.byte(0) {
            None | Some(b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>') => return,
            Some(b'`') if self.in_backquotes => return,
            Some(_) => drop(self.word()),
        }
        self.gap();
        if self.plain_word() == "in" {
            self.at += 2;
            self.emit(Event::Open(Compound::Case));
            list.open(Frame::Pattern);
        }
    }

    /// `(a|b)` of a `case`, or its `esac`.
    fn pattern(&mut self, list: &mut List) {
        if self.plain_word() == "esac" {
            self.at += 4;
            self.close(list);
            return;
        }
        if self.byte(0) == Some(b'(') {
            self.at += 1;
        }
        loop {
            self.gap();
            match self.byte(0) {
                None => return,
                Some(b'`') if self.in_backquotes => return,
                Some(b')') => {
                    self.at += 1;
                    self.emit(Event::Arm);
                    list.close();
                    list.open(Frame::Branch);
                    return;
                }
                Some(b'|' | b';' | b'&' | b'<' | b'>' | b'(') => self.at += 1,
                Some(_) => drop(self.word()),
            }
        }
    }

    /// `[[ … ]]`: one command, whose operators are no operators of the list.
    fn condition(&mut self, link: Link) -> Command {
        let start = self.at;
        let mut words = Vec::new();
        loop {
            self.gap();
            match self.byte(0) {
                None => break,
                Some(b'`') if self.in_backquotes => break,
                Some(b'&' | b'|' | b'(' | b')' | b'<' | b'>' | b';') => self.at += 1,
                Some(_) => {
                    let word = self.word();
                    let last = word.raw == "]]";
                    words.push(word);
                    if last {
                        break;
                    }
                }
            }
        }
        self.finish(start, link, Vec::new(), words, Vec::new())
    }

    fn finish(
        &self,
        start: usize,
        link: Link,
        assignments: Vec<Word>,
        words: Vec<Word>,
        redirects: Vec<Redirect>,
    ) -> Command {
        let start = Span::point(self.map.place(start));
        let span = assignments
            .iter()
            .chain(&words)
            .chain(redirects.iter().map(|r| &r.target))
            .fold(start, |span, word| span.join(word.span));
        Command {
            assignments,
            words,
            redirects,
            span,
            link,
            substitution: self.substitution,
            nesting: self.nesting,
        }
    }

    /// Assignments, words and redirections up to an operator.
    fn simple(&mut self, list: &mut List) {
        let start = self.at;
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::<Word>::new(), Vec::new());
        loop {
            self.blanks();
            let Some(byte) = self.byte(0) else { break };
            match byte {
                b'\n' | b';' | b'|' | b')' | b'#' => break,
                b'`' if self.in_backquotes => break,
                b'&' if self.byte(1) != Some(b'>') => break,
                b'(' => {
                    let function = words.len() == 1 && assignments.is_empty() && redirects.is_empty();
                    if function && self.empty_parens() {
                        let name = words.swap_remove(0).raw;
                        self.emit(Event::Function(name));
                        return;
                    }
                    break;
                }
                _ => {}
            }
            if let Some(operator) = self.redirect_operator() {
                redirects.push(self.redirect(operator));
                continue;
            }
            let word = self.word();
            if words.is_empty() && is_assignment(&word.raw) {
                assignments.push(word);
            } else {
                words.push(word);
            }
        }
        if assignments.is_empty() && words.is_empty() && (list.compound || redirects.is_empty()) {
            if self.at == start {
                self.skip();
            }
            return;
        }
        let command = self.finish(start, list.link, assignments, words, redirects);
        self.push(command);
        (list.command, list.compound) = (true, false);
    }

    /// The redirection operator at this place, with its file descriptor.
    fn redirect_operator(&self) -> Option<&'a str> {
        const OPERATORS: [&str; 12] =
            ["<<<", "<<-", "<<", "<>", "<&", ">>", ">|", ">&", "&>>", "&>", "<", ">"];
        let rest = &self.text[self.at..self.limit];
        let symbol = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.len() - symbol.len();
        let operator = OPERATORS.iter().find(|operator| symbol.starts_with(**operator))?;
        let after = symbol.as_bytes().get(operator.len());
        // `<(` is a word; `2&>` is the word 2 and an operator.
        let process = operator.len() == 1 && digits == 0 && after == Some(&b'(');
        if process || (digits > 0 && operator.starts_with('&')) {
            return None;
        }
        Some(&rest[..digits + operator.len()])
    }

    fn redirect(&mut self, operator: &str) -> Redirect {
        self.at += operator.len();
        self.blanks();
        let stop = match self.byte(0) {
            None | Some(b'\n' | b';' | b'|' | b'&' | b')') => true,
            Some(b'`') => self.in_backquotes,
            Some(b'<' | b'>') => self.byte(1) != Some(b'('),
            Some(_) => false,
        };
        let target = if stop {
            let span = self.map.span(&(self.at..self.at));
            Word { raw: String::new(), span, literal: Some(String::new()), variables: Vec::new() }
        } else {
            self.word()
        };
        let bare = operator.trim_start_matches(|c: char| c.is_ascii_digit());
        if !stop && (bare == "<<" || bare == "<<-") {
            let quoted = target.raw.contains(['\'', '"', '\\']);
            self.heredocs.push(Heredoc {
                delimiter: target.span,
                name: target.literal.clone().unwrap_or_else(|| target.raw.clone()),
                strip_tabs: bare == "<<-",
                expand: !quoted,
            });
        }
        Redirect { operator: operator.to_owned(), target }
    }
}

/// Whether an unquoted word ends before the byte.
pub(super) fn is_end_of_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' | b'`')
}

/// `name=`, `name+=` or `name[…]=` at the start of a word.
pub(super) fn is_assignment(word: &str) -> bool {
    let after = word.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let name = &word[..word.len() - after.len()];
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let after = match after.strip_prefix('[') {
        Some(index) => index.split_once(']').map_or("", |(_, rest)| rest),
        None => after,
    };
    after.starts_with('=') || after.starts_with("+=")
}
