//! `unstale checklist`: the plan of a deploy for a person, as Markdown, as a shell script or as JSON.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::{
    Door, Format, complain,
    target::{TargetArgs, print, print_refused},
};
use crate::{deploy, protocol::checklist::Checklist};

/// The protocol for a person: the commands of a deploy, what must be seen after each, and boxes to tick
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "It looks, as `deploy --dry-run` does, and changes nothing. The list is for this commit and for what runs now; it proves the new version by texts that only this change has, and by what `[verify.http.SERVICE]` of `unstale.toml` asks for.\n\nExit codes: 0 printed; 2 a deploy would be refused, standard error says why"
)]
pub(super) struct ChecklistArgs {
    /// The service of the compose file
    service: String,
    /// Where to
    #[command(flatten)]
    target: TargetArgs,
    /// Begin with a commit of the changed tracked files with this message
    #[arg(short, long, value_name = "MSG", allow_hyphen_values = true)]
    message: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Form::Markdown)]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// To read, and to tick off
    Markdown,
    /// A script for any POSIX shell that stops at the first failure
    Sh,
    /// One document on standard output, a refusal as well
    Json,
}

/// Runs it in the current folder. Gives the exit code.
pub(super) fn run(args: &ChecklistArgs, door: &Door<'_>, out: &mut dyn Write) -> u8 {
    let job = args.target.job(std::slice::from_ref(&args.service), door);
    let listed = job.and_then(|job| Ok((deploy::checklist(&job, args.message.as_deref())?, job.target)));
    let (listed, target) = match listed {
        Ok(listed) => listed,
        Err(refused) if args.format == Form::Json => {
            return print_refused(out, std::slice::from_ref(&args.service), refused, Format::Json);
        }
        Err(refused) => {
            // Standard output may be a file that somebody runs.
            complain(&format!("refused: {}", refused.message));
            return 2;
        }
    };
    let list = Checklist {
        service: &args.service,
        plan: &listed.plan,
        target: &target,
        seen: &listed.seen,
        marks: &listed.marks,
        http: listed.http.as_ref(),
    };
    print(
        out,
        &match args.format {
            Form::Markdown => list.markdown(),
            Form::Sh => list.script(),
            Form::Json => list.json() + "\n",
        },
    );
    0
}
