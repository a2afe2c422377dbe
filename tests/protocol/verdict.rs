//! From evidence to the verdict, the cause and the cure.

use unstale::protocol::{
    Base, Builder, Built, Bytes, Candidate, Cause, Digest, Evidence, FileEvidence, FileState, Found, Health,
    Image, ImageId, Left, Makes, Moment, Mount, MountSource, Outcome, Reach, Recipe, Relation,
    ReplicaEvidence, Stat, Verdict, judge, state_of,
};

use super::{NEW, OLD, compose, container, sha, target};

fn bytes(name: &str) -> Bytes {
    Bytes::Known { digest: Digest(name.into()), len: Some(10) }
}

fn stat() -> Stat {
    Stat { links: 1, inode: "1:7".into(), changed: Moment::seconds(500), executable: None }
}

/// A changed file that the container has as it should.
pub(crate) fn fresh() -> FileEvidence {
    FileEvidence {
        path: "index.html".into(),
        at: "/app/index.html".into(),
        changed: true,
        expected: bytes("new"),
        before: bytes("old"),
        actual: bytes("new"),
        older: None,
        foreign: None,
        seen: Some(stat()),
        image: None,
        unbuilt: false,
        checkout: None,
        host: None,
    }
}

pub(crate) fn stale() -> FileEvidence {
    FileEvidence {
        actual: bytes("old"),
        older: Some(sha(OLD)),
        image: Some(bytes("old")),
        checkout: Some((bytes("new"), Stat { changed: Moment::seconds(800), ..stat() })),
        ..fresh()
    }
}

pub(crate) fn odd() -> FileEvidence {
    FileEvidence { actual: bytes("built"), ..fresh() }
}

/// A file that the container has with bytes of its own since a moment.
fn written(when: i64) -> FileEvidence {
    FileEvidence { seen: Some(Stat { changed: Moment::seconds(when), ..stat() }), ..odd() }
}

/// As [`stale`], but no snapshot of the context explains it.
fn resized() -> FileEvidence {
    let old = || Bytes::Known { digest: Digest("old".into()), len: Some(9) };
    FileEvidence { at: "/app/b".into(), actual: old(), image: Some(old()), ..stale() }
}

/// A file that git does not have any more; the container has its last bytes.
fn deleted(image: Option<Bytes>) -> FileEvidence {
    FileEvidence { expected: Bytes::Missing, older: Some(sha(OLD)), actual: bytes("old"), image, ..fresh() }
}

pub(super) fn recipe(makes: Makes, when: i64, changed: bool) -> Evidence {
    let recipe = Recipe { path: "Dockerfile".into(), makes, changed, when: Some(Moment::seconds(when)) };
    with(vec![same(fresh())], |e| e.recipes = vec![recipe])
}

pub(super) fn same(file: FileEvidence) -> FileEvidence {
    FileEvidence { path: "other".into(), at: "/app/other".into(), changed: false, ..file }
}

pub(crate) fn evidence(files: Vec<FileEvidence>) -> Evidence {
    Evidence {
        service: "web".into(),
        commit: sha(NEW),
        head: Some(sha(NEW)),
        head_stands: Relation::Behind,
        base: Base::Verified,
        recipes: Vec::new(),
        modified: Vec::new(),
        tagged: Some(Image {
            id: container().image,
            tags: vec!["shop-web:latest".into()],
            tagged: Some(Moment::seconds(900)),
        }),
        builder: Some(Builder::BuildKit),
        built: Built::Unknown,
        replicas: vec![ReplicaEvidence {
            container: container(),
            unsettled: None,
            was_verified: false,
            files,
            expect: None,
        }],
        unproven: Vec::new(),
        not_fetched: Vec::new(),
        not_shipped: Vec::new(),
        compiled: unstale::protocol::Compiled::default(),
        expect_in: None,
        compose: compose(),
        target: target(),
    }
}

pub(super) fn with(files: Vec<FileEvidence>, change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = evidence(files);
    change(&mut evidence);
    evidence
}

