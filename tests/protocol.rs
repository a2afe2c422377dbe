//! The deploy protocol without a machine: from what was seen to the plan and its views, from evidence to the verdict.

use unstale::protocol::{
    Again, Base, BuildSource, Builder, Built, Bytes, Cache, Candidate, Cause, Checkouts, Compiled, Compose,
    Container, Desired, Digest, Engine, Evidence, FileEvidence, FileState, Found, Generation, Health, Here,
    Holds, Image, ImageId, LedgerFile, Logged, Makes, Moment, Mount, MountSource, Needed, Observed, Options,
    Order, Outcome, Place, Plan, Probe, Reach, Recipe, Record, Recorded, Refused, Relation, ReplicaEvidence,
    Report, Server, ServerGit, Sha, Stat, State, Target, Tip, Upstream, Verdict, Wants, When, command,
    dry_run, judge, last_verified, plan, quote, state_of,
};

pub(crate) const OLD: &str = "1111111111111111111111111111111111111111";
pub(crate) const NEW: &str = "2222222222222222222222222222222222222222";

pub(crate) fn sha(text: &str) -> Sha {
    Sha::parse(text).expect("40 digits")
}

fn upstream() -> Upstream {
    Upstream { remote: "origin".into(), branch: "main".into() }
}

pub(crate) fn container() -> Container {
    Container {
        id: "c0ffee".into(),
        name: "shop-web-1".into(),
        image: ImageId("sha256:aaaaaaaaaaaaaaaa".into()),
        status: "running".into(),
        pid: 77,
        created: Some(Moment::seconds(1000)),
        started: Some(Moment::seconds(1000)),
        restarts: 0,
        health: Health::None,
        mounts: Vec::new(),
        project: "shop".into(),
        working_dir: "/opt/my repo".into(),
        config_files: Vec::new(),
    }
}

pub(crate) fn compose() -> Compose {
    Compose {
        generation: Generation::Plugin,
        project: "shop".into(),
        files: Vec::new(),
        services: vec!["web".into(), "db".into()],
        tag: "shop-web".into(),
        build: Some(BuildSource::default()),
        wants: Wants::default(),
    }
}

/// A clean checkout one commit ahead of a server where the service runs.
pub(crate) fn seen() -> Observed {
    Observed {
        here: Here {
            toplevel: "/home/me/shop".into(),
            git_dir: "/home/me/shop/.git".into(),
            head: Some(sha(NEW)),
            branch: Some("main".into()),
            upstream: Some(upstream()),
            modified: Vec::new(),
            untracked: Vec::new(),
            tip: Some(Tip::At(sha(OLD), Relation::Behind)),
            server_head: Relation::Behind,
            arriving: Vec::new(),
            changing: Vec::new(),
            ledger: None,
        },
        server: Server {
            dir: Some("/opt/my repo".into()),
            named: Some("/opt/link".into()),
            now: Moment::seconds(2000),
            git: Some(Ok(ServerGit {
                toplevel: "/opt/my repo".into(),
                git_dir: "/opt/my repo/.git".into(),
                head: Some(sha(OLD)),
                branch: Some("main".into()),
                upstream: Some(upstream()),
                modified: Vec::new(),
                untracked: Vec::new(),
                has_commit: false,
                converts_text: false,
                unpushed: 0,
                locks: Vec::new(),
                after_merge: false,
                submodules: Vec::new(),
                pointers: Vec::new(),
            })),
            engine: Some(Ok(Engine { version: "26.1.5".into(), builder: Builder::BuildKit })),
            running: None,
            compose: Some(Ok(compose())),
            containers: Some(vec![container()]),
            images: Some(vec![Image {
                id: container().image,
                tags: vec!["shop-web:latest".into()],
                tagged: Some(Moment::seconds(900)),
            }]),
            snapshots: None,
            site: None,
            lock: None,
            ledger: None,
        },
        checkouts: Checkouts::Two,
        needed: Needed::default(),
    }
}

fn git(seen: &mut Observed) -> &mut ServerGit {
    seen.server.git.as_mut().expect("asked").as_mut().expect("a checkout")
}

fn desired(message: Option<&str>) -> Desired {
    Desired::new("web", message)
}

pub(crate) fn options() -> Options {
    Options {
        id: "20261122t140000z-abc123".into(),
        cache_bust: "20261122T140000Z".into(),
        target_words: target().words(),
        expect_words: Vec::new(),
        stages: false,
    }
}

