//! `unstale lab`: its data, what it prints, and what it does to an engine and to what was there before.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use unstale::{
    lab::{Action, Builder, CATALOGUE, Cell, Column, Matrix, Outcome, Place, Row, Scenario, Seen, show},
    rules::RULES,
};

use crate::{
    cli::{Folder, ends, program},
    projects::fixtures,
    support::{Builder as On, Engine, Ran, on_real_engines, run_on_all_of, skipped},
};

fn scenario(id: &str) -> &'static Scenario {
    CATALOGUE.scenarios.iter().find(|s| s.id == id).unwrap_or_else(|| panic!("no scenario {id}"))
}

#[test]
fn every_mechanism_is_shown_or_says_why_not() {
    let ids: Vec<String> = (1..=63).map(|n| format!("S{n:02}")).collect();
    assert_eq!(CATALOGUE.mechanisms.keys().cloned().collect::<Vec<_>>(), ids);
    for (id, mechanism) in &CATALOGUE.mechanisms {
        let shown = CATALOGUE.of(id).count();
        assert_eq!(shown == 0, mechanism.skip.is_some(), "{id} has {shown} scenarios");
        assert!(!mechanism.skip.as_ref().is_some_and(|why| why.ends_with('.')), "{id}");
    }
    for rule in RULES {
        for id in rule.page.mechanisms() {
            assert!(CATALOGUE.mechanisms.contains_key(*id), "rules/{}.md names {id}", rule.id);
        }
    }
}

