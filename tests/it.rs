//! Every integration test, in one binary.

mod incident;
mod support;
