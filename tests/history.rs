//! The history without a machine: from lines of ledgers to deploys, incidents, causes and sums.

use std::fmt::Write as _;

use serde_json::{Value, json};
use unstale::protocol::{
    Moment, Target,
    history::{History, Ledger, Rates, since},
};

/// A line as this version writes it, at a minute of an hour.
fn line(id: &str, minute: u8, verdict: &str) -> Value {
    json!({"schema": 1, "id": id, "time": format!("2026-11-22T14:{minute:02}:00Z"), "service": "web",
        "from": "1".repeat(40), "to": "2".repeat(40), "image": "sha256:a", "verdict": verdict,
        "cause": null, "downtime_ms": 1000, "steps": [{"id": "build", "ms": 40_000, "state": "done"}],
        "who": "Ann", "host": "prod", "dir": "/opt/repo", "kept": "here", "images": ["sha256:a"],
        "order": "protocol", "cache": "fresh", "rebuilds": 1, "reason": "why", "mechanism": null})
}

fn with(mut line: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("an object") };
    for (key, value) in changes {
        line[key] = value;
    }
    line
}

fn ledger(lines: &[Value]) -> Ledger {
    let at = Target::Local { dir: "/home/ann/shop".into() };
    Ledger { at, server: false, lines: lines.iter().map(Value::to_string).collect(), cut: false }
}

fn on_server(lines: &[Value]) -> Ledger {
    let at = Target::Ssh { host: "app1".into(), dir: "/srv/shop".into() };
    Ledger { at, server: true, ..ledger(lines) }
}

fn of(lines: &[Value]) -> History {
    History::of(&[ledger(lines)], None)
}

fn rules(mechanism: &str) -> Vec<&'static str> {
    match mechanism {
        "S33" => vec!["no-cache-alone", "unverified-deploy"],
        _ => Vec::new(),
    }
}

fn document(history: &History, rates: &Rates) -> Value {
    serde_json::from_str(&history.json(rates, &rules)).expect("JSON")
}

/// Opened, closed, seconds, failed, builds too many, of every incident.
fn incidents(history: &History) -> Vec<String> {
    let clock = |m: Moment| m.rfc3339()[11..16].to_owned();
    let one = |i: &unstale::protocol::history::Incident| {
        let closed = i.closed.map_or_else(|| "open".to_owned(), clock);
        format!(
            "{} {}-{closed} {} s, {} failed, {} builds of {} ms",
            i.service,
            clock(i.opened),
            i.seconds,
            i.failed.len(),
            i.extra_rebuilds,
            i.extra_rebuild_ms
        )
    };
    history.incidents.iter().map(one).collect()
}

#[test]
fn a_deploy_of_several_services_is_one_for_each() {
    let lines = [line("a", 0, "verified"), with(line("a", 0, "stale"), json!({"service": "worker"}))];
    // Both ledgers have both lines.
    let history = History::of(&[ledger(&lines), on_server(&lines)], None);
    let told: Vec<String> =
        history.deploys.iter().map(|d| format!("{} {}", d.entry.service, d.entry.verdict)).collect();
    assert_eq!(told, ["web verified", "worker stale"]);
    assert_eq!(incidents(&history).len(), 1);
}

#[test]
fn a_ledger_that_could_not_be_read_is_named() {
    let mut history = of(&[line("a", 0, "verified")]);
    assert_eq!(document(&history, &Rates::default()).get("not_read"), None);
    history.not_read = vec![("app2:/srv/x".into(), "no\u{1b}[2J".into())];
    let text = history.text(&Rates::default(), &rules);
    assert!(text.ends_with("the ledger of `app2:/srv/x` is left out: no\\u{1b}[2J\n"), "{text}");
    let document = document(&history, &Rates::default());
    assert_eq!(document["not_read"][0]["target"], "app2:/srv/x");
}

