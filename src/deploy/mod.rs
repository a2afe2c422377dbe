//! The only code that acts. It decides nothing: what to do and what it means comes from `protocol`.

mod bytes;
mod checklist;
mod content;
mod deployed;
mod evidence;
mod frames;
mod git;
mod hosts;
mod http;
mod interrupt;
mod ledger;
mod observe;
mod resume;
mod rollback;
mod run;
mod services;
mod session;
mod sick;
mod stages;
mod transport;
mod trees;
mod worker;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

pub use checklist::{Listed, checklist};
pub use hosts::{OnHost, deploy_hosts, verify_hosts};
pub use ledger::{ReadLedgers, ledgers};
pub use resume::resume;
pub use rollback::{Back, HowBack, rollback};
use session::{AT_FIRST, BEFORE_A_PLAN, Session, StageLook};
use transport::{Local, Lost, Ssh, Transport};
pub(crate) use transport::{capture, nonce, program};

use crate::protocol::{
    BuildSource, Cache, Candidate, Event, HttpCheck, Judgement, Logged, Order, Outcome, Plan, Record,
    Refused, Report, Sickness, Target, command,
};

/// Says which of the paths that git tracks matter for a service, in the checkout as it is now; or what is wrong with the
/// project.
pub type Candidates<'a> = &'a (dyn Fn(&Asked<'_>) -> Result<Vec<Candidate>, String> + Sync);

/// Says what services have to answer over HTTP, by their names, for the compose file's folder from the checkout's top, if
/// the server's is known; or why that cannot be told.
pub type Checks<'a> = &'a (dyn Fn(Option<&str>) -> Result<BTreeMap<String, HttpCheck>, String> + Sync);

/// Says how many images of before stay kept after a verified deploy, for the compose file's folder as [`Checks`]; or why
/// that cannot be told.
pub type Keeps<'a> = &'a (dyn Fn(Option<&str>) -> Result<usize, String> + Sync);

/// What [`Candidates`] are asked for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The compose file's folder from the checkout's top, if the server's is known.
    pub folder: Option<&'a str>,
    /// The service.
    pub service: &'a str,
    /// The paths that git tracks.
    pub tracked: &'a [String],
    /// What Compose on the server says that the build reads, from the checkout's top where it lies in it. Where the
    /// files here say something else, nothing is known of the routes.
    pub build: Option<BuildSource>,
}

/// A text that must be in a file of the running container.
#[derive(Debug, Clone)]
pub struct Expect {
    /// The text, byte for byte.
    pub text: String,
    /// Absolute path in the container.
    pub path: String,
}

/// What to work on.
pub struct Job<'a> {
    /// A folder of the developer's checkout.
    pub here: String,
    /// The server's checkout.
    pub target: Target,
    /// The services.
    pub services: Vec<String>,
    /// The text that proves it, if the user gave one.
    pub expect: Option<Expect>,
    /// The files that matter.
    pub candidates: Candidates<'a>,
    /// What the services have to answer.
    pub checks: Checks<'a>,
    /// How many images stay kept.
    pub keeps: Keeps<'a>,
}

impl Job<'_> {
    /// What they are called together.
    fn name(&self) -> String {
        self.services.join(" ")
    }
}

/// Whether to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Act.
    Run,
    /// Show the plan and touch nothing.
    DryRun,
}

/// What becomes of a new version that is sick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfSick {
    /// The version of before comes back.
    GoBack,
    /// Its containers are kept, to be looked at.
    Keep,
}

/// How to deploy.
#[derive(Debug, Clone, Copy)]
pub struct How<'a> {
    /// The message of the commit that is to be made first, if there is something to commit.
    pub message: Option<&'a str>,
    /// Whether to act.
    pub mode: Mode,
    /// Whether to wait for somebody else's deploy.
    pub wait: bool,
    /// Whether to take along what runs the same image, or one that is built the same way.
    pub with_siblings: bool,
    /// What comes first.
    pub order: Order,
    /// What the build may use.
    pub cache: Cache,
    /// Deploy what runs already, too.
    pub force: bool,
    /// What becomes of a new version that is sick.
    pub if_sick: IfSick,
}

