//! The cache-bust layer as edits: two instructions in the Dockerfile, and the build argument in every compose service
//! that builds it.

use super::{Reason, is_install, name, order, ships};
use crate::{
    analysis::{
        DockerfileFacts, Facts,
        cache::{Passing, has_variable, passing},
        commands::Effect,
        names::is_bust_name,
        stages::{Shell, Stages, Step, What, mentions},
    },
    model::{
        compose::edit as compose_edit,
        dockerfile::{Dockerfile, Instruction, Kind, edit as dockerfile_edit},
    },
    text::{Changes, Edit, FileId, Location, Newline, Span},
};

/// The label that stands for the RUN where nothing runs one; it also tells which value an image was built with.
pub const LABEL: &str = "cache-bust";

/// The two instructions, with keywords as the instruction near them writes its own.
///
/// An ARG is in the key of every RUN after it (measured: exec form, too); the RUN makes the steps between miss as well,
/// and shows the value in the build's output. Without a POSIX shell a LABEL takes its place.
fn lines(model: &Dockerfile, near: usize, shell: Shell, name: &str) -> Vec<String> {
    vec![
        format!("{} {name}=unset", dockerfile_edit::keyword(model, near, "ARG")),
        user_as(model, near, shell, name),
    ]
}

/// The instruction that uses the argument.
pub(super) fn user(model: &Dockerfile, stages: &Stages, stage: usize, near: usize, name: &str) -> String {
    user_as(model, near, stages.shell_of(stage), name)
}

fn user_as(model: &Dockerfile, near: usize, shell: Shell, name: &str) -> String {
    let keyword = |upper| dockerfile_edit::keyword(model, near, upper);
    if shell == Shell::Posix {
        format!("{} echo \"cache bust: ${{{name}}}\"", keyword("RUN"))
    } else {
        format!("{} {LABEL}=\"${{{name}}}\"", keyword("LABEL"))
    }
}

/// Edits that put the layer before each of these instructions (stage, instruction) and pass the argument. What the stage
/// has instead is repaired: a layer that stands too low is moved, a RUN that prints the clock gives way to it. They rest
/// on the other COPYs that decided which instruction it is.
///
/// # Errors
/// With the reason, if a compose file cannot be edited without guessing.
pub fn insert(
    facts: &Facts<'_>,
    dockerfile: usize,
    stages: &Stages,
    places: &[(usize, usize)],
) -> Result<Changes, Reason> {
    insert_as(facts, dockerfile, stages, places, &name(&facts.dockerfiles[dockerfile].model))
}

/// The same for the argument of that name.
pub(super) fn insert_as(
    facts: &Facts<'_>,
    dockerfile: usize,
    stages: &Stages,
    places: &[(usize, usize)],
    name: &str,
) -> Result<Changes, Reason> {
    let model = &facts.dockerfiles[dockerfile].model;
    let mut changes = Changes::default();
    for &(stage, instruction) in places {
        if !is_there(facts, dockerfile, stages, (stage, instruction), name) {
            let made = layer(facts, dockerfile, stages, stage, instruction, name);
            changes.edits.extend(made.into_iter().map(|edit| (model.file, edit)));
            changes.rests_on.extend(rests_on(facts, dockerfile, (stage, instruction)));
        }
    }
    changes.edits.extend(pass(facts, dockerfile, name)?);
    Ok(changes)
}

/// The other COPYs that decided on this place (stage, instruction).
pub(super) fn rests_on(facts: &Facts<'_>, dockerfile: usize, at: (usize, usize)) -> Vec<Location> {
    let model = &facts.dockerfiles[dockerfile].model;
    let others = order(facts, &facts.dockerfiles[dockerfile], at.0).filter(|&other| other != at.1);
    others.map(|other| Location::new(model.file, model.instructions[other].span)).collect()
}

