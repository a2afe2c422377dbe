//! `check` under configuration files, and the exit codes of what was named.

use std::{fs, os::unix::process::CommandExt as _};

use super::{Folder, copy_program, ends, program};
use crate::support::Ran;

const FETCH: &str = "FROM alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nRUN git clone https://example.com/team/widgets.git /widgets\n";

#[test]
fn the_configuration_is_found_upwards_to_the_root_of_the_checkout() {
    let outer = Folder::new();
    outer.put("unstale.toml", "rules.cached-fetch = \"error\"\n");
    outer.put("repo/unstale.toml", "rules.cached-fetch = \"off\"\n");
    outer.put("repo/web/Dockerfile", FETCH);
    outer.put("repo/.git/HEAD", "");
    for (below, args) in [
        ("repo", &["check"][..]),
        ("repo/web", &["check"]),
        ("repo/web", &["check", "Dockerfile"]),
        ("", &["check", "repo/web"]),
        ("", &["check", "repo/web/Dockerfile"]),
        ("repo", &["check", "web", "web/Dockerfile"]),
    ] {
        assert_eq!(ends(outer.run_in(below, args), 0).stdout, "1 file: nothing found\n", "{below} {args:?}");
    }
    fs::remove_file(outer.join("repo/unstale.toml")).unwrap();
    let ran = ends(outer.run_in("repo/web", &["check"]), 1);
    assert!(
        ran.stdout.starts_with("warning[cached-fetch]"),
        "nothing above the checkout holds: {}",
        ran.stdout
    );
    // Without a checkout: up to the current folder.
    fs::remove_dir_all(outer.join("repo/.git")).unwrap();
    let ran = ends(outer.run(&["check", "repo/web/Dockerfile"]), 1);
    assert!(ran.stdout.starts_with("error[cached-fetch]"), "{}", ran.stdout);
    let ran = ends(outer.run_in("repo/web", &["check"]), 1);
    assert!(ran.stdout.starts_with("warning[cached-fetch]"), "{}", ran.stdout);
}

#[test]
fn patterns_start_from_the_folder_of_the_file() {
    let folder = Folder::new();
    folder.put("unstale.toml", "exclude = [\"/web/old\"]\n");
    folder.put("web/old/Dockerfile", "FRM\n");
    folder.put("web/Dockerfile", "FROM scratch\n");
    folder.commit();
    for below in ["", "web", "web/old"] {
        ends(folder.run_in(below, &["check"]), 0);
    }
    let named = ends(folder.run(&["check", "web/old/Dockerfile", "web/Dockerfile"]), 0);
    assert_eq!(named.stderr, "web/old/Dockerfile: not checked: the configuration excludes it\n");
    assert_eq!(named.stdout, "1 file: nothing found\n");
    folder.put("web/old/Dockerfile", b"\xff");
    assert_eq!(ends(folder.run(&["check"]), 0).stderr, "");
}

