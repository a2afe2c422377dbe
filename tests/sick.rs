//! A new version that does not come up: who is sick, what becomes of it, what the report says; and on real engines, that
//! the old version comes back.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::{fs, path::Path};

use serde_json::Value;
use unstale::protocol::{
    Ailment, Container, Deploying, Ended, Health, Judgement, LastWords, Moment, Outcome, Place, Recorded,
    Report, Sick, Sickness, Treatment, Unsettled, dry_run, is_looping, judge, sick_before, together,
    unsettled,
};

use crate::{
    protocol::{NEW, container, evidence, fresh, planned, seen, sha, stale, target},
    support::{Builder, Engine, Gate, Lab, Running, ended, on_real_engines},
};

/// As a container can be seen.
fn with(change: impl FnOnce(&mut Container)) -> Container {
    let mut container = container();
    change(&mut container);
    container
}

fn restarted(times: u64, age: i64) -> Container {
    with(|c| {
        c.restarts = times;
        c.started = Some(Moment::seconds(1000 - age));
    })
}

fn loops() -> Container {
    with(|c| {
        c.status = "restarting".into();
        c.pid = 0;
        c.restarts = 7;
        c.ended = Some(Ended { code: 1, for_memory: false });
    })
}

fn exited(code: i64) -> Container {
    with(|c| {
        c.status = "exited".into();
        c.pid = 0;
        c.ended = Some(Ended { code, for_memory: code == 137 });
    })
}

fn unhealthy() -> Container {
    with(|c| c.health = Health::Unhealthy)
}

/// What a verdict says of a container that was seen at the end of the wait.
fn judged(container: Container) -> Judgement {
    let mut evidence = evidence(vec![fresh()]);
    evidence.replicas[0].unsettled = unsettled(&container, Moment::seconds(1000));
    evidence.replicas[0].container = container;
    judge(&evidence)
}

#[test]
fn unknown_is_not_sick() {
    for (what, container, ailment) in [
        ("well", restarted(0, 60), None),
        ("just started", restarted(0, 1), None),
        ("ended once, and runs since then", restarted(1, 11), None),
        ("many times, long ago", restarted(90, 11), None),
        ("starting", with(|c| c.health = Health::Starting), None),
        ("healthy", with(|c| c.health = Health::Healthy), None),
        ("paused", with(|c| c.status = "paused".into()), None),
        ("paused in a loop", with(|c| (c.status, c.restarts) = ("paused".into(), 3)), None),
        ("never started", with(|c| c.status = "created".into()), None),
        ("no word of the engine that we know", with(|c| c.status = "\u{1b}[2J".into()), None),
        ("unhealthy", unhealthy(), Some(Ailment::Unhealthy)),
        (
            "paused, and unhealthy before",
            with(|c| (c.status, c.health) = ("paused".into(), Health::Unhealthy)),
            None,
        ),
        ("restarting", loops(), Some(Ailment::CrashLoop)),
        ("between two restarts", restarted(2, 9), Some(Ailment::CrashLoop)),
        ("ended", exited(3), Some(Ailment::Exited)),
        ("ended well", exited(0), Some(Ailment::Exited)),
        ("dead", with(|c| c.status = "dead".into()), Some(Ailment::Exited)),
    ] {
        let judgement = judged(container);
        assert_eq!(judgement.sick().next().map(|sick| sick.ailment), ailment, "{what}: {judgement:#?}");
        if ailment.is_some() {
            assert_eq!(judgement.verdict, unstale::protocol::Verdict::Inconclusive, "{what}");
        }
    }
    let detail = |container| judged(container).sick().next().map(|sick| sick.detail.clone()).unwrap();
    assert_eq!(detail(exited(137)), "`shop-web-1` ended with exit code 137, as there was no memory left");
    assert_eq!(
        detail(loops()),
        "`shop-web-1` ends again and again (7 restarts), the last time with exit code 1"
    );
    assert_eq!(detail(unhealthy()), "the health check of `shop-web-1` fails");
}

