//! Pairs of Dockerfiles that the judge must tell apart: what a rule may do, and nothing else.

use super::judge;

const BUST: &[&str] = &["cached-fetch"];

/// Before, after, the rules, and whether they may do it.
type Case<'c> = (&'c str, String, &'static [&'static str], bool);

#[test]
fn what_a_rule_may_do_is_explained_and_nothing_else() {
    let layer = "ARG CACHE_BUST=unset\nRUN echo \"cache bust: ${CACHE_BUST}\"\n";
    let label = "ARG CACHE_BUST=unset\nLABEL org.example=${CACHE_BUST}\n";
    let cases: &[Case<'_>] = &[
        ("FROM a\nRUN x\n", format!("FROM a\n{layer}RUN x\n"), BUST, true),
        ("FROM a\nRUN x\n", format!("FROM a\n{label}RUN x\n"), BUST, true),
        ("FROM a\nRUN x\n", format!("FROM a\n{layer}RUN x\n"), &["broad-copy"], false),
        ("FROM a\nRUN x\n", "FROM a\nARG CACHE_BUST=unset\nRUN x\n".to_owned(), BUST, false),
        ("FROM a\nRUN x\n", format!("FROM a\n{layer}RUN  x\n"), BUST, false),
        ("FROM a\n# c\nRUN x\n", format!("FROM a\n{layer}RUN x\n"), BUST, false),
        ("FROM a\nRUN x", format!("FROM a\n{layer}RUN x\n"), BUST, false),
        ("FROM a\nRUN x \\\n y\n", format!("FROM a\n{layer}RUN x y\n"), BUST, false),
        ("FROM a\nENV F \"a b\"\nRUN x\n", format!("FROM a\nENV F=\"a b\"\n{layer}RUN x\n"), BUST, false),
        (
            "FROM a\n# c\nCOPY . .\nRUN npm ci\nRUN y\n",
            "FROM a\nCOPY package.json ./\nRUN npm ci\n# c\nCOPY . .\nRUN y\n".to_owned(),
            &["broad-copy"],
            true,
        ),
        (
            "FROM a\nCOPY . .\nRUN npm ci\nFROM b\nRUN y\n",
            "FROM a\nCOPY package.json ./\nRUN npm ci\nFROM b\nCOPY . .\nRUN y\n".to_owned(),
            &["broad-copy"],
            false,
        ),
        (
            "FROM a\nCOPY . .\nRUN npm ci\n",
            "FROM a\nCOPY server.js ./\nRUN npm ci\nCOPY . .\n".to_owned(),
            &["broad-copy"],
            false,
        ),
        (
            "FROM a\nRUN apt-get update\nRUN apt-get install -y \\\n git && \\\n rm -rf /x\n",
            "FROM a\nRUN apt-get update && apt-get install -y \\\n git && \\\n rm -rf /x\n".to_owned(),
            &["split-apt-update"],
            true,
        ),
        (
            "FROM a\nRUN apt-get update\nRUN apt-get install -y \\\n git && \\\n rm -rf /x\n",
            "FROM a\nRUN apt-get update && apt-get install -y \\\n git\n".to_owned(),
            &["split-apt-update"],
            false,
        ),
        ("FROM a\nVOLUME /x /y\n", "FROM a\nVOLUME /y\n".to_owned(), &["volume-over-code"], true),
        ("FROM a\nVOLUME /x /y\n", "FROM a\nVOLUME /z\n".to_owned(), &["volume-over-code"], false),
        // The file's own layer, from below.
        (
            "FROM a\nRUN x\n# c\nARG NOCACHE=1\nRUN echo $NOCACHE\nRUN y\n",
            "FROM a\n# c\nARG NOCACHE=1\nRUN echo $NOCACHE\nRUN x\nRUN y\n".to_owned(),
            BUST,
            true,
        ),
        (
            "FROM a\nRUN x\nARG NOCACHE=1\nRUN y\n",
            "FROM a\nARG NOCACHE=1\nRUN echo \"cache bust: ${NOCACHE}\"\nRUN x\nRUN y\n".to_owned(),
            BUST,
            true,
        ),
        (
            "FROM a\nRUN x\nFROM b\nARG NOCACHE=1\nRUN y\n",
            "FROM a\nARG NOCACHE=1\nRUN echo \"cache bust: ${NOCACHE}\"\nRUN x\nFROM b\nRUN y\n".to_owned(),
            BUST,
            false,
        ),
        (
            "FROM a\nRUN x\nARG NOCACHE=1\nRUN y\n",
            "FROM a\nRUN x\nRUN y\n".to_owned(),
            &["inert-cache-bust"],
            false,
        ),
        (
            "FROM a\nARG NOCACHE\nENV NOCACHE=1 B=2\nRUN y\n",
            "FROM a\nARG NOCACHE=1\nENV NOCACHE=${NOCACHE} B=2\nRUN y\n".to_owned(),
            &["inert-cache-bust"],
            true,
        ),
        (
            "FROM a\nARG NOCACHE\nENV NOCACHE=1 B=2\nRUN y\n",
            "FROM a\nARG NOCACHE=2\nENV NOCACHE=${NOCACHE} B=2\nRUN y\n".to_owned(),
            &["inert-cache-bust"],
            false,
        ),
        ("FROM a\nVOLUME /x\nRUN y\n", "FROM a\nRUN y\nVOLUME /x\n".to_owned(), &["discarded-write"], true),
        ("FROM a\nVOLUME /x\nRUN y\n", "FROM a\nRUN y\n".to_owned(), &["discarded-write"], false),
    ];
    each(cases);
}

