//! Several hosts: all are planned before the first is changed, the first goes alone, and nothing goes on after a failure.

use std::sync::Mutex;

use super::{How, Job, Mode, What, deploy, verify};
use crate::protocol::{Event, Hosts, Plan, Report, Target};

/// Where the events of several hosts go.
pub type OnHost<'a> = &'a mut (dyn FnMut(&Target, &Event<'_>) + Send);

/// Deploys to one host after the other, or after the first to `parallel` at a time; with [`Mode::DryRun`] gives the plans.
pub fn deploy_hosts(jobs: &[Job<'_>], how: &How<'_>, parallel: usize, on: OnHost<'_>) -> (Hosts, Vec<Plan>) {
    let left = |from: usize| jobs[from..].iter().map(|job| job.target.clone()).collect();
    let dry = How { mode: Mode::DryRun, wait: false, ..*how };
    let (mut planned, mut plans) = (Vec::new(), Vec::new());
    for (n, job) in jobs.iter().enumerate() {
        let (report, plan) = deploy(job, &dry, &mut |event| on(&job.target, event));
        let refused = report.outcome.exit_code() != 0;
        let waits = how.wait && report.is_locked();
        planned.push((job.target.clone(), report));
        plans.extend(plan);
        if refused && !waits {
            let refusal = planned.split_off(n);
            return (Hosts { reports: refusal, left: left(n + 1) }, plans);
        }
    }
    if how.mode == Mode::DryRun {
        return (Hosts { reports: planned, left: Vec::new() }, plans);
    }
    let on = Mutex::new(on);
    let mut reports: Vec<(Target, Report)> = Vec::new();
    while reports.len() < jobs.len() {
        let begun = reports.len();
        // What the first one shows, it shows on one host only; it also makes and pushes the commit for all.
        let many = if begun == 0 { 1 } else { parallel.max(1) };
        let batch = &jobs[begun..jobs.len().min(begun + many)];
        reports.extend(at_once(batch, how, &on));
        if reports[begun..].iter().any(|(_, report)| report.outcome.exit_code() != 0) {
            break;
        }
    }
    let left = left(reports.len());
    (Hosts { reports, left }, plans)
}

fn at_once(jobs: &[Job<'_>], how: &How<'_>, on: &Mutex<OnHost<'_>>) -> Vec<(Target, Report)> {
    let one = |job: &Job<'_>| {
        let (report, _) = deploy(job, how, &mut |event| {
            let mut on = on.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            on(&job.target, event);
        });
        (job.target.clone(), report)
    };
    if let [job] = jobs {
        return vec![one(job)];
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = jobs.iter().map(|job| scope.spawn(move || one(job))).collect();
        let ended = running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.collect()
    })
}

/// Verifies every host, whatever the others say.
pub fn verify_hosts(jobs: &[Job<'_>], what: What<'_>, on: OnHost<'_>) -> Hosts {
    let one = |job: &Job<'_>| {
        let report = verify(job, what, &mut |event| on(&job.target, event));
        (job.target.clone(), report)
    };
    Hosts { reports: jobs.iter().map(one).collect(), left: Vec::new() }
}
