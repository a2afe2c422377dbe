//! The last look of a run: whether what it has verified still runs when all is written down.

use super::{Failure, Run};
use crate::protocol::{Event, Judgement, Outcome, Place, Probe, Step, When};

/// What there is of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LastLook {
    /// Nothing yet.
    #[default]
    Open,
    /// The last task's way back said what runs.
    Asked,
    /// The line that the ledgers have of this deploy is not true any more.
    Contradicts,
}

impl Run<'_, '_> {
    /// Whether no task on the server comes after this one: on its way back that look costs nothing.
    pub(super) fn is_last_on_server(&self, index: usize) -> bool {
        let follows = |step: &Step| step.place() == Place::Server && step.when() != When::IfStale;
        self.is_verified() && !self.plan.steps[index + 1..].iter().any(follows)
    }

    /// Starts what does not run any more, and verifies it once more. If that is not the verdict that is written down, it is
    /// written again.
    pub(super) fn look_back(&mut self, on: &mut dyn FnMut(&Event<'_>)) {
        if self.open || !self.is_verified() {
            return;
        }
        let why = match self.still_runs(on) {
            Ok(()) if self.is_verified() => return,
            Ok(()) => None,
            Err((index, failure @ Failure::Sick(_))) => {
                self.write_again();
                return self.fail(index, failure, on);
            }
            Err((_, Failure::Said(why) | Failure::Gone(why))) => Some(why),
        };
        if let Some(why) = why {
            let judgement = Judgement::unmeasured(format!("it was verified, and then {why}"));
            self.outcome = Some(Outcome::Judged(judgement));
        }
        self.write_again();
        self.record_failure(on);
    }

    fn write_again(&mut self) {
        self.last = LastLook::Contradicts;
        self.recorded = None;
    }

    fn still_runs(&mut self, on: &mut dyn FnMut(&Event<'_>)) -> Result<(), (usize, Failure)> {
        let last = self.plan.steps.len() - 1;
        // A server that is gone now was there for the verdict, which stands.
        if self.last != LastLook::Asked && self.docker_answers().is_err() {
            return Ok(());
        }
        if self.session.seen.server.engine().is_none() {
            self.wait_for_docker("docker did not answer on the server after the verdict", "", on)
                .map_err(|failure| (last, failure))?;
        }
        for service in self.plan.services.clone() {
            let gone = self.gone(&service);
            let looks = |n: &usize| {
                let step = &self.plan.steps[*n];
                *step.post() == Probe::Verified
                    && step.concerns(&service)
                    && self.steps[*n].record.state.ran()
            };
            let looked = (0..=last).rev().find(looks);
            let (Some(index), false) = (looked, gone.is_empty()) else { continue };
            self.of.entry(service).or_default().down_since.get_or_insert_with(crate::deploy::now);
            let names = gone.join("`, `");
            on(&Event::Note(&format!("`{names}` does not run any more: started and verified once more")));
            self.once_more(index, on).map_err(|failure| (index, failure))?;
        }
        Ok(())
    }

    /// The verified containers of a service that do not run.
    fn gone(&self, service: &str) -> Vec<String> {
        let Some(running) = &self.session.seen.server.running else { return Vec::new() };
        let judgement = self.of.get(service).and_then(|of| of.judgement.as_ref());
        let names = judgement.into_iter().flat_map(|judgement| &judgement.replicas).map(|one| &one.container);
        names.filter(|name| !running.contains(name)).cloned().collect()
    }
}
