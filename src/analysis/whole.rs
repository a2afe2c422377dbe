//! Every COPY of a whole context, with the context that it copies.

use super::{
    Facts,
    context::Context,
    lookup::{Builds, best, builds, sources},
    source::is_whole,
    stages::{CopyFrom, Stages, What},
    vars::Val,
};

/// A COPY of everything.
#[derive(Debug, Clone, Copy)]
pub struct WholeCopy<'a> {
    /// Index in [`Facts::dockerfiles`].
    pub dockerfile: usize,
    /// The context.
    pub context: &'a Context,
    /// The stages that were looked at.
    pub stages: &'a Stages,
    /// The stage.
    pub stage: usize,
    /// Index in the stage's steps.
    pub step: usize,
    /// Index of the instruction.
    pub instruction: usize,
}

/// The first COPY of the whole context in every Dockerfile and context. Where no service names the context it is the
/// Dockerfile's own folder, unless its other sources are found in another one only.
pub fn copies<'a>(facts: &'a Facts<'_>) -> Vec<WholeCopy<'a>> {
    let mut all: Vec<WholeCopy<'a>> = Vec::new();
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        match builds(facts, index) {
            Builds::Named(named) => {
                for build in named {
                    let needed = build.target.map(|target| build.stages.needed(target));
                    let needs = |stage: usize| needed.as_ref().is_none_or(|needed| needed.contains(&stage));
                    let found = first(index, build.context, build.stages, needs);
                    let again = |c: &WholeCopy<'_>| {
                        found.is_some_and(|f| {
                            (f.instruction, &f.context.dir) == (c.instruction, &c.context.dir)
                        })
                    };
                    if !all.iter().rev().take_while(|c| c.dockerfile == index).any(again) {
                        all.extend(found);
                    }
                }
            }
            Builds::Guessed(contexts) => {
                let elsewhere = || {
                    let sources = sources(facts, index, &dockerfile.stages, None);
                    best(facts, &sources, &contexts).is_some_and(|(c, _)| c.dir != dockerfile.contexts[0].dir)
                };
                if let Some(found) = first(index, &dockerfile.contexts[0], &dockerfile.stages, |_| true)
                    && !elsewhere()
                {
                    all.push(found);
                }
            }
        }
    }
    all
}

fn first<'a>(
    dockerfile: usize,
    context: &'a Context,
    stages: &'a Stages,
    needs: impl Fn(usize) -> bool,
) -> Option<WholeCopy<'a>> {
    stages.all.iter().enumerate().filter(|(stage, _)| needs(*stage)).find_map(|(stage, resolved)| {
        let step = resolved.steps.iter().position(|step| match &step.what {
            What::Copy(copy) => {
                copy.from == CopyFrom::Context
                    && !copy.selects()
                    && copy.sources.iter().filter_map(Val::known).any(is_whole)
            }
            _ => false,
        })?;
        Some(WholeCopy {
            dockerfile,
            context,
            stages,
            stage,
            step,
            instruction: resolved.steps[step].instruction,
        })
    })
}
