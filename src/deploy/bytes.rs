//! Reads files as a container's process sees them, many in one pass, and says how each answer may be trusted.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{
    frames::{Answer, Answers, Questions},
    git::known,
    transport::{Lost, Transport},
};
use crate::protocol::{Bytes, Container, Digest, ImageId, Moment, Mount, Stat};

/// A file in a container.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) bytes: Bytes,
    pub(super) stat: Option<Stat>,
}

/// A file that every container has: without it in the answer, the tool was not there.
const CONTROL: &str = "/proc/self/status";
/// How many files are fetched one by one, where nothing in the container can hash.
const ONE_BY_ONE: usize = 200;
const HASH: &str = "xargs -0 sha256sum";
const STAT: &str = "xargs -0 stat -L -c '%h %d:%i %a %Z %z|%n'";

/// What the process of the container sees at each path.
pub(super) fn in_container(
    to: &dyn Transport,
    container: &Container,
    paths: &[&str],
) -> Result<HashMap<String, Seen>, Lost> {
    let mut seen = HashMap::new();
    if !container.runs() {
        for path in paths {
            seen.insert((*path).to_owned(), unknown("the container does not run"));
        }
        return Ok(seen);
    }
    let left = |seen: &HashMap<String, Seen>| -> Vec<&str> {
        paths.iter().copied().filter(|p| !seen.contains_key(*p)).collect()
    };
    // The host's own tools first, where they may look: the container's can lie, or be missing.
    by_proc(to, container, paths, Become::Nobody, &mut seen)?;
    if !left(&seen).is_empty() {
        by_exec(to, container, &left(&seen), &mut seen)?;
    }
    if !left(&seen).is_empty() {
        by_proc(to, container, &left(&seen), Become::Root, &mut seen)?;
    }
    let rest = left(&seen);
    if !rest.is_empty() {
        by_archive(to, container, &rest, &mut seen)?;
    }
    for path in left(&seen) {
        seen.insert(
            path.to_owned(),
            unknown("the container has no tool to read it, and the server does not let us look"),
        );
    }
    Ok(seen)
}

/// The whole content of one file, as the process sees it.
pub(super) fn whole(
    to: &dyn Transport,
    container: &Container,
    path: &str,
) -> Result<Result<Vec<u8>, String>, Lost> {
    if !container.runs() {
        return Ok(Err(format!("the container is {}", container.status)));
    }
    let mut q = Questions::new();
    let (id, word) = (&container.id, quote(path));
    q.ask("cat", &format!("docker exec -u 0 {id} cat {word}"));
    q.ask("control", &format!("docker exec -u 0 {id} cat {CONTROL}"));
    if Mount::covering(&container.mounts, path).is_none() {
        q.ask("archive", &format!("docker cp -L {} -", quote(&format!("{id}:{path}"))));
    }
    let answers = q.send(to)?;
    let cat = answers.get("cat");
    if cat.code == 0 {
        return Ok(Ok(cat.out));
    }
    if let Some(bytes) = tar_file(&answers.get("archive")) {
        return Ok(Ok(bytes.to_vec()));
    }
    let tool = answers.get("control").code == 0;
    Ok(Err(if tool {
        format!("`{path}` is not there or is no file")
    } else {
        "the container has no `cat`".into()
    }))
}

fn unknown(why: &str) -> Seen {
    Seen { bytes: Bytes::Unknown(why.to_owned()), stat: None }
}

fn quote(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
}

/// Whether a tool prints the name with an escape, or a list of lines cannot hold it.
fn odd(path: &str) -> bool {
    path.contains(['\n', '\r', '\\'])
}

fn octal(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        write!(text, "\\0{byte:03o}").expect("a String takes everything");
    }
    text
}

