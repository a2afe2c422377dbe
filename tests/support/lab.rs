//! One test's world: a bare origin, a developer's clone, a server that is reached over ssh, and an engine on that server.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::engine::write_executable;
use super::sshd::{HOST, Sshd};
use super::{Builder, Engine, Ran};

/// Starts every compose project's name, so that a killed test's containers can be told from anyone else's.
const PREFIX: &str = "unstalelab";
/// The file in the lab's folder that lists the images that were there before it.
const IMAGES_BEFORE: &str = "images-before";

/// A live world for one test, alone on its engine; dropping it removes exactly what it made.
pub(crate) struct Lab {
    /// The engine of the server.
    pub(crate) engine: Engine,
    /// The builder that the server's environment chooses.
    pub(crate) builder: Builder,
    project: String,
    _sshd: Sshd,
    folder: tempfile::TempDir,
    // Last, so that the engine is free only when the rest is gone.
    _claim: File,
}

impl Lab {
    /// A lab with the incident's project, committed and pushed, cloned on both sides, not built yet.
    pub(crate) fn new(engine: Engine, builder: Builder) -> Self {
        Self::seeded(engine, builder, |_| {})
    }

    /// As [`Lab::new`], with the project as `change` leaves it before the first commit.
    pub(crate) fn seeded(engine: Engine, builder: Builder, change: impl FnOnce(&Path)) -> Self {
        let claim = engine.claim();
        remove_leftovers(&engine);
        let base = engine.base_image();
        let folder = tempfile::Builder::new()
            .prefix(&format!("{}-", engine.name))
            .rand_bytes(6)
            .tempdir_in(&engine.scratch)
            .expect("the scratch folder can be written");
        let at = |name: &str| folder.path().join(name);
        for name in ["home", "bin", "server-bin"] {
            fs::create_dir(at(name)).expect("the lab's folder can be written");
        }
        fs::write(
            at("home").join(".gitconfig"),
            "[user]\n\tname = Dev\n\temail = dev@example.com\n[init]\n\tdefaultBranch = main\n\
             [safe]\n\tdirectory = *\n[pull]\n\tff = only\n[core]\n\tfsync = none\n",
        )
        .expect("the lab's folder can be written");
        let home = at("home").display().to_string();
        let path = format!("{}:{}", at("server-bin").display(), server_path(&engine));
        let mut env = vec![("PATH", path.as_str()), ("HOME", home.as_str())];
        env.extend(builder.env());
        let sshd = Sshd::start(&at("ssh"), &env);
        // ssh asks the user database for the home folder, so $HOME does not lead it to a configuration.
        let shim = format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", sshd.client_config().display());
        write_executable(&at("bin").join("ssh"), shim.as_bytes());
        // What is meant for the server must not run on the developer's machine.
        for program in ["docker", "docker-compose"] {
            let shim =
                format!("#!/bin/sh\necho '{program}: not on the developer'\\''s machine' >&2\nexit 127\n");
            write_executable(&at("bin").join(program), shim.as_bytes());
        }
        let project = format!("{PREFIX}{}{}", engine.name, random(&folder));
        fs::write(at(IMAGES_BEFORE), images(&engine).ok()).expect("the lab's folder can be written");
        let lab = Self { engine, builder, project, _sshd: sshd, folder, _claim: claim };
        lab.seed(&base, change);
        lab
    }

