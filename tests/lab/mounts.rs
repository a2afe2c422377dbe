//! The proofs of the rules about what is mounted over the image's files.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs and wait for them")]

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use super::harness::{Proof, proofs};
use super::table::Outcome;
use crate::support::Ran;

proofs! {
    "volume-shadows-image" => volume_shadows_image on corners;
    "anonymous-volume-carryover" => anonymous_volume_carryover on engines;
    "volume-over-code" => volume_over_code on corners;
    "bind-shadows-image" => bind_shadows_image on engines;
    "single-file-bind" => single_file_bind on engines;
}

/// Builds with these options, brings up with those; returns the first word of what the process of `web` reads.
#[track_caller]
fn deployed(proof: &Proof, build: &str, up: &str, path: &str) -> String {
    proof.compose(&format!("build --quiet {build}"), None).ok();
    proof.compose(up, None).ok();
    word(&proof.lab.exec(&["cat", path]).ok())
}

fn word(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// The volume was filled from the first image; the whole protocol leaves it as it is.
fn volume_shadows_image(proof: &Proof) {
    let deploy = |build: &str| {
        proof.compose("rm --stop --force web", None).ok();
        deployed(proof, build, "up -d", "/app/version.py")
    };
    proof.bring_bad();
    assert_eq!(deploy(""), "v1");
    proof.bring(&[("version.py", "v2 @LAB@\n")]);
    let label = "bad: the container after the whole protocol";
    proof.shows(label, Outcome::between(&deploy("--no-cache"), "v1", "v2"));
    let image = proof.holds(&proof.image_of("web"), "/app/version.py");
    proof.shows("bad: its image", Outcome::between(&word(&image), "v1", "v2"));
    proof.fix_bad();
    proof.bring(&[("version.py", "v3 @LAB@\n")]);
    let read = deploy("");
    proof.shows("fixed: the container after rm, build, up -d", Outcome::between(&read, "v1", "v3"));
}

/// The volume of the first container goes to the next one, `--force-recreate` or not.
fn anonymous_volume_carryover(proof: &Proof) {
    let deploy = |up: &str| deployed(proof, "", up, "/app/static/site.css");
    proof.bring_bad();
    assert_eq!(deploy("up -d"), "v1");
    proof.bring(&[("static/site.css", "v2 @LAB@\n")]);
    let read = deploy("up -d --force-recreate");
    proof.shows("bad: the container, up -d --force-recreate", Outcome::between(&read, "v1", "v2"));
    let read = deploy("up -d --force-recreate -V");
    proof.shows("bad: the container, up -d --force-recreate -V", Outcome::between(&read, "v1", "v2"));
    proof.fix_bad();
    proof.bring(&[("static/site.css", "v3 @LAB@\n")]);
    proof.shows("fixed: the container, up -d", Outcome::between(&deploy("up -d"), "v2", "v3"));
}

/// The recreated container gets the old one's volume: a new image, built without a cache, runs on the old files.
fn volume_over_code(proof: &Proof) {
    const RECREATE: &str = "up -d --force-recreate";
    let deploy = |up: &str| deployed(proof, "--no-cache", up, "/srv/app/version.py");
    proof.bring_bad();
    assert_eq!(deploy(RECREATE), "v1");
    proof.bring(&[("version.py", "v2 @LAB@\n")]);
    let label = "bad: the container, built and created anew";
    proof.shows(label, Outcome::between(&deploy(RECREATE), "v1", "v2"));
    let image = proof.holds(&proof.image_of("web"), "/srv/app/version.py");
    proof.shows("bad: its image", Outcome::between(&word(&image), "v1", "v2"));

    proof.fix_bad();
    // The old container still has the volume.
    assert_eq!(deploy("up -d --force-recreate -V"), "v2");
    proof.bring(&[("version.py", "v3 @LAB@\n")]);
    let label = "fixed: the container, built and created anew";
    proof.shows(label, Outcome::between(&deploy(RECREATE), "v2", "v3"));
}

/// The host's folder is what runs.
fn bind_shadows_image(proof: &Proof) {
    let compose = |mounts: &str| {
        format!(
            "services:\n  web:\n    build:\n      context: .\n      args:\n        BASE_IMAGE: ${{BASE_IMAGE}}\n    \
             command: [sleep, \"600\"]\n    stop_signal: SIGKILL\n{mounts}"
        )
    };
    let deploy = || deployed(proof, "", "up -d", "/srv/v");
    proof.bring(&[
        (
            "Dockerfile",
            "ARG BASE_IMAGE=alpine:3.20\nFROM ${BASE_IMAGE}\nCOPY src /src\nFROM ${BASE_IMAGE}\nCOPY --from=0 /src /srv\n",
        ),
        ("compose.yaml", &compose("    volumes: [\"./public:/srv\"]\n")),
        ("src/v", "v1 @LAB@\n"),
        ("public/v", "v0 @LAB@\n"),
    ]);
    assert_eq!(deploy(), "v0", "the host's folder hides the image's");
    proof.bring(&[("src/v", "v2 @LAB@\n")]);
    proof.shows("bad: the container, up -d", Outcome::between(&deploy(), "v0", "v2"));
    proof.bring(&[("compose.yaml", &compose(""))]);
    proof.shows("good: the container, without the mount", Outcome::between(&deploy(), "v0", "v2"));
}

/// The file is replaced by git: the process reads the old one after `up -d`, `docker cp` shows the new one; with the
/// folder mounted the process reads the new.
fn single_file_bind(proof: &Proof) {
    const FILE: &str = "/etc/nginx/conf.d/x.conf";
    let up = || {
        proof.compose("up -d", None).ok();
        proof.lab.containers("web").concat()
    };
    let served = || {
        let answer = (0..50).find_map(|_| {
            let url = "http://127.0.0.1:8000/conf.d/x.conf";
            let answer = proof.lab.exec(&["wget", "-q", "-O", "-", url]);
            sleep(Duration::from_millis(if answer.code == 0 { 0 } else { 50 }));
            (answer.code == 0).then(|| answer.ok())
        });
        answer.expect("the server in the container answers")
    };
    proof.bring_bad();
    let container = up();
    assert_eq!(served(), "v1");
    proof.bring(&[("conf.d/x.conf", "v2\n")]);
    assert_eq!(up(), container, "`up -d` sees nothing to do");
    let read = served();
    proof.shows("bad: what the process serves", Outcome::between(&read, "v1", "v2"));
    let read = proof.lab.exec(&["cat", FILE]).ok();
    proof.shows("bad: what exec reads", Outcome::between(&read, "v1", "v2"));
    let copy = proof.lab.folder().join("copied.conf").display().to_string();
    proof.lab.engine.docker(&["cp", &format!("{container}:{FILE}"), &copy]).ok();
    let copied = Ran::new(Command::new("cat").arg(copy)).ok();
    proof.shows("bad: what docker cp shows", Outcome::between(&copied, "v1", "v2"));

    proof.fix_bad();
    let container = up();
    assert_eq!(served(), "v2");
    proof.bring(&[("conf.d/x.conf", "v3\n")]);
    assert_eq!(up(), container);
    let read = served();
    proof.shows("fixed: what the process serves", Outcome::between(&read, "v2", "v3"));
}
