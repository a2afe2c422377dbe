//! `stale-cache-from`: an imported cache brings back what a RUN once fetched, and nothing busts it.

use crate::{
    analysis::{
        Facts, cache,
        commands::{Effect, Fetch, Moves},
        links::Service,
        stages::What,
    },
    diag::{Safety, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        look(facts, service, sink);
    }
}

fn look(facts: &Facts<'_>, service: &Service, sink: &mut Sink<'_>) -> Option<()> {
    let written = facts.model(service).build.as_ref()?;
    let first = written.cache_from.first()?;
    let build = service.build.as_ref()?;
    let (index, stages) = (build.dockerfile?, build.stages.as_ref()?);
    for stage in stages.needed(build.target?) {
        for (at, step) in stages.all[stage].steps.iter().enumerate() {
            let What::Run(run) = &step.what else { continue };
            let Some(fetch) = moving(&run.effects) else { continue };
            if cache::bust(facts, index, stages, stage, at).is_some() {
                continue;
            }
            let file = facts.dockerfiles[index].model.file;
            sink.report(
                first.at,
                format!(
                    "`cache_from` brings the old result of `{}` back from `{}`: pruning this machine's cache does not help",
                    fetch.what, first.raw
                ),
            )
            .label(Location::new(file, fetch.span), "fetched once, and kept in the imported cache")
            .help("put a cache-bust above the fetch, or pin what it fetches")
.fix(Safety::Manual, "put a cache-bust above the fetch", Vec::new());
            return Some(());
        }
    }
    None
}

/// A fetch that moves, in a RUN that pins and checks nothing.
fn moving(effects: &[Effect]) -> Option<&Fetch> {
    if effects.iter().any(|e| matches!(e, Effect::Checks | Effect::Pins { .. })) {
        return None;
    }
    effects.iter().find_map(|effect| match effect {
        Effect::Fetch(fetch) if matches!(fetch.moves, Moves::Yes(_)) => Some(fetch),
        _ => None,
    })
}
