//! One checkout here, one server, one service: what is asked of them, and the verdict on what is found.

use std::{collections::HashMap, time::Duration};

use super::{
    Asked, Candidates, Checks, Expect, Job, Stop, connect, evidence,
    git::{self, Repo},
    nonce, now, observe, pause, stages,
    transport::{Local, Lost, Transport},
    worker::{Begun, Worker},
};
use crate::protocol::{
    Base, BuildSource, Built, Candidate, Checkouts, Compose, Container, Deploying, Desired, Event, Found,
    Health, Holder, ImageId, Judgement, Needed, Observed, Options, Plan, Question, Reach, Refused, Relation,
    Sample, Sha, Target, below, judge, judge_image, judge_returned, kept, last_verified, locked, plan,
    refuse_content, refuse_service,
};

/// What is seen of one service.
#[derive(Default)]
pub(super) struct View {
    pub(super) compose: Option<Result<Compose, String>>,
    pub(super) containers: Option<Vec<Container>>,
    pub(super) built: Built,
}

/// One checkout here, one server, and the services of one project, of which one at a time is looked at.
pub(super) struct Session<'a> {
    pub(super) repo: Repo,
    pub(super) local: Local,
    pub(super) to: Box<dyn Transport>,
    pub(super) target: &'a Target,
    /// The one that is looked at.
    pub(super) service: String,
    /// All of them.
    pub(super) services: Vec<String>,
    /// What was seen of the others.
    pub(super) views: HashMap<String, View>,
    /// Who builds the image of a service that has no build of its own.
    pub(super) makers: HashMap<String, String>,
    pub(super) expect: Option<&'a Expect>,
    pub(super) candidates: Candidates<'a>,
    pub(super) checks: Checks<'a>,
    pub(super) commit: Option<Sha>,
    pub(super) seen: Observed,
    pub(super) built: Built,
    /// Whether a verdict looks into the stages of the build.
    pub(super) stages: Option<StageLook>,
    pub(super) worker: Option<Worker>,
}

/// How the stages of a build are looked into.
#[derive(Debug, Clone, Default)]
pub(super) struct StageLook {
    /// The value of `CACHE_BUST` that this very run built with.
    pub(super) cache_bust: Option<String>,
}

impl<'a> Session<'a> {
    pub(super) fn open(job: &'a Job<'_>) -> Result<Self, Stop> {
        if let Some(expect) = &job.expect {
            if expect.text.is_empty() {
                return Err(Refused::new(
                    "empty-text",
                    "an empty text is in every file; give `--expect` a real one",
                )
                .into());
            }
            if !expect.path.starts_with('/') {
                let message = format!("`{}` is no absolute path in the container", expect.path);
                return Err(Refused::new("relative-path", message).into());
            }
        }
        Self::over(connect(&job.target)?, job)
    }

    pub(super) fn over(to: Box<dyn Transport>, job: &'a Job<'_>) -> Result<Self, Stop> {
        let repo = Repo::open(&job.here)?;
        let commit = repo.commit("HEAD")?;
        // Without a name: whatever is asked of the service has no answer, and the project has.
        let service = job.services.first().cloned().unwrap_or_default();
        let subject = observe::Subject { dir: job.target.dir(), service: &service, commit: commit.as_ref() };
        let server = observe::ask(to.as_ref(), subject, &AT_FIRST)?;
        let here = repo.here(server.git().and_then(|g| g.head.as_ref()), git::Remote::Leave)?;
        let local = matches!(job.target, Target::Local { .. });
        let one =
            local && server.git().is_some_and(|g| g.git_dir == here.git_dir && g.toplevel == here.toplevel);
        let checkouts = if one { Checkouts::One } else { Checkouts::Two };
        Ok(Self {
            local: Local::new(here.toplevel.clone()),
            seen: Observed { here, server, checkouts, needed: Needed::default() },
            repo,
            to,
            target: &job.target,
            service,
            services: job.services.clone(),
            views: HashMap::new(),
            makers: HashMap::new(),
            expect: job.expect.as_ref(),
            candidates: job.candidates,
            checks: job.checks,
            commit,
            built: Built::Unknown,
            stages: None,
            worker: None,
        })
    }

    /// A new deploy's id: sorts like time.
    pub(super) fn name(&self) -> String {
        let random = nonce();
        format!("{}-{}", self.seen.server.now.compact().to_lowercase(), &random[random.len() - 6..])
    }

