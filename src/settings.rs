//! The options of one run after merging: plain values, and which of them hold for which file.

use std::collections::BTreeMap;

use ignore::gitignore::Gitignore;

use crate::diag::{Finding, Severity};

/// What to check, and what counts.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Only these rules, if any are named: they run even where a configuration turns them off.
    pub select: Vec<String>,
    /// Never these rules.
    pub ignore: Vec<String>,
    /// Only findings in these files (paths of the snapshot), if any are named.
    pub files: Vec<String>,
    /// A finding at or above this severity makes the run fail, whatever a configuration says.
    pub fail_on: Option<Severity>,
    /// A finding below this severity is only counted, whatever a configuration says.
    pub show: Option<Severity>,
    /// What configuration files say.
    pub scopes: Scopes,
    /// The mistakes in them.
    pub mistakes: Vec<Finding>,
}

/// What holds for the findings of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// They are dropped.
    Off,
    /// They have this severity.
    Set(Severity),
    /// The rule had another severity: those that its page allows at most get it, those that it lowered stay.
    Was {
        /// What the page says today.
        now: Severity,
        /// What it said then.
        then: Severity,
    },
}

impl Level {
    fn of(self, found: Severity) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Set(severity) => Some(severity),
            Self::Was { now, then } => Some(if found == now { then } else { found.min(then) }),
        }
    }
}

/// What a failed deploy costs, for `history`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    /// An hour.
    pub per_hour: Option<f64>,
    /// A thousand tokens.
    pub per_1000_tokens: Option<f64>,
    /// Tokens that an agent spends on a deploy that fails: an estimate.
    pub tokens_per_deploy: Option<u64>,
    /// The name of the money.
    pub currency: Option<String>,
}

/// One server of a target of `deploy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHost {
    /// The host, as `ssh` takes it.
    pub host: String,
    /// The checkout's folder there.
    pub dir: String,
}

/// What a service has to answer over HTTP, for `deploy` and `verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// Where to ask.
    pub url: String,
    /// What the body must have.
    pub contains: Option<String>,
    /// Whether this machine asks, not the server.
    pub from_here: bool,
    /// How long it may take to answer as it should, in seconds.
    pub timeout: u64,
}

/// How many images of before stay kept after a verified deploy, where nothing is said: as many as Kamal keeps.
pub const KEEP: usize = 5;

/// What one configuration file says.
#[derive(Debug, Clone)]
pub struct Scope {
    /// From the file's folder down to the snapshot's root, for a file above it.
    pub above: String,
    /// From the snapshot's root down to the file's folder, for a file inside.
    pub below: String,
    /// A finding at or above this severity makes the run fail.
    pub fail_on: Option<Severity>,
    /// A finding below this severity is only counted.
    pub show: Option<Severity>,
    /// Files that are not checked.
    pub exclude: Gitignore,
    /// Levels by rule; a rule that is not named is as its page says.
    pub levels: BTreeMap<String, Level>,
    /// Levels for some files; a later one wins.
    pub per_path: Vec<(Gitignore, BTreeMap<String, Level>)>,
    /// What a failed deploy costs.
    pub rates: Rates,
    /// Servers by the name of their target.
    pub targets: BTreeMap<String, Vec<TargetHost>>,
    /// What services have to answer, by their names; `None` where the file has that and it cannot be read.
    pub http: Option<BTreeMap<String, HttpCheck>>,
    /// How many images of before stay kept after a verified deploy; `None` where the file has that and it cannot be read.
    pub keep: Option<usize>,
    /// It has mistakes: nothing is fixed by half of what was meant.
    pub broken: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            above: String::new(),
            below: String::new(),
            fail_on: None,
            show: None,
            exclude: Gitignore::empty(),
            levels: BTreeMap::new(),
            per_path: Vec::new(),
            rates: Rates::default(),
            targets: BTreeMap::new(),
            http: Some(BTreeMap::new()),
            keep: Some(KEEP),
            broken: false,
        }
    }
}

impl Scope {
    /// A path of the snapshot as the file's patterns see it.
    fn path(&self, path: &str) -> String {
        let inside = path.strip_prefix(&self.below).unwrap_or(path);
        // A pattern looks at what is below it only: a path from the root of the file system lies elsewhere.
        let inside = inside.trim_start_matches('/');
        if self.above.is_empty() { inside.to_owned() } else { format!("{}/{inside}", self.above) }
    }

    fn level(&self, rule: &str, path: &str, selected: bool) -> Option<Level> {
        let path = self.path(path);
        let here = self.per_path.iter().rev().find_map(|(paths, levels)| {
            levels.get(rule).filter(|_| paths.matched_path_or_any_parents(&path, false).is_ignore())
        });
        let all = self.levels.get(rule).filter(|level| !(selected && **level == Level::Off));
        here.or(all).copied()
    }
}

/// The configuration files, by folder: the nearest one holds for a file.
#[derive(Debug, Clone, Default)]
pub struct Scopes(BTreeMap<String, Scope>);

impl Scopes {
    /// Adds what a file says; one that lies above the snapshot holds where no other does.
    pub fn add(&mut self, scope: Scope) {
        self.0.insert(scope.below.clone(), scope);
    }

    /// What holds for a path of the snapshot.
    pub fn of(&self, path: &str) -> Option<&Scope> {
        if self.0.is_empty() {
            return None;
        }
        let mut folder = path;
        while let Some((above, _)) = folder.rsplit_once('/') {
            if let Some(scope) = self.0.get(above) {
                return Some(scope);
            }
            folder = above;
        }
        self.0.get("")
    }
}

impl Settings {
    /// Whether the rule runs anywhere.
    pub fn runs(&self, rule: &str) -> bool {
        (self.select.is_empty() || self.selects(rule)) && !self.ignore.iter().any(|r| r == rule)
    }

    fn selects(&self, rule: &str) -> bool {
        self.select.iter().any(|r| r == rule)
    }

    /// The severity of a finding in a file; `None` where the rule is off.
    pub fn level(&self, rule: &str, path: &str, found: Severity) -> Option<Severity> {
        let level = self.scopes.of(path).and_then(|scope| scope.level(rule, path, self.selects(rule)));
        level.map_or(Some(found), |level| level.of(found))
    }

    /// Whether the rule looks at the file.
    pub fn runs_in(&self, rule: &str, path: &str) -> bool {
        self.runs(rule) && self.level(rule, path, Severity::Error).is_some()
    }

    /// Whether findings in the file count.
    pub fn looks_at(&self, path: &str) -> bool {
        self.files.is_empty() || self.files.iter().any(|f| f == path)
    }

    /// Whether a configuration leaves the file out.
    pub fn excludes(&self, path: &str) -> bool {
        self.scopes.of(path).is_some_and(|scope| {
            scope.exclude.matched_path_or_any_parents(scope.path(path), false).is_ignore()
        })
    }

    /// Whether a finding makes the run fail.
    pub fn fails(&self, path: &str, severity: Severity) -> bool {
        let said = self.fail_on.or_else(|| self.scopes.of(path)?.fail_on);
        severity >= said.unwrap_or(Severity::Warning)
    }

    /// Whether a finding is listed for people.
    pub fn shows(&self, path: &str, severity: Severity) -> bool {
        let said = self.show.or_else(|| self.scopes.of(path)?.show);
        severity >= said.unwrap_or(Severity::Warning)
    }
}
