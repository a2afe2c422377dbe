//! `unguarded-step`: a pull or build fails, and the script goes on and starts the old code.

use crate::{
    analysis::{
        Facts,
        deploys::{self, Role},
    },
    diag::{Safety, Sink},
    model::script::{Action, Leak, OnFailure, Script, Step, Unit, edit},
    text::{Edit, Location},
};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for script in facts.scripts.iter().filter(|script| deploys::deploys(script)) {
        let mut shells: Vec<usize> = Vec::new();
        for at in 0..script.steps.len() {
            let shell = script.steps[at].shell;
            if let Some((leak, reached)) = leaks(script, at).filter(|_| !shells.contains(&shell)) {
                shells.push(shell);
                report(facts, script, at, leak, reached, sink);
            }
        }
    }
}

/// Whether the step's failure is not seen, and the last step that brings old code back to life then.
fn leaks(script: &Script, at: usize) -> Option<(Leak, usize)> {
    let step = &script.steps[at];
    let OnFailure::GoesOn(leak) = step.on_failure else { return None };
    // Where services are built here, pulling fails for those as a matter of course: no registry has them.
    let routine = step.compose().is_some_and(|c| c.verb == "pull") && script.steps.iter().any(deploys::builds);
    if routine || !matters(step) {
        return None;
    }
    let reached = (step.resume.max(at + 1)..script.steps.len()).rev().find(|later| {
        matches!(deploys::role(&script.steps[*later]), Role::Starts | Role::Restarts) && script.follows(at, *later)
    })?;
    Some((leak, reached))
}

fn matters(step: &Step) -> bool {
    matches!(deploys::role(step), Role::Pulls | Role::Builds | Role::Fetches)
        || step.git().is_some_and(|git| git.verb == "fetch")
}

fn report(facts: &Facts<'_>, script: &Script, at: usize, leak: Leak, reached: usize, sink: &mut Sink<'_>) {
    let step = &script.steps[at];
    let what = match &step.action {
        Action::Git(git) => format!("git {}", git.verb),
        Action::Compose(c) => format!("compose {}", c.verb),
        Action::Docker(d) => format!("docker {}", d.verb),
        _ => "this".to_owned(),
    };
    let help = match leak {
        Leak::Plain => "`set -e` at the start stops at the first failure",
        Leak::List => "`set -e` does not count for what `&&` follows: join the rest with `&&` too, or give each command its line",
        Leak::Pipe => "only `set -o pipefail` hands on the status of what a pipe reads from",
    };
    let finding = sink
        .report(
            Location::new(script.file, step.span),
            format!("if `{what}` fails the script goes on: it starts the old code and reports success"),
        )
        .label(Location::new(script.file, script.steps[reached].span), "started all the same")
        .help(help);
    let text = &facts.snapshot.file(script.file).text;
    match stop(facts, script, at, leak, text) {
        Some((safety, title, edit)) => finding.fix(safety, title, vec![(script.file, edit)]),
        None => match joined(script, at, reached, text) {
            Some((safety, edits)) => {
                let edits = edits.into_iter().map(|e| (script.file, e)).collect();
                finding.fix(safety, "join the commands with `&&`", edits)
            }
            None => finding.fix(Safety::Manual, "stop at the first failure", Vec::new()),
        },
    };
}

/// `set -e` as the shell's first line.
fn stop(facts: &Facts<'_>, script: &Script, at: usize, leak: Leak, text: &str) -> Option<(Safety, String, Edit)> {
    let shell = &script.shells[script.steps[at].shell];
    if leak == Leak::List || (leak == Leak::Pipe && !shell.bash) || shell.head.is_none() {
        return None;
    }
    // What a remote shell or a job has no file for is one text; a shell script's line counts for all its functions.
    let own = |other: &&Script| other.file == script.file && script.unit == Unit::Shell;
    let all = facts.scripts.iter().filter(own).chain(std::iter::once(script));
    let heads = all.flat_map(|s| s.steps.iter().filter(|step| s.shells[step.shell].head == shell.head));
    let routine = heads.clone().any(|step| matches!(step.on_failure, OnFailure::GoesOn(_)) && may_fail(step));
    // Where `$?` is asked for, the shell would stop before.
    let safe = !routine && leak == Leak::Plain && !text.contains("$?");
    if leak == Leak::Pipe
        && let Some(options) = edit::first_set(text, shell).filter(|o| text[o.range()].contains('e') && !text[o.range()].contains('o'))
    {
        let line = format!("{}o pipefail", &text[options.range()]);
        return Some((Safety::Unsafe, format!("`set {line}` at the start"), Edit::replace(options, line)));
    }
    let variables = text.contains('$');
    let line = match (shell.bash, leak == Leak::Pipe || !shell.pipes, variables) {
        (true, true, false) => "set -euo pipefail",
        (true, true, true) => "set -eo pipefail",
        (false, _, false) => "set -eu",
        _ => "set -e",
    };
    let safety = if safe { Safety::Safe } else { Safety::Unsafe };
    Some((safety, format!("`{line}` at the start"), edit::first_line(text, shell, line)?))
}

/// `&&` from the step to the last one that it must not reach.
fn joined(script: &Script, at: usize, reached: usize, text: &str) -> Option<(Safety, Vec<Edit>)> {
    let steps = &script.steps[at..=reached];
    let same = |step: &Step| step.exact && step.shell == steps[0].shell && step.arms == steps[0].arms;
    if !steps.iter().all(same) {
        return None;
    }
    let mut edits = Vec::new();
    for pair in steps.windows(2) {
        edits.extend(edit::join(text, &pair[0], &pair[1])?);
    }
    let routine = steps[1..steps.len() - 1].iter().any(may_fail);
    (!edits.is_empty()).then_some((if routine { Safety::Unsafe } else { Safety::Safe }, edits))
}

/// Whether a failure of the step may be nothing to worry about: `docker stop` of what does not run, `grep`.
fn may_fail(step: &Step) -> bool {
    match &step.action {
        Action::Git(git) => !matches!(git.verb.as_str(), "pull" | "fetch" | "reset" | "checkout" | "switch" | "merge" | "clone" | "submodule"),
        Action::Compose(c) => !matches!(c.verb.as_str(), "build" | "pull" | "up" | "restart" | "start" | "down" | "ps" | "push"),
        Action::Docker(d) => {
            !matches!(deploys::role(step), Role::Builds | Role::Fetches | Role::Starts | Role::Prunes)
                && !matches!(d.verb.as_str(), "push" | "tag" | "login" | "ps" | "image prune")
        }
        Action::Other { name, args } if name.as_deref() == Some("mkdir") => {
            args.iter().all(|arg| arg.text.as_deref() != Some("-p"))
        }
        Action::Other { name, .. } => !matches!(
            name.as_deref(),
            Some("echo" | "printf" | "sleep" | "date" | "chmod" | "chown" | "cp" | "tar" | "rsync" | "scp" | "touch" | "clear" | "pwd")
        ),
        Action::Exit => false,
    }
}