#[test]
fn an_incident_opens_on_the_first_failure_and_closes_on_the_next_verified_deploy() {
    let stale = json!({"cause": "context-snapshot", "mechanism": "S33"});
    let failed = json!({"steps": [{"id": "build", "ms": 10_000, "state": "failed"}]});
    let history = of(&[
        line("a", 0, "verified"),
        with(line("b", 5, "stale"), stale.clone()),
        line("c", 7, "inconclusive"),
        with(line("d", 20, "stopped"), failed),
        line("e", 50, "verified"),
        line("f", 55, "inconclusive"),
        line("g", 56, "verified"),
        with(line("h", 58, "stale"), stale),
    ]);
    assert_eq!(
        incidents(&history),
        [
            "web 14:05-14:50 2700 s, 2 failed, 3 builds of 90000 ms",
            "web 14:58-open 0 s, 1 failed, 0 builds of 0 ms"
        ]
    );
    let causes: Vec<_> = history.causes().into_iter().map(|c| (c.cause, c.seconds, c.deploys)).collect();
    assert_eq!(
        causes,
        [("stopped at build".to_owned(), 1800, 1), ("context-snapshot".to_owned(), 900, 2)],
        "the time after a failure is that failure's, and the longest stands first"
    );
    let sum = history.totals();
    assert_eq!((sum.deploys, sum.verified, sum.stale, sum.stopped, sum.inconclusive), (8, 3, 2, 1, 2));
    assert_eq!((sum.open, sum.seconds, sum.downtime_ms, sum.rebuilds), (1, 2700, 8000, 8));
}

#[test]
fn one_service_or_server_does_not_close_the_incident_of_another() {
    let other = json!({"service": "worker"});
    let elsewhere = json!({"host": "staging"});
    let lines = [
        line("a", 0, "stale"),
        with(line("b", 1, "verified"), other.clone()),
        with(line("c", 2, "verified"), elsewhere),
        with(line("d", 3, "stopped"), other),
    ];
    assert_eq!(
        incidents(&of(&lines)),
        [
            "web 14:00-open 0 s, 1 failed, 0 builds of 0 ms",
            "worker 14:03-open 0 s, 1 failed, 0 builds of 0 ms"
        ]
    );
    let one = History::of(&[ledger(&lines)], Some("worker"));
    assert_eq!((one.deploys.len(), one.incidents.len()), (2, 1));
    // The order of the lines is not the order of the deploys: two ledgers are merged.
    let turned = [line("b", 9, "verified"), line("a", 0, "stale")];
    assert_eq!(incidents(&of(&turned)), ["web 14:00-14:09 540 s, 1 failed, 1 builds of 40000 ms"]);
}

#[test]
fn a_deploy_of_two_ledgers_counts_once_and_its_server_has_one_name() {
    // Ann deploys to `prod`; Bob calls the same server otherwise, and his lines are on it only.
    let mine = [line("a", 0, "stale"), line("x", 1, "stopped")];
    let there = [
        with(line("a", 0, "stale"), json!({"kept": "server", "steps": []})),
        with(line("b", 30, "verified"), json!({"kept": "server", "host": "bobs-alias", "who": "Bob"})),
    ];
    for ledgers in [[ledger(&mine), on_server(&there)], [on_server(&there), ledger(&mine)]] {
        let history = History::of(&ledgers, None);
        assert_eq!(history.deploys.len(), 3);
        assert_eq!(
            incidents(&history),
            ["web 14:00-14:30 1800 s, 2 failed, 2 builds of 80000 ms"],
            "x was never recorded on the server, and is known to have gone there"
        );
        let places: Vec<_> = history.deploys.iter().map(|d| d.place.clone().unwrap_or_default()).collect();
        assert!(places.iter().all(|p| *p == places[0]), "{places:?}");
    }
    let alone = History::of(&[ledger(&mine), on_server(&[])], None);
    assert_eq!(alone.deploys[0].place.as_deref(), Some("prod:/opt/repo"));
    // A resumed deploy has a second line: what came later is how it ended.
    let resumed = of(&[line("a", 0, "stopped"), line("a", 4, "verified")]);
    assert_eq!((resumed.deploys.len(), resumed.incidents.len()), (1, 0));
}

#[test]
fn lines_of_before_are_read_and_broken_ones_counted() {
    let old = r#"{"schema":1,"id":"old","time":"2026-11-01T10:00:00Z","service":"web","from":null,"to":null,"image":"sha256:b","verdict":"stale","cause":"mount","downtime_ms":5,"steps":[{"id":"build","ms":3}]}"#;
    let mut all = ledger(&[with(line("new", 0, "verified"), json!({"later": {"field": [1]}, "schema": 7}))]);
    all.lines.insert(0, old.to_owned());
    let good = all.lines.clone();
    for broken in [
        "{broken",
        "\u{0}\u{0}",
        "[]",
        "null",
        "7",
        r#"{"schema":1}"#,
        &good[0].replace("2026-11-01T", "someday"),
        &good[0].replace("\"downtime_ms\":5", "\"downtime_ms\":-5"),
        &"[".repeat(10_000),
        &format!("{}{}", " ".repeat(20_000), good[0]),
        "\u{feff}",
    ] {
        all.lines.push(broken.to_owned());
    }
    all.lines.push("  ".to_owned());
    let history = History::of(&[all], None);
    assert_eq!((history.deploys.len(), history.unreadable), (2, 11));
    assert_eq!(history.deploys[0].place.as_deref(), Some("prod:/opt/repo"), "the only server that is known");
    assert_eq!(history.incidents.len(), 1);
    assert!(history.incidents[0].closed.is_some());
    assert!(
        history
            .text(&Rates::default(), &rules)
            .contains("\n11 lines of the ledger cannot be read and are left out\n")
    );
    let two = with(line("z", 1, "verified"), json!({"host": "staging"}));
    let mut unknown = ledger(&[line("y", 0, "verified"), two]);
    unknown.lines.push(good[0].clone());
    let history = History::of(&[unknown], None);
    assert_eq!(history.deploys[0].place, None, "one of two servers is not known to be it");
}

