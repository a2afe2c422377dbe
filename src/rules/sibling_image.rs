//! `sibling-image`: a service runs the image that another service of the project builds.

use crate::{
    analysis::{Facts, built},
    diag::{Safety, Sink},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let all = built::all(facts);
    if all.is_empty() {
        return;
    }
    for service in &facts.services {
        let model = facts.model(service);
        let (None, Some(image)) = (&model.build, &model.image) else { continue };
        let Some(name) = image.known.as_deref().and_then(built::tagged) else { continue };
        let Some(built) = all.iter().find(|b| b.service.project == service.project && b.name == name) else {
            continue;
        };
        if built::needs(facts, built.service, service) {
            continue;
        }
        let (builder, sibling) = (&facts.model(built.service).name.value, &model.name.value);
        let image_name = &image.raw;
        sink.report(
            image.at,
            format!(
                "`{sibling}` runs `{image_name}`, which `{builder}` builds: `up -d {builder}` after a build leaves `{sibling}` on the old code"
            ),
        )
        .label(built.at, format!("`{builder}` builds it here"))
        .help(format!("deploy both: `docker compose up -d {builder} {sibling}`, or `up -d` without names"))
.fix(Safety::Manual, "bring up every service that runs the image", Vec::new());
    }
}