#[test]
fn what_goes_along_is_explained_and_nothing_else() {
    let cases: &[Case<'_>] = &[
        ("FROM a\n# c\nVOLUME /x\nRUN y\n", "FROM a\n# c\n\nRUN y\n".to_owned(), &["volume-over-code"], true),
        ("FROM a\n# c\nVOLUME /x\nRUN y\n", "FROM a\n\n# c\nRUN y\n".to_owned(), &["volume-over-code"], false),
        ("FROM a\nVOLUME /x\nRUN y\n", "FROM a\n\nRUN y\n".to_owned(), &["volume-over-code"], false),
        // A layer goes with the COPY that it leads, and with nothing else.
        (
            "FROM a\n# c\nARG NOCACHE=1\nRUN echo $NOCACHE\nCOPY . .\nRUN npm ci\nRUN y\n",
            "FROM a\nCOPY package.json ./\nRUN npm ci\n# c\nARG NOCACHE=1\nRUN echo $NOCACHE\nCOPY . .\nRUN y\n".to_owned(),
            &["broad-copy"],
            true,
        ),
        (
            "FROM a\n# c\nARG NOCACHE=1\nRUN make $NOCACHE\nCOPY . .\nRUN npm ci\nRUN y\n",
            "FROM a\nCOPY package.json ./\nRUN npm ci\n# c\nARG NOCACHE=1\nRUN make $NOCACHE\nCOPY . .\nRUN y\n".to_owned(),
            &["broad-copy"],
            false,
        ),
        (
            "FROM a\nARG NOCACHE=1\nRUN echo $NOCACHE\nRUN x\nCOPY . .\nRUN npm ci\n",
            "FROM a\nRUN x\nCOPY package.json ./\nRUN npm ci\nARG NOCACHE=1\nRUN echo $NOCACHE\nCOPY . .\n".to_owned(),
            &["broad-copy"],
            false,
        ),
        (
            "FROM a\n# c\nRUN date\nCOPY . .\nRUN npm ci\n",
            "FROM a\n# c\nCOPY package.json ./\nRUN npm ci\nRUN date\nCOPY . .\n".to_owned(),
            &["broad-copy"],
            false,
        ),
        // And up to that, from below.
        (
            "FROM a\nCOPY . .\nRUN npm ci\nUSER u\n# c\nRUN date\nCOPY x .\nRUN y\n",
            "FROM a\nCOPY package.json ./\nRUN npm ci\n# c\nRUN date\nCOPY . .\nUSER u\nCOPY x .\nRUN y\n".to_owned(),
            &["broad-copy"],
            true,
        ),
        (
            "FROM a\nCOPY . .\nRUN npm ci\nUSER u\nARG NOCACHE=1\nRUN echo $NOCACHE\nCOPY x .\nRUN y\n",
            "FROM a\nCOPY package.json ./\nRUN npm ci\nARG NOCACHE=1\nRUN echo $NOCACHE\nCOPY . .\nUSER u\nCOPY x .\nRUN y\n"
                .to_owned(),
            &["broad-copy"],
            true,
        ),
        (
            "FROM a\nCOPY . .\nRUN npm ci\nUSER u\nARG NOCACHE=1\nRUN make $NOCACHE\nCOPY x .\nRUN y\n",
            "FROM a\nCOPY package.json ./\nRUN npm ci\nARG NOCACHE=1\nRUN make $NOCACHE\nCOPY . .\nUSER u\nCOPY x .\nRUN y\n"
                .to_owned(),
            &["broad-copy"],
            false,
        ),
        (
            "FROM a\nCOPY . .\nRUN npm ci\nUSER u\nRUN date\nRUN y\n",
            "FROM a\nCOPY package.json ./\nRUN npm ci\nCOPY . .\nRUN date\nUSER u\nRUN y\n".to_owned(),
            &["broad-copy"],
            false,
        ),
    ];
    each(cases);
}

fn each(cases: &[Case<'_>]) {
    for (before, after, rules, right) in cases {
        let wrong = judge(before, after, rules);
        assert_eq!(wrong.is_empty(), *right, "{before}---\n{after}: {wrong:?}");
    }
}
