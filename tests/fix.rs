//! The fix loop on findings made for it: what it merges, what waits, what it withholds.

use unstale::{
    diag::{Finding, Fix, Report, Safety, Severity},
    fix::{Door, Fixed, fix},
    text::{Edit, FileId, Location, Snapshot, SourceFile, Span},
};

fn text(text: &str) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.add_file(SourceFile { path: "x".into(), text: text.into() });
    snapshot
}

/// A finding for every occurrence of a word, whose fix puts another in its place.
fn words(snapshot: &Snapshot, rule: &'static str, word: &str, instead: &str, safety: Safety) -> Vec<Finding> {
    let id = FileId(0);
    let content = &snapshot.file(id).text;
    content
        .match_indices(word)
        .map(|(at, _)| {
            let span = Span::new(at, at + word.len());
            Finding {
                rule,
                severity: Severity::Warning,
                message: format!("{word} at {at}"),
                at: Location::new(id, span),
                labels: Vec::new(),
                mechanisms: &[],
                help: None,
                fix: Some(Fix {
                    safety,
                    title: String::new(),
                    edits: vec![(id, Edit::replace(span, instead))],
                    creates: Vec::new(),
                    rests_on: Vec::new(),
                }),
            }
        })
        .collect()
}

fn run(start: &str, check: &dyn Fn(&Snapshot) -> Vec<Finding>, differs: bool) -> (Fixed, String) {
    let check = |snapshot: &Snapshot| Report { findings: check(snapshot), files: 1 };
    let differs = |_: &Snapshot, _: &Snapshot| differs.then(|| "everything".to_owned());
    let fixed =
        fix(&text(start), Safety::Unsafe, &Door { check: &check, differs: &differs, wants: &|_| true });
    let text = fixed.snapshot.file(FileId(0)).text.clone();
    (fixed, text)
}

#[test]
fn what_can_be_merged_is_made_in_one_go() {
    let (fixed, text) = run("a b a", &|s| words(s, "a", "a", "x", Safety::Safe), false);
    assert_eq!((text.as_str(), fixed.applied.len()), ("x b x", 2));
}

#[test]
fn a_fix_that_touches_another_waits_for_the_next_round() {
    let both = |s: &Snapshot| {
        let mut all = words(s, "ab", "ab", "c", Safety::Safe);
        all.extend(words(s, "b", "b", "d", Safety::Safe));
        all
    };
    let (fixed, text) = run("ab b", &both, false);
    assert_eq!(text, "c d");
    assert!(fixed.withheld.is_empty(), "{:?}", fixed.withheld);
}

#[test]
fn a_fix_waits_where_another_changes_what_it_rests_on_whatever_their_order() {
    for turn in [false, true] {
        let check = |s: &Snapshot| {
            // As long as there is an `a` the `b` is found, which goes with it.
            let all = |rule, word, instead| words(s, rule, word, instead, Safety::Safe);
            let (cause, mut effect) = (all("cause", "a", "x"), all("effect", "b", "y"));
            effect.retain(|_| !cause.is_empty());
            for (finding, on) in effect.iter_mut().zip(&cause) {
                finding.fix.as_mut().unwrap().rests_on.push(on.at);
            }
            if turn { [cause, effect].concat() } else { [effect, cause].concat() }
        };
        let (fixed, text) = run("a b", &check, false);
        assert_eq!((text.as_str(), fixed.applied.len()), ("x b", 1));
    }
}

#[test]
fn what_two_fixes_would_move_goes_to_one_place() {
    let check = |s: &Snapshot| {
        let text = &s.file(FileId(0)).text;
        let mut all = words(s, "up", "b", "", Safety::Safe);
        all.extend(words(s, "down", "b", "", Safety::Safe));
        for (finding, to) in all.iter_mut().zip([0, text.len()]) {
            finding.fix.as_mut().unwrap().edits.push((FileId(0), Edit::insert(to, "B")));
        }
        all
    };
    let (fixed, text) = run("a b c", &check, false);
    assert_eq!((text.as_str(), fixed.applied.len()), ("Ba  c", 1));
}

#[test]
fn what_was_withheld_is_tried_again_once_another_fix_is_made() {
    let check = |s: &Snapshot| {
        let content = &s.file(FileId(0)).text;
        let mut all = words(s, "first", "a", "x", Safety::Safe);
        all.extend(words(s, "second", "b", "y", Safety::Safe));
        // Never holds, so that each is tried for itself.
        all.extend(words(s, "idle", "c", "c ", Safety::Safe));
        if content.contains('x') && !content.contains('y') {
            all.extend(words(s, "new", "x", "x", Safety::Manual));
        }
        all
    };
    let (fixed, text) = run("abc", &check, false);
    assert_eq!(text, "xyc");
    assert_eq!(fixed.withheld.iter().map(|w| w.rule).collect::<Vec<_>>(), ["idle"]);
}

