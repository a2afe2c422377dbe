//! The merged model against compose-go: real projects, and random ones.
//!
//! `UNSTALE_COMPOSE_ORACLE` names a program that reads lines of `{"dir":…,"files":[…]}` and answers each with a line:
//! what compose-go makes of `docker compose -f …` there, paths absolute, all profiles on.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the corpus and the program lie in files that the environment names, and a skipped test says so"
)]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value as Json, json};
use unstale::{
    analysis::Facts,
    model::compose::{Compose, MountKind, Service, Sharing, Value, Variable},
    text::{EntryKind, Snapshot, SourceFile},
};

/// What stands for a value that only the machine knows.
const UNKNOWN: &str = "\u{1}unknown";

struct Oracle {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Oracle {
    fn start() -> Option<Self> {
        let program = std::env::var_os("UNSTALE_COMPOSE_ORACLE")?;
        let mut child = Command::new(program)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the oracle starts");
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Self { child, to, from })
    }

    fn ask(&mut self, dir: &Path, files: &[PathBuf]) -> Json {
        writeln!(self.to, "{}", json!({ "dir": dir, "files": files })).unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every text that a compose file may refer to.
fn snapshot(root: &Path) -> Snapshot {
    let (mut snapshot, mut todo) = (Snapshot::default(), vec![root.to_path_buf()]);
    while let Some(dir) = todo.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().flatten().map(|e| e.path()).collect();
        entries.sort();
        for path in entries {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                todo.push(path);
                continue;
            }
            let read = [".yml", ".yaml", ".env"].iter().any(|end| name.ends_with(end));
            match fs::read_to_string(&path) {
                Ok(text) if read => drop(snapshot.add_file(SourceFile { path: name, text })),
                _ => snapshot.add_entry(&name, EntryKind::File),
            }
        }
    }
    snapshot
}

fn text(value: &Value) -> Json {
    json!(value.known.as_deref().unwrap_or(UNKNOWN))
}

fn texts(values: &[Value]) -> Json {
    json!(values.iter().map(text).collect::<Vec<_>>())
}

fn pairs(variables: &[Variable], of: &dyn Fn(&Value) -> Json) -> Json {
    let map: BTreeMap<&str, Json> =
        variables.iter().map(|v| (v.name.value.as_str(), v.value.as_ref().map_or(Json::Null, of))).collect();
    json!(map)
}

/// compose-go fills in what `.env` has for a name without a value; the model says where it comes from.
fn from_outside(mut pairs: Json) -> Json {
    for (_, value) in pairs.as_object_mut().unwrap().iter_mut().filter(|(_, value)| value.is_null()) {
        *value = json!(UNKNOWN);
    }
    pairs
}

/// An absolute path, as compose-go resolves it.
fn path(dir: &Path, value: &Value) -> Json {
    let Some(known) = &value.known else { return json!(UNKNOWN) };
    let address = known.contains("://")
        || ["service:", "target:", "git@", "github.com/"].iter().any(|a| known.starts_with(a));
    if known.starts_with('~') {
        return json!(UNKNOWN);
    }
    if known.is_empty() || known.starts_with('/') || address {
        return json!(known);
    }
    let mut out = PathBuf::new();
    for part in dir.join(known).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => drop(out.pop()),
            part => out.push(part),
        }
    }
    json!(out)
}

fn ports(service: &Service) -> Json {
    let range = |text: &str| -> Vec<u32> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.parse::<u32>(), last.parse::<u32>()) {
            (Ok(first), Ok(last)) => (first..=last).collect(),
            _ => Vec::new(),
        }
    };
    let mut all = Vec::new();
    for port in &service.ports {
        let known = |v: &Value| v.known.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        let target = known(&port.target);
        if target == UNKNOWN || port.published.as_ref().is_some_and(|p| p.known.is_none()) {
            all.push(json!([UNKNOWN, UNKNOWN]));
            continue;
        }
        let targets = range(&target);
        let published = port.published.as_ref().map(known);
        let hosts = published.as_deref().map(range);
        for (i, target) in targets.iter().enumerate() {
            let host = hosts.as_ref().map(|hosts| match hosts.get(i) {
                Some(host) if hosts.len() == targets.len() => host.to_string(),
                _ => published.clone().unwrap_or_default(),
            });
            all.push(json!([host, target]));
        }
    }
    json!(all)
}