#[test]
fn who_restarts_is_waited_for_until_it_is_a_loop() {
    let now = Moment::seconds(1000);
    let settled = |container: &Container| unsettled(container, now).is_none();
    assert!(settled(&restarted(0, 3)) && !settled(&restarted(0, 2)));
    assert!(settled(&restarted(1, 10)) && !settled(&restarted(1, 9)), "after a restart it takes longer");
    assert!(!is_looping(&restarted(2, 1), now), "a database may come up later");
    assert!(is_looping(&restarted(3, 1), now));
    assert!(!is_looping(&restarted(3, 10), now), "that was before");
    let open = unsettled(&restarted(2, 1), now).unwrap();
    assert_eq!(open, Unsettled { loops: true, ..Unsettled::from("it was restarted 2 times") });
    assert_eq!(unsettled(&restarted(0, 1), now).unwrap().wait, std::time::Duration::from_secs(2));
    let starting = with(|c| (c.health, c.started) = (Health::Starting, Some(Moment::seconds(1))));
    assert_eq!(unsettled(&starting, now).unwrap().to_string(), "its health check has not decided");
}

#[test]
fn it_goes_back_only_for_what_was_better() {
    let treated = |container, before, undo, keep| Treatment::of(&judged(container), before, undo, keep);
    let ailments = [None, Some(Ailment::Unhealthy), Some(Ailment::CrashLoop)];
    for before in ailments {
        assert_eq!(treated(restarted(0, 60), before, true, true), None);
    }
    for (container, expected) in [
        (unhealthy(), [Treatment::Back, Treatment::AsBefore, Treatment::AsBefore]),
        (loops(), [Treatment::Back, Treatment::Back, Treatment::AsBefore]),
        (exited(1), [Treatment::Back, Treatment::Back, Treatment::AsBefore]),
    ] {
        for (before, expected) in ailments.into_iter().zip(expected) {
            assert_eq!(treated(container.clone(), before, true, false), Some(expected), "{before:?}");
        }
        assert_eq!(treated(container.clone(), None, true, true), Some(Treatment::Kept));
        assert_eq!(treated(container, None, false, false), Some(Treatment::Alone));
    }
}

#[test]
fn the_plan_knows_what_ailed_before() {
    let before = |containers: Vec<Container>| {
        let mut seen = seen();
        seen.server.now = Moment::seconds(1000);
        seen.server.containers = Some(containers);
        assert_eq!(planned(&seen, None).sick_before.get("web").copied(), sick_before(&seen.server));
        sick_before(&seen.server)
    };
    let well = || restarted(0, 60);
    assert_eq!(before(vec![well()]), None);
    assert_eq!(before(vec![]), None);
    assert_eq!(before(vec![unhealthy(), loops()]), Some(Ailment::Unhealthy), "the better one");
    assert_eq!(before(vec![unhealthy(), well()]), None, "one of them was well");
    assert_eq!(before(vec![exited(0)]), None, "it may have been stopped by hand");
    assert_eq!(before(vec![exited(0), loops()]), Some(Ailment::CrashLoop));

    let mut ailing = seen();
    ailing.server.containers = Some(vec![unhealthy()]);
    let all = together(&[planned(&ailing, None)], &ailing);
    assert_eq!(all.sick_before.get("web"), Some(&Ailment::Unhealthy));
    // A plan of a version that did not know it.
    let mut old: Value = serde_json::to_value(&all).unwrap();
    old.as_object_mut().unwrap().retain(|key, _| key != "sick_before" && key != "keeps_sick");
    let old: unstale::protocol::Plan = serde_json::from_value(old).unwrap();
    assert!(old.sick_before.is_empty() && !old.keeps_sick);
    assert!(!dry_run(&old, &target()).contains("--no-rollback"));
    let kept = unstale::protocol::Plan { keeps_sick: true, ..old };
    assert!(dry_run(&kept, &target()).contains("--no-rollback"), "what is shown is what is run");
    let text = serde_json::to_string(&kept).unwrap();
    let read: unstale::protocol::Plan = serde_json::from_str(&text).unwrap();
    assert!(read.keeps_sick, "who resumes it knows it");
    let deploying = r#"{"schema":1,"holder":{"id":"a-1","who":"Ann","since":"","service":"web","commit":null},"plan":{"steps":[],"commit":null,"replicas":1},"from":null,"expect":null}"#;
    assert!(serde_json::from_str::<Deploying>(deploying).unwrap().sick.is_empty());
}

