//! Dependency installs: whose they are, which manifest they name, and whether they need the sources too.

use super::{Call, Manager};
use crate::{analysis::paths, text::Span};

/// What an install reads, as far as its command tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Manifest and lock file, nothing else.
    Manifests,
    /// The sources of the project itself, unless its manifest says that there is nothing to build.
    Project,
    /// The sources of the project itself.
    Sources,
}

/// A dependency install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// The package manager.
    pub manager: Manager,
    /// The folder that it works in: relative to the working folder of the RUN, or absolute.
    pub dir: String,
    /// Manifests that its command names, likewise. Empty: the one that the manager looks for in `dir`.
    pub named: Vec<String>,
    /// Further files of the project that its command names: the wrapper, a settings file.
    pub also: Vec<String>,
    /// What else it reads.
    pub needs: Needs,
    /// The options that matter for what the manifest makes it read.
    pub flags: Flags,
    /// The command.
    pub span: Span,
}

/// Options of an install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct Flags {
    /// Hooks of the project itself do not run.
    pub no_hooks: bool,
    /// Composer's autoloader is not made.
    pub no_autoloader: bool,
    /// It is made from what the source files hold.
    pub optimized: bool,
    /// Plugins do not run.
    pub no_plugins: bool,
    /// uv takes the lock file as it is, and installs no member of the workspace.
    pub frozen_outside: bool,
}

impl Install {
    /// The folder that it fills, relative to the working folder of the RUN, for managers that install beside the
    /// manifest.
    pub fn fills(&self) -> Option<String> {
        let name = match self.manager {
            manager if manager.is_node() => "node_modules",
            Manager::Composer => "vendor",
            _ => return None,
        };
        Some(paths::join(&self.dir, name))
    }
}

/// A command line taken apart.
struct Line<'a> {
    /// Words that are neither options nor their values.
    plain: Vec<&'a str>,
    options: Vec<&'a str>,
    /// The value of an option that chooses another folder.
    dir: Option<&'a str>,
    /// Values of options that name a file.
    files: Vec<&'a str>,
}

/// Options of a manager that take the next word as their value.
struct Takes {
    dir: &'static [&'static str],
    file: &'static [&'static str],
    other: &'static [&'static str],
}

const fn takes(manager: Manager) -> Takes {
    match manager {
        Manager::Npm | Manager::Pnpm => Takes {
            dir: &["--prefix", "-C", "--dir"],
            file: &[],
            other: &[
                "--omit",
                "--include",
                "--loglevel",
                "--cache",
                "--registry",
                "--store-dir",
                "--network-timeout",
                "--fetch-retries",
                "--reporter",
                "--filter",
                "-F",
                "-w",
                "--workspace",
            ],
        },
        Manager::Yarn | Manager::Bun => Takes {
            dir: &["--cwd"],
            file: &[],
            other: &[
                "--network-timeout",
                "--cache-folder",
                "--registry",
                "--modules-folder",
                "--mode",
                "--network-concurrency",
            ],
        },
        Manager::Poetry => Takes {
            dir: &["-C", "--directory", "-P", "--project"],
            file: &[],
            other: &["--with", "--without", "--only", "-E", "--extras"],
        },
        Manager::Uv => Takes {
            dir: &["--directory", "--project"],
            file: &[],
            other: &[
                "--extra",
                "--group",
                "--no-group",
                "--only-group",
                "--package",
                "--python",
                "-p",
                "--index-url",
                "-i",
            ],
        },
        Manager::Bundler => Takes {
            dir: &[],
            file: &["--gemfile"],
            other: &["--jobs", "-j", "--retry", "--without", "--with", "--path"],
        },
        Manager::Go => Takes { dir: &["-C"], file: &[], other: &[] },
        Manager::Cargo => {
            Takes { dir: &["-C"], file: &["--manifest-path"], other: &["--target", "--config", "-Z"] }
        }
        Manager::Composer => {
            Takes { dir: &["-d", "--working-dir"], file: &[], other: &["--ignore-platform-req"] }
        }
        Manager::Maven => Takes {
            dir: &[],
            file: &["-f", "--file", "-s", "--settings", "-gs", "--global-settings", "-t", "--toolchains"],
            other: &["-P", "--activate-profiles", "-T", "--threads", "-pl", "--projects", "-D"],
        },
        Manager::Gradle => Takes {
            dir: &["-p", "--project-dir"],
            file: &["-b", "-c", "-I"],
            other: &["-x", "-P", "-D", "-g", "--configuration"],
        },
        Manager::Dotnet => Takes {
            dir: &[],
            file: &["--configfile", "--lock-file-path"],
            other: &[
                "-r",
                "--runtime",
                "-a",
                "--arch",
                "--os",
                "-s",
                "--source",
                "--packages",
                "-v",
                "--verbosity",
            ],
        },
        Manager::Mix => Takes { dir: &[], file: &[], other: &["--only", "--no-archives-check"] },
        Manager::Pipenv | Manager::Pip | Manager::UvPip => Takes {
            dir: &[],
            file: &[],
            other: &["--python", "-r", "--requirements", "-c", "--categories", "-i"],
        },
    }
}

