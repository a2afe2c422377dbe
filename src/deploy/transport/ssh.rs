//! Commands through the system's `ssh`, so that the user's configuration, keys and jump hosts work as they are.

use std::{
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use super::{Finished, Lost, Transport, capture, keep, nonce, program, stream};
use crate::protocol::quote;

/// A folder of a machine behind ssh, over one connection that is closed at the end.
#[derive(Debug)]
pub(crate) struct Ssh {
    host: String,
    dir: String,
    folder: PathBuf,
}

/// The longest path of a UNIX socket, less what ssh adds while it creates it.
const SOCKET: usize = 104 - 18;

impl Ssh {
    /// Connects. `host` is what `ssh` takes: an alias, `user@host` or `ssh://user@host:port`.
    ///
    /// # Errors
    /// With ssh's own words when the host cannot be reached or refuses.
    pub(crate) fn connect(host: &str, dir: &str) -> Result<Self, Lost> {
        if host.starts_with('-') || host.is_empty() {
            return Err(Lost(format!("`{host}` is no host")));
        }
        let ssh = Self { host: host.to_owned(), dir: dir.to_owned(), folder: private_folder()? };
        let log = ssh.folder.join("log");
        let errors = create(&log)?;
        // A master of its own, and its errors in a file: a background process that kept our pipe open would make
        // every reader wait for it.
        let status = ssh
            .base()
            .args(["-o", "ControlMaster=yes", "-f", "-N", "--", host])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .status()
            .map_err(|e| Lost(format!("`ssh` cannot be started: {e}")))?;
        if status.success() {
            return Ok(ssh);
        }
        let words = read(&log);
        let words = words.trim().lines().last().unwrap_or("no reason given").trim().to_owned();
        Err(Lost(format!("`{host}` cannot be reached: {words}")))
    }

    fn base(&self) -> std::process::Command {
        let mut command = program("ssh");
        let socket = self.folder.join("s");
        command.arg("-T").arg("-S").arg(socket);
        for option in
            ["BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=10", "ServerAliveCountMax=3"]
        {
            command.args(["-o", option]);
        }
        command
    }

    fn session(&self) -> std::process::Command {
        let mut command = self.base();
        // The login shell may be any: it only gets to see two plain words. The script comes on standard input.
        command.args(["-o", "ControlMaster=no", "--", &self.host, "sh", "-s"]);
        command
    }
}

impl Transport for Ssh {
    fn script(&self, text: &str) -> Result<Vec<u8>, Lost> {
        let lost = |e: std::io::Error| Lost(format!("`ssh` cannot be started: {e}"));
        let (code, out, errors) = capture(&mut self.session(), text.as_bytes()).map_err(lost)?;
        if code == 255 && out.is_empty() {
            let words = String::from_utf8_lossy(&errors);
            return Err(Lost(format!("the connection to `{}` is lost: {}", self.host, words.trim())));
        }
        Ok(out)
    }

    fn run(&self, argv: &[String], stdin: &str, on_line: &mut dyn FnMut(&str)) -> Result<Finished, Lost> {
        let mark = nonce();
        let words = argv.iter().map(|w| word(w)).collect::<Vec<_>>().join(" ");
        // The document's mark is quoted: nothing in it is expanded. It ends with a newline, as a ledger line does.
        let script = format!(
            "GIT_TERMINAL_PROMPT=0; export GIT_TERMINAL_PROMPT\ncd -- {dir} || exit\n{{ {words}\n}} 2>&1 <<'{mark}'\n{stdin}{mark}\nprintf '\\n%s %d\\n' {mark} \"$?\"\n",
            dir = word(&self.dir)
        );
        let (mut tail, mut ended) = (Vec::new(), None);
        let result = stream(&mut self.session(), script.as_bytes(), &mut |line| {
            if let Some(code) = line.strip_prefix(mark.as_str()) {
                ended = code.trim().parse().ok();
            } else {
                keep(&mut tail, &line);
                on_line(&line);
            }
        });
        result.map_err(|e| Lost(format!("`ssh` cannot be started: {e}")))?;
        // Only our own last line tells how the command ended: ssh's 255 can be its own, the command's, or a signal's.
        match ended {
            Some(code) => Ok(Finished { code, tail }),
            None => Err(Lost(format!(
                "the connection to `{}` ended before the command did, and what it did is not known: {}",
                self.host,
                tail.last().map_or("no word from ssh", String::as_str)
            ))),
        }
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let closed = self.base().args(["-O", "exit", "--", &self.host]).stdin(Stdio::null()).output();
        // A connection that is gone already is as good as closed.
        drop(closed);
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A word for a remote POSIX shell, byte for byte (the version for people would rewrite control characters).
fn word(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| quote(text), std::borrow::Cow::into_owned)
}

fn private_folder() -> Result<PathBuf, Lost> {
    let name = nonce();
    let name = &name[..name.len() - 16];
    let mut folder = std::env::temp_dir().join(name);
    if folder.join("s").as_os_str().len() > SOCKET {
        folder = Path::new("/tmp").join(name);
    }
    let made = std::fs::DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|e| Lost(format!("`{}` cannot be made: {e}", folder.display())))?;
    Ok(folder)
}

#[expect(clippy::disallowed_methods, reason = "the errors of the background connection need a file")]
fn create(path: &Path) -> Result<std::fs::File, Lost> {
    std::fs::File::create(path).map_err(|e| Lost(format!("`{}` cannot be made: {e}", path.display())))
}

#[expect(clippy::disallowed_methods, reason = "the errors of the background connection lie in a file")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
