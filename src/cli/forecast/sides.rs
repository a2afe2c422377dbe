//! The two states of the files: what the last build had, and what lies there now.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::ForecastArgs;
use crate::{
    analysis::{self, Facts},
    cli::{Stop, trace::inside},
    engine,
    model::kind::FileKind,
    project::{self, Held, HeldKind, States},
    report::forecast::Change,
    text::{EntryKind, Snapshot, SourceFile, is_outside},
};

/// A file in one of the states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) kind: HeldKind,
    /// Stands for its bytes: equal texts, equal bytes.
    pub(super) bytes: String,
    /// Where a link leads.
    pub(super) target: Option<String>,
}

/// A file that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changing {
    pub(super) before: Option<Side>,
    pub(super) after: Option<Side>,
}

impl Changing {
    pub(super) fn change(&self) -> Change {
        match (&self.before, &self.after) {
            (None, _) => Change::New,
            (_, None) => Change::Deleted,
            _ => Change::Changed,
        }
    }
}

/// What differs, and the texts of before.
pub(super) struct Sides {
    /// The revision that the last build had.
    pub(super) revision: Option<String>,
    pub(super) commit: Option<String>,
    /// By path.
    pub(super) changes: BTreeMap<String, Changing>,
    /// What stands for the bytes of files that did not change, where git knows it.
    pub(super) ids: BTreeMap<String, String>,
    /// Files whose text before matters and is not known.
    pub(super) lost: BTreeSet<String>,
    /// Files of equal size and other bytes.
    pub(super) same_size: Vec<String>,
    /// Modules whose commit changed.
    modules: Vec<String>,
    /// What stands for `.git` before and after, if that changed; not known, if it may have.
    pub(super) git: Option<(String, String)>,
    /// The texts of before.
    pub(super) snapshot: Snapshot,
}

impl Sides {
    pub(super) fn of(
        root: &Path,
        after: &Snapshot,
        facts: &Facts<'_>,
        args: &ForecastArgs,
    ) -> Result<Self, Stop> {
        let checkout = project::checkout(root).is_some_and(|found| found == root);
        if !args.changed.is_empty() {
            return Self::named(root, after, facts, &args.changed, checkout);
        }
        if !checkout {
            if let Some(revision) = &args.since {
                return Err(Stop(format!(
                    "`{}` lies in no git checkout, so there is no revision `{revision}`: name the changed files with `--changed`",
                    root.display()
                )));
            }
            return Self::with(root, after, Parts::default());
        }
        let revision = args.since.as_deref().unwrap_or("HEAD");
        let states = project::states(root, revision).map_err(|reason| match args.since {
            Some(_) => Stop(reason),
            None => Stop(format!("{reason}; or name the changed files with `--changed`")),
        })?;
        let mut changes = BTreeMap::new();
        for path in states.before.keys().chain(states.now.keys()).chain(states.new.keys()) {
            let (before, now) = (states.before.get(path), states.now.get(path));
            if before == now && before.is_some() {
                continue;
            }
            let after = now.or_else(|| states.new.get(path)).map(side);
            changes.insert(path.clone(), Changing { before: before.map(side), after });
        }
        let git = if states.commit == states.head {
            unsure(!changes.is_empty())
        } else {
            Some((format!("git:{}", states.commit), format!("git:{}", states.head)))
        };
        let parts = Parts {
            revision: Some(revision.to_owned()),
            commit: Some(states.commit.clone()),
            ids: ids(&states),
            changes,
            git,
            ..Parts::default()
        };
        Self::with(root, after, parts)
    }

    /// The files that are said to have had other bytes.
    fn named(
        root: &Path,
        after: &Snapshot,
        facts: &Facts<'_>,
        files: &[PathBuf],
        checkout: bool,
    ) -> Result<Self, Stop> {
        // A checkout without a commit knows nothing of before.
        let states =
            if checkout { project::states(root, "HEAD").unwrap_or_default() } else { States::default() };
        let recipes = recipes(after, facts);
        let mut parts = Parts { ids: ids(&states), git: unsure(true), ..Parts::default() };
        for file in files {
            let path = inside(root, file)?;
            let (before, now) = (states.before.get(&path), states.now.get(&path));
            let on_disk = root.join(&path);
            if on_disk.is_dir() && !on_disk.is_symlink() {
                return Err(Stop(format!("`{}` is a folder: name files", file.display())));
            }
            let is_there = project::is_there(&on_disk);
            if !is_there && before.is_none() && !(checkout && project::was_there(root, &path)?) {
                return Err(Stop(format!(
                    "`{}` is not there, and git knows no file of that path: check the spelling",
                    file.display()
                )));
            }
            let other = || Side { bytes: format!("before:{path}"), ..untracked(root, &path) };
            let was = match (before, now) {
                // What is not committed tells what it was.
                (Some(before), now) if now != Some(before) => Some(side(before)),
                _ if states.new.contains_key(&path) => None,
                _ => {
                    // A `.env` is seldom tracked.
                    if recipes.contains(&path) || FileKind::of(&path) == Some(FileKind::Dotenv) {
                        parts.lost.insert(path.clone());
                    }
                    Some(other())
                }
            };
            let known = now.or_else(|| states.new.get(&path));
            let after = is_there.then(|| known.map_or_else(|| untracked(root, &path), side));
            parts.changes.insert(path.clone(), Changing { before: was, after });
        }
        Self::with(root, after, parts)
    }

