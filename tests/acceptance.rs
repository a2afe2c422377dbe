//! What a deploy promises, end to end: the acceptance scenarios that no other test watches, and where the others are.
//!
//! | scenario | watched by |
//! |---|---|
//! | 1 change one line, deploy; again: nothing to do | `deploy::commit_to_verified`; `nothing_twice` |
//! | 2 stale by (a) an anonymous, (b) a named volume, (c) a tmpfs | (a) `scenarios` (S05) and the lab; (b) `deploy::volume`, `incident::volume`; (c) `mounts` |
//! | 3 a single file's bind mount keeps the old inode, and `docker cp` does not show it | `mounts` |
//! | 4 a failed build: the old version serves | `order::build_first`, `deploy::failed_build` |
//! | 5 client, connection, worker or Docker killed | `halfway::faults`, `hard::killed_and_watched` |
//! | 6 two deploys at once, a dead holder | `halfway::second_deploy`, `halfway::faults` (worker), `halfway::interrupted` |
//! | 7 the server's checkout | `protocol::every_way_to_refuse_has_its_own_reason`, `deploy::refusals` |
//! | 8 probes: (a) in the old code, (b) odd texts, (c) no shell, (d) not readable for the user, (e) stopped or paused, (f) one old replica, (g) a label that lies | (a) `deploy::refusals`; (b) (c) (d) (g) `told_as_it_is`; (e) `hard::changed_in_place`; (f) `hard::whoever_answers` |
//! | 9 unhealthy, exited or in a loop, and back; what is kept | `unhealthy`, `sick::does_not_stay_up`, `halfway::back` |
//! | 10 plans and looks change nothing; no secret anywhere | `nothing_twice`; `hard::killed_and_watched` |
//! | a leftover `<hash>_name`, another service with the image, Ctrl-C once and twice, another clock | `leftovers`, `halfway::interrupted`, `nothing_twice` |
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    sick::{push, starts_with_a_script},
    support::{Builder, Engine, Lab, Ran, elsewhere, on_real_engines, skipped, write_executable},
};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");
const PAGE: &str = "frontend/templates/index.html";

on_real_engines!(nothing_twice, mounts, told_as_it_is, unhealthy, leftovers);

/// A command on the lab's server, its document, and its exit code.
fn at_server(lab: &Lab, args: &[&str]) -> (Value, i32) {
    let mut command = lab.in_dev(UNSTALE);
    command.args(args).args(["--host", "testhost", "--format", "json", "--dir"]).arg(lab.server());
    let ran = Ran::new(&mut command);
    let document = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    (document, ran.code)
}

#[track_caller]
fn says(lab: &Lab, args: &[&str], verdict: &str, words: &str) -> Value {
    let (document, _) = at_server(lab, args);
    assert_eq!(document["verdict"], verdict, "{args:?}: {document:#}");
    assert!(document.to_string().contains(words), "{args:?}: {words:?} is not in {document:#}");
    document
}

fn build_and_up(lab: &Lab) {
    lab.ssh(&format!("{c} build && {c} up -d", c = lab.engine.compose)).ok();
}

fn pull(lab: &Lab, message: &str) {
    lab.commit_and_push(message);
    lab.ssh("git pull -q").ok();
}

/// The commands of `docker`, compose and git on the server that change nothing, by how they begin.
///
/// To look into an image, a container is made that never starts, and removed.
const READING: [&str; 27] = [
    "docker create --network none --label unstale.probe=image ",
    "docker rm -v ",
    "docker version ",
    "docker compose version",
    "docker ps ",
    "docker inspect ",
    "docker image ls ",
    "docker image inspect ",
    "docker exec ",
    "docker cp -L ",
    "docker system df ",
    "git rev-parse ",
    "git symbolic-ref -q ",
    "git config branch.",
    "git config core.",
    "git status --porcelain",
    "git ls-files ",
    "git cat-file -e ",
    "git log -1 ",
    "docker image history ",
    "docker network ls ",
    "docker info ",
    "git rev-list --count ",
    "git -c core.quotepath=off ls-files ",
    "git grep -q ",
    "git config filter.lfs.",
    "git lfs version",
];

/// What was said on the server to `docker`, compose and git since the last call.
fn said(lab: &Lab) -> Vec<String> {
    let log = lab.folder().join("said");
    let text = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(log);
    text.lines().map(str::to_owned).collect()
}

