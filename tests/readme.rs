//! The README: what it shows as output is what the tool prints. `UPDATE=1` rewrites it.
#![expect(clippy::disallowed_methods, reason = "this test reads and, with UPDATE=1, writes the README")]

use std::{fs, path::Path, process::Command};

use unstale::rules::RULES;

use crate::cli::{Folder, ends};

/// What `unstale` prints in a folder of the repository.
fn printed(folder: &str, args: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let output = Command::new(env!("CARGO_BIN_EXE_unstale")).args(args).current_dir(root).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What a command prints in a checkout of the incident, with one date and one place.
fn in_incident(line: &str) -> String {
    let folder = Folder::scichart();
    folder.commit();
    folder.git(&["remote", "add", "origin", "git@github.com:team/shop.git"]).ok();
    let args: Vec<&str> = line.split(' ').collect();
    let printed = ends(folder.run(&args), 0).stdout;
    let root = folder.path().canonicalize().unwrap();
    let date = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    date.replace_all(&printed.replace(root.to_str().unwrap(), "/home/ann/shop"), "2026-11-28T01:02:03Z")
        .into_owned()
}

fn table() -> String {
    let rows = RULES.iter().map(|rule| {
        let fix = rule.page.fix.map_or("", |safety| safety.as_str());
        format!(
            "| [`{0}`](rules/{0}.md) | {1} | {2} | {fix} |\n",
            rule.id,
            rule.page.title,
            rule.page.severity.as_str()
        )
    });
    "| rule | what is wrong | level | fix |\n|---|---|---|---|\n".to_owned() + &rows.collect::<String>()
}

/// What belongs below a mark.
fn block(mark: &str) -> String {
    let fenced = |kind: &str, text: &str| format!("```{kind}\n{text}```\n");
    match mark.split_once(": ") {
        Some(("check", folder)) => fenced("text", &printed("", &["check", folder])),
        Some(("diff", folder)) => fenced("diff", &printed(folder, &["check", "--diff"])),
        Some(("trace", rest)) => {
            let (folder, file) = rest.split_once(' ').unwrap();
            let text = printed(folder, &["trace", file]);
            // In a checkout of its own, the folder is the root.
            fenced("text", &text.replace(&format!("{folder}/"), ""))
        }
        Some(("incident", line)) => fenced("text", &in_incident(line)),
        _ if mark == "rules" => table(),
        _ => panic!("README: unknown mark {mark:?}"),
    }
}

/// The README with every block below a `<!-- mark -->` made anew.
fn renewed(readme: &str) -> String {
    let mut out = String::new();
    let mut lines = readme.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        let Some(mark) = line.trim_end().strip_prefix("<!-- ").and_then(|l| l.strip_suffix(" -->")) else {
            continue;
        };
        out.push_str(&block(mark));
        // The old block: fenced, or a table, or not there yet.
        if lines.peek().is_some_and(|l| l.starts_with("```")) {
            lines.next();
            for old in lines.by_ref() {
                if old.starts_with("```") {
                    break;
                }
            }
        } else {
            while lines.next_if(|l| l.starts_with('|')).is_some() {}
        }
    }
    out
}

#[test]
fn the_readme_shows_what_the_tool_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let expected = renewed(&readme);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(readme == expected, "README.md is out of date: UPDATE=1 cargo test readme rewrites it");
}
