//! The services of a job: which they are, which belong together, and one plan for all of them.

use super::{
    How, IfSick, Job, Stop,
    session::{Session, View},
    transport::Lost,
};
use crate::protocol::{BuildSource, Compose, Desired, Needed, Plan, Question, Refused, together};

/// A service, the tag of its image, and what it builds.
type Image = (String, String, Option<BuildSource>);

impl Session<'_> {
    /// Looks at another service from now on.
    pub(super) fn turn_to(&mut self, service: &str) -> Result<(), Lost> {
        if self.service == service {
            return Ok(());
        }
        // Minutes may have gone by with the other one: its server is looked at anew, and Compose is asked again unless
        // nothing in the checkout changed.
        let fresh = self.fresh.remove(&Question::Compose);
        self.fresh.retain(|question| {
            matches!(question, Question::Here | Question::Lock | Question::Site | Question::Engine)
        });
        let server = &mut self.seen.server;
        let left = View {
            fresh,
            compose: server.compose.take(),
            containers: server.containers.take(),
            built: std::mem::take(&mut self.built),
        };
        self.views.insert(std::mem::replace(&mut self.service, service.to_owned()), left);
        let Some(View { compose, containers, built, fresh }) = self.views.remove(service) else {
            return self.refresh(&[Question::Compose, Question::Containers]);
        };
        if fresh {
            self.fresh.insert(Question::Compose);
        }
        let server = &mut self.seen.server;
        (server.compose, server.containers, self.built) = (compose, containers, built);
        Ok(())
    }

    /// The services of the job: those that it names, or all whose image the project builds.
    pub(super) fn of_job(&mut self, job: &Job<'_>) -> Result<Vec<String>, Stop> {
        if !job.services.is_empty() {
            return Ok(job.services.clone());
        }
        let mut found = Vec::new();
        let all = match &self.seen.server.compose {
            Some(Ok(compose)) => compose.services.clone(),
            _ => Vec::new(),
        };
        for service in all {
            self.turn_to(&service)?;
            let builds = self.seen.server.compose().is_some_and(|compose| compose.build.is_some());
            if builds || self.find_maker(&service)?.is_some() {
                found.push(service);
            }
        }
        if found.is_empty() {
            self.project()?;
            return Err(Refused::new("not-built", "no service of the project has a `build`").into());
        }
        Ok(found)
    }

    /// Which services it is about.
    pub(super) fn choose(&mut self, how: &How<'_>) -> Result<(), Stop> {
        if how.with_siblings {
            self.add_siblings()?;
        }
        if self.services.len() > 1 && self.expect.is_some() {
            let message = "`--expect` proves one service: name one, or leave it out";
            return Err(Refused::new("several-services", message).into());
        }
        Ok(())
    }

    /// The plan for all services, or the first refusal.
    pub(super) fn prepare_all(&mut self, how: &How<'_>, id: &str) -> Result<Plan, Stop> {
        self.choose(how)?;
        let (mut plans, mut needed) = (Vec::new(), Needed::default());
        for service in self.services.clone() {
            self.turn_to(&service)?;
            let maker = self.find_maker(&service)?;
            if let Some(other) = maker.as_ref().filter(|other| !self.services.contains(other)) {
                let message = format!(
                    "`{other}` builds the image that `{service}` runs: deploy both, `unstale deploy {other} {service}`"
                );
                return Err(Refused::new("not-built", message).into());
            }
            let desired = Desired::new(service, how.message);
            let desired = Desired { order: how.order, cache: how.cache, maker, ..desired };
            plans.push(self.prepare(&desired, id)?);
            needed.join(std::mem::take(&mut self.seen.needed));
        }
        self.seen.needed = needed;
        Ok(Plan { keeps_sick: how.if_sick == IfSick::Keep, ..together(&plans, &self.seen) })
    }

    /// What the services need of the commit, where a deploy of it goes on. A project that cannot be read any more says nothing of
    /// it, and stops nothing that was begun.
    pub(super) fn needed_by_all(&mut self) -> Result<(), Lost> {
        let mut needed = Needed::default();
        for service in self.services.clone() {
            self.turn_to(&service)?;
            let candidates = self.files(self.commit.as_ref()).unwrap_or_default();
            needed.join(self.needed(&candidates).unwrap_or_default());
        }
        self.seen.needed = needed;
        Ok(())
    }

    /// The images of all services of the project. Without a readable project there is none: what is asked next says why.
    fn images(&mut self) -> Result<Vec<Image>, Stop> {
        let current = self.service.clone();
        let all = self.seen.server.compose().map(|compose| compose.services.clone()).unwrap_or_default();
        let mut images = Vec::new();
        for service in all {
            self.turn_to(&service)?;
            if let Some(Compose { tag, build, .. }) = self.seen.server.compose() {
                images.push((service, tag.clone(), build.clone()));
            }
        }
        self.turn_to(&current)?;
        Ok(images)
    }

    /// Adds the services that run the same image as one of those that are named, or one that is built the same way.
    fn add_siblings(&mut self) -> Result<(), Stop> {
        let images = self.images()?;
        let (named, others): (Vec<&Image>, Vec<&Image>) =
            images.iter().partition(|(service, ..)| self.services.contains(service));
        let is_same = |tag: &String, build: &Option<BuildSource>| {
            let same_build = |other: &Option<BuildSource>| {
                build.as_ref().is_some_and(|build| !build.more && other.as_ref() == Some(build))
            };
            named.iter().any(|(_, other, its)| other == tag || same_build(its))
        };
        let siblings = others.into_iter().filter(|(_, tag, build)| is_same(tag, build));
        self.services.extend(siblings.map(|(service, ..)| service.clone()));
        Ok(())
    }

    /// Who builds the image of a service that has no build of its own. Of several nobody knows who did it last.
    pub(super) fn find_maker(&mut self, service: &str) -> Result<Option<String>, Stop> {
        let Some(Compose { tag, build: None, .. }) = self.seen.server.compose() else { return Ok(None) };
        if !self.makers.contains_key(service) {
            let tag = tag.clone();
            let images = self.images()?;
            let mut makers = images.into_iter().filter(|(_, other, build)| build.is_some() && *other == tag);
            if let (Some((maker, ..)), None) = (makers.next(), makers.next()) {
                self.makers.insert(service.to_owned(), maker);
            }
        }
        Ok(self.makers.get(service).cloned())
    }
}
