//! Brings the image of before back: that of a deploy that was left half-way, or one that an earlier deploy kept.

use super::{
    Job, Mode, Session, Stop, resume, run,
    session::{AT_FIRST, BEFORE_A_PLAN},
};
use crate::protocol::{Event, Plan, Question, Refused, Report, Retained, kept, plan_back};

/// What came of it.
pub enum Back {
    /// It was carried out, or refused; with the plan, if it was only to be shown.
    Report(Box<Report>, Option<Plan>),
    /// The kept images, if they were only to be listed.
    Kept(Vec<Retained>),
}

/// How to go back.
#[derive(Debug, Clone, Copy)]
pub struct HowBack<'a> {
    /// Which kept image: the id of the deploy that kept it, its commit or its image ID.
    pub to: Option<&'a str>,
    /// Whether to act.
    pub mode: Mode,
    /// Only say what there is.
    pub list: bool,
}

/// Goes back.
pub fn rollback(job: &Job<'_>, how: &HowBack<'_>, on: &mut dyn FnMut(&Event<'_>)) -> Back {
    if !how.list && how.mode == Mode::Run && how.to.is_none() {
        // What was left half-way has to be taken back first, and that is what is meant.
        match resume::take_back(job, on) {
            Ok(Some(report)) => return Back::Report(Box::new(report), None),
            Ok(None) => {}
            Err(stop) => return refused(&job.name(), stop),
        }
    }
    match back(job, how, on) {
        Ok(back) => back,
        Err(stop) => refused(&job.name(), stop),
    }
}

fn refused(service: &str, stop: Stop) -> Back {
    Back::Report(Box::new(Report::refused(service, stop.refused())), None)
}

fn back(job: &Job<'_>, how: &HowBack<'_>, on: &mut dyn FnMut(&Event<'_>)) -> Result<Back, Stop> {
    let about: &[Question] = if how.list { &AT_FIRST } else { &BEFORE_A_PLAN };
    let mut session = Session::open(job, about)?;
    session.check_server()?;
    if how.list {
        let compose = session.seen.server.compose().expect("the check has seen it");
        return Ok(Back::Kept(kept(&session.seen, compose, &session.service)));
    }
    let id = session.name();
    let to = how.to;
    let mut make = |session: &mut Session<'_>, id: &str| -> Result<Plan, Stop> {
        session.look(&[Question::Lock, Question::Site])?;
        let (plan, chosen) = plan_back(&session.service, to, &session.seen, &session.options(id))?;
        let commit = chosen.commit.expect("the plan refuses without one");
        if session.repo.commit(commit.as_str())?.is_none() {
            let message = format!("this checkout does not know {}: `git fetch` first", commit.short());
            return Err(Refused::new("unknown-revision", message).into());
        }
        session.files(Some(&commit))?;
        session.http_check()?;
        Ok(plan)
    };
    let plan = make(&mut session, &id)?;
    if how.mode == Mode::DryRun {
        return Ok(Back::Report(Box::new(super::planned(job, &plan)), Some(plan)));
    }
    let deploying = session.begin(id, &plan, &mut make)?;
    session.set_commit(deploying.plan.commit.clone());
    Ok(Back::Report(Box::new(run::run(&mut session, &deploying, on)), Some(deploying.plan)))
}
