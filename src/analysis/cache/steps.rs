//! What keys each instruction, for either builder, and what it leaves for those after it.

use super::{
    build::Builder,
    content::{Content, Token, Under},
    given::Given,
    image::{Image, Value},
    store::Key,
    tree::Tree,
};
use crate::{
    analysis::{
        paths,
        stages::{CopyFrom, What},
    },
    model::dockerfile::{Kind, Pair},
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
    pub(super) stages: Vec<Option<&'a Content>>,
    pub(super) given: &'a Given<'a>,
    /// Whether images are asked for at their registry.
    pub(super) pull: bool,
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
                    if let Some(value) = self.given.value(pair, image) {
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
                    Some(dir) => held.put(dir, Token::Dir(None)),
                    None => held.blur(step.clone()),
                }
            }
            Kind::User(word) => image.user = image.expand(&word.value, self.escape),
            Kind::Shell(words) => image.shell = words.iter().map(|word| word.value.clone()).collect(),
            Kind::Run(run) => {
                *held = self.after_run(run, image, held, step).unwrap_or_else(|| Content::new(step.clone()));
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

    pub(super) fn pairs(&self, pairs: &[Pair], image: &Image) -> Vec<(Value, Value)> {
        let expand = |text: &str| image.expand(text, self.escape);
        let value = |pair: &Pair| pair.value.as_ref().map_or("", |value| value.value.as_str()).to_owned();
        pairs.iter().map(|pair| (expand(&pair.name.value), expand(&value(pair)))).collect()
    }

    /// The flags of an instruction, without those of these names.
    pub(super) fn flags(&self, image: &Image, without: &[&str]) -> Vec<(String, String)> {
        let all = self.syntax.body.flags.iter().map(|flag| flag.as_read.as_str());
        let pairs = all.map(|flag| flag.split_once('=').unwrap_or((flag, "")));
        let kept = pairs.filter(|(name, _)| !without.contains(&name.trim_start_matches('-')));
        kept.map(|(name, value)| {
            let value = image.expand(value, self.escape).keyed();
            // A mode is a number.
            let octal = u32::from_str_radix(&value, 8).ok().filter(|_| name == "--chmod");
            (name.to_owned(), octal.map_or(value, |mode| format!("{mode:o}")))
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
                let lines = all.iter().map(|(name, value)| format!("{}={}", name.keyed(), value.keyed()));
                lines.collect::<Vec<_>>().join("\n")
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
            Kind::OnBuild(_) => self.syntax.body.rest.text().to_owned(),
            // The default with its variables replaced, and not what is passed in its place: that keys the RUNs below.
            Kind::Arg(pairs) => {
                let default =
                    |pair: &Pair| pair.value.as_ref().map(|text| format!("={}", expand(&text.value)));
                let lines = pairs.iter().map(|pair| {
                    format!("{}{}\n", expand(&pair.name.value), default(pair).unwrap_or_default())
                });
                lines.collect()
            }
            Kind::Shell(_) => self.written(),
            _ => self.syntax.body.values().iter().map(|word| expand(word) + "\n").collect(),
        };
        vec![part(&name, value)]
    }

    /// The arguments as BuildKit's parser gives them, heredocs included.
    pub(super) fn written(&self) -> String {
        let body = &self.syntax.body;
        let docs = self.syntax.heredocs.iter().map(|doc| format!("\n<<{}\n{}", doc.word.name, doc.content));
        format!("{}{}", body.values().join("\u{1f}"), docs.collect::<String>())
    }

    /// What a stage or an image holds at a path. `name` is what the instruction calls it.
    pub(super) fn other(&self, from: Option<&CopyFrom>, name: &str, path: &str) -> Content {
        let path = paths::clean(&format!("/{path}"));
        if let Some(CopyFrom::Stage(stage)) = from
            && let Some(content) = self.stages[*stage]
        {
            return content.at(&path);
        }
        let moves = self.pull && !name.contains('@');
        let image =
            if moves { Under::Again(format!("a pull of `{name}`")) } else { Under::Image(name.to_owned()) };
        Content { from: path, ..Content::new(image) }
    }
}

pub(super) fn part(name: &str, value: String) -> (String, String) {
    (name.to_owned(), value)
}
