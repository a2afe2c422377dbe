//! Commands whose whole effect is known: what a RUN of nothing else leaves can be told without running it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{
    content::{Content, Token, Under},
    image::Image,
    tree::Bytes,
};
use crate::{
    analysis::paths,
    syntax::shell::{Command, Link, Redirect, Script, Word},
};

/// A folder that a `--mount` puts over the file system while the RUN runs.
pub(super) struct Mounted {
    pub(super) target: String,
    /// What it shows; `None`: nothing that is known.
    pub(super) shows: Option<Content>,
}

/// What the commands leave of `held`; `None` if one of them is not known well enough. `step` is whose work it is.
pub(super) fn shell(
    script: &Script,
    image: &Image,
    held: &Content,
    mounts: &[Mounted],
    step: &Under,
) -> Option<Content> {
    // What stands behind `&&` runs for certain only where its failure would be the RUN's.
    let links = || script.commands.iter().map(|command| command.link);
    if links().skip_while(|link| *link != Link::And).any(|link| link == Link::Then) {
        return None;
    }
    let mut run = Run::new(image, held, mounts, step);
    for command in &script.commands {
        if command.nesting > 0 || command.substitution > 0 || matches!(command.link, Link::Or | Link::Pipe) {
            return None;
        }
        run.command(command)?;
    }
    Some(run.end())
}

/// The same for a command without a shell.
pub(super) fn exec(
    words: &[String],
    image: &Image,
    held: &Content,
    mounts: &[Mounted],
    step: &Under,
) -> Option<Content> {
    let mut run = Run::new(image, held, mounts, step);
    let (program, arguments) = words.split_first()?;
    let program = paths::base_name(program);
    if matches!(program, "cd" | "export" | "set" | ":") {
        return None;
    }
    run.call(program, arguments)?;
    Some(run.end())
}

struct Run<'a> {
    image: &'a Image,
    before: &'a Content,
    held: Content,
    mounts: &'a [Mounted],
    step: &'a Under,
    /// The working folder, if it is known.
    dir: Option<String>,
    owner: String,
}

impl<'a> Run<'a> {
    fn new(image: &'a Image, before: &'a Content, mounts: &'a [Mounted], step: &'a Under) -> Self {
        let mut held = before.clone();
        for mount in mounts {
            held.entries.retain(|at, _| paths::below(&mount.target, at).is_none());
            for (path, token) in mount.shows.iter().flat_map(|shows| &shows.entries) {
                held.put(&paths::join(&mount.target, path), token.clone());
            }
        }
        let dir = image.workdir.known().map(str::to_owned);
        let owner = match image.user.keyed().as_str() {
            "root" | "0" | "0:0" | "root:root" => String::new(),
            other => other.to_owned(),
        };
        Self { image, before, held, mounts, step, dir, owner }
    }

    /// What is written below a mount is not part of the image.
    fn end(mut self) -> Content {
        for mount in self.mounts {
            let below = |at: &String| paths::below(&mount.target, at).is_some();
            self.held.entries.retain(|at, _| !below(at));
            let own = self.before.entries.iter().filter(|(at, _)| below(at));
            let own: Vec<_> = own.map(|(at, token)| (at.clone(), token.clone())).collect();
            self.held.entries.extend(own);
        }
        self.held
    }

    fn command(&mut self, command: &Command) -> Option<()> {
        if !command.assignments.is_empty() {
            return None;
        }
        let words: Vec<String> = command.words.iter().map(|word| self.word(word)).collect::<Option<_>>()?;
        let (program, arguments) = words.split_first()?;
        let output = match command.redirects.as_slice() {
            [] => None,
            [Redirect { operator, target }] if operator == ">" || operator == ">>" => {
                Some((self.path(&self.word(target)?)?, operator == ">>"))
            }
            _ => return None,
        };
        match output {
            Some((path, append)) => {
                let printed = self.printed(program, arguments)?;
                self.write(&path, printed, append)
            }
            None => self.call(program, arguments),
        }
    }

    /// A word as the shell makes it, if that is one word.
    fn word(&self, word: &Word) -> Option<String> {
        let quoted = ['"', '\'']
            .iter()
            .any(|&q| word.raw.starts_with(q) && word.raw.ends_with(q) && word.raw.matches(q).count() == 2);
        let plain = |text: &str| quoted || !text.contains([' ', '\t', '\n', '*', '?', '[', '~']);
        match &word.literal {
            Some(text) => plain(text).then(|| text.clone()),
            None if word.raw.contains("$(")
                || word.raw.contains(['`', '\\'])
                || word.variables.is_empty() =>
            {
                None
            }
            None => self.image.in_shell(&word.raw).filter(|text| plain(text) && !text.is_empty()),
        }
    }

    fn path(&self, path: &str) -> Option<String> {
        let path = match &self.dir {
            _ if path.starts_with('/') => paths::clean(path),
            Some(dir) => paths::join(dir, path),
            None => return None,
        };
        let away = ["/proc", "/sys", "/dev"].iter().any(|special| paths::below(special, &path).is_some());
        let hidden = |mount: &Mounted| mount.shows.is_none() && paths::below(&mount.target, &path).is_some();
        // Behind a link lies another place.
        let mut above = path.match_indices('/').skip(1).map(|(end, _)| &path[..end]);
        let led = above.any(|dir| matches!(self.held.entries.get(dir), Some(Token::Link(_))));
        (!away && !led && !self.mounts.iter().any(hidden)).then_some(path)
    }

