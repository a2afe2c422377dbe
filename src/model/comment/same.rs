//! Whether two texts of one kind mean the same to our own parsers, which read these kinds whole.

use super::kinds::Grammar;
use crate::syntax::{
    dockerfile,
    dotenv::Env,
    makefile,
    offsets::OffsetMap,
    shell,
    yaml::{Kind, Tree},
};

/// Whether there is a parser for the kind, or nothing to parse.
pub(super) fn reads(grammar: Grammar) -> bool {
    use Grammar::{Data, Dockerfile, Dotenv, Make, Shell, Yaml};
    matches!(grammar, Data | Dockerfile | Dotenv | Make | Shell | Yaml)
}

/// Whether the second text means what the first means; nothing is said of a kind that has no parser here.
///
/// # Errors
/// It does not, or what the first means cannot be told.
pub(super) fn same(grammar: Grammar, before: &str, after: &str) -> Result<(), &'static str> {
    let same = match grammar {
        Grammar::Dockerfile => dockerfiles(before, after),
        // Comments or not, what go-yaml does not read means nothing that could be compared.
        Grammar::Yaml if !Tree::parse(before).errors().is_empty() => {
            return Err("it cannot be read as YAML, and may be a template of another tool");
        }
        Grammar::Yaml => yamls(before, after),
        Grammar::Shell => shells(before, after),
        Grammar::Make => makefiles(before, after),
        // Reading stops at a mistake: what stands behind it is not known.
        Grammar::Dotenv if !Env::parse(before).1.is_empty() => {
            return Err("it cannot be read to its end, as Compose reads it");
        }
        Grammar::Dotenv => Env::parse(before) == Env::parse(after),
        _ => true,
    };
    if same { Ok(()) } else { Err("the comment would become part of what it says") }
}

fn dockerfiles(before: &str, after: &str) -> bool {
    let (old, new) = (dockerfile::parse(before), dockerfile::parse(after));
    let same = |(a, b): (&dockerfile::Instruction, &dockerfile::Instruction)| {
        (&a.body, &a.heredocs, a.span, a.end_line) == (&b.body, &b.heredocs, b.span, b.end_line)
    };
    old.instructions.len() == new.instructions.len()
        && old.instructions.iter().zip(&new.instructions).all(same)
        && (old.directives, old.escape, old.open_end, old.errors)
            == (new.directives, new.escape, new.open_end, new.errors)
}

fn yamls(before: &str, after: &str) -> bool {
    let (old, new) = (Tree::parse(before), Tree::parse(after));
    let last = |tree: &Tree| tree.more_documents().last().map(|span| span.start()).filter(|at| *at > 0);
    if !old.errors().is_empty() || !new.errors().is_empty() || last(&old) != last(&new) {
        return false;
    }
    // The tree is that of the first document, and a comment at the end can only change the last.
    let same = values(&old) == values(&new);
    same && last(&old).is_none_or(|at| yamls(&before[at..], &after[at..]))
}

/// What a reader gets of every node, in order.
fn values(tree: &Tree) -> Vec<(&Kind, Option<&str>)> {
    tree.nodes().map(|(_, node)| (&node.kind, node.tag.as_ref().map(|tag| tag.value.as_str()))).collect()
}

fn shells(before: &str, after: &str) -> bool {
    let read = |text: &str| shell::parse(text, &OffsetMap::identity());
    let (old, new) = (read(before), read(after));
    let bodies = |program: &shell::Program, text: &str| -> Vec<String> {
        program.heredocs.iter().map(|h| text[h.text.clone()].to_owned()).collect()
    };
    bodies(&old, before) == bodies(&new, after) && old == new
}

/// A file that ends in `define` reads what is appended as a part of it, and its parser says nothing of that.
fn makefiles(before: &str, after: &str) -> bool {
    let probed = makefile::parse(&format!("{before}\nunstale-probe:\n"));
    let (old, new) = (makefile::parse(before), makefile::parse(after));
    probed.rules.len() == old.rules.len() + 1 && old == new
}
