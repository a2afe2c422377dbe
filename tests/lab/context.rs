//! The proofs of the rules about the build context.

use std::fs;

use super::{Proof, write};
use crate::support::{Builder, Engine, Ran, on_real_engines};

on_real_engines!(corners:
    copied_build_state,
    git_in_context,
    ignored_source,
    missing_source,
    prebuilt_artefact,
    shadowed_dockerignore,
);
on_real_engines!(each engine: remote_context);

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
    fn has(&self, image: &str, path: &str) -> bool {
        let test = ["run", "--rm", "--network=none", image, "test", "-e", path];
        self.lab.engine.docker(&test).code == 0
    }
}

/// What the ignore file keeps out cannot be copied; as a pattern it is silently nothing.
fn ignored_source(engine: Engine, builder: Builder) {
    let dockerfile = format!("{FROM}COPY nginx/default.conf /conf/\nCOPY public /public\n");
    let files = [
        ("Dockerfile", dockerfile.as_str()),
        (".dockerignore", "*\n!public\n"),
        ("nginx/default.conf", "@LAB@"),
        ("public/index.html", "@LAB@"),
    ];
    let proof = Proof::new(engine, builder, &files);
    let failed = proof.try_build(".", &[]);
    assert!(failed.code != 0 && failed.stderr.contains("not found"), "bad: {failed:?}");

    let pattern = format!("{FROM}COPY *.conf public/index.* /conf/\n");
    proof.bring(&[("Dockerfile", &pattern), (".dockerignore", "*.conf\n"), ("default.conf", "@LAB@")]);
    let built = proof.build(".", &[]);
    assert!(
        !proof.has(&built, "/conf/default.conf") && proof.has(&built, "/conf/index.html"),
        "as a pattern"
    );

    proof.bring(&[("Dockerfile", &dockerfile), (".dockerignore", "*\n!public\n!nginx\n")]);
    assert!(proof.has(&proof.build(".", &[]), "/conf/default.conf"), "good");
}

/// A source that git does not have fails the build of a clone, one in another letter case, too.
fn missing_source(engine: Engine, builder: Builder) {
    let dockerfile = |name: &str| format!("{FROM}COPY main.py {name} /app/\n");
    let files =
        [("Dockerfile", dockerfile("Settings.py")), ("main.py", "1".into()), ("settings.py", "@LAB@".into())];
    let proof = Proof::new(engine, builder, &files.each_ref().map(|(path, text)| (*path, text.as_str())));
    let failed = proof.try_build(".", &[]);
    assert!(failed.code != 0 && failed.stderr.contains("Settings.py"), "bad: {failed:?}");
    proof.bring(&[("Dockerfile", &dockerfile("settings.py"))]);
    assert!(proof.has(&proof.build(".", &[]), "/app/settings.py"), "good");
}

/// The source changes, and the rebuild without the cache ships what was built on the machine before.
fn prebuilt_artefact(engine: Engine, builder: Builder) {
    let bad = format!("{FROM}COPY dist /srv\n");
    let files = [("Dockerfile", bad.as_str()), (".gitignore", ".env\ndist\n"), ("src/app.js", "v1 of @LAB@")];
    let proof = Proof::new(engine, builder, &files);
    fs::create_dir(proof.lab.server().join("dist")).expect("the lab's folder can be written");
    fs::copy(proof.lab.server().join("src/app.js"), proof.lab.server().join("dist/app.js"))
        .expect("built there");
    proof.bring(&[("src/app.js", "v2 of @LAB@")]);
    assert!(proof.holds(&proof.build_anew(), "/srv/app.js").starts_with("v1"), "bad");

    let good = format!(
        "{}WORKDIR /app\nCOPY src src\nRUN mkdir dist && cp src/app.js dist/\nFROM ${{BASE_IMAGE}}\nCOPY --from=build /app/dist /srv\n",
        FROM.replace("FROM ${BASE_IMAGE}", "FROM ${BASE_IMAGE} AS build")
    );
    proof.bring(&[("Dockerfile", &good)]);
    assert!(proof.holds(&proof.build_anew(), "/srv/app.js").starts_with("v2"), "good");
}

