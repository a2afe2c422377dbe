//! An engine that is killed as the kernel does it, and started again as systemd does: in the same place, with the same words.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::Engine;

/// A killed engine. Dropping it starts it again: the other tests need it, whatever became of this one.
///
/// Whoever kills it has claimed it.
pub(crate) struct Killed<'a> {
    engine: &'a Engine,
    folder: PathBuf,
    words: Vec<Vec<u8>>,
    environment: Vec<u8>,
    /// Keeps the namespaces, which end with their last process.
    keeper: Child,
}

impl Engine {
    /// Kills it, and its containerd with it; its containers run on until it comes back.
    pub(crate) fn kill(&self) -> Killed<'_> {
        let folder = self.bin.parent().expect("`bin` lies in the engine's folder").to_owned();
        let pid = fs::read_to_string(folder.join("pid")).unwrap().trim().to_owned();
        let of = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap();
        let (environment, words) = (of("environ"), of("cmdline"));
        let mark = format!("UNSTALE_ENGINE={}", folder.display());
        assert!(
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()),
            "process {pid} is the engine that engine-up started"
        );
        let words = words.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let words = words.map(<[u8]>::to_vec).collect();
        let keeper = entering(&pid).args(["sleep", "600"]).spawn().expect("nsenter is part of Debian");
        // It is there before what it keeps can go.
        let network = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        within(Duration::from_secs(10), || {
            fs::read_link(format!("/proc/{}/exe", keeper.id())).is_ok_and(|exe| !exe.ends_with("nsenter"))
                && network(&keeper.id().to_string()) == network(&pid)
        });
        let killed = Killed { engine: self, folder, words, environment, keeper };
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        // It asks the kernel to end its containerd with it.
        for process in children.split_whitespace().chain([pid.as_str()]) {
            assert!(within(Duration::from_secs(10), || !lives(process)), "{process} does not end");
        }
        killed
    }
}

/// What is to run where that process runs.
fn entering(pid: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["-t", pid, "-m", "-n", "-r", "-w", "--"]).stdin(Stdio::null());
    command
}

/// Waits for something, and says whether it came.
fn within(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while !holds() {
        if begin.elapsed() > time {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

impl Killed<'_> {
    /// Starts it after the two seconds that systemd waits, and waits until it answers.
    pub(crate) fn start(self) {
        std::thread::sleep(Duration::from_secs(2));
        drop(self);
    }
}

impl Drop for Killed<'_> {
    fn drop(&mut self) {
        use std::os::unix::ffi::OsStrExt as _;
        let os = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
        let variables = self.environment.split(|byte| *byte == 0);
        let variables = variables.filter_map(|variable| {
            let at = variable.iter().position(|byte| *byte == b'=')?;
            Some((os(&variable[..at]), os(&variable[at + 1..])))
        });
        // Not a child of this process: it outlives it, and somebody has to take note of its end.
        let script =
            "setsid nsenter -t \"$1\" -m -n -r -w -- $3 </dev/null >>\"$2/log\" 2>&1 & echo $! >\"$2/pid\"";
        let words: Vec<String> =
            self.words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let mut command = Command::new("sh");
        command.env_clear().envs(variables).stdin(Stdio::null()).process_group(0);
        command.args(["-c", script, "sh", &self.keeper.id().to_string()]);
        let _ = command.arg(&self.folder).arg(words.join(" ")).status();
        if !within(Duration::from_mins(1), || self.engine.docker(&["version"]).code == 0) {
            // In a new place, rather than not at all.
            let up = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/engine-up");
            let _ = Command::new(up).arg(&self.engine.name).stdout(Stdio::null()).status();
        }
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
