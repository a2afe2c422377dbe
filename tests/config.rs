//! `unstale.toml`: what its keys do to what is found, and which file holds where.
#![expect(clippy::disallowed_methods, reason = "a test that must end looks at the clock")]

use unstale::{
    config::{NAME, Source, with},
    diag::Severity,
    engine,
    settings::Settings,
    text::Snapshot,
};

use crate::projects::{engine_with_config, project};

/// A fetch that moves (a warning) below a broad copy.
const FETCH: &str = "FROM alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nRUN git clone https://example.com/team/widgets.git /widgets\n";

/// What is found: path, rule, severity.
fn found(snapshot: &Snapshot, settings: &Settings) -> Vec<(String, &'static str, Severity)> {
    let report = engine_with_config::check(snapshot, settings);
    let path = |file| snapshot.file(file).path.clone();
    report.findings.iter().map(|f| (path(f.at.file), f.rule, f.severity)).collect()
}

fn under(config: &str) -> Vec<(String, &'static str, Severity)> {
    found(&project(&[("web/Dockerfile", FETCH), (NAME, config)]), &Settings::default())
}

fn select(rules: &[&str]) -> Settings {
    Settings { select: rules.iter().map(|r| (*r).to_owned()).collect(), ..Settings::default() }
}

#[test]
fn levels_are_set_after_the_rules_ran() {
    let one = |severity| vec![("web/Dockerfile".to_owned(), "cached-fetch", severity)];
    assert_eq!(under(""), one(Severity::Warning));
    assert_eq!(under("[rules]\ncached-fetch = \"error\"\n"), one(Severity::Error), "above the page's level");
    assert_eq!(under("[rules]\ncached-fetch = \"info\"\n"), one(Severity::Info));
    assert_eq!(under("[rules]\ncached-fetch = \"off\"\n"), []);
    assert_eq!(under("\u{feff}[rules]\r\ncached-fetch = \"off\"\r\n"), []);
    assert_eq!(
        under("rules.cached-fetch = \"off\"\nruleset = \"0.1\"\n"),
        [],
        "over the ruleset, wherever it stands"
    );
}

#[test]
fn a_path_has_its_own_levels_and_the_last_one_wins() {
    let per = |paths: &str, level: &str| {
        format!("[[per-path]]\npaths = {paths}\nrules = {{ cached-fetch = \"{level}\" }}\n")
    };
    for paths in [
        "[\"web/\"]",
        "[\"Dockerfile\"]",
        "[\"/web/Dockerfile\"]",
        "[\"w*/**\"]",
        "[\"x\", \"**/Dockerfile\"]",
    ] {
        assert_eq!(under(&per(paths, "off")), [], "{paths}");
    }
    for paths in ["[\"/Dockerfile\"]", "[\"web\", \"!web\"]", "[\"eb/\"]"] {
        assert_eq!(under(&per(paths, "off")).len(), 1, "{paths}");
    }
    let twice = per("[\"web/\"]", "off") + &per("[\"*\"]", "error");
    assert_eq!(under(&twice)[0].2, Severity::Error);
    let over_rules = format!("rules.cached-fetch = \"off\"\n{}", per("[\"web/\"]", "info"));
    assert_eq!(under(&over_rules)[0].2, Severity::Info);
}

