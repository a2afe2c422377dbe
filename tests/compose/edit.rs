//! Edits: the file's own style, every other byte kept, or refused.

use unstale::{
    model::compose::edit::{add_build_arg, remove_mounts, set_build_pull, set_scalar, set_value},
    text::EditSet,
};

use super::read;

const VALUE: &str = "${CACHE_BUST:-}";

fn add(text: &str) -> Result<String, String> {
    add_to(text, &["web"])
}

fn add_to(text: &str, services: &[&str]) -> Result<String, String> {
    let edits = add_build_arg(text, &read(text), services, "BUST", VALUE).map_err(|r| r.reason)?;
    let mut set = EditSet::default();
    for edit in edits {
        set.insert(edit).unwrap();
    }
    Ok(set.apply(text))
}

fn remove(text: &str, index: usize) -> Result<String, String> {
    let edits = remove_mounts(text, &read(text), "web", &[index]).map_err(|r| r.reason)?;
    let mut set = EditSet::default();
    for edit in edits {
        set.insert(edit).unwrap();
    }
    Ok(set.apply(text))
}

/// The value of a text with `BUST` among the arguments of `web`, whatever form they have.
fn without_bust(text: &str) -> serde_yaml::Value {
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    let build = &mut value["services"]["web"]["build"];
    let args = &mut build["args"];
    if let Some(map) = args.as_mapping_mut() {
        map.remove("BUST").expect("it is there");
    } else {
        let list = args.as_sequence_mut().unwrap();
        assert_eq!(list.pop().unwrap(), serde_yaml::Value::from(format!("BUST={VALUE}")));
    }
    value
}

/// Before and after; the values agree but for the argument, by another parser's reading.
#[track_caller]
fn check(before: &str, after: &str) {
    assert_eq!(add(before).as_deref(), Ok(after), "{before}");
    let mut old: serde_yaml::Value = serde_yaml::from_str(before).unwrap();
    let mut new = without_bust(after);
    let build = &mut old["services"]["web"]["build"];
    if build.is_string() {
        let context = std::mem::take(build);
        new["services"]["web"]["build"].as_mapping_mut().unwrap().remove("args");
        assert_eq!(new["services"]["web"]["build"]["context"], context);
        *build = new["services"]["web"]["build"].clone();
    }
    let empty = |v: &serde_yaml::Value| {
        v.is_null()
            || v.as_mapping().is_some_and(serde_yaml::Mapping::is_empty)
            || v.as_sequence().is_some_and(Vec::is_empty)
    };
    for value in [&mut old, &mut new] {
        let build = value["services"]["web"]["build"].as_mapping_mut().unwrap();
        if build.get("args").is_some_and(empty) {
            build.remove("args");
        }
    }
    assert_eq!(old, new, "{before}");
    let twice = add(after).unwrap_err();
    assert!(twice.contains("already"), "{twice}");
}

#[test]
fn a_scalar_becomes_a_mapping() {
    check(
        "services:\n  web:\n    build: ./app # local\n    image: x\n",
        "services:\n  web:\n    build:\n      context: ./app # local\n      args:\n        BUST: ${CACHE_BUST:-}\n    image: x\n",
    );
    check(
        "services:\n    web:\n        build:   \"./app dir\"",
        "services:\n    web:\n        build:\n            context: \"./app dir\"\n            args:\n                BUST: ${CACHE_BUST:-}",
    );
    check(
        "services:\r\n  web:\r\n    build: .\r\n    image: x\r\n",
        "services:\r\n  web:\r\n    build:\r\n      context: .\r\n      args:\r\n        BUST: ${CACHE_BUST:-}\r\n    image: x\r\n",
    );
    check(
        "services:\n  web: {build: ., image: x} # c\n",
        "services:\n  web: {build: {context: ., args: {BUST: \"${CACHE_BUST:-}\"}}, image: x} # c\n",
    );
    check(
        "{\"services\": {\"web\": {\"build\": \".\"}}}",
        "{\"services\": {\"web\": {\"build\": {\"context\": \".\", \"args\": {\"BUST\": \"${CACHE_BUST:-}\"}}}}}",
    );
    check(
        "services:\n  web:\n    \"build\": .\n",
        "services:\n  web:\n    \"build\":\n      \"context\": .\n      \"args\":\n        \"BUST\": ${CACHE_BUST:-}\n",
    );
}

