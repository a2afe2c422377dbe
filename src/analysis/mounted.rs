//! The whole context, mounted for a RUN that only installs: every change of any file runs it again, too.

use super::{
    Facts,
    commands::{Effect, Install, Reads},
    context::Context,
    manifest::Wants,
    reading::{Brought, Piece, Reading},
    stages::{CopyFacts, CopyFrom, DestDir, RunFacts, Step, What},
};
use crate::{
    model::dockerfile::{Dockerfile, Kind, RunMount},
    text::{Edit, FileId},
};

/// A mount of the whole context and the installs that it serves.
#[derive(Debug)]
pub struct Mounted<'a> {
    /// The mount.
    pub mount: &'a RunMount,
    /// The first install.
    pub install: &'a Install,
    /// What they read of the mount.
    pub reading: Reading,
}

/// The case of a RUN that does nothing but install. A RUN that builds needs the mount.
pub fn case<'a>(
    facts: &Facts<'_>,
    model: &'a Dockerfile,
    context: &Context,
    step: &'a Step,
) -> Option<Mounted<'a>> {
    let What::Run(run) = &step.what else { return None };
    let Kind::Run(written) = &model.instructions[step.instruction].kind else { return None };
    if !run.effects.iter().all(only_installs) {
        return None;
    }
    let workdir = run.workdir.known().unwrap_or("?");
    let mut whole = written.mounts.iter().filter(|mount| mount.kind == "bind" && mount.from.is_none());
    let mount = whole.next().filter(|_| whole.next().is_none())?;
    let copy = as_copy(run)?;
    let brought = Brought { facts, context, copy: &copy };
    let mut installs = run.effects.iter().filter_map(|effect| match effect {
        Effect::Install(install) => Some(install),
        _ => None,
    });
    let install = installs.next()?;
    let mut reading = brought.reading(install, workdir)?;
    for other in installs {
        reading = reading.and(brought.reading(other, workdir));
    }
    (reading.wants != Wants::Sources).then_some(Mounted { mount, install, reading })
}

fn only_installs(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Install(_)
            | Effect::Nothing
            | Effect::Checks
            | Effect::Other { reads: Reads::Nothing | Reads::Index, .. }
    )
}

/// The mount as the COPY that would bring the same files.
fn as_copy(run: &RunFacts) -> Option<CopyFacts> {
    let [(source, target)] = &run.context_mounts[..] else { return None };
    Some(CopyFacts {
        from: CopyFrom::Context,
        sources: vec![source.clone()],
        dest: target.clone(),
        dest_dir: DestDir::Yes,
        is_add: false,
        parents: false,
        excludes: Vec::new(),
        heredocs: Vec::new(),
    })
}

/// One mount for each file instead.
///
/// # Errors
/// With the reason, where that could change what the install finds.
pub fn edits(
    facts: &Facts<'_>,
    model: &Dockerfile,
    run: &RunFacts,
    case: &Mounted<'_>,
) -> Result<Vec<(FileId, Edit)>, String> {
    let text = &facts.snapshot.file(model.file).text;
    let options = text[case.mount.span.range()].strip_prefix("--mount=").unwrap_or_default();
    let plain = |option: &str| {
        let key = option.split('=').next().unwrap_or(option).to_ascii_lowercase();
        matches!(
            key.as_str(),
            "type" | "target" | "dst" | "destination" | "source" | "src" | "ro" | "readonly"
        )
    };
    if !options.split(',').all(plain) || options.contains(['"', '$', '\\']) {
        return Err("the mount has options that a mount of one file would not keep".to_owned());
    }
    let dest = run
        .context_mounts
        .first()
        .and_then(|(_, target)| target.known())
        .ok_or("where it is mounted is not known")?;
    let workdir = run.workdir.known().unwrap_or("?");
    let mount = |piece: &Piece| {
        let plain = |path: &str| path.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/@+".contains(&b));
        if !plain(&piece.source) || !plain(&piece.place) {
            return Err(format!("the name `{}` would need quotes", piece.source));
        }
        // Relative to the working folder, if the folder's own mount is.
        let relative = super::paths::below(workdir, &piece.place).filter(|_| dest == workdir);
        Ok(format!("--mount=type=bind,source={},target={}", piece.source, relative.unwrap_or(&piece.place)))
    };
    let all: Vec<String> = case.reading.pieces.iter().map(mount).collect::<Result<_, _>>()?;
    Ok(vec![(model.file, Edit::replace(case.mount.span, all.join(" ")))])
}
