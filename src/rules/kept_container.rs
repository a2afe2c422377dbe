//! `kept-container`: build and `up` in a project whose containers carry old files over.

use crate::{
    analysis::{
        Facts,
        deploys::{self, Role},
        links::Service,
        paths,
    },
    diag::{Safety, Sink},
    model::{
        compose::{Mount, MountKind},
        script::{Compose, Script, edit},
    },
    text::{EntryKind, Location},
};

/// What keeps the old files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// Compose hands it to the next container.
    Volume,
    /// The container holds on to the file that git has replaced.
    File,
}

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for script in facts.scripts.iter().filter(|script| deploys::deploys(script)) {
        for at in 0..script.steps.len() {
            look(facts, script, at, sink);
        }
    }
}

fn look(facts: &Facts<'_>, script: &Script, at: usize, sink: &mut Sink<'_>) -> Option<()> {
    let step = &script.steps[at];
    let compose = step.compose()?;
    if deploys::role(step) != Role::Starts || compose.open {
        return None;
    }
    let before = |role: Role| {
        (0..at).any(|other| {
            let one = &script.steps[other];
            deploys::role(one) == role && deploys::same_place(one, step) && script.follows(other, at)
        })
    };
    if before(Role::Removes) {
        return None;
    }
    // Where the build is missing, adding it must find this as well.
    let built =
        deploys::builds(step) || before(Role::Builds) || deploys::unbuilt(facts, script, at).is_some();
    let (pulled, recreated) = (before(Role::Pulls), compose.has(&["--force-recreate"]));
    let restarted = script.steps[at..].iter().any(|s| deploys::role(s) == Role::Restarts);
    let services = deploys::services(facts, script, step)?;
    let (service, mount, keeps) = services.into_iter().find_map(|service| {
        let mounts = &facts.model(service).mounts;
        let (mount, keeps) = mounts.iter().find_map(|m| Some((m, keeps(facts, service, m)?)))?;
        let holds = match keeps {
            Keeps::Volume => built && !compose.has(&["-V", "--renew-anon-volumes"]),
            Keeps::File => pulled && !recreated && !restarted,
        };
        holds.then_some((service, mount, keeps))
    })?;
    let name = &facts.model(service).name.value;
    let target = &mount.target.raw;
    let message = match keeps {
        Keeps::Volume => format!("`up` hands `{target}` of the old container of `{name}` to the new one: what the build put there stays hidden"),
        Keeps::File => format!("`up` leaves the container of `{name}` alone where only `{target}` changed: it keeps reading the old file"),
    };
    let title = match keeps {
        Keeps::Volume => "make every container anew, with new anonymous volumes",
        Keeps::File => "make every container anew",
    };
    let add = missing(compose, keeps);
    let text = &facts.snapshot.file(script.file).text;
    let edits = edit::options(text, step, compose.verb_span, compose.detach(), &add);
    sink.report(Location::new(script.file, step.span), message)
        .label(mount.at, "what is kept")
        .help(format!("`up {add}` makes new containers, with new anonymous volumes under `-V`"))
        .fix(Safety::Unsafe, title, edits.into_iter().map(|e| (script.file, e)).collect())
        // Where the mount itself goes, no option is needed for it: `-V` would take other services' volumes for nothing.
        .resting_on(mount.at);
    Some(())
}

fn keeps(facts: &Facts<'_>, service: &Service, mount: &Mount) -> Option<Keeps> {
    let built = facts.model(service).build.is_some();
    match mount.kind {
        MountKind::Anonymous if built && !is_scratch(mount) => Some(Keeps::Volume),
        MountKind::Bind => {
            let source = mount.source.as_ref()?.known.as_deref().filter(|s| !s.starts_with(['/', '~']))?;
            let path = paths::join(&service.dir, source);
            (facts.snapshot.entry(&path) == Some(EntryKind::File)).then_some(Keeps::File)
        }
        _ => None,
    }
}

/// Whether a folder is for what a running service writes and forgets: no build brings anything there.
fn is_scratch(mount: &Mount) -> bool {
    let last = mount.target.known.as_deref().and_then(|target| target.trim_end_matches('/').rsplit('/').next());
    matches!(last, Some("tmp" | "temp" | "log" | "logs" | "run"))
}

/// The options that are not there yet. `-V` alone does nothing where nothing else makes the container anew.
fn missing(compose: &Compose, keeps: Keeps) -> String {
    let mut add = Vec::new();
    if !compose.has(&["--force-recreate"]) {
        add.push("--force-recreate");
    }
    if keeps == Keeps::Volume {
        add.push("-V");
    }
    add.join(" ")
}
