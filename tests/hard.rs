//! Attacks on the verdict, on real engines: whatever lies, moves or is hidden, nothing old is ever called verified and
//! nothing new is ever called stale.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use serde_json::Value;

use crate::support::{Builder, Engine, Lab, Ran, elsewhere, on_real_engines};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");
const PAGE: &str = "frontend/templates/index.html";

/// A project of which only a part gets into the image: no `COPY . .`, so that the recipe itself is not in there.
const DOCKERFILE: &str = "ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\nWORKDIR /app\nCOPY requirements.txt .\n\
    RUN pip install -r requirements.txt\nCOPY frontend frontend\nCOPY app.py .\nCOPY static static\n\
    RUN rm -rf static/tests\nEXPOSE 8000\nCMD [\"python\", \"app.py\"]\n";

fn seed(project: &std::path::Path) {
    fs::write(project.join("Dockerfile"), DOCKERFILE).unwrap();
    for folder in ["static/tests", "conf"] {
        fs::create_dir_all(project.join(folder)).unwrap();
    }
    for (name, content) in [
        ("static/run.sh", "#!/bin/sh\n"),
        ("static/gone.txt", "to be deleted\n"),
        ("static/tests/one.txt", "removed by the build\n"),
        ("static/odd $(id) 'q'.txt", "first\n"),
        ("static/line\nbreak.txt", "first\n"),
        ("conf/app.conf", "level = 1\n"),
        ("README.md", "first\n"),
    ] {
        fs::write(project.join(name), content).unwrap();
    }
    std::os::unix::fs::symlink("run.sh", project.join("static/link")).unwrap();
}

/// A verdict of `verify` for the checkout's top folder, and everything that was said.
fn verify(lab: &Lab, more: &[&str]) -> (String, String) {
    verify_in(lab, &lab.server().to_string_lossy(), more)
}

fn verify_in(lab: &Lab, dir: &str, more: &[&str]) -> (String, String) {
    let mut all = vec!["verify", "web", "--host", "testhost", "--dir", dir, "--format", "json"];
    all.extend(more);
    let ran = Ran::new(lab.in_dev(UNSTALE).args(&all));
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    (document["verdict"].as_str().unwrap().to_owned(), format!("{document:#}"))
}

#[track_caller]
fn says(lab: &Lab, what: &str, verdict: &str, words: &str) {
    says_of(lab, &[], what, verdict, words);
}

#[track_caller]
fn says_of(lab: &Lab, more: &[&str], what: &str, verdict: &str, words: &str) {
    let (have, said) = verify(lab, more);
    assert_eq!(have, verdict, "{what}: {said}");
    assert!(said.contains(words), "{what}: {words:?} is not in {said}");
}

/// Builds and starts, as a person would who knows of no protocol.
fn build_and_up(lab: &Lab) {
    lab.ssh(&format!("{c} build && {c} up -d", c = lab.engine.compose)).ok();
}

fn pull(lab: &Lab, message: &str) -> String {
    let commit = lab.commit_and_push(message);
    lab.ssh("git pull -q").ok();
    commit
}

on_real_engines!(
    what_no_hash_shows,
    changed_in_place,
    whoever_answers,
    killed_and_watched,
    below_the_top,
    other_dockerfile,
    override_dockerfile
);

