//! `base-order`: a Dockerfile starts from an image that another service of the project builds, and nothing says that it
//! must be built first.

use crate::{
    analysis::{
        Facts,
        built::{self, Built},
        links::Service,
        stages::{Base, CopyFrom, Stages, What},
        vars::Val,
    },
    diag::{Safety, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let all = built::all(facts);
    if all.is_empty() {
        return;
    }
    for service in &facts.services {
        look(facts, &all, service, sink);
    }
}

fn look(facts: &Facts<'_>, all: &[Built<'_>], service: &Service, sink: &mut Sink<'_>) -> Option<()> {
    let build = service.build.as_ref()?;
    let model = facts.model(service);
    let (stages, dockerfile) = (build.stages.as_ref()?, &facts.dockerfiles[build.dockerfile?].model);
    for (instruction, image) in images_of(facts, service, stages, build.target?) {
        let Some(name) = built::tagged(&image) else { continue };
        let others = all.iter().filter(|b| b.service.project == service.project);
        let Some(base) = others.clone().find(|b| b.service.index != service.index && b.name == name) else { continue };
        let contexts = &model.build.as_ref()?.contexts;
        if contexts.iter().any(|c| c.name.value == image) || built::needs(facts, service, base.service) {
            continue;
        }
        let (who, builder) = (&model.name.value, &facts.model(base.service).name.value);
        sink.report(
            Location::new(dockerfile.file, dockerfile.instructions[instruction].span),
            format!(
                "`{builder}` builds `{image}`, and nothing makes its build come before that of `{who}`: it can start from the image of the last deploy"
            ),
        )
        .label(base.at, format!("`{builder}` builds it here"))
        .help(format!(
            "write `additional_contexts: {{\"{image}\": \"service:{builder}\"}}` below the `build` of `{who}`, or build `{builder}` first"
        ))
.fix(Safety::Manual, "name the order of the builds", Vec::new());
    }
    Some(())
}

/// The images that a stage's image is made from, with the instruction that names each.
fn images_of(facts: &Facts<'_>, service: &Service, stages: &Stages, target: usize) -> Vec<(usize, String)> {
    let Some(dockerfile) = service.build.as_ref().and_then(|b| b.dockerfile) else { return Vec::new() };
    let model = &facts.dockerfiles[dockerfile].model;
    let mut found = Vec::new();
    for stage in stages.needed(target) {
        if let Base::Image(Val::Known(image)) = &stages.all[stage].base {
            found.push((model.stages[stage].from, image.clone()));
        }
        found.extend(stages.all[stage].steps.iter().filter_map(|step| match &step.what {
            What::Copy(copy) => match &copy.from {
                CopyFrom::External(Val::Known(image)) => Some((step.instruction, image.clone())),
                _ => None,
            },
            _ => None,
        }));
    }
    found
}
