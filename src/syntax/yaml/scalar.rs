//! What Go makes of a scalar: go-yaml's `resolve.go`, which follows neither YAML 1.1 nor 1.2.

use super::ScalarStyle;

/// A scalar's value in Go.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// Nothing, `~`, `null`.
    Null,
    /// `true`, `True`, `TRUE` and the like; `yes` and `on` are strings.
    Bool(bool),
    /// Also hexadecimal, octal (`0o17` and `017`) and binary.
    Int(i64),
    /// What is too large for [`Resolved::Int`].
    Uint(u64),
    /// `.inf` and `.nan` included.
    Float(f64),
    /// A plain date such as `2001-12-14` or `2001-12-14t21:59:43Z`.
    Timestamp,
    /// A plain `<<`.
    Merge,
    /// Everything else.
    Str,
}

/// `tag` is the tag as written.
pub(super) fn resolve(text: &str, style: ScalarStyle, tag: Option<&str>) -> Resolved {
    // A lone `!` counts as no tag.
    match tag.filter(|&tag| tag != "!").map(short_tag) {
        None if style != ScalarStyle::Plain => Resolved::Str,
        // go-yaml resolves the text when one of its own tags asks for it; a tag that it does not know makes a string.
        None | Some("null" | "bool" | "int" | "timestamp" | "merge") => plain(text),
        Some("float") => match plain(text) {
            #[expect(clippy::cast_precision_loss, reason = "Go converts in the same way")]
            Resolved::Int(n) => Resolved::Float(n as f64),
            other => other,
        },
        Some(_) => Resolved::Str,
    }
}

/// `!!int`, `!<tag:yaml.org,2002:int>` → `int`; an unknown tag → the tag.
fn short_tag(tag: &str) -> &str {
    let long = tag.strip_prefix("!<").and_then(|t| t.strip_suffix('>')).unwrap_or(tag);
    long.strip_prefix("!!").or_else(|| long.strip_prefix("tag:yaml.org,2002:")).unwrap_or(tag)
}

fn plain(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        "<<" => return Resolved::Merge,
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' => go_float(text).map_or(Resolved::Str, Resolved::Float),
        b'+' | b'-' | b'0'..=b'9' if is_timestamp(text) => Resolved::Timestamp,
        b'+' | b'-' | b'0'..=b'9' => number(&text.replace('_', "")),
        _ => Resolved::Str,
    }
}

fn number(text: &str) -> Resolved {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // `from_str_radix` takes a sign of its own, Go does not take a second one.
    if digits.bytes().all(|b| b.is_ascii_alphanumeric())
        && let Ok(n) = u64::from_str_radix(digits, base)
    {
        let signed = i128::from(n) * if negative { -1 } else { 1 };
        if let Ok(n) = i64::try_from(signed) {
            return Resolved::Int(n);
        }
        // Go's unsigned parser takes no sign at all.
        if !text.starts_with(['+', '-']) {
            return Resolved::Uint(n);
        }
    }
    if is_float(text) { go_float(text).map_or(Resolved::Str, Resolved::Float) } else { Resolved::Str }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['-', '+']).unwrap_or(e))),
        None => (text, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", part)) => !part.is_empty() && digits(part),
        Some((whole, part)) => digits(whole) && digits(part),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa_ok && exponent.is_none_or(|e| !e.is_empty() && digits(e))
}

/// Go's `ParseFloat` refuses what does not fit; Rust's gives infinity.
fn go_float(text: &str) -> Option<f64> {
    if !is_float(text) {
        return None;
    }
    text.parse::<f64>().ok().filter(|f| f.is_finite())
}

/// `2006-1-2`, `2006-1-2T15:4:5.999Z07:00`, with `t` or one space between date and time, with or without a zone.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let number = |s: &str, low: u32, high: u32| {
        (1..=2).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_digit())
            && s.parse().is_ok_and(|n: u32| (low..=high).contains(&n))
    };
    let (date, time) = match text[5..].find(['T', 't', ' ']) {
        Some(at) => (&text[5..5 + at], Some(&text[6 + at..])),
        None => (&text[5..], None),
    };
    let Some((month, day)) = date.split_once('-') else { return false };
    let year: u32 = text[..4].parse().unwrap_or(0);
    let Ok(month_number @ 1..=12) = month.parse::<u32>() else { return false };
    if !number(month, 1, 12) || !number(day, 1, days(year, month_number)) {
        return false;
    }
    let Some(time) = time else { return true };
    let clock = match time.find(['Z', '+', '-']) {
        Some(at) => {
            let zone = &time[at..];
            let zone_ok = zone == "Z"
                || zone[1..].split_once(':').is_some_and(|(h, m)| {
                    h.len() == 2 && m.len() == 2 && number(h, 0, 24) && number(m, 0, 59)
                });
            if !zone_ok {
                return false;
            }
            &time[..at]
        }
        None => time,
    };
    let parts: Vec<&str> = clock.trim_end_matches(' ').splitn(3, ':').collect();
    let [hour, minute, second] = parts[..] else { return false };
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    number(hour, 0, 23)
        && number(minute, 0, 59)
        && number(second, 0, 59)
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A timestamp as `fmt.Sprint` writes it; `None` for one with a time, whose zone Go may write by name.
pub(super) fn go_date(text: &str) -> Option<String> {
    let mut parts = text.splitn(3, '-').map(str::parse);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(y)), Some(Ok(m)), Some(Ok(d))) => {
            let (y, m, d): (u32, u32, u32) = (y, m, d);
            Some(format!("{y:04}-{m:02}-{d:02} 00:00:00 +0000 UTC"))
        }
        _ => None,
    }
}

impl Resolved {
    /// As `fmt.Sprint` writes it: what Compose makes of a number or a truth value where it wants a string.
    /// `None` where the text is taken as it is written, and for timestamps.
    pub(super) fn go_text(&self) -> Option<String> {
        match self {
            Self::Bool(b) => Some(b.to_string()),
            Self::Int(n) => Some(n.to_string()),
            Self::Uint(n) => Some(n.to_string()),
            Self::Float(f) => Some(go_format(*f)),
            Self::Null | Self::Timestamp | Self::Merge | Self::Str => None,
        }
    }
}

/// `%v` of a float64: the shortest text that reads back, with an exponent below 1e-4 and from 1e6
/// (measured: `9007199254740993.0` arrives as `9.007199254740992e+15`).
fn go_format(f: f64) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let short = format!("{f:e}");
    let (mantissa, exponent) = short.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a whole exponent");
    if f == 0.0 || (-4..6).contains(&exponent) {
        return format!("{f}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}
