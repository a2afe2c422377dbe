//! The shell scanner against texts of the kind that Dockerfiles and deploy scripts hold.

use proptest::prelude::*;
use unstale::syntax::{
    offsets::{Joined, OffsetMap},
    shell::{Command, Link, Script, scan},
};

/// One command a line: link, depth (`.` a level of nesting, `$` one of substitution), words, redirections.
fn show(text: &str) -> String {
    let link = |link| match link {
        Link::First => "",
        Link::Then => "; ",
        Link::And => "&& ",
        Link::Or => "|| ",
        Link::Pipe => "| ",
    };
    let show = |command: &Command| {
        let assignments = command.assignments.iter().map(|w| format!("{{{}}}", w.raw));
        let words = command.words.iter().map(|w| w.raw.clone());
        let redirects = command.redirects.iter().map(|r| format!("[{}{}]", r.operator, r.target.raw));
        let all: Vec<String> = assignments.chain(words).chain(redirects).collect();
        ".".repeat(command.nesting as usize)
            + &"$".repeat(command.substitution as usize)
            + link(command.link)
            + &all.join(" ")
    };
    scan(text, &OffsetMap::identity()).commands.iter().map(show).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(show(text), expected.join("\n"), "{text}");
}

#[test]
fn operators_tie_commands() {
    check("a; b && c || d | e & f", &["a", "; b", "&& c", "|| d", "| e", "; f"]);
    check("a &&\n  b\n\n\nc |\n# why\nd |& e", &["a", "&& b", "; c", "| d", "| e"]);
    check("! a && b", &["a", "&& b"]);
    check("a # not a b; c\nd a#b", &["a", "; d a#b"]);
    check("a `# why; not` && b `c # d` e", &["a `# why; not`", "&& b `c # d` e", "$c"]);
    check("a \\\n  b\\\nc && \\\r\n d", &["a bc", "&& d"]);
}

