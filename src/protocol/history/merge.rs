//! Several ledgers become one list: each deploy once, with the server that it went to by one name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Deploy, Ledger};
use crate::protocol::{
    ledger::LedgerEntry,
    names::Moment,
    target::{Place, Target},
};

/// A longer line is none of ours.
const LINE: usize = 16_384;

/// A line while it is not known yet what its server is called.
struct Line {
    entry: LedgerEntry,
    time: Moment,
    place: Option<String>,
}

/// The deploys, the oldest first, and how many lines could not be read.
pub(super) fn merge(ledgers: &[Ledger]) -> (Vec<Deploy>, usize) {
    // A deploy of several services has a line for each, with one id.
    let (mut found, mut unreadable) = (HashMap::<(String, String), Line>::new(), 0);
    // The same server under several names, from the lines that two ledgers have.
    let mut same: BTreeMap<String, String> = BTreeMap::new();
    for ledger in ledgers {
        for text in ledger.lines.iter().filter(|l| !l.trim().is_empty()) {
            let Some(line) = read(text, ledger) else {
                unreadable += 1;
                continue;
            };
            let key = (line.entry.id.clone(), line.entry.service.clone());
            let Some(known) = found.get_mut(&key) else {
                found.insert(key, line);
                continue;
            };
            if let (Some(a), Some(b)) = (&known.place, &line.place)
                && a != b
            {
                same.insert(a.clone(), b.clone());
            }
            let place = line.place.clone().or(known.place.take());
            // What came later knows how it went on; the longer line of two says more.
            if (line.time, line.entry.steps.len()) > (known.time, known.entry.steps.len()) {
                *known = line;
            }
            known.place = place;
        }
    }
    let mut deploys: Vec<Deploy> = found
        .into_values()
        .map(|line| Deploy { time: line.time, place: line.place.map(|p| named(p, &same)), entry: line.entry })
        .collect();
    complete(&mut deploys);
    let order = |d: &Deploy| (d.time, d.entry.id.clone(), d.entry.service.clone());
    deploys.sort_by_key(order);
    (deploys, unreadable)
}

fn read(text: &str, ledger: &Ledger) -> Option<Line> {
    if text.len() > LINE {
        return None;
    }
    let entry: LedgerEntry = serde_json::from_str(text).ok()?;
    let time = Moment::parse(&entry.time)?;
    let server = match &entry.kept {
        Some(kept) => kept == Place::Server.as_str(),
        None => ledger.server,
    };
    let place = match (&entry.host, &entry.dir) {
        // The line lies on the server itself, whatever the one who deployed calls it.
        _ if server => Some(ledger.at.label()),
        (Some(host), Some(dir)) => Some(Target::Ssh { host: host.clone(), dir: dir.clone() }.label()),
        (None, Some(dir)) => Some(Target::Local { dir: dir.clone() }.label()),
        (_, None) => None,
    };
    Some(Line { entry, time, place })
}

/// The last of a server's names.
fn named(place: String, same: &BTreeMap<String, String>) -> String {
    let (mut at, mut seen) = (place, BTreeSet::new());
    while let Some(next) = same.get(&at).filter(|_| seen.insert(at.clone())) {
        at.clone_from(next);
    }
    at
}

/// A line of before does not say where to: it is the only server that the service is known to have, if there is one.
fn complete(deploys: &mut [Deploy]) {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for deploy in deploys.iter() {
        known.entry(deploy.entry.service.clone()).or_default().extend(deploy.place.clone());
    }
    for deploy in deploys.iter_mut().filter(|d| d.place.is_none()) {
        let places = known.get(&deploy.entry.service).filter(|places| places.len() == 1);
        deploy.place = places.and_then(|places| places.first().cloned());
    }
}
