//! The oracle: builds on an engine, and reads in its progress which steps came from the cache.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use unstale::{
    model::dockerfile::{Dockerfile, Kind, parse},
    text::FileId,
};

use super::pair::{Names, Pair, Side};
use crate::support::{Builder, Engine, Ran};

/// Which steps of a build came from the cache, by the index of their instruction. What the builder does not show is not
/// there: what is no step, is in a stage that nobody asks for, or is the same step as another one.
pub(super) type Cached = BTreeMap<usize, bool>;

/// What a builder has made of a pair.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    pub(super) before: Cached,
    pub(super) after: Cached,
    /// What it printed, both times.
    pub(super) said: String,
}

/// One engine with one builder.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) builder: Builder,
    base: String,
    folder: tempfile::TempDir,
    numbers: AtomicUsize,
    _claim: File,
}

impl Bench {
    pub(super) fn new(engine: Engine, builder: Builder) -> Self {
        let claim = engine.claim();
        let base = engine.base_image();
        let folder = tempfile::Builder::new()
            .prefix(&format!("{}-", engine.name))
            .tempdir_in(&engine.scratch)
            .expect("the scratch folder can be written");
        Self { engine, builder, base, folder, numbers: AtomicUsize::new(0), _claim: claim }
    }

    /// Builds both sides, one after the other in one folder; what the builder says if it refuses one.
    pub(super) fn build(&self, pair: &Pair) -> Result<Answers, String> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let id = self.folder.path().file_name().expect("it has a name").to_string_lossy().to_lowercase();
        let names = Names { base: self.base.clone(), nonce: format!("{id}-{number:04}").replace('.', "") };
        // Its own name has to be of this pair: buildx keys the context snapshot with no more of the path than that.
        let context = self.folder.path().join(&names.nonce);
        fs::create_dir(&context).expect("the scratch folder can be written");
        let tags = ["before", "after"].map(|side| format!("unstale-differential:{}-{side}", names.nonce));
        let both = || {
            let (before, mut said) = self.one(&pair.before, &context, &names, &tags[0])?;
            let (after, more) = self.one(&pair.after, &context, &names, &tags[1])?;
            said.push_str(&more);
            Ok(Answers { before, after, said })
        };
        let outcome = both();
        self.docker(&["image", "rm", "--force", &tags[0], &tags[1]]);
        let _ = fs::remove_dir_all(&context);
        outcome
    }

    fn docker(&self, args: &[&str]) -> Ran {
        let mut docker = Command::new(self.engine.bin.join("docker"));
        Ran::new(docker.args(args).envs(self.builder.env()).current_dir(&self.engine.scratch))
    }

    fn one(&self, side: &Side, context: &Path, names: &Names, tag: &str) -> Result<(Cached, String), String> {
        side.lay(context, names);
        let mut args = vec!["build".to_owned(), format!("--tag={tag}")];
        if self.builder == Builder::BuildKit {
            args.push("--progress=plain".to_owned());
        }
        args.extend(side.no_cache.then(|| "--no-cache".to_owned()));
        args.extend(side.target.as_ref().map(|name| format!("--target={name}")));
        args.extend(side.anew.iter().map(|name| format!("--no-cache-filter={name}")));
        args.extend(side.args.iter().map(|(name, value)| format!("--build-arg={name}={value}")));
        args.extend(side.file.as_ref().map(|file| format!("--file={}", context.join(file).display())));
        args.push(context.display().to_string());
        let ran = self.docker(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let said = format!("{}{}", ran.stdout, ran.stderr);
        if ran.code != 0 {
            return Err(said);
        }
        let dockerfile = parse(FileId(0), &side.dockerfile());
        let cached = match self.builder {
            Builder::Classic => classic(&dockerfile, &said),
            Builder::BuildKit => buildkit(&dockerfile, &said),
        };
        Ok((cached, said))
    }
}

