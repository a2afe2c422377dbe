//! `unstale check`: finds, shows and fixes.

mod jobs;
mod merged;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use codespan_reporting::term::termcolor::Buffer;

use super::{Exit, Stop, note};
use crate::{
    diag::{Finding, Report, Safety, Severity},
    engine,
    fix::Fixed,
    project::{self, Changed, Touched},
    report::{
        self,
        baseline::{self, Entry as Known},
        sanitise,
    },
    rules,
    settings::Settings,
};
use jobs::Job;
use merged::{Choice, Lines, Merged, tell};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing at or above `--fail-on`; 1 findings, or a file that could not be read; 2 nothing was checked, standard error says why"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct CheckArgs {
    /// Projects (folders) or single files; with `--stdin-filename` it is `-`
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
    /// Only these rules, even where the configuration turns them off
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    select: Vec<String>,
    /// All rules but these
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    ignore: Vec<String>,
    /// Fail from this severity on [default: warning, or the configuration's]
    #[arg(long, value_enum, value_name = "LEVEL")]
    fail_on: Option<Level>,
    /// List the findings from this severity on, and count the others [default: warning, or the configuration's]
    #[arg(long, value_enum, value_name = "LEVEL")]
    show: Option<Level>,
    /// How to write the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only findings on lines that changed since the history left this revision, uncommitted and new files included
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Leave out the findings that this file lists
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// List today's findings in the file of `--baseline`, instead of failing because of them
    #[arg(long, requires = "baseline", conflicts_with_all = ["since", "diff", "stdin_filename"])]
    write_baseline: bool,
    /// This configuration for every file, instead of the nearest `unstale.toml` upwards from it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check standard input as if it were this file; with `--fix` the fixed text goes to standard output
    #[arg(long, value_name = "NAME")]
    stdin_filename: Option<PathBuf>,
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

/// How the findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document, with every finding
    Json,
    /// SARIF 2.1.0, with every finding
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// GitLab's code quality report
    Gitlab,
    /// JUnit's XML
    Junit,
}

/// What was done about one project.
enum Outcome {
    Checked(Report),
    Fixed(Fixed),
}

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Stop> {
    let settings = settings(args)?;
    let jobs = jobs::jobs(args, &settings)?;
    let known = known(args)?;
    let touched = Since::new(args, &jobs)?;
    nothing_known(&jobs)?;
    let outcomes = jobs
        .iter()
        .map(|job| {
            let choice = Choice { touched: touched.of(job), known: known.as_ref() };
            look(job, args, &choice)
        })
        .collect::<Vec<_>>();
    if args.diff {
        show_diff(&jobs, &outcomes)?;
    } else if args.stdin_filename.is_none() {
        write(&jobs, &outcomes)?;
    }
    // What was written has other lines now.
    let touched = if args.fixes() { Since::new(args, &jobs)? } else { touched };
    let mut all = Merged::default();
    for (job, outcome) in jobs.iter().zip(&outcomes) {
        say(job, outcome, args);
        let choice = Choice { touched: touched.of(job), known: known.as_ref() };
        let before = &job.project.snapshot;
        match outcome {
            // Nothing was written: what is on disk counts.
            Outcome::Fixed(_) if args.diff => {
                all.add(job, before, engine::check(before, &job.settings), &choice);
            }
            Outcome::Fixed(fixed) => all.add(job, &fixed.snapshot, fixed.report.clone(), &choice),
            Outcome::Checked(report) => all.add(job, before, report.clone(), &choice),
        }
    }
    if args.write_baseline {
        return write_baseline(args, &jobs, &all, known.as_ref());
    }
    if let Some(known) = &known {
        stale_entries(args, &jobs, &all, known);
    }
    finish(args, &jobs, &outcomes, &all)
}

impl CheckArgs {
    /// Whether files are fixed, or the fixes shown.
    fn fixes(&self) -> bool {
        self.fix || self.unsafe_fixes || self.diff
    }
}

/// Prints what is left to print.
fn finish(args: &CheckArgs, jobs: &[Job], outcomes: &[Outcome], all: &Merged) -> Result<Exit, Stop> {
    let fixed_text = match (&args.stdin_filename, &outcomes) {
        (Some(_), [Outcome::Fixed(fixed)]) => {
            let file = jobs[0].only.first().and_then(|path| fixed.snapshot.find(path));
            file.map(|file| fixed.snapshot.file(file).text.as_str())
        }
        _ => None,
    };
    match fixed_text {
        _ if args.diff => {}
        // The text goes where the program that asked reads it, the findings where a person does.
        Some(text) => {
            write_all(text.as_bytes())?;
            let findings = written(args, all, false)?;
            // There is nowhere left to say that standard error is closed.
            let _ = std::io::stderr().lock().write_all(&findings);
        }
        None => {
            let choice = anstream::AutoStream::choice(&std::io::stdout());
            let colour = matches!(choice, anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi);
            write_all(&written(args, all, colour)?)?;
        }
    }
    Ok(if all.fails() { Exit::Found } else { Exit::Clean })
}

