//! Commits, images and moments: the values that must not be swapped for one another.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The repository of the tags that keep the images of before.
pub(super) const RETAINED: &str = "unstale-retained";

/// The full name of a commit or blob, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Sha(String);

impl TryFrom<String> for Sha {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no commit"))
    }
}

impl Sha {
    /// Reads 40 or 64 hex digits; white space around them is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (hex && matches!(text.len(), 40 | 64)).then(|| Self(text.to_owned()))
    }

    /// All digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image ID as the engine gives it (`sha256:…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ImageId(pub String);

impl ImageId {
    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        let hex = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        hex.get(..12).unwrap_or(hex)
    }
}

/// A moment of the server's clock, since 1970. Clocks of two machines are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    seconds: i64,
    nanos: u32,
}

/// How far the kernel's stamp of a file may lie behind the clock that a daemon reads: one tick of the slowest kernel
/// (`CONFIG_HZ=100`; `ktime_get_coarse_real_ts64`).
const TICK: u32 = 10_000_000;

impl Moment {
    /// A whole second.
    pub const fn seconds(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// Reads seconds since 1970, as `date +%s.%N` prints them; without a fraction where `date` does not know one.
    pub fn of_epoch(text: &str) -> Option<Self> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        Some(Self { seconds: whole.parse().ok()?, nanos: nanos(fraction) })
    }

    /// The time since an earlier moment of the same clock; none if it is later.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = |moment: Self| i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanos);
        u64::try_from(nanos(self) - nanos(earlier)).map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// The latest that a file can have changed, of which `stat` says `%Z` and `%z`. Some file systems and tools know
    /// whole seconds only and write zeros: then it is the end of that second.
    pub fn of_file(seconds: i64, human: &str) -> Self {
        let fraction = human.split_once('.').map_or("", |(_, rest)| rest);
        match nanos(fraction) {
            0 => Self { seconds, nanos: 999_999_999 },
            nanos if nanos + TICK < 1_000_000_000 => Self { seconds, nanos: nanos + TICK },
            nanos => Self { seconds: seconds.saturating_add(1), nanos: nanos + TICK - 1_000_000_000 },
        }
    }

    /// The whole seconds, rounded down.
    pub const fn whole(self) -> i64 {
        self.seconds
    }

    /// Reads RFC 3339 as the engine writes it. `None` for Docker's zero time and for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let number = |range: std::ops::Range<usize>| {
            let part = text.get(range)?;
            part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i64>().ok())?
        };
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        if year < 1970 || !(1..=12).contains(&month) {
            return None;
        }
        let rest = text.get(19..)?;
        let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
        let offset = match zone.as_bytes() {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), a, b, b':', c, d] if [a, b, c, d].iter().all(|x| x.is_ascii_digit()) => {
                let digit = |x: &u8| i64::from(x - b'0');
                let seconds = (digit(a) * 10 + digit(b)) * 3600 + (digit(c) * 10 + digit(d)) * 60;
                if *sign == b'-' { -seconds } else { seconds }
            }
            _ => return None,
        };
        let days = days_from_civil(year, month, day);
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
        Some(Self { seconds, nanos: nanos(rest.strip_prefix('.').unwrap_or("")) })
    }

    /// As `20261122T140347Z`: sorts like time, and may stand in a tag or a build argument.
    pub fn compact(self) -> String {
        let (days, rest) = (self.seconds.div_euclid(86_400), self.seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    /// As RFC 3339.
    pub fn rfc3339(self) -> String {
        let c = self.compact();
        let (date, time) = (&c[..8], &c[9..15]);
        format!(
            "{}-{}-{}T{}:{}:{}Z",
            &date[..4],
            &date[4..6],
            &date[6..],
            &time[..2],
            &time[2..4],
            &time[4..]
        )
    }
}

/// The digits in front, as a decimal fraction of a second.
fn nanos(fraction: &str) -> u32 {
    let mut digits = fraction.bytes().take_while(u8::is_ascii_digit);
    (0..9).fold(0, |sum, _| sum * 10 + digits.next().map_or(0, |b| u32::from(b - b'0')))
}

// Howard Hinnant's algorithms: exact for the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = years + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_shell_is_read_with_and_without_a_fraction() {
        let moment = |text: &str| Moment::of_epoch(text).expect("a moment");
        let start = Moment::parse("2026-11-22T14:03:47.25Z").expect("a moment");
        assert_eq!(moment("1795356229.500000000\n").since(start), Duration::from_millis(2250));
        for without in ["1795356229", "1795356229.", "1795356229.%N", "1795356229.N"] {
            assert_eq!(moment(without), Moment::seconds(1_795_356_229), "{without}");
        }
        assert_eq!(start.since(moment("1795356229")), Duration::ZERO, "it is later");
        assert_eq!(Moment::of_epoch("date: invalid option"), None);
    }
}
