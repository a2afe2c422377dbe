//! Random builds: what people write into Dockerfiles, in every order that a seed gives.

use std::collections::BTreeMap;

use unstale::syntax::dockerignore::Patterns;

use super::{
    change,
    pair::{BASE, Entry, NONCE, Pair, Side},
};
use crate::support::{Builder, Dice};

/// What a builder understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    /// Steps of stages that nobody asks for are not there, and there are mounts and `--chmod`.
    pub(super) kit: bool,
    /// Heredocs, `--link` and the rest of Dockerfile 1.4 and later.
    pub(super) new: bool,
}

impl Dialect {
    pub(super) fn of(engine: &str, builder: Builder) -> Self {
        let kit = builder == Builder::BuildKit;
        Self { kit, new: kit && engine != "e20" }
    }

    /// What starts the name of a pair in it.
    pub(super) fn name(self) -> &'static str {
        match (self.kit, self.new) {
            (false, _) => "classic",
            (true, false) => "buildkit 0.8",
            (true, true) => "buildkit 0.13",
        }
    }
}

const WORDS: &[&str] = &["alpha", "beta", "gamma", "delta", "x", "y=1", "'a b'", "\"q\""];
/// Names of stages.
const STAGES: &[&str] = &["one", "two", "three", "four"];
/// Names of arguments.
pub(super) const ARGS: &[&str] = &["X", "Y", "VERSION", "MODE"];
/// Lines of a `.dockerignore`. Only what both engines read alike: `tests/context` has the rest.
pub(super) const IGNORES: &[&str] = &[
    "*.log",
    "**/*.log",
    "docs",
    "logs/",
    "*.md",
    "# a comment",
    "",
    "src/sub",
    "lib/b.txt",
    "docs\n!docs/readme.md",
    "src/*\n!src/main.py",
    "**/void",
    "nothing/here",
];

/// The pair of a seed.
pub(super) fn pair(seed: u64, dialect: Dialect) -> Pair {
    let mut dice = Dice::new(seed);
    let before = side(&mut dice, dialect);
    let (after, change) = change::some(&mut dice, &before, dialect);
    Pair { before, after, change }
}

fn side(dice: &mut Dice, dialect: Dialect) -> Side {
    let mut side = Side { tree: tree(dice), time: 1, ..Side::default() };
    let ignored = Patterns::parse(side.ignore(dialect.kit).unwrap_or_default()).0;
    let sent = side.tree.iter().filter(|(path, _)| !ignored.is_ignored(path));
    let sent = sent.map(|(path, entry)| (path.clone(), entry.clone())).collect();
    let mut writer = Writer { dialect, sent, numbers: 0, stages: Vec::new(), heads: Vec::new() };
    side.lines = writer.dockerfile(dice);
    for name in ARGS.iter().chain(["UNUSED"].iter()) {
        if dice.chance(35) {
            side.args.insert((*name).to_owned(), word(dice).replace(['\'', '"'], ""));
        }
    }
    if dice.chance(4) {
        side.args.insert("HTTP_PROXY".to_owned(), "http://proxy.example".to_owned());
    }
    if dice.chance(8) {
        side.file = Some("docker/app.Dockerfile".to_owned());
        if dialect.kit && dice.chance(50) {
            let own = Entry::File { text: "docker\nlogs\n".to_owned(), mode: 0o644, time: 1 };
            side.tree.insert("docker/app.Dockerfile.dockerignore".to_owned(), own);
        }
    }
    let named: Vec<&String> = writer.stages.iter().filter_map(|stage| stage.name.as_ref()).collect();
    if let Some(name) = dice.some(&named).filter(|_| dice.chance(12)) {
        side.target = Some((*name).clone());
    }
    side
}

pub(super) fn word(dice: &mut Dice) -> String {
    dice.pick(WORDS).to_owned()
}

pub(super) fn file(text: &str) -> Entry {
    Entry::File { text: format!("{text}\n"), mode: 0o644, time: 1 }
}

