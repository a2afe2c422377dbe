//! Whole repositories, on request: `UNSTALE_CORPUS_FULL` is a folder of checkouts.
//!
//! Every service of every compose file is built on a real engine with its FROMs put on a base of empty folders and its
//! RUNs left out, and what arrives in the image is compared with what the model says of every file of the repository.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use unstale::{
    analysis::{
        Facts,
        links::{Named, ServiceBuild},
    },
    model::dockerfile::{Dockerfile, Kind},
    text::Snapshot,
};

use super::image::{Bench, Said, judge, read};
use crate::support::{Builder, Engine};

/// Stands in for every base image.
const BASE: &str = "unstale-context-base:1";

#[test]
fn every_service_of_the_corpus_holds_what_the_model_says() {
    if std::env::var_os("UNSTALE_CORPUS_FULL").is_none() {
        return crate::support::skipped("UNSTALE_CORPUS_FULL names no folder of repositories");
    }
    crate::support::run_on("e26", Builder::BuildKit, |engine, builder| {
        let corpus = PathBuf::from(std::env::var_os("UNSTALE_CORPUS_FULL").unwrap());
        compare(&corpus, &engine, builder);
    });
}

#[derive(Default)]
struct Sum {
    repositories: usize,
    services: usize,
    /// Services whose context or Dockerfile is not known or not in the repository.
    open: usize,
    /// Services whose reduced build the engine refuses.
    refused: usize,
    files: usize,
    said: Said,
}

fn compare(corpus: &Path, engine: &Engine, builder: Builder) {
    let mut sum = Sum::default();
    let mut repositories: Vec<PathBuf> = fs::read_dir(corpus).unwrap().flatten().map(|e| e.path()).collect();
    repositories.sort();
    let only = std::env::var("UNSTALE_CORPUS_ONLY").unwrap_or_default();
    for repository in repositories.iter().filter(|r| r.to_string_lossy().contains(&only)) {
        // One claim a repository: others may use the engine in between.
        let bench = Bench::new(engine.clone(), builder);
        let Some(copy) = brought(&bench, repository) else { continue };
        base(&bench);
        let repository = &copy;
        let snapshot = read(repository);
        let facts = Facts::new(&snapshot);
        let before = (sum.services, sum.said.agree, sum.said.disagree.len());
        let mut seen = BTreeSet::new();
        for service in &facts.services {
            let Some(build) = &service.build else { continue };
            sum.services += 1;
            let key = (
                build.context.as_ref().map(|c| c.dir.clone()),
                build.dockerfile,
                build.target,
                facts.model(service).build.as_ref().map(|b| {
                    format!("{:?}", b.args.iter().map(|a| (&a.name.value, &a.value)).collect::<Vec<_>>())
                }),
            );
            if seen.insert(key) {
                one(&bench, repository, &facts, service, build, &mut sum);
            }
        }
        if sum.services > before.0 {
            sum.repositories += 1;
            sum.files += snapshot.below("").count();
            say!(
                "{}: {} services, {} agree, {} differ",
                repository.file_name().unwrap().display(),
                sum.services - before.0,
                sum.said.agree - before.1,
                sum.said.disagree.len() - before.2
            );
        }
    }
    say!(
        "{} repositories, {} services ({} open, {} refused), {} paths; {} agree, {} unknown, {} differ",
        sum.repositories,
        sum.services,
        sum.open,
        sum.refused,
        sum.files,
        sum.said.agree,
        sum.said.unknown,
        sum.said.disagree.len()
    );
    assert!(sum.said.agree > 0, "nothing was compared");
    assert!(sum.said.disagree.is_empty(), "{}", sum.said.disagree.join("\n"));
}

/// A copy of the repository where the engine sees it, if a service of it is built.
fn brought(bench: &Bench, repository: &Path) -> Option<PathBuf> {
    let snapshot = read(repository);
    Facts::new(&snapshot).services.iter().find(|service| service.build.is_some())?;
    let folder = bench.beside("repository");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    // With times of their own: BuildKit takes files of one name, size and time for one file.
    let copy = folder.join(repository.file_name().unwrap());
    crate::support::Ran::new(std::process::Command::new("cp").arg("-dR").arg(repository).arg(&copy)).ok();
    Some(copy)
}

