//! Carries a plan out, step by step, each seen to be done before the next; on failure, takes back what can be.

mod away;
mod back;
mod last;
mod sick;

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use last::LastLook;

use super::{
    Session, StageLook, Stop, interrupt,
    transport::{Finished, Heard, Lost},
    worker::Carrying,
};
use crate::protocol::{
    Again, Builder, Built, Carried, Deploying, Event, Holds, Journal, Judgement, Logged, Moment, Outcome,
    Phase, Place, Plan, Probe, Question, Record, Recorded, Report, Sample, Sha, Sickness, State, Stdin, Step,
    Task, Treatment, Verdict, When, command,
};

/// How long a post probe may fail before it counts: containers take a moment to appear.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// What went on in one run.
pub(super) struct Run<'a, 'b> {
    session: &'a mut Session<'b>,
    deploying: &'a Deploying,
    plan: &'a Plan,
    id: &'a str,
    commit: Option<Sha>,
    from: Option<Sha>,
    steps: Vec<Logged>,
    journal: Journal,
    /// Whether a task without an end in the journal is still carried out.
    alive: bool,
    /// What is known of each service.
    of: HashMap<String, Of>,
    outcome: Option<Outcome>,
    /// Whether `resume` has something to go on with.
    open: bool,
    recorded: Option<Moment>,
    /// Containers of others that ran at the beginning.
    others: Vec<String>,
    /// Those of them that did not come back when Docker did.
    down: Vec<String>,
    sick: Sickness,
    treated: Option<Treatment>,
    /// Whether who interrupted it was told what that does.
    told: bool,
    last: LastLook,
}

/// What is known of one service.
#[derive(Default)]
struct Of {
    down_since: Option<Instant>,
    /// When its containers were removed last, and the downtime before that.
    removed: Option<(Instant, u64)>,
    downtime_ms: u64,
    judgement: Option<Judgement>,
    sample: Option<Sample>,
    /// Whether what was looked at last is stale, and another build could end that.
    wants_a_build: bool,
}

impl Of {
    fn goes_down(&mut self, since: Option<Instant>) {
        self.removed = since.map(|since| (since, self.downtime_ms));
        self.down_since = since;
    }

    /// It runs, and since when.
    fn up_again(&mut self, since: Duration) {
        if let Some(down) = self.down_since.take() {
            self.downtime_ms += whole_millis(down.elapsed().saturating_sub(since));
        }
    }
}

/// Why a step did not get done.
enum Failure {
    /// The command or a probe said no.
    Said(String),
    /// The machine is gone, and with it the knowledge of what was done.
    Gone(String),
    /// The new version is sick.
    Sick(sick::SickEnd),
}

impl From<Lost> for Failure {
    fn from(lost: Lost) -> Self {
        Self::Gone(lost.0)
    }
}

