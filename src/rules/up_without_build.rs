//! `up-without-build`: `git pull` and `up -d` of services that are built, with no build between the two.

use crate::{
    analysis::{
        Facts,
        deploys::{self, Role},
        links::Service,
    },
    diag::{Safety, Sink},
    model::script::{Action, Script, Step, edit},
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
    if deploys::role(step) != Role::Starts || deploys::builds(step) {
        return None;
    }
    let pulled = (0..at).rev().find(|before| {
        let other = &script.steps[*before];
        deploys::role(other) == Role::Pulls && deploys::same_place(other, step) && script.follows(*before, at)
    })?;
    if script.steps[pulled..at].iter().any(may_build) {
        return None;
    }
    let services = deploys::services(facts, script, step)?;
    let service = services.into_iter().find(|service| needs_build(facts, service))?;
    let model = facts.model(service);
    let build = model.build.as_ref()?;
    let text = &facts.snapshot.file(script.file).text;
    let detach = compose.options.iter().find(|o| matches!(o.name.as_str(), "-d" | "--detach" | "--wait"));
    let edits = edit::options(text, step, compose.verb_span, detach, "--build");
    let name = &model.name.value;
    sink.report(
        Location::new(script.file, step.span),
        format!("`up` starts the image that `{name}` had before: nothing builds what `git pull` brought"),
    )
    .label(Location::new(script.file, script.steps[pulled].span), "the new code")
    .label(Location::new(facts.compose_file(service), build.key), "is built from it")
    .help("`up` builds an image only if there is none")
    .fix(Safety::Unsafe, "build with `up`", edits.into_iter().map(|e| (script.file, e)).collect());
    Some(())
}

fn needs_build(facts: &Facts<'_>, service: &Service) -> bool {
    let model = facts.model(service);
    let policy = model.pull_policy.as_ref().map(|p| p.known.as_deref());
    model.build.is_some() && matches!(policy, None | Some(Some("missing" | "never" | "if_not_present"))) && !deploys::mounts_code(facts, service)
}

/// Whether the step builds, brings images from elsewhere, removes them, or is a program that may.
fn may_build(step: &Step) -> bool {
    if deploys::builds(step) || deploys::role(step) == Role::Fetches {
        return true;
    }
    match &step.action {
        Action::Compose(c) => c.has(&["--rmi"]) || c.open,
        Action::Docker(d) => {
            matches!(d.verb.as_str(), "rmi" | "image rm" | "image prune" | "system prune" | "tag" | "image tag" | "")
        }
        Action::Other { name, args } => {
            let says = |text: &str| text.contains("build") || text.contains("docker") || text.ends_with(".sh");
            name.as_deref().is_none_or(says)
                || matches!(name.as_deref(), Some("make" | "just" | "task" | "npm" | "yarn" | "pnpm" | "bash" | "sh" | "." | "source"))
                || args.iter().any(|arg| arg.text.as_deref().is_some_and(|t| t.contains("build")))
        }
        _ => false,
    }
}
