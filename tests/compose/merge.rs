//! Projects of several files, each case compared with compose-go where `UNSTALE_COMPOSE_ORACLE` names it.
#![expect(clippy::disallowed_methods, reason = "one case lies on disk, and bombs are timed")]

use std::{fs, time::Instant};

use unstale::{
    analysis::{Facts, projects::Project, route},
    diag::Safety,
    engine,
    model::compose::{Service, Value},
    settings::Settings,
    text::{Location, Snapshot, SourceFile},
};

use super::oracle;

/// A project from texts; every one is read.
fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (path, text) in files {
        snapshot.add_file(SourceFile { path: (*path).to_owned(), text: (*text).to_owned() });
    }
    snapshot
}

fn named<'a>(facts: &'a Facts<'_>, file: &str) -> &'a Project {
    let found = facts.projects.iter().find(|p| facts.snapshot.file(p.file).path == file);
    found.unwrap_or_else(|| panic!("no project {file}"))
}

fn known(value: Option<&Value>) -> &str {
    value.map_or("-", |v| v.known.as_deref().unwrap_or("?"))
}

/// What a service says, in a few words.
fn said(service: &Service) -> String {
    let pairs = |variables: &[unstale::model::compose::Variable]| {
        let all = variables.iter().map(|v| format!("{}={}", v.name.value, known(v.value.as_ref())));
        all.collect::<Vec<_>>().join(" ")
    };
    let mut parts = vec![format!("image {}", known(service.image.as_ref()))];
    if let Some(build) = &service.build {
        let context = build.context.as_ref().map_or(".", |c| known(Some(c)));
        parts.push(format!("build {context} {} [{}]", known(build.dockerfile.as_ref()), pairs(&build.args)));
    }
    if !service.environment.is_empty() {
        parts.push(format!("env [{}]", pairs(&service.environment)));
    }
    for mount in &service.mounts {
        parts.push(format!("{}:{}", known(mount.source.as_ref()), known(Some(&mount.target))));
    }
    for port in &service.ports {
        parts.push(format!("port {}:{}", known(port.published.as_ref()), known(Some(&port.target))));
    }
    if service.command.is_some() {
        parts.push("command".to_owned());
    }
    if service.extends.is_some() {
        parts.push("and more".to_owned());
    }
    parts.join(", ")
}

/// What a project says, a line for each service; compose-go says the same.
#[track_caller]
fn project(files: &[(&str, &str)], file: &str) -> Vec<String> {
    oracle::check(files);
    let snapshot = snapshot(files);
    let facts = Facts::new(&snapshot);
    let project = named(&facts, file);
    assert_eq!(project.gaps, [], "{files:?}");
    project.model(&facts.composes).services.iter().map(|s| format!("{}: {}", s.name.value, said(s))).collect()
}

#[test]
fn an_override_adds_replaces_and_merges_by_key() {
    let base = "services:\n  web:\n    build: ./web\n    image: a\n    command: run\n    environment: {A: 1, B: 2}\n    volumes: ['./code:/app', 'data:/data']\n    ports: ['80:80']\nvolumes: {data: }\n";
    let over = "services:\n  web:\n    build: {args: [C=3]}\n    image: b\n    command:\n    environment: [B=3, C=4]\n    volumes: ['other:/app:ro']\n    ports: ['81:80', '80:80']\n  db: {image: db}\nvolumes: {other: }\n";
    for name in ["compose.override.yml", "docker-compose.override.yaml"] {
        assert_eq!(
            project(&[("compose.yaml", base), (name, over)], "compose.yaml"),
            [
                "web: image b, build ./web - [C=3], env [A=1 B=3 C=4], other:/app, data:/data, port 80:80, port 81:80",
                "db: image db"
            ]
        );
    }
}

