//! The split of a COPY as edits: what an install reads first, then the install, then the COPY as it was.

use super::{
    Facts,
    commands::{Effect, How, Reads, one_line},
    context::Context,
    ignoring,
    layer::{self, Bust},
    paths,
    reading::{Brought, Piece, Reading},
    stages::{CopyFacts, RunFacts, Step, What, mentions},
};
use crate::{
    model::dockerfile::{Copy, Dockerfile, Instruction, Kind, edit},
    text::{Changes, Edit, Span},
};

/// Why the split is left to a person, as a clause in lower case.
pub type Reason = String;

/// A COPY and an install behind it, in one stage.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The files.
    pub facts: &'a Facts<'a>,
    /// The Dockerfile.
    pub model: &'a Dockerfile,
    /// What is copied from.
    pub context: &'a Context,
    /// The COPY, what it does, and the steps after it up to the RUN.
    pub copy: (&'a Step, &'a CopyFacts),
    /// The steps between the two.
    pub between: &'a [&'a Step],
    /// The RUN, and what it does.
    pub run: (&'a Step, &'a RunFacts),
    /// What its installs read of the COPY.
    pub reading: &'a Reading,
    /// Those pieces that no COPY before brings.
    pub missing: &'a [&'a Piece],
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("copy", self.copy.1).finish_non_exhaustive()
    }
}

/// The edits.
///
/// # Errors
/// With the reason, where the split could change what the image holds or needs a guess.
pub fn edits(parts: &Parts<'_>) -> Result<Changes, Reason> {
    let Parts { model, facts, .. } = *parts;
    let text = &facts.snapshot.file(model.file).text;
    let (copy_at, run_at) = (parts.copy.0.instruction, parts.run.0.instruction);
    let copy = &model.instructions[copy_at];
    let (Kind::Copy(written) | Kind::Add(written)) = &copy.kind else {
        return Err("the COPY is not written in this stage".to_owned());
    };
    only_installs(text, parts)?;
    order(text, parts, written)?;
    let place = place(parts);
    if let Some(reason) =
        place.and_then(|(dockerfile, stage)| layer::unsettled(facts, dockerfile, stage, (copy_at, run_at)))
    {
        return Err(reason);
    }
    let lines = copies(text, parts, copy, written)?;
    let mut changes = kept_out(parts)?;
    // The COPY takes the comments above it along. That they are replaced, too, makes a cache-bust layer, which goes
    // above the sources, wait for the next round.
    let whole = Span::new(edit::start_with_comments(text, model, copy_at), copy.span.end());
    let mut along = place.map_or_else(Vec::new, |place| along(text, parts, place));
    // What stands right below the install is where it goes.
    let below = model.instructions[run_at].lines.end();
    let there = along.pop_if(|bust| edit::block(text, model, bust.first, bust.last).start() == below);
    let along: Vec<Span> = along.iter().map(|bust| edit::block(text, model, bust.first, bust.last)).collect();
    let behind = along.iter().map(|block| text[block.range()].trim_end_matches(['\r', '\n']).to_owned());
    let behind: Vec<String> = behind.chain([text[whole.range()].to_owned()]).collect();
    let moved = edit::insert_after(text, model, there.map_or(run_at, |bust| bust.last), &behind);
    let newline = crate::text::Newline::of(text).as_str();
    changes.edits.push((
        model.file,
        if lines.is_empty() {
            Edit::replace(Span::new(whole.start(), copy.lines.end()), "")
        } else {
            Edit::replace(whole, lines.join(newline))
        },
    ));
    changes.edits.push((model.file, moved.map_err(|refusal| refusal.to_string())?));
    changes.edits.extend(along.into_iter().map(|block| (model.file, Edit::replace(block, ""))));
    Ok(changes)
}

/// The Dockerfile and the stage of the COPY.
fn place(parts: &Parts<'_>) -> Option<(usize, usize)> {
    let Parts { model, facts, .. } = *parts;
    let dockerfile = facts.dockerfiles.iter().position(|d| d.model.file == model.file)?;
    let copy = parts.copy.0.instruction;
    Some((dockerfile, model.stages.iter().position(|stage| stage.body.contains(&copy))?))
}

/// What busts the COPY and the steps after it goes behind the install with it, where it would have been put had the COPY
/// stood there: above the install it would install everything again at each deploy, and where it stands above a later
/// COPY the steps up to there would go without.
fn along(text: &str, parts: &Parts<'_>, (dockerfile, stage): (usize, usize)) -> Vec<Bust> {
    let Parts { model, facts, .. } = *parts;
    let (copy_at, run_at) = (parts.copy.0.instruction, parts.run.0.instruction);
    let dockerfile = &facts.dockerfiles[dockerfile];
    let used = |bust: &Bust, between: Span| {
        bust.name.as_ref().is_some_and(|name| mentions(&text[between.range()], name))
    };
    let end = model.instructions[run_at].lines.end();
    let mut all = layer::leading(text, dockerfile, stage, copy_at);
    if all.is_empty() {
        let to_there = |bust: &Bust| Span::new(end, model.instructions[bust.first].lines.start());
        let below = layer::following(facts, dockerfile, stage, run_at);
        return below.filter(|bust| !used(bust, to_there(bust))).into_iter().collect();
    }
    let idle = |step: &&Step| match &step.what {
        What::Run(run) => run.effects.iter().all(|effect| matches!(effect, Effect::Nothing)),
        _ => true,
    };
    // A RUN between them that it busts, too, would lose that.
    all.retain(|bust| {
        parts.between.iter().all(idle)
            && !used(bust, Span::new(model.instructions[bust.last].lines.end(), end))
    });
    all
}

