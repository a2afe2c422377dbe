//! `unstale init`: the configuration, the hook and the CI job of a checkout, where there are none yet.

mod texts;

use std::{
    fmt::Write as _,
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde_json::json;

use super::{Exit, Format, Stop, note, print};
use crate::{config, project, report::sanitise};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is there is never changed: what is to be added to it is printed.\n\nExit codes: 0 done, or nothing to do; 2 nothing was written, standard error says why"
)]
pub(super) struct InitArgs {
    /// The folder [default: the root of the git checkout that holds the current folder]
    dir: Option<PathBuf>,
    /// Whose CI to write a job for [default: the one whose files are there, or that hosts `origin`]
    #[arg(long, value_enum, value_name = "HOST")]
    ci: Option<Ci>,
    /// Ask nothing; only a terminal is asked
    #[arg(long, short)]
    yes: bool,
    /// Print the files instead of writing them
    #[arg(long)]
    dry_run: bool,
    /// How to write what was done
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ci {
    /// A workflow in `.github/workflows`
    Github,
    /// A job in `.gitlab-ci.yml`
    Gitlab,
    /// No job
    None,
}

impl Ci {
    fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::None => "none",
        }
    }
}

/// A file that belongs to the set.
struct Item {
    path: &'static str,
    text: String,
    /// What makes it work, for the line that says that it was written.
    then: &'static str,
    /// What is to be added to one that is there, and where.
    add: Option<(&'static str, String)>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has the name: it is written.
    Free,
    /// It was not wanted.
    Declined,
    /// It is there, and does what it would do.
    There,
    /// Something else is there.
    Taken,
}

/// Where it happens.
struct Place {
    root: PathBuf,
    /// The root of the checkout that holds it.
    checkout: Option<PathBuf>,
}

impl Place {
    fn of(dir: Option<&Path>) -> Result<Self, Stop> {
        let folder = dir.unwrap_or(Path::new("."));
        let unreadable = |why: String| Stop(format!("`{}` cannot be read: {why}", folder.display()));
        let real = folder.canonicalize().map_err(|e| unreadable(e.to_string()))?;
        if !real.is_dir() {
            return Err(unreadable("it is no folder".to_owned()));
        }
        let checkout = project::checkout(&real);
        let root = if dir.is_some() { real } else { checkout.clone().unwrap_or(real) };
        Ok(Self { root, checkout })
    }

    /// Git, pre-commit and CI look for their files at the root of a checkout only.
    fn is_below(&self) -> bool {
        self.checkout.as_ref().is_some_and(|checkout| *checkout != self.root)
    }

    fn says(&self) -> String {
        let root = self.root.display();
        match &self.checkout {
            Some(checkout) if self.is_below() => format!(
                "`{root}` lies below the root of its checkout, where the hook and the CI job belong: `unstale init {}` writes them",
                checkout.display()
            ),
            Some(_) => format!("`{root}` is the root of the git checkout"),
            None => format!("`{root}` lies in no git checkout: the hook works when it is one (`git init`)"),
        }
    }
}

pub(super) fn run(args: &InitArgs) -> Result<Exit, Stop> {
    let place = Place::of(args.dir.as_deref())?;
    if place.is_below() && args.ci.is_some_and(|ci| ci != Ci::None) {
        return Err(Stop(place.says()));
    }
    let ci = if place.is_below() { Some(Ci::None) } else { args.ci.or_else(|| detected(&place.root)) };
    let mut items = items(&place, ci);
    for item in &items {
        if let Some(wrong) = project::obstacle(&place.root, item.path).filter(|_| item.state == State::Free) {
            return Err(Stop(format!(
                "`{}` is no folder, and nothing is written through a link: nothing was written, `--ci none` does without",
                wrong.display()
            )));
        }
    }
    let text = args.format == Format::Text;
    if text && !args.yes && !args.dry_run && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    {
        note(&place.says());
        for item in items.iter_mut().filter(|item| item.state == State::Free) {
            if !ask(item.path)? {
                item.state = State::Declined;
            }
        }
    }
    if !args.dry_run {
        let free = items.iter().filter(|item| item.state == State::Free);
        let files: Vec<(&str, &str)> = free.map(|item| (item.path, item.text.as_str())).collect();
        project::create(&place.root, &files)?;
    }
    print(&match args.format {
        Format::Text => told(&place, &items, ci, args.dry_run),
        Format::Json => format!("{:#}\n", document(&place, &items, ci, args.dry_run)),
    })?;
    Ok(Exit::Clean)
}

/// Whose CI it is, if the checkout says it of one only.
fn detected(root: &Path) -> Option<Ci> {
    let there = |name: &str| project::is_there(&root.join(name));
    match (there(".github"), there(".gitlab-ci.yml")) {
        (true, false) => Some(Ci::Github),
        (false, true) => Some(Ci::Gitlab),
        _ => project::origin(root).and_then(|url| host(&url)),
    }
}

/// Who hosts a remote: `git@github.com:a/b.git`, `https://gitlab.example.org/a/b`.
fn host(url: &str) -> Option<Ci> {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.split('/').next()?,
        // scp's form; a colon behind a slash is part of a local path.
        None => url.split_once(':').map(|(host, _)| host).filter(|host| !host.contains('/'))?,
    };
    let name = rest.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
    let mut labels = name.split('.');
    labels.find_map(|label| match label {
        "github" => Some(Ci::Github),
        "gitlab" => Some(Ci::Gitlab),
        _ => None,
    })
}

