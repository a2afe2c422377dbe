//! Code that is only compiled in, on real engines over real ssh: the stages are looked into, what they made is compared
//! with what runs, and nothing of it stays on the server.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fs;

use serde_json::Value;

use crate::support::{Builder, Engine, Lab, Ran, on_real_engines, write_executable};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");

on_real_engines!(corners: a_deploy_proves_what_it_compiled, a_chain_of_stages);
on_real_engines!(an_old_source_in_the_stage, outputs_in_a_cache_mount);

/// The compiler leaves a nonce, so that no two of its runs make the same.
const TWO: &str = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE} AS build
ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
COPY src /src
RUN mkdir -p /out/bin && tr a-z A-Z </src/main.txt >/out/bin/app && cat /proc/sys/kernel/random/uuid >>/out/bin/app && ln -s app /out/bin/tool
FROM ${BASE_IMAGE}
WORKDIR /app
COPY frontend frontend
COPY --from=build /out/bin/ /opt/bin/
CMD [\"python\", \"app.py\"]
";

fn lab(engine: Engine, builder: Builder, dockerfile: &str) -> Lab {
    Lab::seeded(engine, builder, |dev| {
        fs::write(dev.join("Dockerfile"), dockerfile).unwrap();
        fs::create_dir(dev.join("src")).unwrap();
        fs::write(dev.join("src/main.txt"), "hello one\n").unwrap();
        let path = dev.join("compose.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let args = "      args:\n        CACHE_BUST: ${CACHE_BUST:-}\n";
        fs::write(path, text.replacen("      args:\n", args, 1)).unwrap();
    })
}

fn unstale(lab: &Lab, args: &[&str]) -> (Value, i32) {
    let dir = lab.server().display().to_string();
    let target = ["--host", "testhost", "--dir", &dir, "--format", "json"];
    let ran = Ran::new(lab.in_dev(UNSTALE).args(args).args(target));
    (serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}")), ran.code)
}

/// The reason of a verdict.
#[track_caller]
fn verdict(lab: &Lab, args: &[&str], verdict: &str) -> Value {
    let (document, _) = unstale(lab, args);
    assert_eq!(document["verdict"], verdict, "{document:#}");
    document
}

#[track_caller]
fn says(document: &Value, words: &[&str]) {
    let reason = document["reason"].as_str().unwrap();
    for word in words {
        assert!(reason.contains(word), "{word:?} is not in {reason}");
    }
}

/// Everything that could be left behind: containers, images with their tags, and folders of ours.
fn state(lab: &Lab) -> String {
    let listed = [
        lab.engine.docker(&["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"]),
        lab.engine.docker(&["images", "-a", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"]),
        lab.engine.docker(&["volume", "ls", "-q"]),
        lab.engine.docker(&["network", "ls", "-q"]),
        // Other tests work in the same folder: ours names the project.
        lab.ssh(&format!(
            "grep -ls {} \"${{TMPDIR:-/tmp}}\"/unstale-*/log*; git status --porcelain",
            lab.project()
        )),
    ];
    let mut lines: Vec<String> = listed
        .into_iter()
        .flat_map(|ran| ran.stdout.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    lines.sort();
    lines.join("\n")
}

fn changes_to(lab: &Lab, text: &str) {
    lab.edit("src/main.txt", |_| format!("{text}\n"));
    lab.commit_and_push(text);
}

#[track_caller]
fn made(lab: &Lab) -> String {
    let text = lab.exec(&["cat", "/opt/bin/app"]).ok();
    text.lines().next().unwrap().to_owned()
}

/// A deploy says so in its plan and proves it, and a look later proves it by the ledger, until somebody patches it.
fn a_deploy_proves_what_it_compiled(engine: Engine, builder: Builder) {
    let lab = lab(engine, builder, TWO);
    verdict(&lab, &["deploy", "web"], "verified");
    changes_to(&lab, "hello two");
    let (planned, _) = unstale(&lab, &["deploy", "web", "--dry-run"]);
    let steps = planned["steps"].as_array().unwrap();
    let command = |id: &str| steps.iter().find(|s| s["id"] == id).unwrap()["command"].as_str().unwrap();
    assert!(command("verify").contains(" --stages --rev "), "{planned:#}");

    let deployed = verdict(&lab, &["deploy", "web"], "verified");
    says(&deployed, &["1 changed file is in the stage `build` as in git", "`/opt/bin/app`", "what it made"]);
    assert!(deployed["replicas"][0]["files"]["fresh"].as_u64().unwrap() > 0, "{deployed:#}");
    assert_eq!(made(&lab), "HELLO TWO");

    // Nothing has to be built to say it again.
    let before = state(&lab);
    let later = verdict(&lab, &["verify", "web"], "verified");
    says(&later, &["which was verified at this commit"]);
    let again = verdict(&lab, &["verify", "web", "--stages"], "verified");
    says(&again, &["in the stage `build` as in git"]);
    assert_eq!(state(&lab), before, "nothing is left");

    // A page beside it: one verdict for both.
    lab.push_v4();
    let both = verdict(&lab, &["deploy", "web"], "verified");
    says(&both, &["1 changed file is in `"]);
    assert!(!both["reason"].as_str().unwrap().contains("stage"), "{both:#}");

    // Something else is put into the container.
    lab.exec(&["sh", "-c", "echo patched >/opt/bin/app"]).ok();
    changes_to(&lab, "hello six");
    lab.ssh("git pull -q").ok();
    let unbuilt = verdict(&lab, &["verify", "web", "--stages"], "inconclusive");
    says(
        &unbuilt,
        &["is not what the stage `build` makes", "changed on the server after the image was built"],
    );
    assert_eq!(unbuilt["replicas"][0]["cause"], "image");
    says(&verdict(&lab, &["verify", "web"], "inconclusive"), &["`--stages`", "`--expect TEXT --in PATH`"]);

    verdict(&lab, &["deploy", "web"], "verified");
    let before = state(&lab);
    lab.exec(&["sh", "-c", "echo patched >/opt/bin/app"]).ok();
    let patched = verdict(&lab, &["verify", "web", "--stages"], "inconclusive");
    says(&patched, &["`/opt/bin/app` in `", "is not what the stage `build` makes"]);
    verdict(&lab, &["verify", "web"], "inconclusive");
    assert_eq!(state(&lab), before, "nothing is left");

    // What cannot be built says why, and leaves nothing either.
    lab.ssh("sed -i s/^BASE_IMAGE=/BASE_IMAGE=no-such-/ .env").ok();
    let broken = verdict(&lab, &["verify", "web", "--stages"], "inconclusive");
    lab.ssh("sed -i s/^BASE_IMAGE=no-such-/BASE_IMAGE=/ .env").ok();
    says(&broken, &["its stages could not be looked into: the stage `build` could not be built: "]);
    assert_eq!(state(&lab), before, "nothing is left");
}

/// Every tracked file gets one fixed time.
const NORMALISE: &str = "#!/bin/sh\ngit ls-files -z | xargs -0 touch -d @1700000000\n";

/// BuildKit compiles the source of before, as it has the size and the time of the new one.
fn an_old_source_in_the_stage(engine: Engine, builder: Builder) {
    let lab = lab(engine, builder, TWO);
    for hook in ["post-merge", "post-checkout", "post-rewrite"] {
        write_executable(&lab.server().join(".git/hooks").join(hook), NORMALISE.as_bytes());
    }
    lab.ssh(".git/hooks/post-merge").ok();
    lab.deploy_naively().ok();
    changes_to(&lab, "hello two");
    lab.deploy_naively().ok();
    let before = state(&lab);
    if builder == Builder::Classic {
        assert_eq!(made(&lab), "HELLO TWO");
        says(&verdict(&lab, &["verify", "web", "--stages"], "verified"), &["stage `build`"]);
    } else {
        assert_eq!(made(&lab), "HELLO ONE");
        let stale = verdict(&lab, &["verify", "web", "--stages"], "stale");
        let replica = &stale["replicas"][0];
        says(&stale, &["`/src/main.txt` in the stage `build` is the one of", "`/opt/bin/app` in `"]);
        assert_eq!((&replica["cause"], &replica["mechanism"]), (&"context-snapshot".into(), &"S33".into()));
        // The cure is believed, and tried.
        let cure = replica["cure"].as_str().unwrap();
        Ran::new(lab.in_dev("sh").args(["-c", cure])).ok();
        assert_eq!(made(&lab), "HELLO TWO");
        verdict(&lab, &["verify", "web", "--stages"], "verified");
        return;
    }
    assert_eq!(state(&lab), before, "nothing is left");
}

const CHAIN: &str = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE} AS parts
COPY src /src
RUN mkdir /parts && tr a-z A-Z </src/main.txt >/parts/one.o
FROM ${BASE_IMAGE} AS linked
WORKDIR /link
COPY --from=parts /parts/*.o .
RUN cat *.o >app && cat /proc/sys/kernel/random/uuid >>app
FROM ${BASE_IMAGE} AS runtime
COPY --from=linked /link/app /opt/bin/app
FROM runtime
WORKDIR /app
COPY frontend frontend
CMD [\"python\", \"app.py\"]
";

/// What one stage makes, another one works on.
fn a_chain_of_stages(engine: Engine, builder: Builder) {
    let lab = lab(engine, builder, CHAIN);
    verdict(&lab, &["deploy", "web"], "verified");
    changes_to(&lab, "hello two");
    let deployed = verdict(&lab, &["deploy", "web"], "verified");
    says(&deployed, &["1 changed file is in the stage `parts` as in git", "`/opt/bin/app` in `"]);
    assert_eq!(made(&lab), "HELLO TWO");
    let before = state(&lab);
    verdict(&lab, &["verify", "web", "--stages"], "verified");
    assert_eq!(state(&lab), before, "nothing is left");
    lab.exec(&["sh", "-c", "echo patched >/opt/bin/app"]).ok();
    let patched = verdict(&lab, &["verify", "web", "--stages"], "inconclusive");
    says(&patched, &["is not what the stage `linked` makes"]);
}

/// A build tool that finds its output does nothing.
const MOUNTED: &str = "\
# syntax-free
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE} AS build
COPY src /src
RUN --mount=type=cache,target=/src/target mkdir -p /opt/bin && { [ -e /src/target/app ] || tr a-z A-Z </src/main.txt >/src/target/app; } && cp /src/target/app /opt/bin/app
FROM ${BASE_IMAGE}
WORKDIR /app
COPY frontend frontend
COPY --from=build /opt/bin/app /opt/bin/app
CMD [\"python\", \"app.py\"]
";

/// New sources and an output that equals what runs prove nothing where the output can be an old one.
fn outputs_in_a_cache_mount(engine: Engine, builder: Builder) {
    if builder == Builder::Classic {
        // It refuses `RUN --mount`.
        return;
    }
    let lab = lab(engine, builder, MOUNTED);
    lab.compose("build").ok();
    lab.compose("up -d").ok();
    changes_to(&lab, "hello two");
    lab.ssh("git pull -q").ok();
    lab.compose("build").ok();
    lab.compose("up -d").ok();
    assert_eq!(made(&lab), "HELLO ONE", "the stale build that is to be told from a good one");
    let document = verdict(&lab, &["verify", "web", "--stages"], "inconclusive");
    says(&document, &["cache mount at `/src/target`", "can be older than the sources"]);
    // Without any cache there is nothing old.
    changes_to(&lab, "hello new");
    says(&verdict(&lab, &["deploy", "web"], "verified"), &["stage `build` as in git"]);
    assert_eq!(made(&lab), "HELLO NEW");
}
