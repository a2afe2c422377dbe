//! One context on one engine: what its image holds, and what the model says that it holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use unstale::{
    analysis::{
        self, Facts,
        links::Service,
        route::{Verdict, in_image},
    },
    engine as rules_engine, project,
    text::Snapshot,
};

use crate::support::{Builder, Engine, Ran};

/// A folder of its own on an engine; nothing of it stays.
pub(super) struct Bench {
    engine: Engine,
    builder: Builder,
    folder: tempfile::TempDir,
    _claim: File,
}

/// How model and engine compare, in files of images.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) agree: usize,
    pub(super) unknown: usize,
    pub(super) disagree: Vec<String>,
}

/// What lies at a path of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lies {
    File(Vec<u8>),
    Link(PathBuf),
}

impl Bench {
    pub(super) fn new(engine: Engine, builder: Builder) -> Self {
        let claim = engine.claim();
        let folder = tempfile::Builder::new()
            .prefix(&format!("{}-", engine.name))
            .tempdir_in(&engine.scratch)
            .expect("the scratch folder can be written");
        fs::create_dir(folder.path().join("context")).unwrap();
        Self { engine, builder, folder, _claim: claim }
    }

    /// Whether it is BuildKit in an engine whose client has patternmatcher.
    pub(super) fn is_new(&self) -> bool {
        self.builder == Builder::BuildKit && self.engine.name != "e20"
    }

    /// The folder that is built.
    pub(super) fn context(&self) -> PathBuf {
        self.folder.path().join("context")
    }

    /// Runs docker on the engine.
    pub(super) fn docker(&self, args: &[&str]) -> Ran {
        let mut docker = Command::new(self.engine.bin.join("docker"));
        Ran::new(docker.args(args).envs(self.builder.env()))
    }

    /// A folder beside it.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Builds the context with this Dockerfile and compares the image with what the model says of every file.
    pub(super) fn compare(&self, dockerfile: &str) -> Said {
        self.try_compare(dockerfile).unwrap_or_else(|error| panic!("{error}\n{dockerfile}"))
    }

    /// As [`Self::compare`]; what the engine says if it refuses the build.
    pub(super) fn try_compare(&self, dockerfile: &str) -> Result<Said, String> {
        fs::write(self.context().join("Dockerfile"), dockerfile).unwrap();
        fs::write(self.context().join("compose.yaml"), "services: {web: {build: .}}\n").unwrap();
        let project = read(&self.context());
        let facts = Facts::new(&project);
        let image = self.image(&self.context(), &[])?;
        let mut said = Said::default();
        judge(&facts, &facts.services[0], &self.context(), &image, &mut said);
        Ok(said)
    }

    /// The files of the image that this folder builds, by absolute path.
    pub(super) fn image(&self, context: &Path, args: &[&str]) -> Result<BTreeMap<String, Lies>, String> {
        let tag = format!("unstale-context:{}", std::process::id());
        let folder = context.display().to_string();
        let line = [&["build", "--quiet", "--tag", &tag], args, &[&folder]].concat();
        let built = self.docker(&line);
        if built.code != 0 {
            return Err(built.stderr);
        }
        let docker = |args: &[&str]| self.docker(args).ok();
        let container = docker(&["create", &tag, "true"]);
        let (archive, out) = (self.beside("image.tar"), self.beside("image"));
        docker(&["export", "--output", &archive.display().to_string(), &container]);
        docker(&["rm", &container]);
        docker(&["image", "rm", &tag]);
        let _ = fs::remove_dir_all(&out);
        fs::create_dir(&out).unwrap();
        let mut tar = Command::new("tar");
        tar.args(["--no-same-owner", "--exclude=dev", "-xf"]).arg(&archive).arg("-C").arg(&out);
        Ran::new(&mut tar).ok();
        let mut files = BTreeMap::new();
        list(&out, &out, &mut files);
        // What the engine itself puts into every container.
        for own in ["/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf"] {
            files.remove(own);
        }
        Ok(files)
    }
}

fn list(root: &Path, folder: &Path, files: &mut BTreeMap<String, Lies>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = format!("/{}", path.strip_prefix(root).unwrap().display());
        if kind.is_dir() {
            list(root, &path, files);
        } else if kind.is_symlink() {
            files.insert(name, Lies::Link(fs::read_link(&path).unwrap()));
        } else if kind.is_file() {
            files.insert(name, Lies::File(fs::read(&path).unwrap()));
        }
    }
}

/// A folder as the command line reads it.
pub(super) fn read(root: &Path) -> Snapshot {
    project::read(
        root,
        project::Wanted { wants: &rules_engine::wants, keeps: &rules_engine::keeps, more: &analysis::wanted },
    )
    .expect("it can be read")
    .snapshot
}

/// Compares every file of the image with the routes of every file of the project.
pub(super) fn judge(
    facts: &Facts<'_>,
    service: &Service,
    root: &Path,
    image: &BTreeMap<String, Lies>,
    said: &mut Said,
) {
    let mut predicted: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut open: Vec<&str> = Vec::new();
    // From the disk: what git tracks although a `.gitignore` names it is not in the listing.
    let mut files = BTreeMap::new();
    list(root, root, &mut files);
    let files: Vec<String> = files.into_keys().map(|path| path[1..].to_owned()).collect();
    for path in files.iter().map(String::as_str).filter(|path| !path.starts_with(".git/")) {
        let found = in_image(facts, service, path);
        match found.verdict {
            Verdict::Unknown => open.push(path),
            Verdict::Reaches => {
                for place in found.container_paths {
                    predicted.entry(place).or_default().push(path);
                }
            }
            _ => {}
        }
    }
    let unknown: BTreeSet<Vec<u8>> = open.iter().filter_map(|p| fs::read(root.join(p)).ok()).collect();
    said.unknown += open.len();
    for (place, sources) in &predicted {
        match image.get(place) {
            Some(lies) if sources.iter().any(|source| is_same(root, source, lies)) => said.agree += 1,
            Some(_) => said.disagree.push(format!("{place} is not {sources:?}")),
            None => said.disagree.push(format!("{place} ({sources:?}) is not there")),
        }
    }
    for (place, lies) in image.iter().filter(|(place, _)| !predicted.contains_key(*place)) {
        match lies {
            Lies::File(bytes) if unknown.contains(bytes) => {}
            Lies::Link(_) if !open.is_empty() => {}
            _ => said.disagree.push(format!("{place} is there, and nothing says so")),
        }
    }
}

/// Whether a file, or what a link leads to, or the link itself, lies there.
fn is_same(root: &Path, source: &str, lies: &Lies) -> bool {
    let at = root.join(source);
    match lies {
        Lies::Link(target) => fs::read_link(at).is_ok_and(|own| own == *target),
        Lies::File(bytes) => match fs::read_link(&at) {
            // Absolute links start from the context.
            Ok(target) if target.is_absolute() => {
                fs::read(root.join(target.strip_prefix("/").unwrap())).is_ok_and(|own| own == *bytes)
            }
            _ => fs::read(at).is_ok_and(|own| own == *bytes),
        },
    }
}
