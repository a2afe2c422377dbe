//! The steps that are in the cache, each under the step it follows.

use std::collections::{HashMap, HashSet};

use super::content::{Content, Same};

/// A step with its result: equal numbers are equal keys.
pub(super) type StepId = usize;

/// What keys a step beside the step before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Key {
    /// Instruction, variables, options: what it is, and its value. The order counts.
    pub(super) parts: Vec<(String, String)>,
    /// Parts of values that no file shows. Equal texts are equal values, others need not differ.
    pub(super) opaque: Vec<String>,
    /// What it takes from the context or from other stages.
    pub(super) inputs: Vec<Content>,
    /// Why its key is never known, if it is not: a download.
    pub(super) unknown: Option<String>,
}

/// What the cache has for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// These steps; one, if what it follows is known.
    Yes(Vec<StepId>),
    /// One of these, or nothing, with the reason.
    Maybe(Vec<StepId>, String),
    /// Nothing, with the reason.
    No(String),
}

#[derive(Debug, Clone)]
struct Entry {
    key: Key,
    /// The instruction's index in its Dockerfile.
    instruction: usize,
    step: StepId,
}

/// The cache.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    children: HashMap<Option<StepId>, Vec<Entry>>,
    images: HashMap<String, StepId>,
    count: usize,
    /// Steps that this build makes though the cache has them.
    pub(super) anew: HashSet<StepId>,
}

impl Store {
    /// A step that nothing else is equal to.
    pub(super) fn fresh(&mut self) -> StepId {
        self.count += 1;
        self.count
    }

    /// What an image of that name is: the same at every build.
    pub(super) fn root(&mut self, image: &str) -> StepId {
        if let Some(step) = self.images.get(image) {
            return *step;
        }
        let step = self.fresh();
        self.images.insert(image.to_owned(), step);
        step
    }

    /// Notes a step below another; `None`: below nothing.
    pub(super) fn add(&mut self, parent: Option<StepId>, key: Key, instruction: usize) -> StepId {
        let step = self.fresh();
        self.children.entry(parent).or_default().push(Entry { key, instruction, step });
        step
    }

    /// Looks for a step below one of these. `instruction` is where it stands, for the reason.
    pub(super) fn find(&self, parents: &[Option<StepId>], key: &Key, instruction: usize) -> Found {
        let entries = || parents.iter().filter_map(|parent| self.children.get(parent)).flatten();
        let (mut yes, mut maybe, mut why, mut differs) = (Vec::new(), Vec::new(), None, None);
        for entry in entries().filter(|entry| entry.key.parts == key.parts) {
            if let Some(reason) = &key.unknown {
                maybe.push(entry.step);
                why = Some(reason.clone());
                continue;
            }
            let mut whole = if key.inputs.len() == entry.key.inputs.len() {
                Same::Yes
            } else {
                Same::No(vec!["what it takes".to_owned()])
            };
            for (own, other) in key.inputs.iter().zip(&entry.key.inputs) {
                match (own.same(other), &whole) {
                    (Same::Yes, _) => {}
                    (Same::No(paths), _) => {
                        whole = Same::No(paths);
                        break;
                    }
                    (Same::Unknown(reason), _) => whole = Same::Unknown(reason),
                }
            }
            match whole {
                Same::Yes => yes.push(entry.step),
                Same::No(paths) => differs = Some(paths),
                Same::Unknown(reason) => {
                    maybe.push(entry.step);
                    why = Some(reason);
                }
            }
        }
        if !yes.is_empty() {
            return Found::Yes(yes);
        }
        if let Some(why) = why {
            return Found::Maybe(maybe, why);
        }
        // A value that no file shows may be equal to another one.
        let open =
            |entry: &&Entry| entry.key.opaque != key.opaque && entry.key.parts.len() == key.parts.len();
        let likely: Vec<StepId> = entries()
            .filter(|e| e.key.parts[0].0 == key.parts[0].0)
            .filter(open)
            .filter(|entry| {
                let pairs = entry.key.parts.iter().zip(&key.parts);
                let is_open = |text: &str| text.contains('\0');
                pairs.into_iter().all(|(a, b)| a.0 == b.0 && (a.1 == b.1 || is_open(&a.1) || is_open(&b.1)))
            })
            .map(|entry| entry.step)
            .collect();
        if !likely.is_empty() {
            return Found::Maybe(likely, "it depends on a value of the base image".to_owned());
        }
        Found::No(match differs {
            Some(paths) => changed(&paths),
            None => news(entries(), key, instruction),
        })
    }
}

/// What is new in a key, compared with the nearest step of its kind that was below the same one.
fn news<'e>(entries: impl Iterator<Item = &'e Entry>, key: &Key, instruction: usize) -> String {
    let kind = |entry: &&Entry| entry.key.parts[0].0 == key.parts[0].0;
    let nearest = entries.filter(kind).min_by_key(|entry| entry.instruction.abs_diff(instruction));
    let Some(entry) = nearest else { return "the instruction is new here".to_owned() };
    let value = |parts: &[(String, String)], name: &str| {
        parts.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    };
    for (name, own) in &key.parts {
        match value(&entry.key.parts, name) {
            Some(old) if old == *own => {}
            Some(_) if name.starts_with('`') => return format!("{name} has another value"),
            Some(_) => return "the instruction is changed".to_owned(),
            None => return format!("{name} is new"),
        }
    }
    match entry.key.parts.iter().find(|(name, _)| value(&key.parts, name).is_none()) {
        Some((name, _)) => format!("{name} is gone"),
        None => "its variables come in another order".to_owned(),
    }
}

fn changed(paths: &[String]) -> String {
    let shown: Vec<String> = paths.iter().take(3).map(|path| format!("`{path}`")).collect();
    let more = if paths.len() > 3 { format!(" and {} more", paths.len() - 3) } else { String::new() };
    format!("{}{more} changed", shown.join(", "))
}
