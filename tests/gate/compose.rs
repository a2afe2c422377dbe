//! How a compose file may differ after fixes: `serde_yaml` reads both texts, and every path that differs must be one
//! that the applied rules may change.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde::Deserialize as _;
use serde_yaml::{Mapping, Value};
use similar::{DiffOp, TextDiff};

use super::{BUST, is_bust};

/// A place where two trees differ. `None`: it is not there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    pub(super) path: Vec<String>,
    pub(super) old: Option<Value>,
    pub(super) new: Option<Value>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?} becomes {:?}", self.path.join("."), self.old, self.new)
    }
}

/// Every document of a file, merges applied.
pub(super) fn load(text: &str) -> Result<Vec<Value>, String> {
    // serde_yaml takes a byte order mark for a character of the first key.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut all = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let mut value = Value::deserialize(document).map_err(|e| e.to_string())?;
        merges_last(&mut value);
        value.apply_merge().map_err(|e| e.to_string())?;
        normalise(&mut value);
        all.push(value);
    }
    Ok(all)
}

/// Puts merge keys behind all others: where one is taken out, `serde_yaml` puts the last key in its place.
fn merges_last(value: &mut Value) {
    match value {
        Value::Mapping(map) => {
            if let Some(merged) = map.shift_remove("<<") {
                map.insert("<<".into(), merged);
            }
            map.values_mut().for_each(merges_last);
        }
        Value::Sequence(items) => items.iter_mut().for_each(merges_last),
        Value::Tagged(tagged) => merges_last(&mut tagged.value),
        _ => {}
    }
}

/// `build: x` is `build: {context: x}`, and a list of arguments is a mapping.
fn normalise(value: &mut Value) {
    match value {
        Value::Mapping(map) => {
            for (key, inner) in map.iter_mut() {
                let key = key.as_str().unwrap_or_default();
                if key == "build" && inner.is_string() {
                    let mut long = Mapping::new();
                    long.insert("context".into(), std::mem::take(inner));
                    *inner = Value::Mapping(long);
                }
                let pairs = inner.as_sequence().filter(|_| key == "args").and_then(|list| pairs(list));
                if let Some(pairs) = pairs {
                    *inner = Value::Mapping(pairs);
                }
                normalise(inner);
            }
        }
        Value::Sequence(list) => list.iter_mut().for_each(normalise),
        Value::Tagged(tagged) => normalise(&mut tagged.value),
        _ => {}
    }
}

fn pairs(list: &[Value]) -> Option<Mapping> {
    let mut map = Mapping::new();
    for item in list {
        let text = item.as_str()?;
        let (name, value) = text.split_once('=').map_or((text, Value::Null), |(n, v)| (n, v.into()));
        map.insert(name.into(), value);
    }
    Some(map)
}

/// Where two values differ, by path.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), old, new, &mut found);
    found
}

fn compare(path: &mut Vec<String>, old: &Value, new: &Value, found: &mut Vec<Difference>) {
    match (old, new) {
        (Value::Mapping(a), Value::Mapping(b)) => {
            let keys: Vec<&Value> = a.keys().chain(b.keys().filter(|key| !a.contains_key(key))).collect();
            for key in keys {
                path.push(key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned));
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compare(path, a, b, found),
                    // What is new or gone as a whole differs in each of its values.
                    (Some(Value::Mapping(a)), None) if !a.is_empty() => {
                        compare(path, &Value::Mapping(a.clone()), &Value::Mapping(Mapping::new()), found);
                    }
                    (None, Some(Value::Mapping(b))) if !b.is_empty() => {
                        compare(path, &Value::Mapping(Mapping::new()), &Value::Mapping(b.clone()), found);
                    }
                    (a, b) => found.push(Difference { path: path.clone(), old: a.cloned(), new: b.cloned() }),
                }
                path.pop();
            }
            let order = |map: &Mapping, other: &Mapping| -> Vec<Value> {
                map.keys().filter(|key| other.contains_key(key)).cloned().collect()
            };
            if order(a, b) != order(b, a) {
                path.push("(order)".to_owned());
                found.push(Difference { path: path.clone(), old: None, new: None });
                path.pop();
            }
        }
        (Value::Sequence(a), Value::Sequence(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                path.push(at.to_string());
                compare(path, a, b, found);
                path.pop();
            }
        }
        (Value::Tagged(a), Value::Tagged(b)) if a.tag == b.tag => compare(path, &a.value, &b.value, found),
        _ if old == new => {}
        _ => found.push(Difference { path: path.clone(), old: Some(old.clone()), new: Some(new.clone()) }),
    }
}

