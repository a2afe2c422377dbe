//! How the tests run a program and look at what it said.

use std::process::Command;

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The program and its arguments, for messages.
    pub(crate) line: String,
    /// The exit code; -1: ended by a signal.
    pub(crate) code: i32,
    /// Standard output, bytes that are not UTF-8 replaced.
    pub(crate) stdout: String,
    /// Standard error, bytes that are not UTF-8 replaced.
    pub(crate) stderr: String,
}

impl Ran {
    /// Runs `command` to its end, with nothing on its standard input.
    pub(crate) fn new(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        let output = command
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{line} does not start: {error}"));
        Self {
            line,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output without the last line's end; panics with all that was said if the program failed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(
            self.code == 0,
            "{} ended with {}\n--- stdout\n{}\n--- stderr\n{}",
            self.line,
            self.code,
            self.stdout,
            self.stderr
        );
        self.stdout.trim_end().to_owned()
    }
}
