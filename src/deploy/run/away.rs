//! What a run does when Docker goes away under a step: waits until it answers again, and does once more what was cut off.

use std::{collections::HashSet, time::Duration};

use super::{Failure, PAUSE, Run, sick::SickEnd};
use crate::{
    deploy::{Session, frames::Questions, interrupt, transport::word},
    protocol::{Event, Logged, Outcome, Phase, Probe, Question, State, Verdict},
};

/// How long an engine may take to come back: systemd starts it again after two seconds, and it starts its containers
/// before it answers.
const AWAY: Duration = Duration::from_mins(1);

/// What the docker CLI, docker-compose 1 and BuildKit's client say when nobody answers them, or no more. It may be back
/// when it is asked. No words that a program within a build could say of something else.
const SAID: [&str; 5] = [
    "Cannot connect to the Docker daemon",
    "error during connect: ",
    "Couldn't connect to Docker daemon",
    "Error while fetching server API version",
    "error reading from server: EOF",
];

/// The containers that run beside those of the services.
pub(super) fn of_others(session: &Session<'_>) -> Vec<String> {
    let server = &session.seen.server;
    let project = server.compose().map(|compose| compose.project.as_str());
    // What was seen of services that are not deployed does not count.
    let views = session.views.iter().filter(|(service, _)| session.services.contains(service));
    let seen = views.map(|(_, view)| &view.containers).chain([&server.containers]);
    let ours = seen.flatten().flatten().filter(|container| Some(container.project.as_str()) == project);
    let ours: HashSet<&String> = ours.map(|container| &container.name).collect();
    server.running.iter().flatten().filter(|name| !ours.contains(name)).cloned().collect()
}

impl Run<'_, '_> {
    /// A step; once more if it failed and Docker was away, and came back.
    pub(super) fn step_over(&mut self, index: usize, on: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        self.session.docker_was_away = false;
        let result = self.step(index, on);
        let why = match &result {
            Ok(()) if self.is_unproven(index) => String::new(),
            Ok(()) | Err(Failure::Gone(_)) => return result,
            Err(Failure::Said(why) | Failure::Sick(SickEnd { why, .. })) => format!(": {why}"),
        };
        let was_away = self.session.docker_was_away || SAID.iter().any(|words| why.contains(words));
        let step = self.plan.steps[index].id();
        let what = if !self.docker_answers()? || was_away {
            format!("docker did not answer on the server at `{step}`")
        } else if matches!(result, Err(Failure::Sick(_))) && self.docker_has_forgotten()? {
            // If it is sick once more, it is to blame.
            format!("docker was started anew on the server at `{step}`, and what ran ended with it")
        } else {
            return result;
        };
        self.wait_for_docker(&what, &why, on)?;
        self.once_more(index, on)
    }

    /// Whether Docker does not know any more that it started a container of this deploy that has ended: it keeps its events
    /// in memory alone, and the last 256 (`daemon/events` in moby).
    fn docker_has_forgotten(&mut self) -> Result<bool, Failure> {
        let ended = self.session.seen.server.replicas().find(|container| !container.runs());
        let Some(id) = ended.map(|container| word(&container.id)) else { return Ok(false) };
        let since = word(&self.deploying.holder.since);
        let mut q = Questions::new();
        // A daemon elsewhere whose clock is behind would wait until then.
        q.ask(
            "started",
            &format!(
                "timeout 5 docker events --since {since} --until \"$(date +%s)\" --filter container={id} --filter event=start --format started"
            ),
        );
        let answer = q.send(self.session.to.as_ref())?;
        let started = answer.get("started");
        Ok(started.code == 0 && started.lines().is_empty())
    }

    /// Waits until Docker answers again, after what was seen. Says which containers of others it did not start.
    pub(super) fn wait_for_docker(
        &mut self,
        what: &str,
        why: &str,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), Failure> {
        on(&Event::Note(&format!("{what}; waiting for it")));
        if !self.docker_comes_back(on)? {
            return Err(Failure::Gone(format!("{what}, and does not answer{why}")));
        }
        let running = self.session.seen.server.running.clone().unwrap_or_default();
        self.down = self.others.iter().filter(|name| !running.contains(name)).cloned().collect();
        let down = self.down.join("`, `");
        let down = match down.as_str() {
            "" => String::new(),
            down => format!("; `{down}` ran before and does not now"),
        };
        on(&Event::Note(&format!("docker answers again{down}; once more")));
        Ok(())
    }

    /// A step once more, with all of the services: a container without a restart policy does not come back by itself.
    pub(super) fn once_more(&mut self, index: usize, on: &mut dyn FnMut(&Event<'_>)) -> Result<(), Failure> {
        for service in self.plan.services.clone() {
            let up = (0..index).rev().find(|n| {
                let Logged { step, record, .. } = &self.steps[*n];
                let starts = step.phase() == Phase::Up && !step.removes();
                starts && step.concerns(&service) && record.state.ran()
            });
            if let Some(up) = up {
                self.step(up, on)?;
            }
        }
        self.step(index, on)
    }

    /// Whether a step was a look at what runs that did not end with `verified`.
    fn is_unproven(&self, index: usize) -> bool {
        *self.plan.steps[index].post() == Probe::Verified
            && self.steps[index].record.state != State::Skipped
            && !self.is_verified()
    }

    /// Whether what was looked at last is verified, for all services that were looked at.
    pub(super) fn is_verified(&self) -> bool {
        matches!(&self.outcome, Some(Outcome::Judged(judgement)) if judgement.verdict == Verdict::Verified)
    }

    pub(super) fn docker_answers(&mut self) -> Result<bool, Failure> {
        self.session.refresh(&[Question::Engine])?;
        Ok(self.session.seen.server.engine().is_some())
    }

    fn docker_comes_back(&mut self, on: &mut dyn FnMut(&Event<'_>)) -> Result<bool, Failure> {
        let since = crate::deploy::now();
        loop {
            if self.docker_answers()? {
                return Ok(true);
            }
            if interrupt::seen() || since.elapsed() >= AWAY {
                return Ok(false);
            }
            on(&Event::Line("waiting for docker on the server"));
            crate::deploy::pause(PAUSE);
        }
    }

    /// The command that starts the containers of others that did not come back.
    pub(super) fn starts_them(&self) -> Option<String> {
        let words = ["docker", "start"].map(str::to_owned).into_iter().chain(self.down.iter().cloned());
        (!self.down.is_empty()).then(|| self.session.target.paste(&words.collect::<Vec<_>>()))
    }
}