/// Rules that take mounts out.
const MOUNTS: [&str; 2] = ["volume-shadows-image", "anonymous-volume-carryover"];

/// Whether one of the rules may make the difference.
pub(super) fn intended(difference: &Difference, rules: &[&'static str]) -> bool {
    let Difference { path, old, new } = difference;
    let has = |rule: &str| rules.contains(&rule);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    match path.as_slice() {
        [.., "build", "args", name] if is_bust(name) && BUST.iter().any(|rule| has(rule)) => {
            let fallback = |value: &Value| match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => serde_yaml::to_string(other).unwrap_or_default().trim().to_owned(),
            };
            // The constant stays what it is without the variable.
            let constant = old.as_ref().map(fallback).unwrap_or_default();
            text(new) == Some(format!("${{{name}:-{constant}}}"))
        }
        [.., "build", "pull"] if has("moving-base") => {
            *new == Some(Value::Bool(true)) && matches!(old, None | Some(Value::Bool(false)))
        }
        [.., "pull_policy"] if has("pull-overrides-build") => {
            text(new).as_deref() == Some("build") && old.is_some()
        }
        [.., "volumes" | "tmpfs"] if MOUNTS.iter().any(|rule| has(rule)) => {
            let list = |value: &Option<Value>| match value {
                None => Vec::new(),
                Some(Value::Sequence(list)) => list.clone(),
                Some(other) => vec![other.clone()],
            };
            let (mut old, new) = (list(old), list(new));
            let is = |old: &Value, new: &Value| {
                old == new
                    || (has("single-file-bind")
                        && old.as_str().zip(new.as_str()).is_some_and(|(old, new)| folder_of(old, new)))
            };
            new.len() < old.len()
                && new.iter().all(|item| {
                    let at = old.iter().position(|o| is(o, item));
                    at.is_some_and(|at| {
                        old.drain(..=at);
                        true
                    })
                })
        }
        [.., "volumes", _] if has("single-file-bind") => match (text(old), text(new)) {
            (Some(old), Some(new)) => folder_of(&old, &new),
            _ => false,
        },
        [.., "volumes", _, "source" | "target"] if has("single-file-bind") => match (text(old), text(new)) {
            (Some(old), Some(new)) => parent(&old) == new,
            _ => false,
        },
        _ => false,
    }
}