pub(crate) fn target() -> Target {
    Target::Ssh { host: "prod".into(), dir: "/opt/my repo".into() }
}

pub(crate) fn planned(seen: &Observed, message: Option<&str>) -> Plan {
    plan(&desired(message), seen, &options()).expect("nothing speaks against it")
}

pub(crate) fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(unstale::protocol::Step::id).collect()
}

#[test]
fn the_steps_stand_in_the_users_order() {
    let plan = planned(&seen(), None);
    assert_eq!(
        ids(&plan),
        [
            "push",
            "retain",
            "remove",
            "fetch",
            "merge",
            "verify-source",
            "prune",
            "build",
            "up",
            "verify",
            "ledger-folder",
            "record",
            "ledger-folder-here",
            "record-here",
        ]
    );
    let phases: Vec<u8> = plan.steps.iter().map(|s| s.phase().number()).collect();
    assert!(phases.is_sorted(), "{phases:?}");
    assert_eq!(plan.commit, Some(sha(NEW)));
}

fn arranged(order: Order, cache: Cache) -> Plan {
    let desired = Desired { order, cache, ..desired(None) };
    plan(&desired, &seen(), &options()).expect("nothing speaks against it")
}

#[test]
fn with_the_build_first_the_old_container_stays_until_the_new_image_was_looked_at() {
    let plan = arranged(Order::BuildFirst, Cache::Fresh);
    let expected = [
        "push",
        "fetch",
        "merge",
        "verify-source",
        "retain",
        "prune",
        "build",
        "check-image",
        "remove",
        "up",
        "verify",
    ];
    assert_eq!(ids(&plan)[..expected.len()], expected);
    let build = &plan.steps[6];
    assert!(build.argv().resolve(&sha(NEW)).contains(&"--no-cache".to_owned()));
    let undo = build.undo_of().expect("the tag moved, and the old container still runs");
    let words: Vec<Vec<String>> = undo.argvs.iter().map(|argv| argv.resolve(&sha(NEW))).collect();
    assert_eq!(words.len(), 1, "nothing is started: {words:?}");
    assert_eq!((words[0][1].as_str(), words[0][3].as_str()), ("tag", "shop-web"));
    let look = command(&plan.steps[7], &target(), Some(&sha(NEW)));
    assert_eq!(look, format!("unstale verify web --host prod --dir '/opt/my repo' --image --rev {NEW}"));
    let text = dry_run(&plan, &target());
    let headings: Vec<&str> = text.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())).collect();
    let numbers: Vec<&str> = headings.iter().filter_map(|l| l.split_once(". ")).map(|(n, _)| n).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7"], "{text}");
    assert_eq!(headings[4], "5. remove the old container");
}

#[test]
fn a_build_with_cache_has_its_way_back_in_the_plan() {
    let plan = arranged(Order::Protocol, Cache::Verified);
    let stale = |plan: &Plan| -> Vec<String> {
        plan.steps.iter().filter(|s| s.when() == When::IfStale).map(|s| s.id().to_owned()).collect()
    };
    assert_eq!(stale(&plan), ["prune-again", "build-again", "remove-again", "up-again", "verify-again"]);
    let at = |id: &str| plan.steps.iter().find(|s| s.id() == id).expect("it is there");
    let words = |id: &str| at(id).argv().resolve(&sha(NEW)).join(" ");
    assert_eq!(words("prune"), "docker builder prune -f --filter type=source.local");
    assert!(!words("build").contains("--no-cache") && words("build").starts_with("env CACHE_BUST=2026"));
    assert_eq!(words("prune-again"), "docker builder prune -f");
    assert!(words("build-again").contains("build --no-cache web"));
    assert_eq!(words("remove-again"), "docker compose -p shop rm -s -f web");
    let text = dry_run(&plan, &target());
    assert!(text.contains("\n8. only if that is stale: without cache\n   # prune-again"), "{text}");

    let plan = arranged(Order::BuildFirst, Cache::Verified);
    assert_eq!(stale(&plan), ["prune-again", "build-again", "check-image-again"]);
    let place = |id: &str| ids(&plan).iter().position(|i| *i == id).expect("it is there");
    assert!(place("check-image") < place("prune-again") && place("check-image-again") < place("remove"));
}

