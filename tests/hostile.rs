//! Input that means harm, or was cut or mixed up on its way: nothing panics, hangs, or reaches a terminal as an order.
#![expect(clippy::disallowed_methods, reason = "the tests read fixtures and measure time")]
#![expect(clippy::print_stderr, reason = "what was measured, and what was skipped, is worth a line")]

use std::{
    fmt::Write as _,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use unstale::{
    diag::{Report, Safety, Unreadable},
    engine, report,
    settings::Settings,
    text::{Snapshot, SourceFile},
};

use crate::{
    cli::{Folder, ends},
    projects::{cases, fixtures, project},
};

/// What no terminal may get from a file or its name.
#[track_caller]
fn harmless(what: &str, text: &str) {
    let orders = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found: Vec<char> = text.chars().filter(|&c| orders(c)).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
}

const NAMES: &[&str] = &[
    "a\nb",
    "a\rb",
    "a\tb",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "it's \"quoted\"",
    "-rf",
    "--fix",
    "back\\slash",
    "\u{202e}elifrekcoD\u{2066}",
    "\u{9b}31m",
    "$(touch owned) `id` %s",
    "\u{7f}",
];

#[test]
fn names_of_files_give_no_orders() {
    let folder = Folder::new();
    for name in NAMES {
        folder
            .put(&format!("{name}/Dockerfile"), "FROM alpine\nWORKDIR /a\nCOPY . .\nRUN apk add curl\nFRM\n");
        folder.put(
            &format!("{name}/compose.yaml"),
            "services:\n  web:\n    build: .\n    volumes: [code:/a]\n",
        );
        folder.put(&format!("{name}/bad.Dockerfile"), b"FROM x\xff\n");
    }
    for args in [
        &["check", "--show", "info"][..],
        &["check", "--diff", "--unsafe-fixes"],
        &["check", "--fix", "--unsafe-fixes"],
    ] {
        let ran = ends(folder.run(args), 1);
        harmless(&ran.line, &ran.stdout);
        harmless(&ran.line, &ran.stderr);
        assert!(ran.stderr.lines().count() >= NAMES.len(), "{}", ran.stderr);
        for line in ran.stderr.lines() {
            assert!(line.contains("fixed ") || line.contains(": not checked: "), "a broken line: {line:?}");
        }
    }
    for name in NAMES {
        let path = format!("{name}/Dockerfile");
        for args in [&["trace", "--", &path][..], &["check", "--", &path], &["check", "--fix", "--", &path]] {
            let ran = folder.run(args);
            assert!((0..2).contains(&ran.code), "{}: {}", ran.line, ran.stderr);
            harmless(&ran.line, &ran.stdout);
            harmless(&ran.line, &ran.stderr);
        }
        let ran = ends(folder.run(&["check", "--", &format!("gone{name}")]), 2);
        harmless(&ran.line, &ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        harmless("trace", &folder.run(&["trace", "--", &format!("gone{name}")]).stderr);
    }
    assert!(!Path::new(&folder.join("owned")).exists());
}

const CONTENTS: &[&str] = &[
    "FROM alpine\nWORKDIR /a\nCOPY . . # \u{1b}[31m\nRUN apk add \u{1b}]0;x\u{7}curl\n\u{1b}[2J\n",
    "FROM alpine\r\r\nWORKDIR /a\rb\nCOPY . .\rx\nRUN apk add \u{202e}lruc\u{2066}\nFRM \u{9b}31m\n",
    "FROM alpine\0\nCOPY \0 \0\nRUN curl http://x/\0\n\0\n",
    "\u{feff}\u{feff}FROM x\u{2028}\nRUN git clone https://x/\u{200f}y\n\u{feff}\n",
];

#[test]
fn contents_of_files_give_no_orders() {
    for content in CONTENTS {
        let folder = Folder::new();
        folder.put("Dockerfile", content);
        folder.put("bad.Dockerfile", content.replace("FROM", "FRM"));
        folder.put("sub/compose.yaml", content);
        folder.put(
            "compose.yaml",
            "services:\n  \"\\e[31mweb\\u202e\":\n    build: .\n    volumes: [\"\\ecode\\u202e:/a\"]\n",
        );
        for args in [
            &["check", "--show", "info"][..],
            &["trace", "Dockerfile"],
            &["check", "--fix", "--unsafe-fixes"],
        ] {
            let ran = folder.run(args);
            assert!((0..2).contains(&ran.code), "{}: {}", ran.line, ran.stderr);
            harmless(&ran.line, &ran.stdout);
            harmless(&ran.line, &ran.stderr);
        }
    }
}

/// A diff goes to programs byte for byte, and to a terminal without orders.
#[test]
fn a_diff_on_a_terminal_gives_no_orders() {
    let folder = Folder::new();
    folder.put("Dockerfile", CONTENTS[0]);
    folder.put("compose.yaml", "services:\n  web:\n    build: .\n");
    let piped = folder.run(&["check", "--diff"]);
    assert!(piped.stdout.contains("\u{1b}[31m"), "{:?}", piped.stdout);
    let shown = std::process::Command::new("script")
        .args(["-qec", concat!(env!("CARGO_BIN_EXE_unstale"), " check --diff; true"), "/dev/null"])
        .current_dir(folder.path())
        .output();
    let Ok(shown) = shown else {
        eprintln!("skipped: `script` (util-linux) gives the terminal");
        return;
    };
    let text = String::from_utf8(shown.stdout).unwrap().replace("\r\n", "\n");
    assert!(text.contains("+++ b/Dockerfile"), "{text:?}");
    harmless("terminal", &text);
}

/// The time that this thread had a processor; the time that went by where the system does not say.
fn worked(since: Instant) -> Duration {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// A debug build, against inputs that a quadratic step turns into minutes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that `check` and `fix` do with a snapshot, printed in every way.
#[track_caller]
fn survives(what: &str, snapshot: &Snapshot) {
    let (clock, start) = (Instant::now(), worked(Instant::now()));
    let report = engine::check(snapshot, &Settings::default());
    let checked = worked(clock).saturating_sub(start);
    edits_fit(snapshot, &report);
    print(snapshot, &report);
    let printed = worked(clock).saturating_sub(start);
    let fixed = engine::fix(snapshot, &Settings::default(), Safety::Unsafe);
    report::diff::unified(snapshot, &fixed.snapshot, &str::to_owned);
    let all = worked(clock).saturating_sub(start);
    eprintln!(
        "{what}: {} findings, check {checked:.1?}, print {:.1?}, fix {:.1?}",
        report.findings.len(),
        printed.saturating_sub(checked),
        all.saturating_sub(printed)
    );
    assert!(all < PATIENCE, "{what}: {} findings took {all:?}", report.findings.len());
}

fn print(snapshot: &Snapshot, report: &Report) {
    let fingerprints = report::fingerprint::of(snapshot, &report.findings, &str::to_owned);
    let details: Vec<report::Detail> = fingerprints
        .into_iter()
        .map(|fingerprint| report::Detail { fingerprint, shown: true, fails: true })
        .collect();
    let paths: Vec<String> = snapshot.files().map(|(_, file)| file.path.clone()).collect();
    let unreadable = [Unreadable { path: "x".to_owned(), reason: "y".to_owned() }];
    let run = report::Run {
        snapshot,
        report,
        details: &details,
        paths: &paths,
        unreadable: &unreadable,
        known: None,
    };
    let mut buffer = codespan_reporting::term::termcolor::Buffer::no_color();
    report::text::check(&mut buffer, &run).unwrap();
    harmless("text report", std::str::from_utf8(buffer.as_slice()).unwrap());
    harmless("workflow commands", &report::github::check(&run));
    harmless("JUnit", &report::junit::check(&run));
    for json in [report::json::check(&run), report::sarif::check(&run), report::gitlab::check(&run)] {
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
    }
}

fn edits_fit(snapshot: &Snapshot, report: &Report) {
    for finding in &report.findings {
        let places = std::iter::once(finding.at).chain(finding.labels.iter().map(|l| l.at));
        for at in places {
            assert!(snapshot.file(at.file).text.get(at.span.range()).is_some(), "{finding:?}");
        }
        for (file, edit) in finding.fix.iter().flat_map(|fix| &fix.edits) {
            assert!(snapshot.file(*file).text.get(edit.span.range()).is_some(), "{finding:?}");
        }
    }
}

#[test]
fn large_files_take_bounded_time() {
    let line = format!("RUN {}\n", "curl http://example.org/latest && ".repeat(30_000));
    survives("a line of 1 MB", &project(&[("Dockerfile", &format!("FROM x\n{line}COPY . .\n"))]));
    let line = format!("FROM x\nRUN echo {}\nFRM {}\n", "é".repeat(500_000), "x".repeat(1_000_000));
    survives("words of 1 MB", &project(&[("Dockerfile", &line)]));
    let lines = format!("FROM x\n{}", "# a comment\nRUN true\n".repeat(50_000));
    survives("100k lines", &project(&[("Dockerfile", &lines)]));
    let joined =
        format!("FROM x\nRUN true {}\n", "\\\n && curl -o x http://example.org/latest".repeat(30_000));
    survives("30k continuations", &project(&[("Dockerfile", &joined)]));
    let blank = format!("FROM x\nCOPY . .\n{}", "\n".repeat(1_000_000));
    survives("1M empty lines", &project(&[("Dockerfile", &blank)]));
}

#[test]
fn thousands_of_findings_take_bounded_time() {
    let wrong = format!("FROM x\n{}", "FRM a\n".repeat(5_000));
    survives("5k unknown instructions", &project(&[("Dockerfile", &wrong)]));
    let fetches = format!("FROM alpine\n{}", "RUN curl -o x http://example.org/latest\n".repeat(2_000));
    survives(
        "2k moving fetches",
        &project(&[("Dockerfile", &fetches), ("compose.yaml", "services:\n  web:\n    build: .\n")]),
    );
    let mut stages = String::new();
    for n in 0..1_000 {
        writeln!(
            stages,
            "FROM alpine AS s{n}\nWORKDIR /a\nCOPY . .\nRUN apk add curl\nCOPY --from=s{} /x /y",
            n.max(1) - 1
        )
        .unwrap();
    }
    survives(
        "1k stages to fix",
        &project(&[("Dockerfile", &stages), ("compose.yaml", "services:\n  web:\n    build: .\n")]),
    );
    let allows = format!("FROM x\n{}", "# unstale: allow broad-copy: no\n".repeat(5_000));
    survives("5k idle comments", &project(&[("Dockerfile", &allows)]));
    let mut mounts = String::from("services:\n  web:\n    build: .\n    volumes:\n");
    for n in 0..3_000 {
        writeln!(mounts, "      - v{n}:/app/d{n}").unwrap();
    }
    survives(
        "3k mounts",
        &project(&[("compose.yaml", &mounts), ("Dockerfile", "FROM x\nCOPY . /app\n"), ("d1/x", "")]),
    );
    let steps = (0..300).fold("FROM alpine\n".to_owned(), |t, n| {
        format!(
            "{t}ARG A{n}=${{A{n}:-x}}\nCOPY d{n} /app/d{n}\nRUN curl -o /x{n} http://example.org/${{A{n}}}\n"
        )
    });
    survives("300 instructions of each", &project(&[("Dockerfile", &steps)]));
}

#[test]
fn many_files_take_bounded_time() {
    let mut snapshot = Snapshot::default();
    for n in 0..500 {
        let compose = format!("services:\n  web{n}:\n    build: .\n    volumes: [code{n}:/app]\n");
        snapshot.add_file(SourceFile { path: format!("p{n}/compose.yaml"), text: compose });
        let dockerfile = "FROM alpine\nWORKDIR /app\nCOPY . .\nRUN apk add curl\n".to_owned();
        snapshot.add_file(SourceFile { path: format!("p{n}/Dockerfile"), text: dockerfile });
    }
    survives("1k files", &snapshot);
}

#[test]
fn nesting_and_expansion_are_bounded() {
    let yaml = |text: String| project(&[("compose.yaml", &text), ("Dockerfile", "FROM x\nCOPY . .\n")]);
    for (what, open) in [("[", "["), ("{", "{a: "), ("- ", "- "), ("? ", "? "), ("&a ", "&a [")] {
        survives(&format!("100k of {what}"), &yaml(format!("services: {}", open.repeat(100_000))));
    }
    let mut deep = "services:\n".to_owned();
    for n in 1..1_000 {
        writeln!(deep, "{}a:", " ".repeat(n)).unwrap();
    }
    survives("1k levels", &yaml(deep));
    let mut bomb = "x0: &x0 {a: b}\n".to_owned();
    for n in 1..40 {
        let last = n - 1;
        writeln!(bomb, "x{n}: &x{n} [{}]", vec![format!("*x{last}"); 10].join(", ")).unwrap();
    }
    survives("alias bomb", &yaml(format!("{bomb}services:\n  web: *x39\n  db: {{<<: *x39}}\n")));
    let mut merges = "x0: &x0 {build: .}\n".to_owned();
    for n in 1..300 {
        let last = n - 1;
        writeln!(merges, "x{n}: &x{n} {{<<: [*x{last}, *x{last}]}}").unwrap();
    }
    survives("merge bomb", &yaml(format!("{merges}services:\n  web: *x299\n")));
    let shell = |text: String| project(&[("Dockerfile", &format!("FROM x\nRUN {text}\n"))]);
    for part in ["$(", "`", "\"$(", "${a:-", "{ ", "( ", "if ", "<<E ", "\\\\\\", "$((", "case x in a) "] {
        survives(&format!("20k of {part}"), &shell(part.repeat(20_000)));
    }
    let vars =
        (0..2_000).fold("FROM x\nENV A0=xx\n".to_owned(), |t, n| format!("{t}ENV A{}=$A{n}$A{n}\n", n + 1));
    survives(
        "a variable that doubles",
        &project(&[("Dockerfile", &format!("{vars}WORKDIR $A2000\nCOPY . .\n"))]),
    );
    survives("50k sudo", &shell("sudo ".repeat(50_000)));
    let ignore = format!("{}x\n", "*/".repeat(20_000)) + &"**/a*b*c*d*e*\n".repeat(300);
    let long = format!("{}/x", "a".repeat(200));
    survives(
        "ignore patterns",
        &project(&[
            (".dockerignore", &ignore),
            ("Dockerfile", "FROM x\nCOPY . .\nRUN npm install\n"),
            ("package.json", "{}"),
            (&long, ""),
        ]),
    );
}

/// Every fixture of every rule, and the projects.
fn all() -> &'static [Snapshot] {
    static ALL: LazyLock<Vec<Snapshot>> = LazyLock::new(read_all);
    &ALL
}

fn read_all() -> Vec<Snapshot> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let dir = entry.unwrap().path();
        for kind in ["", "bad", "good", "fixed"] {
            all.extend(
                cases(&dir.join(kind)).into_iter().map(|c| c.snapshot).filter(|s| s.files().next().is_some()),
            );
        }
    }
    assert!(all.len() > 80, "{}", all.len());
    all
}

