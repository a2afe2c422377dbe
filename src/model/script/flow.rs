//! Runs through a script's tree: the steps in order, where each runs, and what its failure does.

use std::collections::BTreeMap;

use super::{
    Action, Arg, Arm, Base, Dir, Leak, OnFailure, Place, Shell, Step, action,
    expand::{self, Env},
    remote,
    source::Source,
};
use crate::{
    syntax::shell::{self, AndOr, Command, Compound, Element, Link, List, Pipeline, Program},
    text::Span,
};

/// How much of one file is still looked at: what is shared (anchors, prerequisites, functions) is read again for each
/// use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    commands: usize,
    bytes: usize,
}

impl Budget {
    /// What a file of that many bytes may cost.
    pub(super) fn of(length: usize) -> Self {
        Self { commands: 20_000 + length, bytes: length.saturating_mul(8).saturating_add(1 << 16) }
    }

    /// Takes the cost of reading a text; whether there was enough.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let cost = bytes.saturating_add(16);
        let enough = self.bytes >= cost;
        self.bytes = self.bytes.saturating_sub(cost);
        enough
    }
}
/// More steps of one script are not kept: no person writes them, and rules compare steps with each other.
const MOST_STEPS: usize = 2000;
/// Further calls of one function are not followed: a menu has fewer entries.
const MOST_CALLS: usize = 16;

/// Deeper scripts in scripts are not looked at.
const DEEPEST: usize = 8;

/// Starts the value of a variable that holds the script's own folder.
const SCRIPT_FOLDER: &str = "\u{1}";

/// What has been gathered of one script.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) steps: Vec<Step>,
    pub(super) shells: Vec<Shell>,
    pub(super) ended: Vec<Arm>,
    pub(super) env: Env,
    pub(super) dir: Dir,
    pub(super) place: Place,
    pub(super) arms: Vec<Arm>,
    compounds: u32,
    depth: usize,
    /// What is left.
    pub(super) budget: Budget,
}

/// What a list's own status does.
#[derive(Clone, Copy)]
struct Outer {
    /// Nobody stops at a failure in here: it is asked for.
    asked: bool,
    /// If its last command fails.
    last: OnFailure,
}

/// How a text is run.
pub(super) struct Run {
    /// Where `set -e` would go.
    pub(super) head: Option<(usize, String)>,
    pub(super) bash: bool,
    pub(super) errexit: bool,
    pub(super) pipefail: bool,
    /// What the status of the whole text does.
    pub(super) status: OnFailure,
}

impl Flow {
    pub(super) fn new(base: Base, budget: Budget) -> Self {
        Self {
            steps: Vec::new(),
            shells: Vec::new(),
            ended: Vec::new(),
            env: Env::default(),
            dir: Dir { base, path: String::new() },
            place: Place::Here,
            arms: Vec::new(),
            compounds: 0,
            depth: 0,
            budget,
        }
    }

    /// A number that no compound command has yet.
    pub(super) fn compound(&mut self) -> u32 {
        self.compounds += 1;
        self.compounds
    }

    /// Runs a text in a shell of its own; returns the functions that it defines and does not call.
    pub(super) fn run(&mut self, source: &Source, run: Run) -> Vec<String> {
        if self.depth >= DEEPEST || !self.budget.take(source.text.text().len()) {
            return Vec::new();
        }
        let program = shell::parse(source.text.text(), source.text.map());
        self.depth += 1;
        let pipes = has_pipe(&program.list);
        self.shells.push(Shell { head: run.head, bash: run.bash, errexit: run.errexit, pipes });
        let mut walker = Walker {
            source,
            program: &program,
            shell: self.shells.len() - 1,
            errexit: run.errexit,
            pipefail: run.pipefail,
            functions: BTreeMap::new(),
            flow: self,
        };
        walker.list(&program.list, Outer { asked: false, last: run.status });
        let errexit = walker.errexit;
        let uncalled = walker
            .functions
            .into_iter()
            .filter(|(_, function)| function.calls.is_empty())
            .map(|(name, _)| name);
        let uncalled = uncalled.map(ToOwned::to_owned).collect();
        let shell = self.shells.len() - 1;
        self.shells[shell].errexit |= errexit;
        self.depth -= 1;
        uncalled
    }

