//! What keys each instruction, for either builder, and what it leaves for those after it.

use super::{
    content::{Content, Token, Under},
    forecast::{Builder, Walk},
    image::{Image, Value},
    plain::{self, Mounted},
    store::Key,
    tree::{Named, Tree},
};
use crate::{
    analysis::{
        context::{is_glob, is_url},
        paths,
        stages::{CopyFacts, CopyFrom, DestDir, What},
    },
    model::dockerfile::{Copy, Form, Kind, Pair, Run},
    syntax::dockerfile as syntax,
};

/// Everything that an instruction is read with.
pub(super) struct At<'a> {
    /// Its index in the Dockerfile.
    pub(super) index: usize,
    pub(super) builder: Builder,
    pub(super) escape: char,
    pub(super) syntax: &'a syntax::Instruction,
    pub(super) kind: &'a Kind,
    pub(super) what: &'a What,
    /// The context that the builder sees.
    pub(super) tree: &'a Tree,
    /// What the stages before this one hold.
    pub(super) stages: &'a [Option<Content>],
    /// The build.
    pub(super) walk: &'a Walk<'a>,
}

/// A file or folder that a COPY takes.
struct Taken {
    /// What it is called in the key.
    name: String,
    named: Named,
    wildcard: bool,
}

impl At<'_> {
    /// The key; `None` for an instruction that the builder takes no step for.
    pub(super) fn key(&self, image: &Image) -> Option<Key> {
        let mut key = match (self.kind, self.builder) {
            (Kind::Run(run), _) => self.run_key(run, image),
            (Kind::Copy(copy) | Kind::Add(copy), _) => self.copy_key(copy, image),
            (Kind::Workdir(word), Builder::BuildKit) => {
                let dir = self.workdir(&word.value, image);
                // What the base image has for a working folder is not known, but a step it is in any case.
                if dir.known() == Some("/") {
                    return None;
                }
                let parts = vec![part("WORKDIR", dir.keyed()), part("USER", image.user.keyed())];
                Key { parts, ..Key::default() }
            }
            (_, Builder::BuildKit) => return None,
            (_, Builder::Classic) => Key { parts: self.classic_parts(image), ..Key::default() },
        };
        key.opaque =
            key.parts.iter().filter(|(_, v)| v.contains('\0')).map(|(n, v)| format!("{n}={v}")).collect();
        Some(key)
    }

    /// Changes what the instruction changes. `step` says what lies under what it leaves unknown.
    pub(super) fn apply(&self, image: &mut Image, held: &mut Content, step: &Under) {
        match self.kind {
            Kind::Arg(pairs) => {
                for pair in pairs {
                    if let Some(value) = self.walk.value(pair, image) {
                        image.set_arg(&pair.name.value, value);
                    }
                }
            }
            Kind::Env(pairs) => {
                for (name, value) in self.pairs(pairs, image) {
                    if let Value::Known(name) = name {
                        image.set_env(&name, value);
                    }
                }
            }
            Kind::Workdir(word) => {
                let written = image.expand(&word.value, self.escape);
                image.workdir = self.workdir(&word.value, image);
                let absolute = written.known().is_some_and(|path| path.starts_with('/'));
                image.cwd = if absolute { written } else { image.workdir.clone() };
                match image.workdir.known() {
                    Some("/") => {}
                    Some(dir) => held.put(&dir.to_owned(), Token::Dir(None)),
                    None => held.blur(step.clone()),
                }
            }
            Kind::User(word) => image.user = image.expand(&word.value, self.escape),
            Kind::Shell(words) => image.shell = words.iter().map(|word| word.value.clone()).collect(),
            Kind::Run(run) => {
                *held = self.after_run(run, image, held).unwrap_or_else(|| Content::new(step.clone()))
            }
            Kind::Copy(_) | Kind::Add(_) => self.after_copy(image, held, step),
            _ => {}
        }
    }

    fn workdir(&self, word: &str, image: &Image) -> Value {
        match (image.expand(word, self.escape), &image.workdir) {
            (Value::Known(path), _) if path.starts_with('/') => Value::Known(paths::clean(&path)),
            (Value::Known(path), Value::Known(dir)) => Value::Known(paths::join(dir, &path)),
            (path, dir) => Value::Opaque(format!("{} in {}", path.keyed(), dir.keyed())),
        }
    }

    fn pairs(&self, pairs: &[Pair], image: &Image) -> Vec<(Value, Value)> {
        let expand = |text: &str| image.expand(text, self.escape);
        let value = |pair: &Pair| pair.value.as_ref().map_or("", |value| value.value.as_str()).to_owned();
        pairs.iter().map(|pair| (expand(&pair.name.value), expand(&value(pair)))).collect()
    }

    /// The flags of an instruction, without those of these names.
    fn flags(&self, image: &Image, without: &[&str]) -> Vec<(String, String)> {
        let all = self.syntax.body.flags.iter().map(|flag| flag.as_read.as_str());
        all.filter_map(|flag| {
            let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
            let plain = name.trim_start_matches('-');
            (!without.contains(&plain)).then(|| (name.to_owned(), image.expand(value, self.escape).keyed()))
        })
        .collect()
    }

    // ---- instructions that only set something ------------------------------------------------------------------------

    /// The text that the classic builder compares: its own, with variables replaced.
    fn classic_parts(&self, image: &Image) -> Vec<(String, String)> {
        let name = self.syntax.body.name();
        let expand = |text: &str| image.expand(text, self.escape).keyed();
        let value = match self.kind {
            Kind::Env(pairs) | Kind::Label(pairs) => {
                let all = self.pairs(pairs, image);
                all.iter().map(|(name, value)| format!("{}={}\n", name.keyed(), value.keyed())).collect()
            }
            Kind::Workdir(word) => {
                match (image.expand(&word.value, self.escape), self.workdir(&word.value, image)) {
                    // Engine 20.10 compares it as written, engine 26.1 cleaned.
                    (Value::Known(raw), Value::Known(clean)) if raw.starts_with('/') && raw != clean => {
                        format!("\0{raw}")
                    }
                    (_, dir) => dir.keyed(),
                }
            }
            Kind::User(word) => expand(&word.value),
            Kind::Volume(words) => words.iter().map(|word| expand(&word.value) + "\n").collect(),
            Kind::Cmd(_) | Kind::Entrypoint(_) => {
                let form = if self.syntax.body.is_json() { "exec " } else { "shell " };
                format!("{form}{}", self.written())
            }
            Kind::Arg(_) | Kind::Shell(_) | Kind::OnBuild(_) => self.written(),
            _ => self.syntax.body.values().iter().map(|word| expand(word) + "\n").collect(),
        };
        vec![part(&name, value)]
    }

    /// The arguments as BuildKit's parser gives them, heredocs included.
    fn written(&self) -> String {
        let body = &self.syntax.body;
        let docs = self.syntax.heredocs.iter().map(|doc| format!("\n<<{}\n{}", doc.word.name, doc.content));
        format!("{}{}", body.values().join("\u{1f}"), docs.collect::<String>())
    }

    // ---- RUN ---------------------------------------------------------------------------------------------------------

    fn run_key(&self, run: &Run, image: &Image) -> Key {
        let shell = if matches!(run.form, Form::Shell(_)) {
            image.shell.join("\u{1f}") + "\u{1f}"
        } else {
            String::new()
        };
        let mut parts = vec![part("RUN", shell + &self.written())];
        if self.builder == Builder::Classic {
            // A proxy that is passed and not declared leaves no more than the mark that something is passed.
            if self.walk.proxied() || !image.allowed().is_empty() {
                parts.push(part("build arguments", String::new()));
            }
            parts.extend(
                image.allowed().into_iter().map(|(name, value)| (format!("`{name}`"), value.keyed())),
            );
            return Key { parts, ..Key::default() };
        }
        parts.push(part("USER", image.user.keyed()));
        parts.push(part("WORKDIR", image.cwd.keyed()));
        parts.extend(image.env.iter().map(|(name, value)| (format!("`{name}`"), value.keyed())));
        parts.extend(self.flags(image, &["mount"]));
        let mut inputs = Vec::new();
        for (mount, options) in run.mounts.iter().zip(self.mount_options(image)) {
            parts.push(part("--mount", keyed_mount(&mount.kind, options)));
            if mount.kind == "bind" {
                inputs.extend(self.mounted(
                    mount.from.as_ref().map(|w| w.value.as_str()),
                    mount.source.as_ref().map(|w| w.value.as_str()),
                    image,
                ));
            }
        }
        Key { parts, inputs, ..Key::default() }
    }

    /// The options of each `--mount`.
    fn mount_options(&self, image: &Image) -> Vec<Vec<(String, String)>> {
        let flags = self.syntax.body.flags.iter().filter_map(|flag| flag.as_read.strip_prefix("--mount="));
        flags
            .map(|text| {
                let fields = text.split(',').map(|field| field.split_once('=').unwrap_or((field, "true")));
                fields
                    .map(|(name, value)| (name.to_lowercase(), image.expand(value, self.escape).keyed()))
                    .collect()
            })
            .collect()
    }

    /// What a bind mount shows.
    fn mounted(&self, from: Option<&str>, source: Option<&str>, image: &Image) -> Option<Content> {
        let source = source.map_or(Value::Known("/".to_owned()), |word| image.expand(word, self.escape));
        let source = source.known().unwrap_or("/").to_owned();
        match from {
            None => {
                let named = self.tree.named(&source).into_iter().next();
                Some(named.map_or_else(
                    || Content::new(Under::Nothing),
                    |named| contents(&named, "", &source, self.builder),
                ))
            }
            Some(name) => Some(self.other(name, &source)),
        }
    }

    /// What another stage or an image holds at a path.
    fn other(&self, name: &str, path: &str) -> Content {
        let path = paths::clean(&format!("/{path}"));
        let by_name = match self.what {
            What::Copy(CopyFacts { from: CopyFrom::Stage(stage), .. }) => Some(*stage),
            What::Run(run) => run.mounts.iter().find_map(|m| match &m.from {
                Some(CopyFrom::Stage(stage)) => Some(*stage),
                _ => None,
            }),
            _ => None,
        };
        match by_name.and_then(|stage| self.stages.get(stage)).and_then(Option::as_ref) {
            Some(content) => content.at(&path),
            None => Content { from: path, ..Content::new(Under::Image(name.to_owned())) },
        }
    }

    fn after_run(&self, run: &Run, image: &Image, held: &Content) -> Option<Content> {
        let posix = image.shell == ["/bin/sh", "-c"];
        let mut mounts = Vec::new();
        for mount in &run.mounts {
            let target = image.expand(&mount.target.as_ref()?.value, self.escape);
            let target = match (target.known()?, &image.workdir) {
                (path, _) if path.starts_with('/') => paths::clean(path),
                (path, dir) => paths::join(dir.known()?, path),
            };
            let shows = if mount.kind == "bind" {
                let from = mount.from.as_ref().map(|w| w.value.as_str());
                self.mounted(from, mount.source.as_ref().map(|w| w.value.as_str()), image)
                    .filter(|content| content.under == Under::Nothing)
            } else {
                None
            };
            mounts.push(Mounted { target, shows });
        }
        match &run.form {
            Form::Shell(script) if posix => {
                let text = self.syntax.body.rest.text();
                let background = text.replace("&&", "").contains('&');
                (!background).then(|| plain::shell(script, image, held, &mounts))?
            }
            Form::Shell(_) => None,
            Form::Exec(words) => {
                let words: Vec<String> = words.iter().map(|word| word.value.clone()).collect();
                plain::exec(&words, image, held, &mounts)
            }
        }
    }

    // ---- COPY and ADD ------------------------------------------------------------------------------------------------

    fn copy_key(&self, copy: &Copy, image: &Image) -> Key {
        let mut parts = vec![part(&self.syntax.body.name(), String::new())];
        let mut inputs = Vec::new();
        let mut unknown = None;
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
            let clean = paths::clean(&format!("/{path}"));
            let name = match self.builder {
                Builder::BuildKit if clean == "/" => clean,
                Builder::BuildKit => paths::base_name(&clean).to_owned(),
                Builder::Classic => clean,
            };
            parts.push(part("source", name));
            inputs.push(self.source(copy, path));
        }
        for doc in &copy.heredocs {
            parts.push(part("heredoc", doc.name.clone()));
            let body = if doc.expand {
                image.expand(&doc.content, self.escape).keyed()
            } else {
                doc.content.clone()
            };
            parts.push(part("content", body));
        }
        parts.push(part("destination", self.keyed_destination(copy, image).keyed()));
        parts.extend(self.flags(image, &["from", "link"]));
        if self.linked() {
            parts.push(part("--link", String::new()));
        }
        Key { parts, inputs, unknown, ..Key::default() }
    }

    /// Whether the files are put in by a layer that does not depend on those before it.
    pub(super) fn linked(&self) -> bool {
        let link = |flag: &syntax::Flag| matches!(flag.as_read.as_str(), "--link" | "--link=true");
        matches!(self.kind, Kind::Copy(_) | Kind::Add(_)) && self.syntax.body.flags.iter().any(link)
    }

    /// Where it copies to, as it enters the key: the classic builder takes it as written.
    fn keyed_destination(&self, copy: &Copy, image: &Image) -> Value {
        match self.builder {
            Builder::BuildKit => self.destination(copy, image),
            Builder::Classic => image.expand(&copy.dest.value, self.escape),
        }
    }

    fn destination(&self, copy: &Copy, image: &Image) -> Value {
        match image.expand(&copy.dest.value, self.escape) {
            Value::Known(path) => {
                let folder = path.ends_with('/') || path == "." || path.is_empty();
                match self.workdir_path(&path, image) {
                    Value::Known(dest) if folder && dest != "/" => Value::Known(dest + "/"),
                    dest => dest,
                }
            }
            opaque @ Value::Opaque(_) => {
                Value::Opaque(format!("{} in {}", opaque.keyed(), image.workdir.keyed()))
            }
        }
    }

    fn workdir_path(&self, path: &str, image: &Image) -> Value {
        match &image.workdir {
            _ if path.starts_with('/') => Value::Known(paths::clean(path)),
            Value::Known(dir) => Value::Known(paths::join(dir, path)),
            Value::Opaque(dir) => Value::Opaque(format!("{path} in {dir}")),
        }
    }

    /// What one source holds, as it enters the key.
    fn source(&self, copy: &Copy, path: &str) -> Content {
        if let Some(from) = &copy.from {
            return self.other(&from.value, path);
        }
        let mut all = Content {
            from: paths::clean(&format!("/{path}"))[1..].to_owned(),
            ..Content::new(Under::Nothing)
        };
        for taken in self.taken(path) {
            let shown = if taken.wildcard { "" } else { taken.name.as_str() };
            let one = contents(&taken.named, &taken.name, shown, self.builder);
            if taken.wildcard {
                all.from = String::new();
            }
            all.entries.extend(one.entries);
        }
        all
    }

    fn taken(&self, path: &str) -> Vec<Taken> {
        let wildcard = is_glob(path);
        self.tree
            .named(path)
            .into_iter()
            .map(|named| {
                let name = match self.builder {
                    Builder::Classic => named.path.clone(),
                    Builder::BuildKit if wildcard => paths::base_name(&named.path).to_owned(),
                    Builder::BuildKit => String::new(),
                };
                Taken { name, named, wildcard }
            })
            .collect()
    }

    fn after_copy(&self, image: &Image, held: &mut Content, step: &Under) {
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
            None => held.blur(step.clone()),
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
        let mut made = Vec::new();
        for source in &copy.sources {
            let path = image.expand(&source.value, self.escape);
            let path = path.known().filter(|path| !is_url(path))?;
            for (name, is_dir, entries) in self.parts_of(copy, path)? {
                if !is_dir && facts.is_add && is_archive(&name) {
                    return None;
                }
                let at = if is_dir || !dir { target.clone() } else { paths::join(&target, &name) };
                if is_dir {
                    made.push((at.clone(), Token::Dir(None)));
                }
                made.extend(entries.into_iter().map(|(rest, token)| {
                    let path = if rest.is_empty() { at.clone() } else { paths::join(&at, &rest) };
                    (path, own(token))
                }));
            }
        }
        for doc in &copy.heredocs {
            let body = if doc.expand {
                image.expand(&doc.content, self.escape)
            } else {
                Value::Known(doc.content.clone())
            };
            let at = if dir { paths::join(&target, &doc.name) } else { target.clone() };
            let token = Token::File { bytes: plain::text(body.known()?), mode: 0o644, owner: String::new() };
            made.push((at, own(token)));
        }
        Some(made)
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
        let held = self.other(&from.value, path);
        let name = paths::base_name(path.trim_end_matches('/')).to_owned();
        if is_glob(path) {
            return None;
        }
        match held.entries.get("") {
            Some(token @ Token::File { .. }) => {
                Some(vec![(name, false, vec![(String::new(), token.clone())])])
            }
            // More than what is known may lie there.
            _ if held.under != Under::Nothing => None,
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

fn part(name: &str, value: String) -> (String, String) {
    (name.to_owned(), value)
}

fn is_archive(name: &str) -> bool {
    [".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// A `--mount` as it enters the key: what it shows does by its content, and which cache it is does not.
fn keyed_mount(kind: &str, options: Vec<(String, String)>) -> String {
    let dropped: &[&str] = match kind {
        "cache" => &["type", "id", "sharing"],
        "bind" => &["type", "source", "src", "from"],
        _ => &["type"],
    };
    let mut kept: Vec<String> = options
        .into_iter()
        .filter(|(name, _)| !dropped.contains(&name.as_str()))
        .map(|(name, value)| {
            let name = match name.as_str() {
                "dst" | "destination" => "target",
                "ro" => "readonly",
                other => other,
            };
            format!("{name}={value}")
        })
        .collect();
    kept.sort();
    format!("{kind} {}", kept.join(","))
}

/// The entries of a source under the name that the key has for it.
fn contents(named: &Named, name: &str, shown: &str, builder: Builder) -> Content {
    let classic = builder == Builder::Classic;
    let place = |rest: &str| match (name.is_empty(), rest.is_empty()) {
        (true, _) => rest.to_owned(),
        (false, true) => name.to_owned(),
        (false, false) => format!("{name}/{rest}"),
    };
    let tokens = named.entries.iter().map(|(rest, node)| (place(rest), Token::of(node, classic)));
    let mut entries: std::collections::BTreeMap<String, Token> = tokens.collect();
    if named.is_dir && !name.is_empty() {
        entries.insert(name.to_owned(), Token::Dir(named.mode.filter(|_| classic)));
    }
    let from = if name.is_empty() {
        if shown.is_empty() { named.path.clone() } else { shown.to_owned() }
    } else {
        String::new()
    };
    Content { entries, under: Under::Nothing, from }
}