#[test]
fn a_mapping_gets_args() {
    check(
        "services:\n  web:\n    build:\n      context: . # here\n      # why\n      target: prod # last\n\n  # next\n  db:\n    image: x\n",
        "services:\n  web:\n    build:\n      context: . # here\n      # why\n      target: prod # last\n      args:\n        BUST: ${CACHE_BUST:-}\n\n  # next\n  db:\n    image: x\n",
    );
    check(
        "services:\n    web:\n        build:\n            context: .",
        "services:\n    web:\n        build:\n            context: .\n            args:\n                BUST: ${CACHE_BUST:-}",
    );
    check(
        "services:\n  web:\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM x\n",
        "services:\n  web:\n    build:\n      context: .\n      args:\n        BUST: ${CACHE_BUST:-}\n      dockerfile_inline: |\n        FROM x\n",
    );
    check(
        "services:\n  web:\n    build:\n      dockerfile_inline: |+\n        FROM x\n\n    image: y\n",
        "services:\n  web:\n    build:\n      args:\n        BUST: ${CACHE_BUST:-}\n      dockerfile_inline: |+\n        FROM x\n\n    image: y\n",
    );
    check(
        "services:\n  web:\n    build: {context: ., target: 'p'}\n",
        "services:\n  web:\n    build: {context: ., target: 'p', args: {BUST: \"${CACHE_BUST:-}\"}}\n",
    );
    check(
        "x-b: &b\n  target: t\nservices:\n  web:\n    build:\n      <<: *b\n      context: .\n",
        "x-b: &b\n  target: t\nservices:\n  web:\n    build:\n      <<: *b\n      context: .\n      args:\n        BUST: ${CACHE_BUST:-}\n",
    );
}

#[test]
fn args_grow_in_their_style() {
    let with = |args: &str| format!("services:\n  web:\n    build:\n      context: .\n{args}    image: x\n");
    for (before, after) in [
        (
            "      args:\n        A: 1 # one\n",
            "      args:\n        A: 1 # one\n        BUST: ${CACHE_BUST:-}\n",
        ),
        (
            "      args:\n        A: \"1\"\n",
            "      args:\n        A: \"1\"\n        BUST: \"${CACHE_BUST:-}\"\n",
        ),
        (
            "      args:\n        'A': '1'\n",
            "      args:\n        'A': '1'\n        'BUST': '${CACHE_BUST:-}'\n",
        ),
        (
            "      args:\n        - A=1 # c\n",
            "      args:\n        - A=1 # c\n        - BUST=${CACHE_BUST:-}\n",
        ),
        ("      args:\n      - A=1\n", "      args:\n      - A=1\n      - BUST=${CACHE_BUST:-}\n"),
        (
            "      args:\n        -   \"A=1\"\n",
            "      args:\n        -   \"A=1\"\n        -   \"BUST=${CACHE_BUST:-}\"\n",
        ),
        ("      args: # none yet\n", "      args: # none yet\n        BUST: ${CACHE_BUST:-}\n"),
        ("      args: ~ # c\n", "      args: # c\n        BUST: ${CACHE_BUST:-}\n"),
        ("      args: null\n", "      args:\n        BUST: ${CACHE_BUST:-}\n"),
        ("      args: {}\n", "      args: {BUST: \"${CACHE_BUST:-}\"}\n"),
        ("      args: []\n", "      args: [\"BUST=${CACHE_BUST:-}\"]\n"),
        ("      args: {A: 1}\n", "      args: {A: 1, BUST: \"${CACHE_BUST:-}\"}\n"),
        ("      args: ['A=1']\n", "      args: ['A=1', 'BUST=${CACHE_BUST:-}']\n"),
        (
            "      args: {\n        A: 1,\n        B: 2, # two\n      }\n",
            "      args: {\n        A: 1,\n        B: 2, BUST: \"${CACHE_BUST:-}\", # two\n      }\n",
        ),
        (
            "      args: !override\n        A: 1\n",
            "      args: !override\n        A: 1\n        BUST: ${CACHE_BUST:-}\n",
        ),
        (
            "      args:\n        A: |\n          x\n",
            "      args:\n        BUST: \"${CACHE_BUST:-}\"\n        A: |\n          x\n",
        ),
    ] {
        // serde_yaml does not know Compose's tags.
        if before.contains("!override") {
            assert_eq!(add(&with(before)), Ok(with(after)), "{before}");
        } else if before.contains('|') {
            assert_eq!(add(&with(before)), Ok(with(&after.replace('"', ""))), "{before}");
        } else {
            check(&with(before), &with(after));
        }
    }
}

