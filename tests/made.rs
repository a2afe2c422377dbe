//! What follows from the stages of a build for files that are only compiled in, without a machine: the way through the
//! stages, and the verdict on what was found in them.

use std::collections::{BTreeMap, HashMap};

use unstale::{
    analysis::{Facts, route::Verdict as End, route::route, way::Way},
    protocol::{
        Built, Bytes, Cause, Change, Compiled, CompiledFile, Digest, Evidence, FileEvidence, Found, Inside,
        Judgement, Look, Mount, MountSource, Source, Stages, Stat, Tree, Verdict, judge,
    },
};

use crate::{
    projects::project,
    protocol::{container, evidence, fresh, odd, stale},
};

const COMPOSE: (&str, &str) = ("compose.yaml", "services:\n  web:\n    build: .\n");

/// The way of `main.c`.
fn way(dockerfile: &str, more: &[(&str, &str)]) -> Way {
    let files = [&[COMPOSE, ("Dockerfile", dockerfile), ("main.c", "")][..], more].concat();
    let snapshot = project(&files);
    let facts = Facts::new(&snapshot);
    let found = route(&facts, &facts.services[0], "main.c");
    assert_eq!(found.verdict, End::BuildOnly, "{dockerfile}");
    *found.way.expect("it has one")
}

/// `stage:path`, and `from>to:what is copied`.
fn told(way: &Way) -> (Vec<String>, Vec<String>) {
    let paths = |s: &unstale::analysis::way::Through| format!("{}:{}", s.name, s.paths.join(","));
    let edges = |e: &unstale::analysis::way::Edge| {
        let to = e.to.map_or("image".to_owned(), |to| to.to_string());
        format!("{}>{to}:{}", e.from, e.copy.dest.known().unwrap_or("?"))
    };
    (way.stages.iter().map(paths).collect(), way.edges.iter().map(edges).collect())
}

const TWO: &str =
    "FROM x AS build\nWORKDIR /src\nCOPY . .\nRUN make\nFROM y\nCOPY --from=build /src/app /bin/app\n";

#[test]
fn the_way_leads_from_the_stage_where_the_file_lies_into_the_image() {
    let two = way(TWO, &[]);
    let (stages, edges) = told(&two);
    assert_eq!((stages, edges), (vec!["build:/src/main.c".to_owned()], vec!["0>image:/bin/app".to_owned()]));
    assert_eq!(two.doubts, []);

    // Sources in a stage of their own, a compiler, a linker, and an image that starts from another stage.
    let chain = "FROM scratch AS sources\nCOPY . /s\nFROM x AS cc\nCOPY --from=sources /s /src\nRUN cc\n\
                 FROM x AS ld\nCOPY --from=cc /src/a.o /in/a.o\nRUN ld\nFROM z AS run\nCOPY --from=ld /out/app /bin/app\n\
                 FROM run\nCMD [\"app\"]\n";
    let chain = way(chain, &[]);
    let (stages, edges) = told(&chain);
    assert_eq!(stages, ["cc:/src/main.c", "ld:"], "nothing is made where the sources only lie");
    assert_eq!(edges, ["1>2:/in/a.o", "2>image:/bin/app"]);
    assert_eq!(chain.doubts, []);

    // A stage that has nothing to do with it is left alone.
    let beside =
        format!("FROM n AS css\nCOPY style.css /\nRUN css\n{TWO}COPY --from=css /style.min.css /srv/\n");
    assert_eq!(told(&way(&beside, &[("style.css", "")])).1, ["1>image:/bin/app"]);
}

