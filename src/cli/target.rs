//! What `deploy` and `verify` have in common: where the server is, what to look for, and how the result is printed.

use std::io::Write;

use clap::Args;

use super::{Door, Format};
use crate::{
    deploy::{Expect, Job},
    protocol::{Report, Target},
};

/// The server's checkout, and what proves a deploy.
#[derive(Debug, Clone, Args)]
pub(super) struct TargetArgs {
    /// Where
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// A text that only the new version has; needs `--in`
    #[arg(long, value_name = "TEXT", requires = "path", allow_hyphen_values = true)]
    pub(super) expect: Option<String>,
    /// The file in the container that must have the text of `--expect`
    #[arg(long = "in", id = "path", value_name = "PATH", requires = "expect")]
    pub(super) path: Option<String>,
}

/// The server's checkout.
#[derive(Debug, Clone, Args)]
pub(super) struct PlaceArgs {
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
}

impl TargetArgs {
    /// What to work on.
    pub(super) fn job<'a>(&self, services: &[String], door: &Door<'a>) -> Job<'a> {
        let expect = self.expect.clone().zip(self.path.clone()).map(|(text, path)| Expect { text, path });
        Job { expect, ..self.place.job(services, door) }
    }
}

impl PlaceArgs {
    /// What to work on.
    pub(super) fn job<'a>(&self, services: &[String], door: &Door<'a>) -> Job<'a> {
        let dir = self.dir.clone().unwrap_or_else(|| door.here.clone());
        let target = match &self.host {
            Some(host) => Target::Ssh { host: host.clone(), dir },
            None => Target::Local { dir },
        };
        Job {
            here: door.here.clone(),
            target,
            services: services.to_vec(),
            expect: None,
            candidates: door.candidates,
        }
    }
}

/// Prints a result.
pub(super) fn print_report(out: &mut dyn Write, report: &Report, format: Format) {
    match format {
        Format::Text => print(out, &report.text()),
        Format::Json => print(out, &(report.json() + "\n")),
    }
}

pub(super) fn print(out: &mut dyn Write, text: &str) {
    // A closed pipe does not change what was done, and the exit code says it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