pub(super) fn mounted(source: MountSource, target: &str) -> impl FnOnce(&mut Evidence) {
    let mount = Mount { source, target: target.into() };
    move |e| e.replicas[0].container.mounts.push(mount)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn only_complete_evidence_verifies() {
    use Verdict::{Inconclusive, Stale, Verified};
    let cases: Vec<(&str, Verdict, Evidence)> = vec![
        ("all new", Verified, evidence(vec![fresh()])),
        ("an untouched file that the build changed", Verified, evidence(vec![fresh(), same(odd())])),
        ("nothing changed reaches it", Verified, evidence(vec![same(fresh())])),
        ("no file at all", Inconclusive, evidence(vec![])),
        ("only an untouched odd file", Inconclusive, evidence(vec![same(odd())])),
        ("a changed file that the build changed", Inconclusive, evidence(vec![odd(), same(fresh())])),
        (
            "a changed file is missing",
            Inconclusive,
            evidence(vec![FileEvidence { actual: Bytes::Missing, ..fresh() }]),
        ),
        (
            "a new file is missing",
            Stale,
            evidence(vec![FileEvidence {
                actual: Bytes::Missing,
                before: Bytes::Missing,
                unbuilt: true,
                ..fresh()
            }]),
        ),
        (
            "unreadable",
            Inconclusive,
            evidence(vec![FileEvidence { actual: Bytes::Unknown("x".into()), ..fresh() }]),
        ),
        ("old", Stale, evidence(vec![stale()])),
        (
            "old, and the server is ahead",
            Inconclusive,
            with(vec![stale()], |e| {
                (e.head, e.head_stands) = (Some(sha(OLD)), Relation::Ahead);
            }),
        ),
        ("old, and the server is behind", Stale, with(vec![stale()], |e| e.head = Some(sha(OLD)))),
        (
            "old bytes of another size beside new ones, in an image that was built after them",
            Inconclusive,
            evidence(vec![fresh(), resized()]),
        ),
        ("old bytes of another size alone", Stale, evidence(vec![resized()])),
        (
            "old bytes in an image that was built just now without a cache",
            Inconclusive,
            with(vec![stale()], |e| e.built = Built::Anew),
        ),
        (
            "old bytes in a volume over an image that was built just now",
            Stale,
            with(vec![stale()], |e| {
                e.built = Built::Anew;
                mounted(MountSource::Named("shop_code".into()), "/app")(e);
            }),
        ),
        (
            "an untouched file of another branch",
            Inconclusive,
            evidence(vec![fresh(), same(FileEvidence { foreign: Some(sha(OLD)), ..odd() })]),
        ),
        (
            "an untouched file that was patched",
            Inconclusive,
            evidence(vec![fresh(), same(FileEvidence { image: Some(bytes("new")), ..odd() })]),
        ),
        (
            "an untouched file that the program writes when it starts",
            Verified,
            evidence(vec![fresh(), same(FileEvidence { image: Some(bytes("new")), ..written(1002) })]),
        ),
        (
            "an untouched file that was patched before a restart",
            Inconclusive,
            evidence(vec![fresh(), same(FileEvidence { image: Some(bytes("new")), ..written(990) })]),
        ),
        (
            "an untouched file that was put back after the build",
            Inconclusive,
            evidence(vec![fresh(), same(FileEvidence { unbuilt: true, ..odd() })]),
        ),
        (
            "a changed file that was patched in",
            Inconclusive,
            evidence(vec![FileEvidence { image: Some(bytes("old")), seen: written(1001).seen, ..fresh() }]),
        ),
        (
            "a deleted file that is still there",
            Inconclusive,
            evidence(vec![same(fresh()), deleted(Some(bytes("old")))]),
        ),
        (
            "a deleted file that is still there, and not in the image",
            Stale,
            evidence(vec![same(fresh()), deleted(Some(Bytes::Missing))]),
        ),
        (
            "only what was deleted is gone: nothing was compared",
            Inconclusive,
            evidence(vec![FileEvidence { actual: Bytes::Missing, ..deleted(None) }]),
        ),
        ("the recipe is older than the image", Verified, recipe(Makes::Image, 900, true)),
        ("the recipe is younger than the image", Inconclusive, recipe(Makes::Image, 901, true)),
        ("no change of the recipe", Verified, recipe(Makes::Image, 901, false)),
        ("the compose file is older than the container", Verified, recipe(Makes::Container, 900, true)),
        ("the compose file is younger", Inconclusive, recipe(Makes::Container, 1001, true)),
        ("the compose file is younger than the container only", Inconclusive, {
            let mut e = recipe(Makes::Container, 1001, true);
            e.tagged.as_mut().expect("there is one").tagged = Some(Moment::seconds(1002));
            e
        }),
        ("the recipe is younger than an image that was verified at this commit", Verified, {
            let mut e = recipe(Makes::Image, 901, true);
            e.replicas[0].was_verified = true;
            e
        }),
        (
            "the container of an image that was verified at this commit is older than its recipe",
            Inconclusive,
            {
                let mut e = recipe(Makes::Container, 1001, true);
                e.replicas[0].was_verified = true;
                e
            },
        ),
        ("nobody knows what ran before, and the recipe is younger", Inconclusive, {
            let mut e = recipe(Makes::Image, 901, false);
            e.base = Base::Guessed;
            e
        }),
        ("an untouched file is old", Stale, evidence(vec![fresh(), same(stale())])),
        ("server behind", Inconclusive, with(vec![fresh()], |e| e.head = Some(sha(OLD)))),
        ("server unknown", Inconclusive, with(vec![fresh()], |e| e.head = None)),
        ("server dirty", Inconclusive, with(vec![fresh()], |e| e.modified = vec!["x".into()])),
        ("no such tag", Inconclusive, with(vec![fresh()], |e| e.tagged = None)),
        ("exited", Inconclusive, with(vec![stale()], |e| e.replicas[0].container.status = "exited".into())),
        ("restarting", Inconclusive, with(vec![fresh()], |e| e.replicas[0].unsettled = Some("loops".into()))),
        (
            "unhealthy",
            Inconclusive,
            with(vec![fresh()], |e| e.replicas[0].container.health = Health::Unhealthy),
        ),
        (
            "starting",
            Inconclusive,
            with(vec![fresh()], |e| e.replicas[0].container.health = Health::Starting),
        ),
        ("healthy", Verified, with(vec![fresh()], |e| e.replicas[0].container.health = Health::Healthy)),
        ("no container", Inconclusive, with(vec![], |e| e.replicas.clear())),
        ("compiled", Inconclusive, with(vec![same(fresh())], |e| e.unproven = vec!["main.go".into()])),
        (
            "compiled, but the text is there",
            Verified,
            with(vec![], |e| {
                e.unproven = vec!["main.go".into()];
                e.replicas[0].expect = Some(Found::Yes);
            }),
        ),
        ("the text is not there", Stale, with(vec![], |e| e.replicas[0].expect = Some(Found::No))),
        (
            "the text is not there, and the file is the commit's",
            Inconclusive,
            with(vec![fresh()], |e| {
                e.replicas[0].expect = Some(Found::No);
                e.expect_in = Some("/app/index.html".into());
            }),
        ),
        (
            "the text cannot be looked for",
            Inconclusive,
            with(vec![fresh()], |e| e.replicas[0].expect = Some(Found::Unknown("gone".into()))),
        ),
        (
            "a stale file beats a text that is there",
            Stale,
            with(vec![stale()], |e| e.replicas[0].expect = Some(Found::Yes)),
        ),
    ];
    for (name, verdict, evidence) in cases {
        let judgement = judge(&evidence);
        assert_eq!(judgement.verdict, verdict, "{name}: {}", judgement.reason);
        let code = Outcome::Judged(judgement).exit_code();
        assert_eq!(
            code,
            if verdict == Verified {
                0
            } else if verdict == Stale {
                1
            } else {
                4
            },
            "{name}"
        );
    }
}

#[test]
fn the_worst_replica_decides() {
    let mut evidence = evidence(vec![fresh()]);
    let mut second = evidence.replicas[0].clone();
    second.container.name = "shop-web-2".into();
    second.files = vec![stale()];
    evidence.replicas.push(second);
    let judgement = judge(&evidence);
    assert_eq!(judgement.verdict, Verdict::Stale);
    assert!(
        judgement.reason.contains("1 of 2") && judgement.reason.contains("shop-web-2"),
        "{}",
        judgement.reason
    );
    assert_eq!(judgement.replicas[0].verdict, Verdict::Verified);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn every_cause_has_its_mechanism_and_its_cure() {
    let named = || MountSource::Named("shop_code".into());
    let bind = || MountSource::Bind("/opt/my repo/index.html".into());
    let orphan = || FileEvidence { seen: Some(Stat { links: 0, ..stat() }), ..stale() };
    let moved = || FileEvidence { host: Some(Stat { inode: "1:8".into(), ..stat() }), ..stale() };
    let built_before = || FileEvidence {
        checkout: Some((bytes("new"), Stat { changed: Moment::seconds(901), ..stat() })),
        ..stale()
    };
    // The image is new, and something else keeps the container from it.
    let kept = || FileEvidence { image: Some(bytes("new")), ..stale() };
    let other_len =
        || FileEvidence { actual: Bytes::Known { digest: Digest("old".into()), len: Some(9) }, ..stale() };
    let cases: Vec<(Cause, Option<&str>, &str, Evidence)> = vec![
        (
            Cause::Container,
            Some("S02"),
            "up -d --no-deps web",
            with(vec![kept()], |e| e.replicas[0].container.image = ImageId("sha256:bbbb".into())),
        ),
        (
            Cause::Container,
            Some("S02"),
            "unstale deploy web",
            with(vec![stale()], |e| e.replicas[0].container.image = ImageId("sha256:bbbb".into())),
        ),
        (
            Cause::Mount,
            Some("S04"),
            "the image is old too: unstale deploy web",
            with(vec![stale()], mounted(named(), "/app")),
        ),
        (
            Cause::Mount,
            Some("S05"),
            "unstale deploy web",
            with(vec![stale()], mounted(MountSource::Anonymous("ab".into()), "/app")),
        ),
        (
            Cause::Mount,
            Some("S04"),
            "docker volume rm shop_code",
            with(vec![kept()], mounted(named(), "/app")),
        ),
        (
            Cause::Mount,
            Some("S05"),
            "up -d --no-deps -V --force-recreate web",
            with(vec![kept()], mounted(MountSource::Anonymous("ab".into()), "/app")),
        ),
        (
            Cause::Mount,
            Some("S23"),
            "--force-recreate web",
            with(vec![orphan()], mounted(bind(), "/app/index.html")),
        ),
        (
            Cause::Mount,
            Some("S23"),
            "--force-recreate web",
            with(vec![moved()], mounted(bind(), "/app/index.html")),
        ),
        (
            Cause::Mount,
            Some("S06"),
            "`/srv/app`",
            with(vec![stale()], mounted(MountSource::Bind("/srv/app".into()), "/app")),
        ),
        (
            Cause::Mount,
            Some("S06"),
            "remove the tmpfs",
            with(vec![stale()], mounted(MountSource::Tmpfs, "/app")),
        ),
        (
            Cause::Image,
            Some("S01"),
            "type=source.local' && docker compose -p shop build web && docker compose",
            evidence(vec![built_before()]),
        ),
        (
            Cause::Image,
            Some("S01"),
            "&& docker compose -p shop build web && docker compose",
            with(vec![built_before()], |e| e.builder = Some(Builder::Classic)),
        ),
        (Cause::ContextSnapshot, Some("S33"), "type=source.local", evidence(vec![stale()])),
        (
            Cause::Image,
            None,
            "unstale deploy web",
            with(vec![stale()], |e| e.builder = Some(Builder::Classic)),
        ),
        (Cause::Image, None, "unstale deploy web", evidence(vec![other_len()])),
        (
            Cause::Image,
            None,
            "unstale deploy web",
            with(vec![stale()], |e| {
                // Retaining an image moves the time of its last tag: it says nothing about the build any more.
                let tags = &mut e.tagged.as_mut().expect("there is one").tags;
                tags.push("unstale-retained/shop-web:x".into());
            }),
        ),
        (
            Cause::Container,
            None,
            "--force-recreate web",
            evidence(vec![FileEvidence { image: Some(bytes("new")), ..stale() }]),
        ),
        (Cause::Checkout, None, "unstale deploy web", with(vec![stale()], |e| e.head = Some(sha(OLD)))),
    ];
    for (cause, mechanism, cure, evidence) in cases {
        let judgement = judge(&evidence);
        assert_eq!(judgement.verdict, Verdict::Stale, "{}", judgement.reason);
        let diagnosis = judgement.replicas[0].diagnosis.as_ref().expect("a stale container has a cause");
        assert_eq!((diagnosis.cause, diagnosis.mechanism), (cause, mechanism), "{}", diagnosis.detail);
        assert!(diagnosis.cure.contains(cure), "{} lacks {cure}", diagnosis.cure);
    }
}

#[test]
fn a_new_file_under_an_older_process_is_not_verified() {
    let young = || FileEvidence { seen: Some(Stat { changed: Moment::seconds(1001), ..stat() }), ..fresh() };
    let bind = || mounted(MountSource::Bind("/opt/my repo".into()), "/app");
    let judgement = judge(&with(vec![young()], bind()));
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    let diagnosis = judgement.replicas[0].diagnosis.as_ref().expect("it says what to do");
    assert_eq!(diagnosis.cause, Cause::Process);
    assert!(diagnosis.cure.contains("restart web"), "{}", diagnosis.cure);
    let unseen = FileEvidence { seen: None, ..fresh() };
    assert_eq!(judge(&with(vec![unseen], bind())).verdict, Verdict::Inconclusive);
    assert_eq!(judge(&with(vec![fresh()], bind())).verdict, Verdict::Verified);
    // In the image a file cannot change under the process.
    assert_eq!(judge(&evidence(vec![young()])).verdict, Verdict::Verified);
}

#[test]
fn an_image_that_is_not_the_tags_is_never_verified() {
    let other = |e: &mut Evidence| e.replicas[0].container.image = ImageId("sha256:bbbb".into());
    let judgement = judge(&with(vec![fresh()], other));
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert_eq!(judgement.replicas[0].diagnosis.as_ref().map(|d| d.mechanism), Some(Some("S02")));
}

#[test]
fn a_missing_file_is_stale_only_where_something_explains_it() {
    let missing = || FileEvidence { actual: Bytes::Missing, ..fresh() };
    assert_eq!(state_of(&missing()), FileState::Missing, "a RUN may have removed it");
    let in_image = || FileEvidence { image: Some(bytes("new")), ..missing() };
    assert_eq!(state_of(&in_image()), FileState::Stale(None), "the image has it");
    assert_eq!(state_of(&FileEvidence { changed: false, ..in_image() }), FileState::Missing);
    assert_eq!(state_of(&FileEvidence { image: Some(bytes("old")), ..missing() }), FileState::Missing);
    assert_eq!(state_of(&FileEvidence { unbuilt: true, ..missing() }), FileState::Stale(None));
}

#[test]
fn a_candidate_says_where_the_route_ends() {
    use unstale::analysis::route::{Route, Verdict as End};
    let route = |verdict, paths: &[&str]| Route {
        verdict,
        container_paths: paths.iter().map(|&p| p.to_owned()).collect(),
        hops: Vec::new(),
        shadow: None,
        way: None,
    };
    let reach = |verdict, paths: &[&str]| Candidate::new("x", &route(verdict, paths)).reach;
    let at = || Reach::Container(vec!["/app/x".into()]);
    assert_eq!(reach(End::Reaches, &["/app/x"]), at());
    assert_eq!(reach(End::Shadowed, &["/app/x"]), at(), "what a mount hides is what has to be looked at");
    assert_eq!(reach(End::Reaches, &[]), Reach::Unknown);
    assert_eq!(reach(End::BuildOnly, &[]), Reach::Build(None));
    assert_eq!(reach(End::Unknown, &[]), Reach::Unknown);
    for (end, why) in [
        (End::Ignored, Left::Ignored),
        (End::NotCopied, Left::NotCopied),
        (End::OutsideContext, Left::Outside),
    ] {
        assert_eq!(reach(end, &["/app/x"]), Reach::Left(why));
    }
}
