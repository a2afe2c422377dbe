//! The way back: which images of before are kept, the plan that brings one back, and the verdict on what then runs.

use super::{
    compiled::{self, Said},
    evidence::{Bytes, Evidence, FileEvidence, Makes, ReplicaEvidence},
    ledger::LedgerEntry,
    lock::Lock,
    moves::{Moves, retained_name},
    names::{ImageId, Sha},
    observed::{Compose, Health, Observed},
    plan::{Options, Plan, downtime},
    preflight::{Refused, refuse_lock, refuse_service, refuse_taken},
    sick::{Sick, sick_before},
    step::{Argv, Phase, Place, Probe, Step},
    verdict::{Counts, FileState, Judged, Judgement, Verdict, state_of},
};

/// An image that a deploy kept before it took its container away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// The deploy that kept it.
    pub id: String,
    /// The tag that keeps it.
    pub tag: String,
    /// The image.
    pub image: ImageId,
    /// The commit that it was built from, as far as a ledger says; the bytes have to prove it.
    pub commit: Option<Sha>,
    /// Whether the service's tag is on it: it is what runs.
    pub current: bool,
}

impl Retained {
    /// Whether the deploy of that line kept it.
    pub(super) fn is_of(&self, entry: &LedgerEntry) -> bool {
        is_of(&self.id, entry)
    }
}

/// Whether a tag is one of the deploy of that line: its id, with a number behind it where several images ran.
fn is_of(tag: &str, entry: &LedgerEntry) -> bool {
    let more = |rest: &str| rest.strip_prefix('-').is_some_and(|n| n.parse::<usize>().is_ok());
    tag.strip_prefix(&entry.id).is_some_and(|rest| rest.is_empty() || more(rest))
}

/// The lines of a service in both ledgers, the newest first.
pub(super) fn ledger_of(seen: &Observed, service: &str) -> Vec<LedgerEntry> {
    let ledgers = [&seen.server.ledger, &seen.here.ledger];
    let lines: Vec<&String> = ledgers.into_iter().flatten().flat_map(|ledger| &ledger.lines).collect();
    let entries = lines.iter().rev().filter_map(|line| serde_json::from_str::<LedgerEntry>(line).ok());
    entries.filter(|entry| entry.service == service).collect()
}

/// The kept images of a service, the newest first.
pub fn kept(seen: &Observed, compose: &Compose, service: &str) -> Vec<Retained> {
    let server = &seen.server;
    let prefix = format!("{}:", retained_name(compose, service));
    let current = server.image(&compose.tag).map(|image| &image.id);
    let ours = ledger_of(seen, service);
    let commit = |id: &str, image: &ImageId| {
        let made = ours.iter().find(|e| e.verdict == "verified" && e.image.as_ref() == Some(&image.0));
        // What lay on the server when it was taken away: a claim, until the bytes say so.
        let lay = || ours.iter().find(|entry| is_of(id, entry)).and_then(|entry| entry.from.clone());
        made.and_then(|entry| entry.to.clone()).or_else(lay).and_then(|sha| Sha::parse(&sha))
    };
    let mut found: Vec<Retained> = Vec::new();
    for image in server.images.iter().flatten() {
        for tag in image.tags.iter().filter_map(|tag| tag.strip_prefix(&prefix).map(|id| (tag, id))) {
            let (tag, id) = tag;
            found.push(Retained {
                id: id.to_owned(),
                tag: tag.clone(),
                image: image.id.clone(),
                commit: commit(id, &image.id),
                current: current == Some(&image.id),
            });
        }
    }
    found.sort_by(|a, b| b.id.cmp(&a.id));
    found
}

/// The kept image that is meant: by the id of the deploy that kept it, by its commit, by its image ID, or the newest one
/// that is not what runs.
///
/// # Errors
/// `nothing-retained` or `unknown-retained`.
pub fn choose<'r>(kept: &'r [Retained], to: Option<&str>, service: &str) -> Result<&'r Retained, Refused> {
    let Some(to) = to else {
        return kept.iter().find(|retained| !retained.current).ok_or_else(|| {
            let message =
                format!("no earlier image of `{service}` is kept on the server: only a deploy keeps one");
            Refused::new("nothing-retained", message)
        });
    };
    let is_meant = |retained: &&Retained| {
        let image = retained.image.0.trim_start_matches("sha256:");
        retained.id == to
            || (to.len() >= 7 && image.starts_with(to.trim_start_matches("sha256:")))
            || (to.len() >= 7 && retained.commit.as_ref().is_some_and(|sha| sha.as_str().starts_with(to)))
    };
    kept.iter().find(is_meant).ok_or_else(|| {
        let message =
            format!("no kept image of `{service}` is `{to}`: `unstale rollback {service} --list` shows them");
        Refused::new("unknown-retained", message)
    })
}

