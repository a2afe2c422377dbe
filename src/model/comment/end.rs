//! Whether a text ends where a comment behind it is a comment and nothing else.

use super::kinds::Grammar;
use crate::syntax::{dockerfile, offsets::OffsetMap, shell};

/// Looks at a text that a comment is to be put behind.
///
/// Where a file that ends inside of something (a string, a comment, a block) is an error to every reader, that is not
/// looked for: such a file does nothing before, and nothing after.
///
/// # Errors
/// Why the comment could be something else.
pub(super) fn takes_a_comment(path: &str, grammar: Grammar, text: &str) -> Result<(), String> {
    let refused = |reason: &str| Err(reason.to_owned());
    match grammar {
        Grammar::Html | Grammar::Vue => return markup(text, RAW),
        Grammar::Xml => return xml(text),
        Grammar::Markdown => return markdown(text),
        Grammar::Css { slashes } => return css(text, slashes),
        Grammar::Data => return Ok(()),
        Grammar::Dockerfile if dockerfile::parse(text).open_end => {
            return refused("its last instruction is not finished, and would swallow the comment");
        }
        // A backtick is what PowerShell goes on with, and Dockerfiles that say so.
        Grammar::PowerShell if text.trim_end().ends_with('`') => {
            return refused("its last line goes on in the next one");
        }
        _ if text.trim_end().ends_with('\\') => return refused("its last line goes on in the next one"),
        _ => {}
    }
    match grammar {
        Grammar::Code if is_markup(text) => refused("it holds XML, against its name"),
        Grammar::Ruby | Grammar::Perl if has_data(text) => {
            refused("what stands behind its `__END__` is data that it reads")
        }
        Grammar::Perl if in_pod(text) => {
            refused("it ends in its documentation, which would show the comment")
        }
        Grammar::Php => php(text),
        Grammar::Shell => shell(text),
        Grammar::Sql => sql(path, text),
        _ => Ok(()),
    }
}

/// Whether the place behind a text may lie in a string of several lines; what is not known counts as yes.
pub(super) fn may_be_quoted(text: &str) -> bool {
    ["\"\"\"", "'''", "`"].iter().any(|quote| text.matches(quote).count() % 2 == 1)
        || text.matches("/*").count() != text.matches("*/").count()
}

/// Qt's translations share an ending with TypeScript.
fn is_markup(text: &str) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<?xml") || start.get(..9).is_some_and(|s| s.eq_ignore_ascii_case("<!doctype"))
}

fn has_data(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("__END__") || line.starts_with("__DATA__"))
}

