//! The typed Dockerfile model, and text put into a Dockerfile.

use unstale::{
    model::dockerfile::{Dockerfile, Form, Kind, Run, Word, edit, parse},
    text::{Edit, EditSet, FileId},
};

fn model(text: &str) -> Dockerfile {
    parse(FileId(0), text)
}

/// The words of the commands of a RUN, CMD or ENTRYPOINT, and of one below ONBUILD.
fn commands(kind: &Kind) -> Vec<String> {
    match kind {
        Kind::Run(Run { form: Form::Shell(script), .. })
        | Kind::Cmd(Run { form: Form::Shell(script), .. })
        | Kind::Entrypoint(Run { form: Form::Shell(script), .. }) => script
            .commands
            .iter()
            .map(|c| c.words.iter().map(|w| w.raw.as_str()).collect::<Vec<_>>().join(" "))
            .collect(),
        Kind::OnBuild(inner) => commands(inner),
        other => panic!("no shell form: {other:?}"),
    }
}

/// A word and what its span says.
fn at<'a>(text: &'a str, word: &Word) -> (String, &'a str) {
    (word.value.clone(), &text[word.span.range()])
}

#[test]
fn stages_hold_what_follows_their_from() {
    let text = "ARG A\nFROM a AS B\nRUN x\nRUN y\nFROM b c d\nFROM\nFROM \"q:${A}\"\nRUN z\n";
    let model = model(text);
    let stages: Vec<_> = model
        .stages
        .iter()
        .map(|s| (s.base.value.as_str(), s.name.as_ref().map(|n| n.value.as_str()), s.from, s.body.clone()))
        .collect();
    assert_eq!(
        stages,
        [("a", Some("B"), 1, 2..4), ("b", None, 4, 5..5), ("", None, 5, 6..6), ("\"q:${A}\"", None, 6, 7..8)]
    );
    assert_eq!(model.instructions[4].kind, Kind::Invalid);
    assert_eq!(model.errors.len(), 2);
}