fn line<'a>(call: &Call<'a>, takes: &Takes) -> Option<Line<'a>> {
    let mut line = Line { plain: Vec::new(), options: Vec::new(), dir: None, files: Vec::new() };
    let mut index = 1;
    while index < call.words.len() {
        let word = call.text(index);
        index += 1;
        let Some(name) = word.split('=').next().filter(|_| word.starts_with('-')) else {
            line.plain.push(word);
            continue;
        };
        line.options.push(word);
        let (dir, file) = (takes.dir.contains(&name), takes.file.contains(&name));
        let attached = word.split_once('=').map(|(_, value)| value);
        let apart = attached.is_none() && (dir || file || takes.other.contains(&name));
        let value = if apart {
            index += 1;
            call.words.get(index - 1).and_then(|w| w.literal.as_deref())
        } else {
            attached.filter(|value| !value.contains('$'))
        };
        // A folder or a file that the shell computes is not known.
        if dir {
            line.dir = Some(value?);
        } else if file {
            line.files.push(value?);
        }
    }
    Some(line)
}

/// What the command installs; `None` if it is not an install from a manifest, or if its folder is not known.
pub(super) fn install(call: &Call<'_>, dir: Option<&str>) -> Option<Install> {
    let dir = dir?;
    if let Some(at) = pip_arguments(call) {
        return pip(call, at, dir);
    }
    let manager = match call.program() {
        "npm" => Manager::Npm,
        "yarn" => Manager::Yarn,
        "pnpm" => Manager::Pnpm,
        "bun" => Manager::Bun,
        "poetry" => Manager::Poetry,
        "uv" => Manager::Uv,
        "pipenv" => Manager::Pipenv,
        "bundle" | "bundler" => Manager::Bundler,
        "go" => Manager::Go,
        "cargo" => Manager::Cargo,
        "composer" | "composer.phar" => Manager::Composer,
        "mvn" | "mvnw" => Manager::Maven,
        "gradle" | "gradlew" => Manager::Gradle,
        "dotnet" => Manager::Dotnet,
        "mix" => Manager::Mix,
        _ => return None,
    };
    let line = line(call, &takes(manager))?;
    let has = |flag: &str| line.options.contains(&flag);
    let mut install = Install {
        manager,
        dir: line.dir.map_or_else(|| dir.to_owned(), |other| paths::join(dir, other)),
        named: Vec::new(),
        also: Vec::new(),
        needs: Needs::Manifests,
        flags: Flags::default(),
        span: call.span,
    };
    let wrapper = call.text(0).strip_prefix("./").filter(|name| name.ends_with('w'));
    install.also.extend(wrapper.map(|name| paths::join(dir, name)));
    let installs = match manager {
        _ if manager.is_node() => node(&mut install, &line),
        Manager::Poetry => {
            install.needs = if has("--no-root") { Needs::Manifests } else { Needs::Project };
            matches!(line.plain[..], ["install" | "sync"]) && !has("--only-root")
        }
        Manager::Uv => {
            let outside = has("--no-install-workspace") || has("--no-install-local");
            install.needs =
                if outside || has("--no-install-project") { Needs::Manifests } else { Needs::Project };
            install.flags.frozen_outside = outside && has("--frozen");
            matches!(line.plain[..], ["sync"])
        }
        // `-r` takes a list of pip's in the place of the Pipfile.
        Manager::Pipenv => matches!(line.plain[..], ["install" | "sync"]) && !has("-r") && !has("-e"),
        Manager::Bundler => {
            install.named.extend(line.files.iter().map(|file| paths::join(dir, file)));
            matches!(line.plain[..], ["install"] | []) && !has("--version") && !has("-v")
        }
        Manager::Go => matches!(line.plain[..], ["mod", "download"]),
        Manager::Cargo => {
            install.named.extend(line.files.iter().map(|file| paths::join(dir, file)));
            matches!(line.plain[..], ["fetch"])
        }
        Manager::Composer => {
            install.flags = Flags {
                no_hooks: has("--no-scripts"),
                no_autoloader: has("--no-autoloader"),
                no_plugins: has("--no-plugins"),
                optimized: ["-o", "--optimize-autoloader", "-a", "--classmap-authoritative"]
                    .iter()
                    .any(|f| has(f)),
                ..Flags::default()
            };
            matches!(line.plain[..], ["install" | "i"])
        }
        Manager::Maven => maven(&mut install, &line, dir),
        // Another task than this one is the project's own, whatever its name.
        Manager::Gradle => matches!(line.plain[..], ["dependencies"]) && line.files.is_empty(),
        Manager::Dotnet => {
            install.also.extend(line.files.iter().map(|file| paths::join(dir, file)));
            dotnet(&mut install, &line, dir)
        }
        _ => matches!(line.plain[..], ["deps.get"]),
    };
    // A named manifest decides the folder.
    if let Some(named) = install.named.first() {
        paths::parent(named).clone_into(&mut install.dir);
        if named.starts_with('/') && install.dir.is_empty() {
            "/".clone_into(&mut install.dir);
        }
    }
    installs.then_some(install)
}