    /// The entry at a path.
    fn read(&self, path: &str) -> Token {
        match (self.held.entries.get(path), self.held.region(path).unwrap_or(&self.held.under)) {
            (Some(Token::Region(_)) | None, Under::Again(_)) => Token::Anything,
            (Some(Token::Region(_)) | None, under) => Token::Opaque(format!("{path} of {under:?}")),
            (Some(token), _) => token.clone(),
        }
    }

    /// What a file holds.
    fn bytes(&self, path: &str) -> Option<Bytes> {
        match self.read(path) {
            Token::File { bytes, .. } => Some(bytes),
            Token::Opaque(text) => Some(format!("\0{text}").into()),
            Token::Dir(_) | Token::Link(_) | Token::Anything | Token::Region(_) => None,
        }
    }

    /// What a command prints that leaves nothing else.
    fn printed(&self, program: &str, arguments: &[String]) -> Option<Printed> {
        let known = match program {
            "echo" => {
                let first = arguments.first().is_some_and(|a| a.starts_with('-'));
                let odd = first || arguments.iter().any(|a| a.contains('\\'));
                (!odd).then(|| text(&format!("{}\n", arguments.join(" "))))
            }
            "cat" => {
                let file = |file: &String| self.bytes(&self.path(file).filter(|_| !file.starts_with('-'))?);
                let files: Option<Vec<Bytes>> = arguments.iter().map(file).collect();
                match files.as_deref() {
                    None | Some([]) => None,
                    Some([one]) => Some(Bytes::clone(one)),
                    Some(all) => Some(format!("\0cat({})", all.join(",")).into()),
                }
            }
            "true" | ":" => Some(text("")),
            _ if PRINT.contains(&program) => None,
            _ => return None,
        };
        Some(known.map_or(Printed::Anything, Printed::Known))
    }

    fn write(&mut self, path: &str, printed: Printed, append: bool) -> Option<()> {
        let printed = match (printed, self.step) {
            (Printed::Known(bytes), _) => bytes,
            (Printed::Anything, Under::Again(_)) => {
                self.held.put(path, Token::Anything);
                return Some(());
            }
            (Printed::Anything, step) => format!("\0{path} of {step:?}").into(),
        };
        let old = self.held.entries.get(path).cloned();
        let (mode, owner) = match &old {
            Some(Token::File { mode, owner, .. }) => (*mode, owner.clone()),
            Some(_) => return None,
            None => (0o644, self.owner.clone()),
        };
        let bytes = match (append, old) {
            (false, _) => printed,
            (true, Some(Token::File { bytes, .. })) => format!("\0append({bytes},{printed})").into(),
            (true, None) if self.held.under == Under::Nothing && self.held.region(path).is_none() => printed,
            (true, _) => return None,
        };
        self.held.put(path, Token::File { bytes, mode, owner });
        Some(())
    }

    fn call(&mut self, program: &str, arguments: &[String]) -> Option<()> {
        match program {
            _ if PRINT.contains(&program) => Some(()),
            "set" => arguments.iter().all(|a| a.starts_with('-')).then_some(()),
            "cd" => match arguments {
                [dir] if dir != "-" => {
                    self.dir = Some(self.path(dir)?);
                    Some(())
                }
                _ => None,
            },
            "mkdir" => {
                let dirs = arguments.iter().filter(|a| *a != "-p" && *a != "--parents");
                for dir in dirs {
                    let path = self.path(dir).filter(|_| !dir.starts_with('-'))?;
                    self.held.put(&path, Token::Dir(None));
                }
                Some(())
            }
            "touch" => arguments.iter().try_for_each(|file| {
                let path = self.path(file).filter(|_| !file.starts_with('-'))?;
                match self.held.entries.get(&path) {
                    Some(_) => Some(()),
                    None if self.held.under == Under::Nothing && self.held.region(&path).is_none() => {
                        self.write(&path, Printed::Known(text("")), false)
                    }
                    None => None,
                }
            }),
            "rm" => {
                let files = arguments.iter().filter(|a| !matches!(a.as_str(), "-f" | "-r" | "-rf" | "-fr"));
                for file in files {
                    let path = self.path(file).filter(|_| !file.starts_with('-'))?;
                    if !self.held.remove(&path) {
                        return None;
                    }
                }
                Some(())
            }
            "cp" => match arguments {
                [from, to] if !from.starts_with('-') && !to.starts_with('-') => self.copy(from, to),
                _ => None,
            },
            _ => None,
        }
    }

    /// `cp` of one file.
    fn copy(&mut self, from: &str, to: &str) -> Option<()> {
        let source = self.path(from)?;
        let mut target = self.path(to)?;
        if to.ends_with('/') || self.held.has_dir(&target) {
            target = paths::join(&target, paths::base_name(&source));
        }
        let Token::File { bytes, mode, .. } = self.read(&source) else { return None };
        let mode = match self.held.entries.get(&target) {
            Some(Token::File { mode, .. }) => *mode,
            Some(_) => return None,
            None => mode & !0o022,
        };
        self.held.put(&target, Token::File { bytes, mode, owner: self.owner.clone() });
        Some(())
    }
}

/// What a command writes to its standard output.
enum Printed {
    Known(Bytes),
    Anything,
}

/// Commands that look or print, and leave nothing else, whatever their arguments are.
const PRINT: [&str; 22] = [
    ":", "[", "basename", "cat", "date", "df", "dirname", "echo", "false", "grep", "head", "id", "ls",
    "printf", "pwd", "readlink", "seq", "sleep", "stat", "test", "true", "uname",
];

/// The digest of bytes that are known.
pub(super) fn text(text: &str) -> Bytes {
    let mut hex = String::new();
    for byte in Sha256::digest(text) {
        write!(hex, "{byte:02x}").expect("writing to a String does not fail");
    }
    hex.into()
}
