//! `check --since`: only what the change touches, as git sees it.

use super::{Folder, ends};

/// Three stages with a finding each, and a compose file over them.
const THREE: &str = "FROM alpine:3.20 AS a\nRUN git clone https://example.com/a.git /a\n\nFROM alpine:3.20 AS b\nRUN git clone https://example.com/b.git /b\n\nFROM alpine:3.20 AS c\nRUN git clone https://example.com/c.git /c\n";

fn lines(folder: &Folder, args: &[&str]) -> Vec<String> {
    let mut all = vec!["check", "--select", "cached-fetch,volume-shadows-image", "--format", "json"];
    all.extend(args);
    let ran = folder.run(&all);
    assert!(ran.code < 2, "{}", ran.stderr);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let place =
        |f: &serde_json::Value| format!("{}:{}", f["file"].as_str().unwrap(), f["span"]["start"]["line"]);
    let found: Vec<String> = document["findings"].as_array().unwrap().iter().map(place).collect();
    assert_eq!(ran.code, i32::from(!found.is_empty()));
    found
}

fn committed() -> Folder {
    let folder = Folder::new();
    folder.put("Dockerfile", THREE);
    folder.commit();
    folder.git(&["tag", "start"]).ok();
    folder
}

#[test]
fn only_findings_on_touched_lines_are_shown() {
    let folder = committed();
    assert_eq!(lines(&folder, &[]).len(), 3);
    assert_eq!(lines(&folder, &["--since", "start"]), [""; 0]);
    // Not committed.
    folder.put("Dockerfile", THREE.replace("/b.git", "/bb.git"));
    assert_eq!(lines(&folder, &["--since", "HEAD"]), ["Dockerfile:5"]);
    // Staged, then committed.
    folder.git(&["add", "-A"]).ok();
    assert_eq!(lines(&folder, &["--since", "HEAD"]), ["Dockerfile:5"]);
    folder.git(&["commit", "-qm", "b"]).ok();
    assert_eq!(lines(&folder, &["--since", "HEAD"]), [""; 0]);
    assert_eq!(lines(&folder, &["--since", "HEAD~1"]), ["Dockerfile:5"]);
    assert_eq!(lines(&folder, &["--since", "start", "Dockerfile"]), ["Dockerfile:5"]);
    // New, known to git or not.
    folder.put("sub dir/ä\t\"x\".Dockerfile", THREE);
    assert_eq!(lines(&folder, &["--since", "HEAD"]).len(), 3);
    folder.git(&["add", "-A"]).ok();
    assert_eq!(lines(&folder, &["--since", "HEAD"]).len(), 3);
    assert_eq!(lines(&folder, &["--since", "start"]).len(), 4);
}

#[test]
fn a_join_a_rename_and_a_moved_line_are_seen() {
    let folder = committed();
    // Only removed: the lines that are neighbours now.
    folder.put("Dockerfile", THREE.replace("/b\n\nFROM alpine:3.20 AS c\n", "/b\n"));
    assert_eq!(lines(&folder, &["--since", "start"]), ["Dockerfile:5", "Dockerfile:6"]);
    // Renamed with one line changed: the others are not new.
    folder.put("Dockerfile", THREE);
    folder.git(&["mv", "Dockerfile", "web.Dockerfile"]).ok();
    folder.put("web.Dockerfile", THREE.replace("/c.git", "/cc.git"));
    assert_eq!(lines(&folder, &["--since", "start"]), ["web.Dockerfile:8"]);
    // Lines above do not touch those below.
    folder.put("web.Dockerfile", format!("# one\n# two\n{THREE}"));
    assert_eq!(lines(&folder, &["--since", "start"]), [""; 0]);
}

#[test]
fn a_branch_is_compared_with_where_it_left() {
    let folder = committed();
    folder.git(&["branch", "-M", "main"]).ok();
    folder.git(&["checkout", "-qb", "topic"]).ok();
    folder.put("Dockerfile", THREE.replace("/a.git", "/aa.git"));
    folder.commit();
    folder.git(&["checkout", "-q", "main"]).ok();
    folder.put("Dockerfile", THREE.replace("/c.git", "/cc.git"));
    folder.commit();
    folder.git(&["checkout", "-q", "topic"]).ok();
    assert_eq!(lines(&folder, &["--since", "main"]), ["Dockerfile:2"]);
}

#[test]
fn a_label_on_a_touched_line_counts() {
    let folder = Folder::bad("volume-shadows-image", "app-folder");
    folder.commit();
    let all = lines(&folder, &[]);
    assert!(all.iter().any(|at| at.starts_with("compose")), "{all:?}");
    let dockerfile = folder.get("Dockerfile");
    folder.put("Dockerfile", dockerfile.replace("COPY", "COPY --chmod=755"));
    let found = lines(&folder, &["--since", "HEAD"]);
    assert!(found.iter().any(|at| at.starts_with("compose")), "{found:?}");
    folder.put("Dockerfile", format!("{dockerfile}# touched elsewhere\n"));
    assert_eq!(lines(&folder, &["--since", "HEAD"]), [""; 0]);
}

#[test]
fn a_fix_is_made_where_the_change_is() {
    let folder = Folder::bad("cached-fetch", "with-compose");
    folder.commit();
    let before = folder.all();
    ends(folder.run(&["check", "--fix", "--since", "HEAD"]), 0);
    assert_eq!(folder.all(), before);
    let fetch = folder.get("Dockerfile");
    let at = fetch.find("RUN ").unwrap();
    folder.put("Dockerfile", format!("{}RUN  {}", &fetch[..at], &fetch[at + 4..]));
    ends(folder.run(&["check", "--fix", "--since", "HEAD"]), 0);
    assert!(folder.get("Dockerfile").contains("CACHE_BUST"), "{}", folder.get("Dockerfile"));
}

#[test]
fn settings_of_a_user_change_nothing() {
    let folder = committed();
    folder.put("Dockerfile", THREE.replace("/b.git", "/bb.git"));
    for setting in [
        ["diff.noprefix", "true"],
        ["diff.mnemonicPrefix", "true"],
        ["diff.interHunkContext", "20"],
        ["diff.context", "9"],
        ["color.ui", "always"],
        ["diff.external", "/bin/false"],
        ["diff.relative", "true"],
        ["diff.renames", "false"],
        ["core.quotePath", "true"],
    ] {
        folder.git(&["config", setting[0], setting[1]]).ok();
        assert_eq!(lines(&folder, &["--since", "start"]), ["Dockerfile:5"], "{setting:?}");
    }
    folder.put(".gitattributes", "* -diff\n");
    assert_eq!(lines(&folder, &["--since", "start"]), ["Dockerfile:5"]);
}

#[test]
fn what_git_cannot_say_ends_with_2() {
    let folder = committed();
    for revision in ["gone", "--output=/tmp/x", "", "start:Dockerfile"] {
        let ran = ends(folder.run(&["check", &format!("--since={revision}")]), 2);
        assert!(
            ran.stderr.starts_with(&format!("error: git knows no revision `{revision}` in ")),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "");
    }
    let plain = Folder::scichart();
    let ran = ends(plain.run(&["check", "--since", "HEAD"]), 2);
    assert!(
        ran.stderr.contains("lies in no git checkout: `--since` compares with a revision of one"),
        "{}",
        ran.stderr
    );
}
