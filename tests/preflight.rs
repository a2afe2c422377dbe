//! What a deploy refuses because of what else there is on the server, as values.

use unstale::protocol::{Compose, Desired, Neighbour, Observed, Port, Refused, Room, Site, Wants, plan};

use crate::protocol::{compose, options, seen};

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