/// A change that no file's bytes in the container show: pulled and not built, it is never `verified`.
fn what_no_hash_shows(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::BuildKit) {
        return;
    }
    let lab = Lab::seeded(engine, builder, seed);
    // What is mounted here, only the server knows.
    let mount = "services:\n  web:\n    volumes:\n      - ./conf/app.conf:/etc/app.conf\n";
    fs::write(lab.server().join("compose.override.yml"), format!("version: '3.8'\n{mount}")).unwrap();
    build_and_up(&lab);
    says(&lab, "first", "verified", "");
    lab.edit("README.md", |_| "second\n".into());
    pull(&lab, "Readme");
    says(&lab, "a file that gets nowhere", "verified", "no changed file reaches");

    fs::remove_file(lab.dev().join("static/gone.txt")).unwrap();
    pull(&lab, "Delete");
    says(&lab, "a deleted file", "inconclusive", "static/gone.txt");
    build_and_up(&lab);

    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(lab.dev().join("static/run.sh"), mode).unwrap();
    pull(&lab, "Mode");
    says(&lab, "a mode", "inconclusive", "static/run.sh");
    build_and_up(&lab);
    says(&lab, "a mode, built", "verified", "1 changed file");

    fs::remove_file(lab.dev().join("static/link")).unwrap();
    std::os::unix::fs::symlink("../app.py", lab.dev().join("static/link")).unwrap();
    pull(&lab, "Link");
    says(&lab, "a link", "inconclusive", "static/link");
    build_and_up(&lab);

    lab.edit("Dockerfile", |text| text.replace("WORKDIR /app\n", "WORKDIR /app\nENV LEVEL=2\n"));
    pull(&lab, "Recipe");
    says(
        &lab,
        "the Dockerfile",
        "inconclusive",
        "`Dockerfile` changed on the server after the image was built",
    );
    build_and_up(&lab);
    says(&lab, "the Dockerfile, built", "verified", "");

    lab.edit("compose.yaml", |text| text.replace("PORT: \"8000\"", "PORT: \"8000\"\n      LEVEL: \"2\""));
    pull(&lab, "Environment");
    says(&lab, "the compose file", "inconclusive", "`compose.yaml` changed on the server after");
    build_and_up(&lab);

    fs::write(lab.dev().join("static/tests/two.txt"), "removed by the build too\n").unwrap();
    pull(&lab, "A test");
    build_and_up(&lab);
    says(&lab, "a new file that the build removes", "inconclusive", "the build leaves it out");

    lab.edit("conf/app.conf", |_| "level = 2\n".into());
    pull(&lab, "Configuration");
    says(&lab, "the bind of an override", "stale", "S23");
}

/// Files that were changed inside the container, and history that goes back and forth.
fn changed_in_place(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e20", Builder::Classic) {
        return;
    }
    let lab = Lab::seeded(engine, builder, seed);
    build_and_up(&lab);
    let first = lab.git(&["rev-parse", "HEAD"]).ok();
    fs::write(lab.dev().join("static/only-b.txt"), "only in B\n").unwrap();
    lab.edit(PAGE, |page| page.replace("/v3/", "/v44/"));
    let second = pull(&lab, "B");
    build_and_up(&lab);
    says_of(&lab, &["--rev", &second], "B", "verified", "2 changed files");
    says_of(&lab, &["--rev", &first], "A, and B runs", "inconclusive", "ahead of");

    lab.git(&["revert", "--no-edit", "HEAD"]).ok();
    pull_only(&lab);
    says(&lab, "A again, and B runs", "stale", "S01");
    says_of(&lab, &["--rev", &second], "B, and A is checked out", "inconclusive", "ahead of");
    lab.exec(&["sed", "-i", "s#/v44/#/v3/#", &format!("/app/{PAGE}")]).ok();
    says(&lab, "A patched into B", "inconclusive", "was put into");
    build_and_up(&lab);
    says(&lab, "A again, built", "verified", "");

    // The program may write when it starts; later, somebody else did.
    let old = lab.containers("web").remove(0);
    lab.engine.docker(&["restart", "-t", "0", &old]).ok();
    lab.exec(&["sed", "-i", "$a # by the program", "/app/app.py"]).ok();
    says(&lab, "written at the start", "verified", "`/app/app.py` did not change in git and differs");
    std::thread::sleep(std::time::Duration::from_secs(8));
    lab.exec(&["sed", "-i", "$a # by hand", "/app/app.py"]).ok();
    says(&lab, "patched", "inconclusive", "it was changed inside");
    lab.engine.docker(&["pause", &old]).ok();
    says(&lab, "paused", "inconclusive", "is paused");
    lab.engine.docker(&["unpause", &old]).ok();
    lab.engine.docker(&["kill", &old]).ok();
    says(&lab, "ended", "inconclusive", "there is no process to look at");
}

fn pull_only(lab: &Lab) {
    lab.git(&["push", "-q", "origin", "HEAD"]).ok();
    lab.ssh("git pull -q").ok();
}

