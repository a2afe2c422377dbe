//! `unstale forecast`: which steps of the next build come from the cache of the last one.

mod builds;
mod describe;
mod files;
mod sides;
mod trees;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{Exit, Format, Stop, note, print, read, trace::inside};
use crate::{
    analysis::{Facts, cache, paths, vars::Val},
    model::dockerfile::Kind,
    project,
    report::forecast as report,
    syntax::SyntaxError,
    text::{FileId, LineIndex},
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The last build is taken to have had what `--since` or `--changed` says, and a cache of nothing older: a step that is called a miss can still be a hit on an older build's. Nothing is built and no engine is asked.\n\nExit codes: 0 done; 2 it could not be, standard error says why"
)]
pub(super) struct ForecastArgs {
    /// These files had other bytes at the last build; one that is gone was deleted
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "since")]
    changed: Vec<PathBuf>,
    /// The last build had what this revision holds (default: HEAD, so that what is not committed is new)
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// A build argument of the next build, which the last one did not have
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    build_args: Vec<String>,
    /// The next build takes nothing from the cache
    #[arg(long)]
    no_cache: bool,
    /// The next build takes nothing of this stage from the cache (BuildKit)
    #[arg(long, value_name = "STAGE")]
    no_cache_filter: Vec<String>,
    /// The next build asks for base images again
    #[arg(long)]
    pull: bool,
    /// Who builds (default: BuildKit, unless a `.env` says `DOCKER_BUILDKIT=0`)
    #[arg(long, value_enum)]
    builder: Option<BuilderName>,
    /// Only this service
    #[arg(long)]
    service: Option<String>,
    /// Draw it into this file, for a browser; no other file is overwritten than an earlier picture
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How to write the forecast
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BuilderName {
    /// BuildKit
    Buildkit,
    /// The builder of `DOCKER_BUILDKIT=0`
    Classic,
}

/// What is asked of the next build.
struct Next {
    args: Vec<(String, String)>,
    no_cache: cache::NoCache,
    pull: bool,
    builder: Option<cache::Builder>,
    service: Option<String>,
}

pub(super) fn run(args: &ForecastArgs) -> Result<Exit, Stop> {
    let next = next(args)?;
    if let Some(file) = &args.html {
        may_write(file)?;
    }
    let root = project::find_root(&Path::new(".").canonicalize()?);
    let project = read(&root)?;
    let facts = Facts::new(&project.snapshot);
    let sides = sides::Sides::of(&root, &project.snapshot, &facts, args)?;
    let planned = builds::planned(&facts, next.service.as_deref())?;
    let before = Facts::new(&sides.snapshot);
    let worlds = builds::Worlds { root: &root, after: &facts, before: &before, sides: &sides };
    let document = report::Document {
        schema: 1,
        before: report::Before {
            revision: sides.revision.clone(),
            commit: sides.commit.clone(),
            changed: sides.changes.len(),
        },
        builds: planned.builds.iter().map(|build| describe::build(&worlds, build, &next)).collect(),
        notes: [notes(args, &worlds, &planned), planned.notes.clone()].concat(),
    };
    if let Some(file) = &args.html {
        may_write(file)?;
        project::put(file, &report::html::page(&document))?;
        note(&format!("wrote {}", file.display()));
    }
    print(&match args.format {
        Format::Text => report::text::write(&document),
        Format::Json => report::json(&document),
    })?;
    // Of a single build nothing less than a forecast is an answer.
    match &document.builds[..] {
        [report::Build { problem: Some(problem), .. }] => Err(Stop(problem.clone())),
        _ => Ok(Exit::Clean),
    }
}

fn next(args: &ForecastArgs) -> Result<Next, Stop> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Stop(format!("`--build-arg {text}` has no value: write it as `NAME=VALUE`"))),
    };
    let no_cache = match (args.no_cache, &args.no_cache_filter[..]) {
        (true, _) => cache::NoCache::Everything,
        (false, []) => cache::NoCache::Nothing,
        (false, stages) => cache::NoCache::Stages(stages.to_vec()),
    };
    let builder = args.builder.map(|name| match name {
        BuilderName::Buildkit => cache::Builder::BuildKit,
        BuilderName::Classic => cache::Builder::Classic,
    });
    Ok(Next {
        args: args.build_args.iter().map(pair).collect::<Result<_, _>>()?,
        no_cache,
        pull: args.pull,
        builder,
        service: args.service.clone(),
    })
}

/// Whether the file is free, or an earlier picture.
fn may_write(file: &Path) -> Result<(), Stop> {
    if !project::is_there(file) {
        return Ok(());
    }
    match project::text(file) {
        Ok(text) if report::html::is_ours(&text) => Ok(()),
        _ => Err(Stop(format!(
            "`{}` is there, and no picture of `unstale forecast`: name another file, or remove it",
            file.display()
        ))),
    }
}

/// What a person may have meant otherwise.
fn notes(args: &ForecastArgs, worlds: &builds::Worlds<'_>, planned: &builds::Planned<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if args.since.is_none() && args.changed.is_empty() {
        notes.push(if worlds.sides.revision.is_some() {
            "without `--since` or `--changed` the last build is taken to have had what HEAD holds".to_owned()
        } else {
            "this is no git checkout: without `--changed` no file counts as changed".to_owned()
        });
    }
    if let Some(path) = args.html.as_ref().and_then(|file| inside(worlds.root, file).ok()) {
        let sends = |build: &&builds::Which<'_>| {
            let given = build.dockerfile.map(|index| builds::given(worlds.after, build.service, index));
            given.and_then(Result::ok).is_some_and(|given| {
                let relative = paths::below(&given.dir, &path);
                relative.is_some_and(|path| given.ignore.is_none_or(|ignore| !ignore.is_ignored(path)))
            })
        };
        if planned.builds.iter().any(|build| sends(&build)) {
            notes.push(format!("`{path}` lies in the context of a build, which takes it for a file of the project: name a place outside of it, or add it to the ignore file"));
        }
    }
    let dockerfiles = || planned.builds.iter().filter_map(|build| build.dockerfile);
    for text in &args.build_args {
        let name = text.split('=').next().unwrap_or_default();
        let declared = |index: usize| {
            worlds.after.dockerfiles[index].model.instructions.iter().any(|instruction| {
                matches!(&instruction.kind, Kind::Arg(pairs) if pairs.iter().any(|pair| pair.name.value == name))
            })
        };
        if !dockerfiles().any(declared) {
            notes.push(format!("no ARG declares `{name}`: the value keys nothing"));
        }
    }
    for stage in &args.no_cache_filter {
        let named = |index: usize| {
            let stages = &worlds.after.dockerfiles[index].stages.all;
            stages.iter().any(|own| own.name.as_deref() == Some(stage.to_lowercase().as_str()))
        };
        if !dockerfiles().any(named) {
            notes.push(format!("no stage is called `{stage}`: `--no-cache-filter` does nothing for it"));
        }
    }
    notes
}

/// The first mistake of a file that its reader would refuse, with its place.
fn refused(facts: &Facts<'_>, file: FileId, errors: &[SyntaxError]) -> Option<String> {
    let error = errors.first()?;
    let file = facts.snapshot.file(file);
    let line = LineIndex::new(&file.text).line(error.span.start());
    Some(format!("`{}` would be refused, line {line}: {}", file.path, error.message))
}

/// A value that is surely another one.
fn another() -> Val {
    Val::Known("\u{1}".to_owned())
}
