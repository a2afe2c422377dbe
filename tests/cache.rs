//! Which steps come from the cache: what the engines were seen to do, one change at a time, asked of the model.

use unstale::analysis::cache::{
    Build, Builder, NoCache, Outcome, forecast,
    tree::{Node, Stamp, Tree},
};
use unstale::analysis::stages::Args;
use unstale::analysis::vars::Val;
use unstale::syntax::dockerignore::Patterns;

/// One state of a project.
#[derive(Clone)]
struct State {
    dockerfile: String,
    files: Vec<(&'static str, Node)>,
    args: Args,
    ignore: &'static str,
    target: Option<&'static str>,
    no_cache: NoCache,
    pull: bool,
}

fn file(bytes: &str) -> Node {
    Node::File {
        mode: 0o644,
        bytes: bytes.into(),
        stamp: Some(Stamp { size: bytes.len() as u64, changed: 1 }),
    }
}

fn to_t() -> Node {
    Node::Link { target: "t".to_owned() }
}

fn link() -> Node {
    Node::Link { target: "../top.txt".to_owned() }
}

/// After `FROM base` the lines, over a few files.
fn state(lines: &str) -> State {
    let files = vec![
        ("src/x", file("x")),
        ("src/sub/y", file("y")),
        ("a/x", file("same")),
        ("b/x", file("same")),
        ("top.txt", file("top")),
        ("other.txt", file("other")),
    ];
    let dockerfile = format!("FROM base\n{lines}");
    State {
        dockerfile,
        files,
        args: Args::new(),
        ignore: "",
        target: None,
        no_cache: NoCache::Nothing,
        pull: false,
    }
}

impl State {
    fn with(mut self, path: &'static str, node: Node) -> Self {
        self.files.retain(|(own, _)| *own != path);
        self.files.push((path, node));
        self
    }

    fn without(mut self, path: &str) -> Self {
        self.files.retain(|(own, _)| *own != path);
        self
    }

    /// The first stage starts from nothing.
    fn over_nothing(mut self) -> Self {
        self.dockerfile = self.dockerfile.replacen("FROM base", "FROM scratch", 1);
        self
    }

