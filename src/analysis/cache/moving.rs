//! What moves a cache key: which ARGs bust which steps, and whether anything passes them a new value.
//!
//! Measured on engines 20.10, 26.1 and 28.5: an ARG in scope is part of the key of every later RUN of its stage, used
//! or not; a RUN that misses makes everything after it miss; a COPY by itself does not see ARGs.

use crate::{
    analysis::{
        Facts,
        commands::{Effect, Fetch, Moves},
        stages::{CopyFacts, Stages, Step, What},
        vars::Val,
    },
    text::Location,
};

/// Whether a build argument gets a value that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passing {
    /// No compose service builds the Dockerfile: whoever calls `docker build` may pass it.
    NotKnown,
    /// Every service that builds it passes a value that can change.
    Moves,
    /// These services pass a constant: the places of the values.
    Constant(Vec<Location>),
    /// These services pass nothing: the places of their `build`.
    Missing(Vec<Location>),
}

/// Who passes the argument to the builds of a Dockerfile.
pub fn passing(facts: &Facts<'_>, dockerfile: usize, arg: &str) -> Passing {
    let (mut constant, mut missing, mut builders) = (Vec::new(), Vec::new(), 0);
    for service in facts.builders(dockerfile) {
        let Some(build) = &facts.model(service).build else { continue };
        builders += 1;
        match build.args.iter().find(|a| a.name.value == arg) {
            None => missing.push(build.key),
            Some(found) => {
                if let Some(value) = found.value.as_ref().filter(|v| !has_variable(&v.raw)) {
                    constant.push(value.at);
                }
            }
        }
    }
    // Projects that share a file share its builds.
    for places in [&mut missing, &mut constant] {
        places.sort();
        places.dedup();
    }
    match (builders, missing.is_empty(), constant.is_empty()) {
        (0, _, _) => Passing::NotKnown,
        (_, false, _) => Passing::Missing(missing),
        (_, true, false) => Passing::Constant(constant),
        (_, true, true) => Passing::Moves,
    }
}

/// Whether Compose would replace something in the text.
pub(in crate::analysis) fn has_variable(raw: &str) -> bool {
    raw.replace("$$", "").contains('$')
}

/// The name of what busts the step at `at` (index in the stage's steps) of a stage: an argument that is passed and
/// moves, in the key of this step or of one before it, or an `ADD` of a URL, which is fetched at every build.
pub fn bust(
    facts: &Facts<'_>,
    dockerfile: usize,
    stages: &Stages,
    stage: usize,
    at: usize,
) -> Option<String> {
    let chain = stages.chain(stage);
    chain.iter().find_map(|&s| {
        let steps = &stages.all[s].steps;
        let until = if s == stage { (at + 1).min(steps.len()) } else { steps.len() };
        steps[..until].iter().find_map(|step| match &step.what {
            What::Run(run) => run.args.iter().find(|name| moves(facts, dockerfile, name)).cloned(),
            What::Copy(copy) => moving_add(copy).map(str::to_owned),
            _ => None,
        })
    })
}

fn moves(facts: &Facts<'_>, dockerfile: usize, name: &str) -> bool {
    matches!(passing(facts, dockerfile, name), Passing::NotKnown | Passing::Moves)
}

/// The URL of an ADD, which BuildKit asks for at every build: a new answer is a new key.
fn moving_add(copy: &CopyFacts) -> Option<&str> {
    if !copy.is_add {
        return None;
    }
    copy.sources.iter().filter_map(Val::known).find(|s| s.starts_with("http://") || s.starts_with("https://"))
}

fn effects(step: &Step) -> &[Effect] {
    match &step.what {
        What::Run(run) => &run.effects,
        _ => &[],
    }
}

/// The fetches of these steps that nothing pins, each with the index of its step: no version or commit in the command,
/// no checksum in its RUN, and for a clone no later checkout.
pub fn unpinned(steps: &[Step]) -> impl Iterator<Item = (usize, &Fetch)> {
    let is_pin = |e: &Effect| matches!(e, Effect::Pins { .. });
    let last_pin = steps
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, step)| Some((at, effects(step).iter().rposition(is_pin)?)));
    steps.iter().enumerate().flat_map(move |(at, step)| {
        let effects = effects(step);
        let checked = effects.iter().any(|e| matches!(e, Effect::Checks));
        let pinned = move |inside: usize| last_pin.is_some_and(|pin| pin > (at, inside));
        effects.iter().enumerate().filter(move |_| !checked).filter_map(
            move |(inside, effect)| match effect {
                Effect::Fetch(fetch) if fetch.moves == Moves::No || (fetch.is_clone && pinned(inside)) => {
                    None
                }
                Effect::Fetch(fetch) => Some((at, fetch)),
                _ => None,
            },
        )
    })
}
