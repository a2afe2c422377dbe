//! Many random contexts, ignore files and COPYs, on request: `UNSTALE_RANDOM=<how many>`, `UNSTALE_SEED=<from where>`.

use std::fmt::Write as _;
use std::fs;

use super::image::{Bench, Said};
use super::plant;
use crate::support::{Builder, Dice, Engine, on_real_engines};

on_real_engines!(random_contexts_agree);

fn any_path(dice: &mut Dice, depth: usize) -> String {
    let parts: Vec<&str> = (0..=dice.roll(depth)).map(|_| dice.pick(&["a", "b", "c", "d.x", ".e"])).collect();
    parts.join("/")
}

fn any_pattern(dice: &mut Dice) -> String {
    let parts: Vec<&str> = (0..=dice.roll(3))
        .map(|_| dice.pick(&["a", "b", "c", "d.x", "*", "?", "*.x", "[a-b]", "[^a]", ".*", "**", "a*"]))
        .collect();
    parts.join("/")
}

fn case(dice: &mut Dice, builder: Builder, new: bool) -> (Vec<(String, Option<String>)>, String, String) {
    let mut tree: Vec<(String, Option<String>)> = Vec::new();
    for number in 0..8 + dice.roll(10) {
        let path = any_path(dice, 4);
        let clash = tree.iter().any(|(other, _)| {
            other == &path || other.starts_with(&format!("{path}/")) || path.starts_with(&format!("{other}/"))
        });
        if clash {
            continue;
        }
        let up = "../".repeat(path.matches('/').count());
        let link = (number > 5 && dice.roll(4) == 0).then(|| format!("{up}{}", any_path(dice, 3)));
        tree.push((path, link));
    }
    let mut ignore = String::new();
    for _ in 0..dice.roll(5) {
        // Where the others differ is named in `IGNORES`.
        let keep = if dice.roll(3) == 0 && new { "!" } else { "" };
        writeln!(ignore, "{keep}{}", any_pattern(dice)).unwrap();
    }
    let mut dockerfile = String::from("FROM scratch AS one\n");
    for number in 0..2 + dice.roll(6) {
        let dest = match dice.roll(6) {
            0 => format!("/k{number}"),
            1 => "/same/".to_owned(),
            2 => "/same".to_owned(),
            3 => "/same/a".to_owned(),
            4 => ".".to_owned(),
            _ => format!("/k{number}/"),
        };
        // A pattern, or what surely is there: a missing source would end the build.
        let source = match dice.roll(4) {
            0 => ".".to_owned(),
            // `**` is a `*` here, and one engine's BuildKit fails on a file in the place of a folder.
            1 if builder == Builder::BuildKit => dice.pick(&["a*", "*", "?", "[^a]", "*.x"]).to_owned(),
            _ => {
                let (path, link) = &tree[dice.roll(tree.len())];
                let end = path.rfind('/').filter(|_| dice.roll(2) == 0).unwrap_or(path.len());
                let named = &path[..end];
                if builder == Builder::BuildKit {
                    // As a pattern it may be ignored, broken or missing, and the build goes on.
                    format!("{}[{}]", &named[..end - 1], &named[end - 1..])
                } else if link.is_some() && end == path.len() {
                    ".".to_owned()
                } else {
                    named.to_owned()
                }
            }
        };
        writeln!(dockerfile, "COPY {source} {dest}").unwrap();
        if dice.roll(5) == 0 {
            writeln!(dockerfile, "WORKDIR {}", dice.pick(&["/same", "w", "/"])).unwrap();
        }
    }
    (tree, ignore, dockerfile)
}

fn random_contexts_agree(engine: Engine, builder: Builder) {
    let number = |name: &str| Some(std::env::var(name).ok()?.parse::<u64>().expect("a number"));
    let Some(cases) = number("UNSTALE_RANDOM") else {
        return crate::support::skipped("UNSTALE_RANDOM gives no number of contexts");
    };
    let seed = number("UNSTALE_SEED").unwrap_or(1);
    let (mut agree, mut refused, mut unknown, mut bad) = (0, 0, 0, Vec::new());
    let name = format!("{}-{builder:?}", engine.name);
    let bench = Bench::new(engine, builder);
    for round in 0..cases {
        let mut dice = Dice::new(seed + round);
        let (tree, ignore, dockerfile) = case(&mut dice, builder, bench.is_new());
        let _ = fs::remove_dir_all(bench.context());
        fs::create_dir(bench.context()).unwrap();
        let planted: Vec<(&str, Option<&str>)> =
            tree.iter().map(|(path, link)| (path.as_str(), link.as_deref())).collect();
        plant(&bench.context(), &planted);
        fs::write(bench.context().join(".dockerignore"), &ignore).unwrap();
        match bench.try_compare(&dockerfile) {
            Err(_) => refused += 1,
            Ok(Said { agree: here, unknown: open, disagree }) => {
                agree += here;
                unknown += open;
                if !disagree.is_empty() {
                    bad.push(format!(
                        "seed {}\n{tree:?}\n{ignore}--\n{dockerfile}{disagree:?}",
                        seed + round
                    ));
                }
            }
        }
    }
    say!(
        "{name}: {cases} contexts, {refused} refused, {agree} files agree, {unknown} unknown, {} differ",
        bad.len()
    );
    assert!(agree > 0, "every context is refused");
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
}
