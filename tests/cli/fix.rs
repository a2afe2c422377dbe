//! `check --fix` and `--diff`: what they write, and what they leave alone.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
        process::CommandExt as _,
    },
};

use unstale::project::{Changed, WriteError, write};

use super::{Folder, copy_program, ends};
use crate::support::Ran;

fn projects() -> Vec<Folder> {
    vec![
        Folder::scichart(),
        Folder::bad("missing-cache-bust", "two-stages"),
        Folder::bad("broad-copy", "linked"),
        Folder::bad("volume-shadows-image", "inside"),
        Folder::bad("cached-fetch", "with-compose"),
        Folder::bad("inert-cache-bust", "constant"),
    ]
}

#[test]
fn a_diff_applied_by_git_is_what_fix_writes() {
    for change in
        [|t: &str| t.to_owned(), |t: &str| t.replace('\n', "\r\n"), |t: &str| t.trim_end().to_owned()]
    {
        for folder in projects() {
            for (path, bytes) in folder.all() {
                folder.put(path.to_str().unwrap(), change(std::str::from_utf8(&bytes).unwrap()));
            }
            folder.commit();
            let before = folder.all();
            let diff = folder.run(&["check", "--diff", "--unsafe-fixes"]);
            assert_eq!(folder.all(), before, "a diff writes nothing");
            folder.run(&["check", "--fix", "--unsafe-fixes"]);
            let fixed = folder.all();
            assert_ne!(fixed, before);
            folder.git(&["checkout", "-q", "."]).ok();
            folder.git(&["clean", "-d", "--force", "-q"]).ok();
            assert_eq!(folder.all(), before);
            folder.put(".git/p", &diff.stdout);
            folder.git(&["apply", "--check", ".git/p"]).ok();
            folder.git(&["apply", ".git/p"]).ok();
            assert_eq!(folder.all(), fixed);
        }
    }
}

#[test]
fn a_diff_fits_wherever_it_is_made() {
    let name = "a \"b\"\t\u{202e}c\\d é";
    let folder = Folder::new();
    folder.put(
        &format!("sub/{name}/Dockerfile"),
        "FROM alpine:3.20\nWORKDIR /a\nCOPY . .\rx\nRUN apk add curl\n",
    );
    folder.put(&format!("sub/{name}/compose.yaml"), "services:\n  web:\n    build: .\n");
    folder.commit();
    let before = folder.all();
    ends(folder.run(&["check", "--fix", "--fail-on", "error"]), 0);
    let fixed = folder.all();
    assert_ne!(fixed, before);
    let typed = folder.join("sub");
    for (below, args) in [
        ("", &["check", "--diff"][..]),
        ("", &["check", "--diff", "sub"]),
        ("", &["check", "--diff", typed.to_str().unwrap()]),
        ("sub", &["check", "--diff"]),
        ("sub", &["check", "--diff", "."]),
    ] {
        folder.git(&["checkout", "-q", "."]).ok();
        let diff = folder.run_in(below, args);
        assert!(!diff.stdout.contains('\u{202e}'), "{}", diff.stdout);
        folder.put(".git/p", &diff.stdout);
        let patch = folder.join(".git/p");
        let mut git = std::process::Command::new("git");
        Ran::new(git.arg("apply").arg(patch).current_dir(folder.join(below))).ok();
        assert_eq!(folder.all(), fixed, "{below} {args:?}\n{}", diff.stdout);
    }
}

#[test]
fn a_diff_ends_as_the_files_that_it_left_alone() {
    let folder = Folder::scichart();
    let args = ["check", "--diff", "--select", "missing-cache-bust"];
    ends(folder.run(&args), 0);
    ends(folder.run(&[&args[..], &["--fail-on", "info"]].concat()), 1);
    folder.run(&["check", "--fix"]);
    assert_eq!(ends(folder.run(&[&args[..], &["--fail-on", "info"]].concat()), 0).stdout, "");
}

#[test]
fn fixing_twice_changes_nothing_the_second_time() {
    for folder in projects() {
        for args in [&["check", "--fix"][..], &["check", "--fix", "--unsafe-fixes"]] {
            folder.run(args);
            let once = folder.all();
            let again = folder.run(args);
            assert_eq!(folder.all(), once);
            assert!(!again.stderr.contains("fixed "), "{}", again.stderr);
            assert_eq!(folder.run(&[args, &["--diff"]].concat()).stdout, "");
        }
    }
}

