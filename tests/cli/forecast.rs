//! `unstale forecast`: two states of a real checkout, and what the next build makes of them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use serde_json::{Value, json};

use super::{Folder, ends};

const DOCKERFILE: &str = "FROM node:20 AS deps\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci\n\n\
    FROM node:20 AS build\nARG CACHE_BUST=unset\nENV NODE_ENV=production\nWORKDIR /app\n\
    COPY --from=deps /app/node_modules ./node_modules\nCOPY . .\nRUN npm run build \\\n    && npm prune\n\n\
    FROM nginx:1.27\nCOPY --from=build /app/dist /usr/share/nginx/html\nCOPY public /usr/share/nginx/html/static\n\
    EXPOSE 80\nCMD [\"nginx\"]\n";

const COMPOSE: &str = "services:\n  web:\n    build:\n      context: .\n      args:\n        CACHE_BUST: ${CACHE_BUST:-}\n    \
    volumes:\n      - code:/usr/share/nginx/html\n      - ./conf:/etc/nginx/conf.d:ro\n  api:\n    build: ./api\n\
    volumes:\n  code:\n";

/// Two services: one of three stages whose files a volume hides, one of a single stage.
fn shop() -> Folder {
    let folder = Folder::new();
    folder.put("Dockerfile", DOCKERFILE);
    folder.put("compose.yaml", COMPOSE);
    folder.put(".dockerignore", "node_modules\n.git\n*.md\n");
    folder.put(".gitignore", "node_modules\ncoverage\n");
    for (path, text) in [
        ("package.json", "{}\n"),
        ("src/app.js", "a\n"),
        ("public/logo.svg", "b\n"),
        ("conf/x.conf", "c\n"),
        ("README.md", "hello\n"),
        ("api/requirements.txt", "flask\n"),
        ("api/app.py", "1\n"),
        ("node_modules/x/y", "\n"),
        ("coverage/lcov", "\n"),
    ] {
        folder.put(path, text);
    }
    folder.put(
        "api/Dockerfile",
        "FROM python:3.12-slim\nWORKDIR /srv\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n\
         COPY . .\nCMD [\"python\", \"app.py\"]\n",
    );
    folder.commit();
    folder
}

/// One stage, no compose file.
fn plain(dockerfile: &str) -> Folder {
    let folder = Folder::new();
    folder.put("Dockerfile", dockerfile);
    folder.put(".dockerignore", ".git\n");
    folder.put("src/x", "x\n");
    folder.put("src/run.sh", "echo\n");
    folder.put("top.txt", "top\n");
    symlink("src", folder.join("link")).unwrap();
    folder.commit();
    folder
}

fn document(folder: &Folder, args: &[&str]) -> Value {
    let ran = ends(folder.run(&[&["forecast", "--format", "json"], args].concat()), 0);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// One letter a step that the builder takes, as in tests/cache.rs; stages apart by a space, builds by a slash.
fn letters(folder: &Folder, args: &[&str]) -> String {
    let document = document(folder, args);
    let letter = |step: &Value| match step["outcome"].as_str().unwrap() {
        "hit" => Some('h'),
        "miss" => Some('M'),
        "unknown" => Some('?'),
        _ => None,
    };
    let stage = |stage: &Value| list(&stage["steps"]).iter().filter_map(letter).collect::<String>();
    let build = |build: &Value| list(&build["stages"]).iter().map(stage).collect::<Vec<_>>().join(" ");
    list(&document["builds"]).iter().map(build).collect::<Vec<_>>().join(" / ")
}

fn because(document: &Value, line: u64) -> &str {
    let steps = || list(&document["builds"][0]["stages"]).iter().flat_map(|stage| list(&stage["steps"]));
    steps().find(|step| step["line"] == line).unwrap()["because"].as_str().unwrap()
}

fn verdicts(document: &Value) -> Vec<(&str, &str, &str)> {
    let text = |value: &'_ Value| -> &'static str { value.as_str().unwrap().to_owned().leak() };
    let files = list(&document["builds"][0]["changed"]).iter();
    files.map(|file| (text(&file["path"]), text(&file["change"]), text(&file["verdict"]))).collect()
}

#[test]
fn what_is_not_committed_is_compared_with_head() {
    let folder = shop();
    assert_eq!(letters(&folder, &[]), "hhh hhhh hh / hhhh");
    folder.put("src/app.js", "other\n");
    folder.put("public/logo.svg", "z\n");
    folder.put("README.md", "more\n");
    folder.put("conf/x.conf", "d\n");
    folder.put("api/app.py", "2\n");
    folder.put("api/new.py", "new\n");
    fs::remove_file(folder.join("api/requirements.txt")).unwrap();
    insta::assert_snapshot!(ends(folder.run(&["forecast"]), 0).stdout);
    let found = document(&folder, &["--service", "web"]);
    assert_eq!(found["schema"], 1);
    let commit = folder.git(&["rev-parse", "HEAD"]).ok();
    assert_eq!(found["before"], json!({"revision": "HEAD", "commit": commit, "changed": 7}));
    let mut build = found["builds"][0].clone();
    for at in 0..2 {
        build["stages"][at]["steps"] = json!("left out");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&build).unwrap());
    assert_eq!(list(&found["builds"]).len(), 1);
    // From a folder below it is the same project.
    assert_eq!(
        ends(folder.run_in("api", &["forecast"]), 0).stdout,
        ends(folder.run(&["forecast", "--since", "HEAD"]), 0).stdout.clone()
            + "\nnote: without `--since` or `--changed` the last build is taken to have had what HEAD holds\n"
    );
}

