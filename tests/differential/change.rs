//! Random changes: what happens between two builds of one project.

use super::{
    generate::{ARGS, Dialect, IGNORES, file, word},
    pair::{Entry, Side},
};
use crate::support::Dice;

/// One to three changes of a build, and what they are in words.
pub(super) fn some(dice: &mut Dice, before: &Side, dialect: Dialect) -> (Side, Vec<String>) {
    let mut after = before.clone();
    let mut said = Vec::new();
    if dice.chance(4) {
        return (after, vec!["nothing".to_owned()]);
    }
    for _ in 0..[1, 1, 1, 2, 2, 3][dice.roll(6)] {
        // Not every change can be made everywhere; so many tries find one.
        said.extend((0..20).find_map(|_| one(dice, &mut after, dialect)));
    }
    if after.lines != before.lines {
        after.time = 2;
    }
    (after, said)
}

fn one(dice: &mut Dice, side: &mut Side, dialect: Dialect) -> Option<String> {
    match dice.roll(100) {
        0..40 => in_tree(dice, side),
        40..46 => ignore(dice, side),
        46..58 => Some(argument(dice, side)),
        58..64 => command_line(dice, side, dialect),
        _ => in_text(dice, side, dialect),
    }
}

/// A file, link or folder of the tree; not the nonce.
fn path(dice: &mut Dice, side: &Side, wanted: fn(&Entry) -> bool) -> Option<String> {
    let paths: Vec<&String> = side
        .tree
        .iter()
        .filter(|(path, entry)| wanted(entry) && *path != "nonce" && *path != ".dockerignore")
        .map(|(path, _)| path)
        .collect();
    dice.some(&paths).map(|path| (*path).clone())
}

fn is_file(entry: &Entry) -> bool {
    matches!(entry, Entry::File { .. })
}

fn folders(side: &Side) -> Vec<String> {
    let mut all: Vec<String> =
        side.tree.keys().filter_map(|path| Some(path.rsplit_once('/')?.0.to_owned())).collect();
    all.extend(side.tree.iter().filter(|(_, e)| matches!(e, Entry::Dir { .. })).map(|(p, _)| p.clone()));
    all.sort();
    all.dedup();
    all
}

fn in_tree(dice: &mut Dice, side: &mut Side) -> Option<String> {
    match dice.roll(13) {
        0 | 1 => {
            let path = path(dice, side, is_file)?;
            let Some(Entry::File { text, time, .. }) = side.tree.get_mut(&path) else { return None };
            text.push_str("more\n");
            *time += 10;
            Some(format!("content of {path}"))
        }
        2 => same_size(dice, side, 10).map(|path| format!("content of {path}, same size")),
        3 => same_size(dice, side, 0).map(|path| format!("content of {path}, same size and time")),
        4 => {
            let path = path(dice, side, |entry| !matches!(entry, Entry::Dir { .. }))?;
            let entry = side.tree.remove(&path)?;
            let to = match path.rsplit_once('.') {
                Some((stem, end)) if !end.contains('/') => format!("{stem}2.{end}"),
                _ => format!("{path}2"),
            };
            side.tree.insert(to.clone(), entry);
            Some(format!("{path} renamed {to}"))
        }
        5 | 6 => {
            let mut all = folders(side);
            all.push(String::new());
            let folder = dice.some(&all)?.clone();
            let name = dice.pick(&["new.txt", "new.py", "new.log", "anew"]);
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let mut new = file(&word(dice));
            if let Entry::File { time, .. } = &mut new {
                *time = 20;
            }
            (side.tree.insert(path.clone(), new).is_none()).then(|| format!("new file {path}"))
        }
        7 => {
            let path = path(dice, side, |_| true)?;
            side.tree.remove(&path);
            Some(format!("{path} is gone"))
        }
        8 => {
            let path = path(dice, side, is_file)?;
            let Some(Entry::File { mode, .. }) = side.tree.get_mut(&path) else { return None };
            *mode = if *mode == 0o755 { 0o644 } else { 0o755 };
            Some(format!("mode of {path}"))
        }
        9 => {
            let folder = dice.some(&folders(side))?.clone();
            if let Some(Entry::Dir { mode }) = side.tree.get_mut(&folder) {
                *mode = 0o700;
            } else {
                side.tree.insert(folder.clone(), Entry::Dir { mode: 0o700 });
            }
            Some(format!("mode of the folder {folder}"))
        }
        10 => {
            let path = path(dice, side, is_file)?;
            let Some(Entry::File { time, .. }) = side.tree.get_mut(&path) else { return None };
            *time += 10;
            Some(format!("{path} touched"))
        }
        11 => {
            let path = path(dice, side, |entry| matches!(entry, Entry::Link { .. }))?;
            let to = dice.pick(&["top.txt", "other.txt", "main.py", "lib", "src", "../other.txt"]);
            side.tree.insert(path.clone(), Entry::Link { to: to.to_owned() });
            Some(format!("link {path} now leads to {to}"))
        }
        _ => {
            let folder = dice.some(&folders(side))?.clone();
            let path = format!("{folder}/hollow");
            side.tree.insert(path.clone(), Entry::Dir { mode: 0o755 });
            Some(format!("new empty folder {path}"))
        }
    }
}