/// Whether a command only reads.
fn reads(line: &str) -> bool {
    let compose = line.strip_prefix("docker compose -p ").or_else(|| line.strip_prefix("docker-compose -p "));
    let compose = compose.and_then(|rest| rest.split_once(' ')).map(|(_, rest)| rest);
    let compose = compose
        .or_else(|| line.strip_prefix("docker compose "))
        .or_else(|| line.strip_prefix("docker-compose "));
    match compose {
        Some(rest) => rest.starts_with("config") || rest.starts_with("version"),
        None => READING.iter().any(|start| line.starts_with(start)),
    }
}

/// A deploy that is verified is not done again; what only looks sends nothing that changes anything; the clock here is
/// nobody's business.
fn nothing_twice(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::BuildKit) {
        return;
    }
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    lab.push_v4();
    listen(&lab);
    let state = "export GIT_OPTIONAL_LOCKS=0; git rev-parse HEAD; git status --porcelain; docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'; \
                 docker image ls --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort; docker volume ls -q; find . -printf '%T@ %p\\n' | sort";
    let state = || -> BTreeSet<String> { lab.ssh(state).ok().lines().map(str::to_owned).collect() };
    let before = state();
    said(&lab);
    let (planned, _) = at_server(&lab, &["deploy", "web", "--dry-run"]);
    assert_eq!(planned["verdict"], "planned", "{planned:#}");
    says(&lab, &["verify", "web"], "stale", "");
    at_server(&lab, &["rollback", "web", "--list"]);
    let mut checklist = lab.in_dev(UNSTALE);
    Ran::new(checklist.args(["checklist", "web", "--host", "testhost", "--dir"]).arg(lab.server())).ok();
    let lines = said(&lab);
    let changing: Vec<&String> = lines.iter().filter(|line| !reads(line)).collect();
    assert!(changing.is_empty() && lines.len() > 20, "{changing:#?} of {}", lines.len());
    let after = state();
    assert_eq!(before.symmetric_difference(&after).collect::<Vec<_>>(), Vec::<&String>::new());

    says(&lab, &["deploy", "web"], "verified", "");
    let lines = said(&lab);
    for start in ["docker rm -f ", "docker tag ", "git merge ", "docker builder prune "] {
        let line = lines.iter().find(|line| line.starts_with(start));
        assert!(line.is_some_and(|line| !reads(line)), "the control: {start} in {lines:#?}");
    }

    let (old, before) = (lab.containers("web"), state());
    said(&lab);
    for args in [&["deploy", "web"][..], &["deploy", "web", "--dry-run"], &["deploy", "web", "-m", "Nothing"]]
    {
        let again = says(&lab, args, "verified", "nothing to do");
        assert_eq!(again["steps"].as_array().map(Vec::len), Some(0), "{again:#}");
    }
    let changing: Vec<String> = said(&lab).into_iter().filter(|line| !reads(line)).collect();
    assert!(changing.is_empty(), "{changing:#?}");
    let after = state();
    assert_eq!(before.symmetric_difference(&after).collect::<Vec<_>>(), Vec::<&String>::new());

    // Whatever may have changed for the container makes it worth a deploy, and so does the wish.
    let planned = |more: &[&str]| {
        at_server(&lab, &[&["deploy", "web", "--dry-run"], more].concat()).0["verdict"].clone()
    };
    assert_eq!(planned(&["--force"]), "planned");
    assert_eq!(planned(&[]), "verified");
    lab.ssh("echo 'services: {web: {environment: {LEVEL: \"2\"}}}' >compose.override.yaml").ok();
    assert_eq!(planned(&[]), "planned", "the environment of the server says something else");
    lab.ssh("rm compose.override.yaml").ok();
    lab.engine.docker(&["stop", "-t", "0", &old[0]]).ok();
    assert_eq!(planned(&[]), "planned", "it does not run");
    says(&lab, &["deploy", "web"], "verified", "");
    assert_eq!(lab.serves(), "v4");
    an_hour_off(&lab);
}

