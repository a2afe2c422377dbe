//! `unstale rollback`: reads the words, brings the image of before back, prints the result.

use std::{fmt::Write as _, io::Write};

use clap::Args;
use serde::Serialize;

use super::{
    Door, Format,
    progress::Progress,
    target::{PlaceArgs, print, print_refused, print_report},
};
use crate::{
    deploy::{self, Back, HowBack, Mode},
    protocol::{Retained, dry_run, visible},
};

/// Bring the image of before back, and prove that it runs
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "What was left half-way is taken back. Otherwise the newest kept image that does not run comes back. How many stay kept says `keep` below `[deploy]` in `unstale.toml`. Nothing is built, and the server's checkout stays as it is."
)]
pub(super) struct RollbackArgs {
    /// The service of the compose file
    pub(super) service: String,
    /// Where
    #[command(flatten)]
    pub(super) target: PlaceArgs,
    /// Which kept image: the id of the deploy that kept it, its commit, or its image ID
    #[arg(long, value_name = "ID")]
    pub(super) to: Option<String>,
    /// Only say which images are kept
    #[arg(long)]
    pub(super) list: bool,
    /// Show the steps and touch nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Serialize)]
struct WireList<'a> {
    schema: u32,
    kept: Vec<WireKept<'a>>,
}

#[derive(Serialize)]
struct WireKept<'a> {
    id: &'a str,
    tag: &'a str,
    image: &'a str,
    commit: Option<&'a str>,
    current: bool,
}

/// Runs it in the current folder; the result goes to `out`, progress to `err`. Gives the exit code.
pub(super) fn run(
    args: &RollbackArgs,
    door: &Door<'_>,
    out: &mut dyn Write,
    err: &mut (dyn Write + Send),
) -> u8 {
    let services = std::slice::from_ref(&args.service);
    let job = match args.target.job(services, door) {
        Ok(job) => job,
        Err(refused) => return print_refused(out, services, refused, args.format),
    };
    let target = job.target.clone();
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Run };
    let how = HowBack { to: args.to.as_deref(), mode, list: args.list };
    let mut progress = Progress::new(err, door.live);
    let back = deploy::rollback(&job, &how, &mut |e| progress.show(e));
    progress.end();
    let (report, plan) = match back {
        Back::Kept(kept) => {
            print(out, &list(&args.service, &kept, args.format));
            return 0;
        }
        Back::Report(report, plan) => (report, plan),
    };
    match (mode, &plan, args.format) {
        (Mode::DryRun, Some(plan), Format::Text) => print(out, &dry_run(plan, &target)),
        _ => print_report(out, &report, args.format),
    }
    report.outcome.exit_code()
}

fn list(service: &str, kept: &[Retained], format: Format) -> String {
    if format == Format::Json {
        let kept = kept.iter().map(|one| WireKept {
            id: &one.id,
            tag: &one.tag,
            image: &one.image.0,
            commit: one.commit.as_ref().map(crate::protocol::Sha::as_str),
            current: one.current,
        });
        let list = WireList { schema: 1, kept: kept.collect() };
        return serde_json::to_string(&list).expect("strings always serialize") + "\n";
    }
    if kept.is_empty() {
        return format!("no image of `{}` is kept on the server\n", visible(service));
    }
    let mut text = String::new();
    for one in kept {
        let commit = one.commit.as_ref().map_or("unknown commit", |sha| sha.short());
        let current = if one.current { "  (runs now)" } else { "" };
        writeln!(text, "{}  image {}  {commit}{current}", visible(&one.id), one.image.short())
            .expect("a String takes everything");
    }
    text
}
