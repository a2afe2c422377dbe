//! BuildKit's second look (`instructions.Parse`): unknown instructions and flags, arguments that are missing or too
//! many, instructions where none may stand.

use super::{
    Args, Body, Tree, heredoc_word,
    keywords::{KEYWORDS, known},
    options::{self, excerpt, shown},
};
use crate::{
    syntax::SyntaxError,
    text::{Span, Spanned},
};

/// Checks every instruction, and the file as a whole.
pub(super) fn file(tree: &mut Tree, text: &str) {
    if tree.instructions.is_empty() {
        tree.errors.push(error(
            Span::new(0, text.len()),
            "the file has no instruction: start it with `FROM image`".to_owned(),
        ));
        return;
    }
    let mut stages = 0;
    let mut homeless = false;
    let mut found = Vec::new();
    for instruction in &tree.instructions {
        let body = &instruction.body;
        let name = body.name();
        // What the parser refused has its error already.
        if body.args != Args::Ignored || !known(&name) {
            found.extend(check(body, &name, instruction.span).err());
        }
        if body.is("FROM") {
            stages += 1;
        } else if stages == 0 && !homeless && !body.is("ARG") && known(&name) {
            homeless = true;
            found.push(error(
                body.keyword.span,
                format!("`{}` stands before the first FROM: only ARG may", body.keyword.value),
            ));
        }
    }
    if stages == 0 && !homeless && found.is_empty() && tree.errors.is_empty() {
        let last = tree.instructions.last().map_or(Span::point(0), |i| i.span);
        found.push(error(last, "the file has no build stage: add `FROM image`".to_owned()));
    }
    tree.errors.append(&mut found);
}

fn error(span: Span, message: String) -> SyntaxError {
    SyntaxError { span, message }
}

fn check(body: &Body, name: &str, span: Span) -> Result<(), SyntaxError> {
    let keyword = &body.keyword;
    if !known(name) {
        return Err(error(keyword.span, unknown_instruction(&keyword.value)));
    }
    let values = match &body.args {
        Args::Words(words) | Args::Json(words) => words.as_slice(),
        _ => &[],
    };
    let needs = |what: &str| Err(error(span, format!("{name} needs {what}")));
    match name {
        "FROM" => from(values, span)?,
        "COPY" | "ADD" if values.len() < 2 => return needs("at least one source and a destination"),
        "COPY" | "ADD" => copy(name, values)?,
        "ARG" => blank_names(
            name,
            values.iter().filter_map(|v| v.value.split_once('=').map(|(n, _)| (n, v.span))),
        )?,
        "HEALTHCHECK" => return health(body, span),
        _ => {}
    }
    match (&body.args, name) {
        (Args::Missing, "RUN" | "CMD" | "ENTRYPOINT") => {}
        (Args::Missing, "ARG") => return needs("a name: write `ARG name` or `ARG name=default`"),
        (Args::Missing, "ENV" | "LABEL") => {
            return needs(&format!("at least one pair: write `{name} name=value`"));
        }
        (Args::Missing, "ONBUILD") => return needs("an instruction after it"),
        (Args::Missing, _) => return needs("an argument"),
        (Args::Json(items), "SHELL") if items.is_empty() => return needs("at least one string in its array"),
        (Args::Text, "SHELL") => {
            return Err(error(
                body.rest.whole(),
                "SHELL takes a JSON array: write `SHELL [\"program\", \"argument\"]`".to_owned(),
            ));
        }
        (Args::Json(items), "VOLUME") if items.is_empty() => return needs("an argument"),
        (Args::Json(items) | Args::Words(items), "VOLUME") => {
            if let Some(blank) = items.iter().find(|item| item.value.trim().is_empty()) {
                return Err(error(blank.span, "a volume's path cannot be empty: name a path".to_owned()));
            }
        }
        (Args::Pairs { pairs, .. }, _) => {
            blank_names(name, pairs.iter().map(|(n, _)| (n.value.as_str(), n.span)))?;
        }
        (Args::Nested(inner), _) => trigger(inner)?,
        _ => {}
    }
    flags(body, name)
}

fn unknown_instruction(keyword: &str) -> String {
    if keyword.is_empty() {
        return "a continuation with nothing before it and nothing after it: remove the line".to_owned();
    }
    match nearest(&keyword.to_ascii_uppercase(), &KEYWORDS) {
        Some(near) => format!("unknown instruction `{}`: did you mean `{near}`", excerpt(keyword)),
        None => format!(
            "unknown instruction `{}`: every line is an instruction, a comment, or the rest of a line that ends in a continuation",
            excerpt(keyword)
        ),
    }
}

fn from(values: &[Spanned<String>], span: Span) -> Result<(), SyntaxError> {
    match values {
        [_] => Ok(()),
        [_, keyword, name] if keyword.value.eq_ignore_ascii_case("as") => {
            // Go's lower case of `İ` is a plain `i`.
            let lower = name.value.replace('İ', "i").to_lowercase();
            let legal = lower.starts_with(|c: char| c.is_ascii_lowercase())
                && lower.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
            if legal {
                return Ok(());
            }
            Err(error(
                name.span,
                format!(
                    "`{}` cannot name a stage: use a letter, then letters, digits, `-`, `_` or `.`",
                    excerpt(&name.value)
                ),
            ))
        }
        _ => Err(error(span, "FROM needs one image: write `FROM image` or `FROM image AS name`".to_owned())),
    }
}

fn copy(name: &str, values: &[Spanned<String>]) -> Result<(), SyntaxError> {
    match values.last() {
        Some(dest) if matches!(heredoc_word(&dest.value), Ok(Some(_))) => Err(error(
            dest.span,
            format!("the destination of {name} cannot be a heredoc: add a path after it"),
        )),
        _ => Ok(()),
    }
}

