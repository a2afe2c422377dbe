//! `split-apt-update`: a RUN installs from a package index that an earlier, cached RUN fetched.

use crate::{
    analysis::{
        DockerfileFacts, Facts, cache,
        commands::{Effect, How, Packages, System},
        stages::{RunFacts, Step, What},
    },
    diag::{Safety, Sink},
    text::{Edit, FileId, Location, Span},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (index, dockerfile) in facts.dockerfiles.iter().enumerate() {
        for stage in 0..dockerfile.stages.all.len() {
            for split in splits(dockerfile, stage) {
                let (from, at) = split.fetched;
                if cache::bust(facts, index, &dockerfile.stages, from, at).is_none() {
                    report(facts, dockerfile, stage, &split, sink);
                }
            }
        }
    }
}

/// An index and the installs of a stage that use it in later RUNs.
struct Split {
    /// Stage and step that fetched the index.
    fetched: (usize, usize),
    /// The command.
    command: Span,
    installs: Vec<Install>,
}

struct Install {
    /// The step in the stage.
    at: usize,
    span: Span,
    refresh: Option<String>,
}

/// A folder where a package manager keeps its index.
const INDEXES: &[&str] = &["/var/lib/apt", "/var/cache/apk", "/var/lib/pacman", "/etc/apk"];

fn splits(dockerfile: &DockerfileFacts, stage: usize) -> Vec<Split> {
    let mut indexes: Vec<(System, (usize, usize), Span)> = Vec::new();
    let mut found: Vec<Split> = Vec::new();
    for (s, at, step) in dockerfile.stages.steps(stage) {
        let Some(run) = plain(step) else { continue };
        for packages in &run.packages {
            match packages {
                Packages::Index { system, span } => {
                    indexes.retain(|(known, _, _)| known != system);
                    indexes.push((*system, (s, at), *span));
                }
                Packages::Unknown => indexes.clear(),
                Packages::Install { system, fresh: false, refresh, span } if s == stage => {
                    let Some((_, fetched, command)) = indexes.iter().find(|(known, _, _)| known == system)
                    else {
                        continue;
                    };
                    let install = Install { at, span: *span, refresh: refresh.clone() };
                    match found.iter_mut().find(|split| split.fetched == *fetched) {
                        Some(split) => split.installs.push(install),
                        None => found.push(Split {
                            fetched: *fetched,
                            command: *command,
                            installs: vec![install],
                        }),
                    }
                }
                Packages::Install { .. } => {}
            }
        }
        if run.writes.iter().any(|w| w.how == How::Removed && w.path.starts_with(INDEXES[0])) {
            indexes.retain(|(system, _, _)| *system != System::Apt);
        }
    }
    found
}

/// A RUN whose index, if it has one, lies in the image and not in a mount.
fn plain(step: &Step) -> Option<&RunFacts> {
    let What::Run(run) = &step.what else { return None };
    let mounted = run.mounts.iter().any(|mount| {
        let target = mount.target.known().unwrap_or_default();
        INDEXES.iter().any(|index| target.starts_with(index))
    });
    (!mounted).then_some(run)
}

fn report(
    facts: &Facts<'_>,
    dockerfile: &DockerfileFacts,
    stage: usize,
    split: &Split,
    sink: &mut Sink<'_>,
) {
    let file = dockerfile.model.file;
    let text = &facts.snapshot.file(file).text;
    let said = |span: Span| text[span.range()].lines().next().unwrap_or_default().trim_end_matches(['\\', ' ']);
    let first = &split.installs[0];
    let mut finding = sink
        .report(
            Location::new(file, first.span),
            format!(
                "`{}` uses the package index that `{}` left in the cache: changed later, it installs what was new \
                 then, or fails",
                short(said(first.span)),
                said(split.command)
            ),
        )
        .label(Location::new(file, split.command), "fetched once, cached from then on");
    for install in split.installs.iter().skip(1).take(8) {
        finding = finding.label(Location::new(file, install.span), "this one, too");
    }
    let title = "fetch the index in the RUN that installs";
    match edits(dockerfile, stage, split) {
        Some(edits) => finding.fix(Safety::Unsafe, title, edits),
        None => finding.fix(Safety::Manual, title, Vec::new()),
    };
}

/// The command up to its first package.
fn short(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    if words.len() > 6 { format!("{} …", words[..6].join(" ")) } else { words.join(" ") }
}

fn edits(dockerfile: &DockerfileFacts, stage: usize, split: &Split) -> Option<Vec<(FileId, Edit)>> {
    let file = dockerfile.model.file;
    let steps = &dockerfile.stages.all[stage].steps;
    let mut edits = Vec::new();
    let mut done = Vec::new();
    for install in &split.installs {
        // One fetch is enough for all installs of a RUN.
        if !done.contains(&install.at) {
            done.push(install.at);
            edits.push((file, Edit::insert(install.span.start(), format!("{} && ", install.refresh.as_ref()?))));
        }
    }
    let (from, at) = split.fetched;
    let alone = matches!(&steps.get(at)?.what, What::Run(run) if run.effects.len() == 1);
    // A RUN that only prints, as a layer against the cache does, needs no index.
    let needs = |run: &RunFacts| {
        !run.effects.iter().all(|e| matches!(e, Effect::Nothing | Effect::PrintsClock { .. }))
    };
    let next = steps.iter().enumerate().skip(at + 1).find(|(_, step)| matches!(&step.what, What::Run(run) if needs(run)));
    // What the next RUN fetches anew, this one need not leave for it or for those after it.
    if from == stage && alone && next.is_some_and(|(at, _)| done.contains(&at)) {
        let lines = dockerfile.model.instructions[steps[at].instruction].lines;
        edits.push((file, Edit::replace(lines, "")));
    }
    Some(edits)
}
