//! Commands on this machine.

use super::{Finished, Lost, Transport, capture, keep, program, stream};

/// A folder of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    dir: String,
}

impl Local {
    /// Commands run in `dir`.
    pub(crate) fn new(dir: impl Into<String>) -> Self {
        Self { dir: dir.into() }
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
}

impl Transport for Local {
    fn script(&self, text: &str) -> Result<Vec<u8>, Lost> {
        let lost = |e: std::io::Error| Lost(format!("`sh` cannot be started: {e}"));
        capture(program("sh").arg("-s"), text.as_bytes()).map(|(_, out, _)| out).map_err(lost)
    }

    fn run(&self, argv: &[String], stdin: &str, on_line: &mut dyn FnMut(&str)) -> Result<Finished, Lost> {
        let (name, words) = argv.split_first().expect("a command has a program");
        let mut tail = Vec::new();
        let mut command = program(name);
        command.args(words).current_dir(&self.dir).env("GIT_TERMINAL_PROMPT", "0");
        let code = stream(&mut command, stdin.as_bytes(), &mut |line| {
            keep(&mut tail, &line);
            on_line(&line);
        });
        let lost = |e: std::io::Error| Lost(format!("`{name}` cannot be started: {e}"));
        code.map(|code| Finished { code, tail }).map_err(lost)
    }
}
