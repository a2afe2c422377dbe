//! How what is made from a file that only the build reads gets into the image: the stages in which it lies, the COPYs that
//! take something out of them, and what may make the outcome older than the file.

use super::{
    leftovers::{self, BYTECODE, MODULES},
    older::{self, Kept},
    source::is_whole,
    stages::{Base, CopyFacts, CopyFrom, DestDir, RunFacts, What},
    vars::Val,
    walk::{Hop, InStage, Walk},
    whole::WholeCopy,
};

/// The way through the stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The stages that something is taken from, in the order of the file.
    pub stages: Vec<Through>,
    /// What takes something from one of them, those into the image included.
    pub edges: Vec<Edge>,
    /// Why the outcome may be older than the file, or cannot be told from it. With one, nothing follows from equal bytes.
    pub doubts: Vec<Doubt>,
}

/// A stage on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Through {
    /// Its number in the Dockerfile.
    pub index: usize,
    /// What names it as the target of a build. One without a name has its number here, which no builder takes (measured on
    /// engines 20.10 and 26.1, both builders).
    pub name: String,
    /// Where the file itself lies in it when it is done; nowhere in a stage that works on what another one made.
    pub paths: Vec<String>,
}

/// A COPY from one stage into another, or into the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Number of the stage that it takes from.
    pub from: usize,
    /// Number of the stage that it fills; `None` for the image.
    pub to: Option<usize>,
    /// The COPY, its destination seen to be a folder where an earlier one makes it.
    pub copy: CopyFacts,
    /// The instruction.
    pub hop: Hop,
}

/// A reason to doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// As a clause.
    pub why: String,
    /// Whether a build without any cache ends it.
    pub ends_anew: bool,
}

/// Follows it.
pub(super) fn of(walk: &Walk<'_>, found: &[InStage], target: usize) -> Way {
    let affected = affected(walk, found, target);
    let (mut open, mut looked, mut edges) = (vec![target], vec![target], Vec::new());
    while let Some(at) = open.pop() {
        for edge in into(walk, at, target, &affected) {
            if !looked.contains(&edge.from) {
                looked.push(edge.from);
                open.push(edge.from);
            }
            edges.push(edge);
        }
    }
    edges.sort_by_key(|edge| (edge.from, edge.to.unwrap_or(target)));
    looked.sort_unstable();
    let mut doubts: Vec<Doubt> = Vec::new();
    for &stage in &looked {
        for doubt in doubts_of(walk, found, stage, target, &affected) {
            if !doubts.contains(&doubt) {
                doubts.push(doubt);
            }
        }
    }
    let through = |&index: &usize| Through {
        index,
        name: name(walk, index),
        paths: found[index].lying.iter().map(|lying| lying.path.clone()).collect(),
    };
    let stages: Vec<Through> = looked.iter().filter(|&&stage| stage != target).map(through).collect();
    if doubts.is_empty() && stages.iter().all(|stage| stage.paths.is_empty()) {
        let why = "it lies in no stage that something is taken from".to_owned();
        doubts.push(Doubt { why, ends_anew: false });
    }
    Way { stages, edges, doubts }
}

fn name(walk: &Walk<'_>, stage: usize) -> String {
    own_name(walk, stage).map_or_else(|| stage.to_string(), str::to_owned)
}

/// The name of a stage that leads to it and to no other.
fn own_name<'w>(walk: &'w Walk<'_>, stage: usize) -> Option<&'w str> {
    let mut of_all = walk.stages.all.iter().filter_map(|stage| stage.name.as_deref());
    let name = walk.stages.all[stage].name.as_deref()?;
    let alone = of_all.by_ref().filter(|other| *other == name).count() == 1;
    alone.then_some(name)
}

/// Which stages hold something that may be made from the file.
fn affected(walk: &Walk<'_>, found: &[InStage], target: usize) -> Vec<bool> {
    let mut affected: Vec<bool> = Vec::with_capacity(target + 1);
    for stage in 0..=target {
        let own = &walk.stages.all[stage];
        let inherits = matches!(own.base, Base::Stage(parent) if affected[parent]);
        let takes = own.steps.iter().any(|step| match &step.what {
            What::Copy(CopyFacts { from: CopyFrom::Stage(from), .. }) => affected[*from],
            What::Run(run) => mounted(run).any(|from| affected[from] || !found[from].lying.is_empty()),
            _ => false,
        });
        affected.push(inherits || takes || (!found[stage].lying.is_empty() && works(walk, stage)));
    }
    affected
}

/// Whether something may be made in a stage. A base image can have instructions of its own (`ONBUILD`).
fn works(walk: &Walk<'_>, stage: usize) -> bool {
    let root = walk.stages.chain(stage)[0];
    walk.stages.all[root].base != Base::Scratch
        || walk.stages.steps(stage).any(|(_, _, step)| match &step.what {
            What::Run(_) => true,
            What::Copy(copy) => copy.is_add,
            _ => false,
        })
}