/// Nothing panics, places fit, and what is fixed stays fixed.
fn holds(snapshot: &Snapshot) -> Result<(), TestCaseError> {
    let settings = Settings::default();
    let report = engine::check(snapshot, &settings);
    edits_fit(snapshot, &report);
    print(snapshot, &report);
    for limit in [Safety::Safe, Safety::Unsafe] {
        let fixed = engine::fix(snapshot, &settings, limit);
        edits_fit(&fixed.snapshot, &fixed.report);
        let again = engine::fix(&fixed.snapshot, &settings, limit);
        let changed: Vec<&str> =
            again.changed(&fixed.snapshot).map(|id| again.snapshot.file(id).text.as_str()).collect();
        prop_assert!(changed.is_empty(), "fixed twice: {changed:?}");
        prop_assert_eq!(&fixed.report, &engine::check(&fixed.snapshot, &settings));
    }
    Ok(())
}

/// The nearest boundary at or below.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_cut_at_any_line(case: prop::sample::Index, file: prop::sample::Index, line: prop::sample::Index) {
        let all = all();
        let snapshot = &all[case.index(all.len())];
        let (id, source) = snapshot.files().nth(file.index(snapshot.files().count())).unwrap();
        let lines: Vec<&str> = source.text.split_inclusive('\n').collect();
        let (head, tail) = lines.split_at(line.index(lines.len() + 1));
        holds(&snapshot.with_text(id, head.concat()))?;
        holds(&snapshot.with_text(id, tail.concat()))?;
    }

    #[test]
    fn a_character_changed(
        case: prop::sample::Index, file: prop::sample::Index, at: prop::sample::Index,
        put in prop::sample::select(vec!["", "\n", "\r", "\\", "\"", "'", "$", "{", "}", "[", "]", ":", "#", "-", " ", "\t", "\0", "<<", "&a ", "*a", "é", "\u{1f980}", "`", "(", "|", ">", ",", "/", "..", "="]),
    ) {
        let all = all();
        let snapshot = &all[case.index(all.len())];
        let (id, source) = snapshot.files().nth(file.index(snapshot.files().count())).unwrap();
        let start = boundary(&source.text, at.index(source.text.len() + 1));
        let (head, tail) = source.text.split_at(start);
        let rest: String = tail.chars().skip(1).collect();
        holds(&snapshot.with_text(id, format!("{head}{put}{rest}")))?;
        holds(&snapshot.with_text(id, format!("{head}{put}{tail}")))?;
    }

    #[test]
    fn two_files_swapped(case: prop::sample::Index, other: prop::sample::Index, file: prop::sample::Index, with: prop::sample::Index) {
        let all = all();
        let (snapshot, other) = (&all[case.index(all.len())], &all[other.index(all.len())]);
        let (id, _) = snapshot.files().nth(file.index(snapshot.files().count())).unwrap();
        let (_, source) = other.files().nth(with.index(other.files().count())).unwrap();
        holds(&snapshot.with_text(id, source.text.clone()))?;
    }
}

