//! `git-in-context`: the whole context is copied with the repository's `.git` in it.

use crate::{
    analysis::{
        Facts,
        ignoring,
        stages::{Stages, What},
        whole,
    },
    diag::{Safety, Sink},
    model::dockerfile::{Dockerfile, Form, Kind},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for copy in whole::copies(facts) {
        let root = copy.context.kind(facts.snapshot, ".git").is_some();
        let dockerfile = &facts.dockerfiles[copy.dockerfile];
        if !root || copy.context.ignored(".git").is_some() || mentions_git(facts, &dockerfile.model) {
            continue;
        }
        let runs = runs_after(copy.stages, copy.stage, copy.step);
        let at = Location::new(dockerfile.model.file, dockerfile.model.instructions[copy.instruction].span);
        let title = "keep `.git` out of the context";
        let draft = sink.report(at, "`.git` is copied along: every commit misses the cache here, and the history ships in the image");
        let other = ignoring::sharers(facts, copy.context).find(|&other| mentions_git(facts, &facts.dockerfiles[other].model));
        if let Some(other) = other {
            let path = &facts.snapshot.file(facts.dockerfiles[other].model.file).path;
            draft.help(format!("`{path}` is built from there, too, and runs git")).fix(Safety::Manual, title, Vec::new());
            continue;
        }
        match ignoring::add(facts, copy.context, copy.dockerfile, &[".git"]) {
            Ok(added) => {
                let safety = if runs || !added.alone { Safety::Unsafe } else { Safety::Safe };
                draft.change(safety, ignoring::title(title.to_owned(), &added.changes), added.changes)
            }
            Err(reason) => draft.help(reason).fix(Safety::Manual, title, Vec::new()),
        };
    }
}

/// Whether any command of the file speaks of git.
fn mentions_git(facts: &Facts<'_>, model: &Dockerfile) -> bool {
    let text = &facts.snapshot.file(model.file).text;
    model.instructions.iter().any(|instruction| match &instruction.kind {
        Kind::Run(run) => match &run.form {
            Form::Shell(script) => script.commands.iter().flat_map(|c| &c.words).any(|w| {
                w.raw == "git" || w.raw.ends_with("/git") || w.raw.contains(".git/") || w.raw.strip_suffix(".git").is_some()
            }) || text[instruction.span.range()].contains("git rev-parse"),
            Form::Exec(words) => words.iter().any(|w| w.value.contains("git")),
        },
        _ => false,
    })
}

/// Whether a command may look at what was copied: it could ask for the version of the checkout.
fn runs_after(stages: &Stages, stage: usize, step: usize) -> bool {
    let later = stages.all[stage].steps[step..].iter().any(|s| matches!(s.what, What::Run(_)));
    let children = stages.all[stage + 1..].iter().any(|s| s.steps.iter().any(|s| matches!(s.what, What::Run(_))));
    later || children
}
