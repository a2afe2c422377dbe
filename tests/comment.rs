//! The dated comment of `unstale bust`: what takes it, what refuses it, and that programs read the same with it.
#![expect(clippy::disallowed_methods, reason = "the tests run interpreters on files that they write")]

use std::{path::Path, process::Command};

use proptest::prelude::*;
use unstale::model::comment::{Commented, MARK, renew};

use crate::{cli::Folder, support::Ran};

const FIRST: &str = "2026-11-28T01:02:03Z";
const SECOND: &str = "2027-01-02T03:04:05Z";

fn at(path: &str, text: &str, date: &str) -> Result<Commented, String> {
    renew(path, text, &|_| date.to_owned())
}

/// The text without the comment, as a person would take it out: the line, or what was put behind the last one.
fn without(path: &str, commented: &Commented) -> String {
    let start = commented.text.rfind(&commented.comment).unwrap();
    let (before, after) = (&commented.text[..start], &commented.text[start + commented.comment.len()..]);
    let newline = |text: &str| if text.starts_with("\r\n") { 2 } else { usize::from(text.starts_with('\n')) };
    let alone = before.trim_start_matches('\u{feff}').is_empty();
    if alone && [".html", ".vue"].iter().any(|ending| path.ends_with(ending)) {
        return format!("{before}{after}");
    }
    if alone || before.ends_with('\n') && newline(after) > 0 {
        return format!("{before}{}", &after[newline(after)..]);
    }
    if before.ends_with('\n') {
        let shorter = before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n')).unwrap();
        return format!("{shorter}{after}");
    }
    format!("{before}{after}")
}

/// A kind, texts of it, and what the comment looks like.
const TAKEN: &[(&str, &str, &str)] = &[
    ("Dockerfile", "FROM x\nRUN a \\\n  && b\n", "# "),
    ("web/Dockerfile.prod", "FROM x\nRUN <<EOF\na\nEOF\n", "# "),
    ("compose.yaml", "services:\n  web:\n    command: |\n      a\n      b\n", "# "),
    ("two.yml", "a: 1\n---\nb: |\n  c\n", "# "),
    ("deploy.sh", "#!/bin/sh\ncat <<EOF\n$x\nEOF\n", "# "),
    ("deploy.sh", "cd \"$(dirname \"$0\")\"\ncat \"$(dirname \"$0\")/x\"\nawk '{print $0}' x\n", "# "),
    ("bin/entrypoint", "#!/usr/bin/env -S bash -e\nexec \"$@\"\n", "# "),
    ("bin/serve", "#!/usr/bin/python3.12\nprint(1)\n", "# "),
    ("bin/serve", "#!/usr/bin/env node\nf()\n", "// "),
    ("tool.pl", "#!/usr/bin/perl -w\nprint 1;\n", "# "),
    ("Makefile", "all:\n\tmake x\n", "# "),
    ("x.mk", "define a\nb\nendef\n", "# "),
    (".env", "A=1\nB=\"x\ny\"\n", "# "),
    (".env.production", "A=1\n", "# "),
    (".dockerignore", "node_modules\n", "# "),
    (".gitignore", "*\\\n", "# "),
    ("app.py", "x = \"\"\"a\n# b\n\"\"\"\n", "# "),
    ("x.rb", "puts 1\n", "# "),
    ("Gemfile", "gem 'x'\n", "# "),
    ("X.pm", "=head1 X\n\n=cut\n\n1;\n", "# "),
    ("Cargo.toml", "[package]\n", "# "),
    ("requirements-dev.txt", "flask==3.0\n", "# "),
    ("CMakeLists.txt", "project(x)\n", "# "),
    ("nginx.conf", "# who\nevents {}\n", "# "),
    ("www.conf", "; who\n[www]\n", "; "),
    ("x.ps1", "Get-Item x\n", "# "),
    ("main.tf", "a = 1\n", "# "),
    ("a.js", "f(`x`)\n", "// "),
    ("a.tsx", "export default 1;\n", "// "),
    ("a.go", "package a\n", "// "),
    ("a.rs", "fn f() {}\n", "// "),
    ("go.mod", "module x\n", "// "),
    ("a.zig", "const x = 1;\n", "// "),
    ("a.jsonc", "{}\n", "// "),
    ("a.php", "<?php\necho 1;\n", "// "),
    ("bin/x", "#!/usr/bin/env php\n<?php\necho 1;\n", "// "),
    ("a.c", "int x;\n", "/* "),
    ("a.css", "a { b: \"/*\" }\n", "/* "),
    ("a.scss", "// it's\na { b: url(http://x/y) }\n", "// "),
    ("a.sql", "SELECT '--';\n", "-- "),
    ("blog__posts.sql", "SELECT 1;\n", "-- "),
    ("dump.sql", "COPY t FROM stdin;\n1\n\\.\n", "-- "),
    ("a.lua", "return 1\n", "-- "),
    ("a.ini", "[a]\nb=c\n", "; "),
    ("a.clj", "(f)\n", "; "),
    ("a.tex", "\\end{document}\n", "% "),
    ("index.html", "<!doctype html>\n<html><script>if (a<b) f('<!--')</script></html>\n", "<!-- "),
    ("part.html", "<b title='>'>{{ a <b }}</b>\n", "<!-- "),
    ("A.vue", "<template>a</template>\n<script>\nf('<x')\n</script>\n", "<!-- "),
    ("a.svg", "<?xml version=\"1.0\"?>\n<svg/>\n", "<!-- "),
    ("README.md", "# A\n\n```sh\nx\n```\n\n- `<script>`\n- <!-- a -->\n", "<!-- "),
];

