//! `check` without fixes: what it prints and how it ends.

use std::{fs, os::unix::ffi::OsStrExt as _, os::unix::fs::symlink, path::Path};

use serde_json::Value;

use super::{Folder, ends};

#[test]
fn text_report_of_the_incident() {
    let ran = ends(Folder::scichart().run(&["check", "--show", "info"]), 1);
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!(ran.stdout);
}

/// The bytes of a span of the document are what its lines and columns say.
#[track_caller]
fn slice<'a>(text: &'a str, span: &Value) -> &'a str {
    let place = |end: &str| {
        let number = |field: &str| usize::try_from(span[end][field].as_u64().unwrap()).unwrap();
        let (byte, line, column) = (number("byte"), number("line"), number("column"));
        let start = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
        let rest = &text[start..];
        let counted = rest.char_indices().map(|(at, _)| at).chain([rest.len()]).nth(column - 1).unwrap();
        assert_eq!(start + counted, byte, "{span}");
        byte
    };
    &text[place("start")..place("end")]
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_report_has_every_field_and_its_places_are_exact() {
    let folder = Folder::scichart();
    let dockerfile = folder.get("Dockerfile").replace("COPY . .", "# ein Übermaß\nCOPY . .");
    folder.put("Dockerfile", &dockerfile);
    let two = "broad-copy,missing-cache-bust";
    let ran = ends(folder.run(&["check", "--format", "json", "--select", two]), 1);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(keys(&document), ["schema", "summary", "findings", "not_checked"]);
    assert_eq!(document["schema"], 1);
    assert_eq!(
        document["summary"],
        serde_json::json!({"files": 3, "error": 0, "warning": 1, "info": 1, "fixable": 2})
    );
    let findings = document["findings"].as_array().unwrap();
    let broad = findings.iter().find(|f| f["rule"] == "broad-copy").unwrap();
    assert_eq!(
        keys(broad),
        ["rule", "severity", "message", "file", "span", "labels", "mechanisms", "fix", "fingerprint"]
    );
    assert_eq!((&broad["severity"], &broad["file"]), (&"warning".into(), &"Dockerfile".into()));
    assert_eq!(slice(&dockerfile, &broad["span"]), "COPY . .");
    assert_eq!(broad["span"]["start"]["line"], 7);
    assert_eq!(broad["span"]["start"]["column"], 1);
    let label = &broad["labels"][0];
    assert_eq!(keys(label), ["file", "span", "message"]);
    assert_eq!(slice(&dockerfile, &label["span"]), "pip install --no-cache-dir -r requirements.txt");
    assert_eq!(keys(&broad["fix"]), ["safety", "title", "edits"]);
    let bust = findings.iter().find(|f| f["rule"] == "missing-cache-bust").unwrap();
    assert_eq!(bust["severity"], "info");
    assert_eq!(bust["fix"]["safety"], "safe");
    let edits = bust["fix"]["edits"].as_array().unwrap();
    let files: Vec<&str> = edits.iter().map(|e| e["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["Dockerfile", "compose.yaml"]);
    for edit in edits {
        assert_eq!(keys(edit), ["file", "span", "replacement"]);
        slice(&folder.get(edit["file"].as_str().unwrap()), &edit["span"]);
    }
    for finding in findings {
        assert!(!finding["mechanisms"].as_array().unwrap().is_empty());
        assert!(finding["mechanisms"][0].as_str().unwrap().starts_with('S'));
    }
    let volume = Folder::bad("volume-shadows-image", "app-folder");
    let ran = ends(volume.run(&["check", "--format", "json", "--select", "volume-shadows-image"]), 1);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let finding = &document["findings"][0];
    assert!(finding["help"].is_string());
    assert_eq!(finding["labels"][0]["file"], "Dockerfile");
    assert_eq!(slice(&volume.get("compose.yaml"), &finding["span"]), "code:/app");
}

#[test]
fn exit_codes_follow_what_counts() {
    let folder = Folder::scichart();
    ends(folder.run(&["check"]), 1);
    ends(folder.run(&["check", "--fail-on", "info"]), 1);
    ends(folder.run(&["check", "--fail-on", "error"]), 0);
    // Among two rules: the others' findings on these files are not the point.
    let two = |more: &[&str]| {
        let mut args = vec!["check", "--select", "broad-copy,missing-cache-bust"];
        args.extend(more);
        folder.run(&args)
    };
    ends(two(&["--ignore", "broad-copy"]), 0);
    ends(two(&["--ignore", "broad-copy", "--fail-on", "info"]), 1);
    ends(two(&["--ignore", "broad-copy,missing-cache-bust", "--fail-on", "info"]), 0);
    ends(folder.run(&["check", "--select", "missing-cache-bust"]), 0);
    ends(folder.run(&["check", "--select", "syntax-error,broad-copy"]), 1);
    let clean = Folder::new();
    assert_eq!(ends(clean.run(&["check"]), 0).stdout, "0 files: nothing found\n");
    clean.put("Dockerfile", "FROM scratch\n");
    assert_eq!(ends(clean.run(&["check"]), 0).stdout, "1 file: nothing found\n");
}

#[test]
fn what_cannot_be_done_ends_with_2_and_one_line() {
    let folder = Folder::scichart();
    let before = folder.all();
    for (args, says) in [
        (
            &["check", "--select", "no-such"][..],
            "error: there is no rule `no-such`: `unstale rules` lists them\n",
        ),
        (&["check", "--fix", "--ignore", "no-such"], "error: there is no rule `no-such`"),
        (&["check", "gone"], "error: `gone` cannot be read: "),
        (&["check", "--fix", ".", "gone/Dockerfile"], "error: `gone/Dockerfile` cannot be read: "),
        (
            &["check", "--diff", "--format", "json"],
            "error: a diff has no json: leave out `--diff` or `--format json`",
        ),
        (&["check", "--fail-on", "bad"], "error: invalid value 'bad'"),
    ] {
        let ran = ends(folder.run(args), 2);
        assert!(ran.stderr.starts_with(says), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
    }
    assert_eq!(folder.all(), before);
}

#[test]
fn a_file_that_is_not_utf8_is_reported_and_the_others_are_checked() {
    let folder = Folder::scichart();
    folder.put("old/Dockerfile", b"FROM x\n# caf\xe9\n");
    let ran = ends(folder.run(&["check"]), 1);
    assert_eq!(
        ran.stderr,
        "old/Dockerfile: not checked: byte 12 is not UTF-8: save it as UTF-8, it is left alone until then\n"
    );
    assert!(ran.stdout.contains("broad-copy"), "{}", ran.stdout);
    // It counts even if nothing is found in the others.
    ends(folder.run(&["check", "--fail-on", "error"]), 1);
    let json = ends(folder.run(&["check", "--format", "json"]), 1);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["not_checked"][0]["file"], "old/Dockerfile");
    // One that was not asked for is nobody's business.
    assert_eq!(ends(folder.run(&["check", "compose.yaml"]), 0).stderr, "");
    ends(folder.run(&["check", "old/Dockerfile"]), 1);
}

#[test]
fn a_path_that_is_not_utf8_is_reported() {
    let folder = Folder::new();
    let dir = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("Dockerfile"), "FROM x\n").unwrap();
    let ran = ends(folder.run(&["check"]), 1);
    assert_eq!(ran.stderr, "caf\u{fffd}/Dockerfile: not checked: its path is not UTF-8: rename it\n");
}

#[test]
fn broken_files_are_findings_and_the_others_are_analysed() {
    let folder = Folder::scichart();
    folder.put("compose.yaml", "services:\n  web: [build: .\n");
    let ran = ends(folder.run(&["check"]), 1);
    assert!(ran.stdout.contains("error[syntax-error]"), "{}", ran.stdout);
    assert!(ran.stdout.contains("compose.yaml:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("broad-copy"), "{}", ran.stdout);
    let folder = Folder::scichart();
    folder.put("broken/Dockerfile", "FRM x\nCOPY\n");
    let ran = ends(folder.run(&["check"]), 1);
    assert!(ran.stdout.contains("broken/Dockerfile:1:1"), "{}", ran.stdout);
    assert!(ran.stdout.contains("broad-copy"), "{}", ran.stdout);
    for text in ["\0\0\0", "{", "<html></html>", "services: 3\n", "- a\n", "%\n", "\u{feff}"] {
        folder.put("compose.yaml", text);
        let ran = ends(folder.run(&["check"]), 1);
        assert!(ran.stdout.contains("broad-copy"), "{text:?}: {}", ran.stdout);
    }
}

#[test]
fn files_are_named_as_pre_commit_passes_them() {
    let folder = Folder::scichart();
    folder.put("api/Dockerfile", "FROM x\nADD http://example.org/latest /x\nFRM\n");
    folder.commit();
    let one = ends(folder.run(&["check", "Dockerfile", "requirements.txt"]), 1);
    assert!(one.stdout.contains("─ Dockerfile:6:1"), "{}", one.stdout);
    assert!(!one.stdout.contains("api/"), "{}", one.stdout);
    assert_eq!(one.stderr, "");
    let below = ends(folder.run_in("api", &["check", "Dockerfile", "../Dockerfile"]), 1);
    assert!(below.stdout.contains("─ Dockerfile:3:1"), "{}", below.stdout);
    assert!(below.stdout.contains("─ ../Dockerfile:6:1"), "{}", below.stdout);
    let absolute = folder.join("api/Dockerfile");
    let whole = ends(Folder::new().run(&["check", absolute.to_str().unwrap()]), 1);
    assert!(
        whole.stdout.contains(&format!(
            "─ {}:3:1",
            folder.path().canonicalize().unwrap().join("api/Dockerfile").display()
        )),
        "{}",
        whole.stdout
    );
    // What two paths name is looked at once.
    let both = ends(folder.run(&["check", "api", ".", "api/Dockerfile", "./api"]), 1);
    assert_eq!(both.stdout, ends(folder.run(&["check"]), 1).stdout);
    let several = ends(folder.run(&["check", "api", "frontend", "compose.yaml"]), 1);
    assert!(several.stdout.contains("─ api/Dockerfile:3:1"), "{}", several.stdout);
    assert!(!several.stdout.contains("broad-copy"), "{}", several.stdout);
}

#[test]
fn what_git_ignores_is_not_checked_unless_it_is_named() {
    let folder = Folder::new();
    folder.put(".gitignore", "build/\nsecret.Dockerfile\n");
    folder.put("build/Dockerfile", "FRM\n");
    folder.put("secret.Dockerfile", "FRM\n");
    folder.put("sub/secret.Dockerfile", "FRM\n");
    folder.put("sub/vendor/.gitignore", "*\n");
    folder.put("sub/vendor/Dockerfile", "FRM\n");
    folder.put("sub/Dockerfile", "FROM x\n");
    folder.commit();
    assert_eq!(ends(folder.run(&["check"]), 0).stdout, "1 file: nothing found\n");
    assert_eq!(ends(folder.run(&["check", "sub"]), 0).stdout, "1 file: nothing found\n");
    assert_eq!(ends(folder.run_in("sub", &["check"]), 0).stdout, "1 file: nothing found\n");
    ends(folder.run(&["check", "secret.Dockerfile"]), 1);
    ends(folder.run(&["check", "build"]), 1);
    ends(folder.run(&["check", ".", "build"]), 1);
    ends(folder.run_in("build", &["check"]), 1);
    // An ignore file above the checkout does not reach into it.
    let outer = Folder::new();
    outer.put(".gitignore", "*\n");
    outer.put("in/.git/HEAD", "");
    outer.put("in/sub/Dockerfile", "FRM\n");
    ends(outer.run(&["check", "in/sub"]), 1);
    fs::remove_dir_all(outer.join("in/.git")).unwrap();
    ends(outer.run(&["check", "in/sub"]), 1);
}

#[test]
fn a_dockerfile_that_only_compose_knows_is_found() {
    let folder = Folder::new();
    folder.put(
        "compose.yaml",
        "services:\n  web:\n    build:\n      context: .\n      dockerfile: ops/web.image\n",
    );
    folder.put("ops/web.image", "FROM x\nFRM\n");
    folder.put("ops/other.image", "FRM\n");
    let ran = ends(folder.run(&["check"]), 1);
    assert!(ran.stdout.contains("─ ops/web.image:2:1"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("2 files: 1 error\n"), "{}", ran.stdout);
    folder.commit();
    ends(folder.run(&["check", "ops/web.image"]), 1);
}

#[test]
fn odd_files_are_no_reason_to_stop() {
    let folder = Folder::scichart();
    fs::create_dir(folder.join("Dockerfile.d")).unwrap();
    symlink("gone", folder.join("Dockerfile.dangling")).unwrap();
    symlink("loop.Dockerfile", folder.join("loop.Dockerfile")).unwrap();
    symlink("/dev/zero", folder.join("zero.Dockerfile")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.join("fifo.Dockerfile")).status().unwrap();
    assert!(made.success());
    let ran = ends(folder.run(&["check"]), 1);
    assert!(ran.stdout.contains("broad-copy"), "{}", ran.stdout);
    let mut said: Vec<&str> =
        ran.stderr.lines().map(|l| l.split(": not checked: ").next().unwrap()).collect();
    said.sort_unstable();
    assert_eq!(said, ["Dockerfile.dangling", "loop.Dockerfile", "zero.Dockerfile"]);
    assert!(Path::new(&folder.join("fifo.Dockerfile")).exists());
    ends(folder.run(&["check", "fifo.Dockerfile"]), 1);
}