fn tree(dice: &mut Dice) -> BTreeMap<String, Entry> {
    let mut tree = BTreeMap::new();
    let mut put = |path: &str, entry| tree.insert(path.to_owned(), entry);
    put("nonce", Entry::File { text: NONCE.to_owned(), mode: 0o644, time: 1 });
    for path in ["top.txt", "src/main.py", "lib/a.txt"] {
        put(path, file(&word(dice)));
    }
    for path in [
        "other.txt",
        "package.json",
        "src/util.py",
        "src/x.log",
        "src/sub/deep.txt",
        "lib/b.txt",
        "conf/app.conf",
        "docs/readme.md",
        "docs/more.md",
        "logs/x.log",
    ] {
        if dice.chance(50) {
            put(path, file(&word(dice)));
        }
    }
    if dice.chance(50) {
        put("src/run.sh", Entry::File { text: "#!/bin/sh\n".to_owned(), mode: 0o755, time: 1 });
    }
    for (path, mode) in [("empty", 0o755), ("src/void", 0o755), ("lib", 0o750), ("src/sub", 0o700)] {
        if dice.chance(20) {
            put(path, Entry::Dir { mode });
        }
    }
    for (path, text, mode) in [
        ("lib/empty", "", 0o644),
        ("lib/a b.txt", "spaces\n", 0o600),
        ("docs/\u{fc}ml\u{e4}ut.md", "umlauts\n", 0o444),
        ("src/a$X.py", "dollar\n", 0o664),
        ("docs/br[a]cket.md", "bracket\n", 0o644),
    ] {
        if dice.chance(20) {
            put(path, Entry::File { text: text.to_owned(), mode, time: 1 });
        }
    }
    for (path, to) in [
        ("link.txt", "top.txt"),
        ("src/near", "main.py"),
        ("libs", "lib"),
        ("broken", "nowhere"),
        ("src/up", "../top.txt"),
        ("abs.txt", "/lib/a.txt"),
    ] {
        if dice.chance(25) {
            put(path, Entry::Link { to: to.to_owned() });
        }
    }
    if dice.chance(30) {
        put("pack.tar", Entry::File { text: format!("tar:{}\n", word(dice)), mode: 0o644, time: 1 });
    }
    if dice.chance(75) {
        let mut text = String::new();
        if dice.chance(80) {
            text.push_str("Dockerfile\n.dockerignore\n");
        }
        for _ in 0..dice.roll(4) {
            text.push_str(dice.pick(IGNORES));
            text.push('\n');
        }
        put(".dockerignore", Entry::File { text, mode: 0o644, time: 1 });
    }
    tree
}

/// What a stage has so far.
#[derive(Debug, Clone, Default)]
struct Stage {
    name: Option<String>,
    shell: bool,
    workdir: String,
    files: Vec<String>,
    dirs: Vec<String>,
    variables: Vec<String>,
}

impl Stage {
    fn at(&self, path: &str) -> String {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.workdir) };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        format!("/{}", parts.join("/"))
    }
}

struct Writer {
    dialect: Dialect,
    /// What is left of the context.
    sent: BTreeMap<String, Entry>,
    numbers: usize,
    stages: Vec<Stage>,
    /// Arguments above the first FROM.
    heads: Vec<String>,
}

impl Writer {
    /// A path that nothing else has.
    fn fresh(&mut self, stem: &str) -> String {
        self.numbers += 1;
        format!("{stem}{}", self.numbers)
    }

    fn dockerfile(&mut self, dice: &mut Dice) -> Vec<String> {
        let mut lines = Vec::new();
        if dice.chance(30) {
            lines.push(format!("ARG IMAGE={BASE}"));
            self.heads.push("IMAGE".to_owned());
        }
        for name in ["VERSION", "X"] {
            if dice.chance(20) {
                lines.push(if dice.chance(70) { format!("ARG {name}=0") } else { format!("ARG {name}") });
                self.heads.push(name.to_owned());
            }
        }
        let count = [1, 2, 2, 3, 3, 4][dice.roll(6)];
        if dice.chance(8) {
            lines.push("ARG PICK=one".to_owned());
            self.heads.push("PICK".to_owned());
        }
        for at in 0..count {
            self.stage(dice, at, at + 1 == count, &mut lines);
        }
        lines
    }

