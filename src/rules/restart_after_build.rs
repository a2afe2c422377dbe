//! `restart-after-build`: `restart` or `start` is what follows the build, and keeps the old image.

use crate::{
    analysis::{
        Facts,
        deploys::{self, Role},
    },
    diag::{Safety, Sink},
    model::script::{Action, Compose, Docker, Script, Step, edit},
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
    if deploys::role(step) != Role::Restarts {
        return None;
    }
    let built = (0..at).rev().find(|before| {
        let other = &script.steps[*before];
        matches!(deploys::role(other), Role::Builds | Role::Fetches)
            && deploys::same_place(other, step)
            && script.follows(*before, at)
            && concerns(facts, script, other, step)
    })?;
    // Whatever makes new containers after the build takes the new image.
    let replaced = (built + 1..script.steps.len()).any(|other| {
        let step = &script.steps[other];
        script.follows(built, other) && (makes(step) || deploys::role(step) == Role::Removes)
    });
    if replaced {
        return None;
    }
    let text = &facts.snapshot.file(script.file).text;
    let (verb, help, edits) = match &step.action {
        Action::Compose(c) => {
            let known = c.options.iter().all(|o| matches!(o.name.as_str(), "-t" | "--timeout" | "--no-deps"));
            let edit = edit::verb(text, step, c.verb_span, &c.verb, "up -d").filter(|_| known && !c.open);
            (&c.verb, "`up -d` makes a new container where the image changed", edit.into_iter().collect())
        }
        Action::Docker(d) => (&d.verb, "remove the container and `docker run` it anew", Vec::new()),
        _ => return None,
    };
    let what = if deploys::builds(&script.steps[built]) { "build" } else { "pull" };
    sink.report(
        Location::new(script.file, step.span),
        format!("`{verb}` keeps the old container with its old image: what this {what} brought is not started"),
    )
    .label(Location::new(script.file, script.steps[built].span), format!("the {what}"))
    .help(help)
    .fix(Safety::Safe, "make new containers", edits.into_iter().map(|e| (script.file, e)).collect());
    Some(())
}

/// Whether the step makes containers, in the foreground or not.
fn makes(step: &Step) -> bool {
    match &step.action {
        Action::Compose(c) => matches!(c.verb.as_str(), "up" | "create" | "run"),
        Action::Docker(d) => deploys::role(step) == Role::Starts || matches!(d.verb.as_str(), "run" | "container run"),
        // Another script, or a service manager, may make them.
        Action::Other { name, .. } => {
            name.as_deref().is_none_or(|n| matches!(n, "make" | "systemctl" | "service" | "ansible-playbook") || deploys::is_script_name(n))
        }
        _ => false,
    }
}

/// Whether the restarted containers can be of the image that the build makes.
fn concerns(facts: &Facts<'_>, script: &Script, build: &Step, restart: &Step) -> bool {
    match (&build.action, &restart.action) {
        (Action::Compose(a), Action::Compose(b)) => deploys::overlap(a, b) && takes(facts, script, a, restart),
        (Action::Docker(a), Action::Docker(b)) => named_alike(a, b),
        _ => false,
    }
}

/// Where the project is known, one of the restarted services has a build (or, for a pull, an image of its own).
fn takes(facts: &Facts<'_>, script: &Script, build: &Compose, restart: &Step) -> bool {
    let Some(services) = deploys::services(facts, script, restart) else { return true };
    services.iter().any(|service| build.verb == "pull" || service.build.is_some())
}

/// `docker build -t shop .` and `docker restart shop`: nothing else says which image a container has.
fn named_alike(build: &Docker, restart: &Docker) -> bool {
    let tags = build.options.iter().filter(|o| matches!(o.name.as_str(), "-t" | "--tag"));
    let tags = tags.filter_map(|o| o.value.as_ref()?.text.as_deref()).chain(
        (deploys::is_pull(build)).then(|| build.args.first()?.text.as_deref()).flatten(),
    );
    let mut names = tags.map(|tag| {
        let name = tag.rsplit('/').next().unwrap_or(tag);
        name.split([':', '@']).next().unwrap_or(name)
    });
    names.any(|name| restart.args.iter().any(|arg| arg.text.as_deref() == Some(name)))
}
