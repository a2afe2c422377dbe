//! What scripts are read as: the commands in order, where they run, and what a failure does.

use unstale::{
    model::script::{Action, Base, Leak, OnFailure, Place, Script, Step, parse},
    text::FileId,
};

use crate::projects::project;

fn scripts(path: &str, text: &str) -> Vec<Script> {
    parse(file(path, text), path, text)
}

fn file(path: &str, text: &str) -> FileId {
    project(&[(path, text)]).find(path).unwrap()
}

/// One step: fate (`!` stops, `.` goes on, `&` a list's rest is skipped, `|` a pipe hides it, `~` expected), host,
/// folder, command.
fn show(step: &Step) -> String {
    let fate = match step.on_failure {
        OnFailure::Stops => '!',
        OnFailure::GoesOn(Leak::Plain) => '.',
        OnFailure::GoesOn(Leak::List) => '&',
        OnFailure::GoesOn(Leak::Pipe) => '|',
        OnFailure::Expected => '~',
    };
    let place = match &step.place {
        Place::Here => String::new(),
        Place::Host(host) => format!("{host}: "),
    };
    let base = match step.dir.base {
        Base::Start | Base::Machine => "",
        Base::OfScript => "$0/",
        Base::Checkout => "top/",
        Base::Unknown => "?",
    };
    let words = |args: &[unstale::model::script::Arg]| {
        args.iter().map(|a| a.text.as_deref().unwrap_or("?")).collect::<Vec<_>>().join(" ")
    };
    let options = |options: &[unstale::model::script::Opt]| {
        let all = options.iter().map(|o| match &o.value {
            Some(value) => format!("{}={}", o.name, value.text.as_deref().unwrap_or("?")),
            None => o.name.clone(),
        });
        all.collect::<Vec<_>>().join(" ")
    };
    let what = match &step.action {
        Action::Compose(c) => {
            format!(
                "compose[{}] {} [{}] {}",
                options(&c.project),
                c.verb,
                options(&c.options),
                words(&c.services)
            )
        }
        Action::Docker(d) => format!("docker {} [{}] {}", d.verb, options(&d.options), words(&d.args)),
        Action::Git(g) => format!("git {} {}", g.verb, words(&g.args)),
        Action::Exit => "exit".to_owned(),
        Action::Other { name, args } => format!("{} {}", name.as_deref().unwrap_or("?"), words(args)),
    };
    let dir = format!("{base}{}", step.dir.path);
    let dir = if dir.is_empty() { dir } else { format!("({dir}) ") };
    format!("{fate}{} {place}{dir}{}", "+".repeat(step.arms.len()), what.trim_end())
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    let scripts = scripts(path, text);
    let mut shown = Vec::new();
    for (at, script) in scripts.iter().enumerate() {
        if scripts.len() > 1 {
            shown.push(format!("# {}", script.name));
        }
        let _ = at;
        shown.extend(script.steps.iter().map(show));
    }
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn a_failure_goes_on_without_errexit() {
    check(
        "deploy.sh",
        "cd /srv/app\ngit pull\ndocker compose build && docker compose up -d web\n",
        &[". (/srv/app) git pull", "! (/srv/app) compose[] build []", "! (/srv/app) compose[] up [-d] web"],
    );
    check(
        "deploy.sh",
        "set -euo pipefail\ngit pull\ngit fetch && docker build .\ndocker ps | grep x\ndocker stop a || true\ndocker pull b || exit 1\n",
        &[
            "! git pull",
            "& git fetch",
            "! docker build [] .",
            "! docker ps []",
            "! grep x",
            "~ docker stop [] a",
            "!+ true",
            "! docker pull [] b",
            "!+ exit",
        ],
    );
}

#[test]
fn ssh_runs_its_words_its_standard_input_and_what_another_shell_is_given() {
    check(
        "ship.sh",
        "ssh -p 22 me@host \"cd /srv/app && git pull; sudo docker compose -f a.yml up -d\"\n",
        &[". me@host: (/srv/app) git pull", "! me@host: (/srv/app) compose[-f=a.yml] up [-d]"],
    );
    // The script goes on when ssh fails, as it does when the last command over there fails.
    let heredoc = &[". host: (/srv) git pull", ". host: (/srv) compose[] up [-d]", "! docker ps []"];
    check("ship.sh", "ssh host <<'EOF'\ncd /srv\ngit pull\ndocker compose up -d\nEOF\ndocker ps\n", heredoc);
    check(
        "ship.sh",
        "ssh host 'bash -s' <<EOF\ncd /srv\ngit pull\ndocker compose up -d\nEOF\ndocker ps\n",
        heredoc,
    );
    check(
        "ship.sh",
        "ssh host \"bash -lec 'git pull\ndocker compose up -d'\"\n",
        &["! host: (~) git pull", "! host: (~) compose[] up [-d]"],
    );
    check(
        "ship.sh",
        "export DOCKER_HOST=ssh://host\ndocker compose up -d\ndocker --context prod compose ps\n",
        &["! ssh://host: compose[] up [-d]", "! prod: compose[--context=prod] ps []"]
            .map(|line| line.replacen("! ssh", ". ssh", 1))
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn variables_have_the_values_that_the_script_gives() {
    check(
        "deploy.sh",
        "DC=\"docker compose -f ${FILE:-prod.yml}\"\n$DC up -d \"$SERVICE\"\n",
        &["! compose[-f=prod.yml] up [-d] ?"],
    );
    check(
        "deploy.sh",
        "if x; then DC=docker-compose; else DC='docker compose'; fi\n$DC up -d\nDC=other\n$DC up -d\n",
        &["~ x", ". compose[] up [-d]", "! other up -d"],
    );
    // Each line could double the value.
    let bomb = format!("a=xxxxxxxxxxxxxxxx\n{}docker ps $a\n", "a=$a$a\n".repeat(200));
    check("deploy.sh", &bomb, &["! docker ps [] ?"]);
}

#[test]
fn folders_are_followed() {
    check(
        "bin/deploy.sh",
        "HERE=\"$(cd \"$(dirname \"${BASH_SOURCE[0]}\")/..\" && pwd)\"\ncd \"$HERE/web\"\ndocker ps\n(cd x; docker ps)\n\
         cd \"$(git rev-parse --show-toplevel)\"\ndocker ps\ncd \"$UNKNOWN\"\ndocker ps\n",
        &[
            "~ dirname ?",
            "~ cd ?",
            "~ pwd",
            ". ($0/../web) docker ps []",
            ". ($0/../web/x) docker ps []",
            "~ ($0/../web) git rev-parse --show-toplevel",
            ". (top/) docker ps []",
            "! (?) docker ps []",
        ],
    );
}

#[test]
fn functions_run_where_they_are_called_and_branches_exclude_each_other() {
    let text = "build() {\n  docker compose build\n}\nup() { docker compose up -d; }\nhelp() { docker ps; }\n\
                case $1 in\n  build) build ;;\n  up) up ;;\nesac\n";
    check(
        "run.sh",
        text,
        &["# run", "!+ compose[] build []", "!+ compose[] up [-d]", "# help", "! docker ps []"],
    );
    let all = scripts("run.sh", text);
    assert!(!all[0].follows(0, 1), "two branches of one `case`");
    let all = scripts(
        "run.sh",
        "if x; then\n  docker build .\n  exit\nfi\ndocker run -d a\nif y; then docker ps; fi\n",
    );
    assert!(!all[0].follows(1, 3), "the branch ends the script");
    assert!(all[0].follows(3, 5));
}

#[test]
fn make_runs_prerequisites_first_and_each_line_in_its_own_shell() {
    let text = "DC := docker compose\nTAG = $(shell git rev-parse HEAD)\nbuild:\n\t@$(DC) build\n\ndeploy: build pull\n\
                \tcd web; docker build -t $(TAG) \\\n\t  --build-arg A=$$A .\n\t-docker ps\n\npull: ; docker pull x\n";
    check(
        "Makefile",
        text,
        &[
            "# build",
            "! compose[] build []",
            "# deploy",
            "! compose[] build []",
            "! docker pull [] x",
            "! (web) docker build [-t=? --build-arg=?] .",
            "~ docker ps []",
            "# pull",
            "! docker pull [] x",
        ],
    );
    check(
        "Makefile",
        "a: b\n\tdocker ps\nb: a\n\tdocker build .\n",
        &["# a", "! docker build [] .", "! docker ps []", "# b", "! docker ps []", "! docker build [] ."],
    );
}

#[test]
fn workflows_run_their_steps_in_order() {
    let text = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: docker build .\n        working-directory: ./web\n\
                \x20     - run: |\n          docker ps | grep x\n          docker ps\n      - run: docker ps\n        shell: bash {0}\n\
                \x20     - uses: appleboy/ssh-action@v1\n        with:\n          host: h\n          script: |\n            docker pull x\n\
                \x20           docker ps\n";
    check(
        ".github/workflows/x.yml",
        text,
        &[
            "! (web) docker build [] .",
            "| docker ps []",
            "! grep x",
            "! docker ps []",
            "! docker ps []",
            ". h: (~) docker pull [] x",
            "! h: (~) docker ps []",
        ],
    );
}

#[test]
fn pipelines_run_what_stands_before_and_what_they_refer_to() {
    let text = "before_script:\n  - docker login\n.x:\n  script:\n    - docker pull x\njob:\n  script:\n    - !reference [.x, script]\n\
                \x20   - >-\n      docker\n      ps\n    - ssh h <<EOF\n    - docker build .\n    - EOF\n";
    let shown = scripts(".gitlab-ci.yml", text);
    let job = shown.iter().find(|s| s.name == "job").unwrap();
    let steps: Vec<String> = job.steps.iter().map(show).collect();
    // The folded entry has no exact place, so that the entries cannot be read as one text.
    assert_eq!(steps[..3], ["! docker login []", "! docker pull [] x", "! docker ps []"]);
    assert!(!job.steps[2].exact);
    let text =
        "job:\n  script:\n    - ssh h 'bash -s' <<'EOF'\n    - docker build .\n    - EOF\n    - docker ps\n";
    check(".gitlab-ci.yml", text, &["! h: (~) docker build [] .", "! docker ps []"]);
    // A circle of references ends.
    scripts(
        ".gitlab-ci.yml",
        "a:\n  script:\n    - !reference [a, script]\n    - !reference [a, script]\n    - docker ps\n",
    );
}

/// Every place is the command's own, in whatever it stands.
#[test]
fn places_are_exact() {
    for (path, text) in [
        ("a.sh", "set -e\n  ssh h 'cd x && docker compose up -d web'\n"),
        ("a.sh", "\u{feff}ssh h <<E\r\n\tdocker compose up -d web\r\nE\r\n"),
        ("Makefile", "x:\n\t@true; docker compose up -d web\n"),
        (
            ".gitlab-ci.yml",
            "x:\n  script:\n    - |\n      true\n      docker compose up -d web\n    - 'docker compose up -d web'\n",
        ),
        (".github/workflows/x.yml", "jobs:\n  x:\n    steps:\n      - run: \"docker compose up -d web\"\n"),
    ] {
        let mut seen = 0;
        for step in scripts(path, text).iter().flat_map(|s| &s.steps).filter(|s| s.compose().is_some()) {
            assert_eq!(&text[step.span.range()], "docker compose up -d web", "{text}");
            seen += 1;
        }
        assert!(seen > 0, "{text}");
    }
}

const PIECES: [&str; 40] = [
    "docker compose",
    " up -d",
    " build",
    "git pull",
    "\n",
    ";",
    "&&",
    "||",
    "|",
    "(",
    ")",
    "{",
    "}",
    " if ",
    " then ",
    " fi",
    " case x in ",
    ";;",
    " esac",
    " do ",
    " done",
    " while ",
    "$(",
    "`",
    "'",
    "\"",
    "<<EOF\n",
    "EOF\n",
    "f() ",
    "${",
    "$X",
    "X=",
    "ssh h ",
    "bash -c ",
    "\\\n",
    "\t",
    "  - ",
    ": |\n",
    "script:",
    "é",
];

proptest::proptest! {
    /// Nothing makes a reader panic, and every place lies in the file.
    #[test]
    fn any_text_is_read(picked in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = picked.iter().map(|at| PIECES[*at]).collect();
        let workflow = format!("jobs:\n  a:\n    steps:\n      - run: |\n          docker\n          {}\n", text.replace('\n', "\n          "));
        for (path, text) in [("a.sh", &text), ("Makefile", &text), (".gitlab-ci.yml", &text), (".github/workflows/a.yml", &workflow)] {
            for step in scripts(path, text).iter().flat_map(|s| &s.steps) {
                proptest::prop_assert!(text.get(step.span.range()).is_some(), "{:?}", step);
            }
        }
    }
}

/// What is shared is not read again and again: the steps stay in proportion to the text.
#[test]
fn shared_recipes_functions_and_anchors_do_not_multiply() {
    let lines = |line: &dyn Fn(usize) -> String| (0..3000).map(line).collect::<String>();
    let make = lines(&|n| format!("a{n}: a{} b\n\tdocker build {n}\n", n + 1));
    let shell = lines(&|n| format!("f{n}() {{ f{}; docker build {n}; }}\n", n + 1));
    let anchors = "x: &x\n  - \"".to_owned() + &"docker ps;".repeat(2000) + "\"\n";
    let anchors = anchors + &lines(&|n| format!("j{n}:\n  script: *x\n"));
    let quotes = format!("docker ps\n{}", "ssh h \"".repeat(3000));
    let deep = format!("docker ps\n{}", "if x; then ( { ".repeat(3000));
    for (path, text) in [
        ("Makefile", make),
        ("a.sh", shell),
        (".gitlab-ci.yml", anchors),
        ("a.sh", quotes),
        ("a.sh", deep),
        ("a.sh", "docker compose restart\n".repeat(20_000)),
    ] {
        let steps: usize = scripts(path, &text).iter().map(|script| script.steps.len()).sum();
        assert!(steps <= text.len(), "{path}: {steps} steps of {} bytes", text.len());
        let report =
            unstale::engine::check(&project(&[(path, &text)]), &unstale::settings::Settings::default());
        assert!(report.findings.len() < 3000);
    }
}
