//! `unstale deploy`: reads the words, shows the progress, prints the result.

use std::io::Write;

use clap::Args;

use super::{
    Door, Format,
    progress::Progress,
    target::{TargetArgs, print, print_report},
};
use crate::{
    deploy::{self, Mode},
    protocol::dry_run,
};

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
    /// If somebody else deploys there at the moment, wait until that is done
    #[arg(long)]
    pub(super) wait: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Runs it in the current folder; the result goes to `out`, progress to `err`. Gives the exit code.
pub(super) fn run(args: &DeployArgs, door: &Door<'_>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let job = args.target.job(&args.service, door);
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Run };
    let mut progress = Progress::new(err, door.live);
    let options = deploy::How { message: args.message.as_deref(), mode, wait: args.wait };
    let (report, plan) = deploy::deploy(&job, &options, &mut |e| progress.show(e));
    progress.end();
    match (mode, &plan, args.format) {
        (Mode::DryRun, Some(plan), Format::Text) => print(out, &dry_run(plan, &job.target)),
        _ => print_report(out, &report, args.format),
    }
    report.outcome.exit_code()
}
