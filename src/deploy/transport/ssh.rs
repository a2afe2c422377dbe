//! Commands through the system's `ssh`, so that the user's configuration, keys and jump hosts work as they are.

use std::{
    cell::RefCell,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use super::{Heard, Lost, Transport, apart, capture, nonce, stream};
use crate::protocol::{Refused, unreachable};

/// A machine behind ssh, over one connection that ends with this process.
#[derive(Debug)]
pub(crate) struct Ssh {
    host: String,
    folder: PathBuf,
    master: RefCell<Master>,
}

/// The process that has the connection, with a shell behind it.
#[derive(Debug)]
struct Master {
    process: Child,
    /// What the shell was told, for the next connection.
    told: Vec<String>,
}

/// The longest path of a UNIX socket, less what ssh adds while it creates it.
const SOCKET: usize = 104 - 18;
/// How long a lost connection is tried again.
const AGAIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

impl Ssh {
    /// Connects. `host` is what `ssh` takes: an alias, `user@host` or `ssh://user@host:port`.
    ///
    /// # Errors
    /// With ssh's own words when the host cannot be reached or refuses.
    pub(crate) fn connect(host: &str) -> Result<Self, Refused> {
        let lost = |lost: Lost| Refused::new("unreachable", lost.0);
        if host.starts_with('-') || host.is_empty() {
            return Err(lost(Lost(format!("`{host}` is no host"))));
        }
        let folder = private_folder().map_err(lost)?;
        match connected(host, &folder) {
            Ok(process) => {
                let master = RefCell::new(Master { process, told: Vec::new() });
                Ok(Self { host: host.to_owned(), folder, master })
            }
            Err(refused) => {
                drop(std::fs::remove_dir_all(&folder));
                Err(refused)
            }
        }
    }

    fn session(&self) -> std::process::Command {
        let mut command = base(&self.folder);
        // The login shell may be any: it only gets to see two plain words. The script comes on standard input.
        command.args(["-o", "ControlMaster=no", "--", &self.host, "sh", "-s"]);
        command
    }

    /// Connects anew, and tells the new shell what the old one was told.
    fn again(&self) -> Result<(), Lost> {
        let mut master = self.master.borrow_mut();
        end(&mut master.process);
        let begin = crate::deploy::now();
        master.process = loop {
            remove(&self.folder.join(SOCKET_NAME));
            match connected(&self.host, &self.folder) {
                Ok(process) => break process,
                Err(refused) if begin.elapsed() > AGAIN => return Err(Lost(refused.message)),
                Err(_) => crate::deploy::pause(PAUSE),
            }
        };
        let Master { process, told } = &mut *master;
        told.iter().try_for_each(|line| tell(process, line))
    }

    /// Does it until the script came to its end, on new connections if need be.
    fn to_the_end(&self, mut run: impl FnMut() -> Result<Ended, Lost>) -> Result<(), Lost> {
        let begin = crate::deploy::now();
        loop {
            match run()? {
                Ended::Whole => return Ok(()),
                Ended::Cut(words) if begin.elapsed() > AGAIN => {
                    return Err(Lost(format!("the connection to `{}` is lost: {words}", self.host)));
                }
                Ended::Cut(words) => self.again().map_err(|lost| {
                    Lost(format!("the connection to `{}` is lost: {words}; and then {}", self.host, lost.0))
                })?,
            }
        }
    }
}

/// How a script ended.
enum Ended {
    /// With its last line.
    Whole,
    /// Before that, with ssh's words.
    Cut(String),
}

/// A script that prints the mark as its last line, however it ends: it may have traps of its own.
fn marked(text: &str, mark: &str) -> String {
    format!("(\n{text}\n)\nprintf '\\n%s\\n' {mark}\n")
}

fn base(folder: &Path) -> std::process::Command {
    let mut command = apart("ssh");
    command.arg("-T").arg("-S").arg(folder.join(SOCKET_NAME));
    for option in ["BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=10", "ServerAliveCountMax=3"] {
        command.args(["-o", option]);
    }
    command
}

const SOCKET_NAME: &str = "s";

/// A connection for the sessions to come. Its own session is a shell that reads from us: when this process is gone, however
/// it went, the shell has read to the end, and the connection ends.
fn connected(host: &str, folder: &Path) -> Result<Child, Refused> {
    let lost = |why: String| Refused::new("unreachable", why);
    let log = folder.join("log");
    let mut process = base(folder)
        .args(["-o", "ControlMaster=yes", "--", host, "sh"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(create(&log).map_err(|e| lost(e.0))?)
        .spawn()
        .map_err(|e| lost(format!("`ssh` cannot be started: {e}")))?;
    let mark = nonce();
    // A write that fails is a connection that fails: the next lines see it.
    let _ = tell(&mut process, &format!("printf '\\n%s\\n' {mark}"));
    let out = process.stdout.take().expect("it has a pipe");
    let answered = BufReader::new(out).lines().map_while(Result::ok).any(|line| line == mark);
    if answered {
        return Ok(process);
    }
    end(&mut process);
    Err(unreachable(host, &read(&log)))
}

fn tell(process: &mut Child, line: &str) -> Result<(), Lost> {
    let stdin = process.stdin.as_mut().expect("it has a pipe");
    let written = stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush());
    written.map_err(|e| Lost(format!("the connection does not take a line: {e}")))
}

/// Ends the process with the connection: by the end of its input, or else at once.
fn end(process: &mut Child) {
    drop(process.stdin.take());
    for _ in 0..20 {
        if matches!(process.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        crate::deploy::pause(Duration::from_millis(50));
    }
    // Either it is gone already, or it is now.
    drop(process.kill());
    drop(process.wait());
}

impl Transport for Ssh {
    fn script(&self, text: &str) -> Result<Vec<u8>, Lost> {
        let mark = nonce();
        let text = marked(text, &mark);
        let end = format!("\n{mark}\n");
        let mut answer = Vec::new();
        self.to_the_end(|| {
            let lost = |e: std::io::Error| Lost(format!("`ssh` cannot be started: {e}"));
            let (_, mut out, errors) = capture(&mut self.session(), text.as_bytes()).map_err(lost)?;
            if !out.ends_with(end.as_bytes()) {
                return Ok(Ended::Cut(String::from_utf8_lossy(&errors).trim().to_owned()));
            }
            out.truncate(out.len() - end.len());
            answer = out;
            Ok(Ended::Whole)
        })?;
        Ok(answer)
    }

    fn follow(&self, text: &str, end: &str, on: &mut dyn FnMut(Heard<'_>)) -> Result<Vec<u8>, Lost> {
        let mark = nonce();
        let text = marked(text, &mark);
        let end_of_all = format!("\n{mark}\n");
        let (mut known, mut answer) = (0, Vec::new());
        self.to_the_end(|| {
            let (mut at, mut whole) = (0, false);
            let log = self.folder.join("errors");
            let lost = |e: std::io::Error| Lost(format!("`ssh` cannot be started: {e}"));
            let errors = create(&log)?.into();
            let ended = stream(&mut self.session(), errors, text.as_bytes(), Some(end), &mut |heard| {
                let Heard::Line(line) = heard else { return on(heard) };
                if line == mark {
                    whole = true;
                    return;
                }
                at += 1;
                if at > known {
                    known = at;
                    on(heard);
                }
            });
            let (_, mut rest) = ended.map_err(lost)?;
            if rest.ends_with(end_of_all.as_bytes()) {
                rest.truncate(rest.len() - end_of_all.len());
            } else if !whole {
                return Ok(Ended::Cut(read(&log).trim().to_owned()));
            }
            answer = rest;
            Ok(Ended::Whole)
        })?;
        Ok(answer)
    }

    fn hold(&self, line: &str) -> Result<(), Lost> {
        let mut master = self.master.borrow_mut();
        master.told.push(line.to_owned());
        tell(&mut master.process, line)
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        end(&mut self.master.get_mut().process);
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn private_folder() -> Result<PathBuf, Lost> {
    let name = nonce();
    let name = &name[..name.len() - 16];
    let mut folder = std::env::temp_dir().join(name);
    if folder.join(SOCKET_NAME).as_os_str().len() > SOCKET {
        folder = Path::new("/tmp").join(name);
    }
    let made = std::fs::DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|e| Lost(format!("`{}` cannot be made: {e}", folder.display())))?;
    Ok(folder)
}

#[expect(clippy::disallowed_methods, reason = "a connection that was cut off leaves its socket behind")]
fn remove(path: &Path) {
    // If it stays, the next connection says so.
    drop(std::fs::remove_file(path));
}

#[expect(clippy::disallowed_methods, reason = "the errors of the background connection need a file")]
fn create(path: &Path) -> Result<std::fs::File, Lost> {
    std::fs::File::create(path).map_err(|e| Lost(format!("`{}` cannot be made: {e}", path.display())))
}

#[expect(clippy::disallowed_methods, reason = "the errors of the background connection lie in a file")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
