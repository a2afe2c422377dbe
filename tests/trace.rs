//! The way of files into containers: every verdict, on projects small enough to check by reading.

use unstale::{
    analysis::{
        Facts,
        route::{Verdict, route},
    },
    model::compose::MountKind,
    text::Snapshot,
};

use crate::projects::project;

const COMPOSE: (&str, &str) = ("compose.yaml", "services:\n  web:\n    build: .\n");

/// Verdict and container paths of a file in the first service.
fn way(snapshot: &Snapshot, path: &str) -> (Verdict, Vec<String>) {
    let facts = Facts::new(snapshot);
    let found = route(&facts, &facts.services[0], path);
    (found.verdict, found.container_paths)
}

fn reaches(paths: &[&str]) -> (Verdict, Vec<String>) {
    (Verdict::Reaches, paths.iter().map(|p| (*p).to_owned()).collect())
}

fn nowhere(verdict: Verdict) -> (Verdict, Vec<String>) {
    (verdict, Vec::new())
}

#[test]
fn a_copy_of_everything_lands_in_the_working_folder() {
    let p =
        project(&[COMPOSE, ("Dockerfile", "FROM x\nWORKDIR /srv\nWORKDIR app\nCOPY . .\n"), ("a/b.py", "")]);
    assert_eq!(way(&p, "a/b.py"), reaches(&["/srv/app/a/b.py"]));
}

#[test]
fn the_working_folder_of_a_base_image_is_not_known() {
    let p = project(&[COMPOSE, ("Dockerfile", "FROM x\nCOPY . .\n"), ("a.py", "")]);
    assert_eq!(way(&p, "a.py"), nowhere(Verdict::Unknown));
    let p = project(&[COMPOSE, ("Dockerfile", "FROM scratch\nCOPY . .\n"), ("a.py", "")]);
    assert_eq!(way(&p, "a.py"), reaches(&["/a.py"]));
}

#[test]
fn a_file_travels_through_stages() {
    let dockerfile = "FROM x AS build\nWORKDIR /src\nCOPY . .\nRUN make\n\
                      FROM y\nCOPY --from=build /src/static /srv/static\nCOPY --from=0 /src/dist/app /usr/bin/app\n";
    let p = project(&[COMPOSE, ("Dockerfile", dockerfile), ("static/a.css", ""), ("main.c", "")]);
    assert_eq!(way(&p, "static/a.css"), reaches(&["/srv/static/a.css"]));
    assert_eq!(way(&p, "main.c"), nowhere(Verdict::BuildOnly));
}

#[test]
fn a_child_stage_has_the_files_of_its_parent() {
    let dockerfile = "FROM x AS base\nCOPY a /a\nFROM base\nCOPY b /b\n";
    let p = project(&[COMPOSE, ("Dockerfile", dockerfile), ("a", ""), ("b", "")]);
    assert_eq!(way(&p, "a"), reaches(&["/a"]));
    assert_eq!(way(&p, "b"), reaches(&["/b"]));
}

#[test]
fn an_ignored_file_stays_out_and_the_pattern_is_named() {
    let p = project(&[
        COMPOSE,
        ("Dockerfile", "FROM x\nCOPY . /app\n"),
        (".dockerignore", "docs\n*.md\n"),
        ("docs/a.txt", ""),
    ]);
    let facts = Facts::new(&p);
    let found = route(&facts, &facts.services[0], "docs/a.txt");
    assert_eq!(found.verdict, Verdict::Ignored);
    assert_eq!(found.hops[0].what, "docs");
}

#[test]
fn the_ignore_file_of_the_dockerfile_wins() {
    let p = project(&[
        COMPOSE,
        ("Dockerfile", "FROM x\nCOPY . /app\n"),
        (".dockerignore", "a\n"),
        ("Dockerfile.dockerignore", "b\n"),
        ("a", ""),
        ("b", ""),
    ]);
    assert_eq!(way(&p, "a"), reaches(&["/app/a"]));
    assert_eq!(way(&p, "b"), nowhere(Verdict::Ignored));
}

#[test]
fn contexts_dockerfiles_targets_and_arguments_come_from_compose() {
    let compose = "services:\n  web:\n    build:\n      context: ./web\n      dockerfile: ../docker/web.df\n      \
                   target: dev\n      args: {DIR: /opt}\n";
    let dockerfile = "FROM x AS dev\nARG DIR=/app\nCOPY . $DIR\nFROM y\nCOPY . /prod\n";
    let p = project(&[("deploy/compose.yaml", compose)]);
    assert_eq!(unstale::analysis::wanted(&p), ["deploy/docker/web.df"]);
    let mut p = project(&[("deploy/compose.yaml", compose), ("deploy/web/a.py", ""), ("b.py", "")]);
    p.add_file(unstale::text::SourceFile { path: "deploy/docker/web.df".into(), text: dockerfile.into() });
    assert_eq!(way(&p, "deploy/web/a.py"), reaches(&["/opt/a.py"]));
    assert_eq!(way(&p, "b.py"), nowhere(Verdict::OutsideContext));
}

