//! The command line: what was typed becomes what is meant, and the result becomes text and an exit code.

mod ast;
mod bust;
mod candidates;
mod check;
mod checklist;
mod completions;
mod configured;
mod deploy;
mod explain;
mod forecast;
mod history;
mod init;
mod lab;
mod progress;
mod resume;
mod rollback;
mod target;
mod trace;
mod verify;

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{analysis, engine, project, report::sanitise};

/// Against stale Docker deploys: lint, fix, trace, deploy, and prove that what runs is what git says.
#[derive(Debug, Parser)]
#[command(name = "unstale", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find what can make a deploy stale, and fix it
    Check(check::CheckArgs),
    /// List the rules
    Rules(explain::RulesArgs),
    /// Show a rule's page
    Explain(explain::ExplainArgs),
    /// Show where a repository file ends up in the containers, and what stops it
    Trace(trace::TraceArgs),
    /// Say which steps of the next build come from the cache, and whether a change arrives
    Forecast(forecast::ForecastArgs),
    /// End a stale cache for single files: a new time, or a dated comment
    Bust(bust::BustArgs),
    /// Deploy a service by the protocol, and prove that the new code runs
    Deploy(deploy::DeployArgs),
    /// Go on with a deploy that was left half-way
    Resume(resume::ResumeArgs),
    /// Bring the image of before back, and prove that it runs
    Rollback(rollback::RollbackArgs),
    /// Say whether what runs is what git says, and if not, why
    Verify(verify::VerifyArgs),
    /// Print the steps of a deploy for a person, with what must be seen after each
    Checklist(checklist::ChecklistArgs),
    /// Say what was deployed, which incidents there were, and what they cost
    History(history::HistoryArgs),
    /// Reproduce the mechanisms on this machine's engine, and say what differs from what was measured
    Lab(lab::LabArgs),
    /// Write the configuration, the pre-commit hook and the CI job of a checkout
    Init(init::InitArgs),
    /// Print the syntax tree of a Dockerfile as JSON, for tools
    Ast(ast::AstArgs),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document on standard output
    Json,
}

/// How a command ended; the design's five exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Clean, or verified.
    Clean = 0,
    /// Findings at or above the threshold, or stale.
    Found = 1,
    /// It could not do its work, and changed nothing.
    Failed = 2,
}

/// What stops a command: one message that says what was wrong, where, and what to do next.
#[derive(Debug)]
struct Stop(String);

impl<T: std::fmt::Display> From<T> for Stop {
    fn from(error: T) -> Self {
        Self(error.to_string())
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; clap writes each to its own stream.
            let code = if error.use_stderr() { Exit::Failed } else { Exit::Clean };
            return if error.print().is_ok() { ExitCode::from(code as u8) } else { ExitCode::FAILURE };
        }
    };
    let result = match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Rules(args) => explain::rules(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Forecast(args) => forecast::run(&args),
        Command::Bust(args) => bust::run(&args),
        Command::History(args) => history::run(&args),
        Command::Lab(args) => lab::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Ast(args) => ast::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Deploy(args) => return act(|door, out, err| deploy::run(&args, door, out, err)),
        Command::Resume(args) => return act(|door, out, err| resume::run(&args, door, out, err)),
        Command::Rollback(args) => return act(|door, out, err| rollback::run(&args, door, out, err)),
        Command::Checklist(args) => return act(|door, out, _| checklist::run(&args, door, out)),
        Command::Verify(args) => return act(|door, out, err| verify::run(&args, door, out, err)),
    };
    let exit = result.unwrap_or_else(|Stop(message)| {
        complain(&message);
        Exit::Failed
    });
    ExitCode::from(exit as u8)
}

/// What `deploy` and `verify` take from this process.
struct Door<'a> {
    /// The current folder.
    here: String,
    /// The files that matter.
    candidates: crate::deploy::Candidates<'a>,
    /// What the services have to answer.
    checks: crate::deploy::Checks<'a>,
    /// How many images stay kept.
    keeps: crate::deploy::Keeps<'a>,
    /// Where progress goes.
    live: progress::Live,
}

/// Runs a command that has more exit codes than the others: 3 for a deploy that stopped half-way, 4 for inconclusive.
fn act(
    run: impl FnOnce(&Door<'_>, &mut dyn std::io::Write, &mut (dyn std::io::Write + Send)) -> u8,
) -> ExitCode {
    let here = match Path::new(".").canonicalize() {
        Ok(here) => here,
        Err(error) => {
            complain(&format!("the current folder cannot be read: {error}"));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let checks = |folder: Option<&str>| configured::http(&here, folder);
    let keeps = |folder: Option<&str>| configured::keep(&here, folder);
    let candidates = |asked: &crate::deploy::Asked<'_>| candidates::of(&here, asked);
    let live = if std::io::stderr().is_terminal() { progress::Live::Terminal } else { progress::Live::Plain };
    let door = Door {
        here: here.to_string_lossy().into_owned(),
        candidates: &candidates,
        checks: &checks,
        keeps: &keeps,
        live,
    };
    ExitCode::from(run(&door, &mut anstream::stdout(), &mut anstream::stderr()))
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
fn print(text: &str) -> Result<(), Stop> {
    let result = anstream::stdout().write_all(text.as_bytes());
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Stop(format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes `error: …` to standard error.
fn complain(message: &str) {
    // There is nowhere left to say that standard error is closed.
    let _ = writeln!(anstream::stderr(), "error: {}", sanitise::line(message));
}

/// Writes a note to standard error.
fn note(message: &str) {
    let _ = writeln!(anstream::stderr(), "{}", sanitise::line(message));
}

/// Reads the project around a folder.
fn read(root: &Path) -> Result<project::Project, Stop> {
    let wanted = project::Wanted { wants: &engine::wants, keeps: &engine::keeps, more: &analysis::wanted };
    project::read(root, wanted).map_err(|e| Stop(format!("`{}` cannot be read: {e}", root.display())))
}