/// An image with the folders that every base image has.
fn base(bench: &Bench) {
    let folders = [
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/mnt",
        "/opt",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/tmp",
        "/usr/bin",
        "/usr/lib",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/share",
        "/var",
    ];
    let lines: String = folders.iter().flat_map(|f| ["WORKDIR ", f, "\n"]).collect();
    let dir = bench.beside("base");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("Dockerfile"), format!("FROM scratch\n{lines}WORKDIR /\n")).unwrap();
    bench.docker(&["build", "--quiet", "--tag", BASE, &dir.display().to_string()]).ok();
}

fn one(
    bench: &Bench,
    repository: &Path,
    facts: &Facts<'_>,
    service: &unstale::analysis::links::Service,
    build: &ServiceBuild,
    sum: &mut Sum,
) {
    let (Some(context), Some(dockerfile), Some(target)) = (&build.context, build.dockerfile, build.target)
    else {
        sum.open += 1;
        return;
    };
    let model = &facts.dockerfiles[dockerfile].model;
    let folders = build.named.iter().filter_map(|(name, named)| match named {
        Named::Folder(context) => Some((name.as_str(), repository.join(&context.dir))),
        Named::Elsewhere | Named::Unknown => None,
    });
    let folders: Vec<(&str, PathBuf)> = folders.collect();
    let names: Vec<&str> = folders.iter().map(|(name, _)| *name).collect();
    let reduced = reduce(facts.snapshot, model, target, &names);
    let file = bench.beside("Reduced");
    fs::write(&file, &reduced).unwrap();
    let ignore = bench.beside("Reduced.dockerignore");
    let _ = fs::remove_file(&ignore);
    if let Some(own) = &context.ignore {
        fs::write(&ignore, &facts.snapshot.file(own.file).text).unwrap();
    }
    let mut args =
        vec!["--file".to_owned(), file.display().to_string(), "--target".into(), format!("s{target}")];
    for (name, folder) in &folders {
        args.extend(["--build-context".to_owned(), format!("{name}={}", folder.display())]);
    }
    if let Some(model) = &facts.model(service).build {
        for arg in &model.args {
            if let Some(value) = arg.value.as_ref().and_then(|v| v.known.as_ref()) {
                args.extend(["--build-arg".to_owned(), format!("{}={value}", arg.name.value)]);
            }
        }
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut image = bench.image(&repository.join(&context.dir), &args);
    let mut left = reduced;
    while let Err(error) = &image {
        let Some(less) = without(&left, error) else { break };
        left = less;
        fs::write(&file, &left).unwrap();
        image = bench.image(&repository.join(&context.dir), &args);
    }
    match image {
        Err(error) => {
            sum.refused += 1;
            let line = error.lines().rev().find(|l| l.contains("ERROR") || l.contains("error")).unwrap_or("");
            say!(
                "  refused {}: {}",
                facts.snapshot.file(model.file).path,
                line.chars().take(200).collect::<String>()
            );
        }
        Ok(image) => {
            let from = sum.said.disagree.len();
            judge(facts, service, repository, &image, &mut sum.said);
            for line in &mut sum.said.disagree[from..] {
                let at = facts.snapshot.file(model.file).path.as_str();
                *line = format!("{} {at}: {line}", repository.file_name().unwrap().display());
            }
        }
    }
}

/// The Dockerfile up to the target with nothing that needs a network or runs a program.
fn reduce(snapshot: &Snapshot, model: &Dockerfile, target: usize, named: &[&str]) -> String {
    let text = &snapshot.file(model.file).text;
    let mut out = String::new();
    if model.escape != '\\' {
        writeln!(out, "# escape={}", model.escape).unwrap();
    }
    let mut stage = 0;
    for (index, instruction) in model.instructions.iter().enumerate() {
        let said = &text[instruction.span.range()];
        match &instruction.kind {
            Kind::From { image, .. } => {
                let number = model.stages.iter().position(|s| s.from == index).unwrap();
                stage = number;
                if number > target {
                    break;
                }
                let lower = image.value.to_lowercase();
                let earlier = model.stages[..number]
                    .iter()
                    .rposition(|s| s.name.as_ref().is_some_and(|n| n.value.to_lowercase() == lower));
                let base = match earlier {
                    Some(earlier) => format!("s{earlier}"),
                    None if lower == "scratch" => lower,
                    None => BASE.to_owned(),
                };
                writeln!(out, "FROM {base} AS s{number}").unwrap();
            }
            Kind::Arg(_) | Kind::Env(_) | Kind::Workdir(_) => writeln!(out, "{said}").unwrap(),
            Kind::Copy(copy) | Kind::Add(copy) => {
                let stages = &model.stages[..stage];
                let from = copy.from.as_ref().map(|from| {
                    let lower = from.value.to_lowercase();
                    let by_name = stages
                        .iter()
                        .rposition(|s| s.name.as_ref().is_some_and(|n| n.value.to_lowercase() == lower));
                    by_name.or_else(|| lower.parse().ok().filter(|n| *n < stages.len()))
                });
                let folder = copy.from.as_ref().map(|f| f.value.as_str()).filter(|f| named.contains(f));
                if folder.is_none() && from == Some(None) {
                    continue;
                }
                let mut line = instruction.keyword.value.clone();
                for flag in &instruction.flags {
                    match (flag.name.value.as_str(), from.flatten()) {
                        ("from", Some(stage)) => write!(line, " --from=s{stage}").unwrap(),
                        ("from", None) => write!(line, " --from={}", folder.unwrap_or_default()).unwrap(),
                        ("parents" | "exclude", _) => return String::new(),
                        _ => {}
                    }
                }
                let is_add = matches!(instruction.kind, Kind::Add(_));
                let words: Vec<String> = copy
                    .sources
                    .iter()
                    .filter(|s| !(is_add && (s.value.contains("://") || s.value.starts_with("git@"))))
                    .map(|s| optional(&s.value))
                    .collect();
                if words.is_empty() {
                    continue;
                }
                let all = words.iter().chain([&copy.dest.value]);
                let line = if copy.json {
                    let quoted: Vec<String> = all.map(|w| format!("\"{w}\"")).collect();
                    format!("{line} [{}]", quoted.join(", "))
                } else {
                    all.fold(line, |line, word| line + " " + word)
                };
                writeln!(out, "{line}").unwrap();
            }
            _ => {}
        }
    }
    out
}

/// The Dockerfile without the first COPY that asks for what only a RUN, a script or the network brings.
fn without(dockerfile: &str, error: &str) -> Option<String> {
    let missing = error.lines().rev().find_map(|line| {
        let lstat = line.rsplit_once("buildkit-mount").and_then(|(_, rest)| rest.split_once('/'));
        let lstat = lstat.and_then(|(_, rest)| rest.strip_suffix(": no such file or directory"));
        let found = line
            .split_once("\": not found")
            .and_then(|(rest, _)| rest.rsplit_once("\"/"))
            .map(|(_, path)| path);
        lstat.or(found)
    })?;
    let asks = |line: &&str| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("COPY" | "ADD" | "copy" | "add")) && {
            let clean = line.replace(['[', ']', '"', ','], " ");
            let joined = line.replace(['[', ']'], "");
            let names = |text: &str| {
                // The last word is the destination.
                let words: Vec<&str> = text.split_whitespace().collect();
                words[..words.len() - 1].iter().any(|w| {
                    let w = w.trim_start_matches("./").trim_start_matches('/');
                    w == missing || w.starts_with(&format!("{missing}/"))
                })
            };
            names(&clean) || names(&joined) || line.contains('$')
        }
    };
    let at = dockerfile.lines().position(|line| asks(&line))?;
    let kept = dockerfile.lines().enumerate().filter(|(index, _)| *index != at);
    Some(kept.flat_map(|(_, line)| [line, "\n"]).collect())
}

/// The source as a pattern that matches it alone: BuildKit does not mind if it is missing, as what a RUN or a script
/// makes is here.
fn optional(source: &str) -> String {
    let trimmed = source.trim_end_matches('/');
    match trimmed.char_indices().last() {
        Some((at, last))
            if last.is_ascii_alphanumeric() && !trimmed.contains(['$', '*', '[', '?', '"', '\'']) =>
        {
            format!("{}[{last}]", &trimmed[..at])
        }
        _ => source.to_owned(),
    }
}