/// The context of a build that names none.
fn here() -> Value {
    let at = unstale::text::Location::new(unstale::text::FileId(0), unstale::text::Span::point(0));
    Value { raw: ".".to_owned(), known: Some(".".to_owned()), at }
}

fn ours(model: &Compose, dir: &Path) -> BTreeMap<String, Json> {
    let file = |value: &Value| path(dir, value);
    let one = |service: &Service| {
        let build = service.build.as_ref().map(|b| {
            json!({
                "context": b.context.as_ref().map_or_else(|| path(dir, &here()), file),
                "dockerfile": b.dockerfile.as_ref().map(text),
                "inline": b.inline.as_ref().map(text),
                "target": b.target.as_ref().map(text),
                "args": pairs(&b.args, &text),
                "contexts": pairs(&b.contexts, &file),
                "cache_from": texts(&b.cache_from),
                "tags": texts(&b.tags),
                "no_cache": b.no_cache.as_ref().is_some_and(|v| v.known.as_deref() == Some("true")),
                "pull": b.pull.as_ref().is_some_and(|v| v.known.as_deref() == Some("true")),
            })
        });
        let volumes: Vec<Json> = service
            .mounts
            .iter()
            .filter(|m| m.kind != MountKind::Tmpfs)
            .map(|m| {
                let kind = match m.kind {
                    MountKind::Bind => "bind",
                    MountKind::Named | MountKind::Anonymous => "volume",
                    MountKind::Tmpfs | MountKind::Other => UNKNOWN,
                };
                let source = m.source.as_ref();
                let source = if m.kind == MountKind::Bind { source.map(file) } else { source.map(text) };
                json!([kind, source, text(&m.target), m.read_only, m.no_copy])
            })
            .collect();
        let tmpfs: Vec<Json> =
            service.mounts.iter().filter(|m| m.kind == MountKind::Tmpfs).map(|m| text(&m.target)).collect();
        let grants = |kind: Sharing| -> Vec<Json> {
            let of = service.grants.iter().filter(|g| g.kind == kind);
            of.map(|g| json!([text(&g.source), g.target.as_ref().map(text)])).collect()
        };
        let mut depends: Vec<&str> =
            service.depends_on.iter().map(|d| d.known.as_deref().unwrap_or(UNKNOWN)).collect();
        depends.sort_unstable();
        let env_files: Vec<Json> =
            service.env_files.iter().map(|e| json!([file(&e.path), e.required])).collect();
        let watch: Vec<Json> = service
            .watch
            .iter()
            .map(|w| {
                json!([w.action.as_ref().map(text), w.path.as_ref().map(file), w.target.as_ref().map(text)])
            })
            .collect();
        json!({
            "image": service.image.as_ref().map(text),
            "build": build,
            "container_name": service.container_name.as_ref().map(text),
            "pull_policy": service.pull_policy.as_ref().map(text),
            "volumes": volumes,
            "tmpfs": tmpfs,
            "volumes_from": texts(&service.volumes_from),
            "configs": grants(Sharing::Config),
            "secrets": grants(Sharing::Secret),
            "environment": from_outside(pairs(&service.environment, &text)),
            "env_file": env_files,
            "ports": ports(service),
            "health": service.healthcheck.as_ref().map(|h| h.disabled),
            "command": service.command.is_some(),
            "entrypoint": service.entrypoint.is_some(),
            "profiles": texts(&service.profiles),
            "depends_on": depends,
            "watch": watch,
        })
    };
    model.services.iter().map(|s| (s.name.value.clone(), one(s))).collect()
}

