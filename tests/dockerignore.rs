//! `.dockerignore`: what moby documents and tests, what both builders were seen to do, and hostile patterns.

use proptest::prelude::*;
use unstale::syntax::dockerignore::{Effect, Patterns};

fn patterns(text: &str) -> Patterns {
    let (patterns, errors) = Patterns::parse(text);
    assert_eq!(errors, [], "{text:?}");
    patterns
}

#[track_caller]
fn check(cases: &[(&str, &str, bool)]) {
    for &(text, path, ignored) in cases {
        assert_eq!(patterns(text).is_ignored(path), ignored, "{text:?} on {path:?}");
    }
}

#[test]
fn where_docker_differs_from_git() {
    check(&[
        ("node_modules", "pkg/node_modules/x", false),
        ("node_modules", "node_modules/x/y", true),
        ("*.md", "docs/README.md", false),
        ("**/*.md\n!README.md", "docs/README.md", true),
        ("**/*.md\n!README.md", "README.md", false),
        ("*\n!src", "src/main.rs", false),
        ("*\n!src", "other", true),
        ("foo/", "foo", true),
        ("**foo", "a/xfoo", true),
        ("a**b", "aXb", false),
        ("a**b", "a/x/b", true),
        ("{a,b}", "a", false),
        ("{a,b}", "{a,b}", true),
        ("a|b*", "axyz", true),
        ("a|b*", "c", false),
        (" a", "a", true),
        ("./a/../b", "b", true),
        ("a//b", "a/b", true),
        ("[!a]b", "ab", true),
        ("[!a]b", "cb", false),
        (".git", "sub/.git/config", false),
        ("/a", "a", true),
        ("a/", "b/a", false),
    ]);
}

#[test]
fn comments_blanks_marks_and_line_ends() {
    check(&[
        ("#a", "#a", false),
        (" #a", "#a", true),
        ("\u{feff}a\r\nb\r\n", "a", true),
        ("\u{feff}a\r\nb\r\n", "b", true),
        ("\u{feff}#a\nb", "#a", false),
        ("a\n! a ", "a", false),
        ("a\n!/a", "a", false),
        ("\n\n  \n", "a", false),
        ("a b", "a b", true),
        ("/", "a", false),
        (".", "a", false),
        ("..", "a", false),
        ("/ /", "a", false),
    ]);
}

