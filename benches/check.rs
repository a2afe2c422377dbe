//! What `engine::check` costs next to reading and UTF-8-validating the same files: ratios of one run, on one machine.
//!
//! `cargo bench` prints, for each project, the time of `read` and of `check`; only their ratio means anything.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the benchmark reads fixtures and may fail"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use divan::{Bencher, black_box};
use unstale::{
    engine,
    settings::Settings,
    text::{Snapshot, SourceFile},
};

fn main() {
    divan::main();
}

/// The projects: the incident, and 200 folders with a Dockerfile or compose file made of the fixtures.
const PROJECTS: [&str; 2] = ["scichart", "200 files"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Every file below that is read, in order.
fn wanted(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut children: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    children.sort();
    for child in children {
        if child.is_dir() {
            wanted(&child, found);
        } else if engine::wants(&child.to_string_lossy()) {
            found.push(child);
        }
    }
}

/// The files of a project, and what they are called in it.
fn files(project: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    if project == "scichart" {
        wanted(&fixtures().join("_projects/scichart"), &mut found);
        let root = fixtures().join("_projects/scichart");
        return found
            .into_iter()
            .map(|file| (file.clone(), file.strip_prefix(&root).unwrap().to_string_lossy().into_owned()))
            .collect();
    }
    wanted(&fixtures(), &mut found);
    let checked = |file: &Path| {
        let name = file.file_name().unwrap().to_string_lossy().to_lowercase();
        name.contains("dockerfile") || name.contains("compose")
    };
    // Each project of the fixtures in a folder of its own, until there are enough.
    let mut all = Vec::new();
    let mut count = 0;
    for round in 0.. {
        for file in &found {
            if count == 200 {
                return all;
            }
            count += usize::from(checked(file));
            let inside = file.strip_prefix(fixtures()).unwrap().to_string_lossy().into_owned();
            all.push((file.clone(), format!("p{round}/{inside}")));
        }
    }
    all
}

fn read(files: &[(PathBuf, String)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (file, name) in files {
        snapshot.add_file(SourceFile { path: name.clone(), text: fs::read_to_string(file).unwrap() });
    }
    snapshot
}

#[divan::bench(args = PROJECTS)]
fn read_and_validate(bencher: Bencher<'_, '_>, project: &str) {
    let files = files(project);
    bencher.bench_local(|| {
        for (file, _) in &files {
            black_box(String::from_utf8(fs::read(file).unwrap()).unwrap());
        }
    });
}

#[divan::bench(args = PROJECTS)]
fn check(bencher: Bencher<'_, '_>, project: &str) {
    let snapshot = read(&files(project));
    bencher.bench_local(|| engine::check(black_box(&snapshot), &Settings::default()));
}
