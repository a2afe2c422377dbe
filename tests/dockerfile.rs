//! The Dockerfile grammar and model: BuildKit's own answers for real files, its answers for rare
//! corners, hand-written cases, damaged texts, and two
//! other parsers.
//!
//! The real files are not part of the project: `UNSTALE_CORPUS` names the folder where they are laid out as
//! `owner__name/path`, and `UNSTALE_CORPUS_FACTS` the file with BuildKit's answers, one JSON object a line.

use std::{env, fs, path::Path};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use unstale::{
    model::dockerfile::{self, Dockerfile, Form, Instruction, Kind, Word, edit},
    report::ast,
    syntax::dockerfile::{Args, Body},
    text::{Edit, EditSet, FileId},
};

fn hash(args: &Value) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(args.to_string().as_bytes());
    digest.iter().take(8).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("an array of the document")
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string of the document")
}

/// What differs between an instruction of ours and BuildKit's answer.
fn differences(ours: &Value, facts: &Value) -> Vec<String> {
    let empty = json!([]);
    let names: Vec<&Value> = list(&ours["heredocs"]).iter().map(|h| &h["name"]).collect();
    let pairs = [
        ("cmd", ours["cmd"].clone(), facts["cmd"].clone()),
        ("start", ours["start"].clone(), facts["start"].clone()),
        ("end", ours["end"].clone(), facts["end"].clone()),
        ("n", json!(list(&ours["args"]).len()), facts["n"].clone()),
        ("args", json!(hash(&ours["args"])), facts["args_sha256"].clone()),
        ("flags", ours["flags"].clone(), facts.get("flags").unwrap_or(&empty).clone()),
        ("json", ours["json"].clone(), facts.get("json").unwrap_or(&json!(false)).clone()),
        ("heredocs", json!(names), facts.get("heredocs").unwrap_or(&empty).clone()),
    ];
    pairs
        .into_iter()
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(what, ours, theirs)| format!("{what}: {ours}, BuildKit {theirs}"))
        .collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the corpus lies outside of the project")]
#[expect(clippy::print_stderr, reason = "whether it ran, and how many files it saw")]
fn every_file_of_the_corpus_reads_as_buildkit_reads_it() {
    let (Ok(folder), Ok(facts)) = (env::var("UNSTALE_CORPUS"), env::var("UNSTALE_CORPUS_FACTS")) else {
        eprintln!("skipped: UNSTALE_CORPUS and UNSTALE_CORPUS_FACTS do not name a corpus");
        return;
    };
    let facts = Path::new(&facts);
    let facts = if facts.is_dir() { facts.join("dockerfiles.jsonl") } else { facts.to_path_buf() };
    let (mut files, mut instructions, mut refused) = (0, 0, 0);
    let mut problems: Vec<String> = Vec::new();
    for line in fs::read_to_string(facts).unwrap().lines() {
        let facts: Value = serde_json::from_str(line).unwrap();
        let (repo, path) = (facts["repo"].as_str().unwrap(), facts["path"].as_str().unwrap());
        let Ok(bytes) = fs::read(Path::new(&folder).join(repo.replace('/', "__")).join(path)) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        files += 1;
        sound(&text);
        let ast = ast::dockerfile(path, &text);
        let mut wrong = Vec::new();
        let error = facts.get("error").or(facts.get("instruction_error"));
        let errors = list(&ast["errors"]);
        refused += usize::from(error.is_some());
        if error.is_some() == errors.is_empty() {
            wrong.push(format!("errors {errors:?}, BuildKit {error:?}"));
        }
        if let Some(expected) = facts["instructions"].as_array() {
            let ours = list(&ast["instructions"]);
            if facts["escape"] != ast["escape"] || ours.len() != expected.len() {
                wrong.push(format!("{} instructions, BuildKit {}", ours.len(), expected.len()));
            }
            for (ours, expected) in ours.iter().zip(expected) {
                instructions += 1;
                wrong.extend(
                    differences(ours, expected).into_iter().map(|d| format!("line {}: {d}", ours["start"])),
                );
            }
        }
        problems.extend(wrong.into_iter().map(|w| format!("{repo}/{path}: {w}")));
    }
    eprintln!(
        "{files} files ({refused} that BuildKit refuses), {instructions} instructions, {} differences",
        problems.len()
    );
    assert!(files > 0, "the corpus is empty");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

const EVERYTHING: &str = include_str!("../fixtures/_syntax/everything.Dockerfile");
const HEREDOCS: &str = include_str!("../fixtures/_syntax/heredocs.Dockerfile");
const WINDOWS: &str = include_str!("../fixtures/_syntax/windows.Dockerfile");
const WRONG: &str = include_str!("../fixtures/_syntax/wrong.Dockerfile");

/// An instruction as BuildKit's answers list it: what is empty or false is left out.
fn answer(body: &Body) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("cmd".to_owned(), json!(body.keyword.value));
    let flags: Vec<&str> = body.flags.iter().map(|flag| flag.as_read.as_str()).collect();
    map.insert("flags".to_owned(), json!(flags));
    map.insert("args".to_owned(), json!(body.values()));
    map.insert("json".to_owned(), json!(body.is_json()));
    if let Args::Nested(inner) = &body.args {
        map.insert("onbuild".to_owned(), json!(answer(inner)));
    }
    map.retain(|_, value| *value != json!([]) && *value != json!(false));
    map
}

