//! What a deploy refuses because of what is on the server, as values.

use unstale::protocol::{
    Checked, Compose, Desired, Holds, Lfs, Needed, Neighbour, Observed, Order, Port, Probe, Refused,
    Relation, Room, ServerGit, Site, Submodule, Wants, plan, refuse_content,
};

use crate::protocol::{NEW, OLD, compose, options, seen, sha};

fn port(text: &str) -> Port {
    Port::parse(text, "tcp").unwrap()
}

/// A container that is not of the project, with no name or port that matters.
fn other() -> Neighbour {
    Neighbour {
        id: "0123456789abcdef".into(),
        name: "other".into(),
        project: String::new(),
        service: String::new(),
        oneoff: false,
        ports: Vec::new(),
    }
}

fn of(project: &str, service: &str) -> Neighbour {
    Neighbour { project: project.into(), service: service.into(), ..other() }
}

fn named(name: &str, container: Neighbour) -> Neighbour {
    Neighbour { name: name.into(), ..container }
}

fn holding(address: &str, container: Neighbour) -> Neighbour {
    Neighbour { ports: vec![port(address)], ..container }
}

fn site(seen: &mut Observed) -> &mut Site {
    seen.server.site.get_or_insert_default()
}

fn refused(seen: &Observed) -> Option<Refused> {
    let desired = Desired::new("web", None);
    plan(&desired, seen, &options()).map(drop).err()
}

#[track_caller]
fn says(seen: &Observed, reason: &str, words: &[&str]) {
    let refused = refused(seen).unwrap_or_else(|| panic!("{reason} is not refused"));
    assert_eq!(refused.reason, reason, "{}", refused.message);
    for word in words {
        assert!(refused.message.contains(word), "{word:?} is not in {}", refused.message);
    }
}

/// What is seen when the service wants these, and the server has these.
fn with(wants: Wants, containers: Vec<Neighbour>) -> Observed {
    let mut seen = seen();
    seen.server.compose = Some(Ok(Compose { wants, ..compose() }));
    site(&mut seen).containers = Some(containers);
    seen
}

#[test]
fn a_name_that_another_container_has_is_refused() {
    let mine = || Wants { name: Some("shop".into()), ..Wants::default() };
    says(
        &with(mine(), vec![named("shop", other())]),
        "name-taken",
        &["`shop`", "0123456789ab (of no compose project)", "docker rename shop shop-old"],
    );
    let theirs = named("shop", of("blog", "web"));
    says(&with(mine(), vec![theirs]), "name-taken", &["service `web` of project `blog`"]);
    let run = Neighbour { oneoff: true, ..named("shop", of("shop", "web")) };
    says(&with(mine(), vec![run]), "name-taken", &["a single run of service `web`"]);
    says(&with(Wants::default(), vec![named("shop-web-1", other())]), "name-taken", &["`shop-web-1`"]);

    let fine = [
        with(mine(), vec![named("shop", of("shop", "web"))]),
        with(mine(), vec![named("shop-web-1", other())]),
        // A replica that there will not be, and the other generation's name.
        with(Wants::default(), vec![named("shop-web-2", other()), named("shop_web_1", other())]),
        // What an interrupted `up` of Compose left is removed with the rest.
        with(mine(), vec![named("0123456789ab_shop", of("shop", "web"))]),
    ];
    for seen in &fine {
        assert_eq!(refused(seen), None);
    }
}

#[test]
fn a_port_that_another_container_has_is_refused() {
    let wants = || Wants { ports: vec![port("9000"), port("127.0.0.1:8000")], ..Wants::default() };
    let theirs = holding("0.0.0.0:8000", named("blog-web-1", of("blog", "web")));
    says(
        &with(wants(), vec![theirs]),
        "port-taken",
        &["127.0.0.1:8000", "`blog-web-1` (service `web` of project `blog`)"],
    );
    says(
        &with(wants(), vec![holding("8000", of("shop", "proxy"))]),
        "port-taken",
        &["service `proxy` of project `shop`"],
    );
    for fine in
        [holding("8000", of("shop", "web")), holding("127.0.0.2:8000", other()), holding("8001", other())]
    {
        assert_eq!(refused(&with(wants(), vec![fine])), None);
    }
    let udp = Neighbour { ports: vec![Port::parse("8000", "udp").unwrap()], ..other() };
    assert_eq!(refused(&with(wants(), vec![udp])), None);
}

