//! Goes on with a deploy that another client left half-way: attaches to its worker, or starts one anew.

use std::time::Duration;

use super::{
    Job, Session, Stop, connect,
    frames::Questions,
    run::Run,
    session::AT_FIRST,
    transport::{Transport, word},
    worker::{self, Begun, Unfinished, Worker},
};
use crate::protocol::{Deploying, Event, Lock, Question, Refused, Report, Sha, locked};

/// How long the server may take to see that a client is gone.
const LEASH: Duration = Duration::from_secs(5);
/// How long a command whose worker was killed may still keep the lock.
const ORPHAN: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_secs(1);

/// Goes on with the unfinished deploy of that id, or with the last one there is. The job names no service: the deploy does.
pub fn resume(job: &Job<'_>, id: Option<&str>, on: &mut dyn FnMut(&Event<'_>)) -> Report {
    match found(job, id).and_then(|(to, left)| go_on(to, job, left, Way::On, on)) {
        Ok(report) => report,
        Err(stop) => Report::refused(&job.name(), stop.refused()),
    }
}

/// Takes back what was left half-way; `None` if nothing was.
pub(super) fn take_back(job: &Job<'_>, on: &mut dyn FnMut(&Event<'_>)) -> Result<Option<Report>, Stop> {
    match found(job, None) {
        Ok((to, left)) => go_on(to, job, left, Way::Back, on).map(Some),
        Err(Stop::Refused(refused)) if refused.reason == "nothing-to-resume" => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    On,
    Back,
}

type Left = (String, Unfinished);

fn found(job: &Job<'_>, id: Option<&str>) -> Result<(Box<dyn Transport>, Left), Stop> {
    let to = connect(&job.target)?;
    let left = look(to.as_ref(), job.target.dir(), id)?;
    Ok((to, left))
}

fn go_on(
    to: Box<dyn Transport>,
    job: &Job<'_>,
    (git_dir, left): Left,
    way: Way,
    on: &mut dyn FnMut(&Event<'_>),
) -> Result<Report, Stop> {
    let Unfinished { deploying, journal, alive, .. } = left;
    let services = &deploying.plan.services;
    if !job.services.iter().all(|service| services.contains(service)) {
        let message = format!(
            "deploy `{}` of `{}` was left half-way on this server",
            deploying.holder.id, deploying.holder.service
        );
        return Err(Refused::new("unfinished", message).into());
    }
    let job = Job {
        here: job.here.clone(),
        target: job.target.clone(),
        services: services.clone(),
        expect: deploying.expect.clone().map(|(text, path)| super::Expect { text, path }),
        candidates: job.candidates,
        checks: job.checks,
        keeps: job.keeps,
    };
    let worker = begin(to.as_ref(), &git_dir, &job, &deploying.holder, on)?;
    let mut session = Session::over(to, &job, &AT_FIRST)?;
    session.worker = Some(worker);
    let commit = match commit_of(&mut session, &deploying) {
        Ok(commit) => commit,
        // Who goes back needs none.
        Err(Stop::Refused(_)) if way == Way::Back => None,
        Err(stop) => {
            if let Some(worker) = &session.worker {
                drop(worker.leave(session.to.as_ref()));
            }
            return Err(stop);
        }
    };
    if commit.is_some() {
        session.set_commit(commit.clone());
    }
    session.needed_by_all()?;
    let back = journal.taken_back();
    let idle = journal.tasks.is_empty();
    let mut run = Run::new(&mut session, &deploying, journal, alive);
    run.made(commit)?;
    match (way, back) {
        // It was on its way back when its client went.
        (Way::On, Some(index)) => run.go_back(index, on),
        (Way::On, None) => run.go(on),
        (Way::Back, _) => run.go_back(deploying.plan.steps.len() - 1, on),
    }
    if way == Way::On {
        return Ok(run.report());
    }
    if idle {
        on(&Event::Note(
            "that deploy was left before it changed anything on the server: nothing is to be taken back",
        ));
    }
    run.judge_what_runs(on)?;
    let mut report = run.report();
    if idle {
        // Once more, for who meant the version before what runs.
        report.next.push(session.command_for("rollback", &session.services));
    }
    Ok(report)
}

/// The commit that is deployed; the deploy may have been left before it was written down, or before its step made it: then
/// there is none yet, and who began it makes it of what it was to be made of.
fn commit_of(session: &mut Session<'_>, deploying: &Deploying) -> Result<Option<Sha>, Stop> {
    let Some(commit) = &deploying.plan.commit else {
        session.refresh(&[Question::Here])?;
        let head = session.seen.here.head.clone();
        let parent = session.repo.commit("HEAD^")?;
        let Some(planned) = &deploying.unsaved else {
            return Err(Refused::new("dirty", "which commit is deployed was not written down").into());
        };
        if head.is_some() && parent == planned.head {
            return Ok(head);
        }
        if session.unsaved() == *planned && session.repo.who_and_where()? == deploying.holder.who {
            return Ok(None);
        }
        let message = format!(
            "the deploy of {} was left before its commit was made, and this is not the checkout that it was to be made of, or not as it was: commit, push, and deploy",
            deploying.holder.who
        );
        return Err(Refused::new("dirty", message).into());
    };
    if session.repo.commit(commit.as_str())?.is_none() {
        let message = format!("this checkout does not know {}: `git fetch` first", commit.short());
        return Err(Refused::new("unknown-revision", message).into());
    }
    Ok(Some(commit.clone()))
}

/// Finds the deploy.
fn look(to: &dyn Transport, dir: &str, id: Option<&str>) -> Result<(String, Unfinished), Stop> {
    let mut q = Questions::new();
    q.line(&format!("cd -- {} 2>/dev/null || cd /", word(dir)));
    q.ask("git-dir", "git rev-parse --absolute-git-dir");
    worker::ask_lock(&mut q);
    let answers = q.send(to)?;
    let Some(git_dir) = answers.get("git-dir").text() else {
        return Err(
            Refused::new("server-no-checkout", format!("`{dir}` is no git checkout on the server")).into()
        );
    };
    let Lock { held, at, mut open, idle } = worker::read_lock(&answers);
    // The last deploy, even if it was left before it did anything: who goes back from there means it, and not the one before.
    open.extend(idle);
    let found = match id {
        Some(id) => open.iter().find(|open| *open == id),
        None => open.iter().max(),
    };
    let Some(found) = found else {
        let refused = match (&held, id) {
            (Some(holder), _) => Refused::new("locked", locked(holder.as_ref(), at.as_deref())),
            (None, Some(id)) => {
                Refused::new("nothing-to-resume", format!("no deploy `{id}` was left half-way"))
            }
            (None, None) => Refused::new("nothing-to-resume", "no deploy was left half-way on this server"),
        };
        return Err(refused.into());
    };
    let since = super::now();
    let unfinished = loop {
        let unfinished =
            Worker::unfinished(to, &git_dir, found)?.map_err(|why| Refused::new("no-plan", why))?;
        if !unfinished.led {
            break unfinished;
        }
        if since.elapsed() > LEASH {
            let holder = &unfinished.deploying.holder;
            return Err(Refused::new("locked", locked(Some(holder), at.as_deref())).into());
        }
        super::pause(PAUSE);
    };
    Ok((git_dir, unfinished))
}

/// Attaches to the worker, or starts it again once what it left running has ended.
fn begin(
    to: &dyn Transport,
    git_dir: &str,
    job: &Job<'_>,
    holder: &crate::protocol::Holder,
    on: &mut dyn FnMut(&Event<'_>),
) -> Result<Worker, Stop> {
    let since = super::now();
    loop {
        match Worker::begin(to, git_dir, job.target.dir(), holder, Questions::new())? {
            Begun::Held(worker, _) => return Ok(worker),
            Begun::Busy(Some(other)) if other.id == holder.id && since.elapsed() < ORPHAN => {
                on(&Event::Line("waiting for a command that still runs on the server"));
                super::pause(PAUSE);
            }
            Begun::Busy(other) => return Err(Refused::new("locked", locked(other.as_ref(), None)).into()),
            Begun::Failed(why) => return Err(Refused::new("no-worker", why).into()),
        }
    }
}