#[test]
fn rare_corners_read_as_buildkit_reads_them() {
    for line in include_str!("../fixtures/_syntax/buildkit.jsonl").lines() {
        let expected: Value = serde_json::from_str(line).unwrap();
        let text = string(&expected["text"]);
        let tree = unstale::syntax::dockerfile::parse(text);
        sound(text);
        assert_eq!(
            !tree.errors.is_empty(),
            expected["refused"] == json!(true),
            "{text:?}: {:?}",
            tree.errors
        );
        // Of what the parser refuses, BuildKit says nothing else.
        let Some(instructions) = expected["instructions"].as_array() else { continue };
        let ours: Vec<Value> = tree
            .instructions
            .iter()
            .map(|instruction| {
                let mut map = answer(&instruction.body);
                map.insert("start".to_owned(), json!(instruction.start_line));
                map.insert("end".to_owned(), json!(instruction.end_line));
                let heredocs = instruction.heredocs.iter().map(|heredoc| {
                    let word = &heredoc.word;
                    let mut map = Map::from_iter([
                        ("name".to_owned(), json!(word.name)),
                        ("content".to_owned(), json!(heredoc.content)),
                        ("expand".to_owned(), json!(word.expand)),
                        ("chomp".to_owned(), json!(word.strip_tabs)),
                        ("fd".to_owned(), json!(word.descriptor.unwrap_or(0))),
                    ]);
                    map.retain(|_, value| *value != json!(false) && *value != json!(0));
                    Value::Object(map)
                });
                map.insert("heredocs".to_owned(), heredocs.collect());
                let refused = tree.errors.iter().any(|error| {
                    instruction.lines.range().contains(&error.span.start())
                        && !["before the first FROM", "no build stage"]
                            .iter()
                            .any(|m| error.message.contains(m))
                });
                map.insert("refused".to_owned(), json!(refused));
                map.retain(|_, value| *value != json!([]) && *value != json!(false));
                Value::Object(map)
            })
            .collect();
        assert_eq!(json!(ours), json!(instructions), "{text:?}");
        assert_eq!(json!(tree.escape.to_string()), expected["escape"], "{text:?}");
    }
}