#[test]
fn every_kind_takes_a_comment_in_its_own_syntax_and_keeps_one() {
    for (path, text, mark) in TAKEN {
        for text in [
            (*text).to_owned(),
            text.trim_end().to_owned(),
            text.replace('\n', "\r\n"),
            text.replace('\n', "\r\n").trim_end().to_owned(),
            format!("\u{feff}{text}"),
        ] {
            let first = match at(path, &text, FIRST) {
                Ok(first) => first,
                // A newline that was not there becomes a part of the block's value.
                Err(reason) if text.ends_with(['b', 'c']) && reason.contains("become part") => continue,
                // A mark before `#!` hides the interpreter.
                Err(_) if text.starts_with("\u{feff}#!") => continue,
                Err(reason) => panic!("{path}: {reason}\n{text:?}"),
            };
            let (start, end) = (format!("{MARK}{FIRST}"), first.comment.as_str());
            assert!(end.contains(&start), "{path}: {end}");
            if text.ends_with('\n') {
                assert!(end.starts_with(mark), "{path}: {end}");
                assert!(first.text.ends_with(if text.ends_with("\r\n") { "\r\n" } else { "\n" }), "{path}");
            } else {
                assert!(!first.text.ends_with('\n'), "{path}: {:?}", first.text);
            }
            assert_eq!(first.text.contains("\r\n"), text.contains("\r\n"), "{path}");
            let line = first.text.lines().nth(first.line - 1).unwrap();
            assert!(line.ends_with(end), "{path}: {line}");
            assert_eq!(without(path, &first), text, "{path}");

            let second = at(path, &first.text, SECOND).unwrap();
            assert_eq!(second.text, first.text.replace(FIRST, SECOND), "{path}");
            assert_eq!(second.line, first.line, "{path}");
            let old = std::cell::RefCell::new(None);
            let third = renew(path, &second.text, &|date| {
                *old.borrow_mut() = date.map(ToOwned::to_owned);
                FIRST.to_owned()
            });
            assert_eq!(old.into_inner().as_deref(), Some(SECOND), "{path}");
            assert_eq!(third.unwrap(), first, "{path}");
        }
    }
}

#[test]
fn what_stands_behind_the_file_stays_out_of_the_comment_and_white_space_where_it_shows() {
    let comment = format!("{MARK}{FIRST}");
    for (path, text, expected) in [
        ("a.js", "f()", format!("f()\n/* {comment} */")),
        ("a.js", "f()\n", format!("f()\n// {comment}\n")),
        ("a.sql", "SELECT 1;", format!("SELECT 1;\n/* {comment} */")),
        ("a.py", "f()", format!("f()\n# {comment}")),
        ("part.html", "<b>x</b>\r\n", format!("<b>x</b><!-- {comment} -->\r\n")),
        ("page.html", "</HTML>\r\n", format!("</HTML>\r\n<!-- {comment} -->\r\n")),
        ("page.html", "</html>", format!("</html>\n<!-- {comment} -->")),
        ("A.vue", "<style></style>\n", format!("<style></style>\n<!-- {comment} -->\n")),
        ("__init__.py", "", format!("# {comment}\n")),
    ] {
        assert_eq!(at(path, text, FIRST).unwrap().text, expected, "{path} {text:?}");
    }
}

