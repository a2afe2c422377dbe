//! `inert-cache-bust`: something meant to bust the cache that cannot.

use std::cell::OnceCell;

use crate::{
    analysis::{
        DockerfileFacts, Facts,
        cache::{self, Passing},
        deploys,
        layer, names,
        stages::What,
    },
    diag::{Safety, Severity, Sink},
    model::dockerfile::{Kind, Pair, edit},
    text::{Location, Span},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        clocks(facts, index, dockerfile, sink);
        arguments(facts, index, dockerfile, sink);
    }
    filters(facts, sink);
}

/// `docker build --no-cache-filter=stage` in a script, of a stage that the Dockerfile does not have.
fn filters(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (script, step) in facts.scripts.iter().flat_map(|s| s.steps.iter().map(move |step| (s, step))) {
        let Some(dockerfile) = deploys::dockerfile(facts, script, step) else { continue };
        let dockerfile = &facts.dockerfiles[dockerfile];
        let filters = step.docker().into_iter().flat_map(|d| &d.options).filter(|o| o.name == "--no-cache-filter");
        for value in filters.filter_map(|o| o.value.as_ref()) {
            let names = value.text.iter().flat_map(|text| text.split(',')).map(str::trim);
            for name in names.filter(|name| dockerfile.stages.target(Some(&name.to_ascii_lowercase())).is_none()) {
                sink.report(
                    Location::new(script.file, value.span),
                    format!("no stage is called `{name}`: the filter names nothing, and every step may come from the cache"),
                )
                .label(Location::new(dockerfile.model.file, Span::point(0)), "is built")
                .fix(Safety::Manual, "name a stage of the Dockerfile", Vec::new());
            }
        }
    }
}

/// `RUN echo $(date)`: the key is the text.
fn clocks(facts: &Facts<'_>, index: usize, dockerfile: &DockerfileFacts, sink: &mut Sink<'_>) {
    for (stage, resolved) in dockerfile.stages.all.iter().enumerate() {
        let all: Vec<usize> = layer::clocks(&resolved.steps).collect();
        let layer = OnceCell::new();
        for (number, &at) in all.iter().enumerate() {
            let step = resolved.steps.iter().position(|step| step.instruction == at).unwrap_or_default();
            if cache::bust(facts, index, &dockerfile.stages, stage, step).is_some() {
                continue;
            }
            let model = &dockerfile.model;
            let text = &facts.snapshot.file(model.file).text;
            let instruction = &model.instructions[at];
            let said = text[instruction.span.range()].lines().next().unwrap_or_default();
            let finding = sink.report(
                Location::new(model.file, instruction.span),
                format!("`{said}` busts nothing: the cache key is this text, not what the shell makes of it"),
            );
            let layer = layer.get_or_init(|| {
                let place = layer::wanted(facts, dockerfile, stage).unwrap_or(at);
                layer::insert(facts, index, &dockerfile.stages, &[(stage, place)])
            });
            let title = "bust by a build argument instead";
            let mut changes = match layer {
                Ok(changes) => changes.clone(),
                Err(reason) => {
                    finding.help(reason.clone()).fix(Safety::Manual, title, Vec::new());
                    continue;
                }
            };
            if number == 0 {
                finding.change(Safety::Safe, title, changes);
                continue;
            }
            // One layer is enough for the stage, and every clock goes when it comes: one that went before would leave its
            // comments above what stands below, and the layer may take that along.
            if !changes.edits.iter().any(|(file, edit)| *file == model.file && edit.span.contains(instruction.span)) {
                changes.edits.push((model.file, edit::remove(text, model, at)));
            }
            finding.change(Safety::Safe, "remove it: the first of its kind becomes the cache-bust", changes);
        }
    }
}

/// One declaration of an argument that is called a bust.
struct Declared<'a> {
    pair: &'a Pair,
    /// The instruction's index.
    at: usize,
    /// The stage that it stands in; `None` before the first FROM.
    stage: Option<usize>,
}

fn declared(dockerfile: &DockerfileFacts) -> Vec<Declared<'_>> {
    let model = &dockerfile.model;
    let stage = |at: usize| model.stages.iter().position(|s| s.body.contains(&at));
    let args = model.instructions.iter().enumerate().filter_map(|(at, i)| match &i.kind {
        Kind::Arg(pairs) => Some((at, pairs)),
        _ => None,
    });
    args.flat_map(|(at, pairs)| pairs.iter().map(move |pair| Declared { pair, at, stage: stage(at) }))
        .filter(|d| names::is_bust_name(&d.pair.name.value))
        .collect()
}

fn arguments(facts: &Facts<'_>, index: usize, dockerfile: &DockerfileFacts, sink: &mut Sink<'_>) {
    let all = declared(dockerfile);
    let mut reported: Vec<&str> = Vec::new();
    for one in &all {
        let name = one.pair.name.value.as_str();
        if reported.contains(&name) {
            continue;
        }
        let redeclared = all.iter().any(|d| d.stage.is_some() && d.pair.name.value == name);
        let busts = Busts::of(facts, index, name);
        let found = match one.stage {
            None => !redeclared && busts == Busts::Nothing && before_from(facts, index, one, sink),
            Some(stage) => {
                (busts != Busts::Both && shadowed(facts, index, stage, one, sink))
                    || (busts == Busts::Nothing && nothing_after(facts, index, stage, one, sink))
                    || not_passed(facts, index, one, sink)
            }
        };
        if found {
            reported.push(name);
        }
    }
}

