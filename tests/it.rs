//! t
mod dockerfile;
mod dockerfile_model;
mod shell;
