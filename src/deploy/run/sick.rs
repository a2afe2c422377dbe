//! What a run does when the new version is sick: takes it back, or leaves it, and says what it said last.

use super::{Of, Run};
use crate::{
    deploy::{Stop, transport::Lost},
    protocol::{
        Event, Judgement, LastWords, Outcome, Probe, Sick, Sickness, Step, Treatment, Verdict, When,
        sick_words,
    },
};

/// The end of a run whose new version is sick.
pub(super) struct SickEnd {
    /// In words.
    pub(super) why: String,
    treatment: Treatment,
}

impl Of {
    /// What came up does not work: the service is down since its containers were removed.
    fn still_down(&mut self) {
        if let Some((since, before)) = self.removed {
            self.down_since = Some(since);
            self.downtime_ms = before;
        }
    }
}

impl Run<'_, '_> {
    /// What a verdict says of the containers' health. A build that has to be repeated, because old files run, is not the
    /// new version. One that is as sick as what ran before keeps its verdict, which then says so.
    pub(super) fn treat(&mut self, index: usize, judgement: &mut Judgement) -> Result<Option<SickEnd>, Lost> {
        let service = self.session.service.clone();
        // Of an earlier look nothing counts.
        self.sick.containers.retain(|(sick, _)| sick.service != service);
        let follows = |step: &Step| step.when() == When::IfStale && step.concerns(&service);
        if judgement.wants_a_build() && self.plan.steps[index + 1..].iter().any(follows) {
            return Ok(None);
        }
        let before = self.plan.sick_before.get(&service).copied();
        let undo = self.plan.steps[..index].iter().any(|step| step.removes() && step.undo_of().is_some());
        let Some(treatment) = Treatment::of(judgement, before, undo, self.plan.keeps_sick) else {
            return Ok(None);
        };
        self.sick.containers.extend(self.session.sickness(judgement)?.containers);
        if treatment == Treatment::AsBefore {
            judgement.reason.push_str("; it was no better before this deploy, so that nothing is taken back");
            return Ok(None);
        }
        let stale = match judgement.verdict {
            Verdict::Stale => format!("; stale, too: {}", judgement.reason),
            Verdict::Verified | Verdict::Inconclusive => String::new(),
        };
        Ok(Some(SickEnd { why: format!("{}{stale}", sick_words(judgement)), treatment }))
    }

    /// Ends it.
    pub(super) fn end_sick(&mut self, index: usize, end: SickEnd, on: &mut dyn FnMut(&Event<'_>)) {
        let SickEnd { why, treatment } = end;
        self.treated = Some(treatment);
        // The others of the same deploy go with it.
        for of in self.of.values_mut() {
            of.still_down();
        }
        let now = match treatment {
            Treatment::Back => self.back_and_looked_at(index, on),
            Treatment::Alone => format!("nothing ran before that could come back: {}", self.what_runs(None)),
            Treatment::Kept | Treatment::AsBefore => {
                format!("it is kept to be looked at: {}", self.what_runs(None))
            }
        };
        self.outcome = Some(Outcome::Stopped { why, now });
        self.record_failure(on);
    }

    fn back_and_looked_at(&mut self, index: usize, on: &mut dyn FnMut(&Event<'_>)) -> String {
        // Whoever goes on with it must know why, and the containers will be gone. That it cannot be written stops nothing.
        let mut deploying = self.deploying.clone();
        deploying.plan.commit.clone_from(&self.commit);
        deploying.holder.commit.clone_from(&self.commit);
        deploying.sick = self.sick.containers.iter().map(|(sick, _)| sick.clone()).collect();
        if let Some(worker) = &self.session.worker {
            drop(worker.write(self.session.to.as_ref(), &deploying));
        }
        let now = self.take_back(index, on);
        self.look_at_what_came_back(now, on)
    }

    /// Whether what came back is what ran before.
    pub(super) fn look_at_what_came_back(&mut self, now: String, on: &mut dyn FnMut(&Event<'_>)) -> String {
        if self.open {
            return now;
        }
        let returned = match self.judged_after_the_way_back(on) {
            Ok((returned, _)) => returned,
            Err(Stop::Refused(refused)) => Judgement::unmeasured(refused.message),
            Err(Stop::Lost(lost)) => Judgement::unmeasured(lost.0),
        };
        let proven = match returned.verdict {
            Verdict::Verified => "verified: ",
            Verdict::Inconclusive => "whether it is what ran before is not proven: ",
            Verdict::Stale => "it is not what ran before: ",
        };
        let now = format!("{now}; {proven}{}", returned.reason);
        self.sick.returned = Some(returned);
        now
    }

    /// The sick containers for which another client took it back; what they said is gone with them.
    pub(super) fn remember(&mut self, sick: &[Sick]) -> Option<String> {
        let details: Vec<&str> = sick.iter().map(|sick| sick.detail.as_str()).collect();
        let containers = sick.iter().map(|sick| (sick.clone(), LastWords::default()));
        self.sick = Sickness { containers: containers.collect(), returned: None };
        (!sick.is_empty()).then(|| format!("the new version was sick: {}", details.join(", ")))
    }

    /// What failed while the containers of the new version were started is judged with the verdict, if they themselves are
    /// the reason: it looks into them.
    pub(super) fn is_for_the_verdict(&self, step: &Step) -> bool {
        let server = &self.session.seen.server;
        let gone = |status: &str| matches!(status, "exited" | "dead" | "restarting");
        matches!(step.post(), Probe::Running { .. })
            && server.replicas().any(|container| gone(&container.status))
    }

    /// Whether a container of the service ended, and nothing starts it again.
    pub(super) fn has_ended(&self) -> bool {
        let ended = |status: &str| matches!(status, "exited" | "dead");
        self.session.seen.server.replicas().any(|container| ended(&container.status))
    }

    /// The commands that go on from a sick version that was left as it is.
    pub(super) fn ways_on(&mut self) -> Vec<String> {
        if self.treated == Some(Treatment::Back) || self.sick.containers.is_empty() {
            return Vec::new();
        }
        // A server that is gone has no image to offer.
        self.session.ways_on(&self.plan.services, &self.sick).unwrap_or_default()
    }
}
