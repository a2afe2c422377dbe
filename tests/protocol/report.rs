//! What is written down of a deploy: the ledger and the document.

use unstale::protocol::{
    Logged, Moment, MountSource, Outcome, Place, Record, Recorded, Refused, Report, State, Target, Verdict,
    judge, last_verified,
};

use super::verdict::{evidence, fresh, mounted, odd, stale, with};
use super::{NEW, OLD, container, planned, seen, sha, target};

#[test]
fn the_ledger_gives_back_the_last_verified_commit() {
    let line = |verdict: Verdict, to: &str, service: &str| {
        let mut evidence = evidence(vec![match verdict {
            Verdict::Verified => fresh(),
            Verdict::Stale => stale(),
            Verdict::Inconclusive => odd(),
        }]);
        evidence.service = service.into();
        let report = Report {
            service: service.into(),
            outcome: Outcome::Judged(judge(&evidence)),
            expected: Some(sha(to)),
            steps: Vec::new(),
            downtime_ms: 1400,
            expected_downtime_ms: None,
            next: Vec::new(),
            sample: None,
            sick: unstale::protocol::Sickness::default(),
        };
        report.ledger_line(&Recorded {
            id: "id-1",
            time: Moment::seconds(0),
            from: Some(&sha(OLD)),
            who: Some("Ann"),
            target: &target(),
            kept: Place::Here,
        })
    };
    let lines = vec![
        line(Verdict::Verified, OLD, "web"),
        line(Verdict::Stale, NEW, "web"),
        line(Verdict::Verified, NEW, "worker"),
        "{broken".to_owned(),
        String::new(),
    ];
    assert_eq!(last_verified(&lines, "web"), Some(sha(OLD)));
    assert_eq!(last_verified(&lines, "worker"), Some(sha(NEW)));
    assert_eq!(last_verified(&lines, "db"), None);
    assert!(
        lines[1].contains(r#""verdict":"stale","cause":"context-snapshot","downtime_ms":1400"#),
        "{}",
        lines[1]
    );
    assert!(!lines.iter().any(|l| l.contains('\n')), "one line each");
    let entry: serde_json::Value = serde_json::from_str(&lines[1]).expect("JSON");
    let fields = ["who", "host", "dir", "kept", "images", "rebuilds", "mechanism", "reason"];
    assert_eq!(
        fields.map(|f| entry[f].to_string()).join(" "),
        format!(
            r#""Ann" "prod" "/opt/my repo" "here" ["{}"] 0 "S33" {}"#,
            container().image.0,
            entry["reason"]
        )
    );
    assert!(entry["reason"].as_str().is_some_and(|r| r.contains("context snapshot")), "{entry:#}");
}

#[test]
fn the_ledger_says_what_the_steps_were_and_how_they_ended() {
    let plan = planned(&seen(), None);
    let line = |states: &dyn Fn(&str) -> State, swap: bool| {
        let mut steps: Vec<Logged> = plan
            .steps
            .iter()
            .map(|step| Logged {
                command: String::new(),
                record: Record { state: states(step.id()), ms: 7, detail: String::new() },
                step: step.clone(),
            })
            .collect();
        if swap {
            let at = |id: &str| steps.iter().position(|s| s.step.id() == id).expect("it is there");
            let (remove, build) = (at("remove"), at("build"));
            steps.swap(remove, build);
        }
        let why = format!("`build` ended with 1: {}\nsecret second line", "x".repeat(400));
        let report = Report {
            service: "web".into(),
            outcome: Outcome::Stopped { why, now: "nothing runs".into() },
            expected: Some(sha(NEW)),
            steps,
            downtime_ms: 0,
            expected_downtime_ms: None,
            next: Vec::new(),
            sample: None,
            sick: unstale::protocol::Sickness::default(),
        };
        let line = report.ledger_line(&Recorded {
            id: "id-1",
            time: Moment::seconds(0),
            from: None,
            who: None,
            target: &Target::Local { dir: "/opt".into() },
            kept: Place::Server,
        });
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON")
    };
    let stopped = line(
        &|id| match id {
            "push" => State::Already,
            "build" => State::Failed,
            "up" | "verify" => State::Planned,
            _ => State::Done,
        },
        false,
    );
    let fields = ["order", "cache", "rebuilds", "host", "dir", "kept", "who", "verdict"];
    assert_eq!(
        fields.map(|f| stopped[f].to_string()).join(" "),
        r#""protocol" "fresh" 1 null "/opt" "server" null "stopped""#
    );
    let reason = stopped["reason"].as_str().expect("a text");
    assert!(reason.len() == 300 && !reason.contains("secret"), "the first line, and not all of it: {reason}");
    let steps = stopped["steps"].as_array().expect("a list");
    let build = steps.iter().find(|s| s["id"] == "build").expect("it ran");
    assert_eq!(build, &serde_json::json!({"id": "build", "ms": 7, "state": "failed"}));
    assert!(!steps.iter().any(|s| s["id"] == "up"), "what did not run is not there");
    assert_eq!(line(&|_| State::Done, true)["order"], "build-first");
    assert_eq!(line(&|_| State::Already, false)["rebuilds"], 0, "what was done already cost nothing");
}

#[test]
fn the_document_has_the_designs_fields() {
    let report = Report {
        service: "web".into(),
        outcome: Outcome::Judged(judge(&with(
            vec![stale()],
            mounted(MountSource::Named("shop_code".into()), "/app"),
        ))),
        expected: Some(sha(NEW)),
        steps: Vec::new(),
        downtime_ms: 0,
        expected_downtime_ms: None,
        next: Vec::new(),
        sample: None,
        sick: unstale::protocol::Sickness::default(),
    };
    let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["schema", "verdict", "reason", "expected", "replicas", "steps", "downtime_ms", "next"]);
    let replica = &json["replicas"][0];
    let keys: Vec<&String> = replica.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        ["service", "container", "image", "verdict", "cause", "mechanism", "detail", "cure", "files"]
    );
    assert_eq!(replica["mechanism"], "S04");
    assert_eq!(
        replica["files"],
        serde_json::json!({"checked":1,"fresh":0,"stale":1,"missing":0,"unknown":0,"not_shipped":0})
    );

    let refused = Report::refused("web", Refused::new("dirty", "not committed"));
    let json: serde_json::Value = serde_json::from_str(&refused.json()).expect("JSON");
    assert_eq!((&json["verdict"], &json["class"]), (&"refused".into(), &"dirty".into()));
    assert_eq!(refused.outcome.exit_code(), 2);
    assert_eq!(Outcome::Stopped { why: String::new(), now: String::new() }.exit_code(), 3);
}
