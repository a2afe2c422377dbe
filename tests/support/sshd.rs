//! An ssh server of the test's own: a port on the loopback, throw-away keys, one user.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Ran;

/// The name by which the client's configuration knows the server.
pub(crate) const HOST: &str = "testhost";

/// A running sshd; dropping it ends it. Its sessions end with their programs.
pub(crate) struct Sshd {
    process: Child,
    folder: PathBuf,
}

impl Sshd {
    /// Starts sshd with its files in `folder`; every session sees `env` and otherwise what sshd gives by itself.
    pub(super) fn start(folder: &Path, env: &[(&str, &str)]) -> Self {
        Self::named(HOST, folder, env)
    }

    /// The same under another name.
    pub(super) fn named(name: &str, folder: &Path, env: &[(&str, &str)]) -> Self {
        fs::create_dir_all(folder).expect("the lab's folder can be written");
        for key in ["host", "user"] {
            Ran::new(
                Command::new("ssh-keygen")
                    .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                    .arg(folder.join(key)),
            )
            .ok();
        }
        // sshd's own, for the separation of privileges; a service manager would make it.
        fs::create_dir_all("/run/sshd").expect("root can make sshd's folder");
        // Another program can take the port between the question and sshd's start.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .expect("the loopback has a free port")
                .port();
            if let Some(process) = listen(folder, port, env) {
                write_client_files(name, folder, port);
                return Self { process, folder: folder.to_owned() };
            }
        }
        let log = fs::read_to_string(folder.join("sshd.log")).unwrap_or_default();
        panic!("sshd does not start:\n{log}");
    }

    /// The client's configuration: `ssh -F <this> testhost`.
    pub(super) fn client_config(&self) -> PathBuf {
        self.folder.join("config")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts sshd on `port` and waits until it accepts; `None`: it ended.
fn listen(folder: &Path, port: u16, env: &[(&str, &str)]) -> Option<Child> {
    let path = |name: &str| folder.join(name).display().to_string();
    // Of several SetEnv lines sshd takes the first alone.
    let variables: Vec<String> = env.iter().map(|(name, value)| format!("\"{name}={value}\"")).collect();
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nHostKey {}\nAuthorizedKeysFile {}\n\
         StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\nMaxStartups 100\nSubsystem sftp internal-sftp\nSetEnv {}\n",
        path("host"),
        path("user.pub"),
        variables.join(" "),
    );
    fs::write(folder.join("sshd_config"), config).expect("the lab's folder can be written");
    let log = File::create(folder.join("sshd.log")).expect("the lab's folder can be written");
    // The server ends with the thread of its test, also when the test is killed.
    let mut process = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "/usr/sbin/sshd", "-D", "-e", "-f"])
        .arg(folder.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("setpriv is part of Debian");
    for _ in 0..200 {
        if process.try_wait().expect("our own child can be asked").is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(process);
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

fn write_client_files(name: &str, folder: &Path, port: u16) {
    let host_key = fs::read_to_string(folder.join("host.pub")).expect("ssh-keygen has made it");
    fs::write(folder.join("known_hosts"), format!("[127.0.0.1]:{port} {host_key}"))
        .expect("the lab's folder can be written");
    let user = Ran::new(Command::new("id").arg("-un")).ok();
    let config = format!(
        "Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {key}\n  IdentitiesOnly yes\n  \
         UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n",
        key = folder.join("user").display(),
        known = folder.join("known_hosts").display(),
    );
    fs::write(folder.join("config"), config).expect("the lab's folder can be written");
}