#[test]
fn values_are_taken_away_or_replaced_whole() {
    let base = "services:\n  web:\n    image: a\n    build: {context: x, args: {A: 1, B: 2}}\n    ports: ['80:80']\n    volumes: ['a:/a']\n    environment: {A: 1, B: 2}\nvolumes: {a: , bb: }\n";
    let over = "services:\n  web:\n    build: {args: !override {C: 3}}\n    ports: !reset []\n    volumes: !override ['bb:/b']\n    environment: {A: !reset null, C: 3}\n";
    assert_eq!(
        project(&[("compose.yaml", base), ("compose.override.yaml", over)], "compose.yaml"),
        ["web: image a, build x - [C=3], env [B=2 C=3], bb:/b"]
    );
    let gone = "services:\n  web: !reset null\n  db: {image: b}\n";
    assert_eq!(
        project(&[("compose.yaml", base), ("compose.override.yaml", gone)], "compose.yaml"),
        ["db: image b"]
    );
}

#[test]
fn services_extend_others_and_keep_their_own() {
    let base = "services:\n  web:\n    extends: {file: common/base.yaml, service: app}\n    image: own\n    environment: [A=own]\n  worker:\n    extends: web\n    command: work\n";
    let common = "services:\n  app:\n    extends: {file: ../deep/x.yaml, service: x}\n    build: {context: ./src, args: {V: '${V:-1}'}}\n    environment: {A: base, B: base}\n    volumes: ['./conf:/conf', '../up:/up', 'named:/n']\n";
    let deep = "services:\n  x:\n    image: x\n    env_file: x.env\n    volumes: ['./deep:/conf']\n    build: {dockerfile: Deep}\n";
    assert_eq!(
        project(
            &[
                ("compose.yaml", base),
                ("common/base.yaml", common),
                ("deep/x.yaml", deep),
                (".env", "V=2\n"),
                ("deep/x.env", "")
            ],
            "compose.yaml"
        ),
        [
            "web: image own, build common/src Deep [V=2], env [A=own B=base], common/conf:/conf, up:/up, named:/n",
            "worker: image own, build common/src Deep [V=2], env [A=own B=base], common/conf:/conf, up:/up, named:/n, command",
        ]
    );
}

#[test]
fn included_projects_keep_their_folder_and_get_the_variables_around() {
    let base = "include:\n  - inc/a.yaml\n  - {path: [inc/b.yaml, b2.yaml], project_directory: other, env_file: inc/b.env}\nservices:\n  web: {image: 'w:${V}'}\n  a: {environment: {OWN: 1}}\n";
    let a = "include: [sub/c.yaml]\nservices:\n  a:\n    build: {dockerfile: D}\n    image: 'a:${V}-${W}'\n    volumes: ['./a:/a']\n";
    let b = "services:\n  b:\n    build: .\n    image: 'b:${V}-${X}'\n";
    let b2 = "services:\n  b: {command: x}\n";
    let c = "services:\n  c: {build: ., image: 'c:${W}'}\n";
    let mut lines = project(
        &[
            ("compose.yaml", base),
            ("inc/a.yaml", a),
            ("inc/b.yaml", b),
            ("b2.yaml", b2),
            ("inc/sub/c.yaml", c),
            (".env", "V=outer\n"),
            ("inc/.env", "V=inner\nW=${V}-w\n"),
            ("inc/b.env", "X=x\n"),
            ("other/.env", "V=never\n"),
        ],
        "compose.yaml",
    );
    lines.sort();
    assert_eq!(
        lines,
        [
            "a: image a:outer-outer-w, build inc D [], env [OWN=1], inc/a:/a",
            "b: image b:outer-x, build other - [], command",
            "c: image c:outer-w, build inc/sub - []",
            "web: image w:outer",
        ]
    );
}

#[test]
fn dot_env_lists_the_files() {
    let files = [
        (".env", "COMPOSE_FILE=deploy/a.yml;b.yml\nCOMPOSE_PATH_SEPARATOR=;\nV=1\n"),
        ("deploy/a.yml", "services:\n  web: {build: ., image: 'x:${V}'}\n"),
        ("b.yml", "services:\n  web: {environment: {A: 1}, volumes: ['./v:/v']}\n"),
        ("compose.yaml", "services:\n  other: {image: y}\n"),
    ];
    assert_eq!(project(&files, "deploy/a.yml"), ["web: image x:1, build . - [], env [A=1], ./v:/v"]);
    let snapshot = snapshot(&files);
    let facts = Facts::new(&snapshot);
    let found = named(&facts, "deploy/a.yml");
    assert_eq!((found.dir.as_str(), found.found_in.as_deref()), ("deploy", Some("")));
    assert_eq!(named(&facts, "compose.yaml").found_in, None, "the list takes the place of the default");
}

