//! `unstale check`: finds, shows and fixes.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use codespan_reporting::term::termcolor::Buffer;

use super::{Exit, Format, Stop, note, print, read};
use crate::{
    diag::{Report, Safety, Severity},
    engine,
    fix::Fixed,
    project::{self, Changed, Project},
    report::{self, text::Show},
    rules,
    settings::Settings,
    text::{FileId, Snapshot},
};

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// Projects (folders) or single files
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Apply the safe fixes
    #[arg(long)]
    fix: bool,
    /// Apply the unsafe fixes, too
    #[arg(long)]
    unsafe_fixes: bool,
    /// Show what the fixes would change instead of writing it
    #[arg(long)]
    diff: bool,
    /// Only these rules
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    select: Vec<String>,
    /// All rules but these
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    ignore: Vec<String>,
    /// Fail from this severity on
    #[arg(long, value_enum, default_value_t = Level::Warning, value_name = "LEVEL")]
    fail_on: Level,
    /// List infos, too, instead of counting them
    #[arg(long, value_enum, value_name = "LEVEL")]
    show: Option<Level>,
    /// How to write the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warning,
    Info,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warning => Self::Warning,
            Level::Info => Self::Info,
        }
    }
}

/// One project and what of it was asked for.
struct Job {
    project: Project,
    /// Only findings in these files, if any are named.
    only: Option<Vec<String>>,
    /// What a person writes before the project's paths to name its files.
    prefix: PathBuf,
}

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Stop> {
    let settings = settings(args)?;
    let jobs = jobs(&args.paths)?;
    let mut all = Merged::default();
    let mut exit = Exit::Clean;
    for job in &jobs {
        if args.fix || args.unsafe_fixes || args.diff {
            let limit = if args.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
            let fixed = engine::fix(&job.project.snapshot, &settings, limit);
            if args.diff {
                print(&shown_diff(job, &fixed))?;
            } else {
                write(job, &fixed)?;
            }
            all.add(job, &fixed.snapshot, fixed.report);
        } else {
            all.add(job, &job.project.snapshot, engine::check(&job.project.snapshot, &settings));
        }
        for problem in &job.project.problems {
            note(&format!("{}: not checked: {}", job.name(&problem.path), problem.reason));
            exit = Exit::Found;
        }
    }
    if all.report.findings.iter().any(|f| f.severity >= settings.fail_on) {
        exit = Exit::Found;
    }
    if !args.diff {
        show(args, &all)?;
    }
    Ok(exit)
}

fn settings(args: &CheckArgs) -> Result<Settings, Stop> {
    if let Some(unknown) = args.select.iter().chain(&args.ignore).find(|id| rules::find(id).is_none()) {
        return Err(Stop(format!("there is no rule `{unknown}`: `unstale rules` lists them")));
    }
    Ok(Settings { select: args.select.clone(), ignore: args.ignore.clone(), fail_on: args.fail_on.into() })
}

/// Folders are projects; files are looked at within the project that holds them.
fn jobs(paths: &[PathBuf]) -> Result<Vec<Job>, Stop> {
    let mut jobs = Vec::new();
    let mut files: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in paths {
        if !path.exists() {
            return Err(Stop(format!("`{}` does not exist", path.display())));
        }
        if path.is_dir() {
            jobs.push(Job { project: read(path)?, only: None, prefix: path.clone() });
            continue;
        }
        let real = path.canonicalize().map_err(|e| Stop(format!("`{}`: {e}", path.display())))?;
        let root = project::find_root(&real);
        let inside = real.strip_prefix(&root).map_err(|e| Stop(e.to_string()))?;
        files.entry(root.clone()).or_default().push(slashes(inside));
    }
    for (root, only) in files {
        let mut project = read(&root)?;
        // A file that is named is checked, whatever it is called and whatever git ignores.
        for path in &only {
            if project.snapshot.find(path).is_none() && !project.problems.iter().any(|p| p.path == *path) {
                project.take(path);
            }
        }
        let here = Path::new(".").canonicalize().unwrap_or_default();
        let prefix = root.strip_prefix(&here).map_or_else(|_| root.clone(), Path::to_path_buf);
        jobs.push(Job { project, only: Some(only), prefix });
    }
    Ok(jobs)
}

fn slashes(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

impl Job {
    /// A path of the project as the person who asked would write it.
    fn name(&self, path: &str) -> String {
        let prefix = self.prefix.strip_prefix(".").unwrap_or(&self.prefix);
        slashes_absolute(&prefix.join(path))
    }
}

fn slashes_absolute(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// The reports of several projects as one: files under the names that a person would write.
#[derive(Default)]
struct Merged {
    snapshot: Snapshot,
    report: Report,
}

impl Merged {
    fn add(&mut self, job: &Job, snapshot: &Snapshot, mut report: Report) {
        let mut ids: BTreeMap<FileId, FileId> = BTreeMap::new();
        for (id, file) in snapshot.files() {
            let mut named = file.clone();
            named.path = job.name(&file.path);
            ids.insert(id, self.snapshot.add_file(named));
        }
        if let Some(only) = &job.only {
            report.findings.retain(|f| only.contains(&snapshot.file(f.at.file).path));
            report.files = only.len();
        }
        for finding in &mut report.findings {
            finding.at.file = ids[&finding.at.file];
            for label in &mut finding.labels {
                label.at.file = ids[&label.at.file];
            }
            for (file, _) in finding.fix.iter_mut().flat_map(|f| &mut f.edits) {
                *file = ids[file];
            }
        }
        self.report.files += report.files;
        self.report.findings.extend(report.findings);
    }
}

fn shown_diff(job: &Job, fixed: &Fixed) -> String {
    report::diff::unified(&job.project.snapshot, &fixed.snapshot, &|path| job.name(path))
}

fn write(job: &Job, fixed: &Fixed) -> Result<(), Stop> {
    let before = &job.project.snapshot;
    let changed: Vec<Changed<'_>> = fixed
        .changed(before)
        .map(|id| Changed {
            path: &before.file(id).path,
            before: &before.file(id).text,
            after: &fixed.snapshot.file(id).text,
        })
        .collect();
    project::write(&job.project.root, &changed).map_err(|e| Stop(e.to_string()))?;
    for applied in &fixed.applied {
        note(&format!(
            "fixed {}: {} ({})",
            job.name(&before.file(applied.file).path),
            applied.title,
            applied.rule
        ));
    }
    for withheld in &fixed.withheld {
        let path = job.name(&before.file(withheld.file).path);
        note(&format!("not fixed {path}: {} ({})", withheld.reason, withheld.rule));
    }
    Ok(())
}

fn show(args: &CheckArgs, all: &Merged) -> Result<(), Stop> {
    if args.format == Format::Json {
        return print(&report::json::check(&all.snapshot, &all.report));
    }
    let show = if args.show == Some(Level::Info) { Show::All } else { Show::Warnings };
    let choice = anstream::AutoStream::choice(&std::io::stdout());
    let colour = choice == anstream::ColorChoice::Always || choice == anstream::ColorChoice::AlwaysAnsi;
    let mut buffer = if colour { Buffer::ansi() } else { Buffer::no_color() };
    report::text::check(&mut buffer, &all.snapshot, &all.report, show)?;
    let mut out = std::io::stdout().lock();
    match out.write_all(buffer.as_slice()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Stop(format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}
