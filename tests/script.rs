//! What scripts are read as: the commands in order, where they run, and what a failure does.

use unstale::{
    model::script::{Action, Base, Leak, OnFailure, Place, Script, Step, parse},
    text::FileId,
};

use crate::projects::project;

fn scripts(path: &str, text: &str) -> Vec<Script> {
    parse(file(path, text), path, text)
}

fn file(path: &str, text: &str) -> FileId {
    project(&[(path, text)]).find(path).unwrap()
}

/// One step: fate (`!` stops, `.` goes on, `&` a list's rest is skipped, `|` a pipe hides it, `~` expected), host,
/// folder, command.
fn show(step: &Step) -> String {
    let fate = match step.on_failure {
        OnFailure::Stops => '!',
        OnFailure::GoesOn(Leak::Plain) => '.',
        OnFailure::GoesOn(Leak::List) => '&',
        OnFailure::GoesOn(Leak::Pipe) => '|',
        OnFailure::Expected => '~',
    };
    let place = match &step.place {
        Place::Here => String::new(),
        Place::Host(host) => format!("{host}: "),
    };
    let base = match step.dir.base {
        Base::Start => "",
        Base::OfScript => "$0/",
        Base::Checkout => "top/",
        Base::Machine => "",
        Base::Unknown => "?",
    };
    let words = |args: &[unstale::model::script::Arg]| {
        args.iter().map(|a| a.text.as_deref().unwrap_or("?")).collect::<Vec<_>>().join(" ")
    };
    let options = |options: &[unstale::model::script::Opt]| {
        let all = options.iter().map(|o| match &o.value {
            Some(value) => format!("{}={}", o.name, value.text.as_deref().unwrap_or("?")),
            None => o.name.clone(),
        });
        all.collect::<Vec<_>>().join(" ")
    };
    let what = match &step.action {
        Action::Compose(c) => {
            format!("compose[{}] {} [{}] {}", options(&c.project), c.verb, options(&c.options), words(&c.services))
        }
        Action::Docker(d) => format!("docker {} [{}] {}", d.verb, options(&d.options), words(&d.args)),
        Action::Git(g) => format!("git {} {}", g.verb, words(&g.args)),
        Action::Exit => "exit".to_owned(),
        Action::Other { name, args } => format!("{} {}", name.as_deref().unwrap_or("?"), words(args)),
    };
    let dir = format!("{base}{}", step.dir.path);
    let dir = if dir.is_empty() { dir } else { format!("({dir}) ") };
    format!("{fate}{} {place}{dir}{}", "+".repeat(step.arms.len()), what.trim_end())
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    let scripts = scripts(path, text);
    let mut shown = Vec::new();
    for (at, script) in scripts.iter().enumerate() {
        if scripts.len() > 1 {
            shown.push(format!("# {}", script.name));
        }
        let _ = at;
        shown.extend(script.steps.iter().map(show));
    }
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn a_failure_goes_on_without_errexit() {
    check(
        "deploy.sh",
        "cd /srv/app\ngit pull\ndocker compose build && docker compose up -d web\n",
        &[". (/srv/app) git pull", "! (/srv/app) compose[] build []", "! (/srv/app) compose[] up [-d] web"],
    );
    check(
        "deploy.sh",
        "set -euo pipefail\ngit pull\ngit fetch && docker build .\ndocker ps | grep x\ndocker stop a || true\ndocker pull b || exit 1\n",
        &[
            "! git pull",
            "& git fetch",
            "! docker build [] .",
            "! docker ps []",
            "! grep x",
            "~ docker stop [] a",
            "~+ true",
            "! docker pull [] b",
            "!+ exit",
        ],
    );
}

#[test]
fn dump() {
    let Some(path) = std::env::var_os("DUMP") else { return };
    let path = path.to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&path).unwrap();
    for script in scripts(&path, &text) {
        println!("# {} {:?} ended {:?}", script.name, script.unit, script.ended);
        for step in &script.steps {
            println!("  {} -> {}", show(step), step.resume);
        }
    }
}
