//! `unstale bust`: a new time or a dated comment, so that no cache takes a file for unchanged.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{Exit, Format, Stop, note, print};
use crate::{
    model::comment::{self, Commented},
    project::{self, Changed},
    protocol::Moment,
    report::sanitise,
};

#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("technique").args(["touch", "comment"]).required(true),
    after_help = "BuildKit takes a file for unchanged if its size, time, mode and owner are. `--touch` is for the machine that builds, and git sees no change; `--comment` can be committed.\n\nExit codes: 0 done; 2 no file was changed, standard error says why"
)]
pub(super) struct BustArgs {
    /// Give the files a new modification time; only what git tracks
    #[arg(long)]
    touch: bool,
    /// Date a comment in the files anew, or add one at their end
    #[arg(long)]
    comment: bool,
    /// With `--touch`: every file of the checkout that git tracks
    #[arg(long, requires = "touch", conflicts_with_all = ["comment", "files"])]
    all: bool,
    /// The files
    #[arg(required_unless_present = "all", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to write what was done
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &BustArgs) -> Result<Exit, Stop> {
    let done = if args.touch { touch(args)? } else { comment(&args.files)? };
    let text = match args.format {
        Format::Text => done.iter().fold(String::new(), |mut out, done| {
            let path = sanitise::line(&done.path);
            match &done.comment {
                None => writeln!(out, "touched {path}"),
                Some(c) => writeln!(out, "{path}:{}: {}", c.line, sanitise::line(&c.comment)),
            }
            .expect("writing to a String does not fail");
            out
        }),
        Format::Json => {
            let technique = if args.touch { "touch" } else { "comment" };
            let file = |done: &Done| json!({ "path": done.path, "technique": technique, "line": done.comment.as_ref().map(|c| c.line) });
            let files: Vec<_> = done.iter().map(file).collect();
            format!("{:#}\n", json!({ "schema": 1, "files": files }))
        }
    };
    print(&text)?;
    Ok(Exit::Clean)
}

/// What was done to a file.
struct Done {
    path: String,
    comment: Option<Commented>,
}

/// How many of the files that are left out are named.
const SHOWN: usize = 10;

fn touch(args: &BustArgs) -> Result<Vec<Done>, Stop> {
    let files = if args.all {
        let (files, left) = project::all_tracked(Path::new("."))?;
        for name in left.iter().take(SHOWN) {
            note(&format!("{name}: left alone: it is no regular file here"));
        }
        if left.len() > SHOWN {
            // A sparse checkout lacks thousands.
            note(&format!("and {} more", left.len() - SHOWN));
        }
        files
    } else {
        project::tracked(&args.files)?
    };
    project::touch(files.iter().map(|file| file.path.as_path()))?;
    Ok(files.into_iter().map(|file| Done { path: file.name, comment: None }).collect())
}

fn comment(files: &[PathBuf]) -> Result<Vec<Done>, Stop> {
    let now = project::now();
    // A file that is named twice is one.
    let mut texts: BTreeMap<PathBuf, (String, Commented)> = BTreeMap::new();
    let mut done = Vec::new();
    for file in files {
        let refused = |reason: String| {
            Stop(format!(
                "`{}`: {reason}; nothing was changed, `--touch` works for every file that git tracks",
                file.display()
            ))
        };
        if file.is_symlink() {
            return Err(refused("it is a symbolic link: name the file behind it".to_owned()));
        }
        let real = file.canonicalize().map_err(|e| refused(e.to_string()))?;
        if texts.contains_key(&real) {
            continue;
        }
        let text = project::text(file).map_err(refused)?;
        // The names of the folders above the checkout say nothing about it.
        let root = project::checkout(&real);
        let path = root.and_then(|root| real.strip_prefix(root).ok()).unwrap_or(file);
        let new = comment::renew(&path.to_string_lossy(), &text, &|old| stamp(now, old)).map_err(refused)?;
        done.push(Done { path: file.to_string_lossy().into_owned(), comment: Some(new.clone()) });
        texts.insert(real, (text, new));
    }
    let times: Vec<_> = texts.keys().map(|path| project::modified(path)).collect();
    let changed: Vec<Changed<'_>> = texts
        .iter()
        .map(|(path, (before, new))| Changed { path, before: Some(before), after: &new.text })
        .collect();
    project::write(&changed)?;
    for (path, old) in texts.keys().zip(times) {
        let renewed = old.and_then(|old| project::not_from(path, old));
        renewed
            .map_err(|e| Stop(format!("`{}` is written, and its time cannot be set: {e}", path.display())))?;
    }
    Ok(done)
}

/// The time now, with a fraction where the old one has none: the size is to change, too.
fn stamp(now: i64, old: Option<&str>) -> String {
    let new = Moment::seconds(now).rfc3339();
    match old {
        Some(old) if old.len() == new.len() => new.replace('Z', ".000Z"),
        _ => new,
    }
}