#[test]
fn money_is_counted_by_the_rates_and_only_by_them() {
    let history = of(&[
        with(line("a", 0, "stale"), json!({"cause": "context-snapshot", "mechanism": "S33"})),
        with(line("b", 15, "stale"), json!({"cause": "mount", "mechanism": "S99"})),
        line("c", 30, "verified"),
    ]);
    let none = document(&history, &Rates::default());
    assert_eq!(none["totals"]["estimated_cost"], Value::Null);
    assert!(!history.text(&Rates::default(), &rules).contains("estimated"));
    let rates = Rates {
        per_hour: Some(60.0),
        per_1000_tokens: Some(0.5),
        tokens_per_deploy: Some(8000),
        currency: Some("EUR".into()),
    };
    let full = document(&history, &rates);
    assert_eq!(full["totals"]["estimated_cost"], 38.0, "half an hour, and 16 thousand tokens");
    assert_eq!(
        (&full["totals"]["estimated_tokens"], &full["totals"]["currency"]),
        (&16000.into(), &"EUR".into())
    );
    assert_eq!(full["incidents"][0]["estimated_cost"], 38.0);
    assert_eq!(full["causes"][0]["estimated_cost"], 19.0);
    assert_eq!(full["causes"][0]["rules"], json!(["no-cache-alone", "unverified-deploy"]));
    let text = history.text(&rates, &rules);
    assert!(
        text.ends_with("\nestimated cost: 38.00 EUR (30.00 EUR for the time, at 60 an hour; 8.00 EUR for 16000 tokens, 8000 for each of 2 failed deploys).\n"),
        "{text}"
    );
    assert!(text.contains("context-snapshot (S33): 15 min 0 s, 1 deploy; found beforehand by `no-cache-alone`, `unverified-deploy`\n"), "{text}");
    assert!(text.contains("mount (S99): 15 min 0 s, 1 deploy; no rule finds it beforehand\n"), "{text}");
    let tokens = Rates { tokens_per_deploy: Some(8000), ..Rates::default() };
    assert!(history.text(&tokens, &rules).ends_with("\nestimated: 16000 tokens.\n"));
    let huge = Rates { tokens_per_deploy: Some(u64::MAX), per_hour: Some(f64::MAX), ..rates };
    document(&history, &huge);
    history.text(&huge, &rules);
}

#[test]
fn since_leaves_out_what_is_over() {
    let lines = [
        line("a", 0, "stale"),
        line("b", 10, "verified"),
        line("c", 20, "stale"),
        line("d", 40, "verified"),
        line("e", 50, "verified"),
    ];
    let at =
        |minute: i64| Moment::parse("2026-11-22T14:00:00Z").map(|m| Moment::seconds(m.whole() + minute * 60));
    let ids = |h: &History| h.deploys.iter().map(|d| d.entry.id.clone()).collect::<String>();
    let from = |minute| of(&lines).from(at(minute).expect("a time"));
    assert_eq!((ids(&from(0)), from(0).incidents.len()), ("abcde".to_owned(), 2));
    let later = from(30);
    assert_eq!(
        (ids(&later), incidents(&later)),
        ("de".to_owned(), vec!["web 14:20-14:40 1200 s, 1 failed, 1 builds of 40000 ms".to_owned()])
    );
    assert_eq!(document(&later, &Rates::default())["since"], "2026-11-22T14:30:00Z");
    assert_eq!(from(59).text(&Rates::default(), &rules), "no deploy is recorded since then\n");
    assert_eq!(
        of(&[]).text(&Rates::default(), &rules),
        "no deploy is recorded yet: `unstale deploy` writes the ledger\n"
    );
}

