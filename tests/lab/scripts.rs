//! The proofs of the rules about deploy scripts: the scripts are really run, by `sh` on the lab's server.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use super::harness::{Proof, proofs, write};
use super::table::Outcome;
use crate::support::Ran;

proofs! {
    "restart-after-build" => restart_after_build on corners;
    "up-without-build" => up_without_build on corners;
    "unguarded-step" => unguarded_step on corners;
    "kept-container" => kept_container on corners;
    "no-cache-alone" => no_cache_alone on corners;
    "pruned-nothing" => pruned_nothing on corners;
}

impl Proof {
    /// The fixture's shop of one page, `page/index.html`, deployed once.
    fn open_shop(&self) {
        self.bring_bad();
        self.compose_build(None);
        self.compose("up -d", None).ok();
        assert_eq!(self.page(), "v1");
    }

    /// Pushes a page; the server has not pulled it yet.
    fn push_page(&self, version: &str) {
        let text = format!("{} {version}\n", self.lab.project());
        write(&self.lab.dev(), "page/index.html", &text);
        self.lab.commit_and_push(version);
    }

    /// Runs the script on the server.
    fn deploy(&self) -> Ran {
        Ran::new(self.lab.in_server("sh").arg("deploy.sh"))
    }

    /// The version of the page that is served.
    #[track_caller]
    fn page(&self) -> String {
        last(&self.lab.page())
    }

    /// A script that exits with 0 and serves the old page, and what `--fix` makes of it.
    fn shop(&self) {
        self.open_shop();
        self.push_page("v2");
        self.deploy().ok();
        self.shows("bad: the page after the script", Outcome::between(&self.page(), "v1", "v2"));
        self.fix_bad();
        self.push_page("v3");
        self.deploy().ok();
        self.shows("fixed: the page after the script", Outcome::between(&self.page(), "v1", "v3"));
    }
}

fn last(text: &str) -> String {
    text.trim_end().rsplit(' ').next().unwrap_or_default().to_owned()
}

/// The container is of the old image.
fn restart_after_build(proof: &Proof) {
    proof.shop();
}

/// There is an image, so nothing is built.
fn up_without_build(proof: &Proof) {
    proof.shop();
}

/// The volume of the old container hides the new page.
fn kept_container(proof: &Proof) {
    proof.shop();
}

/// The checkout has a change of its own, so that the pull fails. A second script shows the list that `set -e` does not
/// count for.
fn unguarded_step(proof: &Proof) {
    let page = || proof.lab.server().join("page/index.html");
    let spoil = |text: &str| fs::write(page(), text).expect("the lab's folder can be written");
    proof.open_shop();
    proof.push_page("v2");
    // Other bytes under another name for the same version: what is served is then still the old one.
    spoil("changed by hand v1\n");
    let ran = proof.deploy();
    proof.shows("bad: the script, when its pull fails", Outcome::of_exit(&ran, ""));
    assert!(proof.lab.page().starts_with("changed by hand"), "it starts what the pull did not bring");
    proof.shows("bad: the page after it", Outcome::between(&proof.page(), "v1", "v2"));
    let list = "set -e\ngit pull -q && true\necho went on\n";
    let ran = Ran::new(proof.lab.in_server("sh").args(["-c", list]));
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, "went on"), "`set -e` does not count before `&&`");

    Ran::new(proof.lab.in_server("git").args(["checkout", "--quiet", "."])).ok();
    proof.fix_bad();
    let deployed = proof.deploy();
    let page = proof.page();
    proof.push_page("v3");
    spoil("changed by hand v3\n");
    let ran = proof.deploy();
    proof.shows("fixed: the script, when its pull fails", Outcome::of_exit(&ran, "page/index.html"));
    assert_eq!(proof.page(), page, "nothing is built or started");
    proof.shows("fixed: the script, when its pull works", Outcome::of_exit(&deployed, ""));
    proof.shows("fixed: the page after it", Outcome::between(&page, "v1", "v2"));
}

/// The page keeps its size, and its time is set back after each pull, as `rsync -t` and git-restore-mtime do.
fn no_cache_alone(proof: &Proof) {
    let name = format!("{}-shop", proof.lab.project());
    let deployed = || {
        let mut shell = proof.lab.in_server("sh");
        shell.arg("deploy.sh").env("BASE", &proof.base).env("TAG", &name).env("NAME", &name);
        Ran::new(shell.env("LABEL", proof.label())).ok();
        last(&proof.holds(&name, "/app/frontend/templates/index.html"))
    };
    proof.bring_bad();
    assert_eq!(deployed(), "v1");
    proof.push_page("v2");
    let label = "bad: the file in the image";
    proof.shows(label, Outcome::between(&deployed(), "v1", "v2"));
    proof.fix_bad();
    proof.push_page("v3");
    let held = deployed();
    assert_ne!(held, "v2", "v1 comes from the snapshot, v3 from the checkout");
    proof.shows("fixed: the file in the image", Outcome::between(&held, "v1", "v3"));
}

/// The classic builder's cache is its images: with them goes the cached step. `BuildKit`'s cache is elsewhere, which is
/// what `builder prune` empties: of what no image uses, or with `--all` of everything.
fn pruned_nothing(proof: &Proof) {
    let dockerfile = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
RUN cat /proc/sys/kernel/random/uuid >/built # @LAB@
";
    proof.bring(&[("Dockerfile", dockerfile)]);
    let docker = |args: &[&str]| Ran::new(proof.lab.in_server("docker").args(args)).ok();
    let build = || {
        let image = proof.build(".", &[]);
        (proof.holds(&image, "/built"), image)
    };
    let remove = |image: &str| {
        let label = format!("label={}", proof.label());
        let made = docker(&["ps", "--all", "--quiet", "--filter", &label]);
        made.lines().for_each(|container| drop(docker(&["rm", "--force", container])));
        docker(&["image", "rm", "--force", image]);
    };
    let (first, _) = build();
    docker(&["builder", "prune", "--force"]);
    let (second, _) = build();
    proof.shows("bad: a RUN, after builder prune", Outcome::of_step(&first, &second));
    docker(&["builder", "prune", "--force", "--all"]);
    let (third, image) = build();
    proof.shows("bad: a RUN, after builder prune --all", Outcome::of_step(&second, &third));
    remove(&image);
    let (fourth, _) = build();
    proof.shows("good: a RUN, after image rm", Outcome::of_step(&third, &fourth));
}
