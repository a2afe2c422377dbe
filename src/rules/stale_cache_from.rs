//! `stale-cache-from`: an imported cache brings back what a RUN once fetched, and nothing busts it.

use crate::{
    analysis::{Facts, cache, commands::Moves, links::Service},
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
        let unbusted = |at: &usize| cache::bust(facts, index, stages, stage, *at).is_none();
        let moving = cache::unpinned(&stages.all[stage].steps)
            .find(|(at, fetch)| matches!(fetch.moves, Moves::Yes(_)) && unbusted(at));
        let Some((_, fetch)) = moving else { continue };
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
    None
}
