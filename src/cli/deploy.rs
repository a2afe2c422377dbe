//! `unstale deploy`: reads the words, shows the progress, prints the result.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::{
    Door, Format,
    progress::Progress,
    target::{TargetArgs, print, print_hosts, print_refused, print_report},
};
use crate::{
    deploy::{self, IfSick, Mode},
    protocol::{self, Event, Target, dry_run, visible},
};

/// Deploy a service by the protocol, and prove that the new code runs
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct DeployArgs {
    /// The services of the compose file
    #[arg(value_name = "SERVICE", required = true)]
    pub(super) services: Vec<String>,
    /// Where to
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Commit the changed tracked files with this message first
    #[arg(short, long, value_name = "MSG", allow_hyphen_values = true)]
    pub(super) message: Option<String>,
    /// Of several hosts, after the first, how many at a time
    #[arg(long, value_name = "N", requires = "target")]
    pub(super) parallel: Option<std::num::NonZeroU8>,
    /// Also deploy the services that run the same image, or one that is built the same way
    #[arg(long)]
    pub(super) with_siblings: bool,
    /// What comes first: the removal of the old container, or the build
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Order::Protocol)]
    pub(super) order: Order,
    /// What the build may use: nothing, or the cache, and if what runs then is stale, nothing after all
    #[arg(long, value_name = "CACHE", value_enum, default_value_t = Cache::Fresh)]
    pub(super) cache: Cache,
    /// Deploy also where the last deploy's verified containers run this commit already: a base image, or what a build
    /// fetches, may have moved
    #[arg(long)]
    pub(super) force: bool,
    /// If a new container ends, is restarted again and again, or fails its health check: keep it, to be looked at, instead
    /// of bringing the old version back
    #[arg(long)]
    pub(super) no_rollback: bool,
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

/// What comes first.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Order {
    /// Remove the old container, then build: the user's own order
    Protocol,
    /// Build, look into the image, and only then remove the old container: down for seconds
    BuildFirst,
}

/// What the build may use.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Cache {
    /// Prune the build cache and build with `--no-cache`
    Fresh,
    /// Prune the snapshots of the context only, build with cache, and if that comes out stale, do it again the fresh way
    Verified,
}

/// Runs it in the current folder; the result goes to `out`, progress to `err`. Gives the exit code.
pub(super) fn run(
    args: &DeployArgs,
    door: &Door<'_>,
    out: &mut dyn Write,
    err: &mut (dyn Write + Send),
) -> u8 {
    let jobs = match args.target.jobs(&args.services, door) {
        Ok(jobs) => jobs,
        Err(refused) => return print_refused(out, &args.services, refused, args.format),
    };
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Run };
    let mut progress = Progress::new(err, door.live);
    let options = deploy::How {
        message: args.message.as_deref(),
        mode,
        wait: args.wait,
        with_siblings: args.with_siblings,
        force: args.force,
        if_sick: if args.no_rollback { IfSick::Keep } else { IfSick::GoBack },
        order: match args.order {
            Order::Protocol => protocol::Order::Protocol,
            Order::BuildFirst => protocol::Order::BuildFirst,
        },
        cache: match args.cache {
            Cache::Fresh => protocol::Cache::Fresh,
            Cache::Verified => protocol::Cache::Verified,
        },
    };
    let [job] = &jobs[..] else {
        let parallel = args.parallel.map_or(1, |n| usize::from(n.get()));
        let mut on = |target: &Target, event: &Event<'_>| progress.show_of(target, event);
        let (hosts, plans) = deploy::deploy_hosts(&jobs, &options, parallel, &mut on);
        progress.end();
        print_hosts(out, &hosts, args.format);
        if (mode, args.format) == (Mode::DryRun, Format::Text) {
            for (plan, job) in plans.iter().zip(&jobs) {
                print(out, &format!("\n{}\n{}", visible(&job.target.label()), dry_run(plan, &job.target)));
            }
        }
        return hosts.exit_code();
    };
    let (report, plan) = deploy::deploy(job, &options, &mut |e| progress.show(e));
    progress.end();
    match (mode, &plan, args.format) {
        (Mode::DryRun, Some(plan), Format::Text) => print(out, &dry_run(plan, &job.target)),
        _ => print_report(out, &report, args.format),
    }
    report.outcome.exit_code()
}
