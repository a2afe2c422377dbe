//! Projects that the properties failed on with other seeds, each as small as it could be made, with what `--fix` makes of
//! them now.

use unstale::{diag::Safety, engine, settings::Settings, text::Snapshot};

use super::properties::{explained, in_any_order};
use crate::projects::project;

/// Checks a project with rules in this order, and what all of them at once make of one of its files.
fn check(files: &[(&str, &str)], picked: &[&'static str], path: &str, expected: &str) {
    let snapshot = project(files);
    let wants = |finding: &unstale::diag::Finding| picked.contains(&finding.rule);
    let fixed = engine::fix_some(&snapshot, &Settings::default(), Safety::Unsafe, &wants);
    assert_eq!(text(&fixed.snapshot, path), expected);
    in_any_order(&snapshot, picked).unwrap();
    explained(&snapshot).unwrap();
}

fn text<'s>(snapshot: &'s Snapshot, path: &str) -> &'s str {
    let (_, file) = snapshot.files().find(|(_, file)| file.path == path).unwrap();
    &file.text
}

const BUILT: &str = "services:\n  web:\n    build: .\n";

#[test]
fn of_two_cures_of_one_volume_only_the_first_is_taken() {
    let compose = "\
services:
  web:
    volumes:
    - /app
    build: .
  worker:
    image: nginx:1.27
    volumes:
    - ./x.conf:/etc/nginx/conf.d/x.conf:ro
";
    let script = "#!/bin/bash\ncd shop && git pull && docker compose up -d\n";
    let files = [
        ("Dockerfile", "FROM debian:12\nCOPY . /app/\n"),
        ("compose.yaml", compose),
        ("server.js", ""),
        ("x.conf", ""),
        ("deploy.sh", script),
    ];
    let recreated = "#!/bin/bash\ncd shop && git pull && docker compose up -d --force-recreate\n";
    check(&files, &["anonymous-volume-carryover", "kept-container"], "deploy.sh", recreated);
    let renewed = "#!/bin/bash\ncd shop && git pull && docker compose up -d --force-recreate -V\n";
    check(&files, &["kept-container"], "deploy.sh", renewed);
    let once = [
        files[0],
        ("compose.yaml", "services:\n  web:\n    volumes:\n    - /app\n    build: .\n"),
        files[2],
        files[4],
    ];
    check(&once, &["kept-container", "anonymous-volume-carryover"], "deploy.sh", script);
}

#[test]
fn a_clock_goes_with_the_layer_that_takes_its_place_and_not_before() {
    let dockerfile = "\
FROM alpine
FROM debian:12
RUN echo \"Cache bust: $(date +%s)\"
RUN git clone https://example.com/a.git /a
# why
RUN echo \\
  # when
  $(date)
ARG CACHE_BUST
";
    let fixed = "\
FROM alpine
FROM debian:12
ARG CACHE_BUST
RUN echo \"cache bust: ${CACHE_BUST}\"
RUN git clone https://example.com/a.git /a
# why
";
    // The key of `moving-base` stands where the argument of the layer would: the layer waits.
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT)];
    check(&files, &["moving-base", "inert-cache-bust", "cached-fetch"], "Dockerfile", fixed);
    let dockerfile = "\
FROM debian:12
# unstale: allow cached-fetch: for the test
COPY . .
RUN echo \"Cache bust: $(date +%s)\"
WORKDIR /srv
# directly below
RUN echo \"Cache bust: $(date +%s)\"
ARG CACHE_BUST
RUN git clone https://example.com/a.git /a
";
    let fixed = "\
FROM debian:12
ARG CACHE_BUST
RUN echo \"cache bust: ${CACHE_BUST}\"
COPY . .
WORKDIR /srv
# directly below

RUN git clone https://example.com/a.git /a
";
    // The comment that goes stands where the layer would.
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT), ("server.js", "")];
    check(&files, &["unused-allow", "inert-cache-bust", "cached-fetch"], "Dockerfile", fixed);
}

