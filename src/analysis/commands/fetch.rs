//! Fetches from the network, and whether what they get can move while the command stays the same (mechanism S07).

use super::{Call, install::pip_arguments, paths};
use crate::{
    analysis::names::is_digest,
    syntax::shell::{Command, Word},
    text::Span,
};

/// Whether what is fetched can change under the same command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moves {
    /// It follows something: a branch, `latest`, an install script. The text says what.
    Yes(String),
    /// A version or commit in the command, or a variable that selects one.
    No,
    /// Nothing in the command tells.
    Unknown,
}

/// A fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// What is fetched, as written.
    pub what: String,
    /// Whether it can move.
    pub moves: Moves,
    /// Whether a later `git checkout` of a pinned ref can pin it.
    pub is_clone: bool,
    /// Variables in the command.
    pub variables: Vec<String>,
    /// The command.
    pub span: Span,
}

impl Fetch {
    /// Whether it may bring data that moves: nothing in the command tells, and it is no clone (a branch or a tag), no
    /// key and no signature.
    pub fn may_be_data(&self) -> bool {
        const FIXED: [&str; 6] = [".asc", ".gpg", ".key", ".pub", ".pem", ".sig"];
        let path = self.what.split(['?', '#']).next().unwrap_or_default();
        self.moves == Moves::Unknown && !self.is_clone && !FIXED.iter().any(|end| path.ends_with(end))
    }
}

/// What the command fetches; `shell` is the shell that runs its output.
pub(super) fn fetch(call: &Call<'_>, shell: Option<&Command>) -> Option<Fetch> {
    let (what, moves, is_clone) = match call.program() {
        "git" => git(call)?,
        "curl" | "wget" => download(call, shell)?,
        "npm" | "pnpm" | "yarn" | "bun" | "npx" | "bunx" => node(call)?,
        "go" | "xx-go" => go(call)?,
        "cargo" | "xx-cargo" => cargo(call)?,
        _ => pip(call)?,
    };
    Some(Fetch { what, moves, is_clone, variables: call.variables(), span: call.span })
}

/// `git checkout REF`, `git reset --hard REF`, `git switch --detach REF` where REF is a commit, a tag, a variable or a
/// name that may be a tag.
pub(super) fn pins(call: &Call<'_>) -> Option<Vec<String>> {
    if call.program() != "git" {
        return None;
    }
    let mut plain = git_words(call);
    let verb = plain.next()?;
    if !matches!(verb, "checkout" | "reset" | "switch") {
        return None;
    }
    let targets: Vec<&str> = plain.collect();
    let new_branch = call.args().any(|a| matches!(a, "-b" | "-B" | "-c" | "-C" | "--orphan"));
    let pins = |target: &&str| {
        let name = target.strip_prefix("origin/").unwrap_or(target);
        pinned(name) || name.contains('$') || !(new_branch || name == "." || is_moving_name(name))
    };
    targets.iter().any(pins).then(|| call.variables())
}

/// The words of a git call without global options (`-C dir`, `-c x=y`).
fn git_words<'a>(call: &Call<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let mut words = Vec::new();
    let mut skip = false;
    for arg in call.args() {
        if skip {
            skip = false;
        } else if words.is_empty() && matches!(arg, "-C" | "-c") {
            skip = true;
        } else if !arg.starts_with('-') {
            words.push(arg);
        }
    }
    words.into_iter()
}

fn git(call: &Call<'_>) -> Option<(String, Moves, bool)> {
    let verb = git_words(call).next()?;
    match verb {
        "clone" => {
            let url = call.args().find(|a| is_url(a) || a.contains('$') && !a.starts_with('-'))?;
            let branch = option(call, &["-b", "--branch", "--revision"]);
            let moves = match branch {
                Some(branch) if branch.contains('$') || pinned(branch) => Moves::No,
                Some(branch) if is_moving_name(branch) => Moves::Yes(format!("branch `{branch}`")),
                None if is_url(url) => Moves::Yes("the default branch".to_owned()),
                // A branch or a tag: nothing tells which.
                Some(_) | None => Moves::Unknown,
            };
            Some((url.to_owned(), moves, true))
        }
        "pull" => Some(("git pull".to_owned(), Moves::Yes("a branch".to_owned()), true)),
        _ => None,
    }
}

fn download(call: &Call<'_>, shell: Option<&Command>) -> Option<(String, Moves, bool)> {
    let url = call.args().find(|a| is_url(a))?;
    let path = url_path(url);
    // A version in the file's own name wins over `stable` or `master` in a folder above it.
    let name = paths::base_name(path);
    let versioned = pinned(name) || is_version_line(name) || shell.is_some_and(selects_version);
    let moves = if url.contains('$') || versioned {
        Moves::No
    } else if let Some(part) =
        path.split(['/', '?', '=', '&']).find(|part| is_moving_name(strip_suffix(part)))
    {
        Moves::Yes(format!("`{part}`"))
    } else if path.split('/').any(pinned) {
        Moves::No
    } else if shell.is_some() {
        Moves::Yes("what the server gives today".to_owned())
    } else {
        Moves::Unknown
    };
    Some((url.to_owned(), moves, false))
}

/// `setup_22.x`: a line of versions is chosen, as an index of packages chooses one.
fn is_version_line(name: &str) -> bool {
    name.as_bytes().windows(3).any(|w| w[0].is_ascii_digit() && w[1] == b'.' && matches!(w[2], b'x' | b'X'))
}