#[test]
fn what_has_no_comment_or_no_safe_end_is_refused() {
    for (path, text, why) in [
        ("a.json", "{}\n", "JSON has no comments"),
        ("tsconfig.json", "{}\n", "TypeScript takes comments in it, and other readers of JSON do not"),
        ("package-lock.json", "{}\n", "a lock file is its tool's own"),
        ("Cargo.lock", "", "a lock file is its tool's own"),
        ("go.sum", "", "a lock file is its tool's own"),
        ("a.csv", "a,b\n", "a table has no comments"),
        ("notes.txt", "a\n", "plain text has no comments"),
        ("a.foo", "a\n", "how a `.foo` file writes comments is not known"),
        ("a.html.j2", "a\n", "how a `.j2` file writes comments is not known"),
        ("a.mdx", "a\n", "how a `.mdx` file writes comments is not known"),
        ("LICENSE", "a\n", "its name has no ending"),
        ("deploy", "echo\n", "its name has no ending"),
        ("query.pl", "a(b).\n", "how a `.pl` file writes comments is not known"),
        ("a.py", "a\0b\n", "it is no text"),
        ("a.py", "a\rb\r", "carriage return"),
        ("a.conf", "a = b\n", "no line of it is a comment"),
        ("a.conf", "#include x\n; y\n", ""),
        ("a.conf", "# x\n; y\n", "which of them are comments"),
        ("secrets.yaml", "a: ENC[AES256_GCM,data:x]\n", "encrypted by sops"),
        ("secrets.yml", "$ANSIBLE_VAULT;1.1;AES256\n61\n", "encrypted by Ansible"),
        ("a.ps1", "x\n# SIG # Begin signature block\n# MII\n", "it is signed"),
        ("a.ps1", "x `\n", "goes on in the next one"),
        ("a.ts", "<?xml version=\"1.0\"?>\n<TS/>\n", "it holds XML"),
        ("a.ts", "<!DOCTYPE TS>\n<TS/>\n", "it holds XML"),
        ("a.c", "#define X \\\n", "goes on in the next one"),
        ("a.py", "x = 1 + \\\n\n", "goes on in the next one"),
        ("Dockerfile", "FROM x\nRUN a \\\n", "is not finished"),
        ("Dockerfile", "# escape=`\nFROM x\nRUN a `\n", "is not finished"),
        ("Dockerfile", "FROM x\nRUN <<EOF\na\n", "is not finished"),
        ("a.yaml", "a: |\n  b", "would become part"),
        ("a.yaml", "--- |\na\n", "would become part"),
        ("a.yaml", "a: 1\n---\nb: |\n  c", "would become part"),
        ("chart.yaml", "{{- if .x }}\na: b\n{{- end }}\n", "cannot be read as YAML"),
        ("a.yaml", "a: 'b\n", "cannot be read as YAML"),
        ("a.sh", "cat <<EOF\na\n", "would become part"),
        ("a.sh", "cat <<EOF", "would become part"),
        ("a.sh", "echo 'a\n", "would become part"),
        ("a.sh", "tail -n +9 \"$0\" | sh\nexit 0\n", "the script reads its own text"),
        ("a.sh", "sed -n 's/^# //p' \"${BASH_SOURCE[0]}\"\n", "the script reads its own text"),
        ("a.sh", "while read -r l; do :; done <\"$0\"\n", "the script reads its own text"),
        ("a.sh", "exit 0\n__ARCHIVE_BELOW__\nabc\n", "the script reads its own text"),
        ("Makefile", "define x\na\n", "would become part"),
        (".env", "A=\"x\n", "cannot be read to its end"),
        ("a.rb", "puts DATA.read\n__END__\nx\n", "is data that it reads"),
        ("a.pm", "1;\n__DATA__\nx\n", "is data that it reads"),
        ("a.pm", "1;\n\n=head1 NAME\n\nX\n", "documentation"),
        ("a.php", "<?php echo 1 ?>\n<b>\n", "PHP and text by turns"),
        ("a.php", "<b><?php echo 1;\n", "PHP and text by turns"),
        ("a.php", "<?php\n__HALT_COMPILER();x\n", "is data that it reads"),
        ("a.css", "a { b: \"c", "a string is open"),
        ("a.css", "/* a", "a comment is open"),
        ("a.less", "a { b: url(x", "a `url(` is open"),
        ("a.html", "<p>a</p>\n<script>\n", "`<script>` is open"),
        ("a.html", "<!-- a\n", "a comment is open"),
        ("a.html", "<a href=\"x>\n", "a tag is open"),
        ("a.html", "<plaintext>\n", "`<plaintext>` is open"),
        ("a.vue", "<style>\n", "`<style>` is open"),
        ("a.xml", "a: b\n", "it is no XML"),
        ("a.xml", "<a><![CDATA[ </a>\n", "a CDATA section is open"),
        ("a.md", "a\n```\nx\n", "a code block is open"),
        ("a.md", "- a\n  ~~~~ sh\n  ~~~\n", "a code block is open"),
        ("a.md", "<!-- a\n\nb\n", "a block of HTML is open"),
        ("a.md", "<pre>\n", "a block of HTML is open"),
        ("db/migrations/1.sql", "SELECT 1;\n", "it is a migration"),
        ("V1_2__x.sql", "SELECT 1;\n", "it is a migration"),
        ("R__x.sql", "SELECT 1;\n", "it is a migration"),
        ("x.sql", "--liquibase formatted sql\n", "it is a migration"),
        ("x.sql", "copy t from stdin;\n1\n", "rows of a"),
    ] {
        match at(path, text, FIRST) {
            Err(reason) => {
                assert!(!why.is_empty() && reason.contains(why), "{path}: {reason}\n{text}");
                assert!(
                    !reason.ends_with('.') && !reason.starts_with(char::is_uppercase)
                        || reason.starts_with("JSON")
                        || reason.starts_with("TypeScript"),
                    "{reason}"
                );
            }
            Ok(done) => assert!(why.is_empty(), "{path} is taken:\n{}", done.text),
        }
    }
}

