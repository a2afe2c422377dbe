//! A door to `deploy` and `verify` for trying them: every tracked file is taken to lie below `/app`.

pub mod deploy;
pub mod progress;
pub mod verify;

use std::io::IsTerminal as _;

use clap::Parser;

use crate::protocol::{Candidate, Reach};
use progress::Live;

#[derive(Parser)]
#[command(name = "unstale", version)]
enum Cli {
    Deploy(deploy::DeployArgs),
    Verify(verify::VerifyArgs),
}

/// Runs the command line and gives the exit code.
pub fn main() -> u8 {
    let cli = Cli::parse();
    #[expect(clippy::disallowed_methods, reason = "the trial door")]
    let here = std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default();
    let candidates = |_: &str| {
        #[expect(clippy::disallowed_methods, reason = "the trial door")]
        let out = std::process::Command::new("git").args(["ls-files", "-z", "--full-name", ":/"]).output();
        let out = out.map_err(|e| e.to_string())?;
        let names = String::from_utf8_lossy(&out.stdout).into_owned();
        let candidate = |path: &str| Candidate {
            path: path.to_owned(),
            reach: Reach::Container(vec![format!("/app/{path}")]),
        };
        Ok(names.split('\0').filter(|p| !p.is_empty()).map(candidate).collect())
    };
    let (mut out, mut err) = (anstream::stdout(), anstream::stderr());
    let live = if std::io::stderr().is_terminal() { Live::Terminal } else { Live::Plain };
    match cli {
        Cli::Deploy(args) => deploy::run(&args, &here, &candidates, &mut out, &mut err, live),
        Cli::Verify(args) => verify::run(&args, &here, &candidates, &mut out, &mut err, live),
    }
}