#[test]
fn a_revision_has_its_own_files_modes_links_and_recipes() {
    let one = "FROM base\nCOPY src /src\nRUN echo r\nCOPY link/x /x\n";
    let since = |change: &dyn Fn(&Folder), args: &[&str]| {
        let folder = plain(one);
        change(&folder);
        folder.git(&["add", "-A"]).ok();
        folder.git(&["commit", "-qm", "Two", "--allow-empty"]).ok();
        // A state of the working tree that is committed is the same.
        assert_eq!(letters(&folder, &[]), "hhh");
        letters(&folder, &[&["--since", "HEAD~1"], args].concat())
    };
    assert_eq!(since(&|_| {}, &[]), "hhh");
    assert_eq!(since(&|f| f.put("top.txt", "other"), &[]), "hhh");
    assert_eq!(since(&|f| f.put("src/x", "other"), &[]), "MMM");
    assert_eq!(since(&|f| f.put("src/new", "other"), &[]), "MMM");
    assert_eq!(since(&|f| fs::remove_file(f.join("src/run.sh")).unwrap(), &[]), "MMM");
    let executable = |f: &Folder| {
        fs::set_permissions(f.join("src/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    assert_eq!(since(&executable, &[]), "MMM");
    let relinked = |f: &Folder| {
        f.put("src2/x", "another x");
        fs::remove_file(f.join("link")).unwrap();
        symlink("src2", f.join("link")).unwrap();
    };
    assert_eq!(since(&relinked, &[]), "hhM");
    let by_another_name = |f: &Folder| {
        fs::remove_file(f.join("link")).unwrap();
        symlink("./src", f.join("link")).unwrap();
    };
    assert_eq!(since(&by_another_name, &[]), "hhh", "it leads to the same file");
    // A file that is moved holds what it held.
    let moved = |f: &Folder| {
        fs::create_dir(f.join("s2")).unwrap();
        for name in ["x", "run.sh"] {
            fs::rename(f.join("src").join(name), f.join("s2").join(name)).unwrap();
        }
        f.put("src/x", "x\n");
        f.put("Dockerfile", "FROM base\nCOPY s2/x /src\n");
    };
    let folder = plain("FROM base\nCOPY src/x /src\n");
    moved(&folder);
    assert_eq!(letters(&folder, &[]), "h", "the same name and bytes from another folder");
    let edited = |f: &Folder| f.put("Dockerfile", one.replace("echo r", "echo s"));
    assert_eq!(since(&edited, &[]), "hMM");
    assert_eq!(since(&edited, &["--builder", "classic"]), "hMM");
    let ignored = |f: &Folder| f.put(".dockerignore", ".git\n**/run.sh\n");
    assert_eq!(since(&ignored, &[]), "MMM");
    // An empty folder is none of git's: it was there as far as is known.
    let folder = plain(one);
    fs::create_dir(folder.join("src/empty")).unwrap();
    assert_eq!(letters(&folder, &[]), "hhh");
    folder.put("src/deep/er/new", "");
    assert_eq!(letters(&folder, &[]), "MMM");
    // Of a new folder whose files are all ignored the folder is sent.
    let folder = plain(one);
    folder.put(".dockerignore", ".git\n**/*.md\n");
    folder.commit();
    folder.put("src/notes.md", "");
    assert_eq!(letters(&folder, &[]), "hhh");
    folder.put("src/deep/notes.md", "");
    assert_eq!(letters(&folder, &[]), "MMM");
}

#[test]
fn compose_files_are_read_in_both_states() {
    let folder = Folder::new();
    let dockerfile = "FROM base AS one\nARG X=1\nRUN echo $X\nFROM base AS two\nCOPY a /a\n";
    folder.put("web/Dockerfile", dockerfile);
    folder.put("web/a", "a");
    folder.put("other/a", "a");
    let compose = "services:\n  web:\n    build: {context: web, target: one, args: {X: 1}}\n";
    folder.put("compose.yaml", compose);
    folder.commit();
    let with = |from: &str, to: &str| {
        folder.put("compose.yaml", compose.replace(from, to));
        letters(&folder, &[])
    };
    assert_eq!(with("X: 1", "X: 2"), "M");
    assert_eq!(with(", args: {X: 1}", ""), "h", "the default is what was passed");
    assert_eq!(with("target: one", "target: two"), "M");
    assert_eq!(with("X: 1", "X: '${X-1}'"), "h");
    assert_eq!(with("args: {X: 1}", "no_cache: true"), "M");
    assert_eq!(with("web:\n", "shop:\n"), "M", "a new service has nothing of its own in the cache");
    let notes = document(&folder, &[])["builds"][0]["notes"].to_string();
    assert!(notes.contains("there was no such build before"), "{notes}");
    folder.put("compose.yaml", compose.replace("context: web", "context: gone"));
    let ran = ends(folder.run(&["forecast"]), 2);
    assert_eq!(ran.stderr, "error: there is no `Dockerfile` in `gone`, its context, that could be read\n");
}

#[test]
fn files_that_are_named_had_other_bytes() {
    let folder = shop();
    assert_eq!(letters(&folder, &["--changed", "src/app.js"]), "hhh hhMM ?? / hhhh");
    assert_eq!(letters(&folder, &["--changed", "README.md"]), "hhh hhhh hh / hhhh");
    assert_eq!(letters(&folder, &["--changed", "api/app.py", "package.json"]), "hMM h?MM ?? / hhhM");
    assert_eq!(letters(&folder, &["--changed", "coverage/lcov", "--service", "web"]), "hhh hhMM ??");
    // Only what is named.
    folder.put("package.json", "[]");
    assert_eq!(letters(&folder, &["--changed", "api/app.py"]), "hhh hhMM ?? / hhhM");
    let found =
        document(&folder, &["--changed", "public/logo.svg", "conf/x.conf", "README.md", "src/app.js"]);
    assert_eq!(found["before"], json!({"revision": null, "commit": null, "changed": 4}));
    assert_eq!(
        verdicts(&found),
        [
            ("README.md", "changed", "ignored"),
            ("conf/x.conf", "changed", "reaches"),
            ("public/logo.svg", "changed", "shadowed"),
            ("src/app.js", "changed", "build-only"),
        ]
    );
    let files = list(&found["builds"][0]["changed"]);
    assert_eq!(files[0]["ignored_by"], json!({"file": ".dockerignore", "line": 3, "what": "*.md"}));
    assert_eq!((&files[1]["mounted"], &files[1]["taken_by"]), (&json!(true), &json!([11])));
    assert_eq!((&files[2]["hidden_by"], &files[2]["taken_by"]), (&json!(0), &json!([11, 17])));
    let mount = &found["builds"][0]["mounts"][0];
    let place = json!({"kind": "named-volume", "source": "code", "target": "/usr/share/nginx/html", "file": "compose.yaml", "line": 8, "hides": true});
    assert_eq!(*mount, place);
    // Gone, now or long ago.
    fs::remove_file(folder.join("api/app.py")).unwrap();
    assert_eq!(letters(&folder, &["--changed", "api/app.py"]), "hhh hhMM ?? / hhhM");
    folder.git(&["commit", "-qam", "Gone"]).ok();
    let found = document(&folder, &["--changed", "api/app.py", "--service", "api"]);
    assert_eq!(verdicts(&found), [("api/app.py", "deleted", "reaches")]);
    // One that is gone is looked for in the recipe that it was built with.
    folder.git(&["rm", "-q", "public/logo.svg"]).ok();
    folder
        .put("Dockerfile", DOCKERFILE.replace("COPY public", "COPY src").replace("COPY . .", "COPY src src"));
    assert_eq!(
        verdicts(&document(&folder, &["--service", "web"])),
        [("Dockerfile", "changed", "not-copied"), ("public/logo.svg", "deleted", "shadowed"),]
    );
    folder.git(&["checkout", "-q", "HEAD", "."]).ok();
    // New for git.
    folder.put("api/new.py", "");
    let found = document(&folder, &["--changed", "api/new.py", "--service", "api"]);
    assert_eq!(verdicts(&found), [("api/new.py", "new", "reaches")]);
}

#[test]
fn a_recipe_is_compared_with_head_or_not_known() {
    let folder = shop();
    for name in ["Dockerfile", "compose.yaml", ".dockerignore"] {
        assert_eq!(letters(&folder, &["--changed", name, "--service", "web"]), "??? ???? ??", "{name}");
    }
    assert_eq!(letters(&folder, &["--changed", "Dockerfile", "--service", "api"]), "hhhh");
    let found = document(&folder, &["--changed", "Dockerfile", "--service", "web", "--no-cache"]);
    assert_eq!(because(&found, 3), "`--no-cache`");
    let found = document(&folder, &["--changed", "Dockerfile"]);
    assert_eq!(
        because(&found, 4),
        "`Dockerfile` was another, and what it said is not known: name the revision with `--since`"
    );
    folder.put("Dockerfile", DOCKERFILE.replace("npm ci", "npm install"));
    assert_eq!(letters(&folder, &["--changed", "Dockerfile", "--service", "web"]), "hhM h?MM ??");
}

#[test]
fn what_is_asked_of_the_next_build() {
    let lines = "FROM base AS one\nARG X=1\nCOPY src /src\nRUN echo r\nFROM base\nRUN echo s\nCOPY --from=one /src /src\n";
    let folder = plain(lines);
    for (args, expected) in [
        (&["--build-arg", "X=1"][..], "hh hh"),
        (&["--build-arg", "X=2"], "hM hh"),
        (&["--build-arg", "X=2", "--builder", "classic"], "hhM hh"),
        (&["--no-cache"], "MM MM"),
        (&["--no-cache-filter", "one"], "MM h?"),
        (&["--no-cache-filter", "ONE", "--changed", "top.txt"], "MM h?"),
        (&["--pull"], "?? ??"),
    ] {
        let found = letters(&folder, args);
        if args[0] == "--no-cache-filter" {
            // What the stage leaves may be the same; the model says whether it is known.
            assert!(found.starts_with("MM h"), "{args:?}: {found}");
        } else {
            assert_eq!(found, expected, "{args:?}");
        }
    }
    let said = |args: &[&str]| document(&folder, args)["notes"].to_string();
    assert!(said(&["--build-arg", "Y=1"]).contains("no ARG declares `Y`"));
    assert!(!said(&["--build-arg", "X=1"]).contains("no ARG"));
    assert!(said(&["--no-cache-filter", "three"]).contains("no stage is called `three`"));
    let folder = shop();
    assert_eq!(letters(&folder, &["--build-arg", "CACHE_BUST=now", "--service", "web"]), "hhh hhhM ??");
    folder.put(".env", "DOCKER_BUILDKIT=0\n");
    assert_eq!(document(&folder, &[])["builds"][0]["builder"], "classic");
    assert_eq!(document(&folder, &["--builder", "buildkit"])["builds"][0]["builder"], "buildkit");
}

#[test]
fn it_says_what_it_cannot_do() {
    let folder = shop();
    folder.put("a\u{1b}[2Jb", "");
    for (args, says) in [
        (
            &["--changed", "nope.py"][..],
            "error: `nope.py` is not there, and git knows no file of that path: check the spelling\n",
        ),
        (&["--changed", "src"], "error: `src` is a folder: name files\n"),
        (&["--changed", "/etc/passwd"], "error: `/etc/passwd` lies outside of the repository"),
        (&["--since", "nope"], "error: git knows no revision `nope`"),
        (&["--since=--all"], "error: git knows no revision `--all`"),
        (
            &["--service", "nope"],
            "error: there is no service `nope`: those that are built are `web`, `api`\n",
        ),
        (&["--build-arg", "X"], "error: `--build-arg X` has no value: write it as `NAME=VALUE`\n"),
        (
            &["--changed", "src/app.js", "--since", "HEAD"],
            "error: the argument '--changed <PATH>...' cannot be used",
        ),
        (
            &["--html", "README.md"],
            "error: `README.md` is there, and no picture of `unstale forecast`: name another file, or remove it\n",
        ),
        (&["--html", "src"], "error: `src` is there, and no picture"),
        (&["--html", "none/x.html"], "error: `none/x.html` cannot be written: No such file"),
        (&["--changed", "z\u{1b}[2J"], "error: `z\\u{1b}[2J` is not there"),
    ] {
        let before = folder.all();
        let ran = ends(folder.run(&[&["forecast"], args].concat()), 2);
        assert!(ran.stderr.starts_with(says), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert_eq!(folder.all(), before);
    }
    folder.put("compose.yaml", "services:\n  web: [\n");
    let ran = ends(folder.run(&["forecast", "--service", "web"]), 2);
    assert!(ran.stderr.starts_with("error: there is no service `web`: those that are built are none; `compose.yaml` would be refused, line "), "{}", ran.stderr);
    let ran = ends(folder.run(&["forecast"]), 2);
    assert!(ran.stderr.starts_with("error: `compose.yaml` would be refused, line "), "{}", ran.stderr);
    let empty = Folder::new();
    let ran = ends(empty.run(&["forecast"]), 2);
    assert_eq!(ran.stderr, "error: there is no Dockerfile here, and no compose file that builds one\n");
    let broken = plain("FROM base\nCOPI a b\n");
    let ran = ends(broken.run(&["forecast"]), 2);
    assert!(ran.stderr.contains("`Dockerfile` would be refused, line 2: "), "{}", ran.stderr);
}

#[test]
fn without_git_only_what_is_named_changes() {
    let folder = plain("FROM base\nCOPY src /src\nRUN echo r\n");
    fs::remove_dir_all(folder.join(".git")).unwrap();
    assert_eq!(letters(&folder, &[]), "hh");
    assert_eq!(letters(&folder, &["--changed", "src/x"]), "MM");
    assert_eq!(letters(&folder, &["--changed", "Dockerfile"]), "??");
    assert!(document(&folder, &[])["notes"].to_string().contains("this is no git checkout"));
    let ran = ends(folder.run(&["forecast", "--since", "HEAD"]), 2);
    assert!(ran.stderr.contains("lies in no git checkout, so there is no revision `HEAD`"), "{}", ran.stderr);
    // A checkout without a commit.
    folder.git(&["init", "-q"]).ok();
    let ran = ends(folder.run(&["forecast"]), 2);
    assert!(ran.stderr.ends_with("; or name the changed files with `--changed`\n"), "{}", ran.stderr);
    assert_eq!(letters(&folder, &["--changed", "src/x"]), "MM");
}

#[test]
fn what_git_does_not_tell_is_said() {
    let folder = plain("FROM base\nCOPY . /src\nRUN echo r\n");
    folder.put(".gitignore", "dist\n");
    folder.put("dist/a/b.js", "");
    folder.put("dist/c.js", "");
    folder.git(&["add", "-A"]).ok();
    folder.git(&["commit", "-qm", "Two"]).ok();
    let notes = |args: &[&str]| document(&folder, args)["builds"][0]["notes"].to_string();
    assert!(
        notes(&[]).contains("`dist` is copied and not tracked by git: it counts as unchanged"),
        "{}",
        notes(&[])
    );
    assert_eq!(letters(&folder, &[]), "hh");
    // Of equal size.
    folder.put("src/x", "y\n");
    assert!(notes(&[]).contains("`src/x` changed and is as large as before"), "{}", notes(&[]));
    assert!(!notes(&["--builder", "classic"]).contains("as large"));
    folder.put("src/x", "longer\n");
    assert!(!notes(&[]).contains("as large"));
    // `.git` in the context: a commit changes it, and who knows what else.
    folder.git(&["checkout", "-q", "src/x"]).ok();
    folder.put(".dockerignore", "dist\n");
    folder.git(&["commit", "-qam", "Three"]).ok();
    assert_eq!(letters(&folder, &[]), "hh");
    assert_eq!(letters(&folder, &["--since", "HEAD~1"]), "MM");
    fs::remove_file(folder.join(".dockerignore")).unwrap();
    folder.put(".dockerignore", "dist\ntop.txt\n");
    folder.git(&["commit", "-qam", "Four"]).ok();
    let found = document(&folder, &["--changed", "top.txt"]);
    assert_eq!(because(&found, 2), "it takes `.git`, which changes with every commit and many a command");
    assert_eq!(letters(&folder, &["--changed", "top.txt"]), "??");
}

#[test]
fn what_other_builds_and_contexts_bring_is_not_a_sure_hit() {
    let folder = Folder::new();
    folder.put("base/Dockerfile", "FROM debian\nCOPY a /a\n");
    folder.put("base/a", "a");
    folder.put("lib/l", "l");
    folder.put("web/Dockerfile", "FROM me/base AS one\nRUN echo r\nFROM one\nRUN echo s\nFROM debian\nRUN echo t\nCOPY --from=1 /a /a\nRUN echo u\n");
    folder.put("job/Dockerfile", "FROM debian\nRUN echo r\nCOPY --from=lib / /lib\nRUN echo s\n");
    folder.put(
        "compose.yaml",
        "services:\n  base:\n    build: base\n    image: me/base\n  web:\n    build: web\n  job:\n    build:\n      \
         context: job\n      additional_contexts: {lib: ./lib}\n",
    );
    folder.commit();
    assert_eq!(letters(&folder, &[]), "h / h h hhh / hhh");
    assert_eq!(letters(&folder, &["--changed", "base/a"]), "M / ? ? h?? / hhh");
    assert_eq!(letters(&folder, &["--changed", "base/a", "--service", "web"]), "? ? h??");
    assert_eq!(letters(&folder, &["--changed", "lib/l"]), "h / h h hhh / h??");
    let found = document(&folder, &["--changed", "base/a", "--service", "web"]);
    assert_eq!(because(&found, 2), "`me/base` is built by `base`, and may be another image");
}

#[test]
fn the_picture_is_one_file_that_asks_nobody() {
    let folder = shop();
    folder.put("public/logo.svg", "other\n");
    let elsewhere = Folder::new();
    let out = elsewhere.join("out.html").to_str().unwrap().to_owned();
    let draw = || folder.run(&["forecast", "--service", "web", "--html", &out]);
    assert_eq!(ends(draw(), 0).stderr, format!("wrote {out}\n"));
    let page = elsewhere.get("out.html");
    for part in ["http:", "https:", "//", "<script", "src=", "@import", "<link"] {
        assert!(!page.replace("http://www.w3.org/2000/svg", "").contains(part), "{part}");
    }
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("width=device-width"));
    let (_, body) = page.split_once("</style>").unwrap();
    insta::assert_snapshot!(body);
    // An earlier picture is replaced, by a new file and not in part.
    folder.put("public/logo.svg", "b\n");
    ends(draw(), 0);
    assert!(elsewhere.get("out.html").contains("every step comes from the cache"));
    assert_eq!(elsewhere.all().len(), 1);
    elsewhere.put("out.html", page.replace("unstale forecast", "somebody"));
    let before = elsewhere.get("out.html");
    ends(draw(), 2);
    assert_eq!(elsewhere.get("out.html"), before);
    // A picture in the context is a file of the project for the next build.
    let ran = ends(folder.run(&["forecast", "--service", "web", "--html", "x.html"]), 0);
    assert!(ran.stdout.contains("`x.html` lies in the context of a build"), "{}", ran.stdout);
    assert_eq!(letters(&folder, &["--service", "web"]), "hhh hhMM ??");
    let ran = ends(folder.run(&["forecast", "--service", "web", "--html", "x.md"]), 0);
    assert!(!ran.stdout.contains("lies in the context"), "{}", ran.stdout);
}

#[test]
fn hostile_names_stay_names() {
    let name = "src/<script>alert(1)<|script> \"q\" 'a' & `b`\n\u{1b}[31m\u{202e}.js";
    let folder = plain("FROM base\nCOPY src /src\nRUN echo '<img src=x onerror=alert(1)>'\n");
    folder.put(name, "");
    folder.put("compose.yaml", "services:\n  web:\n    build: .\n    volumes: ['./a\"<u>:/src']\n");
    let ran = ends(folder.run(&["forecast", "--html", "x.html", "--changed", name]), 0);
    let page = folder.get("x.html");
    for text in [&ran.stdout, &page] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
    }
    assert!(ran.stdout.contains("\\n\\u{1b}[31m"), "{}", ran.stdout);
    for part in ["<script", "<img", "<u>", "\"q\"", "'a'", "a\"<"] {
        let (_, body) = page.split_once("</style>").unwrap();
        assert!(!body.contains(part), "{part}");
    }
    assert!(page.contains("&lt;script&gt;") && page.contains("&lt;img src=x"));
    let found = document(&folder, &["--changed", name]);
    assert_eq!(found["builds"][0]["changed"][0]["path"], name);
}

#[test]
fn help_says_what_it_takes() {
    insta::assert_snapshot!(ends(Folder::new().run(&["forecast", "--help"]), 0).stdout);
}
