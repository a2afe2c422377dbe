//! The forecast of `--since` beside what a real build of that revision and then of the next one does.
#![expect(clippy::disallowed_methods, reason = "the test drives real programs on real files")]

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::Value;

use crate::support::{Builder, Engine, Lab, Ran, on_real_engines};

on_real_engines! { corners: a_build_does_what_was_forecast }

/// Every RUN leaves a nonce: an old one says that it came from the cache.
const DOCKERFILE: &str = "ARG BASE_IMAGE=python:3.12-slim\n\
    FROM ${BASE_IMAGE} AS code\n\
    COPY app.py /src/\n\
    RUN cat /proc/sys/kernel/random/uuid > /n-code\n\
    FROM ${BASE_IMAGE} AS deps\n\
    WORKDIR /app\n\
    COPY requirements.txt .\n\
    RUN cat /proc/sys/kernel/random/uuid > /n-deps\n\
    FROM deps\n\
    ENV A=1\n\
    RUN cat /proc/sys/kernel/random/uuid > /n-env\n\
    COPY frontend frontend\n\
    RUN cat /proc/sys/kernel/random/uuid > /n-front\n\
    COPY --from=code /n-code /n-code\n";

const STEPS: [&str; 4] = ["/n-code", "/n-deps", "/n-env", "/n-front"];

fn a_build_does_what_was_forecast(engine: Engine, builder: Builder) {
    let lab = Lab::seeded(engine, builder, |dev| {
        fs::write(dev.join("Dockerfile"), DOCKERFILE).unwrap();
        fs::write(dev.join(".dockerignore"), ".git\n*.md\n").unwrap();
        fs::write(dev.join("notes.md"), "one\n").unwrap();
        fs::write(dev.join("run.sh"), "echo\n").unwrap();
    });
    let mut before = built(&lab);
    let page = "frontend/templates/index.html";
    let mut seen = String::new();
    for (name, change) in [
        ("nothing that is sent", &(|| lab.edit("notes.md", |_| "two\n".to_owned())) as &dyn Fn()),
        ("a file of the last stage", &|| lab.edit(page, |text| text.replace("/v3/", "/v4/"))),
        ("a file of a stage that is copied from", &|| {
            lab.edit("app.py", |text| text.to_owned() + "# more\n");
        }),
        ("a variable", &|| lab.edit("Dockerfile", |text| text.replace("A=1", "A=2"))),
        ("the dependencies", &|| lab.edit("requirements.txt", |text| text.to_owned() + "# more\n")),
        ("what is sent", &|| lab.edit(".dockerignore", |text| text.to_owned() + "frontend/templates\n")),
    ] {
        change();
        lab.commit_and_push(name);
        let forecast = forecast(&lab, builder);
        let after = built(&lab);
        for step in STEPS {
            let really = if before[step] == after[step] { "hit" } else { "miss" };
            assert_eq!(forecast[step], really, "{name}: {step}");
            seen.push_str(&really[..1]);
        }
        seen.push(' ');
        before = after;
    }
    // The test looks at both, and in the places where it should.
    assert_eq!(seen, "hhhh hhhm mhhh hhmm hmmm hhhm ");
}

/// What becomes of every RUN, by the nonce that it writes.
fn forecast(lab: &Lab, builder: Builder) -> BTreeMap<String, String> {
    let builder = if builder == Builder::Classic { "classic" } else { "buildkit" };
    let printed = Ran::new(
        lab.in_dev(env!("CARGO_BIN_EXE_unstale"))
            .args(["forecast", "--since", "HEAD~1", "--service", "web", "--builder", builder])
            .args(["--format", "json"]),
    )
    .ok();
    let document: Value = serde_json::from_str(&printed).unwrap();
    let stages = document["builds"][0]["stages"].as_array().unwrap().iter();
    let steps = stages.flat_map(|stage| stage["steps"].as_array().unwrap());
    let runs = steps.filter(|step| step["cmd"] == "RUN");
    runs.map(|step| {
        let text = step["text"].as_str().unwrap();
        (text.rsplit(' ').next().unwrap().to_owned(), step["outcome"].as_str().unwrap().to_owned())
    })
    .collect()
}

/// Builds what the server pulls; the nonces in the image.
fn built(lab: &Lab) -> BTreeMap<&'static str, String> {
    lab.ssh("git pull --quiet").ok();
    let env = fs::read_to_string(lab.server().join(".env")).unwrap();
    let base = env.lines().find(|line| line.starts_with("BASE_IMAGE=")).unwrap();
    let run = |command: &mut Command| Ran::new(command).ok();
    let image = run(lab.in_server("docker").args(["build", "--quiet", "--build-arg", base, "."]));
    let image = image.lines().last().unwrap().to_owned();
    let nonce =
        |step| run(lab.in_server("docker").args(["run", "--rm", "--network=none", &image, "cat", step]));
    STEPS.iter().map(|&step| (step, nonce(step))).collect()
}
