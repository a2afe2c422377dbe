//! `unstale trace`: the way of a repository file into the containers.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{Exit, Format, Stop, print, read};
use crate::{
    analysis::{
        Facts,
        links::Service,
        route::{Route, Verdict, route},
        way::Way,
    },
    model::compose::MountKind,
    project,
    report::sanitise,
    text::{LineIndex, Location},
};

#[derive(Debug, clap::Args)]
pub(super) struct TraceArgs {
    /// Files of the repository
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only this service
    #[arg(long)]
    service: Option<String>,
    /// How to write the routes
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &TraceArgs) -> Result<Exit, Stop> {
    let root = project::find_root(&Path::new(".").canonicalize()?);
    let project = read(&root)?;
    let facts = Facts::new(&project.snapshot);
    let mut text = String::new();
    let mut documents = Vec::new();
    for file in &args.files {
        let path = inside(&root, file)?;
        if project.snapshot.entry(&path).is_none() {
            return Err(Stop(format!(
                "`{}` is not a file of the repository, or git ignores it",
                file.display()
            )));
        }
        let routes = routes(&facts, &path, args.service.as_deref())?;
        match args.format {
            Format::Text => lines(&mut text, &facts, &path, &routes),
            Format::Json => documents.push(document(&facts, &path, &routes)),
        }
    }
    if args.format == Format::Json {
        text = format!("{:#}\n", json!({ "schema": 1, "files": documents }));
    }
    print(&text)?;
    Ok(Exit::Clean)
}

/// The path from the root, of a file that may be gone from the folder.
pub(super) fn inside(root: &Path, file: &Path) -> Result<String, Stop> {
    let absolute = std::path::absolute(file)?;
    let folder = absolute.parent().unwrap_or(&absolute);
    let real = folder
        .canonicalize()
        .map_or_else(|_| absolute.clone(), |f| f.join(absolute.file_name().unwrap_or_default()));
    let rest = real.strip_prefix(root).map_err(|_| {
        Stop(format!("`{}` lies outside of the repository `{}`", file.display(), root.display()))
    })?;
    Ok(rest.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}

fn routes<'a>(
    facts: &'a Facts<'_>,
    path: &str,
    only: Option<&str>,
) -> Result<Vec<(&'a Service, Route)>, Stop> {
    let named = |s: &&Service| only.is_none_or(|name| facts.model(s).name.value == name);
    let services: Vec<&Service> = facts.services.iter().filter(named).collect();
    if services.is_empty() {
        let known: Vec<&str> = facts.services.iter().map(|s| facts.model(s).name.value.as_str()).collect();
        return Err(Stop(match only {
            Some(name) => format!("there is no service `{name}`: the compose files have {}", list(&known)),
            None => "no compose file has a service here".to_owned(),
        }));
    }
    let all: Vec<(&Service, Route)> = services.into_iter().map(|s| (s, route(facts, s, path))).collect();
    // A service that has nothing to do with the file is worth a line only if all are like that.
    let touches = |r: &Route| {
        r.verdict != Verdict::OutsideContext && (r.verdict != Verdict::NotCopied || !r.hops.is_empty())
    };
    if only.is_none() && all.iter().any(|(_, r)| touches(r)) {
        return Ok(all.into_iter().filter(|(_, r)| touches(r)).collect());
    }
    Ok(all)
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { format!("`{}`", names.join("`, `")) }
}

pub(super) fn line_of(facts: &Facts<'_>, at: Location) -> (String, usize) {
    let file = facts.snapshot.file(at.file);
    (file.path.clone(), LineIndex::new(&file.text).line(at.span.start()))
}

pub(super) fn kind(kind: MountKind) -> &'static str {
    match kind {
        MountKind::Bind => "bind",
        MountKind::Named => "named-volume",
        MountKind::Anonymous => "anonymous-volume",
        MountKind::Tmpfs => "tmpfs",
        MountKind::Other => "other",
    }
}

