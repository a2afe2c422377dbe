//! Reads the last words of sick containers, and lets no secret out of here.

use serde_json::Value;

use super::{
    Session,
    frames::{Answer, Answers, Questions},
    transport::{Lost, word},
};
use crate::protocol::{Judgement, LastWords, Redactor, Sick, Sickness, kept, visible};

/// How many lines of a log are shown, and of what a health check printed.
const LINES: usize = 20;
const CHECK_LINES: usize = 3;
/// The longest line that is shown, in characters.
const SHOWN: usize = 200;
/// How many entries of the log are asked for: a line of more than 16 kB has several, and what is shown must not begin in
/// the midst of one, as half a secret is none that could be found.
const ENTRIES: usize = 3 * LINES;
/// How much of that is read, in bytes.
const MOST: usize = 1 << 16;
/// The engine keeps so much of what a health check prints, in bytes (`daemon/health.go`, `maxOutputLen`).
const CHECK_MOST: usize = 4096;

impl Session<'_> {
    /// The sick containers of a verdict on the service that is looked at, each with its last words.
    pub(super) fn sickness(&self, judgement: &Judgement) -> Result<Sickness, Lost> {
        let each = judgement.sick().map(|sick| Ok((sick.clone(), self.last_words(sick)?)));
        Ok(Sickness { containers: each.collect::<Result<_, Lost>>()?, returned: None })
    }

    fn last_words(&self, sick: &Sick) -> Result<LastWords, Lost> {
        let id = word(&sick.id);
        let container = self.seen.server.replicas().find(|container| container.id == sick.id);
        let made_in = container.map(|container| container.working_dir.as_str()).unwrap_or_default();
        let mut q = Questions::new();
        for (name, of) in [("environment", ".Config.Env"), ("health", ".State.Health")] {
            q.ask(name, &format!("docker inspect --type container --format '{{{{json {of}}}}}' {id}"));
        }
        for (name, dir) in [("file", self.target.dir()), ("other-file", made_in)] {
            let file = word(&format!("{dir}/.env"));
            q.ask(name, &format!("[ ! -e {file} ] || cat {file}"));
        }
        let most = MOST + 1;
        q.ask("log", &format!("docker logs --tail {ENTRIES} {id} 2>&1 | tail -c {most}"));
        Ok(read(&q.send(self.to.as_ref())?))
    }

    /// The commands that go on where sick containers run: to bring the image of before back, for each of these services of
    /// which one is kept, and to see all that the containers said.
    pub(super) fn ways_on(&mut self, services: &[String], sickness: &Sickness) -> Result<Vec<String>, Lost> {
        let mut ways = Vec::new();
        for service in services {
            self.turn_to(service)?;
            let Some(compose) = self.seen.server.compose() else { continue };
            let kept = kept(&self.seen, compose, service);
            if kept.iter().any(|one| !one.current && one.commit.is_some()) {
                ways.push(self.command_for("rollback", std::slice::from_ref(service)));
            }
        }
        let look = |(sick, _): &(Sick, LastWords)| {
            self.target.paste(&["docker", "logs", &sick.container].map(str::to_owned))
        };
        ways.extend(sickness.containers.iter().map(look));
        Ok(ways)
    }
}

/// Without the whole environment there is nothing that could be said without a secret.
fn read(answers: &Answers) -> LastWords {
    let Some(mut redactor) = environment(&answers.get("environment")) else { return LastWords::default() };
    for file in ["file", "other-file"] {
        match answers.get(file).text() {
            Some(text) => redactor.add_file(&text),
            None => return LastWords::default(),
        }
    }
    let log = answers.get("log").out;
    // What begins in the midst of a line is left out up to its end.
    let whole = if log.len() > MOST {
        log.iter().position(|byte| *byte == b'\n').map_or(&[][..], |end| &log[end + 1..])
    } else {
        &log[..]
    };
    let said = check(&answers.get("health"));
    LastWords {
        log: Some(last(&redactor, &String::from_utf8_lossy(whole), LINES)),
        check: last(&redactor, &said, CHECK_LINES),
    }
}

fn environment(answer: &Answer) -> Option<Redactor> {
    let variables: Option<Vec<String>> = serde_json::from_str(&answer.text()?).ok()?;
    Some(Redactor::of_variables(variables.unwrap_or_default()))
}