#[test]
fn quotes_hold_words_together() {
    check("echo 'a; b' \"c && d\" e\\ f \\; 'g'\"h\"i", &["echo 'a; b' \"c && d\" e\\ f \\; 'g'\"h\"i"]);
    let script = scan(r#"x 'a'"b \$ \x"c\ d $'\n' "$y" '$z' ~/*"#, &OffsetMap::identity());
    let literals: Vec<Option<&str>> = script.commands[0].words.iter().map(|w| w.literal.as_deref()).collect();
    assert_eq!(literals, [Some("x"), Some(r"ab $ \xc d"), None, None, Some("$z"), Some("~/*")]);
}

#[test]
fn variables_are_named_in_order() {
    let script = scan(
        r#"echo "$a${b:-$c}" ${d} $1 $@ ${#e} ${f#*'}'}$g '$h' \$i $((j + $k))"#,
        &OffsetMap::identity(),
    );
    let names: Vec<String> = script.commands[0].words.iter().flat_map(|w| w.variables.clone()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f", "g", "k"]);
}

#[test]
fn substitutions_hold_commands() {
    check(
        "a=$(b c | d) e \"x $(f \"$(g)\") y\" `h i`",
        &["{a=$(b c | d)} e \"x $(f \"$(g)\") y\" `h i`", "$b c", "$| d", "$f \"$(g)\"", "$$g", "$h i"],
    );
    check("diff <(a) >(b) $((1 + $(c)))", &["diff <(a) >(b) $((1 + $(c)))", "$a", "$b", "$c"]);
    check("echo $( (a) ) $((b) || c)", &["echo $( (a) ) $((b) || c)", ".$a", ".$b", "$|| c"]);
    check("x=${y:-$(z)} w", &["{x=${y:-$(z)}} w", "$z"]);
    check("echo `a $(b)` c", &["echo `a $(b)` c", "$a $(b)", "$$b"]);
}

#[test]
fn compound_commands_hold_commands() {
    check("if a; then b; elif c; then d; else e; fi && f", &[".a", ".b", ".c", ".d", ".e", "&& f"]);
    check("for i in 1 $(a); do b $i; done; c", &["$a", ".b $i", "; c"]);
    check("for ((i=0; i<3; i++)); do a; done", &[".a"]);
    check("while read -r l; do a \"$l\"; done < f | b", &[".read -r l", ".a \"$l\"", "| b"]);
    check("(a && b) || { c; d; }; e", &[".a", ".&& b", ".c", ".; d", "; e"]);
    check("f() { a; }; function g { b; }; f", &[".a", ".b", "; f"]);
    check("((x > 1)) && a; [[ $x == y && -f z ]] || b", &["&& a", "; [[ $x == y -f z ]]", "|| b"]);
    check("a() (b); c", &[".b", "; c"]);
}

#[test]
fn case_patterns_are_no_commands() {
    check(
        "case \"$(a)\" in\n x|y) b; c ;;\n (*.z) # why\n  d ;&\n *) e\nesac; f",
        &["$a", ".b", ".; c", ".d", ".e", "; f"],
    );
    check("a=$(case x in x) b;; esac) c", &["{a=$(case x in x) b;; esac)} c", ".$b"]);
}

#[test]
fn redirections_are_not_words() {
    check("a > f 2>&1 < g >>h &>i >| j b", &["a b [>f] [2>&1] [<g] [>>h] [&>i] [>|j]"]);
    check("a 2 > f; > g; b <<< \"$c\" >&2", &["a 2 [>f]", "; [>g]", "; b [<<<\"$c\"] [>&2]"]);
}

#[test]
fn heredocs_are_skipped_and_their_substitutions_read() {
    check(
        "cat <<A <<-'B' > f && b\nx $(c)\nA\n\ty $(d)\n\tB\ne",
        &["cat [<<A] [<<-'B'] [>f]", "&& b", "$c", "; e"],
    );
    check("a <<X\nb\n", &["a [<<X]"]);
    check("a <<X\nb\nX", &["a [<<X]"]);
}

#[test]
fn assignments_come_first() {
    check("a b\r\nc\r\n", &["a b", "; c"]);
    check("a \"${b#*'}\" c; d", &["a \"${b#*'}\" c", "; d"]);
    check("A=1 B+=2 C[0]=3 d E=4", &["{A=1} {B+=2} {C[0]=3} d E=4"]);
    check("A=(b \"$(c)\" # d\n e) f; G=1", &["{A=(b \"$(c)\" # d\n e)} f", "$c", "; {G=1}"]);
}

#[test]
fn what_is_not_closed_ends_with_the_text() {
    for text in [
        "a \"b",
        "a 'b",
        "a $(b",
        "a `b",
        "a ${b",
        "a $((1",
        "if a",
        "case x in",
        "a <<",
        "a )",
        "}",
        "fi",
        "a (b",
    ] {
        scan(text, &OffsetMap::identity());
    }
    check("a $(b \"c", &["a $(b \"c", "$b \"c"]);
    check("a ) b", &["a", "b"]);
    assert_eq!(scan("a b\\", &OffsetMap::identity()).commands[0].words[1].literal.as_deref(), Some("b\\"));
}

#[test]
fn spans_lead_back_to_the_file() {
    // RUN a \⏎  b && c
    let file = "RUN a \\\n  bb && c";
    let mut joined = Joined::default();
    joined.push("a ", 4);
    joined.push("  bb && c", 8);
    let script = scan(joined.text(), joined.map());
    let texts: Vec<&str> =
        script.commands.iter().flat_map(|c| &c.words).map(|w| &file[w.span.range()]).collect();
    assert_eq!(texts, ["a", "bb", "c"]);
    assert_eq!(&file[script.commands[0].span.range()], "a \\\n  bb");
}

fn nested(script: &Script) -> u32 {
    script.commands.iter().map(|c| c.substitution.max(c.nesting)).max().unwrap_or(0)
}

#[test]
fn deep_nesting_takes_no_stack_and_little_time() {
    let n = 200_000;
    for unit in [
        "$(",
        "`",
        "\"$(",
        "${a:-",
        "(",
        "((",
        "$((",
        "{ ",
        "if ",
        "case x in x) ",
        "a <<X\n",
        "$(a <<X\n",
        "<(",
        "[[ ",
        "a=(",
        "$(case x in (",
        "\"`",
        "for i in $(",
        ")",
        "fi ",
        "&& ",
        "a|",
        "\\",
        "'\"",
    ] {
        let script = scan(&unit.repeat(n / unit.len()), &OffsetMap::identity());
        assert!(nested(&script) as usize <= n, "{unit}");
    }
}

/// Every span lies in the text, and every word is what its bytes say.
fn sound(text: &str) {
    let script = scan(text, &OffsetMap::identity());
    for command in &script.commands {
        let redirects = command.redirects.iter().map(|r| &r.target);
        for word in command.assignments.iter().chain(&command.words).chain(redirects) {
            assert!(command.span.contains(word.span), "{word:?} of {command:?}");
            let bytes = &text[word.span.range()];
            assert_eq!(word.raw, bytes.replace("\\\n", "").replace("\\\r\n", ""));
        }
    }
}

const SAMPLE: &str = "set -eux; if [ \"$A\" = \"b\" ]; then x=$(curl -fsSL \"https://e.x/${V#v}\" | sha256sum -c -); fi \\\n && \
    case $(uname -m) in x86_64|amd64) a=1 ;; *) echo 'no' >&2; exit 1 ;; esac; f() { (cd /x && `which make` -j$((1+1))); }\n\
    cat <<-EOF >> ~/.rc\n\texport A=\"$(f)\"\n\tEOF\nfor i in a b; do git clone --depth 1 \"$i\" & done; wait\n";

proptest! {
    // No file of past failures: a failure becomes a case by hand.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in r#"[ab '"`$(){}\[\];&|<>\\\n\r\t#=!éi\-]{0,80}|\PC{0,40}"#) {
        sound(&text);
    }

    #[test]
    fn a_damaged_script_is_read(at in 0..SAMPLE.len(), len in 0_usize..40, with in r"[\PC\n]{0,3}") {
        let mut text = SAMPLE.to_owned();
        let end = (at + len).min(text.len());
        text.replace_range(at..end, &with);
        sound(&text);
        text.truncate(at);
        sound(&text);
    }
}
