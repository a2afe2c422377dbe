//! What engines say of real files before and after their fixes: the builders parse them, Compose reads them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use regex::Regex;
use unstale::diag::Safety;

use super::{
    compose,
    corpus::{LIMITS, folder, read, repositories},
    judge::{self, Changed, Kind},
    say,
};
use crate::support::{Builder, Engine, Ran, on_real_engines, skipped};

on_real_engines!(corners: builders_read_what_was_fixed);

/// Every file that fixes change in the repositories, with the limit under which they do; made once for all tests.
static CHANGED: LazyLock<Vec<(Safety, String, Changed)>> = LazyLock::new(|| {
    let Some(corpus) = folder("UNSTALE_CORPUS_FULL") else { return Vec::new() };
    let mut all = Vec::new();
    for (name, root) in repositories(&corpus) {
        let snapshot = read(&root);
        for (_, limit) in LIMITS {
            all.extend(judge::fixed(&name, &snapshot, limit).into_iter().map(|c| (limit, name.clone(), c)));
        }
    }
    all
});

/// How many of the changed Dockerfiles each builder is asked about; `UNSTALE_GATE_ALL=1` asks about all.
const SAMPLE: usize = 300;

#[expect(clippy::needless_pass_by_value, reason = "what `run_on` calls")]
fn builders_read_what_was_fixed(engine: Engine, builder: Builder) {
    if folder("UNSTALE_CORPUS_FULL").is_none() {
        return skipped("UNSTALE_CORPUS_FULL names no folder of repositories");
    }
    let mut pairs: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (_, _, changed) in CHANGED.iter().filter(|(_, _, c)| c.kind == Kind::Dockerfile) {
        pairs.insert((&changed.before, &changed.after), &changed.name);
    }
    let pairs: Vec<_> = pairs.into_iter().collect();
    // Every so many-th, whatever their number is: the same ones on every run.
    let all = std::env::var_os("UNSTALE_GATE_ALL").is_some();
    let step = if all { 1 } else { pairs.len().div_ceil(SAMPLE).max(1) };
    let sample: Vec<_> = pairs.iter().step_by(step).collect();
    let claim = engine.claim();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (parsed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(((before, after), name)) = sample.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (old, new) = (parse(&engine, builder, before), parse(&engine, builder, after));
                    match &old {
                        Said::Parsed => parsed.fetch_add(1, Ordering::Relaxed),
                        Said::Refused(_) => refused.fetch_add(1, Ordering::Relaxed),
                    };
                    if old != new {
                        wrong.lock().unwrap().push(format!("{name}: {old:?} becomes {new:?}"));
                    }
                }
            });
        }
    });
    drop::<File>(claim);
    say!(
        "{} with {builder:?}: {} of {} changed Dockerfiles, {} parsed before and after, {} refused for the same reason",
        engine.name,
        sample.len(),
        pairs.len(),
        parsed.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed)
    );
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(parsed.into_inner() > 0, "nothing was parsed");
}

/// What a builder says of a Dockerfile.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Parsed,
    /// Why not, without the line.
    Refused(String),
}

/// Another frontend would have to be fetched.
static SYNTAX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\A(\x{feff}?(?:#[^\n]*\n)*?)#[ \t]*syntax[ \t]*=[^\n]*\n").expect("it is well formed")
});

/// Asks for a stage that is not there: the builder looks for it after it has read the whole file, and pulls nothing.
fn parse(engine: &Engine, builder: Builder, text: &str) -> Said {
    let text = SYNTAX.replace(text, "$1");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text.as_bytes()).unwrap();
    let mut docker = Command::new(engine.bin.join("docker"));
    docker.args(["build", "--target", "unstale-none", "-"]).envs(builder.env()).current_dir(&engine.scratch);
    docker.stdin(Stdio::from(File::open(file.path()).unwrap()));
    let output = docker.output().expect("docker starts");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if said.contains("unstale-none")
        && ["could not be found", "failed to reach build target"].iter().any(|s| said.contains(s))
    {
        return Said::Parsed;
    }
    let error = said.lines().rev().find(|line| line.to_lowercase().contains("error")).unwrap_or(&said);
    let line = Regex::new(r"line \d+").expect("it is well formed");
    Said::Refused(line.replace_all(error, "line").into_owned())
}

#[test]
fn compose_reads_what_was_fixed() {
    if folder("UNSTALE_CORPUS_FULL").is_none() {
        return skipped("UNSTALE_CORPUS_FULL names no folder of repositories");
    }
    crate::support::run_on("e26", Builder::BuildKit, compose_reads);
}

