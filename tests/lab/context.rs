//! The proofs of the rules about the build context.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;
use std::process::Command;

use super::harness::{Proof, proofs, write};
use super::table::Outcome;
use crate::support::Ran;

proofs! {
    "copied-build-state" => copied_build_state on corners;
    "git-in-context" => git_in_context on corners;
    "ignored-source" => ignored_source on corners;
    "missing-source" => missing_source on corners;
    "prebuilt-artefact" => prebuilt_artefact on corners;
    "shadowed-dockerignore" => shadowed_dockerignore on corners;
    "remote-context" => remote_context on engines;
}

/// The start of every Dockerfile here.
const FROM: &str = "ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\n";

impl Proof {
    /// Builds the server's checkout without the cache; returns the image's id.
    #[track_caller]
    fn build_anew(&self) -> String {
        let base = format!("BASE_IMAGE={}", self.base);
        let mut docker = self.lab.in_server("docker");
        Ran::new(docker.args(["build", "--quiet", "--no-cache", "--build-arg", &base, "."])).ok()
    }

    /// Whether the image has that path.
    fn has(&self, image: &str, path: &str) -> Outcome {
        let test = ["run", "--rm", "--network=none", image, "test", "-e", path];
        Outcome::of_file(self.lab.engine.docker(&test).code == 0)
    }

    /// The first word of what the image holds at that path.
    #[track_caller]
    fn version(&self, image: &str, path: &str) -> String {
        self.holds(image, path).split(' ').next().unwrap_or_default().to_owned()
    }
}

/// What the ignore file keeps out cannot be copied; as a pattern it is silently nothing.
fn ignored_source(proof: &Proof) {
    let dockerfile = format!("{FROM}COPY nginx/default.conf /conf/\nCOPY public /public\n");
    proof.bring(&[
        ("Dockerfile", dockerfile.as_str()),
        (".dockerignore", "*\n!public\n"),
        ("nginx/default.conf", "@LAB@"),
        ("public/index.html", "@LAB@"),
    ]);
    let built = proof.try_build(".", &[]);
    proof.shows("bad: the build", Outcome::of_exit(&built, "not found"));

    let below = format!("{FROM}COPY nginx/*.conf public/index.* /conf/\n");
    proof.bring(&[("Dockerfile", &below)]);
    let built = proof.try_build(".", &[]);
    let label = "bad: the build, a pattern below an unsent folder";
    proof.shows(label, Outcome::of_exit(&built, "no such file or directory"));

    let pattern = format!("{FROM}COPY *.conf public/index.* /conf/\n");
    proof.bring(&[("Dockerfile", &pattern), (".dockerignore", "*.conf\n"), ("default.conf", "@LAB@")]);
    let built = proof.build(".", &[]);
    proof.shows("bad: the file, a pattern in the context's folder", proof.has(&built, "/conf/default.conf"));
    assert_eq!(proof.has(&built, "/conf/index.html"), Outcome::Present, "the other pattern");

    proof.bring(&[("Dockerfile", &dockerfile), (".dockerignore", "*\n!public\n!nginx\n")]);
    let built = proof.try_build(".", &[]);
    proof.shows("good: the build", Outcome::of_exit(&built, "not found"));
    proof.shows("good: the file", proof.has(&built.ok(), "/conf/default.conf"));
}

/// A source that git does not have fails the build of a clone, one in another letter case, too.
fn missing_source(proof: &Proof) {
    let dockerfile = |name: &str| format!("{FROM}COPY main.py {name} /app/\n");
    proof.bring(&[("Dockerfile", &dockerfile("config.py")), ("main.py", "1"), ("settings.py", "@LAB@")]);
    let built = proof.try_build(".", &[]);
    proof.shows("bad: the build, without the file", Outcome::of_exit(&built, "config.py"));
    proof.bring(&[("Dockerfile", &dockerfile("Settings.py"))]);
    let built = proof.try_build(".", &[]);
    proof.shows("bad: the build, another letter case", Outcome::of_exit(&built, "Settings.py"));
    proof.bring(&[("Dockerfile", &dockerfile("settings.py"))]);
    let built = proof.try_build(".", &[]);
    proof.shows("good: the build", Outcome::of_exit(&built, "settings.py"));
    assert_eq!(proof.has(&built.ok(), "/app/settings.py"), Outcome::Present);
}

