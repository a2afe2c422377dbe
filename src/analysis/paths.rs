//! Paths as text: of the repository (relative, `/`) and of a container (absolute).

/// `a/./b/../c` as Docker cleans it: no `.`, no `..` that can be resolved, no double or last slash.
/// A `..` above an absolute root is dropped; above a relative one it stays, so that the caller can see it.
pub fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if absolute => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute { format!("/{joined}") } else { joined }
}

/// `path` as seen from `base`; an absolute path stays itself.
pub fn join(base: &str, path: &str) -> String {
    if base.is_empty() || path.starts_with('/') { clean(path) } else { clean(&format!("{base}/{path}")) }
}

/// The folder part of a repository path; `""` for the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// The last part of a path.
pub fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// What remains of `path` below `dir`: `Some("")` for `dir` itself, `None` if it lies elsewhere.
/// Works for cleaned paths; `""` and `/` are the roots.
pub fn below<'a>(dir: &str, path: &'a str) -> Option<&'a str> {
    if dir.is_empty() {
        return (!path.starts_with('/') && !path.starts_with("..")).then_some(path);
    }
    if dir == "/" {
        return path.strip_prefix('/');
    }
    let rest = path.strip_prefix(dir)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_resolves_dots() {
        assert_eq!(clean("./a//b/../c/"), "a/c");
        assert_eq!(clean("/../x"), "/x");
        assert_eq!(clean("../x"), "../x");
        assert_eq!(clean("."), "");
        assert_eq!(join("/app", "./"), "/app");
        assert_eq!(join("", "../x"), "../x");
    }

    #[test]
    fn below_is_by_whole_parts() {
        assert_eq!(below("/app", "/app/x/y"), Some("x/y"));
        assert_eq!(below("/app", "/app"), Some(""));
        assert_eq!(below("/app", "/application"), None);
        assert_eq!(below("/", "/x"), Some("x"));
        assert_eq!(below("", "x/y"), Some("x/y"));
        assert_eq!(below("", "../x"), None);
    }
}