fn node(install: &mut Install, line: &Line<'_>) -> bool {
    let has = |flag: &str| line.options.contains(&flag);
    install.flags.no_hooks =
        has("--ignore-scripts") || has("--ignore-scripts=true") || has("--mode=skip-build");
    let verb = match (install.manager, &line.plain[..]) {
        (Manager::Npm, [verb]) => matches!(*verb, "ci" | "install" | "i" | "clean-install"),
        (Manager::Yarn, [verb]) => *verb == "install",
        (Manager::Yarn, []) => !has("--version") && !has("-v") && !has("--help"),
        (_, [verb]) => matches!(*verb, "install" | "i"),
        _ => false,
    };
    verb && !has("-g") && !has("--global") && !has("--location=global")
}

/// Goals of the dependency plugin that only get what the `pom.xml` names. A phase or another goal builds.
fn maven(install: &mut Install, line: &Line<'_>, dir: &str) -> bool {
    let at = |file: &&&str| file.ends_with("pom.xml");
    install.named.extend(line.files.iter().filter(at).map(|file| paths::join(dir, file)));
    install.also.extend(line.files.iter().filter(|file| !at(file)).map(|file| paths::join(dir, file)));
    let gets = |goal: &&str| {
        let (plugin, name) = goal.rsplit_once(':').unwrap_or(("", goal));
        (plugin == "dependency" || plugin.contains(":maven-dependency-plugin"))
            && matches!(
                name,
                "go-offline" | "resolve" | "resolve-plugins" | "copy-dependencies" | "tree" | "list"
            )
    };
    !line.plain.is_empty() && line.plain.iter().all(gets)
}

/// `dotnet restore [PROJECT | SOLUTION | FOLDER]`.
fn dotnet(install: &mut Install, line: &Line<'_>, dir: &str) -> bool {
    match line.plain[..] {
        ["restore"] => true,
        ["restore", what] if what.contains('$') => false,
        ["restore", what] => {
            let path = paths::join(dir, what);
            let file = [".sln", ".slnx", "proj"].iter().any(|ending| path.ends_with(ending));
            if file {
                install.named.push(path);
            } else {
                install.dir = path;
            }
            true
        }
        _ => false,
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
    let mut named = Vec::new();
    let mut needs = Needs::Manifests;
    let mut index = at;
    while index < call.words.len() {
        let arg = call.text(index);
        let next = (index + 1 < call.words.len()).then(|| call.text(index + 1));
        match arg {
            "-r" | "--requirement" | "-c" | "--constraint" => {
                named.push(file(call, index + 1, dir)?);
                index += 1;
            }
            // What an editable install of a repository clones is no source of the project.
            "-e" | "--editable" => {
                if !next.is_some_and(|n| n.contains("://")) {
                    needs = Needs::Sources;
                }
                index += 1;
            }
            _ if arg.starts_with("--requirement=") || arg.starts_with("--constraint=") => {
                named.push(paths::join(dir, arg.split_once('=')?.1));
            }
            _ if arg.starts_with("-r") && arg.len() > 2 => named.push(paths::join(dir, &arg[2..])),
            // A folder of packages, a group of `pyproject.toml`: more is read than the lists.
            "-f" | "--find-links" | "--group" if !next.is_some_and(|n| n.contains("://")) => {
                needs = Needs::Sources;
                index += 1;
            }
            // The value of an option would be read as a package.
            _ if takes_value(arg) && next.is_some_and(|n| !n.starts_with('-')) => index += 1,
            _ if arg.starts_with("--find-links=") && !arg.contains("://") => needs = Needs::Sources,
            _ if arg.starts_with('-') => {}
            _ if arg == "." || arg.starts_with("./") || arg.starts_with(".[") || arg.starts_with('/') => {
                needs = Needs::Sources;
            }
            _ => {}
        }
        index += 1;
    }
    if named.is_empty() {
        return None;
    }
    let manager = if call.program() == "uv" { Manager::UvPip } else { Manager::Pip };
    Some(Install {
        manager,
        dir: dir.to_owned(),
        named,
        also: Vec::new(),
        needs,
        flags: Flags::default(),
        span: call.span,
    })
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