#[test]
fn the_plan_tells_how_long_the_service_will_be_down_from_what_the_steps_took() {
    let mut seen = seen();
    let expected = |seen: &Observed, order, cache| {
        let desired = Desired { order, cache, ..desired(None) };
        plan(&desired, seen, &options()).expect("nothing speaks against it").downtime_ms
    };
    assert_eq!(expected(&seen, Order::Protocol, Cache::Fresh), None, "nothing was recorded yet");
    let line = |service: &str, cache: &str, ms: [u64; 7]| {
        let ids = ["remove", "fetch", "merge", "verify-source", "prune", "build", "up"];
        let steps = ids.iter().zip(ms).map(|(id, ms)| {
            serde_json::json!({"id": id, "ms": ms, "state": if ms == 0 { "already" } else { "done" }})
        });
        let steps: Vec<_> = steps.collect();
        serde_json::json!({"schema": 1, "id": "x", "time": "t", "service": service, "verdict": "verified",
            "cache": cache, "steps": steps})
        .to_string()
    };
    seen.server.ledger = Some(LedgerFile {
        folder: true,
        lines: vec![
            line("web", "fresh", [1, 2, 3, 4, 5, 1000, 70]),
            line("web", "fresh", [100, 20, 30, 40, 50, 30_000, 700]),
            line("web", "verified", [200, 20, 30, 40, 50, 4_000, 0]),
            line("db", "fresh", [9, 9, 9, 9, 9, 9, 9]),
        ],
    });
    // The last time that each step really ran; a build with cache is no measure of one without.
    assert_eq!(expected(&seen, Order::Protocol, Cache::Fresh), Some(200 + 20 + 30 + 40 + 50 + 30_000 + 700));
    assert_eq!(
        expected(&seen, Order::Protocol, Cache::Verified),
        Some(200 + 20 + 30 + 40 + 50 + 4_000 + 700)
    );
    assert_eq!(expected(&seen, Order::BuildFirst, Cache::Fresh), Some(200 + 700));
    let text = dry_run(&plan(&desired(None), &seen, &options()).expect("a plan"), &target());
    assert!(text.ends_with("expected downtime: about 31.0 s, by the steps of earlier deploys\n"), "{text}");
}

#[test]
fn a_dirty_tree_with_a_message_is_committed_first_and_its_commit_is_not_known_yet() {
    let mut seen = seen();
    seen.here.modified = vec!["a b.txt".into()];
    let plan = planned(&seen, Some("go to v4"));
    assert_eq!(ids(&plan)[..2], ["commit", "push"]);
    assert_eq!(plan.steps[0].argv().resolve(&sha(NEW)), ["git", "commit", "-a", "-m", "go to v4"]);
    assert_eq!(plan.commit, None);
    let merge = plan.steps.iter().find(|s| s.id() == "merge").expect("there is one");
    assert_eq!(
        command(merge, &target(), None),
        r#"ssh prod "cd '/opt/my repo' && git merge --ff-only ""$(git rev-parse HEAD)""#
    );
    assert_eq!(merge.argv().resolve(&sha(NEW)).last().map(String::as_str), Some(NEW));
}

#[test]
fn a_message_without_a_change_makes_no_commit() {
    assert_eq!(ids(&planned(&seen(), Some("nothing")))[0], "push");
}

