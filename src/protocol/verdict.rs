//! From evidence to a verdict: verified, stale or inconclusive; unknown never turns into one of the first two.

use super::{
    cure::{self, Diagnosis},
    evidence::{Bytes, Evidence, FileEvidence, Found, ReplicaEvidence},
    names::Sha,
    observed::{Health, Mount, MountSource},
};

/// The only three verdicts. Ordered: worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// What runs is what git says.
    Verified,
    /// It cannot be told.
    Inconclusive,
    /// Old code runs.
    Stale,
}

impl Verdict {
    /// The word of the command line and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Inconclusive => "inconclusive",
            Self::Stale => "stale",
        }
    }
}

/// What one file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState<'a> {
    /// It has the expected bytes.
    Fresh,
    /// It has the bytes of an older commit; `None`: it is not there, as before it was added.
    Stale(Option<&'a Sha>),
    /// It is not there.
    Missing,
    /// It has bytes that git never had, or could not be read.
    Unknown,
}

/// What a file says about the deploy.
pub fn state_of<'a>(file: &'a FileEvidence, mounts: &[Mount]) -> FileState<'a> {
    match (&file.expected, &file.actual) {
        (Bytes::Known { digest: want, .. }, Bytes::Known { digest: have, .. }) => match &file.older {
            _ if want == have => FileState::Fresh,
            Some(older) => FileState::Stale(Some(older)),
            None => FileState::Unknown,
        },
        (Bytes::Known { .. }, Bytes::Missing) => {
            let hidden = Mount::covering(mounts, &file.at).is_some();
            let is_new = file.before == Bytes::Missing;
            if file.changed && (hidden || is_new) { FileState::Stale(None) } else { FileState::Missing }
        }
        _ => FileState::Unknown,
    }
}

/// How many files said what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub checked: usize,
    /// With the expected bytes.
    pub fresh: usize,
    /// With older bytes.
    pub stale: usize,
    /// Not there.
    pub missing: usize,
    /// With bytes that git never had, or unreadable.
    pub unknown: usize,
}

/// The verdict on one container.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Name of the container.
    pub container: String,
    /// Its image.
    pub image: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What is behind it; `None` when verified.
    pub diagnosis: Option<Diagnosis>,
    /// The verdict in words.
    pub detail: String,
    /// Its files.
    pub counts: Counts,
}

/// The verdict on a service: the worst of its containers.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one clause.
    pub reason: String,
    /// Each container.
    pub replicas: Vec<Judged>,
}

impl Judgement {
    /// Nothing could be measured, and why.
    pub fn unmeasured(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Inconclusive, reason: why.into(), replicas: Vec::new() }
    }
}

/// Judges.
pub fn judge(evidence: &Evidence) -> Judgement {
    let replicas: Vec<Judged> = evidence.replicas.iter().map(|r| judge_replica(evidence, r)).collect();
    let worst = replicas.iter().max_by_key(|r| r.verdict);
    let (verdict, reason) = match worst {
        None => {
            let service = &evidence.service;
            (Verdict::Inconclusive, format!("no container of `{service}` exists"))
        }
        Some(replica) if replicas.len() == 1 => (replica.verdict, replica.detail.clone()),
        Some(replica) => {
            let same = replicas.iter().filter(|r| r.verdict == replica.verdict).count();
            let (verdict, of) = (replica.verdict, replicas.len());
            (verdict, format!("{same} of {of} containers {}: {}", verdict.as_str(), replica.detail))
        }
    };
    Judgement { verdict, reason, replicas }
}

