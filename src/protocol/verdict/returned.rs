//! The verdict on what runs after the way back.

use super::{
    evidence::{Evidence, Makes, ReplicaEvidence},
    file::{Bytes, FileEvidence, FileState, state_of},
    judgement::{Counts, Judged, Judgement, Verdict},
    said::{Said, said},
    sick::Sick,
};
use crate::protocol::{names::ImageId, observed::Health};

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
    let is_kept = |path: &&String| matches!(said(evidence, replica, path), Said::Kept);
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
