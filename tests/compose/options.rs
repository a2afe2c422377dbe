//! What a service says besides its build and its mounts.

use unstale::{
    model::compose::{Service, Sharing, Value, Variable},
    text::Location,
};

use super::read_with;

#[track_caller]
fn service(body: &str) -> (String, Service) {
    let text = format!("services:\n  web:\n{body}");
    let model = read_with(&text, "SET=8080\nPAIR=80:90\n");
    assert_eq!(model.errors, [], "{text}");
    let service = model.services.into_iter().next().unwrap();
    (text, service)
}

fn known(value: &Value) -> &str {
    value.known.as_deref().unwrap_or("?")
}

fn all(values: &[Value]) -> Vec<&str> {
    values.iter().map(known).collect()
}

fn pairs(variables: &[Variable]) -> Vec<(&str, Option<&str>)> {
    variables.iter().map(|v| (v.name.value.as_str(), v.value.as_ref().map(known))).collect()
}

fn at(text: &str, at: Location) -> &str {
    &text[at.span.range()]
}

#[test]
fn environment_as_mapping_and_list() {
    for body in [
        "    environment: {A: 1, B: , C: \"${SET}\", D: $OUT}\n",
        "    environment: [A=1, B, 'C=${SET}', D=$OUT]\n",
    ] {
        let (_, web) = service(body);
        let want = [("A", Some("1")), ("B", None), ("C", Some("8080")), ("D", Some("?"))];
        assert_eq!(pairs(&web.environment), want, "{body}");
    }
}

#[test]
fn env_file_in_every_form() {
    let (_, one) = service("    env_file: .env.prod\n");
    assert_eq!(known(&one.env_files[0].path), ".env.prod");
    let (text, many) = service(
        "    env_file:\n      - a.env\n      - path: b.env\n        required: false\n        format: raw\n      - {path: c.env, required: $OUT}\n",
    );
    let flat: Vec<_> =
        many.env_files.iter().map(|e| (known(&e.path), e.required, e.format.as_ref().map(known))).collect();
    assert_eq!(
        flat,
        [("a.env", Some(true), None), ("b.env", Some(false), Some("raw")), ("c.env", None, None)]
    );
    assert_eq!(at(&text, many.env_files[2].at), "{path: c.env, required: $OUT}");
}

#[test]
fn ports_in_every_form() {
    for (port, published, target, shown) in [
        ("80", None, "80", "80"),
        ("'8080:80'", Some("8080"), "80", "80"),
        ("127.0.0.1:8080:80/udp", Some("8080"), "80", "80"),
        ("'127.0.0.1::80'", None, "80", "80"),
        ("'[::1]:8000-8010:80-90'", Some("8000-8010"), "80-90", "80-90"),
        ("'${SET}:80'", Some("8080"), "80", "80"),
        ("'${P:-1:2}:80'", Some("2"), "80", "80"),
        ("'${OUT}:80'", Some("?"), "80", "80"),
        ("'${OUT}80'", None, "?", "${OUT}80"),
        ("'${PAIR}'", Some("80"), "90", "'${PAIR}'"),
        ("{target: 80}", None, "80", "80"),
        ("{target: 80, published: '81'}", Some("81"), "80", "80"),
    ] {
        let (text, web) = service(&format!("    ports:\n      - {port}\n"));
        let [found] = web.ports.as_slice() else { panic!("{port}: {:?}", web.ports) };
        assert_eq!(
            (found.published.as_ref().map(known), known(&found.target)),
            (published, target),
            "{port}"
        );
        assert_eq!(at(&text, found.target.at), shown, "{port}");
    }
}

#[test]
fn health_is_on_off_or_left_to_the_image() {
    for (body, want) in [
        ("    image: x\n", None),
        ("    healthcheck: {test: curl x}\n", Some((false, true))),
        ("    healthcheck: {interval: 5s}\n", Some((false, false))),
        ("    healthcheck: {disable: true}\n", Some((true, false))),
        ("    healthcheck: {test: [NONE]}\n", Some((true, true))),
    ] {
        let (_, web) = service(body);
        assert_eq!(web.healthcheck.map(|h| (h.disabled, h.test)), want, "{body}");
    }
}

#[test]
fn names_and_presence() {
    let (text, web) = service(
        "    command: run\n    entrypoint:\n    deploy: {replicas: 2}\n    profiles: [a, b]\n    depends_on: {db: {condition: service_started}, mq: {condition: service_healthy}}\n    volumes_from: [db:ro]\n",
    );
    assert_eq!(web.command.map(|c| at(&text, c)), Some("command"));
    assert_eq!((web.entrypoint, web.deploy.is_some()), (None, true));
    assert_eq!((all(&web.profiles), all(&web.depends_on)), (vec!["a", "b"], vec!["db", "mq"]));
    assert_eq!(all(&web.volumes_from), ["db:ro"]);
    assert_eq!(all(&service("    depends_on: [db]\n").1.depends_on), ["db"]);
}

#[test]
fn watches() {
    let (text, web) = service(
        "    develop:\n      watch:\n        - {action: sync, path: ./src, target: /app}\n        - action: rebuild\n          path: package.json\n",
    );
    let flat: Vec<_> = web
        .watch
        .iter()
        .map(|w| [&w.action, &w.path, &w.target].map(|v| v.as_ref().map_or("-", known)))
        .collect();
    assert_eq!(flat, [["sync", "./src", "/app"], ["rebuild", "package.json", "-"]]);
    assert_eq!(at(&text, web.watch[0].at), "{action: sync, path: ./src, target: /app}");
}

#[test]
fn what_builds_say_about_the_cache() {
    let (_, web) = service(
        "    build:\n      context: .\n      cache_from: [a, type=local]\n      no_cache: true\n      pull: ${OUT}\n      tags: [x:1]\n      additional_contexts: {base: service:db, img: docker-image://x}\n",
    );
    let build = web.build.unwrap();
    assert_eq!((all(&build.cache_from), all(&build.tags)), (vec!["a", "type=local"], vec!["x:1"]));
    assert_eq!(build.no_cache.as_ref().map(known), Some("true"));
    assert_eq!(build.pull.as_ref().map(known), Some("?"));
    assert_eq!(pairs(&build.contexts), [("base", Some("service:db")), ("img", Some("docker-image://x"))]);
}

#[test]
fn configs_and_secrets() {
    let text = "services:\n  web:\n    configs: [app]\n    secrets:\n      - key\n      - {source: cert, target: /etc/cert}\nconfigs:\n  app: {file: ./app.conf}\nsecrets:\n  key: {environment: KEY}\n";
    let model = read_with(text, "");
    let grants: Vec<_> = model.services[0]
        .grants
        .iter()
        .map(|g| (g.kind, known(&g.source), g.target.as_ref().map(known)))
        .collect();
    assert_eq!(
        grants,
        [
            (Sharing::Config, "app", None),
            (Sharing::Secret, "key", None),
            (Sharing::Secret, "cert", Some("/etc/cert"))
        ]
    );
    let shared: Vec<_> =
        model.shared.iter().map(|s| (s.kind, s.key.value.as_str(), s.file.as_ref().map(known))).collect();
    assert_eq!(shared, [(Sharing::Config, "app", Some("./app.conf")), (Sharing::Secret, "key", None)]);
}