    /// Another server: an sshd, a checkout and a project of its own, on the same engine.
    pub(crate) fn other_host(&self, name: &str) -> OtherHost<'_> {
        let at = |what: &str| self.folder.path().join(format!("{what}-{name}"));
        let origin = self.origin().display().to_string();
        let folder = at("server");
        let clone = ["clone", "--quiet", &origin, &folder.display().to_string()].map(str::to_owned);
        Ran::new(self.git_command(self.folder.path()).args(clone)).ok();
        let env = fs::read_to_string(self.server().join(".env")).expect("the server has it");
        let project = format!("{}{name}", self.project);
        fs::write(folder.join(".env"), env.replace(&self.project, &project)).expect("it can be written");
        let home = self.folder.path().join("home").display().to_string();
        let path = server_path(&self.engine);
        let mut env = vec![("PATH", path.as_str()), ("HOME", home.as_str())];
        env.extend(self.builder.env());
        let sshd = Sshd::named(name, &at("ssh"), &env);
        let config = self.folder.path().join("ssh/config");
        let both =
            [&config, &sshd.client_config()].map(|path| fs::read_to_string(path).expect("it was written"));
        fs::write(config, both.concat()).expect("the lab's folder can be written");
        OtherHost { lab: self, name: name.to_owned(), folder, project, _sshd: sshd }
    }

    fn seed(&self, base: &str, change: impl FnOnce(&Path)) {
        let origin = self.origin().display().to_string();
        Ran::new(self.git_command(self.folder.path()).args(["init", "--quiet", "--bare", &origin])).ok();
        Ran::new(self.git_command(self.folder.path()).args(["clone", "--quiet", &origin, "dev"])).ok();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/_projects/scichart/.");
        Ran::new(Command::new("cp").arg("-R").arg(fixture).arg(self.dev())).ok();
        // compose's second generation is a subcommand, the first a program of its own.
        self.edit("deploy.sh", |script| script.replace("docker compose", &self.engine.compose));
        change(&self.dev());
        self.commit_and_push("The dashboard");
        Ran::new(self.git_command(self.folder.path()).args(["clone", "--quiet", &origin, "server"])).ok();
        // As on a real server: what differs from machine to machine is in a file that git ignores.
        fs::write(
            self.server().join(".env"),
            format!("BASE_IMAGE={base}\nCOMPOSE_PROJECT_NAME={}\n", self.project),
        )
        .expect("the lab's folder can be written");
    }

    /// The bare repository that both clones know as `origin`.
    pub(crate) fn origin(&self) -> PathBuf {
        self.folder.path().join("origin.git")
    }

    /// The developer's checkout.
    pub(crate) fn dev(&self) -> PathBuf {
        self.folder.path().join("dev")
    }

    /// The checkout on the server, what `/opt/repo` is elsewhere.
    pub(crate) fn server(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// The lab's own folder; the other folders, `home` and `bin` are in it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The first folder of the server's PATH over ssh.
    pub(crate) fn server_bin(&self) -> PathBuf {
        self.folder.path().join("server-bin")
    }

    /// The compose project's name, unique to this lab.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// `program` as the developer runs it: in the checkout, with `ssh testhost` working, without Docker.
    pub(crate) fn in_dev(&self, program: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .current_dir(self.dev())
            .env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()))
            .env("HOME", self.folder.path().join("home"));
        command
    }

    /// `program` as a shell on the server would run it: in its checkout, with its engine and its builder.
    pub(crate) fn in_server(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.server())
            .env("PATH", server_path(&self.engine))
            .env("HOME", self.folder.path().join("home"))
            .envs(self.builder.env());
        command
    }

    /// Runs a shell script in the server's checkout, over ssh.
    pub(crate) fn ssh(&self, script: &str) -> Ran {
        let script = format!("cd {} || exit\n{script}", self.server().display());
        Ran::new(self.in_dev("ssh").args([HOST, &script]))
    }

    /// Runs compose in the server's checkout, over ssh, in the spelling of its engine.
    pub(crate) fn compose(&self, arguments: &str) -> Ran {
        self.ssh(&format!("{} {arguments}", self.engine.compose))
    }

    /// Runs the project's own `deploy.sh` on the server.
    pub(crate) fn deploy_naively(&self) -> Ran {
        self.ssh("./deploy.sh")
    }

    fn git_command(&self, folder: &Path) -> Command {
        let mut command = Command::new("git");
        command.current_dir(folder).env("HOME", self.folder.path().join("home"));
        command
    }

    /// Runs git in the developer's checkout.
    pub(crate) fn git(&self, args: &[&str]) -> Ran {
        Ran::new(self.git_command(&self.dev()).args(args))
    }

    /// Changes a file of the developer's checkout; nothing to change is a mistake of the test.
    pub(crate) fn edit(&self, file: &str, change: impl FnOnce(&str) -> String) {
        edit(&self.dev().join(file), change);
    }

    /// Commits all that is in the developer's checkout and pushes it; returns the commit.
    pub(crate) fn commit_and_push(&self, message: &str) -> String {
        self.git(&["add", "--all"]).ok();
        self.git(&["commit", "--quiet", "--message", message]).ok();
        self.git(&["push", "--quiet", "origin", "HEAD"]).ok();
        self.git(&["rev-parse", "HEAD"]).ok()
    }

    /// The incident's change, of equal size: the SciChart URL goes from `/v3/` to `/v4/`, committed and pushed.
    pub(crate) fn push_v4(&self) -> String {
        self.edit("frontend/templates/index.html", |page| page.replace("/v3/", "/v4/"));
        self.commit_and_push("SciChart 4")
    }

    /// The ids of the service's running containers.
    pub(crate) fn containers(&self, service: &str) -> Vec<String> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        let listed = self.engine.docker(&["ps", "--quiet", "--filter", &project, "--filter", &service]).ok();
        listed.lines().map(ToOwned::to_owned).collect()
    }

    /// Runs a program in the only container of `web`.
    #[track_caller]
    pub(crate) fn exec(&self, args: &[&str]) -> Ran {
        let containers = self.containers("web");
        assert_eq!(containers.len(), 1, "one running container of `web`");
        self.engine.docker(&[&["exec", &containers[0]], args].concat())
    }

    /// The page that the container serves to a browser.
    #[track_caller]
    pub(crate) fn page(&self) -> String {
        // The server in the container needs a moment.
        for _ in 0..50 {
            let answer = self.exec(&["wget", "-q", "-O", "-", "http://127.0.0.1:8000/"]);
            if answer.code == 0 {
                return answer.stdout;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.exec(&["wget", "-O", "-", "http://127.0.0.1:8000/"]).ok()
    }

    /// The version in the URL of the page that the container serves: `v3` or `v4`.
    #[track_caller]
    pub(crate) fn serves(&self) -> String {
        version_of(&self.page())
    }

    /// The version in the page that the image of the running container holds, whatever is mounted over it.
    #[track_caller]
    pub(crate) fn image_holds(&self) -> String {
        let image =
            self.engine.docker(&["inspect", "--format", "{{.Image}}", &self.containers("web")[0]]).ok();
        let page = "/app/frontend/templates/index.html";
        version_of(&self.engine.docker(&["run", "--rm", "--network=none", &image, "cat", page]).ok())
    }

    /// The version in the page of the server's checkout.
    #[track_caller]
    pub(crate) fn checkout_holds(&self) -> String {
        version_of(&self.ssh("cat frontend/templates/index.html").ok())
    }

    /// What tells one run of the dependency step in the image from another.
    #[track_caller]
    pub(crate) fn pip_run(&self) -> String {
        self.exec(&["cat", "/var/lib/pip-ran"]).ok()
    }
}

/// Another server of the lab.
pub(crate) struct OtherHost<'l> {
    lab: &'l Lab,
    name: String,
    /// Its checkout.
    pub(crate) folder: PathBuf,
    project: String,
    _sshd: Sshd,
}

