//! What `deploy` and `verify` have in common: where the server is, what to look for, and how the result is printed.

use std::{io::Write, path::Path};

use clap::Args;

use super::{Door, Format, configured};
use crate::{
    deploy::{Expect, Job},
    project,
    protocol::{Hosts, Refused, Report, Target},
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
        required_unless_present_any = ["local", "target"],
        conflicts_with = "local"
    )]
    pub(super) host: Option<String>,
    /// The servers that `unstale.toml` has below `[target.NAME]`; with `--host` only that one of them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["local", "dir"])]
    pub(super) target: Option<String>,
    /// This machine is the server
    #[arg(long)]
    pub(super) local: bool,
    /// The checkout on the server, an absolute path; with `--local`, this checkout if not given
    #[arg(long, value_name = "DIR", required_unless_present_any = ["local", "target"])]
    pub(super) dir: Option<String>,
}

impl TargetArgs {
    /// What to work on, host by host.
    pub(super) fn jobs<'a>(&self, services: &[String], door: &Door<'a>) -> Result<Vec<Job<'a>>, Refused> {
        let expect = || self.expect.clone().zip(self.path.clone()).map(|(text, path)| Expect { text, path });
        let jobs = self.place.jobs(services, door)?;
        Ok(jobs.into_iter().map(|job| Job { expect: expect(), ..job }).collect())
    }

    /// The same for what works on one host.
    pub(super) fn job<'a>(&self, services: &[String], door: &Door<'a>) -> Result<Job<'a>, Refused> {
        only(self.jobs(services, door)?, &self.place)
    }
}

impl PlaceArgs {
    /// What to work on, host by host.
    pub(super) fn jobs<'a>(&self, services: &[String], door: &Door<'a>) -> Result<Vec<Job<'a>>, Refused> {
        let job = |target| Job {
            here: door.here.clone(),
            target,
            services: services.to_vec(),
            expect: None,
            candidates: door.candidates,
            checks: door.checks,
            keeps: door.keeps,
        };
        Ok(self.targets(&door.here)?.into_iter().map(job).collect())
    }

    /// The same for what works on one host.
    pub(super) fn job<'a>(&self, services: &[String], door: &Door<'a>) -> Result<Job<'a>, Refused> {
        only(self.jobs(services, door)?, self)
    }

    fn targets(&self, here: &str) -> Result<Vec<Target>, Refused> {
        let dir = self.dir.clone().unwrap_or_else(|| here.to_owned());
        match (&self.target, &self.host) {
            (Some(name), host) => named(here, name, host.as_deref()),
            (None, Some(host)) => Ok(vec![Target::Ssh { host: host.clone(), dir }]),
            (None, None) => Ok(vec![Target::Local { dir }]),
        }
    }
}

fn only<'a>(mut jobs: Vec<Job<'a>>, place: &PlaceArgs) -> Result<Job<'a>, Refused> {
    if let (Some(job), []) = (jobs.pop(), &jobs[..]) {
        return Ok(job);
    }
    let name = place.target.as_deref().unwrap_or_default();
    let message = format!("target `{name}` has several hosts: name one of them with `--host`");
    Err(Refused::new("several-hosts", message))
}

/// The hosts of a target of the nearest configuration, or the one that is asked for.
pub(super) fn named(here: &str, name: &str, only: Option<&str>) -> Result<Vec<Target>, Refused> {
    let unknown = |message: String| Refused::new("unknown-target", message);
    let here = Path::new(here);
    let found = configured::nearest(here, &project::find_root(here)).map_err(|stop| unknown(stop.0))?;
    let Some((path, scope)) = found else {
        return Err(unknown(format!(
            "there is no `unstale.toml` here or above: write `[target.{name}]` with `host` and `dir` into one"
        )));
    };
    let path = path.display();
    if scope.broken {
        return Err(unknown(format!("`{path}` has mistakes: `unstale check` shows them")));
    }
    let Some(places) = scope.targets.get(name) else {
        let known: Vec<String> = scope.targets.keys().map(|name| format!("`{name}`")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(unknown(format!("`{path}` has no target `{name}`; it has {known}")));
    };
    let wanted = places.iter().filter(|place| only.is_none_or(|only| only == place.host));
    let found: Vec<Target> =
        wanted.map(|place| Target::Ssh { host: place.host.clone(), dir: place.dir.clone() }).collect();
    match only {
        Some(only) if found.is_empty() => {
            let known: Vec<String> = places.iter().map(|place| format!("`{}`", place.host)).collect();
            Err(unknown(format!("target `{name}` has no host `{only}`; it has {}", known.join(", "))))
        }
        _ => Ok(found),
    }
}

/// Prints a refusal that came before any host was asked.
pub(super) fn print_refused(
    out: &mut dyn Write,
    services: &[String],
    refused: Refused,
    format: Format,
) -> u8 {
    let report = Report::refused(&services.join(" "), refused);
    print_report(out, &report, format);
    report.outcome.exit_code()
}

/// Prints the result of several hosts.
pub(super) fn print_hosts(out: &mut dyn Write, hosts: &Hosts, format: Format) {
    match format {
        Format::Text => print(out, &hosts.text(Report::text)),
        Format::Json => print(out, &(hosts.json() + "\n")),
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
