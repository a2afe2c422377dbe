//! Files that the image does not ship are counted apart, and one that changed is named.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use serde_json::Value;
use unstale::protocol::{Evidence, FileEvidence, Left, NotShipped, Verdict, judge};

use crate::{
    protocol::{evidence, fresh, stale},
    support::{Builder, Engine, Lab, Ran, elsewhere, on_real_engines},
};

on_real_engines!(left_out);

fn left(path: &str, why: Left, changed: bool) -> NotShipped {
    NotShipped { path: path.into(), why, changed }
}

fn beside(files: Vec<FileEvidence>) -> Evidence {
    let not_shipped = vec![
        left("docs/a.md", Left::Ignored, true),
        left("docs/b.md", Left::Ignored, false),
        left("notes", Left::NotCopied, true),
        left("../c", Left::Outside, false),
    ];
    Evidence { not_shipped, ..evidence(files) }
}

#[test]
fn what_is_not_shipped_counts_for_nothing_else() {
    let judged = judge(&beside(vec![fresh()]));
    let counts = judged.replicas[0].counts;
    assert_eq!((counts.checked, counts.fresh, counts.not_shipped), (1, 1, 4));
    assert_eq!(judged.verdict, Verdict::Verified);
    let words = "`docs/a.md` and 1 more changed and is not shipped: `.dockerignore` keeps it out";
    assert!(judged.reason.contains(words), "{}", judged.reason);

    let judged = judge(&beside(vec![stale()]));
    assert_eq!((judged.verdict, judged.replicas[0].counts.not_shipped), (Verdict::Stale, 4));
    assert!(!judged.reason.contains("docs/a.md"), "what is old comes first: {}", judged.reason);

    let unchanged =
        Evidence { not_shipped: vec![left("a", Left::Ignored, false)], ..evidence(vec![fresh()]) };
    assert!(!judge(&unchanged).reason.contains("shipped"));

    let mounted = FileEvidence { path: "docs/a.md".into(), at: "/docs/a.md".into(), ..fresh() };
    let judged = judge(&beside(vec![mounted]));
    assert_eq!((judged.replicas[0].counts.checked, judged.replicas[0].counts.not_shipped), (1, 3));
    assert!(
        judged.reason.contains("`notes` changed and is not shipped: no COPY takes it"),
        "{}",
        judged.reason
    );
}

fn left_out(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::BuildKit) {
        return;
    }
    let lab = Lab::seeded(engine, builder, |project| {
        fs::create_dir(project.join("docs")).unwrap();
        fs::write(project.join("docs/a.md"), "one\n").unwrap();
        fs::write(project.join("docs/b.md"), "one\n").unwrap();
        fs::write(project.join(".dockerignore"), "docs\n").unwrap();
    });
    lab.deploy_naively().ok();
    let verify = || {
        let mut command = lab.in_dev(env!("CARGO_BIN_EXE_unstale"));
        command.args(["verify", "web", "--host", "testhost", "--format", "json", "--dir"]);
        let ran = Ran::new(command.arg(lab.server()));
        serde_json::from_str::<Value>(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
    };
    fs::write(lab.dev().join("docs/a.md"), "two\n").unwrap();
    lab.commit_and_push("docs");
    lab.ssh("git pull -q").ok();
    let document = verify();
    assert_eq!(document["verdict"], "verified", "{document:#}");
    assert_eq!(document["replicas"][0]["files"]["not_shipped"], 2, "{document:#}");
    let reason = document["reason"].as_str().unwrap();
    assert!(reason.contains("no changed file reaches"), "{reason}");
    assert!(
        reason.contains("`docs/a.md` changed and is not shipped: `.dockerignore` keeps it out"),
        "{reason}"
    );
}
