//! A registry that serves one moving name to an engine: the files of an image as a pull asks for them, behind httpd.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::harness::{Proof, write};
use crate::support::Ran;

/// Where every engine of a lab finds its registry; such an address needs no TLS.
const ADDRESS: &str = "127.0.0.1:5999";
/// The type of a manifest, without which an engine takes it for one of the first generation.
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A running registry.
pub(super) struct Registry<'a> {
    proof: &'a Proof,
    /// The repository's last name; its ending tells httpd what is a manifest.
    name: String,
}

impl Proof {
    /// Starts the registry of `127.0.0.1:5999/lab/<name>`; it ends with the lab.
    pub(super) fn registry(&self, name: &str) -> Registry<'_> {
        let registry = Registry { proof: self, name: name.to_owned() };
        let (_, ending) = name.rsplit_once('.').expect("the name has an ending");
        let root = registry.root();
        write(&root, "httpd.conf", &format!(".{ending}/manifests/latest:{MANIFEST}\n"));
        write(&root, "v2/index.html", "{}");
        let mount = format!("{}:/www", root.display());
        let run = ["run", "--detach", "--network", "host", "--label", &self.label(), "--volume", &mount];
        let httpd = ["httpd", "-f", "-p", ADDRESS, "-h", "/www", "-c", "/www/httpd.conf"];
        self.lab.engine.docker(&[&run[..], &[&self.base], &httpd].concat()).ok();
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
            let digest = Sha256::digest(&content).iter().fold("sha256:".to_owned(), |mut digest, byte| {
                write!(digest, "{byte:02x}").expect("writing to a String does not fail");
                digest
            });
            let blobs = self.root().join(format!("v2/lab/{}/blobs", self.name));
            fs::create_dir_all(&blobs).expect("the lab's folder can be written");
            fs::write(blobs.join(&digest), &content).expect("the lab's folder can be written");
            json!({
                "mediaType": format!("application/vnd.docker.{kind}"),
                "size": content.len(),
                "digest": digest,
            })
        };
        let layers = saved[0]["Layers"].as_array().expect("the list has layers").iter();
        let layers: Vec<Value> = layers.map(|layer| blob(layer, "image.rootfs.diff.tar.gzip")).collect();
        let config = blob(&saved[0]["Config"], "container.image.v1+json");
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let path = format!("v2/lab/{}/manifests/latest", self.name);
        write(&self.root(), &path, &manifest.to_string());
    }
}
