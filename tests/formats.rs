//! The formats for machines: valid by their schemas, exact in their places, and nothing of a file breaks out of them.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the tests run validators, and say when there are none"
)]

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{
    cli::{Folder, ends},
    support::Ran,
};

/// A project whose names and texts try to break out of every format.
fn hostile() -> Folder {
    let folder = Folder::new();
    let name = "a%0A::error::b,c:d & <é\u{1f600}>\"'\n]]>%SRCROOT%";
    folder.put(
        &format!("{name}/Dockerfile"),
        "FROM alpine\nWORKDIR /😀\nRUN git clone https://example.com/x.git '/é😀 [a](https://example.com) ]]> \u{202e}%0A::error::'\nFRM \u{1b}[31m <x>&amp;\r\n[a](https://example.com) x\n",
    );
    folder.put(&format!("{name}/compose.yaml"), "services:\n  web:\n    build: .\n");
    folder.put("broken.Dockerfile", b"FROM x\n\xff");
    folder.commit();
    folder
}

fn projects() -> Vec<(Folder, i32)> {
    let empty = Folder::new();
    empty.put("Dockerfile", "FROM scratch\n");
    vec![
        (empty, 0),
        (Folder::scichart(), 1),
        (Folder::bad("volume-shadows-image", "app-folder"), 1),
        (Folder::bad("inert-cache-bust", "constant"), 1),
        (hostile(), 1),
    ]
}

fn json(folder: &Folder, format: &str, code: i32) -> Value {
    let ran = ends(folder.run(&["check", "--show", "info", "--format", format]), code);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.stdout))
}

/// The Python that has the validators; `.ci/run` installs it.
fn python(script: &str, files: &[&Path]) -> Option<Ran> {
    let Some(python) = std::env::var_os("UNSTALE_PYTHON") else {
        assert!(
            std::env::var_os("UNSTALE_REQUIRE_REAL").is_none(),
            "UNSTALE_PYTHON names no Python with the validators"
        );
        eprintln!("skipped: UNSTALE_PYTHON names no Python with the validators");
        return None;
    };
    Some(Ran::new(Command::new(python).arg("-c").arg(script).args(files)))
}

#[test]
fn sarif_is_valid_by_its_schema() {
    // The schema as a package carries it: nothing is fetched.
    let script = r#"
import json, os, sys
import jsonschema, requests_cache, schemastore
cache = requests_cache.SQLiteCache(os.path.join(os.path.dirname(schemastore.__file__), "cache.sqlite"))
[schema] = [json.loads(r.content) for r in cache.responses.values() if r.url.endswith("/sarif-2.1.0.json")]
validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
for name in sys.argv[1:]:
    document = json.load(open(name, encoding="utf-8"))
    errors = list(validator.iter_errors(document))
    assert not errors, [(e.json_path, e.message[:300]) for e in errors[:5]]
    document["runs"][0]["results"] = [{"message": {}}]
    assert list(validator.iter_errors(document)), "the validator finds nothing at all"
"#;
    for (folder, code) in projects() {
        let ran = ends(folder.run(&["check", "--format", "sarif"]), code);
        folder.put("out.sarif", &ran.stdout);
        if let Some(ran) = python(script, &[&folder.join("out.sarif")]) {
            ran.ok();
        }
    }
}

#[test]
fn what_init_writes_is_valid_by_the_schemas() {
    let script = r#"
import json, os, sys
import jsonschema, requests_cache, schemastore
cache = requests_cache.SQLiteCache(os.path.join(os.path.dirname(schemastore.__file__), "cache.sqlite"))
for name in sys.argv[1:]:
    case = json.load(open(name, encoding="utf-8"))
    [schema] = [json.loads(r.content) for r in cache.responses.values() if r.url.endswith(case["schema"])]
    validator = jsonschema.validators.validator_for(schema)(schema)
    errors = list(validator.iter_errors(case["document"]))
    assert not errors, [(e.json_path, e.message[:300]) for e in errors[:5]]
    assert list(validator.iter_errors(case["broken"])), "the validator finds nothing at all"
"#;
    for (ci, path, schema, breaks) in [
        ("none", ".pre-commit-config.yaml", "/pre-commit-config.json", "/repos/0/hooks/0/language"),
        ("github", ".github/workflows/unstale.yml", "/github-workflow.json", "/jobs/unstale/steps"),
        ("gitlab", ".gitlab-ci.yml", "/editor/schema/ci.json", "/unstale/artifacts/reports"),
    ] {
        let folder = Folder::new();
        ends(folder.run(&["init", "--ci", ci]), 0);
        let document: Value = serde_yaml::from_str(&folder.get(path)).unwrap();
        let mut broken = document.clone();
        *broken.pointer_mut(breaks).unwrap() = Value::from(1);
        let case = serde_json::json!({"schema": schema, "document": document, "broken": broken});
        folder.put("case.json", case.to_string());
        if let Some(ran) = python(script, &[&folder.join("case.json")]) {
            ran.ok();
        }
    }
}

