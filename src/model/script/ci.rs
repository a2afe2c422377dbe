//! Jobs of GitHub workflows and GitLab pipelines: their shell texts in order.

use super::{
    Base, OnFailure, Place, Script, Unit,
    flow::{Budget, Flow, Run},
    source::{self, Source},
};
use crate::{
    syntax::{
        offsets::Joined,
        yaml::{NodeId, ScalarStyle, Tree},
    },
    text::FileId,
};

fn script(file: FileId, unit: Unit, name: &str, flow: Flow) -> Script {
    Script { file, unit, name: name.to_owned(), steps: flow.steps, shells: flow.shells, ended: flow.ended }
}

/// Where a line would go in front of a literal block's first one.
fn head(tree: &Tree, node: NodeId, source: &Source) -> Option<(usize, String)> {
    let node = tree.node(tree.resolve(node));
    let literal = matches!(&node.kind, crate::syntax::yaml::Kind::Scalar { style: ScalarStyle::Literal, .. });
    if !literal || source.whole.is_some() || source.text.text().is_empty() {
        return None;
    }
    Some((source.text.map().place(0), String::new()))
}

/// The jobs of a workflow.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsrun>
pub(super) fn github(file: FileId, text: &str) -> Vec<Script> {
    let tree = Tree::parse(text);
    let Some(jobs) = tree.root().and_then(|root| tree.get(root, "jobs")) else { return Vec::new() };
    let mut budget = Budget::of(text.len());
    let mut scripts = Vec::new();
    for entry in tree.effective(jobs.value).unwrap_or_default() {
        let (Some(name), job) = (tree.scalar(entry.key), entry.value) else { continue };
        let hosted = tree.get(job, "runs-on").map(|runs| match tree.items(runs.value) {
            Some(items) => items.iter().any(|item| tree.scalar(*item) == Some("self-hosted")),
            None => tree.scalar(runs.value) == Some("self-hosted"),
        });
        let mut flow = Flow::new(Base::Start, budget);
        let steps = tree.get(job, "steps").and_then(|steps| tree.items(steps.value)).unwrap_or_default();
        for step in steps {
            github_step(&tree, text, *step, &mut flow);
        }
        budget = flow.budget;
        let environment = tree.get(job, "environment").is_some();
        let unit = Unit::GitHub { self_hosted: hosted == Some(true), environment };
        scripts.push(script(file, unit, name, flow));
    }
    scripts
}

fn github_step(tree: &Tree, text: &str, step: NodeId, flow: &mut Flow) {
    let Some(fields) = tree.effective(step) else { return };
    let field = |name: &str| fields.iter().find(|f| tree.scalar(f.key) == Some(name)).map(|f| f.value);
    let scalar = |name: &str| field(name).and_then(|node| tree.scalar(node));
    let status =
        if scalar("continue-on-error") == Some("true") { OnFailure::Expected } else { OnFailure::Stops };
    let outer = (flow.dir.clone(), flow.env.clone(), flow.place.clone());
    let conditional = field("if").is_some();
    if conditional {
        let number = flow.compound();
        flow.arms.push((number, 0));
    }
    if let Some(folder) = scalar("working-directory") {
        let known = !folder.contains("${{");
        flow.dir.path = if known { folder.trim_start_matches("./").to_owned() } else { String::new() };
        flow.dir.base = if known { Base::Start } else { Base::Unknown };
    }
    if let Some(source) = field("run").and_then(|run| source::scalar(text, tree, run)) {
        let shell = scalar("shell").unwrap_or("bash -e {0}");
        if !shell.contains("pwsh") && !shell.contains("python") && shell != "cmd" {
            let errexit =
                !shell.contains("{0}") || shell.split(' ').any(|w| w.starts_with('-') && w.contains('e'));
            let pipefail = shell == "bash" || shell.contains("pipefail");
            let head = field("run").and_then(|run| head(tree, run, &source));
            flow.run(&source, Run { head, bash: true, errexit, pipefail, status });
        }
    } else if let Some(uses) = scalar("uses").filter(|uses| uses.contains("ssh")) {
        let with = field("with").and_then(|with| tree.effective(with)).unwrap_or_default();
        let with = |name: &str| with.iter().find(|f| tree.scalar(f.key) == Some(name)).map(|f| f.value);
        let body = with("script").or_else(|| with("command")).or_else(|| with("run"));
        if let Some((node, source)) = body.and_then(|node| Some((node, source::scalar(text, tree, node)?))) {
            let host = with("host").and_then(|node| tree.scalar(node)).unwrap_or(uses);
            flow.place = Place::Host(host.to_owned());
            flow.dir = super::Dir { base: Base::Machine, path: "~".to_owned() };
            let stops = with("script_stop").and_then(|node| tree.scalar(node)) == Some("true");
            let head = head(tree, node, &source);
            flow.run(&source, Run { head, bash: false, errexit: stops, pipefail: false, status });
        }
    }
    if conditional {
        flow.arms.pop();
    }
    (flow.dir, flow.env, flow.place) = outer;
}

