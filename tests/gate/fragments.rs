//! Projects put together from pieces that make the rules propose fixes, between pieces that fixers of other tools break.

use proptest::prelude::*;
use unstale::text::Snapshot;

use crate::projects::project;

/// How stages start.
const FROMS: &[&str] = &[
    "FROM debian:12\n",
    "FROM alpine\n",
    "FROM --platform=$BUILDPLATFORM node:22 as build\n",
    "from python:3.12 as Base\n",
    "# about the stage\nFROM node:22\n",
    "FROM scratch\n",
    "FROM build\n",
];

/// What stands in stages.
const PIECES: &[&str] = &[
    // Fetches that move.
    "RUN git clone https://example.com/a.git /a\n",
    "# fetch\n# it\nRUN curl -fsSL -o /x.sh https://example.com/install && \\\n    # run it\n    sh /x.sh\n",
    "  run git clone https://example.com/b.git \\\n\n    /b\n",
    "RUN <<EOF\ngit clone https://example.com/c.git /c\nEOF\n",
    // Indexes and installs.
    "RUN apt-get update\n",
    "RUN apt-get -qq update \\\n  # quietly\n  -y\n",
    "RUN apt-get install -y \\\n    git curl \\\n    flex unzip && \\\n    rm -rf /tmp/x\n",
    "RUN set -ex; apt-get install -y make; \\\n    apt-get install -y gcc\n",
    "RUN apk update\n",
    "RUN apk add curl \\\n  # and\n  git\n",
    "RUN sudo apt-get install -y jq\n",
    // Sources and dependencies.
    "WORKDIR /app\n",
    "COPY . .\n",
    "# all of it\nCOPY --chown=node . \\\n  .\n",
    "COPY . /app/\n",
    "COPY [\".\", \"/app\"]\n",
    "COPY package.json package-lock.json ./\n",
    "COPY src ./src\n",
    "ADD . /app\n",
    "RUN npm ci\n",
    "RUN npm ci \\\n  # no scripts\n  --ignore-scripts\n",
    "RUN pip install -r requirements.txt\n",
    "RUN npm run build\n",
    "RUN make\n",
    // Busts that work and that do not.
    "ARG CACHE_BUST\n",
    "ARG CACHEBUST=1\n",
    "ARG NOCACHE\nRUN echo $NOCACHE\n",
    "ENV CACHE_BUST=1\n",
    "RUN echo \"Cache bust: $(date +%s)\"\n",
    "RUN date\n",
    "# why\nRUN echo \\\n  # when\n  $(date)\n",
    // Volumes.
    "VOLUME /app\n",
    "VOLUME [ \"/app\" , \"/data\" ]\n",
    "VOLUME /data \\\n  # code\n  /app\n",
    "RUN mkdir -p /data/x && echo a > /data/x/y\n",
    "RUN chown -R node /data\n",
    // What others break.
    "ENV FOO \"a b\"\n",
    "ENV X \\\n  y z\n",
    "ENV A=b \\\n    # one\n    C=\"d  e\"\n",
    "LABEL q=\"\\\"a b\\\"\" r='c d'\n",
    "CMD a & b\n",
    "CMD [\"a\", \"b\",]\n",
    "COPY <<EOF /etc/motd\n# no comment\nRUN apt-get update\nEOF\n# directly below\n",
    "RUN <<A cat <<-\"B\"\nA\n\ttwo\n\tB\n",
    "COPY --from=build /app/dist /usr/share/html\n",
    "COPY --from=0 /src/target/release/run /usr/bin/run\n",
    "HEALTHCHECK --interval=5s CMD true\n",
    "SHELL [\"/bin/bash\", \"-c\"]\n",
    "SHELL [\"pwsh\", \"-c\"]\n",
    "ONBUILD RUN make\n",
    "USER node\n",
    "# a comment\n",
    "# unstale: allow cached-fetch: for the test\n",
    "\n",
    "  \n",
];

/// Keys of services.
const KEYS: &[&str] = &[
    "    build: .\n",
    "    build: \".\"   # here\n",
    "    build:\n      context: .\n",
    "    build:   # how\n\n      # where\n      context: .\n      dockerfile: Dockerfile\n",
    "    build:\n      args:\n        - A=b\n        - \"C=d\"\n      context: .\n",
    "    build: {context: ., args: {A: 'b, c'}}\n",
    "    build: {context: .,\n      args: [A=b,\n        \"C=d\"  # last\n      ]}\n",
    "    build:\n      context: .\n      args:\n        CACHE_BUST: \"1\"   # constant\n        CACHEBUST: 2\n",
    "    build:\n      context: .\n      pull: false\n",
    "    build: &shared\n      context: .\n      args: &args\n        A: b\n",
    "    <<: *common\n",
    "    image: shop\n",
    "    image: nginx:1.27\n",
    "    pull_policy: always  # why\n",
    "    volumes:\n      - code:/app   # hides\n      # data\n      - data:/data\n",
    "    volumes:\n    - /app\n",
    "    volumes: [code:/app, 'data:/data']\n",
    "    volumes:\n      - type: volume\n        source: code\n        target: /app\n      - ./conf.d/x.conf:/etc/nginx/conf.d/x.conf:ro\n",
    "    tmpfs: /app\n",
    "    ports:\n      - 22:22\n      - \"8080:80\"\n",
    "    environment: {ON: yes, N: 0123, E: , Q: 'it''s'}\n",
    "    command: >-\n      sh -c \"a\n      b\"\n",
    "    healthcheck:\n      test: |\n        true\n\n        false\n",
    "    # a comment at the end\n\n",
];

