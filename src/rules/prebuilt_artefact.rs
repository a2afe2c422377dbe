//! `prebuilt-artefact`: what is copied is a build output that git ignores, so a build outside of Docker decides what ships.

use std::collections::BTreeSet;

use crate::{
    analysis::{
        Facts,
        lookup::{Builds, best, builds, sources},
        paths,
        source::is_artefact,
    },
    diag::{Safety, Sink},
    text::Location,
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        let (dirs, stages, target) = match builds(facts, index) {
            Builds::Named(named) => {
                let Some(first) = named.first().copied() else { continue };
                let dirs: Vec<String> = named.iter().map(|b| b.context.dir.clone()).collect();
                (dirs, first.stages, first.target.filter(|_| named.len() == 1))
            }
            Builds::Guessed(contexts) => {
                let all = sources(facts, index, &dockerfile.stages, None);
                let own = contexts.first();
                let context = best(facts, &all, &contexts).map(|(context, _)| context).or(own);
                (context.map(|c| c.dir.clone()).into_iter().collect(), &dockerfile.stages, None)
            }
        };
        let mut said = BTreeSet::new();
        for source in sources(facts, index, stages, target) {
            let at = |dir: &String| paths::join(dir, &source.path.replace('*', "x"));
            let listed = |dir: &String| facts.snapshot.entry(&paths::join(dir, &source.path)).is_some();
            let made = is_artefact(&source.path)
                && dirs.iter().any(|dir| !listed(dir) && facts.git.ignores(facts.snapshot, &at(dir)));
            if !made || !said.insert(source.span) {
                continue;
            }
            let path = &source.path;
            sink.report(
                Location::new(dockerfile.model.file, source.span),
                format!("`{path}` is built outside of this build and git ignores it: an image without that step before it ships the old code"),
            )
            .help("the commit that the image claims to be is not what it holds unless the output was made from it just before")
            .fix(Safety::Manual, format!("build `{path}` in a stage and copy it with `--from`"), Vec::new());
        }
    }
}
