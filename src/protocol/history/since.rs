//! A point in time as people write it: a date, or how long ago.

use crate::protocol::names::Moment;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Reads `2026-11-01`, `2026-11-01 14:30`, RFC 3339, `today`, `yesterday`, `7d`, `1h30m` or `2 weeks ago`. A time
/// without a zone is UTC, as the ledger's are.
pub fn since(text: &str, now: Moment) -> Option<Moment> {
    let text = text.trim();
    let today = now.whole().div_euclid(DAY) * DAY;
    match text {
        "now" => Some(now),
        "today" => Some(Moment::seconds(today)),
        "yesterday" => Some(Moment::seconds(today - DAY)),
        _ => date(text).or_else(|| Some(Moment::seconds(now.whole().checked_sub(ago(text)?)?))),
    }
}

fn date(text: &str) -> Option<Moment> {
    let day = text.get(..10)?;
    let rest = &text[10..];
    let rest = rest.strip_prefix(['T', 't', ' ']).map_or(rest, str::trim_start);
    let digits = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.')).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(digits);
    let clock = match clock.split(':').count() {
        1 if clock.is_empty() && zone.is_empty() => "00:00:00".to_owned(),
        2 => format!("{clock}:00"),
        _ => clock.to_owned(),
    };
    let utc = Moment::parse(&format!("{day}T{clock}Z"))?;
    // The 31st of February would count on into March.
    if !utc.rfc3339().starts_with(&format!("{day}T{}", clock.get(..8)?)) {
        return None;
    }
    let zone = if zone.is_empty() { "Z" } else { zone.trim_start() };
    Moment::parse(&format!("{day}T{clock}{zone}"))
}

/// Seconds of `7d`, `-1h30m`, `2 weeks ago`, `2.weeks`.
fn ago(text: &str) -> Option<i64> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let mut rest = text.strip_suffix("ago").unwrap_or(text).trim_end_matches([' ', '.']);
    let mut sum = 0_i64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = rest[..end].parse().ok()?;
        let unit = rest[end..].trim_start_matches([' ', '.']);
        let end = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
        let seconds = match &unit[..end] {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
            "h" | "hour" | "hours" => HOUR,
            "d" | "day" | "days" => DAY,
            "w" | "week" | "weeks" => 7 * DAY,
            _ => return None,
        };
        sum = sum.checked_add(count.checked_mul(seconds)?)?;
        rest = unit[end..].trim_start_matches([' ', '.']);
    }
    Some(sum)
}