/// Who runs a step again for a new value of the argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Busts {
    Nothing,
    One,
    Both,
}

impl Busts {
    fn of(facts: &Facts<'_>, dockerfile: usize, name: &str) -> Self {
        let moved = facts.moved(dockerfile).iter().find(|moved| moved.name == name);
        match moved.map_or((true, true), |moved| (moved.buildkit.is_empty(), moved.classic.is_empty())) {
            (true, true) => Self::Nothing,
            (false, false) => Self::Both,
            _ => Self::One,
        }
    }
}

fn before_from(facts: &Facts<'_>, index: usize, one: &Declared<'_>, sink: &mut Sink<'_>) -> bool {
    let dockerfile = &facts.dockerfiles[index];
    let name = &one.pair.name.value;
    let finding = sink
        .report(
            Location::new(dockerfile.model.file, one.pair.name.span),
            format!("`{name}` stands before the first FROM: no stage sees it, and it busts nothing"),
        )
        .help(format!("declare `ARG {name}` in the stage, above what has to run again"));
    let stages = layer::needed(facts, index);
    let place = stages.into_iter().find_map(|s| Some((s, layer::above(facts, dockerfile, s)?)));
    let edits = place.and_then(|place| layer::insert(facts, index, &dockerfile.stages, &[place]).ok());
    finding.change(Safety::Safe, "declare it in the stage", edits.unwrap_or_default());
    true
}

fn nothing_after(facts: &Facts<'_>, index: usize, stage: usize, one: &Declared<'_>, sink: &mut Sink<'_>) -> bool {
    let name = &one.pair.name.value;
    let file = facts.dockerfiles[index].model.file;
    let finding = sink
        .report(
            Location::new(file, one.pair.name.span),
            format!("no RUN follows `ARG {name}` in its stage: it busts nothing"),
        )
        .help("an ARG is part of the key of the RUNs after it, in its own stage: move it above what has to run again");
    let edits = layer::moved(facts, index, stage, one.at).unwrap_or_default();
    finding.change(Safety::Safe, "move it above what has to run again", edits);
    true
}

/// `ENV X=constant` and `ARG X`: the ENV wins where it stands below; where it stands above, the builders differ.
fn shadowed(facts: &Facts<'_>, index: usize, stage: usize, one: &Declared<'_>, sink: &mut Sink<'_>) -> bool {
    let dockerfile = &facts.dockerfiles[index];
    let name = &one.pair.name.value;
    let steps = dockerfile.stages.chain(stage).into_iter().flat_map(|s| &dockerfile.stages.all[s].steps);
    let mut constant = steps.filter_map(|step| {
        let Kind::Env(pairs) = &dockerfile.model.instructions[step.instruction].kind else { return None };
        let pair = pairs.iter().find(|p| p.name.value == *name)?;
        let moves = pair.value.as_ref().is_some_and(|v| v.value.contains('$'));
        (!moves).then_some((step.instruction, pair))
    });
    // The last one decides.
    let Some((at, pair)) = constant.next_back() else { return false };
    // A RUN between the two still sees the ARG.
    let between = dockerfile.stages.all[stage]
        .steps
        .iter()
        .any(|s| matches!(s.what, What::Run(_)) && one.at < s.instruction && s.instruction < at);
    if between {
        return false;
    }
    let here = Location::new(dockerfile.model.file, one.pair.name.span);
    let (message, severity) = if one.at < at {
        (format!("`ENV {name}` wins over this ARG: its value never changes, and it busts nothing"), Severity::Error)
    } else {
        let message = format!("the classic builder takes `ENV {name}` above instead of this ARG, and it busts nothing there");
        (message, Severity::Info)
    };
    let edits = if one.at < at { layer::followed(facts, index, one.pair, pair) } else { None };
    sink.report(here, message)
        .at_most(severity)
        .label(Location::new(dockerfile.model.file, pair.name.span), "a value that never changes")
        .fix(Safety::Unsafe, "give the ENV the argument's value", edits.unwrap_or_default());
    true
}

fn not_passed(facts: &Facts<'_>, index: usize, one: &Declared<'_>, sink: &mut Sink<'_>) -> bool {
    let name = &one.pair.name.value;
    let file = facts.dockerfiles[index].model.file;
    let (message, places, label): (_, Vec<Location>, _) = match cache::passing(facts, index, name) {
        Passing::NotKnown | Passing::Moves => return false,
        Passing::Missing(places) => {
            (format!("no compose service that builds this passes `{name}`: it keeps its default and busts nothing"),
             places, "builds it, and passes no such argument")
        }
        Passing::Constant(places) => {
            (format!("`{name}` is passed as a constant: it busts nothing"), places, "the same at every build")
        }
    };
    let mut finding = sink.report(Location::new(file, one.pair.name.span), message);
    for place in places {
        finding = finding.label(place, label);
    }
    // `--build-arg` on the command line would still pass it.
    let finding = finding.at_most(Severity::Warning);
    match layer::pass(facts, index, name) {
        Ok(edits) => finding.fix(Safety::Safe, format!("pass `{name}` from the environment"), edits),
        Err(reason) => finding.help(reason).fix(Safety::Manual, format!("pass `{name}`"), Vec::new()),
    };
    true
}