#[test]
fn config_names_the_only_one_that_holds() {
    let folder = Folder::new();
    folder.put("unstale.toml", "this is broken");
    folder.put("web/unstale.toml", "rules.cached-fetch = \"error\"\n");
    folder.put("web/Dockerfile", FETCH);
    folder.put("etc/ci.toml", "rules.cached-fetch = \"off\"\n");
    ends(folder.run(&["check", "--config", "etc/ci.toml"]), 0);
    ends(folder.run_in("web", &["check", "--config", "../etc/ci.toml", "Dockerfile"]), 0);
    folder.put("etc/ci.toml", "rules.cached-fetch = \"of\"\n");
    let ran = ends(folder.run_in("web", &["check", "--config", "../etc/ci.toml"]), 1);
    assert!(ran.stdout.contains("error[config-error]"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("─ ../etc/ci.toml:1:22") || ran.stdout.contains("etc/ci.toml:1:22"),
        "{}",
        ran.stdout
    );
    let ran = ends(folder.run(&["check", "--config", "gone.toml"]), 2);
    assert!(
        ran.stderr.starts_with("error: the configuration `gone.toml` cannot be read: "),
        "{}",
        ran.stderr
    );
    folder.put("bad.toml", b"\xff");
    assert!(ends(folder.run(&["check", "--config", "bad.toml"]), 2).stderr.contains("is not UTF-8"));
}

#[test]
fn mistakes_are_findings_at_their_place_and_are_told_once() {
    let folder = Folder::new();
    folder.put("unstale.toml", "# é\nrules.cached-fetsch = \"off\"\n");
    folder.put("a/Dockerfile", FETCH);
    folder.put("b/Dockerfile", FETCH);
    folder.commit();
    for args in [&["check"][..], &["check", "a", "b"], &["check", "a/Dockerfile", "b/Dockerfile"]] {
        let ran = ends(folder.run(args), 1);
        assert_eq!(ran.stdout.matches("error[config-error]").count(), 1, "{args:?}: {}", ran.stdout);
        assert!(ran.stdout.contains("unstale.toml:2:7"), "{}", ran.stdout);
        assert!(ran.stdout.contains("do you mean `cached-fetch`?"), "{}", ran.stdout);
        assert!(ran.stdout.ends_with("2 files: 1 error, 2 warnings; --fix ends 2\n"), "{}", ran.stdout);
    }
    let ran = ends(folder.run_in("a", &["check"]), 1);
    assert!(ran.stdout.contains("─ ../unstale.toml:2:7"), "{}", ran.stdout);
    let before = folder.all();
    let ran = ends(folder.run(&["check", "--fix"]), 1);
    assert_eq!(ran.stderr, "nothing is fixed that unstale.toml holds for, until its mistakes are gone\n");
    assert_eq!(folder.all(), before);
    folder.put("unstale.toml", b"\xff");
    assert!(
        ends(folder.run(&["check"]), 2).stderr.contains("the configuration `unstale.toml` cannot be read")
    );
}

#[test]
fn fail_on_and_show_come_from_the_file_unless_they_are_typed() {
    let folder = Folder::scichart();
    folder.put("unstale.toml", "fail-on = \"error\"\nshow = \"info\"\n");
    let ran = ends(folder.run(&["check"]), 0);
    assert!(ran.stdout.contains("note[missing-cache-bust]"), "{}", ran.stdout);
    let ran = ends(
        folder.run(&[
            "check",
            "--fail-on",
            "warning",
            "--show",
            "error",
            "--select",
            "broad-copy,missing-cache-bust",
        ]),
        1,
    );
    assert!(
        ran.stdout.starts_with("3 files: 1 warning, 1 info; ")
            && ran.stdout.ends_with("; --show info lists the rest\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_file_that_nothing_knows_is_said_and_alone_it_is_an_error() {
    let folder = Folder::scichart();
    folder.put("notes.txt", "x");
    folder.put("web.image", "FRM\n");
    folder.commit();
    let says = "notes.txt: not a file that unstale knows: not checked\n";
    let ran = ends(folder.run(&["check", "--select", "syntax-error", "notes.txt", "compose.yaml"]), 0);
    assert_eq!((ran.stderr.as_str(), ran.stdout.as_str()), (says, "1 file: nothing found\n"));
    ends(folder.run(&["check", "notes.txt", "Dockerfile"]), 1);
    ends(folder.run(&["check", "notes.txt", "--select", "syntax-error", "."]), 0);
    let alone = ends(folder.run(&["check", "notes.txt", "web.image", "--format", "sarif"]), 2);
    assert!(
        alone.stderr.starts_with(
            "error: nothing was checked: `notes.txt`, `web.image` is not a file that unstale knows: "
        ),
        "{}",
        alone.stderr
    );
    assert_eq!(alone.stdout, "");
    // A file that is read with others is known.
    assert_eq!(ends(folder.run(&["check", "requirements.txt", "compose.yaml"]), 0).stderr, "");
    folder.put("compose.yaml", "services: {web: {build: {context: ., dockerfile: web.image}}}\n");
    ends(folder.run(&["check", "web.image"]), 1);
}

#[test]
fn a_folder_that_cannot_be_entered_is_named() {
    let folder = Folder::new();
    folder.put("Dockerfile", "FROM scratch\n");
    fs::create_dir(folder.join("data")).unwrap();
    let closed =
        |mode| fs::set_permissions(folder.join("data"), std::os::unix::fs::PermissionsExt::from_mode(mode));
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    closed(0o000).unwrap();
    let mut command = program();
    command.args(["check"]).current_dir(folder.path());
    // Root enters everything.
    if fs::read_dir(folder.join("data")).is_ok() {
        let binary = folder.join("unstale");
        copy_program(&binary);
        command = std::process::Command::new(binary);
        command.args(["check"]).current_dir(folder.path()).uid(65_534).gid(65_534);
    }
    let ran = ends(Ran::new(&mut command), 0);
    closed(0o755).unwrap();
    assert_eq!(ran.stderr, "data: not checked: the folder cannot be read (permission denied)\n");
    assert_eq!(ran.stdout, "1 file: nothing found\n");
}

#[test]
fn comments_of_other_linters_are_honoured_where_a_rule_has_their_name() {
    let folder = Folder::new();
    for (text, code) in [
        ("FRM x\n", 1),
        ("# hadolint ignore=DL1000\nFRM x\n", 0),
        ("# hadolint ignore=DL3007,DL1000\nFRM x\n", 0),
        ("FROM x\n# hadolint ignore=DL1000\nRUN a\nFRM x\n", 1),
        ("FROM x\nFRM x\n# hadolint global ignore=DL1000\n", 0),
        ("# hadolint ignore=DL3007\nFRM x\n", 1),
    ] {
        folder.put("Dockerfile", text);
        ends(folder.run(&["check", "--select", "syntax-error,unused-allow"]), code);
    }
    // One that silences nothing is somebody else's business.
    folder.put("Dockerfile", "# hadolint ignore=DL1000\nFROM scratch\n");
    ends(folder.run(&["check"]), 0);
}