fn look(job: &Job, args: &CheckArgs, choice: &Choice<'_>) -> Outcome {
    let (snapshot, settings) = (&job.project.snapshot, &job.settings);
    let report = engine::check(snapshot, settings);
    if !args.fixes() {
        return Outcome::Checked(report);
    }
    // Lines move when something is fixed; the rule, the file and the words of a finding stay.
    let key = |finding: &Finding| (finding.rule, finding.at.file, finding.message.clone());
    let mut lines = Lines::new(snapshot);
    let left: BTreeSet<_> = tell(job, snapshot, report.findings)
        .into_iter()
        .filter(|told| !choice.takes(job, &mut lines, told))
        .map(|told| key(&told.finding))
        .collect();
    // Of standard input only the one text comes back: a fix that needs another file would be half of one.
    let whole = |finding: &Finding| {
        let creates = finding.fix.iter().any(|fix| !fix.creates.is_empty());
        args.stdin_filename.is_none()
            || !creates
                && finding.fix.iter().flat_map(|fix| &fix.edits).all(|(file, _)| *file == finding.at.file)
    };
    let limit = if args.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
    let wants = |finding: &Finding| whole(finding) && !left.contains(&key(finding));
    Outcome::Fixed(engine::fix_some(snapshot, settings, limit, &wants))
}

fn settings(args: &CheckArgs) -> Result<Settings, Stop> {
    if let Some(unknown) = args.select.iter().chain(&args.ignore).find(|id| rules::find(id).is_none()) {
        return Err(Stop(format!("there is no rule `{unknown}`: `unstale rules` lists them")));
    }
    if args.diff && args.format != Format::Text {
        let format = args.format.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
        return Err(Stop(format!("a diff has no {format}: leave out `--diff` or `--format {format}`")));
    }
    let dash = args.paths == [Path::new("-")];
    if args.stdin_filename.is_some() && !dash {
        return Err(Stop("`--stdin-filename` goes with the path `-` and no other".to_owned()));
    }
    if args.stdin_filename.is_none() && args.paths.iter().any(|path| path == Path::new("-")) {
        return Err(Stop("`-` is standard input: say with `--stdin-filename` which file it is".to_owned()));
    }
    Ok(Settings {
        select: args.select.clone(),
        ignore: args.ignore.clone(),
        fail_on: args.fail_on.map(Into::into),
        show: args.show.map(Into::into),
        ..Settings::default()
    })
}

/// A run that was asked about files, and knows none of them, did not do what was meant.
fn nothing_known(jobs: &[Job]) -> Result<(), Stop> {
    let unknown: Vec<String> =
        jobs.iter().flat_map(|job| job.unknown.iter().map(|path| job.name(path))).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let all = jobs.iter().all(|job| !job.only.is_empty() && job.only.len() == job.unknown.len());
    let what = "a Dockerfile is known by its name (`Dockerfile`, `Dockerfile.web`, `web.Dockerfile`) or because a compose file builds it";
    if all {
        let names = unknown.join("`, `");
        return Err(Stop(format!("nothing was checked: `{names}` is not a file that unstale knows: {what}")));
    }
    for name in unknown {
        note(&format!("{name}: not a file that unstale knows: not checked"));
    }
    Ok(())
}

/// The findings that a baseline lists; `None` without one, or where it is about to be made.
fn known(args: &CheckArgs) -> Result<Option<BTreeSet<Known>>, Stop> {
    let Some(path) = &args.baseline else { return Ok(None) };
    if args.write_baseline && path.symlink_metadata().is_err() {
        return Ok(Some(BTreeSet::new()));
    }
    let cannot = |e: String| Stop(format!("the baseline `{}` cannot be read: {e}", path.display()));
    let text = project::text(path)
        .map_err(|e| cannot(if path.exists() { e } else { format!("{e}; `--write-baseline` makes it") }))?;
    match baseline::read(&text) {
        Ok(known) => Ok(Some(known)),
        // What cannot be read is made anew if it is asked for, unless it is something else altogether.
        Err(_) if args.write_baseline && text.trim().is_empty() => Ok(Some(BTreeSet::new())),
        Err(error) => Err(cannot(error)),
    }
}

/// Whether this run would have found what an entry lists.
fn was_looked_for(args: &CheckArgs, jobs: &[Job], entry: &Known) -> bool {
    let ran = args.select.is_empty() || args.select.contains(&entry.rule);
    ran && !args.ignore.contains(&entry.rule) && jobs.iter().any(|job| job.asked(&entry.file))
}

