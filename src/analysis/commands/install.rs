//! Dependency installs: which manifest they read, and whether they need the sources too.

use super::Call;
use crate::{analysis::paths, text::Span};

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// npm
    Npm,
    /// Yarn
    Yarn,
    /// pnpm
    Pnpm,
    /// Bun
    Bun,
    /// pip, and `uv pip`
    Pip,
    /// Poetry
    Poetry,
    /// uv
    Uv,
    /// Pipenv
    Pipenv,
    /// Bundler
    Bundler,
    /// Go modules
    Go,
    /// Cargo
    Cargo,
    /// Composer
    Composer,
    /// Maven
    Maven,
    /// Gradle
    Gradle,
    /// .NET
    Dotnet,
    /// Mix (Elixir)
    Mix,
}

/// What an install reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Manifest and lock file, nothing else.
    Manifests,
    /// Manifests, and perhaps more (hooks, plugins, several project files): a fix must not guess.
    More,
    /// The sources of the project itself.
    Sources,
}

/// A dependency install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// The package manager.
    pub manager: Manager,
    /// Files that it reads, relative to the working folder of the RUN; `Err` if the folder is not known.
    pub manifests: Vec<String>,
    /// Lock files that it reads if they are there, likewise.
    pub locks: Vec<String>,
    /// What else it reads.
    pub needs: Needs,
    /// The command.
    pub span: Span,
}

impl Install {
    /// The folder that it fills, relative to the working folder of the RUN, for managers that install beside the
    /// manifest.
    pub fn fills(&self) -> Option<String> {
        let name = match self.manager {
            Manager::Npm | Manager::Yarn | Manager::Pnpm | Manager::Bun => "node_modules",
            Manager::Composer => "vendor",
            _ => return None,
        };
        Some(paths::join(paths::parent(self.manifests.first()?), name))
    }
}

struct Kind {
    manager: Manager,
    manifests: &'static [&'static str],
    locks: &'static [&'static str],
    needs: Needs,
}

const fn kind(
    manager: Manager,
    manifests: &'static [&'static str],
    locks: &'static [&'static str],
    needs: Needs,
) -> Kind {
    Kind { manager, manifests, locks, needs }
}

/// What the command installs; `None` if it is not an install from a manifest, or if its folder is not known.
pub(super) fn install(call: &Call<'_>, dir: Option<&str>) -> Option<Install> {
    let dir = dir?;
    if let Some(at) = pip_arguments(call) {
        return pip(call, at, dir);
    }
    let kind = node(call).or_else(|| other(call))?;
    let place = |names: &[&str]| names.iter().map(|n| paths::join(dir, n)).collect();
    Some(Install {
        manager: kind.manager,
        manifests: place(kind.manifests),
        locks: place(kind.locks),
        needs: kind.needs,
        span: call.span,
    })
}

fn node(call: &Call<'_>) -> Option<Kind> {
    let mut plain = call.plain();
    let (verb, package) = (plain.next().unwrap_or(""), plain.next());
    // Another folder, or a package by name: not an install of the manifest here.
    let elsewhere =
        call.args().any(|a| matches!(a, "--prefix" | "--cwd" | "-C" | "--dir" | "-g" | "--global"));
    if elsewhere || package.is_some() {
        return None;
    }
    match (call.program(), verb) {
        ("npm", "ci" | "install" | "i" | "clean-install") => Some(kind(
            Manager::Npm,
            &["package.json"],
            &["package-lock.json", "npm-shrinkwrap.json", ".npmrc"],
            Needs::Manifests,
        )),
        ("yarn", "install" | "") if !call.args().any(|a| a == "--version" || a == "-v") => {
            Some(kind(Manager::Yarn, &["package.json"], &["yarn.lock", ".yarnrc"], Needs::Manifests))
        }
        ("pnpm", "install" | "i") => {
            Some(kind(Manager::Pnpm, &["package.json"], &["pnpm-lock.yaml", ".npmrc"], Needs::Manifests))
        }
        ("bun", "install" | "i") => Some(kind(
            Manager::Bun,
            &["package.json"],
            &["bun.lock", "bun.lockb", "bunfig.toml"],
            Needs::Manifests,
        )),
        _ => None,
    }
}