#[test]
fn every_way_to_refuse_has_its_own_reason() {
    type Change = fn(&mut Observed);
    let cases: [(&str, Change); 23] = [
        ("no-commit", |s| s.here.head = None),
        ("detached", |s| s.here.branch = None),
        ("no-upstream", |s| s.here.upstream = None),
        ("dirty", |s| s.here.modified = vec!["x".into()]),
        ("remote-unreachable", |s| s.here.tip = Some(Tip::Unreachable("no route".into()))),
        ("remote-unreachable", |s| s.here.tip = None),
        ("remote-diverged", |s| s.here.tip = Some(Tip::At(sha(OLD), Relation::Diverged))),
        ("remote-diverged", |s| s.here.tip = Some(Tip::At(sha(OLD), Relation::Ahead))),
        ("no-folder", |s| s.server.dir = None),
        ("server-no-checkout", |s| s.server.git = Some(Err("fatal: not a git repository".into()))),
        ("server-no-checkout", |s| git(s).head = None),
        ("server-detached", |s| git(s).branch = None),
        ("server-wrong-branch", |s| {
            git(s).upstream = Some(Upstream { branch: "x".into(), ..upstream() });
        }),
        ("server-dirty", |s| git(s).modified = vec!["hotfix.py".into()]),
        ("server-ahead", |s| s.here.server_head = Relation::Ahead),
        ("server-diverged", |s| s.here.server_head = Relation::Diverged),
        ("server-unrelated", |s| s.here.server_head = Relation::Unknown),
        ("no-docker", |s| s.server.engine = Some(Err("Cannot connect".into()))),
        ("no-docker", |s| s.server.engine = None),
        ("no-compose", |s| s.server.compose = Some(Err("yaml: line 3".into()))),
        ("unknown-service", |s| {
            s.server.compose = Some(Ok(Compose { services: vec!["db".into()], ..compose() }));
        }),
        ("not-built", |s| s.server.compose = Some(Ok(Compose { build: None, ..compose() }))),
        ("wrong-project", |s| {
            s.server.containers = Some(vec![Container { working_dir: "/home/x".into(), ..container() }]);
        }),
    ];
    for (reason, change) in cases {
        let mut seen = seen();
        change(&mut seen);
        let refused = plan(&desired(None), &seen, &options()).map(drop).expect_err(reason);
        assert_eq!(refused.reason, reason, "{}", refused.message);
    }
}

#[test]
fn files_that_a_commit_would_leave_out_or_a_pull_overwrite_are_named() {
    let mut first = seen();
    first.here.modified = vec!["a".into()];
    first.here.untracked = vec!["new.py".into()];
    let refused = plan(&desired(Some("m")), &first, &options()).map(drop).expect_err("untracked");
    assert_eq!(refused.reason, "untracked");
    assert!(refused.message.contains("`new.py`"), "{}", refused.message);

    let mut second = seen();
    second.here.arriving = vec!["conf.py".into()];
    git(&mut second).untracked = vec!["conf.py".into()];
    let refused = plan(&desired(None), &second, &options()).map(drop).expect_err("collision");
    assert_eq!(refused.reason, "server-collision");
}

#[test]
fn the_plan_the_dry_run_and_the_log_are_one_list() {
    let mut with_commit = seen();
    with_commit.here.modified = vec!["x".into()];
    let both = arranged(Order::BuildFirst, Cache::Verified);
    for plan in [planned(&seen(), None), planned(&with_commit, Some("it's $(rm -rf /)")), both] {
        let text = dry_run(&plan, &target());
        let undone = plan.steps.iter().filter_map(|s| s.undo_of()).count();
        assert_eq!(text.matches("## undone if").count(), undone, "{text}");
        assert!(
            undone > 0 && text.contains("## ssh prod \"cd '/opt/my repo' && docker tag unstale-retained/"),
            "{text}"
        );
        let shown: Vec<&str> = text
            .lines()
            .filter_map(|l| l.strip_prefix("   # "))
            .filter_map(|l| l.split(':').next())
            .collect();
        assert_eq!(shown, ids(&plan));
        let logged = plan.steps.iter().map(|step| Logged {
            command: command(step, &target(), plan.commit.as_ref()),
            step: step.clone(),
            record: Record::planned(),
        });
        let report = Report {
            service: "web".into(),
            outcome: Outcome::Planned,
            expected: plan.commit.clone(),
            steps: logged.collect(),
            downtime_ms: 0,
            expected_downtime_ms: None,
            next: Vec::new(),
            sample: None,
        };
        let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
        let steps = json["steps"].as_array().expect("a list");
        let logged: Vec<&str> = steps.iter().filter_map(|s| s["id"].as_str()).collect();
        assert_eq!(logged, ids(&plan));
        for step in steps {
            let line = step["command"].as_str().expect("a command");
            assert!(text.contains(line), "{line} is logged and not shown");
        }
    }
}

#[test]
fn nothing_that_could_hurt_is_ever_in_a_plan() {
    let (orders, caches) = ([Order::Protocol, Order::BuildFirst], [Cache::Fresh, Cache::Verified]);
    let plans = orders.into_iter().flat_map(|order| caches.map(|cache| arranged(order, cache)));
    for step in plans.flat_map(|plan| plan.steps) {
        let undone = step.undo_of().into_iter().flat_map(|u| &u.argvs);
        for argv in std::iter::once(step.argv()).chain(undone) {
            let words = argv.resolve(&sha(NEW));
            let line = words.join(" ");
            for bad in
                ["down", "-v", "--volumes", "--remove-orphans", "system", "--dry-run", "--hard", "--force"]
            {
                assert!(!words.iter().any(|w| w == bad), "{bad} in {line}");
            }
            assert!(!line.contains("StrictHostKeyChecking"), "{line}");
            assert_ne!(words[0], "sh", "a command is never a shell string: {line}");
        }
    }
}

