//! What an earlier build left on the machine that builds, and a COPY of everything brings along.

use super::{
    Facts,
    commands::Effect,
    paths,
    stages::{Step, What},
    whole::WholeCopy,
};
use crate::model::dockerfile::{Form, Kind};

/// Something that a build leaves behind and a later one believes.
#[derive(Debug)]
pub struct State {
    /// Where it lies, from the context; git ignores it, or the listing has it.
    sample: &'static str,
    /// The line for the ignore file.
    pub line: &'static str,
    /// The programs that believe it, in a RUN after the COPY.
    programs: &'static [&'static str],
    /// What comes of it.
    pub loss: &'static str,
}

/// Stands for the script of a `package.json` that builds.
const SCRIPT: &str = "run build";

/// Stands for `pip install .`.
const LOCAL: &str = "install .";

const STATES: &[State] = &[
    State {
        sample: "target/x",
        line: "**/target",
        programs: &["cargo", "mvn", "mvnw"],
        loss: "what was compiled there before counts as up to date",
    },
    State {
        sample: "obj/x",
        line: "**/obj",
        programs: &["dotnet", "msbuild"],
        loss: "what was compiled there before counts as up to date",
    },
    State {
        sample: "tsconfig.tsbuildinfo",
        line: "**/*.tsbuildinfo",
        programs: &["tsc"],
        loss: "the compiler emits nothing for what it names",
    },
    State {
        sample: ".next/cache/x",
        line: "**/.next",
        programs: &["next", SCRIPT],
        loss: "the build starts from the machine's cache",
    },
    State {
        sample: "build/lib/x",
        line: "build",
        programs: &[LOCAL],
        loss: "modules that were deleted or renamed are installed again",
    },
];

/// What is installed, not compiled.
pub const MODULES: State = State {
    sample: "node_modules/x",
    line: "**/node_modules",
    programs: &[],
    loss: "they replace what the install above has put there",
};

/// Python's own.
pub const BYTECODE: State = State {
    sample: "__pycache__/x.pyc",
    line: "**/__pycache__",
    programs: &[],
    loss: "old bytecode runs where a source has the old size and time",
};

/// What a COPY of everything is known to bring of it: the first is what matters most.
pub fn found(facts: &Facts<'_>, copy: &WholeCopy<'_>) -> Vec<&'static State> {
    let comes = |state: &State| {
        let at = paths::join(&copy.context.dir, state.sample);
        let git = facts.git.ignores(facts.snapshot, &at);
        git && copy.context.ignored(state.sample).is_none()
    };
    let steps = &copy.stages.all[copy.stage].steps;
    let mut programs = programs(facts, copy, &steps[copy.step..]);
    if programs.contains(&SCRIPT) && script_compiles(facts, copy) {
        programs.push("tsc");
    }
    let believed = |state: &&State| {
        programs.iter().any(|p| state.programs.contains(p)) && !fixes_itself(state, &programs)
    };
    let mut found: Vec<&State> = Vec::new();
    if installs_modules(copy) && comes(&MODULES) {
        found.push(&MODULES);
    }
    found.extend(STATES.iter().filter(believed).filter(|state| comes(state)));
    let python = facts
        .snapshot
        .below(&copy.context.dir)
        .take(NEAR)
        .any(|(path, _)| path.rsplit_once('.').is_some_and(|(_, ending)| ending == "py"));
    if python && comes(&BYTECODE) {
        found.push(&BYTECODE);
    }
    found
}

/// How many paths are looked at to see whether a folder holds Python.
const NEAR: usize = 2000;

/// `clean` before the build: nothing old is believed.
fn fixes_itself(state: &State, programs: &[&str]) -> bool {
    programs.contains(&"clean") && state.programs.contains(&"cargo")
}

/// Whether the `package.json` of the context names `tsc`.
fn script_compiles(facts: &Facts<'_>, copy: &WholeCopy<'_>) -> bool {
    let manifest = facts.snapshot.find(&paths::join(&copy.context.dir, "package.json"));
    manifest.is_some_and(|id| {
        let text = &facts.snapshot.file(id).text;
        ["\"tsc ", "\"tsc\"", " tsc "].iter().any(|call| text.contains(call))
    })
}

/// What the steps run: the programs, those that `npx` and its like start, `clean`, [`SCRIPT`] and [`LOCAL`].
fn programs<'a>(facts: &'a Facts<'_>, copy: &WholeCopy<'_>, steps: &[Step]) -> Vec<&'a str> {
    let model = &facts.dockerfiles[copy.dockerfile].model;
    let mut all = Vec::new();
    for step in steps {
        let Kind::Run(run) = &model.instructions[step.instruction].kind else { continue };
        match &run.form {
            Form::Shell(script) => {
                for command in &script.commands {
                    let words: Vec<&str> =
                        command.words.iter().filter_map(|w| w.literal.as_deref()).collect();
                    let Some(program) = words.first().map(|word| paths::base_name(word)) else { continue };
                    all.push(program);
                    let node = matches!(program, "npm" | "npx" | "yarn" | "pnpm" | "bun");
                    all.extend(words[1..].iter().filter_map(|word| match *word {
                        "clean" => Some("clean"),
                        "build" if node => Some(SCRIPT),
                        "." | "./" if matches!(program, "pip" | "pip3") => Some(LOCAL),
                        "tsc" | "next" if node => Some(*word),
                        _ => None,
                    }));
                }
            }
            Form::Exec(words) => all.extend(words.first().map(|w| paths::base_name(&w.value))),
        }
    }
    all
}

/// Whether the stage, or one that it starts from, installs Node's modules before the COPY.
fn installs_modules(copy: &WholeCopy<'_>) -> bool {
    let chain = copy.stages.chain(copy.stage);
    let inherited = chain[..chain.len() - 1].iter().flat_map(|&s| &copy.stages.all[s].steps);
    inherited.chain(&copy.stages.all[copy.stage].steps[..copy.step]).any(|step| match &step.what {
        What::Run(run) => run.effects.iter().any(|effect| match effect {
            Effect::Install(install) => install.manager.is_node(),
            _ => false,
        }),
        _ => false,
    })
}