#[test]
fn what_is_excluded_is_read_and_not_reported() {
    let files = [
        ("web/Dockerfile", "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\n"),
        ("web/package.json", "{}"),
        ("web/package-lock.json", "{}"),
        ("vendor/broken.Dockerfile", "FRM\n"),
        ("compose.yaml", "services: {web: {build: web, volumes: [\"code:/app\"]}}\nvolumes: {code: }\n"),
    ];
    let with_config = |config: &str| {
        let mut all = files.to_vec();
        all.push((NAME, config));
        let snapshot = project(&all);
        let report = engine_with_config::check(&snapshot, &Settings::default());
        let mut rules: Vec<&str> = report.findings.iter().map(|f| f.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        (rules, report.files)
    };
    let (all, files_all) = with_config("");
    assert!(all.contains(&"syntax-error") && all.contains(&"volume-shadows-image"), "{all:?}");
    // The compose file's finding needs the excluded Dockerfile.
    assert_eq!(
        with_config("exclude = [\"vendor\", \"web/\"]"),
        (vec!["volume-shadows-image"], files_all - 2)
    );
    assert_eq!(with_config("exclude = [\"*\"]"), (vec![], 0));
    assert!(
        with_config("exclude = [\"*\", \"!vendor/\", \"!broken.Dockerfile\"]").0.contains(&"syntax-error")
    );
}

#[test]
fn the_nearest_file_holds_and_takes_nothing_from_those_above() {
    let snapshot = project(&[
        ("Dockerfile", FETCH),
        (NAME, "rules.cached-fetch = \"off\"\nfail-on = \"error\"\n"),
        ("web/unstale.toml", "show = \"info\"\n"),
        ("web/Dockerfile", FETCH),
        ("web/deep/er/Dockerfile", FETCH),
        ("webs/Dockerfile", FETCH),
    ]);
    let settings = with(&snapshot, &Settings::default(), &Source::Found(None));
    let paths: Vec<String> = found(&snapshot, &Settings::default()).into_iter().map(|f| f.0).collect();
    assert_eq!(paths, ["web/Dockerfile", "web/deep/er/Dockerfile"]);
    assert!(!settings.fails("Dockerfile", Severity::Warning) && settings.fails("web/x", Severity::Warning));
    assert!(settings.shows("web/deep/x", Severity::Info) && !settings.shows("webs/x", Severity::Info));
}

#[test]
fn the_command_line_wins() {
    let snapshot = project(&[
        ("Dockerfile", FETCH),
        ("legacy/Dockerfile", FETCH),
        (
            NAME,
            "fail-on = \"error\"\n[rules]\ncached-fetch = \"off\"\n[[per-path]]\npaths = [\"legacy\"]\nrules.cached-fetch = \"off\"\n",
        ),
    ]);
    assert_eq!(found(&snapshot, &Settings::default()), []);
    let selected = found(&snapshot, &select(&["cached-fetch"]));
    assert_eq!(
        selected,
        [("Dockerfile".to_owned(), "cached-fetch", Severity::Warning)],
        "not where the path has it off"
    );
    let told = Settings { fail_on: Some(Severity::Info), ..Settings::default() };
    assert!(with(&snapshot, &told, &Source::Found(None)).fails("Dockerfile", Severity::Info));
}

#[test]
fn an_allow_comment_for_a_rule_that_is_off_is_not_idle() {
    let text = FETCH.replace("FROM", "# unstale: allow broad-copy: later\nFROM");
    let with_config = |config: &str| {
        found(&project(&[("Dockerfile", &text), (NAME, config)]), &select(&["unused-allow", "broad-copy"]))
    };
    assert_eq!(with_config("").len(), 1);
    // The rule was selected by name: turned off by path it stays.
    assert_eq!(with_config("[[per-path]]\npaths = [\"*\"]\nrules.broad-copy = \"off\"\n"), []);
    assert_eq!(with_config("exclude = [\"Dockerfile\"]\n"), []);
}

#[test]
fn a_mistake_is_told_whatever_files_are_named_unless_it_holds_for_none() {
    let snapshot = project(&[
        ("a/Dockerfile", FETCH),
        ("a/unstale.toml", "x = 1\n"),
        ("b/Dockerfile", FETCH),
        ("b/unstale.toml", "x = 1\n"),
    ]);
    let named = Settings { files: vec!["a/Dockerfile".to_owned()], ..Settings::default() };
    let all: Vec<(String, &str)> = found(&snapshot, &named).into_iter().map(|f| (f.0, f.1)).collect();
    assert_eq!(
        all,
        [("a/Dockerfile".to_owned(), "cached-fetch"), ("a/unstale.toml".to_owned(), "config-error")]
    );
}

#[test]
fn the_rates_of_history_are_read_and_their_mistakes_told() {
    let rates = |config: &str| {
        let snapshot = project(&[(NAME, config)]);
        let settings = with(&snapshot, &Settings::default(), &Source::Found(None));
        let rates = settings.scopes.of("").expect("the file is there").rates.clone();
        (rates, settings.mistakes.iter().map(|m| m.message.clone()).collect::<Vec<_>>())
    };
    let all = "[history]\nper-hour = 1_000.5\nper-1000-tokens = 0x10\ntokens-per-deploy = 8_000\ncurrency = \"EUR\"\n";
    let (read, mistakes) = rates(all);
    assert_eq!(mistakes, Vec::<String>::new());
    assert_eq!(
        (read.per_hour, read.per_1000_tokens, read.tokens_per_deploy, read.currency.as_deref()),
        (Some(1000.5), Some(16.0), Some(8000), Some("EUR"))
    );
    for (config, says) in [
        (
            "history = 60\n",
            "`history` is a table: write `per-hour = 60` under `[history]`, not a value of type integer",
        ),
        (
            "history.per-hour = \"60\"\n",
            "`per-hour` takes an amount of money, as in `per-hour = 60`, not `60`",
        ),
        ("history.per-hour = -1\n", "`per-hour` takes an amount of money, as in `per-hour = 60`, not `-1`"),
        (
            "history.per-1000-tokens = nan\n",
            "`per-1000-tokens` takes an amount of money, as in `per-1000-tokens = 60`, not `nan`",
        ),
        (
            "history.per-1000-tokens = inf\n",
            "`per-1000-tokens` takes an amount of money, as in `per-1000-tokens = 60`, not `inf`",
        ),
        (
            "history.tokens-per-deploy = 0.5\n",
            "`tokens-per-deploy` takes a number of tokens, as in `tokens-per-deploy = 8000`, not `0.5`",
        ),
        (
            "history.currency = \"\\u001b[31m\"\n",
            "`currency` takes the name of a money, 12 letters at most, as in `currency = \"EUR\"`, not `\u{1b}[31m`",
        ),
        ("history.perhour = 1\n", "`perhour` is no key here: do you mean `per-hour`?"),
        ("histroy.per-hour = 1\n", "`histroy` is no key here: do you mean `history`?"),
    ] {
        let (read, mistakes) = rates(config);
        assert_eq!((mistakes.len(), mistakes[0].as_str()), (1, says));
        assert_eq!(read, unstale::settings::Rates::default(), "{config}");
    }
}

#[test]
fn targets_are_read_and_their_mistakes_told() {
    let targets = |config: &str| {
        let snapshot = project(&[(NAME, config)]);
        let settings = with(&snapshot, &Settings::default(), &Source::Found(None));
        let targets = settings.scopes.of("").expect("the file is there").targets.clone();
        (targets, settings.mistakes.iter().map(|m| m.message.clone()).collect::<Vec<_>>())
    };
    let (read, mistakes) = targets(
        "[target.prod]\nhost = [\"ann@a\", \"b:/srv/b\"]\ndir = \"/opt/x\"\n[target.test]\nhost = \"t:/t\"\n",
    );
    assert_eq!(mistakes, Vec::<String>::new());
    let said = |name: &str| {
        read[name].iter().map(|p| format!("{} {}", p.host, p.dir)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!((said("prod"), said("test")), ("ann@a /opt/x, b /srv/b".to_owned(), "t /t".to_owned()));
    for (config, says) in [
        (
            "target = 1\n",
            "`target` is a table of tables: write `host` and `dir` under `[target.prod]`, not a value of type integer",
        ),
        ("target.prod = \"a\"\n", "`prod` is no table: write `host` and `dir` under `[target.prod]`"),
        ("target.p.host = \"a\"\n", "a target has `host` and `dir`: add `dir = \"/opt/repo\"`"),
        ("target.p.dir = \"/a\"\n", "a target has `host` and `dir`: add `host = \"deploy@server\"`"),
        (
            "[target.p]\nhost = \"-oProxyCommand=x\"\ndir = \"/a\"\n",
            "`host` takes what `ssh` takes, or a list of that, as in `host = \"deploy@server\"`, not `-oProxyCommand=x`",
        ),
        (
            "[target.p]\nhost = []\ndir = \"/a\"\n",
            "`host` takes what `ssh` takes, or a list of that, as in `host = \"deploy@server\"`, not a value of type array",
        ),
        (
            "[target.p]\nhost = \"a\"\ndir = \"opt\"\n",
            "`dir` takes the absolute path of the checkout on the server, as in `dir = \"/opt/repo\"`, not `opt`",
        ),
        ("[target.p]\nhost = \"a:/b\"\nhosts = \"a\"\n", "`hosts` is no key here: do you mean `host`?"),
    ] {
        let (read, mistakes) = targets(config);
        assert_eq!((mistakes.len(), mistakes[0].as_str()), (1, says));
        assert!(read.is_empty() || mistakes[0].contains("is no key"), "{config}: {read:?}");
    }
}

#[test]
fn what_services_have_to_answer_is_read_and_its_mistakes_told() {
    let checks = |config: &str| {
        let snapshot = project(&[(NAME, config)]);
        let settings = with(&snapshot, &Settings::default(), &Source::Found(None));
        let checks = settings.scopes.of("").expect("the file is there").http.clone();
        (checks, settings.mistakes.iter().map(|m| m.message.clone()).collect::<Vec<_>>())
    };
    let all = "[verify.http.web]\nurl = \"http://127.0.0.1:8080/v?a={b}\"\ncontains = '{\"sha\": \"{sha}\"}'\nfrom = \"here\"\ntimeout = 90\n[verify.http.\"my api\"]\nurl = \"HTTPS://shop.example\"\n";
    let (read, mistakes) = checks(all);
    assert_eq!(mistakes, Vec::<String>::new());
    let read = read.expect("it has no mistake");
    assert_eq!(read.keys().collect::<Vec<_>>(), ["my api", "web"]);
    let web = &read["web"];
    assert_eq!((web.url.as_str(), web.from_here, web.timeout), ("http://127.0.0.1:8080/v?a={b}", true, 90));
    assert_eq!(web.contains.as_deref(), Some("{\"sha\": \"{sha}\"}"));
    assert_eq!((read["my api"].from_here, read["my api"].timeout), (false, 15));
    assert_eq!(checks("[verify]\n").0.map(|found| found.len()), Some(0));
    assert_eq!(
        checks("[rules]\nno-rule = \"off\"\n").0.map(|found| found.len()),
        Some(0),
        "another's mistake"
    );
    for (config, says) in [
        ("verify = 1\n", "`verify` is a table: write `[verify.http.web]`"),
        ("verify.htpp = 1\n", "do you mean `http`?"),
        ("verify.http = 1\n", "`http` is a table of services: write `[verify.http.web]`"),
        (
            "[verify.http]\nurl = \"http://a\"\n",
            "a check belongs to a service: write `[verify.http.web]` above `url`",
        ),
        ("[verify.http.web]\n", "a check has a `url`: add"),
        ("verify.http.web.url = 1\n", "`url` is a text in quotes, not a value of type integer"),
        ("verify.http.web.url = \"127.0.0.1:8080\"\n", "begins with `http://` or `https://`"),
        ("verify.http.web.url = \"file:///etc/passwd\"\n", "begins with `http://` or `https://`"),
        ("verify.http.web.url = \"http://\"\n", "names no host"),
        ("verify.http.web.url = \"http://:80/\"\n", "names no host"),
        ("verify.http.web.url = \"http://-o/\"\n", "names no host"),
        ("verify.http.web.url = \"http://ann:secret@a/\"\n", "takes no password"),
        ("verify.http.web.url = \"http://a/b c\"\n", "no spaces"),
        ("verify.http.web.url = \"http://a/\\u001b[2J\"\n", "no spaces"),
        ("verify.http.web.url = \"http://a/\\n\"\n", "no spaces"),
        ("verify.http.web = { url = \"http://a\", contains = \"\" }\n", "`contains` is a text"),
        (
            "verify.http.web = { url = \"http://a\", from = \"moon\" }\n",
            "`from` takes `server` or `here`, not `moon`",
        ),
        ("verify.http.web = { url = \"http://a\", timeout = 0 }\n", "from 1 to 600"),
        ("verify.http.web = { url = \"http://a\", timeout = 601 }\n", "from 1 to 600"),
        ("verify.http.web = { url = \"http://a\", timeout = \"5s\" }\n", "from 1 to 600"),
        ("verify.http.web = { url = \"http://a\", contain = \"x\" }\n", "do you mean `contains`?"),
        ("verify.http.web = { url = \"http://a\", headers = {} }\n", "no header is sent"),
        ("verify.http.web = { url = \"http://a\", timeoutSeconds = 3 }\n", "write `timeout`"),
        ("verify.http.web = { url = \"http://a\", expect = \"x\" }\n", "write `contains`"),
        ("verify.http.web = { url = \"http://a\", path = \"/up\" }\n", "write `url`, whole"),
        (
            "verify.http.web = { url = \"http://a\", what = 1 }\n",
            "there are `url`, `contains`, `from`, `timeout`",
        ),
    ] {
        let (read, mistakes) = checks(config);
        assert!(mistakes.len() == 1 && mistakes[0].contains(says), "{config}: {mistakes:?}");
        assert_eq!(read, None, "{config}");
    }
    assert_eq!(checks("verify.http.web = {\n").0, None, "what is no TOML says nothing");
    let secret = checks("verify.http.web.url = \"http://ann:secret@a/\"\n").1;
    assert!(!secret[0].contains("secret"), "{secret:?}");
}

#[test]
fn how_many_images_stay_is_read_and_its_mistakes_told() {
    let keep = |config: &str| {
        let snapshot = project(&[(NAME, config)]);
        let settings = with(&snapshot, &Settings::default(), &Source::Found(None));
        let keep = settings.scopes.of("").expect("the file is there").keep;
        (keep, settings.mistakes.iter().map(|m| m.message.clone()).collect::<Vec<_>>())
    };
    for (config, number) in [
        ("", 5),
        ("[deploy]\n", 5),
        ("deploy.keep = 1\n", 1),
        ("deploy.keep = 0x10\n", 16),
        ("deploy.keep = 1_000\n", 1000),
    ] {
        assert_eq!(keep(config), (Some(number), Vec::new()), "{config}");
    }
    for (config, says) in [
        ("deploy = 3\n", "`deploy` is a table: write `keep = 5` under `[deploy]`, not `3`"),
        ("deploy.keep = 0\n", "at least 1, as in `keep = 5`: without one there is no way back, not `0`"),
        ("deploy.keep = -1\n", "not `-1`"),
        ("deploy.keep = 2.0\n", "not `2.0`"),
        ("deploy.keep = \"all\"\n", "not `all`"),
        ("deploy.keep = 99999999999999999999999\n", "`keep` takes a number of images"),
        ("deploy.kep = 3\n", "do you mean `keep`?"),
        ("deploy = {\n", "this is not TOML"),
    ] {
        let (read, mistakes) = keep(config);
        assert!(mistakes.iter().any(|mistake| mistake.contains(says)), "{config}: {mistakes:?}");
        assert_eq!(read, None, "{config}");
    }
}

#[test]
fn nothing_is_fixed_under_a_broken_configuration() {
    let bad = "FROM alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nRUN git clone https://example.com/w.git /w\nCOPY . /app\nRUN make -C /app\n";
    let fix = |config: &str| {
        let snapshot = project(&[("Dockerfile", bad), (NAME, config)]);
        let settings = with(&snapshot, &Settings::default(), &Source::Found(None));
        let fixed = engine::fix(&snapshot, &settings, unstale::diag::Safety::Safe);
        fixed.applied.len()
    };
    assert!(fix("") > 0);
    assert_eq!(fix("rule.cached-fetch = \"off\"\n"), 0);
}

#[test]
fn any_text_is_read_in_bounded_time() {
    let deep = format!("exclude = {}{}", "[".repeat(20_000), "]".repeat(20_000));
    let many = (0..3_000).fold(String::new(), |all, n| {
        all + &format!("[[per-path]]\npaths=[\"{n}\"]\nrules={{cached-fetch=\"off\"}}\n")
    });
    let dotted = format!("{}x = 1", "a.".repeat(20_000));
    for text in [
        deep.as_str(),
        &many,
        &dotted,
        "\u{feff}x=1",
        "\0",
        "é = \"\u{202e}\"",
        "[rules",
        "a=\"\"\"",
        "\r\r\n=",
    ] {
        let start = std::time::Instant::now();
        let all = found(&project(&[("Dockerfile", FETCH), (NAME, text)]), &Settings::default());
        assert!(start.elapsed().as_secs() < 10, "{:?}", &text[..text.len().min(40)]);
        assert!(!all.is_empty());
    }
}