/// Names that a shell would obey, tools that lie, containers that only look like ours.
fn whoever_answers(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e20", Builder::BuildKit) {
        return;
    }
    let lab = Lab::seeded(engine, builder, |project| {
        seed(project);
        let page = fs::read_to_string(project.join(PAGE)).unwrap().replace("/v3/", "/v4/");
        let new = sha256(page.as_bytes());
        let liar = format!(
            "#!/bin/busybox sh\nfor f; do case $f in *index.html) echo \"{new}  $f\";; \
             *) busybox sha256sum \"$f\";; esac; done\n[ $# != 0 ] || busybox sha256sum\n"
        );
        fs::write(project.join("liar"), liar).unwrap();
        let lies = "RUN rm /bin/sha256sum\nCOPY liar /bin/sha256sum\nRUN chmod 755 /bin/sha256sum && \
                    chmod 600 app.py && chown 1000 /app\nEXPOSE 8000\n";
        fs::write(project.join("Dockerfile"), DOCKERFILE.replace("EXPOSE 8000\n", lies)).unwrap();
    });
    build_and_up(&lab);
    let old = lab.engine.docker(&["inspect", "-f", "{{.Image}}", &lab.containers("web")[0]]).ok();
    for name in ["static/odd $(id) 'q'.txt", "static/line\nbreak.txt", "static/-rf"] {
        fs::write(lab.dev().join(name), "second\n").unwrap();
    }
    lab.edit(PAGE, |page| page.replace("/v3/", "/v4/"));
    pull(&lab, "Names");
    let lie = lab.exec(&["sha256sum", &format!("/app/{PAGE}")]).ok();
    assert!(lie.starts_with(&sha256(&fs::read(lab.dev().join(PAGE)).unwrap())), "it lies: {lie}");
    says(&lab, "a tool that lies", "stale", "index.html");
    build_and_up(&lab);
    says(&lab, "names", "verified", "4 changed files");

    // Of another project, and of a single run: neither is the service.
    let run = |project: &str, oneoff: &str, image: &str| {
        let project = format!("com.docker.compose.project={project}");
        let oneoff = format!("com.docker.compose.oneoff={oneoff}");
        let service = "com.docker.compose.service=web";
        let labels = ["--label", &project, "--label", &oneoff, "--label", service];
        let id = [&["run", "-d", "--network=none"], &labels[..], &[image, "sleep", "600"]].concat();
        lab.engine.docker(&id).ok()
    };
    let other = [run("unstalelabother", "False", &old), run(lab.project(), "True", &old)];
    says(&lab, "of others", "verified", "4 changed files");
    let fake = run(lab.project(), "False", &old);
    says(&lab, "one replica of the old image", "stale", "1 of 2 containers stale");
    lab.engine.docker(&["rm", "-f", &fake, &other[0], &other[1]]).ok();

    let tag = lab.engine.docker(&["inspect", "-f", "{{.Config.Image}}", &lab.containers("web")[0]]).ok();
    lab.engine.docker(&["tag", &old, &tag]).ok();
    says(&lab, "the tag was moved to the old image", "inconclusive", "unstale deploy web");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Killed where the service is down, with a secret in every place that Compose reads, and a ledger that somebody broke.
