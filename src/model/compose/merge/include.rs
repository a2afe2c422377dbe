//! `include`: other projects, each with a folder and variables of its own, under this one.

use super::{Loader, parent, under};
use crate::{
    model::compose::Value,
    syntax::{
        dotenv::Env,
        yaml::{Entry, NodeId},
    },
    text::FileId,
};

/// Deepest `include` of `include`.
const MAX_DEPTH: usize = 50;

/// The parts of a file that others can include.
const SECTIONS: [&str; 6] = ["services", "volumes", "networks", "secrets", "configs", "models"];

/// Files that are included together, the folder, where the variables come from, and the identity of those around it.
pub(super) type Request = (Vec<FileId>, String, Vec<FileId>, usize);

/// One entry of `include`.
struct Asked {
    node: NodeId,
    paths: Vec<Value>,
    folder: Option<Value>,
    env_files: Vec<Value>,
}

impl Loader<'_, '_> {
    /// The file's tree with what it includes below it.
    pub(super) fn include(&mut self, root: NodeId, dir: &str, env: &Env) -> NodeId {
        let Some(list) = self.forest.get(root, "include") else { return root };
        let items = self.forest.tree.items(list).unwrap_or_default().to_vec();
        let mut root = root;
        for item in items {
            let Some(asked) = self.asked_to_include(item) else { continue };
            if let Some(model) = self.included(&asked, dir, env) {
                root = self.import(root, model);
            }
        }
        let mut entries = self.forest.entries(root);
        entries.retain(|e| self.forest.tree.scalar(e.key) != Some("include"));
        self.forest.mapping(root, entries)
    }

    fn asked_to_include(&self, node: NodeId) -> Option<Asked> {
        let reader = self.forest.reader();
        let Some(fields) = reader.fields(node) else {
            let paths = vec![reader.scalar(node)?];
            return Some(Asked { node, paths, folder: None, env_files: Vec::new() });
        };
        Some(Asked {
            node,
            paths: reader.strings(&fields, "path"),
            folder: reader.text_field(&fields, "project_directory").filter(|f| !f.raw.is_empty()),
            env_files: reader.strings(&fields, "env_file"),
        })
    }

    fn included(&mut self, asked: &Asked, dir: &str, env: &Env) -> Option<NodeId> {
        let mut files = Vec::new();
        for path in &asked.paths {
            let Some(path) = path.known.as_deref().map(|path| under(dir, path)) else {
                self.gap(asked.node, "only a variable names the included file", false);
                return None;
            };
            let Some(file) = self.library.find(&path) else {
                self.gap(
                    asked.node,
                    format!("`{}`, which is included, was not read", path.escape_debug()),
                    false,
                );
                return None;
            };
            files.push(file);
        }
        let first = *files.first()?;
        if self.including.contains(&first) {
            self.gap(asked.node, "the files include each other in a circle", true);
            return None;
        }
        if self.including.len() > MAX_DEPTH {
            self.gap(asked.node, "files include each other too deeply to follow", false);
            return None;
        }
        let folder = match &asked.folder {
            None => parent(&self.library.snapshot.file(first).path).to_owned(),
            Some(folder) => {
                let Some(known) = &folder.known else {
                    self.gap(asked.node, "only a variable names the included project's folder", false);
                    return None;
                };
                under(dir, known)
            }
        };
        let env_files = self.env_files_of(asked, dir, &folder)?;
        let request = (files, folder, env_files, env.identity());
        if let Some(done) = self.included.get(&request) {
            return *done;
        }
        let (files, folder, env_files, _) = &request;
        // What is set around it wins.
        let mut inner = env.clone();
        for &file in env_files {
            inner.read(&self.library.snapshot.file(file).text, env);
        }
        let model = self.model(files, folder, &inner).map(|model| self.with_contexts(model, folder));
        self.included.insert(request, model);
        model
    }

    /// The files that its variables come from.
    fn env_files_of(&mut self, asked: &Asked, dir: &str, folder: &str) -> Option<Vec<FileId>> {
        if asked.env_files.is_empty() {
            return Some(self.library.snapshot.find(&under(folder, ".env")).into_iter().collect());
        }
        let mut files = Vec::new();
        for path in &asked.env_files {
            let known = path.known.as_deref();
            if known == Some("/dev/null") {
                continue;
            }
            let Some(file) = known.and_then(|path| self.library.find(&under(dir, path))) else {
                let path = path.raw.escape_debug();
                let reason = format!("`{path}`, which the include takes variables from, was not read");
                self.gap(asked.node, reason, false);
                return None;
            };
            files.push(file);
        }
        Some(files)
    }

    /// A build without a context takes the folder of the project that it stands in, which is about to be another one.
    fn with_contexts(&mut self, model: NodeId, folder: &str) -> NodeId {
        let base = self.base(folder);
        let Some(services) = self.forest.get(model, "services").filter(|_| !base.is_empty()) else {
            return model;
        };
        let mut changed = false;
        let mut all = self.forest.entries(services);
        for service in &mut all {
            let Some(build) = self.forest.get(service.value, "build") else { continue };
            if self.forest.tree.entries(build).is_none() || self.forest.get(build, "context").is_some() {
                continue;
            }
            // Nobody wrote it: it has the folder of the file that was included, and stands at its start.
            let (key, value) = (self.forest.scalar(build, "context"), self.forest.unwritten(model, "."));
            let mut entries = self.forest.entries(build);
            entries.push(Entry { key, value });
            let build = self.forest.mapping(build, entries);
            service.value = self.with(service.value, "build", build);
            changed = true;
        }
        if !changed {
            return model;
        }
        let services = self.forest.mapping(services, all);
        self.with(model, "services", services)
    }

    /// The mapping with another value for a key.
    fn with(&mut self, map: NodeId, key: &str, value: NodeId) -> NodeId {
        let mut entries = self.forest.entries(map);
        if let Some(entry) = entries.iter_mut().find(|e| self.forest.tree.scalar(e.key) == Some(key)) {
            entry.value = value;
        } else {
            let key = self.forest.scalar(value, key);
            entries.push(Entry { key, value });
        }
        self.forest.mapping(map, entries)
    }

    /// Puts what was included below what the file says itself.
    fn import(&mut self, root: NodeId, model: NodeId) -> NodeId {
        let mut root = root;
        for section in SECTIONS {
            let Some(from) =
                self.forest.get(model, section).filter(|&f| self.forest.tree.entries(f).is_some())
            else {
                continue;
            };
            let own = self.forest.get(root, section).filter(|&own| self.forest.tree.entries(own).is_some());
            let merged = match own {
                None => from,
                Some(own) => self.forest.merge(from, own, &mut vec![section.to_owned()]),
            };
            root = self.with(root, section, merged);
        }
        root
    }
}
