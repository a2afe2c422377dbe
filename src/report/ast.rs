//! The `ast` document: a Dockerfile as BuildKit's parser sees it, as JSON.

use serde_json::{Map, Value, json};

use crate::{
    syntax::dockerfile::{self, Body},
    text::LineIndex,
};

/// The document for one file. Lines count from 1; `args` and `heredocs` are what BuildKit's parser gives, and an
/// ONBUILD has its instruction in `onbuild` as well.
pub fn dockerfile(path: &str, text: &str) -> Value {
    let tree = dockerfile::parse(text);
    let lines = LineIndex::new(text);
    let directives: Map<String, Value> =
        tree.directives.iter().map(|d| (d.name.clone(), json!(d.value.value))).collect();
    let errors: Vec<Value> = tree
        .errors
        .iter()
        .map(|e| json!({"line": lines.line(e.span.start()), "message": e.message}))
        .collect();
    let instructions: Vec<Value> = tree
        .instructions
        .iter()
        .map(|instruction| {
            let mut object = body(&instruction.body);
            object.insert("start".to_owned(), json!(instruction.start_line));
            object.insert("end".to_owned(), json!(instruction.end_line));
            let heredocs: Vec<Value> = instruction
                .heredocs
                .iter()
                .map(|heredoc| json!({"name": heredoc.word.name, "content": heredoc.content}))
                .collect();
            object.insert("heredocs".to_owned(), json!(heredocs));
            let nested = match &instruction.body.args {
                dockerfile::Args::Nested(inner) => Value::Object(body(inner)),
                _ => Value::Null,
            };
            object.insert("onbuild".to_owned(), nested);
            Value::Object(object)
        })
        .collect();
    json!({
        "schema": 1,
        "file": path,
        "escape": tree.escape.to_string(),
        "directives": directives,
        "errors": errors,
        "instructions": instructions,
    })
}

fn body(body: &Body) -> Map<String, Value> {
    let flags: Vec<&str> = body.flags.iter().map(|flag| flag.as_read.as_str()).collect();
    let mut object = Map::new();
    object.insert("cmd".to_owned(), json!(body.keyword.value.to_uppercase()));
    object.insert("flags".to_owned(), json!(flags));
    object.insert("json".to_owned(), json!(body.is_json()));
    object.insert("args".to_owned(), json!(body.values()));
    object
}
