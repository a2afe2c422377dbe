//! `unstale verify`: reads the words, prints the verdict.

use std::io::Write;

use clap::Args;

use super::{
    Door, Format,
    progress::Progress,
    target::{TargetArgs, print_hosts, print_refused, print_report},
};
use crate::deploy;

/// Say whether what runs is what git says, and if not, why
#[derive(Debug, Clone, Args)]
pub(super) struct VerifyArgs {
    /// The services of the compose file; all that it builds if none is named
    #[arg(value_name = "SERVICE")]
    pub(super) services: Vec<String>,
    /// Where
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The commit that should run; HEAD of this checkout if not given
    #[arg(long, value_name = "REV")]
    pub(super) rev: Option<String>,
    /// Look at the image that the service's tag points at, instead of what runs
    #[arg(long, conflicts_with_all = ["expect", "path"])]
    pub(super) image: bool,
    /// For changed files that are only compiled in: build the stages that they are built in, with the cache that is there,
    /// compare the files in them with git and what they make with what runs, and remove them
    #[arg(long, conflicts_with = "image")]
    pub(super) stages: bool,
    /// Say nothing unless it is something else than verified, as cron likes it
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Runs it in the current folder; the verdict goes to `out`, progress to `err`. Gives the exit code.
pub(super) fn run(
    args: &VerifyArgs,
    door: &Door<'_>,
    out: &mut dyn Write,
    err: &mut (dyn Write + Send),
) -> u8 {
    let jobs = match args.target.jobs(&args.services, door) {
        Ok(jobs) => jobs,
        Err(refused) => return print_refused(out, &args.services, refused, args.format),
    };
    let what = deploy::What { rev: args.rev.as_deref(), image: args.image, stages: args.stages };
    let mut progress = Progress::new(err, door.live);
    if let [job] = &jobs[..] {
        let report = deploy::verify(job, what, &mut |e| progress.show(e));
        progress.end();
        let code = report.outcome.exit_code();
        if code != 0 || !args.quiet {
            print_report(out, &report, args.format);
        }
        return code;
    }
    let hosts = deploy::verify_hosts(&jobs, what, &mut |target, e| progress.show_of(target, e));
    progress.end();
    let code = hosts.exit_code();
    if code != 0 || !args.quiet {
        print_hosts(out, &hosts, args.format);
    }
    code
}