fn list(value: &Json) -> Vec<Json> {
    value.as_array().cloned().unwrap_or_default()
}

fn theirs(project: &Json) -> BTreeMap<String, Json> {
    let or_null = |v: &Json| if v.as_str() == Some("") { Json::Null } else { v.clone() };
    let map = |v: &Json| if v.is_null() { json!({}) } else { v.clone() };
    let strings = |v: &Json| json!(list(v));
    let one = |s: &Json| {
        let b = &s["build"];
        let build = (!b.is_null()).then(|| {
            json!({
                "context": b["context"], "dockerfile": or_null(&b["dockerfile"]), "inline": or_null(&b["dockerfile_inline"]),
                "target": or_null(&b["target"]), "args": map(&b["args"]), "contexts": map(&b["additional_contexts"]),
                "cache_from": strings(&b["cache_from"]), "tags": strings(&b["tags"]),
                "no_cache": b["no_cache"] == json!(true), "pull": b["pull"] == json!(true),
            })
        });
        let (mut volumes, mut tmpfs) = (Vec::new(), Vec::new());
        for v in list(&s["volumes"]) {
            if v["type"] == "tmpfs" {
                tmpfs.push(v["target"].clone());
            } else {
                volumes.push(json!([
                    v["type"],
                    v["source"],
                    v["target"],
                    v["read_only"] == json!(true),
                    v["volume"]["nocopy"] == json!(true)
                ]));
            }
        }
        let own = match &s["tmpfs"] {
            Json::String(one) => vec![json!(one)],
            many => list(many),
        };
        tmpfs.extend(own.iter().map(|t| json!(t.as_str().unwrap_or_default().split(':').next())));
        // The place that a secret has without a `target`.
        let place = |g: &Json| {
            let usual = format!("/run/secrets/{}", g["source"].as_str().unwrap_or_default());
            if g["target"] == json!(usual) { Json::Null } else { or_null(&g["target"]) }
        };
        let grants =
            |v: &Json| -> Vec<Json> { list(v).iter().map(|g| json!([g["source"], place(g)])).collect() };
        let env_files: Vec<Json> = list(&s["env_file"])
            .iter()
            .map(|e| match e {
                Json::String(path) => json!([path, true]),
                e => json!([e["path"], e["required"] != json!(false)]),
            })
            .collect();
        let ports: Vec<Json> =
            list(&s["ports"]).iter().map(|p| json!([or_null(&p["published"]), p["target"]])).collect();
        let watch: Vec<Json> = list(&s["develop"]["watch"])
            .iter()
            .map(|w| json!([w["action"], w["path"], or_null(&w["target"])]))
            .collect();
        let depends: Vec<String> =
            s["depends_on"].as_object().map(|d| d.keys().cloned().collect()).unwrap_or_default();
        let health = &s["healthcheck"];
        let none = health["test"][0] == "NONE";
        json!({
            "image": or_null(&s["image"]), "build": build, "container_name": or_null(&s["container_name"]),
            "pull_policy": or_null(&s["pull_policy"]), "volumes": volumes, "tmpfs": tmpfs,
            "volumes_from": strings(&s["volumes_from"]), "configs": grants(&s["configs"]), "secrets": grants(&s["secrets"]),
            "environment": map(&s["environment"]), "env_file": env_files, "ports": ports,
            "health": (!health.is_null()).then_some(none || health["disable"] == json!(true)),
            "command": !s["command"].is_null(), "entrypoint": !s["entrypoint"].is_null(),
            "profiles": strings(&s["profiles"]), "depends_on": depends, "watch": watch,
        })
    };
    let services = project["services"].as_object().cloned().unwrap_or_default();
    services.iter().map(|(name, s)| (name.clone(), one(s))).collect()
}

