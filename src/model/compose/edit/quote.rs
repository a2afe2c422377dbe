//! How a string is written as a YAML scalar.

use std::fmt::Write as _;

use crate::syntax::yaml::{Kind, Resolved, ScalarStyle, Style, Tree};

/// Writes `text` in quotes like `style`'s, or without where that is safe. `place` is the collection around it.
pub(super) fn like(text: &str, style: Option<ScalarStyle>, place: Style) -> String {
    match style {
        Some(ScalarStyle::Single) if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        Some(ScalarStyle::Plain) | None if is_plain(text, place) => text.to_owned(),
        _ => double(text),
    }
}

/// Whether the text reads back as the same string without quotes: here, and with the YAML 1.1 of docker-compose v1.
fn is_plain(text: &str, place: Style) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    if WORDS.contains(&text.to_ascii_lowercase().as_str()) || text.starts_with('=') {
        return false;
    }
    let probe = match place {
        Style::Block => format!("- {text}\n"),
        Style::Flow => format!("[{text}, x]\n"),
    };
    let tree = Tree::parse(&probe);
    let Some(&[first, ..]) = tree.root().and_then(|root| tree.items(root)) else { return false };
    let plain = matches!(&tree.node(first).kind, Kind::Scalar { text: read, .. } if read == text);
    plain && tree.value(first) == Some(Resolved::Str) && tree.node(first).span.len() == text.len()
}

fn double(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
