//! The comments of other linters, honoured where a rule of ours has the name that they give to it.
//!
//! `# hadolint ignore=DL3007` and `# hadolint global ignore=…` (<https://github.com/hadolint/hadolint#inline-ignores>),
//! `# check=skip=StageNameCasing` (<https://docs.docker.com/reference/dockerfile/#check>) and `# shellcheck disable=SC2086`
//! (<https://www.shellcheck.net/wiki/Directive>). They are not ours, so one that silences nothing is nobody's business.

use std::collections::BTreeMap;

use super::allow::Lines;
use crate::{analysis::Facts, diag::Finding, rules, text::FileId};

/// How far a comment reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The instruction or line below it.
    Below,
    /// The whole file.
    File,
}

/// One comment.
#[derive(Debug, PartialEq, Eq)]
struct Pragma<'a> {
    /// The line that it stands on, from 1.
    line: usize,
    reach: Reach,
    /// What it names.
    names: Vec<&'a str>,
}

/// Removes the findings that a comment of another linter silences.
pub(super) fn apply(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let pragmas: BTreeMap<FileId, Vec<Pragma<'_>>> = facts
        .snapshot
        .files()
        .map(|(id, file)| (id, pragmas(&file.text)))
        .filter(|p| !p.1.is_empty())
        .collect();
    if pragmas.is_empty() {
        return;
    }
    let mut lines = Lines::new(facts);
    findings.retain(|finding| {
        let Some(all) = pragmas.get(&finding.at.file) else { return true };
        let aliases = rules::find(finding.rule).map_or(&[][..], |rule| rule.page.aliases());
        let mut named =
            all.iter().filter(|p| p.names.iter().any(|n| aliases.iter().any(|a| is(n, a)))).peekable();
        if named.peek().is_none() {
            return true;
        }
        let reach = lines.reach(finding);
        !named.any(|p| p.reach == Reach::File || reach.iter().any(|range| range.contains(&p.line)))
    });
}

/// Whether a name in a comment means the alias. `all` stands for every name of the tool whose comment it is.
fn is(name: &str, alias: &str) -> bool {
    match name {
        BUILDKIT_ALL => !is_numbered(alias),
        SHELLCHECK_ALL => alias.starts_with("SC") && is_numbered(alias),
        _ => name == alias,
    }
}

const BUILDKIT_ALL: &str = "check=skip=all";
const SHELLCHECK_ALL: &str = "disable=all";

/// `DL3007`, `SC2086`: a letter or two and a number, as BuildKit's names are not.
fn is_numbered(alias: &str) -> bool {
    alias.ends_with(|c: char| c.is_ascii_digit())
}

/// The comments of a file. Only whole lines count.
fn pragmas(text: &str) -> Vec<Pragma<'_>> {
    if !["hadolint", "shellcheck", "skip"].iter().any(|word| text.contains(word)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    // BuildKit reads directives until the first line that is none; ShellCheck's hold for all before the first command.
    let (mut directives, mut header) = (true, true);
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim_start_matches('\u{feff}').trim();
        let Some(comment) = line.strip_prefix('#').map(str::trim) else {
            directives = false;
            header &= line.is_empty();
            continue;
        };
        let read = if let Some(list) = hadolint(comment, "ignore") {
            Some((Reach::Below, split(list)))
        } else if let Some(list) = hadolint(comment, "global ignore") {
            Some((Reach::File, split(list)))
        } else if let Some(list) = comment.strip_prefix("shellcheck ") {
            Some((if header { Reach::File } else { Reach::Below }, shellcheck(list)))
        } else {
            check(comment).filter(|_| directives).map(|names| (Reach::File, names))
        };
        directives &= is_directive(comment) || (index == 0 && comment.starts_with('!'));
        found.extend(read.map(|(reach, names)| Pragma { line: index + 1, reach, names }));
    }
    found
}

/// What follows `hadolint <what> =`.
fn hadolint<'a>(comment: &'a str, what: &str) -> Option<&'a str> {
    let mut rest = comment.strip_prefix("hadolint")?;
    for word in what.split(' ') {
        rest = rest.strip_prefix([' ', '\t'])?.trim_start().strip_prefix(word)?;
    }
    rest.trim_start().strip_prefix('=')
}

/// `DL3007, DL3008 because …`: the names end with the first word that is followed by none.
fn split(list: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in list.split(',') {
        let mut words = part.split_whitespace();
        names.extend(words.next());
        if words.next().is_some() {
            break;
        }
    }
    names
}

/// The names after `disable=` among ShellCheck's directives.
fn shellcheck(directives: &str) -> Vec<&str> {
    let disabled = directives.split_whitespace().filter_map(|word| word.strip_prefix("disable="));
    let names = disabled.flat_map(|list| list.split(','));
    names.map(|name| if name == "all" { SHELLCHECK_ALL } else { name }).collect()
}

/// The names after `skip=` of BuildKit's `check` directive.
fn check(comment: &str) -> Option<Vec<&str>> {
    let (key, value) = comment.split_once('=')?;
    if !key.trim().eq_ignore_ascii_case("check") {
        return None;
    }
    let skips = value.split(';').filter_map(|part| part.trim().strip_prefix("skip="));
    let names = skips.flat_map(|list| list.split(',')).map(str::trim);
    Some(names.map(|name| if name == "all" { BUILDKIT_ALL } else { name }).collect())
}

/// `key=value`, as BuildKit's parser directives are written.
fn is_directive(comment: &str) -> bool {
    comment.split_once('=').is_some_and(|(key, _)| {
        !key.trim().is_empty() && key.trim().chars().all(|c| c.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, Reach, Vec<&str>)> {
        pragmas(text).into_iter().map(|p| (p.line, p.reach, p.names)).collect()
    }

    #[test]
    fn the_comments_of_three_linters_are_read() {
        use Reach::{Below, File};
        assert_eq!(
            read("\u{feff}# syntax=x\r\n# check=skip=StageNameCasing, FromAsCasing;error=true\r\nFROM x\r\n"),
            [(2, File, vec!["StageNameCasing", "FromAsCasing"])]
        );
        assert_eq!(read("# check=error=true;skip=all\n"), [(1, File, vec![BUILDKIT_ALL])]);
        assert_eq!(read("# a comment ends it\n# check=skip=StageNameCasing\n"), []);
        assert_eq!(read("\n# check=skip=StageNameCasing\n"), []);
        assert_eq!(
            read(
                "# hadolint global ignore=DL3003,DL3006\nFROM x\n#hadolint  ignore = DL3007 , DL3008 pinned, DL1\nRUN x"
            ),
            [(1, File, vec!["DL3003", "DL3006"]), (3, Below, vec!["DL3007", "DL3008"])]
        );
        assert_eq!(
            read(
                "#!/bin/sh\n# shellcheck shell=sh disable=SC2086,SC2046\n\necho\n  # shellcheck disable=all\necho\n"
            ),
            [(2, File, vec!["SC2086", "SC2046"]), (5, Below, vec![SHELLCHECK_ALL])]
        );
        assert_eq!(read("RUN echo # hadolint ignore=DL3007\n# hadolint ignores\n# hadolint\n"), []);
    }

    #[test]
    fn all_means_the_names_of_its_tool() {
        assert!(is(BUILDKIT_ALL, "StageNameCasing") && !is(BUILDKIT_ALL, "DL3007"));
        assert!(is(SHELLCHECK_ALL, "SC2086") && !is(SHELLCHECK_ALL, "DL3007"));
        assert!(is("DL3007", "DL3007") && !is("all", "DL3007"));
    }
}
