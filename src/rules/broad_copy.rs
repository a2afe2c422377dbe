//! `broad-copy`: the whole context is copied before the dependencies are installed, so every change installs them anew.

use crate::{
    analysis::{
        DockerfileFacts, Facts,
        commands::{Effect, Install, Needs, Reads},
        context::{Context, Lands, fills_from, lands, names},
        manifest, paths,
        stages::{CopyFacts, CopyFrom, RunFacts, Step, What},
        vars::Val,
    },
    diag::{Safety, Sink},
    model::dockerfile::{Dockerfile, Instruction, Kind, edit},
    text::{Edit, EntryKind, Location, Span},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for dockerfile in &facts.dockerfiles {
        for stage in 0..dockerfile.stages.all.len() {
            let chain = dockerfile.stages.chain(stage);
            let inherited = chain[..chain.len() - 1].iter().flat_map(|&s| &dockerfile.stages.all[s].steps);
            let own = &dockerfile.stages.all[stage].steps;
            let steps: Vec<&Step> = inherited.chain(own).collect();
            let first_own = steps.len() - own.len();
            dockerfile.contexts.iter().any(|context| look(facts, dockerfile, context, &steps, first_own, sink).is_some());
        }
    }
}

/// A broad COPY and the install behind it.
struct Case<'a> {
    copy: (&'a Step, &'a CopyFacts),
    run: (&'a Step, &'a RunFacts),
    install: &'a Install,
    /// Manifest and lock files that the context holds, from the context.
    manifests: Vec<String>,
    /// Those of them that no COPY before the broad one brings.
    missing: Vec<String>,
    needs: Needs,
}

fn look(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    context: &Context,
    steps: &[&Step],
    first_own: usize,
    sink: &mut Sink<'_>,
) -> Option<()> {
    let case = (first_own..steps.len()).find_map(|at| case(facts, context, &steps[..=at]))?;
    let model = &dockerfile.model;
    let text = &facts.snapshot.file(model.file).text;
    let copy = &model.instructions[case.copy.0.instruction];
    let said = text[copy.span.range()].lines().next().unwrap_or_default();
    let manifest = &case.manifests[0];
    let finding = sink
        .report(
            Location::new(model.file, copy.span),
            format!("`{said}` stands before the dependency install: every change of any file installs all of them again"),
        )
        .label(
            Location::new(model.file, case.install.span),
            match case.needs {
                Needs::Manifests => format!("needs no more than `{manifest}`, and runs again after every change"),
                _ => format!("installs what `{manifest}` names, and runs again after every change"),
            },
        );
    let title = match case.missing.as_slice() {
        [] => "copy the rest after the install".to_owned(),
        missing => format!("copy `{}` first, the rest after the install", missing.join("`, `")),
    };
    let edits = split(text, model, &case).unwrap_or_default();
    finding.fix(Safety::Unsafe, title, edits.into_iter().map(|e| (model.file, e)).collect());
    Some(())
}