/// The layer in one stage.
fn layer(
    facts: &Facts<'_>,
    dockerfile: usize,
    stages: &Stages,
    stage: usize,
    instruction: usize,
    name: &str,
) -> Vec<Edit> {
    let model = &facts.dockerfiles[dockerfile].model;
    let text = &facts.snapshot.file(model.file).text;
    let low = below(text, &facts.dockerfiles[dockerfile], stages, stage, instruction, name);
    let user_of = low.as_ref().and_then(|low| low.user);
    let mut clocks: Vec<usize> =
        clocks(&stages.all[stage].steps).filter(|&clock| Some(clock) != user_of).collect();
    // One that stands above the place marks where its author wanted the bust.
    let instead = clocks.first().copied().filter(|&clock| clock <= instruction);
    clocks.retain(|&clock| Some(clock) != instead);
    let near = instead.unwrap_or(instruction);
    // Where a RUN stood its shell is there, whatever the base has.
    let shell = if instead.is_some() { stages.all[stage].shell } else { stages.shell_of(stage) };
    let new = match &low {
        Some(low) => {
            let start = dockerfile_edit::start_with_comments(text, model, low.arg);
            let end = model.instructions[user_of.unwrap_or(low.arg)].span.end();
            let user = user_of.is_none().then(|| user_as(model, near, shell, name));
            [text[start..end].to_owned()].into_iter().chain(user).collect()
        }
        None => lines(model, near, shell, name),
    };
    let mut edits = vec![match instead {
        Some(clock) => Edit::replace(model.instructions[clock].span, new.join(Newline::of(text).as_str())),
        None => dockerfile_edit::insert_before(text, model, instruction, &new),
    }];
    let block = low.map(|low| dockerfile_edit::block(text, model, low.arg, user_of.unwrap_or(low.arg)));
    let mut gone: Vec<Span> =
        clocks.iter().map(|&clock| model.instructions[clock].lines).chain(block).collect();
    gone.sort_by_key(|span| span.start());
    edits.extend(dockerfile_edit::remove_all(text, model, &gone));
    edits
}

/// The RUNs that print the clock and do nothing else, by their instructions: meant as a bust, and none.
pub fn clocks(steps: &[Step]) -> impl Iterator<Item = usize> {
    let prints = |e: &Effect| matches!(e, Effect::PrintsClock { .. });
    let only = move |effects: &[Effect]| {
        effects.iter().any(prints) && effects.iter().all(|e| prints(e) || matches!(e, Effect::Nothing))
    };
    let is_one = move |step: &&Step| matches!(&step.what, What::Run(run) if only(&run.effects));
    steps.iter().filter(is_one).map(|step| step.instruction)
}

/// A layer of the file's own that stands below the place where one is needed.
struct Low {
    arg: usize,
    /// The RUN right below it that does nothing but show the value.
    user: Option<usize>,
}

fn below(
    text: &str,
    dockerfile: &DockerfileFacts,
    stages: &Stages,
    stage: usize,
    instruction: usize,
    name: &str,
) -> Option<Low> {
    let instructions = &dockerfile.model.instructions;
    let body = &dockerfile.model.stages[stage].body;
    let is_it = |i: &Instruction| match &i.kind {
        // A default that a variable gives could be another one further up.
        Kind::Arg(pairs) => match pairs.as_slice() {
            [pair] => pair.name.value == name && pair.value.as_ref().is_none_or(|v| !v.value.contains('$')),
            _ => false,
        },
        _ => false,
    };
    let mut all = body.clone().filter(|&at| at > instruction && is_it(&instructions[at]));
    let (arg, None) = (all.next()?, all.next()) else { return None };
    Some(Low { arg, user: shown_below(text, dockerfile, &stages.all[stage].steps, arg, name) })
}

/// The RUN right below an ARG that does nothing but show its value.
fn shown_below(
    text: &str,
    dockerfile: &DockerfileFacts,
    steps: &[Step],
    arg: usize,
    name: &str,
) -> Option<usize> {
    let idle = |e: &Effect| matches!(e, Effect::Nothing | Effect::PrintsClock { .. });
    let (above, own) = (&dockerfile.model.instructions[arg], dockerfile.model.instructions.get(arg + 1)?);
    let shows = above.lines.end() == own.lines.start() && mentions(&text[own.span.range()], name);
    let run = steps.iter().find(|step| step.instruction == arg + 1).filter(|step| {
        matches!(&step.what, What::Run(run) if !run.heredoc && run.mounts.is_empty() && run.effects.iter().all(idle))
    });
    run.filter(|_| shows).map(|step| step.instruction)
}

/// A layer, or a RUN that prints the clock and is meant as one.
#[derive(Debug)]
pub struct Bust {
    /// Its first instruction.
    pub first: usize,
    /// Its last one.
    pub last: usize,
    /// The name of its argument.
    pub name: Option<String>,
}

