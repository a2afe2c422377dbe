//! The deploy protocol without a machine: from what was seen to the plan and its views, from evidence to the verdict.

mod moments;
mod plan;
mod report;
mod verdict;

use unstale::protocol::{
    BuildSource, Builder, Checkouts, Compose, Container, Desired, Engine, Generation, Health, Here, Image,
    ImageId, Moment, Needed, Observed, Options, Plan, Relation, Server, ServerGit, Sha, Target, Tip,
    Upstream, Wants, plan,
};

pub(crate) use verdict::{evidence, fresh, odd, stale};

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
        ended: None,
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
            answered: Moment::seconds(2000),
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
        keep: 5,
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