#[test]
fn a_port_that_a_process_has_is_refused_where_that_is_known() {
    let wants = || Wants { ports: vec![port("127.0.0.1:8000")], ..Wants::default() };
    let mut held = with(wants(), vec![of("shop", "web")]);
    site(&mut held).listening = Some(vec![port("0.0.0.0:22"), port("0.0.0.0:8000")]);
    says(&held, "port-taken", &["no container", "it listens on 0.0.0.0:8000", "sport = :8000"]);
    site(&mut held).listening = None;
    assert_eq!(refused(&held), None, "unknown is no refusal");

    // The engine listens for the service's own container, also on every address.
    let mut own = with(wants(), vec![holding("127.0.0.1:8000", of("shop", "web"))]);
    site(&mut own).listening = Some(vec![port("127.0.0.1:8000")]);
    assert_eq!(refused(&own), None);
    site(&mut own).listening = Some(vec![port("[::]:8000")]);
    assert_eq!(refused(&own), None);
}

#[test]
fn a_compose_file_that_is_about_to_change_says_nothing() {
    let wants = Wants { name: Some("shop".into()), ports: vec![port("8000")], ..Wants::default() };
    let mut seen = with(wants, vec![named("shop", other()), holding("8000", other())]);
    for (path, reason) in [
        ("compose.yaml", None),
        ("deploy/extra.yml", None),
        ("web/.env", None),
        ("prod.env", None),
        (".github/workflows/ci.yml", Some("name-taken")),
        ("app.py", Some("name-taken")),
    ] {
        seen.here.changing = vec![path.into()];
        assert_eq!(refused(&seen).map(|r| r.reason), reason, "{path}");
    }
    seen.checkouts = unstale::protocol::Checkouts::One;
    seen.here.changing = vec!["compose.yaml".into()];
    assert_eq!(refused(&seen).map(|r| r.reason), Some("name-taken"), "with one checkout it is read already");
}

#[test]
fn too_little_room_is_refused_with_the_numbers() {
    let mut full = seen();
    let mut room = |free, cache, layers| {
        site(&mut full).room = Some(Room { at: "/var/lib/docker".into(), free, cache, layers });
        full.clone()
    };
    says(
        &room(45_000_000, 3_000, 0),
        "disk-full",
        &["45 MB is free in `/var/lib/docker`", "frees 3 kB at most", "needs 100 MB;"],
    );
    says(
        &room(1_400_000_000, 0, 1_500_000_000),
        "disk-full",
        &["1.4 GB is free", "needs 1.6 GB, 1.5 GB of them for layers"],
    );
    for fine in [room(100_000_000, 0, 0), room(0, 200_000_000, 100_000_000), room(u64::MAX, u64::MAX, 1)] {
        assert_eq!(refused(&fine), None);
    }
    assert_eq!(refused(&room(0, 0, u64::MAX)).map(|r| r.reason), Some("disk-full"));
    assert_eq!(refused(&seen()), None, "unknown is no refusal");
}

fn library(state: Checked) -> Submodule {
    Submodule { path: "lib".into(), recorded: sha(OLD), state, changed: false, unpushed: false }
}

/// The commit needs submodule `lib` and the LFS file `model.bin`; the server has both.
fn needing() -> Observed {
    let mut seen = seen();
    seen.needed = Needed {
        submodules: vec![("lib".into(), sha(NEW))],
        lfs: vec!["model.bin".into()],
        ..Needed::default()
    };
    git(&mut seen).submodules = vec![library(Checked::At(sha(NEW)))];
    site(&mut seen).lfs = Some(Lfs::Works);
    seen
}

fn git(seen: &mut Observed) -> &mut ServerGit {
    seen.server.git.as_mut().unwrap().as_mut().unwrap()
}

