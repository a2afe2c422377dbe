//! From what was seen to the plan, and what shows it.

use unstale::protocol::{
    Again, Cache, Checkouts, Compose, Container, Desired, Holds, ImageId, LedgerFile, Logged, Observed,
    Order, Outcome, Place, Plan, Probe, Record, Relation, Report, Target, Tip, Upstream, When, command,
    dry_run, plan, quote,
};

use super::{NEW, OLD, compose, container, desired, git, ids, options, planned, seen, sha, target, upstream};

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
            sick: unstale::protocol::Sickness::default(),
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
    assert_eq!(lines[1], "docker compose -p shop rm -s -f web", "with its anonymous volumes");
    assert_eq!(lines[2], "docker compose -p shop up -d --no-build --no-deps web");
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
