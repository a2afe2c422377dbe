//! How commands get to the machine with the checkout: on this one, or through `ssh`.

mod local;
mod ssh;

pub(crate) use local::Local;
pub(crate) use ssh::Ssh;

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

/// The machine could not be asked. What it did is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) String);

/// A command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Its exit code; 128 and more for a signal.
    pub(crate) code: i32,
    /// Its last lines, standard output and error together.
    pub(crate) tail: Vec<String>,
}

/// What is heard of a command that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heard<'l> {
    /// One line of its output or its errors.
    Line(&'l str),
    /// Nothing for a moment: the time to look whether somebody wants it to stop.
    Nothing,
}

/// A machine with a folder. Behind ssh, a connection that is lost is made again, and what was asked is asked again: so
/// every script has to be one that may run twice.
pub(crate) trait Transport {
    /// Runs a POSIX shell script in no particular folder and gives what it printed.
    fn script(&self, text: &str) -> Result<Vec<u8>, Lost>;

    /// Runs a script, and hands on each line as it comes, up to the one that begins with `end`; what comes after that word
    /// is given as it is. A script that is started again starts with its first line again, and lines that were handed on
    /// are not handed on twice.
    fn follow(&self, text: &str, end: &str, on: &mut dyn FnMut(Heard<'_>)) -> Result<Vec<u8>, Lost>;

    /// Has a shell on that machine run a line; the shell lives as long as this process is connected, and no longer.
    fn hold(&self, line: &str) -> Result<(), Lost>;
}

/// How many lines of a command are kept for the report of a failure.
const TAIL: usize = 40;
/// Longer lines are cut: a build may print without newlines.
const LINE: u64 = 4096;

/// How long a command may say nothing before that is told.
const MOMENT: Duration = Duration::from_millis(200);

/// A word for a POSIX shell, byte for byte (the version for people would rewrite control characters).
pub(crate) fn word(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| crate::protocol::quote(text), std::borrow::Cow::into_owned)
}

/// A word that no output contains: marks what is ours in a stream.
pub(crate) fn nonce() -> String {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    // Each `RandomState` has keys from the system's random source.
    let word = || RandomState::new().build_hasher().finish();
    format!("unstale-{:016x}{:016x}", word(), word())
}

/// A program to start; the one place that makes one.
#[expect(clippy::disallowed_methods, reason = "this is where processes start")]
pub(crate) fn program(name: &str) -> Command {
    Command::new(name)
}

/// A program in a process group of its own: what a terminal's Ctrl-C ends is `unstale` alone, which then ends in order.
fn apart(name: &str) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = program(name);
    command.process_group(0);
    command
}

/// What a process that is read prints.
enum Printed {
    Line(String),
    Rest(Vec<u8>),
}

/// Starts a process, writes its input, and hands on its lines, output and errors together; errors can also go where the
/// caller wants them. Gives its exit code and what it prints after the word that ends its lines.
fn stream(
    command: &mut Command,
    errors: Stdio,
    input: &[u8],
    end: Option<&str>,
    on: &mut dyn FnMut(Heard<'_>),
) -> std::io::Result<(i32, Vec<u8>)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).spawn()?;
    let (sender, lines) = mpsc::channel();
    let readers: Vec<_> = [
        child.stdout.take().map(|s| Box::new(s) as Box<dyn Read + Send>),
        child.stderr.take().map(|s| Box::new(s) as Box<dyn Read + Send>),
    ]
    .into_iter()
    .flatten()
    .map(|source| {
        let (sender, end) = (sender.clone(), end.map(str::to_owned));
        std::thread::spawn(move || read_lines(source, end.as_deref(), &sender))
    })
    .collect();
    drop(sender);
    feed(&mut child, input.to_vec());
    let mut rest = Vec::new();
    loop {
        match lines.recv_timeout(MOMENT) {
            Ok(Printed::Line(line)) => on(Heard::Line(&line)),
            Ok(Printed::Rest(bytes)) => rest = bytes,
            Err(RecvTimeoutError::Timeout) => on(Heard::Nothing),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    for reader in readers {
        reader.join().expect("a reader does not panic");
    }
    Ok((code(child.wait()?), rest))
}

/// Starts a process, writes its input, and gives output and errors apart.
pub(crate) fn capture(command: &mut Command, input: &[u8]) -> std::io::Result<(i32, Vec<u8>, Vec<u8>)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    feed(&mut child, input.to_vec());
    let output = child.wait_with_output()?;
    Ok((code(output.status), output.stdout, output.stderr))
}

/// Writes in a thread of its own, so that a process that prints before it reads cannot block both.
fn feed(child: &mut Child, input: Vec<u8>) {
    if let Some(mut stdin) = child.stdin.take() {
        std::thread::spawn(move || {
            // A process that does not read to the end is no error: its exit code tells.
            let _ = stdin.write_all(&input);
        });
    }
}

fn read_lines(source: impl Read, end: Option<&str>, sender: &mpsc::Sender<Printed>) {
    let mut source = BufReader::new(source);
    loop {
        let mut line = Vec::new();
        match source.by_ref().take(LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if let Some(rest) = end.and_then(|end| line.strip_prefix(end.as_bytes())) {
            let mut rest = rest.to_vec();
            // What is cut off lacks its own end.
            drop(source.read_to_end(&mut rest));
            drop(sender.send(Printed::Rest(rest)));
            return;
        }
        let text = String::from_utf8_lossy(&line);
        if sender.send(Printed::Line(text.trim_end_matches(['\n', '\r']).to_owned())).is_err() {
            return;
        }
    }
}

fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Keeps the last lines.
pub(crate) fn keep(tail: &mut Vec<String>, heard: Heard<'_>) {
    let Heard::Line(line) = heard else { return };
    if line.trim().is_empty() {
        return;
    }
    if tail.len() == TAIL {
        tail.remove(0);
    }
    tail.push(line.to_owned());
}
