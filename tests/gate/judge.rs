//! One project before and after `engine::fix`: whether every changed file may have changed so, and what was counted.

use std::collections::BTreeMap;

use unstale::{
    analysis::Facts,
    config::{self, Source},
    diag::{Report, Safety},
    engine,
    fix::{Applied, Fixed},
    model::kind::FileKind,
    settings::Settings,
    text::{FileId, Snapshot, SourceFile},
};

use super::BUST;

/// Numbers of a run.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) projects: usize,
    /// Files that a rule may speak of.
    pub(super) files: usize,
    pub(super) changed: BTreeMap<&'static str, usize>,
    pub(super) applied: BTreeMap<&'static str, usize>,
    pub(super) withheld: BTreeMap<(&'static str, String), usize>,
    /// Findings whose fix is only described.
    pub(super) manual: BTreeMap<&'static str, usize>,
    pub(super) wrong: Vec<String>,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |map: &BTreeMap<&'static str, usize>| {
            let all: Vec<String> = map.iter().map(|(rule, n)| format!("{rule} {n}")).collect();
            format!("{} ({})", map.values().sum::<usize>(), all.join(", "))
        };
        writeln!(f, "{} projects, {} files; changed: {}", self.projects, self.files, list(&self.changed))?;
        writeln!(f, "  applied: {}", list(&self.applied))?;
        writeln!(f, "  withheld: {}", self.withheld.values().sum::<usize>())?;
        for ((rule, why), n) in &self.withheld {
            writeln!(f, "    {n} {rule}: {why}")?;
        }
        write!(f, "  described only: {}", list(&self.manual))
    }
}

/// A file that the fixes changed.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) before: String,
    pub(super) after: String,
    /// The rules of the fixes in it.
    pub(super) rules: Vec<&'static str>,
}

/// What a file is in its project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dockerfile,
    Compose,
    Script,
    Ignore,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Dockerfile => "Dockerfiles",
            Self::Compose => "compose files",
            Self::Script => "scripts",
            Self::Ignore => "ignore files",
        }
    }
}

/// Fixes a project as the command line does, and judges what came of it.
pub(super) fn project(name: &str, snapshot: &Snapshot, limit: Safety, counts: &mut Counts) -> Vec<Changed> {
    let settings = config::with(snapshot, &Settings::default(), &Source::Found(None));
    let before = engine::check(snapshot, &settings);
    let fixed = engine::fix(snapshot, &settings, limit);
    counts.projects += 1;
    counts.files += before.files;
    count(&before, &fixed, counts);
    let created: Vec<&SourceFile> =
        fixed.snapshot.files().skip(snapshot.files().count()).map(|(_, file)| file).collect();
    for file in &created {
        *counts.changed.entry("new files").or_default() += 1;
        let right = file.path.ends_with(".dockerignore") && super::script::ignore("", &file.text).is_empty();
        if !right || snapshot.entry(&file.path).is_some() {
            counts.wrong.push(format!("{name}: no rule may create {}: {:?}", file.path, file.text));
        }
    }
    if before.files + created.len() != fixed.report.files {
        counts
            .wrong
            .push(format!("{name}: {} files are checked, {} afterwards", before.files, fixed.report.files));
    }
    let again = engine::fix(&fixed.snapshot, &settings, limit);
    if !again.applied.is_empty() || again.changed(&fixed.snapshot).next().is_some() {
        counts.wrong.push(format!("{name}: fixed twice: {:?}", again.applied));
    }
    let all = changed(name, snapshot, &fixed);
    for changed in &all {
        *counts.changed.entry(changed.kind.as_str()).or_default() += 1;
        counts.wrong.extend(judge(changed).into_iter().map(|why| format!("{}: {why}", changed.name)));
    }
    all
}

/// The files of a project that its fixes change.
pub(super) fn fixed(name: &str, snapshot: &Snapshot, limit: Safety) -> Vec<Changed> {
    let settings = config::with(snapshot, &Settings::default(), &Source::Found(None));
    let fixed = engine::fix(snapshot, &settings, limit);
    changed(name, snapshot, &fixed)
}

fn count(before: &Report, fixed: &Fixed, counts: &mut Counts) {
    for applied in &fixed.applied {
        *counts.applied.entry(applied.rule).or_default() += 1;
    }
    for withheld in &fixed.withheld {
        // Values of one project would make every reason another one.
        let why = withheld.reason.split(": `").next().unwrap_or_default().to_owned();
        *counts.withheld.entry((withheld.rule, why)).or_default() += 1;
    }
    for finding in &before.findings {
        if finding.fix.as_ref().is_some_and(|fix| fix.safety == Safety::Manual) {
            *counts.manual.entry(finding.rule).or_default() += 1;
        }
    }
}

fn changed(project: &str, snapshot: &Snapshot, fixed: &Fixed) -> Vec<Changed> {
    let facts = Facts::new(snapshot);
    let ids = fixed.changed(snapshot);
    ids.map(|id| {
        let file = snapshot.file(id);
        let kind = kind(&facts, id);
        Changed {
            name: format!("{project}/{}", file.path),
            kind,
            before: file.text.clone(),
            after: fixed.snapshot.file(id).text.clone(),
            rules: rules(fixed, id, kind),
        }
    })
    .collect()
}

fn kind(facts: &Facts<'_>, id: FileId) -> Kind {
    if facts.dockerfiles.iter().any(|d| d.model.file == id) {
        Kind::Dockerfile
    } else if facts.composes.iter().any(|c| c.file == id) {
        Kind::Compose
    } else if FileKind::of(&facts.snapshot.file(id).path) == Some(FileKind::Dockerignore) {
        Kind::Ignore
    } else {
        Kind::Script
    }
}

/// The rules whose fixes may have changed the file.
fn rules(fixed: &Fixed, id: FileId, kind: Kind) -> Vec<&'static str> {
    // Only what is found in a Dockerfile may change another file.
    let spreads = |rule: &str| {
        BUST.contains(&rule) || matches!(rule, "moving-base" | "git-in-context" | "copied-build-state")
    };
    let own = |a: &&Applied| a.file == id || (kind != Kind::Dockerfile && spreads(a.rule));
    let mut rules: Vec<&'static str> = fixed.applied.iter().filter(own).map(|a| a.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn judge(changed: &Changed) -> Vec<String> {
    let Changed { name, kind, before, after, rules } = changed;
    match kind {
        Kind::Dockerfile => super::dockerfile::judge(before, after, rules),
        Kind::Compose => super::compose::judge(before, after, rules),
        Kind::Script => super::script::judge(name, before, after, rules),
        Kind::Ignore => super::script::ignore(before, after),
    }
}

/// What has to hold for the ends of any text: its mark stays first, its last line keeps or lacks its newline, and all
/// newlines are the file's own.
pub(super) fn ends(before: &str, after: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if before.starts_with('\u{feff}') != after.starts_with('\u{feff}') {
        wrong.push("its byte order mark came or went".to_owned());
    }
    if !before.is_empty() && before.ends_with('\n') != after.ends_with('\n') {
        wrong.push("its last newline came or went".to_owned());
    }
    let bare = |text: &str| text.matches('\n').count() - text.matches("\r\n").count();
    let windows = |text: &str| text.matches("\r\n").count();
    if windows(before) == 0 && windows(after) > 0 {
        wrong.push("it gets newlines of Windows".to_owned());
    }
    if bare(before) == 0 && windows(before) > 0 && bare(after) > 0 {
        wrong.push("it gets newlines of Unix".to_owned());
    }
    wrong
}
