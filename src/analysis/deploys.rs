//! Deploys: which scripts bring a change to something that goes on running, and what their steps mean for that.

use super::{Facts, links::Service, paths};
use crate::{
    model::{
        compose::MountKind,
        script::{Action, Arg, Base, Compose, Docker, Place, Script, Step, Unit},
    },
    text::{EntryKind, FileId, Snapshot},
};

/// What a step has to do with a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It changes the checkout: `git pull`, `git reset --hard origin/main`.
    Pulls,
    /// It builds images.
    Builds,
    /// It fetches images.
    Fetches,
    /// It makes containers of the images that there are, and lets them run on.
    Starts,
    /// It runs the containers that there are, with the images that they were made of.
    Restarts,
    /// It removes containers.
    Removes,
    /// It removes what the builder keeps.
    Prunes,
    /// It looks at what runs.
    Looks,
    /// Nothing of this.
    Nothing,
}

/// The role of a step. `up --build` starts; [`builds`] says that it builds, too.
pub fn role(step: &Step) -> Role {
    match &step.action {
        Action::Compose(compose) => compose_role(compose, step.asked),
        Action::Docker(docker) => docker_role(docker, step.asked),
        Action::Git(git) => match git.verb.as_str() {
            "pull" | "merge" => Role::Pulls,
            "reset" | "checkout" | "switch" => {
                let remote =
                    |text: &str| text.contains("origin/") || text == "FETCH_HEAD" || text.contains("@{u");
                let known = git.args.iter().any(|a| a.text.as_deref().is_some_and(remote));
                if known { Role::Pulls } else { Role::Nothing }
            }
            _ => Role::Nothing,
        },
        Action::Other { name, args } => {
            if looks(name.as_deref(), &args.iter().filter_map(|a| a.text.as_deref()).collect::<Vec<_>>()) {
                Role::Looks
            } else {
                Role::Nothing
            }
        }
        Action::Exit => Role::Nothing,
    }
}

fn compose_role(compose: &Compose, asked: bool) -> Role {
    match compose.verb.as_str() {
        "build" => Role::Builds,
        "pull" => Role::Fetches,
        "up" if compose.has(&["-d", "--detach", "--wait"]) => Role::Starts,
        "restart" | "start" => Role::Restarts,
        "down" | "rm" => Role::Removes,
        "exec" if changes(&compose.services) => Role::Nothing,
        "exec" | "cp" | "images" | "port" => Role::Looks,
        "ps" | "logs" if asked => Role::Looks,
        _ => Role::Nothing,
    }
}

fn docker_role(docker: &Docker, asked: bool) -> Role {
    match docker.verb.as_str() {
        "build" | "buildx build" | "image build" | "builder build" | "buildx bake" => Role::Builds,
        "pull" | "image pull" | "load" | "image load" | "import" => Role::Fetches,
        "run" | "container run" if docker.has(&["-d", "--detach"]) => Role::Starts,
        "service update" | "service create" | "stack deploy" | "stack up" | "create" | "container create" => {
            Role::Starts
        }
        "restart" | "start" | "container restart" | "container start" => Role::Restarts,
        "rm" | "container rm" | "container prune" | "stack rm" | "service rm" => Role::Removes,
        "builder prune" | "buildx prune" | "system prune" => Role::Prunes,
        "exec" | "container exec" if changes(&docker.args) => Role::Nothing,
        "exec" | "container exec" | "cp" | "container cp" | "inspect" | "image inspect"
        | "container inspect" | "diff" | "container diff" | "service inspect" | "service ps" => Role::Looks,
        "ps" | "container ls" | "logs" | "container logs" | "images" | "image ls" if asked => Role::Looks,
        _ => Role::Nothing,
    }
}

/// Whether what runs in a container changes a database or makes a server read its files, and asks nothing. The first
/// word is the container.
fn changes(words: &[Arg]) -> bool {
    const CHANGES: [&str; 8] = [
        "migrate",
        "upgrade",
        "collectstatic",
        "precompile",
        "loaddata",
        "createsuperuser",
        "compilemessages",
        "reload",
    ];
    const ASKS: [&str; 5] = ["check", "health", "curl", "wget", "version"];
    let says = |known: &[&str]| {
        let texts = words.iter().skip(1).filter_map(|word| word.text.as_deref());
        texts.into_iter().any(|text| known.iter().any(|k| text.contains(k)))
    };
    says(&CHANGES) && !says(&ASKS)
}