/// Compose files with a shared value, the services that want the argument, and what is written.
#[test]
fn a_shared_value_is_changed_at_its_anchor_if_all_who_share_it_want_that() {
    for (before, services, after) in [
        (
            "x-b: &b\n  context: .\nservices:\n  web:\n    build: *b\n  api:\n    build: *b\n",
            &["web", "api"][..],
            "x-b: &b\n  context: .\n  args:\n    BUST: ${CACHE_BUST:-}\nservices:\n  web:\n    build: *b\n  api:\n    build: *b\n",
        ),
        (
            "services:\n  web:\n    build: &b\n      context: .\n  api:\n    build: *b\n",
            &["web", "api"],
            "services:\n  web:\n    build: &b\n      context: .\n      args:\n        BUST: ${CACHE_BUST:-}\n  api:\n    build: *b\n",
        ),
        (
            "x-s: &s\n  build: . # here\n  image: i\nservices:\n  web:\n    <<: *s\n  api:\n    <<: *s\n    command: c\n",
            &["web", "api"],
            "x-s: &s\n  build:\n    context: . # here\n    args:\n      BUST: ${CACHE_BUST:-}\n  image: i\nservices:\n  web:\n    <<: *s\n  api:\n    <<: *s\n    command: c\n",
        ),
        (
            "x-s: &s {build: ., image: i}\nservices:\n  web: *s\n",
            &["web"],
            "x-s: &s {build: {context: ., args: {BUST: \"${CACHE_BUST:-}\"}}, image: i}\nservices:\n  web: *s\n",
        ),
        (
            "x-a: &a\n  A: 1\nservices:\n  web:\n    build:\n      context: .\n      args: *a\n",
            &["web"],
            "x-a: &a\n  A: 1\n  BUST: ${CACHE_BUST:-}\nservices:\n  web:\n    build:\n      context: .\n      args: *a\n",
        ),
        (
            "x-b: &b\n  context: .\n  args:\n    - A=1\nservices:\n  web:\n    build:\n      <<: *b\n      target: w\n  api:\n    build:\n      <<: *b\n      target: a\n",
            &["web", "api"],
            "x-b: &b\n  context: .\n  args:\n    - A=1\n    - BUST=${CACHE_BUST:-}\nservices:\n  web:\n    build:\n      <<: *b\n      target: w\n  api:\n    build:\n      <<: *b\n      target: a\n",
        ),
    ] {
        assert_eq!(add_to(before, services).as_deref(), Ok(after), "{before}");
    }
}

#[test]
fn a_service_gets_its_own_where_others_share_a_value() {
    for (before, after) in [
        (
            "x-b: &b\n  context: .\nservices:\n  web:\n    build: *b # shared\n    image: i\n  api:\n    build:\n      <<: *b\n      dockerfile: Other\n",
            "x-b: &b\n  context: .\nservices:\n  web:\n    build:\n      <<: *b # shared\n      args:\n        BUST: ${CACHE_BUST:-}\n    image: i\n  api:\n    build:\n      <<: *b\n      dockerfile: Other\n",
        ),
        (
            "x-b: &b\n  context: .\nservices:\n  web: {build: *b}\n  api:\n    build: {<<: *b, dockerfile: Other}\n",
            "x-b: &b\n  context: .\nservices:\n  web: {build: {<<: *b, args: {BUST: \"${CACHE_BUST:-}\"}}}\n  api:\n    build: {<<: *b, dockerfile: Other}\n",
        ),
        (
            "services:\n  api:\n    build: &b .\n    command: x\n  web:\n    build: *b\n",
            "services:\n  api:\n    build: &b .\n    command: x\n  web:\n    build:\n      context: *b\n      args:\n        BUST: ${CACHE_BUST:-}\n",
        ),
        (
            "x-a: &a\n  A: 1\nservices:\n  web:\n    build:\n      context: .\n      args: *a\n    environment: *a\n",
            "x-a: &a\n  A: 1\nservices:\n  web:\n    build:\n      context: .\n      args:\n        <<: *a\n        BUST: ${CACHE_BUST:-}\n    environment: *a\n",
        ),
        (
            "x-b: &b\n  args: &a {A: 1}\n  context: .\nservices:\n  web:\n    build:\n      <<: *b\n      target: w\n  api:\n    build:\n      <<: *b\n      dockerfile: Other\n",
            "x-b: &b\n  args: &a {A: 1}\n  context: .\nservices:\n  web:\n    build:\n      <<: *b\n      target: w\n      args:\n        <<: *a\n        BUST: ${CACHE_BUST:-}\n  api:\n    build:\n      <<: *b\n      dockerfile: Other\n",
        ),
        (
            "x-b: &b\r\n    context: .\r\n    args: &a\r\n        A: 1\r\nservices:\r\n    api:\r\n        build: {<<: *b, target: a}\r\n    web:\r\n        build: *b",
            "x-b: &b\r\n    context: .\r\n    args: &a\r\n        A: 1\r\nservices:\r\n    api:\r\n        build: {<<: *b, target: a}\r\n    web:\r\n        build:\r\n            <<: *b\r\n            args:\r\n                <<: *a\r\n                BUST: ${CACHE_BUST:-}",
        ),
    ] {
        assert_eq!(add(before).as_deref(), Ok(after), "{before}");
        let values: serde_yaml::Value = {
            let mut read: serde_yaml::Value = serde_yaml::from_str(after).unwrap();
            read.apply_merge().unwrap();
            read["services"].clone()
        };
        assert_eq!(values["web"]["build"]["args"]["BUST"], serde_yaml::Value::from(VALUE), "{after}");
        assert!(!serde_yaml::to_string(&values["api"]).unwrap().contains("BUST"), "{after}");
    }
}