fn lines(out: &mut String, facts: &Facts<'_>, path: &str, routes: &[(&Service, Route)]) {
    let mut line = |text: String| writeln!(out, "{text}").expect("writing to a String does not fail");
    line(sanitise::line(path));
    for (service, route) in routes {
        let name = &facts.model(service).name.value;
        line(format!("  {}: {}", sanitise::line(name), says(route)));
        for hop in &route.hops {
            let (file, number) = line_of(facts, hop.at);
            let what = hop.what.lines().next().unwrap_or_default();
            line(format!("    {}:{number}  {}", sanitise::line(&file), sanitise::line(what)));
        }
        if let Some(way) = &route.way {
            for stage in &way.stages {
                for place in &stage.paths {
                    let (stage, place) = (sanitise::line(&stage.name), sanitise::line(place));
                    line(format!("    in the stage `{stage}`: {place}"));
                }
            }
            for edge in &way.edges {
                let (file, number) = line_of(facts, edge.hop.at);
                let what = edge.hop.what.lines().next().unwrap_or_default();
                line(format!("    {}:{number}  {}", sanitise::line(&file), sanitise::line(what)));
            }
            for doubt in &way.doubts {
                line(format!("    in doubt: {}", sanitise::line(&doubt.why)));
            }
        }
        for place in &route.container_paths {
            line(format!("    in the container: {}", sanitise::line(place)));
        }
        if let Some(shadow) = &route.shadow {
            let (file, number) = line_of(facts, shadow.at);
            let source = shadow.source.as_deref().unwrap_or("without a name");
            line(format!(
                "    hidden by {}:{number}  {} {} over {}",
                sanitise::line(&file),
                kind(shadow.kind),
                sanitise::line(source),
                sanitise::line(&shadow.target),
            ));
        }
    }
}

fn says(route: &Route) -> &'static str {
    match route.verdict {
        Verdict::Reaches => "it reaches the container",
        Verdict::Ignored => "the ignore file keeps it out of the build",
        Verdict::NotCopied => "nothing copies it into the image",
        Verdict::BuildOnly => "it is used in the build only: what is built from it is what runs",
        Verdict::Shadowed => "it is in the image, and a mount hides it",
        Verdict::OutsideContext => "it lies outside of the build context",
        Verdict::Unknown => "where it goes is not known from the files",
    }
}

fn document(facts: &Facts<'_>, path: &str, routes: &[(&Service, Route)]) -> serde_json::Value {
    let services: Vec<_> = routes
        .iter()
        .map(|(service, route)| {
            let dockerfile = service.build.as_ref().and_then(|b| b.dockerfile).map(|d| {
                facts.snapshot.file(facts.dockerfiles[d].model.file).path.clone()
            });
            let hops: Vec<_> = route
                .hops
                .iter()
                .map(|hop| {
                    let (file, line) = line_of(facts, hop.at);
                    json!({ "file": file, "line": line, "what": hop.what })
                })
                .collect();
            let shadow = route.shadow.as_ref().map(|s| {
                let (file, line) = line_of(facts, s.at);
                json!({ "kind": kind(s.kind), "source": s.source, "target": s.target, "file": file, "line": line })
            });
            let mut service = json!({
                "service": facts.model(service).name.value,
                "compose": facts.snapshot.file(facts.compose_file(service)).path,
                "dockerfile": dockerfile,
                "verdict": route.verdict.as_str(),
                "container_paths": route.container_paths,
                "route": hops,
                "shadowed_by": shadow,
            });
            if let Some(way) = route.way.as_deref() {
                through(facts, way, &mut service);
            }
            service
        })
        .collect();
    json!({ "path": path, "services": services })
}

/// How what is made from it gets into the image.
fn through(facts: &Facts<'_>, way: &Way, service: &mut serde_json::Value) {
    let stages = way.stages.iter().map(|stage| json!({ "stage": stage.name, "paths": stage.paths }));
    let made = way.edges.iter().map(|edge| {
        let (file, line) = line_of(facts, edge.hop.at);
        json!({ "file": file, "line": line, "what": edge.hop.what })
    });
    service["stages"] = stages.collect();
    service["made"] = made.collect();
    service["doubts"] = way.doubts.iter().map(|doubt| doubt.why.as_str()).collect();
}
