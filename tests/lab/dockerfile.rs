//! The proofs of the rules for one Dockerfile: indexes, images, cache mounts, volumes, here-documents.

use std::fs;
use std::time::{Duration, SystemTime};

use super::{Proof, write};
use crate::support::{Builder, Engine, on_real_engines};

on_real_engines!(corners:
    split_apt_update,
    moving_base,
    stale_cache_mount,
    dummy_build,
    volume_over_code,
    discarded_write,
);
on_real_engines!(lost_heredoc);

/// A project with one Dockerfile whose last stages start from the lab's image.
fn proof(engine: Engine, builder: Builder, dockerfile: &str) -> Proof {
    let proof = Proof::new(engine, builder, &[]);
    bring(&proof, dockerfile, &[]);
    proof
}

fn bring(proof: &Proof, dockerfile: &str, others: &[(&str, &str)]) {
    let dockerfile = format!("ARG BASE_IMAGE=alpine:3.20\n{dockerfile}");
    proof.bring(&[&[("Dockerfile", dockerfile.as_str())], others].concat());
}

/// The index moves on, and a package is added to the install: it comes from the index of before, and in the form that
/// `--fix` writes from the new one.
fn split_apt_update(engine: Engine, builder: Builder) {
    const APT: &str = "\
#!/bin/sh
mkdir -p /index /installed
case $1 in
update) wget -q -O /index/all @URL@/index ;;
install)
    shift 2
    for name; do grep \"^$name \" /index/all >\"/installed/$name\" || exit 100; done
    ;;
esac
";
    let proof = Proof::new(engine, builder, &[]);
    let dockerfile = "FROM ${BASE_IMAGE} AS system\nCOPY apt-get /bin/\nRUN chmod +x /bin/apt-get\n\n\
                      FROM system\nRUN apt-get update\nRUN apt-get install -y curl\n";
    let index = |version: &str| {
        let lines = ["curl", "git", "jq"].map(|name| format!("{name} {version}\n"));
        write(&proof.outside(""), "index", &lines.concat());
    };
    let apt = APT.replace("@URL@", &proof.serve());
    bring(&proof, dockerfile, &[("apt-get", &apt)]);
    index("1");
    assert_eq!(proof.holds(&proof.build(".", &[]), "/installed/curl"), "curl 1");
    index("2");
    bring(&proof, &dockerfile.replace("curl\n", "curl git\n"), &[]);
    assert_eq!(
        proof.holds(&proof.build(".", &[]), "/installed/git"),
        "git 1",
        "bad: the index is the old one"
    );

    assert_eq!(proof.fix("split-apt-update").code, 0);
    assert_eq!(proof.holds(&proof.build(".", &[]), "/installed/git"), "git 2");
    index("3");
    proof.lab.edit("Dockerfile", |text| text.replace("curl git", "curl git jq"));
    proof.pull();
    assert_eq!(
        proof.holds(&proof.build(".", &[]), "/installed/jq"),
        "jq 3",
        "fixed: the index is as new as the RUN"
    );
}

/// Only a pull asks the registry: a build takes the image that is there, also with `--no-cache`, for FROM and for
/// `COPY --from`; with `--pull`, or with the `pull: true` that `--fix` writes, it asks (and there is none).
fn moving_base(engine: Engine, builder: Builder) {
    let proof = proof(engine, builder, "FROM ${BASE_IMAGE}\nRUN echo @LAB@ >/base\n");
    let name = format!("registry.invalid/{}/base", proof.lab.project());
    let image = proof.build(".", &[]);
    proof.lab.engine.docker(&["tag", &image, &name]).ok();
    let dockerfile = format!("FROM {name}\nCOPY --from={name} /base /copied\nCOPY new /\n");
    let compose = "services:\n  web:\n    image: ${COMPOSE_PROJECT_NAME}-web\n    build: .\n";
    proof.bring(&[("Dockerfile", &dockerfile), ("compose.yaml", compose), ("new", "1")]);
    let build = |option: &str| {
        let mut docker = proof.lab.in_server("docker");
        crate::support::Ran::new(docker.args(["build", "--quiet", option, "."]))
    };
    for option in ["--force-rm", "--no-cache"] {
        let image = build(option).ok();
        assert_eq!(proof.holds(&image, "/copied"), proof.lab.project(), "bad: {option} takes what is there");
    }
    let asks = |ran: &crate::support::Ran| ran.code != 0 && ran.stderr.contains("registry.invalid");
    let pulled = build("--pull");
    assert!(asks(&pulled), "only `--pull` asks: {pulled:?}");
    proof.compose_build(None);

    assert_eq!(proof.fix("moving-base").code, 0);
    let by_compose = proof.compose("build", None);
    if proof.lab.engine.compose == "docker-compose" {
        let refused = "unsupported option: 'pull'";
        assert!(by_compose.stderr.contains(refused), "1.29 does not know it: {by_compose:?}");
    } else {
        assert!(asks(&by_compose), "fixed: compose asks: {by_compose:?}");
    }
}

