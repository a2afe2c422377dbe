//! What `broad-copy` makes of each manager's install, by what the command and the manifest say.

use unstale::{
    diag::{Safety, Severity},
    engine,
    settings::Settings,
};

use crate::projects::project;

/// What comes of a Dockerfile that copies everything and then runs the command: `silent`, the new first lines, or the
/// level with a part of the reason.
#[track_caller]
fn comes(command: &str, files: &[(&str, &str)]) -> String {
    let dockerfile = format!("FROM example.org/base:1\nWORKDIR /app\nCOPY . .\nRUN {command}\n");
    let mut all = vec![("Dockerfile", dockerfile.as_str()), ("src/main", "")];
    all.extend(files);
    let snapshot = project(&all);
    let settings = Settings { select: vec!["broad-copy".to_owned()], ..Settings::default() };
    let found = engine::check(&snapshot, &settings).findings;
    let [finding] = &found[..] else {
        assert!(found.is_empty(), "{command}: {found:?}");
        return "silent".to_owned();
    };
    if finding.fix.as_ref().is_some_and(|fix| fix.safety == Safety::Manual) {
        let level = if finding.severity == Severity::Info { "info" } else { "manual" };
        return format!("{level}: {}", finding.help.as_deref().unwrap_or_default());
    }
    let fixed = engine::fix(&snapshot, &settings, Safety::Unsafe);
    let id = fixed.snapshot.find("Dockerfile").unwrap();
    let text = fixed.snapshot.file(id).text.clone();
    let (first, rest) = text.split_once("RUN ").unwrap();
    assert_eq!(rest, format!("{command}\nCOPY . .\n"));
    let lines = first.lines().skip(2).map(|line| line.trim_start_matches("COPY "));
    lines.collect::<Vec<_>>().join(" | ")
}

/// A row: the command, the files, and how what comes of it starts or what it holds.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str);

#[track_caller]
fn each(rows: &[Row]) {
    for (command, files, expected) in rows {
        let came = comes(command, files);
        let (level, part) = expected.split_once(": ").unwrap_or((expected, ""));
        assert!(
            came == *expected || !part.is_empty() && came.starts_with(level) && came.contains(part),
            "{command} with {files:?}\n  comes to {came}\n  not to   {expected}"
        );
    }
}

