//! Byte ranges of one file, and values that remember theirs.

use std::ops::Range;

/// A byte range of one file: `start` included, `end` excluded.
///
/// Invariant: `start <= end`, and both lie on character boundaries of the text that they were made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of `start..end`.
    ///
    /// # Panics
    /// If the file is larger than 4 GiB; `project` refuses such files.
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end, "span {start}..{end} runs backwards");
        let cast =
            |n: usize| u32::try_from(n).expect("files of 4 GiB and more are refused when they are read");
        Self { start: cast(start), end: cast(end) }
    }

    /// The empty span at `at`: a place between two bytes.
    pub fn point(at: usize) -> Self {
        Self::new(at, at)
    }

    /// As a range, for slicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// First byte, as an index.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// One past the last byte, as an index.
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it holds no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `other` lies inside.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A value and the bytes that it was read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// What it means.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}
