//! Where others start the program: pre-commit's hooks, the GitHub Action, a shell's completions. The real pre-commit and
//! the real bash run them; GitHub's runner does not, its shell steps do.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the tests run real programs, and say when there are none"
)]

use std::{fs, path::Path, process::Command};

use unstale::model::kind::FileKind;

use crate::{
    cli::{Folder, ends},
    support::Ran,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml(name: &str) -> serde_yaml::Value {
    serde_yaml::from_str(&fs::read_to_string(root().join(name)).unwrap()).unwrap()
}

#[test]
fn the_hooks_take_the_files_that_check_speaks_of() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    assert_eq!(hooks.as_sequence().unwrap().len(), 2);
    for hook in hooks.as_sequence().unwrap() {
        let pattern = |key: &str| regex::Regex::new(hook[key].as_str().unwrap()).unwrap();
        let (files, exclude) = (pattern("files"), pattern("exclude"));
        let takes = |name: &str| files.is_match(name) && !exclude.is_match(name);
        for name in [
            "Dockerfile",
            "dockerfile",
            "web/Dockerfile.prod",
            "Dockerfile-dev",
            "Dockerfile_dev",
            "web.Dockerfile",
            "Containerfile",
            "compose.yaml",
            "docker-compose.yml",
            "docker-compose.prod.yaml",
            "compose_dev.yml",
            "prod.compose.yaml",
            "docker_compose.yml",
            "podman-compose.yml",
            ".dockerignore",
            "web/Dockerfile.dockerignore",
            ".containerignore",
            "a/unstale.toml",
        ] {
            assert!(takes(name), "{name}");
            assert!(FileKind::of(name).is_some(), "{name}: alone it would end with 2");
        }
        for name in ["deploy.sh", "Makefile", "ops/deploy", ".gitlab-ci.yml", ".github/workflows/ci.yaml"] {
            assert!(takes(name), "{name}");
        }
        for name in [
            "Dockerfile.md",
            "web/dockerfile-lint.js",
            "Dockerfile_x.yml",
            "workflows/ci.yaml",
            "src/main.rs",
            "README.md",
            "Dockerfiles",
            "mydockerfile",
            "decompose.yaml",
            "unstale.toml.orig",
            "dockerignore",
        ] {
            assert!(!takes(name), "{name}");
        }
    }
}

/// The real pre-commit, out of the virtual environment that `.ci/run` makes.
fn pre_commit() -> Option<std::path::PathBuf> {
    let beside =
        std::env::var_os("UNSTALE_PYTHON").map(|python| Path::new(&python).with_file_name("pre-commit"));
    let found = beside.filter(|path| path.exists());
    if found.is_none() {
        assert!(
            std::env::var_os("UNSTALE_REQUIRE_REAL").is_none(),
            "UNSTALE_PYTHON has no pre-commit beside it"
        );
        eprintln!("skipped: UNSTALE_PYTHON has no pre-commit beside it");
    }
    found
}