#[test]
fn node() {
    const PLAIN: (&str, &str) = ("package.json", "{}");
    each(&[
        (
            "npm ci",
            &[PLAIN, ("package-lock.json", ""), (".npmrc", ""), (".nvmrc", "")],
            "package.json package-lock.json .npmrc ./",
        ),
        ("npm install --omit dev", &[PLAIN], "package.json ./"),
        ("npm install left-pad", &[PLAIN], "silent"),
        ("npm install -g", &[PLAIN], "silent"),
        ("npm ci --prefix web", &[("web/package.json", "{}")], "web/package.json ./web/"),
        ("npm --prefix $DIR ci", &[PLAIN], "silent"),
        ("npm ci", &[("package.json", r#"{"scripts":{"prepare":"husky"}}"#)], "manual: script `prepare`"),
        (
            "npm ci --ignore-scripts",
            &[("package.json", r#"{"scripts":{"prepare":"husky"}}"#)],
            "package.json ./",
        ),
        (
            "npm ci",
            &[("package.json", r#"{"dependencies":{"install":"1"},"scripts":{"docker:install":"x"}}"#)],
            "package.json ./",
        ),
        ("npm ci", &[PLAIN, ("binding.gyp", "")], "manual: `binding.gyp`"),
        ("npm ci", &[("package.json", "{")], "manual: not the JSON"),
        ("npm ci", &[("package.json", r#"{"workspaces":["a"]}"#)], "info: workspaces"),
        ("npm ci", &[("package.json", r#"{"workspaces":[]}"#)], "package.json ./"),
        ("npm ci", &[("package.json", r#"{"dependencies":{"a":"file:libs/a"}}"#)], "info: dependency `a`"),
        ("npm ci", &[("package.json", r#"{"overrides":{"b":{"c":"file:c.tgz"}}}"#)], "info: dependency `c`"),
        ("yarn", &[PLAIN, ("yarn.lock", "")], "package.json yarn.lock ./"),
        ("yarn --version", &[PLAIN], "silent"),
        ("yarn install", &[PLAIN, (".yarnrc", "yarn-offline-mirror ./mirror\n")], "manual: `.yarnrc`"),
        (
            "yarn install",
            &[("package.json", r#"{"resolutions":{"a":"patch:a@1#~/x.patch"}}"#)],
            "manual: patched",
        ),
        ("pnpm i", &[PLAIN, ("pnpm-workspace.yaml", "packages:\n  - a\n")], "info: `pnpm-workspace.yaml`"),
        ("pnpm i", &[PLAIN, (".pnpmfile.cjs", "")], "manual: `.pnpmfile.cjs`"),
        ("pnpm i", &[PLAIN, ("pnpm-workspace.yaml", "patchedDependencies:\n  a: p\n")], "manual: patches"),
        ("bun i", &[PLAIN, ("package-lock.json", "")], "package.json package-lock.json ./"),
    ]);
}

#[test]
fn python() {
    const FLASK: (&str, &str) = ("requirements.txt", "flask==3.0.3 --hash=sha256:0\n# ./x\n");
    const POETRY: &str = "[tool.poetry]\nname = \"a\"\n[tool.poetry.dependencies]\nflask = \"3\"\n";
    each(&[
        ("pip install -r requirements.txt", &[FLASK, ("setup.cfg", "")], "requirements.txt ./"),
        ("pip install -r requirements.txt .", &[FLASK], "silent"),
        ("pip install -e . -r requirements.txt", &[FLASK], "silent"),
        ("pip install -r requirements.txt --find-links ./wheels", &[FLASK], "silent"),
        (
            "pip install -r requirements.txt --index-url https://example.org/simple",
            &[FLASK],
            "requirements.txt ./",
        ),
        ("pip install -r requirements.txt", &[("requirements.txt", "-e .[dev]\n")], "silent"),
        (
            "pip install -r requirements.txt",
            &[("requirements.txt", "-e git+https://example.org/a.git@1#egg=a\n")],
            "requirements.txt ./",
        ),
        (
            "pip install -r requirements.txt",
            &[("requirements.txt", "a @ https://example.org/a.whl\n")],
            "requirements.txt ./",
        ),
        (
            "pip install -r requirements.txt",
            &[("requirements.txt", "vendor/a.whl\n")],
            "info: `vendor/a.whl`",
        ),
        (
            "pip install -r requirements.txt",
            &[("requirements.txt", "a @ file:./a\n")],
            "info: a folder or a file",
        ),
        (
            "pip install -r requirements.txt",
            &[("requirements.txt", "--find-links=wheels\n")],
            "manual: `wheels`",
        ),
        (
            "uv pip install --system -r requirements.txt",
            &[FLASK, ("pyproject.toml", "")],
            "requirements.txt pyproject.toml ./",
        ),
        (
            "poetry install --no-root",
            &[("pyproject.toml", POETRY), ("poetry.lock", ""), ("README.md", "")],
            "pyproject.toml poetry.lock ./",
        ),
        ("poetry install", &[("pyproject.toml", POETRY)], "silent"),
        (
            "poetry install",
            &[("pyproject.toml", "[tool.poetry]\npackage-mode = false\n")],
            "pyproject.toml ./",
        ),
        (
            "poetry install --no-root",
            &[("pyproject.toml", "[tool.poetry.group.dev.dependencies]\na = { path = \"../a\" }\n")],
            "info: dependency `a`",
        ),
        ("poetry install --no-root", &[("pyproject.toml", "[")], "manual: cannot be read"),
        (
            "uv sync --no-install-project",
            &[("pyproject.toml", "[build-system]\n"), ("uv.lock", "")],
            "pyproject.toml uv.lock ./",
        ),
        ("uv sync", &[("pyproject.toml", "[build-system]\n"), ("uv.lock", "")], "silent"),
        (
            "uv sync",
            &[("pyproject.toml", "[project]\nname = \"a\"\n"), ("uv.lock", "")],
            "pyproject.toml uv.lock ./",
        ),
        ("uv sync", &[("pyproject.toml", "[project]\n[tool.uv]\npackage = true\n")], "silent"),
        // Without a lock file the version must be built.
        (
            "uv sync --no-install-project",
            &[("pyproject.toml", "[project]\ndynamic = [\"version\"]\n")],
            "silent",
        ),
        (
            "uv sync --no-install-workspace",
            &[("pyproject.toml", "[tool.uv.workspace]\nmembers = []\n"), ("uv.lock", "")],
            "info: workspace",
        ),
        (
            "uv sync --frozen --no-install-workspace",
            &[("pyproject.toml", "[tool.uv.workspace]\nmembers = []\n"), ("uv.lock", "")],
            "pyproject.toml uv.lock ./",
        ),
        (
            "pipenv install --deploy",
            &[("Pipfile", "[packages]\na = {path = \"./a\"}\n")],
            "info: dependency `a`",
        ),
        (
            "pipenv install",
            &[("Pipfile", "[packages]\na = \"*\"\n"), ("Pipfile.lock", "")],
            "Pipfile Pipfile.lock ./",
        ),
    ]);
}

#[test]
fn scripted() {
    each(&[
        (
            "bundle install --jobs 4",
            &[("Gemfile", "gem 'a' # path:\n"), ("Gemfile.lock", "")],
            "info: folder of the project",
        ),
        (
            "bundle install --jobs 4",
            &[("Gemfile", "gem 'a'\n"), ("Gemfile.lock", "")],
            "Gemfile Gemfile.lock ./",
        ),
        ("bundle", &[("gems.rb", ""), ("gems.locked", "")], "gems.rb gems.locked ./"),
        ("bundle install", &[("Gemfile", "ruby File.read('.ruby-version')\n")], "manual: `File.`"),
        ("bundle exec rake", &[("Gemfile", "")], "silent"),
        (
            "composer install",
            &[("composer.json", "{}"), ("composer.lock", ""), ("auth.json", "")],
            "composer.json composer.lock auth.json ./",
        ),
        ("composer install -o", &[("composer.json", "{}")], "manual: --no-autoloader"),
        (
            "composer install",
            &[("composer.json", r#"{"autoload":{"classmap":["src"]}}"#)],
            "manual: --no-autoloader",
        ),
        (
            "composer install",
            &[("composer.json", r#"{"scripts":{"post-autoload-dump":"x"}}"#)],
            "manual: `post-autoload-dump`",
        ),
        (
            "composer install --no-scripts",
            &[("composer.json", r#"{"scripts":{"post-autoload-dump":"x"}}"#)],
            "composer.json ./",
        ),
        (
            "composer install",
            &[("composer.json", r#"{"config":{"allow-plugins":{"a/b":true}}}"#)],
            "manual: plugin `a/b`",
        ),
        (
            "composer install",
            &[("composer.json", r#"{"config":{"allow-plugins":{"symfony/flex":true}}}"#)],
            "composer.json ./",
        ),
        (
            "composer install",
            &[("composer.json", r#"{"repositories":[{"type":"path","url":"a"}]}"#)],
            "info: folder of the project",
        ),
        ("mix deps.get", &[("mix.exs", "apps_path: \"apps\"")], "info: umbrella"),
        ("mix deps.get", &[("mix.exs", "deps_path: \"deps\", build_path: \"b\"")], "mix.exs ./"),
        ("mix deps.get", &[("mix.exs", "version: File.read!(\"VERSION\")")], "manual: `File.`"),
        (
            "gradle dependencies",
            &[("build.gradle", ""), ("settings.gradle", "include 'a'")],
            "info: includes",
        ),
        ("gradle dependencies", &[("build.gradle", ""), ("buildSrc/build.gradle", "")], "manual: `buildSrc`"),
        (
            "gradle dependencies",
            &[("build.gradle", "// include\nrepositories {}\n"), ("settings.gradle", "// include\n")],
            "build.gradle settings.gradle ./",
        ),
        ("gradle build", &[("build.gradle", "")], "silent"),
    ]);
}

#[test]
fn compiled() {
    const LONE: &str = "<Project Sdk=\"Microsoft.NET.Sdk\" />";
    const BIN: &str = "[package]\nname = \"a\"\n[[bin]]\nname = \"a\"\npath = \"src/main.rs\"\n";
    each(&[
        ("go mod download && go mod verify", &[("go.mod", "module a\n"), ("go.sum", "")], "go.mod go.sum ./"),
        ("go mod download", &[("go.mod", "replace a =>\t../a // x\n")], "info: `../a"),
        ("go mod download", &[("go.mod", "replace a => example.org/a v1 // => ./x\n")], "go.mod ./"),
        ("go mod download", &[("go.mod", ""), ("go.work", "use .\n")], "info: `go.work`"),
        ("go mod tidy", &[("go.mod", "")], "silent"),
        ("cargo fetch", &[("Cargo.toml", BIN), ("Cargo.lock", "")], "Cargo.toml Cargo.lock ./"),
        (
            "cargo fetch",
            &[("Cargo.toml", "[package]\nname = \"a\"\n[lib]\nname = \"a\"\n")],
            "manual: without targets",
        ),
        ("cargo fetch", &[("Cargo.toml", "[workspace]\n")], "info: workspace"),
        (
            "cargo fetch",
            &[("Cargo.toml", "[target.'cfg(unix)'.dependencies]\na = { path = \"a\" }\n")],
            "info: folder of the project",
        ),
        ("cargo fetch", &[("Cargo.toml", BIN), (".cargo/config.toml", "")], "manual: `.cargo/config.toml`"),
        (
            "mvn -B dependency:resolve dependency:resolve-plugins",
            &[("pom.xml", "<project><!-- <module>a</module> --></project>")],
            "pom.xml ./",
        ),
        ("mvn dependency:go-offline package", &[("pom.xml", "")], "silent"),
        (
            "mvn -s ci/settings.xml dependency:go-offline",
            &[("pom.xml", ""), ("ci/settings.xml", "")],
            "pom.xml ./ | ci/settings.xml ./ci/",
        ),
        (
            "mvn -f api/pom.xml dependency:go-offline",
            &[("api/pom.xml", "<parent></parent>"), ("pom.xml", "")],
            "info: the parent",
        ),
        (
            "mvn -f api/pom.xml dependency:go-offline",
            &[("api/pom.xml", "<parent><relativePath/></parent>"), ("pom.xml", "")],
            "api/pom.xml ./api/",
        ),
        (
            "mvn dependency:go-offline",
            &[("pom.xml", "<systemPath>lib/a.jar</systemPath>")],
            "manual: `<systemPath>`",
        ),
        ("dotnet restore", &[("A.csproj", LONE), ("NuGet.Config", "")], "A.csproj NuGet.Config ./"),
        ("dotnet restore src", &[("src/A.csproj", LONE)], "src/A.csproj ./src/"),
        (
            "dotnet restore",
            &[("A.sln", "\"A\", \"a\\A.csproj\""), ("a/A.csproj", LONE), ("Directory.Build.props", "")],
            "A.sln Directory.Build.props ./ | a/A.csproj ./a/",
        ),
        ("dotnet restore", &[("A.csproj", "<Import Project=\"x.props\" />")], "manual: imports"),
        (
            "dotnet restore",
            &[("A.csproj", LONE), ("Directory.Build.props", "<Import Project=\"x.props\" />")],
            "manual: imports",
        ),
        (
            "dotnet restore",
            &[
                ("A.csproj", LONE),
                ("nuget.config", "<packageSources><add value=\"./packages\" /></packageSources>"),
            ],
            "manual: folder of packages",
        ),
        ("dotnet restore $PROJECT", &[("A.csproj", LONE)], "silent"),
        ("dotnet build", &[("A.csproj", LONE)], "silent"),
    ]);
}
