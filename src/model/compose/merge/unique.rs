//! Which entries of a merged list are the same thing, so that the later one takes the place of the first: compose-go's
//! `EnforceUnicity`.

use std::collections::HashMap;

use crate::{
    model::compose::{mounts, reader::Reader},
    syntax::yaml::NodeId,
};

/// The list, each thing once: at the place of its first entry, with the value of its last.
pub(super) fn last_of_each(reader: &mut Reader<'_>, path: &[String], items: Vec<NodeId>) -> Vec<NodeId> {
    let Some(key) = key_of(path) else { return items };
    let (mut out, mut places) = (Vec::<NodeId>::new(), HashMap::new());
    for item in items {
        // What is not known may be anything: it stays beside the others.
        let Some(key) = key(reader, item) else {
            out.push(item);
            continue;
        };
        if let Some(&place) = places.get(&key) {
            out[place] = item;
        } else {
            places.insert(key, out.len());
            out.push(item);
        }
    }
    out
}

type Key = fn(&mut Reader<'_>, NodeId) -> Option<String>;

fn key_of(path: &[String]) -> Option<Key> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let ["services", _, inner @ ..] = parts.as_slice() else { return None };
    match inner {
        ["volumes"] => Some(target),
        ["ports"] => Some(port),
        ["configs"] => Some(|reader, item| shared(reader, item, "")),
        ["secrets"] => Some(|reader, item| shared(reader, item, "/run/secrets")),
        ["env_file"] => Some(|reader, item| field_or_text(reader, item, "path")),
        ["devices"] => Some(device),
        ["expose"] => Some(|reader, item| field_or_text(reader, item, "")),
        ["cap_add" | "cap_drop" | "dns" | "dns_opt" | "dns_search" | "links" | "profiles" | "tmpfs"]
        | ["build", "tags" | "platforms"] => Some(name),
        _ => None,
    }
}

fn field_or_text(reader: &mut Reader<'_>, item: NodeId, field: &str) -> Option<String> {
    let value = match reader.fields(item) {
        Some(fields) => reader.path_field(&fields, field)?,
        None => reader.path(item)?,
    };
    value.known
}

fn name(reader: &mut Reader<'_>, item: NodeId) -> Option<String> {
    let known = reader.scalar(item)?.known?;
    Some(known.split('=').next().unwrap_or_default().to_owned())
}

fn target(reader: &mut Reader<'_>, item: NodeId) -> Option<String> {
    mounts::volume(reader, item)?.target.known
}

fn device(reader: &mut Reader<'_>, item: NodeId) -> Option<String> {
    if let Some(fields) = reader.fields(item) {
        return reader.text_field(&fields, "target")?.known;
    }
    let known = reader.scalar(item)?.known?;
    let mut parts = known.split(':');
    let first = parts.next()?;
    Some(parts.next().unwrap_or(first).to_owned())
}

fn shared(reader: &mut Reader<'_>, item: NodeId, folder: &str) -> Option<String> {
    let Some(fields) = reader.fields(item) else {
        return Some(format!("{folder}/{}", reader.scalar(item)?.known?));
    };
    match reader.text_field(&fields, "target") {
        Some(target) => target.known,
        None => Some(format!("{folder}/{}", reader.text_field(&fields, "source")?.known?)),
    }
}

/// Host address, host port, container port and protocol, whatever the form.
fn port(reader: &mut Reader<'_>, item: NodeId) -> Option<String> {
    let Some(fields) = reader.fields(item) else {
        let known = reader.scalar(item)?.known?;
        let (rest, protocol) = known.split_once('/').unwrap_or((&known, "tcp"));
        let mut parts = rest.rsplitn(3, ':');
        let target = parts.next()?;
        let published = parts.next().unwrap_or_default();
        let host = parts.next().unwrap_or("0.0.0.0");
        return Some(format!("{host} {published} {target} {protocol}"));
    };
    let text = |key: &str, default: &str| match reader.text_field(&fields, key) {
        None => Some(default.to_owned()),
        Some(value) => value.known,
    };
    let (host, published) = (text("host_ip", "0.0.0.0")?, text("published", "")?);
    let (target, protocol) = (text("target", "")?, text("protocol", "tcp")?);
    Some(format!("{host} {published} {target} {protocol}"))
}
