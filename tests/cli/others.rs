//! The other commands that only look: `trace`, `rules`, `explain`, `ast`, help.

use std::process::Stdio;

use serde_json::Value;

use super::{Folder, ends, program};

#[test]
fn trace_prints_the_way_of_a_file() {
    let folder = Folder::scichart();
    folder.commit();
    let page = "frontend/templates/index.html";
    let text = ends(folder.run(&["trace", page]), 0);
    assert_eq!(
        text.stdout,
        "frontend/templates/index.html\n  web: it reaches the container\n    Dockerfile:6  COPY . .\n    \
         in the container: /app/frontend/templates/index.html\n"
    );
    let below = ends(folder.run_in("frontend", &["trace", "templates/index.html", "--service", "web"]), 0);
    assert_eq!(below.stdout, text.stdout);
    let json = ends(folder.run(&["trace", page, "app.py", "--format", "json"]), 0);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["files"].as_array().unwrap().len(), 2);
    assert_eq!(
        document["files"][0],
        serde_json::json!({"path": page, "services": [{
            "service": "web", "compose": "compose.yaml", "dockerfile": "Dockerfile", "verdict": "reaches",
            "container_paths": ["/app/frontend/templates/index.html"],
            "route": [{"file": "Dockerfile", "line": 6, "what": "COPY . ."}], "shadowed_by": null}]})
    );
    let volume = Folder::bad("volume-shadows-image", "app-folder");
    let hidden = ends(volume.run(&["trace", "app.py", "--format", "json"]), 0);
    let document: Value = serde_json::from_str(&hidden.stdout).unwrap();
    let service = &document["files"][0]["services"][0];
    assert_eq!(service["verdict"], "shadowed");
    assert_eq!(
        service["shadowed_by"],
        serde_json::json!({"kind": "named-volume", "source": "code", "target": "/app", "file": "compose.yaml", "line": 7})
    );
    let hidden = ends(volume.run(&["trace", "app.py"]), 0);
    assert!(
        hidden.stdout.contains("    hidden by compose.yaml:7  named-volume code over /app\n"),
        "{}",
        hidden.stdout
    );
}

#[test]
fn trace_says_what_it_cannot_trace() {
    let folder = Folder::scichart();
    folder.commit();
    let empty = Folder::new();
    empty.put("a", "");
    for (folder, args, says) in [
        (
            &folder,
            &["trace", "gone.html"][..],
            "error: `gone.html` is not a file of the repository, or git ignores it\n",
        ),
        (&folder, &["trace", "/etc/passwd"], "error: `/etc/passwd` lies outside of the repository `"),
        (&folder, &["trace", "../x"], "error: `../x` lies outside of the repository `"),
        (
            &folder,
            &["trace", "app.py", "--service", "db"],
            "error: there is no service `db`: the compose files have `web`\n",
        ),
        (&empty, &["trace", "a"], "error: no compose file has a service here\n"),
        (&folder, &["trace"], "error: the following required arguments were not provided"),
    ] {
        let ran = ends(folder.run(args), 2);
        assert!(ran.stderr.starts_with(says), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn rules_and_their_pages() {
    let folder = Folder::new();
    let rules = ends(folder.run(&["rules"]), 0);
    assert!(rules.stdout.lines().count() >= 8);
    for line in rules.stdout.lines() {
        let id = line.split(' ').next().unwrap();
        let page = ends(folder.run(&["explain", id]), 0);
        assert!(page.stdout.starts_with(&format!("# {id}: ")), "{}", page.stdout);
        assert!(!page.stdout.contains("<!--"), "{}", page.stdout);
    }
    let json = ends(folder.run(&["rules", "--format", "json"]), 0);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    let all = document["rules"].as_array().unwrap();
    assert_eq!(all.len(), rules.stdout.lines().count());
    let aliases = all
        .iter()
        .flat_map(|r| r["aliases"].as_array().unwrap().iter().map(move |a| (r, a.as_str().unwrap())));
    let mut seen = 0;
    for (rule, alias) in aliases {
        for name in [alias.to_owned(), alias.to_lowercase()] {
            let page = ends(folder.run(&["explain", &name, "--format", "json"]), 0);
            let page: Value = serde_json::from_str(&page.stdout).unwrap();
            assert_eq!((&page["id"], &page["schema"]), (&rule["id"], &1.into()), "{name}");
            let text = page["page"].as_str().unwrap();
            assert!(text.len() > 200 && !text.contains("<!--"), "{text}");
            seen += 1;
        }
    }
    assert!(seen > 0, "no rule has an alias");
    let ran = ends(folder.run(&["explain", "nothing"]), 2);
    assert_eq!(ran.stderr, "error: there is no rule `nothing`: `unstale rules` lists them\n");
}

#[test]
fn ast_prints_the_tree() {
    let folder = Folder::scichart();
    let ran = ends(folder.run(&["ast", "Dockerfile"]), 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["schema", "file", "escape", "directives", "errors", "instructions"]);
    let commands: Vec<&str> =
        document["instructions"].as_array().unwrap().iter().map(|i| i["cmd"].as_str().unwrap()).collect();
    assert_eq!(commands, ["ARG", "FROM", "WORKDIR", "COPY", "RUN", "EXPOSE", "CMD"]);
    folder.put("latin1", b"FROM x\xe9\n");
    assert_eq!(
        ends(folder.run(&["ast", "latin1"]), 2).stderr,
        "error: `latin1`: byte 6 is not UTF-8: save it as UTF-8, it is left alone until then\n"
    );
    assert!(ends(folder.run(&["ast", "gone"]), 2).stderr.starts_with("error: `gone`: "));
    assert_eq!(ends(folder.run(&["ast", "."]), 2).stderr, "error: `.`: it is not a regular file\n");
}

#[test]
fn help_and_version() {
    let folder = Folder::new();
    let bare = ends(folder.run(&[]), 2);
    for word in [
        "Usage: unstale <COMMAND>",
        "check",
        "trace",
        "deploy",
        "verify",
        "explain",
        "rules",
        "bust",
        "forecast",
        "history",
        "checklist",
        "init",
    ] {
        assert!(bare.stderr.contains(word), "{word}: {}", bare.stderr);
    }
    let help = ends(folder.run(&["--help"]), 0);
    assert_eq!((help.stdout, help.stderr.as_str()), (bare.stderr, ""));
    for command in [
        "check", "trace", "rules", "explain", "ast", "deploy", "verify", "bust", "forecast", "history",
        "init",
    ] {
        let help = ends(folder.run(&[command, "--help"]), 0);
        assert!(help.stdout.contains(&format!("Usage: unstale {command}")), "{}", help.stdout);
    }
    assert_eq!(
        ends(folder.run(&["--version"]), 0).stdout,
        concat!("unstale ", env!("CARGO_PKG_VERSION"), "\n")
    );
    ends(folder.run(&["chekc"]), 2);
}

#[test]
fn a_reader_that_goes_away_is_no_accident() {
    let folder = Folder::new();
    for n in 0..400 {
        folder.put(&format!("{n}/Dockerfile"), "FROM alpine\nWORKDIR /a\nCOPY . .\nRUN apk add curl\nFRM\n");
    }
    for args in [
        &["check"][..],
        &["check", "--format", "json"],
        &["check", "--diff"],
        &["explain", "broad-copy"],
        &["--help"],
    ] {
        let mut child = program()
            .args(args)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
        assert!(output.status.code().is_some_and(|code| code < 2), "{args:?}: {}", output.status);
    }
}