/// The stages that the mounts of a RUN show.
fn mounted(run: &RunFacts) -> impl Iterator<Item = usize> {
    run.mounts.iter().filter_map(|mount| match mount.from {
        Some(CopyFrom::Stage(from)) => Some(from),
        _ => None,
    })
}

/// The COPYs that bring something of the file into a stage.
fn into(walk: &Walk<'_>, stage: usize, target: usize, affected: &[bool]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (own, at, step) in walk.stages.steps(stage) {
        let What::Copy(copy) = &step.what else { continue };
        let CopyFrom::Stage(from) = copy.from else { continue };
        if !affected[from] {
            continue;
        }
        let made = copy.dest.known().is_some_and(|dest| walk.makes_dir((own, at), dest));
        let dest_dir = if made { DestDir::Yes } else { copy.dest_dir };
        edges.push(Edge {
            from,
            to: (stage != target).then_some(stage),
            copy: CopyFacts { dest_dir, ..copy.clone() },
            hop: walk.hop(step.instruction),
        });
    }
    edges
}

fn doubts_of(
    walk: &Walk<'_>,
    found: &[InStage],
    stage: usize,
    target: usize,
    affected: &[bool],
) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let mut doubt = |ends_anew, why: String| doubts.push(Doubt { why, ends_anew });
    let called =
        if stage == target { "the image".to_owned() } else { format!("the stage `{}`", name(walk, stage)) };
    if stage != target && own_name(walk, stage).is_none() {
        doubt(
            false,
            format!("{called} has no name of its own by which it could be built alone: `FROM … AS build`"),
        );
    }
    let lies = |stage: usize| !found[stage].lying.is_empty();
    let chain = walk.stages.chain(stage);
    if !lies(stage) && chain.iter().any(|&ancestor| lies(ancestor)) {
        doubt(false, format!("a later step of {called} puts another file in its place"));
    }
    // What runs before something of the file is there has nothing to do with it.
    let mut reached = lies(stage);
    for (_, _, step) in walk.stages.steps(stage) {
        match &step.what {
            What::Copy(CopyFacts { from: CopyFrom::Stage(from), .. }) => reached |= affected[*from],
            What::Run(run) => {
                let shows = mounted(run).any(|from| affected[from] || lies(from));
                let unknown = run.mounts.iter().any(|m| m.from == Some(CopyFrom::External(Val::Unknown)));
                if shows || (unknown && reached) || (walk.sees(run) && !lies(stage)) {
                    doubt(
                        false,
                        format!(
                            "a RUN of {called} sees it, or what is made from it, through a mount only, of which nothing stays to be compared"
                        ),
                    );
                    reached = true;
                }
                for mount in run.mounts.iter().filter(|mount| mount.kind == "cache" && reached) {
                    let at = mount.target.known();
                    if at.map(older::kept) != Some(Kept::Addressed) {
                        let at = at.map_or_else(String::new, |at| format!(" at `{at}`"));
                        doubt(
                            true,
                            format!(
                                "{called} is built with a cache mount{at}: what it keeps from earlier builds can be older than the sources"
                            ),
                        );
                    }
                }
            }
            _ => {}
        }
    }
    let dockerfile = &walk.facts.dockerfiles[walk.index];
    if older::stub_build(walk.facts, dockerfile, stage).is_some() {
        doubt(
            false,
            format!("in {called} a stub is built first, and cargo may take that for newer than the sources"),
        );
    }
    for copy in whole_copies(walk, stage) {
        let left = leftovers::found(walk.facts, &copy);
        let left = left.into_iter().find(|left| ![MODULES.line, BYTECODE.line].contains(&left.line));
        if let Some(left) = left {
            let what = left.line.trim_start_matches("**/");
            doubt(
                false,
                format!("`{what}` of the machine that builds is copied into {called}: {}", left.loss),
            );
        }
    }
    doubts
}

/// The COPYs of the whole context into a stage.
fn whole_copies<'w>(walk: &'w Walk<'_>, stage: usize) -> impl Iterator<Item = WholeCopy<'w>> {
    walk.stages.steps(stage).filter_map(|(own, at, step)| {
        let What::Copy(copy) = &step.what else { return None };
        let whole =
            copy.from == CopyFrom::Context && copy.sources.iter().filter_map(Val::known).any(is_whole);
        whole.then_some(WholeCopy {
            dockerfile: walk.index,
            context: walk.context,
            stages: walk.stages,
            stage: own,
            step: at,
            instruction: step.instruction,
        })
    })
}