/// Builds the hook as pre-commit does, then runs it without a network: it finds, fails, fixes.
#[test]
fn pre_commit_builds_the_hook_and_runs_it_without_a_network() {
    let Some(pre_commit) = pre_commit() else { return };
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    // pre-commit clones: what is not committed is added on top.
    let (source, home) = (Folder::new(), Folder::new());
    let entries =
        ["Cargo.toml", "Cargo.lock", "src", "rules", "fixtures/_lab", ".pre-commit-hooks.yaml", "README.md"];
    let mut copy = Command::new("cp");
    Ran::new(copy.args(["-r", "--parents"]).args(entries).arg(source.path()).current_dir(root())).ok();
    // The manifest names them; a build of the program does not read them.
    source.put("tests/it.rs", "");
    source.put("benches/check.rs", "");
    source.commit();
    let folder = Folder::scichart();
    folder.put("notes.txt", "x");
    let revision = source.git(&["rev-parse", "HEAD"]).ok();
    let config = |hook: &str| {
        format!(
            "repos:\n  - repo: {}\n    rev: {revision}\n    hooks: [{{id: {hook}}}]\n",
            source.path().display()
        )
    };
    folder.put(".pre-commit-config.yaml", config("unstale"));
    folder.commit();
    let run = |offline: bool, args: &[&str]| {
        let mut command = if offline { Command::new("unshare") } else { Command::new(&pre_commit) };
        if offline {
            command.arg("--net").arg(&pre_commit);
        }
        command.args(args).current_dir(folder.path());
        // Its own cache; a quick build that later runs take over.
        command.env("PRE_COMMIT_HOME", home.path()).env("CARGO_TARGET_DIR", target.join("pre-commit"));
        for (name, value) in [("LTO", "off"), ("OPT_LEVEL", "0"), ("CODEGEN_UNITS", "16"), ("STRIP", "false")]
        {
            command.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("NO_COLOR", "1");
        Ran::new(&mut command)
    };
    let built = std::time::Instant::now();
    run(false, &["install-hooks"]).ok();
    eprintln!("pre-commit built the hook in {:?}", built.elapsed());
    let found = run(true, &["run", "--all-files"]);
    assert_eq!(found.code, 1, "{}\n{}", found.stdout, found.stderr);
    assert!(
        found.stdout.contains("warning[broad-copy]") && found.stdout.contains("─ Dockerfile:6:1"),
        "{}",
        found.stdout
    );
    // Only what is committed: a file that nothing knows starts no hook.
    let none = run(true, &["run", "--files", "notes.txt"]);
    assert!(none.code == 0 && none.stdout.contains("Skipped"), "{}", none.stdout);
    folder.put(".pre-commit-config.yaml", config("unstale-fix"));
    folder.commit();
    let fixed = run(true, &["run", "--all-files"]);
    assert_eq!(fixed.code, 1, "{}", fixed.stdout);
    assert!(fixed.stdout.contains("files were modified by this hook"), "{}", fixed.stdout);
    assert!(folder.get("Dockerfile").contains("ARG CACHE_BUST=unset"), "{}", folder.get("Dockerfile"));
}

/// What `init` writes is the published hook with the program of the PATH; the real pre-commit takes it and runs it.
#[test]
fn pre_commit_runs_what_init_writes() {
    let folder = Folder::scichart();
    folder.put("notes.txt", "x");
    folder.commit();
    ends(folder.run(&["init"]), 0);
    let written: serde_yaml::Value = serde_yaml::from_str(&folder.get(".pre-commit-config.yaml")).unwrap();
    let (own, published) = (&written["repos"][0]["hooks"][0], &yaml(".pre-commit-hooks.yaml")[0]);
    for key in ["id", "name", "entry", "types", "files", "exclude", "require_serial"] {
        assert!(!own[key].is_null() && own[key] == published[key], "{key}");
    }
    let Some(pre_commit) = pre_commit() else { return };
    folder.commit();
    let home = Folder::new();
    let run = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(&pre_commit).args(args).current_dir(folder.path());
        let binary = Path::new(env!("CARGO_BIN_EXE_unstale")).parent().unwrap().to_path_buf();
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths([binary].into_iter().chain(std::env::split_paths(&path))).unwrap();
        command.env("PRE_COMMIT_HOME", home.path()).env("PATH", path);
        Ran::new(command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("NO_COLOR", "1"))
    };
    assert_eq!(run(&["validate-config", "--color=never"]).ok(), "");
    let found = run(&["run", "--all-files"]);
    assert_eq!(found.code, 1, "{}\n{}", found.stdout, found.stderr);
    assert!(found.stdout.contains("warning[broad-copy]"), "{}", found.stdout);
    assert!(!found.stdout.to_lowercase().contains("deprecat") && found.stderr.is_empty(), "{found:?}");
    let none = run(&["run", "--files", "notes.txt"]);
    assert!(none.code == 0 && none.stdout.contains("Skipped"), "{}", none.stdout);
    // And with git itself.
    run(&["install"]).ok();
    folder.put("Dockerfile", folder.get("Dockerfile").replace("EXPOSE", "# x\nEXPOSE"));
    folder.git(&["add", "-A"]).ok();
    let mut commit = Command::new("git");
    commit.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "x"]);
    let binary = Path::new(env!("CARGO_BIN_EXE_unstale")).parent().unwrap().to_path_buf();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([binary].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let refused =
        Ran::new(commit.current_dir(folder.path()).env("PATH", path).env("PRE_COMMIT_HOME", home.path()));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("warning[broad-copy]"), "{}", refused.stderr);
}

