//! From the YAML tree to services, builds and volumes, with Compose's rules for what a value may be.

use std::collections::HashSet;

use super::{
    Build, Compose, Env, Extends, Layout, Mount, Origin, Service, Sharing, Value, Volume, mounts,
    reader::{Fields, RESET, Reader, Source},
    schema,
};
use crate::{
    syntax::{
        SyntaxError,
        dotenv::substitute,
        yaml::{Effective, Kind, NodeId, Resolved, Tree, Via},
    },
    text::{FileId, Located, Span},
};

pub(super) fn compose(file: FileId, text: &str, env: &Env) -> Compose {
    let tree = Tree::parse(text);
    let source = [Source { file, text, env: env.clone(), base: String::new() }];
    let mut reader = Reader { tree: &tree, sources: &source, of: &[], errors: tree.errors().to_vec() };
    reader.check_templates();
    let mut out = reader.document(file);
    let mut errors = reader.errors;
    if out.layout == Layout::Services {
        schema::check(text, &tree, &mut errors);
        out.dangling = schema::references(&tree, &out);
    }
    errors.sort_by_key(|e| e.span);
    out.errors = errors;
    Compose { tree, ..out }
}

/// Reads the services without asking whether Compose would take the rest: enough to compare two states of a file.
pub(super) fn plain(file: FileId, text: &str) -> Compose {
    let tree = Tree::parse(text);
    let source = [Source { file, text, env: Env::default(), base: String::new() }];
    let mut reader = Reader { tree: &tree, sources: &source, of: &[], errors: tree.errors().to_vec() };
    let mut out = reader.document(file);
    out.errors = reader.errors;
    Compose { tree, ..out }
}

