//! Everything that a server can be found in, on real engines over real ssh: `deploy` refuses before anything changes, says
//! why in a class of its own, and leaves every byte where it was.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Builder, Engine, Lab, Ran, SmallEngine, elsewhere, on_real_engines, run_on, skipped};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");

/// What nobody may change: every file of the checkout with its times, git's own included, and everything on the engine.
/// (Not the folder of `git lfs`, in which every `git status` may work.)
const STATE: &str = "export GIT_OPTIONAL_LOCKS=0; git rev-parse HEAD; git status --porcelain; \
    find . -path ./.git/lfs/tmp -prune -o -printf '%p %s %i %T@ %m %u\\n' | sort; \
    docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}} {{.Ports}}' | sort; \
    docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort; docker volume ls -q | sort; docker network ls -q | sort";

on_real_engines!(corners: checkouts, neighbours, generations);
on_real_engines!(content, host_keys);

fn unstale(lab: &Lab, more: &[&str]) -> (Value, i32) {
    let dir = lab.server();
    let dir = dir.to_string_lossy();
    let args = ["deploy", "web", "--host", "testhost", "--dir", &dir, "--format", "json"];
    document(&Ran::new(lab.in_dev(UNSTALE).args(args).args(more)))
}

fn document(ran: &Ran) -> (Value, i32) {
    (serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}")), ran.code)
}

/// Nothing speaks against a deploy.
#[track_caller]
fn planned(lab: &Lab) {
    let (document, code) = unstale(lab, &["--dry-run"]);
    assert_eq!((document["verdict"].as_str(), code), (Some("planned"), 0), "{document:#}");
}

/// The plan and the deploy are both refused with this class and these words, and nothing changes.
#[track_caller]
fn refused(lab: &Lab, class: &str, words: &[&str]) {
    let before = lab.ssh(STATE).ok();
    for more in [&["--dry-run"][..], &[]] {
        is_refused(&unstale(lab, more), class, words);
    }
    same(&before, &lab.ssh(STATE).ok(), class);
}

#[track_caller]
fn is_refused((document, code): &(Value, i32), class: &str, words: &[&str]) {
    let found = (document["verdict"].as_str(), document["class"].as_str(), *code);
    assert_eq!(found, (Some("refused"), Some(class), 2), "{document:#}");
    let reason = document["reason"].as_str().unwrap();
    for word in words {
        assert!(reason.contains(word), "{class}: {word:?} is not in {reason}");
    }
}

#[track_caller]
fn same(before: &str, after: &str, what: &str) {
    let gone: Vec<&str> = before.lines().filter(|line| !after.lines().any(|l| l == *line)).collect();
    let new: Vec<&str> = after.lines().filter(|line| !before.lines().any(|l| l == *line)).collect();
    assert!(before == after, "{what}: something changed\nbefore {gone:#?}\nafter {new:#?}");
}

/// A server whose checkout is not as the last deploy left it.
fn checkouts(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    let first = lab.git(&["rev-parse", "HEAD"]).ok();
    fs::write(lab.dev().join("notes.txt"), "ours\n").unwrap();
    let second = lab.push_v4();
    planned(&lab);
    let case = |class: &str, words: &[&str], make: &str, mend: &str| {
        lab.ssh(make).ok();
        refused(&lab, class, words);
        lab.ssh(mend).ok();
    };
    let page = "frontend/templates/index.html";
    case("server-dirty", &["`app.py`"], "echo '# x' >> app.py", "git checkout -q -- app.py");
    case(
        "server-dirty",
        &["`frontend/templates/index.html`"],
        &format!("echo x >> {page}"),
        &format!("git checkout -q -- {page}"),
    );
    case(
        "server-unpushed",
        &["a commit of its own", "no remote has"],
        "git commit -q --allow-empty -m hotfix",
        &format!("git reset -q --hard {first}"),
    );
    case(
        "server-wrong-branch",
        &["`side`", "`main`"],
        "git checkout -q -b side",
        "git checkout -q main && git branch -q -D side",
    );
    case("server-detached", &["detached"], "git checkout -q --detach", "git checkout -q main");
    case("server-collision", &["`notes.txt`"], "echo theirs > notes.txt", "rm notes.txt");
    case(
        "server-git-lock",
        &["index.lock", "another git process"],
        ": > .git/index.lock",
        "rm .git/index.lock",
    );
    let safe = "git config --global --unset-all safe.directory";
    let owner = "chown -h 12345 . .git";
    case(
        "server-foreign-owner",
        &["belongs to another user", "safe.directory"],
        &format!("{safe} && {owner}"),
        "chown -h 0 . .git && git config --global safe.directory '*'",
    );
    // Without the tidy-up above this would be that case again.
    planned(&lab);

    // The history is written anew: what the server has is no part of it any more.
    lab.git(&["checkout", "-q", "--orphan", "anew"]).ok();
    lab.git(&["commit", "-q", "-m", "Another beginning"]).ok();
    lab.git(&["branch", "-q", "-M", "main"]).ok();
    lab.git(&["push", "-q", "--force", "--set-upstream", "origin", "main"]).ok();
    refused(&lab, "server-diverged", &["not part of this branch's history"]);
    lab.git(&["reset", "-q", "--hard", &second]).ok();
    refused(&lab, "remote-diverged", &["`origin/main`", "pull or rebase"]);
    lab.git(&["push", "-q", "--force", "origin", "main"]).ok();
    planned(&lab);
}

