//! The fixed list of read-only questions to the server, and what their answers mean.

mod compose;
mod git;
mod site;

use serde_json::Value;

use compose::read_compose;

use super::{
    frames::{Answers, Questions},
    transport::{Lost, Transport},
};
use crate::protocol::{
    Builder, Compose, Container, Ended, Engine, Health, Image, ImageId, LedgerFile, Moment, Mount,
    MountSource, Question, Server, Sha,
};

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) dir: &'a str,
    pub(super) service: &'a str,
    pub(super) commit: Option<&'a Sha>,
    /// What is known of the project: without a container nothing else tells its name and its files.
    pub(super) known: Option<&'a Compose>,
}

impl<'a> Subject<'a> {
    /// The compose files, where they are known not to be the ones that Compose finds by itself.
    fn files(self) -> &'a [String] {
        self.known.map(|compose| compose.files.as_slice()).unwrap_or_default()
    }
}

/// Asks the server, in one round trip; in two when the service turns out to have been started with compose files of its
/// own choice.
pub(super) fn ask(to: &dyn Transport, subject: Subject<'_>, about: &[Question]) -> Result<Server, Lost> {
    let answers = questions_on(subject, about).send(to)?;
    understand(to, &answers, subject, about)
}

/// Reads the answers to [`questions_on`], and asks on if Compose has to be asked with other files.
pub(super) fn understand(
    to: &dyn Transport,
    answers: &Answers,
    subject: Subject<'_>,
    about: &[Question],
) -> Result<Server, Lost> {
    let mut server = read(answers, subject, about);
    if about.contains(&Question::Compose) {
        let files = chosen_files(&server).filter(|files| files != subject.files());
        if let Some(files) = files {
            let subject = Subject { known: None, ..subject };
            let answers = questions(subject, &files, &[Question::Compose]).send(to)?;
            server.compose = Some(read_compose(&answers, subject, &files, &server));
        }
    }
    Ok(server)
}

/// Puts what was asked in the place of what was known.
pub(super) fn take_in(old: &mut Server, new: Server, about: &[Question]) {
    (old.now, old.answered) = (new.now, new.answered);
    old.git = new.git.or(old.git.take());
    old.engine = new.engine.or(old.engine.take());
    old.running = new.running.or(old.running.take());
    old.compose = new.compose.or(old.compose.take());
    old.ledger = new.ledger.or(old.ledger.take());
    old.site = new.site.or(old.site.take());
    old.lock = new.lock.or(old.lock.take());
    // A question that failed has no old answer: what was true before says nothing now.
    if about.contains(&Question::Containers) {
        old.containers = new.containers;
    }
    if about.contains(&Question::Images) {
        old.images = new.images;
    }
    if about.contains(&Question::BuildCache) {
        old.snapshots = new.snapshots;
    }
}

/// Whether a question has an answer.
pub(super) fn is_answered(server: &Server, question: Question) -> bool {
    match question {
        Question::Git => server.git().is_some(),
        Question::Engine => server.engine().is_some(),
        Question::Compose => server.compose().is_some(),
        Question::Containers => server.containers.is_some(),
        Question::Images => server.images.is_some(),
        Question::BuildCache => server.snapshots.is_some(),
        Question::Ledger => server.ledger.is_some(),
        Question::Site => server.site.is_some(),
        Question::Lock => server.lock.is_some(),
        Question::Here => false,
    }
}

/// Compose files that the service's container names, where Compose would not find them by itself; `None` without one.
fn chosen_files(server: &Server) -> Option<Vec<String>> {
    let dir = server.dir.clone().unwrap_or_default();
    let container = server.containers.iter().flatten().find(|c| server.is_dir(&c.working_dir))?;
    let default = |file: &String| {
        let name = file.strip_prefix(&format!("{dir}/")).unwrap_or(file);
        let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
        matches!(stem, Some("compose" | "docker-compose" | "compose.override" | "docker-compose.override"))
    };
    let found = container.config_files.iter().all(default);
    Some(if found { Vec::new() } else { container.config_files.clone() })
}

fn quote(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
}

/// The questions about a subject as it is known.
pub(super) fn questions_on(subject: Subject<'_>, about: &[Question]) -> Questions {
    questions(subject, subject.files(), about)
}

