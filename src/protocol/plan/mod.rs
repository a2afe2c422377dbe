//! The protocol: from what is wanted and what was seen to the list of steps, or to a refusal.

pub(super) mod deployed;
pub(super) mod desired;
pub(super) mod moves;
pub(super) mod preflight;
pub(super) mod retained;
pub(super) mod rollback;
pub(super) mod show;
pub(super) mod step;
pub(super) mod thin;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use desired::{Cache, Desired, Options, Order};
use moves::Moves;
use preflight::{Refused, refuse_here, refuse_lock, refuse_server};
use step::{Phase, Probe, Step, When};
use thin::thin;

use super::{
    ledger::LedgerEntry,
    names::Sha,
    observed::{Observed, ServerGit, Upstream},
    target::{Argv, Place},
    verdict::ailment::{Ailment, sick_before},
};

/// The steps, in the order in which they are shown, run, logged and taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// The services, in the order in which they were named.
    #[serde(default)]
    pub services: Vec<String>,
    /// The commit that is deployed, unless a step makes it.
    pub commit: Option<Sha>,
    /// How many containers of each service there will be.
    pub replicas: usize,
    /// How long no container will run, in milliseconds, if every step takes as long as it did last; `None` if one that
    /// counts never ran here.
    #[serde(default)]
    pub downtime_ms: Option<u64>,
    /// What ailed a service before, by its name, if all of its containers were sick.
    #[serde(default)]
    pub sick_before: BTreeMap<String, Ailment>,
    /// Whether sick containers of the new version stay, to be looked at.
    #[serde(default)]
    pub keeps_sick: bool,
}

impl Plan {
    /// The value of `CACHE_BUST` that its builds get.
    pub fn cache_bust(&self) -> Option<&str> {
        self.steps.iter().filter(|step| step.builds()).find_map(Step::cache_bust)
    }

    /// What its first build may use.
    pub fn cache(&self) -> Cache {
        match self.steps.iter().find(|step| step.builds()) {
            Some(build) if !build.builds_anew() => Cache::Verified,
            _ => Cache::Fresh,
        }
    }
}

/// Makes the plan, or says why there is none.
///
/// `Desired.message` with a clean tree makes no commit step: there is nothing to commit.
pub fn plan(desired: &Desired, seen: &Observed, options: &Options) -> Result<Plan, Refused> {
    let upstream = refuse_here(&seen.here, desired.message.as_deref())?;
    let (git, compose, engine) = refuse_server(seen, &desired.service, desired.maker.as_deref(), upstream)?;
    if let Some(lock) = &seen.server.lock {
        refuse_lock(lock, &options.id)?;
    }
    let commits = !seen.here.modified.is_empty();

    let mut steps = Vec::new();
    if let (true, Some(message)) = (commits, &desired.message) {
        let argv = Argv::new(["git", "commit", "-a", "-m", message]);
        let cause = "what is not committed cannot be pulled".to_owned();
        steps.push(Step::new("commit", Phase::Push, Place::Here, cause, argv, Probe::Committed));
    }
    let refspec = format!("HEAD:refs/heads/{}", upstream.branch);
    steps.push(Step::new(
        "push",
        Phase::Push,
        Place::Here,
        format!("the server pulls `{}` from `{}`", upstream.branch, upstream.remote),
        Argv::new(["git", "push", &upstream.remote, &refspec]),
        Probe::Pushed,
    ));
    let moves = Moves::new(&desired.service, options, seen, compose);
    let cached = desired.cache == Cache::Verified;
    let build = match (&desired.maker, cached) {
        (Some(_), _) => Vec::new(),
        (None, true) => moves.cached_build(),
        (None, false) => moves.fresh_build(engine.builder),
    };
    let again = || if desired.maker.is_none() { moves.build_again() } else { Vec::new() };
    match desired.order {
        Order::Protocol => {
            steps.extend(moves.retain(Phase::Remove));
            steps.extend(moves.remove(Phase::Remove));
            steps.extend(pull(git, upstream, seen));
            steps.extend(build);
        }
        Order::BuildFirst => {
            steps.extend(pull(git, upstream, seen));
            steps.extend(moves.retain(Phase::Build));
            steps.extend(build.into_iter().map(|step| moves.put_tag_back(step)));
            steps.push(moves.check_image("check-image"));
            if cached {
                steps.extend(again());
                steps.push(moves.check_image("check-image-again").if_stale());
            }
            steps.extend(moves.remove(Phase::Remove));
        }
    }
    steps.push(
        moves.start("a container keeps the image that it was made from; only a new one runs the new image"),
    );
    steps.push(moves.verify("verify"));
    if cached && desired.order == Order::Protocol {
        steps.extend(again());
        steps.extend(moves.start_again());
    }
    steps.extend(moves.record());
    steps.extend(thin(&moves, &desired.service, options, seen, compose));
    let commit = if commits { None } else { seen.here.head.clone() };
    let services = vec![desired.service.clone()];
    let downtime_ms = downtime(&steps, &desired.service, seen);
    let ailing = sick_before(&seen.server).map(|ailment| (desired.service.clone(), ailment));
    let sick_before = ailing.into_iter().collect();
    let replicas = moves.replicas;
    Ok(Plan { downtime_ms, services, steps, commit, replicas, sick_before, keeps_sick: false })
}

