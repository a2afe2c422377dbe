//! `unstale check`: finds, shows and fixes.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use codespan_reporting::term::termcolor::Buffer;

use super::{Exit, Format, Stop, note, print, read};
use crate::{
    diag::{Report, Safety, Severity, Unreadable},
    engine,
    fix::Fixed,
    project::{self, Changed, Project},
    report::{self, sanitise, text::Show},
    rules,
    settings::Settings,
    text::{EntryKind, FileId, Snapshot},
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
    /// Only findings in these files; none are named for a folder.
    only: Vec<String>,
    name: Name,
    /// The current folder.
    here: PathBuf,
    /// The project's folder without links.
    real: PathBuf,
}

/// How a person who asked would write the project's paths.
enum Name {
    /// A folder was typed: they start with it.
    Typed(PathBuf),
    /// Files were typed: from the current folder.
    FromHere,
}

/// What was done about one project.
enum Outcome {
    Checked(Report),
    Fixed(Fixed),
}

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Stop> {
    let settings = settings(args)?;
    if args.diff && args.format == Format::Json {
        return Err(Stop("a diff has no JSON: leave out `--diff` or `--format json`".to_owned()));
    }
    let jobs = jobs(&args.paths)?;
    let outcomes: Vec<Outcome> = jobs.iter().map(|job| look(job, args, &settings)).collect();
    if args.diff {
        show_diff(&jobs, &outcomes)?;
    } else {
        write(&jobs, &outcomes)?;
    }
    let mut all = Merged::default();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        say(job, &outcome, args);
        match outcome {
            // Nothing was written: what is on disk counts.
            Outcome::Fixed(_) if args.diff => {
                let before = engine::check(&job.project.snapshot, &job.settings(&settings));
                all.add(job, &job.project.snapshot, before);
            }
            Outcome::Fixed(fixed) => all.add(job, &fixed.snapshot, fixed.report),
            Outcome::Checked(report) => all.add(job, &job.project.snapshot, report),
        }
    }
    if !args.diff {
        show(args, &all)?;
    }
    let counts = all.report.findings.iter().any(|f| f.severity >= settings.fail_on);
    Ok(if counts || !all.unreadable.is_empty() { Exit::Found } else { Exit::Clean })
}

fn look(job: &Job, args: &CheckArgs, settings: &Settings) -> Outcome {
    let settings = job.settings(settings);
    if args.fix || args.unsafe_fixes || args.diff {
        let limit = if args.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
        Outcome::Fixed(engine::fix(&job.project.snapshot, &settings, limit))
    } else {
        Outcome::Checked(engine::check(&job.project.snapshot, &settings))
    }
}

fn settings(args: &CheckArgs) -> Result<Settings, Stop> {
    if let Some(unknown) = args.select.iter().chain(&args.ignore).find(|id| rules::find(id).is_none()) {
        return Err(Stop(format!("there is no rule `{unknown}`: `unstale rules` lists them")));
    }
    Ok(Settings {
        select: args.select.clone(),
        ignore: args.ignore.clone(),
        fail_on: args.fail_on.into(),
        ..Settings::default()
    })
}

/// Folders are projects; files are looked at within the project that holds them. What two paths name is looked at
/// once.
fn jobs(paths: &[PathBuf]) -> Result<Vec<Job>, Stop> {
    let here =
        Path::new(".").canonicalize().map_err(|e| Stop(format!("the current folder cannot be read: {e}")))?;
    let mut folders: Vec<(PathBuf, &PathBuf)> = Vec::new();
    let mut files: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in paths {
        let real = real(path).map_err(|e| Stop(format!("`{}` cannot be read: {e}", path.display())))?;
        if path.is_dir() {
            folders.push((real, path));
            continue;
        }
        let root = project::find_root(&real);
        let inside = slashes(real.strip_prefix(&root).map_err(|e| Stop(e.to_string()))?);
        let only = files.entry(root).or_default();
        if !only.contains(&inside) {
            only.push(inside);
        }
    }
    folders.sort();
    let mut jobs: Vec<Job> = Vec::new();
    for (real, typed) in folders {
        if !jobs.iter().any(|job| job.holds(&real)) {
            let project = read(typed)?;
            let here = here.clone();
            jobs.push(Job { project, only: Vec::new(), name: Name::Typed(typed.clone()), here, real });
        }
    }
    let whole = jobs.len();
    for (root, mut only) in files {
        only.retain(|path| !jobs[..whole].iter().any(|job| job.holds(&root.join(path))));
        if only.is_empty() {
            continue;
        }
        let mut project = read(&root)?;
        // A file that is named is checked, whatever it is called and whatever git ignores.
        for path in &only {
            if project.snapshot.find(path).is_none() && !project.problems.iter().any(|p| p.path == *path) {
                project.take(path);
            }
        }
        project.problems.retain(|problem| only.contains(&problem.path));
        jobs.push(Job { project, only, name: Name::FromHere, here: here.clone(), real: root });
    }
    Ok(jobs)
}

/// The path without links above it; a file that is a link itself stays one.
fn real(path: &Path) -> std::io::Result<PathBuf> {
    match (path.is_dir(), path.parent(), path.file_name()) {
        (false, Some(folder), Some(name)) => {
            path.symlink_metadata()?;
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            Ok(folder.canonicalize()?.join(name))
        }
        _ => path.canonicalize(),
    }
}

