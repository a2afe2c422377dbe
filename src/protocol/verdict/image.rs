//! The verdict on an image that nothing runs from yet: are the changed files in it those of the commit?

use super::{
    evidence::Built,
    file::{FileEvidence, FileState, state_of},
    judgement::{Judgement, Verdict},
};
use crate::protocol::names::{ImageId, Sha};

/// What was measured of an image.
#[derive(Debug, Clone)]
pub struct ImageEvidence {
    /// What should be in it.
    pub commit: Sha,
    /// The image.
    pub image: ImageId,
    /// Where it comes from.
    pub built: Built,
    /// Changed and deleted files; what the image holds stands as what is there.
    pub files: Vec<FileEvidence>,
    /// Changed files whose own bytes cannot be looked for in it.
    pub unproven: Vec<String>,
    /// Files that changed and say how it is built.
    pub recipes: Vec<String>,
    /// How many more changed files were not looked at.
    pub more: usize,
}

/// Judges. A mount can still hide what the image holds: the verdict on the container is another one.
pub fn judge_image(evidence: &ImageEvidence) -> Judgement {
    let (image, commit) = (evidence.image.short(), evidence.commit.short());
    let say = |verdict, reason: String| Judgement { verdict, reason, replicas: Vec::new(), http: Vec::new() };
    let states = || evidence.files.iter().map(|file| (file, state_of(file)));
    let stale = states().find_map(|(file, state)| match state {
        FileState::Stale(Some(older)) => Some((file, older)),
        _ => None,
    });
    if let Some((file, older)) = stale {
        let what = format!("`{}` in image {image} is the one of {}", file.at, older.short());
        // Nothing old was left that a build could take: it was the build itself that made it so.
        return if evidence.built == Built::Anew {
            let reason = format!("{what}, and the build used nothing old: it puts these bytes there itself");
            say(Verdict::Inconclusive, reason)
        } else {
            say(Verdict::Stale, format!("{what}, not of {commit}"))
        };
    }
    if let Some((file, _)) = states().find(|(_, state)| *state != FileState::Fresh) {
        let reason = format!("`{}` in image {image} could not be compared, or is not as in git", file.at);
        return say(Verdict::Inconclusive, reason);
    }
    if let Some(path) = evidence.unproven.first() {
        let reason = format!("`{path}` changed, and its own bytes are not in image {image}");
        return say(Verdict::Inconclusive, reason);
    }
    if let (Some(path), Built::Unknown) = (evidence.recipes.first(), evidence.built) {
        let reason = format!("`{path}` changed, and whether image {image} was built after that is not known");
        return say(Verdict::Inconclusive, reason);
    }
    match (evidence.files.len(), evidence.more) {
        (0, _) => say(Verdict::Inconclusive, format!("no changed file lies in image {image}")),
        (1, 0) => say(Verdict::Verified, format!("the changed file in image {image} is as in {commit}")),
        (n, 0) => say(Verdict::Verified, format!("{n} changed files in image {image} are as in {commit}")),
        (n, more) => {
            let reason =
                format!("{n} changed files in image {image} are as in {commit}, {more} were not looked at");
            say(Verdict::Inconclusive, reason)
        }
    }
}
