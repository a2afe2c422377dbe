//! Which front-end build steps write the values of their environment into what they build.

use serde_json::Value;

use super::{
    Facts,
    links::Service,
    paths,
    stages::{Stages, What},
};
use crate::{
    model::dockerfile::{Form, Kind, Run},
    syntax::shell::Command,
};

/// A build tool that replaces variables by their values while it builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundler {
    /// What the names of the variables start with.
    pub prefix: &'static str,
    /// The tool's build command.
    pub command: [&'static str; 2],
}

/// From the tools' documentation: Next.js "Environment Variables", Vite "Env Variables and Modes", Create React App
/// "Adding Custom Environment Variables", Vue CLI "Modes and Environment Variables", Gatsby "Environment Variables",
/// Expo "Environment variables". Nuxt's `NUXT_PUBLIC_` is not here: its server reads them when it starts.
const BUNDLERS: &[Bundler] = &[
    Bundler { prefix: "NEXT_PUBLIC_", command: ["next", "build"] },
    Bundler { prefix: "VITE_", command: ["vite", "build"] },
    Bundler { prefix: "REACT_APP_", command: ["react-scripts", "build"] },
    Bundler { prefix: "REACT_APP_", command: ["craco", "build"] },
    Bundler { prefix: "VUE_APP_", command: ["vue-cli-service", "build"] },
    Bundler { prefix: "GATSBY_", command: ["gatsby", "build"] },
    Bundler { prefix: "EXPO_PUBLIC_", command: ["expo", "export"] },
];

/// A RUN that bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundling {
    /// The tool.
    pub bundler: &'static Bundler,
    /// The stage.
    pub stage: usize,
    /// Index of the RUN in the Dockerfile's instructions.
    pub instruction: usize,
}

/// The bundling RUNs that the image of a service is made with: the tool's own command, or a script of that name in a
/// `package.json` of the context.
pub fn bundlings(facts: &Facts<'_>, service: &Service, stages: &Stages, target: usize) -> Vec<Bundling> {
    let Some(build) = &service.build else { return Vec::new() };
    let Some(dockerfile) = build.dockerfile.map(|index| &facts.dockerfiles[index].model) else {
        return Vec::new();
    };
    let dir = build.context.as_ref().map(|context| context.dir.as_str());
    let mut found = Vec::new();
    for stage in stages.needed(target) {
        for step in &stages.all[stage].steps {
            let (What::Run(_), Kind::Run(run)) =
                (&step.what, &dockerfile.instructions[step.instruction].kind)
            else {
                continue;
            };
            let tools = tools(facts, dir, run);
            found.extend(tools.into_iter().map(|bundler| Bundling {
                bundler,
                stage,
                instruction: step.instruction,
            }));
        }
    }
    found
}

fn tools(facts: &Facts<'_>, dir: Option<&str>, run: &Run) -> Vec<&'static Bundler> {
    let calls: Vec<Vec<&str>> = match &run.form {
        Form::Shell(script) => script.commands.iter().map(words).collect(),
        Form::Exec(words) => vec![words.iter().map(|w| w.value.as_str()).collect()],
    };
    let mut found: Vec<&'static Bundler> = Vec::new();
    for call in calls {
        found.extend(BUNDLERS.iter().filter(|b| call.windows(2).any(|pair| pair == b.command)));
        if let Some((script, dir)) = script_of(&call).zip(dir) {
            found.extend(scripts(facts, dir, script));
        }
    }
    found
}

fn words(command: &Command) -> Vec<&str> {
    command.words.iter().map(|w| w.literal.as_deref().unwrap_or(&w.raw)).collect()
}

/// The `package.json` script that `npm run NAME` and its like run.
fn script_of<'a>(call: &[&'a str]) -> Option<&'a str> {
    let (program, rest) = call.split_first()?;
    if !matches!(*program, "npm" | "yarn" | "pnpm" | "bun") {
        return None;
    }
    let mut plain = rest.iter().copied().filter(|word| !word.starts_with('-'));
    match plain.next()? {
        "run" | "run-script" => plain.next(),
        // Only npm needs `run` before a script's name.
        name if *program != "npm" => Some(name),
        _ => None,
    }
}

fn scripts(facts: &Facts<'_>, dir: &str, script: &str) -> Vec<&'static Bundler> {
    let manifests = facts.snapshot.files().filter(|(_, file)| {
        paths::base_name(&file.path) == "package.json"
            && paths::below(dir, &file.path).is_some()
            && !file.path.contains("node_modules/")
    });
    let mut found = Vec::new();
    for (_, file) in manifests {
        let Ok(manifest) = serde_json::from_str::<Value>(file.text.trim_start_matches('\u{feff}')) else {
            continue;
        };
        let Some(line) = manifest["scripts"][script].as_str() else { continue };
        let words: Vec<&str> = line.split_whitespace().collect();
        found.extend(BUNDLERS.iter().filter(|b| words.windows(2).any(|pair| pair == b.command)));
    }
    found
}
