//! Image references: registry, name, tag and digest.

/// An image reference in full (`docker/reference`, `ParseNormalizedNamed`): what is left out is filled in, except the
/// tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageRef {
    /// Host and port: `docker.io`, `localhost:5000`.
    pub registry: String,
    /// The repository in it: `library/nginx`.
    pub name: String,
    /// The tag, if one is written.
    pub tag: Option<String>,
    /// The digest, if one is written: `sha256:…`.
    pub digest: Option<String>,
}

/// What fixes the image that a reference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// A digest: always the same image.
    Digest,
    /// A tag that is not `latest`: its owner may move it.
    Tag,
    /// `latest`, written or not: it is there to move.
    Latest,
}

const HUB: &str = "docker.io";

impl ImageRef {
    /// Reads a reference. `None` if Docker would refuse it (uppercase letters in the name, an empty tag, an image ID),
    /// or if a variable stands in it, so that it is not known.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('$') || is_image_id(text) {
            return None;
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        let (registry, name) = match path.split_once('/') {
            Some((host, name)) if is_host(host) => (host, name),
            _ => (HUB, path),
        };
        let registry = if registry == "index.docker.io" { HUB } else { registry };
        let name =
            if registry == HUB && !name.contains('/') { format!("library/{name}") } else { name.to_owned() };
        let valid = is_domain(registry)
            && name.split('/').all(is_component)
            && registry.len() + 1 + name.len() <= 255
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        valid.then(|| Self {
            registry: registry.to_owned(),
            name,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// What fixes the image.
    pub fn pin(&self) -> Pin {
        match (&self.digest, self.tag.as_deref()) {
            (Some(_), _) => Pin::Digest,
            (None, None | Some("latest")) => Pin::Latest,
            (None, Some(_)) => Pin::Tag,
        }
    }

    /// The name below `library/` of Docker Hub, without a registry or an owner before it.
    pub fn short(&self) -> Option<&str> {
        self.name.strip_prefix("library/").filter(|_| self.registry == HUB)
    }

    /// The name as people write it: without `docker.io/library/`, without tag and digest.
    pub fn familiar(&self) -> String {
        match (self.registry.as_str(), self.name.strip_prefix("library/")) {
            (HUB, Some(short)) if !short.contains('/') => short.to_owned(),
            (HUB, _) => self.name.clone(),
            _ => format!("{}/{}", self.registry, self.name),
        }
    }
}

/// 64 hexadecimal digits are an ID, never a name.
fn is_image_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the part before the first `/` is a host and not the first part of a name.
fn is_host(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost" || part.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                let hex = |b: u8| b.is_ascii_hexdigit() || b == b':';
                if address.is_empty() || !address.bytes().all(hex) {
                    return false;
                }
                ("ipv6", if port.is_empty() { None } else { port.strip_prefix(':').or(Some("")) })
            }
            None => return false,
        },
        None => domain.split_once(':').map_or((domain, None), |(host, port)| (host, Some(port))),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    host.split('.').all(label) && port.is_none_or(digits)
}

/// Lower case letters and digits, in groups joined by `.`, `_`, `__` or dashes.
fn is_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends =
        bytes.first().is_some_and(|&b| alphanumeric(b)) && bytes.last().is_some_and(|&b| alphanumeric(b));
    ends && bytes
        .split(|&b| alphanumeric(b))
        .all(|gap| matches!(gap, b"" | b"." | b"_" | b"__") || gap.iter().all(|&b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let lower_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    lower_hex && hex.len() == length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Registry, name and tag, with spaces between.
    fn parts(text: &str) -> String {
        let image = ImageRef::parse(text).unwrap();
        [&image.registry, &image.name, image.tag.as_deref().unwrap_or("-")].join(" ")
    }

    #[test]
    fn what_is_left_out_is_docker_hub() {
        assert_eq!(parts("nginx"), "docker.io library/nginx -");
        assert_eq!(parts("nginx:1.27-alpine"), "docker.io library/nginx 1.27-alpine");
        assert_eq!(parts("me/app"), "docker.io me/app -");
        assert_eq!(parts("docker.io/nginx"), "docker.io library/nginx -");
        assert_eq!(parts("index.docker.io/me/app:x"), "docker.io me/app x");
    }

    #[test]
    fn a_host_has_a_dot_a_port_or_is_localhost() {
        assert_eq!(parts("localhost:5000/x"), "localhost:5000 x -");
        assert_eq!(parts("localhost/x:1"), "localhost x 1");
        assert_eq!(parts("ghcr.io/a/b/c:v1"), "ghcr.io a/b/c v1");
        assert_eq!(parts("[fd00::1]:5000/x"), "[fd00::1]:5000 x -");
        assert_eq!(parts("Host/x"), "Host x -");
    }

    #[test]
    fn a_digest_is_kept() {
        let hex = "a".repeat(64);
        let image = ImageRef::parse(&format!("localhost:5000/x:1@sha256:{hex}")).unwrap();
        assert_eq!(image.tag.as_deref(), Some("1"));
        assert_eq!(image.digest, Some(format!("sha256:{hex}")));
        assert_eq!(image.familiar(), "localhost:5000/x");
        assert_eq!(ImageRef::parse("nginx:1").unwrap().familiar(), "nginx");
        assert_eq!(ImageRef::parse("me/app").unwrap().familiar(), "me/app");
    }

    #[test]
    fn what_docker_refuses_is_none() {
        let long = format!("a/{}", "b".repeat(255));
        let id = "0".repeat(64);
        for bad in [
            "",
            "Nginx",
            "me/App",
            "a b",
            "nginx:",
            "nginx@",
            "nginx@sha256:12",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a/",
            "/a",
            "host.io:port/x",
            "$IMAGE",
            "nginx:${TAG}",
            "a//b",
            "nginx:.x",
            &long,
            &id,
            "https://ghcr.io/x",
        ] {
            assert_eq!(ImageRef::parse(bad), None, "{bad}");
        }
        for good in ["a__b", "a--b", "a.b_c-d", "0", "a:_", "scratch"] {
            assert!(ImageRef::parse(good).is_some(), "{good}");
        }
    }
}