/// Whether the shell that runs an install script gives it a version: `| sh -s -- v1.2`, `| VERSION=1.2 sh`.
fn selects_version(shell: &Command) -> bool {
    let names_version = |word: &Word| {
        let named = |name: &String| {
            name.to_ascii_uppercase()
                .split('_')
                .any(|part| matches!(part, "VERSION" | "VER" | "TAG" | "REF" | "COMMIT"))
        };
        pinned(word.raw.trim_matches(['"', '\''])) || word.variables.iter().any(named)
    };
    let value =
        |word: &Word| word.raw.split_once('=').is_some_and(|(_, v)| pinned(v.trim_matches(['"', '\''])));
    // A URL in the words is the script's own, `sh -c "$(curl …)"`.
    shell.words.iter().skip(1).filter(|w| !w.raw.contains("://")).any(names_version)
        || shell.assignments.iter().any(|w| value(w) || names_version(w))
}

fn node(call: &Call<'_>) -> Option<(String, Moves, bool)> {
    let (package, tag) = call
        .plain()
        .find_map(|a| ["latest", "next"].into_iter().find(|tag| is_tagged(a, tag)).map(|tag| (a, tag)))?;
    Some((package.to_owned(), Moves::Yes(format!("`{tag}`")), false))
}

fn is_tagged(package: &str, tag: &str) -> bool {
    package.strip_suffix(tag).is_some_and(|p| p.len() > 1 && p.ends_with('@'))
}

fn go(call: &Call<'_>) -> Option<(String, Moves, bool)> {
    if !matches!(call.text(1), "install" | "get" | "run") {
        return None;
    }
    let module = call.plain().find(|a| a.contains('@'))?;
    let version = module.rsplit_once('@')?.1;
    let moves = if version.contains('$') || pinned(version) {
        Moves::No
    } else if is_moving_name(version) {
        Moves::Yes(format!("`{version}`"))
    } else {
        Moves::Unknown
    };
    Some((module.to_owned(), moves, false))
}

fn cargo(call: &Call<'_>) -> Option<(String, Moves, bool)> {
    let url = option(call, &["--git"])?;
    let pinned_by = option(call, &["--rev", "--tag"]);
    let moves = if pinned_by.is_some() {
        Moves::No
    } else {
        Moves::Yes(
            option(call, &["--branch"]).map_or("the default branch".to_owned(), |b| format!("branch `{b}`")),
        )
    };
    Some((url.to_owned(), moves, false))
}

fn pip(call: &Call<'_>) -> Option<(String, Moves, bool)> {
    let at = pip_arguments(call)?;
    let what = (at..call.words.len()).map(|i| call.text(i)).find(|a| {
        a.contains("git+") || (is_url(a) && !call.args().any(|o| o == "-i" || o.ends_with("index-url")))
    })?;
    let address = what.split_once("git+").map_or(what, |(_, rest)| rest);
    let address = address.split('#').next().unwrap_or(address);
    if !what.contains("git+") {
        let moving = url_path(address).split('/').find(|p| is_moving_name(strip_suffix(p)));
        return Some((
            what.to_owned(),
            moving.map_or(Moves::Unknown, |p| Moves::Yes(format!("`{p}`"))),
            false,
        ));
    }
    let reference = url_path(address).rsplit_once('@').map(|(_, r)| r);
    let moves = match reference {
        None if what.contains('$') => Moves::Unknown,
        None => Moves::Yes("the default branch".to_owned()),
        Some(r) if r.contains('$') || pinned(r) => Moves::No,
        Some(r) if is_moving_name(r) => Moves::Yes(format!("branch `{r}`")),
        Some(_) => Moves::Unknown,
    };
    Some((what.to_owned(), moves, false))
}

/// The value of the first of these options: `-b x`, `--branch x`, `--branch=x`.
fn option<'a>(call: &Call<'a>, names: &[&str]) -> Option<&'a str> {
    (1..call.words.len()).find_map(|i| {
        let arg = call.text(i);
        if names.contains(&arg) {
            return (i + 1 < call.words.len()).then(|| call.text(i + 1));
        }
        names.iter().find_map(|n| arg.strip_prefix(n)?.strip_prefix('='))
    })
}

fn is_url(text: &str) -> bool {
    ["https://", "http://", "git://", "ssh://", "ftp://", "git@"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
}

/// What follows the host.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

fn strip_suffix(part: &str) -> &str {
    [".zip", ".tar.gz", ".tgz", ".tar.xz", ".tar"].iter().find_map(|s| part.strip_suffix(s)).unwrap_or(part)
}

/// Names that follow something by convention.
fn is_moving_name(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().as_str(),
        "latest"
            | "main"
            | "master"
            | "head"
            | "develop"
            | "dev"
            | "trunk"
            | "nightly"
            | "edge"
            | "next"
            | "stable"
    )
}

/// Whether a ref or a part of a URL names one version: a commit, or something with a version number.
fn pinned(text: &str) -> bool {
    let hex = text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_digest);
    let bytes = text.as_bytes();
    let dotted = bytes
        .windows(3)
        .any(|w| w[0].is_ascii_digit() && matches!(w[1], b'.' | b'_' | b'-') && w[2].is_ascii_digit());
    let v = text
        .strip_prefix('v')
        .or_else(|| text.strip_prefix('V'))
        .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    hex || dotted || v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_pin_and_branches_do_not() {
        for text in ["v2", "1.2.3", "release-1.4", "0a1b2c3d", "jq-1_7"] {
            assert!(pinned(text), "{text}");
        }
        for text in ["main", "feature-x", "deadbeef".get(..4).unwrap(), "abcdefg", "setup_lts.x"] {
            assert!(!pinned(text), "{text}");
        }
    }
}