/// Why it went no further.
enum Stop {
    Refused(Refused),
    Lost(Lost),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Lost> for Stop {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl Stop {
    /// Before anything was changed, both are a refusal.
    fn refused(self) -> Refused {
        match self {
            Self::Refused(refused) => refused,
            Self::Lost(lost) => Refused::new("unreachable", lost.0),
        }
    }
}

/// Deploys by the protocol, or with [`Mode::DryRun`] gives the plan as text beside the report.
pub fn deploy(job: &Job<'_>, how: &How<'_>, on: &mut dyn FnMut(&Event<'_>)) -> (Report, Option<Plan>) {
    let mut told = false;
    loop {
        let (report, plan) = once(job, how, on);
        if !report.is_locked() || !how.wait {
            return (report, plan);
        }
        if !told {
            on(&Event::Note(&format!("waiting for the other deploy: {}", report.outcome.reason())));
            told = true;
        }
        pause(WAIT);
    }
}

/// Between two looks at the lock.
const WAIT: Duration = Duration::from_secs(2);

fn once(job: &Job<'_>, how: &How<'_>, on: &mut dyn FnMut(&Event<'_>)) -> (Report, Option<Plan>) {
    let refused = |stop: Stop| (Report::refused(&job.name(), stop.refused()), None);
    let mut session = match Session::open(job, &BEFORE_A_PLAN) {
        Ok(session) => session,
        Err(stop) => return refused(stop),
    };
    let id = session.name();
    if !how.force {
        match session.nothing_to_do(how, on) {
            Ok(Some(report)) => return (report, None),
            Ok(None) => {}
            Err(stop) => return refused(stop),
        }
    }
    let plan = match session.prepare_all(how, &id) {
        Ok(prepared) => prepared,
        Err(stop) => return refused(stop),
    };
    if how.mode == Mode::Run {
        let mut make = |session: &mut Session<'_>, id: &str| session.prepare_all(how, id);
        let deploying = match session.begin(id, &plan, &mut make) {
            Ok(deploying) => deploying,
            Err(stop) => return refused(stop),
        };
        return (run::run(&mut session, &deploying, on), Some(deploying.plan));
    }
    (planned(job, &plan), Some(plan))
}

/// A plan that is only shown.
fn planned(job: &Job<'_>, plan: &Plan) -> Report {
    let logged = |step: &crate::protocol::Step| Logged {
        command: command(step, &job.target, plan.commit.as_ref()),
        step: step.clone(),
        record: Record::planned(),
    };
    Report {
        service: job.name(),
        outcome: Outcome::Planned,
        expected: plan.commit.clone(),
        steps: plan.steps.iter().map(logged).collect(),
        downtime_ms: 0,
        expected_downtime_ms: plan.downtime_ms,
        next: Vec::new(),
        sample: None,
        sick: Sickness::default(),
    }
}

/// What to verify.
#[derive(Debug, Clone, Copy)]
pub struct What<'a> {
    /// The commit that should run; HEAD here, if none is given.
    pub rev: Option<&'a str>,
    /// The image that the service's tag points at, instead of what runs.
    pub image: bool,
    /// Whether to build and look into the stages for changed files that only the build reads.
    pub stages: bool,
}

/// Says whether what runs, or would run, is the commit. Changes nothing; with [`What::stages`] the build cache may grow.
pub fn verify(job: &Job<'_>, what: What<'_>, on: &mut dyn FnMut(&Event<'_>)) -> Report {
    let result = Session::open(job, &AT_FIRST).and_then(|mut session| {
        let name = what.rev.unwrap_or("HEAD");
        let Some(commit) = session.repo.commit(name)? else {
            return Err(
                Refused::new("unknown-revision", format!("`{name}` is no commit of this checkout")).into()
            );
        };
        let (mut judged, mut sample) = (Vec::new(), None);
        let mut sick = Sickness::default();
        session.stages = what.stages.then(StageLook::default);
        for service in session.of_job(job)? {
            session.turn_to(&service)?;
            session.find_maker(&service)?;
            session.check_server()?;
            let judgement = if what.image {
                session.judge_image(&commit, None)?
            } else {
                let (judgement, text) = session.judge(&commit, None, on)?;
                sample = sample.or(text);
                sick.containers.extend(session.sickness(&judgement)?.containers);
                judgement
            };
            judged.push((service, judgement));
        }
        let judgement = Judgement::of_all(judged.iter().map(|(service, one)| (service.as_str(), one)));
        let names: Vec<String> = judged.into_iter().map(|(service, _)| service).collect();
        let is_sick = |service: &&String| sick.containers.iter().any(|(one, _)| one.service == **service);
        let services: Vec<String> = names.iter().filter(is_sick).cloned().collect();
        let next = session.ways_on(&services, &sick)?;
        Ok(Report { next, sick, ..Report::judged(names.join(" "), judgement, commit, sample) })
    });
    match result {
        Ok(report) => report,
        Err(stop) => Report::refused(&job.name(), stop.refused()),
    }
}

fn connect(target: &Target) -> Result<Box<dyn Transport>, Refused> {
    Ok(match target {
        Target::Local { dir } => Box::new(Local::new(dir.clone())),
        Target::Ssh { host, .. } => Box::new(Ssh::connect(host)?),
    })
}

#[expect(clippy::disallowed_methods, reason = "waiting needs a clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is where waiting is done")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
