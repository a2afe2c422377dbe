//! The build context: which files a COPY can see, and where it puts them.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{
    paths,
    stages::{CopyFacts, DestDir},
    vars::Val,
};
use crate::{
    model::kind::FileKind,
    syntax::{SyntaxError, dockerignore::Patterns},
    text::{EntryKind, FileId, Snapshot, Span},
};

/// Links that lead to links are followed this often, as by Linux.
const MAX_LINKS: usize = 40;

/// A build context that lies in the project.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its folder, from the project's root.
    pub dir: String,
    /// The ignore file that applies.
    pub ignore: Option<Ignore>,
    links: OnceLock<Arc<[String]>>,
}

/// An ignore file.
#[derive(Debug, Clone)]
pub struct Ignore {
    /// The file.
    pub file: FileId,
    /// Its patterns.
    pub patterns: Arc<Patterns>,
}

/// Every ignore file of a snapshot, read once: many contexts share one, and its patterns are costly to make.
#[derive(Debug, Clone, Default)]
pub struct Ignores {
    all: BTreeMap<FileId, Arc<Patterns>>,
    /// What Docker refuses in them.
    pub errors: Vec<(FileId, SyntaxError)>,
}

impl Ignores {
    /// Reads them.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut ignores = Self::default();
        let files = snapshot.files().filter(|(_, f)| FileKind::of(&f.path) == Some(FileKind::Dockerignore));
        for (id, file) in files {
            let (patterns, errors) = Patterns::parse(&file.text);
            ignores.all.insert(id, Arc::new(patterns));
            ignores.errors.extend(errors.into_iter().map(|error| (id, error)));
        }
        ignores
    }

    /// The patterns of one of them.
    pub fn patterns(&self, file: FileId) -> Option<&Patterns> {
        self.all.get(&file).map(AsRef::as_ref)
    }
}

impl Context {
    /// The context `dir` as a build of the Dockerfile at `dockerfile` sees it: `<Dockerfile>.dockerignore` wins over
    /// `.dockerignore` of the context (<https://docs.docker.com/build/concepts/context/#filename-and-location>).
    pub fn new(snapshot: &Snapshot, ignores: &Ignores, dir: &str, dockerfile: &str) -> Self {
        let own = snapshot.find(&format!("{dockerfile}.dockerignore"));
        let file = own.or_else(|| snapshot.find(&paths::join(dir, ".dockerignore")));
        let ignore =
            file.and_then(|file| Some(Ignore { file, patterns: Arc::clone(ignores.all.get(&file)?) }));
        Self { dir: dir.to_owned(), ignore, links: OnceLock::new() }
    }

    /// A repository path as seen from the context; `None` if it lies outside.
    pub fn relative<'a>(&self, path: &'a str) -> Option<&'a str> {
        paths::below(&self.dir, path).filter(|rest| !rest.is_empty())
    }

    /// The pattern that keeps a path of the context out of the build.
    pub fn ignored(&self, path: &str) -> Option<(FileId, Span)> {
        let ignore = self.ignore.as_ref()?;
        if !ignore.patterns.is_ignored(path) {
            return None;
        }
        Some((ignore.file, ignore.patterns.decide(path)?.span))
    }

    /// What the path of the context is, if it is known to exist.
    pub fn kind(&self, snapshot: &Snapshot, path: &str) -> Option<EntryKind> {
        snapshot.entry(&paths::join(&self.dir, path))
    }

    /// The links that lie in the context and are sent to the builder, as paths of the context.
    pub fn links(&self, snapshot: &Snapshot) -> &[String] {
        self.links.get_or_init(|| {
            let inside = snapshot.links().filter_map(|(path, _)| self.relative(path));
            inside.filter(|path| self.ignored(path).is_none()).map(str::to_owned).collect()
        })
    }

    /// Where a path of the context leads when links are followed, the context's folder being the root of all of them;
    /// `None` for a circle.
    pub fn resolve(&self, snapshot: &Snapshot, path: &str) -> Option<String> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let mut ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            let found =
                ends.find_map(|end| Some((end, snapshot.link(&paths::join(&self.dir, &path[..end]))?)));
            let Some((end, target)) = found else { return Some(path) };
            let from = if target.starts_with('/') { "" } else { paths::parent(&path[..end]) };
            path = anchor(&format!("{from}/{target}/{}", &path[end..]));
        }
        None
    }

    /// Whether the context is known to hold a file at or below the path (of the context), that is not ignored.
    pub fn holds(&self, snapshot: &Snapshot, path: &str) -> bool {
        let at = paths::join(&self.dir, path);
        let seen = |path: &str| self.relative(path).is_some_and(|p| self.ignored(p).is_none());
        match snapshot.entry(&at) {
            Some(EntryKind::File) => seen(&at),
            Some(EntryKind::Dir) => snapshot.below(&at).any(|(p, kind)| kind == EntryKind::File && seen(p)),
            _ => false,
        }
    }
}