#[test]
fn fix_says_what_it_did_and_what_is_left() {
    let folder = Folder::scichart();
    let ran = ends(folder.run(&["check", "--fix"]), 1);
    let said: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        said.iter().all(|line| line.starts_with("fixed Dockerfile: "))
            && said[0].ends_with("(missing-cache-bust)")
            && said[1].ends_with("(copied-build-state)")
            && said.len() == 2,
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("broad-copy"), "{}", ran.stdout);
    assert!(
        folder.get("Dockerfile").contains("\nARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n")
    );
    assert!(folder.get("compose.yaml").contains("        CACHE_BUST: ${CACHE_BUST:-}\n"));
}

#[test]
fn every_other_byte_and_the_mode_stay() {
    let crlf = |t: &str| t.replace('\n', "\r\n");
    let bom = |t: &str| format!("\u{feff}{t}");
    let bare = |t: &str| t.trim_end().to_owned();
    let all = move |t: &str| bom(&crlf(&bare(t)));
    let changes: [&dyn Fn(&str) -> String; 4] = [&crlf, &bom, &bare, &all];
    for change in changes {
        let (plain, folder) = (Folder::scichart(), Folder::scichart());
        plain.run(&["check", "--fix"]);
        for (name, mode) in [("Dockerfile", 0o750), ("compose.yaml", 0o604)] {
            folder.put(name, change(&plain_text(name)));
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        folder.run(&["check", "--fix"]);
        for (name, mode) in [("Dockerfile", 0o750), ("compose.yaml", 0o604)] {
            assert_eq!(folder.get(name), change(&plain.get(name)));
            assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777, mode);
        }
    }
}

fn plain_text(name: &str) -> String {
    Folder::scichart().get(name)
}

#[test]
fn only_named_files_are_fixed_with_what_their_fixes_need() {
    let folder = Folder::scichart();
    folder.put("api/Dockerfile", "FROM alpine:3.20\nWORKDIR /a\nCOPY . .\nRUN apk add curl\n");
    folder.put("api/x", "");
    folder.commit();
    let api = folder.get("api/Dockerfile");
    folder.run(&["check", "--fix", "Dockerfile"]);
    assert_eq!(folder.get("api/Dockerfile"), api);
    assert!(folder.get("Dockerfile").contains("CACHE_BUST"));
    assert!(folder.get("compose.yaml").contains("CACHE_BUST"));
    ends(folder.run(&["check", "--fix", "api/Dockerfile", "api", "api/../api/Dockerfile"]), 0);
    assert_ne!(folder.get("api/Dockerfile"), api);
}

#[test]
fn a_link_stays_a_link_and_its_target_is_written_once() {
    let folder = Folder::scichart();
    fs::create_dir(folder.join("real")).unwrap();
    fs::rename(folder.join("Dockerfile"), folder.join("real/it")).unwrap();
    symlink("real/it", folder.join("Dockerfile")).unwrap();
    folder.run(&["check", "--fix"]);
    assert_eq!(fs::read_link(folder.join("Dockerfile")).unwrap().to_str(), Some("real/it"));
    assert!(folder.get("real/it").contains("CACHE_BUST"));
    assert!(folder.get("compose.yaml").contains("CACHE_BUST"));
    // Two names for one file.
    let folder = Folder::new();
    folder.put("Dockerfile", "FROM alpine:3.20\nWORKDIR /a\nCOPY . .\nRUN apk add curl\n");
    symlink("Dockerfile", folder.join("Dockerfile.prod")).unwrap();
    let ran = ends(folder.run(&["check", "--fix", "--fail-on", "error"]), 0);
    assert_eq!(folder.get("Dockerfile").matches("ARG CACHE_BUST").count(), 1, "{}", ran.stderr);
    assert!(fs::symlink_metadata(folder.join("Dockerfile.prod")).unwrap().is_symlink());
    ends(folder.run(&["check", "--fix", "Dockerfile.prod", "--fail-on", "error"]), 0);
}

