//! The proofs of the rules about what compose runs: names of images, order of builds, volumes, mounts, values.

use super::Proof;
use crate::support::{Builder, Engine, Ran, on_real_engines};

on_real_engines!(corners: shared_image_tag, base_order, stale_cache_from);
on_real_engines!(each engine:
    sibling_image, baked_env, anonymous_volume_carryover, bind_shadows_image, fixed_container_name);
on_real_engines!(e26: missing_healthcheck, pull_overrides_build);

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

fn proof(engine: Engine, builder: Builder, services: &[String], files: &[(&str, &str)]) -> Proof {
    let proof = Proof::new(engine, builder, &[]);
    bring(&proof, services, files);
    proof
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
fn shared_image_tag(engine: Engine, builder: Builder) {
    let services =
        |second: &str| [service("web", "web", &image("shop")), service("worker", "worker", &image(second))];
    let dockerfile = format!("{FROM}COPY who /who\n");
    let proof = proof(
        engine,
        builder,
        &services("shop"),
        &[
            ("web/Dockerfile", &dockerfile),
            ("web/who", "a @LAB@\n"),
            ("worker/Dockerfile", &dockerfile),
            ("worker/who", "b @LAB@\n"),
        ],
    );
    let holds = |name: &str| first(&proof.holds(&proof.image_of(name), "/who"));
    // One after the other, so that it is known which ends last.
    run(&proof, "build --quiet web");
    assert_eq!(holds("shop"), "a");
    run(&proof, "build --quiet worker");
    assert_eq!(holds("shop"), "b", "bad: what was built last is what both run");

    bring(&proof, &services("worker"), &[]);
    proof.compose_build(None);
    assert_eq!([holds("shop"), holds("worker")], ["a", "b"], "good: each has its own");
}

/// The service that is built is deployed, and its sibling stays on the old image, unless the first needs it.
fn sibling_image(engine: Engine, builder: Builder) {
    let services = |needs: &str| {
        let web = format!("{}{RUNS}    depends_on: {needs}\n", image("shop"));
        [service("web", ".", &web), format!("  worker:\n{}{RUNS}", image("shop"))]
    };
    let dockerfile = format!("{FROM}COPY v /v\n");
    let proof = proof(engine, builder, &services("[]"), &[("Dockerfile", &dockerfile), ("v", "1 @LAB@\n")]);
    run(&proof, "build --quiet web");
    run(&proof, "up -d");
    let deploy = |version: &str, up: &str| {
        proof.bring(&[("v", version)]);
        run(&proof, "build --quiet web");
        run(&proof, up);
        ["web", "worker"].map(|service| reads(&proof, service, "/v"))
    };
    assert_eq!(deploy("22 @LAB@\n", "up -d web"), ["2", "1"], "bad: the worker runs the old code");
    assert_eq!(deploy("333 @LAB@\n", "up -d"), ["3", "3"], "good: without names all are brought up");
    bring(&proof, &services("[worker]"), &[]);
    assert_eq!(deploy("4444 @LAB@\n", "up -d web"), ["4", "4"], "good: what it needs is brought up, too");
}

/// A service starts from the base image of the last build; built after its base it has the new one.
fn base_order(engine: Engine, builder: Builder) {
    const WEB: &str = "  a-web:\n    build:\n      context: web\n      args:\n        SHOP_BASE: ${COMPOSE_PROJECT_NAME}-base\n";
    let base = format!("{FROM}COPY v /v\n");
    let services = [format!("{WEB}{}", image("a-web")), service("base", "base", &image("base"))];
    let proof = proof(
        engine,
        builder,
        &services,
        &[
            ("base/Dockerfile", &base),
            ("base/v", "1 @LAB@\n"),
            ("web/Dockerfile", "ARG SHOP_BASE=shop-base\nFROM ${SHOP_BASE}\nRUN cp /v /copy\n"),
        ],
    );
    let built = || first(&proof.holds(&proof.image_of("a-web"), "/copy"));
    let in_order = || {
        run(&proof, "build --quiet base");
        run(&proof, "build --quiet a-web");
        built()
    };
    assert_eq!(in_order(), "1");
    proof.bring(&[("base/v", "22 @LAB@\n")]);
    run(&proof, "build --quiet --no-cache a-web");
    assert_eq!(built(), "1", "bad: nothing makes Compose build the base");
    assert_eq!(in_order(), "2", "good: in order");
}

/// A stand-in for a bundler writes its environment into a file.
fn baked_env(engine: Engine, builder: Builder) {
    let dockerfile = format!("{FROM}ARG VITE_CDN\nRUN echo \"$VITE_CDN\" > /bundle\n");
    let proof = proof(engine, builder, &[], &[("Dockerfile", &dockerfile)]);
    let deploy = |argument: &str, environment: &str| {
        let more =
            format!("        VITE_CDN: {argument}\n{RUNS}    environment:\n      VITE_CDN: {environment}\n");
        bring(&proof, &[service("web", ".", &more)], &[]);
        run(&proof, "build --quiet");
        run(&proof, "up -d");
        reads(&proof, "web", "/bundle")
    };
    assert_eq!(deploy("old", "old"), "o");
    assert_eq!(deploy("old", "new"), "o", "bad: the bundle has the value of the build");
    assert_eq!(deploy("new", "new"), "n", "good: a build argument makes the bundle anew");
}

/// With `cache_from` the old result of a RUN stays, as it does in the local cache; after a bust it is made anew.
fn stale_cache_from(engine: Engine, builder: Builder) {
    let proof = Proof::new(engine, builder, &[]);
    let shop = proof.image_of("shop");
    let more = format!(
        "        BUILDKIT_INLINE_CACHE: \"1\"\n        CACHE_BUST: ${{CACHE_BUST:-}}\n      cache_from: [\"{shop}\"]\n{}",
        image("shop")
    );
    let dockerfile =
        |bust: &str| format!("{FROM}{bust}RUN echo @LAB@; cat /proc/sys/kernel/random/uuid > /fetched\n");
    bring(&proof, &[service("web", ".", &more)], &[("Dockerfile", &dockerfile(""))]);
    let build = |bust: &str| {
        proof.compose("build --quiet", Some(bust)).ok();
        proof.holds(&shop, "/fetched")
    };
    let fetched = build("1");
    assert_eq!(build("2"), fetched, "bad: what was fetched once comes back");
    proof.bring(&[("Dockerfile", &dockerfile("ARG CACHE_BUST=unset\nRUN echo \"${CACHE_BUST}\"\n"))]);
    let fetched = build("3");
    assert_ne!(build("4"), fetched, "good: a bust above it fetches again");
}

/// The volume of the first container goes to the next one, `--force-recreate` or not.
fn anonymous_volume_carryover(engine: Engine, builder: Builder) {
    let services = [service("web", ".", &format!("{RUNS}    volumes:\n      - /app/static\n"))];
    let dockerfile = format!("{FROM}WORKDIR /app\nCOPY static static\n");
    let files = [("Dockerfile", dockerfile.as_str()), ("static/site.css", "1 @LAB@\n")];
    let proof = proof(engine, builder, &services, &files);
    let deploy = |up: &str| {
        run(&proof, "build --quiet");
        run(&proof, up);
        reads(&proof, "web", "/app/static/site.css")
    };
    assert_eq!(deploy("up -d"), "1");
    proof.bring(&[("static/site.css", "22 @LAB@\n")]);
    assert_eq!(deploy("up -d --force-recreate"), "1", "bad: the old volume hides the new file");
    assert_eq!(deploy("up -d --force-recreate -V"), "2", "good: renewed");
    assert_eq!(proof.fix("anonymous-volume-carryover").code, 0);
    proof.bring(&[("static/site.css", "333 @LAB@\n")]);
    assert_eq!(deploy("up -d"), "3", "fixed: nothing hides it");
}

/// The host's folder is what runs.
fn bind_shadows_image(engine: Engine, builder: Builder) {
    let services = |mounts: &str| [service("web", ".", &format!("{RUNS}{mounts}"))];
    let dockerfile = format!("{FROM}COPY src /src\nFROM ${{BASE_IMAGE}}\nCOPY --from=0 /src /srv\n");
    let files = [("Dockerfile", dockerfile.as_str()), ("src/v", "1 @LAB@\n"), ("public/v", "old\n")];
    let proof = proof(engine, builder, &services("    volumes: [\"./public:/srv\"]\n"), &files);
    let deploy = || {
        run(&proof, "build --quiet");
        run(&proof, "up -d");
        reads(&proof, "web", "/srv/v")
    };
    assert_eq!(deploy(), "o");
    proof.bring(&[("src/v", "22 @LAB@\n")]);
    assert_eq!(deploy(), "o", "bad: the host's folder hides the image's");
    bring(&proof, &services(""), &[]);
    assert_eq!(deploy(), "2", "good: without the mount the image's file is read");
}

/// A container of that name which is not the project's stops the deploy, and goes on running.
fn fixed_container_name(engine: Engine, builder: Builder) {
    let services = |name: &str| [service("web", ".", &format!("{RUNS}{name}"))];
    let named = services("    container_name: ${COMPOSE_PROJECT_NAME}-fixed\n");
    let proof = proof(engine, builder, &named, &[("Dockerfile", FROM)]);
    let name = proof.image_of("fixed");
    // Of the lab's project, so that it goes with the lab, but of no service.
    let label = format!("com.docker.compose.project={}", proof.lab.project());
    let docker = |args: &[&str]| proof.lab.engine.docker(args).ok();
    let old = docker(&["run", "--detach", "--name", &name, "--label", &label, &proof.base, "sleep", "600"]);
    run(&proof, "build --quiet");
    let ran = proof.compose("up -d", None);
    assert!(ran.code != 0 && ran.stderr.contains("already in use"), "bad: {ran:?}");
    assert_eq!(
        docker(&["inspect", "--format", "{{.State.Running}}", &old]),
        "true",
        "bad: the old one goes on"
    );
    bring(&proof, &services(""), &[]);
    run(&proof, "up -d");
}

/// A server that answers nobody: only a healthcheck tells `up --wait`.
fn missing_healthcheck(engine: Engine, builder: Builder) {
    const HEALTH: &str = "    healthcheck:\n      test: wget -q -O - http://127.0.0.1:8000/\n      interval: 200ms\n      retries: 2\n";
    let services = |health: &str| [service("web", ".", &format!("{RUNS}{health}"))];
    let proof = proof(engine, builder, &services(""), &[("Dockerfile", FROM)]);
    run(&proof, "build --quiet");
    run(&proof, "up -d --wait");
    bring(&proof, &services(HEALTH), &[]);
    let ran = proof.compose("up -d --wait", None);
    assert!(ran.code != 0 && ran.stderr.contains("is unhealthy"), "good: {ran:?}");
}

/// With `always`, `up` asks the registry for the name that `build` has just given; with `build` it does not ask.
fn pull_overrides_build(engine: Engine, builder: Builder) {
    let more =
        format!("    image: 127.0.0.1:9/${{COMPOSE_PROJECT_NAME}}-web:1\n    pull_policy: always\n{RUNS}");
    let proof = proof(engine, builder, &[service("web", ".", &more)], &[("Dockerfile", FROM)]);
    run(&proof, "build --quiet");
    let asked = |ran: &Ran| format!("{}{}", ran.stdout, ran.stderr).contains("connection refused");
    let ran = proof.compose("up -d", None);
    assert!(asked(&ran), "bad: the registry is asked: {ran:?}");
    run(&proof, "down");
    assert_eq!(proof.fix("pull-overrides-build").code, 0);
    let ran = run(&proof, "up -d");
    assert!(!asked(&ran), "fixed: nobody is asked: {ran:?}");
    run(&proof, "down");
    let image = format!("127.0.0.1:9/{}-web:1", proof.lab.project());
    proof.lab.engine.docker(&["image", "rm", &image]).ok();
}