/// The developer's clock changes no verdict.
fn an_hour_off(lab: &Lab) {
    const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    if !fs::exists(LIBRARY).unwrap() {
        return skipped("the clock: Debian's libfaketime is not installed");
    }
    let verdict = |offset: &str, command: &str| {
        let mut unstale = lab.in_dev(UNSTALE);
        unstale.args([command, "web", "--host", "testhost", "--format", "json", "--dir"]).arg(lab.server());
        unstale.env("LD_PRELOAD", LIBRARY).env("FAKETIME", offset);
        let document: Value = serde_json::from_str(&Ran::new(&mut unstale).stdout).unwrap();
        document["verdict"].as_str().unwrap().to_owned()
    };
    let date = |offset: &str| {
        let mut date = lab.in_dev("date");
        date.arg("+%s").env("LD_PRELOAD", LIBRARY).env("FAKETIME", offset);
        Ran::new(&mut date).ok().parse::<i64>().unwrap()
    };
    assert!((7190..7210).contains(&(date("+1h") - date("-1h"))), "the control");
    assert_eq!((verdict("+1h", "verify"), verdict("-1h", "verify")), ("verified".into(), "verified".into()));
    lab.edit(PAGE, |page| page.replace("/v4/", "/v5/"));
    pull(lab, "SciChart 5");
    assert_eq!((verdict("+1h", "verify"), verdict("-1h", "verify")), ("stale".into(), "stale".into()));
    assert_eq!((verdict("-1h", "deploy").as_str(), lab.serves().as_str()), ("verified", "v5"));
    assert_eq!(verdict("+1h", "verify"), "verified");
}

/// Has every word to `docker`, compose and git on the server written down.
fn listen(lab: &Lab) {
    let bin = lab.server_bin();
    let log = lab.folder().join("said");
    let real = |name: &str| match name {
        "git" => "/usr/bin/git".to_owned(),
        name => lab.engine.bin.join(name).display().to_string(),
    };
    for name in ["docker", "docker-compose", "git"] {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >>{}\nexec {} \"$@\"\n",
            log.display(),
            real(name)
        );
        write_executable(&bin.join(name), script.as_bytes());
    }
}

/// What is mounted over a file decides, whatever `docker cp` and the image say.
fn mounts(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e20", Builder::BuildKit) {
        return;
    }
    let lab = Lab::seeded(engine, builder, |project| {
        fs::write(project.join("app.conf"), "level = 1\n").unwrap();
        fs::write(project.join(".dockerignore"), "app.conf\n").unwrap();
        fs::create_dir(project.join("static")).unwrap();
        fs::write(project.join("static/one.txt"), "one\n").unwrap();
    });
    let mount = |what: &str| {
        let text = format!("version: '3.8'\nservices:\n  web:\n{what}");
        fs::write(lab.server().join("compose.override.yml"), text).unwrap();
    };
    // `docker cp`, which a verifier could trust.
    let copied =
        |path: &str| lab.ssh(&format!("docker cp -L {}:{path} - | tar -xO", lab.containers("web")[0])).ok();

    mount("    volumes:\n      - ./app.conf:/etc/app.conf\n");
    build_and_up(&lab);
    says(&lab, &["verify", "web"], "verified", "");
    lab.edit("app.conf", |_| "level = 2\n".into());
    pull(&lab, "Level 2");
    assert_eq!(lab.exec(&["cat", "/etc/app.conf"]).ok(), "level = 1", "the control: the old inode");
    assert_eq!(copied("/etc/app.conf"), "level = 2", "the control: `docker cp` goes by the path");
    let stale = says(&lab, &["verify", "web"], "stale", "S23");
    let cure = stale["replicas"][0]["cure"].as_str().unwrap();
    Ran::new(lab.in_dev("bash").args(["-c", cure])).ok();
    assert_eq!(lab.exec(&["cat", "/etc/app.conf"]).ok(), "level = 2");
    says(&lab, &["verify", "web"], "verified", "");

    mount("    tmpfs:\n      - /app/static\n");
    build_and_up(&lab);
    lab.edit("static/one.txt", |_| "two\n".into());
    pull(&lab, "Two");
    build_and_up(&lab);
    assert_eq!(lab.exec(&["ls", "/app/static"]).ok(), "", "the control: the process sees nothing");
    assert_eq!(copied("/app/static/one.txt"), "two", "the control: `docker cp` looks below it");
    let hidden = says(&lab, &["verify", "web"], "stale", "tmpfs");
    assert_eq!(hidden["replicas"][0]["cause"], "mount", "{hidden:#}");
}

