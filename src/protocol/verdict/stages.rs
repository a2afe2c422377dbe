//! Which stages of a build have to be looked into, and where; and what a COPY takes from what was found there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    compiled::{Made, Taken},
    file::Bytes,
};
use crate::analysis::{
    context::{Lands, is_glob, lands},
    paths,
    way::{Edge, Way},
};

/// The stages of one build that are looked into, and what in them.
#[derive(Debug, Default)]
pub struct Stages {
    /// By number.
    pub all: BTreeMap<usize, Stage>,
    /// What is taken from them.
    pub edges: Vec<Edge>,
}

/// A stage that is looked into.
#[derive(Debug, Default)]
pub struct Stage {
    /// What names it as the target of a build.
    pub name: String,
    /// Files that are in the repository.
    pub sources: BTreeSet<String>,
    /// What something is taken from or put to.
    pub roots: BTreeSet<String>,
}

/// So many files are read one by one; of more, the folder that holds them all.
const FEW: usize = 40;

impl Stage {
    /// The folder that is read for all files of the repository, if they are many.
    pub fn common(&self) -> Option<String> {
        let first = self.sources.first().filter(|_| self.sources.len() > FEW)?;
        // The first and the last in order have no more in common than all have.
        let last = self.sources.last()?;
        let same = first.split('/').zip(last.split('/')).take_while(|(a, b)| a == b).map(|(a, _)| a);
        Some(paths::clean(&format!("/{}", same.collect::<Vec<_>>().join("/"))))
    }
}

/// The files below a path, each by its absolute path. What is no file and no folder is there as unknown.
pub type Tree = BTreeMap<String, Bytes>;

/// What was found in a stage.
#[derive(Debug, Default)]
pub struct Inside {
    /// By path.
    pub sources: HashMap<String, Bytes>,
    /// By path: what lies below, or why that is not known.
    pub roots: HashMap<String, Result<Tree, String>>,
}

impl Stages {
    /// All that the ways lead through.
    pub fn of(ways: &[&Way]) -> Self {
        let mut stages = Self::default();
        for way in ways {
            for through in &way.stages {
                let stage = stages.all.entry(through.index).or_default();
                stage.name.clone_from(&through.name);
                stage.sources.extend(through.paths.iter().cloned());
            }
            for edge in &way.edges {
                if !stages.edges.contains(edge) {
                    stages.edges.push(edge.clone());
                }
            }
        }
        for edge in &stages.edges {
            if let Some(from) = stages.all.get_mut(&edge.from) {
                from.roots.extend(sources(edge));
            }
            if let (Some(to), Some(dest)) = (edge.to, edge.copy.dest.known())
                && let Some(to) = stages.all.get_mut(&to)
            {
                to.roots.insert(dest.to_owned());
            }
        }
        for stage in stages.all.values_mut() {
            stage.roots.extend(stage.common());
            // The whole of a stage is its base image, too.
            stage.roots.retain(|root| root != "/" && !root.contains('\n'));
            stage.sources.retain(|path| !path.contains('\n'));
        }
        stages
    }

    /// What a COPY takes, and what is there where it puts it.
    pub fn taken(&self, edge: &Edge, inside: &BTreeMap<usize, Inside>) -> Taken {
        let name = |stage: &usize| self.all.get(stage).map_or_else(|| stage.to_string(), |s| s.name.clone());
        let (from, to) = (name(&edge.from), edge.to.as_ref().map(name));
        let made = made(edge, &from, inside);
        Taken { edge: edge.clone(), from, to, made }
    }
}

/// A path below a folder, or another absolute one; `..` is followed.
pub fn joined(dir: &str, path: &str) -> String {
    paths::join(dir, path)
}

/// The paths of the stage below which is all that a COPY takes.
fn sources(edge: &Edge) -> Vec<String> {
    let fixed = |source: &str| {
        let parts = source.split('/').filter(|part| !part.is_empty()).take_while(|part| !is_glob(part));
        paths::clean(&format!("/{}", parts.collect::<Vec<_>>().join("/")))
    };
    edge.copy.sources.iter().filter_map(|source| source.known()).map(fixed).collect()
}

fn made(edge: &Edge, from: &str, inside: &BTreeMap<usize, Inside>) -> Result<Vec<Made>, String> {
    let what = edge.hop.what.lines().next().unwrap_or_default();
    let roots = inside.get(&edge.from).map(|inside| &inside.roots);
    let there = match (edge.to, edge.copy.dest.known()) {
        (None, _) => None,
        (Some(to), Some(dest)) => match inside.get(&to).and_then(|inside| inside.roots.get(dest)) {
            Some(tree) => Some(tree.as_ref().map_err(Clone::clone)?),
            None => return Err(format!("what `{what}` puts into a stage was not read")),
        },
        (Some(_), None) => return Err(format!("where `{what}` puts something is not known")),
    };
    let mut all: BTreeMap<String, Made> = BTreeMap::new();
    for root in sources(edge) {
        let tree = roots.and_then(|roots| roots.get(&root));
        let Some(tree) = tree else {
            return Err(format!("what `{what}` takes from the stage `{from}` was not read"));
        };
        for (path, bytes) in tree.as_ref().map_err(|why| format!("`{root}` in the stage `{from}` {why}"))? {
            let places = match lands(&edge.copy, path) {
                Lands::No => continue,
                Lands::At(places) => places,
                Lands::Unknown => return Err(format!("where `{what}` puts `{path}` is not known")),
            };
            for at in places {
                let there = there.map(|tree| tree.get(&at).cloned().unwrap_or(Bytes::Missing));
                all.insert(at.clone(), Made { path: path.clone(), at, bytes: bytes.clone(), there });
            }
        }
    }
    if all.is_empty() {
        return Err(format!("`{what}` takes no file from the stage `{from}`"));
    }
    Ok(all.into_values().collect())
}