    fn stage(&mut self, dice: &mut Dice, at: usize, last: bool, lines: &mut Vec<String>) {
        let named: Vec<Stage> = self.stages.iter().filter(|stage| stage.name.is_some()).cloned().collect();
        let name = dice.chance(if last { 50 } else { 85 }).then(|| STAGES[at].to_owned());
        let suffix = name.as_ref().map(|name| format!(" AS {name}")).unwrap_or_default();
        let parent = dice.some(&named).filter(|_| dice.chance(40)).cloned();
        let picks = self.heads.iter().any(|name| name == "PICK");
        let mut stage = if let Some(parent) = parent {
            let base = parent.name.clone().expect("only named ones are chosen");
            let base = if picks && base == "one" { "$PICK" } else { &base };
            lines.push(format!("FROM {base}{suffix}"));
            parent
        } else if dice.chance(15) {
            lines.push(format!("FROM scratch{suffix}"));
            Stage { workdir: "/".to_owned(), ..Stage::default() }
        } else {
            let base = if self.heads.iter().any(|name| name == "IMAGE") && dice.chance(70) {
                dice.pick(&["$IMAGE", "${IMAGE}"])
            } else {
                BASE
            };
            lines.push(format!("FROM {base}{suffix}"));
            Stage { shell: true, workdir: "/".to_owned(), ..Stage::default() }
        };
        stage.name = name;
        if !stage.files.iter().any(|file| file == "/nonce") {
            lines.push("COPY nonce /nonce".to_owned());
            stage.files.push("/nonce".to_owned());
        }
        for _ in 0..2 + dice.roll(6) {
            let line = self.instruction(dice, &mut stage);
            lines.push(line);
        }
        self.stages.push(stage);
    }

    fn instruction(&mut self, dice: &mut Dice, stage: &mut Stage) -> String {
        match dice.roll(100) {
            0..30 => self.copy(dice, stage),
            30..40 => self.copy_from(dice, stage),
            40..46 => self.add(dice, stage),
            46..72 => self.run(dice, stage),
            72..80 => arg(dice, stage),
            80..86 => env(dice, stage),
            86..92 => workdir(dice, stage),
            _ => self.other(dice),
        }
    }

    fn other(&mut self, dice: &mut Dice) -> String {
        let value = self.fresh("v");
        match dice.roll(14) {
            9 => format!("LABEL b=$X c=\"{value} d\""),
            10 => format!("ONBUILD ENV TRIGGER={value}"),
            11 => format!("ONBUILD RUN echo {value} > /triggered"),
            12 => "VOLUME [\"/app\"]".to_owned(),
            13 => format!("LABEL \"a b\"='{value}'"),
            0 => format!("LABEL a={value}"),
            1 => format!("EXPOSE {}", 8000 + self.numbers),
            2 => format!("CMD [\"{value}\"]"),
            3 => format!("VOLUME /volumes/{value}"),
            4 => "USER 0:0".to_owned(),
            5 => format!("ENTRYPOINT {value}"),
            6 => "SHELL [\"/bin/sh\", \"-ec\"]".to_owned(),
            7 => "STOPSIGNAL 9".to_owned(),
            _ => format!("HEALTHCHECK CMD {value}"),
        }
    }

    /// Sources in the context: each with what it holds below itself, and whether it is a folder.
    fn source(&self, dice: &mut Dice) -> (String, bool) {
        let is_plain = |path: &str| !path.contains([' ', '[', '$']);
        let files = self.sent.iter().filter(|(path, e)| is_plain(path) && matches!(e, Entry::File { .. }));
        let files: Vec<&String> = files.map(|(path, _)| path).collect();
        let mut dirs: Vec<&str> = vec!["src", "lib", "docs", "conf", "."];
        dirs.retain(|dir| *dir == "." || self.sent.keys().any(|path| path.starts_with(&format!("{dir}/"))));
        if dice.chance(50) {
            ((*dice.some(&files).expect("the nonce is there")).clone(), false)
        } else {
            (dice.pick(&dirs).to_owned(), true)
        }
    }

    fn below(&self, dir: &str) -> Vec<String> {
        let start = if dir == "." { String::new() } else { format!("{dir}/") };
        let files = self.sent.iter().filter(|(_, entry)| matches!(entry, Entry::File { .. }));
        let files = files.filter(|(path, _)| !path.contains([' ', '[', '$']));
        files.filter_map(|(path, _)| Some(path.strip_prefix(&start)?.to_owned())).collect()
    }

    fn flags(&self, dice: &mut Dice) -> String {
        let mut flags = String::new();
        if dice.chance(8) {
            flags.push_str(dice.pick(&["--chown=1000:1000 ", "--chown=0:0 ", "--chown=5 "]));
        }
        if self.dialect.kit && dice.chance(8) {
            flags.push_str(dice.pick(&["--chmod=644 ", "--chmod=0755 "]));
        }
        flags
    }