#[test]
fn what_removes_the_service_can_be_taken_back_with_the_retained_image() {
    let plan = planned(&seen(), None);
    let place = |id: &str| plan.steps.iter().position(|s| s.id() == id).expect("it is there");
    assert!(place("retain") < place("remove"));
    let retain = plan.steps[place("retain")].argv().resolve(&sha(NEW));
    let undo = plan.steps[place("remove")].undo_of().expect("it has one");
    let lines: Vec<String> = undo.argvs.iter().map(|a| a.resolve(&sha(NEW)).join(" ")).collect();
    assert_eq!(lines[0], format!("docker tag {} shop-web", retain[3]));
    assert_eq!(lines[1], "docker compose -p shop up -d --no-build --no-deps web");
}

#[test]
fn replicas_are_kept_and_first_deploys_remove_nothing() {
    let mut three = seen();
    let named = |n: u8| Container { id: format!("c{n}"), name: format!("shop-web-{n}"), ..container() };
    three.server.containers = Some(vec![named(1), named(2), named(3)]);
    let plan = planned(&three, None);
    let up = plan.steps.iter().find(|s| s.id() == "up").expect("there is one");
    assert!(up.argv().resolve(&sha(NEW)).join(" ").contains("--scale web=3"));
    assert_eq!(ids(&plan).iter().filter(|id| **id == "retain").count(), 1, "one image, one tag");

    let mut none = seen();
    none.server.containers = Some(Vec::new());
    let plan = planned(&none, None);
    assert!(!ids(&plan).contains(&"remove") && !ids(&plan).contains(&"retain"));
}

#[test]
fn containers_of_other_projects_are_left_alone() {
    let mut seen = seen();
    let other = Container { id: "other".into(), project: "shop-old".into(), ..container() };
    seen.server.containers = Some(vec![container(), other]);
    let plan = planned(&seen, None);
    let remove = plan.steps.iter().find(|s| s.id() == "remove").expect("there is one");
    assert_eq!(remove.argv().resolve(&sha(NEW)), ["docker", "rm", "-f", "c0ffee"]);
}

#[test]
fn a_container_that_was_started_through_a_link_to_the_folder_is_ours() {
    let mut seen = seen();
    seen.server.containers = Some(vec![Container { working_dir: "/opt/link".into(), ..container() }]);
    assert!(ids(&planned(&seen, None)).contains(&"remove"));
}

#[test]
fn one_checkout_for_both_has_one_ledger() {
    let mut seen = seen();
    seen.checkouts = Checkouts::One;
    git(&mut seen).modified = vec!["x".into()];
    let ids = ids(&planned(&seen, None)).join(" ");
    assert!(ids.ends_with("verify ledger-folder record"), "{ids}");
}

#[test]
fn probes_tell_done_from_not_done_and_from_not_known() {
    let mut seen = seen();
    let commit = sha(NEW);
    let ask = |probe: &Probe, seen: &Observed| probe.holds(seen, Some(&commit));
    let word = |holds: Holds| match holds {
        Holds::Yes => "yes",
        Holds::No(_) => "no",
        Holds::Unknown(_) => "unknown",
    };
    assert_eq!(word(ask(&Probe::Pushed, &seen)), "no");
    seen.here.tip = Some(Tip::At(sha(NEW), Relation::Same));
    assert_eq!(word(ask(&Probe::Pushed, &seen)), "yes");
    assert_eq!(word(Probe::Pushed.holds(&seen, None)), "unknown");

    assert_eq!(word(ask(&Probe::AtCommit, &seen)), "no");
    git(&mut seen).head = Some(sha(NEW));
    git(&mut seen).modified = vec!["x".into()];
    assert_eq!(word(ask(&Probe::AtCommit, &seen)), "yes");
    assert_eq!(word(ask(&Probe::CleanAtCommit, &seen)), "no");

    let gone = Probe::Gone { ids: vec!["c0ffee".into()] };
    assert_eq!(word(ask(&gone, &seen)), "no");
    let running = Probe::Running { replicas: 1 };
    assert_eq!(word(ask(&running, &seen)), "yes");
    seen.server.images.as_mut().expect("asked")[0].id = ImageId("sha256:bbbb".into());
    assert_eq!(word(ask(&running, &seen)), "no", "the container has another image than the tag");
    let rebuilt = Probe::Rebuilt { before: Some(ImageId("sha256:bbbb".into())) };
    assert_eq!(word(ask(&rebuilt, &seen)), "unknown", "a reproducible build gives the same image");
    let rebuilt = Probe::Rebuilt { before: Some(ImageId("sha256:aaaa".into())) };
    assert_eq!(word(ask(&rebuilt, &seen)), "yes");
    seen.server.containers = Some(Vec::new());
    assert_eq!(word(ask(&gone, &seen)), "yes");
    seen.server.containers = None;
    assert_eq!(word(ask(&gone, &seen)), "unknown");

    let recorded = Probe::Recorded { place: Place::Here, id: "x-1".into() };
    assert_eq!(word(ask(&recorded, &seen)), "unknown");
    seen.here.ledger = Some(LedgerFile { folder: true, lines: vec!["{\"schema\":1,\"id\":\"x-1\"}".into()] });
    assert_eq!(word(ask(&recorded, &seen)), "yes");
}

