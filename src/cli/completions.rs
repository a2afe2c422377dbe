//! `unstale completions`: what a shell needs to complete a command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Exit, Stop, print};

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell; `unstale completions bash > /etc/bash_completion.d/unstale`
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "unstale", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Clean)
}
