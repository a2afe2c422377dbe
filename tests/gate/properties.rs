//! What holds for the fixes of any project: they never overlap, their order does not matter, the ends of a file and its
//! newlines survive, and a second run finds nothing to do.

use std::{collections::BTreeMap, sync::LazyLock};

use proptest::prelude::*;
use unstale::{
    diag::{Finding, Report, Safety},
    engine,
    fix::{Applied, Fixed},
    rules::{RULES, Rule},
    settings::Settings,
    text::{Edit, EditSet, FileId, Snapshot, SourceFile},
};

use super::{
    compose,
    fragments::{Shown, projects},
    judge::{self, Counts},
};
use crate::projects::{VARIANTS, cases, fixtures, map};

/// Every bad case of every rule: where fixes are proposed.
static BAD: LazyLock<Vec<Snapshot>> = LazyLock::new(|| {
    let folders = RULES.iter().map(|rule| fixtures().join(rule.id).join("bad"));
    folders.flat_map(|folder| cases(&folder)).map(|case| case.snapshot).collect()
});

/// A bad case with a line of one of its files gone, there twice, or changed with the next one.
fn damaged() -> impl Strategy<Value = Shown> {
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8)
        .prop_map(|(case, file, line, how)| {
            let snapshot = &BAD[case.index(BAD.len())];
            let (id, source) = snapshot.files().nth(file.index(snapshot.files().count())).unwrap();
            let mut lines: Vec<&str> = source.text.split_inclusive('\n').collect();
            if lines.len() < 2 {
                return Shown(snapshot.clone());
            }
            let at = line.index(lines.len() - 1);
            match how {
                0 => {
                    lines.remove(at);
                }
                1 => lines.insert(at, lines[at]),
                2 => lines.swap(at, at + 1),
                _ => lines.insert(at, "# between\n"),
            }
            Shown(snapshot.with_text(id, lines.concat()))
        })
}

fn any_project() -> impl Strategy<Value = Shown> {
    prop_oneof![3 => projects(), 1 => damaged()]
}

fn config(cases: u32) -> ProptestConfig {
    // No file of past failures: a failure becomes a case by hand.
    ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() }
}

fn fix(snapshot: &Snapshot, limit: Safety, wants: &dyn Fn(&Finding) -> bool) -> Fixed {
    engine::fix_some(snapshot, &Settings::default(), limit, wants)
}

/// The edits of each fix that is trusted enough.
fn fixes(report: &Report, limit: Safety) -> Vec<Vec<(FileId, Edit)>> {
    let all = report.findings.iter().filter_map(|finding| finding.fix.as_ref());
    all.filter(|fix| fix.safety >= limit).map(|fix| fix.edits.clone()).collect()
}

/// Whether two different edits share a byte or a place. Written anew here.
fn touch(a: &Edit, b: &Edit) -> bool {
    let (a, b) = (a.span, b.span);
    let apart = a.end() < b.start() || b.end() < a.start();
    let side_by_side = !a.is_empty() && !b.is_empty() && (a.end() == b.start() || b.end() == a.start());
    !apart && !side_by_side
}

fn overlaps(a: &(FileId, Edit), b: &(FileId, Edit)) -> bool {
    a.0 == b.0 && a.1 != b.1 && touch(&a.1, &b.1)
}

/// The edits made one after the other, each in the text that those before it left.
fn one_by_one(text: &str, edits: &[Edit]) -> String {
    let mut text = text.to_owned();
    let mut made: Vec<(usize, isize)> = Vec::new();
    for edit in edits {
        // Every edit made so far that lies before this one has moved it.
        let moved: isize = made.iter().filter(|(at, _)| *at <= edit.span.start()).map(|(_, by)| by).sum();
        let start = edit.span.start().strict_add_signed(moved);
        text.replace_range(start..start + edit.span.len(), &edit.text);
        let by = edit.text.len().cast_signed() - edit.span.len().cast_signed();
        made.push((edit.span.start(), by));
    }
    text
}