/// Where a COPY puts one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lands {
    /// It does not take the file.
    No,
    /// At these absolute paths.
    At(Vec<String>),
    /// It may take it, or to a place that is not known.
    Unknown,
}

/// Where the COPY puts the file at `path` (of the context, or absolute in another stage), by names alone: links are
/// not followed.
pub fn lands(copy: &CopyFacts, path: &str) -> Lands {
    Landing { copy, dest_dir: copy.dest_dir, links: None }.at(path)
}

/// As [`lands`], for a COPY from a context whose links are known.
pub fn lands_in(
    snapshot: &Snapshot,
    context: &Context,
    copy: &CopyFacts,
    dest_dir: DestDir,
    path: &str,
) -> Lands {
    let links = context.links(snapshot);
    Landing { copy, dest_dir, links: (!links.is_empty()).then_some((snapshot, context, links)) }.at(path)
}

struct Landing<'a> {
    copy: &'a CopyFacts,
    dest_dir: DestDir,
    /// The links of the context, if it has any.
    links: Option<(&'a Snapshot, &'a Context, &'a [String])>,
}

impl Landing<'_> {
    fn at(&self, path: &str) -> Lands {
        let mut at = Vec::new();
        for source in &self.copy.sources {
            let Some(source) = source.known() else { return Lands::Unknown };
            if is_url(source) {
                continue;
            }
            if self.copy.parents {
                match self.with_parents(source, path) {
                    Lands::At(found) => at.extend(found),
                    Lands::No => {}
                    Lands::Unknown => return Lands::Unknown,
                }
                continue;
            }
            for (name, rest) in self.matches(source, path) {
                match self.place(&name, &rest, path) {
                    Lands::At(found) => at.extend(found),
                    Lands::No => {}
                    Lands::Unknown => return Lands::Unknown,
                }
            }
        }
        if at.is_empty() { Lands::No } else { Lands::At(at) }
    }

    /// Every way in which the source takes the file, each with the base name of what the source names.
    fn matches(&self, source: &str, path: &str) -> Vec<(String, Rest)> {
        let (pattern, path) = (anchor(source), anchor(path));
        if !is_glob(&pattern) {
            return self.named(&pattern, &path).into_iter().collect();
        }
        // BuildKit follows links in the folders above the pattern; the classic builder finds nothing there and fails.
        let first =
            pattern.split('/').take_while(|part| !is_glob(part)).map(|part| part.len() + 1).sum::<usize>();
        let pattern = match &self.links {
            Some((snapshot, context, _)) if first > 0 => {
                match context.resolve(snapshot, &pattern[..first - 1]) {
                    Some(folder) => format!("{folder}/{}", &pattern[first..]),
                    None => return Vec::new(),
                }
            }
            _ => pattern,
        };
        let mut all = Vec::new();
        let own = glob_rest(&pattern, &path);
        let is_link = matches!(&self.links, Some((_, _, links)) if links.contains(&path));
        // A link that the pattern names is followed; one in a folder that it names stays a link.
        if own != Rest::No && !(is_link && own == Rest::Itself) {
            all.push((paths::base_name(&path).to_owned(), own));
        }
        if let Some((_, _, links)) = &self.links {
            all.extend(
                links.iter().filter(|link| glob(&pattern, link)).filter_map(|link| self.named(link, &path)),
            );
        }
        all
    }

    /// A source without wildcards: if it is a link, what it leads to is taken, under the link's own name (measured on
    /// engines 20.10 and 26.1, both builders). A link inside of a folder is copied as a link.
    fn named(&self, source: &str, path: &str) -> Option<(String, Rest)> {
        let name = paths::base_name(source).to_owned();
        let Some((snapshot, context, _)) = &self.links else {
            return Some((name, rest(source, path))).filter(|(_, r)| *r != Rest::No);
        };
        let leads = context.resolve(snapshot, source)?;
        if path == source && leads != source {
            let is_file = context.kind(snapshot, &leads) == Some(EntryKind::File);
            return is_file.then_some((name, Rest::Itself));
        }
        Some((name, rest(&leads, path))).filter(|(_, r)| *r != Rest::No)
    }

    fn place(&self, name: &str, rest: &Rest, path: &str) -> Lands {
        let own = match rest {
            Rest::No => return Lands::No,
            Rest::Itself => paths::base_name(path),
            Rest::Below(rest) => rest,
        };
        match excluded(self.copy, path, own) {
            Some(true) => return Lands::No,
            Some(false) => {}
            None => return Lands::Unknown,
        }
        let Some(dest) = self.copy.dest.known() else { return Lands::Unknown };
        Lands::At(vec![match rest {
            Rest::Below(rest) => paths::join(dest, rest),
            _ if self.copy.is_add && is_archive(path) => return Lands::Unknown,
            _ => match self.dest_dir {
                DestDir::Yes => paths::join(dest, name),
                DestDir::NotKnown => dest.to_owned(),
                DestDir::Depends if paths::base_name(dest) == name => dest.to_owned(),
                DestDir::Depends => return Lands::Unknown,
            },
        }])
    }

    /// `--parents`: below the destination come the file's folders, from the context or from behind `/./`
    /// (<https://docs.docker.com/reference/dockerfile/#copy---parents>).
    fn with_parents(&self, source: &str, path: &str) -> Lands {
        let (base, pattern) = match source.split_once("/./") {
            Some((base, pattern)) => (anchor(base), anchor(pattern)),
            None => (String::new(), anchor(source)),
        };
        let Some(dest) = self.copy.dest.known() else { return Lands::Unknown };
        let path = anchor(path);
        if is_glob(&base) || pattern.starts_with(['!', '#']) {
            return Lands::Unknown;
        }
        let Some(inner) = paths::below(&base, &path) else { return Lands::No };
        // Here `**` crosses folders, as in an ignore file.
        let takes = pattern.is_empty() || Patterns::parse(&pattern).0.is_ignored(inner);
        if !takes {
            return Lands::No;
        }
        match excluded(self.copy, &path, inner) {
            Some(true) => Lands::No,
            Some(false) => Lands::At(vec![paths::join(dest, inner)]),
            None => Lands::Unknown,
        }
    }
}