#[test]
fn the_first_default_name_wins_and_the_others_are_alone() {
    let files = [
        ("compose.yaml", "services:\n  a: {image: a}\n"),
        ("docker-compose.yml", "services:\n  b: {image: b}\n"),
        ("docker-compose.override.yml", "services:\n  a: {command: x}\n"),
    ];
    assert_eq!(project(&files, "compose.yaml"), ["a: image a, command"]);
    assert_eq!(project(&files, "docker-compose.yml"), ["b: image b"]);
}

#[test]
fn a_fragment_is_read_over_the_base_and_only_its_services_count() {
    let files = [
        (
            "compose.yaml",
            "services:\n  web: {build: ., volumes: ['code:/app']}\n  db: {image: db}\nvolumes: {code: }\n",
        ),
        ("compose.override.yaml", "services:\n  web: {environment: {DEV: 1}}\n"),
        ("compose.prod.yaml", "services:\n  web: {volumes: !reset []}\n"),
        ("compose.alone.yaml", "services:\n  web: {image: x}\n"),
        ("lib.yaml", "services:\n  part: {environment: {A: 1}}\n"),
        ("compose.lib.yaml", "services:\n  part: {environment: {A: 1}}\n"),
        (
            "compose.user.yaml",
            "services:\n  u: {extends: {file: compose.lib.yaml, service: part}, image: u}\n",
        ),
    ];
    oracle::check(&files);
    let snapshot = snapshot(&files);
    let facts = Facts::new(&snapshot);
    let mut all: Vec<String> = facts
        .services
        .iter()
        .map(|s| format!("{} {}", snapshot.file(facts.compose_file(s)).path, facts.model(s).name.value))
        .collect();
    all.sort();
    assert_eq!(
        all,
        [
            "compose.alone.yaml web",
            "compose.prod.yaml web",
            "compose.user.yaml u",
            "compose.yaml db",
            "compose.yaml web"
        ]
    );
    let prod = named(&facts, "compose.prod.yaml");
    let web = prod.model(&facts.composes).service("web").unwrap();
    assert_eq!(said(web), "image -, build . - []");
}

#[test]
fn what_was_not_read_is_unknown() {
    for (text, gap) in [
        (
            "services:\n  web: {build: ., extends: {file: gone.yaml, service: x}}\n",
            "`gone.yaml`, which is extended, was not read",
        ),
        (
            "services:\n  web: {build: ., extends: {file: '${F}', service: x}}\n",
            "only a variable names the extended file",
        ),
        (
            "include: [gone.yaml]\nservices:\n  web: {build: .}\n",
            "`gone.yaml`, which is included, was not read",
        ),
        (
            "include: ['${F}/a.yaml']\nservices:\n  web: {build: .}\n",
            "only a variable names the included file",
        ),
        (
            "services:\n  web: {build: .}\n---\nservices:\n  web: {image: y}\n",
            "further documents of the file are not read",
        ),
    ] {
        let files = [("compose.yaml", text), ("Dockerfile", "FROM x\nCOPY . /app\n"), ("main.py", "")];
        let snapshot = snapshot(&files);
        let facts = Facts::new(&snapshot);
        let gaps = &named(&facts, "compose.yaml").gaps;
        let [found] = gaps.as_slice() else { panic!("{text}: {gaps:?}") };
        assert_eq!((found.reason.as_str(), found.refused), (gap, false), "{text}");
        if text.contains("extends") {
            let service = &facts.services[0];
            assert!(service.build.is_none() && facts.model(service).extends.is_some());
            assert_eq!(route::route(&facts, service, "main.py").verdict, route::Verdict::Unknown);
        }
    }
}