/// The plans of several services of one server as one: what they share is done once, and what each has of its own stands
/// together, step by step. All are down, built and started before the first is verified, so that what fails on the way
/// brings all of them back.
pub fn together(plans: &[Plan], seen: &Observed) -> Plan {
    let mut ids: Vec<&str> = Vec::new();
    for plan in plans {
        let mut at = 0;
        for step in &plan.steps {
            if let Some(found) = ids.iter().position(|id| *id == step.id()) {
                at = found;
            } else {
                ids.insert(at, step.id());
            }
            at += 1;
        }
    }
    let mut steps: Vec<Step> = Vec::new();
    for id in ids {
        for step in plans.iter().flat_map(|plan| &plan.steps).filter(|step| step.id() == id) {
            if !steps.contains(step) {
                steps.push(step.clone());
            }
        }
    }
    let services: Vec<String> = plans.iter().flat_map(|plan| plan.services.clone()).collect();
    let down = services.iter().filter(|service| goes_down(&steps, service));
    let downtime_ms =
        down.map(|service| downtime(&steps, service, seen)).max_by_key(|ms| ms.map_or(u64::MAX, |ms| ms));
    Plan {
        downtime_ms: downtime_ms.flatten(),
        services,
        commit: plans.first().and_then(|plan| plan.commit.clone()),
        replicas: plans.iter().map(|plan| plan.replicas).max().unwrap_or(1),
        steps,
        sick_before: plans.iter().flat_map(|plan| plan.sick_before.clone()).collect(),
        keeps_sick: plans.iter().any(|plan| plan.keeps_sick),
    }
}

fn goes_down(steps: &[Step], service: &str) -> bool {
    steps.iter().any(|step| step.removes() && step.when() == When::Always && step.concerns(service))
}

/// From the removal to the start, by what each of these steps took when it last ran for its service on this server. What
/// does not run then is left out.
pub(in crate::protocol) fn downtime(steps: &[Step], service: &str, seen: &Observed) -> Option<u64> {
    let from = steps.iter().position(|step| step.removes() && step.concerns(service))?;
    let starts = |step: &Step| matches!(step.post(), Probe::Running { .. }) && step.concerns(service);
    let to = from + steps[from..].iter().position(starts)?;
    let lines = seen.server.ledger.iter().flat_map(|ledger| &ledger.lines);
    let entries: Vec<LedgerEntry> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = |step: &Step| {
        let of_service =
            entries.iter().rev().filter(|entry| entry.service == step.service().unwrap_or(service));
        // A build without cache says nothing of one with.
        let same = of_service.filter(|entry| !step.builds() || entry.built_anew() == step.builds_anew());
        let mut steps = same.flat_map(|entry| &entry.steps);
        steps.find(|old| old.id == step.id() && old.state.as_deref() == Some("done")).map(|old| old.ms)
    };
    steps[from..=to].iter().filter(|step| step.when() == When::Always).map(last).sum()
}

/// Brings the server's checkout to the commit, and sees that it is there.
fn pull(git: &ServerGit, upstream: &Upstream, seen: &Observed) -> Vec<Step> {
    let from = git.upstream.as_ref().unwrap_or(upstream);
    // Submodules have a step of their own: one that no build reads may be out of the server's reach.
    let alone = (!git.submodules.is_empty()).then_some("--no-recurse-submodules");
    let words = ["git", "fetch"].into_iter().chain(alone);
    let fetch = Argv::new(words.chain([from.remote.as_str(), from.branch.as_str()]));
    let cause = "brings the commit into the server's repository";
    let fetch = Step::new("fetch", Phase::Pull, Place::Server, cause, fetch, Probe::Fetched);
    let merge = Argv::new(["git", "merge", "--ff-only"]).commit();
    let cause = "checks out exactly that commit; anything but a fast-forward stops here";
    let merge = Step::new("merge", Phase::Pull, Place::Server, cause, merge, Probe::AtCommit);
    let update = seen.needed.to_update();
    let submodules = (!update.is_empty()).then(|| submodules(update, git, seen));
    let status = Argv::new(["git", "status", "--short", "--branch", "--untracked-files=no"]);
    let cause =
        "\"already up to date\" is not evidence: HEAD must be the pushed commit, and no tracked file changed";
    let verify =
        Step::new("verify-source", Phase::Source, Place::Server, cause, status, Probe::CleanAtCommit);
    [Some(fetch), Some(merge.pre(Probe::Fetched)), submodules, Some(verify.always())]
        .into_iter()
        .flatten()
        .collect()
}

/// Checks submodules out as the commit records them. Only these: what no build reads may be out of the server's reach.
fn submodules(at: Vec<(String, Sha)>, git: &ServerGit, seen: &Observed) -> Step {
    let magic = |path: &str| path.contains(['*', '?', '[', '\\']) || path.starts_with(':');
    let literal = at.iter().any(|(path, _)| magic(path)).then_some("--literal-pathspecs");
    // Their paths are those from the checkout's top.
    let top = (seen.server.dir.as_ref() != Some(&git.toplevel)).then_some(["-C", &git.toplevel]);
    let words = ["git"].into_iter().chain(top.into_iter().flatten()).chain(literal);
    let words = words.chain(["submodule", "update", "--init", "--recursive", "--"]);
    let argv = Argv::new(words.chain(at.iter().map(|(path, _)| path.as_str())));
    let cause = "`git merge` leaves submodules where they are: a build would get old files of them, or none";
    Step::new("submodules", Phase::Pull, Place::Server, cause, argv, Probe::Submodules { at })
        .pre(Probe::AtCommit)
}
