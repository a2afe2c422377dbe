//! `checklist` where a deploy would be refused: nothing goes to standard output, which may be a file that somebody runs.

use super::{Folder, ends};

#[test]
fn what_a_deploy_refuses_makes_no_list() {
    let folder = Folder::scichart();
    folder.commit();
    for format in ["markdown", "sh"] {
        let ran = ends(folder.run(&["checklist", "web", "--local", "--format", format]), 2);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.starts_with("error: refused: branch `"), "{}", ran.stderr);
        assert!(ran.stderr.contains("follows no remote branch"), "{}", ran.stderr);
    }
    folder.git(&["checkout", "-q", "--detach"]).ok();
    let ran = ends(folder.run(&["checklist", "web", "--local"]), 2);
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("", "error: refused: HEAD is detached here; check a branch out first\n")
    );
    let ran = ends(folder.run(&["checklist", "web", "--local", "--format", "json"]), 2);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&document["verdict"], &document["class"]), (&"refused".into(), &"detached".into()));
    for args in [
        &["checklist", "web"][..],
        &["checklist", "--local"],
        &["checklist", "web", "--local", "--format", "yaml"],
    ] {
        assert_eq!(ends(folder.run(args), 2).stdout, "");
    }
}
