//! Which paths the commands of a RUN are known to write, and from where.

use super::{Call, walk};
use crate::{
    analysis::paths,
    syntax::shell::{Command, Script, Word},
    text::Span,
};

/// How a path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A program's or project's files arrive at once: a clone, an archive.
    Unpacked,
    /// Files arrive there or change.
    Files,
    /// A folder is made.
    Folder,
    /// Owner or mode changes.
    Attributes,
    /// It is removed.
    Removed,
}

/// A path that a command writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The path: relative to the RUN's working folder, or absolute. May hold a pattern.
    pub path: String,
    /// How.
    pub how: How,
    /// Where the files come from, as far as it is said: the sources of `cp` and its like.
    pub from: Vec<String>,
    /// The command.
    pub span: Span,
}

/// What the commands of a RUN are known to write. Paths that the shell computes are left out.
pub fn writes(script: &Script) -> Vec<Write> {
    let mut found = Vec::new();
    walk(script, |index, call, dir| {
        if let Some(dir) = dir {
            let mut one = One { call, dir, found: &mut found };
            one.redirects(&script.commands[index]);
            one.command();
        }
    });
    found
}

struct One<'a> {
    call: &'a Call<'a>,
    dir: &'a str,
    found: &'a mut Vec<Write>,
}

/// What an option gives.
enum Given {
    Not,
    Known(String),
    Unknown,
}

