//! The proofs of the rules for one Dockerfile: indexes, images, cache mounts, volumes, here-documents.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;
use std::time::{Duration, SystemTime};

use super::harness::{Proof, proofs, write};
use super::table::Outcome;
use crate::support::Ran;

proofs! {
    "split-apt-update" => split_apt_update on corners;
    "moving-base", "moving-copy-from" => moving_base on corners;
    "stale-cache-mount" => stale_cache_mount on corners;
    "dummy-build" => dummy_build on corners;
    "discarded-write" => discarded_write on corners;
    "lost-heredoc" => lost_heredoc on every;
}

fn bring(proof: &Proof, dockerfile: &str, others: &[(&str, &str)]) {
    let dockerfile = format!("ARG BASE_IMAGE=alpine:3.20\n{dockerfile}");
    proof.bring(&[&[("Dockerfile", dockerfile.as_str())], others].concat());
}

/// The index moves on, and a package is added to the install: it comes from the index of before, and in the form that
/// `--fix` writes from the new one.
fn split_apt_update(proof: &Proof) {
    proof.serve();
    proof.bring_bad();
    let index = |version: &str| {
        let lines = ["curl", "git", "jq"].map(|name| format!("{name} {version}\n"));
        write(&proof.outside(""), "index", &lines.concat());
    };
    // The version of a package that is added to the install.
    let added = |name: &str| {
        proof.lab.edit("Dockerfile", |text| text.replace(" curl", &format!(" curl {name}")));
        proof.pull();
        let installed = proof.holds(&proof.build(".", &[]), &format!("/installed/{name}"));
        installed.split(' ').next_back().unwrap_or_default().to_owned()
    };
    index("1");
    assert_eq!(proof.holds(&proof.build(".", &[]), "/installed/curl"), "curl 1");
    index("2");
    let version = added("git");
    proof.shows("bad: the index of an added package", Outcome::between(&version, "1", "2"));

    proof.fix_bad();
    assert_eq!(proof.holds(&proof.build(".", &[]), "/installed/curl"), "curl 2");
    index("3");
    let version = added("jq");
    proof.shows("fixed: the index of an added package", Outcome::between(&version, "2", "3"));
}

/// A build takes the image that the machine has, also with `--no-cache`, for FROM and for `COPY --from`; with `--pull`,
/// or with the `pull: true` that `--fix` writes, it asks the registry. `BuildKit` asks for every image that only it has
/// fetched: such an image is not one of the machine's.
fn moving_base(proof: &Proof) {
    const NAME: &str = "127.0.0.1:5999/lab/base";
    let registry = proof.registry("base");
    let build = |option: &str| {
        let mut docker = proof.lab.in_server("docker");
        // An option that changes nothing stands for none.
        let option = if option.is_empty() { "--force-rm" } else { option };
        Ran::new(docker.args(["build", "--quiet", option, "."])).ok()
    };
    let shows = |label: &str, image: &str, old: &str, new: &str| {
        for (rule, path) in [("moving-base", "/version"), ("moving-copy-from", "/copied")] {
            proof.shows_of(rule, label, Outcome::between(&proof.holds(image, path), old, new));
        }
    };
    proof.bring_bad();
    registry.publish("v1");
    assert_eq!(proof.holds(&build(""), "/version"), "v1");
    registry.publish("v2");
    let fetched_by_builds = build("");
    // As `docker run`, compose and the classic builder do it, too.
    registry.publish("v3");
    proof.lab.engine.docker(&["pull", "--quiet", NAME]).ok();
    assert_eq!(proof.holds(&build(""), "/version"), "v3");
    registry.publish("v4");
    shows("bad: docker build", &build(""), "v3", "v4");
    shows("bad: docker build --no-cache", &build("--no-cache"), "v3", "v4");
    shows("bad: docker build, never pulled otherwise", &fetched_by_builds, "v1", "v2");
    shows("good: docker build --pull", &build("--pull"), "v3", "v4");

    proof.lab.engine.docker(&["pull", "--quiet", NAME]).ok();
    registry.publish("v5");
    let by_compose = || Outcome::between(&proof.holds(&proof.image_of("web"), "/version"), "v4", "v5");
    proof.compose_build(None);
    proof.shows("bad: compose build", by_compose());
    proof.fix_bad();
    let ran = proof.compose("build --quiet", None);
    let outcome = if ran.stderr.contains("unsupported option: 'pull'") {
        Outcome::Unsupported
    } else {
        assert_eq!(ran.code, 0, "{ran:?}");
        by_compose()
    };
    proof.shows("fixed: compose build", outcome);
}