/// A compiler that skips what it finds done, and its state on the machine that builds.
fn copied_build_state(engine: Engine, builder: Builder) {
    const DOTNET: &str = "#!/bin/sh\n[ -e obj/done ] || { mkdir -p obj; cp src/main.cs obj/out; touch obj/done; }\ncp obj/out /out\n";
    let dockerfile = format!(
        "{FROM}COPY dotnet /bin/dotnet\nRUN chmod +x /bin/dotnet\nWORKDIR /app\nCOPY . .\nRUN dotnet build\n"
    );
    let files = [
        ("Dockerfile", dockerfile.as_str()),
        (".dockerignore", ".git\n"),
        (".gitignore", ".env\nobj/\n"),
        ("dotnet", DOTNET),
        ("src/main.cs", "v1 of @LAB@"),
    ];
    let proof = Proof::new(engine, builder, &files);
    let server = proof.lab.server();
    write(&server, "obj/out", "v1");
    write(&server, "obj/done", "");
    proof.bring(&[("src/main.cs", "v2 of @LAB@")]);
    assert!(proof.holds(&proof.build_anew(), "/out").starts_with("v1"), "bad");
    proof.fix("copied-build-state");
    assert!(proof.holds(&proof.build_anew(), "/out").starts_with("v2"), "fixed");
}

/// A commit that changes no file makes the steps behind the COPY run again.
fn git_in_context(engine: Engine, builder: Builder) {
    let dockerfile = format!("{FROM}COPY . /app\nRUN cat /proc/sys/kernel/random/uuid >/built\n");
    let files = [("Dockerfile", dockerfile.as_str()), (".dockerignore", "*.md\n"), ("main.py", "# @LAB@\n")];
    let proof = Proof::new(engine, builder, &files);
    let commit = || {
        proof.lab.git(&["commit", "--quiet", "--allow-empty", "--message", "Nothing"]).ok();
        proof.lab.git(&["push", "--quiet", "origin", "HEAD"]).ok();
        Ran::new(proof.lab.in_server("git").args(["pull", "--quiet"])).ok();
    };
    let built = || proof.holds(&proof.build(".", &[]), "/built");
    let first = built();
    commit();
    assert_ne!(built(), first, "bad: the commit alone misses the cache");
    proof.fix("git-in-context");
    let first = built();
    commit();
    assert_eq!(built(), first, "fixed: it hits");
}

/// `BuildKit` reads the Dockerfile's own ignore file alone, the classic builder the context's alone.
fn shadowed_dockerignore(engine: Engine, builder: Builder) {
    let dockerfile = format!("{FROM}COPY . /app\n");
    let files = [
        ("Dockerfile", dockerfile.as_str()),
        ("Dockerfile.dockerignore", "docs\n"),
        (".dockerignore", "secret\n"),
        ("docs", "@LAB@"),
        ("secret", "@LAB@"),
    ];
    let proof = Proof::new(engine, builder, &files);
    let image = proof.build(".", &[]);
    let kit = builder == Builder::BuildKit;
    assert_eq!(proof.has(&image, "/app/secret"), kit, "what the context's file names");
    assert_eq!(proof.has(&image, "/app/docs"), !kit, "what the Dockerfile's own names");
    proof.bring(&[("Dockerfile.dockerignore", "docs\nsecret\n"), (".dockerignore", "docs\nsecret\n")]);
    let image = proof.build(".", &[]);
    assert!(!proof.has(&image, "/app/secret") && !proof.has(&image, "/app/docs"), "good");
}

/// The checkout changes, and the rebuild has what the URL has. The client of the classic builder of 20.10 fetches by
/// itself, and has no way into the network of the engine's containers: BuildKit fetches.
fn remote_context(engine: Engine, builder: Builder) {
    let proof = Proof::new(engine, builder, &[]);
    let url = proof.serve();
    let at_url = proof.outside("tree");
    write(&at_url, "Dockerfile", &format!("FROM {}\nCOPY app.py /app.py\n", proof.base));
    write(&at_url, "app.py", &format!("v1 of {}", proof.lab.project()));
    let archive = proof.outside("context.tar.gz");
    Ran::new(std::process::Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&at_url).arg("."))
        .ok();
    let dockerfile = format!("FROM {}\nCOPY app.py /app.py\n", proof.base);
    proof.bring(&[("Dockerfile", &dockerfile), ("app.py", "v2 of @LAB@")]);
    let holds = |context: &str| proof.holds(&proof.build(context, &[]), "/app.py");
    assert!(holds(&format!("{url}/context.tar.gz")).starts_with("v1"), "bad");
    assert!(holds(".").starts_with("v2"), "good");
}
