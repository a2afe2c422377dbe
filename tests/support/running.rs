//! A running `unstale` whose progress is read, and which can be interrupted, killed or cut off.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Lab, Ran};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");

/// The processes that one has started itself.
fn children(parent: u32) -> Vec<u32> {
    let path = PathBuf::from(format!("/proc/{parent}/task"));
    let tasks = fs::read_dir(path).into_iter().flatten().flatten();
    let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let all: Vec<String> = tasks.map(of).collect();
    all.iter().flat_map(|list| list.split_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
}

/// A running `unstale` whose progress is read.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Running {
    pub(crate) fn start(lab: &Lab, args: &[&str]) -> Self {
        let mut command = lab.in_dev(UNSTALE);
        command.args(args).args(["--host", "testhost", "--format", "json", "--dir"]).arg(lab.server());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines, said: Vec::new() }
    }

    /// Waits until it says something.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, what: &str) {
        loop {
            let Ok(line) = self.lines.recv_timeout(Duration::from_mins(2)) else {
                let said = std::mem::take(&mut self.said);
                self.kill();
                panic!("{what} is not said: {said:#?}\n{:#?}", ended(self));
            };
            let found = line.contains(what);
            self.said.push(line);
            if found {
                return;
            }
        }
    }

    /// All that it has said; once it ended.
    pub(crate) fn said(&mut self) -> &[String] {
        self.said.extend(&self.lines);
        &self.said
    }

    /// As the terminal does it.
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Holds it while something happens, so that it is at the step that it was at.
    pub(crate) fn held<T>(&self, during: impl FnOnce() -> T) -> T {
        self.signal("-STOP");
        let result = during();
        self.signal("-CONT");
        result
    }

    fn signal(&self, name: &str) {
        Ran::new(Command::new("kill").args([name, &self.child.id().to_string()])).ok();
    }

    /// As if a cable were pulled: the process that holds the connection is gone.
    pub(crate) fn kill_connection(&self) {
        let begin = Instant::now();
        loop {
            let found = children(self.child.id()).into_iter().find(|pid| {
                let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&words).contains("ControlMaster=yes")
            });
            if let Some(pid) = found {
                Ran::new(Command::new("kill").args(["-KILL", &pid.to_string()])).ok();
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(5), "there is a connection");
        }
    }

    /// As the kernel does it when there is no memory left; its ssh goes with the pipes.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }
}

/// Waits for the end; the document on standard output, if there is one, and the exit code.
pub(crate) fn ended(running: &mut Running) -> (Value, i32) {
    let mut text = String::new();
    running.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let status = running.child.wait().unwrap();
    let document = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    (document, status.code().unwrap_or(-1))
}
