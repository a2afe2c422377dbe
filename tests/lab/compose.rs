//! The proofs of the rules about what compose runs: names of images, order of builds, values, health.

use super::harness::{Proof, proofs};
use super::table::Outcome;
use crate::support::Ran;

proofs! {
    "shared-image-tag" => shared_image_tag on corners;
    "base-order" => base_order on corners;
    "stale-cache-from" => stale_cache_from on corners;
    "sibling-image" => sibling_image on engines;
    "baked-env" => baked_env on engines;
    "fixed-container-name" => fixed_container_name on engines;
    "missing-healthcheck" => missing_healthcheck on newest;
    "pull-overrides-build" => pull_overrides_build on newest;
}

const FROM: &str = "ARG BASE_IMAGE=alpine:3.20\nFROM ${BASE_IMAGE}\n";

/// What keeps a container running, and lets it stop at once.
const RUNS: &str = "    command: [sleep, \"600\"]\n    stop_signal: SIGKILL\n";

/// A service that builds a folder from the lab's base image.
fn service(name: &str, folder: &str, more: &str) -> String {
    format!(
        "  {name}:\n    build:\n      context: {folder}\n      args:\n        BASE_IMAGE: ${{BASE_IMAGE}}\n{more}"
    )
}

/// `image:` under a name that goes with the lab.
fn image(name: &str) -> String {
    format!("    image: ${{COMPOSE_PROJECT_NAME}}-{name}\n")
}

fn bring(proof: &Proof, services: &[String], files: &[(&str, &str)]) {
    let compose = format!("services:\n{}", services.concat());
    proof.bring(&[&[("compose.yaml", compose.as_str())], files].concat());
}

#[track_caller]
fn run(proof: &Proof, arguments: &str) -> Ran {
    let ran = proof.compose(arguments, None);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran
}

/// The first character of what the process of a service's container reads.
#[track_caller]
fn reads(proof: &Proof, service: &str, path: &str) -> String {
    let container = proof.lab.containers(service).concat();
    first(&proof.lab.engine.docker(&["exec", &container, "cat", path]).ok())
}

fn first(text: &str) -> String {
    text.chars().take(1).collect()
}

/// Two different builds under one name leave one image; under two names each has its own.
fn shared_image_tag(proof: &Proof) {
    let services =
        |second: &str| [service("web", "web", &image("shop")), service("worker", "worker", &image(second))];
    let dockerfile = format!("{FROM}COPY who /who\n");
    let files = [
        ("web/Dockerfile", dockerfile.as_str()),
        ("web/who", "web @LAB@\n"),
        ("worker/Dockerfile", &dockerfile),
        ("worker/who", "other @LAB@\n"),
    ];
    let shows = |kind: &str| {
        // One after the other, so that it is known which ends last.
        run(proof, "build --quiet web");
        run(proof, "build --quiet worker");
        let own = match first(&proof.holds(&proof.image_of("shop"), "/who")).as_str() {
            "w" => Outcome::Own,
            "o" => Outcome::Another,
            other => panic!("neither has built {other:?}"),
        };
        proof.shows(&format!("{kind}: the image of the first service built"), own);
    };
    bring(proof, &services("shop"), &files);
    shows("bad");
    bring(proof, &services("worker"), &[]);
    shows("good");
    assert_eq!(first(&proof.holds(&proof.image_of("worker"), "/who")), "o");
}

/// The service that is built is deployed, and its sibling stays on the old image, unless the first needs it.
fn sibling_image(proof: &Proof) {
    let services = |needs: &str| {
        let web = format!("{}{RUNS}    depends_on: {needs}\n", image("shop"));
        [service("web", ".", &web), format!("  worker:\n{}{RUNS}", image("shop"))]
    };
    let dockerfile = format!("{FROM}COPY v /v\n");
    bring(proof, &services("[]"), &[("Dockerfile", &dockerfile), ("v", "1 @LAB@\n")]);
    run(proof, "build --quiet web");
    run(proof, "up -d");
    let deploy = |version: &str, up: &str| {
        proof.bring(&[("v", &format!("{version} @LAB@\n"))]);
        run(proof, "build --quiet web");
        run(proof, up);
        assert_eq!(reads(proof, "web", "/v"), version);
        reads(proof, "worker", "/v")
    };
    let worker = deploy("2", "up -d web");
    proof.shows("bad: the worker after up -d web", Outcome::between(&worker, "1", "2"));
    let worker = deploy("3", "up -d");
    proof.shows("good: the worker after up -d", Outcome::between(&worker, "1", "3"));
    bring(proof, &services("[worker]"), &[]);
    let worker = deploy("4", "up -d web");
    let label = "good: the worker after up -d web, depends_on";
    proof.shows(label, Outcome::between(&worker, "3", "4"));
}

/// A service starts from the base image of the last build; built after its base it has the new one.
fn base_order(proof: &Proof) {
    const WEB: &str = "  a-web:\n    build:\n      context: web\n      args:\n        SHOP_BASE: ${COMPOSE_PROJECT_NAME}-base\n";
    let base = format!("{FROM}COPY v /v\n");
    let services = [format!("{WEB}{}", image("a-web")), service("base", "base", &image("base"))];
    let files = [
        ("base/Dockerfile", base.as_str()),
        ("base/v", "1 @LAB@\n"),
        ("web/Dockerfile", "ARG SHOP_BASE=shop-base\nFROM ${SHOP_BASE}\nRUN cp /v /copy\n"),
    ];
    bring(proof, &services, &files);
    let built = || first(&proof.holds(&proof.image_of("a-web"), "/copy"));
    let in_order = || {
        run(proof, "build --quiet base");
        run(proof, "build --quiet a-web");
        built()
    };
    assert_eq!(in_order(), "1");
    proof.bring(&[("base/v", "22 @LAB@\n")]);
    run(proof, "build --quiet --no-cache a-web");
    proof.shows("bad: the service alone, --no-cache", Outcome::between(&built(), "1", "2"));
    proof.shows("good: the base built first", Outcome::between(&in_order(), "1", "2"));
}

