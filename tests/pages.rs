//! The rules' pages: their headings, their wording, and their examples, which are run.

use unstale::{
    diag::Safety,
    rules::{RULES, Rule},
    settings::Settings,
    text::Snapshot,
};

use crate::lab::{
    proven,
    table::{self, Outcome, Table},
};
use crate::projects::{engine_with_config as engine, project, texts};

/// How a page starts the sentence on why it has no table.
const NO_ENGINE: &str = "No engine can show it: ";

/// The text below a heading.
fn section<'a>(rule: &'a Rule, heading: &str) -> Option<&'a str> {
    let mark = format!("\n## {heading}\n");
    let start = rule.page.prose.find(&mark)? + mark.len();
    let rest = &rule.page.prose[start..];
    Some(rest.find("\n## ").map_or(rest, |end| &rest[..end]))
}

/// The fenced blocks of a section as files: `dockerfile`, `yaml`, or the name after `text`.
fn files(section: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let path = match info {
            "dockerfile" => "Dockerfile".to_owned(),
            "yaml" => "compose.yaml".to_owned(),
            info => info.strip_prefix("text ").unwrap_or_else(|| panic!("a block of {info:?}")).to_owned(),
        };
        let text = lines.by_ref().take_while(|l| *l != "```").flat_map(|l| [l, "\n"]).collect();
        out.push((path, text));
    }
    out
}

fn snapshot(files: &[(String, String)]) -> Snapshot {
    project(&files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect::<Vec<_>>())
}

fn only(rule: &Rule) -> Settings {
    let mut select = vec![rule.id.to_owned()];
    select.extend((rule.id == "unused-allow").then(|| "cached-fetch".to_owned()));
    Settings { select, ..Settings::default() }
}

#[test]
fn every_page_has_its_headings() {
    for rule in RULES {
        for heading in ["Bad", "Good", "Proof", "Known limits", "When to allow it"] {
            assert!(section(rule, heading).is_some(), "rules/{}.md has no heading {heading}", rule.id);
        }
        let fixes = rule.page.fix.is_some_and(|s| s > Safety::Manual);
        assert_eq!(
            section(rule, "Fixed").is_some(),
            fixes,
            "rules/{}.md: Fixed belongs to a rule that fixes",
            rule.id
        );
        let title = rule.page.title;
        assert!(!title.ends_with('.') && title.starts_with(char::is_lowercase), "{}: {title}", rule.id);
        assert!(rule.page.mechanisms().iter().all(|m| m.starts_with('S') && m.len() == 3), "{}", rule.id);
    }
}

#[test]
fn the_examples_of_the_pages_are_true() {
    for rule in RULES {
        let bad = files(section(rule, "Bad").unwrap());
        let report = engine::check(&snapshot(&bad), &only(rule));
        assert!(!report.findings.is_empty(), "rules/{}.md: Bad is not found", rule.id);
        let good = engine::check(&snapshot(&files(section(rule, "Good").unwrap())), &only(rule));
        assert!(good.findings.is_empty(), "rules/{}.md: Good is found: {:?}", rule.id, good.findings);
        if let Some(fixed) = section(rule, "Fixed") {
            let made = engine::fix(&snapshot(&bad), &only(rule), Safety::Unsafe);
            let got = texts(&made.snapshot);
            for (path, text) in files(fixed) {
                let own = got.iter().find(|(p, _)| *p == path).map(|(_, t)| t.as_str());
                assert_eq!(own, Some(text.as_str()), "rules/{}.md: Fixed: {path}", rule.id);
            }
        }
    }
}

/// The engines compare the cells with what they measure (`tests/lab`); here every page is looked at, without engines.
#[test]
fn every_proof_is_a_complete_table_or_says_why_there_is_none() {
    let proven = proven();
    for rule in RULES {
        let page = format!("rules/{}.md", rule.id);
        let proof = section(rule, "Proof").unwrap();
        let why = proof.lines().filter_map(|line| line.strip_prefix(NO_ENGINE)).collect::<Vec<_>>();
        let proofs = proven.iter().filter(|id| **id == rule.id).count();
        if let Some(table) = Table::of(rule.page.prose) {
            assert_eq!((proofs, why.len()), (1, 0), "{page} has a table: one proof measures it");
            let text = format!("\n{table}{}\n", table::END);
            assert!(proof.contains(&text), "{page}: UPDATE=1 writes the table of Proof, as this:\n{text}");
            complete(rule, &table);
        } else {
            assert_eq!(proofs, 0, "{page} has a proof and no table: UPDATE=1 writes it");
            assert!(
                matches!(why[..], [why] if why.ends_with('.') && why.len() > 20),
                "{page}: a Proof without a table has one line `{NO_ENGINE}…`"
            );
        }
    }
    let unknown = proven.iter().find(|id| unstale::rules::find(id).is_none());
    assert_eq!(unknown, None, "a proof of no rule");
}

/// No cell is empty, and the bad half goes wrong where the other one does not.
fn complete(rule: &Rule, table: &Table) {
    let page = format!("rules/{}.md", rule.id);
    let rows: Vec<(&str, [Outcome; 4])> = table
        .rows
        .iter()
        .map(|(label, cells)| {
            let outcomes = [0, 1, 2, 3].map(|at| {
                let (cell, column) = (&cells[at], table::COLUMNS[at]);
                Outcome::of(cell)
                    .unwrap_or_else(|| panic!("{page}: `{label}`, {column}: no outcome is `{cell}`"))
            });
            (label.as_str(), outcomes)
        })
        .collect();
    let first =
        |kind: &str| rows.iter().find(|(label, _)| label.starts_with(kind)).map(|(_, outcomes)| outcomes);
    let cure = if rule.page.fix.is_some_and(|safety| safety > Safety::Manual) { "fixed: " } else { "good: " };
    let bad = first("bad: ").unwrap_or_else(|| panic!("{page}: no row starts with `bad: `"));
    let cured = first(cure).unwrap_or_else(|| panic!("{page}: no row starts with `{cure}`"));
    assert_ne!(bad, cured, "{page}: the first rows of both halves are equal");
    assert!(!cured.contains(&Outcome::Old), "{page}: the first row of `{cure}` is stale");
    if bad.contains(&Outcome::New) || cured.contains(&Outcome::New) {
        let shown = bad.iter().any(|outcome| matches!(outcome, Outcome::Old | Outcome::Fails));
        assert!(shown, "{page}: the first row of `bad: ` is nowhere stale");
    }
    for (label, _) in &rows {
        assert!(["bad: ", "fixed: ", "good: "].iter().any(|kind| label.starts_with(kind)), "{page}: {label}");
    }
}

#[test]
fn comments_of_the_pages_are_not_shown() {
    for rule in RULES {
        let comments = rule.page.prose.lines().filter(|line| line.contains("<!--"));
        for comment in comments {
            assert!([table::START, table::END].contains(&comment), "rules/{}.md: {comment}", rule.id);
        }
        let shown = rule.page.shown();
        assert!(!shown.contains("<!--") && shown.contains("\n## Proof\n"), "{}", rule.id);
    }
}

#[test]
fn messages_are_plain_clauses() {
    for rule in RULES {
        for (_, report) in [(0, engine::check(&snapshot(&files(section(rule, "Bad").unwrap())), &only(rule)))]
        {
            for finding in report.findings {
                assert!(!finding.message.ends_with('.'), "{}: {}", rule.id, finding.message);
                assert!(!finding.message.starts_with(char::is_uppercase), "{}: {}", rule.id, finding.message);
            }
        }
    }
}