/// Whole services.
const SERVICES: &[&str] = &[
    "  flow: {build: ., image: shop, volumes: [\"code:/app\"]}\n",
    "  flow2: {build: {context: .,\n      args: [A=b]}, ports: [\"80:80\"]}\n",
    "  both: &both\n    build: .\n  other:\n    <<: *both\n    image: x\n",
    "  again:\n    extends: web\n",
    "  db:\n    image: postgres:17\n    volumes: [data:/var/lib/postgresql/data]\n",
];

/// Lines of a deploy script.
const LINES: &[&str] = &[
    "set -e\n",
    "cd /srv/shop\n",
    "git pull\n",
    "git pull; docker compose build\n",
    "docker compose build --no-cache\n",
    "docker compose build \\\n  --pull web\n",
    "docker compose restart\n",
    "docker compose up -d\n",
    "docker-compose up -d web && echo done\n",
    "ssh host 'cd shop; git pull; docker compose up -d'\n",
    "# a comment\n",
    "if true; then\n  docker compose restart web\nfi\n",
];

const IGNORES: &[&str] = &["*.log\n", "# a comment\n\n", ".git\n", "node_modules"];

fn some(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..=most).prop_map(|pieces| pieces.concat())
}

/// A Dockerfile of one to three stages.
pub(super) fn dockerfile() -> impl Strategy<Value = String> {
    let head = prop::sample::select(
        &["", "", "# syntax=docker/dockerfile:1\n\n", "# escape=`\n", "ARG CACHE_BUST=0\n"][..],
    );
    let stage =
        (prop::sample::select(FROMS), some(PIECES, 9)).prop_map(|(from, body)| format!("{from}{body}"));
    (head, prop::collection::vec(stage, 1..=3))
        .prop_map(|(head, stages)| format!("{head}{}", stages.concat()))
}

/// A service of keys that follow each other; a key that is there twice makes a file that nothing may be done to.
fn service(name: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(KEYS), 1..=5).prop_map(move |keys| {
        let mut seen: Vec<&str> = Vec::new();
        let mut out = format!("  {name}:\n");
        for key in keys {
            let word = key.trim_start().split(':').next().unwrap_or_default();
            if word.starts_with('#') || !seen.contains(&word) {
                seen.push(word);
                out.push_str(key);
            }
        }
        out
    })
}

/// A compose file.
pub(super) fn compose() -> impl Strategy<Value = String> {
    let common = "x-common: &common\n  restart: always\n  build:\n    context: .\n\n";
    (service("web"), service("worker"), some(SERVICES, 2), any::<bool>()).prop_map(
        move |(web, worker, more, end)| {
            let end = if end { "volumes: {code: , data: {}}\n" } else { "# the end\n" };
            format!("# above\n{common}services:\n{web}{more}{worker}{end}")
        },
    )
}

/// A project that a failing test shows as texts.
#[derive(Clone)]
pub(super) struct Shown(pub(super) Snapshot);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (_, file) in self.0.files() {
            write!(f, "\n=== {}\n{}", file.path, file.text)?;
        }
        Ok(())
    }
}

/// A project: Dockerfile, compose file, what they copy, an ignore file perhaps and a deploy script perhaps.
pub(super) fn projects() -> impl Strategy<Value = Shown> {
    let ignore = prop::option::of(some(IGNORES, 2));
    let script = prop::option::of(some(LINES, 6));
    (dockerfile(), compose(), ignore, script).prop_map(|(dockerfile, compose, ignore, script)| {
        let script = script.map(|lines| format!("#!/bin/bash\n{lines}"));
        let mut files: Vec<(&str, &str)> = vec![
            ("Dockerfile", &dockerfile),
            ("compose.yaml", &compose),
            ("package.json", "{\"dependencies\": {\"x\": \"1\"}}\n"),
            ("package-lock.json", "{}\n"),
            ("requirements.txt", "flask==3\n"),
            (".gitignore", "node_modules\n__pycache__\n"),
            ("src/main.py", ""),
            ("server.js", ""),
            ("conf.d/x.conf", ""),
            (".git/HEAD", ""),
        ];
        files.extend(ignore.as_deref().map(|text| (".dockerignore", text)));
        files.extend(script.as_deref().map(|text| ("deploy.sh", text)));
        Shown(project(&files))
    })
}
