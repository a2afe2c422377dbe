//! The Docker engines that the tests may use, and the base image that stands in for Python's on each.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Ran;

/// Which builder `docker build` and compose use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builder {
    /// The one from before BuildKit: a container for each step.
    Classic,
    /// BuildKit, inside the engine.
    BuildKit,
}

impl Builder {
    /// The environment that chooses this builder, for the docker CLI and for both generations of compose.
    pub(crate) fn env(self) -> [(&'static str, &'static str); 2] {
        let on = match self {
            Self::Classic => "0",
            Self::BuildKit => "1",
        };
        [("DOCKER_BUILDKIT", on), ("COMPOSE_DOCKER_CLI_BUILD", on)]
    }
}

/// A Docker engine that answers, as `tests/real/engine-up` describes it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Engine {
    /// `e20` or `e26`.
    pub(crate) name: String,
    /// The version that the engine itself names.
    pub(crate) version: String,
    /// The folder whose `docker` and `docker-compose` speak to this engine and to no other.
    pub(crate) bin: PathBuf,
    /// The folder that engine, client and this machine share under one path.
    pub(crate) scratch: PathBuf,
    /// How compose is spelt here: `docker-compose` or `docker compose`.
    pub(crate) compose: String,
}

#[derive(Deserialize)]
struct Description {
    engines: Vec<Engine>,
}

/// Every engine that is described and answers.
pub(crate) fn engines() -> Vec<Engine> {
    engines_of(&state())
}

fn engines_of(state: &Path) -> Vec<Engine> {
    described(state).into_iter().filter(Engine::answers).collect()
}

fn described(state: &Path) -> Vec<Engine> {
    let Ok(text) = fs::read(state.join("engines.json")) else { return Vec::new() };
    let description: Description =
        serde_json::from_slice(&text).expect("engine-up writes what these tests read");
    description.engines
}

/// The engine of that name. A test that has killed it starts it again before it ends its claim.
fn up(name: &str) -> Option<Engine> {
    let engine = described(&state()).into_iter().find(|engine| engine.name == name)?;
    let answers = engine.answers() || {
        let _claim = engine.claim();
        engine.answers()
    };
    answers.then_some(engine)
}

/// Runs `test` on the engine `name`; without that engine, reports the running test as skipped.
///
/// `UNSTALE_REQUIRE_REAL=1` makes a missing engine a failure.
pub(crate) fn run_on(name: &str, builder: Builder, test: fn(Engine, Builder)) {
    if let Some(engine) = up(name) {
        return test(engine, builder);
    }
    let reason = format!("no Docker engine (`{name}` is not up: run tests/real/engine-up as root)");
    assert!(std::env::var_os("UNSTALE_REQUIRE_REAL").is_none_or(|value| value != "1"), "{reason}");
    skipped(&reason);
}

/// The same where every pair is asked for (`UNSTALE_HARD=all`); else reports the running test as skipped.
pub(crate) fn run_on_all_of(name: &str, builder: Builder, test: fn(Engine, Builder)) {
    if std::env::var_os("UNSTALE_HARD").is_some_and(|value| value == "all") {
        return run_on(name, builder, test);
    }
    skipped("another pair watches it; UNSTALE_HARD=all runs it here, too");
}

/// An engine 20.10 of a test's own, whose data lies on a disk of so many megabytes; dropping it ends it.
pub(crate) struct SmallEngine {
    /// The engine.
    pub(crate) engine: Engine,
    state: tempfile::TempDir,
}

impl SmallEngine {
    /// Starts it; a second or two.
    pub(crate) fn start(megabytes: u32) -> Self {
        // The paths of its sockets have to be short.
        let state =
            tempfile::Builder::new().prefix("unstale-").tempdir_in("/tmp").expect("/tmp can be written");
        let data = state.path().join("e20/data");
        fs::create_dir_all(&data).expect("our own folder can be written");
        let size = format!("size={megabytes}m");
        Ran::new(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&data)).ok();
        let up = real(state.path(), "engine-up");
        let engine = engines_of(state.path()).pop();
        let Some(engine) = engine else { panic!("the small engine is not up: {up:?}") };
        Self { engine, state }
    }

    /// Makes its disk larger.
    pub(crate) fn grow(&self, megabytes: u32) {
        let size = format!("remount,size={megabytes}m");
        Ran::new(Command::new("mount").args(["-o", &size]).arg(self.state.path().join("e20/data"))).ok();
    }
}

