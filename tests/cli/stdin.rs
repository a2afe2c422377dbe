//! `check --stdin-filename NAME -`: a text that is not saved yet, among the files beside it.

use std::{io::Write as _, process::Stdio};

use super::{Folder, ends, program};
use crate::support::Ran;

/// Runs the program in a folder below with a text on its standard input.
fn run(folder: &Folder, below: &str, args: &[&str], text: &[u8]) -> Ran {
    let mut command = program();
    command.args(args).current_dir(folder.join(below));
    let line = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_vec();
    // It may end without reading: that is its business.
    let writer = std::thread::spawn(move || stdin.write_all(&text).is_ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        line,
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const AS: [&str; 4] = ["check", "--stdin-filename", "Dockerfile", "-"];

#[test]
fn the_text_counts_and_its_neighbours_are_read_from_disk() {
    let folder = Folder::scichart();
    folder.commit();
    // What is on disk is found for the manifest beside it, and the text without it is clean.
    assert!(
        ends(run(&folder, "", &AS, folder.get("Dockerfile").as_bytes()), 1)
            .stdout
            .contains("─ Dockerfile:6:1")
    );
    assert_eq!(ends(run(&folder, "", &AS, b"FROM scratch\n"), 0).stdout, "1 file: nothing found\n");
    let below = run(
        &folder,
        "frontend",
        &["check", "--stdin-filename", "../Dockerfile", "-"],
        folder.get("Dockerfile").as_bytes(),
    );
    assert!(ends(below, 1).stdout.contains("─ ../Dockerfile:6:1"));
    // A file that is not there yet; findings of others are not its business.
    folder.put("api/Dockerfile", "FRM\n");
    let new = run(&folder, "", &["check", "--stdin-filename", "api/new.Dockerfile", "-"], b"FROM x\nFRM\n");
    let new = ends(new, 1);
    assert!(
        new.stdout.contains("─ api/new.Dockerfile:2:1") && new.stdout.ends_with("1 file: 1 error\n"),
        "{}",
        new.stdout
    );
    // A compose file that names another Dockerfile than the one on disk.
    folder.put("web.image", "FROM node:22\nWORKDIR /app\nCOPY . .\n");
    let compose = "services: {web: {build: {context: ., dockerfile: web.image}, volumes: [\"code:/app\"]}}\nvolumes: {code: }\n";
    let ran =
        ends(run(&folder, "", &["check", "--stdin-filename", "compose.yaml", "-"], compose.as_bytes()), 1);
    assert!(ran.stdout.contains("error[volume-shadows-image]"), "{}", ran.stdout);
}

#[test]
fn fixed_text_goes_to_standard_output_and_nothing_is_written() {
    let folder = Folder::bad("broad-copy", "linked");
    folder.commit();
    let before = folder.all();
    let name = before
        .iter()
        .map(|(p, _)| p.to_string_lossy().into_owned())
        .find(|p| p.ends_with("Dockerfile"))
        .unwrap();
    let text = folder.get(&name);
    let args = ["check", "--select", "broad-copy", "--fix", "--unsafe-fixes", "--stdin-filename", &name, "-"];
    let fixed = run(&folder, "", &args, text.as_bytes());
    assert_eq!(folder.all(), before);
    folder.run(&["check", "--select", "broad-copy", "--fix", "--unsafe-fixes", &name]);
    assert_eq!(fixed.stdout, folder.get(&name));
    assert_ne!(fixed.stdout, text);
    assert!(
        fixed.stderr.contains(&format!("fixed {name}: ")) && fixed.stderr.contains(": nothing found\n"),
        "{}",
        fixed.stderr
    );
    // Nothing to fix: the text as it came.
    for odd in ["", "\u{feff}FROM scratch\r\n", "FROM scratch"] {
        assert_eq!(ends(run(&folder, "", &args, odd.as_bytes()), 0).stdout, odd);
    }
    let diff =
        ["check", "--select", "broad-copy", "--diff", "--unsafe-fixes", "--stdin-filename", &name, "-"];
    let shown = ends(run(&folder, "", &diff, text.as_bytes()), 1);
    assert!(shown.stdout.starts_with(&format!("--- a/{name}\n+++ b/{name}\n@@ ")), "{}", shown.stdout);
}

#[test]
fn a_fix_that_needs_another_file_is_left_to_a_run_on_files() {
    let folder = Folder::scichart();
    folder.commit();
    let text = folder.get("Dockerfile");
    let args = ["check", "--fix", "--fail-on", "error", "--stdin-filename", "Dockerfile", "-"];
    // The cache-bust layer goes into the Dockerfile and the compose file.
    assert_eq!(ends(run(&folder, "", &args, text.as_bytes()), 0).stdout, text);
}

#[test]
fn what_cannot_be_meant_ends_with_2() {
    let folder = Folder::scichart();
    for (args, text, says) in [
        (&["check", "-"][..], &b""[..], "say with `--stdin-filename` which file it is"),
        (&["check", "--stdin-filename", "Dockerfile"], b"", "goes with the path `-` and no other"),
        (&["check", "--stdin-filename", "Dockerfile", "-", "."], b"", "goes with the path `-` and no other"),
        (
            &["check", "--stdin-filename", "gone/Dockerfile", "-"],
            b"",
            "`gone`, the folder of `--stdin-filename`, cannot be read",
        ),
        (&["check", "--stdin-filename", "frontend", "-"], b"", "is a folder"),
        (
            &["check", "--stdin-filename", "notes.txt", "-"],
            b"x",
            "nothing was checked: `notes.txt` is not a file",
        ),
        (&["check", "--fix", "--stdin-filename", "Dockerfile", "-"], b"FROM \xff", "byte 5 is not UTF-8"),
    ] {
        let ran = ends(run(&folder, "", args, text), 2);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
    }
}
