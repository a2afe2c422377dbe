//! What goes away at a step of the plan, and what becomes of the deploy: a table that is generated from the plan.

#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use serde_json::Value;

use super::{all, kill_worker, lab, nothing_is_left};
use crate::support::{
    Builder, Engine, Lab, Ran, Running, elsewhere, ended, on_real_engines, write_executable,
};

/// What goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// `unstale` itself, with all that it started here.
    Client,
    /// The connection, as if a cable were pulled: a new one can be made.
    Connection,
    /// The worker on the server, but not the command that it waits for.
    Worker,
    /// Docker, which comes back after a moment.
    Docker,
    /// The worker and Docker, as when the machine starts anew.
    Machine,
}

/// What somebody does about a deploy that was left half-way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Resume,
    Rollback,
}

/// The deploys whose plans are gone through.
const ORDERS: [(&str, &[&str]); 2] = [
    ("protocol", &["deploy", "web"]),
    ("build-first", &["deploy", "web", "--order", "build-first", "--cache", "verified"]),
];
/// A deploy that has something to do at every step there is, and those that no other one has.
const COMMITS: (&str, &[&str]) = ("commit", &["deploy", "web", "-m", "Next"]);
const ITS_OWN: [&str; 4] = ["commit", "push", "submodules", "thin"];

on_real_engines!(corners: client, connection, worker, docker, machine, all_steps, back_at_once);

fn client(engine: Engine, builder: Builder) {
    table(&lab(engine, builder, 3), Fault::Client, &[Way::Resume, Way::Rollback]);
}

fn connection(engine: Engine, builder: Builder) {
    table(&lab(engine, builder, 3), Fault::Connection, &[Way::Resume]);
}

fn worker(engine: Engine, builder: Builder) {
    table(&lab(engine, builder, 3), Fault::Worker, &[Way::Resume, Way::Rollback]);
}

fn docker(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e26", Builder::BuildKit) {
        return;
    }
    table(&lab(engine, builder, 3), Fault::Docker, &[Way::Resume]);
}

fn machine(engine: Engine, builder: Builder) {
    if elsewhere(&engine, builder, "e20", Builder::Classic) {
        return;
    }
    table(&lab(engine, builder, 3), Fault::Machine, &[Way::Resume, Way::Rollback]);
}

/// The steps that not every deploy has: the commit, what submodules hold, and what becomes of kept images.
fn all_steps(engine: Engine, builder: Builder) {
    use Fault::{Client, Connection, Docker, Worker};
    use Way::{Resume, Rollback};
    let lab = lab(engine, builder, 1);
    let library = lab.folder().join("library");
    std::fs::create_dir(&library).unwrap();
    let at = |folder: &Path, script: &str| {
        Ran::new(lab.in_dev("sh").args(["-ec", script]).current_dir(folder)).ok();
    };
    at(&library, "git init -q; echo 1 > lib.txt; git add .; git commit -q -m 1");
    lab.ssh("git config --global protocol.file.allow always").ok();
    at(&lab.dev(), &format!("git submodule --quiet add {} lib", library.display()));
    at(&lab.dev(), "printf '[deploy]\\nkeep = 1\\n' > unstale.toml");
    lab.commit_and_push("A library");
    not_committed(&lab);
    if !all() {
        let mut rows = Rows::new(&lab);
        rows.add(COMMITS, "submodules", Client, Resume);
        return rows.end();
    }
    // So that an image is kept beyond the one that stays.
    for _ in 0..2 {
        let (document, code) = ended(&mut Running::start(&lab, &["deploy", "web", "--force"]));
        assert_eq!(code, 0, "{document:#}");
    }
    let faults =
        [(Client, Resume), (Client, Rollback), (Connection, Resume), (Worker, Resume), (Docker, Resume)];
    let plan: BTreeSet<String> = steps(&lab, COMMITS.1).into_iter().collect();
    assert!(["push", "submodules", "thin"].iter().all(|id| plan.contains(*id)), "{plan:?}");
    let mut rows = Rows::new(&lab);
    for id in ITS_OWN {
        for (fault, way) in faults {
            rows.add(COMMITS, id, fault, way);
        }
    }
    rows.end();
}