#[test]
fn what_can_be_older_than_the_sources_is_in_doubt() {
    let run = |run: &str| way(&TWO.replace("RUN make", run), &[]).doubts;
    let ignored = [(".gitignore", "target/\n")];
    let cases = [
        ("an output folder", run("RUN --mount=type=cache,target=/src/target make"), Some(true)),
        ("a folder that nobody knows", run("RUN --mount=type=cache,target=/opt/x make"), Some(true)),
        ("packages", run("RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build make"), None),
        (
            "through a mount of a stage",
            way("FROM x AS s\nCOPY . /s\nFROM x AS build\nRUN --mount=type=bind,from=s,source=/s,target=/s make\nFROM y\nCOPY --from=build /app /app\n", &[]).doubts,
            Some(false),
        ),
        (
            "through a mount of the context",
            way("FROM x AS build\nRUN --mount=type=bind,target=/s make\nFROM y\nCOPY --from=build /app /app\n", &[]).doubts,
            Some(false),
        ),
        (
            "a manifest that a RUN sees before all is copied",
            run("RUN make").into_iter().chain(way(&TWO.replace("COPY . .", "RUN --mount=type=bind,source=main.c,target=m get m\nCOPY . ."), &[]).doubts).collect(),
            None,
        ),
        ("no name", way(&TWO.replace(" AS build", "").replace("=build", "=0"), &[]).doubts, Some(false)),
        (
            "two of one name",
            way(&format!("FROM q AS build\nRUN x\n{TWO}"), &[]).doubts,
            Some(false),
        ),
        (
            "a stub first",
            way(
                "FROM rust:1 AS build\nWORKDIR /src\nCOPY Cargo.toml .\nRUN mkdir src && echo 'fn main() {}' > src/main.rs && cargo build\nCOPY . .\nRUN cargo build\nFROM y\nCOPY --from=build /src/target/app /bin/app\n",
                &[("Cargo.toml", ""), ("src/main.rs", "")],
            )
            .doubts,
            Some(false),
        ),
        ("what the machine has built", way(&TWO.replace("make", "cargo build"), &ignored).doubts, Some(false)),
        (
            "kept out of the context",
            way(&TWO.replace("make", "cargo build"), &[ignored[0], (".dockerignore", "target\n")]).doubts,
            None,
        ),
    ];
    for (what, doubts, expected) in cases {
        let anew = doubts.first().map(|doubt| doubt.ends_anew);
        assert_eq!(anew, expected, "{what}: {doubts:?}");
    }
}

fn digest(name: &str) -> Bytes {
    Bytes::Known { digest: Digest(name.into()), len: None }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, bytes)| ((*path).to_owned(), digest(bytes))).collect()
}

/// A stage with `/src/main.c` and `/src/app`, and a container that has `/bin/app`.
fn compiled(source: FileEvidence, in_stage: &str, in_container: Bytes) -> Evidence {
    let way = way(TWO, &[]);
    let stages = Stages::of(&[&way]);
    let roots = HashMap::from([("/src/app".to_owned(), Ok(tree(&[("/src/app", in_stage)])))]);
    let inside = BTreeMap::from([(0, Inside { sources: HashMap::new(), roots })]);
    let taken = way.edges.iter().map(|edge| stages.taken(edge, &inside)).collect();
    let there = HashMap::from([(container().id, HashMap::from([("/bin/app".to_owned(), in_container)]))]);
    let file = FileEvidence { path: "main.c".into(), at: "/src/main.c".into(), ..source };
    let mut evidence = evidence(vec![]);
    evidence.unproven = vec!["main.c".into()];
    evidence.compiled = Compiled {
        files: vec![CompiledFile {
            path: "main.c".into(),
            way: Some(Box::new(way)),
            sources: vec![Source { stage: "build".into(), file }],
        }],
        look: Some(Look { trouble: None, taken, there }),
        kept: HashMap::new(),
    };
    evidence
}

fn way_of(evidence: &mut Evidence) -> &mut Way {
    evidence.compiled.files[0].way.as_mut().expect("it has one")
}

fn judged(evidence: &Evidence) -> (Verdict, String, Judgement) {
    let judgement = judge(evidence);
    (judgement.verdict, judgement.reason.clone(), judgement)
}

#[test]
fn what_is_made_of_fresh_sources_and_runs_is_verified() {
    let (verdict, reason, judgement) = judged(&compiled(fresh(), "a", digest("a")));
    assert_eq!(verdict, Verdict::Verified, "{reason}");
    assert_eq!(
        reason,
        "1 changed file is in the stage `build` as in git, and `/bin/app` in `shop-web-1` is what it made"
    );
    assert_eq!((judgement.replicas[0].counts.checked, judgement.replicas[0].counts.fresh), (1, 1));
}

#[test]
fn what_is_made_of_an_old_source_and_runs_is_stale() {
    let (verdict, reason, judgement) = judged(&compiled(stale(), "a", digest("a")));
    assert_eq!(verdict, Verdict::Stale, "{reason}");
    assert!(reason.starts_with("`/src/main.c` in the stage `build` is the one of 111111111111, and `/bin/app` in `shop-web-1` is made from it: "), "{reason}");
    let diagnosis = judgement.replicas[0].diagnosis.as_ref().expect("a cause");
    assert_eq!((diagnosis.cause, diagnosis.mechanism), (Cause::ContextSnapshot, Some("S33")));
    assert!(diagnosis.cure.contains("type=source.local") && judgement.wants_a_build(), "{}", diagnosis.cure);
    // Of another size it cannot be the snapshot.
    let longer =
        FileEvidence { expected: Bytes::Known { digest: Digest("new".into()), len: Some(11) }, ..stale() };
    let (verdict, _, judgement) = judged(&compiled(longer, "a", digest("a")));
    let cause = judgement.replicas[0].diagnosis.as_ref().map(|d| d.cause);
    assert_eq!((verdict, cause), (Verdict::Stale, Some(Cause::Image)));
}