/// Runs the steps of the action as the runner does: expressions become variables, outputs are read from a file.
fn action(folder: &Folder, inputs: &[(&str, &str)]) -> (Ran, std::collections::BTreeMap<String, String>) {
    let action = yaml("action.yml");
    let value = |expression: &str, outputs: &std::collections::BTreeMap<String, String>| -> String {
        let inner = expression.trim().strip_prefix("${{").and_then(|e| e.strip_suffix("}}")).unwrap().trim();
        if let Some(name) = inner.strip_prefix("inputs.") {
            let given = inputs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            return given.unwrap_or_else(|| action["inputs"][name]["default"].as_str().unwrap().to_owned());
        }
        match inner {
            "github.action_path" => root().display().to_string(),
            "steps.install.outputs.program" => outputs["program"].clone(),
            other => panic!("what is {other}?"),
        }
    };
    let mut outputs = std::collections::BTreeMap::new();
    let mut last = None;
    for step in action["runs"]["steps"].as_sequence().unwrap() {
        let script = step["run"].as_str().unwrap();
        assert!(
            !script.contains("${{"),
            "an expression inside of a script is code of whoever writes its value"
        );
        let output = folder.join(".git/output");
        fs::write(&output, "").unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]);
        let below = step["working-directory"].as_str().map_or_else(String::new, |e| value(e, &outputs));
        command.current_dir(folder.join(&below));
        for (name, expression) in step["env"].as_mapping().unwrap() {
            command.env(name.as_str().unwrap(), value(expression.as_str().unwrap(), &outputs));
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_unstale")).parent().unwrap();
        let path = std::env::join_paths(
            [binary.to_path_buf()]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        )
        .unwrap();
        command
            .env("PATH", path)
            .env("GITHUB_OUTPUT", &output)
            .env("RUNNER_TEMP", folder.path())
            .env("CI", "true");
        let ran = Ran::new(&mut command);
        for line in fs::read_to_string(&output).unwrap().lines() {
            let (name, value) = line.split_once('=').unwrap();
            outputs.insert(name.to_owned(), value.to_owned());
        }
        let failed = ran.code != 0;
        last = Some(ran);
        if failed {
            break;
        }
    }
    (last.unwrap(), outputs)
}

#[test]
fn the_steps_of_the_action_annotate_and_write_sarif() {
    let folder = Folder::scichart();
    folder.commit();
    let (ran, outputs) = action(
        &folder,
        &[("sarif-file", "out dir.sarif"), ("args", "--select=broad-copy,missing-cache-bust")],
    );
    assert_eq!(ran.code, 1, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.starts_with("::warning file=Dockerfile,line=6,"), "{}", ran.stdout);
    assert_eq!((outputs["exit-code"].as_str(), outputs["sarif-file"].as_str()), ("1", "out dir.sarif"));
    let sarif: serde_json::Value = serde_json::from_str(&folder.get("out dir.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 2);
    let (ran, outputs) = action(
        &folder,
        &[("args", "--fail-on=error\n--ignore=missing-cache-bust\n"), ("paths", "Dockerfile\ncompose.yaml")],
    );
    assert_eq!((ran.code, outputs["exit-code"].as_str()), (0, "0"), "{}", ran.stderr);
    assert!(!outputs.contains_key("sarif-file"));
    // Text of a workflow is no code.
    let (ran, outputs) = action(&folder, &[("paths", "$(touch x); `touch x`"), ("sarif-file", "y")]);
    assert_eq!((ran.code, outputs["exit-code"].as_str()), (2, "2"), "{}", ran.stdout);
    assert!(ran.stderr.starts_with("error: `$(touch x); `touch x`` cannot be read: "), "{}", ran.stderr);
    assert!(!folder.join("x").exists() && !folder.join("y").exists());
    let (ran, _) = action(&folder, &[("paths", "--fix")]);
    assert!(ran.stderr.starts_with("error: `--fix` cannot be read: "), "{}", ran.stderr);
    folder.put("sub/Dockerfile", "FRM\n");
    let (ran, _) = action(&folder, &[("working-directory", "sub")]);
    assert!(ran.stdout.starts_with("::error file=sub/Dockerfile,line=1,"), "{}", ran.stdout);
}

#[test]
fn shells_take_the_completions() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ends(folder.run(&["completions", shell]), 0).stdout;
        assert!(script.contains("stdin-filename"), "{shell}");
        folder.put(shell, script);
    }
    Ran::new(Command::new("bash").arg("-n").arg(folder.join("bash"))).ok();
    for (line, expected) in [
        ("unstale ch", &["check", "checklist"][..]),
        ("unstale hi", &["history"]),
        ("unstale checklist --format s", &["sh"]),
        ("unstale check --since-", &[]),
        ("unstale check --fo", &["--format"]),
        ("unstale check --format s", &["sarif"]),
        ("unstale completions f", &["fish"]),
        ("unstale bu", &["bust"]),
        ("unstale bust --to", &["--touch"]),
        ("unstale init --ci git", &["github", "gitlab"]),
    ] {
        let asked = format!(
            "source '{}'; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; read -ra COMP_WORDS <<<\"$COMP_LINE\"; \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _unstale unstale \"${{COMP_WORDS[COMP_CWORD]}}\" \
             \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            folder.join("bash").display()
        );
        let said = Ran::new(Command::new("bash").args(["--noprofile", "--norc", "-c", &asked])).ok();
        assert_eq!(said.lines().filter(|l| !l.is_empty()).collect::<Vec<_>>(), expected, "{line}");
    }
    ends(folder.run(&["completions", "csh"]), 2);
}