impl OtherHost<'_> {
    /// Runs a shell script in this server's checkout, over ssh.
    pub(crate) fn ssh(&self, script: &str) -> Ran {
        let script = format!("cd {} || exit\n{script}", self.folder.display());
        Ran::new(self.lab.in_dev("ssh").args([&self.name, &script]))
    }

    /// The IDs of its running containers.
    pub(crate) fn containers(&self) -> String {
        let project = format!("label=com.docker.compose.project={}", self.project);
        self.lab.engine.docker(&["ps", "--quiet", "--no-trunc", "--filter", &project]).ok()
    }
}

impl Drop for OtherHost<'_> {
    fn drop(&mut self) {
        remove_project(&self.lab.engine, &self.project);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        end_processes(self.folder.path());
        remove_project(&self.engine, &self.project);
        // Dropped while a test fails, this must not fail in its turn.
        if let Ok(before) = fs::read_to_string(self.folder.path().join(IMAGES_BEFORE)) {
            remove_new_images(&self.engine, &before);
        }
    }
}

/// The version in the page's SciChart URL.
#[track_caller]
fn version_of(page: &str) -> String {
    let (_, rest) = page.split_once("/scichart/").expect("the page has the SciChart URL");
    rest.split_once('/').expect("the URL goes on after the version").0.to_owned()
}