#[test]
fn code_that_was_added_below_stays_below_and_what_only_looks_like_the_comment_stays() {
    let line = format!("# {MARK}{FIRST}\n");
    let below = at("a.py", &format!("a = 1\n{line}b = 2\n"), SECOND).unwrap();
    assert_eq!((below.text, below.line), (format!("a = 1\n# {MARK}{SECOND}\nb = 2\n"), 2));
    // The last of several.
    let two = at("a.py", &format!("{line}a = 1\n{line}"), SECOND).unwrap();
    assert_eq!(two.text, format!("{line}a = 1\n# {MARK}{SECOND}\n"));
    for (path, text) in [
        ("a.py", format!("a = '''\n{line}'''\n")),
        ("a.js", format!("f(`\n// {MARK}{FIRST}\n`)\n")),
        ("a.sh", format!("cat <<EOF\n{line}EOF\n")),
        ("Dockerfile", format!("FROM x\nCOPY <<EOF /x\n{line}EOF\n")),
        ("a.yaml", format!("a: |\n  b\n  {line}")),
        ("README.md", format!("```\n<!-- {MARK}{FIRST} -->\n```\n")),
        ("a.html", format!("<script>\n<!-- {MARK}{FIRST} -->\n</script>\n")),
    ] {
        match at(path, &text, SECOND) {
            Err(_) => {}
            Ok(done) => assert_eq!(without(path, &done), text, "{path}"),
        }
    }
    // Not in its form: of somebody else, or a sentence about it.
    for other in [
        "# unstale cache bust: yesterday\n",
        "#  unstale cache bust: 2026-11-28T01:02:03Z\n",
        "# unstale cache bust: 2026-11-28T01:02:03Z.\n",
        "x # unstale cache bust: 2026-11-28T01:02:03Z\n",
        "  # unstale cache bust: 2026-11-28T01:02:03Z\n",
    ] {
        assert_eq!(without("a.py", &at("a.py", other, SECOND).unwrap()), other);
    }
}

/// Runs a program on a file before and after; it must do something, and the same.
#[track_caller]
fn reads_the_same(program: &str, args: &[&str], path: &str, texts: &[&str]) {
    for text in texts {
        let folder = Folder::new();
        let run = |text: &str| {
            folder.put(path, text);
            let mut command = Command::new(program);
            let ran = Ran::new(command.args(args).arg(folder.join(path)).current_dir(folder.path()));
            assert_eq!(ran.code, 0, "{program} is needed: {}\n{}", ran.stdout, ran.stderr);
            (ran.stdout, ran.stderr)
        };
        let before = run(text);
        let done = at(path, text, FIRST).unwrap_or_else(|reason| panic!("{path}: {reason}\n{text}"));
        assert_eq!(run(&done.text), before, "{program}:\n{}", done.text);
    }
}

