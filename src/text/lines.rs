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
    /// How many bytes before each block are not the first of their character.
    wide: Vec<usize>,
}

/// Bytes in a block: what finding a column may look at.
const BLOCK: usize = 1024;

fn wide(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&b| b & 0xc0 == 0x80).count()
}

impl LineIndex {
    /// Reads the text once.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| i + 1));
        let mut all = vec![0];
        all.extend(text.as_bytes().chunks(BLOCK).scan(0, |sum, block| {
            *sum += wide(block);
            Some(*sum)
        }));
        Self { starts, wide: all }
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
        let column = self.characters(text, byte) - self.characters(text, self.start_of(line)) + 1;
        Position { byte, line, column }
    }

    /// How many characters lie before a byte.
    fn characters(&self, text: &str, byte: usize) -> usize {
        let block = byte / BLOCK;
        byte - self.wide[block] - wide(&text.as_bytes()[block * BLOCK..byte])
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
        let long = format!("{}\nx{}", "é".repeat(1_500), "aü".repeat(2_000));
        let index = LineIndex::new(&long);
        for (byte, _) in long.char_indices().chain([(long.len(), ' ')]) {
            let line = long[..byte].rfind('\n').map_or(0, |n| n + 1);
            assert_eq!(index.position(&long, byte).column, long[line..byte].chars().count() + 1);
        }
    }
}