#[test]
fn content_that_is_not_real_is_refused_where_it_is_needed() {
    type Change = fn(&mut Observed);
    let cases: [(Option<&str>, &str, Change); 20] = [
        (None, "", |_| {}),
        // These the deploy checks out itself.
        (None, "", |s| git(s).submodules.clear()),
        (None, "", |s| git(s).submodules = vec![library(Checked::Out)]),
        (None, "", |s| git(s).submodules = vec![library(Checked::At(sha(OLD)))]),
        (None, "", |s| git(s).submodules = vec![library(Checked::Unknown)]),
        (Some("server-submodule"), "git -C '/opt/my repo/lib' status", |s| {
            git(s).submodules[0].changed = true;
            git(s).after_merge = true;
        }),
        (Some("server-submodule"), "git -C '/opt/my repo/lib' checkout 111111111111", |s| {
            git(s).submodules[0].unpushed = true;
        }),
        (Some("server-submodule"), "does not move this one", |s| {
            s.needed.submodules.clear();
            git(s).modified = vec!["lib".into()];
        }),
        // Its own business: not needed, and git is told to say nothing of it.
        (None, "", |s| {
            s.needed.submodules.clear();
            git(s).submodules[0].unpushed = true;
        }),
        (Some("server-submodule"), "`.gitmodules` is changed here", |s| s.needed.unsaved = true),
        (None, "", |s| {
            s.needed.unsaved = true;
            git(s).submodules[0].changed = true;
            s.checkouts = unstale::protocol::Checkouts::One;
        }),
        (None, "", |s| {
            s.needed = Needed::default();
            git(s).submodules = vec![library(Checked::Out)];
            git(s).pointers = vec!["model.bin".into()];
            site(s).lfs = Some(Lfs::Missing);
        }),
        (Some("no-git-lfs"), "has no `git lfs`", |s| site(s).lfs = Some(Lfs::Missing)),
        (Some("no-git-lfs"), "does not use it", |s| site(s).lfs = Some(Lfs::Unset)),
        (Some("no-git-lfs"), "`model.bin`", |s| {
            git(s).after_merge = true;
            site(s).lfs = Some(Lfs::Missing);
        }),
        (None, "", |s| site(s).lfs = None),
        (Some("server-lfs"), "`git lfs pull`", |s| git(s).pointers = vec!["model.bin".into()]),
        // The merge brings the content.
        (None, "", |s| {
            git(s).pointers = vec!["model.bin".into()];
            s.here.changing = vec!["model.bin".into()];
        }),
        (Some("server-lfs"), "is told to leave LFS pointers", |s| {
            site(s).lfs = Some(Lfs::Skips);
            s.here.changing = vec!["model.bin".into()];
        }),
        (None, "", |s| site(s).lfs = Some(Lfs::Skips)),
    ];
    for (reason, words, change) in cases {
        let mut seen = needing();
        change(&mut seen);
        let refused = refuse_content(&seen).err();
        assert_eq!(refused.as_ref().map(|r| r.reason), reason, "{words}: {refused:?}");
        assert!(refused.is_none_or(|r| r.message.contains(words)), "{words}");
    }
}

#[test]
fn a_deploy_needs_what_any_of_its_services_needs() {
    let one = |path: &str| (path.to_owned(), sha(NEW));
    let mut all = Needed { submodules: vec![one("lib")], moved: vec![one("docs")], ..Needed::default() };
    all.join(Needed {
        submodules: vec![one("docs"), one("lib")],
        lfs: vec!["model.bin".into()],
        unsaved: true,
        ..Needed::default()
    });
    let want = Needed {
        submodules: vec![one("lib"), one("docs")],
        moved: vec![],
        unsaved: true,
        lfs: vec!["model.bin".into()],
    };
    assert_eq!(all, want);
}

#[test]
fn submodules_are_checked_out_after_the_merge_in_both_orders() {
    let step = |seen: &Observed, order| {
        let desired = Desired { order, ..Desired::new("web", None) };
        let plan = plan(&desired, seen, &options()).unwrap();
        let at = plan.steps.iter().position(|step| step.id() == "submodules")?;
        assert_eq!((plan.steps[at - 1].id(), plan.steps[at + 1].id()), ("merge", "verify-source"));
        Some(plan.steps[at].clone())
    };
    for order in [Order::Protocol, Order::BuildFirst] {
        assert_eq!(step(&seen(), order), None);
        let fetch = |seen: &Observed| {
            let plan = plan(&Desired { order, ..Desired::new("web", None) }, seen, &options()).unwrap();
            plan.steps.iter().find(|step| step.id() == "fetch").unwrap().argv().resolve(&sha(NEW)).join(" ")
        };
        assert_eq!(fetch(&seen()), "git fetch origin main");
        assert_eq!(fetch(&needing()), "git fetch --no-recurse-submodules origin main");
        let mut seen = needing();
        let found = step(&seen, order).unwrap();
        let words = |found: &unstale::protocol::Step| found.argv().resolve(&sha(NEW)).join(" ");
        assert_eq!(words(&found), "git submodule update --init --recursive -- lib");
        let at = vec![("lib".to_owned(), sha(NEW))];
        assert_eq!((found.post(), found.pre_probe()), (&Probe::Submodules { at }, Some(&Probe::AtCommit)));
        // What is not needed, and would be in the way; with names that git would take for patterns, from below the top.
        seen.needed.moved = vec![("docs[1]".into(), sha(OLD))];
        git(&mut seen).toplevel = "/opt".into();
        let words = words(&step(&seen, order).unwrap());
        assert_eq!(
            words,
            "git -C /opt --literal-pathspecs submodule update --init --recursive -- lib docs[1]"
        );
    }
    let probe = Probe::Submodules { at: vec![("lib".into(), sha(NEW))] };
    let holds = |change: &dyn Fn(&mut Observed)| {
        let mut seen = needing();
        change(&mut seen);
        probe.holds(&seen, Some(&sha(NEW)))
    };
    assert_eq!(holds(&|_| {}), Holds::Yes);
    assert!(matches!(holds(&|s| git(s).submodules = vec![library(Checked::Out)]), Holds::No(_)));
    assert!(matches!(holds(&|s| git(s).submodules = vec![library(Checked::At(sha(OLD)))]), Holds::No(_)));
    assert!(matches!(holds(&|s| s.server.git = None), Holds::Unknown(_)));
}