fn same_size(dice: &mut Dice, side: &mut Side, later: u32) -> Option<String> {
    let path = path(dice, side, is_file)?;
    // Engine 20.10 goes on with the old patterns (and, with an equal stamp, the old Dockerfile), later ones do not: which
    // engine builds is not a thing that the model is told.
    if later == 0 && path.ends_with(".dockerignore") {
        return None;
    }
    let Some(Entry::File { text, time, .. }) = side.tree.get_mut(&path) else { return None };
    let start =
        text.find(|c: char| c.is_ascii_lowercase()).filter(|at| *at == 0 && !text.starts_with("tar:"))?;
    let next = if text.starts_with('z') { "w" } else { "z" };
    text.replace_range(start..=start, next);
    *time += later;
    Some(path)
}

fn ignore(dice: &mut Dice, side: &mut Side) -> Option<String> {
    let Some(Entry::File { text, time, .. }) = side.tree.get_mut(".dockerignore") else { return None };
    *time += 10;
    if dice.chance(30) && text.lines().count() > 2 {
        let at = text.trim_end().rfind('\n')?;
        text.truncate(at + 1);
        return Some("last line of .dockerignore gone".to_owned());
    }
    let line = dice.pick(IGNORES);
    text.push_str(line);
    text.push('\n');
    Some(format!("line {line:?} added to .dockerignore"))
}

fn argument(dice: &mut Dice, side: &mut Side) -> String {
    let name = if dice.chance(8) { "HTTP_PROXY" } else { dice.pick(&[ARGS, &["UNUSED"]].concat()) };
    if side.args.contains_key(name) && dice.chance(25) {
        side.args.remove(name);
        return format!("{name} is no longer passed");
    }
    let value = if dice.chance(10) { String::new() } else { format!("v{}", dice.roll(1000)) };
    side.args.insert(name.to_owned(), value.clone());
    format!("{name}={value} is passed")
}

fn command_line(dice: &mut Dice, side: &mut Side, dialect: Dialect) -> Option<String> {
    let names: Vec<String> = side.lines.iter().filter_map(|line| stage_name(line)).collect();
    match dice.roll(4) {
        0 if dice.chance(50) => {
            side.no_cache = true;
            Some("--no-cache".to_owned())
        }
        1 if dialect.new => {
            let name = dice.some(&names)?.clone();
            side.anew = vec![name.clone()];
            Some(format!("--no-cache-filter={name}"))
        }
        2 if side.target.is_some() => {
            side.target = None;
            Some("no --target any more".to_owned())
        }
        2 | 3 => {
            let name = dice.some(&names)?.clone();
            side.target = Some(name.clone());
            Some(format!("--target={name}"))
        }
        _ => None,
    }
}

/// The name that a FROM gives its stage.
pub(super) fn stage_name(line: &str) -> Option<String> {
    let rest = line.strip_prefix("FROM ")?;
    rest.split_once(" AS ").map(|(_, name)| name.to_owned())
}

fn is_root(line: &str) -> bool {
    line.starts_with("FROM ") || line == "COPY nonce /nonce"
}

/// Where a line may be put: below the nonce of a stage, so that no other pair has what comes before it.
fn places(side: &Side) -> Vec<usize> {
    let has_nonce = |at: usize| {
        let from = side.lines[..at].iter().rposition(|line| line.starts_with("FROM "))?;
        let known = side.lines[from..at].iter().any(|line| line == "COPY nonce /nonce");
        let child = side.lines[..from]
            .iter()
            .filter_map(|line| stage_name(line))
            .any(|name| side.lines[from].split(' ').nth(1) == Some(&name));
        (known || child).then_some(())
    };
    (1..=side.lines.len()).filter(|at| has_nonce(*at).is_some()).collect()
}

/// The instructions that may be changed.
fn free(side: &Side, starts: &[&str]) -> Vec<usize> {
    let wanted = |line: &str| starts.is_empty() || starts.iter().any(|start| line.starts_with(start));
    let lines = side.lines.iter().enumerate().filter(|(_, line)| !is_root(line) && wanted(line));
    lines.map(|(at, _)| at).collect()
}

