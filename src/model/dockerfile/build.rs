//! From the syntax tree to the typed model.

use std::{collections::HashMap, ops::Range};

use super::{
    Copy, Dockerfile, Flag, Form, Heredoc, Instruction, Kind, Pair, Run, RunMount, Shell, Stage, Word,
};
use crate::{
    syntax::{
        dockerfile::{self as syntax, Args, Body, csv_fields, heredoc_word, quoted_ranges},
        offsets::Joined,
        shell::{self, Script},
    },
    text::{FileId, Span, Spanned},
};

/// Reads a Dockerfile. Never fails: what BuildKit would refuse is in [`Dockerfile::errors`].
pub fn parse(file: FileId, text: &str) -> Dockerfile {
    let tree = syntax::parse(text);
    let mut builder =
        Builder { default_shell: Shell::of_escape(tree.escape), escape: tree.escape, ..Builder::default() };
    builder.shell = builder.default_shell;
    let instructions: Vec<Instruction> =
        tree.instructions.iter().enumerate().map(|(index, i)| builder.instruction(index, i)).collect();
    let mut stages = builder.stages;
    let ends: Vec<usize> =
        stages.iter().skip(1).map(|stage| stage.from).chain([instructions.len()]).collect();
    for (stage, end) in stages.iter_mut().zip(ends) {
        stage.body = stage.from + 1..end;
    }
    Dockerfile { file, escape: tree.escape, instructions, stages, errors: tree.errors }
}

impl Shell {
    /// A backquote is chosen for Windows, where the backslash separates paths.
    fn of_escape(escape: char) -> Self {
        if escape == '`' { Self::Foreign } else { Self::Posix }
    }

    fn of_program(program: &str) -> Self {
        let name = program.rsplit(['/', '\\']).next().unwrap_or(program).to_ascii_lowercase();
        let name = name.strip_suffix(".exe").unwrap_or(&name);
        if ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"].contains(&name) {
            Self::Posix
        } else {
            Self::Foreign
        }
    }

    fn of_shebang(line: &str) -> Self {
        let mut words = line.trim_start_matches("#!").split_whitespace();
        let first = words.next().unwrap_or("");
        let is_env = first.rsplit('/').next() == Some("env");
        let program = if is_env { words.find(|word| !word.starts_with('-')).unwrap_or("") } else { first };
        Self::of_program(program)
    }
}

#[derive(Default)]
struct Builder {
    stages: Vec<Stage>,
    /// The stages that have a name, by that name in lower case; the last one of a name counts.
    named: HashMap<String, usize>,
    default_shell: Shell,
    shell: Shell,
    escape: char,
}

impl Builder {
    fn instruction(&mut self, index: usize, instruction: &syntax::Instruction) -> Instruction {
        let body = &instruction.body;
        if body.is("FROM") {
            self.stage(index, body);
        }
        let kind = self.kind(body, &instruction.heredocs);
        if let Kind::Shell(words) = &kind {
            self.shell = words.first().map_or(Shell::Foreign, |program| Shell::of_program(&program.value));
            if let Some(stage) = self.stages.last_mut() {
                stage.shell = self.shell;
            }
        }
        Instruction {
            keyword: body.keyword.clone(),
            span: instruction.span,
            lines: instruction.lines,
            flags: body.flags.iter().map(flag).collect(),
            kind,
        }
    }

    /// Opens a stage, also for a FROM that is refused: what follows it has to stand somewhere.
    fn stage(&mut self, index: usize, body: &Body) {
        let (base, name) = from(body);
        let base = base.unwrap_or_else(|| Spanned::new(String::new(), Span::point(body.keyword.span.end())));
        let lower = base.value.to_lowercase();
        let inherited = self.named.get(&lower).map(|&stage| self.stages[stage].shell);
        let platform = body.flags.iter().any(|flag| flag.text.text().starts_with("--platform=windows"));
        let windows = platform || ["windows", "nanoserver", "servercore"].iter().any(|w| lower.contains(w));
        self.shell = match inherited {
            Some(shell) => shell,
            None if windows => Shell::Foreign,
            None => self.default_shell,
        };
        if let Some(name) = &name {
            self.named.insert(name.value.to_lowercase(), self.stages.len());
        }
        self.stages.push(Stage { name, base, from: index, body: index + 1..index + 1, shell: self.shell });
    }

