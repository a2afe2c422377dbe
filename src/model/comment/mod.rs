//! A dated comment in a file's own syntax: where it changes nothing but the bytes, and when there is no such place.

mod end;
mod kinds;
mod same;

use std::ops::Range;

use kinds::{Grammar, Kind, Marks};

/// What the comment starts with; the same comment is found by it again.
pub const MARK: &str = "unstale cache bust: ";

/// A text with the comment in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commented {
    /// The whole text.
    pub text: String,
    /// The comment's line, from 1.
    pub line: usize,
    /// The comment as written.
    pub comment: String,
}

/// Dates the comment of an earlier run anew, or adds one: behind everything else, where no reader of the file obeys it.
/// `stamp` is given the date that stands there (`2026-11-28T01:02:03Z`, or with `.000` before the `Z`) and makes another one of the
/// other form.
///
/// # Errors
/// Why nothing is changed: the kind of file has no comments or is not known, or it ends where a comment would be
/// something else. Lower case, no full stop, without the path.
pub fn renew(path: &str, text: &str, stamp: &dyn Fn(Option<&str>) -> String) -> Result<Commented, String> {
    looks_like_text(text)?;
    let kind = kinds::of(path, text)?;
    guarded(text)?;
    let (before, comment, after) = if let Some(found) = find(kind, text) {
        let old = &text[found.date.clone()];
        let (before, after) = (&text[..found.comment.start], &text[found.comment.end..]);
        let line = before.matches('\n').count() + 1;
        end::takes_a_comment(path, kind.grammar, before)?;
        // Behind it there is code by now, which shows nothing of the text that it may stand in.
        if !after.trim().is_empty() && !same::reads(kind.grammar) && end::may_be_quoted(before) {
            return Err(format!(
                "line {line} looks like its own comment and may be part of a text: delete it, or put it at the end"
            ));
        }
        let comment = [
            &text[found.comment.start..found.date.start],
            &stamp(Some(old)),
            &text[found.date.end..found.comment.end],
        ]
        .concat();
        (before.to_owned(), comment, after.to_owned())
    } else {
        end::takes_a_comment(path, kind.grammar, text)?;
        added(kind, text, &stamp(None))
    };
    let changed = [before.as_str(), &comment, &after].concat();
    same::same(kind.grammar, text, &changed)?;
    Ok(Commented { line: before.matches('\n').count() + 1, text: changed, comment })
}

fn looks_like_text(text: &str) -> Result<(), String> {
    // The last two end a file for Perl and for DOS.
    if text.contains(['\0', '\u{4}', '\u{1a}']) {
        return Err("it is no text".to_owned());
    }
    if text.contains('\r') && !text.contains('\n') {
        return Err("its lines end with a carriage return alone".to_owned());
    }
    Ok(())
}

/// What holds a hash of its own bytes.
fn guarded(text: &str) -> Result<(), String> {
    for (mark, whose) in [
        ("$ANSIBLE_VAULT;", "it is encrypted by Ansible"),
        ("ENC[AES256_GCM,", "it is encrypted by sops"),
        ("-----BEGIN PGP SIGNED MESSAGE-----", "it is signed"),
        ("# SIG # Begin signature block", "it is signed"),
    ] {
        if text.contains(mark) {
            return Err(format!("{whose}, which a comment would break"));
        }
    }
    Ok(())
}

/// Text before the comment, the comment, text after it.
fn added(kind: Kind, text: &str, stamp: &str) -> (String, String, String) {
    let newline = if text.ends_with("\r\n") || (!text.ends_with('\n') && text.contains("\r\n")) {
        "\r\n"
    } else {
        "\n"
    };
    let ended = text.ends_with('\n');
    let written = |open: &str, close: &str| {
        let space = if close.is_empty() { "" } else { " " };
        format!("{open} {MARK}{stamp}{space}{close}")
    };
    let comment = match kind.marks {
        Marks::Line(mark) => written(mark, ""),
        Marks::Either(mark, ..) if ended => written(mark, ""),
        Marks::Block(open, close) | Marks::Either(_, open, close) => written(open, close),
    };
    let bare = text.trim_start_matches('\u{feff}').is_empty();
    if glued(kind.grammar, text) {
        let at = text.trim_end_matches(['\r', '\n']).len();
        return (text[..at].to_owned(), comment, text[at..].to_owned());
    }
    if ended || bare {
        return (text.to_owned(), comment, newline.to_owned());
    }
    (format!("{text}{newline}"), comment, String::new())
}

/// In a part of a page white space can show: only behind the end of a page, and between the blocks of a component, does
/// a line of its own change nothing.
fn glued(grammar: Grammar, text: &str) -> bool {
    let last = text.trim_end().to_ascii_lowercase();
    match grammar {
        Grammar::Html => !last.ends_with("</html>"),
        Grammar::Vue => last.is_empty() || !last.ends_with('>'),
        _ => false,
    }
}

/// A comment of an earlier run.
struct Found {
    comment: Range<usize>,
    date: Range<usize>,
}

/// The last line that is such a comment and nothing else; in a part of a page it may stand behind the last line's text.
fn find(kind: Kind, text: &str) -> Option<Found> {
    let forms: &[(&str, &str)] = match kind.marks {
        Marks::Line(mark) => &[(mark, "")],
        Marks::Block(open, close) => &[(open, close)],
        Marks::Either(mark, open, close) => &[(mark, ""), (open, close)],
    };
    let mut end = text.len();
    for line in text.split_inclusive('\n').rev() {
        let start = end - line.len();
        end = start;
        let content = line.trim_end_matches(['\r', '\n']);
        for (open, close) in forms {
            let Some(found) = in_line(content, open, close) else { continue };
            let first = content.trim_start_matches('\u{feff}').len();
            let alone = found.comment.start == content.len() - first;
            if alone || kind.grammar == Grammar::Html || kind.grammar == Grammar::Vue {
                let shift = |range: Range<usize>| start + range.start..start + range.end;
                return Some(Found { comment: shift(found.comment), date: shift(found.date) });
            }
        }
    }
    None
}

/// The comment at the end of a line.
fn in_line(line: &str, open: &str, close: &str) -> Option<Found> {
    let body = line.strip_suffix(close)?;
    let body = if close.is_empty() { body } else { body.strip_suffix(' ')? };
    FORMS.iter().find_map(|form| {
        let at = body.len().checked_sub(form.len())?;
        let date = body.get(at..)?;
        let before = body.get(..at)?.strip_suffix(MARK)?.strip_suffix(' ')?.strip_suffix(open)?;
        is_date(date, form).then_some(Found { comment: before.len()..line.len(), date: at..body.len() })
    })
}

/// The two forms of a date. A comment has them in turn: where a checkout's times are normalised, BuildKit tells a file
/// from the one before by its size alone (measured: dated anew in one form, the file stays old).
const FORMS: [&str; 2] = ["0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000Z"];

fn is_date(text: &str, form: &str) -> bool {
    let fits = |(a, b): (u8, u8)| if b == b'0' { a.is_ascii_digit() } else { a == b };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}
