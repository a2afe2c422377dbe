//! Every short Dockerfile of the pieces that decide where a cache-bust layer goes: the order of the fixes says nothing.

use unstale::text::Snapshot;

use super::{properties::in_any_order, say};
use crate::projects::project;

/// Pieces of one stage, those that matter most first.
const PIECES: &[&str] = &[
    "COPY . .\n",
    "COPY src ./src\n",
    "RUN npm ci\n",
    "RUN git clone https://example.com/a.git /a\n",
    "# why\nRUN echo $(date)\n",
    "RUN make\n",
    "ENV FOO=b\n",
    "ARG NOCACHE\nRUN echo $NOCACHE\n",
    "VOLUME /app\n",
    "RUN apt-get update\n",
    "RUN apt-get install -y git\n",
];

/// Orders of rules.
const ORDERS: [&[&str]; 3] = [
    &["cached-fetch", "inert-cache-bust", "split-apt-update", "broad-copy"],
    &["inert-cache-bust", "broad-copy", "split-apt-update", "cached-fetch"],
    &["split-apt-update", "missing-cache-bust", "broad-copy"],
];

/// How many pieces a Dockerfile has, and of how many it is made: `UNSTALE_SHORT=4,8` asks for more.
fn asked() -> (usize, &'static [&'static str]) {
    let asked = std::env::var("UNSTALE_SHORT").ok();
    let asked = asked.as_deref().and_then(|asked| asked.split_once(','));
    let (length, pieces) = asked.map_or((3, 5), |(a, b)| (a.parse().unwrap(), b.parse().unwrap()));
    (length, &PIECES[..pieces])
}

fn snapshot(head: &str, body: &[&str]) -> Snapshot {
    let dockerfile = format!("{head}{}", body.concat());
    project(&[
        ("Dockerfile", &dockerfile),
        ("compose.yaml", "services:\n  web:\n    build: .\n"),
        ("package.json", "{\"dependencies\": {\"x\": \"1\"}}\n"),
        ("package-lock.json", "{}\n"),
        ("src/main.py", ""),
        ("server.js", ""),
        (".git/HEAD", ""),
        (".dockerignore", ".git\n"),
    ])
}

#[test]
fn short_dockerfiles_come_out_the_same_in_any_order() {
    let (length, pieces) = asked();
    // Where the form of the layer could depend on its place; the other one when more is asked for.
    let heads = ["FROM scratch\nWORKDIR /app\n", "FROM debian:12\nWORKDIR /app\n"];
    let heads = if length > 3 { &heads[..] } else { &heads[..1] };
    let (mut wrong, mut tried) = (0, 0);
    let mut digits = vec![0; length];
    loop {
        let body: Vec<&str> = digits.iter().map(|&digit| pieces[digit]).collect();
        for head in heads {
            let snapshot = snapshot(head, &body);
            for order in ORDERS {
                tried += 1;
                if let Err(why) = in_any_order(&snapshot, order) {
                    wrong += 1;
                    if wrong <= 40 {
                        say!("=== {order:?}\n{head}{}--- {why}", body.concat());
                    }
                }
            }
        }
        let Some(at) = digits.iter().position(|&digit| digit + 1 < pieces.len()) else { break };
        digits[at] += 1;
        digits[..at].fill(0);
    }
    say!("{tried} tried");
    assert_eq!(wrong, 0);
}
