//! The rules' proofs on real engines: what a rule finds does go stale, and what `--fix` writes for it does not.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

mod compose;
mod dockerfile;

use std::fs;
use std::path::Path;
use std::process::Command;

use unstale::settings::Settings;

use crate::projects::{cases, fixtures};
use crate::support::{Builder, Engine, Lab, Ran, on_real_engines, skipped};

mod context;
mod scripts;

on_real_engines!(
    broad_copy,
    broad_copy_keeps,
    broad_copy_mounted,
    cached_fetch,
    cache_bust,
    inert_cache_bust,
    single_file_bind,
    syntax_error
);

/// A project of the proof's own in the place of the lab's, pulled by the server.
struct Proof {
    lab: Lab,
    /// The image that stands in for Python's.
    base: String,
}

impl Proof {
    fn new(engine: Engine, builder: Builder, files: &[(&str, &str)]) -> Self {
        let lab = Lab::seeded(engine, builder, |project| {
            for entry in fs::read_dir(project).expect("the lab has made it").flatten() {
                let path = entry.path();
                if path.is_dir() && !path.ends_with(".git") {
                    fs::remove_dir_all(path).expect("the lab's folder can be written");
                } else if path.is_file() {
                    fs::remove_file(path).expect("the lab's folder can be written");
                }
            }
            write(project, ".gitignore", ".env\n");
        });
        let env = fs::read_to_string(lab.server().join(".env")).expect("the lab has written it");
        let base = env.lines().find_map(|line| line.strip_prefix("BASE_IMAGE=")).expect("it names the image");
        let proof = Self { base: base.to_owned(), lab };
        proof.bring(files);
        proof
    }

    /// Commits these texts on the developer's machine and pulls them on the server.
    ///
    /// `@LAB@` in a text becomes the lab's unique name, so that no build finds a cache of an earlier lab.
    fn bring(&self, files: &[(&str, &str)]) {
        if files.is_empty() {
            return;
        }
        for (path, text) in files {
            write(&self.lab.dev(), path, &text.replace("@LAB@", self.lab.project()));
        }
        self.pull();
    }

    fn pull(&self) {
        self.lab.commit_and_push("A change");
        Ran::new(self.lab.in_server("git").args(["pull", "--quiet"])).ok();
    }

    /// Lets unstale fix what this rule finds, commits that and pulls it; returns what it said.
    #[track_caller]
    fn fix(&self, rule: &str) -> Ran {
        let mut unstale = self.lab.in_dev(env!("CARGO_BIN_EXE_unstale"));
        let ran = Ran::new(unstale.args(["check", "--fix", "--unsafe-fixes", "--select", rule, "."]));
        assert_ne!(self.lab.git(&["status", "--porcelain"]).ok(), "", "nothing is fixed: {ran:?}");
        self.pull();
        ran
    }

    /// Builds the server's folder with these build arguments; returns the image's id.
    #[track_caller]
    fn build(&self, folder: &str, args: &[&str]) -> String {
        self.try_build(folder, args).ok()
    }

    fn try_build(&self, folder: &str, args: &[&str]) -> Ran {
        let base = format!("BASE_IMAGE={}", self.base);
        let mut docker = self.lab.in_server("docker");
        docker.args(["build", "--quiet", "--build-arg", &base]);
        for arg in args {
            docker.args(["--build-arg", arg]);
        }
        Ran::new(docker.arg(folder))
    }

    /// Runs compose on the server with `CACHE_BUST` in its environment.
    fn compose(&self, arguments: &str, bust: Option<&str>) -> Ran {
        let line = format!("exec {} {arguments}", self.lab.engine.compose);
        let mut shell = self.lab.in_server("sh");
        shell.args(["-c", &line]).env_remove("CACHE_BUST");
        Ran::new(shell.envs(bust.map(|value| ("CACHE_BUST", value))))
    }

    /// Builds every service with compose.
    #[track_caller]
    fn compose_build(&self, bust: Option<&str>) {
        self.compose("build --quiet", bust).ok();
    }

    /// The image that compose has built for the service.
    fn image_of(&self, service: &str) -> String {
        format!("{}-{service}", self.lab.project())
    }

