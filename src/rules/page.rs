//! A rule's page: its front matter is read while the crate compiles, so that a wrong page does not build.

use crate::diag::{Safety, Severity};

/// What a rule reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One Dockerfile.
    Dockerfile,
    /// A compose file.
    Compose,
    /// Several files together.
    Project,
    /// Deploy scripts.
    Script,
}

impl Kind {
    /// The word of the page and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dockerfile => "dockerfile",
            Self::Compose => "compose",
            Self::Project => "project",
            Self::Script => "script",
        }
    }
}

/// Most entries of a list in the front matter.
const MOST: usize = 12;

/// The page of a rule.
#[derive(Debug)]
pub struct Page {
    /// What is wrong, as a sentence without a full stop.
    pub title: &'static str,
    /// What the rule reads.
    pub kind: Kind,
    /// How bad a finding is at most.
    pub severity: Severity,
    /// How far a fix is trusted at most; `None` if there is none.
    pub fix: Option<Safety>,
    /// The first version that has the rule.
    pub since: &'static str,
    mechanisms: [&'static str; MOST],
    aliases: [&'static str; MOST],
    was: [&'static str; MOST],
    /// Everything below the front matter, with the comments that mark parts of it; [`Self::shown`] is for readers.
    pub prose: &'static str,
}

impl Page {
    /// Ids of the mechanisms that it finds.
    pub const fn mechanisms(&self) -> &[&'static str] {
        filled(&self.mechanisms)
    }

    /// The names that other tools give to it (`DL3009`, `CopyIgnoredFile`).
    pub const fn aliases(&self) -> &[&'static str] {
        filled(&self.aliases)
    }

    /// What a person reads: the prose without its comments, each of which has a line of its own.
    pub fn shown(&self) -> String {
        self.prose.split_inclusive('\n').filter(|line| !line.starts_with("<!--")).collect()
    }

    /// The severities that it had before: up to and with which minor version (`0.3`), and what.
    pub fn was(&self) -> impl Iterator<Item = (&'static str, Severity)> {
        let entries = filled(&self.was).iter().filter_map(|entry| entry.split_once(' '));
        entries.map(|(version, word)| (version, severity(trim(word))))
    }

    /// Reads a page.
    ///
    /// # Panics
    /// While compiling, if the front matter is wrong: the message says how.
    pub const fn read(text: &'static str) -> Self {
        let rest = after(text, "---\n");
        let end = find(rest, "\n---\n");
        assert!(end < rest.len(), "the front matter of a rule's page ends with a line of ---");
        let (head, tail) = rest.split_at(end + 1);
        Self {
            title: value(head, "title"),
            kind: kind(value(head, "kind")),
            severity: severity(value(head, "severity")),
            fix: fix(value(head, "fix")),
            since: value(head, "since"),
            mechanisms: list(value(head, "mechanisms")),
            aliases: list(value(head, "aliases")),
            was: was(head),
            prose: after(tail, "---\n"),
        }
    }
}

const fn filled<'a>(list: &'a [&'static str; MOST]) -> &'a [&'static str] {
    let mut n = 0;
    while n < MOST && !list[n].is_empty() {
        n += 1;
    }
    list.split_at(n).0
}

const fn starts(text: &str, prefix: &str) -> bool {
    let (text, prefix) = (text.as_bytes(), prefix.as_bytes());
    if text.len() < prefix.len() {
        return false;
    }
    let mut i = 0;
    while i < prefix.len() {
        if text[i] != prefix[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && starts(a, b)
}

const fn after(text: &'static str, prefix: &str) -> &'static str {
    assert!(starts(text, prefix), "a rule's page starts with a line of ---");
    text.split_at(prefix.len()).1
}

/// The place of a text in another; the other's length if it does not stand there.
const fn find(text: &str, needle: &str) -> usize {
    let mut i = 0;
    while i < text.len() {
        if text.is_char_boundary(i) && starts(text.split_at(i).1, needle) {
            return i;
        }
        i += 1;
    }
    text.len()
}

/// `was: 0.3 warning, 0.5 info`, where a page has it.
const fn was(head: &'static str) -> [&'static str; MOST] {
    let Some(text) = optional(head, "was") else { return [""; MOST] };
    let entries = list(text);
    let mut n = 0;
    while n < MOST && !entries[n].is_empty() {
        let entry = entries[n];
        let gap = find(entry, " ");
        assert!(gap < entry.len(), "was is a list of a version and a severity");
        severity(trim(entry.split_at(gap).1));
        n += 1;
    }
    entries
}

/// The value of `key: value`.
const fn value(head: &'static str, key: &str) -> &'static str {
    match optional(head, key) {
        Some(value) => value,
        None => panic!("a rule's page lacks a key: title, kind, severity, fix, since, mechanisms, aliases"),
    }
}

const fn optional(head: &'static str, key: &str) -> Option<&'static str> {
    let mut rest = head;
    while !rest.is_empty() {
        let end = find(rest, "\n");
        let (line, next) = rest.split_at(end);
        if starts(line, key) && starts(line.split_at(key.len()).1, ":") {
            return Some(trim(line.split_at(key.len() + 1).1));
        }
        rest = if next.is_empty() { next } else { next.split_at(1).1 };
    }
    None
}

const fn trim(text: &'static str) -> &'static str {
    let mut text = text;
    while starts(text, " ") {
        text = text.split_at(1).1;
    }
    text
}

const fn list(text: &'static str) -> [&'static str; MOST] {
    let mut out = [""; MOST];
    let mut rest = text;
    let mut n = 0;
    while !rest.is_empty() {
        let end = find(rest, ",");
        let (one, next) = rest.split_at(end);
        assert!(n < MOST, "a list in the front matter of a rule's page is too long");
        out[n] = trim(one);
        n += 1;
        rest = if next.is_empty() { next } else { next.split_at(1).1 };
    }
    out
}

const fn kind(text: &str) -> Kind {
    if same(text, "dockerfile") {
        Kind::Dockerfile
    } else if same(text, "compose") {
        Kind::Compose
    } else if same(text, "project") {
        Kind::Project
    } else if same(text, "script") {
        Kind::Script
    } else {
        panic!("kind is dockerfile, compose, project or script")
    }
}

const fn severity(text: &str) -> Severity {
    if same(text, "error") {
        Severity::Error
    } else if same(text, "warning") {
        Severity::Warning
    } else if same(text, "info") {
        Severity::Info
    } else {
        panic!("severity is error, warning or info")
    }
}

const fn fix(text: &str) -> Option<Safety> {
    if same(text, "safe") {
        Some(Safety::Safe)
    } else if same(text, "unsafe") {
        Some(Safety::Unsafe)
    } else if same(text, "manual") {
        Some(Safety::Manual)
    } else if same(text, "none") {
        None
    } else {
        panic!("fix is safe, unsafe, manual or none")
    }
}
