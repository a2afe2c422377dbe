//! The cache-bust layer: where it belongs, how it is written, and how one that busts nothing is repaired.

mod edits;
mod repair;
mod unsettled;

use std::collections::BTreeSet;

use super::{
    DockerfileFacts, Facts,
    cache::unpinned,
    commands::{Effect, Fetch, Moves, Needs, Reads},
    names::is_bust_name,
    source::{Brings, brings},
    stages::{Shell, Step, What},
};
use crate::model::dockerfile::{Dockerfile, Kind};

pub use edits::{Bust, LABEL, clocks, following, insert, leading, pass};
pub use repair::{followed, moved};
pub use unsettled::unsettled;

/// The name of the argument where the Dockerfile has none yet.
pub const NAME: &str = "CACHE_BUST";

/// Why there is no such layer, for people.
pub type Reason = String;

/// Where a stage whose RUNs work on application source needs a bust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The stage.
    pub stage: usize,
    /// The instruction that the layer belongs above: the first COPY of source after the dependency installs, if one is,
    /// or a moving fetch before it.
    pub before: usize,
    /// The COPY that brings the source.
    pub copy: usize,
    /// A fetch after the source that may bring other data at every build, though nothing in its command tells.
    pub data: Option<&'a Fetch>,
    /// Whether a fetch of the stage is known to follow something that moves: the layer for it serves the source, too.
    pub follows: bool,
}

/// The stages that the images need which are built from the Dockerfile.
pub fn needed(facts: &Facts<'_>, dockerfile: usize) -> BTreeSet<usize> {
    let stages = &facts.dockerfiles[dockerfile].stages;
    let mut targets: Vec<usize> =
        facts.builders(dockerfile).filter_map(|s| s.build.as_ref()?.target).collect();
    // Where no service says what is built, it is the last stage.
    if targets.is_empty() {
        targets.extend(stages.target(None));
    }
    targets.into_iter().flat_map(|target| stages.needed(target)).collect()
}

/// The place in a stage; `None` if nothing there, nor in `heirs` (stages that start from it), can go stale by the cache:
/// without a RUN after the source, every later step is a COPY, which is keyed by what it copies.
pub fn place<'a>(
    facts: &Facts<'_>,
    dockerfile: &'a DockerfileFacts,
    stage: usize,
    heirs: &[usize],
) -> Option<Place<'a>> {
    let steps = &dockerfile.stages.all[stage].steps;
    let inherited = || heirs.iter().map(|&heir| dockerfile.stages.all[heir].steps.as_slice());
    let sources = sources(facts, dockerfile, steps);
    let lowest = steps.iter().rposition(|step| ships(facts, dockerfile, &step.what))?;
    // What another shell runs is not read: it may depend on anything.
    let foreign = dockerfile.stages.all[stage].shell == Shell::Foreign;
    let is_any = |step: &Step, works: &dyn Fn(&Effect) -> bool| matches!(&step.what, What::Run(run) if foreign || run.effects.iter().any(works));
    let heir_works = inherited().flatten().any(|step| is_any(step, &works));
    // An install above source stays cached.
    let worker = (0..steps.len())
        .rev()
        .find(|&at| is_any(&steps[at], &|effect| works(effect) && (at > lowest || !installs(effect))));
    let source = sources.into_iter().find(|&at| heir_works || worker.is_some_and(|worker| at < worker))?;
    let follows = moving_fetch(steps);
    let before = follows.filter(|&at| at < source).unwrap_or(source);
    let mut fetches = unpinned(&steps[source + 1..]).chain(inherited().flat_map(unpinned));
    Some(Place {
        stage,
        before: steps[before].instruction,
        copy: steps[source].instruction,
        data: fetches.find(|(_, fetch)| fetch.may_be_data()).map(|(_, fetch)| fetch),
        follows: follows.is_some() || inherited().any(|steps| moving_fetch(steps).is_some()),
    })
}

