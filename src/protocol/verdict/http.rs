//! What a visitor gets: what the service has to answer over HTTP, what it answered, and what that says.

use std::collections::HashSet;

use super::{
    cure::{Cause, Diagnosis},
    judgement::{HttpJudged, Judgement, Verdict},
};
use crate::protocol::{names::Sha, target::Place};

/// What a service has to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// Where to ask.
    pub url: String,
    /// What the body must have: a text, in which `{sha}` and `{short}` stand for the commit. Without it, the status has
    /// to be below 400.
    pub contains: Option<String>,
    /// The machine that asks.
    pub from: Place,
    /// How long it may take to answer as it should, in seconds.
    pub timeout: u64,
}

/// How many digits `{short}` has: what `git rev-parse --short` prints begins with them, however long it is.
pub(in crate::protocol) const SHORT: usize = 7;

/// The longest text of an answer that is shown, in characters.
const SHOWN: usize = 120;

impl HttpCheck {
    /// Whether what it looks for differs from commit to commit.
    pub fn names_the_commit(&self) -> bool {
        self.contains.as_ref().is_some_and(|text| text.contains("{sha}") || text.contains("{short}"))
    }

    /// Whether it says as much of an older commit as of the newest.
    pub fn is_timeless(&self) -> bool {
        self.contains.is_none() || self.names_the_commit()
    }

    /// What the body must have, in parts, while the commit is not known yet; empty without a text.
    pub(in crate::protocol) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = self.contains.as_deref().unwrap_or_default();
        while !rest.is_empty() {
            let (at, part, len) = [("{sha}", Part::Sha), ("{short}", Part::Short)]
                .into_iter()
                .filter_map(|(name, part)| Some((rest.find(name)?, part, name.len())))
                .min_by_key(|(at, ..)| *at)
                .unwrap_or((rest.len(), Part::Text(String::new()), 0));
            if at > 0 {
                parts.push(Part::Text(rest[..at].to_owned()));
            }
            if len > 0 {
                parts.push(part);
            }
            rest = &rest[at + len..];
        }
        parts
    }

    /// What the body must have for a commit.
    fn text(&self, commit: &Sha) -> Option<String> {
        let text = self.contains.as_ref()?;
        let sha = commit.as_str();
        Some(text.replace("{sha}", sha).replace("{short}", &sha[..SHORT]))
    }

    /// The older commit whose text stands in the body. An id counts only as a whole word: seven digits alone may be the
    /// end of some other number.
    fn older<'s>(&self, body: &[u8], older: &'s [Sha]) -> Option<&'s Sha> {
        if !self.names_the_commit() {
            return None;
        }
        let hex = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
        let words: HashSet<&[u8]> =
            body.split(|b| !hex(b)).filter(|word| (SHORT..=40).contains(&word.len())).collect();
        let named = |sha: &&Sha| {
            let sha = sha.as_str().as_bytes();
            (SHORT..=sha.len()).any(|len| words.contains(&sha[..len]))
        };
        older.iter().filter(named).find(|sha| self.text(sha).is_some_and(|text| has(body, &text)))
    }
}

/// A part of the text that a body must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::protocol) enum Part {
    /// As it is.
    Text(String),
    /// The commit.
    Sha,
    /// Its first digits, [`SHORT`] of them.
    Short,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpReply {
    /// The server answered.
    Answer(HttpAnswer),
    /// There is no answer, and why.
    Nothing(String),
    /// The machine has nothing to ask with, and what is missing.
    NoClient(String),
}

/// The first answer: no redirect was followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Names and values of its headers, the names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether there was more of it.
    pub cut: bool,
}

impl HttpAnswer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// The header that tells that a cache answered.
    fn cached(&self) -> Option<String> {
        let says = |name: &str, value: &str| match name {
            "age" => value.trim().parse::<u64>().is_ok_and(|age| age > 0),
            "x-cache" | "x-cache-status" | "cf-cache-status" | "x-proxy-cache" | "x-varnish-cache" => {
                value.to_ascii_lowercase().contains("hit")
            }
            _ => false,
        };
        let (name, value) = self.headers.iter().find(|(name, value)| says(name, value))?;
        Some(format!("{name}: {}", short(value.trim())))
    }
}