fn slashes(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

impl Job {
    /// The settings for this project.
    fn settings(&self, settings: &Settings) -> Settings {
        Settings { files: self.only.clone(), ..settings.clone() }
    }

    /// Whether the folder or file is looked at by this job, which has a whole folder.
    fn holds(&self, real: &Path) -> bool {
        let inside = real.strip_prefix(&self.real).map(slashes);
        inside.is_ok_and(|path| {
            self.project.snapshot.entry(&path) == Some(EntryKind::Dir)
                || self.project.snapshot.find(&path).is_some()
        })
    }

    /// A path of the project as the person who asked would write it.
    fn name(&self, path: &str) -> String {
        match &self.name {
            Name::Typed(typed) => {
                let prefix = typed.strip_prefix(".").unwrap_or(typed);
                prefix.join(path).to_string_lossy().replace('\\', "/")
            }
            Name::FromHere => self.relative_name(path),
        }
    }

    fn relative_name(&self, path: &str) -> String {
        let real = self.real.join(path);
        if let Ok(below) = real.strip_prefix(&self.here) {
            return slashes(below);
        }
        // Within one checkout `../compose.yaml` says more than the whole path.
        let Some(shared) = self
            .here
            .starts_with(&self.real)
            .then(|| self.here.components().zip(real.components()).take_while(|(a, b)| a == b).count())
        else {
            return real.to_string_lossy().replace('\\', "/");
        };
        let up = self.here.components().skip(shared).map(|_| "..");
        let down: Vec<_> = real.components().skip(shared).map(|c| c.as_os_str().to_string_lossy()).collect();
        up.map(Into::into).chain(down).collect::<Vec<_>>().join("/")
    }

    /// A path as `git apply` takes it: from the current folder, or from the project if it lies elsewhere.
    fn patch_name(&self, path: &str) -> String {
        self.real.join(path).strip_prefix(&self.here).map_or_else(|_| path.to_owned(), slashes)
    }
}

/// The reports of several projects as one: files under the names that a person would write.
#[derive(Default)]
struct Merged {
    snapshot: Snapshot,
    report: Report,
    unreadable: Vec<Unreadable>,
}

impl Merged {
    fn add(&mut self, job: &Job, snapshot: &Snapshot, mut report: Report) {
        let mut ids: BTreeMap<FileId, FileId> = BTreeMap::new();
        for (id, file) in snapshot.files() {
            let mut named = file.clone();
            named.path = job.name(&file.path);
            // Another project may have the same file before its fix.
            while self.snapshot.find(&named.path).is_some_and(|id| self.snapshot.file(id).text != named.text)
            {
                named.path.insert_str(0, "./");
            }
            ids.insert(id, self.snapshot.add_file(named));
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
        self.unreadable.extend(
            job.project
                .problems
                .iter()
                .map(|p| Unreadable { path: job.name(&p.path), reason: p.reason.clone() }),
        );
    }
}

fn show_diff(jobs: &[Job], outcomes: &[Outcome]) -> Result<(), Stop> {
    let mut text = String::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        if let Outcome::Fixed(fixed) = outcome {
            let name = |path: &str| job.patch_name(path);
            text.push_str(&report::diff::unified(&job.project.snapshot, &fixed.snapshot, &name));
        }
    }
    // For a program every byte counts; a terminal must not obey what stands in a file.
    let out = std::io::stdout();
    write_all(if out.is_terminal() { sanitise::same_length(&text) } else { text }.as_bytes())
}

/// Writes the files of all projects, or none.
fn write(jobs: &[Job], outcomes: &[Outcome]) -> Result<(), Stop> {
    let mut paths: Vec<(PathBuf, &str, &str)> = Vec::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let (before, Outcome::Fixed(fixed)) = (&job.project.snapshot, outcome) else { continue };
        for id in fixed.changed(before) {
            let old = before.file(id);
            paths.push((job.project.root.join(&old.path), &old.text, &fixed.snapshot.file(id).text));
        }
    }
    let changed: Vec<Changed<'_>> =
        paths.iter().map(|(path, before, after)| Changed { path, before, after }).collect();
    Ok(project::write(&changed)?)
}

/// Notes on standard error: what was fixed, what was not, and what was not looked at.
fn say(job: &Job, outcome: &Outcome, args: &CheckArgs) {
    let before = &job.project.snapshot;
    if let Outcome::Fixed(fixed) = outcome {
        for applied in fixed.applied.iter().filter(|_| !args.diff) {
            let path = job.name(&before.file(applied.file).path);
            note(&format!("fixed {path}: {} ({})", applied.title, applied.rule));
        }
        for withheld in &fixed.withheld {
            let path = job.name(&before.file(withheld.file).path);
            note(&format!("not fixed {path}: {} ({})", withheld.reason, withheld.rule));
        }
    }
    for problem in &job.project.problems {
        note(&format!("{}: not checked: {}", job.name(&problem.path), problem.reason));
    }
}

fn show(args: &CheckArgs, all: &Merged) -> Result<(), Stop> {
    if args.format == Format::Json {
        return print(&report::json::check(&all.snapshot, &all.report, &all.unreadable));
    }
    let show = if args.show == Some(Level::Info) { Show::All } else { Show::Warnings };
    let choice = anstream::AutoStream::choice(&std::io::stdout());
    let colour = choice == anstream::ColorChoice::Always || choice == anstream::ColorChoice::AlwaysAnsi;
    let mut buffer = if colour { Buffer::ansi() } else { Buffer::no_color() };
    report::text::check(&mut buffer, &all.snapshot, &all.report, show)?;
    write_all(buffer.as_slice())
}

/// Writes to standard output as it is. A reader that went away is no error.
fn write_all(bytes: &[u8]) -> Result<(), Stop> {
    match std::io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Stop(format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}
