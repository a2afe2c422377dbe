//! Deploys of several services at once, on real engines over real ssh.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use serde_json::Value;

use crate::support::{Builder, Engine, Lab, Ran, Running, elsewhere, ended, on_real_engines};

on_real_engines!(corners: together, docker_goes);

/// A web server, a worker that runs the image which the web server builds, and a stranger.
const COMPOSE: &str = "\
services:
  web:
    build:
      context: .
      args:
        BASE_IMAGE: ${BASE_IMAGE:-python:3.12-slim}
    image: ${COMPOSE_PROJECT_NAME}-app:main
    environment:
      PORT: \"8000\"
  worker:
    image: ${COMPOSE_PROJECT_NAME}-app:main
    command: [\"sh\", \"/app/worker.sh\"]
    environment:
      PORT: \"8001\"
  other:
    image: ${BASE_IMAGE}
    command: [\"sleep\", \"100000\"]
    init: true
";

#[track_caller]
fn run(lab: &Lab, args: &[&str], verdict: &str, code: i32) -> Value {
    let (document, ended_with) = ended(&mut Running::start(lab, args));
    assert_eq!((document["verdict"].as_str(), ended_with), (Some(verdict), code), "{document:#}");
    document
}

/// The services of the replicas, and the steps as `id service`.
fn told(document: &Value) -> (Vec<&str>, Vec<String>) {
    let replicas = document["replicas"].as_array().unwrap();
    let replicas = replicas.iter().map(|replica| replica["service"].as_str().unwrap()).collect();
    let steps = document["steps"].as_array().unwrap().iter();
    let step = |step: &Value| {
        format!("{} {}", step["id"].as_str().unwrap(), step["service"].as_str().unwrap_or("-"))
    };
    (replicas, steps.map(step).collect())
}

fn seeded(engine: Engine, builder: Builder) -> Lab {
    let lab = Lab::seeded(engine, builder, |dev| {
        fs::write(dev.join("compose.yaml"), COMPOSE).unwrap();
        fs::write(dev.join("worker.sh"), "exec python worker\n").unwrap();
    });
    lab.deploy_naively().ok();
    lab
}

/// Docker is killed when the first of them is verified: neither has a restart policy, and both run in the end.
fn docker_goes(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::BuildKit) {
        return;
    }
    let lab = seeded(engine, builder);
    lab.push_v4();
    let mut running = Running::start(&lab, &["deploy", "web", "worker"]);
    running.wait_for("] verify (here)");
    running.held(|| lab.engine.kill()).start();
    all_run(&lab, &mut running, "v4");

    lab.compose("up -d --no-deps other").ok();
    // It is there again before anybody asks: what it left is not the new version's fault.
    lab.edit("frontend/templates/index.html", |page| page.replace("/v4/", "/v5/"));
    lab.commit_and_push("SciChart 5");
    let mut running = Running::start(&lab, &["deploy", "web", "worker"]);
    running.wait_for("] verify (here)");
    running.held(|| {
        std::thread::sleep(std::time::Duration::from_secs(2));
        lab.engine.kill().start();
    });
    all_run(&lab, &mut running, "v5");
}

#[track_caller]
fn all_run(lab: &Lab, running: &mut Running, version: &str) {
    let (document, code) = ended(running);
    assert_eq!((code, document["verdict"].as_str()), (0, Some("verified")), "{document:#}");
    let down = format!("{}-other-1", lab.project());
    let next: Vec<&str> = document["next"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let named = next.iter().any(|next| next.replace('_', "-").contains(&format!("docker start {down}'")));
    assert_eq!(named, lab.containers("other").is_empty(), "{next:?}");
    assert_eq!(next.len(), usize::from(named), "none of the deploy's own: {next:?}");
    assert_eq!(["web", "worker"].map(|service| lab.containers(service).len()), [1, 1]);
    assert_eq!(lab.serves(), version);
}

/// What runs one image goes together: down, built once, up, each verified; and back together, if it cannot be built.
fn together(engine: Engine, builder: Builder) {
    let lab = seeded(engine, builder);
    let before = ["web", "worker", "other"].map(|service| lab.containers(service));
    assert!(before.iter().all(|ids| ids.len() == 1), "{before:?}");
    lab.push_v4();

    let (refused, code) = ended(&mut Running::start(&lab, &["deploy", "worker"]));
    assert_eq!((code, refused["class"].as_str()), (2, Some("not-built")), "{refused:#}");
    assert!(refused["reason"].as_str().unwrap().contains("`unstale deploy web worker`"), "{refused:#}");
    let planned = run(&lab, &["deploy", "web", "--with-siblings", "--dry-run"], "planned", 0);
    assert_eq!(
        ["web", "worker", "other"].map(|service| lab.containers(service)),
        before,
        "nothing is touched"
    );

    let done = run(&lab, &["deploy", "web", "--with-siblings"], "verified", 0);
    let (replicas, steps) = told(&done);
    assert_eq!(replicas, ["web", "worker"]);
    assert_eq!(told(&planned).1, steps);
    let expected = [
        "push -",
        "retain web",
        "retain worker",
        "remove web",
        "remove worker",
        "fetch -",
        "merge -",
        "verify-source -",
        "prune -",
        "build web",
        "up web",
        "up worker",
        "verify web",
        "verify worker",
    ];
    assert_eq!(steps[..expected.len()], expected.map(str::to_owned));
    assert_eq!(lab.serves(), "v4");
    let page = ["exec", &lab.containers("worker")[0], "cat", "/app/frontend/templates/index.html"];
    assert!(lab.engine.docker(&page).ok().contains("/v4/"));
    assert_eq!(lab.containers("other"), before[2], "a stranger is left alone");
    // Each has its line, with its own.
    let ledger = lab.ssh("tail -n 2 .git/unstale/ledger.ndjson").ok();
    let lines: Vec<Value> = ledger.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said =
        |line: &Value| ["service", "verdict", "rebuilds"].map(|field| line[field].to_string()).join(" ");
    let said: Vec<String> = lines.iter().map(said).collect();
    assert_eq!(said, ["\"web\" \"verified\" 1", "\"worker\" \"verified\" 0"], "{ledger}");

    let told_of =
        Ran::new(lab.in_dev(env!("CARGO_BIN_EXE_unstale")).args(["history", "--format", "json"])).ok();
    let told_of: Value = serde_json::from_str(&told_of).unwrap();
    let services: Vec<&str> =
        told_of["deploys"].as_array().unwrap().iter().map(|one| one["service"].as_str().unwrap()).collect();
    assert_eq!(services, ["web", "worker"], "{told_of:#}");

    let all = run(&lab, &["verify"], "verified", 0);
    assert_eq!(told(&all).0, ["web", "worker"], "all that the project builds");
    // One of them on old bytes is enough.
    let patch = format!(
        "docker exec {} sed -i s,/v4/,/v3/, /app/frontend/templates/index.html",
        lab.containers("worker")[0]
    );
    lab.ssh(&patch).ok();
    let stale = run(&lab, &["verify", "web", "worker"], "stale", 1);
    let reason = stale["reason"].as_str().unwrap();
    assert!(reason.starts_with("`worker`: "), "{reason}");

    lab.edit("Dockerfile", |text| text.replace("COPY . .", "COPY . .\nRUN false"));
    lab.commit_and_push("it does not build");
    let stopped = run(&lab, &["deploy", "web", "worker"], "stopped", 3);
    let reason = stopped["reason"].as_str().unwrap();
    for service in ["web", "worker"] {
        assert_eq!(lab.containers(service).len(), 1, "{service} is back: {reason}");
        assert!(reason.contains(service), "{reason}");
    }
    assert_eq!(lab.serves(), "v4");
    assert!(stopped["downtime_ms"].as_u64().unwrap() > 0);

    // One that does not come up takes the other along.
    lab.edit("Dockerfile", |text| text.replace("RUN false", "RUN true"));
    lab.edit("worker.sh", |_| "exit 3\n".to_owned());
    lab.commit_and_push("the worker ends");
    let stopped = run(&lab, &["deploy", "web", "worker"], "stopped", 3);
    let reason = stopped["reason"].as_str().unwrap();
    assert!(
        reason.contains("worker-1` ended with exit code 3") || reason.contains("worker_1` ended"),
        "{reason}"
    );
    assert_eq!(stopped["sick"].as_array().map(Vec::len), Some(1), "{stopped:#}");
    assert_eq!(stopped["returned"]["verdict"], "inconclusive", "the Dockerfile is another now: {stopped:#}");
    assert_eq!((lab.serves().as_str(), lab.containers("worker").len()), ("v4", 1), "{reason}");
    let script = ["exec", &lab.containers("worker")[0], "cat", "/app/worker.sh"];
    assert_eq!(lab.engine.docker(&script).ok(), "exec python worker");
    let ledger = lab.ssh("tail -n 2 .git/unstale/ledger.ndjson").ok();
    assert_eq!(ledger.matches("\"cause\":\"exited\"").count(), 2, "{ledger}");
}
