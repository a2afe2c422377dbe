//! Text changes: sorted, never overlapping; two sets merge or the merge fails.

use super::{FileId, Location, SourceFile, Span};

/// One replacement: the bytes of `span` become `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

impl Edit {
    /// Replaces `span`.
    pub fn replace(span: Span, text: impl Into<String>) -> Self {
        Self { span, text: text.into() }
    }

    /// Inserts at `at`.
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::replace(Span::point(at), text)
    }

    /// Takes whole lines away, `lines` with the newline behind them. At the end of the file the blank lines above them go,
    /// too; a file without a newline at its end stays without one, and a byte order mark stays.
    ///
    /// # Panics
    /// If `lines` is not a span of `text`.
    pub fn remove_lines(text: &str, lines: Span) -> Self {
        let mark = if lines.start() == 0 && text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let start = lines.start() + mark;
        if lines.end() < text.len() {
            return Self::replace(Span::new(start, lines.end()), "");
        }
        let mut kept = text[..start].trim_end_matches(['\r', '\n']).len();
        if text.ends_with('\n') && kept > mark {
            kept += text[kept..start].find('\n').map_or(0, |at| at + 1);
        }
        Self::replace(Span::new(kept, lines.end()), "")
    }

    /// The same for several groups of lines, in order: what would touch is one edit.
    ///
    /// # Panics
    /// If one of them is not a span of `text`.
    pub fn remove_all_lines(text: &str, all: &[Span]) -> Vec<Self> {
        let mut made: Vec<Self> = Vec::new();
        for &lines in all {
            let mut edit = Self::remove_lines(text, lines);
            // A joined edit at the end of the file may reach further up than both.
            while let Some(last) = made.pop_if(|last| edit.span.start() <= last.span.end()) {
                edit = Self::remove_lines(text, Span::new(last.span.start(), lines.end()));
            }
            made.push(edit);
        }
        made
    }
}

/// What a change of a project consists of: all of it is made or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Edits of texts.
    pub edits: Vec<(FileId, Edit)>,
    /// Files that are not there yet, whole.
    pub creates: Vec<SourceFile>,
    /// What it takes for granted, and does not change itself.
    pub rests_on: Vec<Location>,
}

impl From<Vec<(FileId, Edit)>> for Changes {
    fn from(edits: Vec<(FileId, Edit)>) -> Self {
        Self { edits, ..Self::default() }
    }
}

/// Two edits want the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The edit that was there first.
    pub kept: Edit,
    /// The edit that was refused.
    pub refused: Edit,
}

/// What became of an edit that a set took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The set has it now.
    New,
    /// The set had it, byte for byte.
    Already,
}

/// Edits of one file.
///
/// Invariant: sorted by start, and no two of them share a byte or an insertion point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditSet {
    edits: Vec<Edit>,
}

impl EditSet {
    /// Adds an edit; one that is there already, byte for byte, is kept once.
    ///
    /// # Errors
    /// [`Overlap`] if it wants bytes, or an insertion point, that another edit has.
    pub fn insert(&mut self, edit: Edit) -> Result<Inserted, Overlap> {
        let at = self.edits.partition_point(|e| e.span < edit.span);
        if self.edits.get(at) == Some(&edit) {
            return Ok(Inserted::Already);
        }
        // The set is sorted and nothing in it touches: what clashes with any edit clashes with a neighbour.
        if let Some(kept) =
            self.edits[at.saturating_sub(1)..].iter().take(2).find(|kept| clash(kept.span, edit.span))
        {
            return Err(Overlap { kept: kept.clone(), refused: edit });
        }
        self.edits.insert(at, edit);
        Ok(Inserted::New)
    }

    /// Whether an edit of the set wants bytes of the span, or to insert at its ends or within it.
    pub fn touches(&self, span: Span) -> bool {
        self.edits.iter().any(|edit| clash(edit.span, span))
    }

    /// Takes an edit out again.
    pub fn remove(&mut self, edit: &Edit) {
        let at = self.edits.partition_point(|e| e.span < edit.span);
        if self.edits.get(at) == Some(edit) {
            self.edits.remove(at);
        }
    }

    /// Both sets together.
    ///
    /// # Errors
    /// [`Overlap`] with the first pair that clashes; neither set is changed.
    pub fn union(&self, other: &Self) -> Result<Self, Overlap> {
        let mut both = self.clone();
        for edit in &other.edits {
            both.insert(edit.clone())?;
        }
        Ok(both)
    }

    /// The text with every edit made. Spans past the end are clamped, so a set made for another text cannot panic.
    pub fn apply(&self, text: &str) -> String {
        let mut out =
            String::with_capacity(text.len() + self.edits.iter().map(|e| e.text.len()).sum::<usize>());
        let mut done = 0;
        for edit in &self.edits {
            let (start, end) =
                (edit.span.start().clamp(done, text.len()), edit.span.end().clamp(done, text.len()));
            out.push_str(&text[done..start]);
            out.push_str(&edit.text);
            done = end;
        }
        out.push_str(&text[done..]);
        out
    }

    /// The edits, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }
}

/// Two spans clash when they share a byte, or when an insertion lies at or inside the edge of the other:
/// the order of two insertions at one place would be a guess.
fn clash(a: Span, b: Span) -> bool {
    if a.is_empty() || b.is_empty() {
        a.start <= b.end && b.start <= a.end
    } else {
        a.start < b.end && b.start < a.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_applied_in_order_of_place() {
        let mut set = EditSet::default();
        set.insert(Edit::insert(5, "!")).unwrap();
        set.insert(Edit::replace(Span::new(0, 1), "J")).unwrap();
        assert_eq!(set.apply("hello"), "Jello!");
    }

    #[test]
    fn lines_go_and_the_ends_of_the_file_stay() {
        let without = |text: &str, lines: Span| {
            let mut set = EditSet::default();
            set.insert(Edit::remove_lines(text, lines)).unwrap();
            set.apply(text)
        };
        assert_eq!(without("a\nb\nc\n", Span::new(2, 4)), "a\nc\n");
        assert_eq!(without("a\nb\n", Span::new(2, 4)), "a\n");
        assert_eq!(without("a\r\nb", Span::new(3, 4)), "a");
        assert_eq!(without("a\n\nb", Span::new(3, 4)), "a");
        assert_eq!(without("a\nb", Span::new(0, 2)), "b");
        assert_eq!(without("\u{feff}a\nb", Span::new(0, 5)), "\u{feff}b");
        assert_eq!(without("\u{feff}a", Span::new(0, 4)), "\u{feff}");
    }

    #[test]
    fn what_touches_is_refused() {
        let mut set = EditSet::default();
        set.insert(Edit::replace(Span::new(2, 4), "x")).unwrap();
        assert!(set.insert(Edit::replace(Span::new(3, 5), "y")).is_err());
        assert!(set.insert(Edit::insert(4, "y")).is_err());
        set.insert(Edit::replace(Span::new(4, 5), "z")).unwrap();
        assert!(set.insert(Edit::insert(3, "y")).is_err());
        assert_eq!(set.apply("abcdef"), "abxzf");
    }

    #[test]
    fn two_sets_merge_or_the_merge_fails() {
        let one = |edit: Edit| {
            let mut set = EditSet::default();
            set.insert(edit).unwrap();
            set
        };
        let (a, b, c) = (one(Edit::insert(0, "a")), one(Edit::insert(3, "b")), one(Edit::insert(0, "c")));
        assert_eq!(a.union(&b).unwrap().apply("123"), "a123b");
        assert_eq!(a.union(&a).unwrap(), a);
        assert!(a.union(&c).is_err());
    }
}