proptest! {
    #![proptest_config(config(200))]

    /// Within a fix nothing overlaps, and every place is one of its file.
    #[test]
    fn edits_of_a_fix_never_overlap(Shown(snapshot) in any_project(), variant in 0..=VARIANTS.len()) {
        let snapshot = VARIANTS.get(variant).map_or(snapshot.clone(), |(_, change)| map(&snapshot, change));
        let report = engine::check(&snapshot, &Settings::default());
        for edits in fixes(&report, Safety::Unsafe) {
            for (at, one) in edits.iter().enumerate() {
                let text = &snapshot.file(one.0).text;
                prop_assert!(text.get(one.1.span.range()).is_some(), "{one:?} cuts a character or the file");
                // Not between the two bytes of a newline.
                for end in [one.1.span.start(), one.1.span.end()] {
                    let inside = text[..end].ends_with('\r') && text[end..].starts_with('\n');
                    let kept = one.1.text.is_empty() || !inside || end == one.1.span.start();
                    prop_assert!(kept, "{one:?} ends between the bytes of a newline");
                }
                for other in &edits[at + 1..] {
                    prop_assert!(!overlaps(one, other), "{one:?} and {other:?}");
                }
            }
        }
    }

    /// Fixes that do not touch each other may be made in any order, at once or one after the other.
    #[test]
    fn any_order_of_independent_fixes_gives_the_same_text(
        Shown(snapshot) in any_project(),
        order in prop::collection::vec(any::<(u32, bool)>(), 24),
    ) {
        let report = engine::check(&snapshot, &Settings::default());
        let mut chosen: Vec<Vec<(FileId, Edit)>> = Vec::new();
        for (at, edits) in fixes(&report, Safety::Unsafe).into_iter().enumerate() {
            let (_, taken) = order[at % order.len()];
            let free = chosen.iter().flatten().all(|one| edits.iter().all(|other| !overlaps(one, other)));
            if free && taken {
                chosen.push(edits);
            }
        }
        let apply = |fixes: &[Vec<(FileId, Edit)>]| -> Result<BTreeMap<FileId, String>, TestCaseError> {
            let mut sets: BTreeMap<FileId, EditSet> = BTreeMap::new();
            for (file, edit) in fixes.iter().flatten() {
                let set = sets.entry(*file).or_default();
                prop_assert!(set.insert(edit.clone()).is_ok(), "{edit:?} is refused");
            }
            Ok(sets.into_iter().map(|(file, set)| (file, set.apply(&snapshot.file(file).text))).collect())
        };
        let forward = apply(&chosen)?;
        let mut shuffled: Vec<(u32, Vec<(FileId, Edit)>)> =
            chosen.iter().enumerate().map(|(at, edits)| (order[(at * 7 + 3) % order.len()].0, edits.clone())).collect();
        shuffled.sort_by_key(|(at, _)| *at);
        let shuffled: Vec<Vec<(FileId, Edit)>> = shuffled.into_iter().map(|(_, edits)| edits).collect();
        prop_assert_eq!(&apply(&shuffled)?, &forward);
        for (file, text) in &forward {
            let mut edits: Vec<Edit> = Vec::new();
            for (of, edit) in shuffled.iter().flatten() {
                if of == file && !edits.contains(edit) {
                    edits.push(edit.clone());
                }
            }
            prop_assert_eq!(&one_by_one(&snapshot.file(*file).text, &edits), text);
        }
    }
}

