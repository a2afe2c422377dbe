//! The checklist: what it shows of a plan, whatever the names are, and its script, run on real engines over real ssh.
#![expect(clippy::disallowed_methods, reason = "the tests run the scripts that they write")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;
use unstale::protocol::{
    Compose, Container, Desired, Generation, HttpCheck, ImageId, Observed, Options, Place, Plan, Target,
    Upstream,
    checklist::{Checklist, Mark, Marks, unique},
    plan, quote_for_script,
};

use crate::{
    protocol::{compose, container, planned, seen, sha, target},
    support::{Builder, Engine, Lab, Ran, on_real_engines},
};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");
const PAGE: &str = "frontend/templates/index.html";
const OLD: &str = "1111111111111111111111111111111111111111";

fn marks(marks: Vec<Mark>) -> Marks {
    Marks { base: Some(sha(OLD)), verified: true, files: marks.len(), marks }
}

fn text(text: &str, at: &str) -> Mark {
    Mark::Text { text: text.into(), at: at.into() }
}

fn list<'a>(plan: &'a Plan, target: &'a Target, seen: &'a Observed, marks: &'a Marks) -> Checklist<'a> {
    Checklist { service: "web", plan, target, seen, marks, http: None }
}

/// A shell reads the script without running it.
#[track_caller]
fn parses(script: &str) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s");
    fs::write(&path, script).unwrap();
    for shell in ["dash", "bash"] {
        Ran::new(Command::new(shell).arg("-n").arg(&path)).ok();
    }
}

#[test]
fn the_list_the_script_and_the_plan_are_one() {
    let mut with_commit = seen();
    with_commit.here.modified = vec!["x".into()];
    let marks = marks(vec![text("return compute(x)", "/app/a.py")]);
    for plan in [planned(&seen(), None), planned(&with_commit, Some("go to v4"))] {
        let (host, all) = (target(), seen());
        let list = list(&plan, &host, &all, &marks);
        let (markdown, script) = (list.markdown(), list.script());
        parses(&script);
        let (mut in_list, mut in_script) = (0, 0);
        for step in &plan.steps {
            let command = unstale::protocol::command(step, &host, plan.commit.as_ref());
            let by_hand = !step.id().contains("record") && !step.id().contains("ledger");
            let find = |text: &str, from: usize, what: &str| {
                from + text[from..]
                    .find(what)
                    .unwrap_or_else(|| panic!("{what} is not in\n{}", &text[from..]))
            };
            if by_hand {
                in_list = find(&markdown, in_list, &format!("\n- [ ] **{}**: ", step.id()));
                in_list = find(&markdown, in_list, &format!("\n  {command}\n"));
                in_script = find(
                    &script,
                    in_script,
                    &format!("begin 'step {}, {}'\n", step.phase().number(), step.id()),
                );
                in_script = find(&script, in_script, &format!("( {command} ) </dev/null\n"));
            } else {
                assert!(markdown.contains(&format!("`{}`", step.id())), "{markdown}");
                assert!(!markdown.contains(&command) && !script.contains(&command));
            }
        }
        let phases = markdown.lines().filter(|l| l.starts_with("## ")).count();
        assert_eq!(phases, 7, "{markdown}");
    }
}

#[test]
fn markdown_is_for_reading() {
    let marks = marks(vec![
        text("https://cdn.example.com/scichart/v4/scichart.js", "/app/frontend/templates/index.html"),
        Mark::Hash { digest: "ab".repeat(32), at: "/app/logo.png".into() },
    ]);
    let (plan, host, seen) = (planned(&seen(), None), target(), seen());
    insta::assert_snapshot!("markdown", list(&plan, &host, &seen, &marks).markdown());
    insta::assert_snapshot!("script", list(&plan, &host, &seen, &marks).script());
}

#[test]
fn where_nothing_can_be_looked_for_it_says_so() {
    let (plan, host, seen) = (planned(&seen(), None), target(), seen());
    let none = Marks { files: 3, ..marks(Vec::new()) };
    let markdown = list(&plan, &host, &seen, &none).markdown();
    assert!(markdown.contains("To be looked for: no file that is new since 111111111111 (the last verified deploy) has a text that can be searched for, nor bytes that can be compared."), "{markdown}");
    let script = list(&plan, &host, &seen, &none).script();
    assert!(
        script.contains(
            "failed '`unstale` is not on the PATH, and nothing else proves that the new version runs'"
        ),
        "{script}"
    );
    for (marks, says) in [
        (Marks::default(), "what runs now is not known"),
        (
            Marks { base: Some(sha(OLD)), ..Marks::default() },
            "no file that is new since 111111111111 (what the server has checked out) has a place of its own",
        ),
        (marks(vec![Mark::Hash { digest: "ab".into(), at: "/a".into() }]), "no changed file has a new text"),
    ] {
        let markdown = list(&plan, &host, &seen, &marks).markdown();
        assert!(markdown.contains(says), "{says}: {markdown}");
    }
}

