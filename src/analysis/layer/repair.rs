//! A cache-bust of the file's own that busts nothing, as edits that make it work.

use super::{
    above,
    edits::{insert_as, rests_on, user},
    needed, pass, wanted,
};
use crate::{
    analysis::{Facts, stages::mentions},
    model::dockerfile::{Kind, Pair, edit},
    text::{Changes, Edit, FileId},
};

/// The ARG where it is needed: in its own stage, or in the first one that needs it, of those that are built. `None` if
/// nothing needs it, or if what it declares is used where it stands.
pub fn moved(facts: &Facts<'_>, dockerfile: usize, stage: usize, arg: usize) -> Option<Changes> {
    let facts_of = &facts.dockerfiles[dockerfile];
    let model = &facts_of.model;
    let Kind::Arg(pairs) = &model.instructions[arg].kind else { return None };
    let [pair] = pairs.as_slice() else { return None };
    // In its own stage it goes where the fix of a clock would take it, too.
    let own = wanted(facts, facts_of, stage).filter(|&before| before < arg).map(|before| (stage, before));
    let elsewhere = || {
        let all = [stage].into_iter().chain(needed(facts, dockerfile));
        all.into_iter().find_map(|s| Some((s, above(facts, facts_of, s)?)))
    };
    let (to, before) = own.or_else(elsewhere)?;
    let (stages, name) = (&facts_of.stages, &pair.name.value);
    if to == stage {
        return insert_as(facts, dockerfile, stages, &[(to, before)], name).ok();
    }
    let text = &facts.snapshot.file(model.file).text;
    let last = model.stages[stage].body.end - 1;
    let later = &text[model.instructions[arg].lines.end()..model.instructions[last].lines.end()];
    // A default that a variable gives could be another one there.
    let moves = pair.value.as_ref().is_some_and(|value| value.value.contains('$'));
    // Of two it is not known which one is meant.
    let again = model.stages[stage].body.clone().filter(|&at| at != arg).any(|at| {
        matches!(&model.instructions[at].kind, Kind::Arg(pairs) if pairs.iter().any(|p| p.name.value == *name))
    });
    if mentions(later, name) || moves || again {
        return None;
    }
    // It takes its comments along.
    let start = edit::start_with_comments(text, model, arg);
    let own = text[start..model.instructions[arg].span.end()].to_owned();
    let lines = [own, user(model, stages, to, before, name)];
    let mut edits = vec![
        (model.file, edit::insert_before(text, model, before, &lines)),
        (model.file, edit::remove_block(text, model, arg, arg)),
    ];
    edits.extend(pass(facts, dockerfile, name).ok()?);
    Some(Changes { edits, rests_on: rests_on(facts, dockerfile, (to, before)), ..Changes::default() })
}

/// The ENV that hides the ARG takes its value, and the ENV's constant becomes the default. The variable then changes in
/// the container, too. `None` where both have a constant, and they differ.
pub fn followed(facts: &Facts<'_>, dockerfile: usize, arg: &Pair, env: &Pair) -> Option<Vec<(FileId, Edit)>> {
    let file = facts.dockerfiles[dockerfile].model.file;
    let text = &facts.snapshot.file(file).text;
    let constant = env.value.as_ref()?;
    let written = &text[constant.span.range()];
    let one_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
    };
    let name = &arg.name;
    let mut edits = vec![(file, Edit::replace(constant.span, format!("${{{}}}", name.value)))];
    match &arg.value {
        None if one_word(written) => edits.push((file, Edit::insert(name.span.end(), format!("={written}")))),
        Some(default) if default.value == constant.value => {}
        // Which of two constants a build without the argument should have is not ours to say.
        _ => return None,
    }
    edits.extend(pass(facts, dockerfile, &name.value).ok()?);
    Some(edits)
}
