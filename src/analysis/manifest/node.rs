//! `package.json`: hooks, workspaces, folders of the project as dependencies, patches.

use serde_json::{Map, Value};

use super::{Around, Judged, Wants};
use crate::analysis::commands::Manager;

/// Scripts of the project itself that an install runs
/// (<https://docs.npmjs.com/cli/v11/using-npm/scripts#life-cycle-operation-order>).
const HOOKS: &[&str] = &[
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
    "dependencies",
    "pnpm:devPreinstall",
];

const DEPENDENCIES: &[&str] = &[
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "resolutions",
    "overrides",
];

pub(super) fn judge(text: &str, around: &Around<'_>) -> Judged {
    let Ok(Value::Object(manifest)) = serde_json::from_str(text) else {
        return Wants::More("`package.json` is not the JSON that it should be".to_owned()).into();
    };
    let mut files = Vec::new();
    let wants = members(&manifest, around)
        .and(hooks(&manifest, around))
        .and(patches(&manifest, around, &mut files))
        .and(program(around));
    Judged { wants, files }
}

fn members(manifest: &Map<String, Value>, around: &Around<'_>) -> Wants {
    let listed = |value: &Value| match value {
        Value::Array(all) => !all.is_empty(),
        Value::Object(map) => {
            map.get("packages").is_none_or(|p| p.as_array().is_none_or(|all| !all.is_empty()))
        }
        _ => true,
    };
    if manifest.get("workspaces").is_some_and(listed) {
        return Wants::Members(
            "`package.json` names workspaces, whose manifests the install reads, too".to_owned(),
        );
    }
    if around.install.manager == Manager::Pnpm && (around.is_there)("pnpm-workspace.yaml") {
        let text = (around.text)("pnpm-workspace.yaml");
        if text.is_none_or(|text| text.lines().any(|line| line.starts_with("packages:"))) {
            return Wants::Members(
                "`pnpm-workspace.yaml` names packages, whose manifests the install reads, too".to_owned(),
            );
        }
    }
    let mut local = None;
    for key in DEPENDENCIES {
        strings(manifest.get(*key), &mut |name, value| {
            let starts = ["file:", "link:", "portal:", "workspace:", "exec:", "./", "../", "/", "~/"];
            if local.is_none() && starts.iter().any(|start| value.starts_with(start)) {
                local = Some(name.to_owned());
            }
        });
    }
    match local {
        Some(name) => Wants::Members(format!("the dependency `{name}` is a folder or a file of the project")),
        None => Wants::Manifests,
    }
}

fn hooks(manifest: &Map<String, Value>, around: &Around<'_>) -> Wants {
    if around.install.flags.no_hooks {
        return Wants::Manifests;
    }
    let scripts = manifest.get("scripts").and_then(Value::as_object);
    let hook = HOOKS.iter().find(|hook| scripts.is_some_and(|scripts| scripts.contains_key(**hook)));
    match hook {
        Some(hook) => Wants::More(format!(
            "the install runs the script `{hook}` of `package.json`, which may read any file"
        )),
        // npm and its like take it for `"install": "node-gyp rebuild"`.
        None if (around.is_there)("binding.gyp") => {
            Wants::More("the install builds what `binding.gyp` names".to_owned())
        }
        None => Wants::Manifests,
    }
}

/// Patches of dependencies lie in files: pnpm and Bun list them, Yarn keeps its own in `.yarn/patches`.
fn patches(manifest: &Map<String, Value>, around: &Around<'_>, files: &mut Vec<String>) -> Wants {
    let of_pnpm = manifest.get("pnpm").and_then(|pnpm| pnpm.get("patchedDependencies"));
    let listed = [manifest.get("patchedDependencies"), of_pnpm];
    for list in listed.into_iter().flatten() {
        strings(Some(list), &mut |_, path| files.push(path.to_owned()));
    }
    let workspace = (around.text)("pnpm-workspace.yaml").filter(|_| around.install.manager == Manager::Pnpm);
    if workspace.is_some_and(|text| text.contains("patchedDependencies")) {
        return Wants::More("`pnpm-workspace.yaml` names patches of dependencies".to_owned());
    }
    let mut elsewhere = false;
    for key in DEPENDENCIES {
        strings(manifest.get(*key), &mut |_, value| {
            elsewhere |= value.starts_with("patch:") && !value.contains(".yarn/patches");
        });
    }
    if elsewhere {
        Wants::More("a dependency is patched with a file of the project".to_owned())
    } else {
        Wants::Manifests
    }
}

fn program(around: &Around<'_>) -> Wants {
    let pnpm = [".pnpmfile.cjs", ".pnpmfile.mjs", "pnpmfile.js"].into_iter();
    let name = match around.install.manager {
        Manager::Pnpm => pnpm.into_iter().find(|name| (around.is_there)(name)),
        // A mirror in a folder of the project.
        Manager::Yarn => [".yarnrc"].into_iter().find(|name| {
            (around.is_there)(name) && (around.text)(name).is_none_or(|text| text.contains("offline-mirror"))
        }),
        _ => None,
    };
    name.map_or(Wants::Manifests, |name| Wants::More(format!("`{name}` may make the install read any file")))
}

/// Every text below a value, with the key that it stands under.
fn strings<'v>(value: Option<&'v Value>, see: &mut dyn FnMut(&'v str, &'v str)) {
    let Some(Value::Object(map)) = value else { return };
    for (key, value) in map {
        match value {
            Value::String(text) => see(key, text),
            nested => strings(Some(nested), see),
        }
    }
}