    /// Runs one function of a text, whose other functions it may call.
    pub(super) fn run_function(&mut self, source: &Source, name: &str, run: &Run) {
        if !self.budget.take(source.text.text().len()) {
            return;
        }
        let program = shell::parse(source.text.text(), source.text.map());
        self.shells.push(Shell {
            head: None,
            bash: run.bash,
            errexit: run.errexit,
            pipes: has_pipe(&program.list),
        });
        let mut walker = Walker {
            source,
            program: &program,
            shell: self.shells.len() - 1,
            errexit: run.errexit,
            pipefail: run.pipefail,
            functions: BTreeMap::new(),
            flow: self,
        };
        walker.define(&program.list);
        walker.call(name, Outer { asked: false, last: run.status });
    }
}

fn has_pipe(list: &List) -> bool {
    list.items.iter().flat_map(|item| &item.pipelines).any(|(_, pipeline)| {
        pipeline.elements.len() > 1
            || pipeline.elements.iter().any(|element| match element {
                Element::Simple { .. } => false,
                Element::Compound { parts, .. } => parts.iter().any(|part| has_pipe(&part.list)),
                Element::Function { body, .. } => has_pipe(body),
            })
    })
}

struct Walker<'a> {
    source: &'a Source,
    program: &'a Program,
    /// Index in the flow's shells.
    shell: usize,
    errexit: bool,
    pipefail: bool,
    functions: BTreeMap<&'a str, Function<'a>>,
    flow: &'a mut Flow,
}

/// A function of a script. It is followed once in a run: again only from an arm that none of its calls shares a run with.
struct Function<'a> {
    body: &'a List,
    /// The arms that each call stands in.
    calls: Vec<Vec<Arm>>,
}

impl<'a> Walker<'a> {
    fn list(&mut self, list: &'a List, outer: Outer) {
        for (at, item) in list.items.iter().enumerate() {
            let next = list.items.get(at + 1);
            let stops = self.errexit && !outer.asked;
            let (regular, skipped) = if next.is_some_and(|next| self.asks_status(next)) {
                (OnFailure::Expected, OnFailure::Expected)
            } else if next.is_none() {
                (if stops { OnFailure::Stops } else { outer.last }, outer.last)
            } else if stops && !item.background {
                (OnFailure::Stops, OnFailure::GoesOn(Leak::List))
            } else {
                (OnFailure::GoesOn(Leak::Plain), OnFailure::GoesOn(Leak::List))
            };
            self.and_or(item, regular, skipped, outer.asked);
        }
    }

    /// Whether the next list looks at `$?`.
    fn asks_status(&self, item: &AndOr) -> bool {
        let Some((_, pipeline)) = item.pipelines.first() else { return false };
        let first = match pipeline.elements.first() {
            Some(Element::Compound { parts, .. }) => {
                let item = parts.first().and_then(|part| part.list.items.first());
                item.and_then(|item| item.pipelines.first()).and_then(|(_, p)| p.elements.first())
            }
            first => first,
        };
        let Some(Element::Simple { command, .. }) = first else { return false };
        let command = &self.program.commands[*command];
        command.words.iter().chain(&command.assignments).any(|w| w.raw.contains("$?"))
    }