/// Whether ours says the same, as far as it says something. What is unknown may be anything.
fn agrees(ours: &Json, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Json::String(o), _) if o == UNKNOWN => true,
        (Json::Object(o), Json::Object(t)) => {
            o.len() == t.len() && o.iter().all(|(key, o)| t.get(key).is_some_and(|t| agrees(o, t)))
        }
        (Json::Array(o), Json::Array(_)) if o.iter().any(|o| o.to_string().contains("unknown")) => true,
        (Json::Array(o), Json::Array(t)) => o.len() == t.len() && o.iter().zip(t).all(|(o, t)| agrees(o, t)),
        (o, t) => o == t,
    }
}

#[derive(Default)]
struct Count {
    projects: usize,
    merged: usize,
    services: usize,
    values: usize,
    refused: usize,
    gaps: usize,
    wrong: usize,
    report: String,
}

/// Compares every project below a folder.
fn compare(oracle: &mut Oracle, root: &Path, count: &mut Count) {
    let snapshot = snapshot(root);
    let facts = Facts::new(&snapshot);
    for project in &facts.projects {
        let dir = root.join(&project.dir);
        let files: Vec<PathBuf> = project.files.iter().map(|&f| root.join(&snapshot.file(f).path)).collect();
        let name = files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(" + ");
        let answer = match &project.found_in {
            Some(found) => oracle.ask(&root.join(found), &[]),
            None => oracle.ask(&dir, &files),
        };
        if let Some(error) = answer["error"].as_str() {
            count.refused += 1;
            if std::env::var_os("UNSTALE_SHOW_REFUSED").is_some() {
                let first = error.lines().next().unwrap_or_default();
                eprintln!("refused: {name}: {first} (gaps: {})", project.gaps.len());
            }
            continue;
        }
        count.projects += 1;
        count.merged += usize::from(project.sources.len() > 1);
        if project.found_in.is_some() && answer["files"] != json!(files) {
            count.wrong += 1;
            let _ = writeln!(count.report, "{name}: compose-go takes {}", answer["files"]);
            continue;
        }
        if !project.gaps.is_empty() {
            count.gaps += 1;
            let _ = writeln!(count.report, "{name}: {:?}", project.gaps);
            count.wrong += 1;
            continue;
        }
        let (ours, theirs) = (ours(project.model(&facts.composes), &dir), theirs(&answer["project"]));
        if ours.keys().ne(theirs.keys()) {
            count.wrong += 1;
            let _ = writeln!(count.report, "{name}: {:?} {:?}", ours.keys(), theirs.keys());
            continue;
        }
        for (service, o) in &ours {
            count.services += 1;
            let (o, t) = (o.as_object().unwrap(), theirs[service].as_object().unwrap());
            for (key, o) in o {
                count.values += 1;
                if !agrees(o, &t[key]) {
                    count.wrong += 1;
                    let _ =
                        writeln!(count.report, "{name}: {service}.{key}\n  ours   {o}\n  theirs {}", t[key]);
                }
            }
        }
    }
}

impl Count {
    fn finish(self, what: &str) {
        eprintln!(
            "{what}: {} projects ({} of several files), {} services, {} values compared, {} differences; {} refused by compose-go",
            self.projects, self.merged, self.services, self.values, self.wrong, self.refused
        );
        let report: String = self.report.chars().take(6_000).collect();
        assert_eq!(self.wrong, 0, "{report}");
        assert!(self.projects > 0);
    }
}

/// Compares a few texts, if there is something to compare with.
pub(super) fn check(files: &[(&str, &str)]) {
    let Some(mut oracle) = Oracle::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut count = Count::default();
    compare(&mut oracle, folder.path(), &mut count);
    assert!(count.wrong == 0 && count.projects > 0, "{files:#?} {} refused\n{}", count.refused, count.report);
}

