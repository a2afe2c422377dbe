//! What a mount of a service hides of its image, and how it can be taken out.

use super::{
    Facts,
    commands::Effect,
    context::Context,
    links::Service,
    paths, route,
    stages::{Stages, What},
};
use crate::{
    model::compose::{self, edit},
    text::{Edit, FileId, Location},
};

/// The first instruction that is known to fill a place of an image: a COPY or ADD, else a RUN that installs dependencies
/// there (`node_modules`, `vendor`).
pub fn filled(
    facts: &Facts<'_>,
    context: &Context,
    stages: &Stages,
    target: usize,
    place: &str,
) -> Option<usize> {
    let copied = route::fill(facts, context, stages, target, place).map(|fill| fill.instruction);
    copied.or_else(|| installed(stages, target, place))
}

fn installed(stages: &Stages, target: usize, place: &str) -> Option<usize> {
    let mut steps = stages.chain(target).into_iter().flat_map(|s| &stages.all[s].steps);
    steps.find_map(|step| {
        let What::Run(run) = &step.what else { return None };
        let dir = run.workdir.known()?;
        let fills = |effect: &Effect| match effect {
            Effect::Install(install) => install
                .fills()
                .is_some_and(|filled| paths::below(place, &paths::join(dir, &filled)).is_some()),
            _ => false,
        };
        run.effects.iter().any(fills).then_some(step.instruction)
    })
}

/// One set of edits that takes the mounts at these places out of a file: a list that loses its last entry goes with its
/// key. `None` if they are written in a way that cannot be edited.
pub fn removal(
    facts: &Facts<'_>,
    service: &Service,
    file: FileId,
    mounts: &[Location],
) -> Option<Vec<(FileId, Edit)>> {
    let name = &facts.model(service).name.value;
    let place = |own: &compose::Service, at: &Location| own.mounts.iter().position(|m| m.at == *at);
    let (compose, own) = facts.written(file, name, |own| mounts.iter().all(|at| place(own, at).is_some()))?;
    let indexes: Vec<usize> = mounts.iter().filter_map(|at| place(own, at)).collect();
    let edits =
        edit::remove_mounts(&facts.snapshot.file(file).text, compose, &own.name.value, &indexes).ok()?;
    Some(edits.into_iter().map(|edit| (file, edit)).collect())
}
