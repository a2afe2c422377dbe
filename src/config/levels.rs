//! Rulesets: which rules are on, and at which level, as the version said that somebody froze.

use std::collections::BTreeMap;

use crate::{diag::Severity, rules::page::Page, settings::Level};

/// The rules as a minor version had them: `0.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ruleset {
    major: u32,
    minor: u32,
}

impl Ruleset {
    /// The first two numbers of a version; `None` if it has none.
    pub(super) fn of(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(|n| n.parse().ok());
        Some(Self { major: numbers.next()??, minor: numbers.next()?? })
    }

    /// What is written in a file: two numbers and nothing else.
    pub(super) fn written(text: &str) -> Option<Self> {
        Self::of(text).filter(|ruleset| ruleset.to_string() == text)
    }

    /// This program's.
    pub(super) fn newest() -> Self {
        Self::of(env!("CARGO_PKG_VERSION")).expect("Cargo takes no other version")
    }

    /// The first there was.
    pub(super) const OLDEST: Self = Self { major: 0, minor: 1 };

    /// What it changes about today's rules: a later rule is off, a level that moved since then is what it was.
    pub(super) fn levels<'a>(
        self,
        rules: impl Iterator<Item = (&'a str, &'a Page)>,
    ) -> BTreeMap<String, Level> {
        rules.filter_map(|(id, page)| Some((id.to_owned(), self.level(page)?))).collect()
    }

    fn level(self, page: &Page) -> Option<Level> {
        if Self::of(page.since).is_some_and(|since| since > self) {
            return Some(Level::Off);
        }
        // The nearest later version that still says what it was.
        let then = page.was().filter_map(|(version, severity)| Some((Self::of(version)?, severity)));
        let (_, then) = then.filter(|(until, _)| *until >= self).min_by_key(|(until, _)| *until)?;
        Some(Level::Was { now: page.severity, then })
    }
}

impl std::fmt::Display for Ruleset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A level's word: a severity, or `off`.
pub(super) fn level(word: &str) -> Option<Level> {
    if word == "off" { Some(Level::Off) } else { severity(word).map(Level::Set) }
}

/// A severity's word.
pub(super) fn severity(word: &str) -> Option<Severity> {
    [Severity::Info, Severity::Warning, Severity::Error].into_iter().find(|s| s.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    static OLD: Page = Page::read(
        "---\ntitle: x\nkind: compose\nseverity: error\nfix: none\nsince: 0.1.0\nmechanisms:\naliases:\nwas: 0.1 info, 0.3 warning\n---\n",
    );
    static LATER: Page = Page::read(
        "---\ntitle: x\nkind: compose\nseverity: error\nfix: none\nsince: 0.2.3\nmechanisms:\naliases:\n---\n",
    );

    #[test]
    fn a_ruleset_freezes_which_rules_are_on_and_their_levels() {
        let levels = |ruleset: &str| {
            let levels = Ruleset::of(ruleset).unwrap().levels([("old", &OLD), ("later", &LATER)].into_iter());
            [levels.get("old").copied(), levels.get("later").copied()]
        };
        let was = |then| Some(Level::Was { now: Severity::Error, then });
        assert_eq!(levels("0.1"), [was(Severity::Info), Some(Level::Off)]);
        assert_eq!(levels("0.2"), [was(Severity::Warning), None]);
        assert_eq!(levels("0.3"), [was(Severity::Warning), None]);
        assert_eq!(levels("0.4"), [None, None]);
        assert_eq!(levels("1.0"), [None, None]);
    }

    #[test]
    fn a_ruleset_is_two_numbers() {
        assert_eq!(Ruleset::written("0.1"), Some(Ruleset::OLDEST));
        for wrong in ["", "0", "0.1.0", "v0.1", "0.01", " 0.1", "0.1 ", "0.x", "+0.1"] {
            assert_eq!(Ruleset::written(wrong), None, "{wrong:?}");
        }
        assert!(Ruleset::of("0.10").unwrap() > Ruleset::of("0.9").unwrap());
    }
}
