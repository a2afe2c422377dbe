//! A project as Compose puts it together: several files, `include` and `extends`, merged into one model whose values
//! know the file that they stand in.
//!
//! The order is compose-go's loader: each file is interpolated, then gets what it includes, then what its services
//! extend, and is then merged over the files before it.

mod extends;
mod forest;
mod include;
mod unique;

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use super::{Compose, Layout, read, reader::Source};
use crate::{
    syntax::{
        dockerignore,
        dotenv::Env,
        yaml::{NodeId, Tree},
    },
    text::{FileId, Location, Snapshot, Span},
};
use forest::Forest;

/// Most files that one project may read: `include` of `include` can double at every step.
const MAX_LOADS: usize = 300;

/// The trees of the files of a snapshot, each read once.
#[derive(Debug)]
pub struct Library<'a> {
    snapshot: &'a Snapshot,
    trees: RefCell<HashMap<FileId, Rc<Tree>>>,
    wanted: RefCell<BTreeSet<String>>,
}

impl<'a> Library<'a> {
    /// The files of a snapshot; none is read yet.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, trees: RefCell::default(), wanted: RefCell::default() }
    }

    /// The text behind a path, if it was read; the path is noted if not.
    pub fn find(&self, path: &str) -> Option<FileId> {
        let found = self.snapshot.find(path);
        if found.is_none() {
            self.wanted.borrow_mut().insert(path.to_owned());
        }
        found
    }

    fn tree(&self, file: FileId) -> Rc<Tree> {
        let text = &self.snapshot.file(file).text;
        Rc::clone(self.trees.borrow_mut().entry(file).or_insert_with(|| Rc::new(Tree::parse(text))))
    }

    /// Paths that projects asked for and that the snapshot has no text of.
    pub fn wanted(&self) -> Vec<String> {
        self.wanted.borrow().iter().cloned().collect()
    }

    /// The variables of a folder: those of its `.env`.
    pub fn env(&self, dir: &str) -> Env {
        let file = self.snapshot.find(&under(dir, ".env"));
        file.map_or_else(Env::default, |id| Env::parse(&self.snapshot.file(id).text).0)
    }

    /// The variables of a folder whose project is started with others already set.
    pub fn env_in(&self, dir: &str, outer: &Env) -> Env {
        let mut env = outer.clone();
        if let Some(file) = self.snapshot.find(&under(dir, ".env")) {
            env.read(&self.snapshot.file(file).text, outer);
        }
        env
    }
}

/// Something of a project that stays unknown, or that Compose refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where it is asked for.
    pub at: Location,
    /// What it is, as a clause in lower case.
    pub reason: String,
    /// Whether Compose would refuse the project, whatever the files that were not read say.
    pub refused: bool,
}

/// A project after merging.
#[derive(Debug, Clone)]
pub struct Merged {
    /// Its model. [`Compose::file`] is the first file; [`super::Service::extends`] is left where it could not be followed, and
    /// then the service may have more than is known.
    pub model: Compose,
    /// Every file that was read for it, in the order of reading.
    pub files: Vec<FileId>,
    /// What is missing.
    pub gaps: Vec<Gap>,
}

/// Merges files as `docker compose -f a -f b` does. `dir` is the project's folder, `env` its variables.
///
/// # Panics
/// Without a file.
pub fn merge(library: &Library<'_>, files: &[FileId], dir: &str, env: &Env) -> Merged {
    let first = *files.first().expect("a project has a file");
    let mut loader = Loader {
        library,
        dir,
        forest: Forest::default(),
        files: Vec::new(),
        gaps: Vec::new(),
        loads: 0,
        including: Vec::new(),
        extended: HashMap::new(),
        bases: HashMap::new(),
        names: HashMap::new(),
        included: HashMap::new(),
    };
    let root = loader.model(files, dir, env);
    let Loader { mut forest, files, mut gaps, .. } = loader;
    gaps.extend(forest.clashes.drain(..).map(|c| Gap { at: c.at, reason: c.reason, refused: true }));
    if forest.is_full() {
        let reason = "the project is larger than Compose would read".to_owned();
        gaps.push(Gap { at: Location::new(first, Span::point(0)), reason, refused: false });
    }
    let (mut tree, sources, of) = forest.into_parts();
    if let Some(root) = root {
        tree.set_root(root);
    }
    Merged { model: read::merged(first, tree, &sources, &of), files, gaps }
}