fn stopped(words: LastWords) -> Report {
    let sick: Vec<Sick> = judged(exited(3)).sick().cloned().collect();
    let returned = Some(judge(&evidence(vec![fresh()])));
    Report {
        outcome: Outcome::Stopped { why: "it is sick".into(), now: "the old one runs".into() },
        sick: Sickness { containers: vec![(sick[0].clone(), words)], returned },
        ..Report::judged("web".into(), judged(unhealthy()), sha(NEW), None)
    }
}

#[test]
fn the_report_has_the_last_words_and_the_ledger_only_the_cause() {
    let words =
        LastWords { log: Some(vec!["one\u{1b}[2J".into(), "two".into()]), check: vec!["refused".into()] };
    let report = stopped(words);
    let text = report.text();
    assert!(
        text.contains(
            "  sick      shop-web-1: exited\n    check     | refused\n    log       | one\\u{1b}[2J\n    log       | two\n"
        ),
        "{text}"
    );
    let json: Value = serde_json::from_str(&report.json()).unwrap();
    let sick = &json["sick"][0];
    let fields = ["service", "container", "ailment", "detail"].map(|field| sick[field].as_str().unwrap());
    assert_eq!(fields, ["web", "shop-web-1", "exited", "`shop-web-1` ended with exit code 3"]);
    assert_eq!((&sick["log"][1], &sick["check"][0]), (&"two".into(), &"refused".into()));
    assert_eq!(json["returned"]["verdict"], "verified");
    let line = report.ledger_line(&Recorded {
        id: "id-1",
        time: Moment::seconds(0),
        from: None,
        who: None,
        target: &target(),
        kept: Place::Here,
    });
    assert!(!line.contains("two") && !line.contains("refused"), "{line}");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((line["verdict"].as_str(), line["cause"].as_str()), (Some("stopped"), Some("exited")));

    let empty = stopped(LastWords { log: Some(Vec::new()), check: Vec::new() });
    assert!(empty.text().contains("log       is empty"), "{}", empty.text());
    assert!(stopped(LastWords::default()).text().contains("log       is not known"));
    let json: Value = serde_json::from_str(&stopped(LastWords::default()).json()).unwrap();
    assert_eq!(json["sick"][0]["log"], Value::Null);
    // Without a sick container nothing is said, and nothing stands in the document.
    let well = Report::judged("web".into(), judge(&evidence(vec![stale()])), sha(NEW), None);
    assert!(!well.text().contains("log  ") && !well.json().contains("\"sick\""), "{}", well.json());
}

on_real_engines!(corners: does_not_stay_up);

const PAGE: &str = "frontend/templates/index.html";

/// Has the container begin with `start.sh`, which a new version may change.
pub(crate) fn starts_with_a_script(project: &Path) {
    fs::write(project.join("start.sh"), "#!/bin/sh\nexec python app.py\n").unwrap();
    let path = project.join("Dockerfile");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("[\"python\", \"app.py\"]", "[\"sh\", \"/app/start.sh\"]")).unwrap();
}

/// The next version of the page, with a program that begins with these words.
pub(crate) fn push(lab: &Lab, to: &str, script: &str) -> String {
    lab.edit(PAGE, |page| {
        let (before, rest) = page.split_once("/scichart/").unwrap();
        let (_, after) = rest.split_once('/').unwrap();
        format!("{before}/scichart/{to}/{after}")
    });
    lab.edit("start.sh", |_| format!("#!/bin/sh\n{script}\nexec python app.py\n"));
    lab.commit_and_push(to)
}

#[track_caller]
fn deploy(lab: &Lab, args: &[&str], verdict: &str, code: i32) -> Value {
    let (document, ended_with) = ended(&mut Running::start(lab, &[&["deploy", "web"], args].concat()));
    assert_eq!((document["verdict"].as_str(), ended_with), (Some(verdict), code), "{document:#}");
    document
}

