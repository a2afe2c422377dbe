//! The lab: every mechanism that one machine can show, as a scenario in data, reproduced on the engine that is there.
//!
//! `read`, `scenario`, `catalogue`, `matrix` and `show` are pure; `engine`, `world`, `files` and `cell` act.

mod catalogue;
mod cell;
mod engine;
mod files;
mod matrix;
mod read;
mod scenario;
pub mod show;
mod world;

pub use catalogue::{CATALOGUE, Catalogue, Cure, Mechanism};
pub use matrix::{Cell, Matrix, Place, Row, Seen};
pub use scenario::{Action, Builder, Column, Expected, Look, Needs, Outcome, Scenario};

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use engine::Engine;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use world::World;

/// What to run.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The rows.
    pub scenarios: Vec<&'a Scenario>,
    /// The columns.
    pub cures: Vec<&'a Cure>,
    /// The builders; those that the engine has, if there are none.
    pub builders: Vec<Builder>,
    /// Whether cures may prune the engine's build cache, which is not the lab's alone.
    pub allow_prune: bool,
    /// A local image with a POSIX shell, in the place of one that is made of this machine's busybox.
    pub base: Option<String>,
    /// Whether the folder with the projects stays.
    pub keep: bool,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// What was seen, or why nothing could be.
    pub result: Result<Matrix<'a>, String>,
    /// What is there because of the lab and could not be removed, with what was said.
    pub left: Vec<String>,
    /// The folder that was to stay.
    pub kept: Option<PathBuf>,
}

/// Why it goes no further.
#[derive(Debug)]
enum Stop {
    /// A signal asked for it.
    Interrupted,
    /// It cannot work.
    Failed(String),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs scenarios on the engine of this machine, and removes what it made. `on` gets a line for each step.
pub fn run<'a>(asked: &Asked<'a>, on: &mut dyn FnMut(&str)) -> Ended<'a> {
    let nothing = |why| Ended { result: Err(why), left: Vec::new(), kept: None };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&stop)) {
            return nothing(format!("signals cannot be caught, so that nothing would be removed: {error}"));
        }
    }
    let engine = match Engine::find(Arc::clone(&stop)) {
        Ok(engine) => engine,
        Err(why) => return nothing(why),
    };
    let builders = match engine.choose(&asked.builders) {
        Ok(builders) => builders,
        Err(why) => return nothing(why),
    };
    let mut world = match World::new(engine, builders[0]) {
        Ok(world) => world,
        Err(why) => return nothing(why),
    };
    let place = world.engine.place.clone();
    let result = world
        .prepare(asked.base.as_deref())
        .and_then(|()| rows(asked, &builders, &mut world, on))
        .map(|rows| Matrix { place, cures: asked.cures.clone(), rows })
        .map_err(|stop| match stop {
            Stop::Interrupted => "interrupted".to_owned(),
            Stop::Failed(why) => why,
        });
    if stop.load(Ordering::Relaxed) {
        on("interrupted: what was made is being removed");
    }
    let (left, kept) = world.end(asked.keep);
    Ended { result, left, kept }
}

fn rows<'a>(
    asked: &Asked<'a>,
    builders: &[Builder],
    world: &mut World,
    on: &mut dyn FnMut(&str),
) -> Result<Vec<Row<'a>>, Stop> {
    let mut rows = Vec::new();
    for &builder in builders {
        for &scenario in &asked.scenarios {
            rows.push(cell::row(world, scenario, builder, asked, on)?);
        }
    }
    Ok(rows)
}