#[test]
fn every_replica_is_looked_into() {
    let mut three = seen();
    let named = |n: u8| Container { id: format!("c{n}"), name: format!("shop-web-{n}"), ..container() };
    three.server.containers = Some(vec![named(1), named(2), named(3)]);
    let (plan, host, marks) = (planned(&three, None), target(), marks(vec![text("return compute(x)", "/a")]));
    let markdown = list(&plan, &host, &three, &marks).markdown();
    for n in 1..=3 {
        assert!(markdown.contains(&format!("docker exec shop-web-{n} grep ")), "{markdown}");
        assert!(markdown.contains(&format!(" exec -T '--index={n}' web grep ")), "{markdown}");
    }
}

fn check(url: &str, contains: Option<&str>) -> HttpCheck {
    let contains = contains.map(str::to_owned);
    HttpCheck { url: url.into(), contains, from: Place::Server, timeout: 3 }
}

#[test]
fn what_a_visitor_gets_is_asked_for_before_the_last_word() {
    let (host, seen, marks) = (target(), seen(), marks(Vec::new()));
    let mut with_commit = seen.clone();
    with_commit.here.modified = vec!["x".into()];
    let curl = "curl -q -sS -f -g --noproxy";
    for (plan, told, by_shell) in [
        (planned(&seen, None), "v=2222222!", "*'v='2222222'!'*"),
        (
            planned(&with_commit, Some("m")),
            "v=(the first 7 digits of the commit of phase 1)!",
            "*'v='\"$(git rev-parse HEAD | cut -c1-7)\"'!'*",
        ),
    ] {
        let http = check("http://127.0.0.1:8000/v", Some("v={short}!"));
        let list = Checklist { http: Some(&http), ..list(&plan, &host, &seen, &marks) };
        let (markdown, script) = (list.markdown(), list.script());
        parses(&script);
        let (_, end) = markdown.split_once("- [ ] `http://127.0.0.1:8000/v` answers as it should; ").unwrap();
        assert!(end.starts_with(&format!("this must print something with `{told}` in it:\n")), "{end}");
        let order = [curl, "- [ ] **verify**"].map(|words| end.find(words).unwrap());
        assert!(order.is_sorted(), "{end}");
        assert!(script.contains(&format!("case $got in {by_shell})")), "{script}");
        assert!(script.contains("[ \"$tries\" -lt 3 ] || failed"), "{script}");
        let json: Value = serde_json::from_str(&list.json()).unwrap();
        let items = json["phases"].as_array().unwrap().last().unwrap()["items"].as_array().unwrap().clone();
        let look = items.iter().find(|item| item["kind"] == "look").unwrap();
        assert_eq!((&look["expect"], &look["text"]), (&"contains".into(), &told.into()));
        assert!(look["command"].as_str().unwrap().contains(curl), "{look}");
    }
    let (plan, http) = (planned(&seen, None), check("http://127.0.0.1:8000/", None));
    let list = Checklist { http: Some(&http), ..list(&plan, &host, &seen, &marks) };
    assert!(list.markdown().contains("answers as it should; this must end well:"), "{}", list.markdown());
}