/// The steps that bring source first: below the last install, below those before it, and of all. An install that reads
/// manifests stays cached where source comes after it.
fn sources(facts: &Facts<'_>, dockerfile: &DockerfileFacts, steps: &[Step]) -> Vec<usize> {
    let (mut found, mut nearest) = (Vec::new(), None);
    for (at, step) in steps.iter().enumerate().rev() {
        if ships(facts, dockerfile, &step.what) {
            nearest = Some(at);
        } else if is_install(step) {
            found.extend(nearest);
        }
    }
    found.extend(nearest);
    found.dedup();
    found
}

/// More COPYs of source than a stage has above its last install, and few enough for every finding to name them.
const MOST: usize = 20;

/// The COPYs of source above the last install of a stage: with one of them below, the layer would belong elsewhere.
fn order(facts: &Facts<'_>, dockerfile: &DockerfileFacts, stage: usize) -> impl Iterator<Item = usize> {
    let steps = &dockerfile.stages.all[stage].steps;
    let above = &steps[..installed(steps).unwrap_or(0)];
    let all = above.iter().rev().filter(|step| ships(facts, dockerfile, &step.what)).take(MOST);
    all.map(|step| step.instruction)
}

/// Whether a step brings application source.
fn ships(facts: &Facts<'_>, dockerfile: &DockerfileFacts, step: &What) -> bool {
    match step {
        What::Copy(copy) => {
            dockerfile.contexts.iter().any(|c| brings(facts.snapshot, c, copy) == Brings::Source)
        }
        _ => false,
    }
}

/// The last step that installs what a manifest names.
fn installed(steps: &[Step]) -> Option<usize> {
    steps.iter().rposition(is_install)
}

fn is_install(step: &Step) -> bool {
    matches!(&step.what, What::Run(run) if run.effects.iter().any(installs))
}

/// Whether a command installs what a manifest names.
fn installs(effect: &Effect) -> bool {
    matches!(effect, Effect::Install(install) if install.needs == Needs::Manifests)
}

/// Whether what a command leaves may depend on more than its text and the names of the files that it finds.
fn works(effect: &Effect) -> bool {
    match effect {
        Effect::Nothing | Effect::PrintsClock { .. } => false,
        Effect::Other { reads, .. } => matches!(reads, Reads::Index | Reads::Unknown),
        _ => true,
    }
}

/// The first step with a fetch that moves.
fn moving_fetch(steps: &[Step]) -> Option<usize> {
    unpinned(steps).find(|(_, fetch)| matches!(fetch.moves, Moves::Yes(_))).map(|(at, _)| at)
}

/// The instruction that one layer for everything in the stage belongs above: the first of the application source and
/// the moving fetches. Every finding of a stage proposes the same layer, so that it is made once.
pub fn above(facts: &Facts<'_>, dockerfile: &DockerfileFacts, stage: usize) -> Option<usize> {
    let source = place(facts, dockerfile, stage, &[]).map(|place| place.before);
    let steps = &dockerfile.stages.all[stage].steps;
    let fetch = moving_fetch(steps).map(|at| steps[at].instruction);
    source.into_iter().chain(fetch).min()
}

/// The same; in a stage that needs none the first RUN that prints the clock, where its author wanted one, or the source
/// above it.
pub fn wanted(facts: &Facts<'_>, dockerfile: &DockerfileFacts, stage: usize) -> Option<usize> {
    let steps = &dockerfile.stages.all[stage].steps;
    let instead = || {
        let clock = clocks(steps).next()?;
        let source = sources(facts, dockerfile, steps).first().map(|&at| steps[at].instruction);
        source.into_iter().chain([clock]).min()
    };
    above(facts, dockerfile, stage).or_else(instead)
}

/// The argument's name: the Dockerfile's own bust, whatever it is called, or [`NAME`].
pub fn name(dockerfile: &Dockerfile) -> String {
    let own = dockerfile.instructions.iter().find_map(|i| match &i.kind {
        Kind::Arg(pairs) => pairs.iter().map(|p| &p.name.value).find(|n| is_bust_name(n)),
        _ => None,
    });
    own.map_or_else(|| NAME.to_owned(), Clone::clone)
}
