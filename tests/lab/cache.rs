//! The proofs of the rules about the cache-bust layer and what it is for.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;
use std::process::Command;

use unstale::diag::Safety;

use super::harness::{Proof, proofs, write};
use super::table::Outcome;
use crate::support::Ran;

proofs! {
    "cached-fetch" => cached_fetch on corners;
    "missing-cache-bust" => missing_cache_bust on corners;
    "inert-cache-bust" => inert_cache_bust on corners;
}

/// The archive of a branch moves on: the rebuilt image holds the old file, until the layer gets a new value.
fn cached_fetch(proof: &Proof) {
    proof.serve();
    proof.bring_bad();
    let widgets = proof.outside("repository");
    let git = |args: &[&str]| {
        let home = proof.lab.folder().join("home");
        Ran::new(Command::new("git").arg("-C").arg(&widgets).args(args).env("HOME", home)).ok()
    };
    fs::create_dir_all(proof.outside("widgets/archive/refs/heads")).expect("the lab's folder can be written");
    let move_to = |version: &str| {
        write(&widgets, "VERSION", version);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", version]);
        git(&["archive", "--output=../widgets/archive/refs/heads/main.tar.gz", "main"]);
    };
    fs::create_dir(&widgets).expect("the lab's folder can be written");
    git(&["init", "--quiet"]);
    let version = |bust| {
        proof.compose_build(bust);
        proof.holds(&proof.image_of("web"), "/widgets/VERSION")
    };

    move_to("v1");
    assert_eq!(version(None), "v1");
    move_to("v2");
    proof.shows("bad: the fetched file, new value", Outcome::between(&version(Some("a")), "v1", "v2"));

    proof.fix_bad();
    assert_eq!(version(Some("a")), "v2");
    move_to("v3");
    let same = version(Some("a"));
    proof.shows("fixed: the fetched file, new value", Outcome::between(&version(Some("b")), "v2", "v3"));
    proof.shows("fixed: the fetched file, same value", Outcome::between(&same, "v2", "v3"));
}

/// A RUN after the COPY reads a value from outside: a rebuild keeps the old one, until the layer gets a new value. The
/// steps above the layer stay cached, and the context snapshot it does not cure.
fn missing_cache_bust(proof: &Proof) {
    proof.serve();
    proof.bring_bad();
    let data = |value: &str| write(&proof.outside(""), "data.json", value);
    let holds = |image: &str| proof.holds(image, "/app/data.json");
    data("1");
    assert_eq!(holds(&proof.build(".", &[])), "1");
    data("2");
    let held = holds(&proof.build(".", &["CACHE_BUST=a"]));
    proof.shows("bad: what a RUN fetches, new value", Outcome::between(&held, "1", "2"));
    other_forms(proof, "bad");

    proof.fix_bad();
    other_forms(proof, "fixed");
    let before = proof.build(".", &["CACHE_BUST=a"]);
    assert_eq!(holds(&before), "2");
    data("3");
    let same = holds(&proof.build(".", &["CACHE_BUST=a"]));
    let after = proof.build(".", &["CACHE_BUST=b"]);
    let label = "fixed: what a RUN fetches, new value";
    proof.shows(label, Outcome::between(&holds(&after), "2", "3"));
    let label = "fixed: what a RUN fetches, same value";
    proof.shows(label, Outcome::between(&same, "2", "3"));
    let installed = |image: &str| proof.holds(image, "/var/lib/pip-ran");
    let label = "fixed: the install above it, new value";
    proof.shows(label, Outcome::of_step(&installed(&before), &installed(&after)));

    // Equal size and modification time, as the context snapshot takes it for unchanged.
    let source = proof.lab.server().join("src/main.py");
    let time = fs::metadata(&source).and_then(|meta| meta.modified()).expect("the file is there");
    fs::write(&source, "print(2)\n").expect("the lab's folder can be written");
    let file = fs::File::options().write(true).open(&source).expect("our own file can be opened");
    file.set_modified(time).expect("our own file's time can be set");
    let held = proof.holds(&proof.build(".", &["CACHE_BUST=c"]), "/app/src/main.py");
    let label = "fixed: a source of same size and time, new value";
    proof.shows(label, Outcome::between(&held, "print(1)", "print(2)"));
}