/// `./conf.d/x.conf:/etc/nginx/conf.d/x.conf:ro` becomes `./conf.d:/etc/nginx/conf.d:ro`.
fn folder_of(old: &str, new: &str) -> bool {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split(':').collect(), new.split(':').collect());
    old.len() == new.len()
        && old.len() >= 2
        && old.iter().zip(&new).take(2).all(|(old, new)| parent(old) == *new)
        && old[2..] == new[2..]
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What is wrong with a compose file after the fixes of these rules.
pub(super) fn judge(before: &str, after: &str, rules: &[&'static str]) -> Vec<String> {
    let mut wrong = super::judge::ends(before, after);
    let ours = |text: &str| {
        unstale::model::compose::parse(
            unstale::text::FileId(0),
            text,
            &unstale::model::compose::Env::default(),
        )
        .errors
        .len()
    };
    if ours(after) > ours(before) {
        wrong.push("has more errors than before".to_owned());
    }
    match (load(before), load(after)) {
        (Ok(old), Ok(new)) => {
            if old.len() != new.len() {
                wrong.push("has more or fewer documents".to_owned());
            }
            let found = old.iter().zip(&new).flat_map(|(old, new)| differences(old, new));
            let found: Vec<Difference> = found.collect();
            if found.is_empty() {
                wrong.push("its text changed and no value did".to_owned());
            }
            let bad = found.iter().filter(|difference| !intended(difference, rules));
            wrong.extend(bad.map(|difference| format!("{difference}, which no rule of {rules:?} may do")));
        }
        (Ok(_), Err(error)) => wrong.push(format!("serde_yaml no longer reads it: {error}")),
        // Without a second opinion the model alone is asked, and the lines.
        (Err(_), _) => {}
    }
    wrong.extend(lines(before, after, rules));
    wrong
}

/// A line of its own that a rule puts in.
static NEW: LazyLock<Vec<(&[&str], Regex)>> = LazyLock::new(|| {
    let one = |rules, pattern: &str| (rules, Regex::new(pattern).expect("it is well formed"));
    vec![
        one(&BUST[..], r#"^ *["']?args["']?: *$"#),
        one(&BUST[..], r#"^ *(?:- *["']?\w+=|["']?\w+["']?: *["']?)\$\{\w+:-\}["']?$"#),
        one(&["moving-base"], r#"^ *["']?pull["']?: true$"#),
    ]
});

/// What a rule puts into a line, and what stands there without it.
static INTO: LazyLock<Vec<(&[&str], Regex, &str)>> = LazyLock::new(|| {
    let one = |rules, pattern: &str, old| (rules, Regex::new(pattern).expect("it is well formed"), old);
    vec![
        one(&BUST[..], r#",? ?["']?\w+["']?(?:=|: )["']?\$\{\w+:-\}["']?"#, ""),
        one(&BUST[..], r#", ["']?args["']?: \{\}"#, ""),
        one(&BUST[..], r" \{\}", ""),
        one(&BUST[..], r#"(["']?)\$\{\w+:-([^}]*)\}["']?"#, "$2"),
        one(&["moving-base"], r#", ["']?pull["']?: true"#, ""),
        one(&["moving-base"], r"\bpull: true\b", "pull: false"),
        // Last: what is left of a service in flow style.
        one(&[], r#"\{["']?context["']?: ([^,}]*)\}"#, "$1"),
    ]
});

/// Every line of before is there as it was, but for what the rules put in, move or take out.
fn lines(before: &str, after: &str, rules: &[&'static str]) -> Vec<String> {
    let ours = |of: &[&str]| of.is_empty() || of.iter().any(|rule| rules.contains(rule));
    let any = |of: &[&str]| of.iter().any(|rule| rules.contains(rule));
    let diff = TextDiff::from_lines(before, after);
    let split = |text: &'_ str| -> Vec<String> {
        text.split_inclusive('\n').map(|line| line.trim_end_matches(['\r', '\n']).to_owned()).collect()
    };
    let (old, new) = (split(before), split(after));
    let mut wrong = Vec::new();
    for op in diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        let (mut gone, mut came) = (&old[op.old_range()], &new[op.new_range()]);
        loop {
            gone = match (gone, came) {
                ([], []) => break,
                ([one, rest @ ..], [two, others @ ..]) if one == two => {
                    came = others;
                    rest
                }
                ([one, rest @ ..], [two, others @ ..]) if becomes(one, two, &ours) => {
                    came = others;
                    rest
                }
                (_, [two, others @ ..]) if NEW.iter().any(|(of, put)| ours(of) && put.is_match(two)) => {
                    came = others;
                    gone
                }
                ([one, rest @ ..], [two, three, others @ ..]) if long_form(one, two, three) => {
                    came = others;
                    rest
                }
                // Their values were compared.
                ([_, rest @ ..], [_, others @ ..]) if any(&["single-file-bind", "pull-overrides-build"]) => {
                    came = others;
                    rest
                }
                ([_, rest @ ..], _) if any(&MOUNTS) => rest,
                (gone, came) => {
                    wrong.push(format!("{gone:?} becomes {came:?}"));
                    break;
                }
            }
        }
    }
    let comments = |text: &str| {
        let mut all: BTreeMap<String, usize> = BTreeMap::new();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix('#')) {
            *all.entry(line.to_owned()).or_default() += 1;
        }
        all
    };
    if comments(before) != comments(after) {
        wrong.push("a comment came or went".to_owned());
    }
    wrong
}

/// Whether the line is the other one with nothing more than what the rules put in.
fn becomes(old: &str, new: &str, ours: &dyn Fn(&[&str]) -> bool) -> bool {
    let plain = |text: &str| text.replace(['"', '\''], "");
    let (mut was, mut is) = (old.to_owned(), new.to_owned());
    for (_, put, before) in INTO.iter().filter(|(of, _, _)| ours(of)) {
        if !put.is_match(&is) {
            continue;
        }
        // What the line had before of the same kind goes on both sides.
        (was, is) = (put.replace_all(&was, *before).into_owned(), put.replace_all(&is, *before).into_owned());
        // Quotes may be needed around the value alone.
        if is == old || is == was || (before.contains('$') && plain(&is) == plain(&was)) {
            return true;
        }
    }
    false
}

/// `build: x` on one line became `build:` and `context: x` on two.
fn long_form(old: &str, key: &str, context: &str) -> bool {
    let Some(rest) = old.strip_prefix(key.trim_end()) else { return false };
    let context = context.trim_start();
    let value = ["context:", "\"context\":", "'context':"].iter().find_map(|key| context.strip_prefix(key));
    key.trim_end().ends_with(':') && value.is_some_and(|value| value.trim_start() == rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn what_a_rule_may_do_is_intended_and_nothing_else() {
        let web =
            "services:\n  web:\n    build: .  # here\n    volumes:\n      - code:/app\n      - data:/data\n";
        let long = web.replace(
            " .  # here",
            "\n      context: .  # here\n      args:\n        CACHE_BUST: ${CACHE_BUST:-}",
        );
        let cases: &[(&str, String, &[&str], bool)] = &[
            (web, long.clone(), &["cached-fetch"], true),
            (web, long.clone(), &["moving-base"], false),
            (web, long.replace("${CACHE_BUST:-}", "1"), &["cached-fetch"], false),
            (web, long.replace("  # here", ""), &["cached-fetch"], false),
            (web, long.replace("context: .", "context: ./"), &["cached-fetch"], false),
            (web, long.replace("data:/data", "'data:/data'"), &["cached-fetch"], false),
            (web, long.replace("      - data:/data\n", ""), &["cached-fetch"], false),
            (web, web.replace("      - code:/app\n", ""), &["volume-shadows-image"], true),
            (web, web.replace("      - code:/app\n", "      - code:/b\n"), &["volume-shadows-image"], false),
            (
                web,
                web.replace(" .  # here", "\n      context: .  # here\n      pull: true"),
                &["moving-base"],
                true,
            ),
            (web, web.trim_end().to_owned(), &["moving-base"], false),
            (
                "services:\n  a: &a\n    build: {context: .}\n  b:\n    <<: *a\n",
                "services:\n  a: &a\n    build: {context: ., pull: true}\n  b:\n    <<: *a\n    x: 1\n"
                    .to_owned(),
                &["moving-base"],
                false,
            ),
            (
                "services:\n  b: {build: {args: {NOCACHE: 1}}}\n",
                "services:\n  b: {build: {args: {NOCACHE: \"${NOCACHE:-1}\"}}}\n".to_owned(),
                &["inert-cache-bust"],
                true,
            ),
        ];
        for (before, after, rules, right) in cases {
            let wrong = judge(before, after, rules);
            assert_eq!(wrong.is_empty(), *right, "{before}---\n{after}: {wrong:?}");
        }
    }
}
