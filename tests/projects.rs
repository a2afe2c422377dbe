//! Projects for the tests, from folders under `fixtures/` or from texts; the variants that every rule must survive.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use unstale::{
    engine,
    text::{EntryKind, Snapshot, SourceFile},
};

/// The repository's folder of fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A named project.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) snapshot: Snapshot,
}

/// Every child of a folder as a project: a file is a project of one file.
pub(crate) fn cases(dir: &Path) -> Vec<Case> {
    let mut names: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().map(|e| e.expect("a readable folder").path()).collect();
    names.sort();
    names
        .into_iter()
        .map(|path| {
            let mut snapshot = Snapshot::default();
            if path.is_dir() {
                add(&path, &path, &mut snapshot);
            } else {
                add(path.parent().expect("a file lies in a folder"), &path, &mut snapshot);
            }
            Case { name: path.file_name().expect("it was listed").to_string_lossy().into_owned(), snapshot }
        })
        .collect()
}

/// The name under which a path of a fixture lies on the disk: git takes no `.git` into a repository.
pub(crate) fn on_disk(path: &str) -> String {
    match path.strip_prefix(".git") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("dot-git{rest}"),
        _ => path.to_owned(),
    }
}

fn add(root: &Path, path: &Path, snapshot: &mut Snapshot) {
    let name = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
    let name = match name.strip_prefix("dot-git") {
        Some(rest) => format!(".git{rest}"),
        None => name,
    };
    if path.is_dir() {
        snapshot.add_entry(&name, EntryKind::Dir);
        let mut children: Vec<PathBuf> =
            fs::read_dir(path).expect("a readable folder").map(|e| e.expect("a child").path()).collect();
        children.sort();
        for child in children {
            add(root, &child, snapshot);
        }
    } else if engine::wants(&name) {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        snapshot.add_file(SourceFile { path: name, text });
    } else {
        snapshot.add_entry(&name, EntryKind::File);
    }
}

/// The engine's door with the configuration files of the project in effect, as `check` opens it.
pub(crate) mod engine_with_config {
    use unstale::{
        config::{Source, with},
        diag::{Report, Safety},
        engine,
        fix::Fixed,
        settings::Settings,
        text::Snapshot,
    };

    pub(crate) fn check(snapshot: &Snapshot, settings: &Settings) -> Report {
        engine::check(snapshot, &with(snapshot, settings, &Source::Found(None)))
    }

    pub(crate) fn fix(snapshot: &Snapshot, settings: &Settings, limit: Safety) -> Fixed {
        engine::fix(snapshot, &with(snapshot, settings, &Source::Found(None)), limit)
    }
}

/// A project from texts.
pub(crate) fn project(files: &[(&str, &str)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (path, text) in files {
        if engine::wants(path) {
            snapshot.add_file(SourceFile { path: (*path).to_owned(), text: (*text).to_owned() });
        } else {
            snapshot.add_entry(path, EntryKind::File);
        }
    }
    snapshot
}

/// The same project with every text changed.
pub(crate) fn map(snapshot: &Snapshot, change: &dyn Fn(&str) -> String) -> Snapshot {
    snapshot.files().fold(snapshot.clone(), |next, (id, file)| next.with_text(id, change(&file.text)))
}

/// The same project with every text changed; of a text that a fix made, its newlines only: a new file has neither a mark
/// nor an open end.
pub(crate) fn map_fixed(fixed: &Snapshot, bad: &Snapshot, change: &dyn Fn(&str) -> String) -> Snapshot {
    let newlines = |text: &str| if change("\n") == "\r\n" { change(text) } else { text.to_owned() };
    fixed.files().fold(fixed.clone(), |next, (id, file)| {
        let made = bad.find(&file.path).is_none();
        next.with_text(id, if made { newlines(&file.text) } else { change(&file.text) })
    })
}

/// A change of a text.
type Change = fn(&str) -> String;

/// How files come out of other editors.
pub(crate) const VARIANTS: &[(&str, Change)] = &[
    ("CRLF", |text| text.replace('\n', "\r\n")),
    ("BOM", |text| format!("\u{feff}{text}")),
    ("no last newline", |text| text.strip_suffix('\n').unwrap_or(text).to_owned()),
];

/// The paths and texts of a project, for comparing.
pub(crate) fn texts(snapshot: &Snapshot) -> Vec<(String, String)> {
    let mut all: Vec<_> = snapshot.files().map(|(_, f)| (f.path.clone(), f.text.clone())).collect();
    // What a fix made stands last in its snapshot.
    all.sort();
    all
}
