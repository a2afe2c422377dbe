//! The images of before that deploys kept, and which one is meant.

use super::{moves::retained_name, preflight::Refused};
use crate::protocol::{
    ledger::LedgerEntry,
    names::{ImageId, Sha},
    observed::{Compose, Observed},
    verdict::judgement::Verdict,
};

/// An image that a deploy kept before it took its container away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// The deploy that kept it.
    pub id: String,
    /// The tag that keeps it.
    pub tag: String,
    /// The image.
    pub image: ImageId,
    /// The commit that it was built from, as far as a ledger says; the bytes have to prove it.
    pub commit: Option<Sha>,
    /// Whether the service's tag is on it: it is what runs.
    pub current: bool,
}

impl Retained {
    /// Whether the deploy of that line kept it.
    pub(in crate::protocol) fn is_of(&self, entry: &LedgerEntry) -> bool {
        is_of(&self.id, entry)
    }
}

/// Whether a tag is one of the deploy of that line: its id, with a number behind it where several images ran.
fn is_of(tag: &str, entry: &LedgerEntry) -> bool {
    let more = |rest: &str| rest.strip_prefix('-').is_some_and(|n| n.parse::<usize>().is_ok());
    tag.strip_prefix(&entry.id).is_some_and(|rest| rest.is_empty() || more(rest))
}

/// The lines of a service in both ledgers, the newest first.
pub(in crate::protocol) fn ledger_of(seen: &Observed, service: &str) -> Vec<LedgerEntry> {
    let ledgers = [&seen.server.ledger, &seen.here.ledger];
    let lines: Vec<&String> = ledgers.into_iter().flatten().flat_map(|ledger| &ledger.lines).collect();
    let entries = lines.iter().rev().filter_map(|line| serde_json::from_str::<LedgerEntry>(line).ok());
    entries.filter(|entry| entry.service == service).collect()
}

/// The kept images of a service, the newest first.
pub fn kept(seen: &Observed, compose: &Compose, service: &str) -> Vec<Retained> {
    let server = &seen.server;
    let prefix = format!("{}:", retained_name(compose, service));
    let current = server.image(&compose.tag).map(|image| &image.id);
    let ours = ledger_of(seen, service);
    let commit = |id: &str, image: &ImageId| {
        let made = ours.iter().find(|e| e.verdict == "verified" && e.image.as_ref() == Some(&image.0));
        // What lay on the server when it was taken away: a claim, until the bytes say so.
        let lay = || ours.iter().find(|entry| is_of(id, entry)).and_then(|entry| entry.from.clone());
        made.and_then(|entry| entry.to.clone()).or_else(lay).and_then(|sha| Sha::parse(&sha))
    };
    let mut found: Vec<Retained> = Vec::new();
    for image in server.images.iter().flatten() {
        for tag in image.tags.iter().filter_map(|tag| tag.strip_prefix(&prefix).map(|id| (tag, id))) {
            let (tag, id) = tag;
            found.push(Retained {
                id: id.to_owned(),
                tag: tag.clone(),
                image: image.id.clone(),
                commit: commit(id, &image.id),
                current: current == Some(&image.id),
            });
        }
    }
    found.sort_by(|a, b| b.id.cmp(&a.id));
    found
}

/// The kept image that is meant: by the id of the deploy that kept it, by its commit, by its image ID, or the newest one
/// that is not what runs.
///
/// # Errors
/// `nothing-retained` or `unknown-retained`.
pub fn choose<'r>(kept: &'r [Retained], to: Option<&str>, service: &str) -> Result<&'r Retained, Refused> {
    let Some(to) = to else {
        return kept.iter().find(|retained| !retained.current).ok_or_else(|| {
            let message =
                format!("no earlier image of `{service}` is kept on the server: only a deploy keeps one");
            Refused::new("nothing-retained", message)
        });
    };
    let is_meant = |retained: &&Retained| {
        let image = retained.image.0.trim_start_matches("sha256:");
        retained.id == to
            || (to.len() >= 7 && image.starts_with(to.trim_start_matches("sha256:")))
            || (to.len() >= 7 && retained.commit.as_ref().is_some_and(|sha| sha.as_str().starts_with(to)))
    };
    kept.iter().find(is_meant).ok_or_else(|| {
        let message =
            format!("no kept image of `{service}` is `{to}`: `unstale rollback {service} --list` shows them");
        Refused::new("unknown-retained", message)
    })
}

/// What a ledger knows of an image that was kept, or ran, and that the server does not have any more.
pub(super) fn gone(seen: &Observed, to: Option<&str>, service: &str) -> Option<Refused> {
    let (to, images) = (to?, seen.server.images.as_ref()?);
    let entries = ledger_of(seen, service);
    let there = |id: &str| images.iter().any(|image| image.id.0 == id);
    let retained = |entry: &&LedgerEntry| {
        let done = |state: Option<&str>| matches!(state, Some("done" | "already"));
        is_of(to, entry) && entry.steps.iter().any(|s| s.id == "retain" && done(s.state.as_deref()))
    };
    let names = |entry: &&LedgerEntry| {
        let of_image =
            |id: &String| id.trim_start_matches("sha256:").starts_with(to.trim_start_matches("sha256:"));
        let of_commit = entry.to.as_ref().is_some_and(|sha| sha.starts_with(to));
        let verified = entry.verdict == Verdict::Verified.as_str();
        let mut all = entry.image.iter().chain(&entry.images).peekable();
        to.len() >= 7
            && ((of_commit && verified) || all.clone().any(of_image))
            && all.peek().is_some()
            && !all.any(|id| there(id))
    };
    let what = if let Some(entry) = entries.iter().find(retained) {
        format!("the image that deploy `{}` kept of `{service}`", entry.id)
    } else {
        let entry = entries.iter().find(names)?;
        let commit = entry.to.as_deref().and_then(Sha::parse)?;
        format!("the image of `{service}` that was built from {}", commit.short())
    };
    let message = format!(
        "{what} is not on the server any more: of those that are kept only the newest stay (`keep` below `[deploy]` in `unstale.toml`), and `unstale rollback {service} --list` shows them"
    );
    Some(Refused::new("removed-retained", message))
}