impl Drop for SmallEngine {
    fn drop(&mut self) {
        real(self.state.path(), "engine-down");
        let _ = Command::new("umount").arg("--lazy").arg(self.state.path().join("e20/data")).status();
    }
}

/// `engine-up` or `engine-down` for an engine 20.10 with its state in `state`.
fn real(state: &Path, program: &str) -> Ran {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real").join(program);
    Ran::new(Command::new(program).arg("e20").env("UNSTALE_REAL", state))
}

/// Whether a test that depends little on engine and builder runs on another pair. `UNSTALE_HARD=all` runs it on all.
pub(crate) fn elsewhere(engine: &Engine, builder: Builder, name: &str, with: Builder) -> bool {
    let all = std::env::var_os("UNSTALE_HARD").is_some_and(|value| value == "all");
    let elsewhere = !all && (engine.name != name || builder != with);
    if elsewhere {
        skipped(&format!("it runs on {name} with {with:?}; UNSTALE_HARD=all runs it here, too"));
    }
    elsewhere
}

/// Says that the running test did not look at anything, and why.
pub(crate) fn skipped(reason: &str) {
    let thread = std::thread::current();
    // Not `eprintln!`: the harness hides what a test that passes prints through it.
    let line = format!("skipped: {}: {reason}\n", thread.name().unwrap_or("?"));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Where `engine-up` keeps its state.
fn state() -> PathBuf {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("UNSTALE_REAL").unwrap_or_else(|| {
        let cache = folder("XDG_CACHE_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".cache")))
            .unwrap_or_default();
        cache.join("unstale-real")
    })
}

impl Engine {
    /// `docker` on this engine.
    pub(crate) fn docker(&self, args: &[&str]) -> Ran {
        Ran::new(Command::new(self.bin.join("docker")).args(args).current_dir(&self.scratch))
    }

    fn answers(&self) -> bool {
        self.docker(&["version", "--format", "{{.Server.Version}}"]).code == 0
    }

    /// Waits until no other test uses this engine, in this process or another; dropping the file ends the claim.
    pub(crate) fn claim(&self) -> File {
        let path = self.bin.with_file_name("tests.lock");
        let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.lock().expect("a lock of our own file can be waited for");
        file
    }

    /// The tag of the image that stands in for `python:3.12-slim`, made if this engine does not have it yet.
    ///
    /// No registry is asked: it is a static busybox `FROM scratch`, whose `pip` leaves a nonce of its run in
    /// `/var/lib/pip-ran` and whose `python` serves `/app/frontend/templates` on port 8000.
    pub(crate) fn base_image(&self) -> String {
        const DOCKERFILE: &str = "FROM scratch\n\
            COPY busybox pip python /bin/\n\
            RUN [\"/bin/busybox\", \"mkdir\", \"-p\", \"/tmp\", \"/var/lib\", \"/usr/bin\", \"/usr/sbin\", \"/sbin\"]\n\
            RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n";
        const PIP: &str = "#!/bin/sh\n\
            # Did this run again? busybox `date` knows no nanoseconds.\n\
            cat /proc/sys/kernel/random/uuid >/var/lib/pip-ran\n";
        // As process 1 httpd would ignore TERM, and every stop would last ten seconds.
        const PYTHON: &str = "#!/bin/sh\n\
            trap 'kill $!; exit 0' TERM INT\n\
            httpd -f -p \"${PORT:-8000}\" -h /app/frontend/templates &\n\
            wait\n";
        let busybox = fs::read("/bin/busybox").expect("busybox-static is installed");
        let mut hash = Sha256::new();
        for part in [DOCKERFILE.as_bytes(), PIP.as_bytes(), PYTHON.as_bytes(), &busybox] {
            hash.update(part);
        }
        let tag = hash.finalize()[..6]
            .iter()
            .fold("unstale-test-base:".to_owned(), |tag, byte| format!("{tag}{byte:02x}"));
        if self.docker(&["image", "inspect", &tag]).code == 0 {
            return tag;
        }
        let context = tempfile::tempdir_in(&self.scratch).expect("the scratch folder can be written");
        write_executable(&context.path().join("busybox"), &busybox);
        write_executable(&context.path().join("pip"), PIP.as_bytes());
        write_executable(&context.path().join("python"), PYTHON.as_bytes());
        fs::write(context.path().join("Dockerfile"), DOCKERFILE).expect("the context can be written");
        let folder = context.path().to_str().expect("the scratch folder's name is ASCII");
        self.docker(&["build", "--tag", &tag, folder]).ok();
        tag
    }
}

/// Writes a program.
pub(crate) fn write_executable(path: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our own file's mode can be set");
}