    fn kind(&self, body: &Body, heredocs: &[syntax::Heredoc]) -> Kind {
        let text = || Spanned::new(body.rest.text().to_owned(), body.rest.whole());
        match (body.name().as_str(), &body.args) {
            ("FROM", Args::Words(words)) if words.len() == 1 || words.len() == 3 => match from(body) {
                (Some(_), None) if words.len() == 3 => Kind::Invalid,
                (Some(image), name) => Kind::From { image, name },
                (None, _) => Kind::Invalid,
            },
            ("ARG", Args::Words(_)) => Kind::Arg(
                quoted_ranges(body.rest.text(), self.escape)
                    .into_iter()
                    .map(|range| argument(&body.rest, range))
                    .collect(),
            ),
            ("ENV", Args::Pairs { pairs, .. }) => Kind::Env(pairs.iter().map(pair).collect()),
            ("LABEL", Args::Pairs { pairs, .. }) => Kind::Label(pairs.iter().map(pair).collect()),
            ("RUN", _) => self.run(body, heredocs).map_or(Kind::Invalid, Kind::Run),
            ("CMD", _) => self.run(body, &[]).map_or(Kind::Invalid, Kind::Cmd),
            ("ENTRYPOINT", _) => self.run(body, &[]).map_or(Kind::Invalid, Kind::Entrypoint),
            ("COPY", _) => copy(body, heredocs).map_or(Kind::Invalid, Kind::Copy),
            ("ADD", _) => copy(body, heredocs).map_or(Kind::Invalid, Kind::Add),
            ("WORKDIR", Args::Text) => Kind::Workdir(text()),
            ("USER", Args::Text) => Kind::User(text()),
            ("VOLUME", Args::Words(words) | Args::Json(words)) if !words.is_empty() => {
                Kind::Volume(words.clone())
            }
            ("SHELL", Args::Json(words)) if !words.is_empty() => Kind::Shell(words.clone()),
            ("ONBUILD", Args::Nested(inner)) => Kind::OnBuild(Box::new(self.kind(inner, heredocs))),
            ("EXPOSE", Args::Words(_))
            | ("STOPSIGNAL" | "MAINTAINER", Args::Text)
            | ("HEALTHCHECK", Args::Health { .. }) => Kind::Other,
            _ => Kind::Invalid,
        }
    }

    fn run(&self, body: &Body, heredocs: &[syntax::Heredoc]) -> Option<Run> {
        let form = match &body.args {
            Args::Json(words) => Form::Exec(words.clone()),
            Args::Text => Form::Shell(self.script(&body.rest, heredocs)),
            Args::Missing => Form::Shell(Script::default()),
            _ => return None,
        };
        let mounts = body.flags.iter().filter_map(mount).collect();
        Some(Run { form, mounts, heredocs: heredocs.iter().map(heredoc).collect() })
    }

    /// The commands of a shell-form text; as BuildKit does, the body of a heredoc that stands alone is the text.
    fn script(&self, text: &Joined, heredocs: &[syntax::Heredoc]) -> Script {
        if self.shell == Shell::Foreign {
            return Script::default();
        }
        if let Some(heredoc) = heredocs.first().filter(|_| is_heredoc(text.text())) {
            let body = body_text(heredoc);
            // A body with a shebang is a program of its own.
            return match body.text().lines().next() {
                Some(line) if line.starts_with("#!") && Shell::of_shebang(line) == Shell::Foreign => {
                    Script::default()
                }
                _ => shell::scan(body.text(), body.map()),
            };
        }
        let mut script = shell::scan(text.text(), text.map());
        for heredoc in heredocs {
            let Some(reader) = script.commands.iter().find(|command| reads_as_script(command, heredoc))
            else {
                continue;
            };
            let (substitution, nesting) = (reader.substitution, reader.nesting + 1);
            let body = body_text(heredoc);
            let inner = shell::scan(body.text(), body.map()).commands;
            script.commands.extend(inner.into_iter().map(|mut command| {
                command.substitution += substitution;
                command.nesting += nesting;
                command
            }));
        }
        script
    }
}

/// `bash <<EOF`: a shell without a script's name reads the heredoc as its script.
fn reads_as_script(command: &shell::Command, heredoc: &syntax::Heredoc) -> bool {
    let mut words = command.words.iter().map(|word| word.literal.as_deref());
    let is_shell = words.next().flatten().is_some_and(|name| Shell::of_program(name) == Shell::Posix);
    let options_only =
        words.all(|word| word.is_some_and(|w| w.starts_with('-') && !w.contains('c') || w == "-"));
    is_shell
        && options_only
        && command.redirects.iter().any(|redirect| {
            ["<<", "<<-"].contains(&redirect.operator.as_str())
                && redirect.target.literal.as_deref() == Some(&heredoc.word.name)
        })
}

