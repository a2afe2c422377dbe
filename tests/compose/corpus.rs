//! Real compose files against what Docker says of them.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the corpus lies in files that the environment names, and a skipped test says so"
)]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};
use unstale::{
    model::compose::{self, Compose, Mount, MountKind, edit},
    text::EditSet,
};

use super::read;

/// What `docker compose config --no-interpolate` calls a mount's type.
fn type_name(mount: &Mount) -> &'static str {
    match mount.kind {
        MountKind::Bind => "bind",
        MountKind::Named | MountKind::Anonymous => "volume",
        MountKind::Tmpfs => "tmpfs",
        MountKind::Other => "other",
    }
}

/// The model in the shape of the facts; without interpolation, as the facts were made.
fn facts(model: &Compose) -> BTreeMap<String, Json> {
    let mut out = BTreeMap::new();
    for service in &model.services {
        let mut fact = json!({});
        if let Some(build) = &service.build {
            let mut b = json!({});
            let fields =
                [("context", &build.context), ("dockerfile", &build.dockerfile), ("target", &build.target)];
            for (key, value) in fields {
                if let Some(value) = value {
                    b[key] = json!(value.raw);
                }
            }
            if build.context.is_none() {
                b["context"] = json!(".");
            }
            let mut args: Vec<String> = build
                .args
                .iter()
                .map(|a| match &a.value {
                    Some(value) if in_list(model, build) => format!("{}={}", a.name.value, value.raw),
                    _ => a.name.value.clone(),
                })
                .collect();
            if !in_list(model, build) {
                args.sort();
            }
            if !args.is_empty() {
                b["args"] = json!(args);
            }
            fact["build"] = b;
        }
        if let Some(image) = &service.image {
            fact["image"] = json!(image.raw);
        }
        let volumes: Vec<Json> = service
            .mounts
            .iter()
            .filter(|m| model.tree.node(m.node).span == m.at.span && in_volumes(model, service, m))
            .map(|m| {
                let mut v = json!({ "type": type_name(m), "target": m.target.known.as_ref().unwrap_or(&m.target.raw) });
                if let Some(source) = &m.source {
                    v["source"] = json!(source.raw);
                }
                if m.read_only {
                    v["read_only"] = json!(true);
                }
                v
            })
            .collect();
        if !volumes.is_empty() {
            fact["volumes"] = json!(volumes);
        }
        out.insert(service.name.value.clone(), fact);
    }
    out
}

/// The facts have the values of a list of args, and the names of a mapping.
fn in_list(model: &Compose, build: &compose::Build) -> bool {
    model.tree.get(build.node, "args").is_some_and(|e| model.tree.items(e.value).is_some())
}

fn in_volumes(model: &Compose, service: &compose::Service, mount: &Mount) -> bool {
    let list = model.tree.get(service.node, "volumes").and_then(|e| model.tree.items(e.value));
    list.is_some_and(|items| items.contains(&mount.node))
}

/// Mounts whose text has a variable cannot be compared: Docker's facts were made without `.env` and without defaults,
/// and so it split elsewhere. The model's are known by their place in the list.
fn comparable(mut ours: Json, theirs: &Json) -> (Json, Json) {
    let mut theirs = theirs.clone();
    let (Some(o), Some(t)) = (ours["volumes"].as_array_mut(), theirs["volumes"].as_array_mut()) else {
        return (without_nulls(ours), without_nulls(theirs));
    };
    if o.len() == t.len() {
        let known: Vec<bool> =
            t.iter().map(|v| !v.to_string().contains('$') && v["type"] != "image").collect();
        let mut keep = known.iter();
        o.retain(|_| *keep.next().unwrap());
        keep = known.iter();
        t.retain(|_| *keep.next().unwrap());
    }
    (ours, theirs)
}

/// Asking for `volumes` leaves a null where there are none.
fn without_nulls(mut fact: Json) -> Json {
    if let Some(fact) = fact.as_object_mut() {
        fact.retain(|_, v| !v.is_null());
    }
    fact
}

#[test]
fn real_files_read_as_docker_reads_them() {
    let (Some(root), Some(facts_dir)) =
        (std::env::var_os("UNSTALE_CORPUS"), std::env::var_os("UNSTALE_CORPUS_FACTS"))
    else {
        eprintln!(
            "skipped: real_files_read_as_docker_reads_them needs UNSTALE_CORPUS and UNSTALE_CORPUS_FACTS"
        );
        return;
    };
    let lines = fs::read_to_string(Path::new(&facts_dir).join("compose.jsonl")).unwrap();
    let (mut files, mut services, mut wrong, mut report) = (0, 0, 0, String::new());
    let (mut refused, mut refused_by_us) = (0, 0);
    for line in lines.lines() {
        let fact: Json = serde_json::from_str(line).unwrap();
        let repo = fact["repo"].as_str().unwrap().replacen('/', "__", 1);
        let path: PathBuf = Path::new(&root).join(repo).join(fact["path"].as_str().unwrap());
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let model = read(&text);
        if fact["ok"] != json!(true) {
            refused += 1;
            refused_by_us += usize::from(!model.errors.is_empty());
            continue;
        }
        files += 1;
        for error in &model.errors {
            let _ = writeln!(report, "{}: error {:?}: {}", path.display(), error.span, error.message);
            wrong += 1;
        }
        let ours = facts(&model);
        let theirs = fact["services"].as_object().unwrap();
        // Docker merges these in; the model names them and leaves the merging to others.
        let merges = !model.includes.is_empty() || !model.tree.more_documents().is_empty();
        if !merges && ours.len() != theirs.len() {
            let _ =
                writeln!(report, "{}: {} services, Docker has {}", path.display(), ours.len(), theirs.len());
            wrong += 1;
        }
        for (name, theirs) in theirs {
            if merges || model.service(name).is_some_and(|s| s.extends.is_some()) {
                continue;
            }
            services += 1;
            let (ours, theirs) = comparable(ours.get(name).cloned().unwrap_or_default(), theirs);
            if ours != theirs {
                wrong += 1;
                let _ = writeln!(report, "{}: {name}\n  ours   {ours}\n  docker {theirs}", path.display());
            }
        }
    }
    eprintln!(
        "{files} files that Docker accepts, {services} services compared, {wrong} differences; \
         {refused} files that Docker refuses, {refused_by_us} of them here too"
    );
    assert_eq!(wrong, 0, "{report}");
    assert!(files > 0, "no file of the corpus is there");
}

