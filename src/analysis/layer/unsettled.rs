//! Where a COPY may not go below an install yet: what busts the stage has no place of its own, and would get another one.

use super::{
    above,
    edits::{Bust, busts, passes},
    leading, ships, works,
};
use crate::{
    analysis::{
        Facts, cache,
        commands::{Effect, one_line},
        stages::{Shell, Step, What},
    },
    model::dockerfile::Kind,
};

/// Why a bust has to be mended or made before the COPY goes below the install, as a clause in lower case: afterwards it
/// would land elsewhere, and the result would depend on which fix is made first.
pub fn unsettled(
    facts: &Facts<'_>,
    dockerfile: usize,
    stage: usize,
    (copy, install): (usize, usize),
) -> Option<String> {
    let facts_of = &facts.dockerfiles[dockerfile];
    let text = &facts.snapshot.file(facts_of.model.file).text;
    let said = |at: usize| one_line(&text[facts_of.model.instructions[at].span.range()]);
    if let Some(clock) = clock(facts, dockerfile, stage, copy) {
        return Some(format!(
            "`{}` above it busts nothing, and what replaces it could go elsewhere afterwards: mend it first",
            said(clock)
        ));
    }
    let source = source(facts, dockerfile, stage, (copy, install))?;
    Some(format!(
        "a cache-bust above `{}` serves what stands between the two, and below the install it would not: add it first",
        said(source)
    ))
}

/// Whether nothing busts an instruction of a stage.
fn is_stale(facts: &Facts<'_>, dockerfile: usize, stage: usize, instruction: usize) -> bool {
    let stages = &facts.dockerfiles[dockerfile].stages;
    let at = stages.all[stage].steps.iter().position(|step| step.instruction == instruction);
    at.is_some_and(|at| cache::bust(facts, dockerfile, stages, stage, at).is_none())
}

/// A clock that the COPY would take along, where it is not alone or has source, or a fetch that moves, above it: the layer
/// that replaces it goes above that, and takes the place of the first of several.
fn clock(facts: &Facts<'_>, dockerfile: usize, stage: usize, copy: usize) -> Option<usize> {
    let facts_of = &facts.dockerfiles[dockerfile];
    let text = &facts.snapshot.file(facts_of.model.file).text;
    let leading = leading(text, facts_of, stage, copy);
    let inert = |bust: &&Bust| bust.name.is_none() && is_stale(facts, dockerfile, stage, bust.first);
    let clock = leading.iter().find(inert)?.first;
    let mut above = facts_of.stages.all[stage].steps.iter().take_while(|step| step.instruction < clock);
    let several = busts(text, facts_of, stage).len() > 1;
    let elsewhere = super::above(facts, facts_of, stage).is_some_and(|place| place < clock);
    (several || elsewhere || above.any(|step| ships(facts, facts_of, &step.what))).then_some(clock)
}

/// The source that the layer belongs above as long as the COPY stands where it does, if the COPY would not take the
/// layer along and something below the install wants one, too.
fn source(
    facts: &Facts<'_>,
    dockerfile: usize,
    stage: usize,
    (copy, install): (usize, usize),
) -> Option<usize> {
    let facts_of = &facts.dockerfiles[dockerfile];
    let stages = &facts_of.stages;
    let place = above(facts, facts_of, stage).filter(|&place| place < copy)?;
    let instructions = &facts_of.model.instructions;
    // A fetch that moves has the layer above it wherever the COPY stands.
    let is_copy = matches!(instructions[place].kind, Kind::Copy(_) | Kind::Add(_));
    if !is_copy || instructions[place..copy].iter().all(passes) || !is_stale(facts, dockerfile, stage, copy) {
        return None;
    }
    let foreign = stages.all[stage].shell == Shell::Foreign;
    let wants = |effect: &Effect| works(effect) || matches!(effect, Effect::PrintsClock { .. });
    let worker =
        |step: &Step| matches!(&step.what, What::Run(run) if foreign || run.effects.iter().any(wants));
    let heirs = (0..stages.all.len()).filter(|&heir| heir != stage && stages.chain(heir).contains(&stage));
    let own = stages.all[stage].steps.iter().filter(|step| step.instruction > install);
    let below = own.chain(heirs.flat_map(|heir| &stages.all[heir].steps));
    below.into_iter().any(worker).then_some(place)
}
