//! `missing-healthcheck`: nothing tells a deploy whether the new container serves.

use crate::{
    analysis::{
        Facts, images,
        links::Service,
        stages::{Base, Stages},
        vars::Val,
    },
    diag::{Safety, Sink},
    model::{dockerfile::Dockerfile, image::ImageRef},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        look(facts, service, sink);
    }
}

fn look(facts: &Facts<'_>, service: &Service, sink: &mut Sink<'_>) -> Option<()> {
    let model = facts.model(service);
    let build = service.build.as_ref()?;
    let port = model.ports.first()?;
    let dockerfile = &facts.dockerfiles[build.dockerfile?].model;
    let checked = match &model.healthcheck {
        Some(check) if check.disabled => false,
        Some(check) if check.test => true,
        _ => image_checks(facts, dockerfile, build.stages.as_ref()?, build.target?)?,
    };
    if checked {
        return None;
    }
    let name = &model.name.value;
    sink.report(
        model.name.at,
        format!("`{name}` has no healthcheck: `up -d` returns as soon as the process exists, whether it serves or not"),
    )
    .label(port.at, "what it should serve")
    .help("add a `healthcheck` that asks this port, and deploy with `up -d --wait`")
.fix(Safety::Manual, "add a `healthcheck`", Vec::new());
    Some(())
}

/// Whether the image has a HEALTHCHECK; `None` if only its base could tell.
fn image_checks(
    facts: &Facts<'_>,
    dockerfile: &Dockerfile,
    stages: &Stages,
    target: usize,
) -> Option<bool> {
    let chain = stages.chain(target);
    let written = chain.iter().rev().find_map(|&stage| {
        let body = &dockerfile.instructions[dockerfile.stages[stage].body.clone()];
        body.iter().rfind(|i| i.keyword.value.eq_ignore_ascii_case("healthcheck"))
    });
    if let Some(check) = written {
        let said = &facts.snapshot.file(dockerfile.file).text[check.span.range()];
        return Some(!said[check.keyword.value.len()..].trim().eq_ignore_ascii_case("none"));
    }
    match &stages.all[chain[0]].base {
        Base::Scratch => Some(false),
        // Docker's official images have none, by their own rules (docker-library/official-images, README).
        Base::Image(Val::Known(image)) => {
            images::is_official_image(&ImageRef::parse(image)?).then_some(false)
        }
        Base::Image(_) | Base::Stage(_) => None,
    }
}
