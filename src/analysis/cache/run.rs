//! What keys a RUN, and what it leaves.

use super::{
    build::Builder,
    content::{Content, Under},
    image::{Image, Value},
    plain::{self, Mounted},
    steps::{At, part},
    store::Key,
};
use crate::{
    analysis::{
        paths,
        stages::{CopyFrom, What},
    },
    model::dockerfile::{Form, Run, RunMount},
};

/// Names and values of a `--mount`.
type Options = Vec<(String, String)>;

impl At<'_> {
    pub(super) fn run_key(&self, run: &Run, image: &Image) -> Key {
        let shell = if matches!(run.form, Form::Shell(_)) {
            image.shell.join("\u{1f}") + "\u{1f}"
        } else {
            String::new()
        };
        let mut parts = vec![part("RUN", shell + &self.command(run))];
        if self.builder == Builder::Classic {
            // A proxy that is passed and not declared leaves no more than the mark that something is passed.
            if self.given.proxied() || !image.allowed().is_empty() {
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
        for (mount, from, options) in self.mounts(run, image) {
            parts.extend(keyed_mount(&mount.kind, &options));
            if mount.kind == "bind" || from.is_some() {
                inputs.push(self.mounted(mount, from, image));
            }
        }
        Key { parts, inputs, ..Key::default() }
    }

    /// The command as the shell or the kernel gets it (`BuildKit`). A heredoc alone is the script, whatever its delimiter is.
    fn command(&self, run: &Run) -> String {
        match run.heredocs.as_slice() {
            // The classic builder reads no more than the line.
            _ if self.builder == Builder::Classic => self.syntax.body.values().join("\u{1f}"),
            [doc] if is_heredoc_alone(self.syntax.body.rest.text(), &doc.name) => {
                let name = if doc.content.starts_with("#!") { doc.name.as_str() } else { "" };
                format!("{name}\u{1f}{}", doc.content)
            }
            [] => self.syntax.body.values().join("\u{1f}"),
            _ => self.written(),
        }
    }

    /// Each `--mount` with the stage or image it names and its options.
    fn mounts<'b>(
        &'b self,
        run: &'b Run,
        image: &Image,
    ) -> Vec<(&'b RunMount, Option<&'b CopyFrom>, Options)> {
        let facts = if let What::Run(facts) = self.what { facts.mounts.as_slice() } else { &[] };
        let flags = self.syntax.body.flags.iter().filter_map(|flag| flag.as_read.strip_prefix("--mount="));
        let options = flags.map(|text| {
            let fields = text.split(',').map(|field| field.split_once('=').unwrap_or((field, "true")));
            fields
                .map(|(name, value)| (name.to_lowercase(), image.expand(value, self.escape).keyed()))
                .collect()
        });
        let both = run.mounts.iter().zip(facts).zip(options);
        both.map(|((mount, facts), options)| (mount, facts.from.as_ref(), options)).collect()
    }

    /// What a mount shows.
    fn mounted(&self, mount: &RunMount, from: Option<&CopyFrom>, image: &Image) -> Content {
        let source = mount
            .source
            .as_ref()
            .map_or(Value::Known("/".to_owned()), |word| image.expand(&word.value, self.escape));
        let Some(source) = source.known() else { return Content::new(Under::Again("a variable".to_owned())) };
        if let Some(word) = &mount.from {
            return self.other(from, &word.value, source);
        }
        match self.tree.named(source).first() {
            Some(named) => self.contents(named, "", source),
            None => Content::new(Under::Nothing),
        }
    }

    /// What is known of the file system after it; `None`: it may have changed anything.
    pub(super) fn after_run(
        &self,
        run: &Run,
        image: &Image,
        held: &Content,
        step: &Under,
    ) -> Option<Content> {
        let mut mounts = Vec::new();
        for (mount, from, _) in self.mounts(run, image) {
            let target = image.expand(&mount.target.as_ref()?.value, self.escape);
            let target = match (target.known()?, &image.workdir) {
                (path, _) if path.starts_with('/') => paths::clean(path),
                (path, dir) => paths::join(dir.known()?, path),
            };
            let shown = (mount.kind == "bind").then(|| self.mounted(mount, from, image));
            mounts.push(Mounted { target, shows: shown.filter(Content::is_known) });
        }
        match &run.form {
            Form::Shell(script) if image.shell == ["/bin/sh", "-c"] => {
                // What runs beside the next command is not known.
                let text = self.syntax.body.rest.text();
                (!text.replace("&&", "").contains('&'))
                    .then(|| plain::shell(script, image, held, &mounts, step))?
            }
            Form::Shell(_) => None,
            Form::Exec(words) => {
                let words: Vec<String> = words.iter().map(|word| word.value.clone()).collect();
                plain::exec(&words, image, held, &mounts, step)
            }
        }
    }
}

/// Whether the command is nothing but `<<NAME`.
fn is_heredoc_alone(text: &str, name: &str) -> bool {
    let Some(word) = text.trim().strip_prefix("<<") else { return false };
    word.trim_start_matches('-').trim_matches(['"', '\'']) == name
}

/// A `--mount` as it enters the key: what it shows does by its content. Of a cache it matters whether it has a name of
/// its own; which one, to engine 20.10 but not to 26.1 (`checkShouldClearCacheOpts` in `BuildKit`'s `ops/exec.go`).
fn keyed_mount(kind: &str, options: &[(String, String)]) -> Vec<(String, String)> {
    let value = |name: &str| options.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let target = ["target", "dst", "destination"].iter().find_map(|name| value(name));
    let mut parts = Vec::new();
    if kind == "cache" {
        let sharing = value("sharing").filter(|sharing| *sharing != "shared");
        let id = value("id").filter(|id| Some(*id) != target);
        let own = sharing.is_some() || id.is_some();
        parts.push(part("cache", if own { "its own" } else { "the default" }.to_owned()));
        if own {
            parts.push(part(
                "cache id",
                format!("\0{} {}", id.unwrap_or_default(), sharing.unwrap_or_default()),
            ));
        }
    }
    let dropped = ["type", "source", "src", "from", "id", "sharing", "ro", "readonly"];
    let secret = matches!(kind, "secret" | "ssh");
    let mut kept: Vec<String> = options
        .iter()
        .filter(|(name, _)| !dropped.contains(&name.as_str()) || (secret && name == "id"))
        .map(|(name, value)| {
            let name = if matches!(name.as_str(), "dst" | "destination") { "target" } else { name };
            format!("{name}={value}")
        })
        .collect();
    kept.sort();
    parts.push(part("--mount", format!("{kind} {}", kept.join(","))));
    parts
}
