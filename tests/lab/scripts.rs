//! The proofs of the rules about deploy scripts: the scripts are really run, by `sh` on the lab's server.

use std::fs;

use super::Proof;
use crate::support::{Builder, Engine, Ran, on_real_engines};

on_real_engines!(corners:
    restart_after_build,
    up_without_build,
    unguarded_step,
    kept_container,
    no_cache_alone,
    pruned_nothing
);

const DOCKERFILE: &str = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /app/frontend/templates
COPY page ./
CMD [\"python\"]
";

const COMPOSE: &str = "\
services:
  web:
    build:
      context: .
      args:
        BASE_IMAGE: ${BASE_IMAGE}
    stop_signal: SIGKILL
";

/// A shop of one page, `page/index.html`, deployed once.
struct Shop(Proof);

impl Shop {
    fn new(engine: Engine, builder: Builder, script: &str, more: &str) -> Self {
        let script = script.replace("docker compose", &engine.compose);
        let compose = format!("{COMPOSE}{more}");
        let proof = Proof::new(
            engine,
            builder,
            &[
                ("Dockerfile", DOCKERFILE),
                ("compose.yaml", &compose),
                ("page/index.html", "@LAB@ v1\n"),
                ("deploy.sh", &script),
            ],
        );
        proof.compose_build(None);
        proof.compose("up -d", None).ok();
        let shop = Self(proof);
        assert_eq!(shop.serves(), "v1");
        shop
    }

    /// Pushes a page; the server has not pulled it yet.
    fn push(&self, version: &str) {
        let text = format!("{} {version}\n", self.0.lab.project());
        super::write(&self.0.lab.dev(), "page/index.html", &text);
        self.0.lab.commit_and_push(version);
    }

    /// Runs the script on the server.
    fn deploy(&self) -> Ran {
        Ran::new(self.0.lab.in_server("sh").arg("deploy.sh"))
    }

    /// Lets unstale fix the script, commits that and pulls it.
    fn fix(&self, rule: &str) {
        self.0.fix(rule);
    }

    #[track_caller]
    fn serves(&self) -> String {
        self.0.lab.page().trim_end().rsplit(' ').next().unwrap_or_default().to_owned()
    }
}

fn restart_after_build(engine: Engine, builder: Builder) {
    let shop = Shop::new(
        engine,
        builder,
        "set -e\ngit pull -q\ndocker compose build\ndocker compose restart web\n",
        "",
    );
    shop.push("v2");
    shop.deploy().ok();
    assert_eq!(shop.serves(), "v1", "bad: the container is of the old image");
    shop.fix("restart-after-build");
    shop.push("v3");
    shop.deploy().ok();
    assert_eq!(shop.serves(), "v3");
}

fn up_without_build(engine: Engine, builder: Builder) {
    let shop = Shop::new(engine, builder, "set -e\ngit pull -q\ndocker compose up -d\n", "");
    shop.push("v2");
    shop.deploy().ok();
    assert_eq!(shop.serves(), "v1", "bad: there is an image");
    shop.fix("up-without-build");
    shop.push("v3");
    shop.deploy().ok();
    assert_eq!(shop.serves(), "v3");
}

/// The checkout has a change of its own, so that the pull fails. A second script shows the list that `set -e` does not
/// count for.
fn unguarded_step(engine: Engine, builder: Builder) {
    let script = "git pull -q\ndocker compose build\ndocker compose up -d\n";
    let shop = Shop::new(engine, builder, script, "");
    let spoil = || {
        let page = shop.0.lab.server().join("page/index.html");
        let old = fs::read_to_string(&page).expect("the page is there");
        fs::write(page, old.replace(" v1", " local")).expect("the lab's folder can be written");
    };
    shop.push("v2");
    spoil();
    let ran = shop.deploy();
    assert_eq!(ran.code, 0, "bad: the script reports success: {ran:?}");
    assert_eq!(shop.serves(), "local", "and starts what the pull did not bring");
    let list = "set -e\ngit pull -q && true\necho went on\n";
    let ran = Ran::new(shop.0.lab.in_server("sh").args(["-c", list]));
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, "went on"), "`set -e` does not count before `&&`");

    Ran::new(shop.0.lab.in_server("git").args(["checkout", "--quiet", "."])).ok();
    shop.fix("unguarded-step");
    shop.deploy().ok();
    assert_eq!(shop.serves(), "v2");
    shop.push("v3");
    let page = shop.0.lab.server().join("page/index.html");
    fs::write(page, "local\n").expect("the lab's folder can be written");
    let ran = shop.deploy();
    assert_ne!(ran.code, 0, "fixed: the failure is seen");
    assert_eq!(shop.serves(), "v2", "and nothing is built or started");
}