/// Changes a file; nothing to change is a mistake of the test.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&str) -> String) {
    let before = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let after = change(&before);
    assert!(before != after || path.ends_with("deploy.sh"), "{} does not change", path.display());
    fs::write(path, after).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The PATH of the server's sessions.
fn server_path(engine: &Engine) -> String {
    format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", engine.bin.display())
}

/// What is random in the lab's folder name, as a compose project's name takes it.
fn random(folder: &tempfile::TempDir) -> String {
    let name = folder.path().file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.chars().rev().take(6).filter(char::is_ascii_alphanumeric).collect()
}

/// The ids of all images but the intermediate ones, one a line.
fn images(engine: &Engine) -> Ran {
    engine.docker(&["image", "ls", "--quiet", "--no-trunc"])
}

/// Removes every image that is not in the list `before`: rebuilt ones have lost the tag that would tell whose they are.
fn remove_new_images(engine: &Engine, before: &str) {
    let now = images(engine).stdout;
    let made: Vec<&str> = now.lines().filter(|image| !before.contains(image)).collect();
    if !made.is_empty() {
        engine.docker(&[&["image", "rm", "--force"], &made[..]].concat());
    }
}

/// Ends every process that was started in the lab at `folder`, detached ones too: their HOME tells them from all others.
fn end_processes(folder: &Path) {
    let mark = format!("HOME={}", folder.join("home").display());
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = process.file_name();
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            let _ = Command::new("kill").arg("-KILL").arg(pid).stderr(Stdio::null()).status();
        }
    }
}

/// Removes a project's containers with their anonymous volumes, its networks and its named volumes.
fn remove_project(engine: &Engine, project: &str) {
    let label = format!("label=com.docker.compose.project={project}");
    let kinds: [(&[&str], &[&str]); 3] = [
        (&["ps", "--all", "--quiet"], &["rm", "--force", "--volumes"]),
        (&["network", "ls", "--quiet"], &["network", "rm"]),
        (&["volume", "ls", "--quiet"], &["volume", "rm", "--force"]),
    ];
    for (list, remove) in kinds {
        let found = engine.docker(&[list, &["--filter", &label]].concat()).stdout;
        if !found.is_empty() {
            let found: Vec<&str> = found.lines().collect();
            engine.docker(&[remove, &found].concat());
        }
    }
}

/// Removes what a killed test left: nobody else is on the engine while it is claimed.
fn remove_leftovers(engine: &Engine) {
    let format = "{{.Label \"com.docker.compose.project\"}}";
    for list in [&["ps", "--all"][..], &["network", "ls"], &["volume", "ls"]] {
        let projects = engine.docker(&[list, &["--format", format]].concat()).ok();
        for project in projects.lines().filter(|project| project.starts_with(PREFIX)) {
            // A swarm would start its containers anew.
            engine.docker(&["swarm", "leave", "--force"]);
            remove_project(engine, project);
        }
    }
    for entry in fs::read_dir(&engine.scratch).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&format!("{}-", engine.name)) {
            if let Ok(before) = fs::read_to_string(entry.path().join(IMAGES_BEFORE)) {
                remove_new_images(engine, &before);
            }
            end_processes(&entry.path());
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