/// What the classic builder says: `Step 3/7 : COPY …`, then ` ---> Using cache` or not. Every instruction is a step.
fn classic(dockerfile: &Dockerfile, said: &str) -> Cached {
    let mut cached = Cached::new();
    let mut at = None;
    for line in said.lines() {
        if let Some(rest) = line.strip_prefix("Step ") {
            let number: usize = rest.split('/').next().and_then(|n| n.parse().ok()).expect("a step's number");
            at = Some(number - 1).filter(|at| is_step(dockerfile, *at));
            cached.extend(at.map(|at| (at, false)));
        } else if line.trim() == "---> Using cache"
            && let Some(at) = at
        {
            cached.insert(at, true);
        }
    }
    cached
}

/// Whether the classic builder makes an image of it.
fn is_step(dockerfile: &Dockerfile, at: usize) -> bool {
    let first = dockerfile.stages.first().map_or(0, |stage| stage.from);
    at > first && !matches!(dockerfile.instructions[at].kind, Kind::From { .. })
}

/// Whether it is an ONBUILD that numbers a step of the next stage.
fn triggers(kind: &Kind) -> bool {
    matches!(kind, Kind::OnBuild(inner) if matches!(**inner, Kind::Run(_)))
}

/// What `BuildKit` says: `#7 [stage 2/5] COPY …`, then `#7 CACHED` or `#7 DONE 0.1s`. The image of a FROM, and every COPY,
/// ADD, RUN and WORKDIR are numbered; a WORKDIR that is `/` is counted in the total only (`dispatchWorkdir`).
fn buildkit(dockerfile: &Dockerfile, said: &str) -> Cached {
    let mut steps: HashMap<(String, usize), usize> = HashMap::new();
    for (number, stage) in dockerfile.stages.iter().enumerate() {
        // The generator takes no other argument for the name of a stage, and none but this value for it.
        let base = if stage.base.value == "$PICK" { "one" } else { &stage.base.value };
        let parent = dockerfile.stages[..number]
            .iter()
            .find(|other| other.name.as_ref().is_some_and(|name| name.value == base));
        let mut ordinal = match parent {
            Some(parent) => {
                parent.body.clone().filter(|at| triggers(&dockerfile.instructions[*at].kind)).count()
            }
            None => usize::from(base != "scratch"),
        };
        for at in stage.body.clone() {
            let counts = match &dockerfile.instructions[at].kind {
                Kind::Copy(_) | Kind::Add(_) | Kind::Run(_) => true,
                Kind::Workdir(path) => path.value != "/",
                _ => false,
            };
            if !counts {
                continue;
            }
            ordinal += 1;
            let name = stage.name.as_ref().map(|name| name.value.clone());
            steps.insert((name.unwrap_or_else(|| format!("stage-{number}")), ordinal), at);
            // Without a name where there is but one.
            steps.insert((String::new(), ordinal), at);
        }
    }
    let mut shown: HashMap<&str, usize> = HashMap::new();
    let mut cached = Cached::new();
    for line in said.lines() {
        let Some((vertex, rest)) = line.strip_prefix('#').and_then(|line| line.split_once(' ')) else {
            continue;
        };
        if let Some((place, step)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            if step.starts_with("FROM ") {
                // One step for all builds that run at once, named after any of them.
                continue;
            }
            let (name, count) = place.rsplit_once(' ').unwrap_or(("", place));
            let ordinal = count.split('/').next().and_then(|number| number.trim().parse().ok());
            let found = ordinal.and_then(|ordinal| steps.get(&(name.trim().to_owned(), ordinal)));
            shown.extend(found.map(|at| (vertex, *at)));
        } else if let Some(at) = shown.get(vertex) {
            if rest == "CACHED" {
                cached.insert(*at, true);
            } else if rest.starts_with("DONE") {
                cached.entry(*at).or_insert(false);
            }
        }
    }
    cached
}
