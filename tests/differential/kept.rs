//! What builders have said, kept in `fixtures/_forecast`: the model is asked again without an engine.
#![expect(clippy::disallowed_methods, reason = "the tests read and write their fixtures")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    sync::Mutex,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    at_once,
    compare::{Verdict, judge},
    engine::{Answers, Bench, Cached},
    pair::{Pair, Side},
};
use crate::{
    projects::fixtures,
    support::{Builder, Engine, on_real_engines, skipped},
};

/// Cases that were thought of, each about one thing.
pub(super) const FACTS: &str = "facts.jsonl";
/// Random pairs.
pub(super) const RANDOM: &str = "random.jsonl";

/// One pair, and what builders made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What it is about, or its seed.
    name: String,
    before: Side,
    /// As a merge patch (RFC 7396) of what is before.
    after: Value,
    /// For every engine and builder, before and after: a letter for each instruction, `h`it, `m`iss, or `-` for no step that
    /// is shown. Nothing where the builder refuses it.
    said: BTreeMap<String, Option<[String; 2]>>,
}

impl Kept {
    pub(super) fn new(name: &str, pair: &Pair, bench: &Bench, answers: &Answers) -> Self {
        let json = |side: &Side| serde_json::to_value(side).expect("a side has only what JSON has");
        let after =
            patch(&json(&pair.before), &json(&pair.after)).unwrap_or_else(|| Value::Object(Map::new()));
        let said = [(who(&bench.engine.name, bench.builder), Some(letters(answers)))].into();
        Self { name: name.to_owned(), before: pair.before.clone(), after, said }
    }

    /// As a line of a file.
    pub(super) fn line(&self) -> String {
        format!("{}\n", serde_json::to_string(self).expect("it has only what JSON has"))
    }

    fn pair(&self) -> Pair {
        let mut after = serde_json::to_value(&self.before).expect("a side has only what JSON has");
        apply(&mut after, &self.after);
        let after = serde_json::from_value(after).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        Pair { before: self.before.clone(), after, change: vec![self.name.clone()] }
    }
}

/// An engine and its builder, as the files have them.
fn who(engine: &str, builder: Builder) -> String {
    format!("{engine} {builder:?}").to_lowercase()
}

fn path(file: &str) -> PathBuf {
    fixtures().join("_forecast").join(file)
}

/// What a file of `fixtures/_forecast` holds.
pub(super) fn read(file: &str) -> Vec<Kept> {
    let path = path(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Puts these into a file: their answers beside what others said of the same pair.
pub(super) fn keep(file: &str, new: Vec<Kept>) {
    let lock = File::open(path(file)).expect("the fixture is there");
    lock.lock().expect("our own file can be locked");
    let mut all: BTreeMap<String, Kept> =
        read(file).into_iter().map(|kept| (kept.name.clone(), kept)).collect();
    for mut kept in new {
        if let Some(old) = all.remove(&kept.name)
            && (&old.before, &old.after) == (&kept.before, &kept.after)
        {
            let more: Vec<_> = old.said.into_iter().filter(|(who, _)| !kept.said.contains_key(who)).collect();
            kept.said.extend(more);
        }
        all.insert(kept.name.clone(), kept);
    }
    let lines: String = all.values().map(Kept::line).collect();
    fs::write(path(file), lines).expect("a fixture can be written");
}

fn letters(answers: &Answers) -> [String; 2] {
    let letters = |cached: &Cached| {
        let last = cached.keys().next_back().copied().unwrap_or_default();
        (0..=last).map(|at| cached.get(&at).map_or('-', |cached| if *cached { 'h' } else { 'm' })).collect()
    };
    [letters(&answers.before), letters(&answers.after)]
}

fn cached(letters: &str) -> Cached {
    letters.chars().enumerate().filter(|(_, c)| *c != '-').map(|(at, c)| (at, c == 'h')).collect()
}

/// What makes `to` of `from`, if anything.
fn patch(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return Some(to.clone()) };
    let mut changed: Map<String, Value> = to
        .iter()
        .filter_map(|(key, new)| {
            Some((
                key.clone(),
                match from.get(key) {
                    Some(old) => patch(old, new)?,
                    None => new.clone(),
                },
            ))
        })
        .collect();
    changed.extend(from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Value::Null)));
    Some(Value::Object(changed))
}

