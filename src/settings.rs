//! The options of one run after merging: plain values.

use crate::diag::Severity;

/// What to check, and what counts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Only these rules, if any are named.
    pub select: Vec<String>,
    /// Never these rules.
    pub ignore: Vec<String>,
    /// Only findings in these files (paths of the snapshot), if any are named.
    pub files: Vec<String>,
    /// A finding at or above this severity makes the run fail.
    pub fail_on: Severity,
}

impl Default for Settings {
    fn default() -> Self {
        Self { select: Vec::new(), ignore: Vec::new(), files: Vec::new(), fail_on: Severity::Warning }
    }
}

impl Settings {
    /// Whether the rule runs.
    pub fn runs(&self, rule: &str) -> bool {
        (self.select.is_empty() || self.select.iter().any(|r| r == rule))
            && !self.ignore.iter().any(|r| r == rule)
    }

    /// Whether findings in the file count.
    pub fn looks_at(&self, path: &str) -> bool {
        self.files.is_empty() || self.files.iter().any(|f| f == path)
    }
}
