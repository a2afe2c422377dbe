//! Every fixture of every rule, through everything that a rule must survive.
#![expect(clippy::disallowed_methods, reason = "tests read and, with UPDATE=1, write expectations")]

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use unstale::{
    diag::{Finding, Report, Safety, Severity},
    rules::{RULES, Rule},
    settings::Settings,
    syntax,
    text::{LineIndex, Snapshot},
};

use crate::projects::{
    Case, VARIANTS, cases, engine_with_config as engine, fixtures, map, map_fixed, on_disk, project, texts,
};

/// Only the rule under test; beside `unused-allow` the rule that its cases allow, or nothing could be idle.
fn only(rule: &Rule) -> Settings {
    let mut select = vec![rule.id.to_owned()];
    select.extend((rule.id == "unused-allow").then(|| "cached-fetch".to_owned()));
    Settings { select, ..Settings::default() }
}

fn folder(rule: &Rule, kind: &str) -> PathBuf {
    fixtures().join(rule.id).join(kind)
}

/// Every fix that is more than described is made.
const LIMIT: Safety = Safety::Unsafe;

fn each(test: impl Fn(&'static Rule)) {
    for rule in RULES {
        test(rule);
    }
}

fn say(case: &str, snapshot: &Snapshot, finding: &Finding) -> String {
    let file = snapshot.file(finding.at.file);
    let lines = LineIndex::new(&file.text);
    let (start, end) = (
        lines.position(&file.text, finding.at.span.start()),
        lines.position(&file.text, finding.at.span.end()),
    );
    let place = if file.path == case { case.to_owned() } else { format!("{case}/{}", file.path) };
    let fix =
        finding.fix.as_ref().map_or(String::new(), |f| format!(" [{}: {}]", f.safety.as_str(), f.title));
    format!(
        "{place}:{}:{}-{}:{} {}: {}{fix}",
        start.line,
        start.column,
        end.line,
        end.column,
        finding.severity.as_str(),
        finding.message
    )
}

fn by_rule(report: &Report) -> BTreeMap<&'static str, usize> {
    report.findings.iter().fold(BTreeMap::new(), |mut counts, f| {
        *counts.entry(f.rule).or_default() += 1;
        counts
    })
}

#[test]
fn bad_is_found_exactly_as_expected() {
    each(|rule| {
        let mut out = String::new();
        for case in cases(&folder(rule, "bad")) {
            let report = engine::check(&case.snapshot, &only(rule));
            assert!(!report.findings.is_empty(), "{}: bad/{}: nothing found", rule.id, case.name);
            for finding in &report.findings {
                writeln!(out, "{}", say(&case.name, &case.snapshot, finding)).unwrap();
            }
        }
        let path = fixtures().join(rule.id).join("expected.txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &out).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(out, expected, "{}: differs from {}; UPDATE=1 rewrites it", rule.id, path.display());
        assert!(!out.is_empty(), "{} has no bad case", rule.id);
    });
}

#[test]
fn good_is_not_found() {
    each(|rule| {
        let good = cases(&folder(rule, "good"));
        assert!(!good.is_empty(), "{} has no good case", rule.id);
        for case in good {
            let found = engine::check(&case.snapshot, &only(rule));
            let said: Vec<String> =
                found.findings.iter().map(|f| say(&case.name, &case.snapshot, f)).collect();
            assert!(said.is_empty(), "{}: good: {said:?}", rule.id);
        }
    });
}

fn fixed_of(rule: &Rule, bad: &Case) -> Case {
    let all = cases(&folder(rule, "fixed"));
    all.into_iter().find(|c| c.name == bad.name).unwrap_or_else(|| bad.clone())
}

#[test]
fn fixing_bad_gives_fixed_byte_for_byte() {
    each(|rule| {
        for bad in cases(&folder(rule, "bad")) {
            let fixed = engine::fix(&bad.snapshot, &only(rule), LIMIT);
            assert!(fixed.withheld.is_empty(), "{}: {}: {:?}", rule.id, bad.name, fixed.withheld);
            if std::env::var_os("UPDATE").is_some()
                && (fixed.changed(&bad.snapshot).next().is_some()
                    || fixed.created(&bad.snapshot).next().is_some())
            {
                update(rule, &bad, &fixed.snapshot);
            }
            let expected = fixed_of(rule, &bad);
            assert_eq!(texts(&fixed.snapshot), texts(&expected.snapshot), "{}: fixed/{}", rule.id, bad.name);
        }
    });
}

/// Writes what the fix made; a person reads `diff -ru bad fixed` before committing it.
fn update(rule: &Rule, bad: &Case, fixed: &Snapshot) {
    let whole = folder(rule, "bad").join(&bad.name).is_dir();
    for (path, text) in texts(fixed) {
        let to = if whole {
            folder(rule, "fixed").join(&bad.name).join(&path)
        } else {
            folder(rule, "fixed").join(&bad.name)
        };
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, text).unwrap();
    }
    for (path, kind) in bad.snapshot.below("") {
        let path = &on_disk(path);
        let to = folder(rule, "fixed").join(&bad.name).join(path);
        if whole && kind == unstale::text::EntryKind::File && !to.exists() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(folder(rule, "bad").join(&bad.name).join(path), to).unwrap();
        }
    }
}

