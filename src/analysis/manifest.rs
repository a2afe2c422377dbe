//! What the content of a package manager's manifest says about an install: whether the manifest is all that it reads.

use super::commands::{Install, Manager, Needs};
use crate::text::Snapshot;

/// What the install needs, given the manifest at `path` (of the repository).
pub fn needs(snapshot: &Snapshot, install: &Install, path: &str) -> Needs {
    if install.needs != Needs::Manifests {
        return install.needs;
    }
    let Some(file) = snapshot.find(path) else {
        // Known by name only: these two say nothing about sources that would matter.
        return if matches!(install.manager, Manager::Poetry | Manager::Uv) {
            Needs::Manifests
        } else {
            Needs::More
        };
    };
    let text = &snapshot.file(file).text;
    match install.manager {
        Manager::Npm | Manager::Yarn | Manager::Pnpm | Manager::Bun => node(text),
        Manager::Pip => pip(text),
        Manager::Go => words(text, &["=> ./", "=> ../"], &[]),
        Manager::Bundler => words(
            text,
            &["gemspec", "path:", ":path"],
            &["eval_gemfile", "File.read", "require_relative", "ruby file:"],
        ),
        Manager::Pipenv => words(text, &["path =", "path=", "editable"], &[]),
        _ => Needs::More,
    }
}

fn words(text: &str, sources: &[&str], more: &[&str]) -> Needs {
    if sources.iter().any(|w| text.contains(w)) {
        Needs::Sources
    } else if more.iter().any(|w| text.contains(w)) {
        Needs::More
    } else {
        Needs::Manifests
    }
}

/// Workspaces and local dependencies read other folders; install hooks may read anything.
fn node(text: &str) -> Needs {
    words(
        text,
        &["\"workspaces\"", "\"workspace:", "\"file:", "\"link:", "\"portal:"],
        &[
            "\"preinstall\"",
            "\"install\"",
            "\"postinstall\"",
            "\"prepare\"",
            "\"patch:",
            "\"patchedDependencies\"",
        ],
    )
}

fn pip(text: &str) -> Needs {
    let mut needs = Needs::Manifests;
    for line in text.lines().map(str::trim) {
        let local = line == "."
            || line.starts_with("./")
            || line.starts_with("../")
            || line.starts_with("-e ")
            || line.starts_with("--editable")
            || line.contains("file:")
            || line.contains("@ .");
        if local {
            return Needs::Sources;
        }
        if line.starts_with("-r")
            || line.starts_with("-c")
            || line.starts_with("--requirement")
            || line.starts_with("--constraint")
        {
            needs = Needs::More;
        }
    }
    needs
}
