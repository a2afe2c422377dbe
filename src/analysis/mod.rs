//! Facts across files; unknown stays `Unknown`.

pub mod route;
