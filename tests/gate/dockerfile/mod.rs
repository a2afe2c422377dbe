//! How a Dockerfile may differ after its fixes: a walk through both instruction streams that explains every difference
//! by what one of the applied rules may do, or fails.

use std::{collections::HashSet, sync::LazyLock};

use regex::Regex;
use serde_json::{Value, json};
use unstale::{
    report::ast,
    syntax::dockerfile::{ItemKind, Tree, parse},
};

use super::{BUST, is_bust};

/// One instruction: what it says, and its bytes.
struct Step<'t> {
    value: Value,
    cmd: String,
    /// Its lines without the last newline.
    lines: &'t str,
}

struct Side<'t> {
    text: &'t str,
    tree: Tree,
    steps: Vec<Step<'t>>,
}

impl<'t> Side<'t> {
    fn new(text: &'t str) -> Self {
        let tree = parse(text);
        let document = ast::dockerfile("Dockerfile", text);
        let all = document["instructions"].as_array().expect("a list").iter();
        let steps = all.zip(&tree.instructions).map(|(value, instruction)| {
            let mut value = value.clone();
            let object = value.as_object_mut().expect("an object");
            object.retain(|key, _| key != "start" && key != "end");
            let cmd = object["cmd"].as_str().unwrap_or_default().to_owned();
            Step { value, cmd, lines: text[instruction.lines.range()].trim_end_matches(['\r', '\n']) }
        });
        let steps = steps.collect();
        Self { text, tree, steps }
    }
}

/// How an instruction of before or after is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Same(usize, usize),
    Edited(usize, usize),
    Gone(usize),
    New(usize),
    Moved(usize, usize),
    /// A clock that gives way to the layer in another place.
    Became(usize, usize),
}

/// A RUN that does nothing but fetch an index.
static FETCHES: LazyLock<Regex> = LazyLock::new(|| {
    let sudo = r"(?:sudo(?: -\S+)* )?";
    let text = format!(
        r"^(?:{sudo}\S*?(?:apt-get|apt|aptitude|apk|opkg)(?: -\S+)* update(?: -\S+)*|{sudo}\S*?pacman -Sy\S*(?: -\S+)*)(?: *[12&]?>+ ?\S+)*;?$"
    );
    Regex::new(&text).expect("it is well formed")
});

/// What goes before an install.
static REFRESH: LazyLock<Regex> = LazyLock::new(|| {
    let sudo = r"(?:sudo(?: -\S+)* )?";
    let text = format!(r"{sudo}(?:[\w/.]*/)?(?:(?:apt-get|apt|aptitude|apk|opkg) update|pacman -Sy) && ");
    Regex::new(&text).expect("it is well formed")
});

/// A RUN that shows a clock or chance and does nothing else that could be missed.
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:(?:echo|printf)\b.*(?:\bdate\b|/uuid|\$RANDOM|uuidgen)|date\b|uuidgen\b|cat /proc/sys/kernel/random/uuid)")
        .expect("it is well formed")
});

/// An instruction that does nothing but show or keep a value.
static IDLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\s*(?:RUN\s+(?:echo|printf|:|true)\b|RUN :|LABEL\s+cache-bust=)")
        .expect("it is well formed")
});

/// Names of manifests and locks, written anew here.
static MANIFEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:^|/)(?:package(?:-lock)?\.json|npm-shrinkwrap\.json|yarn\.lock|\.yarnrc(?:\.yml)?|\.npmrc|pnpm-lock\.yaml|pnpm-workspace\.yaml|bun\.lockb?|[\w.-]*requirements[\w.-]*\.(?:txt|in)|(?:dev|prod|base|test|production|development|common)\.txt|constraints\.txt|pyproject\.toml|poetry\.(?:lock|toml)|uv\.lock|Pipfile(?:\.lock)?|pdm\.lock|Gemfile(?:\.lock)?|gems\.(?:rb|locked)|go\.(?:mod|sum|work|work\.sum)|Cargo\.(?:toml|lock)|composer\.(?:json|lock)|pom\.xml|mix\.(?:exs|lock)|[\w.-]+\.(?:csproj|fsproj|sln)|(?:build|settings)\.gradle(?:\.kts)?|gradle\.properties|Directory\.(?:Build|Packages)\.(?:props|targets)|[Nn]u[Gg]et\.[Cc]onfig|global\.json|packages\.lock\.json|gradle\.lockfile|gradlew|mvnw|bunfig\.toml|rust-toolchain(?:\.toml)?|auth\.json|symfony\.lock|pylock\.toml|\.python-versions?|uv\.toml|(?:\.yarn/(?:releases|plugins|patches|cache)|\.mvn|gradle|\.bundle|vendor/cache)/?)$",
    )
    .expect("it is well formed")
});