/// The instructions that bring the pieces, each where the COPY brings it.
fn copies(text: &str, parts: &Parts<'_>, copy: &Instruction, written: &Copy) -> Result<Vec<String>, Reason> {
    let facts = parts.copy.1;
    if !written.heredocs.is_empty() {
        return Err("the COPY holds a here-document".to_owned());
    }
    let dest = facts.dest.known().ok_or("where the COPY puts its files is not known")?;
    let base = match written.dest.value.as_str() {
        "." | "./" => "./".to_owned(),
        value if value.contains('\\') => {
            return Err("the destination of the COPY is written with `\\`".to_owned());
        }
        value => format!("{}/", value.trim_end_matches('/')),
    };
    let head = head(text, facts, copy, written);
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for piece in parts.missing {
        if piece.folder && !facts.excludes.is_empty() {
            return Err(format!("`--exclude` may leave out some of `{}`", piece.source));
        }
        if !plain(&piece.source) {
            return Err(format!("the name `{}` would need quotes", piece.source));
        }
        // With `--parents` the folders come from the source.
        let folder = if piece.folder { &piece.place } else { paths::parent(&piece.place) };
        let to = match paths::below(dest, if folder.is_empty() { "/" } else { folder }) {
            Some("") => base.clone(),
            _ if facts.parents => base.clone(),
            Some(below) if plain(below) => format!("{base}{below}/"),
            _ => return Err(format!("`{}` lands outside of the COPY's destination", piece.source)),
        };
        if facts.parents && written.sources.iter().any(|source| source.value.contains("/./")) {
            return Err("the COPY starts its `--parents` in the middle of a path".to_owned());
        }
        let source =
            if piece.folder && !facts.parents { format!("{}/", piece.source) } else { piece.source.clone() };
        // What a folder holds lands in the destination itself: each needs a line of its own.
        match lines.iter_mut().find(|(other, _)| *other == to && (!piece.folder || facts.parents)) {
            Some((_, sources)) => sources.push(source),
            None => lines.push((to, vec![source])),
        }
    }
    let line = |(to, sources): (String, Vec<String>)| {
        let words = sources.into_iter().chain([to]);
        if written.json {
            let quoted: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
            format!("{head}[{}]", quoted.join(", "))
        } else {
            format!("{head}{}", words.collect::<Vec<_>>().join(" "))
        }
    };
    Ok(lines.into_iter().map(line).collect())
}

/// Keyword and flags as they are written, without `--exclude`: what is named needs none.
fn head(text: &str, facts: &CopyFacts, copy: &Instruction, written: &Copy) -> String {
    if !facts.excludes.is_empty() {
        let flags =
            copy.flags.iter().filter(|flag| flag.name.value != "exclude").map(|flag| match &flag.value {
                Some(value) => format!("--{}={} ", flag.name.value, value.value),
                None => format!("--{} ", flag.name.value),
            });
        return format!("{} {}", copy.keyword.value, flags.collect::<String>());
    }
    let head = &text[copy.span.start()..written.sources[0].span.start()];
    let head = if written.json { head.rsplit_once('[').map_or(head, |(head, _)| head) } else { head };
    // Comments between its lines speak of the COPY as it was.
    let own = |(at, line): &(usize, &str)| *at == 0 || !line.trim_start().starts_with('#');
    head.split_inclusive('\n').enumerate().filter(own).map(|(_, line)| line).collect()
}

/// A path that means itself in a COPY: no quotes, no pattern, no variable.
fn plain(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/@+".contains(&b)) && !path.starts_with('-')
}

/// Whether the RUN does nothing but install, and nothing that the COPY below it would undo.
fn only_installs(text: &str, parts: &Parts<'_>) -> Result<(), Reason> {
    let run = parts.run.1;
    if !run.context_mounts.is_empty() {
        return Err("the RUN mounts files of the context itself".to_owned());
    }
    let other = run.effects.iter().find_map(|effect| match effect {
        Effect::Install(_)
        | Effect::Nothing
        | Effect::Checks
        | Effect::Other { reads: Reads::Nothing | Reads::Index, .. } => None,
        Effect::Other { span, .. } | Effect::PrintsClock { span } => Some(Some(*span)),
        Effect::Fetch(fetch) => Some(Some(fetch.span)),
        Effect::Pins { .. } => Some(None),
    });
    match other {
        None => {}
        Some(Some(span)) => {
            let what = one_line(&text[span.range()]);
            return Err(format!(
                "the same RUN runs `{what}`, which may need the rest: it needs a RUN of its own"
            ));
        }
        Some(None) => return Err("the same RUN does more than to install".to_owned()),
    }
    undone(parts, run)
}

