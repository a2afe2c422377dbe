//! `bust`: new times and dated comments for exactly the files that are named, or for none.

use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink},
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use super::{Folder, ends, program};
use crate::support::Ran;

fn modified(path: &Path) -> SystemTime {
    fs::symlink_metadata(path).unwrap().modified().unwrap()
}

/// What can be seen of every file: bytes, mode and time.
fn seen(folder: &Folder) -> Vec<(std::path::PathBuf, Option<Vec<u8>>, u32, SystemTime)> {
    let mut all = Vec::new();
    let mut open = vec![folder.path().to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() && !path.ends_with(".git") {
                open.push(path);
            } else if !meta.is_dir() {
                let mode = meta.permissions().mode();
                all.push((path.clone(), fs::read(&path).ok(), mode, modified(&path)));
            }
        }
    }
    all.sort();
    all
}

/// A fixed time long ago.
fn age(folder: &Folder, path: &str) -> SystemTime {
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::open(folder.join(path)).unwrap().set_modified(old).unwrap();
    old
}

#[test]
fn touch_renews_times_and_nothing_else() {
    let folder = Folder::scichart();
    let odd = ["a b.txt", "new\nline\u{1b}[31m.txt", "-n", "ä.txt", "sub/x.png"];
    for name in odd {
        folder.put(name, name);
    }
    let latin = folder.path().join(std::ffi::OsStr::from_bytes(b"latin\xe9"));
    fs::write(&latin, "x").unwrap();
    fs::set_permissions(folder.join("sub/x.png"), fs::Permissions::from_mode(0o444)).unwrap();
    folder.commit();
    let page = "frontend/templates/index.html";
    for name in odd.iter().chain([&page, &"app.py"]) {
        age(&folder, name);
    }
    let before = folder.all();
    let ran = ends(folder.run(&["bust", "--touch", page]), 0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("touched frontend/templates/index.html\n", ""));
    let new = modified(&folder.join(page));
    assert!(new.elapsed().unwrap() < Duration::from_mins(1), "{new:?}");
    let old = modified(&folder.join("app.py"));
    assert!(old.elapsed().unwrap() > Duration::from_secs(1000), "another file is touched");

    // Below a folder, absolute, and what looks like an option or an escape sequence.
    let absolute = folder.join("sub/x.png");
    let ran = ends(
        folder.run_in(
            "sub",
            &[
                "bust",
                "--touch",
                "--",
                "../a b.txt",
                "../new\nline\u{1b}[31m.txt",
                "../-n",
                absolute.to_str().unwrap(),
            ],
        ),
        0,
    );
    assert!(ran.stdout.contains("touched ../new\\nline\\u{1b}[31m.txt\n"), "{}", ran.stdout);
    ends(folder.run(&["bust", "--touch", "--", "-n", "ä.txt"]), 0);
    let ran = Ran::new(program().args(["bust", "--touch"]).arg(&latin).current_dir(folder.path()));
    assert!(ends(ran, 0).stdout.ends_with("latin\u{fffd}\n"));
    for name in odd {
        assert!(modified(&folder.join(name)) > old, "{name:?}");
    }
    assert_eq!(folder.all(), before, "not a byte differs");
    assert_eq!(folder.git(&["status", "--porcelain"]).ok(), "");
    // At once, and once more: every time another time.
    let mut last = modified(&folder.join(page));
    for _ in 0..3 {
        ends(folder.run(&["bust", "--touch", page, page]), 0);
        let now = modified(&folder.join(page));
        assert_ne!(now, last);
        last = now;
    }
}