#[test]
fn what_changed_meanwhile_is_not_overwritten() {
    let folder = Folder::new();
    folder.put("a", "one");
    folder.put("b", "two");
    let (a, b, gone) = (folder.join("a"), folder.join("b"), folder.join("gone"));
    let file = |path, before, after| Changed { path, before: Some(before), after };
    let new = |path, after| Changed { path, before: None, after };
    let refused = write(&[file(&a, "one", "1"), file(&b, "something else", "2")]);
    assert!(matches!(refused, Err(WriteError::Moved(path)) if path.ends_with("b")));
    let refused = write(&[file(&a, "one", "1"), file(&gone, "", "2")]);
    assert!(matches!(refused, Err(WriteError::Io(path, _)) if path.ends_with("gone")));
    // A file that was not there, and is now; also as a link that leads nowhere.
    let refused = write(&[file(&a, "one", "1"), new(&b, "2")]);
    assert!(matches!(refused, Err(WriteError::Moved(path)) if path.ends_with("b")));
    symlink("nowhere", folder.join("dangling")).unwrap();
    let dangling = folder.join("dangling");
    let refused = write(&[file(&a, "one", "1"), new(&dangling, "2")]);
    assert!(matches!(refused, Err(WriteError::Moved(path)) if path.ends_with("dangling")));
    fs::remove_file(folder.join("dangling")).unwrap();
    symlink("a", folder.join("link")).unwrap();
    let link = folder.join("link");
    let refused = write(&[file(&a, "one", "1"), file(&link, "one", "2")]);
    assert!(matches!(refused, Err(WriteError::Torn(path)) if path.ends_with("a")));
    let texts = |folder: &Folder| {
        folder.all().into_iter().map(|(_, b)| String::from_utf8(b).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&folder), ["one", "two", "one"], "and nothing is left behind");
    write(&[file(&a, "one", "1"), file(&b, "two", "2"), file(&link, "one", "1")]).unwrap();
    assert_eq!(texts(&folder), ["1", "2", "1"]);
    write(&[new(&gone, "3"), file(&a, "1", "one")]).unwrap();
    assert_eq!(texts(&folder), ["one", "2", "3", "one"]);
}

#[test]
fn a_file_that_a_fix_needs_is_created_and_shown_as_new() {
    let folder = Folder::new();
    folder.put(
        "Dockerfile",
        "FROM node:22\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci\nCOPY . .\nRUN node app\n",
    );
    folder.put("package.json", "{}\n");
    folder.put(".gitignore", "node_modules/\n");
    folder.git(&["init", "--quiet"]);
    let select = ["--select", "git-in-context,copied-build-state", "--unsafe-fixes", "--show", "info"];
    let json = folder.run(&[&["check", "--format", "json"], &select[..2]].concat()).stdout;
    assert!(json.contains("\"file\": \".dockerignore\",\n") && json.contains("\"new\": true"), "{json}");
    let diff = folder.run(&[&["check", "--diff"], &select[..]].concat()).stdout;
    assert!(diff.starts_with("--- /dev/null\n+++ b/.dockerignore\n"), "{diff}");
    assert!(!folder.join(".dockerignore").exists(), "a diff writes nothing");
    ends(folder.run(&[&["check", "--fix"], &select[..]].concat()), 0);
    let made = folder.get(".dockerignore");
    assert_eq!(made, "**/node_modules\n.git\n");
    let rights = fs::metadata(folder.join(".dockerignore")).unwrap().permissions().mode();
    assert_eq!(rights & 0o700, 0o600, "a file like any other");
    ends(folder.run(&[&["check", "--fix"], &select[..]].concat()), 0);
    assert_eq!(folder.get(".dockerignore"), made, "and the second run finds nothing to do");
    fs::remove_file(folder.join(".dockerignore")).unwrap();
    folder.put("patch", &diff);
    folder.git(&["apply", "patch"]);
    assert_eq!(folder.get(".dockerignore"), made, "git takes the diff");
    // A link that leads nowhere is in the way.
    fs::remove_file(folder.join(".dockerignore")).unwrap();
    symlink("nowhere", folder.join(".dockerignore")).unwrap();
    let left = folder.run(&[&["check", "--fix"], &select[..]].concat());
    assert!(left.code == 1 && !folder.join("nowhere").exists(), "{left:?}");
}

/// The incident with its Dockerfile in a folder of its own, and the program as a user who is not root: root may write
/// everywhere.
struct Nobody {
    folder: Folder,
    bin: Folder,
    is_root: bool,
}

const NOBODY: u32 = 65534;