#[test]
fn real_projects_merge_as_compose_merges_them() {
    let (Some(mut oracle), Some(roots)) = (Oracle::start(), std::env::var_os("UNSTALE_COMPOSE_PROJECTS"))
    else {
        eprintln!(
            "skipped: real_projects_merge_as_compose_merges_them needs UNSTALE_COMPOSE_ORACLE and UNSTALE_COMPOSE_PROJECTS"
        );
        return;
    };
    let mut count = Count::default();
    for roots in std::env::split_paths(&roots) {
        let mut all: Vec<PathBuf> =
            fs::read_dir(roots).unwrap().flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
        all.sort();
        for root in all {
            compare(&mut oracle, &root, &mut count);
        }
    }
    count.finish("real projects");
}

/// Random numbers that are the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn some<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        of.iter().copied().filter(|_| self.roll(3) == 0).collect()
    }
}

/// Each key with the values that it may have, on one line.
const KEYS: &[(&str, &[&str])] = &[
    ("image", &["x", "y:${V}", "z"]),
    ("container_name", &["one", "two"]),
    ("pull_policy", &["always", "missing"]),
    (
        "build",
        &[
            "./p",
            ".",
            "{context: ./q, target: t}",
            "{dockerfile: D, args: {A: 1, B: two}}",
            "{context: ../r, args: [A=3, C=$V], tags: [a, b]}",
            "{args: {A: '${V}'}, additional_contexts: {m: ./m, n: docker-image://n}}",
            "{additional_contexts: [m=../mm], cache_from: [c], no_cache: true}",
        ],
    ),
    ("command", &["run", "[a, b]", ""]),
    ("entrypoint", &["run", "[a, b]"]),
    ("environment", &["{A: 1, B: '2'}", "[A=3, C=4]", "{C: 'x=y'}", "[A=$V]"]),
    ("env_file", &["a.env", "[a.env, sub/b.env]", "[{path: a.env, required: false}]"]),
    (
        "ports",
        &[
            "['80:80']",
            "['81:80', '80:80']",
            "[{target: 80, published: '80'}]",
            "['127.0.0.1:80:80', '53:53/udp']",
            "[9000]",
            "['8000-8001:80-81']",
        ],
    ),
    (
        "volumes",
        &[
            "['./a:/a', 'n:/n']",
            "['./b:/a:ro']",
            "[{type: bind, source: ../c, target: /a}]",
            "['/anon', 'm:/n']",
            "[{type: volume, source: n, target: /n, volume: {nocopy: true}}]",
        ],
    ),
    ("tmpfs", &["/t", "[/t, /u]"]),
    ("healthcheck", &["{test: [CMD, x]}", "{disable: true}", "{interval: 5s}"]),
    ("depends_on", &["[a]", "{b: {condition: service_started}}"]),
    ("profiles", &["[p]", "[p, q]"]),
    ("configs", &["[c1]", "[{source: c1, target: /c}]", "[c2]"]),
    ("secrets", &["[s1]", "[{source: s1, target: /s}, s2]"]),
    ("labels", &["{l: a}", "[l=b, m=c]"]),
    ("networks", &["[n1]", "{n2: {aliases: [q]}}"]),
    ("logging", &["{driver: json-file, options: {a: b}}", "{driver: none}", "{options: {c: d}}"]),
    (
        "develop",
        &["{watch: [{action: rebuild, path: ./w}]}", "{watch: [{action: sync, path: ./v, target: /v}]}"],
    ),
];

fn service(dice: &mut Dice, name: &str, over: bool, extends: Option<&str>) -> String {
    let mut out = format!("  {name}:\n");
    if let Some(extends) = extends {
        let _ = writeln!(out, "    extends: {extends}");
    }
    let mut any = false;
    for (key, values) in KEYS {
        if dice.roll(3) > 0 {
            continue;
        }
        any = true;
        let tag = match dice.roll(12) {
            0 if over => "!override ",
            1 if over => "!reset ",
            _ => "",
        };
        let value = dice.pick(values);
        let value = if tag == "!reset " { "null" } else { value };
        let tag = if value.is_empty() { "" } else { tag };
        let _ = writeln!(out, "    {key}: {tag}{value}");
    }
    if !any && extends.is_none() {
        out.push_str("    image: w\n");
    }
    out
}