#[test]
fn what_holds_only_after_another_fix_needs_no_second_run() {
    let dockerfile = "\
FROM debian:12
ENV CACHE_BUST=1
RUN git clone https://example.com/a.git /a
RUN echo \"Cache bust: $(date +%s)\"
FROM debian:12
ENV CACHE_BUST=1
RUN git clone https://example.com/b.git /b
";
    let fixed = "\
FROM debian:12
ENV CACHE_BUST=1
ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
RUN git clone https://example.com/a.git /a
FROM debian:12
ENV CACHE_BUST=1
ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
RUN git clone https://example.com/b.git /b
";
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT)];
    check(&files, &["cached-fetch", "inert-cache-bust"], "Dockerfile", fixed);
}

#[test]
fn of_two_declarations_none_is_moved() {
    let dockerfile = "\
FROM python:3.12 AS base
ARG CACHEBUST=1
# a comment
ARG CACHEBUST=1
FROM debian:12
RUN git clone https://example.com/b.git /b
";
    let fetch = "RUN git clone";
    let layer = "ARG CACHEBUST=unset\nRUN echo \"cache bust: ${CACHEBUST}\"\n";
    let fixed = dockerfile.replace(fetch, &format!("{layer}{fetch}"));
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT)];
    check(&files, &["inert-cache-bust"], "Dockerfile", dockerfile);
    check(&files, &["inert-cache-bust", "cached-fetch"], "Dockerfile", &fixed);
}

#[test]
fn a_backslash_that_ends_a_command_is_an_argument() {
    let dockerfile = "\
# escape=`
FROM debian:12
SHELL [\"/bin/bash\", \"-c\"]
RUN apt-get -qq update \\
  # quietly
  -y
RUN apt-get install -y git
";
    check(&[("Dockerfile", dockerfile)], &["split-apt-update"], "Dockerfile", dockerfile);
}

#[test]
fn an_argument_goes_to_one_place() {
    let dockerfile = "\
FROM python:3.12 AS base
RUN echo \"Cache bust: $(date +%s)\"
# a comment
ARG CACHE_BUST
FROM debian:12
RUN git clone https://example.com/b.git /b
";
    let fixed = "\
FROM python:3.12 AS base
# a comment
ARG CACHE_BUST
RUN echo \"cache bust: ${CACHE_BUST}\"
FROM debian:12
ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
RUN git clone https://example.com/b.git /b
";
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT)];
    check(&files, &["inert-cache-bust", "cached-fetch"], "Dockerfile", fixed);
}

#[test]
fn idle_comments_at_the_end_take_the_blank_lines_along() {
    let allow = "# unstale: allow cached-fetch: for the test";
    let from = "FROM debian:12";
    for between in ["\n", "\n\n"] {
        let dockerfile = format!("{from}\n\n{allow}{between}{allow}");
        check(&[("Dockerfile", &dockerfile)], &["unused-allow"], "Dockerfile", from);
        let (dockerfile, fixed) = (format!("{dockerfile}\n"), format!("{from}\n"));
        check(&[("Dockerfile", &dockerfile)], &["unused-allow"], "Dockerfile", &fixed);
    }
}

#[test]
fn a_comment_that_loses_its_instruction_goes_along_with_no_other() {
    let dockerfile = "\
FROM debian:12
ARG CACHE_BUST
COPY . .
RUN git clone https://example.com/a.git /a
# why
RUN echo \\
  # when
  $(date)
ARG CACHEBUST=1
";
    let fixed = "\
FROM debian:12
ARG CACHE_BUST
ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
ARG CACHEBUST=1
RUN echo \"cache bust: ${CACHEBUST}\"
COPY . .
RUN git clone https://example.com/a.git /a
# why
";
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT), ("server.js", "")];
    check(&files, &["inert-cache-bust"], "Dockerfile", fixed);
    let dockerfile = "\
ARG CACHE_BUST=0
FROM debian:12
# directly below
VOLUME /app
COPY . /app/
RUN git clone https://example.com/a.git /a
";
    let fixed = "\
ARG CACHE_BUST=0
FROM debian:12
# directly below

ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
COPY . /app/
RUN git clone https://example.com/a.git /a
";
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT), ("server.js", "")];
    check(&files, &["volume-over-code", "inert-cache-bust"], "Dockerfile", fixed);
    // Nothing is kept apart from what goes itself.
    let allow = "# unstale: allow cached-fetch: for the test";
    let kept = "FROM debian:12\n# why";
    for end in ["", "\n"] {
        let dockerfile = format!("{kept}\nVOLUME /app\nCOPY . /app/\n{allow}{end}");
        let fixed = format!("{kept}\n\nCOPY . /app/{end}");
        let files = [("Dockerfile", dockerfile.as_str()), ("server.js", "")];
        check(&files, &["volume-over-code", "unused-allow"], "Dockerfile", &fixed);
        let dockerfile = format!("FROM debian:12\nRUN date\n# why\nRUN date\n{allow}{end}");
        let fixed = format!(
            "FROM debian:12\nARG CACHE_BUST=unset\nRUN echo \"cache bust: ${{CACHE_BUST}}\"\n# why{end}"
        );
        let files = [("Dockerfile", dockerfile.as_str()), ("compose.yaml", BUILT)];
        check(&files, &["inert-cache-bust", "unused-allow"], "Dockerfile", &fixed);
    }
}

