//! The proof of the rule about swarms: the test's own engine becomes one, and leaves it again.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs and wait for them")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::harness::{Proof, proofs};
use super::table::Outcome;
use crate::support::{Engine, Ran};

proofs! {
    "swarm-same-tag" => swarm_same_tag on corners;
}

/// How long an update may take to start its container; without one, the service has not been updated.
const UPDATE: Duration = Duration::from_secs(5);

/// One container on the host's network: a swarm of one node needs no other.
const STACK: &str = "\
version: \"3.8\"
services:
  web:
    image: @LAB@-shop:@TAG@
    command: [sleep, \"600\"]
    stop_signal: SIGKILL
    labels:
      com.docker.compose.project: @LAB@
      com.docker.compose.service: web
    networks: [host]
    deploy:
      update_config:
        order: start-first
networks:
  host:
    external: true
";

/// An engine that is a swarm until this is dropped.
struct Swarm<'a>(&'a Engine);

impl<'a> Swarm<'a> {
    fn new(engine: &'a Engine) -> Self {
        let swarm = Self(engine);
        // A test that was killed may have left one.
        swarm.leave();
        let address = ["--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377"];
        engine.docker(&[&["swarm", "init"][..], &address].concat()).ok();
        swarm
    }

    fn leave(&self) {
        self.0.docker(&["swarm", "leave", "--force"]);
        self.0.docker(&["network", "rm", "docker_gwbridge"]);
    }
}

impl Drop for Swarm<'_> {
    fn drop(&mut self) {
        // The lab removes the containers: they have its label.
        self.leave();
    }
}

/// `stack deploy` compares texts: under the same tag it starts nothing, whatever was built since.
fn swarm_same_tag(proof: &Proof) {
    let _swarm = Swarm::new(&proof.lab.engine);
    let docker = |args: &[&str]| Ran::new(proof.lab.in_server("docker").args(args)).ok();
    let image = |tag: &str| format!("{}-shop:{tag}", proof.lab.project());
    let runs = || {
        let containers = proof.lab.containers("web");
        let read = containers.first().map(|id| proof.lab.engine.docker(&["exec", id, "cat", "/v"]));
        let read = read.filter(|read| containers.len() == 1 && read.code == 0);
        read.map(|read| read.ok().split(' ').next().unwrap_or_default().to_owned())
    };
    let deploy = |version: &str, tag: &str| {
        let dockerfile = "ARG BASE_IMAGE=alpine:3.20\nFROM ${BASE_IMAGE}\nCOPY v /v\n";
        proof.bring(&[
            ("Dockerfile", dockerfile),
            ("v", &format!("{version} @LAB@\n")),
            ("stack.yaml", &STACK.replace("@TAG@", tag)),
        ]);
        docker(&["tag", &proof.build(".", &[]), &image(tag)]);
        let stack = ["stack", "deploy", "--compose-file", "stack.yaml", proof.lab.project()];
        let start = Instant::now();
        loop {
            let ran = Ran::new(proof.lab.in_server("docker").args(stack));
            // The update of before may still write its end.
            if !ran.stderr.contains("update out of sequence") || start.elapsed() > UPDATE {
                break drop(ran.ok());
            }
            sleep(Duration::from_millis(200));
        }
    };
    let settles_at = |version: &str| {
        let start = Instant::now();
        while runs().as_deref() != Some(version) && start.elapsed() < UPDATE {
            sleep(Duration::from_millis(100));
        }
        runs().expect("one container runs")
    };
    deploy("v1", "latest");
    assert_eq!(settles_at("v1"), "v1");
    deploy("v2", "latest");
    proof.shows("bad: the service after stack deploy", Outcome::between(&settles_at("v2"), "v1", "v2"));
    deploy("v3", "3");
    proof.shows(
        "good: the service after stack deploy, a new tag",
        Outcome::between(&settles_at("v3"), "v1", "v3"),
    );
    deploy("v4", "3");
    let service = format!("{}_web", proof.lab.project());
    docker(&["service", "update", "--force", "--quiet", &service]);
    let label = "good: the service after service update --force";
    proof.shows(label, Outcome::between(&settles_at("v4"), "v3", "v4"));
}