    /// Takes the lock, and makes the plan once more: what was seen before could still be changed by others.
    pub(super) fn begin(
        &mut self,
        id: String,
        plan: &Plan,
        make: &mut dyn FnMut(&mut Self, &str) -> Result<Plan, Stop>,
    ) -> Result<Deploying, Stop> {
        let server = &self.seen.server;
        let git_dir = server.git().map(|git| git.git_dir.clone()).expect("a plan needs a checkout");
        let holder = Holder {
            id,
            who: self.repo.who_and_where()?,
            since: server.now.rfc3339(),
            service: self.services.join(" "),
            commit: plan.commit.clone(),
        };
        let worker = match Worker::begin(self.to.as_ref(), &git_dir, self.target.dir(), &holder)? {
            Begun::Held(worker) => worker,
            Begun::Busy(holder) => return Err(Refused::new("locked", locked(holder.as_ref(), None)).into()),
            Begun::Failed(why) => return Err(Refused::new("no-worker", why).into()),
        };
        let again = self.refresh(&AT_FIRST).map_err(Stop::from).and_then(|()| make(self, &holder.id));
        let deploying = again.map(|plan| Deploying {
            schema: 1,
            from: self.seen.server.git().and_then(|g| g.head.clone()),
            expect: self.expect.map(|e| (e.text.clone(), e.path.clone())),
            holder,
            plan,
        });
        let written = deploying.and_then(|deploying| {
            worker.write(self.to.as_ref(), &deploying)?;
            Ok(deploying)
        });
        if written.is_err() {
            // What remains of it on a server that is gone has no plan, and is in nobody's way.
            drop(worker.give_up(self.to.as_ref()));
        } else {
            self.worker = Some(worker);
        }
        written
    }

    /// A worker in the place of one that was killed between two tasks.
    pub(super) fn work_again(&mut self, holder: &Holder) -> Result<(), Lost> {
        let git_dir = self.seen.server.git().map(|git| git.git_dir.clone()).unwrap_or_default();
        match Worker::begin(self.to.as_ref(), &git_dir, self.target.dir(), holder)? {
            Begun::Held(worker) => self.worker = Some(worker),
            Begun::Busy(other) => return Err(Lost(locked(other.as_ref(), None))),
            Begun::Failed(why) => return Err(Lost(why)),
        }
        Ok(())
    }

    /// Everything that is done before the first change: the plan, or a refusal.
    pub(super) fn prepare(&mut self, desired: &Desired, id: &str) -> Result<Plan, Stop> {
        self.refresh(&[Question::Here, Question::Lock, Question::Site])?;
        let candidates = self.files(self.commit.as_ref());
        let stages = self.expect.is_none() && candidates.as_ref().is_ok_and(|all| self.only_built(all));
        let options = Options { stages, ..self.options(id) };
        let plan = plan(desired, &self.seen, &options)?;
        let candidates = candidates?;
        self.seen.needed = self.needed(&candidates)?;
        refuse_content(&self.seen)?;
        self.http_check()?;
        if let Some(expect) = self.expect {
            let running: Vec<Container> = self.seen.server.replicas().filter(|c| c.runs()).cloned().collect();
            for container in running {
                if evidence::look(self.to.as_ref(), &container, &expect.text, &expect.path)? == Found::Yes {
                    let message = format!(
                        "`{}` already has this text in `{}`, so it cannot prove that a new version runs; take one that only the new version has",
                        container.name, expect.path
                    );
                    return Err(Refused::new("text-not-new", message).into());
                }
            }
        }
        Ok(plan)
    }

    pub(super) fn options(&self, id: &str) -> Options {
        let expect_words = self.expect.map(|expect| ["--expect", &expect.text, "--in", &expect.path]);
        Options {
            id: id.to_owned(),
            cache_bust: self.seen.server.now.compact(),
            target_words: self.target.words(),
            expect_words: expect_words.into_iter().flatten().map(str::to_owned).collect(),
            stages: false,
        }
    }

    /// Whether a file that only the build reads differs from what the verdict will compare with. What cannot be told is
    /// left to the verdict.
    fn only_built(&self, candidates: &[Candidate]) -> bool {
        let Some(commit) = &self.commit else { return false };
        let from = self.seen.server.git().and_then(|git| git.head.clone());
        let modified = |path: &String| self.seen.here.modified.contains(path);
        let mut built = candidates.iter().filter(|c| matches!(c.reach, Reach::Build(_))).peekable();
        if built.peek().is_none() {
            return false;
        }
        let trees = self.base(commit, from.as_ref()).and_then(|(base, _)| {
            let now = self.repo.files(commit)?;
            let old = base.map(|base| self.repo.files(&base)).transpose()?.unwrap_or_else(|| now.clone());
            Ok((now, old))
        });
        trees.is_ok_and(|(now, old)| built.any(|c| modified(&c.path) || now.get(&c.path) != old.get(&c.path)))
    }

