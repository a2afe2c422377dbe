//! A registry that serves one moving name to an engine: the files of an image as a pull asks for them, behind `nc`.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::harness::{Proof, write};
use crate::support::{Ran, write_executable};

/// Where an engine finds its registry, on 127.0.0.1: such an address needs no TLS.
const PORT: &str = "5999";
/// The type of a manifest, without which an engine takes it for one of the first generation.
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Answers one request with the file of its path.
const HANDLER: &str = r#"#!/bin/sh
read -r method path _
while read -r line && [ ${#line} -gt 1 ]; do :; done
status='200 OK' type=application/octet-stream file=/www$path
case $path in */manifests/*) type=@MANIFEST@ ;; esac
[ ! -d "$file" ] || file=$file/index.html
[ -f "$file" ] || { status='404 Not Found' file=/dev/null; }
printf 'HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' \
    "$status" "$type" "$(wc -c <"$file")"
[ "$method" = HEAD ] || cat "$file"
"#;

/// A running registry.
pub(super) struct Registry<'a> {
    proof: &'a Proof,
    name: &'static str,
}

impl Proof {
    /// Starts the registry of `127.0.0.1:5999/lab/<name>`; it ends with the lab.
    pub(super) fn registry(&self, name: &'static str) -> Registry<'_> {
        let registry = Registry { proof: self, name };
        let root = registry.root();
        write(&root, "v2/index.html", "{}");
        write_executable(&root.join("handler"), HANDLER.replace("@MANIFEST@", MANIFEST).as_bytes());
        let mount = format!("{}:/www", root.display());
        let run = ["run", "--detach", "--network", "host", "--label", &self.label(), "--volume", &mount];
        let nc = ["nc", "-ll", "-p", PORT, "-e", "/www/handler"];
        self.lab.engine.docker(&[&run[..], &[&self.base], &nc].concat()).ok();
        registry
    }
}

impl Registry<'_> {
    fn root(&self) -> PathBuf {
        self.proof.lab.folder().join("registry")
    }

    /// Lets the name mean an image of the base whose `/version` says this.
    pub(super) fn publish(&self, version: &str) {
        let docker = |args: &[&str]| self.proof.lab.engine.docker(args).ok();
        let folder = self.proof.lab.folder().join(format!("image-{version}"));
        write(&folder, "Dockerfile", &format!("FROM {}\nCOPY version /version\n", self.proof.base));
        write(&folder, "version", &format!("{version}\n"));
        let image = docker(&["build", "--quiet", &folder.display().to_string()]);
        let archive = folder.join("image.tar").display().to_string();
        docker(&["save", "--output", &archive, &image]);
        // It is in the registry only.
        docker(&["image", "rm", "--force", &image]);
        Ran::new(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&folder)).ok();
        let saved = fs::read_to_string(folder.join("manifest.json")).expect("a saved image has a list");
        let saved: Value = serde_json::from_str(&saved).expect("the list is JSON");
        let blob = |name: &Value, kind: &str| {
            let name = name.as_str().expect("the list has names");
            let content = fs::read(folder.join(name)).expect("the list is of files of the archive");
            let (size, digest) = (content.len(), self.put("blobs", &content));
            json!({ "mediaType": format!("application/vnd.docker.{kind}"), "size": size, "digest": digest })
        };
        let layers = saved[0]["Layers"].as_array().expect("the list has layers").iter();
        let layers: Vec<Value> = layers.map(|layer| blob(layer, "image.rootfs.diff.tar.gzip")).collect();
        let config = blob(&saved[0]["Config"], "container.image.v1+json");
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let digest = self.put("manifests", manifest.to_string().as_bytes());
        let folder = self.folder("manifests");
        fs::copy(folder.join(digest), folder.join("latest")).expect("the lab's folder can be written");
    }

    /// A folder of the repository.
    fn folder(&self, kind: &str) -> PathBuf {
        self.root().join("v2/lab").join(self.name).join(kind)
    }

    /// Writes a file of the repository under its digest, and returns that.
    fn put(&self, kind: &str, content: &[u8]) -> String {
        let mut digest = "sha256:".to_owned();
        for byte in Sha256::digest(content) {
            write!(digest, "{byte:02x}").expect("writing to a String does not fail");
        }
        fs::create_dir_all(self.folder(kind)).expect("the lab's folder can be written");
        fs::write(self.folder(kind).join(&digest), content).expect("the lab's folder can be written");
        digest
    }
}