fn blank_names<'a>(
    keyword: &str,
    mut names: impl Iterator<Item = (&'a str, Span)>,
) -> Result<(), SyntaxError> {
    match names.find(|(name, _)| name.is_empty()) {
        Some((_, span)) => Err(error(span, format!("{keyword} needs a name before `=`"))),
        None => Ok(()),
    }
}

fn trigger(inner: &Body) -> Result<(), SyntaxError> {
    let keyword = &inner.keyword;
    let name = keyword.value.trim().to_ascii_uppercase();
    if ["ONBUILD", "FROM", "MAINTAINER"].contains(&name.as_str()) {
        return Err(error(
            keyword.span,
            format!("`{}` cannot stand below ONBUILD: remove it", keyword.value),
        ));
    }
    Ok(())
}

fn health(body: &Body, span: Span) -> Result<(), SyntaxError> {
    let Args::Health { kind, command, .. } = &body.args else {
        return Err(error(span, "HEALTHCHECK needs `CMD` and a command, or `NONE`".to_owned()));
    };
    if kind.value.eq_ignore_ascii_case("NONE") {
        return match command.first() {
            Some(first) => Err(error(first.span, "HEALTHCHECK NONE takes no argument: remove it".to_owned())),
            None => Ok(()),
        };
    }
    flags(body, "HEALTHCHECK")?;
    if !kind.value.eq_ignore_ascii_case("CMD") {
        return Err(error(
            kind.span,
            format!("unknown HEALTHCHECK type `{}`: write `CMD` before the command", excerpt(&kind.value)),
        ));
    }
    if command.is_empty() {
        return Err(error(span, "HEALTHCHECK CMD needs a command".to_owned()));
    }
    for flag in &body.flags {
        let Some((name, value)) = flag.as_read.split_once('=') else { continue };
        options::health(name, value).map_err(|message| error(flag.span, message))?;
    }
    Ok(())
}

/// What a flag's value may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FlagKind {
    Bool,
    Once,
    Many,
}

fn flags_of(instruction: &str) -> &'static [(&'static str, FlagKind)] {
    use FlagKind::{Bool, Many, Once};
    match instruction {
        "FROM" => &[("platform", Once)],
        "COPY" => &[
            ("from", Once),
            ("chown", Once),
            ("chmod", Once),
            ("link", Bool),
            ("exclude", Many),
            ("parents", Bool),
        ],
        "ADD" => &[
            ("chown", Once),
            ("chmod", Once),
            ("link", Bool),
            ("keep-git-dir", Bool),
            ("checksum", Once),
            ("unpack", Bool),
            ("exclude", Many),
        ],
        "RUN" => &[("mount", Many), ("network", Once), ("security", Once), ("device", Many)],
        "HEALTHCHECK" => &[
            ("interval", Once),
            ("timeout", Once),
            ("start-period", Once),
            ("start-interval", Once),
            ("retries", Once),
        ],
        _ => &[],
    }
}

fn flags(body: &Body, instruction: &str) -> Result<(), SyntaxError> {
    // BuildKit does not look at the flags of these.
    if ["ARG", "STOPSIGNAL"].contains(&instruction) {
        return Ok(());
    }
    let allowed = flags_of(instruction);
    let mut used: Vec<&str> = Vec::new();
    for flag in &body.flags {
        let text = flag.as_read.as_str();
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let refuse = |message: String| Err(error(flag.span, message));
        let short = name.strip_prefix("--").unwrap_or(name);
        let Some(&(_, kind)) = allowed.iter().find(|(known, _)| *known == short) else {
            let names: Vec<&str> = allowed.iter().map(|(known, _)| *known).collect();
            return refuse(match nearest(short, &names) {
                Some(near) => format!("{instruction} has no flag `{}`: did you mean `--{near}`", shown(name)),
                None if names.is_empty() => {
                    format!("{instruction} takes no flags: remove `{}`", shown(name))
                }
                None => {
                    format!("{instruction} has no flag `{}`: it knows --{}", shown(name), names.join(", --"))
                }
            });
        };
        if kind != FlagKind::Many && used.contains(&short) {
            return refuse(format!("`{name}` is given twice: keep one"));
        }
        used.push(short);
        match (kind, value) {
            (FlagKind::Bool, Some("")) | (FlagKind::Once | FlagKind::Many, None) => {
                return refuse(format!("`{name}` needs a value: write `{name}=value`"));
            }
            (FlagKind::Bool, Some(value))
                if !["true", "false"].iter().any(|b| value.eq_ignore_ascii_case(b)) =>
            {
                return refuse(format!("`{name}` is true or false, not `{}`", shown(value)));
            }
            (FlagKind::Once, Some(value)) if instruction == "RUN" => {
                options::run(short, value).or_else(refuse)?;
            }
            (FlagKind::Many, Some(value)) if short == "mount" => options::mount(value).or_else(refuse)?,
            (FlagKind::Many, Some(value)) if short == "device" => options::device(value).or_else(refuse)?,
            _ => {}
        }
    }
    Ok(())
}

/// The name that is at most two typing mistakes away, if the word is long enough to tell.
fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let (length, limit) = (word.chars().count(), 2);
    if !(3..=20).contains(&length) {
        return None;
    }
    names
        .iter()
        .map(|name| (strsim::osa_distance(word, name), *name))
        .filter(|&(d, name)| d <= limit && d < name.len().min(length))
        .min()
        .map(|(_, name)| name)
}
