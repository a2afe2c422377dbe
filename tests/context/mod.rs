//! What a COPY sees and where it puts it: the model's answer for every file of a context against real engines.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

/// A line of a report that is asked for; the harness hides what a test that passes prints otherwise.
macro_rules! say {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($part)*);
    }};
}

mod full;
mod image;
mod random;

use std::{fs, path::Path};

use image::{Bench, Said};

use crate::support::{Builder, Engine, on_real_engines};

on_real_engines!(copies_land_where_the_model_says, ignore_files_keep_out_what_the_model_says);

/// What both builders are asked. `F` starts a line that one of them refuses, so that only BuildKit sees it.
const COPIES: &[&str] = &[
    "COPY top.txt /k1",
    "COPY top.txt /k2/",
    "COPY d /k3",
    "COPY d/ /k4/",
    "COPY link.txt /k5/",
    "COPY dlink /k6",
    "COPY dlink/ /k6b/",
    "COPY dlink/f /k7/",
    "COPY d/up.lnk /k8/",
    "COPY d/sublink /k9",
    "COPY abs.lnk /k10/",
    "COPY *.txt /k11/",
    "COPY d/* /k13/",
    "COPY /top.txt /k14/",
    "F COPY ../../top.txt /k15/",
    "COPY ./d/../two.txt /k16/",
    "COPY d e top.txt /k17/",
    "COPY dl* /k18/",
    "COPY d/. /k19",
    "COPY l*.txt /k20",
    "COPY br[[]x].txt /k21/",
    "COPY [\"a b.txt\", \"/k22/\"]",
    "COPY src/*/m.py /k23/",
    "COPY t?p.txt /k24/",
    "COPY [a-t]*.txt /k25/",
    "COPY [^t]*.txt /k26/",
    "F COPY t*.txt /k27",
    "F COPY top.txt two.txt /k28",
    "F COPY none*.txt top.txt /k29/",
    "F COPY dlink/sub* /k30/",
    "F COPY **/f /k31/",
    "COPY . /all",
    "COPY top.txt two.txt /over/",
    "COPY src/a/m.py /over/top.txt",
    "COPY e /over",
    "ADD top.txt /add/",
    "ADD d /add/d",
    "ENV WHERE=/env FILE=two.txt",
    "COPY $FILE ${WHERE}/x/",
    "COPY ${FILE%.*}x* /k32/",
    "WORKDIR /w",
    "COPY top.txt x/y",
    "COPY two.txt x",
    "COPY d ./dd",
    "COPY two.txt dd/sub",
    "COPY --chown=0 top.txt .",
    "COPY [\"two.txt\", \".\"]",
    "WORKDIR deeper",
    "COPY top.txt ..",
    "COPY src ../s",
    "COPY two.txt ../s/a",
    "F COPY --chmod=600 two.txt ./mode",
    "COPY two.txt /w/deeper",
];

/// The tree that all cases are asked about; a link says where it leads.
const TREE: &[(&str, Option<&str>)] = &[
    ("top.txt", None),
    ("two.txt", None),
    ("a b.txt", None),
    ("br[x].txt", None),
    ("d/f", None),
    ("d/sub/g", None),
    ("d/.hidden", None),
    ("e/top.txt", None),
    ("src/a/m.py", None),
    ("src/b/m.py", None),
    ("link.txt", Some("top.txt")),
    ("dlink", Some("d")),
    ("abs.lnk", Some("/top.txt")),
    ("d/up.lnk", Some("../top.txt")),
    ("d/sublink", Some("sub")),
    ("broken", Some("nowhere")),
];

fn plant(folder: &Path, tree: &[(&str, Option<&str>)]) {
    for (path, link) in tree {
        let at = folder.join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        match link {
            Some(target) => std::os::unix::fs::symlink(target, at).unwrap(),
            None => fs::write(at, format!("this is {path}\n")).unwrap(),
        }
    }
}

fn copies_land_where_the_model_says(engine: Engine, builder: Builder) {
    let bench = Bench::new(engine, builder);
    plant(&bench.context(), TREE);
    let lines = COPIES.iter().filter_map(|line| match line.strip_prefix("F ") {
        Some(line) => (builder == Builder::BuildKit).then_some(line),
        None => Some(*line),
    });
    // The one modifier that the model does not follow is also none that the older engine knows.
    let lines = lines.filter(|line| !line.contains('%'));
    let dockerfile: String = ["FROM scratch"].into_iter().chain(lines).flat_map(|l| [l, "\n"]).collect();
    let Said { agree, unknown, disagree } = bench.compare(&dockerfile);
    assert_eq!(disagree, Vec::<String>::new());
    assert_eq!(unknown, 0);
    assert!(agree > 60, "{agree}");
}

/// Ignore files; each with the tree above, as `COPY . /all`.
///
/// The model is that of BuildKit in engines from 23 on. `NEW` starts one on which others differ (measured): engines
/// before 23 let a `!` above a path bring it back whatever kept the path out; the classic builder's client does not enter
/// an ignored folder for a `!` with a wildcard.
const IGNORES: &[&str] = &[
    "*.txt\n!two.txt\n",
    "*\n!d\n",
    "*\n!d/sub\n",
    "d\n!d/f\n",
    "NEW d/f\n!d\n",
    "NEW **/m.py\n!src/b\n",
    "# comment\n\n/top.txt\n./e/../two.txt\n",
    "NEW **\n!src/*/m.py\nsrc/b\n",
    "d/*\n!d/sub\nlink.txt\n",
    "src/*/m.p?\n[a-d]*\n!d\n!dlink\n",
    " top.txt \n!*\nDockerfile\n.dockerignore\n",
    "*lnk\n*.lnk\n**/*link\n",
];

fn ignore_files_keep_out_what_the_model_says(engine: Engine, builder: Builder) {
    let bench = Bench::new(engine, builder);
    plant(&bench.context(), TREE);
    let mut wrong = Vec::new();
    let new = bench.is_new();
    let known = IGNORES.iter().filter_map(|ignore| match ignore.strip_prefix("NEW ") {
        Some(ignore) => new.then_some(ignore),
        None => Some(*ignore),
    });
    for ignore in known {
        fs::write(bench.context().join(".dockerignore"), ignore).unwrap();
        let Said { agree, unknown, disagree } = bench.compare("FROM scratch\nCOPY . /all\nWORKDIR /w\n");
        assert_eq!(unknown, 0, "{ignore:?}");
        assert!(agree > 0, "{ignore:?}");
        if !disagree.is_empty() {
            wrong.push(format!("{ignore:?}: {disagree:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
