//! From the YAML tree to services, builds and volumes, with Compose's rules for what a value may be.

use std::collections::HashSet;

use super::{
    Build, BuildArg, Compose, Env, Extends, Layout, Mount, Origin, Service, Value, Volume, mounts,
    reader::{Fields, Reader, first_line},
};
use crate::{
    syntax::{
        SyntaxError,
        dotenv::substitute,
        yaml::{Effective, Kind, NodeId, Resolved, Tree, Via},
    },
    text::{FileId, Span, Spanned},
};

pub(super) fn compose(file: FileId, text: &str, env: &Env) -> Compose {
    let tree = Tree::parse(text);
    let mut reader = Reader { text, env, tree: &tree, errors: tree.errors().to_vec() };
    let mut out = Compose {
        file,
        tree: Tree::default(),
        layout: Layout::Services,
        includes: Vec::new(),
        name: None,
        services: Vec::new(),
        volumes: Vec::new(),
        errors: Vec::new(),
    };
    reader.document(&mut out);
    let Reader { mut errors, .. } = reader;
    errors.sort_by_key(|e| e.span);
    Compose { tree, errors, ..out }
}

impl Reader<'_> {
    fn document(&mut self, out: &mut Compose) {
        let Some(root) = self.tree.root() else {
            if self.tree.errors().is_empty() {
                self.error(
                    Span::point(0),
                    "the file is empty: a compose file has a mapping with `services:`",
                );
            }
            return;
        };
        let Some(top) = self.fields(root) else {
            self.error(
                first_line(self.text, self.span(root)),
                "not a compose file: its top level is no mapping with `services:`",
            );
            return;
        };
        self.check_templates();
        out.name = self.text_field(&top, "name");
        out.includes = self.includes(&top);
        if let Some(services) = self.field(&top, "services") {
            match self.fields(services.value) {
                Some(fields) => out.services = self.services(&fields, Layout::Services),
                None if self.tree.is_null(services.value) => {}
                None => {
                    let at = first_line(self.text, self.span(services.value));
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
        if out.layout == Layout::Services
            && let Some(volumes) = self.present(&top, "volumes").and_then(|node| self.fields(node))
        {
            out.volumes = self.volumes(&volumes);
        }
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
                && let Err(error) = substitute(text, self.env)
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
            let name = Spanned::new(name.to_owned(), self.span(entry.key));
            if !matches!(self.tree.value(entry.key), Some(Resolved::Str)) {
                self.error(name.span, "a service's name is a string: quote it");
            }
            match self.fields(entry.value) {
                Some(service) => out.push(self.service(name, entry, &service, layout)),
                // It is there to be taken away from, or replaced in, the file that this one overrides.
                None if self.is_tagged_reset(entry.value) => {}
                None => {
                    let message = format!(
                        "the service `{}` is no mapping: give it `image:` or `build:`",
                        name.value.escape_debug()
                    );
                    self.error(name.span, message);
                }
            }
        }
        out
    }

    fn service(
        &mut self,
        name: Spanned<String>,
        entry: Effective,
        fields: &Fields,
        layout: Layout,
    ) -> Service {
        let deploy = self.present(fields, "deploy").and_then(|node| self.fields(node));
        let replicas = deploy.and_then(|deploy| self.text_field(&deploy, "replicas"));
        Service {
            name,
            span: self.span(entry.value),
            node: entry.value,
            extends: self.extends(fields),
            build: self.build(entry, fields, layout),
            image: self.text_field(fields, "image"),
            container_name: self.text_field(fields, "container_name"),
            pull_policy: self.text_field(fields, "pull_policy"),
            mounts: self.mounts(fields),
            replicas: replicas.or_else(|| self.text_field(fields, "scale")),
        }
    }

    fn extends(&self, fields: &Fields) -> Option<Extends> {
        let node = self.present(fields, "extends")?;
        match self.fields(node) {
            Some(extends) => Some(Extends {
                file: self.text_field(&extends, "file"),
                service: self.text_field(&extends, "service")?,
            }),
            None => Some(Extends { file: None, service: self.scalar(node)? }),
        }
    }

    fn build(&mut self, service: Effective, fields: &Fields, layout: Layout) -> Option<Build> {
        let entry = self.field(fields, "build").filter(|e| !self.tree.is_null(e.value))?;
        let target = self.tree.resolve(entry.value);
        let mut build = Build {
            key: self.span(entry.key),
            span: self.span(target),
            node: entry.value,
            origin: Origin::Scalar,
            context: None,
            dockerfile: None,
            inline: None,
            target: None,
            args: Vec::new(),
            pull: None,
        };
        build.origin = match (&self.tree.node(target).kind, entry.via) {
            (_, Via::Merge) => Origin::Merge,
            _ if target != entry.value || self.tree.is_alias(service.value) => Origin::Alias,
            (Kind::Scalar { .. }, _) => Origin::Scalar,
            _ => Origin::Mapping,
        };
        if let Some(inner) = self.fields(target) {
            build.context = self.text_field(&inner, "context");
            build.dockerfile = self.text_field(&inner, "dockerfile");
            build.inline = self.text_field(&inner, "dockerfile_inline");
            build.target = self.text_field(&inner, "target");
            build.args = self.args(&inner);
            build.pull = self.text_field(&inner, "pull");
        } else if let Some(context) = self.scalar(target) {
            build.context = Some(context);
            if layout == Layout::V1 {
                build.dockerfile = self.text_field(fields, "dockerfile");
            }
        } else {
            let message = "`build` is a path or a mapping with `context:`: write one of the two";
            self.error(first_line(self.text, build.span), message);
            return None;
        }
        Some(build)
    }

    fn args(&mut self, build: &Fields) -> Vec<BuildArg> {
        let Some(node) = self.present(build, "args") else { return Vec::new() };
        if let Some(args) = self.fields(node) {
            return args.entries.iter().filter_map(|e| self.arg_of_map(e)).collect();
        }
        let Some(items) = self.tree.items(node) else {
            self.error(
                self.span(node),
                "`args` is a mapping or a list of `NAME=value`: write one of the two",
            );
            return Vec::new();
        };
        items.iter().filter_map(|&item| self.arg_of_list(item)).collect()
    }

    fn arg_of_map(&self, entry: &Effective) -> Option<BuildArg> {
        let name = Spanned::new(self.tree.scalar(entry.key)?.to_owned(), self.span(entry.key));
        let value = if self.tree.is_null(entry.value) { None } else { self.scalar(entry.value) };
        let value = value.map(|value| match self.tree.value(entry.value) {
            Some(Resolved::Str) => value,
            _ => Value { known: self.tree.go_text(entry.value), ..value },
        });
        Some(BuildArg { name, value })
    }

    fn arg_of_list(&self, item: NodeId) -> Option<BuildArg> {
        let whole = self.scalar(item)?;
        let part = |range| self.part(item, range);
        let Some(at) = whole.raw.find('=') else {
            let (name, span) = (whole.known.unwrap_or(whole.raw), whole.span);
            return Some(BuildArg { name: Spanned::new(name, span), value: None });
        };
        let name = Spanned::new(whole.raw[..at].to_owned(), part(0..at));
        let raw = whole.raw[at + 1..].to_owned();
        let known = substitute(&raw, self.env).ok().flatten();
        let value = Value { span: part(at + 1..whole.raw.len()), raw, known };
        Some(BuildArg { name, value: Some(value) })
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
                    self.error(first_line(self.text, self.span(node)), message);
                }
            }
        }
        out
    }

    fn volumes(&mut self, fields: &Fields) -> Vec<Volume> {
        let mut out = Vec::new();
        for &entry in &fields.entries {
            let Some(key) = self.tree.scalar(entry.key) else { continue };
            let key = Spanned::new(key.to_owned(), self.span(entry.key));
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
        self.text_field(&opts, "device").filter(|_| bound)
    }
}