fn in_pod(text: &str) -> bool {
    let mark = |line: &&str| {
        line.strip_prefix('=').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    text.lines().rev().find(mark).is_some_and(|line| !line.starts_with("=cut"))
}

fn php(text: &str) -> Result<(), String> {
    let text = text.trim_start_matches('\u{feff}');
    let code = if text.starts_with("#!") { text.split_once('\n').map_or("", |(_, rest)| rest) } else { text };
    if !code.starts_with("<?php") || code.contains("?>") {
        return Err("it is PHP and text by turns: what stands at its end may be sent as it is".to_owned());
    }
    if code.to_ascii_lowercase().contains("__halt_compiler") {
        return Err("what stands behind its `__halt_compiler` is data that it reads".to_owned());
    }
    Ok(())
}

/// A script that reads itself: an archive behind its end, or a help text out of its own comments.
fn shell(text: &str) -> Result<(), String> {
    let marked = text.lines().any(|line| {
        let line = line.trim_end();
        line.len() > 4 && line.starts_with("__") && line.ends_with("__") && !line.contains(' ')
    });
    let reads = |name: &str| {
        [
            "awk", "cat", "dd", "egrep", "fgrep", "gawk", "grep", "head", "mawk", "perl", "python",
            "python3", "sed", "tail", "tar",
        ]
        .contains(&name)
    };
    let own = |word: &shell::Word| {
        let expanded = expanded(&word.raw);
        ["$0", "${0", "BASH_SOURCE"].iter().any(|own| expanded.contains(own))
            // A file beside it.
            && !["dirname", "basename", "%/*", "##*/", "readlink", "realpath"].iter().any(|part| expanded.contains(part))
    };
    let itself = shell::scan(text, &OffsetMap::identity()).commands.iter().any(|command| {
        let mut words = command.words.iter();
        let name = words.next().and_then(|word| word.literal.as_deref()).unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or(name);
        reads(name) && words.any(own)
    });
    // Redirections of a loop are no part of a command.
    let plain = text.replace([' ', '"'], "");
    let fed = ["<$0", "<${0", "<$BASH_SOURCE", "<${BASH_SOURCE"].iter().any(|from| plain.contains(from));
    if marked || itself || fed {
        return Err("the script reads its own text, so that a comment may change what it does".to_owned());
    }
    Ok(())
}

/// A word without what single quotes keep from the shell: `$0` is another thing to awk.
fn expanded(word: &str) -> String {
    let (mut out, mut double, mut single) = (String::new(), false, false);
    for c in word.chars() {
        match c {
            '\'' if !double => single = !single,
            _ if single => {}
            '"' => double = !double,
            c => out.push(c),
        }
    }
    out
}

/// Tools that apply migrations keep a hash of each, and refuse one that has another; `COPY … FROM stdin` reads rows up to
/// `\.` or the end.
fn sql(path: &str, text: &str) -> Result<(), String> {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let numbered = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains("__");
    let versioned = name.strip_prefix(['v', 'u', 'b']).is_some_and(numbered) || name.starts_with("r__");
    let folder = lower.split('/').rev().skip(1).any(|part| part.starts_with("migrat"));
    let changelog =
        text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase().starts_with("--liquibase");
    if versioned || folder || changelog {
        return Err("it is a migration, and the tool that applies it keeps a hash of it".to_owned());
    }
    let text = text.to_ascii_lowercase();
    if let Some(at) = text.rfind("from stdin")
        && !text[at..].lines().skip(1).any(|line| line.trim_end() == "\\.")
    {
        return Err("it ends in the rows of a `COPY … FROM stdin`".to_owned());
    }
    Ok(())
}

/// Unlike most, CSS closes at its end what is open.
fn css(text: &str, slashes: bool) -> Result<(), String> {
    let bytes = text.as_bytes();
    let open = |what: &str| Err(format!("{what} is open at its end"));
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            let Some(length) = find(&rest[2..], b"*/") else { return open("a comment") };
            at += length + 4;
        } else if slashes && rest.starts_with(b"//") {
            at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        } else if rest.len() > 4
            && rest[..4].eq_ignore_ascii_case(b"url(")
            && !matches!(rest[4], b'"' | b'\'')
        {
            let Some(length) = rest.iter().position(|b| *b == b')') else { return open("a `url(`") };
            at += length + 1;
        } else if matches!(rest[0], b'"' | b'\'') {
            let Some(length) = string(rest) else { return open("a string") };
            at += length;
        } else {
            at += if rest[0] == b'\\' { 2 } else { 1 };
        }
    }
    if text.trim_end().ends_with('\\') { open("an escape") } else { Ok(()) }
}

/// The bytes of a string with its quotes; one that a newline ends is an error and ends there.
fn string(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' => return Some(at),
            byte if *byte == text[0] => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window.eq_ignore_ascii_case(what))
}

/// Elements whose content is no markup.
const RAW: &[&str] =
    &["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript"];