#[test]
fn what_reaches_further_is_refused() {
    for (text, why) in [
        ("x-s: &s\n  build: .\nservices:\n  web:\n    <<: *s\n  api:\n    <<: *s\n", "merge"),
        ("x-s: &s\n  build: .\nservices:\n  web: *s\n  api: *s\n", "merge"),
        (
            "x-a: &a\n  - A=1\nservices:\n  web:\n    build:\n      context: .\n      args: *a\n  api:\n    build:\n      context: x\n      args: *a\n",
            "list",
        ),
        (
            "x-b: &b\n  args: {A: 1}\nservices:\n  web:\n    build:\n      <<: *b\n      context: .\n  api:\n    build:\n      <<: *b\n      context: x\n",
            "merge",
        ),
        ("services:\n  web:\n    build: &b .\n  db:\n    build: *b\n", "anchor"),
        (
            "services:\n  web:\n    build:\n      context: .\n      args: &a\n        A: 1\n  db:\n    build:\n      args: *a\n",
            "alias",
        ),
        ("services:\n  web:\n    image: x\n", "no `build`"),
        ("services:\n  db:\n    build: .\n", "no such service"),
        ("services:\n  web:\n    build: >\n      .\n", "by hand"),
        ("services:\n  web:\n    ? build\n    : .\n", "by hand"),
        ("web:\n  build: .\n", "services"),
        ("services:\n  web:\n    build: .\n    build: x\n", "parse"),
        ("services: [", "parse"),
    ] {
        let reason = add(text).expect_err(text);
        assert!(reason.contains(why), "{text}\n{reason}");
    }
    let model = read("services:\n  web:\n    build: .\n");
    assert!(add_build_arg("services:\n  web:\n    build: .\n", &model, &["web"], "A B", "x").is_err());
}

#[test]
fn a_mount_goes_with_its_line() {
    let text = "services:\n  web:\n    volumes:\n      # code\n      - code:/app # live\n      - type: bind\n        source: .\n        target: /x\n      - ./d:/d\n    image: x\n";
    for (index, gone) in [
        (0, "      - code:/app # live\n"),
        (1, "      - type: bind\n        source: .\n        target: /x\n"),
        (2, "      - ./d:/d\n"),
    ] {
        assert_eq!(remove(text, index), Ok(text.replace(gone, "")));
    }
    let single = "services:\n  web:\n    image: x\n    volumes:\n    - code:/app";
    assert_eq!(remove(single, 0).as_deref(), Ok("services:\n  web:\n    image: x"));
    let crlf = "services:\r\n  web:\r\n    volumes:\r\n      - code:/app\r\n    image: x\r\n";
    assert_eq!(remove(crlf, 0).as_deref(), Ok("services:\r\n  web:\r\n    image: x\r\n"));
    let tmpfs = "services:\n  web:\n    tmpfs: /run\n    image: x\n";
    assert_eq!(remove(tmpfs, 0).as_deref(), Ok("services:\n  web:\n    image: x\n"));
}