fn questions(subject: Subject<'_>, files: &[String], about: &[Question]) -> Questions {
    let mut q = Questions::new();
    q.line(&format!("there=; cd -- {} 2>/dev/null && there=1 || cd /", quote(subject.dir)));
    q.ask("dir", "[ -n \"$there\" ] && pwd -P");
    q.ask("named", "[ -n \"$there\" ] && pwd -L");
    q.ask("now", NOW);
    for question in about {
        match question {
            Question::Git => git::ask(&mut q, subject),
            Question::Engine => {
                q.ask("engine", "docker version --format '{{.Server.Version}}' 2>&1");
                q.ask(
                    "buildkit",
                    "printf '%s\\n%s\\n' \"${DOCKER_BUILDKIT-}\" \"${COMPOSE_DOCKER_CLI_BUILD-}\"",
                );
                q.ask("plugin", "docker compose version");
                q.ask("running", "docker ps --format '{{.Names}}'");
            }
            Question::Compose => {
                let flags = files.iter().flat_map(|f| [" -f ".to_owned(), quote(f)]).collect::<String>();
                q.line("c=; if docker compose version >/dev/null 2>&1; then c='docker compose'; f='--format json'; elif docker-compose version >/dev/null 2>&1; then c=docker-compose; f=; fi");
                q.ask("compose", "printf '%s\\n' \"$c\"");
                q.ask(
                    "config",
                    &format!("[ -n \"$c\" ] && {{ o=$($c{flags} config $f 2>/dev/null) && printf '%s\\n' \"$o\" || {{ $c{flags} config -q 2>&1; false; }}; }}"),
                );
                q.ask(
                    "project",
                    "printf '%s\\n' \"${COMPOSE_PROJECT_NAME-}\"; sed -n 's/^COMPOSE_PROJECT_NAME=//p' .env",
                );
            }
            Question::Containers => {
                let filter = quote(&format!("label=com.docker.compose.service={}", subject.service));
                q.line(&format!("i=$(docker ps -aq --no-trunc --filter {filter} 2>/dev/null); r=$?"));
                q.ask("containers-rc", "[ $r = 0 ]");
                q.ask(
                    "containers",
                    &format!("[ -z \"$i\" ] || docker inspect --type container --format '{CONTAINER}' $i"),
                );
            }
            Question::Images => {
                q.line("i=$(docker image ls -q --no-trunc 2>/dev/null); r=$?");
                q.ask("images-rc", "[ $r = 0 ]");
                q.ask("images", &format!("[ -z \"$i\" ] || docker image inspect --format '{IMAGE}' $(printf '%s\\n' $i | sort -u)"));
            }
            Question::BuildCache => q.ask("cache", "docker system df -v --format '{{json .BuildCache}}'"),
            Question::Ledger => {
                q.line("d=$(git rev-parse --absolute-git-dir 2>/dev/null)/unstale");
                q.ask("ledger-folder", "[ -d \"$d\" ]");
                // A line of ours is small; a longer one is damaged, and cut it cannot be read.
                q.ask("ledger", "tail -c 4000000 \"$d/ledger.ndjson\" | tail -n 1000 | cut -b1-16384");
            }
            Question::Site => {
                site::ask(&mut q, subject);
                git::ask_lfs(&mut q);
            }
            Question::Lock => super::worker::ask_lock(&mut q),
            Question::Here => {}
        }
    }
    q.ask("answered", NOW);
    q
}

// Not every `date` knows `%N`.
const NOW: &str = "date -u +%s.%N";
// Chosen fields: what `inspect` prints whole also holds the environment, and secrets with it.
const CONTAINER: &str = r#"{"id":{{json .ID}},"name":{{json .Name}},"image":{{json .Image}},"created":{{json .Created}},"labels":{{json .Config.Labels}},"state":{{json .State}},"restarts":{{json .RestartCount}},"mounts":{{json .Mounts}},"tmpfs":{{json .HostConfig.Tmpfs}}}"#;
const IMAGE: &str =
    r#"{"id":{{json .Id}},"tags":{{json .RepoTags}},"tagged":{{json .Metadata.LastTagTime}}}"#;

fn read(answers: &Answers, subject: Subject<'_>, about: &[Question]) -> Server {
    let asked = |question| about.contains(&question);
    let clock = |name| Moment::of_epoch(&answers.get(name).words()).unwrap_or(Moment::seconds(0));
    let mut server = Server {
        dir: answers.get("dir").text(),
        named: answers.get("named").text(),
        now: clock("now"),
        answered: clock("answered"),
        git: asked(Question::Git).then(|| git::read(answers)),
        engine: asked(Question::Engine).then(|| read_engine(answers)),
        running: answers.get("running").text().map(|names| names.lines().map(str::to_owned).collect()),
        compose: None,
        containers: None,
        images: None,
        snapshots: None,
        ledger: None,
        site: asked(Question::Site).then(|| site::read(answers)),
        lock: asked(Question::Lock).then(|| super::worker::read_lock(answers)),
    };
    // A container that vanished in between makes `inspect` fail too, after it printed the others.
    let told = |name: &str| {
        let answer = answers.get(name);
        answers.get(&format!("{name}-rc")).code == 0 && (answer.code == 0 || !answer.words().is_empty())
    };
    if asked(Question::Containers) && told("containers") {
        let mut containers: Vec<Container> =
            json_lines(answers, "containers").filter_map(|v| container(&v)).collect();
        containers.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        server.containers = Some(containers);
    }
    if asked(Question::Images) && told("images") {
        server.images = Some(json_lines(answers, "images").filter_map(|v| image(&v)).collect());
    }
    if asked(Question::Compose) {
        server.compose = Some(read_compose(answers, subject, subject.files(), &server));
    }
    if asked(Question::BuildCache) {
        server.snapshots = snapshots(&answers.get("cache").words());
    }
    if asked(Question::Ledger) {
        let folder = answers.get("ledger-folder").code == 0;
        server.ledger = Some(LedgerFile { folder, lines: answers.get("ledger").lines() });
    }
    server
}