fn in_text(dice: &mut Dice, side: &mut Side, dialect: Dialect) -> Option<String> {
    match dice.roll(19) {
        14 => flag(dice, side, dialect),
        15 => rename(dice, side),
        16 => mount(dice, side),
        17 => heredoc(dice, side),
        18 => base(dice, side),
        0 => {
            let at = *dice.some(&places(side))?;
            side.lines.insert(at, "# a comment".to_owned());
            Some("a comment".to_owned())
        }
        1 => {
            let at = *dice.some(&free(side, &[]))?;
            let (word, rest) = side.lines[at].split_once(' ')?;
            side.lines[at] = format!("{} {rest}", word.to_lowercase());
            Some(format!("lower case: {:?}", side.lines[at]))
        }
        2 => {
            let at = *dice.some(&free(side, &[]))?;
            let (word, rest) = side.lines[at].split_once(' ')?;
            side.lines[at] = format!("{word}   {rest}");
            Some(format!("spaces: {:?}", side.lines[at]))
        }
        3 | 4 => {
            let at = *dice.some(&free(side, &["RUN"]))?;
            let line = &side.lines[at];
            if line.contains("<<") || line.contains('[') {
                let changed = line.replacen("echo ", "echo 2", 1);
                (changed != *line).then(|| side.lines[at] = changed)?;
            } else {
                side.lines[at].push_str(" && true");
            }
            Some(format!("command: {:?}", side.lines[at]))
        }
        5..8 => {
            let at = *dice.some(&places(side))?;
            let line = dice.pick(&[
                "ENV NEW=1",
                "ENV A=alpha",
                "LABEL new=1",
                "WORKDIR /new",
                "WORKDIR new",
                "WORKDIR /",
                "ARG NEW",
                "ARG NEW=1",
                "ARG X",
                "EXPOSE 99",
                "VOLUME /new",
                "USER 0:0",
                "CMD new",
                "SHELL [\"/bin/sh\", \"-c\"]",
                "SHELL [\"/bin/sh\", \"-uc\"]",
                "COPY top.txt /new.txt",
                "COPY lib /new",
            ]);
            side.lines.insert(at, line.to_owned());
            Some(format!("new line {line:?}"))
        }
        8 => {
            let at = *dice.some(&free(side, &[]))?;
            Some(format!("gone: {:?}", side.lines.remove(at)))
        }
        9 => {
            let lines = free(side, &[]);
            let at = *dice.some(&lines)?;
            if !lines.contains(&(at + 1)) {
                return None;
            }
            side.lines.swap(at, at + 1);
            Some(format!("swapped: {:?} and {:?}", side.lines[at], side.lines[at + 1]))
        }
        10 => destination(dice, side),
        11 => source(dice, side),
        12 => {
            let at = *dice.some(&free(side, &["ENV", "LABEL", "ARG"]))?;
            side.lines[at].push('1');
            Some(format!("value: {:?}", side.lines[at]))
        }
        _ => {
            let at = *dice.some(&free(side, &["RUN echo", "LABEL", "RUN true", "ENV"]))?;
            let line = side.lines[at].clone();
            side.lines.insert(at, line.clone());
            Some(format!("doubled: {line:?}"))
        }
    }
}

/// A flag of a COPY or ADD is new, other or gone.
fn flag(dice: &mut Dice, side: &mut Side, dialect: Dialect) -> Option<String> {
    let at = *dice.some(&free(side, &["COPY", "ADD"]))?;
    let words: Vec<&str> = side.lines[at].split(' ').collect();
    let old = words.iter().position(|word| word.starts_with("--ch"));
    let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let mut flags = vec!["--chown=9:9", "--chown=0:0", "--chown=0"];
    if dialect.kit {
        flags.extend(["--chmod=700", "--chmod=0644"]);
    }
    match old {
        Some(old) if dice.chance(40) => drop(words.remove(old)),
        Some(old) => dice.pick(&flags).clone_into(&mut words[old]),
        None => words.insert(1, dice.pick(&flags).to_owned()),
    }
    side.lines[at] = words.join(" ");
    Some(format!("flag: {:?}", side.lines[at]))
}