/// Whether `--exclude` keeps the file out; `None` where it depends on what its patterns start from.
fn excluded(copy: &CopyFacts, path: &str, below_source: &str) -> Option<bool> {
    if copy.excludes.is_empty() {
        return Some(false);
    }
    let text: Vec<&str> = copy.excludes.iter().map(Val::known).collect::<Option<_>>()?;
    let patterns = Patterns::parse(&text.join("\n")).0;
    let whole = patterns.is_ignored(&anchor(path));
    (patterns.is_ignored(below_source) == whole).then_some(whole)
}

/// Which path of the context, or of another stage, a COPY may put at `place` (absolute, in the image): the reverse of
/// [`lands`], which has the last word.
pub fn fills_from(copy: &CopyFacts, place: &str) -> Vec<String> {
    let Some(below) = copy.dest.known().and_then(|dest| paths::below(dest, place)) else { return Vec::new() };
    let sources = copy.sources.iter().filter_map(Val::known).filter(|s| !is_url(s));
    let mut all: Vec<String> = Vec::new();
    for source in sources {
        if copy.parents {
            let base = source.split_once("/./").map_or("", |(base, _)| base);
            all.push(paths::join(&anchor(base), below));
            continue;
        }
        let source = anchor(source);
        if is_glob(&source) {
            let dir = paths::parent(&source);
            if !is_glob(dir) {
                all.push(paths::join(dir, below));
            }
        } else if below == paths::base_name(&source) {
            all.push(source.clone());
            all.push(paths::join(&source, below));
        } else {
            all.push(paths::join(&source, below));
        }
    }
    all
}

