//! `deploy` and `verify` on real engines over real ssh: the incident, end to end.

use serde_json::Value;

use crate::support::{Builder, Engine, Lab, Ran, on_real_engines};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");
const PAGE: &str = "frontend/templates/index.html";

/// What nobody may change: the checkout, the containers, the images, the volumes.
const STATE: &str = "git rev-parse HEAD; git status --porcelain; docker ps -aq --no-trunc | sort; \
                     docker images -q --no-trunc | sort; docker volume ls -q | sort";

/// `unstale` in the developer's checkout.
fn unstale(lab: &Lab, args: &[&str]) -> Ran {
    Ran::new(lab.in_dev(UNSTALE).args(args))
}

/// A command on the lab's server, its one document of JSON, and its exit code.
fn at_server(lab: &Lab, args: &[&str]) -> (Value, i32) {
    let dir = lab.server();
    let dir = dir.to_string_lossy();
    let mut all = args.to_vec();
    all.extend(["--host", "testhost", "--dir", &dir, "--format", "json"]);
    let ran = unstale(lab, &all);
    let document = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    (document, ran.code)
}

#[track_caller]
fn verdict(of: &(Value, i32), verdict: &str, code: i32) {
    assert_eq!((of.0["verdict"].as_str(), of.1), (Some(verdict), code), "{:#}", of.0);
}

fn ids(document: &Value) -> Vec<&str> {
    document["steps"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect()
}

fn commands(document: &Value) -> Vec<&str> {
    document["steps"].as_array().unwrap().iter().map(|s| s["command"].as_str().unwrap()).collect()
}

on_real_engines!(commit_to_verified, snapshot, failed_build);
on_real_engines!(corners: on_this_machine, volume, restart, refusals);

/// From an uncommitted change to `verified`; then there is nothing left to do, and `verify` agrees.
fn commit_to_verified(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    assert_eq!(lab.serves(), "v3");
    lab.edit(PAGE, |page| page.replace("/v3/", "/v4/"));
    let deploy = ["deploy", "web", "-m", "SciChart 4"];

    let before = lab.ssh(STATE).ok();
    let planned = at_server(&lab, &[&deploy[..], &["--dry-run"]].concat());
    assert_eq!(planned.1, 0, "{:#}", planned.0);
    assert_eq!(lab.ssh(STATE).ok(), before, "a dry run touches nothing");
    assert_eq!(lab.serves(), "v3");

    let done = at_server(&lab, &deploy);
    verdict(&done, "verified", 0);
    assert_eq!(lab.serves(), "v4", "and a browser sees it");
    assert_eq!(ids(&planned.0), ids(&done.0), "what is shown is what is run");
    let phases: Vec<u64> =
        done.0["steps"].as_array().unwrap().iter().map(|s| s["phase"].as_u64().unwrap()).collect();
    assert!(phases.is_sorted() && phases.first() == Some(&1) && phases.last() == Some(&7), "{phases:?}");
    let replica = &done.0["replicas"][0];
    assert_eq!(replica["verdict"], "verified");
    assert!(replica["files"]["fresh"].as_u64().unwrap() >= 1, "{replica:#}");
    assert_eq!(replica["files"]["stale"], 0);

    // The log has the same steps.
    let ledger = lab.ssh("cat .git/unstale/ledger.ndjson").ok();
    let last: Value = serde_json::from_str(ledger.lines().last().unwrap()).unwrap();
    assert_eq!(last["verdict"], "verified", "{last:#}");
    assert_eq!(last["to"].as_str(), done.0["expected"].as_str());
    assert_eq!(ids(&last), ids(&done.0)[..ids(&last).len()], "and so does the log, up to the line itself");
    assert!(ids(&last).contains(&"verify"));
    let said = ["who", "host", "order", "cache", "rebuilds"].map(|field| last[field].to_string()).join(" ");
    assert_eq!(said, r#""Dev" "testhost" "protocol" "fresh" 1"#, "{last:#}");
    assert_eq!(last["images"], serde_json::json!([replica["image"]]), "{last:#}");

    verdict(&at_server(&lab, &["verify", "web"]), "verified", 0);
    let head = lab.git(&["rev-parse", "HEAD"]).ok();
    assert_eq!(lab.ssh("git rev-parse HEAD").ok(), head);
}

/// `--local`: the same steps without ssh, in the folder in which it is called.
fn on_this_machine(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    let server = |args: &[&str]| {
        let ran = Ran::new(lab.in_server(UNSTALE).args(args).args(["--local", "--format", "json"]));
        let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        (document, ran.code)
    };
    verdict(&server(&["verify", "web"]), "verified", 0);
    let quiet = Ran::new(lab.in_server(UNSTALE).args(["verify", "web", "--local", "--quiet"]));
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""));
    lab.push_v4();
    lab.ssh("git pull").ok();
    verdict(&server(&["verify", "web", "--quiet"]), "stale", 1);
    verdict(&server(&["deploy", "web"]), "verified", 0);
    assert_eq!(lab.serves(), "v4");
    lab.ssh("sed -i s,/v4/,/v5/, frontend/templates/index.html").ok();
    let place = "/app/frontend/templates/index.html";
    verdict(
        &server(&["deploy", "web", "-m", "SciChart 5", "--expect", "/v5/", "--in", place]),
        "verified",
        0,
    );
    assert_eq!(lab.serves(), "v5");
    let absent = server(&["verify", "web", "--expect", "/v6/", "--in", place]);
    assert_ne!(absent.0["verdict"], "verified", "{:#}", absent.0);
    let pushed = lab.git(&["ls-remote", "origin", "main"]).ok();
    assert!(pushed.starts_with(&lab.ssh("git rev-parse HEAD").ok()), "and it is pushed: {pushed}");
}

