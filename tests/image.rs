//! The verdict on an image that nothing runs from: only what is complete is called verified.

use unstale::protocol::{Built, FileEvidence, ImageEvidence, ImageId, Verdict, judge_image};

use crate::protocol::{NEW, fresh, odd, sha, stale};

fn image(files: Vec<FileEvidence>) -> ImageEvidence {
    ImageEvidence {
        commit: sha(NEW),
        image: ImageId("sha256:aaaaaaaaaaaaaaaa".into()),
        built: Built::Unknown,
        files,
        more: 0,
        unproven: Vec::new(),
        recipes: Vec::new(),
    }
}

#[test]
fn an_image_is_verified_only_if_nothing_that_changed_is_left_open() {
    use Verdict::{Inconclusive, Stale, Verified};
    let recipe = |built| ImageEvidence { built, recipes: vec!["Dockerfile".into()], ..image(vec![fresh()]) };
    let cases = [
        ("as in git", Verified, image(vec![fresh()])),
        ("no changed file", Inconclusive, image(vec![])),
        ("an old one beside a new one", Stale, image(vec![fresh(), stale()])),
        ("old, by a build with cache", Stale, ImageEvidence { built: Built::Cached, ..image(vec![stale()]) }),
        (
            "old, and nothing old was used",
            Inconclusive,
            ImageEvidence { built: Built::Anew, ..image(vec![stale()]) },
        ),
        ("one that the build changed", Inconclusive, image(vec![fresh(), odd()])),
        ("more than was looked at", Inconclusive, ImageEvidence { more: 1, ..image(vec![fresh()]) }),
        (
            "one that is only compiled in",
            Inconclusive,
            ImageEvidence { unproven: vec!["main.c".into()], ..image(vec![fresh()]) },
        ),
        ("a new Dockerfile, whoever built", Inconclusive, recipe(Built::Unknown)),
        ("a new Dockerfile, built now", Verified, recipe(Built::Cached)),
    ];
    for (what, verdict, evidence) in cases {
        let judged = judge_image(&evidence);
        assert_eq!(judged.verdict, verdict, "{what}: {}", judged.reason);
    }
}