/// Texts that a shell or `grep` would misread; a container without a shell, whose user cannot read its files; an image
/// whose label lies.
fn told_as_it_is(engine: Engine, builder: Builder) {
    const TEXTS: [&str; 4] = ["-dash", "it's \"q\" $HOME `id` \\n", "one line\nand another", "v1.2"];
    const DOCKERFILE: &str = "ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE} AS made\nWORKDIR /app\nCOPY . .\n\
        RUN chmod 600 app.py && mkdir /out && cp /bin/busybox /out/httpd\n\
        FROM scratch\nCOPY --from=made /out/httpd /httpd\nCOPY --from=made /app /app\nUSER 1000\n\
        CMD [\"/httpd\", \"-f\", \"-p\", \"8000\", \"-h\", \"/app/frontend/templates\"]\n";
    if elsewhere(&engine, builder, "e20", Builder::Classic) {
        return;
    }
    let lab = Lab::seeded(engine, builder, |project| {
        fs::write(project.join("Dockerfile"), DOCKERFILE).unwrap();
        fs::write(project.join("texts"), "v1x2\none line\nand a third\n").unwrap();
    });
    build_and_up(&lab);
    let shell = lab.exec(&["sh", "-c", "true"]);
    assert_ne!(shell.code, 0, "the control: no shell");
    let old = lab.git(&["rev-parse", "HEAD"]).ok();
    lab.edit(PAGE, |page| page.replace("/v3/", "/v4/"));
    lab.edit("app.py", |text| format!("{text}\n# second\n"));
    pull(&lab, "Second");
    let stale = says(&lab, &["verify", "web"], "stale", "");
    assert_eq!(stale["replicas"][0]["files"]["stale"], 2, "{stale:#}");
    build_and_up(&lab);
    let fresh = says(&lab, &["verify", "web"], "verified", "");
    let files = &fresh["replicas"][0]["files"];
    assert_eq!((&files["fresh"], &files["unknown"]), (&files["checked"], &0.into()), "{fresh:#}");

    // Near misses first: nothing of these is in the file yet.
    let look = |text: &str| at_server(&lab, &["verify", "web", "--expect", text, "--in", "/app/texts"]);
    for text in TEXTS {
        let (missed, _) = look(text);
        assert_eq!(missed["verdict"], "inconclusive", "{text:?}: {missed:#}");
        assert!(missed["reason"].as_str().unwrap().ends_with("lacks the expected text"), "{missed:#}");
    }
    let empty = look("");
    assert_eq!((empty.1, empty.0["class"].as_str()), (2, Some("empty-text")), "{:#}", empty.0);
    lab.edit("texts", |_| TEXTS.join("\n"));
    pull(&lab, "Texts");
    build_and_up(&lab);
    for text in TEXTS {
        let (found, code) = look(text);
        assert_eq!((found["verdict"].as_str(), code), (Some("verified"), 0), "{text:?}: {found:#}");
    }

    // The label says that it is new.
    let tag =
        lab.engine.docker(&["inspect", "--format", "{{.Config.Image}}", &lab.containers("web")[0]]).ok();
    let lie = format!(
        "git archive {old} | docker build -q --label org.opencontainers.image.revision=$(git rev-parse HEAD) \
         --build-arg BASE_IMAGE=$(sed -n s/^BASE_IMAGE=//p .env) -t {tag} - && {} up -d --no-build",
        lab.engine.compose
    );
    lab.ssh(&lie).ok();
    let label = "{{index .Config.Labels \"org.opencontainers.image.revision\"}}";
    let labelled = lab.engine.docker(&["inspect", "--format", label, &lab.containers("web")[0]]).ok();
    assert_eq!(labelled, lab.git(&["rev-parse", "HEAD"]).ok(), "the control");
    let stale = says(&lab, &["verify", "web"], "stale", "");
    assert_eq!(stale["replicas"][0]["cause"], "image", "{stale:#}");
}

/// A project with a health check that fails once `/tmp/sick` is there, and says its secret.
fn with_health_check(project: &Path) {
    starts_with_a_script(project);
    let path = project.join("Dockerfile");
    let health = "HEALTHCHECK --interval=1s --timeout=5s --retries=1 \\\n  \
                  CMD ! test -e /tmp/sick || { echo \"no: $TOKEN\"; exit 1; }\nCMD [\"sh\"";
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("CMD [\"sh\"", health)).unwrap();
    let path = project.join("compose.yaml");
    let compose = fs::read_to_string(&path).unwrap();
    let token = "PORT: \"8000\"\n      TOKEN: ${TOKEN}";
    fs::write(&path, compose.replace("PORT: \"8000\"", token)).unwrap();
}