#[test]
fn what_a_variable_decides_is_unknown() {
    let p = project(&[COMPOSE, ("Dockerfile", "FROM x\nARG DIR\nCOPY . $DIR\n"), ("a", "")]);
    assert_eq!(way(&p, "a"), nowhere(Verdict::Unknown));
    let p = project(&[COMPOSE, ("Dockerfile", "FROM x\nARG P\nCOPY --exclude=$P . /app\n"), ("a", "")]);
    assert_eq!(way(&p, "a"), nowhere(Verdict::Unknown));
    let p = project(&[COMPOSE, ("Dockerfile", "FROM x\nADD a.tar.gz /app/\n"), ("a.tar.gz", "")]);
    assert_eq!(way(&p, "a.tar.gz"), nowhere(Verdict::Unknown));
}

#[test]
fn a_later_copy_of_another_file_takes_the_place() {
    let dockerfile = "FROM x\nCOPY . /app/\nCOPY prod.ini /app/app.ini\n";
    let p = project(&[COMPOSE, ("Dockerfile", dockerfile), ("app.ini", ""), ("prod.ini", "")]);
    assert_eq!(way(&p, "app.ini"), nowhere(Verdict::NotCopied));
    assert_eq!(way(&p, "prod.ini"), reaches(&["/app/prod.ini", "/app/app.ini"]));
}

#[test]
fn mounts_hide_and_binds_bring() {
    let compose = "services:\n  web:\n    build: .\n    volumes:\n      - code:/app\n      - ./conf:/app/conf\n      - /app/tmp\nvolumes: {code: {}}\n";
    let files = [
        ("compose.yaml", compose),
        ("Dockerfile", "FROM x\nCOPY . /app\n"),
        ("a.py", ""),
        ("conf/x.ini", ""),
        ("tmp/y", ""),
    ];
    let p = project(&files);
    let facts = Facts::new(&p);
    let hidden = |path| {
        let found = route(&facts, &facts.services[0], path);
        (found.verdict, found.shadow.map(|s| (s.kind, s.target)))
    };
    assert_eq!(hidden("a.py"), (Verdict::Shadowed, Some((MountKind::Named, "/app".into()))));
    assert_eq!(hidden("tmp/y"), (Verdict::Shadowed, Some((MountKind::Anonymous, "/app/tmp".into()))));
    assert_eq!(way(&p, "conf/x.ini"), reaches(&["/app/conf/x.ini"]));
}

#[test]
fn another_folder_bound_over_the_place_hides_it() {
    let compose = "services:\n  web:\n    build: .\n    volumes: [\"./other:/app\"]\n";
    let p = project(&[
        ("compose.yaml", compose),
        ("Dockerfile", "FROM x\nCOPY src /app\n"),
        ("src/a", ""),
        ("other/b", ""),
    ]);
    assert_eq!(way(&p, "src/a").0, Verdict::Shadowed);
    assert_eq!(way(&p, "other/b"), reaches(&["/app/b"]));
}

#[test]
fn a_service_without_a_build_gets_files_by_bind_only() {
    let compose =
        "services:\n  proxy:\n    image: nginx\n    volumes: [\"./nginx.conf:/etc/nginx/nginx.conf:ro\"]\n";
    let p = project(&[("compose.yaml", compose), ("nginx.conf", ""), ("a", "")]);
    assert_eq!(way(&p, "nginx.conf"), reaches(&["/etc/nginx/nginx.conf"]));
    assert_eq!(way(&p, "a"), nowhere(Verdict::NotCopied));
}

#[test]
fn a_service_that_runs_the_image_of_another_gets_its_files() {
    let of = |worker: &str, web: &str| {
        let compose =
            format!("services:\n  worker:\n    image: {worker}\n  web:\n    build: .\n    image: {web}\n");
        let p = project(&[("compose.yaml", &compose), ("Dockerfile", "FROM x\nCOPY a /a\n"), ("a", "")]);
        way(&p, "a")
    };
    assert_eq!(of("app", "app:latest"), reaches(&["/a"]));
    assert_eq!(of("app:1", "app:2"), nowhere(Verdict::NotCopied));
    // The same variables have the same values, whatever they are.
    assert_eq!(of("${R}/app:$V", "${R}/app:$V"), reaches(&["/a"]));
    assert_eq!(of("${R}/app:$V", "other"), nowhere(Verdict::Unknown));
    assert_eq!(of("other", "${R}/app:$V"), nowhere(Verdict::Unknown));
    let two = "services:\n  worker:\n    image: app\n  web:\n    build: .\n    image: app\n  api:\n    build: api\n    image: app\n";
    let files = [
        ("compose.yaml", two),
        ("Dockerfile", "FROM x\nCOPY a /a\n"),
        ("api/Dockerfile", "FROM x\n"),
        ("a", ""),
    ];
    assert_eq!(way(&project(&files), "a"), nowhere(Verdict::Unknown), "whoever built last");
    let mounted = "services:\n  worker:\n    image: app\n    volumes: ['data:/a']\n  web:\n    build: .\n    image: app\nvolumes:\n  data:\n";
    let p = project(&[("compose.yaml", mounted), ("Dockerfile", "FROM x\nCOPY a /a\n"), ("a", "")]);
    assert_eq!(way(&p, "a").0, Verdict::Shadowed, "its own mounts hide them");
}