proptest! {
    #![proptest_config(config(60))]

    /// What fixes make of a project is explained by their rules, and a second run has nothing to do.
    #[test]
    fn every_change_is_one_that_a_rule_may_make(Shown(snapshot) in projects()) {
        explained(&snapshot)?;
    }

    /// The same fixes are made whatever newlines a file has, with a byte order mark, and without a last newline.
    #[test]
    fn newlines_marks_and_ends_survive(Shown(snapshot) in any_project()) {
        let plain = fix(&snapshot, Safety::Unsafe, &|_| true).snapshot;
        for (name, change) in VARIANTS {
            let turned = map(&snapshot, change);
            let fixed = fix(&turned, Safety::Unsafe, &|_| true).snapshot;
            for ((id, before), (_, after)) in turned.files().zip(fixed.files()) {
                if !before.text.contains('\n') {
                    // One line, or none, does not show how the file ends its lines.
                    continue;
                }
                let wrong = judge::ends(&before.text, &after.text);
                prop_assert!(wrong.is_empty(), "{} with {name}: {wrong:?}\n{}", before.path, after.text);
                if name == &"no last newline" && before.text.ends_with('\n') {
                    // It ends in blank lines, and still has one.
                    continue;
                }
                let expected = change(&plain.file(id).text);
                prop_assert!(after.text == expected, "{} with {name}:\n{}\nexpected:\n{expected}", before.path, after.text);
            }
        }
    }

    /// Rule by rule, in any order, or all at once: where the same fixes are made the text is the same, and nothing is left
    /// to be made. (What one fix ends, another need not: which of two cures comes first decides which is taken.)
    #[test]
    fn any_order_of_rules_gives_the_same_text(
        Shown(snapshot) in projects(),
        picked in prop::sample::subsequence(FIXERS.clone(), 1..=FIXERS.len()).prop_shuffle(),
    ) {
        in_any_order(&snapshot, &picked)?;
    }
}

/// What [`every_change_is_one_that_a_rule_may_make`] asks of a project.
pub(super) fn explained(snapshot: &Snapshot) -> Result<(), TestCaseError> {
    for limit in [Safety::Safe, Safety::Unsafe] {
        let mut counts = Counts::default();
        judge::project("generated", snapshot, limit, &mut counts);
        prop_assert!(counts.wrong.is_empty(), "{}", counts.wrong.join("\n"));
    }
    Ok(())
}

/// What [`any_order_of_rules_gives_the_same_text`] asks of a project and an order of rules.
pub(super) fn in_any_order(snapshot: &Snapshot, picked: &[&'static str]) -> Result<(), TestCaseError> {
    let wants = |finding: &Finding| picked.contains(&finding.rule);
    let at_once = fix(snapshot, Safety::Unsafe, &wants);
    let (mut step, mut applied) = (snapshot.clone(), Vec::new());
    for rule in picked {
        let fixed = fix(&step, Safety::Unsafe, &|finding| finding.rule == *rule);
        applied.extend(fixed.applied);
        step = fixed.snapshot;
    }
    let last = fix(&step, Safety::Unsafe, &wants);
    applied.extend(last.applied.clone());
    let sorted = |mut all: Vec<Applied>| {
        all.sort_by_key(|a| (a.file, a.rule, a.title.clone()));
        all
    };
    if sorted(applied) == sorted(at_once.applied.clone()) {
        same(&last.snapshot, &at_once.snapshot)?;
    }
    for fixed in [&last, &at_once] {
        let again = fix(&fixed.snapshot, Safety::Unsafe, &wants);
        prop_assert!(again.applied.is_empty(), "{:?}", again.applied);
    }
    Ok(())
}

/// The lines in some order, their words in some order.
fn sorted(text: &str) -> Vec<Vec<&str>> {
    let words = |line| -> Vec<&str> {
        let mut words: Vec<&str> = str::split(line, [' ', '\'', ',', '{', '}']).collect();
        words.sort_unstable();
        words
    };
    let mut lines: Vec<Vec<&str>> = text.lines().map(words).collect();
    lines.sort();
    lines
}

/// What a compose file says, if anything can be said of it.
fn values(file: &SourceFile) -> Option<Vec<serde_yaml::Value>> {
    compose::load(&file.text).ok().filter(|_| file.path == "compose.yaml")
}

fn same(one: &Snapshot, other: &Snapshot) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.files().count(), other.files().count());
    for ((_, a), (_, b)) in one.files().zip(other.files()) {
        // Where two rules put something at one place (keys of a build, lines at the end of an ignore file, options of a
        // command), the order of what they put says nothing.
        if a.path != "Dockerfile" && sorted(&a.text) == sorted(&b.text) && values(a) == values(b) {
            continue;
        }
        prop_assert!(a.text == b.text, "{}:\n{}\nat once:\n{}", a.path, a.text, b.text);
    }
    Ok(())
}

/// The rules whose fixes are made.
static FIXERS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let fixes = |rule: &&Rule| rule.page.fix.is_some_and(|fix| fix >= Safety::Unsafe);
    RULES.iter().filter(fixes).map(|rule| rule.id).collect()
});