#[test]
fn whatever_is_not_known_is_inconclusive() {
    type Change = fn(&mut Evidence);
    let cases: [(&str, FileEvidence, Bytes, Change, &str); 14] = [
        ("another artefact", fresh(), digest("b"), |_| {}, "is not what the stage `build` makes"),
        (
            "an old source, another artefact",
            stale(),
            digest("b"),
            |_| {},
            "is not what the stage `build` makes",
        ),
        ("no artefact", fresh(), Bytes::Missing, |_| {}, "is not what the stage `build` makes"),
        ("unreadable", fresh(), Bytes::Unknown("no tool".into()), |_| {}, "cannot be compared (no tool)"),
        ("changed by the build", odd(), digest("a"), |_| {}, "has bytes that no commit"),
        (
            "removed by the build",
            FileEvidence { actual: Bytes::Missing, image: Some(Bytes::Missing), ..fresh() },
            digest("a"),
            |_| {},
            "is missing",
        ),
        (
            "not built",
            fresh(),
            digest("a"),
            |e| e.compiled.look = Some(Look { trouble: Some("no disk".into()), ..Look::default() }),
            "no disk",
        ),
        (
            "in doubt",
            fresh(),
            digest("a"),
            |e| {
                way_of(e)
                    .doubts
                    .push(unstale::analysis::way::Doubt { why: "a mount".into(), ends_anew: true });
            },
            "a mount",
        ),
        (
            "in doubt for ever",
            fresh(),
            digest("a"),
            |e| {
                e.built = Built::Anew;
                way_of(e)
                    .doubts
                    .push(unstale::analysis::way::Doubt { why: "a stub".into(), ends_anew: false });
            },
            "a stub",
        ),
        ("no way", fresh(), digest("a"), |e| e.compiled.files[0].way = None, "how what is made from it"),
        (
            "nothing is taken",
            fresh(),
            digest("a"),
            |e| way_of(e).edges.clear(),
            "nothing that is made from it",
        ),
        (
            "below a mount",
            fresh(),
            digest("a"),
            |e| {
                let source = MountSource::Named("v".into());
                e.replicas[0].container.mounts.push(Mount { source, target: "/bin".into() });
            },
            "a mount over `/bin`",
        ),
        (
            "put there by the build",
            stale(),
            digest("a"),
            |e| e.built = Built::Anew,
            "it puts them there itself",
        ),
        (
            "nobody looked",
            fresh(),
            digest("a"),
            |e| {
                e.compiled.look = None;
                e.compiled.files[0].sources.clear();
            },
            "with `--stages`",
        ),
    ];
    for (what, source, there, change, words) in cases {
        let mut evidence = compiled(source, "a", there);
        change(&mut evidence);
        let (verdict, reason, _) = judged(&evidence);
        assert_eq!(verdict, Verdict::Inconclusive, "{what}: {reason}");
        assert!(reason.contains(words), "{what}: {reason}");
    }
    // With the text of `--expect`, an open look takes nothing away; an old source does.
    let with_text = |source| {
        let mut evidence = compiled(source, "a", digest("a"));
        way_of(&mut evidence).edges.truncate(1);
        evidence.replicas[0].expect = Some(Found::Yes);
        judged(&evidence).0
    };
    assert_eq!((with_text(odd()), with_text(stale())), (Verdict::Verified, Verdict::Stale));
}

#[test]
fn a_build_without_cache_has_no_old_output() {
    let mut evidence = compiled(fresh(), "a", digest("a"));
    way_of(&mut evidence)
        .doubts
        .push(unstale::analysis::way::Doubt { why: "a mount".into(), ends_anew: true });
    assert_eq!(judged(&evidence).0, Verdict::Inconclusive);
    evidence.built = Built::Anew;
    assert_eq!(judged(&evidence).0, Verdict::Verified);
}

#[test]
fn an_image_that_is_older_than_the_source_is_told_with_its_cure() {
    let late = FileEvidence { unbuilt: true, checkout: Some((digest("new"), stat())), ..fresh() };
    let (verdict, reason, judgement) = judged(&compiled(late, "a", digest("b")));
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(reason.contains("`main.c` changed on the server after the image was built"), "{reason}");
    assert_eq!(judgement.replicas[0].diagnosis.as_ref().map(|d| d.cause), Some(Cause::Image));
}