    fn copy(&mut self, dice: &mut Dice, stage: &mut Stage) -> String {
        let flags = self.flags(dice);
        if self.dialect.new && dice.chance(8) {
            return self.copy_heredoc(dice, stage);
        }
        if self.dialect.new && dice.chance(10) {
            // Its key has nothing of the steps before it, and so nothing of the pair.
            let (source, dir) = self.source(dice);
            let to = format!("/{}-{NONCE}", self.fresh("linked"));
            return format!("COPY --link {flags}{source} {to}{}", if dir { "/" } else { "" });
        }
        match dice.roll(14) {
            12 if stage.variables.iter().any(|name| name == "DIR") && self.sent.contains_key("lib/a.txt") => {
                let to = self.fresh("/var");
                format!("COPY {flags}${{DIR:-lib}} {to}/")
            }
            13 => {
                let odd: Vec<&String> =
                    self.sent.keys().filter(|path| path.contains([' ', '\u{fc}', '$', '['])).collect();
                let Some(path) = dice.some(&odd) else { return "COPY nonce /odd".to_owned() };
                let path = path.replace('$', "\\\\$").replace('[', "[[]");
                let to = self.fresh("/odd");
                format!("COPY {flags}[\"{path}\", \"{to}/\"]")
            }
            0 => {
                let mut globs = vec!["*.txt", "t*.txt", "src/*.py", "l*", "[a-t]*.txt"];
                // The older BuildKit fails on a file where the pattern wants a folder.
                if self.dialect.new || !self.dialect.kit {
                    globs.push("*/a.txt");
                }
                let glob = dice.pick(&globs);
                let to = self.fresh("/globbed");
                format!("COPY {flags}{glob} {to}/")
            }
            1 => {
                let to = self.fresh("/several");
                stage.files.push(format!("{to}/top.txt"));
                let more = if self.sent.contains_key("lib/a.txt") { "lib/a.txt" } else { "nonce" };
                format!("COPY {flags}top.txt {more} {to}/")
            }
            2 => {
                let links: Vec<&str> = ["link.txt", "libs", "libs/a.txt", "src/near", "src/up", "abs.txt"]
                    .into_iter()
                    .filter(|path| self.sent.contains_key(path.split("/a.txt").next().unwrap()))
                    .filter(|_| self.sent.contains_key("src/main.py") && self.sent.contains_key("lib/a.txt"))
                    .collect();
                let Some(link) = dice.some(&links) else { return "COPY nonce /again".to_owned() };
                let to = self.fresh("/followed");
                format!("COPY {flags}{link} {to}{}", dice.pick(&["", "/"]))
            }
            3 => {
                let to = self.fresh("/json");
                stage.files.push(to.clone());
                format!("COPY {flags}[\"top.txt\", \"{to}\"]")
            }
            _ => self.copy_one("COPY", &flags, dice, stage),
        }
    }

    fn copy_one(&mut self, word: &str, flags: &str, dice: &mut Dice, stage: &mut Stage) -> String {
        let (source, is_dir) = self.source(dice);
        let name = self.fresh("to");
        let spelt = match (is_dir, dice.roll(4)) {
            (true, 0) if source != "." => format!("{source}/"),
            (_, 1) => format!("./{source}"),
            _ => source.clone(),
        };
        let (to, keeps_name) = match dice.roll(6) {
            0 => (format!("/{name}/"), true),
            1 => (name, false),
            2 => (format!("./{name}/"), true),
            3 => ("/app/".to_owned(), true),
            4 if is_dir => (".".to_owned(), false),
            _ => (format!("/{name}"), false),
        };
        let at = stage.at(&to);
        let join = |rest: &str| if at == "/" { format!("/{rest}") } else { format!("{at}/{rest}") };
        if is_dir {
            stage.files.extend(self.below(&source).iter().map(|rest| join(rest)));
            stage.dirs.push(at.clone());
        } else if keeps_name {
            stage.files.push(join(source.rsplit('/').next().expect("it has a name")));
            stage.dirs.push(at.clone());
        } else {
            stage.files.push(at.clone());
        }
        format!("{word} {flags}{spelt} {to}")
    }