#[test]
fn a_time_is_read_as_people_write_it() {
    let now = Moment::parse("2026-11-28T12:00:00Z").expect("a time");
    for (text, means) in [
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        (" 2026-11-01 ", "2026-11-01T00:00:00Z"),
        ("2026-11-01 14:30", "2026-11-01T14:30:00Z"),
        ("2026-11-01T14:30:09", "2026-11-01T14:30:09Z"),
        ("2026-11-01T14:30:09.5Z", "2026-11-01T14:30:09Z"),
        ("2026-11-01T14:30:09+02:00", "2026-11-01T12:30:09Z"),
        ("2026-11-01 14:30 -02:00", "2026-11-01T16:30:00Z"),
        ("now", "2026-11-28T12:00:00Z"),
        ("today", "2026-11-28T00:00:00Z"),
        ("yesterday", "2026-11-27T00:00:00Z"),
        ("7d", "2026-11-21T12:00:00Z"),
        ("-7d", "2026-11-21T12:00:00Z"),
        ("1h30m", "2026-11-28T10:30:00Z"),
        ("2 weeks ago", "2026-11-14T12:00:00Z"),
        ("2.weeks", "2026-11-14T12:00:00Z"),
        ("90 min", "2026-11-28T10:30:00Z"),
        ("1 hour 30 minutes ago", "2026-11-28T10:30:00Z"),
    ] {
        assert_eq!(since(text, now).map(Moment::rfc3339).as_deref(), Some(means), "{text}");
    }
    for text in [
        "",
        "ago",
        "7",
        "d",
        "7x",
        "3M",
        "2026-13-01",
        "2026-02-31",
        "2026-11-01 25:00",
        "2026-11-01x",
        "2026-11-01 14",
        "2026-11-01T14:30:61Z",
        "v1.0",
        "HEAD~3",
        "99999999999999999d",
        "999999999999999w",
        "٣d",
        "2026-11-0é",
        "--7d",
    ] {
        assert_eq!(since(text, now), None, "{text}");
    }
}

#[test]
fn nothing_of_a_hostile_ledger_reaches_the_terminal_and_much_of_it_takes_no_time() {
    let evil = "\u{1b}]0;x\u{7}\nfake row\u{9b}31m\r";
    let long = "w".repeat(5000);
    let bad = with(
        line(evil, 0, evil),
        json!({"service": evil, "who": evil, "host": evil, "dir": long, "cause": evil, "mechanism": evil,
            "reason": evil, "from": evil, "downtime_ms": u64::MAX, "rebuilds": u64::MAX,
            "steps": [{"id": "build", "ms": u64::MAX}]}),
    );
    let mut lines = vec![
        bad.clone(),
        with(bad.clone(), json!({"id": "b", "verdict": "stale"})),
        with(bad.clone(), json!({"id": "c", "verdict": "stopped", "time": "9999-12-31T23:59:59Z"})),
        with(bad, json!({"id": "d", "verdict": "stale", "time": "1970-01-01T00:00:00+23:59"})),
    ];
    let history = of(&lines);
    let text = history.text(&Rates { per_hour: Some(1.0), ..Rates::default() }, &rules);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(!text.lines().any(|l| l.starts_with("fake")), "{text}");
    assert!(text.lines().all(|l| l.chars().count() < 500), "{text}");
    document(&history, &Rates::default());
    lines.clear();
    lines.extend((0..20_000_u32).map(|n| {
        with(
            line(&n.to_string(), 0, if n % 2 == 0 { "stale" } else { "verified" }),
            json!({"service": format!("s{}", n % 97)}),
        )
    }));
    let mut sum = String::new();
    write!(sum, "{:?}", of(&lines).totals()).expect("a String takes everything");
    assert!(sum.contains("deploys: 20000"), "{sum}");
}

#[test]
fn the_table_is_aligned_and_says_its_sums() {
    let history = of(&[
        line("a", 0, "verified"),
        with(
            line("b", 5, "stale"),
            json!({"service": "worker", "who": null, "cause": "context-snapshot", "mechanism": "S33", "reason": "`/app/x` in `repo-web-1` is the one of 1111", "downtime_ms": 95_000}),
        ),
        with(line("c", 8, "inconclusive"), json!({"reason": "no container of `web` exists"})),
        with(line("d", 50, "verified"), json!({"service": "worker"})),
    ]);
    insta::assert_snapshot!(history.text(&Rates { per_hour: Some(80.0), ..Rates::default() }, &rules));
}
