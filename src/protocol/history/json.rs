//! The history as one JSON document, version 1.

use serde::Serialize;

use super::{Cost, Deploy, History, Incident, Rates};
use crate::protocol::names::Moment;

#[derive(Serialize)]
struct WireHistory<'a> {
    schema: u32,
    since: Option<String>,
    unreadable: usize,
    older_left_out: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_read: Vec<WireNotRead<'a>>,
    deploys: Vec<WireDeploy<'a>>,
    incidents: Vec<WireIncident<'a>>,
    causes: Vec<WireCause>,
    totals: WireTotals<'a>,
}

#[derive(Serialize)]
struct WireNotRead<'a> {
    target: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct WireDeploy<'a> {
    id: &'a str,
    time: String,
    who: Option<&'a str>,
    service: &'a str,
    target: Option<&'a str>,
    from: Option<&'a str>,
    to: Option<&'a str>,
    images: Vec<&'a str>,
    order: Option<&'a str>,
    cache: Option<&'a str>,
    verdict: &'a str,
    reason: Option<&'a str>,
    cause: Option<&'a str>,
    mechanism: Option<&'a str>,
    downtime_ms: u64,
    rebuilds: u64,
    rebuild_ms: u64,
    steps: Vec<WireStep<'a>>,
}

#[derive(Serialize)]
struct WireStep<'a> {
    id: &'a str,
    ms: u64,
    state: Option<&'a str>,
}

#[derive(Serialize)]
struct WireIncident<'a> {
    service: &'a str,
    target: Option<&'a str>,
    opened: String,
    closed: Option<String>,
    open: bool,
    seconds: i64,
    failed: &'a [String],
    extra_rebuilds: u64,
    extra_rebuild_ms: u64,
    #[serde(flatten)]
    cost: WireCost,
}

#[derive(Serialize)]
struct WireCause {
    cause: String,
    mechanism: Option<String>,
    deploys: usize,
    seconds: i64,
    rules: Vec<&'static str>,
    #[serde(flatten)]
    cost: WireCost,
}

#[derive(Serialize)]
struct WireTotals<'a> {
    deploys: usize,
    verified: usize,
    stale: usize,
    inconclusive: usize,
    stopped: usize,
    other: usize,
    downtime_ms: u64,
    rebuilds: u64,
    incidents: usize,
    open: usize,
    seconds: i64,
    extra_rebuilds: u64,
    extra_rebuild_ms: u64,
    currency: Option<&'a str>,
    #[serde(flatten)]
    cost: WireCost,
}

#[derive(Serialize)]
struct WireCost {
    estimated_tokens: Option<u64>,
    estimated_cost: Option<f64>,
}

impl History {
    /// The JSON document. `rules` says which rules would have prevented a mechanism.
    ///
    /// # Panics
    /// Never: it holds nothing that JSON cannot.
    pub fn json(&self, rates: &Rates, rules: &dyn Fn(&str) -> Vec<&'static str>) -> String {
        let sum = self.totals();
        let causes = self.causes().into_iter().map(|c| WireCause {
            rules: c.mechanism.as_deref().map(rules).unwrap_or_default(),
            cost: wire_cost(rates.cost(c.seconds, c.deploys)),
            cause: c.cause,
            mechanism: c.mechanism,
            deploys: c.deploys,
            seconds: c.seconds,
        });
        let document = WireHistory {
            schema: 1,
            since: self.since.map(Moment::rfc3339),
            unreadable: self.unreadable,
            older_left_out: self.cut,
            not_read: self.not_read.iter().map(|(target, reason)| WireNotRead { target, reason }).collect(),
            deploys: self.deploys.iter().map(wire_deploy).collect(),
            incidents: self.incidents.iter().map(|i| wire_incident(i, rates)).collect(),
            causes: causes.collect(),
            totals: WireTotals {
                deploys: sum.deploys,
                verified: sum.verified,
                stale: sum.stale,
                inconclusive: sum.inconclusive,
                stopped: sum.stopped,
                other: sum.other,
                downtime_ms: sum.downtime_ms,
                rebuilds: sum.rebuilds,
                incidents: self.incidents.len(),
                open: sum.open,
                seconds: sum.seconds,
                extra_rebuilds: sum.extra_rebuilds,
                extra_rebuild_ms: sum.extra_rebuild_ms,
                currency: rates.currency.as_deref(),
                cost: wire_cost(rates.cost(sum.seconds, sum.failed)),
            },
        };
        serde_json::to_string(&document).expect("strings, numbers and lists always serialize")
    }
}

fn wire_deploy(deploy: &Deploy) -> WireDeploy<'_> {
    let entry = &deploy.entry;
    let (rebuilds, rebuild_ms) = deploy.builds();
    let images = if entry.images.is_empty() { entry.image.as_slice() } else { &entry.images };
    WireDeploy {
        id: &entry.id,
        time: deploy.time.rfc3339(),
        who: entry.who.as_deref(),
        service: &entry.service,
        target: deploy.place.as_deref(),
        from: entry.from.as_deref(),
        to: entry.to.as_deref(),
        images: images.iter().map(String::as_str).collect(),
        order: entry.order.as_deref(),
        cache: entry.cache.as_deref(),
        verdict: &entry.verdict,
        reason: entry.reason.as_deref(),
        cause: entry.cause.as_deref(),
        mechanism: entry.mechanism.as_deref(),
        downtime_ms: entry.downtime_ms,
        rebuilds,
        rebuild_ms,
        steps: entry
            .steps
            .iter()
            .map(|s| WireStep { id: &s.id, ms: s.ms, state: s.state.as_deref() })
            .collect(),
    }
}

fn wire_incident<'a>(incident: &'a Incident, rates: &Rates) -> WireIncident<'a> {
    WireIncident {
        service: &incident.service,
        target: incident.place.as_deref(),
        opened: incident.opened.rfc3339(),
        closed: incident.closed.map(Moment::rfc3339),
        open: incident.closed.is_none(),
        seconds: incident.seconds,
        failed: &incident.failed,
        extra_rebuilds: incident.extra_rebuilds,
        extra_rebuild_ms: incident.extra_rebuild_ms,
        cost: wire_cost(rates.cost(incident.seconds, incident.failed.len())),
    }
}

fn wire_cost(cost: Cost) -> WireCost {
    WireCost {
        estimated_tokens: cost.tokens,
        estimated_cost: cost.sum().map(|c| (c * 100.0).round() / 100.0),
    }
}
