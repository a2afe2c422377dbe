//! Deploys that lose their client, their connection or their worker at a step of the plan, on real engines over real ssh.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use serde_json::Value;

mod faults;

use crate::support::{Builder, Engine, Gate, Lab, Ran, Running, ended, on_real_engines, write_executable};

on_real_engines!(corners: second_deploy, interrupted, back, gone_at_the_end);

/// Whether everything is asked for, however long it takes.
fn all() -> bool {
    std::env::var_os("UNSTALE_HARD").is_some_and(|value| value == "all")
}

/// One deploy at a time: the second one is told who is at it, changes nothing, and may wait.
fn second_deploy(engine: Engine, builder: Builder) {
    let lab = lab(engine, builder, 0);
    lab.push_v4();
    let gate = Gate::before("build", &lab);
    let mut first = Running::start(&lab, &["deploy", "web"]);
    first.wait_for("build (server)");
    // Those of the project: the builder has containers of its own.
    let state = format!(
        "git rev-parse HEAD; docker ps -aq --no-trunc --filter label=com.docker.compose.project={}",
        lab.project()
    );
    let before = lab.ssh(&state).ok();
    let (refused, code) = ended(&mut Running::start(&lab, &["deploy", "web"]));
    assert_eq!((code, refused["class"].as_str()), (2, Some("locked")), "{refused:#}");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.starts_with("Dev at "), "{reason}");
    for part in [" deploys `web` (", ") since 20", "id `20", "start "] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(lab.ssh(&state).ok(), before);
    let (resumed, code) = ended(&mut Running::start(&lab, &["resume"]));
    assert_eq!((code, resumed["class"].as_str()), (2, Some("locked")), "somebody is at it: {resumed:#}");
    let mut third = Running::start(&lab, &["deploy", "web", "--wait"]);
    third.wait_for("waiting for the other deploy");
    gate.open();
    let (done, code) = ended(&mut first);
    assert_eq!((code, done["verdict"].as_str()), (0, Some("verified")), "{done:#}");
    let (done, code) = ended(&mut third);
    assert_eq!((code, done["verdict"].as_str()), (0, Some("verified")), "{done:#}");
    assert_eq!(done["steps"].as_array().map(Vec::len), Some(0), "the first has done it: {done:#}");
    nothing_is_left(&lab);
    let (refused, code) = ended(&mut Running::start(&lab, &["resume"]));
    assert_eq!((code, refused["class"].as_str()), (2, Some("nothing-to-resume")), "{refused:#}");
}