#[test]
fn where_a_clock_ran_the_layer_that_takes_its_place_runs_too() {
    let dockerfile = "\
FROM scratch
RUN apt-get update
RUN echo \"Cache bust: $(date +%s)\"
RUN sudo apt-get install -y jq
";
    let fixed = "\
FROM scratch
ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
RUN sudo apt-get update && sudo apt-get install -y jq
";
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT)];
    check(&files, &["split-apt-update", "inert-cache-bust"], "Dockerfile", fixed);
}

#[test]
fn a_cache_bust_goes_behind_the_install_with_the_copy_that_it_busts() {
    let install = "FROM debian:12\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\n";
    let layer = "ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n";
    let fetch = "RUN git clone https://example.com/a.git /a\n";
    let manifests = [
        ("package.json", "{\"dependencies\": {\"x\": \"1\"}}"),
        ("package-lock.json", "{}"),
        ("server.js", ""),
    ];
    let clock = "# why\nRUN echo $(date)\n";
    let own = "# own\nARG CACHEBUST=1\nRUN echo $CACHEBUST\n";
    for (above, below) in [
        ("", layer.to_owned()),
        (layer, layer.to_owned()),
        (clock, format!("# why\n{layer}")),
        (own, own.to_owned()),
        (
            "ARG CACHE_BUST=unset\nLABEL cache-bust=\"${CACHE_BUST}\"\n\n",
            "ARG CACHE_BUST=unset\nLABEL cache-bust=\"${CACHE_BUST}\"\n".to_owned(),
        ),
    ] {
        let dockerfile = format!("FROM debian:12\nWORKDIR /app\n{above}# all\nCOPY . .\nRUN npm ci\n{fetch}");
        let blank = if above.ends_with("\n\n") { "\n" } else { "" };
        let fixed =
            format!("{}{below}# all\nCOPY . .\n{fetch}", install.replace("COPY", &format!("{blank}COPY")));
        let files: Vec<(&str, &str)> = [("Dockerfile", dockerfile.as_str()), ("compose.yaml", BUILT)]
            .into_iter()
            .chain(manifests)
            .collect();
        check(&files, &["cached-fetch", "inert-cache-bust", "broad-copy"], "Dockerfile", &fixed);
        check(&files, &["broad-copy", "cached-fetch", "inert-cache-bust"], "Dockerfile", &fixed);
    }
    // Where the install needs it, or another RUN does, it stays.
    for (above, between) in [
        ("ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n", "LABEL is=$CACHE_BUST\n"),
        ("ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\nRUN make deps\n", ""),
    ] {
        let dockerfile =
            format!("FROM debian:12\nWORKDIR /app\n{above}COPY . .\n{between}RUN npm ci\n{fetch}");
        let fixed = format!(
            "FROM debian:12\nWORKDIR /app\n{above}COPY package.json package-lock.json ./\n{between}RUN npm ci\nCOPY . .\n{fetch}"
        );
        let files: Vec<(&str, &str)> = [("Dockerfile", dockerfile.as_str()), ("compose.yaml", BUILT)]
            .into_iter()
            .chain(manifests)
            .collect();
        check(&files, &["broad-copy"], "Dockerfile", &fixed);
    }
}