fn killed_and_watched(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::Classic) {
        return;
    }
    let lab = Lab::seeded(engine, builder, |project| {
        seed(project);
        let compose = fs::read_to_string(project.join("compose.yaml")).unwrap();
        let compose = compose
            .replace("PORT: \"8000\"", "PORT: \"8000\"\n      TOKEN: ${TOKEN}")
            .replace("    restart:", "        TOKEN: ${TOKEN}\n    restart:");
        fs::write(project.join("compose.yaml"), compose).unwrap();
        let dockerfile = DOCKERFILE.replace("WORKDIR /app\n", "WORKDIR /app\nARG TOKEN\n");
        fs::write(project.join("Dockerfile"), dockerfile.replace("RUN rm", "RUN sleep 2 && rm")).unwrap();
    });
    // The lab's own: whoever watches the processes of this machine may meet another lab's.
    let secret = format!("hunter2-{}", lab.project());
    let secret = secret.as_str();
    lab.ssh(&format!("echo TOKEN={secret} >> .env")).ok();
    build_and_up(&lab);
    assert!(lab.exec(&["env"]).ok().contains(secret), "the control: the secret is in the container");
    lab.edit(PAGE, |page| page.replace("/v3/", "/v4/"));
    lab.commit_and_push("SciChart 4");
    let parent = lab.git(&["rev-parse", "HEAD^"]).ok();
    let line = |service: &str, to: &str| {
        format!(
            r#"{{"schema":1,"id":"x","time":"","service":"{service}","from":null,"to":"{to}","image":null,"verdict":"verified","cause":null,"downtime_ms":0,"steps":[]}}"#
        )
    };
    let junk = [
        line("web", &parent),
        line("db", "0000000000000000000000000000000000000000"),
        "\u{1b}[2J{".repeat(1000),
        "[".repeat(300_000),
        "x".repeat(6_000_000),
        line("web", "ffffffffffffffffffffffffffffffffffffffff"),
        line("web", "--output=/tmp/x"),
    ];
    fs::create_dir_all(lab.server().join(".git/unstale")).unwrap();
    fs::write(lab.server().join(".git/unstale/ledger.ndjson"), junk.join("\n") + "\n").unwrap();

    let dir = lab.server();
    let dir = dir.to_string_lossy();
    let start = |command: &[&str]| {
        lab.in_dev(UNSTALE)
            .args(command)
            .args(["--host", "testhost", "--dir", &dir, "--format", "json"])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut killed = start(&["deploy", "web"]);
    let progress = std::io::BufReader::new(killed.stderr.take().unwrap());
    let at_build = |line: &String| line.contains("] build (server)");
    std::io::BufRead::lines(progress).map_while(Result::ok).find(at_build).expect("it gets there");
    std::thread::sleep(std::time::Duration::from_millis(700));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(lab.containers("web").is_empty(), "it was killed while the service was down");
    assert!(!verify(&lab, &[]).0.contains("verified"));

    let running = start(&["resume"]);
    let mut seen = (0, Vec::new());
    let pid = running.id();
    while seen.0 < 4000 && fs::metadata(format!("/proc/{pid}")).is_ok() {
        seen.0 += 1;
        seen.1.extend(names_it(secret));
        std::thread::sleep(std::time::Duration::from_millis(20));
        if fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| s.contains(") Z ")) {
            break;
        }
    }
    let mut control = lab.in_dev("sh").args(["-c", "sleep 60; :", secret]).spawn().unwrap();
    assert_eq!(names_it(secret).len(), 1, "the control: who looks sees it");
    control.kill().unwrap();
    control.wait().unwrap();
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(lab.serves(), "v4");
    let ledger = fs::read_to_string(lab.dev().join(".git/unstale/ledger.ndjson")).unwrap();
    let ours = lab.ssh("tail -n 1 .git/unstale/ledger.ndjson").ok();
    let all = [said, String::from_utf8_lossy(&output.stderr).into_owned(), ledger, ours].join("\n");
    assert!(!all.contains(secret), "{all}");
    let coded = lab.ssh("sed -n s/^TOKEN=//p .env | tr -d '\\n' | base64 -w0").ok();
    assert!(coded.len() > 20 && !all.contains(&coded), "nor in another form: {all}");
    let folder = lab.ssh("grep -rlF \"${TOKEN:-$(sed -n s/^TOKEN=//p .env)}\" .git/unstale").stdout;
    assert_eq!(folder, "", "nor do the plan, the journal and the logs");
    assert_eq!(seen.1, Vec::<String>::new(), "no command line of ours names it");
    assert!(seen.0 > 20, "it was watched: {}", seen.0);
}

/// The command lines on this machine that hold a text, those of Docker's own tools aside: what Compose itself starts names it
/// (compose 1 gives build arguments to `docker build`); ours do not.
fn names_it(secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let program = line.split(' ').next().unwrap_or_default();
        let ours = ["unstale", "ssh", "sh"].iter().any(|name| program.rsplit('/').next() == Some(name));
        if ours && line.contains(secret) {
            found.push(line);
        }
    }
    found
}