/// A heredoc's body as its reader sees it, with the way back to the file.
fn body_text(heredoc: &syntax::Heredoc) -> Joined {
    let mut joined = Joined::default();
    let mut at = heredoc.span.start();
    // Without a terminator line the last newline is not the instruction's.
    for line in heredoc.content.trim_end_matches(['\r', '\n']).split_inclusive('\n') {
        let kept = if heredoc.word.strip_tabs { line.trim_start_matches('\t') } else { line };
        joined.push(kept, at + line.len() - kept.len());
        at += line.len();
    }
    joined
}

fn heredoc(heredoc: &syntax::Heredoc) -> Heredoc {
    Heredoc {
        name: heredoc.word.name.clone(),
        content: if heredoc.word.strip_tabs {
            syntax::without_tabs(&heredoc.content)
        } else {
            heredoc.content.clone()
        },
        span: heredoc.span,
        expand: heredoc.word.expand,
    }
}

fn is_heredoc(word: &str) -> bool {
    matches!(heredoc_word(word), Ok(Some(_)))
}

/// Image and stage name of a FROM.
fn from(body: &Body) -> (Option<Word>, Option<Word>) {
    match &body.args {
        Args::Words(words) => match words.as_slice() {
            [image, keyword, name] if keyword.value.eq_ignore_ascii_case("as") => {
                (Some(image.clone()), Some(name.clone()))
            }
            [image, ..] => (Some(image.clone()), None),
            [] => (None, None),
        },
        _ => (None, None),
    }
}

/// `name` or `name=default` of an ARG.
fn argument(rest: &Joined, range: Range<usize>) -> Pair {
    let word = |range: Range<usize>| Spanned::new(rest.text()[range.clone()].to_owned(), rest.span(&range));
    match rest.text()[range.clone()].find('=') {
        Some(at) => {
            let middle = range.start + at;
            Pair { name: word(range.start..middle), value: Some(word(middle + 1..range.end)) }
        }
        None => Pair { name: word(range), value: None },
    }
}

fn pair((name, value): &(Word, Word)) -> Pair {
    Pair { name: name.clone(), value: Some(value.clone()) }
}

fn flag(flag: &syntax::Flag) -> Flag {
    let text = flag.text.text();
    let end = text.find('=').unwrap_or(text.len());
    let start = text.find(|c| c != '-').unwrap_or(end).min(end).min(2);
    let word = |range: Range<usize>| Spanned::new(text[range.clone()].to_owned(), flag.text.span(&range));
    Flag { name: word(start..end), value: (end < text.len()).then(|| word(end + 1..text.len())) }
}

/// Reads `--mount=…`; `None` for another flag and for one whose quotes do not match.
fn mount(flag: &syntax::Flag) -> Option<RunMount> {
    let prefix = "--mount=";
    let text = flag.text.text().strip_prefix(prefix)?;
    let mut mount =
        RunMount { kind: "bind".to_owned(), target: None, source: None, from: None, span: flag.span };
    for field in csv_fields(text)? {
        let Some((key, value)) = field.value.split_once('=') else { continue };
        let start = prefix.len() + field.range.start + key.len() + 1;
        let end = (start + value.len()).min(prefix.len() + field.range.end);
        let word = Spanned::new(value.to_owned(), flag.text.span(&(start..end)));
        match key.to_ascii_lowercase().as_str() {
            "type" => mount.kind = value.to_ascii_lowercase(),
            "target" | "dst" | "destination" => mount.target = Some(word),
            "source" | "src" => mount.source = Some(word),
            // An empty one is the build context.
            "from" => mount.from = Some(word).filter(|from| !from.value.is_empty()),
            _ => {}
        }
    }
    Some(mount)
}

fn copy(body: &Body, heredocs: &[syntax::Heredoc]) -> Option<Copy> {
    let (words, json) = match &body.args {
        Args::Words(words) => (words, false),
        Args::Json(words) => (words, true),
        _ => return None,
    };
    let (dest, sources) = words.split_last()?;
    if sources.is_empty() || is_heredoc(&dest.value) {
        return None;
    }
    let from = body.flags.iter().map(flag).find(|flag| flag.name.value == "from").and_then(|flag| flag.value);
    Some(Copy {
        sources: sources.iter().filter(|source| !is_heredoc(&source.value)).cloned().collect(),
        dest: dest.clone(),
        from,
        heredocs: heredocs.iter().map(heredoc).collect(),
        json,
    })
}