/// Pages, and parts of them: another part may close what this one leaves open.
fn markup(text: &str, raw: &[&str]) -> Result<(), String> {
    let open = |what: &str| Err(format!("{what} is open at its end"));
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|b| *b == b'<') {
        at += next;
        let rest = &bytes[at..];
        let closed = |start: usize, end: &[u8]| Some(start + find(rest.get(start..)?, end)? + end.len());
        let (what, length) = match rest.get(1) {
            Some(b'!') if rest.starts_with(b"<!--") => ("a comment", closed(4, b"-->")),
            Some(b'!') if rest.starts_with(b"<![CDATA[") => ("a CDATA section", closed(9, b"]]>")),
            Some(b'!' | b'?') => ("a declaration", closed(2, b">")),
            Some(b) if b.is_ascii_alphabetic() || *b == b'/' => ("a tag", tag(rest)),
            _ => ("", Some(1)),
        };
        let Some(length) = length else { return open(what) };
        let name: String = text[at + 1..].chars().take_while(char::is_ascii_alphanumeric).collect();
        at += length;
        let name = name.to_ascii_lowercase();
        if raw.contains(&name.as_str()) {
            let Some(end) = find(&bytes[at..], format!("</{name}").as_bytes()) else {
                return open(&format!("`<{name}>`"));
            };
            at += end;
        } else if name == "plaintext" {
            return open("`<plaintext>`");
        }
    }
    Ok(())
}

/// The bytes of a tag: `>` in a quoted value does not end it.
fn tag(text: &[u8]) -> Option<usize> {
    let (mut quote, mut last) = (None, b'<');
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (Some(_), _) => continue,
            (None, b'"' | b'\'') if last == b'=' => quote = Some(*byte),
            (None, b'>') => return Some(at + 1),
            (None, _) => {}
        }
        if !byte.is_ascii_whitespace() {
            last = *byte;
        }
    }
    None
}

/// A comment may stand behind the root element, and nothing but white space beside it.
fn xml(text: &str) -> Result<(), String> {
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    if !trimmed.starts_with('<') || !trimmed.ends_with('>') {
        return Err("it is no XML".to_owned());
    }
    markup(text, &[])
}

/// What closes a block of HTML that blank lines do not (`CommonMark` 0.31, section 4.6, kinds 1 to 5).
fn html_block(line: &str) -> Option<&'static str> {
    let lower = line.trim_start().to_ascii_lowercase();
    let blocks = [
        ("<script", "</script>"),
        ("<pre", "</pre>"),
        ("<style", "</style>"),
        ("<textarea", "</textarea>"),
        ("<!--", "-->"),
        ("<?", "?>"),
        ("<![cdata[", "]]>"),
        ("<!", ">"),
    ];
    blocks.iter().find(|(start, _)| lower.starts_with(start)).map(|(_, end)| *end)
}

fn markdown(text: &str) -> Result<(), String> {
    let mut fence: Option<(char, usize)> = None;
    let mut html: Option<&str> = None;
    for line in text.lines() {
        let lower = line.to_ascii_lowercase();
        if let Some(end) = html {
            html = (!lower.contains(end)).then_some(end);
            continue;
        }
        // In a quotation or a list, too: what that is the end of is not looked at.
        let inner = line.trim_start_matches(|c: char| {
            matches!(c, ' ' | '\t' | '>' | '-' | '*' | '+' | '.') || c.is_ascii_digit()
        });
        let mark = inner.chars().next().filter(|c| matches!(c, '`' | '~'));
        let length = mark.map_or(0, |mark| inner.chars().take_while(|c| *c == mark).count());
        match (fence, mark) {
            (Some((open, least)), Some(mark))
                if mark == open && length >= least && inner[length..].trim().is_empty() =>
            {
                fence = None;
            }
            (Some(_), _) => {}
            (None, Some(mark)) if length >= 3 && !(mark == '`' && inner[length..].contains('`')) => {
                fence = Some((mark, length));
            }
            (None, _) => {
                html = html_block(inner).filter(|end| {
                    let start = lower.find('<').map_or(0, |at| at + 2);
                    !lower[start..].contains(*end)
                });
            }
        }
    }
    match (fence, html) {
        (Some(_), _) => Err("a code block is open at its end".to_owned()),
        (_, Some(_)) => Err("a block of HTML is open at its end".to_owned()),
        (None, None) => Ok(()),
    }
}