#[test]
fn every_file_is_in_the_catalogue_and_complete() {
    let named =
        fs::read_dir(fixtures().join("_lab")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = named.filter(|name| name.starts_with('S')).collect();
    assert!(CATALOGUE.scenarios.is_sorted_by_key(|s| &s.id), "the matrix is in the order of the mechanisms");
    let known = CATALOGUE.scenarios.iter().map(|s| format!("{}.toml", s.id));
    assert_eq!(files, known.collect());
    for scenario in &CATALOGUE.scenarios {
        let id = &scenario.id;
        assert!(CATALOGUE.mechanisms.contains_key(&scenario.mechanism), "{id}");
        assert!(!scenario.title.ends_with('.') && scenario.title.len() < 110, "{id}: {}", scenario.title);
        assert!(scenario.expect.len() > 2, "{id} tries hardly a cure");
        for cure in scenario.expect.keys() {
            assert!(CATALOGUE.cure(cure).is_some(), "{id}: there is no cure {cure}");
        }
        let touched = scenario.change.iter().any(|action| action.file().is_some());
        assert!(touched || !scenario.expect.contains_key("touch"), "{id}: nothing to touch");
        assert!(
            scenario.server.is_empty() || scenario.needs.folders,
            "{id}: the server has a folder of this machine"
        );
        let steps = scenario.deploy.iter().chain(CATALOGUE.cures.iter().flat_map(|cure| &cure.steps));
        let actions = scenario.before.iter().chain(&scenario.change);
        let commands =
            actions.filter_map(|a| if let Action::Run { command, .. } = a { Some(command) } else { None });
        for step in steps.chain(commands) {
            assert!(matches!(step.split(' ').next(), Some("docker" | "compose" | "touch")), "{id}: {step}");
        }
        for (file, text) in &scenario.files {
            let binds = text.lines().any(|line| line.trim_start().starts_with("- ./"));
            assert!(
                !binds || scenario.needs.folders || text.contains("secrets"),
                "{id}: {file} mounts a folder"
            );
            // Whatever is not of the base image has no label of the run, and would stay.
            for from in text.lines().filter_map(|line| line.strip_prefix("FROM ")) {
                let first = from.split(' ').next().unwrap();
                let stage = text.contains(&format!(" AS {first}\n"));
                assert!(stage || ["@base@", "@project@-base"].contains(&first), "{id}: {file}: FROM {from}");
            }
        }
    }
}

#[test]
fn every_cure_has_names_of_its_own_and_the_pruning_ones_are_known() {
    let names: BTreeSet<&str> = CATALOGUE.cures.iter().map(|cure| cure.name.as_str()).collect();
    let shorts: BTreeSet<&str> = CATALOGUE.cures.iter().map(|cure| cure.short.as_str()).collect();
    assert_eq!((names.len(), shorts.len()), (CATALOGUE.cures.len(), CATALOGUE.cures.len()));
    let pruning: Vec<&str> = CATALOGUE.cures.iter().filter(|c| c.prunes()).map(|c| c.name.as_str()).collect();
    assert_eq!(pruning, ["prune", "prune-context", "protocol"]);
    for cure in &CATALOGUE.cures {
        for step in &cure.steps {
            for word in ["system", "--volumes", "down", "-a", "--all"] {
                assert!(!step.split(' ').any(|own| own == word), "{step}");
            }
        }
    }
}

/// On both engines with both builders every cell that can run was measured.
#[test]
fn every_expectation_was_measured() {
    let mut measured = 0;
    for scenario in &CATALOGUE.scenarios {
        for column in Column::all() {
            // 20.10 came with docker-compose 1.29, 26.1 with Compose 2.26.
            let compose = if column.engine.0 == 20 { 1 } else { 2 };
            if scenario.obstacle(column.engine, compose, column.builder).is_some() {
                continue;
            }
            for (cure, expected) in &scenario.expect {
                assert!(expected.in_column(column).is_some(), "{}, {cure}: not on {column}", scenario.id);
                measured += 1;
            }
        }
    }
    assert_eq!(measured, 1167, "cells");
}

fn cell(cure: &str, seen: Seen, expected: Option<Outcome>, detail: Option<&str>) -> Cell {
    Cell { cure: cure.to_owned(), seen, expected, detail: detail.map(str::to_owned) }
}

fn matrix() -> Matrix<'static> {
    let row = |id, builder, cells| Row { scenario: scenario(id), builder, skipped: None, cells };
    let (fresh, stale) = (Seen::As(Outcome::Fresh), Seen::As(Outcome::Stale));
    let not_run = Seen::NotRun("it prunes".to_owned());
    let rows = vec![
        row(
            "S01-up-alone",
            Builder::BuildKit,
            vec![
                cell("nothing", stale.clone(), Some(Outcome::Stale), None),
                cell("build", fresh.clone(), Some(Outcome::Fresh), None),
                cell("protocol", not_run.clone(), Some(Outcome::Fresh), None),
            ],
        ),
        row(
            "S33-context-snapshot",
            Builder::BuildKit,
            vec![
                cell("build", fresh, Some(Outcome::Stale), None),
                cell("no-cache", stale, None, None),
                cell("prune", not_run, Some(Outcome::Fresh), None),
                cell("bust", Seen::As(Outcome::Fails), Some(Outcome::Stale), Some("a\x1b[31m\nb")),
            ],
        ),
        Row {
            scenario: scenario("S38-classic-cache"),
            builder: Builder::BuildKit,
            skipped: Some("needs the builder `classic`".to_owned()),
            cells: Vec::new(),
        },
    ];
    let place = Place {
        engine: "28.5.2\x07".to_owned(),
        compose: "docker compose 2.40.3".to_owned(),
        version: (28, 5),
        generation: 2,
    };
    Matrix { place, cures: CATALOGUE.cures.iter().collect(), rows }
}