    fn and_or(&mut self, item: &'a AndOr, regular: OnFailure, skipped: OnFailure, asked: bool) {
        let start = self.flow.steps.len();
        let count = item.pipelines.len();
        let arms = self.flow.arms.len();
        for (at, (link, pipeline)) in item.pipelines.iter().enumerate() {
            if *link == Link::Or {
                let number = self.flow.compound();
                self.flow.arms.push((number, 0));
            }
            let or = item.pipelines[at + 1..].iter().find(|(link, _)| *link == Link::Or);
            let and = item.pipelines.get(at + 1).filter(|(link, _)| *link == Link::And);
            let fate = if pipeline.negated || and.is_some_and(|(_, next)| self.is_named(next, &["break"])) {
                OnFailure::Expected
            } else if let Some((_, handler)) = or {
                if self.ends(handler) { OnFailure::Stops } else { OnFailure::Expected }
            } else if at + 1 == count {
                regular
            } else {
                skipped
            };
            self.pipeline(pipeline, fate, asked || pipeline.negated || at + 1 < count);
        }
        self.flow.arms.truncate(arms);
        // What a failure skips ends with the list, for its own commands and for the last ones of what it contains.
        let end = self.flow.steps.len();
        for step in &mut self.flow.steps[start..] {
            if step.resume == 0 || (count > 1 && step.resume >= end) {
                step.resume = end;
            }
        }
    }

    /// `|| exit 1`, `|| { echo no; exit 1; }`, `|| die "…"`
    fn ends(&self, handler: &Pipeline) -> bool {
        handler.elements.iter().any(|element| match element {
            Element::Simple { command, .. } => {
                let name = self.program.commands[*command].words.first().map_or("", |w| w.raw.as_str());
                let lower = name.to_ascii_lowercase();
                matches!(name, "exit" | "return" | "false" | "kill")
                    || ["die", "fail", "abort", "fatal", "error", "bail", "panic", "exit"]
                        .iter()
                        .any(|w| lower.contains(w))
            }
            Element::Compound { parts, .. } => parts.iter().any(|part| {
                part.list
                    .items
                    .iter()
                    .flat_map(|item| &item.pipelines)
                    .any(|(_, pipeline)| self.ends(pipeline))
            }),
            Element::Function { .. } => false,
        })
    }

    fn is_named(&self, pipeline: &Pipeline, names: &[&str]) -> bool {
        let Some(Element::Simple { command, .. }) = pipeline.elements.first() else { return false };
        self.program.commands[*command].words.first().is_some_and(|w| names.contains(&w.raw.as_str()))
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, fate: OnFailure, asked: bool) {
        let count = pipeline.elements.len();
        for (at, element) in pipeline.elements.iter().enumerate() {
            let lost = at + 1 < count && !self.pipefail && fate != OnFailure::Expected;
            let fate = if lost { OnFailure::GoesOn(Leak::Pipe) } else { fate };
            match element {
                Element::Simple { command, inner } => self.simple(*command, inner, fate, asked),
                Element::Function { name, body } => {
                    self.functions.insert(name, Function { body, calls: Vec::new() });
                }
                Element::Compound { kind, parts } => {
                    let number = self.flow.compound();
                    let saved = (*kind == Compound::Subshell)
                        .then(|| (self.flow.env.clone(), self.flow.dir.clone(), self.errexit));
                    for (arm, part) in (0..).zip(parts) {
                        let own =
                            !part.condition && matches!(kind, Compound::If | Compound::Case | Compound::Loop);
                        if own {
                            self.flow.arms.push((number, arm));
                        }
                        let fate = match kind {
                            _ if part.condition => OnFailure::Expected,
                            // The next turn of the loop follows, whatever became of this one.
                            Compound::Loop if fate == OnFailure::Stops => OnFailure::GoesOn(Leak::Plain),
                            _ => fate,
                        };
                        self.list(&part.list, Outer { asked: asked || part.condition, last: fate });
                        if own {
                            self.flow.arms.pop();
                            self.note_end(&part.list, (number, arm));
                        }
                    }
                    if let Some((env, dir, errexit)) = saved {
                        (self.flow.env, self.flow.dir, self.errexit) = (env, dir, errexit);
                    }
                }
            }
        }
    }

    fn note_end(&mut self, list: &List, arm: Arm) {
        let ending = list.items.last().and_then(|item| item.pipelines.first());
        if ending.is_some_and(|(_, pipeline)| self.is_named(pipeline, &["exit", "return", "exec"])) {
            self.flow.ended.push(arm);
        }
    }

