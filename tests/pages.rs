//! The rules' pages: their headings, their wording, and their examples, which are run.

use unstale::{
    diag::Safety,
    engine,
    rules::{RULES, Rule},
    settings::Settings,
    text::Snapshot,
};

use crate::projects::{project, texts};

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
