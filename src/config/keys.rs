//! The keys of `unstale.toml`: what each takes, and what to write instead of what stands there.

use std::{collections::BTreeMap, ops::Range};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::levels::{self, Ruleset};
use crate::{
    diag::{Severity, Sink},
    rules::{self, RULES},
    settings::{Level, Scope},
    text::{FileId, Location, Span},
};

/// The keys of a file.
const KEYS: [&str; 10] =
    ["ruleset", "fail-on", "show", "exclude", "rules", "per-path", "history", "target", "verify", "deploy"];
/// The keys of an entry of `per-path`.
const PER_PATH: [&str; 2] = ["paths", "rules"];

pub(super) type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;
pub(super) type Value<'i> = Spanned<DeValue<'i>>;
type Levels = BTreeMap<String, Level>;

/// Reads keys, and reports what is wrong with them.
pub(super) struct Keys<'a> {
    file: FileId,
    sink: Sink<'a>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(file: FileId, sink: Sink<'a>) -> Self {
        Self { file, sink }
    }

    /// Reports a mistake.
    pub(super) fn wrong(&mut self, at: Range<usize>, message: impl Into<String>) {
        self.sink.report(Location::new(self.file, Span::new(at.start, at.end)), message);
    }

    /// The whole file.
    pub(super) fn file(&mut self, table: &DeTable<'_>) -> Scope {
        let mut scope = Scope::default();
        let mut said = Levels::new();
        for (key, value) in ordered(table) {
            match key.get_ref().as_ref() {
                "ruleset" => scope.levels = self.ruleset(value),
                "fail-on" => scope.fail_on = self.severity(key, value),
                "show" => scope.show = self.severity(key, value),
                "exclude" => scope.exclude = self.patterns(key, value).unwrap_or_else(Gitignore::empty),
                "rules" => said = self.levels(key, value),
                "per-path" => scope.per_path = self.per_path(value),
                "history" => scope.rates = self.rates(value),
                "target" => scope.targets = self.targets(value),
                "deploy" => scope.keep = self.deploy(value),
                "verify" => scope.http = self.verify(value),
                _ => self.unknown(key, &KEYS),
            }
        }
        // What is written down wins over what the ruleset had.
        scope.levels.extend(said);
        scope
    }

    fn ruleset(&mut self, value: &Value<'_>) -> Levels {
        let newest = Ruleset::newest();
        let write = format!("write `ruleset = \"{newest}\"` for the rules of this version");
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(value.span(), format!("a ruleset is a version in quotes: {write}"));
            return Levels::new();
        };
        match Ruleset::written(text) {
            Some(ruleset) if (Ruleset::OLDEST..=newest).contains(&ruleset) => {
                ruleset.levels(RULES.iter().map(|rule| (rule.id, rule.page)))
            }
            Some(ruleset) if ruleset > newest => {
                self.wrong(
                    value.span(),
                    format!(
                        "ruleset `{text}` is newer than this unstale {}: update it, or {write}",
                        env!("CARGO_PKG_VERSION")
                    ),
                );
                Levels::new()
            }
            _ => {
                self.wrong(value.span(), format!("there is no ruleset `{text}`: {write}"));
                Levels::new()
            }
        }
    }

    fn severity(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Severity> {
        let found = value.get_ref().as_str().and_then(levels::severity);
        if found.is_none() {
            let message = format!("`{}` takes `error`, `warning` or `info`{}", key.get_ref(), shown(value));
            self.wrong(value.span(), message);
        }
        found
    }

    /// `rule = "level"`, by rule.
    fn levels(&mut self, key: &Key<'_>, value: &Value<'_>) -> Levels {
        let Some(table) = value.get_ref().as_table() else {
            let message = format!(
                "`{}` is a table of levels: write `broad-copy = \"off\"` under `[rules]`",
                key.get_ref()
            );
            self.wrong(value.span(), message);
            return Levels::new();
        };
        let mut found = Levels::new();
        for (id, value) in ordered(table) {
            if rules::find(id.get_ref()).is_none() {
                self.no_rule(id);
                continue;
            }
            match value.get_ref().as_str().and_then(levels::level) {
                Some(level) => {
                    found.insert(id.get_ref().to_string(), level);
                }
                None => self.wrong(
                    value.span(),
                    format!("a rule's level is `off`, `info`, `warning` or `error`{}", shown(value)),
                ),
            }
        }
        found
    }

    fn per_path(&mut self, value: &Value<'_>) -> Vec<(Gitignore, Levels)> {
        let table = |one: &'_ Value<'_>| one.get_ref().is_table();
        let tables = value.get_ref().as_array().filter(|all| all.iter().all(table));
        let Some(tables) = tables else {
            let message =
                "`per-path` is a list of tables: write `[[per-path]]` with `paths` and `rules` below it";
            self.wrong(value.span(), message);
            return Vec::new();
        };
        tables.iter().filter_map(|entry| self.one_path(entry)).collect()
    }

    fn one_path(&mut self, entry: &Value<'_>) -> Option<(Gitignore, Levels)> {
        let table = entry.get_ref().as_table()?;
        let (mut paths, mut found) = (None, None);
        for (key, value) in ordered(table) {
            match key.get_ref().as_ref() {
                "paths" => paths = Some(self.patterns(key, value)),
                "rules" => found = Some(self.levels(key, value)),
                _ => self.unknown(key, &PER_PATH),
            }
        }
        let at = ordered(table).first().map_or(entry.span(), |(key, _)| key.span());
        for (missing, says) in [
            (paths.is_none(), "paths = [\"legacy/\"]"),
            (found.is_none(), "rules = { broad-copy = \"off\" }"),
        ] {
            if missing {
                self.wrong(
                    at.clone(),
                    format!("an entry of `per-path` has `paths` and `rules`: add `{says}`"),
                );
            }
        }
        Some((paths??, found?))
    }

    /// Patterns as in a `.gitignore` that lies beside the file.
    fn patterns(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Gitignore> {
        let Some(list) = value.get_ref().as_array() else {
            let message = format!("`{0}` is a list of patterns: write `{0} = [\"legacy/\"]`", key.get_ref());
            self.wrong(value.span(), message);
            return None;
        };
        let mut builder = GitignoreBuilder::new("");
        for pattern in list {
            let Some(text) = pattern.get_ref().as_str() else {
                self.wrong(pattern.span(), format!("a pattern is a text in quotes{}", shown(pattern)));
                continue;
            };
            if let Err(error) = builder.add_line(None, text) {
                let reason = match error {
                    ignore::Error::Glob { err, .. } => err,
                    other => other.to_string(),
                };
                self.wrong(pattern.span(), format!("`{text}` is no pattern of a `.gitignore`: {reason}"));
            } else if text.trim().is_empty() || text.starts_with('#') {
                self.wrong(
                    pattern.span(),
                    format!("`{text}` matches nothing: a `.gitignore` skips such a line"),
                );
            }
        }
        match builder.build() {
            Ok(built) => Some(built),
            Err(error) => {
                self.wrong(value.span(), format!("these patterns cannot be read together: {error}"));
                None
            }
        }
    }

    pub(super) fn unknown(&mut self, key: &Key<'_>, known: &[&str]) {
        let name = key.get_ref();
        let message = match nearest(name, known.iter().copied()) {
            Some(near) => format!("`{name}` is no key here: do you mean `{near}`?"),
            None if rules::find(name).is_some() => {
                format!("`{name}` is no key here: a rule's level stands below `[rules]`")
            }
            None => {
                format!("`{name}` is no key here, and nothing reads it: there are `{}`", known.join("`, `"))
            }
        };
        self.wrong(key.span(), message);
    }

    fn no_rule(&mut self, id: &Key<'_>) {
        let name = id.get_ref();
        let alias =
            RULES.iter().find(|rule| rule.page.aliases().iter().any(|a| a.eq_ignore_ascii_case(name)));
        let near = alias.map(|rule| rule.id).or_else(|| nearest(name, RULES.iter().map(|rule| rule.id)));
        let message = match near {
            Some(near) => format!("there is no rule `{name}`: do you mean `{near}`?"),
            None => format!("there is no rule `{name}`: `unstale rules` lists them"),
        };
        self.wrong(id.span(), message);
    }
}

/// The entries in the order of the file.
pub(super) fn ordered<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// What stands there instead, as the end of a message.
pub(super) fn shown(value: &Value<'_>) -> String {
    match value.get_ref().as_str() {
        Some(text) => format!(", not `{text}`"),
        None => format!(", not a value of type {}", value.get_ref().type_str()),
    }
}

/// The same, with a number as it is written.
pub(super) fn said(value: &Value<'_>) -> String {
    match value.get_ref() {
        DeValue::Integer(written) => format!(", not `{}`", written.as_str()),
        DeValue::Float(written) => format!(", not `{}`", written.as_str()),
        _ => shown(value),
    }
}

/// The known name that was likely meant.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Two slips are a typing error; in a short name they make it another word.
    let most = if name.len() < 6 { 1 } else { 2 };
    let plain = name.to_ascii_lowercase().replace('_', "-");
    let distances = known.map(|k| (strsim::damerau_levenshtein(&plain, k), k));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, known)| known)
}