#[test]
fn circles_and_missing_services_are_refused() {
    for (files, reason) in [
        (vec![("compose.yaml", "services:\n  a: {image: x, extends: b}\n  b: {extends: a}\n")], "circle"),
        (
            vec![
                ("compose.yaml", "services:\n  a: {image: x, extends: {file: b.yaml, service: b}}\n"),
                ("b.yaml", "services:\n  b: {extends: {file: compose.yaml, service: a}}\n"),
            ],
            "circle",
        ),
        (
            vec![
                ("compose.yaml", "include: [b.yaml]\nservices:\n  a: {image: x}\n"),
                ("b.yaml", "include: [compose.yaml]\n"),
            ],
            "circle",
        ),
        (
            vec![
                ("compose.yaml", "services:\n  a: {image: x, extends: {file: b.yaml, service: c}}\n"),
                ("b.yaml", "services:\n  b: {image: x}\n"),
            ],
            "`b.yaml` has no service `c` to extend",
        ),
        (
            vec![
                ("compose.yaml", "services:\n  a: {image: x, ports: ['80:80']}\n"),
                ("compose.override.yaml", "services:\n  a: {ports: {a: b}}\n"),
            ],
            "`services.a.ports` is a mapping here and a list",
        ),
    ] {
        let snapshot = snapshot(&files);
        let facts = Facts::new(&snapshot);
        let gaps = &named(&facts, "compose.yaml").gaps;
        assert!(gaps.iter().any(|g| g.refused && g.reason.contains(reason)), "{files:?}: {gaps:?}");
        let found = engine::check(&snapshot, &Settings::default()).findings;
        assert!(found.iter().any(|f| f.rule == "syntax-error" && f.message.contains(reason)), "{found:?}");
    }
}

#[test]
fn every_value_knows_its_file() {
    let files = [
        ("compose.yaml", "services:\n  web:\n    build: {context: ., args: {A: 1}}\n    volumes: ['a:/a']\n"),
        (
            "compose.override.yaml",
            "services:\n  web:\n    build: {args: [B=2]}\n    image: i\n    volumes: ['./b:/b']\n",
        ),
    ];
    let snapshot = snapshot(&files);
    let facts = Facts::new(&snapshot);
    let web = facts.model(&facts.services[0]);
    let at = |at: Location| {
        let file = snapshot.file(at.file);
        format!("{}: {}", file.path, &file.text[at.span.range()])
    };
    let build = web.build.as_ref().unwrap();
    let args: Vec<String> = build.args.iter().map(|a| at(a.name.at)).collect();
    assert_eq!(args, ["compose.yaml: A", "compose.override.yaml: B"]);
    assert_eq!(at(build.args[1].value.as_ref().unwrap().at), "compose.override.yaml: 2");
    assert_eq!(at(build.key), "compose.yaml: build");
    assert_eq!(at(web.image.as_ref().unwrap().at), "compose.override.yaml: i");
    let mounts: Vec<String> = web.mounts.iter().map(|m| at(m.at)).collect();
    assert_eq!(mounts, ["compose.yaml: 'a:/a'", "compose.override.yaml: './b:/b'"]);
}

#[test]
fn fixes_change_the_file_where_the_value_stands() {
    let files = [
        ("compose.yaml", "services:\n  web:\n    extends: {file: common/base.yaml, service: app}\n"),
        (
            "compose.override.yaml",
            "services:\n  web:\n    image: i\n    volumes:\n      - code:/app\nvolumes:\n  code:\n",
        ),
        (
            "common/base.yaml",
            "services:\n  other: {image: x}\n  app:\n    build: .\n    environment: {A: 1}\n",
        ),
        (
            "common/Dockerfile",
            "FROM base\nWORKDIR /app\nARG CACHE_BUST=unset\nRUN echo \"$CACHE_BUST\"\nCOPY . .\nRUN pip install git+https://x.example/y.git\n",
        ),
        ("common/main.py", ""),
    ];
    let snapshot = snapshot(&files);
    let fixed = engine::fix(&snapshot, &Settings::default(), Safety::Unsafe);
    let text = |path: &str| &fixed.snapshot.file(fixed.snapshot.find(path).unwrap()).text;
    assert_eq!(text("compose.yaml"), files[0].1);
    assert_eq!(text("compose.override.yaml"), "services:\n  web:\n    image: i\nvolumes:\n  code:\n");
    assert_eq!(
        text("common/base.yaml"),
        "services:\n  other: {image: x}\n  app:\n    build:\n      context: .\n      args:\n        CACHE_BUST: ${CACHE_BUST:-}\n    environment: {A: 1}\n",
        "{:?}",
        fixed.withheld
    );
}

