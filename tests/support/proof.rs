//! The lab is what it says: the tests on it prove nothing otherwise.

use super::{Builder, Engine, Lab, Ran, on_real_engines};

on_real_engines!(one_server, one_builder);

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
