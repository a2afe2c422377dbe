//! `unstale verify`: reads the words, prints the verdict.

use std::io::Write;

use clap::Args;

use super::{
    deploy::{Format, TargetArgs, print_report},
    progress::{Live, Progress},
};
use crate::deploy::{self, Candidates, Job};

/// Say whether what runs is what git says, and if not, why
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The service of the compose file
    pub service: String,
    /// Where
    #[command(flatten)]
    pub target: TargetArgs,
    /// The commit that should run; HEAD of this checkout if not given
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Runs it in the folder `here`; the verdict goes to `out`, progress to `err`. Gives the exit code.
pub fn run(
    args: &VerifyArgs,
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
    let mut progress = Progress::new(err, live);
    let report = deploy::verify(&job, args.rev.as_deref(), &mut |e| progress.show(e));
    progress.end();
    print_report(out, &report, args.format);
    report.outcome.exit_code()
}