#[test]
fn builds_and_checks_run_even_when_they_look_done() {
    let plan = planned(&seen(), None);
    let always: Vec<&str> =
        plan.steps.iter().filter(|s| s.again() == Again::Always).map(unstale::protocol::Step::id).collect();
    assert_eq!(always, ["verify-source", "prune", "build", "verify"]);
}

#[test]
fn hostile_words_reach_the_shell_as_they_are() {
    for word in ["a b", "it's", "$(touch x)", "`id`", "-rf", "a\\b", "", "\"", "ü", "*", "a;b", "!x"] {
        assert_eq!(shlex::split(&quote(word)), Some(vec![word.to_owned()]), "{word}");
    }
    assert_eq!(quote("a\nb\u{1b}[31m'"), r"$'a\nb\x1b[31m\''");
    let mut seen = seen();
    seen.server.containers = Some(Vec::new());
    let host = Target::Ssh { host: "prod".into(), dir: "/opt/it's $(x)".into() };
    let plan = planned(&seen, None);
    let line = command(&plan.steps[1], &host, plan.commit.as_ref());
    let outer = shlex::split(&line).expect("a shell line");
    assert_eq!(outer[..2], ["ssh", "prod"]);
    assert_eq!(
        shlex::split(&outer[2]).expect("a shell line"),
        ["cd", "/opt/it's $(x)", "&&", "git", "fetch", "origin", "main"]
    );
}

#[test]
fn moments_are_read_and_written() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2026-11-22T14:03:47.123456789Z", Some(1_795_356_227)),
        ("2026-11-22T16:03:47.123+02:00", Some(1_795_356_227)),
        ("2024-02-29T23:59:59Z", Some(1_709_251_199)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("2026-13-22T14:03:47Z", None),
        ("2026-11-22T14:03:47", None),
    ] {
        assert_eq!(Moment::parse(text).map(Moment::whole), seconds, "{text}");
    }
    assert_eq!(Moment::seconds(1_795_356_227).rfc3339(), "2026-11-22T14:03:47Z");
    assert_eq!(Moment::seconds(1_709_251_199).compact(), "20240229T235959Z");
}

/// Within one second, too, what is later is later; and a file counts as changed at the latest moment that its stamp allows.
#[test]
fn parts_of_a_second_count() {
    let engine = |text: &str| Moment::parse(&format!("2026-11-22T14:03:47{text}Z")).expect("a moment");
    let file = |text: &str| Moment::of_file(1_795_356_227, &format!("2026-11-22 14:03:47{text} +0000"));
    assert!(
        engine("") < engine(".1")
            && engine(".123456788") < engine(".123456789")
            && engine(".9") > engine(".12")
    );
    assert!(file(".200000000") > engine(".2"), "the kernel's stamp may lie a tick behind");
    assert!(file(".200000000") < engine(".22"));
    assert_eq!(file(".999000000").whole(), 1_795_356_228);
    for unknown in ["", ".000000000"] {
        assert!(file(unknown) > engine(".99") && file(unknown).whole() == 1_795_356_227, "{unknown:?}");
    }
    let after = |tagged: &str, changed: &str| {
        let mut evidence = recipe(Makes::Image, 0, true);
        evidence.recipes[0].when = Some(file(changed));
        evidence.tagged.as_mut().expect("there is one").tagged = Some(engine(tagged));
        judge(&evidence).verdict
    };
    assert_eq!(after(".2", ".700000000"), Verdict::Inconclusive, "built, then changed, in one second");
    assert_eq!(after(".7", ".200000000"), Verdict::Verified, "changed, then built, in one second");
    assert_eq!(after(".7", ".000000000"), Verdict::Inconclusive, "which came first is not known");
}