/// Reads a tree that was merged from several files. Their errors are reported for each file alone.
pub(super) fn merged(file: FileId, tree: Tree, sources: &[Source<'_>], of: &[u32]) -> Compose {
    let mut reader = Reader { tree: &tree, sources, of, errors: Vec::new() };
    let out = reader.document(file);
    Compose { tree, ..out }
}

impl Reader<'_> {
    fn document(&mut self, file: FileId) -> Compose {
        let mut out = Compose {
            file,
            tree: Tree::default(),
            layout: Layout::Services,
            includes: Vec::new(),
            name: None,
            services: Vec::new(),
            volumes: Vec::new(),
            shared: Vec::new(),
            errors: Vec::new(),
            dangling: Vec::new(),
        };
        let Some(root) = self.tree.root() else {
            if self.errors.is_empty() {
                self.error(
                    Span::point(0),
                    "the file is empty: a compose file has a mapping with `services:`",
                );
            }
            return out;
        };
        let Some(top) = self.fields(root) else {
            let at = self.first_line(root);
            self.error(at, "not a compose file: its top level is no mapping with `services:`");
            return out;
        };
        out.name = self.text_field(&top, "name");
        out.includes = self.includes(&top);
        if let Some(services) = self.field(&top, "services") {
            match self.fields(services.value) {
                Some(fields) => out.services = self.services(&fields, Layout::Services),
                None if self.tree.is_null(services.value) => {}
                None => {
                    let at = self.first_line(services.value);
                    self.error(
                        at,
                        "`services` is a mapping from names to services: write `name:` and indent below it",
                    );
                }
            }
        } else if self.looks_like_v1(&top) {
            out.layout = Layout::V1;
            out.services = self.services(&top, Layout::V1);
        }
        if out.layout == Layout::V1 {
            return out;
        }
        if let Some(volumes) = self.present(&top, "volumes").and_then(|node| self.fields(node)) {
            out.volumes = self.volumes(&volumes);
        }
        for (key, kind) in [("configs", Sharing::Config), ("secrets", Sharing::Secret)] {
            if let Some(fields) = self.present(&top, key).and_then(|node| self.fields(node)) {
                out.shared.extend(self.shared(&fields, kind));
            }
        }
        out
    }

    /// Every scalar that is a value, and every one that Compose would refuse to interpolate.
    fn check_templates(&mut self) {
        let mut keys = HashSet::new();
        for (_, node) in self.tree.nodes() {
            if let Kind::Mapping { entries, .. } = &node.kind {
                keys.extend(entries.iter().map(|e| e.key));
            }
        }
        let mut errors = Vec::new();
        for (id, node) in self.tree.nodes() {
            let Kind::Scalar { text, .. } = &node.kind else { continue };
            if text.contains("${")
                && !keys.contains(&id)
                && let Err(error) = substitute(text, self.env(id))
            {
                errors.push(SyntaxError { span: node.span, message: error.to_string() });
            }
        }
        self.errors.extend(errors);
    }

    fn looks_like_v1(&self, top: &Fields) -> bool {
        top.entries.iter().any(|entry| {
            let key = self.tree.scalar(entry.key).unwrap_or_default();
            let known = matches!(key, "networks" | "volumes" | "configs" | "secrets" | "models" | "include");
            !known
                && !key.starts_with("x-")
                && self.fields(entry.value).is_some_and(|service| {
                    ["image", "build", "extends"].iter().any(|key| self.field(&service, key).is_some())
                })
        })
    }

    fn includes(&self, top: &Fields) -> Vec<Value> {
        let Some(include) = self.present(top, "include") else { return Vec::new() };
        let mut out = Vec::new();
        for &item in self.tree.items(include).unwrap_or_default() {
            let path = match self.fields(item) {
                Some(fields) => self.present(&fields, "path"),
                None => Some(item),
            };
            let Some(path) = path else { continue };
            match self.tree.items(path) {
                Some(paths) => out.extend(paths.iter().filter_map(|&p| self.scalar(p))),
                None => out.extend(self.scalar(path)),
            }
        }
        out
    }

    fn services(&mut self, fields: &Fields, layout: Layout) -> Vec<Service> {
        let mut out = Vec::new();
        for &entry in &fields.entries {
            let Some(name) = self.tree.scalar(entry.key) else { continue };
            if layout == Layout::V1 && (name == "version" || name.starts_with("x-")) {
                continue;
            }
            let name = Located::new(name.to_owned(), self.at(entry.key));
            if !matches!(self.tree.value(entry.key), Some(Resolved::Str)) {
                self.error(name.at.span, "a service's name is a string: quote it");
            }
            match self.fields(entry.value) {
                Some(service) => out.push(self.service(name, entry, &service, layout)),
                // It is there to be taken away from, or replaced in, the file that this one overrides.
                None if self.tree.is_tagged(entry.value, RESET) => {}
                None => {
                    let message = format!(
                        "the service `{}` is no mapping: give it `image:` or `build:`",
                        name.value.escape_debug()
                    );
                    self.error(name.at.span, message);
                }
            }
        }
        out
    }

    fn service(
        &mut self,
        name: Located<String>,
        entry: Effective,
        fields: &Fields,
        layout: Layout,
    ) -> Service {
        let deploy = self.present(fields, "deploy").and_then(|node| self.fields(node));
        let replicas = deploy.and_then(|deploy| self.text_field(&deploy, "replicas"));
        Service {
            name,
            at: self.at(entry.value),
            node: entry.value,
            extends: self.extends(fields),
            build: self.build(entry, fields, layout),
            image: self.text_field(fields, "image"),
            container_name: self.text_field(fields, "container_name"),
            pull_policy: self.text_field(fields, "pull_policy"),
            mounts: self.mounts(fields),
            volumes_from: self.strings(fields, "volumes_from"),
            grants: self.grants(fields),
            environment: self.variables_field(fields, "environment"),
            env_files: self.env_files(fields),
            ports: self.ports(fields),
            healthcheck: self.healthcheck(fields),
            command: self.key(fields, "command"),
            entrypoint: self.key(fields, "entrypoint"),
            deploy: self.key(fields, "deploy"),
            replicas: replicas.or_else(|| self.text_field(fields, "scale")),
            profiles: self.strings(fields, "profiles"),
            depends_on: self.names(fields, "depends_on"),
            watch: self.watch(fields),
        }
    }

    fn extends(&self, fields: &Fields) -> Option<Extends> {
        let node = self.present(fields, "extends")?;
        match self.fields(node) {
            Some(extends) => Some(Extends {
                file: self.path_field(&extends, "file"),
                service: self.text_field(&extends, "service")?,
            }),
            None => Some(Extends { file: None, service: self.scalar(node)? }),
        }
    }

    fn build(&mut self, service: Effective, fields: &Fields, layout: Layout) -> Option<Build> {
        let entry = self.field(fields, "build").filter(|e| !self.tree.is_null(e.value))?;
        let target = self.tree.resolve(entry.value);
        let mut build = Build {
            key: self.at(entry.key),
            at: self.at(target),
            node: entry.value,
            origin: Origin::Scalar,
            context: None,
            dockerfile: None,
            inline: None,
            target: None,
            args: Vec::new(),
            contexts: Vec::new(),
            cache_from: Vec::new(),
            no_cache: None,
            pull: None,
            tags: Vec::new(),
        };
        build.origin = match (&self.tree.node(target).kind, entry.via) {
            (_, Via::Merge) => Origin::Merge,
            _ if target != entry.value || self.tree.is_alias(service.value) => Origin::Alias,
            (Kind::Scalar { .. }, _) => Origin::Scalar,
            _ => Origin::Mapping,
        };
        if let Some(inner) = self.fields(target) {
            build.context = self.path_field(&inner, "context");
            build.dockerfile = self.text_field(&inner, "dockerfile");
            build.inline = self.text_field(&inner, "dockerfile_inline");
            build.target = self.text_field(&inner, "target");
            build.args = self.args(&inner);
            build.contexts = self.paths_of_variables(&inner, "additional_contexts");
            build.cache_from = self.strings(&inner, "cache_from");
            build.no_cache = self.text_field(&inner, "no_cache");
            build.pull = self.text_field(&inner, "pull");
            build.tags = self.strings(&inner, "tags");
        } else if let Some(context) = self.path(target) {
            build.context = Some(context);
            if layout == Layout::V1 {
                build.dockerfile = self.text_field(fields, "dockerfile");
            }
        } else {
            let message = "`build` is a path or a mapping with `context:`: write one of the two";
            self.error(self.first_line(target), message);
            return None;
        }
        Some(build)
    }

    fn mounts(&mut self, fields: &Fields) -> Vec<Mount> {
        let mut out = Vec::new();
        for (key, parse) in
            [("volumes", mounts::volume as fn(&mut Self, NodeId) -> Option<Mount>), ("tmpfs", mounts::tmpfs)]
        {
            let Some(node) = self.present(fields, key) else { continue };
            match self.tree.items(node) {
                Some(items) => out.extend(items.iter().filter_map(|&item| parse(self, item))),
                None if key == "tmpfs" && self.tree.scalar(node).is_some() => out.extend(parse(self, node)),
                None => {
                    let message = format!("`{key}` of a service is a list: write its entries with `- `");
                    self.error(self.first_line(node), message);
                }
            }
        }
        out
    }

    fn volumes(&mut self, fields: &Fields) -> Vec<Volume> {
        let mut out = Vec::new();
        for &entry in &fields.entries {
            let Some(key) = self.tree.scalar(entry.key) else { continue };
            let key = Located::new(key.to_owned(), self.at(entry.key));
            let mut volume = Volume { key, name: None, external: false, device: None };
            if let Some(inner) = self.fields(entry.value) {
                volume.name = self.text_field(&inner, "name");
                match self.present(&inner, "external").and_then(|node| self.fields(node)) {
                    Some(external) => {
                        volume.external = true;
                        volume.name = volume.name.or_else(|| self.text_field(&external, "name"));
                    }
                    None => volume.external = self.is_true(&inner, "external"),
                }
                volume.device = self.present(&inner, "driver_opts").and_then(|opts| self.bound_device(opts));
            }
            out.push(volume);
        }
        out
    }

    fn bound_device(&self, opts: NodeId) -> Option<Value> {
        let opts = self.fields(opts)?;
        let known = |key| self.text_field(&opts, key).and_then(|v| v.known).unwrap_or_default();
        let bound = known("type") == "none" || known("o").split(',').any(|o| matches!(o, "bind" | "rbind"));
        self.path_field(&opts, "device").filter(|_| bound)
    }
}