#[test]
fn fixed_stays_fixed_and_brings_nothing_new() {
    each(|rule| {
        for fixed in cases(&folder(rule, "fixed")) {
            let bad = cases(&folder(rule, "bad")).into_iter().find(|c| c.name == fixed.name);
            let bad = bad.unwrap_or_else(|| panic!("{}: fixed/{} has no bad case", rule.id, fixed.name));
            let again = engine::fix(&fixed.snapshot, &only(rule), LIMIT);
            assert_eq!(
                texts(&again.snapshot),
                texts(&fixed.snapshot),
                "{}: {}: fixed twice",
                rule.id,
                fixed.name
            );
            let (before, after) = (
                engine::check(&bad.snapshot, &Settings::default()),
                engine::check(&fixed.snapshot, &Settings::default()),
            );
            let fixable = |r: &Report| {
                r.findings
                    .iter()
                    .filter(|f| f.rule == rule.id && f.fix.as_ref().is_some_and(|x| x.safety >= LIMIT))
                    .count()
            };
            assert_eq!(fixable(&after), 0, "{}: {}: still found", rule.id, fixed.name);
            let old = by_rule(&before);
            for (id, n) in by_rule(&after) {
                assert!(
                    n <= old.get(id).copied().unwrap_or(0),
                    "{}: {}: {id} finds something new",
                    rule.id,
                    fixed.name
                );
            }
            assert_ne!(
                texts(&bad.snapshot),
                texts(&fixed.snapshot),
                "{}: {}: nothing was fixed",
                rule.id,
                fixed.name
            );
        }
    });
}

#[test]
fn fixes_are_trusted_as_far_as_the_page_says() {
    each(|rule| {
        let all: Vec<Safety> = cases(&folder(rule, "bad"))
            .iter()
            .flat_map(|case| engine::check(&case.snapshot, &only(rule)).findings)
            .filter_map(|f| f.fix.map(|fix| fix.safety))
            .collect();
        assert_eq!(
            all.iter().max().copied(),
            rule.page.fix,
            "{}: the page and the best fix of its cases",
            rule.id
        );
    });
}

#[test]
fn other_newlines_and_marks_change_nothing() {
    each(|rule| {
        for (variant, change) in VARIANTS {
            for bad in cases(&folder(rule, "bad")) {
                let turned = map(&bad.snapshot, change);
                let places = |snapshot: &Snapshot| -> Vec<(String, usize, String)> {
                    engine::check(snapshot, &only(rule))
                        .findings
                        .iter()
                        .map(|f| {
                            let file = snapshot.file(f.at.file);
                            (
                                file.path.clone(),
                                LineIndex::new(&file.text).line(f.at.span.start()),
                                f.message.clone(),
                            )
                        })
                        .collect()
                };
                assert_eq!(
                    places(&turned),
                    places(&bad.snapshot),
                    "{}: {} with {variant}",
                    rule.id,
                    bad.name
                );
                let fixed = engine::fix(&turned, &only(rule), LIMIT);
                let expected = map_fixed(&fixed_of(rule, &bad).snapshot, &bad.snapshot, change);
                assert_eq!(
                    texts(&fixed.snapshot),
                    texts(&expected),
                    "{}: {} fixed with {variant}",
                    rule.id,
                    bad.name
                );
            }
        }
    });
}