/// Ctrl-C before the server changed leaves nothing. Later it lets the build end, and no more; nobody deploys over what is
/// not done.
fn interrupted(engine: Engine, builder: Builder) {
    let lab = lab(engine, builder, 0);
    lab.push_v4();
    let old = lab.containers("web");
    // What ran is kept for a way back, and is not needed then.
    let gate = Gate::before("tag", &lab);
    let mut first = Running::start(&lab, &["deploy", "web"]);
    first.wait_for("retain (server)");
    first.interrupt();
    first.wait_for("stopping after this step");
    gate.open();
    let (refused, code) = ended(&mut first);
    assert_eq!((code, refused["class"].as_str()), (2, Some("interrupted")), "{refused:#}");
    let kept = ["images", "--quiet", &format!("unstale-retained/{}-web", lab.project())];
    assert_eq!(lab.engine.docker(&kept).ok(), "");
    nothing_is_left(&lab);

    // The checkout is as it was after a fetch, too.
    let gate = Gate::shut(&lab);
    let server = lab.server().display().to_string();
    let uploadpack = format!("{}; git-upload-pack", gate.wait());
    let git = |args: &[&str]| lab.git(&[&["-C", &server], args].concat()).ok();
    git(&["config", "remote.origin.uploadpack", &uploadpack]);
    let mut first = Running::start(&lab, &["deploy", "web", "--order", "build-first"]);
    first.wait_for("fetch (server)");
    first.interrupt();
    first.wait_for("stopping after this step");
    gate.open();
    let (refused, code) = ended(&mut first);
    assert_eq!((code, refused["class"].as_str()), (2, Some("interrupted")), "{refused:#}");
    git(&["config", "--unset", "remote.origin.uploadpack"]);
    nothing_is_left(&lab);

    let gate = Gate::shut(&lab);
    let hook = lab.dev().join(".git/hooks/pre-push");
    let waits = format!("#!/bin/sh\necho $$ >>.git/pushing\n{}\n", gate.wait());
    write_executable(&hook, waits.as_bytes());
    lab.edit("app.py", |text| format!("{text}\n# pushed\n"));
    lab.git(&["commit", "-qam", "pushed"]).ok();
    let at_push = || {
        let mut running = Running::start(&lab, &["deploy", "web"]);
        running.wait_for("push (here)");
        running
    };
    let mut killed = at_push();
    let sh = |script: &str| Ran::new(lab.in_dev("sh").args(["-c", script])).ok();
    sh("until [ -s .git/pushing ]; do sleep 0.1; done");
    killed.kill();
    let _ = ended(&mut killed);
    // Two that push at once could be in each other's way.
    sh("kill -KILL $(cat .git/pushing)");
    kill_worker(&lab);
    // What is pushed cannot be taken back, and needs nobody either.
    let mut first = at_push();
    first.interrupt();
    first.wait_for("once more ends `unstale` at once");
    gate.open();
    let (stopped, code) = ended(&mut first);
    assert_eq!((code, stopped["verdict"].as_str()), (3, Some("stopped")), "{stopped:#}");
    assert!(stopped["reason"].as_str().unwrap().contains("what is pushed stays pushed"), "{stopped:#}");
    assert!(stopped["next"][0].as_str().unwrap().starts_with("unstale deploy web "), "{stopped:#}");
    assert_eq!(lab.containers("web"), old);
    nothing_is_left(&lab);
    fs::remove_file(hook).unwrap();

    let gate = Gate::before("build", &lab);
    let mut first = Running::start(&lab, &["deploy", "web"]);
    first.wait_for("build (server)");
    first.interrupt();
    gate.open();
    let (stopped, code) = ended(&mut first);
    assert_eq!((code, stopped["verdict"].as_str()), (3, Some("stopped")), "{stopped:#}");
    let reason = stopped["reason"].as_str().unwrap();
    assert!(reason.starts_with("interrupted before `up`; "), "{reason}");
    let states = stopped["steps"].as_array().unwrap();
    let next = states.iter().position(|step| step["state"] == "planned").unwrap();
    assert_eq!(states[next]["id"], "up");
    assert!(states[next..].iter().all(|step| step["state"] == "planned"), "{stopped:#}");
    assert_eq!(states[next - 1]["state"], "done", "{stopped:#}");
    let (refused, code) = ended(&mut Running::start(&lab, &["deploy", "web"]));
    assert_eq!(code, 2, "{refused:#}");
    assert!(["unfinished", "locked"].contains(&refused["class"].as_str().unwrap()), "{refused:#}");
    let (done, code) = ended(&mut Running::start(&lab, &["resume"]));
    assert_eq!((code, done["verdict"].as_str()), (0, Some("verified")), "{done:#}");
    nothing_is_left(&lab);
    if builder == Builder::Classic && !all() {
        return;
    }
    // The second one ends it at once, and the server ends the build alone.
    let gate = Gate::shut(&lab);
    let mut twice = Running::start(&lab, &["deploy", "web", "--force"]);
    twice.wait_for("build (server)");
    twice.interrupt();
    twice.wait_for("stopping after this step");
    twice.interrupt();
    let (document, code) = ended(&mut twice);
    gate.open();
    assert_eq!((code, &document), (-1, &Value::Null), "by the signal: {document:#}");
    let (done, code) = ended(&mut Running::start(&lab, &["resume"]));
    assert_eq!((code, done["verdict"].as_str()), (0, Some("verified")), "{done:#}");
    nothing_is_left(&lab);
}

