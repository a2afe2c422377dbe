//! `history` on ledgers that lie in checkouts.

use serde_json::{Value, json};

use super::{Folder, ends};

const LEDGER: &str = ".git/unstale/ledger.ndjson";

fn line(id: &str, hour: u8, verdict: &str, kept: &str) -> String {
    json!({"schema": 1, "id": id, "time": format!("2026-11-22T{hour:02}:00:00Z"), "service": "web",
        "verdict": verdict, "cause": (verdict == "stale").then_some("context-snapshot"), "downtime_ms": 1000,
        "mechanism": (verdict == "stale").then_some("S33"), "host": "prod", "dir": "/opt/repo", "kept": kept,
        "steps": [], "rebuilds": 1})
    .to_string()
        + "\n"
}

fn document(folder: &Folder, args: &[&str]) -> Value {
    let ran = ends(folder.run(&[&["history", "--format", "json"], args].concat()), 0);
    assert_eq!(ran.stdout.lines().count(), 1, "one document");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn without_a_ledger_it_says_so() {
    let folder = Folder::scichart();
    folder.commit();
    let ran = ends(folder.run(&["history"]), 0);
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("no deploy is recorded yet: `unstale deploy` writes the ledger\n", "")
    );
    let empty = document(&folder, &["web", "--since", "7d"]);
    assert_eq!(
        (&empty["deploys"], &empty["incidents"], &empty["totals"]["deploys"]),
        (&json!([]), &json!([]), &0.into())
    );
    let before = folder.all();
    ends(folder.run(&["history"]), 0);
    assert_eq!(folder.all(), before);
    assert!(!folder.join(".git/unstale").exists(), "reading makes no folder");
    // Something else of that name is no ledger.
    folder.put(&format!("{LEDGER}/x"), "");
    ends(folder.run(&["history"]), 0);
}

#[test]
fn both_ledgers_are_read_with_the_rates_and_the_rules() {
    let (folder, server) = (Folder::scichart(), Folder::scichart());
    folder.commit();
    server.commit();
    folder.put(LEDGER, line("a", 10, "stale", "here") + "{\n");
    server.put(
        LEDGER,
        line("a", 10, "stale", "server") + &line("b", 12, "verified", "server") + "\u{1b}[31m\n",
    );
    folder.put("unstale.toml", "[history]\nper-hour = 60\ntokens-per-deploy = 8000\n");
    let here = document(&folder, &[]);
    assert_eq!((&here["unreadable"], &here["totals"]["open"]), (&1.into(), &1.into()));
    assert_eq!(here["deploys"][0]["target"], "prod:/opt/repo");
    let dir = server.path().canonicalize().unwrap();
    let dir = dir.to_str().unwrap();
    let both = document(&folder, &["--local", "--dir", dir]);
    assert_eq!((&both["unreadable"], both["deploys"].as_array().unwrap().len()), (&2.into(), 2));
    assert_eq!(both["deploys"][0]["target"], dir);
    assert_eq!(both["incidents"][0]["seconds"], 7200);
    assert_eq!(
        (&both["totals"]["estimated_cost"], &both["totals"]["estimated_tokens"]),
        (&120.0.into(), &8000.into())
    );
    let rules: Vec<&str> =
        both["causes"][0]["rules"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    assert!(rules.contains(&"no-cache-alone") && !rules.contains(&"volume-shadows-image"), "{rules:?}");
    let below = ends(folder.run_in("frontend", &["history", "--since", "2026-11-22 11:00"]), 0);
    assert!(
        below.stdout.contains("1 incident, 1 still open"),
        "the ledger and the rates of the whole checkout: {}",
        below.stdout
    );
    assert!(below.stdout.contains("estimated cost: 0.00"), "{}", below.stdout);

    folder.put("unstale.toml", "[history]\nper-hour = \"much\"\n");
    let broken = ends(folder.run(&["history"]), 0);
    assert!(
        broken.stderr.contains("unstale.toml` has mistakes, so that no cost is counted"),
        "{}",
        broken.stderr
    );
    assert!(!broken.stdout.contains("cost"), "{}", broken.stdout);
    let other = ends(folder.run(&["history", "wbe"]), 0);
    assert!(other.stderr.contains("no deploy of `wbe` is recorded, but of `web`"), "{}", other.stderr);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let folder = Folder::scichart();
    let ran = ends(folder.run(&["history"]), 2);
    assert!(ran.stderr.starts_with("error: not a git checkout"), "{}", ran.stderr);
    folder.commit();
    for (args, says) in [
        (&["--since", "HEAD~3"][..], "error: `--since HEAD~3` is no time"),
        (&["--dir", "/x"], "error: `--dir` needs `--host` or `--local`"),
        (&["--host", "a"], "error: `--host` needs `--dir`, or a `--target`"),
        (&["--target", "prod"], "error: there is no `unstale.toml` here or above"),
        (&["--target", "prod", "--dir", "/x"], "error: the argument '--target <NAME>' cannot be used with"),
        (&["--local", "--dir", "/nowhere"], "error: `/nowhere` does not exist"),
        (&["--local", "--dir", "/"], "error: no git checkout in `/`"),
        (&["--host", "nobody@127.0.0.1:1", "--dir", "/x"], "error: "),
    ] {
        let ran = ends(folder.run(&[&["history"], args].concat()), 2);
        assert!(ran.stderr.starts_with(says), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn a_huge_ledger_is_read_from_its_end() {
    let folder = Folder::scichart();
    folder.commit();
    let mut text = line("first", 1, "stale", "here");
    text.push_str(&"x".repeat(9_000_000));
    text.push('\n');
    text.push_str(&"y\u{9b}".repeat(3_000_000));
    text.push('\n');
    text.push_str(&line("last", 2, "verified", "here"));
    folder.put(LEDGER, text);
    let read = document(&folder, &[]);
    assert_eq!((&read["older_left_out"], &read["deploys"][0]["id"]), (&true.into(), &"last".into()));
    assert_eq!((read["deploys"].as_array().unwrap().len(), &read["unreadable"]), (1, &1.into()));
}