impl Nobody {
    fn new() -> Self {
        let folder = Folder::scichart();
        fs::create_dir(folder.join("web")).unwrap();
        fs::rename(folder.join("Dockerfile"), folder.join("web/Dockerfile")).unwrap();
        let compose = folder.get("compose.yaml");
        folder.put(
            "compose.yaml",
            compose.replace("context: .\n", "context: .\n      dockerfile: web/Dockerfile\n"),
        );
        Self::of(folder)
    }

    fn of(folder: Folder) -> Self {
        let bin = Folder::new();
        copy_program(&bin.join("unstale"));
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        let nobody = Self { folder, bin, is_root };
        for dir in [nobody.folder.path(), nobody.bin.path()] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        }
        nobody
    }

    fn own(&self, paths: &[&str]) {
        for path in paths.iter().filter(|_| self.is_root) {
            chown(self.folder.join(path), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.folder.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn fix(&self) -> Ran {
        let mut command = std::process::Command::new(self.bin.join("unstale"));
        command.args(["check", "--fix"]).current_dir(self.folder.path());
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        Ran::new(&mut command)
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_left_whole() {
    let nobody = Nobody::new();
    nobody.own(&["web", "web/Dockerfile", "compose.yaml"]);
    let before = nobody.folder.all();
    // One of the two files could be written.
    nobody.mode("", 0o555);
    let ran = ends(nobody.fix(), 2);
    assert!(
        ran.stderr.starts_with("error: `") && ran.stderr.contains(".dockerignore` cannot be written: "),
        "{}",
        ran.stderr
    );
    assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1));
    assert_eq!(nobody.folder.all(), before);
    nobody.mode("web", 0o555);
    ends(nobody.fix(), 2);
    assert_eq!(nobody.folder.all(), before);
    nobody.mode("", 0o755);
    nobody.mode("web", 0o755);
    nobody.own(&[""]);
    ends(nobody.fix(), 1);
    assert_ne!(nobody.folder.all(), before);
    let owner = fs::metadata(nobody.folder.join("compose.yaml")).unwrap().uid();
    assert!(!nobody.is_root || owner == NOBODY);
}

#[test]
fn what_was_replaced_is_put_back_if_the_next_cannot_be() {
    let nobody = Nobody::new();
    if !nobody.is_root {
        eprintln!("skipped: a folder with files of two owners needs root");
        return;
    }
    // In a folder with the sticky bit a file can be read and one beside it made, but only its owner replaces it.
    nobody.own(&["compose.yaml"]);
    nobody.mode("", 0o1777);
    nobody.mode("web", 0o1777);
    let before = nobody.folder.all();
    let ran = ends(nobody.fix(), 2);
    assert!(ran.stderr.contains("web/Dockerfile` cannot be written: "), "{}", ran.stderr);
    assert_eq!(nobody.folder.all(), before);
}

#[test]
fn a_created_file_goes_again_if_the_next_cannot_be_replaced() {
    let folder = Folder::new();
    folder.put(
        "Dockerfile",
        "FROM alpine:3.20\nRUN wget https://example.com/team/widgets/archive/main.zip\nCOPY . /app\n",
    );
    folder.put(".git/HEAD", "ref: refs/heads/main\n");
    let nobody = Nobody::of(folder);
    if !nobody.is_root {
        eprintln!("skipped: a folder with files of two owners needs root");
        return;
    }
    nobody.mode("", 0o1777);
    let before = nobody.folder.all();
    let ran = ends(nobody.fix(), 2);
    assert!(ran.stderr.contains("Dockerfile` cannot be written: "), "{}", ran.stderr);
    assert_eq!(nobody.folder.all(), before);
    nobody.own(&["Dockerfile"]);
    ends(nobody.fix(), 0);
    assert_eq!(nobody.folder.get(".dockerignore"), ".git\n");
    assert!(nobody.folder.get("Dockerfile").contains("CACHE_BUST"));
}

#[test]
fn root_leaves_a_file_to_its_owner() {
    let folder = Folder::scichart();
    if fs::metadata(folder.path()).unwrap().uid() != 0 {
        eprintln!("skipped: another owner needs root");
        return;
    }
    chown(folder.join("Dockerfile"), Some(NOBODY), Some(NOBODY)).unwrap();
    folder.run(&["check", "--fix"]);
    assert!(folder.get("Dockerfile").contains("CACHE_BUST"));
    assert_eq!(fs::metadata(folder.join("Dockerfile")).unwrap().uid(), NOBODY);
}