/// Carries out the plan.
pub(super) fn run(
    session: &mut Session<'_>,
    deploying: &Deploying,
    on: &mut dyn FnMut(&Event<'_>),
) -> Report {
    let mut run = Run::new(session, deploying, Journal::default(), false);
    run.go(on);
    run.report()
}

impl<'a, 'b> Run<'a, 'b> {
    /// A run whose journal tells what was done before.
    pub(super) fn new(
        session: &'a mut Session<'b>,
        deploying: &'a Deploying,
        journal: Journal,
        alive: bool,
    ) -> Self {
        let plan = &deploying.plan;
        let logged = |step: &Step| Logged {
            command: command(step, session.target, plan.commit.as_ref()),
            step: step.clone(),
            record: Record::planned(),
        };
        let steps = plan.steps.iter().map(logged).collect();
        let others = away::of_others(session);
        Self {
            others,
            down: Vec::new(),
            sick: Sickness::default(),
            treated: None,
            told: false,
            last: LastLook::default(),
            deploying,
            plan,
            id: &deploying.holder.id,
            commit: plan.commit.clone(),
            from: deploying.from.clone(),
            steps,
            journal,
            alive,
            of: HashMap::new(),
            outcome: None,
            recorded: None,
            open: true,
            session,
        }
    }

    /// Every step, and if one fails, back.
    pub(super) fn go(&mut self, on: &mut dyn FnMut(&Event<'_>)) {
        self.go_through(on);
        self.look_back(on);
    }

    fn go_through(&mut self, on: &mut dyn FnMut(&Event<'_>)) {
        interrupt::watch();
        for index in 0..self.plan.steps.len() {
            // A verdict is worth its line in the ledger.
            let to_do = self.outcome.is_none() || self.is_due(&self.plan.steps[index]);
            if interrupt::seen() && to_do {
                self.outcome = Some(self.interrupted(index, on));
                return;
            }
            if let Err(failure) = self.step_over(index, on) {
                return self.fail(index, failure, on);
            }
        }
        self.open = false;
    }
}

impl Run<'_, '_> {
    fn step(&mut self, index: usize, on: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        let step = self.plan.steps[index].clone();
        if step.when() != When::Always && !self.is_due(&step) {
            let state = &mut self.steps[index].record.state;
            // What ran before the verdict changed ran all the same.
            if !state.ran() {
                *state = State::Skipped;
            }
            return Ok(());
        }
        if let Some(service) = step.service() {
            self.session.turn_to(service)?;
        }
        let line = command(&step, self.session.target, self.commit.as_ref());
        self.steps[index].command.clone_from(&line);
        on(&Event::Started { index, of: self.plan.steps.len(), step: &step, command: &line });
        let begin = super::now();
        let result = self.attempt(index, &step, on);
        let (state, detail) = match &result {
            Ok((state, detail)) => (*state, detail.clone()),
            Err(Failure::Said(why) | Failure::Gone(why) | Failure::Sick(sick::SickEnd { why, .. })) => {
                (State::Failed, why.clone())
            }
        };
        let ms = millis(begin);
        self.steps[index].record = Record { state, ms, detail: detail.clone() };
        on(&Event::Ended { step: &step, state, ms, detail: &detail });
        result.map(drop)
    }

    fn attempt(
        &mut self,
        index: usize,
        step: &Step,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(State, String), Failure> {
        let before = self.journal.of_step(index).cloned();
        let again = self.last == LastLook::Contradicts && step.stdin() == Stdin::LedgerLine;
        match &before {
            _ if again => {}
            // Another client had it done.
            Some(Carried { code: Some(0), .. }) if self.is_to_be_repeated(index, step) => {}
            Some(Carried { code: Some(0), began, .. }) => {
                if step.removes() {
                    self.was_down_since(*began);
                }
                if let Ok((_, detail)) = self.confirm(step) {
                    return Ok((State::Already, detail));
                }
            }
            Some(Carried { task, code: None, .. }) if self.alive => {
                let task = task.clone();
                let finished = self.watch(&task, step, &[], "", on)?;
                return self.ended(step, &finished);
            }
            _ => {}
        }
        if step.again() == Again::UnlessDone && !again && self.ask(step.post())? == Holds::Yes {
            return Ok((State::Already, String::new()));
        }
        if let Some(pre) = step.pre_probe()
            && let Holds::No(why) | Holds::Unknown(why) = self.ask(pre)?
        {
            return Err(Failure::Said(why));
        }
        if step.removes() && self.session.seen.server.replicas().any(crate::protocol::Container::runs) {
            self.now().goes_down(Some(super::now()));
        }
        match step.post() {
            Probe::Verified => return self.verify(index, step, on),
            Probe::ImageFresh => return self.check_image(index),
            _ => {}
        }
        let argv = match &self.commit {
            Some(commit) => step.argv().resolve(commit),
            // Only the commit step itself comes before there is a commit, and it does not name one.
            None => step.argv().0.iter().filter_map(text).collect(),
        };
        let stdin = match step.stdin() {
            Stdin::Nothing => String::new(),
            Stdin::LedgerLine => format!("{}\n", self.ledger_lines(step.place())),
        };
        let finished = match step.place() {
            Place::Here => {
                self.session.outdate(Place::Here, true);
                self.session.local.run(&argv, &stdin, &mut hearing(Place::Here, &mut self.told, on))?
            }
            Place::Server => {
                let task = self.journal.next(index);
                self.watch(&task, step, &argv, &stdin, on)?
            }
        };
        self.ended(step, &finished)
    }

    /// Whether a step that follows a stale look has to run, or one that follows a verdict. What another client began is
    /// done to its end: the container that was stale may be gone.
    fn is_due(&self, step: &Step) -> bool {
        if step.when() == When::IfVerified {
            return self.is_verified() && !interrupt::seen();
        }
        let of_them = |carried: &Carried| {
            let begun = self.plan.steps.get(carried.task.index);
            let follows = |other: &Step| {
                other.when() == When::IfStale && step.service().is_none_or(|service| other.concerns(service))
            };
            !carried.task.undo && begun.is_some_and(follows)
        };
        let mut of = self.of.iter().filter(|(service, _)| step.concerns(service));
        step.when() == When::IfStale
            && (of.any(|(_, of)| of.wants_a_build) || self.journal.tasks.iter().any(of_them))
    }

    /// The service that is looked at.
    fn now(&mut self) -> &mut Of {
        self.of.entry(self.session.service.clone()).or_default()
    }

    /// Whether a step that was done runs again because a later one of its phase, which needs it, has to: what the prune
    /// removed, a build that was cut off has put there again.
    fn is_to_be_repeated(&self, index: usize, step: &Step) -> bool {
        let mut later = self
            .journal
            .tasks
            .iter()
            .filter(|c| c.task.index > index && !c.task.undo)
            .filter(|c| self.plan.steps.get(c.task.index).is_some_and(|other| other.phase() == step.phase()))
            .peekable();
        step.again() == Again::Always
            && later.peek().is_some()
            && !later.any(|c| c.code == Some(0) || (c.code.is_none() && self.alive))
    }

    /// What a command's end says of its step.
    fn ended(&mut self, step: &Step, Finished { code, tail }: &Finished) -> Result<(State, String), Failure> {
        if *code != 0 {
            let words = tail.iter().rev().take(12).rev().cloned().collect::<Vec<_>>().join("\n");
            return Err(Failure::Said(format!("`{}` ended with {code}: {words}", step.id())));
        }
        if self.commit.is_none() {
            self.made(self.session.repo.commit("HEAD")?)?;
        }
        match self.confirm(step) {
            Err(Failure::Said(why)) if self.is_for_the_verdict(step) => Ok((State::Done, why)),
            confirmed => confirmed,
        }
    }

    /// From now on the commit is known, to whoever goes on with this deploy, too.
    pub(super) fn made(&mut self, commit: Option<Sha>) -> Result<(), Lost> {
        self.session.set_commit(commit.clone());
        self.commit = commit;
        let mut deploying = self.deploying.clone();
        deploying.plan.commit.clone_from(&self.commit);
        deploying.holder.commit.clone_from(&self.commit);
        let worker = self.session.worker.as_ref().expect("the plan is carried out with the lock");
        worker.write(self.session.to.as_ref(), &deploying)
    }

    /// Has the worker carry a task out, or watches one that it carries out already.
    fn watch(
        &mut self,
        task: &Task,
        step: &Step,
        argv: &[String],
        stdin: &str,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Finished, Failure> {
        self.session.outdate(Place::Server, matches!(step.phase(), Phase::Pull | Phase::Source));
        let mut about = self.asked_after(task);
        if !task.undo && self.is_last_on_server(task.index) {
            self.last = LastLook::Asked;
            about.push(Question::Engine);
        }
        let began = self.session.seen.server.answered;
        let mut hear = hearing(Place::Server, &mut self.told, on);
        let finished = loop {
            let then = self.session.questions(&about);
            let worker = self.session.worker.as_ref().expect("the plan is carried out with the lock");
            match worker.carry_out(self.session.to.as_ref(), task, argv, stdin, then, &mut hear)? {
                Carrying::Ended(finished, answers) => {
                    self.session.understand(&answers, &about)?;
                    break Some(finished);
                }
                Carrying::Killed => break None,
                Carrying::NotBegun => self.session.work_again(&self.deploying.holder)?,
            }
        };
        let code = finished.as_ref().map(|finished| finished.code);
        self.journal.tasks.push(Carried { task: task.clone(), began, code });
        finished.ok_or_else(|| {
            Failure::Gone(
                "the worker on the server was killed, and what its command did is not known".to_owned(),
            )
        })
    }

    /// What is asked on the way on which a task ends: whether it is done, and what the step after it has to know.
    fn asked_after(&self, task: &Task) -> Vec<Question> {
        let steps = &self.plan.steps[task.index..];
        let mut about = steps[0].post().questions().to_vec();
        let next = steps.get(1).filter(|next| next.service().is_none_or(|of| *of == self.session.service));
        if let Some(next) = next.filter(|_| !task.undo) {
            about.extend(next.pre_probe().into_iter().flat_map(Probe::questions));
            if next.again() == Again::UnlessDone {
                about.extend(next.post().questions());
            }
        }
        let mut taken = HashSet::new();
        let is_open = |question: &Question| !self.session.fresh.contains(question);
        about.retain(|q| *q != Question::Here && is_open(q) && taken.insert(*q));
        about
    }

    fn confirm(&mut self, step: &Step) -> Result<(State, String), Failure> {
        let patient = matches!(step.post(), Probe::Running { .. });
        let begin = super::now();
        loop {
            match self.ask(step.post())? {
                Holds::Yes => {
                    if patient {
                        self.up_again();
                    }
                    self.note_build(step);
                    return Ok((State::Done, String::new()));
                }
                Holds::Unknown(why) => return Ok((State::Done, format!("not checked: {why}"))),
                // What uses a snapshot now may keep it; whether it did harm, the evidence says.
                Holds::No(why) if *step.post() == Probe::NoSnapshots => return Ok((State::Done, why)),
                Holds::No(why) if !patient || begin.elapsed() > PATIENCE || self.has_ended() => {
                    return Err(Failure::Said(format!("`{}` ended well, but {why}", step.id())));
                }
                Holds::No(_) => {
                    super::pause(PAUSE);
                    self.session.refresh(step.post().questions())?;
                }
            }
        }
    }

    /// A build without cache is only that where the prune before it left no snapshot of the context.
    fn note_build(&mut self, step: &Step) {
        let server = &self.session.seen.server;
        let classic = server.engine().is_some_and(|e| e.builder == Builder::Classic);
        if step.builds() {
            let without_snapshot = classic || server.snapshots == Some(0);
            self.session.built = match step.builds_anew() {
                _ if !without_snapshot => Built::Unknown,
                true => Built::Anew,
                false => Built::Cached,
            };
        }
    }

    /// Decides a probe, by what was seen since the last change if that is enough.
    fn ask(&mut self, probe: &Probe) -> Result<Holds, Lost> {
        self.session.look(probe.questions())?;
        Ok(probe.holds(&self.session.seen, self.commit.as_ref()))
    }

    /// A stale image stops the deploy, unless it is built once more. One that cannot be told is tried.
    fn check_image(&mut self, index: usize) -> Result<(State, String), Failure> {
        let commit = self.commit.clone().expect("the plan knows the commit, or its first step made it");
        let judgement = match self.session.judge_image(&commit, self.from.as_ref()) {
            Ok(found) => found,
            Err(Stop::Refused(refused)) => Judgement::unmeasured(refused.message),
            Err(Stop::Lost(lost)) => return Err(lost.into()),
        };
        let words = format!("{}: {}", judgement.verdict.as_str(), judgement.reason);
        let stale = judgement.verdict == Verdict::Stale;
        self.now().wants_a_build = stale;
        let service = &self.session.service;
        let again = |next: &Step| next.builds() && next.when() == When::IfStale && next.concerns(service);
        let again = self.plan.steps[index..].iter().any(again);
        match (stale, again) {
            (true, false) => Err(Failure::Said(words)),
            (true, true) => Ok((State::Failed, words)),
            (false, _) => Ok((State::Done, words)),
        }
    }

    fn verify(
        &mut self,
        index: usize,
        step: &Step,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(State, String), Failure> {
        let commit = self.commit.clone().expect("the plan knows the commit, or its first step made it");
        let cache_bust = self.plan.cache_bust().map(str::to_owned);
        self.session.stages = step.looks_into_stages().then_some(StageLook { cache_bust });
        let (mut judgement, sample) = match self.session.judge(&commit, self.from.as_ref(), on) {
            Ok(found) => found,
            // The new version is up: that it cannot be measured is no reason to take it back.
            Err(Stop::Refused(refused)) => (Judgement::unmeasured(refused.message), None),
            Err(Stop::Lost(lost)) => return Err(lost.into()),
        };
        if let Some(end) = self.treat(index, &mut judgement)? {
            return Err(Failure::Sick(end));
        }
        if self.session.seen.server.replicas().any(crate::protocol::Container::runs) {
            self.up_again();
        }
        let verified = judgement.verdict == Verdict::Verified;
        let words = format!("{}: {}", judgement.verdict.as_str(), judgement.reason);
        let of = self.now();
        of.wants_a_build = judgement.wants_a_build();
        of.sample = sample;
        of.judgement = Some(judgement);
        let services = self.plan.services.iter();
        let judged = services.filter_map(|s| Some((s.as_str(), self.of.get(s)?.judgement.as_ref()?)));
        self.outcome = Some(Outcome::Judged(Judgement::of_all(judged)));
        // A verdict that is not `verified` fails the step and not the run: it has to get into the ledger.
        Ok((if verified { State::Done } else { State::Failed }, words))
    }

    /// Of a removal that was done before this client came.
    fn was_down_since(&mut self, began: crate::protocol::Moment) {
        let server = &self.session.seen.server;
        let since = super::now().checked_sub(server.answered.since(began));
        let runs = server.replicas().filter(|container| container.runs());
        let up = runs.filter_map(|container| container.started).min();
        let up = up.map(|started| whole_millis(started.since(began)));
        let of = self.now();
        of.goes_down(since);
        if let Some(up) = up {
            of.down_since = None;
            of.downtime_ms = up;
        }
    }

    /// It is up since the first of its containers started, by the server's clock.
    fn up_again(&mut self) {
        let server = &self.session.seen.server;
        let started = server.replicas().filter(|c| c.runs()).filter_map(|c| c.started);
        let since = started.map(|started| server.answered.since(started)).max();
        self.now().up_again(since.unwrap_or_default());
    }

    /// One line a service; the last has no newline.
    fn ledger_lines(&mut self, kept: Place) -> String {
        // Both ledgers get one time.
        let time = *self.recorded.get_or_insert(self.session.seen.server.now);
        let who = self.session.repo.who();
        let about = Recorded {
            id: self.id,
            time,
            from: self.from.as_ref(),
            who: who.as_deref(),
            target: self.session.target,
            kept,
        };
        let line = |service: &String| self.of_service(service).ledger_line(&about);
        self.plan.services.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// What one service came to.
    fn of_service(&self, service: &str) -> Report {
        let mut report = self.summary();
        service.clone_into(&mut report.service);
        report.steps.retain(|logged| logged.step.concerns(service));
        if let Some(of) = self.of.get(service) {
            report.downtime_ms = of.downtime_ms;
            if let (Outcome::Judged(all), Some(own)) = (&mut report.outcome, &of.judgement) {
                *all = own.clone();
            }
        }
        report
    }

    fn summary(&self) -> Report {
        let of = || self.plan.services.iter().filter_map(|service| self.of.get(service));
        Report {
            service: self.plan.services.join(" "),
            outcome: self.outcome.clone().unwrap_or(Outcome::Planned),
            expected: self.commit.clone(),
            steps: self.steps.clone(),
            downtime_ms: of().map(|of| of.downtime_ms).max().unwrap_or(0),
            expected_downtime_ms: self.plan.downtime_ms,
            next: Vec::new(),
            sample: of().find_map(|of| of.sample.clone()),
            sick: self.sick.clone(),
        }
    }

    /// Ends the worker, and says how it all ended.
    pub(super) fn report(mut self) -> Report {
        if let Some(worker) = &self.session.worker {
            let to = self.session.to.as_ref();
            // A server that is gone keeps it: `resume` finds it unfinished.
            drop(match &self.outcome {
                _ if self.open => worker.leave(to),
                Some(Outcome::Refused(_)) => worker.give_up(to),
                outcome => worker.end(to, outcome.as_ref().map_or("planned", Outcome::word)),
            });
        }
        let ways_on = self.ways_on();
        let mut report = self.summary();
        report.next = match &report.outcome {
            Outcome::Stopped { .. } if self.open => {
                let first = &self.session.services[..1];
                vec![self.session.command_line("resume"), self.session.command_for("rollback", first)]
            }
            Outcome::Stopped { .. } => vec![self.session.command_line("deploy")],
            Outcome::Judged(judgement) if judgement.verdict != Verdict::Verified => {
                vec![self.session.command_line("verify")]
            }
            _ => Vec::new(),
        };
        if self.treated == Some(Treatment::Kept) {
            report.next.clear();
        }
        report.next.extend(ways_on);
        report.next.extend(self.starts_them());
        report
    }
}

/// Hands on what a step's command prints; and that it is the last one, to whoever interrupts it, even if it prints nothing.
fn hearing(place: Place, told: &mut bool, on: &mut dyn FnMut(&Event<'_>)) -> impl FnMut(Heard<'_>) {
    let note = match place {
        Place::Here => "stopping after this step; once more ends `unstale` at once",
        Place::Server => "stopping after this step; once more, and the server goes on with it alone",
    };
    move |heard| {
        if !*told && interrupt::seen() {
            *told = true;
            on(&Event::Note(note));
        }
        if let Heard::Line(text) = heard {
            on(&Event::Line(text));
        }
    }
}

fn text(arg: &crate::protocol::Arg) -> Option<String> {
    if let crate::protocol::Arg::Text(text) = arg { Some(text.clone()) } else { None }
}

fn millis(since: Instant) -> u64 {
    whole_millis(since.elapsed())
}

fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
