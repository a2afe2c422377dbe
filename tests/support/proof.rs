//! The lab is what it says: the tests on it prove nothing otherwise.

use std::path::Path;

use super::{Builder, Engine, HOST, Lab, Ran, on_real_engines};

on_real_engines!(one_server, one_builder, nothing_stays);

/// Over ssh and on the server itself, the same checkout, engine and project; on the developer's machine no Docker.
fn one_server(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    let question =
        "docker version --format '{{.Server.Version}}'; pwd; git rev-parse HEAD; git status --porcelain";
    let answer = format!("{}\n{}", lab.engine.version, lab.server().display());
    let commit = lab.git(&["rev-parse", "HEAD"]).ok();
    assert_eq!(lab.ssh(question).ok(), format!("{answer}\n{commit}"));
    let local = Ran::new(lab.in_server("sh").args(["-c", question])).ok();
    assert_eq!(local, format!("{answer}\n{commit}"));
    let on_dev = Ran::new(lab.in_dev("docker").arg("version"));
    assert_eq!(on_dev.code, 127, "{on_dev:?}");
    let home = Ran::new(lab.in_dev("ssh").args([HOST, "echo $HOME"])).ok();
    assert_eq!(home, lab.folder().join("home").display().to_string());
    assert_eq!(lab.ssh("exit 7").code, 7);
    assert!(lab.containers("web").is_empty());
    let other_compose =
        if lab.engine.compose == "docker-compose" { "docker compose version" } else { "true" };
    assert_eq!(lab.ssh(other_compose).code == 0, lab.engine.compose != "docker-compose");
}

/// The server's environment chooses the builder, for `docker build` and for compose.
fn one_builder(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    let classic = |ran: Ran| {
        assert_eq!(ran.code, 0, "{ran:?}");
        format!("{}{}", ran.stdout, ran.stderr).contains("Step 1/")
    };
    assert_eq!(classic(lab.compose("build")), builder == Builder::Classic);
    let base = lab.ssh(". ./.env; docker build --no-cache --build-arg BASE_IMAGE=$BASE_IMAGE .");
    assert_eq!(classic(base), builder == Builder::Classic);
}

/// A dropped lab leaves no container, volume, network, image, process or file.
fn nothing_stays(engine: Engine, builder: Builder) {
    let listed = |engine: &Engine, project: &str| {
        let project = format!("label=com.docker.compose.project={project}");
        ["ps --all", "network ls", "volume ls"].map(|list| {
            let list: Vec<&str> = list.split(' ').chain(["--quiet", "--filter", &project]).collect();
            engine.docker(&list).ok().lines().count()
        })
    };
    let lab = Lab::stale_by_volume(engine, builder);
    let engine = lab.engine.clone();
    let (project, folder) = (lab.project().to_owned(), lab.folder().to_owned());
    let process = lab.ssh("setsid sleep 600 >/dev/null 2>&1 & echo /proc/$!").ok();
    let images = format!("reference={project}*");
    let images = ["image", "ls", "--quiet", "--filter", &images];
    assert_eq!(listed(&engine, &project), [1, 1, 1]);
    assert_eq!(engine.docker(&images).ok().lines().count(), 1);
    assert!(folder.exists());
    assert!(Path::new(&process).exists());
    drop(lab);
    assert_eq!(listed(&engine, &project), [0, 0, 0]);
    assert_eq!(engine.docker(&images).ok(), "");
    assert!(!folder.exists());
    // A process that has ended has no program, until its parent has asked for its end.
    assert_eq!(std::fs::read(format!("{process}/cmdline")).unwrap_or_default(), b"");
}