/// A build that reuses what it finds in its output folder ships the old output, where that is a cache mount.
fn stale_cache_mount(engine: Engine, builder: Builder) {
    const BAD: &str = "FROM ${BASE_IMAGE}\nWORKDIR /app\nCOPY in ./\n\
        RUN --mount=type=cache,id=@LAB@,target=/app/dist { test -f dist/out || cp in dist/out; } && cp -r dist /srv\n";
    let proof = proof(engine, builder, BAD);
    proof.bring(&[("in", "v1")]);
    if builder == Builder::Classic {
        let refused = proof.try_build(".", &[]);
        assert!(refused.stderr.contains("requires BuildKit"), "{refused:?}");
        return;
    }
    let shipped = || proof.holds(&proof.build(".", &[]), "/srv/out");
    assert_eq!(shipped(), "v1");
    proof.bring(&[("in", "v2")]);
    assert_eq!(shipped(), "v1", "bad: the output of the first build");
    bring(&proof, &BAD.replace("--mount=type=cache,id=@LAB@,target=/app/dist ", "mkdir dist && "), &[]);
    assert_eq!(shipped(), "v2", "good: the image's own folder starts empty");
}

/// COPY keeps the time of a file, so what an earlier RUN wrote is newer than every source; a touch makes it older.
fn dummy_build(engine: Engine, builder: Builder) {
    let proof = proof(
        engine,
        builder,
        "FROM ${BASE_IMAGE}\nRUN echo @LAB@ >/stub\nCOPY main.rs /\nRUN test /main.rs -nt /stub; echo $? >/bad\n\
         RUN sleep 1 && touch /main.rs; test /main.rs -nt /stub; echo $? >/good\n",
    );
    proof.bring(&[("main.rs", "fn main() {}")]);
    let file =
        fs::File::options().write(true).open(proof.lab.server().join("main.rs")).expect("git wrote it");
    let before = SystemTime::now() - Duration::from_mins(1);
    file.set_modified(before).expect("our own file's time can be set");
    let image = proof.build(".", &[]);
    assert_eq!(proof.holds(&image, "/bad"), "1", "bad: what was built before the sources came is newer");
    assert_eq!(proof.holds(&image, "/good"), "0", "good: the touched source is");
}

/// The recreated container gets the old one's volume: a new image, built without a cache, runs on the old files.
fn volume_over_code(engine: Engine, builder: Builder) {
    const COMPOSE: &str = "\
services:
  web:
    image: ${COMPOSE_PROJECT_NAME}-web
    stop_signal: SIGKILL
    build:
      context: .
      args:
        BASE_IMAGE: ${BASE_IMAGE}
";
    let proof = proof(
        engine,
        builder,
        "FROM ${BASE_IMAGE}\nWORKDIR /srv/app\nCOPY . .\nVOLUME /srv/app\nCMD [\"httpd\", \"-f\"]\n",
    );
    proof.bring(&[("compose.yaml", COMPOSE), ("version.py", "v1")]);
    let deployed = |up: &str| {
        proof.compose("build --no-cache --quiet", None).ok();
        proof.compose(up, None).ok();
        proof.lab.exec(&["cat", "/srv/app/version.py"]).ok()
    };
    let recreate = "up -d --force-recreate";
    assert_eq!(deployed(recreate), "v1");
    proof.bring(&[("version.py", "v2")]);
    // docker-compose 1.29 asks the image for its volumes in a field that BuildKit leaves empty.
    let blind = proof.lab.engine.compose == "docker-compose" && builder == Builder::BuildKit;
    assert_eq!(deployed(recreate), if blind { "v2" } else { "v1" }, "bad: the volume of the old container");
    assert_eq!(proof.holds(&proof.image_of("web"), "/srv/app/version.py"), "v2", "and the image is new");

    assert_eq!(proof.fix("volume-over-code").code, 0);
    // The old container still has the volume.
    assert_eq!(deployed("up -d --force-recreate -V"), "v2");
    proof.bring(&[("version.py", "v3")]);
    assert_eq!(deployed(recreate), "v3", "fixed: what the image holds");
}

/// The classic builder throws away what RUN writes below a VOLUME; above it, both builders keep it.
fn discarded_write(engine: Engine, builder: Builder) {
    let proof = proof(
        engine,
        builder,
        "FROM ${BASE_IMAGE}\nRUN mkdir /data && echo @LAB@ v1 >/data/version\nVOLUME /data\nRUN echo @LAB@ v2 >/data/version\n",
    );
    let held = || {
        let version = proof.holds(&proof.build(".", &[]), "/data/version");
        version.rsplit(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        held(),
        if builder == Builder::Classic { "v1" } else { "v2" },
        "bad: it depends on the builder"
    );
    assert_eq!(proof.fix("discarded-write").code, 0);
    assert_eq!(held(), "v2", "fixed: it is kept");
}

/// The classic builder of engine 26.1 reports success and has done nothing; 20.10 refuses the file.
fn lost_heredoc(engine: Engine, builder: Builder) {
    let proof = proof(
        engine,
        builder,
        "FROM ${BASE_IMAGE}\nRUN echo @LAB@ old >/version\nRUN <<EOF\nset -e\necho @LAB@ new >/version\nEOF\n",
    );
    let built = proof.try_build(".", &[]);
    if proof.lab.engine.name == "e20" {
        assert!(built.code != 0 && built.stderr.contains("unknown instruction"), "{built:?}");
        return;
    }
    let version = proof.holds(&built.ok(), "/version");
    assert!(version.ends_with(if builder == Builder::Classic { "old" } else { "new" }), "{version}");
}