    fn define(&mut self, list: &'a List) {
        for (_, pipeline) in list.items.iter().flat_map(|item| &item.pipelines) {
            for element in &pipeline.elements {
                match element {
                    Element::Function { name, body } => {
                        self.functions.insert(name, Function { body, calls: Vec::new() });
                    }
                    Element::Simple { command, inner } => {
                        let words = &self.program.commands[*command];
                        if words.words.is_empty() {
                            self.simple(*command, inner, OnFailure::Expected, true);
                        }
                    }
                    Element::Compound { .. } => {}
                }
            }
        }
    }

    fn call(&mut self, name: &str, outer: Outer) -> bool {
        let Some(function) = self.functions.get_mut(name) else { return false };
        let here = &self.flow.arms;
        let elsewhere = |call: &Vec<Arm>| call.iter().any(|a| here.iter().any(|b| a.0 == b.0 && a.1 != b.1));
        if function.calls.len() >= MOST_CALLS || !function.calls.iter().all(elsewhere) {
            return true;
        }
        function.calls.push(here.clone());
        let body = function.body;
        if self.flow.depth < DEEPEST * 2 {
            self.flow.depth += 1;
            self.list(body, outer);
            self.flow.depth -= 1;
        }
        true
    }

    fn simple(&mut self, index: usize, inner: &[usize], fate: OnFailure, asked: bool) {
        if self.flow.budget.commands == 0 {
            return;
        }
        self.flow.budget.commands -= 1;
        let command = &self.program.commands[index];
        for inner in inner {
            let inner = &self.program.commands[*inner];
            let words = self.words(inner);
            let (words, _) = action::unwrap(&words);
            self.step(inner, words, OnFailure::Expected, true, None);
        }
        if command.words.is_empty() {
            return self.assign(command);
        }
        let all = self.words(command);
        let (words, assigned) = action::unwrap(&all);
        let name = words.first().and_then(action::base_name).unwrap_or_default();
        if self.builtin(name, words, command) {
            return;
        }
        if words.len() == all.len() && self.call(name, Outer { asked, last: fate }) {
            return;
        }
        let skipped = all.len() - words.len();
        if let Some(handed) = remote::handed(words) {
            // Where a variable brings several words, places are shared: the script is looked for by its place.
            let spans: Vec<Span> = command.words.iter().map(|w| w.span).collect();
            let same = spans.len() == all.len();
            if same || handed.words.is_none() {
                self.handed(command, &handed, &spans, skipped, fate);
            }
            return;
        }
        let flag = |name: &str| {
            let written = command.assignments.iter().filter_map(|w| w.raw.split_once('='));
            let own = written.filter(|(n, _)| *n == name).map(|(_, v)| v).next_back();
            let env =
                assigned.iter().filter_map(|w| w.split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v);
            own.or(env).or(self.flow.env.get(name)).map(|value| value == "1")
        };
        let buildkit = match (flag("DOCKER_BUILDKIT"), flag("COMPOSE_DOCKER_CLI_BUILD")) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (known, _) => known,
        };
        let host = command.assignments.iter().find_map(|w| w.raw.strip_prefix("DOCKER_HOST="));
        let host = host.or(self.flow.env.get("DOCKER_HOST")).map(ToOwned::to_owned);
        let outer = host
            .filter(|h| !h.is_empty() && !h.contains("unix://"))
            .map(|host| std::mem::replace(&mut self.flow.place, Place::Host(host)));
        self.step(command, words, fate, asked, buildkit);
        if let Some(outer) = outer {
            self.flow.place = outer;
        }
    }

    fn step(
        &mut self,
        command: &Command,
        words: &[Arg],
        fate: OnFailure,
        asked: bool,
        buildkit: Option<bool>,
    ) {
        let written = words.first().map_or("", |first| {
            let word = command.words.iter().find(|w| self.source.place(w.span) == first.span);
            word.map_or("", |w| w.raw.as_str())
        });
        let action = action::read(words, written);
        if self.flow.steps.len() >= MOST_STEPS {
            return;
        }
        let place = match context(&action) {
            Some(host) => Place::Host(host),
            None => self.flow.place.clone(),
        };
        self.flow.steps.push(Step {
            span: self.source.place(command.span),
            exact: self.source.whole.is_none(),
            place,
            dir: self.flow.dir.clone(),
            arms: self.flow.arms.clone(),
            asked,
            on_failure: fate,
            resume: 0,
            shell: self.shell,
            action,
            buildkit,
        });
    }

    fn words(&self, command: &Command) -> Vec<Arg> {
        command.words.iter().flat_map(|w| expand::words(self.source, w.span, &self.flow.env)).collect()
    }

    fn assign(&mut self, command: &Command) {
        for word in &command.assignments {
            self.set(&word.raw);
        }
    }

    /// `name=value` or `name+=value` as written.
    fn set(&mut self, raw: &str) {
        let Some((name, value)) = raw.split_once('=') else { return };
        let in_arm = !self.flow.arms.is_empty();
        if let Some(name) = name.strip_suffix('+') {
            self.flow.env.set(name, None, in_arm);
        } else if action::is_name(name) {
            let folder = script_folder(value).map(|path| format!("{SCRIPT_FOLDER}{path}"));
            let value = match folder {
                Some(folder) => Some(folder),
                None if value.starts_with('(') => None,
                None => expand::one(value, &self.flow.env),
            };
            self.flow.env.set(name, value, in_arm);
        }
    }

    /// What changes the shell itself.
    fn builtin(&mut self, name: &str, words: &[Arg], command: &Command) -> bool {
        let text = |at: usize| words.get(at).and_then(|w| w.text.as_deref());
        match name {
            "cd" | "pushd" => {
                let raw = command.words.last().map_or("", |w| w.raw.as_str());
                let target =
                    words[1..].iter().rfind(|w| w.text.as_deref().is_none_or(|t| !t.starts_with("--")));
                self.flow.dir = change(&self.flow.dir, target.and_then(|w| w.text.as_deref()), raw);
            }
            "popd" => self.flow.dir = Dir { base: Base::Unknown, path: String::new() },
            "set" => self.options(&words[1..]),
            "export" | "readonly" | "local" | "declare" | "typeset" => {
                for word in command.words.iter().skip(1) {
                    self.set(&word.raw);
                }
            }
            // `trap '… exit 1' ERR` stops as `set -e` does.
            "trap"
                if text(1).is_some_and(|t| t.contains("exit"))
                    && words.iter().any(|w| w.text.as_deref() == Some("ERR")) =>
            {
                self.errexit = true;
            }
            "shopt" | "trap" | "unset" | "umask" | "shift" | ":" => {}
            _ => return false,
        }
        true
    }

    fn options(&mut self, words: &[Arg]) {
        let mut words = words.iter().filter_map(|w| w.text.as_deref());
        while let Some(word) = words.next() {
            let (on, flags) = match (word.strip_prefix('-'), word.strip_prefix('+')) {
                (Some(flags), _) => (true, flags),
                (_, Some(flags)) => (false, flags),
                _ => continue,
            };
            if flags.contains('e') {
                self.errexit = on;
            }
            if flags.contains('o') {
                match words.next() {
                    Some("errexit") => self.errexit = on,
                    Some("pipefail") => self.pipefail = on,
                    _ => {}
                }
            }
        }
        self.flow.shells[self.shell].errexit |= self.errexit;
    }

    /// Runs what is handed to another shell.
    fn handed(
        &mut self,
        command: &Command,
        handed: &remote::Handed,
        spans: &[Span],
        skipped: usize,
        fate: OnFailure,
    ) {
        let (source, head) = if let Some(range) = &handed.words {
            let Some(spans) = spans.get(range.start + skipped..range.end + skipped) else { return };
            let source = self.source.unquoted(spans);
            let head = first_line(&source);
            (source, head)
        } else {
            let body = command.redirects.iter().find_map(|redirect| {
                self.program.heredocs.iter().find(|h| h.delimiter == redirect.target.span)
            });
            let Some(body) = body else { return };
            let source = self.source.slice(body.text.clone());
            let text = source.text.text();
            let indent = text[..text.len() - text.trim_start_matches([' ', '\t']).len()].to_owned();
            let head =
                (source.whole.is_none() && !text.is_empty()).then(|| (source.text.map().place(0), indent));
            (source, head)
        };
        let outer = (self.flow.dir.clone(), self.flow.place.clone(), self.flow.env.clone());
        if let Some(host) = &handed.host {
            self.flow.place = Place::Host(host.clone());
            self.flow.dir = Dir { base: Base::Machine, path: "~".to_owned() };
        }
        let run = Run { head, bash: handed.bash, errexit: handed.errexit, pipefail: false, status: fate };
        self.flow.run(&source, run);
        (self.flow.dir, self.flow.place, self.flow.env) = outer;
    }
}

