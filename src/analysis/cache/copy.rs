//! What keys a COPY or ADD, and what it leaves.

use std::collections::BTreeMap;

use super::{
    build::Builder,
    content::{Content, Token, Under},
    image::{Image, Value},
    plain,
    steps::{At, part},
    store::Key,
    tree::Named,
};
use crate::{
    analysis::{
        context::{is_glob, is_url},
        paths,
        stages::{CopyFacts, CopyFrom, DestDir, What},
    },
    model::dockerfile::{Copy, Heredoc, Kind},
    syntax::dockerfile as syntax,
};

impl At<'_> {
    pub(super) fn copy_key(&self, copy: &Copy, image: &Image) -> Key {
        let mut parts = vec![part(&self.syntax.body.name(), String::new())];
        let (mut inputs, mut unknown) = (Vec::new(), None);
        for word in &copy.sources {
            let source = image.expand(&word.value, self.escape);
            let Some(path) = source.known() else {
                parts.push(part("source", source.keyed()));
                unknown = Some("a variable says what it takes".to_owned());
                continue;
            };
            if is_url(path) {
                parts.push(part("source", path.to_owned()));
                unknown = Some(format!("what `{path}` sends is known only when it is asked"));
                continue;
            }
            match self.builder {
                Builder::BuildKit => {
                    let clean = paths::clean(&format!("/{path}"));
                    let name = if clean == "/" { clean.as_str() } else { paths::base_name(&clean) };
                    parts.push(part("source", name.to_owned()));
                    inputs.push(self.source(copy, path));
                }
                // Not what is written counts, but the paths that are found.
                Builder::Classic => inputs.extend(self.found(copy, path)),
            }
        }
        if self.builder == Builder::Classic {
            // Engine 20.10 keys a stage's file otherwise than the same file of the context, engine 26.1 the same.
            let from = if copy.from.is_some() { "\0a stage or image" } else { "" };
            parts.push(part("--from", from.to_owned()));
        }
        for doc in &copy.heredocs {
            parts.push(part("heredoc", doc.name.clone()));
            // The classic builder drops it.
            let body = (self.builder == Builder::BuildKit).then(|| self.body(doc, image).keyed());
            parts.extend(body.map(|body| part("content", body)));
        }
        parts.push(part("destination", self.keyed_destination(copy, image).keyed()));
        parts.extend(self.flags(image, &["from", "link"]));
        Key { parts, inputs, unknown, ..Key::default() }
    }

    /// Whether the files are put in by a layer that does not depend on those before it, where the engine can do that.
    pub(super) fn linked(&self) -> bool {
        let link = |flag: &syntax::Flag| matches!(flag.as_read.as_str(), "--link" | "--link=true");
        matches!(self.kind, Kind::Copy(_) | Kind::Add(_)) && self.syntax.body.flags.iter().any(link)
    }

    fn body(&self, doc: &Heredoc, image: &Image) -> Value {
        if doc.expand { image.expand(&doc.content, self.escape) } else { Value::Known(doc.content.clone()) }
    }

    /// Where it copies to, as it enters the key: the classic builder takes it as written.
    fn keyed_destination(&self, copy: &Copy, image: &Image) -> Value {
        match self.builder {
            Builder::BuildKit => self.destination(copy, image),
            Builder::Classic => image.expand(&copy.dest.value, self.escape),
        }
    }

    /// Where it copies to, with a slash at the end where it is written as a folder.
    fn destination(&self, copy: &Copy, image: &Image) -> Value {
        match (image.expand(&copy.dest.value, self.escape), &image.workdir) {
            (Value::Known(path), dir) if path.starts_with('/') || dir.known().is_some() => {
                let folder = path.ends_with('/') || path == "." || path.is_empty();
                let dest = paths::join(dir.known().unwrap_or("/"), &path);
                Value::Known(if folder && dest != "/" { dest + "/" } else { dest })
            }
            (path, dir) => Value::Opaque(format!("{} in {}", path.keyed(), dir.keyed())),
        }
    }

    /// What one source holds, as it enters the key of `BuildKit`: the name of what a pattern matches, not that of what is
    /// named.
    fn source(&self, copy: &Copy, path: &str) -> Content {
        if let Some(from) = &copy.from {
            return self.other(self.stage(), &from.value, path);
        }
        let named = self.tree.named(path);
        if !is_glob(path) {
            let none = || Content { from: path.to_owned(), ..Content::new(Under::Nothing) };
            return named.first().map_or_else(none, |named| self.contents(named, "", path));
        }
        let mut all = Content::new(Under::Nothing);
        for (nth, named) in named.iter().enumerate() {
            let name = format!("{nth}:{}", paths::base_name(&named.path));
            all.entries.extend(self.contents(named, &name, "").entries);
        }
        all
    }

    /// What one source holds, as it enters the key of the classic builder: with the paths where it is found.
    fn found(&self, copy: &Copy, path: &str) -> Vec<Content> {
        if let Some(from) = &copy.from {
            let content = self.other(self.stage(), &from.value, path);
            let place = |(at, token): (&String, &Token)| (paths::join(&content.from, at), token.clone());
            let mut entries: BTreeMap<String, Token> = content.entries.iter().map(place).collect();
            if content.entries.is_empty() {
                entries.insert(content.from.clone(), Token::Opaque("it".to_owned()));
            }
            return vec![Content { entries, from: String::new(), ..content }];
        }
        let found = self.tree.named(path);
        found.iter().map(|named| self.followed(self.contents(named, &named.leads, ""))).collect()
    }

    /// The entries as the classic builder hashes them: a link is what it leads to in the context, by the name that this has
    /// there (moby's `lazySource.Hash` follows it), though it is copied as a link.
    fn followed(&self, mut content: Content) -> Content {
        let links: Vec<String> = content
            .entries
            .iter()
            .filter(|(_, token)| matches!(token, Token::Link(_)))
            .map(|(path, _)| path.clone())
            .collect();
        for path in links {
            let leads = self.tree.follow(&path, true);
            let node = leads.as_deref().map(|leads| (leads, self.tree.get(leads)));
            let (leads, token) = match node {
                Some((leads, Some(node))) => (leads, Token::of(node, true)),
                Some(("", None)) => ("", Token::Dir(None)),
                // One that leads nowhere is its own path, wherever it leads.
                _ => {
                    content.entries.insert(path, Token::Link(String::new()));
                    continue;
                }
            };
            content.entries.remove(&path);
            // No path of an entry has two slashes; several may lead to one.
            let mut names = (0..).map(|nth| format!("{leads}//{nth}"));
            let free = names.find(|name| !content.entries.contains_key(name)).expect("there are always more");
            content.entries.insert(free, token);
        }
        content
    }

    fn stage(&self) -> Option<&CopyFrom> {
        if let What::Copy(facts) = self.what { Some(&facts.from) } else { None }
    }

    /// The entries of a source below the name that they have in the key; `shown` is what people call it.
    pub(super) fn contents(&self, named: &Named, name: &str, shown: &str) -> Content {
        let classic = self.builder == Builder::Classic;
        let place = |rest: &str| match (name.is_empty(), rest.is_empty()) {
            (true, _) => rest.to_owned(),
            (false, true) => name.to_owned(),
            (false, false) => format!("{name}/{rest}"),
        };
        let tokens = named.entries.iter().map(|(rest, node)| (place(rest), Token::of(node, classic)));
        let mut entries: BTreeMap<String, Token> = tokens.collect();
        if named.is_dir && !name.is_empty() {
            entries.insert(name.to_owned(), Token::Dir(named.mode.filter(|_| classic)));
        }
        let from = paths::clean(&format!("/{shown}"))[1..].to_owned();
        Content { entries, under: Under::Nothing, from }
    }

    pub(super) fn after_copy(&self, image: &Image, held: &mut Content, step: &Under) {
        let (Kind::Copy(copy) | Kind::Add(copy)) = self.kind else { return };
        let What::Copy(facts) = self.what else { return };
        let plain_flags = ["from", "link", "chown", "chmod"];
        let odd = self.syntax.body.flags.iter().any(|flag| {
            let name = flag.as_read.trim_start_matches('-').split('=').next().unwrap_or_default();
            !plain_flags.contains(&name)
        });
        let made = if odd { None } else { self.copied(copy, facts, image, held) };
        match made {
            Some(entries) => entries.into_iter().for_each(|(path, token)| held.put(&path, token)),
            // It touches nothing else.
            None => match self.destination(copy, image).known() {
                Some(dest) if paths::clean(dest) != "/" => held.put_region(&paths::clean(dest), step.clone()),
                _ => held.blur(step.clone()),
            },
        }
    }

    /// Every entry that a COPY makes; `None` where names or contents are not known.
    fn copied(
        &self,
        copy: &Copy,
        facts: &CopyFacts,
        image: &Image,
        held: &Content,
    ) -> Option<Vec<(String, Token)>> {
        let dest = self.destination(copy, image);
        let dest = dest.known()?;
        let several = copy.sources.len() + copy.heredocs.len() > 1;
        let target = paths::clean(dest);
        let dir = dest.ends_with('/')
            || several
            || facts.dest_dir == DestDir::Yes
            || held.has_dir(&target)
            || copy.sources.iter().any(|source| is_glob(&source.value));
        if !dir && facts.dest_dir == DestDir::Depends {
            return None;
        }
        let (owner, mode) = (self.flag("chown", image), self.flag("chmod", image));
        let mode = mode.map(|text| u32::from_str_radix(&text, 8)).transpose().ok()?;
        let own = |token: Token| match token {
            Token::File { bytes, mode: old, owner: before } => Token::File {
                bytes,
                mode: mode.unwrap_or(old),
                owner: owner.clone().unwrap_or(if copy.from.is_some() { before } else { String::new() }),
            },
            token => token,
        };
        let mut all = Vec::new();
        for source in &copy.sources {
            let path = image.expand(&source.value, self.escape);
            let path = path.known().filter(|path| !is_url(path))?;
            for (name, is_dir, entries) in self.parts_of(copy, path)? {
                if !is_dir && facts.is_add && is_archive(&name) {
                    return None;
                }
                let at = if is_dir || !dir { target.clone() } else { paths::join(&target, &name) };
                if is_dir {
                    all.push((at.clone(), Token::Dir(None)));
                }
                all.extend(entries.into_iter().map(|(rest, token)| {
                    let path = if rest.is_empty() { at.clone() } else { paths::join(&at, &rest) };
                    (path, own(token))
                }));
            }
        }
        for doc in &copy.heredocs {
            let body = self.body(doc, image);
            let at = if dir { paths::join(&target, &doc.name) } else { target.clone() };
            let token = Token::File { bytes: plain::text(body.known()?), mode: 0o644, owner: String::new() };
            all.push((at, own(token)));
        }
        Some(all)
    }

    /// Name, whether it is a folder, and entries of all that a source names.
    #[expect(clippy::type_complexity, reason = "read in one place")]
    fn parts_of(&self, copy: &Copy, path: &str) -> Option<Vec<(String, bool, Vec<(String, Token)>)>> {
        let Some(from) = &copy.from else {
            let all = self.tree.named(path).into_iter();
            return Some(
                all.map(|named| {
                    let tokens = named.entries.iter().map(|(at, node)| (at.clone(), Token::of(node, false)));
                    (paths::base_name(&named.path).to_owned(), named.is_dir, tokens.collect())
                })
                .collect(),
            );
        };
        let held = self.other(self.stage(), &from.value, path);
        let name = paths::base_name(path.trim_end_matches('/')).to_owned();
        if is_glob(path) {
            return None;
        }
        match held.entries.get("") {
            Some(token @ Token::File { .. }) => {
                Some(vec![(name, false, vec![(String::new(), token.clone())])])
            }
            // More than what is known may lie there.
            _ if !held.is_known() => None,
            _ => {
                let inside = held.entries.into_iter().filter(|(at, _)| !at.is_empty());
                Some(vec![(name, true, inside.collect())])
            }
        }
    }

    fn flag(&self, name: &str, image: &Image) -> Option<String> {
        let prefix = format!("--{name}=");
        let value = self.syntax.body.flags.iter().find_map(|flag| flag.as_read.strip_prefix(&prefix))?;
        Some(image.expand(value, self.escape).keyed())
    }
}

fn is_archive(name: &str) -> bool {
    [".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst"]
        .iter()
        .any(|ending| name.ends_with(ending))
}
