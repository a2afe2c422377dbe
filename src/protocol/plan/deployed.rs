//! Whether there is anything to deploy: not where the last deploy was verified, and all is as it left it.

use super::desired::Desired;
use crate::protocol::{
    ledger::LedgerEntry,
    observed::{Health, Observed, Tip},
};

/// Whether what lies and runs on the server is what the last deploy of the service left there, verified, and is the commit
/// that is asked for. The rest, only the bytes and Compose's own hash of the service can say.
pub fn is_deployed(desired: &Desired, seen: &Observed) -> bool {
    let (here, server) = (&seen.here, &seen.server);
    let Some(commit) = &here.head else { return false };
    // What is not what it should be, the plan refuses in its own words.
    let committed = here.modified.is_empty() && (desired.message.is_none() || here.untracked.is_empty());
    let pushed = matches!(&here.tip, Some(Tip::At(sha, _)) if sha == commit);
    let there = server.git().is_some_and(|git| git.head.as_ref() == Some(commit) && git.modified.is_empty());
    let free = server.lock.as_ref().is_some_and(|lock| lock.held.is_none() && lock.open.is_empty());
    let lines = server.ledger.iter().flat_map(|ledger| ledger.lines.iter().rev());
    let last = lines
        .filter_map(|line| serde_json::from_str::<LedgerEntry>(line).ok())
        .find(|entry| entry.service == desired.service);
    let image = server.compose().and_then(|compose| server.image(&compose.tag)).map(|image| &image.id);
    let (Some(last), Some(image)) = (last, image) else { return false };
    let recorded = last.verdict == "verified" && last.to.as_deref() == Some(commit.as_str());
    let runs = server.replicas().next().is_some()
        && server.replicas().all(|c| {
            c.runs() && c.health != Health::Unhealthy && c.image == *image && last.images.contains(&c.image.0)
        });
    committed && pushed && there && free && recorded && runs
}
