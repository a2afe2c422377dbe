//! Which kept images a verified deploy lets go: the oldest beyond a number, and none that may still be needed.

use super::{
    desired::Options,
    moves::Moves,
    retained::{Retained, kept, ledger_of},
    step::{Phase, Probe, Step},
};
use crate::protocol::{
    ledger::LedgerEntry,
    names::ImageId,
    observed::{Compose, Observed},
    target::{Argv, Place},
    verdict::judgement::Verdict,
};

/// The tags of the images that go, the newest first. `running` are those that this deploy keeps: they are the newest.
///
/// Images are counted, not tags: several failed deploys keep one image several times. What goes is only what a ledger
/// knows: projects and services of other names can have the same repository (`a-b` and `c`, `a` and `b-c`). Of images
/// whose deploy was verified the newest stays, however old it is: that is where `rollback` leads to.
fn outlived(
    seen: &Observed,
    compose: &Compose,
    service: &str,
    running: &[&ImageId],
    keep: usize,
) -> (Vec<String>, bool) {
    let entries = ledger_of(seen, service);
    let kept: Vec<Retained> = kept(seen, compose, service)
        .into_iter()
        .filter(|one| entries.iter().any(|entry| one.is_of(entry)))
        .collect();
    let mut images: Vec<&ImageId> = running.to_vec();
    for one in &kept {
        if !images.contains(&&one.image) {
            images.push(&one.image);
        }
    }
    let of = |entry: &&LedgerEntry, image: &ImageId| {
        entry.verdict == Verdict::Verified.as_str()
            && (entry.image.as_ref() == Some(&image.0) || entry.images.contains(&image.0))
    };
    let verified = images.iter().position(|image| entries.iter().any(|entry| of(&entry, image)));
    let stays = |at: usize| at < keep.max(running.len()) || Some(at) == verified;
    let stay: Vec<&ImageId> = (0..images.len()).filter(|at| stays(*at)).map(|at| images[at]).collect();
    let go = kept.iter().filter(|one| !stay.contains(&&one.image)).map(|one| one.tag.clone()).collect();
    (go, stay.iter().all(|image| running.contains(image)))
}

/// The step that removes them; `None` if there is nothing to remove.
///
/// Measured on engines 20.10 and 26.1: `docker rmi` of a tag takes the tag alone while the image has another one, or a
/// child of the classic builder; it refuses the last tag of an image that a running container uses, and goes on with the
/// other tags. With `--no-prune` the intermediate images of the classic builder would stay, and their layers with them.
pub(in crate::protocol) fn thin(
    moves: &Moves<'_>,
    service: &str,
    options: &Options,
    seen: &Observed,
    compose: &Compose,
) -> Option<Step> {
    let running = moves.running();
    let (tags, only_these) = outlived(seen, compose, service, &running, options.keep);
    if tags.is_empty() {
        return None;
    }
    let argv = Argv::new(["docker", "rmi"].map(String::from).into_iter().chain(tags.iter().cloned()));
    let enough = match options.keep {
        1 => "the newest one is".to_owned(),
        n => format!("the {n} newest are"),
    };
    let cause = format!("they fill the disk, and {enough} enough to go back to");
    let step = Step::new("thin", Phase::Verify, Place::Server, cause, argv, Probe::Untagged { tags })
        .of(service)
        .if_verified();
    // A build can make the very image that ran before: then that is none to go back to.
    let before = running.first().filter(|_| only_these).map(|image| (*image).clone());
    Some(match before {
        Some(before) => step.pre(Probe::Rebuilt { before: Some(before) }),
        None => step,
    })
}