/// The image of before comes back: after a deploy that was left half-way, and any time later.
fn back(engine: Engine, builder: Builder) {
    let lab = lab(engine, builder, 0);
    let roll = |args: &[&str]| ended(&mut Running::start(&lab, &[&["rollback", "web"], args].concat()));
    let (refused, code) = roll(&[]);
    assert_eq!((code, refused["class"].as_str()), (2, Some("nothing-retained")), "{refused:#}");
    let (_, code) = ended(&mut Running::start(&lab, &["deploy", "web"]));
    assert_eq!(code, 0);
    let old = lab.git(&["rev-parse", "HEAD"]).ok();
    let new = lab.push_v4();

    // The client goes while the service is down. The next deploy says what to do, and going back is one command.
    let gate = Gate::before("build", &lab);
    let mut running = Running::start(&lab, &["deploy", "web"]);
    running.wait_for("build (server)");
    running.kill();
    let _ = ended(&mut running);
    gate.open();
    assert_eq!(lab.containers("web").len(), 0);
    let (stopped, code) = roll(&[]);
    assert_eq!((code, stopped["verdict"].as_str()), (0, Some("verified")), "{stopped:#}");
    assert_eq!(lab.serves(), "v3");
    nothing_is_left(&lab);

    // A deploy that is verified, and then not wanted.
    let (done, code) = ended(&mut Running::start(&lab, &["deploy", "web"]));
    assert_eq!((code, done["verdict"].as_str()), (0, Some("verified")), "{done:#}");
    assert_eq!(lab.serves(), "v4");
    let before = lab.ssh("git rev-parse HEAD; docker ps -aq --no-trunc").ok();
    let (list, code) = roll(&["--list"]);
    let kept = list["kept"].as_array().unwrap();
    assert_eq!(
        (code, kept[0]["commit"].as_str(), kept[0]["current"].as_bool()),
        (0, Some(&*old), Some(false))
    );
    let (planned, code) = roll(&["--dry-run"]);
    assert_eq!(code, 0, "{planned:#}");
    assert_eq!(lab.ssh("git rev-parse HEAD; docker ps -aq --no-trunc").ok(), before, "nothing is touched");
    let (unknown, code) = roll(&["--to", "20000101t000000z-000000"]);
    assert_eq!((code, unknown["class"].as_str()), (2, Some("unknown-retained")), "{unknown:#}");
    let (gone, code) = roll(&[]);
    assert_eq!((code, gone["verdict"].as_str()), (0, Some("verified")), "{gone:#}");
    assert_eq!(gone["expected"].as_str(), Some(&*old));
    assert_eq!(lab.serves(), "v3");
    assert_eq!(lab.ssh("git rev-parse HEAD").ok(), new, "the checkout stays");
    nothing_is_left(&lab);

    // Both are true: the commit of before runs, and the newest does not.
    let (verified, code) = ended(&mut Running::start(&lab, &["verify", "web", "--rev", &old]));
    assert_eq!((code, verified["verdict"].as_str()), (0, Some("verified")), "{verified:#}");
    let (stale, code) = ended(&mut Running::start(&lab, &["verify", "web"]));
    assert_eq!((code, stale["verdict"].as_str()), (1, Some("stale")), "{stale:#}");
    // Newer bytes under the same image are not what was asked for.
    let page = "/app/frontend/templates/index.html";
    let patch = format!(
        "docker exec $(docker ps -q --filter label=com.docker.compose.project={}) sed -i s,/v3/,/v4/, {page}",
        lab.project()
    );
    lab.ssh(&patch).ok();
    let (patched, code) = ended(&mut Running::start(&lab, &["verify", "web", "--rev", &old]));
    assert_eq!((code, patched["verdict"].as_str()), (4, Some("inconclusive")), "{patched:#}");

    // And forward again, by the commit.
    let (forward, code) = roll(&["--to", &new[..12]]);
    assert_eq!(lab.serves(), "v4");
    assert_eq!((code, forward["verdict"].as_str()), (0, Some("verified")), "{forward:#}");
}

