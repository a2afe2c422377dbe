//! Deploys to several hosts of one target, each with a checkout and an sshd of its own, over real ssh.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use serde_json::Value;

use crate::support::{Builder, Engine, Lab, OtherHost, Ran, elsewhere, on_real_engines};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");

on_real_engines!(three);

#[track_caller]
fn run(lab: &Lab, args: &[&str], verdict: &str, code: i32) -> Value {
    let ran = Ran::new(lab.in_dev(UNSTALE).args(args).args(["--target", "prod", "--format", "json"]));
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    assert_eq!((document["verdict"].as_str(), ran.code), (Some(verdict), code), "{document:#}");
    document
}

/// Host and verdict of each, and the hosts that were left.
fn told(document: &Value) -> (Vec<String>, Vec<&str>) {
    let each = document["hosts"].as_array().unwrap().iter();
    let each = each.map(|host| {
        format!("{} {}", host["host"].as_str().unwrap(), host["report"]["verdict"].as_str().unwrap())
    });
    let left = document["left"].as_array().unwrap().iter();
    (each.collect(), left.map(|host| host["host"].as_str().unwrap()).collect())
}

/// All are planned first, the first goes alone, the others together, and nothing goes on after a failure.
fn three(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::BuildKit) {
        return;
    }
    let lab = Lab::new(engine, builder);
    let others = [lab.other_host("second"), lab.other_host("third")];
    let host = |other: &OtherHost<'_>, name: &str| format!("{name}:{}", other.folder.display());
    let config = format!(
        "[target.prod]\nhost = [\"testhost\", \"{}\", \"{}\"]\ndir = \"{}\"\n",
        host(&others[0], "second"),
        host(&others[1], "third"),
        lab.server().display()
    );
    fs::write(lab.dev().join("unstale.toml"), config).unwrap();
    lab.commit_and_push("where it goes");
    lab.ssh("git pull").ok();
    lab.deploy_naively().ok();
    for other in &others {
        // The port is the first one's.
        other
            .ssh("sed -i '/ports:/,+1d' compose.yaml && git update-index --assume-unchanged compose.yaml")
            .ok();
        other.ssh("docker compose up -d --build").ok();
    }
    let all = || {
        let mut all = vec![lab.containers("web").join(" ")];
        all.extend(others.iter().map(OtherHost::containers));
        all
    };
    let before = all();
    assert!(before.iter().all(|one| !one.is_empty()), "{before:?}");

    // One that cannot be deployed to stops all of them before anything is changed.
    lab.push_v4();
    others[1].ssh("echo >>app.py").ok();
    let refused = run(&lab, &["deploy", "web"], "refused", 2);
    assert_eq!(told(&refused), (vec!["third refused".to_owned()], vec![]));
    assert_eq!(all(), before);
    others[1].ssh("git checkout -q app.py").ok();
    let planned = run(&lab, &["deploy", "web", "--dry-run"], "planned", 0);
    assert_eq!(told(&planned).0, ["testhost planned", "second planned", "third planned"]);
    assert_eq!(all(), before);

    let done = run(&lab, &["deploy", "web", "--parallel", "2"], "verified", 0);
    assert_eq!(told(&done).0, ["testhost verified", "second verified", "third verified"]);
    assert_eq!(lab.serves(), "v4");
    assert!(all().iter().zip(&before).all(|(now, then)| now != then));
    let (one, code) = {
        let ran = Ran::new(lab.in_dev(UNSTALE).args(["verify", "web", "--target", "prod"]));
        (ran.stdout, ran.code)
    };
    assert_eq!(code, 0, "{one}");
    assert!(one.starts_with("verified: verified on 3 hosts\n\ntesthost:"), "{one}");

    // Their ledgers as one list; a server that does not answer is named, and the others are told.
    let history = |more: &[&str]| {
        let ran = Ran::new(lab.in_dev(UNSTALE).args(["history", "--format", "json", "--target"]).args(more));
        let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        let deploys = document["deploys"].as_array().unwrap();
        let targets =
            deploys.iter().map(|one| one["target"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (targets, document)
    };
    let servers = [
        format!("testhost:{}", lab.server().display()),
        host(&others[0], "second"),
        host(&others[1], "third"),
    ];
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    // Each of them was deployed to once, and what is not here is only on its server.
    fs::write(lab.dev().join(".git/unstale/ledger.ndjson"), "").unwrap();
    assert_eq!(sorted(history(&["prod"]).0), sorted(servers.to_vec()));
    assert_eq!(history(&["prod", "--host", "second"]).0, [servers[1].clone()]);
    let config = fs::read_to_string(lab.dev().join("unstale.toml")).unwrap();
    fs::write(lab.dev().join("unstale.toml"), config.replace("\"testhost\"", "\"nobody@127.0.0.1:1\""))
        .unwrap();
    let (targets, document) = history(&["prod"]);
    assert_eq!(sorted(targets), sorted(servers[1..].to_vec()), "{document:#}");
    assert_eq!(document["not_read"].as_array().unwrap().len(), 1, "{document:#}");
    fs::write(lab.dev().join("unstale.toml"), config).unwrap();

    // What fails on the first is not tried on the others.
    let before = all();
    lab.edit("Dockerfile", |text| text.replace("COPY . .", "COPY . .\nRUN false"));
    lab.commit_and_push("it does not build");
    let stopped = run(&lab, &["deploy", "web", "--order", "build-first"], "stopped", 3);
    assert_eq!(told(&stopped), (vec!["testhost stopped".to_owned()], vec!["second", "third"]));
    assert_eq!(all(), before);

    // One of them by its name.
    let several = run(&lab, &["rollback", "web"], "refused", 2);
    assert_eq!(several["class"], "several-hosts");
    run(&lab, &["verify", "web", "--rev", "HEAD~1", "--host", "second"], "verified", 0);
    let unknown = run(&lab, &["verify", "web", "--host", "fourth"], "refused", 2);
    assert_eq!(unknown["class"], "unknown-target");
}