#[test]
fn of_several_clocks_and_arguments_each_finds_its_place() {
    let dockerfile = "\
FROM debian:12
RUN git clone https://example.com/b.git /b
# why
RUN echo $(date)
ARG CACHEBUST=1

RUN git clone https://example.com/a.git /a
ARG CACHEBUST=1
";
    let fixed = "\
FROM debian:12
ARG CACHEBUST=unset
RUN echo \"cache bust: ${CACHEBUST}\"
RUN git clone https://example.com/b.git /b
# why

ARG CACHEBUST=1

RUN git clone https://example.com/a.git /a
ARG CACHEBUST=1
";
    let files = [("Dockerfile", dockerfile), ("compose.yaml", BUILT)];
    check(&files, &["cached-fetch", "inert-cache-bust"], "Dockerfile", fixed);
}

/// The project of a Dockerfile with what npm installs.
fn npm(dockerfile: &str) -> Vec<(&str, &str)> {
    vec![
        ("Dockerfile", dockerfile),
        ("compose.yaml", BUILT),
        ("package.json", "{\"dependencies\": {\"x\": \"1\"}}"),
        ("package-lock.json", "{}"),
        ("server.js", ""),
        ("src/main.py", ""),
    ]
}

#[test]
fn a_cache_bust_stands_at_one_place_whether_the_install_is_split_first_or_last() {
    let from = "FROM debian:12\nWORKDIR /app\n";
    let manifests = "COPY package.json package-lock.json ./\nRUN npm ci\n";
    let layer = "ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n";
    let fetch = "RUN git clone https://example.com/a.git /a\n";
    let cases = [
        // Another COPY of source below the install.
        (
            format!("{from}COPY . .\nRUN npm ci\nVOLUME /data\nCOPY . .\n{fetch}"),
            format!("{from}{manifests}{layer}COPY . .\nVOLUME /data\nCOPY . .\n{fetch}"),
        ),
        (
            format!("{from}COPY . .\nRUN npm ci\nRUN make\n# own\nCOPY src ./src\n{fetch}"),
            format!("{from}{manifests}{layer}COPY . .\nRUN make\n# own\nCOPY src ./src\n{fetch}"),
        ),
        (
            format!("{from}COPY . .\nRUN npm ci\n{fetch}COPY src ./src\nRUN make\n"),
            format!("{from}{manifests}{layer}COPY . .\n{fetch}COPY src ./src\nRUN make\n"),
        ),
        // Or above it.
        (
            format!("{from}COPY src ./src\nCOPY . .\nRUN npm ci\n{fetch}"),
            format!("{from}COPY src ./src\n{manifests}{layer}COPY . .\n{fetch}"),
        ),
    ];
    for (dockerfile, fixed) in &cases {
        check(&npm(dockerfile), &["broad-copy", "cached-fetch"], "Dockerfile", fixed);
        check(&npm(dockerfile), &["cached-fetch", "broad-copy"], "Dockerfile", fixed);
    }
    // A layer or a clock that is there goes up to where it would be put, but not past what needs its argument.
    let own = "# own\nARG CACHEBUST=1\nRUN echo $CACHEBUST\n";
    let clock = "# why\nRUN echo $(date)\n";
    for (bust, between, moves) in
        [(own, "", true), (clock, "", true), (own, "USER node\n", true), (own, "LABEL a=$CACHEBUST\n", false)]
    {
        let dockerfile = format!("{from}COPY . .\nRUN npm ci\n{between}{bust}COPY src ./src\n{fetch}");
        let fixed = if moves {
            format!("{from}{manifests}{bust}COPY . .\n{between}COPY src ./src\n{fetch}")
        } else {
            format!("{from}{manifests}COPY . .\n{between}{bust}COPY src ./src\n{fetch}")
        };
        check(&npm(&dockerfile), &["broad-copy"], "Dockerfile", &fixed);
        // Where it works already, no other rule has a part in it.
        let mut files = npm(&dockerfile);
        files[1].1 = "services:\n  web:\n    build: {context: ., args: {CACHEBUST: \"${CACHEBUST:-}\"}}\n";
        check(&files, &["broad-copy"], "Dockerfile", &fixed);
    }
    // What stands below the last COPY of source, or of another install, stays there.
    for below in ["RUN make\n", "RUN npm ci\n"] {
        let dockerfile = format!("{from}COPY . .\nRUN npm ci\n{below}{own}{fetch}");
        let fixed = format!("{from}{manifests}COPY . .\n{below}{own}{fetch}");
        check(&npm(&dockerfile), &["broad-copy"], "Dockerfile", &fixed);
    }
}

