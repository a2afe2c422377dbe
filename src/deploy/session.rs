//! One checkout here, one server, one service: what is asked of them, and the verdict on what is found.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{
    Asked, Candidates, Checks, Expect, Job, Keeps, Stop, connect, evidence,
    frames::{Answers, Questions},
    git::{self, Repo},
    nonce, now, observe, pause,
    transport::{Local, Lost, Transport},
    trees,
    worker::{Begun, Worker},
};
use crate::protocol::{
    Base, BuildSource, Built, Candidate, Checkouts, Compose, Container, Deploying, Desired, Event, Found,
    Health, Holder, ImageId, Judgement, LedgerFile, Needed, Observed, Options, Place, Plan, Question, Reach,
    Refused, Relation, Sample, Server, Sha, Target, Unsaved, Unsettled, below, is_looping, judge,
    judge_image, judge_returned, kept, last_verified, locked, plan, refuse_content, refuse_service,
    unsettled, verified_images,
};

/// What is seen of one service.
#[derive(Default)]
pub(super) struct View {
    pub(super) compose: Option<Result<Compose, String>>,
    pub(super) containers: Option<Vec<Container>>,
    pub(super) built: Built,
    /// Whether Compose was asked since something in the checkout was changed.
    pub(super) fresh: bool,
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
    pub(super) keeps: Keeps<'a>,
    pub(super) commit: Option<Sha>,
    pub(super) seen: Observed,
    pub(super) built: Built,
    /// Whether a verdict looks into the stages of the build.
    pub(super) stages: Option<StageLook>,
    pub(super) worker: Option<Worker>,
    /// What was answered since something was changed.
    pub(super) fresh: HashSet<Question>,
    /// Whether Docker gave no answer, though it may give one now.
    pub(super) docker_was_away: bool,
}

/// How the stages of a build are looked into.
#[derive(Debug, Clone, Default)]
pub(super) struct StageLook {
    /// The value of `CACHE_BUST` that this very run built with.
    pub(super) cache_bust: Option<String>,
}

impl<'a> Session<'a> {
    /// `about` is what is asked of the server to begin with; all of [`AT_FIRST`] at least.
    pub(super) fn open(job: &'a Job<'_>, about: &[Question]) -> Result<Self, Stop> {
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
        Self::over(connect(&job.target)?, job, about)
    }

