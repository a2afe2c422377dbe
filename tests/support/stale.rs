//! The incident's three causes: each function returns a lab where v4 is pushed and deployed and, where the cause
//! works, the container still serves v3.

use std::fs;

use super::engine::write_executable;
use super::lab::edit;
use super::{Builder, Engine, Lab};

/// Every tracked file gets one fixed mtime, as git-restore-mtime and reproducible-build recipes do it.
const NORMALISE: &str = "#!/bin/sh\ngit ls-files -z | xargs -0 touch -d @1700000000\n";

/// The compose file of the second cause.
const WITH_VOLUME: &str = "\
# The dashboard. Behind nginx on the host, which terminates TLS.
services:
  web:
    build:
      context: .
      args:
        BASE_IMAGE: ${BASE_IMAGE:-python:3.12-slim}
    restart: unless-stopped
    ports:
      - \"127.0.0.1:8000:8000\"
    volumes:
      - code:/app # keeps uploads over deploys

volumes:
  code:
";

impl Lab {
    /// (a) The changed file has the old one's size and mtime: BuildKit's context snapshot takes it for unchanged.
    ///
    /// The classic builder reads the bytes, and serves v4.
    pub(crate) fn stale_by_snapshot(engine: Engine, builder: Builder) -> Self {
        let lab = Self::new(engine, builder);
        // After every pull and checkout, whoever does it.
        for hook in ["post-merge", "post-checkout", "post-rewrite"] {
            write_executable(&lab.server().join(".git/hooks").join(hook), NORMALISE.as_bytes());
        }
        lab.ssh(".git/hooks/post-merge").ok();
        lab.deploy_naively().ok();
        assert_eq!(lab.serves(), "v3");
        lab.push_v4();
        lab.deploy_naively().ok();
        lab
    }

    /// (b) A named volume over the app's folder: it was filled from the first image, and hides every later one.
    pub(crate) fn stale_by_volume(engine: Engine, builder: Builder) -> Self {
        let lab = Self::seeded(engine, builder, |project| {
            fs::write(project.join("compose.yaml"), WITH_VOLUME).expect("the lab's folder can be written");
        });
        lab.deploy_naively().ok();
        assert_eq!(lab.serves(), "v3");
        lab.push_v4();
        lab.deploy_naively().ok();
        lab
    }

    /// (c) `restart` after the build: the container keeps the image that it was made from.
    pub(crate) fn stale_by_restart(engine: Engine, builder: Builder) -> Self {
        let lab = Self::seeded(engine, builder, |project| {
            edit(&project.join("deploy.sh"), |script| script.replace(" up -d", " restart web"));
        });
        lab.compose("build").ok();
        lab.compose("up -d").ok();
        assert_eq!(lab.serves(), "v3");
        lab.push_v4();
        lab.deploy_naively().ok();
        lab
    }
}