/// (a) Stale by BuildKit's context snapshot: `verify` says so, and one `deploy` ends it.
fn snapshot(engine: Engine, builder: Builder) {
    let lab = Lab::stale_by_snapshot(engine, builder);
    if builder == Builder::Classic {
        verdict(&at_server(&lab, &["verify", "web"]), "verified", 0);
        return;
    }
    let stale = at_server(&lab, &["verify", "web"]);
    verdict(&stale, "stale", 1);
    let replica = &stale.0["replicas"][0];
    assert_eq!(
        (&replica["cause"], &replica["mechanism"]),
        (&"context-snapshot".into(), &"S33".into()),
        "{replica:#}"
    );
    assert!(replica["cure"].as_str().unwrap().contains("source.local"), "{replica:#}");
    as_in_the_readme(&lab);
    pasted(&lab, replica);
    assert_eq!(lab.serves(), "v4");
    verdict(&at_server(&lab, &["verify", "web"]), "verified", 0);

    // The next change of equal size is as stale, and `deploy` alone ends it, too.
    lab.edit(PAGE, |page| page.replace("/v4/", "/v5/"));
    lab.commit_and_push("SciChart 5");
    lab.deploy_naively().ok();
    assert_eq!(lab.serves(), "v4");
    verdict(&at_server(&lab, &["deploy", "web"]), "verified", 0);
    assert_eq!(lab.serves(), "v5");
}

/// Runs the cure of a verdict as a person would: pasted into the developer's shell.
fn pasted(lab: &Lab, replica: &Value) {
    Ran::new(lab.in_dev("bash").args(["-c", replica["cure"].as_str().unwrap()])).ok();
}

/// The first screen of the README shows this very verdict, but for the names of the server and the commits.
fn as_in_the_readme(lab: &Lab) {
    if lab.engine.compose != "docker compose" {
        return;
    }
    let dir = lab.server();
    let dir = dir.to_string_lossy();
    let said = unstale(lab, &["verify", "web", "--host", "testhost", "--dir", &dir]).stdout;
    let names = [(dir.as_ref(), "/opt/repo"), (lab.project(), "repo"), ("testhost", "server")];
    let said = names.iter().fold(said, |text, (from, to)| text.replace(from, to));
    let readme = include_str!("../README.md");
    let (_, shown) = readme.split_once("$ unstale verify web --host server --dir /opt/repo\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert_eq!(
        without_commits(&said),
        without_commits(shown),
        "the README shows:\n{shown}\nunstale says:\n{said}"
    );
}