fn read_engine(answers: &Answers) -> Result<Engine, String> {
    let Some(version) = answers.get("engine").text().filter(|v| v.starts_with(|c: char| c.is_ascii_digit()))
    else {
        let words = answers.get("engine").words();
        return Err(if words.is_empty() { "it is not installed".into() } else { words.replace('\n', "; ") });
    };
    let major: u32 = version.split('.').next().and_then(|m| m.parse().ok()).unwrap_or(0);
    let environment = answers.get("buildkit").words();
    let mut lines = environment.lines();
    let wish = lines.next().unwrap_or_default().trim().to_lowercase();
    let python = matches!(lines.next().map(str::trim), Some("0" | "false"));
    let plugin = answers.get("plugin").code == 0;
    // `docker compose` brings BuildKit along; `docker-compose` 1 asks the `docker` client, whose default is BuildKit
    // since 23, or builds by itself, the classic way.
    let builder = match wish.as_str() {
        "0" | "false" => Builder::Classic,
        "" if !plugin && (major < 23 || python) => Builder::Classic,
        _ if !plugin && python => Builder::Classic,
        _ => Builder::BuildKit,
    };
    Ok(Engine { version, builder })
}

fn json_lines(answers: &Answers, name: &str) -> impl Iterator<Item = Value> {
    answers.get(name).lines().into_iter().filter_map(|l| serde_json::from_str(&l).ok())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn container(value: &Value) -> Option<Container> {
    let label = |name: &str| text(&value["labels"], &format!("com.docker.compose.{name}")).to_owned();
    if label("oneoff") == "True" {
        return None;
    }
    let state = &value["state"];
    let health = match state["Health"].get("Status").and_then(Value::as_str) {
        Some("healthy") => Health::Healthy,
        Some("unhealthy") => Health::Unhealthy,
        Some("starting") => Health::Starting,
        _ => Health::None,
    };
    let mut mounts: Vec<Mount> = value["mounts"].as_array().into_iter().flatten().map(mount).collect();
    for target in value["tmpfs"].as_object().into_iter().flat_map(|o| o.keys()) {
        mounts.push(Mount { source: MountSource::Tmpfs, target: target.clone() });
    }
    let files = label("project.config_files");
    Some(Container {
        id: text(value, "id").to_owned(),
        name: text(value, "name").trim_start_matches('/').to_owned(),
        image: ImageId(text(value, "image").to_owned()),
        status: text(state, "Status").to_owned(),
        pid: state["Pid"].as_u64().and_then(|p| u32::try_from(p).ok()).unwrap_or(0),
        created: Moment::parse(text(value, "created")),
        started: Moment::parse(text(state, "StartedAt")),
        restarts: value["restarts"].as_u64().unwrap_or(0),
        health,
        ended: ended(state),
        mounts,
        project: label("project"),
        working_dir: label("project.working_dir"),
        config_files: files.split(',').filter(|f| !f.is_empty()).map(str::to_owned).collect(),
    })
}

fn ended(state: &Value) -> Option<Ended> {
    let over = matches!(text(state, "Status"), "exited" | "dead" | "restarting");
    let code = state["ExitCode"].as_i64().filter(|_| over)?;
    Some(Ended { code, for_memory: state["OOMKilled"] == true })
}

fn mount(value: &Value) -> Mount {
    let (name, source) = (text(value, "Name").to_owned(), text(value, "Source").to_owned());
    let hex = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let source = match text(value, "Type") {
        "volume" if hex => MountSource::Anonymous(name),
        "volume" => MountSource::Named(name),
        "tmpfs" => MountSource::Tmpfs,
        _ => MountSource::Bind(source),
    };
    Mount { source, target: text(value, "Destination").to_owned() }
}

fn image(value: &Value) -> Option<Image> {
    Some(Image {
        id: ImageId(value.get("id")?.as_str()?.to_owned()),
        tags: value["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        tagged: Moment::parse(text(value, "tagged")),
    })
}

fn snapshots(text: &str) -> Option<u64> {
    let value: Value = serde_json::from_str(text).ok()?;
    let word =
        |r: &Value, key: &str| r.get(key).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let records = value.as_array()?;
    let free = records.iter().filter(|r| {
        word(r, "CacheType").as_deref() == Some("source.local") && word(r, "InUse").as_deref() != Some("true")
    });
    Some(free.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_context_snapshots_that_nothing_uses_count() {
        let text = r#"[{"CacheType":"source.local","InUse":"false"},{"CacheType":"source.local","InUse":"true"},{"CacheType":"regular","InUse":"false"},{"CacheType":"regular","InUse":"false"}]"#;
        assert_eq!(snapshots(text), Some(1));
        assert_eq!(snapshots("[]"), Some(0));
        assert_eq!(snapshots("template: error"), None);
    }
}