#[test]
fn what_lies_outside_is_read_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(".git/HEAD", "");
    write(
        "common.yaml",
        "services:\n  app:\n    image: x\n    volumes: ['./c.conf:/c.conf']\n    pull_policy: always\n",
    );
    write(
        "app/compose.yaml",
        "services:\n  web:\n    extends: {file: ../common.yaml, service: app}\n    build: .\n",
    );
    let project = unstale::project::read(&folder.path().join("app"), wanted()).unwrap();
    let facts = Facts::new(&project.snapshot);
    let web = facts.model(&facts.services[0]);
    assert_eq!(said(web), "image x, build . - [], ../c.conf:/c.conf");
    assert_eq!(project.snapshot.below("").map(|(path, _)| path).collect::<Vec<_>>(), ["compose.yaml"]);
    fs::remove_dir_all(folder.path().join(".git")).unwrap();
    let alone = unstale::project::read(&folder.path().join("app"), wanted()).unwrap();
    assert_eq!(alone.snapshot.files().count(), 1, "without a checkout nothing above is read");
}

/// The time of the merge, in seconds.
fn seconds(files: &[(String, String)]) -> f64 {
    let mut snapshot = Snapshot::default();
    for (path, text) in files {
        snapshot.add_file(SourceFile { path: path.clone(), text: text.clone() });
    }
    let start = Instant::now();
    let facts = Facts::new(&snapshot);
    assert!(!facts.projects.is_empty());
    start.elapsed().as_secs_f64()
}

#[test]
fn bombs_cost_bounded_time() {
    use std::fmt::Write as _;
    // Each file includes the next one twice, under folders that differ: 2^60 projects.
    let mut includes = vec![("compose.yaml".to_owned(), "include:\n  - {path: 1.yaml, project_directory: a}\n  - {path: 1.yaml, project_directory: b}\nservices: {w: {image: x}}\n".to_owned())];
    for i in 1..60 {
        let text = format!(
            "include:\n  - {{path: ../{}.yaml, project_directory: a}}\n  - {{path: ../{}.yaml, project_directory: b}}\nservices: {{s{i}: {{image: x}}}}\n",
            i + 1,
            i + 1
        );
        includes.push((format!("{i}.yaml"), text));
    }
    // Every service extends the next one.
    let mut chain = "services:\n".to_owned();
    for i in 0..20_000 {
        let _ = writeln!(chain, "  s{i}: {{extends: s{}, environment: {{A{i}: 1}}}}", i + 1);
    }
    chain.push_str("  s20000: {image: x}\n");
    // Many services extend a large one.
    let mut wide = "services:\n  base:\n    image: x\n    environment:\n".to_owned();
    for i in 0..10_000 {
        let _ = writeln!(wide, "      A{i}: 1");
    }
    for i in 0..5_000 {
        let _ = writeln!(wide, "  s{i}: {{extends: base, environment: {{B: 1}}}}");
    }
    // Files that are mostly aliases, merged with each other.
    let mut aliases = "x-0: &a0 {A: 1}\n".to_owned();
    for i in 1..12 {
        let _ = writeln!(aliases, "x-{i}: &a{i} {{a: *a{0}, b: *a{0}}}", i - 1);
    }
    aliases.push_str("services: {w: {image: x, labels: *a11}}\n");
    for files in [
        includes,
        vec![("compose.yaml".to_owned(), chain)],
        vec![("compose.yaml".to_owned(), wide)],
        vec![("compose.yaml".to_owned(), aliases.clone()), ("compose.override.yaml".to_owned(), aliases)],
    ] {
        let took = seconds(&files);
        assert!(took < 20.0, "{} took {took} s", files[0].1.chars().take(60).collect::<String>());
    }
}

fn wanted() -> unstale::project::Wanted<'static> {
    unstale::project::Wanted {
        wants: &engine::wants,
        keeps: &engine::keeps,
        more: &unstale::analysis::wanted,
    }
}