/// Something happens to the container while the verdict is written down: it is looked at once more, and what is written is
/// true in the end.
fn gone_at_the_end(engine: Engine, builder: Builder) {
    let lab = lab(engine, builder, 0);
    lab.push_v4();
    let page = "frontend/templates/index.html";
    let old = lab.folder().join("old.html");
    fs::write(&old, fs::read_to_string(lab.dev().join(page)).unwrap().replace("/v4/", "/v3/")).unwrap();
    let once = lab.folder().join("once");
    let docker = lab.engine.bin.join("docker").display().to_string();
    let happens = |what: &str| {
        let shim = format!(
            "#!/bin/sh\nif rm {once}; then\n\
             c=$({docker} ps -q --filter label=com.docker.compose.project={project})\n{docker} kill $c\n{what}\n\
             fi >/dev/null 2>&1\nexec /usr/bin/tee \"$@\"\n",
            once = once.display(),
            project = lab.project(),
        );
        write_executable(&lab.server_bin().join("tee"), shim.as_bytes());
        fs::write(&once, "").unwrap();
        let mut running = Running::start(&lab, &["deploy", "web", "--force"]);
        let (document, code) = ended(&mut running);
        assert!(!once.exists(), "it happened");
        let told = running.said().iter().any(|line| line.contains("does not run any more"));
        assert!(told, "{:#?}", running.said());
        nothing_is_left(&lab);
        let of_last = |folder: std::path::PathBuf| {
            let ledger = fs::read_to_string(folder.join(".git/unstale/ledger.ndjson")).unwrap();
            let entries: Vec<Value> =
                ledger.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let last = &entries.last().unwrap()["id"];
            entries.iter().filter(|entry| entry["id"] == *last).count()
        };
        let both = [lab.server(), lab.dev()].map(of_last);
        (document, code, both)
    };
    let (document, code, lines) = happens("");
    assert_eq!((code, document["verdict"].as_str()), (0, Some("verified")), "{document:#}");
    assert_eq!((lab.serves().as_str(), lines), ("v4", [1, 1]));

    lab.edit("unstale.toml", |text| text.replace("1000", "1"));
    lab.commit_and_push("Keep one");
    let (document, code, lines) = happens(&format!("{docker} cp {} $c:/app/{page}", old.display()));
    assert_eq!((code, document["verdict"].as_str()), (1, Some("stale")), "{document:#}");
    let thin = document["steps"].as_array().unwrap().iter().find(|step| step["id"] == "thin").unwrap();
    assert_eq!(thin["state"], "done", "it was verified when that ran: {document:#}");
    assert_eq!(lines, [2, 2], "the one that was not true in the end, and the true one");
    let mut history = lab.in_dev(env!("CARGO_BIN_EXE_unstale"));
    let history = history.args(["history", "--format", "json"]).output().unwrap().stdout;
    let history: Value = serde_json::from_slice(&history).unwrap();
    let last = history["deploys"].as_array().unwrap().last().unwrap();
    assert_eq!(last["verdict"], document["verdict"], "{history:#}");
}

/// The incident's project, deployed once, with a build that takes a while.
fn lab(engine: Engine, builder: Builder, seconds: u32) -> Lab {
    let lab = Lab::seeded(engine, builder, |dev| {
        let path = dev.join("Dockerfile");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("COPY . ."), "{text}");
        // However many deploys there are, their plans are the same.
        fs::write(dev.join("unstale.toml"), "[deploy]\nkeep = 1000\n").unwrap();
        fs::write(path, text.replace("COPY . .", &format!("RUN sleep {seconds}\nCOPY . ."))).unwrap();
    });
    lab.deploy_naively().ok();
    lab
}

/// No lock, no half-written file, no process of the worker, no second container.
#[track_caller]
fn nothing_is_left(lab: &Lab) {
    let left = lab
        .ssh(
            "cd .git/unstale; flock -n lock true || echo locked; ls holder 2>/dev/null; \
             for i in runs/*; do [ -e $i ] || continue; [ -e $i/end ] || echo open $i; ls $i/pid $i/*.new $i/*.tmp $i/next 2>/dev/null; done; \
             git status --porcelain",
        )
        .stdout;
    assert_eq!(left, "");
    assert_eq!(lab.containers("web").len(), 1);
    let all = format!("label=com.docker.compose.project={}", lab.project());
    let all = lab.engine.docker(&["ps", "--all", "--quiet", "--filter", &all]).ok();
    assert_eq!(all.lines().count(), 1, "stray containers: {all}");
    let probes = ["ps", "--all", "--quiet", "--filter", "label=unstale.probe"];
    assert_eq!(lab.engine.docker(&probes).ok(), "", "what was made to look into an image");
}

fn kill_worker(lab: &Lab) {
    lab.ssh("kill -KILL $(cat .git/unstale/runs/*/pid)").ok();
}
