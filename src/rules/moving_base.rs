//! `moving-base`: a stage starts from an image whose name moves, and nothing tells the build to ask for the new one.

use std::collections::HashSet;

use crate::{
    analysis::{
        Facts,
        images::Own,
        stages::Base,
    },
    diag::{Safety, Severity, Sink},
    model::{
        compose::edit,
        image::{ImageRef, Pin},
    },
    text::{Edit, FileId, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let own = Own::of(facts);
    for index in 0..facts.dockerfiles.len() {
        look(facts, index, &own, sink);
    }
}

/// A base image and the FROM that names it first.
struct Moving {
    image: ImageRef,
    stage: usize,
}

fn look(facts: &Facts<'_>, index: usize, own: &Own, sink: &mut Sink<'_>) {
    let pulled = |service| facts.model(service).build.as_ref().is_some_and(|b| is_true(b.pull.as_ref()));
    if facts.builders(index).next().is_some() && facts.builders(index).all(pulled) {
        return;
    }
    let dockerfile = &facts.dockerfiles[index];
    let mut seen = HashSet::new();
    let bases: Vec<Moving> = dockerfile
        .stages
        .all
        .iter()
        .enumerate()
        .filter_map(|(stage, resolved)| match &resolved.base {
            Base::Image(name) => Some(Moving { image: ImageRef::parse(name.known()?)?, stage }),
            Base::Scratch | Base::Stage(_) => None,
        })
        .filter(|base| base.image.pin() != Pin::Digest && seen.insert(base.image.clone()))
        .collect();
    let fix = pull(facts, index, own);
    for base in bases.iter().filter(|base| !own.is_local(&base.image)) {
        report(facts, index, base, &fix, sink);
    }
}

fn is_true(value: Option<&crate::model::compose::Value>) -> bool {
    value.is_some_and(|v| v.known.as_deref() == Some("true"))
}

fn report(facts: &Facts<'_>, index: usize, base: &Moving, fix: &Pull, sink: &mut Sink<'_>) {
    let model = &facts.dockerfiles[index].model;
    let written = &model.stages[base.stage].base;
    let at = Location::new(model.file, written.span);
    let name = base.image.familiar();
    // Whoever passes another value chooses another image; a version that is the default is a version.
    let chosen = written.value.contains('$');
    if base.image.pin() == Pin::Tag {
        if chosen {
            return;
        }
        let tag = base.image.tag.as_deref().unwrap_or_default();
        let message = format!("`{name}:{tag}` can move: without `--pull` a build keeps the one it has");
        sink.report(at, message).at_most(Severity::Info).fix(Safety::Manual, "build with `--pull`", Vec::new());
        return;
    }
    let finding = sink.report(
        at,
        format!(
            "once this machine has pulled `{name}:latest`, no rebuild, not even with `--no-cache`, asks for the new \
             one"
        ),
    );
    let finding = if chosen { finding.at_most(Severity::Info) } else { finding };
    match fix {
        Pull::Edits(edits) => finding
            .help("name a version, or build with `--pull`")
            .fix(Safety::Unsafe, "pull the base images at every build", edits.clone()),
        Pull::No(reason) => finding
            .help(format!("name a version, or build with `--pull`{reason}"))
            .fix(Safety::Manual, "name a version, or build with `--pull`", Vec::new()),
    };
}

/// How compose can be told to pull.
enum Pull {
    Edits(Vec<(FileId, Edit)>),
    /// Why it cannot, to follow the advice.
    No(String),
}

fn pull(facts: &Facts<'_>, index: usize, own: &Own) -> Pull {
    let mut lacking = Vec::new();
    for service in facts.builders(index) {
        let model = facts.model(service);
        let Some(build) = &model.build else { continue };
        if is_true(build.pull.as_ref()) {
            continue;
        }
        let stages = build_stages(facts, index, service.build.as_ref().and_then(|b| b.stages.as_ref()));
        let images = stages.filter_map(|base| match base {
            Base::Image(name) => Some(name.known().and_then(ImageRef::parse)),
            Base::Scratch | Base::Stage(_) => None,
        });
        if let Some(image) = images.flatten().find(|image| own.is_local(image)) {
            return Pull::No(format!(": `{}` is in no registry", image.familiar()));
        }
        lacking.push(model);
    }
    let Some(files) = facts.builds_by_file(lacking) else {
        return Pull::No(" (the build is not written in a service)".to_owned());
    };
    let mut edits = Vec::new();
    for (file, services) in files {
        let Some(compose) = facts.compose(file) else { continue };
        match edit::set_build_pull(&facts.snapshot.file(file).text, compose, &services) {
            Ok(made) => edits.extend(made.into_iter().map(|e| (file, e))),
            Err(refused) => return Pull::No(format!(" ({refused})")),
        }
    }
    if edits.is_empty() { Pull::No(String::new()) } else { Pull::Edits(edits) }
}

/// What the stages start from, under a service's own arguments.
fn build_stages<'a>(
    facts: &'a Facts<'_>,
    index: usize,
    own: Option<&'a crate::analysis::stages::Stages>,
) -> impl Iterator<Item = &'a Base> {
    own.unwrap_or(&facts.dockerfiles[index].stages).all.iter().map(|stage| &stage.base)
}