/// Every folder of the corpus with its own files as a project, those below it left out.
fn corpus(folder: &Path) -> Vec<Snapshot> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        let mut snapshot = Snapshot::default();
        let mut entries: Vec<_> =
            std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                snapshot.add_file(SourceFile { path: name, text });
            }
        }
        if snapshot.files().next().is_some() {
            all.push(snapshot);
        }
    }
    all
}

/// The same numbers on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit.max(1)
    }
}

/// Cut at a line, or with one character gone, put in or changed.
fn damaged(text: &str, dice: &mut Dice) -> String {
    const PUT: [&str; 24] = [
        "", "\n", "\r", "\\", "\"", "'", "$", "{", "}", "[", "]", ":", "#", "-", " ", "\t", "\0", "<<E",
        "&a ", "*a", "é", "`", "|", ",",
    ];
    let at = boundary(text, dice.below(text.len() + 1));
    let (head, tail) = text.split_at(at);
    match dice.below(4) {
        0 => head.rsplit_once('\n').map_or(String::new(), |(lines, _)| format!("{lines}\n")),
        1 => tail.split_once('\n').map_or(tail, |(_, lines)| lines).to_owned(),
        2 => format!("{head}{}{tail}", PUT[dice.below(PUT.len())]),
        _ => {
            let rest: String = tail.chars().skip(1).collect();
            format!("{head}{}{rest}", PUT[dice.below(PUT.len())])
        }
    }
}

