//! The house rules of the source: who may name whom, how large a file may be, and that every file says what it knows.
#![expect(clippy::disallowed_methods, reason = "this test reads the source")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The layers, and what each may name. The same table stands in the design.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("syntax", &["text"]),
    ("model", &["text", "syntax"]),
    ("analysis", &["text", "syntax", "model"]),
    ("diag", &["text"]),
    ("settings", &["diag"]),
    ("rules", &["text", "syntax", "model", "analysis", "diag", "settings"]),
    ("fix", &["text", "syntax", "model", "diag"]),
    ("engine", &["text", "syntax", "model", "analysis", "diag", "settings", "rules", "fix"]),
    ("config", &["text", "diag", "settings", "rules"]),
    ("report", &["text", "syntax", "diag", "rules"]),
    ("project", &["text"]),
    ("protocol", &["text", "model", "analysis"]),
    ("deploy", &["text", "protocol"]),
    ("lab", &["report", "project", "deploy"]),
    (
        "cli",
        &[
            "text", "syntax", "model", "analysis", "diag", "settings", "rules", "fix", "engine", "config",
            "report", "project", "protocol", "deploy", "lab",
        ],
    ),
];

const LONGEST: usize = 700;
const LONGEST_RULE: usize = 250;

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn layer(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Every `crate::x` and, in a braced list after `crate::{`, every first name.
fn named(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in source.match_indices("crate::") {
        // `$crate`, and names that only end in `crate`.
        if source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &source[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            names.extend(first_names(list));
        } else {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut word, mut names, mut fresh) = (0, String::new(), Vec::new(), true);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if depth == 0 && fresh && (c.is_alphanumeric() || c == '_') => word.push(c),
            _ if depth == 0 && !word.is_empty() => {
                names.push(std::mem::take(&mut word));
                fresh = false;
            }
            _ => {}
        }
    }
    names.extend((!word.is_empty()).then_some(word));
    names
}

fn violations(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, source) in files {
        let own = layer(file);
        if matches!(own, "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == own) else {
            found.push(format!("src/{file} belongs to no layer"));
            continue;
        };
        for name in named(source) {
            let known = MAY_NAME.iter().any(|(layer, _)| *layer == name);
            if known && name != own && !allowed.contains(&name.as_str()) {
                found.push(format!("src/{file} names `{name}`, which `{own}` may not"));
            }
        }
    }
    found
}

#[test]
fn layers_name_only_what_they_may() {
    assert_eq!(violations(&sources()), Vec::<String>::new());
}

#[test]
fn a_wrong_arrow_is_found() {
    let wrong = [(
        "text/span.rs".to_owned(),
        "use crate::{\n    rules::{self, RULES},\n    text::Span,\n};\n".to_owned(),
    )];
    assert_eq!(violations(&wrong), ["src/text/span.rs names `rules`, which `text` may not"]);
    let wrong = [("fix/mod.rs".to_owned(), "fn f() { crate::engine::check() }".to_owned())];
    assert_eq!(violations(&wrong).len(), 1);
}

#[test]
fn files_are_small_and_say_what_they_know() {
    for (file, source) in sources() {
        let lines = source.lines().count();
        let most = if layer(&file) == "rules" { LONGEST_RULE } else { LONGEST };
        assert!(lines <= most, "src/{file} has {lines} lines, more than {most}: does it hold two things?");
        assert!(source.starts_with("//! "), "src/{file} does not start with a sentence on what it knows");
    }
}

#[test]
fn nothing_is_left_open() {
    for (file, source) in sources() {
        for word in ["todo!", "unimplemented!", "TODO", "FIXME", "XXX"] {
            assert!(!source.contains(word), "src/{file} has {word}");
        }
    }
}

#[test]
fn the_lock_file_stays_small() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let packages = lock.matches("[[package]]").count();
    assert!(packages <= 130, "{packages} packages: which of them is worth its place?");
}