#[test]
fn the_table_marks_what_differs() {
    let text = show::text(&matrix());
    let expected = "\
engine 28.5.2\\u{7}, docker compose 2.40.3

builder buildkit; expected is what was measured on 26.1 buildkit
                     none  build  nocache bust   prune   protocol
S01 up-alone         STALE fresh  -       -      -       not run
S33 context-snapshot -     fresh! STALE   fails! not run -

";
    assert!(text.starts_with(expected), "{text}");
    for line in [
        "S33-context-snapshot with builder buildkit, build: seen fresh, expected stale\n",
        "S33-context-snapshot with builder buildkit, bust: seen fails, expected stale (a\\u{1b}[31m\\nb)\n",
        "S38-classic-cache with builder buildkit: needs the builder `classic`\n",
        "\nnot run: these cures prune the build cache of the engine, which only `--allow-prune` does\n",
        "\n5 cells: 2 not as expected, 1 never measured before\n",
        "  none     nothing\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    assert!(!text.contains(char::is_control) || text.chars().filter(|c| c.is_control()).all(|c| c == '\n'));
}

#[test]
fn a_full_table_is_no_wider_than_a_hundred_columns() {
    let cells = |scenario: &Scenario| {
        let cell = |cure: &String| cell(cure, Seen::As(Outcome::Stale), Some(Outcome::Fresh), None);
        scenario.expect.keys().map(cell).collect()
    };
    let rows = CATALOGUE.scenarios.iter().map(|scenario| Row {
        scenario,
        builder: Builder::Classic,
        skipped: None,
        cells: cells(scenario),
    });
    let full = Matrix { rows: rows.collect(), ..matrix() };
    let text = show::text(&full);
    let table = text.split("\n  none ").next().unwrap();
    for line in table.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    for cure in CATALOGUE
        .cures
        .iter()
        .filter(|cure| CATALOGUE.scenarios.iter().any(|s| s.expect.contains_key(&cure.name)))
    {
        assert!(table.contains(&cure.short), "{} in {table}", cure.short);
    }
    assert_eq!(text.matches("STALE!").count(), full.differences().count());
}

#[test]
fn the_document_has_every_cell() {
    let document = show::document(&matrix());
    assert_eq!(document["schema"], 1);
    assert_eq!(document["engine"]["builder"], "buildkit");
    let rows = document["mechanisms"].as_array().unwrap();
    assert_eq!((&rows[1]["id"], &rows[1]["scenario"]), (&"S33".into(), &"S33-context-snapshot".into()));
    assert_eq!(rows[1]["expected_from"], "26.1 buildkit");
    assert_eq!(
        rows[1]["cells"].as_array().unwrap()[..3],
        serde_json::json!([
            { "cure": "build", "seen": "fresh", "expected": "stale", "as_expected": false, "detail": null },
            { "cure": "no-cache", "seen": "stale", "expected": null, "as_expected": null, "detail": null },
            { "cure": "prune", "seen": "not-run", "expected": "fresh", "as_expected": null, "detail": "it prunes" },
        ])
        .as_array()
        .unwrap()[..]
    );
    assert_eq!(rows[2]["skipped"], "needs the builder `classic`");
}

#[test]
fn what_cannot_work_says_so_and_exits_with_2() {
    let folder = Folder::new();
    let says = |args: &[&str], code: i32, words: &str| {
        let ran = ends(folder.run(&[&["lab"], args].concat()), code);
        let text = if code == 0 { &ran.stdout } else { &ran.stderr };
        assert!(text.contains(words), "{words} in {ran:?}");
    };
    says(&["S83"], 2, "there is no mechanism `S83`, did you mean `S03`?");
    says(&["s09"], 2, "no scenario shows `S09`: it happens in git");
    says(&["--cure", "nocache"], 2, "there is no cure `nocache`, did you mean `no-cache`?");
    says(&["S01", "--base", "a\nRUN x"], 2, "is no name of an image");
    says(&["--list"], 0, "     context-snapshot: a file of equal size and time");
    says(&["--list"], 0, "     not shown: it happens in git, before any engine");
    let listed: Value =
        serde_json::from_str(&ends(folder.run(&["lab", "--list", "--format", "json"]), 0).stdout).unwrap();
    assert_eq!(listed["mechanisms"].as_array().unwrap().len(), 63);
    // No program of that name, and a socket at which nobody answers.
    let ran = ends(Ran::new(program().args(["lab", "S01"]).env("PATH", folder.path())), 2);
    assert!(ran.stderr.contains("the lab needs `docker`, which does not start"), "{ran:?}");
    if Command::new("docker").arg("--version").output().is_ok_and(|output| output.status.success()) {
        let nowhere = format!("unix://{}/docker.sock", folder.path().display());
        let ran = ends(
            Ran::new(program().args(["lab", "S01"]).env("DOCKER_HOST", nowhere).env_remove("DOCKER_CONTEXT")),
            2,
        );
        assert!(ran.stderr.contains("no Docker engine answers"), "{ran:?}");
    } else {
        skipped("no docker client on the PATH");
    }
}

/// A folder that this machine and the engine have under one name.
fn scratch(engine: &Engine) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(&format!("{}-", engine.name)).tempdir_in(&engine.scratch).unwrap()
}

fn lab(engine: &Engine, temporary: &Path, builder: On, args: &[&str]) -> Command {
    let mut unstale = program();
    let path = format!("{}:{}", engine.bin.display(), std::env::var("PATH").unwrap());
    let builder = if builder == On::Classic { "classic" } else { "buildkit" };
    unstale.args(["lab", "--builder", builder]).args(args).env("PATH", path).env("TMPDIR", temporary);
    unstale.current_dir(temporary);
    unstale
}