struct Loader<'l, 'a> {
    library: &'l Library<'a>,
    /// The project's folder.
    dir: &'l str,
    forest: Forest<'a>,
    files: Vec<FileId>,
    gaps: Vec<Gap>,
    loads: usize,
    /// The files that are being included, outermost first.
    including: Vec<FileId>,
    /// Services whose `extends` is followed, by the mapping that they stand in.
    extended: HashMap<(NodeId, String), NodeId>,
    /// The services of files that were extended.
    bases: HashMap<(FileId, usize), Option<NodeId>>,
    /// The names of services, by their mapping.
    names: HashMap<NodeId, Rc<HashMap<String, NodeId>>>,
    /// What was included before.
    included: HashMap<include::Request, Option<NodeId>>,
}

impl Loader<'_, '_> {
    fn gap(&mut self, at: NodeId, reason: impl Into<String>, refused: bool) {
        let at = self.forest.at(self.forest.tree.resolve(at));
        self.gaps.push(Gap { at, reason: reason.into(), refused });
    }

    /// The folder as seen from the project's.
    fn base(&self, dir: &str) -> String {
        relative(self.dir, dir)
    }

    /// One file's tree, its paths starting from `dir`.
    fn plant(&mut self, file: FileId, dir: &str, env: &Env) -> Option<NodeId> {
        self.loads += 1;
        if self.loads > MAX_LOADS {
            if self.loads == MAX_LOADS + 1 {
                let reason =
                    format!("more than {MAX_LOADS} files are included or extended: the rest was not read");
                self.gaps.push(Gap { at: Location::new(file, Span::point(0)), reason, refused: false });
            }
            return None;
        }
        if !self.files.contains(&file) {
            self.files.push(file);
        }
        let tree = self.library.tree(file);
        let more = tree.more_documents().first().copied();
        let text = &self.library.snapshot.file(file).text;
        let source = Source { file, text, env: env.clone(), base: self.base(dir) };
        let root = self.forest.plant(&tree, source);
        if let Some(span) = more {
            let reason = "further documents of the file are not read".to_owned();
            self.gaps.push(Gap { at: Location::new(file, span), reason, refused: false });
        }
        root.filter(|&root| self.forest.tree.entries(root).is_some())
    }

    /// Files merged in order, with what they include and extend.
    fn model(&mut self, files: &[FileId], dir: &str, env: &Env) -> Option<NodeId> {
        let mut all: Option<NodeId> = None;
        for &file in files {
            let Some(root) = self.plant(file, dir, env) else { continue };
            self.including.push(file);
            let root = self.include(root, dir, env);
            self.including.pop();
            let root = self.extend(root, file, env);
            all = Some(match all {
                None => root,
                Some(before) => self.forest.merge(before, root, &mut Vec::new()),
            });
        }
        all
    }
}

/// Whether a tree needs other files to be read as Compose reads it.
pub fn is_alone(model: &Compose) -> bool {
    let root = model.tree.root();
    model.includes.is_empty()
        && root.is_none_or(|root| model.tree.get(root, "include").is_none())
        && (model.layout == Layout::V1 || model.services.iter().all(|s| s.extends.is_none()))
        && model.tree.more_documents().is_empty()
}

/// A path below a folder of the snapshot.
fn under(dir: &str, path: &str) -> String {
    let clean = match dir {
        "" => dockerignore::clean(path),
        _ if path.starts_with('/') => dockerignore::clean(path),
        dir => dockerignore::clean(&format!("{dir}/{path}")),
    };
    if clean == "." { String::new() } else { clean }
}

/// The folder of a path; `""` is the root.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// `to` as seen from `from`, both from the root; empty if they are the same.
fn relative(from: &str, to: &str) -> String {
    let parts = |path: &str| -> Vec<String> {
        path.split('/').filter(|p| !p.is_empty() && *p != ".").map(str::to_owned).collect()
    };
    let (from, to) = (parts(from), parts(to));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| "..".to_owned());
    up.chain(to[shared..].iter().cloned()).collect::<Vec<_>>().join("/")
}