fn stat() -> Stat {
    fresh().seen.expect("it has one")
}

#[test]
fn what_the_ledger_has_verified_stays_so_until_it_is_changed() {
    let change = |kind, path: &str| Change { kind, path: path.into() };
    let kept = |changes: Vec<Change>, hide: bool| {
        let mut evidence = compiled(fresh(), "a", digest("a"));
        evidence.compiled.look = None;
        evidence.compiled.files[0].sources.clear();
        evidence.compiled.kept.insert(container().id, changes);
        if hide {
            let mount = Mount { source: MountSource::Anonymous("v".into()), target: "/bin".into() };
            evidence.replicas[0].container.mounts.push(mount);
        }
        judged(&evidence)
    };
    let (verdict, reason, _) = kept(Vec::new(), false);
    assert_eq!(verdict, Verdict::Verified, "{reason}");
    assert!(
        reason.contains("unchanged from image aaaaaaaaaaaa, which was verified at this commit"),
        "{reason}"
    );
    let log = vec![
        change('C', "/var"),
        change('C', "/var/log"),
        change('A', "/var/log/app"),
        change('C', "/etc/x"),
    ];
    assert_eq!(kept(log, false).0, Verdict::Verified, "elsewhere");
    let beside = vec![change('C', "/bin"), change('A', "/bin/app.log")];
    assert_eq!(kept(beside, false).0, Verdict::Verified, "something beside it");
    for changes in [
        vec![change('C', "/bin"), change('C', "/bin/app")],
        vec![change('D', "/bin/app")],
        vec![change('D', "/bin")],
    ] {
        assert_eq!(kept(changes, false).0, Verdict::Inconclusive);
    }
    assert_eq!(kept(Vec::new(), true).0, Verdict::Inconclusive, "a mount lies over it");
}

#[test]
fn the_stages_are_told_what_to_read_and_the_copies_what_was_found() {
    let dockerfile = "FROM x AS a\nCOPY . /s\nRUN cc\nFROM x AS b\nWORKDIR /in\nCOPY --from=a /s/*.o .\nRUN ld\n\
                      FROM y\nCOPY --from=b /out /srv\nCOPY --from=b / /all\n";
    let way = way(dockerfile, &[]);
    let stages = Stages::of(&[&way, &way]);
    let roots = |stage: usize| stages.all[&stage].roots.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((roots(0), roots(1)), (vec!["/s"], vec!["/in", "/out"]));
    assert_eq!((stages.all[&0].sources.len(), stages.edges.len()), (1, 3));
    let inside = BTreeMap::from([
        (
            0,
            Inside {
                sources: HashMap::new(),
                roots: HashMap::from([(
                    "/s".to_owned(),
                    Ok(tree(&[("/s/a.o", "a"), ("/s/b.o", "b"), ("/s/main.c", "c")])),
                )]),
            },
        ),
        (
            1,
            Inside {
                sources: HashMap::new(),
                roots: HashMap::from([
                    ("/in".to_owned(), Ok(tree(&[("/in/a.o", "a")]))),
                    ("/out".to_owned(), Err("is not there".to_owned())),
                ]),
            },
        ),
    ]);
    let taken: Vec<_> = stages.edges.iter().map(|edge| stages.taken(edge, &inside)).collect();
    let objects = taken[0].made.as_ref().expect("known");
    let told: Vec<_> =
        objects.iter().map(|m| (m.at.as_str(), m.there.clone() == Some(m.bytes.clone()))).collect();
    assert_eq!(told, [("/in/a.o", true), ("/in/b.o", false)]);
    assert_eq!(taken[1].made.as_ref().expect_err("it is not there"), "`/out` in the stage `b` is not there");
    assert!(taken[2].made.as_ref().is_err_and(|why| why.contains("was not read")), "the whole of a stage");
}

#[test]
fn of_many_files_the_folder_is_read_that_holds_them() {
    let stage = |n: usize, dir: &str| {
        let paths = (0..n).map(|n| format!("{dir}/{}/f{n}", n % 3));
        unstale::protocol::Stage { sources: paths.collect(), ..Default::default() }
    };
    assert_eq!(stage(40, "/app/src").common(), None);
    assert_eq!(stage(41, "/app/src").common(), Some("/app/src".to_owned()));
    assert_eq!(stage(41, "").common(), Some("/".to_owned()));
}
