//! The system's package managers: who fetches the package index, and who installs from the one that is there.

use super::{Call, is_shell, short_flag, unwrap, walk};
use crate::{
    syntax::shell::{Command, Link, Script},
    text::Span,
};

/// A package manager whose index is a file of the image until it is told to fetch it again. (dnf, yum and zypper look
/// at its age by themselves.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// apt, apt-get, aptitude
    Apt,
    /// apk
    Apk,
    /// pacman
    Pacman,
    /// opkg
    Opkg,
}

/// What a command does with a package index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packages {
    /// It fetches the index.
    Index {
        /// Whose index.
        system: System,
        /// The command.
        span: Span,
    },
    /// It may fetch indexes: a script that is piped into a shell, or a repository that is added.
    Unknown,
    /// It installs packages.
    Install {
        /// From whose index.
        system: System,
        /// Whether it, or something before it in the same RUN, fetches the index or may do so.
        fresh: bool,
        /// What to put before it, with `&&`, so that the index is fetched; `None` where that would change what the
        /// list of commands means.
        refresh: Option<String>,
        /// The command.
        span: Span,
    },
}

/// What the commands of a RUN do with package indexes, in order. `value` is what is known of a variable.
pub fn packages<'v>(script: &Script, value: &dyn Fn(&str) -> Option<&'v str>) -> Vec<Packages> {
    let mut found = Vec::new();
    let mut fetched: Vec<System> = Vec::new();
    let mut may = false;
    walk(script, |index, call, _| {
        let command = &script.commands[index];
        if matches!(call.program(), "add-apt-repository" | "apt-add-repository")
            || (is_shell(command) && command.link == Link::Pipe)
        {
            may = true;
            found.push(Packages::Unknown);
        }
        let Some((system, does)) = classify(call, value) else { return };
        if does.fetches && !fetched.contains(&system) {
            fetched.push(system);
        }
        if does.installs {
            let fresh = may || fetched.contains(&system);
            found.push(Packages::Install {
                system,
                fresh,
                refresh: refresh(command, call, system),
                span: call.span,
            });
        } else if does.fetches && command.nesting == 0 && command.link != Link::Or && !is_for_more(call) {
            // In a branch it is not known to run.
            found.push(Packages::Index { system, span: call.span });
        }
    });
    found
}

#[derive(Clone, Copy)]
struct Does {
    fetches: bool,
    installs: bool,
}

fn classify<'v>(call: &Call<'_>, value: &dyn Fn(&str) -> Option<&'v str>) -> Option<(System, Does)> {
    let verb = |verbs: &[&str]| call.args().find(|a| verbs.contains(a));
    match call.program() {
        "apt-get" | "apt" | "aptitude" => {
            let verb = verb(&["install", "update", "upgrade", "dist-upgrade", "remove", "purge", "clean"])?;
            Some((System::Apt, Does { fetches: verb == "update", installs: verb == "install" }))
        }
        "apk" => {
            let verb = verb(&["add", "update", "upgrade", "del", "fetch"])?;
            let fetches =
                |a: &str| matches!(a, "--update" | "--update-cache" | "--no-cache") || short_flag(a, 'U');
            let own = call.args().any(fetches)
                || call
                    .variables()
                    .iter()
                    .filter_map(|v| value(v))
                    .any(|v| v.split_whitespace().any(fetches));
            Some((System::Apk, Does { fetches: verb == "update" || own, installs: verb == "add" }))
        }
        "pacman" => {
            let sync = call.args().find(|a| a.starts_with("-S"))?;
            let installs = call.plain().next().is_some() && !sync.contains(['s', 'i', 'l', 'c']);
            Some((System::Pacman, Does { fetches: sync.contains('y'), installs }))
        }
        "opkg" => {
            let verb = verb(&["install", "update"])?;
            Some((System::Opkg, Does { fetches: verb == "update", installs: verb == "install" }))
        }
        _ => None,
    }
}

/// `apt-get update x`: it fails, as apt takes no arguments there, or does more than fetch an index.
fn is_for_more(call: &Call<'_>) -> bool {
    call.args().skip_while(|arg| *arg != "update").nth(1).is_some_and(|arg| !arg.starts_with(['-', '$']))
}

/// `sudo apt-get update` before `sudo apt-get install`.
fn refresh(command: &Command, call: &Call<'_>, system: System) -> Option<String> {
    let plain = command.nesting == 0
        && command.substitution == 0
        && matches!(command.link, Link::First | Link::Then | Link::And);
    if !plain {
        return None;
    }
    debug_assert_eq!(unwrap(command).words.len(), call.words.len(), "both without wrappers");
    let wrappers = command.words.len() - call.words.len();
    let words = command.words[..=wrappers].iter().map(|word| word.raw.as_str());
    let verb = if system == System::Pacman { "-Sy" } else { "update" };
    Some(words.chain([verb]).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{offsets::OffsetMap, shell};

    /// `update`, `install` (from an index of before) and `fresh` (from one of this RUN), with what would refresh it.
    fn said(text: &str) -> String {
        let value = |name: &str| (name == "FLAGS").then_some("-q --no-cache");
        let said =
            packages(&shell::scan(text, &OffsetMap::identity()), &value).into_iter().map(|p| match p {
                Packages::Index { .. } => "update".to_owned(),
                Packages::Unknown => "may".to_owned(),
                Packages::Install { fresh: true, .. } => "fresh".to_owned(),
                Packages::Install { refresh, .. } => format!("install({})", refresh.unwrap_or_default()),
            });
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_index_is_of_this_run_or_of_one_before() {
        for (text, expected) in [
            ("apt-get update", "update"),
            ("apt-get update && apt-get install -y curl", "update fresh"),
            ("apt-get install -y curl && apt-get update", "install(apt-get update) update"),
            ("sudo -E apt-get -qq install curl", "install(sudo -E apt-get update)"),
            ("DEBIAN_FRONTEND=x apt install -y a", "install(apt update)"),
            ("curl -fsSL https://x.org/setup | bash - && apt-get install -y nodejs", "may fresh"),
            ("add-apt-repository ppa:x/y; apt-get install z", "may fresh"),
            ("true || apt-get install z", "install()"),
            ("if true; then apt-get install z; fi", "install()"),
            ("if true; then apt-get update && apt-get install z; fi", "fresh"),
            ("apk add --no-cache curl", "fresh"),
            ("apk -U add curl", "fresh"),
            ("apk add curl", "install(apk update)"),
            ("apk add ${FLAGS} curl", "fresh"),
            ("apk add $DEPS curl", "install(apk update)"),
            ("apk update; apk upgrade", "update"),
            ("apt-get update -qq; apt-get update $FLAGS", "update update"),
            ("apt-get update \\", ""),
            ("apt-get update x && apt-get install y", "fresh"),
            ("pacman -Sy --noconfirm", "update"),
            ("pacman -S --noconfirm git", "install(pacman -Sy)"),
            ("pacman -Syu --noconfirm git", "fresh"),
            ("apt-get upgrade -y; apt-get clean; dnf install -y x", ""),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
