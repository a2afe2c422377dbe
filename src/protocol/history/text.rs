//! The history for people: a table of the deploys, the incidents, the causes, and the sums in a sentence.

use std::fmt::Write as _;

use super::{Cost, Deploy, History, INCONCLUSIVE, Incident, Rates, Totals, VERIFIED};
use crate::protocol::{names::Moment, quote::visible};

/// The widest cell: a name that is longer is cut.
const WIDEST: usize = 48;
/// The longest reason, in characters.
const REASON: usize = 160;

impl History {
    /// The text. `rules` says which rules would have prevented a mechanism.
    pub fn text(&self, rates: &Rates, rules: &dyn Fn(&str) -> Vec<&'static str>) -> String {
        let mut out = String::new();
        let mut line = |words: &str| {
            out.push_str(words.trim_end());
            out.push('\n');
        };
        if self.deploys.is_empty() && self.incidents.is_empty() {
            line(match self.since {
                None => "no deploy is recorded yet: `unstale deploy` writes the ledger",
                Some(_) => "no deploy is recorded since then",
            });
        } else {
            for row in table(&self.deploys) {
                line(&row);
            }
            if !self.incidents.is_empty() {
                line("\nincidents");
                for incident in &self.incidents {
                    line(&format!("  {}", one(incident)));
                }
                line("\ncauses, by the time that they took");
                for cause in self.causes() {
                    let rules = cause.mechanism.as_deref().map(rules).unwrap_or_default();
                    line(&format!("  {}", caused(&cause, &rules)));
                }
            }
            line(&format!("\n{}", sentence(self, rates)));
        }
        if self.unreadable > 0 {
            let lines = number(self.unreadable as u64, "line", "lines");
            line(&format!(
                "{lines} of the ledger cannot be read and {} left out",
                are(self.unreadable as u64)
            ));
        }
        for (server, why) in &self.not_read {
            line(&format!("the ledger of `{}` is left out: {}", visible(server), visible(why)));
        }
        if self.cut {
            line("the ledger is too long: its oldest lines are left out");
        }
        out
    }
}

fn table(deploys: &[Deploy]) -> Vec<String> {
    let head = ["time (UTC)", "service", "target", "verdict", "downtime", "builds", "commits", "who"];
    let mut rows: Vec<[String; 8]> = vec![head.map(str::to_owned)];
    let mut notes: Vec<String> = vec![String::new()];
    for deploy in deploys {
        let entry = &deploy.entry;
        let unknown = || "?".to_owned();
        let short = |sha: &Option<String>| sha.as_ref().map_or_else(unknown, |s| s.chars().take(7).collect());
        rows.push([
            moment(deploy.time),
            cell(&entry.service),
            deploy.place.as_deref().map_or_else(unknown, cell),
            cell(&entry.verdict),
            millis(entry.downtime_ms),
            deploy.builds().0.to_string(),
            cell(&format!("{}..{}", short(&entry.from), short(&entry.to))),
            entry.who.as_deref().map_or_else(unknown, cell),
        ]);
        notes.push(note(deploy));
    }
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let aligned = rows.iter().zip(notes).flat_map(|(row, note)| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let row = cells.collect::<Vec<_>>().join("  ");
        std::iter::once(row).chain((!note.is_empty()).then(|| format!("    {note}")))
    });
    aligned.collect()
}

/// Why, where it is not verified.
fn note(deploy: &Deploy) -> String {
    let entry = &deploy.entry;
    let Some(reason) = entry.reason.as_ref().filter(|_| entry.verdict != VERIFIED) else {
        return String::new();
    };
    let (cause, mechanism) = deploy.cause();
    // An inconclusive verdict may well have no cause.
    let cause = if entry.verdict == INCONCLUSIVE && entry.cause.is_none() {
        String::new()
    } else {
        format!("{}: ", with_mechanism(&cause, mechanism.as_deref()))
    };
    format!("{cause}{}", cut(&one_line(reason), REASON))
}

fn one(incident: &Incident) -> String {
    let place = incident.place.as_deref().map(|p| format!(" on {}", cell(p))).unwrap_or_default();
    let failed = number(incident.failed.len() as u64, "deploy", "deploys");
    let until = match incident.closed {
        Some(closed) => format!("to {}, {}", moment(closed), span(incident.seconds)),
        None => format!("still open, {} up to the last failure", span(incident.seconds)),
    };
    let builds = match incident.extra_rebuilds {
        0 => String::new(),
        n => format!(", {} too many ({})", number(n, "build", "builds"), millis(incident.extra_rebuild_ms)),
    };
    let from = moment(incident.opened);
    format!("{}{place}: {from} {until}; {failed} failed{builds}", cell(&incident.service))
}

