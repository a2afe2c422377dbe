//! One binary for all integration tests.

mod compose;
mod dockerignore;
mod yaml;