/// What a ledger knows of an image that was kept, or ran, and that the server does not have any more.
fn gone(seen: &Observed, to: Option<&str>, service: &str) -> Option<Refused> {
    let (to, images) = (to?, seen.server.images.as_ref()?);
    let entries = ledger_of(seen, service);
    let there = |id: &str| images.iter().any(|image| image.id.0 == id);
    let retained = |entry: &&LedgerEntry| {
        let done = |state: Option<&str>| matches!(state, Some("done" | "already"));
        is_of(to, entry) && entry.steps.iter().any(|s| s.id == "retain" && done(s.state.as_deref()))
    };
    let names = |entry: &&LedgerEntry| {
        let of_image =
            |id: &String| id.trim_start_matches("sha256:").starts_with(to.trim_start_matches("sha256:"));
        let of_commit = entry.to.as_ref().is_some_and(|sha| sha.starts_with(to));
        let verified = entry.verdict == Verdict::Verified.as_str();
        let mut all = entry.image.iter().chain(&entry.images).peekable();
        to.len() >= 7
            && ((of_commit && verified) || all.clone().any(of_image))
            && all.peek().is_some()
            && !all.any(|id| there(id))
    };
    let what = if let Some(entry) = entries.iter().find(retained) {
        format!("the image that deploy `{}` kept of `{service}`", entry.id)
    } else {
        let entry = entries.iter().find(names)?;
        let commit = entry.to.as_deref().and_then(Sha::parse)?;
        format!("the image of `{service}` that was built from {}", commit.short())
    };
    let message = format!(
        "{what} is not on the server any more: of those that are kept only the newest stay (`keep` below `[deploy]` in `unstale.toml`), and `unstale rollback {service} --list` shows them"
    );
    Some(Refused::new("removed-retained", message))
}

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

/// Judges what runs after the way back: the very image, and the bytes of its commit. The server's checkout is newer, and
/// says nothing here. `evidence.base` has to be counted from the commit that was left.
pub fn judge_returned(evidence: &Evidence, image: &ImageId) -> Judgement {
    let replicas: Vec<Judged> =
        evidence.replicas.iter().map(|replica| returned(evidence, replica, image)).collect();
    let worst = replicas.iter().max_by_key(|replica| replica.verdict);
    let (verdict, reason) = match worst {
        None => (Verdict::Inconclusive, format!("no container of `{}` exists", evidence.service)),
        Some(replica) => (replica.verdict, replica.detail.clone()),
    };
    Judgement { verdict, reason, replicas, http: Vec::new() }
}

fn returned(evidence: &Evidence, replica: &ReplicaEvidence, image: &ImageId) -> Judged {
    let container = &replica.container;
    let counts = Counts::of(evidence, replica);
    let (verdict, detail) = decide(evidence, replica, image);
    Judged {
        service: evidence.service.clone(),
        container: container.name.clone(),
        image: container.image.0.clone(),
        verdict,
        diagnosis: None,
        detail,
        counts,
        sick: Sick::of(&evidence.service, replica),
    }
}

fn decide(evidence: &Evidence, replica: &ReplicaEvidence, image: &ImageId) -> (Verdict, String) {
    let (container, name) = (&replica.container, &replica.container.name);
    let commit = evidence.commit.short();
    let open = |why: String| (Verdict::Inconclusive, why);
    if !container.runs() {
        return open(format!("container `{name}` is {}: there is no process to look at", container.status));
    }
    if container.image != *image {
        let why = format!(
            "`{name}` runs {}, not {}, which was to come back",
            container.image.short(),
            image.short()
        );
        return (Verdict::Stale, why);
    }
    if let Some(why) = &replica.unsettled {
        return open(format!("container `{name}` is not settled: {why}"));
    }
    match container.health {
        Health::None | Health::Healthy => {}
        Health::Starting => return open(format!("the health check of `{name}` has not decided yet")),
        Health::Unhealthy => return open(format!("the health check of `{name}` fails")),
    }
    if let Some(recipe) = evidence.recipes.iter().find(|recipe| recipe.changed) {
        let what = match recipe.makes {
            Makes::Container => "the container is made by",
            Makes::Image => "where its files lie is told by",
        };
        return open(format!(
            "`{name}` runs the image of {commit}, but {what} the newer `{}`: its files could not be compared",
            recipe.path
        ));
    }
    let is_kept = |path: &&String| matches!(compiled::said(evidence, replica, path), Said::Kept);
    if let Some(path) = evidence.unproven.iter().find(|path| !is_kept(path)) {
        return open(format!(
            "`{name}` runs the image that is taken for {commit}'s; `{path}` differs from the newer commit, and its own bytes are not in the container"
        ));
    }
    let is_stale = |file: &&FileEvidence| matches!(state_of(file), FileState::Stale(_));
    if let Some(file) = replica.files.iter().find(is_stale) {
        return open(format!(
            "`{}` in `{name}` is older than {commit}: the image of before was stale, too",
            file.at
        ));
    }
    let known = |bytes: &Bytes| bytes.digest().is_some();
    let changed = replica.files.iter().filter(|file| file.changed && known(&file.expected));
    let (fresh, other): (Vec<_>, Vec<_>) = changed.partition(|file| state_of(file) == FileState::Fresh);
    if let Some(file) = other.first() {
        return open(format!(
            "`{name}` runs the image of {commit}, but `{}` in it is not the file of that commit",
            file.at
        ));
    }
    if fresh.is_empty() && !evidence.unproven.is_empty() {
        let what = format!("`{name}` runs the image of {commit}, unchanged since it was verified");
        return (Verdict::Verified, what);
    }
    if fresh.is_empty() {
        return open(format!(
            "`{name}` runs the image of {commit}; none of the files that differ from the newer commit is in it, so the bytes prove nothing"
        ));
    }
    let (files, are) = match fresh.len() {
        1 => ("1 file that differs", "is as it was"),
        _ => ("the files that differ", "are as they were"),
    };
    (
        Verdict::Verified,
        format!("`{name}` runs the image of {commit}, and {files} from the newer commit {are}"),
    )
}
