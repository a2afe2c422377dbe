//! The other orders of a deploy on real engines over real ssh: the build first, and a build with cache that is believed
//! only by its bytes.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use serde_json::Value;

use crate::support::{Builder, Engine, Gate, Lab, Running, ended, on_real_engines};

on_real_engines!(corners: build_first, with_cache);

const FIRST: [&str; 4] = ["deploy", "web", "--order", "build-first"];

#[track_caller]
fn deploy(lab: &Lab, args: &[&str], verdict: &str, code: i32) -> Value {
    let (document, ended_with) = ended(&mut Running::start(lab, args));
    assert_eq!((document["verdict"].as_str(), ended_with), (Some(verdict), code), "{document:#}");
    document
}

/// The state of a step.
#[track_caller]
fn state<'d>(document: &'d Value, id: &str) -> &'d str {
    let steps = document["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["id"] == id);
    found.unwrap_or_else(|| panic!("no `{id}` in {document:#}"))["state"].as_str().unwrap()
}

fn took(document: &Value, id: &str) -> u64 {
    let steps = document["steps"].as_array().unwrap();
    steps.iter().find(|step| step["id"] == id).unwrap()["ms"].as_u64().unwrap()
}

#[track_caller]
fn downtime(document: &Value) -> u64 {
    document["downtime_ms"].as_u64().unwrap()
}

/// The last line of the server's ledger.
fn recorded(lab: &Lab) -> Value {
    serde_json::from_str(&lab.ssh("tail -n 1 .git/unstale/ledger.ndjson").ok()).unwrap()
}

/// The service is down for the start only, and a build that fails takes nothing down.
fn build_first(engine: Engine, builder: Builder) {
    const BUILD: u64 = 4000;
    let lab = Lab::seeded(engine, builder, |dev| {
        let path = dev.join("Dockerfile");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("COPY . .", &format!("RUN sleep {}\nCOPY . .", BUILD / 1000))).unwrap();
    });
    let first = deploy(&lab, &["deploy", "web"], "verified", 0);
    assert_eq!(downtime(&first), 0, "nothing ran before");
    lab.push_v4();
    let old = lab.containers("web");
    let gate = Gate::before("build", &lab);
    let mut running = Running::start(&lab, &FIRST);
    running.wait_for("build (server)");
    assert_eq!((lab.containers("web"), lab.serves()), (old, "v3".to_owned()), "the old one serves meanwhile");
    gate.open();
    let (second, code) = ended(&mut running);
    assert_eq!((second["verdict"].as_str(), code), (Some("verified"), 0), "{second:#}");
    assert_eq!(lab.serves(), "v4");
    assert_eq!(state(&second, "check-image"), "done");
    let most = took(&second, "remove") + took(&second, "up") + 1500;
    assert!((1..most).contains(&downtime(&second)), "no longer than these two steps: {second:#}");
    assert_eq!(
        (recorded(&lab)["order"].as_str(), recorded(&lab)["rebuilds"].as_u64()),
        (Some("build-first"), Some(1))
    );

    // The protocol's own order is down while it builds, and the plan says so before.
    lab.edit("frontend/templates/index.html", |page| page.replace("/v4/", "/v5/"));
    lab.commit_and_push("SciChart 5");
    let planned = deploy(&lab, &["deploy", "web", "--dry-run"], "planned", 0);
    let expected = planned["expected_downtime_ms"].as_u64().expect("both deploys were recorded");
    let third = deploy(&lab, &["deploy", "web"], "verified", 0);
    assert!(downtime(&third) >= BUILD && expected >= BUILD, "{expected} {third:#}");

    // What cannot be built leaves everything as it is.
    lab.edit("Dockerfile", |text| text.replace("COPY . .", "COPY . .\nRUN false"));
    lab.commit_and_push("it does not build");
    let before = (lab.containers("web"), lab.ssh("docker image ls -q --no-trunc | sort -u").ok());
    let stopped = deploy(&lab, &FIRST, "stopped", 3);
    assert_eq!((state(&stopped, "build"), state(&stopped, "remove")), ("failed", "planned"));
    assert_eq!(lab.containers("web"), before.0, "the very container");
    assert_eq!((lab.serves().as_str(), downtime(&stopped)), ("v5", 0));
    let reason = stopped["reason"].as_str().unwrap();
    assert!(reason.contains("web") && reason.ends_with("running now"), "{reason}");
    let tagged = format!("docker image inspect --format '{{{{.Id}}}}' {}", tag(&lab));
    let runs = lab.engine.docker(&["inspect", "--format", "{{.Image}}", &before.0[0]]).ok();
    assert_eq!(lab.ssh(&tagged).ok(), runs, "an `up` by hand would start what runs");
}