/// The client goes before git has made the commit: who goes on makes it, and who goes back needs none.
fn not_committed(lab: &Lab) {
    let hook = lab.dev().join(".git/hooks/pre-commit");
    let (before, after) = push_next(lab, "", false);
    for (args, serves) in [(&["rollback", "web"][..], before), (&["resume"], after)] {
        write_executable(&hook, b"#!/bin/sh\nkill -KILL $(ps -o ppid= -p $PPID)\nexit 1\n");
        let (document, _) = ended(&mut Running::start(lab, COMMITS.1));
        assert!(document.is_null(), "{document:#}");
        std::fs::remove_file(&hook).unwrap();
        if args[0] == "resume" {
            // Nobody else's changes are taken for those that were to be deployed.
            lab.edit("app.py", |text| format!("{text}\n# of somebody else\n"));
            let (refused, code) = ended(&mut Running::start(lab, args));
            assert_eq!((code, refused["class"].as_str()), (2, Some("dirty")), "{refused:#}");
            lab.git(&["checkout", "-q", "app.py"]).ok();
        }
        let (document, code) = ended(&mut Running::start(lab, args));
        assert_eq!((code, document["verdict"].as_str()), (0, Some("verified")), "{args:?}: {document:#}");
        assert_eq!(lab.serves(), serves);
        nothing_is_left(lab);
    }
    assert_eq!(lab.git(&["log", "-1", "--format=%s"]).ok(), "Next");
}

/// Docker goes away under a command, and is back before anybody asks: what the command said tells it.
fn back_at_once(engine: Engine, builder: Builder) {
    let lab = lab(engine, builder, 0);
    let docker = lab.engine.bin.join("docker");
    let once = lab.folder().join("once");
    let shim = format!(
        "#!/bin/sh\n[ \"$1 $2\" != 'builder prune' ] || ! rm {once} 2>/dev/null || {{\n\
         exec {docker} -H unix:///nowhere.sock \"$@\"\n}}\nexec {docker} \"$@\"\n",
        once = once.display(),
        docker = docker.display(),
    );
    write_executable(&lab.server_bin().join("docker"), shim.as_bytes());
    std::fs::write(&once, "").unwrap();
    push_next(&lab, "next", true);
    let mut running = Running::start(&lab, &["deploy", "web"]);
    let (document, code) = ended(&mut running);
    assert_eq!((code, document["verdict"].as_str()), (0, Some("verified")), "{document:#}");
    assert!(!once.exists(), "it was asked");
    let told = told(&mut running, &document);
    assert!(told.contains("docker did not answer on the server at `prune`"), "{told}");
    nothing_is_left(&lab);
}

/// Whether a row is looked at every time: the steps at which it hurts most. `UNSTALE_HARD=all` looks at all, and
/// `UNSTALE_STEP=build` with it at those of one step.
fn hurts(lab: &Lab, fault: Fault, way: Way, order: &str, step: &str) -> bool {
    match (fault, way, order) {
        (Fault::Docker, Way::Resume, "protocol") => ["build", "verify"].contains(&step),
        (_, Way::Resume, "protocol") => step == "build",
        (Fault::Client, Way::Resume, "build-first") => step == "check-image",
        (Fault::Worker, Way::Rollback, "protocol") => step == "up" && lab.builder == Builder::BuildKit,
        _ => false,
    }
}

/// Goes through the plans.
fn table(lab: &Lab, fault: Fault, ways: &[Way]) {
    let only = std::env::var("UNSTALE_STEP").ok();
    let mut rows = Rows::new(lab);
    for order in ORDERS {
        // The way back to a build without cache is not gone here.
        let ids = steps(lab, order.1).into_iter().filter(|id| !id.ends_with("-again"));
        for id in ids.filter(|id| only.as_ref().is_none_or(|only| only == id)) {
            for &way in ways {
                if all() || hurts(lab, fault, way, order.0, &id) {
                    rows.add(order, &id, fault, way);
                }
            }
        }
    }
    rows.end();
}

/// A row for each fault. One that is not survived does not hide the next ones.
struct Rows<'a> {
    lab: &'a Lab,
    not_survived: Vec<String>,
}

impl<'a> Rows<'a> {
    fn new(lab: &'a Lab) -> Self {
        Self { lab, not_survived: Vec::new() }
    }

    fn add(&mut self, (order, deploy): (&str, &[&str]), id: &str, fault: Fault, way: Way) {
        let lab = self.lab;
        let survived = catch_unwind(AssertUnwindSafe(|| survives(lab, deploy, id, fault, way)));
        let row = survived.as_deref().unwrap_or("NOT SURVIVED");
        let row = format!("| {} {:?} | {order} | {fault:?} | {id} | {row} |\n", lab.engine.name, lab.builder);
        // Not `eprintln!`: the harness hides what a test that passes prints through it.
        let _ = std::io::stderr().write_all(row.as_bytes());
        if let Err(why) = survived {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            let _ = std::io::stderr().write_all(format!("{why}\n").as_bytes());
            self.not_survived.push(row);
            for args in [&["resume"][..], &["deploy", "web", "--force"]] {
                let _ = ended(&mut Running::start(lab, args));
            }
        }
    }

