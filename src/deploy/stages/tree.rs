//! The files below a path of a container that never ran, as `docker cp` and `tar` tell them.

use std::collections::HashMap;

use crate::{
    deploy::frames::Answer,
    protocol::{Bytes, Digest, Tree, joined},
};

/// What `docker cp` says of a path that is not there: its own words since 23, and before.
const NOT_THERE: [&str; 2] = ["ould not find the file", "o such container:path"];

/// One file, from the digest of its content and what was said meanwhile.
pub(super) fn one(hash: &Answer, why: &Answer) -> Bytes {
    let said = why.words();
    if NOT_THERE.iter().any(|words| said.contains(words)) {
        return Bytes::Missing;
    }
    match hash.words().split(' ').next() {
        Some(hash) if said.is_empty() && hash.len() == 64 => {
            Bytes::Known { digest: Digest(hash.to_lowercase()), len: None }
        }
        _ => Bytes::Unknown(if said.is_empty() { "it could not be read".to_owned() } else { said }),
    }
}

/// The files below `root`, from the listing, what was said meanwhile, and the digests; or why they are not known.
pub(super) fn read(
    root: &str,
    list: &Answer,
    why: &Answer,
    hashes: &Answer,
    most: usize,
) -> Result<Tree, String> {
    let said = why.words();
    if NOT_THERE.iter().any(|words| said.contains(words)) {
        return Err("is not there".to_owned());
    }
    let lines = list.lines();
    if lines.len() > most {
        return Err(format!("holds more than {most} files"));
    }
    if !said.is_empty() || lines.is_empty() {
        return Err(format!("could not be listed: {said}"));
    }
    let digests: HashMap<String, Digest> = hashes
        .list()
        .iter()
        .filter_map(|line| line.split_once("  "))
        .filter(|(hash, _)| hash.len() == 64)
        .map(|(hash, name)| (place(root, name), Digest(hash.to_lowercase())))
        .collect();
    let regular = lines.iter().filter(|line| line.starts_with('-')).count();
    if digests.len() != regular {
        return Err("could not be read whole: the server's `tar` does not tell each file".to_owned());
    }
    let known = |digest: &Digest| Bytes::Known { digest: digest.clone(), len: None };
    let mut tree: Tree = digests.iter().map(|(at, digest)| (at.clone(), known(digest))).collect();
    for line in lines.iter().filter(|line| !line.starts_with(['-', 'd'])) {
        let Some((at, target)) = link(root, line) else {
            return Err("holds something that is neither a file nor a folder".to_owned());
        };
        let bytes = tree.get(&target).cloned();
        let elsewhere = || Bytes::Unknown("it is a link that leads elsewhere".to_owned());
        tree.insert(at, bytes.unwrap_or_else(elsewhere));
    }
    Ok(tree)
}

/// The path of an entry: the archive begins with the name of what was asked for, or of what that leads to.
fn place(root: &str, name: &str) -> String {
    match name.split_once('/') {
        Some((_, rest)) if !rest.is_empty() => joined(root, rest),
        _ => root.to_owned(),
    }
}

/// A link and what it leads to: `lrwxrwxrwx 0/0 0 2026-11-28 14:29 out/link -> app`.
fn link(root: &str, line: &str) -> Option<(String, String)> {
    let mut rest = line;
    for _ in 0..5 {
        rest = rest.split_once(' ')?.1.trim_start_matches(' ');
    }
    match line.chars().next()? {
        'l' => {
            let (name, target) = rest.split_once(" -> ")?;
            let at = place(root, name);
            let dir = at.rsplit_once('/').map_or("/", |(dir, _)| if dir.is_empty() { "/" } else { dir });
            let target = joined(dir, target);
            Some((at, target))
        }
        'h' => {
            let (name, target) = rest.split_once(" link to ")?;
            Some((place(root, name), place(root, target)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { out: text.as_bytes().to_vec(), code: 0 }
    }

    fn known(c: char) -> Bytes {
        Bytes::Known { digest: Digest(c.to_string().repeat(64)), len: None }
    }

    #[test]
    fn a_folder_is_read_with_its_links() {
        let list = "drwxr-xr-x 0/0               0 2026-11-28 14:29 out/\n\
                    -rw-r--r-- 0/0               9 2026-11-28 14:29 out/app\n\
                    lrwxrwxrwx 0/0               0 2026-11-28 14:29 out/sub/link -> ../app\n\
                    hrw-r--r-- 0/0               0 2026-11-28 14:29 out/same link to out/app\n\
                    lrwxrwxrwx 0/0               0 2026-11-28 14:29 out/py -> /usr/bin/python3\n";
        let hash = format!("{}  out/app\0", "a".repeat(64));
        let tree = read("/srv/out", &answer(list), &answer(""), &answer(&hash), 9).expect("it can be read");
        assert_eq!(tree["/srv/out/app"], known('a'));
        assert_eq!(tree["/srv/out/sub/link"], known('a'));
        assert_eq!(tree["/srv/out/same"], known('a'));
        assert!(matches!(tree["/srv/out/py"], Bytes::Unknown(_)));
        let one = "-rw-r--r-- 0/0 9 2026-11-28 14:29 other\n";
        let hash = format!("{}  other\0", "b".repeat(64));
        let tree = read("/bin/app", &answer(one), &answer(""), &answer(&hash), 9).expect("it can be read");
        assert_eq!(tree.into_iter().collect::<Vec<_>>(), [("/bin/app".to_owned(), known('b'))]);
    }

    #[test]
    fn what_is_not_told_whole_is_not_known() {
        let list = "-rw-r--r-- 0/0 9 2026-11-28 14:29 out/a\n-rw-r--r-- 0/0 9 2026-11-28 14:29 out/b\n";
        let hash = format!("{}  out/a\0", "a".repeat(64));
        let read =
            |list: &str, why: &str, most| read("/out", &answer(list), &answer(why), &answer(&hash), most);
        assert!(read(list, "", 9).is_err(), "one has no digest");
        assert!(read(list, "", 1).is_err(), "too many");
        assert!(read("", "", 9).is_err());
        assert!(read("crw-r--r-- 0/0 1,3 2026-11-28 14:29 out/null\n", "", 9).is_err());
        assert!(
            read(list, "Error: No such container:path: x:/out\n", 9).is_err_and(|why| why == "is not there")
        );
    }

    #[test]
    fn an_empty_file_is_not_a_missing_one() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -\n";
        assert!(matches!(one(&answer(empty), &answer("")), Bytes::Known { .. }));
        let gone = "Error response from daemon: Could not find the file /x in container c";
        assert_eq!(one(&answer(empty), &answer(gone)), Bytes::Missing);
        assert!(matches!(one(&answer(empty), &answer("tar: what is this?")), Bytes::Unknown(_)));
    }
}