    fn with(root: &Path, after: &Snapshot, mut parts: Parts) -> Result<Self, Stop> {
        let blob = |side: &Side| side.bytes.strip_prefix("git:").map(str::to_owned);
        let known = |changing: &Changing| changing.before.as_ref().and_then(blob);
        let mut wanted: BTreeMap<String, String> = BTreeMap::new();
        for (path, changing) in &parts.changes {
            let is_link = changing.before.as_ref().is_some_and(|side| side.kind == HeldKind::Link);
            if is_link || engine::wants(path) || after.find(path).is_some() {
                wanted.extend(known(changing).map(|id| (path.clone(), id)));
            }
        }
        let found = project::blobs(root, &wanted.values().cloned().collect())?;
        let text = |id: &String| found.get(id).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
        let texts: BTreeMap<String, String> =
            wanted.iter().filter_map(|(path, id)| Some((path.clone(), text(id)?))).collect();
        for (path, changing) in &mut parts.changes {
            for (side, now) in [(&mut changing.before, false), (&mut changing.after, true)] {
                if let Some(side) = side.as_mut().filter(|side| side.kind == HeldKind::Link) {
                    side.target =
                        if now { after.link(path).map(str::to_owned) } else { texts.get(path).cloned() };
                }
            }
        }
        let is_module = |side: &Option<Side>| side.as_ref().is_some_and(|side| side.kind == HeldKind::Module);
        let modules = parts.changes.iter().filter(|(_, c)| is_module(&c.before) || is_module(&c.after));
        let modules = modules.map(|(name, _)| name.clone()).collect();
        let snapshot = earlier(root, after, &parts.changes, &texts)?;
        let same_size = same_size(root, &parts.changes)?;
        Ok(Self {
            revision: parts.revision,
            commit: parts.commit,
            changes: parts.changes,
            ids: parts.ids,
            lost: parts.lost,
            git: parts.git,
            same_size,
            modules,
            snapshot,
        })
    }

    /// What stands for the bytes of a file that did not change.
    pub(super) fn unchanged(&self, path: &str) -> String {
        self.ids.get(path).map_or_else(|| format!("path:{path}"), |id| format!("git:{id}"))
    }

    /// The module whose commit changed and that holds the path.
    pub(super) fn module(&self, path: &str) -> Option<&str> {
        let mut names = self.modules.iter().map(String::as_str);
        names.find(|name| analysis::paths::below(name, path).is_some_and(|rest| !rest.is_empty()))
    }
}

#[derive(Default)]
struct Parts {
    revision: Option<String>,
    commit: Option<String>,
    changes: BTreeMap<String, Changing>,
    ids: BTreeMap<String, String>,
    lost: BTreeSet<String>,
    git: Option<(String, String)>,
}

/// Every command of git may change `.git`; while nothing is to be committed, it is left alone.
fn unsure(changes: bool) -> Option<(String, String)> {
    changes.then(|| ("\0.git before".to_owned(), "\0.git now".to_owned()))
}

fn side(held: &Held) -> Side {
    Side { kind: held.kind, bytes: format!("git:{}", held.id), target: None }
}

fn ids(states: &States) -> BTreeMap<String, String> {
    states.now.iter().map(|(path, held)| (path.clone(), held.id.clone())).collect()
}

/// A file of the file system that git was not asked about.
fn untracked(root: &Path, path: &str) -> Side {
    let is_link = root.join(path).is_symlink();
    let kind = if is_link { HeldKind::Link } else { HeldKind::File { executable: false } };
    Side { kind, bytes: format!("path:{path}"), target: None }
}

