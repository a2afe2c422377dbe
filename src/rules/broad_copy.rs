//! `broad-copy`: the whole context is copied before the dependencies are installed, so every change installs them anew.

use crate::{
    analysis::{
        DockerfileFacts, Facts, cache,
        commands::{Effect, Install, Manager, Reads},
        context::{Context, Lands, lands},
        manifest::Wants,
        mounted,
        reading::{Brought, Piece, Reading},
        split::{self, Parts},
        stages::{CopyFacts, CopyFrom, RunFacts, Step, What},
    },
    diag::{Draft, Safety, Severity, Sink},
    text::{Changes, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for dockerfile in &facts.dockerfiles {
        for stage in 0..dockerfile.stages.all.len() {
            let chain = dockerfile.stages.chain(stage);
            let inherited = chain[..chain.len() - 1].iter().flat_map(|&s| &dockerfile.stages.all[s].steps);
            let own = &dockerfile.stages.all[stage].steps;
            let steps: Vec<&Step> = inherited.chain(own).collect();
            let first_own = steps.len() - own.len();
            // The first context in which it holds.
            dockerfile.contexts.iter().any(|context| {
                let text = &facts.snapshot.file(dockerfile.model.file).text;
                let again = |case: &Case<'_>| cache::runs_again(text, &case.copy.1.sources, case.run.0.instruction);
                let all = (first_own..steps.len()).filter_map(|at| case(facts, context, &steps[..=at]));
                let cases: Vec<Case<'_>> = all.filter(again).collect();
                for case in &cases {
                    report(facts, dockerfile, context, case, sink);
                }
                let mounts = own.iter().filter_map(|step| mounted(facts, dockerfile, context, step, sink)).count();
                !cases.is_empty() || mounts > 0
            });
        }
    }
}

/// A broad COPY and the install behind it.
struct Case<'a> {
    copy: (&'a Step, &'a CopyFacts),
    between: Vec<&'a Step>,
    run: (&'a Step, &'a RunFacts),
    install: &'a Install,
    /// What the installs of the RUN read of the COPY.
    reading: Reading,
    /// Those pieces that no COPY before the broad one brings.
    missing: Vec<Piece>,
}

fn report(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    context: &Context,
    case: &Case<'_>,
    sink: &mut Sink<'_>,
) {
    let model = &dockerfile.model;
    let text = &facts.snapshot.file(model.file).text;
    let copy = &model.instructions[case.copy.0.instruction];
    let said = text[copy.span.range()].lines().next().unwrap_or_default();
    let manager = case.install.manager.name();
    let manifest = &case.reading.pieces[0].source;
    let draft = sink
        .report(
            Location::new(model.file, copy.span),
            format!(
                "`{said}` stands before the dependency install of {manager}: \
                 every change of any file installs all of them again"
            ),
        )
        .label(
            Location::new(model.file, case.install.span),
            match case.reading.wants {
                Wants::Manifests => format!("needs no more than `{manifest}`, and runs again after every change"),
                _ => format!("installs what `{manifest}` names, and runs again after every change"),
            },
        );
    let edits = match &case.reading.wants {
        Wants::Manifests => split::edits(&Parts {
            facts,
            model,
            context,
            copy: case.copy,
            between: &case.between,
            run: case.run,
            reading: &case.reading,
            missing: &case.missing.iter().collect::<Vec<_>>(),
        }),
        wants => Err(wants.reason().to_owned()),
    };
    let names: Vec<&str> = case.missing.iter().map(|piece| piece.source.as_str()).collect();
    let title = match (&case.reading.wants, &names[..]) {
        (Wants::Members(_), _) => "copy the manifests and what they name first, the rest after the install".to_owned(),
        (_, []) => "copy the rest after the install".to_owned(),
        (_, names) => format!("copy `{}` first, the rest after the install", names.join("`, `")),
    };
    conclude(draft, &case.reading.wants, edits, title);
}

/// The fix, or why a person has to make it. What only a person can choose is no more than worth knowing.
fn conclude(draft: Draft<'_>, wants: &Wants, changes: Result<Changes, String>, title: String) {
    let level = if matches!(wants, Wants::Members(_)) { Severity::Info } else { Severity::Warning };
    match changes {
        Ok(changes) => draft.change(Safety::Unsafe, title, changes),
        Err(reason) => {
            let help = format!("not done by itself: {reason}");
            draft.at_most(level).help(help).fix(Safety::Manual, title, Vec::new())
        }
    };
}