/// Everything on the engine: containers, images, volumes, networks, build cache.
fn everything(engine: &Engine) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let lists: [(&str, &[&str]); 5] = [
        ("container", &["ps", "--all", "--quiet", "--no-trunc"]),
        ("running", &["ps", "--quiet", "--no-trunc"]),
        ("image", &["image", "ls", "--all", "--quiet", "--no-trunc"]),
        ("volume", &["volume", "ls", "--quiet"]),
        ("network", &["network", "ls", "--quiet", "--no-trunc"]),
    ];
    for (kind, list) in lists {
        all.extend(engine.docker(list).ok().lines().map(|id| format!("{kind} {id}")));
    }
    all.extend(caches(engine).into_iter().map(|id| format!("cache {id}")));
    all
}

fn caches(engine: &Engine) -> Vec<String> {
    let said = engine.docker(&["system", "df", "--verbose", "--format", "{{json .BuildCache}}"]).ok();
    let list: Value = serde_json::from_str(&said).unwrap();
    list.as_array().unwrap().iter().map(|entry| entry["ID"].as_str().unwrap().to_owned()).collect()
}

/// What looks much like the lab's own, and is not.
struct Foreign<'a> {
    engine: &'a Engine,
    name: String,
    folder: tempfile::TempDir,
}

impl<'a> Foreign<'a> {
    fn new(engine: &'a Engine) -> Self {
        let folder = scratch(engine);
        let name = format!("unstale-lab-foreign-{}", std::process::id());
        let foreign = Self { engine, name, folder };
        foreign.make();
        foreign
    }

    fn make(&self) {
        let label = "unstale.lab=unstale-lab-0000000000";
        let name = self.name.as_str();
        let nonce = format!("{name} {:?}", Instant::now());
        let base = self.engine.base_image();
        let dockerfile = format!("FROM {base}\nLABEL {label}\nRUN echo {nonce}\nCMD [\"sleep\", \"600\"]\n");
        fs::write(self.folder.path().join("Dockerfile"), dockerfile).unwrap();
        let context = self.folder.path().to_str().unwrap();
        let built = Ran::new(
            Command::new(self.engine.bin.join("docker"))
                .args(["build", "--tag", name, context])
                .env("DOCKER_BUILDKIT", "1")
                .current_dir(self.folder.path()),
        );
        built.ok();
        let docker = |args: &[&str]| self.engine.docker(args).ok();
        docker(&["volume", "create", "--label", label, name]);
        docker(&["network", "create", "--label", label, name]);
        let mounts = format!("{name}:/data");
        docker(&[
            "run",
            "--detach",
            "--name",
            name,
            "--network",
            "none",
            "--volume",
            &mounts,
            "--volume",
            "/anonymous",
            name,
        ]);
    }
}

impl Drop for Foreign<'_> {
    fn drop(&mut self) {
        self.engine.docker(&["rm", "--force", "--volumes", &self.name]);
        for kind in ["image", "volume", "network"] {
            self.engine.docker(&[kind, "rm", &self.name]);
        }
    }
}

on_real_engines!(corners: a_few_cells, interrupted);

