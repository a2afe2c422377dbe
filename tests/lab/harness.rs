//! What a proof works with: a project on a lab's two machines, the fixture that it is made of, and the rows that it records.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::cell::{OnceCell, RefCell};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use unstale::diag::Safety;
use unstale::rules;

use super::table::{self, Outcome};
use crate::projects::fixtures;
use crate::support::{Builder, Engine, Lab, Ran, run_on, run_on_all_of};

/// The address that stands in a fixture for what [`Proof::serve`] serves.
const OUTSIDE: &str = "http://lab.example";

/// The pairs of engine and builder that watch a proof; all four with `UNSTALE_HARD=all`.
pub(super) mod watch {
    use crate::support::Builder;

    /// All four.
    pub(crate) fn every(_: &str, _: Builder) -> bool {
        true
    }

    /// The two that differ most.
    pub(crate) fn corners(engine: &str, builder: Builder) -> bool {
        (engine == "e20") == (builder == Builder::Classic)
    }

    /// Each engine with one builder: nothing hangs on it.
    pub(crate) fn engines(_: &str, builder: Builder) -> bool {
        builder == Builder::BuildKit
    }

    /// The newest: the other generation of compose does not have what it is about.
    pub(crate) fn newest(engine: &str, builder: Builder) -> bool {
        engine == "e26" && builder == Builder::BuildKit
    }
}

/// Runs a test on an engine if `watch` names the pair or all pairs are asked for.
pub(super) fn run(watch: fn(&str, Builder) -> bool, name: &str, builder: Builder, test: fn(Engine, Builder)) {
    if watch(name, builder) { run_on(name, builder, test) } else { run_on_all_of(name, builder, test) }
}

/// Turns functions `fn(&Proof)` into tests on every pair of engine and builder, as `on_real_engines!` does; in the end
/// each compares what it has recorded with the tables of the pages that stand before it.
///
/// What follows `on` is one of [`watch`].
macro_rules! proofs {
    ($($($rule:literal),+ => $function:ident on $watch:ident;)+) => {
        /// The rules that the proofs of this file are about.
        pub(super) const PROVEN: &[&str] = &[$($($rule),+),+];
        $(mod $function {
            use crate::lab::harness::{Proof, run, watch};
            use crate::support::{Builder, Engine};

            fn prove(engine: Engine, builder: Builder) {
                Proof::run(&[$($rule),+], engine, builder, super::$function);
            }

            #[test]
            fn classic_e20() {
                run(watch::$watch, "e20", Builder::Classic, prove);
            }

            #[test]
            fn buildkit_e20() {
                run(watch::$watch, "e20", Builder::BuildKit, prove);
            }

            #[test]
            fn classic_e26() {
                run(watch::$watch, "e26", Builder::Classic, prove);
            }

            #[test]
            fn buildkit_e26() {
                run(watch::$watch, "e26", Builder::BuildKit, prove);
            }
        })+
    };
}
pub(crate) use proofs;

/// What the page promises: where that is a safe fix, a safe fix is what is proven.
fn promised(rule: &str) -> Safety {
    rules::find(rule).expect("a rule").page.fix.unwrap_or(Safety::Manual)
}

/// A project of the proof's own in the place of the lab's, pulled by the server.
pub(super) struct Proof {
    pub(super) lab: Lab,
    /// The image that stands in for Python's.
    pub(super) base: String,
    rules: &'static [&'static str],
    rows: RefCell<Vec<(&'static str, String, Outcome)>>,
    url: OnceCell<String>,
}