/// One instruction a line: lines, flags, arguments.
fn show(text: &str) -> String {
    let ast = ast::dockerfile("Dockerfile", text);
    let line = |i: &Value| {
        let flags = if i["flags"] == json!([]) { String::new() } else { format!(" {}", i["flags"]) };
        let nested = &i["onbuild"];
        let (form, args) =
            if nested.is_null() { (&i["json"], &i["args"]) } else { (&nested["json"], &nested["args"]) };
        let form = if *form == json!(true) { " json" } else { "" };
        let inner = nested["cmd"].as_str().map(|c| format!(" {c}")).unwrap_or_default();
        let heredocs: Vec<String> = list(&i["heredocs"])
            .iter()
            .map(|h| format!(" <<{} {}", string(&h["name"]), h["content"]))
            .collect();
        let heredocs = heredocs.concat();
        format!("{}-{} {}{inner}{flags}{form} {args}{heredocs}", i["start"], i["end"], string(&i["cmd"]))
    };
    list(&ast["instructions"]).iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_instruction_is_split_as_buildkit_splits_it() {
    insta::assert_snapshot!(show(EVERYTHING));
    let ast = ast::dockerfile("d", EVERYTHING);
    assert_eq!(ast["errors"], json!([]));
    assert_eq!(
        ast["directives"],
        json!({"syntax": "docker/dockerfile:1", "check": "skip=JSONArgsRecommended"})
    );
    assert_eq!(ast["escape"], "\\");
}

#[test]
fn heredocs_are_found_where_buildkit_finds_them() {
    insta::assert_snapshot!(show(HEREDOCS));
    assert_eq!(ast::dockerfile("d", HEREDOCS)["errors"], json!([]));
}

#[test]
fn the_escape_directive_frees_the_backslash() {
    insta::assert_snapshot!(show(WINDOWS));
    assert_eq!(ast::dockerfile("d", WINDOWS)["escape"], "`");
}

#[test]
fn every_error_of_a_file_is_reported() {
    let ast = ast::dockerfile("d", WRONG);
    let errors: Vec<String> = list(&ast["errors"])
        .iter()
        .map(|e| format!("{} {}", e["line"], e["message"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn small_texts_read_as_buildkit_reads_them() {
    for (text, expected) in [
        ("FROM a\n\\\nRUN b", "1-1 FROM [\"a\"]\n2-3 RUN [\"b\"]"),
        ("FROM a\nRUN b \\\n\n# c\n", "1-1 FROM [\"a\"]\n2-4 RUN [\"b\"]"),
        ("FR\\\nOM a", "1-2 FROM [\"a\"]"),
        ("FROM a\nRUN b \\\\\nRUN c", "1-1 FROM [\"a\"]\n2-2 RUN [\"b \\\\\\\\\"]\n3-3 RUN [\"c\"]"),
        ("FROM a\nRUN b \\\t \r\n  c\r\n", "1-1 FROM [\"a\"]\n2-3 RUN [\"b   c\"]"),
        ("FROM a\nRUN <<-  E\nb", "1-1 FROM [\"a\"]\n2-2 RUN [\"<<-  E\"]\n3-3 B [\"\"]"),
        ("FROM a\nRUN b <<<c\nRUN d", "1-1 FROM [\"a\"]\n2-2 RUN [\"b <<<c\"]\n3-3 RUN [\"d\"]"),
        ("FROM a\nENV B='c\\' D=e", "1-1 FROM [\"a\"]\n2-2 ENV [\"B\",\"'c\\\\'\",\"=\",\"D\",\"e\",\"=\"]"),
        ("FROM a\nRUN --x", "1-1 FROM [\"a\"]\n2-2 RUN [\"--x\"] []"),
        ("FROM a\nRUN -- --x", "1-1 FROM [\"a\"]\n2-2 RUN [\"--x\"]"),
        (
            "FROM a\nCOPY --from='b c' \"--chown=d\" e f",
            "1-1 FROM [\"a\"]\n2-2 COPY [\"--from=b c\"] [\"\\\"--chown=d\\\"\",\"e\",\"f\"]",
        ),
        (
            "FROM a\nCMD [\"\\ud83d\\ude00\\ud800\", \"\"] ",
            "1-1 FROM [\"a\"]\n2-2 CMD json [\"😀\u{fffd}\",\"\"]",
        ),
        (
            "FROM a\nCMD ['a', 'b']\nCMD [\"a\",]\nCMD [\"C:\\S\"]\nCMD []",
            "1-1 FROM [\"a\"]\n2-2 CMD [\"['a', 'b']\"]\n3-3 CMD [\"[\\\"a\\\",]\"]\n4-4 CMD [\"[\\\"C:\\\\S\\\"]\"]\n5-5 CMD json []",
        ),
        (
            "FROM a\nENV b=c\\\n  d=e f=\\",
            "1-1 FROM [\"a\"]\n2-3 ENV [\"b\",\"c\",\"=\",\"d\",\"e\",\"=\",\"f\",\"\",\"=\"]",
        ),
    ] {
        assert_eq!(show(text), expected, "{text:?}");
    }
}

#[test]
fn directives_count_only_at_the_top() {
    let directives = |text: &str| ast::dockerfile("d", text)["directives"].to_string();
    assert_eq!(
        directives("\u{feff}#  SYNTAX = a b \r\n# escape=`\nFROM a"),
        r#"{"syntax":"a b","escape":"`"}"#
    );
    for text in [
        "\n# syntax=a\nFROM a",
        "# x\n# syntax=a\nFROM a",
        "FROM a\n# syntax=a",
        "# other=a\n# syntax=a\nFROM a",
    ] {
        assert_eq!(directives(text), "{}", "{text:?}");
    }
    let errors = |text: &str| ast::dockerfile("d", text)["errors"].as_array().unwrap().len();
    assert_eq!(errors("# escape=`\n# escape=`\nFROM a"), 1);
    assert_eq!(errors("# escape=x\nFROM a"), 1);
    assert_eq!(errors("# only a comment\n"), 1);
    assert_eq!(errors("ARG A\n"), 1);
}

/// Everything that has to hold for any text.
fn sound(text: &str) {
    let tree = unstale::syntax::dockerfile::parse(text);
    let printed: String = tree.items.iter().map(|item| &text[item.span.range()]).collect();
    assert_eq!(printed, text, "the items tile the text");
    for error in &tree.errors {
        assert!(text.get(error.span.range()).is_some(), "{error:?}");
    }
    let lines = unstale::text::LineIndex::new(text);
    for instruction in &tree.instructions {
        assert!(instruction.lines.contains(instruction.span), "{instruction:?}");
        assert_eq!(lines.line(instruction.lines.start()), instruction.start_line);
        assert!(text.get(instruction.span.range()).is_some());
        for heredoc in &instruction.heredocs {
            assert_eq!(heredoc.content, text[heredoc.span.range()]);
        }
    }
    let model = dockerfile::parse(FileId(0), text);
    assert_eq!(model.instructions.len(), tree.instructions.len());
    for instruction in &model.instructions {
        for flag in &instruction.flags {
            word(text, instruction, &flag.name);
            flag.value.iter().for_each(|value| word(text, instruction, value));
        }
        kind(text, instruction, &instruction.kind);
    }
    for index in 0..model.instructions.len() {
        let lines = ["ARG X".to_owned()];
        inserted(text, &model, &edit::insert_before(text, &model, index, &lines));
        if let Ok(edit) = edit::insert_after(text, &model, index, &lines) {
            inserted(text, &model, &edit);
        }
    }
}

/// An inserted instruction changes none of the others.
fn inserted(text: &str, model: &Dockerfile, edit: &Edit) {
    let mut set = EditSet::default();
    set.insert(edit.clone()).expect("one edit meets no other");
    let text = set.apply(text);
    let after = dockerfile::parse(FileId(0), &text);
    let keywords = |model: &Dockerfile| -> Vec<String> {
        model.instructions.iter().map(|i| i.keyword.value.clone()).filter(|k| k != "ARG").collect()
    };
    assert_eq!(after.instructions.len(), model.instructions.len() + 1, "{text:?}");
    assert_eq!(keywords(&after), keywords(model), "{text:?}");
    assert_eq!(after.escape, model.escape);
}

/// A word lies in its instruction, and where nothing was cut out of it or unescaped, it is what its bytes say.
fn word(text: &str, instruction: &Instruction, word: &Word) {
    assert!(instruction.span.contains(word.span), "{word:?} {instruction:?}");
    let bytes = &text[word.span.range()];
    assert!(bytes.len() >= word.value.len() || bytes.contains('\\'), "{word:?} {bytes:?}");
    if bytes.len() == word.value.len() {
        assert_eq!(bytes, word.value);
    }
}

fn kind(text: &str, instruction: &Instruction, of: &Kind) {
    let words: Vec<&Word> = match of {
        Kind::From { image, name } => [image].into_iter().chain(name).collect(),
        Kind::Arg(pairs) | Kind::Env(pairs) | Kind::Label(pairs) => {
            pairs.iter().flat_map(|p| [&p.name].into_iter().chain(&p.value)).collect()
        }
        Kind::Run(run) | Kind::Cmd(run) | Kind::Entrypoint(run) => {
            if let Form::Shell(script) = &run.form {
                for command in &script.commands {
                    assert!(instruction.span.contains(command.span), "{command:?} {instruction:?}");
                    assert!(text.get(command.span.range()).is_some());
                }
            }
            run.mounts.iter().flat_map(|m| m.target.iter().chain(&m.source).chain(&m.from)).collect()
        }
        Kind::Copy(copy) | Kind::Add(copy) => {
            copy.sources.iter().chain([&copy.dest]).chain(&copy.from).collect()
        }
        Kind::Workdir(path) => vec![path],
        Kind::Volume(words) => words.iter().collect(),
        Kind::OnBuild(inner) => return kind(text, instruction, inner),
        _ => Vec::new(),
    };
    for one in words {
        // JSON strings are as long as their escapes make them.
        assert!(instruction.span.contains(one.span), "{one:?} {instruction:?}");
        if !text[one.span.range()].contains('"') {
            word(text, instruction, one);
        }
    }
}

#[test]
fn fixtures_are_sound_wherever_they_are_cut() {
    for text in [EVERYTHING, HEREDOCS, WINDOWS, WRONG] {
        let crlf = text.replace('\n', "\r\n");
        sound(text);
        sound(&crlf);
        sound(&format!("\u{feff}{text}"));
        for at in (0..text.len()).filter(|&at| text.is_char_boundary(at)).step_by(7) {
            sound(&text[..at]);
        }
    }
}

fn quiet() -> ProptestConfig {
    // No file of past failures: a failure becomes a case by hand.
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(quiet())]

    #[test]
    fn any_text_is_sound(text in r#"(FROM|RUN|COPY|ENV|ONBUILD|#|--|<<|EOF|\[|\]|[a\\\n\r\t "'`$\{\}=,:é]|\PC){0,60}"#) {
        sound(&text);
    }

    #[test]
    fn a_damaged_file_is_sound(which in 0_usize..3, at in any::<prop::sample::Index>(), len in 0_usize..30, with in r"[\PC\n\\]{0,3}") {
        let mut text = [EVERYTHING, HEREDOCS, WINDOWS][which].to_owned();
        let at = at.index(text.len());
        let end = (at + len).min(text.len());
        prop_assume!(text.is_char_boundary(at) && text.is_char_boundary(end));
        text.replace_range(at..end, &with);
        sound(&text);
    }
}

#[test]
fn hostile_texts_take_little_time() {
    for unit in [
        "RUN <<A <<A\n",
        "ONBUILD ",
        "RUN a \\\n",
        "RUN --a=\"",
        "ENV a=b\\ ",
        "RUN ${a:-",
        "[",
        "\\",
        "COPY [\"a\",",
        "RUN \"<<",
        "FROM a\nUSR x\n",
        "# escape=`\n",
        "RUN $(<<",
        "\u{feff}\n",
    ] {
        let text = unit.repeat(200_000 / unit.len());
        let model = dockerfile::parse(FileId(0), &text);
        let joined = dockerfile::parse(FileId(0), &format!("FROM a\nRUN {}", text.replace('\n', " ")));
        assert!(model.instructions.len() + joined.instructions.len() < 1_000_000);
    }
}

/// What two parsers can be asked: each instruction's name, images, stage names, sources and destinations.
fn outline(text: &str) -> Vec<String> {
    let model = dockerfile::parse(FileId(0), text);
    let word = |word: &Word| format!(" {}@{}", word.value, word.span.start());
    model
        .instructions
        .iter()
        .map(|i| {
            let name = i.keyword.value.to_uppercase();
            match &i.kind {
                Kind::From { image, name: stage } => {
                    name + &word(image) + &stage.as_ref().map(word).unwrap_or_default()
                }
                Kind::Copy(copy) => {
                    name + &copy.sources.iter().chain([&copy.dest]).map(word).collect::<String>()
                }
                _ => name,
            }
        })
        .collect()
}

/// Texts that both other parsers read right.
const AGREED: [&str; 6] = [
    "FROM alpine:3.20\nRUN apk add curl\nCMD [\"sh\"]\n",
    "ARG V=1\nFROM node:22 AS build\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci && \\\n    npm run build\nFROM nginx\nCOPY --from=build /app/dist /usr/share/nginx/html\nEXPOSE 80\n",
    "# a comment\n\nFROM a\n# another\nENV A=b C=\"d e\"\nLABEL x=\"y\"\nUSER 1000\nVOLUME /data\n",
    "from a as b\nrun true\ncopy x  y   /z/\nentrypoint [\"/a\", \"b\"]\n",
    "FROM a\nRUN set -e; \\\n  # explained\n  true\nONBUILD RUN x\nSTOPSIGNAL SIGINT\nHEALTHCHECK NONE\nSHELL [\"sh\", \"-c\"]\n",
    "FROM a\r\nCOPY --chown=1:1 src dst\r\nADD https://e.x/y /y\r\nMAINTAINER m\r\nARG X\r\n",
];

#[test]
fn parse_dockerfile_agrees_where_it_is_right() {
    use parse_dockerfile::{Instruction, Source, UnescapedString};
    let word = |word: &UnescapedString<'_>| format!(" {}@{}", word.value, word.span.start);
    for text in AGREED {
        let theirs = parse_dockerfile::parse(text).unwrap();
        let theirs: Vec<String> = theirs
            .instructions
            .iter()
            .map(|instruction| {
                let debug = format!("{instruction:?}");
                let name = debug.split('(').next().unwrap().to_uppercase();
                match instruction {
                    Instruction::From(from) => {
                        name + &word(&from.image)
                            + &from.as_.as_ref().map(|(_, n)| word(n)).unwrap_or_default()
                    }
                    Instruction::Copy(copy) => {
                        let sources = copy.src.iter().map(|source| match source {
                            Source::Path(path) => word(path),
                            _ => String::new(),
                        });
                        name + &sources.chain([word(&copy.dest)]).collect::<String>()
                    }
                    _ => name,
                }
            })
            .collect();
        assert_eq!(outline(text), theirs, "{text}");
    }
}

#[test]
fn dockerfile_parser_agrees_where_it_is_right() {
    use dockerfile_parser::{Dockerfile, Instruction, SpannedString};
    let word = |word: &SpannedString| format!(" {}@{}", word.content, word.span.start);
    for text in AGREED {
        let theirs: Vec<String> = Dockerfile::parse(text)
            .unwrap()
            .instructions
            .iter()
            .map(|instruction| match instruction {
                Instruction::From(from) => {
                    "FROM".to_owned()
                        + &word(&from.image)
                        + &from.alias.as_ref().map(word).unwrap_or_default()
                }
                Instruction::Copy(copy) => {
                    "COPY".to_owned()
                        + &copy.sources.iter().chain([&copy.destination]).map(word).collect::<String>()
                }
                Instruction::Misc(misc) => misc.instruction.content.to_uppercase(),
                other => format!("{other:?}").split('(').next().unwrap().to_uppercase(),
            })
            .collect();
        assert_eq!(outline(text), theirs, "{text}");
    }
}