#[test]
fn a_mount_that_others_share_stays() {
    for (text, why) in [
        ("services:\n  web:\n    image: x\n    volumes: [a:/a, b:/b]\n", "flow"),
        ("x-v: &v\n  - a:/a\nservices:\n  web:\n    image: x\n    volumes: *v\n", "share"),
        ("x-s: &s\n  volumes:\n    - a:/a\nservices:\n  web:\n    <<: *s\n", "share"),
        ("services:\n  web:\n    volumes:\n      - a:/a\n", "nothing would be left"),
        (
            "services:\n  web:\n    image: x\n    volumes: &v\n      - a:/a\n      - b:/b\n  db:\n    volumes: *v\n",
            "by hand",
        ),
        (
            "services:\n  web:\n    image: x\n    volumes:\n      - &m a:/a\n      - b:/b\n  db:\n    volumes:\n      - *m\n",
            "by hand",
        ),
        ("services:\n  web:\n    image: x\n", "no such mount"),
    ] {
        let reason = remove(text, 0).expect_err(text);
        assert!(reason.contains(why), "{text}\n{reason}");
    }
}

#[test]
fn a_scalar_keeps_its_quotes() {
    let text = "services:\n  web:\n    image: \"a:1\" # c\n    container_name: 'b'\n    pull_policy: always\n    build:\n      args: [A=1]\n    volumes: [\"code:/app:ro\", ./x:/y]\n";
    let model = read(text);
    let web = &model.services[0];
    let apply = |edit| {
        let mut set = EditSet::default();
        set.insert(edit).unwrap();
        set.apply(text)
    };
    let set =
        |value: &Option<_>, new: &str| apply(set_value(text, &model, value.as_ref().unwrap(), new).unwrap());
    assert_eq!(set(&web.image, "b\"2"), text.replace("\"a:1\"", "\"b\\\"2\""));
    assert_eq!(set(&web.container_name, "it's"), text.replace("'b'", "'it''s'"));
    assert_eq!(set(&web.pull_policy, "build"), text.replace("always", "build"));
    assert_eq!(set(&web.pull_policy, "yes"), text.replace("always", "\"yes\""));
    assert_eq!(set(&web.pull_policy, "a: b"), text.replace("always", "\"a: b\""));
    assert_eq!(set(&web.mounts[0].source, "data"), text.replace("code:", "data:"));
    assert_eq!(set(&web.mounts[1].source, "./z"), text.replace("./x:", "./z:"));
    let arg = &web.build.as_ref().unwrap().args[0].value;
    assert_eq!(set(arg, "2"), text.replace("A=1", "A=2"));
    assert!(set_value(text, &model, web.mounts[0].source.as_ref().unwrap(), "a b").is_err());
    assert_eq!(
        apply(set_scalar(text, web.image.as_ref().unwrap().at.span, "x")),
        text.replace("\"a:1\"", "\"x\"")
    );
}

fn pull(text: &str) -> Result<String, String> {
    let edits = set_build_pull(text, &read(text), &["web"]).map_err(|r| r.reason)?;
    let mut set = EditSet::default();
    for edit in edits {
        set.insert(edit).unwrap();
    }
    Ok(set.apply(text))
}

#[test]
fn pull_is_set_in_the_style_of_the_build() {
    for (before, after) in [
        (
            "    build: . # here\n    ports: []",
            "    build:\n      context: . # here\n      pull: true\n    ports: []",
        ),
        (
            "    build:\n        context: .\n        args: [A=b]",
            "    build:\n        context: .\n        args: [A=b]\n        pull: true",
        ),
        (
            "    build:\n      args:\n        A: b\n    # after",
            "    build:\n      args:\n        A: b\n      pull: true\n    # after",
        ),
        ("    build: {context: .}", "    build: {context: ., pull: true}"),
        ("    \"build\": {\"context\": \".\"}", "    \"build\": {\"context\": \".\", \"pull\": true}"),
        (
            "    build:\n      pull: false # why\n      context: .",
            "    build:\n      pull: true # why\n      context: .",
        ),
        ("    build: &b\n      context: .", "    build: &b\n      context: .\n      pull: true"),
    ] {
        let service = |build: &str| format!("services:\n  web:\n{build}\n");
        assert_eq!(pull(&service(before)).as_deref(), Ok(service(after).as_str()), "{before}");
        let value: serde_yaml::Value = serde_yaml::from_str(&service(after)).unwrap();
        assert_eq!(value["services"]["web"]["build"]["pull"], serde_yaml::Value::Bool(true));
    }
    for refused in [
        "web: {build: .}\n",
        "services:\n  web:\n    image: x\n",
        "services:\n  web:\n    build:\n      context: .\n      pull: ${PULL:-false}\n",
        "services:\n  web:\n    build: *b\nx: &b {context: .}\n",
        "services:\n  web:\n    build: &b\n      context: .\n  api:\n    build: *b\n",
        "x: &x\n  build: {context: .}\nservices:\n  web:\n    <<: *x\n  api:\n    <<: *x\n",
    ] {
        assert!(pull(refused).is_err(), "{refused}");
    }
}