impl Proof {
    /// Runs a proof, and compares what it has recorded with the pages of these rules.
    pub(super) fn run(rules: &'static [&'static str], engine: Engine, builder: Builder, prove: fn(&Self)) {
        let column = table::column(&engine, builder);
        let proof = Self::new(rules, engine, builder);
        prove(&proof);
        let rows = proof.rows.take();
        // The next test gets the engine while the pages are compared.
        drop(proof);
        let differences = rules.iter().map(|rule| {
            let own = rows.iter().filter(|(of, ..)| of == rule);
            let own: Vec<_> = own.map(|(_, label, outcome)| (label.clone(), *outcome)).collect();
            assert!(!own.is_empty(), "the proof shows nothing of {rule}");
            table::compare(rule, column, &own)
        });
        let differences: String = differences.collect();
        assert!(differences.is_empty(), "the pages say something else:\n{differences}");
    }

    /// A lab with an empty project; what is recorded in it goes to none but these rules.
    pub(super) fn new(rules: &'static [&'static str], engine: Engine, builder: Builder) -> Self {
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
        Self { base: base.to_owned(), lab, rules, rows: RefCell::default(), url: OnceCell::new() }
    }

    /// Records what the first of the rules' pages has to say in that row.
    pub(super) fn shows(&self, label: &str, outcome: Outcome) {
        self.shows_of(self.rules[0], label, outcome);
    }

    /// The same for another of the rules.
    #[track_caller]
    pub(super) fn shows_of(&self, rule: &'static str, label: &str, outcome: Outcome) {
        assert!(self.rules.contains(&rule), "not a proof of {rule}");
        self.rows.borrow_mut().push((rule, label.to_owned(), outcome));
    }

    /// Whether the builder is BuildKit.
    pub(super) fn kit(&self) -> bool {
        self.lab.builder == Builder::BuildKit
    }

    /// Whether compose is docker-compose 1.29.
    pub(super) fn v1(&self) -> bool {
        self.lab.engine.compose == "docker-compose"
    }

    /// The files of the first rule's fixture `<kind>/lab`, as they are in this lab.
    fn fixture(&self, kind: &str) -> Vec<(String, String)> {
        let folder = fixtures().join(self.rules[0]).join(kind).join("lab");
        let mut out = Vec::new();
        let mut folders = vec![folder.clone()];
        while let Some(at) = folders.pop() {
            for entry in fs::read_dir(&at).unwrap_or_else(|error| panic!("{}: {error}", at.display())) {
                let path = entry.expect("a readable folder").path();
                if path.is_dir() {
                    // A checkout has one of its own.
                    folders.extend((!path.ends_with("dot-git")).then_some(path));
                    continue;
                }
                let text = fs::read_to_string(&path).expect("a fixture is text");
                let name = path.strip_prefix(&folder).expect("it lies below").display().to_string();
                out.push((name, self.here(&text)));
            }
        }
        out
    }

    /// The text as it is in this lab: `@LAB@` is its unique name, so that no build finds a cache of an earlier lab; an
    /// address outside is the one that the lab serves, and a script spells compose as its engine does.
    fn here(&self, text: &str) -> String {
        let text = text.replace("@LAB@", self.lab.project());
        let text = if text.starts_with("#!") {
            text.replace("docker compose", &self.lab.engine.compose)
        } else {
            text
        };
        self.url.get().map_or_else(|| text.clone(), |url| text.replace(OUTSIDE, url))
    }

    /// Brings the first rule's fixture `bad/lab`.
    pub(super) fn bring_bad(&self) {
        let files = self.fixture("bad");
        self.bring(&files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    }

    /// Lets unstale fix the fixture `bad/lab`, commits that and pulls it; what it writes is `fixed/lab`.
    #[track_caller]
    pub(super) fn fix_bad(&self) {
        self.fix_bad_as(promised(self.rules[0]));
    }

    /// The same with fixes of that trust.
    #[track_caller]
    pub(super) fn fix_bad_as(&self, limit: Safety) {
        let rule = self.rules[0];
        let (bad, fixed) = (self.fixture("bad"), self.fixture("fixed"));
        let changed: Vec<_> = bad.iter().filter(|file| !fixed.contains(file)).collect();
        assert!(!changed.is_empty(), "nothing is fixed in fixtures/{rule}/fixed/lab");
        // The proof may have changed them since.
        for (path, text) in &changed {
            write(&self.lab.dev(), path, text);
        }
        let ran = self.run_fix(rule, limit);
        for (path, _) in changed {
            let (_, want) = fixed.iter().find(|(own, _)| own == path).expect("no fix removes a file");
            let got = fs::read_to_string(self.lab.dev().join(path)).expect("it is there");
            assert_eq!(&got, want, "fixtures/{rule}/fixed/lab/{path}: {ran:?}");
        }
        self.pull();
    }

    fn run_fix(&self, rule: &str, limit: Safety) -> Ran {
        let mut unstale = self.lab.in_dev(env!("CARGO_BIN_EXE_unstale"));
        unstale.args(["check", "--fix", "--select", rule, "."]);
        if limit != Safety::Safe {
            unstale.arg("--unsafe-fixes");
        }
        Ran::new(&mut unstale)
    }

    /// Commits these texts on the developer's machine and pulls them on the server, as they are in this lab.
    pub(super) fn bring(&self, files: &[(&str, &str)]) {
        if files.is_empty() {
            return;
        }
        for (path, text) in files {
            write(&self.lab.dev(), path, &self.here(text));
        }
        self.pull();
    }

    /// Commits what is on the developer's machine and pulls it on the server.
    pub(super) fn pull(&self) {
        self.lab.commit_and_push("A change");
        Ran::new(self.lab.in_server("git").args(["pull", "--quiet"])).ok();
    }

    /// Lets unstale fix what this rule finds, commits that and pulls it; returns what it said.
    #[track_caller]
    pub(super) fn fix(&self, rule: &str) -> Ran {
        let ran = self.run_fix(rule, promised(rule));
        assert_ne!(self.lab.git(&["status", "--porcelain"]).ok(), "", "nothing is fixed: {ran:?}");
        self.pull();
        ran
    }

    /// Builds the server's folder with these build arguments; returns the image's id.
    #[track_caller]
    pub(super) fn build(&self, folder: &str, args: &[&str]) -> String {
        self.try_build(folder, args).ok()
    }

    /// The same; it may fail.
    pub(super) fn try_build(&self, folder: &str, args: &[&str]) -> Ran {
        let base = format!("BASE_IMAGE={}", self.base);
        let mut docker = self.lab.in_server("docker");
        docker.args(["build", "--quiet", "--build-arg", &base]);
        for arg in args {
            docker.args(["--build-arg", arg]);
        }
        Ran::new(docker.arg(folder))
    }

    /// Runs compose on the server with `CACHE_BUST` in its environment.
    pub(super) fn compose(&self, arguments: &str, bust: Option<&str>) -> Ran {
        let line = format!("exec {} {arguments}", self.lab.engine.compose);
        let mut shell = self.lab.in_server("sh");
        shell.args(["-c", &line]).env_remove("CACHE_BUST");
        Ran::new(shell.envs(bust.map(|value| ("CACHE_BUST", value))))
    }

    /// Builds every service with compose.
    #[track_caller]
    pub(super) fn compose_build(&self, bust: Option<&str>) {
        self.compose("build --quiet", bust).ok();
    }

    /// The image that compose has built for the service.
    pub(super) fn image_of(&self, service: &str) -> String {
        format!("{}-{service}", self.lab.project())
    }

    /// What the image holds at that path.
    #[track_caller]
    pub(super) fn holds(&self, image: &str, path: &str) -> String {
        let docker = |args: &[&str]| self.lab.engine.docker(args).ok();
        // Never started, and without mounts: its files are the image's.
        let container = docker(&["create", "--label", &self.label(), image, "true"]);
        let copy = self.lab.folder().join("copy");
        docker(&["cp", &format!("{container}:{path}"), &copy.display().to_string()]);
        fs::read_to_string(copy).expect("the engine has written it").trim_end().to_owned()
    }

    /// Every path of the image below the folders that the proofs fill: owner, mode, kind, name; and what the files hold.
    #[track_caller]
    pub(super) fn tree(&self, image: &str) -> String {
        let script = "for d in /app /new; do [ ! -e $d ] || find $d -exec stat -c '%u:%g %a %F %n' {} \\; ; \
            [ ! -e $d ] || find $d -type f -exec md5sum {} \\; ; done | sort";
        let label = format!("com.docker.compose.project={}", self.lab.project());
        let run =
            ["run", "--rm", "--label", &label, "--user", "0:0", "--entrypoint", "sh", image, "-c", script];
        self.lab.engine.docker(&run).ok()
    }

    /// The digests of the image's layers: where a step that writes a nonce ran again, they differ.
    #[track_caller]
    pub(super) fn layers(&self, image: &str) -> String {
        self.lab.engine.docker(&["image", "inspect", "--format", "{{.RootFS.Layers}}", image]).ok()
    }

    /// The folder that [`Self::serve`] serves.
    pub(super) fn outside(&self, name: &str) -> PathBuf {
        self.lab.folder().join("outside").join(name)
    }

    /// Serves a folder to the builds of this engine, and from now on to what is brought; returns its URL.
    pub(super) fn serve(&self) -> String {
        fs::create_dir_all(self.outside("")).expect("the lab's folder can be written");
        let label = self.label();
        let mount = format!("{}:/www/{}", self.outside("").display(), self.lab.project());
        let docker = |args: &[&str]| self.lab.engine.docker(args).ok();
        let httpd = ["httpd", "-f", "-h", "/www"];
        let run = ["run", "--detach", "--label", &label, "--volume", &mount, &self.base];
        let container = docker(&[&run[..], &httpd].concat());
        let address = docker(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", &container]);
        let url = format!("http://{address}/{}", self.lab.project());
        self.url.set(url.clone()).expect("one folder is served");
        url
    }

    /// The same for a client that builds without `BuildKit`, from this machine.
    pub(super) fn serve_to_client(&self) -> String {
        fs::create_dir_all(self.outside("")).expect("the lab's folder can be written");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.expect("the machine has a free port").to_string();
        // In the background, and ended with the lab: `in_server` gives it the lab's mark.
        let mut shell = self.lab.in_server("sh");
        let line = format!("exec busybox httpd -p {address} -h {}", self.outside("").display());
        Ran::new(shell.args(["-c", &line])).ok();
        format!("http://{address}")
    }

    /// The label of what goes with the lab.
    pub(super) fn label(&self) -> String {
        format!("com.docker.compose.project={}", self.lab.project())
    }
}

/// Writes a file and the folders above it.
pub(super) fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the lab's folder can be written");
    fs::write(path, text).expect("the lab's folder can be written");
}
