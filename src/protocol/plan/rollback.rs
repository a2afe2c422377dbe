//! The plan that brings a kept image back.

use super::{
    Plan,
    desired::Options,
    downtime,
    moves::Moves,
    preflight::{Refused, refuse_lock, refuse_service, refuse_taken},
    retained::{Retained, choose, gone, kept},
    step::{Phase, Probe, Step},
};
use crate::protocol::{
    observed::{Observed, lock::Lock},
    target::{Argv, Place},
    verdict::ailment::sick_before,
};

/// The steps that bring a kept image back. Nothing is built, and the server's checkout stays as it is.
///
/// # Errors
/// A refusal, before anything is changed; `removed-retained` for what a ledger knows and the server has not any more.
pub fn plan_back(
    service: &str,
    to: Option<&str>,
    seen: &Observed,
    options: &Options,
) -> Result<(Plan, Retained), Refused> {
    let server = &seen.server;
    let no_compose =
        |why: &str| Refused::new("no-compose", format!("compose cannot be used on the server: {why}"));
    let compose = match &server.compose {
        Some(Ok(compose)) => compose,
        Some(Err(why)) => return Err(no_compose(why)),
        None => return Err(no_compose("it was not asked")),
    };
    refuse_service(compose, service, None)?;
    refuse_lock(server.lock.as_ref().unwrap_or(&Lock::default()), &options.id)?;
    let kept = kept(seen, compose, service);
    let chosen =
        choose(&kept, to, service).map_err(|refused| gone(seen, to, service).unwrap_or(refused))?.clone();
    let Some(commit) = chosen.commit.clone() else {
        let message = format!("no ledger says which commit `{}` was built from", chosen.tag);
        return Err(Refused::new("unknown-commit", message));
    };
    // The checkout stays as it is, so that its compose file says what the container will want.
    refuse_taken(seen, compose, service)?;
    let moves = Moves::new(service, options, seen, compose);
    let mut steps = moves.retain(Phase::Remove);
    steps.push(Step::new(
        "retag",
        Phase::Up,
        Place::Server,
        format!("compose makes the container from `{}`", compose.tag),
        Argv::new(["docker", "tag", &chosen.tag, &compose.tag]),
        Probe::Tagged { tag: compose.tag.clone(), image: chosen.image.clone() },
    ));
    steps.extend(moves.remove(Phase::Up));
    steps.push(moves.start("a new container from the image of before"));
    steps.push(moves.verify("verify"));
    steps.extend(moves.record());
    let (downtime_ms, replicas) = (downtime(&steps, service, seen), moves.replicas);
    let services = vec![service.to_owned()];
    let sick_before = sick_before(server).map(|ailment| (service.to_owned(), ailment)).into_iter().collect();
    let commit = Some(commit);
    let plan = Plan { steps, services, commit, replicas, downtime_ms, sick_before, keeps_sick: false };
    Ok((plan, chosen))
}
