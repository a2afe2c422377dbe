//! One binary for all integration tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod compose;
mod dockerignore;
mod yaml;