/// The tag of the service's image.
fn tag(lab: &Lab) -> String {
    let glue = if lab.engine.compose == "docker compose" { '-' } else { '_' };
    format!("{}{glue}web", lab.project())
}

/// A cached fetch that Docker cannot know of: a proxy's name is no part of a step's cache key.
const MOVING: &str = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE} AS fetch
RUN printf '%s\\n' \"$NO_PROXY\" >/fetched
FROM ${BASE_IMAGE}
WORKDIR /app
COPY . .
COPY --from=fetch /fetched /fetched
RUN cp /fetched VERSION
CMD [\"python\", \"app.py\"]
";

/// What a cached step brings back is seen, and it is built again without.
fn with_cache(engine: Engine, builder: Builder) {
    let lab = Lab::seeded(engine, builder, |dev| {
        fs::write(dev.join("Dockerfile"), MOVING).unwrap();
        fs::write(dev.join("VERSION"), "1\n").unwrap();
        let path = dev.join("compose.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let args = "      args:\n        NO_PROXY: ${UPSTREAM:-1}\n";
        assert!(text.contains("      args:\n"), "{text}");
        fs::write(path, text.replacen("      args:\n", args, 1)).unwrap();
    });
    let version = || lab.exec(&["cat", "/app/VERSION"]).ok();
    let moves_to = |n: u32| {
        lab.ssh(&format!("echo UPSTREAM={n} >>.env")).ok();
        lab.edit("VERSION", |_| format!("{n}\n"));
        lab.commit_and_push(&n.to_string());
    };
    let cached = ["deploy", "web", "--cache", "verified"];
    let both = [&FIRST[..], &cached[2..]].concat();
    deploy(&lab, &["deploy", "web"], "verified", 0);

    // A change that the cache has nothing old of: one build, and the way back is not gone.
    lab.push_v4();
    let plain = deploy(&lab, &cached, "verified", 0);
    for id in ["prune-again", "build-again", "remove-again", "up-again", "verify-again"] {
        assert_eq!(state(&plain, id), "skipped", "{plain:#}");
    }
    let said = ["cache", "order", "rebuilds"].map(|field| recorded(&lab)[field].to_string()).join(" ");
    assert_eq!((lab.serves().as_str(), said.as_str()), ("v4", "\"verified\" \"protocol\" 1"));

    moves_to(2);
    let back = deploy(&lab, &cached, "verified", 0);
    assert_eq!(version(), "2");
    assert_eq!((state(&back, "verify"), state(&back, "verify-again")), ("failed", "done"), "{back:#}");
    let said = ["cache", "rebuilds", "verdict"].map(|field| recorded(&lab)[field].to_string()).join(" ");
    assert_eq!(said, "\"verified\" 2 \"verified\"");

    // With the build first it is seen before anything is taken down.
    moves_to(3);
    let old = lab.containers("web");
    let gate = Gate::before("build --no-cache", &lab);
    let mut running = Running::start(&lab, &both);
    running.wait_for("build-again (server)");
    assert_eq!((lab.containers("web"), version()), (old, "2".to_owned()));
    gate.open();
    let (first, code) = ended(&mut running);
    assert_eq!((first["verdict"].as_str(), code), (Some("verified"), 0), "{first:#}");
    assert_eq!((state(&first, "check-image"), state(&first, "check-image-again")), ("failed", "done"));
    assert_eq!(version(), "3");

    // Somebody goes away in the midst of the way back, while nothing runs.
    moves_to(4);
    let mut running = Running::start(&lab, &cached);
    running.wait_for("up-again (server)");
    running.kill();
    let _ = ended(&mut running);
    let resumed = deploy(&lab, &["resume"], "verified", 0);
    assert_eq!((version().as_str(), state(&resumed, "verify-again")), ("4", "done"), "{resumed:#}");

    // An image that nobody runs yet can be looked at by itself.
    moves_to(5);
    lab.ssh("git pull").ok();
    lab.compose("build").ok();
    let image = deploy(&lab, &["verify", "web", "--image"], "stale", 1);
    assert!(image["reason"].as_str().unwrap().starts_with("`/app/VERSION` in image "), "{image:#}");
    lab.compose("build --no-cache").ok();
    deploy(&lab, &["verify", "web", "--image"], "verified", 0);
    assert_eq!(version(), "4", "and nothing was replaced");
}
