//! `unstale ast`: the syntax tree as JSON.

use std::path::PathBuf;

use super::{Exit, Stop, print};
use crate::{project, report};

#[derive(Debug, clap::Args)]
pub(super) struct AstArgs {
    /// The Dockerfile
    file: PathBuf,
}

pub(super) fn run(args: &AstArgs) -> Result<Exit, Stop> {
    let text =
        project::text(&args.file).map_err(|reason| Stop(format!("`{}`: {reason}", args.file.display())))?;
    let tree = report::ast::dockerfile(&args.file.to_string_lossy(), &text);
    print(&format!("{tree:#}\n"))?;
    Ok(Exit::Clean)
}
