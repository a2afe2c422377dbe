//! The Dockerfile grammar against BuildKit's own answers for real files.
//!
//! The files are not part of the project: `UNSTALE_CORPUS` names the folder where they are laid out as
//! `owner__name/path`, and `UNSTALE_CORPUS_FACTS` the file with BuildKit's answers, one JSON object a line.

use std::{env, fs, path::Path};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use unstale::report::ast;

fn hash(args: &Value) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(args.to_string().as_bytes());
    digest.iter().take(8).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

/// What differs between an instruction of ours and BuildKit's answer.
fn differences(ours: &Value, facts: &Value) -> Vec<String> {
    let empty = json!([]);
    let names: Vec<&Value> = ours["heredocs"].as_array().unwrap().iter().map(|h| &h["name"]).collect();
    let pairs = [
        ("cmd", ours["cmd"].clone(), facts["cmd"].clone()),
        ("start", ours["start"].clone(), facts["start"].clone()),
        ("end", ours["end"].clone(), facts["end"].clone()),
        ("n", json!(ours["args"].as_array().unwrap().len()), facts["n"].clone()),
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
        let tree = unstale::syntax::dockerfile::parse(&text);
        let printed: String = tree.items.iter().map(|item| &text[item.span.range()]).collect();
        let ast = ast::dockerfile(path, &text);
        let mut wrong = Vec::new();
        if printed != text {
            wrong.push("does not print back".to_owned());
        }
        let error = facts.get("error").or(facts.get("instruction_error"));
        let errors = ast["errors"].as_array().unwrap();
        refused += usize::from(error.is_some());
        if error.is_some() == errors.is_empty() {
            wrong.push(format!("errors {errors:?}, BuildKit {error:?}"));
        }
        if let Some(expected) = facts["instructions"].as_array() {
            let ours = ast["instructions"].as_array().unwrap();
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