/// The same with a mount of the whole context in the place of the COPY.
fn mounted(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    context: &Context,
    step: &Step,
    sink: &mut Sink<'_>,
) -> Option<()> {
    let What::Run(run) = &step.what else { return None };
    let model = &dockerfile.model;
    let case = mounted::case(facts, model, context, step)?;
    let text = &facts.snapshot.file(model.file).text;
    let said = &text[case.mount.span.range()];
    let names: Vec<&str> = case.reading.pieces.iter().map(|piece| piece.source.as_str()).collect();
    let draft = sink.report(
        Location::new(model.file, case.mount.span),
        format!(
            "`{said}` shows every file to the dependency install of {}: \
             a change of any of them installs all dependencies again",
            case.install.manager.name()
        ),
    );
    let edits = match &case.reading.wants {
        Wants::Manifests => mounted::edits(facts, model, run, &case).map(Changes::from),
        wants => Err(wants.reason().to_owned()),
    };
    conclude(draft, &case.reading.wants, edits, format!("mount `{}` only", names.join("`, `")));
    Some(())
}

/// The case of the RUN that `steps` ends with.
fn case<'a>(facts: &Facts<'_>, context: &Context, steps: &[&'a Step]) -> Option<Case<'a>> {
    let (last, before) = steps.split_last()?;
    let What::Run(run) = &last.what else { return None };
    let installs = run.effects.iter().filter_map(|e| match e {
        Effect::Install(install) => Some(install),
        _ => None,
    });
    let installs: Vec<&Install> = installs.collect();
    let read = |step: &Step, install: &Install| match &step.what {
        // A path from the root needs no working folder.
        What::Copy(copy) => Brought { facts, context, copy }.reading(install, run.workdir.known().unwrap_or("?")),
        _ => None,
    };
    let first = |install: &Install| before.iter().position(|step| read(step, install).is_some());
    let (at, install) = installs.iter().find_map(|install| Some((first(install)?, *install)))?;
    let (copy_step, What::Copy(copy)) = (before[at], &before[at].what) else { return None };
    if before[..at].iter().any(|step| installs_too(step, install)) {
        return None;
    }
    let mut reading = read(copy_step, install)?;
    for other in installs.iter().filter(|other| **other != install) {
        reading = reading.and(read(copy_step, other));
    }
    // Where the install may read more than the manifest, a step before it may have made what it reads; these also take
    // what such a step has put into the machine's own repository (`mvn install`).
    let local = matches!(install.manager, Manager::Maven | Manager::Gradle | Manager::Dotnet);
    let may = local || reading.wants != Wants::Manifests;
    let prepared = may && before[at..].iter().any(|step| prepares(step));
    if reading.wants == Wants::Sources || prepared {
        return None;
    }
    let missing = reading.pieces.iter().filter(|piece| !before[..at].iter().any(|step| brings(step, piece)));
    let mut missing: Vec<Piece> = missing.cloned().collect();
    missing.dedup();
    let between = before[at + 1..].to_vec();
    Some(Case { copy: (copy_step, copy), between, run: (last, run), install, reading, missing })
}

/// Whether the step copies the piece to its place.
fn brings(step: &Step, piece: &Piece) -> bool {
    match &step.what {
        What::Copy(copy) if copy.from == CopyFrom::Context => {
            matches!(lands(copy, &piece.source), Lands::At(at) if at.contains(&piece.place))
        }
        _ => false,
    }
}

fn prepares(step: &Step) -> bool {
    let unknown = |e: &Effect| matches!(e, Effect::Other { reads: Reads::Unknown, .. });
    matches!(&step.what, What::Run(run) if run.effects.iter().any(unknown))
}

fn installs_too(step: &Step, install: &Install) -> bool {
    match &step.what {
        What::Run(run) => {
            run.effects.iter().any(|e| matches!(e, Effect::Install(other) if other.manager == install.manager))
        }
        _ => false,
    }
}
