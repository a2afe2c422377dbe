//! Text of files that are not trusted, made fit for a terminal: no control characters, no bidirectional overrides.

use crate::text::is_obeyed;

/// Replaces what a terminal would obey. The length in bytes stays, so that spans stay right.
pub fn same_length(text: &str) -> String {
    text.chars().map(|c| if is_obeyed(c) { stand_in(c) } else { c }).collect()
}

/// The same for one line of a message: newlines and tabs are shown as escapes.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_obeyed(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Whether a terminal would show the text as it is, on one line.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| is_obeyed(c) || matches!(c, '\n' | '\t'))
}

fn stand_in(c: char) -> char {
    match c.len_utf8() {
        1 if c == '\r' => ' ',
        1 => '?',
        2 => '\u{bf}',
        _ => '\u{fffd}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_stay_and_escapes_go() {
        let text = "a\x1b[31m\u{9b}\u{202e}b\r\n";
        let safe = same_length(text);
        assert_eq!(safe.len(), text.len());
        assert_eq!(safe, "a?[31m\u{bf}\u{fffd}b \n");
        assert_eq!(line("a\nb\x07"), "a\\nb\\u{7}");
    }
}