/// A stage has another name, wherever it is named.
fn rename(dice: &mut Dice, side: &mut Side) -> Option<String> {
    let names: Vec<String> = side.lines.iter().filter_map(|line| stage_name(line)).collect();
    let name = dice.some(&names)?.clone();
    if side.lines.iter().any(|line| line.starts_with("ARG PICK")) {
        return None;
    }
    for line in &mut side.lines {
        let line = &mut *line;
        for (before, after) in [(" AS ", ""), ("--from=", " "), ("from=", ","), ("FROM ", "")] {
            let (old, new) = (format!("{before}{name}{after}"), format!("{before}renamed{after}"));
            let ends = after.is_empty() && line.ends_with(&old);
            if ends || (!after.is_empty() && line.contains(&old)) || line.starts_with(&format!("{old} ")) {
                *line = line.replacen(&old, &new, 1);
            }
        }
    }
    if side.target.as_ref() == Some(&name) {
        side.target = Some("renamed".to_owned());
    }
    for other in side.anew.iter_mut().filter(|other| **other == name) {
        "renamed".clone_into(other);
    }
    Some(format!("stage {name} is renamed"))
}

/// A mount of a RUN says something else.
fn mount(dice: &mut Dice, side: &mut Side) -> Option<String> {
    let at = *dice.some(&free(side, &["RUN --mount"]))?;
    let (old, new) = *dice.some(&[
        ("target=/c", "target=/cc"),
        ("target=/c", "id=other,target=/c"),
        (",sharing=locked", ""),
        (",rw", ""),
        ("source=src", "source=./src"),
        ("source=top.txt", "source=/top.txt"),
        ("target=/t ", "target=/tt "),
        ("type=bind,", ""),
        ("target=/m", "readonly,target=/m"),
    ])?;
    let line = side.lines[at].replacen(old, new, 1);
    (line != side.lines[at]).then(|| side.lines[at] = line)?;
    Some(format!("mount: {:?}", side.lines[at]))
}

/// The delimiter of a heredoc has another name, or the text is another.
fn heredoc(dice: &mut Dice, side: &mut Side) -> Option<String> {
    let all: Vec<usize> =
        side.lines.iter().enumerate().filter(|(_, l)| l.contains("<<")).map(|(at, _)| at).collect();
    let at = *dice.some(&all)?;
    let line = &side.lines[at];
    let line = match dice.roll(3) {
        0 => line.replace("EOF", "DONE"),
        1 => line.replace("text ", "other ").replace("echo ", "echo 2"),
        _ => line.replace("<<EOF", "<<\"EOF\""),
    };
    (line != side.lines[at]).then(|| side.lines[at] = line)?;
    Some(format!("heredoc: {:?}", side.lines[at]))
}

/// A stage starts from what an earlier one starts from, or from that one.
fn base(dice: &mut Dice, side: &mut Side) -> Option<String> {
    let stages: Vec<usize> =
        (0..side.lines.len()).filter(|at| side.lines[*at].starts_with("FROM ")).collect();
    let at = *dice.some(&stages)?;
    // Only where the nonce comes next, the steps are of this pair whatever they start from.
    if side.lines.get(at + 1).is_none_or(|line| line != "COPY nonce /nonce") {
        return None;
    }
    let earlier: Vec<String> = side.lines[..at].iter().filter_map(|line| stage_name(line)).collect();
    let name = dice.some(&earlier)?;
    let words: Vec<&str> = side.lines[at].split(' ').collect();
    let line = format!("FROM {name} {}", words[2..].join(" "));
    line.trim_end().clone_into(&mut side.lines[at]);
    Some(format!("base: {:?}", side.lines[at]))
}

/// The destination of a COPY or ADD is spelt otherwise.
fn destination(dice: &mut Dice, side: &mut Side) -> Option<String> {
    let at = *dice.some(&free(side, &["COPY", "ADD"]))?;
    let line = &side.lines[at];
    let changed = match line.strip_suffix('/') {
        Some(bare) => bare.to_owned(),
        None => format!("{line}/"),
    };
    (!line.contains("<<") && !line.contains('[')).then(|| side.lines[at] = changed)?;
    Some(format!("destination: {:?}", side.lines[at]))
}

/// The source of a COPY or ADD is spelt otherwise.
fn source(dice: &mut Dice, side: &mut Side) -> Option<String> {
    let at = *dice.some(&free(side, &["COPY", "ADD"]))?;
    let line = side.lines[at].clone();
    let mut words: Vec<&str> = line.split(' ').collect();
    let source = words.iter().skip(1).position(|word| !word.starts_with("--"))? + 1;
    if line.contains("<<") || line.contains('[') || line.contains("--from") || words[source] == "." {
        return None;
    }
    let spelt = match words[source].strip_prefix("./") {
        Some(bare) => bare.to_owned(),
        None => format!("./{}", words[source]),
    };
    words[source] = &spelt;
    side.lines[at] = words.join(" ");
    Some(format!("source: {:?}", side.lines[at]))
}