#[test]
fn the_document_has_what_the_list_has() {
    let (plan, host, seen) = (planned(&seen(), None), target(), seen());
    let marks = marks(vec![text("return compute(x)", "/app/a.py")]);
    let list = list(&plan, &host, &seen, &marks);
    let json: Value = serde_json::from_str(&list.json()).unwrap();
    assert_eq!(
        (&json["schema"], &json["target"], &json["commit"]),
        (&1.into(), &"prod:/opt/my repo".into(), &plan.commit.as_ref().unwrap().as_str().into())
    );
    let phases = json["phases"].as_array().unwrap();
    assert_eq!(
        phases.iter().map(|one| one["number"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7]
    );
    let items: Vec<&Value> = phases.iter().flat_map(|phase| phase["items"].as_array().unwrap()).collect();
    let steps: Vec<&&Value> = items.iter().filter(|item| item["kind"] == "step").collect();
    let said = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    let markdown = list.markdown();
    assert_eq!(steps.len(), plan.steps.len());
    for (step, planned) in steps.iter().zip(&plan.steps) {
        assert_eq!(said(step, "id"), planned.id());
        assert_eq!(said(step, "command"), unstale::protocol::command(planned, &host, plan.commit.as_ref()));
        assert_eq!(markdown.contains(&said(step, "command")), step["by_hand"] == true, "{step}");
        for look in step["looks"].as_array().unwrap() {
            assert!(markdown.contains(&said(look, "command")), "{look}");
        }
    }
    let looks: Vec<String> =
        items.iter().filter(|item| item["kind"] == "look").map(|look| said(look, "expect")).collect();
    assert_eq!(looks, ["fails", "succeeds"], "the text must be new, and there");
    let remove = steps.iter().find(|step| step["id"] == "remove").unwrap();
    assert!(said(&remove["undo"], "command").contains(" up -d "), "{remove}");
}

/// Names that a shell or a terminal would obey.
const EVIL: [&str; 8] = [
    "a b",
    "it's",
    "$(touch pwned)",
    "`touch pwned`",
    "-rf",
    "\"; touch pwned; \"",
    "a\nb",
    "\u{1b}[31m\u{202e}\r\u{9b}x",
];

#[test]
fn a_word_reaches_a_posix_shell_as_it_is() {
    for evil in EVIL {
        for word in
            [evil.to_owned(), format!("{evil}{evil}\\"), format!("\u{7}{evil}\u{7}"), format!("{evil}'\n\n")]
        {
            let quoted = quote_for_script(&word);
            assert!(!quoted.contains(unstale::text::is_obeyed), "{quoted:?}");
            for shell in ["dash", "bash"] {
                let out = Command::new(shell).args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
                assert_eq!(String::from_utf8(out.stdout).unwrap(), word, "{shell}: {quoted}");
            }
        }
    }
    // What a quoted word is in another one, as for ssh.
    let inner = quote_for_script("\u{1b}'\n$x");
    let outer = quote_for_script(&format!("printf %s {inner}"));
    let out = Command::new("dash").args(["-c", &format!("dash -c {outer}")]).output().unwrap();
    assert_eq!(out.stdout, "\u{1b}'\n$x".as_bytes());
}

#[test]
fn hostile_names_stay_words() {
    for evil in EVIL {
        let mut seen = seen();
        seen.here.toplevel = format!("/home/{evil}");
        seen.here.upstream = Some(Upstream { remote: evil.into(), branch: evil.into() });
        let git = seen.server.git.as_mut().unwrap().as_mut().unwrap();
        git.upstream = Some(Upstream { remote: evil.into(), branch: evil.into() });
        seen.here.modified = vec!["x".into()];
        seen.server.compose = Some(Ok(Compose {
            generation: Generation::Plugin,
            project: "shop".into(),
            tag: evil.into(),
            files: vec![evil.into()],
            services: vec![evil.into()],
            ..compose()
        }));
        seen.server.containers = Some(vec![Container {
            name: evil.into(),
            id: evil.into(),
            image: ImageId(evil.into()),
            ..container()
        }]);
        let desired = Desired::new(evil, Some(evil));
        for host in [Target::Ssh { host: evil.into(), dir: evil.into() }, Target::Local { dir: evil.into() }]
        {
            let options = Options {
                id: "x".into(),
                cache_bust: "x".into(),
                target_words: host.words(),
                expect_words: Vec::new(),
                keep: 5,
                stages: false,
            };
            let plan = plan(&desired, &seen, &options).map_err(|r| r.message).unwrap();
            let marks = marks(vec![text(evil, evil), Mark::Hash { digest: evil.into(), at: evil.into() }]);
            let http = check(evil, Some(evil));
            let list = Checklist {
                service: evil,
                plan: &plan,
                target: &host,
                seen: &seen,
                marks: &marks,
                http: Some(&http),
            };
            let json: Value = serde_json::from_str(&list.json()).unwrap();
            assert_eq!(json["service"], evil);
            let (markdown, script) = (list.markdown(), list.script());
            parses(&script);
            for text in [&markdown, &script] {
                assert!(!text.contains(unstale::text::is_obeyed), "{text:?}");
            }
            // Nothing of it runs but the programs that the plan names, each with its words.
            runs_nothing_else(&script, &plan);
        }
    }
}

/// Runs the script where every program of it only says that it was called, and creates nothing.
fn runs_nothing_else(script: &str, plan: &Plan) {
    let folder = TempDir::new().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for program in ["git", "ssh", "docker", "unstale", "env", "sleep", "docker-compose", "curl"] {
        crate::support::write_executable(&bin.join(program), b"#!/bin/sh\nexit 0\n");
    }
    // Its folder does not exist here.
    let at = script.find("\ncd -- ").unwrap();
    let end = at + script[at..].find("\n\n# ").unwrap();
    let script = format!("{}{}", &script[..at], &script[end..]);
    // It goes on whatever the programs say, so that every line is reached.
    let script = script
        .replace("set -eu\n", "set -u\n")
        .replace("  sleep 1\n", "  break\n")
        .replace("' \"$1\" >&2\n  exit 1\n", "' \"$1\" >&2\n");
    let path = folder.path().join("script");
    fs::write(&path, script).unwrap();
    let ran = Ran::new(
        Command::new("dash")
            .arg(&path)
            .current_dir(folder.path())
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display())),
    );
    assert!(!folder.path().join("pwned").exists(), "{ran:?}");
    assert!(ran.stdout.ends_with("\ndone\n"), "it reached the end: {ran:?}");
    let begun = ran.stdout.lines().filter(|l| l.starts_with("== step ")).count();
    let by_hand =
        plan.steps.iter().filter(|s| !s.id().contains("record") && !s.id().contains("ledger")).count();
    // Each of the two marks is looked for before and after, and what the service answers after.
    assert_eq!(begun, by_hand + 5, "{ran:?}");
    assert!(!ran.stderr.contains("not found") && !ran.stderr.contains("yntax"), "{ran:?}");
}

