//! `unstale resume`: reads the words, goes on with a deploy that was left half-way, prints the result.

use std::io::Write;

use clap::Args;

use super::{
    Door, Format,
    progress::Progress,
    target::{PlaceArgs, print_refused, print_report},
};
use crate::deploy;

/// Go on with a deploy that was left half-way
#[derive(Debug, Clone, Args)]
pub(super) struct ResumeArgs {
    /// The deploy's id; the last one that was left if not given
    #[arg(long, value_name = "ID")]
    pub(super) id: Option<String>,
    /// Where
    #[command(flatten)]
    pub(super) target: PlaceArgs,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Runs it in the current folder; the result goes to `out`, progress to `err`. Gives the exit code.
pub(super) fn run(
    args: &ResumeArgs,
    door: &Door<'_>,
    out: &mut dyn Write,
    err: &mut (dyn Write + Send),
) -> u8 {
    let job = match args.target.job(&[], door) {
        Ok(job) => job,
        Err(refused) => return print_refused(out, &[], refused, args.format),
    };
    let mut progress = Progress::new(err, door.live);
    let report = deploy::resume(&job, args.id.as_deref(), &mut |e| progress.show(e));
    progress.end();
    print_report(out, &report, args.format);
    report.outcome.exit_code()
}
