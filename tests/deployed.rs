//! When a deploy has nothing to do, as values: whatever speaks against it makes it a deploy.

use unstale::protocol::{
    Desired, Health, Image, ImageId, LedgerFile, Lock, Observed, Relation, Tip, is_deployed,
};

use crate::protocol::{NEW, OLD, container, seen, sha};

type Change = fn(&mut Observed);

/// A line of the ledger.
fn line(service: &str, to: &str, verdict: &str) -> String {
    let image = container().image.0;
    format!(
        r#"{{"schema":1,"id":"x","time":"","service":"{service}","from":null,"to":"{to}","image":null,"images":["{image}"],"verdict":"{verdict}","cause":null,"downtime_ms":0,"steps":[]}}"#
    )
}

/// The last deploy was verified, and all is as it left it.
fn deployed() -> Observed {
    let mut seen = seen();
    seen.here.tip = Some(Tip::At(sha(NEW), Relation::Same));
    seen.here.head = Some(sha(NEW));
    seen.server.git.as_mut().unwrap().as_mut().unwrap().head = Some(sha(NEW));
    seen.server.lock = Some(Lock::default());
    let lines = vec![line("web", OLD, "stale"), line("web", NEW, "verified"), line("db", OLD, "stale")];
    seen.server.ledger = Some(LedgerFile { folder: true, lines });
    seen
}

#[test]
fn whatever_is_not_as_the_last_verified_deploy_left_it_is_deployed() {
    let web = Desired::new("web", None);
    assert!(is_deployed(&web, &deployed()));
    assert!(is_deployed(&Desired::new("web", Some("nothing to commit")), &deployed()));
    assert!(!is_deployed(&Desired::new("db", None), &deployed()), "its last deploy was stale");
    let changes: [(&str, Change); 16] = [
        ("a change here", |s| s.here.modified.push("a".into())),
        ("not pushed", |s| s.here.tip = Some(Tip::At(sha(OLD), Relation::Behind))),
        ("the remote does not answer", |s| s.here.tip = None),
        ("the server is elsewhere", |s| {
            s.server.git.as_mut().unwrap().as_mut().unwrap().head = Some(sha(OLD));
        }),
        ("changed there", |s| s.server.git.as_mut().unwrap().as_mut().unwrap().modified.push("a".into())),
        ("left half-way", |s| s.server.lock.as_mut().unwrap().open.push("x".into())),
        ("somebody deploys", |s| s.server.lock.as_mut().unwrap().held = Some(None)),
        ("nobody asked", |s| s.server.lock = None),
        ("no ledger", |s| s.server.ledger = None),
        ("a failure since", |s| {
            s.server.ledger.as_mut().unwrap().lines.push(line("web", NEW, "inconclusive"));
        }),
        ("another commit since", |s| {
            s.server.ledger.as_mut().unwrap().lines.push(line("web", OLD, "verified"));
        }),
        ("another image since", |s| {
            let other = ImageId("sha256:ffff".into());
            s.server.containers.as_mut().unwrap()[0].image = other.clone();
            s.server.images =
                Some(vec![Image { id: other, tags: vec!["shop-web:latest".into()], tagged: None }]);
        }),
        ("built since", |s| s.server.images.as_mut().unwrap()[0].id = ImageId("sha256:ffff".into())),
        ("it does not run", |s| s.server.containers.as_mut().unwrap()[0].status = "exited".into()),
        ("it is sick", |s| s.server.containers.as_mut().unwrap()[0].health = Health::Unhealthy),
        ("it is gone", |s| s.server.containers = Some(Vec::new())),
    ];
    for (what, change) in changes {
        let mut seen = deployed();
        change(&mut seen);
        assert!(!is_deployed(&web, &seen), "{what}");
    }
}