/// Where the layer stands elsewhere, or is passed in another way: the folder or service of the fixture, and what it is.
const STAGES: [(&str, &str); 3] = [
    ("absent", "a stage without a shell"),
    ("from-stage", "a stage that starts from another"),
    ("one-of-two", "a stage beside one with a bust"),
];

/// Services whose builds share anchors.
const SHARED: [(&str, &str); 3] = [
    ("anchored", "an anchor of its own services"),
    ("web", "an anchor that others share"),
    ("other", "another image of that anchor"),
];

/// Whether the step after the sources runs again with a new value.
fn other_forms(proof: &Proof, kind: &str) {
    for (folder, what) in STAGES {
        let built = |value: &str| proof.layers(&proof.build(folder, &[&format!("CACHE_BUST={value}")]));
        proof.shows(&format!("{kind}: {what}, new value"), Outcome::of_step(&built("a"), &built("b")));
    }
    let built = |value: &str| {
        proof.compose_build(Some(value));
        SHARED.map(|(service, _)| proof.layers(&proof.image_of(service)))
    };
    let (before, after) = (built("a"), built("b"));
    for (at, (_, what)) in SHARED.iter().enumerate() {
        proof.shows(&format!("{kind}: {what}, new value"), Outcome::of_step(&before[at], &after[at]));
    }
}

/// The forms of a bust that busts nothing: the folder of the fixture, the argument that each build passes, what it is.
const FORMS: [(&str, &str, &str); 5] = [
    ("clock", "CACHE_BUST", "a clock that a RUN prints"),
    ("before-from", "CACHEBUST", "an ARG above the first FROM only"),
    ("env", "CACHE_BUST", "an ENV of its name below the ARG"),
    ("env-first", "CACHE_BUST", "an ENV of its name above the ARG"),
    ("last", "CACHE_BUST", "an ARG below the last RUN"),
];

/// The forms that only compose has.
const SERVICES: [(&str, &str); 2] =
    [("missing", "nothing from compose"), ("constant", "a constant from compose")];

/// The step after each inert form is cached whatever is passed; after what `--fix` makes of it, it runs again with a new
/// value. (That it does not with the same value is the proof of `missing-cache-bust`.)
fn inert_cache_bust(proof: &Proof) {
    proof.bring_bad();
    let built = |folder: &str, name: &str, value: &str| {
        proof.layers(&proof.build(folder, &[&format!("{name}={value}")]))
    };
    let built_by_compose = |value: &str| {
        proof.compose_build(Some(value));
        SERVICES.map(|(service, _)| proof.layers(&proof.image_of(service)))
    };
    let services = |kind: &str| {
        let before = built_by_compose("a");
        let after = built_by_compose("b");
        for (at, (_, what)) in SERVICES.iter().enumerate() {
            proof.shows(&format!("{kind}: {what}"), Outcome::of_step(&before[at], &after[at]));
        }
    };

    for (folder, name, what) in FORMS {
        let outcome = Outcome::of_step(&built(folder, name, "a"), &built(folder, name, "b"));
        proof.shows(&format!("bad: {what}"), outcome);
    }
    services("bad");

    // The ENV that follows the argument changes in the container, too: that fix is unsafe. One above is described only.
    proof.fix_bad_as(Safety::Unsafe);
    for (folder, name, what) in FORMS.iter().filter(|form| form.0 != "env-first") {
        let outcome = Outcome::of_step(&built(folder, name, "a"), &built(folder, name, "b"));
        proof.shows(&format!("fixed: {what}"), outcome);
    }
    services("fixed");
}
