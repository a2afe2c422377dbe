//! Reads the ledgers of this checkout and of a server, as much of them as anyone can want.

use super::{
    frames::{Answers, Questions},
    git::Repo,
    transport::{Local, Lost, Ssh, Transport},
};
use crate::protocol::{Refused, Target, history::Ledger};

/// How much of a ledger is read, from its end: some ten thousand deploys.
const BYTES: u64 = 16_000_000;

/// The ledgers that could be read, and the servers whose ledger could not, and why.
pub type ReadLedgers = (Vec<Ledger>, Vec<(Target, Refused)>);

/// The ledger of the checkout around `here`, and those of servers.
///
/// # Errors
/// If there is no checkout here, or none of the servers can be asked.
pub fn ledgers(here: &str, targets: &[Target]) -> Result<ReadLedgers, Refused> {
    let toplevel = Repo::open(here)?.toplevel().to_owned();
    let local = Local::new(&toplevel);
    let mut found = vec![read(&local, Target::Local { dir: toplevel }, false)?];
    let mut left = Vec::new();
    for target in targets {
        match of_server(target) {
            Ok(ledger) => found.push(ledger),
            Err(refused) => left.push((target.clone(), refused)),
        }
    }
    match left.first() {
        Some((_, refused)) if left.len() == targets.len() => Err(refused.clone()),
        _ => Ok((found, left)),
    }
}

fn of_server(target: &Target) -> Result<Ledger, Refused> {
    let to: Box<dyn Transport> = match target {
        Target::Local { dir } => Box::new(Local::new(dir)),
        Target::Ssh { host, .. } => Box::new(Ssh::connect(host)?),
    };
    read(to.as_ref(), target.clone(), true)
}

fn read(to: &dyn Transport, at: Target, server: bool) -> Result<Ledger, Refused> {
    let answers = ask(to, at.dir()).map_err(|lost| Refused::new("unreachable", lost.0))?;
    if answers.get("dir").code != 0 {
        return Err(Refused::new("no-folder", format!("`{}` does not exist on the server", at.dir())));
    }
    if answers.get("git").code != 0 {
        let words = answers.get("git").words();
        return Err(Refused::new(
            "server-no-checkout",
            format!("no git checkout in `{}`: {words}", at.dir()),
        ));
    }
    let size: u64 = answers.get("size").words().parse().unwrap_or(0);
    let mut lines = answers.get("lines").lines();
    let cut = size > BYTES;
    if cut && !lines.is_empty() {
        // The first one is the end of a line.
        lines.remove(0);
    }
    Ok(Ledger { at, server, lines, cut })
}

fn ask(to: &dyn Transport, dir: &str) -> Result<Answers, Lost> {
    let mut q = Questions::new();
    let dir = shlex::try_quote(dir).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned);
    q.line(&format!("there=; cd -- {dir} 2>/dev/null && there=1 || cd /"));
    q.ask("dir", "[ -n \"$there\" ]");
    q.ask("git", "git rev-parse --absolute-git-dir 2>&1");
    q.line("f=$(git rev-parse --absolute-git-dir 2>/dev/null)/unstale/ledger.ndjson");
    // A pipe of that name would keep the reader waiting.
    q.ask("size", "[ -f \"$f\" ] && wc -c < \"$f\"");
    // A longer line is none of ours, and cut it cannot be read.
    q.ask("lines", &format!("[ -f \"$f\" ] && tail -c {BYTES} \"$f\" | cut -b1-16385"));
    q.send(to)
}
