//! The table of a page's Proof section: what the proofs measured, a column for each engine and builder.
//!
//! A proof compares its own column with what it has just measured; `UPDATE=1` writes the column instead.
#![expect(clippy::disallowed_methods, reason = "the tests read the pages and, with UPDATE=1, write them")]

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::support::{Builder, Engine, Ran};

/// The line above a table; the first of its words tells a table from other comments.
pub(crate) const START: &str = "<!-- proof -->";
/// The line below a table.
pub(crate) const END: &str = "<!-- /proof -->";

/// The engines and builders, in the order of the columns.
pub(crate) const COLUMNS: [&str; 4] = ["20.10 classic", "20.10 BuildKit", "26.1 classic", "26.1 BuildKit"];

/// What a proof saw; the pages use no other words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What runs, or what the image holds, is from before the change.
    Old,
    /// What runs, or what the image holds, is what was changed.
    New,
    /// The step was taken from the cache.
    Cached,
    /// The step ran again.
    RunsAgain,
    /// The program exits with 0.
    Succeeds,
    /// The program exits with an error that names the reason.
    Fails,
    /// The file is in the image.
    Present,
    /// The file is not in the image.
    Absent,
    /// The image is the service's own.
    Own,
    /// The image is the one of another service.
    Another,
    /// The tools of this column refuse or ignore what the row needs.
    Unsupported,
}

impl Outcome {
    const ALL: [Self; 11] = [
        Self::Old,
        Self::New,
        Self::Cached,
        Self::RunsAgain,
        Self::Succeeds,
        Self::Fails,
        Self::Present,
        Self::Absent,
        Self::Own,
        Self::Another,
        Self::Unsupported,
    ];

    /// The word of the pages.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
            Self::Cached => "cached",
            Self::RunsAgain => "runs again",
            Self::Succeeds => "succeeds",
            Self::Fails => "fails",
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Own => "its own",
            Self::Another => "another's",
            Self::Unsupported => "unsupported",
        }
    }

    /// The outcome of that word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// Whether `got` is the old or the new; anything else is a mistake of the proof.
    #[track_caller]
    pub(crate) fn between(got: &str, old: &str, new: &str) -> Self {
        assert!(old != new && (got == old || got == new), "`{got}` is neither `{old}` nor `{new}`");
        if got == old { Self::Old } else { Self::New }
    }

    /// Whether a step that leaves a nonce ran again.
    pub(crate) fn of_step(before: &str, after: &str) -> Self {
        if before == after { Self::Cached } else { Self::RunsAgain }
    }

    /// How a program ended; an error for another reason than `reason` is a mistake of the proof.
    #[track_caller]
    pub(crate) fn of_exit(ran: &Ran, reason: &str) -> Self {
        if ran.code == 0 {
            return Self::Succeeds;
        }
        assert!(ran.stderr.contains(reason) || ran.stdout.contains(reason), "not for `{reason}`: {ran:?}");
        Self::Fails
    }

    /// Whether a file is there.
    pub(crate) const fn of_file(there: bool) -> Self {
        if there { Self::Present } else { Self::Absent }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The column of an engine with a builder.
pub(crate) fn column(engine: &Engine, builder: Builder) -> usize {
    let pair = match engine.name.as_str() {
        "e20" => 0,
        "e26" => 2,
        name => panic!("the tables have no column for the engine `{name}`"),
    };
    pair + usize::from(builder == Builder::BuildKit)
}

/// The rows of a page: what was looked at, and a cell for each column, empty where nobody has measured.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) rows: Vec<(String, [String; 4])>,
}

impl Table {
    /// The table of a page, if it has one.
    ///
    /// # Panics
    /// If a row has not four cells.
    pub(crate) fn of(page: &str) -> Option<Self> {
        let (start, end) = place(page)?;
        let rows = page[start..end].lines().skip(3).map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            let label = cells.next().unwrap_or_default();
            let cells: Vec<String> = cells.collect();
            (label, cells.try_into().unwrap_or_else(|_| panic!("a row without four cells: {line}")))
        });
        Some(Self { rows: rows.collect() })
    }

    /// The same table with these rows, in this order, and what they say for one column; the other cells stay.
    fn with(&self, column: usize, measured: &[(String, Outcome)]) -> Self {
        let rows = measured.iter().map(|(label, outcome)| {
            let old = self.rows.iter().find(|(own, _)| own == label).map(|(_, cells)| cells.clone());
            let mut cells = old.unwrap_or_default();
            cells[column] = outcome.to_string();
            (label.clone(), cells)
        });
        Self { rows: rows.collect() }
    }

    /// What differs between one column and what was measured; one line each, empty if nothing does.
    fn differences(&self, column: usize, measured: &[(String, Outcome)]) -> String {
        let name = COLUMNS[column];
        let mut out = String::new();
        for (label, outcome) in measured {
            match self.rows.iter().find(|(own, _)| own == label) {
                None => writeln!(out, "the row `{label}` is missing; {name} measured `{outcome}`"),
                Some((_, cells)) if cells[column] != outcome.as_str() => {
                    writeln!(
                        out,
                        "`{label}`, {name}: the page says `{}`, measured is `{outcome}`",
                        cells[column]
                    )
                }
                Some(_) => Ok(()),
            }
            .expect("writing to a String does not fail");
        }
        for (label, _) in &self.rows {
            if !measured.iter().any(|(own, _)| own == label) {
                writeln!(out, "the row `{label}` is not measured by {name}")
                    .expect("writing to a String does not fail");
            }
        }
        out
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: &str| text.chars().count();
        let first = self.rows.iter().map(|(label, _)| width(label)).max().unwrap_or_default();
        let widths = [0, 1, 2, 3].map(|at| {
            self.rows.iter().map(|(_, cells)| width(&cells[at])).fold(width(COLUMNS[at]), usize::max)
        });
        let line = |f: &mut fmt::Formatter<'_>, label: &str, cells: [&str; 4]| {
            write!(f, "| {label:first$} |")?;
            for (cell, width) in cells.iter().zip(widths) {
                write!(f, " {cell:width$} |")?;
            }
            writeln!(f)
        };
        writeln!(f, "{START}")?;
        line(f, "", COLUMNS)?;
        writeln!(f, "|{}|{}", "-".repeat(first + 2), widths.map(|w| "-".repeat(w + 2) + "|").concat())?;
        self.rows.iter().try_for_each(|(label, cells)| line(f, label, cells.each_ref().map(String::as_str)))
    }
}