    fn arg(mut self, name: &str, value: &str) -> Self {
        self.args.insert(name.to_owned(), Val::Known(value.to_owned()));
        self
    }
}

/// One letter a step that the builder takes: `h`it, `M`iss, `?`.
fn letters(before: &State, after: &State, builder: Builder) -> String {
    let trees: Vec<Tree> = [before, after]
        .iter()
        .map(|state| Tree::new(state.files.iter().map(|(path, node)| ((*path).to_owned(), node.clone()))))
        .collect();
    let ignores: Vec<Patterns> =
        [before, after].iter().map(|state| Patterns::parse(state.ignore).0).collect();
    let both = [before, after];
    let make = |at: usize| Build {
        dockerfile: &both[at].dockerfile,
        args: &both[at].args,
        target: both[at].target,
        tree: &trees[at],
        ignore: Some(&ignores[at]),
        no_cache: both[at].no_cache.clone(),
        pull: both[at].pull,
        links: None,
    };
    let stages = forecast(Some(&make(0)), &make(1), builder);
    let letter = |outcome| match outcome {
        Outcome::Hit => Some('h'),
        Outcome::Miss => Some('M'),
        Outcome::Unknown => Some('?'),
        Outcome::None => None,
    };
    let stages =
        stages.iter().map(|stage| stage.steps.iter().filter_map(|s| letter(s.outcome)).collect::<String>());
    stages.collect::<Vec<_>>().join(" ")
}

const C: &str = "COPY src /src\nRUN echo r > /r\n";

fn changed(node: &Node, bytes: &str, mode: u32, time: i128) -> Node {
    let Node::File { stamp: Some(_), .. } = node else { panic!("a file") };
    Node::File { mode, bytes: bytes.into(), stamp: Some(Stamp { size: bytes.len() as u64, changed: time }) }
}

/// A name, before, after, what the classic builder did and what `BuildKit` did (engines 20.10 and 26.1).
type Case = (&'static str, State, State, &'static str, &'static str);

#[test]
fn one_change_at_a_time() {
    let c = || state(C);
    let x = file("x");
    let cases: Vec<Case> = vec![
        ("nothing", c(), c(), "hh", "hh"),
        ("mode of a folder", c(), c().with("src", Node::Dir { mode: 0o700 }), "MM", "hh"),
        ("mode of a folder inside", c(), c().with("src/sub", Node::Dir { mode: 0o700 }), "MM", "hh"),
        ("mode of a file", c(), c().with("src/x", changed(&x, "x", 0o755, 1)), "MM", "MM"),
        ("mtime", c(), c().with("src/x", changed(&x, "x", 0o644, 2)), "hh", "hh"),
        ("content, same size", c(), c().with("src/x", changed(&x, "z", 0o644, 2)), "MM", "MM"),
        ("content, same size and mtime", c(), c().with("src/x", changed(&x, "z", 0o644, 1)), "MM", "hh"),
        ("new file", c(), c().with("src/n", file("n")), "MM", "MM"),
        ("deleted", c(), c().without("src/x"), "MM", "MM"),
        ("a link renamed", c().with("src/up", link()), c().with("src/up2", link()), "hh", "MM"),
        (
            "what a link leads to",
            c().with("src/up", link()),
            c().with("src/up", link()).with("top.txt", file("new")),
            "MM",
            "hh",
        ),
        ("outside", c(), c().with("other.txt", file("more")), "hh", "hh"),
        ("empty folder", c(), c().with("src/e", Node::Dir { mode: 0o755 }), "MM", "MM"),
        (
            "same bytes elsewhere",
            state("COPY a/x /d/\nRUN echo r\n"),
            state("COPY b/x /d/\nRUN echo r\n"),
            "MM",
            "hh",
        ),
        ("another folder of equal files", state("COPY a /d\n"), state("COPY b /d\n"), "M", "M"),
        ("slash at the source", c(), state("COPY src/ /src\nRUN echo r > /r\n"), "hh", "hh"),
        ("slash at the destination", c(), state("COPY src /src/\nRUN echo r > /r\n"), "MM", "MM"),
        ("relative destination", c(), state("COPY src src\nRUN echo r > /r\n"), "MM", "??"),
        ("JSON form", c(), state("COPY [\"src\", \"/src\"]\nRUN echo r > /r\n"), "hh", "hh"),
        ("ADD", c(), state("ADD src /src\nRUN echo r > /r\n"), "MM", "MM"),
        ("LABEL above", c(), state(&format!("LABEL a=b\n{C}")), "MMM", "hh"),
        ("ENV above", c(), state(&format!("ENV a=b\n{C}")), "MMM", "hM"),
        ("the same SHELL above", c(), state(&format!("SHELL [\"/bin/sh\",\"-c\"]\n{C}")), "MMM", "hh"),
        ("another SHELL above", c(), state(&format!("SHELL [\"/bin/sh\",\"-ec\"]\n{C}")), "MMM", "hM"),
        ("WORKDIR above", c(), state(&format!("WORKDIR /w\n{C}")), "MMM", "MMM"),
        ("spaces", c(), state("copy  src   /src\nrun   echo r > /r\n"), "hh", "hh"),
        ("spaces inside", c(), state("COPY src /src\nRUN echo  r > /r\n"), "hM", "hM"),
        ("comment", c(), state(&format!("# c\n{C}")), "hh", "hh"),
        ("exec form", state("RUN echo r\n"), state("RUN [\"/bin/sh\",\"-c\",\"echo r\"]\n"), "h", "h"),
        ("swapped", state("RUN echo a\nRUN echo b\n"), state("RUN echo b\nRUN echo a\n"), "MM", "MM"),
        (
            "twice",
            state("RUN echo a\nRUN echo b\n"),
            state("RUN echo a\nRUN echo a\nRUN echo b\n"),
            "hMM",
            "hMM",
        ),
        (
            "WORKDIR spelled otherwise",
            state("WORKDIR /w\nRUN echo r\n"),
            state("WORKDIR /w/\nRUN echo r\n"),
            "??",
            "hM",
        ),
    ];
    check(&cases);
}

#[test]
fn arguments_and_variables() {
    let arg = |lines: &str, value: &str| state(lines).arg("X", value);
    let below = format!("ARG X=0\n{C}");
    let cases: Vec<Case> = vec![
        ("unused, another value", arg(&below, "1"), arg(&below, "2"), "hhM", "hM"),
        ("its default", state(&below), arg(&below, "0"), "hhh", "hh"),
        ("out of scope", arg(C, "1"), arg(C, "2"), "hh", "hh"),
        (
            "below the RUN",
            arg("RUN echo a\nARG X=0\nCOPY a /a\n", "1"),
            arg("RUN echo a\nARG X=0\nCOPY a /a\n", "2"),
            "hhh",
            "hh",
        ),
        (
            "ENV below",
            arg(&format!("ARG X\nENV X=e\n{C}"), "1"),
            arg(&format!("ARG X\nENV X=e\n{C}"), "2"),
            "hhhh",
            "hh",
        ),
        (
            "ENV above",
            arg(&format!("ENV X=e\nARG X\n{C}"), "1"),
            arg(&format!("ENV X=e\nARG X\n{C}"), "2"),
            "hhhh",
            "hM",
        ),
        (
            "into an ENV",
            arg(&format!("ARG X\nENV Y=$X\n{C}"), "1"),
            arg(&format!("ARG X\nENV Y=$X\n{C}"), "2"),
            "hMMM",
            "hM",
        ),
        ("into a destination", arg("ARG X\nCOPY a /$X\n", "1"), arg("ARG X\nCOPY a /$X\n", "2"), "hM", "M"),
        ("no default, line added", state(C), state(&format!("ARG X\n{C}")), "MMM", "hh"),
        ("default, line added", state(C), state(&format!("ARG X=1\n{C}")), "MMM", "hM"),
        (
            "swapped",
            state("ARG X=1\nARG Y=2\nRUN echo r\n"),
            state("ARG Y=2\nARG X=1\nRUN echo r\n"),
            "MMM",
            "M",
        ),
        (
            "ENV in two lines",
            state(&format!("ENV a=b c=d\n{C}")),
            state(&format!("ENV a=b\nENV c=d\n{C}")),
            "MMMM",
            "hh",
        ),
        ("ENV as before", state(&format!("ENV a=b\n{C}")), state(&format!("ENV a b\n{C}")), "hhh", "hh"),
        ("proxy", state(C), state(C).arg("HTTP_PROXY", "p"), "hM", "hh"),
        ("proxy, another", state(C).arg("HTTP_PROXY", "o"), state(C).arg("HTTP_PROXY", "p"), "hh", "hh"),
        ("platform", state(C), state(&format!("ARG TARGETARCH\n{C}")), "MMM", "hM"),
    ];
    check(&cases);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn stages() {
    let two = |one: &str, last: &str| state(&format!("{one}FROM base\n{last}")).with("src/z", file("z"));
    let named = |lines: &str| State { dockerfile: format!("FROM base AS one\n{lines}"), ..two("", "") };
    let child = "ARG X=1\nCOPY a /a\nFROM one\nRUN echo child\nCOPY b /b\n";
    let copied = |out: &str| {
        format!("COPY src /src\nRUN {out} > /out\nFROM base\nCOPY --from=one /out /n\nRUN echo r\n")
    };
    let copied_by =
        |run: &str| format!("COPY src /src\nRUN {run}\nFROM base\nCOPY --from=one /out /n\nRUN echo r\n");
    let more = |state: State| state.with("src/x", file("another x"));
    let cases: Vec<Case> = vec![
        (
            "ran again, same bytes",
            named(&copied("echo same")),
            more(named(&copied("echo same"))),
            "MM hh",
            "MM hh",
        ),
        (
            "ran again, the bytes of another file",
            named(&copied("cat /src/sub/y")),
            more(named(&copied("cat /src/sub/y"))),
            "MM hh",
            "MM hh",
        ),
        (
            "ran again, other bytes",
            named(&copied("cat /src/x")),
            more(named(&copied("cat /src/x"))),
            "MM MM",
            "MM MM",
        ),
        ("ran again, who knows", named(&copied("make")), more(named(&copied("make"))), "MM ??", "MM ??"),
        (
            "ran again, and the clock in another file",
            named(
                "COPY src /src\nRUN date > /now && echo same > /out\nFROM base\nCOPY --from=one /out /n\nCOPY --from=one /now /n\n",
            ),
            more(named(
                "COPY src /src\nRUN date > /now && echo same > /out\nFROM base\nCOPY --from=one /out /n\nCOPY --from=one /now /n\n",
            )),
            "MM h?",
            "MM h?",
        ),
        (
            "a COPY that is not known in detail, and another folder",
            named(
                "COPY a /a\nCOPY --parents src /s\nFROM base\nCOPY --from=one /a /a\nCOPY --from=one /s /s\n",
            ),
            more(named(
                "COPY a /a\nCOPY --parents src /s\nFROM base\nCOPY --from=one /a /a\nCOPY --from=one /s /s\n",
            )),
            "hM h?",
            "hM h?",
        ),
        (
            "the same name elsewhere in an image",
            named("RUN true\nFROM base\nCOPY --from=other /x/f /f\n"),
            named("RUN true\nFROM base\nCOPY --from=other /y/f /f\n"),
            "h M",
            "?",
        ),
        (
            "a condition that may have failed",
            named(&copied_by("test -s /src/x && echo a > /out; true")),
            more(named(&copied_by("test -s /src/x && echo a > /out; true"))),
            "MM ??",
            "MM ??",
        ),
        (
            "a variable that only the container has",
            named("COPY src /src\nRUN echo a > $HOME/out\nFROM scratch\nCOPY --from=one /root /n\n").over_nothing(),
            more(named("COPY src /src\nRUN echo a > $HOME/out\nFROM scratch\nCOPY --from=one /root /n\n").over_nothing()),
            "MM ?",
            "MM ?",
        ),
        (
            "below a link",
            named("COPY src /src\nCOPY links /\nRUN cat /src/x > /l/out\nFROM base\nCOPY --from=one /t /n\n").with("links/l", to_t()).with("links/t/f", file("f")),
            more(named("COPY src /src\nCOPY links /\nRUN cat /src/x > /l/out\nFROM base\nCOPY --from=one /t /n\n").with("links/l", to_t()).with("links/t/f", file("f"))),
            "MMM ?",
            "MMM ?",
        ),
        (
            "an image that is pulled",
            named("RUN true\nFROM scratch\nCOPY --from=other:1 /f /f\n"),
            State { pull: true, ..named("RUN true\nFROM scratch\nCOPY --from=other:1 /f /f\n") },
            "? ?",
            "?",
        ),
        (
            "a trigger",
            named("ONBUILD COPY src /src\nFROM one\nRUN echo r\n"),
            more(named("ONBUILD COPY src /src\nFROM one\nRUN echo r\n")),
            "h ?",
            " ?",
        ),
        ("a child of a stage with an ARG", named(child), named(child).arg("X", "2"), "hh hh", "h MM"),
        (
            "a stage that nobody needs",
            named("COPY src /src\nFROM base\nRUN echo r\n"),
            more(named("COPY src /src\nFROM base\nRUN echo r\n")),
            "M h",
            "h",
        ),
        (
            "no cache",
            named(&copied("echo same")),
            State { no_cache: NoCache::Everything, ..named(&copied("echo same")) },
            "MM MM",
            "MM MM",
        ),
        (
            "a linked layer",
            named("COPY src /src\nCOPY --link a /a\nRUN echo r\n"),
            more(named("COPY src /src\nCOPY --link a /a\nRUN echo r\n")),
            "MMM",
            "M?M",
        ),
    ];
    check(&cases);
}

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (name, before, after, classic, buildkit) in cases {
        for (builder, expected) in [(Builder::Classic, classic), (Builder::BuildKit, buildkit)] {
            let have = letters(before, after, builder);
            if have != *expected {
                wrong.push(format!("{name}: {builder:?} {have}, and it was {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