    pub(super) fn files(&self, commit: Option<&Sha>) -> Result<Vec<Candidate>, Stop> {
        let mut tracked: Vec<String> = match commit {
            Some(commit) => self.repo.files(commit)?.into_keys().collect(),
            None => Vec::new(),
        };
        tracked.sort_unstable();
        self.candidates_of(&tracked)
    }

    pub(super) fn candidates_of(&self, paths: &[String]) -> Result<Vec<Candidate>, Stop> {
        let server = &self.seen.server;
        // The compose file that counts is the one of the server's folder, wherever the command is given here.
        let top = server.git().map(|g| g.toplevel.as_str());
        let folder = server.dir.as_deref().zip(top).and_then(|(dir, top)| below(dir, top));
        let maker = self.makers.get(&self.service).and_then(|maker| self.views.get(maker));
        let compose = match maker {
            Some(View { compose: Some(Ok(compose)), .. }) => Some(compose),
            _ => server.compose(),
        };
        let build = compose
            .and_then(|c| c.build.clone())
            .map(|build| BuildSource { context: self.placed(&build.context, folder, top), ..build });
        let asked = Asked { folder, service: &self.service, tracked: paths, build };
        Ok((self.candidates)(&asked).map_err(|why| Refused::new("project", why))?)
    }

    /// A folder of the server from the checkout's top; the folder itself if it lies elsewhere. The shell that runs
    /// Compose may know the checkout by the name that the user gave, a link.
    pub(super) fn placed(&self, path: &str, folder: Option<&str>, top: Option<&str>) -> String {
        if let Some(rest) = top.and_then(|top| below(path, top)) {
            return rest.to_owned();
        }
        match (below(path, self.target.dir()), folder) {
            (Some(""), Some(folder)) => folder.to_owned(),
            (Some(rest), Some("")) => rest.to_owned(),
            (Some(rest), Some(folder)) => format!("{folder}/{rest}"),
            _ => path.to_owned(),
        }
    }

    /// What a verification needs of the server.
    pub(super) fn check_server(&self) -> Result<(), Refused> {
        refuse_service(self.project()?, &self.service, self.makers.get(&self.service).map(String::as_str))
    }

    /// The project on the server, or why there is none.
    pub(super) fn project(&self) -> Result<&Compose, Refused> {
        let server = &self.seen.server;
        if server.dir.is_none() {
            return Err(Refused::new(
                "no-folder",
                format!("`{}` does not exist on the server", self.target.dir()),
            ));
        }
        if let Some(Err(why)) = &server.engine {
            return Err(Refused::new("no-docker", format!("docker does not answer on the server: {why}")));
        }
        match &server.compose {
            Some(Ok(compose)) => Ok(compose),
            Some(Err(why)) => {
                Err(Refused::new("no-compose", format!("compose cannot be used on the server: {why}")))
            }
            None => Err(Refused::new("no-compose", "compose was not asked")),
        }
    }

    pub(super) fn set_commit(&mut self, commit: Option<Sha>) {
        self.commit = commit;
    }

    /// Asks again.
    pub(super) fn refresh(&mut self, about: &[Question]) -> Result<(), Lost> {
        if about.iter().any(|q| *q != Question::Here) {
            let subject = observe::Subject {
                dir: self.target.dir(),
                service: &self.service,
                commit: self.commit.as_ref(),
            };
            let new = observe::ask(self.to.as_ref(), subject, about)?;
            let old = &mut self.seen.server;
            old.now = new.now;
            old.git = new.git.or(old.git.take());
            old.engine = new.engine.or(old.engine.take());
            old.running = new.running.or(old.running.take());
            old.compose = new.compose.or(old.compose.take());
            old.ledger = new.ledger.or(old.ledger.take());
            old.site = new.site.or(old.site.take());
            old.lock = new.lock.or(old.lock.take());
            // A question that failed has no old answer: what was true before says nothing now.
            if about.contains(&Question::Containers) {
                old.containers = new.containers;
            }
            if about.contains(&Question::Images) {
                old.images = new.images;
            }
            if about.contains(&Question::BuildCache) {
                old.snapshots = new.snapshots;
            }
        }
        if about.contains(&Question::Here) {
            let head = self.seen.server.git().and_then(|g| g.head.clone());
            self.seen.here = self.repo.here(head.as_ref(), git::Remote::Ask)?;
        }
        Ok(())
    }

