//! One pattern: moby's translation to a comparison or a regular expression, its quirks included.

use regex::Regex;

use super::{go_match, go_regex};
use crate::{syntax::SyntaxError, text::Span};

/// What a pattern does to the paths that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Keeps them out of the context.
    Ignore,
    /// Brings them back: a pattern with `!`.
    Keep,
}

/// A pattern of an ignore file.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The line without the blanks around it.
    pub span: Span,
    /// What it does.
    pub effect: Effect,
    /// As Docker has it: without `!`, without a leading `/`, `.` and `..` resolved.
    pub text: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact,
    /// `x/**`
    Prefix,
    /// `**x`
    Suffix,
    Regex(Regex),
}

impl Pattern {
    pub(super) fn new(effect: Effect, text: String, span: Span) -> Result<Self, SyntaxError> {
        let bad = |what: &str| SyntaxError {
            span,
            message: format!(
                "Docker refuses this pattern: {what}; put `\\` before a character that is meant as it is"
            ),
        };
        go_match::check(&text).map_err(bad)?;
        let matcher = compile(&text).map_err(bad)?;
        Ok(Self { span, effect, text, matcher })
    }

    /// Whether the pattern itself matches the path; folders above it are not asked.
    pub fn matches(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Exact => path == self.text,
            Matcher::Prefix => path.starts_with(&self.text[..self.text.len() - 2]),
            Matcher::Suffix => {
                let suffix = &self.text[2..];
                path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path)
            }
            Matcher::Regex(regex) => regex.is_match(path),
        }
    }
}

/// `Pattern.compile` of moby/patternmatcher for `/` as separator. What it leaves unescaped (`|`, `{`, `}`, `^`) has
/// its meaning as a regular expression: `a|b*` is an alternation.
fn compile(pattern: &str) -> Result<Matcher, &'static str> {
    let mut regex = String::from("^");
    let mut matcher = Matcher::Exact;
    let mut is_regex = false;
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                }
                if chars.peek().is_some() {
                    regex.push_str("(.*/)?");
                    is_regex = true;
                } else if matches!(matcher, Matcher::Exact) && !is_regex {
                    matcher = Matcher::Prefix;
                } else {
                    regex.push_str(".*");
                    is_regex = true;
                }
                if first {
                    (matcher, is_regex) = (Matcher::Suffix, false);
                }
            }
            '*' => {
                regex.push_str("[^/]*");
                is_regex = true;
            }
            '?' => {
                regex.push_str("[^/]");
                is_regex = true;
            }
            // moby means to escape `|`, `{` and `}` as well, but its table has no room for them.
            '.' | '+' | '(' | ')' | '$' => regex.extend(['\\', c]),
            '\\' => {
                regex.push('\\');
                if let Some(next) = chars.next() {
                    regex.push(next);
                    is_regex = true;
                }
            }
            '[' | ']' => {
                regex.push(c);
                is_regex = true;
            }
            c => regex.push(c),
        }
        first = false;
    }
    if !is_regex {
        return Ok(matcher);
    }
    regex.push('$');
    go_regex::compile(&regex).map(Matcher::Regex)
}
