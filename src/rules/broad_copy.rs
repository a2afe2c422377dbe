//! `broad-copy`: the whole context is copied before the dependencies are installed, so every change installs them anew.

use crate::{
    analysis::{
        DockerfileFacts, Facts,
        commands::{Effect, Install, Manager, Reads},
        context::{Context, Lands, lands},
        manifest::Wants,
        mounted,
        reading::{Brought, Piece, Reading},
        split::{self, Parts},
        stages::{CopyFacts, CopyFrom, RunFacts, Step, What},
    },
    diag::{Safety, Severity, Sink},
    text::Location,
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
                let cases: Vec<Case<'_>> =
                    (first_own..steps.len()).filter_map(|at| case(facts, context, &steps[..=at])).collect();
                for case in &cases {
                    report(facts, dockerfile, context, case, sink);
                }
                let mounted = own.iter().filter(|step| mounted(facts, dockerfile, context, step, sink).is_some()).count();
                !cases.is_empty() || mounted > 0
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

fn report(facts: &Facts<'_>, dockerfile: &DockerfileFacts, context: &Context, case: &Case<'_>, sink: &mut Sink<'_>) {
    let model = &dockerfile.model;
    let text = &facts.snapshot.file(model.file).text;
    let copy = &model.instructions[case.copy.0.instruction];
    let said = text[copy.span.range()].lines().next().unwrap_or_default();
    let command = split::one_line(&text[case.install.span.range()]);
    let manifest = &case.reading.pieces[0].source;
    let message =
        format!("`{said}` stands before the dependency install `{command}`: every change of any file installs all of them again");
    let needs = match case.reading.wants {
        Wants::Manifests => format!("needs no more than `{manifest}`, and runs again after every change"),
        _ => format!("installs what `{manifest}` names, and runs again after every change"),
    };
    let finding = sink
        .report(Location::new(model.file, copy.span), message)
        .label(Location::new(model.file, case.install.span), needs);
    let names: Vec<&str> = case.missing.iter().map(|piece| piece.source.as_str()).collect();
    let mut title = match names[..] {
        [] => "copy the rest after the install".to_owned(),
        _ => format!("copy `{}` first, the rest after the install", names.join("`, `")),
    };
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
        Wants::More(reason) | Wants::Members(reason) => Err(reason.clone()),
        Wants::Sources => return,
    };
    match edits {
        Ok(edits) => finding.fix(Safety::Unsafe, title, edits),
        Err(reason) => {
            let level = if matches!(case.reading.wants, Wants::Members(_)) { Severity::Info } else { Severity::Warning };
            if level == Severity::Info {
                title = "copy the manifests and what they name first, the rest after the install".to_owned();
            }
            finding.at_most(level).help(format!("not done by itself: {reason}")).fix(Safety::Manual, title, Vec::new())
        }
    };
}

/// The same with a mount of the whole context in the place of the COPY.
fn mounted(facts: &Facts<'_>, dockerfile: &DockerfileFacts, context: &Context, step: &Step, sink: &mut Sink<'_>) -> Option<()> {
    let What::Run(run) = &step.what else { return None };
    let model = &dockerfile.model;
    let case = mounted::case(facts, model, context, step)?;
    let text = &facts.snapshot.file(model.file).text;
    let (said, command) = (&text[case.mount.span.range()], split::one_line(&text[case.install.span.range()]));
    let names: Vec<&str> = case.reading.pieces.iter().map(|piece| piece.source.as_str()).collect();
    let finding = sink.report(
        Location::new(model.file, case.mount.span),
        format!("`{said}` shows the dependency install `{command}` every file: every change of any file installs all of them again"),
    );
    let title = format!("mount `{}` only", names.join("`, `"));
    match mounted::edits(facts, model, run, &case) {
        Ok(edits) => finding.fix(Safety::Unsafe, title, edits),
        Err(reason) => {
            let members = matches!(case.reading.wants, Wants::Members(_));
            let level = if members { Severity::Info } else { Severity::Warning };
            finding.at_most(level).help(format!("not done by itself: {reason}")).fix(Safety::Manual, title, Vec::new())
        }
    };
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
    let (at, install) =
        installs.iter().find_map(|install| Some((before.iter().position(|step| read(step, install).is_some())?, *install)))?;
    let (copy_step, What::Copy(copy)) = (before[at], &before[at].what) else { return None };
    if before[..at].iter().any(|step| installs_too(step, install)) {
        return None;
    }
    let mut reading = read(copy_step, install)?;
    for other in installs.iter().filter(|other| **other != install) {
        match read(copy_step, other) {
            Some(more) => {
                reading.pieces.extend(more.pieces);
                reading.fills.extend(more.fills);
                reading.wants = reading.wants.and(more.wants);
            }
            None => reading.wants = reading.wants.and(Wants::More("another install in the same RUN reads files that are not known".to_owned())),
        }
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
    Some(Case { copy: (copy_step, copy), between: before[at + 1..].to_vec(), run: (last, run), install, reading, missing })
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