struct Walk<'s, 't> {
    before: &'s Side<'t>,
    after: &'s Side<'t>,
    rules: &'s [&'static str],
    failed: HashSet<State>,
    deepest: (usize, usize),
}

/// How far both streams are explained.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct State {
    old: usize,
    new: usize,
    /// Instructions of before that were taken out and must come back further down in the same stage.
    pending: Vec<usize>,
    /// Those that came already and must be taken out further down in the same stage.
    ahead: Vec<usize>,
    /// The argument of a bust whose second half must be next, and the instruction that it was moved from.
    declared: Option<(String, Option<usize>)>,
}

impl Walk<'_, '_> {
    fn has(&self, rule: &str) -> bool {
        self.rules.contains(&rule)
    }

    fn busts(&self) -> bool {
        BUST.iter().any(|rule| self.has(rule))
    }

    /// Explains the rest of both streams.
    fn explain(&mut self, state: State, out: &mut Vec<Change>) -> bool {
        self.deepest = self.deepest.max((state.old, state.new));
        if self.failed.contains(&state) {
            return false;
        }
        let depth = out.len();
        for (changes, next) in self.steps(&state) {
            out.extend(changes);
            if next.is_none_or(|next| self.explain(next, out)) {
                return true;
            }
            out.truncate(depth);
        }
        self.failed.insert(state);
        false
    }

    /// What the next instructions may be; no next state is the end.
    fn steps(&self, at: &State) -> Vec<(Vec<Change>, Option<State>)> {
        let (i, j) = (at.old, at.new);
        let (old, new) = (self.before.steps.get(i), self.after.steps.get(j));
        let mut found = Vec::new();
        if let Some((name, from)) = &at.declared {
            found.extend(new.and_then(|new| self.second_half(at, new, name, *from)));
            return found;
        }
        let settled = at.pending.is_empty() && at.ahead.is_empty();
        if old.is_none() && new.is_none() {
            found.extend(settled.then(|| (Vec::new(), None)));
            return found;
        }
        if at.ahead.contains(&i) {
            let ahead = at.ahead.iter().copied().filter(|&a| a != i).collect();
            return vec![(Vec::new(), Some(State { old: i + 1, ahead, ..at.clone() }))];
        }
        if let (Some(old), Some(new)) = (old, new) {
            let both = Some(State { old: i + 1, new: j + 1, ..at.clone() });
            if old.value == new.value && (new.cmd != "FROM" || settled) {
                found.push((vec![Change::Same(i, j)], both.clone()));
            }
            if self.edited(old, new) {
                found.push((vec![Change::Edited(i, j)], both));
            }
        }
        if let Some(new) = new {
            self.inserted(at, new, &mut found);
        }
        if let Some(old) = old {
            self.removed(at, old, &mut found);
        }
        found
    }

    fn second_half(
        &self,
        at: &State,
        new: &Step<'_>,
        name: &str,
        from: Option<usize>,
    ) -> Option<(Vec<Change>, Option<State>)> {
        let next = State { new: at.new + 1, declared: None, ..at.clone() };
        let own = from.map(|from| from + 1).filter(|&run| {
            let idle = |old: &Step<'_>| IDLE.is_match(old.lines) && old.lines.contains(name);
            self.before
                .steps
                .get(run)
                .is_some_and(|old| old.cmd == "RUN" && idle(old) && old.value == new.value)
        });
        if let Some(run) = own {
            let ahead = at.ahead.iter().copied().chain([run]).collect();
            return Some((vec![Change::Moved(run, at.new)], Some(State { ahead, ..next })));
        }
        (self.busts() && uses(new, name)).then(|| (vec![Change::New(at.new)], Some(next)))
    }

