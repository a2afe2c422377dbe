//! The lock and the way back, as values: who is refused, which image is meant, and what counts as being back.

use unstale::protocol::{
    Change, CompiledFile, Compose, FileEvidence, Holder, Image, ImageId, LedgerFile, Lock, Moment, Neighbour,
    Observed, Port, Recipe, Room, Site, Verdict, Wants, judge_returned, kept, plan, plan_back,
};

use crate::protocol::{NEW, OLD, compose, container, evidence, fresh, ids, odd, options, seen, sha, stale};

const KEPT: &str = "unstale-retained/shop-web:20261120t090000z-aaaaaa";

/// The service runs a new image; the one of before is kept, and a ledger says what it was built from.
fn deployed() -> Observed {
    let mut seen = seen();
    let old = Image {
        id: ImageId("sha256:0123456789abcdef".into()),
        tags: vec![KEPT.into()],
        tagged: Some(Moment::seconds(800)),
    };
    seen.server.images.as_mut().unwrap().push(old);
    let line = format!(
        r#"{{"schema":1,"id":"20261101t000000z-000000","time":"","service":"web","from":null,"to":"{OLD}","image":"sha256:0123456789abcdef","verdict":"verified","cause":null,"downtime_ms":0,"steps":[]}}"#
    );
    seen.server.ledger = Some(LedgerFile { folder: true, lines: vec![line] });
    seen
}

fn holder(id: &str) -> Holder {
    Holder {
        id: id.into(),
        who: "Ann at laptop".into(),
        since: "2026-11-22T14:00:00Z".into(),
        service: "web".into(),
        commit: Some(sha(NEW)),
    }
}

#[test]
fn one_deploy_at_a_time_and_none_over_one_that_was_left() {
    let refused = |lock: Lock| {
        let mut seen = seen();
        seen.server.lock = Some(lock);
        let desired = unstale::protocol::Desired::new("web", None);
        plan(&desired, &seen, &options()).map(|plan| plan.steps.len())
    };
    assert!(refused(Lock::default()).is_ok());
    let own = Lock { held: Some(Some(holder(&options().id))), open: vec![options().id], ..Lock::default() };
    assert!(refused(own).is_ok(), "it has the lock itself");
    let other = Lock {
        held: Some(Some(holder("x-1"))),
        at: Some("9 start 7.0".into()),
        open: vec!["x-1".into()],
        ..Lock::default()
    };
    let why = refused(other).unwrap_err();
    assert_eq!(why.reason, "locked");
    for part in
        ["Ann at laptop deploys `web`", &NEW[..12], "since 2026-11-22T14:00:00Z", "`x-1`", "`9 start 7.0`"]
    {
        assert!(why.message.contains(part), "{part}: {}", why.message);
    }
    assert!(refused(Lock { idle: vec!["x-1".into()], ..Lock::default() }).is_ok(), "nothing was begun");
    assert_eq!(refused(Lock { held: Some(None), ..Lock::default() }).unwrap_err().reason, "locked");
    let left = refused(Lock { open: vec!["x-1".into()], ..Lock::default() }).unwrap_err();
    assert_eq!(left.reason, "unfinished");
    assert!(left.message.contains("`unstale resume`") && left.message.contains("`unstale rollback`"));
}

#[test]
fn the_image_of_before_is_found_by_any_of_its_names() {
    let seen = deployed();
    let compose = seen.server.compose().unwrap();
    let found = kept(&seen, compose, "web");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].tag.as_str(), found[0].commit.clone(), found[0].current),
        (KEPT, Some(sha(OLD)), false)
    );
    assert!(kept(&seen, compose, "db").is_empty(), "another service's");
    for to in [
        None,
        Some("20261120t090000z-aaaaaa"),
        Some(&OLD[..12]),
        Some("0123456"),
        Some("sha256:0123456789abcdef"),
    ] {
        let (plan, chosen) = plan_back("web", to, &seen, &options()).unwrap();
        assert_eq!(chosen.tag, KEPT, "{to:?}");
        assert_eq!(plan.commit, Some(sha(OLD)));
        let expected = ["retain", "retag", "remove", "up", "verify"];
        assert_eq!(ids(&plan)[..5], expected);
    }
    for (to, reason) in
        [("012345", "unknown-retained"), ("aaaaaa", "unknown-retained"), (&NEW[..12], "unknown-retained")]
    {
        assert_eq!(plan_back("web", Some(to), &seen, &options()).unwrap_err().reason, reason, "{to}");
    }
    assert_eq!(
        plan_back("web", None, &crate::protocol::seen(), &options()).unwrap_err().reason,
        "nothing-retained"
    );
    // What runs already is not what is meant by "back".
    let mut there = deployed();
    there.server.images.as_mut().unwrap()[1].tags.push("shop-web:latest".into());
    there.server.images.as_mut().unwrap()[0].tags.clear();
    assert_eq!(plan_back("web", None, &there, &options()).unwrap_err().reason, "nothing-retained");
    // Of a deploy that no ledger knows, nobody knows the commit.
    let mut unknown = deployed();
    unknown.server.ledger = None;
    assert_eq!(plan_back("web", None, &unknown, &options()).unwrap_err().reason, "unknown-commit");
}

