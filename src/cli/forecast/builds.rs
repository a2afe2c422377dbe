//! What is built, and what each build is given in either state.

use std::{path::Path, sync::Arc};

use super::{Next, another, refused, sides::Sides};
use crate::{
    analysis::{
        Facts, builder, built,
        cache::{Builder, NoCache},
        context::Context,
        links::{self, Service},
        lookup::{self, Builds, Found},
        stages::Args,
        vars::Val,
    },
    cli::Stop,
    model::compose::{self, Value},
    syntax::dockerignore::Patterns,
};

/// Both states of the project.
pub(super) struct Worlds<'a> {
    pub(super) root: &'a Path,
    pub(super) after: &'a Facts<'a>,
    pub(super) before: &'a Facts<'a>,
    pub(super) sides: &'a Sides,
}

/// A build of the next state.
pub(super) struct Planned<'a> {
    pub(super) builds: Vec<Which<'a>>,
    pub(super) notes: Vec<String>,
}

/// Which one.
pub(super) struct Which<'a> {
    pub(super) service: Option<&'a Service>,
    /// Index of its Dockerfile, if that is in the project.
    pub(super) dockerfile: Option<usize>,
    /// Why nothing can be said of it, if so.
    pub(super) problem: Option<String>,
}

/// Every build, or that of one service.
pub(super) fn planned<'a>(facts: &'a Facts<'_>, only: Option<&str>) -> Result<Planned<'a>, Stop> {
    let broken = facts.composes.iter().find_map(|compose| refused(facts, compose.file, &compose.errors));
    let name = |service: &Service| facts.model(service).name.value.clone();
    let builds = |service: &&Service| facts.model(service).build.is_some();
    let mut notes: Vec<String> = Vec::new();
    let chosen: Vec<&Service> =
        facts.services.iter().filter(builds).filter(|s| only.is_none_or(|only| name(s) == only)).collect();
    if let (Some(only), true) = (only, chosen.is_empty()) {
        let known: Vec<String> = facts.services.iter().filter(builds).map(name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { format!("`{}`", known.join("`, `")) };
        let is_there = facts.services.iter().any(|service| name(service) == only);
        let why = broken.map_or_else(String::new, |broken| format!("; {broken}"));
        return Err(Stop(if is_there {
            format!("the service `{only}` has no `build`: those that have one are {known}{why}")
        } else {
            format!("there is no service `{only}`: those that are built are {known}{why}")
        }));
    }
    if !chosen.is_empty() {
        let mut all = Vec::new();
        for service in chosen {
            all.push(of_service(facts, service)?);
        }
        let files = || facts.composes.iter().filter_map(|c| refused(facts, c.file, &c.errors));
        notes.extend(files().map(|broken| format!("{broken}; its services are left out")));
        let others =
            (0..facts.dockerfiles.len()).filter(|index| facts.builders(*index).next().is_none()).count();
        if others > 0 && only.is_none() {
            let files = if others == 1 { "1 Dockerfile".to_owned() } else { format!("{others} Dockerfiles") };
            notes.push(format!(
                "{files} that no service builds {} left out",
                if others == 1 { "is" } else { "are" }
            ));
        }
        return Ok(Planned { builds: all, notes });
    }
    if let Some(broken) = broken {
        return Err(Stop(broken));
    }
    if facts.dockerfiles.is_empty() {
        return Err(Stop("there is no Dockerfile here, and no compose file that builds one".to_owned()));
    }
    let one = |index| {
        let problem = refused_dockerfile(facts, index);
        Which { service: None, dockerfile: Some(index), problem }
    };
    Ok(Planned { builds: (0..facts.dockerfiles.len()).map(one).collect(), notes })
}

/// The build of a service.
pub(super) fn of_service<'a>(facts: &'a Facts<'_>, service: &'a Service) -> Result<Which<'a>, Stop> {
    let project = &facts.projects[service.project];
    for &file in &project.sources {
        let broken = facts.compose(file).and_then(|compose| refused(facts, file, &compose.errors));
        if let Some(broken) = broken {
            return Err(Stop(broken));
        }
    }
    if let Some(gap) = project.gaps.iter().find(|gap| gap.refused) {
        let path = &facts.snapshot.file(gap.at.file).path;
        return Err(Stop(format!("`{path}` would be refused: {}", gap.reason)));
    }
    let dockerfile = service.build.as_ref().and_then(|build| build.dockerfile);
    let problem = match (&service.build, dockerfile) {
        (None, _) => Some("it extends a service that was not read: nothing is known of its build".to_owned()),
        (Some(_), Some(index)) => refused_dockerfile(facts, index),
        (Some(_), None) => Some(no_dockerfile(facts, service)),
    };
    Ok(Which { service: Some(service), dockerfile, problem })
}