    fn inserted(&self, at: &State, new: &Step<'_>, found: &mut Vec<(Vec<Change>, Option<State>)>) {
        let j = at.new;
        let next = State { new: j + 1, ..at.clone() };
        for (nth, &back) in at.pending.iter().enumerate() {
            let old = &self.before.steps[back];
            let mut rest = at.pending.clone();
            rest.remove(nth);
            let next = State { pending: rest, ..next.clone() };
            // Where its comments stand the layer has the place of a clock; a clock that just goes leaves them.
            let layer = argument(new).map(|(name, _)| name);
            let layer = layer.filter(|name| is_bust(name) && self.busts() && self.came_along(back, j));
            if old.value == new.value {
                found.push((vec![Change::Moved(back, j)], Some(next)));
                continue;
            }
            // A layer that goes behind the install with the COPY above it has the place of the clock there.
            let own = next.pending.iter().position(|&own| self.before.steps[own].value == new.value);
            if let (Some(_), Some(own), true) = (&layer, own, self.is_clock(back)) {
                let mut next = next.clone();
                let own = next.pending.remove(own);
                found.push((vec![Change::Became(back, j), Change::Gone(own)], Some(next)));
            }
            if let (Some(name), "RUN") = (layer, old.cmd.as_str()) {
                let declared = Some((name, None));
                found.push((vec![Change::Became(back, j)], Some(State { declared, ..next })));
            } else if self.edited(old, new) {
                // What moves may lose a part of its own as well.
                found.push((vec![Change::Gone(back), Change::New(j)], Some(next)));
            }
        }
        // The file's own bust, from further down: where the rules of the layer put it, or above a COPY that comes back.
        let along = self.has("broad-copy") && !at.pending.is_empty();
        let stage = self.before.steps[at.old.min(self.before.steps.len())..].iter().enumerate();
        let later = stage.take_while(|(_, old)| old.cmd != "FROM").filter(|(_, old)| old.value == new.value);
        for from in later.map(|(by, _)| at.old + by) {
            let ahead = at.ahead.iter().copied().chain([from]).collect();
            let taken = State { ahead, ..next.clone() };
            let name = argument(new).map(|(name, _)| name).filter(|name| is_bust(name));
            if let Some(name) = name.filter(|_| self.busts() || along) {
                let declared = Some((name, Some(from)));
                found.push((vec![Change::Moved(from, j)], Some(State { declared, ..taken })));
            } else if along && self.is_clock(from) {
                found.push((vec![Change::Moved(from, j)], Some(taken)));
            }
        }
        if self.busts() && new.cmd == "ARG" {
            // Anew, or as another stage has it, where it busts nothing.
            let as_elsewhere = |name: &str| {
                let same = |old: &Step<'_>| old.value == new.value;
                is_bust(name) && self.has("inert-cache-bust") && self.before.steps.iter().any(same)
            };
            if let Some((name, default)) = argument(new)
                && is_bust(&name)
                && (default.as_deref().is_none_or(|default| default == "unset") || as_elsewhere(&name))
            {
                let declared = Some((name.clone(), None));
                found.push((vec![Change::New(j)], Some(State { declared, ..next.clone() })));
            }
        }
        if self.has("broad-copy") && copies_manifests(new) {
            found.push((vec![Change::New(j)], Some(next)));
        }
    }