#[test]
fn programs_read_the_same() {
    let here =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    let oracles: &[(&str, &[&str], &str, &[&str])] = &[
        (
            "bash",
            &[],
            "a.sh",
            &["echo a\ncat <<EOF\nb\nEOF", "if true; then\n  echo a # b\nfi\n", "echo a; exit 0"],
        ),
        ("python3", &["-I"], "a.py", &["print(1)", "def f():\n    return '''a\n#'''\nprint(f())\n", ""]),
        ("perl", &["-w"], "a.pm", &["print 1;\n1;", "=head1 A\n\n=cut\n\nprint <<A;\nb\nA\n"]),
        ("ruby", &["-w"], "a.rb", &["puts 1", "puts <<A\nb\nA\n", "=begin\na\n=end\nputs 1\n"]),
        ("node", &[], "a.js", &["console.log(`a`)", "console.log(/[/*]/.test('*'))\n"]),
        ("node", &[], "a.mjs", &["export default 1; console.log(1)"]),
        ("php", &["-n"], "a.php", &["<?php echo 1;", "<?php\necho <<<A\nb\nA;\n"]),
        ("make", &["-s", "-f"], "a.mk", &["all:\n\t@echo a", "A = b\nall: ; @echo $(A)\n"]),
        (
            "gcc",
            &["-std=c89", "-pedantic-errors", "-fsyntax-only"],
            "a.c",
            &["int x;", "#define X 1\nint y = X;\n"],
        ),
        (
            "git",
            &["config", "--list", "-f"],
            ".gitmodules",
            &["[submodule \"a\"]\n\tpath = b", "[submodule \"a\"]\n\tpath = b\n"],
        ),
    ];
    let mut asked = 0;
    for (program, args, path, texts) in oracles {
        if here(program) {
            reads_the_same(program, args, path, texts);
            asked += 1;
        }
    }
    assert!(asked >= 3, "bash, git and one more are everywhere");
}

/// What a file of each kind may be made of.
fn texts() -> impl Strategy<Value = (String, String)> {
    let paths: Vec<String> = TAKEN.iter().map(|(path, ..)| (*path).to_owned()).collect();
    let own = prop::sample::select(TAKEN.iter().map(|(_, text, _)| (*text).to_owned()).collect::<Vec<_>>());
    let pieces = prop::sample::select(
        [
            "\n",
            "\r\n",
            "a",
            " ",
            "\t",
            "\\",
            "'",
            "\"",
            "`",
            "/*",
            "*/",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            "<b>",
            "</html>",
            "```\n",
            "<<EOF\n",
            "EOF\n",
            "#",
            "//",
            "|\n  x",
            "- ",
            "a: b\n",
            "ä",
            "{",
            "}",
            "?>",
            "<?php\n",
            "# unstale cache bust: 2026-11-28T01:02:03Z\n",
            "// unstale cache bust: 2026-11-28T01:02:03Z\n",
            "<!-- unstale cache bust: 2026-11-28T01:02:03Z -->",
            "\u{feff}",
        ]
        .map(ToOwned::to_owned)
        .to_vec(),
    );
    let mixed = prop::collection::vec(prop_oneof![1 => own, 4 => pieces], 0..12).prop_map(|all| all.concat());
    (prop::sample::select(paths), mixed)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Twice leaves one, and without it the text is what it was; a comment that was there is dated and nothing else.
    #[test]
    fn any_text_gets_one_comment_and_loses_nothing((path, text) in texts()) {
        let Ok(first) = at(&path, &text, SECOND) else { return Ok(()) };
        let marks = |text: &str| text.matches(MARK).count();
        if marks(&first.text) == marks(&text) {
            prop_assert_eq!(first.text.replacen(SECOND, FIRST, 1), text.clone());
        } else {
            prop_assert_eq!(marks(&first.text), marks(&text) + 1);
            prop_assert_eq!(without(&path, &first), text.clone());
        }
        prop_assert!(first.text != text);
        let again = at(&path, &first.text, "2028-01-01T00:00:00Z");
        let again = again.map_err(|reason| TestCaseError::fail(format!("{path}: {reason}: {:?}", first.text)))?;
        prop_assert_eq!(again.text, first.text.replacen(SECOND, "2028-01-01T00:00:00Z", 1));
        prop_assert_eq!(again.line, first.line);
        prop_assert!(Path::new(&path).file_name().is_some());
    }
}
