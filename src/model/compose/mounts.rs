//! Mounts: compose-go's `ParseVolume` for the short form, the long form, and `tmpfs`.

use std::{iter, ops::Range};

use super::{
    Mount, MountKind, Value,
    reader::{Fields, Reader, rebased},
};
use crate::syntax::{dockerignore, dotenv::substitute, yaml::NodeId};

/// An entry of `volumes`.
pub(super) fn volume(reader: &mut Reader<'_>, item: NodeId) -> Option<Mount> {
    if let Some(fields) = reader.fields(item) {
        return long(reader, item, &fields);
    }
    let Some(spec) = reader.scalar(item).filter(|_| !reader.tree.is_null(item)) else {
        let span = reader.first_line(item);
        reader.error(span, "a mount is `source:target` or a mapping: write one of the two");
        return None;
    };
    match short(reader, item, &spec) {
        Ok(mount) => Some(mount),
        Err(message) => {
            reader.error(spec.at.span, message);
            None
        }
    }
}

/// An entry of `tmpfs`: a path and, behind a colon, options.
pub(super) fn tmpfs(reader: &mut Reader<'_>, item: NodeId) -> Option<Mount> {
    let spec = reader.scalar(item)?;
    let raw_len = spec.raw.find(':').unwrap_or(spec.raw.len());
    let options = spec.known.as_deref().and_then(|k| k.split_once(':')).map_or("", |(_, o)| o);
    let read_only = options.split(',').any(|o| o == "ro");
    let known = spec.known.as_deref().map(|k| clean(k.split(':').next().unwrap_or_default()));
    let target = Value { raw: spec.raw[..raw_len].to_owned(), known, at: reader.part(item, 0..raw_len) };
    Some(Mount {
        kind: MountKind::Tmpfs,
        source: None,
        target,
        read_only,
        no_copy: false,
        at: reader.at(item),
        node: item,
    })
}

fn long(reader: &mut Reader<'_>, item: NodeId, fields: &Fields) -> Option<Mount> {
    let source = reader.text_field(fields, "source").filter(|s| !s.raw.is_empty());
    let Some(target) = reader.text_field(fields, "target") else {
        let span = reader.first_line(item);
        reader.error(span, "the mount has no `target`: say where it is in the container");
        return None;
    };
    let written = reader.text_field(fields, "type");
    let kind = match (written.as_ref().map(|t| t.known.as_deref()), &source) {
        (Some(Some("bind")), _) => MountKind::Bind,
        (Some(Some("volume")), Some(_)) => MountKind::Named,
        (Some(Some("volume")), None) => MountKind::Anonymous,
        (Some(Some("tmpfs")), _) => MountKind::Tmpfs,
        (Some(_), _) => MountKind::Other,
        (None, source) => {
            let span = reader.first_line(item);
            reader.error(span, "the mount has no `type`: write `bind`, `volume` or `tmpfs`");
            kind_of(source.as_ref())
        }
    };
    let source = match kind {
        MountKind::Bind => reader.path_field(fields, "source").filter(|s| !s.raw.is_empty()),
        _ => source,
    };
    let nested = reader.present(fields, "volume").and_then(|node| reader.fields(node));
    Some(Mount {
        kind,
        source,
        target,
        read_only: reader.is_true(fields, "read_only"),
        no_copy: nested.is_some_and(|v| reader.is_true(&v, "nocopy")),
        at: reader.at(item),
        node: item,
    })
}