/// A build that reuses what it finds in its output folder ships the old output, where that is a cache mount.
fn stale_cache_mount(proof: &Proof) {
    const BAD: &str = "FROM ${BASE_IMAGE}\nWORKDIR /app\nCOPY in ./\n\
        RUN --mount=type=cache,id=@LAB@,target=/app/dist { test -f dist/out || cp in dist/out; } && cp -r dist /srv\n";
    let good = BAD.replace("--mount=type=cache,id=@LAB@,target=/app/dist ", "mkdir dist && ");
    let shipped = |dockerfile: &str, version: &str| {
        bring(proof, dockerfile, &[("in", version)]);
        let built = proof.try_build(".", &[]);
        if built.stderr.contains("requires BuildKit") {
            return None;
        }
        Some(proof.holds(&built.ok(), "/srv/out"))
    };
    let outcome =
        |got: Option<String>| got.map_or(Outcome::Unsupported, |got| Outcome::between(&got, "v1", "v2"));
    assert!(shipped(BAD, "v1").is_none_or(|got| got == "v1"));
    proof.shows("bad: the output in the image", outcome(shipped(BAD, "v2")));
    assert_eq!(shipped(&good, "v1").as_deref(), Some("v1"));
    proof.shows("good: the output in the image", outcome(shipped(&good, "v2")));
}

/// COPY keeps the time of a file, so what an earlier RUN built is newer than every source; a touch makes it older.
fn dummy_build(proof: &Proof) {
    // As cargo does it: a source that is older than the output is built already.
    const CARGO: &str = "#!/bin/sh\n[ /main.rs -nt /out ] || [ ! -e /out ] || exit 0\ncp /main.rs /out\n";
    let dockerfile = |first: &str| {
        format!(
            "FROM ${{BASE_IMAGE}}\nCOPY cargo /bin/cargo\nRUN chmod +x /bin/cargo\n\
             RUN echo stub @LAB@ >/main.rs && cargo build\nCOPY main.rs /\nRUN {first}cargo build\n"
        )
    };
    let held = |text: &str, sources: &[(&str, &str)]| {
        bring(proof, text, sources);
        let file = fs::File::options().write(true).open(proof.lab.server().join("main.rs"));
        let before = SystemTime::now() - Duration::from_mins(1);
        file.and_then(|file| file.set_modified(before)).expect("our own file's time can be set");
        let output = proof.holds(&proof.build(".", &[]), "/out");
        Outcome::between(output.split(' ').next().unwrap_or_default(), "stub", "real")
    };
    let sources = [("cargo", CARGO), ("main.rs", "real @LAB@\n")];
    proof.shows("bad: the output of the second build", held(&dockerfile(""), &sources));
    proof.shows(
        "good: the output of the second build, after touch",
        held(&dockerfile("sleep 1 && touch /main.rs && "), &[]),
    );
}

/// The classic builder throws away what RUN writes below a VOLUME; above it, both builders keep it.
fn discarded_write(proof: &Proof) {
    proof.bring_bad();
    let held = || {
        let version = proof.holds(&proof.build(".", &[]), "/data/version");
        Outcome::between(version.split(' ').next().unwrap_or_default(), "v1", "v2")
    };
    proof.shows("bad: what the image holds", held());
    proof.fix_bad();
    proof.shows("fixed: what the image holds", held());
}

/// The classic builder of engine 26.1 reports success and has done nothing; 20.10 refuses the file.
fn lost_heredoc(proof: &Proof) {
    let held = |run: &str| {
        bring(proof, &format!("FROM ${{BASE_IMAGE}}\nRUN echo old @LAB@ >/version\nRUN {run}\n"), &[]);
        let built = proof.try_build(".", &[]);
        if built.stderr.contains("unknown instruction") {
            return Outcome::Fails;
        }
        let version = proof.holds(&built.ok(), "/version");
        Outcome::between(version.split(' ').next().unwrap_or_default(), "old", "new")
    };
    proof.shows("bad: what the image holds", held("<<EOF\nset -e\necho new @LAB@ >/version\nEOF"));
    proof.shows("good: what the image holds", held("set -e && \\\n    echo new @LAB@ >/version"));
}