/// The files that say how something is built or run.
fn recipes(after: &Snapshot, facts: &Facts<'_>) -> BTreeSet<String> {
    let is_recipe = |path: &str| {
        use FileKind::{Compose, Dockerfile, Dockerignore, Dotenv};
        matches!(FileKind::of(path), Some(Dockerfile | Compose | Dockerignore | Dotenv))
    };
    let path = |file| after.file(file).path.clone();
    let by_name = after.files().map(|(_, file)| file.path.clone()).filter(|path| is_recipe(path));
    let dockerfiles = facts.dockerfiles.iter().map(|dockerfile| path(dockerfile.model.file));
    let sources = facts.projects.iter().flat_map(|project| project.sources.iter().copied().map(path));
    by_name.chain(dockerfiles).chain(sources).collect()
}

/// How often the files that were read may name further ones.
const ROUNDS: usize = 20;

/// The project as it was.
fn earlier(
    root: &Path,
    after: &Snapshot,
    changes: &BTreeMap<String, Changing>,
    texts: &BTreeMap<String, String>,
) -> Result<Snapshot, Stop> {
    let mut before = Snapshot::default();
    if after.is_partial() {
        before.set_partial();
    }
    for (path, kind) in after.below("") {
        if changes.contains_key(path) {
            continue;
        }
        match after.link(path) {
            Some(target) => before.add_link(path, target),
            None => before.add_entry(path, kind),
        }
    }
    for (path, changing) in changes {
        match changing.before.as_ref().map(|side| (side.kind, &side.target)) {
            None => {}
            Some((HeldKind::Link, Some(target))) => before.add_link(path, target),
            Some((HeldKind::Link, None)) => before.add_entry(path, EntryKind::Symlink),
            Some((HeldKind::Module, _)) => before.add_entry(path, EntryKind::Dir),
            Some((HeldKind::File { .. }, _)) => before.add_entry(path, EntryKind::File),
        }
    }
    for (_, file) in after.files() {
        match changes.get(&file.path) {
            None if is_outside(&file.path) => {
                before.add_outside(file.clone());
            }
            None => {
                before.add_file(file.clone());
            }
            // What it was is not known: what depends on it is said to be so.
            Some(changing) if changing.before.is_some() && !texts.contains_key(&file.path) => {
                before.add_file(file.clone());
            }
            Some(_) => {}
        }
    }
    let regular = |path: &String| {
        let side = changes.get(path).and_then(|changing| changing.before.as_ref());
        side.is_some_and(|side| matches!(side.kind, HeldKind::File { .. }))
    };
    for (path, text) in texts.iter().filter(|(path, _)| regular(path)) {
        if engine::keeps(path, text.as_bytes()) || after.find(path).is_some() {
            before.add_file(SourceFile { path: path.clone(), text: text.clone() });
        }
    }
    // What the files of before name.
    let mut tried = BTreeSet::new();
    for _ in 0..ROUNDS {
        let more: Vec<String> =
            analysis::wanted(&before).into_iter().filter(|path| tried.insert(path.clone())).collect();
        if more.is_empty() {
            break;
        }
        for path in more {
            if before.entry(&path).is_none() {
                continue;
            }
            let text = match changes.get(&path).and_then(|changing| changing.before.as_ref()) {
                Some(side) => match side.bytes.strip_prefix("git:") {
                    Some(id) => project::blobs(root, &BTreeSet::from([id.to_owned()]))?
                        .remove(id)
                        .and_then(|bytes| String::from_utf8(bytes).ok()),
                    None => None,
                },
                None => project::text(&root.join(&path)).ok(),
            };
            if let Some(text) = text {
                before.add_file(SourceFile { path, text });
            }
        }
    }
    Ok(before)
}

/// Changed files whose size is what it was.
fn same_size(root: &Path, changes: &BTreeMap<String, Changing>) -> Result<Vec<String>, Stop> {
    let id = |changing: &Changing| match (&changing.before, &changing.after) {
        (Some(before), Some(after))
            if before.bytes != after.bytes
                && [before.kind, after.kind].iter().all(|kind| matches!(kind, HeldKind::File { .. })) =>
        {
            before.bytes.strip_prefix("git:").map(str::to_owned)
        }
        _ => None,
    };
    let ids: BTreeMap<&String, String> =
        changes.iter().filter_map(|(path, changing)| Some((path, id(changing)?))).collect();
    let sizes = project::sizes(root, &ids.values().cloned().collect())?;
    let now = |path: &str| project::size(&root.join(path));
    let same = |(path, id): (&&String, &String)| sizes.get(id).is_some_and(|size| now(path) == Some(*size));
    Ok(ids.iter().filter(|(path, id)| same((path, id))).map(|(path, _)| (*path).clone()).collect())
}
