//! The steps of one service, whatever the order in which a plan puts them.

use super::{
    desired::Options,
    step::{Phase, Probe, STAGES, Stdin, Step, Undo},
};
use crate::protocol::{
    names::{ImageId, RETAINED},
    observed::{Builder, Checkouts, Compose, Container, Observed},
    quote::list,
    target::{Argv, Place},
};

/// Makes the steps of a service.
pub(in crate::protocol) struct Moves<'a> {
    service: &'a str,
    options: &'a Options,
    seen: &'a Observed,
    compose: &'a Compose,
    old: Vec<&'a Container>,
    /// How many containers there will be.
    pub(in crate::protocol) replicas: usize,
}

impl<'a> Moves<'a> {
    /// For what runs now.
    pub(in crate::protocol) fn new(
        service: &'a str,
        options: &'a Options,
        seen: &'a Observed,
        compose: &'a Compose,
    ) -> Self {
        let old: Vec<&Container> = seen.server.replicas().collect();
        let replicas = old.iter().filter(|c| c.runs() || c.status == "restarting").count().max(1);
        Self { service, options, seen, compose, old, replicas }
    }

    /// The images that run, each once.
    pub(in crate::protocol) fn running(&self) -> Vec<&'a ImageId> {
        let mut images: Vec<&ImageId> = Vec::new();
        for container in self.old.iter().filter(|c| c.runs()) {
            if !images.contains(&&container.image) {
                images.push(&container.image);
            }
        }
        images
    }

    /// The tag that keeps the n-th of them.
    fn retained_tag(&self, n: usize) -> String {
        let more = if n == 0 { String::new() } else { format!("-{}", n + 1) };
        format!("{}:{}{more}", retained_name(self.compose, self.service), self.options.id)
    }

    /// Keeps the images that run.
    pub(in crate::protocol) fn retain(&self, phase: Phase) -> Vec<Step> {
        let cause = "a failed build or start puts this image back";
        let keep = |(n, image): (usize, &ImageId)| {
            let tag = self.retained_tag(n);
            let argv = Argv::new(["docker", "tag", &image.0, &tag]);
            let kept = Probe::Tagged { tag, image: image.clone() };
            Step::new("retain", phase, Place::Server, cause, argv, kept).of(self.service)
        };
        self.running().into_iter().enumerate().map(keep).collect()
    }

    /// Puts the service's tag back on the image that ran.
    fn retag(&self) -> Argv {
        Argv::new(["docker".to_owned(), "tag".to_owned(), self.retained_tag(0), self.compose.tag.clone()])
    }

    /// Removes the old containers; what ran can be put back.
    pub(in crate::protocol) fn remove(&self, phase: Phase) -> Option<Step> {
        if self.old.is_empty() {
            return None;
        }
        let ids: Vec<String> = self.old.iter().map(|c| c.id.clone()).collect();
        let names: Vec<String> = self.old.iter().map(|c| c.name.clone()).collect();
        let argv = Argv::new(["docker", "rm", "-f"].map(String::from).into_iter().chain(ids.iter().cloned()));
        let cause = format!(
            "{} keeps its image, its anonymous volumes and its single-file mounts as long as it exists",
            list(&names)
        );
        let step =
            Step::new("remove", phase, Place::Server, cause, argv, Probe::Gone { ids }).of(self.service);
        if self.running().is_empty() {
            return Some(step);
        }
        Some(step.undo(Undo {
            cause: "the image that ran before runs again".to_owned(),
            argvs: vec![self.retag(), self.clear(), self.up()],
        }))
    }

    /// Removes what there is of the new version: Compose would carry its anonymous volumes over to the container of before.
    fn clear(&self) -> Argv {
        Argv::new(self.compose.argv(&["rm", "-s", "-f", self.service]))
    }

    /// Prunes all that nothing uses, and builds without a cache.
    pub(in crate::protocol) fn fresh_build(&self, builder: Builder) -> Vec<Step> {
        let cause = match builder {
            Builder::BuildKit => {
                "BuildKit keeps a snapshot of the context in which a file of equal size and mtime stays old, and `--no-cache` does not clear it"
            }
            Builder::Classic => {
                "the classic builder uses nothing of this cache: it prunes nothing that this build needs, and costs nothing"
            }
        };
        vec![
            prune("prune", cause, &[]),
            self.build(
                "build",
                "runs every instruction again, also those that fetch something that moved",
                &["--no-cache"],
            ),
        ]
    }

    /// Prunes the snapshots of the context, and builds with what else there is.
    pub(in crate::protocol) fn cached_build(&self) -> Vec<Step> {
        vec![
            prune(
                "prune",
                "a snapshot of the context can hold old files; what else the cache holds is found by its content",
                &["--filter", "type=source.local"],
            ),
            self.build(
                "build",
                "with cache: only what changed, and what stands below the cache-bust layer, runs again",
                &[],
            ),
        ]
    }

    /// The same without a cache, for the case that the build with cache came out stale.
    pub(in crate::protocol) fn build_again(&self) -> Vec<Step> {
        vec![
            prune("prune-again", "the build with cache came out stale: now without", &[]).if_stale(),
            self.build("build-again", "runs every instruction again", &["--no-cache"]).if_stale(),
        ]
    }

    fn build(&self, id: &'static str, cause: &'static str, flags: &[&str]) -> Step {
        let before = self.seen.server.image(&self.compose.tag).map(|i| i.id.clone());
        // By the environment, not `--build-arg`: the compose file says which arguments a build gets
        // (`CACHE_BUST: ${CACHE_BUST:-}`), and a Dockerfile without that ARG would draw a warning from the classic builder.
        let env = ["env".to_owned(), format!("CACHE_BUST={}", self.options.cache_bust)];
        let words = self.compose.argv(&[&["build"], flags, &[self.service]].concat());
        let argv = Argv::new(env.into_iter().chain(words));
        Step::new(id, Phase::Build, Place::Server, cause, argv, Probe::Rebuilt { before })
            .pre(Probe::CleanAtCommit)
            .always()
            .of(self.service)
    }

    /// A build that is taken back while the old container still runs: only the tag has moved.
    pub(in crate::protocol) fn put_tag_back(&self, step: Step) -> Step {
        if !step.builds() || self.running().is_empty() {
            return step;
        }
        let cause = "the tag is on the image that runs again".to_owned();
        step.undo(Undo { cause, argvs: vec![self.retag()] })
    }

    /// Looks into the new image, while the old container still runs.
    pub(in crate::protocol) fn check_image(&self, id: &'static str) -> Step {
        let words = self.verify_words().into_iter().chain(["--image", "--rev"].map(str::to_owned));
        let argv = Argv::new(words).commit();
        let cause = "an image with old files is not worth taking the service down for";
        Step::new(id, Phase::Build, Place::Here, cause, argv, Probe::ImageFresh)
            .always()
            .by_unstale()
            .of(self.service)
    }

    /// Starts it, as often as it ran before.
    fn up(&self) -> Argv {
        // `--no-build`: a pull policy of `build` would replace what `--no-cache` has just built by a cached build.
        let mut argv = self.compose.argv(&["up", "-d", "--no-build", "--no-deps"]);
        if self.replicas > 1 {
            argv.extend(["--scale".to_owned(), format!("{}={}", self.service, self.replicas)]);
        }
        argv.push(self.service.to_owned());
        Argv::new(argv)
    }

    /// Starts it.
    pub(in crate::protocol) fn start(&self, cause: &'static str) -> Step {
        let running = Probe::Running { replicas: self.replicas };
        Step::new("up", Phase::Up, Place::Server, cause, self.up(), running).of(self.service)
    }

    /// Replaces the container of a build that came out stale, and verifies once more.
    pub(in crate::protocol) fn start_again(&self) -> Vec<Step> {
        let remove = self.clear();
        let cause = "the container of the stale image keeps it";
        let remove = Step::new("remove-again", Phase::Up, Place::Server, cause, remove, Probe::NoContainers);
        let running = Probe::Running { replicas: self.replicas };
        let cause = "a new container from the new image";
        let up = Step::new("up-again", Phase::Up, Place::Server, cause, self.up(), running);
        let steps = [remove, up, self.verify("verify-again")];
        steps.into_iter().map(|step| step.if_stale().of(self.service)).collect()
    }

    fn verify_words(&self) -> Vec<String> {
        let words = ["unstale", "verify", self.service].map(str::to_owned);
        words.into_iter().chain(self.options.target_words.iter().cloned()).collect()
    }

    /// Verifies in the running container.
    pub(in crate::protocol) fn verify(&self, id: &'static str) -> Step {
        let stages = self.options.stages.then(|| STAGES.to_owned());
        let words = self.verify_words().into_iter().chain(stages);
        let words = words.chain(self.options.expect_words.iter().cloned());
        let argv = Argv::new(words.chain(["--rev".to_owned()])).commit();
        let cause = "the bytes that the process sees, compared with git: every step above can succeed and still serve old code";
        Step::new(id, Phase::Verify, Place::Here, cause, argv, Probe::Verified)
            .always()
            .by_unstale()
            .of(self.service)
    }

    /// Writes the ledgers.
    pub(in crate::protocol) fn record(&self) -> Vec<Step> {
        let seen = self.seen;
        let server = seen.server.git().map(|git| (Place::Server, &git.git_dir, "ledger-folder", "record"));
        let here = (Place::Here, &seen.here.git_dir, "ledger-folder-here", "record-here");
        // One checkout is both: one ledger, one line.
        let here = (server.is_none() || seen.checkouts == Checkouts::Two).then_some(here);
        let mut steps = Vec::new();
        for (place, git_dir, folder, line) in server.into_iter().chain(here) {
            let dir = format!("{git_dir}/unstale");
            steps.push(Step::new(
                folder,
                Phase::Verify,
                place,
                "the ledger lies in the git folder, where it dirties nothing",
                Argv::new(["mkdir", "-p", &dir]),
                Probe::LedgerFolder { place },
            ));
            let argv = Argv::new(["tee".to_owned(), "-a".to_owned(), format!("{dir}/ledger.ndjson")]);
            let post = Probe::Recorded { place, id: self.options.id.clone() };
            let cause = "the next deploy compares with the last verified commit";
            steps.push(Step::new(line, Phase::Verify, place, cause, argv, post).reads(Stdin::LedgerLine));
        }
        steps
    }
}

fn prune(id: &'static str, cause: &'static str, filter: &[&str]) -> Step {
    let argv = Argv::new([&["docker", "builder", "prune", "-f"], filter].concat());
    Step::new(id, Phase::Build, Place::Server, cause, argv, Probe::NoSnapshots).always()
}

/// The tag of a stage of a service's build that is looked into, and removed. No other image has it.
pub fn stage_tag(compose: &Compose, service: &str, id: &str) -> String {
    format!("unstale-stage/{}:{id}", image_name(&format!("{}-{service}", compose.project)))
}

/// The repository of the tags that keep a service's images.
pub(in crate::protocol) fn retained_name(compose: &Compose, service: &str) -> String {
    format!("{RETAINED}/{}", image_name(&format!("{}-{service}", compose.project)))
}

/// A part of an image name: lower case, and only what Docker allows.
fn image_name(text: &str) -> String {
    let clean: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .collect();
    let mut name = String::new();
    for part in clean.split('-').filter(|p| !p.is_empty()) {
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(part);
    }
    name
}