fn short(reader: &Reader<'_>, item: NodeId, spec: &Value) -> Result<Mount, &'static str> {
    let whole = || Value { raw: spec.raw.clone(), known: None, at: spec.at };
    let mut mount = Mount {
        kind: MountKind::Other,
        source: None,
        target: whole(),
        read_only: false,
        no_copy: false,
        at: reader.at(item),
        node: item,
    };
    let raw_parts = split(&spec.raw);
    let parts: Vec<Value> = match &spec.known {
        Some(known) => {
            let ranges = split(known)?;
            let raw = raw_parts.ok().filter(|raw| raw.len() == ranges.len());
            (0..ranges.len())
                .map(|i| {
                    let part = known[ranges[i].clone()].to_owned();
                    match &raw {
                        Some(raw) => from_raw(reader, item, spec, raw[i].clone(), Some(part)),
                        None => Value { raw: part.clone(), known: Some(part), at: spec.at },
                    }
                })
                .collect()
        }
        None => raw_parts?
            .into_iter()
            .map(|range| {
                let known = substitute(&spec.raw[range.clone()], reader.env(item)).ok().flatten();
                from_raw(reader, item, spec, range, known)
            })
            .collect(),
    };
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Ok(mount) };
    match parts.next() {
        // One part that a variable gives may hold the colon that this text does not show.
        None if first.known.is_none() => return Ok(mount),
        None => mount.target = first,
        Some(second) => {
            mount.source = Some(first);
            mount.target = second;
        }
    }
    if let Some(target) = &mut mount.target.known {
        *target = clean(target);
    }
    let options = parts.next().and_then(|o| o.known).unwrap_or_default();
    for option in options.split(',') {
        match option {
            "ro" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "nocopy" => mount.no_copy = true,
            _ => {}
        }
    }
    mount.kind = kind_of(mount.source.as_ref());
    if mount.kind == MountKind::Bind {
        let base = &reader.source(reader.tree.resolve(item)).base;
        mount.source = mount.source.map(|source| rebased(source, base));
    }
    Ok(mount)
}

fn from_raw(
    reader: &Reader<'_>,
    item: NodeId,
    spec: &Value,
    range: Range<usize>,
    known: Option<String>,
) -> Value {
    let at = reader.part(item, range.clone());
    Value { raw: spec.raw[range].to_owned(), known, at }
}

/// The parts between colons, outside `${…}`; the colon of a Windows drive is none.
fn split(spec: &str) -> Result<Vec<Range<usize>>, &'static str> {
    match spec.len() {
        0 => return Err("the mount is empty: write `source:target`"),
        // compose-go takes so short a text for a path as it is.
        1 | 2 => return Ok(iter::once(0..spec.len()).collect()),
        _ => {}
    }
    let bytes = spec.as_bytes();
    let (mut out, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (i, c) in spec.char_indices().chain([(spec.len(), '\0')]) {
        let end = i == spec.len();
        match c {
            '$' if bytes.get(i + 1) == Some(&b'{') => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ':' if depth == 0 && is_drive(&spec[start..i]) => {}
            _ if end || (c == ':' && depth == 0) => {
                if start == i {
                    return Err("the mount has nothing between two colons: write `source:target`");
                }
                if out.len() == 3 || (out.len() == 2 && !end) {
                    return Err("the mount has too many colons: write `source:target:options`");
                }
                out.push(start..i);
                start = i + 1;
            }
            _ => {}
        }
    }
    Ok(out)
}

fn is_drive(part: &str) -> bool {
    let mut chars = part.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

/// Paths are bound, names are volumes. What starts with an unknown variable may be either.
fn kind_of(source: Option<&Value>) -> MountKind {
    let Some(source) = source else { return MountKind::Anonymous };
    let text = source.known.as_deref().unwrap_or(&source.raw);
    if is_path(text) {
        MountKind::Bind
    } else if source.known.is_none() {
        MountKind::Other
    } else {
        MountKind::Named
    }
}

fn is_path(source: &str) -> bool {
    let mut chars = source.chars();
    match chars.next() {
        Some('.' | '/' | '~') => true,
        Some('\\') => chars.next() == Some('\\'),
        Some(drive) => drive.is_alphabetic() && chars.next() == Some(':'),
        None => false,
    }
}

/// compose-go cleans the path in the container, unless there is none.
fn clean(target: &str) -> String {
    if target.is_empty() { String::new() } else { dockerignore::clean(target) }
}