/// Real files, damaged: `UNSTALE_CORPUS` names their folder, `UNSTALE_DAMAGED` how many inputs are made of them.
#[test]
fn damaged_files_of_the_corpus_do_no_harm() {
    let Ok(folder) = std::env::var("UNSTALE_CORPUS") else {
        eprintln!("skipped: UNSTALE_CORPUS does not name a corpus");
        return;
    };
    let count = std::env::var("UNSTALE_DAMAGED").map_or(2_000, |count| count.parse().expect("a number"));
    let seed = std::env::var("UNSTALE_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let (all, settings) = (corpus(Path::new(&folder)), Settings::default());
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ seed);
    let mut slowest = (Duration::ZERO, String::new());
    for _ in 0..count {
        let snapshot = &all[dice.below(all.len())];
        let (id, source) = snapshot.files().nth(dice.below(snapshot.files().count())).unwrap();
        let changed = snapshot.with_text(id, damaged(&source.text, &mut dice));
        let began = Instant::now();
        let report = engine::check(&changed, &settings);
        let took = began.elapsed();
        edits_fit(&changed, &report);
        if took > slowest.0 {
            slowest = (took, format!("{} of {} bytes", source.path, source.text.len()));
        }
        assert!(took < Duration::from_secs(20), "{} took {took:?}", changed.file(id).text);
    }
    eprintln!("{count} damaged inputs of {} folders, slowest {:?}: {}", all.len(), slowest.0, slowest.1);
}
