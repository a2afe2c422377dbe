//! The compose model: every form that a file may use, edits, real files, hostile input.

mod corpus;
mod edit;
mod merge;
mod model;
mod options;
mod oracle;
mod schema;

use unstale::{
    model::compose::{self, Compose, Env},
    text::FileId,
};

fn read(text: &str) -> Compose {
    compose::parse(FileId(0), text, &Env::default())
}

fn read_with(text: &str, dotenv: &str) -> Compose {
    let (env, errors) = Env::parse(dotenv);
    assert_eq!(errors, []);
    compose::parse(FileId(0), text, &env)
}