#[test]
fn sarif_has_rules_places_and_fixes() {
    let folder = Folder::scichart();
    folder.put("sub/Dockerfile", folder.get("Dockerfile").replace("COPY . .", "COPY --chown=é😀 . ."));
    folder.put("sub/requirements.txt", "x");
    folder.commit();
    let ran =
        ends(folder.run_in("sub", &["check", "--format", "sarif", "..", "--config", "../unstale.toml"]), 2);
    assert_eq!(ran.stdout, "");
    let ran = ends(folder.run_in("sub", &["check", "--format", "sarif"]), 1);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let run = &document["runs"][0];
    let result = run["results"].as_array().unwrap().iter().find(|r| r["ruleId"] == "broad-copy").unwrap();
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"],
        serde_json::json!({"uri": "sub/Dockerfile", "uriBaseId": "%SRCROOT%"})
    );
    // In UTF-16: two for the face.
    let end = "COPY --chown=é😀 . .".encode_utf16().count() + 1;
    assert_eq!(
        place["region"],
        serde_json::json!({"startLine": 6, "startColumn": 1, "endLine": 6, "endColumn": end})
    );
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    let rule =
        &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
    assert_eq!(
        (&rule["id"], &rule["defaultConfiguration"]["level"]),
        (&"broad-copy".into(), &"warning".into())
    );
    let help = rule["help"]["markdown"].as_str().unwrap();
    assert!(
        help.contains("## Bad") && help.contains("\n\n`missing-cache-bust`") && !help.contains("]("),
        "{help}"
    );
    assert!(help.contains("| 26.1 BuildKit |") && !help.contains("<!--"), "{help}");
    assert_eq!(result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 7);
    assert_eq!(result["partialFingerprints"]["unstale/v1"].as_str().unwrap().len(), 32);
    let note =
        run["results"].as_array().unwrap().iter().find(|r| r["ruleId"] == "missing-cache-bust").unwrap();
    assert_eq!(note["level"], "note");
    let fix = &note["fixes"][0]["artifactChanges"][0];
    assert_eq!(fix["artifactLocation"]["uri"], "sub/Dockerfile");
    assert_eq!(fix["replacements"][0]["deletedRegion"]["startLine"], 6);
    assert!(
        fix["replacements"][0]["insertedContent"]["text"].as_str().unwrap().starts_with("ARG CACHE_BUST")
    );
}

#[test]
fn names_and_texts_stay_inside_of_sarif() {
    let document = json(&hostile(), "sarif", 1);
    let run = &document["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let escaped = |r: &Value| r["message"]["text"].as_str().unwrap().to_lowercase().contains("\\[a\\](");
    assert!(run["results"].as_array().unwrap().iter().any(escaped), "the link is in no message");
    let notice = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(notice["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "broken.Dockerfile");
    for result in run["results"].as_array().unwrap() {
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.starts_with("a%250A%3A%3Aerror%3A%3Ab%2Cc%3Ad%20%26%20%3C%C3%A9%F0%9F%98%80%3E%22%27%0A%5D%5D%3E%25SRCROOT%25/"), "{uri}");
        let text = result["message"]["text"].as_str().unwrap();
        assert!(!text.to_lowercase().contains("[a]("), "{text}");
    }
}

#[test]
fn annotations_are_one_line_each_and_nothing_breaks_out() {
    let ran = ends(
        Folder::scichart().run(&["check", "--format", "github", "--select", "broad-copy,missing-cache-bust"]),
        1,
    );
    assert_eq!(
        ran.stdout,
        "::warning file=Dockerfile,line=6,endLine=6,col=1,endColumn=9,title=unstale%3A broad-copy::`COPY . .` stands before \
         the dependency install of pip: every change of any file installs all of them again%0Acopy `requirements.txt` first, the rest \
         after the install\n3 files: 1 warning, 1 info; --fix ends 1, with --unsafe-fixes 1 more; --show info lists the rest\n"
    );
    let ran = ends(hostile().run(&["check", "--format", "github", "--show", "info"]), 1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let (summary, commands) = lines.split_last().unwrap();
    assert!(summary.starts_with("2 files: "), "{summary}");
    assert!(commands.len() >= 3, "{commands:?}");
    for line in commands {
        let (command, rest) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
        let (word, properties) = command.split_once(' ').unwrap();
        assert!(["error", "warning", "notice"].contains(&word), "{line}");
        let keys: Vec<&str> = properties.split(',').map(|p| p.split_once('=').unwrap().0).collect();
        assert!(
            keys.iter().all(|k| ["file", "line", "endLine", "col", "endColumn", "title"].contains(k)),
            "{line}"
        );
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line}");
        assert!(!rest.contains('\u{1b}'), "{line}");
        if properties.starts_with("file=a") {
            assert!(
                properties
                    .starts_with("file=a%250A%3A%3Aerror%3A%3Ab%2Cc%3Ad & <é😀>\"'%0A]]>%25SRCROOT%25/"),
                "{line}"
            );
        }
    }
    assert!(
        ran.stdout.contains("::error file=broken.Dockerfile,title=unstale::not checked: byte 7 is not UTF-8")
    );
}

#[test]
fn gitlab_gets_its_documented_keys_and_unique_fingerprints() {
    for (folder, code) in projects() {
        let document = json(&folder, "gitlab", code);
        let issues = document.as_array().unwrap();
        assert_eq!(issues.is_empty(), code == 0);
        let mut fingerprints = Vec::new();
        for issue in issues {
            let keys: Vec<&str> = issue.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, ["description", "check_name", "fingerprint", "severity", "location"]);
            assert!(
                ["info", "minor", "major", "critical", "blocker"]
                    .contains(&issue["severity"].as_str().unwrap())
            );
            let (begin, end) = (&issue["location"]["lines"]["begin"], &issue["location"]["lines"]["end"]);
            assert!(begin.as_u64().unwrap() >= 1 && end.as_u64() >= begin.as_u64(), "{issue}");
            assert!(!issue["location"]["path"].as_str().unwrap().starts_with("./"));
            fingerprints.push(issue["fingerprint"].as_str().unwrap());
        }
        let all = fingerprints.len();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), all);
    }
}

