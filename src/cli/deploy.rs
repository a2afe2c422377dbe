//! `unstale deploy`: reads the words, shows the progress, prints the result.

use std::io::Write;

use clap::Args;

use super::{Door, Format, progress::Progress};
use crate::{
    deploy::{self, Expect, Job, Mode},
    protocol::{Report, Target, dry_run},
};

/// The server's checkout.
#[derive(Debug, Clone, Args)]
pub(super) struct TargetArgs {
    /// The server, as `ssh` takes it: an alias, `user@host` or `ssh://user@host:port`
    #[arg(
        long,
        value_name = "SSH",
        required_unless_present = "local",
        conflicts_with = "local",
        requires = "dir"
    )]
    pub(super) host: Option<String>,
    /// This machine is the server
    #[arg(long)]
    pub(super) local: bool,
    /// The checkout on the server, an absolute path; with `--local`, this checkout if not given
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<String>,
    /// A text that only the new version has; needs `--in`
    #[arg(long, value_name = "TEXT", requires = "path", allow_hyphen_values = true)]
    pub(super) expect: Option<String>,
    /// The file in the container that must have the text of `--expect`
    #[arg(long = "in", id = "path", value_name = "PATH", requires = "expect")]
    pub(super) path: Option<String>,
}

impl TargetArgs {
    /// The target; `here` is the current folder.
    pub(super) fn target(&self, here: &str) -> Target {
        let dir = || self.dir.clone().unwrap_or_else(|| here.to_owned());
        match &self.host {
            Some(host) => Target::Ssh { host: host.clone(), dir: dir() },
            None => Target::Local { dir: dir() },
        }
    }

    /// The text to look for.
    pub(super) fn expected(&self) -> Option<Expect> {
        let (text, path) = self.expect.clone().zip(self.path.clone())?;
        Some(Expect { text, path })
    }
}

/// Deploy a service by the protocol, and prove that the new code runs
#[derive(Debug, Clone, Args)]
pub(super) struct DeployArgs {
    /// The service of the compose file
    pub(super) service: String,
    /// Where to
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Commit the changed tracked files with this message first
    #[arg(short, long, value_name = "MSG", allow_hyphen_values = true)]
    pub(super) message: Option<String>,
    /// Show the steps and touch nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Runs it in the current folder; the result goes to `out`, progress to `err`. Gives the exit code.
pub(super) fn run(args: &DeployArgs, door: &Door<'_>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let job = Job {
        here: door.here.clone(),
        target: args.target.target(&door.here),
        service: args.service.clone(),
        expect: args.target.expected(),
        candidates: door.candidates,
    };
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Run };
    let mut progress = Progress::new(err, door.live);
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