/// The words of a text, commits made equal.
fn without_commits(text: &str) -> Vec<String> {
    let commit =
        |word: &str| word.len() >= 12 && word.trim_end_matches(':').chars().all(|c| c.is_ascii_hexdigit());
    text.split_whitespace()
        .map(|word| if commit(word) { "<commit>".to_owned() } else { word.to_owned() })
        .collect()
}

/// (b) Stale by a named volume: no deploy ends it, `check` names it beforehand, and its fix does.
fn volume(engine: Engine, builder: Builder) {
    let lab = Lab::stale_by_volume(engine, builder);
    assert_eq!(lab.serves(), "v3");
    let found = unstale(&lab, &["check", "--format", "json", "--select", "volume-shadows-image"]);
    let report: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!((found.code, report["summary"]["error"].as_u64()), (1, Some(1)), "{report:#}");
    assert_eq!(report["findings"][0]["labels"][0]["file"], "Dockerfile");

    let trace = unstale(&lab, &["trace", PAGE, "--format", "json"]).ok();
    let trace: Value = serde_json::from_str(&trace).unwrap();
    let route = &trace["files"][0]["services"][0];
    assert_eq!(
        (&route["verdict"], &route["shadowed_by"]["kind"]),
        (&"shadowed".into(), &"named-volume".into())
    );

    let stale = at_server(&lab, &["verify", "web"]);
    verdict(&stale, "stale", 1);
    let replica = &stale.0["replicas"][0];
    assert_eq!((&replica["cause"], &replica["mechanism"]), (&"mount".into(), &"S04".into()), "{replica:#}");
    assert!(replica["cure"].as_str().unwrap().contains("code"), "{replica:#}");
    verdict(&at_server(&lab, &["deploy", "web"]), "stale", 1);
    assert_eq!(lab.serves(), "v3", "the whole protocol does not help");

    let fixed = unstale(&lab, &["check", "--fix", "--unsafe-fixes", "--select", "volume-shadows-image"]);
    assert_eq!(fixed.code, 0, "{fixed:?}");
    verdict(&at_server(&lab, &["deploy", "web", "-m", "No volume over the code"]), "verified", 0);
    assert_eq!(lab.serves(), "v4");
}

/// (c) Stale by `restart`: `verify` says what is missing, and after it the container is verified.
fn restart(engine: Engine, builder: Builder) {
    let lab = Lab::stale_by_restart(engine, builder);
    assert_eq!(lab.serves(), "v3");
    let stale = at_server(&lab, &["verify", "web"]);
    verdict(&stale, "stale", 1);
    let replica = &stale.0["replicas"][0];
    assert_eq!(
        (&replica["cause"], &replica["mechanism"]),
        (&"container".into(), &"S02".into()),
        "{replica:#}"
    );
    pasted(&lab, replica);
    assert_eq!(lab.serves(), "v4");
    verdict(&at_server(&lab, &["verify", "web"]), "verified", 0);
}

