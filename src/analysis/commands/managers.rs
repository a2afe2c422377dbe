//! Package managers: which files beside its manifest an install reads if they are there, and what it writes there.
//!
//! Measured with `strace` of an install in a folder of its own (npm 11, Yarn 1.22 and 4.18, pnpm 9.15, Bun 1.4, pip,
//! Poetry 2, uv, Pipenv, Go 1.19, cargo 1.95, Composer 2.5, Bundler 2.3, Maven 3.8, Gradle 4.4, mix 1.14); from the
//! documentation for .NET.

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
    /// pip
    Pip,
    /// `uv pip`
    UvPip,
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

/// What an install reads and writes beside its manifest. `*` in a name is as in a COPY.
#[derive(Debug, Default)]
pub struct Beside {
    /// What the manifest may be called: the first pattern that one file matches. Empty: the command names it.
    pub manifests: &'static [&'static str],
    /// Files that it reads if they are there.
    pub files: &'static [&'static str],
    /// Folders of which it reads any file.
    pub folders: &'static [&'static str],
    /// Files and folders that it looks for in the manifest's folder and in every folder above it.
    pub above: &'static [&'static str],
    /// Folders that it fills, and that a machine where somebody works has as well.
    pub fills: &'static [&'static str],
}

impl Manager {
    /// Whether it installs into `node_modules`.
    pub const fn is_node(self) -> bool {
        matches!(self, Self::Npm | Self::Yarn | Self::Pnpm | Self::Bun)
    }

    /// Its name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Yarn => "Yarn",
            Self::Pnpm => "pnpm",
            Self::Bun => "Bun",
            Self::Pip => "pip",
            Self::UvPip | Self::Uv => "uv",
            Self::Poetry => "Poetry",
            Self::Pipenv => "Pipenv",
            Self::Bundler => "Bundler",
            Self::Go => "Go",
            Self::Cargo => "cargo",
            Self::Composer => "Composer",
            Self::Maven => "Maven",
            Self::Gradle => "Gradle",
            Self::Dotnet => ".NET",
            Self::Mix => "Mix",
        }
    }

    /// Its row of the table.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub const fn beside(self) -> &'static Beside {
        const NODE: &[&str] = &["package.json"];
        const MODULES: &[&str] = &["node_modules"];
        match self {
            // Also looked for: `binding.gyp`, which stands for an install hook, and `yarn.lock`, which a
            // `package-lock.json` overrules.
            Self::Npm => &Beside {
                manifests: NODE,
                files: &["package-lock.json", "npm-shrinkwrap.json", ".npmrc"],
                folders: &[],
                above: &[],
                fills: MODULES,
            },
            // Yarn 1 takes settings from `.npmrc`, too. Of `.yarn` only what git keeps: the rest is the install's own
            // state (https://yarnpkg.com/getting-started/qa#which-files-should-be-gitignored).
            Self::Yarn => &Beside {
                manifests: NODE,
                files: &["yarn.lock", ".npmrc", ".yarnrc", ".yarnrc.yml"],
                folders: &[".yarn/releases", ".yarn/plugins", ".yarn/patches", ".yarn/cache"],
                above: &[],
                fills: MODULES,
            },
            Self::Pnpm => &Beside {
                manifests: NODE,
                files: &["pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc"],
                folders: &[],
                above: &[],
                fills: MODULES,
            },
            // Without a lock file of its own Bun starts from another manager's.
            Self::Bun => &Beside {
                manifests: NODE,
                files: &[
                    "bun.lock",
                    "bun.lockb",
                    "bunfig.toml",
                    ".npmrc",
                    "package-lock.json",
                    "yarn.lock",
                    "pnpm-lock.yaml",
                ],
                folders: &[],
                above: &[],
                fills: MODULES,
            },
            // Neither `pip.conf` nor `setup.cfg` of the working folder is read.
            Self::Pip => &Beside { manifests: &[], files: &[], folders: &[], above: &[], fills: &[] },
            Self::UvPip => &Beside {
                manifests: &[],
                files: &[],
                folders: &[],
                above: &["uv.toml", "pyproject.toml", ".python-version"],
                fills: &[],
            },
            // The README that `pyproject.toml` names is read when the project itself is built, and only then.
            Self::Poetry => &Beside {
                manifests: &["pyproject.toml"],
                files: &["poetry.lock", "poetry.toml"],
                folders: &[],
                above: &[],
                fills: &[".venv"],
            },
            Self::Uv => &Beside {
                manifests: &["pyproject.toml"],
                files: &["uv.lock"],
                folders: &[],
                above: &["uv.toml", ".python-version", ".python-versions"],
                fills: &[".venv"],
            },
            Self::Pipenv => &Beside {
                manifests: &["Pipfile"],
                files: &["Pipfile.lock", "pylock.toml", ".env"],
                folders: &[],
                above: &[],
                fills: &[],
            },
            // What `bundle config --local` wrote, and gems that are kept beside the sources.
            Self::Bundler => &Beside {
                manifests: &["Gemfile", "gems.rb"],
                files: &["Gemfile.lock", "gems.locked"],
                folders: &[".bundle", "vendor/cache"],
                above: &[],
                fills: &[],
            },
            Self::Go => {
                &Beside { manifests: &["go.mod"], files: &["go.sum"], folders: &[], above: &[], fills: &[] }
            }
            Self::Cargo => &Beside {
                manifests: &["Cargo.toml"],
                files: &["Cargo.lock"],
                folders: &[],
                above: &["rust-toolchain", "rust-toolchain.toml"],
                fills: &[],
            },
            // `symfony.lock` says which recipes Flex has no need to unpack.
            Self::Composer => &Beside {
                manifests: &["composer.json"],
                files: &["composer.lock", "symfony.lock", "auth.json"],
                folders: &[],
                above: &[],
                fills: &["vendor"],
            },
            // `.mvn` decides options, extensions and the wrapper's version
            // (https://maven.apache.org/configure.html#mvn-directory).
            Self::Maven => {
                &Beside { manifests: &["pom.xml"], files: &[], folders: &[], above: &[".mvn"], fills: &[] }
            }
            // `gradle` holds the wrapper and the version catalogue.
            Self::Gradle => &Beside {
                manifests: &["build.gradle", "build.gradle.kts"],
                files: &["settings.gradle", "settings.gradle.kts", "gradle.properties", "gradle.lockfile"],
                folders: &["gradle"],
                above: &[],
                fills: &[],
            },
            // https://learn.microsoft.com/visualstudio/msbuild/customize-by-directory,
            // https://learn.microsoft.com/nuget/consume-packages/configuring-nuget-behavior
            Self::Dotnet => &Beside {
                manifests: &["*.sln", "*.slnx", "*.csproj", "*.fsproj", "*.vbproj"],
                files: &["packages.lock.json"],
                folders: &[],
                above: &[
                    "Directory.Build.props",
                    "Directory.Build.targets",
                    "Directory.Packages.props",
                    "nuget.config",
                    "NuGet.config",
                    "NuGet.Config",
                    "global.json",
                ],
                fills: &["obj"],
            },
            // `config/config.exs` is loaded if it is there, and changes nothing of `deps.get`.
            Self::Mix => &Beside {
                manifests: &["mix.exs"],
                files: &["mix.lock"],
                folders: &[],
                above: &[],
                fills: &["deps", "_build"],
            },
        }
    }
}