/// Where the table stands: from its first mark up to its last.
fn place(page: &str) -> Option<(usize, usize)> {
    let start = page.find(&format!("{START}\n"))?;
    let end = start + page[start..].find(&format!("{END}\n")).expect("a table has an end");
    Some((start, end))
}

/// The file of a rule's page.
fn page(rule: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(format!("{rule}.md"))
}

/// Compares a rule's page with what was measured for a column, or writes the column (`UPDATE=1`); returns what differs.
pub(crate) fn compare(rule: &str, column: usize, measured: &[(String, Outcome)]) -> String {
    for (at, (label, _)) in measured.iter().enumerate() {
        assert!(!label.contains(['|', '\n']), "no label of a table: {label:?}");
        assert!(measured[..at].iter().all(|(other, _)| other != label), "`{label}` is measured twice");
    }
    // Tests of other engines write other columns of the same page.
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages.lock"))
        .expect("the folder for tests can be written");
    lock.lock().expect("a lock of our own file can be waited for");
    let path = page(rule);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut table = Table::of(&text).unwrap_or_default();
    if std::env::var_os("UPDATE").is_some() {
        table = table.with(column, measured);
        let next = replaced(&text, &table);
        if next != text {
            fs::write(&path, next).expect("the page can be written");
        }
    }
    table
        .differences(column, measured)
        .lines()
        .fold(String::new(), |out, line| out + &format!("rules/{rule}.md: {line}\n"))
}

/// The page with that table in the place of its own, or at the end of its Proof section.
fn replaced(text: &str, table: &Table) -> String {
    if let Some((start, end)) = place(text) {
        return format!("{}{table}{}", &text[..start], &text[end..]);
    }
    let proof = text.find("\n## Proof\n").expect("every page has the heading");
    let end = proof + 1 + text[proof + 1..].find("\n## ").expect("Proof is not the last heading");
    format!("{}\n{table}{END}\n{}", &text[..end], &text[end..])
}

#[test]
fn a_column_is_compared_exactly() {
    let rows = |outcomes: &[(&str, Outcome)]| -> Vec<(String, Outcome)> {
        outcomes.iter().map(|(label, outcome)| ((*label).to_owned(), *outcome)).collect()
    };
    let page = "---\n---\n\n## Proof\n\nWords.\n\n## Known limits\n\nNone.\n";
    let measured = rows(&[("bad: built", Outcome::Old), ("fixed: built", Outcome::New)]);
    let first = replaced(page, &Table::default().with(1, &measured));
    assert_eq!(
        first,
        page.replace(
            "Words.\n",
            "Words.\n\n<!-- proof -->\n\
             |              | 20.10 classic | 20.10 BuildKit | 26.1 classic | 26.1 BuildKit |\n\
             |--------------|---------------|----------------|--------------|---------------|\n\
             | bad: built   |               | old            |              |               |\n\
             | fixed: built |               | new            |              |               |\n\
             <!-- /proof -->\n"
        )
    );
    let both = replaced(&first, &Table::of(&first).unwrap().with(3, &measured));
    let table = Table::of(&both).unwrap();
    assert_eq!(table.rows[0].1, ["", "old", "", "old"]);
    assert_eq!(table.differences(1, &measured), "");
    assert_eq!(
        table.differences(0, &measured),
        "`bad: built`, 20.10 classic: the page says ``, measured is `old`\n\
         `fixed: built`, 20.10 classic: the page says ``, measured is `new`\n"
    );
    assert_eq!(
        table.differences(1, &rows(&[("bad: built", Outcome::New), ("fixed: twice", Outcome::New)])),
        "`bad: built`, 20.10 BuildKit: the page says `old`, measured is `new`\n\
         the row `fixed: twice` is missing; 20.10 BuildKit measured `new`\n\
         the row `fixed: built` is not measured by 20.10 BuildKit\n"
    );
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::of(outcome.as_str()), Some(outcome));
    }
}