    fn removed(&self, at: &State, old: &Step<'_>, found: &mut Vec<(Vec<Change>, Option<State>)>) {
        let i = at.old;
        let text = old.value["args"][0].as_str().unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let run = old.cmd == "RUN" && old.value["json"] == json!(false);
        let elsewhere = || {
            // An argument that no stage could see, or that busted nothing, is declared anew in another one.
            let name = argument(old).map(|(name, _)| name).filter(|name| is_bust(name));
            let again = |step: &Step<'_>| argument(step).map(|(name, _)| name) == name;
            name.is_some() && self.after.steps.iter().any(again)
        };
        let goes = (super::BUST.iter().any(|rule| self.has(rule)) && run && CLOCK.is_match(&text))
            || (self.has("inert-cache-bust") && old.cmd == "ARG" && elsewhere())
            || (self.has("split-apt-update") && run && FETCHES.is_match(&text))
            || (self.has("volume-over-code") && old.cmd == "VOLUME");
        let next = State { old: i + 1, ..at.clone() };
        // A layer between a clock and the install may take the clock's place.
        let between = || self.is_part(i) && at.pending.iter().any(|&clock| self.is_clock(clock));
        if (self.has("broad-copy")
            && (matches!(old.cmd.as_str(), "COPY" | "ADD") || self.leads(i) || between()))
            || (self.has("discarded-write") && old.cmd == "VOLUME")
        {
            let pending = at.pending.iter().copied().chain([i]).collect();
            found.push((Vec::new(), Some(State { pending, ..next.clone() })));
        }
        if goes {
            found.push((vec![Change::Gone(i)], Some(next)));
        }
    }

    /// Whether an instruction before is a clock, or a half of a layer, above a COPY with no other RUN between: it goes
    /// where that goes.
    fn leads(&self, i: usize) -> bool {
        let steps = &self.before.steps;
        let mut after = (i..steps.len()).skip_while(|&at| {
            self.is_part(at) || matches!(steps[at].cmd.as_str(), "WORKDIR" | "USER" | "LABEL")
        });
        self.is_part(i) && after.next().is_some_and(|at| matches!(steps[at].cmd.as_str(), "COPY" | "ADD"))
    }

    /// Whether an instruction before is a clock, or a half of a layer.
    fn is_part(&self, i: usize) -> bool {
        let steps = &self.before.steps;
        let name = |i: usize| argument(&steps[i]).map(|(name, _)| name).filter(|name| is_bust(name));
        let second = |i: usize| {
            let first = i.checked_sub(1).and_then(name);
            first.is_some_and(|name| IDLE.is_match(steps[i].lines) && steps[i].lines.contains(&name))
        };
        let first = |i: usize| name(i).is_some() && i + 1 < steps.len() && second(i + 1);
        first(i) || second(i) || self.is_clock(i)
    }

    /// Whether the comments above an instruction before stand above one after.
    fn came_along(&self, i: usize, j: usize) -> bool {
        let lines = |side: &Side<'_>, at: usize| -> Vec<String> {
            let all = comments_above(side, at).into_iter().map(|(_, line)| line);
            all.filter(|line| !line.contains("unstale: allow")).collect()
        };
        lines(self.after, j).starts_with(&lines(self.before, i))
    }

    /// Whether an instruction before only shows a clock or chance.
    fn is_clock(&self, i: usize) -> bool {
        let step = &self.before.steps[i];
        step.cmd == "RUN" && step.value["args"][0].as_str().is_some_and(|text| CLOCK.is_match(text.trim()))
    }

    /// Whether an instruction became another by what a rule may write into it.
    fn edited(&self, old: &Step<'_>, new: &Step<'_>) -> bool {
        if old.cmd != new.cmd {
            return false;
        }
        match old.cmd.as_str() {
            "RUN" if self.has("split-apt-update") => without_refresh(new.lines, old.lines, 8),
            "VOLUME" if self.has("volume-over-code") => {
                let (mut old, new) = (list(&old.value["args"]), list(&new.value["args"]));
                let fewer = new.len() < old.len() && !new.is_empty();
                fewer
                    && new.iter().all(|word| {
                        let at = old.iter().position(|o| o == word);
                        at.is_some_and(|at| {
                            old.drain(..=at);
                            true
                        })
                    })
            }
            // `ARG X` and `ENV X=1` become `ARG X=1` and `ENV X=${X}`.
            "ARG" if self.has("inert-cache-bust") => {
                let (Some((name, None)), Some((same, Some(default)))) = (argument(old), argument(new)) else {
                    return false;
                };
                let has = |step: &Step<'_>| pairs(step).iter().any(|(n, v)| *n == name && *v == default);
                name == same
                    && is_bust(&name)
                    && self.before.steps.iter().any(|step| step.cmd == "ENV" && has(step))
            }
            "ENV" if self.has("inert-cache-bust") => {
                let (old, new) = (pairs(old), pairs(new));
                let may = |(old, new): (&(String, String), &(String, String))| {
                    old == new
                        || (old.0 == new.0
                            && is_bust(&new.0)
                            && new.1.trim_matches('"') == format!("${{{}}}", new.0))
                };
                old.len() == new.len() && old != new && old.iter().zip(&new).all(may)
            }
            _ => false,
        }
    }
}

