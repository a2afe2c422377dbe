//! Finds the engine of this machine, its builders and its Compose, and runs commands on it.

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use super::{
    Stop,
    matrix::Place,
    scenario::{Builder, major_minor},
};
use crate::deploy::{capture, program};

/// The engine that `docker` speaks to here.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) place: Place,
    /// How Compose is called.
    compose: &'static [&'static str],
    builders: Vec<Builder>,
    /// The buildx builder inside of the engine: one in a container of its own would not have the lab's base image.
    buildx: Option<String>,
    stop: Arc<AtomicBool>,
}

/// Where a command runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) folder: &'a Path,
    pub(super) project: &'a str,
    pub(super) builder: Builder,
}

/// What a command did.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    fn new((code, stdout, stderr): (i32, Vec<u8>, Vec<u8>)) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        Self { code, stdout: text(stdout), stderr: text(stderr) }
    }

    /// The last thing that it said.
    pub(super) fn last_word(&self) -> &str {
        let mut lines = self.stderr.lines().rev().chain(self.stdout.lines().rev());
        lines.find(|line| !line.trim().is_empty()).unwrap_or("no word of why").trim()
    }
}

/// What would lead Compose or a builder to something else than the scenario's files.
const FOREIGN: [&str; 12] = [
    "BUILDKIT_PROGRESS",
    "CACHE_BUST",
    "COMPOSE_ENV_FILES",
    "COMPOSE_FILE",
    "COMPOSE_IGNORE_ORPHANS",
    "COMPOSE_PARALLEL_LIMIT",
    "COMPOSE_PATH_SEPARATOR",
    "COMPOSE_PROFILES",
    "COMPOSE_REMOVE_ORPHANS",
    "DOCKER_DEFAULT_PLATFORM",
    "NO_CACHE",
    "SOURCE_DATE_EPOCH",
];

impl Engine {
    /// Finds it.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn find(stop: Arc<AtomicBool>) -> Result<Self, String> {
        let docker = |words: &[&str]| ask("docker", words);
        let answer = docker(&["version", "--format", "{{json .}}"])
            .map_err(|e| format!("the lab needs `docker`, which does not start: {e}"))?;
        let said: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
        let version = |side: &str| said[side]["Version"].as_str().map(str::to_owned);
        let Some(engine) = version("Server").filter(|_| answer.code == 0) else {
            return Err(format!("no Docker engine answers: {}", answer.last_word()));
        };
        let number = major_minor(&engine).ok_or_else(|| format!("`{engine}` is no version of an engine"))?;
        let (compose, said) = compose()?;
        let (major, _) = major_minor(&said).ok_or_else(|| format!("`{said}` is no version of Compose"))?;
        let client = version("Client").and_then(|version| major_minor(&version)).unwrap_or_default();
        // From 23 on the client's BuildKit is the plugin buildx.
        let works = |words: &[&str]| docker(words).is_ok_and(|ran| ran.code == 0);
        let buildkit = client < (23, 0) || works(&["buildx", "version"]);
        let builders = [Builder::Classic, Builder::BuildKit];
        let context =
            docker(&["context", "inspect", "--format", "{{.Name}}"]).ok().filter(|ran| ran.code == 0);
        Ok(Self {
            place: Place {
                engine,
                compose: format!("{} {said}", compose.join(" ")),
                version: number,
                // Compose's own numbers went from 1 to 2, and on to 5: 3 and 4 were formats of the file.
                generation: major,
            },
            compose,
            builders: builders[..if buildkit { 2 } else { 1 }].to_vec(),
            buildx: context.map(|ran| ran.stdout).filter(|name| !name.is_empty()),
            stop,
        })
    }

    /// The builders that were asked for, or those that it has.
    ///
    /// # Errors
    /// The one that it has not.
    pub(super) fn choose(&self, asked: &[Builder]) -> Result<Vec<Builder>, String> {
        if asked.is_empty() {
            return Ok(self.builders.clone());
        }
        match asked.iter().find(|builder| !self.builders.contains(builder)) {
            Some(_) => Err("the docker client has no BuildKit: it needs the plugin buildx".to_owned()),
            None => Ok(asked.to_vec()),
        }
    }

    /// Runs `docker …` or `compose …` to its end.
    pub(super) fn run(&self, at: At<'_>, words: &[&str]) -> Result<Ran, Stop> {
        let ran = self.command(at, words, false)?;
        // A signal to the terminal's group has ended the command, too: what it did is not known.
        if self.stop.load(Ordering::Relaxed) { Err(Stop::Interrupted) } else { Ok(ran) }
    }

    /// The same for what removes: no signal keeps it from that.
    pub(super) fn remove(&self, at: At<'_>, words: &[&str]) -> Result<Ran, String> {
        self.command(at, words, true).map_err(|error| error.to_string())
    }

    fn command(&self, at: At<'_>, words: &[&str], apart: bool) -> std::io::Result<Ran> {
        let (name, rest) = words.split_first().expect("a command has a program");
        let (name, first): (&str, &[&str]) = match *name {
            "compose" => (self.compose[0], &self.compose[1..]),
            name => (name, &[]),
        };
        let mut command = program(name);
        command.args(first).args(rest).current_dir(at.folder);
        for name in FOREIGN {
            command.env_remove(name);
        }
        let on = if at.builder == Builder::BuildKit { "1" } else { "0" };
        command.env("DOCKER_BUILDKIT", on).env("COMPOSE_DOCKER_CLI_BUILD", on);
        command.env("COMPOSE_PROJECT_NAME", at.project);
        if let Some(builder) = &self.buildx {
            command.env("BUILDX_BUILDER", builder);
        }
        if apart {
            // Out of the reach of the terminal's ctrl-C.
            command.process_group(0);
        }
        capture(&mut command, b"").map(Ran::new)
    }
}

/// How Compose is called here, and its version.
fn compose() -> Result<(&'static [&'static str], String), String> {
    const CALLS: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
    for call in CALLS {
        let words: Vec<&str> = call[1..].iter().copied().chain(["version", "--short"]).collect();
        if let Ok(ran) = ask(call[0], &words)
            && ran.code == 0
            && major_minor(&ran.stdout).is_some()
        {
            return Ok((call, ran.stdout));
        }
    }
    Err("the lab needs Compose: neither `docker compose` nor `docker-compose` works".to_owned())
}

fn ask(name: &str, words: &[&str]) -> std::io::Result<Ran> {
    capture(program(name).args(words), b"").map(Ran::new)
}
