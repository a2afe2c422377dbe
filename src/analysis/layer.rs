//! The cache-bust layer as edits: `ARG` and `RUN` in the Dockerfile, and the build argument in every compose service
//! that builds it.

use super::{
    DockerfileFacts, Facts,
    cache::{Passing, passing, unpinned},
    commands::{Effect, Fetch, Moves, Needs, Reads},
    names::is_bust_name,
    source::{Brings, brings},
    stages::{Shell, Stages, Step, What},
};
use crate::{
    model::{
        compose::{Service, edit as compose_edit},
        dockerfile::{Dockerfile, Kind, edit as dockerfile_edit},
    },
    text::{Edit, FileId},
};

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

/// The place in a stage; `None` if nothing there can go stale by the cache: without a RUN after the source, every
/// later step is a COPY, which is keyed by what it copies.
pub fn place<'a>(facts: &Facts<'_>, dockerfile: &'a DockerfileFacts, stage: usize) -> Option<Place<'a>> {
    let steps = &dockerfile.stages.all[stage].steps;
    shell(&dockerfile.stages, stage).ok()?;
    let ships = |step: &What| match step {
        What::Copy(copy) => {
            dockerfile.contexts.iter().any(|c| brings(facts.snapshot, c, copy) == Brings::Source)
        }
        _ => false,
    };
    let first = steps.iter().position(|step| ships(&step.what))?;
    // An install that reads manifests stays cached where source comes after it.
    let installed = steps.iter().rposition(|step| installs(&step.what)).unwrap_or(0);
    let later = (installed.max(first)..steps.len()).find(|&at| ships(&steps[at].what));
    let worked_on = |at: &usize| steps[*at..].iter().any(|step| works(&step.what));
    let source = later.into_iter().chain([first]).find(worked_on)?;
    let follows = moving_fetch(steps);
    let before = follows.filter(|&at| at < source).unwrap_or(source);
    Some(Place {
        stage,
        before: steps[before].instruction,
        copy: steps[source].instruction,
        data: unpinned(steps).find(|(at, fetch)| *at > source && fetch.may_be_data()).map(|(_, fetch)| fetch),
        follows: follows.is_some(),
    })
}

/// Whether a RUN installs what a manifest names.
fn installs(step: &What) -> bool {
    let reads_manifest = |e: &Effect| matches!(e, Effect::Install(i) if i.needs == Needs::Manifests);
    matches!(step, What::Run(run) if run.effects.iter().any(reads_manifest))
}

/// Whether what a RUN leaves may depend on more than its text and the names of the files that it finds.
fn works(step: &What) -> bool {
    let depends = |effect: &Effect| match effect {
        Effect::Nothing | Effect::PrintsClock { .. } => false,
        Effect::Other { reads, .. } => matches!(reads, Reads::Index | Reads::Unknown),
        _ => true,
    };
    matches!(step, What::Run(run) if run.effects.iter().any(depends))
}

/// The first step with a fetch that moves.
fn moving_fetch(steps: &[Step]) -> Option<usize> {
    unpinned(steps).find(|(_, fetch)| matches!(fetch.moves, Moves::Yes(_))).map(|(at, _)| at)
}

/// The instruction that one layer for everything in the stage belongs above: the first of the application source and
/// the moving fetches. Every finding of a stage proposes the same layer, so that it is made once.
pub fn above(facts: &Facts<'_>, dockerfile: &DockerfileFacts, stage: usize) -> Option<usize> {
    let source = place(facts, dockerfile, stage).map(|place| place.before);
    let steps = &dockerfile.stages.all[stage].steps;
    let fetch = moving_fetch(steps).map(|at| steps[at].instruction);
    source.into_iter().chain(fetch).min()
}

/// The argument's name: the Dockerfile's own bust, whatever it is called, or [`NAME`].
pub fn name(dockerfile: &Dockerfile) -> String {
    let own = dockerfile.instructions.iter().find_map(|i| match &i.kind {
        Kind::Arg(pairs) => pairs.iter().map(|p| &p.name.value).find(|n| is_bust_name(n)),
        _ => None,
    });
    own.map_or_else(|| NAME.to_owned(), Clone::clone)
}