/// A new version that never gets healthy is taken back, and says why without its secrets; or it is kept, to be looked at; or
/// it is no worse than what ran before. What is kept stays kept.
fn unhealthy(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::Classic) {
        return;
    }
    let lab = Lab::seeded(engine, builder, with_health_check);
    let (secret, other) =
        (format!("hunter2+/&{}", lab.project()), format!("only-in-the-file-{}", lab.project()));
    lab.ssh(&format!("printf 'TOKEN=%s\\nOTHER=%s\\n' '{secret}' '{other}' >>.env")).ok();
    says(&lab, &["deploy", "web"], "verified", "");
    let old = lab.git(&["rev-parse", "HEAD"]).ok();
    let image = || lab.engine.docker(&["inspect", "--format", "{{.Image}}", &lab.containers("web")[0]]).ok();
    let ran = image();

    // It says its secrets as they are, in a URL, in a header, and in colour.
    let script = format!(
        "touch /tmp/sick; echo plain $TOKEN {other}; echo url $(printf %s \"$TOKEN\" | od -An -v -tx1 | tr -d '\\n' | tr ' ' %)\n\
         echo header $(printf %s \"user:$TOKEN\" | base64); printf 'colour \\033[31m%s\\033[0m\\033[2J\\n' \"$TOKEN\"",
    );
    push(&lab, "v4", &script);
    let mut deploy = lab.in_dev(UNSTALE);
    deploy.args(["deploy", "web", "--host", "testhost", "--format", "json", "--dir"]).arg(lab.server());
    let ran_deploy = Ran::new(&mut deploy);
    let sick: Value = serde_json::from_str(&ran_deploy.stdout).unwrap();
    assert_eq!((sick["verdict"].as_str(), ran_deploy.code), (Some("stopped"), 3), "{sick:#}");
    let reason = sick["reason"].as_str().unwrap();
    assert!(reason.starts_with("the new version is sick: the health check of `"), "{reason}");
    assert!(reason.contains(&format!("` from image {} running now; verified: `", &ran[7..19])), "{reason}");
    assert_eq!(sick["returned"]["verdict"], "verified", "{sick:#}");
    assert_eq!((image(), lab.serves().as_str()), (ran.clone(), "v3"));
    let words = &sick["sick"][0];
    let said = ["plain [TOKEN] [OTHER]", "url [TOKEN]", "header [TOKEN]", "colour [TOKEN]"];
    assert_eq!(
        (&words["ailment"], &words["log"]),
        (&"unhealthy".into(), &serde_json::json!(said)),
        "{sick:#}"
    );
    assert_eq!(words["check"], serde_json::json!(["no: [TOKEN]"]), "{sick:#}");
    // The control: the container is gone, so another one says what it said.
    let log = lab
        .ssh(&format!(
            "TOKEN='{secret}' sh -c 'rm -f /tmp/sick; sed s,exec.*,, start.sh | sh; rm -f /tmp/sick'"
        ))
        .ok();
    let forms: Vec<&str> = log.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!((forms.len(), forms[0]), (4, secret.as_str()), "{log}");
    let kept_secret = |text: &str| {
        for form in forms.iter().take(3).chain([&other.as_str()]) {
            let form = form.trim_end_matches('=');
            assert!(form.len() > 10 && !text.contains(form), "{form} in {text}");
        }
    };
    kept_secret(&ran_deploy.stdout);
    kept_secret(&ran_deploy.stderr);
    for word in ["hunter2", "plain [TOKEN]", "colour"] {
        let found = lab.ssh(&format!("grep -rlF '{word}' .git/unstale")).stdout;
        assert_eq!(found, "", "{word}: the log is neither in the ledger nor in the journal");
    }
    let (history, _) = at_server(&lab, &["history"]);
    assert_eq!(history["causes"][0]["cause"], "unhealthy", "{history:#}");
    assert_eq!(history["incidents"][0]["open"], true, "{history:#}");
    let steps = sick["steps"].as_array().unwrap().iter().skip_while(|step| step["id"] != "remove");
    let least: u64 = steps.map(|step| step["ms"].as_u64().unwrap()).sum();
    let down = sick["downtime_ms"].as_u64().unwrap();
    assert!(down >= least, "while the sick one ran, too: {sick:#}");
    assert_eq!(history["deploys"][1]["downtime_ms"], down, "{history:#}");
    assert_eq!(
        at_server(&lab, &["deploy", "web", "--dry-run"]).0["verdict"],
        "planned",
        "it is not done with"
    );

    // For a look. The way back is told, and `verify` says the same.
    let (kept, code) = at_server(&lab, &["deploy", "web", "--no-rollback"]);
    assert_eq!((kept["verdict"].as_str(), code), (Some("stopped"), 3), "{kept:#}");
    assert!(kept["reason"].as_str().unwrap().contains("kept to be looked at"), "{kept:#}");
    assert_eq!((lab.serves().as_str(), &kept["returned"]), ("v4", &Value::Null));
    let name = kept["sick"][0]["container"].as_str().unwrap();
    let next = |document: &Value| -> Vec<String> {
        document["next"].as_array().unwrap().iter().map(|next| next.as_str().unwrap().to_owned()).collect()
    };
    let ways = next(&kept);
    assert!(
        ways[0].starts_with("unstale rollback web --host ")
            && ways[1].contains(&format!("docker logs {name}")),
        "{ways:?}"
    );
    let looked = says(&lab, &["verify", "web"], "inconclusive", "the health check of");
    assert_eq!((&next(&looked), &looked["sick"][0]["log"]), (&ways, &serde_json::json!(said)), "{looked:#}");

    // The next one is as sick, and so would be what came back.
    push(&lab, "v5", "touch /tmp/sick");
    let (same, code) = at_server(&lab, &["deploy", "web"]);
    assert_eq!((same["verdict"].as_str(), code), (Some("inconclusive"), 4), "{same:#}");
    assert!(same["reason"].as_str().unwrap().contains("no better before this deploy"), "{same:#}");
    assert!(next(&same).iter().any(|way| way.starts_with("unstale rollback web ")), "{same:#}");
    assert_eq!(lab.serves(), "v5");

    says(&lab, &["rollback", "web", "--to", &old], "verified", &old);
    assert_eq!((image(), lab.serves().as_str()), (ran, "v3"));
    lab.engine.docker(&["image", "prune", "--force"]).ok();
    let (list, _) = at_server(&lab, &["rollback", "web", "--list"]);
    let kept = list["kept"].as_array().unwrap();
    assert!(kept.iter().filter(|one| one["current"] == false).count() >= 2, "the sick ones, too: {list:#}");
}