fn random(dice: &mut Dice) -> Vec<(&'static str, String)> {
    let mut files = vec![
        (".env", "V=one\n".to_owned()),
        ("inc/.env", "V=two\nW=$V-three\n".to_owned()),
        ("a.env", String::new()),
        ("sub/b.env", String::new()),
        ("inc/a.env", String::new()),
        ("inc/sub/b.env", String::new()),
        ("common/a.env", String::new()),
        ("common/sub/b.env", String::new()),
    ];
    let mut base = String::new();
    match dice.roll(4) {
        0 => base.push_str("include: [inc/x.yaml]\n"),
        1 => base.push_str("include:\n  - path: [inc/x.yaml, inc/y.yaml]\n"),
        2 => base.push_str("include:\n  - {path: inc/x.yaml, project_directory: ., env_file: inc/.env}\n"),
        _ => {}
    }
    base.push_str("services:\n");
    let ways = [
        "{file: common/base.yaml, service: one}",
        "{file: common/base.yaml, service: two}",
        "b",
        "{service: b}",
    ];
    let first = dice.some(&ways);
    base.push_str(&service(dice, "a", false, first.first().copied()));
    let second = dice.some(&ways[..2]);
    base.push_str(&service(dice, "b", false, second.first().copied()));
    base.push_str("volumes: {n: , m: {name: other}}\nconfigs: {c1: {file: ./c1}, c2: {file: ./c2}}\nsecrets: {s1: {file: s1}, s2: {environment: S}}\n");
    files.push(("compose.yaml", base));
    let mut over = "services:\n".to_owned();
    over.push_str(&service(dice, "a", true, None));
    if dice.roll(2) == 0 {
        over.push_str(&service(
            dice,
            "c",
            true,
            dice.0.is_multiple_of(2).then_some("{file: common/base.yaml, service: one}"),
        ));
    }
    if dice.roll(2) == 0 {
        files.push(("compose.override.yml", over));
    }
    let mut common = "services:\n".to_owned();
    common.push_str(&service(dice, "one", false, None));
    common.push_str(&service(dice, "two", true, Some("one")));
    files.push(("common/base.yaml", common));
    let mut x = "services:\n".to_owned();
    let third = dice.some(&["{file: ../common/base.yaml, service: two}"]);
    x.push_str(&service(
        dice,
        "x",
        false,
        third.first().copied().filter(|_| !files[8].1.contains("project_directory")),
    ));
    if dice.roll(3) == 0 {
        x.push_str(&service(dice, "a", false, None));
    }
    files.push(("inc/x.yaml", x));
    files.push(("inc/y.yaml", format!("services:\n{}", service(dice, "x", true, None))));
    files
}

#[test]
fn random_projects_merge_as_compose_merges_them() {
    let Some(mut oracle) = Oracle::start() else {
        eprintln!("skipped: random_projects_merge_as_compose_merges_them needs UNSTALE_COMPOSE_ORACLE");
        return;
    };
    let mut count = Count::default();
    for seed in 0..1_000 {
        let folder = tempfile::tempdir().unwrap();
        let mut dice = Dice(seed);
        for (path, text) in random(&mut dice) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let before = count.wrong;
        compare(&mut oracle, folder.path(), &mut count);
        if count.wrong > before {
            for file in
                ["compose.yaml", "compose.override.yml", "common/base.yaml", "inc/x.yaml", "inc/y.yaml"]
            {
                let text = fs::read_to_string(folder.path().join(file)).unwrap_or_default();
                let _ = writeln!(count.report, "--- {file}\n{text}");
            }
        }
    }
    count.finish("random projects");
}
