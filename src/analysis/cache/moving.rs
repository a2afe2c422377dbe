//! What moves a cache key: which ARGs bust which steps, and whether anything passes them a new value.
//!
//! Measured on engines 20.10, 26.1 and 28.5: an ARG in scope is part of the key of every later RUN of its stage, used
//! or not; a RUN that misses makes everything after it miss; a COPY by itself does not see ARGs.

use std::collections::BTreeSet;

use super::{
    build::Builder,
    forecast::missed,
    tree::{Node, Tree},
};
use crate::{
    analysis::{
        Facts,
        commands::{Effect, Fetch, Moves},
        names::{is_bust_name, is_digest, is_moving_name},
        paths,
        stages::{Args, CopyFacts, Stages, Step, What},
        vars::Val,
    },
    model::dockerfile::{Dockerfile, Kind},
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

/// The RUNs that a new value of an argument makes run again. (A COPY or LABEL that misses makes nothing new by itself.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The argument.
    pub name: String,
    /// Those that miss with `BuildKit`, by the instruction's index.
    pub buildkit: BTreeSet<usize>,
    /// The same with the classic builder.
    pub classic: BTreeSet<usize>,
}

/// What new values of the arguments make run again that say of themselves that they change with every deploy
/// ([`is_moving_name`]; not if the default names one commit).
pub(in crate::analysis) fn moved(text: &str, dockerfile: &Dockerfile) -> Vec<Moved> {
    let mut names: Vec<&str> = Vec::new();
    let args = dockerfile
        .instructions
        .iter()
        .filter_map(|i| if let Kind::Arg(p) = &i.kind { Some(p) } else { None });
    for pair in args.flatten().filter(|pair| is_moving_name(&pair.name.value)) {
        let name = pair.name.value.as_str();
        let picks = || pair.value.as_ref().is_some_and(|default| is_digest(&default.value));
        if !names.contains(&name) && (is_bust_name(name) || !picks()) {
            names.push(name);
        }
    }
    let missed = |name: &str, builder: Builder| {
        let with = |value: &str| Args::from([(name.to_owned(), Val::Known(value.to_owned()))]);
        let tree = Tree::default();
        let all = missed(text, (&with("before"), &tree), (&with("after"), &tree), builder);
        all.into_iter().filter(|&at| matches!(dockerfile.instructions[at].kind, Kind::Run(_))).collect()
    };
    let of = |name: &str| Moved {
        name: name.to_owned(),
        buildkit: missed(name, Builder::BuildKit),
        classic: missed(name, Builder::Classic),
    };
    names.into_iter().map(of).collect()
}

/// Whether an instruction runs again when any file changes that the sources (of the context) take.
pub fn runs_again(text: &str, sources: &[Val], instruction: usize) -> bool {
    let tree = |bytes: &str| {
        let place = |source: &str| paths::clean(&format!("/{source}/any file"))[1..].to_owned();
        let file = Node::File { mode: 0o644, bytes: bytes.into(), stamp: None };
        Tree::new(sources.iter().filter_map(Val::known).map(|source| (place(source), file.clone())))
    };
    let none = Args::new();
    missed(text, (&none, &tree("before")), (&none, &tree("after")), Builder::BuildKit).contains(&instruction)
}

/// The name of what busts the step at `at` (index in the stage's steps) of a stage: an argument that is passed and
/// moves, and makes this step or one before it miss, or an `ADD` of a URL, which is fetched at every build.
pub fn bust(
    facts: &Facts<'_>,
    dockerfile: usize,
    stages: &Stages,
    stage: usize,
    at: usize,
) -> Option<String> {
    let chain = stages.chain(stage);
    let above = || {
        chain.iter().flat_map(|&s| {
            let steps = &stages.all[s].steps;
            &steps[..if s == stage { (at + 1).min(steps.len()) } else { steps.len() }]
        })
    };
    let add =
        above().find_map(|step| if let What::Copy(copy) = &step.what { moving_add(copy) } else { None });
    let misses = |moved: &&Moved| {
        above().any(|step| {
            moved.buildkit.contains(&step.instruction) || moved.classic.contains(&step.instruction)
        })
    };
    let moving = || facts.moved(dockerfile).iter().filter(misses);
    add.map(str::to_owned).or_else(|| {
        moving().find(|moved| moves(facts, dockerfile, &moved.name)).map(|moved| moved.name.clone())
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