impl One<'_> {
    fn redirects(&mut self, command: &Command) {
        for redirect in &command.redirects {
            if redirect.operator.contains('>') && !redirect.operator.ends_with('&') {
                let target = redirect.target.literal.as_deref().filter(|t| !t.starts_with("/dev/"));
                if let Some(target) = target {
                    self.put(target, How::Files);
                }
            }
        }
    }

    fn put(&mut self, path: &str, how: How) {
        let path = paths::join(self.dir, path);
        self.found.push(Write { path, how, from: Vec::new(), span: self.call.span });
    }

    fn command(&mut self) {
        match self.call.program() {
            "mkdir" => self.all(0, How::Folder),
            "touch" | "tee" => self.all(0, How::Files),
            "chown" | "chgrp" | "chmod" => self.all(1, How::Attributes),
            "rm" | "rmdir" => self.all(0, How::Removed),
            "install" if self.flag('d', "--directory") => self.all(0, How::Folder),
            "cp" | "mv" | "install" | "ln" | "rsync" => self.copy(),
            "sed" if self.call.args().any(|a| a.starts_with("-i") || a.starts_with("--in-place")) => {
                self.all(1, How::Files);
            }
            "tar" if self.extracts() => self.unpack('C', "--directory"),
            "unzip" => self.unpack('d', "-d"),
            "git" => self.clone(),
            "curl" => self.download('o', "--output"),
            "wget" => self.download('O', "--output-document"),
            _ => {}
        }
    }

    /// Arguments that are not options and that the shell does not compute.
    fn literals(&self) -> Vec<&str> {
        let words = self.call.words.iter().skip(1);
        words.filter(|w| !w.raw.starts_with('-')).filter_map(|w: &&Word| w.literal.as_deref()).collect()
    }

    fn all(&mut self, skip: usize, how: How) {
        let paths: Vec<String> = self.literals().into_iter().skip(skip).map(str::to_owned).collect();
        for path in paths {
            self.put(&path, how);
        }
    }

    fn flag(&self, short: char, long: &str) -> bool {
        self.call.args().any(|a| a == long || super::short_flag(a, short))
    }

    /// The value of an option: `-C x`, `--directory x`, `--directory=x`, `-fsSLo x`.
    fn value(&self, short: char, long: &str) -> Given {
        for at in 1..self.call.words.len() {
            let arg = self.call.text(at);
            if let Some(value) = arg.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
                return Given::Known(value.to_owned());
            }
            if arg == long || !arg.starts_with("--") && arg.starts_with('-') && arg.ends_with(short) {
                let value = self.call.words.get(at + 1).and_then(|word| word.literal.clone());
                return value.map_or(Given::Unknown, Given::Known);
            }
        }
        Given::Not
    }

    fn copy(&mut self) {
        let words: Vec<&Word> =
            self.call.words.iter().skip(1).filter(|w| !w.raw.starts_with('-')).copied().collect();
        let Some((dest, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
            return;
        };
        let Some(dest) = dest.literal.as_deref() else { return };
        let from: Vec<String> =
            sources.iter().filter_map(|w| Some(paths::join(self.dir, w.literal.as_deref()?))).collect();
        let span = self.call.span;
        if self.call.program() == "mv" {
            let gone =
                |path: &String| Write { path: path.clone(), how: How::Removed, from: Vec::new(), span };
            self.found.extend(from.iter().map(gone));
        }
        let path = paths::join(self.dir, dest);
        self.found.push(Write { path, how: How::Files, from, span });
    }

    fn extracts(&self) -> bool {
        let first = self.call.text(1);
        self.flag('x', "--extract")
            || (!first.starts_with('-') && first.starts_with(['x', 'z', 'v']) && first.contains('x'))
    }

    fn unpack(&mut self, short: char, long: &str) {
        match self.value(short, long) {
            Given::Known(folder) => self.put(&folder, How::Unpacked),
            Given::Unknown => {}
            Given::Not => self.put("", How::Unpacked),
        }
    }

    fn clone(&mut self) {
        let words = &self.call.words;
        let Some(at) = (1..words.len()).find(|&i| self.call.text(i) == "clone") else { return };
        let is_url = |text: &str| text.contains("://") || text.starts_with("git@");
        let Some(url) = (at + 1..words.len()).find(|&i| is_url(self.call.text(i))) else { return };
        let folder = match words.get(url + 1) {
            Some(word) if !word.raw.starts_with('-') => word.literal.as_deref(),
            _ => Some(paths::base_name(self.call.text(url)).trim_end_matches(".git")),
        };
        if let Some(folder) = folder.filter(|f| !f.contains('$')) {
            self.put(folder, How::Unpacked);
        }
    }

    fn download(&mut self, short: char, long: &str) {
        if let Given::Known(path) = self.value(short, long)
            && path != "-"
            && !path.starts_with("/dev/")
        {
            self.put(&path, How::Files);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{offsets::OffsetMap, shell};

    fn said(text: &str) -> String {
        let found = writes(&shell::scan(text, &OffsetMap::identity()));
        let said = found.iter().map(|w| {
            let how = match w.how {
                How::Unpacked => "u",
                How::Files => "f",
                How::Folder => "d",
                How::Attributes => "a",
                How::Removed => "r",
            };
            let from = if w.from.is_empty() { String::new() } else { format!("<{}", w.from.join(",")) };
            format!("{how}:{}{from}", w.path)
        });
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn commands_write_where_they_say() {
        for (text, expected) in [
            ("echo x > /a/b", "f:/a/b"),
            ("echo x >/dev/null 2>&1", ""),
            ("cd /data && mkdir -p x y", "d:/data/x d:/data/y"),
            ("chown -R app:app /data", "a:/data"),
            ("cp -r a b /out", "f:/out<a,b"),
            ("mv a /out", "r:a f:/out<a"),
            ("install -d /x", "d:/x"),
            ("ln -sf /dev/stdout /log/x", "f:/log/x</dev/stdout"),
            ("sed -i 's/a/b/' /etc/x", "f:/etc/x"),
            ("tar -xzf a.tgz -C /opt --strip-components=1", "u:/opt"),
            ("cd /opt; tar xzf a.tgz", "u:/opt"),
            ("tar czf /opt/a.tgz .", ""),
            ("unzip a.zip -d /opt", "u:/opt"),
            ("git clone --depth 1 https://x.org/a/b.git", "u:b"),
            ("git clone https://x.org/a/b.git /srv", "u:/srv"),
            ("curl -fsSLo /bin/x https://x.org/x", "f:/bin/x"),
            ("wget -qO- https://x.org/x | tar xz", "u:"),
            ("rm -rf $X /tmp/*", "r:/tmp/*"),
            ("cd $X && touch y", ""),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