    /// What the image holds at that path.
    #[track_caller]
    fn holds(&self, image: &str, path: &str) -> String {
        let docker = |args: &[&str]| self.lab.engine.docker(args).ok();
        // Never started, and without mounts: its files are the image's.
        let label = format!("com.docker.compose.project={}", self.lab.project());
        let container = docker(&["create", "--label", &label, image, "true"]);
        let copy = self.lab.folder().join("copy");
        docker(&["cp", &format!("{container}:{path}"), &copy.display().to_string()]);
        fs::read_to_string(copy).expect("the engine has written it").trim_end().to_owned()
    }

    /// Every path of the image below the folders that the proofs fill: owner, mode, kind, name; and what the files hold.
    #[track_caller]
    fn tree(&self, image: &str) -> String {
        let script = "for d in /app /new; do [ ! -e $d ] || find $d -exec stat -c '%u:%g %a %F %n' {} \\; ; \
            [ ! -e $d ] || find $d -type f -exec md5sum {} \\; ; done | sort";
        let label = format!("com.docker.compose.project={}", self.lab.project());
        let run =
            ["run", "--rm", "--label", &label, "--user", "0:0", "--entrypoint", "sh", image, "-c", script];
        self.lab.engine.docker(&run).ok()
    }

    /// The digests of the image's layers: where a step that writes a nonce ran again, they differ.
    #[track_caller]
    fn layers(&self, image: &str) -> String {
        self.lab.engine.docker(&["image", "inspect", "--format", "{{.RootFS.Layers}}", image]).ok()
    }

    /// The folder that [`Self::serve`] serves.
    fn outside(&self, name: &str) -> std::path::PathBuf {
        self.lab.folder().join("outside").join(name)
    }

