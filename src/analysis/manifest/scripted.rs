//! Manifests of interpreted languages: Gemfiles, `composer.json`, `mix.exs`, Gradle's build scripts. All but one are
//! programs: what they read beside themselves is looked for by name.

use serde_json::Value;

use super::{Around, Judged, Wants, first_of, uncommented};

/// A Gemfile.
pub(super) fn bundler(text: &str) -> Judged {
    const HASH: &[&str] = &["#"];
    // The name of the gem's own files stands in no list.
    if uncommented(text, HASH).any(|line| line.starts_with("gemspec")) {
        return Wants::Sources.into();
    }
    if first_of(text, HASH, &["path:", ":path", "path '", "path \""]).is_some() {
        return Wants::Members("a gem is a folder of the project".to_owned()).into();
    }
    let more = first_of(
        text,
        HASH,
        &["eval_gemfile", "File.", "Dir.", "Dir[", "IO.", "require", "instance_eval", "`"],
    );
    if let Some(word) = more {
        return Wants::More(format!("`{word}` in the Gemfile may read any file")).into();
    }
    // `ruby file: ".ruby-version"`
    let version = uncommented(text, HASH)
        .filter(|line| line.starts_with("ruby "))
        .find_map(|line| line.split_once("file:")?.1.split(['"', '\'']).nth(1).map(str::to_owned));
    Judged { wants: Wants::Manifests, files: version.into_iter().collect() }
}

/// Plugins of Composer that read nothing but what the install has put into `vendor`, and the manifest.
const PLUGINS: &[&str] = &[
    "composer/installers",
    "composer/package-versions-deprecated",
    "dealerdirect/phpcodesniffer-composer-installer",
    "ergebnis/composer-normalize",
    "pestphp/pest-plugin",
    "php-http/discovery",
    "phpstan/extension-installer",
    "symfony/flex",
    "symfony/runtime",
];

/// Scripts that `composer install` runs (<https://getcomposer.org/doc/articles/scripts.md#event-names>).
const EVENTS: &[&str] = &[
    "pre-install-cmd",
    "post-install-cmd",
    "pre-autoload-dump",
    "post-autoload-dump",
    "pre-package-install",
    "post-package-install",
    "pre-operations-exec",
    "pre-file-download",
    "init",
    "command",
];

/// `composer.json`.
pub(super) fn composer(text: &str, around: &Around<'_>) -> Judged {
    let Ok(manifest) = serde_json::from_str::<Value>(text) else {
        return Wants::More("`composer.json` is not the JSON that it should be".to_owned()).into();
    };
    let flags = around.install.flags;
    let has = |key: &str, name: &str| manifest.get(key).and_then(|part| part.get(name)).is_some();
    let kind = |kind: &str| {
        let repositories = manifest.get("repositories");
        let list = repositories.and_then(Value::as_array).map(|all| all.iter().collect::<Vec<_>>());
        let map = repositories.and_then(Value::as_object).map(|all| all.values().collect::<Vec<_>>());
        list.or(map)
            .is_some_and(|all| all.iter().any(|r| r.get("type").and_then(Value::as_str) == Some(kind)))
    };
    if kind("path") {
        return Wants::Members("a package is a folder of the project".to_owned()).into();
    }
    let plugin = manifest
        .get("config")
        .and_then(|config| config.get("allow-plugins"))
        .and_then(Value::as_object)
        .and_then(|all| {
            all.iter().find(|(name, on)| **on == Value::Bool(true) && !PLUGINS.contains(&name.as_str()))
        });
    let all_plugins =
        manifest.get("config").and_then(|config| config.get("allow-plugins")) == Some(&Value::Bool(true));
    let scanned = ["autoload", "autoload-dev"].iter().any(|key| has(key, "classmap") || has(key, "files"));
    let optimized =
        flags.optimized || has("config", "optimize-autoloader") || has("config", "classmap-authoritative");
    let event = EVENTS.iter().find(|event| has("scripts", event));
    let why = match (event, plugin) {
        (Some(event), _) if !flags.no_hooks => {
            format!("the install runs the script `{event}`, which may read any file")
        }
        (_, Some((name, _))) if !flags.no_plugins => format!("the plugin `{name}` may read any file"),
        _ if all_plugins && !flags.no_plugins => "plugins may read any file".to_owned(),
        _ if kind("artifact") => "packages are taken from a folder".to_owned(),
        _ if !flags.no_autoloader && (scanned || optimized) => {
            "the autoloader is made from the sources: install with `--no-autoloader`, and \
             run `composer dump-autoload` after the COPY"
                .to_owned()
        }
        _ => return Wants::Manifests.into(),
    };
    Wants::More(why).into()
}

/// `mix.exs`.
pub(super) fn mix(text: &str) -> Wants {
    const HASH: &[&str] = &["#"];
    if first_of(text, HASH, &["apps_path:", "in_umbrella:"]).is_some() {
        return Wants::Members(
            "`mix.exs` is part of an umbrella project, whose manifests belong together".to_owned(),
        );
    }
    let path = |line: &str| {
        line.match_indices("path:").any(|(at, _)| line[..at].ends_with([' ', '(', '{', '[', ',']) || at == 0)
    };
    if uncommented(text, HASH).any(path) {
        return Wants::Members("a dependency is a folder of the project".to_owned());
    }
    match first_of(text, HASH, &["File.", "Code.", "Path.", "System.cmd", "deps.get"]) {
        Some(word) => Wants::More(format!("`{word}` in `mix.exs` may read any file")),
        None => Wants::Manifests,
    }
}

/// `build.gradle` with `settings.gradle`.
pub(super) fn gradle(text: &str, around: &Around<'_>) -> Wants {
    const SLASHES: &[&str] = &["//", "*", "/*"];
    let settings =
        ["settings.gradle", "settings.gradle.kts"].into_iter().find(|name| (around.is_there)(name));
    let settings = settings.map(|name| (around.text)(name).unwrap_or("include"));
    if settings.is_some_and(|text| first_of(text, SLASHES, &["include"]).is_some()) {
        return Wants::Members(
            "`settings.gradle` includes other projects, whose scripts the install reads, too".to_owned(),
        );
    }
    if (around.is_there)("buildSrc") {
        return Wants::More("`buildSrc` is built before the install".to_owned());
    }
    let reads = &[
        "apply from",
        "apply(from",
        "file(",
        "files(",
        "File",
        "fileTree",
        "readText",
        ".text",
        "exec",
        "rootDir",
        "projectDir",
        "project(",
    ];
    let all = [text, settings.unwrap_or("")];
    match all.iter().find_map(|text| first_of(text, SLASHES, reads)) {
        Some(word) => Wants::More(format!("`{word}` in the build script may read any file")),
        None => Wants::Manifests,
    }
}
