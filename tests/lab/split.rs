//! The proofs of `broad-copy`: what runs again, and that the split leaves every file as it was.

use std::fs;
use std::path::Path;

use super::harness::{Proof, proofs, write};
use super::table::Outcome;
use crate::support::{Builder, Engine, on_real_engines, skipped};

proofs! {
    "broad-copy" => broad_copy on corners;
}

on_real_engines!(corners: broad_copy_keeps, broad_copy_mounted);

const RULE: &[&str] = &["broad-copy"];

/// After a change of a file that is not the manifest the install runs again, in the fixed form it does not; after a
/// change of the manifest it does.
fn broad_copy(proof: &Proof) {
    const DOCKERFILE: &str = "\
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
";
    proof.bring(&[
        ("Dockerfile", DOCKERFILE),
        ("requirements.txt", "# @LAB@\nflask==3.0.3\n"),
        ("app.py", "print(1)\n"),
    ]);
    let installed = |image: &str| proof.holds(image, "/var/lib/pip-ran");
    let first = installed(&proof.build(".", &[]));
    proof.bring(&[("app.py", "print(22)\n")]);
    let again = installed(&proof.build(".", &[]));
    proof.shows("bad: the install, another file changed", Outcome::of_step(&first, &again));

    assert_eq!(proof.fix("broad-copy").code, 0);
    let first = installed(&proof.build(".", &[]));
    proof.bring(&[("app.py", "print(333)\n")]);
    let image = proof.build(".", &[]);
    let again = installed(&image);
    proof.shows("fixed: the install, another file changed", Outcome::of_step(&first, &again));
    assert_eq!(proof.holds(&image, "/app/app.py"), "print(333)", "and the file is new");
    proof.bring(&[("requirements.txt", "# @LAB@\nflask==3.1.0\n")]);
    let again = installed(&proof.build(".", &[]));
    proof.shows("fixed: the install, the manifest changed", Outcome::of_step(&first, &again));
}

/// Builds whose COPY is broad: name, whether only BuildKit takes it, whether the engine before 23 does, Dockerfile.
/// `app/mvnw` is a program of the context that reads what Maven's wrapper reads.
const KEPT: &[(&str, bool, bool, &str)] = &[
    ("owner", false, true, "WORKDIR /app\nCOPY --chown=7:8 . .\nRUN ./mvnw dependency:go-offline\n"),
    ("new-top", false, true, "COPY --chown=7:8 . /new\nWORKDIR /new\nRUN ./mvnw dependency:go-offline\n"),
    // Under the classic builder `/new` gets another owner: a COPY of files gives away every folder that it makes, one of
    // a folder only the last.
    (
        "new-folder",
        true,
        true,
        "COPY --chown=7:8 . /new/app\nWORKDIR /new/app\nRUN ./mvnw dependency:go-offline\n",
    ),
    (
        "user",
        false,
        true,
        "RUN mkdir -p /app && chown 7:8 /app && chmod 777 /tmp\nWORKDIR /app\nCOPY --chown=7:8 [\".\", \"/app\"]\nUSER 7:8\n\
         RUN ./mvnw dependency:go-offline\n",
    ),
    (
        "added",
        false,
        true,
        "WORKDIR /app\nADD . ./\nENV A=b\nRUN mkdir -p /opt/x && ./mvnw dependency:go-offline\n",
    ),
    (
        "mode",
        true,
        true,
        "WORKDIR /app\nCOPY --chmod=755 --chown=7:8 . .\nRUN ./mvnw dependency:go-offline\n",
    ),
    ("link", true, false, "WORKDIR /app\nCOPY --link --chown=7:8 . .\nRUN ./mvnw dependency:go-offline\n"),
    (
        "link-new",
        true,
        false,
        "COPY --link . /new/app/\nWORKDIR /new/app\nRUN ./mvnw dependency:go-offline\n",
    ),
];

