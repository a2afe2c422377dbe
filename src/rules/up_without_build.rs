//! `up-without-build`: `git pull` and `up -d` of services that are built, with no build between the two.

use crate::{
    analysis::{Facts, deploys},
    diag::{Safety, Sink},
    model::script::{Script, edit},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for script in &facts.scripts {
        for at in 0..script.steps.len() {
            look(facts, script, at, sink);
        }
    }
}

fn look(facts: &Facts<'_>, script: &Script, at: usize, sink: &mut Sink<'_>) -> Option<()> {
    let step = &script.steps[at];
    let compose = step.compose()?;
    let unbuilt = deploys::unbuilt(facts, script, at)?;
    let model = facts.model(unbuilt.service);
    let build = model.build.as_ref()?;
    let text = &facts.snapshot.file(script.file).text;
    let edits = edit::options(text, step, compose.verb_span, compose.detach(), "--build");
    let name = &model.name.value;
    sink.report(
        Location::new(script.file, step.span),
        format!("`up` starts the image that `{name}` had before: nothing builds what `git pull` brought"),
    )
    .label(Location::new(script.file, script.steps[unbuilt.pulled].span), "the new code")
    .label(build.key, "is built from it")
    .help("`up` builds an image only if there is none")
    .fix(Safety::Unsafe, "build with `up`", edits.into_iter().map(|e| (script.file, e)).collect());
    Some(())
}