/// The other service of the project that builds an image, by its tag or as a named context.
pub(super) fn makes<'a>(facts: &'a Facts<'_>, service: &Service, image: &str) -> Option<&'a Service> {
    let ours = |other: &&Service| other.project == service.project && other.index != service.index;
    let contexts = &facts.model(service).build.as_ref()?.contexts;
    if let Some(context) = contexts.iter().find(|context| context.name.value == image) {
        let name = context.value.as_ref()?.known.as_deref()?.strip_prefix("service:")?;
        return facts.services.iter().filter(ours).find(|other| facts.model(other).name.value == name);
    }
    let tag = built::tagged(image)?;
    let all = built::all(facts);
    let made = all.iter().find(|built| ours(&built.service) && built.name == tag)?;
    let (project, index) = (made.service.project, made.service.index);
    facts.services.iter().find(|other| (other.project, other.index) == (project, index))
}

fn refused_dockerfile(facts: &Facts<'_>, index: usize) -> Option<String> {
    let model = &facts.dockerfiles[index].model;
    refused(facts, model.file, &model.errors)
}

fn no_dockerfile(facts: &Facts<'_>, service: &Service) -> String {
    let build = facts.model(service).build.as_ref();
    let known = |value: &Option<Value>, default: &str| {
        value.as_ref().map_or(Some(default.to_owned()), |value| value.known.clone())
    };
    match build {
        Some(compose::Build { inline: Some(_), .. }) => {
            "its Dockerfile is written in the compose file: no forecast is made of it".to_owned()
        }
        Some(build) => match (known(&build.context, "."), known(&build.dockerfile, "Dockerfile")) {
            (Some(context), _) if links::is_remote(&context) => {
                format!("it is built from `{context}`, and nothing of this folder goes into it")
            }
            (Some(context), Some(dockerfile)) => {
                format!("there is no `{dockerfile}` in `{context}`, its context, that could be read")
            }
            _ => "a variable says what it is built from".to_owned(),
        },
        None => "it has no build".to_owned(),
    }
}

/// What one state gives to the builder, without the folder.
pub(super) struct Given<'f> {
    pub(super) dockerfile: &'f str,
    pub(super) args: Args,
    pub(super) target: Option<String>,
    pub(super) dir: String,
    pub(super) ignore: Option<Arc<Patterns>>,
    /// The ignore file.
    pub(super) ignore_file: Option<String>,
}

/// The build in one state: `Err` says why it is not known.
pub(super) fn given<'f>(
    facts: &'f Facts<'_>,
    service: Option<&Service>,
    dockerfile: usize,
) -> Result<Given<'f>, String> {
    let model = &facts.dockerfiles[dockerfile].model;
    let build = service.and_then(|service| facts.model(service).build.as_ref());
    let target = match build.and_then(|build| build.target.as_ref()) {
        None => None,
        Some(value) => {
            let name = value.known.clone().ok_or("a variable says which stage is built")?;
            let stages = service.and_then(|service| service.build.as_ref()?.stages.as_ref());
            if stages.is_some_and(|stages| stages.target(Some(&name)).is_none()) {
                return Err(format!("the Dockerfile has no stage `{name}`"));
            }
            Some(name)
        }
    };
    let context = match service {
        Some(service) => service.build.as_ref().and_then(|build| build.context.clone()),
        None => Some(guessed(facts, dockerfile)),
    };
    let context = context.ok_or("its context lies outside of the project, or a variable names it")?;
    let path = |ignore: &crate::analysis::context::Ignore| facts.snapshot.file(ignore.file).path.clone();
    Ok(Given {
        dockerfile: &facts.snapshot.file(model.file).text,
        args: build.map(links::args).unwrap_or_default(),
        target,
        dir: context.dir.clone(),
        ignore_file: context.ignore.as_ref().map(path),
        ignore: context.ignore.map(|ignore| ignore.patterns),
    })
}

