//! Asks git about a checkout.
#![expect(clippy::disallowed_methods, reason = "asks git, which knows what it tracks")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The root of the git checkout that holds the path.
pub fn checkout(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|dir| dir.join(".git").exists()).map(Path::to_path_buf)
}

/// The URL of the remote `origin`, if there is one.
pub fn origin(root: &Path) -> Option<String> {
    let url = git(root, &["config", "--get", "remote.origin.url"]).ok()?.ok()?;
    Some(String::from_utf8_lossy(&url).trim().to_owned())
}

/// git in a folder of a checkout, whatever the environment says.
pub(super) fn command(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").args(["-c", "core.quotePath=false"]).current_dir(root);
    // Inside a hook these name another index or folder than the files that are meant.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C");
    command
}

/// What git prints, or what it says instead; an error if it does not start.
pub(super) fn git(root: &Path, args: &[&str]) -> Result<Result<Vec<u8>, String>, String> {
    let output = command(root)
        .args(args)
        .output()
        .map_err(|e| format!("git is needed here, and does not start: {e}"))?;
    Ok(if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    })
}
