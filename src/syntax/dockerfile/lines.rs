//! Lines: directives, comments, continuations, and which lines belong to which instruction.

use super::{
    Args, Body, Directive, Instruction, Item, ItemKind, Tree, args, check,
    heredoc::{self, Heredoc},
    options,
};
use crate::{
    syntax::{SyntaxError, offsets::Joined},
    text::{Span, Spanned},
};

/// The longest line that BuildKit reads, its newline included (`bufio.MaxScanTokenSize`).
const LONGEST_LINE: usize = 64 * 1024;

/// Takes a Dockerfile apart. Never fails, and takes time in proportion to the text.
pub fn parse(text: &str) -> Tree {
    let mut reader = Reader {
        text,
        at: 0,
        line: 0,
        escape: '\\',
        directives_over: false,
        tree: Tree {
            items: Vec::new(),
            instructions: Vec::new(),
            directives: Vec::new(),
            escape: '\\',
            open_end: false,
            errors: Vec::new(),
        },
    };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
        reader.item(ItemKind::Bom, 0);
    }
    while let Some(line) = reader.next_line() {
        reader.top_level(line);
    }
    let Reader { escape, mut tree, .. } = reader;
    tree.escape = escape;
    check::file(&mut tree, text);
    tree.errors.sort_by_key(|error| error.span);
    tree
}

/// One line of the file.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// Where it starts.
    start: usize,
    /// Its text without the newline.
    text: &'a str,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Lines read so far.
    line: usize,
    escape: char,
    directives_over: bool,
    tree: Tree,
}