#[test]
fn a_new_text_is_one_that_the_old_file_lacks() {
    let of = |old: &str, new: &str| unique(old, new);
    assert_eq!(
        of(
            "<script src=\"https://x.example/v3/x.js\"></script>\n",
            "<script src=\"https://x.example/v4/x.js\"></script>\n"
        ),
        Some(("<script src=\"https://x.example/v4/x.js\"></script>".into(), false))
    );
    assert_eq!(of("", "short\n"), None);
    assert_eq!(
        of("", "# a comment of some length\n\nreturn compute(x)\n"),
        Some(("return compute(x)".into(), false)),
        "a comment may be dropped"
    );
    assert_eq!(of("", "# a comment of some length\n"), Some(("# a comment of some length".into(), true)));
    assert_eq!(of("x = return compute(x) + 1\n", "return compute(x)\n"), None, "it was part of an old line");
    assert_eq!(of("    return compute(x)\n", "return compute(x)\r\n"), None, "only its place changed");
    assert_eq!(of("", "\u{1b}colour-of-a-line\u{202e}\n"), None, "it is not fit to be printed");
    let long = format!("{} the-longest-of-its-words {}\n", "a ".repeat(80), "b ".repeat(80));
    assert_eq!(of("", &long), Some(("the-longest-of-its-words".into(), false)));
}

on_real_engines! { corners: a_script_deploys, a_script_stops }

/// The list as a script; nothing was changed when it was made.
fn script(lab: &Lab, more: &[&str]) -> std::path::PathBuf {
    let dir = lab.server();
    let before = lab.ssh(STATE).ok();
    let list = |format: &str| {
        let mut command = lab.in_dev(UNSTALE);
        command
            .args(["checklist", "web", "--host", "testhost", "--format", format, "--dir"])
            .arg(&dir)
            .args(more);
        Ran::new(&mut command).ok()
    };
    let markdown = list("markdown");
    assert!(markdown.contains("- [ ] **build**"), "{markdown}");
    let path = lab.folder().join("by-hand.sh");
    fs::write(&path, list("sh") + "\n").unwrap();
    assert_eq!(lab.ssh(STATE).ok(), before, "a list changes nothing");
    path
}

const STATE: &str = "git rev-parse HEAD; git status --porcelain; docker ps -aq --no-trunc | sort; \
                     docker images -q --no-trunc | sort; docker volume ls -q | sort";

/// Runs it as a person would, in another folder, with `unstale` on the PATH or without.
fn run(lab: &Lab, script: &Path, with_unstale: bool) -> Ran {
    let mut command = lab.in_dev("dash");
    command.arg(script).current_dir("/");
    if with_unstale {
        let path =
            command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, v)| v).unwrap().to_owned();
        let bin = Path::new(UNSTALE).parent().unwrap().display().to_string();
        command.env("PATH", format!("{}:{bin}", path.to_string_lossy()));
    }
    Ran::new(&mut command)
}