fn kept_container(engine: Engine, builder: Builder) {
    let script = "set -e\ngit pull -q\ndocker compose build\ndocker compose up -d\n";
    let shop = Shop::new(engine, builder, script, "    volumes:\n      - /app/frontend/templates\n");
    shop.push("v2");
    shop.deploy().ok();
    assert_eq!(shop.serves(), "v1", "bad: the volume of the old container hides the new page");
    shop.fix("kept-container");
    shop.push("v3");
    shop.deploy().ok();
    assert_eq!(shop.serves(), "v3");
}

/// The page keeps its size, and its time is set back after each pull, as `rsync -t` and git-restore-mtime do.
fn no_cache_alone(engine: Engine, builder: Builder) {
    let script = "set -e\ngit pull -q\ntouch -d @1700000000 page/index.html\n\
                  docker build --no-cache -q --build-arg BASE_IMAGE=$BASE -t $TAG .\n\
                  docker rm -f $NAME\n\
                  docker run -d --name $NAME --label $LABEL --stop-signal KILL $TAG\n";
    let shop = Shop::new(engine, builder, script, "");
    let lab = &shop.0.lab;
    let deploy = || {
        let mut shell = lab.in_server("sh");
        shell.arg("deploy.sh").env("BASE", &shop.0.base).env("TAG", format!("{}-shop", lab.project()));
        shell.env("NAME", format!("{}-shop", lab.project()));
        Ran::new(shell.env("LABEL", format!("com.docker.compose.project={}", lab.project()))).ok();
    };
    let holds = || shop.0.holds(&format!("{}-shop", lab.project()), "/app/frontend/templates/index.html");
    let version = |text: String| text.rsplit(' ').next().unwrap_or_default().to_owned();
    deploy();
    assert_eq!(version(holds()), "v1");
    shop.push("v2");
    deploy();
    let expected = if builder == Builder::Classic { "v2" } else { "v1" };
    assert_eq!(version(holds()), expected, "bad: BuildKit builds the bytes that it kept");
    shop.fix("no-cache-alone");
    shop.push("v3");
    deploy();
    assert_eq!(version(holds()), "v3");
}

/// The classic builder's cache is its images: with them goes the cached step. BuildKit's cache is elsewhere, which is
/// what `builder prune` empties. (The whole cache of an engine that others use is not pruned for a proof.)
fn pruned_nothing(engine: Engine, builder: Builder) {
    let dockerfile = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
RUN cat /proc/sys/kernel/random/uuid >/built # @LAB@
";
    let proof = Proof::new(engine, builder, &[("Dockerfile", dockerfile)]);
    let build = || {
        let image = proof.build(".", &[]);
        (proof.holds(&image, "/built"), image)
    };
    let (first, image) = build();
    let prune = ["builder", "prune", "--force", "--filter", "type=source.local"];
    Ran::new(proof.lab.in_server("docker").args(prune)).ok();
    assert_eq!(build().0, first, "the step is cached");
    let label = format!("label=com.docker.compose.project={}", proof.lab.project());
    let made = proof.lab.engine.docker(&["ps", "--all", "--quiet", "--filter", &label]).ok();
    for container in made.lines() {
        proof.lab.engine.docker(&["rm", "--force", container]).ok();
    }
    proof.lab.engine.docker(&["image", "rm", "--force", &image]).ok();
    let (second, _) = build();
    assert_eq!(second == first, builder == Builder::BuildKit, "{builder:?}");
}