#[track_caller]
fn is_back(lab: &Lab, document: &Value, ailment: &str) {
    let reason = document["reason"].as_str().unwrap();
    assert!(reason.contains("the image that ran before runs again"), "{reason}");
    assert_eq!(document["returned"]["verdict"], "verified", "{document:#}");
    assert_eq!(document["sick"][0]["ailment"], ailment, "{document:#}");
    let steps = document["steps"].as_array().unwrap();
    let down =
        steps.iter().skip_while(|step| step["id"] != "remove").map(|step| step["ms"].as_u64().unwrap());
    let least = down.sum::<u64>().max(1);
    assert!(document["downtime_ms"].as_u64().unwrap() >= least, "up to the way back: {document:#}");
    assert_eq!(lab.serves(), "v3");
    let recorded: Value =
        serde_json::from_str(&lab.ssh("tail -n 1 .git/unstale/ledger.ndjson").ok()).unwrap();
    assert_eq!(
        (recorded["verdict"].as_str(), recorded["cause"].as_str()),
        (Some("stopped"), Some(ailment)),
        "{recorded:#}"
    );
    assert_eq!(recorded["downtime_ms"], document["downtime_ms"], "{recorded:#}");
}

/// A new version that is started again and again, by the protocol; one that ends at once, with the build first and a cache;
/// and a client that is killed on the way back.
fn does_not_stay_up(engine: Engine, builder: Builder) {
    let lab = Lab::seeded(engine, builder, |project| {
        starts_with_a_script(project);
        let path = project.join("compose.yaml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("restart: unless-stopped"));
        let restart = "restart: \"${RESTART:-always}\"\n    volumes:\n      - /app/frontend";
        fs::write(&path, text.replace("restart: unless-stopped", restart)).unwrap();
    });
    deploy(&lab, &[], "verified", 0);

    push(&lab, "v4", "echo about to fail; exit 7");
    let looping = deploy(&lab, &[], "stopped", 3);
    is_back(&lab, &looping, "crash-loop");
    let reason = looping["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the new version is sick: `") && reason.contains("again and again"),
        "{reason}"
    );
    assert_eq!(looping["sick"][0]["log"][0], "about to fail", "{looping:#}");
    let next = looping["next"][0].as_str().unwrap();
    assert!(next.starts_with("unstale deploy web "), "{next}");

    // Killed on the way back: whoever goes on with it knows why, and counts the downtime.
    let gate = Gate::before("rm -s -f", &lab);
    let mut killed = Running::start(&lab, &["deploy", "web"]);
    killed.wait_for("taking back `remove`");
    let runs = lab.server().join(".git/unstale/runs");
    let begun = || {
        let journals = fs::read_dir(&runs).unwrap().flatten().map(|run| run.path().join("journal"));
        let mut texts = journals.filter_map(|path| fs::read_to_string(path).ok());
        texts.any(|text| {
            text.lines().any(|line| line.contains(" start ") && line.ends_with("u1")) && !text.contains("u2")
        })
    };
    while !begun() {
        assert!(killed.child.try_wait().unwrap().is_none(), "it is on its way");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    killed.kill();
    let (nothing, _) = ended(&mut killed);
    gate.open();
    assert!(nothing.is_null(), "{nothing:#}");
    let (resumed, code) = ended(&mut Running::start(&lab, &["resume"]));
    assert_eq!((resumed["verdict"].as_str(), code), (Some("stopped"), 3), "{resumed:#}");
    is_back(&lab, &resumed, "crash-loop");
    assert!(resumed["reason"].as_str().unwrap().starts_with("the new version was sick: `"), "{resumed:#}");
    assert_eq!(resumed["sick"][0]["log"], Value::Null, "{resumed:#}");
    let again = lab.ssh("grep -l 'start .*u4' .git/unstale/runs/*/journal").stdout;
    assert_eq!(again, "", "what was taken back is not taken back again");

    // Nobody starts it again.
    let env = lab.server().join(".env");
    let text = fs::read_to_string(&env).unwrap();
    fs::write(&env, format!("{text}RESTART=no\n")).unwrap();
    push(&lab, "v5", "echo about to end; exit 0");
    let ended_at_once = deploy(&lab, &["--order", "build-first", "--cache", "verified"], "stopped", 3);
    is_back(&lab, &ended_at_once, "exited");
    assert!(
        ended_at_once["reason"].as_str().unwrap().contains("ended with exit code 0"),
        "{ended_at_once:#}"
    );
    assert_eq!(ended_at_once["sick"][0]["log"][0], "about to end", "{ended_at_once:#}");

    // And the next one may be well.
    push(&lab, "v6", "");
    deploy(&lab, &["--cache", "verified"], "verified", 0);
    assert_eq!(lab.serves(), "v6");
}