/// Name and default of an ARG that declares one argument.
fn argument(step: &Step<'_>) -> Option<(String, Option<String>)> {
    let args = list(&step.value["args"]);
    let [Value::String(word)] = args.as_slice() else { return None };
    let (name, default) =
        word.split_once('=').map_or((word.as_str(), None), |(n, d)| (n, Some(d.to_owned())));
    (step.cmd == "ARG").then(|| (name.to_owned(), default))
}

/// Names and values of an ENV.
fn pairs(step: &Step<'_>) -> Vec<(String, String)> {
    let args = list(&step.value["args"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    args.chunks(3).filter(|all| all.len() == 3).map(|all| (text(&all[0]), text(&all[1]))).collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The second half of the layer: an echo of the argument, or a label with it.
fn uses(step: &Step<'_>, name: &str) -> bool {
    let args = list(&step.value["args"]);
    let text: Vec<&str> = args.iter().filter_map(Value::as_str).collect();
    let value = format!("${{{name}}}");
    match step.cmd.as_str() {
        "RUN" => text == [format!("echo \"cache bust: {value}\"")],
        "LABEL" => text.len() == 3 && text[1].trim_matches('"') == value,
        _ => false,
    }
}

fn copies_manifests(step: &Step<'_>) -> bool {
    let args = list(&step.value["args"]);
    let Some((_, sources)) = args.split_last() else { return false };
    let manifest = |word: &Value| word.as_str().is_some_and(|word| MANIFEST.is_match(word));
    let from =
        list(&step.value["flags"]).iter().any(|flag| flag.as_str().is_some_and(|f| f.starts_with("--from")));
    matches!(step.cmd.as_str(), "COPY" | "ADD")
        && !from
        && !sources.is_empty()
        && sources.iter().all(manifest)
}

/// Whether `after` is `before` with nothing more than `apt-get update && ` put in, in one place or several.
fn without_refresh(after: &str, before: &str, most: usize) -> bool {
    if after == before {
        return true;
    }
    most > 0
        && after.len() > before.len()
        && REFRESH.find_iter(after).any(|found| {
            let less = format!("{}{}", &after[..found.start()], &after[found.end()..]);
            without_refresh(&less, before, most - 1)
        })
}

/// What is wrong with a Dockerfile after the fixes of these rules; nothing, if every difference is one that they may
/// make.
pub(super) fn judge(before: &str, after: &str, rules: &[&'static str]) -> Vec<String> {
    let (old, new) = (Side::new(before), Side::new(after));
    let mut wrong = Vec::new();
    if old.tree.errors.is_empty() && !new.tree.errors.is_empty() {
        wrong.push(format!("no longer parses: {:?}", new.tree.errors));
    } else if new.tree.errors.len() > old.tree.errors.len() {
        wrong.push("has more errors than before".to_owned());
    }
    if old.tree.escape != new.tree.escape {
        wrong.push("has another escape character".to_owned());
    }
    let directives = |side: &Side<'_>| {
        side.tree.directives.iter().map(|d| (d.name.clone(), d.value.value.clone())).collect::<Vec<_>>()
    };
    if directives(&old) != directives(&new) {
        wrong.push("has other parser directives".to_owned());
    }
    let mut walk = Walk { before: &old, after: &new, rules, failed: HashSet::new(), deepest: (0, 0) };
    let mut changes = Vec::new();
    if walk.explain(State::default(), &mut changes) {
        across_stages(&old, &new, &mut changes);
        wrong.extend(bytes(&old, &new, &changes, rules.contains(&"unused-allow")));
    } else {
        let (i, j) = walk.deepest;
        let show = |side: &Side<'_>, at: usize| {
            side.steps.get(at).map_or("(end)".to_owned(), |s| s.lines.to_owned())
        };
        wrong.push(format!("no rule of {rules:?} may make `{}` of `{}`", show(&new, j), show(&old, i)));
    }
    wrong.extend(super::judge::ends(before, after));
    // The other parsers know no escape directive: what they accept of such a file is another file.
    if old.tree.errors.is_empty() && old.tree.escape == '\\' {
        wrong.extend(others(before, after));
    }
    wrong
}

/// An argument that goes in one stage and comes in another has moved, with its comments, where it is written as before.
fn across_stages(old: &Side<'_>, new: &Side<'_>, changes: &mut Vec<Change>) {
    let gone: Vec<usize> =
        changes.iter().filter_map(|c| if let Change::Gone(i) = c { Some(*i) } else { None }).collect();
    for i in gone.into_iter().filter(|&i| old.steps[i].cmd == "ARG") {
        let comes =
            |change: &Change| matches!(*change, Change::New(j) if new.steps[j].value == old.steps[i].value);
        if let Some(at) = changes.iter().position(comes) {
            let Change::New(j) = changes[at] else { continue };
            changes[at] = Change::Moved(i, j);
            changes.retain(|change| *change != Change::Gone(i));
        }
    }
}

/// What stands outside of the changed instructions is the same, byte for byte and in the same order.
fn bytes(old: &Side<'_>, new: &Side<'_>, changes: &[Change], allows_go: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut gone, mut put) = (HashSet::new(), HashSet::new());
    let mut moved = Vec::new();
    for change in changes {
        match *change {
            Change::Same(i, j) => {
                if old.steps[i].lines != new.steps[j].lines {
                    wrong.push(format!(
                        "`{}` is written anew as `{}`",
                        old.steps[i].lines, new.steps[j].lines
                    ));
                }
            }
            Change::Edited(i, j) => {
                gone.insert(i);
                put.insert(j);
            }
            Change::Gone(i) => {
                gone.insert(i);
            }
            Change::New(j) => {
                put.insert(j);
            }
            Change::Became(i, j) => {
                gone.insert(i);
                put.insert(j);
                moved.push((i, j));
            }
            Change::Moved(i, j) => {
                let (was, is) = (old.steps[i].lines.trim_start(), new.steps[j].lines.trim_start());
                if was != is {
                    wrong.push(format!("`{was}` moves and is written anew as `{is}`"));
                }
                gone.insert(i);
                put.insert(j);
                // The comments above a COPY, an ARG and a clock go with them.
                if ["COPY", "ARG", "RUN"].contains(&old.steps[i].cmd.as_str()) {
                    moved.push((i, j));
                }
            }
        }
    }
    let stays = |line: &str| !(allows_go && line.contains("unstale: allow"));
    let above = |side: &Side<'_>, at: usize| {
        comments_above(side, at).into_iter().filter(|(_, line)| stays(line)).collect::<Vec<_>>()
    };
    // What stood above the new place before stands above those that came along.
    let (mut left, mut came) = (HashSet::new(), HashSet::new());
    for (i, j) in moved {
        let (own, there) = (above(old, i), above(new, j));
        let lines = |all: &[(usize, String)]| all.iter().map(|(_, line)| line.clone()).collect::<Vec<_>>();
        let along = &there[..own.len().min(there.len())];
        if lines(&own) != lines(along) {
            wrong.push("the comments above a moved instruction did not go with it".to_owned());
        }
        left.extend(own.iter().map(|(at, _)| *at));
        came.extend(along.iter().map(|(at, _)| *at));
    }
    let (mut kept, mut are) = (rest(old, &gone, &left), rest(new, &put, &came));
    for lines in [&mut kept, &mut are] {
        lines.retain(|line| stays(line));
    }
    are = less_apart(&kept, &are, &alone(old, &gone, &left, stays));
    for lines in [&mut kept, &mut are] {
        // With the last instruction or comment the blank lines above it go.
        while lines.pop_if(|line| line.is_empty()).is_some() {}
    }
    if kept != are {
        let first = kept.iter().zip(&are).position(|(a, b)| a != b).unwrap_or(kept.len().min(are.len()));
        wrong.push(format!(
            "a line that nothing touches differs: {:?} becomes {:?}",
            kept.get(first),
            are.get(first)
        ));
    }
    wrong
}