#[test]
fn what_the_container_needs_and_somebody_else_has_is_refused_first() {
    let wants =
        || Wants { name: Some("shop".into()), ports: vec![Port::tcp(None, 8000)], ..Wants::default() };
    let refused = |site: Option<Site>, changing: &str| {
        let mut seen = deployed();
        seen.server.compose = Some(Ok(Compose { wants: wants(), ..compose() }));
        seen.server.site = site;
        seen.here.changing = vec![changing.into()];
        plan_back("web", None, &seen, &options()).map(drop).map_err(|refused| refused.reason)
    };
    let other = |name: &str, service: &str, number: u16| Neighbour {
        id: "0123456789abcdef".into(),
        name: name.into(),
        project: "shop".into(),
        service: service.into(),
        oneoff: false,
        ports: vec![Port::tcp(None, number)],
    };
    let with = |one: Neighbour| Some(Site { containers: Some(vec![one]), ..Site::default() });
    assert_eq!(refused(None, "app.py"), Ok(()), "unknown is no refusal");
    assert_eq!(refused(with(other("shop", "web", 8000)), "app.py"), Ok(()), "its own");
    assert_eq!(refused(with(other("shop", "db", 1)), "app.py"), Err("name-taken"));
    // A newer compose file here is none of a rollback's.
    assert_eq!(refused(with(other("x", "db", 8000)), "compose.yaml"), Err("port-taken"));
    let listening = Some(vec![Port::tcp(None, 8000)]);
    assert_eq!(refused(Some(Site { listening, ..Site::default() }), "app.py"), Err("port-taken"));
    // It builds nothing: a full disk is no reason.
    let room = Some(Room { at: "/".into(), free: 0, cache: 0, layers: 0 });
    assert_eq!(refused(Some(Site { room, ..Site::default() }), "app.py"), Ok(()));
}

#[test]
fn back_is_the_very_image_with_the_bytes_of_its_commit() {
    let image = container().image;
    let verdict = |files: Vec<FileEvidence>, change: &dyn Fn(&mut unstale::protocol::Evidence)| {
        let mut evidence = evidence(files);
        change(&mut evidence);
        judge_returned(&evidence, &image).verdict
    };
    assert_eq!(verdict(vec![fresh()], &|_| {}), Verdict::Verified);
    // The checkout on the server is newer, and may be anything.
    assert_eq!(verdict(vec![fresh()], &|e| e.head = None), Verdict::Verified);
    assert_eq!(verdict(vec![fresh()], &|e| e.modified.push("a".into())), Verdict::Verified);
    let other = ImageId("sha256:ffffffffffffffff".into());
    assert_eq!(judge_returned(&evidence(vec![fresh()]), &other).verdict, Verdict::Stale);
    // What is compiled in was verified when the image was deployed; nothing may have changed in it since.
    let compiled = |changes: &[&str]| {
        let change = |path: &&str| Change { kind: 'C', path: (*path).to_owned() };
        let changes: Vec<Change> = changes.iter().map(change).collect();
        verdict(vec![], &|e| {
            e.unproven.push("main.go".into());
            e.compiled.files = vec![CompiledFile { path: "main.go".into(), way: None, sources: Vec::new() }];
            e.compiled.kept.insert(container().id, changes.clone());
        })
    };
    assert_eq!(compiled(&[]), Verdict::Verified);
    assert_eq!(compiled(&["/bin/app"]), Verdict::Inconclusive);
    for (what, files, change) in [
        (
            "a mount has newer bytes",
            vec![fresh(), odd()],
            &(|_: &mut unstale::protocol::Evidence| {}) as &dyn Fn(&mut unstale::protocol::Evidence),
        ),
        ("no file tells the two apart", vec![FileEvidence { changed: false, ..fresh() }], &|_| {}),
        ("no file at all", vec![], &|_| {}),
        ("what is built from sources cannot be seen", vec![fresh()], &|e| e.unproven.push("main.go".into())),
        (
            "it was stale itself",
            vec![fresh(), FileEvidence { at: "/app/old".into(), changed: false, ..stale() }],
            &|_| {},
        ),
        ("it is not settled", vec![fresh()], &|e| e.replicas[0].unsettled = Some("it is restarting".into())),
        ("it does not run", vec![fresh()], &|e| e.replicas[0].container.status = "exited".into()),
        ("no container", vec![fresh()], &|e| e.replicas.clear()),
        ("its health check fails", vec![fresh()], &|e| {
            e.replicas[0].container.health = unstale::protocol::Health::Unhealthy;
        }),
        ("the compose file is another", vec![fresh()], &|e| {
            e.recipes.push(Recipe {
                path: "compose.yaml".into(),
                makes: unstale::protocol::Makes::Container,
                changed: true,
                when: None,
            });
        }),
    ] {
        assert_eq!(verdict(files, change), Verdict::Inconclusive, "{what}");
    }
}
