//! `unstale.toml`: its text becomes settings, and its mistakes become findings in it.

mod deploy;
mod http;
mod keys;
mod levels;
mod rates;
mod starter;
mod targets;

use toml::de::DeTable;

use crate::{
    diag::{Finding, Sink},
    rules,
    settings::{Scope, Settings},
    text::{FileId, Snapshot},
};
use keys::Keys;

pub use starter::starter;

/// The file's name.
pub const NAME: &str = "unstale.toml";

/// The rule that reports its mistakes.
const RULE: &str = "config-error";

/// A configuration file that does not lie inside the snapshot's folders by its own right.
#[derive(Debug, Clone)]
pub struct Outer {
    /// Its text, in the snapshot.
    pub file: FileId,
    /// From its folder down to the snapshot's root.
    pub above: String,
}

/// Which configuration files hold.
#[derive(Debug, Clone)]
pub enum Source {
    /// The nearest one upwards from each file: those of the snapshot, and above it at most this one.
    Found(Option<Outer>),
    /// This one, for every file.
    Given(Outer),
}

/// The settings with what the configuration files of the snapshot say. What the settings say already wins.
pub fn with(snapshot: &Snapshot, settings: &Settings, source: &Source) -> Settings {
    let mut merged = settings.clone();
    let mut add = |file: FileId, above: &str, below: &str| {
        let (scope, mistakes) = read(file, &snapshot.file(file).text, above, below);
        merged.scopes.add(scope);
        merged.mistakes.extend(mistakes);
    };
    match source {
        Source::Given(outer) => add(outer.file, &outer.above, ""),
        Source::Found(outer) => {
            if let Some(outer) = outer {
                add(outer.file, &outer.above, "");
            }
            for (file, source) in snapshot.files() {
                let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
                if name == NAME && outer.as_ref().is_none_or(|outer| outer.file != file) {
                    add(file, "", folder);
                }
            }
        }
    }
    // A configuration that holds for no file that is looked at is not asked about.
    if !settings.files.is_empty() {
        let holds = |finding: &Finding| {
            let own = merged.scopes.of(&snapshot.file(finding.at.file).path).map(|s| (&s.below, &s.above));
            settings.files.iter().any(|f| merged.scopes.of(f).map(|s| (&s.below, &s.above)) == own)
        };
        let kept: Vec<Finding> = merged.mistakes.iter().filter(|f| holds(f)).cloned().collect();
        merged.mistakes = kept;
    }
    merged
}

/// What one file says, and what is wrong with it.
fn read(file: FileId, text: &str, above: &str, below: &str) -> (Scope, Vec<Finding>) {
    let rule = rules::find(RULE).expect("the registry has it");
    let mut mistakes = Vec::new();
    let mut keys = Keys::new(file, Sink::new(rule.claim(), &mut mistakes));
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut scope = if errors.is_empty() {
        keys.file(table.get_ref())
    } else {
        Scope { http: None, keep: None, ..Scope::default() }
    };
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let (start, end) = (boundary(text, span.start), boundary(text, span.end));
        let message =
            format!("this is not TOML, so that nothing of the file holds: {}", error.message().trim());
        keys.wrong(start..end.max(start), message.replace('\n', ", "));
    }
    above.clone_into(&mut scope.above);
    below.clone_into(&mut scope.below);
    scope.broken = !mistakes.is_empty();
    (scope, mistakes)
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
