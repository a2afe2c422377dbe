//! Goes on with a deploy that another client left half-way: attaches to its worker, or starts one anew.

use std::time::Duration;

use super::{
    Job, Session, Stop, connect,
    frames::Questions,
    run::Run,
    transport::{Transport, word},
    worker::{self, Begun, Unfinished, Worker},
};
use crate::protocol::{Event, Lock, Question, Refused, Report, locked};

/// How long a command whose worker was killed may still keep the lock.
const ORPHAN: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_secs(1);

/// Goes on with the unfinished deploy of that id, or with the only one there is. The job names no service: the deploy does.
pub fn resume(job: Job<'_>, id: Option<&str>, on: &mut dyn FnMut(&Event<'_>)) -> Report {
    match resumed(job, id, on) {
        Ok(report) => report,
        Err((service, stop)) => Report::refused(&service, stop.refused()),
    }
}

fn resumed(
    mut job: Job<'_>,
    id: Option<&str>,
    on: &mut dyn FnMut(&Event<'_>),
) -> Result<Report, (String, Stop)> {
    let service = job.service.clone();
    let none = |stop: Stop| (service.clone(), stop);
    let to = connect(&job.target).map_err(|lost| none(lost.into()))?;
    let (git_dir, found) = look(to.as_ref(), job.target.dir(), id).map_err(none)?;
    let Unfinished { deploying, journal, alive, .. } = found;
    job.service.clone_from(&deploying.holder.service);
    job.expect = deploying.expect.clone().map(|(text, path)| super::Expect { text, path });
    let own = |stop: Stop| (deploying.holder.service.clone(), stop);
    let worker = begin(to.as_ref(), &git_dir, &job, &deploying.holder, on).map_err(own)?;
    let mut session = Session::over(to, &job).map_err(own)?;
    session.worker = Some(worker);
    let commit = match &deploying.plan.commit {
        Some(commit) => commit.clone(),
        None => {
            session.refresh(&[Question::Here]).map_err(|lost| own(lost.into()))?;
            match session.seen.here.head.clone().filter(|_| session.seen.here.modified.is_empty()) {
                Some(head) => head,
                None => {
                    let message = "the deploy was left before its commit was made, and files are changed here: commit, and resume again";
                    return Err(own(Refused::new("dirty", message).into()));
                }
            }
        }
    };
    if session.repo.commit(commit.as_str()).map_err(|lost| own(lost.into()))?.is_none() {
        let message = format!("this checkout does not know {}: `git fetch` first", commit.short());
        return Err(own(Refused::new("unknown-revision", message).into()));
    }
    let back = journal.taken_back();
    let mut run = Run::new(&mut session, &deploying, journal, alive);
    run.made(Some(commit)).map_err(|lost| own(lost.into()))?;
    match back {
        // It was on its way back when its client went.
        Some(index) => run.go_back(index, on),
        None => run.go(on),
    }
    Ok(run.report())
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
    let Lock { held, at, open } = worker::read_lock(&answers);
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
    let unfinished = Worker::unfinished(to, &git_dir, found)?.map_err(|why| Refused::new("no-plan", why))?;
    if unfinished.led {
        let holder = &unfinished.deploying.holder;
        return Err(Refused::new("locked", locked(Some(holder), at.as_deref())).into());
    }
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
        match Worker::begin(to, git_dir, job.target.dir(), holder)? {
            Begun::Held(worker) => return Ok(worker),
            Begun::Busy(Some(other)) if other.id == holder.id && since.elapsed() < ORPHAN => {
                on(&Event::Line("waiting for a command that still runs on the server"));
                super::pause(PAUSE);
            }
            Begun::Busy(other) => return Err(Refused::new("locked", locked(other.as_ref(), None)).into()),
            Begun::Failed(why) => return Err(Refused::new("no-worker", why).into()),
        }
    }
}