/// What the two generations of Compose said.
#[derive(Debug, Default)]
struct Sum {
    accepted: usize,
    refused: usize,
    first_accepted: usize,
    first_refused: usize,
    values: usize,
    wrong: Vec<String>,
}

#[expect(clippy::needless_pass_by_value, reason = "what `run_on` calls")]
fn compose_reads(engine: Engine, _: Builder) {
    let claim = engine.claim();
    let scratch = tempfile::Builder::new().prefix("gate-").tempdir_in(&engine.scratch).unwrap();
    let corpus = folder("UNSTALE_CORPUS_FULL").expect("it was asked for");
    let first = crate::support::engines().into_iter().find(|e| e.name == "e20");
    let (mut sum, mut files) = (Sum::default(), BTreeSet::new());
    for (name, root) in repositories(&corpus) {
        let own = || CHANGED.iter().filter(|(_, repo, c)| *repo == name && c.kind == Kind::Compose);
        if own().next().is_none() {
            continue;
        }
        let copy = scratch.path().join(&name);
        Ran::new(Command::new("cp").arg("-dR").arg(&root).arg(&copy)).ok();
        for (limit, _, changed) in own() {
            files.insert(&changed.name);
            let path = changed.name.strip_prefix(&format!("{name}/")).expect("its repository is named first");
            let old = config(&engine, &copy.join(path), &changed.before);
            let new = config(&engine, &copy.join(path), &changed.after);
            compare(changed, &old, &new, &mut sum);
            if let Some(first) = first.as_ref().filter(|_| *limit == Safety::Safe) {
                let (old, new) = (
                    accepted_by_first(first, &copy.join(path), &changed.before),
                    accepted_by_first(first, &copy.join(path), &changed.after),
                );
                *if old.is_ok() { &mut sum.first_accepted } else { &mut sum.first_refused } += 1;
                if old.is_ok() != new.is_ok() {
                    sum.wrong.push(format!("{}: docker-compose 1.29: {old:?} becomes {new:?}", changed.name));
                }
            }
            fs::write(copy.join(path), &changed.before).unwrap();
        }
        fs::remove_dir_all(&copy).unwrap();
    }
    drop::<File>(claim);
    say!(
        "{} changed compose files: Compose 2.26 reads {} results, refuses {} for the same reason as before, {} values \
         differ as intended; of the results of safe fixes docker-compose 1.29 reads {} and refuses {} as before",
        files.len(),
        sum.accepted,
        sum.refused,
        sum.values,
        sum.first_accepted,
        sum.first_refused
    );
    assert!(sum.wrong.is_empty(), "{}", sum.wrong.join("\n"));
    assert!(sum.accepted > 0, "nothing was read");
}

fn compare(changed: &Changed, old: &Result<String, String>, new: &Result<String, String>, sum: &mut Sum) {
    let name = &changed.name;
    match (old, new) {
        (Ok(old), Ok(new)) => {
            sum.accepted += 1;
            let (old, new) = (compose::load(old).unwrap(), compose::load(new).unwrap());
            let found: Vec<_> =
                old.iter().zip(&new).flat_map(|(old, new)| compose::differences(old, new)).collect();
            if found.is_empty() {
                sum.wrong.push(format!("{name}: Compose reads the same as before"));
            }
            for difference in found {
                if compose::intended(&difference, &changed.rules) {
                    sum.values += 1;
                } else {
                    sum.wrong.push(format!("{name}: {difference}"));
                }
            }
        }
        (Err(old), Err(new)) if old == new => sum.refused += 1,
        (old, new) => sum.wrong.push(format!("{name}: {old:?} becomes {new:?}")),
    }
}

/// What `docker compose config` prints, variables as they are.
fn config(engine: &Engine, file: &Path, text: &str) -> Result<String, String> {
    fs::write(file, text).unwrap();
    let args =
        ["compose", "-f", &file.display().to_string(), "config", "--no-interpolate"].map(str::to_owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ran = engine.docker(&args);
    if ran.code == 0 { Ok(ran.stdout) } else { Err(without_time(&ran.stderr)) }
}

/// The same of docker-compose 1.29, as far as whether it accepts the file.
fn accepted_by_first(engine: &Engine, file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).unwrap();
    let mut first = Command::new(engine.bin.join("docker-compose"));
    first.arg("-f").arg(file).args(["config", "--quiet", "--no-interpolate"]).current_dir(&engine.scratch);
    let ran = Ran::new(&mut first);
    if ran.code == 0 { Ok(()) } else { Err(ran.stderr) }
}

fn without_time(said: &str) -> String {
    said.lines().filter(|line| !line.starts_with("time=")).collect::<Vec<_>>().join("\n")
}
