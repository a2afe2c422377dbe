//! From evidence to a verdict: verified, stale or inconclusive; unknown never turns into one of the first two.

pub(super) mod ailment;
pub(super) mod compiled;
pub(super) mod cure;
pub(super) mod evidence;
pub(super) mod file;
pub(super) mod http;
pub(super) mod image;
pub(super) mod judgement;
pub(super) mod returned;
pub(super) mod said;
pub(super) mod sick;
pub(super) mod stages;
pub(super) mod treatment;

use cure::Diagnosis;
use evidence::{Base, Built, Evidence, Found, Makes, ReplicaEvidence};
use file::{Bytes, FileEvidence, FileState, state_of, why_open};
use judgement::{Counts, Judged, Judgement, Verdict};
use said::Said;
use sick::Sick;

use super::{
    names::{Moment, Sha},
    observed::{Health, Mount, MountSource, Relation},
};

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
    Judgement { verdict, reason, replicas, http: Vec::new() }
}

fn judge_replica(evidence: &Evidence, replica: &ReplicaEvidence) -> Judged {
    let container = &replica.container;
    let states: Vec<(&FileEvidence, FileState<'_>)> =
        replica.files.iter().map(|f| (f, state_of(f))).collect();
    let mut counts = Counts::of(evidence, replica);
    // What the stages have of the files that only the build reads was compared like any other file.
    let (verdict, detail, diagnosis) = decide(evidence, replica, &states, counts);
    for source in evidence.compiled.files.iter().flat_map(|file| &file.sources) {
        counts.count(state_of(&source.file));
    }
    Judged {
        service: evidence.service.clone(),
        container: container.name.clone(),
        image: container.image.0.clone(),
        verdict,
        diagnosis,
        detail,
        counts,
        sick: Sick::of(&evidence.service, replica),
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
    // "Older" is counted from the expected commit: a server that is elsewhere may have the same bytes as news.
    if let Some(head) = evidence.head.as_ref().filter(|h| **h != evidence.commit) {
        let stands = match evidence.head_stands {
            Relation::Same | Relation::Behind => None,
            Relation::Ahead => Some("which is ahead of"),
            Relation::Diverged => Some("which is not in the history of"),
            Relation::Unknown => Some("which this checkout does not know; expected is"),
        };
        if let Some(stands) = stands {
            let want = evidence.commit.short();
            return open(format!("the server's checkout is at {}, {stands} {want}", head.short()));
        }
    }
    if let Some(why) = rewritten(evidence, replica, states) {
        return open(why);
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
    for path in &evidence.unproven {
        if let Said::Stale { source, place } = said::said(evidence, replica, path) {
            let diagnosis = cure::of_stage(evidence, replica, &source.file);
            let (at, of, older) = (&source.file.at, &source.stage, source.file.older.as_ref());
            let older = older.map(Sha::short).unwrap_or_default();
            let what = format!(
                "`{at}` in the stage `{of}` is the one of {older}, and `{place}` in `{name}` is made from it"
            );
            return (Verdict::Stale, format!("{what}: {}", diagnosis.detail), Some(diagnosis));
        }
    }
    if replica.expect == Some(Found::No) {
        let place = evidence.expect_in.as_deref().unwrap_or_default();
        let file = replica.files.iter().find(|f| f.at == place);
        let differs = file.filter(|f| state_of(f) != FileState::Fresh);
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

/// Old bytes that the build itself must have put there: a `sed` that brings an older revision back is no stale deploy.
fn rewritten(
    evidence: &Evidence,
    replica: &ReplicaEvidence,
    states: &[(&FileEvidence, FileState<'_>)],
) -> Option<String> {
    let container = &replica.container;
    let tagged = evidence.tagged.as_ref().filter(|i| i.id == container.image)?;
    let dated = tagged.tagged.is_some() && !cure::retained(tagged);
    let (mut stale, mut one) = (0, None);
    for (file, _) in states.iter().filter(|(_, s)| matches!(s, FileState::Stale(Some(_)))) {
        stale += 1;
        let own = Mount::covering(&container.mounts, &file.at).is_none()
            && file.image.as_ref().and_then(Bytes::digest) == file.actual.digest();
        let after = evidence.built == Built::Anew
            // A build with cache is believed by its bytes only: a cached fetch brings old ones, too.
            || (evidence.built == Built::Unknown
                && dated
                && cure::checkout_is_new(file)
                && !file.unbuilt
                && !cure::snapshot_may_be_old(evidence, file));
        one = (own && after).then_some(*file).or(one);
        if !(own && after) {
            return None;
        }
    }
    let file = one.filter(|_| stale > 0)?;
    let news = states.iter().any(|(f, s)| {
        f.changed && *s == FileState::Fresh && f.expected.digest().is_some() && f.before != f.expected
    });
    (news || evidence.built == Built::Anew).then(|| {
        format!(
            "the image was built from this commit, and `{}` in it has the bytes of an older one: the build itself puts them there",
            file.at
        )
    })
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
            let new = states.iter().any(|(file, state)| file.changed && *state == FileState::Fresh);
            let diagnosis =
                if new { cure::moved(evidence, replica) } else { cure::diagnose(evidence, replica, None) };
            return Some((diagnosis.detail.clone(), Some(diagnosis)));
        }
        Some(_) => {}
    }
    if let Some(found) = made_before(evidence, replica) {
        return Some(found);
    }
    if let Some(why) = &replica.unsettled {
        return Some((format!("container `{name}` is not settled: {why}"), None));
    }
    match container.health {
        Health::None | Health::Healthy => {}
        Health::Starting => return Some((format!("the health check of `{name}` has not decided yet"), None)),
        Health::Unhealthy => return Some((format!("the health check of `{name}` fails"), None)),
    }
    let late = states.iter().find(|(file, state)| {
        *state == FileState::Fresh && late(evidence, file, container.started, &container.mounts)
    });
    if let Some((file, _)) = late {
        let diagnosis = cure::restart(evidence, &file.at, file.seen.is_some() && container.started.is_some());
        return Some((diagnosis.detail.clone(), Some(diagnosis)));
    }
    states.iter().find_map(|(file, state)| in_place(evidence, replica, file, *state))
}

/// Whether the file is new and the process may still hold the old one: only a mount changes files under a process.
fn late(evidence: &Evidence, file: &FileEvidence, started: Option<Moment>, mounts: &[Mount]) -> bool {
    if Mount::covering(mounts, &file.at).is_none_or(|m| m.source == MountSource::Tmpfs) {
        return false;
    }
    match (started, &file.seen) {
        // What did not change since a verified deploy, the process had then.
        (Some(since), Some(seen)) => since < seen.changed && (file.changed || evidence.base == Base::Guessed),
        _ => file.changed,
    }
}

/// The image is older than what says how to build it, or the container than what says how to make it.
fn made_before(evidence: &Evidence, replica: &ReplicaEvidence) -> Option<(String, Option<Diagnosis>)> {
    let tagged = evidence.tagged.as_ref().filter(|i| !cure::retained(i)).and_then(|i| i.tagged);
    let matters = |changed| changed || evidence.base == Base::Guessed;
    for recipe in evidence.recipes.iter().filter(|r| matters(r.changed)) {
        let path = &recipe.path;
        let Some(when) = recipe.when else {
            if recipe.changed {
                return Some((format!("`{path}` changed, and the server does not say when"), None));
            }
            continue;
        };
        let unknown = evidence.built == Built::Unknown && !replica.was_verified;
        if unknown && tagged.is_none_or(|tagged| tagged < when) {
            let why = match tagged {
                Some(_) => format!("`{path}` changed on the server after the image was built"),
                None => format!("whether the image was built after `{path}` changed is not known"),
            };
            let diagnosis = cure::rebuild(evidence, why.clone());
            return Some((why, Some(diagnosis)));
        }
        if recipe.makes == Makes::Container && replica.container.created.is_none_or(|made| made < when) {
            let name = &replica.container.name;
            let why = format!("`{path}` changed on the server after `{name}` was made");
            let diagnosis = cure::recreate(evidence, why.clone());
            return Some((why, Some(diagnosis)));
        }
    }
    None
}

/// How long after its start a program may still be writing its own configuration, in seconds.
const START: i64 = 10;

/// A file that tells of another source than the expected commit, or of a change inside of the container.
fn in_place(
    evidence: &Evidence,
    replica: &ReplicaEvidence,
    file: &FileEvidence,
    state: FileState<'_>,
) -> Option<(String, Option<Diagnosis>)> {
    let (at, container) = (&file.at, &replica.container);
    let name = &container.name;
    let hidden = Mount::covering(&container.mounts, at).is_some();
    let image = file.image.as_ref().and_then(Bytes::digest);
    let want = file.expected.digest();
    if state == FileState::Fresh {
        let touched = matches!((&file.seen, container.created), (Some(s), Some(made)) if s.changed > made);
        let patched = file.changed && !hidden && touched && image.is_some() && image != want;
        return patched.then(|| {
            let why = format!("`{at}` was put into `{name}` after it was made, and its image has another");
            (why.clone(), Some(cure::rebuild(evidence, why)))
        });
    }
    if let Some(foreign) = &file.foreign {
        let why =
            format!("`{at}` in `{name}` is the one of {}, which is not in the history", foreign.short());
        return Some((why, None));
    }
    if state != FileState::Unknown || file.actual.digest().is_none() || hidden {
        return None;
    }
    if image.is_some() && image == want {
        let at_start = match (&file.seen, container.started) {
            (Some(seen), Some(started)) => {
                (started.whole() - 1..=started.whole() + START).contains(&seen.changed.whole())
            }
            _ => false,
        };
        return (!at_start).then(|| {
            let why = format!("the image has `{at}` as in git, and it was changed inside `{name}`");
            (why.clone(), Some(cure::recreate(evidence, why)))
        });
    }
    file.unbuilt.then(|| {
        let why = format!(
            "`{at}` in `{name}` is not as in git, and changed on the server after the image was built"
        );
        (why.clone(), Some(cure::rebuild(evidence, why)))
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
    let is_fresh = |(file, s): &&(&FileEvidence, FileState<'_>)| {
        *s == FileState::Fresh && file.expected.digest().is_some()
    };
    let fresh = changed.iter().copied().filter(is_fresh).count();
    if !expected && let Some((file, state)) = changed.iter().find(|(_, s)| *s != FileState::Fresh) {
        return open(format!("`{}` in `{name}` {}; {advice}", file.at, why_open(file, *state)));
    }
    let (mut made, mut kept) = (MadeFiles::default(), 0);
    for path in &evidence.unproven {
        match said::said(evidence, replica, path) {
            Said::Made { stages, places } => made.add(&stages, &places),
            Said::Kept => kept += 1,
            _ if expected => {}
            Said::Unasked { can: true } => {
                return open(format!(
                    "`{path}` changed, and its own bytes are not in the container; look into the stages that it is built in with `--stages`, or {advice}"
                ));
            }
            Said::Open(why, diagnosis) => {
                return (Verdict::Inconclusive, format!("{why}; {advice}"), diagnosis);
            }
            Said::Unasked { can: false } | Said::Stale { .. } => {
                return open(format!(
                    "`{path}` changed, and its own bytes are not in the container; {advice}"
                ));
            }
        }
    }
    let text = if expected { ", and the expected text is there" } else { "" };
    let text = format!("{text}{}{}", also_differs(states), also_left(evidence, replica));
    let mut parts = Vec::new();
    if fresh > 0 {
        parts.push(format!("{} in `{name}` as in git", plural(fresh, "changed file")));
    }
    parts.extend(made.words(name));
    if kept > 0 {
        let (files, image) = (plural(kept, "changed file"), container_image(replica));
        parts.push(format!(
            "{files} compiled in, and `{name}` has it unchanged from image {image}, which was verified at this commit"
        ));
    }
    if !parts.is_empty() {
        return (Verdict::Verified, format!("{}{text}", parts.join("; ")), None);
    }
    let same = states.iter().filter(is_fresh).count();
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

fn container_image(replica: &ReplicaEvidence) -> &str {
    replica.container.image.short()
}

/// Files that only the build reads, and what was made from them.
#[derive(Default)]
struct MadeFiles<'e> {
    files: usize,
    stages: Vec<&'e str>,
    places: Vec<&'e str>,
}

impl<'e> MadeFiles<'e> {
    fn add(&mut self, stages: &[&'e str], places: &[&'e str]) {
        self.files += 1;
        for (all, more) in [(&mut self.stages, stages), (&mut self.places, places)] {
            for one in more {
                if !all.contains(one) {
                    all.push(one);
                }
            }
        }
    }

    fn words(&self, name: &str) -> Option<String> {
        let place = self.places.first()?;
        let files = plural(self.files, "changed file");
        let stages = if self.stages.len() == 1 { "stage" } else { "stages" };
        let of = self.stages.join("`, `");
        let (places, makers) = match self.places.len() {
            1 => (format!("`{place}` in `{name}` is"), "it"),
            2 => (format!("`{place}` and 1 more file in `{name}` are"), "it"),
            n => (format!("`{place}` and {} more files in `{name}` are", n - 1), "it"),
        };
        let makers = if self.stages.len() == 1 { makers } else { "they" };
        Some(format!("{files} in the {stages} `{of}` as in git, and {places} what {makers} made"))
    }
}

/// What is different and was before: worth a word, and no sign of an old version.
fn also_differs(states: &[(&FileEvidence, FileState<'_>)]) -> String {
    let differs = |(file, state): &&(&FileEvidence, FileState<'_>)| {
        !file.changed && file.actual.digest().is_some() && *state == FileState::Unknown
    };
    let mut files = states.iter().filter(differs);
    let Some((first, _)) = files.next() else { return String::new() };
    let more = files.count();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("; `{}`{more} did not change in git and differs: the build or the start made it", first.at)
}

/// What changed and is not in the container: who changed it may expect it there.
fn also_left(evidence: &Evidence, replica: &ReplicaEvidence) -> String {
    let mut files = judgement::not_shipped(evidence, replica).filter(|file| file.changed);
    let Some(first) = files.next() else { return String::new() };
    let more = files.count();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("; `{}`{more} changed and is not shipped: {}", first.path, first.why.as_str())
}

fn plural(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what} is") } else { format!("{n} {what}s are") }
}