/// What the answer says of the commit. `older` are commits before it. What is behind an old one, only the whole verdict
/// can tell.
pub fn judge_http(
    service: &str,
    check: &HttpCheck,
    commit: &Sha,
    older: &[Sha],
    reply: &HttpReply,
) -> HttpJudged {
    let (status, verdict, detail) = match reply {
        HttpReply::Answer(answer) => {
            let (verdict, detail) = answered(check, commit, older, answer);
            (Some(answer.status), verdict, detail)
        }
        HttpReply::Nothing(why) => {
            let place = match check.from {
                Place::Here => "on this machine",
                Place::Server => "on the server",
            };
            let detail = format!("`{}` gives no answer {place}: {}", check.url, short(why));
            (None, Verdict::Inconclusive, detail)
        }
        HttpReply::NoClient(why) => {
            (None, Verdict::Inconclusive, format!("`{}` could not be asked: {}", check.url, short(why)))
        }
    };
    HttpJudged {
        service: service.to_owned(),
        url: check.url.clone(),
        status,
        verdict,
        detail,
        diagnosis: None,
    }
}

fn answered(check: &HttpCheck, commit: &Sha, older: &[Sha], answer: &HttpAnswer) -> (Verdict, String) {
    let (url, status) = (&check.url, answer.status);
    let cached = answer.cached();
    let cached = cached.map(|header| format!(", and it came from a cache (`{header}`)")).unwrap_or_default();
    let to = answer.header("location").filter(|_| (300..400).contains(&status));
    let to = to.map(|place| format!(", a redirect to `{}`", short(place))).unwrap_or_default();
    let open = |why: String| (Verdict::Inconclusive, why);
    if status >= 400 {
        return open(format!("`{url}` answers with status {status}{cached}"));
    }
    let Some(text) = check.text(commit) else {
        return (Verdict::Verified, format!("`{url}` answers with status {status}{to}"));
    };
    if has(&answer.body, &text) {
        // An error page may repeat what it was asked for; one below 400 is none.
        return (Verdict::Verified, format!("`{url}` answers with `{}`", short(&text)));
    }
    if let Some(old) = check.older(&answer.body, older) {
        let words = check.text(old).unwrap_or_default();
        let old = old.short();
        return (Verdict::Stale, format!("`{url}` answers with `{}`, which is {old}{cached}", short(&words)));
    }
    if !to.is_empty() {
        return open(format!("`{url}` answers with status {status}{to}, which is not followed"));
    }
    if let Some(coding) = answer.header("content-encoding").filter(|c| !c.eq_ignore_ascii_case("identity")) {
        let coding = short(coding);
        return open(format!("`{url}` answers with a body in `{coding}`, which cannot be looked into"));
    }
    let place = if answer.cut { "the first megabytes of its body lack" } else { "its body lacks" };
    open(format!("`{url}` answers with status {status}, and {place} `{}`{cached}", short(&text)))
}

fn has(body: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    let Some(first) = text.first() else { return true };
    let mut rest = body;
    while let Some(at) = rest.iter().position(|b| b == first) {
        if rest[at..].starts_with(text) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    // A new line of a report is never another's words.
    shown.replace('\n', "\\n")
}

impl Judgement {
    /// The verdict with what the service answers: an answer as expected stands beside it, an old one makes it stale, and
    /// any other takes `verified` away. `restart` and `deploy` are the commands that a person here would paste.
    #[must_use]
    pub fn and_http(mut self, mut http: HttpJudged, restart: &str, deploy: &str) -> Self {
        let of_containers = self.verdict;
        match (of_containers, http.verdict) {
            (Verdict::Verified, Verdict::Verified) => {
                self.reason = format!("{}, and {}", self.reason, http.detail);
            }
            // The containers say more about it than an answer does.
            (Verdict::Stale, _) | (Verdict::Inconclusive, Verdict::Verified) => {}
            (Verdict::Verified, _) => {
                self.reason = format!("{}; in the containers, {}", http.detail, self.reason);
            }
            (Verdict::Inconclusive, _) => {
                self.reason = format!("{}; {}", http.detail, self.reason);
            }
        }
        if http.verdict == Verdict::Stale {
            let url = &http.url;
            let (detail, cure) = if of_containers == Verdict::Verified {
                (
                    "the containers have the new files: something in front of them keeps the old answer, or the process the old code",
                    format!(
                        "empty the cache in front of `{url}` (a proxy, a CDN), or, if the process holds the old code: {restart}"
                    ),
                )
            } else {
                (
                    "whether the containers have the new files is not known",
                    format!("{deploy}, and if it stays, empty the cache in front of `{url}`"),
                )
            };
            http.diagnosis =
                Some(Diagnosis { cause: Cause::Http, mechanism: None, detail: detail.to_owned(), cure });
        }
        self.verdict = match http.verdict {
            Verdict::Stale => Verdict::Stale,
            other => self.verdict.max(other),
        };
        self.http.push(http);
        self
    }
}
