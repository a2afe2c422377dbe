//! The rules' proofs on real engines: what a rule finds does go stale, and what `--fix` writes for it does not.
//!
//! What they measure is what the tables in the pages say: see [`table`].

mod cache;
mod compose;
mod context;
mod dockerfile;
mod harness;
mod mounts;
mod registry;
mod scripts;
mod swarm;
mod syntax;
pub(crate) mod table;

use harness::{Proof, proofs};
use table::Outcome;

proofs! {
    "broad-copy" => broad_copy on corners;
}

/// The rules that the proofs here are about.
pub(crate) fn proven() -> Vec<&'static str> {
    [
        PROVEN,
        cache::PROVEN,
        compose::PROVEN,
        context::PROVEN,
        dockerfile::PROVEN,
        mounts::PROVEN,
        scripts::PROVEN,
        swarm::PROVEN,
        syntax::PROVEN,
    ]
    .concat()
}

/// After a change of a file that is not the manifest the install runs again, in the fixed form it does not; after a
/// change of the manifest it does.
fn broad_copy(proof: &Proof) {
    const DOCKERFILE: &str = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
";
    proof.bring(&[
        ("Dockerfile", DOCKERFILE),
        ("requirements.txt", "# @LAB@\nflask==3.0.3\n"),
        ("app.py", "print(1)\n"),
    ]);
    let installed = |image: &str| proof.holds(image, "/var/lib/pip-ran");
    let first = installed(&proof.build(".", &[]));
    proof.bring(&[("app.py", "print(22)\n")]);
    let again = installed(&proof.build(".", &[]));
    proof.shows("bad: the install, another file changed", Outcome::of_step(&first, &again));

    assert_eq!(proof.fix("broad-copy").code, 0);
    let first = installed(&proof.build(".", &[]));
    proof.bring(&[("app.py", "print(333)\n")]);
    let image = proof.build(".", &[]);
    let again = installed(&image);
    proof.shows("fixed: the install, another file changed", Outcome::of_step(&first, &again));
    assert_eq!(proof.holds(&image, "/app/app.py"), "print(333)", "and the file is new");
    proof.bring(&[("requirements.txt", "# @LAB@\nflask==3.1.0\n")]);
    let again = installed(&proof.build(".", &[]));
    proof.shows("fixed: the install, the manifest changed", Outcome::of_step(&first, &again));
}
