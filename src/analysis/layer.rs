//! The cache-bust layer as edits: `ARG` and `RUN` in the Dockerfile, and the build argument in every compose service
//! that builds it.

use super::{
    Facts,
    cache::{Passing, is_bust_name, passing},
    stages::{Shell, Stages},
};
use crate::{
    model::{
        compose::edit as compose_edit,
        dockerfile::{Dockerfile, Kind, edit as dockerfile_edit},
    },
    text::{Edit, FileId},
};

/// The name of the argument where the Dockerfile has none yet.
pub const NAME: &str = "CACHE_BUST";

/// Why there is no such layer, for people.
pub type Reason = String;

/// The argument's name: the Dockerfile's own bust, whatever it is called, or [`NAME`].
pub fn name(dockerfile: &Dockerfile) -> String {
    let args = dockerfile.instructions.iter().filter_map(|i| match &i.kind {
        Kind::Arg(pairs) => pairs.iter().map(|p| &p.name.value).find(|n| is_bust_name(n)),
        _ => None,
    });
    args.cloned().next().unwrap_or_else(|| NAME.to_owned())
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
        let lines = lines(model, instruction, &name);
        edits.push((model.file, dockerfile_edit::insert_before(text, model, instruction, &lines)));
    }
    edits.extend(pass(facts, dockerfile, &name)?);
    Ok(edits)
}

/// Whether a RUN of ours can work in the stage.
///
/// # Errors
/// With the reason why not.
pub fn shell(stages: &Stages, stage: usize) -> Result<(), Reason> {
    match stages.all[stage].shell {
        Shell::Posix | Shell::Unknown => Ok(()),
        Shell::Windows => Err("the stage runs its commands with a Windows shell".to_owned()),
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
        let file = facts.compose_file(service);
        let text = &facts.snapshot.file(file).text;
        let model = facts.model(service);
        let found = model.build.as_ref().and_then(|b| b.args.iter().find(|a| a.name.value == name));
        match found.map(|arg| arg.value.as_ref()) {
            None => {
                let value = format!("${{{name}:-}}");
                let compose = &facts.composes[service.compose];
                let made = compose_edit::add_build_arg(text, compose, &model.name.value, name, &value);
                edits.extend(made.map_err(|refused| refused.reason)?.into_iter().map(|e| (file, e)));
            }
            Some(Some(value)) if !value.raw.replace("$$", "").contains('$') => {
                let moving = format!("${{{name}:-{}}}", value.raw);
                edits.push((file, compose_edit::set_scalar(text, value.span, &moving)));
            }
            Some(_) => {}
        }
    }
    Ok(edits)
}
