//! Shell scripts: the file as one script, and each function that nothing in it calls as one more.

use super::{
    Base, OnFailure, Script, Unit,
    flow::{Budget, Flow, Run},
    source::Source,
};
use crate::text::FileId;

pub(super) fn scripts(file: FileId, path: &str, text: &str) -> Vec<Script> {
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let source = Source::piece(&text[mark..], mark);
    let (shebang, head) = head(text, mark);
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let run = || Run {
        head: Some((head, String::new())),
        bash: shebang.contains("bash") || (shebang.is_empty() && path.rsplit('.').next() == Some("bash")),
        errexit: flags(shebang).contains('e'),
        pipefail: false,
        status: OnFailure::Stops,
    };
    let mut flow = Flow::new(Base::Start, Budget::of(text.len()));
    let uncalled = flow.run(&source, run());
    let mut budget = flow.budget;
    let mut scripts = vec![script(file, name, flow)];
    for function in &uncalled {
        let mut flow = Flow::new(Base::Start, budget);
        flow.run_function(&source, function, &run());
        budget = flow.budget;
        scripts.push(script(file, function, flow));
    }
    scripts
}

fn script(file: FileId, name: &str, flow: Flow) -> Script {
    Script {
        file,
        unit: Unit::Shell,
        name: name.to_owned(),
        steps: flow.steps,
        shells: flow.shells,
        ended: flow.ended,
    }
}

/// The shebang, and the place behind it and the comments that follow it: where the first command may stand.
fn head(text: &str, mark: usize) -> (&str, usize) {
    let mut at = mark;
    let mut shebang = "";
    for line in text[mark..].split_inclusive('\n') {
        let comment = line.trim_start().starts_with('#');
        if at == mark && line.starts_with("#!") {
            shebang = line.trim_end();
        } else if !comment || line.contains("unstale: allow") {
            break;
        }
        at += line.len();
    }
    (shebang, at)
}

/// The options of a shebang's shell: `-eu` of `#!/bin/bash -eu`.
fn flags(shebang: &str) -> &str {
    let mut words = shebang.trim_start_matches("#!").split_ascii_whitespace();
    words.find(|word| word.starts_with('-') && !word.starts_with("--")).unwrap_or_default()
}
