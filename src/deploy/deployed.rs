//! Looks whether a deploy has anything to do, before it makes a plan.

use super::{How, Session, Stop, frames::Questions, transport::word};
use crate::protocol::{Desired, Event, Judgement, Question, Report, Verdict, is_deployed};

impl Session<'_> {
    /// The report of a deploy that has nothing to do: each service runs the commit, as its last deploy left it, verified
    /// once more by its bytes.
    pub(super) fn nothing_to_do(
        &mut self,
        how: &How<'_>,
        on: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Option<Report>, Stop> {
        self.choose(how)?;
        self.look(&[Question::Here, Question::Lock])?;
        let Some(commit) = self.commit.clone() else { return Ok(None) };
        let (mut judged, mut sample) = (Vec::new(), None);
        for service in self.services.clone() {
            self.turn_to(&service)?;
            let desired = Desired::new(service.clone(), how.message);
            if !is_deployed(&desired, &self.seen) || !self.would_stay()? {
                return Ok(None);
            }
            let (judgement, text) = self.judge(&commit, None, on)?;
            if judgement.verdict != Verdict::Verified || !is_deployed(&desired, &self.seen) {
                return Ok(None);
            }
            sample = sample.or(text);
            judged.push((service, judgement));
        }
        let all = Judgement::of_all(judged.iter().map(|(service, one)| (service.as_str(), one)));
        let reason = format!("nothing to do, {} runs already: {}", commit.short(), all.reason);
        let all = Judgement { reason, ..all };
        Ok(Some(Report::judged(self.services.join(" "), all, commit, sample)))
    }

    /// Whether Compose would leave the containers as they are: its hash of the service, with all that the server's
    /// environment says now, is the one that they were made with.
    fn would_stay(&self) -> Result<bool, Stop> {
        let compose = self.compose()?;
        let argv = compose.argv(&["config", "--hash", &self.service]);
        let line = argv.iter().map(|w| word(w)).collect::<Vec<_>>().join(" ");
        let mut q = Questions::new();
        q.line(&format!("cd -- {} || exit", word(self.target.dir())));
        q.ask("hash", &line);
        let ids: Vec<String> = self.seen.server.replicas().map(|c| word(&c.id)).collect();
        let label = "{{index .Config.Labels \"com.docker.compose.config-hash\"}}";
        q.ask("made", &format!("docker inspect --type container --format '{label}' {}", ids.join(" ")));
        let answers = q.send(self.to.as_ref())?;
        let hash = answers.get("hash").text().unwrap_or_default();
        // `web 1f2e…`
        let hash = hash.rsplit(' ').next().unwrap_or_default();
        let made = answers.get("made").lines();
        Ok(!hash.is_empty() && made.len() == ids.len() && made.iter().all(|one| one == hash))
    }
}