/// A RUN before the COPY must not change what the COPY brings: behind it that is lost.
fn undone(parts: &Parts<'_>, run: &RunFacts) -> Result<(), Reason> {
    let dest = parts.copy.1.dest.known().unwrap_or("/");
    let touches = run.writes.iter().find(|write| {
        let below = paths::below(dest, &write.path).is_some() || paths::below(&write.path, dest).is_some();
        write.how != How::Folder && below
    });
    match touches {
        Some(write) => Err(format!("a RUN changes `{}`, where the COPY puts its files", write.path)),
        None => Ok(()),
    }
}

/// Whether the COPY may go behind what stands between it and the RUN.
fn order(text: &str, parts: &Parts<'_>, written: &Copy) -> Result<(), Reason> {
    let Parts { model, .. } = *parts;
    let (copy_at, run_at) = (parts.copy.0.instruction, parts.run.0.instruction);
    let copy = &model.instructions[copy_at];
    let variables = text[copy.span.range()].contains('$');
    for at in copy_at + 1..run_at {
        let step = parts.between.iter().find(|step| step.instruction == at);
        let said = || one_line(&text[model.instructions[at].span.range()]);
        match (&model.instructions[at].kind, step.map(|step| &step.what)) {
            (Kind::Label(_) | Kind::User(_) | Kind::Other | Kind::Cmd(_) | Kind::Entrypoint(_), _) => {}
            (Kind::Env(_) | Kind::Arg(_), _) if !variables => {}
            (Kind::Env(_) | Kind::Arg(_), _) => {
                return Err(format!("`{}` may change a variable of the COPY", said()));
            }
            (Kind::Workdir(_), _) if written.dest.value.starts_with('/') => {}
            (Kind::Workdir(_), _) => {
                return Err("the destination of the COPY counts from a working folder that changes before the install"
                    .to_owned());
            }
            (_, Some(What::Run(run))) if between(parts, run) => {}
            (Kind::Run(_), _) => {
                return Err(format!("`{}` stands between the two, and may need the rest", said()));
            }
            (_, Some(What::Copy(other))) if apart(parts, other) => {}
            (Kind::Copy(_) | Kind::Add(_), _) => {
                return Err(format!(
                    "`{}` stands between the two, and may replace files of the COPY",
                    said()
                ));
            }
            (Kind::From { .. }, _) => {
                return Err("the COPY and the install stand in different stages".to_owned());
            }
            _ => return Err(format!("`{}` stands between the two", said())),
        }
    }
    Ok(())
}

/// A RUN that does not look at the files.
fn between(parts: &Parts<'_>, run: &RunFacts) -> bool {
    let blind = |effect: &Effect| {
        matches!(
            effect,
            Effect::Nothing | Effect::Checks | Effect::Other { reads: Reads::Nothing | Reads::Index, .. }
        )
    };
    run.effects.iter().all(blind) && run.context_mounts.is_empty() && undone(parts, run).is_ok()
}

/// Whether another COPY fills nothing that this one fills, too.
fn apart(parts: &Parts<'_>, other: &CopyFacts) -> bool {
    let Parts { facts, context, copy: (_, copy), .. } = *parts;
    let (Some(one), Some(two)) = (copy.dest.known(), other.dest.known()) else { return false };
    match paths::below(one, two) {
        None => paths::below(two, one).is_none(),
        // It fills a place of its own below.
        Some(below) => !below.is_empty() && !Brought { facts, context, copy }.may_fill(two),
    }
}

/// What the install fills must not come from the context behind it: a line of the ignore file, where git ignores it.
fn kept_out(parts: &Parts<'_>) -> Result<Changes, Reason> {
    let Parts { facts, context, .. } = *parts;
    let mut lines: Vec<String> = Vec::new();
    for (source, name) in &parts.reading.fills {
        if context.holds(facts.snapshot, source) {
            return Err(format!(
                "the context holds `{source}`, which the COPY would lay over what the install puts there"
            ));
        }
        let inside = format!("{source}/x");
        let path = paths::join(&context.dir, &inside);
        if facts.git.ignores(facts.snapshot, &path) && context.ignored(&inside).is_none() {
            let line = format!("**/{name}");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() {
        return Ok(Changes::default());
    }
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    let model = |d: &super::DockerfileFacts| d.model.file == parts.model.file;
    let dockerfile = facts.dockerfiles.iter().position(model).unwrap_or_default();
    ignoring::add(facts, context, dockerfile, &all).map(|added| added.changes).map_err(|reason| {
        format!(
            "`{}` of the machine that builds would replace what is installed ({reason})",
            all.join("`, `")
        )
    })
}
