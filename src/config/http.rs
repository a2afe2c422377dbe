//! The table `[verify.http]` of `unstale.toml`: what services have to answer.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::keys::{Key, Keys, Value, ordered, shown};
use crate::{settings::HttpCheck, text::is_obeyed};

/// The keys of a check.
const KEYS: [&str; 4] = ["url", "contains", "from", "timeout"];

/// What other tools call them.
const OTHERS: [(&str, &str); 14] = [
    ("path", "`url`, whole: `http://127.0.0.1:8080/version`"),
    ("port", "`url`, whole: `http://127.0.0.1:8080/version`"),
    ("host", "`url`, whole: `http://127.0.0.1:8080/version`"),
    ("scheme", "`url`, whole: `http://127.0.0.1:8080/version`"),
    ("uri", "`url`"),
    ("body", "`contains`"),
    ("expect", "`contains`"),
    ("match", "`contains`"),
    ("text", "`contains`"),
    ("timeout-seconds", "`timeout`, in seconds, for all attempts together"),
    ("timeoutseconds", "`timeout`, in seconds, for all attempts together"),
    ("retries", "`timeout`, in seconds, for all attempts together"),
    ("interval", "`timeout`, in seconds: it is asked about every second"),
    ("status", "nothing: without `contains`, the status has to be below 400"),
];

/// How long a service may take to answer, in seconds, where nothing else is said.
const TIMEOUT: u64 = 15;
/// The longest that may be said.
const LONGEST: u64 = 600;
/// The longest URL, in bytes.
const URL: usize = 2000;

impl Keys<'_> {
    /// `[verify]`; `None` where it has a mistake: a check that is half understood is none.
    pub(super) fn verify(&mut self, value: &Value<'_>) -> Option<BTreeMap<String, HttpCheck>> {
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("`verify` is a table: write `[verify.http.web]`{}", shown(value));
            self.wrong(value.span(), message);
            return None;
        };
        let mut found = Some(BTreeMap::new());
        for (key, value) in ordered(table) {
            if key.get_ref() == "http" {
                found = found.and(self.services(value));
            } else {
                self.unknown(key, &["http"]);
                found = None;
            }
        }
        found
    }

    fn services(&mut self, value: &Value<'_>) -> Option<BTreeMap<String, HttpCheck>> {
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("`http` is a table of services: write `[verify.http.web]`{}", shown(value));
            self.wrong(value.span(), message);
            return None;
        };
        let mut found = Some(BTreeMap::new());
        for (service, value) in ordered(table) {
            match self.check(service, value) {
                Some(check) => {
                    if let Some(found) = &mut found {
                        found.insert(service.get_ref().to_string(), check);
                    }
                }
                None => found = None,
            }
        }
        found
    }

    fn check(&mut self, service: &Key<'_>, value: &Value<'_>) -> Option<HttpCheck> {
        let Some(table) = value.get_ref().as_table() else {
            let message = format!(
                "a check belongs to a service: write `[verify.http.web]` above `{}`{}",
                service.get_ref(),
                shown(value)
            );
            self.wrong(service.span(), message);
            return None;
        };
        let (mut url, mut contains) = (None, Some(None));
        let (mut from_here, mut timeout) = (Some(false), Some(TIMEOUT));
        let mut known = true;
        for (key, value) in ordered(table) {
            match key.get_ref().as_ref() {
                "url" => url = Some(self.url(value)),
                "contains" => contains = self.contains(value).map(Some),
                "from" => from_here = self.from(value),
                "timeout" => timeout = self.timeout(value),
                _ => {
                    self.no_key(key);
                    known = false;
                }
            }
        }
        if url.is_none() {
            let message = "a check has a `url`: add `url = \"http://127.0.0.1:8080/version\"`";
            self.wrong(service.span(), message);
        }
        known.then_some(())?;
        Some(HttpCheck { url: url??, contains: contains?, from_here: from_here?, timeout: timeout? })
    }

    fn url(&mut self, value: &Value<'_>) -> Option<String> {
        let found = value.get_ref().as_str();
        let why = match found {
            None => Some(format!("`url` is a text in quotes{}", shown(value))),
            Some(url) => url_mistake(url),
        };
        if let Some(why) = why {
            self.wrong(value.span(), why);
            return None;
        }
        found.map(str::to_owned)
    }

    fn contains(&mut self, value: &Value<'_>) -> Option<String> {
        let found = value.get_ref().as_str().filter(|text| !text.is_empty());
        if found.is_none() {
            let message = "`contains` is a text that the body must have, as in `contains = \"{sha}\"`";
            self.wrong(value.span(), message);
        }
        found.map(str::to_owned)
    }

    fn from(&mut self, value: &Value<'_>) -> Option<bool> {
        match value.get_ref().as_str() {
            Some("server") => Some(false),
            Some("here") => Some(true),
            _ => {
                let message = format!("`from` takes `server` or `here`{}", shown(value));
                self.wrong(value.span(), message);
                None
            }
        }
    }

    fn timeout(&mut self, value: &Value<'_>) -> Option<u64> {
        let found = match value.get_ref() {
            DeValue::Integer(written) => u64::from_str_radix(written.as_str(), written.radix()).ok(),
            _ => None,
        };
        let found = found.filter(|seconds| (1..=LONGEST).contains(seconds));
        if found.is_none() {
            let message =
                format!("`timeout` takes whole seconds from 1 to {LONGEST}, as in `timeout = {TIMEOUT}`");
            self.wrong(value.span(), message);
        }
        found
    }

    fn no_key(&mut self, key: &Key<'_>) {
        let name = key.get_ref();
        let plain = name.to_ascii_lowercase().replace('_', "-");
        if plain == "headers" || plain == "header" {
            let message = format!("`{name}` is no key here: no header is sent, as a visitor sends none");
            return self.wrong(key.span(), message);
        }
        match OTHERS.iter().find(|(other, _)| *other == plain) {
            Some((_, ours)) => {
                let message = format!("`{name}` is no key here: write {ours}");
                self.wrong(key.span(), message);
            }
            None => self.unknown(key, &KEYS),
        }
    }
}

/// Why a text is no URL that can be asked.
fn url_mistake(url: &str) -> Option<String> {
    let lower = url.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) else {
        return Some("a `url` begins with `http://` or `https://`".to_owned());
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        let why = "a `url` takes no password: a list of processes, a log and every report would show it";
        return Some(why.to_owned());
    }
    if host.is_empty() || host.starts_with(':') || host.starts_with('-') {
        return Some("this `url` names no host".to_owned());
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || is_obeyed(c) || !c.is_ascii() || c == '\\';
    if url.contains(odd) {
        return Some(
            "a `url` has no spaces and no other than ASCII characters: write them as `%20`".to_owned(),
        );
    }
    (url.len() > URL).then(|| format!("a `url` has at most {URL} characters"))
}