/// A few mechanisms are as shipped, and whatever else was on the engine is still there, and nothing more but build cache.
#[expect(clippy::needless_pass_by_value, reason = "so `on_real_engines!` wants it")]
fn a_few_cells(engine: Engine, builder: On) {
    let _claim = engine.claim();
    let foreign = Foreign::new(&engine);
    let before = everything(&engine);
    assert!(before.iter().any(|thing| thing.starts_with("cache ")), "a build leaves cache");
    let temporary = scratch(&engine);
    let args = [
        "S01-up-alone",
        "S05-anonymous-volume",
        "s33-context-snapshot",
        "S23",
        "--cure",
        "nothing",
        "renew",
        "build",
        "protocol",
        "--format",
        "json",
    ];
    let ran = Ran::new(&mut lab(&engine, temporary.path(), builder, &args));
    let after = everything(&engine);
    let ran = ends(ran, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["engine"]["version"], engine.version.as_str());
    let seen = |id: &str, cure: &str| {
        let rows = document["mechanisms"].as_array().unwrap();
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        let cells = row["cells"].as_array().unwrap();
        cells.iter().find(|cell| cell["cure"] == cure).unwrap()["seen"].as_str().unwrap().to_owned()
    };
    let snapshot = if builder == On::Classic { "fresh" } else { "stale" };
    for (id, cure, expected) in [
        ("S01", "nothing", "stale"),
        ("S01", "renew", "stale"),
        ("S01", "build", "fresh"),
        ("S01", "protocol", "not-run"),
        ("S05", "renew", "fresh"),
        ("S23", "nothing", "stale"),
        ("S23", "renew", "fresh"),
        ("S33", "build", snapshot),
    ] {
        assert_eq!(seen(id, cure), expected, "{id} {cure}: {ran:?}");
    }
    drop(foreign);
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(lost.is_empty(), "gone: {lost:?}");
    let more: Vec<_> = after.difference(&before).filter(|thing| !thing.starts_with("cache ")).collect();
    assert!(more.is_empty(), "left: {more:?}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "the folder is gone");
    assert!(!ran.stderr.contains("could not be removed"), "{ran:?}");
}

/// A signal ends it, and nothing stays.
#[expect(clippy::needless_pass_by_value, reason = "so `on_real_engines!` wants it")]
fn interrupted(engine: Engine, builder: On) {
    let _claim = engine.claim();
    let before = everything(&engine);
    let temporary = scratch(&engine);
    let mut command = lab(&engine, temporary.path(), builder, &["S04"]);
    let mut running =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    let containers = || engine.docker(&["ps", "--quiet", "--filter", "label=unstale.lab"]).ok();
    while containers().is_empty() {
        assert!(
            start.elapsed() < Duration::from_mins(1) && running.try_wait().unwrap().is_none(),
            "no container"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Ran::new(Command::new("kill").args(["-INT", &running.id().to_string()])).ok();
    let output = running.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.ends_with("error: interrupted\n"), "{stderr}");
    assert!(output.stdout.is_empty());
    let after = everything(&engine);
    let more: Vec<_> = after.difference(&before).filter(|thing| !thing.starts_with("cache ")).collect();
    assert!(more.is_empty(), "left: {more:?}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "the folder is gone");
}

/// Every scenario with every cure is as shipped; `UPDATE=1` writes what was seen into the scenarios, `UNSTALE_SCENARIO=S33`
/// takes those alone whose names start so.
///
/// The cures that prune run, too: the build cache of these engines is there for the tests.
fn all_on(engine: &Engine, builder: On) {
    let column = format!(
        "{} {}",
        if engine.name == "e20" { "20.10" } else { "26.1" },
        if builder == On::Classic { "classic" } else { "buildkit" }
    );
    let mut differences = String::new();
    let only = std::env::var("UNSTALE_SCENARIO").unwrap_or_default();
    for scenario in CATALOGUE.scenarios.iter().filter(|scenario| scenario.id.starts_with(&only)) {
        // Other tests get their turn between two scenarios.
        let _claim = engine.claim();
        let temporary = scratch(engine);
        let args = [scenario.id.as_str(), "--allow-prune", "--format", "json"];
        let ran = Ran::new(&mut lab(engine, temporary.path(), builder, &args));
        assert!(matches!(ran.code, 0 | 1), "{ran:?}");
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        for cell in document["mechanisms"][0]["cells"].as_array().unwrap() {
            let (cure, seen) = (cell["cure"].as_str().unwrap(), cell["seen"].as_str().unwrap());
            if std::env::var_os("UPDATE").is_some() {
                update(scenario, cure, &column, seen);
            } else if cell["as_expected"] != true {
                differences.extend([
                    scenario.id.as_str(),
                    " ",
                    cure,
                    ", ",
                    &column,
                    ": ",
                    &cell.to_string(),
                    "\n",
                ]);
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

mod every_cell {
    use super::{On, all_on, run_on_all_of};

    #[test]
    fn classic_e20() {
        run_on_all_of("e20", On::Classic, |engine, builder| all_on(&engine, builder));
    }

    #[test]
    fn buildkit_e20() {
        run_on_all_of("e20", On::BuildKit, |engine, builder| all_on(&engine, builder));
    }

    #[test]
    fn classic_e26() {
        run_on_all_of("e26", On::Classic, |engine, builder| all_on(&engine, builder));
    }

    #[test]
    fn buildkit_e26() {
        run_on_all_of("e26", On::BuildKit, |engine, builder| all_on(&engine, builder));
    }
}

/// Writes one cell into a scenario's file; tests of other engines write other columns of it.
fn update(scenario: &Scenario, cure: &str, column: &str, seen: &str) {
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenarios.lock")).unwrap();
    lock.lock().unwrap();
    let path: PathBuf = fixtures().join("_lab").join(format!("{}.toml", scenario.id));
    let text = fs::read_to_string(&path).unwrap();
    // As it is now, not as it was built in.
    let now = Scenario::read(&scenario.id, &text).unwrap();
    let compose = |column: Column| if column.engine.0 == 20 { 1 } else { 2 };
    let runs = |own: &Column| now.obstacle(own.engine, compose(*own), own.builder).is_none();
    let cells: Vec<(String, Option<&str>)> = Column::all()
        .filter(runs)
        .map(|own| {
            let old = now.expect[cure].in_column(own).map(Outcome::as_str);
            let name = own.to_string();
            let cell = if name == column { Some(seen) } else { old };
            (name, cell)
        })
        .collect();
    let line = format!("{cure} = {}", written(&cells));
    let prefix = format!("{cure} = ");
    let expect = text.find("\n[expect]\n").unwrap();
    let lines = text[expect..].split_inclusive('\n');
    let lines = lines.map(|old| if old.starts_with(&prefix) { format!("{line}\n") } else { old.to_owned() });
    let next = format!("{}{}", &text[..expect], lines.collect::<String>());
    Scenario::read(&scenario.id, &next).unwrap();
    if next != text {
        fs::write(path, next).unwrap();
    }
}

/// The shortest way to say what is in the columns, and no more: a key that covers one which nobody has measured says too
/// much.
fn written(cells: &[(String, Option<&str>)]) -> String {
    let word = |name: &str, at: usize| name.split(' ').nth(at).unwrap().to_owned();
    let ways: [&dyn Fn(&str) -> String; 4] =
        [&|_| String::new(), &|name| word(name, 1), &|name| word(name, 0), &|name| name.to_owned()];
    for way in ways {
        let mut by: Vec<(String, Option<&str>)> = Vec::new();
        for (name, cell) in cells {
            let entry = (way(name), *cell);
            if !by.contains(&entry) {
                by.push(entry);
            }
        }
        let keys: BTreeSet<&String> = by.iter().map(|(key, _)| key).collect();
        if keys.len() != by.len() {
            continue;
        }
        if let [(key, Some(cell))] = &by[..]
            && key.is_empty()
        {
            return format!("\"{cell}\"");
        }
        let quoted = |key: &str| if key.contains(['.', ' ']) { format!("\"{key}\"") } else { key.to_owned() };
        let known = by.iter().filter_map(|(key, cell)| cell.map(|cell| (key, cell)));
        let entries: Vec<String> = known.map(|(key, cell)| format!("{} = \"{cell}\"", quoted(key))).collect();
        return format!("{{ {} }}", entries.join(", "));
    }
    unreachable!("every column has a name of its own")
}

#[test]
fn expectations_are_written_short() {
    let cells = |outcomes: [Option<&'static str>; 4]| -> String {
        let names = Column::all().map(|column| column.to_string());
        written(&names.zip(outcomes).collect::<Vec<_>>())
    };
    let (f, s) = (Some("fresh"), Some("stale"));
    assert_eq!(cells([f, f, f, f]), "\"fresh\"");
    assert_eq!(cells([None, s, None, s]), "{ buildkit = \"stale\" }");
    assert_eq!(
        cells([s, None, s, s]),
        "{ \"20.10 classic\" = \"stale\", \"26.1 classic\" = \"stale\", \"26.1 buildkit\" = \"stale\" }"
    );
    assert_eq!(cells([f, s, f, s]), "{ classic = \"fresh\", buildkit = \"stale\" }");
    assert_eq!(cells([f, f, s, s]), "{ \"20.10\" = \"fresh\", \"26.1\" = \"stale\" }");
    assert_eq!(
        cells([f, s, f, f]),
        "{ \"20.10 classic\" = \"fresh\", \"20.10 buildkit\" = \"stale\", \"26.1 classic\" = \"fresh\", \"26.1 buildkit\" = \"fresh\" }"
    );
}