    fn end(self) {
        assert!(self.not_survived.is_empty(), "{:#?}", self.not_survived);
    }
}

/// The ids of the plan's steps, whether there is something to deploy or not.
fn steps(lab: &Lab, deploy: &[&str]) -> Vec<String> {
    let (planned, _) = ended(&mut Running::start(lab, &[deploy, &["--dry-run", "--force"]].concat()));
    let steps = planned["steps"].as_array().unwrap();
    assert!(!steps.is_empty(), "{planned:#}");
    steps.iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect()
}

/// Pushes the version after that which is committed, and names both. What the deploy commits itself is left as it is, with
/// a submodule that has moved.
fn push_next(lab: &Lab, what: &str, is_committed: bool) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    lab.edit("frontend/templates/index.html", |page| {
        let (_, rest) = page.split_once("/scichart/v").unwrap();
        let old: u32 = rest.split_once('/').unwrap().0.parse().unwrap();
        (before, after) = (format!("v{old}"), format!("v{}", old + 1));
        page.replace(&format!("/{before}/"), &format!("/{after}/"))
    });
    if is_committed {
        lab.commit_and_push(what);
    } else {
        let script = format!(
            "cd ../library; echo {after} > lib.txt; git commit -q -a -m {after}; cd ../dev/lib; git pull -q"
        );
        Ran::new(lab.in_dev("sh").args(["-ec", &script])).ok();
    }
    (before, after)
}

/// A container of somebody else, without a restart policy: Docker does not start it again when it comes back.
struct Aside<'a> {
    lab: &'a Lab,
    name: String,
}

impl<'a> Aside<'a> {
    fn start(lab: &'a Lab) -> Self {
        /// Ends at once when it is told to.
        const WAITS: &str = "trap 'exit 0' TERM; while :; do sleep 1; done";
        let name = format!("{}-aside", lab.project());
        let label = format!("com.docker.compose.project={}aside", lab.project());
        let image = lab.engine.base_image();
        let run = ["run", "--detach", "--network=none", "--name", &name, "--label", &label, &image];
        lab.engine.docker(&[&run[..], &["sh", "-c", WAITS]].concat()).ok();
        Self { lab, name }
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.lab.engine.docker(&["rm", "--force", &self.name]);
    }
}

/// Something goes away while a new version is deployed; in the end one known version runs, once, and nothing is left.
///
/// The rest of the row: exit code, what was told, what was done about it, and what came of that.
fn survives(lab: &Lab, deploy: &[&str], id: &str, fault: Fault, way: Way) -> String {
    let what = format!("{fault:?} at {id} of {deploy:?}, then {way:?}");
    let aside = (fault == Fault::Docker).then(|| Aside::start(lab));
    let (runs, before) = (lab.serves(), lab.git(&["rev-parse", "HEAD"]).ok());
    let (_, new) = push_next(lab, &what, deploy != COMMITS.1);
    let old = lab.containers("web");
    let mut running = Running::start(lab, deploy);
    running.wait_for(&format!("] {id} ("));
    if id == "build" {
        // In the midst of it.
        std::thread::sleep(Duration::from_secs(1));
    }
    strike(lab, &mut running, fault);
    let (document, code) = ended(&mut running);
    let document = &document;
    let mut row = format!("{code} | {}", told(&mut running, document));
    match fault {
        Fault::Connection | Fault::Docker => {
            assert_eq!((code, document["verdict"].as_str()), (0, Some("verified")), "{what}: {document:#}");
        }
        Fault::Client => assert!(document.is_null(), "{what}: {document:#}"),
        // Killed between two orders it is replaced; in the midst of one nobody knows what the command did.
        Fault::Worker | Fault::Machine => assert!(matches!(code, 0 | 3), "{what}: {document:#}"),
    }
    if let Some(aside) = &aside {
        let start = format!("docker start {}", aside.name);
        let next = document["next"].as_array().unwrap();
        let named = next.iter().any(|next| next.as_str().unwrap().contains(&start));
        // Who has the verdict asks Docker nothing more.
        let judged = document["steps"].as_array().unwrap().iter().take_while(|step| step["id"] != id);
        let judged = judged.into_iter().any(|step| step["id"] == "verify");
        let runs = lab.engine.docker(&["top", &aside.name]).code == 0;
        assert!(named || runs || judged, "{what}: {document:#}");
    }
    let mut expected = &new;
    if code == 0 {
        row.push_str(" | nothing | ");
    } else {
        if fault != Fault::Client {
            assert_eq!((code, document["verdict"].as_str()), (3, Some("stopped")), "{what}: {document:#}");
            let next = document["next"][0].as_str().unwrap();
            assert!(next.starts_with("unstale resume --host testhost --dir "), "{what}: {document:#}");
            assert_ne!(next.find(&lab.server().display().to_string()), None);
        }
        if way == Way::Rollback {
            expected = &runs;
        }
        row.push_str(&after(lab, way, &before, &what));
    }
    if matches!(fault, Fault::Docker | Fault::Machine) && lab.containers("web").is_empty() {
        // It was verified, and went after that: who was stopped by a signal from Docker does not come back by itself.
        let (document, code) = ended(&mut Running::start(lab, &["deploy", "web"]));
        assert_eq!((code, document["verdict"].as_str()), (0, Some("verified")), "{what}: {document:#}");
        row.push_str("; deployed again: verified");
    }
    let serves = lab.serves();
    let _ = write!(row, "{runs} to {serves}");
    assert_eq!(&serves, expected, "{what}: {row}");
    if expected == &new {
        assert!(lab.containers("web").iter().all(|id| !old.contains(id)), "{what}");
    }
    drop(aside);
    nothing_is_left(lab);
    written_once(lab, &what, fault, id);
    // The next deploy finds nothing in its way.
    let (planned, code) = ended(&mut Running::start(lab, &[deploy, &["--dry-run"]].concat()));
    assert_eq!(code, 0, "{what}: {planned:#}");
    row
}