#[test]
fn a_volume_of_the_image_is_an_anonymous_volume() {
    let p = project(&[COMPOSE, ("Dockerfile", "FROM x\nCOPY . /app\nVOLUME /app\n"), ("a", "")]);
    let facts = Facts::new(&p);
    let found = route(&facts, &facts.services[0], "a");
    assert_eq!(found.verdict, Verdict::Shadowed);
    assert_eq!(found.shadow.unwrap().kind, MountKind::Anonymous);
}

#[test]
fn a_file_that_a_run_sees_through_a_mount_is_used_in_the_build() {
    let p = project(&[
        COMPOSE,
        ("Dockerfile", "FROM x\nRUN --mount=type=bind,target=/src make -C /src\n"),
        ("a.c", ""),
    ]);
    assert_eq!(way(&p, "a.c"), nowhere(Verdict::BuildOnly));
}

#[test]
fn the_values_of_one_env_see_what_was_before_it() {
    let dockerfile = "FROM x\nENV A=/old\nENV A=/new B=$A\nCOPY a $B/\n";
    let p = project(&[COMPOSE, ("Dockerfile", dockerfile), ("a", "")]);
    assert_eq!(way(&p, "a"), reaches(&["/old/a"]));
}

#[test]
fn excludes_keep_files_out_where_both_readings_agree() {
    let dockerfile = "FROM x\nCOPY --exclude=*.md --exclude=in . /app\nCOPY --exclude=b src /src\n";
    let files =
        [COMPOSE, ("Dockerfile", dockerfile), ("a.md", ""), ("a.py", ""), ("in/x", ""), ("src/b", "")];
    let p = project(&files);
    assert_eq!(way(&p, "a.md"), nowhere(Verdict::NotCopied));
    assert_eq!(way(&p, "in/x"), nowhere(Verdict::NotCopied));
    assert_eq!(way(&p, "a.py"), reaches(&["/app/a.py"]));
    assert_eq!(way(&p, "src/b"), reaches(&["/app/src/b"]), "whether `b` starts from `src` is not known");
}

#[test]
fn parents_keep_the_folders_from_the_pivot_on() {
    let dockerfile = "FROM x\nCOPY --parents a/b/c.txt lib/**/*.js /k/\nCOPY --parents a/./b /p/\n";
    let files =
        [COMPOSE, ("Dockerfile", dockerfile), ("a/b/c.txt", ""), ("lib/x/y/z.js", ""), ("lib/x/y/z.ts", "")];
    let p = project(&files);
    assert_eq!(way(&p, "a/b/c.txt"), reaches(&["/k/a/b/c.txt", "/p/b/c.txt"]));
    assert_eq!(way(&p, "lib/x/y/z.js"), reaches(&["/k/lib/x/y/z.js"]));
    assert_eq!(way(&p, "lib/x/y/z.ts"), nowhere(Verdict::NotCopied));
}

#[test]
fn a_named_context_brings_its_files() {
    let compose = "services:\n  web:\n    build:\n      context: web\n      additional_contexts:\n        \
                   shared: ./lib\n        tool: docker-image://tool:1\n";
    let dockerfile = "FROM x\nCOPY --from=shared js /app/js\nCOPY --from=tool /bin/t /bin/t\n";
    let p = project(&[
        ("compose.yaml", compose),
        ("web/Dockerfile", dockerfile),
        ("lib/js/a.js", ""),
        ("lib/b", ""),
        ("web/x", ""),
    ]);
    assert_eq!(way(&p, "lib/js/a.js"), reaches(&["/app/js/a.js"]));
    assert_eq!(way(&p, "lib/b"), nowhere(Verdict::OutsideContext));
    assert_eq!(way(&p, "web/x"), nowhere(Verdict::NotCopied));
}

#[test]
fn a_heredoc_takes_the_place_of_a_file() {
    let dockerfile = "FROM x\nCOPY . /app/\nCOPY <<app.ini /app/\nx=1\napp.ini\n";
    let p = project(&[COMPOSE, ("Dockerfile", dockerfile), ("app.ini", "")]);
    assert_eq!(way(&p, "app.ini"), nowhere(Verdict::NotCopied));
}

#[test]
fn folders_that_base_images_may_have_are_not_guessed() {
    let dockerfile = "FROM x\nCOPY run.sh /usr/local/bin\nCOPY a.conf /etc/nginx/conf.d\nCOPY b /srv/b\n";
    let p = project(&[COMPOSE, ("Dockerfile", dockerfile), ("run.sh", ""), ("a.conf", ""), ("b", "")]);
    assert_eq!(way(&p, "run.sh"), reaches(&["/usr/local/bin/run.sh"]));
    assert_eq!(way(&p, "a.conf"), nowhere(Verdict::Unknown));
    assert_eq!(way(&p, "b"), reaches(&["/srv/b"]));
}
