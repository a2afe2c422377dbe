//! The incident on real engines: what the naive deploy serves for each of its three causes, and what ends each.

use crate::support::{Builder, Engine, Lab, on_real_engines};

on_real_engines!(snapshot, volume, restart);

/// `--no-cache` does not help against BuildKit's context snapshot, however often; the filtered prune does, and keeps
/// every layer above the changed COPY.
fn snapshot(engine: Engine, builder: Builder) {
    let lab = Lab::stale_by_snapshot(engine, builder);
    assert_eq!(lab.checkout_holds(), "v4", "the pull has brought it");
    if builder == Builder::Classic {
        assert_eq!(lab.serves(), "v4", "the classic builder reads the bytes");
        return;
    }
    assert_eq!(lab.serves(), "v3", "deploy.sh builds with --no-cache");
    let built = lab.pip_run();
    lab.deploy_naively().ok();
    assert_ne!(lab.pip_run(), built, "every step runs again");
    assert_eq!(lab.serves(), "v3", "on the same old file");
    assert_eq!(lab.image_holds(), "v3", "because the image is wrong");
    lab.ssh("docker builder prune -f --filter type=source.local").ok();
    lab.compose("build").ok();
    lab.compose("up -d").ok();
    assert_eq!(lab.serves(), "v4");
}

/// Neither prune, `--no-cache` nor a new container help against a named volume; its removal does. (That a compose file
/// without the mount does is the proof of `volume-shadows-image`.)
fn volume(engine: Engine, builder: Builder) {
    let lab = Lab::stale_by_volume(engine, builder);
    assert_eq!(lab.checkout_holds(), "v4", "the pull has brought it");
    assert_eq!(lab.serves(), "v3");
    lab.compose("rm --stop --force web").ok();
    lab.ssh("docker builder prune -f").ok();
    lab.compose("build --no-cache").ok();
    lab.compose("up -d").ok();
    assert_eq!(lab.serves(), "v3", "the whole protocol does not help");
    assert_eq!(lab.image_holds(), "v4", "although the image is right");
    lab.compose("rm --stop --force web").ok();
    lab.ssh(&format!("docker volume rm {}_code", lab.project())).ok();
    lab.compose("up -d").ok();
    assert_eq!(lab.serves(), "v4", "the new volume is filled from the image");
}

/// A restarted container runs its old image; `up -d` makes one of the new image.
fn restart(engine: Engine, builder: Builder) {
    let lab = Lab::stale_by_restart(engine, builder);
    assert_eq!(lab.checkout_holds(), "v4", "the pull has brought it");
    assert_eq!(lab.serves(), "v3");
    lab.compose("up -d").ok();
    assert_eq!(lab.serves(), "v4");
}
