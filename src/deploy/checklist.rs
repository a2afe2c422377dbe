//! What a checklist needs: the plan that a deploy would carry out, and what of the change can be looked for.

use std::collections::HashMap;

use super::{
    Job, Session, Stop,
    git::{Entry, digest},
    session::AT_FIRST,
    transport::Lost,
};
use crate::protocol::{
    Candidate, Desired, HttpCheck, Observed, Plan, Reach, Refused, Relation, Sha,
    checklist::{MOST, Mark, Marks, unique},
    last_verified,
};

/// A plan with what a person needs to carry it out.
#[derive(Debug)]
pub struct Listed {
    /// The plan.
    pub plan: Plan,
    /// What was seen when it was made.
    pub seen: Observed,
    /// What tells the new version.
    pub marks: Marks,
    /// What the service has to answer.
    pub http: Option<HttpCheck>,
}

/// How many changed files are looked into.
const FILES: usize = 60;
/// The largest file that is searched for a new text.
const LARGE: usize = 2_000_000;

/// Makes the plan of a deploy and changes nothing.
///
/// # Errors
/// Whatever a deploy would refuse.
pub fn checklist(job: &Job<'_>, message: Option<&str>) -> Result<Listed, Refused> {
    let mut session = Session::open(job, &AT_FIRST).map_err(Stop::refused)?;
    let id = session.name();
    let plan =
        session.prepare(&Desired::new(session.service.clone(), message), &id).map_err(Stop::refused)?;
    let mut marks = marks(&session, &plan).map_err(Stop::refused)?;
    if let Some(expect) = &job.expect {
        marks.marks.insert(0, Mark::Text { text: expect.text.clone(), at: expect.path.clone() });
        marks.marks.truncate(MOST);
    }
    let http = session.http_check()?;
    Ok(Listed { plan, seen: session.seen, marks, http })
}

fn marks(session: &Session<'_>, plan: &Plan) -> Result<Marks, Stop> {
    let Some(head) = session.seen.here.head.clone() else { return Ok(Marks::default()) };
    let Some((base, verified)) = base(session, &head)? else { return Ok(Marks::default()) };
    let (old, new) = (session.repo.files(&base)?, session.repo.files(&head)?);
    // Without a commit yet, the next one gets what the files have now.
    let unsaved: &[String] = if plan.commit.is_none() { &session.seen.here.modified } else { &[] };
    let mut changed = Vec::new();
    for candidate in session.files(Some(&head))? {
        let Candidate { path, reach: Reach::Container(places) } = candidate else { continue };
        let now = new.get(&path).filter(|entry| entry.is_file());
        let differs = unsaved.contains(&path) || now != old.get(&path);
        if let (Some(entry), Some(at), true) = (now, places.into_iter().next(), differs) {
            changed.push(Changed { at, blob: entry.blob.clone(), unsaved: unsaved.contains(&path), path });
        }
    }
    let files = changed.len();
    changed.truncate(FILES);
    let contents = contents(session, &changed, &old)?;
    let marks = choose(session, &head, &changed, &contents)?;
    Ok(Marks { base: Some(base), verified, files, marks })
}

/// A changed file that has a place in the container.
struct Changed {
    path: String,
    at: String,
    blob: Sha,
    unsaved: bool,
}

/// The commit that runs: the last verified one, else the server's. Only one of this history can be compared with.
fn base(session: &Session<'_>, head: &Sha) -> Result<Option<(Sha, bool)>, Lost> {
    let (server, here) = (&session.seen.server, &session.seen.here);
    let ledgers = [&server.ledger, &here.ledger];
    let verified = ledgers.into_iter().flatten().find_map(|l| last_verified(&l.lines, &session.service));
    let checked_out = server.git().and_then(|g| g.head.clone());
    for (sha, verified) in [(verified, true), (checked_out, false)] {
        if let Some(sha) = sha
            && matches!(session.repo.relation(&sha, head)?, Relation::Same | Relation::Behind)
        {
            return Ok(Some((sha, verified)));
        }
    }
    Ok(None)
}

/// The new and the old bytes of each file.
type Contents = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn contents(
    session: &Session<'_>,
    changed: &[Changed],
    old: &HashMap<String, Entry>,
) -> Result<Contents, Lost> {
    let before =
        |file: &Changed| old.get(&file.path).filter(|entry| entry.is_file()).map(|entry| entry.blob.clone());
    let names: Vec<Sha> =
        changed.iter().flat_map(|f| std::iter::once(f.blob.clone()).chain(before(f))).collect();
    let blobs = session.repo.blobs(&names.iter().collect::<Vec<_>>(), <[u8]>::to_vec)?;
    let blob = |sha: &Sha| blobs.get(sha).cloned();
    let both = changed.iter().map(|file| {
        let new = if file.unsaved { on_disk(session, &file.path) } else { blob(&file.blob) };
        (new.unwrap_or_default(), before(file).and_then(|sha| blob(&sha)))
    });
    Ok(both.collect())
}

#[expect(clippy::disallowed_methods, reason = "what is not committed yet is only on the disk")]
fn on_disk(session: &Session<'_>, path: &str) -> Option<Vec<u8>> {
    let path = std::path::Path::new(session.repo.toplevel()).join(path);
    let data = path.symlink_metadata().ok()?;
    (data.is_file() && data.len() <= LARGE as u64).then(|| std::fs::read(path).ok())?
}

fn choose(
    session: &Session<'_>,
    head: &Sha,
    changed: &[Changed],
    contents: &Contents,
) -> Result<Vec<Mark>, Lost> {
    let mut texts: Vec<(bool, Mark)> = Vec::new();
    for (file, (new, old)) in changed.iter().zip(contents) {
        let small = new.len() <= LARGE && old.as_ref().is_none_or(|old| old.len() <= LARGE);
        let text =
            |bytes: &[u8]| std::str::from_utf8(bytes).ok().filter(|t| !t.contains('\0')).map(str::to_owned);
        let (Some(new), true) = (text(new), small) else { continue };
        let old = match old {
            None => String::new(),
            Some(old) => String::from_utf8_lossy(old).into_owned(),
        };
        if let Some((text, comment)) = unique(&old, &new) {
            texts.push((comment, Mark::Text { text, at: file.at.clone() }));
        }
    }
    // The sort is stable: those that are equally good stay in the order of their paths.
    texts.sort_by_key(|(comment, _)| *comment);
    if !texts.is_empty() {
        return Ok(texts.into_iter().take(MOST).map(|(_, mark)| mark).collect());
    }
    hashes(session, head, changed, contents)
}

/// Whole files by their digests, where a checkout writes the very bytes of git and `sha256sum` prints the path as it is.
fn hashes(
    session: &Session<'_>,
    head: &Sha,
    changed: &[Changed],
    contents: &Contents,
) -> Result<Vec<Mark>, Lost> {
    let names: Vec<&str> = changed.iter().map(|file| file.path.as_str()).collect();
    let converts = session.seen.server.git().is_some_and(|g| g.converts_text);
    let converted = session.repo.converted(head, &names, converts)?;
    let plain = |file: &Changed| {
        !converted.contains(&file.path) && !file.at.contains(|c: char| c.is_control() || c == '\\')
    };
    let of =
        changed.iter().zip(contents).filter(|(file, (new, old))| plain(file) && Some(new) != old.as_ref());
    Ok(of
        .take(MOST)
        .map(|(file, (new, _))| Mark::Hash { digest: digest(new).0, at: file.at.clone() })
        .collect())
}