/// The cases of moby/patternmatcher's own tests whose paths a context can have.
#[test]
fn what_moby_tests() {
    check(&[
        ("**", "file", true),
        ("**/", "file", true),
        ("**", "dir/file", true),
        ("**/**", "dir/file", true),
        ("dir/**", "dir/file", true),
        ("dir/**", "dir/dir2/file", true),
        ("**/dir", "dir", true),
        ("**/dir", "dir/file", true),
        ("**/dir2/*", "dir/dir2/file", true),
        ("**/dir2/**", "dir/dir2/dir3/file", true),
        ("**file", "file", true),
        ("**file", "dir/file", true),
        ("**/file", "dir/dir/file", true),
        ("**/file*", "dir/dir/file.txt", true),
        ("**/file*txt", "dir/dir/file.txt", true),
        ("**/file*.txt*", "dir/dir/file.txt", true),
        ("**/**/*.txt", "dir/dir/file.txt", true),
        ("**/**/*.txt2", "dir/dir/file.txt", false),
        ("**/*.txt", "file.txt", true),
        ("**/**/*.txt", "file.txt", true),
        ("a**/*.txt", "a/file.txt", true),
        ("a**/*.txt", "a/dir/dir/file.txt", true),
        ("a/*.txt", "a/dir/file.txt", false),
        ("a/*.txt", "a/file.txt", true),
        ("a/*.txt**", "a/file.txt", true),
        ("a[b-d]e", "ae", false),
        ("a[b-d]e", "ace", true),
        ("a[b-d]e", "aae", false),
        ("a[^b-d]e", "aze", true),
        (".*", ".foo", true),
        (".*", "foo", false),
        ("abc.def", "abcdef", false),
        ("abc.def", "abc.def", true),
        ("abc.def", "abcZdef", false),
        ("abc?def", "abcZdef", true),
        ("abc?def", "abcdef", false),
        ("a\\\\", "a\\", true),
        ("**/foo/bar", "foo/bar", true),
        ("**/foo/bar", "dir/dir2/foo/bar", true),
        ("abc/**", "abc", false),
        ("abc/**", "abc/def/ghi", true),
        ("**/.foo", ".foo", true),
        ("**/.foo", "bar.foo", false),
        ("a(b)c/def", "a(b)c/def", true),
        ("a(b)c/def", "a(b)c/xyz", false),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
        ("dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true),
        ("a\\*b", "a*b", true),
        ("a\\*b", "ab", false),
        ("**\n!util/docker/web", "util/docker/web/foo", false),
        ("**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", true),
        ("**\n!dist/*.whl", "dist/proxy.py-2.4.0.whl", false),
        ("docs\n!docs/README.md", "docs/README.md", false),
        ("docs/*\n!docs/README.md", "docs/README.md", false),
        ("!fileutils.go\n*.go", "fileutils.go", true),
        ("*.go\n!fileutils.go", "fileutils.go", false),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
        ("a*b?c*x", "abxbbxdbxebxczzx", true),
        ("a?b", "a☺b", true),
        ("a[^a]b", "a☺b", true),
        ("a???b", "a☺b", false),
        ("[a-ζ]*", "α", true),
        ("*[a-ζ]", "A", false),
        ("a?b", "a/b", false),
        ("a*b", "a/b", false),
    ]);
}

/// Measured with BuildKit (Docker 26) and the classic builder (Docker 20.10): which files `COPY . /` brought.
#[test]
fn what_the_builders_do() {
    check(&[
        ("d/f\n!d", "d/f", true),
        ("d/f\n!d", "d/g", false),
        ("a\n!a/x\na", "a/x", false),
        ("a\n!a/x\na", "a/y", true),
        ("a/b\n!a\na/b/c", "a/b/c", true),
        ("a|b*", "bz", true),
        ("*\n!src", "src", false),
    ]);
}

#[test]
fn go_regular_expressions_keep_their_meaning() {
    check(&[
        ("x{2}*", "xxy", true),
        ("x{2}*", "x{2}y", false),
        ("x{,2}*", "x{,2}y", true),
        ("x{*", "x{y", true),
        ("[[:digit:]]a", "1a", true),
        ("[[:digit:]]a", ":]a", false),
        ("[a&&b]*", "&x", true),
        ("\\d*", "5", true),
        ("\\d*", "d", false),
        ("\\<a*", "<ab", true),
        ("[[]a*", "[ab", true),
        ("a^*", "a^b", false),
        ("\\Qa*", "a", false),
        ("[\\d]x", "5x", true),
    ]);
}

#[test]
fn what_docker_refuses_is_reported_with_its_line() {
    for bad in [
        "!", "! ", "!/", "[", "a[", "[]a]", "[-x]", "a\\", "*\\", "[a-]b", "[a-c-]x", "a*/[", "\\y*", "*{2}",
        "[z-a]*", "[[:x:]]*",
    ] {
        let text = format!("ok\n{bad}\n");
        let (patterns, errors) = Patterns::parse(&text);
        assert_eq!(patterns.iter().count(), 1, "{bad:?}");
        assert_eq!(errors.len(), 1, "{bad:?}");
        assert_eq!(&text[errors[0].span.range()], bad.trim(), "{bad:?}");
    }
    assert_eq!(Patterns::parse(&"x".repeat(70_000)).1.len(), 1);
}

#[test]
fn the_deciding_pattern_has_its_place() {
    let text = "# all\n*\n  !src/*.rs \nsrc/gen.rs\n";
    let patterns = patterns(text);
    let line = |path| patterns.decide(path).map(|p| (&text[p.span.range()], p.effect, p.text.as_str()));
    assert_eq!(line("src/main.rs"), Some(("!src/*.rs", Effect::Keep, "src/*.rs")));
    assert_eq!(line("src/gen.rs"), Some(("src/gen.rs", Effect::Ignore, "src/gen.rs")));
    assert_eq!(line("README"), Some(("*", Effect::Ignore, "*")));
    assert_eq!(line(""), None);
    assert_eq!(line("./src/main.rs"), line("src/main.rs"));
    assert!(Patterns::default().decide("x").is_none());
}

proptest! {
    #[test]
    fn nothing_panics(text in "[!#*?\\[\\]{}|^\\\\/a-c.,0-9:&~ -]{0,24}(\n[!*?\\[\\]a/]{0,8})?", path in "[a-c/.\\]{}é]{0,12}") {
        let (patterns, errors) = Patterns::parse(&text);
        for error in errors {
            prop_assert!(text.get(error.span.range()).is_some());
        }
        for pattern in patterns.iter() {
            prop_assert!(text.get(pattern.span.range()).is_some());
        }
        let _ = patterns.decide(&path);
    }

    /// Without wildcards a pattern is a path, and what lies below it goes with it.
    #[test]
    fn plain_patterns_are_paths(a in "[a-z]{1,4}", b in "[a-z]{1,4}", c in "[a-z]{1,4}") {
        let patterns = patterns(&format!("{a}/{b}"));
        let below = format!("{a}/{b}/{c}");
        let sibling = format!("{a}/{b}{c}");
        prop_assert!(patterns.is_ignored(&below));
        prop_assert!(!patterns.is_ignored(&sibling));
        prop_assert!(!patterns.is_ignored(&a));
    }
}