/// A stand-in for a bundler writes its environment into a file.
fn baked_env(proof: &Proof) {
    let dockerfile = format!("{FROM}ARG VITE_CDN\nRUN echo \"$VITE_CDN\" > /bundle\n");
    let deploy = |argument: &str, environment: &str| {
        let more =
            format!("        VITE_CDN: {argument}\n{RUNS}    environment:\n      VITE_CDN: {environment}\n");
        bring(proof, &[service("web", ".", &more)], &[("Dockerfile", &dockerfile)]);
        run(proof, "build --quiet");
        run(proof, "up -d");
        reads(proof, "web", "/bundle")
    };
    assert_eq!(deploy("old", "old"), "o");
    let bundle = deploy("old", "new");
    proof.shows("bad: the bundle, new value in environment", Outcome::between(&bundle, "o", "n"));
    let bundle = deploy("new", "new");
    proof.shows("good: the bundle, new build argument", Outcome::between(&bundle, "o", "n"));
}

/// With `cache_from` the old result of a RUN stays, as it does in the local cache; after a bust it is made anew.
fn stale_cache_from(proof: &Proof) {
    let shop = proof.image_of("shop");
    let more = format!(
        "        BUILDKIT_INLINE_CACHE: \"1\"\n        CACHE_BUST: ${{CACHE_BUST:-}}\n      cache_from: [\"{shop}\"]\n{}",
        image("shop")
    );
    let dockerfile =
        |bust: &str| format!("{FROM}{bust}RUN echo @LAB@; cat /proc/sys/kernel/random/uuid > /fetched\n");
    let build = |bust: &str| {
        proof.compose("build --quiet", Some(bust)).ok();
        proof.holds(&shop, "/fetched")
    };
    bring(proof, &[service("web", ".", &more)], &[("Dockerfile", &dockerfile(""))]);
    let outcome = Outcome::of_step(&build("1"), &build("2"));
    proof.shows("bad: a RUN that fetches", outcome);
    proof.bring(&[("Dockerfile", &dockerfile("ARG CACHE_BUST=unset\nRUN echo \"${CACHE_BUST}\"\n"))]);
    let outcome = Outcome::of_step(&build("3"), &build("4"));
    proof.shows("good: a RUN that fetches, below a bust, new value", outcome);
}

/// A container of that name which is not the project's stops the deploy, and goes on running.
fn fixed_container_name(proof: &Proof) {
    let services = |name: &str| [service("web", ".", &format!("{RUNS}{name}"))];
    let named = services("    container_name: ${COMPOSE_PROJECT_NAME}-fixed\n");
    bring(proof, &named, &[("Dockerfile", FROM)]);
    let name = proof.image_of("fixed");
    let docker = |args: &[&str]| proof.lab.engine.docker(args).ok();
    // Of the lab's project, so that it goes with the lab, but of no service.
    let run_old =
        ["run", "--detach", "--name", &name, "--label", &proof.label(), &proof.base, "sleep", "600"];
    let old = docker(&run_old);
    run(proof, "build --quiet");
    let up = || Outcome::of_exit(&proof.compose("up -d", None), "already in use");
    proof.shows("bad: up -d", up());
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &old]), "true", "the old one goes on");
    bring(proof, &services(""), &[]);
    proof.shows("good: up -d", up());
}

/// A server that answers nobody: only a healthcheck tells `up --wait`.
fn missing_healthcheck(proof: &Proof) {
    const HEALTH: &str = "    healthcheck:\n      test: wget -q -O - http://127.0.0.1:8000/\n      interval: 200ms\n      retries: 2\n";
    let up = |health: &str| {
        let services = [service("web", ".", &format!("{RUNS}{health}"))];
        bring(proof, &services, &[("Dockerfile", FROM)]);
        run(proof, "build --quiet");
        let ran = proof.compose("up -d --wait", None);
        // docker-compose 1.29 prints its help, does nothing, and exits with 0.
        if proof.v1() && ran.stderr.contains("Usage: up [options]") {
            return Outcome::Unsupported;
        }
        Outcome::of_exit(&ran, "is unhealthy")
    };
    proof.shows("bad: up -d --wait", up(""));
    proof.shows("good: up -d --wait", up(HEALTH));
}

/// With `always`, `up` asks the registry for the name that `build` has just given, and the name moves to what the
/// registry has; with `build` it does not ask.
fn pull_overrides_build(proof: &Proof) {
    let registry = proof.registry("web");
    registry.publish("v0");
    proof.bring_bad();
    let deployed = || {
        run(proof, "build --quiet");
        run(proof, "up -d");
        let read = proof.lab.exec(&["cat", "/version"]).ok();
        read.split(' ').next().unwrap_or_default().to_owned()
    };
    proof.shows("bad: the container after build, up -d", Outcome::between(&deployed(), "v0", "v1"));
    proof.fix_bad();
    proof.shows("fixed: the container after build, up -d", Outcome::between(&deployed(), "v0", "v1"));
}
