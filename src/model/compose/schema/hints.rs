//! The words of the errors: what a key or a value was probably meant to be.

use super::{
    shape::{Fields, Map, Shape, Types},
    table,
};
use crate::syntax::yaml::{Effective, Kind, NodeId, Resolved, Tree};

/// Mappings around a node, with the keys that lead to it.
type Path<'p> = &'p [(&'static Map, &'p str)];

/// A key that Compose does not know.
pub(super) fn unknown(
    tree: &Tree,
    path: Path<'_>,
    fields: &Fields,
    siblings: &[Effective],
    entry: &Effective,
) -> String {
    let key = tree.scalar(entry.key).unwrap_or_default();
    let shown = key.escape_debug();
    let start = format!("`{shown}` is no key of {}", fields.of);
    let top = path.is_empty();
    if top && table::SERVICE.field(key).is_some() {
        return format!("{start}, but of a service: indent it below the service's name");
    }
    if let Some((map, _)) = path.iter().rev().find(|(map, _)| map.field(key).is_some()) {
        let of = match map {
            Map::Fields(outer) => outer.of,
            Map::Names(_) => "what is around it",
        };
        return format!("{start}, but of {of}: indent it less");
    }
    if let Some(close) = closest(key, fields.known.iter().map(|(name, _)| *name)) {
        return format!("{start}: did you mean `{close}`?");
    }
    // One that is there and has nothing below it lost its keys to a wrong indentation.
    let emptied =
        |name: &str| siblings.iter().any(|e| tree.scalar(e.key) == Some(name) && tree.is_null(e.value));
    let holding = || fields.known.iter().filter(|(_, shape)| holds(shape, key));
    if let Some((below, _)) = holding().find(|(name, _)| emptied(name)).or_else(|| holding().next()) {
        return format!("{start}, but of `{below}`: indent it below `{below}:`");
    }
    if looks_like_service(tree, entry.value) {
        return if top {
            format!("{start}: if it is a service, indent it below `services:`")
        } else {
            format!("{start}: if it is a service, indent it like the other services")
        };
    }
    if fields.extensions {
        format!("{start}: remove it, or call it `x-{shown}` if something else than Compose reads it")
    } else {
        format!("{start}: remove it")
    }
}

/// A name that is a key of what should stand around it: `image: x` where a service's name belongs.
pub(super) fn name(tree: &Tree, path: Path<'_>, entry: &Effective) -> Option<String> {
    let (map, section) = path.last()?;
    let key = tree.scalar(entry.key)?;
    let in_services = path.len() == 1 && map.field("services").is_some() && *section == "services";
    if !in_services || tree.entries(entry.value).is_some() {
        return None;
    }
    let shown = key.escape_debug();
    if table::SERVICE.field(key).is_some() {
        return Some(format!(
            "`{shown}` is a key of a service, not a service: indent it below the service's name"
        ));
    }
    table::FILE
        .field(key)
        .map(|_| format!("`{shown}` is a key of the file, not a service: indent it less"))
        .or_else(|| Some(format!("the service `{shown}` is no mapping: give it `image:` or `build:`")))
}

fn holds(shape: &Shape, key: &str) -> bool {
    shape.map.is_some_and(|map| map.field(key).is_some())
}

fn looks_like_service(tree: &Tree, node: NodeId) -> bool {
    tree.effective(node).is_some_and(|entries| {
        let of_service =
            |e: &Effective| tree.scalar(e.key).and_then(|key| table::SERVICE.field(key)).is_some();
        !entries.is_empty() && entries.iter().all(of_service)
    })
}

/// The known word that a typo may have been; long ones may have two.
pub(super) fn closest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > 40 {
        return None;
    }
    let allowed = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    let folded = word.to_ascii_lowercase().replace('-', "_");
    known
        .map(|candidate| (strsim::osa_distance(&folded, candidate), candidate))
        .filter(|&(distance, candidate)| {
            distance <= allowed || candidate.strip_suffix('s') == Some(folded.as_str())
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// What to write for a shape.
pub(super) fn wanted(shape: &Shape) -> String {
    let mut forms = Vec::new();
    if let Some(scalar) = shape.scalar {
        let has = |types| scalar.types.has(types);
        if has(Types::STRING) {
            forms.push("a string");
        }
        if has(Types::NUMBER) {
            forms.push("a number");
        } else if has(Types::INT) {
            forms.push("a whole number");
        }
        if has(Types::BOOL) {
            forms.push("`true` or `false`");
        }
    }
    if shape.list.is_some() {
        forms.push("a list of lines with `- `");
    }
    if shape.map.is_some() {
        forms.push("a mapping of lines `name: value`");
    }
    match forms.as_slice() {
        [] => "remove it".to_owned(),
        [one] => format!("write {one}"),
        [first @ .., last] => format!("write {} or {last}", first.join(", ")),
    }
}

/// What a node is.
pub(super) fn kind(tree: &Tree, node: NodeId) -> String {
    match (&tree.node(tree.resolve(node)).kind, tree.value(node)) {
        (Kind::Sequence { .. }, _) => "a list".to_owned(),
        (Kind::Mapping { .. }, _) => "a mapping".to_owned(),
        (_, Some(Resolved::Null)) => "empty".to_owned(),
        (_, Some(Resolved::Bool(_))) => "a truth value without quotes".to_owned(),
        (_, Some(Resolved::Int(_) | Resolved::Uint(_) | Resolved::Float(_))) => {
            "a number without quotes".to_owned()
        }
        (_, Some(Resolved::Timestamp)) => "a date without quotes".to_owned(),
        _ => "a string".to_owned(),
    }
}

pub(super) fn one_of(text: &str, words: &[&'static str]) -> String {
    if let Some(close) = closest(text, words.iter().copied()) {
        return format!("is not known here: did you mean `{close}`?");
    }
    format!("is not known here: write `{}`", words.join("`, `"))
}

pub(super) fn within(low: i64, high: i64) -> String {
    if high == i64::MAX {
        format!("is no whole number from {low}")
    } else {
        format!("is no whole number from {low} to {high}")
    }
}