#[test]
fn an_install_above_the_source_needs_no_cache_bust() {
    let dockerfile = "\
FROM debian:12
WORKDIR /app
COPY src ./src
COPY . .
RUN npm ci
";
    let fixed = dockerfile
        .replace("COPY . .\nRUN npm ci\n", "COPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\n");
    check(&npm(dockerfile), &["missing-cache-bust", "broad-copy"], "Dockerfile", &fixed);
    // Two installs: it goes above the source between them.
    let dockerfile = format!("{dockerfile}RUN npm ci\n");
    let layer = "ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n";
    let fixed = format!("{}RUN npm ci\n", fixed.replace("COPY . .\n", &format!("{layer}COPY . .\n")));
    check(&npm(&dockerfile), &["missing-cache-bust", "broad-copy"], "Dockerfile", &fixed);
    check(&npm(&dockerfile), &["broad-copy", "missing-cache-bust"], "Dockerfile", &fixed);
    // A clock is taken for the wish to have one.
    let clock = "# why\nRUN echo $(date)\n";
    let dockerfile = format!("FROM debian:12\nWORKDIR /app\nCOPY . .\nRUN npm ci\n{clock}");
    let fixed = "\
FROM debian:12
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
COPY . .
# why
";
    check(&npm(&dockerfile), &["inert-cache-bust", "broad-copy"], "Dockerfile", fixed);
}

#[test]
fn a_stage_from_scratch_has_a_label_whichever_runs_stand_above() {
    let layer = "ARG CACHE_BUST=unset\nLABEL cache-bust=\"${CACHE_BUST}\"\n";
    let dockerfile = "\
FROM scratch
WORKDIR /app
RUN apt-get update
COPY src ./src
RUN apt-get install -y git
";
    let fixed = format!(
        "FROM scratch\nWORKDIR /app\n{layer}COPY src ./src\nRUN apt-get update && apt-get install -y git\n"
    );
    check(&npm(dockerfile), &["split-apt-update", "missing-cache-bust"], "Dockerfile", &fixed);
    check(&npm(dockerfile), &["missing-cache-bust", "split-apt-update"], "Dockerfile", &fixed);
    let dockerfile = "FROM scratch\nWORKDIR /app\nCOPY . .\nRUN npm ci\nRUN make\n";
    let fixed = format!(
        "FROM scratch\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\n{layer}COPY . .\nRUN make\n"
    );
    check(&npm(dockerfile), &["broad-copy", "missing-cache-bust"], "Dockerfile", &fixed);
    check(&npm(dockerfile), &["missing-cache-bust", "broad-copy"], "Dockerfile", &fixed);
}

#[test]
fn what_goes_above_a_comment_leaves_its_blank_line() {
    let dockerfile = "\
FROM debian:12
COPY . .
RUN apt-get update
# why
RUN echo $(date)
RUN apt-get install -y git

FROM debian:12
";
    let fixed = "\
FROM debian:12
ARG CACHE_BUST=unset
RUN echo \"cache bust: ${CACHE_BUST}\"
COPY . .
# why

RUN apt-get update && apt-get install -y git

FROM debian:12
";
    check(&npm(dockerfile), &["split-apt-update", "inert-cache-bust"], "Dockerfile", fixed);
}

#[test]
fn a_comment_above_an_idle_allow_is_kept_apart_and_the_allow_is_not() {
    let allow = "# unstale: allow cached-fetch: for the test\n";
    let copy = "COPY . /app/\n";
    for (comment, blank) in [("", ""), ("# a comment\n", "\n")] {
        let dockerfile = format!("FROM debian:12\n{comment}{allow}VOLUME /app\n{copy}");
        let fixed = format!("FROM debian:12\n{comment}{blank}{copy}");
        check(&npm(&dockerfile), &["volume-over-code", "unused-allow"], "Dockerfile", &fixed);
        check(&npm(&dockerfile), &["unused-allow", "volume-over-code"], "Dockerfile", &fixed);
        let fetch = "RUN git clone https://example.com/a.git /a\n";
        let dockerfile = format!("FROM debian:12\n{copy}{comment}{allow}RUN echo $(date)\n{fetch}");
        let layer = "ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n";
        let fixed = format!("FROM debian:12\n{layer}{copy}{comment}{blank}{fetch}");
        check(&npm(&dockerfile), &["inert-cache-bust", "unused-allow"], "Dockerfile", &fixed);
        check(&npm(&dockerfile), &["unused-allow", "inert-cache-bust"], "Dockerfile", &fixed);
    }
}