/// The script does what `deploy` does; run again it leaves out what is done.
fn a_script_deploys(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    lab.push_v4();
    let path = script(&lab, &[]);
    let ran = run(&lab, &path, true);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(lab.serves(), "v4");
    assert!(ran.stdout.contains("/v4/scichart.js") && ran.stdout.contains("verified: "), "{ran:?}");
    let head = lab.git(&["rev-parse", "HEAD"]).ok();
    assert_eq!(lab.ssh("git rev-parse HEAD").ok(), head);
    let again = run(&lab, &path, false);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.contains("== step 2, remove\ndone already\n"), "{again:?}");
    assert!(again.stdout.contains("`unstale` is not on the PATH"), "{again:?}");
    assert_eq!(lab.serves(), "v4");

    // A change without a new text: the bytes of the file are compared.
    lab.edit("app.py", |text| text.split_inclusive('\n').skip(1).collect());
    lab.commit_and_push("One line less");
    let list = fs::read_to_string(script(&lab, &[])).unwrap();
    let digest = Ran::new(Command::new("sha256sum").arg(lab.dev().join("app.py"))).ok();
    let line = format!("{}  /app/app.py", digest.split(' ').next().unwrap());
    assert!(list.contains(&line) && list.contains(" sha256sum /app/app.py"), "{line} is not in {list}");

    // What is in the container already proves nothing, and is seen before anything is removed.
    lab.edit("app.py", |text| text.to_owned() + "ANSWER_OF_THE_APP = 42\n");
    lab.commit_and_push("An answer");
    let path = script(&lab, &[]);
    let id = lab.containers("web");
    lab.exec(&["sh", "-c", "echo 'ANSWER_OF_THE_APP = 42' >> /app/app.py"]).ok();
    let ran = run(&lab, &path, false);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("stopped at step 2, `/app/app.py` in "), "{ran:?}");
    assert_eq!(lab.containers("web"), id, "nothing was removed");
}

/// A build that fails stops the script there; the command that it prints brings the old version back.
fn a_script_stops(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    lab.edit("Dockerfile", |text| text.replace("EXPOSE 8000", "RUN false\nEXPOSE 8000"));
    let path = script(&lab, &["-m", "Break the $(build) it's"]);
    let ran = run(&lab, &path, true);
    assert!(ran.code != 0, "{ran:?}");
    assert!(ran.stderr.contains("\nstopped at step 5, build\n"), "{ran:?}");
    assert!(!ran.stdout.contains("step 6"), "{ran:?}");
    assert_eq!(lab.git(&["log", "-1", "--format=%s"]).ok(), "Break the $(build) it's");
    assert_eq!(lab.containers("web"), Vec::<String>::new());
    let undo = ran.stderr.lines().find_map(|l| l.strip_prefix("to bring the old version back: ")).unwrap();
    Ran::new(lab.in_dev("dash").args(["-c", undo])).ok();
    assert_eq!(lab.serves(), "v3", "the old version is back");

    lab.edit("Dockerfile", |text| text.replace("RUN false\n", ""));
    lab.edit(PAGE, |page| page.replace("/v3/", "/v4/"));
    let next =
        ran.stderr.lines().find_map(|l| l.strip_prefix("for another commit make a new one: ")).unwrap();
    assert!(next.starts_with("unstale checklist web --host testhost --dir "), "{next}");
    let path = script(&lab, &["-m", "Mend it"]);
    let list = fs::read_to_string(&path).unwrap();
    assert!(list.contains("/v4/scichart.js"), "what is not committed yet is looked for: {list}");
    let ran = run(&lab, &path, true);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(lab.serves(), "v4");

    // On the server itself, in the one checkout, without ssh.
    lab.ssh("sed -i s,/v4/,/v5/, frontend/templates/index.html").ok();
    let list = Ran::new(lab.in_server(UNSTALE).args([
        "checklist",
        "web",
        "--local",
        "--format",
        "sh",
        "-m",
        "SciChart 5",
    ]))
    .ok();
    assert!(list.contains("/v5/scichart.js") && !list.contains("ssh "), "{list}");
    fs::write(&path, list + "\n").unwrap();
    Ran::new(lab.in_server("dash").arg(&path).current_dir("/")).ok();
    assert_eq!(lab.serves(), "v5");
}
