//! A build argument, or `pull`, more, in every form that `build` can have.

use super::{
    Editor, Refused,
    adder::{Adder, New, Place},
    refuse,
    verify::{FURTHER, Shape},
};
use crate::{
    model::compose::{Build, Compose, Layout, Service},
    text::{Edit, EditSet, Span},
};

/// Adds `args: NAME: value` to the builds of these services, in the style of what is there. What they share by an anchor
/// is changed there, if none but they have it from there; else each of them gets its own.
///
/// # Errors
/// [`Refused`] if there is nothing to add to, if the argument is there already, or if the change would reach further
/// than these services.
pub fn add_build_arg(
    text: &str,
    compose: &Compose,
    services: &[&str],
    name: &str,
    value: &str,
) -> Result<Vec<Edit>, Refused> {
    let editor = Editor::new(text, compose)?;
    let all = find(compose, services)?;
    for (_, build) in &all {
        if let Some(arg) = build.args.iter().find(|a| a.name.value == name) {
            return refuse(arg.name.at.span, format!("`{name}` is among the build arguments already"));
        }
        check_name(build, name)?;
    }
    let adder = Adder { editor: &editor, new: New::Arg { name, value } };
    add(&adder, compose, &all, &|mut shape| {
        shape.args.push((name.to_owned(), Some(value.to_owned())));
        shape.args.sort();
        shape
    })
}

/// Sets `pull: true` for the builds of these services, in the style of what is there.
///
/// # Errors
/// [`Refused`] if there is nothing to add to, if it is set by something else than `false`, or if the change would reach
/// further than these services.
pub fn set_build_pull(text: &str, compose: &Compose, services: &[&str]) -> Result<Vec<Edit>, Refused> {
    let editor = Editor::new(text, compose)?;
    let all = find(compose, services)?;
    let pulls = |mut shape: Shape| {
        shape.pull = Some("true".to_owned());
        shape
    };
    let (mut turned, mut unset) = (Vec::new(), Vec::new());
    for (service, build) in all {
        match &build.pull {
            None => unset.push((service, build)),
            Some(value) if value.raw == "false" && &text[value.at.span.range()] == "false" => {
                turned.push(Edit::replace(value.at.span, "true"));
            }
            Some(value) => return refuse(value.at.span, "`pull` is set already"),
        }
    }
    // Services that share a value share its edit.
    turned.sort_by_key(|edit| edit.span);
    turned.dedup();
    let mut edits = if unset.is_empty() {
        Vec::new()
    } else {
        add(&Adder { editor: &editor, new: New::Pull }, compose, &unset, &pulls)?
    };
    edits.extend(turned);
    let at = edits.first().map_or(Span::point(0), |edit| edit.span);
    editor.verified(
        compose,
        edits,
        at,
        |shape| if services.contains(&shape.name()) { pulls(shape) } else { shape },
    )
}

/// The services of these names with their builds.
fn find<'a>(compose: &'a Compose, names: &[&str]) -> Result<Vec<(&'a Service, &'a Build)>, Refused> {
    names
        .iter()
        .map(|name| {
            let Some(service) = compose.service(name) else {
                return refuse(Span::point(0), "the file has no such service");
            };
            let Some(build) = &service.build else {
                return refuse(service.name.at.span, "the service has no `build`");
            };
            if compose.layout == Layout::V1 {
                return refuse(
                    build.key.span,
                    "the file has no `services:`, and that layout has no build arguments",
                );
            }
            Ok((service, build))
        })
        .collect()
}

/// A build argument's name as both builders and every shell take it.
fn check_name(build: &Build, name: &str) -> Result<(), Refused> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !starts || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return refuse(build.key.span, "a build argument's name has letters, digits and `_`");
    }
    Ok(())
}

/// The edits after which each of the services has what is new, and nothing else changes: all at their anchors if that
/// holds, else one service after the other.
fn add(
    adder: &Adder<'_>,
    compose: &Compose,
    services: &[(&Service, &Build)],
    with: &dyn Fn(Shape) -> Shape,
) -> Result<Vec<Edit>, Refused> {
    let wanted: Vec<&str> = services.iter().map(|(service, _)| service.name.value.as_str()).collect();
    let right = |edits: &[Edit], at: Span, now: Option<&str>| -> Result<Vec<String>, Refused> {
        let mut have = Vec::new();
        for one in adder.editor.became(compose, edits, at)? {
            let mine = wanted.contains(&one.name());
            if mine && one.after == with(one.before.clone()) {
                have.push(one.name().to_owned());
            } else if one.after != one.before || now == Some(one.name()) {
                return refuse(at, FURTHER);
            }
        }
        Ok(have)
    };
    let at = |service: &(&Service, &Build)| service.1.at.span;
    let together = services.iter().map(|(service, build)| adder.edits(service, build, Place::Source));
    if let Ok(all) =
        together.collect::<Result<Vec<_>, _>>().and_then(|all| join(&all.concat(), Span::point(0)))
        && right(&all, Span::point(0), None).is_ok_and(|have| have.len() == wanted.len())
    {
        return Ok(all);
    }
    let (mut edits, mut have): (Vec<Edit>, Vec<String>) = (Vec::new(), Vec::new());
    for one in services {
        let name = one.0.name.value.as_str();
        if have.iter().any(|had| had == name) {
            continue;
        }
        let attempt = |place| {
            let more = adder.edits(one.0, one.1, place)?;
            let all = join(&[edits.clone(), more].concat(), at(one))?;
            let have = right(&all, at(one), Some(name))?;
            Ok((all, have))
        };
        (edits, have) = attempt(Place::Source).or_else(|first: Refused| {
            // That it cannot be done at the anchor is why the service is tried, and says nothing of the service.
            attempt(Place::Service).map_err(|second| if first.reason == FURTHER { second } else { first })
        })?;
    }
    Ok(edits)
}

/// The edits once each, in order.
fn join(edits: &[Edit], at: Span) -> Result<Vec<Edit>, Refused> {
    let mut set = EditSet::default();
    for edit in edits {
        if set.insert(edit.clone()).is_err() {
            return refuse(at, "two changes meet at one place: change it by hand");
        }
    }
    Ok(set.iter().cloned().collect())
}
