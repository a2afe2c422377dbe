//! Text that was put together from pieces of a file, and the way back from its bytes to the file's.

use std::ops::Range;

use crate::text::Span;

/// Where the bytes of a text stand in the file that it was read from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetMap {
    /// (offset in the text, offset in the file) of each piece's first byte, in the order of the text.
    pieces: Vec<(usize, usize)>,
}

impl OffsetMap {
    /// The map of a text that is the whole file.
    pub fn identity() -> Self {
        Self::default()
    }

    /// The place in the file of the text's byte `at`.
    pub fn place(&self, at: usize) -> usize {
        let after = self.pieces.partition_point(|&(text, _)| text <= at);
        match after.checked_sub(1).map(|i| self.pieces[i]) {
            Some((text, file)) => file + (at - text),
            None => at,
        }
    }

    /// The place in the text of the file's byte `at`; that of the next piece for a byte that was cut out.
    pub fn offset(&self, at: usize) -> usize {
        let after = self.pieces.partition_point(|&(_, file)| file <= at);
        let next = self.pieces.get(after).map(|&(text, _)| text);
        match after.checked_sub(1).map(|i| self.pieces[i]) {
            Some((text, file)) => next.map_or(text + (at - file), |next| next.min(text + (at - file))),
            None => next.unwrap_or(at),
        }
    }

    /// The file's bytes from the first to the last byte of `range`; what was cut out between them is included.
    pub fn span(&self, range: &Range<usize>) -> Span {
        if range.start < range.end {
            Span::new(self.place(range.start), self.place(range.end - 1) + 1)
        } else if range.start > 0 {
            Span::point(self.place(range.start - 1) + 1)
        } else {
            Span::point(self.place(0))
        }
    }
}

/// A text and its map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    text: String,
    map: OffsetMap,
}

impl Joined {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its map.
    pub fn map(&self) -> &OffsetMap {
        &self.map
    }

    /// Appends a piece that starts at byte `file` of the file.
    pub fn push(&mut self, piece: &str, file: usize) {
        if piece.is_empty() && !self.map.pieces.is_empty() {
            return;
        }
        let at = self.text.len();
        let follows = match self.map.pieces.last() {
            Some(&(text, start)) => start + (at - text) == file,
            None => false,
        };
        if !follows {
            // An empty piece holds no byte: the next one takes its place.
            self.map.pieces.pop_if(|&mut (text, _)| text == at);
            self.map.pieces.push((at, file));
        }
        self.text.push_str(piece);
    }

    /// The part of it in `range`, with its own map.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let first = self.map.pieces.partition_point(|&(text, _)| text <= range.start);
        let mut pieces = vec![(0, self.map.span(&(range.start..range.start)).start())];
        if range.start < range.end {
            pieces[0].1 = self.map.place(range.start);
        }
        pieces.extend(
            self.map.pieces[first..]
                .iter()
                .take_while(|&&(text, _)| text < range.end)
                .map(|&(text, file)| (text - range.start, file)),
        );
        Self { text: self.text[range].to_owned(), map: OffsetMap { pieces } }
    }

    /// The file's bytes behind `range`.
    pub fn span(&self, range: &Range<usize>) -> Span {
        self.map.span(range)
    }

    /// The file's bytes behind all of it.
    pub fn whole(&self) -> Span {
        self.map.span(&(0..self.text.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_skips_what_was_cut_out() {
        // "RUN a\⏎ b" without the continuation
        let mut joined = Joined::default();
        joined.push("RUN a", 0);
        joined.push(" b", 7);
        assert_eq!(joined.text(), "RUN a b");
        assert_eq!(
            joined.span(&(4..5)),
            Span::new(4, 5),
            "the end is that of the last byte, not of the next piece"
        );
        assert_eq!(joined.span(&(6..7)), Span::new(8, 9));
        assert_eq!(joined.span(&(4..7)), Span::new(4, 9));
        assert_eq!(joined.span(&(7..7)), Span::point(9));
        let slice = joined.slice(4..7);
        assert_eq!((slice.text(), slice.whole()), ("a b", Span::new(4, 9)));
        assert_eq!(slice.span(&(2..3)), Span::new(8, 9));
    }

    #[test]
    fn a_whole_file_maps_to_itself() {
        assert_eq!(OffsetMap::identity().span(&(3..5)), Span::new(3, 5));
    }
}
