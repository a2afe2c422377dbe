//! Every form that a compose file may use for a build, a mount, a volume.

use proptest::prelude::*;
use unstale::{
    model::compose::{self, Compose, Env, Layout, Mount, MountKind, Origin, Value},
    text::FileId,
};

use super::{read, read_with};

#[track_caller]
fn clean(text: &str) -> Compose {
    let model = read(text);
    assert_eq!(model.errors, [], "{text}");
    model
}

fn known(value: Option<&Value>) -> Option<&str> {
    value.and_then(|v| v.known.as_deref())
}

fn service(body: &str) -> String {
    format!("services:\n  web:\n{body}")
}

#[test]
fn build_in_every_form() {
    for (body, origin, context, dockerfile) in [
        ("    build: ./app\n", Origin::Scalar, Some("./app"), None),
        ("    build: {context: a, dockerfile: b}\n", Origin::Mapping, Some("a"), Some("b")),
        ("    build:\n      context: 'a'\n      dockerfile: \"b\"\n", Origin::Mapping, Some("a"), Some("b")),
        ("    build:\n      dockerfile: b\n", Origin::Mapping, None, Some("b")),
        ("    build: !override\n      context: a\n", Origin::Mapping, Some("a"), None),
        ("    build: *b\nx-b: &q\n", Origin::Alias, Some("m"), None),
        ("    <<: *s\nx-b: &q\n", Origin::Merge, Some("s"), None),
        ("    build:\n      <<: *b\n      dockerfile: d\nx-b: &q\n", Origin::Mapping, Some("m"), Some("d")),
        ("    build:\n      <<: [*b, *c]\nx-b: &q\n", Origin::Mapping, Some("m"), Some("c")),
    ] {
        let text = if body.contains("x-b") {
            let body = body.replace("x-b: &q\n", "");
            format!(
                "x-b: &b {{context: m}}\nx-c: &c {{context: n, dockerfile: c}}\nx-s: &s\n  build: s\n{}",
                service(&body)
            )
        } else {
            service(body)
        };
        let model = clean(&text);
        let build = model.services[0].build.as_ref().unwrap();
        assert_eq!(
            (build.origin, known(build.context.as_ref()), known(build.dockerfile.as_ref())),
            (origin, context, dockerfile),
            "{text}"
        );
        let context = build.context.as_ref().map(|c| text[c.at.span.range()].trim_matches(['"', '\'']));
        assert_eq!(
            context,
            known(build.context.as_ref()),
            "the span is the anchor's for what comes from one"
        );
    }
    assert!(clean(&service("    build: !reset null\n    image: x\n")).services[0].build.is_none());
    assert!(read(&service("    build:\n    image: x\n")).services[0].build.is_none());
    let inline = clean(&service("    build:\n      dockerfile_inline: |\n        FROM x\n      target: t\n"));
    let build = inline.services[0].build.as_ref().unwrap();
    assert_eq!((known(build.inline.as_ref()), known(build.target.as_ref())), (Some("FROM x\n"), Some("t")));
}

#[test]
fn args_as_mapping_and_list() {
    let text = service("    build:\n      args:\n        A: 1\n        B:\n        C: ${X:-y}\n");
    let list = service("    build:\n      args: [A=1, B, 'C=${X:-y}']\n");
    for text in [text, list] {
        let model = clean(&text);
        let args = &model.services[0].build.as_ref().unwrap().args;
        let flat: Vec<_> = args
            .iter()
            .map(|a| (a.name.value.as_str(), known(a.value.as_ref()), &text[a.name.at.span.range()]))
            .collect();
        assert_eq!(flat, [("A", Some("1"), "A"), ("B", None, "B"), ("C", Some("y"), "C")], "{text}");
        assert_eq!(&text[args[2].value.as_ref().unwrap().at.span.range()], "${X:-y}");
    }
}