#[test]
fn junit_is_xml_with_the_attributes_that_ci_reads() {
    // The attributes of the schema that Jenkins validates with (junit-10), and the counts that it adds up.
    let script = r#"
import sys
from xml.etree import ElementTree
allowed = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"name", "tests", "failures", "errors"}, {"testcase"}),
    "testcase": ({"name", "classname", "time"}, {"name"}, {"failure", "error", "system-out"}),
    "failure": ({"message", "type"}, set(), set()),
    "error": ({"message", "type"}, set(), set()),
    "system-out": (set(), set(), set()),
}
for name in sys.argv[1:]:
    root = ElementTree.parse(name).getroot()
    assert root.tag == "testsuites"
    for element in root.iter():
        may, must, children = allowed[element.tag]
        assert must <= set(element.attrib) <= may, (element.tag, element.attrib)
        assert {child.tag for child in element} <= children
    for scope in [root, *root.iter("testsuite")]:
        for attribute, tag in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")]:
            assert int(scope.get(attribute)) == len(list(scope.iter(tag))), (scope.attrib, attribute)
    assert len(list(root.iter("testcase"))) > 0
"#;
    for (folder, code) in projects() {
        let ran = ends(folder.run(&["check", "--show", "info", "--format", "junit"]), code);
        assert_eq!(ran.stdout.contains("<failure ") || ran.stdout.contains("<error "), code == 1);
        folder.put("out.xml", &ran.stdout);
        // Any Python reads XML.
        let checked = Command::new("python3").arg("-c").arg(script).arg(folder.join("out.xml")).output();
        match checked {
            Ok(output) => assert!(
                output.status.success(),
                "{}\n{}",
                String::from_utf8_lossy(&output.stderr),
                ran.stdout
            ),
            Err(error) => eprintln!("skipped: python3: {error}"),
        }
    }
    let ran = ends(
        Folder::scichart().run(&["check", "--show", "info", "--fail-on", "error", "--format", "junit"]),
        0,
    );
    assert!(!ran.stdout.contains("<failure ") && ran.stdout.contains("<system-out>"), "{}", ran.stdout);
}

#[test]
fn every_format_is_the_same_twice_and_never_empty() {
    for format in ["text", "json", "sarif", "github", "gitlab", "junit"] {
        for (folder, code) in projects() {
            let [first, second] =
                [(); 2].map(|()| ends(folder.run(&["check", "--format", format]), code).stdout);
            assert_eq!(first, second);
            assert!(!first.trim().is_empty(), "{format}");
        }
        let folder = Folder::scichart();
        let failed = ends(folder.run(&["check", "--format", format, "gone"]), 2);
        assert!(
            failed.stdout.is_empty() && failed.stderr.starts_with("error: "),
            "{format}: {}",
            failed.stderr
        );
    }
}