// ---- verdicts -------------------------------------------------------------------------------------------------------

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

fn recipe(makes: Makes, when: i64, changed: bool) -> Evidence {
    let recipe = Recipe { path: "Dockerfile".into(), makes, changed, when: Some(Moment::seconds(when)) };
    with(vec![same(fresh())], |e| e.recipes = vec![recipe])
}

fn same(file: FileEvidence) -> FileEvidence {
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
        replicas: vec![ReplicaEvidence { container: container(), unsettled: None, files, expect: None }],
        unproven: Vec::new(),
        compiled: Compiled::default(),
        expect_in: None,
        compose: compose(),
        target: target(),
    }
}

fn with(files: Vec<FileEvidence>, change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = evidence(files);
    change(&mut evidence);
    evidence
}

fn mounted(source: MountSource, target: &str) -> impl FnOnce(&mut Evidence) {
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
fn the_ledger_gives_back_the_last_verified_commit() {
    let line = |verdict: Verdict, to: &str, service: &str| {
        let mut evidence = evidence(vec![match verdict {
            Verdict::Verified => fresh(),
            Verdict::Stale => stale(),
            Verdict::Inconclusive => odd(),
        }]);
        evidence.service = service.into();
        let report = Report {
            service: service.into(),
            outcome: Outcome::Judged(judge(&evidence)),
            expected: Some(sha(to)),
            steps: Vec::new(),
            downtime_ms: 1400,
            expected_downtime_ms: None,
            next: Vec::new(),
            sample: None,
        };
        report.ledger_line(&Recorded {
            id: "id-1",
            time: Moment::seconds(0),
            from: Some(&sha(OLD)),
            who: Some("Ann"),
            target: &target(),
            kept: Place::Here,
        })
    };
    let lines = vec![
        line(Verdict::Verified, OLD, "web"),
        line(Verdict::Stale, NEW, "web"),
        line(Verdict::Verified, NEW, "worker"),
        "{broken".to_owned(),
        String::new(),
    ];
    assert_eq!(last_verified(&lines, "web"), Some(sha(OLD)));
    assert_eq!(last_verified(&lines, "worker"), Some(sha(NEW)));
    assert_eq!(last_verified(&lines, "db"), None);
    assert!(
        lines[1].contains(r#""verdict":"stale","cause":"context-snapshot","downtime_ms":1400"#),
        "{}",
        lines[1]
    );
    assert!(!lines.iter().any(|l| l.contains('\n')), "one line each");
    let entry: serde_json::Value = serde_json::from_str(&lines[1]).expect("JSON");
    let fields = ["who", "host", "dir", "kept", "images", "rebuilds", "mechanism", "reason"];
    assert_eq!(
        fields.map(|f| entry[f].to_string()).join(" "),
        format!(
            r#""Ann" "prod" "/opt/my repo" "here" ["{}"] 0 "S33" {}"#,
            container().image.0,
            entry["reason"]
        )
    );
    assert!(entry["reason"].as_str().is_some_and(|r| r.contains("context snapshot")), "{entry:#}");
}

#[test]
fn the_ledger_says_what_the_steps_were_and_how_they_ended() {
    let plan = planned(&seen(), None);
    let line = |states: &dyn Fn(&str) -> State, swap: bool| {
        let mut steps: Vec<Logged> = plan
            .steps
            .iter()
            .map(|step| Logged {
                command: String::new(),
                record: Record { state: states(step.id()), ms: 7, detail: String::new() },
                step: step.clone(),
            })
            .collect();
        if swap {
            let at = |id: &str| steps.iter().position(|s| s.step.id() == id).expect("it is there");
            let (remove, build) = (at("remove"), at("build"));
            steps.swap(remove, build);
        }
        let why = format!("`build` ended with 1: {}\nsecret second line", "x".repeat(400));
        let report = Report {
            service: "web".into(),
            outcome: Outcome::Stopped { why, now: "nothing runs".into() },
            expected: Some(sha(NEW)),
            steps,
            downtime_ms: 0,
            expected_downtime_ms: None,
            next: Vec::new(),
            sample: None,
        };
        let line = report.ledger_line(&Recorded {
            id: "id-1",
            time: Moment::seconds(0),
            from: None,
            who: None,
            target: &Target::Local { dir: "/opt".into() },
            kept: Place::Server,
        });
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON")
    };
    let stopped = line(
        &|id| match id {
            "push" => State::Already,
            "build" => State::Failed,
            "up" | "verify" => State::Planned,
            _ => State::Done,
        },
        false,
    );
    let fields = ["order", "cache", "rebuilds", "host", "dir", "kept", "who", "verdict"];
    assert_eq!(
        fields.map(|f| stopped[f].to_string()).join(" "),
        r#""protocol" "fresh" 1 null "/opt" "server" null "stopped""#
    );
    let reason = stopped["reason"].as_str().expect("a text");
    assert!(reason.len() == 300 && !reason.contains("secret"), "the first line, and not all of it: {reason}");
    let steps = stopped["steps"].as_array().expect("a list");
    let build = steps.iter().find(|s| s["id"] == "build").expect("it ran");
    assert_eq!(build, &serde_json::json!({"id": "build", "ms": 7, "state": "failed"}));
    assert!(!steps.iter().any(|s| s["id"] == "up"), "what did not run is not there");
    assert_eq!(line(&|_| State::Done, true)["order"], "build-first");
    assert_eq!(line(&|_| State::Already, false)["rebuilds"], 0, "what was done already cost nothing");
}

#[test]
fn the_document_has_the_designs_fields() {
    let report = Report {
        service: "web".into(),
        outcome: Outcome::Judged(judge(&with(
            vec![stale()],
            mounted(MountSource::Named("shop_code".into()), "/app"),
        ))),
        expected: Some(sha(NEW)),
        steps: Vec::new(),
        downtime_ms: 0,
        expected_downtime_ms: None,
        next: Vec::new(),
        sample: None,
    };
    let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["schema", "verdict", "reason", "expected", "replicas", "steps", "downtime_ms", "next"]);
    let replica = &json["replicas"][0];
    let keys: Vec<&String> = replica.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        ["service", "container", "image", "verdict", "cause", "mechanism", "detail", "cure", "files"]
    );
    assert_eq!(replica["mechanism"], "S04");
    assert_eq!(
        replica["files"],
        serde_json::json!({"checked":1,"fresh":0,"stale":1,"missing":0,"unknown":0})
    );

    let refused = Report::refused("web", Refused::new("dirty", "not committed"));
    let json: serde_json::Value = serde_json::from_str(&refused.json()).expect("JSON");
    assert_eq!((&json["verdict"], &json["class"]), (&"refused".into(), &"dirty".into()));
    assert_eq!(refused.outcome.exit_code(), 2);
    assert_eq!(Outcome::Stopped { why: String::new(), now: String::new() }.exit_code(), 3);
}

#[test]
fn a_route_becomes_a_candidate_only_if_its_end_matters() {
    use unstale::analysis::route::{Route, Verdict as End};
    let route = |verdict, paths: &[&str]| Route {
        verdict,
        container_paths: paths.iter().map(|&p| p.to_owned()).collect(),
        hops: Vec::new(),
        shadow: None,
        way: None,
    };
    let reach = |verdict, paths: &[&str]| Candidate::new("x", &route(verdict, paths)).map(|c| c.reach);
    let at = || Reach::Container(vec!["/app/x".into()]);
    assert_eq!(reach(End::Reaches, &["/app/x"]), Some(at()));
    assert_eq!(
        reach(End::Shadowed, &["/app/x"]),
        Some(at()),
        "what a mount hides is what has to be looked at"
    );
    assert_eq!(reach(End::Reaches, &[]), Some(Reach::Unknown));
    assert_eq!(reach(End::BuildOnly, &[]), Some(Reach::Build(None)));
    assert_eq!(reach(End::Unknown, &[]), Some(Reach::Unknown));
    for end in [End::Ignored, End::NotCopied, End::OutsideContext] {
        assert_eq!(reach(end, &["/app/x"]), None);
    }
}
