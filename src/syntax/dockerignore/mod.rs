//! `.dockerignore` as Docker applies it: moby's `ignorefile` and `patternmatcher`, and the walk of the sender.

mod go_match;
mod go_regex;
mod pattern;

use crate::{syntax::SyntaxError, text::Span};

pub use pattern::{Effect, Pattern};

/// A line of this many bytes is refused, as by Go's `bufio.Scanner`.
const MAX_LINE: usize = 64 * 1024;

/// The patterns of an ignore file, in order.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
}

impl Patterns {
    /// Reads an ignore file. A pattern that makes Docker refuse the build is left out and reported.
    pub fn parse(text: &str) -> (Self, Vec<SyntaxError>) {
        let (mut patterns, mut errors) = (Vec::new(), Vec::new());
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            match line_pattern(text, Span::new(start, at)) {
                Ok(pattern) => patterns.extend(pattern),
                Err(error) => errors.push(error),
            }
        }
        (Self { patterns }, errors)
    }

    /// Whether the path stays out of the build context. `path` is relative to the context, with `/`; files and
    /// folders are alike. A folder that is ignored can hold files that a later `!` brings back.
    pub fn is_ignored(&self, path: &str) -> bool {
        self.decide(path).is_some_and(|p| p.effect == Effect::Ignore)
    }

    /// The pattern that decides about the path; `None` if none does and the path is sent.
    ///
    /// As in the walk of both builders, the folders above the path are asked first, from the top. A pattern that
    /// matched a folder goes on to match all below, but only if it was asked there: one that could change nothing at
    /// the folder is not. So `d/f`, `!d` ignores `d/f`, where moby's own `MatchesOrParentMatches` would send it
    /// (measured with both builders).
    pub fn decide(&self, path: &str) -> Option<&Pattern> {
        let path = path.strip_prefix("./").unwrap_or(path).trim_matches('/');
        if path.is_empty() || path == "." {
            return None;
        }
        let mut matched_above = vec![false; self.patterns.len()];
        let mut decided = None;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let (mut ignored, here) = (false, &path[..end]);
            decided = None;
            for (pattern, above) in self.patterns.iter().zip(&mut matched_above) {
                if !*above {
                    let could_change = (pattern.effect == Effect::Keep) == ignored;
                    *above = could_change && pattern.matches(here);
                }
                if *above {
                    ignored = pattern.effect == Effect::Ignore;
                    decided = Some(pattern);
                }
            }
        }
        decided
    }

    /// Whether a `!` may bring back something below the folder: one that has wildcards, or names a path below it.
    pub fn may_keep_below(&self, dir: &str) -> bool {
        self.patterns.iter().filter(|p| p.effect == Effect::Keep).any(|p| {
            p.text.contains(['*', '?', '[', '\\'])
                || p.text.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// The patterns in order.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

/// One line: `ignorefile.ReadAll`, then what `patternmatcher.New` does to it.
fn line_pattern(text: &str, line: Span) -> Result<Option<Pattern>, SyntaxError> {
    let raw = text[line.range()].trim_end_matches('\n');
    let raw = raw.strip_suffix('\r').unwrap_or(raw);
    let bom = if line.start() == 0 && raw.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let content = &raw[bom..];
    if content.len() + bom >= MAX_LINE {
        let message = format!("a line of {MAX_LINE} bytes or more, which Docker cannot read: split it");
        return Err(SyntaxError { span: Span::new(line.start(), line.start() + raw.len()), message });
    }
    let trimmed = content.trim();
    if content.starts_with('#') || trimmed.is_empty() {
        return Ok(None);
    }
    let start = line.start() + bom + content.len() - content.trim_start().len();
    let span = Span::new(start, start + trimmed.len());
    let (effect, rest) = match trimmed.strip_prefix('!') {
        Some(rest) => (Effect::Keep, rest.trim()),
        None => (Effect::Ignore, trimmed),
    };
    let mut cleaned = if rest.is_empty() { String::new() } else { clean(rest) };
    if cleaned.len() > 1 && cleaned.starts_with('/') {
        cleaned.remove(0);
    }
    if effect == Effect::Ignore && cleaned.trim().is_empty() {
        return Ok(None);
    }
    // `patternmatcher.New` trims and cleans the whole line again, `!` included.
    let again = match effect {
        Effect::Keep => clean(&format!("!{cleaned}")),
        Effect::Ignore => clean(cleaned.trim()),
    };
    // A pattern `!x` can come out of ` /!x`, and keeps then.
    let (effect, cleaned) = match again.strip_prefix('!') {
        Some("") => {
            let message = "`!` needs a pattern behind it: write one or remove the line".to_owned();
            return Err(SyntaxError { span, message });
        }
        Some(rest) => (Effect::Keep, rest.to_owned()),
        None => (effect, again),
    };
    Pattern::new(effect, cleaned, span).map(Some)
}

/// Go's `path.Clean`: the shortest path of the same meaning; `.` for nothing.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