/// What the health check printed last, when it failed.
fn check(answer: &Answer) -> String {
    let health: Value = serde_json::from_str(&answer.words()).unwrap_or_default();
    let failed = |entry: &&Value| entry["ExitCode"].as_i64() != Some(0);
    let entry = health["Log"].as_array().and_then(|log| log.iter().rev().find(failed));
    let said = entry.and_then(|entry| entry["Output"].as_str()).unwrap_or_default();
    // One that was cut may end in the midst of a secret.
    let whole =
        if said.len() < CHECK_MOST { said } else { said.rsplit_once('\n').map_or("", |(whole, _)| whole) };
    whole.to_owned()
}

/// The last lines of a text, without secrets, none too long, and nothing in them that a terminal would obey.
fn last(redactor: &Redactor, text: &str, lines: usize) -> Vec<String> {
    let mut clean = redactor.lines(text);
    while clean.last().is_some_and(|line| line.trim().is_empty()) {
        clean.pop();
    }
    let short = |line: String| {
        let line = visible(&line);
        match line.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    };
    clean.split_off(clean.len().saturating_sub(lines)).into_iter().map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(questions: &[(&str, &str)]) -> Answers {
        let mut q = Questions::new();
        for (name, text) in questions {
            match *text {
                "fails" => q.ask(name, "false"),
                text => q.ask(name, &format!("printf '%s' {}", word(text))),
            }
        }
        q.send(&crate::deploy::transport::Local::new("/")).expect("sh is there")
    }

    const ENVIRONMENT: (&str, &str) = ("environment", r#"["PATH=/usr/bin:/bin","TOKEN=hunter2-hunter2"]"#);

    #[test]
    fn the_last_lines_come_without_secrets_and_without_orders() {
        let many: Vec<String> = (0..30).map(|n| format!("line {n}\n")).collect();
        let odd = "\u{1b}[31mno hunter2-hunter2\u{1b}[0m\u{7}";
        let log = format!("{}{odd}\nnor from-the-file {}\n\n", many.concat(), "x".repeat(500));
        let health = r#"{"Status":"unhealthy","Log":[{"ExitCode":1,"Output":"old"},{"ExitCode":7,"Output":"refused hunter2-hunter2\n"},{"ExitCode":0,"Output":"well"}]}"#;
        let words = read(&answered(&[
            ENVIRONMENT,
            ("health", health),
            ("file", "SECRET=from-the-file\n"),
            ("other-file", ""),
            ("log", &log),
        ]));
        let log = words.log.unwrap();
        assert_eq!(log.len(), LINES);
        assert_eq!(log[0], "line 12");
        assert_eq!(log[LINES - 2], "no [TOKEN]\\u{7}");
        let cut = &log[LINES - 1];
        assert!(cut.starts_with("nor [SECRET] xxx") && cut.ends_with("x…"), "{cut}");
        assert_eq!(cut.chars().count(), SHOWN + 1);
        assert_eq!(words.check, ["refused [TOKEN]"]);
    }

    #[test]
    fn nothing_is_said_where_the_secrets_are_not_known() {
        let all = [ENVIRONMENT, ("health", "null"), ("file", ""), ("other-file", ""), ("log", "all is well")];
        assert_eq!(read(&answered(&all)).log.unwrap(), ["all is well"], "the control");
        for n in [0, 2, 3] {
            let mut some = all;
            some[n].1 = "fails";
            assert_eq!(read(&answered(&some)), LastWords::default(), "{}", some[n].0);
        }
        let mut none = all;
        none[0].1 = "null";
        assert_eq!(
            read(&answered(&none)).log.unwrap(),
            ["all is well"],
            "a container without an environment"
        );
    }

    #[test]
    fn what_was_cut_is_not_shown() {
        let answers = |log: &str, health: &str| {
            let mut q = Questions::new();
            for (name, text) in [ENVIRONMENT, ("health", health), ("file", ""), ("other-file", "")] {
                q.ask(name, &format!("printf '%s' {}", word(text)));
            }
            q.ask("log", log);
            read(&q.send(&crate::deploy::transport::Local::new("/")).expect("sh is there"))
        };
        // The end of a secret, then a line.
        let log = format!(
            "{{ head -c {MOST} /dev/zero | tr '\\000' x; echo hunter2; echo whole; }} | tail -c {}",
            MOST + 1
        );
        assert_eq!(answers(&log, "null").log.unwrap(), ["whole"]);
        assert_eq!(
            answers("head -c 70000 /dev/zero | tr '\\000' x", "null").log.unwrap(),
            Vec::<String>::new()
        );
        let output = format!("first\\n{}hunter2-hun...", "x".repeat(CHECK_MOST));
        let health = format!(r#"{{"Log":[{{"ExitCode":1,"Output":"{output}"}}]}}"#);
        assert_eq!(answers("true", &health).check, ["first"]);
    }
}
