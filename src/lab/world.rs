//! What a run of the lab makes, and how all of it goes again: by the run's own label and the projects' own names.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    Stop,
    engine::{At, Engine, Ran},
    files,
    scenario::Builder,
};
use crate::{deploy::nonce, project};

/// The label of everything that comes from the lab's base image; its value is the run's name.
pub(super) const LABEL: &str = "unstale.lab";
/// Asks for the volumes of a container.
const VOLUMES: &str = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{println .Name}}{{end}}{{end}}";
/// The program that becomes the base image.
const BUSYBOX: &str = "/bin/busybox";

/// One run.
#[derive(Debug)]
pub(super) struct World {
    pub(super) engine: Engine,
    /// `unstale-lab-<random>`: the name of the folder, the label's value, and the start of every other name.
    pub(super) name: String,
    pub(super) folder: PathBuf,
    builder: Builder,
    /// How many projects there were; each has the number in its name.
    cells: usize,
    /// The volumes that its containers had; anonymous ones outlive their containers.
    volumes: BTreeSet<String>,
    /// Whether the engine mounts folders of this machine, once it was tried.
    mounts: Option<bool>,
    left: Vec<String>,
}

impl World {
    /// A run with a folder, and nothing on the engine yet.
    ///
    /// # Errors
    /// Why there is no folder.
    pub(super) fn new(engine: Engine, builder: Builder) -> Result<Self, String> {
        let nonce = nonce();
        let name = format!("unstale-lab-{}", &nonce[nonce.len() - 10..]);
        let folder = std::env::temp_dir().join(&name);
        files::folder(&folder).map_err(|e| format!("`{}` cannot be made: {e}", folder.display()))?;
        Ok(Self {
            engine,
            name,
            folder,
            builder,
            cells: 0,
            volumes: BTreeSet::new(),
            mounts: None,
            left: Vec::new(),
        })
    }

    /// The tag of the base image.
    pub(super) fn base(&self) -> String {
        format!("{}-base", self.name)
    }

    /// Makes the base image, and sees that it has a shell.
    pub(super) fn prepare(&mut self, base: Option<&str>) -> Result<(), Stop> {
        let folder = self.folder.join("base");
        files::folder(&folder)?;
        let label = format!("LABEL {LABEL}={}\n", self.name);
        let dockerfile =
            if let Some(image) = base { self.of_image(image, &label)? } else { of_busybox(&folder, &label)? };
        // A shell or a sleep as process 1 ignores TERM, and every stop would take ten seconds.
        let dockerfile = format!("{dockerfile}STOPSIGNAL SIGKILL\nCMD [\"sleep\", \"3600\"]\n");
        project::create(&folder, &[("Dockerfile", &dockerfile)]).map_err(Stop::Failed)?;
        let tag = self.base();
        let mut last = self.run(&["docker", "build", "--tag", &tag, &folder.display().to_string()])?;
        if last.code == 0 {
            last =
                self.run(&["docker", "run", "--rm", "--network", "none", &tag, "sh", "-c", "cat /dev/null"])?;
        }
        if last.code == 0 {
            return Ok(());
        }
        let (what, must) = base.map_or((BUSYBOX, " (it must be static)"), |image| (image, ""));
        Err(Stop::Failed(format!(
            "`{what}`{must} gives no base image with a shell: {}; `--base IMAGE` takes another local image",
            last.last_word()
        )))
    }

    /// What makes the base image of one that is there.
    fn of_image(&self, image: &str, label: &str) -> Result<String, Stop> {
        if self.run(&["docker", "image", "inspect", image])?.code == 0 {
            return Ok(format!("FROM {image}\n{label}USER 0\nENTRYPOINT []\n"));
        }
        Err(Stop::Failed(format!("the image `{image}` is not on this engine, and the lab pulls nothing")))
    }

