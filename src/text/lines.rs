//! Byte offsets to lines and columns.

/// A place in a file, for people and for JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Byte offset, from 0.
    pub byte: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in Unicode code points, from 1.
    pub column: usize,
}

/// Where the lines of a text start. A line ends with `\n`; a `\r` before it belongs to the line.
#[derive(Debug, Clone)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Reads the text once.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| i + 1));
        Self { starts }
    }

    /// The line (from 1) that holds the byte.
    pub fn line(&self, byte: usize) -> usize {
        self.starts.partition_point(|&s| s <= byte)
    }

    /// The byte where the line (from 1) starts; the last line's for lines past the end.
    pub fn start_of(&self, line: usize) -> usize {
        self.starts[line.clamp(1, self.starts.len()) - 1]
    }

    /// How many lines there are; a text that ends in a newline has an empty last one.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// Line and column of a byte of `text` (the text that the index was made from).
    /// A byte inside a character or past the end is moved back to the nearest boundary.
    pub fn position(&self, text: &str, byte: usize) -> Position {
        let mut byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        let line = self.line(byte);
        let column = text[self.start_of(line)..byte].chars().count() + 1;
        Position { byte, line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_code_points_and_lines_count_from_one() {
        let text = "añb\r\nü\n";
        let index = LineIndex::new(text);
        assert_eq!(index.position(text, 3), Position { byte: 3, line: 1, column: 3 });
        assert_eq!(index.position(text, 2), Position { byte: 1, line: 1, column: 2 }, "inside a character");
        assert_eq!(index.position(text, 6), Position { byte: 6, line: 2, column: 1 });
        assert_eq!(index.position(text, 99).line, 3);
        assert_eq!(index.count(), 3);
    }
}