    /// Serves a folder to the builds of this engine; returns its URL.
    fn serve(&self) -> String {
        fs::create_dir_all(self.outside("")).expect("the lab's folder can be written");
        let label = format!("com.docker.compose.project={}", self.lab.project());
        let mount = format!("{}:/www/{}", self.outside("").display(), self.lab.project());
        let docker = |args: &[&str]| self.lab.engine.docker(args).ok();
        let httpd = ["httpd", "-f", "-h", "/www"];
        let run = ["run", "--detach", "--label", &label, "--volume", &mount, &self.base];
        let container = docker(&[&run[..], &httpd].concat());
        let address = docker(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", &container]);
        format!("http://{address}/{}", self.lab.project())
    }
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the lab's folder can be written");
    fs::write(path, text).expect("the lab's folder can be written");
}

/// A step that leaves a nonce of its run; busybox `date` knows no nanoseconds.
const NONCE: &str = "# @LAB@\ncat /proc/sys/kernel/random/uuid >/built\n";

/// After a change of a file that is not the manifest the install runs again, in the fixed form it does not; after a
/// change of the manifest it does.
fn broad_copy(engine: Engine, builder: Builder) {
    const DOCKERFILE: &str = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
";
    let proof = Proof::new(
        engine,
        builder,
        &[
            ("Dockerfile", DOCKERFILE),
            ("requirements.txt", "# @LAB@\nflask==3.0.3\n"),
            ("app.py", "print(1)\n"),
        ],
    );
    let installed = |image: &str| proof.holds(image, "/var/lib/pip-ran");
    let first = installed(&proof.build(".", &[]));
    proof.bring(&[("app.py", "print(22)\n")]);
    assert_ne!(installed(&proof.build(".", &[])), first, "bad: one file makes the install run again");

    assert_eq!(proof.fix("broad-copy").code, 0);
    let first = installed(&proof.build(".", &[]));
    proof.bring(&[("app.py", "print(333)\n")]);
    let image = proof.build(".", &[]);
    assert_eq!(installed(&image), first, "fixed: the install is cached");
    assert_eq!(proof.holds(&image, "/app/app.py"), "print(333)", "and the file is new");
    proof.bring(&[("requirements.txt", "# @LAB@\nflask==3.1.0\n")]);
    assert_ne!(installed(&proof.build(".", &[])), first, "the manifest makes it run again");
}

/// Builds whose COPY is broad: name, whether only BuildKit takes it, whether the engine before 23 does, Dockerfile.
/// `app/mvnw` is a program of the context that reads what Maven's wrapper reads.
const KEPT: &[(&str, bool, bool, &str)] = &[
    ("owner", false, true, "WORKDIR /app\nCOPY --chown=7:8 . .\nRUN ./mvnw dependency:go-offline\n"),
    ("new-top", false, true, "COPY --chown=7:8 . /new\nWORKDIR /new\nRUN ./mvnw dependency:go-offline\n"),
    // Under the classic builder `/new` gets another owner: a COPY of files gives away every folder that it makes, one of
    // a folder only the last.
    (
        "new-folder",
        true,
        true,
        "COPY --chown=7:8 . /new/app\nWORKDIR /new/app\nRUN ./mvnw dependency:go-offline\n",
    ),
    (
        "user",
        false,
        true,
        "RUN mkdir -p /app && chown 7:8 /app && chmod 777 /tmp\nWORKDIR /app\nCOPY --chown=7:8 [\".\", \"/app\"]\nUSER 7:8\n\
         RUN ./mvnw dependency:go-offline\n",
    ),
    (
        "added",
        false,
        true,
        "WORKDIR /app\nADD . ./\nENV A=b\nRUN mkdir -p /opt/x && ./mvnw dependency:go-offline\n",
    ),
    (
        "mode",
        true,
        true,
        "WORKDIR /app\nCOPY --chmod=755 --chown=7:8 . .\nRUN ./mvnw dependency:go-offline\n",
    ),
    ("link", true, false, "WORKDIR /app\nCOPY --link --chown=7:8 . .\nRUN ./mvnw dependency:go-offline\n"),
    (
        "link-new",
        true,
        false,
        "COPY --link . /new/app/\nWORKDIR /new/app\nRUN ./mvnw dependency:go-offline\n",
    ),
];

/// The fixed forms put every file where the bad ones put it, with the same owner and mode, and what the install reads
/// is there for it. Their install stays cached after a change of a source, and runs again after one of any file that it
/// reads.
fn broad_copy_keeps(engine: Engine, builder: Builder) {
    const MVNW: &str = "#!/bin/sh\n# @LAB@\nmkdir -p target && cat pom.xml mvnw .mvn/jvm.config .mvn/wrapper/maven-wrapper.properties \
        >target/read && cat /proc/sys/kernel/random/uuid >/tmp/ran\n";
    let old = engine.name == "e20";
    let kept = KEPT
        .iter()
        .filter(|(_, buildkit, every, _)| (builder == Builder::BuildKit || !buildkit) && (*every || !old));
    let kept: Vec<(&str, &str)> = kept.map(|(name, _, _, dockerfile)| (*name, *dockerfile)).collect();
    let proof = Proof::new(engine, builder, &[]);
    let every = |path: &str, text: &dyn Fn(&str) -> String| {
        for (name, dockerfile) in &kept {
            write(&proof.lab.dev(), &format!("{name}/{path}"), &text(dockerfile));
        }
    };
    every("Dockerfile", &|dockerfile| format!("ARG BASE_IMAGE=alpine\nFROM ${{BASE_IMAGE}}\n{dockerfile}"));
    for (path, text) in [
        (".dockerignore", "Dockerfile\n"),
        ("pom.xml", "<project/>\n"),
        ("mvnw", &MVNW.replace("@LAB@", proof.lab.project())),
        (".mvn/jvm.config", "-Xmx1g\n"),
        (".mvn/wrapper/maven-wrapper.properties", "a=b\n"),
        ("src/deep/App.java", "class A {}\n"),
    ] {
        every(path, &|_| text.to_owned());
    }
    proof.pull();
    // git keeps none of these modes.
    let modes = [
        ("mvnw", 0o755),
        (".mvn", 0o700),
        (".mvn/jvm.config", 0o604),
        ("src/deep", 0o711),
        ("pom.xml", 0o640),
    ];
    for (name, _) in &kept {
        for (path, mode) in modes {
            set_mode(&proof.lab.server().join(name).join(path), mode);
        }
    }
    let images = || -> Vec<String> { kept.iter().map(|(name, _)| proof.build(name, &[])).collect() };
    let ran = |images: &[String]| -> Vec<String> {
        images.iter().map(|image| proof.holds(image, "/tmp/ran")).collect()
    };

    let bad: Vec<String> = images().iter().map(|image| proof.tree(image)).collect();
    assert_eq!(proof.fix("broad-copy").code, 0);
    let fixed = images();
    for ((image, (name, _)), bad) in fixed.iter().zip(&kept).zip(&bad) {
        let tree = proof.tree(image);
        assert_eq!(&tree, bad, "{name}: the same files, owners and modes");
        assert!(tree.contains("target/read") && tree.contains("App.java"), "{name}: {tree}");
    }
    let first = ran(&fixed);
    every("src/deep/App.java", &|_| "class B {}\n".to_owned());
    proof.pull();
    assert_eq!(ran(&images()), first, "a source makes no install run again");
    every(".mvn/jvm.config", &|_| "-Xmx2g\n".to_owned());
    proof.pull();
    for ((now, first), (name, _)) in ran(&images()).iter().zip(&first).zip(&kept) {
        assert_ne!(now, first, "{name}: what the install reads makes it run again");
    }
}

/// A mount of the whole context makes the install run again after every change, mounts of its files do not. They leave
/// nothing behind; up to engine 20.10 an empty file stands where one was mounted.
fn broad_copy_mounted(engine: Engine, builder: Builder) {
    if builder == Builder::Classic {
        return skipped("the classic builder knows no mounts");
    }
    let clean = if engine.name == "e20" { ":" } else { "[ ! -e lists ] && [ ! -e constraints.txt ]" };
    let dockerfile = format!(
        "ARG BASE_IMAGE=python:3.12-slim\nFROM ${{BASE_IMAGE}}\nWORKDIR /app\n\
         RUN --mount=target=. pip install -r lists/requirements.txt -c constraints.txt\n\
         RUN {clean} && mkdir /app/clean\nCOPY . .\n"
    );
    let proof = Proof::new(
        engine,
        builder,
        &[
            ("Dockerfile", &dockerfile),
            (".dockerignore", "Dockerfile\n.git\n"),
            ("lists/requirements.txt", "# @LAB@\nflask\n"),
            ("constraints.txt", "flask==3.0.3\n"),
            ("app.py", "print(1)\n"),
        ],
    );
    let built = || {
        let image = proof.build(".", &[]);
        (proof.holds(&image, "/var/lib/pip-ran"), proof.tree(&image))
    };
    let (first, _) = built();
    proof.bring(&[("app.py", "print(22)\n")]);
    let (second, tree) = built();
    assert_ne!(second, first, "bad: one file makes the install run again");

    assert_eq!(proof.fix("broad-copy").code, 0);
    let (first, fixed) = built();
    assert_eq!(fixed, tree, "the same files, owners and modes");
    proof.bring(&[("app.py", "print(333)\n")]);
    assert_eq!(built().0, first, "fixed: the install is cached");
    proof.bring(&[("constraints.txt", "flask==3.1.0\n")]);
    assert_ne!(built().0, first, "each of its files makes it run again");
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it was pulled just now");
}

/// The archive of a branch moves on: the rebuilt image holds the old file, until the layer gets a new value.
fn cached_fetch(engine: Engine, builder: Builder) {
    let proof = Proof::new(engine, builder, &[]);
    let dockerfile = format!(
        "ARG BASE_IMAGE=alpine:3.20\nFROM ${{BASE_IMAGE}}\nWORKDIR /widgets\n\
         RUN wget -q -O - {}/widgets/archive/refs/heads/main.tar.gz | tar -xz\n",
        proof.serve()
    );
    let compose = "services:\n  web:\n    image: ${COMPOSE_PROJECT_NAME}-web\n    build:\n      context: .\n      args:\n        \
        BASE_IMAGE: ${BASE_IMAGE}\n";
    proof.bring(&[("Dockerfile", &dockerfile), ("compose.yaml", compose)]);
    let widgets = proof.outside("repository");
    let git = |args: &[&str]| {
        let home = proof.lab.folder().join("home");
        Ran::new(Command::new("git").arg("-C").arg(&widgets).args(args).env("HOME", home)).ok()
    };
    fs::create_dir_all(proof.outside("widgets/archive/refs/heads")).expect("the lab's folder can be written");
    let move_to = |version: &str| {
        write(&widgets, "VERSION", version);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", version]);
        git(&["archive", "--output=../widgets/archive/refs/heads/main.tar.gz", "main"]);
    };
    fs::create_dir(&widgets).expect("the lab's folder can be written");
    git(&["init", "--quiet"]);
    let version = |bust| {
        proof.compose_build(bust);
        proof.holds(&proof.image_of("web"), "/widgets/VERSION")
    };

    move_to("v1");
    assert_eq!(version(None), "v1");
    move_to("v2");
    assert_eq!(version(Some("a")), "v1", "bad: the key is the text");

    assert_eq!(proof.fix("cached-fetch").code, 0);
    assert_eq!(version(Some("a")), "v2");
    move_to("v3");
    assert_eq!(version(Some("a")), "v2", "fixed: an old value keeps the old file");
    assert_eq!(version(Some("b")), "v3", "and a new one brings the new");
}

/// A RUN after the COPY reads a value from outside: a rebuild keeps the old one, until the layer gets a new value. The
/// steps above the layer stay cached, and the context snapshot it does not cure.
fn cache_bust(engine: Engine, builder: Builder) {
    let proof = Proof::new(engine, builder, &[]);
    let dockerfile = format!(
        "ARG BASE_IMAGE=python:3.12-slim\nFROM ${{BASE_IMAGE}}\nWORKDIR /app\nCOPY requirements.txt ./\n\
         RUN pip install -r requirements.txt\nCOPY src/ src/\nRUN wget -q -O data.json {}/data.json\n",
        proof.serve()
    );
    proof.bring(&[
        ("Dockerfile", &dockerfile),
        ("requirements.txt", "# @LAB@\nflask==3.0.3\n"),
        ("src/main.py", "print(1)\n"),
    ]);
    let value = |image: &str| proof.holds(image, "/app/data.json");
    write(&proof.outside(""), "data.json", "1");
    assert_eq!(value(&proof.build(".", &[])), "1");
    write(&proof.outside(""), "data.json", "2");
    assert_eq!(value(&proof.build(".", &["CACHE_BUST=a"])), "1", "bad: nothing can bust it");

    assert_eq!(proof.fix("missing-cache-bust").code, 0);
    let before = proof.build(".", &["CACHE_BUST=a"]);
    assert_eq!(value(&before), "2");
    write(&proof.outside(""), "data.json", "3");
    assert_eq!(proof.build(".", &["CACHE_BUST=a"]), before, "fixed: an old value keeps all");
    let after = proof.build(".", &["CACHE_BUST=b"]);
    assert_eq!(value(&after), "3", "and a new one brings the new");
    let installed = |image: &str| proof.holds(image, "/var/lib/pip-ran");
    assert_eq!(installed(&after), installed(&before), "what stands above stays cached");

    // Equal size and modification time, as the context snapshot takes it for unchanged.
    let source = proof.lab.server().join("src/main.py");
    let time = fs::metadata(&source).and_then(|meta| meta.modified()).expect("the file is there");
    fs::write(&source, "print(2)\n").expect("the lab's folder can be written");
    let file = fs::File::options().write(true).open(&source).expect("our own file can be opened");
    file.set_modified(time).expect("our own file's time can be set");
    let held = if builder == Builder::Classic { "print(2)" } else { "print(1)" };
    let image = proof.build(".", &["CACHE_BUST=c"]);
    assert_eq!(proof.holds(&image, "/app/src/main.py"), held, "BuildKit never looks at the new bytes");
}

/// A form of a cache-bust that busts nothing.
struct Inert {
    folder: &'static str,
    /// The Dockerfile from its first FROM on.
    body: &'static str,
    /// The argument that each build passes.
    name: &'static str,
}

const INERT: &[Inert] = &[
    Inert {
        folder: "clock",
        body: "RUN echo \"Cache bust: $(date +%s)\"\nCOPY src/ src/\nRUN sh src/build.sh\n",
        name: "CACHE_BUST",
    },
    Inert { folder: "before-from", body: "COPY src/ src/\nRUN sh src/build.sh\n", name: "CACHEBUST" },
    Inert {
        folder: "env",
        body: "ARG CACHE_BUST\nENV CACHE_BUST=1\nCOPY src/ src/\nRUN sh src/build.sh\n",
        name: "CACHE_BUST",
    },
    Inert {
        folder: "env-first",
        body: "ENV CACHE_BUST=1\nARG CACHE_BUST\nCOPY src/ src/\nRUN sh src/build.sh\n",
        name: "CACHE_BUST",
    },
    Inert {
        folder: "last",
        body: "COPY src/ src/\nRUN sh src/build.sh\nARG CACHE_BUST\n",
        name: "CACHE_BUST",
    },
];

/// What works if somebody passes the argument.
const PASSABLE: &str =
    "ARG CACHE_BUST=unset\nRUN echo \"${CACHE_BUST}\"\nCOPY src/ src/\nRUN sh src/build.sh\n";

/// The forms that only compose has: the argument is not passed, or as a constant.
const SERVICES: &str = "\
services:
  missing:
    image: ${COMPOSE_PROJECT_NAME}-missing
    build:
      context: missing
      args:
        BASE_IMAGE: ${BASE_IMAGE}
  constant:
    image: ${COMPOSE_PROJECT_NAME}-constant
    build:
      context: constant
      args:
        BASE_IMAGE: ${BASE_IMAGE}
        CACHE_BUST: \"1\" # bump me
";

/// The step after each inert form is cached whatever is passed; after what `--fix` makes of it, it runs again with each
/// new value, and only then.
fn inert_cache_bust(engine: Engine, builder: Builder) {
    let proof = Proof::new(engine, builder, &[]);
    let services = ["missing", "constant"];
    let mut files = vec![("compose.yaml".to_owned(), SERVICES.to_owned())];
    for (folder, body) in
        INERT.iter().map(|form| (form.folder, form.body)).chain(services.map(|s| (s, PASSABLE)))
    {
        let before = if folder == "before-from" { "ARG CACHEBUST=1\n" } else { "" };
        let dockerfile =
            format!("{before}ARG BASE_IMAGE=alpine:3.20\nFROM ${{BASE_IMAGE}}\nWORKDIR /{folder}\n{body}");
        files.push((format!("{folder}/Dockerfile"), dockerfile));
        files.push((format!("{folder}/src/build.sh"), NONCE.replace("@LAB@", &format!("@LAB@ {folder}"))));
    }
    proof.bring(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    let ran = |form: &Inert, value: &str| {
        proof.layers(&proof.build(form.folder, &[&format!("{}={value}", form.name)]))
    };
    let ran_by_compose = |value: &str| {
        proof.compose_build(Some(value));
        services.map(|service| proof.layers(&proof.image_of(service)))
    };

    for form in INERT {
        let again = ran(form, "b") != ran(form, "a");
        // BuildKit takes the later of ENV and ARG, the classic builder always ENV.
        let busts = form.folder == "env-first" && builder == Builder::BuildKit;
        assert_eq!(again, busts, "bad: {}", form.folder);
    }
    assert_eq!(ran_by_compose("b"), ran_by_compose("a"), "bad: nothing of it reaches the build");

    let left = proof.fix("inert-cache-bust");
    assert_eq!(left.code, 1, "ENV and the last ARG are described only: {left:?}");
    for form in &INERT[..2] {
        let first = ran(form, "a");
        assert_ne!(ran(form, "b"), first, "fixed: {} runs again with a new value", form.folder);
        assert_eq!(ran(form, "a"), first, "{}: and with an old one it does not", form.folder);
    }
    let first = ran_by_compose("a");
    let second = ran_by_compose("b");
    for (at, service) in services.into_iter().enumerate() {
        assert_ne!(first[at], second[at], "fixed: {service} passes the value");
    }
}

/// The file is replaced by git: the process reads the old one after `up -d`, `docker cp` shows the new one; with the
/// folder mounted the process reads the new.
fn single_file_bind(engine: Engine, builder: Builder) {
    // As process 1 httpd ignores TERM.
    const COMPOSE: &str = "\
services:
  web:
    image: ${BASE_IMAGE}
    command: [httpd, -f, -p, \"8000\", -h, /etc/nginx]
    stop_signal: SIGKILL
    volumes:
      - ./conf.d/x.conf:/etc/nginx/conf.d/x.conf:ro
";
    let proof = Proof::new(engine, builder, &[("compose.yaml", COMPOSE), ("conf.d/x.conf", "v1\n")]);
    let up = || {
        proof.compose("up -d", None).ok();
        proof.lab.containers("web").concat()
    };
    let served = || {
        let url = "http://127.0.0.1:8000/conf.d/x.conf";
        (0..50)
            .find_map(|_| {
                let answer = proof.lab.exec(&["wget", "-q", "-O", "-", url]);
                std::thread::sleep(std::time::Duration::from_millis(if answer.code == 0 { 0 } else { 50 }));
                (answer.code == 0).then(|| answer.ok())
            })
            .expect("the server in the container answers")
    };
    let container = up();
    assert_eq!(served(), "v1");
    proof.bring(&[("conf.d/x.conf", "v2\n")]);
    assert_eq!(up(), container, "`up -d` sees nothing to do");
    assert_eq!(served(), "v1", "bad: the process reads the old file");
    assert_eq!(
        proof.lab.exec(&["cat", "/etc/nginx/conf.d/x.conf"]).ok(),
        "v1",
        "and so does every other one"
    );
    let copied = proof.lab.engine.docker(&["cp", &format!("{container}:/etc/nginx/conf.d/x.conf"), "-"]).ok();
    assert!(copied.contains("v2") && !copied.contains("v1"), "`docker cp` shows the new one: {copied:?}");

    assert_eq!(proof.fix("single-file-bind").code, 0);
    let container = up();
    assert_eq!(served(), "v2");
    proof.bring(&[("conf.d/x.conf", "v3\n")]);
    assert_eq!(up(), container);
    assert_eq!(served(), "v3", "fixed: the folder shows the new file");
}

/// The engine's own builder and compose refuse the bad cases of the fixtures, every found line by itself, and take the
/// good ones.
fn syntax_error(engine: Engine, builder: Builder) {
    let proof = Proof::new(engine, builder, &[]);
    let old = proof.lab.engine.name == "e20";
    let settings = Settings { select: vec!["syntax-error".to_owned()], ..Settings::default() };
    let built = |dockerfile: &str| {
        let dockerfile = dockerfile.replace("alpine:3.20", &proof.base);
        write(&proof.lab.server(), "Dockerfile", &dockerfile);
        proof.try_build(".", &[])
    };
    let read = |compose: &str| {
        write(&proof.lab.server(), "compose.yaml", compose);
        proof.compose("config", None)
    };
    let of = |kind: &str| {
        let all = cases(&fixtures().join("syntax-error").join(kind));
        assert!(!all.is_empty(), "no case is {kind}");
        all
    };
    for case in of("bad") {
        let (_, file) = case.snapshot.files().next().expect("every case has a file");
        if file.path == "compose.yaml" {
            let ran = read(&file.text);
            // docker-compose 1.29 takes the last of two equal keys and says nothing, and reads the layout of v1.
            let taken = old && matches!(case.name.as_str(), "duplicate" | "v1-layout");
            assert_eq!(ran.code == 0, taken, "{}: {ran:?}", case.name);
            assert_eq!(ran.stdout.contains("image: b"), taken, "{ran:?}");
            continue;
        }
        let refused = |text: &str| {
            let ran = built(text);
            assert!(ran.code != 0 && ran.stderr.contains("dockerfile parse error"), "{}: {ran:?}", case.name);
        };
        refused(&file.text);
        let report = unstale::engine::check(&case.snapshot, &settings);
        assert!(!report.findings.is_empty());
        for finding in report.findings {
            let line = file.text[finding.at.span.start()..].lines().next().expect("a finding has text");
            refused(&format!("FROM alpine:3.20\n{line}\n"));
        }
    }
    for case in of("good") {
        let (_, file) = case.snapshot.files().next().expect("every case has a file");
        if file.path == "compose.yaml" {
            let ran = read(&file.text);
            // A part of another file is complete with that one only, and 1.29 does not know the newer forms.
            if case.name == "compose-part" || (old && case.name == "compose-forms") {
                assert_ne!(ran.code, 0, "{}: {ran:?}", case.name);
                continue;
            }
            assert_eq!(ran.code, 0, "{}: {ran:?}", case.name);
            continue;
        }
        // The frontend that the line names is in a registry; without it the builder's own reads the file.
        let text = file.text.replace("# syntax=docker/dockerfile:1\n", "");
        let ran = built(&text);
        // Engine 20.10 has a frontend from before here-documents.
        assert_eq!(ran.code == 0, !old, "{}: {ran:?}", case.name);
        let ran = built(&text.replace("<<EOF\necho a\nEOF\n", "echo a\n"));
        assert_eq!(ran.code, 0, "{}: {ran:?}", case.name);
    }
}
