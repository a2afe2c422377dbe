//! Words for a shell, a terminal and a sentence.

use std::fmt::Write as _;

use crate::text::is_obeyed;

/// How a word is quoted: for a person's shell, or for a script.
pub(super) type Quote = fn(&str) -> String;

/// A word for a POSIX shell. Control characters, which a terminal would obey, are written as `$'\x1b'` (bash, zsh).
///
/// # Panics
/// Never: a word with a NUL has a control character.
pub fn quote(word: &str) -> String {
    let shown = |c: char| !c.is_control() && !is_obeyed(c);
    if word.chars().all(shown) {
        return shlex::try_quote(word).expect("there is no NUL: it is a control character").into_owned();
    }
    let mut quoted = String::from("$'");
    for c in word.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\'' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if !shown(c) => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    write!(quoted, "\\x{byte:02x}").expect("a String takes everything");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// A word for a script of any POSIX shell, which knows no `$'…'`: what a terminal would obey is made by `printf`. A
/// newline stands as it is, so that the script has more lines then.
///
/// # Panics
/// Never: a word with a NUL has a control character.
pub fn quote_for_script(word: &str) -> String {
    let plain =
        |text: &str| shlex::try_quote(text).expect("there is no NUL: it is a control character").into_owned();
    if !word.contains(is_obeyed) {
        return plain(word);
    }
    let mut quoted = String::new();
    for piece in word.split_inclusive(is_obeyed) {
        let last = piece.char_indices().next_back().filter(|(_, c)| is_obeyed(*c));
        let text = last.map_or(piece, |(at, _)| &piece[..at]);
        if !text.is_empty() {
            quoted.push_str(&plain(text));
        }
        if let Some((at, _)) = last {
            quoted.push_str("\"$(printf '");
            for byte in piece[at..].bytes() {
                write!(quoted, "\\{byte:03o}").expect("a String takes everything");
            }
            quoted.push_str("')\"");
        }
    }
    quoted
}

/// Text for a terminal: control characters become visible.
pub fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let hidden = is_obeyed(c) || c == '\t';
            if hidden { c.escape_default().collect() } else { vec![c] }
        })
        .collect()
}

/// Names for a message: at most five, in backticks.
pub(super) fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|n| format!("`{}`", n.replace('\n', "\\n"))).collect();
    let more = names.len().saturating_sub(5);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{tail}", shown.join(", "))
}