/// Whether a source of the COPY names the file itself: its path, or a pattern of more than wildcards (`package*.json`).
pub fn names(copy: &CopyFacts, file: &str) -> bool {
    copy.sources.iter().filter_map(Val::known).any(|source| {
        let last = paths::base_name(source);
        !last.chars().all(|c| "*?.".contains(c)) && rest(source, file) == Rest::Itself
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rest {
    No,
    /// The source is the file itself.
    Itself,
    /// The source is a folder above the file.
    Below(String),
}

/// A COPY source without its leading `/` or `./`: `..` above the context is dropped, as the engine does.
/// A path of another stage stays absolute through the same rule applied to both sides.
fn anchor(source: &str) -> String {
    paths::clean(&format!("/{source}"))[1..].to_owned()
}

fn rest(source: &str, path: &str) -> Rest {
    let (source, path) = (anchor(source), anchor(path));
    if is_glob(&source) {
        return glob_rest(&source, &path);
    }
    match paths::below(&source, &path) {
        None => Rest::No,
        Some("") => Rest::Itself,
        Some(rest) => Rest::Below(rest.to_owned()),
    }
}

/// A pattern may name the file or any folder above it.
fn glob_rest(pattern: &str, path: &str) -> Rest {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for end in ends {
        if glob(pattern, &path[..end]) {
            return if end == path.len() { Rest::Itself } else { Rest::Below(path[end + 1..].to_owned()) };
        }
    }
    Rest::No
}

/// Whether the source is a pattern of Go's `filepath.Match`.
pub fn is_glob(source: &str) -> bool {
    source.contains(['*', '?', '['])
}

/// Whether ADD fetches the source.
pub fn is_url(source: &str) -> bool {
    source.contains("://") || source.starts_with("git@")
}

/// Archives that ADD unpacks (<https://docs.docker.com/reference/dockerfile/#adding-local-tar-archives>).
fn is_archive(path: &str) -> bool {
    [".tar", ".tgz", ".tbz2", ".txz", ".tzst", ".gz", ".bz2", ".xz", ".zst"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

/// Go's `filepath.Match`: `*` and `?` do not cross `/`; `[a-z]`, `[^a]` and `\x` as there. A broken pattern matches
/// nothing. Linear in pattern times text.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut pi, mut ti) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while ti < t.len() {
        match one(&p, pi, t[ti]) {
            Some(next) => {
                pi = next;
                ti += 1;
            }
            None if p.get(pi) == Some(&'*') => {
                star = Some((pi + 1, ti));
                pi += 1;
            }
            None => match star {
                Some((after, from)) if t[from] != '/' => {
                    star = Some((after, from + 1));
                    (pi, ti) = (after, from + 1);
                }
                _ => return false,
            },
        }
    }
    p[pi..].iter().all(|&c| c == '*')
}

/// Matches one character at `pi`; gives the place after it in the pattern.
fn one(p: &[char], pi: usize, c: char) -> Option<usize> {
    match *p.get(pi)? {
        '*' => None,
        '?' => (c != '/').then_some(pi + 1),
        '\\' => (p.get(pi + 1) == Some(&c)).then_some(pi + 2),
        '[' => {
            let mut i = pi + 1;
            let negated = p.get(i) == Some(&'^');
            i += usize::from(negated);
            let mut found = false;
            let first = i;
            while i == first || p.get(i) != Some(&']') {
                let mut next = || {
                    i += usize::from(p.get(i) == Some(&'\\'));
                    i += 1;
                    p.get(i - 1).copied()
                };
                let low = next()?;
                let high = if p.get(i) == Some(&'-') {
                    i += 1;
                    *p.get(i)?
                } else {
                    low
                };
                if high != low {
                    i += 1;
                }
                found |= low <= c && c <= high;
            }
            (found != negated && c != '/').then_some(i + 1)
        }
        literal => (literal == c).then_some(pi + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(sources: &[&str], dest: &str, dir: DestDir) -> CopyFacts {
        CopyFacts {
            from: super::super::stages::CopyFrom::Context,
            sources: sources.iter().map(|s| Val::Known((*s).to_owned())).collect(),
            dest: Val::Known(dest.to_owned()),
            dest_dir: dir,
            is_add: false,
            parents: false,
            excludes: Vec::new(),
            heredocs: Vec::new(),
        }
    }

    #[test]
    fn a_copy_takes_files_folders_and_patterns() {
        let at = |c: &CopyFacts, path: &str| match lands(c, path) {
            Lands::At(paths) => paths.join(" "),
            Lands::No => "no".to_owned(),
            Lands::Unknown => "?".to_owned(),
        };
        let all = copy(&["."], "/app", DestDir::Yes);
        assert_eq!(at(&all, "a/b.py"), "/app/a/b.py");
        let folder = copy(&["./src/"], "/app/code", DestDir::NotKnown);
        assert_eq!(at(&folder, "src/x/y"), "/app/code/x/y");
        assert_eq!(at(&folder, "srcs/x"), "no");
        let file = copy(&["conf.ini"], "/etc/x.ini", DestDir::NotKnown);
        assert_eq!(at(&file, "conf.ini"), "/etc/x.ini");
        let several = copy(&["package*.json", "lib"], "/app", DestDir::Yes);
        assert_eq!(at(&several, "package-lock.json"), "/app/package-lock.json");
        assert_eq!(at(&several, "sub/package.json"), "no");
        assert_eq!(at(&several, "lib/a.js"), "/app/a.js");
        let above = copy(&[".."], "/app", DestDir::Yes);
        assert_eq!(at(&above, "x"), "/app/x");
    }

    #[test]
    fn globs_match_as_in_go() {
        for (pattern, text, expected) in [
            ("*.json", "a.json", true),
            ("*.json", "a/b.json", false),
            ("a*b*c", "axxbyyc", true),
            ("[a-c]x", "bx", true),
            ("[^a]x", "ax", false),
            ("?", "/", false),
            (r"\*", "*", true),
            ("[", "a", false),
            ("a[", "a", false),
            ("**/x", "a/x", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