#[test]
fn a_fix_that_brings_a_new_finding_is_withheld_alone() {
    let check = |s: &Snapshot| {
        let mut all = words(s, "bad", "a", "NEW", Safety::Safe);
        all.extend(words(s, "new", "NEW", "NEW", Safety::Manual));
        all.extend(words(s, "fine", "b", "y", Safety::Safe));
        all
    };
    let (fixed, text) = run("a b", &check, false);
    assert_eq!(text, "a y", "the innocent one is made");
    assert_eq!(fixed.withheld.iter().map(|w| w.rule).collect::<Vec<_>>(), ["bad"]);
    assert!(fixed.withheld[0].reason.contains("`new`"), "{:?}", fixed.withheld);
}

#[test]
fn a_guilty_fix_among_many_holds_none_of_the_others_up() {
    let mut start = Snapshot::default();
    for n in 0..40 {
        start.add_file(SourceFile { path: format!("{n}"), text: "a".into() });
    }
    let find = |s: &Snapshot| {
        let files = s.files().filter(|(_, file)| file.text.starts_with('a'));
        let found = files.map(|(id, file)| {
            // Number 20 goes on being found, whatever is written.
            let instead = if file.path == "20" { "a " } else { "x" };
            let mut finding = words(s, "rule", "a", instead, Safety::Safe)
                .pop()
                .unwrap_or_else(|| words(&text("a"), "rule", "a", instead, Safety::Safe).remove(0));
            finding.at.file = id;
            finding.fix.as_mut().unwrap().edits[0].0 = id;
            finding
        });
        Report { findings: found.collect(), files: 40 }
    };
    let same = |_: &Snapshot, _: &Snapshot| None;
    let fixed = fix(&start, Safety::Safe, &Door { check: &find, differs: &same, wants: &|_| true });
    let made = fixed.snapshot.files().filter(|(_, file)| file.text == "x").count();
    assert_eq!((made, fixed.withheld.len()), (39, 1), "{:?}", fixed.withheld);
    assert_eq!(fixed.snapshot.file(FileId(20)).text, "a");
}

#[test]
fn a_guilty_fix_in_a_file_holds_none_of_the_others_up() {
    let check = |s: &Snapshot| {
        let mut all = words(s, "fine", "b", "y", Safety::Safe);
        all.extend(words(s, "idle", "a", "a ", Safety::Safe));
        all
    };
    let (fixed, text) = run(&format!("{}a", "b".repeat(30)), &check, false);
    assert_eq!((text, fixed.withheld.len()), (format!("{}a", "y".repeat(30)), 1));
}

#[test]
fn a_fix_that_does_not_end_its_finding_is_withheld() {
    let (fixed, text) = run("a", &|s| words(s, "idle", "a", "aa", Safety::Safe), false);
    assert_eq!(text, "a");
    assert_eq!(fixed.withheld.len(), 1);
    let (fixed, text) = run("a", &|s| words(s, "idle", "a", "a ", Safety::Safe), false);
    assert_eq!((text.as_str(), fixed.withheld.len()), ("a", 1));
    assert!(fixed.withheld[0].reason.contains("still"), "{:?}", fixed.withheld);
}

#[test]
fn a_safe_fix_that_changes_the_meaning_is_withheld_and_an_unsafe_one_is_not() {
    let (fixed, text) = run("a", &|s| words(s, "safe", "a", "x", Safety::Safe), true);
    assert_eq!((text.as_str(), fixed.withheld.len()), ("a", 1));
    let (_, text) = run("a", &|s| words(s, "unsafe", "a", "x", Safety::Unsafe), true);
    assert_eq!(text, "x");
}

#[test]
fn what_is_not_trusted_enough_is_not_made() {
    let check = |s: &Snapshot| Report { findings: words(s, "unsafe", "a", "x", Safety::Unsafe), files: 1 };
    let same = |_: &Snapshot, _: &Snapshot| None;
    let fixed = fix(&text("a"), Safety::Safe, &Door { check: &check, differs: &same, wants: &|_| true });
    assert_eq!(fixed.snapshot.file(FileId(0)).text, "a");
}

#[test]
fn a_chain_of_fixes_ends_after_ten_rounds() {
    let longer = |s: &Snapshot| {
        let n = s.file(FileId(0)).text.len();
        if n > 1000 {
            Vec::new()
        } else {
            words(s, "chain", &"a".repeat(n), &"a".repeat(n + 1), Safety::Unsafe)
        }
    };
    let (fixed, _) = run("a", &|s| longer(s).into_iter().take(1).collect(), false);
    assert!(fixed.applied.len() <= 10, "{}", fixed.applied.len());
}
