//! Lines and columns of the findings of a run; each file that they name is indexed once.

use std::collections::BTreeMap;

use super::Run;
use crate::text::{FileId, LineIndex, Location, Position, Snapshot};

/// The files that a run names.
pub(super) struct Places<'a> {
    snapshot: &'a Snapshot,
    lines: BTreeMap<FileId, LineIndex>,
}

impl<'a> Places<'a> {
    pub(super) fn new(run: &Run<'a>) -> Self {
        let mut lines = BTreeMap::new();
        let mut add = |file: FileId| {
            lines.entry(file).or_insert_with(|| LineIndex::new(&run.snapshot.file(file).text));
        };
        for finding in &run.report.findings {
            add(finding.at.file);
            finding.labels.iter().for_each(|label| add(label.at.file));
            finding.fix.iter().flat_map(|fix| &fix.edits).for_each(|(file, _)| add(*file));
        }
        Self { snapshot: run.snapshot, lines }
    }

    /// Where it starts and ends, columns in code points.
    pub(super) fn of(&self, at: Location) -> (Position, Position) {
        let text = &self.snapshot.file(at.file).text;
        let index = &self.lines[&at.file];
        (index.position(text, at.span.start()), index.position(text, at.span.end()))
    }

    /// A position's column in UTF-16 code units, from 1.
    pub(super) fn utf16(&self, file: FileId, position: Position) -> usize {
        let start = self.lines[&file].start_of(position.line);
        self.snapshot.file(file).text[start..position.byte].encode_utf16().count() + 1
    }

    /// The first and last line that hold a byte of it.
    pub(super) fn lines(&self, at: Location) -> (usize, usize) {
        let (start, end) = self.of(at);
        // A place that ends with a newline does not reach into the line after it.
        let last = if end.column == 1 && end.line > start.line { end.line - 1 } else { end.line };
        (start.line, last)
    }
}