#[test]
fn a_clock_is_mended_before_the_copy_below_it_goes_behind_the_install() {
    let from = "FROM debian:12\nWORKDIR /app\n";
    let manifests = "COPY package.json package-lock.json ./\nRUN npm ci\n";
    let layer = "ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n";
    let fetch = "RUN git clone https://example.com/a.git /a\n";
    let own = "ARG CACHE_BUST\nRUN echo $CACHE_BUST\n";
    let clock = "# why\nRUN echo $(date)\n";
    let again = "# again\nRUN date\n";
    let cases = [
        // Source above it: the layer goes above that, and the comment stays.
        (
            format!("{from}COPY src ./src\n{clock}COPY . .\nRUN npm ci\n"),
            format!("{from}COPY src ./src\n# why\n\n{manifests}{layer}COPY . .\n"),
        ),
        // A fetch that moves above it.
        (
            format!("{from}{fetch}{clock}COPY . .\nRUN npm ci\nRUN npm ci\n"),
            format!("{from}{layer}{fetch}# why\n\n{manifests}COPY . .\nRUN npm ci\n"),
        ),
        // Two of them: the second one's comment stays.
        (
            format!("{from}{clock}{again}COPY . .\nRUN npm ci\n"),
            format!("{from}# again\n\n{manifests}# why\n{layer}COPY . .\n"),
        ),
        // A layer between the COPY and the install takes its place.
        (
            format!("{from}{clock}COPY . .\n{own}RUN npm ci\n"),
            format!("{from}{manifests}# why\n{own}COPY . .\n"),
        ),
    ];
    for (dockerfile, fixed) in &cases {
        check(&npm(dockerfile), &["broad-copy", "inert-cache-bust"], "Dockerfile", fixed);
        check(&npm(dockerfile), &["inert-cache-bust", "broad-copy"], "Dockerfile", fixed);
        check(&npm(dockerfile), &["broad-copy"], "Dockerfile", dockerfile);
    }
}

#[test]
fn a_layer_that_the_copy_would_leave_behind_is_made_before_it_goes() {
    let from = "FROM debian:12\nWORKDIR /app\n";
    let manifests = "COPY package.json package-lock.json ./\nRUN npm ci\n";
    let layer = "ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n";
    let fetch = "RUN git clone https://example.com/a.git /a\n";
    for between in ["RUN make\n", "ENV FOO=b\n"] {
        let dockerfile = format!("{from}COPY src ./src\n{between}COPY . .\nRUN npm ci\n{fetch}");
        let fixed = format!("{from}{layer}COPY src ./src\n{between}{manifests}COPY . .\n{fetch}");
        check(&npm(&dockerfile), &["broad-copy", "cached-fetch"], "Dockerfile", &fixed);
        check(&npm(&dockerfile), &["cached-fetch", "broad-copy"], "Dockerfile", &fixed);
        check(&npm(&dockerfile), &["broad-copy"], "Dockerfile", &dockerfile);
    }
    // Nothing below the install wants one.
    let dockerfile = format!("{from}COPY src ./src\nRUN make\nCOPY . .\nRUN npm ci\n");
    let fixed = format!("{from}COPY src ./src\nRUN make\n{manifests}COPY . .\n");
    check(&npm(&dockerfile), &["broad-copy"], "Dockerfile", &fixed);
}

#[test]
fn a_layer_between_two_installs_goes_above_the_copy_that_comes_between_them() {
    let from = "FROM debian:12\nWORKDIR /app\n";
    let manifests = "COPY package.json package-lock.json ./\nRUN npm ci\n";
    let layer = "ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n";
    for source in ["COPY . .\n", "COPY src ./src\n"] {
        let dockerfile = format!("{from}COPY . .\nRUN npm ci\n{source}RUN npm ci\n");
        let fixed = format!("{from}{manifests}{layer}COPY . .\n{source}RUN npm ci\n");
        check(&npm(&dockerfile), &["missing-cache-bust", "broad-copy"], "Dockerfile", &fixed);
        check(&npm(&dockerfile), &["broad-copy", "missing-cache-bust"], "Dockerfile", &fixed);
    }
}