fn judge_replica(evidence: &Evidence, replica: &ReplicaEvidence) -> Judged {
    let container = &replica.container;
    let states: Vec<(&FileEvidence, FileState<'_>)> =
        replica.files.iter().map(|f| (f, state_of(f, &container.mounts))).collect();
    let mut counts = Counts { checked: states.len(), ..Counts::default() };
    for (_, state) in &states {
        match state {
            FileState::Fresh => counts.fresh += 1,
            FileState::Stale(_) => counts.stale += 1,
            FileState::Missing => counts.missing += 1,
            FileState::Unknown => counts.unknown += 1,
        }
    }
    let (verdict, detail, diagnosis) = decide(evidence, replica, &states, counts);
    Judged {
        container: container.name.clone(),
        image: container.image.0.clone(),
        verdict,
        diagnosis,
        detail,
        counts,
    }
}

type Decision = (Verdict, String, Option<Diagnosis>);

fn decide(
    evidence: &Evidence,
    replica: &ReplicaEvidence,
    states: &[(&FileEvidence, FileState<'_>)],
    counts: Counts,
) -> Decision {
    let name = &replica.container.name;
    let open = |why: String| (Verdict::Inconclusive, why, None);
    if !replica.container.runs() {
        return open(format!(
            "container `{name}` is {}: there is no process to look at",
            replica.container.status
        ));
    }
    // A changed file says more than one that was not touched.
    let stale =
        states.iter().filter(|(_, s)| matches!(s, FileState::Stale(_))).max_by_key(|(f, _)| f.changed);
    if let Some((file, FileState::Stale(older))) = stale {
        let diagnosis = cure::diagnose(evidence, replica, Some(file));
        let what = match older {
            Some(sha) => format!("`{}` in `{name}` is the one of {}", file.at, sha.short()),
            None if file.before == Bytes::Missing => {
                format!("`{}` is not in `{name}`, as before it was added", file.at)
            }
            None => format!("`{}` is not in `{name}`", file.at),
        };
        let more = counts.stale - 1;
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        return (Verdict::Stale, format!("{what}{more}: {}", diagnosis.detail), Some(diagnosis));
    }
    if replica.expect == Some(Found::No) {
        let place = evidence.expect_in.as_deref().unwrap_or_default();
        let file = replica.files.iter().find(|f| f.at == place);
        let differs = file.filter(|f| state_of(f, &replica.container.mounts) != FileState::Fresh);
        if file.is_some() && differs.is_none() {
            return open(format!(
                "`{place}` in `{name}` is the file of this commit, and lacks the expected text"
            ));
        }
        let diagnosis = cure::diagnose(evidence, replica, differs);
        let detail = format!("`{place}` in `{name}` lacks the expected text: {}", diagnosis.detail);
        return (Verdict::Stale, detail, Some(diagnosis));
    }
    match blocker(evidence, replica, states) {
        Some((why, diagnosis)) => (Verdict::Inconclusive, why, diagnosis),
        None => proof(evidence, replica, states),
    }
}

/// What keeps a container without a stale file from being verified, whatever its files say.
fn blocker(
    evidence: &Evidence,
    replica: &ReplicaEvidence,
    states: &[(&FileEvidence, FileState<'_>)],
) -> Option<(String, Option<Diagnosis>)> {
    let container = &replica.container;
    let name = &container.name;
    match &evidence.head {
        Some(head) if *head == evidence.commit => {}
        Some(head) => {
            return Some((
                format!("the server's checkout is at {}, not {}", head.short(), evidence.commit.short()),
                None,
            ));
        }
        None => return Some(("the server's HEAD is not known".into(), None)),
    }
    if let Some(file) = evidence.modified.first() {
        return Some((format!("`{file}` is changed in the server's checkout"), None));
    }
    match &evidence.tagged {
        None => return Some((format!("no image has the tag `{}`", evidence.compose.tag), None)),
        Some(image) if image.id != container.image => {
            let diagnosis = cure::diagnose(evidence, replica, None);
            return Some((diagnosis.detail.clone(), Some(diagnosis)));
        }
        Some(_) => {}
    }
    if let Some(why) = &replica.unsettled {
        return Some((format!("container `{name}` is not settled: {why}"), None));
    }
    match container.health {
        Health::None | Health::Healthy => {}
        Health::Starting => return Some((format!("the health check of `{name}` has not decided yet"), None)),
        Health::Unhealthy => return Some((format!("the health check of `{name}` fails"), None)),
    }
    // The file is new and the process may still hold the old one: only a mount changes files under a process.
    let started = container.started;
    let late = states.iter().find(|(file, state)| {
        *state == FileState::Fresh
            && Mount::covering(&container.mounts, &file.at).is_some_and(|m| m.source != MountSource::Tmpfs)
            && file.changed
            && !matches!((started, &file.seen), (Some(since), Some(file)) if since >= file.changed)
    });
    late.map(|(file, _)| {
        let diagnosis = cure::restart(evidence, &file.at, file.seen.is_some() && started.is_some());
        (diagnosis.detail.clone(), Some(diagnosis))
    })
}

/// What is left when nothing speaks against it: is there enough that speaks for it?
fn proof(
    evidence: &Evidence,
    replica: &ReplicaEvidence,
    states: &[(&FileEvidence, FileState<'_>)],
) -> Decision {
    let name = &replica.container.name;
    let open = |why: String| (Verdict::Inconclusive, why, None);
    let expected = match &replica.expect {
        Some(Found::Yes) => true,
        Some(Found::Unknown(why)) => {
            return open(format!("the expected text could not be looked for: {why}"));
        }
        Some(Found::No) | None => false,
    };
    let advice = "name a text that only the new version has with `--expect TEXT --in PATH`";
    let changed: Vec<_> = states.iter().filter(|(file, _)| file.changed).collect();
    let fresh = changed.iter().filter(|(_, s)| *s == FileState::Fresh).count();
    if !expected {
        if let Some((file, state)) = changed.iter().find(|(_, s)| *s != FileState::Fresh) {
            return open(format!("`{}` in `{name}` {}; {advice}", file.at, why_open(file, *state)));
        }
        if let Some(path) = evidence.unproven.first() {
            return open(format!("`{path}` changed, and its own bytes are not in the container; {advice}"));
        }
    }
    let text = if expected { ", and the expected text is there" } else { "" };
    if fresh > 0 {
        let files = plural(fresh, "changed file");
        return (Verdict::Verified, format!("{files} in `{name}` as in git{text}"), None);
    }
    let same = states.iter().filter(|(_, s)| *s == FileState::Fresh).count();
    if same > 0 {
        let files = plural(same, "file");
        let detail = format!("no changed file reaches `{name}`; {files} there as in git{text}");
        return (Verdict::Verified, detail, None);
    }
    if expected {
        return (Verdict::Verified, format!("the expected text is in `{name}`"), None);
    }
    open(format!("no file of the repository could be compared in `{name}`; {advice}"))
}

fn why_open(file: &FileEvidence, state: FileState<'_>) -> String {
    match (state, &file.expected, &file.actual) {
        (FileState::Missing, ..) => "is missing".to_owned(),
        (_, Bytes::Unknown(why), _) | (_, _, Bytes::Unknown(why)) => format!("cannot be compared ({why})"),
        _ => "has bytes that no commit up to this one had: the build or the running program changed it"
            .to_owned(),
    }
}

fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what} is") } else { format!("{n} {what}s are") }
}