#[test]
fn an_allow_comment_silences_and_an_idle_one_is_found() {
    for rule in RULES.iter().filter(|r| r.id != "unused-allow") {
        for bad in cases(&folder(rule, "bad")) {
            silence(rule, &bad);
        }
        for good in cases(&folder(rule, "good")) {
            let Some((id, file)) = good.snapshot.files().next() else { continue };
            if file.path.ends_with(".dockerignore") {
                continue;
            }
            let text = format!("{}\n# unstale: allow {}: for the test\n", file.text, rule.id);
            let report = engine::check(&good.snapshot.with_text(id, text), &Settings::default());
            assert!(
                report.findings.iter().any(|f| f.rule == "unused-allow"),
                "{}: {}: idle comment",
                rule.id,
                good.name
            );
        }
    }
}

fn silence(rule: &Rule, bad: &Case) {
    let report = engine::check(&bad.snapshot, &only(rule));
    // From the last to the first, so that the places stay right.
    let mut lines: Vec<(unstale::text::FileId, usize)> = report
        .findings
        .iter()
        .map(|f| (f.at.file, LineIndex::new(&bad.snapshot.file(f.at.file).text).line(f.at.span.start())))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    let mut snapshot = bad.snapshot.clone();
    for (file, line) in lines.into_iter().rev() {
        let text = &snapshot.file(file).text;
        let mut at = LineIndex::new(text).start_of(line);
        if at == 0 && text.starts_with('\u{feff}') {
            at = 3;
        }
        let indent: String = text[at..].chars().take_while(|c| *c == ' ').collect();
        let next =
            format!("{}{indent}# unstale: allow {}: for the test\n{}", &text[..at], rule.id, &text[at..]);
        snapshot = snapshot.with_text(file, next);
    }
    let after = engine::check(&snapshot, &Settings::default());
    let left: Vec<String> = after
        .findings
        .iter()
        .filter(|f| f.rule == rule.id || f.rule == "unused-allow")
        .map(|f| say(&bad.name, &snapshot, f))
        .collect();
    assert!(left.is_empty(), "{}: {}: not silenced: {left:?}", rule.id, bad.name);
}

#[test]
fn every_fixture_prints_back_the_same_bytes() {
    let mut dockerfiles = 0;
    each(|rule| {
        for kind in ["bad", "good", "fixed"] {
            for case in cases(&folder(rule, kind)) {
                for (_, file) in case.snapshot.files() {
                    let tree = syntax::dockerfile::parse(&file.text);
                    let printed: String =
                        tree.items.iter().map(|item| &file.text[item.span.range()]).collect();
                    assert_eq!(printed, file.text, "{}: {kind}/{}", rule.id, case.name);
                }
            }
        }
    });
    for rule in RULES {
        dockerfiles += cases(&folder(rule, "bad")).len();
    }
    assert!(dockerfiles > 0);
}

#[test]
fn every_folder_of_fixtures_has_its_rule() {
    for entry in fs::read_dir(fixtures()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('_') || RULES.iter().any(|r| r.id == name), "fixtures/{name} has no rule");
    }
}

#[test]
fn a_file_of_comments_is_an_error_once_a_service_builds_it() {
    let worst = |files: &[(&str, &str)]| {
        let report = engine::check(&project(files), &Settings::default());
        report.findings.iter().map(|f| f.severity).max()
    };
    let keeps_a_place = ("Dockerfile", "# write it here\n\n");
    assert_eq!(worst(&[keeps_a_place]), Some(Severity::Info));
    assert_eq!(worst(&[("compose.yaml", "# services:\n")]), Some(Severity::Info));
    let service = ("compose.yaml", "services:\n  web:\n    build: .\n");
    assert_eq!(worst(&[keeps_a_place, service]), Some(Severity::Error));
    assert_eq!(worst(&[("Dockerfile", "from\n")]), Some(Severity::Error));
}