/// Files that `docker compose` 2.40 refuses by themselves and that are not refused here, with the reason.
fn excused(model: &Compose, error: &str) -> bool {
    // docker-compose v1 reads them.
    let v1 = model.layout == compose::Layout::V1;
    // Newer than that Compose; the table knows it.
    v1 || error.contains("'pre_start'")
}

/// What `docker compose` says when another file is missing.
const NEIGHBOUR: [&str; 3] = ["no such file", "not found", "is not a file"];

#[test]
fn what_docker_refuses_in_the_file_itself_is_refused() {
    let (Some(root), Some(facts_dir)) =
        (std::env::var_os("UNSTALE_CORPUS"), std::env::var_os("UNSTALE_CORPUS_FACTS"))
    else {
        eprintln!(
            "skipped: what_docker_refuses_in_the_file_itself_is_refused needs UNSTALE_CORPUS and UNSTALE_CORPUS_FACTS"
        );
        return;
    };
    let lines = fs::read_to_string(Path::new(&facts_dir).join("compose.jsonl")).unwrap();
    let (mut refused, mut excuses, mut accepted, mut report) = (0, 0, 0, String::new());
    for line in lines.lines() {
        let fact: Json = serde_json::from_str(line).unwrap();
        let repo = fact["repo"].as_str().unwrap().replacen('/', "__", 1);
        let path: PathBuf = Path::new(&root).join(repo).join(fact["path"].as_str().unwrap());
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let model = read(&text);
        let error = fact["error"].as_str().unwrap_or_default();
        if fact["ok"] == json!(true) {
            accepted += 1;
            for error in &model.errors {
                let _ = writeln!(report, "{}: refused, Docker accepts it: {}", path.display(), error.message);
            }
        } else if !NEIGHBOUR.iter().any(|words| error.contains(words)) {
            match (model.errors.is_empty(), excused(&model, error)) {
                (false, _) => refused += 1,
                (true, true) => excuses += 1,
                (true, false) => {
                    let _ = writeln!(report, "{}: accepted, Docker says: {error}", path.display());
                }
            }
        }
    }
    eprintln!("{accepted} accepted, {refused} refused as Docker does, {excuses} excused");
    assert_eq!(report, "");
    assert!(accepted > 0 && refused > 0);
}

/// Adds an argument to every build and removes every mount of every real file: what is not refused reads as it should,
/// which the edit itself checks, and touches nothing else.
#[test]
fn real_files_can_be_edited() {
    let Some(root) = std::env::var_os("UNSTALE_CORPUS") else {
        eprintln!("skipped: real_files_can_be_edited needs UNSTALE_CORPUS");
        return;
    };
    let (mut added, mut removed, mut refused) = (0, 0, BTreeMap::<String, usize>::new());
    for path in yaml_files(Path::new(&root)) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let model = read(&text);
        if !model.tree.errors().is_empty() {
            continue;
        }
        for service in &model.services {
            let name = &service.name.value;
            let results = service
                .build
                .iter()
                .map(|_| (true, edit::add_build_arg(&text, &model, &[name], "CACHE_BUST", "${CACHE_BUST:-}")))
                .chain(
                    (0..service.mounts.len())
                        .map(|i| (false, edit::remove_mounts(&text, &model, name, &[i]))),
                );
            for (adds, result) in results.collect::<Vec<_>>() {
                match result {
                    Err(error) => *refused.entry(error.reason).or_default() += 1,
                    Ok(edits) => {
                        let mut set = EditSet::default();
                        for edit in edits {
                            let gone = &text[edit.span.range()];
                            assert!(
                                !adds || gone.trim().is_empty() || gone.trim() == "null",
                                "{path:?} {gone:?}"
                            );
                            set.insert(edit).unwrap();
                        }
                        let after = set.apply(&text);
                        assert_eq!(text.contains("\r\n"), after.contains("\r\n"), "{path:?}");
                        *if adds { &mut added } else { &mut removed } += 1;
                    }
                }
            }
        }
    }
    eprintln!("{added} arguments added, {removed} mounts removed, refused: {refused:#?}");
    assert!(added > 0 && removed > 0);
}

fn yaml_files(dir: &Path) -> Vec<PathBuf> {
    let (mut out, mut todo) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            match path.extension().and_then(|e| e.to_str()) {
                _ if path.is_dir() => todo.push(path),
                Some("yml" | "yaml") => out.push(path),
                _ => {}
            }
        }
    }
    out.sort();
    out
}