fn other(call: &Call<'_>) -> Option<Kind> {
    let has = |flag: &str| call.args().any(|a| a == flag);
    let verb = call.plain().next().unwrap_or("");
    match (call.program(), verb) {
        ("poetry", "install" | "sync") => Some(kind(
            Manager::Poetry,
            &["pyproject.toml"],
            &["poetry.lock"],
            if has("--no-root") || has("--only=main,dev") { Needs::Manifests } else { Needs::Sources },
        )),
        ("uv", "sync") => Some(kind(
            Manager::Uv,
            &["pyproject.toml"],
            &["uv.lock"],
            if has("--no-install-project") || has("--no-install-workspace") {
                Needs::Manifests
            } else {
                Needs::Sources
            },
        )),
        ("pipenv", "install" | "sync") => {
            Some(kind(Manager::Pipenv, &["Pipfile"], &["Pipfile.lock"], Needs::Manifests))
        }
        ("bundle" | "bundler", "install" | "") if !has("exec") => {
            Some(kind(Manager::Bundler, &["Gemfile"], &["Gemfile.lock"], Needs::Manifests))
        }
        ("go", "mod") if call.args().any(|a| a == "download") => {
            Some(kind(Manager::Go, &["go.mod"], &["go.sum"], Needs::Manifests))
        }
        ("cargo", "fetch") => Some(kind(Manager::Cargo, &["Cargo.toml"], &["Cargo.lock"], Needs::More)),
        ("composer" | "composer.phar", "install") => Some(kind(
            Manager::Composer,
            &["composer.json"],
            &["composer.lock"],
            if has("--no-scripts") && has("--no-autoloader") { Needs::Manifests } else { Needs::More },
        )),
        ("mvn" | "mvnw", _) if call.args().any(|a| a.starts_with("dependency:")) => {
            Some(kind(Manager::Maven, &["pom.xml"], &[], Needs::More))
        }
        ("gradle" | "gradlew", "dependencies" | "resolveDependencies") => Some(kind(
            Manager::Gradle,
            &["build.gradle"],
            &["settings.gradle", "gradle.lockfile"],
            Needs::More,
        )),
        ("mix", "deps.get") => Some(kind(Manager::Mix, &["mix.exs"], &["mix.lock"], Needs::More)),
        _ => None,
    }
}

/// Index of the first argument after `pip install`, `python -m pip install` or `uv pip install`.
pub(super) fn pip_arguments(call: &Call<'_>) -> Option<usize> {
    let program = call.program();
    let start = if is_versioned(program, "pip") {
        1
    } else if is_versioned(program, "python") && call.text(1) == "-m" && call.text(2) == "pip" {
        3
    } else if program == "uv" && call.text(1) == "pip" {
        2
    } else {
        return None;
    };
    (start..call.words.len())
        .find(|&i| !call.text(i).starts_with('-'))
        .filter(|&i| call.text(i) == "install")
        .map(|i| i + 1)
}

/// `pip`, `pip3`, `pip3.12`.
fn is_versioned(program: &str, name: &str) -> bool {
    program.strip_prefix(name).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn pip(call: &Call<'_>, at: usize, dir: &str) -> Option<Install> {
    let mut manifests = Vec::new();
    let mut needs = Needs::Manifests;
    let mut index = at;
    while index < call.words.len() {
        let arg = call.text(index);
        let next = (index + 1 < call.words.len()).then(|| call.text(index + 1));
        match arg {
            "-r" | "--requirement" | "-c" | "--constraint" => {
                manifests.push(file(call, index + 1, dir)?);
                index += 1;
            }
            "-e" | "--editable" => {
                needs = Needs::Sources;
                index += 1;
            }
            _ if arg.starts_with("--requirement=") || arg.starts_with("--constraint=") => {
                manifests.push(paths::join(dir, arg.split_once('=')?.1));
            }
            _ if arg.starts_with("-r") && arg.len() > 2 => manifests.push(paths::join(dir, &arg[2..])),
            // The value of an option would be read as a package.
            _ if takes_value(arg) && next.is_some_and(|n| !n.starts_with('-')) => index += 1,
            _ if arg.starts_with('-') => {}
            _ if arg == "." || arg.starts_with("./") || arg.starts_with(".[") || arg.starts_with('/') => {
                needs = Needs::Sources;
            }
            _ => {}
        }
        index += 1;
    }
    if manifests.is_empty() {
        return None;
    }
    Some(Install { manager: Manager::Pip, manifests, locks: Vec::new(), needs, span: call.span })
}

fn file(call: &Call<'_>, index: usize, dir: &str) -> Option<String> {
    Some(paths::join(dir, call.words.get(index)?.literal.as_deref()?))
}

fn takes_value(option: &str) -> bool {
    matches!(
        option,
        "-i" | "--index-url"
            | "--extra-index-url"
            | "-f"
            | "--find-links"
            | "--trusted-host"
            | "-t"
            | "--target"
            | "--prefix"
            | "--root"
            | "--timeout"
            | "--retries"
            | "--proxy"
            | "--cache-dir"
            | "--src"
            | "--python"
    )
}
