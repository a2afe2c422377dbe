//! Which lines of a checkout changed since a revision: git is asked, and its answer read.

use std::{collections::BTreeMap, ops::RangeInclusive, path::Path};

use super::git::git;

/// The lines of each file that changed, committed or not, new files included.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    files: BTreeMap<String, Lines>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Lines {
    All,
    Some(Vec<RangeInclusive<usize>>),
}

impl Touched {
    /// Whether one of the lines (from 1) of a file changed; the path is the one from the root of the checkout.
    pub fn touches(&self, path: &str, lines: &RangeInclusive<usize>) -> bool {
        match self.files.get(path) {
            None => false,
            Some(Lines::All) => true,
            Some(Lines::Some(changed)) => {
                // In order, and none overlaps the next.
                let at = changed.partition_point(|c| c.end() < lines.start());
                changed.get(at).is_some_and(|c| c.start() <= lines.end())
            }
        }
    }
}

/// What changed in a checkout since its history left that of a revision: what `git diff REV...` shows, what is not
/// committed, and files that git does not know yet.
///
/// # Errors
/// Why git cannot say, and what to do.
pub fn touched(root: &Path, revision: &str) -> Result<Touched, String> {
    let commit = commit(root, revision)?;
    // Histories without a common commit, or a shallow clone that lacks it: against the revision itself.
    let base = match git(root, &["merge-base", &commit, "HEAD"])? {
        Ok(base) => String::from_utf8_lossy(&base).trim().to_owned(),
        Err(_) => commit,
    };
    // Every setting of a user that changes the form of a diff is set.
    let diff = git(
        root,
        &[
            "diff",
            "--unified=0",
            "--inter-hunk-context=0",
            "--find-renames",
            "--text",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-relative",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            "--ignore-submodules",
            &base,
            "--",
        ],
    )?
    .map_err(|said| format!("git cannot compare with `{revision}`: {said}"))?;
    let mut files = read(&diff);
    let new = git(root, &["ls-files", "--others", "--exclude-standard", "-z"])?
        .map_err(|said| format!("git cannot list what is new: {said}"))?;
    for path in new.split(|b| *b == 0).filter(|path| !path.is_empty()) {
        files.insert(String::from_utf8_lossy(path).into_owned(), Lines::All);
    }
    Ok(Touched { files })
}

pub(super) fn commit(root: &Path, revision: &str) -> Result<String, String> {
    let unknown = || {
        format!(
            "git knows no revision `{revision}` in `{}`: fetch it (a shallow clone lacks most), or name another one",
            root.display()
        )
    };
    if revision.starts_with('-') || revision.is_empty() {
        return Err(unknown());
    }
    let found = git(root, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])?;
    found.map(|sha| String::from_utf8_lossy(&sha).trim().to_owned()).map_err(|_| unknown())
}

/// The new lines of each file of a diff without context.
fn read(diff: &[u8]) -> BTreeMap<String, Lines> {
    let mut files: BTreeMap<String, Lines> = BTreeMap::new();
    let mut current: Option<String> = None;
    // Lines of a hunk that are still to come: a changed line may look like a header.
    let mut inside = 0;
    for line in diff.split(|b| *b == b'\n') {
        if inside > 0 {
            inside -= usize::from(!line.starts_with(b"\\"));
        } else if line.starts_with(b"diff --git ") {
            current = None;
        } else if let Some(name) = line.strip_prefix(b"+++ ") {
            current = name_of(name);
        } else if let Some((removed, start, added)) = hunk(line) {
            inside = removed + added;
            let Some(path) = &current else { continue };
            // What was only removed left a join behind: the lines above and below it.
            let lines = if added == 0 { start.max(1)..=start + 1 } else { start..=start + added - 1 };
            match files.entry(path.clone()).or_insert_with(|| Lines::Some(Vec::new())) {
                Lines::Some(all) => match all.last_mut() {
                    Some(last) if last.end() >= lines.start() => {
                        *last = *last.start()..=*lines.end().max(last.end());
                    }
                    _ => all.push(lines),
                },
                Lines::All => {}
            }
        }
    }
    files
}

/// `@@ -3,2 +4 @@ …`: lines removed, first line added, lines added.
fn hunk(line: &[u8]) -> Option<(usize, usize, usize)> {
    let text = std::str::from_utf8(line.strip_prefix(b"@@ -")?.split(|b| *b == b'@').next()?).ok()?;
    let (old, new) = text.trim().split_once(" +")?;
    let range = |text: &str| -> Option<(usize, usize)> {
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        Some((start.parse().ok()?, count.parse().ok()?))
    };
    let ((_, removed), (start, added)) = (range(old)?, range(new)?);
    Some((removed, start, added))
}

/// The path of a `+++` line: `b/…`, with a tab at its end if it holds a space, quoted if it holds odder things.
fn name_of(name: &[u8]) -> Option<String> {
    let bytes = match name.strip_prefix(b"\"") {
        Some(quoted) => unquote(quoted),
        None => name.strip_suffix(b"\t").unwrap_or(name).to_vec(),
    };
    let path = bytes.strip_prefix(b"b/")?;
    Some(String::from_utf8_lossy(path).into_owned())
}

/// C's escapes up to the closing quote.
fn unquote(quoted: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = quoted.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => break,
            b'\\' => match rest.next() {
                Some(b'a') => out.push(7),
                Some(b'b') => out.push(8),
                Some(b't') => out.push(b'\t'),
                Some(b'n') => out.push(b'\n'),
                Some(b'v') => out.push(11),
                Some(b'f') => out.push(12),
                Some(b'r') => out.push(b'\r'),
                Some(first @ b'0'..=b'7') => {
                    let digits = [first, rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                    let value =
                        digits.iter().fold(0_u32, |value, d| value * 8 + u32::from(d.saturating_sub(b'0')));
                    out.push(u8::try_from(value & 0xff).unwrap_or(b'?'));
                }
                Some(other) => out.push(other),
                None => {}
            },
            byte => out.push(byte),
        }
    }
    out
}
