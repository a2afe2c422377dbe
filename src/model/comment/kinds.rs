//! Which kind of file writes comments how: one table, by name, ending and first line.

use crate::model::kind::FileKind;

/// How a comment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// From the mark to the end of the line.
    Line(&'static str),
    /// Between two marks.
    Block(&'static str, &'static str),
    /// Both: the block where nothing ends the line, so that what is put behind the file stays out of the comment.
    Either(&'static str, &'static str, &'static str),
}

/// What decides where the file may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    /// A file that ends inside of something is broken already.
    Code,
    /// The same, and a backslash joins no lines.
    Data,
    Dockerfile,
    Yaml,
    Shell,
    Make,
    Dotenv,
    Php,
    /// `__END__` and POD.
    Perl,
    /// `__END__`.
    Ruby,
    PowerShell,
    Sql,
    /// `slashes`: `//` starts a comment, too.
    Css {
        slashes: bool,
    },
    /// A page or a part of one.
    Html,
    /// Blocks at the top, white space between them means nothing.
    Vue,
    Xml,
    Markdown,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) marks: Marks,
    pub(super) grammar: Grammar,
}

const HASH: Marks = Marks::Line("#");
const SLASHES: Marks = Marks::Either("//", "/*", "*/");
const STARS: Marks = Marks::Block("/*", "*/");
const MARKUP: Marks = Marks::Block("<!--", "-->");

/// By ending, in lower case.
const ENDINGS: &[(Marks, Grammar, &[&str])] = &[
    (HASH, Grammar::Shell, &["sh", "bash", "ksh", "zsh", "bats", "envrc"]),
    (HASH, Grammar::Yaml, &["yaml", "yml"]),
    (HASH, Grammar::Make, &["mk"]),
    (HASH, Grammar::Dotenv, &["env"]),
    (HASH, Grammar::Ruby, &["rb", "rake", "gemspec", "ru", "podspec"]),
    (HASH, Grammar::Perl, &["pm"]),
    (HASH, Grammar::PowerShell, &["ps1", "psm1", "psd1"]),
    // Scripts and modules.
    (
        HASH,
        Grammar::Code,
        &["py", "pyi", "pyx", "pxd", "r", "jl", "nim", "cr", "tcl", "awk", "fish", "ex", "exs"],
    ),
    (HASH, Grammar::Code, &["coffee", "graphql", "gql", "rego"]),
    // Settings and build files.
    (HASH, Grammar::Code, &["toml", "tf", "tfvars", "hcl", "nix", "cmake", "bzl", "bazel", "star"]),
    (HASH, Grammar::Code, &["properties", "service", "timer", "socket"]),
    (
        SLASHES,
        Grammar::Code,
        &[
            "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "go", "rs", "java", "kt", "kts", "swift",
            "scala", "groovy", "gradle", "cpp", "cc", "cxx", "hpp", "hh", "hxx", "mm", "cs", "dart", "proto",
            "thrift", "sol", "jsonc", "json5", "bicep",
        ],
    ),
    (Marks::Line("//"), Grammar::Code, &["zig", "prisma", "fsx", "fsi", "cue"]),
    // `//` is younger than C.
    (STARS, Grammar::Code, &["c", "h"]),
    (STARS, Grammar::Css { slashes: false }, &["css"]),
    (SLASHES, Grammar::Css { slashes: true }, &["scss", "less"]),
    (SLASHES, Grammar::Php, &["php"]),
    (Marks::Either("--", "/*", "*/"), Grammar::Sql, &["sql"]),
    (Marks::Line("--"), Grammar::Code, &["lua", "hs", "elm"]),
    (Marks::Line(";"), Grammar::Code, &["ini", "clj", "cljs", "cljc", "edn", "el", "lisp", "scm"]),
    (Marks::Line("%"), Grammar::Code, &["tex", "sty", "erl", "hrl"]),
    (MARKUP, Grammar::Html, &["html", "htm", "xhtml", "svelte"]),
    (MARKUP, Grammar::Vue, &["vue"]),
    (
        MARKUP,
        Grammar::Xml,
        &[
            "xml", "svg", "xsd", "xsl", "xslt", "csproj", "fsproj", "vbproj", "props", "targets", "resx",
            "nuspec",
        ],
    ),
    (MARKUP, Grammar::Markdown, &["md", "markdown"]),
];

/// By the whole name, in lower case.
const NAMES: &[(Marks, Grammar, &[&str])] = &[
    (
        HASH,
        Grammar::Ruby,
        &["gemfile", "rakefile", "vagrantfile", "podfile", "fastfile", "brewfile", "guardfile"],
    ),
    (HASH, Grammar::Shell, &[".bashrc", ".bash_profile", ".profile", ".zshrc"]),
    (HASH, Grammar::Code, &["cmakelists.txt", "justfile", "caddyfile", "pipfile", ".htaccess", ".npmrc"]),
    (
        HASH,
        Grammar::Data,
        &[
            ".gitignore",
            ".dockerignore",
            ".containerignore",
            ".npmignore",
            ".eslintignore",
            ".prettierignore",
            ".helmignore",
            ".gcloudignore",
            ".gitattributes",
            ".editorconfig",
            "codeowners",
        ],
    ),
    (HASH, Grammar::Code, &[".gitmodules"]),
    (SLASHES, Grammar::Code, &["jenkinsfile"]),
    (Marks::Line("//"), Grammar::Code, &["go.mod", "go.work"]),
];

