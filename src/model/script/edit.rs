//! Changes of scripts that keep everything around them.

use super::{Opt, Shell, Step};
use crate::text::{Edit, Newline, Span};

/// Puts options behind an option, or behind the verb if there is none: ` --build` after `-d`.
pub fn options(text: &str, step: &Step, verb: Span, after: Option<&Opt>, add: &str) -> Option<Edit> {
    let place = after.map_or(verb, |option| option.span);
    let written = text.get(place.range())?;
    // A place that a variable shares with other words is no place for an option.
    let own = after.map_or(!written.contains('$'), |_| written.starts_with('-'));
    (step.exact && own && !place.is_empty()).then(|| Edit::insert(place.end(), format!(" {add}")))
}

/// Another word in the place of the verb.
pub fn verb(text: &str, step: &Step, place: Span, old: &str, new: &str) -> Option<Edit> {
    (step.exact && text.get(place.range()) == Some(old)).then(|| Edit::replace(place, new))
}

/// A command before the step: on a line of its own where the step begins one, else in front of it with `&&`.
pub fn before(text: &str, step: &Step, command: &str) -> Option<Edit> {
    if !step.exact {
        return None;
    }
    let at = step.span.start();
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let indent = text[line..at].trim_start_matches('\u{feff}');
    let mark = indent.trim_matches([' ', '\t']);
    let above = text[..line].trim_end_matches(['\r', '\n']);
    let continued = above.ends_with('\\') || above.ends_with("&&") || above.ends_with("||");
    let own_line = match mark {
        "" | "-" => true,
        // make's
        "@" => indent.starts_with('\t'),
        _ => false,
    };
    if own_line && !continued {
        let newline = Newline::of(text).as_str();
        return Some(Edit::insert(at - indent.len(), format!("{indent}{command}{newline}")));
    }
    Some(Edit::insert(at, format!("{command} && ")))
}

/// A line at the start of a shell's text.
pub fn first_line(text: &str, shell: &Shell, line: &str) -> Option<Edit> {
    let (at, indent) = shell.head.as_ref()?;
    let newline = Newline::of(text).as_str();
    let start = text[..*at].rfind('\n').map_or(0, |end| end + 1);
    // In a block of YAML the line has white space of its own before the text.
    let outer = &text[start..*at];
    if !outer.trim_matches([' ', '\u{feff}']).is_empty() {
        return None;
    }
    let outer = outer.trim_start_matches('\u{feff}');
    let gap = if *at > 0 && !text[..*at].ends_with(['\n', ' ', '\u{feff}']) { newline } else { "" };
    Some(Edit::insert(*at, format!("{gap}{indent}{line}{newline}{outer}")))
}

/// The options (`-e`, `-eu`) of a `set` that stands where [`first_line`] would insert one.
pub fn first_set(text: &str, shell: &Shell) -> Option<Span> {
    let (at, _) = shell.head.as_ref()?;
    let rest = text.get(*at..)?;
    let start = at + (rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']).len());
    let options = text[start..].strip_prefix("set ")?;
    let end = options.find(['\r', '\n']).unwrap_or(options.len());
    let word = options[..end].trim_end_matches([' ', '\t']);
    let letters =
        word.strip_prefix('-').is_some_and(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase()));
    letters.then(|| Span::new(start + 4, start + 4 + word.len()))
}

/// `;` between two commands as `&&`; nothing to change if it is that already.
pub fn join(text: &str, first: &Step, second: &Step) -> Option<Option<Edit>> {
    let between = Span::new(first.span.end(), second.span.start().max(first.span.end()));
    let written = text.get(between.range())?;
    match written.trim_matches([' ', '\t', '\\', '\r', '\n']) {
        "&&" => Some(None),
        ";" => {
            let at = between.start() + written.find(';')?;
            let gap = if written.starts_with(';') { " " } else { "" };
            Some(Some(Edit::replace(Span::new(at, at + 1), format!("{gap}&&"))))
        }
        _ => None,
    }
}