    fn copy_heredoc(&mut self, dice: &mut Dice, stage: &mut Stage) -> String {
        let to = self.fresh("/here");
        stage.files.push(to.clone());
        let (name, value) = (dice.pick(&["EOF", "END", "-EOF", "\"EOF\""]), word(dice));
        format!("COPY <<{name} {to}\ntext {value} $X\n{}", name.trim_matches(['-', '"']))
    }

    fn copy_from(&mut self, dice: &mut Dice, stage: &mut Stage) -> String {
        let to = self.fresh("/from");
        if dice.chance(15) {
            stage.files.push(to.clone());
            return format!("COPY --from={BASE} /bin/pip {to}");
        }
        let Some(at) = (!self.stages.is_empty()).then(|| dice.roll(self.stages.len())) else {
            return self.copy_one("COPY", "", dice, stage);
        };
        let from = &self.stages[at];
        let name = from.name.clone().filter(|_| dice.chance(80)).unwrap_or_else(|| at.to_string());
        let flags = if dice.chance(10) { "--chown=7:7 " } else { "" };
        if let Some(dir) = dice.some(&from.dirs).filter(|dir| *dir != "/" && dice.chance(30)) {
            stage.dirs.push(to.clone());
            return format!("COPY --from={name} {flags}{dir} {to}");
        }
        let file = dice.some(&from.files).cloned().unwrap_or_else(|| "/nonce".to_owned());
        stage.files.push(to.clone());
        format!("COPY --from={name} {flags}{file} {to}")
    }

    fn add(&mut self, dice: &mut Dice, stage: &mut Stage) -> String {
        if self.sent.contains_key("pack.tar") && dice.chance(60) {
            let to = self.fresh("/unpacked");
            stage.files.push(format!("{to}/inside"));
            return format!("ADD pack.tar {to}/");
        }
        self.copy_one("ADD", "", dice, stage)
    }

    fn run(&mut self, dice: &mut Dice, stage: &mut Stage) -> String {
        if !stage.shell {
            return self.copy_one("COPY", "", dice, stage);
        }
        let out = self.fresh("/made");
        let known = dice.some(&stage.files).cloned().unwrap_or_else(|| "/nonce".to_owned());
        let folder = dice.some(&stage.dirs).cloned().unwrap_or_else(|| "/tmp".to_owned());
        let word = word(dice);
        if self.dialect.kit && dice.chance(22) {
            return self.run_mount(dice, stage, &out);
        }
        if self.dialect.new && dice.chance(12) {
            return run_heredoc(dice, stage, &out, &word);
        }
        // What others copy from here, unless it is none of a model's business.
        let (line, is_plain) = match dice.roll(23) {
            0..4 => (format!("RUN echo {word} > {out}"), true),
            4..6 => (format!("RUN cat {known} > {out}"), true),
            6 => (format!("RUN cp {known} {out}"), true),
            7 => (format!("RUN [\"cp\", \"{known}\", \"{out}\"]"), true),
            8 => (format!("RUN mkdir -p {out}/deeper"), false),
            9 => ("RUN true".to_owned(), false),
            10 => (format!("RUN : {word}"), false),
            11 => {
                let name = dice.some(&stage.variables).cloned().unwrap_or_else(|| "X".to_owned());
                (format!("RUN echo \"${name}\" > {out}"), true)
            }
            12 => (format!("RUN echo {word} && \\\n    # why\n    echo more > {out}"), true),
            13 => (format!("RUN rm -f {known} && echo {word} > {out}"), true),
            14 => (format!("RUN mkdir -p {out}d && cp {known} {out}d/ && echo {word} >> {out}"), true),
            15 => (format!("RUN ls {folder} > {out}"), dice.chance(30)),
            16 => (format!("RUN cat /proc/sys/kernel/random/uuid > {out}"), dice.chance(10)),
            17 => (format!("RUN ls -la {folder} > {out}"), dice.chance(10)),
            18 => (format!("RUN test -f {known} || echo {word} > {out}"), false),
            19 => (format!("RUN echo {word} > {folder}/generated"), false),
            20 => (format!("RUN mkdir -p {folder}/made && cp {known} {folder}/made/"), false),
            21 if self.dialect.new => (format!("RUN --network=none echo {word} > {out}"), true),
            _ => (format!("RUN chmod 600 {known}"), false),
        };
        if line.contains("rm -f") {
            stage.files.retain(|file| *file != known);
        }
        if is_plain {
            stage.files.push(out);
        }
        line
    }

