//! What on the server would stop a deploy half-way although the checkout is as it should be.

use super::Refused;
use crate::protocol::{
    observed::{
        Checkouts, Compose, Generation, Here, Observed,
        site::{Neighbour, Port, Room, Site},
    },
    quote::list,
};

/// Bytes that a build needs beside its layers: metadata, the context, the container's own layer. Below this no deploy
/// begins, whatever is known of the layers.
const MARGIN: u64 = 100_000_000;

/// Refuses what `up` or the build would stumble over when the old container is gone already.
pub(super) fn refuse(seen: &Observed, compose: &Compose, service: &str) -> Result<(), Refused> {
    let Some(site) = &seen.server.site else { return Ok(()) };
    // What the server's compose file says today is not what it will say.
    if !new_compose(seen) {
        refuse_taken(seen, compose, service)?;
    }
    site.room.as_ref().map_or(Ok(()), refuse_room)
}

/// Refuses a name or a port of the new container that something else has.
///
/// # Errors
/// `name-taken` or `port-taken`.
pub(in crate::protocol) fn refuse_taken(
    seen: &Observed,
    compose: &Compose,
    service: &str,
) -> Result<(), Refused> {
    let Some(site) = &seen.server.site else { return Ok(()) };
    refuse_name(seen, site, compose, service)?;
    refuse_port(site, compose, service)
}

/// Whether the deploy may bring another compose file, or another file that it reads.
fn new_compose(seen: &Observed) -> bool {
    if seen.checkouts == Checkouts::One {
        return false;
    }
    let Here { changing, modified, .. } = &seen.here;
    let read_by_compose = |path: &String| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let kind = [".yml", ".yaml", ".json", ".env"].iter().any(|end| name.ends_with(end));
        (kind || name.starts_with(".env")) && !folder.starts_with('.')
    };
    changing.iter().chain(modified).any(read_by_compose)
}

fn refuse_name(seen: &Observed, site: &Site, compose: &Compose, service: &str) -> Result<(), Refused> {
    let replicas = seen.server.replicas().filter(|c| c.runs()).count().max(1);
    let glue = if compose.generation == Generation::Plugin { '-' } else { '_' };
    let names = match &compose.wants.name {
        Some(name) => vec![name.clone()],
        None => (1..=replicas).map(|n| format!("{}{glue}{service}{glue}{n}", compose.project)).collect(),
    };
    let others = others(site, compose, service);
    let Some(other) = others.into_iter().find(|other| names.contains(&other.name)) else { return Ok(()) };
    let message = format!(
        "the name `{name}`, which `{service}` gets, is taken on the server by container {id} ({whose}); look whether anybody needs that one, and remove it or give it another name: `docker rename {name} {name}-old`",
        name = other.name,
        id = short(&other.id),
        whose = whose(other),
    );
    Err(Refused::new("name-taken", message))
}

fn refuse_port(site: &Site, compose: &Compose, service: &str) -> Result<(), Refused> {
    let others = others(site, compose, service);
    for wanted in &compose.wants.ports {
        if let Some(other) = others.iter().find(|other| other.ports.iter().any(|p| p.excludes(wanted))) {
            let message = format!(
                "port {wanted} of the server, which `{service}` publishes, is held by container `{}` ({}); stop that one, or publish another port",
                other.name,
                whose(other)
            );
            return Err(Refused::new("port-taken", message));
        }
        let Some(listening) = &site.listening else { continue };
        // Behind a port of a container listens the engine, or its proxy. That of the old container goes with it.
        let published = |port: &Port| {
            let all = site.containers.iter().flatten().flat_map(|c| &c.ports);
            all.into_iter().any(|p| p.number == port.number && p.protocol == port.protocol)
        };
        if let Some(held) = listening.iter().find(|held| held.excludes(wanted) && !published(held)) {
            let message = format!(
                "port {wanted} of the server, which `{service}` publishes, is held by a process there that is no container (it listens on {held}): `ss -ltnp 'sport = :{}'` as root says which; stop it, or publish another port",
                wanted.number
            );
            return Err(Refused::new("port-taken", message));
        }
    }
    Ok(())
}

/// The containers that a deploy of the service leaves in peace. `None` of the engine's answer is none to fear.
fn others<'a>(site: &'a Site, compose: &Compose, service: &str) -> Vec<&'a Neighbour> {
    let ours = |c: &&Neighbour| c.project == compose.project && c.service == service && !c.oneoff;
    site.containers.iter().flatten().filter(|c| !ours(c)).collect()
}

fn whose(container: &Neighbour) -> String {
    if container.project.is_empty() {
        return "of no compose project".to_owned();
    }
    let once = if container.oneoff { "a single run of " } else { "" };
    format!("{once}service `{}` of project `{}`", container.service, container.project)
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn refuse_room(room: &Room) -> Result<(), Refused> {
    let need = MARGIN.saturating_add(room.layers);
    if room.free.saturating_add(room.cache) >= need {
        return Ok(());
    }
    let layers = match room.layers {
        0 => String::new(),
        bytes => format!(", {} of them for layers as large as those of its last build", size(bytes)),
    };
    let message = format!(
        "{} is free in {} on the server, and pruning the build cache frees {} at most: a build needs {}{layers}; `docker system df` there shows what takes the room, `docker image prune` removes images that no tag names",
        size(room.free),
        list(std::slice::from_ref(&room.at)),
        size(room.cache),
        size(need),
    );
    Err(Refused::new("disk-full", message))
}

/// Bytes as `docker` writes them: decimal.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}
