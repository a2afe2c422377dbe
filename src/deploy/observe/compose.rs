//! What Compose on the server says of the project: `docker compose config`, of either generation.

use serde_json::Value;

use super::{Subject, text};
use crate::{
    deploy::frames::Answers,
    protocol::{BuildSource, Compose, Generation, Port, Server, Wants},
};

pub(super) fn read_compose(
    answers: &Answers,
    subject: Subject<'_>,
    files: &[String],
    server: &Server,
) -> Result<Compose, String> {
    let generation = match answers.get("compose").words().as_str() {
        "docker compose" => Generation::Plugin,
        "docker-compose" => Generation::Standalone,
        _ => return Err("neither `docker compose` nor `docker-compose` is there".into()),
    };
    let config = answers.get("config");
    let Some(text) = config.text() else { return Err(config.words().replace('\n', "; ")) };
    let dir = server.dir.clone().unwrap_or_default();
    let file = match generation {
        Generation::Plugin => match config_json(&text, subject.service) {
            Some(file) => file,
            None => return Err("`docker compose config` gave something else than JSON".into()),
        },
        Generation::Standalone => config_yaml(&text, subject.service),
    };
    let running =
        server.containers.iter().flatten().find(|c| server.is_dir(&c.working_dir)).map(|c| c.project.clone());
    let known = subject.known.map(|compose| compose.project.clone());
    let project = running.or(known).or(file.name).unwrap_or_else(|| {
        let wish = answers.get("project").words();
        let wish = wish
            .lines()
            .find(|l| !l.trim().is_empty())
            .map(|l| l.trim().trim_matches(['"', '\'']).to_owned());
        project_name(&wish.unwrap_or_else(|| dir.rsplit('/').next().unwrap_or_default().to_owned()))
    });
    let glue = if generation == Generation::Plugin { '-' } else { '_' };
    let tag = file.image.unwrap_or_else(|| format!("{project}{glue}{}", subject.service));
    Ok(Compose {
        generation,
        project,
        files: files.to_vec(),
        services: file.services,
        tag,
        build: file.build,
        wants: file.wants,
    })
}

/// Compose's own rule: lower case, only `[a-z0-9_-]`, no `_` or `-` in front.
fn project_name(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

#[derive(Default)]
struct ComposeFile {
    name: Option<String>,
    services: Vec<String>,
    image: Option<String>,
    build: Option<BuildSource>,
    wants: Wants,
}

fn config_json(text: &str, service: &str) -> Option<ComposeFile> {
    let value: Value = serde_json::from_str(text).ok()?;
    let services = value.get("services")?.as_object()?;
    let ours = services.get(service);
    Some(ComposeFile {
        name: value.get("name").and_then(Value::as_str).map(str::to_owned),
        services: services.keys().cloned().collect(),
        image: ours.and_then(|s| s.get("image")).and_then(Value::as_str).map(str::to_owned),
        build: ours.and_then(|s| s.get("build")).filter(|b| !b.is_null()).map(build_source),
        wants: ours.map(wants).unwrap_or_default(),
    })
}

fn wants(service: &Value) -> Wants {
    let list = |key: &str| service.get(key).and_then(Value::as_array).into_iter().flatten();
    let ports = list("ports").filter_map(|port| {
        let number = match port.get("published")? {
            Value::String(number) => number.clone(),
            number => number.to_string(),
        };
        let protocol = Some(text(port, "protocol")).filter(|p| !p.is_empty()).unwrap_or("tcp");
        Port::parse(&format!("{}:{number}", text(port, "host_ip")), protocol)
    });
    let binds = list("volumes").filter(|v| text(v, "type") == "bind").map(|v| text(v, "source").to_owned());
    Wants {
        name: Some(text(service, "container_name").to_owned()).filter(|name| !name.is_empty()),
        ports: ports.collect(),
        binds: binds.collect(),
    }
}

fn build_source(build: &Value) -> BuildSource {
    let dockerfile = Some(text(build, "dockerfile")).filter(|d| !d.is_empty()).unwrap_or(DOCKERFILE);
    BuildSource {
        context: text(build, "context").to_owned(),
        dockerfile: dockerfile.to_owned(),
        target: text(build, "target").to_owned(),
        more: ["additional_contexts", "dockerfile_inline"].iter().any(|key| build.get(key).is_some()),
    }
}

/// What Compose takes if a build names no other.
const DOCKERFILE: &str = "Dockerfile";

/// `docker-compose config` always writes the same block style, two spaces a level and lists not indented, which is all
/// that is read here.
fn config_yaml(text: &str, service: &str) -> ComposeFile {
    let mut file = ComposeFile::default();
    let (mut section, mut field) = ("", "");
    let mut current = String::new();
    // Of `ports` and `volumes`: which of the two, and the lines.
    let mut items: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let ours = section == "services" && current == service;
        if let (4, Some(item), true) = (depth, line.trim_start().strip_prefix("- "), ours) {
            items.push((field, vec![item]));
            continue;
        }
        let Some((key, value)) = line.trim_start().split_once(':') else { continue };
        let (key, value) = (bare(key), bare(value));
        if depth == 4 {
            field = key;
        }
        match depth {
            0 => section = key,
            2 if section == "services" => {
                key.clone_into(&mut current);
                file.services.push(key.to_owned());
            }
            4 if ours => match key {
                "image" => file.image = Some(value.to_owned()),
                "container_name" => file.wants.name = Some(value.to_owned()),
                "build" => {
                    let (context, dockerfile) = (value.to_owned(), DOCKERFILE.to_owned());
                    file.build = Some(BuildSource { context, dockerfile, ..BuildSource::default() });
                }
                _ => {}
            },
            6 if ours && field == "build" => {
                if let Some(build) = &mut file.build {
                    match key {
                        "context" => value.clone_into(&mut build.context),
                        "dockerfile" => value.clone_into(&mut build.dockerfile),
                        "target" => value.clone_into(&mut build.target),
                        _ => {}
                    }
                }
            }
            6 if ours => {
                if let Some((_, lines)) = items.last_mut().filter(|(of, _)| *of == field) {
                    lines.push(line.trim_start());
                }
            }
            _ => {}
        }
    }
    file.wants.ports =
        items.iter().filter(|(of, _)| *of == "ports").filter_map(|(_, l)| port_item(l)).collect();
    file.wants.binds =
        items.iter().filter(|(of, _)| *of == "volumes").filter_map(|(_, l)| bind_item(l)).collect();
    file
}

fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// The value of a key of a list's item.
fn of_item<'a>(lines: &[&'a str], key: &str) -> Option<&'a str> {
    let of_key = |line: &&'a str| line.strip_prefix(key)?.strip_prefix(": ").map(bare);
    lines.iter().find_map(of_key)
}

/// `127.0.0.1:8000:80/tcp`, or `published` and `target` on lines of their own.
fn port_item(lines: &[&str]) -> Option<Port> {
    if let Some(number) = of_item(lines, "published") {
        let (ip, protocol) = (of_item(lines, "host_ip"), of_item(lines, "protocol"));
        return Port::parse(&format!("{}:{number}", ip.unwrap_or_default()), protocol.unwrap_or("tcp"));
    }
    let (ports, protocol) = bare(lines.first()?).split_once('/')?;
    let (host, _) = ports.rsplit_once(':')?;
    Port::parse(host, protocol)
}

/// `/from:/to:rw`, or `source` and `type` on lines of their own.
fn bind_item(lines: &[&str]) -> Option<String> {
    match of_item(lines, "type") {
        Some("bind") => of_item(lines, "source").map(str::to_owned),
        Some(_) => None,
        None => {
            let item = bare(lines.first()?);
            let (from, _) = item.split_once(":/")?;
            from.starts_with('/').then(|| from.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_style_of_compose_1_is_read() {
        let text = "networks:\n  web: {}\nservices:\n  db:\n    image: postgres:16\n  web:\n    build:\n      context: /opt/x\n      dockerfile: d/web\n      image: no\n    image: 'shop:1'\nversion: '3'\nvolumes:\n  web:\n    image: no\n";
        let web = config_yaml(text, "web");
        assert_eq!((web.services.join(" ").as_str(), web.image.as_deref()), ("db web", Some("shop:1")));
        let build = web.build.expect("it builds");
        assert_eq!(
            (build.context.as_str(), build.dockerfile.as_str(), build.target.as_str()),
            ("/opt/x", "d/web", "")
        );
        assert_eq!(config_yaml(text, "db").build, None);
    }

    #[test]
    fn json_of_compose_2_is_read() {
        let text = r#"{"name":"shop","services":{"web":{"build":{"context":"/x"},"image":"shop"},"db":{"build":null}}}"#;
        let web = config_json(text, "web").expect("JSON");
        assert_eq!((web.name.as_deref(), web.image.as_deref()), (Some("shop"), Some("shop")));
        let build = web.build.expect("it builds");
        assert_eq!(
            (build.context.as_str(), build.dockerfile.as_str(), build.more),
            ("/x", "Dockerfile", false)
        );
        assert_eq!(config_json(text, "db").expect("JSON").build, None);
        assert!(config_json("services: {}", "web").is_none());
    }

    #[test]
    fn a_folder_names_a_project_as_compose_does() {
        for (folder, project) in [("My App.v2", "myappv2"), ("_x-y_", "x-y_"), ("shop", "shop"), ("é", "")] {
            assert_eq!(project_name(folder), project);
        }
    }

    #[test]
    fn what_the_container_wants_is_read_of_both_generations() {
        let yaml = "services:\n  web:\n    container_name: my-web\n    ports:\n    - 127.0.0.1:8000:8000/tcp\n    - published: 8001\n      target: 8000\n    - protocol: udp\n      published: 53\n      target: 53\n    - target: 7000\n    - ::1:6000:6000/tcp\n    - published: 9000-9010\n      target: 5000\n    volumes:\n    - /opt/x/conf:/etc/conf:ro\n    - data:/data:rw\n    - source: /opt/x y\n      target: /x\n      type: bind\nversion: '3.9'\n";
        let json = r#"{"services":{"web":{"container_name":"my-web","ports":[{"host_ip":"127.0.0.1","target":8000,"published":"8000","protocol":"tcp"},{"target":8000,"published":"8001","protocol":"tcp"},{"target":53,"published":"53","protocol":"udp"},{"target":7000,"protocol":"tcp"},{"host_ip":"::1","target":6000,"published":"6000","protocol":"tcp"},{"target":5000,"published":"9000-9010","protocol":"tcp"}],"volumes":[{"type":"bind","source":"/opt/x/conf","target":"/etc/conf"},{"type":"volume","source":"data","target":"/data"},{"type":"bind","source":"/opt/x y","target":"/x"}]}}}"#;
        let wants = config_yaml(yaml, "web").wants;
        assert_eq!(Some(&wants), config_json(json, "web").map(|file| file.wants).as_ref());
        let ports: Vec<String> = wants.ports.iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["127.0.0.1:8000", "8001", "53/udp", "[::1]:6000"]);
        assert_eq!(
            (wants.name.as_deref(), wants.binds),
            (Some("my-web"), vec!["/opt/x/conf".to_owned(), "/opt/x y".to_owned()])
        );
    }
}
