//! `unstale history`: what the ledgers tell, with the rates of the configuration and the rules of the registry.

use std::path::Path;

use clap::Args;

use super::{Exit, Format, Stop, configured, note, print, target::named};
use crate::{
    deploy, project,
    protocol::{
        Moment, Target,
        history::{History, Rates, services, since},
    },
    report::sanitise,
    rules::RULES,
};

#[derive(Debug, Args)]
#[command(
    after_help = "An incident opens with a deploy that is stale or stopped, and closes with the next verified one of the same service on the same server. With `--since` an incident that was open then counts whole. Rates are in `unstale.toml`, below `[history]`; what they give is an estimate.\n\nExit codes: 0 shown, also where nothing is recorded; 2 nothing could be read, standard error says why"
)]
pub(super) struct HistoryArgs {
    /// Only this service
    service: Option<String>,
    /// Only what is not over before: a date (`2026-11-01`, UTC), `yesterday`, or how long ago (`7d`, `12h`, `2 weeks ago`)
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    since: Option<String>,
    /// Also the ledger of a server, as `ssh` takes it: an alias, `user@host` or `ssh://user@host:port`
    #[arg(long, value_name = "SSH", conflicts_with = "local")]
    host: Option<String>,
    /// Also the ledgers of the servers that `unstale.toml` has below `[target.NAME]`; with `--host` only of that one of them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["local", "dir"])]
    target: Option<String>,
    /// Also the ledger of another checkout on this machine
    #[arg(long, requires = "dir")]
    local: bool,
    /// The checkout with the other ledger
    #[arg(long, value_name = "DIR")]
    dir: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &HistoryArgs) -> Result<Exit, Stop> {
    let now = Moment::seconds(project::now());
    let from = args.since.as_deref().map(|text| moment(text, now)).transpose()?;
    let here = Path::new(".").canonicalize()?;
    let here_words = here.to_string_lossy();
    let targets = targets(args, &here_words)?;
    let (ledgers, left) = deploy::ledgers(&here_words, &targets).map_err(|r| Stop(r.message))?;
    let mut history = History::of(&ledgers, args.service.as_deref());
    history.not_read = left.into_iter().map(|(target, why)| (target.label(), why.message)).collect();
    if let Some(service) = args.service.as_deref().filter(|_| history.deploys.is_empty()) {
        let all = History::of(&ledgers, None);
        let known: Vec<String> = services(&all).iter().map(|s| format!("`{s}`")).collect();
        if !known.is_empty() {
            note(&format!("no deploy of `{service}` is recorded, but of {}", known.join(", ")));
        }
    }
    if let Some(from) = from {
        history = history.from(from);
    }
    let rates = rates(&here)?;
    match args.format {
        Format::Text => print(&sanitise::same_length(&history.text(&rates, &preventing)))?,
        Format::Json => print(&(history.json(&rates, &preventing) + "\n"))?,
    }
    Ok(Exit::Clean)
}

fn moment(text: &str, now: Moment) -> Result<Moment, Stop> {
    since(text, now).ok_or_else(|| {
        Stop(format!("`--since {text}` is no time: write a date (`2026-11-01`, `2026-11-01 14:30`) or how long ago (`7d`, `12h`, `2 weeks ago`)"))
    })
}

fn targets(args: &HistoryArgs, here: &str) -> Result<Vec<Target>, Stop> {
    if let Some(name) = &args.target {
        return named(here, name, args.host.as_deref()).map_err(|refused| Stop(refused.message));
    }
    match (&args.host, args.local, &args.dir) {
        (Some(host), _, Some(dir)) => Ok(vec![Target::Ssh { host: host.clone(), dir: dir.clone() }]),
        (None, true, Some(dir)) => Ok(vec![Target::Local { dir: dir.clone() }]),
        (None, false, Some(_)) => Err(Stop("`--dir` needs `--host` or `--local`".to_owned())),
        (Some(_), _, None) => {
            Err(Stop("`--host` needs `--dir`, or a `--target` of `unstale.toml`".to_owned()))
        }
        _ => Ok(Vec::new()),
    }
}

/// The rules whose page names a mechanism.
fn preventing(mechanism: &str) -> Vec<&'static str> {
    RULES.iter().filter(|rule| rule.page.mechanisms().contains(&mechanism)).map(|rule| rule.id).collect()
}

/// The rates of the nearest configuration.
fn rates(here: &Path) -> Result<Rates, Stop> {
    let root = project::find_root(here);
    let Some((path, scope)) = configured::nearest(here, &root)? else {
        return Ok(Rates::default());
    };
    if scope.broken {
        let name = path.display();
        note(&format!("`{name}` has mistakes, so that no cost is counted: `unstale check` shows them"));
        return Ok(Rates::default());
    }
    let rates = scope.rates;
    Ok(Rates {
        per_hour: rates.per_hour,
        per_1000_tokens: rates.per_1000_tokens,
        tokens_per_deploy: rates.tokens_per_deploy,
        currency: rates.currency,
    })
}