/// Keys at the top of a pipeline that are no jobs.
const NO_JOBS: [&str; 14] = [
    "image",
    "services",
    "stages",
    "variables",
    "include",
    "default",
    "workflow",
    "cache",
    "before_script",
    "after_script",
    "pages",
    "spec",
    "types",
    "retry",
];

/// The jobs of a pipeline. <https://docs.gitlab.com/ci/yaml/#script>
pub(super) fn gitlab(file: FileId, text: &str) -> Vec<Script> {
    let tree = Tree::parse(text);
    let Some(root) = tree.root() else { return Vec::new() };
    let before = |node: NodeId| tree.get(node, "before_script").map(|e| e.value);
    let default = tree.get(root, "default").and_then(|e| before(e.value)).or_else(|| before(root));
    let mut budget = Budget::of(text.len());
    let mut scripts = Vec::new();
    for entry in tree.effective(root).unwrap_or_default() {
        let Some(name) = tree.scalar(entry.key).filter(|name| !NO_JOBS.contains(name)) else { continue };
        if tree.entries(entry.value).is_none() {
            continue;
        }
        let environment = tree.get(entry.value, "environment").is_some();
        let mut flow = Flow::new(Base::Start, budget);
        let own = tree.get(entry.value, "script").map(|e| e.value);
        for list in [before(entry.value).or(default), own].into_iter().flatten() {
            lines(&tree, text, root, list, &mut flow, 0);
        }
        budget = flow.budget;
        scripts.push(script(file, Unit::GitLab { environment }, name, flow));
    }
    scripts
}

/// The lines of a `script`; GitLab checks the status of each entry, and runs all of them in one shell with `set -e`.
fn lines(tree: &Tree, text: &str, root: NodeId, node: NodeId, flow: &mut Flow, depth: usize) {
    if depth > 8 || !flow.budget.take(0) {
        return;
    }
    let tagged = tree.node(node).tag.as_ref().is_some_and(|tag| tag.value == "!reference");
    if tagged {
        let path = tree.items(node).unwrap_or_default();
        let found = path.iter().try_fold(root, |at, key| Some(tree.get(at, tree.scalar(*key)?)?.value));
        if let Some(found) = found.filter(|found| *found != node) {
            lines(tree, text, root, found, flow, depth + 1);
        }
        return;
    }
    if let Some(items) = tree.items(node) {
        // GitLab makes one script of all entries: a heredoc may go over several.
        if let Some(source) = heredoc(tree, text, items) {
            return run(None, &source, flow);
        }
        for item in items {
            lines(tree, text, root, *item, flow, depth + 1);
        }
        return;
    }
    if let Some(source) = source::scalar(text, tree, node) {
        run(head(tree, node, &source), &source, flow);
    }
}

fn run(head: Option<(usize, String)>, source: &Source, flow: &mut Flow) {
    flow.run(source, Run { head, bash: true, errexit: true, pipefail: true, status: OnFailure::Stops });
}

/// All entries as one text, if one of them opens a heredoc that it does not close.
fn heredoc(tree: &Tree, text: &str, items: &[NodeId]) -> Option<Source> {
    let opens = |item: &NodeId| {
        tree.scalar(*item).is_some_and(|line| line.contains("<<") && !line.trim_end().contains('\n'))
    };
    if !items.iter().any(opens) {
        return None;
    }
    let mut joined = Joined::default();
    for item in items {
        let source = source::scalar(text, tree, *item).filter(|source| source.whole.is_none())?;
        let (start, end) = (source.text.map().place(0), source.text.whole().end());
        // Pieces must follow each other in the file: an alias brings text from elsewhere.
        if start < joined.whole().end() {
            return None;
        }
        for (at, line) in lines_of(source.text.text()) {
            joined.push(line, source.text.map().place(at));
        }
        joined.push("\n", end);
    }
    Some(Source { text: joined, whole: None })
}

fn lines_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}