/// The case of the RUN that `steps` ends with.
fn case<'a>(facts: &Facts<'_>, context: &Context, steps: &[&'a Step]) -> Option<Case<'a>> {
    let (last, before) = steps.split_last()?;
    let What::Run(run) = &last.what else { return None };
    let install = run.effects.iter().find_map(|e| match e {
        Effect::Install(install) => Some(install),
        _ => None,
    })?;
    // An absolute path needs no working folder.
    let manifest = install.manifests.first()?;
    let dir = run.workdir.known().or(manifest.starts_with('/').then_some("/"))?;
    let place = paths::join(dir, manifest);
    let at = before.iter().position(|step| broad(facts, context, step, &place).is_some())?;
    let (copy_step, What::Copy(copy)) = (before[at], &before[at].what) else { return None };
    if before[..at].iter().any(|step| installs_too(step, install)) {
        return None;
    }
    let main = broad(facts, context, copy_step, &place)?;
    let (mut manifests, mut missing) = (Vec::new(), Vec::new());
    for name in install.manifests.iter().chain(&install.locks) {
        let place = paths::join(dir, name);
        let Some(file) = broad(facts, context, copy_step, &place) else { continue };
        if !before[..at].iter().any(|step| brings(step, &file, &place)) {
            missing.push(file.clone());
        }
        manifests.push(file);
    }
    let needs = manifest::needs(facts.snapshot, install, &paths::join(&context.dir, &main));
    // Where the install may read more than the manifest, a step before it may have made what it reads.
    let prepared = needs == Needs::More && before[at..].iter().any(|step| prepares(step));
    (needs != Needs::Sources && !prepared).then_some(Case { copy: (copy_step, copy), run: (last, run), install, manifests, missing, needs })
}

/// The file of the context that a step puts at `place`, if the step copies the whole context or a folder around it.
fn broad(facts: &Facts<'_>, context: &Context, step: &Step, place: &str) -> Option<String> {
    let What::Copy(copy) = &step.what else { return None };
    if copy.from != CopyFrom::Context || copy.selects() {
        return None;
    }
    fills_from(copy, place).into_iter().find(|source| {
        let lands_there = matches!(lands(copy, source), Lands::At(at) if at.iter().any(|a| a == place));
        let named = names(copy, source);
        let path = paths::join(&context.dir, source);
        let comes = facts.snapshot.entry(&path) == Some(EntryKind::File) && context.ignored(source).is_none();
        lands_there && !named && comes && !only_lists(facts, context, copy, source)
    })
}

/// Whether the COPY brings one folder, the manifest's, which holds nothing but lists like it (`requirements/base.txt`).
fn only_lists(facts: &Facts<'_>, context: &Context, copy: &CopyFacts, manifest: &str) -> bool {
    let folder = paths::parent(manifest);
    let is_folder = |source: &Val| source.known().is_some_and(|source| paths::clean(source) == folder);
    !folder.is_empty()
        && copy.sources.iter().all(is_folder)
        && facts
            .snapshot
            .below(&paths::join(&context.dir, folder))
            .all(|(path, _)| [".txt", ".in", ".lock"].iter().any(|list| path.ends_with(list)))
}

/// Whether the step copies the file of the context to the place.
fn brings(step: &Step, file: &str, place: &str) -> bool {
    match &step.what {
        What::Copy(copy) if copy.from == CopyFrom::Context => {
            matches!(lands(copy, file), Lands::At(at) if at.iter().any(|a| a == place))
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

/// Manifests first, then the install, then the COPY as it was. `None` where that could change what the image holds.
fn split(text: &str, model: &Dockerfile, case: &Case<'_>) -> Option<Vec<Edit>> {
    let instructions = &model.instructions;
    let (copy_at, run_at) = (case.copy.0.instruction, case.run.0.instruction);
    let copy = &instructions[copy_at];
    let Kind::Copy(written) = &copy.kind else { return None };
    let plain = written.sources.len() == 1 && written.heredocs.is_empty() && !written.json;
    let between = instructions.get(copy_at + 1..run_at)?;
    if case.needs != Needs::Manifests || !plain || !between.iter().all(harmless) || !only_installs(case.run.1) {
        return None;
    }
    let dest = if matches!(written.dest.value.as_str(), "." | "./") {
        "./".to_owned()
    } else {
        format!("{}/", case.copy.1.dest.known()?.trim_end_matches('/'))
    };
    let folder = paths::parent(&case.manifests[0]);
    let source = paths::clean(&written.sources[0].value.replace('\\', "/"));
    // A manifest in a folder below the copied one would land elsewhere.
    if case.manifests.iter().any(|m| paths::parent(m) != folder) || folder != source.trim_start_matches('/') {
        return None;
    }
    let words = case.missing.iter().map(|m| word(m)).collect::<Option<Vec<_>>>()?.join(" ");
    let arguments = written.sources[0].span.join(written.dest.span);
    // The COPY takes the comments above it along. That they are replaced, too, makes a cache-bust layer, which goes
    // above the sources, wait for the next round.
    let whole = Span::new(edit::start_with_comments(text, model, copy_at), copy.span.end());
    let moved = edit::insert_after(text, model, run_at, &[text[whole.range()].to_owned()]).ok()?;
    if words.is_empty() {
        let line = Span::new(whole.start(), copy.lines.end());
        return Some(vec![Edit::replace(line, ""), moved]);
    }
    let head = &text[copy.span.start()..arguments.start()];
    Some(vec![Edit::replace(whole, format!("{head}{words} {dest}")), moved])
}

/// A name that needs no quoting in a COPY.
fn word(path: &str) -> Option<String> {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/@+".contains(&b)).then(|| path.to_owned())
}

/// Instructions whose order against the COPY does not matter.
fn harmless(instruction: &Instruction) -> bool {
    matches!(instruction.kind, Kind::Env(_) | Kind::Arg(_) | Kind::Label(_) | Kind::Other)
}

fn only_installs(run: &RunFacts) -> bool {
    run.context_mounts.is_empty()
        && run.effects.iter().all(|e| {
            matches!(e, Effect::Install(_) | Effect::Nothing | Effect::Checks | Effect::Other { reads: Reads::Nothing | Reads::Index, .. })
        })
}
