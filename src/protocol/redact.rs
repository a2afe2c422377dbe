//! Takes secrets out of what a program printed: values of an environment, in whichever spelling they stand there.

use std::ops::Range;

/// The shortest value that is taken for a secret, in bytes: a shorter one stands in every log by chance.
const SHORTEST: usize = 6;
/// Longer values are looked for in pieces of this many characters, so that a part of one is found, too.
const PIECE: usize = 64;

/// Variables that hold no secret, and whose values stand in half of all lines.
const PUBLIC: [&str; 14] = [
    "PATH",
    "HOME",
    "PWD",
    "OLDPWD",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "TZ",
    "TERM",
    "HOSTNAME",
    "USER",
    "LOGNAME",
    "SHELL",
    "DEBIAN_FRONTEND",
];

/// A value, and what stands in its place.
#[derive(Debug, Clone)]
struct Secret {
    label: String,
    chars: Vec<char>,
    /// What of its base64 is the same wherever in a longer text it stands: for each of the three places.
    coded: Vec<Vec<u8>>,
}

/// The secrets of an environment.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
}

impl Redactor {
    /// From variables, `NAME=value` each, as `docker inspect` lists them.
    pub fn of_variables(variables: impl IntoIterator<Item = String>) -> Self {
        let mut redactor = Self::default();
        for variable in variables {
            let (name, value) = variable.split_once('=').unwrap_or(("", &variable));
            redactor.add(name, value);
        }
        redactor
    }

    /// Adds what a `.env` file sets. A line that Compose would read otherwise costs nothing: one secret too many is looked
    /// for.
    pub fn add_file(&mut self, text: &str) {
        let (mut name, mut quoted) = (String::new(), None);
        for line in text.lines() {
            if let Some(quote) = quoted {
                self.add(&name, line.trim_end_matches(quote));
                quoted = Some(quote).filter(|quote| !line.contains(*quote));
                continue;
            }
            let line = line.trim_start();
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((key, value)) = line.split_once(['=', ':']).filter(|_| !line.starts_with('#')) else {
                continue;
            };
            let value = value.trim();
            key.trim().clone_into(&mut name);
            self.add(&name, value);
            match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
                Some(quote) => {
                    let inner = &value[1..];
                    let end = inner.find(quote);
                    self.add(&name, &inner[..end.unwrap_or(inner.len())]);
                    self.add(&name, &unescaped(&inner[..end.unwrap_or(inner.len())]));
                    quoted = Some(quote).filter(|_| end.is_none());
                }
                None => self.add(&name, value.split(" #").next().unwrap_or_default()),
            }
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        if PUBLIC.contains(&name) || name.starts_with("LC_") {
            return;
        }
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let label = if !name.is_empty() && name.len() <= PIECE && name.chars().all(named) {
            format!("[{name}]")
        } else {
            "[redacted]".to_owned()
        };
        self.keep(&label, value);
        // A program prints its lines one by one.
        for line in value.lines().filter(|_| value.contains('\n')) {
            self.keep(&label, line);
        }
        if let Some(password) = password(value) {
            self.keep(&label, &password);
        }
    }

    fn keep(&mut self, label: &str, value: &str) {
        let chars: Vec<char> = value.trim().chars().collect();
        let pieces = if chars.len() > 4 * PIECE { PIECE } else { usize::MAX };
        for piece in chars.chunks(pieces) {
            let bytes = piece.iter().collect::<String>().into_bytes();
            if bytes.len() < SHORTEST || self.secrets.iter().any(|secret| secret.chars == piece) {
                continue;
            }
            let coded = (0..3).map(|before| stable_base64(before, &bytes)).collect();
            self.secrets.push(Secret { label: label.to_owned(), chars: piece.to_vec(), coded });
        }
    }

    /// The lines of a text, without escape sequences and without secrets.
    pub fn lines(&self, text: &str) -> Vec<String> {
        let text = without_escapes(text);
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for (range, label) in self.found(&text) {
            if range.start >= at {
                clean.push_str(&text[at..range.start]);
                clean.push_str(label);
            }
            at = at.max(range.end);
        }
        clean.push_str(&text[at..]);
        clean.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
    }

    /// Where secrets stand, by where they begin, the longest first.
    fn found(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        let mut found: Vec<(Range<usize>, &str)> = Vec::new();
        let bytes = text.as_bytes();
        for (at, _) in text.char_indices() {
            let begins = |secret: &&Secret| one(&bytes[at..], secret.chars[0]).iter().any(Option::is_some);
            for secret in self.secrets.iter().filter(begins) {
                if let Some(end) = spelled(bytes, at, &secret.chars) {
                    found.push((at..end, &secret.label));
                }
            }
        }
        // The alphabet for URLs as the other one; wrapped lines as one.
        let place = |(at, byte): (usize, &u8)| match byte {
            b'\n' | b'\r' => None,
            b'-' => Some((at, b'+')),
            b'_' => Some((at, b'/')),
            byte => Some((at, *byte)),
        };
        let (places, letters): (Vec<usize>, Vec<u8>) = bytes.iter().enumerate().filter_map(place).unzip();
        for secret in &self.secrets {
            for coded in &secret.coded {
                for at in (0..letters.len()).filter(|at| letters[*at..].starts_with(coded)) {
                    let (first, last) = (places[at], places[at + coded.len() - 1]);
                    // What stands around it is the rest of it.
                    let before = bytes[..first].iter().rev().take_while(|b| is_base64(**b)).count();
                    let after = bytes[last + 1..].iter().take_while(|b| is_base64(**b)).count();
                    found.push((first - before..last + 1 + after, &secret.label));
                }
            }
        }
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        found
    }
}