fn items(place: &Place, ci: Option<Ci>) -> Vec<Item> {
    let item = |path: &'static str, text: String, then: &'static str, add: Option<(&'static str, String)>| {
        let state = state(&place.root.join(path), add.is_some());
        Item { path, text, then, add, state }
    };
    let mut items = vec![item(config::NAME, config::starter(), "", None)];
    if !place.is_below() {
        items.push(item(
            ".pre-commit-config.yaml",
            texts::pre_commit(),
            "`pre-commit install` makes git run it, with the `unstale` that is on the PATH",
            Some(("below `repos:`", texts::hook())),
        ));
    }
    let path_of_runner = "the runner needs `unstale` on its PATH";
    match ci {
        Some(Ci::Github) => {
            items.push(item(".github/workflows/unstale.yml", texts::workflow(), path_of_runner, None));
        }
        Some(Ci::Gitlab) => {
            items.push(item(
                ".gitlab-ci.yml",
                texts::job(),
                path_of_runner,
                Some(("as a job", texts::job())),
            ));
        }
        Some(Ci::None) | None => {}
    }
    items
}

fn state(path: &Path, shared: bool) -> State {
    if !project::is_there(path) {
        return State::Free;
    }
    let Ok(found) = project::text(path) else { return State::Taken };
    // A file of many tools has ours if it names it outside of its comments.
    let named = || found.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("unstale"));
    if !shared || named() { State::There } else { State::Taken }
}

/// Asks on the terminal.
fn ask(path: &str) -> Result<bool, Stop> {
    loop {
        let _ = write!(anstream::stderr(), "write {path}? [Y/n] ");
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer)? == 0 {
            return Err(Stop("no answer: nothing was written".to_owned()));
        }
        match answer.trim().to_ascii_lowercase().as_str() {
            "" | "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}

fn told(place: &Place, items: &[Item], ci: Option<Ci>, dry_run: bool) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        writeln!(out, "{text}").expect("writing to a String does not fail");
    };
    line(&sanitise::line(&place.says()));
    for item in items {
        let path = item.path;
        match (item.state, &item.add) {
            (State::Free, _) if dry_run => {
                line(&format!("\nwould write {path}:\n\n{}", item.text.trim_end()));
            }
            (State::Free, _) if item.then.is_empty() => line(&format!("wrote {path}")),
            (State::Free, _) => line(&format!("wrote {path}: {}", item.then)),
            (State::Declined, _) => line(&format!("not written: {path}")),
            (State::There, _) | (State::Taken, None) => line(&format!("left alone: {path} is there")),
            (State::Taken, Some((at, add))) => {
                line(&format!("left alone: {path} is there; to be added {at}:\n\n{add}"));
            }
        }
    }
    if ci.is_none() {
        line(
            "no CI job: whose CI it is cannot be told from the files or from `origin`; `--ci github` or `--ci gitlab` writes one",
        );
    }
    if items.iter().all(|item| item.state == State::There) {
        line("everything is there: nothing to write");
    }
    out
}

fn document(place: &Place, items: &[Item], ci: Option<Ci>, dry_run: bool) -> serde_json::Value {
    let files: Vec<_> = items
        .iter()
        .map(|item| {
            let outcome = match item.state {
                State::Free if dry_run => "would-write",
                State::Free => "written",
                State::Declined => "declined",
                State::There => "there",
                State::Taken => "left-alone",
            };
            let text = (item.state == State::Free).then_some(&item.text);
            let add = item.add.as_ref().filter(|_| item.state == State::Taken).map(|(_, add)| add);
            json!({ "path": item.path, "outcome": outcome, "text": text, "add": add })
        })
        .collect();
    json!({
        "schema": 1,
        "root": place.root.to_string_lossy(),
        "checkout": place.checkout.as_ref().map(|path| path.to_string_lossy()),
        "ci": ci.map(Ci::as_str),
        "files": files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_remote() {
        for (url, expected) in [
            ("git@github.com:a/b.git", Some(Ci::Github)),
            ("https://user:pass@GitHub.com/a/b", Some(Ci::Github)),
            ("ssh://git@gitlab.example.org:2222/a/b.git", Some(Ci::Gitlab)),
            ("github.com-work:a/b", Some(Ci::Github)),
            ("https://gitlab.com/github/b", Some(Ci::Gitlab)),
            ("https://example.org/github.com/b", None),
            ("git@example.org:github/b.git", None),
            ("https://notgithub.com/a", None),
            ("/srv/git/github.com:x", None),
            ("../github", None),
            ("file:///srv/github.com/x", None),
            ("C:\\github", None),
            ("", None),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
