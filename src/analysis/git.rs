//! Which paths git ignores, whether they lie on the disk or not.

use std::{collections::BTreeMap, sync::OnceLock};

use super::paths;
use crate::{
    model::kind::FileKind,
    syntax::gitignore::{GitPatterns, Says},
    text::Snapshot,
};

/// The `.gitignore` files of a project, read when the first question comes.
#[derive(Debug, Default)]
pub struct GitIgnores {
    by_dir: OnceLock<BTreeMap<String, Vec<GitPatterns>>>,
}

impl GitIgnores {
    /// Whether git ignores the path of the project: it, or a folder above it.
    pub fn ignores(&self, snapshot: &Snapshot, path: &str) -> bool {
        let by_dir = self.by_dir.get_or_init(|| read(snapshot));
        if by_dir.is_empty() || path.is_empty() {
            return false;
        }
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.map(|end| (&path[..end], true))
            .chain([(path, true), (path, false)])
            .any(|(path, is_dir)| says(by_dir, path, is_dir) == Says::Ignore)
    }
}

/// The nearest file that says something decides.
fn says(by_dir: &BTreeMap<String, Vec<GitPatterns>>, path: &str, is_dir: bool) -> Says {
    let mut dir = path;
    while !dir.is_empty() {
        dir = paths::parent(dir);
        let inside = paths::below(dir, path).unwrap_or(path);
        let said = by_dir.get(dir).into_iter().flatten().map(|patterns| patterns.says(inside, is_dir));
        if let Some(said) = said.into_iter().find(|said| *said != Says::Nothing) {
            return said;
        }
    }
    Says::Nothing
}

fn read(snapshot: &Snapshot) -> BTreeMap<String, Vec<GitPatterns>> {
    let mut by_dir: BTreeMap<String, Vec<GitPatterns>> = BTreeMap::new();
    let files = snapshot.files().filter(|(_, file)| FileKind::of(&file.path) == Some(FileKind::Gitignore));
    for (_, file) in files {
        // `.git/info/exclude` holds for the whole checkout, after the `.gitignore` beside `.git`.
        let dir = file
            .path
            .strip_suffix(".git/info/exclude")
            .map_or_else(|| paths::parent(&file.path), |d| d.trim_end_matches('/'));
        let own = by_dir.entry(dir.to_owned()).or_default();
        let at = if file.path.ends_with(".gitignore") { 0 } else { own.len() };
        own.insert(at, GitPatterns::parse(&file.text));
    }
    by_dir
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::SourceFile;

    #[test]
    fn the_nearest_file_decides_and_folders_take_all_with_them() {
        let mut snapshot = Snapshot::default();
        for (path, text) in [
            (".gitignore", "/dist\n*.log\nbuild/\n!keep.log\nbin/*\n!bin/run.sh\n"),
            ("web/.gitignore", "\u{feff}!*.log\r\ndist\r\n"),
            (".git/info/exclude", "/mine\nkeep.log\n"),
        ] {
            snapshot.add_file(SourceFile { path: path.into(), text: text.into() });
        }
        let git = GitIgnores::default();
        for (path, ignored) in [
            ("dist", true),
            ("dist/app.js", true),
            ("web/dist/app.js", true),
            ("api/dist", false),
            ("a.log", true),
            ("web/a.log", false),
            ("keep.log", false),
            ("web/build/x", true),
            ("bin/server", true),
            ("bin/run.sh", false),
            ("mine/x", true),
            ("web/mine", false),
            ("src", false),
            ("", false),
        ] {
            assert_eq!(git.ignores(&snapshot, path), ignored, "{path}");
        }
    }
}