/// A build that fails after the removal: the old image comes back, and the exit code says where it stands.
fn failed_build(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    lab.edit("Dockerfile", |text| text.replace("EXPOSE 8000", "RUN false\nEXPOSE 8000"));
    let stopped = at_server(&lab, &["deploy", "web", "-m", "Break the build"]);
    verdict(&stopped, "stopped", 3);
    assert_eq!(lab.serves(), "v3", "the old version is back");
    assert!(!stopped.0["next"].as_array().unwrap().is_empty(), "{:#}", stopped.0);
    lab.edit("Dockerfile", |text| text.replace("RUN false\n", ""));
    lab.edit(PAGE, |page| page.replace("/v3/", "/v4/"));
    verdict(&at_server(&lab, &["deploy", "web", "-m", "Mend it"]), "verified", 0);
    assert_eq!(lab.serves(), "v4");

    // Both ledgers have both deploys, and the one incident that they make.
    let (history, code) = at_server(&lab, &["history"]);
    let incident = &history["incidents"][0];
    assert_eq!((code, history["deploys"].as_array().map(Vec::len)), (0, Some(2)), "{history:#}");
    assert_eq!((&incident["open"], &incident["extra_rebuilds"]), (&false.into(), &1.into()), "{history:#}");
    assert_eq!(history["causes"][0]["cause"], "stopped at build", "{history:#}");
    assert!(incident["seconds"].as_i64() > Some(0), "{history:#}");
    assert!(history["deploys"][0]["downtime_ms"].as_u64() > Some(0), "{history:#}");
    let on_server = Ran::new(lab.in_server(UNSTALE).args(["history", "--format", "json"])).ok();
    let on_server: Value = serde_json::from_str(&on_server).unwrap();
    assert_eq!(on_server["incidents"][0]["seconds"], incident["seconds"]);
}

/// What is refused before anything changes, each with one message.
fn refusals(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    let state = || lab.ssh(STATE).ok();
    let before = state();
    let refused = |args: &[&str], says: &str| {
        let (document, code) = at_server(&lab, args);
        assert_eq!((document["verdict"].as_str(), code), (Some("refused"), 2), "{args:?}: {document:#}");
        let reason = document.to_string();
        assert!(reason.contains(says), "{args:?}: {says:?} is not in {reason}");
    };
    refused(&["deploy", "wbe"], "web");
    refused(&["verify", "wbe"], "web");
    lab.edit("app.py", |text| format!("{text}\n# changed\n"));
    refused(&["deploy", "web"], "app.py");
    lab.git(&["checkout", "--", "app.py"]).ok();
    refused(&["deploy", "web", "--expect", "/v3/", "--in", "/app/frontend/templates/index.html"], "already");
    for (file, broken, says) in [
        (
            "compose.yaml",
            "services:\n  web:\n    build: .\n   image: x\n",
            "`compose.yaml` would be refused, line 4",
        ),
        ("compose.yaml", "not yaml: [", "`compose.yaml` would be refused"),
        ("Dockerfile", "FROM x\nRNU y\n", "`Dockerfile` would be refused, line 2"),
    ] {
        lab.edit(file, |_| broken.to_owned());
        refused(&["deploy", "web", "-m", "Broken"], says);
        lab.git(&["checkout", "--", file]).ok();
    }
    lab.ssh("echo x >> app.py").ok();
    let dirty = state();
    refused(&["deploy", "web"], "app.py");
    assert_eq!(state(), dirty);
    lab.ssh("git checkout -- app.py").ok();
    assert_eq!(state(), before, "nothing changed on the server");

    let dir = lab.server();
    let dir = dir.to_string_lossy();
    let away = unstale(&lab, &["deploy", "web", "--host", "nobody@127.0.0.1", "--dir", &dir]);
    assert_eq!(away.code, 2, "{away:?}");
    let no_docker = unstale(&lab, &["verify", "web", "--local"]);
    assert_eq!(no_docker.code, 2, "the developer's machine has no Docker: {no_docker:?}");
    let outside = Ran::new(lab.in_dev(UNSTALE).args(["deploy", "web", "--local"]).current_dir(lab.folder()));
    assert_eq!(outside.code, 2, "{outside:?}");
    assert!(outside.stderr.contains("git") || outside.stdout.contains("git"), "{outside:?}");
    assert_eq!(
        commands(&at_server(&lab, &["deploy", "web", "--dry-run"]).0).len(),
        ids(&at_server(&lab, &["deploy", "web", "--dry-run"]).0).len()
    );
}