fn caused(cause: &super::Ranked, rules: &[&str]) -> String {
    let name = with_mechanism(&cause.cause, cause.mechanism.as_deref());
    let deploys = number(cause.deploys as u64, "deploy", "deploys");
    let rules = match (rules, &cause.mechanism) {
        ([], None) => String::new(),
        ([], Some(_)) => "; no rule finds it beforehand".to_owned(),
        (rules, _) => {
            let names = rules.iter().map(|r| format!("`{r}`")).collect::<Vec<_>>().join(", ");
            format!("; found beforehand by {names}")
        }
    };
    format!("{name}: {}, {deploys}{rules}", span(cause.seconds))
}

fn with_mechanism(cause: &str, mechanism: Option<&str>) -> String {
    let mechanism = mechanism.map(|m| format!(" ({})", cell(m))).unwrap_or_default();
    format!("{}{mechanism}", cell(cause))
}

fn sentence(history: &History, rates: &Rates) -> String {
    let sum = history.totals();
    let words = [
        (sum.verified, "verified"),
        (sum.stale, "stale"),
        (sum.stopped, "stopped"),
        (sum.inconclusive, "inconclusive"),
        (sum.other, "with another verdict"),
    ];
    let verdicts = words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    let verdicts = verdicts.collect::<Vec<_>>().join(", ");
    let verdicts = if verdicts.is_empty() { String::new() } else { format!(": {verdicts}") };
    let mut text = format!(
        "{}{verdicts}; {} and {} of downtime.",
        number(sum.deploys as u64, "deploy", "deploys"),
        number(sum.rebuilds, "build", "builds"),
        millis(sum.downtime_ms)
    );
    if !history.incidents.is_empty() {
        write!(text, "{}", of_incidents(history.incidents.len(), &sum, rates))
            .expect("a String takes everything");
    }
    text
}

fn of_incidents(count: usize, sum: &Totals, rates: &Rates) -> String {
    let open = match sum.open {
        0 => String::new(),
        n => format!(", {n} still open"),
    };
    let builds = match sum.extra_rebuilds {
        0 => String::new(),
        n => format!(" and {} too many ({})", number(n, "build", "builds"), millis(sum.extra_rebuild_ms)),
    };
    let mut text =
        format!("\n{}{open}: {}{builds}.", number(count as u64, "incident", "incidents"), span(sum.seconds));
    let cost = rates.cost(sum.seconds, sum.failed);
    if let Some(all) = cost.sum() {
        write!(text, "\nestimated cost: {}{}.", money(all, rates), parts(&cost, rates, sum.failed))
            .expect("a String takes everything");
    } else if let Some(tokens) = cost.tokens {
        write!(text, "\nestimated: {tokens} tokens.").expect("a String takes everything");
    }
    text
}

/// What the sum of money is made of.
fn parts(cost: &Cost, rates: &Rates, failed: usize) -> String {
    let mut parts = Vec::new();
    if let (Some(time), Some(rate)) = (cost.time, rates.per_hour) {
        parts.push(format!("{} for the time, at {rate} an hour", money(time, rates)));
    }
    if let (Some(of_tokens), Some(tokens), Some(each)) =
        (cost.of_tokens, cost.tokens, rates.tokens_per_deploy)
    {
        let times = number(failed as u64, "failed deploy", "failed deploys");
        parts.push(format!("{} for {tokens} tokens, {each} for each of {times}", money(of_tokens, rates)));
    }
    format!(" ({})", parts.join("; "))
}

fn money(amount: f64, rates: &Rates) -> String {
    match &rates.currency {
        Some(currency) => format!("{amount:.2} {}", cell(currency)),
        None => format!("{amount:.2}"),
    }
}

fn moment(time: Moment) -> String {
    time.rfc3339().replace('T', " ").trim_end_matches('Z').to_owned()
}

/// Milliseconds for people.
fn millis(ms: u64) -> String {
    if ms < 60_000 {
        return format!("{}.{} s", ms / 1000, ms / 100 % 10);
    }
    span(i64::try_from(ms / 1000).unwrap_or(i64::MAX))
}

/// Seconds for people: the two largest units.
fn span(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if seconds < 60 {
        format!("{seconds} s")
    } else if hours == 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else if days == 0 {
        format!("{hours} h {} min", minutes % 60)
    } else {
        format!("{days} d {} h", hours % 24)
    }
}

fn number(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn are(n: u64) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n")
}

fn cell(text: &str) -> String {
    cut(&one_line(text), WIDEST)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