/// The password of a URL, as a program that takes it apart has it.
fn password(value: &str) -> Option<String> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    let mut bytes = Vec::new();
    let mut rest = password.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [a, b, ..]) if hex(&[*a, *b]).is_some() => {
                bytes.push(u8::try_from(hex(&[*a, *b])?).ok()?);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\$", "$").replace("\\\\", "\\")
}

/// Where a value ends that begins at a place: as it is, percent-encoded as in a URL or a form, or escaped as in JSON.
fn spelled(text: &[u8], at: usize, value: &[char]) -> Option<usize> {
    let mut ends = vec![at];
    for c in value {
        let mut next: Vec<usize> = Vec::new();
        for at in ends {
            for end in one(&text[at..], *c).into_iter().flatten().map(|len| at + len) {
                if !next.contains(&end) {
                    next.push(end);
                }
            }
        }
        if next.is_empty() {
            return None;
        }
        ends = next;
    }
    ends.into_iter().max()
}

/// How many bytes one character takes at the beginning of a text, in each of its spellings.
fn one(text: &[u8], c: char) -> [Option<usize>; 4] {
    let mut bytes = [0; 4];
    let bytes = c.encode_utf8(&mut bytes).as_bytes();
    let percent = |n: usize| {
        text.get(3 * n) == Some(&b'%')
            && text.get(3 * n + 1..3 * n + 3).and_then(hex) == Some(bytes[n].into())
    };
    let escape = match (text, c) {
        ([b'\\', b'n', ..], '\n') | ([b'\\', b't', ..], '\t') | ([b'\\', b'r', ..], '\r') => Some(2),
        ([b'\\', next @ (b'"' | b'\'' | b'\\' | b'/'), ..], c) if char::from(*next) == c => Some(2),
        ([b'\\', b'u', ..], c) if text.get(2..6).and_then(hex) == Some(c.into()) => Some(6),
        ([b'\\', b'x', ..], c) if text.get(2..4).and_then(hex) == Some(c.into()) => Some(4),
        _ => None,
    };
    [
        text.starts_with(bytes).then_some(bytes.len()),
        (0..bytes.len()).all(percent).then_some(3 * bytes.len()),
        (c == ' ' && text.first() == Some(&b'+')).then_some(1),
        escape,
    ]
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// The base64 of bytes that stand behind so many others: what neither those nor what follows can change.
fn stable_base64(before: usize, bytes: &[u8]) -> Vec<u8> {
    let bit = |at: usize| {
        let at = at - 8 * before;
        usize::from(bytes[at / 8] >> (7 - at % 8) & 1)
    };
    let letters = (8 * before).div_ceil(6)..8 * (before + bytes.len()) / 6;
    let letter = |n: usize| BASE64[(6 * n..6 * n + 6).fold(0, |sum, at| sum * 2 + bit(at))];
    letters.map(letter).collect()
}

/// Without the sequences that colour a terminal or move its cursor: they would stand in the midst of a secret, too.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' && c != '\u{9b}' {
            plain.push(c);
            continue;
        }
        let csi = c == '\u{9b}' || rest.next_if_eq(&'[').is_some();
        if csi {
            while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            rest.next_if(|c| matches!(c, '@'..='~'));
        } else if rest.next_if_eq(&']').is_some() {
            // Up to its end, and never over the line.
            while rest.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {}
            rest.next_if_eq(&'\u{7}');
        } else {
            rest.next_if(|c| !c.is_control());
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t+/ pass\"wörd\\?";

    fn of(variables: &[&str]) -> Redactor {
        Redactor::of_variables(variables.iter().map(|&v| v.to_owned()))
    }

    fn one_line(redactor: &Redactor, line: &str) -> String {
        redactor.lines(line).join("\n")
    }

    fn base64(bytes: &[u8]) -> String {
        let mut padded = bytes.to_vec();
        padded.extend([0; 2]);
        let text = String::from_utf8(stable_base64(0, &padded)).unwrap();
        let len = (bytes.len() * 8).div_ceil(6);
        format!("{}{}", &text[..len], "=".repeat((4 - len % 4) % 4))
    }

    #[test]
    fn base64_is_base64() {
        for (plain, coded) in [("foobar", "Zm9vYmFy"), ("fooba", "Zm9vYmE="), ("foob", "Zm9vYg=="), ("", "")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_value_is_found_in_every_spelling() {
        let redactor = of(&[&format!("TOKEN={SECRET}")]);
        let url = SECRET.bytes().map(|b| format!("%{b:02X}")).collect::<Vec<_>>().concat();
        let form = "s3cr3t%2b%2F+pass%22w%c3%b6rd%5c%3F";
        let json = serde_json::to_string(SECRET).unwrap();
        let ascii = json.replace('ö', "\\u00f6");
        let coloured = SECRET.replace("cr", "c\u{1b}[31mr\u{1b}[0m");
        for (what, spelled) in [
            ("plain", SECRET),
            ("a URL", &url),
            ("a form", form),
            ("JSON", &json[1..json.len() - 1]),
            ("JSON in ASCII", &ascii[1..ascii.len() - 1]),
            ("in colour", &coloured),
        ] {
            let line = format!("got {spelled}, and more");
            assert_eq!(one_line(&redactor, &line), "got [TOKEN], and more", "{what}");
        }
        // Wherever it stands in what is coded.
        for (before, after) in [("", ""), ("u:", ""), ("me:", "\n"), ("me:", "xy"), ("user:", "x")] {
            let coded = base64(format!("{before}{SECRET}{after}").as_bytes());
            for coded in [coded.clone(), coded.replace('+', "-").replace('/', "_")] {
                let line = format!("Authorization: Basic {coded}, ok");
                assert_eq!(
                    one_line(&redactor, &line),
                    "Authorization: Basic [TOKEN], ok",
                    "{before:?} {after:?}"
                );
            }
        }
        let wrapped = base64(format!("{}{SECRET}{}", "x".repeat(40), "y".repeat(30)).as_bytes());
        let wrapped = format!("{}\n{}", &wrapped[..64], &wrapped[64..]);
        assert_eq!(redactor.lines(&wrapped), ["[TOKEN]"]);
        assert_eq!(one_line(&redactor, "s3cr3t+/ pass"), "s3cr3t+/ pass", "a part is not the whole");
    }

    #[test]
    fn what_is_short_or_public_stays() {
        let redactor = of(&[
            "PATH=/usr/local/bin",
            "PORT=8000",
            "LC_TIME=en_GB.UTF-8",
            "NAME=production",
            "alone-value",
        ]);
        assert_eq!(one_line(&redactor, "/usr/local/bin 8000 en_GB.UTF-8"), "/usr/local/bin 8000 en_GB.UTF-8");
        assert_eq!(one_line(&redactor, "in production"), "in [NAME]");
        assert_eq!(one_line(&redactor, "alone-value"), "[redacted]");
        let odd = of(&["\u{1b}[31m=hunter22"]);
        assert_eq!(one_line(&odd, "hunter22"), "[redacted]", "a name is shown only if it is one");
    }

    #[test]
    fn parts_that_a_program_prints_alone_are_secrets_too() {
        let redactor =
            of(&["DB=postgres://shop:p%40ss-word@db/shop", "KEY=-----BEGIN\nMIIEvQIBADANBg\n-----END"]);
        assert_eq!(one_line(&redactor, "no p@ss-word for shop"), "no [DB] for shop");
        assert_eq!(one_line(&redactor, "no p%40ss-word"), "no [DB]");
        assert_eq!(one_line(&redactor, "key: MIIEvQIBADANBg."), "key: [KEY].");
        let long = format!("LONG={}", (0..200).map(|n| format!("{n:03}")).collect::<Vec<_>>().concat());
        let redactor = of(&[&long]);
        let half = &long[5..300];
        assert!(!one_line(&redactor, half).contains("020021"), "{}", one_line(&redactor, half));
    }

    #[test]
    fn a_file_is_read_as_a_shell_or_compose_would() {
        let mut redactor = Redactor::default();
        redactor.add_file(
            "# no=comment-value\nA=plain-value # a note\nexport B=\"quo ted-value\"\nC='single-value'\nD: yaml-value\nE=\"first-line\nsecond-line\"\nF=a=b-with-more\n\u{0}junk\n",
        );
        for (line, clean) in [
            ("comment-value", "comment-value"),
            ("plain-value", "[A]"),
            ("quo ted-value", "[B]"),
            ("single-value", "[C]"),
            ("yaml-value", "[D]"),
            ("first-line", "[E]"),
            ("second-line", "[E]"),
            ("a=b-with-more", "[F]"),
        ] {
            assert_eq!(one_line(&redactor, line), clean);
        }
    }

    #[test]
    fn secrets_that_overlap_leave_nothing() {
        let redactor = of(&["A=abcdef", "B=defghi", "C=cdefgh"]);
        assert_eq!(one_line(&redactor, "xabcdefghiy"), "x[A]y");
        assert_eq!(one_line(&of(&["A=redacted", "=hunter22"]), "hunter22"), "[redacted]", "not twice");
    }

    #[test]
    fn odd_text_costs_nothing() {
        let redactor = of(&["A=aaaaaaaaaaaaaaaaaaaab", "B=%%%%%%", "C=\\\\\\\\\\\\"]);
        let text = "a".repeat(20_000) + &"%".repeat(1000) + &"\\".repeat(1001) + "\u{1b}";
        let lines = redactor.lines(&text);
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].contains("%%%%%%"), "{}", lines[0]);
        assert_eq!(redactor.lines("\u{1b}]0;title\nnext\u{1b}[999"), ["", "next"]);
    }
}