impl<'a> Reader<'a> {
    fn next_line(&mut self) -> Option<Line<'a>> {
        let start = self.at;
        let rest = &self.text[start..];
        if rest.is_empty() {
            return None;
        }
        let (length, limit) = match rest.find('\n') {
            Some(newline) => (newline + 1, LONGEST_LINE),
            None => (rest.len(), LONGEST_LINE - 1),
        };
        self.at += length;
        self.line += 1;
        let text = rest[..length].trim_end_matches(['\r', '\n']);
        if length > limit {
            self.error(
                Span::new(start, start + text.len()),
                "BuildKit reads no line longer than 65535 bytes: break it with continuations".to_owned(),
            );
        }
        Some(Line { start, text })
    }

    fn error(&mut self, span: Span, message: String) {
        self.tree.errors.push(SyntaxError { span, message });
    }

    /// Everything from `start` up to here is one item.
    fn item(&mut self, kind: ItemKind, start: usize) {
        self.tree.items.push(Item { kind, span: Span::new(start, self.at) });
    }

    /// A line where an instruction can start.
    fn top_level(&mut self, line: Line<'a>) {
        let text = line.text.trim_start();
        if self.directive(text, line.start + line.text.len() - text.len()) {
            self.item(ItemKind::Directive, line.start);
        } else if text.starts_with('#') {
            self.item(ItemKind::Comment, line.start);
        } else if text.is_empty() {
            self.item(ItemKind::Blank, line.start);
        } else {
            self.instruction(line, text);
        }
    }

    /// Reads `# name=value`, if directives still count there. `at` is the byte of `text`.
    fn directive(&mut self, text: &str, at: usize) -> bool {
        if self.directives_over {
            return false;
        }
        let Some((name, value)) = directive(text) else {
            self.directives_over = true;
            return false;
        };
        let offset = at + (value.as_ptr() as usize - text.as_ptr() as usize);
        let span = Span::new(offset, offset + value.len());
        if self.tree.directives.iter().any(|d| d.name == name) {
            self.error(span, format!("a second `# {name}=` directive: only one is allowed, remove it"));
            return true;
        }
        if name == "escape" {
            match value {
                "\\" => self.escape = '\\',
                "`" => self.escape = '`',
                _ => self.error(
                    span,
                    format!(
                        "`{}` cannot be the escape character: write `# escape=\\` or `# escape=``",
                        options::excerpt(value)
                    ),
                ),
            }
        }
        self.tree.directives.push(Directive { name, value: Spanned::new(value.to_owned(), span) });
        true
    }

    /// An instruction that starts in `line`; `text` is the line without leading white space.
    fn instruction(&mut self, line: Line<'a>, text: &'a str) {
        let start_line = self.line;
        let from = line.start + line.text.len() - text.len();
        let mut joined = Joined::default();
        let (piece, mut open) = without_continuation(text, self.escape);
        joined.push(piece, from);
        let mut end = from + piece.trim_end().len();
        while open {
            let Some(next) = self.next_line() else { break };
            let trimmed = next.text.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let (piece, more) = without_continuation(next.text, self.escape);
            open = more;
            joined.push(piece, next.start);
            end = end.max(next.start + piece.trim_end().len());
        }
        self.tree.open_end = open;
        let body = args::body(&joined, self.escape, &mut self.tree.errors);
        let heredocs = self.heredocs(&body, &joined);
        if let Some(last) = heredocs.last() {
            end = end.max(last.end);
        }
        let (span, lines) = (Span::new(from, end.max(from)), Span::new(line.start, self.at));
        self.item(ItemKind::Instruction(self.tree.instructions.len()), line.start);
        self.tree.instructions.push(Instruction {
            body,
            heredocs,
            span,
            lines,
            start_line,
            end_line: self.line,
        });
    }

    /// The bodies of the heredocs that the instruction names.
    fn heredocs(&mut self, body: &Body, joined: &Joined) -> Vec<Heredoc> {
        if !takes_heredocs(body) || !joined.text().contains("<<") {
            return Vec::new();
        }
        let words = match heredoc::words_of_line(joined.text()) {
            Ok(words) => words,
            Err(reason) => {
                self.error(joined.whole(), format!("the word after `<<` cannot be read: {reason}"));
                return Vec::new();
            }
        };
        let mut heredocs = Vec::with_capacity(words.len());
        for word in words {
            let start = self.at;
            let (mut content_end, mut end, mut terminated) = (start, start, false);
            while let Some(line) = self.next_line() {
                let candidate = if word.strip_tabs { line.text.trim_start_matches('\t') } else { line.text };
                end = line.start + line.text.len();
                if candidate == word.name {
                    terminated = true;
                    break;
                }
                content_end = self.at;
            }
            if !terminated {
                self.tree.open_end = true;
                let name = options::excerpt(&word.name);
                self.error(
                    joined.whole(),
                    format!(
                        "the heredoc `{name}` never ends: write a line with nothing but `{name}` after it"
                    ),
                );
            }
            let span = Span::new(start, content_end);
            heredocs.push(Heredoc { word, content: self.text[span.range()].to_owned(), span, end });
        }
        heredocs
    }
}

/// BuildKit looks for heredocs in RUN, COPY and ADD, also below an ONBUILD, and not in JSON form.
fn takes_heredocs(body: &Body) -> bool {
    let inner = match &body.args {
        Args::Nested(inner) => inner,
        _ => body,
    };
    ["RUN", "COPY", "ADD"].iter().any(|name| inner.is(name)) && !inner.is_json()
}

/// The line without a continuation at its end, and whether there was one: the escape character, not behind another
/// one, then spaces and tabs.
fn without_continuation(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(before) if !before.ends_with(escape) => (before, true),
        _ => (line, false),
    }
}

/// `# name = value` with one of the names that BuildKit knows, in lower case.
fn directive(text: &str) -> Option<(String, &str)> {
    let space = [' ', '\t', '\n', '\u{c}', '\r'];
    let text = text.strip_prefix('#')?.trim_start();
    let (name, value) = text.split_once('=')?;
    let name = name.trim_end_matches(space).to_ascii_lowercase();
    if !["syntax", "escape", "check"].contains(&name.as_str()) || value.is_empty() {
        return None;
    }
    let trimmed = value.trim_matches(space);
    // A value of nothing but white space is its last character.
    Some((name, if trimmed.is_empty() { &value[value.len() - 1..] } else { trimmed }))
}
