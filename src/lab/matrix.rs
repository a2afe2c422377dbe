//! What was seen, beside what was expected: mechanism x cure.

use super::{
    catalogue::Cure,
    scenario::{Builder, Column, Outcome, Scenario},
};

/// Where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The engine's version, in its own words.
    pub engine: String,
    /// Compose, as it is called, and its version.
    pub compose: String,
    /// Major and minor version of the engine.
    pub version: (u32, u32),
    /// Compose's generation.
    pub generation: u32,
}

/// What became of a cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It was tried.
    As(Outcome),
    /// It was not tried, and why.
    NotRun(String),
}

/// One cure of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The cure's name.
    pub cure: String,
    /// What became of it.
    pub seen: Seen,
    /// What is shipped; nothing where nobody has measured.
    pub expected: Option<Outcome>,
    /// What a failed command said, or what the process saw instead.
    pub detail: Option<String>,
}

impl Cell {
    /// Whether it is as shipped; nothing where one of the two is not known.
    pub fn as_expected(&self) -> Option<bool> {
        match (&self.seen, self.expected) {
            (Seen::As(seen), Some(expected)) => Some(*seen == expected),
            _ => None,
        }
    }
}

/// One scenario with one builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The builder.
    pub builder: Builder,
    /// Why it cannot run here; it has no cells then.
    pub skipped: Option<String>,
    /// In the order of the cures.
    pub cells: Vec<Cell>,
}

/// Everything that was seen in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix<'a> {
    /// Where.
    pub place: Place,
    /// The columns: the cures that were asked for.
    pub cures: Vec<&'a Cure>,
    /// By builder, then in the order of the scenarios.
    pub rows: Vec<Row<'a>>,
}

impl Matrix<'_> {
    /// The rows of a builder.
    pub fn of(&self, builder: Builder) -> impl Iterator<Item = &Row<'_>> {
        self.rows.iter().filter(move |row| row.builder == builder)
    }

    /// The builders, each once.
    pub fn builders(&self) -> Vec<Builder> {
        let mut builders: Vec<Builder> = self.rows.iter().map(|row| row.builder).collect();
        builders.dedup();
        builders
    }

    /// The column whose expectations hold here.
    pub fn column(&self, builder: Builder) -> Column {
        Column::of(self.place.version, builder)
    }

    /// Every cell that is not as shipped.
    pub fn differences(&self) -> impl Iterator<Item = (&Row<'_>, &Cell)> {
        let cells = self.rows.iter().flat_map(|row| row.cells.iter().map(move |cell| (row, cell)));
        cells.filter(|(_, cell)| cell.as_expected() == Some(false))
    }
}
