//! `--fix` on real files: `UNSTALE_CORPUS_FULL` is a folder of checkouts, `UNSTALE_CORPUS` one of single files, laid out
//! as `owner__name/path`, and `UNSTALE_CORPUS_FACTS` the folder with what BuildKit and Compose say of them.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::Value;
use unstale::{
    analysis,
    diag::Safety,
    engine,
    model::{compose, dockerfile, kind::FileKind},
    project,
    text::{FileId, Snapshot, SourceFile},
};

use super::{
    judge::{self, Changed, Counts},
    say,
};

/// A folder that a variable names.
pub(super) fn folder(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A checkout as the command line reads it.
pub(super) fn read(root: &Path) -> Snapshot {
    let wanted = project::Wanted { wants: &engine::wants, keeps: &engine::keeps, more: &analysis::wanted };
    project::read(root, wanted).expect("it can be read").snapshot
}

/// The folders in a folder, by name; `UNSTALE_CORPUS_ONLY` picks some.
pub(super) fn repositories(corpus: &Path) -> Vec<(String, PathBuf)> {
    let only = std::env::var("UNSTALE_CORPUS_ONLY").unwrap_or_default();
    let mut all: Vec<(String, PathBuf)> = fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, path)| path.is_dir() && name.contains(&only))
        .collect();
    all.sort();
    all
}

pub(super) const LIMITS: [(&str, Safety); 2] = [("--fix", Safety::Safe), ("--unsafe-fixes", Safety::Unsafe)];

#[test]
fn whole_repositories_come_out_whole() {
    let Some(corpus) = folder("UNSTALE_CORPUS_FULL") else {
        return crate::support::skipped("UNSTALE_CORPUS_FULL names no folder of repositories");
    };
    let mut all = LIMITS.map(|(name, limit)| (name, limit, Counts::default()));
    for (name, root) in repositories(&corpus) {
        let (began, snapshot) = (Instant::now(), read(&root));
        let mut changed = Vec::new();
        for (_, limit, counts) in &mut all {
            changed.push(judge::project(&name, &snapshot, *limit, counts).len());
        }
        say!("{name}: {changed:?} files changed ({:.1?})", began.elapsed());
    }
    judged(&all.map(|(name, _, counts)| (name, counts)));
}

#[test]
fn single_files_come_out_whole() {
    let (Some(corpus), Some(facts)) = (folder("UNSTALE_CORPUS"), folder("UNSTALE_CORPUS_FACTS")) else {
        return crate::support::skipped("UNSTALE_CORPUS and UNSTALE_CORPUS_FACTS name no corpus");
    };
    let mut all = LIMITS.map(|(name, limit)| (name, limit, Counts::default()));
    let (singles, mut accepted) = (singles(&corpus, &facts), 0);
    for (at, single) in singles.iter().enumerate() {
        for (_, limit, counts) in &mut all {
            // Only where we read what its tool reads can we say that it still would.
            let readable = single.accepted && single.is_accepted(&single.text);
            let changed = judge::project(&single.name, &single.snapshot(), *limit, counts);
            for Changed { after, .. } in changed {
                if readable && !single.is_accepted(&after) {
                    counts.wrong.push(format!("{}: is refused afterwards", single.name));
                }
            }
        }
        accepted += usize::from(single.accepted);
        if at % 500 == 499 {
            say!("{} of {} single files", at + 1, singles.len());
        }
    }
    say!("{} single files, {accepted} that BuildKit or Compose accepts", singles.len());
    judged(&all.map(|(name, _, counts)| (name, counts)));
}

fn judged(all: &[(&str, Counts)]) {
    for (name, counts) in all {
        say!("{name}: {counts}");
    }
    let wrong: Vec<String> = all
        .iter()
        .flat_map(|(name, counts)| counts.wrong.iter().map(move |w| format!("{name}: {w}")))
        .collect();
    assert!(all.iter().all(|(_, counts)| counts.projects > 0), "the corpus is empty");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(all.iter().any(|(_, counts)| !counts.changed.is_empty()), "nothing was fixed");
}

/// A Dockerfile or compose file, and whether its own tool accepts it.
struct Single {
    name: String,
    dockerfile: bool,
    text: String,
    accepted: bool,
}

impl Single {
    /// The file alone, under a name by which it is known.
    fn snapshot(&self) -> Snapshot {
        let path = self.name.split_once('/').map_or(self.name.as_str(), |(_, path)| path);
        let wanted = if self.dockerfile { FileKind::Dockerfile } else { FileKind::Compose };
        let path = match FileKind::of(path) {
            Some(kind) if kind == wanted => path,
            _ if self.dockerfile => "Dockerfile",
            _ => "compose.yaml",
        };
        let mut snapshot = Snapshot::default();
        snapshot.add_file(SourceFile { path: path.to_owned(), text: self.text.clone() });
        snapshot
    }

    fn is_accepted(&self, text: &str) -> bool {
        let file = FileId(0);
        if self.dockerfile {
            dockerfile::parse(file, text).errors.is_empty()
        } else {
            compose::parse(file, text, &compose::Env::default()).errors.is_empty()
        }
    }
}

fn singles(corpus: &Path, facts: &Path) -> Vec<Single> {
    let mut all = Vec::new();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    for (list, dockerfile) in [("dockerfiles.jsonl", true), ("compose.jsonl", false)] {
        for line in fs::read_to_string(facts.join(list)).unwrap().lines() {
            let fact: Value = serde_json::from_str(line).unwrap();
            let (repo, path) = (fact["repo"].as_str().unwrap(), fact["path"].as_str().unwrap());
            let name = format!("{}/{path}", repo.replacen('/', "__", 1));
            let Ok(text) = fs::read_to_string(corpus.join(&name)) else { continue };
            if !seen.insert(corpus.join(&name)) {
                continue;
            }
            let accepted = if dockerfile {
                fact.get("error").or(fact.get("instruction_error")).is_none()
            } else {
                fact["ok"] == serde_json::json!(true)
            };
            all.push(Single { name, dockerfile, text, accepted });
        }
    }
    all
}