/// What an interrupted Compose leaves, and who else runs the image.
fn leftovers(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e20", Builder::Classic) {
        return;
    }
    let lab = Lab::seeded(engine, builder, |project| {
        let text = fs::read_to_string(project.join("compose.yaml")).unwrap();
        let worker = "  worker:\n    image: ${COMPOSE_PROJECT_NAME}_web\n    command: [\"sleep\", \"600\"]\n";
        fs::write(project.join("compose.yaml"), text + worker).unwrap();
    });
    lab.compose("build").ok();
    lab.compose("up -d").ok();
    let worker = lab.containers("worker");
    // Compose renames the old container before it makes the new one, and was killed in between.
    let old = lab.containers("web").remove(0);
    let name = lab.engine.docker(&["inspect", "--format", "{{.Name}}", &old]).ok();
    let name = name.trim_start_matches('/').to_owned();
    lab.engine.docker(&["rename", &old, &format!("{}_{name}", &old[..12])]).ok();
    lab.engine.docker(&["stop", "-t", "0", &old]).ok();
    lab.push_v4();
    let (planned, _) = at_server(&lab, &["deploy", "web", "--dry-run"]);
    let removes = |step: &Value| step["id"] == "remove" && step["command"].as_str().unwrap().contains(&old);
    assert!(planned["steps"].as_array().unwrap().iter().any(removes), "by its label and its ID: {planned:#}");
    says(&lab, &["deploy", "web"], "verified", "");
    assert_eq!(lab.serves(), "v4");
    let all =
        lab.engine.docker(&["ps", "-a", "--format", "{{.Names}}", "--filter", &format!("name={name}")]).ok();
    assert_eq!(all, name, "the leftover is gone, and the name is free again");
    assert_eq!(lab.containers("worker"), worker, "the other service is left alone");
}
