//! Commands on this machine.

use std::{
    cell::RefCell,
    io::Write as _,
    process::{Child, Stdio},
};

use super::{Finished, Heard, Lost, Transport, apart, capture, keep, program, stream};

/// A folder of this machine.
#[derive(Debug)]
pub(crate) struct Local {
    dir: String,
    holder: RefCell<Option<Child>>,
}

impl Clone for Local {
    /// Without what the first one holds.
    fn clone(&self) -> Self {
        Self::new(&self.dir)
    }
}

impl Local {
    /// Commands run in `dir`.
    pub(crate) fn new(dir: impl Into<String>) -> Self {
        Self { dir: dir.into(), holder: RefCell::new(None) }
    }

    /// Runs a command in the folder and gives its exit code, its output and its errors.
    pub(crate) fn output(&self, argv: &[&str], stdin: &[u8]) -> Result<(i32, Vec<u8>, Vec<u8>), Lost> {
        let (name, words) = argv.split_first().expect("a command has a program");
        let lost = |e: std::io::Error| Lost(format!("`{name}` cannot be started: {e}"));
        let mut command = program(name);
        command.args(words).current_dir(&self.dir);
        // Reading takes no lock in the user's repository, and nobody answers a prompt.
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        capture(&mut command, stdin).map_err(lost)
    }

    /// Runs a command in the folder and hands on each line as it comes.
    pub(crate) fn run(
        &self,
        argv: &[String],
        stdin: &str,
        on: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Finished, Lost> {
        let (name, words) = argv.split_first().expect("a command has a program");
        let mut tail = Vec::new();
        let mut command = apart(name);
        command.args(words).current_dir(&self.dir).env("GIT_TERMINAL_PROMPT", "0");
        let ended = stream(&mut command, Stdio::piped(), stdin.as_bytes(), None, &mut |heard| {
            keep(&mut tail, heard);
            on(heard);
        });
        let lost = |e: std::io::Error| Lost(format!("`{name}` cannot be started: {e}"));
        ended.map(|(code, _)| Finished { code, tail }).map_err(lost)
    }
}

impl Transport for Local {
    fn script(&self, text: &str) -> Result<Vec<u8>, Lost> {
        let lost = |e: std::io::Error| Lost(format!("`sh` cannot be started: {e}"));
        capture(apart("sh").arg("-s"), text.as_bytes()).map(|(_, out, _)| out).map_err(lost)
    }

    fn follow(&self, text: &str, end: &str, on: &mut dyn FnMut(Heard<'_>)) -> Result<Vec<u8>, Lost> {
        let lost = |e: std::io::Error| Lost(format!("`sh` cannot be started: {e}"));
        let ended = stream(apart("sh").arg("-s"), Stdio::piped(), text.as_bytes(), Some(end), on);
        ended.map(|(_, rest)| rest).map_err(lost)
    }

    fn hold(&self, line: &str) -> Result<(), Lost> {
        let lost = |e: std::io::Error| Lost(format!("`sh` cannot be started: {e}"));
        let mut holder = self.holder.borrow_mut();
        if holder.is_none() {
            let mut shell = apart("sh");
            *holder = Some(shell.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(lost)?);
        }
        let stdin = holder.as_mut().and_then(|shell| shell.stdin.as_mut()).expect("it has a pipe");
        stdin.write_all(format!("{line}\n").as_bytes()).map_err(lost)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(mut shell) = self.holder.get_mut().take() {
            drop(shell.stdin.take());
            // It has nothing more to read.
            drop(shell.wait());
        }
    }
}