    /// Measures and judges. `from` is the server's commit before this deploy.
    pub(super) fn judge(
        &mut self,
        commit: &Sha,
        from: Option<&Sha>,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(Judgement, Option<Sample>), Stop> {
        let check = self.http_check()?;
        self.find_maker(&self.service.clone())?;
        let candidates = self.files(Some(commit))?;
        let unsettled = self.settle(on)?;
        self.refresh(&FOR_A_VERDICT)?;
        let back = self.returned(commit);
        let (base, kind) = match &back {
            // What tells it from the commit that it went back from.
            Some(_) => (self.seen.server.git().and_then(|git| git.head.clone()), Base::Guessed),
            None => self.base(commit, from)?,
        };
        let deleted = self.repo.deleted(commit, base.as_ref().filter(|_| kind == Base::Verified))?;
        let deleted = if deleted.is_empty() { Vec::new() } else { self.candidates_of(&deleted)? };
        let compose = self.compose()?;
        if self.stages.is_some() {
            on(&Event::Line("looking into the stages of the build"));
        }
        let ask = self.ask(commit, base.as_ref(), kind, &candidates, &deleted);
        let (evidence, sample) = evidence::gather(&ask, &self.seen.server, &compose, &unsettled)?;
        let returned = back.is_some();
        let judgement = match back {
            Some(image) => judge_returned(&evidence, &image),
            None => judge(&evidence),
        };
        // A text of today's says nothing of the version that came back.
        let check = check.filter(|check| !returned || check.is_timeless());
        let judgement = self.ask_over_http(judgement, check.as_ref(), commit, on)?;
        Ok((judgement, sample))
    }

    /// Measures and judges the image that the service's tag points at, whatever runs.
    pub(super) fn judge_image(&mut self, commit: &Sha, from: Option<&Sha>) -> Result<Judgement, Stop> {
        self.find_maker(&self.service.clone())?;
        let candidates = self.files(Some(commit))?;
        self.refresh(&FOR_A_VERDICT)?;
        let tag = self.compose()?.tag;
        let Some(image) = self.seen.server.image(&tag) else {
            return Ok(Judgement::unmeasured(format!("no image has the tag `{tag}`")));
        };
        let (base, kind) = self.base(commit, from)?;
        // Of all that was ever deleted too much would have to be looked for, file by file.
        let deleted = match &base {
            Some(base) if kind == Base::Verified => self.repo.deleted(commit, Some(base))?,
            _ => Vec::new(),
        };
        let deleted = if deleted.is_empty() { Vec::new() } else { self.candidates_of(&deleted)? };
        let ask = self.ask(commit, base.as_ref(), kind, &candidates, &deleted);
        Ok(judge_image(&evidence::of_image(&ask, &self.seen.server, image)?))
    }

    pub(super) fn compose(&self) -> Result<Compose, Refused> {
        let gone = || Refused::new("no-compose", "compose does not answer on the server any more");
        self.seen.server.compose().cloned().ok_or_else(gone)
    }

    pub(super) fn ask<'s>(
        &'s self,
        commit: &'s Sha,
        base: Option<&'s Sha>,
        kind: Base,
        candidates: &'s [Candidate],
        deleted: &'s [Candidate],
    ) -> evidence::Ask<'s> {
        evidence::Ask {
            repo: &self.repo,
            to: self.to.as_ref(),
            target: self.target,
            service: &self.service,
            commit,
            base,
            kind,
            built: self.built,
            candidates,
            deleted,
            expect: self.expect.map(|e| (e.text.as_str(), e.path.as_str())),
            stages: self.wish(),
            ledgers: [&self.seen.server.ledger, &self.seen.here.ledger]
                .into_iter()
                .flatten()
                .map(|ledger| ledger.lines.as_slice())
                .collect(),
        }
    }

    /// What has to be known to look into the stages of the build, if they are to be looked into.
    fn wish(&self) -> Option<stages::Wish<'_>> {
        let look = self.stages.as_ref()?;
        let maker = self.makers.get(&self.service);
        let view = maker.and_then(|maker| self.views.get(maker)?.compose.as_ref()?.as_ref().ok());
        let compose = view.or_else(|| self.seen.server.compose())?;
        let maker = maker.map_or(self.service.as_str(), String::as_str);
        Some(stages::Wish { compose, maker, cache_bust: look.cache_bust.as_deref() })
    }

    /// The verdict on what runs after a deploy was taken back: is it what ran before?
    pub(super) fn judge_what_runs(&mut self, on: &mut dyn FnMut(&Event<'_>)) -> Result<Judgement, Stop> {
        self.refresh(&AT_FIRST)?;
        let Some(compose) = self.seen.server.compose() else {
            return Ok(Judgement::unmeasured("compose does not answer on the server"));
        };
        let current = kept(&self.seen, compose, &self.service).into_iter().find(|kept| kept.current);
        let Some(commit) = current.and_then(|kept| kept.commit) else {
            return Ok(Judgement::unmeasured(
                "which commit the image of before was built from is not recorded",
            ));
        };
        Ok(self.judge(&commit, None, on)?.0)
    }

    /// The kept image of that commit, if the service went back to it: the server's checkout stayed where it was.
    pub(super) fn returned(&self, commit: &Sha) -> Option<ImageId> {
        let server = &self.seen.server;
        if server.git()?.head.as_ref() == Some(commit) {
            return None;
        }
        let kept = kept(&self.seen, server.compose()?, &self.service);
        let one = kept.into_iter().find(|one| one.current && one.commit.as_ref() == Some(commit))?;
        Some(one.image)
    }

    /// The commit to compare with: the last verified one, else the server's before this deploy, else the parent; an ancestor in any case.
    pub(super) fn base(&self, commit: &Sha, from: Option<&Sha>) -> Result<(Option<Sha>, Base), Lost> {
        let ledgers = [&self.seen.server.ledger, &self.seen.here.ledger];
        let verified = ledgers.into_iter().flatten().find_map(|l| last_verified(&l.lines, &self.service));
        for (sha, kind) in [(verified.as_ref(), Base::Verified), (from, Base::Guessed)] {
            if let Some(sha) = sha.filter(|s| *s != commit)
                && self.repo.relation(sha, commit)? == Relation::Behind
            {
                return Ok((Some(sha.clone()), kind));
            }
        }
        Ok((self.repo.commit(&format!("{commit}^"))?, Base::Guessed))
    }

    /// Waits until every container has made up its mind, and says why one has not.
    pub(super) fn settle(&mut self, on: &mut dyn FnMut(&Event<'_>)) -> Result<HashMap<String, String>, Lost> {
        let begin = now();
        let mut first: HashMap<String, u64> = HashMap::new();
        loop {
            self.refresh(&[Question::Containers])?;
            let server = &self.seen.server;
            let mut open = HashMap::new();
            for container in server.replicas().filter(|c| c.status != "exited" && c.status != "created") {
                let restarts = *first.entry(container.id.clone()).or_insert(container.restarts);
                let age = container.started.map_or(0, |s| server.now.whole() - s.whole());
                let why = if container.restarts != restarts {
                    format!("it was restarted {} times", container.restarts)
                } else if !container.runs() {
                    format!("it is {}", container.status)
                } else if container.health == Health::Starting {
                    "its health check has not decided".to_owned()
                } else if age < SETTLED {
                    "it started a moment ago".to_owned()
                } else {
                    continue;
                };
                open.insert(container.id.clone(), why);
            }
            let limit = if server.replicas().any(|c| c.health == Health::Starting) { HEALTH } else { STABLE };
            let looping = open.values().any(|w| w.contains("restarted"));
            if open.is_empty() || looping || begin.elapsed() > limit {
                return Ok(open);
            }
            on(&Event::Line("waiting for the container to settle"));
            pause(Duration::from_millis(700));
        }
    }

    /// The command line of another command for the same service and server.
    pub(super) fn command_line(&self, command: &str) -> String {
        let services = if command == "resume" { &[][..] } else { &self.services };
        let words = ["unstale", command].map(str::to_owned).into_iter().chain(services.iter().cloned());
        let words = words.chain(self.target.words());
        words.map(|w| crate::protocol::quote(&w)).collect::<Vec<_>>().join(" ")
    }
}

/// What is asked of the server to begin with.
const AT_FIRST: [Question; 6] = [
    Question::Git,
    Question::Engine,
    Question::Compose,
    Question::Containers,
    Question::Images,
    Question::Ledger,
];

/// What a verdict looks at.
const FOR_A_VERDICT: [Question; 5] =
    [Question::Git, Question::Containers, Question::Compose, Question::Images, Question::Ledger];

/// Seconds that a process has to live to count as settled.
const SETTLED: i64 = 3;
/// How long a container may take to settle.
const STABLE: Duration = Duration::from_secs(15);
/// How long a health check may take to decide.
const HEALTH: Duration = Duration::from_mins(2);