/// Whether another program looks at what runs: asks it over the network, or says so by its name.
fn looks(name: Option<&str>, args: &[&str]) -> bool {
    const WORDS: [&str; 9] =
        ["verify", "smoke", "health", "check", "test", "wait", "probe", "unstale", "validate"];
    let says = |text: &str| WORDS.iter().any(|word| text.to_ascii_lowercase().contains(word));
    match name {
        Some("curl" | "wget" | "http" | "https" | "httpie" | "xh") => !sends(args),
        Some(
            "nc" | "ab" | "k6" | "newman" | "goss" | "dgoss" | "siege" | "hey" | "playwright" | "cypress",
        ) => true,
        Some("test" | "[" | "[[" | "echo" | "printf" | "read") => false,
        Some("make" | "npm" | "yarn" | "pnpm" | "npx" | "just" | "task" | "bash" | "sh" | "." | "source")
        | None => args.iter().any(|arg| says(arg)),
        Some(name) => says(name),
    }
}

/// A message to somebody, or a download: no question to the service.
fn sends(args: &[&str]) -> bool {
    args.iter().any(|arg| {
        matches!(
            *arg,
            "POST"
                | "-XPOST"
                | "-d"
                | "--data"
                | "--data-raw"
                | "--form"
                | "-F"
                | "--post-data"
                | "--upload-file"
                | "-T"
        ) || ["hooks.slack", "discord", "telegram", "githubusercontent", "github.com", "get.docker.com"]
            .iter()
            .any(|known| arg.contains(known))
    })
}

/// Whether the step builds images, `up --build` included.
pub fn builds(step: &Step) -> bool {
    role(step) == Role::Builds
        || step
            .compose()
            .is_some_and(|c| matches!(c.verb.as_str(), "up" | "create" | "run") && c.has(&["--build"]))
}

/// Whether a call of Compose is about services of which the files say that none is built: `--build` does nothing there.
pub fn builds_nothing(facts: &Facts<'_>, script: &Script, step: &Step) -> bool {
    services(facts, script, step).is_some_and(|services| {
        !services.is_empty() && services.iter().all(|service| facts.model(service).build.is_none())
    })
}

/// Whether the script deploys: what it starts goes on living where it runs.
///
/// That is so over ssh, and on the own machine where the checkout is pulled or the name says it. A job of CI that starts
/// containers on the runner tests them; `make up` without any of this is a developer's.
pub fn deploys(script: &Script) -> bool {
    let mut starts =
        script.steps.iter().filter(|s| matches!(role(s), Role::Starts | Role::Restarts)).peekable();
    if starts.peek().is_none() {
        return false;
    }
    if starts.any(|s| s.place != Place::Here) {
        return true;
    }
    let named = is_deploy_name(&script.name);
    let pulls = script.steps.iter().any(|s| role(s) == Role::Pulls && s.place == Place::Here);
    match script.unit {
        Unit::Shell | Unit::Make => named || pulls,
        Unit::GitHub { self_hosted, environment } => self_hosted && (named || pulls || environment),
        Unit::GitLab { environment } => environment || named,
    }
}

/// `deploy-prod`, `update`; not `deploy-test`, which tests.
fn is_deploy_name(name: &str) -> bool {
    const DEPLOYS: [&str; 7] =
        ["deploy", "redeploy", "update", "upgrade", "release", "rollout", "deployment"];
    const TESTS: [&str; 3] = ["test", "tests", "e2e"];
    let says = |known: &[&str]| {
        name.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| known.iter().any(|k| word.eq_ignore_ascii_case(k)))
    };
    says(&DEPLOYS) && !says(&TESTS)
}

/// Whether a program is a script that may do anything.
pub fn is_script_name(name: &str) -> bool {
    name.strip_suffix(".sh").is_some()
}

/// Whether the call fetches one image.
pub fn is_pull(docker: &Docker) -> bool {
    matches!(docker.verb.as_str(), "pull" | "image pull")
}

/// Whether two steps run on the same machine.
pub fn same_place(a: &Step, b: &Step) -> bool {
    a.place == b.place
}

/// Services that a call of Compose names; `None` if a variable may name more. Empty means all of them.
pub fn named(compose: &Compose) -> Option<Vec<&str>> {
    if compose.open {
        return None;
    }
    compose.services.iter().map(|arg| arg.text.as_deref()).collect()
}