/// Measured with `docker compose config` 2.26.
#[test]
fn numbers_arrive_as_go_writes_them() {
    for (written, arrives) in [
        ("0440", Some("288")),
        ("1.10", Some("1.1")),
        ("True", Some("true")),
        ("1e3", Some("1000")),
        ("0x1F", Some("31")),
        ("1_000", Some("1000")),
        ("yes", Some("yes")),
        ("123456789012345678901234", Some("1.2345678901234569e+23")),
        ("08", Some("8")),
        ("100000000000000000000.0", Some("1e+20")),
        ("9007199254740993.0", Some("9.007199254740992e+15")),
        ("685_230.15", Some("685230.15")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("1e-5", Some("1e-05")),
        ("-0.0", Some("-0")),
        ("2001-01-01", Some("2001-01-01 00:00:00 +0000 UTC")),
        ("2001-01-01 10:00:00", None),
        ("!!str 1.10", Some("1.10")),
        ("\"${U:-1.10}\"", Some("1.10")),
        ("''", Some("")),
    ] {
        let model = clean(&service(&format!("    build:\n      args:\n        A: {written}\n")));
        let args = &model.services[0].build.as_ref().unwrap().args;
        assert_eq!(known(args[0].value.as_ref()), arrives, "{written}");
    }
}

/// kind, source, target, read only; a `?` is a value that only a variable knows.
fn flat(mount: &Mount) -> (MountKind, &str, &str, bool) {
    let text = |v: &'_ Value| if v.known.is_some() { v.known.clone().unwrap().leak() as &str } else { "?" };
    (mount.kind, mount.source.as_ref().map_or("-", text), text(&mount.target), mount.read_only)
}

#[test]
fn mounts_in_the_short_form() {
    use MountKind::{Anonymous, Bind, Named, Other};
    for (spec, want) in [
        ("code:/app", (Named, "code", "/app", false)),
        ("./x:/app", (Bind, "./x", "/app", false)),
        ("..:/app:ro", (Bind, "..", "/app", true)),
        ("/a:/b:z,ro", (Bind, "/a", "/b", true)),
        ("/a:/b:ro,rw", (Bind, "/a", "/b", false)),
        ("~/a:/b", (Bind, "~/a", "/b", false)),
        ("/data", (Anonymous, "-", "/data", false)),
        ("'C:\\a:/w'", (Bind, "C:\\a", "/w", false)),
        ("'C:/a:D:/w:ro'", (Bind, "C:/a", "D:/w", true)),
        ("'\\\\.\\pipe\\x:/w'", (Bind, "\\\\.\\pipe\\x", "/w", false)),
        ("code:/app/../b/", (Named, "code", "/b", false)),
        ("${SRC}:/app", (Bind, "./src", "/app", false)),
        ("${SPEC}", (Bind, "./src", "/spec", true)),
        ("${U:-./d:/e}", (Bind, "./d", "/e", false)),
        ("${U}:/app", (Other, "?", "/app", false)),
        ("./${U}:/app", (Bind, "?", "/app", false)),
        ("${U}", (Other, "-", "?", false)),
        ("./x:${U}", (Bind, "./x", "?", false)),
        ("${A:-${B:-code}}:/app", (Named, "code", "/app", false)),
        // Measured: a single letter before the first colon is a drive.
        ("x:rw", (Anonymous, "-", "x:rw", false)),
    ] {
        let text = service(&format!("    volumes:\n      - {spec}\n"));
        let model = read_with(&text, "SRC=./src\nSPEC=./src:/spec:ro\n");
        assert_eq!(model.errors, [], "{spec}");
        assert_eq!(flat(&model.services[0].mounts[0]), want, "{spec}");
    }
    let text = service("    volumes:\n      - \"code:/app:nocopy\"\n");
    let model = clean(&text);
    let mount = &model.services[0].mounts[0];
    assert!(mount.no_copy);
    assert_eq!(&text[mount.at.span.range()], "\"code:/app:nocopy\"");
    assert_eq!(&text[mount.source.as_ref().unwrap().at.span.range()], "code");
    assert_eq!(&text[mount.target.at.span.range()], "/app");
}

#[test]
fn mounts_in_the_long_form_and_tmpfs() {
    use MountKind::{Anonymous, Bind, Named, Other, Tmpfs};
    let text = service(
        "    volumes:\n      - {type: bind, source: ., target: /a, read_only: true}\n      - type: volume\n        source: v\n        target: /b\n        volume: {nocopy: true}\n      - {type: volume, target: /c}\n      - {type: tmpfs, target: /d}\n      - {type: image, source: i, target: /e}\n      - {type: $T, source: i, target: /f}\n      - *m\n    tmpfs: [/g, '/h:size=1m,ro']\nx-m: q\n",
    );
    let text = format!("x-m: &m {{type: bind, source: m, target: /m}}\n{}", text.replace("x-m: q\n", ""));
    let model = clean(&text);
    let mounts = &model.services[0].mounts;
    assert_eq!(
        mounts.iter().map(flat).collect::<Vec<_>>(),
        [
            (Bind, ".", "/a", true),
            (Named, "v", "/b", false),
            (Anonymous, "-", "/c", false),
            (Tmpfs, "-", "/d", false),
            (Other, "i", "/e", false),
            (Other, "i", "/f", false),
            (Bind, "m", "/m", false),
            (Tmpfs, "-", "/g", false),
            (Tmpfs, "-", "/h", true),
        ]
    );
    assert!(mounts[1].no_copy && !mounts[0].no_copy);
    assert_eq!(&text[mounts[6].at.span.range()], "*m");
    assert_eq!(flat(&clean(&service("    image: x\n    tmpfs: /run\n")).services[0].mounts[0]).2, "/run");
}

#[test]
fn volumes_of_the_project() {
    let text = "volumes:\n  a:\n  b: {external: true}\n  c: {external: {name: real}}\n  d: {name: other}\n  e:\n    driver_opts: {type: none, o: bind, device: ./src}\n  f:\n    driver_opts: {type: nfs, device: ':/x'}\n";
    let model = clean(text);
    let flat: Vec<_> = model
        .volumes
        .iter()
        .map(|v| (v.key.value.as_str(), known(v.name.as_ref()), v.external, known(v.device.as_ref())))
        .collect();
    assert_eq!(
        flat,
        [
            ("a", None, false, None),
            ("b", None, true, None),
            ("c", Some("real"), true, None),
            ("d", Some("other"), false, None),
            ("e", None, false, Some("./src")),
            ("f", None, false, None),
        ]
    );
}

#[test]
fn what_else_a_service_says() {
    let text = "name: p\ninclude:\n  - a.yml\n  - path: [b.yml, c.yml]\nservices:\n  web: &w\n    image: \"x:${TAG:-1}\"\n    container_name: c1\n    pull_policy: always\n    deploy: {replicas: 2}\n    extends: {file: base.yml, service: web}\n  two:\n    scale: 3\n    extends: web\n  three: *w\n";
    let model = clean(text);
    assert_eq!(known(model.name.as_ref()), Some("p"));
    assert_eq!(
        model.includes.iter().map(|v| v.raw.as_str()).collect::<Vec<_>>(),
        ["a.yml", "b.yml", "c.yml"]
    );
    let web = model.service("web").unwrap();
    assert_eq!(web.image.as_ref().unwrap().raw, "x:${TAG:-1}");
    assert_eq!(known(web.image.as_ref()), Some("x:1"));
    assert_eq!(&text[web.image.as_ref().unwrap().at.span.range()], "\"x:${TAG:-1}\"");
    assert_eq!(known(web.pull_policy.as_ref()), Some("always"));
    assert_eq!(known(web.replicas.as_ref()), Some("2"));
    let extends = web.extends.as_ref().unwrap();
    assert_eq!((known(extends.file.as_ref()), extends.service.raw.as_str()), (Some("base.yml"), "web"));
    let two = model.service("two").unwrap();
    assert_eq!(known(two.replicas.as_ref()), Some("3"));
    assert!(two.extends.as_ref().unwrap().file.is_none());
    let three = model.service("three").unwrap();
    assert_eq!(&text[three.at.span.range()], "*w");
    assert_eq!(known(three.container_name.as_ref()), Some("c1"));
}

#[test]
fn the_layout_of_version_one() {
    let text = "web:\n  build: app\n  dockerfile: D\n  volumes:\n    - .:/app\ndb:\n  image: x\n";
    let model = clean(text);
    assert_eq!(model.layout, Layout::V1);
    assert_eq!(model.services.len(), 2);
    let build = model.services[0].build.as_ref().unwrap();
    assert_eq!(known(build.dockerfile.as_ref()), Some("D"));
    let other = clean("x-a: {image: x}\nvolumes: {build: {}}\n");
    assert_eq!((other.layout, other.services.len()), (Layout::Services, 0));
}

#[test]
fn what_compose_would_refuse() {
    for (text, slice, message) in [
        ("services:\n\tweb: x\n", "\t", "spaces"),
        ("- a\n- b\n", "- a", "not a compose file"),
        ("just text\n", "just text", "not a compose file"),
        ("", "", "empty"),
        ("services: [a]\n", "[a]", "mapping"),
        ("services:\n  web: x\n", "web", "`web`"),
        ("services:\n  1: {image: x}\n", "1", "quote"),
        ("services:\n  web:\n    build: [a]\n", "[a]", "`build`"),
        ("services:\n  web:\n    volumes: a:/b\n", "a:/b", "list"),
        ("services:\n  web:\n    volumes: ['aa::/b']\n", "'aa::/b'", "nothing between"),
        ("services:\n  web:\n    volumes: ['aa:/b:ro:x']\n", "'aa:/b:ro:x'", "too many"),
        ("services:\n  web:\n    volumes: [{source: a, target: /b}]\n", "{source: a, target: /b}", "`type`"),
        ("services:\n  web:\n    image: ${A\n", "${A", "`$$`"),
        ("services:\n  web:\n    image: a\n    image: b\n", "image", "line 3"),
        ("services:\n  web:\n    build: {args: x}\n", "x", "`args`"),
    ] {
        let model = read(text);
        let [error] = model.errors.as_slice() else { panic!("{text}: {:?}", model.errors) };
        assert_eq!(&text[error.span.range()], slice, "{text}: {}", error.message);
        assert!(error.message.contains(message), "{text}: {}", error.message);
    }
}

#[test]
fn keys_are_not_interpolated() {
    clean(&service("    image: x\n    labels: {'${A': b}\n"));
}

#[test]
fn a_variable_without_value_is_unknown() {
    let text = service(
        "    image: $U\n    container_name: ${U?needed}\n    pull_policy: ${U:+x}\n    build: a$$b\n",
    );
    let model = clean(&text);
    let web = &model.services[0];
    assert_eq!((known(web.image.as_ref()), web.image.as_ref().unwrap().raw.as_str()), (None, "$U"));
    assert_eq!(known(web.container_name.as_ref()), None);
    assert_eq!(known(web.pull_policy.as_ref()), None);
    assert_eq!(known(web.build.as_ref().unwrap().context.as_ref()), Some("a$b"));
}

const SAMPLE: &str = "x-a: &a\n  build: {context: ., args: [A=1, \"B=${X:-y}\"]}\nservices:\n  web:\n    <<: *a\n    image: \"x:${TAG}\"\n    volumes:\n      - ./a:/b:ro\n      - {type: volume, source: v, target: /c}\n    tmpfs: /run\n  db: !override\n    build: ./é # c\n    deploy: {replicas: 2}\nvolumes:\n  v: {external: {name: n}}\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn broken_files_never_panic(cut in 0..SAMPLE.len(), insert in "[\\[\\]{}:,&*!|>'\"#%@$` \n\t\\\\é-]{0,4}", drop in 0_usize..8, index in 0_usize..4) {
        let cut = SAMPLE.floor_char_boundary(cut);
        let end = SAMPLE.floor_char_boundary((cut + drop).min(SAMPLE.len())).max(cut);
        let text = format!("{}{insert}{}", &SAMPLE[..cut], &SAMPLE[end..]);
        let model = compose::parse(FileId(0), &text, &Env::default());
        for error in &model.errors {
            prop_assert!(text.get(error.span.range()).is_some());
        }
        for service in &model.services {
            for mount in &service.mounts {
                prop_assert!(text.get(mount.target.at.span.range()).is_some());
            }
            let name = &service.name.value;
            let _ = compose::edit::add_build_arg(&text, &model, &[name], "BUST", "${BUST:-}");
            let _ = compose::edit::remove_mounts(&text, &model, name, &[index]);
        }
    }
}
