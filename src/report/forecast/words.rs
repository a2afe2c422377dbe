//! The sentences of a forecast: the same in table and picture.

use super::{Build, Change, Changed, Counts, Document, Mount};

/// The first sentence: what is compared.
pub(super) fn compared(document: &Document) -> String {
    let before = &document.before;
    let files = match before.changed {
        0 => "no file differs".to_owned(),
        1 => "1 file differs".to_owned(),
        n => format!("{n} files differ"),
    };
    match &before.revision {
        Some(revision) => format!("compared with `{revision}`: {files}"),
        None => match before.changed {
            0 => "compared with a build of the same files".to_owned(),
            1 => "if this file had other bytes at the last build".to_owned(),
            n => format!("if these {n} files had other bytes at the last build"),
        },
    }
}

/// What builds what.
pub(super) fn heading(build: &Build) -> String {
    let dockerfile = build.dockerfile.as_deref().unwrap_or("its Dockerfile");
    let builder = if build.builder == "classic" { "classic builder" } else { "BuildKit" };
    let mut parts = Vec::new();
    if build.service.is_some() {
        parts.push(dockerfile.to_owned());
    }
    parts.extend(build.context.as_ref().map(|dir| format!("context {dir}")));
    parts.extend(build.target.as_ref().map(|name| format!("target {name}")));
    parts.push(builder.to_owned());
    format!("{}: {}", build.title(), parts.join(", "))
}

/// How many steps end how.
pub(super) fn counted(counts: &Counts) -> String {
    let mut parts = vec![
        format!("{} from the cache", counts.hit),
        format!("{} {} again", counts.miss, runs(counts.miss)),
    ];
    if counts.unknown > 0 {
        parts.push(format!("{} not known", counts.unknown));
    }
    if counts.none > 0 {
        parts.push(format!("{} without a step", counts.none));
    }
    parts.join(", ")
}

fn runs(count: usize) -> &'static str {
    if count == 1 { "runs" } else { "run" }
}

/// A mount for people, without its place.
pub(super) fn mount(mount: &Mount) -> String {
    let source = mount.source.as_deref();
    let what = match (mount.kind, source) {
        ("named-volume", Some(name)) => format!("the volume `{name}`"),
        ("named-volume", None) => "a named volume".to_owned(),
        ("anonymous-volume", _) => "an anonymous volume".to_owned(),
        ("bind", Some(path)) => format!("the bind mount of `{path}`"),
        ("bind", None) => "a bind mount".to_owned(),
        ("tmpfs", _) => "a tmpfs".to_owned(),
        _ => "a mount".to_owned(),
    };
    format!("{what} over `{}`", mount.target)
}

/// Where files with the same way end.
pub(super) struct Way<'a> {
    pub(super) files: Vec<&'a Changed>,
    /// As a clause, of one file or several.
    pub(super) says: String,
}

/// The files that differ, those with the same end together; what arrives first.
pub(super) fn ways(build: &Build) -> Vec<Way<'_>> {
    let mut ways: Vec<Way<'_>> = Vec::new();
    for file in &build.changed {
        let says = says(build, file);
        match ways.iter_mut().find(|way| way.says == says) {
            Some(way) => way.files.push(file),
            None => ways.push(Way { says, files: vec![file] }),
        }
    }
    ways.sort_by_key(|way| rank(way.files[0]));
    ways
}

pub(super) fn arrives(file: &Changed) -> bool {
    file.recipe || matches!(file.verdict, "reaches" | "build-only" | "unknown")
}

fn rank(file: &Changed) -> usize {
    let order = ["shadowed", "reaches", "build-only", "unknown", "ignored", "not-copied", "outside-context"];
    if file.recipe { 3 } else { order.iter().position(|verdict| *verdict == file.verdict).unwrap_or(9) }
}

pub(super) fn says(build: &Build, file: &Changed) -> String {
    if file.recipe {
        return "says how it is built or run".to_owned();
    }
    if file.change == Change::Deleted {
        return match file.verdict {
            "reaches" => "is deleted, and was in the container: the next image is without it".to_owned(),
            "build-only" => "is deleted, and was used in the build".to_owned(),
            "shadowed" => format!("is deleted, and {} hid it in the container", hider(build, file)),
            "unknown" => "is deleted; whether it was in the image is not known from the files".to_owned(),
            _ => "is deleted, and was not in the image".to_owned(),
        };
    }
    match file.verdict {
        "reaches" if file.mounted => "is mounted into the container: no build is needed".to_owned(),
        "reaches" if build.service.is_none() => "gets into the image".to_owned(),
        "reaches" => "reaches the container".to_owned(),
        "ignored" => match &file.ignored_by {
            Some(place) => {
                format!("does not arrive: {}:{} keeps it out (`{}`)", place.file, place.line, place.what)
            }
            None => "does not arrive: the ignore file keeps it out".to_owned(),
        },
        "not-copied" => "does not arrive: nothing copies it into the image".to_owned(),
        "build-only" => "is used in the build: what is built from it is what runs".to_owned(),
        "shadowed" => format!("gets into the image, but {} hides it", hider(build, file)),
        "outside-context" => "lies outside of the build context".to_owned(),
        _ => "may arrive: where it goes is not known from the files".to_owned(),
    }
}

fn hider(build: &Build, file: &Changed) -> String {
    match file.hidden_by.and_then(|index| build.mounts.get(index)) {
        Some(found) => format!("{} ({}:{})", mount(found), found.file, found.line),
        None => "a mount".to_owned(),
    }
}

/// The sentence over a picture: what the build does, and whether it changes what runs.
pub(super) fn headline(build: &Build) -> String {
    if let Some(problem) = &build.problem {
        return problem.clone();
    }
    let counts = build.counts;
    let does = match (counts.miss, counts.unknown) {
        (0, 0) => "every step comes from the cache".to_owned(),
        (0, _) => format!("{} of {} steps may run again", counts.unknown, counts.hit + counts.unknown),
        (miss, 0) => format!("{miss} of {} steps {} again", counts.hit + miss, runs(miss)),
        (miss, unknown) => {
            let all = counts.hit + miss + unknown;
            format!("{miss} of {all} steps {} again, {unknown} more may", runs(miss))
        }
    };
    let hidden = build.changed.iter().find(|file| file.verdict == "shadowed" && !file.recipe);
    let reached = build.changed.iter().any(|file| file.verdict == "reaches" && !file.recipe);
    match hidden {
        Some(file) if reached => format!("{does}, but {} hides part of it", hider(build, file)),
        Some(file) => format!("{does}, but {} hides the change", hider(build, file)),
        None => does,
    }
}
