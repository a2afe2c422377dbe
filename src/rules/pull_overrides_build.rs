//! `pull-overrides-build`: a service builds its image and then pulls another one over it.

use crate::{
    analysis::Facts,
    diag::{Safety, Sink},
    model::compose::edit,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let model = facts.model(service);
        let (Some(build), Some(image), Some(policy)) = (&model.build, &model.image, &model.pull_policy) else {
            continue;
        };
        let Some(when) = policy.known.as_deref().filter(|p| pulls(p)) else { continue };
        let file = policy.at.file;
        let text = &facts.snapshot.file(file).text;
        let edit = facts.compose(file).and_then(|compose| edit::set_value(text, compose, policy, "build").ok());
        sink.report(
            policy.at,
            format!(
                "`pull_policy: {when}` makes `up` fetch `{}` over the image that `build` has just made: the registry's code runs",
                image.raw
            ),
        )
        .label(build.key, "what is built here is thrown away")
        .help("write `pull_policy: build`, or remove `build` where the image is meant to come from the registry")
        .fix(Safety::Unsafe, "write `pull_policy: build`", edit.into_iter().map(|e| (file, e)).collect());
    }
}

/// Policies under which `up` asks the registry although the image is there (compose-spec, `pull_policy`).
fn pulls(policy: &str) -> bool {
    matches!(policy, "always" | "daily" | "weekly" | "refresh") || policy.starts_with("every_")
}