/// Whether two calls of Compose can concern one service: neither names services, or one name is in both.
pub fn overlap(a: &Compose, b: &Compose) -> bool {
    match (named(a), named(b)) {
        (Some(a), Some(b)) => a.is_empty() || b.is_empty() || a.iter().any(|name| b.contains(name)),
        _ => false,
    }
}

/// The services that a call of Compose is about, as the project's compose files have them; a service of several files
/// stands there once for each. `None` if the files, or the names, are not known.
pub fn services<'a>(facts: &'a Facts<'_>, script: &Script, step: &Step) -> Option<Vec<&'a Service>> {
    let compose = step.compose()?;
    let names = named(compose)?;
    let projects = projects(facts, script, step)?;
    let found = facts.services.iter().filter(|service| {
        let model = facts.model(service);
        projects.contains(&service.project)
            && (names.contains(&model.name.value.as_str()) || (names.is_empty() && model.profiles.is_empty()))
    });
    Some(found.collect())
}

/// The projects that a call of Compose is about, as indexes in [`Facts::projects`]: the one that its folder has by
/// default, or those that the files after `-f` name. `None` if the files are not known.
fn projects(facts: &Facts<'_>, script: &Script, step: &Step) -> Option<Vec<usize>> {
    let compose = step.compose()?;
    let options = |names: &[&str]| {
        compose.project.iter().filter(|o| names.contains(&o.name.as_str())).collect::<Vec<_>>()
    };
    if !options(&["--project-directory", "--workdir"]).is_empty() {
        return None;
    }
    let given = options(&["-f", "--file"]);
    let given: Option<Vec<&str>> = given.iter().map(|o| o.value.as_ref()?.text.as_deref()).collect();
    let given = given?;
    for dir in folders(facts.snapshot, script, step)? {
        if given.is_empty() {
            // Compose looks into the folders above, too.
            let above = std::iter::successors(Some(dir.as_str()), |dir| {
                (!dir.is_empty()).then(|| paths::parent(dir))
            });
            let mut found = above.filter_map(|dir| {
                facts.projects.iter().position(|project| project.found_in.as_deref() == Some(dir))
            });
            if let Some(found) = found.next() {
                return Some(vec![found]);
            }
            continue;
        }
        let named: Option<Vec<FileId>> =
            given.iter().map(|file| facts.snapshot.find(&paths::join(&dir, file))).collect();
        if let Some(named) = named {
            let all = facts.projects.iter().enumerate();
            return Some(all.filter(|(_, p)| named.contains(&p.file)).map(|(index, _)| index).collect());
        }
    }
    None
}

/// The folders of the project that a step's current folder can be, the likeliest first.
fn folders(snapshot: &Snapshot, script: &Script, step: &Step) -> Option<Vec<String>> {
    let own = paths::parent(&snapshot.file(script.file).path);
    let inside = |dir: String| (!dir.starts_with("..") && !dir.starts_with('/')).then_some(dir);
    match (step.dir.base, script.unit) {
        (Base::Start, Unit::GitHub { .. } | Unit::GitLab { .. }) | (Base::Checkout, _) => {
            Some(inside(paths::clean(&step.dir.path)).into_iter().collect())
        }
        (Base::OfScript, _) => Some(inside(paths::join(own, &step.dir.path)).into_iter().collect()),
        // It is started in its own folder, or in one above it.
        (Base::Start, _) => {
            let above = std::iter::successors(Some(own), |dir| (!dir.is_empty()).then(|| paths::parent(dir)));
            Some(above.filter_map(|dir| inside(paths::join(dir, &step.dir.path))).collect())
        }
        // A folder of the server is this checkout if the script itself pulls there.
        (Base::Machine, _) => {
            let checkout = |other: &Step| {
                let git = other
                    .git()
                    .filter(|git| matches!(git.verb.as_str(), "pull" | "fetch" | "reset" | "checkout"))?;
                let dir = match &git.dir {
                    Some(dir) => dir.text.clone()?,
                    None => other.dir.path.clone(),
                };
                (same_place(other, step) && (git.dir.is_some() || other.dir.base == Base::Machine))
                    .then(|| paths::clean(&dir))
            };
            let here = paths::clean(&step.dir.path);
            let below = script
                .steps
                .iter()
                .filter_map(checkout)
                .find_map(|top| paths::below(&top, &here).map(ToOwned::to_owned));
            below.map(|dir| vec![dir])
        }
        (Base::Unknown, _) => None,
    }
}