/// Where a text of several lines that begins with a newline has its first line, and the line's white space.
fn first_line(source: &Source) -> Option<(usize, String)> {
    let text = source.text.text();
    let blank = text.len() - text.trim_start().len();
    let line = text[..blank].rfind('\n')? + 1;
    source.whole.is_none().then(|| (source.text.map().place(line), text[line..blank].to_owned()))
}

/// `docker --context prod …`, `docker -H ssh://…`
fn context(action: &Action) -> Option<String> {
    let options = match action {
        Action::Compose(compose) => &compose.project,
        Action::Docker(docker) => &docker.options,
        _ => return None,
    };
    let names = ["-H", "--host", "--context", "-c"];
    let docker =
        matches!(action, Action::Docker(d) if matches!(d.verb.as_str(), "run" | "create" | "build" | "exec"));
    let found = options.iter().rfind(|o| names.contains(&o.name.as_str()) && !docker)?;
    let value = found.value.as_ref()?.text.clone().unwrap_or_else(|| "a host".to_owned());
    (value != "default" && !value.starts_with("unix://")).then_some(value)
}

/// `cd target`, written as `raw`.
fn change(from: &Dir, target: Option<&str>, raw: &str) -> Dir {
    let Some(target) = target else { return known_folder(raw) };
    if let Some(path) = target.strip_prefix(SCRIPT_FOLDER) {
        return Dir { base: Base::OfScript, path: path.trim_start_matches('/').to_owned() };
    }
    if target.starts_with('/') || target.starts_with('~') {
        return Dir { base: Base::Machine, path: target.to_owned() };
    }
    if target == "-" {
        return Dir { base: Base::Unknown, path: String::new() };
    }
    Dir { base: from.base, path: format!("{}/{target}", from.path).trim_start_matches('/').to_owned() }
}

/// `cd "$(dirname "$0")/.."`, `cd "$(git rev-parse --show-toplevel)"`
fn known_folder(raw: &str) -> Dir {
    match script_folder(raw) {
        Some(path) => Dir { base: Base::OfScript, path },
        None if raw.contains("show-toplevel") => Dir { base: Base::Checkout, path: String::new() },
        None => Dir { base: Base::Unknown, path: String::new() },
    }
}

/// What stands behind the script's own folder in `$(dirname "$0")/..` and `$(cd "$(dirname "$0")/.." && pwd)`.
fn script_folder(raw: &str) -> Option<String> {
    let (_, after) = raw.split_once("dirname")?;
    if !(after.contains("$0") || after.contains("BASH_SOURCE")) {
        return None;
    }
    let (_, after) = after.split_once(')')?;
    let after = after.trim_start_matches(['"', '\'', ')']);
    let end = after.find(['"', '\'', ' ', ')', '&', ';']).unwrap_or(after.len());
    let path = after[..end].trim_matches('/');
    (!path.contains('$')).then(|| path.to_owned())
}