/// The fixed forms put every file where the bad ones put it, with the same owner and mode, and what the install reads
/// is there for it. Their install stays cached after a change of a source, and runs again after one of any file that it
/// reads.
fn broad_copy_keeps(engine: Engine, builder: Builder) {
    const MVNW: &str = "#!/bin/sh\n# @LAB@\nmkdir -p target && cat pom.xml mvnw .mvn/jvm.config .mvn/wrapper/maven-wrapper.properties \
        >target/read && cat /proc/sys/kernel/random/uuid >/tmp/ran\n";
    let old = engine.name == "e20";
    let kept = KEPT
        .iter()
        .filter(|(_, buildkit, every, _)| (builder == Builder::BuildKit || !buildkit) && (*every || !old));
    let kept: Vec<(&str, &str)> = kept.map(|(name, _, _, dockerfile)| (*name, *dockerfile)).collect();
    let proof = Proof::new(RULE, engine, builder);
    let every = |path: &str, text: &dyn Fn(&str) -> String| {
        for (name, dockerfile) in &kept {
            write(&proof.lab.dev(), &format!("{name}/{path}"), &text(dockerfile));
        }
    };
    every("Dockerfile", &|dockerfile| format!("ARG BASE_IMAGE=alpine\nFROM ${{BASE_IMAGE}}\n{dockerfile}"));
    for (path, text) in [
        (".dockerignore", "Dockerfile\n"),
        ("pom.xml", "<project/>\n"),
        ("mvnw", &MVNW.replace("@LAB@", proof.lab.project())),
        (".mvn/jvm.config", "-Xmx1g\n"),
        (".mvn/wrapper/maven-wrapper.properties", "a=b\n"),
        ("src/deep/App.java", "class A {}\n"),
    ] {
        every(path, &|_| text.to_owned());
    }
    proof.pull();
    // git keeps none of these modes.
    let modes = [
        ("mvnw", 0o755),
        (".mvn", 0o700),
        (".mvn/jvm.config", 0o604),
        ("src/deep", 0o711),
        ("pom.xml", 0o640),
    ];
    for (name, _) in &kept {
        for (path, mode) in modes {
            set_mode(&proof.lab.server().join(name).join(path), mode);
        }
    }
    let images = || -> Vec<String> { kept.iter().map(|(name, _)| proof.build(name, &[])).collect() };
    let ran = |images: &[String]| -> Vec<String> {
        images.iter().map(|image| proof.holds(image, "/tmp/ran")).collect()
    };

    let bad: Vec<String> = images().iter().map(|image| proof.tree(image)).collect();
    assert_eq!(proof.fix("broad-copy").code, 0);
    let fixed = images();
    for ((image, (name, _)), bad) in fixed.iter().zip(&kept).zip(&bad) {
        let tree = proof.tree(image);
        assert_eq!(&tree, bad, "{name}: the same files, owners and modes");
        assert!(tree.contains("target/read") && tree.contains("App.java"), "{name}: {tree}");
    }
    let first = ran(&fixed);
    every("src/deep/App.java", &|_| "class B {}\n".to_owned());
    proof.pull();
    assert_eq!(ran(&images()), first, "a source makes no install run again");
    every(".mvn/jvm.config", &|_| "-Xmx2g\n".to_owned());
    proof.pull();
    for ((now, first), (name, _)) in ran(&images()).iter().zip(&first).zip(&kept) {
        assert_ne!(now, first, "{name}: what the install reads makes it run again");
    }
}

/// A mount of the whole context makes the install run again after every change, mounts of its files do not. They leave
/// nothing behind; up to engine 20.10 an empty file stands where one was mounted.
fn broad_copy_mounted(engine: Engine, builder: Builder) {
    if builder == Builder::Classic {
        return skipped("the classic builder knows no mounts");
    }
    let clean = if engine.name == "e20" { ":" } else { "[ ! -e lists ] && [ ! -e constraints.txt ]" };
    let dockerfile = format!(
        "ARG BASE_IMAGE=python:3.12-slim\nFROM ${{BASE_IMAGE}}\nWORKDIR /app\n\
         RUN --mount=target=. pip install -r lists/requirements.txt -c constraints.txt\n\
         RUN {clean} && mkdir /app/clean\nCOPY . .\n"
    );
    let proof = Proof::new(RULE, engine, builder);
    proof.bring(&[
        ("Dockerfile", &dockerfile),
        (".dockerignore", "Dockerfile\n.git\n"),
        ("lists/requirements.txt", "# @LAB@\nflask\n"),
        ("constraints.txt", "flask==3.0.3\n"),
        ("app.py", "print(1)\n"),
    ]);
    let built = || {
        let image = proof.build(".", &[]);
        (proof.holds(&image, "/var/lib/pip-ran"), proof.tree(&image))
    };
    let (first, _) = built();
    proof.bring(&[("app.py", "print(22)\n")]);
    let (second, tree) = built();
    assert_ne!(second, first, "bad: one file makes the install run again");

    assert_eq!(proof.fix("broad-copy").code, 0);
    let (first, fixed) = built();
    assert_eq!(fixed, tree, "the same files, owners and modes");
    proof.bring(&[("app.py", "print(333)\n")]);
    assert_eq!(built().0, first, "fixed: the install is cached");
    proof.bring(&[("constraints.txt", "flask==3.1.0\n")]);
    assert_ne!(built().0, first, "each of its files makes it run again");
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it was pulled just now");
}