#[test]
fn pairs_keep_their_places() {
    let text = "FROM a\nENV A=1 B=\"x y\"\nENV OLD a b\nARG C=\"d\" E F=\\\n G\\\nH=1\nLABEL \"k\"=v \\\n  w=\\\nx\n";
    let model = model(text);
    let pairs = |index: usize| match &model.instructions[index].kind {
        Kind::Arg(pairs) | Kind::Env(pairs) | Kind::Label(pairs) => pairs
            .iter()
            .map(|p| (at(text, &p.name).1, p.value.as_ref().map(|v| at(text, v).1)))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(pairs(1), [("A", Some("1")), ("B", Some("\"x y\""))]);
    assert_eq!(pairs(2), [("OLD", Some("a b"))]);
    assert_eq!(pairs(3), [("C", Some("\"d\"")), ("E", None), ("F", Some("")), ("G\\\nH", Some("1"))]);
    assert_eq!(pairs(4), [("\"k\"", Some("v")), ("w", Some("x"))]);
}

#[test]
fn mounts_are_read_with_their_aliases() {
    let text = "FROM a\nRUN --mount=type=cache,dst=/c --mount=target=.,from=x,src=/y,rw \\\n  \
        --mount=TYPE=Secret,id=k --mount=type=bind,\\\"source=a,b\\\",destination=/z --mount=type=cache,target=\"/q r\" make\n";
    let model = model(text);
    let Kind::Run(run) = &model.instructions[1].kind else { panic!() };
    let show = |word: &Option<Word>| {
        word.as_ref().map(|w| at(text, w)).map(|(a, b)| if a == b { a } else { format!("{a} ({b})") })
    };
    let mounts: Vec<_> = run
        .mounts
        .iter()
        .map(|m| (m.kind.as_str(), show(&m.target), show(&m.source), show(&m.from)))
        .collect();
    let some = |s: &str| Some(s.to_owned());
    assert_eq!(
        mounts,
        [
            ("cache", some("/c"), None, None),
            ("bind", some("."), some("/y"), some("x")),
            ("secret", None, None, None),
            ("bind", some("/z"), some("a,b"), None),
            ("cache", some("/q r"), None, None),
        ]
    );
    assert_eq!(&text[run.mounts[4].span.range()], "--mount=type=cache,target=\"/q r\"");
    assert_eq!(commands(&model.instructions[1].kind), ["make"]);
    assert_eq!(model.instructions[1].flags.len(), 5);
}

#[test]
fn heredocs_are_text_for_whoever_reads_them() {
    let text = "FROM a\nRUN <<EOF\na\nb && c\nEOF\nRUN python <<EOF\nimport os\nEOF\nRUN <<-EOF bash -e | tee x\n\t\td $(e)\n\tEOF\n\
        RUN <<EOF\n#!/usr/bin/env -S bash -e\nf\nEOF\nRUN <<EOF\n#!/usr/bin/python3\nf()\nEOF\nONBUILD RUN <<EOF\ng\nEOF\nRUN sh -c 'h' <<EOF\ni\nEOF\n";
    let model = model(text);
    let all: Vec<_> = model.instructions[1..].iter().map(|i| commands(&i.kind).join("; ")).collect();
    assert_eq!(all, ["a; b; c", "python", "bash -e; tee x; d $(e); e", "f", "", "g", "sh -c 'h'"]);
    let Kind::Run(Run { form: Form::Shell(script), heredocs, .. }) = &model.instructions[3].kind else {
        panic!()
    };
    assert_eq!(&text[script.commands[3].span.range()], "e");
    assert_eq!(&text[script.commands[2].span.range()], "d $(e)");
    assert_eq!((heredocs[0].content.as_str(), &text[heredocs[0].span.range()]), ("d $(e)\n", "\t\td $(e)\n"));
}

#[test]
fn tabs_of_a_heredoc_are_gone_when_the_shell_reads_it() {
    let model = model("FROM a\nRUN <<-EOF\n\tcat <<X\n\tb\n\tX\n\tc\n\tEOF\n");
    assert_eq!(commands(&model.instructions[1].kind), ["cat", "c"]);
}

#[test]
fn copy_separates_files_from_heredocs() {
    let text =
        "FROM a\nCOPY --from=b x <<y z /d/\n1\ny\nADD [\"p q\", \"/r\"]\nCOPY <<'e' /f\n$x\ne\nCOPY one\n";
    let model = model(text);
    let Kind::Copy(copy) = &model.instructions[1].kind else { panic!() };
    let sources: Vec<_> = copy.sources.iter().map(|s| at(text, s).1).collect();
    assert_eq!((sources, at(text, &copy.dest).1), (vec!["x", "z"], "/d/"));
    assert_eq!((copy.heredocs[0].name.as_str(), copy.heredocs[0].expand, copy.json), ("y", true, false));
    assert_eq!(copy.from.as_ref().map(|f| at(text, f).1), Some("b"));
    let Kind::Add(add) = &model.instructions[2].kind else { panic!() };
    assert_eq!((at(text, &add.sources[0]), add.json), (("p q".to_owned(), "\"p q\""), true));
    let Kind::Copy(copy) = &model.instructions[3].kind else { panic!() };
    assert!(copy.sources.is_empty() && !copy.heredocs[0].expand);
    assert_eq!(model.instructions[4].kind, Kind::Invalid);
}

#[test]
fn text_for_another_shell_is_not_read() {
    let run = |text: &str| {
        let model = model(text);
        model
            .instructions
            .iter()
            .filter(|i| matches!(i.kind, Kind::Run(_) | Kind::Cmd(_)))
            .map(|i| commands(&i.kind).join(","))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(run("FROM a\nRUN x\nSHELL [\"/bin/bash\", \"-c\"]\nRUN y\nCMD z"), "x y z");
    assert_eq!(run("FROM a\nSHELL [\"pwsh\", \"-c\"]\nRUN x\nFROM b\nRUN y"), " y");
    assert_eq!(
        run(
            "FROM a AS Base\nSHELL [\"C:\\\\x\\\\PowerShell.exe\"]\nFROM base\nRUN x\nSHELL [\"bash\"]\nRUN y"
        ),
        " y"
    );
    assert_eq!(run("# escape=`\nFROM a\nRUN x"), "");
    assert_eq!(
        run("FROM mcr.microsoft.com/windows/nanoserver:1809\nRUN x\nFROM --platform=windows/amd64 a\nRUN y"),
        " "
    );
    assert_eq!(run("FROM a\nRUN"), "");
}

fn edited(text: &str, edit: Edit) -> String {
    let mut set = EditSet::default();
    set.insert(edit).expect("one edit meets no other");
    set.apply(text)
}

fn before(text: &str, instruction: usize) -> String {
    let lines = ["ARG X".to_owned(), "RUN a \\\n  b".to_owned()];
    edited(text, edit::insert_before(text, &model(text), instruction, &lines))
}

#[test]
fn lines_go_above_the_comment_that_belongs_to_the_instruction() {
    assert_eq!(
        before("FROM a\n# far\n\n# near\n# nearer\nCOPY . .\n", 1),
        "FROM a\n# far\n\nARG X\nRUN a \\\n  b\n# near\n# nearer\nCOPY . .\n"
    );
    assert_eq!(before("FROM a\r\nCOPY . .", 1), "FROM a\r\nARG X\r\nRUN a \\\r\n  b\r\nCOPY . .");
    assert_eq!(
        before("\u{feff}# syntax=x\n# about\nFROM a\n", 0),
        "\u{feff}# syntax=x\nARG X\nRUN a \\\n  b\n# about\nFROM a\n"
    );
    assert_eq!(before("\u{feff}FROM a", 0), "\u{feff}ARG X\nRUN a \\\n  b\nFROM a");
    // A comment inside of the instruction above is not the next one's.
    assert_eq!(
        before("FROM a\nRUN x \\\n# in\n  y\nCOPY . .\n", 2),
        "FROM a\nRUN x \\\n# in\n  y\nARG X\nRUN a \\\n  b\nCOPY . .\n"
    );
}

#[test]
fn lines_go_below_an_instruction_that_is_finished() {
    let after = |text: &str, instruction: usize| {
        edit::insert_after(text, &model(text), instruction, &["ARG X".to_owned()]).map(|e| edited(text, e))
    };
    assert_eq!(after("FROM a\nRUN b", 0).as_deref(), Ok("FROM a\nARG X\nRUN b"));
    assert_eq!(after("FROM a\r\nRUN b", 1).as_deref(), Ok("FROM a\r\nRUN b\r\nARG X"));
    assert_eq!(after("FROM a\nRUN <<E\nE", 1).as_deref(), Ok("FROM a\nRUN <<E\nE\nARG X"));
    for open in ["FROM a\nRUN b \\", "FROM a\nRUN b \\\n\n# c\n", "FROM a\nRUN <<E\nb\n"] {
        assert_eq!(after(open, 1), Err(edit::Refusal::OpenEnd), "{open:?}");
        assert!(after(open, 0).is_ok());
    }
}

#[test]
fn keywords_are_written_as_the_file_writes_them() {
    let model = model("FROM a\nrun x\nRun y\n");
    let keywords = [0, 1, 2, 9].map(|near| edit::keyword(&model, near, "ARG"));
    assert_eq!(keywords, ["ARG", "arg", "ARG", "ARG"]);
}