/// Writes today's findings; what was not looked for stays as it was.
fn write_baseline(
    args: &CheckArgs,
    jobs: &[Job],
    all: &Merged,
    known: Option<&BTreeSet<Known>>,
) -> Result<Exit, Stop> {
    let Some(path) = &args.baseline else { return Ok(Exit::Failed) };
    if !all.unreadable.is_empty() {
        return Err(Stop(format!(
            "`{}` could not be checked: a baseline without it would be wrong, `{}` was not written",
            all.unreadable[0].path,
            path.display()
        )));
    }
    let kept = known.into_iter().flatten().filter(|entry| !was_looked_for(args, jobs, entry)).cloned();
    let mut entries: BTreeSet<Known> =
        all.entries.iter().filter(|entry| entry.rule != "config-error").cloned().collect();
    entries.extend(kept);
    project::put(path, &baseline::write(&entries))?;
    let many = if entries.len() == 1 { "finding" } else { "findings" };
    super::print(&format!("{}: {} {many} listed\n", path.display(), entries.len()))?;
    Ok(Exit::Clean)
}

/// Says which entries match nothing any more: somebody repaired it, which is no reason to fail.
fn stale_entries(args: &CheckArgs, jobs: &[Job], all: &Merged, known: &BTreeSet<Known>) {
    let found: BTreeSet<&Known> = all.entries.iter().collect();
    let gone = known.iter().filter(|e| !found.contains(e) && was_looked_for(args, jobs, e)).count();
    if let (1.., Some(path)) = (gone, &args.baseline) {
        let (entries, them) = if gone == 1 { ("entry matches", "it") } else { ("entries match", "them") };
        note(&format!(
            "{}: {gone} {entries} nothing any more: `--write-baseline` removes {them}",
            path.display()
        ));
    }
}

/// What changed in the checkout of each job.
#[derive(Default)]
struct Since(Option<BTreeMap<PathBuf, Touched>>);

impl Since {
    fn new(args: &CheckArgs, jobs: &[Job]) -> Result<Self, Stop> {
        let Some(revision) = &args.since else { return Ok(Self::default()) };
        let mut all = BTreeMap::new();
        for job in jobs {
            let Some(root) = job.checkout.clone() else {
                let real = job.real.display();
                return Err(Stop(format!(
                    "`{real}` lies in no git checkout: `--since` compares with a revision of one"
                )));
            };
            if let Entry::Vacant(new) = all.entry(root) {
                let touched = project::touched(new.key(), revision)?;
                new.insert(touched);
            }
        }
        Ok(Self(Some(all)))
    }

    fn of(&self, job: &Job) -> Option<&Touched> {
        self.0.as_ref()?.get(job.checkout.as_ref()?)
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
    let mut paths: Vec<(PathBuf, Option<&str>, &str)> = Vec::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let (before, Outcome::Fixed(fixed)) = (&job.project.snapshot, outcome) else { continue };
        for id in fixed.changed(before) {
            let old = before.file(id);
            paths.push((job.project.root.join(&old.path), Some(&old.text), &fixed.snapshot.file(id).text));
        }
        let created = fixed.created(before);
        paths.extend(created.map(|file| (job.project.root.join(&file.path), None, file.text.as_str())));
    }
    let changed: Vec<Changed<'_>> =
        paths.iter().map(|(path, before, after)| Changed { path, before: *before, after }).collect();
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
        for mistake in job.settings.mistakes.iter().take(1) {
            let path = job.name(&before.file(mistake.at.file).path);
            note(&format!("nothing is fixed that {path} holds for, until its mistakes are gone"));
        }
    }
    for path in job.only.iter().filter(|path| job.settings.excludes(path)) {
        note(&format!("{}: not checked: the configuration excludes it", job.name(path)));
    }
    for problem in &job.project.problems {
        if !job.settings.excludes(&problem.path) {
            note(&format!("{}: not checked: {}", job.name(&problem.path), problem.reason));
        }
    }
}

/// The findings in the format that was asked for.
fn written(args: &CheckArgs, all: &Merged, colour: bool) -> Result<Vec<u8>, Stop> {
    let run = all.run();
    let text = match args.format {
        Format::Text => {
            let mut buffer = if colour { Buffer::ansi() } else { Buffer::no_color() };
            report::text::check(&mut buffer, &run)?;
            return Ok(buffer.into_inner());
        }
        Format::Json => report::json::check(&run),
        Format::Sarif => report::sarif::check(&run),
        Format::Github => report::github::check(&run),
        Format::Gitlab => report::gitlab::check(&run),
        Format::Junit => report::junit::check(&run),
    };
    Ok(text.into_bytes())
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
