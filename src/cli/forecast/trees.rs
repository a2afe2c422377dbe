//! A context folder in both states: what lies on disk, with the changes taken back for the earlier one.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::sides::{Side, Sides};
use crate::{
    analysis::{
        cache::tree::{Node, Tree},
        paths,
    },
    project::{self, HeldKind, OnDisk},
    syntax::dockerignore::Patterns,
};

/// The folder as it was and as it is. What none of the ignore files lets through is not looked at.
pub(super) fn both(root: &Path, dir: &str, ignores: &[Option<&Patterns>], sides: &Sides) -> (Tree, Tree) {
    let kept_out =
        |patterns: &Patterns, path: &str| patterns.is_ignored(path) && !patterns.may_keep_below(path);
    let skip = |path: &str| {
        !ignores.is_empty()
            && ignores.iter().all(|ignore| ignore.is_some_and(|patterns| kept_out(patterns, path)))
    };
    let listed = project::folder(&root.join(dir), &skip);
    let gone_with_new = new_folders(dir, &listed, sides);
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    for (path, found) in listed {
        let whole = paths::join(dir, &path);
        let was = match &found {
            OnDisk::Dir { .. } if gone_with_new.contains(&path) => None,
            OnDisk::Dir { mode } => Some(Node::Dir { mode: *mode }),
            _ => match sides.changes.get(&whole) {
                Some(changing) => changing.before.as_ref().map(|side| earlier(side, &found)),
                None => Some(node(sides, &whole, &found, false)),
            },
        };
        before.extend(was.map(|was| (path.clone(), was)));
        let is = match sides.changes.get(&whole).and_then(|changing| changing.after.as_ref()) {
            Some(side) => with_bytes(node(sides, &whole, &found, true), &side.bytes),
            None => node(sides, &whole, &found, true),
        };
        after.insert(path, is);
    }
    for (path, changing) in &sides.changes {
        let Some(path) = paths::below(dir, path).filter(|rest| !rest.is_empty()) else { continue };
        if let (Some(side), None) = (&changing.before, &changing.after)
            && side.kind != HeldKind::Module
        {
            before.insert(path.to_owned(), earlier(side, &OnDisk::File { mode: 0o644, size: 0 }));
        }
    }
    (Tree::new(before), Tree::new(after))
}

/// An entry that is the same in both states, as far as is known.
fn node(sides: &Sides, whole: &str, found: &OnDisk, now: bool) -> Node {
    let of_git = paths::below(".git", whole).and(sides.git.as_ref());
    match found {
        OnDisk::Dir { mode } => Node::Dir { mode: *mode },
        OnDisk::Link { target } => Node::Link { target: target.clone() },
        OnDisk::File { mode, .. } => {
            let bytes = match (of_git, sides.module(whole)) {
                (Some((before, after)), _) => if now { after } else { before }.clone(),
                (None, Some(module)) => {
                    format!("\0{module} {}", if now { "now" } else { "before" })
                }
                (None, None) => sides.unchanged(whole),
            };
            Node::File { mode: *mode, bytes: bytes.into(), stamp: None }
        }
    }
}

fn with_bytes(node: Node, text: &str) -> Node {
    match node {
        Node::File { mode, stamp, .. } => Node::File { mode, bytes: text.into(), stamp },
        other => other,
    }
}

/// What a file was: git knows of its mode only whether it may be run.
fn earlier(side: &Side, found: &OnDisk) -> Node {
    match (side.kind, &side.target) {
        (HeldKind::Link, target) => Node::Link { target: target.clone().unwrap_or_default() },
        (HeldKind::Module, _) => Node::Dir { mode: 0o755 },
        (HeldKind::File { executable }, _) => {
            let mode = match found {
                OnDisk::File { mode, .. } => *mode,
                _ => 0o644,
            };
            // A file that git does not track keeps its mode.
            let tracked = side.bytes.starts_with("git:");
            let mode = match (tracked, executable) {
                (false, _) => mode,
                (true, true) => mode | (mode & 0o444) >> 2,
                (true, false) => mode & !0o111,
            };
            Node::File { mode, bytes: side.bytes.as_str().into(), stamp: None }
        }
    }
}

/// Folders that hold files, and only new ones: git would not have made them.
fn new_folders(dir: &str, listed: &[(String, OnDisk)], sides: &Sides) -> BTreeSet<String> {
    let is_new = |path: &str| {
        sides.changes.get(&paths::join(dir, path)).is_some_and(|changing| changing.before.is_none())
    };
    let files: Vec<(&str, bool)> = listed
        .iter()
        .filter(|(_, found)| !matches!(found, OnDisk::Dir { .. }))
        .map(|(path, _)| (path.as_str(), is_new(path)))
        .collect();
    let above = |new: bool| {
        files.iter().filter(move |(_, is)| *is == new).flat_map(|(path, _)| {
            std::iter::successors(Some(paths::parent(path)), |dir| Some(paths::parent(dir)))
                .take_while(|dir| !dir.is_empty())
        })
    };
    let mut only: BTreeSet<String> = above(true).map(str::to_owned).collect();
    if !only.is_empty() {
        for old in above(false) {
            only.remove(old);
        }
    }
    only
}