/// Interpreters of files without an ending, as a first line with `#!` names them.
const INTERPRETERS: &[(Marks, Grammar, &[&str])] = &[
    (HASH, Grammar::Shell, &["sh", "bash", "dash", "ash", "ksh", "zsh", "bats"]),
    (HASH, Grammar::Ruby, &["ruby"]),
    (HASH, Grammar::Perl, &["perl"]),
    (HASH, Grammar::Code, &["python", "fish", "tclsh", "awk", "gawk", "mawk"]),
    (SLASHES, Grammar::Code, &["node", "deno", "bun"]),
    (SLASHES, Grammar::Php, &["php"]),
    (HASH, Grammar::Make, &["make"]),
];

/// The kind of a file.
///
/// # Errors
/// Why it has no comment that is known to be one.
pub(super) fn of(path: &str, text: &str) -> Result<Kind, String> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    match FileKind::of(path) {
        Some(FileKind::Dockerfile) => return Ok(Kind { marks: HASH, grammar: Grammar::Dockerfile }),
        Some(FileKind::Dockerignore | FileKind::Gitignore) => {
            return Ok(Kind { marks: HASH, grammar: Grammar::Data });
        }
        Some(FileKind::Make) => return Ok(Kind { marks: HASH, grammar: Grammar::Make }),
        _ => {}
    }
    if let Some(kind) = find(NAMES, &name) {
        return Ok(kind);
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    if let Some(kind) = ending.and_then(|ending| find(ENDINGS, ending)) {
        return Ok(kind);
    }
    let starts = |prefix: &str| name.starts_with(prefix);
    match ending {
        _ if starts(".env.") => return Ok(Kind { marks: HASH, grammar: Grammar::Dotenv }),
        Some("txt") if starts("requirements") || starts("constraints") => {
            return Ok(Kind { marks: HASH, grammar: Grammar::Code });
        }
        Some("conf" | "cfg" | "cnf") => return configuration(text),
        Some("pl") | None => {
            if let Some(kind) = interpreter(text) {
                return Ok(kind);
            }
        }
        _ => {}
    }
    Err(refused(&name, ending))
}

fn find(table: &[(Marks, Grammar, &[&str])], name: &str) -> Option<Kind> {
    let (marks, grammar, _) = table.iter().find(|(_, _, names)| names.contains(&name))?;
    Some(Kind { marks: *marks, grammar: *grammar })
}

/// nginx and `MySQL` write `#`, PHP and Asterisk `;`, and take the other for a directive: the file shows which.
fn configuration(text: &str) -> Result<Kind, String> {
    let own = |mark: &str| {
        let shows = |line: &str| {
            line.strip_prefix(mark)
                .is_some_and(|rest| rest.trim().is_empty() || rest.starts_with([' ', '\t']))
        };
        text.trim_start_matches('\u{feff}').lines().any(shows)
    };
    let marks = match (own("#"), own(";")) {
        (true, false) => HASH,
        (false, true) => Marks::Line(";"),
        (true, true) => {
            return Err("it has lines with `#` and lines with `;`: which of them are comments is not known"
                .to_owned());
        }
        (false, false) => {
            return Err("no line of it is a comment that would show how it writes them".to_owned());
        }
    };
    Ok(Kind { marks, grammar: Grammar::Code })
}

/// What `#!/usr/bin/env -S python3 -u` runs, without its version.
fn interpreter(text: &str) -> Option<Kind> {
    let line = text.lines().next()?.strip_prefix("#!")?;
    let mut words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let mut name = words.next()?;
    if name == "env" {
        name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    }
    find(INTERPRETERS, name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

fn refused(name: &str, ending: Option<&str>) -> String {
    if name.starts_with("tsconfig.") || name.starts_with("jsconfig.") {
        return "TypeScript takes comments in it, and other readers of JSON do not".to_owned();
    }
    match ending {
        _ if name == "go.sum" || name.contains("-lock.") => "a lock file is its tool's own".to_owned(),
        Some("lock") => "a lock file is its tool's own".to_owned(),
        Some("json" | "ndjson" | "jsonl" | "geojson" | "map" | "ipynb" | "webmanifest") => {
            "JSON has no comments".to_owned()
        }
        Some("csv" | "tsv") => "a table has no comments".to_owned(),
        Some("txt" | "text" | "log") => "plain text has no comments".to_owned(),
        Some(ending) => format!("how a `.{ending}` file writes comments is not known"),
        None => "how it writes comments is not known: its name has no ending, and its first line names no interpreter that is".to_owned(),
    }
}
