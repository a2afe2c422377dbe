//! How often a deploy asks its server: on the way of each command, and a few times beside.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::support::{Builder, Engine, Lab, Ran, on_real_engines, write_executable};

const UNSTALE: &str = env!("CARGO_BIN_EXE_unstale");

on_real_engines!(corners: counted);

/// Every script that goes to the server from now on is kept, in order.
fn log_scripts(lab: &Lab) -> PathBuf {
    let shim = lab.folder().join("bin/ssh");
    let own = fs::read_to_string(&shim).unwrap();
    let own = own.lines().last().and_then(|line| line.strip_prefix("exec ")).unwrap();
    let log = lab.folder().join("asked");
    fs::create_dir(&log).unwrap();
    let text = format!(
        "#!/bin/sh\n\
         case $* in *ControlMaster=yes*) exec {own};; esac\n\
         n={log}/$(date +%s%N); cat >$n\n\
         exec {own} <$n\n",
        log = log.display()
    );
    write_executable(&shim, text.as_bytes());
    log
}

/// What each of them asks, and the command that it has carried out.
fn scripts(log: &Path) -> Vec<String> {
    let mut all: Vec<PathBuf> = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    let in_short = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let task = text.lines().any(|line| line.starts_with("p=$(cat \"$r/pid\""));
        let asked: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("printf '\\n%s > %s\\n' "))
            .filter_map(|line| line.rsplit(' ').next())
            .collect();
        format!("{} {}", if task { "task, then" } else { "look" }, asked.join(" "))
    };
    all.iter().map(in_short).collect()
}

/// To open, to take the lock, to write down the plan; the verdict, which looks, finds the process and reads; to end. And
/// while the container settles, where nothing else is waited for.
const BESIDE: usize = 7 + 4;

fn counted(engine: Engine, builder: Builder) {
    let lab = Lab::new(engine, builder);
    lab.deploy_naively().ok();
    let log = log_scripts(&lab);
    for (order, more) in [("protocol", 0), ("build-first", 3)] {
        lab.edit("frontend/templates/index.html", |page| format!("{page}<!-- {order} -->\n"));
        lab.commit_and_push(order);
        let mut command = lab.in_dev(UNSTALE);
        command.args(["deploy", "web", "--order", order, "--format", "json", "--host", "testhost", "--dir"]);
        let ran = Ran::new(command.arg(lab.server()));
        let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        assert_eq!(document["verdict"], "verified", "{document:#}");
        let steps = document["steps"].as_array().unwrap();
        let carried_out = |step: &&Value| step["place"] == "server" && step["state"] == "done";
        let tasks = steps.iter().filter(carried_out).count();
        let scripts = scripts(&log);
        assert!(tasks >= 8, "{document:#}");
        let asked = scripts.iter().filter(|script| script.starts_with("task")).count();
        assert_eq!(asked, tasks, "one way a command: {scripts:#?}");
        assert!(scripts.len() <= tasks + BESIDE + more, "{} for {tasks}: {scripts:#?}", scripts.len());
        for entry in fs::read_dir(&log).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}
