//! Parser errors in words that say what to write instead.

use granit_parser::{ErrorKind, ScanError};

use crate::{syntax::SyntaxError, text::Span};

pub(super) fn explain(error: &ScanError, text: &str) -> SyntaxError {
    let mut start = text.floor_char_boundary(error.marker().byte_offset().unwrap_or(0).min(text.len()));
    if is_tab(error.kind()) && text[..start].ends_with('\t') {
        start -= 1;
    }
    let end = text[start..].chars().next().filter(|&c| c != '\n').map_or(start, |c| start + c.len_utf8());
    let rest = text[start..].lines().next().unwrap_or_default();
    let message = match error.kind() {
        kind if is_tab(kind) => "YAML is not indented with tabs: use spaces".to_owned(),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            "a `:` where no key can stand: indent the line like its neighbours, or quote a value that holds `: `".to_owned()
        }
        ErrorKind::UnclosedQuotedScalar => "the quote is never closed: close it".to_owned(),
        ErrorKind::UnclosedFlowCollection { open } => format!("`{open}` is never closed: close it"),
        ErrorKind::UnknownAnchor => {
            let name = rest.split([' ', ',', '\t']).next().unwrap_or_default();
            format!("`{}` has no anchor above it: define it first", shorten(name))
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "a key with `:` belongs here: indent the line like the other keys of its mapping".to_owned()
        }
        ErrorKind::ExpectedBlockSequenceEntry => {
            "an entry with `- ` belongs here: indent the line like the other entries".to_owned()
        }
        ErrorKind::InvalidIndentation => "the line is indented like none of those above it".to_owned(),
        ErrorKind::UnexpectedCharacter { character } => {
            format!("a value cannot start with `{}`: quote it", character.escape_debug())
        }
        ErrorKind::MissingAnchorOrAliasName => {
            "`*` and `&` need a name: quote the value if it is none".to_owned()
        }
        ErrorKind::RecursionLimitExceeded => {
            format!("more than {} levels deep: nothing is read below", super::MAX_DEPTH)
        }
        ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => {
            "not an escape of YAML: double the backslash, or use single quotes".to_owned()
        }
        ErrorKind::UndeclaredTagHandle => "the tag's handle is not declared: quote the value if `!` is text".to_owned(),
        _ => format!("not YAML: {}", error.info()),
    };
    SyntaxError { span: Span::new(start, end), message }
}

fn is_tab(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed | ErrorKind::TabInIndentation)
}

/// Cuts what a message repeats, so that a hostile file cannot fill the screen.
pub(super) fn shorten(text: &str) -> String {
    let mut out: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}
