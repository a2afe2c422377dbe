//! The incident on real engines: what the naive deploy serves for each of its three causes, and what ends each.

use crate::support::{Builder, Engine, Lab, Ran, on_real_engines};

on_real_engines!(snapshot);
on_real_engines!(corners: touched, commented, volume, restart);

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

const PAGE: &str = "frontend/templates/index.html";

/// Runs `unstale bust` on the server, then builds and starts as if nothing were wrong.
fn bust(lab: &Lab, arguments: &[&str]) {
    let mut unstale = lab.in_server(env!("CARGO_BIN_EXE_unstale"));
    Ran::new(unstale.arg("bust").args(arguments)).ok();
    plainly(lab);
}

fn plainly(lab: &Lab) {
    lab.compose("build").ok();
    lab.compose("up -d").ok();
}

/// A new time on the server ends the snapshot for the file, or for all of them; git sees no change.
fn touched(engine: Engine, builder: Builder) {
    let lab = Lab::stale_by_snapshot(engine, builder);
    let old =
        |version: &'static str, new: &'static str| if builder == Builder::Classic { new } else { version };
    plainly(&lab);
    assert_eq!(lab.serves(), old("v3", "v4"), "a plain rebuild does not help");
    bust(&lab, &["--touch", PAGE]);
    assert_eq!(lab.serves(), "v4");
    assert_eq!(lab.ssh("git status --porcelain --untracked-files=no").ok(), "");

    // The times are normalised again, as the next deploy would find them.
    lab.ssh(".git/hooks/post-merge").ok();
    plainly(&lab);
    lab.edit(PAGE, |page| page.replace("/v4/", "/v5/"));
    lab.commit_and_push("SciChart 5");
    lab.deploy_naively().ok();
    assert_eq!(lab.serves(), old("v4", "v5"), "and the next change is as stale");
    bust(&lab, &["--touch", "--all"]);
    assert_eq!(lab.serves(), "v5");
}

/// A dated comment on the server does the same. Committed instead, it helps under normalised times, too: each date is
/// longer or shorter than the one before.
fn commented(engine: Engine, builder: Builder) {
    let lab = Lab::stale_by_snapshot(engine, builder);
    let old =
        |version: &'static str, new: &'static str| if builder == Builder::Classic { new } else { version };
    plainly(&lab);
    assert_eq!(lab.serves(), old("v3", "v4"), "a plain rebuild does not help");
    bust(&lab, &["--comment", PAGE]);
    assert_eq!(lab.serves(), "v4");
    assert!(lab.page().trim_end().ends_with("Z -->"), "the page has the comment: {}", lab.page());

    lab.ssh(&format!("git checkout -q -- {PAGE}")).ok();
    plainly(&lab);
    let commit = |from: &str, to: &str| {
        lab.edit(PAGE, |page| page.replace(from, to));
        Ran::new(lab.in_dev(env!("CARGO_BIN_EXE_unstale")).args(["bust", "--comment", PAGE])).ok();
        lab.commit_and_push("A change");
        lab.deploy_naively().ok();
        lab.serves()
    };
    assert_eq!(commit("/v4/", "/v5/"), "v5", "a comment more: another size");
    assert_eq!(commit("/v5/", "/v6/"), "v6", "the comment anew: another size than before");
    assert_eq!(commit("/v6/", "/v7/"), "v7", "and again");
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
