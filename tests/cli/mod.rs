//! The command line from outside: the real program on real files.
#![expect(clippy::disallowed_methods, reason = "the tests run the program on files that they write")]

mod baseline;
mod bust;
mod check;
mod checklist;
mod fix;
mod forecast;
mod history;
mod init;
mod others;
mod settings;
mod since;
mod stdin;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{projects::fixtures, support::Ran};

/// Copies the program. By another process: a file that this one had open for writing cannot be started while a test
/// beside it forks.
fn copy_program(to: &Path) {
    Ran::new(Command::new("cp").arg(program().get_program()).arg(to)).ok();
}

/// A folder of its own, gone with the value.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A copy of the incident.
    pub(crate) fn scichart() -> Self {
        let folder = Self::new();
        copy(&fixtures().join("_projects/scichart"), folder.path());
        folder
    }

    /// A copy of one rule's bad fixture.
    pub(crate) fn bad(rule: &str, case: &str) -> Self {
        let folder = Self::new();
        copy(&fixtures().join(rule).join("bad").join(case), folder.path());
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub(crate) fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let to = self.join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> String {
        String::from_utf8(fs::read(self.join(path)).unwrap()).unwrap()
    }

    /// Runs the program in the folder.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_in("", args)
    }

    /// Runs the program in a folder below.
    pub(crate) fn run_in(&self, below: &str, args: &[&str]) -> Ran {
        Ran::new(program().args(args).current_dir(self.join(below)))
    }

    pub(crate) fn git(&self, args: &[&str]) -> Ran {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        Ran::new(command.args(args).current_dir(self.path()))
    }

    /// Makes it a checkout with everything committed.
    pub(crate) fn commit(&self) {
        self.git(&["init", "-q"]).ok();
        self.git(&["add", "-A"]).ok();
        self.git(&["commit", "-qm", "All"]).ok();
    }

    /// Every file below with its bytes, `.git` left out.
    pub(crate) fn all(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut open = vec![self.path().to_path_buf()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    if entry.file_name() != ".git" {
                        open.push(entry.path());
                    }
                } else {
                    let name = entry.path().strip_prefix(self.path()).unwrap().to_path_buf();
                    found.push((name, fs::read(entry.path()).unwrap()));
                }
            }
        }
        found.sort();
        found
    }
}

/// The program, with nothing of this environment that changes what it prints.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unstale"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

/// Checks the exit code, and that nothing panicked.
#[track_caller]
pub(crate) fn ends(ran: Ran, code: i32) -> Ran {
    assert!(!ran.stderr.contains("panicked"), "{}: {}", ran.line, ran.stderr);
    assert_eq!(ran.code, code, "{}\n--- stdout\n{}\n--- stderr\n{}", ran.line, ran.stdout, ran.stderr);
    ran
}
