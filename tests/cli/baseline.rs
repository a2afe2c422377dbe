//! `check --baseline`: old findings stay old, whatever happens around them.

use std::fs;

use super::{Folder, ends};

const TWO: &str = "FROM alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nRUN git clone https://example.com/a.git /a\nRUN git clone https://example.com/b.git /b\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.put("web/Dockerfile", TWO);
    folder.put("api/Dockerfile", TWO);
    folder.commit();
    let ran = ends(folder.run(&["check", "--baseline", "known.json", "--write-baseline"]), 0);
    assert_eq!(ran.stdout, "known.json: 4 findings listed\n");
    folder
}

const CHECK: [&str; 3] = ["check", "--baseline", "known.json"];

#[test]
fn old_findings_do_not_count_and_the_summary_says_so() {
    let folder = folder();
    let ran = ends(folder.run(&CHECK), 0);
    assert_eq!(ran.stdout, "2 files: nothing new found; the baseline leaves out 4\n");
    assert_eq!(ran.stderr, "");
    // From anywhere, however it is asked.
    ends(folder.run_in("web", &["check", "--baseline", "../known.json"]), 0);
    ends(folder.run_in("web", &["check", "--baseline", "../known.json", "Dockerfile", "../api"]), 0);
    let json: serde_json::Value = serde_json::from_str(
        &ends(folder.run(&["check", "--baseline", "known.json", "--format", "json"]), 0).stdout,
    )
    .unwrap();
    assert_eq!((&json["summary"]["known"], &json["summary"]["warning"]), (&4.into(), &0.into()));
    let fingerprints = |text: &str| {
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        let all = document["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["fingerprint"].as_str().unwrap().to_owned());
        all.collect::<std::collections::BTreeSet<String>>()
    };
    let all = ends(folder.run(&["check", "--format", "json"]), 1).stdout;
    assert_eq!(fingerprints(&folder.get("known.json")), fingerprints(&all));
    assert_eq!(fingerprints(&all).len(), 4);
}

#[test]
fn unrelated_edits_leave_old_findings_old() {
    let folder = folder();
    for text in [
        format!("# a comment\n\n{TWO}RUN true\n"),
        TWO.replace('\n', "\r\n"),
        TWO.replace("RUN git clone", "RUN   git   clone"),
        TWO.replace("clone https", "clone \\\n      https"),
        "FROM alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nRUN git clone https://example.com/b.git /b\nRUN git clone https://example.com/a.git /a\n".to_owned(),
    ] {
        folder.put("web/Dockerfile", &text);
        ends(folder.run(&CHECK), 0);
    }
}

#[test]
fn a_new_finding_counts_even_if_it_equals_an_old_one() {
    let folder = folder();
    folder.put("web/Dockerfile", format!("{TWO}RUN git clone https://example.com/c.git /c\n"));
    let ran = ends(folder.run(&CHECK), 1);
    assert!(ran.stdout.contains("web/Dockerfile:4:"), "{}", ran.stdout);
    assert!(
        ran.stdout.ends_with("2 files: 1 warning; --fix ends 1; the baseline leaves out 4\n"),
        "{}",
        ran.stdout
    );
    folder.put("web/Dockerfile", format!("{TWO}RUN git clone https://example.com/a.git /a\n"));
    let ran = ends(folder.run(&CHECK), 1);
    assert!(
        ran.stdout.ends_with("2 files: 1 warning; --fix ends 1; the baseline leaves out 4\n"),
        "{}",
        ran.stdout
    );
    folder.put("new/Dockerfile", TWO);
    assert!(
        ends(folder.run(&CHECK), 1)
            .stdout
            .ends_with("3 files: 3 warnings; --fix ends 3; the baseline leaves out 4\n")
    );
}

#[test]
fn what_was_repaired_is_told_and_removed_on_request() {
    let folder = folder();
    folder.put(
        "web/Dockerfile",
        "FROM alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
    );
    let ran = ends(folder.run(&CHECK), 0);
    assert_eq!(ran.stderr, "known.json: 2 entries match nothing any more: `--write-baseline` removes them\n");
    // What was not looked at is not gone.
    assert_eq!(ends(folder.run(&["check", "--baseline", "known.json", "api"]), 0).stderr, "");
    assert_eq!(ends(folder.run(&["check", "--baseline", "known.json", "api/Dockerfile"]), 0).stderr, "");
    assert_eq!(
        ends(folder.run(&["check", "--baseline", "known.json", "--select", "broad-copy"]), 0).stderr,
        ""
    );
    let kept = ends(folder.run(&["check", "--baseline", "known.json", "--write-baseline", "api"]), 0);
    assert_eq!(kept.stdout, "known.json: 4 findings listed\n");
    let all = ends(folder.run(&["check", "--baseline", "known.json", "--write-baseline"]), 0);
    assert_eq!(all.stdout, "known.json: 2 findings listed\n");
    assert_eq!(ends(folder.run(&CHECK), 0).stderr, "");
    fs::remove_dir_all(folder.join("api")).unwrap();
    assert!(ends(folder.run(&CHECK), 0).stderr.starts_with("known.json: 2 entries match nothing"));
}

#[test]
fn the_file_is_sorted_small_and_the_same_every_time() {
    let folder = folder();
    let text = folder.get("known.json");
    assert_eq!(text.lines().count(), 9, "{text}");
    let lines: Vec<&str> =
        text.lines().filter(|l| l.contains("fingerprint")).map(|l| l.trim_end_matches(',')).collect();
    assert!(lines.is_sorted(), "{text}");
    ends(folder.run(&["check", "--baseline", "known.json", "--write-baseline"]), 0);
    assert_eq!(folder.get("known.json"), text);
    let left: Vec<_> =
        folder.all().into_iter().filter(|(path, _)| path.to_string_lossy().contains(".unstale-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn old_findings_are_not_fixed() {
    let folder = Folder::bad("cached-fetch", "with-compose");
    folder.commit();
    ends(folder.run(&["check", "--baseline", "known.json", "--write-baseline"]), 0);
    let before = folder.all();
    ends(folder.run(&["check", "--baseline", "known.json", "--fix", "--unsafe-fixes"]), 0);
    assert_eq!(folder.all(), before);
}

#[test]
fn a_broken_configuration_is_never_old() {
    let folder = folder();
    folder.put("unstale.toml", "x = 1\n");
    let ran = ends(folder.run(&["check", "--baseline", "known.json", "--write-baseline"]), 0);
    assert_eq!(ran.stdout, "known.json: 4 findings listed\n");
    assert!(ends(folder.run(&CHECK), 1).stdout.contains("error[config-error]"));
    ends(folder.run(&["check", "--since", "HEAD"]), 1);
}

#[test]
fn what_is_no_baseline_ends_with_2() {
    let folder = folder();
    let gone = ends(folder.run(&["check", "--baseline", "gone.json"]), 2);
    assert!(
        gone.stderr.contains("`gone.json` cannot be read: ")
            && gone.stderr.contains("`--write-baseline` makes it"),
        "{}",
        gone.stderr
    );
    for (text, says) in [
        ("{", "it is not a baseline"),
        ("[]", "it is not a baseline"),
        ("{\"schema\":2,\"findings\":[]}", "it has the schema 2"),
    ] {
        folder.put("odd.json", text);
        assert!(ends(folder.run(&["check", "--baseline", "odd.json"]), 2).stderr.contains(says), "{text}");
        // Nor is something else written over.
        ends(folder.run(&["check", "--baseline", "odd.json", "--write-baseline"]), 2);
        assert_eq!(folder.get("odd.json"), text);
    }
    ends(folder.run(&["check", "--write-baseline"]), 2);
    ends(folder.run(&["check", "--baseline", "known.json", "--write-baseline", "--since", "HEAD"]), 2);
    folder.put("broken.Dockerfile", b"\xff");
    let ran = ends(folder.run(&["check", "--baseline", "known.json", "--write-baseline"]), 2);
    assert!(ran.stderr.contains("`broken.Dockerfile` could not be checked"), "{}", ran.stderr);
}
