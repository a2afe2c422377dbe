//! `baked-env`: a value is given at run time to an image that wrote it into its bundle at build time.

use crate::{
    analysis::{
        Facts,
        bundles::{self, Bundling},
        links::Service,
        stages::{Stages, What},
    },
    diag::{Safety, Sink},
    model::compose::Variable,
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        look(facts, service, sink);
    }
}

fn look(facts: &Facts<'_>, service: &Service, sink: &mut Sink<'_>) -> Option<()> {
    let model = facts.model(service);
    let build = service.build.as_ref()?;
    // Another command may be a development server, which reads its environment when it starts.
    if model.environment.is_empty() || model.command.is_some() || model.entrypoint.is_some() {
        return None;
    }
    let (stages, dockerfile) = (build.stages.as_ref()?, &facts.dockerfiles[build.dockerfile?].model);
    let bundlings = bundles::bundlings(facts, service, stages, build.target?);
    for variable in &model.environment {
        let name = &variable.name.value;
        let Some(bundling) = bundlings.iter().find(|b| name.starts_with(b.bundler.prefix)) else { continue };
        if model.build.as_ref()?.args.iter().any(|arg| arg.name.value == *name) || set(stages, bundling, variable) {
            continue;
        }
        let tool = bundling.bundler.command.join(" ");
        sink.report(
            variable.name.at,
            format!("`{tool}` wrote `{name}` into the bundle when the image was built: a value given here changes nothing"),
        )
        .label(
            Location::new(dockerfile.file, dockerfile.instructions[bundling.instruction].span),
            "the bundle is made here",
        )
        .help(format!("declare `ARG {name}` above the build step, and pass it in `build.args`"))
.fix(Safety::Manual, "pass the value when the image is built", Vec::new());
    }
    Some(())
}

/// Whether the Dockerfile itself gives the variable a value before the bundle is made.
fn set(stages: &Stages, bundling: &Bundling, variable: &Variable) -> bool {
    stages.chain(bundling.stage).into_iter().flat_map(|stage| &stages.all[stage].steps).any(|step| match &step.what {
        What::Arg(names) | What::Env(names) => {
            step.instruction < bundling.instruction && names.contains(&variable.name.value)
        }
        _ => false,
    })
}