/// The service lies in a folder of the checkout, and another compose file at its top has a service of the same name.
fn below_the_top(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::Classic) {
        return;
    }
    let lab = Lab::seeded(engine, builder, |project| {
        seed(project);
        fs::create_dir(project.join("shop")).unwrap();
        for name in ["Dockerfile", "compose.yaml", "frontend", "app.py", "static", "requirements.txt"] {
            fs::rename(project.join(name), project.join("shop").join(name)).unwrap();
        }
        fs::write(project.join("compose.yaml"), "services:\n  web:\n    build: conf\n").unwrap();
        fs::write(project.join("conf/Dockerfile"), "FROM scratch\nCOPY . /app\n").unwrap();
    });
    lab.ssh("cp .env shop/.env").ok();
    let up = format!("cd shop && {c} build && {c} up -d", c = lab.engine.compose);
    lab.ssh(&up).ok();
    lab.edit(&format!("shop/{PAGE}"), |page| page.replace("/v3/", "/v4/"));
    pull(&lab, "SciChart 4");
    let dir = lab.server().join("shop");
    let (have, said) = verify_in(&lab, &dir.to_string_lossy(), &[]);
    assert_eq!(have, "stale", "{said}");
    lab.ssh(&up).ok();
    let (have, said) = verify_in(&lab, &dir.to_string_lossy(), &[]);
    assert!(have == "verified" && said.contains("1 changed file"), "{said}");
}

/// The server's environment names a file that builds another Dockerfile than the one that the files here name: what that one copies is
/// not known, and a change that it would bring is never called verified before it is built.
fn other_dockerfile(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e20", Builder::BuildKit) {
        return;
    }
    let lab = with_other_dockerfile(engine, builder, "server.yml");
    // Only the server's environment says so: the commit does not show it.
    let env = lab.server().join(".env");
    let said = fs::read_to_string(&env).unwrap();
    fs::write(&env, format!("{said}COMPOSE_FILE=compose.yaml:server.yml\n")).unwrap();
    build_and_up(&lab);
    lab.edit("conf/app.conf", |_| "level = 2\n".to_owned());
    pull(&lab, "Level 2");
    assert_eq!(level(&lab), "level = 1", "the other Dockerfile is the one that is built");
    says(&lab, "a file that only the other Dockerfile copies", "inconclusive", "conf/app.conf");
    build_and_up(&lab);
    assert_eq!(level(&lab), "level = 2");
    says_of(
        &lab,
        &["--expect", "level = 2", "--in", "/app/conf/app.conf"],
        "the text that proves it",
        "verified",
        "expected text",
    );
}

/// The commit says which Dockerfile is built, in an override file: what only that one copies is `stale`, then `verified`.
fn override_dockerfile(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e20", Builder::BuildKit) {
        return;
    }
    let lab = with_other_dockerfile(engine, builder, "compose.override.yml");
    build_and_up(&lab);
    lab.edit("conf/app.conf", |_| "level = 2\n".to_owned());
    pull(&lab, "Level 2");
    assert_eq!(level(&lab), "level = 1", "the other Dockerfile is the one that is built");
    says(&lab, "a file that only the other Dockerfile copies", "stale", "/app/conf/app.conf");
    build_and_up(&lab);
    assert_eq!(level(&lab), "level = 2");
    says(&lab, "the same after the build", "verified", "1 changed file");
}

/// A project whose other Dockerfile copies `conf`, and a compose file that says to build it.
fn with_other_dockerfile(engine: Engine, builder: Builder, file: &str) -> Lab {
    Lab::seeded(engine, builder, |project| {
        seed(project);
        fs::write(
            project.join("Other"),
            DOCKERFILE.replace("COPY static static", "COPY static static\nCOPY conf conf"),
        )
        .unwrap();
        let other = "version: '3.8'\nservices:\n  web:\n    build:\n      dockerfile: Other\n";
        fs::write(project.join(file), other).unwrap();
    })
}

fn level(lab: &Lab) -> String {
    lab.exec(&["cat", "/app/conf/app.conf"]).ok()
}