#[test]
fn what_shows_after_the_merge_alone_stops_before_the_build() {
    type Change = fn(&mut Observed);
    let after: [(&str, Change); 4] = [
        ("", |_| {}),
        ("submodule `lib` is at 111111111111", |s| git(s).submodules = vec![library(Checked::At(sha(OLD)))]),
        ("not checked out", |s| git(s).submodules = vec![library(Checked::Out)]),
        ("`model.bin` is a git LFS pointer", |s| git(s).pointers = vec!["model.bin".into()]),
    ];
    for (words, change) in after {
        let mut seen = needing();
        git(&mut seen).head = Some(sha(NEW));
        change(&mut seen);
        match Probe::CleanAtCommit.holds(&seen, Some(&sha(NEW))) {
            Holds::Yes => assert_eq!(words, ""),
            Holds::No(why) => assert!(!words.is_empty() && why.contains(words), "{why}"),
            unknown @ Holds::Unknown(_) => panic!("{unknown:?}"),
        }
        assert_eq!(Probe::AtCommit.holds(&seen, Some(&sha(NEW))), Holds::Yes);
    }
}

#[test]
fn the_server_checkout_says_what_is_wrong_with_it() {
    type Change = fn(&mut Observed);
    let cases: [(Option<&str>, &str, Change); 10] = [
        (Some("server-git-lock"), "`.git/index.lock`", |s| git(s).locks = vec![".git/index.lock".into()]),
        (None, "", |s| {
            git(s).locks = vec![".git/index.lock".into()];
            s.here.server_head = Relation::Same;
        }),
        (Some("server-foreign-owner"), "git config --global --add safe.directory /opt/x", |s| {
            s.server.git = Some(Err("fatal: detected dubious ownership in repository at '/opt/x'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /opt/x".into()));
        }),
        (Some("server-foreign-owner"), "belongs to another user", |s| {
            s.server.git = Some(Err("fatal: unsafe repository ('/opt/x' is owned by someone else)".into()));
        }),
        (Some("server-unpushed"), "has a commit of its own", |s| {
            s.here.server_head = Relation::Unknown;
            git(s).unpushed = 1;
        }),
        (Some("server-unpushed"), "has 3 commits of its own", |s| {
            s.here.server_head = Relation::Unknown;
            git(s).unpushed = 3;
        }),
        (Some("server-unrelated"), "does not know", |s| s.here.server_head = Relation::Unknown),
        // One at another commit is looked at once it is known whether the deploy moves it.
        (None, "", |s| {
            git(s).modified = vec!["lib".into()];
            git(s).submodules = vec![library(Checked::At(sha(NEW)))];
        }),
        (Some("server-dirty"), "committed: `app.py`", |s| {
            git(s).modified = vec!["lib".into(), "app.py".into()];
            git(s).submodules = vec![library(Checked::At(sha(NEW)))];
        }),
        (Some("server-dirty"), "`lib`", |s| {
            git(s).modified = vec!["lib".into()];
            git(s).submodules = vec![library(Checked::At(sha(OLD)))];
        }),
    ];
    for (reason, words, change) in cases {
        let mut seen = seen();
        change(&mut seen);
        let refused = refused(&seen);
        assert_eq!(refused.as_ref().map(|r| r.reason), reason, "{words}: {refused:?}");
        assert!(refused.is_none_or(|r| r.message.contains(words)), "{words}");
    }
}

/// Machines branch on the class, so each is written down.
#[test]
fn every_class_stands_in_the_readme() {
    let sources = [
        include_str!("../src/protocol/plan/preflight/mod.rs"),
        include_str!("../src/protocol/plan/preflight/content.rs"),
        include_str!("../src/protocol/plan/preflight/host.rs"),
        include_str!("../src/protocol/plan/preflight/site.rs"),
    ];
    let class = regex::Regex::new(r#"(?:Refused::new|refuse)\(\s*"([a-z-]+)""#).unwrap();
    let readme = include_str!("../README.md");
    let (_, section) = readme.split_once("\n## Deploy\n").unwrap();
    let mut classes: Vec<&str> = sources
        .iter()
        .flat_map(|source| class.captures_iter(source).map(|found| found.extract::<1>().1[0]))
        .collect();
    classes.sort_unstable();
    classes.dedup();
    assert!(classes.len() > 30, "{classes:?}");
    for class in classes {
        assert!(section.contains(&format!("`{class}`")), "`{class}` is not in the README");
    }
}