/// The comments right above instructions that go, which stay themselves.
fn alone(
    side: &Side<'_>,
    gone: &HashSet<usize>,
    left: &HashSet<usize>,
    stays: impl Fn(&str) -> bool,
) -> HashSet<String> {
    let last = |&i: &usize| {
        let mut all = comments_above(side, i).into_iter().filter(|(_, line)| stays(line));
        all.next().filter(|(at, _)| !left.contains(at))
    };
    gone.iter().filter_map(last).map(|(_, line)| line).collect()
}

/// The lines after without the blank one that keeps such a comment apart from what stands below now.
fn less_apart(kept: &[String], are: &[String], alone: &HashSet<String>) -> Vec<String> {
    let blank =
        |lines: &[String], from: usize| lines.iter().skip(from).take_while(|line| line.is_empty()).count();
    let mut less: Vec<String> = Vec::new();
    for (at, line) in are.iter().enumerate() {
        let below = less.last().is_some_and(|above| alone.contains(above.trim_end()));
        if !(below && line.is_empty() && blank(are, at) == blank(kept, less.len()) + 1) {
            less.push(line.clone());
        }
    }
    less
}

/// The lines of a side without those of some instructions and some comments, these given as items.
fn rest(side: &Side<'_>, without: &HashSet<usize>, comments: &HashSet<usize>) -> Vec<String> {
    let items = side.tree.items.iter().enumerate();
    let kept = items.filter(|(at, item)| match item.kind {
        ItemKind::Instruction(i) => !without.contains(&i),
        _ => !comments.contains(at),
    });
    let mut lines: Vec<String> = kept.map(|(_, item)| side.text[item.span.range()].to_owned()).collect();
    // Whether the last line has a newline is asked for the whole file.
    if let Some(last) = lines.last_mut() {
        last.truncate(last.trim_end_matches(['\r', '\n']).len());
    }
    lines.retain(|line| !line.is_empty());
    for line in &mut lines {
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
    }
    lines
}

/// The comments that touch an instruction from above: the item and the line.
fn comments_above(side: &Side<'_>, instruction: usize) -> Vec<(usize, String)> {
    let items = &side.tree.items;
    let at = items.iter().position(|item| item.kind == ItemKind::Instruction(instruction));
    let above = items[..at.unwrap_or(0)].iter().enumerate().rev();
    above
        .take_while(|(_, item)| item.kind == ItemKind::Comment)
        .map(|(at, item)| (at, side.text[item.span.range()].trim_end().to_owned()))
        .collect()
}

/// What two other parsers accepted they still accept.
fn others(before: &str, after: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if dockerfile_parser::Dockerfile::parse(before).is_ok()
        && let Err(error) = dockerfile_parser::Dockerfile::parse(after)
    {
        wrong.push(format!("dockerfile-parser no longer accepts it: {error}"));
    }
    if parse_dockerfile::parse(before).is_ok()
        && let Err(error) = parse_dockerfile::parse(after)
    {
        wrong.push(format!("parse-dockerfile no longer accepts it: {error}"));
    }
    wrong
}

#[cfg(test)]
mod tests;
