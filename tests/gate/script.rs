//! How scripts and ignore files may differ after fixes: the lines without the few words that the rules put in are the
//! lines of before.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::LazyLock,
};

use regex::Regex;

/// What the rules about scripts put in: rule, pattern of it, what stood there before.
static PUT: LazyLock<Vec<(&str, Regex, &str)>> = LazyLock::new(|| {
    let one = |rule, pattern: &str, old| (rule, Regex::new(pattern).expect("it is well formed"), old);
    vec![
        one("unguarded-step", r"(?m)^[ \t]*(?:- )?set -[euo]+(?: pipefail)?\r?\n", ""),
        one("unguarded-step", r"(?m)^([ \t]*(?:- )?set -[a-z]*e[a-z]*?)o pipefail", "$1"),
        one("unguarded-step", r" ?&&", ";"),
        one(
            "no-cache-alone",
            r"(?m)^[ \t]*(?:- |@)?docker builder prune --force --filter type=source\.local\r?\n",
            "",
        ),
        one("no-cache-alone", r"docker builder prune --force --filter type=source\.local && ", ""),
        one("up-without-build", r" --build\b", ""),
        one("kept-container", r" --force-recreate\b", ""),
        one("kept-container", r" -V\b", ""),
        one("restart-after-build", r"\bup -d\b", "restart"),
        one("restart-after-build", r"\bstart\b", "restart"),
    ]
});

/// What is wrong with a script after the fixes of these rules.
pub(super) fn judge(path: &str, before: &str, after: &str, rules: &[&'static str]) -> Vec<String> {
    let mut wrong = super::judge::ends(before, after);
    let plain = |text: &str| {
        let own = PUT.iter().filter(|(rule, _, _)| rules.contains(rule));
        own.fold(text.to_owned(), |text, (_, pattern, old)| pattern.replace_all(&text, *old).into_owned())
    };
    if plain(before) != plain(after) {
        wrong.push(format!("differs in more than what {rules:?} put in"));
    }
    if ["yml", "yaml"].iter().any(|end| path.ends_with(end)) {
        if super::compose::load(before).is_ok()
            && let Err(error) = super::compose::load(after)
        {
            wrong.push(format!("serde_yaml no longer reads it: {error}"));
        }
    } else if [".sh", ".bash"].iter().any(|end| path.ends_with(end)) && accepts(before) && !accepts(after) {
        wrong.push("bash no longer reads it".to_owned());
    }
    wrong
}

/// Whether bash parses a text.
fn accepts(text: &str) -> bool {
    let bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut bash) = bash else { return true };
    let written = bash.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let ended = bash.wait().is_ok_and(|status| status.success());
    ended || written.is_none_or(|w| w.is_err())
}

/// Lines that the rules add to an ignore file.
const LINES: [&str; 8] = [
    ".git",
    "**/target",
    "**/obj",
    "**/*.tsbuildinfo",
    "**/.next",
    "build",
    "**/node_modules",
    "**/__pycache__",
];

/// What is wrong with an ignore file: all of it stays, and known lines follow.
pub(super) fn ignore(before: &str, after: &str) -> Vec<String> {
    let mut wrong = super::judge::ends(before, after);
    let known = |rest: &str| rest.lines().filter(|line| !line.is_empty()).all(|line| LINES.contains(&line));
    match after.strip_prefix(before) {
        Some(rest) if known(rest) => {}
        Some(rest) => wrong.push(format!("gets lines that no rule adds: {rest:?}")),
        None => wrong.push("its own lines changed".to_owned()),
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::{ignore, judge};

    #[test]
    fn what_a_rule_may_do_is_explained_and_nothing_else() {
        let old = "#!/bin/bash\ngit pull; docker compose build --no-cache\ndocker compose restart\n";
        let cases: &[(String, &[&str], bool)] = &[
            (old.replace("git", "set -e\ngit"), &["unguarded-step"], true),
            (old.replace("git", "set -x\ngit"), &["unguarded-step"], false),
            (old.replace("pull;", "pull &&"), &["unguarded-step"], true),
            (old.replace("pull;", "pull &&"), &["kept-container"], false),
            (old.replace("restart", "up -d"), &["restart-after-build"], true),
            (old.replace("restart", "up"), &["restart-after-build"], false),
            (old.trim_end().replace("restart", "up -d"), &["restart-after-build"], false),
            (old.replace("restart", "'"), &["restart-after-build"], false),
        ];
        for (after, rules, right) in cases {
            let wrong = judge("a.sh", old, after, rules);
            assert_eq!(wrong.is_empty(), *right, "{after}: {wrong:?}");
        }
        assert!(ignore("a\n", "a\n.git\n").is_empty() && ignore("a", "a\n.git").is_empty());
        assert!(!ignore("a\n", "a\n.gitx\n").is_empty() && !ignore("a", "a\n.git\n").is_empty());
    }
}