fn strike(lab: &Lab, running: &mut Running, fault: Fault) {
    match fault {
        Fault::Client => running.kill(),
        Fault::Connection => running.kill_connection(),
        Fault::Worker => running.held(|| kill_worker(lab)),
        Fault::Docker | Fault::Machine => {
            let killed = running.held(|| {
                let killed = lab.engine.kill();
                if fault == Fault::Machine {
                    kill_worker(lab);
                }
                killed
            });
            killed.start();
        }
    }
}

/// Goes on, or back to the commit of before.
fn after(lab: &Lab, way: Way, before: &str, what: &str) -> String {
    let args: &[&str] = match way {
        Way::Resume => &["resume"],
        Way::Rollback => &["rollback", "web"],
    };
    let mut running = Running::start(lab, args);
    let (document, code) = ended(&mut running);
    assert_eq!((code, document["verdict"].as_str()), (0, Some("verified")), "{what}: {document:#}");
    let expected = match way {
        Way::Resume => lab.git(&["rev-parse", "HEAD"]).ok(),
        Way::Rollback => before.to_owned(),
    };
    assert_eq!(document["expected"].as_str(), Some(&*expected), "{what}: {document:#}");
    if way == Way::Resume {
        let planned = document["steps"].as_array().unwrap().iter().any(|s| s["state"] == "planned");
        assert!(!planned, "{what}: {document:#}");
    }
    format!(" | {}: {code} {}; ", args[0], document["verdict"].as_str().unwrap())
}

/// The notes between the steps, and why it ended.
fn told(running: &mut Running, document: &Value) -> String {
    let said = running.said();
    let notes = said.iter().filter(|line| !line.starts_with(['[', ' '])).map(String::as_str);
    let why = ["class", "reason"].map(|key| document[key].as_str().unwrap_or_default());
    let next = document["next"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let all: Vec<&str> = notes.chain(why).chain(next).filter(|text| !text.is_empty()).collect();
    all.join("; ").replace(['\n', '|'], " ")
}

/// Once in each ledger, whoever wrote it, and built once, but where a build was cut off.
fn written_once(lab: &Lab, what: &str, fault: Fault, at: &str) {
    let ledger = lab.ssh("cat .git/unstale/ledger.ndjson").ok();
    let lines: Vec<Value> = ledger.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = &lines.last().unwrap()["id"];
    assert_eq!(lines.iter().filter(|line| line["id"] == *last).count(), 1, "{what}: {ledger}");
    let built = builds(lab, last.as_str().unwrap());
    let twice = !matches!(fault, Fault::Client | Fault::Connection) && at == "build";
    let expected = if twice { 2 } else { 1 };
    assert!(built <= expected, "{what}: the build ran {built} times");
}

/// How often the worker was told to build in this deploy.
fn builds(lab: &Lab, id: &str) -> usize {
    let script = format!("cd .git/unstale/runs/{id} && grep -l CACHE_BUST= *.cmd | wc -l");
    lab.ssh(&script).ok().trim().parse().unwrap()
}