fn by_exec(
    to: &dyn Transport,
    container: &Container,
    paths: &[&str],
    seen: &mut HashMap<String, Seen>,
) -> Result<(), Lost> {
    let exec = format!("docker exec -i -u 0 {}", container.id);
    let plain: Vec<&str> = paths.iter().copied().filter(|p| !odd(p)).collect();
    let strange: Vec<&str> = paths.iter().copied().filter(|p| odd(p)).collect();
    let mut q = Questions::new();
    let lines = || std::iter::once(CONTROL).chain(plain.iter().copied());
    q.ask_with("hash", &format!("tr '\\n' '\\000' | {exec} {HASH}"), lines());
    q.ask_with("stat", &format!("tr '\\n' '\\000' | {exec} {STAT}"), lines());
    let encoded: Vec<String> = strange.iter().map(|p| octal(p)).collect();
    if !encoded.is_empty() {
        let inside = r#"while IFS= read -r e; do p=$(printf "%b." "$e"); p=${p%.}; if [ -f "$p" ]; then h=$(sha256sum <"$p") && printf "%s  %s\n" "${h%% *}" "$e"; elif [ ! -e "$p" ]; then printf "missing %s\n" "$e"; fi; done"#;
        q.ask_with("odd", &format!("{exec} sh -c '{inside}'"), encoded.iter().map(String::as_str));
    }
    let answers = q.send(to)?;
    let (hashes, stats) = (hashes(&answers.get("hash")), stats(&answers.get("stat")));
    if hashes.contains_key(CONTROL) {
        for path in &plain {
            let stat = stats.get(*path).cloned();
            let bytes = match (hashes.get(*path), &stat) {
                (Some(digest), _) => Bytes::Known { digest: digest.clone(), len: None },
                (None, Some(_)) => Bytes::Unknown("it is no readable file".into()),
                (None, None) if stats.contains_key(CONTROL) => Bytes::Missing,
                // Without `stat` a file that is not there looks like one that cannot be read.
                (None, None) => continue,
            };
            seen.insert((*path).to_owned(), Seen { bytes, stat });
        }
    }
    let odd_answers = answers.get("odd").lines();
    for (path, code) in strange.iter().zip(&encoded) {
        for line in &odd_answers {
            match line.split_once(' ') {
                Some(("missing", name)) if name == code => {
                    seen.insert((*path).to_owned(), Seen { bytes: Bytes::Missing, stat: None });
                }
                Some((hash, name)) if name.trim_start() == code && hash.len() == 64 => {
                    let bytes = Bytes::Known { digest: Digest(hash.to_owned()), len: None };
                    seen.insert((*path).to_owned(), Seen { bytes, stat: None });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn hashes(answer: &Answer) -> HashMap<String, Digest> {
    let line = |line: &String| {
        let (hash, name) = line.split_once("  ")?;
        let hex = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| (name.to_owned(), Digest(hash.to_lowercase())))
    };
    answer.lines().iter().filter_map(line).collect()
}

fn stats(answer: &Answer) -> HashMap<String, Stat> {
    let line = |line: &String| {
        let (facts, name) = line.split_once('|')?;
        let mut words = facts.splitn(5, ' ');
        let links = words.next()?.parse().ok()?;
        let inode = words.next()?.to_owned();
        let executable = u32::from_str_radix(words.next()?, 8).ok().map(|mode| mode & 0o100 != 0);
        let changed = Moment::of_file(words.next()?.parse().ok()?, words.next()?);
        Some((name.to_owned(), Stat { links, inode, changed, executable }))
    };
    answer.lines().iter().filter_map(line).collect()
}

// Through the process's own root, as the host's root. A path with a link in it is left alone: an absolute link would
// lead out of the container. The pid may belong to another machine (a remote engine): it must carry the container's id.
const BY_PROC: &str = r#"r=/proc/$1/root
grep -q "$2" /proc/$1/cgroup || grep -q "$2" /proc/$1/mountinfo || exit 99
set -f
all=$(cat)
pick() {
  printf "%s\n" "$all" | while IFS= read -r p; do
    q=$r; l=
    IFS=/
    for c in $p; do [ -n "$c" ] || continue; q=$q/$c; if [ -L "$q" ]; then l=1; break; fi; done
    unset IFS
    if [ -n "$l" ]; then continue
    elif [ -f "$q" ]; then [ "$1" = file ] && printf "%s\0" "$q"
    elif [ ! -e "$q" ]; then [ "$1" = missing ] && printf "%s\n" "$p"
    fi
  done
}
echo "= hash"; pick file | xargs -0 sha256sum
echo "= stat"; pick file | xargs -0 stat -c "%h %d:%i %a %Z %z|%n"
echo "= missing"; pick missing
true"#;

/// Whether `sudo` is tried: where it is not allowed, each try is noted in the server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Become {
    Nobody,
    Root,
}

fn by_proc(
    to: &dyn Transport,
    container: &Container,
    paths: &[&str],
    becomes: Become,
    seen: &mut HashMap<String, Seen>,
) -> Result<(), Lost> {
    let plain: Vec<&str> = paths.iter().copied().filter(|p| !odd(p)).collect();
    let mut q = Questions::new();
    let other = if becomes == Become::Root { "sudo -n" } else { "false" };
    q.line(&format!("s=; [ \"$(id -u)\" = 0 ] || s='{other}'"));
    let command = format!("$s sh -c '{BY_PROC}' sh {} {}", container.pid, container.id);
    q.ask_with("proc", &command, plain.iter().copied());
    let answer = q.send(to)?.get("proc");
    if answer.code != 0 {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer.out).into_owned();
    let part = |from: &str, to: &str| {
        let rest = text.split_once(from).map_or("", |(_, rest)| rest);
        let part = if to.is_empty() { rest } else { rest.split_once(to).map_or(rest, |(part, _)| part) };
        Answer { out: part.as_bytes().to_vec(), code: 0 }
    };
    let (hashes, stats) = (hashes(&part("= hash\n", "= stat\n")), stats(&part("= stat\n", "= missing\n")));
    let root = format!("/proc/{}/root", container.pid);
    for path in plain {
        if let Some(digest) = hashes.get(&format!("{root}{path}")) {
            let stat = stats.get(&format!("{root}{path}")).cloned();
            let bytes = Bytes::Known { digest: digest.clone(), len: None };
            seen.insert(path.to_owned(), Seen { bytes, stat });
        }
    }
    for path in part("= missing\n", "").lines() {
        seen.insert(path, Seen { bytes: Bytes::Missing, stat: None });
    }
    Ok(())
}

/// Only where no mount covers the path: the archive API shows the image's file below a tmpfs, and the host's new file
/// where the process still has the old one.
fn by_archive(
    to: &dyn Transport,
    container: &Container,
    paths: &[&str],
    seen: &mut HashMap<String, Seen>,
) -> Result<(), Lost> {
    let bare = |p: &&&str| Mount::covering(&container.mounts, p).is_none();
    let some: Vec<&str> = paths.iter().filter(bare).take(ONE_BY_ONE).copied().collect();
    let mut q = Questions::new();
    ask_archive(&mut q, &container.id, &some);
    let answers = q.send(to)?;
    for (path, bytes) in archived(&answers, &some) {
        seen.insert(path, Seen { bytes, stat: None });
    }
    Ok(())
}

fn ask_archive(q: &mut Questions, container: &str, paths: &[&str]) {
    for (n, path) in paths.iter().enumerate() {
        // The first word of `cp` ends at the colon: an id, or the quoted variable of a probe.
        let command = format!("docker cp -L {container}:{} - 2>&1", quote(path));
        q.ask(&format!("archive{n}"), &command);
    }
}

/// What `docker cp` says of a file that is not there: its own words since 23, and before.
const NOT_THERE: [&str; 2] = ["ould not find the file", "o such container:path"];

fn archived(answers: &Answers, paths: &[&str]) -> Vec<(String, Bytes)> {
    let mut found = Vec::new();
    for (n, path) in paths.iter().enumerate() {
        let answer = answers.get(&format!("archive{n}"));
        if let Some(bytes) = tar_file(&answer) {
            found.push(((*path).to_owned(), known(bytes)));
        } else if answer.code > 0 && NOT_THERE.iter().any(|words| answer.words().contains(words)) {
            found.push(((*path).to_owned(), Bytes::Missing));
        }
    }
    found
}

/// The content of a tar with one regular file.
fn tar_file(answer: &Answer) -> Option<&[u8]> {
    let header = answer.out.get(..512)?;
    if answer.code != 0 || &header[257..262] != b"ustar" || !matches!(header[156], b'0' | 0) {
        return None;
    }
    let size = std::str::from_utf8(&header[124..135]).ok()?;
    let size = usize::from_str_radix(size.trim_matches([' ', '\0']), 8).ok()?;
    answer.out.get(512..512usize.checked_add(size)?)
}

/// What an image holds at some paths, read from a container that is made for it, never started, and removed.
pub(super) fn in_image(
    to: &dyn Transport,
    image: &ImageId,
    paths: &[&str],
) -> Result<HashMap<String, Bytes>, Lost> {
    let mut q = Questions::new();
    q.line(
        "c=; trap '[ -z \"$c\" ] || docker rm -v \"$c\" >/dev/null 2>&1' 0; trap 'exit 1' HUP INT TERM PIPE",
    );
    let image = quote(&image.0);
    q.line(&format!(
        "c=$(docker create --network none --label unstale.probe=image {image} unstale 2>/dev/null)"
    ));
    q.ask("created", "[ -n \"$c\" ]");
    ask_archive(&mut q, "\"$c\"", paths);
    let answers = q.send(to)?;
    if answers.get("created").code != 0 {
        return Ok(HashMap::new());
    }
    Ok(archived(&answers, paths).into_iter().collect())
}

/// What lies on the server's disk, outside of any container. Paths with a newline are left out.
pub(super) fn on_disk(to: &dyn Transport, dir: &str, paths: &[&str]) -> Result<HashMap<String, Seen>, Lost> {
    // `./` in front: a name may begin with a dash.
    let named: Vec<String> = paths
        .iter()
        .filter(|p| !odd(p))
        .map(|p| if p.starts_with('/') { (*p).to_owned() } else { format!("./{p}") })
        .collect();
    let mut q = Questions::new();
    q.line(&format!("cd -- {} || exit", quote(dir)));
    q.ask_with("hash", &format!("tr '\\n' '\\000' | {HASH}"), named.iter().map(String::as_str));
    q.ask_with("stat", &format!("tr '\\n' '\\000' | {STAT}"), named.iter().map(String::as_str));
    let answers = q.send(to)?;
    let (hashes, stats) = (hashes(&answers.get("hash")), stats(&answers.get("stat")));
    let mut found = HashMap::new();
    for name in named {
        if let (Some(digest), Some(stat)) = (hashes.get(&name), stats.get(&name)) {
            let bytes = Bytes::Known { digest: digest.clone(), len: None };
            let path = name.strip_prefix("./").unwrap_or(&name).to_owned();
            found.insert(path, Seen { bytes, stat: Some(stat.clone()) });
        }
    }
    Ok(found)
}

/// What a checkout on the server makes of files that git converts (line endings, filters).
pub(super) fn converted(
    to: &dyn Transport,
    dir: &str,
    names: &[String],
) -> Result<HashMap<String, Digest>, Lost> {
    let mut q = Questions::new();
    q.line(&format!("cd -- {} || exit", quote(dir)));
    let command = "while IFS= read -r n; do git cat-file --filters \"$n\" >/dev/null </dev/null && h=$(git cat-file --filters \"$n\" </dev/null | sha256sum) && printf '%s  %s\\n' \"${h%% *}\" \"$n\"; done";
    q.ask_with("filtered", command, names.iter().filter(|n| !odd(n)).map(String::as_str));
    Ok(hashes(&q.send(to)?.get("filtered")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(size: &str, kind: u8, content: &[u8]) -> Answer {
        let mut out = vec![0; 512];
        out[124..124 + size.len()].copy_from_slice(size.as_bytes());
        out[156] = kind;
        out[257..262].copy_from_slice(b"ustar");
        out.extend(content);
        Answer { out, code: 0 }
    }

    #[test]
    fn only_a_whole_regular_file_is_taken_from_an_archive() {
        assert_eq!(tar_file(&tar("00000000003", b'0', b"abcpadding")), Some(b"abc".as_slice()));
        assert_eq!(tar_file(&tar("00000000003", b'2', b"abc")), None, "a link");
        assert_eq!(tar_file(&tar("00000000009", b'0', b"abc")), None, "cut off");
        assert_eq!(tar_file(&tar("77777777777", b'0', b"abc")), None, "a size that is a lie");
        assert_eq!(tar_file(&Answer { code: 1, ..tar("00000000003", b'0', b"abc") }), None);
        assert_eq!(tar_file(&Answer { out: b"Error".to_vec(), code: 0 }), None);
    }

    #[test]
    fn tools_answers_are_read_by_name() {
        let hash = "a".repeat(64);
        let out = format!("{hash}  /app/a b\n\\{hash}  /odd\\n\nsha256sum: x: no\n");
        let found = hashes(&Answer { out: out.into_bytes(), code: 1 });
        assert_eq!(found.len(), 1);
        assert!(found.contains_key("/app/a b"));
        let human = "2023-11-14 22:13:20.500000000 +0000";
        let out = format!("0 1:22 755 1700000000 {human}|/app/a |b\njunk\n");
        let found = stats(&Answer { out: out.into_bytes(), code: 0 });
        let changed = Moment::of_file(1_700_000_000, human);
        let stat = Stat { links: 0, inode: "1:22".into(), changed, executable: Some(true) };
        assert_eq!(found["/app/a |b"], stat);
    }

    #[test]
    fn odd_names_are_written_as_octal_escapes() {
        assert_eq!(octal("/a\n%"), "\\0057\\0141\\0012\\0045");
        assert!(odd("a\\b") && odd("a\nb") && !odd("it's $(x)"));
    }
}