/// The two instructions, with keywords as the instruction near them writes its own.
pub fn lines(dockerfile: &Dockerfile, near: usize, name: &str) -> Vec<String> {
    let keyword = |upper| dockerfile_edit::keyword(dockerfile, near, upper);
    let (arg, run) = (keyword("ARG"), keyword("RUN"));
    vec![format!("{arg} {name}=unset"), format!("{run} echo \"cache bust: ${{{name}}}\"")]
}

/// Edits that put the layer before each of these instructions (stage, instruction) and pass the argument.
///
/// # Errors
/// With the reason, if one of the stages has no POSIX shell, or a compose file cannot be edited without guessing.
pub fn insert(
    facts: &Facts<'_>,
    dockerfile: usize,
    stages: &Stages,
    places: &[(usize, usize)],
) -> Result<Vec<(FileId, Edit)>, Reason> {
    let model = &facts.dockerfiles[dockerfile].model;
    let text = &facts.snapshot.file(model.file).text;
    let name = name(model);
    let mut edits = Vec::new();
    for &(stage, instruction) in places {
        shell(stages, stage)?;
        if is_there(stages, stage, instruction, &name) {
            continue;
        }
        let lines = lines(model, instruction, &name);
        edits.push((model.file, dockerfile_edit::insert_before(text, model, instruction, &lines)));
    }
    edits.extend(pass(facts, dockerfile, &name)?);
    Ok(edits)
}

/// Whether a RUN at or above the instruction has the argument in its key already: then it only has to be passed.
fn is_there(stages: &Stages, stage: usize, instruction: usize, name: &str) -> bool {
    stages.all[stage].steps.iter().take_while(|step| step.instruction <= instruction).any(|step| match &step
        .what
    {
        What::Run(run) => run.args.iter().any(|arg| arg == name),
        _ => false,
    })
}

/// Whether a RUN of ours can work in the stage.
///
/// # Errors
/// With the reason why not.
pub fn shell(stages: &Stages, stage: usize) -> Result<(), Reason> {
    match stages.all[stage].shell {
        Shell::Posix | Shell::Unknown => Ok(()),
        Shell::Foreign => Err("the stage runs its commands with a shell that is not POSIX".to_owned()),
        Shell::Absent => Err("the stage has no shell: a RUN would fail".to_owned()),
    }
}

/// Edits that make every compose service that builds the Dockerfile pass the argument from the environment.
///
/// # Errors
/// With the reason, if a compose file cannot be edited without guessing.
pub fn pass(facts: &Facts<'_>, dockerfile: usize, name: &str) -> Result<Vec<(FileId, Edit)>, Reason> {
    let mut edits = Vec::new();
    match passing(facts, dockerfile, name) {
        Passing::NotKnown | Passing::Moves => return Ok(edits),
        Passing::Constant(_) | Passing::Missing(_) => {}
    }
    for service in facts.builders(dockerfile) {
        let model = facts.model(service);
        let Some(build) = &model.build else { continue };
        let file = build.key.file;
        match build.args.iter().find(|a| a.name.value == name).map(|arg| arg.value.as_ref()) {
            None => {
                let value = format!("${{{name}:-}}");
                let holds = |s: &Service| s.build.as_ref().is_some_and(|b| b.key == build.key);
                let Some((compose, own)) = facts.written(file, &model.name.value, holds) else {
                    return Err("the build is not written in a service".to_owned());
                };
                let text = &facts.snapshot.file(file).text;
                let made = compose_edit::add_build_arg(text, compose, &own.name.value, name, &value);
                edits.extend(made.map_err(|refused| refused.reason)?.into_iter().map(|e| (file, e)));
            }
            Some(Some(value)) if !value.raw.replace("$$", "").contains('$') => {
                let moving = format!("${{{name}:-{}}}", value.raw);
                edits.push((
                    value.at.file,
                    compose_edit::set_scalar(
                        &facts.snapshot.file(value.at.file).text,
                        value.at.span,
                        &moving,
                    ),
                ));
            }
            Some(_) => {}
        }
    }
    Ok(edits)
}