/// The context of a Dockerfile that no service builds: its folder, or the nearest above that has what it copies.
pub(super) fn guessed(facts: &Facts<'_>, dockerfile: usize) -> Context {
    let own = || facts.dockerfiles[dockerfile].contexts[0].clone();
    let Builds::Guessed(contexts) = lookup::builds(facts, dockerfile) else { return own() };
    let sources = lookup::sources(facts, dockerfile, &facts.dockerfiles[dockerfile].stages, None);
    let has = |context: &Context| {
        let mut plain = sources.iter().filter(|source| !source.glob);
        plain.all(|source| !matches!(lookup::find(facts, context, &source.path), Found::Missing))
    };
    contexts.into_iter().find(has).unwrap_or_else(own)
}

/// The same build in the earlier state.
pub(super) fn earlier<'f>(worlds: &'f Worlds<'_>, which: &Which<'_>) -> Option<(Option<&'f Service>, usize)> {
    let path = |facts: &Facts<'_>, index: usize| {
        facts.snapshot.file(facts.dockerfiles[index].model.file).path.clone()
    };
    let Some(service) = which.service else {
        let own = path(worlds.after, which.dockerfile?);
        let found = (0..worlds.before.dockerfiles.len()).find(|index| path(worlds.before, *index) == own)?;
        return Some((None, found));
    };
    let names = |facts: &Facts<'_>, service: &Service| {
        let file = facts.snapshot.file(facts.compose_file(service)).path.clone();
        (file, facts.model(service).name.value.clone())
    };
    let own = names(worlds.after, service);
    let found = worlds.before.services.iter().find(|service| names(worlds.before, service) == own)?;
    Some((Some(found), found.build.as_ref()?.dockerfile?))
}

/// The arguments of both builds: one that is given for the next build was another one before, unless it was the same.
pub(super) fn arguments(before: &Args, after: &Args, next: &Next) -> (Args, Args) {
    let (mut before, mut after) = (before.clone(), after.clone());
    for (name, value) in &next.args {
        // What nobody passes stays the default, which the model compares.
        if before.get(name) == Some(&Val::Unknown) {
            before.insert(name.clone(), another());
        }
        after.insert(name.clone(), Val::Known(value.clone()));
    }
    (before, after)
}

/// Who builds.
pub(super) fn builder(facts: &Facts<'_>, next: &Next) -> Builder {
    let said = || if builder::classic(facts).is_some() { Builder::Classic } else { Builder::BuildKit };
    next.builder.unwrap_or_else(said)
}

/// What the next build may not take from the cache, and whether it pulls.
pub(super) fn fresh(facts: &Facts<'_>, service: Option<&Service>, next: &Next) -> (NoCache, bool) {
    let build = service.and_then(|service| facts.model(service).build.as_ref());
    let is_true = |value: Option<&Value>| value.and_then(|v| v.known.as_deref()) == Some("true");
    let no_cache = if is_true(build.and_then(|build| build.no_cache.as_ref())) {
        NoCache::Everything
    } else {
        next.no_cache.clone()
    };
    (no_cache, next.pull || is_true(build.and_then(|build| build.pull.as_ref())))
}

/// The Dockerfile of a build in this state.
pub(super) fn path_of(facts: &Facts<'_>, index: usize) -> String {
    facts.snapshot.file(facts.dockerfiles[index].model.file).path.clone()
}

/// The compose files of a service.
pub(super) fn sources(facts: &Facts<'_>, service: &Service) -> Vec<String> {
    let files = facts.projects[service.project].sources.iter();
    files.map(|file| facts.snapshot.file(*file).path.clone()).collect()
}