#[test]
fn touch_all_takes_what_git_tracks_in_the_whole_checkout() {
    let (folder, outside) = (Folder::scichart(), Folder::new());
    outside.put("secret/x", "x");
    outside.commit();
    symlink(outside.join("secret/x"), folder.join("link")).unwrap();
    folder.put("replaced/x", "x");
    folder.put("gone", "x");
    folder.put(".gitignore", "ignored\n");
    folder.commit();
    folder.put("ignored", "x");
    folder.put("new", "x");
    let module = outside.path().to_str().unwrap();
    folder.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", module, "module"]).ok();
    fs::remove_file(folder.join("gone")).unwrap();
    fs::remove_dir_all(folder.join("replaced")).unwrap();
    symlink(outside.join("secret"), folder.join("replaced")).unwrap();
    for name in ["app.py", "Dockerfile", "ignored", "new", "module/secret/x"] {
        age(&folder, name);
    }
    age(&outside, "secret/x");
    let link = modified(&folder.join("link"));

    let ran = ends(folder.run_in("frontend", &["bust", "--touch", "--all", "--format", "json"]), 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let paths: Vec<&str> =
        document["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    let listed = folder.git(&["ls-files"]).ok();
    let expected: Vec<&str> =
        listed.lines().filter(|p| !["link", "gone", "replaced/x", "module"].contains(p)).collect();
    assert_eq!(paths, expected);
    assert_eq!(document["files"][0], json!({"path": ".gitignore", "technique": "touch", "line": null}));
    assert_eq!(
        ran.stderr,
        "gone: left alone: it is no regular file here\nlink: left alone: it is no regular file here\n\
         replaced/x: left alone: it is no regular file here\n"
    );
    let is_old = |path: &Path| modified(path).elapsed().unwrap() > Duration::from_secs(1000);
    for name in ["app.py", "Dockerfile", "frontend/templates/index.html"] {
        assert!(!is_old(&folder.join(name)), "{name}");
    }
    for name in ["ignored", "new", "module/secret/x"] {
        assert!(is_old(&folder.join(name)), "{name}");
    }
    assert!(is_old(&outside.join("secret/x")), "what a link leads to is not touched");
    assert_eq!(modified(&folder.join("link")), link);
    // A submodule is a checkout of its own.
    ends(folder.run(&["bust", "--touch", "module/secret/x"]), 0);
    assert!(!is_old(&folder.join("module/secret/x")));
}

#[test]
fn touch_refuses_what_git_does_not_track_and_changes_nothing() {
    let folder = Folder::scichart();
    folder.put(".gitignore", "ignored\n");
    symlink("app.py", folder.join("link")).unwrap();
    folder.commit();
    folder.put("ignored", "");
    folder.put("a\u{1b}[2Jb", "");
    let outside = Folder::new();
    outside.put("x", "");
    let lone = outside.join("x");
    age(&folder, "app.py");
    let before = seen(&folder);
    let unknown = " it first, or use the program `touch` if it shall stay unknown\n";
    for (name, says) in [
        ("ignored", format!("error: git does not track `ignored`: `git add`{unknown}")),
        ("a\u{1b}[2Jb", format!("error: git does not track `a\\u{{1b}}[2Jb`: `git add`{unknown}")),
        (".git/config", format!("error: git does not track `.git/config`: `git add`{unknown}")),
        ("app.pyc", "error: `app.pyc` cannot be read: No such file".to_owned()),
        ("frontend", "error: `frontend` is a folder: name files, or write `--all`".to_owned()),
        ("link", "error: `link` is a symbolic link, and a build sees where it points".to_owned()),
        (lone.to_str().unwrap(), format!("error: `{}` lies in no git checkout", lone.display())),
        ("", "error: a value is required".to_owned()),
    ] {
        let ran = ends(folder.run(&["bust", "--touch", "app.py", "--", name, "Dockerfile"]), 2);
        assert!(ran.stderr.starts_with(&says), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
        assert_eq!(seen(&folder), before, "{name:?}");
    }
    let ran = ends(outside.run(&["bust", "--touch", "--all"]), 2);
    assert!(ran.stderr.starts_with("error: `.` lies in no git checkout"), "{}", ran.stderr);
    // Inside of a hook git's own variables name another checkout.
    let other = Folder::scichart();
    other.commit();
    let ran = Ran::new(
        program()
            .args(["bust", "--touch", "app.py"])
            .env("GIT_DIR", other.join(".git"))
            .env("GIT_INDEX_FILE", other.join("none"))
            .current_dir(folder.path()),
    );
    ends(ran, 0);
}

#[test]
fn comment_is_added_once_and_dated_anew() {
    let folder = Folder::scichart();
    folder.put(".gitignore", "x\n");
    folder.put("x.sh", "#!/bin/sh\r\necho 1");
    fs::set_permissions(folder.join("x.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    let page = "frontend/templates/index.html";
    let (before, old) = (folder.all(), age(&folder, page));
    let ran = ends(folder.run(&["bust", "--comment", page, "x.sh", "app.py", "app.py"]), 0);
    assert_eq!(ran.stderr, "");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let (text, script) = (folder.get(page), folder.get("x.sh"));
    let last = |text: &str| text.lines().last().unwrap().to_owned();
    let number = |text: &str| text.lines().count();
    assert_eq!(lines[0], format!("{page}:{}: {}", number(&text), last(&text)));
    assert_eq!(lines[1], format!("x.sh:3: {}", last(&script)));
    assert!(lines[2].starts_with("app.py:") && lines.len() == 3, "{}", ran.stdout);
    let date = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    insta::assert_snapshot!(date.replace_all(&ran.stdout, "[now]"));
    assert!(script.starts_with("#!/bin/sh\r\necho 1\r\n# unstale cache bust: 20") && script.ends_with('Z'));
    assert_eq!(fs::metadata(folder.join("x.sh")).unwrap().permissions().mode() & 0o777, 0o750);
    assert_ne!(modified(&folder.join(page)), old);
    // At once: the same second may not give the same bytes.
    let (mut texts, mut times) = (vec![text.clone()], vec![modified(&folder.join(page))]);
    for _ in 0..3 {
        let ran = ends(folder.run(&["bust", "--comment", page, "--format", "json"]), 0);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        let file = json!({"path": page, "technique": "comment", "line": number(&text)});
        assert_eq!(document, json!({"schema": 1, "files": [file]}));
        texts.push(folder.get(page));
        times.push(modified(&folder.join(page)));
        let [.., one, two] = &texts[..] else { unreachable!() };
        assert_eq!(number(one), number(two));
        assert_ne!(one, two);
        let [.., one, two] = &times[..] else { unreachable!() };
        assert_ne!(one, two);
    }
    let untouched = |all: &[(std::path::PathBuf, Vec<u8>)]| -> Vec<_> {
        all.iter()
            .filter(|(p, _)| !["x.sh", "app.py", page].iter().any(|n| p.ends_with(n)))
            .cloned()
            .collect()
    };
    assert_eq!(untouched(&folder.all()), untouched(&before));
    // No checkout is needed, and what check says does not change.
    ends(folder.run(&["bust", "--comment", "Dockerfile", "compose.yaml", "deploy.sh", ".gitignore"]), 0);
    assert!(ends(folder.run(&["check"]), 1).stdout.ends_with("--show info lists the rest\n"));
}

#[test]
fn comment_refuses_and_changes_nothing() {
    let folder = Folder::scichart();
    folder.put("a.json", "{}");
    folder.put("data.bin", b"\xff\xfe");
    symlink("app.py", folder.join("link.py")).unwrap();
    symlink("nowhere", folder.join("dangling.py")).unwrap();
    let end = "; nothing was changed, `--touch` works for every file that git tracks\n";
    let before = seen(&folder);
    for (name, says) in [
        ("a.json", "JSON has no comments"),
        ("data.bin", "byte 0 is not UTF-8: save it as UTF-8, it is left alone until then"),
        ("link.py", "it is a symbolic link: name the file behind it"),
        ("dangling.py", "it is a symbolic link: name the file behind it"),
        ("frontend", "it is not a regular file"),
        ("gone.py", "No such file or directory (os error 2)"),
    ] {
        let ran = ends(folder.run(&["bust", "--comment", "app.py", name, "Dockerfile"]), 2);
        assert_eq!(ran.stderr, format!("error: `{name}`: {says}{end}"));
        assert_eq!(ran.stdout, "");
        assert_eq!(seen(&folder), before, "{name}");
    }
}

#[test]
fn folders_above_the_checkout_say_nothing_about_a_file() {
    let outer = Folder::new();
    outer.put("migrations/shop/.git/HEAD", "");
    outer.put("migrations/shop/seed.sql", "SELECT 1;\n");
    outer.put("migrations/shop/db/migrations/1.sql", "SELECT 1;\n");
    let below = "migrations/shop/db";
    let ran = ends(outer.run_in(below, &["bust", "--comment", "../seed.sql"]), 0);
    assert!(ran.stdout.starts_with("../seed.sql:2: -- unstale cache bust: 20"), "{}", ran.stdout);
    let ran = ends(outer.run_in(&format!("{below}/migrations"), &["bust", "--comment", "1.sql"]), 2);
    assert!(ran.stderr.starts_with("error: `1.sql`: it is a migration, "), "{}", ran.stderr);
}

#[test]
fn one_technique_is_named() {
    let folder = Folder::new();
    folder.put("a.py", "");
    for (args, says) in [
        (&["bust", "a.py"][..], "<--touch|--comment>"),
        (&["bust", "--touch", "--comment", "a.py"], "cannot be used with"),
        (&["bust", "--touch"], "<FILE>..."),
        (&["bust", "--comment"], "<FILE>..."),
        (&["bust", "--comment", "--all"], "cannot be used with"),
        (&["bust", "--touch", "--all", "a.py"], "cannot be used with"),
    ] {
        let ran = ends(folder.run(args), 2);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(folder.get("a.py"), "");
    insta::assert_snapshot!(ends(folder.run(&["bust", "--help"]), 0).stdout);
}
