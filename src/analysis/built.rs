//! Which image the services of a project build under which name, and who needs whom.

use std::collections::BTreeSet;

use super::{Facts, links::Service};
use crate::{model::image::ImageRef, text::Location};

/// A name under which a service builds its image.
#[derive(Debug, Clone)]
pub struct Built<'f> {
    /// Who builds it.
    pub service: &'f Service,
    /// The name, with its tag: `latest` if none is written.
    pub name: ImageRef,
    /// Where the name stands: `image`, or an entry of `build.tags`.
    pub at: Location,
}

/// Every name that a service gives to what it builds. Names that Compose makes up are not among them: the project's
/// name can come from the command line.
pub fn all<'f>(facts: &'f Facts<'_>) -> Vec<Built<'f>> {
    let mut all = Vec::new();
    for service in &facts.services {
        let model = facts.model(service);
        let Some(build) = &model.build else { continue };
        for value in model.image.iter().chain(&build.tags) {
            let name = value.known.as_deref().and_then(tagged);
            all.extend(name.map(|name| Built { service, name, at: value.at }));
        }
    }
    all
}

/// Who builds the image that a service runs.
#[derive(Debug, Clone, Copy)]
pub enum Maker<'f> {
    /// The service itself, or another of its project that gives it this name.
    One(&'f Service),
    /// No service: it comes from elsewhere.
    Nobody,
    /// Several give it this name, and whoever built last did it; or a variable decides.
    Unknown,
}

/// Who builds the image that a service runs.
pub fn maker<'f>(facts: &'f Facts<'_>, service: &'f Service) -> Maker<'f> {
    if service.build.is_some() {
        return Maker::One(service);
    }
    let Some(image) = &facts.model(service).image else { return Maker::Nobody };
    let name = image.known.as_deref().and_then(tagged);
    let (mut found, mut several, mut possible) = (None, false, false);
    for other in facts.services.iter().filter(|other| other.project == service.project) {
        let model = facts.model(other);
        let Some(build) = &model.build else { continue };
        for value in model.image.iter().chain(&build.tags) {
            let other_name = value.known.as_deref().and_then(tagged);
            let same = match (&name, &other_name) {
                (Some(name), Some(other)) => name == other,
                // Within one file the same variables have the same values.
                _ => value.raw == image.raw && value.at.file == image.at.file,
            };
            if same {
                several |= found.is_some_and(|one: &Service| one.index != other.index);
                found = Some(other);
            } else {
                possible |= image.known.is_none() || value.known.is_none();
            }
        }
    }
    match found {
        Some(one) if !several => Maker::One(one),
        None if !possible => Maker::Nobody,
        _ => Maker::Unknown,
    }
}

/// An image reference with its tag; `None` if it is not known or names a digest.
pub fn tagged(reference: &str) -> Option<ImageRef> {
    let mut name = ImageRef::parse(reference).filter(|name| name.digest.is_none())?;
    name.tag.get_or_insert_with(|| "latest".to_owned());
    Some(name)
}

/// Whether a service needs another of its project, by `depends_on` or by way of others: `up` of the first then brings
/// the other to its newest image too (measured with docker-compose 1.29 and Compose 2.26).
pub fn needs(facts: &Facts<'_>, service: &Service, other: &Service) -> bool {
    let services = &facts.projects[service.project].model(&facts.composes).services;
    let (mut seen, mut open) = (BTreeSet::new(), vec![service.index]);
    while let Some(index) = open.pop() {
        if !seen.insert(index) {
            continue;
        }
        let named = services[index].depends_on.iter().filter_map(|d| d.known.as_deref());
        open.extend(named.filter_map(|name| services.iter().position(|s| s.name.value == name)));
    }
    other.index != service.index && other.project == service.project && seen.contains(&other.index)
}
