//! `.gitignore` as git applies it, one file at a time.

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

/// The patterns of one `.gitignore`.
#[derive(Debug, Clone)]
pub struct GitPatterns {
    matcher: Gitignore,
}

/// What a `.gitignore` says of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// No pattern matches.
    Nothing,
    /// It is ignored.
    Ignore,
    /// A `!` keeps it.
    Keep,
}

impl GitPatterns {
    /// Reads a `.gitignore`. A line that is no pattern counts for nothing, as for git.
    pub fn parse(text: &str) -> Self {
        let mut builder = GitignoreBuilder::new("");
        for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
            // What cannot be read matches nothing.
            let _ = builder.add_line(None, line);
        }
        Self { matcher: builder.build().unwrap_or_else(|_| Gitignore::empty()) }
    }

    /// What it says of a path from its own folder; folders above the path are not asked.
    pub fn says(&self, path: &str, is_dir: bool) -> Says {
        match self.matcher.matched(path, is_dir) {
            Match::None => Says::Nothing,
            Match::Ignore(_) => Says::Ignore,
            Match::Whitelist(_) => Says::Keep,
        }
    }
}