    fn run_mount(&mut self, dice: &mut Dice, stage: &mut Stage, out: &str) -> String {
        stage.files.push(out.to_owned());
        let word = word(dice);
        let main = if self.sent.contains_key("src/main.py") { "main.py" } else { "*" };
        let has_src = self.sent.keys().any(|path| path.starts_with("src/"));
        match dice.roll(8) {
            0 if has_src => {
                let write = if dice.chance(25) { ",rw" } else { "" };
                format!("RUN --mount=type=bind,source=src,target=/m{write} cat /m/{main} > {out}")
            }
            1 => format!("RUN --mount=source=top.txt,target=/m cp /m {out}"),
            2 => format!("RUN --mount=target=/m cat /m/top.txt > {out}"),
            3 => format!("RUN --mount=type=tmpfs,target=/t echo {word} > {out}"),
            4 => format!("RUN --mount=type=cache,id={NONCE},target=/c echo {word} > {out}"),
            5 => format!("RUN --mount=type=cache,target=/c,sharing=locked echo {word} > {out}"),
            _ => {
                let from: Vec<&Stage> = self.stages.iter().filter(|stage| stage.name.is_some()).collect();
                let Some(from) = dice.some(&from) else {
                    return format!("RUN --mount=from={BASE},target=/m cp /m/bin/pip {out}");
                };
                let name = from.name.as_ref().expect("only named ones are chosen");
                match dice.some(&from.files).filter(|_| dice.chance(60)) {
                    Some(file) => format!("RUN --mount=from={name},source={file},target=/m cp /m {out}"),
                    None => format!("RUN --mount=from={name},target=/m cat /m/nonce > {out}"),
                }
            }
        }
    }
}

fn arg(dice: &mut Dice, stage: &mut Stage) -> String {
    let name = if dice.chance(5) { "HTTP_PROXY" } else { dice.pick(ARGS) };
    stage.variables.push(name.to_owned());
    match dice.roll(5) {
        0 | 4 => format!("ARG {name}"),
        1 => format!("ARG {name}=${}", dice.pick(ARGS)),
        _ => format!("ARG {name}={}", word(dice)),
    }
}

fn env(dice: &mut Dice, stage: &mut Stage) -> String {
    if dice.chance(12) {
        stage.variables.push("DIR".to_owned());
        return format!("ENV DIR={}", dice.pick(&["lib", "src", "./lib"]));
    }
    let name = dice.pick(&["A", "B", "X", "MODE"]);
    stage.variables.push(name.to_owned());
    let other = dice.some(&stage.variables).cloned().unwrap_or_else(|| "PATH".to_owned());
    match dice.roll(6) {
        0 => format!("ENV {name} {}", word(dice)),
        1 => format!("ENV {name}=${other}"),
        2 => format!("ENV {name}=${{{other}:-none}} C={}", word(dice)),
        3 => format!("ENV {name}=one\\ two C=\"${{{other}:+set}}\""),
        _ => format!("ENV {name}={}", word(dice)),
    }
}

fn workdir(dice: &mut Dice, stage: &mut Stage) -> String {
    let path = match dice.roll(7) {
        0 => "/".to_owned(),
        1 => "/app".to_owned(),
        2 => "/app/".to_owned(),
        3 => "deeper".to_owned(),
        4 => dice.pick(&["./w", "\"/quoted dir\"", "up/../w"]).to_owned(),
        5 => "/w$X".to_owned(),
        _ => "/w".to_owned(),
    };
    if path.contains('$') {
        // Where it is, is only known to who knows the value: nothing relative is remembered below it.
        stage.workdir = format!("/w{NONCE}");
    } else {
        stage.workdir = stage.at(&path);
    }
    format!("WORKDIR {path}")
}

fn run_heredoc(dice: &mut Dice, stage: &mut Stage, out: &str, word: &str) -> String {
    stage.files.push(out.to_owned());
    match dice.roll(4) {
        0 => format!("RUN <<EOF\nset -e\necho {word} > {out}\nEOF"),
        1 => format!("RUN <<-END\n\techo {word} > {out}\nEND"),
        2 => format!("RUN <<\"EOF\"\n#!/bin/sh\necho {word} > {out}\nEOF"),
        _ => format!("RUN cat <<EOF > {out}\n{word}\nEOF"),
    }
}
