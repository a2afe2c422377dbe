//! What a run does when a step fails, or when it is told to go back: takes back what was done, the last first.

use std::time::Duration;

use super::{Failure, Run, text, whole_millis};
use crate::{
    deploy::{Stop, transport::Finished},
    protocol::{
        Actor, Carried, Event, Judgement, Outcome, Phase, Place, Probe, Question, Refused, Sha, State, Step,
        Task, Treatment, Undo, When,
    },
};

impl Run<'_, '_> {
    /// Takes back what was done up to a step.
    pub(in crate::deploy) fn go_back(&mut self, index: usize, on: &mut dyn FnMut(&Event<'_>)) {
        for n in 0..=index {
            if self.journal.of_step(n).is_some() {
                self.steps[n].record.state = State::Done;
            }
        }
        let sick = self.remember(&self.deploying.sick);
        let mut now = self.take_back(index, on);
        self.count_downtime(index);
        if sick.is_some() {
            self.treated = Some(Treatment::Back);
            now = self.look_at_what_came_back(now, on);
        }
        let why = sick.unwrap_or_else(|| "the deploy was left half-way".to_owned());
        self.outcome = Some(Outcome::Stopped { why, now });
        if !self.open {
            self.record_failure(on);
        }
    }

    /// After a way back: whether what runs is what ran before.
    pub(in crate::deploy) fn judge_what_runs(&mut self, on: &mut dyn FnMut(&Event<'_>)) -> Result<(), Stop> {
        if !self.open {
            let (judgement, commit) = self.judged_after_the_way_back(on)?;
            self.outcome = Some(Outcome::Judged(judgement));
            self.commit = commit;
        }
        Ok(())
    }

    pub(super) fn judged_after_the_way_back(
        &mut self,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(Judgement, Option<Sha>), Stop> {
        let (mut judged, mut commits) = (Vec::new(), Vec::new());
        for service in &self.plan.services {
            self.session.turn_to(service)?;
            let (judgement, commit) = self.session.judge_what_runs(self.from.as_ref(), on)?;
            judged.push((service.as_str(), judgement));
            commits.push(commit);
        }
        commits.dedup();
        // Of several services each may have been at a commit of its own.
        let commit = if commits.len() == 1 { commits.pop().flatten() } else { None };
        Ok((Judgement::of_all(judged.iter().map(|(service, one)| (*service, one))), commit))
    }

    /// Ends before a step. Where the server still runs and holds what it did before, nobody has to go on with it.
    pub(super) fn interrupted(&mut self, index: usize, on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        let why = format!("interrupted before `{}`", self.plan.steps[index].id());
        let begun = |c: &Carried| !matches!(self.plan.steps[c.task.index].id(), "retain" | "fetch");
        if self.journal.tasks.iter().any(begun) {
            let now = "what is done stays done, and the rest is for `resume`".to_owned();
            return Outcome::Stopped { why, now };
        }
        self.told = true;
        self.untag(on);
        self.open = false;
        let here = self.steps.iter().any(|s| s.record.state == State::Done && s.step.place() == Place::Here);
        let now = "the server runs what it ran before, and its checkout is as it was";
        if here {
            return Outcome::Stopped { why, now: format!("what is pushed stays pushed; {now}") };
        }
        Outcome::Refused(Refused::new("interrupted", format!("{why}; {now}")))
    }

    /// Removes the tags that keep what ran: nothing of it was taken away, and no ledger will know them.
    fn untag(&mut self, on: &mut dyn FnMut(&Event<'_>)) {
        for index in 0..self.plan.steps.len() {
            let step = self.plan.steps[index].clone();
            let done = step.id() == "retain" && self.journal.of_step(index).is_some();
            let (true, Probe::Tagged { tag, .. }) = (done, step.post()) else { continue };
            let argv = ["docker", "rmi", tag].map(str::to_owned);
            // Docker refuses for the only tag of an image that runs: then it stays, and does no harm.
            drop(self.watch(&Task { index, nth: 0, undo: true }, &step, &argv, "", on));
            self.steps[index].record.state = State::Undone;
        }
    }

    pub(super) fn fail(&mut self, index: usize, failure: Failure, on: &mut dyn FnMut(&Event<'_>)) {
        let changed = self.steps[..index]
            .iter()
            .any(|s| s.record.state == State::Done && s.step.place() == Place::Server)
            || self.steps[..index].iter().any(|s| s.step.id() == "commit" && s.record.state == State::Done);
        let step = self.plan.steps[index].clone();
        let (why, gone) = match failure {
            Failure::Said(why) => (why, false),
            Failure::Gone(why) => (why, true),
            Failure::Sick(end) => return self.end_sick(index, end, on),
        };
        let beside = match step.when() {
            When::Always if *step.post() != Probe::Verified => Some("the ledger was not written"),
            When::IfVerified => Some("images that were kept long enough were not all removed"),
            When::Always | When::IfStale => None,
        };
        if let (Some(Outcome::Judged(_)), Some(what)) = (&self.outcome, beside) {
            // The verdict stands.
            self.open = gone;
            on(&Event::Note(&format!("{what}: {why}")));
            return;
        }
        if !changed && step.phase() == Phase::Push {
            let reason = if step.id() == "push" { "push-failed" } else { "commit-failed" };
            self.open = false;
            self.outcome = Some(Outcome::Refused(Refused::new(reason, why)));
            return;
        }
        let now = if gone {
            // The command may still run there: taking something back now could meet it half-way.
            let undo =
                self.plan.steps[..=index].iter().rev().find_map(Step::undo_of).map(|u| self.by_hand(u));
            let undo = undo.map(|line| format!("; to bring the old image back: {line}")).unwrap_or_default();
            format!("what runs on the server is not known; look there with `docker ps`{undo}")
        } else {
            self.take_back(index, on)
        };
        self.outcome = Some(Outcome::Stopped { why, now });
        if !gone && step.phase() > Phase::Push {
            self.record_failure(on);
        }
    }

    /// Takes back the failed step and the ones before it, last first; says what runs then.
    pub(super) fn take_back(&mut self, index: usize, on: &mut dyn FnMut(&Event<'_>)) -> String {
        let mut brought = None;
        for n in (0..=index).rev() {
            let step = self.plan.steps[n].clone();
            let Some(undo) = step.undo_of().filter(|_| self.steps[n].record.state.ran()) else {
                continue;
            };
            on(&Event::Note(&format!("taking back `{}`: {}", step.id(), undo.cause)));
            let mut failed = None;
            for argv in &undo.argvs[self.taken_back_already(n, undo)..] {
                let words: Vec<String> = argv.0.iter().filter_map(text).collect();
                let nth = self.journal.tasks.iter().filter(|c| c.task.index == n && c.task.undo).count();
                match self.watch(&Task { index: n, nth, undo: true }, &step, &words, "", on) {
                    Ok(Finished { code: 0, .. }) => {}
                    Ok(Finished { tail, .. }) => failed = Some(tail.last().cloned().unwrap_or_default()),
                    Err(Failure::Said(why) | Failure::Gone(why)) => failed = Some(why),
                    Err(Failure::Sick(end)) => failed = Some(end.why),
                }
                if failed.is_some() {
                    break;
                }
            }
            match failed {
                Some(why) => {
                    return format!(
                        "taking it back failed too ({why}), and nothing may run; by hand: {}",
                        self.by_hand(undo)
                    );
                }
                None => drop(brought.get_or_insert_with(|| undo.cause.clone())),
            }
            // What failed, failed: that it was taken back is said in words.
            if self.steps[n].record.state != State::Failed {
                self.steps[n].record.state = State::Undone;
            }
        }
        self.what_runs(brought)
    }

    /// How many of the commands that take a step back another client had done. The last one, which starts what ran before,
    /// is done again: it changes nothing where that runs.
    fn taken_back_already(&self, index: usize, undo: &Undo) -> usize {
        let of_step = self.journal.tasks.iter().filter(|c| c.task.index == index && c.task.undo);
        let done = of_step.take_while(|carried| carried.code == Some(0)).count();
        done.min(undo.argvs.len().saturating_sub(1))
    }

    /// The downtime of what another client removed: by the server's clock, from then to the start of what runs now.
    fn count_downtime(&mut self, index: usize) {
        for service in self.plan.services.clone() {
            let takes = |n: &usize| self.plan.steps[*n].removes() && self.plan.steps[*n].concerns(&service);
            let Some(removed) = (0..=index).filter(takes).find_map(|n| self.journal.of_step(n)) else {
                continue;
            };
            let began = removed.began;
            if self.session.turn_to(&service).is_err() {
                continue;
            }
            let runs = self.session.seen.server.replicas().filter(|container| container.runs());
            let until = runs.filter_map(|c| c.started).min().unwrap_or(self.session.seen.server.now);
            let ms = whole_millis(until.since(began));
            self.of.entry(service).or_default().downtime_ms = ms;
        }
    }

    fn by_hand(&self, undo: &Undo) -> String {
        let words = |argv: &crate::protocol::Argv| argv.0.iter().filter_map(text).collect::<Vec<String>>();
        self.session.target.paste_all(&undo.argvs.iter().map(words).collect::<Vec<_>>())
    }

    pub(super) fn what_runs(&mut self, brought: Option<String>) -> String {
        let mut running = Vec::new();
        for service in &self.plan.services {
            let about = [Question::Containers, Question::Compose, Question::Images];
            let asked = self.session.turn_to(service).and_then(|()| self.session.refresh(&about));
            let server = &self.session.seen.server;
            if asked.is_err() || server.containers.is_none() {
                return "what runs now could not be asked".to_owned();
            }
            let runs = server.replicas().filter(|c| c.runs());
            let runs: Vec<_> = runs.map(|c| format!("`{}` from image {}", c.name, c.image.short())).collect();
            if !runs.is_empty() {
                self.up_again();
            }
            running.extend(runs);
        }
        self.open = false;
        if running.is_empty() {
            return "no container of the service runs now".to_owned();
        }
        let cause = brought.map(|b| format!("{b}: ")).unwrap_or_default();
        format!("{cause}{} running now", running.join(", "))
    }

    /// Writes the failure into the ledgers; that this fails too changes nothing.
    pub(super) fn record_failure(&mut self, on: &mut dyn FnMut(&Event<'_>)) {
        for of in self.of.values_mut() {
            of.up_again(Duration::ZERO);
        }
        for index in 0..self.plan.steps.len() {
            let step = &self.plan.steps[index];
            if step.phase() == Phase::Verify
                && step.actor() == Actor::Program
                && self.step(index, on).is_err()
            {
                return;
            }
        }
    }
}
