//! Makefiles as far as their recipes go: rules, prerequisites, simple variables, and each recipe line as shell text.

use crate::syntax::offsets::Joined;

/// A Makefile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Makefile {
    /// Variables in the order of the file; those in `ifeq` and the like as if it were not there.
    pub variables: Vec<Variable>,
    /// Explicit rules.
    pub rules: Vec<Rule>,
    /// `.ONESHELL:`: the lines of a recipe run in one shell.
    pub one_shell: bool,
}

/// `NAME = value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value with `${…}` for make's own references; `None` if make computes it.
    pub value: Option<String>,
    /// `?=`: a value that stands already is kept.
    pub weak: bool,
}

/// `targets: prerequisites` and its recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The targets.
    pub targets: Vec<String>,
    /// What is made before, the order-only ones included.
    pub prerequisites: Vec<String>,
    /// What the shell runs.
    pub recipe: Vec<RecipeLine>,
}

/// One line of a recipe, continuations included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeLine {
    /// The shell's text: without tab and prefixes, `$$` as `$`, and make's `$(NAME)` as `${NAME}`. What make computes
    /// (`$(shell …)`) is a variable without a value.
    pub text: Joined,
    /// `-`: make goes on if it fails.
    pub ignored: bool,
}

/// Reads a Makefile. Never fails; what it does not know (`define`, `include`, functions) holds no rule.
pub fn parse(text: &str) -> Makefile {
    let mut out = Makefile::default();
    let lines = Logical { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } };
    let mut in_rule = false;
    let mut define = false;
    for (start, line) in lines {
        let trimmed = line.trim();
        if define {
            define = trimmed != "endef";
            continue;
        }
        if let Some(recipe) = line.strip_prefix('\t') {
            if in_rule && let Some(rule) = out.rules.last_mut() {
                rule.recipe.extend(recipe_line(recipe, start + 1));
            }
            continue;
        }
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        define = trimmed.split_ascii_whitespace().next() == Some("define");
        if let Some(variable) = variable(trimmed) {
            out.variables.push(variable);
            in_rule = false;
        } else if let Some((rule, recipe)) = rule(line, start) {
            out.one_shell |= rule.targets.iter().any(|t| t == ".ONESHELL");
            out.rules.push(rule);
            in_rule = true;
            if let (Some((recipe, at)), Some(rule)) = (recipe, out.rules.last_mut()) {
                rule.recipe.extend(recipe_line(recipe, at));
            }
        }
    }
    out
}

/// Lines with their continuations.
struct Logical<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Logical<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        if start >= self.text.len() {
            return None;
        }
        for line in self.text[start..].split_inclusive('\n') {
            self.at += line.len();
            if !line.trim_end_matches(['\r', '\n']).ends_with('\\') {
                break;
            }
        }
        Some((start, &self.text[start..self.at]))
    }
}

fn variable(line: &str) -> Option<Variable> {
    let line = line.strip_prefix("export ").or_else(|| line.strip_prefix("override ")).unwrap_or(line);
    let (left, value) = line.split_once('=')?;
    let weak = left.ends_with('?');
    let name = left.trim_end_matches(['?', ':', '!', '+']).trim();
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if !plain {
        return None;
    }
    let computed = left.ends_with(['!', '+']);
    let value = value.split(" #").next().unwrap_or(value).trim();
    let text = references(value, 0).text().to_owned();
    Some(Variable { name: name.to_owned(), value: (!computed).then_some(text), weak })
}

/// A rule's line, and the recipe behind its `;`.
fn rule(line: &str, start: usize) -> Option<(Rule, Option<(&str, usize)>)> {
    let colon = line.find(':')?;
    let (targets, rest) = (&line[..colon], &line[colon + 1..]);
    if targets.contains(['=', '(']) || rest.starts_with('=') {
        return None;
    }
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let (names, recipe) = match rest.find(';') {
        Some(at) => (&rest[..at], Some((&rest[at + 1..], start + (line.len() - rest.len()) + at + 1))),
        None => (rest, None),
    };
    // `target: NAME = value` is a variable of the target.
    let names = names.split('#').next().unwrap_or_default();
    let words = |text: &str| -> Vec<String> {
        text.split_ascii_whitespace().filter(|w| !matches!(*w, "|" | "\\")).map(ToOwned::to_owned).collect()
    };
    let prerequisites = if names.contains('=') { Vec::new() } else { words(names) };
    Some((Rule { targets: words(targets), prerequisites, recipe: Vec::new() }, recipe))
}

fn recipe_line(line: &str, start: usize) -> Option<RecipeLine> {
    let body = line.trim_start_matches(['@', '-', '+', ' ', '\t']);
    let prefix = &line[..line.len() - body.len()];
    let end = body.trim_end_matches(['\r', '\n']).len();
    let body = &body[..end];
    if body.trim().is_empty() {
        return None;
    }
    let text = references(body, start + prefix.len());
    Some(RecipeLine { text, ignored: prefix.contains('-') })
}

/// `$$` as the shell's `$`, `$(NAME)` as `${NAME}`; the tab behind a continuation is make's.
fn references(body: &str, start: usize) -> Joined {
    let mut out = Joined::default();
    let mut at = 0;
    while let Some(found) = body[at..].find(['$', '\\']) {
        out.push(&body[at..at + found], start + at);
        at += found;
        let rest = &body[at..];
        if let Some(line) = rest
            .strip_prefix("\\\n\t")
            .map(|_| "\\\n")
            .or_else(|| rest.strip_prefix("\\\r\n\t").map(|_| "\\\r\n"))
        {
            out.push(line, start + at);
            at += line.len() + 1;
        } else if rest.starts_with("$$") {
            out.push("$", start + at + 1);
            at += 2;
        } else if rest.starts_with("$(") || rest.starts_with("${") {
            at += reference(rest, start + at, &mut out);
        } else {
            out.push(&rest[..1], start + at);
            at += 1;
        }
    }
    out.push(&body[at..], start + at);
    out
}

/// One reference, as long as it was; returns its length.
fn reference(rest: &str, at: usize, out: &mut Joined) -> usize {
    let (open, close) = if rest.as_bytes()[1] == b'(' { ('(', ')') } else { ('{', '}') };
    let mut depth = 0_usize;
    let mut end = rest.len();
    for (offset, c) in rest.char_indices().skip(1) {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                end = offset;
                break;
            }
        }
    }
    let inside = rest.get(2..end).unwrap_or_default();
    let plain = !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let name = if plain { inside.to_owned() } else { "_".repeat(inside.len()) };
    out.push("${", at);
    out.push(&name, at + 2);
    if end < rest.len() {
        out.push("}", at + end);
        end + 1
    } else {
        rest.len()
    }
}