/// The Dockerfile of a `docker build`, as an index in [`Facts::dockerfiles`], where options and folder say which.
pub fn dockerfile(facts: &Facts<'_>, script: &Script, step: &Step) -> Option<usize> {
    let docker = step.docker().filter(|docker| role(step) == Role::Builds && !docker.open)?;
    let context = docker.args.last()?.text.as_deref().filter(|c| !c.contains("://") && *c != "-")?;
    let named = docker.options.iter().rfind(|o| matches!(o.name.as_str(), "-f" | "--file"));
    let file = match named {
        Some(option) => option.value.as_ref()?.text.clone()?,
        None => format!("{context}/Dockerfile"),
    };
    folders(facts.snapshot, script, step)?.into_iter().find_map(|dir| {
        let path = paths::join(&dir, &file);
        facts.dockerfiles.iter().position(|d| facts.snapshot.file(d.model.file).path == path)
    })
}

/// Whether a service gets files of the repository by a bind mount of a folder: then a change needs no build.
pub fn mounts_code(facts: &Facts<'_>, service: &Service) -> bool {
    facts.model(service).mounts.iter().filter(|m| m.kind == MountKind::Bind).any(|mount| {
        let Some(source) = mount.source.as_ref().and_then(|s| s.known.as_deref()) else { return true };
        let path = paths::join(&service.dir, source);
        // A folder that git does not know is data.
        facts.snapshot.below(&path).any(|(_, kind)| kind == EntryKind::File)
    })
}

/// An `up` that starts what `git pull` has not changed.
#[derive(Debug, Clone, Copy)]
pub struct Unbuilt<'a> {
    /// The step that pulls.
    pub pulled: usize,
    /// A service that is built from the checkout.
    pub service: &'a Service,
}

/// Whether step `at` starts services of a checkout that was pulled before it, with nothing in between that builds them
/// or brings their images.
pub fn unbuilt<'a>(facts: &'a Facts<'_>, script: &Script, at: usize) -> Option<Unbuilt<'a>> {
    let step = &script.steps[at];
    if role(step) != Role::Starts || builds(step) || step.compose().is_none() {
        return None;
    }
    let pulled = (0..at).rev().find(|before| {
        let other = &script.steps[*before];
        role(other) == Role::Pulls && same_place(other, step) && script.follows(*before, at)
    })?;
    // Where the images were removed before, `up` builds them.
    if script.steps[pulled..at].iter().any(may_build) || script.steps[..at].iter().any(removes_images) {
        return None;
    }
    let service = services(facts, script, step)?.into_iter().find(|service| needs_build(facts, service))?;
    Some(Unbuilt { pulled, service })
}

fn needs_build(facts: &Facts<'_>, service: &Service) -> bool {
    let model = facts.model(service);
    let policy = model.pull_policy.as_ref().map(|p| p.known.as_deref());
    let kept = matches!(policy, None | Some(Some("missing" | "never" | "if_not_present")));
    model.build.is_some() && kept && !mounts_code(facts, service)
}

fn removes_images(step: &Step) -> bool {
    match &step.action {
        Action::Compose(c) => c.has(&["--rmi"]),
        Action::Docker(d) => matches!(d.verb.as_str(), "rmi" | "image rm" | "image prune" | "system prune"),
        _ => false,
    }
}

/// Whether the step builds, brings images from elsewhere, or is a program that may.
fn may_build(step: &Step) -> bool {
    if builds(step) || role(step) == Role::Fetches {
        return true;
    }
    match &step.action {
        Action::Compose(c) => c.open,
        Action::Docker(d) => matches!(d.verb.as_str(), "tag" | "image tag" | ""),
        Action::Other { name, args } => {
            let says = |text: &str| text.contains("build") || text.contains("docker") || is_script_name(text);
            let runs = ["make", "just", "task", "npm", "yarn", "pnpm", "bash", "sh", ".", "source"];
            name.as_deref().is_none_or(|name| says(name) || runs.contains(&name))
                || args.iter().any(|arg| arg.text.as_deref().is_some_and(|t| t.contains("build")))
        }
        _ => false,
    }
}