/// Another container, or another process, has what the service needs.
fn neighbours(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    let base = lab.engine.base_image();
    let pid = fs::read_to_string(lab.engine.bin.with_file_name("pid")).unwrap().trim().to_owned();
    // In the engine's own network, where its ports are.
    let there = |program: &str, args: &[&str]| {
        let mut command = lab.in_server("nsenter");
        command.args(["-t", &pid, "-n", "--", program]).args(args).stdin(Stdio::null());
        command
    };
    let here = |more: &[&str]| {
        let args = [&["deploy", "web", "--local", "--format", "json"], more].concat();
        document(&Ran::new(&mut there(UNSTALE, &args)))
    };
    lab.deploy_naively().ok();
    let container = lab.containers("web").remove(0);
    let docker = |args: &[&str]| lab.engine.docker(args).ok();
    let name = docker(&["inspect", "--format", "{{.Name}}", &container]).trim_start_matches('/').to_owned();

    // On this machine: the old container's own port is no reason, that of a process is.
    assert_eq!(here(&["--dry-run"]).0["verdict"], "planned");
    docker(&["stop", "-t", "0", &container]);
    let listener = Ended(there("/bin/busybox", &["httpd", "-f", "-p", "127.0.0.1:8000"]).spawn().unwrap());
    // Port 8000, in the network of that process.
    let sockets = || fs::read_to_string(format!("/proc/{}/net/tcp", listener.0.id())).unwrap_or_default();
    let up = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        sockets().contains("0100007F:1F40 00000000:0000 0A")
    });
    assert!(up, "it listens: {}", sockets());
    let before = lab.ssh(STATE).ok();
    for more in [&["--dry-run"][..], &[]] {
        is_refused(&here(more), "port-taken", &["127.0.0.1:8000", "no container", "sport = :8000"]);
    }
    same(&before, &lab.ssh(STATE).ok(), "a process");
    drop(listener);
    assert_eq!(here(&["--dry-run"]).0["verdict"], "planned");

    lab.push_v4();
    planned(&lab);
    let labels = ["project=unstalelabother", "service=db"].map(|l| format!("--label=com.docker.compose.{l}"));
    let make = |how: &[&str]| docker(&[how, &[&labels[0], &labels[1], &base, "sleep", "600"]].concat());
    let holder = make(&["run", "-d", "--name", "unstalelab-holder", "-p", "8000:80"]);
    let words = ["127.0.0.1:8000", "`unstalelab-holder`", "service `db` of project `unstalelabother`"];
    refused(&lab, "port-taken", &words);
    // The way back needs the same, of an image that is said to have been kept.
    let kept = format!("unstale-retained/{}-web:20260101t000000z-aaaaaa", lab.project());
    docker(&["tag", &base, &kept]);
    let id = docker(&["inspect", "--format", "{{.Id}}", &base]);
    let line = serde_json::json!({"schema": 1, "id": "x", "time": "", "service": "web", "verdict": "verified",
        "image": id, "to": lab.git(&["rev-parse", "HEAD"]).ok()});
    lab.ssh(&format!("mkdir -p .git/unstale && echo '{line}' >.git/unstale/ledger.ndjson")).ok();
    let before = lab.ssh(STATE).ok();
    for more in [&["--dry-run"][..], &[]] {
        let args = ["rollback", "web", "--host", "testhost", "--format", "json", "--dir"];
        let back = Ran::new(lab.in_dev(UNSTALE).args(args).arg(lab.server()).args(more));
        is_refused(&document(&back), "port-taken", &words);
    }
    same(&before, &lab.ssh(STATE).ok(), "a way back");
    docker(&["rmi", &kept]);
    lab.ssh("rm -r .git/unstale").ok();
    docker(&["rm", "-f", &holder]);
    docker(&["start", &container]);

    // A leftover of an interrupted `up`: it is the service's own, and somebody else took its name.
    docker(&["rename", &name, &format!("0123456789ab_{name}")]);
    planned(&lab);
    let other = make(&["create", "--name", &name]);
    refused(&lab, "name-taken", &[&name, "project `unstalelabother`", "docker rename"]);
    docker(&["rm", &other]);
    docker(&["rename", &format!("0123456789ab_{name}"), &name]);
    planned(&lab);
    let mine = "services:\n  web:\n    container_name: unstalelab-mine\n";
    fs::write(lab.server().join("compose.override.yaml"), mine).unwrap();
    planned(&lab);
    let other = make(&["create", "--name", "unstalelab-mine"]);
    refused(&lab, "name-taken", &["`unstalelab-mine`", "service `db` of project"]);
    docker(&["rm", &other]);
    fs::remove_file(lab.server().join("compose.override.yaml")).unwrap();
    planned(&lab);

    // The same project, started from another folder.
    let compose = &lab.engine.compose;
    lab.ssh(&format!("cp -R . ../elsewhere && cd ../elsewhere && {compose} up -d --build --force-recreate"))
        .ok();
    refused(&lab, "wrong-project", &["elsewhere", lab.project()]);
    lab.ssh(&format!("{compose} up -d --force-recreate")).ok();
    planned(&lab);
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the other generation of Compose made is no reason to refuse: the protocol removes it by its ID, so that nothing of
/// it has to be recreated. (`docker-compose` 1.29 cannot do that to what `docker compose` made on engine 26.1, and
/// `docker compose` looks for an image of another name.)
fn generations(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    let state = lab.engine.bin.parent().and_then(std::path::Path::parent).unwrap();
    let (other, socket) = if lab.engine.compose == "docker compose" {
        let pid = fs::read_to_string(state.join("e26/pid")).unwrap();
        ("/usr/bin/docker-compose".into(), format!("/proc/{}/root/run/unstale-e26.sock", pid.trim()))
    } else {
        let socket = state.join("e20/docker.sock").display().to_string();
        (state.join("e26/root/usr/libexec/docker/cli-plugins/docker-compose"), socket)
    };
    if !other.exists() {
        return skipped("the other generation of Compose is not here");
    }
    for words in [&["build"][..], &["up", "-d"]] {
        let mut compose = lab.in_server(&other.to_string_lossy());
        compose.args(words).env("DOCKER_HOST", format!("unix://{socket}"));
        // By the API alone: the client of e26 has a `/tmp` of its own.
        Ran::new(compose.env("COMPOSE_DOCKER_CLI_BUILD", "0")).ok();
    }
    let made = |lab: &Lab| {
        let format = "{{.Name}} {{index .Config.Labels \"com.docker.compose.version\"}}";
        let containers = lab.containers("web");
        assert_eq!(containers.len(), 1, "one container of the service");
        lab.engine.docker(&["inspect", "--format", format, &containers[0]]).ok()
    };
    let before = made(&lab);
    assert_eq!(lab.serves(), "v3");
    lab.push_v4();
    planned(&lab);
    let (document, code) = unstale(&lab, &[]);
    assert_eq!((document["verdict"].as_str(), code), (Some("verified"), 0), "{document:#}");
    assert_eq!(lab.serves(), "v4");
    let generation = |made: &str| made.split_once(' ').map(|(_, version)| version.starts_with('1'));
    assert_ne!(generation(&before), generation(&made(&lab)), "{before}, then {}", made(&lab));
}

