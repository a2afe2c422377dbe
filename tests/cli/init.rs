//! `init`: what it writes works, what is there stays, and it is all or nothing.

use std::{fs, io::Write as _, os::unix::fs::symlink, process::Stdio};

use serde_json::Value;

use super::{Folder, ends, program};
use crate::support::Ran;

const HOOK: &str = ".pre-commit-config.yaml";
const WORKFLOW: &str = ".github/workflows/unstale.yml";

/// A checkout with this remote; empty: none.
fn checkout(origin: &str) -> Folder {
    let folder = Folder::scichart();
    folder.commit();
    if !origin.is_empty() {
        folder.git(&["remote", "add", "origin", origin]).ok();
    }
    folder
}

/// What is printed, the folder's own name replaced.
fn shown(folder: &Folder, text: &str) -> String {
    let text = text.replace(folder.path().canonicalize().unwrap().to_str().unwrap(), "/home/u/shop");
    // A release changes no snapshot.
    let version = env!("CARGO_PKG_VERSION");
    let (ruleset, _) = version.rsplit_once('.').unwrap();
    text.replace(version, "[version]").replace(&format!("ruleset = \"{ruleset}\""), "ruleset = \"[ruleset]\"")
}

/// The names that are there now and were not.
fn new(folder: &Folder, before: &[(std::path::PathBuf, Vec<u8>)]) -> Vec<String> {
    let after = folder.all();
    for old in before {
        assert!(after.contains(old), "{} is not what it was", old.0.display());
    }
    let new = after.iter().filter(|(path, _)| before.iter().all(|(old, _)| old != path));
    new.map(|(path, _)| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn it_writes_what_is_missing_at_the_root_of_the_checkout() {
    let folder = checkout("git@github.com:a/b.git");
    let before = folder.all();
    let dry = ends(folder.run_in("frontend", &["init", "--dry-run"]), 0);
    assert_eq!(folder.all(), before);
    insta::assert_snapshot!("dry_run", shown(&folder, &dry.stdout));
    let ran = ends(folder.run_in("frontend", &["init"]), 0);
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!("written", shown(&folder, &ran.stdout));
    assert_eq!(new(&folder, &before), [WORKFLOW, HOOK, "unstale.toml"]);
    for name in [WORKFLOW, HOOK, "unstale.toml"] {
        assert!(dry.stdout.contains(&folder.get(name)), "{name} is what was shown");
    }
    // Again: nothing.
    let before = folder.all();
    let ran = ends(folder.run(&["init"]), 0);
    insta::assert_snapshot!("again", shown(&folder, &ran.stdout));
    assert_eq!(new(&folder, &before), [""; 0]);
}

#[test]
fn what_it_writes_is_accepted_by_check_and_adds_no_finding() {
    for (ci, name) in [("github", WORKFLOW), ("gitlab", ".gitlab-ci.yml")] {
        let folder = checkout("");
        let found = |folder: &Folder| -> Value {
            let ran = ends(folder.run(&["check", "--show", "info", "--format", "json"]), 1);
            let document: Value = serde_json::from_str(&ran.stdout).unwrap();
            document["findings"].clone()
        };
        let before = found(&folder);
        ends(folder.run(&["init", "--ci", ci]), 0);
        assert_eq!(found(&folder), before);
        ends(folder.run(&["check", name]), 0);
        runs_as_written(&folder, name);
        // With every explained key taken for true, too.
        let config = folder.get("unstale.toml");
        let all: String = config
            .lines()
            .map(|line| {
                line.strip_prefix("# ").filter(|l| l.starts_with('[') || l.contains(" = ")).unwrap_or(line)
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_ne!(all, config);
        for key in ["ruleset", "fail-on", "show", "exclude", "broad-copy", "paths", "rules"] {
            assert!(all.lines().any(|line| line.starts_with(key)), "{key}: {all}");
        }
        folder.put("unstale.toml", all);
        let ran = folder.run(&["check", "--format", "json"]);
        assert!(ran.code <= 1 && !ran.stdout.contains("config-error"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("\"broad-copy\""), "the level holds: {}", ran.stdout);
    }
}

/// Runs the command of the job as a runner does: it ends with 1, for what is wrong in the project.
fn runs_as_written(folder: &Folder, name: &str) {
    let job: serde_yaml::Value = serde_yaml::from_str(&folder.get(name)).unwrap();
    let line = match name {
        WORKFLOW => &job["jobs"]["unstale"]["steps"][1]["run"],
        _ => &job["unstale"]["script"][0],
    };
    let mut shell = std::process::Command::new("bash");
    shell.args(["-eo", "pipefail", "-c", line.as_str().unwrap()]).current_dir(folder.path());
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_unstale")).parent().unwrap().to_path_buf();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([binary].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let ran = ends(Ran::new(shell.env("PATH", path)), 1);
    if name == WORKFLOW {
        assert!(ran.stdout.starts_with("::warning file="), "{}", ran.stdout);
    } else {
        let report = job["unstale"]["artifacts"]["reports"]["codequality"].as_str().unwrap();
        let report: Value = serde_json::from_str(&folder.get(report)).unwrap();
        assert!(report[0]["fingerprint"].is_string(), "{report}");
    }
}

#[test]
fn the_host_is_taken_from_files_or_origin_and_never_guessed() {
    let has = |folder: &Folder, args: &[&str]| {
        let ran = ends(folder.run(&[&["init", "--format", "json"], args].concat()), 0);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        (document["ci"].clone(), folder.join(WORKFLOW).exists(), folder.join(".gitlab-ci.yml").exists())
    };
    let github = ("github".into(), true, false);
    let gitlab = ("gitlab".into(), false, true);
    assert_eq!(has(&checkout("https://github.com/a/b"), &[]), github);
    assert_eq!(has(&checkout("git@gitlab.example.org:a/b.git"), &[]), gitlab);
    assert_eq!(has(&checkout(""), &["--ci", "gitlab"]), gitlab);
    assert_eq!(has(&checkout("https://gitlab.com/a/b"), &["--ci", "github"]), github);
    assert_eq!(has(&checkout("https://github.com/a/b"), &["--ci", "none"]), ("none".into(), false, false));
    for origin in ["", "https://example.org/github.com/a", "/srv/github"] {
        assert_eq!(has(&checkout(origin), &[]), (Value::Null, false, false), "{origin}");
    }
    let folder = checkout("https://gitlab.com/a/b");
    folder.put(".github/dependabot.yml", "version: 2\n");
    assert_eq!(has(&folder, &[]), github);
    let folder = checkout("");
    let ran = ends(folder.run(&["init"]), 0);
    assert!(ran.stdout.ends_with("`--ci github` or `--ci gitlab` writes one\n"), "{}", ran.stdout);
}

#[test]
fn what_is_there_stays_byte_for_byte_and_gets_its_addition_printed() {
    let folder = checkout("");
    folder.put(HOOK, "# unstale?\nrepos: []\n");
    folder.put(".gitlab-ci.yml", "test:\r\n  script: [make]\r\n");
    folder.put(".gitignore", "unstale.toml\n");
    folder.put("unstale.toml", b"\xff");
    let before = folder.all();
    let ran = ends(folder.run(&["init"]), 0);
    insta::assert_snapshot!("left_alone", shown(&folder, &ran.stdout));
    assert_eq!(new(&folder, &before), [""; 0]);
    let ran = ends(folder.run(&["init", "--format", "json"]), 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let files = document["files"].as_array().unwrap();
    let outcome = |at: usize| (files[at]["path"].as_str().unwrap(), files[at]["outcome"].as_str().unwrap());
    assert_eq!(outcome(0), ("unstale.toml", "left-alone"));
    assert_eq!(outcome(1), (HOOK, "left-alone"));
    assert_eq!(outcome(2), (".gitlab-ci.yml", "left-alone"));
    assert!(files[0]["add"].is_null() && files[1]["add"].as_str().unwrap().starts_with("  # Runs"));
    // What was printed is added: everything is there.
    let add = |at: usize| files[at]["add"].as_str().unwrap().to_owned();
    folder.put(HOOK, format!("repos:\n{}", add(1)));
    folder.put(".gitlab-ci.yml", format!("test:\n  script: [make]\n{}", add(2)));
    folder.put("unstale.toml", "");
    let ran = ends(folder.run(&["init"]), 0);
    assert!(ran.stdout.ends_with("\neverything is there: nothing to write\n"), "{}", ran.stdout);
    ends(folder.run(&["check", ".gitlab-ci.yml"]), 0);

    // Links and folders.
    let folder = checkout("");
    symlink("nowhere", folder.join("unstale.toml")).unwrap();
    fs::create_dir(folder.join(HOOK)).unwrap();
    fs::create_dir_all(folder.join(".github/workflows")).unwrap();
    symlink("/nowhere/x", folder.join(WORKFLOW)).unwrap();
    let ran = ends(folder.run(&["init"]), 0);
    assert!(ran.stdout.contains("left alone: unstale.toml is there\n"), "{}", ran.stdout);
    assert_eq!(fs::read_link(folder.join("unstale.toml")).unwrap().to_str(), Some("nowhere"));
    assert_eq!(fs::read_dir(folder.join(HOOK)).unwrap().count(), 0);
    assert!(!folder.join("nowhere").exists());
}

#[test]
fn nothing_is_written_where_something_is_in_the_way() {
    let outside = Folder::new();
    let folder = checkout("");
    symlink(outside.path(), folder.join(".github")).unwrap();
    let ran = ends(folder.run(&["init"]), 2);
    assert!(
        ran.stderr.contains(".github` is no folder, and nothing is written through a link"),
        "{}",
        ran.stderr
    );
    assert!(!folder.join("unstale.toml").exists() && outside.all().is_empty());
    fs::remove_file(folder.join(".github")).unwrap();
    folder.put(".github", "a file");
    let ran = ends(folder.run(&["init", "--ci", "github"]), 2);
    assert!(ran.stderr.contains(".github` is no folder"), "{}", ran.stderr);
    ends(folder.run(&["init", "--ci", "none"]), 0);
    for (args, says) in [
        (&["init", "gone"][..], "error: `gone` cannot be read: No such file"),
        (&["init", "app.py"], "error: `app.py` cannot be read: it is no folder"),
        (&["init", "frontend", "--ci", "github"], "error: `"),
        (&["init", "--ci", "jenkins"], "error: invalid value 'jenkins'"),
    ] {
        let ran = ends(folder.run(args), 2);
        assert!(ran.stderr.starts_with(says), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn a_folder_is_taken_at_its_word() {
    let folder = checkout("https://github.com/a/b");
    let before = folder.all();
    let ran = ends(folder.run(&["init", "frontend"]), 0);
    assert!(ran.stdout.contains("lies below the root of its checkout"), "{}", ran.stdout);
    assert_eq!(new(&folder, &before), ["frontend/unstale.toml"]);
    let plain = Folder::new();
    fs::create_dir(plain.join("sub")).unwrap();
    let ran = ends(plain.run_in("sub", &["init"]), 0);
    assert!(
        ran.stdout.contains("/sub` lies in no git checkout: the hook works when it is one"),
        "{}",
        ran.stdout
    );
    assert_eq!(new(&plain, &[]), [&format!("sub/{HOOK}"), "sub/unstale.toml"]);
}

/// Types these answers on a terminal of its own.
fn on_a_terminal(folder: &Folder, line: &str, answers: &str) -> Ran {
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &format!("{} {line}", env!("CARGO_BIN_EXE_unstale")), "/dev/null"]);
    let mut child = command
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        line: line.to_owned(),
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_terminal_is_asked_for_each_file() {
    let folder = checkout("https://github.com/a/b");
    let before = folder.all();
    let ran = ends(on_a_terminal(&folder, "init", "what\nn\n\nY\n"), 0);
    assert_eq!(ran.stdout.matches("write unstale.toml? [Y/n]").count(), 2, "{}", ran.stdout);
    assert!(ran.stdout.contains("not written: unstale.toml"), "{}", ran.stdout);
    assert_eq!(new(&folder, &before), [WORKFLOW, HOOK]);
    // The end of input is no answer.
    let ran = ends(on_a_terminal(&folder, "init", "\u{4}"), 2);
    assert!(ran.stdout.contains("no answer: nothing was written"), "{}", ran.stdout);
    assert!(!folder.join("unstale.toml").exists());
    let ran = ends(on_a_terminal(&folder, "init --yes", ""), 0);
    assert!(!ran.stdout.contains('?'), "{}", ran.stdout);
    assert!(folder.join("unstale.toml").exists());
    // Without a terminal nobody is asked.
    let other = checkout("");
    assert!(!ends(Ran::new(program().arg("init").current_dir(other.path())), 0).stderr.contains("[Y/n]"));
}