fn apply(to: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *to = patch.clone();
        return;
    };
    if !to.is_object() {
        *to = Value::Object(Map::new());
    }
    let to = to.as_object_mut().expect("made one above");
    for (key, new) in patch {
        if new.is_null() {
            to.remove(key);
        } else {
            apply(to.entry(key.clone()).or_insert(Value::Null), new);
        }
    }
}

/// Compares what is kept with the model; no step may differ, and so many of a hundred may be unknown.
fn agree(file: &str, least: usize) {
    let (mut steps, mut unknown, mut wrong) = (0, Vec::new(), Vec::new());
    for kept in read(file) {
        for (who, said) in &kept.said {
            let Some([before, after]) = said else { continue };
            let builder = if who.ends_with("classic") { Builder::Classic } else { Builder::BuildKit };
            let answers = Answers { before: cached(before), after: cached(after), said: String::new() };
            let Verdict { agree, unknown: open, differ, .. } = judge(&kept.pair(), builder, &answers);
            steps += agree + open.len() + differ.len();
            unknown.extend(open.iter().map(|why| format!("{who}, {}: {why}", kept.name)));
            wrong.extend(differ.iter().map(|one| format!("{who}, {}: {one}", kept.name)));
        }
    }
    assert!(wrong.is_empty(), "{} steps:\n{}", wrong.len(), wrong.join("\n"));
    assert!(steps > least, "{steps}");
    assert!(unknown.len() * 50 < steps, "{} of {steps}:\n{}", unknown.len(), unknown.join("\n"));
}

#[test]
fn the_model_knows_the_facts() {
    agree(FACTS, 1500);
}

#[test]
fn the_model_agrees_with_kept_random_builds() {
    agree(RANDOM, 3000);
}

on_real_engines!(the_facts_are_still_true);

/// Asks an engine about every fact again, on request: they are many. `UPDATE=1` asks about those that it has no answer to.
fn the_facts_are_still_true(engine: Engine, builder: Builder) {
    let update = std::env::var_os("UPDATE").is_some();
    if !update && std::env::var_os("UNSTALE_HARD").is_none_or(|value| value != "all") {
        return skipped("UNSTALE_HARD=all asks about the facts again");
    }
    let who = who(&engine.name, builder);
    let bench = Bench::new(engine, builder);
    let asked = Mutex::new((Vec::new(), Vec::new()));
    let mut facts = read(FACTS);
    facts.retain(|kept| !update || !kept.said.contains_key(&who));
    at_once(&facts, |kept| {
        let now = bench.build(&kept.pair()).ok().map(|answers| letters(&answers));
        let mut asked = asked.lock().expect("nobody fails while it is held");
        if kept.said.get(&who) != Some(&now) {
            asked.0.push(format!("{}: {now:?}", kept.name));
        }
        asked.1.push(Kept { said: [(who.clone(), now)].into(), ..kept.clone() });
    });
    let (wrong, new) = asked.into_inner().expect("nobody fails while it is held");
    if update {
        keep(FACTS, new);
    } else {
        assert!(wrong.is_empty(), "{who}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn a_patch_brings_back_what_it_was_made_of() {
    let from = serde_json::json!({"a": {"b": 1, "c": [1]}, "d": 1, "e": "x"});
    let to = serde_json::json!({"a": {"b": 2, "f": {"g": 1}}, "d": 1, "h": [2]});
    let patch = patch(&from, &to).unwrap();
    assert_eq!(patch, serde_json::json!({"a": {"b": 2, "c": null, "f": {"g": 1}}, "e": null, "h": [2]}));
    let mut made = from;
    apply(&mut made, &patch);
    assert_eq!(made, to);
}