    fn at(&self) -> At<'_> {
        At { folder: &self.folder, project: &self.name, builder: self.builder }
    }

    fn run(&self, words: &[&str]) -> Result<Ran, Stop> {
        self.engine.run(self.at(), words)
    }

    /// The project of the next cell.
    pub(super) fn next_project(&mut self) -> String {
        self.cells += 1;
        self.project()
    }

    /// Whether containers see the folders of this machine: an engine behind a socket to elsewhere does not.
    pub(super) fn mounts_folders(&mut self) -> Result<bool, Stop> {
        if let Some(known) = self.mounts {
            return Ok(known);
        }
        let mount = format!("{}:/probe", self.folder.join("base").display());
        let tag = self.base();
        let test =
            ["docker", "run", "--rm", "--network", "none", "-v", &mount, &tag, "cat", "/probe/Dockerfile"];
        let works = self.run(&test)?.code == 0;
        self.mounts = Some(works);
        Ok(works)
    }

    /// Notes the volumes of the run's containers: one that loses its container cannot be told from others any more.
    pub(super) fn note_volumes(&mut self) -> Result<(), Stop> {
        let containers =
            self.run(&["docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", &self.label()])?;
        let ids: Vec<&str> = containers.stdout.lines().collect();
        if !ids.is_empty() {
            let asked = self.run(&[&["docker", "inspect", "--format", VOLUMES], &ids[..]].concat())?;
            self.volumes.extend(asked.stdout.lines().filter(|l| !l.is_empty()).map(str::to_owned));
        }
        Ok(())
    }

    fn label(&self) -> String {
        format!("label={LABEL}={}", self.name)
    }

    /// Runs what removes or lists for removal; what goes wrong is kept for the report.
    fn removing(&mut self, words: &[&str]) -> Vec<String> {
        match self.engine.remove(self.at(), words) {
            Ok(ran) => {
                if ran.code != 0 {
                    self.left.push(format!(
                        "`{}`: {}",
                        words[..3.min(words.len())].join(" "),
                        ran.last_word()
                    ));
                }
                ran.stdout.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
            }
            Err(why) => {
                self.left.push(format!("`docker` does not start: {why}"));
                Vec::new()
            }
        }
    }

    /// Removes these, if there are any.
    fn remove(&mut self, words: &[&str], names: &[String]) {
        if !names.is_empty() {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.removing(&[words, &names[..]].concat());
        }
    }

    /// Removes the run's containers, and the project's networks and volumes.
    pub(super) fn clear(&mut self, project: &str) {
        let label = self.label();
        let containers =
            self.removing(&["docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", &label]);
        if !containers.is_empty() {
            let ids: Vec<&str> = containers.iter().map(String::as_str).collect();
            let volumes = self.removing(&[&["docker", "inspect", "--format", VOLUMES], &ids[..]].concat());
            self.volumes.extend(volumes);
            self.remove(&["docker", "rm", "--force", "--volumes"], &containers);
        }
        let project = format!("label=com.docker.compose.project={project}");
        let networks = self.removing(&["docker", "network", "ls", "--quiet", "--filter", &project]);
        self.remove(&["docker", "network", "rm"], &networks);
        let named = self.removing(&["docker", "volume", "ls", "--quiet", "--filter", &project]);
        self.volumes.extend(named);
        let volumes: Vec<String> = std::mem::take(&mut self.volumes).into_iter().collect();
        // Those that went with their containers are no failure: that is what the `--force` of this command means.
        self.remove(&["docker", "volume", "rm", "--force"], &volumes);
    }

    /// Removes the images of the run: rebuilt ones have lost the tag that would tell whose they are, not the label.
    fn clear_images(&mut self) {
        let label = self.label();
        let list = ["docker", "image", "ls", "--all", "--quiet", "--no-trunc", "--filter", &label];
        let mut before = usize::MAX;
        loop {
            let mut images = self.removing(&list);
            let mut seen = BTreeSet::new();
            images.retain(|image| seen.insert(image.clone()));
            if images.is_empty() {
                return;
            }
            if images.len() >= before {
                self.left.push(format!("{} images with the label {LABEL}={}", images.len(), self.name));
                return;
            }
            before = images.len();
            let ids: Vec<&str> = images.iter().map(String::as_str).collect();
            // A parent goes when its children are gone: in the next round.
            let _ =
                self.engine.remove(self.at(), &[&["docker", "image", "rm", "--force"], &ids[..]].concat());
        }
    }

    /// Removes everything; returns what could not be removed, and the folder if it stays.
    pub(super) fn end(mut self, keep: bool) -> (Vec<String>, Option<PathBuf>) {
        self.clear_all();
        if keep {
            return (std::mem::take(&mut self.left), Some(self.folder.clone()));
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            self.left.push(format!("`{}`: {error}", self.folder.display()));
        }
        (std::mem::take(&mut self.left), None)
    }

    fn clear_all(&mut self) {
        let last = self.project();
        self.clear(&last);
        self.clear_images();
    }

    /// The project of the cell that runs, or ran last.
    fn project(&self) -> String {
        format!("{}-{}", self.name, self.cells)
    }
}

/// What makes the base image of this machine's busybox.
fn of_busybox(folder: &Path, label: &str) -> Result<String, Stop> {
    let from = Path::new(BUSYBOX);
    if !project::is_there(from) {
        return Err(Stop::Failed(format!(
            "the lab needs a base image: `{BUSYBOX}` is not there (a static one, as of the package busybox-static); or name a local image with a POSIX shell: `--base IMAGE`"
        )));
    }
    files::copy(from, &folder.join("busybox"))?;
    // The label first: every image on the way has it.
    let install = "RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]";
    let folders = "RUN [\"/bin/busybox\", \"mkdir\", \"-p\", \"/tmp\"]";
    Ok(format!("FROM scratch\n{label}COPY busybox /bin/busybox\n{install}\n{folders}\nENV PATH=/bin\n"))
}
