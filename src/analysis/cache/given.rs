//! The values that the ARGs of a build get.

use super::{
    build::Builder,
    image::{Image, Value},
};
use crate::{
    analysis::{stages::Args, vars::Val},
    model::dockerfile::{Dockerfile, Kind, Pair},
};

/// What is passed to a build, and what its Dockerfile says before the first FROM.
pub(super) struct Given<'a> {
    passed: &'a Args,
    builder: Builder,
    escape: char,
    global: Image,
}

impl<'a> Given<'a> {
    pub(super) fn new(dockerfile: &Dockerfile, passed: &'a Args, builder: Builder) -> Self {
        let global = Image::of(Builder::BuildKit, None);
        let mut given = Self { passed, builder, escape: dockerfile.escape, global };
        let first = dockerfile.stages.first().map_or(dockerfile.instructions.len(), |stage| stage.from);
        for instruction in &dockerfile.instructions[..first] {
            let Kind::Arg(pairs) = &instruction.kind else { continue };
            for pair in pairs {
                if let Some(value) = given.value(pair, &given.global) {
                    given.global.set_env(&pair.name.value, value);
                }
            }
        }
        given
    }

    /// What an ARG gets: what is passed, else its default, else the ARG before the first FROM.
    pub(super) fn value(&self, pair: &Pair, image: &Image) -> Option<Value> {
        let name = &pair.name.value;
        match self.passed.get(name) {
            Some(Val::Known(text)) => return Some(Value::Known(text.clone())),
            Some(Val::Unknown) => return Some(Value::Opaque(format!("what is passed as {name}"))),
            None => {}
        }
        if let Some(default) = &pair.value {
            return Some(image.expand(&default.value, self.escape));
        }
        let global = self.global.env.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let given = self.builder == Builder::BuildKit && is_given(name);
        global.or_else(|| given.then(|| Value::Opaque(format!("{name} of the builder"))))
    }

    /// Whether a proxy is passed.
    pub(super) fn proxied(&self) -> bool {
        PROXIES.iter().any(|name| self.passed.contains_key(*name))
    }
}

/// What `BuildKit` declares by itself once an ARG asks for it
/// (<https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope>).
fn is_given(name: &str) -> bool {
    let of = |rest: &str| ["PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"].contains(&rest);
    name == "TARGETSTAGE" || name.strip_prefix("BUILD").or(name.strip_prefix("TARGET")).is_some_and(of)
}

/// The build arguments that need no ARG. `BuildKit` keeps them out of every key.
const PROXIES: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];