/// Those of a stage, from the top.
pub(super) fn busts(text: &str, dockerfile: &DockerfileFacts, stage: usize) -> Vec<Bust> {
    let model = &dockerfile.model;
    let steps = &dockerfile.stages.all[stage].steps;
    let clocks: Vec<usize> = clocks(steps).collect();
    let uses = |at: usize, name: &str| {
        let label = matches!(&model.instructions[at].kind, Kind::Label(pairs) if pairs.iter().all(|p| p.name.value == LABEL));
        label && mentions(&text[model.instructions[at].span.range()], name)
            || shown_below(text, dockerfile, steps, at - 1, name).is_some()
    };
    let body = model.stages[stage].body.clone();
    let found = body.clone().filter_map(|at| {
        let arg = at.checked_sub(1).filter(|above| body.contains(above));
        let name = arg.and_then(|arg| bust(&model.instructions[arg].kind)).filter(|name| uses(at, name));
        match name {
            Some(name) => Some(Bust { first: at - 1, last: at, name: Some(name.to_owned()) }),
            None => clocks.contains(&at).then_some(Bust { first: at, last: at, name: None }),
        }
    });
    found.collect()
}

/// What busts the steps from an instruction of a stage on, or is meant to: what stands above it in its stage with no
/// other RUN between.
pub fn leading(text: &str, dockerfile: &DockerfileFacts, stage: usize, instruction: usize) -> Vec<Bust> {
    let mut top = instruction;
    let mut found = Vec::new();
    for bust in busts(text, dockerfile, stage).into_iter().rev().filter(|bust| bust.last < instruction) {
        let between = &dockerfile.model.instructions[bust.last + 1..top];
        if !between.iter().all(passes) {
            break;
        }
        top = bust.first;
        found.push(bust);
    }
    found.reverse();
    found
}

/// Whether a bust goes past an instruction with the COPY below.
pub(super) fn passes(instruction: &Instruction) -> bool {
    matches!(
        instruction.kind,
        Kind::Copy(_) | Kind::Add(_) | Kind::Workdir(_) | Kind::User(_) | Kind::Label(_) | Kind::Other
    )
}

/// What stands where the layer belongs as long as an install has no COPY of source right below it: the first bust between
/// it and the next such COPY. Where another install has source below it, the layer belongs there.
pub fn following(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    stage: usize,
    install: usize,
) -> Option<Bust> {
    let steps = &dockerfile.stages.all[stage].steps;
    let below = &steps[steps.iter().position(|step| step.instruction == install)? + 1..];
    let is_source = |step: &Step| ships(facts, dockerfile, &step.what);
    let lowest = below.iter().rposition(is_source)?;
    let source = below[..=lowest].iter().find(|step| is_source(step))?;
    if below[..lowest].iter().any(is_install) {
        return None;
    }
    let text = &facts.snapshot.file(dockerfile.model.file).text;
    let mut all = busts(text, dockerfile, stage).into_iter();
    all.find(|bust| bust.first > install).filter(|bust| bust.last < source.instruction)
}

/// The name of the one argument that an ARG declares, if it is called a bust.
fn bust(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Arg(pairs) => match pairs.as_slice() {
            [pair] if is_bust_name(&pair.name.value) => Some(&pair.name.value),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a new value of the argument makes the instruction or a RUN of its stage above it miss already: then it only
/// has to be passed.
fn is_there(facts: &Facts<'_>, dockerfile: usize, stages: &Stages, at: (usize, usize), name: &str) -> bool {
    let Some(moved) = facts.moved(dockerfile).iter().find(|moved| moved.name == name) else { return false };
    let mut above = stages.all[at.0].steps.iter().take_while(|step| step.instruction <= at.1);
    above.any(|step| moved.buildkit.contains(&step.instruction) || moved.classic.contains(&step.instruction))
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
    let mut lacking = Vec::new();
    for service in facts.builders(dockerfile) {
        let model = facts.model(service);
        let Some(build) = &model.build else { continue };
        let Some(arg) = build.args.iter().find(|a| a.name.value == name) else {
            lacking.push(model);
            continue;
        };
        let Some(value) = arg.value.as_ref().filter(|v| !has_variable(&v.raw)) else { continue };
        let file = value.at.file;
        let compose = facts.compose(file).ok_or("the argument is not written in a compose file")?;
        let moving = format!("${{{name}:-{}}}", value.raw);
        let made = compose_edit::set_arg(compose, arg, &moving);
        edits.push((file, made.map_err(|refused| refused.reason)?));
    }
    let value = format!("${{{name}:-}}");
    for (file, services) in facts.builds_by_file(lacking).ok_or("the build is not written in a service")? {
        let compose = facts.compose(file).ok_or("the build is not written in a compose file")?;
        let text = &facts.snapshot.file(file).text;
        let made = compose_edit::add_build_arg(text, compose, &services, name, &value);
        edits.extend(made.map_err(|refused| refused.reason)?.into_iter().map(|e| (file, e)));
    }
    Ok(edits)
}
