//! `shared-image-tag`: two services of a project build different things into one name.

use crate::{
    analysis::{
        Facts,
        built::{self, Built},
        stages::{Step, What},
    },
    diag::{Safety, Sink},
    model::compose::{Build, Service, Value, Variable},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let all = built::all(facts);
    for (index, second) in all.iter().enumerate() {
        let first = all[..index].iter().find(|first| {
            first.service.project == second.service.project
                && first.service.index != second.service.index
                && first.name == second.name
        });
        if let Some(first) = first {
            look(facts, first, second, sink);
        }
    }
}

fn look(facts: &Facts<'_>, first: &Built<'_>, second: &Built<'_>, sink: &mut Sink<'_>) -> Option<()> {
    let (one, other) = (facts.model(first.service), facts.model(second.service));
    if never_together(one, other) {
        return None;
    }
    let from = difference(facts, first, second)?;
    let image = format!("{}:{}", second.name.familiar(), second.name.tag.as_deref()?);
    let (one, other) = (&one.name.value, &other.name.value);
    sink.report(
        second.at,
        format!("`{one}` and `{other}` build `{image}` from different {from}: the build that ends last is what both run"),
    )
    .label(first.at, format!("`{one}` builds it here"))
    .help(format!("give each its own `image`, for example `{}-{other}`", second.name.familiar()))
.fix(Safety::Manual, "give each service an image of its own", Vec::new());
    Some(())
}

/// Profiles that exclude each other: nobody builds both in one go.
fn never_together(one: &Service, other: &Service) -> bool {
    let names = |s: &Service| s.profiles.iter().map(|p| p.known.clone()).collect::<Vec<_>>();
    let (one, other) = (names(one), names(other));
    !one.is_empty() && !other.is_empty() && one.iter().all(|p| !other.contains(p))
}

/// What is known to differ between the two builds.
fn difference(facts: &Facts<'_>, first: &Built<'_>, second: &Built<'_>) -> Option<&'static str> {
    let (a, b) = (first.service.build.as_ref()?, second.service.build.as_ref()?);
    let (one, other) = (facts.model(first.service).build.as_ref()?, facts.model(second.service).build.as_ref()?);
    if a.context.as_ref().zip(b.context.as_ref()).is_some_and(|(a, b)| a.dir != b.dir) {
        return Some("contexts");
    }
    if differ(one.inline.as_ref(), other.inline.as_ref(), "")
        || differ(one.dockerfile.as_ref(), other.dockerfile.as_ref(), "Dockerfile")
    {
        return Some("Dockerfiles");
    }
    if a.dockerfile != b.dockerfile || a.dockerfile.is_none() {
        return None;
    }
    if a.target.zip(b.target).is_some_and(|(a, b)| a != b) {
        return Some("stages");
    }
    let stages = &facts.dockerfiles[a.dockerfile?].stages.all;
    let names_it = |step: &Step, name: &String| matches!(&step.what, What::Arg(names) if names.contains(name));
    let declared =
        |arg: &Variable| stages.iter().flat_map(|s| &s.steps).any(|step| names_it(step, &arg.name.value));
    let unlike = |here: &Build, there: &Build| {
        here.args.iter().filter(|arg| declared(arg)).any(|arg| {
            let twin = there.args.iter().find(|other| other.name.value == arg.name.value);
            match twin {
                Some(twin) => differ(arg.value.as_ref(), twin.value.as_ref(), ""),
                None => arg.value.as_ref().is_some_and(|value| value.known.is_some()),
            }
        })
    };
    (unlike(one, other) || unlike(other, one)).then_some("build arguments")
}

/// Whether two values are known, and not the same; one that is not written is the default.
fn differ(one: Option<&Value>, other: Option<&Value>, default: &str) -> bool {
    let known = |value: Option<&Value>| match value {
        None => Some(default.to_owned()),
        Some(value) => value.known.clone(),
    };
    known(one).zip(known(other)).is_some_and(|(one, other)| one != other)
}
