//! Makes a disagreement small: leaves out what does not matter to it, for as long as model and builder disagree.

use std::fmt::Write as _;

use super::{
    compare::judge,
    engine::Bench,
    pair::{Entry, Pair},
};

/// So many builds of two sides are worth it.
const TRIES: usize = 80;

/// The smallest pair that is found on which they disagree still.
pub(super) fn shrink(bench: &Bench, pair: Pair) -> Pair {
    let mut small = pair;
    let mut left = TRIES;
    loop {
        let before = small.clone();
        for candidate in candidates(&before) {
            if left == 0 {
                return small;
            }
            left -= 1;
            let still = bench
                .build(&candidate)
                .is_ok_and(|answers| !judge(&candidate, bench.builder, &answers).differ.is_empty());
            if still {
                small = candidate;
                break;
            }
        }
        if small == before {
            return small;
        }
    }
}

/// The pair without one thing each, the largest first.
fn candidates(pair: &Pair) -> Vec<Pair> {
    let mut all = Vec::new();
    let mut try_one = |change: &dyn Fn(&mut Pair)| {
        let mut candidate = pair.clone();
        change(&mut candidate);
        if candidate.before != pair.before || candidate.after != pair.after {
            all.push(candidate);
        }
    };
    // A disagreement about the first build needs no second.
    try_one(&|pair| pair.after = pair.before.clone());
    try_one(&|pair| pair.after.tree = pair.before.tree.clone());
    try_one(&|pair| pair.after.args = pair.before.args.clone());
    try_one(&|pair| pair.after.lines = pair.before.lines.clone());
    try_one(&|pair| {
        pair.after.target.clone_from(&pair.before.target);
        pair.after.no_cache = pair.before.no_cache;
        pair.after.anew.clone_from(&pair.before.anew);
    });
    try_one(&|pair| {
        pair.before.target = None;
        pair.after.target = None;
    });
    for line in &pair.before.lines {
        let in_both = pair.after.lines.contains(line);
        if in_both && line != "COPY nonce /nonce" {
            try_one(&|pair| {
                for side in [&mut pair.before, &mut pair.after] {
                    let at = side.lines.iter().position(|other| other == line);
                    side.lines.remove(at.expect("it is in both"));
                }
            });
        }
    }
    for line in pair.after.lines.iter().filter(|line| !pair.before.lines.contains(line)) {
        try_one(&|pair| pair.after.lines.retain(|other| other != line));
    }
    for (path, entry) in pair.after.tree.iter().filter(|(path, _)| *path != "nonce") {
        let old = pair.before.tree.get(path);
        if old == Some(entry) {
            try_one(&|pair| {
                pair.before.tree.remove(path);
                pair.after.tree.remove(path);
            });
        } else {
            try_one(&|pair| {
                match old {
                    Some(old) => pair.after.tree.insert(path.clone(), old.clone()),
                    None => pair.after.tree.remove(path),
                };
            });
        }
    }
    for name in pair.before.args.keys().chain(pair.after.args.keys()) {
        try_one(&|pair| {
            pair.before.args.remove(name);
            pair.after.args.remove(name);
        });
    }
    all
}

/// For people.
pub(super) fn show(pair: &Pair) -> String {
    let mut out = format!("change: {:?}\n", pair.change);
    for (name, side) in [("before", &pair.before), ("after", &pair.after)] {
        if name == "after" && side.lines == pair.before.lines {
            let _ = writeln!(out, "after: the same lines");
        } else {
            let _ = writeln!(out, "{name}:\n{}", side.dockerfile().trim_end());
        }
        let _ = writeln!(
            out,
            "  args {:?} target {:?} no_cache {} anew {:?}",
            side.args, side.target, side.no_cache, side.anew
        );
        for (path, entry) in &side.tree {
            if name == "after" && pair.before.tree.get(path) == Some(entry) {
                continue;
            }
            let _ = match entry {
                Entry::File { text, mode, time } => writeln!(out, "  {path} {mode:o} {time} {text:?}"),
                Entry::Link { to } => writeln!(out, "  {path} -> {to}"),
                Entry::Dir { mode } => writeln!(out, "  {path}/ {mode:o}"),
            };
        }
        for path in pair.before.tree.keys().filter(|path| name == "after" && !side.tree.contains_key(*path)) {
            let _ = writeln!(out, "  {path} is gone");
        }
    }
    out
}
