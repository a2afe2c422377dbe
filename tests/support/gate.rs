//! Holds back a program that a test wants to meet at its work.

use std::{fs, path::PathBuf};

use super::{Lab, write_executable};

/// Holds back what a test wants to meet: no wait of a fixed time is long enough on a busy machine.
pub(crate) struct Gate(PathBuf);

impl Gate {
    pub(crate) fn shut(lab: &Lab) -> Self {
        let path = lab.folder().join("shut");
        fs::write(&path, "").unwrap();
        Self(path)
    }

    /// A gate before a command of Docker or Compose on the server: `build`, `tag`.
    pub(crate) fn before(command: &str, lab: &Lab) -> Self {
        let gate = Self::shut(lab);
        for program in ["docker", "docker-compose"].map(|name| lab.engine.bin.join(name)) {
            let shim = format!(
                "#!/bin/sh\ncase \" $* \" in *' {command} '*) {} ;; esac\nexec {} \"$@\"\n",
                gate.wait(),
                program.display()
            );
            if program.exists() {
                let name = program.file_name().unwrap();
                write_executable(&lab.server_bin().join(name), shim.as_bytes());
            }
        }
        gate
    }

    /// The words of a shell that stands before it.
    pub(crate) fn wait(&self) -> String {
        format!("while [ -e {} ]; do sleep 0.1; done", self.0.display())
    }

    pub(crate) fn open(self) {
        fs::remove_file(self.0).unwrap();
    }
}
