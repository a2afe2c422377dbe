//! Makefiles: each target with the recipes of its prerequisites before its own.

use std::collections::BTreeMap;

use super::{
    Base, OnFailure, Script, Unit,
    expand::Env,
    flow::{Budget, Flow, Run},
    source::Source,
};
use crate::{
    syntax::makefile::{self, Makefile, RecipeLine},
    text::FileId,
};

pub(super) fn scripts(file: FileId, text: &str) -> Vec<Script> {
    let makefile = makefile::parse(text);
    let mut env = Env::default();
    for variable in &makefile.variables {
        if !(variable.weak && env.get(&variable.name).is_some()) {
            env.set(
                &variable.name,
                variable.value.clone().and_then(|value| super::expand::one(&value, &env)),
                false,
            );
        }
    }
    let mut rules: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, rule) in makefile.rules.iter().enumerate() {
        for target in &rule.targets {
            rules.entry(target).or_default().push(at);
        }
    }
    let mut budget = Budget::of(text.len());
    let mut scripts = Vec::new();
    for (name, own) in &rules {
        // Pattern rules and files make things, they deploy nothing.
        if name.contains(['%', '$', '/']) || name.starts_with('.') {
            continue;
        }
        let mut order = Vec::new();
        gather(&makefile, &rules, own, &mut budget, &mut order);
        let mut flow = Flow::new(Base::Start, budget);
        flow.env = env.clone();
        for rule in order {
            for line in &makefile.rules[rule].recipe {
                recipe_line(&mut flow, line, makefile.one_shell);
            }
        }
        budget = flow.budget;
        scripts.push(Script {
            file,
            unit: Unit::Make,
            name: (*name).to_owned(),
            steps: flow.steps,
            shells: flow.shells,
            ended: flow.ended,
        });
    }
    scripts
}

/// The rules of a target, those of its prerequisites first, each once.
fn gather(
    makefile: &Makefile,
    rules: &BTreeMap<&str, Vec<usize>>,
    own: &[usize],
    budget: &mut Budget,
    order: &mut Vec<usize>,
) {
    // Entered and left: a rule comes after its prerequisites, and a circle ends where it is closed.
    let mut open: Vec<(usize, bool)> = own.iter().rev().map(|rule| (*rule, false)).collect();
    let mut seen = std::collections::BTreeSet::new();
    while let Some((rule, left)) = open.pop() {
        if left {
            order.push(rule);
            continue;
        }
        if !seen.insert(rule) || !budget.take(0) {
            continue;
        }
        open.push((rule, true));
        for name in makefile.rules[rule].prerequisites.iter().rev() {
            open.extend(rules.get(name.as_str()).into_iter().flatten().rev().map(|rule| (*rule, false)));
        }
    }
}

/// One line is one shell, and make stops at the first that fails.
fn recipe_line(flow: &mut Flow, line: &RecipeLine, one_shell: bool) {
    let outer = (flow.dir.clone(), flow.env.clone());
    let status = if line.ignored { OnFailure::Expected } else { OnFailure::Stops };
    let source = Source { text: line.text.clone(), whole: None };
    flow.run(&source, Run { head: None, bash: false, errexit: false, pipefail: false, status });
    if !one_shell {
        (flow.dir, flow.env) = outer;
    }
}
