//! What is found: findings with their places, their severity and their fix.

use crate::text::{Changes, Edit, FileId, Location, SourceFile};

/// How bad a finding is. Ordered: worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Deploys can go stale.
    Warning,
    /// Deploys go stale or break.
    Error,
}

impl Severity {
    /// The word of the command line, the pages and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How far a fix may be trusted. Ordered: more trusted is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Safety {
    /// Described, never applied.
    Manual,
    /// Right in most cases; applied with `--unsafe-fixes`.
    Unsafe,
    /// What comes out behaves the same, and no comment is lost; applied with `--fix`.
    Safe,
}

impl Safety {
    /// The word of the command line, the pages and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Unsafe => "unsafe",
            Self::Safe => "safe",
        }
    }
}

/// A further place, with what it has to do with the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub at: Location,
    /// Why it is shown, as a clause in lower case.
    pub message: String,
}

/// A change that ends the finding. It may touch several files: all of them change or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// How far it is trusted; never above what the rule's page says.
    pub safety: Safety,
    /// What it does, in the imperative.
    pub title: String,
    /// The edits; empty for [`Safety::Manual`].
    pub edits: Vec<(FileId, Edit)>,
    /// Files that are not there yet, whole.
    pub creates: Vec<SourceFile>,
    /// What it takes for granted, and does not change itself: where another fix changes one of these places it is worked
    /// out anew.
    pub rests_on: Vec<Location>,
}

impl Fix {
    /// Whether it changes nothing: it is described only.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.creates.is_empty()
    }
}

/// One thing that a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule.
    pub rule: &'static str,
    /// Severity after the rule lowered it, if it did.
    pub severity: Severity,
    /// What is lost, as a clause in lower case with values in backticks.
    pub message: String,
    /// The primary place.
    pub at: Location,
    /// Further places.
    pub labels: Vec<Label>,
    /// Ids of the mechanisms (`S04`, …).
    pub mechanisms: &'static [&'static str],
    /// What to do, where the rule can say it for this case.
    pub help: Option<String>,
    /// The change that ends it.
    pub fix: Option<Fix>,
}

/// What a rule may claim: its id, and the most that its page allows.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Id of the rule.
    pub rule: &'static str,
    /// The page's severity.
    pub severity: Severity,
    /// The most that a fix of the rule may be trusted; `None` when the page says that there is no fix.
    pub fix: Option<Safety>,
    /// The page's mechanisms.
    pub mechanisms: &'static [&'static str],
}

/// Where a rule puts its findings. It sets id, severity and trust, so that a rule can lower them but never raise them.
#[derive(Debug)]
pub struct Sink<'a> {
    claim: Claim,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Sink<'a> {
    /// A sink for one rule.
    pub fn new(claim: Claim, findings: &'a mut Vec<Finding>) -> Self {
        Self { claim, findings }
    }

    /// Adds a finding, to be completed with the methods of [`Draft`].
    ///
    /// # Panics
    /// Never: a finding was just added.
    pub fn report(&mut self, at: Location, message: impl Into<String>) -> Draft<'_> {
        self.findings.push(Finding {
            rule: self.claim.rule,
            severity: self.claim.severity,
            message: message.into(),
            at,
            labels: Vec::new(),
            mechanisms: self.claim.mechanisms,
            help: None,
            fix: None,
        });
        let finding = self.findings.last_mut().expect("one was just pushed");
        Draft { finding, cap: self.claim.fix }
    }
}

/// A finding that is being written down.
#[derive(Debug)]
pub struct Draft<'a> {
    finding: &'a mut Finding,
    cap: Option<Safety>,
}

#[expect(
    clippy::return_self_not_must_use,
    reason = "what is drafted is reported already: the chain may end anywhere"
)]
impl Draft<'_> {
    /// Adds a further place.
    pub fn label(self, at: Location, message: impl Into<String>) -> Self {
        self.finding.labels.push(Label { at, message: message.into() });
        self
    }

    /// Says what to do.
    pub fn help(self, help: impl Into<String>) -> Self {
        self.finding.help = Some(help.into());
        self
    }

    /// Lowers the severity; it can never be raised above the page's.
    pub fn at_most(self, severity: Severity) -> Self {
        self.finding.severity = self.finding.severity.min(severity);
        self
    }

    /// Adds the fix, trusted at most as far as the page allows. Without edits it is described only.
    pub fn fix(self, safety: Safety, title: impl Into<String>, edits: Vec<(FileId, Edit)>) -> Self {
        self.change(safety, title, Changes::from(edits))
    }

    /// The same for changes that may write files which are not there, or that rest on other places.
    pub fn change(self, safety: Safety, title: impl Into<String>, changes: Changes) -> Self {
        if let Some(cap) = self.cap {
            let Changes { edits, creates, rests_on } = changes;
            let nothing = edits.is_empty() && creates.is_empty();
            let safety = if nothing { Safety::Manual } else { safety.min(cap) };
            self.finding.fix = Some(Fix { safety, title: title.into(), edits, creates, rests_on });
        }
        self
    }

    /// Lets the fix wait where another one changes this place.
    pub fn resting_on(self, at: Location) -> Self {
        if let Some(fix) = &mut self.finding.fix {
            fix.rests_on.push(at);
        }
        self
    }
}

/// A file that could not be analysed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Path from the project's root.
    pub path: String,
    /// What was wrong and what to do.
    pub reason: String,
}

/// Everything that one run found, sorted by file and place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
    /// How many files were analysed.
    pub files: usize,
}