/// Submodules and LFS files that are not there, as the service needs them or not.
fn content(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::BuildKit) {
        return;
    }
    let lab = Lab::new(engine, builder);
    submodules(&lab);
    lfs(&lab);
}

/// The deploy, and what its step for submodules came to: `done`, `already`, …; `-` without one.
#[track_caller]
fn deployed(lab: &Lab, more: &[&str], verdict: &str, code: i32) -> (Value, String) {
    let (document, ended_with) = unstale(lab, more);
    assert_eq!((document["verdict"].as_str(), ended_with), (Some(verdict), code), "{document:#}");
    let steps = document["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["id"] == "submodules");
    let state = step.map_or("-", |step| step["state"].as_str().unwrap()).to_owned();
    (document, state)
}

/// A submodule that the commit adds or moves is checked out between the merge and the look at git, whatever comes first;
/// what that would not mend is refused.
fn submodules(lab: &Lab) {
    let folder = lab.folder().join("library");
    let in_library =
        |script: &str| Ran::new(lab.in_dev("sh").args(["-ec", script]).current_dir(&folder)).ok();
    let in_dev = |script: &str| Ran::new(lab.in_dev("sh").args(["-ec", script])).ok();
    let next = |n: u32| {
        in_library(&format!("echo version-{n} > lib.txt; git commit -q -a -m {n}"));
        in_dev("cd lib && git pull -q");
        lab.commit_and_push(&format!("Library {n}"));
    };
    let in_container = || lab.exec(&["cat", "/app/lib/lib.txt"]).ok();
    let proven = |more: &[&str]| {
        let (document, state) = deployed(lab, more, "verified", 0);
        let reason = document["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("changed file"), "its bytes prove it: {reason}");
        state
    };
    fs::create_dir(&folder).unwrap();
    in_library("git init -q; echo version-1 > lib.txt; git add .; git commit -q -m 1");
    // git clones no submodule from a folder by itself.
    lab.ssh("git config --global protocol.file.allow always").ok();
    in_dev(&format!("git submodule --quiet add {} lib", folder.display()));
    refused(lab, "dirty", &["`.gitmodules`"]);
    let (document, code) = unstale(lab, &["--dry-run", "-m", "A submodule"]);
    assert_eq!((document["class"].as_str(), code), (Some("server-submodule"), 2), "{document:#}");
    lab.commit_and_push("A submodule");
    assert_eq!(deployed(lab, &["--dry-run"], "planned", 0).1, "planned");
    assert_eq!(proven(&[]), "done");
    assert_eq!(in_container(), "version-1");

    next(2);
    let list = lab
        .in_dev(UNSTALE)
        .args(["checklist", "web", "--host", "testhost", "--dir"])
        .arg(lab.server())
        .output();
    let list = String::from_utf8(list.unwrap().stdout).unwrap();
    assert!(list.contains("- [ ] **submodules**: ") && list.contains("git -C lib rev-parse HEAD"), "{list}");
    assert_eq!(proven(&["--order", "build-first"]), "done");
    assert_eq!(in_container(), "version-2");
    // By the commit that the deploy makes itself.
    in_library("echo version-3 > lib.txt; git commit -q -a -m 3");
    in_dev("cd lib && git pull -q");
    assert_eq!(proven(&["-m", "Library 3"]), "done");
    assert_eq!(in_container(), "version-3");

    next(5);
    lab.ssh("git pull -q && git submodule --quiet update").ok();
    without_its_clone(lab);
    // Moved by hand on the server, and nothing of its own in it.
    lab.ssh("git -C lib checkout -q HEAD~1").ok();
    lab.edit("app.py", |text| text.to_owned() + "# more\n");
    lab.commit_and_push("More");
    assert_eq!(deployed(lab, &["--dry-run"], "planned", 0).1, "planned");
    lab.ssh("echo x >> lib/lib.txt").ok();
    refused(lab, "server-submodule", &["submodule `lib` has changed files on the server", "status`"]);
    lab.ssh("git -C lib commit -q -a -m hotfix").ok();
    refused(lab, "server-submodule", &["that no remote has", "push what is needed"]);
    // What `git status` is told not to say is seen all the same.
    lab.ssh("git config submodule.lib.ignore all && [ -z \"$(git status --porcelain)\" ]").ok();
    refused(lab, "server-submodule", &["that no remote has"]);
    lab.ssh("git config --unset submodule.lib.ignore; git submodule --quiet update").ok();
    lab.ssh("echo x >> lib/lib.txt").ok();
    refused(lab, "server-dirty", &["`lib`"]);
    lab.ssh("git -C lib checkout -q lib.txt").ok();

    // What it records cannot be had: all goes back.
    next(4);
    let away = lab.folder().join("away");
    fs::rename(&folder, &away).unwrap();
    let before = lab.exec(&["cat", "/app/lib/lib.txt"]).ok();
    let (document, state) = deployed(lab, &[], "stopped", 3);
    assert_eq!(
        (state.as_str(), before.as_str(), in_container().as_str()),
        ("failed", "version-3", "version-3"),
        "{document:#}"
    );
    assert!(document["reason"].as_str().unwrap().contains("`submodules` ended with"), "{document:#}");
    fs::rename(&away, &folder).unwrap();

    // A hook of the server's own may bring it as well.
    lab.ssh("printf '#!/bin/sh\\n:\\n' > .git/hooks/post-merge && chmod +x .git/hooks/post-merge").ok();
    planned(lab);
    lab.ssh("rm .git/hooks/post-merge; git submodule --quiet update --init").ok();
    assert_eq!(lab.ssh("cat lib/lib.txt").ok(), "version-4");
    // Its files are as good a proof as those of git itself, of old bytes, too.
    let (document, code) = unstale_verify(lab);
    let library_3 = lab.git(&["log", "--format=%H", "--grep=Library 3"]).ok();
    let reason = document["reason"].as_str().unwrap();
    assert!(reason.starts_with("`/app/lib/lib.txt` in "), "{document:#}");
    assert!(reason.contains(&format!(" is the one of {}", &library_3[..12])), "{document:#}");
    assert_eq!((document["verdict"].as_str(), code), (Some("stale"), 1), "{document:#}");
    // Where nobody is meant to check it out, nobody does.
    lab.edit(".gitmodules", |text| format!("{text}\tupdate = none\n"));
    lab.commit_and_push("By hand");
    lab.ssh("git pull -q; git -C lib checkout -q HEAD~1").ok();
    refused(lab, "server-submodule", &["`lib` is not at", "does not move this one", " checkout "]);
    lab.ssh("git submodule --quiet deinit -f lib").ok();
    assert_eq!(deployed(lab, &["--dry-run"], "planned", 0).1, "-");
    lab.edit(".gitmodules", |text| text.replace("\tupdate = none\n", ""));
    // What does not get into the image is nobody's business, unless it is there and would be in the way.
    fs::write(lab.dev().join(".dockerignore"), "lib\n").unwrap();
    lab.commit_and_push("Without it");
    assert_eq!(deployed(lab, &["--dry-run"], "planned", 0).1, "-");
    lab.ssh("git pull -q && git submodule --quiet update --init --checkout").ok();
    lab.ssh("[ -e lib/.git ] && git -C lib checkout -q HEAD~1").ok();
    assert_eq!(deployed(lab, &["--dry-run"], "planned", 0).1, "planned");
    lab.ssh("git submodule --quiet update").ok();
}

fn unstale_verify(lab: &Lab) -> (Value, i32) {
    let verify = ["verify", "web", "--host", "testhost", "--format", "json", "--dir"];
    let ran = Ran::new(lab.in_dev(UNSTALE).args(verify).arg(lab.server()));
    (serde_json::from_str(&ran.stdout).unwrap(), ran.code)
}

/// Nobody here knows what a submodule should have whose clone is gone.
fn without_its_clone(lab: &Lab) {
    let sh = |script: &str| Ran::new(lab.in_dev("sh").args(["-ec", script])).ok();
    sh("mv .git/modules/lib ../lib-clone; mv lib ../lib-checkout");
    let (document, code) = unstale_verify(lab);
    sh("mv ../lib-clone .git/modules/lib; mv ../lib-checkout lib");
    assert_eq!((document["verdict"].as_str(), code), (Some("inconclusive"), 4), "{document:#}");
    let reason = document["reason"].as_str().unwrap();
    assert!(reason.contains("`git submodule update --init --recursive`"), "{reason}");
}

fn lfs(lab: &Lab) {
    let pointer = "version https://git-lfs.github.com/spec/v1\n\
        oid sha256:f7712751e993b9972137e8ded3207d99d8747e041999182851225714ee0070e2\nsize 9\n";
    let off = "git config filter.lfs.process ''; git config filter.lfs.smudge ''; git config filter.lfs.clean ''; git config filter.lfs.required false";
    Ran::new(lab.in_dev("sh").args(["-ec", off])).ok();
    lab.ssh(off).ok();
    // Of LFS, but not a pointer: it was committed as it is.
    fs::write(lab.dev().join("plain.bin"), "plain\n").unwrap();
    fs::write(lab.dev().join(".gitattributes"), "*.bin filter=lfs diff=lfs merge=lfs -text\n").unwrap();
    lab.commit_and_push("No pointer");
    planned(lab);
    fs::write(lab.dev().join("model.bin"), pointer).unwrap();
    lab.commit_and_push("A model");
    refused(lab, "no-git-lfs", &["`model.bin`", "`git lfs install`"]);
    lab.ssh("git pull -q").ok();
    refused(lab, "no-git-lfs", &["`model.bin`"]);
    fs::write(lab.dev().join(".dockerignore"), "lib\n*.bin\n").unwrap();
    lab.commit_and_push("Without it");
    planned(lab);
    fs::write(lab.dev().join(".dockerignore"), "lib\n").unwrap();
    // `git lfs` would make a pointer of it.
    fs::remove_file(lab.dev().join("plain.bin")).unwrap();
    lab.commit_and_push("With it");
    lab.ssh("git pull -q").ok();

    if lab.ssh("git lfs version").code != 0 {
        return skipped("there is no git-lfs: only its absence was looked at");
    }
    let on = "for k in process smudge clean required; do git config --unset filter.lfs.$k; done";
    lab.ssh(&format!("{on}; git lfs install --local --skip-smudge")).ok();
    refused(lab, "server-lfs", &["a git LFS pointer instead of the file", "`model.bin`", "git lfs pull"]);
    // The content, where `git lfs` looks for it.
    let object = "f7/71/f7712751e993b9972137e8ded3207d99d8747e041999182851225714ee0070e2";
    lab.ssh(&format!("mkdir -p .git/lfs/objects/f7/71 && printf 'the data\\n' > .git/lfs/objects/{object} && git lfs checkout")).ok();
    assert_eq!(lab.ssh("cat model.bin").ok(), "the data");
    planned(lab);
    // It changes, and the server is told to leave pointers.
    fs::write(lab.dev().join("model.bin"), pointer.replace("f771", "0123")).unwrap();
    lab.commit_and_push("Another model");
    refused(lab, "server-lfs", &["is told to leave LFS pointers", "`model.bin`"]);
    lab.ssh("git lfs install --local --force").ok();
    planned(lab);
}

/// The engine's disk is nearly full: nothing is begun that could not be ended.
#[test]
fn small_disk() {
    run_on("e20", Builder::Classic, |_, builder| {
        let small = SmallEngine::start(60);
        let lab = Lab::new(small.engine.clone(), builder);
        let data = small.engine.bin.with_file_name("data");
        refused(&lab, "disk-full", &["MB is free in", &data.to_string_lossy(), "needs 100 MB;"]);
        small.grow(300);
        planned(&lab);
        // As much as is in the last build has to fit again.
        lab.edit("Dockerfile", |text| {
            text.replace("EXPOSE 8000", "RUN head -c 90000000 /dev/zero > /ballast\nEXPOSE 8000")
        });
        lab.commit_and_push("Large");
        lab.deploy_naively().ok();
        planned(&lab);
        small.grow(200);
        let words = [" MB of them for layers as large as those of its last build", "docker system df"];
        refused(&lab, "disk-full", &words);
    });
}

/// `ssh` does not know the server, or knows another one under its name.
fn host_keys(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::BuildKit) {
        return;
    }
    let lab = Lab::new(engine, builder);
    planned(&lab);
    let known = lab.folder().join("ssh/known_hosts");
    let right = fs::read_to_string(&known).unwrap();
    let config = lab.folder().join("ssh/config");
    let strict = fs::read_to_string(&config).unwrap();
    let (name, _) = right.split_once(' ').unwrap();
    let other = lab.folder().join("other");
    Ran::new(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&other)).ok();
    let wrong = format!("{name} {}", fs::read_to_string(other.with_extension("pub")).unwrap());
    // As it stands in the user's configuration, and as it is by default.
    for how in [strict.clone(), strict.replace("StrictHostKeyChecking yes", "StrictHostKeyChecking ask")] {
        fs::write(&config, how).unwrap();
        for (content, class, words) in [
            ("", "unknown-host-key", ["`ssh testhost`", "fingerprint"]),
            (wrong.as_str(), "changed-host-key", ["`ssh-keygen -f \"", "Offending ED25519 key in"]),
        ] {
            fs::write(&known, content).unwrap();
            for more in [&["--dry-run"][..], &[]] {
                is_refused(&unstale(&lab, more), class, &words);
            }
            assert_eq!(fs::read_to_string(&known).unwrap(), content, "nothing is learnt");
        }
    }
    fs::write(&known, right).unwrap();
    planned(&lab);
}
