//! A report as text: nothing here prints, it writes to what it is given.

pub mod ast;
pub mod baseline;
pub mod diff;
pub mod fingerprint;
pub mod forecast;
pub mod github;
pub mod gitlab;
pub mod json;
pub mod junit;
mod places;
pub mod sanitise;
pub mod sarif;
pub mod text;

use crate::{
    diag::{Finding, Report, Unreadable},
    text::{FileId, Snapshot},
};

/// Everything that a format may write down about one run of `check`.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The files, under the names that a person would write.
    pub snapshot: &'a Snapshot,
    /// What was found.
    pub report: &'a Report,
    /// What is known of each finding, in the same order.
    pub details: &'a [Detail],
    /// By file: the path from the root of the repository, as a machine wants it.
    pub paths: &'a [String],
    /// What was not looked at.
    pub unreadable: &'a [Unreadable],
    /// How many findings the baseline left out, if there is one.
    pub known: Option<usize>,
}

/// What a finding is, beside what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What tells it from the others, whatever line it stands on.
    pub fingerprint: String,
    /// It is listed for people, not only counted.
    pub shown: bool,
    /// It makes the run fail.
    pub fails: bool,
}

impl<'a> Run<'a> {
    /// Every finding with its details.
    fn all(&self) -> impl Iterator<Item = (&'a Finding, &'a Detail)> + use<'a> {
        self.report.findings.iter().zip(self.details)
    }

    /// The findings that are listed for people.
    fn shown(&self) -> impl Iterator<Item = (&'a Finding, &'a Detail)> + use<'a> {
        self.all().filter(|(_, detail)| detail.shown)
    }

    /// The path of a file from the root of the repository.
    fn path(&self, file: FileId) -> &'a str {
        &self.paths[file.0 as usize]
    }
}