    pub(super) fn over(to: Box<dyn Transport>, job: &'a Job<'_>, about: &[Question]) -> Result<Self, Stop> {
        let repo = Repo::open(&job.here)?;
        let commit = repo.commit("HEAD")?;
        // Without a name: whatever is asked of the service has no answer, and the project has.
        let service = job.services.first().cloned().unwrap_or_default();
        let subject = observe::Subject {
            dir: job.target.dir(),
            service: &service,
            commit: commit.as_ref(),
            known: None,
        };
        let server = observe::ask(to.as_ref(), subject, about)?;
        let here = repo.here(server.git().and_then(|g| g.head.as_ref()), git::Remote::Leave)?;
        let local = matches!(job.target, Target::Local { .. });
        let one =
            local && server.git().is_some_and(|g| g.git_dir == here.git_dir && g.toplevel == here.toplevel);
        let checkouts = if one { Checkouts::One } else { Checkouts::Two };
        let fresh =
            about.iter().copied().filter(|question| observe::is_answered(&server, *question)).collect();
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
            keeps: job.keeps,
            commit,
            built: Built::Unknown,
            stages: None,
            worker: None,
            fresh,
            docker_was_away: false,
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
        // What was seen of the other services is old, too.
        self.views.values_mut().for_each(|view| view.fresh = false);
        let then = self.questions(&BEFORE_A_PLAN);
        let begun = Worker::begin(self.to.as_ref(), &git_dir, self.target.dir(), &holder, then)?;
        let (worker, answers) = match begun {
            Begun::Held(worker, answers) => (worker, answers),
            Begun::Busy(holder) => return Err(Refused::new("locked", locked(holder.as_ref(), None)).into()),
            Begun::Failed(why) => return Err(Refused::new("no-worker", why).into()),
        };
        let seen = self.understand(&answers, &BEFORE_A_PLAN);
        let again = seen.map_err(Stop::from).and_then(|()| make(self, &holder.id));
        let deploying = again.map(|plan| Deploying {
            schema: 1,
            from: self.seen.server.git().and_then(|g| g.head.clone()),
            expect: self.expect.map(|e| (e.text.clone(), e.path.clone())),
            holder,
            unsaved: plan.commit.is_none().then(|| self.unsaved()),
            plan,
            sick: Vec::new(),
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

    /// What a commit would be made of here.
    pub(super) fn unsaved(&self) -> Unsaved {
        let here = &self.seen.here;
        Unsaved { head: here.head.clone(), modified: here.modified.clone() }
    }

    /// A worker in the place of one that was killed between two tasks.
    pub(super) fn work_again(&mut self, holder: &Holder) -> Result<(), Lost> {
        let git_dir = self.seen.server.git().map(|git| git.git_dir.clone()).unwrap_or_default();
        let then = Questions::new();
        match Worker::begin(self.to.as_ref(), &git_dir, self.target.dir(), holder, then)? {
            Begun::Held(worker, _) => self.worker = Some(worker),
            Begun::Busy(other) => return Err(Lost(locked(other.as_ref(), None))),
            Begun::Failed(why) => return Err(Lost(why)),
        }
        Ok(())
    }

    /// Everything that is done before the first change: the plan, or a refusal.
    pub(super) fn prepare(&mut self, desired: &Desired, id: &str) -> Result<Plan, Stop> {
        self.look(&[Question::Here])?;
        self.look(&BEFORE_A_PLAN)?;
        let candidates = self.files(self.commit.as_ref());
        let stages = self.expect.is_none() && candidates.as_ref().is_ok_and(|all| self.only_built(all));
        let options = Options { keep: self.keep()?, stages, ..self.options(id) };
        // What speaks against it in any case, before more is asked.
        plan(desired, &self.seen, &options)?;
        let candidates = candidates?;
        self.seen.needed = self.needed(&candidates)?;
        refuse_content(&self.seen)?;
        let plan = plan(desired, &self.seen, &options)?;
        self.http_check()?;
        if let Some(expect) = self.expect {
            let running: Vec<Container> = self.seen.server.replicas().filter(|c| c.runs()).cloned().collect();
            for container in running {
                if trees::look(self.to.as_ref(), &container, &expect.text, &expect.path)? == Found::Yes {
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
            keep: usize::MAX,
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

    /// Refuses to say anything of containers that were not told.
    fn check_docker(&self) -> Result<(), Refused> {
        let server = &self.seen.server;
        if server.containers.is_some() && server.images.is_some() {
            return Ok(());
        }
        Err(Refused::new("no-docker", "docker does not answer on the server"))
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
        if self.commit != commit {
            // Whether the server has it was asked of another one.
            self.fresh.remove(&Question::Git);
        }
        self.commit = commit;
    }

    fn subject(&self) -> observe::Subject<'_> {
        observe::Subject {
            dir: self.target.dir(),
            service: &self.service,
            commit: self.commit.as_ref(),
            known: self.seen.server.compose(),
        }
    }

    /// The questions to the server, for a script that does something else before.
    pub(super) fn questions(&self, about: &[Question]) -> Questions {
        observe::questions_on(self.subject(), about)
    }

    /// Takes in the answers to [`Self::questions`].
    pub(super) fn understand(&mut self, answers: &Answers, about: &[Question]) -> Result<(), Lost> {
        let new = observe::understand(self.to.as_ref(), answers, self.subject(), about)?;
        self.take_in(new, about);
        Ok(())
    }

    /// What had no answer is asked again when it is needed again.
    fn take_in(&mut self, new: Server, about: &[Question]) {
        let server = &mut self.seen.server;
        observe::take_in(server, new, about);
        let (answered, open): (Vec<_>, Vec<_>) =
            about.iter().partition(|question| observe::is_answered(server, **question));
        self.docker_was_away |=
            open.iter().any(|question| matches!(question, Question::Containers | Question::Images));
        self.fresh.extend(answered);
        self.fresh.retain(|question| !open.contains(question));
    }

    /// Asks what was not answered since something was changed.
    pub(super) fn look(&mut self, about: &[Question]) -> Result<(), Lost> {
        let open: Vec<Question> = about.iter().copied().filter(|q| !self.fresh.contains(q)).collect();
        if open.is_empty() { Ok(()) } else { self.refresh(&open) }
    }

    /// What was seen is old: a step is about to change something. Only what happens in the checkout changes what Compose
    /// reads, and nothing of ours the engine and what else there is on the server.
    pub(super) fn outdate(&mut self, place: Place, in_checkout: bool) {
        if place == Place::Server && in_checkout {
            self.views.values_mut().for_each(|view| view.fresh = false);
        }
        self.fresh.retain(|question| match (place, question) {
            (Place::Here, Question::Here | Question::Git) => false,
            (Place::Here, _) | (Place::Server, Question::Here | Question::Engine | Question::Site) => true,
            (Place::Server, Question::Compose) => !in_checkout,
            (Place::Server, _) => false,
        });
    }

    /// Asks again.
    pub(super) fn refresh(&mut self, about: &[Question]) -> Result<(), Lost> {
        if about.iter().any(|q| *q != Question::Here) {
            let new = observe::ask(self.to.as_ref(), self.subject(), about)?;
            self.take_in(new, about);
        }
        if about.contains(&Question::Here) {
            let head = self.seen.server.git().and_then(|g| g.head.clone());
            self.seen.here = self.repo.here(head.as_ref(), git::Remote::Ask)?;
            self.fresh.insert(Question::Here);
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
        self.judge_as(commit, from, None, on)
    }

    /// As [`Self::judge`]; the image is what came back from a deploy of another commit.
    fn judge_as(
        &mut self,
        commit: &Sha,
        from: Option<&Sha>,
        back: Option<ImageId>,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(Judgement, Option<Sample>), Stop> {
        let check = self.http_check()?;
        self.find_maker(&self.service.clone())?;
        let candidates = self.files(Some(commit))?;
        let unsettled = self.settle(on)?;
        self.look(&FOR_A_VERDICT)?;
        self.check_docker()?;
        let back = back.or_else(|| self.returned(commit));
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
        self.look(&FOR_A_VERDICT)?;
        self.check_docker()?;
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
    ) -> trees::Ask<'s> {
        trees::Ask {
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
    fn wish(&self) -> Option<trees::Wish<'_>> {
        let look = self.stages.as_ref()?;
        let maker = self.makers.get(&self.service);
        let view = maker.and_then(|maker| self.views.get(maker)?.compose.as_ref()?.as_ref().ok());
        let compose = view.or_else(|| self.seen.server.compose())?;
        let maker = maker.map_or(self.service.as_str(), String::as_str);
        Some(trees::Wish { compose, maker, cache_bust: look.cache_bust.as_deref() })
    }

    /// The verdict on what runs after a deploy was taken back, and the commit that it is about: is it what ran before? `from` is the server's commit before
    /// the deploy, for an image of which no ledger says more.
    pub(super) fn judge_what_runs(
        &mut self,
        from: Option<&Sha>,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(Judgement, Option<Sha>), Stop> {
        // The checkout that a stage would be built from is not the one of what came back.
        self.stages = None;
        self.refresh(&AT_FIRST)?;
        let unmeasured = |why: &str| Ok((Judgement::unmeasured(why), None));
        let Some(compose) = self.seen.server.compose() else {
            return unmeasured("compose does not answer on the server");
        };
        let current = kept(&self.seen, compose, &self.service).into_iter().find(|kept| kept.current);
        // What the server's checkout was at is a claim, as what the ledger says: the bytes tell.
        let Some(commit) = current.and_then(|kept| kept.commit).or_else(|| from.cloned()) else {
            return unmeasured("which commit the image of before was built from is not recorded");
        };
        // Where the deploy was left before it kept the image, only the tag names it.
        let server = &self.seen.server;
        let elsewhere = server.git().is_some_and(|git| git.head.as_ref() != Some(&commit));
        let tag = server.compose().map(|compose| compose.tag.as_str());
        let back = tag.and_then(|tag| server.image(tag)).filter(|_| elsewhere).map(|image| image.id.clone());
        let judgement = self.judge_as(&commit, None, back, on)?.0;
        Ok((judgement, Some(commit)))
    }

    /// The image of that commit, kept or verified by a deploy, if the service went back to it: the server's checkout stayed
    /// where it was.
    pub(super) fn returned(&self, commit: &Sha) -> Option<ImageId> {
        let server = &self.seen.server;
        if server.git()?.head.as_ref() == Some(commit) {
            return None;
        }
        let compose = server.compose()?;
        let kept = kept(&self.seen, compose, &self.service);
        if let Some(one) = kept.into_iter().find(|one| one.current && one.commit.as_ref() == Some(commit)) {
            return Some(one.image);
        }
        let tagged = &server.image(&compose.tag)?.id;
        let ledgers = [&server.ledger, &self.seen.here.ledger];
        let verified = |ledger: &LedgerFile| verified_images(&ledger.lines, &self.service, commit);
        ledgers.into_iter().flatten().flat_map(verified).any(|id| id == tagged.0).then(|| tagged.clone())
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
    pub(super) fn settle(
        &mut self,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<HashMap<String, Unsettled>, Lost> {
        let begin = now();
        self.look(&[Question::Containers])?;
        loop {
            let server = &self.seen.server;
            let ended = |c: &&Container| matches!(c.status.as_str(), "exited" | "dead" | "created");
            let waited_for = server.replicas().filter(|c| !ended(c));
            let open = waited_for.filter_map(|c| Some((c.id.clone(), unsettled(c, server.now)?)));
            let open: HashMap<String, Unsettled> = open.collect();
            let limit = if server.replicas().any(|c| c.health == Health::Starting) {
                HEALTH
            } else if open.values().any(|unsettled| unsettled.loops) {
                RESTARTED
            } else {
                STABLE
            };
            let looping = server.replicas().any(|c| is_looping(c, server.now));
            let age_left = open.values().map(|unsettled| unsettled.wait).max().unwrap_or_default();
            if open.is_empty() || looping || begin.elapsed() > limit {
                return Ok(open);
            }
            on(&Event::Line("waiting for the container to settle"));
            // Seen often: a Docker that goes away meanwhile takes the container along, and may be back before the end.
            let last = !age_left.is_zero() && age_left <= AGAIN;
            pause(if last { age_left } else { AGAIN });
            self.refresh(if last { &FOR_A_VERDICT } else { &[Question::Containers] })?;
        }
    }

    /// The command line of another command for the same service and server.
    pub(super) fn command_line(&self, command: &str) -> String {
        self.command_for(command, if command == "resume" { &[] } else { &self.services })
    }

    /// The same for services of one's choice.
    pub(super) fn command_for(&self, command: &str, services: &[String]) -> String {
        let words = ["unstale", command].map(str::to_owned).into_iter().chain(services.iter().cloned());
        let words = words.chain(self.target.words());
        words.map(|w| crate::protocol::quote(&w)).collect::<Vec<_>>().join(" ")
    }
}

/// What is asked of the server to begin with.
pub(super) const AT_FIRST: [Question; 6] = [
    Question::Git,
    Question::Engine,
    Question::Compose,
    Question::Containers,
    Question::Images,
    Question::Ledger,
];

/// What is asked of the server before a plan is made.
pub(super) const BEFORE_A_PLAN: [Question; 8] = [
    Question::Git,
    Question::Engine,
    Question::Compose,
    Question::Containers,
    Question::Images,
    Question::Ledger,
    Question::Lock,
    Question::Site,
];

/// What a verdict looks at.
const FOR_A_VERDICT: [Question; 5] =
    [Question::Git, Question::Containers, Question::Compose, Question::Images, Question::Ledger];

/// Between two looks at one that is not settled.
const AGAIN: Duration = Duration::from_millis(700);
/// How long a container may take to settle.
const STABLE: Duration = Duration::from_secs(15);
/// The same for one that ended meanwhile, and was started again.
const RESTARTED: Duration = Duration::from_secs(30);
/// How long a health check may take to decide.
const HEALTH: Duration = Duration::from_mins(2);
