//! The proof of `syntax-error`: the engines read every case of its fixtures.

use unstale::settings::Settings;

use super::harness::{Proof, proofs, write};
use super::table::Outcome;
use crate::projects::{Case, cases, fixtures};
use crate::support::Ran;

proofs! {
    "syntax-error" => syntax_error on corners;
}

fn of(kind: &str) -> Vec<Case> {
    let all = cases(&fixtures().join("syntax-error").join(kind));
    assert!(!all.is_empty(), "no case is {kind}");
    all
}

/// The engine's own builder and compose read the cases of the fixtures, and every found line of a Dockerfile by itself.
fn syntax_error(proof: &Proof) {
    let build = |dockerfile: &str| {
        let dockerfile = dockerfile.replace("alpine:3.20", &proof.base);
        write(&proof.lab.server(), "Dockerfile", &dockerfile);
        proof.try_build(".", &[])
    };
    let read = |compose: &str| {
        write(&proof.lab.server(), "compose.yaml", compose);
        proof.compose("config", None)
    };
    for case in of("bad") {
        let (_, file) = case.snapshot.files().next().expect("every case has a file");
        let label = format!("bad: the fixture `{}`", case.name);
        if file.path == "compose.yaml" {
            let ran = read(&file.text);
            let last = case.name != "duplicate" || ran.code != 0 || ran.stdout.contains("image: b");
            assert!(last, "of two equal keys the last one is taken: {ran:?}");
            proof.shows(&label, Outcome::of_exit(&ran, ""));
            continue;
        }
        let parse_error = |ran: &Ran| Outcome::of_exit(ran, "dockerfile parse error");
        proof.shows(&label, parse_error(&build(&file.text)));
        let settings = Settings { select: vec!["syntax-error".to_owned()], ..Settings::default() };
        let report = unstale::engine::check(&case.snapshot, &settings);
        assert!(!report.findings.is_empty());
        for finding in report.findings {
            let line = file.text[finding.at.span.start()..].lines().next().expect("a finding has text");
            let ran = build(&format!("FROM alpine:3.20\n{line}\n"));
            assert_eq!(parse_error(&ran), Outcome::Fails, "{}: {line}", case.name);
        }
    }
    for case in of("good") {
        let (_, file) = case.snapshot.files().next().expect("every case has a file");
        let label = format!("good: the fixture `{}`", case.name);
        if file.path == "compose.yaml" {
            proof.shows(&label, Outcome::of_exit(&read(&file.text), ""));
            continue;
        }
        // The frontend that the line names is in a registry; without it the builder's own reads the file.
        let text = file.text.replace("# syntax=docker/dockerfile:1\n", "");
        proof.shows(&label, Outcome::of_exit(&build(&text), "dockerfile parse error"));
        let ran = build(&text.replace("<<EOF\necho a\nEOF\n", "echo a\n"));
        proof.shows(
            &format!("{label} without its here-document"),
            Outcome::of_exit(&ran, "dockerfile parse error"),
        );
    }
}