/// The source changes, and the rebuild without the cache ships what was built on the machine before.
fn prebuilt_artefact(proof: &Proof) {
    proof.bring(&[
        ("Dockerfile", &format!("{FROM}COPY dist /srv\n")),
        (".gitignore", ".env\ndist\n"),
        ("src/app.js", "v1 of @LAB@"),
    ]);
    let built = || Outcome::between(&proof.version(&proof.build_anew(), "/srv/app.js"), "v1", "v2");
    let server = proof.lab.server();
    fs::create_dir(server.join("dist")).expect("the lab's folder can be written");
    fs::copy(server.join("src/app.js"), server.join("dist/app.js")).expect("built there");
    proof.bring(&[("src/app.js", "v2 of @LAB@")]);
    proof.shows("bad: the artefact in the image", built());

    let good = format!(
        "{}WORKDIR /app\nCOPY src src\nRUN mkdir dist && cp src/app.js dist/\nFROM ${{BASE_IMAGE}}\nCOPY --from=build /app/dist /srv\n",
        FROM.replace("FROM ${BASE_IMAGE}", "FROM ${BASE_IMAGE} AS build")
    );
    proof.bring(&[("Dockerfile", &good)]);
    proof.shows("good: the artefact in the image", built());
}

/// A compiler that skips what it finds done, and its state on the machine that builds.
fn copied_build_state(proof: &Proof) {
    proof.bring_bad();
    let built = || Outcome::between(&proof.version(&proof.build_anew(), "/out"), "v1", "v2");
    let server = proof.lab.server();
    write(&server, "obj/out", "v1 of another build");
    write(&server, "obj/done", "");
    proof.bring(&[("src/main.cs", "v2 of @LAB@")]);
    proof.shows("bad: the output in the image", built());
    proof.fix_bad();
    proof.shows("fixed: the output in the image", built());
}

/// A commit that changes no file makes the COPY and all behind it run again.
fn git_in_context(proof: &Proof) {
    proof.bring_bad();
    let commit = || {
        proof.lab.git(&["commit", "--quiet", "--allow-empty", "--message", "Nothing"]).ok();
        proof.lab.git(&["push", "--quiet", "origin", "HEAD"]).ok();
        Ran::new(proof.lab.in_server("git").args(["pull", "--quiet"])).ok();
    };
    let shows = |kind: &str| {
        let before = proof.layers(&proof.build(".", &[]));
        commit();
        let outcome = Outcome::of_step(&before, &proof.layers(&proof.build(".", &[])));
        proof.shows(&format!("{kind}: the COPY, after a commit of no file"), outcome);
    };
    shows("bad");
    proof.fix_bad();
    shows("fixed");
}

/// `BuildKit` reads the Dockerfile's own ignore file alone, the classic builder the context's alone.
fn shadowed_dockerignore(proof: &Proof) {
    let dockerfile = format!("{FROM}COPY . /app\n");
    proof.bring(&[
        ("Dockerfile", dockerfile.as_str()),
        ("Dockerfile.dockerignore", "docs\n"),
        (".dockerignore", "secret\n"),
        ("docs", "@LAB@"),
        ("secret", "@LAB@"),
    ]);
    let both = |kind: &str| {
        let image = proof.build(".", &[]);
        proof.shows(&format!("{kind}: what .dockerignore names"), proof.has(&image, "/app/secret"));
        proof.shows(&format!("{kind}: what Dockerfile.dockerignore names"), proof.has(&image, "/app/docs"));
    };
    both("bad");
    proof.bring(&[("Dockerfile.dockerignore", "docs\nsecret\n"), (".dockerignore", "docs\nsecret\n")]);
    both("good");
}

/// The checkout changes, and the rebuild has what the URL has. The client of the classic builder fetches by itself, and
/// that of 20.10 has no way into the network of the engine's containers: it gets a server of its own.
fn remote_context(proof: &Proof) {
    let url = if proof.v1() && !proof.kit() { proof.serve_to_client() } else { proof.serve() };
    let at_url = proof.outside("tree");
    let dockerfile = format!("FROM {}\nCOPY app.py /app.py\n", proof.base);
    write(&at_url, "Dockerfile", &dockerfile);
    write(&at_url, "app.py", &format!("v1 of {}", proof.lab.project()));
    let archive = proof.outside("context.tar.gz");
    Ran::new(Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&at_url).arg(".")).ok();
    proof.bring(&[("Dockerfile", &dockerfile), ("app.py", "v2 of @LAB@")]);
    let built =
        |context: &str| Outcome::between(&proof.version(&proof.build(context, &[]), "/app.py"), "v1", "v2");
    proof.shows("bad: the changed file, built from the URL", built(&format!("{url}/context.tar.gz")));
    proof.shows("good: the changed file, built from the checkout", built("."));
}
