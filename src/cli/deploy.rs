//! `unstale deploy`: reads the words, shows the progress, prints the result.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::progress::{Live, Progress};
use crate::{
    deploy::{self, Candidates, Expect, Job, Mode},
    protocol::{Report, Target, dry_run},
};

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One document, version 1.
    Json,
}

/// The server's checkout.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// The server, as `ssh` takes it: an alias, `user@host` or `ssh://user@host:port`
    #[arg(
        long,
        value_name = "SSH",
        required_unless_present = "local",
        conflicts_with = "local",
        requires = "dir"
    )]
    pub host: Option<String>,
    /// This machine is the server
    #[arg(long)]
    pub local: bool,
    /// The checkout on the server, an absolute path; with `--local`, this checkout if not given
    #[arg(long, value_name = "DIR")]
    pub dir: Option<String>,
    /// A text that only the new version has; needs `--in`
    #[arg(long, value_name = "TEXT", requires = "path", allow_hyphen_values = true)]
    pub expect: Option<String>,
    /// The file in the container that must have the text of `--expect`
    #[arg(long = "in", id = "path", value_name = "PATH", requires = "expect")]
    pub path: Option<String>,
}

impl TargetArgs {
    /// The target; `here` is the current folder.
    pub fn target(&self, here: &str) -> Target {
        let dir = || self.dir.clone().unwrap_or_else(|| here.to_owned());
        match &self.host {
            Some(host) => Target::Ssh { host: host.clone(), dir: dir() },
            None => Target::Local { dir: dir() },
        }
    }

    /// The text to look for.
    pub fn expected(&self) -> Option<Expect> {
        let (text, path) = self.expect.clone().zip(self.path.clone())?;
        Some(Expect { text, path })
    }
}

/// Deploy a service by the protocol, and prove that the new code runs
#[derive(Debug, Clone, Args)]
pub struct DeployArgs {
    /// The service of the compose file
    pub service: String,
    /// Where to
    #[command(flatten)]
    pub target: TargetArgs,
    /// Commit the changed tracked files with this message first
    #[arg(short, long, value_name = "MSG", allow_hyphen_values = true)]
    pub message: Option<String>,
    /// Show the steps and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Runs it in the folder `here`; the result goes to `out`, progress to `err`. Gives the exit code.
pub fn run(
    args: &DeployArgs,
    here: &str,
    candidates: Candidates<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    live: Live,
) -> u8 {
    let job = Job {
        here: here.to_owned(),
        target: args.target.target(here),
        service: args.service.clone(),
        expect: args.target.expected(),
        candidates,
    };
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Run };
    let mut progress = Progress::new(err, live);
    let (report, plan) = deploy::deploy(&job, args.message.as_deref(), mode, &mut |e| progress.show(e));
    progress.end();
    match (mode, &plan, args.format) {
        (Mode::DryRun, Some(plan), Format::Text) => print(out, &dry_run(plan, &job.target)),
        _ => print_report(out, &report, args.format),
    }
    report.outcome.exit_code()
}

/// Prints a result.
pub(super) fn print_report(out: &mut dyn Write, report: &Report, format: Format) {
    match format {
        Format::Text => print(out, &report.text()),
        Format::Json => print(out, &(report.json() + "\n")),
    }
}

fn print(out: &mut dyn Write, text: &str) {
    // A closed pipe does not change what was done, and the exit code says it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
